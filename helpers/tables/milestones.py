"""Milestones as tables: what is left of the naive gap, the line, setup steps, size and maturity."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pandas as pd

from helpers.records import Results
from helpers.tables.show import show
from helpers.wording import (
    Display,
    Style,
    capitalise,
    count_decimals,
    find_noun,
    find_rows,
    name_alike,
    read_scale,
    write_count,
    write_number,
    write_p,
    write_share,
)

POINTS = Style(100, "", " points", True)
READINGS = {
    "naive": "The usual count: all who started",
    "landmark": "Still there at the landmark",
    "adjusted": "The same, adjusted",
    "clone-censor-weight": "From the start, both rules followed",
}
OUTCOMES = {"retained": "still a customer", "expanded": "expanded", "dormant": "dormant"}
FLAGS = {"niche": "niche", "universal": "universal", "routine": "routine", "order unclear": "mostly after activation"}
SHAPES = {
    "step": "a line: a step does better than a curve",
    "smooth": "no line: a smooth curve does better than any step",
    "none": "neither: the number of events does no better than none",
    "undecided": "open: a step and a curve do equally well",
}
NO_READINGS = "The plan names no activation, so there is nothing to compare."


def write_gap(row: Mapping, name="difference", low="ci_low", high="ci_high") -> str:
    """Return a difference of shares with its interval, "+8.1 points [+6.4, +9.8]"; the reason where there is none."""
    if not math.isfinite(row[name]):
        return str(row.get("reason") or "not known")
    decimals = count_decimals(row[low], row[high], factor=100)
    decimals = 1 if decimals is None else max(0, min(1, decimals))
    value = write_number(row[name], POINTS, decimals=decimals)
    if not math.isfinite(row[low] + row[high]):
        return value
    ends = [write_number(row[end], Style(100, "", "", True), decimals=decimals) for end in (low, high)]
    return f"{value} [{', '.join(ends)}]"


def show_rows(
    results: Results,
    name: str,
    none: str,
    columns: Mapping[str, tuple[str, Callable]],
    *,
    caption: str,
    known: str = "",
    most: int = 0,
    **equal,
) -> Display:
    """Return a results table with some columns, each made of the whole row; the download holds all of it.

    Parameters
    ----------
    results : Results
    name : str, of the results table
    none : str, the sentence where there is nothing to show
    columns : mapping, name -> (header, function of a row as a dict)
    caption : str
    most : int, rows that are shown; 0 is all of them
    known, equal : as for `wording.find_rows`
    """
    rows, absent = find_rows(results, name, none, known=known, **equal)
    if absent is not None:
        return absent
    shown = rows.head(most) if most else rows
    written = [{key: write(row) for key, (_, write) in columns.items()} for row in shown.to_dict("records")]
    more = f" (the first {len(shown)} of {len(rows)}; the file has all)" if len(shown) < len(rows) else ""
    headers = {key: header for key, (header, _) in columns.items()}
    said = dict.fromkeys(headers, str)
    return show(
        pd.DataFrame(written),
        caption=caption + more,
        name=f"{results.study}_{name}",
        headers=headers,
        formats=said,
        download=rows,
    )


def readings(results: Results) -> Display:
    """Return the four readings of "activated customers stay", one row a reading."""
    return show_rows(
        results,
        "readings",
        NO_READINGS,
        {
            "reading": ("Compared", lambda row: READINGS[row["reading"]]),
            "n": (capitalise(find_noun(results)), lambda row: write_count(row["n_reached"] + row["n_not"])),
            "reached": ("Activated, kept", lambda row: write_share(row["share_reached"])),
            "not": ("Others, kept", lambda row: write_share(row["share_not"])),
            "gap": (f"Difference and {_level(results)}", write_gap),
        },
        caption="Activated and others who are kept, one row a reading",
    )


def hazards(results: Results) -> Display:
    """Return the rate of leaving of activated customers to others, one row a reading."""
    return show_rows(
        results,
        "hazards",
        "These data do not say when a customer leaves, so there is no rate of leaving.",
        {
            "reading": ("Counted as activated", lambda row: capitalise(row["reading"])),
            "ratio": ("Rate of leaving, activated to others", lambda row: _ratio(row, "hazard_ratio")),
            "n": (capitalise(find_noun(results)), lambda row: write_count(row["n"])),
            "lost": ("Left", lambda row: write_count(row["lost"])),
        },
        caption=f"Rate of leaving, activated to others, with {_level(results)}, one row a reading",
    )


def landmark_effects(results: Results, *, outcome: str | None = None) -> Display:
    """Return every milestone's difference in every outcome at the main landmark, one row a milestone and outcome."""
    rows = results.tables.get("landmark_effects")
    equal = {"landmark": rows["landmark"].iloc[0]} if rows is not None and len(rows) else {}
    equal |= {"outcome": outcome} if outcome else {}
    return show_rows(
        results,
        "landmark_effects",
        "The plan names no milestones.",
        {
            "milestone": ("Milestone", lambda row: capitalise(row["milestone"].replace("_", " "))),
            "outcome": ("Outcome", lambda row: OUTCOMES[row["outcome"]]),
            "reached": ("Reached it", lambda row: write_count(row["n_reached"])),
            "share": ("Of these", lambda row: write_share(row["share_reached"])),
            "others": ("Of the others", lambda row: write_share(row["share_not"])),
            "gap": (f"Difference and {_level(results)}", write_gap),
        },
        caption=f"Milestones at the main landmark and what came after, {name_alike(results)}, one row a milestone and "
        "outcome",
        adjustment="covariates",
        **equal,
    )


