"""Two arms compared: shares by their score test, quantiles by order statistics, levels by ranks; and groups."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.special import bdtr, bdtrik, fdtrc, ndtr, ndtri, stdtr, stdtrit

from helpers.inference.means import NO_VARIATION, TOO_FEW, build_effect, satterthwaite
from helpers.records import NAN, Effect, Moments, Refused


def count_events(control: Moments, treatment: Moments) -> list[int]:
    """Return the units with the event and all units, of treatment and then of control, from the moments of shares."""
    return [n for m in (treatment, control) for n in (round(m.value * m.n) if m.n else 0, m.n)]


_STEPS, _EXACT = 100, 1e-15  # at most; how exact limits are, as a share of the estimate and their distance from it


def risk_difference(x_treatment, n_treatment, x_control, n_control, *, confidence_level=0.95, ratio=False) -> Effect:
    """Return the difference of two proportions, treatment minus control.

    The interval inverts the score test, so it excludes 0 exactly when the p-value is at most 1 - confidence_level.
    `std_error` is the unpooled one, for display and for sequential intervals; it is nan where it would be 0.

    Parameters
    ----------
    x_treatment, x_control : int, units with the event
    n_treatment, n_control : int, units
        A missing count, or an arm without units, gives nan with a reason.
    confidence_level : float, between 0 and 1
    ratio : bool
        Gives the lift instead, as `relative_lift_risk` says.

    Returns
    -------
    Effect: proportions. With no event anywhere, or an event for every unit, there is an interval and no p-value.

    Raises
    ------
    Refused: a negative count, or more events than units.

    Notes
    -----
    d = p₁ - p₀; the interval is every δ with |p₁ - p₀ - δ| ≤ z · √((p̃₁ q̃₁ / n₁ + p̃₀ q̃₀ / n₀) · N / (N - 1)): p̃ are the
    likeliest shares with p̃₁ - p̃₀ = δ, q̃ = 1 - p̃, N = n₁ + n₀. The p-value is the same at δ = 0.

    References
    ----------
    Miettinen & Nurminen 1985, Statistics in Medicine 4: 213-226 (the factor N / (N - 1) included).

    Examples
    --------
    >>> effect = risk_difference(56, 70, 48, 80)
    >>> round(effect.estimate, 4), round(effect.ci_low, 4), round(effect.ci_high, 4)
    (0.2, 0.0528, 0.3382)
    """
    x1, n1, x0, n0 = counts = tuple(
        NAN if c is None else float(c) for c in (x_treatment, n_treatment, x_control, n_control)
    )
    if any(x < 0 or n < 0 or x > n for x, n in ((x1, n1), (x0, n0))):
        raise Refused("two proportions: a count is negative or above the number of units; give events out of units")
    p1, p0, is_missing = x1 / n1 if n1 else NAN, x0 / n0 if n0 else NAN, any(c != c for c in counts)
    shared = {"method": "score-ratio" if ratio else "miettinen-nurminen", "treatment_value": p1, "control_value": p0}
    if is_missing or not n1 or not n0:
        return Effect(reason="a count is missing" if is_missing else "an arm has no units", **shared)
    low, high = (float(x) - ratio for x in score_limits(*counts, confidence_level=confidence_level, ratio=ratio))
    if ratio and p0 == 0:
        reason = "no control unit has the event, so a lift is undefined"
        return Effect(ci_set=((low, None),), reason=reason, **shared)
    slope, scale = (p1 / p0, p0) if ratio else (1, 1)
    variance = (p1 * (1 - p1) / n1 + slope**2 * p0 * (1 - p0) / n0) / scale**2
    estimate, error = slope - 1 if ratio else p1 - p0, math.sqrt(variance) if variance > 0 else NAN
    p = float(score_p_value(*counts))
    reason = None if p == p else "all units agree, so there is an interval and no test"
    return Effect(estimate, error, ci_low=low, ci_high=high, p_value=p, reason=reason, **shared)


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

    Notes
    -----
    L = p₁ / p₀ - 1; the interval is every L = θ - 1 with
    |p₁ - θ p₀| ≤ z · √((p̃₁ q̃₁ / n₁ + θ² p̃₀ q̃₀ / n₀) · N / (N - 1)): p̃ are the
    likeliest shares with p̃₁ = θ p̃₀, q̃ = 1 - p̃, N = n₁ + n₀.

    References
    ----------
    Miettinen & Nurminen 1985, eq. 10-12; Koopman 1984, Biometrics 40: 513-517.

    Examples
    --------
    >>> effect = relative_lift_risk(36, 40, 16, 80)
    >>> round(effect.estimate, 2), round(effect.ci_low, 2), round(effect.ci_high, 2)
    (3.5, 1.93, 6.17)
    """
    counts = x_treatment, n_treatment, x_control, n_control
    return risk_difference(*counts, confidence_level=confidence_level, ratio=True)


