"""Heat map as inline SVG: the hours of a week by its days, or anything by place."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.view.charts import GAP, INK, Chart, Drawing, draw, is_narrow, measure, place_axes

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def heat(frame: pd.DataFrame, chart: Chart) -> Drawing:
    """Return a map of a week's hours by days, or of what `chart.by` names by place: darker is more.

    Each cell has its number where there is room.

    Parameters
    ----------
    frame : DataFrame, one row a cell: `chart.y` is drawn; `chart.x` is an hour from 0, Monday 00:00, to 167, or a place
    chart : Chart
        Hours and days at the edges of a week in which there is nothing are left out.
    """
    if chart.by:
        table = frame.pivot_table(index=chart.by, columns=chart.x, values=chart.y, sort=False)
        names, places = [str(name) for name in table.index], [f"{place:g}" for place in table.columns]
    else:
        hours = frame.assign(day=frame[chart.x] // 24, hour_of_day=frame[chart.x] % 24)
        table = _trim(_trim(hours.pivot_table(index="day", columns="hour_of_day", values=chart.y)).T).T
        names, places = [DAYS[int(day)] for day in table.index], [f"{hour:02.0f}" for hour in table.columns]
    paint = partial(_paint_map, table=table, names=names, places=places, chart=chart)
    narrow_height = None if chart.by else 34 + 24 * table.shape[1]
    return draw(paint, height=52 + 30 * len(table), narrow_height=narrow_height, name=chart.name)


def _paint_map(figure: Figure, table: pd.DataFrame, names: list[str], places: list[str], chart: Chart) -> None:
    """Paint the cells with their names; a week stands upright on a phone."""
    turned = is_narrow(figure) and not chart.by
    drawn, rows, columns = (table.T, places, names) if turned else (table, names, places)
    shades, (high, wide) = sns.light_palette(INK, as_cmap=True), drawn.shape
    label, below, top = ("", -40, 24) if turned else (chart.label, 0, 6)
    axes = place_axes(figure, label, names=rows, below=below, top=top)
    values = drawn.to_numpy(float)
    most = np.nan_to_num(values).max(initial=0) or 1
    axes.pcolormesh(np.arange(wide + 1), np.arange(high + 1), values, edgecolor="white", cmap=shades, vmin=0, vmax=most)
    room = axes.get_position().width * figure.get_figwidth() * 100 / max(wide, 1)
    step = math.ceil((max(map(measure, columns), default=0) + GAP) / room)
    axes.set_xticks(np.arange(wide)[::step] + 0.5, columns[::step])
    axes.set_yticks(np.arange(high) + 0.5, rows)
    axes.set_ylim(max(high, 1), 0)
    axes.tick_params(labeltop=turned, labelbottom=not turned)
    axes.spines["bottom"].set_visible(False)
    if measure(f"{most:,.0f}", 8.5) < room - 2:
        _number_cells(axes, values, dark=0.55 * most)


def _trim(week: pd.DataFrame) -> pd.DataFrame:
    """The rows from the first to the last in which there is something."""
    some = np.flatnonzero((week > 0).any(axis=1))
    return week.iloc[some[0] : some[-1] + 1] if len(some) else week


def _number_cells(axes: Axes, values: np.ndarray, *, dark: float) -> None:
    for (row, column), number in np.ndenumerate(values):
        if np.isfinite(number):
            style = {"size": 8.5, "ha": "center", "va": "center", "color": "white" if number > dark else INK}
            axes.text(column + 0.5, row + 0.5, f"{number:,.0f}", **style)
