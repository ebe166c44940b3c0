"""Looking before the planned end: how far a run is, and the intervals that stay valid then."""

import datetime as dt
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import scipy  # its optimize loads when it is first used, which few plans need
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from helpers import metrics
from helpers.inference.means import compare_means, difference, measure_columns, satterthwaite
from helpers.records import LOOK_DAYS, NAN, Effect, Refused

LOOKS = (0.5, 1.0)  # of experiments with planned looks, as validation draws them
TOO_EARLY = "this look is too early for any decision"
NO_ERROR = "no standard error yet, so no interval that allows for looking early"
TUNED_AT = 0.5  # of the planned units, where always-valid intervals are narrowest
UNPLANNED_SHARE = 0.2  # of the error, for all looks beside the planned ones
UNPLANNED_UNITS = 2_000  # both arms: where always-valid intervals are narrow when the plan names no number of units
place_nodes = cache(lambda: np.polynomial.legendre.leggauss(200))  # takes a twentieth of a second: where it is used
_WIDEST = 12.0  # standard errors: nothing of the process lies beyond
_FARTHEST = 38.0  # beyond it a normal tail is 0 to a double


def always_valid(effect: Effect, *, n, n_planned, confidence_level=0.95) -> Effect:
    """Return an effect with the interval and p-value of an always-valid confidence sequence.

    The chance that any of the intervals, at whatever many looks, misses the truth is at most 1 - confidence_level,
    asymptotically. It is narrowest at half of the planned units. Give `relative_lift` the result as `like` for a lift.

    Parameters
    ----------
    effect : Effect
        With estimate, standard error, and degrees of freedom where it has any, by which the bound is that of a t.
    n : int, units in the estimate, both arms
    n_planned : int, units planned, both arms
    confidence_level : float

    Returns
    -------
    Effect: the p-value is at most 1 - confidence_level exactly when the interval excludes 0.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, Annals of Statistics 52: 2613-2640, theorem 2.2 and
    eq. 75 (tuning); Robbins 1970, Annals of Mathematical Statistics 41: 1397-1409.
    """
    alpha = 1 - confidence_level
    information = (np.log(1 / alpha**2) + np.log(np.log(1 / alpha**2) + 1)) * max(n, 1) / (TUNED_AT * n_planned)
    spread = (information + 1) / information
    bound = np.sqrt(2 * spread * np.log(np.sqrt(information + 1) / alpha))
    return _widen(effect, bound, lambda z: np.sqrt(information + 1) * np.exp(-(z**2) / (2 * spread)), "always-valid")


def sequential_bounds(looks, alpha=0.05) -> np.ndarray:
    """Return the two-sided bounds for |z| at planned looks, with error spent as O'Brien and Fleming do.

    Parameters
    ----------
    looks : array of float, shape (k,)
        Share of the planned information at each look, rising, at most 1.
    alpha : float, error to be spent by the end, both sides together

    Returns
    -------
    array, shape (k,): inf at a look so early that nothing is left to spend.

    References
    ----------
    Lan & DeMets 1983, Biometrika 70: 659-663; Armitage, McPherson & Rowe 1969, JRSS A 132: 235-244 (recursion).

    Examples
    --------
    >>> sequential_bounds([0.5, 1.0], 0.05).round(3).tolist()
    [2.963, 1.969]
    """
    looks = np.asarray(looks, float)
    return _walk(looks, _spend(looks, alpha))[0]


def at_look(effect: Effect, look, looks, *, alpha=0.05) -> Effect:
    """Return an effect with the repeated interval and p-value of one planned look.

    Parameters
    ----------
    effect : Effect
        With estimate, standard error and degrees of freedom.
    look : float
        The share of planned information reached; one of `looks`.
    looks : array of float
        As planned, rising to at most 1.
    alpha : float, error of all looks together

    Returns
    -------
    Effect: the p-value is at most alpha exactly when the interval excludes 0, and the smallest alpha at which this
    look would stop; nan with a reason when the look is so early that nothing may be decided.

    References
    ----------
    Jennison & Turnbull 1989, Journal of the Royal Statistical Society B 51: 305-361.
    """
    position = int(np.flatnonzero(np.isclose(looks, look))[0])
    bound = sequential_bounds(looks, alpha)[position]
    return _widen(effect, bound, lambda z: _find_repeated_p(z, looks, position), "repeated")


