"""Shares kept by count: bins by hand, and the highest count that may be shown."""

import math

import numpy as np
import pytest
from milestones_samples import sample_plan
from scipy.stats import norm

from helpers.milestones.counts import SIDES, count_kept, count_sides, find_highest, read_share
from helpers.survival import wilson_interval

PLAN = sample_plan()


def test_count_kept_bins_by_hand():
    counts = np.repeat([0, 1, 2, 3, 4, 5], [30, 9, 12, 21, 15, 4])  # at least 20 a bin, the last 19 join it
    outcome = np.concatenate([np.tile([1.0, 0.0], 45), [1.0]])
    bins = count_kept(counts, outcome, PLAN)
    assert bins[["count_low", "count_high", "n"]].to_numpy().tolist() == [[0, 0, 30], [1, 2, 21], [3, 4, 40]]
    assert bins["open"].tolist() == [False, False, True]  # 5 is hidden: only 4 reach it, 4 is reached by 19
    low, high = wilson_interval(15 / 30, 30, norm.isf(0.025))
    assert bins.loc[0, ["kept", "share", "ci_low", "ci_high"]].tolist() == pytest.approx([15, 0.5, low, high])
    assert len(count_kept(counts, outcome, sample_plan(min_cell=15))) == 2
    assert len(count_kept(np.arange(1500), np.ones(1500), PLAN)) == 15
    assert count_kept([], [], PLAN).empty


def test_find_highest_is_reached_by_min_cell_accounts_and_a_twentieth():
    assert find_highest(np.arange(100), PLAN) == 90
    assert find_highest(np.arange(100), sample_plan(min_cell=1)) == 95
    assert find_highest(np.arange(1000), PLAN) == 950
    assert find_highest([4, 7], PLAN) == 4 and math.isnan(find_highest([], PLAN))


def test_read_share_of_nobody_is_nan_and_uses_the_level():
    assert all(math.isnan(value) for value in read_share(0, 0, PLAN).values())
    assert read_share(5, 10, sample_plan(confidence_level=0.8))["ci_low"] > read_share(5, 10, PLAN)["ci_low"]


def test_count_sides_leaves_out_what_is_missing():
    sides = count_sides([1, 1, 1, 0, 0, np.nan], [1, 0, np.nan, 1, 1, 1])
    assert sides == {"n_with": 2, "kept_with": 1, "n_without": 2, "kept_without": 2}
    assert count_sides(np.array([True, False]), [0, 0]) == dict(zip(SIDES, (1, 0, 1, 0), strict=True))
