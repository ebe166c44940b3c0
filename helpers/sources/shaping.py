"""Shaping: a table as it came becomes one with the plan's columns and types, or it is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources import columns as cells
from helpers.sources import engine

MISSING_CURES = {
    "unit": "without an id; give each row its unit, or leave those rows out",
    "variant": "without a variant; give each unit the one it was assigned to, or leave out units never assigned",
    "started_at": "without a start; give each account the time it began, or leave those rows out",
    "event": "without an event; give each its name, or leave those rows out",
    "at": "without a time; give each event its time, or leave those rows out",
}


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
    raw : engine.Raw
    wanted : iterable of schema.Column
    name : str, what the table is called in the engine
    complete : collection of str, targets that may hold no missing value

    Raises
    ------
    Refused: a column that is absent, holds what does not fit, or lacks values where it must be complete; no rows.
    """
    rows = _count_rows(raw)
    schema.refuse_missing(wanted, list(raw.table.columns), file=raw.name)
    wanted = [column for column in wanted if column.name in raw.table.columns]
    before = _count_columns(raw.table, [(c, raw.table[c.name], c.type) for c in wanted], cells.count_raw, raw.name)
    wanted = [_settle(column, before[column.target], raw.table) for column in wanted]
    comma = cells.has_decimal_comma({c.name: before[c.target] for c in wanted if c.type in cells.NUMBERS}, raw.name)
    for column in wanted:
        cells.refuse_raw(column, column.type, before[column.target], raw.table[column.name], raw.name)
    table, dropped = _cast_columns(raw, wanted, before, comma)
    if raw.parsed:
        table = engine.ask(lambda: backend.create_table(name, table), raw.name)
        backend.drop_table(raw.table.get_name())
    as_it_came = not raw.parsed and not before["unit"].get("spaced")
    ids = raw.table[wanted[0].name] if as_it_came else table.unit
    after = _count_columns(table, [(c, table[c.target], c.type) for c in wanted], cells.count_cast, raw.name)
    for column in wanted:
        cells.refuse_cast(column, column.type, before[column.target], after[column.target], raw.name)
    table = _nullify(table, [target for target, counts in after.items() if counts.get("nan")])
    nulls = {target: counts["null"] + counts.get("nan", 0) for target, counts in after.items()}
    _refuse_gaps(wanted, nulls, complete, raw.name)
    said = [text for c in wanted for text in cells.describe_raw(c, c.type, before[c.target])]
    said += ["decimal comma"] if comma else []
    return Shaped(table, raw.name, rows, ids, _tell(raw, said + dropped))


def _settle(column, counts, table):
    """Settle a type that the values decide: numbers when all are, text otherwise."""
    if column.type != "either":
        return column
    found = table[column.name].type()
    number = cells.is_number(counts) if "filled" in counts else found.is_numeric() or found.is_boolean()
    return replace(column, type="number" if number else "text")


def _count_columns(table, triples, count, shown):
    """Count in one query what `count` asks of each column; return the counts by target and name."""
    asked = {c.target: count(value, kind) for c, value, kind in triples}
    flat = {f"c{i}_{key}": test.sum() for i, tests in enumerate(asked.values()) for key, test in tests.items()}
    found = engine.count_all(table, flat, shown)
    return {target: {key: found[f"c{i}_{key}"] for key in tests} for i, (target, tests) in enumerate(asked.items())}


def _cast_columns(raw, wanted, before, comma):
    """Return the table cast and renamed, and the sentence on columns whose name is taken."""
    made = {c.target: cells.cast(raw.table[c.name], c.type, before[c.target], comma=comma) for c in wanted}
    used, taken = {c.name for c in wanted}, {target.lower() for target in made}
    others = [name for name in raw.table.columns if name not in used]
    clashing = [name for name in others if name.lower() in taken]
    made |= {name: raw.table[name] for name in others if name not in clashing}
    said = [f"column {name}: left out, as the plan's own column is called so" for name in clashing]
    return raw.table.select(**made), said


def _nullify(table, targets):
    return (
        table.mutate(**{t: table[t].isnan().ifelse(ibis.null("float64"), table[t]) for t in targets})
        if targets
        else table
    )


def _refuse_gaps(wanted, nulls, complete, shown):
    for column in wanted:
        if column.target in complete and nulls[column.target]:
            cure = MISSING_CURES.get(column.target, "without a value; the plan needs one in each row")
            raise Refused(f"{shown}, column {column.name}: {schema.say(nulls[column.target], 'row')} {cure}")


def _count_rows(raw):
    rows = engine.ask(lambda: raw.table.count().to_pyarrow().as_py(), raw.name)
    if not rows:
        raise Refused(f"{raw.name}: columns and no rows; export it again")
    return rows


def _tell(raw, said):
    return (*raw.messages, *(f"{raw.name}: {text}" for text in said))
