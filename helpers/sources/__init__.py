"""Any table as an Ibis table, checked and counted: files, DuckDB files, databases, public and simulated data.

It becomes one row a unit or an account, with its events beside it.
"""

import difflib
from dataclasses import dataclass, field, replace

import ibis
import pandas as pd

from helpers import schema
from helpers.records import DataInfo, Refused
from helpers.sources import tables
from helpers.sources.meeting import meet_events
from helpers.sources.opening import ask, connect, count_all, open_given, open_table, read_address, read_model

MANY_LABELS = 1000
MANY_NAMES = 10_000
MANY_UNKNOWN = 20  # more are no labels, and may be ids or names of people: none is shown
ROWS_A_PART = 5_000_000


@dataclass(frozen=True)
class Source:
    """The data of one experiment, checked; the tables are Ibis expressions on one engine.

    `units` has one row a unit: `unit` and `variant` (text, the plan's spelling), the plan's other columns typed,
    every further column as it came. `events` has `unit`, `event`, `at` (UTC), `value` (null where there is none)
    and further columns; it may hold events of unknown or excluded units. `n_assigned` counts units before those in
    two variants (`n_two_variants`) are left out; `n_duplicates` rows that repeated another exactly. `meeting`
    counts how events lie beside assignments, as `meet_events` does; None without events.
    """

    units: ibis.Table = field(repr=False)
    events: ibis.Table | None = field(repr=False)
    info: DataInfo
    n_assigned: int
    n_two_variants: int
    n_duplicates: int
    truth: dict | None = field(default=None, repr=False)
    meeting: pd.DataFrame | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AccountSource:
    """The data of one framework, checked; the tables are Ibis expressions on one engine.

    `accounts` has one row an account: `unit` (text), `started_at` (UTC; absent for a snapshot), the plan's other
    columns typed under their own names (null where missing), further ones as they came. `events` has `unit`, `event`,
    `at` (UTC), `value` (null where there is none) and further columns; it may hold events of accounts that are not in
    the table, before the start and after the loss. None for a snapshot.
    """

    accounts: ibis.Table = field(repr=False)
    events: ibis.Table | None = field(repr=False)
    info: DataInfo
    truth: dict | None = field(default=None, repr=False)


def load(design, data, *, table=None, events=None, events_table=None, simulation=None, threads=1) -> Source:
    """Return any table, checked and counted, as the units of an experiment and their events.

    Parameters
    ----------
    design : ExperimentPlan
    data : str or list of str
        `simulated`, `public:NAME`, the path of a file or several, `duckdb:PATH`, or an Ibis URL whose password is
        `${NAME}`. One row a unit; with `events`, the assignments.
    table : str, optional, the table in a database
    events : str or list of str, optional, in the same forms: one row an event
    events_table : str, optional
    simulation : dict, optional, `study` and the arguments of its simulation; needed by `simulated`
    threads : int, of DuckDB; 1 gives figures that are bit-identical from run to run

    Returns
    -------
    Source: units in two variants and exact duplicate rows left out and counted, nothing else.

    Raises
    ------
    Refused: whatever cannot be read in one way only: one message with file, column, count and cure.
    """
    given = open_given(design, data, table, events, events_table, simulation, threads)
    heard, names = _hear(given, design, schema.list_event_names(design))
    wanted = schema.list_unit_columns(design, events=names)
    complete = {"unit", "variant", design.assigned_at, design.cluster}
    shaped = tables.shape_table(given.backend, given.units, wanted, name="units", complete=complete)
    shaped, labels = _read_variants(shaped, design)
    keys = ["unit", design.cluster] if design.cluster else ["unit"]
    units, n_assigned, n_duplicates, n_two = _keep_once(given.backend, shaped, design, keys)
    if units is not shaped.table:
        labels = _count_labels(units, shaped.name)
    by_variant, said = _list_variants(labels, shaped.name, design, n_two)
    n = sum(by_variant.values())
    steps = (
        ("read", shaped.rows, "rows of the table"),
        ("exact duplicates dropped", n_duplicates, "rows that repeat another in every column"),
        ("in two variants, left out", shaped.rows - n_duplicates - n, schema.say(n_two, "unit")),
        ("kept", n, "one row a unit"),
    )
    meeting = meet_events(heard, units, design) if heard else None
    told = (*said, *(heard.messages if heard else ()))
    if heard and (n_two or meeting.loc[meeting["what"] == "age", "variant"].isna().any()):
        told += _tell_events(heard, shaped.table, "an assigned unit", "units that were never assigned")
    more = {"units_by_variant": by_variant, "steps": steps, "messages": (*shaped.messages, *told)}
    info = replace(given.info, rows=shaped.rows, units=n, **more)
    return Source(units, heard and heard.table, info, n_assigned, n_two, n_duplicates, given.truth, meeting)


