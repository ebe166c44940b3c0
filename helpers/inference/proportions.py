"""Two proportions compared by the score method of Miettinen and Nurminen: difference, ratio and one test for both."""

import math

import numpy as np
from scipy.stats import norm

from helpers.records import NAN, Effect, Refused

_STEPS = 60  # halvings of a range of at most 2: the limits are exact to the last bit that a double holds


def risk_difference(x_treatment, n_treatment, x_control, n_control, *, confidence_level=0.95) -> Effect:
    """Return the difference of two proportions, treatment minus control.

    The interval inverts the score test, so it excludes 0 exactly when the p-value is at most 1 - confidence_level.
    `std_error` is the unpooled one, for display and for sequential intervals; it is nan where it would be 0.

    Parameters
    ----------
    x_treatment, x_control : int, units with the event
    n_treatment, n_control : int, units
        A missing count, or an arm without units, gives nan with a reason.
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: proportions. With no event anywhere, or an event for every unit, there is an interval and no p-value.

    Raises
    ------
    Refused: a negative count, or more events than units.

    References
    ----------
    Miettinen & Nurminen 1985, Statistics in Medicine 4: 213-226 (the factor N / (N - 1) included).

    Examples
    --------
    >>> effect = risk_difference(56, 70, 48, 80)
    >>> round(effect.estimate, 4), round(effect.ci_low, 4), round(effect.ci_high, 4)
    (0.2, 0.0528, 0.3382)
    """
    counts, shared, reason = _read(x_treatment, n_treatment, x_control, n_control, "miettinen-nurminen")
    if reason:
        return Effect(reason=reason, **shared)
    p1, p0 = shared["treatment_value"], shared["control_value"]
    low, high = score_limits(*counts, confidence_level=confidence_level)
    variance = p1 * (1 - p1) / counts[1] + p0 * (1 - p0) / counts[3]
    return _tell(counts, p1 - p0, variance, low, high, shared)


def relative_lift_risk(x_treatment, n_treatment, x_control, n_control, *, confidence_level=0.95) -> Effect:
    """Return the relative lift of a proportion: treatment divided by control, minus 1.

    Interval and p-value come from the score test of the ratio; at a ratio of 1 that is the test of the difference,
    so a lift never contradicts its difference.

    Parameters
    ----------
    x_treatment, n_treatment, x_control, n_control, confidence_level : as for `risk_difference`

    Returns
    -------
    Effect: lift (0.1 is +10 %). Without events in the control arm the lift is nan with a reason, and `ci_set`
    holds what the data still say (None is an unbounded end). `std_error` is the delta method's, for display.

    References
    ----------
    Miettinen & Nurminen 1985, eq. 10-12; Koopman 1984, Biometrics 40: 513-517.

    Examples
    --------
    >>> effect = relative_lift_risk(36, 40, 16, 80)
    >>> round(effect.estimate, 2), round(effect.ci_low, 2), round(effect.ci_high, 2)
    (3.5, 1.93, 6.17)
    """
    counts, shared, reason = _read(x_treatment, n_treatment, x_control, n_control, "score-ratio")
    if reason:
        return Effect(reason=reason, **shared)
    p1, p0 = shared["treatment_value"], shared["control_value"]
    low, high = (float(limit) - 1 for limit in score_limits(*counts, confidence_level=confidence_level, ratio=True))
    if p0 == 0:
        reason = "no control unit has the event, so a lift is undefined"
        return Effect(ci_set=((low, None),), reason=reason, **shared)
    variance = (p1 * (1 - p1) / counts[1] + (p1 / p0) ** 2 * p0 * (1 - p0) / counts[3]) / p0**2
    return _tell(counts, p1 / p0 - 1, variance, low, high, shared)


def score_limits(x_treatment, n_treatment, x_control, n_control, *, confidence_level=0.95, ratio=False):
    """Return the score limits of the difference or the ratio of two proportions, one pair per table.

    Parameters
    ----------
    x_treatment, n_treatment, x_control, n_control : number or array, shapes that broadcast
        Events and units; every n at least 1.
    confidence_level : float
    ratio : bool
        Treatment divided by control instead of treatment minus control.

    Returns
    -------
    tuple of two arrays: lower and upper limits; a ratio's upper limit is inf without control events.
    """
    x1, n1, x0, n0 = np.broadcast_arrays(
        *(np.asarray(c, float) for c in (x_treatment, n_treatment, x_control, n_control))
    )
    score, ends = (_score_ratio, (0.0, 1.0)) if ratio else (_score_difference, (-1.0, 1.0))
    with np.errstate(all="ignore"):
        inside = (x1 / n1) / (x1 / n1 + x0 / n0) if ratio else x1 / n1 - x0 / n0
        limits = _search(score, (x1, n1, x0, n0), inside, ends, norm.isf((1 - confidence_level) / 2))
        return limits / (1 - limits) if ratio else limits


def score_p_value(x_treatment, n_treatment, x_control, n_control):
    """Return the two-sided p-value of the score test that two proportions are equal, one per table.

    Parameters
    ----------
    x_treatment, n_treatment, x_control, n_control : number or array, shapes that broadcast

    Returns
    -------
    array: nan where no unit, or every unit, has the event.
    """
    x1, n1, x0, n0 = (np.asarray(c, float) for c in (x_treatment, n_treatment, x_control, n_control))
    total, events = n1 + n0, x1 + x0
    with np.errstate(all="ignore"):
        variance = events / total * (1 - events / total) * (1 / n1 + 1 / n0) * total / (total - 1)
        return np.where(
            (events > 0) & (events < total), 2 * norm.sf(abs(x1 / n1 - x0 / n0) / np.sqrt(variance)), np.nan
        )


