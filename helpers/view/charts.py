"""Three charts as inline SVG, wide and narrow: curve, dose and heat map, the same bytes on any machine."""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from helpers.view.numbers import PERCENT, Style, write_count, write_number

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
INK, MUTED, BAND = "#1c2128", "#59636e", "#eef0f3"
CONTROL, TREATMENT = "#1b4b82", "#c9650a"
OTHERS = ("#7a9cc6", "#5b5f66", "#b08bbf")  # further treatments: apart in grey as well
NEUTRAL = (INK, "#8b95a1", "#5b5f66", "#b4bcc6", "#3d4550", "#9aa3ad")  # where no arm is meant
WIDTHS = {"wide": 860, "narrow": 358}  # CSS pixels; 100 of them are an inch
FONT = "Support studies"  # Source Sans Pro of the lock, by a name that no font of a machine has
GAP = 6.0  # CSS pixels between two texts
THEME = Path(__file__).with_name("theme.mplstyle")


@dataclass(frozen=True)
class Chart:
    """What a chart draws: the settings of a view's `chart`, the same for both widths.

    Attributes
    ----------
    x, y, by, at_risk : columns of place, value, line and count at risk
    band : columns of the ends of a band or interval; empty for none
    label : of the horizontal axis
    style : how the vertical axis writes numbers (for a heat map unused)
    step : whether a value holds until the next place (curve)
    zero : whether the vertical axis begins at zero (curve)
    ticks : places on the horizontal axis with their words; it is logarithmic then (curve)
    root : whether amounts stand on a square-root axis (dose)
    shaded : a range of amounts to shade (dose)
    name : begins every id in the drawing
    """

    x: str
    y: str
    label: str
    by: str = ""
    at_risk: str = ""
    band: tuple[str, ...] = ("ci_low", "ci_high")
    style: Style = PERCENT
    step: bool = True
    zero: bool = True
    ticks: Mapping[float, str] | None = None
    root: bool = False
    shaded: tuple[float, float] | None = None
    name: str = "chart"


@cache
def use_font() -> str:
    """Register the packaged font with matplotlib, and return its name; the machine's own fonts are not used."""
    folder, brought = files("font_source_sans_pro") / "files", Path(mpl.get_data_path(), "fonts/ttf")
    faces = [(folder / f"SourceSansPro-{face}.ttf", {"name": FONT}) for face in ("Regular", "Semibold")]
    for file, told in [*faces, (brought / "DejaVuSans-Bold.ttf", {"weight": 600})]:  # else its semibold is warned of
        font = font_manager.ttfFontProperty(font_manager.get_font(str(file)))
        font_manager.fontManager.ttflist.append(replace(font, **told))
    return FONT


@contextmanager
def themed() -> Iterator[None]:
    """Set matplotlib to our theme and the packaged font; global settings are as before afterwards."""
    ours = {**mpl.rc_params_from_file(THEME, use_default_template=False), "font.family": [use_font(), "DejaVu Sans"]}
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update({**sns.axes_style("ticks", rc=ours), **ours})
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def draw(
    paint: Callable[[Figure], None], *, height: float, name: str, narrow_height: float | None = None
) -> dict[str, str]:
    """Return a chart as SVG, `wide` for screens and paper, `narrow` for phones; the same bytes on any machine.

    `paint` draws on an empty figure inside our theme. Heights are CSS pixels, that of phones where it differs; `name`
    begins every id in the drawing, so that several stand in one page.
    """
    drawn, heights = {}, {"wide": height, "narrow": narrow_height or height}
    for side, width in WIDTHS.items():
        stream = io.StringIO()
        with themed():
            figure = Figure(figsize=(width / 100, heights[side] / 100), dpi=100, facecolor="none")
            FigureCanvasSVG(figure)
            paint(figure)
            figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        svg = stream.getvalue()
        svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
        svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-{side}-", svg)
        svg = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", svg).replace("xlink:href", "href")
        svg = re.sub(r' (xmlns:xlink|version)="[^"]*"', "", svg)
        drawn[side] = re.sub(r"\s*\n\s*", "\n", svg).strip()
    return drawn


@cache
def measure(text: str, size: float = 9.5) -> float:
    """Return how wide a text is drawn, in CSS pixels; size in points."""
    font = FontProperties(family=[use_font(), "DejaVu Sans"])
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().width) * 100 / 72 if text.strip() else 0.0


