"""Framework plans: what they may hold, what must fit together, and departures from what lies within their parts."""

import re

import pytest
from sources_samples import tell_refusal

from helpers import plan
from helpers.records import Refused

PLAN = """\
kind: framework
title: Milestones
question: Which milestones mark customers who stay?
unit_id: account_id
started_at: started_at
size: seats
steps: [{name: installed, event: messenger_installed}, {name: invited}]
activation: {event: conversation, at_least: 20, landmark_days: 90}
usage: {event: resolved, seats: seats, period: week}
categories:
  ops: {basic: tags, mature: [rules, sla], mature_at_least: 2}
  bots: {mature: bot}
  reports: {mature: report}
features:
  - {name: tags, category: ops, hypothesised: true, label: Tags on conversations}
  - {name: rules, category: ops}
  - {name: sla, category: ops}
  - {name: bot}
  - {name: report}
outcomes: {retained: {lost: cancelled, within_days: 120}, expanded: {event: grown}, dormant_after_days: 30}
alive: {event: conversation, within_days: 60}
"""


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the plan with one text replaced by another."""

    def reading(old="", new="", **options):
        assert old in PLAN
        file = tmp_path / "mine.yaml"
        file.write_text(PLAN.replace(old, new, 1) if old else PLAN)
        return plan.read(str(file), kind="framework", **options)

    return reading


def test_framework_says_what_it_is(read):
    design = read().design
    assert design.milestone_names == ["set_up", "activated", "using", "mature"]
    assert design.outcome_names == ["retained", "expanded", "dormant"]
    assert (design.landmarks, design.horizon_days, design.usage.period_days) == ([90.0], 120.0, 7)
    assert design.activity_events == ["conversation", "resolved"]
    assert (design.steps_line, design.mature_line, design.is_snapshot) == (2, 2, False)
    assert (design.label_of("tags"), design.label_of("some_step")) == ("Tags on conversations", "some step")
    assert design.alpha == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("old", "new", "attribute", "expected"),
    [
        ("landmark_days: 90", "landmark_days: [90, 60]", "landmarks", [90.0, 60.0]),
        ("question:", "steps_at_least: 1\nquestion:", "steps_line", 1),
        ("question:", "mature_at_least: 3\nquestion:", "mature_line", 3),
        (", expanded: {event: grown}", "", "outcome_names", ["retained", "dormant"]),
        (", dormant_after_days: 30", "", "outcome_names", ["retained", "expanded"]),
        ("dormant_after_days: 30", "activity: opened", "activity_events", ["opened"]),
        ("dormant_after_days: 30", "dormant_after_days: 120", "horizon_days", 120.0),
        ("alive:", "confidence_level: 0.9\nalive:", "alpha", pytest.approx(0.1)),
        ("alive:", "registered: after\nalive:", "registered", "after"),
        ("alive:", "acknowledge: {leavers_fit: bots}\nalive:", "acknowledge", {"leavers_fit": "bots"}),
    ],
)
def test_framework_follows_each_key(read, old, new, attribute, expected):
    assert getattr(read(old, new).design, attribute) == expected


W = "the plan as a whole"
REFUSALS = [  # what is replaced, by what, the message; W is the plan as a whole
    ("landmark_days: 90", "landmark_days: [90, 90]", "activation: a landmark stands twice in landmark_days"),
    ("landmark_days: 90", "landmark_days: [0]",
     "activation: landmark_days must hold at least one number of days above 0"),
    ("at_least: 20", "atleast: 20", "activation.atleast: unknown key; did you mean at_least?"),
    ("mature_at_least: 2", "mature_at_least: 3",
     "categories.ops: mature_at_least is more than the mature features that are named"),
    ("mature: bot", "mature: robot", W + ": the category bots names robot, which is no feature with a time"),
    ("{name: bot}", "{name: Tags}", W + ": features: the name tags stands twice; rename one"),
    ("{name: bot}", "{name: bot, event: b, column: b}", "features.3: give a feature as either an event or a column"),
    ("{name: bot}", "{name: bot, needs: [wifi, bot]}",
     W + ": the feature bot needs wifi and bot, which is no other feature"),
    ("lost: cancelled", "lost: cancelled, event: back",
     "outcomes.retained: give retained as one of lost, lost_at, event or column"),
    ("lost: cancelled", "column: churned",
     "outcomes.retained: column and time belong together: who has left, and after how long"),
    ("lost: cancelled", "column: is_active, time: tenure",
     "outcomes.retained: column is 1 for who left, and is_active sounds like who stays; give one of who left"),
    ("started_at: started_at\n", "", W + ": milestones need started_at: without it nothing can be read at a landmark"),
    ("started_at: started_at\n", "",
     W + ": without started_at, the feature bot needs a column; if it is called so, column: bot"),
    ("lost: cancelled", "column: churned, time: tenure",
     W + ": with started_at, retained needs an event or a date: lost, lost_at or event"),
    ("question:", "steps_at_least: 3\nquestion:", W + ": steps_at_least is more than the steps that are named"),
    ("question:", "mature_at_least: 4\nquestion:", W + ": mature_at_least is more than the categories that are named"),
    ("{name: invited}", "{name: invited, column: i}",
     W + ": the step invited needs an event: a step without a time cannot be read at a landmark"),
    ("dormant_after_days: 30", "dormant_after_days: 121",
     W + ": dormant_after_days reaches back before the landmark; give at most within_days"),
    ("kind: framework", "kind: experiment", "kind: experiment; this study needs kind: framework; in Python "
     "read_plan(..., kind='experiment') reads this one"),
    ("{name: bot}", "{name: bot, label: Tags on Conversations}",
     W + ": features: the label tags on conversations stands twice; rename one"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), REFUSALS, ids=[f"{new[:24]}" for _, new, _ in REFUSALS])
def test_framework_refuses_what_does_not_fit(read, old, new, message):
    told = re.sub(r"line \d+, |; such as `.*`|plan mine.yaml, ", "", tell_refusal(lambda: read(old, new)))
    assert message in [line.strip() for line in told.splitlines()]


def test_read_notes_a_departure_within_a_part(read):
    changed = read(departures={"alive.within_days": 30.0, "activation.landmark_days": [60.0], "min_cell": None})
    assert changed.design.alive.within_days == 30
    assert changed.design.activation.at_least == 20  # the rest of the part stays as planned
    assert changed.departures == (
        {"parameter": "alive.within_days", "planned": 60.0, "used": 30.0},
        {"parameter": "activation.landmark_days", "planned": [90.0], "used": [60.0]},
    )


def test_read_refuses_a_departure_from_a_part_that_the_plan_lacks(read):
    message = "plan mine.yaml: it has no alive, so that no parameter can change it; add it or leave it out"
    assert (
        tell_refusal(
            lambda: read("alive: {event: conversation, within_days: 60}\n", "", departures={"alive.within_days": 30.0})
        )
        == message
    )


def test_read_notes_a_departure_within_a_part_that_the_plan_lacks(read):
    changed = read("alive: {event: conversation, within_days: 60}\n", "", departures={"usage.at_least": 3.0})
    assert changed.departures == ({"parameter": "usage.at_least", "planned": None, "used": 3.0},)


def test_read_refuses_a_departure_whose_horizon_is_shorter_than_dormancy(read):
    assert read(departures={"outcomes.retained.within_days": 30.0}).design.horizon_days == 30
    with pytest.raises(Refused, match="dormant_after_days reaches back before the landmark; give at most within_days"):
        read(departures={"outcomes.retained.within_days": 29.0})