def between_looks(effect: Effect, share, *, alpha=0.05) -> Effect:
    """Return an effect with the interval and p-value of a look that was not planned, however many of them there are.

    The bound of O'Brien and Fleming for looks without end, at a fifth of the error: planned looks have spent all of
    alpha, and who crosses so wide a bound early crosses the planned one later. Looking every day beside planned looks
    adds 0.01 points of 5 % (at the whole error it would add 0.5 to 0.8).

    Parameters
    ----------
    effect : Effect
        With estimate, standard error and degrees of freedom.
    share : float, of the planned information, above 0 to 1
    alpha : float, error of all looks together

    Returns
    -------
    Effect: the p-value is at most alpha exactly when the interval excludes 0.

    References
    ----------
    O'Brien & Fleming 1979, Biometrics 35: 549-556, with the reflection principle for their limit.
    """
    if not share > 0:
        return _widen(replace(effect, std_error=NAN), 0.0, None, "")
    sides = 4 / UNPLANNED_SHARE  # the process leaves the bound at any time twice as often as at its end, on two sides
    bound = -ndtri(alpha / sides) / np.sqrt(share)
    return _widen(effect, bound, lambda z: sides * ndtr(-z * np.sqrt(share)), "repeated, between looks")


def _widen(effect, bound, find_p, how):
    """The effect with the interval of a bound for |z| and the p-value of its |z|, by Student's t where it has df.

    Without either, and a reason, where it has no standard error, or nothing may be decided yet.
    """
    if not effect.std_error > 0:
        reason = effect.reason if effect.reason and np.isnan(effect.ci_low) else NO_ERROR
    else:
        z = abs(effect.estimate) / effect.std_error
        if effect.df is not None:
            z, bound = -ndtri(stdtr(effect.df, -z)), -stdtrit(effect.df, ndtr(-bound))
        reason = None if np.isfinite(bound) else TOO_EARLY
    if reason:
        return replace(effect, ci_low=NAN, ci_high=NAN, ci_set=None, p_value=NAN, reason=reason)
    half = float(bound) * effect.std_error
    ends = {"ci_low": effect.estimate - half, "ci_high": effect.estimate + half, "ci_set": None}
    told = {"p_value": min(1.0, float(find_p(float(z)))), "method": f"{effect.method}, {how}", "reason": None}
    return replace(effect, **ends, **told)


def _spend(looks, alpha):
    """Error that each look may spend, both sides together."""
    return np.diff(4 * ndtr(ndtri(alpha / 4) / np.sqrt(looks)), prepend=0.0)  # each side spends alpha / 2


def _walk(looks, spent):
    """Bounds of some looks, and the distribution of the process that has stayed inside them."""
    bounds, points, mass = [], np.zeros(1), np.ones(1)
    for step, look, share in zip(np.diff(looks, prepend=0.0), looks, spent, strict=True):
        bound = _find_bound(points, mass, step, share)
        bounds.append(bound / np.sqrt(look))
        points, mass = stay(points, mass, step, min(bound, _WIDEST * np.sqrt(look)))
    return np.array(bounds), points, mass


