"""Quantiles by order statistics: by hand, exact binomial ranks, numpy, properties, ties, clusters, seeded coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.inference import compare_ratios, quantile_difference
from helpers.inference.effects import effective_units
from helpers.records import Refused

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


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.integers(0, 10**6), st.integers(30, 200), st.floats(0.3, 0.7), st.sampled_from([0.8, 0.9, 0.95]), st.booleans()
)
def test_quantile_difference_properties(seed, n, probability, level, whole):
    rng = np.random.default_rng(seed)
    arms = rng.exponential(3, n), rng.exponential(4, n + 7)
    arms = tuple(np.floor(a) if whole else a for a in arms)
    found = quantile_difference(*arms, probability, confidence_level=level)
    assert found.control_value == np.quantile(arms[0], probability)
    assert found.ci_low <= found.estimate <= found.ci_high
    assert (found.ci_low > 0 or found.ci_high < 0) == (found.p_value <= 1 - level)
    swapped = quantile_difference(*arms[::-1], probability, confidence_level=level)
    assert (swapped.ci_low, swapped.p_value) == pytest.approx((-found.ci_high, found.p_value))
    moved = quantile_difference(*(8 * a + 100 for a in arms), probability, confidence_level=level)
    assert (moved.ci_low, moved.ci_high) == pytest.approx((8 * found.ci_low, 8 * found.ci_high))
    assert moved.p_value == pytest.approx(found.p_value, rel=1e-9)
    mirrored = quantile_difference(*(-a for a in arms), 1 - probability, confidence_level=level)
    assert (mirrored.ci_low, mirrored.ci_high) == pytest.approx((-found.ci_high, -found.ci_low))


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


def test_quantile_difference_clusters_of_one_row_are_rows():
    rng = np.random.default_rng(3)
    arms = rng.exponential(1, 2000), rng.exponential(1.2, 2000)
    names = np.array([f"s{k}" for k in range(2000)])
    plain = quantile_difference(*arms, 0.5)
    found = quantile_difference(*arms, 0.5, control_clusters=names, treatment_clusters=names)
    assert (found.ci_low, found.ci_high) == pytest.approx((plain.ci_low, plain.ci_high), abs=0.006)
    # rows that differ as much within clusters as they can are worth no more than rows
    spread = np.arange(2000) % 1000
    balanced = [np.sort(a)[np.r_[0:1000, 1999:999:-1]] for a in arms]
    mixed = quantile_difference(*balanced, 0.5, control_clusters=spread, treatment_clusters=spread)
    assert (mixed.ci_low, mixed.ci_high) == pytest.approx((plain.ci_low, plain.ci_high), abs=0.006)


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
    reach = stats.t.isf(0.025, effective_units(arm) - 1) * math.sqrt(0.25 / n * effect)
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
    rng = np.random.default_rng(5)
    found = quantile_difference(rng.normal(0, 1, 200_000), rng.normal(9, 1, 200_000), 0.5)
    assert 0 < found.p_value < 1e-250
    small = quantile_difference(np.arange(12.0), 100 + np.arange(12.0), 0.5)
    assert small.p_value == pytest.approx(2 / 2**12)  # all of an arm below its median: no smaller alpha has ranks


@pytest.mark.parametrize(
    ("control", "treatment", "probability", "reason"),
    [
        ([1.0], range(9), 0.5, TOO_FEW),  # n = 1
        ([], range(9), 0.5, TOO_FEW),
        ([np.nan, np.nan, 1], range(9), 0.5, TOO_FEW),  # one value known
        (range(5), range(50), 0.5, TOO_EXTREME),  # five values never hold a median with 95 %
        (range(50), range(50), 0.95, TOO_EXTREME),  # nothing above the 95th percentile to be an upper limit
        ([3] * 40, [3] * 40, 0.5, "the outcome does not vary in either arm, so nothing can be tested"),
    ],
)
def test_quantile_difference_undefined(control, treatment, probability, reason):
    found = quantile_difference(control, treatment, probability)
    assert found.reason == reason
    assert np.isnan([found.ci_low, found.ci_high, found.p_value, found.std_error]).all()


def test_quantile_difference_of_few_clusters_is_undefined():
    values, one = np.arange(40.0), np.zeros(40)
    found = quantile_difference(values, values, 0.5, control_clusters=one, treatment_clusters=np.arange(40) // 4)
    assert found.reason == FEW_CLUSTERS and found.estimate == 0
    swapped = quantile_difference(values, values, 0.5, control_clusters=np.arange(40) // 4, treatment_clusters=one)
    assert swapped.reason == FEW_CLUSTERS  # one cluster leaves nan degrees of freedom, in whichever arm
    for uneven in ([0] * 37 + [1, 2, 3], [0] * 30 + [1] * 5 + [2] * 5):  # one cluster holds most: worth less than two
        found = quantile_difference(values, values, 0.5, control_clusters=uneven, treatment_clusters=uneven)
        assert found.reason == FEW_CLUSTERS


def test_quantile_difference_ties_have_no_false_confidence():
    # nine in ten are 0: the median is 0 in both arms, the limits are too, and no standard error is made up
    zeros = np.r_[np.zeros(90), np.arange(1, 11)]
    found = quantile_difference(zeros, zeros + 0.0, 0.5)
    assert (found.estimate, found.ci_low, found.ci_high, found.p_value) == (0, 0, 0, 1)
    assert math.isnan(found.std_error)
    clusters = np.arange(100) % 10  # the quantile is the same in every cluster
    found = quantile_difference(zeros, zeros, 0.97, control_clusters=clusters, treatment_clusters=clusters)
    assert found.reason == TOO_EXTREME


def test_quantile_difference_refuses():
    message = "give a quantile a probability between 0 and 1, not 90; 0.9 is the 90th percentile"
    with pytest.raises(Refused, match=message):
        quantile_difference([1, 2], [1, 2], 90)
    message = "a quantile by clusters needs the clusters of both arms; give both or none"
    with pytest.raises(Refused, match=message):
        quantile_difference([1, 2], [1, 2], 0.5, control_clusters=[1, 2])
    message = "a quantile by clusters: a row has no cluster; give one label a row"
    for labels in ([1, 2, 3], [1, None]):
        with pytest.raises(Refused, match=message):
            quantile_difference([1, 2], [1, 2], 0.5, control_clusters=labels, treatment_clusters=[1, 2])


@pytest.mark.parametrize(
    ("n_control", "n_treatment", "probability"),
    [(60, 60, 0.5), (450, 50, 0.5), (200, 200, 0.9)],
)
@pytest.mark.parametrize("kind", ["lognormal", "poisson"])
def test_quantile_difference_seeded_coverage_is_at_least_nominal(n_control, n_treatment, probability, kind, in_band):
    rng, runs = np.random.default_rng(6), 300
    draws = {
        "lognormal": (lambda n, up: (1 + up) * rng.lognormal(0, 1.5, n), stats.lognorm(1.5).ppf(probability)),
        # the quantile stands at the very edge of a step in both arms: the worst case of tied values
        "poisson": (lambda n, up: rng.poisson(5.67 if up else 4.67, n), None),
    }
    draw, truth = draws[kind]
    if truth is None:
        truth = stats.poisson.ppf(probability, 5.67) - stats.poisson.ppf(probability, 4.67)
    effects = [quantile_difference(draw(n_control, 0), draw(n_treatment, 1), probability) for _ in range(runs)]
    held = sum(e.ci_low <= truth <= e.ci_high for e in effects)
    assert held / runs > 0.95 or in_band(held, runs, 0.95, cells=6)


def test_quantile_difference_seeded_coverage_by_cluster(in_band):
    # rows of a cluster share half of their variance; rows alone would miss the truth far more often
    rng, runs = np.random.default_rng(7), 300
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
    found = quantile_difference(np.array(values), np.array(values), probability)
    assert (found.control_value, found.treatment_value) == (expected, expected)
