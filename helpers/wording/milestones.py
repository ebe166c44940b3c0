"""The answer of a milestones study: the illusion first, what is left of it, the line, the ranking, the review."""

from __future__ import annotations

import math

import pandas as pd

from helpers.plan import FrameworkPlan
from helpers.records import Results
from helpers.wording.answer import SIMULATED
from helpers.wording.captions import join_words
from helpers.wording.numbers import Style, count_decimals, write_count, write_number, write_share
from helpers.wording.scales import find_noun

SHAPES = {
    "step": "Above a line, customers stay more often than below it, and a step foretells this better than a curve",
    "smooth": "There is no threshold: a smooth curve foretells who stays better than any step",
    "none": "The number of events foretells who stays no better than chance does, so there is no line to draw",
    "undecided": "Whether there is a line, or a smooth rise, these data cannot tell",
}
SNAPSHOT = (
    "This table is a snapshot: it says who left and who did not, but not when anybody began to use anything. So no "
    "milestone can be read before what it should foretell, and the report shows no activation."
)
ASSOCIATION = "It is an association: whether moving a customer past a milestone changes anything, an experiment says."
LIMITS = (
    "What a milestone does: customers who reach it differ in more than plan and size.",
    "Customers who left before the landmark: they are counted, and not compared.",
)
OUTCOMES = {"retained": "higher", "expanded": "higher", "dormant": "lower"}


def explain_milestones(results: Results, design: FrameworkPlan) -> Results:
    """Return results with the outcomes as a table, key figures, the answer and its limits in sentences.

    Parameters
    ----------
    results : Results
        After small cells are hidden: sentences name only what may be seen.
    design : FrameworkPlan

    Returns
    -------
    Results
    """
    named = results.but(tables={"metrics": _list_names(design), **results.tables})
    named = named.but(tables={**named.tables, "keys": _list_keys(named, design)})
    opening = {"simulated": [SIMULATED], "public": [results.data.note]}.get(results.data.kind, [])
    told = [SNAPSHOT] if design.is_snapshot else [*_tell_gap(named, design), tell_threshold(named, design)]
    told += [tell_ranking(named, design), tell_review(named)]
    return named.but(answer=(*opening, *filter(None, told)), limits=_write_limits(named, design))


def name_alike(results: Results) -> str:
    """Return at which equal values customers are compared: "at equal plan and size", or "not adjusted"."""
    named = results.tables.get("controls", pd.DataFrame(columns=["control"]))["control"]
    return f"at equal {' and '.join(named)}" if len(named) else "not adjusted"


def tell_threshold(results: Results, design: FrameworkPlan) -> str:
    """Return whether there is a line in the number of events, which lines fit, and what is left of it elsewhere.

    Parameters
    ----------
    results : Results
        Table `threshold`, as `milestones.study_threshold` makes it.
    design : FrameworkPlan

    Returns
    -------
    str: empty where nothing was looked for, or nothing may be seen.
    """
    row = _first_row(results, "threshold")
    if row is None or row["shape"] not in SHAPES or not math.isfinite(row["naive_difference"]):
        return ""
    told = SHAPES[row["shape"]]
    if row["shape"] in ("none", "smooth") or not math.isfinite(row["difference"]):
        return f"{told}."
    lines = f"{row['cut_low']:g} to {row['cut_high']:g}" if row["cut_low"] < row["cut_high"] else f"{row['cut_low']:g}"
    best = f"the best line of all promises {_points(row['naive_difference'])}"
    honest = f"customers who had no part in choosing it show {_between(row, 'difference', 'ci_low', 'ci_high')}"
    newest = f" The newest cohort does not settle it ({row['confirmed']})."
    newest = {
        "confirmed": " The newest cohort confirms it.",
        "not confirmed": " The newest cohort does not confirm it.",
    }.get(row["confirmed"], newest)
    return f"{told}. Lines of {lines} fit equally well; {best}, {honest}.{newest}"


def tell_ranking(results: Results, design: FrameworkPlan) -> str:
    """Return whether features foretell who stays, how many differ clearly, and which of these few or all use.

    Parameters
    ----------
    results : Results
        Tables `model_quality` and `ranking`, as `milestones.study_ranking` makes them.
    design : FrameworkPlan

    Returns
    -------
    str: empty without features.
    """
    quality, ranking = _first_row(results, "model_quality"), results.tables.get("ranking")
    if quality is None or ranking is None or ranking.empty or not math.isfinite(quality["auc"]):
        return ""
    auc = f"{quality['auc']:.2f}"
    if not quality["predicts"]:
        floor = f"{quality['floor']:g}"
        return (
            f"Features are not ranked: with all of them a model tells who stays from who leaves too badly (AUC {auc}, "
            f"at least {floor} is asked for)."
        )
    clear = ranking[ranking["p_value_adjusted"] <= design.alpha].sort_values("rank")
    worse = int((clear["difference"] < 0).sum())
    order = " What came first is not known." if (ranking["time_order"] == "unknown").all() else ""
    few = int(clear["flag"].isin(["niche", "universal"]).sum())
    told = [f"Of {len(ranking)} features, {len(clear)} go with staying or leaving clearly, {name_alike(results)}"]
    told += [f"{worse} of these with leaving"] if worse else []
    told += [f"{few} of these hardly anybody or nearly everybody uses"] if few else []
    return f"{'; '.join(told)}.{order}"


