"""The fold of whole studies: the simulation's own unit table comes out of its events; an odd name stays a name."""

import numpy as np
import pytest

from helpers import metrics, plan, simulate, sources

COLUMNS = {
    "exposed": "help_opened",
    "time_paid_in": "paid_in_days",
    "observed_paid_in": "paid_in_observed",
    **{
        f"y_{c}": c
        for c in ("activated", "active_days", "conversations", "searches", "converted", "arr", "still_paying")
    },
}


@pytest.fixture(scope="module")
def simulated():
    """The fold of a small simulated study, and the unit table that the simulation folds by itself."""
    design, asked = plan.read("proactive_help").design, {"n_units": 600, "seed": 3}
    source = sources.load(design, "simulated", simulation={"study": "proactive_help", **asked})
    made = simulate.simulate("proactive_help", design, **asked).units.sort_values("workspace_id")
    return metrics.fold(source, design), made


@pytest.mark.parametrize("column", COLUMNS)
def test_fold_of_simulated_events_equals_the_simulated_units(simulated, column):
    units, made = simulated
    found = metrics.read_rows(units, [column])[column].to_numpy(float)
    np.testing.assert_allclose(found, made[COLUMNS[column]].to_numpy(float), atol=1e-4)


def test_summarise_of_simulated_events_twice_is_bit_identical(simulated):
    one, other = (metrics.summarise(simulated[0])[None]["arr"]["links"] for _ in range(2))
    assert (one.mean.tobytes(), one.cov.tobytes()) == (other.mean.tobytes(), other.cov.tobytes())
