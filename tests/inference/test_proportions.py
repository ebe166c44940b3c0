"""Two proportions: published limits, brute force, every small table, exact coverage."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm

from helpers.inference.contrasts import relative_lift_risk, risk_difference, score_limits, score_p_value
from helpers.records import Refused

NEWCOMBE = json.loads((Path(__file__).parents[1] / "reference" / "newcombe1998_table2.json").read_text())
Z = norm.isf(0.025)


@pytest.fixture(scope="module")
def tables():
    """Every pair of arms of 1 to 20 units: 52,900 tables."""
    arms = np.array([(x, n) for n in range(1, 21) for x in range(n + 1)])
    first, second = np.indices((len(arms), len(arms))).reshape(2, -1)
    return (*arms[first].T, *arms[second].T)


def brute_force(counts, statistic, start, end):
    """Limit of a score test whose nuisance is found by maximising the likelihood numerically."""
    inside, outside = start, end
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if abs(statistic(middle, *counts)) <= Z else (inside, middle)
    return inside


def log_likelihood(x, n, p):
    return (x * math.log(p) if x else 0) + ((n - x) * math.log1p(-p) if n > x else 0)


def likely_control(ratio, x1, n1, x0, n0):
    def lost(p0):
        return -log_likelihood(x1, n1, ratio * p0) - log_likelihood(x0, n0, p0)

    bounds = 1e-12, min(1, 1 / ratio) - 1e-12
    return minimize_scalar(lost, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x


def ratio_statistic(ratio, x1, n1, x0, n0):
    p0, total = likely_control(ratio, x1, n1, x0, n0), n1 + n0
    p1 = ratio * p0
    variance = (p1 * (1 - p1) / n1 + ratio**2 * p0 * (1 - p0) / n0) * total / (total - 1)
    return (x1 / n1 - ratio * x0 / n0) / math.sqrt(variance)


def test_risk_difference_by_hand():
    # 30/100 against 20/100: pooled .25, variance .25 x .75 x 2/100 x 200/199
    effect = risk_difference(30, 100, 20, 100)
    assert effect.estimate == pytest.approx(0.1)
    assert effect.p_value == pytest.approx(2 * norm.sf(0.1 / math.sqrt(0.25 * 0.75 * 0.02 * 200 / 199)), rel=1e-12)
    assert effect.std_error == pytest.approx(math.sqrt(0.3 * 0.7 / 100 + 0.2 * 0.8 / 100))
    assert (effect.control_value, effect.treatment_value, effect.method) == (0.2, 0.3, "miettinen-nurminen")
    assert effect.reason is None


@pytest.mark.parametrize(
    ("case", "limits"), list(zip(NEWCOMBE["cases"], NEWCOMBE["miettinen_nurminen"], strict=True)), ids=str
)
def test_risk_difference_newcombe_1998_table_2(case, limits):
    effect = risk_difference(*case)
    assert (effect.ci_low, effect.ci_high) == pytest.approx(limits, abs=5.01e-5)


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 1, 29), (7, 900, 3, 4000)])
def test_score_limits_of_a_ratio_brute_force(counts):
    x1, n1, x0, n0 = counts
    start = (x1 / n1) / (x0 / n0)
    expected = [brute_force(counts, ratio_statistic, start, end) for end in (1e-6, 1000)]
    assert [float(limit) for limit in score_limits(*counts, ratio=True)] == pytest.approx(expected, rel=1e-5)


def test_score_limits_rare_events_in_huge_arms():
    # constrained maximum likelihood by bisection of the score equation, 200 halvings
    low, high = score_limits(10, 1e7, 4, 1e7)
    assert (float(low), float(high)) == pytest.approx((-1.5357661613e-07, 1.4861633134e-06), rel=1e-8)


def test_score_limits_agree_with_p_over_every_small_table(tables):
    clear = score_p_value(*tables) <= 0.05
    low, high = score_limits(*tables)
    assert np.array_equal((low > 0) | (high < 0), clear)
    low, high = score_limits(*tables, ratio=True)
    assert np.array_equal((low > 1) | (high < 1), clear)


def test_risk_difference_nobody_has_the_event():
    effect = risk_difference(0, 10, 0, 20)
    assert (effect.ci_low, effect.ci_high) == pytest.approx((-0.1658, 0.2844), abs=5e-5)
    assert effect.estimate == 0
    assert math.isnan(effect.p_value) and math.isnan(effect.std_error)
    assert effect.reason == "all units agree, so there is an interval and no test"


@pytest.mark.parametrize(("counts", "reason"), [
    ((0, 0, 1, 10), "an arm has no units"),
    ((1, 10, 0, 0), "an arm has no units"),
    ((math.nan, 10, 1, 10), "a count is missing"),
    ((1, 10, None, 10), "a count is missing"),
])  # fmt: skip
def test_risk_difference_undefined(counts, reason):
    for estimator in (risk_difference, relative_lift_risk):
        effect = estimator(*counts)
        assert effect.reason == reason
        assert all(math.isnan(v) for v in (effect.estimate, effect.ci_low, effect.ci_high, effect.p_value))


@pytest.mark.parametrize("counts", [(11, 10, 1, 10), (-1, 10, 1, 10), (1, 10, 1, -10)])
def test_risk_difference_impossible_counts(counts):
    with pytest.raises(Refused) as refusal:
        risk_difference(*counts)
    message = "two proportions: a count is negative or above the number of units; give events out of units"
    assert str(refusal.value) == message


def test_relative_lift_risk_by_hand():
    # Koopman 1984 publishes [2.94, 7.15] for 36/40 v 16/80 without the factor; with it the limits lie just outside
    effect = relative_lift_risk(36, 40, 16, 80)
    assert effect.estimate == pytest.approx(3.5)
    assert 2.90 < effect.ci_low + 1 < 2.94 and 7.15 < effect.ci_high + 1 < 7.22
    assert effect.std_error == pytest.approx(4.5 * math.sqrt(0.1 / 36 + 0.8 / 16))  # delta method of the ratio
    assert effect.p_value == risk_difference(36, 40, 16, 80).p_value


def test_relative_lift_risk_no_control_event():
    effect = relative_lift_risk(5, 50, 0, 50)
    assert math.isnan(effect.estimate) and math.isnan(effect.p_value)
    assert effect.reason == "no control unit has the event, so a lift is undefined"
    ((low, high),) = effect.ci_set
    assert low > 0 and high is None  # 5/50 v 0/50: p = .022, so no lift is excluded
    assert relative_lift_risk(0, 50, 0, 50).ci_set == ((-1.0, None),)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1), st.floats(0.6, 0.999))
def test_relative_lift_risk_never_contradicts_the_difference(n1, n0, share1, share0, level):
    counts = round(share1 * n1), n1, round(share0 * n0), n0
    difference = risk_difference(*counts, confidence_level=level)
    lift = relative_lift_risk(*counts, confidence_level=level)
    assert difference.ci_low <= difference.estimate <= difference.ci_high
    if not math.isnan(lift.estimate):
        assert lift.ci_low <= lift.estimate <= lift.ci_high
        if abs(difference.p_value - (1 - level)) > 1e-9:
            assert (lift.ci_low > 0) == (difference.ci_low > 0) and (lift.ci_high < 0) == (difference.ci_high < 0)


def test_score_limits_exact_coverage():
    # all 51 x 51 outcomes enumerated: Miettinen-Nurminen stays near .95 where Wald falls to .53 (Newcombe 1998)
    x1, x0 = np.indices((51, 51)).reshape(2, -1)
    low, high = score_limits(x1, 50, x0, 50)
    for p1, p0 in [(0.02, 0.02), (0.1, 0.05), (0.5, 0.4), (0.98, 0.9)]:
        weight = binom.pmf(x1, 50, p1) * binom.pmf(x0, 50, p0)
        assert 0.93 < weight[(low <= p1 - p0) & (p1 - p0 <= high)].sum() < 0.99
