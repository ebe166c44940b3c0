"""A source of accounts and a framework become what every reading starts from: who, what they did, until when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from helpers import schema
from helpers.metrics.accounts.milestones import add_loss, find_firsts, hear, list_timed
from helpers.metrics.clock import DAY, Clock
from helpers.plan import FrameworkPlan
from helpers.records import Refused

if TYPE_CHECKING:
    from helpers.sources import AccountSource

KEPT = ("unit", "started_at", "lost_at", "tier", "size", "seats", "cohort")


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
    firsts : ibis.Table or None
        `unit`, `event`, `first_at` of the events behind steps and features; None where the plan names none.
    """

    design: FrameworkPlan
    as_of: dt.date | None
    table: ir.Table = field(repr=False)
    messages: tuple[str, ...] = ()
    n_loaded: int = 0
    heard: ir.Table | None = field(default=None, repr=False)
    firsts: ir.Table | None = field(default=None, repr=False)

    @property
    def cutoff(self) -> dt.datetime:
        """The first moment that is not known: the midnight (UTC) that ends `as_of`."""
        return Clock(as_of=self.as_of).cutoff


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
    n = _count(source.accounts)
    if design.is_snapshot:
        return Accounts(design, None, _standardise(source.accounts, design), _note_snapshot(source, design), n)
    as_of = find_last_day(source, design)
    cutoff = ibis.literal(Clock(as_of=as_of).cutoff)
    started = _standardise(source.accounts, design)
    started = started.filter(started["started_at"] < cutoff)
    events = source.events.filter(source.events["at"] < cutoff)
    lost = hear(started, events, design.outcomes.retained.lost) if design.outcomes.retained.lost else None
    table = store(add_loss(started, lost, design))
    heard = store(hear(table, events, schema.list_account_event_names(design)))
    timed = list_timed(design)
    firsts = store(find_firsts(heard, timed.values())) if timed else None
    if not _count(table):
        raise Refused(f"plan, as_of: no account started by {as_of}; choose a later day")
    messages = _write_notes(source, design, table, as_of, n)
    return Accounts(design, as_of, table, messages, n, heard, firsts)


def find_last_day(source: AccountSource, design: FrameworkPlan) -> dt.date | None:
    """Return the last day that counts: the plan's, else the latest day of a start or an event; None for a snapshot."""
    if design.as_of or design.is_snapshot:
        return design.as_of
    spans = source.accounts.aggregate(start=source.accounts["started_at"].max())
    if source.events is not None:
        spans = spans.cross_join(source.events.aggregate(event=source.events["at"].max()))
    found = spans.to_pyarrow().to_pylist()[0].values()
    return max((moment.date() for moment in found if moment), default=None)


def store(expression: ir.Table) -> ir.Table:
    """Return a table that many queries read, kept; other engines than DuckDB may not let us write."""
    return expression.cache() if expression.get_backend().name == "duckdb" else expression


def fetch(expression: ir.Table) -> pd.DataFrame:
    """Return a table in memory, sorted by unit, times in UTC, index from 0."""
    frame = expression.to_pyarrow().to_pandas()
    times = [name for name in frame if frame[name].dtype.kind == "M"]
    read = {name: pd.to_datetime(frame[name], utc=True) for name in times}
    return frame.assign(**read).sort_values("unit", kind="stable", ignore_index=True)


def fetch_firsts(accounts: Accounts, units: pd.Series) -> dict[str, np.ndarray]:
    """Return the first time of each step and feature with a time, by `step_NAME` and `feature_NAME`.

    Parameters
    ----------
    accounts : Accounts
    units : Series of str, the accounts in whose order the times are wanted

    Returns
    -------
    dict of str to array of datetime64[us], NaT where it never happened
    """
    timed = list_timed(accounts.design)
    if not timed:
        return {}
    events = list(dict.fromkeys(timed.values()))
    told = accounts.firsts.to_pyarrow()
    row = _place(told["unit"], units)
    column = _place(told["event"], events)
    times = np.full((len(events), len(units)), np.datetime64("NaT", "us"))
    known = row >= 0
    times[column[known], row[known]] = told["first_at"].to_numpy().astype("datetime64[us]")[known]
    return {name: times[events.index(event)] for name, event in timed.items()}


def _place(column, among):
    """Where each text of an Arrow column stands among others, -1 where it does not; each is looked up once."""
    coded = column.combine_chunks().dictionary_encode()
    place = pd.Index(among).get_indexer(coded.dictionary.to_pylist())
    return place[coded.indices.to_numpy()]


