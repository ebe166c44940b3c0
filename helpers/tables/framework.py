"""A framework as tables: what was planned, the ranking of features, the next step, the review, and daily use."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.plan import FrameworkPlan
from helpers.records import Results
from helpers.tables.milestones import FLAGS, name_part, show_rows, write_gap
from helpers.tables.record import list_facts, tell_departures
from helpers.wording import (
    Display,
    capitalise,
    escape,
    find_noun,
    find_rows,
    join_words,
    name_alike,
    write_count,
    write_number,
    write_p,
    write_share,
)

DIALECTS = {"duckdb": "DuckDB", "postgres": "Postgres", "bigquery": "BigQuery", "snowflake": "Snowflake"}
MOST = 20  # rows of a long table; its file has all
NO_FEATURES = "The plan names no features."
NO_REVIEW = "The plan names no milestones, so there is nothing to review."


def framework(results: Results, design: FrameworkPlan) -> Display:
    """Return the framework as planned: one line a decision, and the departures from it."""
    return list_facts([*_list_decisions(design), ("Departures from the plan", tell_departures(results))])


def _list_decisions(design) -> list[tuple[str, str]]:
    found, days = design.outcomes, f"{design.horizon_days:g}"
    rows = [("Unit", design.unit)]
    if not design.is_snapshot:
        first, *others = [f"{day:g}" for day in design.landmarks]
        more = f"; also on day {join_words(others)}" if others else ""
        rows += [("Landmark", f"day {first} after the start{more}"), ("Followed", f"{days} days after the landmark")]
    rows += [(name, told) for name, told in _list_milestones(design) if told]
    rows += [("Kept", _tell_kept(found.retained, days))]
    expanded = found.expanded and f"{_name(found.expanded.event)} in {found.expanded.within_days:g} days"
    rows += [("Expanded", expanded)] if expanded else []
    if "dormant" in design.outcome_names:
        quiet = f"nothing of {_name(design.activity_events)} for {found.dormant_after_days:g} days"
        rows.append(("Dormant", f"{quiet}; who left counts too"))
    alive = design.alive and f"{_name(design.alive.event)} in the {design.alive.within_days:g} days before the landmark"
    rows += [("Alive", alive)] if alive else []
    rows += [("Compared at equal", _name([name for name in (design.plan_tier, design.size) if name]) or "nothing")]
    rows += [] if design.is_snapshot else [("Cohort", design.cohort)]
    limits = design.review.thresholds
    review = f"{join_words(design.review.metrics)}; a change counts from p {limits.p_value:g}, and the AUC is to stay "
    rows += [] if design.is_snapshot else [("Review", f"{review}at {limits.auc_at_least:g} or more")]
    return [*rows, ("Data complete to", str(design.as_of))] if design.as_of else rows


def _list_milestones(design):
    steps, acts, use = len(design.steps), design.activation, design.usage
    line = acts and (f"{acts.at_least} or more" if acts.at_least else "a line is looked for in the number")
    many = len(design.categories)
    return [
        ("Set up", steps and f"{design.steps_line} of {steps} steps"),
        ("Activated", acts and f"{_name(acts.event)} in {acts.window_days:g} days: {line}"),
        (
            "Using",
            use and f"{_name(use.event)} a {use.period} and seat: {write_number(use.at_least or math.nan)} or more",
        ),
        ("Mature", many and f"mature in {design.mature_line} of {many} categories"),
        ("Features", design.features and f"{len(design.features)} candidates"),
    ]


def _tell_kept(retained, days):
    if retained.column:
        return f"{retained.column} is 0"
    if retained.lost:
        return f"not {_name(retained.lost)} within {days} days after the landmark"
    return f"{_name(retained.event)} again in {days} days after the landmark"


def _name(events):
    return join_words([event.replace("_", " ") for event in events])


def landmark_flow(results: Results) -> Display:
    """Return how many accounts are compared at each landmark and who is not, one row a step."""
    return show_rows(
        results,
        "landmark_flow",
        "These data are a snapshot: nobody is left out for having left before a landmark.",
        {
            "step": ("Step", lambda row: capitalise(row["step"])),
            "accounts": (capitalise(find_noun(results)), lambda row: write_count(row["accounts"])),
            "note": ("Note", lambda row: row["note"] or ""),
        },
        caption="Who is compared, one row a step",
        is_effect=False,
    )


def ranking(results: Results) -> Display:
    """Return the features, their ranks and their differences, one row a feature."""
    return show_rows(
        results,
        "ranking",
        NO_FEATURES,
        {
            "feature": ("Feature", lambda row: name_part(results, row["feature"])),
            "rank": ("Rank, range", _write_rank),
            "used": ("Use it", lambda row: write_share(row["prevalence"], decimals=0)),
            "gap": ("Kept, difference and interval", write_gap),
            "p": ("All together", lambda row: write_p(row["p_value_adjusted"])),
            "worth": ("Share x difference", lambda row: write_number(row["share_difference"] * 100, decimals=1)),
            "flag": ("Note", lambda row: FLAGS.get(row["flag"], "")),
        },
        caption=f"Features, {name_alike(results)}, one row a feature. Share x difference: the part, in points of all "
        f"{find_noun(results)}, that goes with its use",
        most=MOST,
    )


def ranking_gaps(results: Results) -> Display:
    """Return what each clear feature would leave to be gained if its association were causal, one row a feature."""
    rows, absent = find_rows(results, "ranking", NO_FEATURES, known="gap_if_causal")
    if absent is not None:
        return absent
    clear = rows[rows["p_value_adjusted"] <= 0.05].sort_values("gap_if_causal", ascending=False, kind="stable")
    return show_rows(
        results.but(tables={"ranking_gaps": clear}),
        "ranking_gaps",
        "No feature goes with staying clearly, so there is no gap to name.",
        {
            "feature": ("Feature", lambda row: name_part(results, row["feature"])),
            "without": ("Do not use it", lambda row: write_share(1 - row["prevalence"], decimals=0)),
            "gap": ("Kept, difference and interval", write_gap),
            "causal": (
                "Gap if the association were causal, points",
                lambda r: write_number(r["gap_if_causal"] * 100, decimals=1),
            ),
        },
        caption="What the rest would gain if the association were causal, which nothing here shows; one row a feature",
    )


def hypotheses(results: Results) -> Display:
    """Return the features that product managers called mature beforehand, and whether the data agree, one row each."""
    return show_rows(
        results,
        "ranking",
        NO_FEATURES,
        {
            "feature": ("Feature", lambda row: name_part(results, row["feature"])),
            "supported": ("Goes with staying", lambda row: row["supported"]),
            "gap": ("Kept, difference and interval", write_gap),
            "p": ("All together", lambda row: write_p(row["p_value_adjusted"])),
        },
        caption="Features that were expected to mark customers who stay, one row a feature",
        hypothesised=True,
    )


def model_quality(results: Results) -> Display:
    """Return how well the model tells who stays, and how stable its top features are, in one row."""
    return show_rows(
        results,
        "model_quality",
        NO_FEATURES,
        {
            "model": ("Model", lambda row: row["model"]),
            "auc": ("AUC on accounts not seen", lambda row: _write_range(row, "auc")),
            "floor": ("Asked for", lambda row: f"{row['floor']:g}"),
            "predicts": ("Ranked", lambda row: "yes" if row["predicts"] else "no"),
            "stability": ("Stability of the top", lambda row: _write_range(row, "stability")),
            "refits": ("Refits", lambda row: write_count(row["refits"])),
        },
        caption="How well features, plan and size tell who stays; stability is 1 when every half of the data has the "
        "same top features, and 0 when they are drawn by lot",
    )


def next_steps(results: Results) -> Display:
    """Return how many accounts lack each step that goes with staying, and what an experiment takes, one row a step."""
    rows = results.tables.get("next_steps")
    if rows is not None:
        advised = rows["units_needed"].notna() | (rows["step"] == "none")
        results = results.but(tables={**results.tables, "next_steps": rows[advised]})
    return show_rows(
        results,
        "next_steps",
        "Without a landmark there is no next step.",
        {
            "step": ("Next step", lambda row: _name_step(results, row)),
            "accounts": (f"{capitalise(find_noun(results))} advised", lambda row: write_count(row["accounts"])),
            "gap": ("Association with staying", _write_association),
            "now": ("Kept now, without it", lambda row: _blank(row, write_share(row["share_now"], decimals=0))),
            "units": ("An experiment needs, an arm", lambda row: _blank(row, write_count(row["units_needed"]))),
        },
        caption="The missing step that goes with staying most, one row a step; the experiment would see half of the "
        "association",
    )


def review_words(results: Results) -> Display:
    """Return the review's word for each milestone and why, one row a milestone."""
    return show_rows(
        results,
        "review_words",
        NO_REVIEW,
        {
            "milestone": ("Milestone", lambda row: name_part(results, row["milestone"])),
            "word": ("Word", lambda row: row["word"]),
            "why": ("Why", lambda row: row["why"]),
        },
        caption="The review of the newest cohort, one word a milestone",
    )


