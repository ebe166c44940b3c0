"""Takers beside others, and those who answered beside all: weighted, adjusted and bounded."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from helpers.inference import means
from helpers.inference.contrasts import count_events, risk_difference, score_limits
from helpers.inference.means import build_effect, compare_means, find_independent, measure_columns, merge_moments
from helpers.records import NAN, Effect, Moments

MIN_ESS = 30.0
MAX_IMBALANCE = 0.25
RIDGE, STEPS, LONGEST, CLOSE = 1e-9, 40, 5.0, 1e-10  # the first keeps the information invertible; no digit shows it
LEAST_KNOWN = 1e-7  # information of a standardised direction: ridge alone holds a coefficient that has less
TOO_FEW = "fewer than two takers, or fewer than two others, with the outcome known"
TOO_MANY = "too few units for so many covariates"
SEPARATED = "no overlap: the covariates tell takers from others without error"


@dataclass(frozen=True)
class Overlap:
    """Whether takers have comparable others: as `weighted_contrast` finds it.

    `effective_size` is that of the weighted others, (sum w)^2 / sum w^2; `share_outside` the share of takers more
    likely to take than any of the others; `imbalance` the largest absolute standardised mean difference of a covariate
    that weighting leaves.
    """

    effective_size: float
    share_outside: float
    imbalance: float


def read_offered(rows: pd.DataFrame, covariates=()) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the outcome of the units of the offered arm, whether they took it up, and their covariates.

    Parameters
    ----------
    rows : DataFrame, one row a unit
        `y`, `assigned` (0 or 1), `taken` (1 = took it up) and the covariates as numbers; a row that lacks one of them
        is left out. Only the arm with more take-up is used; for a group outside the randomisation give `assigned` one
        value.
    covariates : sequence of str
    """
    known = rows.dropna(subset=["y", "assigned", "taken", *covariates])
    share = known.groupby("assigned")["taken"].mean()
    offered = known[known["assigned"] == share.idxmax()] if len(share) else known
    taken = offered["taken"].to_numpy(float) == 1
    return offered["y"].to_numpy(float), taken, offered[list(covariates)].to_numpy(float)


def naive_contrast(y, taken, *, confidence_level: float = 0.95) -> Effect:
    """Return the mean outcome of takers minus that of others in the offered arm: a comparison of unlike people.

    Parameters
    ----------
    y, taken : array, shape (n,), as `read_offered` gives them
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: Welch; `treatment_value` is the takers' mean; nan with a reason with fewer than two takers or others.
    """
    if not _enough(taken):
        return Effect(method="welch", reason=TOO_FEW)
    pair = compare_means(measure_columns(y[~taken, None]), measure_columns(y[taken, None]))
    return means.difference(replace(pair, reason=None), confidence_level=confidence_level)


def adjusted_contrast(y, taken, values, *, confidence_level: float = 0.95) -> Effect:
    """Return takers minus others in the offered arm, by least squares on taking and the covariates.

    Still an association: what the covariates do not measure stays in it. Covariates that repeat others are
    dropped. Without covariates this is the naive contrast with its Welch standard error.

    Parameters
    ----------
    y, taken, values : array, shape (n,) and (n, k), as `read_offered` gives them
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: HC2 standard error, n - k degrees of freedom; arm values at the mean covariates; nan with a reason
        with fewer than two takers or others, too few units, or where covariates tell takers without error.

    References
    ----------
    MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix estimators.
    """
    method = "least squares, HC2"
    if not _enough(taken):
        return Effect(method=method, reason=TOO_FEW)
    basis = np.linalg.qr(_design(values))[0]
    df = len(y) - basis.shape[1] - 1
    treated = _residual(basis, taken.astype(float))
    total = float(treated @ treated)
    if df < 1 or total <= 1e-10 * taken.sum():
        return Effect(method=method, reason=TOO_MANY if df < 1 else SEPARATED)
    outcome = _residual(basis, y)
    estimate = float(treated @ outcome) / total
    room = 1 - (basis**2).sum(axis=1) - treated**2 / total
    squares = np.divide((outcome - estimate * treated) ** 2, room, out=np.zeros_like(y), where=room > 1e-10)
    error = math.sqrt(float(treated**2 @ squares)) / total
    base = float(y.mean() - estimate * taken.mean())
    told = {"values": (base, base + estimate), "method": method, "confidence_level": confidence_level}
    return build_effect(estimate, error, df, **told)


