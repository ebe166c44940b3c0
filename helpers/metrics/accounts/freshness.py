"""How fresh and how complete each input is: every column and event that the framework reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from helpers import schema
from helpers.metrics.accounts.folding import find_last_day
from helpers.metrics.accounts.milestones import is_known
from helpers.metrics.clock import Clock
from helpers.plan import FrameworkPlan

if TYPE_CHECKING:
    from helpers.sources import AccountSource

STALE_DAYS = 7
COLUMNS = ["table", "column", "rows", "missing", "latest", "days_old", "note"]


def measure_freshness(source: AccountSource, design: FrameworkPlan) -> pd.DataFrame:
    """Return how many rows each input has, the share without a value, and the latest day that has one.

    Parameters
    ----------
    source : AccountSource
    design : FrameworkPlan

    Returns
    -------
    DataFrame, the columns of accounts in the order of the plan, then its events: `table` ("accounts" or "events"),
        `column` (the name of the column, or of the event), `rows` (accounts, or such events by the end of `as_of`),
        `missing` (share without a value; of events, those that should carry one), `latest` (ISO date of the latest
        start with a value, or of the latest such event; None where there is none), `days_old` (before `as_of`; nan
        where `latest` is None), `note` ("" where nothing is amiss).
    """
    as_of = find_last_day(source, design)
    rows = _read_columns(source, design)
    if source.events is not None:
        rows += _read_events(source, design, as_of)
    newest = max((row[-1].date() for row in rows if row[0] == "accounts" and row[-1]), default=None)
    again = {*design.activity_events, *(design.activation.event if design.activation else [])}
    again |= {*design.outcomes.retained.event, *(design.alive.event if design.alive else [])}
    described = [_describe(*row, as_of, newest, comes_again=row[1] in again) for row in rows]
    return pd.DataFrame(described, columns=COLUMNS)


def _read_columns(source, design):
    """(table, column, rows, missing, latest moment) of each column that the plan reads, by one query."""
    table = source.accounts
    timed = not design.is_snapshot
    facts = {"n": table.count()}
    columns = schema.list_account_columns(design)
    for i, column in enumerate(columns):
        value = table[column.target]
        facts[f"missing_{i}"] = table.count() - value.count()
        if timed:
            facts[f"latest_{i}"] = table["started_at"].max(where=is_known(value))
    found = table.aggregate(**facts).to_pyarrow().to_pylist()[0]
    n = found["n"]
    holes = [found[f"missing_{i}"] / n if n else 0.0 for i in range(len(columns))]
    return [
        ("accounts", column.name, n, hole, found.get(f"latest_{i}"))
        for i, (column, hole) in enumerate(zip(columns, holes, strict=True))
    ]


def _read_events(source, design, as_of):
    events = source.events.filter(source.events["at"] < Clock(as_of=as_of).cutoff)
    names = schema.list_account_event_names(design)
    named = events.filter(events["event"].isin(names))
    facts = {"n": named.count(), "holes": named.count() - named["value"].count(), "latest": named["at"].max()}
    found = named.group_by("event").aggregate(**facts)
    known = {row["event"]: row for row in found.to_pyarrow().to_pylist()}
    valued = design.usage.seats_event if design.usage else None
    rows = []
    for name in names:
        row = known.get(name, {"n": 0, "holes": 0, "latest": None})
        holes = row["holes"] / row["n"] if name == valued and row["n"] else 0.0
        rows.append(("events", name, row["n"], holes, row["latest"]))
    return rows


def _describe(table, column, n, missing, latest, as_of, newest, *, comes_again):
    day = latest.date() if latest else None
    old = (as_of - day).days if day and as_of else float("nan")
    note = _note(table, n, missing, old, (newest - day).days if day and newest else 0, comes_again=comes_again)
    return table, column, n, missing, day.isoformat() if day else None, old, note


def _note(table, n, missing, old, behind, *, comes_again):
    """What is amiss: events that come again have stopped, or the newest accounts lack what a column holds.

    First uses end by themselves when nobody starts any more.
    """
    if n == 0:
        return "does not occur"
    if missing == 1:
        return "never filled"
    if table == "events":
        return f"none in the last {old} days" if old > STALE_DAYS and comes_again else ""
    return f"missing from the accounts of the newest {behind} days" if behind > STALE_DAYS else ""
