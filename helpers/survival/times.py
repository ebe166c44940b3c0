"""The times to an event of an experiment: incidence at the horizon, restricted mean, log-rank, and the curves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference import Comparison, label_effect, list_comparisons, read_look
from helpers.records import Estimate, Test
from helpers.survival.groups import incidence_difference, log_rank, rmst_difference
from helpers.survival.life import LifeTable, build_life_table, read_incidence

CURVE_DAYS = 31


def compare_times(units: metrics.Units) -> tuple[list[Estimate], list[Test]]:
    """Return the effects on times to an event, between each treatment and the control.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    list of Estimate: the difference in cumulative incidence at the horizon carries the metric's role; that in
        restricted mean time is sensitivity.
    list of Test: log-rank, one a comparison. Both are empty without such metrics, and above the limit of row-level
        methods.
    """
    estimates, tests = [], []
    for comparison in list_comparisons(units.design):
        tables = _read_tables(units, comparison.name) if comparison.metric.kind == "time_to_event" else {}
        if tables:
            sides = tables[comparison.control], tables[comparison.treatment]
            estimates += _compare(comparison, read_look(units), *sides)
            tests.append(log_rank(sides, metric=comparison.name, comparison=comparison.label))
    return estimates, tests


def trace_curves(units: metrics.Units) -> pd.DataFrame:
    """Return the cumulative incidence of every time to an event, by arm and day, up to its horizon.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    DataFrame: `metric`, `arm`, `day`, `at_risk`, `share` (0 to 1), `ci_low`, `ci_high` at evenly spaced days; no
        individual time.
    """
    frames = []
    for name, metric in units.design.metrics.items():
        days = np.unique(np.linspace(0, metric.horizon_days or 0, CURVE_DAYS).round(1))
        for arm, table in (_read_tables(units, name) if metric.kind == "time_to_event" else {}).items():
            found = read_incidence(table, days, confidence_level=units.design.confidence_level)
            frames.append(found.rename(columns={"incidence": "share"}).assign(metric=name, arm=arm))
    columns = ["metric", "arm", "day", "at_risk", "share", "ci_low", "ci_high"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _read_tables(units, name) -> dict[str, LifeTable]:
    columns = [f"time_{name}", f"observed_{name}"]
    rows = metrics.read_rows(units, ["variant", *columns])
    if rows is None:
        return {}
    groups = {arm: rows[rows["variant"] == arm] for arm in units.design.variant.arms}
    return {
        arm: build_life_table(*(group[column].to_numpy(float) for column in columns)) for arm, group in groups.items()
    }


def _compare(comparison: Comparison, look, control, treatment):
    options = {"horizon": comparison.metric.horizon_days, "confidence_level": comparison.level}
    labels = {"interval": look.interval, "n_control": control.n, "n_treatment": treatment.n}
    found = [
        (incidence_difference(control, treatment, **options), "difference", comparison.metric.role),
        (rmst_difference(control, treatment, **options), "rmst_difference", "sensitivity"),
    ]
    return [
        label_effect(
            comparison, look.apply(comparison, effect, n=control.n + treatment.n), estimand=e, role=role, **labels
        )
        for effect, e, role in found
    ]
