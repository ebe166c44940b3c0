"""Pictures of whether it pays: how far each doubt alone moves the net value, and cash by month of a roll-out."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.money import mark_amounts, tell_tick
from helpers.figures.theme import (
    BAND,
    INK,
    OTHERS,
    RULE,
    draw,
    is_narrow,
    measure_width,
    place_axes,
    shorten,
    write_at,
)
from helpers.records import Results
from helpers.wording import (
    WITHHELD,
    Display,
    Style,
    capitalise,
    count_decimals,
    name_doubt,
    read_currency,
    show_sentence,
    tell_cash,
    tell_tornado,
    write_number,
)
from helpers.wording.payback import find_turn

ROW, STACKED, TOP, SCALE = 44, 66, 12, 40  # CSS pixels: a row, one on phones, what stands above, the scale below
LEFT, MARGIN, HIGH = 250, 76, 270  # where bars begin, room for a label at either end, height of the cash


def tornado(results: Results, *, title: str | None = None) -> Display:
    """Return how far each doubt alone moves a year's net value: a bar a doubt, the widest first.

    Parameters
    ----------
    results : Results
        Table `tornado`, one row a doubt.
    title : str, optional
        Computed when left out: what matters most, and what next.

    Returns
    -------
    Display: one sentence when the effects are withheld, there is no row, or the effect has no finite interval.
    """
    rows = results.tables.get("tornado", pd.DataFrame())
    if results.status == "withheld" or rows.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no amount to show.")
    if rows[["low", "central", "high"]].isna().to_numpy().any():
        return show_sentence(f"The amount cannot be estimated: {rows['reason'].dropna().iloc[0]}.")
    named, currency = [name_doubt(row, results) for row in rows.itertuples()], read_currency(rows["unit"].iloc[0])
    return draw(
        lambda figure: _paint_tornado(figure, rows, named, currency),
        height=TOP + ROW * len(rows) + SCALE,
        narrow_height=TOP + STACKED * len(rows) + SCALE,
        title=title or tell_tornado(results),
        subtitle="Net value a year as one assumption goes from its low to its high end. Upright line: all at central.",
        alternative=_describe_tornado(rows, named, currency),
        results=results,
        table=rows,
        name=f"{results.study}_tornado",
    )


def _describe_tornado(rows, named, currency):
    amount = Style(1, currency, "", True)
    central = write_number(rows["central"].iloc[0], amount, decimals=_count_digits(rows, "low", "high"))
    told = []
    for row, (name, *ends) in zip(rows.itertuples(), named, strict=True):
        decimals = count_decimals(row.low, row.high)
        values = [write_number(value, amount, decimals=decimals) for value in (row.value_low, row.value_high)]
        told.append(f"{capitalise(name)}: {values[0]} at {ends[0]}, {values[1]} at {ends[1]}.")
    return f"Net value a year, {central} with all at central. {' '.join(told)}"


def _count_digits(rows, low, high):
    digits = [count_decimals(*ends) for ends in zip(rows[low], rows[high], strict=True)]
    return min((d for d in digits if d is not None), default=0)  # as the picture of money rounds its widest row


def _paint_tornado(figure: Figure, rows: pd.DataFrame, named, currency: str) -> None:
    narrow = is_narrow(figure)
    left, row_high = (0, STACKED) if narrow else (LEFT, ROW)
    axes = place_axes(figure, left, TOP, measure_width(figure) - left, row_high * len(rows))
    axes.set(xlim=_find_limits(rows, measure_width(figure) - left), ylim=(len(rows), 0), yticks=[])
    for place, (row, told) in enumerate(zip(rows.itertuples(), named, strict=True)):
        begin, end, middle = (0.48, 0.88, 0.68) if narrow else (0, 1, 0.5)  # on phones no line runs through the names
        span, middle = (place + begin, place + end), place + middle
        axes.plot((0, 0), span, color=INK, linewidth=0.8)
        axes.barh(middle, row.high - row.low, left=row.low, height=18 / row_high, color=OTHERS[0], linewidth=0)
        axes.plot([row.central] * 2, span, color=INK, linewidth=1.6)
        _label_ends(axes, row, told[1:], middle)
        top = TOP + row_high * (place + (0.24 if narrow else 0.5))
        write_at(figure, 0, top, shorten(capitalise(told[0]), 52 if narrow else 40), weight="bold")
    mark_amounts(axes, 4 if narrow else 5, currency)


def _label_ends(axes: Axes, row, ends, middle: float) -> None:
    """Write the assumption's own low and high end beside the ends of its bar, on white."""
    falls = row.value_high < row.value_low
    values, sides = (row.value_low, row.value_high), (1, -1) if falls else (-1, 1)
    for value, told, side in zip(values, ends, sides, strict=True):
        about = {"xytext": (5 * side, 0), "textcoords": "offset points", "va": "center"}
        label = axes.annotate(shorten(told, 14), (value, middle), ha="right" if side < 0 else "left", **about)
        label.set_path_effects([withStroke(linewidth=3, foreground="white")])


