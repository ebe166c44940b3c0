"""What methods promise and what was measured, as tables: promises, grid, verdicts, where they stop, sizes, peers."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from helpers.records import Results
from helpers.tables.show import show
from helpers.wording import (
    Display,
    capitalise,
    find_worst,
    mark_verdict,
    name_cell,
    name_claim,
    read_level,
    show_sentence,
    write_count,
    write_number,
    write_share,
)

LEAST = 0.0005  # below it a share would be printed as none
SIZES = (0, 100, 500, 2000, 10**9)  # units in the smaller arm


def promises(results: Results) -> Display:
    """Return what each method promises, and for which data, one row a method."""
    table, level = results.tables["guarantees"], read_level(results)
    rows = table.assign(claim=[name_claim(claim, level) for claim in table["claim"]])
    return show(
        rows[["guarantee", "claim", "domain"]],
        caption="What was promised before anything was measured, one row a method",
        name="validation_promises",
        headers={"guarantee": "Method", "claim": "Intervals hold the truth in", "domain": "For which data"},
        formats=dict.fromkeys(("guarantee", "claim", "domain"), capitalise),
    )


def sources(results: Results) -> Display:
    """Return where each method is from, one row a method."""
    return show(
        results.tables["guarantees"][["guarantee", "reference"]],
        caption="Where each method is from, one row a method",
        name="validation_sources",
        headers={"guarantee": "Method", "reference": "Source"},
        formats={"guarantee": capitalise},
    )


def grid(results: Results) -> Display:
    """Return how much was measured, one row a step."""
    frame = pd.DataFrame(results.data.steps, columns=["what", "count", "note"])
    return show(
        frame,
        caption="What was measured, one row a count",
        name="validation_grid",
        headers={"what": "What", "count": "Number", "note": "Note"},
        formats={"what": capitalise, "count": write_count},
    )


def verdicts(results: Results) -> Display:
    """Return each method's verdict with what was measured inside its domain, one row a method."""
    table, cells = results.tables["guarantees"], results.tables["cells"]
    inside = cells[cells["inside"].astype(bool)]
    given = inside[inside["has_interval"].astype(bool)].groupby("guarantee")
    measured = {
        "lowest": given["coverage"].min(),
        "highest": given["coverage"].max(),
        "missing": given["undefined"].max(),
    }
    rows = table.assign(**{name: table["guarantee"].map(values) for name, values in measured.items()})
    drawn = inside.groupby("guarantee")["replicates"].max()
    rows["drawn"] = [
        _tell_draws(n, drawn.get(name)) for name, n in zip(rows["guarantee"], rows["cells_inside"], strict=True)
    ]
    shares = ("lowest", "highest", "largest_false_alarm", "missing")
    return show(
        rows[["guarantee", "verdict", "drawn", *shares]],
        caption="What was measured inside the domains, one row a method",
        name="validation_verdicts",
        headers={
            "guarantee": "Method",
            "verdict": "Verdict",
            "drawn": "Cells and draws of each",
            "lowest": "Lowest coverage",
            "highest": "Highest coverage",
            "largest_false_alarm": "Most false alarms",
            "missing": "Without interval, at most",
        },
        formats={
            "guarantee": capitalise,
            "verdict": mark_verdict,
            **dict.fromkeys(shares, _share_or_blank),
        },
        raw=("verdict",),
        download=table,
    )


def _tell_draws(cells, draws):
    if not cells:
        return "none inside"
    return f"{write_count(cells)} x {write_count(draws)}" if draws else f"{write_count(cells)}, exact"


