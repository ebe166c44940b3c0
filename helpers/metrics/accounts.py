"""Accounts of a framework in the engine: who they are, what they did until when, and how fresh each input is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import pandas as pd

from helpers import schema
from helpers.metrics.events import Total, ask, find_end, fold_events, hear, store
from helpers.metrics.reach import Reach, find_reach
from helpers.plan import FrameworkPlan
from helpers.records import Refused

if TYPE_CHECKING:
    from helpers.sources import AccountSource

STALE_DAYS = 7


@dataclass(frozen=True)
class Accounts:
    """The accounts of a framework, in the engine, and what they did until `as_of`.

    Attributes
    ----------
    design : FrameworkPlan
    as_of : date or None
        The last day that counts: the plan's, else the latest day in the data; None for a snapshot.
    table : ibis.Table, one row an account that started by the end of `as_of`
        `unit`, `started_at`, `lost_at` (null: not lost), `tier`, `size`, `seats` (at the start), `cohort` (the plan's
        column, else null), and `feature_NAME` for each feature that stands in a column.
    messages : tuple of str
        What was left out, with counts, one sentence each.
    n_loaded : int
        Accounts before those that started later are left out.
    heard : ibis.Table or None
        The events of the plan from each account's start to its loss and the end of `as_of`; None for a snapshot.
    reach : Reach
        Where the log of events begins and ends: accounts that started before it are left out, `as_of` is its end.
    """

    design: FrameworkPlan
    as_of: dt.date | None
    table: ir.Table = field(repr=False)
    messages: tuple[str, ...] = ()
    n_loaded: int = 0
    heard: ir.Table | None = field(default=None, repr=False)
    reach: Reach = field(default_factory=Reach)

    @property
    def cutoff(self) -> dt.datetime | None:
        """The first moment that is not known: the midnight (UTC) that ends `as_of`."""
        return find_end(self.as_of)


def fold_accounts(source: AccountSource, design: FrameworkPlan) -> Accounts:
    """Return the accounts of a framework with their events, cut to what counts.

    An event counts from the account's start on, up to its loss (that moment included) and the end of `as_of`. Days are
    86,400 seconds from the start; windows hold their first moment and not their last.

    Parameters
    ----------
    source : AccountSource
    design : FrameworkPlan

    Returns
    -------
    Accounts

    Raises
    ------
    Refused: no account started by `as_of`.
    """
    known = _standardise(source.accounts, design)
    if design.is_snapshot:
        ended = known["lost"].notnull() & known["lost_days"].notnull()
        found = ask(known, {"n": known.count(), "open": (~ended).sum()})
        noted = (f"accounts without an end or its time, left out: {found['open']:,}",) if found["open"] else ()
        return Accounts(design, None, known, noted, found["n"])
    planned = find_last_day(source, design)
    events = source.events.filter(source.events["event"].isin(schema.list_account_event_names(design)))
    reach = find_reach(known, events, design, planned)
    as_of = reach.ended or planned
    end = ibis.literal(find_end(as_of))
    started = known.filter(known["started_at"] < end)
    if reach.began:
        started = started.filter(started["started_at"] >= ibis.literal(dt.datetime.combine(reach.began, dt.time())))
    seen = events.filter(events["at"] < end)
    ends = seen.filter(seen["event"].isin(design.outcomes.retained.lost))
    table = store(add_loss(started, hear(started, ends, start="started_at"), design))
    heard = store(hear(table, seen, start="started_at", lost="lost_at"))
    n, n_late = ask(known, {"n": known.count(), "late": (known["started_at"] >= end).sum()}).values()
    if n == n_late:
        raise Refused(f"plan, as_of: no account started by {as_of}; choose a later day")
    notes = {f"accounts that start after {as_of}, left out": n_late, **_count_left(table, events, design, as_of)}
    said = [f"{sentence}: {count:,}" for sentence, count in notes.items() if count]
    latest = f"as_of is left out of the plan: the latest day in the data, {planned}, is taken as the last complete one"
    said = [*([] if design.as_of else [latest]), *_tell_reach(reach, planned), *said, *_list_short(design)]
    return Accounts(design, as_of, table, tuple(said), n, heard, reach)


def _tell_reach(reach, planned):
    """Where the log leaves accounts unread, and how many."""
    if reach.began:
        yield f"accounts that start before the events begin on {reach.began}, left out: {reach.n_early:,}"
    if reach.ended:
        yield f"the events end on {reach.ended}, before {planned}: it is taken as the last complete day"
        yield f"accounts that would be followed by {planned} and are not by {reach.ended}, left out: {reach.n_late:,}"


def add_loss(accounts: ir.Table, heard: ir.Table, design: FrameworkPlan) -> ir.Table:
    """Return the accounts with `lost_at`: the moment of the first event that loses them; null where none came."""
    lost = design.outcomes.retained.lost
    if not lost:
        return accounts.mutate(lost_at=ibis.null("timestamp"))
    return fold_events(accounts, heard, [Total("lost_at", "first", tuple(lost))])


def find_last_day(source: AccountSource, design: FrameworkPlan) -> dt.date | None:
    """Return the last day that counts: the plan's, else the latest day of a start or an event; None for a snapshot."""
    if design.as_of or design.is_snapshot:
        return design.as_of
    spans = source.accounts.aggregate(start=source.accounts["started_at"].max())
    if source.events is not None:
        spans = spans.cross_join(source.events.aggregate(event=source.events["at"].max()))
    return max((moment.date() for moment in spans.to_pyarrow().to_pylist()[0].values() if moment), default=None)


