"""Replies as tables: how fast, in which hours, by whom, and what the effect owes to speed under assumptions."""

from __future__ import annotations

import math

import pandas as pd

from helpers.records import Results
from helpers.tables.show import show
from helpers.wording import (
    WITHHELD,
    Display,
    Style,
    capitalise,
    count_decimals,
    find_noun,
    list_served,
    read_scale,
    show_sentence,
    style_gap,
    style_value,
    tell_team,
    write_count,
    write_number,
    write_share,
    write_wait,
)

RESPONSES = {
    "linear in minutes": "each minute counts alike",
    "linear in log minutes": "each halving of the wait counts alike",
}
NO_REPLIES = "The data hold no conversations, so that nothing is known of replies."
MINUTES, POINTS = Style(1, "", " minutes", True), Style(100, "", " points", True)


def replies(results: Results) -> Display:
    """Return how fast first replies came, one row a measure and comparison, with intervals by the randomised unit.

    Parameters
    ----------
    results : Results
        Table `replies`, as `inference.study_replies` makes it.

    Returns
    -------
    Display: one sentence without conversations.
    """
    frame = results.tables.get("replies")
    if frame is None or frame.empty:
        return show_sentence(NO_REPLIES)
    level, noun = _find_level(results), find_noun(results)
    by = find_noun(results, singular=True)
    return show(
        pd.DataFrame([_row_reply(row) for row in frame.itertuples()]),
        caption=f"First replies, one row a measure and comparison; {level} by {by}, never answered counts as later "
        "than anything. Control against before is not randomised",
        name=f"{results.study}_replies",
        headers={
            "measure": "First replies",
            "comparison": "Comparison",
            "first": "From",
            "second": "To",
            "difference": "Difference",
            "interval": level,
            "n": capitalise(noun),
        },
        download=frame,
    )


def _row_reply(row):
    is_median = row.measure == "median"
    measure = f"within {write_wait(row.minutes)}" if row.measure == "within" else row.measure
    write = write_wait if is_median else write_share
    return {
        "measure": {"median": "Median wait", "never": "Never answered"}.get(measure, capitalise(measure)),
        "comparison": f"{row.control} to {row.treatment}",
        "first": write(row.control_value),
        "second": write(row.treatment_value),
        **_write_gap(row.difference, row.ci_low, row.ci_high, MINUTES if is_median else POINTS, row.reason),
        "n": f"{write_count(row.n_control)} and {write_count(row.n_treatment)}",
    }


def reply_hours(results: Results) -> Display:
    """Return how fast first replies came by hours of the week in which the questions were asked.

    Parameters
    ----------
    results : Results
        Table `reply_hours`, after small cells are hidden.
    """
    frame = results.tables.get("reply_hours")
    if frame is None or frame.empty:
        return show_sentence(NO_REPLIES)
    several, target = len(set(frame["comparison"])) > 1, write_wait(frame["target"].iloc[0])
    names = [f"{h}, {t}" if several else h for h, t in zip(frame["hours"], frame["treatment"], strict=True)]
    first = frame.iloc[0]
    arms = {"control": first["control"], "treatment": "treatment" if several else first["treatment"]}
    rows = frame.assign(block=[capitalise(n) for n in names])
    shown = ["block", "control_median", "treatment_median", "gap", "control_share", "treatment_share", "n_treatment"]
    blank = {c: _unless_missing(write_wait) for c in shown[1:4]} | {c: _unless_missing(_percent) for c in shown[4:6]}
    return show(
        rows[shown],
        caption="First replies by the hours (UTC) in which the questions were asked, one row a block of four hours; "
        "blank rows are too small to show",
        name=f"{results.study}_reply_hours",
        headers={
            "block": "Asked",
            **{f"{arm}_median": f"Median, {name}" for arm, name in arms.items()},
            "gap": "Gap",
            **{f"{arm}_share": f"Within {target}, {name}" for arm, name in arms.items()},
            "n_treatment": f"{capitalise(find_noun(results))}, {arms['treatment']}",
        },
        formats=blank | {"n_treatment": _unless_missing(write_count)},
        download=frame,
    )


def agents(results: Results) -> Display:
    """Return the work of each agent and whom they served, without names; nobody is assigned to an agent at random.

    Parameters
    ----------
    results : Results
        Table `agents`, after small cells are hidden.
    """
    frame = results.tables.get("agents")
    if frame is None or frame.empty:
        return show_sentence("The data do not say who replied.")
    noun = find_noun(results)
    shares = [c for c in frame if c.startswith("share_") and c != "share_in_target"][:1]
    shown = ["agent", "serves", "units", "median_wait", "share_in_target", "per_active_day", *shares]
    labels = {c: read_scale(results, c.removeprefix("share_")).label for c in shares}
    rows = frame.sort_values("serves", kind="stable")
    percents = dict.fromkeys(["share_in_target", *shares], _unless_missing(_percent))
    return show(
        rows[shown].assign(agent=[capitalise(name) for name in rows["agent"]]),
        caption=f"{tell_team(results)} One row an agent ({list_served(frame)}); outcomes are of the {noun} whom the "
        "agent answered first, an association",
        name=f"{results.study}_agents",
        headers={
            "agent": "Agent",
            "serves": "Serves",
            "units": f"{capitalise(noun)} answered",
            "median_wait": "Median wait",
            "share_in_target": "Within the target",
            "per_active_day": "Replies a day at work",
            **labels,
        },
        formats={
            "units": _unless_missing(write_count),
            "median_wait": _unless_missing(write_wait),
            "per_active_day": _unless_missing(lambda x: write_number(x, decimals=1)),
            **percents,
        },
        download=frame,
    )


