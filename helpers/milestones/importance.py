"""What a model loses on accounts it has not seen when one group of features is shuffled, refit by refit."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import stats

from helpers.milestones.forest import fit_trees, score_rows, score_shuffled

MOST_ROWS = 10_000  # held-out accounts on which shuffling is measured; the AUC itself is measured on all of them


@dataclass(frozen=True)
class Rows:
    """What every refit works on.

    `values` (n, p) is float32; `outcome` (n,) 1 kept, 0 lost; `strata` (n,) whole numbers, within which values are
    shuffled; `groups` the columns that are shuffled together.
    """

    values: np.ndarray
    outcome: np.ndarray
    strata: np.ndarray
    groups: tuple[np.ndarray, ...]


def measure_areas(scores, outcome) -> np.ndarray:
    """Return the chance that a kept account scores higher than a lost one, ties counting one half.

    Parameters
    ----------
    scores : array, shape (n,) or (n, k)
    outcome : array, shape (n,), 1 kept, 0 lost

    Returns
    -------
    array, shape () or (k,): nan where all accounts are kept, or all lost.

    References
    ----------
    Hanley & McNeil 1982, Radiology 143: 29-36.
    """
    kept = np.asarray(outcome) == 1
    n_kept, n_lost = int(kept.sum()), int((~kept).sum())
    if not n_kept * n_lost:
        return np.full(np.shape(scores)[1:], np.nan)
    ranks = stats.rankdata(np.round(scores, 12), axis=0)  # a sum of trees in another order is no difference
    return (ranks[kept].sum(axis=0) - n_kept * (n_kept + 1) / 2) / (n_kept * n_lost)


def average_refits(values, *, confidence_level: float = 0.95) -> tuple:
    """Return the mean over refits on half-samples, with an interval that knows that the halves overlap.

    The variance of the mean is (1 / refits + 1) times that over refits: refits share accounts, so that more of them
    do not add information without end. In half-samples the second part is the variance of the delete-half jackknife.

    Parameters
    ----------
    values : array, shape (refits,) or (refits, k)
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple of arrays, shape () or (k,): mean, lower limit, upper limit (t with refits - 1 degrees of freedom).

    References
    ----------
    Nadeau & Bengio 2003, Machine Learning 52: 239-281, section 3 (corrected resampled t, n2 / n1 = 1); Shao & Wu
    1989, Annals of Statistics 17: 1176-1197 (delete-d jackknife).
    """
    values = np.asarray(values, float)
    mean, count = values.mean(axis=0), len(values)
    error = values.std(axis=0, ddof=1) * math.sqrt(1 / count + 1)
    reach = stats.t.isf((1 - confidence_level) / 2, count - 1) * error
    return mean, mean - reach, mean + reach


def run_refits(rows: Rows, *, refits, workers, seed, tell=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the held-out AUC of each refit, and what each group of features, and all of them, add to it.

    Parameters
    ----------
    rows : Rows
    refits : int, half-samples; each is drawn with its own seed, so that their number changes none of them
    workers : int, threads; the result is the same, bit by bit, with any number
    seed : int
    tell : function (done, total), optional, called after each refit

    Returns
    -------
    tuple: AUC, shape (refits,); drop in AUC when a group is shuffled, shape (refits, groups); drop when all groups
        are, in one order, shape (refits,): what the forest knows beyond the strata and the columns of no group.
    """
    found = []
    for result in _map(np.random.SeedSequence(seed).spawn(refits), rows, min(workers, refits)):
        found.append(result)
        if tell:
            tell(len(found), refits)
    return tuple(np.array(part) for part in zip(*found, strict=True))


def _refit(rows, seed):
    """One half-sample: fitted on one half of the kept and of the lost, measured on the other."""
    rng = np.random.default_rng(seed)
    order = np.argsort(rows.outcome + rng.random(len(rows.outcome)) / 2)  # lost first, each part in random order
    fitted, held = order[::2], rng.permutation(order[1::2])
    trees = fit_trees(rows.values[fitted], rows.outcome[fitted], seed=int(rng.integers(2**31)))
    scores, outcome = score_rows(trees, rows.values[held]), rows.outcome[held]
    some = held[:MOST_ROWS]
    values, known = rows.values[some], outcome[:MOST_ROWS]
    shuffled = _shuffle(values, rows.strata[some], rows.groups, rng)
    area = measure_areas(scores[:MOST_ROWS], known)
    drops = area - measure_areas(score_shuffled(trees, values, shuffled, rows.groups), known)
    bare = _shuffle(values, rows.strata[some], [np.concatenate(rows.groups)], rng)
    added = area - measure_areas(score_rows(trees, bare), known)
    return float(measure_areas(scores, outcome)), drops, float(added)


def _shuffle(values, strata, groups, rng):
    """Each group's columns from other rows of the same stratum, in one order for the whole group."""
    shuffled, place = values.copy(), np.argsort(strata, kind="stable")
    for group in groups:
        source = np.argsort(strata + rng.random(len(strata)))  # strata are whole numbers
        shuffled[np.ix_(place, group)] = values[np.ix_(source, group)]
    return shuffled


def _map(seeds, rows, workers):
    """Results in the order of the seeds; trees let other threads work, and the table is held once."""
    if workers < 2:
        yield from (_refit(rows, seed) for seed in seeds)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(lambda seed: _refit(rows, seed), seeds)
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the refits that run, and no others begin
