"""Small cells: what would tell about a few people is hidden, with what would give it away.

One rule for units, events and non-events alike: a count under `min_cell` hides its cell, 0 included, because
"none of these 34" tells as much about each of them as "3 of these 34". Headlines of whole variants stay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.plan import ExperimentPlan
from helpers.records import Estimate, Results

FIGURES = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "treatment_value")
COUNTS = ("n_control", "n_treatment")
OPTIONS = ("df", "ci_set", "p_value_adjusted", "clusters_control", "clusters_treatment", "as_expected")
CELL = ("metric", "comparison", "estimand", "population", "adjustment", "role")


def suppress_small_cells(frame: pd.DataFrame, *, count, groups, within=None, min_cell: int) -> pd.DataFrame:
    """Return a table with its small cells hidden, and as many more that their total does not give them away.

    Within each visible total, the smallest cells are hidden until at least two are, and until together they hold
    `min_cell`. Each count column is closed by itself, so that the same counts beside another outcome hide the
    same cells; a cell that one column hides is hidden whole. Ties go by row order.

    Parameters
    ----------
    frame : DataFrame, one row a cell
    count : str or list of str
        Columns of counts: units, and events and non-events where the figures are shares. Missing counts as small.
    groups : str or list of str
        Columns that name the cell; they stay visible, with `within`; every other column of the cell is hidden.
    within : str or list of str, optional
        Columns that name the total of which the cells are parts; the whole table when left out.
    min_cell : int
        Smallest count that may be seen.

    Returns
    -------
    DataFrame: a copy with hidden figures missing and a column `hidden` (bool).

    References
    ----------
    Hundepool et al. (2012), Statistical disclosure control, chapter 4; ACRO and UK LLC publish no count under 10.
    """
    counts, named, totals = _listed(count), _listed(groups), _listed(within)
    hidden = np.zeros(len(frame), bool)
    for rows in _partition(frame, totals):
        for column in counts:
            hidden[rows] |= _close(frame[column].to_numpy(float)[rows], min_cell)
    figures = [column for column in frame if column not in {*named, *totals}]
    return frame.assign(**{column: frame[column].mask(hidden) for column in figures}, hidden=hidden)


def protect(results: Results, design: ExperimentPlan) -> Results:
    """Return results in which small cells are hidden, before any sentence or picture is made of them.

    Parameters
    ----------
    results : Results
        Estimates as for `suppress_estimates`; table `curves` (one row a `metric`, arm and `day`, with `at_risk`);
        table `path`, which would give a hidden week away and goes with it.
    design : ExperimentPlan
        Gives `min_cell`.

    Returns
    -------
    Results
    """
    tables = dict(results.tables)
    if "curves" in tables:
        options = {"day": "day", "at_risk": "at_risk", "within": "metric", "min_cell": design.min_cell}
        tables["curves"] = stop_small_curves(tables["curves"], **options)
    estimates = suppress_estimates(results.estimates, design)
    if any(e.at is not None and e.verdict == "not estimable" for e in estimates):
        tables.pop("path", None)
    return results.but(estimates=estimates, tables=tables)


def suppress_estimates(estimates: Sequence[Estimate], design: ExperimentPlan) -> tuple[Estimate, ...]:
    """Return estimates in which small cells below whole variants (segments, weeks) are hidden.

    Parameters
    ----------
    estimates : sequence of Estimate
        A cell is one with a `segment` ("column=level") or an `at` ("week 3"); the cells of one column, or of all
        weeks, are the parts of a total. Others are headlines and stay as they are.
    design : ExperimentPlan
        Gives `min_cell` and the metrics' kinds; shares are checked by events and non-events too.

    Returns
    -------
    tuple of Estimate: in the same order; hidden ones have nan figures and counts, and a `reason`.
    """
    cells = [i for i, e in enumerate(estimates) if e.segment is not None or e.at is not None]
    if not cells:
        return tuple(estimates)
    frame = pd.DataFrame([_describe_cell(estimates[i], design) for i in cells])
    parts = [*COUNTS, "events_c", "others_c", "events_t", "others_t"]
    found = suppress_small_cells(frame, count=parts, groups=[], within=[*CELL, "total"], min_cell=design.min_cell)
    small = {i for i, is_hidden in zip(cells, found["hidden"], strict=True) if is_hidden}
    return tuple(_blank(e, design.min_cell) if i in small else e for i, e in enumerate(estimates))


def stop_small_curves(
    frame: pd.DataFrame, *, day: str, at_risk: str, min_cell: int, within: str | None = None
) -> pd.DataFrame:
    """Return curves up to the day before one of them has fewer than `min_cell` units at risk.

    Parameters
    ----------
    frame : DataFrame, one row a group and day
    day, at_risk : str, columns
    min_cell : int
    within : str, optional
        Column that names the picture: its curves stop together, others go on.

    Returns
    -------
    DataFrame: the rows of earlier days.
    """
    stops = frame[day].where(~(frame[at_risk] >= min_cell))
    ends = stops.groupby(frame[within]).transform("min") if within else stops.min()
    return frame[~(frame[day] >= ends)].copy()


def find_small_cells(
    frame: pd.DataFrame, *, count, min_cell: int, within=None, totals: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the cells of a finished table that show or give away a small count: none when it may be shared.

    Parameters
    ----------
    frame : DataFrame, one row a cell, hidden counts missing
    count : str or list of str, columns of counts
    min_cell : int
    within : str or list of str, optional
        Columns that name the total of which the cells are parts.
    totals : DataFrame, optional
        One row a total, with the columns of `within` and `count`: what the reader knows from elsewhere.

    Returns
    -------
    DataFrame: row (position), column, problem ("small count", "given away by the total"); never the count itself.
    """
    counts, parts = _listed(count), _listed(within)
    found = [(int(row), column, "small count") for column in counts for row in np.flatnonzero(frame[column] < min_cell)]
    for rows in _partition(frame, parts) if totals is not None else ():
        known = totals
        for column in parts:
            known = known[known[column] == frame[column].iloc[rows[0]]]
        for column in counts:
            values = frame[column].to_numpy(float)[rows]
            missing = rows[np.isnan(values)]
            rest = float(known[column].sum()) - np.nansum(values)
            if len(missing) == 1 or (len(missing) and rest < min_cell):
                found += [(int(row), column, "given away by the total") for row in missing]
    return pd.DataFrame(found, columns=["row", "column", "problem"])


