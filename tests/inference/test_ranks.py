"""Quantiles by order statistics and ordered scores by who is higher."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sources_samples import tell_refusal

from helpers.inference.contrasts import quantile_difference, win_difference
from helpers.inference.means import compare_ratios

TOO_FEW = "an arm has fewer than 2 units with a known outcome"
TOO_EXTREME = "an arm has too few units for the limits of this quantile"
FEW_CLUSTERS = "an arm has too few clusters for the limits of this quantile"


def test_quantile_difference_by_hand():
    # nine values: P(at most 1 of 9 below the median) = 10/512 = .0195 and P(at most 2) = .0898, so ranks 2 and 8
    control, treatment = np.arange(1.0, 10), 10 * np.arange(1.0, 10)
    found = quantile_difference(control, treatment, 0.5)
    assert (found.control_value, found.treatment_value, found.estimate) == (5, 50, 45)
    assert found.ci_low == pytest.approx(45 - math.hypot(50 - 20, 8 - 5))
    assert found.ci_high == pytest.approx(45 + math.hypot(80 - 50, 5 - 2))
    assert found.std_error == pytest.approx(math.hypot(80 - 20, 8 - 2) / (2 * stats.norm.isf(0.025)))
    # the interval excludes 0 with ranks 2 and 8 already; with 1 and 9: 45 - hypot(40, 4) > 0, each tail 1/512
    assert found.p_value == pytest.approx(2 / 512, rel=1e-9)
    assert found.method == "order statistics" and found.df is None and found.reason is None


@pytest.mark.parametrize("n", [9, 60, 500])
@pytest.mark.parametrize("probability", [0.3, 0.5, 0.9])
def test_quantile_difference_limits_are_the_exact_binomial_ranks(n, probability):
    # beside a constant arm the limits are those of one arm; scipy's quantile_test gives the outermost safe ranks
    values = np.random.default_rng(n).lognormal(0, 1, n)
    found = quantile_difference(np.zeros(n), values, probability)
    expected = stats.quantile_test(values, p=probability).confidence_interval(0.95)
    if np.isnan([expected.low, expected.high]).any():
        assert found.reason == TOO_EXTREME
    else:
        assert (found.ci_low, found.ci_high) == pytest.approx((expected.low, expected.high))


def test_quantile_difference_arguments_change_the_result():
    rng = np.random.default_rng(2)
    arms = rng.exponential(1, 300), rng.exponential(1.3, 300)
    median, ninth = (quantile_difference(*arms, p) for p in (0.5, 0.9))
    assert ninth.estimate != median.estimate and ninth.std_error > median.std_error
    wide = quantile_difference(*arms, 0.5, confidence_level=0.99)
    assert wide.ci_low < median.ci_low and wide.ci_high > median.ci_high
    assert (wide.p_value, wide.std_error) == (median.p_value, median.std_error)
    fives = np.repeat(np.arange(60), 5)  # rows of one cluster that are next to each other in value
    alike = [np.sort(a) for a in arms]
    clustered = quantile_difference(*alike, 0.5, control_clusters=fives, treatment_clusters=fives)
    assert clustered.estimate == median.estimate
    assert clustered.ci_high - clustered.ci_low > 1.5 * (median.ci_high - median.ci_low)
    assert clustered.p_value > median.p_value


@pytest.mark.parametrize("tied", [False, True])
def test_quantile_difference_clusters_by_the_delta_method(tied, moments):
    # the limits of one arm, beside an arm of zeros, from the variance of a share by cluster
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(12), rng.integers(15, 40, 12))
    values = rng.normal(0, 0.7, 12)[clusters] + rng.normal(0, 1, len(clusters))
    if tied:  # a third of the rows stand at the median: nearly half are below it, and most are at most it
        values = np.where((values > -0.1) & (values < 1), 0.0, values) + 1
    n, median = len(values), np.median(values)
    below, at_most = values < median, values <= median
    reached = below if abs(below.mean() - 0.5) < abs(at_most.mean() - 0.5) else at_most
    arm = moments(np.bincount(clusters, weights=reached), np.bincount(clusters))
    effect = max(compare_ratios(arm, arm).var_treatment / (reached.mean() * (1 - reached.mean()) / n), 1)
    reach = stats.t.isf(0.025, arm.effective_units - 1) * math.sqrt(0.25 / n * effect)
    rank = math.floor(n * (0.5 - reach))
    labels = {"control_clusters": clusters, "treatment_clusters": clusters}
    found = quantile_difference(np.zeros(n), values, 0.5, **labels)
    ordered = np.sort(values)
    assert (found.ci_low, found.ci_high) == pytest.approx((ordered[rank - 1], ordered[n - rank]))
    assert effect > 1.5 and (reached is below) == tied


def test_quantile_difference_leaves_missing_values_out():
    rng = np.random.default_rng(4)
    arms, clusters = rng.exponential(1, (2, 80)), np.arange(80) // 4
    arms = np.sort(arms)
    gaps = [np.r_[np.nan, a, np.nan] for a in arms]
    labels = [None, *clusters, "x"]
    assert quantile_difference(*gaps, 0.5) == quantile_difference(*arms, 0.5)
    found = quantile_difference(*gaps, 0.5, control_clusters=labels, treatment_clusters=labels)
    assert found == quantile_difference(*arms, 0.5, control_clusters=clusters, treatment_clusters=clusters)


def test_quantile_difference_of_far_arms_has_a_p_value_above_zero():
    small = quantile_difference(np.arange(12.0), 100 + np.arange(12.0), 0.5)
    assert small.p_value == pytest.approx(2 / 2**12)  # all of an arm below its median: no smaller alpha has ranks
    rng = np.random.default_rng(5)
    assert 0 < quantile_difference(rng.normal(0, 1, 200_000), rng.normal(9, 1, 200_000), 0.5).p_value < 1e-250


@pytest.mark.parametrize(("control", "treatment", "probability", "reason"), [
    ([1.0], range(9), 0.5, TOO_FEW),  # n = 1
    ([], range(9), 0.5, TOO_FEW),
    ([np.nan, np.nan, 1], range(9), 0.5, TOO_FEW),  # one value known
    (range(5), range(50), 0.5, TOO_EXTREME),  # five values never hold a median with 95 %
    (range(50), range(50), 0.95, TOO_EXTREME),  # nothing above the 95th percentile to be an upper limit
    ([3] * 40, [3] * 40, 0.5, "the outcome does not vary in either arm, so nothing can be tested"),
])  # fmt: skip
def test_quantile_difference_undefined(control, treatment, probability, reason):
    found = quantile_difference(control, treatment, probability)
    assert found.reason == reason
    assert np.isnan([found.ci_low, found.ci_high, found.p_value, found.std_error]).all()


@pytest.mark.parametrize("few", [
    [0] * 40,  # one cluster leaves nan degrees of freedom, in whichever arm
    [0] * 37 + [1, 2, 3],  # one cluster holds most: worth less than two
    [0] * 30 + [1] * 5 + [2] * 5,
])  # fmt: skip
def test_quantile_difference_of_few_clusters_is_undefined(few):
    values, many = np.arange(40.0), np.arange(40) // 4
    for control, treatment in ((few, many), (many, few), (few, few)):
        found = quantile_difference(values, values, 0.5, control_clusters=control, treatment_clusters=treatment)
        assert (found.reason, found.estimate) == (FEW_CLUSTERS, 0)


def test_quantile_difference_ties_have_no_false_confidence():
    # nine in ten are 0: the median is 0 in both arms, the limits are too, and no standard error is made up
    zeros = np.r_[np.zeros(90), np.arange(1, 11)]
    found = quantile_difference(zeros, zeros + 0.0, 0.5)
    assert (found.estimate, found.ci_low, found.ci_high, found.p_value) == (0, 0, 0, 1)
    assert math.isnan(found.std_error)
    clusters = np.arange(100) % 10  # the quantile is the same in every cluster
    found = quantile_difference(zeros, zeros, 0.97, control_clusters=clusters, treatment_clusters=clusters)
    assert found.reason == TOO_EXTREME


@pytest.mark.parametrize(("probability", "labels", "message"), [
    (90, None, "give a quantile a probability between 0 and 1, not 90; 0.9 is the 90th percentile"),
    (0.5, [1, 2, 3], "a quantile by clusters: a row has no cluster; give one label a row"),
    (0.5, [1, None], "a quantile by clusters: a row has no cluster; give one label a row"),
])  # fmt: skip
def test_quantile_difference_refuses(probability, labels, message):
    given = {"control_clusters": labels, "treatment_clusters": labels and [1, 2]}
    assert tell_refusal(quantile_difference, [1, 2], [1, 2], probability, **given) == message


def test_quantile_difference_seeded_coverage_by_cluster(in_band):
    # rows of a cluster share half of their variance; rows alone would miss the truth far more often
    rng, runs = np.random.default_rng(7), 120
    clusters = np.repeat(np.arange(30), rng.integers(4, 17, 30))
    held = {True: 0, False: 0}
    for _ in range(runs):
        arms = [rng.normal(0, 1, 30)[clusters] + rng.normal(0, 1, len(clusters)) for _ in range(2)]
        for known in held:
            labels = {"control_clusters": clusters, "treatment_clusters": clusters} if known else {}
            effect = quantile_difference(*arms, 0.5, **labels)
            held[known] += effect.ci_low <= 0 <= effect.ci_high
    assert held[True] / runs > 0.95 or in_band(held[True], runs, 0.95)
    assert held[False] / runs < 0.85


@pytest.mark.parametrize(("values", "probability", "expected"), [
    ([1.0, 2.0, 4.0], 0.5, 2.0),
    ([1.0, 2.0, 4.0, 8.0], 0.5, 3.0),
    ([1.0, 2.0, np.inf], 0.5, 2.0),  # the neighbour has no weight
    ([1.0, 2.0, np.inf, np.inf], 0.5, np.inf),
    ([1.0, 2.0, 6.0, np.inf], 0.5, 4.0),
])  # fmt: skip
def test_quantile_difference_reads_quantiles_of_values_that_never_end(values, probability, expected):
    with warnings.catch_warnings(action="error"):
        found = quantile_difference(np.array(values), np.array(values), probability)
    assert (found.control_value, found.treatment_value) == (expected, expected)


SEPARATED = "every unit of one arm is above every unit of the other, so nothing says how sure that is"


def test_win_difference_by_hand():
    # treatment higher: 3 x 5 at the middle + 5 x (5 + 3) at the top; control higher: 3 x 2 + 2 x (2 + 3), of 100 pairs
    found = win_difference([5, 3, 2], [2, 3, 5])
    assert (found.treatment_value, found.control_value) == pytest.approx((0.55, 0.16))
    assert found.estimate == pytest.approx(0.39)
    # how a unit of each level fares against the other arm: control's -.8, -.3, .5, treatment's -.5, .3, .8
    control = (5 * (-0.8 + 0.39) ** 2 + 3 * (-0.3 + 0.39) ** 2 + 2 * (0.5 + 0.39) ** 2) / 9 / 10
    treatment = (2 * (-0.5 - 0.39) ** 2 + 3 * (0.3 - 0.39) ** 2 + 5 * (0.8 - 0.39) ** 2) / 9 / 10
    assert found.std_error**2 == pytest.approx(control + treatment)
    assert found.method == "brunner-munzel"


def test_win_difference_published_pain_scores():
    # Brunner & Munzel 2000, the shoulder tip pain of Lumley 1996: statistic 3.1375, df 17.683, p .005786,
    # P = .788961 with interval .5952169 to .9827052
    control = np.bincount([1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1], minlength=6)
    treatment = np.bincount([3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4], minlength=6)
    found = win_difference(control, treatment)
    assert found.df == pytest.approx(17.683, abs=5e-4)
    assert found.estimate / found.std_error == pytest.approx(3.1375, abs=5e-5)
    assert found.p_value == pytest.approx(0.005786, abs=5e-7)
    shares = [(1 + value) / 2 for value in (found.estimate, found.ci_low, found.ci_high)]
    assert shares == pytest.approx([0.788961, 0.5952169, 0.9827052], abs=5e-7)


def test_win_difference_limits_stay_on_the_scale():
    found = win_difference([8, 1], [1, 8])
    assert found.estimate + 2 * found.std_error > found.ci_high == 1
    assert win_difference([1, 8], [8, 1]).ci_low == -1


@pytest.mark.filterwarnings("ignore:p-value cannot be estimated")
@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(2, 60), st.integers(2, 12))
def test_win_difference_scipy(seed, n_control, n_treatment, levels):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, levels, n_control), rng.integers(levels // 3, levels, n_treatment)
    found = win_difference(*(np.bincount(r, minlength=levels) for r in rows))
    with np.errstate(all="ignore"):
        expected = stats.brunnermunzel(*rows)
    if found.reason is None:
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    else:
        assert not 0 < expected.pvalue < 1


def test_win_difference_of_many_levels_and_units():
    rng = np.random.default_rng(3)
    few = rng.integers(0, 5, (2, 4000))
    many = win_difference(*(few * 1000))  # 8 million units an arm
    once = win_difference(*few)
    assert many.estimate == pytest.approx(once.estimate, abs=1e-14)
    assert many.std_error == pytest.approx(once.std_error / math.sqrt(1000), rel=1e-3)


@pytest.mark.parametrize(("control", "treatment", "estimate", "reason"), [
    ([9, 0], [0, 9], 1, SEPARATED),
    ([0, 9], [9, 0], -1, SEPARATED),
    ([0, 9], [0, 5], 0, "the outcome does not vary in either arm, so nothing can be tested"),  # all equal
    ([1, 0], [3, 5], math.nan, "an arm has fewer than 2 units with a known outcome"),  # n = 1
    ([0, 0], [3, 5], math.nan, "an arm has fewer than 2 units with a known outcome"),  # nobody answered
    ([], [], math.nan, "an arm has fewer than 2 units with a known outcome"),  # no levels
])  # fmt: skip
def test_win_difference_undefined(control, treatment, estimate, reason):
    found = win_difference(control, treatment)
    assert found.reason == reason
    assert found.estimate == pytest.approx(estimate, nan_ok=True)
    assert math.isnan(found.p_value) and math.isnan(found.ci_low) and math.isnan(found.std_error)
