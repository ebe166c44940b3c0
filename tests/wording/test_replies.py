"""Sentences on replies: delivered or not, slower or not, told apart or not."""

import math
from dataclasses import replace

import pandas as pd
import pytest
import samples

from helpers.wording import (
    Style,
    ask_question,
    list_served,
    name_arrivals,
    tell_arrivals,
    tell_delivery,
    tell_source,
    tell_team,
    write_range,
    write_wait,
)

ROW = {
    "comparison": "live - standard", "is_randomised": True, "control": "standard", "treatment": "live",
    "measure": "median", "minutes": math.nan, "control_value": 41.0, "treatment_value": 1.4, "difference": -39.6,
    "ci_low": -42.0, "ci_high": -37.0,
}  # fmt: skip
WITHIN = {"measure": "within", "minutes": 2.0, "control_value": 0.05, "treatment_value": 0.8}
BEFORE = {"comparison": "standard - before", "is_randomised": False, "control": "before", "treatment": "standard"}


def _tell(*rows):
    return tell_delivery(samples.results(tables={"replies": pd.DataFrame([ROW | row for row in rows])}))


def test_tell_delivery_of_a_delivered_treatment():
    assert _tell({}, WITHIN) == (
        "Live support was delivered: half of the first replies came within 1.4 minutes, against 41 minutes with "
        "standard (difference between -42.0 and -37.0 minutes)."
    )


@pytest.mark.parametrize(("row", "begin"), [
    ({"ci_high": 1.0}, "With live replies were not clearly faster: half of"),
    ({"treatment_value": 50.0, "ci_low": 5.0, "ci_high": 9.0}, "With live replies were no faster: half of"),
    ({"treatment_value": math.nan}, "Half of the conversations of live or standard were never answered."),
    ({"ci_low": math.nan}, "With live replies were not clearly faster: half of"),
])  # fmt: skip
def test_tell_delivery_of_a_treatment_that_was_not_delivered(row, begin):
    assert _tell(row).startswith(begin)


@pytest.mark.parametrize(("ends", "told"), [
    ((2.0, 9.0), "Standard became slower than in the group before (between +2.0 and +9.0 minutes, not randomised)."),
    ((-9.0, -2.0), "Standard became faster than in the group before (between -9.0 and -2.0 minutes, not randomised)."),
    ((-2.0, 9.0), "Standard became neither clearly slower nor faster (change between -2.0 and +9.0 minutes, "
     "not randomised)."),
    ((math.nan, math.nan), "Standard: half of its first replies came within 41 minutes, before 35 minutes."),
])  # fmt: skip
def test_tell_delivery_says_whether_the_control_became_slower(ends, told):
    row = {"control_value": 35.0, "treatment_value": 41.0, "ci_low": ends[0], "ci_high": ends[1]}
    assert _tell(BEFORE | row) == told


def test_tell_delivery_without_conversations():
    assert tell_delivery(samples.results(tables={})) == "Reply times are not known: the data hold no conversations."


@pytest.mark.parametrize(("serves", "told"), [
    (["live", "standard"], "Speed and team cannot be told apart: none of the 2 agents serves both arms."),
    (["both", "live", "live"], "Speed and team can be told apart in part: 1 agent serves both arms, of 3 agents."),
    (["both", "both"], "Speed and team can be told apart in part: 2 agents serve both arms, of 2 agents."),
])  # fmt: skip
def test_tell_team_counts_agents_of_both_arms(serves, told):
    assert tell_team(samples.results(tables={"agents": pd.DataFrame({"serves": serves})})) == told


def test_tell_team_without_agents():
    assert tell_team(samples.results(tables={})) == (
        "Speed and team cannot be told apart: the data do not say who replied."
    )


@pytest.mark.parametrize(("minutes", "told"), [
    (0.5, "30 seconds"), (1.0, "1 minute"), (59.0, "59 minutes"), (119.0, "119 minutes"), (120.0, "2 hours"),
    (2_880.0, "2 days"), (0.0, "0 seconds"), (-5.0, "-5 minutes"), (math.nan, "not known"), (1 / 60, "1 second"),
])  # fmt: skip
def test_write_wait_takes_the_unit_that_fits(minutes, told):
    assert write_wait(minutes) == told


def test_write_range_follows_its_style_and_is_empty_without_ends():
    assert write_range(0.012, 0.034, Style(100, "", " points", True)) == "between +1.2 and +3.4 points"
    assert write_range(math.nan, 1.0, Style()) == ""


def test_list_served_counts_agents_by_arm():
    assert list_served(pd.DataFrame({"serves": ["live", "live", "both"]})) == "2 live and 1 both"


def _arrivals(source):
    rows = {"measure": ["dispersion_hours", "days_short"], "value": [14.11, 0.53], "poisson": [1.0, 0.287]}
    return pd.DataFrame(rows | {"source": source})


def test_tell_arrivals_says_what_is_public_and_that_the_rest_is_not():
    found = samples.results(tables={"arrivals": _arrivals("public:bank_calls")})
    told = tell_arrivals(found)
    assert told == (
        'Only the arrivals under "What would it take?" are public: calls to a bank. Sign-ups, effects and money are '
        "simulated. From hour to hour these arrivals vary 14.1 times as much as chance alone would have it; a team "
        "planned for their mean misses its target clearly on 53 % of days, and on 29 % if only chance were at work."
    )
    own = tell_arrivals(found.but(data=replace(found.data, kind="yours")))
    assert "Sign-ups, effects and money are this study's own." in own


def test_ask_question_follows_public_arrivals_and_is_the_plans_otherwise():
    found = samples.results(tables={"arrivals": _arrivals("public:bank_calls").assign(target_minutes=2.0)})
    assert ask_question(found) == (
        "How many agents does a reply within 2 minutes take, if questions came like calls to a bank?"
    )
    own = samples.results(tables={"arrivals": _arrivals("questions")})
    assert ask_question(own) == own.question


def test_tell_arrivals_is_empty_where_the_arrivals_are_the_runs_own():
    assert tell_arrivals(samples.results(tables={"arrivals": _arrivals("questions")})) == ""
    assert tell_arrivals(samples.results(tables={})) == ""


def test_sources_of_arrivals_have_names():
    assert name_arrivals("questions") == "questions" and name_arrivals("x") == "arrivals of x"
    assert tell_source(_arrivals("questions")) is None
    assert tell_source(_arrivals("public:bank_calls")).startswith("Public data: calls to a North American bank in 2003")
