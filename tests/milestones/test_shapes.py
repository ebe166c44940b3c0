"""Step or smooth curve: what each loses on accounts that it did not see, in worlds of either kind and of neither."""

import numpy as np
import pytest
import statsmodels.api as sm

from helpers.milestones.cuts import find_cuts, score_cuts
from helpers.milestones.logistic import split_folds
from helpers.milestones.shapes import Losses, compare_shapes, find_set, list_runs, measure_gap, name_shape, trace_shapes


def draw(shape, n=4000, seed=1):
    rng = np.random.default_rng(seed)
    control = rng.normal(size=(n, 1))
    counts = rng.negative_binomial(1, 0.1, n).astype(float)
    added = {"step": 1.2 * (counts >= 6), "smooth": 0.7 * np.log1p(counts), "none": 0.0}[shape]
    share = 1 / (1 + np.exp(-(-0.3 + 0.5 * control[:, 0] + added)))
    return counts, (rng.random(n) < share).astype(float), control


def compare(shape, *, folds=5, seed=2, **more):
    counts, outcome, controls = draw(shape, **more)
    return compare_shapes(counts, outcome, controls, find_cuts(counts), folds=folds, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("shape", ["step", "smooth", "none"])
def test_name_shape_recovers_what_the_world_has(shape):
    assert name_shape(compare(shape), p_value=0.001 if shape != "none" else 0.4, confidence_level=0.95) == shape


def test_name_shape_is_undecided_where_a_test_sees_what_does_not_foretell():
    losses = compare("none", n=600)
    for p_value, level, word in ((0.04, 0.95, "undecided"), (0.06, 0.95, "none"), (0.06, 0.9, "undecided"),
                                 (np.nan, 0.95, "none")):  # fmt: skip
        assert name_shape(losses, p_value=p_value, confidence_level=level) == word


def test_name_shape_of_few_accounts_is_undecided_and_turns_with_the_level():
    step = np.tile([0.50, 0.40], 50)
    losses = Losses(step + 0.2, step - np.tile([0.10, -0.08], 50), step, step[:, None], np.zeros(1, int))
    assert name_shape(losses, p_value=0.9, confidence_level=0.95) == "undecided"
    assert name_shape(losses, p_value=0.9, confidence_level=0.6) == "smooth"


def test_compare_shapes_equals_models_fitted_without_the_fold():
    counts, outcome, controls = draw("step", n=600)
    cuts = find_cuts(counts)
    found = compare_shapes(counts, outcome, controls, cuts, folds=3, rng=np.random.default_rng(7))
    fold = split_folds(600, 3, np.random.default_rng(7))
    out, seen = fold == 1, fold != 1
    best = score_cuts(counts[seen], outcome[seen], controls[seen], cuts).best
    x = sm.add_constant(np.column_stack([controls, counts >= cuts[best]]).astype(float))
    share = sm.Logit(outcome[seen], x[seen]).fit(disp=0).predict(x[out])
    wanted = -np.log(np.where(outcome[out] == 1, share, 1 - share))
    assert found.chosen[1] == best
    assert found.step[out] == pytest.approx(wanted, abs=1e-4)
    base = sm.add_constant(controls)
    share = sm.Logit(outcome[seen], base[seen]).fit(disp=0).predict(base[out])
    assert found.constant[out] == pytest.approx(-np.log(np.where(outcome[out] == 1, share, 1 - share)), abs=1e-4)


def test_compare_shapes_uses_controls_folds_and_generator():
    counts, outcome, controls = draw("smooth", n=600)
    cuts, plain = find_cuts(counts), compare("smooth", n=600)

    def again(x=controls, folds=5, seed=2):
        return compare_shapes(counts, outcome, x, cuts, folds=folds, rng=np.random.default_rng(seed))

    assert (again().smooth == plain.smooth).all()
    assert again(np.empty((600, 0))).smooth.mean() > plain.smooth.mean()
    assert len(again(folds=4).chosen) == 4
    assert again(seed=3).smooth.mean() != plain.smooth.mean()


def test_measure_gap_by_hand():
    mean, low, high = measure_gap([0.5, 0.7, 0.6, 0.6], [0.4, 0.4, 0.4, 0.4], confidence_level=0.95)
    reach = 1.959964 * np.sqrt(0.02 / 3) / 2  # sd of .1, .3, .2, .2
    assert [mean, low, high] == pytest.approx([0.2, 0.2 - reach, 0.2 + reach])
    assert measure_gap([0.5, 0.7], [0.4, 0.4], confidence_level=0.5)[1] > 0


def test_find_set_holds_the_best_and_what_is_within_one_standard_error():
    best = np.tile([0.40, 0.60], 50)
    spread = np.tile([0.1, -0.1], 50)  # standard error .01005 over 100 accounts
    by_cut = np.column_stack([best + spread + 0.011, best, best + spread + 0.009])
    losses = Losses(best, best, best, by_cut, np.zeros(1, int))
    assert find_set(losses).tolist() == [False, True, True]


@pytest.mark.parametrize(("cuts", "held", "words"), [
    ([8, 12, 14, 15, 16, 18], [0, 1, 0, 1, 1, 1], "12, 15 to 18"),
    ([8, 12.5, 14], [1, 1, 1], "8 to 14"),
    ([8, 12, 14], [1, 0, 1], "8, 14"),
    ([8, 12], [0, 0], ""),
])  # fmt: skip
def test_list_runs_joins_neighbours_of_the_scan(cuts, held, words):
    assert list_runs(cuts, np.array(held, bool)) == words


def test_trace_shapes_gives_the_shares_on_both_sides():
    counts, outcome, _ = draw("step")
    found = trace_shapes(counts, outcome, 6.0, highest=30)
    above = counts >= 6
    assert found["count"].tolist() == list(range(31))
    assert found["share_step"][[0, 5, 6, 30]] == pytest.approx(
        [outcome[~above].mean()] * 2 + [outcome[above].mean()] * 2, abs=1e-6
    )
    rising = np.diff(found["share_smooth"])
    assert rising[2:7].min() > 0 and found["share_smooth"][0] == pytest.approx(outcome[counts == 0].mean(), abs=0.06)


def test_trace_shapes_has_at_most_a_hundred_points():
    counts, outcome, _ = draw("step")
    assert len(trace_shapes(counts, outcome, 4.0, highest=500)["count"]) == 100
