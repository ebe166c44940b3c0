"""The stated truth of the customer-milestones study is what an adjusted comparison at the landmark finds."""

import numpy as np
import pytest
from scipy import stats

from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.simulate.customer_milestones import customer_milestones

SEEDS = range(101, 106)


def compare(made):
    """Return (estimate - truth) / standard error of each milestone and outcome."""
    units = made.units[made.units["alive"] == 1].reset_index(drop=True)
    controls = make_controls(units.rename(columns={"plan_tier": "tier", "seats": "size"}).astype({"size": float}))
    told = [row for row in made.truth["effects"] if row["estimand"] == "difference"]
    found = {}
    for row in told:
        reached, outcome = (units[name].to_numpy(float) for name in (row["treatment"].replace(" ", "_"), row["metric"]))
        effect = adjusted_difference(reached, outcome, controls)
        width = (effect.ci_high - effect.ci_low) / (2 * stats.norm.ppf(0.975))
        found[row["treatment"], row["metric"]] = ((effect.ci_low + effect.ci_high) / 2 - row["value"]) / width
    return found


@pytest.mark.parametrize("shape", ["step", "smooth"])
def test_customer_milestones_truth_is_recovered_at_the_landmark(shape):
    scores = [compare(customer_milestones(n_units=2500, seed=seed, activation_shape=shape)) for seed in SEEDS]
    every = np.array([list(score.values()) for score in scores])
    assert every.shape == (len(SEEDS), 12)
    missed = (np.abs(every) > 1.96).sum()
    assert missed <= stats.binom.ppf(0.9999, every.size, 0.05)
    activated = np.array([score["activated", "retained"] for score in scores])
    assert abs(activated.mean()) < 3.5 / np.sqrt(len(SEEDS))
