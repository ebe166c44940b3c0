"""Takers beside others, the effect of the offer in compliers, and those who answered beside all."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit, stdtr, stdtrit

from helpers.inference import means
from helpers.inference.contrasts import count_events, e_value, risk_difference, score_limits, share_ratio
from helpers.inference.decisions import Comparison, label_effect, list_comparisons
from helpers.inference.means import build_effect, compare_means, find_independent, measure_columns, merge_moments
from helpers.records import NAN, TAKE_UP, Effect, Estimate, Moments, Results

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


WEAK_F = 10.0
NO_FIRST_STAGE = "take-up is the same in both arms, so the offer says nothing about taking"
TOO_FEW_KNOWN = "an arm has fewer than two units with outcome and take-up known"
ALL_COMPLY = "Everybody takes it up in one arm and nobody in the other: the offer and taking are the same thing."
NOBODY_ELSE = "Nobody takes it up without the offer: non-compliance is one-sided, and takers are the compliers."
EVERYBODY = "Everybody takes it up with the offer: non-compliance is one-sided."
BOTH_SIDES = "Non-compliance is on both sides: some take it up without the offer, and some do not with it."
TAKERS = "takers - others"


def complier_effect(arms, *, confidence_level: float = 0.95) -> Effect:
    """Return the complier average causal effect: the offer's effect on the outcome over its effect on take-up.

    The effect of taking (taker minus not) on units that take because of the offer, whichever arm has more
    take-up. It needs that the offer works only through taking and discourages nobody. Interval by the delta
    method; do not rely on it when `first_stage` is weak: use `anderson_rubin`.

    Parameters
    ----------
    arms : pair of Moments of outcome and take-up, control and treatment; units that lack one are not in them
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: with Welch-Satterthwaite degrees of freedom; `treatment_value` and `control_value` are the compliers'
        mean outcome with and without taking (implied means, which chance or a failed assumption can push out of
        the possible range); nan with a reason when take-up does not differ or an arm has fewer than two units.

    Notes
    -----
    b = (ȳ₁ - ȳ₀) / (x̄₁ - x̄₀), x = taken; standard error √var(d(y) - b d(x)) / |d(x)|, d = treatment minus control.

    References
    ----------
    Imbens and Angrist (1994), Identification and estimation of local average treatment effects; Bloom (1984).
    """
    told = {"method": "wald ratio, delta", "confidence_level": confidence_level}
    if min(arm.n for arm in arms) < 2:
        return Effect(method=told["method"], reason=TOO_FEW_KNOWN)
    gap, cov = _contrast(arms)
    if gap[1] == 0:
        return Effect(method=told["method"], reason=NO_FIRST_STAGE)
    effect, variance = means.linearise(gap, cov)
    products = [float(arm.cov[0, 1] * (arm.n - 1) / arm.n + arm.mean[0] * arm.mean[1]) for arm in arms]
    taking, df = (products[1] - products[0]) / float(gap[1]), _welch_df(arms, np.array([1.0, -effect]))
    return build_effect(effect, math.sqrt(variance), df, values=(taking - effect, taking), **told)


def anderson_rubin(arms, *, confidence_level: float = 0.95) -> Effect:
    """Return the complier effect with its Anderson-Rubin confidence set, right however weak the take-up is.

    The set holds every effect b for which the arms do not differ in y - b x taken (Welch variances, the degrees
    of freedom of the intention-to-treat test, so that the set leaves out 0 exactly when that test rejects).

    Parameters
    ----------
    arms : tuple of Moments, as for `complier_effect`
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: `p_value` is that of intention to treat; `ci_low`, `ci_high` where the set is one interval; otherwise
        they are nan, `reason` says so and `ci_set` holds two rays, one ray, the whole line, or nothing.

    Notes
    -----
    The set is every b with (d(y) - b d(x))² ≤ t(ν)² · var(d(y) - b d(x)): x = taken, d = treatment minus control.

    References
    ----------
    Anderson and Rubin (1949); Fieller (1954); Andrews, Stock and Sun (2019), section 5.
    """
    found = complier_effect(arms, confidence_level=confidence_level)
    values = {"control_value": found.control_value, "treatment_value": found.treatment_value}
    point = Effect(found.estimate, method="anderson-rubin", reason=found.reason, **values)
    if min(arm.n for arm in arms) < 2:
        return point
    (gap, cov), df = _contrast(arms), _welch_df(arms, np.array([1.0, 0.0]))
    if not cov[0, 0] > 0:
        return replace(point, reason=point.reason or means.NO_SPREAD)
    found = _solve(gap, cov, float(-stdtrit(df, (1 - confidence_level) / 2)))
    p = float(2 * stdtr(df, -abs(gap[0]) / math.sqrt(cov[0, 0])))
    if len(found) == 1 and None not in found[0]:
        return replace(point, df=df, p_value=p, ci_low=found[0][0], ci_high=found[0][1])
    return replace(point, df=df, p_value=p, ci_set=found, reason=point.reason or _describe(found))


def first_stage(arms) -> dict[str, float | str]:
    """Return how strongly the offer moves take-up, and one sentence about who does not comply.

    Parameters
    ----------
    arms : tuple of Moments, as for `complier_effect`

    Returns
    -------
    dict: `take_up_control` and `take_up_treatment` (shares), `first_stage_f` (the squared t of their difference; inf
        when everybody complies, nan when an arm has fewer than two units), and `note`, which says where F is below 10
        that the delta interval of the complier effect misleads.

    References
    ----------
    Staiger and Stock (1997): a first-stage F below 10 is weak.
    """
    shares = dict(zip(("take_up_control", "take_up_treatment"), (float(arm.mean[1]) for arm in arms), strict=True))
    if min(arm.n for arm in arms) < 2:
        return dict.fromkeys(shares, NAN) | {"first_stage_f": NAN, "note": f"Not tested: {TOO_FEW_KNOWN}."}
    gap, cov = _contrast(arms)
    f = float(gap[1] ** 2 / cov[1, 1]) if cov[1, 1] > 0 else (math.inf if gap[1] else NAN)
    note = NOBODY_ELSE if 0 in shares.values() else EVERYBODY if 1 in shares.values() else BOTH_SIDES
    note += "" if f >= WEAK_F else " The offer moves take-up weakly: trust the Anderson-Rubin set only."
    return {**shares, "first_stage_f": f, "note": ALL_COMPLY if f == math.inf else note}


def _contrast(arms):
    control, treatment = arms
    return treatment.mean - control.mean, control.cov / control.n + treatment.cov / treatment.n


def _welch_df(arms, weights):
    return means.satterthwaite(*((float(weights @ arm.cov @ weights) / arm.n, arm.n - 1) for arm in arms))


def _solve(gap, cov, t):
    """Return the set of b with (gap_y - b gap_taken)^2 <= t^2 var(y - b taken), where that of y is above 0."""
    scale = math.sqrt(cov[0, 0])  # b in units of the outcome's standard error: no overflow, one tolerance
    y, d, yd, dd = gap[0] / scale, gap[1], cov[0, 1] / scale, cov[1, 1]
    parts = means.solve_set(d * d - t * t * dd, y * d - t * t * yd, y * y - t * t)
    return means.open_ends([(scale * low, scale * high) for low, high in parts])


def _describe(found):
    if not found:
        return "no effect of taking fits: the arms differ in the outcome and not at all in take-up"
    if found == ((None, None),):
        return "any effect of taking fits: the offer moves take-up too little"
    rays = "two rays" if len(found) == 2 else "one ray"
    return f"the confidence set is {rays}, not an interval: the offer moves take-up too little"


def study_uptake(material) -> tuple[list[Estimate], pd.DataFrame]:
    """Return the contrasts of takers with others and of the treatment with outside groups, and how strong the offer is.

    Naive, adjusted and weighted rows compare unlike people: the naive one is exploratory, the others sensitivity.
    The complier average causal effect rests on the exclusion restriction. All are the effect of taking.

    Parameters
    ----------
    material : Material

    Returns
    -------
    list of Estimate: estimands `naive`, `ratio` (of two shares) and `cace`, of primary and secondary metrics; empty for
        all that is no plain mean (ratios, rates, quantiles, ordered scores) and clusters, above the limit of row-level
        methods, and where the plan names neither an exposure nor an observational group, or the log lacks the take-up.
    DataFrame: one row such a binary metric and treatment: take-up in both arms, first-stage F, what it means in words,
        the risk ratio of takers to others as the contrast that is shown has it, adjusted where there are covariates
        (`adjustment`), with its E-values, and the overlap diagnostics of the weighted contrast.
        Empty without an exposure.
    """
    design, found, table = material.design, [], []
    is_heard = design.exposure is not None and TAKE_UP not in material.not_estimable
    for comparison in [c for c in list_comparisons(design, "primary", "secondary") if c.is_with_control]:
        rows = _read_rows(comparison, material, comparison.control) if is_heard else None
        if rows is not None:
            against = f"{TAKERS} ({comparison.treatment})" if len(design.variant.treatments) > 1 else TAKERS
            labels, rows = {"against": against, "interval": material.look.interval}, rows.dropna(subset=["taken"])
            contrasts, overlap = _associate(comparison, rows, material, population="as_treated", **labels)
            pairs = (rows.loc[rows["assigned"] == arm, ["y", "taken"]].to_numpy(float) for arm in (0, 1))
            arms = [measure_columns(pair, ("y", "taken")) for pair in pairs]
            labels |= {"estimand": "cace", "population": "compliers", "n_control": arms[0].n, "n_treatment": arms[1].n}
            for estimator, role in ((complier_effect, "exploratory"), (anderson_rubin, "sensitivity")):
                effect = material.at_look(comparison, estimator(arms, confidence_level=comparison.level))
                contrasts.append(label_effect(comparison, effect, role=role, family="", **labels))
            found += contrasts
            if comparison.metric.how.is_share:
                about = {"metric": comparison.name, "comparison": comparison.label, **first_stage(arms)}
                about |= {"size_control": arms[0].n, "size_treatment": arms[1].n}
                table.append({**about, **_doubt(contrasts, overlap)})
        for group in design.variant.observational:
            rows = _read_rows(comparison, material, group)
            if rows is not None:
                rows = rows.assign(assigned=1, taken=(rows["variant"] == comparison.treatment).astype(float))
                against = Comparison(design, comparison.name, group, comparison.treatment)
                labels = {"population": "observational", "against": against.label, "interval": material.look.interval}
                found += _associate(against, rows, material, **labels)[0]
    return found, pd.DataFrame(table)


def _doubt(contrasts, overlap):
    """How strong an unknown cause would have to be to explain the association that is shown: the adjusted one."""
    shown = next(e for e in contrasts if e.estimand == "ratio")
    found, *ends = shown.estimate, shown.ci_low, shown.ci_high
    for e in contrasts:
        if e.adjustment == "covariates" and math.isfinite(e.ci_low) and e.control_value > 0:
            shown, (found, *ends) = e, (1 + x / e.control_value for x in (e.estimate, e.ci_low, e.ci_high))
    needed = e_value(found, ends[0] if found > 1 else ends[1])
    row = {"risk_ratio": found, "adjustment": shown.adjustment, "e_value": needed[0], "e_value_limit": needed[1]}
    return row | {key: getattr(overlap, key, NAN) for key in ("effective_size", "share_outside")}


def select_contrasts(results: Results, metric: str) -> tuple[Estimate, ...]:
    """Return the answers to "what does it do?" in the order that shows the illusion and its cure.

    Parameters
    ----------
    results : Results
    metric : str

    Returns
    -------
    tuple of Estimate, of the first treatment that has such answers: naive, adjusted and weighted associations, then
        all assigned, then compliers, all in the direction of the offer; empty where the plan names neither an exposure
        nor an observational group.
    """
    found = [e for e in results.select(metric=metric, segment=None, at=None) if e.estimand in ("naive", "cace")]
    if not found:
        return ()
    found = [e for e in found if e.treatment == found[0].treatment]
    fair = results.headline(metric, treatment=found[0].treatment)[:1]
    naive, cace = ([e for e in found if e.estimand == kind] for kind in ("naive", "cace"))
    if cace and fair and cace[0].estimate * fair[0].estimate < 0:  # the treatment takes the offer away
        arms = fair[0].control, fair[0].treatment
        fair = (fair[0].turn().but(id=f"{fair[0].id}:reversed", comparison=" - ".join(arms)),)
    return (*naive, *fair, *cace)


def _read_rows(comparison, material, against):
    """The treatment and the group it is held against, outcome known; None for all but plain means that may decide."""
    is_asked = comparison.metric.how.takes_covariates and comparison.name not in material.not_estimable
    if not is_asked or comparison.design.cluster is not None or material.rows is None:
        return None
    rows = material.rows.rename(columns={f"y_{comparison.name}": "y", "exposed": "taken"})
    rows = rows[rows["variant"].isin([against, comparison.treatment])].dropna(subset=["y"])
    return rows.assign(assigned=(rows["variant"] == comparison.treatment).astype(int))


def _associate(comparison, rows, material, **labels):
    """The contrasts of takers with others, and how far the weighted one has comparable units."""
    overlap, covariates, level = None, list(material.units.covariates), {"confidence_level": comparison.level}
    y, taken, values = read_offered(rows, covariates)
    labels |= {"n_control": int((~taken).sum()), "n_treatment": int(taken.sum())}
    decides, beside = {"role": "exploratory", "family": ""}, {"estimand": "naive", "role": "sensitivity"}
    found = [(naive_contrast(y, taken, **level), {**decides, "estimand": "naive"})]
    if comparison.metric.how.is_share:  # the share of takers over that of others
        ratio = share_ratio(y[taken].sum(), taken.sum(), y[~taken].sum(), (~taken).sum(), **level)
        found.append((ratio, {**decides, "estimand": "ratio"}))
    if covariates:
        found.append((adjusted_contrast(y, taken, values, **level), {**beside, "adjustment": "covariates"}))
        effect, overlap = weighted_contrast(y, taken, values, **level)
        found.append((effect, {**beside, "adjustment": "weights"}))
    return [label_effect(comparison, material.at_look(comparison, e), **labels, **more) for e, more in found], overlap
