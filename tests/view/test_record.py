"""Trust in one line, the design as planned, claims, methods and the run's record."""

import math
from dataclasses import replace

import pandas as pd
import pytest
import samples
from experiments import make_design

from helpers.records import Check
from helpers.view import record
from helpers.view.words import explain

PLAN = {
    "file": "own.yaml",
    "sha256": "ab" * 32,
    "departures": [{"parameter": "as_of", "planned": None, "used": "2022-05-01"}],
    "labels": {"links": "with links", "no_links": "without links", "plan_tier": "plan", "c": "without", "t": "with it"},
}


def test_trust_is_one_line_with_what_does_not_pass_and_a_folded_table():
    shown = record.trust_line(samples.results(plan=PLAN))
    counts = "3 checks: 1 passes, 1 unclear, 1 not tested."
    assert shown.text == f"{counts} Seats differ between the groups before the start (p < .001)."
    assert shown.html.index("3 checks") < shown.html.index("<details") < shown.html.index("Sample ratio")
    assert "Missing values, satisfaction" in shown.html and "Exact duplicates dropped" in shown.html
    sums = {"metric": "arr", "event": "refund", "events": 120, "units": 90, "total": -2500.0, "above": 0, "below": 120}
    tables = {"event_sums": pd.DataFrame([sums | {"zero": 0, "without": 0}])}
    shown = record.trust_line(samples.results(plan=PLAN, tables=samples.results().tables | tables))
    assert shown.html.index("<details") < shown.html.index("Each row: an event that is added up")
    assert record.trust_line(samples.results(checks=())).text == "No trust check applies to this run."


def test_trust_tells_what_several_metrics_have_alike_once():
    doubt = "{}: the tail is heavy, so it may be wrong. For its promise, 355 units.".format
    checks = [Check(f"domain_{n}", "warn", 0, 0, doubt(n)) for n in ("spend", "visits", "orders", "days")]
    checks += [Check("events_fit", "warn", 0, 0, "Events end early."), Check("srm", "fail", 0, 0, "Arms: 2 to 1.")]
    line = record.trust_line(samples.results(plan=PLAN, checks=tuple(checks))).text
    told = "Spend, visits, orders and days: the tail is heavy, so it may be wrong. Events end early. Arms: 2 to 1."
    assert line == f"6 checks: 5 unclear, 1 fails. {told}"


def test_trust_counts_arms_where_units_were_read_and_names_public_data_without_their_code():
    data = replace(samples.results().data, messages=("public:shop events: 69 events",))
    shown = record.trust_line(samples.results(plan=PLAN, data=data)).html
    assert "<dt>Workspaces, with links</dt><dd>2,003</dd>" in shown and "<li>Shop events: 69 events</li>" in shown
    shown = record.trust_line(samples.results(plan=PLAN, data=replace(data, units=0))).html
    assert "with links</dt>" not in shown and "0 workspaces" not in shown


def test_trust_says_codes_in_words():
    check = Check("srm_plan_tier", "fail", 0, 0, "In plan_tier: links 2,003, no_links 1,997.")
    shown = record.trust_line(samples.results(plan=PLAN, checks=(check,)))
    assert shown.text == "1 check: 1 fails. In plan: with links 2,003, without links 1,997."
    assert "Sample ratio, plan" in shown.html and "_" not in shown.text


def test_design_tells_decisions_metrics_dates_and_departures():
    metrics = {"y": {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.02, "label": "Paid"}}
    changes = {"planned_units": 4000, "enrolment_days": 28, "looks": [0.5, 1.0], "segments": ["plan_tier"]}
    design = make_design(metrics=metrics, assigned_at="at", labels=PLAN["labels"], **changes)
    found = samples.results(plan=PLAN, tables={}, assigned=("2022-04-01", "2022-04-28"), as_of="2022-06-30")
    shown = record.describe_design(explain(found, design)).text
    assert "Arms: with it against without; planned split 50 % without and 50 % with it" in shown
    assert "Planned size: 4,000 units; 28 days of enrolment; looks at 50 % and 100 %" in shown
    assert "Dates: assigned 2022-04-01 to 2022-04-28; data to 2022-06-30" in shown
    assert "Segments: plan" in shown and "as of is 2022-05-01, planned none" in shown
    assert "Covariates" not in shown and "2.0 points" in shown and "Paid" in shown


def test_claims_are_counted_in_one_line_that_says_where_each_stands():
    shown = record.count_claims(samples.results())
    assert shown.text == (
        "2 published claims: 1 not recovered and 1 not tested by this run. "
        "Each stands with its reason in the review of all evidence, the first card of the gallery."
    )
    assert "<table" not in shown.html and "href" not in shown.html
    assert record.count_claims(samples.results(claims=())).html.startswith('<p class="note absent">')


def test_methods_are_those_that_made_an_effect():
    named = record.methods(samples.results(estimates=(samples.effect(),))).text
    assert "Miettinen-Nurminen score interval" in named and "Welch" not in named and "Holm" in named
    assert "Welch; lift by Fieller" in record.methods(samples.results()).text


def test_methods_tell_least_squares_from_the_effect_on_the_treated_and_name_tables_that_have_rows():
    ways = ("least squares, HC2", "inverse probability weights to the takers")
    ways += ("inverse probability of response weights",)
    told = [record.methods(samples.results(estimates=(samples.effect(method=way),))).text for way in ways]
    names = ("Association by least squares", "Effect on the treated", "Weights: ")
    assert [[name in text for name in names] for text in told] == [[i == j for j in range(3)] for i in range(3)]
    tables = {"uptake": pd.DataFrame(), "bayes": pd.DataFrame([{"metric": "activated"}])}
    named = record.methods(samples.results(tables={**samples.results().tables, **tables})).text
    assert "Gelman and Carlin 2014" in named and "E-value" not in named


def test_run_record_hides_folders_and_passwords_and_says_what_is_as_planned():
    given = {"data": ["/home/her/a.csv", "postgres://her:secret@host/db"], "n_units": 4000, "as_of": None}
    shown = record.run_record(samples.results(plan=PLAN), given).text
    assert "Parameters: data a.csv and postgres://host/db; n units 4000; all others as planned" in shown
    assert "/home" not in shown and "secret" not in shown and "Plan: own.yaml" in shown
    assert "Data: Simulated data: proactive_help. Workspaces made by a seeded model" in shown
    noted = samples.results(data=replace(samples.results().data, note="Simulated: 4,000 workspaces."))
    assert record.run_record(noted, {}).text.startswith("Data: Simulated: 4,000 workspaces.\n")
    bare = record.run_record(samples.results(plan={}), {"seed": 1}).text
    assert "Plan" not in bare and "planned" not in bare


@pytest.mark.parametrize("show", [record.trust_line, record.limits, record.count_claims, record.methods])
def test_words_from_data_are_inert(show):
    found = samples.hostile()
    shown = show(found.but(plan={**found.plan, "labels": {}}))
    assert "<script" not in shown.html
    assert "<script" not in record.run_record(found, {"data": samples.HOSTILE, "x": math.nan}).html


def test_the_picture_of_a_scorecard_says_that_a_long_kind_of_data_goes_on(monkeypatch):
    said = []
    monkeypatch.setattr(record, "_write", lambda figure, left, top, text, **style: said.append(text))
    kind = "Public data: " + "people of a town that is far away, " * 5
    for told in (kind, "Short."):
        assert record.draw_scorecard(samples.results(plan=PLAN, words={"kind": (told,)}, answer=(told, "It helps.")))
    assert said[0].startswith("Public data: people") and said[0].endswith(" …") and len(said[0]) <= 130
    assert "Short." in said
