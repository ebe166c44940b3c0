"""What leaves us: HTML in which words from the data are inert, rows with a mark on one axis, JSON types, CSV files."""

import base64
import csv
import datetime as dt
import html
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from helpers.records import STATUS_WORDS
from helpers.view.numbers import capitalise

CSS, PARTS = (Path(__file__).with_name(name) for name in ("style.css", "parts.html.j2"))
DIGITS = 10
UNDECIDED = "nothing decides: no metric is primary"  # a verdict of the gallery
WIDE = 240  # units of a mark's drawing; CSS gives it its size
DISPARATE = 8.0  # sizes further apart than this do not share a scale
STEP = 0.02  # of the places that the zero of an axis can have, from a tenth of its width on
FORMULA = ("=", "+", "-", "@", "\t", "\r")
MARKS = {
    **dict.fromkeys(("clear benefit", "clear harm", "clear difference", "clear association"), "●"),
    **dict.fromkeys(("more often", "less often", "higher", "lower"), "●"),
    **dict.fromkeys(("not inferior", "inferior", "pass", "recovered", "consistent", "no defect found"), "●"),
    **dict.fromkeys(("no worthwhile difference", "warn", "unclear", "too imprecise", "outside its domain"), "◐"),
    **dict.fromkeys(("no clear difference", "no clear association", "non-inferiority not shown"), "○"),
    **dict.fromkeys(("fail", "not recovered", "inconsistent", "fails"), "○"),
}


@dataclass(frozen=True)
class Display:
    """What a display cell shows: HTML that we have escaped, and the same in plain text.

    The metadata says that the HTML is ours; the page passes it as it is and cleans any other HTML. Where no runner
    makes a page of it, as in JupyterLab, the style sheet comes with it, and a class that makes no formula of dollars.
    """

    html: str
    text: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        alone = "" if "STUDIES_RUN" in os.environ else f"<style>{CSS.read_text(encoding='utf-8')}</style>"
        shown = f'{alone}<div class="studies mathjax_ignore">{self.html}</div>' if alone else self.html
        return {"text/html": shown, "text/plain": self.text}, {"text/html": {"own": True}}

    def __repr__(self):
        return self.text


def escape(text: object) -> str:
    """Return text that is inert in HTML, as content and between quotes; a number keeps its unit on the same line."""
    units = r"(?<=\d) (?=(?:%|points?|times|days?|hours?|minutes?|seconds?|million)(?!\w))"
    return re.sub(units, "\u00a0", html.escape(str(text), quote=True))


def show_sentence(text: str, *, absent: bool = False) -> Display:
    """Return a display of one sentence, such as why there is nothing else to show.

    Parameters
    ----------
    text : str
    absent : bool
        Whether it is of what this run does not ask; a section of nothing else leaves the page with its heading.
    """
    return Display(f'<p class="note{" absent" * absent}">{escape(text)}</p>', text)


def mark_verdict(verdict: str) -> str:
    """Return a verdict as HTML: a filled, half or hollow mark, hidden from screen readers, and the word."""
    mark, word = MARKS.get(verdict, "–"), STATUS_WORDS.get(verdict, verdict)
    return f'<span class="verdict"><span class="mark" aria-hidden="true">{mark}</span> {escape(word)}</span>'


def draw(part: str, /, **values: Any) -> str:
    """Return HTML of a part of the page: the macro of this name in parts.html.j2, with every value made inert."""
    return str(getattr(_read_parts(), part)(**values))


@cache
def _read_parts():
    from jinja2 import Environment, StrictUndefined  # here, so that commands with nothing to draw start without it
    from markupsafe import Markup

    finish = lambda value: value if hasattr(value, "__html__") else Markup(escape(value))  # noqa: E731
    made = Environment(autoescape=True, undefined=StrictUndefined, finalize=finish)
    made.filters |= {"cap": capitalise, "verdict": lambda verdict: Markup(mark_verdict(verdict))}
    made.filters["base64"] = lambda body: Markup(base64.b64encode(body.encode()).decode())
    made.globals |= {"marks": MARKS, "width": WIDE}
    return made.from_string(re.sub(r"\n\s*", "", PARTS.read_text(encoding="utf-8"))).module


def list_facts(rows: Iterable[tuple[str, str]]) -> Display:
    """Return decisions or other facts as a list of terms, one a row."""
    rows = list(rows)
    return Display(draw("facts", rows=rows), "\n".join(f"{term}: {told}" for term, told in rows))