def review(results: Results) -> Display:
    """Return how the model fares in each cohort, one row a cohort."""
    return show_rows(
        results,
        "review",
        NO_REVIEW,
        {
            "cohort": ("Cohort", lambda row: row["cohort"]),
            "n": (capitalise(find_noun(results)), lambda row: write_count(row["n"])),
            "auc": ("AUC", lambda row: _write_range(row, "auc")),
            "slope": ("Calibration slope", lambda row: _write_range(row, "slope")),
            "kept": ("Kept, found", lambda row: write_share(row["observed"])),
            "expected": ("Kept, expected", lambda row: write_share(row["expected"])),
            "choice": ("Least change needed", lambda row: row["choice"]),
        },
        caption="Does the model still hold? Predictions of accounts that it has not seen, one row a cohort",
    )


def drift(results: Results) -> Display:
    """Return lines and ranks that lie outside what resampling gives, one row a cohort and thing."""
    return show_rows(
        results,
        "drift",
        "No line and no rank lies outside what chance gives in any cohort.",
        {
            "cohort": ("Cohort", lambda row: row["cohort"]),
            "what": ("What", lambda row: name_part(results, row["what"])),
            "reference": ("Elsewhere", lambda row: write_number(row["reference"])),
            "found": ("Here", lambda row: write_number(row["found"])),
            "range": ("By chance between", lambda row: f"{write_number(row['low'])} and {write_number(row['high'])}"),
        },
        caption="Lines and ranks that moved by more than chance, one row a cohort and thing; the file has all",
        outside=True,
    )