def outside(results: Results) -> Display:
    """Return the worst cell outside each method's domain, and why it lies outside, one row a method."""
    cells = results.tables["cells"]
    beyond = cells[~cells["inside"].astype(bool)]
    worst = [_pick_worst(group) for _, group in beyond.groupby("guarantee", sort=False)]
    if not worst:
        return show_sentence("No cell of this grid lies outside a domain.")
    frame = pd.DataFrame(worst)
    rows = frame.assign(where=[name_cell(cell) for cell in worst])
    return show(
        rows[["guarantee", "where", "departure", "coverage", "false_alarm"]],
        caption="Outside its domain, the worst cell, one row a method",
        name="validation_outside",
        headers={
            "guarantee": "Method",
            "where": "Population and units of both arms",
            "departure": "Why outside",
            "coverage": "Coverage",
            "false_alarm": "False alarms",
            "verdict": "Verdict",
        },
        formats={
            **dict.fromkeys(("guarantee", "where", "departure"), capitalise),
            **dict.fromkeys(("coverage", "false_alarm"), _share_or_blank),
            "verdict": mark_verdict,
        },
        raw=("verdict",),
        download=beyond,
    )


def _pick_worst(cells):
    worst = find_worst(cells, "coverage")
    return cells.iloc[0] if worst is None else worst


def sizes(results: Results) -> Display:
    """Return the cells inside the domains by size, split and effect: does the verdict rest on some of them?"""
    cells = results.tables["cells"]
    inside = cells[cells["inside"].astype(bool)]
    if inside.empty:
        return show_sentence("No cell of this grid lies inside a domain.")
    smaller = inside[["n_control", "n_treatment"]].min(axis=1)
    groups = [
        *((_name_size(low, high), (smaller >= low) & (smaller < high)) for low, high in pairwise(SIZES)),
        ("Arms of one size", inside["n_control"] == inside["n_treatment"]),
        ("Arms of unequal size", inside["n_control"] != inside["n_treatment"]),
        ("No effect", inside["effect"] == "none"),
        ("Effect planted", inside["effect"] == "planted"),
    ]
    frame = pd.DataFrame([_summarise(name, inside[chosen]) for name, chosen in groups if chosen.any()])
    return show(
        frame,
        caption="Cells inside the domains by what they have in common, one row a group",
        name="validation_sizes",
        headers={
            "group": "Cells",
            "cells": "Number",
            "fails": "Outside the promise",
            "lowest": "Lowest coverage",
            "median": "Median coverage",
            "alarms": "Most false alarms",
        },
        formats={
            "cells": write_count,
            "fails": write_count,
            **dict.fromkeys(("lowest", "median", "alarms"), _share_or_blank),
        },
    )


def _name_size(low, high):
    if high == SIZES[-1]:
        return f"{write_count(low)} or more in the smaller arm"
    least = f"{write_count(low)} to" if low else "Up to"
    return f"{least} {write_count(high - 1)} in the smaller arm"


def _summarise(name, cells):
    known = cells.loc[cells["has_interval"].astype(bool), "coverage"]
    fails = int((cells["verdict"] == "fails").sum())
    worst = {"lowest": known.min(), "median": known.median(), "alarms": cells["false_alarm"].max()}
    return {"group": name, "cells": len(cells), "fails": fails, **worst}


def peers(results: Results) -> Display:
    """Return coverage, contradictions and width of our intervals and of others' on the same draws or outcomes."""
    frame = results.tables["peers"]
    mine = frame["ours"].astype(bool)
    rows = frame.assign(estimator=frame["estimator"].where(~mine, frame["estimator"] + " (ours)"))
    return show(
        rows[["case", "estimator", "coverage", "contradictions", "undefined", "width"]],
        caption="Intervals on the same draws or outcomes, one row a case and method",
        name="validation_peers",
        headers={
            "case": "Case",
            "estimator": "Interval",
            "coverage": "Coverage",
            "contradictions": "Contradicts its test",
            "undefined": "Without interval",
            "width": "Typical width",
        },
        formats={
            **dict.fromkeys(("case", "estimator"), capitalise),
            **dict.fromkeys(("coverage", "contradictions", "undefined"), _share_or_blank),
            "contradictions": lambda share: "under 0.1 %" if 0 < share < LEAST else _share_or_blank(share),
            "width": lambda width: "" if width != width else write_number(width),
        },
        download=frame,
    )


def _share_or_blank(share):
    return "" if share is None or share != share else write_share(share)
