"""Two doubts about the speed of replies: a control that became slower, and fast replies as a mere association."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference.delivery.replies import WEEK, split_arms
from helpers.inference.effects import compare_arms
from helpers.inference.on_columns import measure_columns
from helpers.records import NAN, Results

RESPONSES = ("linear in minutes", "linear in log minutes")
FASTER, RANDOMISED = "faster - slower, within control", "as randomised"


def allow_for_slower(results: Results, replies: pd.DataFrame, *, metric, slower=(0, 10, 20, 30)) -> pd.DataFrame:
    """Return what the effect would be, had the control not become slower by some minutes while agents moved.

    The effect and its interval are scaled by the part of the gap in median waits that would have remained, under a
    response to waiting that is linear in minutes, and under one that is linear in their logarithm; the whole effect is
    taken to come from waiting. The medians count as known.

    Parameters
    ----------
    results : Results
    replies : DataFrame, as `compare_replies` gives it
    metric : str
    slower : sequence of float, minutes
        By how much the control may have become slower; what was measured against each group before joins them.

    Returns
    -------
    DataFrame: one row a comparison, number of minutes and response: `metric`, `comparison`, `control`, `treatment`,
        `slower_minutes`, `is_measured`, `response`, `factor`, `estimate`, `ci_low`, `ci_high`, `reason`. Empty where
        the effect is not estimable.
    """
    medians = replies[replies["measure"] == "median"]
    measured = list(medians[~medians["is_randomised"]]["difference"].dropna())
    steps = [(float(x), False) for x in slower] + [(float(x), True) for x in measured]
    rows = []
    for effect in results.headline(metric):
        found = medians[medians["is_randomised"] & (medians["comparison"] == effect.comparison)]
        if found.empty or math.isnan(effect.estimate):
            continue
        waits = float(found["control_value"].iloc[0]), float(found["treatment_value"].iloc[0])
        for (minutes, is_measured), response in ((step, r) for step in sorted(steps) for r in RESPONSES):
            labels = {k: getattr(effect, k) for k in ("metric", "comparison", "control", "treatment")}
            labels |= {"slower_minutes": minutes, "is_measured": is_measured, "response": response}
            rows.append(labels | _scale(effect, *_find_factor(*waits, minutes, response)))
    return pd.DataFrame(rows)


def associate_speed(conversations: pd.DataFrame, units: metrics.Units, results: Results, names) -> pd.DataFrame:
    """Return, inside the control arm, outcomes of units whose first reply came fast against slow: an association.

    The first conversation of each unit decides: below the arm's median wait is faster, the rest, the unanswered among
    them, slower. Units without a question are in neither. The randomised difference stands beside.

    Parameters
    ----------
    conversations : DataFrame, as `metrics.read_conversations` gives it
    units : metrics.Units
    results : Results
    names : sequence of str
        Metrics; those that are no means of units are left out.

    Returns
    -------
    DataFrame: two rows a metric: `metric`, `kind` ("faster - slower, within control"; "as randomised"), `comparison`,
        `control_value` (slower), `treatment_value` (faster), `difference`, `ci_low`, `ci_high`, `n_control`,
        `n_treatment`. Empty above the limit of row-level methods and where clusters are randomised.
    """
    design = units.design
    names = [n for n in names if design.metrics[n].is_mean and not design.metrics[n].is_ratio]
    speed = _split_speed(split_arms(conversations, design)[design.variant.control])
    outcomes = None if design.cluster else metrics.read_rows(units, ["unit", *(f"y_{name}" for name in names)])
    if outcomes is None or speed.empty:
        return pd.DataFrame()
    rows, joined = [], outcomes.merge(speed, on="unit")
    for name in names:
        sides = [joined.loc[joined["is_fast"] == side, f"y_{name}"].dropna() for side in (False, True)]
        moments = [measure_columns(side.to_numpy(float)[:, None]) for side in sides]
        effect = compare_arms(design.metrics[name], *moments, confidence_level=design.confidence_level)["difference"]
        sizes = {"n_control": moments[0].n, "n_treatment": moments[1].n}
        rows.append({"metric": name, "kind": FASTER, "comparison": design.variant.control} | _read(effect) | sizes)
        for e in results.headline(name):
            sizes = {"n_control": e.n_control, "n_treatment": e.n_treatment}
            rows.append({"metric": name, "kind": RANDOMISED, "comparison": e.comparison} | _read(e) | sizes)
    return pd.DataFrame(rows)


def _find_factor(control, treatment, minutes, response):
    """The part of the gap that remains, or why there is none."""
    if not control > treatment:
        return NAN, "the control did not wait longer"
    if response == RESPONSES[0]:
        return (control - minutes - treatment) / (control - treatment), None
    if not min(control - minutes, treatment) > 0:
        return NAN, "no wait would be left, so it has no logarithm"
    return math.log((control - minutes) / treatment) / math.log(control / treatment), None


def _scale(effect, factor, reason):
    ends = sorted((effect.ci_low * factor, effect.ci_high * factor))
    scaled = {"estimate": effect.estimate * factor, "ci_low": ends[0], "ci_high": ends[1]}
    return {"factor": factor, **scaled, "reason": reason}


def _read(effect):
    values = {"control_value": effect.control_value, "treatment_value": effect.treatment_value}
    return {**values, "difference": effect.estimate, "ci_low": effect.ci_low, "ci_high": effect.ci_high}


def _split_speed(rows):
    """One row a unit with a question: whether the first reply to its first question came before the median."""
    first = rows[rows["followed_minutes"] >= WEEK].sort_values(["asked_at", "conversation_id"]).drop_duplicates("unit")
    wait = first["wait_minutes"].fillna(np.inf)
    return first[["unit"]].assign(is_fast=wait < wait.median())
