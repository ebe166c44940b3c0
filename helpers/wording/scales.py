"""How a metric is read: its name in words, its kind and unit, which way is good, and the margins that matter."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import pandas as pd

from helpers.plan import ExperimentPlan
from helpers.records import Estimate, Results

PLURALS = {"person": "people", "man": "men", "woman": "women", "child": "children"}


@dataclass(frozen=True)
class Scale:
    """One metric as a reader meets it; the columns of the results table `metrics`.

    `worthwhile` and the margins are in the metric's own unit (a share for a binary metric, a share of all pairs for an
    ordered score); `noun` is the unit of analysis in words; `quantile` is which one is compared instead of the mean;
    `time_at_risk` what a rate is counted by; None is "not planned".
    """

    metric: str
    label: str
    kind: str = "score"
    role: str = "exploratory"
    unit: str | None = None
    better: str = "neither"
    expected: str | None = None
    worthwhile: float | None = None
    margin_absolute: float | None = None
    margin_relative: float | None = None
    within_days: float | None = None
    noun: str = "unit"
    quantile: float | None = None
    ordered: bool = False
    time_at_risk: str | None = None


def list_metrics(design: ExperimentPlan) -> pd.DataFrame:
    """Return the planned metrics, one row a metric, in the plan's order.

    Parameters
    ----------
    design : ExperimentPlan

    Returns
    -------
    DataFrame: the fields of `Scale`; what is not planned is None. It stands in `Results.tables["metrics"]`, from
    which every table and figure reads labels, kinds and units.
    """
    return pd.DataFrame([_row(name, m, design) for name, m in design.metrics.items()], dtype=object)


def _row(name, metric, design) -> dict:
    margin = metric.margin
    window = metric.within_days if metric.kind != "time_to_event" else metric.horizon_days
    return {
        "metric": name,
        "label": design.label_of(name),
        "kind": metric.kind,
        "role": metric.role,
        "unit": metric.unit or _rate_unit(metric.time_at_risk),
        "better": metric.better,
        "expected": metric.expected,
        "worthwhile": metric.worthwhile,
        "margin_absolute": margin.absolute if margin else None,
        "margin_relative": margin.relative if margin else None,
        "within_days": window,
        "noun": design.unit,
        "quantile": metric.quantile,
        "ordered": metric.scale == "ordered",
        "time_at_risk": metric.time_at_risk,
    }


def _rate_unit(time_at_risk) -> str | None:
    """What a rate is counted by: "per day at risk" of the column days_at_risk, "per active day" of active_days."""
    if time_at_risk is None:
        return None
    words = time_at_risk.replace("_", " ")
    return f"per {re.sub(r's$', '', words) if words.endswith('s') else re.sub(r's(?= )', '', words, count=1)}"


def read_scale(results: Results, metric: str) -> Scale:
    """Return how one metric is read, from the results table `metrics`.

    Parameters
    ----------
    results : Results
    metric : str
        A name that the table lacks is read as a plain number under its own name.

    Returns
    -------
    Scale
    """
    frame = results.tables.get("metrics")
    rows = [] if frame is None or frame.empty else frame[frame["metric"] == metric].to_dict("records")
    if not rows:
        return Scale(metric, metric.replace("_", " "))
    known = {f.name for f in fields(Scale)}
    return Scale(**{k: v for k, v in rows[0].items() if k in known and not pd.isna(v)})


def find_noun(results: Results, *, singular: bool = False) -> str:
    """Return the unit of analysis in words, plural ("workspaces") or singular; "units" when no plan names it."""
    frame = results.tables.get("metrics")
    noun = "unit" if frame is None or frame.empty or "noun" not in frame else str(frame["noun"].iloc[0])
    return noun if singular else pluralise(noun)


def pluralise(noun: str) -> str:
    """Return a noun as several ("workspaces", "companies", "people")."""
    if noun in PLURALS:
        return PLURALS[noun]
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"


def find_margin(estimate: Estimate, scale: Scale) -> float | None:
    """Return the half-width of the band that matters, in the unit of a difference.

    A guardrail's margin, else the worthwhile difference; None where none was planned, where a relative margin meets
    an unknown control value, or for lifts and ratios (margins are planned for differences).
    """
    if is_lift(estimate) or is_ratio(estimate):
        return None
    if scale.margin_absolute is not None:
        return scale.margin_absolute
    if scale.margin_relative is not None:
        band = abs(scale.margin_relative * estimate.control_value)
        return band if band == band else None
    return scale.worthwhile


def is_lift(estimate: Estimate) -> bool:
    """Return whether the estimate is a share of the control value."""
    return estimate.estimand.endswith("lift")


def is_ratio(estimate: Estimate) -> bool:
    """Return whether the estimate is a ratio, for which 1 is no effect."""
    return estimate.estimand == "ratio" or estimate.estimand.endswith("_ratio")
