"""Several means at once: by hand, pingouin, two groups as the t test, seeded false alarms."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.inference import compare_means, difference
from helpers.inference.means import compare_groups


def test_compare_groups_by_hand(moments):
    # means 2, 4, 9 of two units and variance 2 each: the weights are equal, the spread 13 / (1 + 2 x doubt)
    found = compare_groups([moments(values) for values in ([1, 3], [3, 5], [8, 10])])
    doubt = 3 * (2 / 3) ** 2 / 8
    assert found == pytest.approx((13 / (1 + 2 * doubt), 2, stats.f.sf(13 / (1 + 2 * doubt), 2, 1 / (3 * doubt))))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_compare_groups_pingouin(seed, moments):
    rng = np.random.default_rng(seed)
    groups = [rng.normal(k / 4, 1 + k, 20 + 15 * k) for k in range(4)]
    rows = pd.DataFrame({"y": np.concatenate(groups), "g": np.repeat(range(4), [len(g) for g in groups])})
    expected = pingouin.welch_anova(data=rows, dv="y", between="g").iloc[0]
    found = compare_groups([moments(g) for g in groups])
    assert found == pytest.approx((expected["F"], expected["ddof1"], expected["p_unc"]), rel=1e-10)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.floats(-1e6, 1e6), st.floats(0.01, 100))
def test_compare_groups_properties(moments, seed, shift, factor):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.normal(k, 1 + k, 8 + k) for k in range(3))
    two = compare_groups([moments(a), moments(b)])
    assert two[2] == pytest.approx(difference(compare_means(moments(a), moments(b))).p_value, rel=1e-9)
    found = compare_groups([moments(g) for g in (a, b, c)])
    turned = compare_groups([moments(shift + factor * g) for g in (c, a, b)])
    assert turned[0] == pytest.approx(found[0], rel=1e-6)


@pytest.mark.parametrize(
    "groups",
    [
        [[1, 2, 3]],
        [],
        [[1, 2, 3], [5]],  # n = 1
        [[1, 2, 3], [5, 5]],  # a mean that cannot be weighed
    ],
)
def test_compare_groups_undefined(groups, moments):
    assert np.isnan(compare_groups([moments(g) for g in groups])).all()


def test_compare_groups_seeded_false_alarms(moments, in_band):
    rng, runs, alarms, classic = np.random.default_rng(5), 2000, 0, 0
    for _ in range(runs):
        groups = [rng.normal(0, sd, n) for sd, n in ((1, 80), (2, 40), (6, 20))]
        alarms += compare_groups(map(moments, groups))[2] <= 0.05
        classic += stats.f_oneway(*groups).pvalue <= 0.05
    assert in_band(alarms, runs, 0.05)
    assert classic / runs > 0.1  # the classic test is wrong where variances differ