def _listed(names):
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _partition(frame, columns):
    if not columns:
        return [np.arange(len(frame))]
    return list(frame.groupby(columns, dropna=False, sort=False).indices.values())


def _close(counts, min_cell):
    """Return which cells of one total to hide: the small ones, then the smallest until they hold enough together.

    One small cell is never enough, so that at least two are hidden.
    """
    counts = np.nan_to_num(counts, nan=0.0)
    order = np.argsort(counts, kind="stable")
    small = int((counts < min_cell).sum())
    while 0 < small < len(order) and counts[order[:small]].sum() < min_cell:
        small += 1
    return np.isin(np.arange(len(counts)), order[:small])


def _describe_cell(estimate, design):
    total = estimate.segment.split("=")[0] if estimate.segment is not None else estimate.at.split(" ")[0]
    cell = {name: getattr(estimate, name) for name in (*CELL, *COUNTS)} | {"total": total}
    for side in ("control", "treatment"):
        n, share = cell[f"n_{side}"], getattr(estimate, f"{side}_value")
        is_share = design.metrics[estimate.metric].kind == "binary" and math.isfinite(share)
        events = round(n * share) if is_share else n  # other kinds have units only
        cell |= {f"events_{side[0]}": events, f"others_{side[0]}": n - events if is_share else n}
    return cell


def _blank(estimate, min_cell):
    reason = f"hidden: fewer than {min_cell} units, events or non-events here, or in a group that this one would reveal"
    blanks = dict.fromkeys((*FIGURES, *COUNTS), math.nan) | dict.fromkeys(OPTIONS)
    return estimate.but(**blanks, verdict="not estimable", reason=reason)
