"""Loading: any table becomes one row a unit, checked and counted, with its events beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import ibis

from helpers import examples, schema, simulate
from helpers.records import DataInfo, Refused
from helpers.sources import addresses, engine
from helpers.sources.events import count_unknown_units, list_events, shape_events
from helpers.sources.shaping import shape_table
from helpers.sources.units import keep_units, read_variants


@dataclass(frozen=True)
class Source:
    """The data of one experiment, checked; the tables are Ibis expressions on one engine.

    `units` has one row a unit: `unit` and `variant` (text, the plan's spelling), the plan's other columns typed,
    every further column as it came. `events` has `unit`, `event`, `at` (UTC), `value` (null where there is none)
    and further columns; it may hold events of unknown or excluded units. `n_assigned` counts units before those in
    two variants (`n_two_variants`) are left out; `n_duplicates` rows that repeated another exactly.
    """

    units: ibis.Table = field(repr=False)
    events: ibis.Table | None = field(repr=False)
    info: DataInfo
    n_assigned: int
    n_two_variants: int
    n_duplicates: int
    truth: dict | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Given:
    """What came, opened: raw tables and the words for them."""

    backend: ibis.BaseBackend
    units: engine.Raw
    events: engine.Raw | None
    kind: str
    note: str = ""
    truth: dict | None = None


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
    given = _open(design, data, table, events, events_table, simulation, threads)
    heard = shape_events(given.backend, given.events, design) if given.events else None
    names, absent = list_events(heard, design) if heard else (None, ())
    wanted = schema.list_unit_columns(design, events=names)
    complete = {"unit", "variant", design.assigned_at, design.cluster}
    shaped = read_variants(shape_table(given.backend, given.units, wanted, name="units", complete=complete), design)
    kept = keep_units(given.backend, shaped, design)
    said = (*heard.messages, *absent, *count_unknown_units(heard, shaped.table)) if heard else ()
    info, found = _describe(given, kept, (*kept.messages, *said)), heard.table if heard else None
    return Source(kept.table, found, info, kept.n_assigned, kept.n_two_variants, kept.n_duplicates, given.truth)


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
    place = addresses.read_address(data)
    if place.kind in ("simulated", "public"):
        raise Refused(f"data: {place.name} has a plan already; give a table of your own")
    backend = engine.connect([place])
    return engine.open_table(backend, place, name="units", table=table).table


def _open(design, data, table, events, events_table, simulation, threads):
    place = addresses.read_address(data)
    if place.kind in ("simulated", "public"):
        if events or table or events_table:
            raise Refused(f"data: {place.name} comes with its own tables; leave out events and table")
        backend = engine.connect([], threads=threads)
        return _simulate(backend, design, simulation) if place.kind == "simulated" else _fetch(backend, place.name)
    if events_table and not events:
        raise Refused("events_table: a table is named and no events; say in events where it is")
    beside = addresses.read_address(events) if events else None
    if beside and beside.kind in ("simulated", "public"):
        raise Refused(f"events: {beside.name} comes as data, not as events; give the table of events")
    backend = engine.connect([place, beside] if beside else [place], threads=threads)
    units = engine.open_table(backend, place, name="raw_units", table=table)
    heard = engine.open_table(backend, beside, name="raw_events", table=events_table) if beside else None
    return _Given(backend, units, heard, "yours")


def _simulate(backend, design, simulation):
    arguments = dict(simulation or {})
    if "study" not in arguments:
        raise Refused("data: simulated needs the study that is simulated; name it")
    made = simulate.simulate(arguments.pop("study"), design, **arguments)
    frame = made.units if made.events is None else made.assignments
    units = engine.open_frame(backend, frame, name="raw_units", shown="simulated units")
    heard = None
    if made.events is not None:
        heard = engine.open_frame(backend, made.events, name="raw_events", shown="simulated events")
    return _Given(backend, units, heard, "simulated", made.note, made.truth)


def _fetch(backend, name):
    short = name.removeprefix("public:")
    if short in examples.ARRIVALS:
        raise Refused(f"data: {name} holds counts of arrivals and no experiment; give it as the parameter arrivals")
    if short not in examples.PUBLIC:
        known = schema.list_nearest(short, list(examples.PUBLIC))
        raise Refused(f"data: no public data {schema.cut(short)}; there is, nearest first: {known}")
    example = examples.PUBLIC[short]()
    return _Given(
        backend, engine.open_frame(backend, example.units, name="raw_units", shown=name), None, "public", example.note
    )


def _describe(given, kept, messages):
    names = [raw.name for raw in (given.units, given.events) if raw]
    sums = [checksum for raw in (given.units, given.events) if raw for checksum in raw.checksums]
    whole = hashlib.sha256("\n".join(sums).encode()).hexdigest() if len(sums) > 1 else next(iter(sums), None)
    return DataInfo(
        kind=given.kind,
        note=given.note,
        source="simulated" if given.kind == "simulated" else ", ".join(names),
        sha256=whole,
        rows=kept.rows,
        units=sum(kept.by_variant.values()),
        units_by_variant=kept.by_variant,
        steps=kept.steps,
        messages=messages,
    )
