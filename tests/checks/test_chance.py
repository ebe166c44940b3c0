"""Chance: each p-value by hand, against another source, and its false alarms under the null."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.multivariate.manova import MANOVA

from helpers.checks.trust import compare_covariates, compare_rates, compare_split, measure_imbalance, read_rate
from helpers.records import Moments


def _moments(values, names=("y",)):
    if len(values) < 2:
        return Moments(names, len(values), np.full(len(names), np.nan), np.full((len(names),) * 2, np.nan))
    values = np.asarray(values, float).reshape(len(values), -1)
    return Moments(names, len(values), values.mean(axis=0), np.atleast_2d(np.cov(values.T)))


def _rate(yes, n):
    return _moments([1] * yes + [0] * (n - yes))


def test_compare_split_by_hand():
    # 520 and 480 of 1,000 at a half: chi-square (20^2 + 20^2) / 500 = 1.6 on one degree of freedom
    assert compare_split([520, 480], [0.5, 0.5]) == pytest.approx(stats.chi2.sf(1.6, 1))


def test_compare_split_of_hillstrom(shared):
    counts = pd.read_csv(shared / "data" / "hillstrom.csv.gz")["segment"].value_counts()
    assert compare_split(counts.tolist(), [1 / 3] * 3) == pytest.approx(0.904, abs=5e-4)


def test_compare_split_follows_the_planned_shares():
    assert compare_split([600, 299], [2 / 3, 1 / 3]) > 0.9
    assert compare_split([600, 299], [0.5, 0.5]) < 1e-20


@pytest.mark.parametrize(
    ("counts", "shares", "expected"),
    [
        ([8, 0], [0.5, 0.5], 2 / 2**8),  # four expected: exact binomial, two tails
        ([0, 0], [0.5, 0.5], np.nan),  # no units
        ([3, 4, 5], [1 / 3] * 3, np.nan),  # three arms of four: no test is trusted
    ],
)
def test_compare_split_of_few_units(counts, shares, expected):
    assert compare_split(counts, shares) == pytest.approx(expected, nan_ok=True)


def test_compare_split_alarms_as_often_as_it_says():
    rng = np.random.default_rng(1)
    alarms = sum(compare_split(rng.multinomial(300, [0.2, 0.3, 0.5]), [0.2, 0.3, 0.5]) < 0.05 for _ in range(1000))
    assert stats.binom.ppf(0.0005, 1000, 0.05) <= alarms <= stats.binom.isf(0.0005, 1000, 0.05)


def test_compare_rates_equals_scipy():
    expected = stats.chi2_contingency([[30, 45, 20], [70, 55, 60]], correction=False).pvalue
    assert compare_rates([_rate(30, 100), _rate(45, 100), _rate(20, 80)]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ([(1, 6), (5, 6)], stats.fisher_exact([[1, 5], [5, 1]]).pvalue),  # three expected: exact
        ([(1, 6), (5, 6), (3, 6)], np.nan),  # three groups of few
        ([(0, 50), (0, 60)], np.nan),  # all alike: nothing to test
        ([(50, 50), (60, 60)], np.nan),
        ([(3, 50)], np.nan),  # one group
        ([(3, 50), (0, 0)], np.nan),  # a group without units is none
    ],
)
def test_compare_rates_at_the_edges(arms, expected):
    assert compare_rates([_rate(*arm) for arm in arms]) == pytest.approx(expected, nan_ok=True)


def _clusters(rng, n, spread):
    sizes = 1 + rng.poisson(9, n)
    return _moments(np.column_stack([rng.binomial(sizes, rng.beta(spread, 3 * spread, n)), sizes]), ("num", "den"))


def test_compare_rates_of_clusters_by_hand():
    # common rate 7/14: deviations -0.5 and 0.5, then -1 and 1; no difference between the arms, whose means are 0
    one, other = _moments([[1, 3], [3, 5]], ("num", "den")), _moments([[0, 2], [3, 4]], ("num", "den"))
    assert (read_rate(one), read_rate(other), compare_rates([one, other])) == (0.5, 0.5, 1.0)


def test_compare_rates_of_clusters_equals_the_analysis_of_variance_of_deviations():
    one, other = np.array([[1, 3], [3, 5], [0, 4]]), np.array([[0, 2], [3, 4], [5, 5]])
    rate = 12 / 23
    expected = stats.f_oneway(one[:, 0] - rate * one[:, 1], other[:, 0] - rate * other[:, 1]).pvalue
    assert compare_rates([_moments(a, ("num", "den")) for a in (one, other)]) == pytest.approx(expected)


def test_compare_rates_of_clusters_sees_an_arm_without_any():
    rng = np.random.default_rng(5)
    some, none = _clusters(rng, 100, 1.0), _moments(np.column_stack([np.zeros(100), np.full(100, 10)]), ("num", "den"))
    assert compare_rates([some, none]) < 1e-6


def test_compare_rates_of_clusters_that_all_agree_is_nan():
    alike = _moments([[2, 2], [3, 3]], ("num", "den"))
    assert np.isnan(compare_rates([alike, alike]))


def test_compare_rates_of_clusters_alarms_as_often_as_it_says():
    rng = np.random.default_rng(2)
    alarms = sum(compare_rates([_clusters(rng, 120, 1.0) for _ in range(2)]) < 0.05 for _ in range(600))
    assert stats.binom.ppf(0.0005, 600, 0.05) <= alarms <= stats.binom.isf(0.0005, 600, 0.06)


def _draw_covariates(rng, sizes, columns=3):
    mix = rng.normal(size=(columns, columns))
    return [rng.normal(size=(n, columns)) @ mix for n in sizes]


def _joint(groups):
    return compare_covariates([_moments(g, tuple("pqrs"[: g.shape[1]])) for g in groups])


@pytest.mark.parametrize("sizes", [(12, 9), (10, 8, 14)])
def test_compare_covariates_equals_manova(sizes):
    groups = _draw_covariates(np.random.default_rng(3), sizes)
    frame = pd.DataFrame(np.concatenate(groups), columns=list("pqr")).assign(arm=np.repeat(range(len(sizes)), sizes))
    found = MANOVA.from_formula("p + q + r ~ C(arm)", frame).mv_test().results["C(arm)"]["stat"]
    assert _joint(groups) == pytest.approx(float(found.loc["Pillai's trace", "Pr > F"]), rel=1e-6)


def test_compare_covariates_of_one_covariate_is_students_t():
    one, other = np.array([1.0, 2, 4, 5]), np.array([3.0, 5, 9])
    expected = stats.ttest_ind(one, other).pvalue
    assert _joint([one[:, None], other[:, None]]) == pytest.approx(expected)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_compare_covariates_does_not_depend_on_units_or_on_repeated_columns(seed, scale, shift):
    groups = _draw_covariates(np.random.default_rng(seed), (15, 12), columns=2)
    expected = _joint(groups)
    assert _joint([g * [scale, 1] + [0, shift] for g in groups]) == pytest.approx(expected, rel=1e-5)
    doubled = [np.column_stack([g, g[:, 0] + g[:, 1], np.ones(len(g))]) for g in groups]
    assert _joint(doubled) == pytest.approx(expected, rel=1e-6)


def test_compare_covariates_finds_a_shift_and_is_nan_without_units_or_variation():
    one, other = _draw_covariates(np.random.default_rng(4), (80, 90))
    assert _joint([one, other + 2 * one.std()]) < 1e-6
    assert np.isnan(_joint([one[:1], other]))
    assert np.isnan(_joint([np.ones((5, 1)), np.ones((6, 1))]))
    assert np.isnan(_joint([one[:2], other[:2]]))  # four units, three covariates


def test_measure_imbalance_by_hand_takes_the_worst_arm():
    control, near, far = [1.0, 3.0], [2.0, 4.0], [4.0, 6.0]  # variances 2; gaps 1 and 3 over root 2
    found = measure_imbalance([_moments(control), _moments(near), _moments(far)])
    assert found == pytest.approx([3 / np.sqrt(2)])
    assert np.isnan(measure_imbalance([_moments([1.0, 1.0]), _moments([1.0, 1.0])])).all()
