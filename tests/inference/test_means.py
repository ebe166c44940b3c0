"""Adjusted means, permutation, and several means at once."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.inference import means


def draw(seed, n, k=2, slope=1.0):
    """Two arms whose outcome depends on k covariates, by another slope in treatment."""
    rng = np.random.default_rng(seed)
    arms = []
    for arm in (0, 1):
        x = rng.normal(5, 2, (n + 20 * arm, k))
        arms.append((x @ np.full(k, slope + arm / 2) + rng.normal(3 + arm, 1, len(x)), x))
    return arms


def test_adjust_means_by_hand(moments):
    # control y = x, treatment y = x + 2 exactly; x means 2 and 4, overall 3: adjusted values 3 and 5
    pair = means.adjust_means(moments([1, 2, 2, 3], [1, 2, 2, 3]), moments([5, 6, 6, 7], [3, 4, 4, 5]))
    assert (pair.control, pair.treatment) == pytest.approx((3, 5))
    assert pair.variance == pytest.approx(0, abs=1e-12)


def test_adjust_means_statsmodels_interacted_regression(moments):
    (y0, x0), (y1, x1) = draw(1, 60)
    pair = means.adjust_means(moments(y0, *x0.T), moments(y1, *x1.T))
    x, arm = np.vstack([x0, x1]), np.repeat([0, 1], [len(y0), len(y1)])
    centred = x - x.mean(axis=0)
    fit = sm.OLS(np.concatenate([y0, y1]), np.column_stack([np.ones(len(arm)), arm, centred, arm[:, None] * centred]))
    assert pair.treatment - pair.control == pytest.approx(fit.fit().params[1], rel=1e-11)
    assert pair.control == pytest.approx(fit.fit().params[0], rel=1e-11)
    # each value given the covariates: the arm's own regression, predicted at the overall means
    own, slopes = [], []
    for y, part in ((y0, x0), (y1, x1)):
        separate = sm.OLS(y, sm.add_constant(part)).fit()
        own.append(separate.get_prediction(np.r_[1, x.mean(axis=0)]).se_mean[0] ** 2)
        slopes.append(separate.params[1:])
    within = sum((len(p) - 1) * np.cov(p.T) for p in (x0, x1)) / (len(x) - 2)
    gap = slopes[1] - slopes[0]
    assert pair.variance == pytest.approx(sum(own) + gap @ within @ gap / len(x), rel=1e-10)
    assert pair.covariance == pytest.approx(slopes[0] @ within @ slopes[1] / len(x), rel=1e-10)
    parts = [(own[0], 60 - 3), (own[1], 80 - 3), (gap @ within @ gap / len(x), 139)]
    assert pair.df == pytest.approx(pair.variance**2 / sum(v**2 / df for v, df in parts), rel=1e-9)
    plain = means.compare_means(moments(y0), moments(y1))
    assert pair.variance_reduction == pytest.approx(1 - pair.variance / plain.variance)
    assert pair.variance_reduction > 0.5 and pair.method == "lin"


def test_find_independent_repeated_and_constant_columns():
    x = np.random.default_rng(0).normal(size=(50, 2))
    columns = np.column_stack([x[:, 0], np.full(50, 7.0), 3 * x[:, 0] + 1, x[:, 1], x[:, 0] - x[:, 1]])
    assert means.find_independent(np.cov(columns.T)) == [0, 3]
    assert means.find_independent(np.cov(columns.T), np.eye(5)) == [0, 3]
    assert means.find_independent(np.eye(2), np.diag([1.0, 0.0])) == [0]
    assert means.find_independent(np.array([[1, 0.999], [0.999, 1]])) == [0, 1]


def test_adjust_means_redundant_covariates_change_nothing(moments):
    (y0, x0), (y1, x1) = draw(2, 80)
    once = means.adjust_means(moments(y0, *x0.T), moments(y1, *x1.T))
    twice = means.adjust_means(moments(y0, *x0.T, x0.sum(axis=1)), moments(y1, *x1.T, x1.sum(axis=1)))
    assert (once.left_out, twice.left_out) == ((), ("c3",))
    assert twice == replace(once, left_out=("c3",))
    constant = means.adjust_means(moments(y0, np.ones(len(y0))), moments(y1, np.ones(len(y1))))
    assert constant.variance == pytest.approx(means.compare_means(moments(y0), moments(y1)).variance, rel=1e-13)
    assert (constant.method, constant.variance_reduction, constant.left_out) == ("lin", 0, ("c1",))


def test_adjust_means_too_few_units(moments):
    arm = moments([1, 2, 4, 3], [1, 3, 2, 5], [2, 2, 1, 7])
    effect = means.difference(means.adjust_means(arm, arm))
    assert effect.reason == "an arm has too few units for 2 covariates"
    assert math.isnan(effect.ci_low) and math.isnan(effect.p_value)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_adjust_means_shifting_and_scaling_covariates(moments, seed, shift, factor):
    arms = draw(seed, 30)
    plain = means.adjust_means(*(moments(y, *x.T) for y, x in arms))
    moved = means.adjust_means(*(moments(y, *(shift + factor * x.T)) for y, x in arms))
    for name in ("control", "treatment", "variance"):
        assert getattr(moved, name) == pytest.approx(getattr(plain, name), rel=1e-5)


def test_adjust_means_of_an_arm_that_does_not_vary_has_no_test(moments):
    rng = np.random.default_rng(4)
    x = rng.normal(size=60)
    pair = means.adjust_means(moments(rng.random(60) < 0.3, x), moments(np.zeros(8), x[:8]))
    found = means.difference(pair)
    assert math.isnan(found.p_value) and math.isnan(found.ci_low)
    assert found.reason == "the outcome does not vary in an arm, so an adjusted interval would be too narrow"


def permute(control, treatment, seed=1, **options):
    return means.permutation_difference(control, treatment, rng=np.random.default_rng(seed), **options)


def test_permutation_difference_every_permutation():
    # 4 + 4 units: the 70 splits enumerated; the random test must agree within its Monte-Carlo error
    control, treatment = np.array([1.0, 2, 2, 5]), np.array([3.0, 6, 8, 4])

    def statistic(first, second):
        return abs(stats.ttest_ind(second, first, equal_var=False).statistic)

    values, splits = np.concatenate([control, treatment]), list(itertools.combinations(range(8), 4))
    drawn = [statistic(np.delete(values, split), values[list(split)]) for split in splits]
    exact = np.mean(np.array(drawn) >= statistic(control, treatment) - 1e-9)
    effect = permute(control, treatment, n_resamples=20_000)
    assert effect.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000))
    assert (effect.estimate, effect.control_value, effect.treatment_value) == (2.75, 2.5, 5.25)
    assert effect.std_error == pytest.approx(math.sqrt(3 / 4 + 14.75 / 3 / 4))
    assert effect.method == "permutation"


@pytest.mark.parametrize("shuffled", [means.SHUFFLED, 0])  # few units, and as more than that are drawn
def test_permutation_difference_zeros_counted_not_drawn(shuffled, monkeypatch):
    # the shortcut for the most frequent value must not change the distribution: scipy draws every unit
    monkeypatch.setattr(means, "SHUFFLED", shuffled)
    rng = np.random.default_rng(2)
    control, treatment = ((rng.random(n) < 0.3) * rng.lognormal(0, 1, n) for n in (60, 30))

    def welch(first, second, axis):
        return abs(stats.ttest_ind(first, second, equal_var=False, axis=axis).statistic)

    options = {"vectorized": True, "n_resamples": 4999, "rng": 3, "alternative": "greater"}
    expected = stats.permutation_test((treatment, control), welch, **options)
    assert permute(control, treatment).p_value == pytest.approx(expected.pvalue, abs=0.03)


def test_permutation_difference_arguments_change_the_result():
    rng = np.random.default_rng(6)
    control, treatment = rng.exponential(1, 60), rng.exponential(1.4, 20)
    base = permute(control, treatment)
    assert permute(control, treatment) == base
    assert permute(control, treatment, seed=2).p_value != base.p_value
    assert permute(control, treatment, n_resamples=99).p_value >= 0.01
    wide = permute(control, treatment, confidence_level=0.99)
    assert wide.ci_low < base.ci_low and wide.ci_high > base.ci_high


@pytest.mark.parametrize(("control", "treatment", "reason"), [
    ([1.0], [1.0, 2.0], "an arm has fewer than 2 units with a known outcome"),
    ([], [1.0, 2.0], "an arm has fewer than 2 units with a known outcome"),
    ([1.0, math.nan], [1.0, 2.0], "a value is missing or infinite"),
    ([1.0, 1.0], [2.0, 2.0], "the outcome does not vary in either arm, so nothing can be tested"),
])  # fmt: skip
def test_permutation_difference_undefined(control, treatment, reason):
    effect = permute(control, treatment)
    assert effect.reason == reason and math.isnan(effect.p_value) and math.isnan(effect.ci_low)


def test_permutation_difference_too_few_for_an_interval():
    effect = permute([1.0, 2, 3], [4.0, 5, 6])  # the smallest p-value of 20 splits is .1
    assert effect.p_value == pytest.approx(0.1, abs=0.02)
    assert math.isnan(effect.ci_low) and math.isnan(effect.ci_high)
    assert effect.reason == "so few units cannot reject any shift at this confidence level"


@pytest.mark.parametrize(("n_by_arm", "shares", "skewness", "needed"), [
    ({"a": 9000, "b": 1000}, {"a": 0.9, "b": 0.1}, 2.0, True),  # 1,000 < 355 x 4
    ({"a": 9000, "b": 1421}, {"a": 0.9, "b": 0.1}, 2.0, False),  # 1,421 > 1,420
    ({"a": 9000, "b": 1420}, {"a": 0.9, "b": 0.1}, 2.0, True),
    ({"a": 5000, "b": 1000}, {"a": 0.5, "b": 0.5}, 2.0, False),  # equal split planned
    ({"a": 9000, "b": 1000}, None, 2.0, False),  # no planned split
    ({"a": 9000, "b": 1000}, {"a": 0.9, "b": 0.1}, math.nan, False),
    ({"a": 9000, "b": 1000}, {"a": 0.9, "b": 0.1}, -2.0, True),  # to the left
])  # fmt: skip
def test_needs_permutation_rule(n_by_arm, shares, skewness, needed):
    assert means.needs_permutation(n_by_arm, shares, skewness) is needed