def share_ratio(x_treatment, n_treatment, x_control, n_control, *, confidence_level=0.95) -> Effect:
    """Return the share of the treatment over that of the control, one more than the lift; without a standard error."""
    counts = x_treatment, n_treatment, x_control, n_control
    lift = relative_lift_risk(*counts, confidence_level=confidence_level)
    ends = lift.ci_set and tuple(tuple(None if x is None else 1 + x for x in pair) for pair in lift.ci_set)
    moved = {"estimate": 1 + lift.estimate, "ci_low": 1 + lift.ci_low, "ci_high": 1 + lift.ci_high}
    return replace(lift, std_error=NAN, ci_set=ends, **moved)


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
    counts = (np.asarray(c, float) for c in (x_treatment, n_treatment, x_control, n_control))
    x1, n1, x0, n0 = np.broadcast_arrays(*counts)
    score, ends = (_score_ratio, (0.0, 1.0)) if ratio else (_score_difference, (-1.0, 1.0))
    with np.errstate(all="ignore"):
        inside = (x1 / n1) / (x1 / n1 + x0 / n0) if ratio else x1 / n1 - x0 / n0
        outside = np.stack([np.full(inside.shape, end) for end in ends])
        inside, critical = np.where(np.isnan(inside), outside, inside), -ndtri((1 - confidence_level) / 2)
        start, within, beyond, before = inside, np.full(outside.shape, -critical), critical, None
        for step in range(_STEPS):  # to where a line between both ends is 0, every fourth time to the middle (Illinois)
            width, close = outside - inside, _EXACT * (abs(start) + abs(inside - start))
            if (abs(width) <= 2 * close).all():
                break
            least = np.fmin(close / abs(width), 0.5)
            part = np.fmax(np.fmin(within / (within - beyond), 1 - least), least) if step % 4 else 0.5
            middle = inside + part * width
            value = abs(score(middle, x1, n1, x0, n0)) - critical
            accepted = ~(value > 0)  # nan: no information, so not rejected
            stayed = np.where(accepted == before, 0.5, 1.0)  # the value of an end that has stayed twice counts half
            inside, outside = np.where(accepted, middle, inside), np.where(accepted, outside, middle)
            within, beyond = np.where(accepted, value, within * stayed), np.where(accepted, beyond * stayed, value)
            before = accepted
        limits = np.where(inside == outside, inside, (inside + outside) / 2)
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
        return np.where((events > 0) & (events < total), 2 * ndtr(-abs(x1 / n1 - x0 / n0) / np.sqrt(variance)), np.nan)


def limit_shares(x1, n1, x0, n0, *, confidence_level, ratio=False):
    """Return limits and p-values of differences (lifts) of arrays of tables: treatment x1 of n1, control x0 of n0.

    Without an event in the control a lift has no p-value, and a set without an upper end.
    """
    low, high = score_limits(x1, n1, x0, n0, confidence_level=confidence_level, ratio=ratio)
    p = score_p_value(x1, n1, x0, n0)
    return low - ratio, high - ratio, np.where(np.asarray(x0) > 0, p, NAN) if ratio else p


def score_at(effect, x1, n1, x0, n0, *, ratio=False):
    """Return the score at a difference, or at a lift, of arrays of tables: below it the effect seems smaller."""
    score, at = (_score_ratio, (1 + effect) / (2 + effect)) if ratio else (_score_difference, effect)
    return score(at, x1, n1, x0, n0)


