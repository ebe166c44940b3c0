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
    keep_readings,
    name_alike,
    name_alive,
    read_scale,
    write_count,
    write_number,
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
    file: str = "",
    **equal,
) -> Display:
    """Return a results table with some columns, each made of the whole row; the download holds all of it.

    A column that is blank in every row is left out.

    Parameters
    ----------
    results : Results
    name : str, of the results table
    none : str, the sentence where there is nothing to show
    columns : mapping, name -> (header, function of a row as a dict)
    caption : str
    most : int, rows that are shown where there are clearly more; 0 is all of them
    file : str, the end of the download's name; the table's when left out
    known, equal : as for `wording.find_rows`
    """
    rows, absent = find_rows(results, name, none, known=known, **equal)
    if absent is not None:
        return absent
    shown = rows.head(most) if 0 < most < 0.8 * len(rows) else rows
    written = [{key: write(row) for key, (_, write) in columns.items()} for row in shown.to_dict("records")]
    blank = {key for key in list(columns)[1:] if not any(row[key] for row in written)}
    columns = {key: column for key, column in columns.items() if key not in blank}
    more = f" (the first {len(shown)} of {len(rows)}; the file has all)" if len(shown) < len(rows) else ""
    headers = {key: header for key, (header, _) in columns.items()}
    said = dict.fromkeys(headers, str)
    return show(
        pd.DataFrame(written)[list(columns)],
        caption=caption + more,
        name=f"{results.study}_{file or name}",
        headers=headers,
        formats=said,
        download=rows,
    )


def readings(results: Results) -> Display:
    """Return the four readings of "activated customers stay", one row a reading."""
    if len(rows := results.tables.get("readings", ())):
        results = results.but(tables={**results.tables, "readings": keep_readings(results, rows)})
    return show_rows(
        results,
        "readings",
        NO_READINGS,
        {
            "reading": ("Compared", lambda row: _name_reading(results, row["reading"])),
            "n": (
                capitalise(find_noun(results)),
                lambda row: _known(row, write_count(row["n_reached"] + row["n_not"])),
            ),
            "reached": ("Activated, kept", lambda row: _known(row, write_share(row["share_reached"]))),
            "not": ("Others, kept", lambda row: _known(row, write_share(row["share_not"]))),
            "gap": (f"Difference and {write_level(results)}", write_gap),
        },
        caption="Activated and others who are kept, one row a reading",
    )


def _name_reading(results, reading):
    alive = name_alive(results)
    return capitalise(alive) if reading == "landmark" and alive else READINGS[reading]


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
        caption=f"Rate of leaving, activated to others, with {write_level(results)}, one row a reading",
        known="hazard_ratio",
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
            "outcome": ("Outcome", lambda row: _name_outcome(results, row["outcome"])),
            "reached": ("Reached it", lambda row: write_count(row["n_reached"])),
            "share": ("Of these", lambda row: write_share(row["share_reached"])),
            "others": ("Of the others", lambda row: write_share(row["share_not"])),
            "gap": (f"Difference and {write_level(results)}", write_gap),
        },
        caption=f"Milestones at the main landmark and what came after, {name_alike(results)}, one row a milestone and "
        "outcome",
        file="differences",
        adjustment="covariates",
        **equal,
    )


def otherwise(results: Results) -> Display:
    """Return every milestone's difference under other fair choices, one row a milestone and outcome."""
    rows, absent = find_rows(results, "landmark_effects", "The plan names no milestones.")
    if absent is not None:
        return absent
    main, *others = rows["landmark"].drop_duplicates()
    ways = {f"Day {main:g}, {name_alike(results)}": (main, "covariates")}
    ways |= {} if name_alike(results) == "not adjusted" else {f"Day {main:g}, not adjusted": (main, "none")}
    ways |= {f"Day {day:g}": (day, "covariates") for day in others[:3]}
    shown = [
        {"Milestone": name_part(results, milestone), "Outcome": _name_outcome(results, outcome)}
        | {name: _find_gap(part, *way) for name, way in ways.items()}
        for (milestone, outcome), part in rows.groupby(["milestone", "outcome"], sort=False)
    ]
    return show(
        pd.DataFrame(shown),
        caption=f"Difference with {write_level(results)}, {name_alike(results)} unless said otherwise, by day of the "
        "landmark; one row a milestone and outcome",
        name=f"{results.study}_otherwise",
        download=rows,
    )


def _find_gap(rows, landmark, adjustment) -> str:
    found = rows[(rows["landmark"] == landmark) & (rows["adjustment"] == adjustment)]
    return write_gap(found.iloc[0].to_dict()) if len(found) else ""


def _name_outcome(results, outcome) -> str:
    """An outcome as the plan's metrics call it, without its days."""
    label = read_scale(results, outcome).label
    return OUTCOMES.get(outcome, label) if not label.startswith("came back") else "came back"


def name_part(results: Results, name: str) -> str:
    """Return a milestone, step, feature or category as a reader meets it."""
    return capitalise(read_scale(results, name).label)


def _known(row, text) -> str:
    """Nothing beside a difference that is not known: its reason says why."""
    return text if math.isfinite(row["difference"]) else ""


def _ratio(row, name):
    if not math.isfinite(row[name]):
        return str(row.get("reason") or "not known")
    ends = [write_number(row[end], decimals=2) for end in ("ci_low", "ci_high")]
    return f"{write_number(row[name], decimals=2)} [{', '.join(ends)}]"


def write_level(results: Results) -> str:
    """Return what stands in brackets behind a difference ("95 % interval")."""
    level = results.estimates[0].confidence_level if results.estimates else 0.95
    return f"{level * 100:g} % interval"
