"""Small cells of the tables of replies: blocks of hours, agents, and effects in parts of the units."""

from __future__ import annotations

import pandas as pd

from helpers.disclosure.effects import COUNTS, suppress_small_cells
from helpers.plan import ExperimentPlan

SPLIT_EFFECTS = (  # table, columns of the total, further columns that stay visible
    ("hours_effect", ["metric", "comparison"], ["control", "treatment", "hours", "gap"]),
    ("speed_association", ["metric"], ["kind", "comparison"]),
)


def protect_replies(tables: dict[str, pd.DataFrame], design: ExperimentPlan) -> dict[str, pd.DataFrame]:
    """Return the tables of replies with small cells hidden; what is left of a table without a row is left out.

    Counts are of units. A median needs `min_cell` units on either side, so that blocks of hours and agents with fewer
    than twice `min_cell` are hidden, with as many more that totals do not give them away. Effects in blocks, and
    outcomes of agents and of fast and slow replies, are checked by events and non-events too. Shares answered in time
    tell about the service, not about who asked, and are checked by units. Groups as a whole stay.

    Parameters
    ----------
    tables : dict, as `inference.study_replies` gives it
    design : ExperimentPlan
        Gives `min_cell` and the metrics' kinds.

    Returns
    -------
    dict: copies; `reply_curve` without times for which fewer than `min_cell` units were followed.
    """
    least, found = design.min_cell, dict(tables)
    if "reply_curve" in found:
        found["reply_curve"] = found["reply_curve"][found["reply_curve"]["n"] >= least].reset_index(drop=True)
    if "reply_hours" in found:
        named = ["comparison", "control", "treatment", "hours", "target"]
        options = {"groups": named[1:], "within": "comparison", "min_cell": 2 * least}
        found["reply_hours"] = _drop_flag(suppress_small_cells(found["reply_hours"], count=list(COUNTS), **options))
    for name, within, named in SPLIT_EFFECTS:
        if name in found:
            found[name] = _hide_parts(found[name], design, within, named)
    if "hours_effect" in found and "reply_hours" in found:
        found["hours_effect"] = _hide_gaps(found["hours_effect"], found["reply_hours"])
    if "agents" in found:
        found["agents"] = _hide_agents(found["agents"], least)
    return {name: table for name, table in found.items() if not table.empty}


def _hide_parts(frame, design, within, named):
    """Effects in parts of the units: cells with few units, events or non-events lose their figures; the line stays."""
    whole = frame[frame["kind"] == "as randomised"] if "kind" in frame else frame.iloc[:0]
    parts, counts = frame.drop(index=whole.index), {}
    shares = [design.metrics[m].kind == "binary" for m in parts["metric"]]
    for side in ("control", "treatment"):
        n = parts[f"n_{side}"].astype(float)
        events = (n * parts[f"{side}_value"]).round().where(shares, n)
        counts |= {f"n_{side}": n, f"events_{side}": events, f"others_{side}": (n - events).where(shares, n)}
    line = [c for c in parts if c.startswith(("slope", "centre"))]
    hidden = suppress_small_cells(
        parts.assign(**counts), count=list(counts), groups=[*named, *line], within=within, min_cell=design.min_cell
    )
    return pd.concat([hidden[frame.columns], whole]).loc[frame.index]


def _hide_gaps(effects, hours):
    """Effects without the gap of blocks whose replies are hidden."""
    shown = hours.dropna(subset=["gap"])
    known = set(zip(shown["comparison"], shown["hours"], strict=True))
    keys = zip(effects["comparison"], effects["hours"], strict=True)
    return effects.assign(gap=effects["gap"].where([key in known for key in keys]))


def _hide_agents(frame, min_cell):
    """Agents with few units lose all figures, outcomes with few events or non-events theirs."""
    for share in [c for c in frame if c.startswith("share_") and f"known_{c.removeprefix('share_')}" in frame]:
        known = f"known_{share.removeprefix('share_')}"
        events = (frame[known] * frame[share]).round()
        cells = frame[[share, known]].assign(events=events, others=frame[known] - events)
        hidden = suppress_small_cells(cells, count=["events", "others"], groups=[], min_cell=min_cell)
        frame = frame.assign(**{name: hidden[name] for name in (share, known)})
    return _drop_flag(suppress_small_cells(frame, count="units", groups=["agent", "serves"], min_cell=2 * min_cell))


def _drop_flag(frame):
    return frame.drop(columns="hidden")
