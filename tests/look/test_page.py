"""The page of a run and the gallery: order, safety, what leaves them, and what a checker of accessibility finds."""

import json
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import samples
from look import measure

from helpers.report import page
from helpers.report.document import RESULTS_MIME
from helpers.view import charts, effects, record
from helpers.view.html import Display, Row, draw_rows, show_sentence
from helpers.view.show import color_lines, frame_part

RUN = {"run": "our_links", "study": "proactive_help"}
LABELS = {"links": "with links", "no_links": "without links"}
PLAN = {"file": "own.yaml", "sha256": "ab", "departures": [], "labels": LABELS, "answers": ["activated"]}
ANSWER = ("These data are simulated.", "It helps: +9.0 points.", "A doubt.", "Next: go on.")
PROSE = "## Method and sources\nIt costs $5 to $10, see [doi](https://doi.org/10.1002/sim.1).\n\n"
PROSE += "### Notes\nSee https://y.org <script>alert(1)</script> [in](#answer)\n"
PROSE += "![picture](https://x.org/a.png)"
EXPERT = "## For the statistician"
NOTHING = show_sentence("The plan names no steps.", absent=True)


@pytest.fixture(autouse=True)
def runner(monkeypatch):
    """Let displays be those of the runner, without a style sheet of their own."""
    monkeypatch.setenv("STUDIES_RUN", RUN["run"])


def make(**changes):
    """Return results as a template has told them: the kind, one bold sentence, a bullet, what is next."""
    return samples.results(**{"answer": ANSWER, "plan": PLAN, "words": {"kind": ANSWER[:1]}, **changes})


def withhold():
    """Return results whose effects are withheld."""
    found = samples.withheld()
    return found.but(answer=(*ANSWER[:1], *found.answer), plan=PLAN, words={"kind": ANSWER[:1]})


def render(found=None, *parts, code=False, start=True):
    """Return a page: the first screen, then Markdown and displays; `found` fills its foot."""
    found = found or make()
    results = {**RUN, "title": found.title, "answer": found.answer, "data": {"kind": found.data.kind}}
    return page.render(samples.notebook(*[effects.masthead(found)] * start, *parts), results, code=code)


def list_displays(found):
    """Return every display that shows words from the data."""
    shown = [effects.ladder(found, [e for e in found.estimates if e.segment is None][:3])]
    shown += [effects.segments(found, metric="activated"), effects.weeks(found, metric="activated")]
    shown += [effects.sensitivity(found), record.count_claims(found)]
    return [*shown, record.limits(found), record.trust_line(found), record.run_record(found, {"seed": 1})]


def draw(name):
    """Return a curve of two arms as a part of the page."""
    chart = charts.Chart("day", "share", "Days", by="arm", at_risk="at_risk", name=name)
    drawn = charts.curve(samples.curves(), chart, color_lines(["links", "no_links"], "links"))
    wide, narrow = drawn.values()
    html = f'<div class="card" role="img" aria-label="Two curves, one an arm."><div class="wide">{wide}</div>'
    html += f'<div class="narrow">{narrow}</div></div>'
    words = {"title": "Activation comes early", "note": "", "name": name, "frame": samples.curves()}
    return frame_part(make(), (html, "", wide), **words)


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


def test_render_puts_the_answer_first_and_the_statistician_behind_a_fold():
    text = render(None, "## Does it pay?\nProse.", draw("pay"), EXPERT, "### Design\nSplit.", PROSE)
    parts = ['id="answer"', '<p class="kind">', "<h1>", "It helps: ", "Next:", 'id="scorecard"', "<nav", "<main"]
    parts += ["Prose.", 'id="pay"', "For the statistician</h2>", '<details class="expert">', "Split.", "$5 to", "<dl>"]
    places = [text.index(part) for part in [*parts, "</details>\n</main>", "<footer"]]
    assert places == sorted(places)
    assert text.count("<h1") == 1 and "Title of the notebook" not in text
    links = re.findall(r'<li><a href="#([^"]+)">', text)
    assert links == ["answer", "does-it-pay", "for-the-statistician", "method-and-sources"]
    assert all(f'id="{link}"' in text for link in links) and '<a class="skip" href="#main">' in text
    assert "Run our_links of the study proactive_help. Simulated data are no evidence." in text
    assert "expert" not in re.sub("<style>.*?</style>", "", render(None, "## Data\nProse."))


