"""The events of a dry run fold back to its units, whichever way a plan reads them."""

import numpy as np
import pandas as pd
import pytest

from helpers import metrics, plan, sources
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


NEW = {
    "paid": {"kind": "time_to_event", "event": "pay", "horizon_days": 30, "competing": ["left", "closed"]},
    "calls": {"kind": "count", "event": "call", "time_at_risk": "visits", "within_days": 28},
    "visits": {"kind": "count", "within_days": 28},
    "talks": {"kind": "count", "event": "talk", "time_at_risk": "hours", "within_days": 28},
    "stars": {"kind": "score", "event": "rated", "scale": "ordered"},
    "p90": {"kind": "amount", "event": "payment", "quantile": 0.9},
}


def test_list_events_of_rates_orders_quantiles_and_competing_events_fold_to_the_units():
    design = ExperimentPlan.model_validate({**CONTENT, "metrics": NEW, "as_of": "2024-06-30", "exposure": None})
    asked = {"n_units": 300, "seed": 4}
    units = metrics.fold(sources.load(design, "simulated", simulation={"study": "experiment", **asked}), design)
    made, found = experiment(design, **asked).units, metrics.read_rows(units, units.table.columns)
    made = made.sort_values("id", ignore_index=True)
    assert np.allclose(found["time_paid"].where(found["observed_paid"] > 0, 30), made["paid_days"], atol=1 / 86_400)
    assert set(found["observed_paid"]) == {0, 1, 2}
    columns = {"observed_paid": "paid_observed", "y_visits": "visits", "num_calls": "calls", "den_calls": "visits"}
    columns |= {"num_talks": "talks", "den_talks": "hours", "y_stars": "stars", "y_p90": "p90"}
    for column, name in columns.items():
        assert np.allclose(found[column], made[name]), column


def test_list_events_asks_for_metrics_of_shared_columns_too():
    more = {**CONTENT["metrics"], "other": {"kind": "binary", "column": "own_column", "asked": "second_survey"}}
    made = experiment(ExperimentPlan.model_validate({**CONTENT, "metrics": more}), n_units=30)
    assert (made.events["event"] == "second_survey").sum() == 30


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
