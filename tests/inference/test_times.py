"""Times to an event of a whole experiment, with events that compete: from a table to incidence, mean time, log-rank."""

import numpy as np
import pandas as pd
import pytest
from made_sources import make_design
from scipy.stats import chi2
from sources_samples import tell_refusal

from helpers import metrics, sources
from helpers.inference.experiment import study_times
from helpers.inference.looks import always_valid, read_look
from helpers.records import Effect

N, HORIZON = 500, 20
TIME = {"kind": "time_to_event", "time": "days", "observed": "state", "horizon_days": HORIZON, "role": "primary"}


def draw_table(seed=1):
    """Return units that leave (2) or buy (1), some not seen to the end; buying is faster under b."""
    rng = np.random.default_rng(seed)
    treated = np.arange(N) % 2
    buy, leave, end = rng.exponential(30 - 12 * treated), rng.exponential(25, N), rng.uniform(10, 60, N)
    days = np.minimum(np.minimum(buy, leave), end).round(1)
    state = np.select([end <= np.minimum(buy, leave), leave < buy], [0, 2], 1)
    return pd.DataFrame({"id": np.arange(N), "variant": np.where(treated, "b", "a"), "days": days, "state": state})


@pytest.fixture
def fold(tmp_path):
    """Return a function: the units of a table that is written to a file and read again."""

    def fold(table, plan=None, **keys):
        file, design = tmp_path / "units.csv", make_design({"buys": TIME | keys}, **(plan or {}))
        table.to_csv(file, index=False)
        return metrics.fold(sources.load(design, str(file)), design)

    return fold


def compare(units):
    estimates, tests, _ = study_times(units, read_look(units), {})
    return {e.estimand: e for e in estimates}, tests[0]


def test_compare_times_with_competing_events_and_nobody_lost_is_shares_and_means(fold):
    table = draw_table().query("state > 0")
    found, _ = compare(fold(table, competing="left"))
    bought = table.assign(bought=(table["state"] == 1) & (table["days"] <= HORIZON))
    share = bought.groupby("variant")["bought"].mean()
    free = table["days"].clip(upper=HORIZON).where(table["state"] == 1, HORIZON).groupby(table["variant"]).mean()
    assert found["difference"].estimate == pytest.approx(share["b"] - share["a"], rel=1e-9)
    assert found["rmst_difference"].estimate == pytest.approx(free["b"] - free["a"], rel=1e-9)


def test_compare_times_change_with_the_key_competing(fold):
    table = draw_table()
    competing, test = compare(fold(table, competing="left"))
    censored, same = compare(fold(table.assign(state=table["state"] % 2)))
    assert competing["difference"].control_value < censored["difference"].control_value - 0.05
    assert competing["rmst_difference"].control_value > censored["rmst_difference"].control_value + 0.5
    # log-rank compares cause-specific hazards, for which who leaves is no longer at risk
    assert test.p_value == pytest.approx(same.p_value, rel=1e-12)


def test_study_times_at_an_early_look_have_no_fixed_level_anywhere(fold):
    table = draw_table().query("state != 2").assign(state=lambda t: t["state"] % 2)
    folded = [fold(table, plan={"planned_units": n}) for n in (None, 2 * len(table))]
    (found, test), (early, looked) = map(compare, folded)
    look = always_valid(Effect(np.sqrt(test.statistic), 1.0), n=len(table), n_planned=2 * len(table))
    assert looked.statistic == test.statistic and looked.p_value == pytest.approx(look.p_value)
    assert test.p_value == pytest.approx(chi2.sf(test.statistic, 1)) and looked.p_value > 3 * test.p_value
    for estimand in ("difference", "rmst_difference"):
        assert early[estimand].interval == "always-valid" and found[estimand].interval == "fixed"
        assert early[estimand].p_value > 3 * found[estimand].p_value
    # the bands of the curves are as wide as the look asks for, from 1.96 to 2.9 standard errors
    fixed, wide = (study_times(units, read_look(units), {})[2] for units in folded)
    middle = (fixed["share"] > 0.2) & (fixed["share"] < 0.8)
    widths = [(bands["ci_high"] - bands["ci_low"])[middle] for bands in (fixed, wide)]
    assert (widths[1] / widths[0]).to_numpy() == pytest.approx((look.ci_high - look.estimate) / 1.96, rel=0.04)
    assert (fixed["share"] == wide["share"]).all()


def test_study_times_at_a_look_that_is_too_early_tell_nothing(fold):
    plan = {"planned_units": 100_000, "looks": [0.005, 1.0]}
    units = fold(draw_table(), competing="left", plan=plan)
    _, tests, curves = study_times(units, read_look(units), {})
    assert tests[0].p_value == 1 and curves[["ci_low", "ci_high"]].isna().all(axis=None)


@pytest.mark.parametrize(("state", "keys", "message"), [
    # a third state that the plan does not know of
    (2, {}, "units.csv, column state: 1 row with another value than 0 and 1 (or yes and no), for metric buys; "
     "correct them, or change the plan"),
    (3, {"competing": "left"}, "units.csv, column state: 1 row with another value than 0 (not yet seen), 1 (event) "
     "and 2 (competing event), for metric buys; correct them, or change the plan"),
])  # fmt: skip
def test_load_refuses_states_that_the_plan_does_not_know(fold, state, keys, message):
    table = draw_table()
    table["state"] = table["state"] % 2
    table.loc[3, "state"] = state
    assert tell_refusal(fold, table, **keys) == message
