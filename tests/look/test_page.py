"""The page of a run and the gallery: order, safety, size, and what a browser finds."""

import json
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import samples

from helpers import figures, tables, wording
from helpers.records import to_frame
from helpers.report import gallery, page
from helpers.report.markdown import Markdown, write_formula

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
FLAGS += ["--disable-component-update", "--disable-sync", "--virtual-time-budget=20000"]
RUN = {"name": "proactive_help", "study": "proactive_help"}
PROSE = "## Method and sources\nThe bound $\\delta$ costs $5 to $10, see [doi](https://doi.org/10.1002/sim.1).\n\n"
PROSE += "$$z = \\frac{a}{b}$$\n\n### Notes\nSee https://y.org <script>alert(1)</script> [in](#answer) ![picture](https://x.org/a.png)"


def rendered(found=None, *parts, code=False):
    found = found or samples.results()
    return page.render(
        samples.notebook(*samples.top(found), *parts),
        {"title": found.title, "question": found.question, "study": found.study},
        run=RUN,
        code=code,
    )


class Tags(HTMLParser):
    """Collects every tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def check_safe(text):
    """Assert that a page runs nothing, loads nothing and has its policy first."""
    assert re.search(r"<head>\s*<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ", text)
    tags = Tags(text).found
    assert not [t for t, _ in tags if t in ("script", "iframe", "object", "embed", "link", "base", "form")]
    assert not [a for _, attrs in tags for a in attrs if a.startswith("on")]
    for tag, attrs in tags:
        for name in ("src", "srcset", "href"):
            address = attrs.get(name) or "#"
            assert address.startswith(("data:", "#")) or (tag == "a" and ":" not in address), (tag, address[:40])
    assert "http://" not in text and "https://" not in text


def test_render_puts_the_answer_first_and_the_contents_beside():
    text = rendered(None, "## Design\nProse.", tables.checks(samples.results()), PROSE)
    order = [
        '<header class="masthead" id="answer">',
        "<nav",
        "<main",
        "What this cannot show</h2>",
        "Prose.",
        "<footer",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert text.count("<h1") == 1 and ">Answer</h2>" not in text and "Title of the notebook" not in text
    links = re.findall(r'<li><a href="#([^"]+)">', text)
    assert links == ["answer", "what-this-cannot-show", "design", "method-and-sources"]
    assert all(f'id="{link}"' in text for link in links)
    assert '<html lang="en">' in text and '<a class="skip" href="#main">' in text


def test_render_is_safe_and_small():
    found = samples.results()
    text = rendered(found, figures.forest(found), tables.estimates(found), PROSE)
    check_safe(text)
    bare = page.render(samples.notebook(), {"title": "t", "question": "q"}, run=RUN)
    assert len(bare.encode()) < 15_000
    assert len(text.encode()) < 300_000
    assert rendered(found, PROSE) == rendered(found, PROSE)


def test_render_makes_hostile_labels_inert():
    found = samples.hostile()
    text = rendered(found, tables.estimates(found), tables.checks(found), tables.claims(found), tables.flow(found))
    check_safe(text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_render_leaves_out_code_unless_asked():
    assert "call(results)" not in rendered()
    with_code = rendered(code=True)
    assert '<details class="code"><summary>Code</summary><pre tabindex="0"><code>call(results)' in with_code


def test_render_leaves_out_tagged_cells_and_cleans_foreign_output():
    book = samples.notebook("## Data")
    foreign = f'<table onclick="x()"><tr><td>cell{samples.HOSTILE}</td></tr></table><img src=x onerror=y>'
    outputs = [
        nbformat.v4.new_output("display_data", data={"text/html": foreign}),
        nbformat.v4.new_output("display_data", data={page.RESULTS_TYPE: {"a": "results"}, "text/plain": "results"}),
        nbformat.v4.new_output("stream", name="stdout", text="said <b>"),
        nbformat.v4.new_output("stream", name="stderr", text="/home/me/warning"),
        nbformat.v4.new_output("error", ename="E", evalue="secret", traceback=["secret"]),
        nbformat.v4.new_output("display_data", data={"text/plain": "plain"}),
        nbformat.v4.new_output("display_data", data={"image/png": 'aGk=" onload="x', "text/plain": "A picture"}),
        nbformat.v4.new_output("display_data", data={"text/markdown": f"*told* {samples.HOSTILE}"}),
    ]
    book.cells.append(nbformat.v4.new_code_cell("x", outputs=outputs))
    for tag in ("remove-cell", "remove"):
        book.cells.append(nbformat.v4.new_markdown_cell(f"hidden by {tag}", metadata={"tags": [tag]}))
    text = page.render(book, {"title": "t", "question": "A question"}, run=RUN)
    check_safe(text)
    for part in ("cell", "said &lt;b&gt;", "plain", 'alt="A picture"', "<em>told</em>", "<h1>A question</h1>"):
        assert part in text
    for part in ("results</", "warning", "secret", "hidden by"):
        assert part not in text


def test_render_without_a_masthead_takes_it_from_the_results():
    results = {"question": "Q?", "answer": ["One <b>.", "Two."], "data": {"kind": "public"}}
    text = page.render(samples.notebook("## Data"), results, run=RUN)
    assert "<h1>Q?</h1>" in text and "<p>One &lt;b&gt;.</p><p>Two.</p>" in text and ">Public data</p>" in text


def test_markdown_keeps_html_inert_writes_formulas_and_no_outside_link():
    reader = Markdown()
    html = reader.render(PROSE)
    assert html.count("<math") == 2 and 'display="block"' in html and "$5 to $10" in html
    assert "doi (doi.org/10.1002/sim.1)" in html and '<a href="#answer">in</a>' in html
    assert "<script" not in html and "<img" not in html and "xmlns" not in html
    assert [c["text"] for c in reader.contents] == ["Method and sources"]
    assert 'id="method-and-sources-2"' in reader.render("# Method and sources")


def test_write_formula_that_cannot_be_read_or_hides_html_is_code():
    assert write_formula("\\text{<img onerror=x>}") == "<code>\\text{&lt;img onerror=x&gt;}</code>"
    assert write_formula("x", display="block").startswith('<math display="block">')
    assert write_formula("x").startswith('<math display="inline">')


def card(name, found, **changes):
    rows = json.loads(to_frame(found.estimates).to_json(orient="records")) if found.estimates else []
    standard = {
        "name": name,
        "title": found.title,
        "question": found.question,
        "status": found.status,
        "answer": list(found.answer),
        "data": {"kind": found.data.kind, "note": found.data.note, "source": found.data.source, "as_of": "2022-04-30"},
        "estimates": rows,
        "claims": [{"id": c.id} for c in found.claims],
        "metrics": samples.metrics().to_dict("records"),
        "href": f"{name}/report.html",
        "failed": False,
    }
    return {**standard, **changes}


def test_gallery_reads_as_findings_with_the_evidence_review_first():
    review = card("evidence_review", samples.results(), question="What was claimed?", estimates=[])
    text = gallery.render([card("one", samples.results()), card("two", samples.withheld()), review])
    check_safe(text)
    assert re.findall(r'<h2><a href="([^"]+)"', text) == [
        "evidence_review/report.html",
        "one/report.html",
        "two/report.html",
    ]
    for part in (
        "Simulated data, effect planted",
        "These data are simulated",
        "Without the links 23.2 %",
        "+9.0 points",
    ):
        assert part in text
    assert "Answered, data to 30 April 2022. Bears on published claims P13 and P04." in text
    assert "Withheld: no effect is shown" in text
    assert text.count('<div class="key">') == 1  # the review has no effect and the withheld one shows none


def test_gallery_shows_the_first_key_figure_of_a_run_without_effects():
    keys = [{"name": "Hold < all", "figure": "4 of 5", "note": "cells"}, {"name": "b", "figure": "2", "note": ""}]
    text = gallery.render([card("one", samples.results(), estimates=[], keys=keys)])
    check_safe(text)
    assert text.count('<div class="key">') == 1
    assert 'Hold &lt; all</span><strong class="figure">4 of 5</strong><span class="between">cells</span></div>' in text
    assert "4 of 5" not in gallery.render([card("one", samples.results(), estimates=[], keys=keys, failed=True)])


def test_gallery_names_neighbouring_claims_as_a_range_and_shows_the_first_clear_effect():
    found = samples.results()
    claims = [{"id": name} for name in ("P01", "P02", "P03", "P07", "R01")]
    unclear = [e.but(verdict="no clear difference") if e.metric == "activated" else e for e in found.estimates]
    text = gallery.render([card("one", found.but(estimates=tuple(unclear)), claims=claims)])
    assert "Bears on published claims P01 to P03, P07 and R01." in text
    assert text.count('<div class="key">') == 2
    assert "data without a date" in gallery.render([card("one", found, data={"kind": "public"})])
    assert "data without a date" not in gallery.render([card("one", found, data={"kind": "simulated"})])


def test_a_section_with_nothing_to_show_says_so_once():
    found = samples.results()
    none = found.but(estimates=())
    empty = (figures.forest(none, role="guardrail"), tables.estimates(none, role="guardrail"))
    text = rendered(found, "## Guardrails", *empty, "## Design", tables.checks(found), figures.looking_path(found))
    assert text.count("The plan names no guardrail metric.") == 1
    assert "There is no path to show." not in text


def test_gallery_says_once_what_public_data_are():
    data = {"kind": "public", "note": "Public data: a shop."}
    text = gallery.render(
        [card("one", samples.results(), data=data, answer=["Public data: a shop.", "They come back."])]
    )
    assert (text.count("Public data: a shop."), text.count("They come back.")) == (1, 1)


def test_gallery_says_what_failed_and_keeps_labels_inert():
    failed = card("one", samples.results(), failed=True, href=None)
    text = gallery.render([failed, card("two", samples.hostile())])
    check_safe(text)
    assert "The last run failed" in text and "1 failed" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    bare = gallery.render([{"name": "x", "failed": True}])
    assert "No data yet" in bare and "1 report: 1 failed." in bare


def run_chromium(program, folder, html, *flags):
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    command = [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def find_axe(program):
    """Return the file of axe-core: installed beside us, globally, or named by STUDIES_AXE."""
    root = subprocess.run([program, "root", "-g"], capture_output=True, text=True, check=False).stdout.strip()
    places = [os.environ.get("STUDIES_AXE", ""), "node_modules/axe-core/axe.min.js", f"{root}/axe-core/axe.min.js"]
    found = next((Path(p) for p in places if p and Path(p).is_file()), None)
    if found is None:
        stop = pytest.fail if os.environ.get("STUDIES_REQUIRE_ALL") == "1" else pytest.skip
        stop("axe-core is missing: npm install -g axe-core")
    return found


@pytest.mark.parametrize("name", ["report", "withheld", "gallery"])
def test_axe_finds_no_violation(name, needs, tmp_path):
    axe = find_axe(needs("npm")).read_text(encoding="utf-8")
    found = samples.results()
    html = {
        "report": lambda: rendered(
            found, "## Effects", figures.forest(found), tables.estimates(found), PROSE, code=True
        ),
        "withheld": lambda: rendered(samples.withheld(), "## Effects", figures.forest(samples.withheld())),
        "gallery": lambda: gallery.render([card("one", found), card("two", samples.interim())]),
    }[name]()
    html = re.sub(r"<meta http-equiv[^>]+>", "", html)  # the policy would stop axe itself
    ask = "axe.run().then(r => document.title = 'AXE ' + JSON.stringify(r.violations.map(v => v.id)))"
    html = html.replace("</body>", f"<script>{axe}</script><script>{ask}</script></body>")
    dom = run_chromium(needs("chromium"), tmp_path, html, "--dump-dom", "--window-size=1280,900")
    assert re.search(r"<title>AXE (.*?)</title>", dom)[1] == "[]"


def test_print_opens_details_and_cuts_nothing(needs, tmp_path):
    found = samples.results()
    html = rendered(found, tables.estimates(found, role="secondary"), tables.run_record(found, {"seed": 1}))
    run_chromium(needs("chromium"), tmp_path, html, f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    assert (tmp_path / "page.pdf").stat().st_size > 10_000
    assert "details::details-content{content-visibility:visible" in html.split("@media print")[1]


def test_render_leaves_out_what_a_run_does_not_ask_and_names_it():
    absent, shown = wording.show_absent("The plan names no steps."), tables.checks(samples.results())
    parts = [
        "## Data and checks",
        shown,
        "## Setup: which steps?",
        absent,
        absent,
        "## Review",
        absent,
        "### Words",
        shown,
    ]
    text = rendered(None, *parts, "## Size", wording.show_sentence("Too few."), "## Usage\nProse of usage.", absent)
    assert "The plan names no steps" in text  # under the heading that a smaller one keeps
    assert text.count("The plan names no steps") == 1
    assert not re.search("<h2[^>]*>(Setup|Usage)|Prose of usage", text)
    assert re.search("<h2[^>]*>Size", text)
    said = "Not part of this run, because its plan or data have no such thing: Setup: which steps; Usage."
    assert text.index("Data and checks</h2>") < text.index(said) < text.index("Review</h2>")