def wrap(text: str, most: float) -> str:
    """Return a text in lines that are at most so many CSS pixels wide, unless one word is wider."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and measure(longer) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def place_axes(
    figure: Figure, label: str, *, names: Sequence[str], widest: float = 0.0, below: float = 0.0, top: float = 10.0
) -> Axes:
    """Return the figure's axes where words have room: left of them their names, below them label and numbers at risk.

    Parameters
    ----------
    figure : Figure, which grows by the lines of the label
    label : str, of the horizontal axis
    names : sequence of str, of the vertical axis
    widest : float, CSS pixels of the widest word below a place
    below, top : float, CSS pixels that are free below the label, and above the axes
    """
    (axes,) = figure.axes or [figure.add_subplot()]
    wide, high = figure.get_size_inches() * 100
    left, right = max([32, widest / 2, *map(measure, names)]) + 12, max(16, widest / 2 + 4)
    label = wrap(label, wide - left - right)
    high += 15 * label.count("\n")
    bottom = 44 + 15 * label.count("\n") + below
    figure.set_figheight(high / 100)
    axes.set_position((left / wide, bottom / high, (wide - left - right) / wide, (high - top - bottom) / high))
    axes.set_xlabel(label)
    return axes


def curve(frame: pd.DataFrame, chart: Chart, colors: Mapping[str, str]) -> dict[str, str]:
    """Return lines over time with bands, and the numbers at risk below.

    Parameters
    ----------
    frame : DataFrame, one row a line and place
    chart : Chart
    colors : mapping, line -> colour, in the order of drawing; one nameless line where `chart.by` is empty
    """
    ordered = frame.sort_values(chart.x)
    lines = {line: ordered[ordered[chart.by] == line] if chart.by else ordered for line in colors}
    below, factor = 20 * len(lines) + 20 if chart.at_risk else 0, chart.style.factor
    steps, drawn = ("post", "steps-post") if chart.step else (None, "default")

    def paint(figure):
        axes = figure.add_subplot()
        for line, rows in lines.items():
            places, values = (rows[column].to_numpy(float) for column in (chart.x, chart.y))
            if chart.band:
                low, high = (rows[end].to_numpy(float) * factor for end in chart.band)
                axes.fill_between(places, low, high, step=steps, color=colors[line], alpha=0.16, linewidth=0)
            axes.plot(places, values * factor, color=colors[line], linewidth=2, drawstyle=drawn)
        places = frame[chart.x][frame[chart.x] > 0] if chart.ticks else frame[chart.x]
        if places.min() < places.max():
            axes.set_xlim(places.min(), places.max())
        low, high = axes.get_ylim()
        axes.set_ylim(min(0, low) if chart.zero else low, high)
        counts = [write_count(count) for count in frame[chart.at_risk].dropna()] if chart.at_risk else []
        _finish(figure, chart, 8, counts, below)
        if chart.at_risk:
            _write_at_risk(figure, axes, lines, chart, colors)

    return draw(paint, height=300 + below, name=chart.name)


def _finish(figure: Figure, chart: Chart, most: int, counts: Sequence[str] = (), below: float = 0.0) -> None:
    """Write the axes of numbers: as many places as have room for their words, at most so many."""
    (axes,), style = figure.axes, chart.style
    plain = Style(1, style.prefix, style.suffix if style.suffix == " %" else "", style.signed)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: write_number(v, plain) if v else "0"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: write_number(v)))
    ends = list((chart.ticks or {}).values()) or [write_number(round(end)) for end in axes.get_xlim()]
    widest = max(measure(word) for word in {*ends, max(counts, key=len, default="")})
    low, high = axes.get_ylim()
    names = [axes.yaxis.get_major_formatter()(tick) for tick in axes.get_yticks() if low <= tick <= high]
    place_axes(figure, chart.label, names=names, widest=widest, below=below)
    room = axes.get_position().width * figure.get_figwidth() * 100
    if chart.ticks:
        axes.set_xscale("log")
    if chart.ticks or chart.root:
        rounds = [lead * 10**power for power in range(9, -1, -1) for lead in (5, 2, 1)]
        if axes.get_xlim()[1] < 12:  # each whole amount has its place where there are few
            rounds = range(11, -1, -1)
        axes.set_xticks(*_thin_out(axes, chart.ticks or {tick: f"{tick:,}" for tick in rounds}, room))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        count = int(room / (widest + 2 * GAP))
        axes.xaxis.set_major_locator(MaxNLocator(max(1, min(most, count)), integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _thin_out(axes: Axes, ticks: Mapping[float, str], room: float) -> tuple[list[float], list[str]]:
    """The places on an axis whose words do not cross those of a place named before, on whatever scale."""
    kept: dict[float, tuple[float, float]] = {}
    to_share = axes.transData + axes.transAxes.inverted()
    for tick, word in ticks.items():
        middle, half = room * to_share.transform((tick, axes.get_ylim()[0]))[0], measure(word) / 2
        if 0 <= middle <= room and all(abs(middle - other) >= half + more + GAP for other, more in kept.values()):
            kept[tick] = middle, half
    return sorted(kept), [ticks[tick] for tick in sorted(kept)]


def _write_at_risk(figure, axes, lines, chart, colors) -> None:
    """Write numbers at risk under the ticks of the axis, the last line lowest."""
    left, right = axes.get_xlim()
    (wide, high), box = figure.get_size_inches() * 100, axes.get_position()
    for place, (line, rows) in enumerate(lines.items()):
        dark = tuple(0.6 * part for part in mpl.colors.to_rgb(colors[line]))  # a line may be paler than words
        style = {"color": dark, "size": 9, "ha": "center", "va": "center"}
        known = rows.dropna(subset=[chart.at_risk])
        for tick in axes.get_xticks():
            counts = known[chart.at_risk][known[chart.x] <= tick]
            if left <= tick <= right and len(counts) and tick <= known[chart.x].max():
                where = box.x0 + box.width * (tick - left) / (right - left)
                figure.text(where, (14 + 20 * (len(lines) - 1 - place)) / high, write_count(counts.iloc[-1]), **style)
    figure.text(4 / wide, (16 + 20 * len(lines)) / high, "At risk", color=MUTED, size=9, va="center")


def dose(frame: pd.DataFrame, chart: Chart, fits: Mapping[str, pd.DataFrame] | None = None) -> dict[str, str]:
    """Return values with intervals over an amount, one row an amount, with a shaded range and fitted lines.

    `fits` are tables of columns `x` and `y` by name; the first is drawn solid, others dashed.
    """

    def paint(figure):
        axes = figure.add_subplot()
        factor, places = chart.style.factor, frame[chart.x].to_numpy(float)
        if chart.shaded is not None:
            axes.axvspan(*chart.shaded, color=BAND, linewidth=0, zorder=0)
        for place, fit in enumerate((fits or {}).values()):
            dashes = "solid" if place == 0 else (0, (4, 3))
            axes.plot(fit["x"], fit["y"] * factor, color=NEUTRAL[place], linewidth=1.6, linestyle=dashes)
        if chart.band:
            low, high = (frame[end].to_numpy(float) * factor for end in chart.band)
            axes.vlines(places, low, high, color=INK, linewidth=1.4, zorder=3)
        axes.plot(places, frame[chart.y].to_numpy(float) * factor, "o", color=INK, markersize=6.5, zorder=4)
        if chart.root:
            axes.set_xscale("function", functions=(lambda v: np.sqrt(np.maximum(v, 0)), np.square))
        _finish(figure, chart, 9)

    return draw(paint, height=320, name=chart.name)


def heat(frame: pd.DataFrame, chart: Chart) -> dict[str, str]:
    """Return a map of a week's hours by days, or of what `chart.by` names by place: darker is more.

    `chart.x` is an hour from 0, Monday 00:00, to 167, or a place, `chart.y` what is drawn, with its number where it has
    room. Hours and days at the edges of a week in which there is nothing are left out.
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
    turned = figure.get_figwidth() * 100 <= WIDTHS["narrow"] and not chart.by
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
        for (row, column), number in np.ndenumerate(values):
            style = {"size": 8.5, "ha": "center", "va": "center", "color": "white" if number > 0.55 * most else INK}
            axes.text(column + 0.5, row + 0.5, f"{number:,.0f}" if np.isfinite(number) else "", **style)


def _trim(week: pd.DataFrame) -> pd.DataFrame:
    """The rows from the first to the last in which there is something."""
    some = np.flatnonzero((week > 0).any(axis=1))
    return week.iloc[some[0] : some[-1] + 1] if len(some) else week
