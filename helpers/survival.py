"""Time to an event, some of it not yet seen: the share reached by a day, the mean time up to it, and their tests."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # its optimize loads when it is first used
from scipy.special import chdtrc, ndtr, ndtri

from helpers.records import Effect, Refused, Test

SHARE, MEAN = "cumulative incidence, square-and-add", "restricted mean time"
FEW = 10  # units, or half of a small group, that its last have to stand for, where nobody is left without an event
THIN = "few of a group are followed to its last event, which leaves nobody without one and would stand for the lost"


@dataclass(frozen=True)
class LifeTable:
    """What happened when, in one group: all that every estimate here is computed from.

    Parameters
    ----------
    days : array, shape (k,), distinct times in days since the start, rising; an event or an end of follow-up
    at_risk : array, shape (k,), units without event and still followed just before
    events : array, shape (k,), units with the event
    competing : array, shape (k,), units with an event after which the first can no longer happen
    """

    days: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    competing: np.ndarray

    @property
    def n(self) -> int:
        """Units in the group."""
        return int(self.at_risk[0]) if len(self.at_risk) else 0


def build_life_table(days, events) -> LifeTable:
    """Return the life table of one group; who leaves on a day is still at risk on it.

    Parameters
    ----------
    days : array, one value a unit, days from the start to the event or to the end of follow-up, 0 or more
        A unit with a missing time or event is left out.
    events : array, one value a unit
        0 right-censored (not yet seen), 1 the event, 2 a competing event.

    Returns
    -------
    LifeTable

    Raises
    ------
    Refused: a time below 0 or infinite, another event code.
    """
    days, events = np.asarray(days, float), np.asarray(events, float)
    known = ~(np.isnan(days) | np.isnan(events))
    days, events = days[known], events[known]
    for wrong, what in (
        (~np.isfinite(days) | (days < 0), "times are below 0 or infinite; give days since the start, 0 or more"),
        (~np.isin(events, [0, 1, 2]), "event codes are not 0 (not yet seen), 1 (event) or 2 (competing event)"),
    ):
        if wrong.any():
            raise Refused(f"{int(wrong.sum())} of {len(wrong)} {what}")
    distinct, place = np.unique(days, return_inverse=True)
    codes = np.bincount(3 * place + events.astype(int), minlength=3 * len(distinct)).reshape(-1, 3)
    leaving = codes.sum(axis=1)
    return LifeTable(distinct, len(days) - np.cumsum(leaving) + leaving, codes[:, 1], codes[:, 2])


def read_incidence(table: LifeTable, days, *, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return the cumulative incidence at some days: the share of all units with the event by then.

    Without competing events the complement of Kaplan-Meier, with them Aalen-Johansen. Pointwise log-log
    intervals; where nobody or everybody has the event, Wilson's on the units whose state is known.

    Parameters
    ----------
    table : LifeTable
    days : array of float
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: day, at_risk (units still followed without any event on that day), incidence, std_error, ci_low,
        ci_high; nan beyond the last follow-up while somebody is still without event.

    References
    ----------
    Kaplan and Meier (1958); Aalen and Johansen (1978); Andersen et al. (1993), 4.4.20 for the variance;
    Kalbfleisch and Prentice (2002), 1.4, for the log-log interval.
    """
    days = np.asarray(days, float)
    incidence, variance = estimate_incidence(table, days)
    z, error = float(-ndtri((1 - confidence_level) / 2)), np.sqrt(variance)
    inside = (incidence > 0) & (incidence < 1)
    free = np.where(inside, 1 - incidence, 0.5)
    reach = z * error / (free * -np.log(free))
    curved = (1 - free ** np.exp(-reach), 1 - free ** np.exp(reach))
    edge = wilson_interval(incidence, _count_effective(table, days, incidence, variance), z)
    low, high = (np.where(inside, pair[0], pair[1]) for pair in zip(curved, edge, strict=True))
    at_risk = np.append(table.at_risk, 0)[np.searchsorted(table.days, days)]
    return pd.DataFrame(
        {"day": days, "at_risk": at_risk, "incidence": incidence, "std_error": error, "ci_low": low, "ci_high": high}
    )


def estimate_incidence(table: LifeTable, days) -> tuple[np.ndarray, np.ndarray]:
    """Return the cumulative incidence at days and its variance, by the delta method on the hazards of each time.

    Parameters
    ----------
    table : LifeTable
    days : float or array of float
        Beyond the last follow-up both are nan while somebody is still without event.
    """
    hazard, before, after, through = _steps(table)
    mixed = before * hazard / table.at_risk
    direct = before**2 * hazard * (1 - hazard) / table.at_risk
    terms = (direct + through * after**2 + 2 * mixed * after, through * after + mixed, through)
    place = np.searchsorted(table.days, days, side="right")
    square, cross, plain = (np.concatenate([[0.0], np.cumsum(term)])[place] for term in terms)
    incidence = np.concatenate([[0.0], after])[place]
    variance = np.maximum(square - 2 * incidence * cross + incidence**2 * plain, 0.0)
    beyond = _is_unfollowed(table, days)
    # where everybody has the event the three sums cancel down to rounding errors
    return np.where(beyond, np.nan, incidence), np.where(beyond, np.nan, np.where(incidence == 1, 0.0, variance))


