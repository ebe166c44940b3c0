"""Strips: one row a thing, its marks on one shared axis, what its promise allows shaded, and words beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers.figures.theme import (
    BAND,
    CONTROL,
    INK,
    MUTED,
    RULE,
    TREATMENT,
    is_narrow,
    measure_width,
    place_axes,
    shorten,
    write_at,
)

TOP, HEADING, AXIS = 30, 30, 26  # heights in CSS pixels
LEFT, TEXT = 330, 212  # widths in CSS pixels of the names and of the words at the right
ROW, NARROW_ROW = 34, 58
LANES = {"cells": (0, -5, 5, -9, 9), "few": (0,)}  # where neighbours of a row lie, so that none covers another
CELLS = ("inside", "outside", "fails")
STYLES = {
    "inside": {"marker": "o", "color": INK, "markersize": 5.5},
    "outside": {"marker": "o", "color": MUTED, "markersize": 5.5, "markerfacecolor": "white"},
    "fails": {"marker": "X", "color": INK, "markersize": 9, "markeredgecolor": "white"},
    "ours": {"marker": "o", "color": CONTROL, "markersize": 8},
    "other": {"marker": "D", "color": TREATMENT, "markersize": 6.5},
    "clear": {"marker": "o", "color": INK, "markersize": 8},
    "unclear": {"marker": "o", "color": INK, "markersize": 8, "markerfacecolor": "white", "markeredgewidth": 1.3},
    "naive": {"marker": "o", "color": MUTED, "markersize": 8, "markerfacecolor": "white", "markeredgewidth": 1.3},
}
DASHED = ("naive",)  # kinds whose interval is not to be trusted


@dataclass(frozen=True)
class Mark:
    """One value on the axis, with its interval where it has one; `kind` is one of STYLES."""

    value: float
    kind: str
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True)
class Strip:
    """One row: name and note, marks, the range that its promise allows, and what stands at the right."""

    name: str
    marks: tuple[Mark, ...]
    note: str = ""
    text: str = ""
    below: str = ""
    allowed: tuple[float, float] | None = None
    heading: str = ""


@dataclass(frozen=True)
class Scale:
    """The axis: its ends, where what is promised lies, and the ticks; values beyond an end stand at it.

    `in_points` prints ticks as signed percentage points instead of per cent.
    """

    low: float
    high: float
    promised: float | None
    ticks: tuple[float, ...]
    in_points: bool = False


def choose_points(values: Sequence[float], *, most_ticks: int = 6) -> Scale:
    """Return the axis of differences in percentage points that holds all finite values and zero."""
    known = [float(v) for v in values if np.isfinite(v)]
    low, high = min([0.0, *known]), max([0.0, *known])
    low, high = (low, high) if high > low else (-0.05, 0.05)
    pad = (high - low) * 0.04
    low, high = low - (pad if low < 0 else 0), high + (pad if high > 0 else 0)
    found = MaxNLocator(most_ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return Scale(low, high, 0.0, tuple(round(float(t), 9) for t in found if low <= t <= high), in_points=True)


def measure_strips(strips: Sequence[Strip], *, narrow: bool = False) -> float:
    """Return the height in CSS pixels that some strips need."""
    headings = sum(bool(strip.heading) for strip in strips)
    return TOP + HEADING * headings + (NARROW_ROW if narrow else ROW) * len(strips) + AXIS


def paint_strips(figure: Figure, strips: Sequence[Strip], scale: Scale, *, top: float = 0) -> None:
    """Draw strips on an empty figure that is as high as `measure_strips` says.

    Parameters
    ----------
    figure : Figure
        A narrow one writes a row's words above its marks.
    strips : sequence of Strip
    scale : Scale
    top : float
        Where they begin, in CSS pixels from the upper edge.
    """
    narrow = is_narrow(figure)
    row, middle = (NARROW_ROW, 42) if narrow else (ROW, ROW / 2)
    left, right = (10, measure_width(figure) - 14) if narrow else (LEFT, measure_width(figure) - TEXT)
    height = measure_strips(strips, narrow=narrow) - TOP - AXIS
    begin, at = top + TOP, 0.0
    axes = place_axes(figure, left, begin, right - left, height)
    _set_axis(axes, scale, height, narrow)
    for strip in strips:
        if strip.heading:
            write_at(figure, 0, begin + at + HEADING / 2 + 2, strip.heading, weight="bold", color=MUTED, size=9)
            at += HEADING
        _paint_strip(axes, strip, scale, (at, at + row), at + middle, narrow)
        _write_strip(figure, strip, begin + at, right + 16, narrow)
        at += row


def _set_axis(axes: Axes, scale: Scale, height: float, narrow: bool) -> None:
    pad = (scale.high - scale.low) * 0.02
    axes.set(xlim=(scale.low - pad, scale.high + pad), ylim=(height, 0), yticks=[])
    axes.set_xticks(scale.ticks, _write_ticks(scale, narrow))
    axes.tick_params(axis="x", top=True, labeltop=True, pad=3)
    axes.spines["bottom"].set_visible(False)
    axes.patch.set_visible(False)


def _write_ticks(scale: Scale, narrow: bool) -> list[str]:
    """Ticks in per cent; or in signed points, the unit once at the last where there is room for it."""
    if not scale.in_points:
        return [f"{100 * tick:g} %" for tick in scale.ticks]
    told = [f"{100 * tick:+g}" if tick else "0" for tick in scale.ticks]
    return told if narrow or not told else [*told[:-1], f"{told[-1]} points"]


def _paint_strip(axes: Axes, strip: Strip, scale: Scale, ends, middle: float, narrow: bool) -> None:
    low, high = axes.get_xlim()
    lines = (middle - 10, middle + 12) if narrow else (ends[0] + 2, ends[1] - 2)
    if strip.allowed:
        band = np.clip(strip.allowed, low, high)
        axes.fill_betweenx(lines, *band, color=BAND, linewidth=0, zorder=0)
    for tick in scale.ticks:
        axes.plot((tick, tick), lines, color=RULE, linewidth=0.6, zorder=0.5)
    if scale.promised is not None:
        axes.plot((scale.promised, scale.promised), lines, color=INK, linewidth=0.9, zorder=1)
    order = sorted(strip.marks, key=lambda mark: (mark.kind != "outside", mark.value))
    lanes = LANES["cells" if any(mark.kind in CELLS for mark in order) and len(order) > 1 else "few"]
    for place, mark in enumerate(order):
        _paint_mark(axes, mark, middle + lanes[place % len(lanes)], scale)


def _paint_mark(axes: Axes, mark: Mark, middle: float, scale: Scale) -> None:
    style = dict(STYLES[mark.kind])
    if mark.value < scale.low or mark.value > scale.high:
        style["marker"] = "<" if mark.value < scale.low else ">"
    ends = np.clip((mark.low, mark.high), scale.low, scale.high)
    if np.isfinite(ends).all():
        dashes = (0, (2.5, 1.2)) if mark.kind in DASHED else "solid"
        axes.plot(ends, (middle, middle), color=style["color"], linewidth=1.6, zorder=2, alpha=0.75, linestyle=dashes)
    value = min(max(mark.value, scale.low), scale.high)
    axes.plot(value, middle, linestyle="none", zorder=3, clip_on=False, **style)


def _write_strip(figure: Figure, strip: Strip, top: float, text_at: float, narrow: bool) -> None:
    if narrow:
        wide = measure_width(figure)
        write_at(figure, 0, top + 10, shorten(strip.name, 31), weight="bold", color=INK)
        write_at(figure, wide, top + 10, shorten(strip.text, 32), ha="right", color=INK)
        write_at(figure, 0, top + 23, shorten(strip.note, 42 if strip.below else 80), color=MUTED, size=8.4)
        write_at(figure, wide, top + 23, shorten(strip.below, 36), ha="right", color=MUTED, size=8.4)
        return
    middle = top + ROW / 2
    up, down = (middle - 7, middle + 7) if strip.note or strip.below else (middle, middle)
    write_at(figure, 0, up if strip.note else middle, shorten(strip.name, 48), weight="bold", color=INK)
    write_at(figure, 0, down, shorten(strip.note, 60), color=MUTED, size=8.4)
    write_at(figure, text_at, up if strip.below else middle, shorten(strip.text, 34), color=INK)
    write_at(figure, text_at, down, shorten(strip.below, 38), color=MUTED, size=8.4)