def weighted_contrast(y, taken, values, *, confidence_level=0.95) -> tuple[Effect, Overlap | None]:
    """Return takers minus others in the offered arm, the others weighted to look like the takers (ATT).

    Weights are the odds of taking by logistic regression on the covariates, normalised (Hajek); the standard
    error comes from the stacked estimating equations, so it knows that the weights are estimated. Still an
    association: what the covariates do not measure stays in it.

    Parameters
    ----------
    y, taken, values : as for `adjusted_contrast`
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: normal interval; `treatment_value` is the takers' mean, `control_value` the weighted others'; nan with a
        reason where the weighted others count like fewer than 30 units, or where weighting leaves a covariate over
        0.25 standard deviations apart.
    Overlap: whether takers have comparable others, before anybody believes the effect; None where it is undefined:
        fewer than two takers or others, or covariates that tell them apart.

    References
    ----------
    Hirano, Imbens and Ridder (2003); Lunceford and Davidian (2004); Kish (1965) for the effective sample size;
    Rubin (2001) for 0.25 as the limit of imbalance.
    """
    method, design = "inverse probability weights to the takers", _design(values)
    fit = _model_chances(taken, design) if _enough(taken) else None
    if fit is None:
        return Effect(method=method, reason=SEPARATED if _enough(taken) else TOO_FEW), None
    chance, inverse = fit
    weights = np.divide(chance, 1 - chance, out=np.zeros_like(chance), where=~taken)
    spread = design[taken, 1:].std(axis=0, ddof=1)
    gaps = np.abs(design[taken, 1:].mean(axis=0) - np.average(design[~taken, 1:], axis=0, weights=weights[~taken]))
    imbalance = float(np.max(gaps[spread > 0] / spread[spread > 0], initial=0.0))
    outside = float(np.mean(chance[taken] > chance[~taken].max()))
    overlap, reason = Overlap(float(weights.sum() ** 2 / (weights @ weights)), outside, imbalance), None
    if overlap.effective_size < MIN_ESS:
        reason = f"effective sample size {overlap.effective_size:.1f} of the weighted others is below {MIN_ESS:g}"
    elif imbalance > MAX_IMBALANCE:
        gap = f"{imbalance:.2f} standard deviations"
        reason = f"no overlap: weighting leaves a covariate {gap} apart (limit {MAX_IMBALANCE:g})"
    if reason:
        return Effect(method=method, reason=reason), overlap
    total = float(weights.sum())
    takers, others = float(y[taken].mean()), float(weights @ y) / total
    pull = weights * (y - others) / total
    scores = design * (taken - chance)[:, None]
    influence = np.where(taken, y - takers, 0.0) / taken.sum() - pull - scores @ (inverse @ (design.T @ pull))
    told = {"values": (others, takers), "method": method, "confidence_level": confidence_level}
    return build_effect(takers - others, math.sqrt(float(influence @ influence)), None, **told), overlap


