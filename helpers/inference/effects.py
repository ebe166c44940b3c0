"""Two arms as two values with their sampling variances: difference, relative lift, rate ratio, and one interval."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from helpers.records import NAN, Effect, Moments

TOO_FEW = "an arm has fewer than 2 units with a known outcome"
NO_VARIATION = "the outcome does not vary in either arm, so nothing can be tested"
NO_SPREAD = "no interval: nothing varies within the groups"
UNDEFINED = "a mean or a variance is undefined"
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
    mean = columns.mean(axis=0) if n else np.full(len(names), NAN)
    centred = columns - mean
    cov = centred.T @ centred / (n - 1) if n > 1 else np.full((len(names), len(names)), NAN)
    return Moments(tuple(names), n, mean, cov, missing)


def compare_means(control: Moments, treatment: Moments) -> Pair:
    """Return the means of the first column in two arms with their variances, unequal ones allowed.

    Parameters
    ----------
    control, treatment : Moments
        Of the outcome; units with an unknown outcome are not in them.

    Returns
    -------
    Pair: in the outcome's unit; with a reason when an arm has fewer than 2 units or nothing varies.

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
    return _join(control, treatment, *((m.value, m.variance) for m in (control, treatment)), method="welch")


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

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242 (delta method at the randomised unit).
    """
    if not (control.mean[1] > 0 and treatment.mean[1] > 0):
        return _join(control, treatment, (NAN, NAN), (NAN, NAN), method="delta", reason="a denominator is not above 0")
    sizes = [effective_units(m) for m in (control, treatment)]
    pair = _join(control, treatment, *(linearise(m.mean, m.cov) for m in (control, treatment)), method="delta")
    if pair.reason:
        return pair
    if min(sizes) < 2:
        return replace(pair, df=NAN, reason="one unit holds most of a denominator, so nothing can be tested")
    return replace(pair, df=satterthwaite(*((v, n - 1) for v, n in zip(pair.variances, sizes, strict=True))))


def effective_units(moments: Moments) -> float:
    """Return how many equal units know as much about a ratio as units (clusters) with unequal denominators do.

    n / (1 + squared coefficient of variation of the denominator).

    Parameters
    ----------
    moments : Moments
        Of two columns: numerator and denominator (rows of a cluster, time at risk), one row a randomised unit.

    Returns
    -------
    float: at most n; nan with fewer than 2 units or where the denominator's mean is not above 0.

    References
    ----------
    Carter, Schnepel & Steigerwald 2017, Review of Economics and Statistics 99: 698-709.
    """
    mean = float(moments.mean[1])
    return moments.n / (1 + float(moments.cov[1, 1]) / mean**2) if mean > 0 else NAN


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
    law, shape = (norm, ()) if df is None else (student, (df,))
    reach = float(law.isf((1 - confidence_level) / 2, *shape)) * error
    p = 2 * float(law.sf(abs(estimate) / error, *shape))
    return Effect(estimate, error, df, estimate - reach, estimate + reach, p_value=p, **told)


def difference(pair: Pair, *, confidence_level=0.95) -> Effect:
    """Return the difference of two values, treatment minus control, with its t interval and test.

    Parameters
    ----------
    pair : Pair
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: in the outcome's unit; interval and p-value are nan, with the reason, where the pair has one.
    """
    told = {"values": (pair.control, pair.treatment), "method": pair.method, "confidence_level": confidence_level}
    if pair.reason:
        return replace(build_effect(pair.treatment - pair.control, NAN, None, **told), reason=pair.reason)
    return build_effect(pair.treatment - pair.control, float(np.sqrt(pair.variance)), pair.df, **told)


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
    parts = _accepted(pair, base, lift)
    error = float(np.sqrt(_variance_at(pair, lift))) / pair.control
    shared |= {"estimate": lift, "std_error": error, "p_value": base.p_value}
    if len(parts) == 1 and np.isfinite(parts[0]).all():
        return Effect(ci_low=parts[0][0], ci_high=parts[0][1], reason=base.reason, **shared)
    ends = tuple(tuple(end if np.isfinite(end) else None for end in part) for part in parts)
    return Effect(ci_set=ends, reason=UNBOUNDED, **shared)


def satterthwaite(*parts) -> float:
    """Return the approximate degrees of freedom of a sum of independent variances.

    Each part is a pair (variance, degrees of freedom); nan when the variances sum to 0 or one is nan.
    """
    total = sum(variance for variance, _ in parts)
    return total**2 / sum(variance**2 / df for variance, df in parts if variance != 0) if total else NAN


def _join(control, treatment, low, high, *, method, reason=None):
    """Build the pair of two (value, variance of one unit), or say why it cannot be tested."""
    counts = control.n, treatment.n
    variances = [v / n if n > 1 else NAN for (_, v), n in zip((low, high), counts, strict=True)]
    reason = reason or find_reason(counts, variances, (low[0], high[0]))
    df = NAN if reason else satterthwaite(*((v, n - 1) for v, n in zip(variances, counts, strict=True)))
    return Pair(
        low[0], high[0], *variances, df=df, n_control=counts[0], n_treatment=counts[1], method=method, reason=reason
    )


def find_reason(counts, variances, values) -> str | None:
    """Return why two values cannot be compared, or None when they can.

    Parameters
    ----------
    counts, variances, values : pairs of numbers, control first
    """
    if min(counts) < 2:
        return TOO_FEW
    if not np.isfinite([*variances, *values]).all():
        return UNDEFINED
    return None if sum(variances) > 0 else NO_VARIATION


def linearise(mean, cov) -> tuple[float, float]:
    """Return the ratio of two estimates and its variance by the delta method.

    `mean` and its covariance `cov` hold the numerator and the denominator first.
    """
    ratio = float(mean[0] / mean[1])
    weights = np.array([1.0, -ratio])
    return ratio, max(float(weights @ cov[:2, :2] @ weights), 0.0) / float(mean[1]) ** 2


def _variance_at(pair, lift):
    """Variance of treatment - (1 + lift) * control."""
    return pair.variance - 2 * lift * (pair.covariance - pair.var_control) + lift**2 * pair.var_control


def _accepted(pair, base, lift):
    """Parts of Fieller's set: below the lift by the lower limit of the difference, above it by the upper one."""
    below = [(a, min(b, lift)) for a, b in _fieller(pair, base.estimate, base.ci_low) if a <= lift]
    above = [(max(a, lift), b) for a, b in _fieller(pair, base.estimate, base.ci_high) if b >= lift]
    if not below or not above:  # a limit equal to the estimate, up to rounding
        below, above = below or [(lift, lift)], above or [(lift, lift)]
    return [*below[:-1], (below[-1][0], above[0][1]), *above[1:]]


