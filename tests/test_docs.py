"""The pages that explain: every row of METHODS stands there by itself, worked, and every key that a plan may hold."""

import html
import json
import math
import re
from dataclasses import replace
from functools import partial

import pytest
import samples
import yaml
from look import pictures
from scipy import stats

from helpers import docs, paths
from helpers import plan as plans
from helpers.inference.means import permutation_difference
from helpers.inference.methods import METHODS
from helpers.plan.design import Design
from helpers.report import page
from helpers.view import record
from helpers.view.words import explain


@pytest.fixture(scope="module")
def worked():
    """Return the page's results with its words."""
    return explain(docs.work_methods(seed=3), None)


def test_every_method_says_when_it_is_used_how_and_from_where(worked):
    text = docs.list_methods(worked).text.split("\n\n")
    told = {part.partition("\n")[0]: part for part in text}
    assert [*told] == [method.name for method in METHODS]
    for method in METHODS:
        assert worked.words[f"when {method.name}"], method.name
        assert method.reference in told[method.name] and method.domain.describe()[1:] in told[method.name]
        assert re.search("[₁₀√Σ∫²≤]", told[method.name].partition("Formula: ")[2].partition("Worked: ")[0]), method.name
        assert not re.search(r"\w\n(?!\S+ = )", worked.tables["methods"].set_index("name")["formula"][method.name])
    whens = re.findall("^== when (.*)$", (paths.VIEWS / "methods.md.j2").read_text(encoding="utf-8"), re.M)
    assert set(whens) <= {*told}  # no word of a method that is gone


def read_arm(row, side):
    """Return units, mean and variance of an arm as the page prints them."""
    found = re.fullmatch(r"([\d,]+) units; mean ([-\d.e+]+); variance ([-\d.e+]+)", row[f"drawn_{side}"])
    return (float(part.replace(",", "")) for part in found.groups())


def test_example_of_welch_can_be_followed_by_hand(worked):
    row = worked.tables["methods"].set_index("name").loc["Welch difference"]
    (n0, mean0, var0), (n1, mean1, var1) = read_arm(row, "control"), read_arm(row, "treatment")
    v0, v1 = var0 / n0, var1 / n1
    freedom = (v0 + v1) ** 2 / (v0**2 / (n0 - 1) + v1**2 / (n1 - 1))
    reach = stats.t.isf(0.025, freedom) * math.sqrt(v0 + v1)
    assert row["estimate"] == pytest.approx(mean1 - mean0, abs=2e-3)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((mean1 - mean0 - reach, mean1 - mean0 + reach), abs=2e-3)


def test_examples_lie_in_their_domain_and_mostly_hold_their_truth(worked):
    table = worked.tables["methods"]
    assert (table["n_control"] == table["n_treatment"]).all() and table["n_control"].between(200, 1000).all()
    assert table["holds"].dropna().mean() > 0.8 and worked.checks[0].status == "pass"
    has_none = {m.name for m in METHODS if not m.has_interval}
    assert set(table.loc[table["ci_low"].isna(), "name"]) == has_none


def test_what_was_measured_is_the_committed_record(worked):
    row = worked.tables["methods"].set_index("name").loc["Welch difference"]
    kept = (paths.DATA / "validation" / "deep.csv").read_text().splitlines()
    measured = next(line for line in kept if "Welch" in line)
    assert f",{int(row['draws'])},{row['pooled_coverage']:g}," in measured


def trim(control, treatment, **options):
    """Return the permuted difference, under another name and without a formula.

    Notes on nothing.
    """
    return permutation_difference(control, treatment, **options)


def test_a_new_method_stands_there_without_any_word_of_its_own():
    known = next(method for method in METHODS if method.method == "permutation")
    steps = (known.steps[0], partial(trim))
    new = replace(known, name="trimmed difference", method="trimmed mean", steps=steps, reference="Yuen 1974")
    results = explain(docs.work_methods([METHODS[0], new]), None)
    part = docs.list_methods(results).text.split("\n\n")[1]
    assert part.startswith(
        "trimmed difference\nWhen: For money.\nFormula: Return the permuted difference, under another"
    )
    assert part.endswith("Measured: Not yet.\nSource: Yuen 1974.")
    assert "Not measured yet on the deep grid: trimmed difference." in " ".join(results.answer)


def test_seed_and_level_change_the_examples():
    changes = {}, {"seed": 2}, {"confidence_level": 0.99}
    first, other, wide = (docs.work_methods(METHODS[:1], **change).tables["methods"].iloc[0] for change in changes)
    assert other["estimate"] != first["estimate"] == wide["estimate"]
    assert wide["ci_high"] > first["ci_high"]


