"""Cells of milestones: accounts, kept and lost on each side of a comparison, and how small ones are hidden."""

import numpy as np
import pandas as pd

from helpers.milestones.counts import SIDES

REASON = "hidden: fewer than {} accounts, kept or lost here, or in a group that this one would reveal"


def blank_rows(frame: pd.DataFrame, hidden, named, least: int) -> pd.DataFrame:
    """Return a copy whose hidden rows lose all but the columns that name them; the reason is filled in.

    Parameters
    ----------
    frame : DataFrame
    hidden : array of bool, one a row
    named : list of str
    least : int, the smallest count that may be seen, which the reason names
    """
    hidden = pd.Series(np.asarray(hidden, bool), frame.index)
    figures = [column for column in frame if column not in {*named, "reason"}]
    found = frame.assign(**{column: frame[column].mask(hidden) for column in figures})
    if "reason" in frame:
        found["reason"] = frame["reason"].astype(object).mask(hidden, REASON.format(least))
    return found


def count_cells(frame: pd.DataFrame) -> np.ndarray:
    """Return accounts, kept and lost with what is compared and without it, shape (n, 2, 3), from the counts carried.

    Parameters
    ----------
    frame : DataFrame, with the columns of `milestones.counts.count_sides`; without them all cells are missing
    """
    if not set(SIDES) <= set(frame):
        return np.full((len(frame), 2, 3), np.nan)
    n, kept = (frame[[*names]].to_numpy(float) for names in (SIDES[::2], SIDES[1::2]))
    return np.stack([n, kept, n - kept], axis=2)


def find_small(frame: pd.DataFrame, least: int) -> np.ndarray:
    """Return which rows compare few accounts, few kept or few lost; none where the counts are not carried."""
    return (count_cells(frame) < least).any(axis=(1, 2))


def find_near(counts, *, min_cell: int) -> np.ndarray:
    """Return which counts differ from one before them, yet by fewer than `min_cell`; shape (n,), missing ones do not.

    Parameters
    ----------
    counts : array, shape (n,), of accounts at landmarks, the one to keep first
    min_cell : int
    """
    shown, near = [], np.zeros(len(counts), bool)
    for row, count in enumerate(np.asarray(counts, float)):
        near[row] = any(0 < abs(count - other) < min_cell for other in shown)
        shown += [] if near[row] or np.isnan(count) else [count]
    return near
