"""The events of a dry run fold back to its units, whichever way a plan reads them."""

import numpy as np
import pandas as pd
import pytest

from helpers import plan
from helpers.plan import ExperimentPlan
from helpers.simulate.dry_events import find_shared, list_events, reads_events
from helpers.simulate.dry_run import experiment

CONTENT = {
    "kind": "experiment",
    "title": "t",
    "question": "q",
    "unit_id": "id",
    "variant": {"column": "arm", "control": "a", "treatments": ["b"]},
    "assigned_at": "start",
    "metrics": {
        "bought": {"kind": "binary", "event": "order", "within_days": 20},
        "visits": {"kind": "count"},  # no event named: its own name
        "spend": {"kind": "amount", "event": ["payment", "refund"]},
        "csat": {"kind": "score", "event": "rated", "asked": "survey"},
        "paid": {"kind": "time_to_event", "event": "pay", "horizon_days": 30},
        "own": {"kind": "binary", "column": "own_column"},
        "again": {"kind": "count", "event": "order"},  # shares an event
    },
    "exposure": {"event": "opened", "within_days": 10},
}
PLAN = ExperimentPlan.model_validate(CONTENT)
MADE = experiment(PLAN, n_units=400, seed=2)


def test_list_events_fold_to_the_units():
    units, events = MADE.units.set_index("id"), MADE.events
    rows = {name: group.groupby("id") for name, group in events.groupby("event")}
    assert (rows["order"].size().reindex(units.index, fill_value=0) == units["bought"]).all()
    assert (rows["visits"].size().reindex(units.index, fill_value=0) == units["visits"]).all()
    assert np.allclose(rows["payment"]["value"].sum().reindex(units.index, fill_value=0), units["spend"])
    assert np.allclose(rows["rated"]["value"].last(), units["csat"])
    assert (rows["opened"].size().reindex(units.index, fill_value=0) == units["opened"]).all()
    assert rows["survey"].ngroups == 400
    days = (rows["pay"]["at"].first() - units["start"].reindex(rows["pay"]["at"].first().index)).dt.total_seconds()
    assert np.allclose(days / 86_400, units.loc[days.index, "paid_days"], atol=1 / 86_400)
    assert units.loc[days.index, "paid_observed"].all()


def test_list_events_stay_in_their_windows():
    start = MADE.units.set_index("id")["start"]
    age = MADE.events["at"] - start.loc[MADE.events["id"]].array
    oldest = age.groupby(MADE.events["event"]).max()
    assert oldest["order"] < pd.Timedelta(days=20)
    assert oldest["opened"] < pd.Timedelta(days=10)
    assert age.min() >= pd.Timedelta(0)


def test_list_events_times_follow_the_generator():
    first, second = (list_events(PLAN, MADE.units, np.random.default_rng(seed)) for seed in (1, 2))
    assert not first.equals(second)


def test_find_shared_names_the_metric_that_reads_anothers_event():
    assert find_shared(PLAN) == {"again"}
    assert "again" not in {e["metric"] for e in MADE.truth["effects"]}


def test_find_shared_follows_a_ratio_of_a_shared_metric():
    metrics = {**CONTENT["metrics"], "r": {"kind": "ratio", "numerator": "again", "denominator": "visits"}}
    assert find_shared(ExperimentPlan.model_validate({**CONTENT, "metrics": metrics})) == {"again", "r"}


@pytest.mark.parametrize(
    ("changes", "reads"),
    [
        ({}, True),
        ({"assigned_at": None}, False),  # no event can be placed
        ({"metrics": {"m": {"kind": "binary"}}, "exposure": None}, False),  # a plan for a unit table
        ({"metrics": {"m": {"kind": "binary"}}}, True),  # the exposure is an event
        ({"metrics": {"m": {"kind": "time_to_event", "horizon_days": 9}}, "exposure": None}, True),
    ],
)
def test_reads_events_by_plan(changes, reads):
    assert reads_events(ExperimentPlan.model_validate({**CONTENT, **changes})) is reads


def test_experiment_assignments_lack_what_events_tell():
    assert set(MADE.assignments) == {"id", "arm", "start", "own_column"}


def test_experiment_dry_run_of_a_committed_plan_has_events():
    made = experiment(plan.read("proactive_help").design, n_units=50)
    assert {"activated", "conversation_started", "paid", "help_opened"} <= set(made.events["event"])
    assert "paid_in" not in {e["metric"] for e in made.truth["effects"]}  # it reads the event of converted
