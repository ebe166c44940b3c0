"""HTML in which every word from the data is inert: escaped text, tables with scopes, CSV downloads, small intervals."""

from __future__ import annotations

import base64
import html
import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from helpers.records import Estimate

MOST_COLUMNS = 7
MOST_ROWS = 60
RISKY = ("=", "+", "-", "@", "\t", "\r")
MARKS = {
    "clear benefit": "●",
    "clear harm": "●",
    "clear difference": "●",
    "not inferior": "●",
    "inferior": "●",
    "no worthwhile difference": "◐",
    "no clear difference": "○",
    "non-inferiority not shown": "○",
    "not estimable": "–",
    "pass": "●",
    "warn": "◐",
    "fail": "○",
    "not tested": "–",
    "recovered": "●",
    "not recovered": "○",
    "consistent": "●",
    "inconsistent": "○",
    "too imprecise": "◐",
    "not tested by this run": "–",
    "holds": "●",
    "fails": "○",
    "outside its domain": "◐",
}


@dataclass(frozen=True)
class Display:
    """What a display cell shows: HTML that we have escaped, and the same in plain text.

    The metadata says that the HTML is ours; the page passes it as it is and cleans any other HTML.
    """

    html: str
    text: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html, "text/plain": self.text}, {"text/html": {"own": True}}

    def __repr__(self):
        return self.text


def escape(text: object) -> str:
    """Return text that is inert in HTML, as content and between quotes."""
    return html.escape(str(text), quote=True)


def escape_prose(text: object) -> str:
    """Return escaped text in which a number keeps its unit on the same line."""
    return re.sub(r"(?<=\d) (?=(?:%|points?|times|days?)(?!\w))", "\u00a0", escape(text))


def show_sentence(text: str) -> Display:
    """Return a display of one sentence, such as why there is nothing else to show."""
    return Display(f'<p class="note">{escape_prose(text)}</p>', text)


def show_absent(text: str) -> Display:
    """Return a display of one sentence on what this run does not ask; a section of nothing else is left out."""
    return Display(f'<p class="note absent">{escape_prose(text)}</p>', text)


def mark_verdict(verdict: str) -> str:
    """Return a verdict as HTML: a filled, half or hollow mark, hidden from screen readers, and the word."""
    mark = MARKS.get(verdict, "–")
    return f'<span class="verdict"><span class="mark" aria-hidden="true">{mark}</span> {escape(verdict)}</span>'


