"""What it would take: what this experiment could see, and how many units and days a worthwhile effect needs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference.adjustment import find_independent, regress
from helpers.inference.comparisons import list_comparisons
from helpers.inference.design import (
    mde_means,
    mde_proportions,
    power_means,
    power_proportions,
    sample_size_means,
    sample_size_proportions,
)
from helpers.inference.effects import pair_arms
from helpers.inference.headline import is_adjusted
from helpers.inference.planning import duration_days, mde_normal, power_normal, sample_size_normal

POWER = 0.8


def list_requirements(material, estimates) -> pd.DataFrame:
    """Return the smallest effect that this many units find, and the units and days that a worthwhile effect needs.

    Shares by their own variance, means, ratios, rates and clusters by that of a unit (of a cluster), and adjusted means
    and shares, where those decide, by what the covariates leave of it; times to an event, quantiles and ordered scores
    by the standard error that they have here, which falls with the root of the units.

    Parameters
    ----------
    material : Material
    estimates : sequence of Estimate, with the headline differences

    Returns
    -------
    DataFrame: one row a primary, secondary or guardrail metric and treatment that can be estimated: `metric`,
        `comparison`, `control_value`, `n` (units, or clusters, in both arms), `power`, `mde_absolute`,
        `mde_relative` (nan unless the control value is a mean above 0), `worthwhile` (or the guardrail's margin; nan
        when the plan gives none), `power_for_worthwhile` with these units, `n_for_worthwhile`, `units_per_day` (both
        arms, from the first to the last assignment; nan without times) and `days_for_worthwhile`, window and the units
        that will not answer included.
    """
    comparisons = list_comparisons(material.design, "primary", "secondary", "guardrail")
    heads = {(e.metric, e.treatment): e for e in reversed(estimates) if e.estimand == "difference" and _is_whole(e)}
    sized = [(c, _size(c, material, heads.get((c.name, c.treatment)))) for c in comparisons]
    pace = metrics.describe_arms(material.units)
    return pd.DataFrame([{**row, **_time(c, row, pace, _share_known(c, material))} for c, row in sized if row])


def list_sample_sizes(baselines, differences, *, power=POWER, alpha=0.05) -> pd.DataFrame:
    """Return how many units, both arms together, find differences of two shares from several baselines.

    Parameters
    ----------
    baselines, differences : sequence of float, shares of 0 to 1
        Equal arms; the difference may have either sign.
    power, alpha : float

    Returns
    -------
    DataFrame: `baseline`, `difference`, `units` (rounded up; nan where the other share would leave 0 to 1), `power`.
    """
    cells = [(b, d) for b in baselines for d in differences]
    sizes = [sample_size_proportions(b, d, power=power, alpha=alpha) for b, d in cells]
    frame = pd.DataFrame(cells, columns=["baseline", "difference"])
    return frame.assign(units=[math.ceil(n) if math.isfinite(n) else math.nan for n in sizes], power=power)


def _is_whole(e):
    return e.role != "sensitivity" and e.segment is None and e.at is None and e.population in ("itt", "responders")


def _size(comparison, material, head):
    if comparison.metric.is_mean:
        arms = (material.adjusted if is_adjusted(comparison, material) else material.raw)[comparison.name]
        pair = _pair_units(arms[comparison.control], arms[comparison.treatment])
        return None if pair.reason else _describe(comparison, pair.control, pair.n_control + pair.n_treatment, pair)
    if head is None or not head.std_error > 0:
        return None
    clustered = head.clusters_control is not None
    sides = (head.clusters_control, head.clusters_treatment) if clustered else (head.n_control, head.n_treatment)
    return _describe(comparison, head.control_value, sum(sides), head)


def _pair_units(control, treatment):
    """Both arms with variances that fall with their own units: of adjusted means those that the covariates leave."""
    pair, arms = pair_arms(control, treatment), (control, treatment)
    if pair.reason or pair.method != "lin":
        return pair
    kept = find_independent(*(m.cov[1:, 1:] for m in arms))
    sizes, left = np.array([m.n for m in arms]), np.array([regress(m, kept)[1] / m.n for m in arms])
    # what unlike slopes cost is known from the units of both arms, so each bears it by its size
    var_control, var_treatment = map(float, left + (pair.variance - left.sum()) * sizes / sizes.sum())
    return replace(pair, var_control=var_control, var_treatment=var_treatment, covariance=0.0)


def _describe(comparison, control, n, found):
    """One row: `found` is a pair of means or shares, or an estimate with a standard error."""
    worthwhile, is_mean = _find_worthwhile(comparison.metric, control), comparison.metric.is_mean
    options = {"alpha": comparison.design.alpha}
    binary = comparison.metric.kind == "binary" and found.method == "welch"  # neither by cluster nor adjusted
    if is_mean:
        options["share_treatment"] = found.n_treatment / n
    sized = (_size_share if binary else _size_mean if is_mean else _size_error)(
        comparison.metric, found, n, worthwhile, options
    )
    return {
        "metric": comparison.name,
        "comparison": comparison.label,
        "control_value": control,
        "n": n,
        "power": POWER,
        "mde_absolute": sized["smallest"],
        "mde_relative": sized["smallest"] / control if is_mean and control > 0 else math.nan,
        "worthwhile": worthwhile,
        "power_for_worthwhile": sized["power"],
        "n_for_worthwhile": math.ceil(sized["needed"]) if math.isfinite(sized["needed"]) else math.nan,
    }


def _share_known(comparison, material):
    """How many of the units (clusters) whose window is over have a known outcome."""
    arms = [material.raw.get(comparison.name, {}).get(arm) for arm in (comparison.control, comparison.treatment)]
    known, unknown = (sum(getattr(m, count) for m in arms if m) for count in ("n", "missing"))
    return known / (known + unknown) if known else 1.0


def _time(comparison, row, pace, share_known):
    """How long so many units with a known outcome take at the rate at which these came, the last window included."""
    metric, sides = comparison.metric, pace[pace["variant"].isin([comparison.control, comparison.treatment])]
    if "first_assigned_at" not in pace or sides["last_assigned_at"].isna().any():
        return {"units_per_day": math.nan, "days_for_worthwhile": math.nan}
    first, last = sides["first_assigned_at"].min(), sides["last_assigned_at"].max()
    units = sides["clusters" if comparison.design.cluster else "units"].sum()
    per_day = float(units / ((last.date() - first.date()).days + 1))
    window = metric.horizon_days or metric.within_days or 0
    days = duration_days(row["n_for_worthwhile"] / share_known, per_day, window_days=window)
    return {"units_per_day": per_day, "days_for_worthwhile": days}


def _find_worthwhile(metric, control):
    margin = metric.margin
    if margin is None:
        return metric.worthwhile or math.nan
    return margin.absolute if margin.absolute is not None else margin.relative * abs(control)


def _size_share(metric, pair, n, worthwhile, options):
    direction = -1 if metric.expected == "lower" else 1
    effect = direction * worthwhile
    return {
        "smallest": abs(mde_proportions(pair.control, n, power=POWER, direction=direction, **options)),
        "needed": sample_size_proportions(pair.control, effect, power=POWER, **options),
        "power": power_proportions(pair.control, effect, n, **options),
    }


def _size_mean(metric, pair, n, worthwhile, options):
    sd, sd_treatment = math.sqrt(pair.var_control * pair.n_control), math.sqrt(pair.var_treatment * pair.n_treatment)
    options = {**options, "sd": sd, "sd_treatment": sd_treatment}
    known = worthwhile == worthwhile
    return {
        "smallest": mde_means(n_units=n, power=POWER, **options),
        "needed": sample_size_means(worthwhile, power=POWER, **options) if known else math.nan,
        "power": power_means(worthwhile, n_units=n, **options) if known else math.nan,
    }


def _size_error(metric, found, n, worthwhile, options):
    unit_error, known = found.std_error * math.sqrt(n), worthwhile == worthwhile
    return {
        "smallest": mde_normal(unit_error, n, power=POWER, **options),
        "needed": sample_size_normal(worthwhile, unit_error, power=POWER, **options) if known else math.nan,
        "power": power_normal(worthwhile, unit_error, n, **options) if known else math.nan,
    }
