"""The gates: whether a measured cell agrees with what its method promises, and what that says of the method."""

from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from helpers import paths
from helpers.records import NAN, Check, DataInfo, Results

SLACK = {"nominal": 0.0, "at least": 0.0, "nominal within .01": 0.01}
ROUNDING = 1e-9
OUTSIDE = "outside its domain"
TITLE, QUESTION = "Validation of the methods", "Can these methods be trusted?"
TAILS = {"nominal": 0.001, "at least": 0.001, "nominal within .01": 0.01}  # with which a kept claim fails, at its edge
FAMILY_ERROR = 0.001  # of one wrong verdict over all gates of all cells that keep their promise
DEFECT, POWER = 0.03, 0.8  # coverage that is too low by so much is found with this chance: 92 % for 95 %
MOST_NEEDED = 20_000
POOLED = ("pooled_low", "pooled_high")
DEEP = ("guarantee", "claim", "measured_on", "seed", "cells_inside", "least_draws", "most_draws", "draws")
DEEP = (*DEEP, "pooled_coverage", *POOLED, "pooled_limit", "smallest_defect", "worst_coverage", "verdict")
KEEPS, BREAKS = "no defect found", "fails"
DRAWS = {"quick": 300, "deep": 4000}  # experiments drawn for what stands beside the cells, unless asked otherwise
BAND = 0.99  # confidence of the Monte-Carlo intervals
MEASURES = {"coverage": "intervals that hold the truth", "false_alarm": "false alarms"}


