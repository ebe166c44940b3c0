"""What moved between cohorts: differences, cuts and ranks of the newest beside those of the older ones."""

import math

import numpy as np
import pandas as pd

from helpers.milestones import model as fitted
from helpers.milestones.adjusted import LEAST_ROWS, adjusted_difference, make_controls
from helpers.milestones.cuts import LEAST_SIDE
from helpers.plan import FrameworkPlan

N_RESAMPLES = 200
DRIFT = ["cohort", "what", "reference", "found", "low", "high", "outside"]


def measure_differences(frame: pd.DataFrame, design: FrameworkPlan, line: float) -> dict[str, fitted.Row]:
    """Return the adjusted difference in the share kept of each milestone among some accounts.

    Parameters
    ----------
    frame : DataFrame, as `read_landmarks` gives it
    design : FrameworkPlan
    line : float, count from which an account is activated where the plan names none; nan is unknown

    Returns
    -------
    dict: milestone -> (difference, low, high); nan where not estimable.
    """
    found, kept, controls = {}, frame["retained"].to_numpy(float), make_controls(frame)
    has_line = design.activation is not None and design.activation.at_least is not None
    for name in design.milestone_names:
        exposed = np.asarray(frame.get(name, np.full(len(frame), np.nan)), float)
        if name == "activated" and not has_line:
            exposed = np.where(math.isnan(line), np.nan, frame["count"] >= line)
        effect = adjusted_difference(exposed, kept, controls, confidence_level=design.confidence_level)
        found[name] = (effect.estimate, effect.ci_low, effect.ci_high)
    return found


def compare_cuts(frame, cohorts, older, *, rng, n_resamples: int = 200, alpha: float = 0.05) -> list[tuple]:
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
    list of tuple: cohort, what ("cut"), reference (best cut of the others), found, low, high (of the draws), outside.
        A cohort without others, or without a cut, has no row.
    """
    levels, place = np.unique(frame["count"].to_numpy(float), return_inverse=True)
    cell, rows = place + len(levels) * (frame["retained"].to_numpy(float) == 1), []
    for cohort, own, rest in _pair_cohorts(frame, cohorts, older):
        own, rest = (np.bincount(cell[part], minlength=2 * len(levels)) for part in (own, rest))
        others = rng.multinomial(rest.sum(), rest / rest.sum(), size=n_resamples) / rest.sum()
        draws = rng.multinomial(own.sum(), others)
        found, reference, null = (find_best(counts, levels) for counts in (own[None], rest[None], draws))
        if np.isfinite(found[0]) and np.isfinite(reference[0]):
            rows.append(_place(cohort, "cut", reference[0], found[0], null, alpha))
    return rows


def _pair_cohorts(frame, cohorts, older):
    """Each cohort, its rows, and those of the other older cohorts, where there are both."""
    labels = frame["cohort"].to_numpy(str)
    for cohort in cohorts:
        own = np.flatnonzero(labels == cohort)
        rest = np.flatnonzero(np.isin(labels, [name for name in older if name != cohort]))
        if len(own) and len(rest):
            yield cohort, own, rest


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
    return np.where(size.max(axis=1) > 0, levels[size.argmax(axis=1)], np.nan)


def compare_ranks(frame, features, cohorts, older, *, rng, n_resamples: int = 200, alpha: float = 0.05) -> list[tuple]:
    """Return the rank of each feature in each cohort beside its ranks in draws from the other older cohorts.

    Features are ranked by the adjusted difference in the share kept (1 is the largest), by `adjusted_difference`.

    Parameters
    ----------
    frame : DataFrame, one row an account: `cohort`, `tier`, `size`, `retained`, `feature_NAME`
    features : list of str, names
    cohorts, older, rng, n_resamples, alpha : as for `compare_cuts`

    Returns
    -------
    list of tuple: as `compare_cuts`, what is "rank of NAME". A feature that fewer than 10 + 2k accounts of a cohort
        use, or do not use (k controls), or with which, or without which, fewer than 10 were kept, or lost, has no row
        there, nor rank in a draw. None for fewer than two features.
    """
    if len(features) < 2:
        return []
    sums, rows = Sums(frame, features), []
    for cohort, own, rest in _pair_cohorts(frame, cohorts, older):
        pools = (rest[rng.integers(len(rest), size=len(rest))] for _ in range(n_resamples))
        null = _rank(sums.compare(pool[rng.integers(len(rest), size=len(own))] for pool in pools))
        found, reference = _rank(sums.compare([own, rest]))
        for j in np.flatnonzero(np.isfinite(found + reference)):
            rows.append(_place(cohort, f"rank of {features[j]}", reference[j], found[j], null[:, j], alpha))
    return rows


class Sums:
    """Products of the columns of every account, so that a draw needs their sums and nothing else."""

    def __init__(self, frame, features):
        z = np.column_stack([np.ones(len(frame)), make_controls(frame)])
        self.q, outer = z.shape[1], np.einsum("ni,nj->nij", z, z).reshape(len(frame), -1)
        self.products = np.column_stack([outer, z * frame["retained"].to_numpy(float)[:, None]])
        used = np.nan_to_num(frame[[f"feature_{name}" for name in features]].to_numpy(float))
        self.used = np.column_stack([np.ones(len(frame)), used])

    def compare(self, draws) -> np.ndarray:
        """Return the adjusted difference of each feature among each of some sets of rows, shape (draws, features)."""
        q, sums = self.q, np.array([self.used[rows].T @ self.products[rows] for rows in draws])
        everybody, users = sums[:, :1], sums[:, 1:]
        means, is_few = [], False
        for part in (users, everybody - users):
            inner = part[..., : q * q].reshape(*part.shape[:-1], q, q)
            inverse = np.linalg.pinv(inner, rcond=1e-9, hermitian=True)
            means.append(np.einsum("dfij,dfj->dfi", inverse, part[..., q * q :]))
            n, kept = part[..., 0], part[..., q * q]
            is_few |= (n < LEAST_ROWS + 2 * (q - 1)) | (np.minimum(kept, n - kept) < LEAST_ROWS)
        mix = everybody[..., :q] / everybody[..., :1]
        return np.where(is_few, np.nan, ((means[0] - means[1]) * mix).sum(axis=-1))


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
