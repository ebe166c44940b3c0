"""The people who replied, one row an agent without a name: what they did, and in which arms."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import metrics

BOTH, FEW = "both", "few sign-ups"


def describe_agents(
    conversations: pd.DataFrame, units: metrics.Units, *, target=2, outcomes: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return what each agent did in the randomised arms, the busiest first; who it is stays untold.

    Parameters
    ----------
    conversations : DataFrame, as `metrics.read_conversations` gives it
    units : metrics.Units
        Its plan gives `min_cell`: an agent serves an arm when so many of its units were answered.
    target : float, minutes
    outcomes : DataFrame, optional
        One row a unit: `unit` and `y_` columns of binary metrics. Left out, no outcome is told.

    Returns
    -------
    DataFrame: one row an agent: `agent` ("agent 1" answered most), `serves` (an arm, "both", or "few sign-ups"),
        `conversations` (answered first), `units`, `median_wait` (minutes), `share_in_target`, `per_active_day`
        (conversations, of days with one), and for each outcome `share_<metric>` and `known_<metric>` over the units
        whose first reply came from this agent. Empty without agents.
    """
    arms = units.design.variant.arms
    answered = conversations[conversations["agent_id"].notna() & conversations["variant"].isin(arms)]
    answered = answered.sort_values(["asked_at", "conversation_id"])
    if answered.empty:
        return pd.DataFrame()
    first = answered.drop_duplicates("unit")
    joined = first[["unit", "agent_id"]].merge(outcomes, on="unit") if outcomes is not None else None
    rows = []
    for agent, mine in answered.groupby("agent_id"):
        told = {} if joined is None else _describe_outcomes(joined[joined["agent_id"] == agent])
        rows.append(_describe(mine, arms, units.design.min_cell, target) | told)
    frame = pd.DataFrame(rows).sort_values("conversations", ascending=False, kind="stable", ignore_index=True)
    frame.insert(0, "agent", [f"agent {place + 1}" for place in range(len(frame))])
    return frame


def _describe(mine, arms, min_cell, target):
    served = [arm for arm in arms if mine.loc[mine["variant"] == arm, "unit"].nunique() >= min_cell]
    has_control = arms[0] in served
    serves = BOTH if has_control and len(served) > 1 else ", ".join(served) if served else FEW
    days = mine["asked_at"] + pd.to_timedelta(mine["wait_minutes"], unit="min")
    return {
        "serves": serves,
        "conversations": len(mine),
        "units": mine["unit"].nunique(),
        "median_wait": float(np.median(mine["wait_minutes"])),
        "share_in_target": float((mine["wait_minutes"] <= target).mean()),
        "per_active_day": len(mine) / days.dt.date.nunique(),
    }


def _describe_outcomes(joined):
    found = {}
    for column in joined.columns[2:]:
        known, name = joined[column].dropna(), column.removeprefix("y_")
        found |= {f"share_{name}": float(known.mean()) if len(known) else np.nan, f"known_{name}": len(known)}
    return found
