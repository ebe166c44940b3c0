"""The same effect week by week and segment by segment, with one test each of whether it really differs."""

from __future__ import annotations

import numpy as np
from scipy import stats

from helpers import metrics
from helpers.inference.comparisons import label_effect, list_comparisons
from helpers.inference.effects import compare_arms
from helpers.inference.shapes import compare_levels
from helpers.records import Estimate, Test


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
        effect = compare_arms(comparison.metric, *sides, confidence_level=comparison.level)["difference"]
    else:
        effect = compare_levels(comparison, levels)
    labels |= {"interval": material.look.interval, "estimand": "difference", "role": "exploratory", "arms": arms}
    labels["population"] = material.find_population(comparison)
    return label_effect(comparison, material.at_look(comparison, effect), **labels)


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


def measure_trend(positions, effects, precision) -> tuple[float, float]:
    """Return the standard normal statistic of a linear trend of effects, and its two-sided p-value.

    Parameters
    ----------
    positions, effects : array, shape (k,)
    precision : array, shape (k,), one over each effect's squared standard error
    """
    centred = positions - np.average(positions, weights=precision)
    spread = float(np.sum(precision * centred**2))
    z = float(np.sum(precision * centred * effects)) / spread**0.5
    return z, float(2 * stats.norm.sf(abs(z)))


def measure_interaction(effects, precision) -> tuple[float, float]:
    """Return Cochran's Q, the weighted squares of effects around their mean, and its p-value (chi-square, k - 1).

    Parameters
    ----------
    effects : array, shape (k,)
    precision : array, shape (k,), one over each effect's squared standard error

    References
    ----------
    Cochran 1954, Biometrics 10: 101-129.
    """
    q = float(np.sum(precision * (effects - np.average(effects, weights=precision)) ** 2))
    return q, float(stats.chi2.sf(q, len(effects) - 1))


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
