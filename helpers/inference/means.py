"""Two arms as two values with their sampling variances: plain, as ratios, adjusted, permuted; and one interval."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit  # scipy.stats takes a hundred times as long

from helpers.records import NAN, Effect, Moments

TOO_FEW = "an arm has fewer than 2 units with a known outcome"
FEW_CLUSTERS = TOO_FEW.replace("units", "clusters")
NO_VARIATION = "the outcome does not vary in either arm, so nothing can be tested"
HELD = "one unit holds most of a denominator, so nothing can be tested"
NO_SPREAD = "no interval: nothing varies within the groups"
UNDEFINED = "a mean or a variance is undefined"
ROUNDING = 1e-12  # share of the variance of two sums below which their difference is the rounding of floats
LEAST_OWN = 1e-10  # share of a column's variance that those before it must leave unexplained
UNBOUNDED = "the control value is not clearly above 0, so the lift's confidence set is unbounded"


@dataclass(frozen=True)
class Pair:
    """The values of two arms, how sure they are, and the degrees of freedom of their difference.

    `var_control` and `var_treatment` are squared standard errors; `covariance` that of the two values (0 unless
    they share covariates); `variance_reduction` the share of the variance that covariates remove (nan without);
    `left_out` the covariates that repeat others and so were not used; `reason` says why there is no test, and then
    the variances may be nan.
    """

    control: float
    treatment: float
    var_control: float
    var_treatment: float
    covariance: float = 0.0
    df: float = NAN
    n_control: int = 0
    n_treatment: int = 0
    method: str = "welch"
    variance_reduction: float = NAN
    reason: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def variances(self) -> tuple[float, float]:
        """Squared standard errors of both values, control first."""
        return self.var_control, self.var_treatment

    @property
    def variance(self) -> float:
        """Squared standard error of the difference."""
        return self.var_control + self.var_treatment - 2 * self.covariance


def measure_columns(columns, names=("y",), *, missing=0) -> Moments:
    """Return the moments of columns without missing values.

    Parameters
    ----------
    columns : array, shape (n, k)
    names : tuple of str, length k
    missing : int, units left out for an unknown outcome
    """
    n = len(columns)
    mean = columns.sum(axis=0) / n if n else np.full(len(names), NAN)
    centred = columns - mean
    cov = centred.T @ centred / (n - 1) if n > 1 else np.full((len(names), len(names)), NAN)
    return Moments(tuple(names), n, mean, cov, missing)


def merge_moments(first: Moments | None, second: Moments) -> Moments:
    """Return the moments of two groups together.

    Parameters
    ----------
    first : Moments or None
        None is an empty group.
    second : Moments
        Of the same columns.

    Returns
    -------
    Moments: skewness is nan, which merging would need third moments for.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance.
    """
    if first is None or first.n == 0:
        return second
    if second.n == 0:
        return first
    n, gap = first.n + second.n, second.mean - first.mean
    within = sum((m.n - 1) * m.cov for m in (first, second) if m.n > 1)
    cov = (within + gap[:, None] * gap * (first.n * second.n / n)) / (n - 1)
    return Moments(first.names, n, first.mean + gap * (second.n / n), cov, first.missing + second.missing)


def compare_means(control: Moments, treatment: Moments) -> Pair:
    """Return the means of the first column in two arms with their variances, unequal ones allowed.

    Parameters
    ----------
    control, treatment : Moments
        Of the outcome; units with an unknown outcome are not in them.

    Returns
    -------
    Pair: in the outcome's unit; with a reason when an arm has fewer than 2 units or nothing varies.

    Notes
    -----
    In each arm: y = mean of the known outcomes, v = s² / n. Together: variance v₁ + v₀,
    ν = (v₁ + v₀)² / (v₁² / (n₁ - 1) + v₀² / (n₀ - 1)).

    References
    ----------
    Welch 1947, Biometrika 34: 28-35; Satterthwaite 1946, Biometrics Bulletin 2: 110-114.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = (Moments(("y",), 4, np.array([m]), np.array([[4.0]])) for m in (10.0, 12.0))
    >>> pair = compare_means(low, high)
    >>> pair.variance, round(pair.df, 6)
    (2.0, 6.0)
    """
    values, sizes = [m.value for m in (control, treatment)], (control.n, treatment.n)
    variances = [m.variance / m.n if m.n > 1 else NAN for m in (control, treatment)]
    reason = None if sum(variances) > 0 else NO_VARIATION
    if min(sizes) < 2:
        reason = TOO_FEW
    elif not all(map(math.isfinite, (*variances, *values))):
        reason = UNDEFINED
    df = NAN if reason else satterthwaite(*((v, n - 1) for v, n in zip(variances, sizes, strict=True)))
    return Pair(*values, *variances, df=df, n_control=control.n, n_treatment=treatment.n, reason=reason)


def compare_ratios(control: Moments, treatment: Moments) -> Pair:
    """Return the ratios of two sums in two arms with their delta-method variances at the randomised unit.

    For ratio metrics and for clusters (sum of the outcome over the sum of rows, one row a cluster). Few clusters of
    unequal size know less than they count: the degrees of freedom are those of the `effective_units`.

    Parameters
    ----------
    control, treatment : Moments
        Of two columns: numerator and denominator, one row a randomised unit.

    Returns
    -------
    Pair: ratio of the means; with a reason when a denominator's mean is not above 0, or an effective number is
    below 2.

    Notes
    -----
    In each arm: y = sum of numerators / sum of denominators, and with the mean denominator m
    v = (s²(num) - 2 y cov(num, den) + y² s²(den)) / (n m²). Together: variance v₁ + v₀,
    ν = (v₁ + v₀)² / (v₁² / (g₁ - 1) + v₀² / (g₀ - 1)) with g = n / (1 + s²(den) / m²).

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242 (delta method at the randomised unit).
    """
    if not (control.mean[1] > 0 and treatment.mean[1] > 0):
        told = {"n_control": control.n, "n_treatment": treatment.n, "reason": "a denominator is not above 0"}
        return Pair(NAN, NAN, NAN, NAN, method="delta", **told)
    sizes = [m.effective_units for m in (control, treatment)]
    sides = ((m.n, *linearise(m.mean, m.cov)) for m in (control, treatment))
    pair = compare_means(*(Moments(("y",), n, np.array([y]), np.array([[v]])) for n, y, v in sides))
    reason = pair.reason or (HELD if min(sizes) < 2 else None)
    df = NAN if reason else satterthwaite(*((v, n - 1) for v, n in zip(pair.variances, sizes, strict=True)))
    return replace(pair, method="delta", df=df, reason=reason)


def build_effect(estimate, error, df, *, values, method, confidence_level) -> Effect:
    """Return an effect with the interval and two-sided p-value of its standard error.

    Parameters
    ----------
    estimate, error : float
    df : float or None
        Degrees of freedom of Student's t; None is normal.
    values : pair of float, what stands for control and for treatment
    method : str
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: without interval and with a reason when the standard error is not above 0.
    """
    told = {"control_value": values[0], "treatment_value": values[1], "method": method}
    if not error > 0:
        return Effect(estimate, error, **told, reason=NO_SPREAD)
    tail, far = (1 - confidence_level) / 2, -abs(estimate) / error
    quantile, p = (ndtri(tail), ndtr(far)) if df is None else (stdtrit(df, tail), stdtr(df, far))
    reach = float(-quantile) * error
    return Effect(estimate, error, df, estimate - reach, estimate + reach, p_value=2 * float(p), **told)


def difference(pair: Pair, *, confidence_level=0.95) -> Effect:
    """Return the difference of two values, treatment minus control, with its t interval and test.

    Parameters
    ----------
    pair : Pair
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: in the outcome's unit; interval and p-value are nan, with the reason, where the pair has one.

    Notes
    -----
    d = y₁ - y₀; interval d ± t(ν) · √variance; p from |d| / √variance on Student's t with ν degrees of freedom.
    """
    told = {"values": (pair.control, pair.treatment), "method": pair.method, "confidence_level": confidence_level}
    error, df = (NAN, None) if pair.reason else (float(np.sqrt(pair.variance)), pair.df)
    effect = build_effect(pair.treatment - pair.control, error, df, **told)
    return replace(effect, reason=pair.reason) if pair.reason else effect


def relative_lift(pair: Pair, *, confidence_level=0.95, like: Effect | None = None) -> Effect:
    """Return the difference divided by the control value, with Fieller's confidence set.

    The set holds the lifts that the test of the difference does not reject, so lift and difference never
    contradict each other. Undefined unless the control value is above 0.

    Parameters
    ----------
    pair : Pair
    confidence_level : float
        Read only when `like` is left out.
    like : Effect, optional
        The difference that decides when it is not `difference(pair)`: permutation, always-valid or repeated. Its
        limits, in standard errors, replace the t quantile, and its p-value is the lift's.

    Returns
    -------
    Effect: lift (0.1 is +10 %). Where the set is not one interval, `ci_low` and `ci_high` are nan, `ci_set`
    lists its parts (None is an unbounded end) and `reason` says so. `std_error` is the delta method's, for display.

    Notes
    -----
    L = y₁ / y₀ - 1; the interval is every L with
    (y₁ - (1 + L) y₀)² ≤ t(ν)² · (v₁ + (1 + L)² v₀), less 2 (1 + L) · covariance where the arms share an adjustment.

    References
    ----------
    Fieller 1954, Journal of the Royal Statistical Society B 16: 175-185.
    """
    base = like or difference(pair, confidence_level=confidence_level)
    shared = {"control_value": pair.control, "treatment_value": pair.treatment, "df": base.df, "method": "fieller"}
    if not pair.control > 0:
        reason = pair.reason if np.isnan(pair.control) else "the control value is not above 0, so a lift is undefined"
        return Effect(reason=reason, **shared)
    lift = (pair.treatment - pair.control) / pair.control
    if np.isnan(base.ci_low) or np.isnan(base.ci_high):
        return Effect(estimate=lift, p_value=base.p_value, reason=base.reason, **shared)
    sets = []  # all L with (d - L c)^2 <= q^2 var(d - L c), where q is the distance of a limit in standard errors
    for limit in (base.ci_low, base.ci_high):
        squared = (base.estimate - limit) ** 2 / pair.variance
        middle = base.estimate * pair.control - squared * (pair.covariance - pair.var_control)
        verdict = limit * (2 * base.estimate - limit)  # d^2 - q^2 var(d), without cancellation: its sign is that on 0
        sets.append(solve_set(pair.control**2 - squared * pair.var_control, middle, verdict))
    # Fieller's set: below the lift by the lower limit of the difference, above it by the upper one
    here = [(lift, lift)]  # where a limit is equal to the estimate, up to rounding
    below = [(a, min(b, lift)) for a, b in sets[0] if a <= lift] or here
    above = [(max(a, lift), b) for a, b in sets[1] if b >= lift] or here
    parts = [*below[:-1], (below[-1][0], above[0][1]), *above[1:]]
    variance = pair.variance - 2 * lift * (pair.covariance - pair.var_control) + lift**2 * pair.var_control
    error = float(np.sqrt(variance)) / pair.control
    shared |= {"estimate": lift, "std_error": error, "p_value": base.p_value}
    if len(parts) == 1 and np.isfinite(parts[0]).all():
        return Effect(ci_low=parts[0][0], ci_high=parts[0][1], reason=base.reason, **shared)
    return Effect(ci_set=open_ends(parts), reason=UNBOUNDED, **shared)


def open_ends(parts) -> tuple:
    """Return the parts of a confidence set as `Effect.ci_set` holds them: None for an end that is not finite."""
    return tuple(tuple(end if np.isfinite(end) else None for end in part) for part in parts)


def satterthwaite(*parts) -> float:
    """Return the approximate degrees of freedom of a sum of independent variances.

    Each part is a pair (variance, degrees of freedom); nan when the variances sum to 0 or one is nan.
    """
    total = sum(variance for variance, _ in parts)
    return total**2 / sum(variance**2 / df for variance, df in parts if variance != 0) if total else NAN


def linearise(mean, cov) -> tuple[float, float]:
    """Return the ratio of two estimates and its variance by the delta method.

    `mean` and its covariance `cov` hold the numerator and the denominator first. What both sums leave of each other is
    0 where it is no more than their rounding: a price that no unit varies has no variance, whatever the price.
    """
    ratio = float(mean[0] / mean[1])
    (own, shared, *_), (_, other, *_), *_ = cov.tolist()
    left, whole = own - 2 * ratio * shared + ratio * ratio * other, own + ratio * ratio * other
    return ratio, (0.0 if left <= ROUNDING * whole else left) / float(mean[1]) ** 2


def solve_set(a, b, c) -> list[tuple[float, float]]:
    """Return all x with a x^2 - 2 b x + c <= 0: no, one or two pairs of ends, of which any may be infinite."""
    a, discriminant = np.float64(a), b**2 - a * c
    if a < 0 and discriminant <= 0:
        return [(-np.inf, np.inf)]
    if a == 0 == b:
        return [(-np.inf, np.inf)] if c <= 0 else []
    far = b + np.copysign(np.sqrt(max(discriminant, 0.0)), b)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = sorted((float(far / a), float(np.float64(c) / far)))
    return [(low, high)] if a >= 0 else [(-np.inf, low), (high, np.inf)]


RATE = "log rate ratio"


def rate_ratio(control: Moments, treatment: Moments, *, confidence_level=0.95) -> Effect:
    """Return the rate of events in treatment divided by that in control, where units differ in time at risk.

    The rate is all events over all time at risk; its variance comes from how units differ within each arm, so counts
    need not be Poisson and some units may have far more events than others. The interval is symmetric on the log
    scale. It tests the same thing as the difference of the rates, on another scale: near the limit one may be clear
    and the other not. The difference decides; this stands beside it.

    Parameters
    ----------
    control, treatment : Moments
        Of two columns, one row a randomised unit: events and time at risk.
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: 1 is no effect; `control_value` and `treatment_value` are the rates; `std_error` is on the ratio scale,
        for display. nan with a reason when an arm has no events, no time at risk or fewer than 2 units.

    Notes
    -----
    r = rate₁ / rate₀, rate = events / time at risk; interval exp(ln r ± t(ν) · √(v₁ / rate₁² + v₀ / rate₀²)),
    v of each rate by the delta method.

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242 (delta method at the randomised unit); Lin, Wei, Yang & Ying 2000, Journal
    of the Royal Statistical Society B 62: 711-730 (rates without a Poisson assumption).
    """
    pair = compare_ratios(control, treatment)
    values, shared = (pair.control, pair.treatment), {"method": RATE, "confidence_level": confidence_level}
    if pair.reason or min(values) <= 0:
        empty = "the control arm" if values[0] <= 0 else "the treatment arm"
        empty = "either arm" if max(values) <= 0 else empty
        reason = pair.reason or f"no unit of {empty} has an event, so a ratio of rates has no interval"
        return Effect(control_value=values[0], treatment_value=values[1], method=RATE, reason=reason)
    relative = [v / value**2 for v, value in zip(pair.variances, values, strict=True)]
    df = satterthwaite(*((v, arm.effective_units - 1) for v, arm in zip(relative, (control, treatment), strict=True)))
    log, error = float(np.log(pair.treatment / pair.control)), float(np.sqrt(sum(relative)))
    return exponentiate(build_effect(log, error, df, values=values, **shared))


def exponentiate(log: Effect) -> Effect:
    """Return the effect on a ratio from that on its logarithm; the standard error is the delta method's."""
    ratio, low, high = np.exp([log.estimate, log.ci_low, log.ci_high]).tolist()
    return replace(log, estimate=ratio, std_error=ratio * log.std_error, ci_low=low, ci_high=high)


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

    Notes
    -----
    In each arm the outcome is regressed on the covariates, which gives slopes b and residual variance s².
    y = mean outcome - b · (mean covariates in the arm - mean over both arms); d = y₁ - y₀;
    variance = Σ s² (1 / n + leverage) + (b₁ - b₀)' S (b₁ - b₀) / N, S the covariates' pooled covariance.

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
    columns, n, total = [0, *(k + 1 for k in kept)], np.array([m.n for m in arms]), control.n + treatment.n
    means, covs = (
        np.array(of) for of in zip(*((m.mean[columns], m.cov[columns][:, columns]) for m in arms), strict=True)
    )
    (slopes, residuals), gaps = regress(covs, n), means[:, 1:] - n @ means[:, 1:] / total
    spread = np.tensordot(n - 1, covs[:, 1:, 1:], 1) / (total - 2)
    leverage = (gaps * np.linalg.solve(covs[:, 1:, 1:], gaps[..., None])[..., 0]).sum(axis=1) / (n - 1)
    own = (residuals * (1 / n + leverage)).tolist()  # given the covariates: the mean's own, and the slopes'
    values = (means[:, 0] - (slopes * gaps).sum(axis=1)).tolist()
    (first, both), (_, second) = (slopes @ spread @ slopes.T / total).tolist()  # of the covariates' overall mean
    apart, dofs = slopes[1] - slopes[0], (n - 1 - len(kept)).tolist()
    shared = float(apart @ spread @ apart) / total
    return replace(
        plain,
        control=values[0],
        treatment=values[1],
        var_control=own[0] + first,
        var_treatment=own[1] + second,
        covariance=both,
        df=satterthwaite(*zip(own, dofs, strict=True), (shared, total - 1)),
        variance_reduction=1 - (sum(own) + shared) / plain.variance,
        reason=NO_VARIATION if sum(own) == 0 else None if sum(own) < math.inf else UNDEFINED,
    )