def _is_unfollowed(table, days):
    """Whether nobody is followed any more on some days, although somebody had no event yet."""
    if not table.n:
        return np.ones_like(days, bool)
    return (table.at_risk[-1] > table.events[-1] + table.competing[-1]) & (np.asarray(days) > table.days[-1])


def estimate_restricted_mean(table: LifeTable, horizon: float) -> tuple[float, float]:
    """Return the mean time without the event up to a horizon, in days, and its variance.

    The area above the cumulative incidence, and its variance by the delta method; followed up to the horizon (days).
    """
    hazard, before, after, through = _steps(table)
    start = np.minimum(table.days, horizon)
    area, left = after * np.diff(np.append(start, horizon)), horizon - start
    later = np.cumsum(area[::-1])[::-1] - after * left  # what events after this one add to the area
    terms = left**2 * before**2 * hazard * (1 - hazard) + later**2 * through * table.at_risk
    variance = float(np.sum((terms - 2 * before * left * later * hazard) / table.at_risk))
    return float(horizon - area.sum()), max(variance, 0.0)


def _count_effective(table, days, share, variance):
    """How many fully observed units would tell as much of the incidence at days (Rothman 1978).

    Its share x (1 - share) / variance; where nobody has the event, the units whose state is known, and where everybody
    has it, those last at risk by the share still without it (Cutler and Ederer 1958): all units where nobody was lost.
    """
    place = np.searchsorted(table.days, days)
    seen = np.concatenate([[0], np.cumsum(table.events + table.competing)])[place]
    known = np.maximum(seen + np.append(table.at_risk, 0)[place], 1)
    known = np.where(np.asarray(share) == 1, _count_last(table), known)
    return np.where(variance > 0, share * (1 - share) / np.where(variance > 0, variance, 1), known)


def _count_last(table):
    """How many units those last at risk stand for; all where nobody was lost, one at least."""
    return float(np.sum(table.at_risk[-1:] / _steps(table)[1][-1:]))


def wilson_interval(share, n, z: float):
    """Return the ends of Wilson's interval for a share of n units, n not necessarily whole.

    Parameters
    ----------
    share, n : float or array
    z : float, normal quantile of the level, 0 or more

    Returns
    -------
    tuple: lower and upper end, within 0 and 1 (Wilson 1927, Probable inference, the law of succession).
    """
    middle, weight = share + z * z / (2 * n), 1 + z * z / n
    reach = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.maximum((middle - reach) / weight, 0.0), np.minimum((middle + reach) / weight, 1.0)


def _steps(table):
    """Return one a time: hazard of the event, share without event before, incidence after, Greenwood's term."""
    any_event, hazard = (table.events + table.competing) / table.at_risk, table.events / table.at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - any_event)])[: len(any_event)]
    after = np.cumsum(before * hazard)
    through = np.divide(any_event, (1 - any_event) * table.at_risk, out=np.zeros_like(any_event), where=any_event < 1)
    return hazard, before, np.where(after > 1 - 1e-12, 1.0, after), through


def incidence_difference(control: LifeTable, treatment: LifeTable, *, horizon, confidence_level=0.95) -> Effect:
    """Return the difference in cumulative incidence at a horizon, treatment minus control.

    The interval joins Wilson's of both groups at their effective sizes (square-and-add); the p-value is the level
    at which it reaches 0. Without anybody lost before the horizon this is Newcombe's method 10.

    Parameters
    ----------
    control, treatment : LifeTable
    horizon : float, days
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: a proportion; nan with a reason where a group is empty or not followed up to the horizon, or where its last
        event leaves nobody without one and few were followed to it; no p-value where nobody or everybody has it.

    Notes
    -----
    F = share with the event by the horizon (Aalen-Johansen; Kaplan-Meier without competing events), d = F₁ - F₀;
    Wilson's limits l, u of each at its effective size; interval from d - √((F₁ - l₁)² + (u₀ - F₀)²) to
    d + √((u₁ - F₁)² + (F₀ - l₀)²).

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; Rothman (1978) for the effective size.
    """
    tables = control, treatment
    reason = _unfollowed(tables, horizon)
    if reason:
        return Effect(method=SHARE, reason=reason)
    found = [[float(part) for part in estimate_incidence(table, horizon)] for table in tables]
    sizes = np.array([_count_effective(table, horizon, *pair) for table, pair in zip(tables, found, strict=True)])
    (base, base_var), (share, share_var) = found

    def reach(z, side):
        low, high = wilson_interval(np.array([base, share]), sizes, z)
        joined = math.hypot(share - low[1], high[0] - base) if side < 0 else math.hypot(high[1] - share, base - low[0])
        return float(share - base + side * joined)

    low, high = (reach(float(-ndtri((1 - confidence_level) / 2)), side) for side in (-1, 1))
    error, p, reason = math.sqrt(base_var + share_var), 1.0, None
    if share != base:  # the level at which the interval reaches 0
        side, top = (-1 if share > base else 1), 1.0
        while reach(top, side) * side < 0:
            top *= 2
        p = float(2 * ndtr(-scipy.optimize.brentq(reach, 0, top, args=(side,), xtol=1e-12)))
    elif error == 0:
        p, reason = math.nan, "no p-value: both groups are at the same end"
    return Effect(share - base, error, None, low, high, None, p, base, share, SHARE, reason)


