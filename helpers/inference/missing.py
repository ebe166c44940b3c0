"""Outcomes that are not known for all assigned units: weighted by covariates, and bounded without assumption."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from helpers.inference.effects import compare_arms
from helpers.plan import Metric
from helpers.records import Effect, Moments

EXTREMES = {"binary": (0.0, 1.0), "nps": (-100.0, 100.0)}


def bound_missing(metric: Metric, control: Moments, treatment: Moments, *, confidence_level=0.95, look=None) -> Effect:
    """Return bounds on the difference over all assigned units, whatever the unknown outcomes are.

    The worst case gives every unknown outcome of the treatment the lowest possible value and every unknown
    outcome of the control the highest; the best case the reverse. The interval runs from the lower limit of the
    worst to the upper limit of the best, so it holds the truth at least as often as its level says.

    Parameters
    ----------
    metric : Metric
        Only binary and nps outcomes have known extremes; others are nan with the reason.
    control, treatment : Moments
        `missing` counts the units whose outcome is unknown.
    confidence_level : float, 0.5 to 1
    look : function of an Effect, optional
        Gives the worst and the best case the interval that decides when an experiment is looked at early.

    Returns
    -------
    Effect: an interval without an estimate or a p-value.

    References
    ----------
    Manski (1990), Nonparametric bounds on treatment effects; Horowitz and Manski (2000).
    """
    if metric.kind not in EXTREMES or control.names[0] != "y":
        return Effect(method="worst-case bounds", reason="no bounds: the outcome has no fixed lowest and highest value")
    low, high = EXTREMES[metric.kind]
    cases = (high, low), (low, high)
    worst, best = (_difference(metric, _fill(control, c), _fill(treatment, t), confidence_level) for c, t in cases)
    if look:
        worst, best = look(worst), look(best)
    reason = "bounds only: some outcomes are unknown, so there is no single estimate"
    return Effect(ci_low=worst.ci_low, ci_high=best.ci_high, method="worst-case bounds", reason=reason)


def weight_responders(rows: pd.DataFrame, *, covariates, confidence_level=0.95) -> Effect:
    """Return the difference among all assigned if, given the covariates, answering does not depend on the outcome.

    Each known outcome is weighted by one over its modelled chance to be known (logistic regression within the
    arm). The standard error treats the weights as known, which is conservative for a correct model.

    Parameters
    ----------
    rows : DataFrame, one row a unit
        `y` (missing where unknown), `treated` (0 or 1) and the covariates, without missing values.
    covariates : sequence of str
    confidence_level : float, 0.5 to 1

    Returns
    -------
    Effect: nan with a reason without covariates, or where an arm has under 20 known outcomes.

    References
    ----------
    Seaman and White (2013), Review of inverse probability weighting for dealing with missing data.
    """
    method = "inverse probability of response weights"
    if not covariates:
        return Effect(method=method, reason="no weights: the plan names no covariates")
    if rows.groupby("treated")["y"].count().reindex([0, 1], fill_value=0).min() < 20:
        return Effect(method=method, reason="no weights: an arm has fewer than 20 known outcomes")
    control, treatment = (_weighted_mean(rows[rows["treated"] == arm], covariates) for arm in (0, 1))
    estimate, error = treatment[0] - control[0], math.hypot(treatment[1], control[1])
    reach = stats.norm.isf((1 - confidence_level) / 2) * error
    p = float(2 * stats.norm.sf(abs(estimate) / error)) if error > 0 else math.nan
    return Effect(
        estimate, error, None, estimate - reach, estimate + reach, None, p, control[0], treatment[0], method,
        None if error > 0 else "all known outcomes are equal",
    )  # fmt: skip


def _weighted_mean(arm, covariates):
    known = arm["y"].notna().to_numpy()
    design = arm[list(covariates)].to_numpy(float)
    keep = design.std(axis=0) > 0
    scaled = (design[:, keep] - design[:, keep].mean(axis=0)) / design[:, keep].std(axis=0)
    chance = _response_chance(known, np.column_stack([np.ones(len(scaled)), scaled]))
    weights = 1 / chance[known]
    outcome = arm.loc[known, "y"].to_numpy(float)
    mean = float(np.average(outcome, weights=weights))
    return mean, float(np.sqrt(np.sum((weights * (outcome - mean)) ** 2)) / weights.sum())


def _response_chance(known, design):
    if known.all():
        return np.ones(len(known))
    model = GLM(known.astype(float), design, family=Binomial())
    return np.clip(np.asarray(model.fit().predict(design)), 0.01, 1)


def _difference(metric, control, treatment, confidence_level):
    return compare_arms(metric, control, treatment, confidence_level=confidence_level)["difference"]


def _fill(moments: Moments, value: float) -> Moments:
    n, extra = moments.n, moments.missing
    total = n + extra
    if not extra or not n:
        return Moments(
            ("y",), total, np.array([moments.value if n else value]), moments.cov[:1, :1] if n else np.zeros((1, 1))
        )
    gap = moments.value - value
    between = n * extra / total * gap * gap
    variance = ((n - 1) * (moments.variance if n > 1 else 0.0) + between) / (total - 1)
    return Moments(("y",), total, np.array([value + gap * n / total]), np.array([[variance]]))
