"""Two arms as two values: means, ratios, rates, their differences, lifts and rate ratios."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.stats import t as student

from helpers.inference import means
from helpers.records import Effect, Moments

LOW, HIGH = [1.0, 2, 3, 4], [3.0, 5, 7, 9, 11]


def build(mean, variance, n):
    return Moments(("y",), n, np.array([mean]), np.array([[variance]]))


def test_compare_means_by_hand(moments):
    # means 2.5 and 7; variances 5/3 and 10; squared errors 5/12 and 2
    pair = means.compare_means(moments(LOW), moments(HIGH))
    assert (pair.control, pair.treatment, pair.n_control, pair.n_treatment) == (2.5, 7, 4, 5)
    assert pair.variances == pytest.approx((5 / 12, 2))
    assert pair.df == pytest.approx((29 / 12) ** 2 / ((5 / 12) ** 2 / 3 + 4 / 4))
    assert (pair.method, pair.reason, pair.covariance) == ("welch", None, 0)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_difference_scipy_welch(moments, level):
    effect = means.difference(means.compare_means(moments(LOW), moments(HIGH)), confidence_level=level)
    expected = stats.ttest_ind(HIGH, LOW, equal_var=False)
    assert effect.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    assert [effect.ci_low, effect.ci_high] == pytest.approx(list(expected.confidence_interval(level)), rel=1e-12)
    assert effect.df == pytest.approx(expected.df, rel=1e-12)


@pytest.mark.parametrize(("control", "treatment", "reason"), [
    (build(1, math.nan, 1), build(2, 1, 50), means.TOO_FEW),  # one unit
    (build(math.nan, math.nan, 0), build(2, 1, 50), means.TOO_FEW),  # no unit
    (build(1, 0, 50), build(2, 0, 50), means.NO_VARIATION),  # constant arms
    (build(math.nan, 1, 50), build(2, 1, 50), means.UNDEFINED),
    (build(1, math.inf, 50), build(2, 1, 50), means.UNDEFINED),
])  # fmt: skip
def test_difference_undefined(control, treatment, reason):
    pair = means.compare_means(control, treatment)
    for effect in (means.difference(pair), means.relative_lift(pair)):
        assert effect.reason == reason
        assert all(math.isnan(v) for v in (effect.ci_low, effect.ci_high, effect.p_value, effect.std_error))
    assert means.difference(pair).estimate == pytest.approx(treatment.value - control.value, nan_ok=True)


def test_compare_ratios_by_hand(moments):
    # control: 1+2+3 over 2+4+6 = .5 without any spread round the line
    pair = means.compare_ratios(moments([1, 2, 3], [2, 4, 6]), moments([1, 2, 6], [1, 2, 3]))
    assert (pair.control, pair.treatment, pair.method) == (0.5, 1.5, "delta")
    assert pair.var_control == pytest.approx(0, abs=1e-15)
    # treatment: residuals -.5, -1, 1.5 with sum of squares 3.5; / (n - 1) / n / mean denominator^2
    assert pair.var_treatment == pytest.approx(3.5 / 2 / 3 / 4)
    assert pair.df == pytest.approx(3 / (1 + 1 / 4) - 1)


def test_compare_ratios_statsmodels_weighted_regression(moments):
    # a ratio of sums is a weighted mean; its HC1 variance is the delta method's
    rng = np.random.default_rng(3)
    denominator = rng.poisson(5, 200) + 1.0
    numerator = rng.poisson(2 * denominator) + 0.0
    fit = sm.WLS(numerator / denominator, np.ones(200), weights=denominator).fit(cov_type="HC1")
    pair = means.compare_ratios(moments(numerator, denominator), moments(2 * numerator, denominator))
    assert pair.control == pytest.approx(fit.params[0], rel=1e-12)
    assert pair.variances == pytest.approx((fit.bse[0] ** 2, 4 * fit.bse[0] ** 2), rel=1e-10)


def test_relative_lift_covariance_of_both_values():
    # var(d) = 1 + 2 - 2 x .9 = 1.2; at the limits |12 - 10 (1 + L)| = 1.96 sd(12 - (1 + L) 10)
    pair = means.Pair(10, 12, 1, 2, covariance=0.9, df=1e9)
    assert means.difference(pair).std_error == pytest.approx(math.sqrt(1.2))
    effect = means.relative_lift(pair)
    for ratio in (1 + effect.ci_low, 1 + effect.ci_high):
        assert abs(12 - 10 * ratio) == pytest.approx(1.959964 * math.sqrt(2 - 1.8 * ratio + ratio**2), rel=1e-6)
    assert effect.std_error == pytest.approx(math.sqrt(2 - 1.8 * 1.2 + 1.2**2) / 10)
    assert effect.estimate == 0.2 and effect.method == "fieller" and effect.p_value == means.difference(pair).p_value


@pytest.mark.parametrize("control", [0.0, -3.0])
def test_relative_lift_control_not_above_zero(control):
    effect = means.relative_lift(means.Pair(control, 5, 1, 1, df=20))
    assert math.isnan(effect.estimate) and math.isnan(effect.p_value)
    assert effect.reason == "the control value is not above 0, so a lift is undefined"


def test_relative_lift_two_rays():
    # control 1 with error 1 is not clearly above 0, yet the difference is clear
    effect = means.relative_lift(means.Pair(1, 10, 1, 1, df=1e9))
    (first_low, first_high), (second_low, second_high) = effect.ci_set
    assert first_low is None and second_high is None and first_high < 0 < second_low < effect.estimate
    assert math.isnan(effect.ci_low) and math.isnan(effect.ci_high)
    assert effect.reason == means.UNBOUNDED
    assert means.UNBOUNDED == "the control value is not clearly above 0, so the lift's confidence set is unbounded"


def test_relative_lift_like_another_difference():
    pair = means.Pair(10, 12, 1, 1, df=1e9)
    base = Effect(estimate=2, ci_low=0.1, ci_high=9, p_value=0.04, method="permutation")
    effect = means.relative_lift(pair, like=base)
    assert effect.ci_low > 0 and effect.p_value == 0.04
    assert effect.ci_high > means.relative_lift(pair).ci_high and effect.ci_low < 0.2
    lost = means.relative_lift(pair, like=Effect(estimate=2, reason="too few"))
    assert (lost.estimate, lost.reason) == (0.2, "too few") and math.isnan(lost.ci_low)
    point = Effect(estimate=22.16 - 12.53, ci_low=22.16 - 12.53, ci_high=22.16 - 12.53, p_value=1.0)
    alone = means.relative_lift(
        means.Pair(12.53, 22.16, 1, 1, df=1e9), like=point
    )  # a limit meets the estimate but for rounding
    assert (alone.ci_low, alone.ci_high) == pytest.approx((alone.estimate, alone.estimate), rel=1e-12)


NO_EVENTS = "no unit of the {} arm has an event, so a ratio of rates has no interval"


def draw(rng, n, rate, *, spread=1.0):
    """Events and days at risk of n units; units differ in how many events they tend to have."""
    days = rng.uniform(5, 60, n)
    return rng.poisson(rate * days * rng.gamma(1 / spread, spread, n)), days


def test_rate_ratio_by_hand(moments):
    # control 6 events in 12 days, treatment 6 in 8; residuals around the rates +-1 in control, +-.5 in treatment
    found = means.rate_ratio(moments([1, 3, 2], [4, 4, 4]), moments([1, 2, 3], [2, 2, 4]))
    assert (found.control_value, found.treatment_value, found.estimate) == (0.5, 0.75, 1.5)
    control = 1 / 3 / 2**2  # variance 1 of the residuals -1, 1, 0 over n and the squared mean number of events
    treatment = np.var([1 - 1.5, 2 - 1.5, 3 - 3], ddof=1) / 3 / 2**2
    error = math.sqrt(control + treatment)
    assert found.std_error == pytest.approx(1.5 * error)
    sizes = 3, 3 / (1 + (4 / 3) / (8 / 3) ** 2)
    df = (control + treatment) ** 2 / (control**2 / (sizes[0] - 1) + treatment**2 / (sizes[1] - 1))
    assert found.df == pytest.approx(df)
    assert found.ci_high == pytest.approx(1.5 * math.exp(student.isf(0.025, df) * error))
    assert found.p_value == pytest.approx(2 * student.sf(math.log(1.5) / error, df))
    assert found.method == "log rate ratio"


def test_rate_ratio_statsmodels_sandwich(moments):
    rng = np.random.default_rng(1)
    arms = draw(rng, 300, 0.1), draw(rng, 200, 0.13)
    found = means.rate_ratio(*(moments(*arm) for arm in arms))
    events, days = (np.concatenate(parts) for parts in zip(*arms, strict=True))
    treated = np.repeat([0.0, 1.0], [300, 200])
    fit = sm.GLM(events, sm.add_constant(treated), family=sm.families.Poisson(), offset=np.log(days)).fit(
        cov_type="HC0", tol=1e-12
    )
    assert math.log(found.estimate) == pytest.approx(fit.params[1], rel=1e-9)
    # HC0 divides by n where ours divides by n - 1 within each arm
    control, treatment = (_relative_variance(*arm) for arm in arms)
    assert fit.bse[1] ** 2 == pytest.approx(control * 299 / 300 + treatment * 199 / 200, rel=1e-8)
    assert found.std_error / found.estimate == pytest.approx(math.sqrt(control + treatment), rel=1e-10)


def _relative_variance(events, days):
    rate = events.sum() / days.sum()
    return float(np.var(events - rate * days, ddof=1)) * len(events) / events.sum() ** 2


@pytest.mark.parametrize(("control", "treatment", "reason"), [
    (([0, 0], [4, 4]), ([1, 2], [4, 4]), NO_EVENTS.format("control")),
    (([1, 2], [4, 4]), ([0, 0], [4, 4]), NO_EVENTS.format("treatment")),
    (([0, 0], [3, 4]), ([0, 0], [3, 4]), "the outcome does not vary in either arm, so nothing can be tested"),
    (([1, 2], [0, 0]), ([1, 2], [3, 4]), "a denominator is not above 0"),  # no time at risk
    (([1], [3]), ([1, 2], [3, 4]), "an arm has fewer than 2 units with a known outcome"),
    (([2, 4], [4, 8]), ([3, 3], [4, 4]), "the outcome does not vary in either arm, so nothing can be tested"),
])  # fmt: skip
def test_rate_ratio_undefined(control, treatment, reason, moments):
    found = means.rate_ratio(moments(*control), moments(*treatment))
    assert found.reason == reason
    assert np.isnan([found.estimate, found.ci_low, found.ci_high, found.p_value]).all()


def test_effective_units_by_hand(moments):
    # sizes 2, 2, 8: mean 4, variance 12, so 3 / (1 + 12 / 16)
    assert moments([1, 0, 5], [2, 2, 8]).effective_units == pytest.approx(3 / 1.75)
    assert moments([1, 0, 5], [4, 4, 4]).effective_units == 3
    assert math.isnan(moments([1, 0, 5], [0, 0, 0]).effective_units)
    assert math.isnan(moments([1], [2]).effective_units)
    pair = means.compare_ratios(moments([1, 0, 5], [2, 2, 8]), moments([1, 2, 5], [2, 2, 8]))
    assert pair.reason == "one unit holds most of a denominator, so nothing can be tested"


@pytest.mark.parametrize("price", [20.0, 19.99, 33.33, 1e-3, 1e6 + 0.01])
def test_compare_ratios_that_no_unit_varies_have_no_test_whatever_the_price(price):
    orders = np.random.default_rng(3).poisson(3, size=(2, 400)).astype(float)

    def measure(spent, n):
        return means.measure_columns(np.column_stack([spent, n]), ("num", "den"))

    control, treatment = measure(orders[0] * price, orders[0]), measure(1.05 * price * orders[1], orders[1])
    pair = means.compare_ratios(control, treatment)
    assert (pair.reason, pair.variances) == (means.NO_VARIATION, (0.0, 0.0))
    off = orders[1] * price + np.arange(400) % 2 * 1e-3 * price  # a unit that varies by a thousandth is no rounding
    assert means.compare_ratios(control, measure(off, orders[1])).reason is None
