"""The dry run of a plan: each metric holds its worthwhile effect, and events fold back, whichever way a plan reads."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sources_samples import tell_refusal

from helpers import metrics, sources
from helpers.plan import ExperimentPlan
from helpers.simulate.dry_run import experiment, find_shared, list_events, reads_events

TIME = {"kind": "time_to_event"}
LEFT = TIME | {"horizon_days": 60, "time": "left_days", "observed": "left_state"}
METRICS = {
    "bought": {"kind": "binary", "expected": "higher", "worthwhile": 0.05},
    "visits": {"kind": "count", "expected": "lower", "worthwhile": 0.3},
    "spend": {"kind": "amount", "expected": "higher", "worthwhile": 5, "column": "usd"},
    "csat": {"kind": "score", "expected": "lower", "worthwhile": 0.2},
    "nps": {"kind": "nps", "expected": "higher", "worthwhile": 10},
    "paid": TIME | {"horizon_days": 30, "time": "days", "observed": "seen", "expected": "lower", "worthwhile": 0.08},
    "left": LEFT | {"competing": "moved", "expected": "higher", "worthwhile": 0.1},  # some leave for another reason
    "stars": {"kind": "score", "scale": "ordered", "expected": "higher", "worthwhile": 0.15},
    "calls": {"kind": "count", "time_at_risk": "hours", "expected": "lower", "worthwhile": 0.05},
    "per_visit": {"kind": "count", "time_at_risk": "visits", "expected": "higher", "worthwhile": 0.1},
    "late": {"kind": "amount", "quantile": 0.9, "expected": "lower", "worthwhile": 12},
    "middle": {"kind": "score", "quantile": 0.5, "expected": "higher", "worthwhile": 0.3},
    "likert": {"kind": "score", "scale": [1, 5], "expected": "higher", "worthwhile": 0.3},
    "upper": {"kind": "score", "scale": [0, 10], "quantile": 0.8, "expected": "lower", "worthwhile": 0.5},
    "many": {"kind": "count", "quantile": 0.8, "expected": "higher", "worthwhile": 2},
    "rate": {"kind": "ratio", "numerator": "clicks", "denominator": "views", "expected": "higher", "worthwhile": 0.03},
    "unplanned": {"kind": "binary"},
}
SEEDS = 25


BASE = {"kind": "experiment", "title": "t", "question": "q", "unit_id": "id"}
BASE["variant"] = {"column": "arm", "control": "a", "treatments": ["b"]}


def make_plan(**changes):
    return ExperimentPlan.model_validate(BASE | {"metrics": METRICS} | changes)


def read_metric(units, name):
    if name == "nps":
        return 100 * (units["nps"] >= 9).mean() - 100 * (units["nps"] <= 6).mean()
    if name == "rate":
        return units["clicks"].sum() / units["views"].sum()
    if name in ("calls", "per_visit"):
        return units[name].sum() / units[METRICS[name]["time_at_risk"]].sum()
    if "quantile" in METRICS[name]:
        return np.quantile(units[name], METRICS[name]["quantile"], method="inverted_cdf")
    if name in ("paid", "left"):
        return (units[METRICS[name]["observed"]] == 1).mean()
    return units[{"spend": "usd"}.get(name, name)].mean()


def compare_metric(treatment, control, name):
    if METRICS[name].get("scale") != "ordered":
        return read_metric(treatment, name) - read_metric(control, name)
    return np.sign(np.subtract.outer(treatment[name].to_numpy(), control[name].to_numpy())).mean()


def test_experiment_truth_is_recovered_over_seeds():
    runs = [experiment(make_plan(), n_units=2000, seed=seed).units for seed in range(SEEDS)]
    arms = [(units[units["arm"] == "b"], units[units["arm"] == "a"]) for units in runs]
    effects = experiment(make_plan(), n_units=10).truth["effects"]
    planted = {e["metric"]: e["value"] for e in effects if e["estimand"] == "difference"}
    assert planted.keys() == METRICS.keys()
    for metric, value in planted.items():
        sign = {"higher": 1, "lower": -1}.get(METRICS[metric].get("expected"), 0)
        assert value == pytest.approx(sign * METRICS[metric].get("worthwhile", 0)), metric
        found = np.array([compare_metric(treatment, control, metric) for treatment, control in arms])
        assert abs(found.mean() - value) < 4.4 * found.std(ddof=1) / np.sqrt(SEEDS), metric


def test_experiment_table_has_what_the_plan_asks_for():
    asked = {"covariates": ["before"], "segments": ["country"], "exposure": {"column": "took"}}
    units = experiment(make_plan(cluster="site", assigned_at="at", **asked), n_units=500).units
    wanted = {"id", "arm", "site", "at", "before", "country", "took", "bought", "usd", "days", "seen", "clicks"}
    assert wanted <= set(units)
    assert units["id"].is_unique
    assert units.groupby("site")["arm"].nunique().max() == 1  # clusters are randomised whole
    assert units.groupby("site").size().max() == 10
    assert units.groupby("arm")["took"].mean()["a"] == 0
    assert 0.5 < units.groupby("arm")["took"].mean()["b"] < 0.7
    assert not units.isna().any().any()


def test_experiment_follows_split_arms_and_outside_groups():
    variant = {"column": "arm", "control": "a", "treatments": ["b", "c"], "observational": ["o"]}
    variant["split"] = {"a": 0.8, "b": 0.1, "c": 0.1}
    made = experiment(make_plan(variant=variant), n_units=6000)
    counts = made.units["arm"].value_counts()
    assert counts["o"] == 2000
    assert abs(counts["a"] / 6000 - 0.8) < 4 * np.sqrt(0.16 / 6000)
    assert {e["treatment"] for e in made.truth["effects"]} == {"b", "c"}


def test_experiment_size_seed_and_note():
    first, same, other = (experiment(make_plan(), n_units=50, seed=seed).units for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, same)
    assert not first.equals(other)
    assert (set(first["left_state"]), set(first["seen"])) == ({0, 1, 2}, {0, 1})  # competing where the plan names it
    assert len(experiment(make_plan(planned_units=120)).units) == 120
    assert len(experiment(make_plan()).units) == 4000
    said = "Simulated: a dry run of the plan with 1,200 units and generic baselines. "
    said += "Each metric holds the effect that the plan calls worthwhile, or none."
    assert experiment(make_plan(), n_units=1200).note == said


def test_experiment_windows_are_over_at_as_of():
    plan = make_plan(assigned_at="at", as_of="2022-04-30", enrolment_days=14)
    at = experiment(plan, n_units=2000).units["at"]
    assert at.max() + pd.Timedelta(days=30) <= pd.Timestamp("2022-05-01", tz="UTC")
    assert pd.Timedelta(days=13) < at.max() - at.min() <= pd.Timedelta(days=14)


def test_experiment_of_events_without_as_of_is_complete_although_no_event_is_late():
    # one unit in fifty pays, none of them on the last days
    paid = {"spend": {"kind": "amount", "event": "paid", "within_days": 60, "quantile": 0.5}}
    design = make_plan(metrics=paid, assigned_at="at", planned_units=40)
    source = sources.load(design, "simulated", simulation={"study": "experiment"})
    source = replace(source, events=source.events.filter(source.events["value"] < 0))
    units = metrics.fold(source, design)
    assert units.as_of == source.truth["as_of"] == dt.date(2024, 3, 28)  # 28 days of enrolment and 60 more
    assert metrics.read_rows(units, ["complete_spend"])["complete_spend"].all()


def test_experiment_ratio_of_two_metrics_has_the_truth_of_its_parts():
    metrics = {
        "visits": METRICS["visits"],
        "days": {"kind": "count"},
        "per_day": {"kind": "ratio", "numerator": "visits", "denominator": "days"},
        "per_page": {"kind": "ratio", "numerator": "visits", "denominator": "pages"},
    }
    effects = experiment(make_plan(metrics=metrics), n_units=100).truth["effects"]
    found = {e["metric"]: e["value"] for e in effects if e["estimand"] == "difference"}
    assert found["per_day"] == pytest.approx(-0.3 / 2)
    assert found["per_page"] == pytest.approx(-0.3 / 5)


HALF = "worthwhile must be below 0.5 for a share; lower it"
REFUSED = [
    # a share cannot rise by half from 50 %
    ({"m": {"kind": "binary", "worthwhile": 0.5, "expected": "higher"}}, f"m: {HALF}"),
    ({"m": {"kind": "nps", "worthwhile": 36, "expected": "higher"}},
     "m: worthwhile must be at most 35 points; lower it"),
    ({"m": TIME | {"horizon_days": 10, "worthwhile": 0.5, "expected": "lower"}}, f"m: {HALF}"),
    ({"m": {"kind": "score", "scale": "ordered", "worthwhile": 0.8, "expected": "lower"}},
     "m: worthwhile must be below 0.8 for an ordered score; lower it"),
    # one column cannot hold two effects
    ({"m": {"kind": "binary", "column": "x"}, "k": {"kind": "count", "column": "x"}},
     "k: column x has another metric; give it its own"),
]  # fmt: skip


@pytest.mark.parametrize(("metrics", "message"), REFUSED)
def test_experiment_refuses_what_cannot_be_planted(metrics, message):
    told = f"simulation experiment, metric {message}"
    assert tell_refusal(experiment, make_plan(metrics=metrics), n_units=100) == told


def test_experiment_truth_of_a_restricted_mean():
    made = experiment(make_plan(), n_units=20_000, seed=3)
    for name in ("paid", "left"):
        planted = next(e for e in made.truth["effects"] if (e["metric"], e["estimand"]) == (name, "rmst_difference"))
        keys = METRICS[name]
        free = made.units[keys["time"]].where(made.units[keys["observed"]] == 1, keys["horizon_days"])
        found = free.groupby(made.units["arm"]).agg(["mean", "sem"])
        for arm, value in (("a", planted["control_value"]), ("b", planted["treatment_value"])):
            assert abs(found.loc[arm, "mean"] - value) < 4 * found.loc[arm, "sem"], (name, arm)


def test_experiment_metrics_of_one_column_are_drawn_once_and_the_later_one_is_not_planted():
    metrics = {
        "spend": METRICS["spend"],
        "large": {"kind": "amount", "column": "usd", "quantile": 0.9},
        "rate": {"kind": "count", "column": "visits", "time_at_risk": "hours"},
        "visits": METRICS["visits"],
    }
    alone, made = (experiment(make_plan(metrics=one), n_units=50) for one in ({"spend": metrics["spend"]}, metrics))
    assert {e["metric"] for e in made.truth["effects"]} == {"spend", "visits"}
    assert made.units["usd"].equals(alone.units["usd"])
    assert "hours" in made.units


def test_experiment_a_large_effect_on_a_share_gets_a_middle_baseline():
    plan = make_plan(metrics={"m": {"kind": "binary", "expected": "lower", "worthwhile": 0.3}})
    effect = experiment(plan, n_units=10).truth["effects"][0]
    assert (effect["control_value"], effect["treatment_value"]) == (0.5, pytest.approx(0.2))


CONTENT = BASE | {
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
    assert set(MADE.assignments) == {"id", "arm", "start", "own_column"}  # without what events tell
    units, events = MADE.units.set_index("id"), MADE.events
    rows = {name: group.groupby("id") for name, group in events.groupby("event")}
    for event, name in {"order": "bought", "visits": "visits", "opened": "opened"}.items():
        assert (rows[event].size().reindex(units.index, fill_value=0) == units[name]).all()
    assert np.allclose(rows["payment"]["value"].sum().reindex(units.index, fill_value=0), units["spend"])
    assert np.allclose(rows["rated"]["value"].last(), units["csat"])
    assert (events.loc[events["event"] == "payment", "value"] != 0).all()  # who pays nothing tells no payment
    assert rows["survey"].ngroups == 400
    paid = rows["pay"]["at"].first()
    days = (paid - units["start"].reindex(paid.index)).dt.total_seconds() / 86_400
    assert np.allclose(days, units.loc[days.index, "paid_days"], atol=1 / 86_400)
    assert units.loc[days.index, "paid_observed"].all()
    first, second = (list_events(PLAN, MADE.units, np.random.default_rng(seed)) for seed in (1, 2))
    assert not first.equals(second)  # times follow the generator


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


def test_list_events_ask_each_unit_once_for_two_metrics_of_one_survey():
    more = {**CONTENT["metrics"], "nps": {"kind": "nps", "event": "recommended", "asked": "survey"}}
    more["r"] = {"kind": "ratio", "numerator": "visits", "denominator": "bought"}
    events = experiment(ExperimentPlan.model_validate({**CONTENT, "metrics": more}), n_units=30).events
    assert (events["event"] == "survey").sum() == 30
    assert "r" not in set(events["event"])  # a ratio has its parts alone


def test_list_events_stay_in_their_windows():
    start = MADE.units.set_index("id")["start"]
    age = MADE.events["at"] - start.loc[MADE.events["id"]].array
    oldest = age.groupby(MADE.events["event"]).max()
    assert oldest["order"] < pd.Timedelta(days=20)
    assert oldest["opened"] < pd.Timedelta(days=10)
    assert age.min() >= pd.Timedelta(0)
    window = {"bought": {**CONTENT["metrics"]["bought"], "from_days": 7}}
    late = experiment(ExperimentPlan.model_validate({**CONTENT, "metrics": window}), n_units=400, seed=2)
    age = late.events["at"] - late.units.set_index("id")["start"].loc[late.events["id"]].array
    bought = age[late.events["event"] == "order"]
    assert pd.Timedelta(days=7) <= bought.min() and pd.Timedelta(days=19) < bought.max() < pd.Timedelta(days=20)


def test_find_shared_follows_a_ratio_of_a_shared_metric():
    assert find_shared(PLAN) == {"again"}
    assert "again" not in {e["metric"] for e in MADE.truth["effects"]}
    metrics = {**CONTENT["metrics"], "r": {"kind": "ratio", "numerator": "again", "denominator": "visits"}}
    assert find_shared(ExperimentPlan.model_validate({**CONTENT, "metrics": metrics})) == {"again", "r"}


def test_find_shared_takes_the_name_of_a_time_or_a_ratio_for_no_column():
    metrics = {"left": LEFT, "visits": METRICS["visits"], "rate": METRICS["rate"]}
    metrics |= {"gone": {"kind": "binary", "column": "left"}, "rated": {"kind": "score", "column": "rate"}}
    assert find_shared(make_plan(metrics=metrics)) == set()


@pytest.mark.parametrize(("changes", "reads"), [
    ({}, True),
    ({"assigned_at": None}, False),  # no event can be placed
    ({"metrics": {"m": {"kind": "binary"}}, "exposure": None}, False),  # a plan for a unit table
    ({"metrics": {"m": {"kind": "binary"}}}, True),  # the exposure is an event
    ({"metrics": {"m": {"kind": "time_to_event", "horizon_days": 9}}, "exposure": None}, True),
])  # fmt: skip
def test_reads_events_by_plan(changes, reads):
    assert reads_events(ExperimentPlan.model_validate({**CONTENT, **changes})) is reads