def regress(cov, n) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes of the first column on the others, and the residual variance.

    Parameters
    ----------
    cov : array, shape (..., 1 + k, 1 + k)
        Covariances of the outcome and of covariates that are linearly independent.
    n : int or array, shape (...), units

    Returns
    -------
    tuple of array: slopes, shape (..., k), and the residual variance with divisor n - 1 - k, shape (...).
    """
    scale = np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
    scale = np.where(scale > 0, scale, 1.0)
    correlation = cov / scale[..., :, None] / scale[..., None, :]
    slopes = np.linalg.solve(correlation[..., 1:, 1:], correlation[..., 1:, :1])[..., 0]
    share = np.maximum(correlation[..., 0, 0] - (slopes * correlation[..., 0, 1:]).sum(axis=-1), 0.0)
    freedom = (n - 1) / (n - cov.shape[-1])
    return slopes * scale[..., :1] / scale[..., 1:], share * scale[..., 0] ** 2 * freedom


def find_independent(*covariances) -> list[int]:
    """Return the positions of the columns that say something beyond those before them, in every matrix.

    Parameters
    ----------
    covariances : arrays, shape (k, k), of the same columns

    Returns
    -------
    list of int: in the columns' order, so which of two equal columns stays does not depend on the data.
    """
    rests = np.array(covariances, float)
    spread = np.sqrt(np.diagonal(rests, axis1=1, axis2=2))
    scale = np.where(spread > 0, spread, np.inf)
    rests /= scale[:, :, None] * scale[:, None, :]
    kept = []
    for column in range(rests.shape[1]):
        own = rests[:, column, column]
        if (own > LEAST_OWN).all():
            kept.append(column)
            rests -= rests[:, :, [column]] * rests[:, [column], :] / own[:, None, None]  # what the kept ones leave
    return kept


_SKEWNESS_FACTOR, _DOUBLINGS, _HALVINGS = 355, 40, 50
SHUFFLED = 400  # units that are shuffled in many permutations at once; of more, only those treated are drawn
AT_ONCE = 5_000  # permutations


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

    Notes
    -----
    T(δ) = (mean₁ - δ - mean₀) / √(s₁² / n₁ + s₀² / n₀); arms are shuffled R times;
    p(δ) = (1 + shuffles with |T| ≥ |T(δ) as observed|) / (1 + R); the interval is every δ with p(δ) > α.

    References
    ----------
    Janssen 1997, Statistics & Probability Letters 36: 9-21; Chung & Romano 2013, Annals of Statistics 41: 484-507.
    """
    arms = [np.asarray(values, float) for values in (control, treatment)]
    values = [float(arm.mean()) if len(arm) else NAN for arm in arms]
    shared = {"method": "permutation", "control_value": values[0], "treatment_value": values[1]}
    shared["estimate"] = values[1] - values[0]
    if min(map(len, arms)) < 2:
        return Effect(reason=TOO_FEW, **shared)
    if not np.isfinite(np.concatenate(arms)).all():
        return Effect(reason="a value is missing or infinite", **shared)
    if sum(arm.var() for arm in arms) == 0:
        return Effect(reason=NO_VARIATION, **shared)
    options = {"rng": rng, "n_resamples": n_resamples, "confidence_level": confidence_level}
    low, high, p = (float(found[0]) for found in permute_many(*(arm[None, :, None] for arm in arms), **options))
    error = float(np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms)))
    reason = None if np.isfinite(low) else "so few units cannot reject any shift at this confidence level"
    return Effect(std_error=error, ci_low=low, ci_high=high, p_value=p, reason=reason, **shared)