def _standardise(accounts, design):
    """Each account under the names that all readings share; what the plan does not name is the same for all."""
    own = {"unit": accounts["unit"].cast("string")}
    own |= {} if design.is_snapshot else {"started_at": accounts["started_at"]}
    tier = accounts[design.plan_tier].cast("string") if design.plan_tier else ibis.literal("all")
    own |= {"tier": tier.fill_null("unknown"), "size": ibis.literal(1.0)}
    if design.size:
        size = accounts[design.size].cast("float64")
        own["size"] = (size > 0).ifelse(size, ibis.null("float64"))
    own["seats"] = accounts[design.usage.seats].cast("float64") if design.usage else ibis.null("float64")
    calendar = design.is_snapshot or design.cohort in schema.CALENDAR
    own["cohort"] = ibis.null("string") if calendar else accounts[design.cohort].cast("string")
    numbers = {f"feature_{f.name}": f.column for f in design.features if f.column}
    retained = design.outcomes.retained
    numbers |= {"lost": retained.column, "lost_days": retained.time} if retained.column else {}
    return accounts.select(**own, **{key: accounts[name].cast("float64") for key, name in numbers.items()})


def _count_left(table, events, design, as_of):
    """How many events do not count, and how many accounts lack something."""
    named = events.select("unit", "at").inner_join(table.select("unit", "started_at", "lost_at"), "unit")
    early, late = named["at"] < named["started_at"], named["at"] >= ibis.literal(find_end(as_of))
    facts = {
        "events before their account starts, left out": early,
        f"events after {as_of}, the last complete day, left out": late,
        "events after their account is lost, left out": ~early & ~late & (named["at"] > named["lost_at"]),
    }
    lacks = {"accounts without a size above 0": table["size"].isnull()}
    if design.usage:
        lacks["accounts without seats at their start"] = table["seats"].isnull()
    found = ask(named, {sentence: fact.sum() for sentence, fact in facts.items()})
    return found | ask(table, {sentence: fact.sum() for sentence, fact in lacks.items()})


def _list_short(design):
    """Landmarks that come before one period of usage is over."""
    usage = design.usage
    short = [landmark for landmark in design.landmarks if usage and landmark < usage.period_days]
    period = f"{usage.period} of {usage.period_days} days" if usage else ""
    return [f"usage cannot be read on day {day:g}: not a full {period} has passed" for day in short]


def fetch(table: ir.Table) -> pd.DataFrame:
    """Return a table in memory, sorted by unit, times in UTC, index from 0."""
    frame = table.to_pyarrow().to_pandas()
    times = [name for name in frame if frame[name].dtype.kind == "M"]
    read = {name: pd.to_datetime(frame[name], utc=True) for name in times}
    return frame.assign(**read).sort_values("unit", kind="stable", ignore_index=True)


def name_cohort(frame: pd.DataFrame, design: FrameworkPlan) -> pd.Series:
    """Return the cohort of each account as text: "2022-03", "2022-Q1", "2022" (UTC), or the plan's own column."""
    if design.cohort not in schema.CALENDAR:
        return frame["cohort"].astype("str").where(frame["cohort"].notna(), "unknown").astype("str")
    start = frame["started_at"].dt
    year = start.year.astype("str")
    later = {"year": "", "quarter": "-Q" + start.quarter.astype("str")}
    return year + later.get(design.cohort, "-" + start.month.astype("str").str.zfill(2))


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
    rows = _read_columns(source.accounts, design)
    newest = max((latest.date() for *_, latest in rows if latest), default=None)
    rows += _read_events(source.events, design, as_of) if source.events is not None else []
    again = {*design.activity_events, *design.outcomes.retained.event, *(design.alive.event if design.alive else [])}
    again |= set(design.activation.event if design.activation else [])
    told = []
    for table, column, n, missing, latest in rows:
        day = latest.date() if latest else None
        old = (as_of - day).days if day and as_of else float("nan")
        note, behind = "", (newest - day).days if day and newest else 0
        if n == 0 or missing == 1:
            note = "never filled" if n else "does not occur"
        elif table == "events" and old > STALE_DAYS and column in again:  # first uses end by themselves
            note = f"none in the last {old} days"
        elif table == "accounts" and behind > STALE_DAYS:
            note = f"missing from the accounts of the newest {behind} days"
        told.append((table, column, n, missing, day and day.isoformat(), old, note))
    return pd.DataFrame(told, columns=["table", "column", "rows", "missing", "latest", "days_old", "note"])


def _read_columns(table, design):
    """(table, column, rows, share without a value, latest start with one) of each column that the plan reads."""
    columns, facts = schema.list_account_columns(design), {"n": table.count()}
    facts |= {("missing", column): table[column.target].isnull().sum() for column in columns}
    if not design.is_snapshot:
        starts = table["started_at"]
        facts |= {("latest", column): starts.max(where=table[column.target].notnull()) for column in columns}
    found = ask(table, facts)
    shares = {column: (found["missing", column] or 0) / max(found["n"], 1) for column in columns}
    return [("accounts", c.name, found["n"], shares[c], found.get(("latest", c))) for c in columns]


def _read_events(events, design, as_of):
    """The same of each event that the plan reads; of its values only where one tells the number of seats."""
    names, valued = schema.list_account_event_names(design), design.usage and design.usage.seats_event
    named = events.filter(events["at"] < find_end(as_of), events["event"].isin(names))
    facts = {"rows": named.count(), "missing": named["value"].isnull().mean(), "latest": named["at"].max()}
    known = {row["event"]: row for row in named.group_by("event").aggregate(**facts).to_pyarrow().to_pylist()}
    told = [(name, known.get(name, {"rows": 0, "missing": 0.0, "latest": None})) for name in names]
    return [("events", name, r["rows"], r["missing"] if name == valued else 0.0, r["latest"]) for name, r in told]
