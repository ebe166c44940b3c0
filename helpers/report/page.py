"""The page of one run: a notebook and its results as one HTML file, answer first, without script or outside address."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.report.markdown import Markdown
from helpers.wording import GLOSSARY, KINDS, escape

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
RESULTS_TYPE = "application/vnd.support-studies.results+json"
LEFT_OUT = {"remove", "remove-cell", "title", "remove_cell"}
MASTHEAD = '<header class="masthead">'
NOTE = '<p class="note'
ABSENT = '<p class="note absent">'
LEFT = "Not part of this run, because its plan or data have no such thing: {}."
HEADING = re.compile(r"\s*(#{1,3}) (.*)")
PHRASES = "abbr b br caption code dd div dl dt em h3 h4 h5 h6 hr i li ol p pre s small span strong sub sup u ul"
ALLOWED_TAGS = {*PHRASES.split(), "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
ALLOWED_ATTRIBUTES = {"*": ["class"], "td": ["colspan", "rowspan"], "th": ["colspan", "rowspan", "scope"]}


def render(notebook, results: Mapping[str, Any], *, run: Mapping[str, Any], code: bool = False) -> str:
    """Return the HTML of a report.

    Parameters
    ----------
    notebook : NotebookNode
        Executed. Cells tagged `remove`, `remove-cell` or `title` are left out; so are warnings and errors. HTML of
        our own displays passes as it is, any other HTML is cleaned.
    results : mapping
        The content of results.json; it fills the masthead when no cell shows one.
    run : mapping
        `name` and `study` for the foot. Nothing in which equal runs differ belongs here.
    code : bool
        Keep the code, folded.

    Returns
    -------
    str: one file; equal inputs give equal text.
    """
    from nbconvert.exporters.templateexporter import TemplateExporter

    words = Markdown()
    cells = [copy.deepcopy(cell) for cell in notebook.cells if not LEFT_OUT & set(cell.metadata.get("tags", []))]
    masthead, cells = _hoist(cells, results)
    cells = _leave_absent(cells)
    _say_once(cells)
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.metadata["html"] = words.render(cell.source)
    page = copy.copy(notebook)
    page["cells"] = cells
    place = {"template_name": "studies", "template_file": "index.html.j2", "extra_template_basedirs": [str(TEMPLATES)]}
    exporter = TemplateExporter(**place)
    exporter.register_filter("show_output", lambda output: _show_output(output, words))
    body, _ = exporter.from_notebook_node(page, resources=_resources(results, run, code, masthead, words))
    return drop_schemes(body)


def drop_schemes(text: str) -> str:
    """Return a page in which outside addresses stand without http, so that nothing makes a link of them."""
    return re.sub(r"https?://", "", text)


def read_css(*more: str) -> str:
    """Return the style sheet that reports and the gallery share, and others of the templates behind it."""
    sheets = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", *more)]
    return "".join(sheets).replace("\n", "")


def _resources(results, run, code, masthead, words) -> dict[str, Any]:
    answer = {"id": "answer", "text": "Answer"}
    return {
        "policy": POLICY,
        "css": read_css(),
        "title": str(results.get("title") or results.get("question") or run.get("study") or "Report"),
        "masthead": masthead,
        "contents": [answer, *words.contents],
        "glossary": GLOSSARY,
        "foot": f"Run {run.get('name', '')} of the study {run.get('study', results.get('study', ''))}. "
        "Times, machine and versions stand in run.json beside this file.",
        "code": code,
    }


def _hoist(cells, results) -> tuple[str, list]:
    """Take the masthead out of the cells, with the heading that only announces it."""
    for place, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            found = _own_html(output)
            if found and found.startswith(MASTHEAD):
                cell.outputs.remove(output)
                before = cells[:place]
                if before and re.fullmatch(r"\s*#+\s*Answer\s*", before[-1].source):
                    before = before[:-1]
                return found.replace(MASTHEAD, '<header class="masthead" id="answer">', 1), [*before, *cells[place:]]
    return _plain_masthead(results), cells


def _split_sections(cells) -> list[list]:
    """The cells by section; the first has what stands before any heading."""
    sections = [[]]
    for cell in cells:
        if cell.cell_type == "markdown" and HEADING.match(cell.source):
            sections.append([])
        sections[-1].append(cell)
    return sections


def _leave_absent(cells) -> list:
    """Leave out each section that shows nothing but what this run does not ask; one sentence names them.

    A heading of a part whose own cells are absent stays as long as a smaller heading below it is kept.
    """
    kept, named = [], []
    for section in reversed(_split_sections(cells)):
        level = _read_level(section)
        below = next((_read_level(s) for s in reversed(kept) if _read_level(s)), 0)
        if _is_absent(section) and not below > level > 0:
            named.insert(0, HEADING.match(section[0].source)[2].strip().rstrip("?"))
        else:
            kept.append(section)
    if named:
        from nbformat.v4 import new_markdown_cell

        place = next((s for s in kept if s and s[0].source.startswith("## Data and checks")), kept[0])
        place.append(new_markdown_cell(LEFT.format("; ".join(named)), id="left-out"))
    return [cell for section in reversed(kept) for cell in section]


def _read_level(section) -> int:
    found = HEADING.match(section[0].source) if section else None
    return len(found[1]) if found else 0


def _is_absent(section) -> bool:
    shown = [_own_html(output) or "" for cell in section for output in cell.get("outputs", [])]
    return bool(shown) and all(html.startswith(ABSENT) for html in shown)


def _say_once(cells) -> None:
    """Of the sentences that there is nothing to show keep one a section, and none beside something that is shown."""
    for part in _split_sections(cells):
        section = [(cell, output) for cell in part for output in cell.get("outputs", [])]
        own = [(cell, output, _own_html(output) or "") for cell, output in section]
        notes = [(cell, output) for cell, output, html in own if html.startswith(NOTE)]
        shown = any(html and not html.startswith(NOTE) for _, _, html in own)
        for cell, output in notes[0 if shown else 1 :]:
            cell.outputs = [kept for kept in cell.outputs if kept is not output]


def _plain_masthead(results) -> str:
    kind = (results.get("data") or {}).get("kind", "")
    answer = "".join(f"<p>{escape(sentence)}</p>" for sentence in results.get("answer") or [])
    question = results.get("question") or results.get("title") or "Report"
    return (
        f'<header class="masthead" id="answer"><p class="kind">{escape(KINDS.get(kind, kind))}</p>'
        f'<h1>{escape(question)}</h1><div class="answer">{answer}</div></header>'
    )


def _own_html(output) -> str | None:
    data, said = output.get("data", {}), output.get("metadata", {})
    return data.get("text/html") if said.get("text/html", {}).get("own") else None


def _show_output(output, words: Markdown) -> str:
    if output.output_type == "stream":
        return _preformatted(output.text) if output.name == "stdout" and output.text.strip() else ""
    data = output.get("data", {})
    if output.output_type == "error" or RESULTS_TYPE in data:
        return ""
    own = _own_html(output)
    if own is not None:
        return own
    if "text/html" in data:
        return f'<div class="scroll" tabindex="0">{_clean(data["text/html"])}</div>'
    if "image/png" in data:
        alternative = escape(output.metadata.get("alt") or data.get("text/plain") or "Picture")
        return f'<figure><div class="scroll card" tabindex="0"><img alt="{alternative}" {_source(data)}></div></figure>'
    if "text/markdown" in data:
        return words.render(data["text/markdown"])
    return _preformatted(data["text/plain"]) if data.get("text/plain", "").strip() else ""


def _source(data) -> str:
    return f'src="data:image/png;base64,{re.sub(r"[^A-Za-z0-9+/=]", "", data["image/png"])}"'


def _preformatted(text: str) -> str:
    return f'<pre tabindex="0">{escape(text)}</pre>'


def _clean(html: str) -> str:
    import bleach

    without = re.sub(r"<(script|style)\b.*?</\1\s*>", "", html, flags=re.DOTALL | re.IGNORECASE)
    return bleach.clean(without, tags=ALLOWED_TAGS, attributes=ALLOWED_ATTRIBUTES, strip=True)
