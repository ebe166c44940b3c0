"""Every cut of a count that could be a threshold, and the chance that the best of so many looks good by accident."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from helpers.milestones.logistic import fit_logistic

LEAST_SIDE, MOST_CUTS, LIKE_GROUPS, NODES = 0.1, 60, 10, 200


@dataclass(frozen=True)
class Scores:
    """The score statistic of each cut, beside a model of the outcome that knows the controls and no cut.

    Parameters
    ----------
    cuts : array, shape (m,), rising
    standardised : array, shape (m,), normal without any association
    correlation : array, shape (m, m)
    """

    cuts: np.ndarray
    standardised: np.ndarray
    correlation: np.ndarray

    @property
    def best(self) -> int:
        """Return the position of the cut whose statistic is farthest from 0."""
        return int(np.abs(self.standardised).argmax())

    @property
    def statistic(self) -> float:
        """Return the maximally selected statistic: how far from 0 that of the best cut is."""
        return float(np.abs(self.standardised[self.best]))


def find_cuts(counts) -> np.ndarray:
    """Return the counts that could be a threshold: at least 10 % of accounts reach it, and at least 10 % do not.

    Parameters
    ----------
    counts : array, shape (n,)

    Returns
    -------
    array, shape (m,): rising; of more than 60, those with at least a 75th of the accounts between one and the next.
        Empty where no count divides the accounts so.

    Examples
    --------
    >>> find_cuts([0, 0, 1, 1, 2, 2, 3, 3, 4, 90]).tolist()
    [1.0, 2.0, 3.0, 4.0, 90.0]
    """
    counts = np.sort(np.asarray(counts, float))
    distinct = np.unique(counts)
    reached = 1 - np.searchsorted(counts, distinct) / max(len(counts), 1)
    cuts = distinct[(reached >= LEAST_SIDE - 1e-12) & (reached <= 1 - LEAST_SIDE + 1e-12)]
    if len(cuts) <= MOST_CUTS:
        return cuts
    return _thin(cuts, np.searchsorted(counts, cuts) / len(counts))


def _thin(cuts, below):
    """Cuts far enough apart in accounts: where many accounts share a count, no count is skipped."""
    kept = [0]
    for j in range(1, len(cuts)):
        if below[j] - below[kept[-1]] >= (1 - 2 * LEAST_SIDE) / MOST_CUTS:
            kept.append(j)
    return cuts[kept]


def score_cuts(counts, outcome, controls, cuts) -> Scores:
    """Return the score statistic of each cut, adjusted for the controls.

    Without controls it is the standardised two-sample statistic with its conditional variance.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
        Outcomes are 0 or 1.
    controls : array, shape (n, k)
    cuts : array, shape (m,), as `find_cuts` gives them

    Returns
    -------
    Scores

    References
    ----------
    Hothorn & Lausen 2003, Computational Statistics & Data Analysis 43: 121-137, eq. 1-3 (without controls); with them
    the efficient score of a logistic model.
    """
    null = _Null(counts, outcome, controls, cuts)
    return Scores(np.asarray(cuts, float), null.score(outcome), null.correlation)


def bound_p_value(scores: Scores) -> float:
    """Return the p-value of the maximally selected statistic: the smaller of two bounds, for few cuts and for many.

    By the improved Bonferroni inequality, the chance that any of the normal statistics is as far from 0 is at most that
    of the first, plus that of each next one being so while the one before it is not. With many close cuts that grows
    too large, and the limit for a continuum of cuts holds.

    Parameters
    ----------
    scores : Scores

    Returns
    -------
    float: at most 1.

    References
    ----------
    Lausen & Schumacher 1992, Biometrics 48: 73-85 (the continuum, after Miller & Siegmund 1982); Lausen, Sauerbrei &
    Schumacher 1994 (the inequality; here each pair's normal probability is a quadrature, not its expansion).
    """
    b = scores.statistic
    rho = np.clip(np.diag(scores.correlation, k=1), 1e-12, 1.0)
    if b < 1:
        return 1.0
    density, span = np.exp(-(b**2) / 2) / np.sqrt(2 * np.pi), -2 * np.log(rho).sum()
    continuum = density * (b - 1 / b) * span + 4 * density / b
    return float(min(1.0, continuum, 2 * ndtr(-b) + _leave(b, rho[:, None]).sum()))


def _leave(b, rho):
    """The chance that one normal statistic lies within -b and b and the next one, so correlated, does not."""
    points, weights = _find_nodes()
    x = b * np.sin(points * np.pi / 2)  # nodes gather at both ends, where a close neighbour leaves the range
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * weights * b * np.pi / 2 * np.cos(points * np.pi / 2)
    spread = np.sqrt(np.maximum(1 - rho**2, 1e-12))
    return density * (ndtr((rho * x - b) / spread) + ndtr((-b - rho * x) / spread))


@functools.cache
def _find_nodes():
    return np.polynomial.legendre.leggauss(NODES)


def permute_p_value(counts, outcome, controls, cuts, *, n_resamples: int, rng) -> float:
    """Return the p-value of the maximally selected statistic by permutation.

    Outcomes change places only among accounts of like expected outcome (ten groups by the model of the controls), so
    that what the controls foretell stays. Without controls there is one group, and the test is exact.

    Parameters
    ----------
    counts, outcome, controls, cuts : as for `score_cuts`
    n_resamples : int
    rng : numpy Generator

    Returns
    -------
    float: (1 + draws at least as extreme) / (1 + draws).
    """
    null, outcome = _Null(counts, outcome, controls, cuts), np.asarray(outcome, float)
    order = np.argsort(null.share, kind="stable")
    like = np.array_split(order, LIKE_GROUPS if null.x.shape[1] > 1 else 1)
    found, extreme = np.abs(null.score(outcome)).max() - 1e-9, 0
    moved = outcome.copy()
    for _ in range(n_resamples):
        for rows in like:
            moved[rows] = rng.permutation(outcome[rows])
        extreme += np.abs(null.score(moved)).max() >= found
    return (1 + extreme) / (1 + n_resamples)


class _Null:
    """The model without a cut, and what the statistic of each cut needs of it."""

    def __init__(self, counts, outcome, controls, cuts):
        controls = np.asarray(controls, float)
        self.x = np.column_stack([np.ones(len(controls)), controls])
        self.share = expit(self.x @ fit_logistic(self.x, outcome))
        self.level = np.searchsorted(np.asarray(cuts, float), np.asarray(counts, float), side="right")
        self.m = len(cuts)
        weights = self.share * (1 - self.share)
        self.bend = np.linalg.pinv((self.x * weights[:, None]).T @ self.x)
        self.above = np.array([self._sum_above(weights * column) for column in self.x.T])  # (k + 1, m)
        size = self.above[0]
        n = len(controls)
        later = np.maximum.outer(np.arange(self.m), np.arange(self.m))
        covariance = (size[later] - self.above.T @ self.bend @ self.above) * n / (n - 1)
        self.error = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        self.correlation = covariance / np.outer(self.error, self.error)

    def score(self, outcome):
        """The statistics of some outcome, of these accounts."""
        rest = np.asarray(outcome, float) - self.share
        return (self._sum_above(rest) - self.above.T @ (self.bend @ (self.x.T @ rest))) / self.error

    def _sum_above(self, values):
        return np.bincount(self.level, values, self.m + 1)[::-1].cumsum()[::-1][1:]