def threshold(results: Results) -> Display:
    """Return what is known of a line in the number of events, one row a question."""
    rows, absent = find_rows(results, "threshold", "The plan names no activation, so there is no line to look for.")
    if absent is not None:
        return absent
    row = rows.iloc[0].to_dict()
    return show(
        pd.DataFrame(_list_questions(row), columns=["question", "found"]),
        caption="Is there a line? One row a question",
        name=f"{results.study}_threshold",
        headers={"question": "Question", "found": "Found"},
        download=rows,
    )


def _list_questions(row) -> list[tuple[str, str]]:
    if not math.isfinite(row["cut"]):
        return [("Is there any relation?", str(row.get("reason") or "not known"))]
    lines = (
        f"{row['cut_low']:g} to {row['cut_high']:g}" if row["cut_low"] < row["cut_high"] else f"{row['cut']:g} alone"
    )
    promised = write_number(row["naive_difference"], POINTS, decimals=1)
    exact = f"{write_p(row['p_permutation'])} by shuffling, {write_p(row['p_lausen_schumacher'])} by formula"
    newest = f"{write_gap(row, 'newest_difference', 'newest_low', 'newest_high')} in {row['newest_cohort']}"
    asked = [
        ("Is there any relation, the best of all lines taken into account?", exact),
        ("Is it a line or a curve, on customers who had no part in it?", SHAPES[row["shape"]]),
        ("Which lines fit equally well?", f"{lines} ({row['cut']:g} fits best)"),
        ("What does the best line promise, on the customers who chose it?", promised),
        ("What is left on customers who had no part in choosing it?", write_gap(row)),
        ("Does the newest cohort confirm it?", f"{row['confirmed']}: {newest}"),
    ]
    if math.isfinite(row["planned"]):
        told = write_gap(row, "planned_difference", "planned_low", "planned_high")
        asked.append((f"What does the planned line, {row['planned']:g} or more, go with?", told))
    return asked


def alive(results: Results) -> Display:
    """Return the line under each rule of who is alive, one row a rule."""
    return show_rows(
        results,
        "alive",
        "The plan knows who has left, so there is one rule of who is alive.",
        {
            "days": ("Alive: active in the last", lambda row: f"{row['alive_days']:g} days"),
            "n": (capitalise(find_noun(results)), lambda row: write_count(row["n"])),
            "shape": ("Line or curve", lambda row: SHAPES.get(row["shape"], "not known").partition(":")[0]),
            "cut": ("Best line", lambda row: write_number(row["cut"])),
            "gap": ("Left of it elsewhere", write_gap),
            "planned": (
                "At the planned line",
                lambda r: write_gap(r, "planned_difference", "planned_low", "planned_high"),
            ),
        },
        caption="The line of activation by the rule of who is alive at the landmark, one row a rule",
    )


