"""Tables: one as it came becomes one with the plan's columns and types, events among them, or it is refused."""

import difflib
from dataclasses import dataclass, replace

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources import columns as cells
from helpers.sources import engine

MANY_NAMES = 10_000
GAPS = {
    "unit": "without an id; give each row its unit, or leave those rows out",
    "variant": "without a variant; give each unit the one it was assigned to, or leave out units never assigned",
    "started_at": "without a start; give each account the time it began, or leave those rows out",
    "event": "without an event; give each its name, or leave those rows out",
    "at": "without a time; give each event its time, or leave those rows out",
}
GAP = "without a value; the plan needs one in each row"


@dataclass(frozen=True)
class Shaped:
    """A typed table with what was said of it: `rows` as read; `ids` the unit's id before it became text."""

    table: ibis.Table
    name: str
    rows: int
    ids: ibis.Column
    messages: tuple[str, ...]


def shape_table(backend, raw, wanted, *, name, complete) -> Shaped:
    """Return a table with the wanted columns cast and renamed, and every other column as it is.

    Text files are cast once and stored in the engine; other tables stay lazy. NaN becomes null.

    Parameters
    ----------
    backend : Ibis backend
    raw : opening.Raw
    wanted : iterable of schema.Column
    name : str, what the table is called in the engine
    complete : collection of str, targets that may hold no missing value

    Raises
    ------
    Refused: a column that is absent, holds what does not fit, or lacks values where it must be complete; no rows.
    """
    schema.refuse_missing(wanted, list(raw.table.columns), file=raw.name)
    came = {column.target: raw.table[column.name] for column in wanted if column.name in raw.table.columns}
    wanted = [column for column in wanted if column.target in came]
    rows, before = _count_columns(raw, {c.target: cells.count_raw(came[c.target], c.type) for c in wanted})
    if not rows:
        raise Refused(f"{raw.name}: columns and no rows; export it again")
    wanted = [cells.settle(c, before[c.target], came[c.target].type()) for c in wanted]
    comma = cells.has_decimal_comma({c.name: before[c.target] for c in wanted if c.type in cells.NUMBERS}, raw.name)
    for column in wanted:
        cells.refuse_raw(column, before[column.target], came[column.target].type(), raw.name)
    made = {c.target: cells.cast(came[c.target], c.type, before[c.target], comma=comma) for c in wanted}
    table, said = _select(raw, wanted, made)
    if raw.parsed:
        table = engine.ask(lambda: backend.create_table(name, table), raw.name)
        backend.drop_table(raw.table.get_name())
    as_it_came = not raw.parsed and not before["unit"].get("spaced")
    ids = came["unit"] if as_it_came else table.unit
    table = _refuse_cast(replace(raw, table=table), wanted, before, complete)
    told = [text for column in wanted for text in cells.describe_raw(column, before[column.target])]
    told += ["decimal comma"] if comma else []
    return Shaped(table, raw.name, rows, ids, (*raw.messages, *(f"{raw.name}: {text}" for text in told + said)))


def _count_columns(raw, asked):
    """Count in one query what is asked of each column; return the rows, and the counts by target and name."""
    flat = {f"c{i}_{key}": test.sum() for i, tests in enumerate(asked.values()) for key, test in tests.items()}
    found = engine.count_all(raw.table, {"rows": raw.table.count(), **flat}, raw.name)
    named = enumerate(asked.items())
    return found["rows"], {target: {key: found[f"c{i}_{key}"] for key in tests} for i, (target, tests) in named}


def _select(raw, wanted, made):
    """Return the made columns and all others, and the sentences on columns whose name is taken."""
    used, taken = {column.name for column in wanted}, {target.lower() for target in made}
    others = [name for name in raw.table.columns if name not in used]
    clashing = [name for name in others if name.lower() in taken]
    kept = {name: raw.table[name] for name in others if name not in clashing}
    said = [f"column {name}: left out, as the plan's own column is called so" for name in clashing]
    return raw.table.select(**made, **kept), said


def _refuse_cast(raw, wanted, before, complete):
    """Return the table with null for NaN, once every column holds what it should and is complete where it must be."""
    table = raw.table
    _, after = _count_columns(raw, {c.target: cells.count_cast(table[c.target], c.type) for c in wanted})
    for column in wanted:
        cells.refuse_cast(column, before[column.target], after[column.target], raw.name)
    for column in wanted:
        if column.target in complete:
            counts = after[column.target]
            fault = GAPS.get(column.target, GAP)
            where = f"{raw.name}, column {column.name}"
            schema.refuse_some(counts["null"] + counts.get("nan", 0), "row", where, fault)
    nan = [target for target, counts in after.items() if counts.get("nan")]
    return table.mutate(**{t: table[t].isnan().ifelse(ibis.null("float64"), table[t]) for t in nan}) if nan else table


def shape_events(backend, raw, wanted) -> Shaped:
    """Return the events as `unit`, `event`, `at` (UTC), `value` (null where there is none) and further columns.

    Equal events can be real, so that they are dropped only where an `event_id` says that they are one. Events with
    one id and different content are kept, and counted in a message.

    Parameters
    ----------
    backend : Ibis backend
    raw : opening.Raw
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
    if table["event_id"].type().is_string():
        table = table.mutate(event_id=cells.fill(table["event_id"]))
    once = table.distinct()
    counts = {"named": once["event_id"].count(), "ids": once["event_id"].nunique()}
    found = engine.count_all(once, counts, shaped.name)
    nameless = table.filter(table["event_id"].isnull())
    without = engine.count_rows(nameless, shaped.name)
    if without:  # events without an id may be equal and real
        once = once.filter(once["event_id"].notnull()).union(nameless)
    return once, shaped.rows - found["named"] - without, found["named"] - found["ids"]


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
    n = engine.count_rows(shaped.table.anti_join(units, "unit"), shaped.name)
    said = f"{shaped.name}: {schema.say(n, 'event')}"
    if n and n == engine.count_rows(shaped.table, shaped.name):
        raise Refused(f"{said}, none of {known}; write the ids alike in both tables")
    return (f"{said} of {unknown}, not used",) if n else ()