def tell_review(results: Results) -> str:
    """Return the word of the review for each milestone, in one sentence; empty without a review.

    Parameters
    ----------
    results : Results
        Table `review_words`, as `milestones.study_review` makes it.
    """
    words = results.tables.get("review_words")
    if words is None or words.empty:
        return ""
    told = [f"{row.word} for {row.milestone.replace('_', ' ')}" for row in words.itertuples()]
    return f"The planned review, read on the newest cohort, says {join_words(told)}."


def _tell_gap(results, design):
    """The naive gap, why most of it is counted into being, and the gap that is left at the landmark."""
    readings = _read_readings(results)
    if not {"naive", "adjusted"} <= set(readings.index) or design.activation is None:
        return []
    naive, fair = readings.loc["naive"], readings.loc["adjusted"]
    noun, day = find_noun(results), f"{design.landmarks[0]:g}"
    end = f"{design.landmarks[0] + design.horizon_days:g}"
    told = []
    if math.isfinite(naive["difference"]):
        shares = [write_share(naive[name], decimals=0) for name in ("share_reached", "share_not")]
        told.append(
            f"Counted as usual, {shares[0]} of activated {noun} are still there on day {end}, and {shares[1]} of the "
            f"others: a gap of {_points(naive['difference'])}. Part of it is true by construction: whoever leaves "
            f"before activating counts as not activated."
        )
    if not math.isfinite(fair["difference"]):
        return [*told, f"At the landmark the gap cannot be estimated: {fair['reason']}."]
    alike = f", {name_alike(results)}"
    told.append(
        f"Among the {write_count(fair['n_reached'] + fair['n_not'])} {noun} still there on day {day}{alike}, the gap "
        f"is {_between(fair, 'difference', 'ci_low', 'ci_high')}. {ASSOCIATION}"
    )
    return told


def _list_keys(results, design):
    """The first card: what the usual count shows, and that it is an illusion where the fair one differs."""
    readings, columns = _read_readings(results), ["name", "figure", "note"]
    if "naive" not in readings.index or not math.isfinite(readings.loc["naive", "difference"]):
        return pd.DataFrame(columns=columns)
    naive = readings.loc["naive"]
    note = "all who started; early leavers count as not activated"
    return pd.DataFrame(
        [["Still there, activated v not, the usual count", _points(naive["difference"]), note]], columns=columns
    )


def _list_names(design):
    days = f"{design.horizon_days:g}"
    labels = {
        "retained": f"still a customer {days} days later",
        "expanded": f"expanded within {days} days",
        "dormant": f"dormant {days} days later",
    }
    if design.outcomes.retained.event:
        labels["retained"] = f"came back within {days} days"
    rows = [
        {
            "metric": name,
            "label": labels[name],
            "kind": "binary",
            "role": "primary" if name == "retained" else "secondary",
        }
        | {"better": OUTCOMES[name], "noun": design.unit, "within_days": design.horizon_days}
        for name in design.outcome_names
    ]
    parts = [item.name for item in (*design.steps, *design.features)] + list(design.categories)
    rows += [{"metric": name, "label": design.label_of(name), "noun": design.unit} for name in dict.fromkeys(parts)]
    return pd.DataFrame(rows, dtype=object)


def _write_limits(results, design):
    first = {
        "simulated": "Nothing about real customers: the numbers come from a model whose relations were chosen.",
        "public": "Nothing about your product: these are public data of another business.",
    }.get(results.data.kind)
    order = "What came first: a snapshot does not know." if design.is_snapshot else None
    end = None if design.is_snapshot else f"Anything later than {design.horizon_days:g} days after the landmark."
    kept = (LIMITS[0],) if design.is_snapshot else LIMITS
    return tuple(line for line in (first, order, *kept, end) if line)[:4]


def _read_readings(results):
    frame = results.tables.get("readings")
    return pd.DataFrame() if frame is None or frame.empty else frame.set_index("reading")


def _first_row(results, name):
    frame = results.tables.get(name)
    return None if results.status == "withheld" or frame is None or frame.empty else frame.iloc[0]


def _points(value):
    return write_number(value, Style(100, "", " points", False), decimals=0)


def _between(row, name, low, high):
    decimals = count_decimals(row[low], row[high], factor=100)
    decimals = 1 if decimals is None else max(0, min(1, decimals))
    ends = [write_number(row[end], Style(100), decimals=decimals) for end in (low, high)]
    value = write_number(row[name], Style(100, "", " points"), decimals=decimals)
    return f"{value}, between {ends[0]} and {ends[1]}"
