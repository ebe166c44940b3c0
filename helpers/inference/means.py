"""Means compared after adjustment for covariates, by permutation, and between several groups at once."""

from dataclasses import replace

import numpy as np
from scipy.stats import chi2, norm

from helpers.inference.effects import (
    NO_VARIATION,
    TOO_FEW,
    Pair,
    compare_means,
    compare_ratios,
    difference,
    find_reason,
    relative_lift,
    satterthwaite,
)
from helpers.inference.proportions import relative_lift_risk, risk_difference
from helpers.plan import Metric
from helpers.records import NAN, Effect, Moments

FLAT_ARM = "the outcome does not vary in an arm, so an adjusted interval would be too narrow"


def adjust_means(control: Moments, treatment: Moments) -> Pair:
    """Return the means of two arms, each adjusted to the covariates' means over both by a slope of its own.

    Fully interacted regression: never less precise than the plain means in large samples, whatever the true
    relation. The pair's covariance carries what both values share, the covariates' overall mean.
    A covariate that says nothing beyond those before it, in either arm, is left out, and named in `left_out`.

    Parameters
    ----------
    control, treatment : Moments
        Of the outcome, then the covariates; missing covariates filled, with an indicator.

    Returns
    -------
    Pair: `variance_reduction` is 1 - adjusted / plain variance of the difference (below 0 when covariates cost
    more than they explain); with a reason when an arm has no more units than covariates + 2, or does not vary.

    References
    ----------
    Lin 2013, Annals of Applied Statistics 7: 295-318; Negi & Wooldridge 2021, Econometric Reviews 40: 504-534.
    """
    arms, plain = (control, treatment), compare_means(control, treatment)
    kept = find_independent(*(m.cov[1:, 1:] for m in arms))
    plain = replace(plain, left_out=tuple(name for k, name in enumerate(control.names[1:]) if k not in kept))
    if plain.reason:
        return plain
    plain = replace(plain, method="lin", variance_reduction=0.0)
    if not kept:
        return plain
    reason = f"an arm has too few units for {len(kept)} covariates" if min(m.n for m in arms) < len(kept) + 3 else None
    if reason or min(m.variance for m in arms) == 0:
        return replace(plain, var_control=NAN, var_treatment=NAN, df=NAN, reason=reason or FLAT_ARM)
    columns, sizes, total = [k + 1 for k in kept], np.array([m.n for m in arms]), control.n + treatment.n
    covs = [m.cov[np.ix_(columns, columns)] for m in arms]
    spread = sum((m.n - 1) * cov for m, cov in zip(arms, covs, strict=True)) / (total - 2)
    overall = sizes @ np.array([m.mean[columns] for m in arms]) / total
    values, own, common, slopes = [], [], [], []
    for m, cov in zip(arms, covs, strict=True):
        (b, residual), gap = regress(m, kept), m.mean[columns] - overall
        leverage = gap @ np.linalg.solve(cov, gap) / (m.n - 1)
        values.append(m.value - b @ gap)
        own.append(residual * (1 / m.n + float(leverage)))  # given the covariates: the mean's own, and the slopes'
        common.append(float(b @ spread @ b) / total)
        slopes.append(b)
    shared = float((slopes[1] - slopes[0]) @ spread @ (slopes[1] - slopes[0])) / total
    dofs = [m.n - 1 - len(kept) for m in arms]
    return replace(
        plain,
        control=values[0],
        treatment=values[1],
        var_control=own[0] + common[0],
        var_treatment=own[1] + common[1],
        covariance=float(slopes[1] @ spread @ slopes[0]) / total,
        df=satterthwaite(*zip(own, dofs, strict=True), (shared, total - 1)),
        variance_reduction=1 - (sum(own) + shared) / plain.variance,
        reason=find_reason((control.n, treatment.n), own, values),
    )


def regress(moments: Moments, kept) -> tuple[np.ndarray, float]:
    """Return the slopes of the first column on some of the others, and the residual variance.

    Parameters
    ----------
    moments : Moments
    kept : list of int
        Positions among the covariates (0 is the second column) that are linearly independent.

    Returns
    -------
    tuple: slopes, shape (len(kept),), and the residual variance with divisor n - 1 - len(kept).
    """
    columns = [0, *(k + 1 for k in kept)]
    scale = np.sqrt(np.diag(moments.cov)[columns])
    scale = np.where(scale > 0, scale, 1.0)
    correlation = moments.cov[np.ix_(columns, columns)] / np.outer(scale, scale)
    slopes = np.linalg.solve(correlation[1:, 1:], correlation[1:, 0])
    share = max(float(correlation[0, 0] - slopes @ correlation[1:, 0]), 0.0)
    freedom = (moments.n - 1) / (moments.n - 1 - len(kept))
    return slopes * scale[0] / scale[1:], share * scale[0] ** 2 * freedom


