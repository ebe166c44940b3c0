"""All that is said of milestones and what follows: activation by every reading, each milestone at each landmark."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pandas as pd

from helpers.inference import adjust_families
from helpers.milestones.cloning import compare_strategies
from helpers.milestones.cox import ADJUSTED, IMMORTAL, VARYING, compare_hazards, count_followed
from helpers.milestones.curves import trace_survival
from helpers.milestones.landmarks import (
    COVARIATES,
    UNADJUSTED,
    Contrast,
    compare_at_landmarks,
    compare_everybody,
    compare_naively,
)
from helpers.milestones.names import WORDS, list_milestones
from helpers.plan import FrameworkPlan
from helpers.records import Effect, Estimate, Test

EXPECTED = {"retained": 1, "expanded": 1, "dormant": -1}
ROLES = {"retained": "primary"}
NO_ACTIVATION = "the plan gives no number of events from which an account is activated"
NO_LOSS = "the plan names no event of leaving, so who left before the landmark cannot be told"
EFFECT_COLUMNS = ["milestone", "outcome", "landmark", "adjustment", "n_reached", "n_not", "share_reached", "share_not",
                  "difference", "ci_low", "ci_high", "p_value", "reason"]  # fmt: skip


def study_landmarks(
    landmarks: dict[float, pd.DataFrame],
    histories: pd.DataFrame,
    design: FrameworkPlan,
    *,
    seed: int,
    n_resamples: int,
    everybody: pd.DataFrame | None = None,
) -> tuple[list[Estimate], list[Test], dict[str, pd.DataFrame]]:
    """Return what accounts with each milestone do after the landmark beside those without it: associations.

    Parameters
    ----------
    landmarks : dict of DataFrame by days after the start, the main one first, as `metrics.read_landmarks` gives it
    histories : DataFrame, as `metrics.read_histories` gives it
    design : FrameworkPlan
    seed : int, of the bootstrap of accounts
    n_resamples : int, at most 200 of which are drawn
    everybody : DataFrame, optional
        All who started, alive at the main landmark or not, in its form: the naive reading where nobody is ever lost.

    Returns
    -------
    list of Estimate: the adjusted differences at the main landmark are primary (retained) and secondary (expanded,
        dormant), Holm within each; the naive difference is exploratory, all else sensitivity.
    list of Test: log-rank of the time to the loss after the main landmark, one a milestone.
    dict: tables `readings` and `hazards` (activated against retained, by every method; nan with a reason where the plan
        lacks what a method needs), `landmark_effects` (every milestone, outcome, landmark and adjustment) and
        `milestone_survival` (share still customers after the main landmark).
    """
    effects = compare_at_landmarks(landmarks, design)
    readings = _read_activation(effects, histories, design, everybody, seed=seed, n_resamples=n_resamples)
    hazards = _read_hazards(histories, design)
    curves, tests = trace_survival(landmarks[design.landmarks[0]], design)
    estimates = [*_label_effects(effects, design), *_label_readings(readings, design), *_label_hazards(hazards, design)]
    tables = {
        "readings": pd.DataFrame([_tell_reading(*item) for item in readings.items()]),
        "hazards": pd.DataFrame([_tell_hazard(*item) for item in hazards.items()]),
        "landmark_effects": pd.DataFrame([_tell_all(c) for c in effects], columns=EFFECT_COLUMNS),
        "milestone_survival": curves,
    }
    return [_decide(e, design.alpha) for e in adjust_families(estimates)], tests, tables


def _read_activation(effects, histories, design, everybody, *, seed, n_resamples) -> dict[str, Contrast]:
    """Activated against retained at the main landmark, by every reading, the most naive first."""
    main, reason = design.landmarks[0], _find_obstacle(design)
    nothing = Contrast("activated", "retained", main, UNADJUSTED, Effect(reason=reason), 0, 0)
    found = {
        e.adjustment: e for e in effects if (e.milestone, e.outcome, e.landmark) == ("activated", "retained", main)
    }
    cloned = None if reason else compare_strategies(
        histories, landmark=main, horizon=design.horizon_days, seed=seed, n_resamples=n_resamples,
        confidence_level=design.confidence_level,
    )  # fmt: skip
    naive = nothing if reason else compare_naively(histories, design)
    if reason == NO_LOSS and everybody is not None:
        naive = compare_everybody(everybody, design)
    early = histories[histories["followed_days"] >= main + design.horizon_days]
    reached = int((early["day_activated"] < main).sum())
    sizes = {"n_reached": reached, "n_not": len(early) - reached}
    return {
        "naive": naive,
        "landmark": found.get(UNADJUSTED, nothing),
        "adjusted": found.get(COVARIATES, nothing),
        "clone-censor-weight": replace(nothing, effect=cloned, **sizes) if cloned else nothing,
    }


def _read_hazards(histories, design) -> dict[str, tuple[Effect, int, int, int]]:
    """Each reading's ratio, the accounts that activated, all accounts, and how many of them left."""
    if reason := _find_obstacle(design):
        return {name: (Effect(reason=reason), 0, 0, 0) for name in (IMMORTAL, VARYING, ADJUSTED)}
    until = design.landmarks[0] + design.horizon_days
    found = compare_hazards(histories, until=until, confidence_level=design.confidence_level)
    counts = int(histories["day_activated"].notna().sum()), *count_followed(histories, until=until)
    return {name: (effect, *counts) for name, effect in found.items()}


