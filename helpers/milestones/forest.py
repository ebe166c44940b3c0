"""A forest refitted on halves of the accounts: how far its held-out accuracy needs each feature."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata, t

N_TREES, LEAST_LEAF, SHARE_OF_ROWS = 60, 20, 0.25
MOST_ROWS = 10_000  # held-out accounts on which shuffling is measured; the AUC itself is measured on all of them


@dataclass(frozen=True)
class Rows:
    """What every refit works on.

    `x` (n, p) is float32; `outcome` (n,) 1 kept, 0 lost; `strata` (n,) whole numbers, within which values are
    shuffled; `groups` the columns that are shuffled together.
    """

    x: np.ndarray
    outcome: np.ndarray
    strata: np.ndarray
    groups: tuple[np.ndarray, ...]


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
    found, pool = [], ThreadPoolExecutor(min(workers, refits))
    try:  # trees let other threads work, and the table is held once
        for result in pool.map(lambda seed: _refit(rows, seed), np.random.SeedSequence(seed).spawn(refits)):
            found.append(result)
            if tell:
                tell(len(found), refits)
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the refits that run, and no others begin
    return tuple(np.array(part) for part in zip(*found, strict=True))


def _refit(rows, seed):
    """One half-sample: fitted on one half of the kept and of the lost, measured on the other."""
    rng = np.random.default_rng(seed)
    order = np.argsort(rows.outcome + rng.random(len(rows.outcome)) / 2)  # lost first, each part in random order
    fitted, held = order[::2], rng.permutation(order[1::2])
    trees = fit_trees(rows.x[fitted], rows.outcome[fitted], seed=int(rng.integers(2**31)))
    scores, outcome = score_rows(trees, rows.x[held]), rows.outcome[held]
    values, strata, known = rows.x[held[:MOST_ROWS]], rows.strata[held[:MOST_ROWS]], outcome[:MOST_ROWS]
    shuffled = _shuffle(values, strata, rows.groups, rng)
    bare = _shuffle(values, strata, [np.concatenate(rows.groups)], rng)
    area = measure_areas(scores[:MOST_ROWS], known)
    drops = area - measure_areas(score_shuffled(trees, values, shuffled, rows.groups), known)
    added = area - measure_areas(score_rows(trees, bare), known)
    return float(measure_areas(scores, outcome)), drops, float(added)


def _shuffle(values, strata, groups, rng):
    """Each group's columns from other rows of the same stratum, in one order for the whole group."""
    shuffled, place = values.copy(), np.argsort(strata, kind="stable")
    for group in groups:
        source = np.argsort(strata + rng.random(len(strata)))  # strata are whole numbers
        shuffled[np.ix_(place, group)] = values[np.ix_(source, group)]
    return shuffled


def fit_trees(values, outcome, *, seed) -> list:
    """Return the trees of a random forest that tells kept from lost accounts.

    Leaves of at least 20 accounts, and a bootstrap of a quarter of the rows for each tree: quicker than the usual
    forest and better at probabilities. One thread, so that equal inputs give equal bits.

    Parameters
    ----------
    values : array, shape (n, p), float32
    outcome : array, shape (n,), 1 kept, 0 lost; both occur
    seed : int, 0 to 2**31 - 1

    Returns
    -------
    list of the trees' arrays, in scikit-learn's form

    References
    ----------
    Breiman 2001, Machine Learning 45: 5-32.
    """
    from sklearn.ensemble import RandomForestClassifier  # here, so that commands with nothing to fit start without it

    size = {"n_estimators": N_TREES, "min_samples_leaf": LEAST_LEAF, "max_samples": SHARE_OF_ROWS}
    forest = RandomForestClassifier(**size, n_jobs=1, random_state=seed).fit(values, outcome)
    return [fitted.tree_ for fitted in forest.estimators_]


def score_rows(trees, values) -> np.ndarray:
    """Return the mean chance of being kept over the trees, one a row.

    Parameters
    ----------
    trees : list, as `fit_trees` gives it
    values : array, shape (n, p), float32, in C order

    Returns
    -------
    array, shape (n,), 0 to 1
    """
    return sum(tree.value[tree.apply(values), 0, 1] for tree in trees) / len(trees)


