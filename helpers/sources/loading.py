"""Loading: any table becomes one row a unit, checked and counted, with its events beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

import ibis

from helpers import schema
from helpers.records import DataInfo, Refused
from helpers.sources import addresses, engine
from helpers.sources.events import count_unknown_units, list_events, shape_events
from helpers.sources.opening import describe_given, open_given
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
    read = {"table": table, "events": events, "events_table": events_table}
    given = open_given(design, data, **read, simulation=simulation, threads=threads)
    heard = shape_events(given.backend, given.events, schema.list_event_columns(design)) if given.events else None
    names, absent = list_events(heard, schema.list_event_names(design)) if heard else (None, ())
    wanted = schema.list_unit_columns(design, events=names)
    complete = {"unit", "variant", design.assigned_at, design.cluster}
    shaped = read_variants(shape_table(given.backend, given.units, wanted, name="units", complete=complete), design)
    kept = keep_units(given.backend, shaped, design)
    said = (*heard.messages, *absent, *count_unknown_units(heard, shaped.table)) if heard else ()
    counted = {"rows": kept.rows, "units": sum(kept.by_variant.values()), "by_variant": kept.by_variant}
    info = describe_given(given, steps=kept.steps, messages=(*kept.messages, *said), **counted)
    found = heard.table if heard else None
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
