"""Tables of replies: rows, words and blanks, and nothing of anybody's id."""

import math

import conversations_samples as made
import pytest

from helpers import inference, tables
from helpers.wording import WITHHELD


@pytest.fixture(scope="module")
def results():
    """Return results with the tables of replies of 200 units an arm."""
    conversations = made.draw_conversations(200)
    units = made.make_units(conversations)
    found = made.run_results(units)
    return found.but(tables={**found.tables, **inference.study_replies(conversations, units, found)})


def _change(results, name, **columns):
    return results.but(tables={**results.tables, name: results.tables[name].assign(**columns)})


def test_replies_has_a_row_a_measure_and_comparison(results):
    text = tables.replies(results).text
    assert text.startswith("First replies, one row a measure and comparison; 95 % interval by unit, never answered")
    assert text.count("a to b") == text.count("cps to a") == 5
    assert "Within 15 minutes" in text and "Median wait" in text and "Never answered" in text
    blank = _change(results, "replies", difference=math.nan, reason="too few")
    assert "too few" in tables.replies(blank).text


def test_reply_hours_blanks_what_is_hidden(results):
    shown = tables.reply_hours(results)
    assert "Weekday 00-04" in shown.text and "Within 2 minutes, b" in shown.html
    hidden = _change(results, "reply_hours", control_median=math.nan)
    assert "not known" not in tables.reply_hours(hidden).html


def test_agents_are_counted_not_named(results):
    shown = tables.agents(results)
    assert "Agent 1" in shown.text
    assert "(3 b and 3 a)" in shown.text or "(3 a and 3 b)" in shown.text
    assert "a0" not in shown.html.split("base64")[0] and "share_trial" in shown.text


def test_agents_of_one_arm_stand_together(results):
    rows = [line.split() for line in tables.agents(results).text.splitlines() if "Agent" in line]
    arms = [row[2] for row in rows if row[:2] != ["Agent", "Serves"] and row[0] == "Agent"]
    assert arms == sorted(arms) and len(set(arms)) == 2


def test_slower_shows_each_response_and_what_was_measured(results):
    text = tables.slower(results, metric="trial").text
    assert "each minute counts alike" in text and "each halving of the wait counts alike" in text
    assert "(measured)" in text and "100 %" in text
    assert tables.slower(results, metric="absent").text == "There is no effect to scale."
    blank = _change(results, "slower", estimate=math.nan, factor=math.nan, reason="no wait")
    assert "no wait" in tables.slower(blank, metric="trial").text


def test_speed_association_stands_beside_the_randomised_effect(results):
    text = tables.speed_association(results).text
    assert text.count("slower to faster replies, within a") == text.count("a to b, randomised") == 1
    hidden = dict.fromkeys(("difference", "control_value", "treatment_value", "n_control", "n_treatment"), math.nan)
    assert "too few to show" in tables.speed_association(_change(results, "speed_association", **hidden)).text


@pytest.mark.parametrize(("show", "told"), [
    (tables.replies, "The data hold no conversations, so that nothing is known of replies."),
    (tables.reply_hours, "The data hold no conversations, so that nothing is known of replies."),
    (tables.agents, "The data do not say who replied."),
    (tables.speed_association, "Fast and slow replies inside the control arm cannot be compared."),
])  # fmt: skip
def test_tables_of_replies_without_rows_are_a_sentence(results, show, told):
    assert show(results.but(tables={})).text == told


def test_effects_of_replies_are_withheld(results):
    gone = results.but(status="withheld")
    assert tables.slower(gone, metric="trial").text == tables.speed_association(gone).text == WITHHELD
