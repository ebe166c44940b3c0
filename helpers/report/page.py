"""Pages: a run's notebook and results as one HTML file, answer first, and the index of all; no script, no address."""

import html
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import bleach
import mistune
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from helpers import paths
from helpers.report.store import read_record, read_results
from helpers.view.html import CSS, UNDECIDED, Row, draw, escape, find_axis, mark_verdict, name_id

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
LEFT_OUT = {"remove", "remove-cell", "title", "remove_cell", "injected-parameters"}
MASTHEAD, NOTE, ABSENT = '<header class="masthead">', '<p class="note', '<p class="note absent">'
EXPERT = "For the statistician"
ELSEWHERE = re.compile(r'<a class="other" href="\.\./([\w-]+)/report\.html[^"]*">(.*?)</a>')
ALSO = re.compile(r'(<(li|p)><strong>Also read</strong>: )((?:<a class="other"[^>]*>[^<]*</a>(?:, )?)+)(\.</\2>\n?)')
HEADING = re.compile(r"\s*(#{1,3}) (.*)")
PHRASES = "abbr b br caption code dd div dl dt em h3 h4 h5 h6 hr i li ol p pre s small span strong sub sup u ul"
ALLOWED_TAGS = {*PHRASES.split(), "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
ALLOWED_ATTRIBUTES = {"*": ["class"], "td": ["colspan", "rowspan"], "th": ["colspan", "rowspan", "scope"]}
TEMPLATES = Path(__file__).with_name("templates")
PAGES = Environment(loader=FileSystemLoader([CSS.parent, TEMPLATES]), autoescape=True, trim_blocks=True)
WORDS = paths.read_words(TEMPLATES / "index.yaml")


class Prose(mistune.HTMLRenderer):
    """A reader of Markdown: HTML in it is shown as text, and an outside address is printed beside its words.

    `contents` are `id` and `text` (escaped HTML) of every second-level heading so far; `taken` are ids in use.
    """

    def __init__(self):
        super().__init__(escape=True)
        self.contents, self.taken = [], {"answer", "main"}
        self.read = mistune.create_markdown(renderer=self, plugins=["table"])

    def heading(self, text, level, **attrs):
        """Return a heading with an id of its own; the page has one first-level heading, so others move down."""
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        name, level = _find_free(name_id(plain), self.taken), max(2, level)
        self.taken.add(name)
        if level == 2:
            self.contents.append({"id": name, "text": escape(plain)})
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def link(self, text, url, title=None):
        """Return a link within the page or to another report, or the words with their address."""
        if url.startswith(("#", "../")):
            kind = ' class="other"' if url.startswith("../") else ""
            return f'<a{kind} href="{escape(url)}">{text}</a>'
        address = re.sub(r"^[a-z]+:(//)?", "", url)
        return text if not re.match(r"https?:", url) or address in text else f"{text} ({escape(address)})"

    def image(self, text, url, title=None):
        """Return the words of a picture, which is not loaded."""
        return escape(text)

    def table(self, text):
        """Return a table that scrolls."""
        return f'<div class="scroll" tabindex="0"><table>{text}</table></div>\n'

    def block_code(self, code, info=None):
        """Return code that scrolls."""
        return f'<pre tabindex="0"><code>{escape(code)}</code></pre>\n'


def render(notebook, results: Mapping[str, Any], *, code: bool = False, beside: Collection[str] = ()) -> str:
    """Return the HTML of a report.

    Parameters
    ----------
    notebook : NotebookNode
        Executed. Cells tagged `remove`, `remove-cell` or `title` are left out; so are warnings and errors. HTML of
        our own displays passes as it is, any other HTML is cleaned. What stands below the heading "For the
        statistician" is folded. A section that shows nothing but what this run does not ask is left out.
    results : mapping
        The content of results.json; it fills the masthead when no cell shows one.
    code : bool
        Keep the code, folded; that of cells tagged `show-code` is always there, and open.
    beside : collection of str
        The runs to whose reports this one may link.

    Returns
    -------
    str: one file; equal inputs give equal text.
    """
    prose, taken = Prose(), set()
    cells = [cell for cell in notebook.cells if not LEFT_OUT & set(cell.metadata.get("tags", []))]
    told = [(cell, [_show_output(output, prose) for output in cell.get("outputs", [])]) for cell in cells]
    shown = [(cell, [name_apart(text, taken) for text in texts if text]) for cell, texts in told]
    prose.taken |= taken
    first = (output for _, outputs in shown for output in outputs if output.startswith(MASTHEAD))
    parts, place = {"masthead": next(first, "") or _write_masthead(results), "body": "", "expert": ""}, "body"
    for cell, outputs in chain(*_keep_sections(shown)):
        source = f'<details class="code"><summary>Code</summary>{_preformat(cell.source)}</details>' if code else ""
        source = _preformat(cell.source) if "show-code" in cell.metadata.get("tags", []) else source
        parts[place] += prose.read(cell.source) if cell.cell_type == "markdown" else source + "".join(outputs)
        place = "expert" if _read_heading(cell)[1] == EXPERT else place
    simulated = "Simulated data are no evidence. " if results["data"]["kind"] == "simulated" else ""
    foot = f"Run {results['run']} of the study {results['study']}. {simulated}"
    words = {"title": results["title"], "foot": f"{foot}Every table can be downloaded where it stands."}
    words |= {"contents": [{"id": "answer", "text": "Answer"}, *prose.contents]}
    words |= {"glossary": _choose_words("".join(parts.values()))}
    return keep_links(_fill("page.html.j2", **words, **{name: Markup(text) for name, text in parts.items()}), beside)


def keep_links(text: str, beside: Collection[str]) -> str:
    """Return a page whose links to reports of other runs than those beside it are words; of what to also read, gone."""

    def shorten(line):
        kept = ", ".join(link[0] for link in ELSEWHERE.finditer(line[3]) if link[1] in beside)
        return kept and f"{line[1]}{kept}{line[4]}"

    return ELSEWHERE.sub(lambda link: link[0] if link[1] in beside else link[2], ALSO.sub(shorten, text))


def _fill(template, **parts) -> str:
    """Fill a template; outside addresses stand without http, so that nothing makes a link of them."""
    css = "".join(CSS.with_name(name).read_text(encoding="utf-8") for name in ("page.css", "style.css"))
    text = PAGES.get_template(template).render(policy=Markup(POLICY), css=Markup(css.replace("\n", "")), **parts)
    return re.sub(r"https?://", "", text.replace(' xmlns="http://www.w3.org/2000/svg"', ""))


def name_apart(text: str, taken: set[str]) -> str:
    """Return HTML whose ids no other part has: what is shown twice has a number behind the second's ids.

    Parameters
    ----------
    text : str
    taken : set of str
        The ids so far, to which those of this part are added.
    """
    ids = set(re.findall(r' id="([^"]+)"', text))
    apart = {name: _find_free(name, taken | ids) for name in ids & taken}
    taken |= {apart.get(name, name) for name in ids}
    return re.sub(r'( id="|href="#|url\(#)([^")]+)', lambda m: m[1] + apart.get(m[2], m[2]), text) if apart else text


def _find_free(name, taken):
    return next(new for number in count(1) if (new := name if number == 1 else f"{name}-{number}") not in taken)


def _choose_words(text: str) -> dict[str, str]:
    """The words of the glossary that the page uses, each with its meaning."""
    low = html.unescape(re.sub(r"<[^>]*>", " ", text)).lower()
    known = paths.read_words(paths.VIEWS / "glossary.yaml").items()
    return {word: told for word, told in known if re.search(rf"\b{re.escape(word.split(' (')[0].lower())}\b", low)}


def _read_heading(cell) -> tuple[int, str]:
    """Level and words of a cell's heading; level 0 where it has none."""
    found = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
    return (len(found[1]), found[2].strip()) if found else (0, "")


def _keep_sections(shown) -> list[list]:
    """The cells by section, without sections that show nothing; one stays while a smaller one below it is kept.

    Of sentences that there is nothing to show one a section is kept, and none beside something that is shown.
    """
    sections: list[list] = [[]]
    for cell, outputs in shown:
        if _read_heading(cell)[0]:
            sections.append([])
        sections[-1].append((cell, [output for output in outputs if not output.startswith(MASTHEAD)]))
    kept, below = [], 0
    for section in reversed([section for section in sections if section]):
        told = [output for _, outputs in section for output in outputs]
        level = _read_heading(section[0][0])[0]
        absent = bool(told) and all(output.startswith(ABSENT) for output in told)
        if absent and not below > level > 0:
            continue
        below = level or below
        only = told[0] if told and not absent and all(output.startswith(NOTE) for output in told) else None
        show = lambda output, only=only: output is only or not output.startswith(NOTE)  # noqa: E731
        kept.append([(cell, list(filter(show, outputs))) for cell, outputs in section])
    return kept[::-1]


def _show_output(output, prose: Prose) -> str:
    """Return an output of a code cell as HTML; nothing of warnings, errors and what is published."""
    if output.output_type == "stream":
        return _preformat(output.text) if output.name == "stdout" and output.text.strip() else ""
    data, said = output.get("data", {}), output.get("metadata", {})
    if output.output_type == "error" or any(mime.startswith("application/vnd.support-studies") for mime in data):
        return ""
    if "text/html" in data:
        return data["text/html"] if said.get("text/html", {}).get("own") else _clean(data["text/html"])
    if "image/png" in data:
        image = re.sub(r"[^A-Za-z0-9+/=]", "", data["image/png"])
        alternative = escape(said.get("alt") or data.get("text/plain") or "Picture")
        return f'<figure><div class="card"><img alt="{alternative}" src="data:image/png;base64,{image}"></div></figure>'
    if "text/markdown" in data:
        return prose.read(data["text/markdown"])
    return _preformat(data["text/plain"]) if data.get("text/plain", "").strip() else ""


def _write_masthead(results) -> str:
    answer = "".join(f"<p>{escape(sentence)}</p>" for sentence in results["answer"])
    kind, title = escape(results["data"]["kind"]), escape(results["title"])
    return f'{MASTHEAD}<p class="kind">{kind}</p><h1>{title}</h1><div class="answer">{answer}</div></header>'


def _preformat(text: str) -> str:
    return f'<pre tabindex="0">{escape(text)}</pre>'


def _clean(text: str) -> str:
    without = re.sub(r"<(script|style)\b.*?</\1\s*>", "", text, flags=re.DOTALL | re.IGNORECASE)
    cleaned = bleach.clean(without, tags=ALLOWED_TAGS, attributes=ALLOWED_ATTRIBUTES, strip=True)
    return f'<div class="scroll" tabindex="0">{cleaned}</div>'


def collect_cards(out: Path) -> list[dict[str, Any]]:
    """Return one card a run that has a report or has failed, from its run.json and results.json.

    Returns
    -------
    list of dict: name, group, kind, question, answer, next, mark, status, date, started, href, failed
    """
    found, marks = [], ("report.html", "failed.html")
    for folder in sorted({file.parent for name in marks for file in out.glob(f"[a-z0-9]*/{name}")}):
        results, record = read_results(folder / "results.json"), read_record(folder)
        kind, failed = results["data"]["kind"] if results else "none", (folder / "failed.html").is_file()
        card = {"answer": "", "question": folder.name, "mark": None, **record.get("card", {}), "name": folder.name}
        own = [results["study"], card.get("group")] if results else []  # a page of its own, or what its template says
        group = next((name for name in own if name in WORDS["groups"]), kind)
        card |= {"group": group, "kind": WORDS["kinds"].get(group, WORDS["kinds"][kind]), "failed": failed}
        card |= {"date": (card.get("dated", True) and record.get("as_of")) or "", "started": record.get("started", "")}
        card |= {"status": results.get("status", "" if failed else "unreadable")}
        card |= {} if results else {"answer": "", "mark": None}
        found.append({**card, "href": f"{folder.name}/{'failed' if failed and not results else 'report'}.html"})
    return found


def render_index(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return the HTML of the index: an overall sentence, then the runs by group, the newest first.

    Parameters
    ----------
    cards : sequence of mapping, as `collect_cards` gives them

    Returns
    -------
    str: one file that loads nothing.
    """
    groups: dict[str, list] = {name: [] for name in WORDS["groups"].values()}
    for card in sorted(cards, key=lambda card: card["started"], reverse=True):
        mark, drawn = card["mark"] or {"middle": None, "verdict": ""}, ""
        if mark["middle"] is not None:
            pieces = () if mark["low"] is None else ((mark["low"], mark["high"]),)
            row = Row("", "", middle=mark["middle"], pieces=pieces, verdict=mark["verdict"])
            drawn = draw("mark", row=row, axis=find_axis([row]))
        judged = mark_verdict(mark["verdict"]) if mark["verdict"] else ""
        told = {"answer": Markup(escape(card["answer"])), "drawn": Markup(drawn), "judged": Markup(judged)}
        told["box"] = WORDS["boxes"].get("failed" if card["failed"] else card["status"])
        groups[WORDS["groups"][card["group"]]].append({**card, **told, "idle": mark["verdict"] == UNDECIDED})
    named = {name: group for name, group in groups.items() if group}
    return _fill("index.html.j2", groups=named, cards_of_all=cards)