def _score_difference(delta, x1, n1, x0, n0):
    """Score at a difference; the control share is the root of a cubic in closed form, polished by Newton."""
    total, events = n1 + n0, x1 + x0
    c2 = ((n1 + 2 * n0) * delta - total - events) / total
    c1 = ((n0 * delta - total - 2 * x0) * delta + events) / total
    c0 = x0 * delta * (1 - delta) / total
    b = c2 * c2 * c2 / 27 - c1 * c2 / 6 + c0 / 2
    a = np.where(b < 0, -1, 1) * np.sqrt(np.maximum(c2**2 / 9 - c1 / 3, 0))
    cosine = np.clip(np.where(a == 0, 0, b / (a * a * a)), -1, 1)
    p = 2 * a * np.cos((np.pi + np.arccos(cosine)) / 3) - c2 / 3
    for _ in range(2):
        step = (((p + c2) * p + c1) * p + c0) / ((3 * p + 2 * c2) * p + c1)
        p = np.where(abs(step) < 1e-4, p - step, p)
    p0 = np.clip(p, np.maximum(0, -delta), np.minimum(1, 1 - delta))
    p1 = np.clip(p0 + delta, 0, 1)
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * total / (total - 1)
    return (x1 / n1 - x0 / n0 - delta) / np.sqrt(variance)


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
    if limit is None or not (limit > 0 and risk_ratio > 0):
        return _needed(risk_ratio), math.nan
    return _needed(risk_ratio), _needed(limit) if (limit > 1) == (risk_ratio > 1) else 1.0


def _needed(ratio):
    if not 0 < ratio < math.inf:
        return math.nan
    ratio = max(ratio, 1 / ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))


ORDER = "order statistics"
TOO_EXTREME = "an arm has too few units for the limits of this quantile"
FEW_CLUSTERS = "an arm has too few clusters for the limits of this quantile"
_HALVINGS = 40
_SMALLEST = -650.0  # log of the smallest tail that is looked at


@dataclass(frozen=True)
class _Arm:
    """Sorted values (of experiments, one a row), their quantile, and how sure its rank is.

    `units` with `df` where clustered, else inf.
    """

    ordered: np.ndarray
    probability: float
    quantile: float | np.ndarray
    units: float = np.inf
    df: float = np.inf

    def limit(self, tail, side):
        """Return the value below (side -1) or above (+1) which the quantile lies with at most probability `tail`."""
        n, p = self.ordered.shape[-1], self.probability if side < 0 else 1 - self.probability
        if np.isinf(self.df):
            rank = _find_rank(tail, n, p)
        else:
            rank = np.floor(n * (p + float(stdtrit(self.df, tail)) * np.sqrt(p * (1 - p) / self.units)))
        if rank < 1:
            return side * np.inf
        found = self.ordered[..., int(rank) - 1 if side < 0 else n - int(rank)]
        return (np.minimum if side < 0 else np.maximum)(found, self.quantile)


