"""The times to an event of an experiment: incidence at the horizon, restricted mean, log-rank, and the curves."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference import Comparison, label_effect, list_comparisons, read_look
from helpers.records import Effect, Estimate, Guarantee, Test
from helpers.survival.groups import incidence_difference, log_rank, rmst_difference
from helpers.survival.guarantees import GUARANTEES
from helpers.survival.life import LifeTable, build_life_table, read_incidence

CURVE_DAYS = 31
CLUSTERED = "clusters are randomised, and times to an event are compared by unit only"


def study_times(units: metrics.Units) -> tuple[list[Estimate], list[Test], pd.DataFrame, tuple[Guarantee, ...]]:
    """Return all that an experiment tells of its times to an event: effects, tests, curves, and what methods promise.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    tuple: what `compare_times` returns, then what `trace_curves` returns, then this room's guarantees.
    """
    return *compare_times(units), trace_curves(units), GUARANTEES


def compare_times(units: metrics.Units) -> tuple[list[Estimate], list[Test]]:
    """Return the effects on times to an event, between each treatment and the control.

    Where the plan names competing events, the incidence is the share of all units that has the event although others
    leave before it (Aalen-Johansen), a unit that left counts as without the event in the mean time, and log-rank
    compares the rates among those still without either, so that it can disagree with the incidence.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    list of Estimate: the difference in cumulative incidence at the horizon carries the metric's role; that in
        restricted mean time is sensitivity. Among responders where a time is unknown; nan with a reason where
        clusters are randomised.
    list of Test: log-rank, one a comparison. Both are empty without such metrics, and above the limit of row-level
        methods.

    References
    ----------
    Andersen, Geskus, de Witte and Putter (2012), Competing risks in epidemiology: possibilities and pitfalls.
    """
    estimates, tests = [], []
    for comparison in list_comparisons(units.design):
        groups = _read_groups(units, comparison.name) if comparison.metric.kind == "time_to_event" else {}
        if groups:
            sides = groups[comparison.control], groups[comparison.treatment]
            tables = [_make_table(rows) for rows in sides]
            population = "responders" if any(rows.isna().any(axis=None) for rows in sides) else "itt"
            estimates += _compare(comparison, read_look(units), *tables, population=population)
            if units.design.cluster is None:
                tests.append(log_rank(tables, metric=comparison.name, comparison=comparison.label))
    return estimates, tests


def trace_curves(units: metrics.Units) -> pd.DataFrame:
    """Return the cumulative incidence of every time to an event, by arm and day, up to its horizon.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    DataFrame: `metric`, `arm`, `day`, `at_risk`, `share` (0 to 1), `ci_low`, `ci_high` at evenly spaced days; no
        individual time. Empty where clusters are randomised, since the bands would be too narrow.
    """
    frames = []
    for name, metric in units.design.metrics.items():
        days = np.unique(np.linspace(0, metric.horizon_days or 0, CURVE_DAYS).round(1))
        groups = _read_groups(units, name) if metric.kind == "time_to_event" and not units.design.cluster else {}
        for arm, rows in groups.items():
            found = read_incidence(_make_table(rows), days, confidence_level=units.design.confidence_level)
            frames.append(found.rename(columns={"incidence": "share"}).assign(metric=name, arm=arm))
    columns = ["metric", "arm", "day", "at_risk", "share", "ci_low", "ci_high"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _read_groups(units, name) -> dict[str, pd.DataFrame]:
    columns = [f"time_{name}", f"observed_{name}"]
    rows = metrics.read_rows(units, ["variant", *columns])
    if rows is None:
        return {}
    return {arm: rows.loc[rows["variant"] == arm, columns] for arm in units.design.variant.arms}


def _make_table(rows) -> LifeTable:
    return build_life_table(*rows.to_numpy(float).T)


def _compare(comparison: Comparison, look, control, treatment, *, population):
    options = {"horizon": comparison.metric.horizon_days, "confidence_level": comparison.level}
    n = {"n_control": control.n, "n_treatment": treatment.n}
    found = [
        (incidence_difference(control, treatment, **options), "difference", comparison.metric.role),
        (rmst_difference(control, treatment, **options), "rmst_difference", "sensitivity"),
    ]
    if comparison.design.cluster is not None:
        found = [(Effect(method=effect.method, reason=CLUSTERED), *names) for effect, *names in found]
    labels = {"population": population, "interval": look.interval, **n}
    decide = partial(look.apply, comparison, n=sum(n.values()))
    return [label_effect(comparison, decide(effect), estimand=e, role=role, **labels) for effect, e, role in found]
