"""Pictures of progress: which state accounts are in by month since their start, and how they move in a month."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.theme import (
    CONTROL,
    INK,
    MUTED,
    draw,
    is_narrow,
    measure_width,
    place_axes,
    write_at,
)
from helpers.records import Results
from helpers.wording import (
    Display,
    capitalise,
    find_noun,
    find_rows,
    join_words,
    show_sentence,
    write_count,
    write_number,
    write_share,
)

STATES = ("started", "set up", "activated", "using", "mature", "dormant", "gone")  # from the bottom of the stack
SHADES = {  # the further on the darker; apart in grey as well
    "started": "#e3e9f1", "set up": "#bccde2", "activated": "#8fadd0", "using": "#5684b8", "mature": "#1b4b82",
    "dormant": "#f0b97d", "gone": "#8b9097", "too few to show": "#f4f5f7",
}  # fmt: skip
LEFT, TOP, HEIGHT = 52, 20, 330  # CSS pixels
CELL = 40  # height of a row of the table of moves
HIDDEN = "too few to show"
NO_STATES = "There is no share of accounts by state to show."
NO_FLOWS = "There is no move between states to show."


def progress(results: Results) -> Display:
    """Return the share of accounts in each state by month since the start, stacked, each named at its end.

    Parameters
    ----------
    results : Results
        Table `states`, after small cells are hidden.

    Returns
    -------
    Display: one sentence when no share can be shown.
    """
    rows, absent = find_rows(results, "states", NO_STATES, known="share")
    if absent:
        return absent
    wide = _cut_hidden(_spread_months(rows))
    if wide.index.max() <= 0:
        return show_sentence(NO_STATES)
    ends = rows[rows["month"] == wide.index[-1]].set_index("state")
    found = _tell_states(wide, find_noun(results))
    told = [f"{state} {write_share(wide[state].iloc[-1])}" for state in wide]
    return draw(
        lambda figure: _paint_states(figure, wide, ends),
        height=TOP + HEIGHT + 46,
        title=found,
        subtitle=f"Share of {find_noun(results)} in each state by 30-day month since the start; who is not followed so "
        "far yet counts until then. Intervals at the last month in brackets.",
        alternative=f"Stacked shares by month. At month {wide.index[-1]:g}: {join_words(told)}.",
        results=results,
        table=rows,
        name="milestones_states",
    )


def _spread_months(rows: pd.DataFrame) -> pd.DataFrame:
    """Shares by month (rows) and state (columns); what is hidden of a month as one share of its own."""
    wide = rows.pivot_table(index="month", columns="state", values="share", dropna=False, observed=True)
    wide = wide[[state for state in STATES if state in wide]].dropna(how="all")
    if wide.isna().to_numpy().any():
        rest = (1 - wide.sum(axis=1)).where(wide.isna().any(axis=1), 0.0).clip(lower=0)
        wide = wide.fillna(0.0).assign(**{HIDDEN: rest})
    return wide


def _cut_hidden(wide: pd.DataFrame) -> pd.DataFrame:
    """Months up to the last of which every state may be seen, where that is at least half of them."""
    if HIDDEN not in wide:
        return wide
    whole = wide[(wide[HIDDEN] == 0)[::-1].cummax()[::-1]]
    if 2 * len(whole) < len(wide):
        return wide
    return whole if whole[HIDDEN].any() else whole.drop(columns=HIDDEN)


def _tell_states(wide: pd.DataFrame, noun) -> str:
    last = wide.iloc[-1]
    ends = [state for state in ("mature", "using", "dormant", "gone") if last.get(state)] or list(STATES[1:])
    told = [f"{write_share(last[state], decimals=0)} are {state}" for state in ends if last.get(state)]
    return f"{wide.index[-1]:g} months after their start, of all {noun} {join_words(told)}"


def _paint_states(figure: Figure, wide: pd.DataFrame, ends: pd.DataFrame) -> None:
    narrow = is_narrow(figure)
    axes = place_axes(figure, LEFT, TOP, measure_width(figure) - LEFT - (156 if narrow else 214), HEIGHT)
    months, total = wide.index.to_numpy(float), wide.sum(axis=1).iloc[-1]
    axes.stackplot(
        months, wide.to_numpy(float).T * 100, colors=[SHADES[s] for s in wide], edgecolor="white", linewidth=0.8
    )
    axes.set(xlim=(months[0], max(months[-1], months[0] + 1)), ylim=(0, 100 * max(total, 1)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("months since the start")
    _name_states(axes, wide.iloc[-1], ends, narrow)


def _name_states(axes: Axes, last: pd.Series, ends: pd.DataFrame, narrow) -> None:
    """Name each band at its right end, from below, a line apart; with a mark of its colour."""
    middles = (last.cumsum() - last / 2).to_numpy(float) * 100
    for state, middle in zip(last.index, _spread(middles, 5.6), strict=True):
        if told := _tell_band(state, last[state], ends, narrow):
            style = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
            at = (axes.get_xlim()[1], middle)
            axes.annotate("■", at, xytext=(5, 0), color=SHADES[state], **style)
            axes.annotate(told, at, xytext=(14, 0), color=INK, fontsize=7.8 if narrow else 9, **style)


def _tell_band(state, share, ends: pd.DataFrame, narrow) -> str:
    """A state's share with its interval; of what is hidden the share alone; nothing for a hidden state itself."""
    told = f"{state} {write_number(100 * share, decimals=1)}{'' if narrow else ' %'}"
    if state == HIDDEN:
        return told if share > 0 else ""
    row = ends.loc[state]
    if math.isnan(row["share"]):
        return ""
    bounds = [write_number(100 * row[c], decimals=1) for c in ("ci_low", "ci_high")]
    return told if math.isnan(row["ci_low"]) else f"{told} [{bounds[0]}, {bounds[1]}]"