def test_a_report_links_each_of_its_methods_to_the_page_and_only_where_there_is_one():
    shown = record.methods(samples.results(estimates=(samples.effect(method="lin"), samples.effect(method="new")))).html
    assert '<a class="other" href="../methods/report.html#lin-s-adjusted-difference">' in shown
    assert page.keep_links(shown, ("guide", "methods")) == shown
    assert "../methods" not in page.keep_links(shown, ("guide",))
    assert "Lin's adjusted difference" in html.unescape(shown)
    assert re.findall("href", page.keep_links(shown, ())) == []


@pytest.mark.parametrize(("beside", "told"), [
    (("methods", "guide"), "Also read: all methods, a guide to a report of your own."),
    (("methods",), "Also read: all methods."),
    (("guide",), "Also read: a guide to a report of your own."),
    ((), ""),
])  # fmt: skip
def test_what_to_also_read_is_told_where_it_stands_beside(beside, told):
    source = (paths.NOTEBOOKS / "validation.ipynb").read_text(encoding="utf-8")
    line = next(line for line in source.splitlines() if "Also read" in line).strip(' ",')
    for shown in (record.methods(samples.results(estimates=())).html, page.Prose().read(line)):
        kept = re.sub("<[^>]+>", "", page.keep_links(shown, beside))
        assert re.findall("Also read.*", kept) == [told][: bool(told)]


def test_links_to_other_reports_lead_to_a_place_that_is_there(reports):
    texts = {file.parent.name: file.read_text(encoding="utf-8") for file in reports.glob("*/report.html")}
    links = {*re.findall(r'href="\.\./([\w-]+)/report\.html#?([^"]*)"', "".join(texts.values()))}
    assert {("validation", "guarantees-welch-difference"), ("methods", "score-ratio"), ("methods", "")} <= links
    assert [link for link in sorted(links) if link[1] and f' id="{link[1]}"' not in texts[link[0]]] == []
    assert {name for name, _ in links} <= {*texts}


GUIDE = sorted(file.stem for file in paths.PLANS.glob("guide_*.yaml"))


def list_all(part, found):
    """Return every part that a part of a plan can hold, itself included."""
    if part not in found:
        found.append(part)
        for field in part.model_fields.values():
            for inner in plans.list_parts(field.annotation):
                list_all(inner, found)
    return found


def test_worked_plans_write_every_key_of_the_model_and_say_what_it_means():
    known = [part for plan in plans.PLANS.values() for part in list_all(plan, [])]
    shared = {Design: Design.model_fields} | {p: p.model_fields.keys() - Design.model_fields.keys() for p in known}
    shared |= {p: p.model_fields for p in known if not issubclass(p, Design)}
    table = docs.list_keys(*GUIDE)
    known = {(part.__name__, key) for part, keys in shared.items() for key in keys}
    assert set(zip(table["part"], table["key"], strict=True)) == known
    assert table.loc[table["meaning"] == "", "key"].tolist() == []
    assert table.groupby("part", sort=False).ngroups == (table["part"] != table["part"].shift()).sum()  # together
    assert table.loc[table["key"] == "unit_id", ["place", "default"]].values.tolist() == [["every plan", "needed"]]
    assert table.loc[table["key"] == "hypothesised", "default"].tolist() == ["false"]  # as YAML has it


@pytest.mark.parametrize("name", GUIDE)
def test_a_key_that_could_stand_there_instead_makes_a_plan_that_is_read(name, tmp_path):
    lines = paths.plan_file(name).read_text(encoding="utf-8").splitlines()
    others = [(k, re.match(r"( *)# (\w+: .*?) +# instead of ([\w, ]+):", line)) for k, line in enumerate(lines)]
    for place, found in [(k, found) for k, found in others if found]:
        gone = found[3].split(", ")
        gone = {key: [k for k, line in enumerate(lines) if line.startswith(f"{found[1]}{key}:")] for key in gone}
        left_out = {min(places, key=lambda k: abs(k - place)) for places in gone.values()}
        kept = [found[1] + found[2] if k == place else line for k, line in enumerate(lines) if k not in left_out]
        file = tmp_path / f"{place}.yaml"
        file.write_text("\n".join(kept), encoding="utf-8")
        assert plans.read(str(file), kind=None).design
    n_others = {"guide_table": 2, "guide_events": 3, "guide_accounts": 2}
    assert len([found for _, found in others if found]) == n_others.get(name, 0)


def test_glossary_holds_words_that_reports_use_and_no_other(reports):
    texts = [file.read_text(encoding="utf-8") for file in reports.glob("*/report.html")]
    listed = [re.findall("<dt>(.*?)</dt>", text.partition('<details class="glossary">')[2]) for text in texts]
    shown = {html.unescape(word) for words in listed for word in words}
    assert set(yaml.safe_load((paths.VIEWS / "glossary.yaml").read_text(encoding="utf-8"))) == shown


def test_pictures_of_readme_show_the_reports_of_now_else_make_pictures(reports):
    kept = json.loads((paths.REPORTS / "pictures.json").read_text(encoding="utf-8"))
    assert kept == pictures.make_keys(reports)
    assert all((paths.REPORTS / name).stat().st_size < 150_000 for name in kept)