def find_independent(*covariances, tolerance=1e-10) -> list[int]:
    """Return the positions of the columns that say something beyond those before them, in every matrix.

    Parameters
    ----------
    covariances : arrays, shape (k, k), of the same columns
    tolerance : float
        Smallest share of a column's variance that those before it must leave unexplained.

    Returns
    -------
    list of int: in the columns' order, so which of two equal columns stays does not depend on the data.
    """
    kept = []
    for column in range(len(covariances[0])):
        if all(_unexplained(cov, kept, column) > tolerance for cov in covariances):
            kept.append(column)
    return kept


def _unexplained(cov, kept, column):
    variances = np.diag(cov)[[*kept, column]]
    if not variances[-1] > 0:
        return 0.0
    scaled = cov[np.ix_([*kept, column], [*kept, column])] / np.sqrt(np.outer(variances, variances))
    return 1.0 - float(scaled[-1, :-1] @ np.linalg.solve(scaled[:-1, :-1], scaled[:-1, -1]))


_SKEWNESS_FACTOR = 355
_DOUBLINGS = 40
_HALVINGS = 50


def needs_permutation(n_by_arm, shares, skewness) -> bool:
    """Return whether a t interval is not to be trusted: an unequal split planned, and too few units for the skewness.

    Parameters
    ----------
    n_by_arm : dict of int, units with a known outcome by arm
    shares : dict of float, planned share by arm, or None when the split is unknown
        None is no planned split, so the answer is no.
    skewness : float, of the outcome pooled over the arms
        nan gives no.

    Returns
    -------
    bool: a planned share differs from another and the smallest arm has at most 355 x skewness^2 units.

    References
    ----------
    Kohavi, Deng, Longbotham & Xu 2014, KDD: 1857-1866, rule 7 (the factor 355).
    """
    unequal = shares is not None and not np.allclose(list(shares.values()), next(iter(shares.values())), rtol=1e-9)
    return bool(unequal and min(n_by_arm.values()) <= _SKEWNESS_FACTOR * skewness**2)


def permutation_difference(control, treatment, *, rng, n_resamples=4999, confidence_level=0.95) -> Effect:
    """Return the difference of two means with the studentised permutation test and its inverted interval.

    Exact when the arms have one distribution, and valid in large samples when only their means agree. The interval
    holds the shifts of the treatment arm that the same permutations do not reject. It agrees with the p-value.

    Parameters
    ----------
    control, treatment : arrays, one value a unit
        A missing or infinite value gives nan with a reason.
    rng : numpy.random.Generator
    n_resamples : int
        Permutations drawn; the smallest p-value is 1 / (n_resamples + 1).
    confidence_level : float

    Returns
    -------
    Effect: in the outcome's unit; `std_error` is Welch's. The interval is nan with a reason when so few units
    cannot reject any shift.

    References
    ----------
    Janssen 1997, Statistics & Probability Letters 36: 9-21; Chung & Romano 2013, Annals of Statistics 41: 484-507.
    """
    arms = [np.asarray(values, float) for values in (control, treatment)]
    values = [float(arm.mean()) if len(arm) else NAN for arm in arms]
    shared = {"method": "permutation", "control_value": values[0], "treatment_value": values[1]}
    shared["estimate"] = estimate = values[1] - values[0]
    if min(map(len, arms)) < 2:
        return Effect(reason=TOO_FEW, **shared)
    if not np.isfinite(np.concatenate(arms)).all():
        return Effect(reason="a value is missing or infinite", **shared)
    if sum(arm.var() for arm in arms) == 0:
        return Effect(reason=NO_VARIATION, **shared)
    sums, total, sizes = _draw(*arms, rng, n_resamples)

    def p_value(shift):
        observed = _statistic(total[1], total[0] - total[1], sizes, shift)
        drawn = _statistic(sums, total[0] - sums, sizes, shift)
        at_least = np.count_nonzero(~(abs(drawn) < abs(observed) * (1 - 1e-9)))  # undefined counts as extreme
        return float((1 + at_least) / (1 + len(sums)))

    alpha, p, reason = 1 - confidence_level, p_value(0.0), None
    error = float(np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms)))
    low, high = (_invert(p_value, alpha, estimate, p > alpha, side * error) for side in (-1, 1))
    if not np.isfinite([low, high]).all():
        low, high, reason = NAN, NAN, "so few units cannot reject any shift at this confidence level"
    return Effect(std_error=error, ci_low=low, ci_high=high, p_value=p, reason=reason, **shared)


def _draw(control, treatment, rng, n_resamples):
    """Sums over the permuted treatment arm, one row a permutation: value, value^2, was treated, value if treated.

    A unit with the most frequent value (zeros, in money) is only counted, not drawn; that is many times faster.
    """
    values = np.concatenate([control, treatment])
    values = values - values.mean()
    treated = np.repeat([0.0, 1.0], [len(control), len(treatment)])
    unique, counts = np.unique(values, return_counts=True)
    common = values == unique[counts.argmax()]
    rows = np.column_stack([values, values**2, treated, values * treated])
    classes = [common & (treated == 0), common & (treated == 1), ~common]
    drawn = rng.multivariate_hypergeometric([int(c.sum()) for c in classes], len(treatment), size=n_resamples)
    sums = sum(drawn[:, [k]] * rows[classes[k]][:1].sum(axis=0) for k in (0, 1))
    rest = rows[~common]
    for row, size in zip(sums, drawn[:, 2], strict=True):
        row += rest[rng.choice(len(rest), size, replace=False, shuffle=False)].sum(axis=0) if size else 0
    total = np.array([rows.sum(axis=0), rows[treated == 1].sum(axis=0)])
    return sums, total, (len(treatment), len(control))