def judge_cells(frame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return the measured cells with the range of coverage that each may show, and its verdict.

    Inside the domain a cell fails where its coverage, or its share without a false alarm, leaves the claim by more than
    chance explains: the exact binomial tail, so that over all gates of all cells together a method that keeps its
    promise fails with a probability of at most .001. Too much coverage fails a nominal claim, never one
    of "at least". Enumerated cells have no chance, so no band. A cell whose method promises that interval and test
    agree fails where they ever disagree.

    Parameters
    ----------
    frame : DataFrame of `measure_cells`
    confidence_level : float, as measured

    Returns
    -------
    DataFrame: the frame with `band` (what chance may take from the coverage, 0 where exact), `limit_low`,
        `limit_high` (coverage that a cell may show) and `verdict`: "no defect found", "fails" or "outside its domain".
    """
    tail = FAMILY_ERROR / max(4 * int(frame["inside"].sum()), 1)  # two sides of coverage, two of false alarms
    low, high = _find_limits(frame, confidence_level, tail)
    kept = _is_within(frame["coverage"], low, high) & _is_within(1 - frame["false_alarm"], low, high)
    kept &= ~(frame["is_dual"].astype(bool) & (frame["disagree"] > 0))
    verdicts = np.where(frame["inside"], np.where(kept, KEEPS, BREAKS), OUTSIDE)
    band = confidence_level - frame["claim"].map(SLACK) - low
    return frame.assign(band=band, limit_low=low, limit_high=high, verdict=verdicts)


@cache
def count_needed(claim, confidence_level=0.95) -> int:
    """Return the draws of one method from which on a coverage too low by `DEFECT` is found with a chance of `POWER`.

    Parameters
    ----------
    claim : str, a key of `SLACK`
    confidence_level : float, 0.5 to 1

    Examples
    --------
    >>> count_needed("nominal within .01"), count_needed("at least")
    (1674, 1037)
    """
    draws = np.arange(1, MOST_NEEDED)
    least = stats.binom.ppf(TAILS[claim], draws, confidence_level - SLACK[claim])
    return int(draws[find_defect(draws, least) < confidence_level - DEFECT][-1]) + 1


def find_defect(draws, least):
    """Return the highest true coverage that so many draws find too low, with a chance of `POWER`.

    Parameters
    ----------
    draws : int or array
    least : as draws, the fewest intervals that must hold the truth, 1 or more (else nan: nothing is found)
    """
    return stats.beta.ppf(1 - POWER, least, draws - least + 1)


def summarise_guarantees(judged, *, confidence_level=0.95) -> pd.DataFrame:
    """Return one row a guarantee, in the cells' order: what it promises, where, and what was measured.

    All draws of a method inside its domain together are a gate of their own, which sees what is too small for the
    draws of one cell: the same claim, and the exact binomial tail of `TAILS`.

    Parameters
    ----------
    judged : DataFrame of `judge_cells`
    confidence_level : float, as measured

    Returns
    -------
    DataFrame: guarantee, claim, domain (in words), reference, cells_inside, draws (over the drawn cells inside; 0
        where all are enumerated), pooled_coverage (over all draws inside, or the mean of the enumerated cells),
        pooled_limit (the least that claim and chance allow it), smallest_defect (the highest true coverage that so
        many draws find with a chance of `POWER`; the claim's edge where enumerated), worst_coverage (the farthest
        from the claim, inside), largest_false_alarm, cells_outside, worst_outside, verdict ("no defect found", or
        "fails" where a cell inside or the pool of them fails, or none was measured).
    """
    return pd.DataFrame([_summarise(cells, confidence_level) for _, cells in judged.groupby("guarantee", sort=False)])


def _find_limits(cells, level, tail):
    """The least and the most coverage: at the edge of the claim, beyond it as far as chance goes with `tail`."""
    slack, exact = cells["claim"].map(SLACK).to_numpy(), cells["exact"].to_numpy(bool)
    low = level - slack
    high = np.where(cells["claim"] == "at least", 1.0, np.minimum(level + slack, 1.0))
    n = np.where(exact, 1, cells["replicates"])
    ends = stats.binom.ppf(tail, n, low) / n, stats.binom.isf(tail, n, high) / n
    return np.where(exact, low, ends[0]), np.where(exact, high, ends[1])


def _is_within(values, low, high):
    return values.isna() | ((values >= low - ROUNDING) & (values <= high + ROUNDING))


def _summarise(cells, level):
    inside, outside, claim = cells[cells["inside"]], cells[~cells["inside"]], cells["claim"].iloc[0]
    known = inside[inside["coverage"].notna()]
    weights = known["replicates"].where(~known["exact"].astype(bool), 0)
    draws = int(weights.sum())
    pool = cells.iloc[:1].assign(replicates=draws, exact=not draws)
    pool["coverage"] = float(np.average(known["coverage"], weights=weights) if draws else known["coverage"].mean())
    low, high = _find_limits(pool, level, TAILS[claim])
    kept = (inside["verdict"] == KEEPS).all() and _is_within(pool["coverage"], low, high).all()
    least = low.item() if len(known) else NAN
    return {
        **cells[["guarantee", "claim", "domain", "reference"]].iloc[0],
        "cells_inside": len(inside),
        "draws": draws,
        "pooled_coverage": pool["coverage"].item(),
        "pooled_limit": least,
        "smallest_defect": float(find_defect(draws, round(least * draws))) if draws else least,
        "worst_coverage": _find_worst(inside, level),
        "largest_false_alarm": float(inside["false_alarm"].max()),
        "cells_outside": len(outside),
        "worst_outside": _find_worst(outside, level),
        "verdict": KEEPS if len(inside) and kept else BREAKS,
    }


def _find_worst(cells, level):
    """The coverage farthest from the level, or, of a method that only promises at least as much, the lowest."""
    known = cells["coverage"].dropna()
    if known.empty:
        return NAN
    at_least = cells["claim"].iloc[0] == "at least"
    return float(known.min() if at_least else known.loc[(known - level).abs().idxmax()])


def record_deep(judged, guarantees, *, measured_on, seed) -> pd.DataFrame:
    """Return what a deep grid found as it is committed: one row a method, dated, with the draws that its cells reached.

    Parameters
    ----------
    judged, guarantees : DataFrames of `judge_cells` and `summarise_guarantees`
    measured_on : str, the date
    seed : int
    """
    reached = judged[judged["inside"]].groupby("guarantee")["replicates"].agg(["min", "max"])
    told = add_bands(guarantees, "pooled_coverage", "draws", names=POOLED, method="wilson")
    ends = {"least_draws": reached["min"], "most_draws": reached["max"]}
    ends = {name: told["guarantee"].map(n) for name, n in ends.items()}
    return told.assign(measured_on=measured_on, seed=seed, **ends)[list(DEEP)]


def read_deep() -> pd.DataFrame:
    """Return the deep grid as it was last measured and committed, one row a method, the columns of `record_deep`."""
    return pd.read_csv(paths.DATA / "validation" / "deep.csv")


def count_draws(depth: str, replicates: int | None = None) -> int:
    """Return how many experiments to draw for each comparison beside the cells: as asked, or as the depth plans."""
    return replicates or DRAWS[depth]


def add_bands(table, share, n, *, names=("ci_low", "ci_high"), method="exact") -> pd.DataFrame:
    """Return a table with the 99 % interval of a share of n draws, exact or Wilson's; the share where none were."""
    bands = [
        (held, held)
        if held != held or not draws
        else stats.binomtest(round(held * draws), draws).proportion_ci(BAND, method=method)
        for held, draws in zip(table[share], table[n].astype(int), strict=True)
    ]
    return table.assign(**{name: [float(band[k]) for band in bands] for k, name in enumerate(names)})


def conclude(judged, guarantees, beside, *, confidence_level: float, depth: str) -> Results:
    """Return the results of a validation, without sentences.

    Parameters
    ----------
    judged : DataFrame, one row a cell
        As `judge_cells` returns it.
    guarantees : DataFrame, one row a method
        As `summarise_guarantees` returns it.
    beside : dict of DataFrame
        `peers`, `looking`, `powers` and `deep`: further tables of the report.
    confidence_level : float
    depth : str, quick or deep

    Returns
    -------
    Results: tables `guarantees`, `cells` and those beside; one check for all gates, one more for each that fails.
    """
    inside, exact = judged["inside"].astype(bool), judged["exact"].astype(bool)
    total = int(judged["replicates"].sum())
    steps = (
        ("cells in the grid", len(judged), "one method, one population, one pair of sizes each"),
        ("inside the method's domain", int(inside.sum()), "these are judged"),
        ("outside it", int((~inside).sum()), "these are shown, and decide nothing"),
        ("enumerated exactly", int(exact.sum()), "every possible outcome with its probability: no chance in it"),
        ("experiments drawn", total, "for all other cells together"),
    )
    note = f"{len(judged)} cells of the {depth} grid, {total:,} experiments drawn, shares enumerated exactly"
    info = DataInfo("simulated", note, "drawn by this run", None, total, total, steps=steps)
    pooled = add_bands(guarantees, "pooled_coverage", "draws", names=POOLED, method="wilson")
    peers = add_bands(beside["peers"], "coverage", "replicates").assign(nominal=confidence_level)
    metrics = [{"metric": m, "label": label, "kind": "binary", "noun": "experiment"} for m, label in MEASURES.items()]
    tables = {
        "metrics": pd.DataFrame(metrics),
        "guarantees": pooled.assign(nominal=confidence_level),
        "cells": judged,
        **beside,
        "peers": peers,
        "settings": pd.DataFrame([{"confidence_level": confidence_level, "depth": depth}]),
    }
    checks = (*_check_gates(guarantees), *_check_inside(judged[inside]))
    return Results("validation", TITLE, QUESTION, "answered", info, {}, checks=checks, tables=tables)


def _check_gates(guarantees):
    failing = guarantees[guarantees["verdict"] == BREAKS]
    held, total = len(guarantees) - len(failing), len(guarantees)
    told = f"No defect found in {held} of {total} methods, in any cell inside their domain and over all draws."
    yield Check("gates", "fail" if len(failing) else "pass", held, total, told)
    for row in failing.itertuples():
        found = {"coverage of": row.worst_coverage, "false alarms up to": row.largest_false_alarm}
        parts = [f"{what} {100 * share:.1f} %" for what, share in found.items() if share == share]
        told = f"It promises “{row.claim}” and shows {' and '.join(parts)}."
        if not row.cells_inside:
            told = f"It promises “{row.claim}”, and no cell of the grid lies inside its domain."
        yield Check(f"gate of {row.guarantee}", "fail", row.worst_coverage, NAN, told)


def _check_inside(inside):
    """Whether interval and test ever contradict each other about no effect where none may, and how often none is given.

    An experiment without an interval counts against the coverage.
    """
    worst = float(inside.loc[inside["is_dual"].astype(bool), "disagree"].max())
    told = "Inside the domains, interval and test contradict each other in no experiment."
    if worst > 0:
        told = f"Interval and test contradict each other in up to {100 * worst:.1f} % of a cell's experiments."
    status = "not tested" if worst != worst else "pass" if worst == 0 else "warn"
    yield Check("interval and test", status, worst, 0.0, told)
    given = inside[inside["has_interval"].astype(bool)]
    if given.empty:
        yield Check("without interval", "not tested", NAN, 0.0, "No cell inside a domain gives intervals.")
        return
    worst, method = given.loc[given["undefined"].idxmax(), ["undefined", "guarantee"]]
    told = "Inside the domains every experiment gets its interval."
    if worst > 0:
        told = f"At most {100 * worst:.2g} % of experiments of a cell inside a domain get no interval ({method})."
    yield Check("without interval", "pass" if worst <= 0.05 else "warn", float(worst), 0.05, told)
