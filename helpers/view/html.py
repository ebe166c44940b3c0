"""What leaves us: HTML in which every word from the data is inert, values as JSON types, and CSV files."""

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
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from helpers.records import STATUS_WORDS
from helpers.view.numbers import capitalise

CSS, PARTS = (Path(__file__).with_name(name) for name in ("style.css", "parts.html.j2"))
DIGITS = 10
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
    makes a page of it, as in JupyterLab, the style sheet comes with it.
    """

    html: str
    text: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        alone = "" if "STUDIES_RUN" in os.environ else f"<style>{CSS.read_text(encoding='utf-8')}</style>"
        shown = f'{alone}<div class="studies">{self.html}</div>' if alone else self.html
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
    made.globals["marks"] = MARKS
    return made.from_string(re.sub(r"\n\s*", "", PARTS.read_text(encoding="utf-8"))).module


def list_facts(rows: Iterable[tuple[str, str]]) -> Display:
    """Return decisions or other facts as a list of terms, one a row."""
    rows = list(rows)
    return Display(draw("facts", rows=rows), "\n".join(f"{term}: {told}" for term, told in rows))


def name_id(*words: str) -> str:
    """Return an id for a place in the page ("Paid, by plan": "paid-by-plan")."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-") or "part"


def make_plain(value: Any) -> Any:
    """Return the value as JSON types: figures to 10 significant digits, what is not finite as None.

    Raises
    ------
    TypeError: a thing that has no plain form.
    """
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, (Real, Decimal)):
        return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): make_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [make_plain(item) for item in value]
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return make_plain(value.tolist())
    raise TypeError(f"a {type(value).__name__} cannot be published; give numbers, text, dates, lists")


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
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    guarded = "'" + value if value.startswith(FORMULA) else value
    return guarded.replace("\r\n", "\n").replace("\r", "\n")
