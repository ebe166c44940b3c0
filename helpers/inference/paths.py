"""How the answer settled: the effect and its always-valid interval as more and more weeks of units are counted."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from helpers import metrics
from helpers.inference.comparisons import count_units, list_comparisons
from helpers.inference.effects import compare_arms
from helpers.inference.looks import read_look
from helpers.records import Moments


def trace_path(units: metrics.Units, *, not_estimable=frozenset()) -> pd.DataFrame:
    """Return the effect on the key metric as it would have been seen after each week of assignment.

    The units of a week count once their windows are over, so a week stands for the day on which its last window
    ends. The always-valid interval holds the truth at all weeks together; the fixed one at the last alone.

    Parameters
    ----------
    units : metrics.Units
    not_estimable : set of str
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
    if design.assigned_at is None or not design.metrics[name].is_mean or name in not_estimable:
        return pd.DataFrame()
    weeks = metrics.summarise(units, by="week")
    moments = {int(week): weeks[week][name] for week in sorted(weeks)}
    look = replace(read_look(units), interval="always-valid")
    frames = [_trace(comparison, moments, look) for comparison in list_comparisons(design) if comparison.name == name]
    return pd.concat(frames).dropna(subset=["ci_low"]).reset_index(drop=True)


def _trace(comparison, weeks, look):
    rows, so_far = [], {}
    for week, arms in weeks.items():
        for arm in (comparison.control, comparison.treatment):
            so_far[arm] = merge_moments(so_far.get(arm), arms[arm])
        rows.append(_see(comparison, so_far, look, day=7 * (week + 1)))
    frame = pd.DataFrame(rows)
    return frame.assign(**_last_fixed(frame))


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
    fixed = compare_arms(comparison.metric, *sides, confidence_level=comparison.level)["difference"]
    n = sum(count_units(m, clustered=comparison.design.cluster is not None) for m in sides)
    seen = look.apply(comparison, fixed, n=n)
    labels = {"metric": comparison.name, "treatment": comparison.treatment, "day": day, "n": n}
    ends = {"ci_low": seen.ci_low, "ci_high": seen.ci_high, "fixed_low": fixed.ci_low, "fixed_high": fixed.ci_high}
    return {**labels, "estimate": fixed.estimate, **ends}


def _last_fixed(frame):
    last = frame.index == frame.index[-1]
    return {name: frame[name].where(last, math.nan) for name in ("fixed_low", "fixed_high")}
