"""A framework as tables: what was planned, the ranking of features, the next step, the review, and daily use."""

from __future__ import annotations

import math

from helpers.plan import FrameworkPlan
from helpers.records import Results
from helpers.tables.milestones import FLAGS, name_part, show_rows, write_gap
from helpers.tables.record import list_facts, tell_departures
from helpers.wording import (
    Display,
    capitalise,
    find_noun,
    find_rows,
    join_words,
    name_alike,
    read_scale,
    show_sentence,
    write_count,
    write_number,
    write_p,
    write_share,
)

MOST = 15  # rows of a long table; its file has all
SUPPORT = {"supported": "borne out", "opposite": "the opposite", "not supported": "not borne out"}
CHOICES = {
    "keep": "none", "re-intercept": "its level", "recalibrate": "level and spread", "revise": "fit it anew",
}  # fmt: skip
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
        quiet = f"none of {_name(design.activity_events)} for {found.dormant_after_days:g} days"
        rows.append(("Dormant", f"{quiet}; who left counts as dormant, too"))
    alive = design.alive and f"{_name(design.alive.event)} in the {design.alive.within_days:g} days before the landmark"
    rows += [("Alive", alive)] if alive else []
    equal = [name for name in (design.plan_tier, design.size) if name]
    rows += [("Compared at equal", _name(equal) if equal else "nothing: the plan names no tier and no size")]
    rows += [] if design.is_snapshot else [("Cohort", f"{design.cohort} of the start")]
    limits = design.review.thresholds
    review = f"{join_words(design.review.metrics)}; a change counts from p {limits.p_value:g}, and the AUC is to stay "
    rows += [] if design.is_snapshot else [("Review", f"{review}at {limits.auc_at_least:g} or more")]
    return [*rows, ("Data complete to", str(design.as_of))] if design.as_of else rows


def _list_milestones(design):
    steps, acts, use = len(design.steps), design.activation, design.usage
    counted = acts and _name(acts.event)
    line = acts and (f"{acts.at_least} or more of {counted}" if acts.at_least else f"a line in the number of {counted}")
    many = len(design.categories)
    return [
        ("Set up", steps and f"{design.steps_line} of {steps} steps"),
        ("Activated", acts and f"{line}, in the first {acts.window_days:g} days"),
        (
            "Using",
            use and f"{write_number(use.at_least or math.nan)} or more of {_name(use.event)} a {use.period} and seat",
        ),
        ("Mature", many and f"mature in {design.mature_line} of {many} categories"),
        ("Features", design.features and f"{len(design.features)} candidates"),
    ]


def _tell_kept(retained, days):
    if retained.column:
        return f"not {_name([retained.column])}"
    if retained.lost:
        return f"not {_name(retained.lost)} within {days} days after the landmark"
    return f"{_name(retained.event)} in the {days} days after the landmark"


def _name(events):
    return join_words([event.replace("_", " ") for event in events])


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
            "p": ("p, all features", lambda row: write_p(row["p_value_adjusted"])),
            "worth": ("Share × difference", lambda row: write_number(row["share_difference"] * 100, decimals=1)),
            "flag": ("Note", lambda row: FLAGS.get(row["flag"], "")),
        },
        caption=f"Features, {name_alike(results)}, one row a feature. Share × difference: the part, in points of all "
        f"{find_noun(results)}, that goes with its use",
        most=MOST,
    )


def ranking_gaps(results: Results) -> Display:
    """Return what each clear feature would leave to be gained if its association were causal, one row a feature."""
    rows, absent = find_rows(results, "ranking", NO_FEATURES, known="gap_if_causal")
    if absent is not None:
        return absent
    if (rows["time_order"] == "unknown").all():
        return show_sentence("What came first is not known, so it is not said what the others would gain.")
    clear = rows[(rows["p_value_adjusted"] <= 0.05) & (rows["difference"] > 0)]
    clear = clear.sort_values("gap_if_causal", ascending=False, kind="stable")
    return show_rows(
        results.but(tables={"ranking_gaps": clear}),
        "ranking_gaps",
        "No feature goes with staying clearly, so there is no gap to name.",
        {
            "feature": ("Feature", lambda row: name_part(results, row["feature"])),
            "without": ("Do not use it", lambda row: write_share(1 - row["prevalence"], decimals=0)),
            "gap": ("Kept, difference and interval", write_gap),
            "causal": (
                "Points gained if it were causal",
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
            "supported": ("Expected to mark stayers", lambda row: SUPPORT.get(row["supported"], row["supported"])),
            "gap": ("Kept, difference and interval", write_gap),
            "p": ("p, all features", lambda row: write_p(row["p_value_adjusted"])),
        },
        caption=f"Features that were expected to mark who stays, {name_alike(results)}, one row a feature",
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
            "choice": ("Least change needed", lambda row: CHOICES.get(row["choice"], row["choice"])),
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
            "what": ("What", lambda row: _name_drift(results, row["what"])),
            "reference": ("Elsewhere", lambda row: write_number(row["reference"])),
            "found": ("Here", lambda row: write_number(row["found"])),
            "range": ("By chance between", lambda row: f"{write_number(row['low'])} and {write_number(row['high'])}"),
        },
        caption="Lines and ranks that moved by more than chance, one row a cohort and thing; the file has all",
        outside=True,
    )


def _name_drift(results, what) -> str:
    _, rank, name = what.rpartition("rank of ")
    return f"Rank of {read_scale(results, name).label}" if rank else "Line of activation"


def _write_rank(row):
    if not math.isfinite(row["rank"]):
        return "not ranked"
    return f"{row['rank']:.0f} [{row['rank_low']:.0f} to {row['rank_high']:.0f}]"


def _write_range(row, name):
    if not math.isfinite(row[name]):
        return "not known"
    low, high = (write_number(row[f"{name}_{end}"], decimals=2) for end in ("low", "high"))
    return f"{write_number(row[name], decimals=2)} [{low}, {high}]"
