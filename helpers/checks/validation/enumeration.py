"""Shares without chance: every pair of counts that two binomial arms can give, weighted by its probability."""

from __future__ import annotations

import numpy as np
from scipy import stats

from helpers.records import NAN
from helpers.simulate.populations import find_null

LEFT_OUT = 1e-12  # probability of the counts that are not looked at, both arms together
BLOCK = 20_000  # tables at once


def enumerate_cell(cell, guarantee, population, *, confidence_level) -> dict:
    """Return the exact shares of intervals that hold, miss or lack the truth, and of alarms.

    Parameters
    ----------
    cell : Cell
    guarantee : Guarantee, with `limits`
    population : Population, with `event_shares`
    confidence_level : float

    Returns
    -------
    dict: coverage, missed_low, missed_high, undefined, alarms, disagree, width.
    """
    sizes, shares = (cell.n_control, cell.n_treatment), population.event_shares
    (x0, w0), (x1, w1) = (_list_counts(n, p) for n, p in zip(sizes, shares, strict=True))
    truth, null = population.truth[guarantee.estimand], find_null(guarantee.estimand)
    alpha, total = 1 - confidence_level, np.zeros(7)
    step = max(1, BLOCK // len(x1))
    for start in range(0, len(x0), step):
        rows, weights = x0[start : start + step, None], w0[start : start + step, None] * w1
        low, high, p = guarantee.limits(x1, sizes[1], rows, sizes[0], confidence_level=confidence_level)
        total += _weigh(low, high, p, truth=truth, null=null, alpha=alpha) @ weights.ravel()
    names = ("coverage", "missed_low", "missed_high", "undefined", "alarms", "disagree", "width")
    found = dict(zip(names, (total / (w0.sum() * w1.sum())).tolist(), strict=True))
    return found if np.isfinite(found["width"]) else {**found, "width": NAN}


def _list_counts(n, share):
    counts = np.arange(stats.binom.ppf(LEFT_OUT / 4, n, share), stats.binom.isf(LEFT_OUT / 4, n, share) + 1)
    return counts, stats.binom.pmf(counts, n, share)


def _weigh(low, high, p, *, truth, null, alpha):
    undefined = np.isnan(low) | np.isnan(high)
    above, below = low > truth, high < truth
    alarm, excludes = p <= alpha, (low > null) | (high < null)
    disagrees = ~np.isnan(p) & ~undefined & (alarm != excludes)
    covers = ~(undefined | above | below)
    kinds = (covers, above, below & ~above, undefined, alarm, disagrees, high - low)
    return np.array([np.broadcast_to(kind, low.shape).ravel() for kind in kinds], float)
