"""The forest: one row an effect on a zero line that all scales share, with its values and verdict as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from helpers.figures.rows import Block, Row, find_ends, find_harm, list_runs, place_value, share_zero, widen
from helpers.figures.theme import (
    BAND,
    CONTROL,
    INK,
    MUTED,
    RULE,
    TREATMENT_TEXT,
    is_narrow,
    place_axes,
    shorten,
    write_at,
)
from helpers.wording import (
    MARKS,
    Style,
    find_margin,
    is_lift,
    is_ratio,
    style_effect,
    style_value,
    write_bounds,
    write_effect,
    write_number,
    write_value,
)

TOP, HEADING, AXIS = 40, 34, 30  # heights in CSS pixels
MOST_TOLD = 34  # characters of effect and interval that have room at full size


@dataclass(frozen=True)
class Layout:
    """Where things stand, in CSS pixels: the plot, the row's text, and how far below a row's top its bar lies."""

    left: int
    right: int
    row: int
    thin: int
    bar: int
    thin_bar: int
    control_at: int
    treatment_at: int
    text_at: int
    unit_at: int
    name: int
    long_name: int


WIDE_LAYOUT = Layout(424, 664, 50, 30, 25, 15, 312, 398, 684, 684, 36, 66)
NARROW_LAYOUT = Layout(8, 412, 78, 56, 58, 38, 60, 140, 196, 412, 27, 66)


def paint_forest(figure: Figure, blocks: Sequence[Block], *, headers: tuple[str, str], reference: float | None = None):
    """Draw blocks of rows on an empty figure.

    Parameters
    ----------
    figure : Figure
        As high as `measure_forest` says; a narrow one stacks a row's text above its bar.
    blocks : sequence of Block
    headers : (str, str)
        Labels of the control's and the treatment's column.
    reference : float, optional
        An effect drawn as a dashed line through all rows, in the first row's scale.
    """
    layout = _choose(figure)
    runs = list_runs(blocks)
    ends = find_ends(runs)
    share = share_zero(ends.values())
    _write_headers(figure, headers, layout)
    top = TOP
    for heading, key, run in runs:
        if heading:
            _rule(figure, top + 4)
            write_at(figure, 0, top + HEADING / 2 + 3, heading, weight="bold", color=MUTED, size=9)
            top += HEADING
        height = sum(_height(row, layout) for row in run)
        axes = place_axes(figure, layout.left, top, layout.right - layout.left, height)
        _set_scale(axes, run[0], ends[key], share, height, layout)
        _paint_run(figure, axes, run, top, layout, reference)
        top += height + AXIS


def measure_forest(blocks: Sequence[Block], *, narrow: bool = False) -> float:
    """Return the height in CSS pixels that a forest needs."""
    runs, layout = list_runs(blocks), NARROW_LAYOUT if narrow else WIDE_LAYOUT
    headings = sum(bool(heading) for heading, _, _ in runs)
    rows = sum(_height(row, layout) for _, _, run in runs for row in run)
    return TOP + HEADING * headings + AXIS * len(runs) + rows


def _choose(figure: Figure) -> Layout:
    return NARROW_LAYOUT if is_narrow(figure) else WIDE_LAYOUT


def _height(row: Row, layout: Layout) -> int:
    return layout.thin if row.thin else layout.row


def _bar(row: Row, layout: Layout) -> int:
    return layout.thin_bar if row.thin else layout.bar


def _rule(figure, top):
    high = figure.get_size_inches()[1] * 100
    figure.add_artist(Line2D((0, 1), (1 - top / high, 1 - top / high), color=RULE, linewidth=0.8))


def _write_headers(figure: Figure, headers: tuple[str, str], layout: Layout) -> None:
    control, treatment = (shorten(h, 13) for h in headers)
    narrow = layout is NARROW_LAYOUT
    write_at(figure, layout.control_at, 16, control, ha="right", color=CONTROL, weight="bold")
    write_at(figure, layout.treatment_at, 16, treatment, ha="right", color=TREATMENT_TEXT, weight="bold")
    place = (layout.text_at, "left") if narrow else ((layout.left + layout.right) / 2, "center")
    write_at(figure, place[0], 16, f"{treatment} minus {control}", ha=place[1], color=MUTED)
    if not narrow:
        write_at(figure, layout.text_at, 16, "effect and interval", color=MUTED)


def _set_scale(axes: Axes, row: Row, ends, share: float, height: float, layout: Layout):
    width = widen(*ends, share) * 1.06
    axes.set(xlim=(-share * width, (1 - share) * width), ylim=(height, 0), yticks=[])
    style = style_effect(row.effect, row.scale)
    ticks = _ratio_ticks(*axes.get_xlim()) if is_ratio(row.effect) else _plain_ticks(axes, style)
    axes.set_xticks(*ticks)
    axes.tick_params(axis="x", pad=3)
    for label in axes.get_xticklabels():
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    unit = "times, log scale" if is_ratio(row.effect) else style.suffix.strip()
    narrow = layout is NARROW_LAYOUT
    beside = ((layout.unit_at - layout.right) * 0.72, -17 if narrow else -7.2)
    style_text = {"xytext": beside, "textcoords": "offset points", "va": "center", "ha": "right" if narrow else "left"}
    at = (axes.get_xlim()[1], height)
    axes.annotate(unit, at, color=MUTED, fontsize=8.4, annotation_clip=False, **style_text)
    axes.patch.set_visible(False)


def _plain_ticks(axes: Axes, style: Style) -> tuple[list[float], list[str]]:
    low, high = axes.get_xlim()
    found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3).tick_values(low, high)
    ticks = [t for t in found if low <= t <= high]
    step = (ticks[1] - ticks[0]) * style.factor if len(ticks) > 1 else 1.0
    decimals = next(d for d in range(9) if d == 8 or abs(step * 10**d - round(step * 10**d)) < 1e-6 * step * 10**d)
    plain = Style(style.factor, style.prefix, "", True)
    return ticks, [write_number(t, plain, decimals=decimals) if abs(t) > 1e-12 else "0" for t in ticks]


def _ratio_ticks(low, high) -> tuple[list[float], list[str]]:
    nice = [0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10]
    inside = [v for v in nice if low <= math.log(v) <= high]
    chosen = inside if len(inside) <= 5 else [v for v in inside if v in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
    return [math.log(v) for v in chosen], [f"{v:g}" for v in chosen]


def _paint_run(figure: Figure, axes: Axes, run: Sequence[Row], top: float, layout: Layout, reference) -> None:
    at = 0
    for row in run:
        middle, height = at + _bar(row, layout), _height(row, layout)
        narrow = layout is NARROW_LAYOUT
        _paint_lines(axes, row, (middle - 16, at + height) if narrow else (at, at + height), reference)
        _paint_interval(axes, row, middle)
        if narrow:
            _write_stacked(figure, row, top + at, layout)
        else:
            _write_row(figure, row, top + middle, layout)
        at += height


def _paint_lines(axes: Axes, row: Row, ends: tuple[float, float], reference: float | None) -> None:
    """Draw behind a row the zero line, the band that the plan calls too small or tolerates, and the reference."""
    axes.plot((0, 0), ends, color=INK, linewidth=0.8, zorder=2)
    if reference is not None:
        place = place_value(reference, row)
        axes.plot((place, place), ends, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
    margin = find_margin(row.effect, row.scale)
    if margin is None:
        return
    guard = row.scale.role == "guardrail"
    low, high = sorted((find_harm(row) * margin, 0)) if guard else (-margin, margin)
    axes.fill_betweenx(ends, low, high, color=BAND, linewidth=0, zorder=0)
    for edge in (low, high):
        if edge:
            axes.plot((edge, edge), ends, color="#aab2bd", linewidth=0.8, zorder=1)


def _paint_interval(axes: Axes, row: Row, middle: float):
    e, thick = row.effect, 1.3 if row.thin else 2.6
    left, right = axes.get_xlim()
    dashes = "solid" if e.interval == "fixed" else (0, (2.5, 1.2))
    pieces = e.ci_set if e.ci_set is not None else ((e.ci_low, e.ci_high),)
    for low, high in pieces:
        low, high = (-math.inf if low is None else low, math.inf if high is None else high)
        if math.isnan(low) or math.isnan(high):
            continue
        ends = np.clip((place_value(low, row), place_value(high, row)), left, right)
        axes.plot(ends, (middle, middle), color=INK, linewidth=thick, linestyle=dashes, zorder=3)
        for end, sign in ((low, "<"), (high, ">")):
            if math.isinf(end):
                axes.plot(
                    left if sign == "<" else right, middle, sign, color=INK, markersize=5, clip_on=False, zorder=3
                )
    if math.isfinite(e.estimate):
        _paint_mark(axes, place_value(e.estimate, row), middle, e.verdict, 5 if row.thin else 8.5)


def _paint_mark(axes: Axes, x: float, y: float, verdict: str, size: float):
    axes.plot(x, y, "o", markersize=size, color="white", zorder=4, markeredgewidth=0)
    axes.plot(x, y, "o", markersize=size, color=INK, zorder=5, **_fill(verdict))


def _fill(verdict: str) -> dict:
    """The mark of a verdict: filled, half or hollow."""
    fill = {"●": "full", "◐": "left"}.get(MARKS.get(verdict, "–"), "none")
    return {"fillstyle": fill, "markerfacecoloralt": "white", "markeredgecolor": INK, "markeredgewidth": 1.2}


def _write_row(figure, row: Row, middle: float, layout: Layout) -> None:
    up, down = (middle, middle) if row.thin else (middle - 9, middle + 10)
    small = {"size": 8.4 if row.thin else 9.4, **_weight(row)}
    write_at(
        figure, 0, up if row.note else middle, shorten(row.name, layout.long_name if row.thin else layout.name), **small
    )
    _write_effect(figure, row, layout.text_at, up, small)
    if row.thin:
        return
    write_at(figure, 0, down, shorten(row.note, 48), color=MUTED, size=8.4)
    _write_arms(figure, row, middle, layout)
    _write_verdict(figure, row, layout.text_at, down)


def _write_stacked(figure: Figure, row: Row, top: float, layout: Layout) -> None:
    """Write a row above its bar: name and effect, then the arms' values and the verdict."""
    first = top + 12
    small = {"size": 8.4 if row.thin else 9.4, **_weight(row)}
    if row.thin:
        write_at(figure, 0, first, shorten(f"{_tell_effect(row)}  {row.name}", layout.long_name), **small)
        return
    write_at(figure, 0, first, shorten(row.short or row.name, layout.name), **small)
    _write_effect(figure, row, layout.text_at, first, small)
    _write_arms(figure, row, first + 19, layout)
    _write_verdict(figure, row, layout.text_at, first + 19)


