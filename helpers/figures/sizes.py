"""A picture of usage lines and size: who passes a line per seat, and whether passing it marks who stays."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from helpers.figures.theme import (
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
from helpers.wording import Display, find_noun, find_rows, write_number, write_share

LEFT, TOP, HEIGHT = 52, 56, 230  # CSS pixels
COLORS = {"per seat": CONTROL, "expected for the size": TREATMENT}
NAMES = {"per seat": "one line per seat for all", "expected for the size": "more than expected for the size"}
NO_SIZES = "There is no size of accounts to compare."


def size_bands(results: Results) -> Display:
    """Return who passes each usage line by size, and the gap in the share kept between those who pass and who do not.

    Parameters
    ----------
    results : Results
        Table `size_bands`, after small cells are hidden, and `size_elasticity`.

    Returns
    -------
    Display: one sentence when no size can be shown.
    """
    rows, absent = find_rows(results, "size_bands", NO_SIZES, known="pass_rate")
    if absent:
        return absent
    found = _tell_sizes(results, rows)
    return draw(
        lambda figure: _paint_sizes(figure, rows),
        height=TOP + HEIGHT + 44,
        narrow_height=2 * (TOP + HEIGHT + 30) + 16,
        title=found,
        subtitle=f"Share of {find_noun(results)} that pass each line, and kept among those who pass minus those who do "
        "not (in points, not adjusted), by size at the start of the period.",
        alternative=f"{found}. {_tell_passes(rows)}",
        results=results,
        table=rows,
        name="milestones_size",
    )


def _tell_sizes(results: Results, rows: pd.DataFrame) -> str:
    frame = results.tables.get("size_elasticity", pd.DataFrame())
    seat = rows[rows["line"] == "per seat"].dropna(subset=["pass_rate"])
    passed = ""
    if len(seat) > 1:
        ends = [f"{write_share(row.pass_rate, decimals=0)} of" for row in (seat.iloc[0], seat.iloc[-1])]
        first, last = seat["band"].iloc[0], seat["band"].iloc[-1]
        passed = f"one line per seat passes {ends[0]} {find_noun(results)} with {first} and {ends[1]} those with {last}"
    if frame.empty or math.isnan(frame["elasticity"].iloc[0]):
        return passed[:1].upper() + passed[1:] or "Who passes the usage line, by size"
    row = frame.iloc[0]
    grows = "as fast as" if row.ci_low <= 1 <= row.ci_high else "slower than" if row.elasticity < 1 else "faster than"
    told = f"Use grows {grows} seats (elasticity {write_number(row.elasticity, decimals=2)})"
    return f"{told}: {passed}" if passed else told


def _tell_passes(rows: pd.DataFrame) -> str:
    told = [
        f"{NAMES.get(line, line)}: {', '.join(f'{r.band} {write_share(r.pass_rate)}' for r in group.itertuples())}"
        for line, group in rows.groupby("line", sort=False)
    ]
    return f"Pass {'; '.join(told)}."


def _paint_sizes(figure: Figure, rows: pd.DataFrame) -> None:
    narrow, wide = is_narrow(figure), measure_width(figure)
    width = wide - LEFT - 12 if narrow else (wide - 2 * LEFT - 40) / 2
    places = ((LEFT, TOP), (LEFT, 2 * TOP + HEIGHT + 30)) if narrow else ((LEFT, TOP), (2 * LEFT + width + 30, TOP))
    heads = ("pass the line", "kept: pass minus not, points")
    for (left, top), head, columns in zip(
        places, heads, (("pass_rate", "pass_low", "pass_high"), ("gap", "gap_low", "gap_high")), strict=True
    ):
        axes = place_axes(figure, left, top, width, HEIGHT)
        _paint_panel(axes, rows, columns)
        axes.set_title(head, loc="left", fontsize=9, color=INK, weight="bold", pad=22)
        _name_lines(axes, rows["line"].unique())


def _paint_panel(axes, rows, columns) -> None:
    bands, shift = list(dict.fromkeys(rows["band"])), 0.09
    for place, (line, group) in enumerate(rows.groupby("line", sort=False)):
        at = np.array([bands.index(band) for band in group["band"]]) + shift * (2 * place - 1)
        value, low, high = (group[column].to_numpy(float) * 100 for column in columns)
        color = COLORS.get(line, MUTED)
        axes.vlines(at, low, high, color=color, linewidth=1.6)
        axes.plot(at, value, "o" if place == 0 else "D", color=color, markersize=6.5, linestyle="none")
    in_seats = [re.sub(r" seats?$", "", band) for band in bands]
    axes.set_xticks(range(len(bands)), in_seats)
    axes.set(xlim=(-0.5, len(bands) - 0.5))
    if all(map(str.__ne__, in_seats, bands)):
        axes.set_xlabel("seats")
    is_share = columns[0] == "pass_rate"
    low, high = axes.get_ylim()
    axes.set(ylim=(0, high) if is_share else (min(low, 0), max(high, 0)))
    written = (lambda v, _: f"{v:g} %") if is_share else (lambda v, _: f"{v:+g}" if v else "0")
    axes.yaxis.set_major_formatter(FuncFormatter(written))
    axes.grid(axis="y")
    if not is_share:
        axes.axhline(0, color=INK, linewidth=0.8)


def _name_lines(axes, lines) -> None:
    """Name both lines above the panel, each with its mark."""
    for place, line in enumerate(lines):
        color, mark = COLORS.get(line, MUTED), "◆" if place else "●"
        style = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False, "fontsize": 8.4}
        at = (0, 9) if place == 0 else (122, 9)
        axes.annotate(f"{mark} {NAMES.get(line, line)}", (0, 1), xytext=at, color=darken(color), **style)
