"""Before an experiment: power, sample size and the smallest difference that would be found."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import t as student

from helpers.inference.pairs import satterthwaite
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
    variance = _unit_variance(baseline, baseline + difference, share_treatment)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(norm.cdf(abs(difference) * np.sqrt(n_units / np.float64(variance)) - norm.isf(alpha / 2)))


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
    variance = _unit_variance(baseline, baseline + difference, share_treatment)
    reach = norm.isf(alpha / 2) + norm.ppf(power)
    return float(reach**2 * variance / difference**2) if difference else float("inf")


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

    def lacking(size):
        return (
            sample_size_proportions(
                baseline, direction * size, share_treatment=share_treatment, power=power, alpha=alpha
            )
            - n_units
        )

    if not room > 0 or not lacking(room) <= 0:
        return float("nan")
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


def _unit_variance(p0, p1, share):
    """Variance of the difference times all units; nan outside 0 to 1."""
    if not (0 <= p0 <= 1 and 0 <= p1 <= 1):
        return float("nan")
    return p1 * (1 - p1) / share + p0 * (1 - p0) / (1 - share)