def quantile_difference(
    control, treatment, probability, *, confidence_level=0.95, control_clusters=None, treatment_clusters=None
) -> Effect:
    """Return the difference of a quantile between two arms, treatment minus control.

    Each arm's limits are the order statistics that a binomial count leaves possible, taken outwards, so ties never
    make an interval too short; the two arms' distances are joined as squares. With clusters the binomial count is
    that of fewer units, by the design effect of being at or below the quantile.
    The p-value is the smallest alpha whose interval excludes 0; ranks are whole, so neither is smaller than it claims.

    Parameters
    ----------
    control, treatment : array of float, one value a row
        Missing values are left out.
    probability : float, between 0 and 1
        0.9 is the 90th percentile. The estimate interpolates between order statistics (type 7, as numpy and pandas).
    confidence_level : float, between 0 and 1
    control_clusters, treatment_clusters : array, one label a row, optional
        The randomised unit of each row; give both or none.

    Returns
    -------
    Effect: in the outcome's unit; `std_error` is half the length of the 95 % limits over 1.96, joined over the arms;
        nan with a reason when an arm has too few units (or clusters) for the ranks, or when all values are equal.

    Raises
    ------
    Refused: a probability that is not between 0 and 1, or not one label of a cluster a row.

    Notes
    -----
    d = q₁ - q₀. Limits of each arm: the order statistics l and u whose ranks a binomial (n, probability) passes
    with at most α / 2. Interval: from d - √((q₁ - l₁)² + (u₀ - q₀)²) to d + √((u₁ - q₁)² + (q₀ - l₀)²).

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242, section 4 (quantiles with clusters); Zou & Donner 2008, Statistics in
    Medicine 27: 1693-1702 (joining limits); Woodruff 1952, Journal of the American Statistical Association 47:
    635-646; Hyndman & Fan 1996, The American Statistician 50: 361-365 (type 7).
    """
    if not 0 < probability < 1:
        raise Refused(f"give a quantile a probability between 0 and 1, not {probability:g}; 0.9 is the 90th percentile")
    sides = (control, control_clusters), (treatment, treatment_clusters)
    arms = [_read_arm(values, clusters, probability) for values, clusters in sides]
    if min(len(a.ordered) for a in arms) < 2:
        return Effect(method=ORDER, reason=TOO_FEW)
    shared = {"estimate": arms[1].quantile - arms[0].quantile, "method": ORDER}
    shared |= {"control_value": arms[0].quantile, "treatment_value": arms[1].quantile}
    if not all(a.df >= 1 for a in arms):  # nan, of one cluster, too
        return Effect(reason=FEW_CLUSTERS, **shared)
    if all(a.ordered[0] == a.ordered[-1] for a in arms):
        return Effect(reason=NO_VARIATION, **shared)
    low, high = map(float, _join(*arms, (1 - confidence_level) / 2))
    if math.isnan(low):
        return Effect(reason=TOO_EXTREME, **shared)
    error = float(np.hypot(*(a.limit(0.025, 1) - a.limit(0.025, -1) for a in arms)) / (-2 * ndtri(0.025)))
    error = error if 0 < error < np.inf else NAN
    return Effect(std_error=error, ci_low=low, ci_high=high, p_value=_find_p(arms), **shared)


def limit_quantiles(controls, treatments, probability, *, confidence_level, rng=None):
    """Return limits and p-values of `quantile_difference`, many experiments at once; p, a search, is 0 or 1.

    Parameters
    ----------
    controls, treatments : arrays, shape (experiments, n, 1), of known values
    probability, confidence_level : as there
    rng : left alone
    """
    ordered = (np.sort(values[:, :, 0], axis=1) for values in (controls, treatments))
    arms = (_Arm(values, probability, np.quantile(values, probability, axis=1)) for values in ordered)
    low, high = _join(*arms, (1 - confidence_level) / 2)
    return low, high, np.where((low > 0) | (high < 0), 0.0, 1.0)


def _read_arm(values, clusters, probability):
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    quantile = _interpolate(ordered, probability) if len(ordered) else NAN
    if clusters is None or len(ordered) < 2:
        return _Arm(ordered, probability, quantile)
    codes = pd.factorize(np.asarray(clusters))[0]
    if len(codes) != len(values) or (codes[known] < 0).any():
        raise Refused("a quantile by clusters: a row has no cluster; give one label a row")
    return _Arm(ordered, probability, quantile, *_weigh_clusters(values[known], codes[known], quantile, probability))


def _interpolate(ordered, probability):
    """The linear quantile, as numpy's, to which an infinite neighbour without weight is nan."""
    if np.isfinite(ordered[-1]):
        return float(np.quantile(ordered, probability))
    low, share = divmod(probability * (len(ordered) - 1), 1)
    nearest = ordered[int(low)]
    return float(nearest if share < 1e-12 else (1 - share) * nearest + share * ordered[int(low) + 1])


