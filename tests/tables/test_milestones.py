"""Tables of milestones: one row of each by hand, the sentence where there is none, and the whole as a download."""

import base64
import html
import io
import math
import re

import milestones_samples as made
import pandas as pd
import pytest

from helpers import tables
from helpers.wording import WITHHELD

NAN = math.nan
RESULTS = made.sample_milestones()
PLAN = made.sample_plan()
ALIKE = "at equal plan and size"
ROWS = [
    # function, its results table, how the caption begins or goes on, number of the row, its cells by hand
    (tables.readings, "readings", "one row a reading", 0,
     ["The usual count: all who started", "20,000", "93.0 %", "62.0 %", "+31.0 points [+29.5, +32.5]"]),
    (tables.readings, "readings", "Activated and others who are kept", 3,
     ["From the start, both rules followed", "20,000", "83.2 %", "75.9 %", "+7.3 points [+5.3, +9.3]"]),
    (tables.hazards, "hazards", "Rate of leaving, activated to others, with 95 % interval", 2,
     ["Time-varying, adjusted", "0.67 [0.60, 0.75]", "20,000", "5,210"]),
    (tables.landmark_effects, "landmark_effects", ALIKE, 3,
     ["Activated", "still a customer", "4,200", "82.1 %", "74.0 %", "+8.1 points [+6.5, +9.7]"]),
    (tables.threshold, "threshold", "One row a question", 2,
     ["Which lines are not told apart from the best?", "6 to 14 (9 fits best)"]),
    (tables.alive, "alive", "one row a rule", 1,
     ["30 days", "9,800", "no line", "9", "+9.6 points [+8.0, +11.2]", "+7.9 points [+6.0, +9.8]"]),
    (tables.setup_steps, "steps", ALIKE, 5,
     ["Write article", "27 %", "+3.0 points [+0.5, +5.5]", "p = .15", "62 %", "11", "mostly after activation"]),
    (tables.size, "size_bands", "One per cent more seats go with 0.71 per cent [0.69, 0.73] more volume", 4,
     ["26+", "900", "11 %", "+6.3 points [-2.7, +15.3]", "32 %", "+5.8 points [-0.2, +11.8]"]),
    (tables.categories, "categories", ALIKE, 3,
     ["Automation", "90 %", "8 %", "2 %", "+1.2 points [-0.6, +3.0]", "p = .91", "any mature feature of automation"]),
    (tables.maturity_lines, "maturity_lines", ALIKE, 2,
     ["in 3 or more, as planned", "13 %", "+2.1 points [-0.1, +4.3]", "0.5309", "0.5284"]),
    (tables.landmark_flow, "landmark_flow", "one row a landmark", 0,
     ["Day 90", "20,000", "15,600", "3,200", "12,400"]),
    (tables.otherwise, "landmark_effects", "at equal plan and size unless said otherwise", 3,
     ["Activated", "still a customer", "+8.1 points [+6.5, +9.7]", "+11.3 points [+9.7, +12.9]",
      "+8.7 points [+7.1, +10.4]", "+7.4 points [+5.8, +8.9]"]),
    (tables.ranking, "ranking", ALIKE, 5,
     ["Workflow bots", "6 [3 to 10]", "4 %", "+9.4 points [+5.3, +13.5]", "p < .001", "0.3", "niche"]),
    (tables.ranking_gaps, "ranking", "if the association were causal, which nothing here shows", 0,
     ["Workflow bots", "96 %", "+9.4 points [+5.3, +13.5]", "9.1"]),
    (tables.hypotheses, "ranking", "expected to mark who stays", 3,
     ["Email digest", "the opposite", "-4.1 points [-5.8, -2.4]", "p < .001"]),
    (tables.model_quality, "model_quality", "stability is 1 when", 0,
     ["random forest", "0.66 [0.65, 0.68]", "0.6", "yes", "0.71 [0.63, 0.79]", "20"]),
    (tables.next_steps, "next_steps", "half of the association", 2,
     ["Invite team", "950", "+3.1 points [+1.5, +4.7]", "74 %", "11,100"]),
    (tables.review_words, "review_words", "one word a milestone", 0,
     ["Set up", "keep", "Its difference stays clear in the newest cohort."]),
    (tables.review, "review", "one row a cohort", 2,
     ["2022-Q4", "2,900", "0.60 [0.58, 0.62]", "0.71 [0.54, 0.88]", "76.2 %", "75.8 %", "level and spread"]),
    (tables.drift, "drift", "moved by more than chance", 1,
     ["2022-Q4", "Rank of saved replies", "3", "9", "2 and 6"]),
    (tables.freshness, "freshness", "one row a column or kind of event", 0,
     ["seats (accounts)", "20,000", "1.2 %", "", "12 in 1,000 missing"]),
]  # fmt: skip
NAMES = {
    "ranking_gaps": "ranking_gaps",
    "landmark_effects": "differences",
    "otherwise": "otherwise",
}  # downloads that are not called after their results table
SHOWN = [*{row[0]: row for row in ROWS}.values()]
IS_COUNT = ("landmark_flow", "freshness")  # of data, which stay where results are withheld


