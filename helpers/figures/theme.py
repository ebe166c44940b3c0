"""One visual language for every picture: our seaborn theme, two arm colours, and a sharp image with its words."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from helpers.records import Results
from helpers.wording import Display, draw_table, escape, escape_prose, link_csv, write_source

INK, MUTED, RULE, BAND = "#1c2128", "#59636e", "#d5dae0", "#eef0f3"
CONTROL, TREATMENT, TREATMENT_TEXT = "#1b4b82", "#e07b1a", "#a85208"
OTHERS = ("#7a9cc6", "#5b5f66", "#b08bbf")  # further treatments: apart in grey as well
WIDTH, NARROW = 920, 420  # CSS pixels of a picture on a screen or paper, and on a phone
HEADERS = {"ci_low": "low end", "ci_high": "high end", "fixed_low": "fixed low end", "fixed_high": "fixed high end"}
LONG = 14  # rows of a folded table that paper still shows
DPI = 200  # pixels an inch of the image; one inch is 100 CSS pixels
PREFERRED = ("Source Sans 3", "Noto Sans", "Open Sans", "Liberation Sans", "Arial", "DejaVu Sans")


def _settings() -> dict:
    installed = {f.name for f in font_manager.fontManager.ttflist}
    fonts = [name for name in PREFERRED if name in installed]
    ours = {
        "font.family": [*fonts[:1], "DejaVu Sans"],
        "text.parse_math": False,
        "text.color": INK,
        "axes.edgecolor": RULE,
        "axes.labelcolor": MUTED,
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "figure.facecolor": "white",
        "axes.facecolor": "white",
        "grid.color": BAND,
        "lines.solid_capstyle": "butt",
    }
    sizes = {"font.size": 9.4, "axes.labelsize": 9, "xtick.labelsize": 8.6, "ytick.labelsize": 8.6}
    return {**sns.axes_style("ticks", rc=ours), **ours, **sizes, "xtick.major.size": 0, "ytick.major.size": 0}


def draw(
    paint: Callable[[Figure], None],
    *,
    height: float,
    title: str,
    subtitle: str,
    alternative: str,
    results: Results,
    table: pd.DataFrame,
    name: str,
    shown: pd.DataFrame | None = None,
    narrow_height: float | None = None,
    source: str | None = None,
) -> Display:
    """Return a picture for the report: the finding as title, the image, its source and the table behind it.

    Parameters
    ----------
    paint : callable
        Draws on an empty matplotlib figure inside our theme; global settings are as before afterwards.
    height, narrow_height : float, CSS pixels
        Of the picture for screen and paper, and of the one for phones (the same when left out).
    title, subtitle : str
        The finding; then metric, unit and population.
    alternative : str
        One sentence or more with the picture's figures, for those who do not see it.
    results : Results
        For the source line.
    table : DataFrame
        What the picture shows, as a download.
    name : str
        File name of the download, without ending.
    shown : DataFrame, optional
        The same in words, folded below the picture; the table itself when left out.
    source : str, optional
        The source line, where the picture shows other data than the run's own.

    Returns
    -------
    Display: equal inputs give equal bytes.
    """
    long = " long" if len(table) > LONG else ""
    words = table if shown is None else shown
    folded = draw_table(words, caption=f"{title}: the figures", headers=HEADERS, formats={})
    small = _source(paint, NARROW, narrow_height or height)
    image = (
        f'<picture><source media="(max-width:640px)" srcset="{small}">'
        f'<img alt="{escape(alternative)}" width="{WIDTH}" height="{height:.0f}" src="{_source(paint, WIDTH, height)}">'
        "</picture>"
    )
    html = (
        f'<figure><figcaption><p class="finding">{escape_prose(title)}</p><p class="sub">{escape_prose(subtitle)}</p>'
        f'</figcaption><div class="scroll card" tabindex="0" role="group" aria-label="{escape(title)}">{image}</div>'
        f'<p class="under">{escape_prose(source or write_source(results))}</p>'
        f'<details class="behind{long}"><summary>Figures behind this picture</summary>{folded}'
        f'<p class="under">{link_csv(table, name)}</p></details></figure>'
    )
    return Display(html, f"{title}\n{subtitle}\n{alternative}")


def _source(paint, width: float, height: float) -> str:
    return f"data:image/webp;base64,{base64.b64encode(_webp(paint, width, height)).decode()}"


def _webp(paint, width: float, height: float) -> bytes:
    """The picture without loss, a third of a PNG of 256 colours; every browser since 2020 shows it."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_settings())
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width / 100, height / 100), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        paint(figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True, quality=80, method=4)
    return buffer.getvalue()


def measure_width(figure: Figure) -> float:
    """Return the width of a figure in CSS pixels."""
    return figure.get_size_inches()[0] * 100


def is_narrow(figure: Figure) -> bool:
    """Return whether a figure is the one for phones."""
    return measure_width(figure) <= NARROW


def place_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return axes at a place in CSS pixels from the upper left corner."""
    wide, high = (size * 100 for size in figure.get_size_inches())
    return figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))


def write_at(figure: Figure, left: float, top: float, text: str, **style) -> None:
    """Write text at a place in CSS pixels from the upper left corner; `top` is the middle of the line."""
    wide, high = (size * 100 for size in figure.get_size_inches())
    figure.text(left / wide, 1 - top / high, text, va="center", **{"ha": "left", **style})


def shorten(text: str, most: int) -> str:
    """Return text of at most so many characters, cut at the end with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def color_arms(control: str, arms: list[str]) -> dict[str, str]:
    """Return a colour for each arm: the control blue, the first treatment orange, further ones apart in grey."""
    treatments = [a for a in arms if a != control]
    shades = [TREATMENT, *OTHERS]
    return {control: CONTROL, **{a: shades[k % len(shades)] for k, a in enumerate(treatments)}}


def darken(color: str) -> str:
    """Return the colour for text of an arm: the treatment's orange is darker in words than in lines."""
    return TREATMENT_TEXT if color == TREATMENT else color
