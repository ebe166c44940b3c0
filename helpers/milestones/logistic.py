"""Logistic models fitted a thousand times to be judged on other accounts: their loss, and a smooth curve for them."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

RIDGE = 1e-4  # on all but the intercept: a cut above which nobody left stays finite, and nothing else moves
STEPS, LONGEST, CLOSE = 30, 5.0, 1e-7
KNOTS = (0.05, 0.35, 0.65, 0.95)
MOST_ODDS = 700.0  # log odds beyond which shares are 0 or 1 in floating point


def fit_logistic(x, y, *, start=None) -> np.ndarray:
    """Return the log odds ratios of a logistic model with a trace of ridge, by Newton's method.

    `fit_odds` has no ridge, and errors; this one begins where a like model ended, and has neither.

    Parameters
    ----------
    x : array, shape (n, k)
        The first column is 1.
    y : array, shape (n,), 0 or 1
    start : array, shape (k,), optional
        Where to begin; a near solution saves steps and changes nothing else.

    Returns
    -------
    array, shape (k,)

    Examples
    --------
    >>> x = np.array([[1, 0], [1, 0], [1, 0], [1, 1], [1, 1]])
    >>> fit_logistic(x, np.array([1, 0, 0, 1, 0])).round(2).tolist()
    [-0.69, 0.69]
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    ridge = np.full(x.shape[1], RIDGE)
    ridge[0] = 1e-9
    found = np.zeros(x.shape[1]) if start is None else np.array(start, float)
    for _ in range(STEPS):
        share = expit(x @ found)
        pull = x.T @ (y - share) - ridge * found
        bend = (x * (share * (1 - share))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(bend, pull)
        longest = np.abs(step).max()
        found = found + step * min(1.0, LONGEST / max(longest, LONGEST))
        if longest < CLOSE:
            break
    return found


def measure_losses(x, y, slopes) -> np.ndarray:
    """Return the log loss of each row under a logistic model.

    Parameters
    ----------
    x, y, slopes : as `fit_logistic` takes and returns them

    Returns
    -------
    array, shape (n,): -log of the share that the model gave to what happened; the less, the better.
    """
    odds = np.clip(x @ slopes, -MOST_ODDS, MOST_ODDS)
    return np.logaddexp(0.0, odds) - np.asarray(y, float) * odds


def find_knots(values) -> np.ndarray:
    """Return where a natural cubic spline of log(1 + value) may bend: at four quantiles, fewer where they coincide.

    Where many values are equal, as counts of 0 are, the quantiles of those between the lowest and the highest serve
    if they keep more knots apart.

    Parameters
    ----------
    values : array, shape (n,), 0 or more

    Returns
    -------
    array, shape (q,): rising, on the log scale; both ends where fewer than two quantiles differ.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, 2nd ed., section 2.4.6 (quantiles .05, .35, .65, .95).
    """
    logs = np.log1p(np.asarray(values, float))
    inner = logs[(logs > logs.min()) & (logs < logs.max())]
    quantiles = [np.quantile(part, KNOTS) for part in (logs, inner) if len(part)]
    best = max((np.unique(found) for found in quantiles), key=len)
    return best if len(best) > 1 else np.unique([logs.min(), logs.max()])


def build_spline(values, knots) -> np.ndarray:
    """Return the columns of a natural cubic spline of log(1 + value): straight beyond the outer knots.

    Parameters
    ----------
    values : array, shape (n,), 0 or more
    knots : array, shape (q,), rising, on the log scale, as `find_knots` gives them

    Returns
    -------
    array, shape (n, max(q - 1, 1)): the log itself, then one column an inner knot.

    References
    ----------
    Harrell 2015, eq. 2.25; Hastie, Tibshirani & Friedman 2009, eq. 5.4-5.5.
    """
    logs = np.log1p(np.asarray(values, float))
    if len(knots) < 3:
        return logs[:, None]
    width = knots[-1] - knots[0]

    def bend(knot):
        return np.maximum(logs - knot, 0) ** 3 / width**2

    last, before = knots[-1], knots[-2]
    shared = (bend(before) - bend(last)) / (last - before)
    tails = [bend(knot) - bend(last) - shared * (last - knot) for knot in knots[:-2]]
    return np.column_stack([logs, *tails])


def split_folds(n: int, folds: int, rng) -> np.ndarray:
    """Return the fold (0 to folds - 1) of each of n accounts, by chance and of about equal size.

    Parameters
    ----------
    n, folds : int
    rng : numpy Generator

    Returns
    -------
    array, shape (n,): int; sizes differ by at most one.
    """
    return rng.permutation(np.arange(n) % folds)