def load_accounts(
    design, data, *, table=None, events=None, events_table=None, simulation=None, threads=1
) -> AccountSource:
    """Return any table of accounts, checked and counted, with their events.

    Parameters
    ----------
    design : FrameworkPlan
    data : str or list of str
        `simulated`, `public:NAME`, the path of a file or several, `duckdb:PATH`, or an Ibis URL whose password is
        `${NAME}`. One row an account.
    table : str, optional, the table in a database
    events : str or list of str, optional, in the same forms: one row an event. A snapshot has none.
    events_table : str, optional
    simulation : dict, optional, `study` and the arguments of its simulation; needed by `simulated`
    threads : int, of DuckDB; 1 gives figures that are bit-identical from run to run

    Returns
    -------
    AccountSource: exact duplicates of a row left out and counted, nothing else.

    Raises
    ------
    Refused: whatever cannot be read in one way only: one message with file, column, count and cure; an account
        without id or start, or in two rows that differ; events left out, or given for a snapshot; an event of the
        plan that does not occur while one with nearly its name does.
    """
    given = open_given(design, data, table, events, events_table, simulation, threads)
    if given.events is None and not design.is_snapshot:
        raise Refused(
            "events: left out, and the plan reads its milestones from events; name the table with one row an event"
        )
    if given.events is not None and design.is_snapshot:
        raise Refused("events: the plan has no started_at and reads none; name it in the plan, or leave events out")
    heard, _ = _hear(given, design, schema.list_account_event_names(design))
    retained, wanted = design.outcomes.retained, schema.list_account_columns(design)
    complete = {"unit", "started_at", retained.column, retained.time}
    shaped = tables.shape_table(given.backend, given.units, wanted, name="accounts", complete=complete)
    accounts, _, n_duplicates, _ = _keep_once(given.backend, shaped, design)
    steps = (
        ("read", shaped.rows, "rows of the table"),
        ("exact duplicates dropped", n_duplicates, "rows that repeat another in every column"),
        ("kept", shaped.rows - n_duplicates, "one row an account"),
    )
    told = heard.messages if heard else ()
    if heard:
        told += _tell_events(heard, accounts, "an account of the table", "accounts that are not in the table")
    n, messages = shaped.rows - n_duplicates, (*shaped.messages, *told)
    info = replace(given.info, rows=shaped.rows, units=n, steps=steps, messages=messages)
    return AccountSource(accounts, heard and heard.table, info, given.truth)


