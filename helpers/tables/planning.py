"""What this experiment could see, what a worthwhile effect needs, how take-up went, and tests without an effect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from helpers.records import Results, to_frame
from helpers.tables.show import name_unit, show
from helpers.wording import (
    WITHHELD,
    Display,
    Style,
    capitalise,
    count_decimals,
    find_noun,
    lower_first,
    read_scale,
    show_sentence,
    style_gap,
    style_value,
    write_chance,
    write_count,
    write_number,
    write_p,
    write_share,
)


def requirements(results: Results) -> Display:
    """Return the smallest effect that the units at hand find, and the units that a worthwhile effect needs."""
    frame = results.tables.get("requirements")
    if results.status == "withheld" or frame is None or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "No metric has enough units to say.")
    several = len(set(frame["comparison"])) > 1
    labels = [_name_requirement(results, row, several) for row in frame.itertuples()]
    amounts = {c: [_write(results, m, v, c) for m, v in zip(frame["metric"], frame[c], strict=True)] for c in AMOUNTS}
    timed = "days_for_worthwhile" in frame and frame["days_for_worthwhile"].notna().any()
    last = ["n_for_worthwhile", "days_for_worthwhile"] if timed else ["n_for_worthwhile"]
    columns = ["metric", *([] if timed else ["control_value"]), "n", "mde_absolute", "worthwhile"]
    columns += ["power_for_worthwhile", *last]
    return show(
        frame.assign(metric=labels, **amounts)[columns],
        caption=f"What could be seen with {write_share(frame['power'].iloc[0], decimals=0)} power, one row a metric"
        + (". Days at the rate at which these units came, the last one's window included" if timed else ""),
        name=f"{results.study}_requirements",
        headers={
            "metric": "Metric",
            "control_value": "Control",
            "n": "Units at hand",
            "mde_absolute": "Smallest effect found",
            "worthwhile": "Worthwhile effect or margin",
            "power_for_worthwhile": "Chance to find it",
            "n_for_worthwhile": "Units to find it",
            "days_for_worthwhile": "Days to find it",
        },
        formats={"n": write_count, "power_for_worthwhile": _share_or_blank, **dict.fromkeys(last, _count_or_blank)},
        download=frame,
    )


AMOUNTS = ("control_value", "mde_absolute", "worthwhile")


def sample_sizes(results: Results) -> Display:
    """Return how many units find a difference of two shares: one row a difference, one column a baseline."""
    frame = results.tables.get("sample_sizes")
    if frame is None or frame.empty:
        return show_sentence("No sample size was asked for.")
    wide = frame.pivot_table(index="difference", columns="baseline", values="units").reset_index()
    baselines = {c: f"From {write_share(c, decimals=0)}" for c in wide.columns[1:]}
    return show(
        wide,
        caption="Units in both arms together that find it in "
        f"{write_share(frame['power'].iloc[0], decimals=0)} of experiments, one row a difference",
        name=f"{results.study}_sample_sizes",
        headers={"difference": "To see", **baselines},
        formats={"difference": _points, **dict.fromkeys(baselines, _count_or_blank)},
        download=frame,
    )


def posteriors(results: Results) -> Display:
    """Return the Bayesian reading of the headline effects: what is believed, and what a wrong choice would cost.

    Parameters
    ----------
    results : Results
        Table `bayes`, one row a headline difference.

    Returns
    -------
    Display: the caption prints the prior; a sentence where effects are withheld or none has a standard error.
    """
    frame = results.tables.get("bayes")
    if results.status == "withheld" or frame is None or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "No headline effect has a standard error.")
    several = len(set(frame["comparison"])) > 1
    level = f"{results.headline()[0].confidence_level * 100:g} % credible"
    interim = ". It ignores that the experiment is looked at early" if frame["interim"].any() else ""
    return show(
        pd.DataFrame([_row_posterior(results, row, several) for row in frame.itertuples()]),
        caption=f"{_describe_prior(results, frame)}; one row an effect. "
        f"Loss: what choosing that arm gives away on average{interim}",
        name=f"{results.study}_bayes",
        headers={
            "metric": "Metric",
            "prior": "Prior ±",
            "mean": "Effect",
            "interval": level,
            "better": "Treatment better",
            "loss_treatment": "Loss with treatment",
            "loss_control": "Loss with control",
        },
        download=frame,
    )


def _describe_prior(results, frame):
    units = frame["prior_units"].iloc[0]
    if units == 0:
        return "What is believed after the data, from a flat prior: any effect counts as equally likely before"
    noun = find_noun(results) if units != 1 else find_noun(results, singular=True)
    weight = f"{write_number(units)} {noun} in each arm"
    return f"What is believed after the data, from a prior of no effect that weighs as much as {weight}"


def _row_posterior(results, row, several):
    scale, word = read_scale(results, row.metric), {"neither": " (higher)"}.get(row.better, "")
    gap = style_gap(scale)
    gap = replace(gap, suffix="") if name_unit(scale) else gap
    signed, decimals = replace(gap, signed=True), count_decimals(row.ci_low, row.ci_high, factor=gap.factor)
    bare = replace(signed, suffix="")
    ends = [write_number(v, bare, decimals=decimals) for v in (row.ci_low, row.ci_high)]
    return {
        "metric": _name_requirement(results, row, several),
        "prior": "flat" if row.prior_sd == math.inf else write_number(row.prior_sd, gap),
        "mean": write_number(row.mean, signed, decimals=decimals),
        "interval": f"[{ends[0]}, {ends[1]}]",
        "better": f"{write_chance(row.probability_better)}{word}",
        **dict.fromkeys(LOSSES, ""),  # where neither way is good nothing is lost
        **({} if word else {c: write_number(getattr(row, c), gap, decimals=decimals) for c in LOSSES}),
    }


LOSSES = ("loss_treatment", "loss_control")


def assumptions(results: Results, *, names: Mapping[str, str] | None = None) -> Display:
    """Return every assumption behind the money, low, central and high, one row each.

    Parameters
    ----------
    results : Results
    names : mapping, optional
        An assumption's own name -> what it is in this study; "units" are called as the plan calls them.
    """
    frame = results.tables.get("assumptions")
    if results.status == "withheld" or frame is None or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "Nothing is assumed about money.")
    noun, names = find_noun(results), names or {}
    told = [names.get(a, a.replace("units", noun)) for a in frame["assumption"]]
    return show(
        frame.assign(assumption=[capitalise(t) for t in told], unit=frame["unit"].replace("units", noun)),
        caption="What is assumed about money, one row an assumption",
        name=f"{results.study}_assumptions",
        headers={"assumption": "Assumption", "low": "Low", "central": "Central", "high": "High", "unit": "Unit"},
        formats=dict.fromkeys(("low", "central", "high"), _plain),
    )


def uptake(results: Results) -> Display:
    """Return how the offer moved take-up, and how strong hidden keenness must be to explain the association."""
    frame = results.tables.get("uptake")
    if results.status == "withheld" or frame is None or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "The plan names no exposure with a share.")
    several = len(set(frame["comparison"])) > 1 if "comparison" in frame else False
    rows = frame.assign(metric=[_name_requirement(results, row, several) for row in frame.itertuples()])
    return show(
        rows[["metric", "take_up_control", "take_up_treatment", "first_stage_f", *RATIOS]],
        caption=(
            "Take-up by arm, one row a metric. The E-value says how strongly a hidden cause must go with both use and "
            "outcome to explain the ratio of users to non-users away"
        ),
        name=f"{results.study}_uptake",
        headers={
            "metric": "Metric", "take_up_control": "Take-up in control", "take_up_treatment": "Take-up in treatment",
            "first_stage_f": "First-stage F", "risk_ratio": "Users to non-users", "e_value": "E-value",
            "e_value_limit": "E-value of limit",
        },
        formats={
            "take_up_control": write_share, "take_up_treatment": write_share,
            "first_stage_f": lambda f: write_number(f, decimals=0), **dict.fromkeys(RATIOS, _times),
        },
        download=frame,
    )  # fmt: skip


RATIOS = ("risk_ratio", "e_value", "e_value_limit")


def tests(results: Results, *, metric: str | None = None) -> Display:
    """Return the tests that have no single effect beside them: any difference, trend, interaction, log-rank.

    Parameters
    ----------
    results : Results
    metric : str, optional
        Whose tests to show; all when left out. The download holds all of them.
    """
    if results.status == "withheld" or not results.tests:
        return show_sentence(WITHHELD if results.status == "withheld" else "No test of differences was asked for.")
    frame = to_frame(results.tests)
    shown = frame if metric is None else frame[frame["metric"] == metric]
    labels = [read_scale(results, m).label for m in shown["metric"]]
    one = len(set(labels)) == 1
    rows = shown.assign(metric=labels, comparison=shown["id"].map(_against), p_value=shown.apply(_decision_p, axis=1))
    several = len(set(rows["comparison"])) > 1
    return show(
        rows[[*([] if one else ["metric"]), *(["comparison"] if several else []), "name", "statistic", "p_value"]],
        caption=f"{_ask(labels, one, set(rows['comparison']))}, one row a test; p is adjusted for how many there are",
        name=f"{results.study}_tests",
        headers={
            "metric": "Metric",
            "comparison": "Comparison",
            "name": "Test",
            "statistic": "Statistic",
            "p_value": "p",
        },
        formats={"statistic": lambda x: write_number(x, decimals=2), "p_value": _bare_p},
        download=frame,
    )


def _ask(labels, one, comparisons):
    if "all arms" in comparisons:
        return f"Whether arms and effects differ{f' in {lower_first(labels[0])}' if one else ''}"
    return f"Whether the effect on {lower_first(labels[0])} differs" if one else "Whether effects differ"


def _bare_p(p):
    return write_p(p).removeprefix("p ").removeprefix("= ")


def _decision_p(test) -> float:
    return test["p_value"] if pd.isna(test["p_value_adjusted"]) else test["p_value_adjusted"]


def _against(test_id: str) -> str:
    return test_id.split(":")[1]


def _write(results, metric, value, column):
    scale = read_scale(results, metric)
    style = style_value(scale) if column == "control_value" else style_gap(scale)
    style = replace(style, suffix="") if name_unit(scale) else style
    return "" if value != value else write_number(value, style, decimals=1 if style.factor == 100 else None)


def _plain(number):
    return "" if number != number else f"{number:,g}"


def _name_requirement(results, row, several):
    scale = read_scale(results, row.metric)
    label, unit = capitalise(scale.label), name_unit(scale).strip()
    named = f"{label}, {row.comparison.split(' - ')[0]}" if several else label
    return f"{named} ({unit})" if unit else named


def _share_or_blank(share):
    return "" if share != share else write_share(share, decimals=0)


def _count_or_blank(count):
    return "" if count != count else write_count(count)


def _points(share):
    return write_number(share, Style(100, "", " points"))


def _times(ratio):
    return "" if ratio != ratio else write_number(ratio, Style(1, "", " times"), decimals=2)
