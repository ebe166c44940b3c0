"""Units: labels read as the plan spells them, duplicates and units in two variants left out and counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources import engine
from helpers.sources.shaping import Shaped

MANY_LABELS = 1000
MANY_UNKNOWN = 20  # more are no labels, and may be ids or names of people: none is shown
ROWS_A_PART = 5_000_000


@dataclass(frozen=True)
class Kept:
    """One row a unit, and how many rows and units were read and left out on the way."""

    table: ibis.Table
    rows: int
    n_assigned: int
    n_two_variants: int
    n_duplicates: int
    by_variant: dict[str, int]
    messages: tuple[str, ...]

    @property
    def steps(self) -> tuple[tuple[str, int, str], ...]:
        """Rows kept and dropped, one (step, rows, note) each."""
        units = sum(self.by_variant.values())
        dropped = self.rows - self.n_duplicates - units
        return (
            ("read", self.rows, "rows of the table"),
            ("exact duplicates dropped", self.n_duplicates, "rows that repeat another in every column"),
            ("in two variants, left out", dropped, schema.say(self.n_two_variants, "unit")),
            ("kept", units, "one row a unit"),
        )


def read_variants(shaped, design) -> Shaped:
    """Return the table with the plan's spelling of each variant; labels are compared trimmed and case-folded.

    Parameters
    ----------
    shaped : Shaped
    design : ExperimentPlan

    Raises
    ------
    Refused: labels that the plan does not name; more than 1,000 different labels.
    """
    found = _count_labels(shaped.table, shaped.name)
    where = f"{shaped.name}, column {design.variant.column}"
    planned = [*design.variant.arms, *design.variant.observational]
    if len(found) > MANY_LABELS:
        raise Refused(
            f"{where}: more than {MANY_LABELS:,} different labels; name the column of the variant in the plan"
        )
    exact = {label: label for label in planned}
    folded = {} if len({_fold(label) for label in planned}) < len(planned) else {_fold(p): p for p in planned}
    reading = {label: exact.get(label) or folded.get(_fold(label)) for label in found}
    unknown = [label for label, read in reading.items() if read is None]
    if len(unknown) > MANY_UNKNOWN:
        raise Refused(
            f"{where}: {len(unknown):,} different labels that the plan does not name, so that it is no column of "
            "variants; name the column of the variant in the plan"
        )
    if unknown:
        n = sum(found[label] for label in unknown)
        raise Refused(f"{where}: {schema.say(n, 'row')} with {_name_unknown(unknown, planned)}")
    changed = {label: read for label, read in reading.items() if label != read}
    if not changed:
        return shaped
    n = sum(found[label] for label in changed)
    said = (f"{where}: {schema.say(n, 'row')} with a label that differs in spaces or case only, read as the plan's",)
    merged = shaped.table.mutate(variant=shaped.table.variant.substitute(changed))
    return replace(shaped, table=merged, messages=shaped.messages + said)


def _fold(label):
    return " ".join(label.split()).casefold()


def _name_unknown(unknown, planned):
    shown = ", ".join(
        f"{schema.cut(u)} (nearest: {schema.cut(schema.sort_nearest(u, planned)[0])})" for u in unknown[:5]
    )
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    return (
        f"a label that the plan does not name: {shown}{more}; correct the table, or name the label in the plan "
        "(variant.observational holds groups outside the randomisation)"
    )


def _count_labels(table, shown):
    counted = table.group_by("variant").agg(rows=lambda t: t.count()).order_by(ibis.desc("rows"), "variant")
    rows = engine.ask(lambda: counted.limit(MANY_LABELS + 1).to_pyarrow().to_pylist(), shown)
    return {row["variant"]: row["rows"] for row in rows}


def keep_units(backend, shaped, design) -> Kept:
    """Return one row a unit: exact duplicates dropped, randomised units in two variants left out, both counted.

    The randomised unit is the plan's cluster where it names one; then all units of a cluster in two variants go.

    Parameters
    ----------
    backend : Ibis backend
    shaped : Shaped, variants already read
    design : ExperimentPlan

    Raises
    ------
    Refused: a unit twice with different rows; fewer than two variants with units; no unit in control.
    """
    table, n_duplicates, n_assigned, n_two = shaped.table, 0, count_different(shaped), 0
    if n_assigned < shaped.rows or design.cluster:
        table = table.distinct() if n_assigned < shaped.rows else table
        n_duplicates = shaped.rows - engine.count_all(table, {"rows": table.count()}, shaped.name)["rows"]
        table, n_two = _leave_two_variants(table, design, shaped.name)
        if n_two or n_duplicates:
            table = store_kept(backend, table, shaped.name)
        refuse_twice(table, design, shaped.name)
    labels = _count_labels(table, shaped.name)
    planned = [*design.variant.arms, *design.variant.observational]
    by_variant = {label: labels.get(label, 0) for label in planned}
    messages = shaped.messages + _refuse_few_variants(by_variant, design, shaped.name, n_two=n_two)
    return Kept(table, shaped.rows, n_assigned, n_two, n_duplicates, by_variant, messages)


def count_different(shaped) -> int:
    """Return how many ids differ: all, where each is above the one before; else in parts, so that memory stays flat."""
    ids = shaped.ids.name("id").as_table()
    rising = ids.mutate(rises=(ids.id > ids.id.lag()).fill_null(True)).rises.all()
    if engine.ask(lambda: rising.to_pyarrow().as_py(), shaped.name):
        return shaped.rows
    can = ids.get_backend().has_operation(ibis.expr.operations.Hash)
    parts = 1 + shaped.rows // ROWS_A_PART if can else 1
    some = (ids.filter((ids.id.hash() % parts).abs() == part) if parts > 1 else ids for part in range(parts))
    return sum(engine.count_all(part, {"n": part.id.nunique()}, shaped.name)["n"] for part in some)


def _leave_two_variants(table, design, shown):
    keys = ["unit"] if not design.cluster else ["unit", design.cluster]
    left, n_two = table, 0
    for key in keys:
        spread = left.group_by(key).agg(n_variants=lambda t: t.variant.nunique())
        spread = spread.filter(spread.n_variants > 1).select(key)
        n = engine.count_all(left, {"n": left.unit.nunique(where=left[key].isin(spread[key]))}, shown)["n"]
        left, n_two = (left.anti_join(spread, key) if n else left), n_two + n
    return left, n_two


def store_kept(backend, table, shown):
    """Return a table stored in the in-process engine, so that it is made once; elsewhere it stays a query."""
    if backend.name != "duckdb":
        return table
    return engine.ask(lambda: backend.create_table("kept_units", table), shown)


def refuse_twice(table, design, shown) -> None:
    """Refuse a unit that stands in several rows, once exact duplicates are gone, with the count."""
    again = table.group_by("unit").agg(n_rows=lambda t: t.count())
    n = engine.count_all(again, {"n": (again.n_rows > 1).sum()}, shown)["n"]
    if n:
        raise Refused(
            f"{shown}, column {design.unit_id}: {schema.say(n, 'unit')} more than once, with different rows; "
            "give one row a unit, or its events as events"
        )


def _tell_two(design):
    return f"whose {design.cluster} stands in two variants are" if design.cluster else "in two variants are"


def _refuse_few_variants(by_variant, design, shown, *, n_two):
    where = f"{shown}, column {design.variant.column}"
    filled = [label for label, n in by_variant.items() if n]
    if len(filled) < 2:
        only = filled[0] if filled else "none"
        left = f" once {schema.say(n_two, 'unit')} {_tell_two(design)} left out" if n_two else ""
        raise Refused(
            f"{where}: one variant only ({schema.cut(only)}){left}; a comparison needs control and a treatment"
        )
    if not by_variant[design.variant.control]:
        raise Refused(
            f"{where}: no unit in control, {schema.cut(design.variant.control)}; give the units of control too"
        )
    empty = [label for label, n in by_variant.items() if not n]
    return (f"{where}: no unit in {', '.join(schema.cut(label) for label in empty)}",) if empty else ()
