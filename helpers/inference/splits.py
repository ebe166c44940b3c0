"""The same effect week by week, segment by segment and arm by arm, with one test each of whether it really differs."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from helpers import metrics
from helpers.inference.decisions import list_comparisons
from helpers.inference.looks import Look
from helpers.inference.means import measure_interaction, measure_trend, merge_moments, pair_arms
from helpers.inference.methods import Arm, compare, compare_arms, demand_method, find_method, pool_skewness
from helpers.records import NAN, Estimate, Moments, Test

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
    list of Test: of the exploratory family, since the comparisons decide. None at an early
        or planned look (whose error it would not keep), where a permutation test decides, where the smallest arm is
        too small for the outcome's tail, and for times to an event, quantiles and ordered scores.

    References
    ----------
    Welch 1951, Biometrika 38: 330-336; Pearson 1900 (chi-square).
    """
    design, found = material.design, []
    if material.look.interval != "fixed":
        return []
    for comparison in list_comparisons(design, "primary", "secondary"):
        is_lead = comparison.arms == design.pairs[0]
        if is_lead and comparison.metric.how.is_mean and comparison.name not in material.not_estimable:
            statistic, df, p = _compare_all(comparison, material)
            name, key = comparison.name, f"{comparison.name}:all arms:{NAME}"
            found += [Test(key, name, NAME, statistic, df, p, family="exploratory")] if p == p else []
    return found


def _compare_all(comparison, material):
    arms = {arm: material.raw[comparison.name][arm] for arm in comparison.design.variant.arms}
    groups = list(arms.values())
    if comparison.metric.how.is_share and comparison.design.cluster is None:
        return compare_shares(groups)
    sizes, welch = [m.n for m in groups], find_method("welch", "difference")
    facts = {"n_control": max(sizes), "n_treatment": min(sizes), "skewness": pool_skewness(groups)}
    is_plain = all(m.names[0] == "y" for m in groups)
    # the smallest arm beside the largest may be too small for the outcome's tail: Welch's limits, of units
    if material.choose(comparison) == "permutation" or (is_plain and welch.domain.find_departure(**facts)):
        return NAN, NAN, NAN
    return compare_groups(groups if is_plain else _make_plain(groups, arms[comparison.control]))


def _make_plain(groups, control):
    """Moments of as many equal units as know as much of each ratio."""
    plain = []
    for moments in groups:
        pair = pair_arms(control, moments)
        n = NAN if pair.reason else moments.effective_units
        plain.append(Moments(("y",), n, np.array([pair.treatment]), np.array([[pair.var_treatment * n]])))
    return plain


def estimate_splits(material) -> tuple[list[Estimate], list[Test]]:
    """Return the effect within each level of each segment and by week of assignment, each with a test that it differs.

    Parameters
    ----------
    material : Material
        Without `assigned_at` in the plan there are no weeks.

    Returns
    -------
    list of Estimate: `segment` is "column=level", `at` is "week 1", "week 2", ..., role exploratory, family segments or
        weeks; none for times to an event and quantiles.
    list of Test: a linear trend by weighted least squares of the weekly effect on the week, standard normal; Cochran's
        Q over the levels; both over groups with at least `min_cell` units in both arms.
    """
    design, segments, weeks, tests = material.design, [], [], []
    clusters = None if design.cluster is None else ()
    for by in (*(["week"] if design.assigned_at else []), *design.segments):
        groups, family = metrics.summarise(material.units, by=by), "weeks" if by == "week" else "segments"
        for comparison in [c for c in list_comparisons(design, "primary", "secondary") if c.is_with_control]:
            metric, name, rows = comparison.metric, comparison.name, []
            reads = demand_method(metric.how.method).reads
            if reads not in ("moments", "levels") or name in material.not_estimable:
                continue
            levels = metrics.count_levels(material.units, name, by=by) if reads == "levels" else {}
            for group in sorted(groups):
                arms, labels = groups[group][name], {"estimand": "difference", "role": "exploratory", "family": family}
                if reads == "moments":
                    effect = compare_arms(metric, *comparison.take(arms), confidence_level=comparison.level)
                else:
                    sides = [Arm(levels=side, clusters=clusters) for side in comparison.take(levels[group])]
                    effect = compare(metric, metric.how.method, *sides, confidence_level=comparison.level)
                labels |= {"at": f"week {int(group) + 1}"} if by == "week" else {"segment": f"{by}={group}"}
                effect = material.at_look(comparison, effect)
                rows.append(material.label(comparison, effect, arms=arms, **labels))
            (weeks if by == "week" else segments).extend(rows)
            tests += _test_split(comparison, by, sorted(groups), rows)
    return [*segments, *weeks], tests


