"""Was the treatment delivered: all tables of replies by one call."""

from __future__ import annotations

import math

import pandas as pd

from helpers import metrics
from helpers.inference.delivery.agents import describe_agents
from helpers.inference.delivery.hours import compare_effects_by_hours
from helpers.inference.delivery.replies import compare_hours, compare_replies, trace_replies
from helpers.inference.delivery.speed import allow_for_slower, associate_speed
from helpers.records import Results

DIFFERENCES = ["difference", "ci_low", "ci_high"]
GAPS = ["gap", "gap_low", "gap_high"]


def study_replies(
    conversations: pd.DataFrame | None, units: metrics.Units, results: Results, *, within=(2, 15, 60), slower=(0, 10)
) -> dict[str, pd.DataFrame]:
    """Return everything about replies: whether the treatment was delivered, and what its effect may owe to speed.

    Parameters
    ----------
    conversations : DataFrame or None, as `metrics.read_conversations` gives it
    units : metrics.Units
    results : Results
        Of the experiment. Where it is withheld no difference between arms and no effect is told. The tables of
        effects are of primary and secondary metrics that can be estimated.
    within : sequence of float, minutes
        The first is the target of the treatment.
    slower : sequence of float, minutes
        By how much the control may have become slower.

    Returns
    -------
    dict: tables `replies`, `reply_curve`, `reply_hours`, `hours_effect`, `slower`, `speed_association` and `agents`,
        each as the function that makes it says; without conversations none, and none that would be empty.
    """
    if conversations is None or conversations.empty:
        return {}
    design, target, is_told = units.design, within[0], results.status != "withheld"
    hours = compare_hours(conversations, design, target=target)
    tables = {
        "replies": compare_replies(conversations, design, within=within),
        "reply_curve": trace_replies(conversations, design),
        "reply_hours": hours,
    }
    if is_told:
        names = [name for name in design.by_role("primary", "secondary") if _is_known(results, name)]
        scaled = [allow_for_slower(results, tables["replies"], metric=name, slower=slower) for name in names]
        tables["hours_effect"] = compare_effects_by_hours(units, hours, names)
        tables["slower"] = pd.concat([pd.DataFrame(), *(s for s in scaled if len(s))], ignore_index=True)
        tables["speed_association"] = associate_speed(conversations, units, results, names)
    else:
        tables["replies"] = tables["replies"].assign(**dict.fromkeys(DIFFERENCES, math.nan))
        tables["reply_hours"] = hours.assign(**dict.fromkeys(GAPS, math.nan)) if len(hours) else hours
    outcomes = _read_outcomes(units, results) if is_told else None
    tables["agents"] = describe_agents(conversations, units, target=target, outcomes=outcomes)
    return {name: table for name, table in tables.items() if not table.empty}


def _is_known(results, name):
    return any(not math.isnan(e.estimate) for e in results.headline(name))


def _read_outcomes(units, results):
    """The primary and secondary shares of all units, by unit; None above the limit of row-level methods."""
    chosen = [n for n, m in units.design.by_role("primary", "secondary").items() if m.kind == "binary"]
    chosen = [name for name in chosen if _is_known(results, name)]
    return metrics.read_rows(units, ["unit", *(f"y_{name}" for name in chosen)]) if chosen else None
