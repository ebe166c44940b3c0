"""The page of one run: a notebook and its results as one HTML file, answer first, without script or outside address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from helpers import paths
from helpers.report.markdown import Markdown
from helpers.view.html import CSS, escape

TEMPLATES = CSS.parent
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
LEFT_OUT = {"remove", "remove-cell", "title", "remove_cell"}
MASTHEAD, NOTE, ABSENT = '<header class="masthead">', '<p class="note', '<p class="note absent">'
EXPERT = "For the statistician"
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
        our own displays passes as it is, any other HTML is cleaned. What stands below the heading "For the
        statistician" is folded. A section that shows nothing but what this run does not ask is left out.
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
    words, taken = Markdown(), set()
    cells = [cell for cell in notebook.cells if not LEFT_OUT & set(cell.metadata.get("tags", []))]
    shown = [(cell, [] if cell.cell_type == "markdown" else list_outputs(cell, words)) for cell in cells]
    shown = [(cell, [name_apart(html, taken) for html in outputs]) for cell, outputs in shown]
    words.take(taken)
    masthead = next((html for _, outputs in shown for html in outputs if html.startswith(MASTHEAD)), None)
    sections = _keep_sections(_split_sections(shown))
    body, expert = [], None
    for section in sections:
        if _read_heading(section)[1] == EXPERT:
            body.append(_show_cell(*section.pop(0), words, code))
            expert = []
        place = body if expert is None else expert
        place.append("".join(_show_cell(cell, outputs, words, code) for cell, outputs in section))
    data = results.get("data") or {}
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True).get_template(
        "page.html.j2"
    )
    text = page.render(
        policy=Markup(POLICY),
        css=Markup(read_css()),
        title=str(results.get("title") or results.get("question") or run.get("study") or "Report"),
        masthead=Markup(masthead or _plain_masthead(results)),
        contents=[{"id": "answer", "text": "Answer"}, *words.contents],
        body=Markup("".join(body)),
        expert=Markup("".join(expert or [])),
        glossary=_choose_words("".join([masthead or "", *body, *(expert or [])])),
        foot=f"Run {run.get('name', '')} of the study {run.get('study', results.get('study', ''))}. "
        f"{'Simulated data are no evidence. ' if data.get('kind') == 'simulated' else ''}"
        "Every table can be downloaded where it stands.",
    )
    return drop_schemes(text)


def name_apart(html: str, taken: set[str]) -> str:
    """Return HTML whose ids no other part has: what is shown twice has a number behind the second's ids.

    Parameters
    ----------
    html : str
    taken : set of str
        The ids so far, to which those of this part are added.
    """
    ids = set(re.findall(r' id="([^"]+)"', html))
    apart = {name: next(n for k in range(2, 99) if (n := f"{name}-{k}") not in taken | ids) for name in ids & taken}
    taken |= {apart.get(name, name) for name in ids}
    return re.sub(r'( id="|href="#|url\(#)([^")]+)', lambda m: m[1] + apart.get(m[2], m[2]), html) if apart else html


def drop_schemes(text: str) -> str:
    """Return a page in which outside addresses stand without http, so that nothing makes a link of them."""
    return re.sub(r"https?://", "", text.replace(' xmlns="http://www.w3.org/2000/svg"', ""))


def read_css() -> str:
    """Return the style sheet of pages and displays, without line breaks."""
    return "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "style.css")).replace(
        "\n", ""
    )


def _choose_words(html: str) -> dict[str, str]:
    """The words of the glossary that the page uses, each with its meaning."""
    known, text = yaml.safe_load((paths.VIEWS / "glossary.yaml").read_text(encoding="utf-8")), html.lower()
    return {
        word: told for word, told in known.items() if re.search(rf"\b{re.escape(word.split(' (')[0].lower())}\b", text)
    }


def _split_sections(shown) -> list[list]:
    """The cells by section; the first has what stands before any heading."""
    sections = [[]]
    for cell, outputs in shown:
        if cell.cell_type == "markdown" and HEADING.match(cell.source):
            sections.append([])
        sections[-1].append((cell, [html for html in outputs if not html.startswith(MASTHEAD)]))
    return sections


def _read_heading(section) -> tuple[int, str]:
    """Level and words of a section's heading; level 0 where it has none."""
    found = HEADING.match(section[0][0].source) if section and section[0][0].cell_type == "markdown" else None
    return (len(found[1]), found[2].strip()) if found else (0, "")


