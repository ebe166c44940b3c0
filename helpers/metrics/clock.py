"""Until when the data is known, when a unit's window is over, in which week it was assigned, and true as 1."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

DAY = 86_400
START = "fold:start"  # the column of the time of assignment, UTC, while units are folded
ALWAYS = ibis.literal(True)


@dataclass(frozen=True)
class Clock:
    """The days between which things are known; None where the data has no times.

    `first_day` is the earliest day of assignment, `as_of` the last day the data is complete for.
    """

    first_day: dt.date | None = None
    as_of: dt.date | None = None

    @property
    def cutoff(self) -> dt.datetime | None:
        """The first moment that is not known: the midnight (UTC) that ends `as_of`."""
        return None if self.as_of is None else dt.datetime.combine(self.as_of, dt.time()) + dt.timedelta(days=1)

    def is_over(self, start: ir.TimestampValue | None, days: float | None) -> ir.BooleanValue:
        """Return whether the window of some days since `start` is over; always without a window or times."""
        if days is None or start is None or self.cutoff is None:
            return ALWAYS
        return add_days(start, days) <= ibis.literal(self.cutoff)

    def days_seen(self, start: ir.TimestampValue) -> ir.FloatingValue:
        """Return the days from `start` to the cutoff."""
        return (calendar.timegm(self.cutoff.timetuple()) - start.epoch_seconds().cast("float64")) / DAY

    def week(self, start: ir.TimestampValue) -> ir.IntegerValue:
        """Return the block of seven days, counted from 0 at the first day of assignment."""
        first = calendar.timegm(self.first_day.timetuple())
        return ((start.epoch_seconds() - first) / (7 * DAY)).floor().cast("int64")


def read_clock(units: ir.Table, events: ir.Table | None, *, as_of: dt.date | None) -> Clock:
    """Return the clock of a source, by one query.

    Parameters
    ----------
    units : ibis.Table, one row a unit
        With the column START when the plan names the time of assignment; without it there is no clock.
    events : ibis.Table or None, with the column `at`
    as_of : date or None
        As planned; None means the latest day of an event or an assignment where there are events. Without
        events the table does not say until when it is complete, so nothing is held to be unfinished.

    Returns
    -------
    Clock
    """
    if START not in units.columns:
        return Clock()
    spans = units.aggregate(first=units[START].min(), last=units[START].max())
    if events is not None:
        spans = spans.cross_join(events.aggregate(latest=events["at"].max()))
    found = spans.to_pyarrow().to_pylist()[0]
    first = found["first"].date() if found["first"] else None
    if as_of is None and events is not None:
        as_of = max((moment.date() for moment in (found["last"], found["latest"]) if moment), default=None)
    return Clock(first, as_of)


def add_days(start: ir.TimestampValue, days: float) -> ir.TimestampValue:
    """Return the moment some days later, to the second."""
    return start + ibis.interval(seconds=round(days * DAY))


def mark(fact: ir.BooleanValue) -> ir.FloatingValue:
    """Return 1 for true, 0 for false and null for null; some engines turn truth values into whole numbers only."""
    return fact.cast("int32").cast("float64")
