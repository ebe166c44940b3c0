"""Levels of one group: medians by order statistics, good ratings, and the hours that a treatment takes."""

import conversations_samples as made
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from helpers.inference.replies import WEEK, limit_median, list_levels

HOURS = pd.DataFrame(
    [(n, h, p, 100.0 * n * h) for n in (1, 2, 3) for h in (0.8, 1, 1.2) for p in (0.5, 1, 2)],
    columns=["units_per_year", "handling", "patience", "extra_hours"],
)


def make_waits(waits, clusters=None):
    frame = pd.DataFrame({"wait_minutes": np.asarray(waits, float), "followed_minutes": WEEK})
    return frame.assign(cluster=np.arange(len(frame)) if clusters is None else clusters)


def test_median_by_hand_leaves_out_who_was_not_followed_and_counts_silence_as_late():
    rows = make_waits([1, 2, 3, 4, np.nan])
    late = make_waits([0.1]).assign(followed_minutes=10.0)
    found = limit_median(pd.concat([rows, late]))
    assert (found["estimate"], found["n"], found["hits"]) == (3.0, 5, 2)
    assert found["ci_low"] == 1.0 and found["ci_high"] == np.inf  # of five so little is known


def test_median_limits_are_the_order_statistics_of_the_binomial():
    found = limit_median(make_waits(np.arange(1, 401)))
    low, high = binom.ppf([0.025, 0.975], 400, 0.5)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((low, high + 1), abs=1.5)
    assert limit_median(make_waits(np.arange(1, 401)), confidence_level=0.5)["ci_low"] > found["ci_low"]


def test_median_of_rows_that_repeat_is_as_uncertain_as_their_clusters():
    plain = make_waits(np.arange(1, 101))
    twice = make_waits(np.repeat(np.arange(1, 101), 4), np.repeat(np.arange(100), 4))
    one, four = limit_median(plain), limit_median(twice)
    assert (four["ci_low"], four["ci_high"]) == pytest.approx((one["ci_low"], one["ci_high"]), abs=2)


def test_median_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(5), 0
    for _ in range(120):
        found = limit_median(make_waits(rng.exponential(10, 60)))
        hits += found["ci_low"] <= 10 * np.log(2) <= found["ci_high"]
    assert 0.91 <= hits / 120 <= 0.995  # whole ranks, taken outwards


@pytest.mark.parametrize("waits", [[], [5.0], [1.0, np.nan, np.nan]])
def test_median_is_undefined_where_half_or_more_were_never_answered(waits):
    found = limit_median(make_waits(waits))
    assert np.isnan(found["estimate"])
    assert found["reason"] == "Half of the conversations or more were never answered."


def test_levels_hold_the_range_of_hours_and_the_waits_of_both_arms():
    talks = made.draw_conversations(200)
    units = made.make_units(talks)
    rows = list_levels(talks, units, HOURS).set_index(["metric", "population"])
    hours = rows.loc[("agent_hours", "treatment")]
    assert (hours["estimate"], hours["ci_low"], hours["ci_high"]) == (200.0, 80.0, 360.0)
    control, treatment = rows.loc[("median_reply_hours", "control")], rows.loc[("median_reply_minutes", "treatment")]
    assert 0.3 < control["estimate"] < 1.2 and 0.5 < treatment["estimate"] < 4
    assert (rows["ci_low"] <= rows["estimate"]).all() and (rows["estimate"] <= rows["ci_high"]).all()
    assert list_levels(None, units, None).empty
