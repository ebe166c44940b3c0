"""Before an experiment: what its rule will decide, what looking early costs, and what its answer would be worth."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from helpers.inference.looks import leave, sequential_bounds, stay

MOST = 40.0  # standard errors: a drift that every rule finds


@dataclass(frozen=True)
class SampleValue:
    """What an experiment is worth in units of its effect, on average over what may be true.

    `by_rule` where the treatment is chosen when it is clear; `at_best` where the better arm by what is then believed
    is chosen; `perfect` where the truth is known. Each is above what choosing without data gives.
    """

    by_rule: float
    at_best: float
    perfect: float


def value_sample(std_error, *, prior_sd, threshold=0.0, critical=1.959964) -> SampleValue:
    """Return what an experiment is worth, before it is run, under a normal belief around no effect.

    The effect counts in the good direction of the treatment, which is worth choosing where the effect is above the
    threshold. Without data the arm is chosen that is better on average: the control at a threshold of 0 or more.

    Parameters
    ----------
    std_error : float, above 0
        Of the estimate at the end; inf is no experiment.
    prior_sd : float, above 0, in the unit of the effect
        How far effects of such changes are spread around none.
    threshold : float
        The effect at which both arms are worth the same.
    critical : float
        Standard errors beyond which the plan's rule calls a benefit clear.

    Returns
    -------
    SampleValue: expected gain in units of the effect; `by_rule` is below 0 where the rule chooses worse than no data.

    References
    ----------
    Raiffa & Schlaifer 1961, Applied Statistical Decision Theory, 4.5 and 5.4 (expected value of sample information);
    Willan & Pinto 2005, Statistics in Medicine 24: 1791-1806 (trials).

    Examples
    --------
    >>> found = value_sample(1.0, prior_sd=1.0, critical=0.0)
    >>> round(found.by_rule, 4), round(found.perfect, 4)  # 1 / sqrt(2) and 1, times phi(0)
    (0.2821, 0.3989)
    """
    without = max(-threshold, 0.0)
    if not np.isfinite(std_error):
        return SampleValue(-without, 0.0, _exceed(prior_sd, threshold) - without)
    weight = prior_sd**2 / (prior_sd**2 + std_error**2)
    spread = float(np.hypot(prior_sd, std_error))  # of estimates to come
    at = critical * std_error / spread
    by_rule = float(weight * spread * norm.pdf(at) - threshold * norm.sf(at))
    believed = float(np.sqrt(weight)) * prior_sd
    return SampleValue(
        by_rule - without, _exceed(believed, threshold) - without, _exceed(prior_sd, threshold) - without
    )


def _exceed(sd, threshold):
    """Mean of max(0, x - threshold) for x normal around 0."""
    return float(sd * norm.pdf(threshold / sd) - threshold * norm.sf(threshold / sd))


def find_clear(p_values, alpha) -> np.ndarray:
    """Return which of several tests Holm's rule calls clear, in many experiments at once.

    Parameters
    ----------
    p_values : array, shape (experiments, k), two-sided
    alpha : float

    Returns
    -------
    array of bool, shape (experiments, k): where `decisions.holm` gives at most alpha.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6: 65-70.
    """
    order = np.argsort(p_values, axis=1, kind="stable")
    k = p_values.shape[1]
    passed = np.take_along_axis(p_values, order, axis=1) * np.arange(k, 0, -1) <= alpha
    clear = np.zeros_like(passed)
    np.put_along_axis(clear, order, np.logical_and.accumulate(passed, axis=1), axis=1)
    return clear


def draw_decisions(distances, families, correlation, *, alpha, draws, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return in many imagined experiments which effects are clear by the plan's rule, and the estimates.

    Parameters
    ----------
    distances : array, shape (k,)
        True effects in standard errors, with their sign.
    families : sequence of str, length k
        Members of one family are decided together (Holm); "" is decided alone.
    correlation : array, shape (k, k), of the estimates
    alpha : float, two-sided
    draws : int
    rng : numpy Generator

    Returns
    -------
    tuple: array of bool and array of float (estimates in standard errors), shape (draws, k).
    """
    values, vectors = np.linalg.eigh(np.asarray(correlation, float))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    z = np.asarray(distances, float) + rng.standard_normal((draws, len(values))) @ root.T
    p, clear = 2 * norm.sf(abs(z)), np.zeros(z.shape, bool)
    for family in dict.fromkeys(families):
        members = [i for i, name in enumerate(families) if name == family]
        clear[:, members] = find_clear(p[:, members], alpha) if family else p[:, members] <= alpha
    return clear, z


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
    drift = brentq(lambda d: leave_at_looks(looks, bounds, d).sum() - power, 0.0, MOST / 2, xtol=1e-10)
    single = norm.isf(alpha / 2) + norm.ppf(power)
    left = {name: leave_at_looks(looks, bounds, d) for name, d in (("with_effect", drift), ("without_effect", 0.0))}
    most = float((drift / single) ** 2)
    found = {name: most * float(stops @ looks + (1 - stops.sum()) * looks[-1]) for name, stops in left.items()}
    return {"most": most, **found, "first": float(left["with_effect"][:-1].sum())}
