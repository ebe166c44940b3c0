"""How events and assignments lie beside each other: counted by days since assignment, by day, start, unit and name."""

import ibis
import pandas as pd

from helpers import schema
from helpers.sources.opening import ask, count_all

DAY, HOUR, MINUTE, EARLIEST = 86_400, 3_600, 60, -9
WEEK, WIDTH = 7, 64  # days since assignment, and signs of an id
EPOCH = 719_163  # the ordinal of the first day of 1970
COUNTS = ("n", "same_day", "without", "known", "squares", "first", "last")
LACKING = {name: ibis.literal(None if name in ("first", "last") else 0, "int64") for name in COUNTS}
NO_NAME, NO_DAY = ibis.literal(""), ibis.literal(0, "int64")
SIGNS = ("[A-Za-z]", "[0-9]", "[^A-Za-z0-9]")


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
          (whether any has a time of day), `without` (those without a value that the plan reads) and `known` (those by
          the plan's `as_of`).
        - "day": events by day since 1970, `known` those since the day of assignment.
        - "hour": events since the day of assignment by hour of the day (UTC), `known`.
        - "start": units by the day of their assignment; "key": what was randomised, units by that day
          or clusters in all.
        - "before", "since": what was randomised that has an event before its assignment, or since, by the day of
          "key" rows; `known` is the sum of their events, `squares` that of its squares, `last` the most of one.
        - "repeat": events that repeat another of their unit: its `event_id`, or without one its time and value (none
          where no time has seconds, as such events may well be several).
        - "echo": of `known` events with a value, those with the value of another of their unit in the same hour; of
          `first` that come in a later hour, `last` have a value as before.
        - "beside": `n` events with a value, `squares` of how many of them a unit has in an hour, of any value.
        - "alike": `n` such values, one a unit and hour, and `squares`, the sum of the squares of how often each comes.
        - "strange": events of ids unlike those of any unit, as cookies are, or a word for nobody.
        - "meant": events of ids that are those of units but for what stands before them or after, if any.
        - "order": units that were followed for a week, `known` those of all arms with an event in that week; of those
          without, how many have ids before all others in the order of text (`first`) or numbers (`same_day`), or after
          all (`last`, `without`); of clusters none.
        - "near": events that the plan does not name, of names that stand in one arm alone.
    """
    key = design.cluster or "unit"
    begun = (units[design.assigned_at].epoch_seconds() / DAY).floor().cast("int64")
    key_day = ibis.literal(0).cast("int64") if design.cluster else begun
    told = {"start": units[design.assigned_at], "begun": begun, "key_day": key_day}
    start = units.select("unit", "variant", key=units[key], **told)
    heard = _join_events(shaped.table, start, design)
    starts = _count(start, "start", event=NO_NAME, day=start["begun"], n=start.count())
    keys = _count(start, "key", event=NO_NAME, day=start["key_day"], n=start["key"].nunique())
    near = heard.filter(heard["event"] == "", heard["variant"].isin(design.variant.arms))
    arms = {"arms": near["variant"].nunique(), "variant": near["variant"].max()}
    near = near.group_by(event="name").aggregate(n=near.count(), **arms)
    near = near.filter(near["arms"] == 1)
    parts = [starts, keys, _count(near, "near", day=NO_DAY, n=near["n"].sum()), *_count_days(heard)]
    parts += _count_repeats(shaped.table, start, design)
    if not design.cluster:
        parts.append(_count_beyond(heard, start, design))
    counted = ibis.union(*parts).order_by("what", "event", "variant", "day")
    found = ask(lambda: counted.to_pyarrow().to_pandas(), shaped.name)
    strangers = heard.filter(heard["variant"].isnull() & (heard["event"] != ""))  # noqa: PD003 (a column of Ibis)
    if not (found["variant"].isna() & found["what"].eq("age") & found["event"].ne("")).any():
        return found
    strange = strangers.filter(_differs(strangers["who"].cast("string"), units["unit"].cast("string"), shaped.name))
    part = _count(strange, "strange", day=NO_DAY, n=strange.count()).order_by("event")
    return pd.concat([found, ask(lambda: part.to_pyarrow().to_pandas(), shaped.name)], ignore_index=True)


def _count(table, what, **told):
    """Return one part of what is counted: aggregates of a table by its `event`, `variant` and `day`, or what is told.

    Counts that are not told are 0, so that all parts have the same columns.
    """
    keys = {name: told.get(name, name) for name in ("event", "variant", "day")}
    counts = {name: told[name].cast("int64") if name in told else none for name, none in LACKING.items()}
    what = ibis.literal(what) if isinstance(what, str) else what
    return table.group_by(what=what, **keys).aggregate(**counts, clocked=told.get("clocked", ibis.null("boolean")))


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


def _join_events(events, start, design):
    """The events beside the start of their unit, those that the plan does not name without a name."""
    names, as_of, read = schema.list_event_names(design), design.as_of, schema.list_values(design).items()
    lacks = [events["event"].isin(of) & events[column].isnull() for column, of in read]  # noqa: PD003 (of Ibis)
    lacks = ibis.or_(events["event"].isnull(), *lacks)  # noqa: PD003
    heard = events.select("unit", "at", name="event", lacks=lacks).left_join(start, "unit")
    keys = [heard[name].cast("string") for name in ("key", "unit")]
    who = ibis.coalesce(*keys) if design.cluster else heard["unit"]
    # whole, as of what some engines return as a float no remainder can be taken in all of them
    seconds, since = (heard[name].epoch_seconds().floor().cast("int64") for name in ("at", "start"))
    # cast first: a division would turn the shared seconds into a float on PostgreSQL
    day, begun = (seconds.cast("float64") / DAY).floor().cast("int64"), heard["begun"]
    before = ibis.greatest(((seconds - since) / DAY).floor().cast("int64"), EARLIEST)
    last = as_of and as_of.toordinal() - EPOCH
    return heard.select(
        *("variant", "key_day", "lacks", "name"),
        event=heard["name"].isin(names).ifelse(heard["name"], ""),
        day=(seconds < since).ifelse(before, day - begun),
        who=who,
        at_day=day,
        begun=begun,
        seconds=seconds,
        is_known=day <= last if last else ibis.literal(True),
    )


def _count_days(heard):
    """The events by days since assignment and by day, of one count by both and the day of assignment.

    And what was randomised that has an event of the plan before or since its assignment.
    """
    cells = heard.group_by("event", "variant", "day", "at_day", "begun", "is_known").aggregate(
        n=heard.count(),
        dated=(heard["seconds"] % DAY == 0).sum(),
        lacks=heard["lacks"].sum(),
    )
    n = cells["n"].sum()
    yield _count(
        cells,
        "age",
        n=n,
        same_day=(cells["at_day"] == cells["begun"]).ifelse(cells["n"], 0).sum(),
        first=cells["at_day"].min(),
        last=cells["at_day"].max(),
        clocked=n > cells["dated"].sum(),
        without=cells["lacks"].sum(),
        known=cells["is_known"].ifelse(cells["n"], 0).sum(),
    )
    since = (cells["at_day"] >= cells["begun"]).ifelse(cells["n"], 0).sum()
    yield _count(cells, "day", day="at_day", n=n, known=since)
    planned = heard.filter(heard["event"] != "")
    later = planned.filter(planned["at_day"] >= planned["begun"])
    yield _count(later, "hour", day=((later["seconds"] % DAY) / HOUR).floor(), known=later.count())
    each = planned.group_by("event", "variant", "who", is_before=(planned["day"] < 0).fill_null(False))
    each = each.aggregate(n=planned.count(), key_day=planned["key_day"].min())
    squares = (each["n"] * each["n"]).sum()
    told = {"n": each.count(), "known": each["n"].sum(), "squares": squares, "last": each["n"].max()}
    yield _count(each, each["is_before"].ifelse("before", "since"), day="key_day", **told)


def _count_beyond(heard, start, design):
    """The units before the first and after the last id that has an event in its first week, as text and as numbers."""
    soon = heard["variant"].notnull() & heard["day"].between(0, WEEK - 1)  # noqa: PD004 (of Ibis)
    last = heard["at_day"].max().as_scalar() if design.as_of is None else design.as_of.toordinal() - EPOCH
    start = start.filter(start["begun"] + WEEK <= last)
    who, unit = ((who, who.lpad(WIDTH, " ")) for who in (heard["who"], start["unit"]))
    ends = {f"low{i}": of.min(where=soon) for i, of in enumerate(who)}
    ends |= {f"high{i}": of.max(where=soon) for i, of in enumerate(who)}
    met = start.mutate(text=unit[0], number=unit[1])
    known = heard["who"].nunique(where=soon & (heard["begun"] + WEEK <= last))
    met = met.cross_join(heard.aggregate(known=known, **ends))
    told = {"first": met["text"] < met["low0"], "last": met["text"] > met["high0"]}
    told |= {"same_day": met["number"] < met["low1"], "without": met["number"] > met["high1"]}
    told = {name: is_beyond.sum() for name, is_beyond in told.items()}
    return _count(met, "order", event=NO_NAME, day=NO_DAY, n=met.count(), known=met["known"].max(), **told)


def _count_repeats(events, start, design):
    """The events of the plan that repeat another: its id, or without one the value and the time, if with seconds.

    Times without seconds repeat by chance, though never each one as often as another: then the log stands there twice.
    And those with the value of another of their unit in the same hour, and how alike values are otherwise.
    """
    planned = events.filter(events["event"].isin(schema.list_event_names(design)))
    values = [*dict.fromkeys(("value", *schema.list_values(design)))]
    by = ["unit", "event", "at", *values]
    if "event_id" in events.columns:
        alone = planned["event_id"].isnull()  # noqa: PD003 (a column of Ibis)
        kept = {name: alone.ifelse(planned[name], ibis.null(planned[name].type())) for name in by[2:]}
        told, by = planned.mutate(**kept), [*by, "event_id"]
    else:
        told = planned
    each = told.group_by(by).aggregate(n=told.count())
    fine = (told["at"].epoch_seconds() % MINUTE != 0).fill_null(True).any() | ((each["n"] % 2).max().as_scalar() == 0)
    each = each.filter(each["n"] > 1).inner_join(start.select("unit", "variant"), "unit")
    yield _count(each, "repeat", day=NO_DAY, n=fine.ifelse((each["n"] - 1).sum(), 0))
    heard = planned.filter(ibis.or_(*(planned[name].notnull() for name in values)))  # noqa: PD004 (of Ibis)
    hours = heard.group_by("unit", "event", *values, hour=(heard["at"].epoch_seconds() / HOUR).floor().cast("int64"))
    hours = hours.aggregate(n=heard.count())
    same = hours.group_by("unit", "event", *values).aggregate(n=hours["n"].sum(), hours=hours.count())
    each = same.inner_join(start.select("unit", "variant"), "unit")
    n, times = each["n"].sum(), each["hours"].sum()
    later = {"first": times - each["unit"].nunique(), "last": times - each.count()}
    yield _count(each, "echo", day=NO_DAY, n=n - times, known=n, **later)
    beside = hours.group_by("unit", "event", "hour").aggregate(n=hours["n"].sum())
    beside = beside.inner_join(start.select("unit", "variant"), "unit")
    yield _count(beside, "beside", day=NO_DAY, n=beside["n"].sum(), squares=(beside["n"] * beside["n"]).sum())
    alike = same.group_by("event", *values).aggregate(n=same["hours"].sum())
    told = {"n": alike["n"].sum(), "squares": (alike["n"] * alike["n"]).sum()}
    yield _count(alike, "alike", variant=ibis.null("string"), day=NO_DAY, **told)