def _read(x1, n1, x0, n0, method):
    """The counts as numbers, what every effect of them tells, and why there may be none."""
    counts = tuple(NAN if c is None else float(c) for c in (x1, n1, x0, n0))
    x1, n1, x0, n0 = counts
    if any(x < 0 or n < 0 or x > n for x, n in ((x1, n1), (x0, n0))):
        raise Refused("two proportions: a count is negative or above the number of units; give events out of units")
    shared = {"treatment_value": x1 / n1 if n1 else NAN, "control_value": x0 / n0 if n0 else NAN, "method": method}
    if any(c != c for c in counts):
        return counts, shared, "a count is missing"
    return counts, shared, None if n1 and n0 else "an arm has no units"


def _tell(counts, estimate, variance, low, high, shared):
    p = float(score_p_value(*counts))
    return Effect(
        estimate=estimate,
        std_error=float(np.sqrt(variance)) if variance > 0 else NAN,
        ci_low=float(low),
        ci_high=float(high),
        p_value=p,
        reason=None if p == p else "all units agree, so there is an interval and no test",
        **shared,
    )


def _search(score, counts, inside, ends, critical):
    """Halve the ranges between the estimate and both ends of the scale until the score reaches the critical value."""
    outside = np.stack([np.full(inside.shape, end) for end in ends])
    inside = np.where(np.isnan(inside), outside, inside)
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        accepted = ~(abs(score(middle, *counts)) > critical)  # nan: no information, so not rejected
        inside, outside = np.where(accepted, middle, inside), np.where(accepted, outside, middle)
    return np.where(inside == outside, inside, (inside + outside) / 2)


def _score_difference(delta, x1, n1, x0, n0):
    p0 = _control_given_difference(delta, x1, n1, x0, n0)
    p1 = np.clip(p0 + delta, 0, 1)
    total = n1 + n0
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * total / (total - 1)
    return (x1 / n1 - x0 / n0 - delta) / np.sqrt(variance)


def _control_given_difference(delta, x1, n1, x0, n0):
    """Most likely control proportion under a difference: the root of a cubic in closed form, polished by Newton."""
    total, events = n1 + n0, x1 + x0
    c2 = ((n1 + 2 * n0) * delta - total - events) / total
    c1 = ((n0 * delta - total - 2 * x0) * delta + events) / total
    c0 = x0 * delta * (1 - delta) / total
    b = c2**3 / 27 - c1 * c2 / 6 + c0 / 2
    a = np.where(b < 0, -1, 1) * np.sqrt(np.maximum(c2**2 / 9 - c1 / 3, 0))
    cosine = np.clip(np.where(a == 0, 0, b / a**3), -1, 1)
    p = 2 * a * np.cos((np.pi + np.arccos(cosine)) / 3) - c2 / 3
    for _ in range(2):
        step = (((p + c2) * p + c1) * p + c0) / ((3 * p + 2 * c2) * p + c1)
        p = np.where(abs(step) < 1e-4, p - step, p)
    return np.clip(p, np.maximum(0, -delta), np.minimum(1, 1 - delta))


def _score_ratio(share, x1, n1, x0, n0):
    """Score of the ratio share / (1 - share), on a scale that is finite at 0 and at infinity."""
    total, other = n1 + n0, 1 - share
    b = share * (n1 + x0) + other * (n0 + x1)
    root = np.sqrt(np.maximum(b**2 - 4 * total * share * other * (x1 + x0), 0))
    scale = 2 * (x1 + x0) / (b + root)
    p1, p0 = np.minimum(share * scale, 1), np.minimum(other * scale, 1)
    variance = (other**2 * p1 * (1 - p1) / n1 + share**2 * p0 * (1 - p0) / n0) * total / (total - 1)
    return (other * x1 / n1 - share * x0 / n0) / np.sqrt(variance)


def e_value(risk_ratio: float, limit: float | None = None) -> tuple[float, float]:
    """Return how strong an unmeasured common cause must be to explain a risk ratio away, and its interval.

    Parameters
    ----------
    risk_ratio : float, above 0
    limit : float, above 0, optional
        The end of its confidence interval that is nearer to 1.

    Returns
    -------
    tuple of float: the E-value of the estimate and of the limit, each a risk ratio of 1 or more; 1 for a limit
        at or beyond 1; nan for what is missing or not above 0.

    References
    ----------
    VanderWeele and Ding (2017), Sensitivity analysis in observational research: introducing the E-value.

    Examples
    --------
    >>> [round(value, 2) for value in e_value(3.9, 1.8)]
    [7.26, 3.0]
    """
    if limit is None or math.isnan(limit) or limit <= 0 or not risk_ratio > 0:
        return _needed(risk_ratio), math.nan
    return _needed(risk_ratio), _needed(limit) if (limit > 1) == (risk_ratio > 1) else 1.0


def _needed(ratio):
    if not 0 < ratio < math.inf:
        return math.nan
    ratio = max(ratio, 1 / ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))
