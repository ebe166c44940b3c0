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


def refuse_negative_times(folded: ir.Table, design: ExperimentPlan) -> None:
    """Refuse a time at risk below 0, which a metric that sums amounts can give.

    Raises
    ------
    Refused: with the metric, where its time at risk comes from, and how many units have less than none.
    """
    rates = {name: folded[f"den_{name}"] for name, metric in design.metrics.items() if metric.time_at_risk}
    found = _count(folded, {name: time < 0 for name, time in rates.items()})
    for name, n in found.items():
        raise Refused(
            f"plan, metrics.{name}.time_at_risk: {n:,} unit{'s' if n > 1 else ''} with less than 0 of "
            f"{design.metrics[name].time_at_risk}; correct the data, or name another time at risk"
        )


def write_unit_notes(units: ir.Table, folded: ir.Table, design: ExperimentPlan, clock: Clock) -> list[str]:
    """Return sentences on units assigned too late, outcomes filled with 0, counts in no time, and unknown take-up.

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
        f"missing outcomes of {name} that count as 0, as planned": folded[outcome].notnull()
        & (folded[f"missing_{name}"] == 1)
        for name, outcome in _name_outcomes(design).items()
        if design.metrics[name].missing == "zero" and f"missing_{name}" in folded.columns
    }
    counts |= {
        f"units with some {name} in no time at risk, kept in": (folded[outcome] > 0) & (folded[f"den_{name}"] == 0)
        for name, outcome in _name_outcomes(design).items()
        if design.metrics[name].time_at_risk
    }
    if design.exposure:
        counts["units whose take-up is not known, or not yet"] = folded["exposed"].isnull()
    late = {}
    if START in units.columns and clock.cutoff is not None:
        late[f"units assigned after {clock.as_of}, left out"] = units[START] >= ibis.literal(clock.cutoff)
    return [*_write(units, late), *_write(folded, counts)]


def _name_outcomes(design):
    metrics = {name: m for name, m in design.metrics.items() if m.kind != "time_to_event"}
    return {name: f"num_{name}" if metric.is_ratio else f"y_{name}" for name, metric in metrics.items()}


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
        "events before their unit is assigned, left out": early,
        f"events after {clock.as_of}, the last complete day, left out": late,
        "events without the value that the plan adds up or averages": valued & planned["value"].isnull(),
    }
    latest = (
        f"as_of is left out of the plan: the latest day in the data, {clock.as_of}, is taken as the last complete one"
    )
    return [*([] if design.as_of else [latest]), *_write(planned, counts)]


def _name_valued(design):
    valued = {name: m for name, m in design.metrics.items() if m.kind in ("amount", "score", "nps")}
    return {event for name, m in valued.items() if is_from_events(m) for event in m.event or [name]}


def _write(table, facts):
    return [f"{sentence}: {n:,}" for sentence, n in _count(table, facts).items()]


def _count(table, facts):
    """Count in one query the rows where each fact holds; return those that occur."""
    if not facts:
        return {}
    named = {f"n{i}": fact.sum() for i, fact in enumerate(facts.values())}
    found = table.aggregate(**named).to_pyarrow().to_pylist()[0].values()
    return {name: int(n) for name, n in zip(facts, found, strict=True) if n}