def _write_effect(figure: Figure, row: Row, left: float, middle: float, style: dict) -> None:
    """Write effect and interval: without a long unit, which the axis has, and smaller where that does not fit."""
    told = _tell_effect(row)
    if len(told) > MOST_TOLD:
        told = told.replace(style_effect(row.effect, row.scale).suffix, "", 1)
    write_at(figure, left, middle, told, **{**style, "size": style["size"] * min(1, MOST_TOLD / len(told))})


def _tell_effect(row: Row) -> str:
    bounds = "" if math.isnan(row.effect.estimate) else write_bounds(row.effect, row.scale)
    return f"{write_effect(row.effect, row.scale)}  {bounds}"


def _write_arms(figure: Figure, row: Row, middle: float, layout: Layout) -> None:
    e = row.effect
    if math.isnan(e.control_value) or is_lift(e):
        return
    told = [_short_value(value, row) for value in (e.control_value, e.treatment_value)]
    write_at(figure, layout.control_at, middle, told[0], ha="right", color=CONTROL)
    write_at(figure, layout.treatment_at, middle, told[1], ha="right", color=TREATMENT_TEXT)


def _short_value(value: float, row: Row) -> str:
    """An arm's value without a long unit, for which there is no room: the effect beside it has one."""
    told, unit = write_value(value, row.scale, beside=row.effect), style_value(row.scale).suffix
    return told if len(unit) <= 8 else told.removesuffix(unit) + (" %" if unit.startswith(" %") else "")


def _write_verdict(figure: Figure, row: Row, left: float, middle: float) -> None:
    marked = not math.isnan(row.effect.estimate)
    write_at(
        figure, left + 15 * marked, middle, _fit(row.below, 38 if is_narrow(figure) else 46), color=MUTED, size=8.4
    )
    if marked:
        wide, high = (size * 100 for size in figure.get_size_inches())
        place = {"transform": figure.transFigure, "markersize": 5, "color": INK, **_fill(row.effect.verdict)}
        figure.add_artist(Line2D([(left + 5) / wide], [1 - middle / high], marker="o", linestyle="none", **place))


def _fit(text: str, most: int) -> str:
    """Leave out what stands after the last comma until the text fits."""
    while len(text) > most and ", " in text:
        text = text.rpartition(", ")[0]
    return shorten(text, most)


def _weight(row: Row) -> dict:
    return {"color": MUTED} if row.thin else {"color": INK, "weight": "bold"}
