"""Before an experiment: power, sample size, the smallest effect that would be found, and how long it takes."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import t as student

from helpers.inference.effects import satterthwaite
from helpers.records import Refused

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_NODES, _WEIGHTS = 8 * _NODES, 8 * _WEIGHTS * norm.pdf(8 * _NODES)  # mean of a function of a standard normal variable
_LARGEST = 1e12


def power_proportions(baseline, difference, n_units, *, share_treatment=0.5, alpha=0.05) -> float:
    """Return the chance that a difference of two proportions is found, in its own direction.

    Normal approximation with unpooled variances: Phi(|d| / se - z). It is close to the score test's power unless an
    arm has fewer than about 10 units with the event, or without.

    Parameters
    ----------
    baseline : float, 0 to 1, proportion in control
    difference : float, treatment minus control, either sign
    n_units : float, all units of both arms
    share_treatment : float, between 0 and 1
    alpha : float, two-sided

    Returns
    -------
    float: nan when the treatment proportion would leave 0 to 1.

    References
    ----------
    Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, section 4.2.
    """
    return power_normal(difference, _unit_error(baseline, baseline + difference, share_treatment), n_units, alpha=alpha)


def sample_size_proportions(baseline, difference, *, share_treatment=0.5, power=0.8, alpha=0.05) -> float:
    """Return how many units, both arms together, find a difference of two proportions with a given power.

    The inverse of `power_proportions`: (z_alpha/2 + z_power)^2 (p1 q1 / share + p0 q0 / (1 - share)) / d^2.

    Parameters
    ----------
    baseline, difference, share_treatment, alpha : as for `power_proportions`
    power : float, above alpha / 2 and below 1

    Returns
    -------
    float: not rounded (round up to plan); inf for no difference; nan when a proportion would leave 0 to 1.

    Examples
    --------
    >>> round(sample_size_proportions(0.10, 0.02), 1)
    7676.2
    """
    unit_error = _unit_error(baseline, baseline + difference, share_treatment)
    return sample_size_normal(difference, unit_error, power=power, alpha=alpha)


def mde_proportions(baseline, n_units, *, share_treatment=0.5, power=0.8, alpha=0.05, direction=1) -> float:
    """Return the smallest difference of two proportions that is found with a given power.

    The inverse of `power_proportions`.

    Parameters
    ----------
    baseline, n_units, share_treatment, power, alpha : as for the two functions above
    direction : 1 or -1
        Whether the treatment proportion is higher or lower.

    Returns
    -------
    float: with the sign of `direction`; nan when even the largest possible difference is not found.
    """
    room = 1 - baseline if direction > 0 else baseline
    options = {"share_treatment": share_treatment, "power": power, "alpha": alpha}

    def lacking(size):
        return sample_size_proportions(baseline, direction * size, **options) - n_units

    if not room > 0 or not lacking(room) <= 0:
        return math.nan
    return direction * brentq(lacking, 1e-12, room, xtol=1e-15, rtol=1e-14)


def power_means(difference, sd, n_units, *, sd_treatment=None, share_treatment=0.5, alpha=0.05) -> float:
    """Return the chance that a difference of two means is found by Welch's test, in either direction.

    Noncentral t with Satterthwaite's degrees of freedom, by integration over the variance estimate, which holds at
    any size. Skewed outcomes in small arms have less power than this.

    Parameters
    ----------
    difference : float, treatment minus control
    sd : float, standard deviation of a unit in control
    n_units : float, all units of both arms
    sd_treatment : float, optional
        That of control when left out.
    share_treatment : float, between 0 and 1
    alpha : float, two-sided

    Returns
    -------
    float: nan when an arm has at most 1 unit.

    References
    ----------
    Cohen 1988, Statistical Power Analysis, chapter 2; Moser, Stevens & Watts 1989 (Welch's test).
    """
    sizes = (1 - share_treatment) * n_units, share_treatment * n_units
    if min(sizes) <= 1:
        return float("nan")
    parts = [(s**2 / n, n - 1) for s, n in zip((sd, sd if sd_treatment is None else sd_treatment), sizes, strict=True)]
    df = satterthwaite(*parts)
    distance = abs(difference) / np.sqrt(sum(variance for variance, _ in parts))
    critical = student.isf(alpha / 2, df) * np.sqrt(chi2.ppf(norm.cdf(_NODES), df) / df)
    return float((norm.sf(critical - distance) + norm.sf(critical + distance)) @ _WEIGHTS)


def sample_size_means(difference, sd, *, sd_treatment=None, share_treatment=0.5, power=0.8, alpha=0.05) -> float:
    """Return how many units, both arms together, find a difference of two means with a given power.

    Parameters
    ----------
    difference, sd, sd_treatment, share_treatment, alpha : as for `power_means`
    power : float, above alpha and below 1

    Returns
    -------
    float: not rounded (round up to plan), at least 2 units in each arm; inf for no difference.

    Raises
    ------
    Refused: a power that is not above alpha and below 1.

    Examples
    --------
    >>> round(sample_size_means(1, 1, power=0.9), 1)
    44.0
    """
    options = {"sd_treatment": sd_treatment, "share_treatment": share_treatment, "alpha": alpha}
    least = 2 / min(share_treatment, 1 - share_treatment)
    _refuse_power(power, alpha)
    if difference == 0:
        return float("inf")
    if max(sd, sd_treatment or 0) == 0 or power_means(difference, sd, least, **options) >= power:
        return least
    return brentq(lambda n: power_means(difference, sd, n, **options) - power, least, _LARGEST, rtol=1e-13)


def mde_means(sd, n_units, *, sd_treatment=None, share_treatment=0.5, power=0.8, alpha=0.05) -> float:
    """Return the smallest difference of two means that is found with a given power.

    Parameters
    ----------
    sd, n_units, sd_treatment, share_treatment, power, alpha : as for the two functions above

    Returns
    -------
    float: 0 where nothing varies; nan when an arm has at most 1 unit.

    Raises
    ------
    Refused: a power that is not above alpha and below 1.
    """
    options = {"sd_treatment": sd_treatment, "share_treatment": share_treatment, "alpha": alpha}
    if min(share_treatment, 1 - share_treatment) * n_units <= 1:
        return float("nan")
    _refuse_power(power, alpha)
    scale = max(sd, sd_treatment or 0)
    if scale == 0:
        return 0.0
    return brentq(
        lambda d: power_means(d, sd, n_units, **options) - power, 0, 1e4 * scale, xtol=1e-14 * scale, rtol=1e-13
    )


def _refuse_power(power, alpha):
    if not alpha < power < 1:
        raise Refused(f"a power of {power:g} cannot be planned for; give one above alpha ({alpha:g}) and below 1")


def _unit_error(p0, p1, share):
    """Standard error of the difference times the root of all units; nan outside 0 to 1."""
    if not (0 <= p0 <= 1 and 0 <= p1 <= 1):
        return math.nan
    return math.sqrt(p1 * (1 - p1) / share + p0 * (1 - p0) / (1 - share))


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
    log_ratio = math.log(hazard_ratio) if hazard_ratio > 0 else math.nan
    return power_normal(log_ratio, _event_error(share_treatment), n_events, alpha=alpha)


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
    log_ratio = math.log(hazard_ratio) if hazard_ratio > 0 else math.nan
    return sample_size_normal(log_ratio, _event_error(share_treatment), power=power, alpha=alpha)


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


def _reach(power, alpha):
    return float(norm.isf(alpha / 2) + norm.ppf(power))


def _event_error(share):
    return 1 / math.sqrt(share * (1 - share))