def _test_split(comparison, by, groups, rows):
    usable = [
        (int(group) if by == "week" else 0, row.estimate, row.std_error**-2)
        for group, row in zip(groups, rows, strict=True)
        if row.std_error > 0 and min(row.n_control, row.n_treatment) >= comparison.design.min_cell
    ]
    if len(usable) < (3 if by == "week" else 2):
        return []
    if by == "week":
        name, df, measure = "trend over weeks", None, measure_trend
    else:
        name, df, measure = f"interaction with {by}", len(usable) - 1, measure_interaction
    statistic, p = measure(*np.array(usable, float).T)
    key = f"{comparison.name}:{comparison.label}:{name}"
    return [Test(key, comparison.name, name, statistic, df, p, family="weeks" if by == "week" else "segments")]


def trace_path(units: metrics.Units, look: Look, failed) -> pd.DataFrame:
    """Return the effect on the key metric as it would have been seen after each week of assignment.

    The units of a week count once their windows are over, so a week stands for the day on which its last window
    ends. The always-valid interval holds the truth at all weeks together; the fixed one at the last alone.

    Parameters
    ----------
    units : metrics.Units
    look : Look
    failed : set of str
        Metrics that failed their missingness check.

    Returns
    -------
    DataFrame: one row a treatment and week, treatments in the plan's order: `metric`, `treatment`, `day` (days since
        the first assignment, the week's end), `n`, `estimate`, `ci_low`, `ci_high` (always-valid), `fixed_low`,
        `fixed_high` (last row of a treatment). Empty without times of assignment, for a metric that moments do not
        tell (time to event, quantile, ordered score) or that is not estimable, and until an interval exists.
    """
    design, rows = units.design, []
    name = design.key_metric
    if design.assigned_at is None or not design.metrics[name].how.is_mean or name in failed:
        return pd.DataFrame()
    weeks = metrics.summarise(units, by="week")
    look = replace(look, interval="always-valid")
    for comparison in [c for c in list_comparisons(design) if c.name == name and c.is_with_control]:
        so_far = {comparison.control: None, comparison.treatment: None}
        for week in sorted(weeks):
            so_far = {arm: merge_moments(found, weeks[week][name][arm]) for arm, found in so_far.items()}
            fixed = compare_arms(comparison.metric, *so_far.values(), confidence_level=comparison.level)
            n, is_last = sum(comparison.count(so_far)), week == max(weeks)
            seen = look.apply(comparison, fixed, n=n)
            row = {"metric": name, "treatment": comparison.treatment, "day": 7 * (int(week) + 1), "n": n}
            row |= {"estimate": fixed.estimate, "ci_low": seen.ci_low, "ci_high": seen.ci_high}
            row |= {"fixed_low": fixed.ci_low if is_last else NAN, "fixed_high": fixed.ci_high if is_last else NAN}
            rows.append(row)
    return pd.DataFrame(rows).dropna(subset=["ci_low"]).reset_index(drop=True)


def compare_groups(groups) -> tuple[float, float, float]:
    """Return one test of whether the means of the first column differ between two groups or more.

    Parameters
    ----------
    groups : sequence of Moments

    Returns
    -------
    tuple: F, its degrees of freedom between groups, the p-value; nan with fewer than two groups, or a group of fewer
        than 2 units or that does not vary.

    References
    ----------
    Welch 1951, Biometrika 38: 330-336 (eq. 21-23).

    Examples
    --------
    >>> groups = [Moments(("y",), 5, np.array([m]), np.array([[2.0]])) for m in (1.0, 2.0, 3.0)]
    >>> [round(x, 4) for x in compare_groups(groups)]
    [2.3077, 2.0, 0.1617]
    """
    groups = list(groups)
    sizes, variances = (np.array([getattr(m, field) for m in groups], float) for field in ("n", "variance"))
    if len(groups) < 2 or not sizes.min() >= 2 or not min(variances) > 0:
        return NAN, NAN, NAN
    rests = [0.0 if m.remainder is None else float(m.remainder[0]) for m in groups]
    # from the first mean, so that what all have in common cancels before it is rounded
    gaps = np.array([m.value - groups[0].value + (rest - rests[0]) for m, rest in zip(groups, rests, strict=True)])
    from statsmodels.stats.oneway import anova_generic  # here, as few plans have several treatments

    found = anova_generic(gaps, variances, sizes, use_var="unequal")
    return float(found.statistic), float(found.df_num), float(found.pvalue)


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
    sizes, shares = (np.array([getattr(m, field) for m in groups], float) for field in ("n", "value"))
    pooled = float(sizes @ shares / sizes.sum()) if min(sizes) >= 1 else NAN
    if not 0 < pooled < 1:
        return NAN, NAN, NAN
    statistic, df = float(sizes @ (shares - pooled) ** 2) / (pooled * (1 - pooled)), float(len(sizes) - 1)
    return statistic, df, float(chdtrc(df, statistic))
