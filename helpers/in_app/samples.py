"""Shares and ratios of clustered rows, samples weighted to margins, and one instrument by its scores."""

import math

import numpy as np
from scipy import stats

from helpers.inference.means import linearise, measure_columns
from helpers.inference.take_up import anderson_rubin, complier_effect
from helpers.records import NAN, Effect, Moments
from helpers.survival import wilson_interval

MOST_ROUNDS, CLOSE = 500, 1e-10


def cluster_share(events, trials, *, confidence_level=0.95) -> tuple[float, float, float, float]:
    """Return the share of trials with the event, its interval, and how many independent trials it is worth.

    Wilson's interval at the effective number of trials: that which would give the variance between clusters, made
    smaller where there are few clusters.

    Parameters
    ----------
    events, trials : array, shape (n,), of each cluster; a cluster without trials is left out
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: share, lower end, upper end, effective trials; the share alone where fewer than two clusters have trials.
        Where no cluster differs from the rest, as with no event at all, every cluster counts once.

    References
    ----------
    Kish 1965, Survey Sampling, section 8.2; Korn & Graubard 1998, Survey Methodology 24: 193-201 (effective numbers
    with the quantile of t).

    Examples
    --------
    >>> [round(x, 3) for x in cluster_share([1, 0, 2, 1], [2, 2, 2, 2])]
    [0.5, 0.104, 0.896, 2.276]
    """
    columns = np.column_stack([events, trials]).astype(float)
    moments = measure_columns(columns[columns[:, 1] > 0], ("events", "trials"))
    (share, variance), n, tail = linearise(moments.mean, moments.cov), moments.n, (1 - confidence_level) / 2
    if n < 2:
        return share, NAN, NAN, NAN
    z, t = stats.norm.isf(tail), stats.t.isf(tail, n - 1)
    known = share * (1 - share) / variance * n if variance > 0 else n
    known = float(known * (z / t) ** 2)
    return (share, *map(float, wilson_interval(share, known, z)), known)


def cluster_ratio(top, bottom, *, confidence_level=0.95) -> tuple[float, float, float]:
    """Return the ratio of two sums over clusters, with its interval by the delta method on the log scale and t.

    Parameters
    ----------
    top, bottom : array, shape (n,), of each cluster
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: ratio, lower and upper end; nan where a sum is not above 0, or with fewer than two clusters.

    References
    ----------
    Cochran 1977, Sampling Techniques, section 6.3.
    """
    moments = measure_columns(np.column_stack([top, bottom]).astype(float), ("top", "bottom"))
    if moments.n < 2 or not moments.mean.min() > 0:
        return NAN, NAN, NAN
    ratio, variance = linearise(moments.mean, moments.cov)
    error = math.sqrt(variance / moments.n) / ratio  # of its logarithm
    reach = float(stats.t.isf((1 - confidence_level) / 2, moments.n - 1)) * error
    return ratio, ratio * math.exp(-reach), ratio * math.exp(reach)


def rake(groups, targets) -> np.ndarray:
    """Return weights with mean 1 under which a sample has the shares of a population in each of several margins.

    Parameters
    ----------
    groups : sequence of array, shape (n,), one a margin: the level of each row
    targets : sequence of dict, one a margin: level -> share of the population
        A level that the sample lacks cannot be made up for; the shares of the others are scaled to 1.

    Returns
    -------
    array, shape (n,): adjusted to one margin after the other until none moves.

    References
    ----------
    Deming & Stephan 1940, Annals of Mathematical Statistics 11: 427-444.

    Examples
    --------
    >>> rake([np.array(["a", "a", "a", "b"])], [{"a": 0.5, "b": 0.5}]).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    weights, parts = np.ones(len(groups[0])), []
    for group, target in zip(groups, targets, strict=True):
        levels, place = np.unique(group, return_inverse=True)
        wanted = np.array([target.get(level, 0.0) for level in levels])
        parts.append((place, wanted / wanted.sum() * len(place)))
    for _ in range(MOST_ROUNDS):
        before = weights
        for place, wanted in parts:
            weights = weights * (wanted / np.bincount(place, weights))[place]
        if np.abs(weights - before).max(initial=0) < CLOSE:
            break
    return weights


def weigh_share(values, weights, *, confidence_level=0.95) -> tuple[float, float, float, float]:
    """Return a weighted share of rows, its interval, and the effective sample size behind it.

    Parameters
    ----------
    values : array, shape (n,), 0 to 1
    weights : array, shape (n,), above 0
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: share, lower end, upper end (Wilson at the effective size), effective sample size (sum of weights squared
        over the sum of squared weights). That margins are met exactly is not made use of: the interval is wide rather
        than narrow.

    References
    ----------
    Kish 1965, Survey Sampling, section 11.7.
    """
    values, weights = np.asarray(values, float), np.asarray(weights, float)
    if not len(values):
        return NAN, NAN, NAN, 0.0
    share, size = float(np.average(values, weights=weights)), float(weights.sum() ** 2 / (weights**2).sum())
    low, high = wilson_interval(share, size, stats.norm.isf((1 - confidence_level) / 2))
    return share, float(low), float(high), size


def instrument(outcome, dose, moved_by, controls, clusters, *, confidence_level=0.95) -> tuple[Effect, float]:
    """Return what one more of a dose does to an outcome, as far as an instrument moves the dose, and the first stage.

    Outcome, dose and instrument are taken beside the controls; each cluster's sums of instrument times outcome and of
    instrument times dose are then one observation against nothing, so that `inference.anderson_rubin` finds the set of
    effects that fit, right however weakly the instrument moves the dose. The dose as its own instrument gives least
    squares, and the interval by the delta method.

    Parameters
    ----------
    outcome, dose, moved_by : array, shape (n,)
    controls : array, shape (n, k); a constant is added
    clusters : array, shape (n,)
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: Effect; F of the first stage (robust to clusters, one instrument).

    References
    ----------
    Anderson & Rubin 1949; Frisch & Waugh 1933; Andrews, Stock & Sun 2019, Annual Review of Economics 11: 727-753.
    """
    base = np.column_stack([np.ones(len(outcome)), controls])
    columns = np.column_stack([outcome, dose, moved_by]).astype(float)
    y, d, z = (columns - base @ np.linalg.lstsq(base, columns, rcond=None)[0]).T
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.column_stack([np.bincount(place, z * part) for part in (y, d)])
    n = len(sums)
    arm = Moments(("y", "taken"), n, sums.mean(axis=0), np.cov(sums, rowvar=False))
    nothing = Moments(("y", "taken"), n, np.zeros(2), np.zeros((2, 2)))
    is_own = moved_by is dose
    found = (complier_effect if is_own else anderson_rubin)((nothing, arm), confidence_level=confidence_level)
    rest = np.bincount(place, z * (d - z * (z @ d) / (z @ z)))
    return found, float(sums[:, 1].sum() ** 2 / (rest @ rest))
