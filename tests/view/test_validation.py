"""What the validation says: who keeps its promise and who does not, how far chance goes, and what others do."""

import pytest
import validation_samples as samples

from helpers.studies import list_domains
from helpers.view.effects import masthead
from helpers.view.record import limits, trust_line
from helpers.view.show import show

told, good = samples.results, samples.good


def test_all_methods_keep_their_promise():
    found = good()
    assert found.answer[:2] == (
        "Simulated data: every truth was planted, so that what a method finds can be held against it.",
        "No defect found as far as this grid can see: 0 of 4 methods, in 5 cells of data that they are made for; over "
        "all draws the lowest coverage is 95.0 % of a nominal 95 % (Welch difference), where promise and chance allow "
        "92.1 %. A method whose intervals cover the truth in 91.5 % of experiments or fewer would be found four times "
        "in five.",
    )
    assert found.answer[-1] == (
        "Next: use the methods inside their domains; after an estimator has changed, run the deep grid (make validate)."
    )
    assert "measure again whenever an estimator changes" in good(depth="deep").answer[-1]


def test_methods_that_break_their_promise_are_named():
    found = told()
    told_of = "No: a defect was found in 1 of 5 methods, in 6 cells of data that they are made for: Fieller lift."
    assert found.answer[1] == told_of
    assert found.answer[-1] == ("Next: mend the method or narrow its domain before a report that uses it is believed.")
    many = told(table=samples.summary().assign(verdict="fails"))
    assert many.answer[1].endswith("Fieller lift and Miettinen-Nurminen difference, among others.")
    assert many.words["title guarantees"] == ("5 of 5 methods break their promise",)


def test_bullets_tell_of_chance_of_others_of_looking_and_of_the_outside():
    assert good().answer[2:-1] == (
        "For shares every possible outcome is counted: inside their domain their intervals cover the truth in 94.9 % "
        "of experiments.",
        "Where lift, payers 10 %, 300 an arm, the difference / control mean interval covers the "
        "truth in 89.8 % of experiments, ours in 95.4 %. The delta interval contradicts the test of its own difference "
        "in 20.0 %; ours never does.",
        "After 3 daily looks at nothing, an alarm was raised in 21.0 % with a fixed test every day, 5.0 % with planned "
        "looks and 1.0 % with the always-valid interval.",
        "Outside its domain a method promises nothing and can fail: Welch difference covers the truth in 87.0 % of "
        "experiments (money 1, 1,800 and 200 units).",
    )


def test_few_draws_tell_no_lowest_coverage():
    few = samples.summary().assign(draws=20)
    found = told(table=few[few["verdict"] == "no defect found"])
    assert "in 5 cells of data that they are made for. A method" in found.answer[1]
    assert next(iter(found.words["card"])).split(" | ")[0] == "Methods with a defect found"


def test_without_other_tools_nothing_is_said_of_them():
    ours = samples.beside()["peers"].query("ours")
    found = told(peers=ours)
    assert not any("interval contradicts" in line for line in found.answer)
    assert found.words["title peers"] == ("No other interval covers the truth less often than ours",)


def test_the_first_screen_shows_words_and_verdicts():
    lines = [line.rpartition(" (")[::2] for line in masthead(good()).text.split("\n")[-4:]]
    told = "in a cell of their domain, or over all draws); 0 of 4; no defect found"
    assert lines[0] == ("- Methods with a defect found", told)
    assert lines[2][1] == "Welch difference; promise and chance allow 92.1 %); 95.0 %; no defect found"


@pytest.mark.parametrize(("name", "title"), [
    ("guarantees", "No defect found in 4 methods; the lowest coverage is 95.0 %"),
    ("looking", "After 3 daily looks at nothing, an alarm was raised in 21.0"),
    ("peers", "Lift, payers 10 %, 300 an arm: difference / control mean covers the truth in 89.8"),
    ("powers", "In 1 of 2 designs the promised power is not the one that came: means"),
])  # fmt: skip
def test_every_part_is_titled_by_what_was_found(name, title):
    shown = show(good(), name)
    assert f'<h3 id="{name}">{title[:40]}' in shown.html.replace("\xa0", " ") and shown.text.startswith(title)


def test_methods_are_drawn_against_their_nominal_level():
    shown = show(good(), "guarantees", sort="-pooled_coverage", most=2)
    names = [line.split(";")[0] for line in shown.text.split("\n")[1:]]
    assert names == ["- Miettinen-Nurminen difference", "- Welch difference"]
    assert shown.html.count('class="band"') == 2 and shown.html.count('class="zero"') == 2
    rows = show(good(), "peers").html
    assert rows.count("class=muted") == 3  # those of other tools
    assert "[93.0" not in rows and "93.0\xa0%" in rows  # what is counted has no interval


def test_domains_stand_once_with_their_methods_and_sources():
    shown = list_domains(good()).text
    assert shown.startswith("355 units or more in each arm: Welch difference (Welch 1947), Miettinen-Nurminen")
    assert shown.count("355 units") == 1


def test_limits_and_trust_say_what_is_not_seen():
    found = good()
    assert limits(found).text.split("\n")[-2:] == [
        "Small defects: a true coverage between 91.5 % and the promise can pass unseen.",
        "What only many draws show: the deep grid, last measured on 2026-01-31, drew 400 experiments a cell; a defect "
        "was found in Fieller lift.",
    ]
    assert trust_line(told()).text.startswith("4 checks: ")


def test_cells_inside_and_outside_are_shown_apart():
    inside, outside = (show(told(), "cells", sort="-coverage", most=3, inside=there).text for there in (True, False))
    assert "Why not" not in inside and "An arm has 200 units" in outside
