"""One visual language for every picture: the packaged font, our colours, and SVG that is the same on any machine."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

INK, MUTED, RULE, BAND = "#1c2128", "#59636e", "#d5dae0", "#eef0f3"
CONTROL, TREATMENT = "#1b4b82", "#c9650a"
OTHERS = ("#7a9cc6", "#5b5f66", "#b08bbf")  # further treatments: apart in grey as well
NEUTRAL = (INK, "#8b95a1", "#5b5f66", "#b4bcc6", "#3d4550", "#9aa3ad")  # where no arm is meant
WIDTHS = {"wide": 860, "narrow": 358}  # CSS pixels; 100 of them are an inch
FONT = "Support studies"  # Source Sans Pro of the lock, by a name that no font of a machine has
GAP = 6.0  # CSS pixels between two texts


@dataclass(frozen=True)
class Drawing:
    """A chart as SVG for wide screens and paper, and for phones."""

    wide: str
    narrow: str


@cache
def use_font() -> str:
    """Register the packaged font with matplotlib, and return its name; the machine's own fonts are not used."""
    folder = files("font_source_sans_pro") / "files"
    for face in ("Regular", "Semibold"):
        font = font_manager.ttfFontProperty(font_manager.get_font(str(folder / f"SourceSansPro-{face}.ttf")))
        font_manager.fontManager.ttflist.append(replace(font, name=FONT))
    return FONT


def settings() -> dict[str, Any]:
    """Return the settings of matplotlib that every picture has: our theme, and the packaged font."""
    ours = {
        "font.family": [use_font(), "DejaVu Sans"],
        "svg.fonttype": "path",
        "svg.hashsalt": "support-studies",
        "text.parse_math": False,
        "text.color": INK,
        "axes.edgecolor": RULE,
        "axes.labelcolor": MUTED,
        **dict.fromkeys(("axes.spines.left", "axes.spines.right", "axes.spines.top"), False),
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "grid.color": BAND,
        "lines.solid_capstyle": "butt",
        "font.size": 10,
        **dict.fromkeys(("axes.labelsize", "xtick.labelsize", "ytick.labelsize"), 9.5),
        **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 0),
    }
    return {**sns.axes_style("ticks", rc=ours), **ours}


def draw(paint: Callable[[Figure], None], *, height: float, name: str, narrow_height: float | None = None) -> Drawing:
    """Return a chart in both widths; equal inputs give equal bytes on any machine.

    Parameters
    ----------
    paint : callable
        Draws on an empty matplotlib figure inside our theme; global settings are as before afterwards.
    height : float, CSS pixels
    name : str
        Begins every id in the drawing, so that several stand in one page.
    narrow_height : float, optional, of the chart for phones where it differs
    """
    heights = {"wide": height, "narrow": narrow_height or height}
    return Drawing(**{s: _draw_one(paint, width, heights[s], f"{name}-{s}") for s, width in WIDTHS.items()})


def _draw_one(paint, width, height, name) -> str:
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(settings())
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="none")
        FigureCanvasSVG(figure)
        paint(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = stream.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", svg).replace("xlink:href", "href")
    svg = re.sub(r' (xmlns:xlink|version)="[^"]*"', "", svg)
    return re.sub(r"\s*\n\s*", "\n", svg).strip()


def is_narrow(figure: Figure) -> bool:
    """Return whether a figure is the one for phones."""
    return figure.get_size_inches()[0] * 100 <= WIDTHS["narrow"]


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
    lefts = [measure(line) for name in names for line in name.splitlines()]
    left, right = max([32, widest / 2, *lefts]) + 12, max(16, widest / 2 + 4)
    label = wrap(label, wide - left - right)
    high += 15 * label.count("\n")
    bottom = 44 + 15 * label.count("\n") + below
    figure.set_figheight(high / 100)
    axes.set_position((left / wide, bottom / high, (wide - left - right) / wide, (high - top - bottom) / high))
    axes.set_xlabel(label)
    return axes


def color_lines(names: Sequence[str], control: str | None = None) -> dict[str, str]:
    """Return a colour for each line: arms have theirs (control blue, treatment orange), other groups shades of ink.

    Parameters
    ----------
    names : sequence of str
    control : str, optional
        The control among the arms; None where lines are no arms.
    """
    if control is None:
        return {name: NEUTRAL[k % len(NEUTRAL)] for k, name in enumerate(names)}
    others = [name for name in names if name != control]
    return {control: CONTROL} | {name: (TREATMENT, *OTHERS)[k % 4] for k, name in enumerate(others)}