def name_id(*words: str) -> str:
    """Return an id for a place in the page ("Paid, by plan": "paid-by-plan")."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-") or "part"


@dataclass(frozen=True)
class Row:
    """One row: name and note, the arms' values, effect and interval in words, verdict, and what its mark draws.

    `pieces` are the pieces of the interval and `middle` the estimate, on an axis where no effect is 0 (ratios on a log
    scale); None is an open end. `band` is what is too small to matter or tolerated, `unit` what rows must share to
    share a scale. A row without pieces and middle is words alone.
    """

    name: str
    effect: str
    interval: str = ""
    values: tuple[str, ...] = ()
    note: str = ""
    verdict: str = ""
    middle: float = math.nan
    pieces: tuple[tuple[float | None, float | None], ...] = ()
    band: tuple[float, float] | None = None
    unit: tuple = ()
    dashed: bool = False
    muted: bool = False
    group: str = ""

    @property
    def numbers(self) -> list[float]:
        """All finite places on the axis."""
        ends = [end for piece in self.pieces for end in piece if end is not None]
        return [v for v in (*ends, self.middle, *(self.band or ())) if math.isfinite(v)]


@dataclass(frozen=True)
class Axis:
    """Where values stand in a mark: the zero at a share of its width that all scales of a picture have in common."""

    share: float
    reach: dict[tuple, float] = field(default_factory=dict)

    def place(self, value: float, unit: tuple) -> float:
        """Return the place of a value, in the units of the drawing; beyond an edge it stands at the edge."""
        return min(max((self.share + value / self.reach[unit]) * WIDE, 3), WIDE - 3)

    def span(self, piece: tuple[float | None, float | None], unit: tuple) -> tuple[float, float]:
        """Return the places of both ends of an interval, an open end at the edge."""
        low, high = piece
        return 0 if low is None else self.place(low, unit), WIDE if high is None else self.place(high, unit)


def find_axis(rows: Iterable[Row]) -> Axis:
    """Return the axis of rows: each unit and order of size has its scale, and all scales have one zero.

    The zero stands where the scales together waste least width.
    """
    ends: dict[tuple, tuple[float, float]] = {}
    for row in (row for row in rows if row.numbers):
        low, high = ends.get(row.unit, (0.0, 0.0))
        ends[row.unit] = (min([low, *row.numbers]), max([high, *row.numbers]))
    ends = {unit: pair if pair[1] > pair[0] else (-1.0, 1.0) for unit, pair in ends.items()}

    def waste(share):
        return sum(math.log(_widen(pair, share) / (pair[1] - pair[0])) for pair in ends.values())

    share = min((0.1 + STEP * step for step in range(41)), key=waste) if ends else 0.5
    return Axis(share, {unit: _widen(pair, share) * 1.06 for unit, pair in ends.items()})


def _widen(pair, share: float) -> float:
    """The width that a scale needs to hold both ends when its zero stands at a share of it."""
    return max(-pair[0] / share, pair[1] / (1 - share))


def split_sizes(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with units told apart by order of size, so that a small effect is not lost beside a large one."""
    found = []
    for row in rows:
        alike = [other for other in rows if (other.name, other.unit) == (row.name, row.unit)]
        size = max((abs(number) for other in alike for number in other.numbers), default=0.0)
        order = math.floor(math.log(size, DISPARATE)) if size > 0 else 0
        found.append(replace(row, unit=(*row.unit, order)))
    return found


def draw_rows(
    rows: Sequence[Row], *, heads: tuple[str, ...], contrast: str, caption: str, what: str, effect: str = "Difference"
) -> tuple[str, str, str]:
    """Return rows as one HTML table that keeps its semantics when a phone stacks its cells; as text, one line each.

    Parameters
    ----------
    rows : sequence of Row
        Those of one unit share a scale, unless `split_sizes` told them apart.
    heads : (str, ...)
        Names of the arms, first what the contrast puts first; empty where rows have no values.
    contrast : str
        What the effect is ("with links minus without").
    caption : str
        For screen readers: what the table is.
    what, effect : str
        Heads of the first column, and of that of the effects.

    Returns
    -------
    (HTML, text, SVG): of which the last is empty, as no chart is drawn
    """
    words = {"heads": heads, "contrast": contrast, "caption": caption, "what": what, "effect": effect}
    words |= {"judged": any(row.verdict for row in rows), "drawn": any(row.numbers for row in rows)}
    lines = []
    for row in rows:
        arms = ", ".join(f"{value} {head}" for value, head in zip(row.values, heads, strict=False))
        told = f"{row.effect} {row.interval}".strip()
        parts = (f"{row.name}{f' ({row.note})' if row.note else ''}", arms, told, row.verdict)
        lines.append("- " + "; ".join(filter(None, parts)))
    return draw("rows", found=rows, axis=find_axis(rows), **words), "\n".join(lines), ""


def make_plain(value: Any) -> Any:
    """Return the value as JSON types: figures to 10 significant digits, what is not finite as None.

    Raises
    ------
    TypeError: a thing that has no plain form.
    """
    kind = type(value).__name__
    if value is None or kind in ("NAType", "NaTType"):
        return None
    if isinstance(value, str):
        return str(value)
    if kind in ("bool", "bool_"):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, (Real, Decimal)):
        return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): make_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [make_plain(item) for item in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return make_plain(value.tolist())
    raise TypeError(f"a {kind} cannot be published; give numbers, text, dates, lists")


def write_csv(rows: Sequence[Mapping[str, Any]], header: Sequence[str]) -> str:
    """Return the text of a CSV file; a text that a spreadsheet would run as a formula is prefixed with an apostrophe.

    Parameters
    ----------
    rows : sequence of mapping
    header : sequence of str, the columns
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    cells = [header, *([make_plain(row.get(name)) for name in header] for row in rows)]
    writer.writerows([_safe(cell) for cell in row] for row in cells)
    return stream.getvalue()


def _safe(value):
    """Return what a cell may hold: no formula, and no carriage return, which the csv module does not quote."""
    value = json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
    if not isinstance(value, str):
        return value
    return "'" * value.startswith(FORMULA) + value.replace("\r\n", "\n").replace("\r", "\n")
