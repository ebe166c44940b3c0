"""Until when the data is known, when a window is over, in which week and hours a unit was assigned, and true as 1."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np

DAY = 86_400
HOUR, HOURS_A_DAY, HOURS_A_WEEK, BLOCK = 3_600, 24, 168, 4
EPOCH_HOUR = 72  # the first second of the epoch was a Thursday, 72 hours after Monday 00:00
BLOCKS = tuple(f"{day} {h:02d}-{h + BLOCK:02d}" for day in ("weekday", "weekend") for h in range(0, HOURS_A_DAY, BLOCK))
START = "fold:start"  # the column of the time of assignment, UTC, while units are folded
ALWAYS = ibis.literal(True)


@dataclass(frozen=True)
class Clock:
    """The days between which things are known; None where the data has no times.

    `first_day` and `last_day` are the days between which units were randomised, `as_of` the last day the data is
    complete for; a unit that came later is left out.
    """

    first_day: dt.date | None = None
    as_of: dt.date | None = None
    last_day: dt.date | None = None

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
        """Return the block of seven days, counted from 0 at the first day of randomisation."""
        first = calendar.timegm(self.first_day.timetuple())
        return ((start.epoch_seconds() - first) / (7 * DAY)).floor().cast("int64")

    @staticmethod
    def hours(start: ir.TimestampValue) -> ir.StringValue:
        """Return the block of the week (UTC) in which a moment lies, one of `BLOCKS`."""
        hour = (((start.epoch_seconds() / HOUR).floor().cast("int64") + EPOCH_HOUR) % HOURS_A_WEEK).cast("int64")
        return hour.cases(*((number, name) for number, name in enumerate(name_hours(range(HOURS_A_WEEK)))))


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


def read_clock(units: ir.Table, events: ir.Table | None, *, as_of: dt.date | None, arms) -> Clock:
    """Return the clock of a source, by one query.

    Parameters
    ----------
    units : ibis.Table, one row a unit
        With the column START when the plan names the time of assignment; without it there is no clock.
    events : ibis.Table or None, with the column `at`
    as_of : date or None
        As planned; None means the latest day of an event or an assignment where there are events. Without
        events the table does not say until when it is complete, so nothing is held to be unfinished.
    arms : sequence of str
        The randomised ones: weeks count from the first of their units, and from the first of all without them.

    Returns
    -------
    Clock
    """
    if START not in units.columns:
        return Clock()
    start, randomised = units[START], units["variant"].isin(arms)
    spans = units.aggregate(
        first=start.min(where=randomised).fill_null(start.min()),
        last=start.max(),
        randomised=start.max(where=randomised).fill_null(start.max()),
    )
    if events is not None:
        spans = spans.cross_join(events.aggregate(latest=events["at"].max()))
    found = spans.to_pyarrow().to_pylist()[0]
    first, latest = (found[day] and found[day].date() for day in ("first", "randomised"))
    if as_of is None and events is not None:
        as_of = max((moment.date() for moment in (found["last"], found["latest"]) if moment), default=None)
    return Clock(first, as_of, latest and min(latest, as_of or latest))


def add_days(start: ir.TimestampValue, days: float) -> ir.TimestampValue:
    """Return the moment some days later, to the second."""
    return start + ibis.interval(seconds=round(days * DAY))


def mark(fact: ir.BooleanValue) -> ir.FloatingValue:
    """Return 1 for true, 0 for false and null for null; some engines turn truth values into whole numbers only."""
    return fact.cast("int32").cast("float64")
