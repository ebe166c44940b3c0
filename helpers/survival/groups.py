"""Groups compared in their time to an event: incidence at a horizon, restricted mean time, log-rank."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import optimize, stats

from helpers.records import Effect, Test
from helpers.survival.life import (
    LifeTable,
    count_effective,
    estimate_incidence,
    estimate_restricted_mean,
    wilson_interval,
)


def incidence_difference(
    control: LifeTable, treatment: LifeTable, *, horizon: float, confidence_level: float = 0.95
) -> Effect:
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
    Effect: a proportion; nan with a reason where a group is empty or not followed up to the horizon; no p-value
        where both groups have no event, or all have it.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; Rothman (1978) for the effective size.
    """
    method = "cumulative incidence, square-and-add"
    reason = _unfollowed((control, treatment), horizon)
    if reason:
        return Effect(method=method, reason=reason)
    (base, base_var), (share, share_var) = (_at(table, horizon) for table in (control, treatment))
    sizes = [count_effective(table, horizon) for table in (control, treatment)]
    low, high = (_square_and_add(base, share, sizes, _z(confidence_level), side) for side in (-1, 1))
    settled = base_var == 0 and share_var == 0 and base == share
    p = math.nan if settled else _find_p(base, share, sizes)
    reason = "no p-value: both groups are at the same end" if settled else None
    error = math.sqrt(base_var + share_var)
    return Effect(share - base, error, None, low, high, None, p, base, share, method, reason)


def rmst_difference(
    control: LifeTable, treatment: LifeTable, *, horizon: float, confidence_level: float = 0.95
) -> Effect:
    """Return the difference in restricted mean time without the event up to a horizon, treatment minus control.

    The area above the cumulative incidence, in days; below 0 the event comes sooner under treatment. A unit with
    a competing event counts as without the event for the rest of the time.

    Parameters
    ----------
    control, treatment : LifeTable
    horizon : float, days
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: days; normal interval; nan with a reason as for `incidence_difference`, and without p-value where
        nobody has the event.

    References
    ----------
    Royston and Parmar (2013), Restricted mean survival time; Andersen (2013) for competing events.
    """
    method = "restricted mean time"
    reason = _unfollowed((control, treatment), horizon)
    if reason:
        return Effect(method=method, reason=reason)
    (base, base_var), (mean, mean_var) = (estimate_restricted_mean(table, horizon) for table in (control, treatment))
    gap, error = mean - base, math.sqrt(base_var + mean_var)
    values = {"control_value": base, "treatment_value": mean, "method": method}
    if error == 0:
        return Effect(gap, error, **values, reason="no interval: times up to the horizon do not vary")
    reach = _z(confidence_level) * error
    p = float(2 * stats.norm.sf(abs(gap) / error))
    return Effect(gap, error, None, gap - reach, gap + reach, p_value=p, **values)


def log_rank(tables: Sequence[LifeTable], *, metric: str, comparison: str) -> Test:
    """Return the log-rank test that the event comes at the same rate in all groups.

    With competing events it compares cause-specific hazards: a competing event ends the time at risk.

    Parameters
    ----------
    tables : sequence of LifeTable, two groups or more
    metric, comparison : str
        Labels of the record.

    Returns
    -------
    Test: chi-square with groups - 1 degrees of freedom; nan where no event happens or a group is empty.

    References
    ----------
    Mantel (1966); Peto and Peto (1972).
    """
    days = np.unique(np.concatenate([table.days[table.events > 0] for table in tables]))
    at_risk = np.array([np.append(t.at_risk, 0)[np.searchsorted(t.days, days)] for t in tables], float)
    events = np.array([_count_on(table, days) for table in tables], float)
    risk, seen = at_risk.sum(axis=0), events.sum(axis=0)
    share = at_risk / risk
    surplus = (events - seen * share).sum(axis=1)[1:]
    spread = seen * np.divide(risk - seen, risk - 1, out=np.zeros_like(risk), where=risk > 1)
    cov = (np.diag((share * spread).sum(axis=1)) - (share * spread) @ share.T)[1:, 1:]
    valid = len(days) > 0 and min(t.n for t in tables) > 0 and np.linalg.matrix_rank(cov) == len(cov)
    statistic = float(surplus @ np.linalg.solve(cov, surplus)) if valid else math.nan
    p = float(stats.chi2.sf(statistic, len(cov)))
    return Test(f"{metric}:{comparison}:log-rank", metric, "log-rank", statistic, len(cov), p)


def _unfollowed(tables, horizon):
    if any(table.n == 0 for table in tables):
        return "a group has no units"
    short = [table.days[-1] for table in tables if np.isnan(estimate_incidence(table, horizon)[0])]
    return f"follow-up ends on day {min(short):g} in a group, before the horizon of {horizon:g} days" if short else None


def _at(table, day):
    incidence, variance = estimate_incidence(table, day)
    return float(incidence), float(variance)


def _square_and_add(base, share, sizes, z, side):
    (base_low, base_high), (low, high) = wilson_interval(base, sizes[0], z), wilson_interval(share, sizes[1], z)
    if side < 0:
        return float(share - base - math.hypot(share - low, base_high - base))
    return float(share - base + math.hypot(high - share, base - base_low))


def _find_p(base, share, sizes):
    """Return the level at which the interval reaches 0."""
    if share == base:
        return 1.0
    side = -1 if share > base else 1
    top = 1.0
    while _square_and_add(base, share, sizes, top, side) * side < 0:
        top *= 2
    z = optimize.brentq(lambda z: _square_and_add(base, share, sizes, z, side), 0, top, xtol=1e-12)
    return float(2 * stats.norm.sf(z))


def _z(confidence_level):
    return float(stats.norm.isf((1 - confidence_level) / 2))


def _count_on(table, days):
    place = np.searchsorted(table.days, days)
    found = np.append(table.days, np.nan)[place] == days
    return np.where(found, np.append(table.events, 0)[place], 0)
