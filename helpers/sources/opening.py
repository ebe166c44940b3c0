"""Opening: what the parameter `data` names becomes raw tables on one engine, and the words for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import ibis

from helpers import examples, schema, simulate
from helpers.records import DataInfo, Refused
from helpers.sources import addresses, engine

HOLDS = {"experiment": "an experiment", "framework": "accounts"}


@dataclass(frozen=True)
class Given:
    """What came, opened: raw tables and the words for them."""

    backend: ibis.BaseBackend
    units: engine.Raw
    events: engine.Raw | None
    kind: str
    note: str = ""
    truth: dict | None = None


def open_given(design, data, *, table, events, events_table, simulation, threads) -> Given:
    """Return the raw tables that `data` and `events` name, on one engine; the parameters are those of `load`.

    Raises
    ------
    Refused: what cannot be opened; tables beside simulated or public data; public data for plans of another kind.
    """
    place = addresses.read_address(data)
    if place.kind in ("simulated", "public"):
        if events or table or events_table:
            raise Refused(f"data: {place.name} comes with its own tables; leave out events and table")
        backend = engine.connect([], threads=threads)
        opened = _simulate if place.kind == "simulated" else _fetch
        return opened(backend, design, simulation if place.kind == "simulated" else place.name)
    if events_table and not events:
        raise Refused("events_table: a table is named and no events; say in events where it is")
    beside = addresses.read_address(events) if events else None
    if beside and beside.kind in ("simulated", "public"):
        raise Refused(f"events: {beside.name} comes as data, not as events; give the table of events")
    backend = engine.connect([place, beside] if beside else [place], threads=threads)
    units = engine.open_table(backend, place, name="raw_units", table=table)
    heard = engine.open_table(backend, beside, name="raw_events", table=events_table) if beside else None
    return Given(backend, units, heard, "yours")


def _simulate(backend, design, simulation):
    arguments = dict(simulation or {})
    if "study" not in arguments:
        raise Refused("data: simulated needs the study that is simulated; name it")
    made = simulate.simulate(arguments.pop("study"), design, **arguments)
    units = made.units if made.events is None else made.assignments
    return _copy(backend, "simulated", units, made.events, ("simulated units", "simulated events"), made)


def _fetch(backend, design, name):
    short, known = name.removeprefix("public:"), examples.BY_KIND[design.kind]
    if short in examples.ARRIVALS:
        raise Refused(
            f"data: {name} holds counts of arrivals and no {HOLDS[design.kind].removeprefix('an ')}; give it as the "
            "parameter arrivals"
        )
    other = next((kind for kind, held in examples.BY_KIND.items() if short in held and short not in known), None)
    if other:
        raise Refused(
            f"data: {name} holds {HOLDS[other]}, and the plan is of kind {design.kind}; name a plan of kind {other}"
        )
    if short not in known:
        there = schema.list_nearest(short, list(known))
        raise Refused(f"data: no public data {schema.cut(short)}; there is, nearest first: {there}")
    example = known[short]()
    return _copy(backend, "public", example.units, example.events, (name, f"{name} events"), example)


def _copy(backend, kind, units, events, shown, made):
    raw = engine.open_frame(backend, units, name="raw_units", shown=shown[0])
    heard = None if events is None else engine.open_frame(backend, events, name="raw_events", shown=shown[1])
    return Given(backend, raw, heard, kind, made.note, getattr(made, "truth", None))


def describe_given(given, *, rows, steps, messages, units, by_variant=None) -> DataInfo:
    """Return the record of where data came from and how much of it is kept.

    Parameters
    ----------
    given : Given
    rows, units : int, rows read and units kept
    steps : tuple of (step, rows, note)
    messages : tuple of str
    by_variant : dict of str to int, optional, units of each variant
    """
    names = [raw.name for raw in (given.units, given.events) if raw]
    sums = [checksum for raw in (given.units, given.events) if raw for checksum in raw.checksums]
    whole = hashlib.sha256("\n".join(sums).encode()).hexdigest() if len(sums) > 1 else next(iter(sums), None)
    plain = {"simulated": "simulated", "public": given.units.name}
    return DataInfo(
        kind=given.kind,
        note=given.note,
        source=plain.get(given.kind, ", ".join(names)),
        sha256=whole,
        rows=rows,
        units=units,
        units_by_variant=by_variant or {},
        steps=steps,
        messages=messages,
    )