def fit_logit(x, events, trials=1.0, *, offset=0.0, penalty=0.0, firth=False, start=None) -> tuple:
    """Return the log odds ratios of a logistic model and their covariance, by Newton's method with capped steps.

    Parameters
    ----------
    x : array, shape (n, k); a constant column of ones is the intercept
    events : array, shape (n,) or (r, n), how many of the trials have the outcome; each row is a model of its own
    trials : float or array like `events`, 1 is one unit a row
    offset : float or array, shape (n,), log odds that are given
    penalty : float or array, shape (k,), of the squared coefficients (ridge)
    firth : bool
        Penalise by Jeffreys' prior, so that coefficients stay finite where columns separate the outcomes. Without it
        or a penalty, separated columns get large coefficients and errors.
    start : array like the coefficients, optional
        Where to begin; a near solution saves steps and changes nothing else.

    Returns
    -------
    tuple of array: coefficients (k,) or (r, k); covariance (k, k) or (r, k, k).

    References
    ----------
    Firth 1993, Biometrika 80: 27-38; Heinze & Schemper 2002, Statistics in Medicine 21: 2409-2419.

    Examples
    --------
    >>> x = np.array([[1, 0], [1, 0], [1, 0], [1, 1], [1, 1]])
    >>> fit_logit(x, [1, 0, 0, 1, 0])[0].round(2).tolist()
    [-0.69, 0.69]
    """
    x, events = np.asarray(x, float), np.asarray(events, float)
    ridge = np.diag(penalty + np.full(x.shape[1], RIDGE))
    beta = np.zeros((*events.shape[:-1], x.shape[1])) if start is None else start
    for _ in range(STEPS):
        share = expit(beta @ x.T + offset)
        weight = trials * share * (1 - share)
        information = (x.T * weight[..., None, :]) @ x + ridge
        rest = events - trials * share
        if firth:
            rest = rest + weight * ((x @ np.linalg.inv(information)) * x).sum(axis=-1) * (0.5 - share)
        step = np.linalg.solve(information, (rest @ x - penalty * beta)[..., None])[..., 0]
        longest = np.abs(step).max(axis=-1, keepdims=True, initial=0.0)
        beta = beta + step * np.minimum(1.0, LONGEST / np.maximum(longest, LONGEST))
        if longest.max(initial=0.0) < CLOSE:
            break
    return beta, np.linalg.inv(information)


def _enough(taken):
    return min(taken.sum(), (~taken).sum()) >= 2


def _design(values):
    """Return a constant and the covariates, standardised, without those that the others already tell."""
    spread = values.std(axis=0)
    moving = spread > 1e-12 * np.abs(values).max(axis=0, initial=0.0)
    scaled = (values[:, moving] - values[:, moving].mean(axis=0)) / spread[moving]
    kept = find_independent(np.atleast_2d(np.cov(scaled, rowvar=False))) if moving.any() else []
    return np.column_stack([np.ones(len(values)), scaled[:, kept]])


def _residual(basis, column):
    rest = column - basis @ (basis.T @ column)
    return rest - basis @ (basis.T @ rest)


def _model_chances(outcome, design):
    """Chances of the outcome by a logistic model, and its coefficients' covariance; None where it is separated."""
    beta, rest = None, np.inf
    for _ in range(5):  # steps are capped, and outliers among the covariates ask for more of them
        if rest > 1e-6:
            beta, covariance = fit_logit(design, outcome, start=beta)
            chance = expit(design @ beta)
            rest = np.abs(design.T @ (outcome - chance)).max()
    known = np.linalg.eigvals(np.linalg.inv(design.T @ design @ covariance / len(design)))  # direction by direction
    return (chance, covariance) if rest <= 1e-6 and known.real.min() > LEAST_KNOWN else None


def bound_missing(compare: Callable, ends, control: Moments, treatment: Moments, *, look=None) -> Effect:
    """Return bounds on the difference over all assigned units, whatever the unknown outcomes are.

    The worst case gives every unknown outcome of the treatment the lowest possible value and every unknown
    outcome of the control the highest; the best case the reverse. The interval runs from the lower limit of the
    worst to the upper limit of the best, so it holds the truth at least as often as its level says.

    Parameters
    ----------
    compare : function of the moments of control and treatment, the Effect of known outcomes
    ends : (float, float) or None, the lowest and the highest value that a unit can have
    control, treatment : Moments
        `missing` counts the units whose outcome is unknown.
    look : function of an Effect, optional
        Gives the worst and the best case the interval that decides when an experiment is looked at early.

    Returns
    -------
    Effect: an interval without an estimate or a p-value; nan with the reason without ends.

    References
    ----------
    Manski (1990), Nonparametric bounds on treatment effects; Horowitz and Manski (2000).
    """
    if ends is None:
        return Effect(method="worst-case bounds", reason="no bounds: the outcome has no fixed lowest and highest value")
    cases = [compare(_fill(control, c), _fill(treatment, t)) for c, t in (reversed(ends), ends)]
    worst, best = map(look, cases) if look else cases
    reason = "bounds only: some outcomes are unknown, so there is no single estimate"
    return Effect(ci_low=worst.ci_low, ci_high=best.ci_high, method="worst-case bounds", reason=reason)


