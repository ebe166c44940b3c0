"""How events and assignments lie beside each other: counted by days since assignment, by day, start, unit and name."""

import datetime as dt

import ibis
import pandas as pd

from helpers import schema
from helpers.sources.opening import ask, count_all

DAY, MINUTE, EARLIEST = 86_400, 60, -9
COUNTS = ("day", "n", "same_day", "dated", "without", "known", "squares", "first", "last")
SIGNS = ("[A-Za-z]", "[0-9]", "[^A-Za-z0-9]")
NOWHERE = dict.fromkeys(("same_day", "dated", "without", "known", "squares"), 0)
NOWHERE |= dict.fromkeys(("first", "last", "clocked"))


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
        `day` and `n`, beside counts that are 0 where they do not apply:

        - "age": events by `day` since assignment (of earlier ones whole days of 24 hours before it, -9 for all beyond
          eight), with `same_day` (those of the day of assignment), `first` and `last` (days since 1970), `clocked`
          (whether any has a time of day), `dated` (times that are dates alone), `without` (those without a value that
          the plan reads) and `known` (those by the plan's `as_of`).
        - "day": events by day since 1970, `known` those since the day of assignment.
        - "start": units by the day of their assignment, with `dated`; "key": what was randomised, units by that day
          or clusters in all.
        - "before", "since": what was randomised that has an event before its assignment, or since, by the day of
          "key" rows; `known` is the sum of their events, `squares` that of its squares, `last` the most of one.
        - "repeat": events that repeat another of their unit: its `event_id`, or without one its time and value (none
          where no time has seconds, as such events may well be several).
        - "strange": events of ids unlike those of any unit, as cookies are, or a word for nobody.
        - "near": events that the plan does not name, with a name that begins as one of it does.
    """
    key = design.cluster or "unit"
    begun = _read_day(units[design.assigned_at]) if not design.cluster else ibis.literal(0).cast("int64")
    start = units.select("unit", "variant", key=units[key], start=units[design.assigned_at], key_day=begun)
    heard = _join_events(shaped.table, start, design)
    ages = heard.group_by("event", "variant", "day").aggregate(
        n=heard.count(),
        same_day=(heard["at_day"] == heard["begun"]).sum(),
        first=heard["at_day"].min(),
        last=heard["at_day"].max(),
        clocked=(heard["seconds"] % DAY != 0).any(),
        dated=(heard["seconds"] % DAY == 0).sum(),
        without=heard["lacks"].sum(),
        known=heard["is_known"].sum(),
    )
    days = heard.group_by("event", "variant", at="at_day").aggregate(
        n=heard.count(), known=(heard["at_day"] >= heard["begun"]).sum()
    )
    begins = start.mutate(day=_read_day(start["start"]), rest=start["start"].epoch_seconds() % DAY)
    nameless = {"event": ibis.literal("")}
    starts = begins.group_by("variant", "day", **nameless).aggregate(
        n=begins.count(), dated=(begins["rest"] == 0).sum()
    )
    keys = begins.group_by("variant", at="key_day", **nameless).aggregate(n=begins["key"].nunique())
    near = heard.filter(heard["is_near"] & (heard["event"] == "")).group_by("variant", event="name", at=ibis.literal(0))
    parts = [("age", ages), ("day", days.rename(day="at")), ("start", starts), ("key", keys.rename(day="at"))]
    parts += [("near", near.aggregate(n=lambda t: t.count()).rename(day="at")), *_count_units(heard)]
    parts.append(("repeat", _count_repeats(shaped.table, start, design)))
    found = _collect(parts, shaped.name)
    strangers = heard.filter(heard["variant"].isnull() & (heard["event"] != ""))  # noqa: PD003 (a column of Ibis)
    if not found["variant"].isna().any():
        return found
    strange = strangers.filter(_differs(strangers["who"].cast("string"), units["unit"].cast("string"), shaped.name))
    counted = strange.group_by("event", "variant", day=ibis.literal(0)).aggregate(n=strange.count())
    return pd.concat([found, _collect([("strange", counted)], shaped.name)], ignore_index=True)


def _collect(parts, shown):
    """Parts with equal columns in one order and type, as one frame."""
    lined = []
    for what, table in parts:
        lacking = {name: value for name, value in NOWHERE.items() if name not in table.columns}
        part = table.mutate(what=ibis.literal(what), **lacking)
        whole = {name: part[name].cast("int64") for name in COUNTS}
        lined.append(part.select("what", "event", "variant", **whole, clocked=part["clocked"].cast("boolean")))
    found = ibis.union(*lined) if len(lined) > 1 else lined[0]
    found = found.order_by("what", "event", "variant", "day")
    return ask(lambda: found.to_pyarrow().to_pandas(), shown)


def _differs(who, unit, shown):
    """Whether an unknown id is unlike all that are known: by a kind of sign that all have or none, or twice as long."""
    known, is_strange = unit.name("unit").as_table(), ibis.literal(False)
    counts = {f"n{i}": known["unit"].re_search(sign).sum() for i, sign in enumerate(SIGNS)}
    every, longest, *have = count_all(
        known, {"n": known.count(), "longest": known["unit"].length().max(), **counts}, shown
    ).values()
    for sign, n in zip(SIGNS, have, strict=True):
        if n in (0, every):
            is_strange |= who.re_search(sign) if n == 0 else ~who.re_search(sign)
    return is_strange | (who.length() > 2 * longest)


def _read_seconds(moment):
    """Whole seconds since 1970; of what some engines return as a float, no remainder can be taken in all of them."""
    return moment.epoch_seconds().floor().cast("int64")


def _read_day(moment):
    return (moment.epoch_seconds() / DAY).floor().cast("int64")


def _join_events(events, start, design):
    """The events beside the start of their unit, those that the plan does not name without a name."""
    names, as_of, read = schema.list_event_names(design), design.as_of, schema.list_values(design).items()
    lacks = [events["event"].isin(of) & events[column].isnull() for column, of in read]  # noqa: PD003 (of Ibis)
    lacks = ibis.or_(events["event"].isnull(), *lacks)  # noqa: PD003
    heard = events.select("unit", "at", name="event", lacks=lacks).left_join(start, "unit")
    who = (
        heard["unit"]
        if not design.cluster
        else ibis.coalesce(*(heard[name].cast("string") for name in ("key", "unit")))
    )
    seconds, since = (_read_seconds(heard[name]) for name in ("at", "start"))
    day, begun = (_read_day(heard[name]) for name in ("at", "start"))
    before = ibis.greatest(((seconds - since) / DAY).floor().cast("int64"), EARLIEST)
    last = as_of and (as_of - dt.date(1970, 1, 1)).days
    return heard.select(
        *("variant", "key_day", "lacks", "name"),
        event=heard["name"].isin(names).ifelse(heard["name"], ""),
        is_near=ibis.or_(*(heard["name"].startswith(name) for name in names)),
        day=(seconds < since).ifelse(before, day - begun),
        who=who,
        at_day=day,
        begun=begun,
        seconds=seconds,
        is_known=day <= last if last else ibis.literal(True),
    )


def _count_units(heard):
    """What was randomised that has an event of the plan before or since its assignment, and events that repeat."""
    planned = heard.filter(heard["event"] != "").mutate(is_before=(heard["day"] < 0).fill_null(False))
    each = planned.group_by("event", "variant", "who", "is_before")
    each = each.aggregate(n=planned.count(), key_day=planned["key_day"].min())
    for what, rows in (("before", each.filter(each["is_before"])), ("since", each.filter(~each["is_before"]))):
        counted = rows.group_by("event", "variant", at="key_day").aggregate(
            n=rows.count(), known=rows["n"].sum(), squares=(rows["n"] * rows["n"]).sum(), last=rows["n"].max()
        )
        yield what, counted.rename(day="at")


def _count_repeats(events, start, design):
    """The events of the plan that repeat another: its id, or without one the time, with seconds, and the value."""
    planned = events.filter(events["event"].isin(schema.list_event_names(design)))
    by = ["unit", "event", *dict.fromkeys(("at", "value", *schema.list_values(design)))]
    if "event_id" in events.columns:
        alone = planned["event_id"].isnull()  # noqa: PD003 (a column of Ibis)
        kept = {name: alone.ifelse(planned[name], ibis.null(planned[name].type())) for name in by[2:]}
        planned, by = planned.mutate(**kept), [*by, "event_id"]
    each = planned.group_by(by).aggregate(n=planned.count())
    fine = (each["at"].epoch_seconds() % MINUTE != 0).fill_null(True).any()
    each = each.filter(each["n"] > 1).inner_join(start.select("unit", "variant"), "unit")
    counted = each.group_by("event", "variant", day=ibis.literal(0))
    return counted.aggregate(n=fine.ifelse((each["n"] - 1).sum(), 0))
