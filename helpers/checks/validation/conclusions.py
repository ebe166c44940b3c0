"""From judged cells to what a report shows: how much was measured, which gates hold, and every table."""

from __future__ import annotations

import pandas as pd
from scipy import stats

from helpers.records import NAN, Check, DataInfo, Results

STUDY = "validation"
TITLE = "Validation of the methods"
QUESTION = "Can these methods be trusted?"
DRAWS = {"quick": 300, "deep": 4000}  # experiments drawn for what stands beside the cells, unless asked otherwise
BAND = 0.99  # confidence of the Monte-Carlo intervals
NOUN = "experiment"
MEASURES = {"coverage": "intervals that hold the truth", "false_alarm": "false alarms"}


def count_draws(depth: str, replicates: int | None = None) -> int:
    """Return how many experiments to draw for each comparison beside the cells: as asked, or as the depth plans."""
    return replicates or DRAWS[depth]


def conclude(
    judged: pd.DataFrame,
    guarantees: pd.DataFrame,
    beside: dict[str, pd.DataFrame],
    *,
    confidence_level: float,
    depth: str,
) -> Results:
    """Return the results of a validation, without sentences.

    Parameters
    ----------
    judged : DataFrame, one row a cell
        As `judge_cells` returns it.
    guarantees : DataFrame, one row a method
        As `summarise_guarantees` returns it.
    beside : dict of DataFrame
        `peers`, `looking` and `powers`: further tables of the report.
    confidence_level : float
    depth : str, quick or deep

    Returns
    -------
    Results: tables `guarantees`, `cells` and those beside; one check for all gates, one more for each that fails.
    """
    drawn = judged["replicates"].where(~judged["exact"].astype(bool), 0)
    total = int(drawn.sum())
    note = f"{len(judged)} cells of the {depth} grid, {total:,} experiments drawn, shares enumerated exactly"
    info = DataInfo("simulated", note, "drawn by this run", None, total, total, steps=_list_steps(judged, drawn))
    metrics = [{"metric": m, "label": label, "kind": "binary", "noun": NOUN} for m, label in MEASURES.items()]
    level = pd.DataFrame([{"confidence_level": confidence_level, "depth": depth}])
    beside = {**beside, "peers": _add_bands(beside["peers"]).assign(nominal=confidence_level)}
    pooled = guarantees.assign(coverage=guarantees["pooled_coverage"], replicates=guarantees["draws"], exact=False)
    bands = _add_bands(pooled)[["ci_low", "ci_high"]]
    guarantees = guarantees.assign(pooled_low=bands["ci_low"], pooled_high=bands["ci_high"], nominal=confidence_level)
    tables = {"metrics": pd.DataFrame(metrics), "guarantees": guarantees, "cells": judged, **beside, "settings": level}
    checks = (*_check_gates(guarantees), _check_agreement(judged), _check_undefined(judged))
    return Results(STUDY, TITLE, QUESTION, "answered", info, {}, checks=checks, tables=tables)


def _add_bands(peers):
    """Exact binomial intervals of what was drawn; what is enumerated has none."""
    bands = [_find_band(row) for row in peers.itertuples()]
    return peers.assign(ci_low=[low for low, _ in bands], ci_high=[high for _, high in bands])


def _find_band(row):
    if row.exact or row.coverage != row.coverage:
        return row.coverage, row.coverage
    band = stats.binomtest(round(row.coverage * row.replicates), row.replicates).proportion_ci(BAND)
    return float(band.low), float(band.high)


def _list_steps(judged, drawn):
    inside, exact = judged["inside"].astype(bool), judged["exact"].astype(bool)
    return (
        ("cells in the grid", len(judged), "one method, one population, one pair of sizes each"),
        ("inside the method's domain", int(inside.sum()), "these are judged"),
        ("outside it", int((~inside).sum()), "these are shown, and decide nothing"),
        ("enumerated exactly", int(exact.sum()), "every possible outcome with its probability: no chance in it"),
        ("experiments drawn", int(drawn.sum()), "for all other cells together"),
    )


def _check_gates(guarantees):
    failing = guarantees[guarantees["verdict"] == "fails"]
    held, total = len(guarantees) - len(failing), len(guarantees)
    told = f"{held} of {total} methods keep within what they promise in every cell inside their domain."
    yield Check("gates", "fail" if len(failing) else "pass", held, total, told)
    for row in failing.itertuples():
        found = {"coverage of": row.worst_coverage, "false alarms up to": row.largest_false_alarm}
        parts = [f"{what} {100 * share:.1f} %" for what, share in found.items() if share == share]
        told = f"It promises “{row.claim}” and shows {' and '.join(parts)}."
        if not row.cells_inside:
            told = f"It promises “{row.claim}”, and no cell of the grid lies inside its domain."
        yield Check(f"gate of {row.guarantee}", "fail", row.worst_coverage, NAN, told)


def _check_agreement(judged):
    """Whether interval and test ever say different things about no effect, where a method promises that they do not."""
    disagree = judged.loc[judged["inside"].astype(bool) & judged["is_dual"].astype(bool), "disagree"]
    worst = float(disagree.max()) if disagree.notna().any() else NAN
    told = "Inside the domains, interval and test contradict each other in no experiment."
    if worst > 0:
        told = f"Interval and test contradict each other in up to {100 * worst:.1f} % of a cell's experiments."
    status = "not tested" if worst != worst else "pass" if worst == 0 else "warn"
    return Check("interval and test", status, worst, 0.0, told)


def _check_undefined(judged):
    """How often no interval is given; such an experiment counts against the coverage."""
    given = judged[judged["inside"].astype(bool) & judged["has_interval"].astype(bool)]
    if given.empty:
        return Check("without interval", "not tested", NAN, 0.0, "No cell inside a domain gives intervals.")
    worst = given.loc[given["undefined"].idxmax()]
    told = "Inside the domains every experiment gets its interval."
    if worst["undefined"] > 0:
        share = f"{100 * worst['undefined']:.2g} % of experiments"
        told = f"At most {share} of a cell inside a domain get no interval ({worst['guarantee']})."
    return Check(
        "without interval", "pass" if worst["undefined"] <= 0.05 else "warn", float(worst["undefined"]), 0.05, told
    )