def _hear(given, design, planned):
    """Return the events as `unit`, `event`, `at` (UTC), `value` (null without) and further columns, and their names.

    Refused is an event of the plan that does not occur while one with nearly its name does; None without events.
    """
    if given.events is None:
        return None, None
    wanted, complete = schema.list_event_columns(design), {"unit", "event", "at"}
    shaped = tables.shape_table(given.backend, given.events, wanted, name="events", complete=complete)
    table, said = shaped.table, [f"{shaped.name}: {schema.say(shaped.rows, 'event')}"]
    if "value" not in table.columns:
        table = table.mutate(value=ibis.null("float64"))
    shaped = replace(shaped, table=table)
    if "event_id" in table.columns:
        shaped, said = tables.drop_repeated(shaped), []
    names = shaped.table.select("event").distinct().order_by("event").limit(MANY_NAMES + 1)
    found = ask(lambda: names.to_pyarrow()["event"].to_pylist(), shaped.name)
    where = f"{shaped.name}, column event"
    if len(found) > MANY_NAMES:
        raise Refused(f"{where}: more than {MANY_NAMES:,} different names; give the kind of each event")
    free = {name.casefold(): name for name in found if name not in planned}
    for name in planned:
        if name in found:
            continue
        near = difflib.get_close_matches(name.casefold(), free, 1, cutoff=0.85)
        near = near or [known.casefold() for known in found if sorted(known.casefold()) == sorted(name.casefold())]
        if near:
            meant = schema.cut(free.get(near[0], near[0]))
            raise Refused(f"{where}: no event {schema.cut(name)}, which the plan names; did you mean {meant}?")
        said.append(f"{where}: no event {schema.cut(name)} occurs, which the plan names")
    return replace(shaped, messages=(*shaped.messages, *said)), set(found)


def _tell_events(heard, units, known, unknown):
    """Return the sentence on events of no known unit, if there are any; refused where all are."""
    strange = heard.table.anti_join(units, "unit")
    n = count_all(strange, {"n": strange.count()}, heard.name)["n"]
    said = f"{heard.name}: {schema.say(n, 'event')}"
    if n and n == count_all(heard.table, {"n": heard.table.count()}, heard.name)["n"]:
        raise Refused(f"{said}, none of {known}; write the ids alike in both tables")
    return (f"{said} of {unknown}, not used",) if n else ()


def read_table(data, *, table=None) -> ibis.Table:
    """Return one table as it came, unchecked, for drafting a plan; the columns of text files are text.

    Parameters
    ----------
    data : str or list of str, files, `duckdb:PATH` or an Ibis URL
    table : str, optional

    Raises
    ------
    Refused: what cannot be opened or parsed; simulated or public data, which have plans.
    """
    place = read_address(data)
    if place.kind in ("simulated", "public"):
        raise Refused(f"data: {place.name} has a plan already; give a table of your own")
    backend = connect([place])
    return open_table(backend, place, name="units", table=table).table


def _read_variants(shaped, design):
    """Return the table with the plan's spelling of each variant, compared trimmed and case-folded, and their rows."""
    found = _count_labels(shaped.table, shaped.name)
    where = f"{shaped.name}, column {design.variant.column}"
    planned = [*design.variant.arms, *design.variant.observational]
    if len(found) > MANY_LABELS:
        raise Refused(
            f"{where}: more than {MANY_LABELS:,} different labels; name the column of the variant in the plan"
        )
    if set(found) <= set(planned):
        return shaped, found
    folded = {_fold(label): label for label in planned}
    folded = {} if len(folded) < len(planned) else folded
    reading = {label: label if label in planned else folded.get(_fold(label)) for label in found}
    unknown = [label for label, read in reading.items() if read is None]
    if len(unknown) > MANY_UNKNOWN:
        raise Refused(
            f"{where}: {len(unknown):,} different labels that the plan does not name, so that it is no column of "
            "variants; name the column of the variant in the plan"
        )
    near = [f"{schema.cut(u)} (nearest: {schema.cut(schema.sort_nearest(u, planned)[0])})" for u in unknown[:5]]
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    fault = (
        f"with a label that the plan does not name: {', '.join(near)}{more}; correct the table, or name the label in "
        "the plan (variant.observational holds groups outside the randomisation)"
    )
    schema.refuse_some(sum(found[label] for label in unknown), "row", where, fault)
    changed = {label: read for label, read in reading.items() if label != read}
    rows = schema.say(sum(found[label] for label in changed), "row")
    said = f"{where}: {rows} with a label that differs in spaces or case only, read as the plan's"
    merged = shaped.table.mutate(variant=shaped.table.variant.substitute(changed))
    rows_of = {read: sum(n for label, n in found.items() if reading[label] == read) for read in reading.values()}
    return replace(shaped, table=merged, messages=(*shaped.messages, said)), rows_of


