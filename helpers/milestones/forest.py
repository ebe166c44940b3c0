"""A random forest of shallow cost: it is fitted on one half of the accounts and scores the other."""

from __future__ import annotations

import numpy as np

N_TREES, LEAST_LEAF, SHARE_OF_ROWS = 60, 20, 0.25
BLOCK_ROWS = 10_000  # rows whose shuffled copies are scored at a time, so that memory stays small


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
    return sum(_list_chances(tree)[tree.apply(values)] for tree in trees) / len(trees)


def score_shuffled(trees, values, shuffled, groups) -> np.ndarray:
    """Return the score of each row after one group of its columns took the values of another row.

    The shuffled copies of all groups are stacked and scored in one call a tree, and only those that can fall into
    another leaf: their own path asks for a column whose value has changed. The others keep their score, exactly.

    Parameters
    ----------
    trees, values : as for `score_rows`
    shuffled : array, shape (n, p), as `values`, each column with the rows in another order
    groups : list of arrays of int, the columns that are shuffled together

    Returns
    -------
    array, shape (n, groups), 0 to 1
    """
    slots = np.array([[*group, *[group[0]] * (max(map(len, groups)) - len(group))] for group in groups])
    blocks = range(0, len(values), BLOCK_ROWS)
    parts = [_score_block(trees, values[i : i + BLOCK_ROWS], shuffled[i : i + BLOCK_ROWS], slots) for i in blocks]
    return np.concatenate(parts) if parts else np.empty((0, len(groups)))


def _list_chances(tree):
    """The share kept in each node; in its leaves this is what the tree foretells."""
    return tree.value[:, 0, 1]


def _score_block(trees, values, shuffled, slots):
    owner = np.full(values.shape[1], -1)
    owner[slots] = np.arange(len(slots))[:, None]
    differs = (values != shuffled) & (owner >= 0)
    change, total = np.zeros((len(values), len(slots))), np.zeros(len(values))
    for tree in trees:
        chances = _list_chances(tree)
        own = chances[tree.apply(values)]
        rows, found = np.divmod(np.flatnonzero(_find_touched(tree, values, differs, owner, len(slots))), len(slots))
        copies = values[rows]
        for columns in slots.T:
            copies[np.arange(len(rows)), columns[found]] = shuffled[rows, columns[found]]
        change[rows, found] += chances[tree.apply(copies)] - own[rows]
        total += own
    return (total[:, None] + change) / len(trees)


def _find_touched(tree, values, differs, owner, n_groups):
    """Whether a row's path through a tree asks for a column of the group whose value has changed."""
    path = tree.decision_path(values)
    rows = np.repeat(np.arange(len(values)), np.diff(path.indptr))
    asked = tree.feature[path.indices]
    inner = asked >= 0
    rows, asked = rows[inner], asked[inner]
    moved = differs[rows, asked]
    touched = np.zeros((len(values), n_groups), bool)
    touched[rows[moved], owner[asked[moved]]] = True
    return touched
