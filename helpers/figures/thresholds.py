"""Pictures of lines: is there a step in activation, what does the best cut promise, what does each other line buy."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.points import is_clear, make_strip, tell_gap, tell_units, write_gap
from helpers.figures.strips import choose_points, measure_strips, paint_strips
from helpers.figures.theme import (
    BAND,
    CONTROL,
    INK,
    MUTED,
    TREATMENT,
    darken,
    draw,
    is_narrow,
    measure_width,
    place_axes,
)
from helpers.records import Results
from helpers.wording import (
    Display,
    find_noun,
    find_rows,
    join_words,
    name_alike,
    name_events,
    write_number,
    write_share,
)

LEFT, TOP, HEIGHT = 52, 30, 300  # CSS pixels
FEW = 12  # the highest count up to which every count has its tick
SHAPES = {
    "smooth": "More {events} go with {more} {noun} kept, without a step: a curve foretells better than a line",
    "step": "The share kept {rises} in a step, at {cut} {events} or more ({set})",
    "none": "The number of {events} says nothing clear of who is kept",
    "undecided": "More {events} go with {more} {noun} kept; the data do not tell a step from a curve",
}
NO_COUNTS = "There is no share kept by number of activation events to show."
NO_CUTS = "There is no cut of the activation events to show."
NO_MATURITY = "There is no share kept by mature categories to show."


def retention_by_count(results: Results) -> Display:
    """Return the share kept by number of activation events, with a step and a curve fitted over it.

    Parameters
    ----------
    results : Results
        Tables `activation_counts`, after small cells are hidden, `activation_curves` and `threshold`.

    Returns
    -------
    Display: one sentence when no share can be shown.
    """
    rows, absent = find_rows(results, "activation_counts", NO_COUNTS, known="share")
    if absent:
        return absent
    curves = results.tables.get("activation_curves", pd.DataFrame(columns=["count", "share_smooth", "share_step"]))
    line = _read_threshold(results)
    known, events = rows.dropna(subset=["share"]), name_events(results)
    found = _tell_shape(line, find_noun(results), events)
    ends = [f"{write_share(row.share)} at {_name_bin(row)}" for row in (known.iloc[0], known.iloc[-1])]
    return draw(
        lambda figure: _paint_counts(figure, rows, curves, line, events),
        height=TOP + HEIGHT + 60,
        title=found,
        subtitle=f"Share of {find_noun(results)} kept by {events} before the landmark, with intervals, not adjusted, "
        "on a square-root axis. Shaded: lines that foretell as well as the best.",
        alternative=f"{found}. Kept: {' and '.join(ends)}.",
        results=results,
        table=rows,
        name="milestones_retention_by_count",
    )


def _read_threshold(results: Results):
    rows = results.tables.get("threshold", pd.DataFrame())
    return rows.iloc[0] if len(rows) else None


def _tell_shape(line, noun, events="activation events") -> str:
    known = SHAPES.get(line["shape"]) if line is not None else None
    if known is None:
        return f"Share kept by number of {events}"
    more, rises = ("fewer", "falls") if line["naive_difference"] < 0 else ("more", "rises")
    return known.format(noun=noun, events=events, cut=f"{line['cut']:g}", set=_tell_set(line), more=more, rises=rises)


def _tell_set(line) -> str:
    lines = line.get("lines") or f"{line['cut_low']:g} to {line['cut_high']:g}"
    return "no other line fits as well" if line["cut_low"] == line["cut_high"] else f"{lines} fit as well"


def _name_bin(row) -> str:
    if row.open:
        return f"{row.count_low:g} or more"
    return f"{row.count_low:g}" if row.count_low == row.count_high else f"{row.count_low:g} to {row.count_high:g}"


def _paint_counts(figure: Figure, rows, curves, line, events) -> None:
    narrow = is_narrow(figure)
    right = 20 if narrow else 110
    axes = place_axes(figure, LEFT, TOP, measure_width(figure) - LEFT - right, HEIGHT)
    last = float(max(rows["count_high"].max(), 1))
    axes.set_xscale("function", functions=(lambda v: np.sqrt(np.maximum(v, 0)), np.square))
    if line is not None and math.isfinite(line["cut_low"]):
        axes.axvspan(line["cut_low"] - 0.5, line["cut_high"] + 0.5, color=BAND, linewidth=0, zorder=0)
    inside = curves[curves["count"] <= last]
    axes.step(inside["count"], inside["share_step"] * 100, where="mid", color=TREATMENT, linewidth=1.8)
    axes.plot(inside["count"], inside["share_smooth"] * 100, color=CONTROL, linewidth=1.8)
    at = (np.sqrt(rows["count_low"].to_numpy(float)) + np.sqrt(rows["count_high"].to_numpy(float))) ** 2 / 4
    axes.vlines(at, rows["ci_low"] * 100, rows["ci_high"] * 100, color=INK, linewidth=1.6, zorder=3, clip_on=False)
    axes.plot(at, rows["share"] * 100, "o", color=INK, markersize=6.5, zorder=4, clip_on=False)
    first = float(rows["count_low"].min())
    axes.set(xlim=(max(0.0, first - 0.3), last) if last <= FEW else (0, last))
    _mark_counts(axes, inside, line, narrow)
    ticks = (
        range(int(first), int(last) + 1)
        if last <= FEW
        else [t for t in (0, 1, 5, 10, 20, 40, 80, 150, 300, 600, 1200, 2500, 5000) if t <= last]
    )
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.grid(axis="y")
    axes.set_xlabel(f"{events} before the landmark")


def _mark_counts(axes: Axes, curves, line, narrow) -> None:
    """Name both curves, beside their ends or above the picture on a phone, and the planned line."""
    if len(curves):
        ends = {"a curve": ("share_smooth", CONTROL), "one step": ("share_step", darken(TREATMENT))}
        places = {name: curves[column].iloc[-1] * 100 for name, (column, _) in ends.items()}
        order = sorted(places, key=places.get)
        for place, name in enumerate(order):
            style = {"color": ends[name][1], "weight": "bold", "annotation_clip": False, "textcoords": "offset points"}
            if narrow:
                axes.annotate(name, (0, 1), xycoords="axes fraction", xytext=(62 * place, 9), **style)
            else:
                at = (axes.get_xlim()[1], places[name])
                axes.annotate(name, at, xytext=(8, 6 if place else -6), va="center", **style)
    if line is not None and math.isfinite(line["planned"]) and line["planned"] <= axes.get_xlim()[1]:
        axes.axvline(line["planned"], color=INK, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
        style = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "color": INK, "fontsize": 8.6}
        axes.annotate(f"planned: {line['planned']:g}", (line["planned"], 0), xytext=(5, 8), **style)


def cut_scan(results: Results) -> Display:
    """Return the difference at every cut, what is left at a cut that other accounts chose, and how the folds chose.

    Parameters
    ----------
    results : Results
        Tables `cuts` and `threshold`.

    Returns
    -------
    Display: one sentence when no cut can be shown.
    """
    rows, absent = find_rows(results, "cuts", NO_CUTS, known="difference")
    if absent:
        return absent
    line = _read_threshold(results)
    alike = name_alike(results)
    apart = "" if alike == "not adjusted" else f", {alike}"
    found = _tell_scan(line, find_noun(results), apart)
    return draw(
        lambda figure: _paint_scan(figure, rows, line, name_events(results)),
        height=TOP + 230 + 34 + 80 + 52,
        title=found,
        subtitle="Points: share kept at or above each line minus below it, in raw counts. Band: the difference at "
        f"lines that others chose{apart}, with its interval. Below: how many parts of the data chose a line.",
        alternative=f"Difference by line. {found}. {_tell_chosen(rows)}",
        results=results,
        table=rows,
        name="milestones_cuts",
    )


def _tell_scan(line, noun, apart="") -> str:
    if line is None or math.isnan(line["naive_difference"]):
        return "Difference in the share kept by line"
    naive = write_number(line["naive_difference"] * 100, decimals=1)
    told = tell_gap(line["difference"], line["ci_low"], line["ci_high"])
    best = f"The line that fits best, {line['cut']:g}, promises {naive} points{apart}"
    return f"{best}; lines that other {noun} chose, {told}"


def _tell_chosen(rows) -> str:
    chosen = rows[rows["chosen"] > 0]
    told = [f"{row.cut:g} in {row.chosen:g}" for row in chosen.itertuples()]
    return f"Parts of the data that chose each: {join_words(told)}." if told else "No part of the data chose a line."


def _paint_scan(figure: Figure, rows, line, events) -> None:
    wide = measure_width(figure) - LEFT - 24
    above, below = place_axes(figure, LEFT, TOP, wide, 230), place_axes(figure, LEFT, TOP + 264, wide, 80)
    limits = (rows["cut"].min() - 0.7, rows["cut"].max() + 0.7)
    if line is not None and math.isfinite(line["difference"]):
        above.axhspan(line["ci_low"] * 100, line["ci_high"] * 100, color="#dfe4ea", linewidth=0, zorder=0)
        above.axhline(line["difference"] * 100, color=MUTED, linewidth=1.5, zorder=1)
    within = rows["in_set"].astype(bool)
    for chosen, fill in ((within, INK), (~within, "white")):
        style = {"markersize": 5.5, "markeredgecolor": INK, "markerfacecolor": fill, "linestyle": "none"}
        above.plot(rows.loc[chosen, "cut"], rows.loc[chosen, "difference"] * 100, "o", **style, zorder=3)
    low, high = above.get_ylim()
    above.set(xlim=limits, ylim=(min(low, 0), high), xticks=[])
    above.axhline(0, color=INK, linewidth=0.8)
    above.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+g}" if v else "0"))
    above.grid(axis="y")
    above.set_title("points; filled: lines that foretell as well as the best", loc="left", fontsize=8.6, color=MUTED)
    below.bar(rows["cut"], rows["chosen"], color=MUTED, width=min(0.7, 0.02 * (limits[1] - limits[0])))
    below.set(xlim=limits)
    below.set_yticks(sorted({0, int(rows["chosen"].max())}))
    below.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    below.set_title("parts of the data that chose it", loc="left", fontsize=8.6, color=MUTED)
    below.set_xlabel(f"line: so many {events} or more")


def maturity(results: Results) -> Display:
    """Return the share kept by number of mature categories, and the difference that each line marks.

    Parameters
    ----------
    results : Results
        Tables `mature_counts`, after small cells are hidden, and `maturity_lines`.

    Returns
    -------
    Display: one sentence when no share can be shown.
    """
    rows, absent = find_rows(results, "mature_counts", NO_MATURITY, known="share")
    if absent:
        return absent
    lines = results.tables.get("maturity_lines", pd.DataFrame(columns=["line", "difference", "planned", "loss"]))
    strips, found = [_strip_line(row, results) for row in lines.itertuples()], _tell_lines(lines)
    told = [f"{row.mature_categories:g}: {write_share(row.share)}" for row in rows.itertuples()]
    return draw(
        lambda figure: _paint_maturity(figure, rows, lines, strips),
        height=TOP + 230 + 50 + measure_strips(strips),
        narrow_height=TOP + 230 + 50 + measure_strips(strips, narrow=True),
        title=found,
        subtitle=f"Above: share of {find_noun(results)} kept by mature categories at the landmark. Below: at or above "
        f"each line minus below it, {name_alike(results)}, in points.",
        alternative=f"{found}. Kept by mature categories: {', '.join(told)}. "
        f"{'; '.join(f'{s.name}: {s.text}' for s in strips)}.",
        results=results,
        table=rows,
        name="milestones_maturity",
    )


def _strip_line(row, results):
    name = f"{row.line:g} or more{', as planned' if row.planned else ''}"
    told = row.reason if isinstance(row.reason, str) else f"{tell_units(results, row.n_at_or_above)} at or above"
    return make_strip(name, row, below=told)


def _tell_lines(lines: pd.DataFrame) -> str:
    """What the planned line marks, and whether another line, or no line at all, foretells better."""
    known = lines.dropna(subset=["difference"])
    if known.empty:
        return "Share kept by number of mature categories"
    best = known.loc[known["loss"].idxmin()] if known["loss"].notna().any() else None
    planned = known[known["planned"].astype(bool)]
    if planned.empty:
        return "What each line of maturity marks" if best is None else (
            f"The line that foretells best is {best.line:g} or more mature categories")  # fmt: skip
    row = planned.iloc[0]
    marked = "mark" if is_clear(row.ci_low, row.ci_high) else "mark no clear difference,"
    told = f"{row.line:g} or more mature categories {marked} {tell_gap(row.difference, row.ci_low, row.ci_high)}"
    if best is None:
        return told
    if best.loss_gap_low > 0:
        return f"{told}; their mere number foretells better than any line"
    if best.line == row.line:
        return f"{told}, and no other line foretells better"
    gap = write_gap(best.difference, best.ci_low, best.ci_high)
    return f"{told}; of all lines, {best.line:g} or more foretells best ({gap})"


def _paint_maturity(figure: Figure, rows, lines, strips) -> None:
    narrow = is_narrow(figure)
    axes = place_axes(figure, LEFT, TOP, measure_width(figure) - LEFT - (20 if narrow else 212), 230)
    axes.vlines(rows["mature_categories"], rows["ci_low"] * 100, rows["ci_high"] * 100, color=INK, linewidth=1.6)
    axes.plot(rows["mature_categories"], rows["share"] * 100, "o", color=INK, markersize=7)
    axes.set(xlim=(-0.4, rows["mature_categories"].max() + 0.4), xticks=rows["mature_categories"])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y")
    axes.set_xlabel("mature categories at the landmark")
    if strips:
        ends = lines[["difference", "ci_low", "ci_high"]].to_numpy(float).ravel()
        paint_strips(figure, strips, choose_points(ends), top=TOP + 230 + 50)
