"""A dry run of any plan: one table with every planned metric, holding the effect that the plan calls worthwhile."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.plan import ExperimentPlan
from helpers.records import Refused
from helpers.simulate.dry_events import find_shared, list_events, reads_events
from helpers.simulate.dry_metrics import draw_metric, state_effects
from helpers.simulate.simulation import SECONDS_A_DAY, Simulation, check_count, spawn_generators

PARTS = ("assignment", "people", "exposure", "metrics", "events")
UNITS_A_CLUSTER, TAKE_UP, DAYS = 10, 0.6, 28
START = pd.Timestamp("2024-01-01", tz="UTC")  # of enrolment, where the plan names no as_of
SHARING = ("binary", "count", "amount", "score", "nps")  # kinds of which two metrics may read one column
SHARED = 0.5  # correlation of a metric with what was known before, and of metrics of one unit


def experiment(design: ExperimentPlan, *, n_units=None, seed=1) -> Simulation:
    """Return a table in the shape that a plan asks for, with generic baselines and planted effects.

    Each metric gets its plan's `worthwhile` in the expected direction; 0 where the plan lacks either. Every
    treatment gets the same effect. Groups outside the randomisation come from the control's population.

    Parameters
    ----------
    design : ExperimentPlan
    n_units : int, randomised units, 10 to 100,000,000
        The plan's `planned_units` (else 4,000) when left out.
    seed : int

    Returns
    -------
    Simulation: `units` has every metric. A plan that reads events (and names the time of assignment) gets `events`,
        and `assignments` without what they tell; else `events` is None and `assignments` are the units.
        A metric that shares an event or a column with an earlier one finds what that one tells, and is not in the
        truth.
        `truth["effects"]` has the population difference and lift of each metric and treatment.

    Raises
    ------
    Refused: a number of units or a worthwhile effect that no data can have.
    """
    n_units = check_count(n_units if n_units is not None else max(design.planned_units or 4000, 10))
    rng = spawn_generators(seed, PARTS)
    table = _draw_assignment(design, n_units, rng["assignment"])
    known, people = _draw_people(design, table, rng["people"])
    treated = table[design.variant.column].isin(design.variant.treatments).to_numpy()
    columns, effects = _draw_metrics(design, known, treated, rng["metrics"])
    exposure = _draw_exposure(design, treated, rng["exposure"])
    taken = [*table, *columns, *exposure]
    people = {name: column for name, column in people.items() if name not in taken}
    units = table.assign(**people, **exposure, **columns)
    if not reads_events(design):
        return Simulation(units, None, units, _state(effects, find_shared(design)), _write_note(n_units))
    events = list_events(design, units, rng["events"])
    heard = [name for name in (*columns, *exposure) if name not in _own_columns(design)]
    truth = _state(effects, find_shared(design))
    return Simulation(units.drop(columns=heard), events, units, truth, _write_note(n_units))


def _state(effects, shared):
    return {"study": "experiment", "effects": [effect for effect in effects if effect["metric"] not in shared]}


def _write_note(n_units):
    return (
        f"Simulated: a dry run of the plan with {n_units:,} units and generic baselines. "
        "Each metric holds the effect that the plan calls worthwhile, or none."
    )


def _draw_assignment(design, n_units, rng):
    variant, size = design.variant, UNITS_A_CLUSTER if design.cluster else 1
    shares = variant.shares or {arm: 1 / len(variant.arms) for arm in variant.arms}
    labels = rng.choice(list(shares), -(-n_units // size), p=np.array(list(shares.values())) / sum(shares.values()))
    outside = np.repeat(variant.observational, -(-n_units // len(variant.arms)))
    labels = np.concatenate([np.repeat(labels, size)[:n_units], outside]).astype(object)
    table = pd.DataFrame({design.unit_id: [f"u{i:07d}" for i in range(len(labels))], variant.column: labels})
    if design.cluster:
        table[design.cluster] = [f"c{i // size:06d}" for i in range(len(labels))]
    if design.assigned_at:
        table[design.assigned_at] = _draw_times(design, len(labels), rng)
    return table


def _draw_times(design, n_units, rng):
    days, start = design.enrolment_days or DAYS, START
    if design.as_of:
        windows = [m.within_days or m.horizon_days or DAYS for m in design.metrics.values()]
        start = pd.Timestamp(design.as_of, tz="UTC") + pd.Timedelta(days=1 - days - np.ceil(max(windows)))
    seconds = np.sort(rng.integers(0, days * SECONDS_A_DAY, n_units))
    return start + pd.to_timedelta(seconds, unit="s")


def _draw_people(design, table, rng):
    n_units = len(table)
    known = rng.standard_normal(n_units)
    if design.cluster:
        known = (
            np.sqrt(0.8) * known + np.sqrt(0.2) * rng.standard_normal(n_units)[np.arange(n_units) // UNITS_A_CLUSTER]
        )
    people = {name: np.round(known + rng.standard_normal(n_units), 6) for name in design.covariates}
    people |= {name: rng.choice(["a", "b", "c"], n_units, p=[0.5, 0.3, 0.2]) for name in design.segments}
    return known, people


def _draw_exposure(design, treated, rng):
    if design.exposure is None:
        return {}
    name = design.exposure.column or design.exposure.event[0]
    return {name: (treated & (rng.random(treated.size) < TAKE_UP)).astype(int)}


def _own_columns(design):
    """Columns that the plan reads from the table even where there are events."""
    metrics = design.metrics.values()
    parts = {part for m in metrics for part in (m.numerator, m.denominator, m.time_at_risk)} - set(design.metrics)
    exposure = [design.exposure.column] if design.exposure else []
    return {*(m.column for m in metrics), *(m.time for m in metrics), *(m.observed for m in metrics), *parts, *exposure}


def _draw_metrics(design, known, treated, rng):
    columns, effects, means, kinds = {}, [], {}, {}
    for name, metric in sorted(design.metrics.items(), key=lambda pair: _place(pair[1])):
        rank = stats.norm.cdf(np.sqrt(SHARED) * known + np.sqrt(1 - SHARED) * rng.standard_normal(known.size))
        drawn, values = draw_metric(design, name, rank, treated, columns, means, rng)
        means[name] = values["difference"]
        for column in sorted(drawn.keys() & columns.keys()):
            if kinds[column] != metric.kind or metric.kind not in SHARING:
                raise Refused(
                    f"simulation experiment, metric {name}: column {column} has another metric; give it its own"
                )
        columns, kinds = drawn | columns, dict.fromkeys(drawn, metric.kind) | kinds
        for treatment in design.variant.treatments:
            effects += state_effects(name, metric, design.variant.control, treatment, values)
    return columns, effects


def _place(metric):
    """Ratios are made of what is drawn before them, and rates of all that can be a time."""
    return 2 if metric.time_at_risk else int(metric.kind == "ratio")