def _fieller(pair, estimate, limit):
    """Solve (d - L c)^2 <= q^2 var(d - L c) for the lift L, where q is the distance of a limit in standard errors."""
    squared = (estimate - limit) ** 2 / pair.variance
    a = np.float64(pair.control**2 - squared * pair.var_control)
    b = estimate * pair.control - squared * (pair.covariance - pair.var_control)
    c = limit * (2 * estimate - limit)  # d^2 - q^2 var(d), without cancellation: its sign is the limit's verdict on 0
    discriminant = b**2 - a * c
    if discriminant < 0 and a < 0:
        return [(-np.inf, np.inf)]
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

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242 (delta method at the randomised unit); Lin, Wei, Yang & Ying 2000, Journal
    of the Royal Statistical Society B 62: 711-730 (rates without a Poisson assumption).
    """
    pair = compare_ratios(control, treatment)
    values, shared = (pair.control, pair.treatment), {"method": RATE, "confidence_level": confidence_level}
    if pair.reason or min(values) <= 0:
        empty = [arm for arm, value in zip(("control", "treatment"), values, strict=True) if value <= 0]
        arm = "either arm" if len(empty) > 1 else f"the {empty[0]} arm" if empty else ""
        reason = pair.reason or f"no unit of {arm} has an event, so a ratio of rates has no interval"
        return Effect(control_value=values[0], treatment_value=values[1], method=RATE, reason=reason)
    ratio = pair.treatment / pair.control
    relative = [v / value**2 for v, value in zip(pair.variances, values, strict=True)]
    error = float(np.sqrt(sum(relative)))
    df = satterthwaite(*((v, effective_units(arm) - 1) for v, arm in zip(relative, (control, treatment), strict=True)))
    log = build_effect(float(np.log(ratio)), error, df, values=values, **shared)
    ends = {"ci_low": float(np.exp(log.ci_low)), "ci_high": float(np.exp(log.ci_high))}
    return replace(log, estimate=ratio, std_error=ratio * error, **ends)
