"""Rate ratios: by hand, statsmodels' sandwich, the Poisson formula, properties, seeded coverage."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from helpers.inference import compare_ratios, rate_ratio
from helpers.inference.effects import effective_units

NO_EVENTS = "no unit of the {} arm has an event, so a ratio of rates has no interval"


def draw(rng, n, rate, *, spread=1.0):
    """Events and days at risk of n units; units differ in how many events they tend to have."""
    days = rng.uniform(5, 60, n)
    return rng.poisson(rate * days * rng.gamma(1 / spread, spread, n)), days


def test_rate_ratio_by_hand(moments):
    # control 6 events in 12 days, treatment 6 in 8; residuals around the rates +-1 in control, +-.5 in treatment
    found = rate_ratio(moments([1, 3, 2], [4, 4, 4]), moments([1, 2, 3], [2, 2, 4]))
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
    found = rate_ratio(*(moments(*arm) for arm in arms))
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


def test_rate_ratio_of_poisson_counts_nears_the_poisson_formula(moments):
    rng = np.random.default_rng(2)
    arms = [(rng.poisson(rate * 30, 40_000), np.full(40_000, 30.0)) for rate in (0.02, 0.021)]
    found = rate_ratio(*(moments(*arm) for arm in arms))
    poisson = math.sqrt(sum(1 / arm[0].sum() for arm in arms))
    assert found.std_error / found.estimate == pytest.approx(poisson, rel=0.02)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.floats(0.8, 0.99), st.floats(0.1, 50))
def test_rate_ratio_properties(moments, seed, level, unit):
    rng = np.random.default_rng(seed)
    (e0, d0), (e1, d1) = draw(rng, 25, 0.1), draw(rng, 30, 0.12)
    found = rate_ratio(moments(e0, d0), moments(e1, d1), confidence_level=level)
    assert found.ci_low <= found.estimate <= found.ci_high
    assert (found.ci_low > 1 or found.ci_high < 1) == (found.p_value <= 1 - level)
    swapped = rate_ratio(moments(e1, d1), moments(e0, d0), confidence_level=level)
    assert (swapped.ci_low, swapped.p_value) == pytest.approx((1 / found.ci_high, found.p_value))
    hours = rate_ratio(moments(e0, unit * d0), moments(e1, unit * d1), confidence_level=level)
    assert (hours.estimate, hours.ci_low) == pytest.approx((found.estimate, found.ci_low))


def test_rate_ratio_level_moves_the_limits(moments):
    rng = np.random.default_rng(3)
    arms = [moments(*draw(rng, 50, 0.1)) for _ in range(2)]
    narrow, wide = (rate_ratio(*arms, confidence_level=level) for level in (0.8, 0.99))
    assert wide.ci_low < narrow.ci_low and wide.ci_high > narrow.ci_high and wide.p_value == narrow.p_value


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        (([0, 0], [4, 4]), ([1, 2], [4, 4]), NO_EVENTS.format("control")),
        (([1, 2], [4, 4]), ([0, 0], [4, 4]), NO_EVENTS.format("treatment")),
        (([0, 0], [3, 4]), ([0, 0], [3, 4]), "the outcome does not vary in either arm, so nothing can be tested"),
        (([1, 2], [0, 0]), ([1, 2], [3, 4]), "a denominator is not above 0"),  # no time at risk
        (([1], [3]), ([1, 2], [3, 4]), "an arm has fewer than 2 units with a known outcome"),
        (([2, 4], [4, 8]), ([3, 3], [4, 4]), "the outcome does not vary in either arm, so nothing can be tested"),
    ],
)  # fmt: skip
def test_rate_ratio_undefined(control, treatment, reason, moments):
    found = rate_ratio(moments(*control), moments(*treatment))
    assert found.reason == reason
    assert np.isnan([found.estimate, found.ci_low, found.ci_high, found.p_value]).all()


def test_rate_ratio_seeded_coverage_of_counts_far_from_poisson(moments, in_band):
    rng, runs = np.random.default_rng(4), 1500
    truth, held = 1.3, 0
    for _ in range(runs):
        found = rate_ratio(*(moments(*draw(rng, 200, rate, spread=2.0)) for rate in (0.1, 0.13)))
        held += found.ci_low <= truth <= found.ci_high
    assert in_band(held, runs, 0.95)


def test_effective_units_by_hand(moments):
    # sizes 2, 2, 8: mean 4, variance 12, so 3 / (1 + 12 / 16)
    assert effective_units(moments([1, 0, 5], [2, 2, 8])) == pytest.approx(3 / 1.75)
    assert effective_units(moments([1, 0, 5], [4, 4, 4])) == 3
    assert math.isnan(effective_units(moments([1, 0, 5], [0, 0, 0])))
    assert math.isnan(effective_units(moments([1], [2])))
    pair = compare_ratios(moments([1, 0, 5], [2, 2, 8]), moments([1, 2, 5], [2, 2, 8]))
    assert pair.reason == "one unit holds most of a denominator, so nothing can be tested"
