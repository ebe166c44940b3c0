"""Differences in percentage points as pictures of milestones tell them: figures, names, and one row of a strip."""

from __future__ import annotations

import math

import pandas as pd

from helpers.figures.strips import Mark, Strip
from helpers.records import Results
from helpers.wording import (
    Style,
    capitalise,
    count_decimals,
    find_noun,
    join_words,
    read_scale,
    write_count,
    write_number,
)

POINTS = Style(100, "", " points", True)
BARE = Style(100, "", "", True)
ABSENT = "not estimable"
KEPT = {"retained": "kept", "expanded": "expanded", "dormant": "dormant"}  # outcomes as what an account is
ALPHA = 0.05  # of the adjusted p-values of features


def write_gap(difference: float, low: float, high: float) -> str:
    """Return a difference of shares in points, with at most one decimal ("+8.1 points")."""
    if math.isnan(difference):
        return ABSENT
    return write_number(difference, POINTS, decimals=_fix(low, high))


def tell_gap(difference: float, low: float, high: float) -> str:
    """Return a difference of shares with its interval ("+8.1 points [+6.5, +9.7]")."""
    if math.isnan(difference) or math.isnan(low):
        return write_gap(difference, low, high)
    ends = [write_number(end, BARE, decimals=_fix(low, high)) for end in (low, high)]
    return f"{write_gap(difference, low, high)} [{', '.join(ends)}]"


def _fix(low, high):
    decimals = count_decimals(low, high, factor=100)
    return 1 if decimals is None else min(1, decimals)


def is_clear(low: float, high: float) -> bool:
    """Return whether an interval leaves out zero; False where there is none."""
    return low > 0 or high < 0


def name_part(results: Results, name: str) -> str:
    """Return what a reader calls a milestone, feature, step or category: its label, else its name in words."""
    return read_scale(results, name).label.replace("_", " ")


def list_parts(results: Results, names, *, most: int = 3) -> str:
    """Return some names in words, the rest as a count ("a, b and 2 more")."""
    told = [name_part(results, name) for name in names]
    return join_words(told if len(told) <= most + 1 else [*told[:most], f"{len(told) - most} more"])


def find_landmark(results: Results) -> float:
    """Return the main landmark in days; nan where no table tells it."""
    frame = results.tables.get("landmark_effects", pd.DataFrame())
    return float(frame["landmark"].iloc[0]) if len(frame) else math.nan


def name_landmark(results: Results) -> str:
    """Return the main landmark in words ("day 90"); "the landmark" where it is not known."""
    day = find_landmark(results)
    return "the landmark" if math.isnan(day) else f"day {day:g}"


def tell_units(results: Results, count: float) -> str:
    """Return a count of accounts in words ("4,200 accounts"), or that it is hidden."""
    noun = find_noun(results)
    return f"few {noun}" if count is None or math.isnan(count) else f"{write_count(count)} {noun}"


def make_strip(name: str, row, *, kind: str | None = None, note: str = "", below: str = "", heading: str = "") -> Strip:
    """Return one row of a strip from a table's row with `difference`, `ci_low` and `ci_high`.

    Parameters
    ----------
    name : str
    row : named tuple or Series
    kind : str, optional
        Filled where the interval leaves out zero, else hollow, when left out.
    note, below, heading : str
    """
    marks = ()
    if math.isfinite(row.difference):
        shown = kind or ("clear" if is_clear(row.ci_low, row.ci_high) else "unclear")
        marks = (Mark(float(row.difference), shown, float(row.ci_low), float(row.ci_high)),)
    told = tell_gap(row.difference, row.ci_low, row.ci_high)
    return Strip(capitalise(name), marks, note=note, text=told, below=below, heading=heading)


def tell_row(row) -> str:
    """Return a feature's difference with its interval, or why there is none."""
    if math.isnan(row.difference):
        return "time order unknown" if row.time_order == "unknown" else ABSENT
    return tell_gap(row.difference, row.ci_low, row.ci_high)


def tell_order(rows: pd.DataFrame) -> str:
    """Return a closing sentence where what came first is known of no feature."""
    return " What came first is not known." if (rows["time_order"] == "unknown").all() else ""


def are_clear(rows: pd.DataFrame) -> pd.Series:
    """Return which features differ clearly when all are counted."""
    return rows["p_value_adjusted"] <= ALPHA
