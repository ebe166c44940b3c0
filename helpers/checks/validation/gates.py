"""The gates: whether a measured cell agrees with what its method promises, and what that says of the method."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

SLACK = {"nominal": 0.0, "at least": 0.0, "nominal within .01": 0.01}
ROUNDING = 1e-9
OUTSIDE = "outside its domain"


def judge_cells(frame, *, confidence_level=0.95, family_error=0.001) -> pd.DataFrame:
    """Return the measured cells with the range of coverage that each may show, and its verdict.

    Inside the domain a cell fails where its coverage, or its share of false alarms, leaves the claim by more than
    chance explains: the exact binomial tail, so that over all gates of all cells together a method that keeps its
    promise fails with a probability of at most `family_error`. Too much coverage fails a nominal claim, never one
    of "at least". Enumerated cells have no chance, so no band. A cell whose method promises that interval and test
    agree fails where they ever disagree.

    Parameters
    ----------
    frame : DataFrame of `measure_cells`
    confidence_level : float, as measured
    family_error : float

    Returns
    -------
    DataFrame: the frame with `band` (what chance may take from the coverage, 0 where exact), `limit_low`,
        `limit_high` (coverage that a cell may show) and `verdict`: "holds", "fails" or "outside its domain".
    """
    tail = family_error / max(4 * int(frame["inside"].sum()), 1)  # two sides of coverage, two of false alarms
    limits = [_find_limits(row, confidence_level, tail) for row in frame.itertuples()]
    alarms = [_find_alarm_limits(row, confidence_level, tail) for row in frame.itertuples()]
    judged = frame.assign(
        band=[confidence_level - SLACK[c] - low for c, (low, _) in zip(frame["claim"], limits, strict=True)],
        limit_low=[low for low, _ in limits],
        limit_high=[high for _, high in limits],
    )
    kept = _is_within(frame["coverage"], limits) & _is_within(frame["false_alarm"], alarms)
    kept &= ~(frame["is_dual"].astype(bool) & (frame["disagree"] > 0))
    return judged.assign(verdict=np.where(frame["inside"], np.where(kept, "holds", "fails"), OUTSIDE))


def summarise_guarantees(judged, *, confidence_level=0.95, family_error=0.001) -> pd.DataFrame:
    """Return one row a guarantee, in the cells' order: what it promises, where, and what was measured.

    All draws of a method inside its domain together are a gate of their own, which sees what is too small for the
    draws of one cell: the same claim, the exact binomial tail, `family_error` over all methods.

    Parameters
    ----------
    judged : DataFrame of `judge_cells`
    confidence_level : float, as measured
    family_error : float

    Returns
    -------
    DataFrame: guarantee, claim, domain (in words), reference, cells_inside, draws (over the drawn cells inside; 0
        where all are enumerated), pooled_coverage, pooled_limit (the least that claim and chance allow it; both nan
        where enumerated), worst_coverage (the farthest from the claim, inside), largest_false_alarm, cells_outside,
        worst_outside, verdict ("holds", or "fails" where a cell inside or the pool of them fails, or none was
        measured).
    """
    groups = [cells for _, cells in judged.groupby("guarantee", sort=False)]
    tail = family_error / (2 * max(len(groups), 1))
    return pd.DataFrame([_summarise(cells, confidence_level, tail) for cells in groups])


def _find_limits(row, level, tail):
    slack = SLACK[row.claim]
    highest = 1.0 if row.claim == "at least" else level + slack
    return _widen(level - slack, highest, row, tail)


def _find_alarm_limits(row, level, tail):
    slack = SLACK[row.claim]
    lowest = 0.0 if row.claim == "at least" else max(1 - level - slack, 0.0)
    return _widen(lowest, 1 - level + slack, row, tail)


def _widen(low, high, row, tail):
    """The counts beyond which a share at the edge of the claim falls with a probability of at most `tail`."""
    if row.exact:
        return low, high
    n = row.replicates
    least = stats.binom.ppf(tail, n, low) / n if low > 0 else 0.0
    most = stats.binom.isf(tail, n, high) / n if high < 1 else 1.0
    return float(least), float(most)


def _is_within(values, limits):
    low, high = np.array(limits).T
    values = values.to_numpy(float)
    return np.isnan(values) | ((values >= low - ROUNDING) & (values <= high + ROUNDING))


def _summarise(cells, level, tail):
    inside, outside = cells[cells["inside"]], cells[~cells["inside"]]
    drawn = inside[~inside["exact"].astype(bool) & inside["coverage"].notna()]
    draws = int(drawn["replicates"].sum())
    pooled = float(drawn["coverage"] @ drawn["replicates"] / draws) if draws else np.nan
    pool = pd.Series({"claim": cells["claim"].iloc[0], "replicates": max(draws, 1), "exact": False})
    held = len(inside) > 0 and bool((inside["verdict"] == "holds").all())
    limits = _find_limits(pool, level, tail)
    held &= bool(_is_within(pd.Series([pooled]), [limits])[0])
    return {
        **cells[["guarantee", "claim", "domain", "reference"]].iloc[0],
        "cells_inside": len(inside),
        "draws": draws,
        "pooled_coverage": pooled,
        "pooled_limit": limits[0] if draws else np.nan,
        "worst_coverage": _find_worst(inside, level),
        "largest_false_alarm": float(inside["false_alarm"].max()) if len(inside) else np.nan,
        "cells_outside": len(outside),
        "worst_outside": _find_worst(outside, level),
        "verdict": "holds" if held else "fails",
    }


def _find_worst(cells, level):
    """The coverage farthest from the level, or, of a method that only promises at least as much, the lowest."""
    known = cells["coverage"].dropna()
    if known.empty:
        return np.nan
    at_least = cells["claim"].iloc[0] == "at least"
    return float(known.min() if at_least else known.loc[(known - level).abs().idxmax()])
