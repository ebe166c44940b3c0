"""One test of all arms together, where an experiment has several treatments."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2

from helpers.inference.comparisons import list_comparisons
from helpers.inference.effects import pair_arms
from helpers.inference.guarantees import find_guarantee
from helpers.inference.headline import is_permuted, pool_skewness
from helpers.inference.pairs import effective_units
from helpers.inference.variation import compare_groups
from helpers.records import NAN, Moments, Test

NAME = "any difference between the arms"


def compare_all_arms(material) -> list[Test]:
    """Return for every primary and secondary mean one test of whether any of the arms differ.

    Unadjusted for covariates. Shares by the score test of equal shares (chi-square), all else by Welch's analysis of
    variance, for ratios and clusters at the randomised unit with its honest degrees of freedom.

    Parameters
    ----------
    material : Material

    Returns
    -------
    list of Test: of the exploratory family, since the comparisons decide. None with a single treatment, at an early
        or planned look (whose error it would not keep), where a permutation test decides, where the smallest arm is
        too small for the outcome's tail, and for times to an event, quantiles and ordered scores.

    References
    ----------
    Welch 1951, Biometrika 38: 330-336; Pearson 1900 (chi-square).
    """
    treatments = material.design.variant.treatments
    if len(treatments) < 2 or material.look.interval != "fixed":
        return []
    leads = [c for c in list_comparisons(material.design, "primary", "secondary") if c.treatment == treatments[0]]
    found = [_test(c, material) for c in leads if c.metric.is_mean and c.name not in material.not_estimable]
    return [test for test in found if not math.isnan(test.p_value)]


def compare_shares(groups) -> tuple[float, float, float]:
    """Return the score test of whether several groups have one share: statistic, degrees of freedom, p-value.

    Parameters
    ----------
    groups : sequence of Moments
        Of a column of 0 and 1.

    Returns
    -------
    tuple: nan where a group is empty or nobody, or everybody, has the event.

    References
    ----------
    Pearson 1900, Philosophical Magazine 50: 157-175.

    Examples
    --------
    >>> groups = [Moments(("y",), 100, np.array([p]), np.array([[p * (1 - p)]])) for p in (0.4, 0.5, 0.6)]
    >>> [round(x, 4) for x in compare_shares(groups)]
    [8.0, 2.0, 0.0183]
    """
    sizes = np.array([m.n for m in groups], float)
    if min(sizes) < 1:
        return NAN, NAN, NAN
    shares = np.array([m.value for m in groups])
    pooled = float(sizes @ shares / sizes.sum())
    if not 0 < pooled < 1:
        return NAN, NAN, NAN
    statistic = float(sizes @ (shares - pooled) ** 2) / (pooled * (1 - pooled))
    df = float(len(sizes) - 1)
    return statistic, df, float(chi2.sf(statistic, df))


def _test(comparison, material):
    arms = {arm: material.raw[comparison.name][arm] for arm in comparison.design.variant.arms}
    if comparison.metric.kind == "binary" and comparison.design.cluster is None:
        statistic, df, p = compare_shares(arms.values())
    elif is_permuted(comparison, material) or _is_lopsided(arms.values()):
        statistic, df, p = NAN, NAN, NAN
    else:
        found = compare_groups(_make_plain(arms, comparison.control))
        statistic, df, p = found.statistic, float(found.df), found.p_value
    return Test(f"{comparison.name}:all arms:{NAME}", comparison.name, NAME, statistic, df, p, family="exploratory")


def _is_lopsided(groups):
    """Whether the smallest arm beside the largest is too small for the outcome's tail: Welch's limits, of units."""
    sizes, welch = [m.n for m in groups], find_guarantee("welch", "difference")
    facts = {"n_control": max(sizes), "n_treatment": min(sizes), "skewness": pool_skewness(groups)}
    return all(m.names[0] == "y" for m in groups) and welch.find_departure(**facts) is not None


def _make_plain(arms, control):
    """Moments of one value a unit; of a ratio, those of as many equal units as know as much."""
    if arms[control].names[0] == "y":
        return list(arms.values())
    plain = []
    for moments in arms.values():
        pair = pair_arms(arms[control], moments)
        n = NAN if pair.reason else effective_units(moments)
        plain.append(Moments(("y",), n, np.array([pair.treatment]), np.array([[pair.var_treatment * n]])))
    return plain