def score_shuffled(trees, values, shuffled, groups) -> np.ndarray:
    """Return the score of each row after one group of its columns took the values of another row.

    Only copies of a row that can fall into another leaf are scored: its own path asks for a column of the group whose
    value has changed. The others keep their score, exactly.

    Parameters
    ----------
    trees, values : as for `score_rows`
    shuffled : array, shape (n, p), as `values`, each column with the rows in another order
    groups : list of arrays of int, the columns that are shuffled together

    Returns
    -------
    array, shape (n, groups), 0 to 1
    """
    owner = np.full(values.shape[1], -1)
    slots = np.array([[*group, *[group[0]] * (max(map(len, groups)) - len(group))] for group in groups])
    owner[slots] = np.arange(len(slots))[:, None]
    differs = (values != shuffled) & (owner >= 0)
    change, total = np.zeros((len(values), len(groups))), np.zeros(len(values))
    for tree in trees:
        chances, path = tree.value[:, 0, 1], tree.decision_path(values)
        own = chances[tree.apply(values)]
        asked, row = tree.feature[path.indices], np.repeat(np.arange(len(values)), np.diff(path.indptr))
        moved = (asked >= 0) & differs[row, np.maximum(asked, 0)]
        touched = np.zeros(change.shape, bool)
        touched[row[moved], owner[asked[moved]]] = True
        rows, found = np.nonzero(touched)
        copies = values[rows]
        for columns in slots.T:
            copies[np.arange(len(rows)), columns[found]] = shuffled[rows, columns[found]]
        change[rows, found] += chances[tree.apply(copies)] - own[rows]
        total += own
    return (total[:, None] + change) / len(trees)


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
    ranks = rankdata(np.round(scores, 12), axis=0)  # a sum of trees in another order is no difference
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
    reach = t.isf((1 - confidence_level) / 2, count - 1) * values.std(axis=0, ddof=1) * math.sqrt(1 / count + 1)
    return mean, mean - reach, mean + reach


def measure_stability(chosen, *, confidence_level: float = 0.95) -> tuple[float, float, float]:
    """Return how much the sets of features that refits chose agree beyond chance, with its interval.

    1 means the same set each time, about 0 what sets drawn at random would give, below 0 less than that. The interval
    holds the refits to be draws of the procedure: it says how well so many refits tell its stability on data such as
    these, not how another sample of customers would do.

    Parameters
    ----------
    chosen : array, shape (refits, features), 1 or True where a refit chose a feature
        Sets may differ in size.
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple of float: stability, its lower and its upper limit; nan with fewer than two refits, or where every refit
        chose all features or none. The upper limit is at most 1.

    References
    ----------
    Nogueira, Sechidis & Brown 2018, Journal of Machine Learning Research 18(174): definition 4 (the estimator),
    theorem 7 and corollary 8 (its variance and interval).

    Examples
    --------
    >>> [round(value, 3) for value in measure_stability([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]])]
    [0.333, -0.022, 0.689]
    """
    chosen = np.asarray(chosen, float)
    refits, features = chosen.shape
    share = chosen.mean(axis=0) if refits else np.zeros(features)
    filled = float(share.mean()) if features else 0.0
    room = filled * (1 - filled)
    if refits < 2 or room < 1e-12:
        return math.nan, math.nan, math.nan
    stability = 1 - float(np.mean(share * (1 - share))) * refits / (refits - 1) / room
    sizes = chosen.mean(axis=1)
    spread = 2 * filled * sizes - sizes - filled + 1
    parts = ((chosen @ share) / features - sizes * filled + stability / 2 * spread) / room
    error = 2 * math.sqrt(float(np.sum((parts - parts.mean()) ** 2))) / refits
    reach = float(norm.isf((1 - confidence_level) / 2)) * error
    return stability, stability - reach, min(stability + reach, 1.0)
