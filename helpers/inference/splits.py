"""The same effect week by week, segment by segment and arm by arm, with one test each of whether it really differs."""

from dataclasses import replace

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference.decisions import list_comparisons
from helpers.inference.looks import Look
from helpers.inference.means import measure_interaction, measure_trend, merge_moments
from helpers.inference.methods import compare_arms, demand_method
from helpers.records import Estimate, Test


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
    clusters = None if design.cluster is None else (None, None)
    for by in (*(["week"] if design.assigned_at else []), *design.segments):
        groups, family = metrics.summarise(material.units, by=by), "weeks" if by == "week" else "segments"
        for comparison in [c for c in list_comparisons(design, "primary", "secondary") if c.is_with_control]:
            metric, name, rows = comparison.metric, comparison.name, []
            reads = demand_method(metric.how.method).reads
            if reads not in ("moments", "levels") or name in material.not_estimable:
                continue
            levels = metrics.moments.count_levels(material.units, name, by=by) if reads == "levels" else {}
            for group in sorted(groups):
                arms, labels = groups[group][name], {"estimand": "difference", "role": "exploratory", "family": family}
                more, sides = {"confidence_level": comparison.level}, arms
                if reads == "levels":
                    more, sides = {**more, "method": metric.how.method, "clusters": clusters}, levels[group]
                effect = compare_arms(metric, *comparison.take(sides), **more)
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
        the first assignment, the week's end), `n`, `estimate`, `ci_low`, `ci_high` (always-valid). Empty without times
        of assignment, for a metric that moments do not tell (time to event, quantile, ordered score) or that is not
        estimable, and until an interval exists.
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
            n = sum(comparison.count(so_far))
            seen = look.apply(comparison, fixed, n=n)
            row = {"metric": name, "treatment": comparison.treatment, "day": 7 * (int(week) + 1), "n": n}
            row |= {"estimate": fixed.estimate, "ci_low": seen.ci_low, "ci_high": seen.ci_high}
            rows.append(row)
    return pd.DataFrame(rows).dropna(subset=["ci_low"]).reset_index(drop=True)
