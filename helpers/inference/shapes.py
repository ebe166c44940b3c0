"""What is compared other than by a mean: a quantile, from the rows, and an ordered score, from counts a level."""

from __future__ import annotations

from helpers import metrics
from helpers.inference.comparisons import Comparison
from helpers.inference.ordered import win_difference
from helpers.inference.quantiles import quantile_difference
from helpers.records import Effect

CLUSTERED = "clusters are randomised, and an ordered score is compared by unit only"
TOO_MANY = "too many units for a method that needs every row"


def compare_shape(comparison: Comparison, units: metrics.Units) -> Effect:
    """Return the difference of a metric whose plan asks for a quantile, or for the order of a score alone.

    Parameters
    ----------
    comparison : Comparison
        Of a metric with `quantile`, or with `scale: ordered`.
    units : metrics.Units

    Returns
    -------
    Effect: of two quantiles, by order statistics, at the cluster where clusters are randomised; or of the shares of
        pairs in which either arm is higher. nan with a reason for a quantile above the limit of row-level methods,
        and for an ordered score where clusters are randomised.
    """
    if comparison.metric.scale == "ordered":
        return compare_levels(comparison, metrics.count_levels(units, comparison.name)[None])
    return _compare_quantiles(comparison, units)


def compare_levels(comparison: Comparison, levels: dict) -> Effect:
    """Return the difference of an ordered score from the units on each of its levels.

    Parameters
    ----------
    comparison : Comparison
    levels : dict, arm -> array of counts, as `metrics.count_levels` gives them for one group

    Returns
    -------
    Effect: nan with a reason where clusters are randomised.
    """
    if comparison.design.cluster is not None:
        return Effect(method="brunner-munzel", reason=CLUSTERED)
    sides = levels[comparison.control], levels[comparison.treatment]
    return win_difference(*sides, confidence_level=comparison.level)


def _compare_quantiles(comparison, units):
    outcome, clustered = f"y_{comparison.name}", comparison.design.cluster is not None
    rows = metrics.read_rows(units, ["variant", outcome, *(["cluster"] if clustered else [])])
    if rows is None:
        return Effect(method="order statistics", reason=TOO_MANY)
    known = rows.dropna(subset=[outcome])
    sides = {side: known[known["variant"] == getattr(comparison, side)] for side in ("control", "treatment")}
    clusters = {f"{side}_clusters": arm["cluster"].to_numpy() for side, arm in sides.items()} if clustered else {}
    values = (arm[outcome].to_numpy(float) for arm in sides.values())
    level = comparison.level
    return quantile_difference(*values, comparison.metric.quantile, confidence_level=level, **clusters)