def _spread(places, gap: float, top: float = 98.0):
    """Move places apart, the order kept: up from below, then down from the top where there is no room."""
    found = list(places)
    for k in range(1, len(found)):
        found[k] = max(found[k], found[k - 1] + gap)
    if found:
        found[-1] = min(found[-1], top)
    for k in range(len(found) - 2, -1, -1):
        found[k] = min(found[k], found[k + 1] - gap)
    return found


def flows(results: Results) -> Display:
    """Return the share of accounts that move from each state to each other one within a month, as shaded cells.

    Parameters
    ----------
    results : Results
        Table `flows`, after small cells are hidden; a hidden cell says so.

    Returns
    -------
    Display: one sentence when no move can be shown.
    """
    rows, absent = find_rows(results, "flows", NO_FLOWS, known="share")
    if absent:
        return absent
    rows = rows[rows["from_state"] != rows["to_state"]]
    moved = set(rows.loc[~(rows["share"] == 0), "to_state"])
    if len(rows) == 1:
        return show_sentence(f"There is one move between states: {_tell_move(rows.iloc[0])}.")
    sources, targets = ([s for s in STATES if s in found] for found in (set(rows["from_state"]), moved))
    found = _tell_flows(rows)
    return draw(
        lambda figure: _paint_flows(figure, rows, sources, targets),
        height=52 + CELL * len(sources) + 8,
        title=found,
        subtitle=f"Of all months that {find_noun(results)} spend in a state (left, with their number), the per cent "
        "that end in a move to another state (above).",
        alternative=f"A table of {len(sources)} by {len(targets)} shaded cells. {found}.",
        results=results,
        table=rows,
        name="milestones_flows",
    )


def _tell_move(row) -> str:
    months = f"months spent {row.from_state}"
    return f"{write_share(row.share)} of the {write_count(row.months)} {months} end {row.to_state}"


def _tell_flows(rows: pd.DataFrame) -> str:
    gone = rows[(rows["to_state"] == "gone")].dropna(subset=["share"]).sort_values("share")
    if len(gone) < 2:
        return "Moves between states within a month"
    least, most = gone.iloc[0], gone.iloc[-1]
    told = [f"{write_share(row.share)} of the months spent {row.from_state}" for row in (most, least)]
    return f"{told[0]} end in leaving, against {told[1]}"


def _paint_flows(figure: Figure, rows, sources, targets) -> None:
    narrow, wide = is_narrow(figure), measure_width(figure)
    left = 100 if narrow else 190
    width = min((wide - left) / max(len(targets), 1), 110)
    most = float(np.nanmax(rows["share"].to_numpy(float))) or 1.0
    axes = place_axes(figure, left, 40, width * len(targets), CELL * len(sources))
    axes.set(xlim=(0, len(targets)), ylim=(len(sources), 0), xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    cells = rows.set_index(["from_state", "to_state"])
    for column, target in enumerate(targets):
        place = left + width * (column + 0.5)
        write_at(figure, place, 26, target, ha="center", size=7.8 if narrow else 9, color=MUTED)
    for line, source in enumerate(sources):
        months = rows.loc[rows["from_state"] == source, "months"].iloc[0]
        middle = 40 + CELL * (line + 0.5)
        write_at(figure, 0, middle - 8, capitalise(source), weight="bold", size=9)
        counted = "few months" if math.isnan(months) else f"{write_count(months)} months"
        write_at(figure, 0, middle + 8, counted, color=MUTED, size=8.2)
        for column, target in enumerate(targets):
            if (source, target) in cells.index:
                _paint_cell(axes, column, line, cells.loc[(source, target), "share"], most)


def _paint_cell(axes: Axes, column, line, share, most) -> None:
    """One cell, the darker the more move; white figures on dark ones."""
    hidden = share is None or math.isnan(share)
    strength = 0.0 if hidden else math.sqrt(share / most)
    axes.fill_between(
        (column + 0.02, column + 0.98), line + 0.04, line + 0.96, color=CONTROL, alpha=strength, linewidth=0
    )
    told = "few" if hidden else write_number(100 * share, decimals=1)
    axes.text(column + 0.5, line + 0.5, told, ha="center", va="center", color="white" if strength > 0.6 else INK)
