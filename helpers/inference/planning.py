"""Before an experiment, beyond means and shares: power from a standard error or from events, and how long it takes."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm


def power_normal(difference, unit_error, n_units, *, alpha=0.05) -> float:
    """Return the chance that an effect is found by an estimator with a standard error, in its own direction.

    For every estimator whose standard error falls with the root of the units (ratios, rates, clusters, quantiles,
    ordered scores, incidence): Phi(|d| / se - z), with se = unit_error / sqrt(n_units).

    Parameters
    ----------
    difference : float, either sign
    unit_error : float, above 0
        The standard error times the root of the units (or clusters) it came from, at the same split.
    n_units : float, both arms
    alpha : float, two-sided

    Returns
    -------
    float
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(norm.cdf(abs(difference) * np.sqrt(n_units) / np.float64(unit_error) - norm.isf(alpha / 2)))


def sample_size_normal(difference, unit_error, *, power=0.8, alpha=0.05) -> float:
    """Return how many units, both arms together, find an effect with a given power; inverse of `power_normal`.

    Parameters
    ----------
    difference, unit_error, alpha : as for `power_normal`
    power : float, above alpha / 2 and below 1

    Returns
    -------
    float: not rounded (round up to plan); inf for no difference.

    Examples
    --------
    >>> round(sample_size_normal(1, 2, power=0.9), 2)
    42.03
    """
    return float((_reach(power, alpha) * unit_error / difference) ** 2) if difference else math.inf


def mde_normal(unit_error, n_units, *, power=0.8, alpha=0.05) -> float:
    """Return the smallest effect that is found with a given power; inverse of `power_normal`.

    Parameters
    ----------
    unit_error, n_units, power, alpha : as for the two functions above

    Returns
    -------
    float: above 0; inf without units.
    """
    return float(_reach(power, alpha) * unit_error / math.sqrt(n_units)) if n_units > 0 else math.inf


def power_events(hazard_ratio, n_events, *, share_treatment=0.5, alpha=0.05) -> float:
    """Return the chance that a log-rank test finds a hazard ratio, in its own direction.

    What counts is events, not units: Phi(|log ratio| sqrt(events x share x (1 - share)) - z).

    Parameters
    ----------
    hazard_ratio : float, treatment over control
        One that is not above 0 gives nan.
    n_events : float, events in both arms
    share_treatment : float, between 0 and 1
    alpha : float, two-sided

    Returns
    -------
    float

    References
    ----------
    Schoenfeld 1981, Biometrika 68: 316-319.
    """
    return power_normal(_log(hazard_ratio), _event_error(share_treatment), n_events, alpha=alpha)


def sample_size_events(hazard_ratio, *, share_treatment=0.5, power=0.8, alpha=0.05) -> float:
    """Return how many events, both arms together, find a hazard ratio with a given power.

    Parameters
    ----------
    hazard_ratio, share_treatment, alpha : as for `power_events`
    power : float, above alpha / 2 and below 1

    Returns
    -------
    float: not rounded; divide by the share of units with an event for the units; inf for a ratio of 1.

    Examples
    --------
    >>> round(sample_size_events(2.0), 1)
    65.3
    """
    return sample_size_normal(_log(hazard_ratio), _event_error(share_treatment), power=power, alpha=alpha)


def mde_events(n_events, *, share_treatment=0.5, power=0.8, alpha=0.05, direction=1) -> float:
    """Return the hazard ratio nearest to 1 that is found with a given power.

    Parameters
    ----------
    n_events, share_treatment, power, alpha : as for the two functions above
    direction : 1 or -1
        Whether events come sooner (above 1) or later (below 1) in treatment.

    Returns
    -------
    float
    """
    return math.exp(direction * mde_normal(_event_error(share_treatment), n_events, power=power, alpha=alpha))


def duration_days(n_units, units_per_day, *, window_days=0) -> float:
    """Return how many days an experiment takes: until enough units have come, and the last one's window is over.

    Parameters
    ----------
    n_units : float, both arms
    units_per_day : float
        That enter, both arms.
    window_days : float, at least 0
        How long after its assignment a unit's outcome is complete.

    Returns
    -------
    float: whole days; inf for infinite units or no units a day; nan when one is unknown.

    Examples
    --------
    >>> duration_days(1000, 30, window_days=28)
    62.0
    """
    if math.isnan(n_units) or math.isnan(units_per_day):
        return math.nan
    if math.isinf(n_units) or units_per_day <= 0:
        return math.inf
    return float(math.ceil(n_units / units_per_day) + math.ceil(window_days))


def _log(hazard_ratio):
    return math.log(hazard_ratio) if hazard_ratio > 0 else math.nan


def _reach(power, alpha):
    return float(norm.isf(alpha / 2) + norm.ppf(power))


def _event_error(share):
    return 1 / math.sqrt(share * (1 - share))
