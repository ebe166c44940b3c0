"""Events: one row an event, typed, with the names that the plan reads and the units that nobody assigned."""

from __future__ import annotations

import difflib
from dataclasses import replace

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources import engine
from helpers.sources.shaping import Shaped, shape_table
from helpers.sources.text import filled

MANY_NAMES = 10_000


def shape_events(backend, raw, wanted) -> Shaped:
    """Return the events as `unit`, `event`, `at` (UTC), `value` (null where there is none) and further columns.

    Equal events can be real, so that they are dropped only where an `event_id` says that they are one. Events with
    one id and different content are kept, and counted in a message.

    Parameters
    ----------
    backend : Ibis backend
    raw : engine.Raw
    wanted : iterable of schema.Column

    Raises
    ------
    Refused: a column that is absent or does not fit; an event without unit, name or time.
    """
    shaped = shape_table(backend, raw, wanted, name="events", complete={"unit", "event", "at"})
    table, said = shaped.table, f"{shaped.name}: {schema.say(shaped.rows, 'event')}"
    if "value" not in table.columns:
        table = table.mutate(value=ibis.null("float64"))
    if "event_id" not in table.columns:
        return replace(shaped, table=table, messages=(*shaped.messages, said))
    table, dropped, differing = _drop_repeated(table, shaped)
    said += f", {dropped:,} of them dropped as exact duplicates"
    more = f"{shaped.name}, column event_id: {schema.say(differing, 'event')} with the id of another that differs, kept"
    return replace(shaped, table=table, messages=(*shaped.messages, said, *([more] if differing else [])))


def _drop_repeated(table, shaped):
    """Return the events without those that repeat another whole, how many went, and how many share an id only."""
    ids = filled(table["event_id"]) if table["event_id"].type().is_string() else table["event_id"]
    table = table.mutate(event_id=ids)
    once = table.distinct()
    counts = {"named": once["event_id"].count(), "ids": once["event_id"].nunique()}
    found = engine.count_all(once, counts, shaped.name)
    without = engine.count_all(table, {"n": table["event_id"].isnull().sum()}, shaped.name)["n"]
    if without:  # events without an id may be equal and real
        once = once.filter(once["event_id"].notnull()).union(table.filter(table["event_id"].isnull()))
    dropped = shaped.rows - found["named"] - without
    return once, dropped, found["named"] - found["ids"]


def list_events(shaped, planned) -> tuple[set[str], tuple[str, ...]]:
    """Return the names of the events that occur, and the sentences on those of the plan that do not.

    Parameters
    ----------
    shaped : Shaped, the events
    planned : sequence of str, the events that the plan reads

    Raises
    ------
    Refused: an event of the plan that does not occur while one with nearly its name does; more than 10,000 names.
    """
    names = shaped.table.select("event").distinct().order_by("event").limit(MANY_NAMES + 1)
    found = engine.ask(lambda: names.to_pyarrow()["event"].to_pylist(), shaped.name)
    where = f"{shaped.name}, column event"
    if len(found) > MANY_NAMES:
        raise Refused(f"{where}: more than {MANY_NAMES:,} different names; give the kind of each event")
    free = {name.casefold(): name for name in found if name not in planned}
    absent = [name for name in planned if name not in found]
    for name in absent:
        near = difflib.get_close_matches(name.casefold(), free, 1, cutoff=0.85)
        near = near or [known.casefold() for known in found if sorted(known.casefold()) == sorted(name.casefold())]
        if near:
            meant = schema.cut(free.get(near[0], near[0]))
            raise Refused(f"{where}: no event {schema.cut(name)}, which the plan names; did you mean {meant}?")
    return set(found), tuple(f"{where}: no event {schema.cut(name)} occurs, which the plan names" for name in absent)


def count_unknown_units(shaped, units, *, known="an assigned unit", unknown="units that were never assigned"):
    """Return the sentence on events of units that are not among the units, if there are any.

    Parameters
    ----------
    shaped : Shaped, the events
    units : Ibis table, one row a unit
    known, unknown : str, what messages call a unit of the table and units that are not in it

    Returns
    -------
    tuple of str: one sentence, or nothing.

    Raises
    ------
    Refused: when no event belongs to a known unit: the two tables write their ids in different ways.
    """
    strange = shaped.table.anti_join(units, "unit")
    n = engine.count_all(strange, {"n": strange.count()}, shaped.name)["n"]
    if n == engine.count_all(shaped.table, {"n": shaped.table.count()}, shaped.name)["n"]:
        raise Refused(f"{shaped.name}: {schema.say(n, 'event')}, none of {known}; write the ids alike in both tables")
    return (f"{shaped.name}: {schema.say(n, 'event')} of {unknown}, not used",) if n else ()