def read_rows(shown):
    """Return the cells of each row of a table's body, as a reader sees them."""
    rows = re.findall(r"<tr>(.*?)</tr>", shown.html.split("<tbody>")[1], re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    return [[html.unescape(re.sub(r"<[^>]+>", "", cell)).replace("\u00a0", " ") for cell in row] for row in cells]


def read_download(shown):
    """Return the file name and the table of a download."""
    name, body = re.search(r'download="([^"]+)" href="data:text/csv;charset=utf-8;base64,([^"]+)"', shown.html).groups()
    return name, pd.read_csv(io.BytesIO(base64.b64decode(body)))


def change(name, **columns):
    """Return the sample with some columns of a table replaced."""
    return RESULTS.but(tables={**RESULTS.tables, name: RESULTS.tables[name].assign(**columns)})


def cut(name, rows):
    """Return the sample with only some rows of a table."""
    return RESULTS.but(tables={**RESULTS.tables, name: RESULTS.tables[name].iloc[rows]})


@pytest.mark.parametrize(("show", "name", "caption", "number", "cells"), ROWS, ids=lambda v: getattr(v, "__name__", ""))
def test_table_has_its_row_in_words_and_its_caption(show, name, caption, number, cells):
    shown = show(RESULTS)
    assert read_rows(shown)[number] == cells
    assert caption in html.unescape(re.search(r"<caption>(.*?)</caption>", shown.html, re.S)[1])
    assert len(cells) <= 7 and "_" not in "".join(cells) and " effect" not in shown.text


@pytest.mark.parametrize(("show", "name"), [row[:2] for row in SHOWN], ids=lambda v: getattr(v, "__name__", ""))
def test_table_that_the_run_does_not_ask_is_absent(show, name):
    shown = show(RESULTS.but(tables={}))
    assert shown.html.startswith('<p class="note absent">') or show is tables.freshness
    assert shown.text.endswith(".") and "_" not in shown.text


@pytest.mark.parametrize(("show", "name"), [row[:2] for row in SHOWN], ids=lambda v: getattr(v, "__name__", ""))
def test_table_without_a_row_is_a_sentence_and_withheld_with_the_others(show, name):
    shown = show(cut(name, slice(0, 0)))
    assert shown.html.startswith('<p class="note">') and shown.text.endswith(".")
    withheld = show(RESULTS.but(status="withheld")).text
    assert (withheld == WITHHELD) == (name not in IS_COUNT)


@pytest.mark.parametrize(("show", "name"), [row[:2] for row in SHOWN], ids=lambda v: getattr(v, "__name__", ""))
def test_download_holds_every_column_of_what_is_shown(show, name):
    file, found = read_download(show(RESULTS))
    assert file == f"customer_milestones_{NAMES.get(show.__name__, name)}.csv"
    assert list(found) == list(RESULTS.tables[name])
    assert len(found) >= len(read_rows(show(RESULTS))) or show is tables.threshold


@pytest.mark.parametrize(("show", "name", "hidden", "place"), [
    (tables.landmark_effects, "landmark_effects", {"difference": NAN}, 5),
    (tables.setup_steps, "steps", {"difference": NAN}, 2),
    (tables.categories, "categories", {"difference": NAN}, 4),
    (tables.maturity_lines, "maturity_lines", {"difference": NAN}, 2),
    (tables.ranking, "ranking", {"difference": NAN}, 3),
    (tables.threshold, "threshold", {"cut": NAN}, 1),
], ids=lambda v: getattr(v, "__name__", ""))  # fmt: skip
def test_undefined_figures_show_their_reason(show, name, hidden, place):
    for row in read_rows(show(change(name, reason="too few to say", **hidden))):
        assert row[place] == "too few to say"


def test_readings_that_are_not_known_show_their_reason_alone():
    rows = read_rows(tables.readings(change("readings", difference=NAN, reason="too few to say")))
    assert rows[0] == ["The usual count: all who started", "too few to say"]
    assert tables.hazards(change("hazards", hazard_ratio=NAN, reason="too few to say")).text.endswith("too few to say.")


def test_readings_without_controls_leave_out_the_adjusted_one_that_only_repeats():
    without = RESULTS.but(tables={k: v for k, v in RESULTS.tables.items() if k != "controls"})
    assert [row[0] for row in read_rows(tables.readings(without))] == [
        "The usual count: all who started", "Still there at the landmark", "From the start, both rules followed",
    ]  # fmt: skip
    assert (
        "not adjusted" not in re.search(r"<thead>(.*?)</thead>", tables.otherwise(without).html)[1].split("Day 60")[1]
    )


def test_landmark_effects_of_one_outcome():
    rows = read_rows(tables.landmark_effects(RESULTS, outcome="dormant"))
    assert [row[1] for row in rows] == ["dormant"] * 4
    _, found = read_download(tables.landmark_effects(RESULTS, outcome="dormant"))
    assert set(found["landmark"]) == {90.0} and set(found["adjustment"]) == {"covariates"}


def test_landmark_effects_say_when_nothing_is_adjusted_for():
    without = RESULTS.but(tables={k: v for k, v in RESULTS.tables.items() if k != "controls"})
    assert "not adjusted" in tables.landmark_effects(without).text


@pytest.mark.parametrize(("changed", "question", "told"), [
    ({"lines": "6 to 9 and 14"}, 2, "6 to 9 and 14 (9 fits best)"),
    ({"shape": "step"}, 1, "a line: a step does better than a curve"),
    ({"shape": "none"}, 1, "neither is shown: the number of events does not clearly foretell"),
    ({"shape": "undecided"}, 1, "open: a step and a curve are not told apart"),
    ({"difference": NAN, "reason": "hidden"}, 4, "hidden"),
    ({"confirmed": "too imprecise"}, 5, "too imprecise: +8.8 points [+5.5, +12.1] in 2022-Q4"),
])  # fmt: skip
def test_threshold_answers_in_words(changed, question, told):
    assert read_rows(tables.threshold(change("threshold", **changed)))[question][1] == told


def test_threshold_asks_of_the_planned_line_only_where_there_is_one():
    assert read_rows(tables.threshold(RESULTS))[-1] == [
        "What does the planned line, 20 or more, go with, at equal plan and size?", "+7.9 points [+6.0, +9.8]",
    ]  # fmt: skip
    assert "planned" not in tables.threshold(change("threshold", planned=NAN)).text


def test_size_leaves_the_elasticity_out_where_there_is_none():
    shown = tables.size(change("size_elasticity", elasticity=NAN))
    assert "per cent" not in shown.text and len(read_rows(shown)) == 5


def test_ranking_shows_so_many_and_says_how_many_there_are():
    frame = RESULTS.tables["ranking"]
    twice = pd.concat([frame, frame.assign(feature=frame["feature"] + "_2")])
    shown = tables.ranking(RESULTS.but(tables={**RESULTS.tables, "ranking": twice}))
    assert len(read_rows(shown)) == 15 and "(the first 15 of 36; the file has all)" in shown.text
    assert len(read_download(shown)[1]) == 36


def test_ranking_without_ranks_says_so_and_keeps_the_differences():
    row = read_rows(tables.ranking(change("ranking", rank=NAN)))[0]
    assert row[1:4] == ["not ranked", "41 %", "+6.2 points [+4.7, +7.7]"]


def test_ranking_gaps_are_of_clear_features_only():
    assert len(read_rows(tables.ranking_gaps(RESULTS))) == 8  # nine are clear, one of them goes with leaving
    assert tables.ranking_gaps(change("ranking", time_order="unknown")).text.startswith("What came first is not known")
    assert tables.ranking_gaps(change("ranking", p_value_adjusted=1.0)).text.startswith("No feature goes with staying")


def test_next_steps_leave_out_what_nobody_is_advised_to():
    advised = change("next_steps", units_needed=[1660, NAN, 11_100, NAN])
    assert [row[0] for row in read_rows(tables.next_steps(advised))] == ["Activated", "Invite team"]
    none = change("next_steps", step=["activated", "using", "invite_team", "none"])
    last = read_rows(tables.next_steps(none))[-1]
    assert last[0].startswith("Nothing missing") and last[2:] == ["", "", ""]


def test_model_that_does_not_predict_is_not_ranked():
    assert read_rows(tables.model_quality(change("model_quality", predicts=False)))[0][3] == "no"
    assert read_rows(tables.model_quality(change("model_quality", stability=NAN)))[0][4] == "not known"


def test_drift_shows_only_what_lies_outside_and_downloads_it():
    assert len(read_rows(tables.drift(RESULTS))) == 2
    assert tables.drift(change("drift", outside=False)).text.startswith("No line and no rank lies outside")


def test_freshness_shows_what_is_incomplete_or_noted_first():
    rows = read_rows(tables.freshness(change("freshness", missing=[0.0, 0.0, 0.2], note=["late", "", ""])))
    assert [row[0] for row in rows] == ["at (events)", "started at (accounts)", "seats (accounts)"]


def test_definitions_fold_each_database_and_escape():
    shown = tables.definitions(RESULTS)
    assert re.findall(r"<summary>(.*?)</summary>", shown.html) == ["DuckDB", "Postgres", "BigQuery", "Snowflake"]
    assert shown.html.count("<pre") == 16 and "&quot;n&quot; &lt; 20" in shown.html and '"n" < 20' not in shown.html
    assert "<p>Set up</p>" in shown.html and "/* using, snowflake */" in shown.text
    assert 'class="note absent"' in tables.definitions(RESULTS.but(tables={})).html


def list_decisions(plan, **departures):
    """Return what the table of the framework says, by name."""
    found = RESULTS.but(plan={"departures": [departures]} if departures else {})
    return dict(line.split(": ", 1) for line in tables.framework(found, plan).text.splitlines())


def test_framework_lists_every_decision():
    assert list_decisions(PLAN) == {
        "Unit": "account",
        "Landmark": "day 90 after the start; also on day 60 and 120",
        "Followed": "180 days after the landmark",
        "Set up": "5 of 7 steps",
        "Activated": "20 or more of conversation, in the first 90 days",
        "Using": "10 or more of resolved a month and seat",
        "Mature": "mature in 3 of 5 categories",
        "Features": "18 candidates",
        "Kept": "not cancelled within 180 days after the landmark",
        "Expanded": "upgraded in 180 days",
        "Dormant": "none of conversation and resolved for 30 days; who left counts as dormant, too",
        "Compared at equal": "plan tier and seats",
        "Cohort": "quarter of the start",
        "Review": "discrimination, calibration, cut and ranks; a change counts from p 0.05, and the AUC is to stay "
        "at 0.6 or more",
        "Data complete to": "2023-06-30",
        "Departures from the plan": "none",
    }


def test_framework_of_a_shop_and_of_a_snapshot():
    shop = made.sample_plan(
        steps=[], steps_at_least=None, usage=None, categories={}, mature_at_least=None, features=[], size=None,
        plan_tier=None, as_of=None, activation={"event": "purchase"}, alive={"event": "purchase", "within_days": 60},
        outcomes={"retained": {"event": "purchase"}},
    )  # fmt: skip
    told = list_decisions(shop)
    assert told["Alive"] == "purchase in the 60 days before the landmark" and told["Compared at equal"].startswith(
        "nothing"
    )
    assert told["Kept"] == "purchase in the 180 days after the landmark" and "Data complete to" not in told
    assert told["Activated"] == "a line in the number of purchase, in the first 90 days"
    assert not {"Set up", "Using", "Mature", "Features", "Expanded", "Dormant"} & set(told)
    snapshot = made.sample_plan(
        started_at=None, steps=[], steps_at_least=None, activation=None, usage=None, categories={},
        mature_at_least=None, outcomes={"retained": {"column": "churned", "time": "tenure"}},
        features=[{"name": "phone", "column": "phone"}],
    )  # fmt: skip
    told = list_decisions(snapshot)
    assert told["Kept"] == "not churned" and not {"Landmark", "Followed", "Cohort", "Review"} & set(told)


def test_framework_names_departures():
    told = list_decisions(PLAN, parameter="min_cell", planned=10, used=50)["Departures from the plan"]
    assert "50" in told and "10" in told
