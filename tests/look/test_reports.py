"""Every run of reports.yaml keeps what the page promises: length, places, print, names, downloads, and its answer."""

import json
import math
import re
from dataclasses import fields
from itertools import pairwise
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from look import measure

from helpers import paths
from helpers.records import NAN, DataInfo, Estimate, Results
from helpers.view import scales
from helpers.view.numbers import capitalise

RUNS = {run["name"]: run for run in yaml.safe_load(paths.RUNS.read_text())}
MOST = {"words": 900, "pictures": 6, "tables": 4}
MOST_OF_MILESTONES = {"words": 1200, "pictures": 8, "tables": 6}  # ten questions in one study
DOCS = ("guide", "methods")  # they explain rather than answer: length, sheets and codes in prose are not limited
SCREEN, PHONE_SCREENS, SHEETS, ALTERNATIVE = 1000, 2 * 844, 12, 250
FORBIDDEN = ("anything between", "took it up", "the usual count", "foretells", "watch activated")
FORBIDDEN += ("holds the truth", "one row a metric")


def read_page(reports, name):
    return (reports / name / "report.html").read_text()


@pytest.fixture(scope="module")
def measured(reports, needs, tmp_path_factory):
    """Return every report as Chromium shows it on a wide screen, a tablet and a phone, by name and width."""
    texts = {name: read_page(reports, name) for name in RUNS}
    found = measure.ask(needs("chromium"), tmp_path_factory.mktemp("pages"), texts)
    return {key: SimpleNamespace(**answer) for key, answer in found.items()}


@pytest.fixture(scope="module")
def printed(reports, needs, tmp_path_factory):
    """Return the folder of NAME.pdf, each report as Chromium prints it."""
    folder, texts = tmp_path_factory.mktemp("printed"), {name: read_page(reports, name) for name in RUNS}
    measure.print_pages(needs("chromium"), folder, texts)
    return folder


@pytest.fixture(scope="module", params=RUNS)
def page(request, reports, measured):
    """Return a report, its measures in each width, and its results."""
    name = request.param
    sizes = {size: measured[name, getattr(measure, size.upper())] for size in ("wide", "tablet", "phone")}
    results = json.loads((reports / name / "results.json").read_text())
    return SimpleNamespace(name=name, study=RUNS[name]["study"], results=results, **sizes)


def list_words(text):
    """Return the words of a text; a mark alone is none."""
    return [word for word in text.split() if any(letter.isalnum() for letter in word)]


def skip_docs(page):
    """Skip what holds of reports that answer a question."""
    if page.study in DOCS:
        pytest.skip("a page that explains")


def test_page_is_short(page):
    skip_docs(page)
    most = MOST_OF_MILESTONES if page.study == "customer_milestones" else MOST
    found = {"words": len(list_words(page.wide.open)), "pictures": page.wide.pictures, "tables": page.wide.tables}
    assert {what: (count, most[what]) for what, count in found.items() if count > most[what]} == {}


def test_first_picture_stands_on_the_first_screen(page):
    assert page.wide.top < SCREEN
    assert page.phone.top < PHONE_SCREENS


def test_nothing_leaves_its_place_or_crosses_on_any_screen(page):
    for size in (page.wide, page.tablet, page.phone):
        assert (size.overflow, size.clipped, size.crossed) == (0, [], [])


def test_print_is_short_and_no_sheet_is_half_empty(page, printed, needs):
    *sheets, _ = measure.measure_sheets(needs("pdftoppm"), printed / f"{page.name}.pdf")
    assert len(sheets) < SHEETS or page.study in DOCS
    assert [round(share, 2) for share in sheets if share < 0.5] == []


def test_codes_and_file_names_stand_in_no_prose(page):
    skip_docs(page)
    told = [t for t in page.wide.texts if t["part"] != "record"]
    assert sorted({word for t in told for word in re.findall(r"\w*[a-z]_[a-z]\w*", t["text"])}) == []
    files = r"\b\w+\.(?:json|ya?ml|csv|ipynb|md)\b"
    assert sorted({word for t in told if t["part"] == "page" for word in re.findall(files, t["text"])}) == []


def test_words_that_no_reader_understands_are_gone(page):
    text = re.sub(r"\s+", " ", " ".join(t["text"] for t in page.wide.texts)).lower()
    assert [words for words in FORBIDDEN if words in text] == []
    outside = " ".join(t["text"] for t in page.wide.texts if t["part"] == "page")
    assert len(re.findall("simulated", outside, re.IGNORECASE)) <= 3


def test_every_part_has_a_heading_a_link_and_its_data(page):
    wide = page.wide
    assert [part for part in wide.parts if not part["id"] or part["link"] != f"#{part['id']}"] == []
    assert [p for p in wide.parts if p["files"] != ("csv svg" if p["drawn"] else "csv")] == []
    assert [p for p in wide.parts if p["heads"] != "H3" and (p["picture"] or p["heads"])] == []
    assert (wide.twice, wide.dead) == ([], [])
    levels = [level for level, _ in wide.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_alternative_texts_are_short_sentences(page):
    assert [said for said in page.wide.said if not 20 <= len(said) <= ALTERNATIVE] == []


def rebuild(found, plan):
    """Return results, as far as their effects are displayed, from results.json and the plan."""
    missing = {f.name for f in fields(Estimate) if isinstance(f.default, float) and math.isnan(f.default)}
    rows = [{k: NAN if v is None and k in missing else v for k, v in row.items()} for row in found["estimates"]]
    data = DataInfo(**{**found["data"], "steps": (), "messages": ()})
    tables = {"metrics": pd.DataFrame(found["tables"].get("metrics", []), dtype=object)}
    shown = {key: plan.get(key) for key in ("labels", "shown_as", "answers")}
    estimates = tuple(Estimate(**row) for row in rows)
    return Results(found["study"], "", "", found["status"], data, shown, estimates=estimates, tables=tables)


def read_plan(found):
    """Return the plan that a run followed as it is written; empty where it followed none."""
    file = found["plan"]["file"]
    return yaml.safe_load((paths.PLANS / file).read_text()) if file else {}


def test_the_answer_holds_what_the_plan_says_answers(page):
    plan, headline = read_plan(page.results), page.wide.headline.replace("\xa0", " ")
    results, card = rebuild(page.results, plan), [[c.replace("\xa0", " ") for c in row] for row in page.wide.card]
    assert card[0][1] in headline
    expected = []
    for metric in plan.get("answers") or []:
        for e in (scales.orient(results, e) for e in results.headline(metric)):
            scale = scales.read_scale(results, metric)
            expected.append([capitalise(scale.label), scales.write_effect(e, scale)])
    assert [told for _, told in expected if told not in headline] == []
    assert card[: len(expected)] == expected
