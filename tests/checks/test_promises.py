"""Whether p-values of splits without any difference are called even: bands by hand, and words for what is wrong."""

import math

import numpy as np
import pytest
from scipy import stats

from helpers.checks.resplit import FEWER, HOLDS, TOO_FEW, TOO_MANY, _measure_distance, count_by_tenth, judge_p_values

EVEN = (np.arange(1000) + 0.5) / 1000
LATE = np.where(EVEN > 0.1, 1 - 0.9 * ((1 - EVEN) / 0.9) ** 2, EVEN)  # even up to .1, then too large
EARLY = np.where(EVEN > 0.1, 0.1 + 0.9 * ((EVEN - 0.1) / 0.9) ** 2, EVEN)  # even up to .1, then too small


def test_judge_p_values_by_hand():
    found = judge_p_values(EVEN, alpha=0.05)
    assert found.clear == 0.05 and found.verdict == HOLDS
    # the band: at most .0005 of all even tests have fewer, and at most .0005 have more
    assert stats.binom.cdf(round(found.band_low * 1000) - 1, 1000, 0.05) < 0.0005
    assert stats.binom.sf(round(found.band_high * 1000), 1000, 0.05) <= 0.0005
    assert found.p_uniform == pytest.approx(1)


@pytest.mark.parametrize(
    ("p_values", "verdict"),
    [
        (EVEN**2, TOO_MANY),  # 22 % below .05
        (np.sqrt(EVEN), FEWER),  # .25 % below .05
        (
            np.where(EVEN > 0.1, 0.1 + 0.9 * ((EVEN - 0.1) / 0.9) ** 2, EVEN),
            "not even, on the bold side: p-values up to",
        ),
        (
            np.where(EVEN > 0.1, 1 - 0.9 * ((1 - EVEN) / 0.9) ** 2, EVEN),
            "not even, on the careful side: p-values up to",
        ),
        (np.where(EVEN > 0.89, np.nan, EVEN), TOO_FEW),  # a tenth of the splits had no test
        (np.full(1000, np.nan), TOO_FEW),
        (np.ceil(EVEN * 9) / 9, TOO_FEW),  # nine values only
    ],
)
def test_judge_p_values_says_what_is_wrong(p_values, verdict):
    assert judge_p_values(p_values, alpha=0.05).verdict.startswith(verdict)


def test_judge_p_values_names_place_and_share():
    said = "not even, on the careful side: p-values up to 0.77 come in 55 % of the splits"
    assert judge_p_values(LATE, alpha=0.05).verdict == said


def test_judge_p_values_arguments_change_the_result():
    one, many = (judge_p_values(EVEN, alpha=0.05, n_tests=n) for n in (1, 20))
    assert many.band_low < one.band_low < one.band_high < many.band_high
    assert judge_p_values(EVEN, alpha=0.1).clear == 0.1
    assert judge_p_values(EVEN, alpha=0.05, is_small=True).verdict == TOO_FEW
    assert judge_p_values(EVEN, alpha=0.05, is_small=True).clear == 0.05


def test_judge_p_values_of_discrete_tests_is_not_blamed_for_jumps():
    # exact p-values stand at the top of their jump, mid-p-values in its middle: both keep what they promise
    rng = np.random.default_rng(3)
    x = rng.binomial(12, 0.5, 5000)
    exact = stats.binom.cdf(x, 12, 0.5)
    middle = exact - stats.binom.pmf(x, 12, 0.5) / 2
    for p_values in (exact, middle):
        assert judge_p_values(p_values, alpha=float(stats.binom.cdf(3, 12, 0.5))).p_uniform > 0.01
        assert stats.kstest(p_values, "uniform").pvalue < 1e-6  # the plain test would blame them


def test_judge_p_values_seldom_alarms_in_vain():
    rng = np.random.default_rng(4)
    verdicts = [judge_p_values(rng.random(200), alpha=0.05, n_tests=1).verdict for _ in range(2000)]
    assert sum(v != HOLDS for v in verdicts) <= stats.binom.isf(0.001, 2000, 0.002)
    p_values = [judge_p_values(rng.random(200), alpha=0.05).p_uniform for _ in range(2000)]
    assert stats.binomtest(sum(p <= 0.05 for p in p_values), 2000, 0.05).pvalue > 0.001


def test_measure_distance_equals_kolmogorov_without_ties():
    p_values = np.random.default_rng(5).random(300) ** 1.3
    distance, at, share = _measure_distance(p_values)
    plain = stats.kstest(p_values, "uniform")
    assert distance == pytest.approx(plain.statistic, abs=1 / 300 + 1e-12)
    assert at in p_values and share > at


def test_count_by_tenth_by_hand():
    assert count_by_tenth([0.05, 0.1, 0.11, 1, math.nan]).tolist() == [0.5, 0.25, 0, 0, 0, 0, 0, 0, 0, 0.25]
    assert np.isnan(count_by_tenth([math.nan])).all()
    assert count_by_tenth([0.3, 0.1 + 0.2])[2] == 1  # rounding does not move a value into the next tenth
