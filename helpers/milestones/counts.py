"""How many accounts stay, by a count of what they did: bins wide enough to show, with intervals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.survival import wilson_interval

MOST_BINS, SHOWN = 15, 0.05
SIDES = ("n_with", "kept_with", "n_without", "kept_without")


def count_kept(counts, outcome, design) -> pd.DataFrame:
    """Return the share kept by count, in at most 15 bins of about equal size, each of at least 2 x min_cell accounts.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
    design : FrameworkPlan

    Returns
    -------
    DataFrame: count_low, count_high, open, n, kept, share, ci_low, ci_high (Wilson). The last bin is open: its
        count_high is the highest count to show (`find_highest`).
    """
    counts, outcome = np.asarray(counts, float), np.asarray(outcome, float)
    edges = _find_edges(counts, max(2 * design.min_cell, math.ceil(len(counts) / MOST_BINS)))
    rows = []
    for low, after in itertools.pairwise([*edges, math.inf]):
        inside = (counts >= low) & (counts < after)
        high = max(find_highest(counts, design), low) if after == math.inf else after - 1
        n, kept = int(inside.sum()), int(outcome[inside].sum())
        rows.append({"count_low": int(low), "count_high": int(high), "open": after == math.inf, "n": n, "kept": kept,
                     **read_share(kept, n, design)})  # fmt: skip
    return pd.DataFrame(rows, columns=["count_low", "count_high", "open", "n", "kept", "share", "ci_low", "ci_high"])


def read_share(kept: int, n: int, design) -> dict[str, float]:
    """Return a share of n accounts and Wilson's interval; nan for none.

    Parameters
    ----------
    kept, n : int
    design : FrameworkPlan

    Returns
    -------
    dict: share, ci_low, ci_high.
    """
    if n == 0:
        return {"share": math.nan, "ci_low": math.nan, "ci_high": math.nan}
    low, high = wilson_interval(kept / n, n, norm.isf(design.alpha / 2))
    return {"share": kept / n, "ci_low": float(low), "ci_high": float(high)}


def count_sides(exposed, outcome) -> dict[str, int]:
    """Return how many accounts a comparison is of, and how many of them have the outcome: for disclosure to check.

    Parameters
    ----------
    exposed, outcome : array, shape (n,), 0 or 1; an account with a missing value counts nowhere

    Returns
    -------
    dict: n_with, kept_with, n_without, kept_without. Tables carry them until small cells are hidden, then no more.

    Examples
    --------
    >>> count_sides([1, 1, 0, float("nan")], [1, 0, 1, 1])
    {'n_with': 2, 'kept_with': 1, 'n_without': 1, 'kept_without': 1}
    """
    exposed, outcome = np.asarray(exposed, float), np.asarray(outcome, float)
    parts = [outcome[(exposed == side) & ~np.isnan(outcome)] for side in (1, 0)]
    return dict(zip(SIDES, [int(number) for part in parts for number in (len(part), part.sum())], strict=True))


def find_highest(counts, design) -> float:
    """Return the highest count to show: that at least 5 % of accounts reach, and at least min_cell of them.

    The largest of all would be one account's own, and stretch every axis.

    Parameters
    ----------
    counts : array, shape (n,)
    design : FrameworkPlan

    Returns
    -------
    float: the lowest count where there are fewer accounts than min_cell; nan without any.
    """
    least = max(design.min_cell, math.ceil(SHOWN * len(counts)))
    return float(np.sort(counts)[-min(least, len(counts))]) if len(counts) else math.nan


def _find_edges(counts, least):
    """The lowest count of each bin: a bin closes once it holds enough, and what is left joins the last one."""
    distinct, numbers = np.unique(counts, return_counts=True)
    edges, held = [], math.inf
    for value, number in zip(distinct, numbers, strict=True):
        if held >= least:
            edges, held = [*edges, value], 0
        held += number
    return edges[:-1] if held < least and len(edges) > 1 else edges