def _weigh_clusters(values, codes, quantile, probability):
    """How many independent rows the clusters are worth, and the degrees of freedom of that."""
    codes = pd.factorize(codes)[0]
    sizes = np.bincount(codes).astype(float)
    if len(sizes) < 2:
        return NAN, NAN
    df = len(sizes) / (1 + sizes.var(ddof=1) / sizes.mean() ** 2) - 1
    sides = [values <= quantile, values < quantile]  # with ties, the one whose share is nearer to the probability
    reached = min(sides, key=lambda side: abs(side.mean() - probability))
    share, n = reached.mean(), len(values)
    if not 0 < share < 1:
        return df + 1, df
    gaps = np.bincount(codes, weights=reached) - share * sizes
    effect = float(gaps @ gaps) * len(sizes) / (len(sizes) - 1) / (n * share * (1 - share))
    return n / max(effect, 1.0), df  # rows that differ more within clusters than between count as they are


@lru_cache(maxsize=65_536)  # halvings towards a p-value pass the same tails in every pair of arms of one size
def _find_rank(tail, n, p):
    """Largest rank whose order statistic lies above the quantile with at most probability `tail`; 0 is none."""
    rank = max(np.floor(bdtrik(tail, n, p)), 0.0) if tail < 1 else float(n)
    while rank >= 0 and bdtr(rank, n, p) > tail:
        rank -= 1
    return rank + 1


def _reach(lower, upper, tail):
    """Distance down from upper - lower: each quantile's distance to its own limit, joined as squares."""
    return np.hypot(upper.quantile - upper.limit(tail, -1), lower.limit(tail, 1) - lower.quantile)


def _join(control, treatment, tail):
    """Limits of treatment - control; nan where one of them is not finite."""
    estimate = treatment.quantile - control.quantile
    with np.errstate(invalid="ignore"):  # of infinite values, as of waits without an end
        ends = estimate - _reach(control, treatment, tail), estimate + _reach(treatment, control, tail)
    return np.where(np.isfinite(ends).all(axis=0), ends, NAN)


def _find_p(arms):
    """Smallest alpha whose interval excludes 0, by halving the logarithm of its tail."""
    lower, upper = sorted(arms, key=lambda a: a.quantile)
    gap = upper.quantile - lower.quantile

    def excludes(log_tail):
        return _reach(lower, upper, float(np.exp(log_tail))) < gap

    outside = float(np.log(0.5))
    if not excludes(outside):
        return 1.0
    inside = 2 * outside
    while inside > _SMALLEST and excludes(inside):
        outside, inside = inside, 2 * inside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if excludes(middle) else (middle, outside)
    return min(1.0, 2 * float(np.exp(outside)))


WINS = "brunner-munzel"
NO_OVERLAP = "every unit of one arm is above every unit of the other, so nothing says how sure that is"