def bound_shares(control, treatment, *, confidence_level) -> Effect:
    """Return the worst-case bounds of a difference of shares.

    Notes
    -----
    low: lower score limit of x₁ of n₁ against x₀ + u₀ of n₀; high: upper one of x₁ + u₁ of n₁ against x₀ of n₀; x units
    have the event, of u nobody knows.
    """
    limit = partial(risk_difference, confidence_level=confidence_level)
    return bound_missing(lambda *arms: limit(*count_events(*arms)), (0.0, 1.0), control, treatment)


def limit_bounds(controls, treatments, *, confidence_level, rng=None):
    """Return the worst-case bounds of shares, many experiments at once."""
    sizes = treatments.shape[1], controls.shape[1]
    (x1, more1), (x0, more0) = (
        (np.nansum(arm[:, :, 0], axis=1), np.isnan(arm[:, :, 0]).sum(axis=1)) for arm in (treatments, controls)
    )
    low, _ = score_limits(x1, sizes[0], x0 + more0, sizes[1], confidence_level=confidence_level)
    _, high = score_limits(x1 + more1, sizes[0], x0, sizes[1], confidence_level=confidence_level)
    return low, high, np.full(len(low), NAN)


def _fill(moments: Moments, value: float) -> Moments:
    """The moments once every unknown outcome has a value."""
    unknown = Moments(("y",), moments.missing, np.array([value]), np.zeros((1, 1)))
    return merge_moments(replace(moments, names=("y",), mean=moments.mean[:1], cov=moments.cov[:1, :1]), unknown)


def weight_responders(control, treatment, *, confidence_level=0.95) -> Effect:
    """Return the difference among all assigned if, given the covariates, answering does not depend on the outcome.

    Each known outcome is weighted by one over its modelled chance to be known (logistic regression within the
    arm). The standard error treats the weights as known, which is conservative for a correct model.

    Parameters
    ----------
    control, treatment : array, shape (n, 1 + k), one row a unit
        The outcome (nan where unknown), then the covariates, without missing values.
    confidence_level : float, 0.5 to 1

    Returns
    -------
    Effect: nan with a reason without covariates, or where an arm has under 20 known outcomes.

    Notes
    -----
    In each arm: w = 1 / modelled chance to be known; y = Σ w Y / Σ w over the known outcomes Y;
    v = Σ (w (Y - y))² / (Σ w)². d = y₁ - y₀; interval d ± z · √(v₁ + v₀).

    References
    ----------
    Seaman and White (2013), Review of inverse probability weighting for dealing with missing data.
    """
    told = {"method": "inverse probability of response weights", "confidence_level": confidence_level}
    if control.shape[1] < 2:
        return Effect(method=told["method"], reason="no weights: the plan names no covariates")
    if min(np.count_nonzero(~np.isnan(arm[:, 0])) for arm in (control, treatment)) < 20:
        return Effect(method=told["method"], reason="no weights: an arm has fewer than 20 known outcomes")
    values, errors = zip(*(_weigh_known(arm[:, 0], arm[:, 1:]) for arm in (control, treatment)), strict=True)
    return build_effect(values[1] - values[0], math.hypot(*errors), None, values=values, **told)


def _weigh_known(y, covariates):
    """Mean and standard error of the known outcomes, each weighted by one over its chance to be known."""
    known, weights = ~np.isnan(y), np.ones(len(y))
    fit = None if known.all() else _model_chances(known, _design(covariates))
    if fit:
        weights = 1 / np.clip(fit[0], 0.01, 1)
    y, weights = y[known], weights[known]
    mean = float(np.average(y, weights=weights))
    return mean, float(np.sqrt(np.sum((weights * (y - mean)) ** 2)) / weights.sum())