def test_render_is_safe_small_and_the_same_again():
    found = make()
    text = render(found, *list_displays(found), draw("curves"), PROSE)
    check_safe(text)
    assert text == render(found, *list_displays(found), draw("curves"), PROSE)
    assert len(text.encode()) < 300_000 and len(render(found, start=False).encode()) < 15_000


def test_render_makes_hostile_labels_inert():
    found = samples.hostile()
    text = render(found, *list_displays(found), EXPERT, *list_displays(found))
    check_safe(text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_render_leaves_out_code_unless_asked():
    assert "call(results)" not in render()
    assert '<details class="code"><summary>Code</summary><pre tabindex="0">call(results)' in render(code=True)


def test_render_leaves_out_tagged_cells_and_cleans_foreign_output():
    book = samples.notebook("## Data")
    foreign = f'<table onclick="x()"><tr><td id="x">cell{samples.HOSTILE}</td></tr></table><img src=x onerror=y>'
    shown = [{"text/html": foreign}, {RESULTS_MIME: {"a": "results"}, "text/plain": "results"}, {"text/plain": "plain"}]
    shown += [{"image/png": 'aGk=" onload="x', "text/plain": "A picture"}]
    shown += [{"text/markdown": f"*told* {samples.HOSTILE}"}]
    outputs = [nbformat.v4.new_output("display_data", data=data) for data in shown]
    outputs += [nbformat.v4.new_output("stream", name="stdout", text="said <b>")]
    outputs += [nbformat.v4.new_output("stream", name="stderr", text="/home/me/warning")]
    outputs += [nbformat.v4.new_output("error", ename="E", evalue="secret", traceback=["secret"])]
    book.cells.append(nbformat.v4.new_code_cell("x", outputs=outputs))
    for tag in ("remove-cell", "remove"):
        book.cells.append(nbformat.v4.new_markdown_cell(f"hidden by {tag}", metadata={"tags": [tag]}))
    text = page.render(book, {**RUN, "title": "A title", "answer": [], "data": {"kind": "yours"}})
    check_safe(text)
    for part in ("cell", "said &lt;b&gt;", "plain", 'alt="A picture"', "<em>told</em>", "<h1>A title</h1>"):
        assert part in text
    assert [part for part in ("results</", "warning", "secret", "hidden by", 'id="x"') if part in text] == []


def test_render_without_a_masthead_takes_it_from_the_results():
    results = {**RUN, "title": "Q?", "answer": ["One <b>.", "Two."], "data": {"kind": "public"}}
    text = page.render(samples.notebook("## Data"), results)
    assert "<h1>Q?</h1>" in text and "<p>One &lt;b&gt;.</p><p>Two.</p>" in text and ">public</p>" in text


def test_render_leaves_out_a_section_that_shows_nothing():
    shown, few = draw("curves"), show_sentence("Too few.")
    parts = ["## Curves", shown, "## Setup", NOTHING, NOTHING, "## Review", NOTHING, "### Words", shown]
    text = render(None, *parts, "## Size", few, "## Usage\nProse of usage.", NOTHING, "## Weeks", NOTHING, shown)
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", text) == ["Curves", "Review", "Size", "Weeks"]
    assert "Prose of usage" not in text
    assert "The plan names no steps" not in text  # not even below Review, which a smaller heading keeps


def test_render_gives_what_is_shown_twice_an_address_of_its_own():
    part = Display('<figure id="curves"><a href="#curves">#</a><svg><path id="p"/><use href="#p"/></svg></figure>', "")
    text = render(None, "## Curves", part, part, EXPERT, part)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and {"curves", "curves-2", "curves-3", "curves-4"} <= set(ids)
    assert text.count('<a href="#curves-2">#</a><svg><path id="p-2"/><use href="#p-2"/>') == 1
    assert '<h2 id="curves-4">Curves</h2>' in text


def test_markdown_keeps_html_inert_and_writes_no_outside_link():
    reader = page.Prose()
    html = reader.read(PROSE)
    assert "$5 to $10" in html
    assert "doi (doi.org/10.1002/sim.1)" in html and '<a href="#answer">in</a>' in html
    assert "<script" not in html and "<img" not in html
    assert [c["text"] for c in reader.contents] == ["Method and sources"]
    assert 'id="method-and-sources-2"' in reader.read("# Method and sources")


def test_a_withheld_page_is_boxed_and_shows_no_effect():
    text = render(withhold(), "## Is it real?", *list_displays(withhold()))
    assert '<div class="box withheld"><p class="state">Withheld: no effect is shown</p><p class="headline">' in text
    body = text.split("</style>")[1]
    assert "points" not in body and "<figure" not in body and 'class="rows"' not in body


def card(name, found=None, **changes):
    """Return one row of the gallery, as `collect_cards` reads it from a folder."""
    told = {"name": name, "group": "simulated", "kind": "simulated data, no evidence", "status": "answered"}
    told |= {"date": "2022-04-30", "started": "2026-01-01", "href": f"{name}/report.html", "failed": False}
    return {**record.make_card(found or make()), **told, **changes}


def test_gallery_has_the_review_then_her_own_runs_and_the_newest_first():
    own = {"group": "yours", "kind": "your own data"}
    cards = [card("one"), card("old", **own), card("new", started="2026-02-02", **own)]
    cards += [card("check", group="validation"), card("lost", group="none", failed=True), card("shop", group="public")]
    cards += [card("review", group="evidence_review"), card("size", group="experiment_design")]
    cards += [card("work", group="methods"), card("guide", group="guide", started="2026-02-02")]
    text = page.render_index(cards)
    check_safe(text)
    names = ["review", "new", "old", "one", "shop", "size", "check", "guide", "work", "lost"]
    assert re.findall(r'<h3><a href="(\w+)/', text) == names
    groups = [name.replace("'", "&#39;") for name in dict.fromkeys(page.WORDS["groups"].values())]
    assert re.findall(r"<h2>(.*?)</h2>", text) == groups
    first = text.split("<article")[2]
    parts = [make().question, "It helps: +9.0\u00a0points.", "your own data", "data to 2022-04-30", "<strong>+9.0"]
    assert [part for part in [*parts, "[+7.1, +10.9]", 'class="effect"', "clear benefit"] if part not in first] == []
    assert "2 of 10 reports speak of your own data." in text
    assert "none of them on your own data yet" in page.render_index([card("one")])


def test_gallery_draws_the_interval_and_nothing_of_what_the_plan_calls_worthwhile():
    mark = card("one")["mark"]
    assert (mark["low"], mark["middle"], mark["high"]) == pytest.approx((0.071, 0.09, 0.109))
    text = page.render_index([card("one")])
    zero, low = (float(re.search(rf'class="{name}" d="M([\d.]+) ', text)[1]) for name in ("zero", "bar"))
    assert low > zero + 100  # a clear benefit stands clear of no effect


def test_gallery_dates_no_run_that_asks_something_else_than_its_plan():
    assert card("one")["dated"] and not card("calls", make(words={"card only": ("Agents | 9",)}))["dated"]


def test_gallery_puts_a_run_where_its_card_says_unless_its_results_are_lost(tmp_path, monkeypatch):
    (tmp_path / "calls").mkdir()
    for name, text in (("report.html", ""), ("run.json", '{"card": {"group": "public"}}')):
        (tmp_path / "calls" / name).write_text(text)
    assert page.collect_cards(tmp_path)[0]["group"] == "none"
    monkeypatch.setattr(page, "read_results", lambda file: {"study": "live_support", "data": {"kind": "simulated"}})
    (told,) = page.collect_cards(tmp_path)
    assert (told["group"], told["kind"]) == ("public", "public data")


def test_rows_on_a_phone_tell_the_effect_on_a_line_of_its_own_and_leave_no_room_for_no_picture(needs, tmp_path):
    rows = [Row("a", "+1", values=("2", "1"), middle=1.0, unit=("points",)), Row("b", "9 to 14", values=("", "1"))]
    drawn, _, _ = draw_rows(rows, heads=("with", "without"), contrast="", caption="", what="")
    text = page.render_index([card("one")]).replace('<main id="main" tabindex="-1">', f"<main>{drawn}")
    ask = """const place = (row, what) => row.querySelector(what).getBoundingClientRect()
    return [...document.querySelectorAll('.rows tbody tr')].map(row =>
      [place(row, '.told').top >= place(row, '.arm1').bottom, place(row, '.drawn').height])"""
    found = measure.ask(needs("chromium"), tmp_path, {"page": text}, ask, widths=(measure.PHONE,))
    assert found["page", measure.PHONE] == [[True, 30], [True, 0]]


def test_gallery_marks_no_effect_as_decided_where_no_metric_is_primary():
    idle = make().tables["metrics"].assign(role="secondary")
    found = make(tables={**make().tables, "metrics": idle})
    text = page.render_index([card("one"), card("idle", found)])
    decided, undecided = text.split("<article")[1:3]
    assert "clear benefit" in decided and "clear benefit" not in undecided
    assert 'class="mark-box muted"' in undecided and "muted" not in decided
    told = '<span class="verdict"><span class="mark" aria-hidden="true">–</span> nothing decides: no metric is primary'
    assert told in undecided


WHOLE = {"schema": 1, "run": "one", "title": "", "status": "answered", "answer": [], "parameters": {}, "plan": {}}
WHOLE |= {"tables": {}, "estimates": [], "tests": [], "checks": [], "claims": []}
PUBLIC = {"data": {"kind": "public"}}


def test_gallery_says_what_failed_or_is_withheld_and_keeps_labels_inert():
    failed = card("one", failed=True, href="one/failed.html")
    stopped = card("three", withhold(), status="withheld")
    text = page.render_index([failed, card("two", samples.hostile()), stopped])
    check_safe(text)
    assert "The last run failed" in text and "1 failed the last time." in text and ">Withheld<" in text
    assert text.count('class="effect"') == 1 and "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_collect_cards_reads_what_runs_left(tmp_path):
    for name, files in {
        "done": {"results.json": {**WHOLE, **PUBLIC, "study": "experiment"}, "report.html": {}},
        "lost": {"failed.html": {}},
        "notes": {"readme.txt": {}},
        "review": {"results.json": {**WHOLE, **PUBLIC, "study": "evidence_review"}, "report.html": {}},
    }.items():
        (tmp_path / name).mkdir()
        for file, content in {**files, "run.json": {"card": {"question": f"{name}?"}, "as_of": "2020-01-01"}}.items():
            (tmp_path / name / file).write_text(json.dumps(content))
    done, lost, review = page.collect_cards(tmp_path)
    told = {"question": "done?", "group": "public", "date": "2020-01-01", "href": "done/report.html"}
    assert {key: done[key] for key in told} == told and review["group"] == "evidence_review"
    told = {"question": "lost?", "group": "none", "kind": "no data yet", "href": "lost/failed.html", "failed": True}
    assert {key: lost[key] for key in told} == told
    text = page.render_index([done, lost, review])  # the review of all evidence stands first
    assert text.index("The evidence so far") < min(text.index("done?"), text.index("lost?"))
    assert "published claims and studies" in text


def find_axe(program):
    """Return the file of axe-core: installed beside us, globally, or named by STUDIES_AXE."""
    root = subprocess.run([program, "root", "-g"], capture_output=True, text=True, check=False).stdout.strip()
    places = [os.environ.get("STUDIES_AXE", ""), "node_modules/axe-core/axe.min.js", f"{root}/axe-core/axe.min.js"]
    found = next((Path(p) for p in places if p and Path(p).is_file()), None)
    if found is None:
        stop = pytest.fail if os.environ.get("STUDIES_REQUIRE_ALL") == "1" else pytest.skip
        stop("axe-core is missing: npm install -g axe-core")
    return found.read_text(encoding="utf-8")


def test_axe_finds_no_violation_in_light_and_dark(needs, tmp_path):
    found = make()
    pages = {
        "report": render(found, "## Effects", draw("curves"), EXPERT, *list_displays(found), PROSE, code=True),
        "withheld": render(withhold(), "## Effects", *list_displays(withhold())),
        "gallery": page.render_index(
            [card("one"), card("two", withhold(), status="withheld"), card("lost", failed=True)]
        ),
    }
    pages |= {f"dark {name}": html.replace("(prefers-color-scheme:dark)", "all") for name, html in pages.items()}
    ask = "document.querySelectorAll('details').forEach(e => e.open = true);"
    ask += "return axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 90))]))"
    axe = find_axe(needs("npm"))
    said = measure.ask(needs("chromium"), tmp_path, pages, ask, widths=(measure.WIDE, 500), library=axe)
    assert {where: violations for where, violations in said.items() if violations} == {}
