"""The events of a dry run: what a plan that reads events would find, told from the finished unit table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.simulate.simulation import SECONDS_A_DAY

DAYS = 28  # window of what has none


def reads_events(design) -> bool:
    """Return whether a plan names events, and the time of assignment without which none can be read."""
    named = any(m.event or m.asked or _lacks_time(m) for m in design.metrics.values())
    return bool(design.assigned_at and (named or (design.exposure and design.exposure.event)))


def find_shared(design) -> set[str]:
    """Return the metrics that read an event or a column which an earlier one tells; what they find is not planted."""
    events = reads_events(design)
    exposure = design.exposure.event if design.exposure and events else []
    shared, told = set(), {("event", name) for name in exposure}
    for name, metric in sorted(design.metrics.items(), key=lambda pair: bool(pair[1].time_at_risk)):  # rates come last
        found = _list_sources(name, metric, events)
        if found & told or {metric.numerator, metric.denominator, metric.time_at_risk} & shared:
            shared.add(name)
        told |= found
    return shared


def _list_sources(name, metric, events):
    if metric.kind == "ratio":
        return set()
    if metric.kind == "time_to_event":
        read = [*(metric.event or [name]), *metric.competing] if events and _lacks_time(metric) else []
        return {("event", event) for event in read}
    if metric.column or not events:
        return {("column", metric.column or name)}
    return {("event", event) for event in metric.event or [name]}


def list_events(design, units, rng) -> pd.DataFrame:
    """Return the events that fold to a unit table, each at a random time within its window.

    Parameters
    ----------
    design : ExperimentPlan
    units : DataFrame, one row a unit, with a column for every metric
    rng : Generator, of the times

    Returns
    -------
    DataFrame: the plan's unit_id, event, at (UTC), value (amount or score; nan otherwise), in order of time.
    """
    told = {name: metric for name, metric in design.metrics.items() if name not in find_shared(design)}
    parts = [_tell_metric(name, metric, units, rng) for name, metric in told.items()]
    unasked = {m.asked for m in design.metrics.values()} - {m.asked for m in told.values()}
    parts.append([_tell(event, np.arange(len(units)), 0, rng) for event in sorted(unasked - {None})])
    if design.exposure and design.exposure.event:
        name, days = design.exposure.event[0], design.exposure.within_days or DAYS
        parts.append([_tell(name, np.flatnonzero(units[name]), days, rng)])
    events = pd.concat([part for told in parts for part in told], ignore_index=True)
    rows = events.pop("row").to_numpy()
    events.insert(0, design.unit_id, units[design.unit_id].array[rows])
    seconds = pd.to_timedelta(events["at"], unit="s")
    events["at"] = units[design.assigned_at].array[rows] + seconds
    return events.sort_values(["at", design.unit_id, "event"], kind="stable", ignore_index=True)


def _lacks_time(metric):
    return metric.kind == "time_to_event" and not (metric.time and metric.observed)


def _tell_metric(name, metric, units, rng):
    days, everyone = metric.within_days or DAYS, np.arange(len(units))
    asked = [_tell(metric.asked, everyone, 0, rng)] if metric.asked else []
    if metric.kind == "ratio" or metric.column or (metric.kind == "time_to_event" and not _lacks_time(metric)):
        return asked
    event = metric.event[0] if metric.event else name
    if metric.kind == "time_to_event":
        return [*asked, *_tell_times(event, name, metric, units)]
    values = units[name].to_numpy()
    if metric.kind in ("score", "nps"):
        return [*asked, _tell(event, everyone, days, rng, value=values)]
    if metric.kind == "amount":
        spent = np.flatnonzero(values)
        return [*asked, _tell(event, spent, days, rng, value=values[spent])]
    return [*asked, _tell(event, np.repeat(everyone, values), days, rng)]


def _tell_times(event, name, metric, units):
    state, seconds = units[f"{name}_observed"].to_numpy(), np.floor(units[f"{name}_days"].to_numpy() * SECONDS_A_DAY)
    names = [event, *metric.competing[:1]]
    rows = [np.flatnonzero(state == code) for code in range(1, len(names) + 1)]
    return [_make(told, happened, seconds[happened]) for told, happened in zip(names, rows, strict=True)]


def _tell(event, rows, days, rng, *, value=np.nan):
    return _make(event, rows, np.floor(rng.random(len(rows)) * days * SECONDS_A_DAY), value=value)


def _make(event, rows, seconds, *, value=np.nan):
    return pd.DataFrame({"row": rows, "event": event, "at": seconds, "value": value})
