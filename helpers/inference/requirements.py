"""What it would take: what this experiment could see, and how many units a worthwhile effect needs."""

from __future__ import annotations

import math

import pandas as pd

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

POWER = 0.8


def list_requirements(material) -> pd.DataFrame:
    """Return the smallest effect that this many units find, and the units that a worthwhile effect needs.

    Parameters
    ----------
    material : Material

    Returns
    -------
    DataFrame: one row a primary, secondary or guardrail metric and treatment, times to event left out:
        `metric`, `comparison`, `control_value`, `n` (units, or clusters, in both arms), `power`, `mde_absolute`,
        `mde_relative` (nan unless the control value is above 0), `worthwhile` (or the guardrail's margin; nan when
        the plan gives none), `power_for_worthwhile` with these units and `n_for_worthwhile`.
    """
    comparisons = list_comparisons(material.design, "primary", "secondary", "guardrail")
    rows = [_describe(c, material) for c in comparisons if c.name in material.raw]
    return pd.DataFrame([row for row in rows if row])


def list_sample_sizes(baselines, differences, *, power=POWER, alpha=0.05) -> pd.DataFrame:
    """Return how many units, both arms together, find differences of two shares from several baselines.

    Parameters
    ----------
    baselines, differences : sequence of float, shares of 0 to 1
        Equal arms; the difference may have either sign.
    power, alpha : float

    Returns
    -------
    DataFrame: `baseline`, `difference`, `units` (rounded up; nan where the other share would leave 0 to 1).
    """
    cells = [(b, d) for b in baselines for d in differences]
    sizes = [sample_size_proportions(b, d, power=power, alpha=alpha) for b, d in cells]
    frame = pd.DataFrame(cells, columns=["baseline", "difference"])
    return frame.assign(units=[math.ceil(n) if math.isfinite(n) else math.nan for n in sizes])


def _describe(comparison, material):
    arms = material.raw[comparison.name]
    pair = pair_arms(arms[comparison.control], arms[comparison.treatment])
    if pair.reason:
        return None
    n = pair.n_control + pair.n_treatment
    worthwhile = _find_worthwhile(comparison.metric, pair.control)
    options = {"share_treatment": pair.n_treatment / n, "alpha": comparison.design.alpha}
    binary = comparison.metric.kind == "binary" and comparison.design.cluster is None
    sized = (_size_share if binary else _size_mean)(comparison.metric, pair, n, worthwhile, options)
    return {
        "metric": comparison.name,
        "comparison": comparison.label,
        "control_value": pair.control,
        "n": n,
        "power": POWER,
        "mde_absolute": sized["smallest"],
        "mde_relative": sized["smallest"] / pair.control if pair.control > 0 else math.nan,
        "worthwhile": worthwhile,
        "power_for_worthwhile": sized["power"],
        "n_for_worthwhile": math.ceil(sized["needed"]) if math.isfinite(sized["needed"]) else math.nan,
    }


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
