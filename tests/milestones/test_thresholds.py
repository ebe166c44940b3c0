"""The study of a threshold: its tables, what it refuses, and an interval that holds although the data chose the cut."""

import math

import numpy as np
import pandas as pd
import pytest
from milestones_samples import sample_plan

from helpers.milestones import adjusted_difference, make_controls, study_threshold
from helpers.milestones.cuts import find_cuts, score_cuts
from helpers.milestones.logistic import split_folds
from helpers.milestones.thresholds import FEW, NO_CUT, judge_confirmation, measure_unchosen, split_newest
from helpers.records import Effect

PLAN = sample_plan()
ACTIVATION = {"event": "conversation", "window_days": 90, "landmark_days": [90]}


def draw(n=1500, *, seed=1, step=0.0, newest=None):
    """Accounts in four cohorts whose odds of staying rise with size, and by `step` at 8 (`newest`: in the last)."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 30, n).astype(float)
    counts = rng.negative_binomial(1.2, 1 / (1 + 2.5 * size**0.4))
    cohort = rng.choice(["2022-Q1", "2022-Q2", "2022-Q3", "2022-Q4"], n, p=[0.3, 0.3, 0.2, 0.2])
    own = np.where(cohort == "2022-Q4", step if newest is None else newest, step)
    share = 1 / (1 + np.exp(-(0.2 + 0.3 * np.log(size) + own * (counts >= 8))))
    tier = rng.choice(["basic", "premium"], n, p=[0.7, 0.3])
    frame = {"unit": np.arange(n).astype(str), "cohort": cohort, "tier": tier, "size": size, "count": counts}
    return pd.DataFrame({**frame, "retained": (rng.random(n) < share).astype(float), "share": share})


def study(frame, plan=PLAN, *, seed=1, n_resamples=39, folds=5):
    return study_threshold(frame, plan, seed=seed, n_resamples=n_resamples, folds=folds)


@pytest.fixture(scope="module")
def stepped():
    frame = draw(4000, step=1.0)
    return frame, *study(frame)


def test_study_threshold_finds_the_step_and_confirms_it(stepped):
    frame, tests, tables = stepped
    row = tables["threshold"].iloc[0]
    truth = adjusted_difference(frame["count"] >= 8, frame["share"], make_controls(frame)).estimate
    assert row["cut"] == 8 and row["cut_low"] <= 8 <= row["cut_high"] and row["shape"] == "step"
    assert row["ci_low"] <= truth <= row["ci_high"] and row["ci_low"] > 0
    assert row["confirmed"] == "confirmed" and row["newest_cohort"] == "2022-Q4"
    assert row["n_newest"] == (frame["cohort"] == "2022-Q4").sum() and row["n"] == 4000 and row["reason"] is None
    assert [test.p_value for test in tests] == [row["p_lausen_schumacher"], row["p_permutation"]]
    assert row["p_permutation"] == 1 / 40 and row["p_lausen_schumacher"] < 1e-6
    assert [test.id for test in tests] == [
        "best_cut:retained:p_lausen_schumacher", "best_cut:retained:p_permutation"
    ]  # fmt: skip
    assert {test.name for test in tests} == {"maximally selected statistic, improved Bonferroni",
                                             "maximally selected statistic, permutation"}  # fmt: skip


def test_study_threshold_tables_fit_together(stepped):
    frame, _, tables = stepped
    row, cuts, bins = tables["threshold"].iloc[0], tables["cuts"], tables["activation_counts"]
    at = cuts[cuts["cut"] == row["cut"]].iloc[0]
    above = frame["count"] >= 8
    assert at["difference"] == pytest.approx(frame.loc[above, "retained"].mean() - frame.loc[~above, "retained"].mean())
    best = adjusted_difference(above, frame["retained"], make_controls(frame))
    assert row["naive_difference"] == best.estimate < at["difference"] - 0.005  # as the difference beside it
    held = cuts.loc[cuts["in_set"], "cut"]
    assert sum(held.between(*ends).sum() for ends in _read_lines(row["lines"])) == len(held)
    assert at["in_set"] and at["statistic"] == row["statistic"] and cuts["chosen"].sum() == 5
    assert bins["n"].sum() == 4000 and bins["kept"].sum() == frame["retained"].sum()
    curve = tables["activation_curves"]
    assert curve["count"].iloc[0] == 0 and curve["count"].iloc[-1] == bins["count_high"].iloc[-1]
    assert row["loss_gap"] == pytest.approx(row["loss_step"] - row["loss_smooth"])
    planned = adjusted_difference(frame["count"] >= 20, frame["retained"], make_controls(frame))
    assert [row["planned"], row["planned_difference"], row["planned_low"], row["planned_high"]] == pytest.approx(
        [20, planned.estimate, planned.ci_low, planned.ci_high]
    )


def _read_lines(words):
    ends = [[float(end) for end in run.split(" to ")] for run in words.split(", ")]
    return [(run[0], run[-1]) for run in ends]


def test_study_threshold_does_not_say_none_of_a_step_that_the_test_sees():
    found = [study(draw(600, seed=seed, step=0.7))[1]["threshold"].iloc[0] for seed in range(8)]
    seen = [row["shape"] for row in found if row["p_permutation"] <= 0.05]
    assert len(seen) >= 4 and "none" not in seen
    assert {row["shape"] for row in found if row["p_permutation"] > 0.05} <= {"none", "undecided"}


def test_study_threshold_repeats_and_uses_seed_folds_resamples_and_level():
    frame = draw(400)
    _, tables = study(frame)
    row = tables["threshold"]

    def read(**changes):
        return study(frame, **changes)[1]["threshold"].iloc[0]

    pd.testing.assert_frame_equal(study(frame)[1]["threshold"], row)
    row = row.iloc[0]
    assert read(seed=2)["loss_step"] != row["loss_step"]
    assert read(n_resamples=99)["p_permutation"] != row["p_permutation"]
    assert study(frame, folds=8)[1]["cuts"]["chosen"].sum() == 8
    assert read(plan=sample_plan(confidence_level=0.8))["ci_low"] > row["ci_low"]
    assert math.isnan(read(plan=sample_plan(activation=ACTIVATION))["planned"])


def test_study_threshold_leaves_out_unknown_outcomes():
    frame = draw(400)
    blank = frame.assign(retained=frame["retained"].where(frame.index >= 100))
    assert study(blank)[1]["threshold"]["n"].tolist() == [300]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.head(99), FEW),
        (lambda f: f.assign(count=(f.index < 9).astype(int)), NO_CUT),  # 9 of 200 ever did it
        (lambda f: f.assign(retained=1.0), "all accounts have the same outcome"),
        (lambda f: f.head(0), FEW),
    ],
)
def test_study_threshold_says_why_nothing_can_be_said(change, reason):
    tests, tables = study(change(draw(200)))
    row = tables["threshold"].iloc[0]
    assert tests == [] and row["reason"] == reason and math.isnan(row["cut"]) and row["shape"] == "undecided"
    assert tables["cuts"].empty and tables["activation_curves"].empty
    assert list(row.index) == list(study(draw(200))[1]["threshold"].columns)


def test_study_threshold_without_activation_in_the_plan_is_empty():
    assert study(draw(200), sample_plan(activation=None)) == ([], {})


def test_study_threshold_of_a_drifted_newest_cohort_is_not_confirmed():
    row = study(draw(4000, seed=3, step=1.0, newest=0.0))[1]["threshold"].iloc[0]
    assert row["confirmed"] == "not confirmed" and row["newest_low"] < 0.05


@pytest.mark.parametrize("step", [0.0, 0.6])
def test_measure_unchosen_holds_its_target_where_the_best_cut_does_not(step):
    honest, naive, draws = [], [], 70
    rng = np.random.default_rng(1)
    for seed in range(draws):
        frame = draw(500, seed=seed, step=step)
        counts, y, p = (frame[c].to_numpy(float) for c in ("count", "retained", "share"))
        controls, cuts = make_controls(frame), find_cuts(counts)
        state = rng.bit_generator.state
        found = measure_unchosen(counts, y, controls, cuts, folds=10, rng=rng, confidence_level=0.95)
        after, rng.bit_generator.state = rng.bit_generator.state, state
        target = _aim(counts, y, p, controls, cuts, rng)
        rng.bit_generator.state = after
        honest.append(found.ci_low <= target <= found.ci_high)
        best = counts >= cuts[score_cuts(counts, y, controls, cuts).best]
        at_best = adjusted_difference(best, y, controls)
        naive.append(at_best.ci_low <= adjusted_difference(best, p, controls).estimate <= at_best.ci_high)
    reach = 3 * math.sqrt(0.05 * 0.95 / draws)
    assert abs(np.mean(honest) - 0.95) < reach
    assert step or np.mean(naive) < 0.85


def _aim(counts, y, share, controls, cuts, rng):
    """The difference in true shares at the cuts that the folds chose: what the honest interval is about."""
    fold, reached = split_folds(len(counts), 10, rng), np.full(len(counts), np.nan)
    for k in range(2, 10):
        past = fold < k
        best = score_cuts(counts[past], y[past], controls[past], cuts).best
        reached[fold == k] = counts[fold == k] >= cuts[best]
    return adjusted_difference(reached, share, controls).estimate


def test_measure_unchosen_cuts_each_fold_by_those_before_it_alone(monkeypatch):
    monkeypatch.setattr("helpers.milestones.thresholds.adjusted_difference", lambda reached, *_, **__: reached)
    frame = draw(600, step=0.4)
    counts, y = (frame[c].to_numpy(float) for c in ("count", "retained"))
    fold = split_folds(600, 10, np.random.default_rng(1))

    def read(outcome):
        rng = np.random.default_rng(1)
        return measure_unchosen(counts, outcome, np.empty((600, 0)), find_cuts(counts), folds=10, rng=rng,
                                confidence_level=0.95)  # fmt: skip

    base, turned = read(y), read(np.where(fold >= 5, counts < 3, y).astype(float))
    assert np.isnan(base[fold < 2]).all() and not np.isnan(base[fold >= 2]).any()
    assert (base[(fold >= 2) & (fold <= 5)] == turned[(fold >= 2) & (fold <= 5)]).all()
    assert (base[fold > 5] != turned[fold > 5]).any()


def test_measure_unchosen_uses_folds_generator_and_level():
    frame = draw(600, step=0.4)
    counts, y = (frame[c].to_numpy(float) for c in ("count", "retained"))
    cuts = find_cuts(counts)

    def read(folds=10, seed=1, level=0.95):
        rng = np.random.default_rng(seed)
        return measure_unchosen(counts, y, make_controls(frame), cuts, folds=folds, rng=rng, confidence_level=level)

    assert read().estimate != read(folds=5).estimate != read(seed=2, folds=5).estimate
    assert read(level=0.5).ci_low > read().ci_low


@pytest.mark.parametrize(
    ("sizes", "name", "n"),
    [
        ({"2022-Q1": 50, "2022-Q2": 50}, "2022-Q2", 50),
        ({"2022-Q1": 90, "2022-Q2": 8, "2022-Q3": 2}, "2022-Q2 to 2022-Q3", 10),  # the last alone holds too few
        ({"2022-Q1": 95, "2022-Q2": 5}, "", 0),  # the newest would be nobody, or everybody
        ({"2022-Q1": 9}, "", 0),
    ],
)
def test_split_newest_takes_the_fewest_cohorts_with_a_tenth(sizes, name, n):
    newest, found = split_newest(pd.Series(np.repeat(list(sizes), list(sizes.values()))))
    assert found == name and newest.sum() == n and newest[:1].sum() == 0


@pytest.mark.parametrize(
    ("older", "newest", "word"),
    [
        ((0.08, 0.12), (0.02, 0.20), "confirmed"),
        ((0.08, 0.12), (-0.04, 0.05), "not confirmed"),  # .095 apart, .049 by both halves
        ((0.08, 0.12), (-0.01, 0.08), "not confirmed"),
        ((0.02, 0.18), (-0.01, 0.08), "too imprecise"),  # the older one is no better known
        ((0.08, 0.12), (-0.05, 0.20), "too imprecise"),  # holds both
        ((-0.12, -0.08), (-0.2, -0.02), "confirmed"),
        ((0.08, 0.12), (-0.3, -0.02), "not confirmed"),  # the other side
        ((0.08, 0.12), (math.nan, math.nan), "too imprecise"),
        ((math.nan, math.nan), (-0.3, 0.02), "too imprecise"),
    ],
)
def test_judge_confirmation(older, newest, word):
    effects = [Effect(sum(ends) / 2, ci_low=ends[0], ci_high=ends[1]) for ends in (older, newest)]
    assert judge_confirmation(*effects) == word
