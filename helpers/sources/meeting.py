"""How events and assignments lie beside each other: counted by days since assignment, by day and by start, at once."""

import ibis
import pandas as pd

from helpers import schema
from helpers.sources.opening import ask

DAY, EARLIEST = 86_400, -9
WHOLE = ("day", "n", "same_day", "dated", "without", "first", "last")
NOWHERE = {"same_day": 0, "dated": 0, "without": 0, "first": None, "last": None, "clocked": None}


def meet_events(shaped, units, design) -> pd.DataFrame:
    """Return how the events of an experiment lie beside its assignments.

    Parameters
    ----------
    shaped : Shaped, the events
    units : Ibis table, one row a unit, with `unit`, `variant` and the plan's `assigned_at`
    design : ExperimentPlan

    Returns
    -------
    DataFrame: `what` is counted, `event` (as the plan names it; "" for any other), `variant` (None: never assigned),
        `day` and `n`. Of "age" rows `day` is that since assignment (of earlier events whole days of 24 hours before
        it, -9 for all beyond eight), with `same_day` (events of the day of assignment), `first` and `last` (days
        since 1970) and `clocked` (whether any has a time of day); of "day" rows that of all events, of
        "start" rows that of the units' assignment; `dated` counts the times of "age" and "start" rows that are
        dates alone, `without` the events that have no value which the plan reads.
    """
    events = shaped.table
    start = units.select("unit", "variant", start=units[design.assigned_at])
    read = schema.list_values(design).items()
    lacks = [events["event"].isin(names) & events[column].isnull() for column, names in read]  # noqa: PD003 (of Ibis)
    lacks = ibis.or_(events["event"].isnull(), *lacks)  # noqa: PD003
    heard = events.select("unit", "event", "at", lacks=lacks).left_join(start, "unit")
    at, since = (heard[name].epoch_seconds() for name in ("at", "start"))
    day, begun, before = ((seconds / DAY).floor().cast("int64") for seconds in (at, since, at - since))
    age = (at < since).ifelse(ibis.greatest(before, EARLIEST), day - begun)
    named = heard["event"].isin(schema.list_event_names(design)).ifelse(heard["event"], "")
    heard = heard.select("variant", event=named, day=age, at_day=day, begun=begun, rest=at % DAY, lacks="lacks")
    ages = heard.group_by("event", "variant", "day").aggregate(
        n=heard.count(),
        same_day=(heard["at_day"] == heard["begun"]).sum(),
        first=heard["at_day"].min(),
        last=heard["at_day"].max(),
        clocked=(heard["rest"] != 0).any(),
        dated=(heard["rest"] == 0).sum(),
        without=heard["lacks"].sum(),
    )
    known = heard.select("event", "variant", day="at_day")
    days = known.group_by("event", "variant", "day").aggregate(n=known.count())
    moment = start["start"].epoch_seconds()
    begins = start.select("variant", day=(moment / DAY).floor().cast("int64"), rest=moment % DAY)
    starts = begins.group_by("variant", "day").aggregate(n=begins.count(), dated=(begins["rest"] == 0).sum())
    starts = starts.mutate(event=ibis.literal(""))
    parts = []
    for what, table in (("age", ages), ("day", days), ("start", starts)):  # equal columns in one order and type
        lacking = {name: value for name, value in NOWHERE.items() if name not in table.columns}
        part = table.mutate(what=ibis.literal(what), **lacking)
        whole = {name: part[name].cast("int64") for name in WHOLE}
        parts.append(part.select("what", "event", "variant", **whole, clocked=part["clocked"].cast("boolean")))
    found = ibis.union(*parts).order_by("what", "event", "variant", "day")
    return ask(lambda: found.to_pyarrow().to_pandas(), shaped.name)