def slower(results: Results, *, metric: str) -> Display:
    """Return one metric's effect, had the control not become slower by some minutes.

    Parameters
    ----------
    results : Results
        Table `slower`, as `inference.study_replies` makes it.
    metric : str

    Returns
    -------
    Display: one sentence when effects are withheld, or this one cannot be estimated.
    """
    frame = results.tables.get("slower", pd.DataFrame(columns=["metric"]))
    rows = frame[frame["metric"] == metric]
    if results.status == "withheld" or rows.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no effect to scale.")
    scale, level = read_scale(results, metric), _find_level(results)
    style = _sign(style_gap(scale))
    several = len(set(rows["comparison"])) > 1
    return show(
        pd.DataFrame([_row_slower(row, style, several) for row in rows.itertuples()]),
        caption=f"{capitalise(scale.label)}: the effect, had the control not become slower by so many minutes, one row "
        "a number of minutes and response. All of the effect is taken to come from waiting, the medians to be known",
        name=f"{results.study}_{metric}_slower",
        headers={
            "slower": "Control became slower by",
            "response": "How waiting matters",
            "factor": "Part of the effect left",
            "difference": "Effect",
            "interval": level,
        },
        download=rows,
    )


def _row_slower(row, style, several):
    measured = " (measured)" if row.is_measured else ""
    arm = f", {row.treatment}" if several else ""
    return {
        "slower": f"{write_wait(row.slower_minutes) if row.slower_minutes else '0 minutes'}{measured}{arm}",
        "response": RESPONSES.get(row.response, row.response),
        "factor": "" if math.isnan(row.factor) else write_share(row.factor, decimals=0),
        **_write_gap(row.estimate, row.ci_low, row.ci_high, style, row.reason),
    }


def speed_association(results: Results) -> Display:
    """Return fast against slow replies inside the control arm beside the randomised effects, two rows a metric.

    Parameters
    ----------
    results : Results
        Table `speed_association`, after small cells are hidden.
    """
    frame = results.tables.get("speed_association")
    if results.status == "withheld" or frame is None or frame.empty:
        none = "Fast and slow replies inside the control arm cannot be compared."
        return show_sentence(WITHHELD if results.status == "withheld" else none)
    level = _find_level(results)
    return show(
        pd.DataFrame([_row_speed(results, row) for row in frame.itertuples()]),
        caption="Fast against slow first replies within the control arm, an association, beside the randomised "
        "difference; one row an effect",
        name=f"{results.study}_speed_association",
        headers={
            "metric": "Metric",
            "kind": "Comparison",
            "first": "From",
            "second": "To",
            "difference": "Difference",
            "interval": level,
            "n": capitalise(find_noun(results)),
        },
        download=frame,
    )


def _row_speed(results, row):
    scale = read_scale(results, row.metric)
    style, decimals = style_value(scale), _find_decimals(row.ci_low, row.ci_high, style_gap(scale))
    values = [row.control_value, row.treatment_value]
    told = ["" if math.isnan(v) else write_number(v, style, decimals=decimals) for v in values]
    sizes = [row.n_control, row.n_treatment]
    return {
        "metric": capitalise(scale.label),
        "kind": _name_speed(row),
        "first": told[0],
        "second": told[1],
        **_write_gap(row.difference, row.ci_low, row.ci_high, _sign(style_gap(scale)), "too few to show"),
        "n": "" if any(n != n for n in sizes) else f"{write_count(sizes[0])} and {write_count(sizes[1])}",
    }


def _name_speed(row):
    """From what to what a row of the association goes; the randomised one by its arms."""
    if row.kind != "as randomised":
        return f"slower to faster replies, within {row.comparison}"
    treatment, _, control = row.comparison.partition(" - ")
    return f"{control} to {treatment}, randomised"


def _write_gap(estimate, low, high, style, reason):
    """A difference and its interval with as many digits as the interval deserves; the reason where there is none."""
    if math.isnan(estimate):
        return {"difference": "", "interval": reason or ""}
    decimals = _find_decimals(low, high, style)
    told = write_number(estimate, style, decimals=decimals)
    if not (math.isfinite(low) and math.isfinite(high)):
        return {"difference": told, "interval": reason or ""}
    bare = Style(style.factor, style.prefix, "", style.signed)
    ends = [write_number(v, bare, decimals=decimals) for v in (low, high)]
    return {"difference": told, "interval": f"[{ends[0]}, {ends[1]}]"}


def _find_decimals(low, high, style):
    return count_decimals(low, high, factor=style.factor)


def _sign(style):
    return Style(style.factor, style.prefix, style.suffix, True)


def _find_level(results):
    estimates = results.headline()
    return f"{estimates[0].confidence_level * 100:g} % interval" if estimates else "interval"


def _percent(share):
    return write_share(share, decimals=0)


def _unless_missing(write):
    return lambda value: "" if value != value else write(value)