def _fold(label):
    return " ".join(label.split()).casefold()


def _count_labels(table, shown):
    counted = table.group_by("variant").agg(rows=lambda t: t.count()).order_by(ibis.desc("rows"), "variant")
    rows = ask(lambda: counted.limit(MANY_LABELS + 1).to_pyarrow().to_pylist(), shown)
    return {row["variant"]: row["rows"] for row in rows}


def _keep_once(backend, shaped, design, keys=()):
    """Return one row a unit, the units read, the rows that repeated another, the units in two variants by any key.

    The randomised unit is the plan's cluster where it names one; then all units of a cluster in two variants go.
    """
    table, n_duplicates, n_assigned, n_two = shaped.table, 0, shaped.rows, 0
    ids = shaped.ids.name("id").as_table()
    rising = ids.mutate(rises=(ids.id > ids.id.lag()).fill_null(True)).rises.all()
    if not ask(lambda: rising.to_pyarrow().as_py(), shaped.name):  # else each differs from all before it
        can = ids.get_backend().has_operation(ibis.expr.operations.Hash)
        n_parts = 1 + shaped.rows // ROWS_A_PART if can else 1  # so that memory stays flat
        parts = [ids.filter((ids.id.hash() % n_parts).abs() == i) if n_parts > 1 else ids for i in range(n_parts)]
        n_assigned = sum(count_all(part, {"n": part.id.nunique()}, shaped.name)["n"] for part in parts)
    if n_assigned < shaped.rows or len(keys) > 1:
        table = table.distinct() if n_assigned < shaped.rows else table
        n_duplicates = shaped.rows - count_all(table, {"n": table.count()}, shaped.name)["n"]
        for key in keys:
            spread = table.group_by(key).agg(n_variants=lambda t: t.variant.nunique())
            spread = spread.filter(spread.n_variants > 1).select(key)
            within = table.unit.nunique(where=table[key].isin(spread[key]))
            if n := count_all(table, {"n": within}, shaped.name)["n"]:
                table, n_two = table.anti_join(spread, key), n_two + n
        if (n_two or n_duplicates) and backend.name == "duckdb":  # made once; elsewhere it stays a query
            kept = table
            table = ask(lambda: backend.create_table("kept_units", kept), shaped.name)
        again = table.group_by("unit").agg(n_rows=lambda t: t.count())
        n = count_all(again, {"n": (again.n_rows > 1).sum()}, shaped.name)["n"]
        fault = "more than once, with different rows; give one row a unit, or its events as events"
        schema.refuse_some(n, "unit", f"{shaped.name}, column {design.unit_id}", fault)
    return table, n_assigned, n_duplicates, n_two


def _list_variants(labels, shown, design, n_two):
    """Return the units of each variant in the plan's order, and the sentence on variants without any."""
    where = f"{shown}, column {design.variant.column}"
    by_variant = {label: labels.get(label, 0) for label in [*design.variant.arms, *design.variant.observational]}
    filled = [label for label, n in by_variant.items() if n]
    if len(filled) < 2:
        only, left = filled[0] if filled else "none", ""
        if n_two:
            spread = f"whose {design.cluster} stands in" if design.cluster else "in"
            left = f" once {schema.say(n_two, 'unit')} {spread} two variants are left out"
        raise Refused(
            f"{where}: one variant only ({schema.cut(only)}){left}; a comparison needs control and a treatment"
        )
    control, empty = design.variant.control, [schema.cut(label) for label, n in by_variant.items() if not n]
    if not by_variant[control]:
        raise Refused(f"{where}: no unit in control, {schema.cut(control)}; give the units of control too")
    return by_variant, (f"{where}: no unit in {', '.join(empty)}",) if empty else ()