def rmst_difference(control: LifeTable, treatment: LifeTable, *, horizon, confidence_level=0.95) -> Effect:
    """Return the difference in restricted mean time without the event up to a horizon, treatment minus control.

    The area above the cumulative incidence, in days; below 0 the event comes sooner under treatment. A unit with
    a competing event counts as without the event for the rest of the time.

    Returns
    -------
    Effect: days; normal interval; nan with a reason as for `incidence_difference`, whose arguments these are, and
        without p-value where nobody has the event.

    Notes
    -----
    M = ∫ (1 - F(t)) dt from 0 to the horizon, F = share with the event by t; d = M₁ - M₀; interval d ± z · √(v₁ + v₀).

    References
    ----------
    Royston and Parmar (2013), Restricted mean survival time; Andersen (2013) for competing events.
    """
    tables = control, treatment
    reason = _unfollowed(tables, horizon)
    if reason:
        return Effect(method=MEAN, reason=reason)
    (base, base_var), (mean, mean_var) = (estimate_restricted_mean(table, horizon) for table in tables)
    gap, error = mean - base, math.sqrt(base_var + mean_var)
    values = {"control_value": base, "treatment_value": mean, "method": MEAN}
    if error == 0:
        return Effect(gap, error, **values, reason="no interval: times up to the horizon do not vary")
    reach = float(-ndtri((1 - confidence_level) / 2)) * error
    p = float(2 * ndtr(-abs(gap) / error))
    return Effect(gap, error, None, gap - reach, gap + reach, p_value=p, **values)


def log_rank(tables: Sequence[LifeTable], *, metric: str, comparison: str, horizon: float = math.inf) -> Test:
    """Return the log-rank test that the event comes at the same rate in all groups.

    With competing events it compares cause-specific hazards: a competing event ends the time at risk.

    Parameters
    ----------
    tables : sequence of LifeTable, two groups or more
    metric, comparison : str, labels of the record
    horizon : float, days
        Events after it do not count.

    Returns
    -------
    Test: chi-square with groups - 1 degrees of freedom (Mantel 1966; Peto and Peto 1972); nan where no event happens
        or a group is empty.
    """
    days = np.unique(np.concatenate([t.days[(t.events > 0) & (t.days <= horizon)] for t in tables]))
    at_risk, events = np.zeros((2, len(tables), len(days)))
    for group, t in enumerate(tables):
        at_risk[group] = np.append(t.at_risk, 0)[np.searchsorted(t.days, days)]
        seen = (t.events > 0) & (t.days <= horizon)
        events[group, np.searchsorted(days, t.days[seen])] = t.events[seen]
    risk, seen = at_risk.sum(axis=0), events.sum(axis=0)
    share = at_risk / risk
    surplus = (events - seen * share).sum(axis=1)[1:]
    spread = seen * np.divide(risk - seen, risk - 1, out=np.zeros_like(risk), where=risk > 1)
    cov = (np.diag((share * spread).sum(axis=1)) - (share * spread) @ share.T)[1:, 1:]
    valid = len(days) > 0 and min(t.n for t in tables) > 0 and np.linalg.matrix_rank(cov) == len(cov)
    statistic = float(surplus @ np.linalg.solve(cov, surplus)) if valid else math.nan
    p = float(chdtrc(len(cov), statistic))
    return Test(f"{metric}:{comparison}:log-rank", metric, "log-rank", statistic, len(cov), p)


def _unfollowed(tables, horizon):
    if any(table.n == 0 for table in tables):
        return "a group has no units"
    short = [math.floor(table.days[-1]) for table in tables if _is_unfollowed(table, horizon)]
    told = f"in a group, before the horizon of {horizon:g} days"
    if short:
        return f"follow-up ends on day {min(short)} {told}"
    ended = [table for table in tables if table.days[-1] <= horizon and not _is_unfollowed(table, math.inf)]
    return THIN if any(_count_last(table) + 0.5 < min(FEW, table.n / 2) for table in ended) else None
