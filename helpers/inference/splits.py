"""The same effect week by week and segment by segment, with one test each of whether it really differs."""

from __future__ import annotations

import numpy as np
from scipy import stats

from helpers import metrics
from helpers.inference.comparisons import label_effect, list_comparisons
from helpers.inference.effects import compare_arms
from helpers.records import Estimate, Test


def estimate_weeks(material) -> tuple[list[Estimate], list[Test]]:
    """Return the effect by week of assignment, and for each comparison a test of a linear trend.

    Parameters
    ----------
    material : Material
        Without `assigned_at` in the plan there are no weeks.

    Returns
    -------
    list of Estimate: `at` is "week 1", "week 2", ..., role exploratory.
    list of Test: weighted least squares of the weekly effect on the week, standard normal.
    """
    if material.design.assigned_at is None:
        return [], []
    groups = {int(week): found for week, found in metrics.summarise(material.units, by="week").items()}
    estimates, tests = [], []
    for comparison in _split_comparisons(material):
        rows = {week: _label(material, comparison, groups[week], at=f"week {week + 1}") for week in sorted(groups)}
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
    list of Estimate: `segment` is "column=level", role exploratory.
    list of Test: Cochran's Q over the levels with at least `min_cell` units in both arms.
    """
    estimates, tests = [], []
    for column in material.design.segments:
        groups = metrics.summarise(material.units, by=column)
        for comparison in _split_comparisons(material):
            rows = [
                _label(material, comparison, groups[level], segment=f"{column}={level}") for level in sorted(groups)
            ]
            estimates += rows
            tests += _interaction(comparison, column, rows)
    return estimates, tests


def _split_comparisons(material):
    return [
        comparison
        for comparison in list_comparisons(material.design, "primary", "secondary")
        if comparison.metric.kind != "time_to_event" and comparison.name not in material.not_estimable
    ]


def _label(material, comparison, group, **labels):
    arms = group[comparison.name]
    effect = compare_arms(
        comparison.metric, arms[comparison.control], arms[comparison.treatment], confidence_level=comparison.level
    )["difference"]
    labels |= {"interval": material.look.interval, "estimand": "difference", "role": "exploratory", "arms": arms}
    return label_effect(comparison, material.at_look(comparison, effect), **labels)


def _trend(comparison, rows):
    weeks, effects, precision = _usable(list(rows.values()), list(rows), comparison.design.min_cell)
    if len(weeks) < 3:
        return []
    centred = weeks - np.average(weeks, weights=precision)
    spread = float(np.sum(precision * centred**2))
    slope = float(np.sum(precision * centred * effects)) / spread
    z = slope * spread**0.5
    return [_test(comparison, "trend over weeks", z, None, 2 * stats.norm.sf(abs(z)))]


def _interaction(comparison, column, rows):
    _, effects, precision = _usable(rows, range(len(rows)), comparison.design.min_cell)
    if len(effects) < 2:
        return []
    q = float(np.sum(precision * (effects - np.average(effects, weights=precision)) ** 2))
    return [_test(comparison, f"interaction with {column}", q, len(effects) - 1, stats.chi2.sf(q, len(effects) - 1))]


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