def write_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV whose text cells and headers cannot become live formulas.

    Parameters
    ----------
    frame : DataFrame
        Text that begins with = + - @ tab or return gets a leading quote; missing values are empty.
    """
    safe = frame.copy()
    safe.columns = [_guard(str(c)) for c in frame.columns]
    for place, column in enumerate(safe.columns):
        if not pd.api.types.is_numeric_dtype(frame.iloc[:, place]):
            safe[column] = frame.iloc[:, place].map(_guard).to_numpy()
    buffer = io.StringIO()
    safe.to_csv(buffer, index=False, lineterminator="\n")
    return buffer.getvalue()


def _guard(value):
    if not isinstance(value, str):
        return value
    guarded = f"'{value}" if value.startswith(RISKY) else value
    return guarded.replace("\r", " ")  # the writer does not quote a return, which begins a row


def link_csv(frame: pd.DataFrame, name: str) -> str:
    """Return a download link that holds the whole table, under a real file name."""
    body = base64.b64encode(write_csv(frame).encode()).decode()
    file = f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name).strip('_') or 'table'}.csv"
    rows = "1 row" if len(frame) == 1 else f"{len(frame):,} rows"
    label = f"Download {file} ({rows}, {len(frame.columns)} columns)"
    return f'<a class="csv" download="{file}" href="data:text/csv;charset=utf-8;base64,{body}">{label}</a>'


def draw_table(
    frame: pd.DataFrame,
    *,
    caption: str,
    headers: Mapping[str, str],
    formats: Mapping[str, Callable],
    raw: tuple[str, ...] = (),
) -> str:
    """Return the HTML of a table with caption, scopes and its own scroll box, without a download.

    Parameters
    ----------
    frame : DataFrame
        The first column names the row; at most seven columns and sixty rows are drawn.
    caption : str
        Says what a row is.
    headers : mapping
        Column -> words with the unit; the column's own name otherwise.
    formats : mapping
        Column -> function from value to text; numbers get three digits otherwise.
    raw : tuple of str
        Columns whose format returns HTML that is escaped already.
    """
    shown = frame.iloc[:MOST_ROWS, :MOST_COLUMNS]
    numeric = [pd.api.types.is_numeric_dtype(frame[c]) or _looks_numeric(frame[c], formats.get(c)) for c in shown]
    classes = [' class="n"' if n else "" for n in numeric]
    names = [escape(headers.get(c, str(c).replace("_", " "))) for c in shown]
    head = "".join(f'<th scope="col"{k}>{n}</th>' for n, k in zip(names, classes, strict=True))
    body = "".join(_row(row, shown.columns, classes, formats, raw) for row in shown.itertuples(index=False, name=None))
    label = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{label}"><table><caption>{label}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row, columns, classes, formats, raw) -> str:
    cells = []
    for place, (value, column, kind) in enumerate(zip(row, columns, classes, strict=True)):
        text = formats.get(column, write_plain)(value)
        tag = 'th scope="row"' if place == 0 else "td"
        cells.append(f"<{tag}{kind}>{text if column in raw else escape_prose(text)}</{tag[:2]}>")
    return f"<tr>{''.join(cells)}</tr>"


def _looks_numeric(column: pd.Series, form) -> bool:
    texts = [str(v) for v in (column.map(form) if form else column)]
    known = [t for t in texts if t and t not in ("not known", "not estimable", "empty", "None")]
    return bool(known) and all(re.match(r"^[\[+\-$€£]*\.?\d|^[<>] \.\d", t) and len(t) < 32 for t in known)


def write_plain(value: object) -> str:
    """Return a cell without a format of its own: counts with thousands, other numbers with three digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT:
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "__float__") and not isinstance(value, str):
        number = float(value)
        digits = ",.0f" if number == round(number) else ",.3g" if abs(number) < 1000 else ",.1f"
        return f"{number:{digits}}"
    return str(value)


def draw_interval(estimate: Estimate, *, null: float, width: int = 150, height: int = 22) -> str:
    """Return a small picture of an interval against no effect, as inline SVG without words, ids or addresses.

    Parameters
    ----------
    estimate : Estimate
        Unknown ends draw nothing but the line of no effect.
    null : float
        The value of no effect (0, or 1 for ratios).
    width, height : int, pixels
    """
    known = [v for v in (estimate.ci_low, estimate.estimate, estimate.ci_high) if math.isfinite(v)]
    low, high = min([null, *known]), max([null, *known])
    pad = (high - low or 1.0) * 0.12

    def place(value):
        return f"{(min(max(value, low), high) - low + pad) / (high - low + 2 * pad) * width:.1f}"

    middle = height / 2
    parts = [f'<path class="zero" d="M{place(null)} 0V{height}"/>']
    if not math.isnan(estimate.ci_low) and not math.isnan(estimate.ci_high):
        parts.append(f'<path class="bar" d="M{place(estimate.ci_low)} {middle}H{place(estimate.ci_high)}"/>')
    if math.isfinite(estimate.estimate):
        parts.append(f'<circle cx="{place(estimate.estimate)}" cy="{middle}" r="4.5" stroke="none"/>')
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    hidden = 'stroke="currentColor" aria-hidden="true" focusable="false"'
    return f'<svg class="interval" {size} {hidden}>{"".join(parts)}</svg>'
