"""Power, sample size and smallest detectable difference."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.power import TTestIndPower

from helpers.inference import (
    mde_means,
    mde_proportions,
    power_means,
    power_proportions,
    sample_size_means,
    sample_size_proportions,
    score_p_value,
)
from helpers.records import Refused


def test_sample_size_proportions_by_hand():
    # (1.95996 + .84162)^2 x (.12 x .88 + .1 x .9) / .5 / .02^2
    expected = (norm.isf(0.025) + norm.isf(0.2)) ** 2 * (0.12 * 0.88 + 0.1 * 0.9) / 0.5 / 0.02**2
    assert sample_size_proportions(0.1, 0.02) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(7676.2, abs=0.05)


def test_power_proportions_seeded_score_test(in_band):
    n = round(sample_size_proportions(0.37, -0.09) / 2)
    rng = np.random.default_rng(1)
    found = score_p_value(rng.binomial(n, 0.28, 5000), n, rng.binomial(n, 0.37, 5000), n) <= 0.05
    assert in_band(int(found.sum()), 5000, 0.8)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(0.01, 0.9), st.floats(0.005, 0.09), st.floats(0.05, 0.95), st.floats(0.3, 0.99), st.floats(0.001, 0.2))
def test_proportions_mutually_inverse(baseline, difference, share, power, alpha):
    options = {"share_treatment": share, "alpha": alpha}
    n = sample_size_proportions(baseline, difference, power=power, **options)
    assert power_proportions(baseline, difference, n, **options) == pytest.approx(power, rel=1e-9)
    assert mde_proportions(baseline, n, power=power, **options) == pytest.approx(difference, rel=1e-6)


def test_proportions_downwards():
    n = sample_size_proportions(0.37, -0.09)
    assert mde_proportions(0.37, n, direction=-1) == pytest.approx(-0.09, rel=1e-6)
    assert power_proportions(0.37, -0.09, n) == pytest.approx(0.8)


def test_proportions_arguments_change_the_result():
    base = sample_size_proportions(0.1, 0.02)
    assert sample_size_proportions(0.1, 0.02, share_treatment=0.1) > base
    assert sample_size_proportions(0.1, 0.02, power=0.9) > base
    assert sample_size_proportions(0.1, 0.02, alpha=0.1) < base
    assert mde_proportions(0.1, 1000, direction=-1) < 0 < mde_proportions(0.1, 1000, power=0.9)


def test_proportions_impossible():
    assert sample_size_proportions(0.1, 0) == math.inf
    assert math.isnan(sample_size_proportions(0.1, -0.2)) and math.isnan(power_proportions(0.9, 0.2, 100))
    assert math.isnan(mde_proportions(0.01, 100, direction=-1))  # even 0 % would not be found
    assert math.isnan(mde_proportions(1.0, 100))


def test_means_r_power_t_test():
    # R: power.t.test(n = 20, delta = 1, sd = 1) and power.t.test(power = .90, delta = 1), which leave out the far tail
    assert power_means(1, 1, 40) == pytest.approx(0.8689528, abs=5e-7)
    assert sample_size_means(1, 1, power=0.9) / 2 == pytest.approx(22.02110, abs=5e-5)


@pytest.mark.parametrize(("size", "n"), [(0.5, 4), (2.0, 8), (0.3, 60), (0.02, 10_000), (0.0, 100)])
def test_power_means_statsmodels(size, n):
    assert power_means(size, 1, n) == pytest.approx(TTestIndPower().power(size, n / 2, 0.05), abs=1e-9)


def test_power_means_where_statsmodels_is_undefined():
    assert power_means(0.2, 1, 20_000) == pytest.approx(1)
    assert math.isnan(TTestIndPower().power(0.2, 10_000, 0.05))


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.floats(0.05, 1), st.floats(0.2, 5), st.floats(0.1, 0.9), st.floats(0.3, 0.97), st.floats(0.005, 0.2))
def test_means_mutually_inverse(difference, sd_treatment, share, power, alpha):
    options = {"sd_treatment": sd_treatment, "share_treatment": share, "alpha": alpha}
    n = sample_size_means(difference, 1, power=power, **options)
    reached = power_means(difference, 1, n, **options)
    assert reached == pytest.approx(power, abs=1e-9) or (reached > power and n == 2 / min(share, 1 - share))
    assert mde_means(1, n, power=reached, **options) == pytest.approx(difference, rel=1e-6)


def test_means_arguments_change_the_result():
    base = sample_size_means(0.2, 1)
    assert sample_size_means(0.2, 2) > base and sample_size_means(0.2, 1, sd_treatment=2) > base
    assert sample_size_means(0.2, 1, share_treatment=0.2) > base
    assert sample_size_means(0.2, 1, power=0.9) > base > sample_size_means(0.2, 1, alpha=0.2)
    assert sample_size_means(-0.2, 1) == base
    assert mde_means(1, 100, share_treatment=0.2) > mde_means(1, 100) < mde_means(1, 100, sd_treatment=2)
    assert mde_means(1, 100, power=0.9) > mde_means(1, 100) > mde_means(1, 100, alpha=0.2)


def test_means_impossible():
    assert sample_size_means(0, 1) == math.inf
    assert math.isnan(power_means(1, 1, 2)) and math.isnan(mde_means(1, 2))
    assert sample_size_means(1000, 1) == 4  # two units in each arm


def test_planning_of_means_that_do_not_vary_and_of_impossible_power():
    assert sample_size_means(1.0, 0.0) == 4
    assert mde_means(0.0, 100) == 0
    message = "a power of 0.05 cannot be planned for; give one above alpha (0.05) and below 1"
    for plan in (lambda: mde_means(1.0, 100, power=0.05), lambda: sample_size_means(1.0, 1.0, power=0.05)):
        with pytest.raises(Refused, match=re.escape(message)):
            plan()
