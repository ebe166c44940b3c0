"""Logistic regression that always has an answer, also where a column tells who stays without a miss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

RIDGE = 1e-9  # keeps the information invertible where columns separate; too small to be seen in any digit shown
MOST_STEPS, CLOSE = 200, 1e-10


@dataclass(frozen=True)
class Odds:
    """A fitted logistic regression: `coefficients` (k,), their `covariance` (k, k), and the `log_likelihood`."""

    coefficients: np.ndarray
    covariance: np.ndarray
    log_likelihood: float

    @property
    def errors(self) -> np.ndarray:
        """Standard errors, shape (k,)."""
        return np.sqrt(np.diag(self.covariance))


def fit_odds(columns, outcome, *, offset=0.0, firth: bool = False) -> Odds:
    """Return the logistic regression of a 0/1 outcome on columns, by Newton's method with halved steps.

    Parameters
    ----------
    columns : array, shape (n, k), none missing; a constant column of ones is the intercept
    outcome : array, shape (n,), 0 or 1
    offset : float or array, shape (n,), log odds that are given
    firth : bool
        Penalise by Jeffreys' prior, so that coefficients stay finite where columns separate kept from lost.

    Returns
    -------
    Odds: of equal inputs, equal to the last digit. Without `firth`, separated columns get large coefficients and
        errors, and the log likelihood its limit.

    References
    ----------
    Firth 1993, Biometrika 80: 27-38; Heinze & Schemper 2002, Statistics in Medicine 21: 2409-2419.
    """
    x, y = np.asarray(columns, float), np.asarray(outcome, float)
    beta = np.zeros(x.shape[1])
    goal, step, information = _look(x, y, beta, offset, firth)
    for _ in range(MOST_STEPS):
        size = min(1.0, 5.0 / max(np.abs(step).max(initial=0.0), 5.0))
        new = _look(x, y, beta + size * step, offset, firth)
        while new[0] < goal - 1e-12 * abs(goal) and size > 1e-8:
            size /= 2
            new = _look(x, y, beta + size * step, offset, firth)
        done = np.abs(size * step).max(initial=0.0) < CLOSE or abs(new[0] - goal) < 1e-13 * max(abs(goal), 1)
        beta, (goal, step, information) = beta + size * step, new
        if done:
            break
    return Odds(beta, np.linalg.inv(information), _log_likelihood(y, x @ beta + offset))


def _look(x, y, beta, offset, firth):
    """What is maximised at some coefficients, Newton's step from there, and the information."""
    linear = x @ beta + offset
    share = expit(linear)
    weight = share * (1 - share)
    information = (x * weight[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
    goal, pull = _log_likelihood(y, linear), y - share
    if firth:
        hat = weight * np.einsum("ij,jk,ik->i", x, np.linalg.inv(information), x, optimize=True)
        goal, pull = goal + 0.5 * np.linalg.slogdet(information)[1], pull + hat * (0.5 - share)
    return goal, np.linalg.solve(information, x.T @ pull), information


def _log_likelihood(y, linear):
    return float(np.sum(y * linear - np.logaddexp(0, linear)))
