"""Pictures of replies: the share answered by each time, and the effect against the gap achieved by hours."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from scipy.stats import norm

from helpers.figures.theme import INK, MUTED, RULE, color_arms, darken, draw, is_narrow, measure_width, place_axes
from helpers.records import Results
from helpers.wording import (
    WITHHELD,
    Display,
    Style,
    capitalise,
    find_noun,
    join_words,
    lower_first,
    read_scale,
    show_sentence,
    style_gap,
    write_number,
    write_range,
    write_share,
    write_wait,
)

LEFT, HEIGHT, TOP = 52, 300, 34  # CSS pixels
TICKS = {1: "1 min", 2: "2", 15: "15", 60: "1 h", 240: "4 h", 1_440: "1 d", 10_080: "1 week"}
FEWER = (1, 15, 60, 1_440, 10_080)  # ticks that a phone has room for
NO_REPLIES = "The data hold no conversations, so that nothing is known of replies."


def reply_times(results: Results, *, title: str | None = None) -> Display:
    """Return the share of conversations answered by each time, one line an arm, on a logarithmic axis.

    Parameters
    ----------
    results : Results
        Table `reply_curve`, after small cells are hidden; from table `replies` the promised times (the first and the
        last of "within"), the medians and who was never answered.
    title : str, optional
        Computed from the medians when left out.

    Returns
    -------
    Display: one sentence without conversations.
    """
    curve, replies = (results.tables.get(name, pd.DataFrame()) for name in ("reply_curve", "replies"))
    if curve.empty or replies.empty:
        return show_sentence(NO_REPLIES)
    arms = list(dict.fromkeys(curve["arm"]))
    medians, never = _read_values(replies, "median"), _read_values(replies, "never")
    told = [f"{write_wait(medians[arm])} {_say_arm(curve, arm)}" for arm in arms if not math.isnan(medians[arm])]
    found = f"Half of the first replies came within {join_words(told)}" if told else "Share of conversations answered"
    promised = sorted(set(replies.loc[replies["measure"] == "within", "minutes"]))
    by = find_noun(results, singular=True)
    unanswered = [f"{write_share(never[arm])} {_say_arm(curve, arm)}" for arm in arms]
    return draw(
        lambda figure: _paint_times(figure, curve, arms, promised[:1] + promised[1:][-1:], never),
        height=TOP + HEIGHT + 56,
        title=title or found,
        subtitle=f"Conversations answered by each time since the question; bands by {by}, each time by itself. "
        "Groups before are not randomised.",
        alternative=f"{found}. Never answered: {join_words(unanswered)}.",
        results=results,
        table=curve,
        name=f"{results.study}_reply_times",
    )


def _say_arm(curve, arm):
    is_before = (curve.loc[curve["arm"] == arm, "role"] == "observational").any()
    return f"in the group {arm}" if is_before else f"with {arm}"


def _read_values(replies, measure):
    """The value of each group from the comparisons that it stands in."""
    rows = replies[replies["measure"] == measure]
    sides = [(row.control, row.control_value) for row in rows.itertuples()]
    return dict([*sides, *((row.treatment, row.treatment_value) for row in rows.itertuples())])


def _paint_times(figure: Figure, curve, arms, promised, never) -> None:
    narrow = is_narrow(figure)
    right = 92 if narrow else 168
    axes = place_axes(figure, LEFT, TOP, measure_width(figure) - LEFT - right, HEIGHT)
    roles = dict(zip(curve["arm"], curve["role"], strict=True))
    control = next((a for a in arms if roles[a] == "control"), arms[0])
    colors = color_arms(control, [a for a in arms if roles[a] != "observational"])
    ends = []
    for arm in arms:
        rows = curve[curve["arm"] == arm]
        color = colors.get(arm, MUTED)
        share = {c: rows[c].to_numpy(float) * 100 for c in ("share", "ci_low", "ci_high")}
        axes.fill_between(rows["minutes"], share["ci_low"], share["ci_high"], color=color, alpha=0.14, linewidth=0)
        line = (0, (5, 3)) if roles[arm] == "observational" else "-"
        axes.plot(rows["minutes"], share["share"], color=color, linewidth=2, linestyle=line)
        ends.append((float(share["share"][-1]), arm, darken(color)))
    axes.set(xscale="log", xlim=(curve["minutes"].min(), curve["minutes"].max()), ylim=(0, 103))
    _mark_times(axes, promised, narrow)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.grid(axis="y")
    axes.set_xlabel("time since the question")
    _label_arms(axes, ends, never, narrow)


def _mark_times(axes: Axes, promised, narrow) -> None:
    ticks = {t: name for t, name in TICKS.items() if not narrow or t in FEWER}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.xaxis.set_minor_locator(NullLocator())
    for minutes in promised:
        axes.axvline(minutes, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
        axes.annotate(
            write_wait(minutes),
            (minutes, 103),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            color=INK,
            fontsize=8.6,
        )


def _label_arms(axes: Axes, ends, never, narrow) -> None:
    """Name each line at its end, with the share that was never answered below; from the top, a gap apart."""
    place, gap = 100 + 17, 17
    for value, arm, color in sorted(ends, reverse=True):
        place = min(value, place - gap)
        style = {"textcoords": "offset points", "va": "center", "annotation_clip": False, "color": color}
        at = (axes.get_xlim()[1], place)
        axes.annotate(arm[: 12 if narrow else 22], at, xytext=(8, 5), weight="bold", **style)
        told = write_share(never[arm]) + (" never" if narrow else " never answered")
        axes.annotate(told, at, xytext=(8, -8), fontsize=8.4, **style)


def hours_effect(results: Results, *, metric: str, treatment: str | None = None, title: str | None = None) -> Display:
    """Return the effect by hours of assignment against the gap in waits achieved in these hours, with a line.

    Parameters
    ----------
    results : Results
        Table `hours_effect`, after small cells are hidden.
    metric : str
    treatment : str, optional
        The first when left out.
    title : str, optional
        Computed from the slope when left out.

    Returns
    -------
    Display: one sentence when effects are withheld or no block can be shown.
    """
    frame = results.tables.get("hours_effect", pd.DataFrame(columns=["metric"]))
    rows = frame[frame["metric"] == metric]
    if len(rows):
        rows = rows[rows["treatment"] == (treatment or rows["treatment"].iloc[0])].dropna(subset=["estimate", "gap"])
    if results.status == "withheld" or rows.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "No effect by hours can be shown.")
    scale, level = read_scale(results, metric), _read_level(results)
    style = style_gap(scale)
    signed = Style(style.factor, style.prefix, style.suffix, True)
    found = _tell_slope(scale.label, rows.iloc[0], signed)
    return draw(
        lambda figure: _paint_hours(figure, rows, signed, level),
        height=TOP + HEIGHT + 56,
        title=title or found,
        subtitle=f"Exploratory, all assigned: one point a block of four hours of sign-up, with {level * 100:g} % "
        "intervals; line and band weighted by precision.",
        alternative=f"{found}. {len(rows)} blocks; effects on {lower_first(scale.label)} from "
        f"{write_number(rows['estimate'].min(), signed)} to {write_number(rows['estimate'].max(), signed)}, gaps from "
        f"{write_wait(rows['gap'].min())} to {write_wait(rows['gap'].max())}.",
        results=results,
        table=rows,
        name=f"{metric}_by_hours",
    )


def _read_level(results):
    estimates = results.headline()
    return estimates[0].confidence_level if estimates else 0.95


def _tell_slope(label, row, style) -> str:
    """What ten minutes more of gap go with."""
    ends = [10 * row[c] for c in ("slope", "slope_low", "slope_high")]
    if not all(map(math.isfinite, ends)):
        return f"{capitalise(label)}: too few blocks of hours for a line"
    bounds = write_range(ends[1], ends[2], style)
    if ends[1] <= 0 <= ends[2]:
        return f"{capitalise(label)}: no clear link with the gap achieved in the hours ({bounds} for 10 minutes)"
    more = "more" if ends[0] > 0 else "less"
    return f"{capitalise(label)}: {more} effect where the gap was wider ({bounds} for 10 minutes)"


def _paint_hours(figure: Figure, rows, style, level) -> None:
    axes = place_axes(figure, LEFT + 8, TOP, measure_width(figure) - LEFT - 28, HEIGHT)
    gap, bars = rows["gap"].to_numpy(float), rows[["ci_low", "ci_high"]].to_numpy(float) * style.factor
    pad = (np.ptp(gap) or 1.0) * 0.06
    x = np.linspace(gap.min() - pad, gap.max() + pad, 50)
    row = rows.iloc[0]
    if math.isfinite(row["slope"]):
        z = float(norm.isf((1 - level) / 2))
        error = (row["slope_high"] - row["slope"]) / z
        line = row["centre_effect"] + row["slope"] * (x - row["centre_gap"])
        half = z * np.sqrt(row["centre_error"] ** 2 + error**2 * (x - row["centre_gap"]) ** 2)
        band = [(line + sign * half) * style.factor for sign in (-1, 1)]
        axes.fill_between(x, *band, color="#dfe4ea", linewidth=0)
        axes.plot(x, line * style.factor, color=MUTED, linewidth=1.5)
    axes.vlines(gap, bars[:, 0], bars[:, 1], color=INK, linewidth=1.6)
    weekend = rows["hours"].str.startswith("weekend").to_numpy()
    for chosen, fill in ((~weekend, INK), (weekend, "white")):
        points = {"markersize": 7, "markeredgecolor": INK, "markerfacecolor": fill, "linestyle": "none"}
        axes.plot(gap[chosen], rows["estimate"].to_numpy(float)[chosen] * style.factor, "o", **points)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set(xlim=(x[0], x[-1]))
    axes.set_xlabel("minutes by which the median reply was faster in these hours; filled: weekday, hollow: weekend")
    if is_narrow(figure):
        axes.set_xlabel("minutes faster; filled: weekday, hollow: weekend")
    axes.set_title(style.suffix.strip() or style.prefix, loc="left", fontsize=8.6, color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(4 if is_narrow(figure) else 7))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+,g}" if v else "0"))
    axes.grid(axis="y", color=RULE, linewidth=0.5)
