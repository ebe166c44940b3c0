"""Lines as tables: the line of activation, setup steps, the line a seat, categories and maturity."""

from __future__ import annotations

import math
import re

import pandas as pd

from helpers.records import Results
from helpers.tables.milestones import FLAGS, POINTS, name_part, show_rows, write_gap, write_level
from helpers.tables.show import show
from helpers.wording import (
    Display,
    capitalise,
    find_noun,
    find_rows,
    name_alike,
    write_count,
    write_number,
    write_p,
    write_share,
)

SHAPES = {
    "step": "a line: a step does better than a curve",
    "smooth": "no line: a smooth curve does better than any step",
    "none": "neither is shown: the number of events does not clearly foretell",
    "undecided": "open: a step and a curve are not told apart",
}
SIZE_LINES = {"seat": "the line a seat", "size": "the line for the size"}


def threshold(results: Results) -> Display:
    """Return what is known of a line in the number of events, one row a question."""
    rows, absent = find_rows(results, "threshold", "The plan names no activation, so there is no line to look for.")
    if absent is not None:
        return absent
    row, alike = rows.iloc[0].to_dict(), name_alike(results)
    alike = "" if alike == "not adjusted" else f"{alike}, "
    return show(
        pd.DataFrame(_list_questions(row, alike, _name_given(results)), columns=["question", "found"]),
        caption="Is there a line? One row a question",
        name=f"{results.study}_threshold",
        headers={"question": "Question", "found": "Found"},
        download=rows,
    )


def _list_questions(row, alike, given) -> list[tuple[str, str]]:
    if not math.isfinite(row["cut"]):
        return [("Is there any relation?", str(row.get("reason") or "not known"))]
    promised = write_number(row["naive_difference"], POINTS, decimals=1)
    exact = f"{write_p(row['p_permutation'])} by shuffling, {write_p(row['p_lausen_schumacher'])} by formula"
    newest = f"{write_gap(row, 'newest_difference', 'newest_low', 'newest_high')} in {row['newest_cohort']}"
    asked = [
        ("Is there any relation, though the best of many lines looks good by luck?", exact),
        ("Is it a line or a curve, where others drew both?", SHAPES[row["shape"]]),
        ("Which lines are not told apart from the best?", f"{row['lines']} ({row['cut']:g} fits best)"),
        (f"What does the line that fits best go with, {alike}where it was chosen?", promised),
        (f"What is left, {alike}where others chose the line?", write_gap(row)),
    ]
    asked += [("Does the newest cohort confirm it?", f"{row['confirmed']}: {newest}")] if row["newest_cohort"] else []
    if math.isfinite(row["planned"]):
        told = write_gap(row, "planned_difference", "planned_low", "planned_high")
        asked.append(
            (
                f"What does the {given} line, {row['planned']:g} or more, go with{f', {alike[:-2]}' if alike else ''}?",
                told,
            )
        )
    return asked


def _name_given(results) -> str:
    """Whether the line of activation is the plan's, or one given to this run instead."""
    departures = results.plan.get("departures") or []
    return "given" if any(d["parameter"] == "activation.at_least" for d in departures) else "planned"


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
            "gap": (f"Activated later, difference and {write_level(results)}", write_gap),
            "p": ("p, all steps", lambda row: write_p(row["p_value_adjusted"])),
            "before": ("Before activation", lambda row: write_share(row["before"], decimals=0)),
            "day": ("Usual day", lambda row: write_number(row["median_day"], decimals=0)),
            "flag": ("Note", lambda row: FLAGS.get(row["flag"], "")),
        },
        caption=f"Setup steps and activating afterwards, {name_alike(results)}, one row a step",
    )


def size(results: Results) -> Display:
    """Return who reaches the line a seat and the line for the size, and what goes with it, one row a size."""
    rows, absent = find_rows(results, "size_bands", "The plan names no usage per seat.")
    if absent is not None:
        return absent
    in_seats = rows["band"].str.fullmatch(r".* seats?").all()
    shown = []
    for band, part in rows.groupby("band", sort=False):
        told = {"band": re.sub(r" seats?$", "", band) if in_seats else band, "n": write_count(part["n"].iloc[0])}
        for key, row in zip(SIZE_LINES, part.to_dict("records"), strict=False):
            told[key] = write_share(row["pass_rate"], decimals=0)
            told[f"{key}_gap"] = write_gap(row, "gap", "gap_low", "gap_high")
        shown.append(told)
    headers = {"band": "Seats" if in_seats else "Size", "n": capitalise(find_noun(results))}
    for key, name in SIZE_LINES.items():
        headers |= {key: f"Reach {name}", f"{key}_gap": "Kept, difference"}
    return show(
        pd.DataFrame(shown),
        caption=f"Who reaches a line, and who of them is kept minus the others, with {write_level(results)}, one row a "
        f"size{_tell_elasticity(results)}",
        name=f"{results.study}_size_bands",
        headers=headers,
        download=rows,
    )


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
            "gap": (f"Kept, mature minus not, and {write_level(results)}", write_gap),
            "p": ("p, all categories", lambda row: write_p(row["p_value_adjusted"])),
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
            "line": ("Mature", lambda r: f"in {r['line']:g} or more{', as planned' if r['planned'] else ''}"),
            "share": ("Reach it", lambda row: write_share(row["share_at_or_above"], decimals=0)),
            "gap": (f"Kept, difference and {write_level(results)}", write_gap),
            "loss": ("Log loss of this line", lambda row: write_number(row["loss"], decimals=4)),
            "count": ("Of the plain count", lambda row: write_number(row["loss_count"], decimals=4)),
        },
        caption=f"Lines of maturity, {name_alike(results)}; log loss on customers who had no part in the fit, less is "
        "better, one row a line",
    )
