"""Several means at once: by hand, pingouin, scipy, two groups as the t test, seeded false alarms; NIST elsewhere."""

import math

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.inference import Variation, compare_groups, compare_means, difference


def test_compare_groups_by_hand(moments):
    # means 2, 4, 9 around 5; between 2 x (9 + 1 + 16) / 2, within (2 + 2 + 2) / 3
    groups = [moments(values) for values in ([1, 3], [3, 5], [8, 10])]
    found = compare_groups(groups, equal_variances=True)
    assert (found.statistic, found.df, found.df_within) == pytest.approx((13, 2, 3))
    assert found.p_value == pytest.approx(stats.f.sf(13, 2, 3))
    assert compare_groups(groups).p_value != found.p_value


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_compare_groups_pingouin_and_scipy(seed, moments):
    rng = np.random.default_rng(seed)
    groups = [rng.normal(k / 4, 1 + k, 20 + 15 * k) for k in range(4)]
    rows = pd.DataFrame({"y": np.concatenate(groups), "g": np.repeat(range(4), [len(g) for g in groups])})
    expected = pingouin.welch_anova(data=rows, dv="y", between="g").iloc[0]
    found = compare_groups([moments(g) for g in groups])
    assert found.df == expected["ddof1"] and found.df_within == pytest.approx(expected["ddof2"], rel=1e-10)
    assert (found.statistic, found.p_value) == pytest.approx((expected["F"], expected["p_unc"]), rel=1e-10)
    classic = compare_groups([moments(g) for g in groups], equal_variances=True)
    assert (classic.statistic, classic.p_value) == pytest.approx(tuple(stats.f_oneway(*groups)), rel=1e-10)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.floats(-1e6, 1e6), st.floats(0.01, 100))
def test_compare_groups_properties(moments, seed, shift, factor):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.normal(k, 1 + k, 8 + k) for k in range(3))
    two = compare_groups([moments(a), moments(b)])
    effect = difference(compare_means(moments(a), moments(b)))
    assert (two.p_value, two.df_within) == pytest.approx((effect.p_value, effect.df), rel=1e-9)
    found = compare_groups([moments(g) for g in (a, b, c)])
    turned = compare_groups([moments(shift + factor * g) for g in (c, a, b)])
    assert turned.statistic == pytest.approx(found.statistic, rel=1e-6)


@pytest.mark.parametrize(
    ("groups", "equal_variances", "reason"),
    [
        ([[1, 2, 3]], False, "fewer than two groups"),
        ([], True, "fewer than two groups"),
        ([[1, 2, 3], [5]], False, "a group has fewer than 2 units with a known outcome"),  # n = 1
        ([[1, 2, 3], [5, 5]], False, "the outcome does not vary in a group, so its mean cannot be weighed"),
        ([[1, 1, 1], [5, 5]], True, "the outcome does not vary in any group"),
        ([[1], [5]], True, "the outcome does not vary in any group"),
    ],
)
def test_compare_groups_undefined(groups, equal_variances, reason, moments):
    found = compare_groups([moments(g) for g in groups], equal_variances=equal_variances)
    assert found.reason == reason and math.isnan(found.p_value) and math.isnan(found.statistic)


def test_compare_groups_classic_takes_a_group_of_one(moments):
    found = compare_groups([moments([1, 2, 3]), moments([5])], equal_variances=True)
    expected = stats.f_oneway([1, 2, 3], [5])
    assert (found.statistic, found.p_value) == pytest.approx(tuple(expected))
    assert isinstance(found, Variation)


def test_compare_groups_seeded_false_alarms(moments, in_band):
    rng, runs = np.random.default_rng(5), 2000
    alarms = {True: 0, False: 0}
    for _ in range(runs):
        groups = [moments(rng.normal(0, sd, n)) for sd, n in ((1, 80), (2, 40), (6, 20))]
        for equal in alarms:
            alarms[equal] += compare_groups(groups, equal_variances=equal).p_value <= 0.05
    assert in_band(alarms[False], runs, 0.05)
    assert alarms[True] / runs > 0.1  # the classic test is wrong where variances differ