def _statistic(first, second, sizes, shift):
    """Studentised difference of two groups after the treated units' values are lowered by the shift."""
    means, variances = [], []
    for group, n in zip((first, second), sizes, strict=True):
        value, square, treated, product = np.moveaxis(group, -1, 0)
        total = value - shift * treated
        squares = square - 2 * shift * product + shift**2 * treated
        means.append(total / n)
        variances.append(np.maximum(squares - total**2 / n, 0) / (n - 1) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (means[0] - means[1]) / np.sqrt(variances[0] + variances[1])


def _invert(p_value, alpha, estimate, holds_zero, step):
    """Find the shift, on the side of the step's sign, where the p-value falls to alpha; inf when it never does.

    Zero is a known point of the search, so that interval and test agree.
    """
    towards_zero = estimate * step < 0
    inside, outside = (0.0, step) if towards_zero and holds_zero else (estimate, estimate + step)
    if towards_zero and not holds_zero:
        outside = 0.0
    for _ in range(_DOUBLINGS):
        if p_value(outside) <= alpha:
            break
        inside, outside = outside, outside + 2 * (outside - inside)
    else:
        return np.inf
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_value(middle) > alpha else (inside, middle)
    return (inside + outside) / 2


def compare_arms(metric: Metric, control: Moments, treatment: Moments, *, confidence_level=0.95) -> Effect:
    """Return the difference of one metric between two arms, from moments.

    Binary metrics get Miettinen-Nurminen; ratios, rates, and everything that is randomised by cluster, the delta
    method at the randomised unit; outcomes beside covariates the adjustment of Lin (2013); all other means Welch.

    Parameters
    ----------
    metric : Metric
        Its kind decides the method.
    control, treatment : Moments
        Of the outcome, of (outcome, covariates), or of (numerator, denominator) for ratios and clusters; unknown
        outcomes are not in them.
    confidence_level : float, 0.5 to 1

    Returns
    -------
    Effect: fields are nan with a reason when an arm is too small.

    Raises
    ------
    ValueError: the metric is no mean (a quantile, an ordered score, a time to an event), which moments cannot tell.
    """
    if not metric.is_mean:
        raise ValueError("moments compare means only; a quantile, an order or a time needs rows or counts")
    if metric.kind == "binary" and control.names == ("y",):
        return risk_difference(*_count(treatment), *_count(control), confidence_level=confidence_level)
    return difference(pair_arms(control, treatment), confidence_level=confidence_level)


def lift_arms(metric: Metric, control: Moments, treatment: Moments, *, confidence_level=0.95, like=None) -> Effect:
    """Return the relative lift of one metric between two arms, from the same test as the difference.

    Parameters
    ----------
    metric, control, treatment, confidence_level : as for `compare_arms`
    like : Effect, optional
        The difference that decides instead (by permutation, at an interim look); the lift follows it.

    Returns
    -------
    Effect: the score ratio of two shares, else Fieller's; an NPS has no lift and is not to be asked for one.
    """
    if metric.kind == "binary" and control.names == ("y",) and like is None:
        return relative_lift_risk(*_count(treatment), *_count(control), confidence_level=confidence_level)
    return relative_lift(pair_arms(control, treatment), confidence_level=confidence_level, like=like)


def pair_arms(control: Moments, treatment: Moments) -> Pair:
    """Return two arms' values with their variances, by the method that the moments are made for."""
    if control.names[0] == "num":
        return compare_ratios(control, treatment)
    return adjust_means(control, treatment) if len(control.names) > 1 else compare_means(control, treatment)


def _count(moments):
    return round(moments.value * moments.n) if moments.n else 0, moments.n


def measure_trend(positions, effects, precision) -> tuple[float, float]:
    """Return the standard normal statistic of a linear trend of effects, and its two-sided p-value.

    Parameters
    ----------
    positions, effects : array, shape (k,)
    precision : array, shape (k,), one over each effect's squared standard error
    """
    centred = positions - np.average(positions, weights=precision)
    spread = float(np.sum(precision * centred**2))
    z = float(np.sum(precision * centred * effects)) / spread**0.5
    return z, float(2 * norm.sf(abs(z)))


def measure_interaction(positions, effects, precision) -> tuple[float, float]:
    """Return Cochran's Q, the weighted squares of effects around their mean, and its p-value (chi-square, k - 1).

    Cochran 1954, Biometrics 10: 101-129. As for `measure_trend`, but no position is read.
    """
    q = float(np.sum(precision * (effects - np.average(effects, weights=precision)) ** 2))
    return q, float(chi2.sf(q, len(effects) - 1))