def win_difference(control, treatment, *, confidence_level=0.95) -> Effect:
    """Return how much more often treatment is higher than control than the reverse, over all pairs of units.

    P(treatment higher) - P(control higher), with the test of Brunner and Munzel: no distance between levels is
    assumed, variances may differ, and ties count for neither side. It equals twice the probability of superiority
    (half of the ties included) minus 1, and is also known as Cliff's delta. Work is that of the number of levels,
    not of units. Not a difference of means: it can be above 0 where the mean score falls. The interval is too short
    where nearly every unit of one arm is above the other and an arm is small.

    Parameters
    ----------
    control, treatment : array of int, shape (levels,)
        Units at each level, the same levels in both, lowest first; unknown scores are not in them.
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: -1 to 1; `control_value` and `treatment_value` are the shares of pairs in which that arm is higher. The
        limits are cut to -1 and 1 and exclude 0 exactly when the p-value is at most 1 - confidence_level. nan with a
        reason when an arm has fewer than 2 units, all units are equal, or the arms do not overlap.

    Notes
    -----
    d = P(treatment higher) - P(control higher) over all pairs; m of a unit: share of the other arm that it beats, less
    that which beats it. v = Σ (m ∓ d)² / (n (n - 1)) in each arm; interval d ± t(ν) · √(v₁ + v₀), ν by Satterthwaite.

    References
    ----------
    Brunner & Munzel 2000, Biometrical Journal 42: 17-25; Cliff 1993, Psychological Bulletin 114: 494-509.

    Examples
    --------
    >>> effect = win_difference([5, 3, 2], [2, 3, 5])
    >>> round(effect.treatment_value, 2), round(effect.control_value, 2), round(effect.estimate, 2)
    (0.55, 0.16, 0.39)
    """
    counts = [np.asarray(c, float) for c in (control, treatment)]
    sizes = [float(c.sum()) for c in counts]
    if min(sizes) < 2:
        return Effect(method=WINS, reason=TOO_FEW)
    below = [np.cumsum(c) - c for c in counts]
    wins = [float(counts[side] @ below[1 - side]) / (sizes[0] * sizes[1]) for side in (0, 1)]
    estimate, parts = wins[1] - wins[0], []
    for side, sign in ((0, -1), (1, 1)):
        n, other = sizes[side], 1 - side
        # how many units of the other arm a unit of each level beats, less those that beat it, as a share of -1 to 1
        margins = (below[other] - (sizes[other] - np.cumsum(counts[other]))) / sizes[other]
        parts.append((float(counts[side] @ (margins - sign * estimate) ** 2) / (n - 1) / n, n - 1))
    variance, told = sum(v for v, _ in parts), {"values": wins, "method": WINS, "confidence_level": confidence_level}
    effect = build_effect(estimate, float(np.sqrt(variance)), satterthwaite(*parts), **told)
    if not variance > 0:
        return replace(effect, std_error=NAN, reason=NO_OVERLAP if abs(estimate) == 1 else NO_VARIATION)
    return replace(effect, ci_low=max(effect.ci_low, -1.0), ci_high=min(effect.ci_high, 1.0))


def measure_trend(effects, variances, df, weights, positions) -> tuple[float, float, float]:
    """Return Student's t of a linear trend of effects, its degrees of freedom, and its two-sided p-value.

    Welch 1938, Biometrika 29: 350-362; Satterthwaite 1946, Biometrics Bulletin 2: 110-114. Weighted by units: by
    precisions, which are estimated, 8 of 100 experiments with ten units a week and arm have a trend by chance.

    Parameters
    ----------
    effects, variances, df : array, shape (k,), of each effect, with the degrees of freedom of its variance
    weights, positions : array, shape (k,), n₁ n₀ / (n₁ + n₀) of its units, and where it stands

    Notes
    -----
    t = Σ c d / √(Σ c² s²): d the effect of a week, s its standard error, c = w (x - x̄), x its number, w = n₁ n₀ / (n₁ +
    n₀) of its units; p from Student's law with (Σ c² s²)² / Σ (c⁴ s⁴ / ν), ν the degrees of freedom of s².
    """
    centred = weights * (positions - np.average(positions, weights=weights))
    parts = centred**2 * variances
    t, df = float(centred @ effects) / math.sqrt(parts.sum()), float(parts.sum() ** 2 / np.sum(parts**2 / df))
    return t, df, float(2 * stdtr(df, -abs(t)))


def measure_interaction(effects, variances, df) -> tuple[float, int, float]:
    """Return Cochran's Q, less what it exceeds because variances are estimated, its df, and its p-value by Welch.

    Welch 1951, Biometrika 38: 330-336; Cochran 1954, Biometrics 10: 101-129. As for `measure_trend`: of many small
    segments Q alone finds differences by chance far too often.

    Notes
    -----
    Q = Σ w (d - d̄)² / (1 + 2 (k - 2) λ): d the effect of a segment, w = 1 / standard error², d̄ their weighted mean,
    λ = Σ (1 - w / Σw)² / ν / (k² - 1), ν its degrees of freedom; p of Q / (k - 1) from F with k - 1 and 1 / (3 λ).
    """
    k, precision = len(effects), 1 / variances
    part = precision / np.sum(precision)
    doubt = float(np.sum((1 - part) ** 2 / df)) / (k * k - 1)
    q = float(np.sum(precision * (effects - part @ effects) ** 2)) / (1 + 2 * (k - 2) * doubt)
    return q, k - 1, float(fdtrc(k - 1, 1 / (3 * doubt), q / (k - 1)))
