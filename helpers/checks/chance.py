"""How likely chance alone makes arms as different as they are: counts, rates, and all covariates together."""

from __future__ import annotations

import numpy as np
from scipy import stats

from helpers.records import NAN, Moments

LEAST_EXPECTED = 5  # below it a chi-square test is not trusted (Cochran 1954)


def compare_split(counts, shares) -> float:
    """Return the p-value of some counts of units under the planned shares.

    Parameters
    ----------
    counts : sequence of int, one an arm
    shares : sequence of float, one an arm, sum 1

    Returns
    -------
    float: chi-square; exact binomial for two arms where fewer than 5 units are expected in one; nan for more
        arms then, and without units.

    Examples
    --------
    >>> round(compare_split([21306, 21307, 21387], [1 / 3] * 3), 3)
    0.904
    """
    total = sum(counts)
    expected = total * np.asarray(shares)
    if not total or (expected.min() < LEAST_EXPECTED and len(counts) > 2):
        return NAN
    if expected.min() < LEAST_EXPECTED:
        return float(stats.binomtest(int(counts[0]), int(total), shares[0]).pvalue)
    return float(stats.chisquare(counts, expected * total / expected.sum()).pvalue)


def compare_rates(arms) -> float:
    """Return the p-value of equal rates in all groups of units.

    Parameters
    ----------
    arms : sequence of Moments
        Of a 0/1 column, ("y",), or of its sums and numbers by cluster, ("num", "den").

    Returns
    -------
    float: chi-square; Fisher's exact test for two groups where fewer than 5 are expected in a cell; for clusters
        the F test of their deviations from the common rate. nan where all units are alike, fewer than two groups have
        units, or cells are too small for the test.
    """
    arms = [m for m in arms if m.n]
    if len(arms) < 2:
        return NAN
    if len(arms[0].names) > 1:
        return _compare_cluster_rates(arms)
    yes = np.array([round(m.value * m.n) for m in arms])
    table = np.array([yes, [m.n for m in arms] - yes])
    if not table.sum(axis=1).all():
        return NAN
    if stats.contingency.expected_freq(table).min() >= LEAST_EXPECTED:
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    return float(stats.fisher_exact(table).pvalue) if len(arms) == 2 else NAN


def read_rate(moments: Moments) -> float:
    """Return the share of units with a 1; nan without units."""
    return moments.value if len(moments.names) == 1 else float(moments.mean[0] / moments.mean[1])


def _compare_cluster_rates(arms):
    """Analysis of variance of each cluster's sum less the common rate times its size; sound where an arm has none."""
    sizes = np.array([m.n for m in arms])
    totals = sizes @ np.array([m.mean for m in arms])
    slope = np.array([1.0, -totals[0] / totals[1]])
    between = float(sizes @ np.array([m.mean @ slope for m in arms]) ** 2)
    within = sum((m.n - 1) * float(slope @ m.cov @ slope) for m in arms if m.n > 1)
    if between + within <= 1e-12 * totals.sum() or sizes.sum() <= len(arms):
        return NAN
    return _test_trace(between / (between + within), 1, len(arms) - 1, sizes.sum())


def compare_covariates(arms) -> float:
    """Return the p-value of equal means of all covariates together in all arms.

    Parameters
    ----------
    arms : sequence of Moments, names are the covariates

    Returns
    -------
    float: Pillai's trace (for two arms Hotelling's T-squared) of the covariates that are not combinations of
        others; nan where there are not more units than arms and covariates.

    References
    ----------
    Pillai (1955); Hansen and Bowers (2008), Covariate balance in simple, stratified and clustered studies.
    """
    sizes = np.array([m.n for m in arms])
    total, groups = sizes.sum(), len(arms)
    if sizes.min() < 2:
        return NAN
    gaps = np.array([m.mean for m in arms]) - np.average([m.mean for m in arms], axis=0, weights=sizes)
    between = (gaps * sizes[:, None]).T @ gaps
    within = sum((m.n - 1) * m.cov for m in arms)
    spread = np.diag(between + within)
    scale = np.where(spread > 0, 1 / np.sqrt(np.where(spread > 0, spread, 1)), 0)
    values, vectors = np.linalg.eigh(scale[:, None] * (between + within) * scale)
    kept = values > 1e-9 * max(values.max(), 1)
    rank = int(kept.sum())
    if not rank or total <= groups + rank:
        return NAN
    turned = (gaps * scale) @ vectors[:, kept] / np.sqrt(values[kept])
    return _test_trace(float(np.sum(sizes[:, None] * turned**2)), rank, groups - 1, total)


def _test_trace(trace, columns, contrasts, total):
    s = min(columns, contrasts)
    m, n = (abs(columns - contrasts) - 1) / 2, (total - contrasts - columns - 2) / 2
    df, left = s * (2 * m + s + 1), s * (2 * n + s + 1)
    return float(stats.f.sf(trace / max(s - trace, 1e-300) * left / df, df, left))


def measure_imbalance(arms) -> np.ndarray:
    """Return the largest standardised difference of each covariate between the first arm and another.

    The difference of means over the root of the mean of the two variances; nan where nothing varies.
    """
    control, *others = arms
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = [abs(m.mean - control.mean) / np.sqrt((np.diag(m.cov) + np.diag(control.cov)) / 2) for m in others]
    return np.max(gaps, axis=0)
