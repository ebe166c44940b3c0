"""The cuts that a count allows, each scored; the p-value of the best of them, which was chosen for being best."""

import numpy as np
from scipy.special import expit, ndtr, owens_t
from scipy.stats import norm

from helpers.milestones import adjusted

LEAST_SIDE = 0.1
MOST_CUTS = 60
LIKE_GROUPS = 10
RIDGE = 1e-4  # a cut above which nobody left stays finite, and nothing else moves


def fit_ridge(x, outcome, start=None):
    """The log odds ratios, with a trace of ridge on all but the intercept; a near start saves steps."""
    return adjusted.fit_logit(x, outcome, penalty=np.append(0.0, np.full(x.shape[1] - 1, RIDGE)), start=start)[0]


def find_cuts(counts) -> np.ndarray:
    """Return the counts that could be a threshold: at least 10 % of accounts reach it, and at least 10 % do not.

    Parameters
    ----------
    counts : array, shape (n,)

    Returns
    -------
    array, shape (m,): rising; of more than 60, those with at least a 75th of the accounts between one and the next, so
        that no count is skipped that many accounts share. Empty where no count divides the accounts so.

    Examples
    --------
    >>> find_cuts([0, 0, 1, 1, 2, 2, 3, 3, 4, 90]).tolist()
    [1.0, 2.0, 3.0, 4.0, 90.0]
    """
    counts = np.sort(np.asarray(counts, float))
    distinct = np.unique(counts)
    below = np.searchsorted(counts, distinct) / max(len(counts), 1)
    inside = (1 - below >= LEAST_SIDE - 1e-12) & (below >= LEAST_SIDE - 1e-12)
    cuts, below = distinct[inside], below[inside]
    if len(cuts) <= MOST_CUTS:
        return cuts
    kept = [0]
    for j in range(1, len(cuts)):
        if below[j] - below[kept[-1]] >= (1 - 2 * LEAST_SIDE) / MOST_CUTS:
            kept.append(j)
    return cuts[kept]


class Scan:
    """The score statistic of each cut, beside a logistic model of the outcome that knows the controls and no cut.

    `standardised` (m,) is normal without any association, with `correlation` (m, m); the `best` cut is the one whose
    `statistic` is farthest from 0. Without controls it is the two-sample statistic with its conditional variance.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
        Outcomes are 0 or 1.
    controls : array, shape (n, k)
    cuts : array, shape (m,), as `find_cuts` gives them

    References
    ----------
    Hothorn & Lausen 2003, Computational Statistics & Data Analysis 43: 121-137, eq. 1-3 (without controls); with them
    the efficient score of a logistic model.
    """

    def __init__(self, counts, outcome, controls, cuts):
        n, self.cuts, self.outcome = len(outcome), np.asarray(cuts, float), np.asarray(outcome, float)
        self.x = np.column_stack([np.ones(n), controls])
        self.share = expit(self.x @ fit_ridge(self.x, self.outcome))
        self.level = np.searchsorted(self.cuts, np.asarray(counts, float), side="right")
        weights = self.share * (1 - self.share)
        self.bend = np.linalg.pinv((self.x * weights[:, None]).T @ self.x)
        self.above = np.array([self._sum_above(weights * column) for column in self.x.T])  # (k + 1, m)
        later = np.maximum.outer(*[np.arange(len(self.cuts))] * 2)
        covariance = (self.above[0][later] - self.above.T @ self.bend @ self.above) * n / (n - 1)
        self.error = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        self.correlation = covariance / np.outer(self.error, self.error)
        self.standardised = self.score(self.outcome)
        self.best = int(np.abs(self.standardised).argmax())
        self.cut, self.statistic = float(self.cuts[self.best]), float(np.abs(self.standardised[self.best]))

    def score(self, outcome) -> np.ndarray:
        """Return the statistics, shape (m,), of some outcome of these accounts."""
        rest = outcome - self.share
        return (self._sum_above(rest) - self.above.T @ (self.bend @ (self.x.T @ rest))) / self.error

    def permute(self, *, n_resamples: int, rng) -> float:
        """Return the p-value of the maximally selected statistic: (1 + draws as extreme) / (1 + draws).

        Outcomes change places only among accounts of like expected outcome (ten groups by the model of the controls),
        so that what the controls foretell stays. Without controls there is one group, and the test is exact.
        """
        order = np.argsort(self.share, kind="stable")
        like = np.array_split(order, LIKE_GROUPS if self.x.shape[1] > 1 else 1)
        moved, extreme = self.outcome.copy(), 0
        for _ in range(n_resamples):
            for rows in like:
                moved[rows] = rng.permutation(self.outcome[rows])
            extreme += np.abs(self.score(moved)).max() >= self.statistic - 1e-9
        return (1 + extreme) / (1 + n_resamples)

    def _sum_above(self, values):
        return np.bincount(self.level, values, len(self.cuts) + 1)[::-1].cumsum()[::-1][1:]


def bound_p_value(statistic: float, correlation) -> float:
    """Return the p-value of the maximally selected statistic: the smaller of two bounds, for few cuts and for many.

    By the improved Bonferroni inequality, the chance that any of the normal statistics is as far from 0 is at most that
    of the first, plus that of each next one being so while the one before it is not. With many close cuts that grows
    too large, and the limit for a continuum of cuts holds.

    Parameters
    ----------
    statistic : float, of a `Scan`
    correlation : array, shape (m, m)

    Returns
    -------
    float: at most 1.

    References
    ----------
    Lausen & Schumacher 1992, Biometrics 48: 73-85 (the continuum, after Miller & Siegmund 1982); Lausen, Sauerbrei &
    Schumacher 1994 (the inequality; here each pair's normal probability is exact, by Owen's T).
    """
    if statistic < 1:
        return 1.0
    rho, tail = np.clip(np.diag(correlation, k=1), 1e-12, 1 - 1e-15), ndtr(-statistic)
    ratio = np.sqrt((1 - rho) / (1 + rho))
    leave = 4 * (owens_t(statistic, ratio) + owens_t(statistic, 1 / ratio)) - 2 * tail
    density = norm.pdf(statistic)
    continuum = density * (statistic - 1 / statistic) * -2 * np.log(rho).sum() + 4 * density / statistic
    return float(min(1.0, continuum, 2 * tail + leave.sum()))
