"""Have the best cut and the order of features moved in a cohort further than chance alone would move them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.milestones.adjusted import LEAST_ROWS, make_controls

LEAST_SIDE = 0.1  # of accounts on either side of a cut, as everywhere where cuts are scanned
COLUMNS = ["cohort", "what", "reference", "found", "low", "high", "outside"]


def compare_cuts(frame, cohorts, older, *, rng, n_resamples: int = 200, alpha: float = 0.05) -> pd.DataFrame:
    """Return the best cut of each cohort beside those of as many accounts drawn from the other older cohorts.

    The best cut has the largest standardised difference between accounts that reach it and those that do not, of all
    counts that 10 to 90 % of accounts reach; plans and sizes play no part, as they do not in the draws. The others are
    redrawn before each draw, because they are a sample too.

    Parameters
    ----------
    frame : DataFrame, one row an account: `cohort`, `count`, `retained`
    cohorts : list of str, that are judged
    older : list of str
        Cohorts from which the reference is drawn, without the judged one itself.
    rng : numpy Generator
    n_resamples : int
    alpha : float
        Chance with which a cohort like the others lies outside, at most; each cohort has its own.

    Returns
    -------
    DataFrame: cohort, what ("cut"), reference (best cut of the others), found, low, high (of the draws), outside.
        A cohort without others, or without a cut, has no row.
    """
    levels, place = np.unique(frame["count"].to_numpy(float), return_inverse=True)
    cell = place + len(levels) * (frame["retained"].to_numpy(float) == 1)
    labels, rows = frame["cohort"].to_numpy(str), []
    for cohort in cohorts:
        others = np.isin(labels, [name for name in older if name != cohort])
        own, rest = (np.bincount(cell[mask], minlength=2 * len(levels)) for mask in (labels == cohort, others))
        if not others.any() or not own.any():
            continue
        others_drawn = rng.multinomial(rest.sum(), rest / rest.sum(), size=n_resamples) / rest.sum()
        draws = rng.multinomial(own.sum(), others_drawn)
        found, reference, null = (find_best(counts, levels) for counts in (own[None], rest[None], draws))
        if np.isfinite(found[0]) and np.isfinite(reference[0]):
            rows.append(_place(cohort, "cut", reference[0], found[0], null, alpha))
    return pd.DataFrame(rows, columns=COLUMNS)


def find_best(counts, levels) -> np.ndarray:
    """Return the best cut of each of some tables of counts.

    Parameters
    ----------
    counts : array, shape (r, 2m)
        Accounts lost at each level, then accounts kept at each level.
    levels : array, shape (m,), rising

    Returns
    -------
    array, shape (r,): the level from which on accounts count as having reached it; nan where there is no cut.

    References
    ----------
    Hothorn & Lausen 2003, Computational Statistics & Data Analysis 43: 121-137, eq. 1-3.
    """
    lost, kept = counts[:, : len(levels)], counts[:, len(levels) :]
    here = lost + kept
    n, k = here.sum(axis=1, keepdims=True), kept.sum(axis=1, keepdims=True)
    above, above_kept = (part[:, ::-1].cumsum(axis=1)[:, ::-1] for part in (here, kept))
    inside = (here > 0) & (above >= LEAST_SIDE * n - 1e-9) & (above <= (1 - LEAST_SIDE) * n + 1e-9)
    gap = above_kept - above * k / np.maximum(n, 1)
    spread = np.maximum(above * (n - above), 1)  # times what all cuts of one table share
    size = np.where(inside, gap**2 / spread, -1.0)
    best = size.argmax(axis=1)
    return np.where(size.max(axis=1) > 0, levels[best], np.nan)


def compare_ranks(frame, features, cohorts, older, *, rng, n_resamples: int = 200, alpha: float = 0.05) -> pd.DataFrame:
    """Return the rank of each feature in each cohort beside its ranks in draws from the other older cohorts.

    Features are ranked by the adjusted difference in the share kept (1 is the largest), by `adjusted_difference`.

    Parameters
    ----------
    frame : DataFrame, one row an account: `cohort`, `tier`, `size`, `retained`, `feature_NAME`
    features : list of str, names
    cohorts, older, rng, n_resamples, alpha : as for `compare_cuts`

    Returns
    -------
    DataFrame: as `compare_cuts`, what is "rank of NAME". A feature that fewer than 10 + 2k accounts of a cohort use, or
        do not use (k controls), or with which, or without which, fewer than 10 were kept, or lost, has no row there,
        nor rank in a draw.
    """
    if len(features) < 2:
        return pd.DataFrame(columns=COLUMNS)
    sums = _Sums(frame, features)
    labels, rows = frame["cohort"].to_numpy(str), []
    for cohort in cohorts:
        own = np.flatnonzero(labels == cohort)
        rest = np.flatnonzero(np.isin(labels, [name for name in older if name != cohort]))
        if not len(rest) or not len(own):
            continue
        draws = (_draw(rest, len(own), rng) for _ in range(n_resamples))
        null = _rank(sums.compare(draws))
        found, reference = _rank(sums.compare([own, rest]))
        for j in np.flatnonzero(np.isfinite(found + reference)):
            rows.append(_place(cohort, f"rank of {features[j]}", reference[j], found[j], null[:, j], alpha))
    return pd.DataFrame(rows, columns=COLUMNS)


class _Sums:
    """Products of the columns of every account, so that a draw needs their sums and nothing else."""

    def __init__(self, frame, features):
        controls = make_controls(frame)
        self.z = np.column_stack([np.ones(len(frame)), controls])
        self.q = self.z.shape[1]
        products = np.einsum("ni,nj->nij", self.z, self.z).reshape(len(frame), -1)
        self.products = np.column_stack([products, self.z * frame["retained"].to_numpy(float)[:, None]])
        self.used = np.nan_to_num(frame[[f"feature_{name}" for name in features]].to_numpy(float))
        self.least = LEAST_ROWS + 2 * controls.shape[1]

    def compare(self, draws):
        """The adjusted difference of each feature among each of some sets of rows, shape (draws, features)."""
        users = np.array([self._sum(rows) for rows in draws])
        total, users = users[:, :1], users[:, 1:]
        sides = users, total - users
        means = [self._solve(part) for part in sides]
        mix = total[..., : self.q] / total[..., :1]
        few = np.any([self._is_small(part) for part in sides], axis=0)
        return np.where(few, np.nan, ((means[0] - means[1]) * mix).sum(axis=-1))

    def _is_small(self, part):
        """Whether a group has too few accounts, or too few that were kept, or lost, to be compared."""
        n, kept = part[..., 0], part[..., self.q**2]
        return (n < self.least) | (np.minimum(kept, n - kept) < LEAST_ROWS)

    def _sum(self, rows):
        """Sums of the products over all rows, then over the users of each feature."""
        products = self.products[rows]
        return np.vstack([products.sum(axis=0), self.used[rows].T @ products])

    def _solve(self, part):
        inner = part[..., : self.q**2].reshape(*part.shape[:-1], self.q, self.q)
        inverse = np.linalg.pinv(inner, rcond=1e-9, hermitian=True)
        return np.einsum("dfij,dfj->dfi", inverse, part[..., self.q**2 :])


def _draw(rest, n, rng):
    """Accounts drawn from a redrawn pool of the others, who are a sample themselves."""
    pool = rest[rng.integers(len(rest), size=len(rest))]
    return pool[rng.integers(len(rest), size=n)]


def _rank(values):
    """1 for the largest of each row; what is not known has no rank."""
    larger = (values[..., None, :] > values[..., :, None]).sum(axis=-1)
    return np.where(np.isnan(values), np.nan, 1.0 + larger)


def _place(cohort, what, reference, found, null, alpha):
    null = null[np.isfinite(null)]
    if not len(null):
        return cohort, what, float(reference), float(found), np.nan, np.nan, False
    low = float(np.quantile(null, alpha / 2, method="lower"))
    high = float(np.quantile(null, 1 - alpha / 2, method="higher"))
    return cohort, what, float(reference), float(found), low, high, bool(found < low or found > high)
