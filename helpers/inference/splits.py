"""The same effect week by week, segment by segment and arm by arm, with one test each of whether it really differs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference.decisions import count_units, list_comparisons
from helpers.inference.effects import effective_units
from helpers.inference.looks import Look, read_look
from helpers.inference.means import (
    compare_arms,
    compare_groups,
    compare_shares,
    measure_interaction,
    measure_trend,
    pair_arms,
)
from helpers.inference.methods import compare_levels, find_guarantee, pool_skewness
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
    found = [_test_arms(c, material) for c in leads if c.metric.is_mean and c.name not in material.not_estimable]
    return [test for test in found if not math.isnan(test.p_value)]


def _test_arms(comparison, material):
    arms = {arm: material.raw[comparison.name][arm] for arm in comparison.design.variant.arms}
    if comparison.metric.kind == "binary" and comparison.design.cluster is None:
        statistic, df, p = compare_shares(arms.values())
    elif material.choose(comparison) == "permutation" or _is_lopsided(arms.values()):
        statistic, df, p = NAN, NAN, NAN
    else:
        statistic, df, p = compare_groups(_make_plain(arms, comparison.control))
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


def estimate_weeks(material) -> tuple[list[Estimate], list[Test]]:
    """Return the effect by week of assignment, and for each comparison a test of a linear trend.

    Parameters
    ----------
    material : Material
        Without `assigned_at` in the plan there are no weeks.

    Returns
    -------
    list of Estimate: `at` is "week 1", "week 2", ..., role exploratory; none for times to an event and quantiles.
    list of Test: weighted least squares of the weekly effect on the week, standard normal.
    """
    if material.design.assigned_at is None:
        return [], []
    groups = {int(week): found for week, found in metrics.summarise(material.units, by="week").items()}
    estimates, tests = [], []
    for comparison in _split_comparisons(material):
        levels = _count_levels(material, comparison, "week")
        rows = {
            week: _label(material, comparison, groups[week], levels.get(week), at=f"week {week + 1}")
            for week in sorted(groups)
        }
        estimates += rows.values()
        tests += _trend(comparison, rows)
    return estimates, tests


def estimate_segments(material) -> tuple[list[Estimate], list[Test]]:
    """Return the effect within each level of each segment, and a test of whether the levels differ.

    Parameters
    ----------
    material : Material

    Returns
    -------
    list of Estimate: `segment` is "column=level", role exploratory; none for times to an event and quantiles.
    list of Test: Cochran's Q over the levels with at least `min_cell` units in both arms.
    """
    estimates, tests = [], []
    for column in material.design.segments:
        groups = metrics.summarise(material.units, by=column)
        for comparison in _split_comparisons(material):
            levels = _count_levels(material, comparison, column)
            rows = [
                _label(material, comparison, groups[level], levels.get(level), segment=f"{column}={level}")
                for level in sorted(groups)
            ]
            estimates += rows
            tests += _interaction(comparison, column, rows)
    return estimates, tests


def _split_comparisons(material):
    return [
        comparison
        for comparison in list_comparisons(material.design, "primary", "secondary")
        if (comparison.metric.is_mean or comparison.metric.scale == "ordered")
        and comparison.name not in material.not_estimable
    ]


def _count_levels(material, comparison, by):
    """Units on each level of an ordered score, by group; empty for other metrics."""
    if comparison.metric.scale != "ordered":
        return {}
    return metrics.count_levels(material.units, comparison.name, by=by)


def _label(material, comparison, group, levels, **labels):
    arms = group[comparison.name]
    if comparison.metric.is_mean:
        sides = arms[comparison.control], arms[comparison.treatment]
        effect = compare_arms(comparison.metric, *sides, confidence_level=comparison.level)
    else:
        effect = compare_levels(comparison, levels)
    labels |= {"estimand": "difference", "role": "exploratory", "arms": arms}
    return material.label(comparison, material.at_look(comparison, effect), **labels)


def _trend(comparison, rows):
    weeks, effects, precision = _usable(list(rows.values()), list(rows), comparison.design.min_cell)
    if len(weeks) < 3:
        return []
    z, p = measure_trend(weeks, effects, precision)
    return [_test(comparison, "trend over weeks", z, None, p)]


def _interaction(comparison, column, rows):
    _, effects, precision = _usable(rows, range(len(rows)), comparison.design.min_cell)
    if len(effects) < 2:
        return []
    q, p = measure_interaction(effects, precision)
    return [_test(comparison, f"interaction with {column}", q, len(effects) - 1, p)]


def _usable(rows, positions, min_cell):
    usable = [
        (position, row.estimate, row.std_error**-2)
        for position, row in zip(positions, rows, strict=True)
        if row.std_error > 0 and min(row.n_control, row.n_treatment) >= min_cell
    ]
    return (np.array([u[i] for u in usable], float) for i in range(3))


def _test(comparison, name, statistic, df, p):
    return Test(
        f"{comparison.name}:{comparison.label}:{name}",
        comparison.name,
        name,
        statistic,
        df,
        float(p),
        family="exploratory",
    )


def trace_path(units: metrics.Units, *, look: Look | None = None, failed=frozenset()) -> pd.DataFrame:
    """Return the effect on the key metric as it would have been seen after each week of assignment.

    The units of a week count once their windows are over, so a week stands for the day on which its last window
    ends. The always-valid interval holds the truth at all weeks together; the fixed one at the last alone.

    Parameters
    ----------
    units : metrics.Units
    look : Look, optional
        Read from the units when left out.
    failed : set of str
        Metrics that failed their missingness check.

    Returns
    -------
    DataFrame: one row a treatment and week, treatments in the plan's order: `metric`, `treatment`, `day` (days since
        the first assignment, the week's end), `n`, `estimate`, `ci_low`, `ci_high` (always-valid), `fixed_low`,
        `fixed_high` (last row of a treatment). Empty without times of assignment, for a metric that moments do not
        tell (time to event, quantile, ordered score) or that is not estimable, and until an interval exists.
    """
    design = units.design
    name = design.key_metric
    if design.assigned_at is None or not design.metrics[name].is_mean or name in failed:
        return pd.DataFrame()
    weeks = metrics.summarise(units, by="week")
    moments = {int(week): weeks[week][name] for week in sorted(weeks)}
    look = replace(look or read_look(units), interval="always-valid")
    frames = [_trace(comparison, moments, look) for comparison in list_comparisons(design) if comparison.name == name]
    return pd.concat(frames).dropna(subset=["ci_low"]).reset_index(drop=True)


def _trace(comparison, weeks, look):
    rows, so_far = [], {}
    for week, arms in weeks.items():
        for arm in (comparison.control, comparison.treatment):
            so_far[arm] = merge_moments(so_far.get(arm), arms[arm])
        rows.append(_see(comparison, so_far, look, day=7 * (week + 1)))
    frame = pd.DataFrame(rows)
    fixed = ["fixed_low", "fixed_high"]
    frame.loc[frame.index[:-1], fixed] = math.nan
    return frame


def merge_moments(first: Moments | None, second: Moments) -> Moments:
    """Return the moments of two groups together.

    Parameters
    ----------
    first : Moments or None
        None is an empty group.
    second : Moments
        Of the same columns.

    Returns
    -------
    Moments: skewness is nan, which merging would need third moments for.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance.
    """
    if first is None or first.n == 0:
        return second
    if second.n == 0:
        return first
    n, gap = first.n + second.n, second.mean - first.mean
    within = sum((m.n - 1) * m.cov for m in (first, second) if m.n > 1)
    cov = (within + gap[:, None] * gap * (first.n * second.n / n)) / (n - 1)
    return Moments(first.names, n, first.mean + gap * (second.n / n), cov, first.missing + second.missing)


def _see(comparison, so_far, look, *, day):
    sides = so_far[comparison.control], so_far[comparison.treatment]
    fixed = compare_arms(comparison.metric, *sides, confidence_level=comparison.level)
    n = sum(count_units(m, clustered=comparison.design.cluster is not None) for m in sides)
    seen = look.apply(comparison, fixed, n=n)
    labels = {"metric": comparison.name, "treatment": comparison.treatment, "day": day, "n": n}
    ends = {"ci_low": seen.ci_low, "ci_high": seen.ci_high, "fixed_low": fixed.ci_low, "fixed_high": fixed.ci_high}
    return {**labels, "estimate": fixed.estimate, **ends}
