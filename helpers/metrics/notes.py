"""What was left out or filled while units were folded, with counts, one sentence each."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from helpers.metrics.clock import START, Clock
from helpers.metrics.events import is_from_events, name_events
from helpers.plan import ExperimentPlan
from helpers.records import Refused


def refuse_no_units(folded: ir.Table, clock: Clock) -> None:
    """Refuse a table that is left without units.

    Raises
    ------
    Refused: no unit is assigned by `as_of`.
    """
    if not folded.count().to_pyarrow().as_py():
        raise Refused(f"plan, as_of: no unit is assigned by {clock.as_of}; choose a later day")


def write_unit_notes(units: ir.Table, folded: ir.Table, design: ExperimentPlan, clock: Clock) -> list[str]:
    """Return sentences on units assigned too late, outcomes filled with 0 and unknown take-up.

    Parameters
    ----------
    units : ibis.Table, as they came
    folded : ibis.Table, one row a unit, as `fold` makes it
    design : ExperimentPlan
    clock : Clock

    Returns
    -------
    list of str: only what occurs.
    """
    counts = {
        f"missing outcomes of {name} that count as 0, as planned": folded[f"missing_{name}"].sum()
        for name, metric in design.metrics.items()
        if metric.missing == "zero" and f"missing_{name}" in folded.columns
    }
    if design.exposure:
        counts["units whose take-up is not known, or not yet"] = folded["exposed"].isnull().sum()
    late = {}
    if START in units.columns and clock.cutoff is not None:
        late[f"units assigned after {clock.as_of}, left out"] = (units[START] >= ibis.literal(clock.cutoff)).sum()
    return [*_write(units, late), *_write(folded, counts)]


def write_event_notes(units: ir.Table, events: ir.Table | None, design: ExperimentPlan, clock: Clock) -> list[str]:
    """Return sentences on events of the plan that do not count, and on a last day that the plan leaves out.

    Parameters
    ----------
    units : ibis.Table, as they came
    events : ibis.Table or None: `unit`, `event`, `at`, `value`
    design : ExperimentPlan
    clock : Clock

    Returns
    -------
    list of str: only what applies; empty without events.
    """
    if events is None:
        return []
    planned = events.filter(events["event"].isin(sorted(name_events(design))))
    planned = planned.inner_join(units.select("unit", START), "unit")
    early, late = planned["at"] < planned[START], planned["at"] >= ibis.literal(clock.cutoff)
    valued = planned["event"].isin(sorted(_name_valued(design)))
    counts = {
        "events before their unit is assigned, left out": early.sum(),
        f"events after {clock.as_of}, the last complete day, left out": late.sum(),
        "events without the value that the plan adds up or averages": (valued & planned["value"].isnull()).sum(),
    }
    latest = (
        f"as_of is left out of the plan: the latest day in the data, {clock.as_of}, is taken as the last complete one"
    )
    return [*([] if design.as_of else [latest]), *_write(planned, counts)]


def _name_valued(design):
    valued = {name: m for name, m in design.metrics.items() if m.kind in ("amount", "score", "nps")}
    return {event for name, m in valued.items() if is_from_events(m) for event in m.event or [name]}


def _write(table, counts):
    if not counts:
        return []
    named = {f"n{i}": expression for i, expression in enumerate(counts.values())}
    found = table.aggregate(**named).to_pyarrow().to_pylist()[0].values()
    return [f"{sentence}: {int(n):,}" for sentence, n in zip(counts, found, strict=True) if n]