def _find_limits(rows: pd.DataFrame, width: float) -> tuple[float, float]:
    """Ends of the scale that hold zero, and beside every bar the room for its labels."""
    low, high = rows["low"].min(), rows["high"].max()
    room = MARGIN * ((high - low) or abs(low) or 1) / (width - 2 * MARGIN)
    return min(0 - room / 4, low - room), max(room / 4, high + room)


def cash(results: Results, *, title: str | None = None) -> Display:
    """Return what has come in less what was paid, month by month from the start of a roll-out, with its band.

    Parameters
    ----------
    results : Results
        Table `cash`, one row a month.
    title : str, optional
        Computed when left out: by which month it has paid for itself.

    Returns
    -------
    Display: one sentence when the effects are withheld, there is no row, or an amount is unknown.
    """
    rows = results.tables.get("cash", pd.DataFrame())
    if results.status == "withheld" or rows.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no cash by month to show.")
    if rows["cumulative"].isna().any():
        return show_sentence(f"The cash by month cannot be estimated: {rows['reason'].iloc[0]}.")
    level, when = f"{rows['confidence_level'].iloc[0] * 100:g} %", _tell_range(rows)
    last, amount = rows.iloc[-1], Style(1, read_currency(rows["unit"].iloc[0]), "", True)
    decimals = count_decimals(last["cumulative_low"], last["cumulative_high"])
    ends = [write_number(last[c], amount, decimals=decimals) for c in CUMULATIVE]
    found = title or tell_cash(results)
    return draw(
        lambda figure: _paint_cash(figure, rows, ends[0]),
        height=TOP + 18 + HIGH + SCALE + 8,
        title=found,
        subtitle="Net cash since the roll-out, added up: agents count from the first month, revenue comes later. "
        f"Band: {level} by chance alone, at its widest; {when}.",
        alternative=f"{found}. After month {last['month']}: {ends[0]}, from {ends[1]} to {ends[2]}.",
        results=results,
        table=rows,
        name=f"{results.study}_cash",
    )


CUMULATIVE = ("cumulative", "cumulative_low", "cumulative_high")


def _tell_range(rows):
    """When it may have paid for itself, by the two edges of the band."""
    early, late = (find_turn(rows, f"cumulative_{end}") for end in ("high", "low"))
    if early is None:
        return f"no break-even within {len(rows)} months fits"
    if late is None:
        return f"break-even fits from month {early} on, or not within {len(rows)}"
    return (
        f"break-even fits from month {early} to {late}"
        if late > early
        else f"break-even in month {early} at both edges"
    )


def _paint_cash(figure: Figure, rows: pd.DataFrame, end: str) -> None:
    currency, left, label = read_currency(rows["unit"].iloc[0]), 76, 86
    axes = place_axes(figure, left, TOP + 18, measure_width(figure) - left - label, HIGH)
    start = pd.DataFrame({"month": [0], **{column: [0.0] for column in CUMULATIVE}})
    line = pd.concat([start, rows[["month", *CUMULATIVE]]])
    months = line["month"].to_numpy(float)
    middle, low, high = (line[column].to_numpy(float) for column in CUMULATIVE)
    axes.fill_between(months, low, high, color=RULE, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.plot(months, middle, color=INK, linewidth=2)
    turn = find_turn(rows, "cumulative")
    if turn is not None:
        axes.plot(turn, middle[turn], "o", color=INK, markersize=8, markeredgecolor="white", markeredgewidth=1.2)
    about = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(end, (months[-1], middle[-1]), weight="bold", **about)
    axes.set(xlim=(0, months[-1]))
    axes.set_xlabel("month of the roll-out")
    axes.xaxis.set_major_locator(MaxNLocator(6 if is_narrow(figure) else 12, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: tell_tick(v, currency)))
    axes.grid(axis="y", color=BAND)
