"""Which rows of a table to hide: one rule over the counts that its view names, in five readings of "too few"."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from helpers.plan.views import Cells
from helpers.records import Refused


def evaluate(frame: pd.DataFrame, expression: str, known: Mapping[str, Any]) -> Any:
    """Return an expression of a view over a table's columns; `@name` in it is one of `known`."""
    if expression in frame:  # most often it is a column, which needs no parser
        return frame[expression]
    return frame.eval(expression, engine="python", local_dict=dict(known))


def mark_rows(frame: pd.DataFrame, expression: str, known: Mapping[str, Any]) -> np.ndarray:
    """Return the rows in which a condition holds, shape (n,); all where there is none, none where it is not known."""
    held = evaluate(frame, expression, known) if expression else True
    return np.array(pd.Series(held, frame.index).fillna(False), bool)


def count_cells(frame: pd.DataFrame, expressions: Sequence[str], known: Mapping[str, Any]) -> np.ndarray:
    """Return the counts of each cell, whole numbers, shape (n, k); nan where a count is not known."""
    counts = [pd.Series(evaluate(frame, one, known), frame.index).to_numpy(float) for one in expressions]
    return np.round(np.column_stack(counts))


def stop_curves(frame: pd.DataFrame, cells: Cells, least: int) -> pd.DataFrame:
    """Return curves up to the place before one of a picture has fewer than `least` at risk."""
    stop = cells.stop
    if stop is None or frame.empty:
        return frame
    ends = frame[stop.at].where(~(frame[stop.count] >= least))
    ends = ends.groupby([frame[name] for name in stop.within]).transform("min") if stop.within else ends.min()
    return frame[~(frame[stop.at] >= ends)]


def mark_cells(name: str, frame: pd.DataFrame, cells: Cells, least: int, known: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table with columns `hidden`, by its own counts, and `small`, whether one of them is small.

    Raises
    ------
    Refused: a count that its view names is not in the table.
    """
    hidden, least = np.zeros(len(frame), bool), cells.times * least
    if frame.empty or not cells.counts:
        return frame.assign(hidden=hidden, small=hidden)
    try:
        counts, rows = count_cells(frame, cells.counts, known), np.flatnonzero(mark_rows(frame, cells.where, known))
        hidden[rows] = RULES[cells.rule](frame.iloc[rows], counts[rows], cells, least, known)
    except NameError as error:
        raise Refused(f"the table {name} lacks what guards its cells: {error}") from None
    return frame.assign(hidden=hidden, small=(counts < least).any(axis=1))


def close_total(counts: np.ndarray, least: int) -> np.ndarray:
    """Return which cells of one total to hide: the small ones, then the smallest until they hold enough together.

    One small cell is never enough, so that at least two are hidden. Ties go by row order; a missing count is small.

    Parameters
    ----------
    counts : array, shape (n,)
    least : int

    References
    ----------
    Hundepool et al. (2012), Statistical disclosure control, chapter 4; ACRO and UK LLC publish no count under 10.

    Examples
    --------
    >>> close_total(np.array([50.0, 40.0, 3.0, 60.0]), 10).tolist()
    [False, True, True, False]
    """
    counts = np.nan_to_num(counts, nan=0.0, posinf=np.inf)
    order = np.argsort(counts, kind="stable")
    small = int((counts < least).sum())
    while 0 < small < len(order) and counts[order[:small]].sum() < least:
        small += 1
    return np.isin(np.arange(len(counts)), order[:small])


def find_near(counts: np.ndarray, least: int) -> np.ndarray:
    """Return which counts differ from one that is kept before them, yet by fewer than `least`; missing ones do not."""
    shown, near = [], np.zeros(len(counts), bool)
    for row, count in enumerate(counts):
        near[row] = any(0 < abs(count - other) < least for other in shown)
        shown += [] if near[row] or np.isnan(count) else [count]
    return near


def group_rows(frame: pd.DataFrame, by: Sequence[str], known: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the places of the rows that are equal in some columns or expressions; all together without any."""
    if not by:
        return [np.arange(len(frame))]
    keys = pd.DataFrame({name: evaluate(frame, name, known) for name in by}, index=frame.index)
    return list(keys.groupby(list(by), dropna=False, sort=False).indices.values())


def _hide_cells(frame, counts, cells, least, known) -> np.ndarray:
    """Each count is closed by itself, so that the same counts beside another outcome hide the same cells."""
    hidden = np.zeros(len(frame), bool)
    for rows in group_rows(frame, cells.within, known):
        for column in counts.T:
            hidden[rows] |= close_total(column[rows], least)
    return hidden


def _hide_rows(frame, counts, cells, least, known) -> np.ndarray:
    hidden = (counts < least).any(axis=1)
    for rows in group_rows(frame, cells.together, known) if cells.together else ():
        hidden[rows] = hidden[rows].any()
    if cells.near:
        order = np.argsort(~mark_rows(frame, cells.first, known), kind="stable") if cells.first else slice(None)
        held = evaluate(frame, cells.near, known).to_numpy(float)
        for rows in group_rows(frame.iloc[order], cells.within, known):
            places = np.arange(len(frame))[order][rows]
            hidden[places] |= find_near(held[places], least)
    return hidden


def _hide_lines(frame, counts, cells, least, known) -> np.ndarray:
    """Lines stay between which, and beyond which, nobody lies or at least `least` do.

    Half of the counts are at or above a line, the others the same counts below it.
    """
    above, below = np.split(counts, 2, axis=1)
    hidden, last = np.ones(len(counts), bool), 0.0
    for row in np.argsort(above[:, 0], kind="stable"):
        more = above[row] - last
        is_far = (more >= least).all() or (not hidden.all() and not more.any())
        if is_far and ((below[row] >= least).all() or not below[row].any()):
            hidden[row], last = False, above[row]
    return hidden


def _hide_days(frame, counts, cells, least, known) -> np.ndarray:
    """Days between which each line of a picture loses nobody or at least `least`; the day before the first has none."""
    shown = np.zeros(len(frame), bool)
    for rows in group_rows(frame, cells.within, known):
        part = frame.iloc[rows].assign(lost=counts[rows, 0])
        lost = part.pivot_table(index=cells.stop.at, columns=cells.names, values="lost").sort_index().ffill().fillna(0)
        days, last = [], np.zeros(lost.shape[1])
        for day, now in zip(lost.index, lost.to_numpy(float), strict=True):
            if ((now == last) | (now - last >= least)).all():
                days, last = [*days, day], now
        shown[rows] = part[cells.stop.at].isin(days)
    return ~shown


def _hide_some(frame, counts, cells, least, known) -> np.ndarray:
    """Days on which something has happened to a few of a line: counts are shares of its largest number at risk."""
    most = frame.groupby(cells.names)[cells.stop.count].transform("max").to_numpy(float)
    events = np.round(evaluate(frame, cells.counts[0], known).to_numpy(float) * most)
    few = pd.Series((events > 0) & (events < least), frame.index)
    return few.groupby([frame[name] for name in [*cells.within, cells.stop.at]]).transform("any").to_numpy(bool)


RULES = {"cells": _hide_cells, "rows": _hide_rows, "lines": _hide_lines, "days": _hide_days, "some": _hide_some}
