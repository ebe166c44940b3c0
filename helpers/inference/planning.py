"""Before an experiment: power, sample sizes and smallest effects, each the inverse of the other; chances and worth."""

import math

import numpy as np
import scipy  # its optimize and stats load when they are first used
from scipy.special import betainc, betaln, gammaincinv, ndtr, ndtri, stdtrit, xlog1py, xlogy

from helpers.inference.contrasts import score_at
from helpers.inference.decisions import holm
from helpers.inference.looks import place_nodes
from helpers.inference.means import satterthwaite
from helpers.records import Refused

_LARGEST = 1e12


def power_normal(difference, unit_error, n_units, *, alpha=0.05, tested_error=None) -> float:
    """Return the chance that an effect is found by an estimator with a standard error, in its own direction.

    For every estimator whose standard error falls with the root of the units (ratios, rates, clusters, quantiles,
    ordered scores, incidence): Phi(|d| / se - z), with se = unit_error / sqrt(n_units). Of a log-rank test: the
    logarithm of the hazard ratio, 1 / sqrt(share x (1 - share)), and the events of both arms for the units.

    Parameters
    ----------
    difference : float, either sign
    unit_error : float, above 0
        The standard error times the root of the units (or clusters) it came from, at the same split.
    n_units : float, both arms
    alpha : float, two-sided
    tested_error : float, above 0, optional
        That by which the test divides, where it is another: Phi((|d| - z x its se) / se).

    Returns
    -------
    float

    References
    ----------
    Schoenfeld 1981, Biometrika 68: 316-319 (events of a log-rank test).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        line = ndtri(alpha / 2) * (unit_error if tested_error is None else tested_error)
        return float(ndtr((abs(difference) * np.sqrt(n_units) + line) / np.float64(unit_error)))


def sample_size_normal(difference, unit_error, *, power=0.8, alpha=0.05, tested_error=None) -> float:
    """Return how many units, both arms together, find an effect with a given power; inverse of `power_normal`.

    Parameters
    ----------
    difference, unit_error, alpha, tested_error : as for `power_normal`
    power : float, above alpha / 2 and below 1

    Returns
    -------
    float: not rounded (round up to plan); inf for no difference.

    Examples
    --------
    >>> round(sample_size_normal(1, 2, power=0.9), 2)
    42.03
    """
    tested_error = unit_error if tested_error is None else tested_error
    reach = ndtri(power) * unit_error - ndtri(alpha / 2) * tested_error
    return float((reach / difference) ** 2) if difference else math.inf


def mde_normal(unit_error, n_units, *, power=0.8, alpha=0.05) -> float:
    """Return the smallest effect that is found with a given power; inverse of `power_normal`.

    Parameters
    ----------
    unit_error, n_units, power, alpha : as for the two functions above

    Returns
    -------
    float: above 0; inf without units.
    """
    return float((ndtri(power) - ndtri(alpha / 2)) * unit_error / math.sqrt(n_units)) if n_units > 0 else math.inf


def power_proportions(baseline, difference, n_units, *, share_treatment=0.5, alpha=0.05, is_scored=True) -> float:
    """Return the chance that a difference of two proportions is found by the score test, in its own direction.

    Normal approximation: Phi((|d| - z s) / se), se with the variance of each arm by itself, s with that of both arms
    together, as the test has it: at an unequal split they are apart. It is close to the score test's power unless an
    arm has fewer than about 10 units with the event, or without.

    Parameters
    ----------
    baseline : float, 0 to 1, proportion in control
    difference : float, treatment minus control, either sign
    n_units : float, all units of both arms
    share_treatment : float, between 0 and 1
    alpha : float, two-sided
    is_scored : bool
        False where the test divides by se, as with covariates and at planned looks.

    Returns
    -------
    float: nan when the treatment proportion would leave 0 to 1.

    References
    ----------
    Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, section 4.2; Fleiss, Tytun & Ury 1980,
    Biometrics 36: 343-346 (unequal arms).
    """
    own, tested = _unit_errors(baseline, baseline + difference, share_treatment, is_scored)
    return power_normal(difference, own, n_units, alpha=alpha, tested_error=tested)


def sample_size_proportions(
    baseline, difference, *, share_treatment=0.5, power=0.8, alpha=0.05, is_scored=True
) -> float:
    """Return how many units, both arms together, find a difference of two proportions with a given power.

    The inverse of `power_proportions`: (z_alpha/2 s + z_power se)^2 / d^2, with se^2 = p1 q1 / share + p0 q0 /
    (1 - share), and s^2 = (share p1 q1 + (1 - share) p0 q0) / (share (1 - share)), which is the same in equal arms.

    Parameters
    ----------
    baseline, difference, share_treatment, alpha, is_scored : as for `power_proportions`
    power : float, above alpha / 2 and below 1

    Returns
    -------
    float: not rounded (round up to plan); inf for no difference; nan when a proportion would leave 0 to 1.

    Examples
    --------
    >>> round(sample_size_proportions(0.10, 0.02), 1)
    7676.2
    """
    own, tested = _unit_errors(baseline, baseline + difference, share_treatment, is_scored)
    return sample_size_normal(difference, own, power=power, alpha=alpha, tested_error=tested)


def mde_proportions(
    baseline, n_units, *, share_treatment=0.5, power=0.8, alpha=0.05, direction=1, is_scored=True
) -> float:
    """Return the smallest difference of two proportions that is found with a given power.

    The inverse of `power_proportions`.

    Parameters
    ----------
    baseline, n_units, share_treatment, power, alpha, is_scored : as for the two functions above
    direction : 1 or -1
        Whether the treatment proportion is higher or lower.

    Returns
    -------
    float: with the sign of `direction`; nan when even the largest possible difference is not found.
    """
    options = {"share_treatment": share_treatment, "alpha": alpha, "is_scored": is_scored}

    def exceed(size):
        return power_proportions(baseline, direction * size, n_units, **options) - power

    room = 1 - baseline if direction > 0 else baseline
    if not (room > 0 and exceed(room) >= 0):
        return math.nan
    return direction * scipy.optimize.brentq(exceed, 1e-12 * room, room, xtol=1e-15, rtol=1e-14)


def _unit_errors(p0, p1, share, is_scored):
    """Standard errors of the difference times the root of all units: its own, and the test's; nan outside 0 to 1.

    The score test's is that of the variance within both arms, but for what grows by less than the units.
    """
    if not (0 <= p0 <= 1 and 0 <= p1 <= 1):
        return math.nan, math.nan
    one, other = p1 * (1 - p1), p0 * (1 - p0)
    own, tested = math.sqrt(one / share + other / (1 - share)), math.sqrt(one / (1 - share) + other / share)
    return own, tested if is_scored else own


def power_margin(baseline, margin, n_units, *, share_treatment=0.5, alpha=0.05, is_ratio=False) -> float:
    """Return the chance that score limits show two equal shares to lie within a margin of each other.

    For each count in control it is found up to (or from) which count in treatment the limits keep the margin, and all
    such pairs are summed. Counts in treatment are smoothed, so that the chance rises evenly with the units: that of
    whole counts jumps around it.

    Parameters
    ----------
    baseline : float, between 0 and 1, proportion in both arms
    margin : float, the harm that is tolerated, with its sign; treatment minus control
    n_units : float, all units of both arms
    share_treatment : float, between 0 and 1
    alpha : float, two-sided
    is_ratio : bool
        Whether the margin is a share of control, held against the limits of the ratio.

    References
    ----------
    Farrington & Manning 1990, Statistics in Medicine 9: 1447-1454 (the score test of a margin).
    """
    n1, n0 = n_units * share_treatment, n_units * (1 - share_treatment)
    is_few, mean = baseline <= 0.5, n0 * min(baseline, 1 - baseline)  # counted from none, or from all
    reach = 8 * math.sqrt(mean) + 8
    step, last = max(1, reach // 150), min(n0, mean + reach) + 1e-9
    x0 = np.arange(max(is_ratio and is_few, mean // 1 - reach // 1), last, step).clip(max=n0)
    x0 = x0 if is_few else n0 - x0
    chances = xlogy(x0, baseline) + xlog1py(n0 - x0, -baseline) - betaln(n0 - x0 + 1, x0 + 1)
    chances = np.exp(chances - math.log(n0 + 1)) * step
    line, low, high = ndtri(alpha / 2) * np.sign(margin), np.full(x0.shape, -0.5), np.full(x0.shape, n1 + 0.5)
    for _ in range(50):
        middle = (low + high) / 2
        is_below = score_at(margin, np.clip(middle, 0, n1), n1, x0, n0, ratio=is_ratio) < line
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    low = np.where((low < 0) | (low > n1), low, np.clip(low, 0.5, n1 - 0.5))  # none, and all, are whole counts
    below = betainc(np.maximum(n1 + 0.5 - low, 1e-9), np.maximum(low + 0.5, 1e-9), 1 - baseline)
    return float(chances @ (below if margin > 0 else 1 - below))


def sample_size_margin(baseline, margin, *, power=0.8, **options) -> float:
    """Return how many units, both arms together, show with a given power that two equal shares keep a margin.

    The inverse of `power_margin`.

    Parameters
    ----------
    baseline, margin, **options : as for `power_margin`
    power : float, above 0 and below 1

    Returns
    -------
    float: not rounded (round up to plan), at least 2 units in each arm.
    """
    least = math.log(2 / min(share := options.get("share_treatment", 0.5), 1 - share))

    def exceed(size):
        return power_margin(baseline, margin, math.exp(size), **options) - power

    return math.exp(least if exceed(least) >= 0 else scipy.optimize.brentq(exceed, least, math.log(_LARGEST)))


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
        return math.nan
    parts = [(s**2 / n, n - 1) for s, n in zip((sd, sd if sd_treatment is None else sd_treatment), sizes, strict=True)]
    df = satterthwaite(*parts)
    distance = abs(difference) / np.sqrt(sum(variance for variance, _ in parts))
    nodes, weights = (8 * of for of in place_nodes())  # for the mean of a function of a standard normal variable
    weights = weights * np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)
    critical = -stdtrit(df, alpha / 2) * np.sqrt(2 * gammaincinv(df / 2, ndtr(nodes)) / df)
    return float((ndtr(distance - critical) + ndtr(-distance - critical)) @ weights)


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
    _refuse_power(power, alpha)

    def exceed(n):
        return power_means(difference, sd, n, **options) - power

    least = 2 / min(share_treatment, 1 - share_treatment)
    if difference == 0:
        return math.inf
    is_enough = max(sd, sd_treatment or 0) == 0 or exceed(least) >= 0
    return least if is_enough else scipy.optimize.brentq(exceed, least, _LARGEST, rtol=1e-13)


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
        return math.nan
    _refuse_power(power, alpha)

    def exceed(difference):
        return power_means(difference, sd, n_units, **options) - power

    scale = max(sd, sd_treatment or 0)
    return scale and scipy.optimize.brentq(exceed, 0, 1e4 * scale, xtol=1e-14 * scale, rtol=1e-13)


def _refuse_power(power, alpha):
    if not alpha < power < 1:
        raise Refused(f"a power of {power:g} cannot be planned for; give one above alpha ({alpha:g}) and below 1")


def simulate_power(
    draw, compute, *, n_units, share_treatment=0.5, replicates=1000, alpha=0.05, rng, confidence_level=0.95
) -> dict[str, float]:
    """Return the power of any test on any data, with the Monte-Carlo doubt that remains.

    Parameters
    ----------
    draw : callable(rng, n, treated) -> data
        One arm of n units, `treated` False or True.
    compute : callable(control, treatment) -> float
        The p-value of what was drawn; nan, no test, counts as not found.
    n_units : int, both arms
    share_treatment : float, between 0 and 1
        The arms hold the nearest whole numbers of units.
    replicates : int, simulated experiments, at least 1
    alpha : float, two-sided
    rng : numpy Generator
    confidence_level : float
        Of the interval of the power.

    Returns
    -------
    dict: `simulated`, the share of experiments that find the effect, with `ci_low` and `ci_high`, its exact interval,
        and `undefined`, the share without a test; of 0 to 1.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26: 404-413.
    """
    n_treatment = round(n_units * share_treatment)
    sizes = (n_units - n_treatment, False), (n_treatment, True)
    p_values = np.array([compute(*(draw(rng, *size) for size in sizes)) for _ in range(replicates)], float)
    found = int((p_values <= alpha).sum())
    band = scipy.stats.binomtest(found, replicates).proportion_ci(confidence_level, method="exact")
    shares = {"simulated": found / replicates, "undefined": float(np.isnan(p_values).mean())}
    return {**shares, "ci_low": float(band.low), "ci_high": float(band.high)}


def value_sample(std_error, *, prior_sd, threshold=0.0, critical=1.959964) -> tuple[float, float]:
    """Return what an experiment is worth, before it is run, under a normal belief around no effect.

    The effect counts in the good direction of the treatment, which is worth choosing where the effect is above the
    threshold. Without data the arm is chosen that is better on average: the control at a threshold of 0 or more.

    Parameters
    ----------
    std_error : float, above 0
        Of the estimate at the end.
    prior_sd : float, above 0, in the unit of the effect
        How far effects of such changes are spread around none.
    threshold : float
        The effect at which both arms are worth the same.
    critical : float
        Standard errors beyond which the plan's rule calls a benefit clear.

    Returns
    -------
    tuple: expected gain over choosing without data, in units of the effect: where the treatment is chosen when it is
        clear (below 0 where that rule chooses worse than no data), and where the better arm by what is then believed
        is.

    References
    ----------
    Raiffa & Schlaifer 1961, Applied Statistical Decision Theory, 4.5 and 5.4 (expected value of sample information);
    Willan & Pinto 2005, Statistics in Medicine 24: 1791-1806 (trials).

    Examples
    --------
    >>> [round(gain, 4) for gain in value_sample(1.0, prior_sd=1.0, critical=0.0)]  # 1 / sqrt(2), times phi(0)
    [0.2821, 0.2821]
    """
    weight, without = prior_sd**2 / (prior_sd**2 + std_error**2), max(-threshold, 0.0)
    spread, believed = float(np.hypot(prior_sd, std_error)), math.sqrt(weight) * prior_sd  # of estimates; of beliefs
    at, line = critical * std_error / spread, threshold / believed
    by_rule = weight * spread * _density(at) - threshold * float(ndtr(-at))
    return by_rule - without, believed * _density(line) - threshold * float(ndtr(-line)) - without


def _density(x):
    return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def draw_decisions(distances, families, correlation, *, alpha, draws, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return in many imagined experiments which effects are clear by the plan's rule, and the estimates.

    Parameters
    ----------
    distances : array, shape (k,)
        True effects in standard errors, with their sign.
    families : sequence of str, length k
        Members of one family are decided together (Holm); "" is decided alone.
    correlation : array, shape (k, k), of the estimates; on its diagonal their variance by that of the test, 1 if equal
    alpha : float, two-sided
    draws : int
    rng : numpy Generator

    Returns
    -------
    tuple: array of bool and array of float (estimates in standard errors of the test), shape (draws, k).
    """
    values, vectors = np.linalg.eigh(np.asarray(correlation, float))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    z = np.asarray(distances, float) + rng.standard_normal((draws, len(values))) @ root.T
    p, clear = 2 * ndtr(-abs(z)), np.zeros(z.shape, bool)
    for family in dict.fromkeys(families):
        members = [i for i, name in enumerate(families) if name == family]
        clear[:, members] = (holm(p[:, members]) if family else p[:, members]) <= alpha
    return clear, z
