"""The effect by hours of the week in which units were assigned, beside how much faster replies came in these hours."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm
from scipy.stats import t as student

from helpers import metrics
from helpers.inference.comparisons import Comparison, count_units, label_effect, list_comparisons
from helpers.inference.effects import compare_arms
from helpers.inference.looks import read_look


def compare_effects_by_hours(units: metrics.Units, hours: pd.DataFrame, names) -> pd.DataFrame:
    """Return the effect by block of assignment beside the gap in replies achieved in that block: exploratory.

    All units assigned in a block count, whether they asked or not. The gap is that of the questions asked in these
    hours, which staffing made; a unit that signs up in them may ask in others. The slope is least squares, weighted by
    precision: blocks differ in more than their gap, so it is an association between blocks, and its interval allows
    for these differences (random effects). Gaps count as known; their noise draws the slope a little towards 0.

    Parameters
    ----------
    units : metrics.Units
    hours : DataFrame, as `compare_hours` gives it
    names : sequence of str
        Metrics; those that are no means are left out.

    Returns
    -------
    DataFrame: one row a metric, comparison and block: `metric`, `comparison`, `control`, `treatment`, `hours`, `gap`
        (minutes; nan where fewer than twice `min_cell` units asked in an arm), `estimate`, `std_error`, `ci_low`,
        `ci_high`, `control_value`, `treatment_value`, `n_control`, `n_treatment`, and, alike in all blocks of an
        effect, `slope` (of the effect on a minute of gap), `slope_low`, `slope_high`, `centre_gap`, `centre_effect`,
        `centre_error` (where the line passes, and half its interval there over the normal quantile). Always-valid
        intervals of the effects in an interim run. Empty without a block that both know.

    References
    ----------
    Knapp & Hartung 2003, Statistics in Medicine 22: 2693-2710; Paule & Mandel 1982, Journal of Research of the
    National Bureau of Standards 87: 377-385.
    """
    frames = []
    if hours.empty or "hours" not in units.table.columns:
        return pd.DataFrame()
    groups, look = metrics.summarise(units, by="hours"), read_look(units)
    for comparison in list_comparisons(units.design):
        if comparison.name in names and comparison.metric.is_mean:
            gaps = _read_gaps(hours[hours["comparison"] == comparison.label], units.design.min_cell)
            rows = [
                _row(comparison, block, groups[block], gaps[block], look) for block in gaps.index if block in groups
            ]
            frames += [pd.DataFrame(rows).assign(**_fit(rows, units.design))] if rows else []
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _read_gaps(hours, min_cell):
    """The gap by block; nan where too few units asked for a median that may be told."""
    many = hours[["n_control", "n_treatment"]].min(axis=1) >= 2 * min_cell
    return hours["gap"].where(many).set_axis(hours["hours"])


def _row(comparison: Comparison, block, group, gap, look):
    arms = group[comparison.name]
    sides = arms[comparison.control], arms[comparison.treatment]
    effect = compare_arms(comparison.metric, *sides, confidence_level=comparison.level)["difference"]
    n = sum(count_units(m, clustered=comparison.design.cluster is not None) for m in sides)
    effect = look.apply(comparison, effect, n=n)
    found = label_effect(comparison, effect, estimand="difference", role="exploratory", arms=arms)
    kept = ("metric", "comparison", "control", "treatment")
    figures = ("estimate", "std_error", "ci_low", "ci_high", "control_value", "treatment_value")
    row = {name: getattr(found, name) for name in kept} | {"hours": block, "gap": float(gap)}
    return row | {name: getattr(found, name) for name in (*figures, "n_control", "n_treatment")}


def _fit(rows, design):
    """The line of the effect on the gap, over blocks with enough units; nan from fewer than four of them."""
    usable = [r for r in rows if r["std_error"] > 0 and min(r["n_control"], r["n_treatment"]) >= design.min_cell]
    usable = [r for r in usable if math.isfinite(r["gap"])]
    x, y, error = (np.array([r[name] for r in usable], float) for name in ("gap", "estimate", "std_error"))
    names = ("slope", "slope_low", "slope_high", "centre_gap", "centre_effect", "centre_error")
    if len(x) < 4 or np.ptp(x) == 0:
        return dict.fromkeys(names, math.nan)
    weight = 1 / (error**2 + _find_between(x, y, error**2))
    centre, middle, slope, spread = _draw_line(x, y, weight)
    df = len(x) - 2
    unrest = max(_measure_misfit(x, y, weight) / df, 1.0)  # Knapp-Hartung, never narrower than chance within blocks
    wide = float(student.isf(design.alpha / 2, df)) * math.sqrt(unrest)
    half = wide / math.sqrt(spread)
    error = wide / float(norm.isf(design.alpha / 2)) / math.sqrt(float(weight.sum()))
    return dict(zip(names, (slope, slope - half, slope + half, centre, middle, error), strict=True))


def _find_between(x, y, variance):
    """The variance between blocks at which they miss the line by as much as they should (Paule-Mandel)."""

    def excess(between):
        return _measure_misfit(x, y, 1 / (variance + between)) - (len(x) - 2)

    if excess(0.0) <= 0:
        return 0.0
    most = float(np.var(y)) * len(y)  # there the misfit is at most 1
    return float(brentq(excess, 0.0, most))


def _draw_line(x, y, weight):
    centre, middle = float(np.average(x, weights=weight)), float(np.average(y, weights=weight))
    spread = float(np.sum(weight * (x - centre) ** 2))
    return centre, middle, float(np.sum(weight * (x - centre) * y)) / spread, spread


def _measure_misfit(x, y, weight):
    centre, middle, slope, _ = _draw_line(x, y, weight)
    return float(np.sum(weight * (y - middle - slope * (x - centre)) ** 2))