def stay(points, mass, step, bound, drift=0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return where a process with a drift is after a step inside a distance from 0: Gauss-Legendre nodes, and masses.

    References
    ----------
    Armitage, McPherson & Rowe 1969, JRSS A 132: 235-244.
    """
    nodes, weights = place_nodes()
    places = nodes * bound
    gaps = places[:, None] - points - drift * step
    density = np.exp(-(gaps**2) / (2 * step)) / np.sqrt(2 * np.pi * step) @ mass
    return places, density * weights * bound


def leave(points, mass, step, bound, drift=0.0) -> float:
    """Return the probability that the process is, after a step, beyond a distance from 0."""
    middle, spread = points + drift * step, np.sqrt(step)
    return float(mass @ (ndtr((middle - bound) / spread) + ndtr(-(middle + bound) / spread)))


def _find_bound(points, mass, step, share):
    """Distance from 0 beyond which the process is, after a step, with a probability of `share`."""
    if len(points) == 1:  # the first look
        return min(float(-ndtri(share / 2)) * np.sqrt(step), np.inf)
    if leave(points, mass, step, 0.0) <= share:
        return 0.0
    if leave(points, mass, step, _FARTHEST) >= share:
        return np.inf
    return scipy.optimize.brentq(lambda bound: leave(points, mass, step, bound) - share, 0.0, _FARTHEST, xtol=1e-13)


def _find_repeated_p(z, looks, position):
    """Smallest error at which a look with this |z| would cross its bound."""
    if z > 8:  # the looks before can be neglected
        return 4 * float(ndtr(np.sqrt(looks[position]) * ndtri(ndtr(-z) / 2)))
    least, most, before = 2 * ndtr(-z), 0.9999, looks[:position]
    step = looks[position] - (before[-1] if position else 0.0)

    def gap(log_alpha):
        """Above 0 where the bound is: more than may be spent lies beyond |z|."""
        spent = _spend(looks, np.exp(log_alpha))
        _, points, mass = _walk(before, spent[:position])
        beyond = leave(points, mass, step, z * np.sqrt(looks[position]))
        return np.log(beyond) - np.log(max(spent[position], 1e-300))

    if least >= most or gap(np.log(most)) > 0:
        return 1.0
    return float(np.exp(scipy.optimize.brentq(gap, np.log(least) - 1e-6, np.log(most), xtol=1e-9)))


ENROLLING = 3  # times the mean wait between assignments, in days: longer without one, and enrolment is over
NO_DAY = "plan, as_of: looks need the last complete day, since enrolment_days alone do not tell how far it is; give it"


@dataclass(frozen=True)
class Look:
    """How far an experiment is, and which interval decides: fixed, always-valid or repeated.

    `share` is the part of the planned units whose windows are over; `n_planned` the units for which always-valid
    intervals are tuned, once: those planned, else 2,000, and never those that happen to be there at a look; `looks`
    those that the plan names; `before` the share of a day ago. No run knows whether another has looked, so a planned
    look is taken on the first day that reaches its share, and the last one at the end: each once.
    """

    is_interim: bool
    interval: str
    share: float
    n_planned: int
    looks: tuple[float, ...]
    before: float = 1.0

    @property
    def planned(self) -> float | None:
        """The look of the plan that this one is; None beside the planned ones."""
        reached = [look for look in self.looks if self.before < look <= self.share + 1e-9 and look < 1]
        return max(reached, default=None) if self.is_interim else 1.0

    def apply(self, comparison, effect: Effect, *, n) -> Effect:
        """Return an effect with the interval that decides at this look.

        Parameters
        ----------
        comparison : Comparison
        effect : Effect
        n : int
            Units in the estimate, both arms.

        Returns
        -------
        Effect: as it came where the interval is fixed; nan with a reason where nothing can be said yet, or where
            there is no standard error to make another interval of.
        """
        if self.interval == "fixed":
            return effect
        if self.interval == "always-valid":
            variant = comparison.design.variant
            shares = variant.shares or dict.fromkeys(variant.arms, 1 / len(variant.arms))
            sides = comparison.treatment, comparison.control
            n_planned = self.n_planned * sum(shares.get(arm, shares[variant.control]) for arm in sides)
            return always_valid(effect, n=n, n_planned=n_planned, confidence_level=comparison.level)
        if self.planned is None:
            return between_looks(effect, self.share, alpha=1 - comparison.level)
        return at_look(effect, self.planned, self.looks, alpha=1 - comparison.level)

    def find_level(self, comparison, *, n) -> float:
        """Return the confidence level at which a fixed interval is as wide as the one that decides at this look.

        Parameters
        ----------
        comparison : Comparison
        n : int
            Units in the estimate, both arms.

        Returns
        -------
        float: the plan's own where the interval is fixed; nan where nothing can be said yet.
        """
        if self.interval == "fixed":
            return comparison.level
        level = float(1 - 2 * ndtr(-self.apply(comparison, Effect(0.0, 1.0), n=n).ci_high))
        return level if level < 1 else NAN


def read_look(units: metrics.Units) -> Look:
    """Return how far an experiment is.

    It is interim before the planned units are assigned (those left out for standing in two variants count here),
    enrolment is over and every window is over. A plan that names no end is over when nobody has been assigned for
    three times as long as it took from one to the next, and for more than three days. With planned looks the
    group-sequential bounds decide, at the end too; otherwise an interim run uses always-valid intervals.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    Look

    Raises
    ------
    Refused: looks at a plan of enrolment_days, and no day up to which the data are complete.
    """
    design, arms = units.design, metrics.describe_arms(units)
    arms = arms[arms["variant"].isin(design.variant.arms)]
    n, days, as_of = int(arms["units"].sum()), design.enrolment_days, units.as_of
    is_open = n - min(int(arms[f"complete_{name}"].sum()) for name in design.metrics)
    planned, interim = design.planned_units or n, is_open > 0
    if days is not None and as_of is not None and "first_assigned_at" in arms:
        begun = arms["first_assigned_at"].min().date()
        elapsed = (as_of - begun).days + 1
        if not design.planned_units and 0 < elapsed < days:  # as many as there will be, at the pace so far
            planned = round(n * days / elapsed)
        interim = interim or begun + dt.timedelta(days=days) > as_of + dt.timedelta(days=1)
    if design.looks and not design.planned_units and as_of is None:
        raise Refused(NO_DAY)
    interim = interim or n + units.n_two_variants < planned
    if not (interim or design.names_end or units.assigned is None or as_of is None):  # do assignments go on?
        first, last = units.assigned
        interim = (as_of - last).days <= ENROLLING * max((last - first).days / max(n - 1, 1), 1)
    interval = "repeated" if design.looks else "always-valid" if interim else "fixed"
    share = min(1.0, (n - is_open) / planned) if interim else 1.0
    before = min(n - is_open - 1, int(arms["units_before"].sum()) if "units_before" in arms else n) / planned
    return Look(interim, interval, share, design.planned_units or UNPLANNED_UNITS, tuple(design.looks), before)


MOST = 40.0  # standard errors: a drift that every rule finds


def leave_at_looks(looks, bounds, drift) -> np.ndarray:
    """Return the chance that an experiment stops at each of its looks, on either side.

    Parameters
    ----------
    looks : array of float, shape (k,), share of the planned information, rising to 1
    bounds : array of float, shape (k,), for |z|, as `sequential_bounds` gives them
    drift : float
        The true effect in standard errors of the whole experiment.

    Returns
    -------
    array, shape (k,): their sum is the power at that drift, and alpha without any.

    References
    ----------
    Jennison & Turnbull 2000, Group Sequential Methods, chapter 19.
    """
    points, mass, left = np.zeros(1), np.ones(1), []
    for step, look, bound in zip(np.diff(looks, prepend=0.0), looks, bounds, strict=True):
        edge = min(bound, MOST) * np.sqrt(look)
        left.append(leave(points, mass, step, edge, drift))
        points, mass = stay(points, mass, step, edge, drift)
    return np.array(left)


def price_looks(looks, *, power=0.8, alpha=0.05) -> dict[str, float]:
    """Return what looking early costs and gives, against one look at the end with the same power.

    Parameters
    ----------
    looks : sequence of float, share of the planned units, rising to 1
    power : float, above alpha and below 1
    alpha : float, two-sided

    Returns
    -------
    dict: `most`, the units at the planned end, `with_effect` and `without_effect`, the units at which it stops on
        average, each a multiple of what one look takes; `first`, the chance that it stops before the end where the
        effect is there.

    References
    ----------
    Jennison & Turnbull 2000, Group Sequential Methods, tables 2.4 and 2.10 (inflation and average size).
    """
    looks = np.asarray(looks, float)
    bounds = sequential_bounds(looks, alpha)
    drift = scipy.optimize.brentq(lambda d: leave_at_looks(looks, bounds, d).sum() - power, 0.0, MOST / 2, xtol=1e-10)
    single = ndtri(power) - ndtri(alpha / 2)
    left = {name: leave_at_looks(looks, bounds, d) for name, d in (("with_effect", drift), ("without_effect", 0.0))}
    most = float((drift / single) ** 2)
    found = {name: most * float(stops @ looks + (1 - stops.sum()) * looks[-1]) for name, stops in left.items()}
    return {"most": most, **found, "first": float(left["with_effect"][:-1].sum())}


def look_daily(control, treatment, *, confidence_level) -> Effect:
    """Return what all always-valid intervals together leave, looked at on every day; columns outcome and day.

    Notes
    -----
    Each day d ± s.e. · √(2 (i + 1) / i · ln(√(i + 1) / α)), i = 2 c · (share of the planned units),
    c = ln(1 / α²) + ln(ln(1 / α²) + 1). Shown is what all days together leave.
    """
    n_planned, seen = len(control) + len(treatment), []
    days = (np.concatenate(_sum_days(arm[None])).T for arm in (control, treatment))
    for (n0, mean0, var0), (n1, mean1, var1) in zip(*days, strict=True):
        freedom = satterthwaite((var0, n0 - 1), (var1, n1 - 1))
        fixed = Effect(estimate=mean1 - mean0, std_error=float(np.sqrt(var0 + var1)), df=freedom, method="welch")
        seen.append(always_valid(fixed, n=n0 + n1, n_planned=n_planned, confidence_level=confidence_level))
    return _intersect(seen)


def limit_days(controls, treatments, *, confidence_level, rng=None):
    """Return limits and p-values of `look_daily`, many experiments at once; p is 0 or 1."""
    control, treatment = _sum_days(controls), _sum_days(treatments)
    planned = {"n_planned": controls.shape[1] + treatments.shape[1], "confidence_level": confidence_level}
    n, place = np.unique(control[0] + treatment[0], return_inverse=True)
    bound = np.array([always_valid(Effect(0.0, 1.0), n=known, **planned).ci_high for known in n])[place]
    return _intersect_many(*_limit_many(control, treatment, bound))


def _sum_days(arms):
    """Units known by each day, their mean and its squared standard error, each of shape (experiments, days)."""
    size = LOOK_DAYS + 1
    place = (arms[:, :, 1].astype(int) + size * np.arange(len(arms))[:, None]).ravel()
    sums = (np.bincount(place, arms[:, :, 0].ravel() ** k, size * len(arms)) for k in range(3))
    n, first, second = (np.cumsum(part.reshape(-1, size), axis=1)[:, 1:] for part in sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        return n, first / n, (second - first**2 / n) / (n - 1) / n


def _limit_many(control, treatment, bound):
    """Limits of differences of means, of units, mean and squared standard error of each arm, as a bound for |z| has."""
    (n0, mean0, var0), (n1, mean1, var1) = control, treatment
    with np.errstate(invalid="ignore", divide="ignore"):
        df = (var0 + var1) ** 2 / (var0**2 / (n0 - 1) + var1**2 / (n1 - 1))
        half = -stdtrit(df, ndtr(-bound)) * np.sqrt(var0 + var1)
    return mean1 - mean0 - half, mean1 - mean0 + half


def _intersect_many(low, high):
    """What all looks, the second axis, leave together; p, which takes a search, is 0 or 1."""
    low, high = np.fmax.reduce(low, axis=1), np.fmin.reduce(high, axis=1)
    return low, high, np.where((low > 0) | (high < 0), 0.0, 1.0)


def look_as_planned(control, treatment, *, confidence_level) -> Effect:
    """Return what the repeated intervals of two planned looks together leave; columns outcome and day.

    Notes
    -----
    At each look d ± t(ν) · s.e., t as far out as the look's bound u: by then the chance of any |z| > u is what O'Brien
    and Fleming spend, 4 · (1 - Φ(z(α / 4) / √share)). Shown is what all looks together leave.
    """
    seen = []
    for look in LOOKS:
        arms = [measure_columns(arm[: round(look * len(arm)), :1]) for arm in (control, treatment)]
        fixed = difference(compare_means(*arms), confidence_level=confidence_level)
        seen.append(at_look(fixed, look, LOOKS, alpha=1 - confidence_level))
    return _intersect(seen)


def limit_looks(controls, treatments, *, confidence_level, rng=None):
    """Return limits and p-values of `look_as_planned`, many experiments at once; p is 0 or 1."""
    ends = []
    for look, bound in zip(LOOKS, sequential_bounds(LOOKS, 1 - confidence_level), strict=True):
        seen = (arm[:, : round(look * arm.shape[1]), 0] for arm in (controls, treatments))
        sides = ((arm.shape[1], arm.mean(axis=1), arm.var(axis=1, ddof=1) / arm.shape[1]) for arm in seen)
        ends.append(_limit_many(*sides, bound))
    return _intersect_many(*np.array(ends).transpose(1, 2, 0))


def _intersect(effects):
    seen = [effect for effect in effects if effect.ci_low == effect.ci_low]
    if not seen:
        return replace(effects[-1], ci_low=NAN, ci_high=NAN, p_value=NAN)
    low, high = max(e.ci_low for e in seen), min(e.ci_high for e in seen)
    return replace(effects[-1], ci_low=low, ci_high=high, p_value=min(e.p_value for e in seen))
