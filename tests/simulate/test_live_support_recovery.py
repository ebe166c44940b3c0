"""The planted effects of the live-support study come out of its unit tables, over seeds, within Monte-Carlo bands."""

import numpy as np
import pandas as pd
import pytest

from helpers.simulate.live_support import live_support

SEEDS, UNITS = 24, 6000
MEANS = ("questions", "trial", "paid", "revenue", "revenue_30", "revenue_60", "answered")
WANTED = [(name, "itt") for name in MEANS] + [("nps", "responders"), ("csat", "responders")]
T_CRITICAL = 4.1  # of t with 23 df: family-wise error .004 over the nine


def read_score(arm, metric):
    """Return the mean of a metric in one arm; loyalty in points."""
    values = arm[metric].dropna().to_numpy(float)
    return 100 * (np.mean(values >= 9) - np.mean(values <= 6)) if metric == "nps" else values.mean()


@pytest.fixture(scope="module")
def recovered():
    """Each difference in each of the seeds, the contrast of who got a live reply, and the planted effects."""
    rows, received = [], []
    for seed in range(SEEDS):
        made = live_support(n_units=UNITS, seed=seed, other_questions_per_hour=2)  # short queues: no effect needs them
        standard, live = (made.units[made.units["variant"] == name] for name in ("standard", "live"))
        rows.append([read_score(live, metric) - read_score(standard, metric) for metric, _ in WANTED])
        received.append(live.loc[live["live_reply"] == 1, "trial"].mean() - standard["trial"].mean())
    found = pd.DataFrame(rows, columns=pd.MultiIndex.from_tuples(WANTED))
    return found, np.array(received), made.truth["effects"]


@pytest.mark.parametrize("wanted", WANTED, ids=lambda pair: ":".join(pair))
def test_live_support_truth_is_recovered_over_seeds(recovered, wanted):
    found, effects = recovered[0][wanted], recovered[2]
    (planted,) = (
        e["value"] for e in effects if (e["metric"], e["population"], e["estimand"]) == (*wanted, "difference")
    )
    assert abs(found.mean() - planted) < T_CRITICAL * found.std() / np.sqrt(SEEDS)


def test_live_support_who_got_a_live_reply_overstates_the_effect(recovered):
    bias = recovered[1] - 0.06  # planted: six points for all; who asks is keener
    assert bias.mean() > T_CRITICAL * bias.std() / np.sqrt(SEEDS)