def count_days(moment: pd.Series, start: pd.Series) -> pd.Series:
    """Return the days (float) from a start to a moment; nan where there is none."""
    return (moment - start).dt.total_seconds() / DAY


def name_cohort(frame: pd.DataFrame, design: FrameworkPlan) -> pd.Series:
    """Return the cohort of each account as text: "2022-03", "2022-Q1", "2022" (UTC), or the plan's own column."""
    if design.cohort not in schema.CALENDAR:
        return frame["cohort"].astype("str").where(frame["cohort"].notna(), "unknown").astype("str")
    year = frame["started_at"].dt.year.astype("str")
    if design.cohort == "year":
        return year
    if design.cohort == "quarter":
        return year + "-Q" + frame["started_at"].dt.quarter.astype("str")
    return year + "-" + frame["started_at"].dt.month.astype("str").str.zfill(2)


def _standardise(accounts, design):
    """Each account under the names that all readings share; what the plan does not name is the same for all."""
    own = {"unit": accounts["unit"].cast("string")}
    own |= {} if design.is_snapshot else {"started_at": accounts["started_at"]}
    tier = accounts[design.plan_tier].cast("string") if design.plan_tier else ibis.literal("all")
    own["tier"] = tier.fill_null("unknown")
    own["size"] = _take_positive(accounts, design.size) if design.size else ibis.literal(1.0)
    own["seats"] = accounts[design.usage.seats].cast("float64") if design.usage else ibis.null("float64")
    calendar = design.is_snapshot or design.cohort in schema.CALENDAR
    own["cohort"] = ibis.null("string") if calendar else accounts[design.cohort].cast("string")
    columns = {f"feature_{f.name}": accounts[f.column].cast("float64") for f in design.features if f.column}
    retained = design.outcomes.retained
    ends = {"lost": retained.column, "lost_days": retained.time} if retained.column else {}
    return accounts.select(**own, **columns, **{key: accounts[name].cast("float64") for key, name in ends.items()})


def _take_positive(accounts, name):
    size = accounts[name].cast("float64")
    return (size > 0).ifelse(size, ibis.null("float64"))


def _count(table):
    return table.count().to_pyarrow().as_py()


def _write_notes(source, design, table, as_of, n):
    """Sentences on what does not count, each only where it occurs."""
    cutoff = ibis.literal(Clock(as_of=as_of).cutoff)
    named = source.events.filter(source.events["event"].isin(schema.list_account_event_names(design)))
    named = named.select("unit", "at").inner_join(table.select("unit", "started_at", "lost_at"), "unit")
    early, late = named["at"] < named["started_at"], named["at"] >= cutoff
    gone = ~early & ~late & (named["at"] > named["lost_at"])
    facts = named.aggregate(early=early.sum(), late=late.sum(), gone=gone.sum())
    counts = dict.fromkeys(("early", "late", "gone")) | facts.to_pyarrow().to_pylist()[0]
    missing = table.aggregate(size=table.count() - table["size"].count(), seats=table.count() - table["seats"].count())
    counts |= missing.to_pyarrow().to_pylist()[0] | {"accounts": n - _count(table)}
    counts["seats"] = counts["seats"] if design.usage else 0
    left = [f"{sentence}: {counts[key]:,}" for key, sentence in _say(as_of).items() if counts[key]]
    return tuple([*_say_as_of(design, as_of), *left, *_say_short(design)])


def _say(as_of):
    return {
        "accounts": f"accounts that start after {as_of}, left out",
        "early": "events before their account starts, left out",
        "late": f"events after {as_of}, the last complete day, left out",
        "gone": "events after their account is lost, left out",
        "size": "accounts without a size above 0",
        "seats": "accounts without seats at their start",
    }


def _say_as_of(design, as_of):
    latest = f"the latest day in the data, {as_of}, is taken as the last complete one"
    return [] if design.as_of else [f"as_of is left out of the plan: {latest}"]


def _say_short(design):
    if not design.usage:
        return []
    short = [landmark for landmark in design.landmarks if landmark < design.usage.period_days]
    period = f"{design.usage.period} of {design.usage.period_days} days"
    return [f"usage cannot be read on day {landmark:g}: not a full {period} has passed" for landmark in short]


def _note_snapshot(source, design):
    retained = design.outcomes.retained
    accounts = source.accounts
    n = _count(accounts) - _count(accounts.drop_null([retained.column, retained.time]))
    return (f"accounts without an end or its time, left out: {n:,}",) if n else ()
