"""Small cells of replies: blocks of hours, agents, and effects in parts, with what would give them away."""

import math

import conversations_samples as made
import pandas as pd
import pytest

from helpers import inference
from helpers.disclosure import protect_replies

DESIGN = made.design_replies(min_cell=10)


def _hours(sizes, **columns):
    blocks = [f"weekday {4 * k:02d}-{4 * k + 4:02d}" for k in range(len(sizes))]
    frame = pd.DataFrame({"comparison": "b - a", "control": "a", "treatment": "b", "hours": blocks, "target": 2.0})
    return frame.assign(gap=5.0, control_median=9.0, n_control=sizes, n_treatment=100, **columns)


def test_protect_replies_hides_blocks_and_one_more_that_the_total_would_give_away():
    # 19 is too few for a median with ten on either side; the smallest of the rest goes with it
    found = protect_replies({"reply_hours": _hours([19, 50, 60])}, DESIGN)["reply_hours"]
    assert list(found["gap"].isna()) == [True, True, False]
    assert list(found["hours"]) == list(_hours([1, 1, 1])["hours"]) and set(found["target"]) == {2.0}
    assert protect_replies({"reply_hours": _hours([20, 50, 60])}, DESIGN)["reply_hours"]["gap"].notna().all()


def test_protect_replies_hides_the_gap_beside_the_effect_too():
    effects = pd.DataFrame({"metric": "spent", "comparison": "b - a", "control": "a", "treatment": "b"}, index=range(3))
    effects = effects.assign(hours=_hours([1, 1, 1])["hours"], gap=5.0, estimate=1.0, slope=0.1, control_value=1.0)
    effects = effects.assign(treatment_value=1.0, n_control=50, n_treatment=[50, 50, 9])
    tables = {"reply_hours": _hours([19, 50, 60]), "hours_effect": effects}
    found = protect_replies(tables, DESIGN)["hours_effect"]
    assert list(found["gap"].isna()) == [True, True, False]
    assert list(found["estimate"].isna()) == [True, False, True]  # 9 units, and the first of the others
    assert list(found["slope"]) == [0.1] * 3
    assert tables["hours_effect"]["gap"].notna().all()  # the input stays


@pytest.mark.parametrize(("metric", "hidden"), [
    ("spent", False),  # no share: 40 units are enough
    ("trial", True),  # 8 of 40 with the event
])  # fmt: skip
def test_protect_replies_checks_events_of_the_association(metric, hidden):
    rows = [{"metric": metric, "kind": "faster - slower, within control", "control_value": 0.2, "treatment_value": 0.5}]
    rows += [{**rows[0], "kind": "as randomised"}]
    frame = pd.DataFrame(rows).assign(comparison="x", n_control=40, n_treatment=40, difference=0.3)
    found = protect_replies({"speed_association": frame}, DESIGN)["speed_association"]
    assert list(found["difference"].isna()) == [hidden, False]
    assert list(found["kind"]) == list(frame["kind"])


def test_protect_replies_hides_small_agents_and_rare_outcomes():
    frame = pd.DataFrame({"agent": ["agent 1", "agent 2", "agent 3"], "serves": ["a", "b", "few sign-ups"]})
    frame = frame.assign(units=[90, 80, 3], median_wait=1.0, share_trial=[0.5, 0.1, 0.5], known_trial=[60, 60, 60])
    found = protect_replies({"agents": frame}, DESIGN)["agents"]
    assert list(found["median_wait"].isna()) == [False, True, True]  # the third is small, the second goes with it
    assert found["share_trial"].isna().all()  # 6 of 60 with the event, one more, and the hidden agent
    assert list(found["serves"]) == list(frame["serves"])
    kept = protect_replies({"agents": frame.assign(units=30, share_trial=0.5)}, DESIGN)["agents"]
    assert kept["share_trial"].notna().all()


def test_protect_replies_stops_the_curve_where_few_were_followed():
    frame = pd.DataFrame({"arm": "a", "minutes": [1.0, 2.0], "share": 0.5, "n": [10, 9]})
    assert list(protect_replies({"reply_curve": frame}, DESIGN)["reply_curve"]["minutes"]) == [1.0]


def test_protect_replies_leaves_out_empty_tables_and_keeps_whole_groups():
    frame = pd.DataFrame({"arm": ["a"], "minutes": [1.0], "share": [0.5], "n": [3]})
    replies = pd.DataFrame({"comparison": ["b - a"], "n_control": [3]})
    assert list(protect_replies({"reply_curve": frame, "replies": replies}, DESIGN)) == ["replies"]


def test_protect_replies_of_a_whole_study_shows_no_small_count():
    conversations = made.draw_conversations(45)
    units = made.make_units(conversations, min_cell=10)
    tables = inference.study_replies(conversations, units, made.run_results(units))
    found = protect_replies(tables, units.design)
    for name in ("reply_hours", "hours_effect", "speed_association"):
        for column in ("n_control", "n_treatment"):
            assert not (found[name][column] < 10).any()
    assert found["reply_hours"]["gap"].isna().any() and not math.isnan(found["replies"]["difference"][0])