def permute_many(controls, treatments, *, rng, n_resamples, confidence_level):
    """Return lower limits, upper limits and p-values of `permutation_difference` of many experiments at once.

    Parameters
    ----------
    controls, treatments : arrays, shape (experiments, n, 1), of known values of which some differ
    rng, n_resamples, confidence_level : as there; permutations are drawn one experiment after the other

    Returns
    -------
    tuple of arrays, shape (experiments,): both limits nan where so few units cannot reject any shift.
    """
    controls, treatments = controls[:, :, 0], treatments[:, :, 0]
    drawn = [_draw(*pair, rng, n_resamples) for pair in zip(controls, treatments, strict=True)]
    sums, total = (np.array(part) for part in zip(*drawn, strict=True))
    sizes, alpha = (treatments.shape[1], controls.shape[1]), 1 - confidence_level
    observed = _contrast(total[:, 1:], total[:, :1] - total[:, 1:], sizes)
    resampled = _contrast(sums, total[:, :1] - sums, sizes)

    def find_p(shift):
        at = shift[:, None]  # by how much the treated units' values are lowered
        (gap, variance), (gaps, variances) = (
            (value - at * treated, (own * at - 2 * product) * at + square)
            for (value, treated), (square, product, own) in (observed, resampled)
        )
        # |T| below the observed one, both sides multiplied by the variances: undefined counts as extreme
        few = gaps**2 * variance < (gap * (1 - 1e-9)) ** 2 * variances
        return (1 + np.count_nonzero(~few, axis=1)) / (1 + n_resamples)

    estimates = treatments.mean(axis=1) - controls.mean(axis=1)
    errors = np.sqrt(sum(arms.var(axis=1, ddof=1) / arms.shape[1] for arms in (controls, treatments)))
    p = find_p(np.zeros(len(estimates)))
    low, high = (_invert(find_p, alpha, estimates, p > alpha, side * errors) for side in (-1, 1))
    unbounded = ~np.isfinite(low + high)
    return np.where(unbounded, NAN, low), np.where(unbounded, NAN, high), p


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
    if len(rest) <= SHUFFLED:
        for start in range(0, n_resamples, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            sums[part] += rng.permuted(np.arange(len(rest)) < drawn[part, 2:], axis=1) @ rest
    else:
        for row, size in zip(sums, drawn[:, 2], strict=True):
            row += rest[rng.choice(len(rest), size, replace=False, shuffle=False)].sum(axis=0)
    return sums, np.array([rows.sum(axis=0), rows[treated == 1].sum(axis=0)])


def _contrast(first, second, sizes):
    """Difference of the means of two groups, and its variance: what is in them of the shift's powers 0, 1 and 2."""
    gaps, variances = [], []
    for group, n in zip((first, second), sizes, strict=True):
        value, square, treated, product = np.moveaxis(group, -1, 0)
        squares = np.array([square - value**2 / n, product - value * treated / n, treated - treated**2 / n])
        gaps.append(np.array([value, treated]) / n)
        variances.append(squares / (n - 1) / n)
    return gaps[0] - gaps[1], sum(variances)


def _invert(find_p, alpha, estimates, holds_zero, steps):
    """Find the shifts, on the side of the steps' sign, where the p-value falls to alpha; inf where it never does.

    Zero is a known point of the search, so that interval and test agree.
    """
    towards_zero = estimates * steps < 0
    inside = np.where(towards_zero & holds_zero, 0.0, estimates)
    outside = np.where(towards_zero & ~holds_zero, 0.0, inside + steps)
    unbounded = np.full(len(steps), True)
    for _ in range(_DOUBLINGS):
        unbounded &= find_p(outside) > alpha
        if not unbounded.any():
            break
        further = outside + 2 * (outside - inside)
        inside, outside = np.where(unbounded, outside, inside), np.where(unbounded, further, outside)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        holds = find_p(middle) > alpha
        inside, outside = np.where(holds, middle, inside), np.where(holds, outside, middle)
    return np.where(unbounded, np.inf, (inside + outside) / 2)


def pair_arms(control: Moments, treatment: Moments) -> Pair:
    """Return two arms' values with their variances, by the method that the moments are made for."""
    if control.names[0] == "num":
        return compare_ratios(control, treatment)
    return adjust_means(control, treatment) if len(control.names) > 1 else compare_means(control, treatment)
