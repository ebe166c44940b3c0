"""The one fold of events: how often, how much, first and last within days of a unit's start; and its days and hours."""

import calendar
import datetime as dt
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
from ibis.util import gen_name

DAY = 86_400
HOUR, HOURS_A_DAY, HOURS_A_WEEK, BLOCK = 3_600, 24, 168, 4
EPOCH_HOUR = 72  # the first second of the epoch was a Thursday, 72 hours after Monday 00:00
BLOCKS = tuple(f"{day} {h:02d}-{h + BLOCK:02d}" for day in ("weekday", "weekend") for h in range(0, HOURS_A_DAY, BLOCK))
COUNTED = ("count", "amount")  # kinds of which no event is 0
ALWAYS = ibis.literal(True)


@dataclass(frozen=True)
class Total:
    """One column that the events of a unit give.

    `kind` is count, amount (sum of values; an event without a value adds nothing), first (a moment), or last (the value
    of the latest event that has one; the highest of several at one moment). Only events of these names count, from
    `since` days after the start on and before `until` days after it; an `inclusive` total counts that moment too.
    """

    column: str
    kind: str
    events: tuple[str, ...]
    since: float = 0.0
    until: float | None = None
    inclusive: bool = False

    def holds(self, heard: ir.Table) -> ir.BooleanValue:
        """Return whether an event counts; `heard` has `event`, `at` and `start` of its unit."""
        counts = heard["event"].isin(self.events)
        if self.since:
            counts &= heard["at"] >= add_days(heard["start"], self.since)
        if self.until is not None:
            end = add_days(heard["start"], self.until)
            counts &= (heard["at"] <= end) if self.inclusive else (heard["at"] < end)
        return counts

    def take(self, heard: ir.Table) -> ir.Value:
        """Return the total as an aggregate of events; a last value cannot be taken so."""
        counts = self.holds(heard)
        if self.kind == "count":
            return counts.sum().cast("int64")
        if self.kind == "amount":
            return heard["value"].sum(where=counts).cast("float64")
        return heard["at"].min(where=counts)


def hear(units: ir.Table, events: ir.Table, *, start: str, lost: str | None = None) -> ir.Table:
    """Return the events of some units from their start on: `unit`, `event`, `at`, `value`, `start`.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    events : ibis.Table, one row an event: `unit`, `event`, `at`, `value`
    start, lost : str
        Columns of the units. An event at the moment of the loss still counts, a later one does not.
    """
    moments = {"start": units[start]} | ({"lost": units[lost]} if lost else {})
    told = events.select("unit", "event", "at", "value").inner_join(units.select("unit", **moments), "unit")
    told = told.filter(told["at"] >= told["start"])
    if lost:
        told = told.filter(told["lost"].isnull() | (told["at"] <= told["lost"]))
    return told.select("unit", "event", "at", "value", "start")


def fold_events(units: ir.Table, heard: ir.Table, totals) -> ir.Table:
    """Return the units with one column a total: counts and amounts 0, all others null, where no event counts.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    heard : ibis.Table, as `hear` gives it
    totals : sequence of Total
    """
    taken = {total.column: total.take(heard) for total in totals if total.kind != "last"}
    folded = attach(units, heard.group_by("unit").aggregate(**taken)) if taken else units
    for total in (total for total in totals if total.kind == "last"):
        valued = heard.filter(total.holds(heard), heard["value"].notnull())
        latest = pick(valued, "unit", [valued["at"].desc(), valued["value"].desc()])
        folded = attach(folded, latest.select("unit", **{total.column: latest["value"]}))
    return folded.mutate(**{t.column: folded[t.column].fill_null(0) for t in totals if t.kind in COUNTED})


def pick(table: ir.Table, by, order, *, place=0) -> ir.Table:
    """Return one row a group: the first in some order, or the one `place` rows behind it."""
    ranked = table.mutate(place=ibis.row_number().over(group_by=by, order_by=order))
    return ranked.filter(ranked["place"] == place).drop("place")


def attach(units: ir.Table, found: ir.Table, key="unit") -> ir.Table:
    """Return the units with the columns of another table, null where that has no row of the unit."""
    return units.left_join(found, key).select(*units.columns, *[name for name in found.columns if name != key])


def store(table: ir.Table, *, copied=True) -> ir.Table:
    """Return a table that many queries read, kept in DuckDB; others may not let us write.

    One that is not `copied` gets a name alone, a view: it reads one file, of which a copy would take time and room.
    """
    backend = table.get_backend()
    if backend.name != "duckdb":
        return table
    return table.cache() if copied else backend.create_view(gen_name("units"), table)


def ask(table: ir.Table, facts: dict, *beside: tuple[ir.Table, dict]) -> dict:
    """Return some aggregates of a table, and of others beside it, by their names in one query; none without facts."""
    if not facts:
        return {}
    asked = table.aggregate([value.name(f"n{i}") for i, value in enumerate(facts.values())])
    for other, more in beside:
        asked = asked.cross_join(other.aggregate([v.name(f"n{i}") for i, v in enumerate(more.values(), len(facts))]))
        facts = facts | more
    return dict(zip(facts, asked.to_pyarrow().to_pylist()[0].values(), strict=True))


def find_end(day: dt.date | None) -> dt.datetime | None:
    """Return the first moment that is not known: the midnight (UTC) that ends the last day; None without one."""
    return None if day is None else dt.datetime.combine(day, dt.time()) + dt.timedelta(days=1)


def add_days(start: ir.TimestampValue, days: float) -> ir.TimestampValue:
    """Return the moment some days later, to the second."""
    return start + ibis.interval(seconds=round(days * DAY))


def count_seconds(moment: dt.date | dt.datetime) -> int:
    """Return the seconds since the epoch of a moment in UTC."""
    return calendar.timegm(moment.timetuple())


def mark(fact: ir.BooleanValue) -> ir.FloatingValue:
    """Return 1 for true, 0 for false and null for null; some engines turn truth values into whole numbers only."""
    return fact.cast("int32").cast("float64")


def name_hours(hours) -> np.ndarray:
    """Return the block of the week of each hour: four hours of a weekday or of the weekend, one of `BLOCKS`.

    Parameters
    ----------
    hours : array of int, 0 to 167
        Hours of the week in UTC; Monday 00:00 to 01:00 is 0.

    Returns
    -------
    array of object, the names
    """
    hours = np.asarray(hours, int)
    return np.array(BLOCKS, object)[(hours >= 5 * HOURS_A_DAY) * (len(BLOCKS) // 2) + hours % HOURS_A_DAY // BLOCK]


def name_block(start: ir.TimestampValue) -> ir.StringValue:
    """Return the block of the week (UTC) in which a moment lies, one of `BLOCKS`."""
    hour = (((start.epoch_seconds() / HOUR).floor().cast("int64") + EPOCH_HOUR) % HOURS_A_WEEK).cast("int64")
    return hour.cases(*enumerate(name_hours(range(HOURS_A_WEEK))))
