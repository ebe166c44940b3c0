"""The study of a threshold: its tables, what it refuses, and an interval that holds although the data chose the cut."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from milestones_samples import sample_plan
from scipy import stats
from scipy.interpolate import CubicSpline
from scipy.stats import norm

from helpers.milestones import adjusted_difference, make_controls, study_threshold, thresholds
from helpers.records import Effect
from helpers.survival import wilson_interval

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
    assert 0 < row["ci_low"] <= truth <= row["ci_high"]
    assert row["confirmed"] == "confirmed" and row["newest_cohort"] == "2022-Q4"
    assert row["n_newest"] == (frame["cohort"] == "2022-Q4").sum() and row["n"] == 4000 and row["reason"] is None
    assert row["p_permutation"] == 1 / 40 and row["p_lausen_schumacher"] < 1e-6
    assert [(test.id, test.name, test.p_value) for test in tests] == [
        (f"best_cut:retained:{p}", f"maximally selected statistic, {how}", row[p])
        for how, p in (("improved Bonferroni", "p_lausen_schumacher"), ("permutation", "p_permutation"))
    ]


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
    found = [row[name] for name in ("planned", "planned_difference", "planned_low", "planned_high")]
    assert found == pytest.approx([20, planned.estimate, planned.ci_low, planned.ci_high])


def _read_lines(words):
    ends = [[float(end) for end in run.split(" to ")] for run in words.split(", ")]
    return [(run[0], run[-1]) for run in ends]


def test_study_threshold_repeats_and_uses_seed_folds_resamples_and_level():
    def read(**changes):
        given = {"plan": PLAN, "seed": 1, "n_resamples": 39, "folds": 5, **changes}
        tables = thresholds.study_threshold(draw(400), given.pop("plan"), **given)[1]
        return tables["threshold"].iloc[0], tables["cuts"]["chosen"].sum()

    row, n_chosen = read()
    pd.testing.assert_series_equal(read()[0], row)
    assert read(seed=2)[0]["loss_step"] != row["loss_step"]
    assert read(n_resamples=99)[0]["p_permutation"] != row["p_permutation"]
    assert (n_chosen, read(folds=8)[1]) == (5, 8)
    assert read(plan=sample_plan(confidence_level=0.8))[0]["ci_low"] > row["ci_low"]
    assert math.isnan(read(plan=sample_plan(activation=ACTIVATION))[0]["planned"])
    assert read(planned=Effect(0.5))[0]["planned_difference"] == 0.5


@pytest.mark.parametrize(("change", "reason"), [
    (lambda f: f.head(99), thresholds.FEW),
    (lambda f: f.assign(count=(f.index < 9).astype(int)), thresholds.NO_CUT),  # 9 of 200 ever did it
    (lambda f: f.assign(retained=1.0), "all accounts have the same outcome"),
    (lambda f: f.head(0), thresholds.FEW),
])  # fmt: skip
def test_study_threshold_says_why_nothing_can_be_said(change, reason):
    tests, tables = study(change(draw(200)))
    row = tables["threshold"].iloc[0]
    assert tests == [] and row["reason"] == reason and math.isnan(row["cut"]) and row["shape"] == "undecided"
    assert tables["cuts"].empty and tables["activation_curves"].empty
    assert list(row.index) == list(study(draw(200))[1]["threshold"].columns)


@pytest.mark.parametrize("step", [0.0, 0.6])
def test_measure_unchosen_holds_its_target_where_the_best_cut_does_not(step):
    honest, naive, draws = [], [], 50
    rng = np.random.default_rng(1)
    for seed in range(draws):
        frame = draw(500, seed=seed, step=step)
        counts, y, p = (frame[c].to_numpy(float) for c in ("count", "retained", "share"))
        controls, cuts = make_controls(frame), thresholds.find_cuts(counts)
        state = rng.bit_generator.state
        found = thresholds.measure_unchosen(counts, y, controls, cuts, folds=10, rng=rng, confidence_level=0.95)
        after, rng.bit_generator.state = rng.bit_generator.state, state
        target = _aim(counts, y, p, controls, cuts, rng)
        rng.bit_generator.state = after
        honest.append(found.ci_low <= target <= found.ci_high)
        best = counts >= cuts[thresholds.Scan(counts, y, controls, cuts).best]
        at_best = adjusted_difference(best, y, controls)
        naive.append(at_best.ci_low <= adjusted_difference(best, p, controls).estimate <= at_best.ci_high)
    reach = 3 * math.sqrt(0.05 * 0.95 / draws)
    assert abs(np.mean(honest) - 0.95) < reach
    assert step or np.mean(naive) < 0.85


def _aim(counts, y, share, controls, cuts, rng):
    """The difference in true shares at the cuts that the folds chose: what the honest interval is about."""
    fold, reached = thresholds.split_folds(len(counts), 10, rng), np.full(len(counts), np.nan)
    for k in range(2, 10):
        past = fold < k
        best = thresholds.Scan(counts[past], y[past], controls[past], cuts).best
        reached[fold == k] = counts[fold == k] >= cuts[best]
    return adjusted_difference(reached, share, controls).estimate


def test_measure_unchosen_cuts_each_fold_by_those_before_it_alone(monkeypatch):
    monkeypatch.setattr("helpers.milestones.thresholds.adjusted_difference", lambda reached, *_, **__: reached)
    frame = draw(600, step=0.4)
    counts, y = (frame[c].to_numpy(float) for c in ("count", "retained"))
    fold = thresholds.split_folds(600, 10, np.random.default_rng(1))

    def read(outcome):
        rng, cuts = np.random.default_rng(1), thresholds.find_cuts(counts)
        none = np.empty((600, 0))
        return thresholds.measure_unchosen(counts, outcome, none, cuts, folds=10, rng=rng, confidence_level=0.95)

    base, turned = read(y), read(np.where(fold >= 5, counts < 3, y).astype(float))
    assert np.isnan(base[fold < 2]).all() and not np.isnan(base[fold >= 2]).any()
    assert (base[(fold >= 2) & (fold <= 5)] == turned[(fold >= 2) & (fold <= 5)]).all()
    assert (base[fold > 5] != turned[fold > 5]).any()


@pytest.mark.parametrize(("sizes", "name", "n"), [
    ({"2022-Q1": 50, "2022-Q2": 50}, "2022-Q2", 50),
    ({"2022-Q1": 90, "2022-Q2": 8, "2022-Q3": 2}, "2022-Q2 to 2022-Q3", 10),  # the last alone holds too few
    ({"2022-Q1": 95, "2022-Q2": 5}, "", 0),  # the newest would be nobody, or everybody
    ({"2022-Q1": 9}, "", 0),
])  # fmt: skip
def test_split_newest_takes_the_fewest_cohorts_with_a_tenth(sizes, name, n):
    newest, found = thresholds.split_newest(pd.Series(np.repeat(list(sizes), list(sizes.values()))))
    assert found == name and newest.sum() == n and newest[:1].sum() == 0


@pytest.mark.parametrize(("older", "newest", "word"), [
    ((0.08, 0.12), (0.02, 0.20), "confirmed"),
    ((0.08, 0.12), (-0.04, 0.05), "not confirmed"),  # .095 apart, .049 by both halves
    ((0.08, 0.12), (-0.01, 0.08), "not confirmed"),
    ((0.02, 0.18), (-0.01, 0.08), "too imprecise"),  # the older one is no better known
    ((0.08, 0.12), (-0.05, 0.20), "too imprecise"),  # holds both
    ((-0.12, -0.08), (-0.2, -0.02), "confirmed"),
    ((0.08, 0.12), (-0.3, -0.02), "not confirmed"),  # the other side
    ((0.08, 0.12), (math.nan, math.nan), "too imprecise"),
    ((math.nan, math.nan), (-0.3, 0.02), "too imprecise"),
])  # fmt: skip
def test_judge_confirmation(older, newest, word):
    effects = [Effect(sum(ends) / 2, ci_low=ends[0], ci_high=ends[1]) for ends in (older, newest)]
    assert thresholds.judge_confirmation(*effects) == word


def draw_cuts(n=400, seed=1, *, slope=0.0):
    """Counts and outcomes that both rise with a control, and with each other by the slope."""
    rng = np.random.default_rng(seed)
    control = rng.normal(size=n)
    counts = rng.poisson(np.exp(1 + 0.4 * control)).astype(float)
    share = 1 / (1 + np.exp(-(0.3 + 0.8 * control + slope * (counts >= 4))))
    return counts, (rng.random(n) < share).astype(float), control[:, None]


def no_controls(n):
    return np.empty((n, 0))


def bound(scan):
    return thresholds.bound_p_value(scan.statistic, scan.correlation)


@pytest.mark.parametrize(("counts", "cuts"), [
    ([0, 0, 1, 1, 2, 2, 3, 3, 4, 90], [1, 2, 3, 4, 90]),  # the highest is reached by just 10 %
    ([0] * 95 + [1] * 5, []),  # only 5 % ever did it
    ([2, 2, 2], []),  # nothing divides them
])  # fmt: skip
def test_find_cuts_leaves_a_tenth_on_each_side(counts, cuts):
    assert thresholds.find_cuts(counts).tolist() == cuts


def test_find_cuts_of_many_counts_lie_apart_and_skip_no_common_count():
    cuts = thresholds.find_cuts(np.arange(6000))
    assert len(cuts) == 60 and cuts[0] == 600 and set(np.diff(cuts)) <= {80.0, 81.0}
    thinned = thresholds.find_cuts(np.concatenate([np.repeat(np.arange(20), 50), np.arange(20, 1000)]))
    assert len(thinned) <= 60 and thinned[:15].tolist() == list(range(4, 19))


def test_scan_without_controls_equals_the_chi_square_of_each_table():
    counts, outcome, _ = draw_cuts(120)
    cuts = thresholds.find_cuts(counts)
    scan = thresholds.Scan(counts, outcome, no_controls(120), cuts)
    for cut, found in zip(cuts, scan.standardised, strict=True):
        table = [[np.sum(((counts >= cut) == side) & (outcome == y)) for y in (0, 1)] for side in (True, False)]
        chi_square = stats.chi2_contingency(table, correction=False).statistic
        assert found**2 == pytest.approx(chi_square * 119 / 120, rel=1e-6)  # the conditional variance
    assert scan.statistic == np.abs(scan.standardised).max() and scan.cut == cuts[scan.best]
    below = np.array([(counts < cut).mean() for cut in cuts])
    low, high = np.minimum.outer(below, below), np.maximum.outer(below, below)
    assert scan.correlation == pytest.approx(np.sqrt(low * (1 - high) / (high * (1 - low))), rel=1e-9)  # a bridge's
    turned = thresholds.Scan(counts, 1 - outcome, no_controls(120), cuts)
    assert turned.standardised == pytest.approx(-scan.standardised, abs=1e-6) and turned.best == scan.best


def test_scan_with_controls_equals_the_score_test_of_statsmodels():
    counts, outcome, controls = draw_cuts()
    cuts = thresholds.find_cuts(counts)
    model = sm.GLM(outcome, sm.add_constant(controls), family=sm.families.Binomial())
    fit = model.fit()
    for cut, value in zip(cuts, thresholds.Scan(counts, outcome, controls, cuts).standardised, strict=True):
        square = model.score_test(fit.params, exog_extra=(counts >= cut).astype(float)[:, None])[0]
        assert value**2 * 400 / 399 == pytest.approx(float(np.squeeze(square)), rel=1e-4)


@pytest.mark.parametrize("p", [0.0005, 0.002, 0.01])
def test_bound_p_value_of_dense_cuts_equals_the_published_formula(p):
    # Altman et al. 1994, eq. for cuts between the 10th and 90th percentile: -1.63 p (1 + 2.35 ln p)
    below = np.linspace(0.1, 0.9, 2001)
    low, high = np.minimum.outer(below, below), np.maximum.outer(below, below)
    found = thresholds.bound_p_value(stats.norm.isf(p / 2), np.sqrt(low * (1 - high) / (high * (1 - low))))
    assert found == pytest.approx(-1.63 * p * (1 + 2.35 * np.log(p)), rel=0.04)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95, 1.0])
def test_bound_p_value_of_two_cuts_is_exact(rho):
    normal = stats.multivariate_normal(cov=[[1, rho], [rho, 1]], allow_singular=True)
    inside = normal.cdf([2.1, 2.1], lower_limit=[-2.1, -2.1])
    assert thresholds.bound_p_value(2.1, np.array([[1, rho], [rho, 1]])) == pytest.approx(1 - inside, abs=1e-5)


def test_permute_equals_all_permutations():
    counts, outcome = np.array([0.0, 1, 1, 2, 3, 3, 4, 5]), np.array([0.0, 0, 0, 1, 0, 1, 1, 1])

    def scan(kept):
        return thresholds.Scan(
            counts, np.isin(np.arange(8), kept).astype(float), no_controls(8), thresholds.find_cuts(counts)
        )

    found = scan(np.flatnonzero(outcome))
    exact = np.mean([scan(k).statistic >= found.statistic - 1e-9 for k in itertools.combinations(range(8), 4)])
    drawn = found.permute(n_resamples=3000, rng=np.random.default_rng(1))
    assert 0.05 < exact < 0.3
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 3000))
    fewer = found.permute(n_resamples=9, rng=np.random.default_rng(1))
    assert round(fewer * 10, 9) == round(fewer * 10)


def test_permute_moves_outcomes_only_among_accounts_alike(monkeypatch):
    counts, outcome, controls = draw_cuts(400)
    scan, seen, score = (
        thresholds.Scan(counts, outcome, controls, thresholds.find_cuts(counts)),
        [],
        thresholds.Scan.score,
    )
    monkeypatch.setattr(thresholds.Scan, "score", lambda self, y: (seen.append(y.copy()), score(self, y))[1])
    scan.permute(n_resamples=20, rng=np.random.default_rng(1))
    ranks = np.argsort(np.argsort(controls[:, 0])) // 40  # the expected outcome rises with the control
    assert {tuple(np.bincount(ranks, y)) for y in seen} == {tuple(np.bincount(ranks, outcome))}
    assert len({y.tobytes() for y in seen}) == 20


def draw_shapes(shape, n=4000, seed=1):
    rng = np.random.default_rng(seed)
    control = rng.normal(size=(n, 1))
    counts = rng.negative_binomial(1, 0.1, n).astype(float)
    added = {"step": 1.2 * (counts >= 6), "smooth": 0.7 * np.log1p(counts), "none": 0.0}[shape]
    share = 1 / (1 + np.exp(-(-0.3 + 0.5 * control[:, 0] + added)))
    return counts, (rng.random(n) < share).astype(float), control


def compare(shape, *, folds=5, seed=2, **more):
    counts, outcome, controls = draw_shapes(shape, **more)
    rng = np.random.default_rng(seed)
    return thresholds.compare_shapes(counts, outcome, controls, thresholds.find_cuts(counts), folds=folds, rng=rng)[0]


@pytest.mark.parametrize("shape", ["step", "smooth", "none"])
def test_name_shape_recovers_what_the_world_has(shape):
    assert (
        thresholds.name_shape(compare(shape), p_value=0.001 if shape != "none" else 0.4, confidence_level=0.95) == shape
    )


def test_name_shape_is_undecided_where_a_test_sees_what_does_not_foretell():
    losses = compare("none", n=600)
    for p_value, level, word in ((0.04, 0.95, "undecided"), (0.06, 0.95, "none"), (0.06, 0.9, "undecided"),
                                 (np.nan, 0.95, "none")):  # fmt: skip
        assert thresholds.name_shape(losses, p_value=p_value, confidence_level=level) == word


def test_compare_shapes_equals_models_fitted_without_the_fold():
    counts, outcome, controls = draw_shapes("step", n=600)
    cuts, rng = thresholds.find_cuts(counts), np.random.default_rng(7)
    found, _, chosen = thresholds.compare_shapes(counts, outcome, controls, cuts, folds=3, rng=rng)
    fold = thresholds.split_folds(600, 3, np.random.default_rng(7))
    out, seen = fold == 1, fold != 1
    best = thresholds.Scan(counts[seen], outcome[seen], controls[seen], cuts).best
    assert chosen[1] == best
    for shape, columns in (("constant", controls), ("step", np.column_stack([controls, counts >= cuts[best]]))):
        x = sm.add_constant(columns.astype(float))
        share = sm.Logit(outcome[seen], x[seen]).fit(disp=0).predict(x[out])
        wanted = -np.log(np.where(outcome[out] == 1, share, 1 - share))
        assert found[shape].to_numpy()[out] == pytest.approx(wanted, abs=1e-4)


def test_measure_gap_by_hand():
    mean, low, high = thresholds.measure_gap([0.5, 0.7, 0.6, 0.6], [0.4, 0.4, 0.4, 0.4], confidence_level=0.95)
    reach = 1.959964 * np.sqrt(0.02 / 3) / 2  # sd of .1, .3, .2, .2
    assert [mean, low, high] == pytest.approx([0.2, 0.2 - reach, 0.2 + reach])
    assert thresholds.measure_gap([0.5, 0.7], [0.4, 0.4], confidence_level=0.5)[1] > 0


def test_find_set_holds_the_best_and_what_is_within_one_standard_error():
    best = np.tile([0.40, 0.60], 50)
    spread = np.tile([0.1, -0.1], 50)  # standard error .01005 over 100 accounts
    by_cut = np.column_stack([best + spread + 0.011, best, best + spread + 0.009])
    assert thresholds.find_set(by_cut).tolist() == [False, True, True]


def test_trace_shapes_gives_the_shares_on_both_sides():
    counts, outcome, _ = draw_shapes("step")
    found = thresholds.trace_shapes(counts, outcome, 6.0, highest=30)
    below, above = (outcome[side].mean() for side in (counts < 6, counts >= 6))
    assert found["count"].tolist() == list(range(31))
    assert found["share_step"][[0, 5, 6, 30]] == pytest.approx([below, below, above, above], abs=1e-6)
    smooth = found["share_smooth"]
    assert np.diff(smooth)[2:7].min() > 0 and smooth[0] == pytest.approx(outcome[counts == 0].mean(), abs=0.06)


@pytest.mark.parametrize(("values", "n"), [
    (np.arange(100), 4),  # spread out: four quantiles
    (np.repeat([0, 1, 2, 5, 20], [400, 40, 30, 20, 10]), 3),  # most are 0: the quantiles of the rest
    ([0, 0, 0, 7], 2),  # two values: both ends
])  # fmt: skip
def test_find_knots_keeps_them_apart(values, n):
    knots = thresholds.find_knots(values)
    assert len(knots) == n and (np.diff(knots) > 0).all()
    assert knots[0] >= 0 and knots[-1] <= np.log1p(np.max(values))


def test_build_spline_holds_every_natural_spline_with_its_knots():
    knots = np.log1p([0.0, 2.0, 9.0, 40.0])
    counts = np.arange(41.0)
    wanted = CubicSpline(knots, [0.2, -1.0, 0.5, 0.3], bc_type="natural")(np.log1p(counts))
    columns = np.column_stack([np.ones(41), thresholds.build_spline(counts, knots)])
    assert columns.shape[1] == 4
    fitted = columns @ np.linalg.lstsq(columns, wanted, rcond=None)[0]
    assert fitted == pytest.approx(wanted, abs=1e-10)


def test_build_spline_is_straight_beyond_the_outer_knots_and_with_two():
    far = np.expm1(np.array([5.0, 6.0, 7.0]))
    assert np.diff(thresholds.build_spline(far, np.array([0.5, 1.0, 2.0, 3.0])), n=2, axis=0) == pytest.approx(
        0, abs=1e-9
    )
    assert thresholds.build_spline([0.0, 1.0], np.array([0.0, 1.0])).tolist() == [[0.0], [np.log(2)]]


def test_count_kept_bins_by_hand():
    counts = np.repeat([0, 1, 2, 3, 4, 5], [30, 9, 12, 21, 15, 4])  # at least 20 a bin, the last 19 join it
    outcome = np.concatenate([np.tile([1.0, 0.0], 45), [1.0]])
    bins = thresholds.count_kept(counts, outcome, PLAN)
    assert bins[["count_low", "count_high", "n"]].to_numpy().tolist() == [[0, 0, 30], [1, 2, 21], [3, 4, 40]]
    assert bins["open"].tolist() == [False, False, True]  # 5 is hidden: only 4 reach it, 4 is reached by 19
    low, high = wilson_interval(15 / 30, 30, norm.isf(0.025))
    assert bins.loc[0, ["kept", "share", "ci_low", "ci_high"]].tolist() == pytest.approx([15, 0.5, low, high])
    assert len(thresholds.count_kept(counts, outcome, sample_plan(min_cell=15))) == 2
    assert len(thresholds.count_kept(np.arange(1500), np.ones(1500), PLAN)) == 15
    assert thresholds.count_kept([], [], PLAN).empty


def test_find_highest_is_reached_by_min_cell_accounts_and_a_twentieth():
    assert thresholds.find_highest(np.arange(100), PLAN) == 90
    assert thresholds.find_highest(np.arange(100), sample_plan(min_cell=1)) == 95
    assert thresholds.find_highest(np.arange(1000), PLAN) == 950
    assert thresholds.find_highest([4, 7], PLAN) == 4 and math.isnan(thresholds.find_highest([], PLAN))


def test_controls_keep_what_they_foretell_out_of_statistic_and_p_values():
    raw, bounds, permuted, draws = [], [], [], 120
    rng = np.random.default_rng(5)
    for seed in range(draws):
        counts, outcome, controls = draw_cuts(300, seed=seed)
        scan = thresholds.Scan(counts, outcome, controls, thresholds.find_cuts(counts))
        raw.append(bound(thresholds.Scan(counts, outcome, no_controls(300), scan.cuts)))
        bounds.append(bound(scan))
        permuted.append(scan.permute(n_resamples=39, rng=rng))
    alarms = [float(np.mean(np.array(p) <= 0.05)) for p in (raw, bounds, permuted)]
    reach = 3 * np.sqrt(0.05 * 0.95 / draws)
    assert alarms[0] > 0.6 and alarms[1] < 0.05 + reach and abs(alarms[2] - 0.05) < reach


def test_study_threshold_leaves_out_unknown_outcomes_and_a_plan_without_activation():
    frame = draw(400)
    blank = frame.assign(retained=frame["retained"].where(frame.index >= 100))
    assert study(blank)[1]["threshold"]["n"].tolist() == [300]
    assert study(frame, sample_plan(activation=None)) == ([], {})