def setup_steps(results: Results) -> Display:
    """Return each setup step beside activating later, one row a step."""
    return show_rows(
        results,
        "steps",
        "The plan names no setup steps.",
        {
            "step": ("Step", lambda row: name_part(results, row["step"])),
            "done": ("Did it early", lambda row: write_share(row["share_done"], decimals=0)),
            "gap": (f"Activated later, difference and {_level(results)}", write_gap),
            "p": ("All steps together", lambda row: write_p(row["p_value_adjusted"])),
            "before": ("Before activation", lambda row: write_share(row["before"], decimals=0)),
            "day": ("Usual day", lambda row: write_number(row["median_day"], decimals=0)),
            "flag": ("Note", lambda row: FLAGS.get(row["flag"], "")),
        },
        caption=f"Setup steps and activating afterwards, {name_alike(results)}, one row a step",
    )


def size(results: Results) -> Display:
    """Return the line a seat and the line for the size, one row a band of seats and line."""
    picture = show_rows(
        results,
        "size_bands",
        "The plan names no usage per seat.",
        {
            "band": ("Size", lambda row: row["band"]),
            "line": ("Line", lambda row: row["line"]),
            "n": (capitalise(find_noun(results)), lambda row: write_count(row["n"])),
            "passing": ("Reach it", lambda row: write_share(row["pass_rate"], decimals=0)),
            "gap": ("Kept, difference", lambda row: write_gap(row, "gap", "gap_low", "gap_high")),
        },
        caption=f"Reaching the line of usage by size, with {_level(results)}{_tell_elasticity(results)}, one row a "
        "band and line",
    )
    return picture


def _tell_elasticity(results) -> str:
    found = results.tables.get("size_elasticity")
    if found is None or found.empty or not math.isfinite(found["elasticity"].iloc[0]):
        return ""
    row = found.iloc[0]
    ends = [write_number(row[end], decimals=2) for end in ("ci_low", "ci_high")]
    more = write_number(row["elasticity"], decimals=2)
    return f". One per cent more seats go with {more} per cent [{', '.join(ends)}] more volume"


def categories(results: Results) -> Display:
    """Return the levels of each category, and how many more mature accounts stay, one row a category."""
    return show_rows(
        results,
        "categories",
        "The plan names no categories.",
        {
            "category": ("Category", lambda row: name_part(results, row["category"])),
            "none": ("Neither", lambda row: write_share(row["none"], decimals=0)),
            "basic": ("Basic", lambda row: write_share(row["basic"], decimals=0)),
            "mature": ("Mature", lambda row: write_share(row["mature"], decimals=0)),
            "gap": (f"Kept, mature or not, and {_level(results)}", write_gap),
            "p": ("All together", lambda row: write_p(row["p_value_adjusted"])),
            "metric": ("Success metric", lambda row: row["success_metric"]),
        },
        caption=f"Categories at the landmark, {name_alike(results)}, one row a category",
    )


def maturity_lines(results: Results) -> Display:
    """Return what each line of maturity goes with, one row a number of mature categories."""
    return show_rows(
        results,
        "maturity_lines",
        "The plan names no categories.",
        {
            "line": ("Mature in", lambda r: f"{r['line']:g} or more{', as planned' if r['planned'] else ''}"),
            "share": ("Reach it", lambda row: write_share(row["share_at_or_above"], decimals=0)),
            "gap": (f"Kept, difference and {_level(results)}", write_gap),
            "loss": ("Log loss of this line", lambda row: write_number(row["loss"], decimals=4)),
            "count": ("Of the plain count", lambda row: write_number(row["loss_count"], decimals=4)),
        },
        caption=f"Lines of maturity, {name_alike(results)}; log loss on customers who had no part in the fit, less is "
        "better, one row a line",
    )


def name_part(results: Results, name: str) -> str:
    """Return a milestone, step, feature or category as a reader meets it."""
    return capitalise(read_scale(results, name).label)


def _ratio(row, name):
    if not math.isfinite(row[name]):
        return str(row.get("reason") or "not known")
    ends = [write_number(row[end], decimals=2) for end in ("ci_low", "ci_high")]
    return f"{write_number(row[name], decimals=2)} [{', '.join(ends)}]"


def _level(results) -> str:
    level = results.estimates[0].confidence_level if results.estimates else 0.95
    return f"{level * 100:g} % interval"
