"""HTML in which every word from the data is inert: escaped text, marks, downloads, lists of facts, and the display."""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CSS = Path(__file__).with_name("style.css")
MARKS = {
    **dict.fromkeys(("clear benefit", "clear harm", "clear difference", "clear association"), "●"),
    **dict.fromkeys(("not inferior", "inferior", "pass", "recovered", "consistent", "holds"), "●"),
    **dict.fromkeys(("no worthwhile difference", "warn", "unclear", "too imprecise", "outside its domain"), "◐"),
    **dict.fromkeys(("no clear difference", "no clear association", "non-inferiority not shown"), "○"),
    **dict.fromkeys(("fail", "not recovered", "inconsistent", "fails"), "○"),
}
SPOKEN = {"warn": "unclear"}  # a status of results.json -> the word for it


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
    mark, word = MARKS.get(verdict, "–"), SPOKEN.get(verdict, verdict)
    return f'<span class="verdict"><span class="mark" aria-hidden="true">{mark}</span> {escape(word)}</span>'


def list_facts(rows: Iterable[tuple[str, str]]) -> Display:
    """Return decisions or other facts as a list of terms, one a row."""
    rows = list(rows)
    terms = "".join(f"<dt>{escape(term)}</dt><dd>{escape(told)}</dd>" for term, told in rows)
    return Display(f'<dl class="facts">{terms}</dl>', "\n".join(f"{term}: {told}" for term, told in rows))


def fold(summary: str, inside: str, *, kind: str = "") -> str:
    """Return HTML behind a line that opens it."""
    return f'<details class="{kind or "fold"}"><summary>{escape(summary)}</summary>{inside}</details>'


def name_id(*words: str) -> str:
    """Return an id for a place in the page ("Paid, by plan": "paid-by-plan")."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-") or "part"


def link_file(body: str, file: str, label: str, mime: str) -> str:
    """Return a download link that holds a whole file."""
    data = base64.b64encode(body.encode()).decode()
    return f'<a class="file" download="{escape(file)}" href="data:{mime};base64,{data}">{escape(label)}</a>'
