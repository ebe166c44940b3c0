"""One group's time to an event: its life table and the share reached by a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from helpers.records import Refused


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
    _refuse(~np.isfinite(days) | (days < 0), "times are below 0 or infinite; give days since the start, 0 or more")
    _refuse(~np.isin(events, (0, 1, 2)), "event codes are not 0 (not yet seen), 1 (event) or 2 (competing event)")
    distinct, place = np.unique(days, return_inverse=True)
    leaving, of_interest, competing = (
        np.bincount(place[chosen], minlength=len(distinct)) for chosen in (events >= 0, events == 1, events == 2)
    )
    return LifeTable(distinct, len(days) - np.cumsum(leaving) + leaving, of_interest, competing)


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
    z, error = float(stats.norm.isf((1 - confidence_level) / 2)), np.sqrt(variance)
    inside = (incidence > 0) & (incidence < 1)
    free = np.where(inside, 1 - incidence, 0.5)
    reach = z * error / (free * -np.log(free))
    curved = (1 - free ** np.exp(-reach), 1 - free ** np.exp(reach))
    edge = wilson_interval(incidence, count_effective(table, days), z)
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

    Returns
    -------
    tuple of array: incidence, variance; nan beyond the last follow-up while somebody is still without event.
    """
    any_event, hazard, before, after = _steps(table)
    through, mixed = _through(table, any_event), before * hazard / table.at_risk
    direct = before**2 * hazard * (1 - hazard) / table.at_risk
    terms = (direct + through * after**2 + 2 * mixed * after, through * after + mixed, through)
    place = np.searchsorted(table.days, days, side="right")
    square, cross, plain = (np.concatenate([[0.0], np.cumsum(term)])[place] for term in terms)
    incidence = np.concatenate([[0.0], after])[place]
    variance = np.maximum(square - 2 * incidence * cross + incidence**2 * plain, 0.0)
    beyond = _is_beyond(table, days)
    # where everybody has the event the three sums cancel down to rounding errors
    return np.where(beyond, np.nan, incidence), np.where(beyond, np.nan, np.where(incidence == 1, 0.0, variance))


def estimate_restricted_mean(table: LifeTable, horizon: float) -> tuple[float, float]:
    """Return the mean time without the event up to a horizon, in days, and its variance.

    Parameters
    ----------
    table : LifeTable, followed up to the horizon
    horizon : float, days

    Returns
    -------
    tuple of float: the area above the cumulative incidence, and its variance by the delta method.
    """
    any_event, hazard, before, after = _steps(table)
    start = np.minimum(table.days, horizon)
    area, left = after * np.diff(np.append(start, horizon)), horizon - start
    later = np.cumsum(area[::-1])[::-1] - after * left  # what events after this one add to the area
    terms = left**2 * before**2 * hazard * (1 - hazard) + later**2 * _through(table, any_event) * table.at_risk
    variance = float(np.sum((terms - 2 * before * left * later * hazard) / table.at_risk))
    return float(horizon - area.sum()), max(variance, 0.0)


def count_effective(table: LifeTable, days) -> np.ndarray:
    """Return how many fully observed units would tell as much about the incidence at days.

    Parameters
    ----------
    table : LifeTable
    days : float or array of float

    Returns
    -------
    array: incidence x (1 - incidence) / variance; where nobody or everybody has the event, the units whose state
        is known on the day.

    References
    ----------
    Rothman (1978), Estimation of confidence limits for the cumulative probability of survival.
    """
    share, variance = estimate_incidence(table, days)
    place = np.searchsorted(table.days, days)
    seen = np.concatenate([[0], np.cumsum(table.events + table.competing)])[place]
    known = np.maximum(seen + np.append(table.at_risk, 0)[place], 1)
    return np.where(variance > 0, share * (1 - share) / np.where(variance > 0, variance, 1), known)


def wilson_interval(share, n, z: float):
    """Return the ends of Wilson's interval for a share of n units, n not necessarily whole.

    Parameters
    ----------
    share, n : float or array
    z : float
        Normal quantile of the level, 0 or more.

    Returns
    -------
    tuple: lower and upper end, within 0 and 1.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    middle, weight = share + z * z / (2 * n), 1 + z * z / n
    reach = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.maximum((middle - reach) / weight, 0.0), np.minimum((middle + reach) / weight, 1.0)


def _refuse(wrong, what):
    if wrong.any():
        raise Refused(f"{int(wrong.sum())} of {len(wrong)} {what}")


def _steps(table):
    """Return one a time: hazards of any event and of the event, share without event before, incidence after."""
    any_event = (table.events + table.competing) / table.at_risk
    hazard = table.events / table.at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - any_event)])[: len(any_event)]
    after = np.cumsum(before * hazard)
    return any_event, hazard, before, np.where(after > 1 - 1e-12, 1.0, after)


def _through(table, any_event):
    return np.divide(any_event, (1 - any_event) * table.at_risk, out=np.zeros_like(any_event), where=any_event < 1)


def _is_beyond(table, days):
    # nobody is followed any more, although somebody had no event yet
    if table.n == 0:
        return np.ones_like(days, bool)
    lost = table.at_risk[-1] > table.events[-1] + table.competing[-1]
    return lost & (np.asarray(days) > table.days[-1])