def freshness(results: Results) -> Display:
    """Return how complete and how fresh each input is, one row a column or kind of event."""
    rows = results.tables.get("freshness", pd.DataFrame(columns=["missing", "note"]))
    order = np.lexsort((rows["note"].fillna("") == "", -rows["missing"].fillna(1)))
    return show_rows(
        results.but(tables={"freshness": rows.iloc[order]}),
        "freshness",
        "Nothing was read.",
        {
            "column": ("Column or event", lambda row: f"{row['column']} ({row['table']})"),
            "rows": ("Rows", lambda row: write_count(row["rows"])),
            "missing": ("Missing", lambda row: write_share(row["missing"])),
            "latest": ("Latest", lambda row: row["latest"] or ""),
            "note": ("Note", lambda row: row["note"] or ""),
        },
        caption="Every input that the definitions read, one row a column or kind of event; stale and incomplete first",
        is_effect=False,
        most=MOST,
    )


def definitions(results: Results) -> Display:
    """Return the milestones as SQL, folded, one block a database and milestone."""
    rows, absent = find_rows(results, "definitions", "A snapshot has no milestones to define.", is_effect=False)
    if absent is not None:
        return absent
    blocks = [
        f"<details><summary>{DIALECTS[dialect]}</summary>{''.join(map(_show_statement, part.itertuples()))}</details>"
        for dialect, part in rows.groupby("dialect", sort=False)
    ]
    return Display("".join(blocks), "\n\n".join(rows["statement"]))


def _show_statement(row):
    return (
        f'<p>{escape(capitalise(row.milestone.replace("_", " ")))}</p><pre tabindex="0">{escape(row.statement)}</pre>'
    )


def _write_rank(row):
    if not math.isfinite(row["rank"]):
        return "not ranked"
    return f"{row['rank']:.0f} [{row['rank_low']:.0f} to {row['rank_high']:.0f}]"


def _write_range(row, name):
    if not math.isfinite(row[name]):
        return "not known"
    low, high = (write_number(row[f"{name}_{end}"], decimals=2) for end in ("low", "high"))
    return f"{write_number(row[name], decimals=2)} [{low}, {high}]"


def _write_association(row):
    return _blank(row, write_gap({**row, "difference": row["association"]}))


def _name_step(results, row):
    return _blank(row, name_part(results, row["step"])) or "Nothing missing that goes with staying clearly"


def _blank(row, text):
    return "" if row["step"] == "none" else text
