"""Her own units split at random again and again: what the plan's tests say where no difference can be real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.checks.chance import LEAST_EXPECTED
from helpers.checks.promises import Judgement, judge_p_values
from helpers.checks.retests import choose_retests
from helpers.metrics import Units
from helpers.records import Refused

_CELLS = 4_000_000  # units x splits that are held at once, 32 MB as numbers
_AT_ONCE = 25  # splits between two signs of progress


@dataclass(frozen=True)
class Resplit:
    """What one metric's test said of all splits between the control and one treatment.

    `p_values` has one value a split, nan where there was no test; `smallest_cell` is the fewest units (clusters) with
    a known outcome in an arm of any split, for a share the fewest with or without it. Where the plan's method is not
    run again, `reason` says why, `p_values` is empty and `judgement` None.
    """

    metric: str
    treatment: str
    method: str
    p_values: np.ndarray
    smallest_cell: int
    judgement: Judgement | None
    reason: str | None = None


def resplit(
    units: Units, *, n_splits=500, seed=1, compare_times: Callable | None = None, progress: Callable | None = None
) -> tuple[Resplit, ...]:
    """Return how often the plan's own tests call clear what is chance alone, on the plan's own units.

    The units of all randomised arms are pooled and split anew by the planned shares (where the split is unknown, by
    those found), clusters as wholes; a missing outcome stays with its unit. Whatever the experiment did, the arms of
    such a split differ by chance only. Each metric is tested as the plan tests it at its end, looks left aside.

    Parameters
    ----------
    units : Units
    n_splits : int, 100 or more
    seed : int, 0 or more
        Split k depends on the seed and on k alone.
    compare_times : function (control, treatment, *, horizon, confidence_level) -> Effect, optional
        Of two arrays of (days, event code), one row a unit; without it times to an event are not resplit.
    progress : function (splits done, splits), optional

    Returns
    -------
    tuple of Resplit: one a metric and treatment, in the plan's order; where an amount or a count is not decided by
        Welch but could be, Welch stands after it.

    Raises
    ------
    Refused: more units than a row-level method reads into memory; no units in the randomised arms.

    References
    ----------
    Kohavi, Tang & Xu 2020, Trustworthy Online Controlled Experiments, ch. 19 (the A/A test).
    """
    design, rows = units.design, _read_rows(units)
    codes, n_units = _number_units(design, rows)
    shares = design.variant.shares or _read_shares(design, rows, codes)
    options = {"shares": shares, "covariates": units.covariates, "compare_times": compare_times}
    retests = choose_retests(design, rows, codes, **options)
    found = [(retest, code, []) for retest in retests for code in range(1, len(design.variant.arms))]
    for splits in _cut(n_splits, n_units):
        arms = _draw_arms(design, shares, n_units, seed, splits)
        for retest, code, parts in found:
            parts.append(_run(retest, arms == 0, arms == code, seed, splits))
        if progress:
            progress(splits[-1] + 1, n_splits)
    n_tests = sum(retest.find_p is not None for retest, _, _ in found)
    return tuple(_describe(design, shares, *one, n_tests) for one in found)


def _read_rows(units):
    """The columns that the tests need, of the randomised arms, in the order of the units' ids."""
    table, wanted = units.table, ("y_", "num_", "den_", "time_", "observed_", "x_")
    table = table.filter(table["variant"].isin(units.design.variant.arms))
    columns = [c for c in table.columns if c in ("variant", "cluster") or c.startswith(wanted)]
    rows = metrics.read_rows(replace(units, table=table), columns)
    if rows is None:
        raise Refused(
            "--aa: the table has more units than are read into memory; draw some of them at random into a smaller "
            "table, and read the result as that of a smaller experiment"
        )
    if rows.empty:
        raise Refused("--aa: the randomised arms have no units; check variant in the plan")
    return rows


def _number_units(design, rows):
    """The randomised unit of each row, counted from 0, and how many there are."""
    if design.cluster is None:
        return np.arange(len(rows)), len(rows)
    codes, clusters = pd.factorize(rows["cluster"], sort=True, use_na_sentinel=False)
    return codes, len(clusters)


def _read_shares(design, rows, codes):
    arms = rows["variant"].groupby(codes).first().value_counts(normalize=True)
    return {arm: float(arms.get(arm, 0.0)) for arm in design.variant.arms}


def _cut(n_splits, n_units):
    size = max(1, min(_AT_ONCE, _CELLS // n_units))
    return [range(first, min(first + size, n_splits)) for first in range(0, n_splits, size)]


def _draw_arms(design, shares, n_units, seed, splits):
    """The arm of each randomised unit, counted from the control, one row a split."""
    edges = np.cumsum([shares[arm] for arm in design.variant.arms])[:-1]
    draws = (_make_rng(seed, split).random(n_units) for split in splits)
    return np.array([np.searchsorted(edges, drawn, side="right") for drawn in draws])


def _make_rng(seed, split, name=""):
    """A generator of its own for each split and metric, and of no other room: their seeds begin alike."""
    return np.random.default_rng([seed, split, *f"resplit:{name}".encode()])


def _run(retest, control, treatment, seed, splits):
    """The p-values of some splits, and the smallest cell in them."""
    if retest.find_p is None:
        return np.empty(0), 0
    rngs = [_make_rng(seed, split, retest.metric) for split in splits]
    sizes = [np.count_nonzero(side & cell, axis=1) for side in (control, treatment) for cell in retest.cells]
    return retest.find_p(control, treatment, rngs), int(np.min(sizes))


def _describe(design, shares, retest, code, parts, n_tests):
    treatment = design.variant.arms[code]
    p_values, judgement = np.concatenate([p for p, _ in parts]), None
    if retest.find_p:
        share = min(shares[design.variant.control], shares[treatment])
        is_small = share * np.count_nonzero(retest.cells, axis=1).min() < LEAST_EXPECTED
        judgement = judge_p_values(p_values, alpha=design.alpha, n_tests=n_tests, is_small=is_small)
    smallest = min(cell for _, cell in parts)
    return Resplit(retest.metric, treatment, retest.method, p_values, smallest, judgement, retest.reason)
