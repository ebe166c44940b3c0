"""The studentised permutation test and its interval."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from helpers.inference import compare_means, relative_lift
from helpers.inference.means import _invert, _statistic, needs_permutation, permutation_difference
from helpers.records import Moments


def permute(control, treatment, seed=1, **options):
    return permutation_difference(control, treatment, rng=np.random.default_rng(seed), **options)


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


def test_permutation_difference_smallest_p():
    assert permute(np.arange(40.0), np.arange(40.0) + 500, n_resamples=99).p_value == 0.01


def test_invert_never_steps_over_zero():
    # p dips at zero and rises again beyond it: the limit must stay on the estimate's side
    def p_value(shift):
        return 0.2 if shift > 0.4 or -3 < shift < -1 else 0.01

    assert _invert(p_value, 0.05, 1.0, False, -5.0) == pytest.approx(0.4)
    assert _invert(lambda shift: 0.2 if shift > -0.4 else 0.01, 0.05, 1.0, True, -5.0) == pytest.approx(-0.4)
    assert _invert(lambda shift: 0.2, 0.05, 1.0, True, -5.0) == math.inf


def test_statistic_is_welch_after_the_shift():
    control, treatment = np.array([1.0, 2, 7]), np.array([3.0, 6, 8, 4, 5])
    rows = [
        np.array([v.sum(), (v**2).sum(), arm * len(v), arm * v.sum()]) for arm, v in enumerate((control, treatment))
    ]
    expected = stats.ttest_ind(treatment - 1.5, control, equal_var=False).statistic
    assert _statistic(rows[1], rows[0], (5, 3), 1.5) == pytest.approx(expected)


def test_permutation_difference_zeros_counted_not_drawn():
    # the shortcut for the most frequent value must not change the distribution: scipy draws every unit
    rng = np.random.default_rng(2)
    control, treatment = ((rng.random(n) < 0.3) * rng.lognormal(0, 1, n) for n in (60, 30))

    def welch(first, second, axis):
        return abs(stats.ttest_ind(first, second, equal_var=False, axis=axis).statistic)

    options = {"vectorized": True, "n_resamples": 4999, "rng": 3, "alternative": "greater"}
    expected = stats.permutation_test((treatment, control), welch, **options)
    assert permute(control, treatment).p_value == pytest.approx(expected.pvalue, abs=0.03)


def test_permutation_difference_normal_data_is_welch():
    rng = np.random.default_rng(3)
    control, treatment = rng.normal(0, 1, 200), rng.normal(0.4, 2, 100)
    effect, expected = permute(control, treatment), stats.ttest_ind(treatment, control, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert [effect.ci_low, effect.ci_high] == pytest.approx([interval.low, interval.high], abs=0.03)
    assert effect.p_value == pytest.approx(expected.pvalue, abs=0.02)


@pytest.mark.parametrize("seed", range(12))
def test_permutation_difference_interval_agrees_with_p(seed):
    rng = np.random.default_rng(seed)
    control, treatment = rng.lognormal(0, 1.5, 40), rng.lognormal(0.7, 1.5, 15)
    effect = permute(control, treatment, n_resamples=499)
    assert (effect.p_value <= 0.05) == (not effect.ci_low <= 0 <= effect.ci_high)
    assert effect.ci_low <= effect.estimate <= effect.ci_high
    lift = relative_lift(compare_means(*map(measure, (control, treatment))), like=effect)
    assert (lift.p_value <= 0.05) == (not lift.ci_low <= 0 <= lift.ci_high)


def measure(values):
    return Moments(("y",), len(values), np.array([values.mean()]), np.array([[values.var(ddof=1)]]))


def test_permutation_difference_shift_moves_the_interval():
    rng = np.random.default_rng(5)
    control, treatment = rng.exponential(1, 60), rng.exponential(1, 20)
    plain, moved = permute(control, treatment), permute(control + 1e6, treatment + 1e6 + 3)
    assert [moved.ci_low - 3, moved.ci_high - 3] == pytest.approx([plain.ci_low, plain.ci_high], abs=1e-4)


def test_permutation_difference_arguments_change_the_result():
    rng = np.random.default_rng(6)
    control, treatment = rng.exponential(1, 60), rng.exponential(1.4, 20)
    base = permute(control, treatment)
    assert permute(control, treatment) == base
    assert permute(control, treatment, seed=2).p_value != base.p_value
    assert permute(control, treatment, n_resamples=99).p_value >= 0.01
    wide = permute(control, treatment, confidence_level=0.99)
    assert wide.ci_low < base.ci_low and wide.ci_high > base.ci_high


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ([1.0], [1.0, 2.0], "an arm has fewer than 2 units with a known outcome"),
        ([], [1.0, 2.0], "an arm has fewer than 2 units with a known outcome"),
        ([1.0, math.nan], [1.0, 2.0], "a value is missing or infinite"),
        ([1.0, 1.0], [2.0, 2.0], "the outcome does not vary in either arm, so nothing can be tested"),
    ],
)
def test_permutation_difference_undefined(control, treatment, reason):
    effect = permute(control, treatment)
    assert effect.reason == reason and math.isnan(effect.p_value) and math.isnan(effect.ci_low)


def test_permutation_difference_too_few_for_an_interval():
    effect = permute([1.0, 2, 3], [4.0, 5, 6])  # the smallest p-value of 20 splits is .1
    assert effect.p_value == pytest.approx(0.1, abs=0.02)
    assert math.isnan(effect.ci_low) and math.isnan(effect.ci_high)
    assert effect.reason == "so few units cannot reject any shift at this confidence level"


def test_permutation_difference_seeded_false_alarms(in_band):
    # 90/10, lognormal with sd 2: Welch rejects far too often, the permutation test holds 5 %
    rng, runs, ours, welch = np.random.default_rng(8), 120, 0, 0
    for _ in range(runs):
        control, treatment = rng.lognormal(0, 2, 270), rng.lognormal(0, 2, 30)
        ours += permutation_difference(control, treatment, rng=rng, n_resamples=99).p_value <= 0.05
        welch += stats.ttest_ind(control, treatment, equal_var=False).pvalue <= 0.05
    assert in_band(ours, runs, 0.05)
    assert welch > 1.5 * 0.05 * runs


@pytest.mark.parametrize(
    ("n_by_arm", "shares", "skewness", "needed"),
    [
        ({"a": 9000, "b": 1000}, {"a": 0.9, "b": 0.1}, 2.0, True),  # 1,000 < 355 x 4
        ({"a": 9000, "b": 1421}, {"a": 0.9, "b": 0.1}, 2.0, False),  # 1,421 > 1,420
        ({"a": 9000, "b": 1420}, {"a": 0.9, "b": 0.1}, 2.0, True),
        ({"a": 5000, "b": 1000}, {"a": 0.5, "b": 0.5}, 2.0, False),  # equal split planned
        ({"a": 9000, "b": 1000}, None, 2.0, False),  # no planned split
        ({"a": 9000, "b": 1000}, {"a": 0.9, "b": 0.1}, math.nan, False),
        ({"a": 9000, "b": 1000}, {"a": 0.9, "b": 0.1}, -2.0, True),  # to the left
    ],
)
def test_needs_permutation_rule(n_by_arm, shares, skewness, needed):
    assert needs_permutation(n_by_arm, shares, skewness) is needed
