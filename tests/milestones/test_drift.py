"""Has the best cut or the order of features moved: against the scan of thresholds, and planted drifts."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from helpers.milestones import adjusted_difference, make_controls
from helpers.milestones.cuts import find_cuts, score_cuts
from helpers.milestones.drift import compare_cuts, compare_ranks, find_best

FEATURES = ["a", "b", "c"]


def _draw(seed, sizes, cuts, slopes=(0.1, 0.05, 0.0), last=None):
    """Cohorts of some sizes, each with its own step in the share kept; `last` are the slopes of the last cohort."""
    rng, parts = np.random.default_rng(seed), []
    for i, (n, cut) in enumerate(zip(sizes, cuts, strict=True)):
        count, tier = rng.poisson(6, n), rng.choice(["basic", "pro"], n)
        used = (rng.random((n, 3)) < 0.4).astype(float)
        weights = last if last is not None and i == len(sizes) - 1 else slopes
        chance = 0.45 + 0.25 * (count >= cut) + used @ weights + 0.05 * (tier == "pro")
        columns = {f"feature_{name}": used[:, j] for j, name in enumerate(FEATURES)}
        kept = (rng.random(n) < chance).astype(float)
        rows = {"cohort": f"c{i}", "count": count, "tier": tier, "size": rng.integers(1, 9, n).astype(float)}
        parts.append(pd.DataFrame(rows | columns | {"retained": kept}))
    return pd.concat(parts, ignore_index=True)


def _table(count, kept):
    levels = np.unique(count)
    return np.concatenate([[(count[kept == k] == v).sum() for v in levels] for k in (0, 1)])[None], levels


def test_find_best_by_hand():
    # from 3 on, 4 of 5 stay; before, 1 of 5
    count, kept = np.arange(10) // 2 + 0, np.array([0, 0, 1, 0, 0, 0, 1, 1, 1, 1])
    counts, levels = _table(count, kept)
    assert find_best(counts, levels).tolist() == [3.0]
    assert np.isnan(find_best(*_table(np.zeros(9), np.ones(9)))).all()


def test_find_best_leaves_out_cuts_that_nearly_all_or_nearly_none_reach():
    # the one of 20 below 1 left, and the one at 9 stayed; between 5 and 6 the difference is small
    count, kept = np.array([0, *[5] * 9, *[6] * 9, 9]), np.array([0, *[1, 0] * 4, 0, *[1, 0] * 4, 1, 1])
    assert find_best(*_table(count, kept)).tolist() == [6.0]


@pytest.mark.parametrize("seed", range(4))
def test_find_best_is_the_best_of_the_scan_of_thresholds(seed):
    frame = _draw(seed, [200], [6])
    count, kept = frame["count"].to_numpy(float), frame["retained"].to_numpy(float)
    cuts = find_cuts(count)
    scores = score_cuts(count, kept, np.empty((200, 0)), cuts)
    assert find_best(*_table(count, kept))[0] == cuts[scores.best]


def test_compare_cuts_finds_the_cohort_whose_cut_has_moved():
    frame = _draw(1, [1500, 1500, 1500], [5, 5, 8])
    names, options = ["c0", "c1", "c2"], {"older": ["c0", "c1"], "n_resamples": 100}
    found = compare_cuts(frame, names, rng=np.random.default_rng(1), **options).set_index("cohort")
    assert found["outside"].tolist() == [False, False, True]
    assert (found.loc["c2", "found"], found.loc["c2", "reference"]) == (8, 5)
    assert (found["low"] <= found["reference"]).all() and (found["what"] == "cut").all()
    again = compare_cuts(frame, names, rng=np.random.default_rng(1), **options).set_index("cohort")
    pd.testing.assert_frame_equal(found, again)
    wide = compare_cuts(frame, names, rng=np.random.default_rng(1), alpha=1e-9, **options).set_index("cohort")
    assert (wide["high"] - wide["low"] >= found["high"] - found["low"]).all()
    assert compare_cuts(frame, ["c0"], ["c0"], rng=np.random.default_rng(1)).empty  # nothing to compare with


def test_compare_cuts_keeps_its_false_alarms():
    rng, draws, alarms = np.random.default_rng(2), 150, 0
    for seed in range(draws):
        frame = _draw([2, seed], [300, 300], [6, 6])
        alarms += compare_cuts(frame, ["c1"], ["c0"], rng=rng, n_resamples=100)["outside"].iloc[0]
    assert alarms <= binom.ppf(0.999, draws, 0.05)


def test_compare_ranks_ranks_by_the_adjusted_difference():
    frame = _draw(3, [800, 500], [6, 6], slopes=(0.2, 0.1, -0.1))
    options = {"rng": np.random.default_rng(1), "n_resamples": 40}
    found = compare_ranks(frame, FEATURES, ["c0", "c1"], ["c0"], **options)
    own = frame[frame["cohort"] == "c1"]
    values = [adjusted_difference(own[f"feature_{f}"], own["retained"], make_controls(own)).estimate for f in FEATURES]
    assert found["found"].tolist() == pd.Series(values).rank(ascending=False).tolist()
    assert found["what"].tolist() == [f"rank of {name}" for name in FEATURES]
    assert set(found["cohort"]) == {"c1"}  # c0 has no other older cohort


def test_compare_ranks_differences_are_those_of_adjusted_difference():
    from helpers.milestones.drift import _Sums

    frame = _draw(4, [400, 300], [6, 6])
    frame.loc[::17, "size"] = np.nan
    rows = np.flatnonzero(frame["cohort"] == "c1")
    own = frame.iloc[rows].reset_index(drop=True)
    values = [adjusted_difference(own[f"feature_{f}"], own["retained"], make_controls(own)).estimate for f in FEATURES]
    np.testing.assert_allclose(_Sums(frame, FEATURES).compare([rows])[0], values, rtol=1e-7)


def test_compare_ranks_finds_a_turned_order_and_leaves_out_what_few_use():
    frame = _draw(5, [1200, 1200, 1200], [6, 6, 6], slopes=(0.2, 0.0, -0.1), last=(-0.1, 0.0, 0.2))
    options = {"older": ["c0", "c1"], "rng": np.random.default_rng(1), "n_resamples": 60}
    found = compare_ranks(frame, FEATURES, ["c2"], **options).set_index("what")
    assert found["outside"].to_dict() == {"rank of a": True, "rank of b": False, "rank of c": True}
    frame.loc[frame.index[frame["cohort"] == "c2"][5:], "feature_b"] = 0.0
    left = compare_ranks(frame, FEATURES, ["c2"], **options)
    assert "rank of b" not in set(left["what"]) and len(left) == 2
    frame["feature_b"] = (np.arange(len(frame)) % 5 < 2) * 1.0
    own = np.flatnonzero(frame["cohort"] == "c2")
    users = own[frame["feature_b"].to_numpy()[own] == 1]
    frame.loc[users, "retained"] = (np.arange(len(users)) >= 9) * 1.0  # 9 were lost
    assert "rank of b" not in set(compare_ranks(frame, FEATURES, ["c2"], **options)["what"])
    assert compare_ranks(frame, ["a"], ["c2"], **options).empty  # one feature has no order