def _keep_sections(sections) -> list[list]:
    """The sections that show something; a heading stays while a smaller one below it is kept.

    Of sentences that there is nothing to show one a section is kept, and none beside something that is shown.
    """
    kept: list[list] = []
    for section in reversed(sections):
        outputs = [html for _, told in section for html in told]
        level = _read_heading(section)[0]
        below = next((_read_heading(s)[0] for s in reversed(kept) if _read_heading(s)[0]), 0)
        absent = outputs and all(html.startswith(ABSENT) for html in outputs)
        if absent and not below > level > 0:
            continue
        notes = [html for html in outputs if html.startswith(NOTE)]
        stay = [] if absent or len(notes) < len(outputs) else notes[:1]
        left = lambda html: html not in notes or (html in stay and not stay.remove(html))  # noqa: B023, E731
        kept.append([(cell, [html for html in told if left(html)]) for cell, told in section])
    return kept[::-1]


def _show_cell(cell, outputs, words: Markdown, code: bool) -> str:
    if cell.cell_type == "markdown":
        return words.render(cell.source)
    source = f'<details class="code"><summary>Code</summary>{_preformatted(cell.source)}</details>' if code else ""
    return source + "".join(outputs)


def list_outputs(cell, words: Markdown) -> list[str]:
    """Return what a code cell shows, each output as HTML; nothing of warnings, errors and what is published."""
    return [html for output in cell.get("outputs", []) if (html := _show_output(output, words))]


def _show_output(output, words: Markdown) -> str:
    if output.output_type == "stream":
        return _preformatted(output.text) if output.name == "stdout" and output.text.strip() else ""
    data, said = output.get("data", {}), output.get("metadata", {})
    if output.output_type == "error" or any(mime.startswith("application/vnd.support-studies") for mime in data):
        return ""
    if said.get("text/html", {}).get("own"):
        return data["text/html"]
    if "text/html" in data:
        return f'<div class="scroll" tabindex="0">{_clean(data["text/html"])}</div>'
    if "image/png" in data:
        image = re.sub(r"[^A-Za-z0-9+/=]", "", data["image/png"])
        alternative = escape(said.get("alt") or data.get("text/plain") or "Picture")
        return f'<figure><div class="card"><img alt="{alternative}" src="data:image/png;base64,{image}"></div></figure>'
    if "text/markdown" in data:
        return words.render(data["text/markdown"])
    return _preformatted(data["text/plain"]) if data.get("text/plain", "").strip() else ""


def _plain_masthead(results) -> str:
    answer = "".join(f"<p>{escape(sentence)}</p>" for sentence in results.get("answer") or [])
    question = results.get("question") or results.get("title") or "Report"
    kind = escape((results.get("data") or {}).get("kind", ""))
    return f'{MASTHEAD}<p class="kind">{kind}</p><h1>{escape(question)}</h1><div class="answer">{answer}</div></header>'


def _preformatted(text: str) -> str:
    return f'<pre tabindex="0">{escape(text)}</pre>'


def _clean(html: str) -> str:
    import bleach

    without = re.sub(r"<(script|style)\b.*?</\1\s*>", "", html, flags=re.DOTALL | re.IGNORECASE)
    return bleach.clean(without, tags=ALLOWED_TAGS, attributes=ALLOWED_ATTRIBUTES, strip=True)