def _find_obstacle(design):
    if "activated" not in list_milestones(design):
        return NO_ACTIVATION
    return None if design.outcomes.retained.lost else NO_LOSS


def _label_effects(effects, design):
    main = design.landmarks[0]
    for contrast in effects:
        is_main, is_adjusted = contrast.landmark == main, contrast.adjustment == COVARIATES
        role = ROLES.get(contrast.outcome, "secondary") if is_main and is_adjusted else "sensitivity"
        labels = {"role": role, "at": None if is_main else f"day {contrast.landmark:g}"}
        parts = [f"{contrast.milestone}@{contrast.landmark:g}", *([] if is_adjusted else [contrast.adjustment])]
        yield _label(contrast, ":".join(parts), design, estimand="difference", **labels)


def _label_readings(readings, design):
    if "activated" in list_milestones(design):
        naive, cloned = readings["naive"], replace(readings["clone-censor-weight"], adjustment="weights")
        starters = {"population": "observational"}  # all who started, not those alive at the landmark
        yield _label(naive, "activated:naive", design, estimand="naive", role="exploratory", **starters)
        yield _label(cloned, "activated:weights", design, estimand="difference", role="sensitivity", **starters)


def _label_hazards(hazards, design):
    if "activated" in list_milestones(design):
        for name, adjustment in ((VARYING, UNADJUSTED), (ADJUSTED, COVARIATES)):
            effect, reached, n, _ = hazards[name]
            contrast = Contrast("activated", "retained", design.landmarks[0], adjustment, effect, reached, n - reached)
            name = ":".join(["activated:hazard_ratio", *([] if adjustment == COVARIATES else [adjustment])])
            labels = {"estimand": "hazard_ratio", "population": "observational", "role": "sensitivity"}
            yield _label(contrast, name, design, **labels)


def _label(contrast, name, design, *, estimand, role, population="landmark", at=None):
    word = WORDS[contrast.milestone]
    return Estimate(
        id=f"{contrast.outcome}:{name}",
        metric=contrast.outcome,
        control=f"not {word}",
        treatment=word,
        comparison=f"{word} - not {word}",
        estimand=estimand,
        population=population,
        adjustment=contrast.adjustment,
        at=at,
        role=role,
        family=role if role in ("primary", "secondary") else "",
        confidence_level=design.confidence_level,
        n_control=contrast.n_not,
        n_treatment=contrast.n_reached,
        **asdict(contrast.effect),
    )


def _decide(estimate: Estimate, alpha) -> Estimate:
    """Only whether a difference is clear: an association is neither a benefit nor a harm."""
    if math.isnan(estimate.decision_p) and math.isnan(estimate.ci_low):
        return estimate.but(verdict="not estimable")
    if not estimate.decision_p <= alpha:
        return estimate.but(verdict="no clear difference")
    is_ratio = estimate.estimand == "hazard_ratio"
    side = 1 - estimate.estimate if is_ratio else estimate.estimate
    return estimate.but(verdict="clear difference", as_expected=side * EXPECTED[estimate.metric] > 0)


def _tell(contrast):
    effect = contrast.effect
    return {
        "n_reached": contrast.n_reached,
        "n_not": contrast.n_not,
        "share_reached": effect.treatment_value,
        "share_not": effect.control_value,
        "difference": effect.estimate,
        "ci_low": effect.ci_low,
        "ci_high": effect.ci_high,
    }


def _tell_reading(name, contrast):
    return {"reading": name} | _tell(contrast) | {"reason": contrast.effect.reason}


def _tell_all(contrast):
    labels = {key: getattr(contrast, key) for key in ("milestone", "outcome", "landmark", "adjustment")}
    return labels | _tell(contrast) | {"p_value": contrast.effect.p_value, "reason": contrast.effect.reason}


def _tell_hazard(name, found):
    effect, _, n, lost = found
    ends = {"hazard_ratio": effect.estimate, "ci_low": effect.ci_low, "ci_high": effect.ci_high}
    return {"reading": name} | ends | {"n": n, "lost": lost, "reason": effect.reason}
