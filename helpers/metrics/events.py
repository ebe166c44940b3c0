"""Events become one row a unit: whether, how often, how much, the last score, the first time."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from helpers.metrics.clock import START, Clock, add_days
from helpers.plan import ExperimentPlan, Metric


def is_from_events(metric: Metric) -> bool:
    """Return whether a metric is read from events where there are any: it names no column of its own."""
    return metric.column is None and metric.time is None


def fold_events(units: ir.Table, events: ir.Table, design: ExperimentPlan, clock: Clock, *, columns) -> ir.Table:
    """Return what the events say of each unit within the windows of the plan.

    Only events from the moment of assignment on, before the end of the window, and up to the last complete day
    count. An amount without a value adds nothing; a score without a value is no score; of several scores at the
    same moment the highest is the last.

    Parameters
    ----------
    units : ibis.Table, one row a unit: `unit` and START
    events : ibis.Table, one row an event: `unit`, `event`, `at`, `value`
    design : ExperimentPlan
    clock : Clock
    columns : collection of str
        Parts of ratios, and times at risk, that are columns of the unit table, not events.

    Returns
    -------
    ibis.Table: the units with `fold:<metric>` (null where there is no event), `fold:<metric>:asked`,
        `fold:<metric>:numerator`, `fold:<metric>:denominator`, `fold:<metric>:time_at_risk`,
        `fold:<metric>:competing` (time of the first of them), `fold:exposed`.
    """
    seen = events.inner_join(units.select("unit", START), "unit")
    seen = seen.filter(seen["at"] >= seen[START], seen["at"] < ibis.literal(clock.cutoff))
    listed = [total for total in _list_totals(design) if not columns.intersection(total.names)]
    totals = {total.column: _total(seen, total) for total in listed}
    folded = _attach(units, seen.group_by("unit").aggregate(**totals)) if totals else units
    for name, metric in design.metrics.items():
        if _is_score(metric) and is_from_events(metric):
            within = _in_window(seen, metric.event or [name], metric.within_days)
            folded = _attach(folded, _last_value(seen.filter(within), f"fold:{name}"))
    return folded


def name_events(design: ExperimentPlan) -> set[str]:
    """Return the names of the events that the plan reads."""
    scores = [m.event or [name] for name, m in design.metrics.items() if _is_score(m) and is_from_events(m)]
    return {event for names in (*scores, *(total.names for total in _list_totals(design))) for event in names}


@dataclass(frozen=True)
class _Total:
    """One column that one aggregate over a unit's events gives: `kind` is count, amount or time_to_event."""

    column: str
    kind: str
    names: tuple[str, ...]
    days: float | None


def _list_totals(design):
    found = []
    if design.exposure and design.exposure.event:
        found.append(_Total("fold:exposed", "count", tuple(design.exposure.event), design.exposure.within_days))
    for name, metric in design.metrics.items():
        found += _list_metric_totals(design, name, metric)
    return found


def _list_metric_totals(design, name, metric):
    found = []
    if metric.asked:
        found.append(_Total(f"fold:{name}:asked", "count", (metric.asked,), metric.within_days))
    for part in ("numerator", "denominator", "time_at_risk"):
        event = getattr(metric, part)
        if event and event not in design.metrics:
            found.append(_Total(f"fold:{name}:{part}", "count", (event,), metric.within_days))
    if metric.kind != "ratio" and is_from_events(metric) and not _is_score(metric):
        found.append(_Total(f"fold:{name}", metric.kind, tuple(metric.event or [name]), metric.within_days))
        if metric.competing:
            found.append(_Total(f"fold:{name}:competing", metric.kind, tuple(metric.competing), None))
    return found


def _is_score(metric):
    return metric.kind in ("score", "nps")


def _in_window(seen, names, days):
    named = seen["event"].isin(names)
    return named if days is None else named & (seen["at"] < add_days(seen[START], days))


def _total(seen, total):
    within = _in_window(seen, total.names, total.days)
    if total.kind == "amount":
        return seen["value"].sum(where=within).cast("float64")
    if total.kind == "time_to_event":
        return seen["at"].min(where=within)
    return within.sum().cast("float64")


def _last_value(seen, name):
    scored = seen.filter(seen["value"].notnull())
    latest = ibis.window(group_by=scored["unit"], order_by=[scored["at"].desc(), scored["value"].desc()])
    ranked = scored.mutate(place=ibis.row_number().over(latest))
    return ranked.filter(ranked["place"] == 0).select("unit", **{name: ranked["value"]})


def _attach(folded, found):
    joined = folded.left_join(found, "unit")
    return joined.select(*folded.columns, *[c for c in found.columns if c != "unit"])
