"""The picture of money: what sampling, assumptions, and both together leave open, on one scale that starts at zero."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.theme import BAND, INK, MUTED, draw, is_narrow, measure_width, place_axes, shorten, write_at
from helpers.records import Results
from helpers.wording import (
    WITHHELD,
    Display,
    Style,
    capitalise,
    count_decimals,
    read_currency,
    show_sentence,
    write_number,
)

ROW, STACKED, LEFT, RIGHT = 62, 104, 346, 668  # CSS pixels
TICK = 32  # half of a label below the scale


def money(results: Results, *, title: str | None = None) -> Display:
    """Return what an effect is worth: three rows, from sampling alone, assumptions alone, and both.

    Parameters
    ----------
    results : Results
        Table `money`, one row a source of doubt: `row` (its name), `note` (what is held fixed), `central`, `low`,
        `high`, and `unit` ("USD a year"); the last one is the scenario that combines both.
    title : str, optional
        Computed from the last row when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld, there is no row, or an amount is unknown.
    """
    rows = results.tables.get("money", pd.DataFrame())
    if results.status == "withheld" or rows.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no amount to show.")
    if rows[["low", "central", "high"]].isna().to_numpy().any():
        return show_sentence("The amount cannot be estimated: the effect has no finite interval.")
    currency = read_currency(rows["unit"].iloc[0])
    digits = [count_decimals(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)]
    decimals = max((d for d in digits if d is not None), default=0)
    told = [_tell(row, Style(1, currency, "", True), decimals) for row in rows.itertuples()]
    found = f"{told[-1][0]} a year at central assumptions; {_judge(rows.iloc[-1])}"
    return draw(
        lambda figure: _paint_money(figure, rows, told, currency),
        height=20 + ROW * len(rows) + 34,
        narrow_height=20 + STACKED * len(rows) + 34,
        title=title or found,
        subtitle="Dots: central assumptions. Lines: what each doubt leaves open; the last row is a scenario.",
        alternative=" ".join(f"{name}: {e} {b}." for name, (e, b) in zip(rows["row"], told, strict=True)),
        results=results,
        table=rows,
        name=f"{results.study}_money",
    )


def _judge(both) -> str:
    if both["low"] > 0:
        return "still a gain at the low end of both doubts"
    return (
        "still a loss at the high end of both doubts"
        if both["high"] < 0
        else "gain or loss is open once both doubts count"
    )


def _tell(row, style: Style, decimals: int) -> tuple[str, str]:
    ends = [write_number(v, style, decimals=decimals) for v in (row.central, row.low, row.high)]
    return ends[0], f"[{ends[1]}, {ends[2]}]"


def _paint_money(figure: Figure, rows: pd.DataFrame, told, currency: str) -> None:
    narrow = is_narrow(figure)
    left, right, high_row = (6, measure_width(figure) - 6, STACKED) if narrow else (LEFT, RIGHT, ROW)
    axes = place_axes(figure, left, 20, right - left, high_row * len(rows))
    low, high = min(0, rows["low"].min()), max(0, rows["high"].max())
    pad = (high - low or 1) * 0.06
    axes.set(xlim=(low - pad, high + pad), ylim=(len(rows), 0), yticks=[])
    for place, row in enumerate(rows.itertuples()):
        both = place == len(rows) - 1
        middle = place + (0.8 if narrow else 0.5)
        if both:
            axes.axhspan(place, place + 1, color=BAND, linewidth=0)
        axes.plot((row.low, row.high), (middle, middle), color=INK, linewidth=4 if both else 2.2)
        axes.plot(row.central, middle, "o", color=INK, markersize=8, markeredgecolor="white", markeredgewidth=1.2)
        axes.plot((0, 0), (place + (0.64 if narrow else 0), place + 1), color=INK, linewidth=0.8)
        _write_row(figure, row, told[place], 20 + high_row * (place + (0.23 if narrow else 0.5)))
    mark_amounts(axes, 4, currency)


def mark_amounts(axes: Axes, most: int, currency: str) -> None:
    """Mark round amounts below a scale, without those whose label would be cut off at the edge of the picture."""
    (low, high), wide, box = axes.get_xlim(), measure_width(axes.figure), axes.get_position()
    ticks = [v for v in MaxNLocator(most).tick_values(low, high) if low <= v <= high]
    places = [wide * (box.x0 + box.width * (v - low) / (high - low)) for v in ticks]
    axes.set_xticks([v for v, place in zip(ticks, places, strict=True) if TICK <= place <= wide - TICK])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: tell_tick(v, currency)))


def tell_tick(value: float, currency: str) -> str:
    """Return a round amount that does not run into its neighbour: millions as such."""
    million = abs(value) >= 1e6
    return write_number(value / 1e6 if million else value, Style(1, currency, " million" if million else ""))


def _write_row(figure: Figure, row, told: tuple[str, str], middle: float) -> None:
    write_at(figure, 0, middle - 9, shorten(capitalise(row.row), 48), weight="bold")
    write_at(figure, 0, middle + 10, shorten(capitalise(row.note), 50), color=MUTED, size=8.4)
    right, top = (0, middle + 31) if is_narrow(figure) else (RIGHT + 20, middle - 9)
    write_at(figure, right, top, told[0], weight="bold")
    beside = (right + 90, top) if is_narrow(figure) else (right, top + 19)
    write_at(figure, *beside, told[1], color=MUTED, size=8.4)
