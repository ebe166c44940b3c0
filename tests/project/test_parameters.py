"""Every parameter of every notebook changes what it should, and cells to explore from run: in this process, unshown."""

import json
from dataclasses import fields
from functools import cache

import notebook_cells
import pandas as pd
import pytest
import yaml
from notebook_cells import NOTEBOOKS, SKEWED_RUN, SMALL, read_default, start, write_databases, write_skewed

from helpers import checks
from helpers.plan import ExperimentPlan
from helpers.records import Estimate
from helpers.report import read_parameters

spared = notebook_cells.spared  # for every test here
OTHER = "duckdb:{folder}/other.duckdb"
EVEN = (SKEWED_RUN, {"plan": "{folder}/even.yaml"})
ASKED = (SKEWED_RUN, {"confidence_level": 0.8, "min_cell": 100})
SPREAD = (SKEWED_RUN, {"n_resamples": 800, "prior_units": 100.0})
AMOUNTS = {"gross_margin": [0.1, 0.2, 0.3]}
LOADED = {"data": OTHER, "events": OTHER, "events_table": "events_2"}  # of another file, or another table of it
UNITS, ACCOUNTS = LOADED | {"table": "assigned_2"}, LOADED | {"table": "accounts_2"}


def own(**given):
    """Return what a run of her own tables is given: the first of two databases, its first tables."""
    return notebook_cells.OWN | given


# the milestones: three steps, one landmark, activated accounts stay; with six features; alive, as planned at first
FEW = {"plan": "{folder}/few.yaml", "activation_effect": 2.0}
RANKED, ALIVE = FEW | {"plan": "{folder}/ranked.yaml"}, FEW | {"plan": "{folder}/alive.yaml", "alive_days": [30]}
FEATURES = ("live_chat", "phone_channel", "crm_sync", "api_used", "messenger_style", "apps_installed")
MILESTONES = {"review_against": "{folder}/earlier.json", "as_of": "2023-05-31", "confidence_level": 0.8, "min_cell": 60}
MILESTONES |= {"plan": "{folder}/later.yaml", "landmark_days": [60], "horizon_days": 120, "at_least": 8, "folds": 2}
MILESTONES |= {"setup_days": 30, "power": 0.95, "n_resamples": 199, "n_units": 600, "activation_shape": "smooth"}
MILESTONES |= {"activation_cut": 30, "activation_effect": 0.2, "usage_effect": 1.0, "early_leavers": 0.4, "seed": 1}
MILESTONES |= {"monthly_loss": 0.02, "tier_effect": 0.9, "feature_effect": 0.9, "harmful_effect": 0.9, "drift": 0.0}
MILESTONES |= {"maturity_effect": 0.4, "step_effect": 0.9, "seats_elasticity": 1.2}
# support metrics: of published retention alone; with a survey, quick, since no ticket is read; many who hardly ask
PUBLIC = {"plan": "published_retention", "data": "public:published_retention", "survey_size": 0}
PUBLIC |= {"retention_months": [12, 144]}
SURVEY, QUIET = PUBLIC | {"survey_size": 600}, {"n_units": 4000, "tickets_a_year": 0.2}
TICKETS = {"plan": "{folder}/later.yaml", "as_of": "2022-01-31", "promise_hours": 20.0, "premium_hours": 0.5}
TICKETS |= {"soon_days": 1.0, "return_days": 1.0, "satisfied_from": 5.0, "window_days": 200.0, "lead_days": 100.0}
TICKETS |= {"fixes": ["billing 2021-07-01"], "fix_days": 90.0, "review_margins": [1.0], "reliability": 0.9, "seed": 7}
TICKETS |= {"n_units": 900, "reply_effect": 0.1, "one_reply_effect": 0.1, "loyal_service": 0.0, "premium_effect": 0.0}
TICKETS |= {"fix_effect": 0.8, "tickets_a_year": 2.0, "reviewer_noise": 0.3}
ANSWERS = {"confidence_level": 0.8, "survey_size": 300, "measure_retention": 0.4, "measure_renewals": 0.2}
ANSWERS |= {"expect_more": 0.6, "are_sure": 0.5, "design_effect": 2.0, "response_shares": [0.5], "churn_bases": [0.3]}
ANSWERS |= {"net_base": 0.9, "trait_gaps": [0.5]}
KEPT = {"min_cell": 700, "term_days": 360.0, "retention_months": [24], "fit_renewals": 5}
PREMIUM = {"premium_line": 15.0, "premium_from": "2021-02-01", "n_resamples": 400}
LIVE = {"n_units": 1000, "questions_lift": 0.5, "trial_rate": 0.3, "trial_lift": 0.1, "paid_rate": 0.12, "seed": 1}
LIVE |= {"revenue_lift": 0.4, "revenue_spread": 0.5, "loyalty_effect": 3.0, "loyalty_as": "percent"}
LIVE |= {"response_effect": 0.02, "effect_by_hour": 0.1, "live_agents": 9, "regular_agents": 12, "moved_agents": 0}
LIVE |= {"shared_agents": True, "patience_hours": 2.0, "within_minutes": [5, 20, 90], "slower_minutes": [0, 5]}
LIVE |= {"arrivals": "public:bank_calls", "handle_minutes": 20.0, "patience_minutes": 2.0, "handle_range": [0.5, 1, 3]}
LIVE |= {"patience_range": [0.1, 1, 9], "shrinkage": [0, 0.1, 0.2], "target_share": 0.95, **AMOUNTS}
LIVE |= {"sign_ups_per_year": [1000, 2000, 3000], "extra_hours_per_year": -500.0, "cost_per_agent_hour": [1, 2, 3]}
IN_APP = {"place": "variant", "inside": "link", "by_lot": False, "answered": "nothing", "wants": "nothing", "seed": 1}
IN_APP |= {"margins": ["tenure_months"], "first_edges": [0.01], "price_edges": [0.01], "second_edges": [12]}
IN_APP |= {"first_least": 1.0, "second_least": 1.0, "within_minutes": 60.0, "users": [1000], "people": 5.0, "folds": 6}
IN_APP |= {"desk_hours": 10.0, "handle_minutes": [1, 2, 3], "follow_up_minutes": 30.0, "cost_per_hour": [1, 2, 3]}
IN_APP |= {"n_units": 9000, "contact_rate": 0.05, "share_suggested": 0.9, "share_opened": 0.9, "deflection": 0.4}
IN_APP |= {"false_deflection": 0.0, **AMOUNTS, "link_rate": 0.06, "reach_ratio": 4.0, "paying_share": 0.3}
IN_APP |= {"praise_shape": "none"}
IN_APP |= {"praise_effect": 0.1, "easy_and_fast": 0.0, "known_free": 0.5, "known_large": 0.3, "n_resamples": 199}
DESIGN = {"confidence_level": 0.8, "baselines": ["activated = 0.4"], "correlation": 0.8, "group_size": 10.0, "seed": 7}
DESIGN |= {"units_per_week": 300.0, "most_weeks": 8, "power": 0.9, "share_treatment": 0.2, "looks": [0.5, 1]}
DESIGN |= {"weeks": 5, "starts_on": "2027-01-04", "past_effects": 0.2, "worth_per_year": 1000.0, "draws": 1500}
DESIGN |= {"cost_per_year": 5000.0, "cost_per_week": 10.0, "horizon_years": 5.0}
LINKS = {"n_units": 1000, "share_use_content": 0.3, "activation_rate": 0.4, "activation_effect": -0.08, "seed": 1}
LINKS |= {"activation_ratio": 1.5, "paid_rate": 0.35, "paid_effect": -0.01, "units_per_year": [1000, 2000, 3000]}
LINKS |= {"cost_per_year": [1, 2, 3], **AMOUNTS}
ANY = [ASKED, SPREAD, (SKEWED_RUN, {"past_effects": 0.01})]
CASES = {  # of each study: the other parameters of both runs, and what each parameter is in the second
    "experiment": [
        *ANY,
        (own(plan="proactive_help"), UNITS | {"as_of": "2021-04-10"}),
        ({"data": "simulated", "n_units": 400, "seed": 1}, {"plan": "nsw_cps", "n_units": 500, "seed": 2}),
    ],
    "proactive_help": [*ANY, EVEN, (own(plan="proactive_help"), UNITS | {"as_of": "2021-04-10"}), ({}, LINKS)],
    "live_support": [
        *(ASKED, SPREAD, EVEN, (SKEWED_RUN, {"past_effects": 0.5}), ({}, LIVE)),
        (own(plan="live_support"), UNITS | {"as_of": "2018-11-10"}),
    ],
    "in_app_support": [ASKED, EVEN, (own(plan="in_app_support"), UNITS | {"as_of": "2013-06-10"}), ({}, IN_APP)],
    "experiment_design": [
        *(({}, DESIGN), ({"units_per_week": 500}, {"plan": "{folder}/bolder.yaml"})),
        (own(plan="proactive_help"), UNITS | {"as_of": "2021-04-10", "n_splits": 110}),
        ({"plan": "{folder}/adjusted.yaml"}, {"explained": 0.3}),
        ({"group_size": 10.0}, {"group_correlation": 0.2}),
    ],
    "customer_milestones": [
        *((FEW, MILESTONES), (ALIVE, {"alive_days": [60]}), (RANKED, {"auc_floor": 0.9, "refits": 6})),
        (own(plan="{folder}/few.yaml", table="accounts_1"), ACCOUNTS),
    ],
    "support_metrics": [
        *(({}, TICKETS), (SURVEY, ANSWERS), (PUBLIC, KEPT), (QUIET, PREMIUM)),
        (own(table="accounts_1", fixes=[]), ACCOUNTS),
    ],
    "evidence_review": [
        ({}, {"runs": ["{folder}/needed.json"], "confidence_level": 0.8}),
        ({"runs": ["{folder}/needed.json"]}, {"power": 0.9}),
    ],
    "validation": [
        ({}, {"depth": "deep", "replicates": 25, "confidence_level": 0.8, "seed": 1, "measured": "{folder}/cells"})
    ],
    "guide": [({}, {"seed": 1})],
    "methods": [({}, {"confidence_level": 0.8, "seed": 1})],
}
RUNS = [(study, *group) for study, groups in CASES.items() for group in groups]
EACH = [(study, name, others, value) for study, others, changes in RUNS for name, value in changes.items()]
EFFECT = dict.fromkeys(field.name for field in fields(Estimate))
EFFECT |= {"metric": "converted", "estimand": "difference", "population": "itt", "adjustment": "none", "segment": None}
EFFECT |= {"at": None, "estimate": -0.1, "control_value": 0.3, "std_error": 0.02, "n_control": 900, "n_treatment": 900}
EFFECT |= {"role": "secondary", "verdict": "clear harm"}
PLANNED = [{"metric": "converted", "kind": "binary", "noun": "workspace", "worthwhile": 0.02}]
NEEDED = {"run": "one", "study": "proactive_help", "status": "answered", "data": {"kind": "yours"}, "claims": []}
NEEDED |= {"schema": 1, "title": "", "answer": [], "parameters": {}, "plan": {}, "checks": [], "tests": []}
NEEDED |= {"estimates": [EFFECT], "tables": {"metrics": PLANNED}}


def measure_wrongly(folder, guarantees):
    """Write the cells of the quick grid as if somebody had measured no coverage at all."""
    cells = checks.list_cells(guarantees, "quick", replicates=SMALL["validation"]["replicates"])
    checks.measure_cells(cells, guarantees, seed=read_default("validation", "seed"), store=folder)
    for file in folder.iterdir():
        found = json.loads(file.read_text())
        state = {**found["state"], "sums": [0.0] * len(found["state"]["sums"])}
        file.write_text(json.dumps({**found, "state": state}))


def plan_few(folder):
    """Write small plans of milestones, and what an earlier run left."""
    planned = yaml.safe_load((NOTEBOOKS / "plans" / "customer_milestones.yaml").read_text())
    few = planned | {"steps": planned["steps"][:3], "steps_at_least": 2, "categories": {}, "features": []}
    few |= {"mature_at_least": None, "activation": planned["activation"] | {"landmark_days": [90]}}
    plans = {"few": few, "later": few | {"steps_at_least": 3}}
    plans["ranked"] = few | {"features": [{"name": name} for name in FEATURES]}
    plans["alive"] = few | {"alive": {"event": "conversation", "within_days": 30}}
    for name, plan in plans.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(plan))
    first = start(folder, "customer_milestones", FEW)
    model = first.reach(len(first.statements))["results"].tables["model"].to_dict("records")
    moved = [row | {"value": row["value"] + 0.5 * (row["kind"] == "coefficient")} for row in model]
    rows = [{k: None if v != v else v for k, v in row.items()} for row in moved]
    (folder / "earlier.json").write_text(json.dumps({"study": "customer_milestones", "tables": {"model": rows}}))


def copy_plan(folder, name, plan, old, new):
    """Write a plan of ours with one thing changed."""
    (folder / f"{name}.yaml").write_text((NOTEBOOKS / "plans" / f"{plan}.yaml").read_text().replace(old, new))


@pytest.fixture(scope="module")
def find_folder(spared, tmp_path_factory):
    """Return a function that gives a study's folder of the researcher's own: tables, databases of two, plans."""

    @cache
    def make(study):
        folder = tmp_path_factory.mktemp(study)
        write_skewed(folder)
        (folder / "needed.json").write_text(json.dumps(NEEDED))
        copy_plan(folder, "bolder", "proactive_help", "worthwhile: 0.02", "worthwhile: 0.05")
        copy_plan(folder, "adjusted", "proactive_help", "decides_on: raw", "decides_on: adjusted")
        copy_plan(folder, "later", "support_metrics", "size: seats", "size: amount")
        if study == "validation":
            measure_wrongly(folder / "cells", spared)
        if study == "customer_milestones":
            plan_few(folder)
        simulated, few = {"experiment": "proactive_help", "experiment_design": "proactive_help"}.get(study, study), {}
        if study in ("customer_milestones", "support_metrics"):
            few = {"units": "accounts", "n_units": {"customer_milestones": 400, "support_metrics": 600}[study]}
        if any("table" in others for others, _ in CASES[study]):
            write_databases(folder, simulated, **few)
        return folder

    return make


def test_every_notebook_and_every_parameter_has_a_case():
    assert set(CASES) == set(SMALL) == {file.stem for file in NOTEBOOKS.glob("*.ipynb")}
    asked = {study: {name for other, name, *_ in EACH if other == study} for study in CASES}
    asked["customer_milestones"] |= {"workers"}
    assert asked == {study: {*read_parameters(NOTEBOOKS / f"{study}.ipynb")} for study in CASES}


@pytest.mark.parametrize(
    ("study", "name", "others", "value"), [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in EACH]
)
def test_parameter_changes_the_results(find_folder, study, name, others, value):
    assert notebook_cells.is_changed(find_folder(study), study, name, others, value)


def test_workers_change_nothing(find_folder):
    study = "customer_milestones"
    assert not notebook_cells.is_changed(find_folder(study), study, "workers", RANKED, 2)


@pytest.mark.parametrize("study", CASES)
def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(study, tmp_path, monkeypatch):
    notebook_cells.assert_explores(study, tmp_path, monkeypatch)


@pytest.mark.parametrize(("study", "name", "planned", "moved"), [
    # what an agent hour costs moves the net value; the line moves who counts as activated
    ("live_support", "cost", 35, {17.5: "at $17.5", 105: "at $105"}),
    ("customer_milestones", "line", 20, {12: "those with 12 conversations", 30: "those with 30 conversations"}),
])  # fmt: skip
def test_slider_tells_the_answer_anew_and_starts_from_the_one_that_stands(study, name, planned, moved):
    box = notebook_cells.assert_slides(study, name, planned, moved)
    if name == "line":
        assert box.f(line=10_000).text == "Fewer than 10 accounts lie on one side of this line."


def run_notebook(study, **changes):
    """Return the names of a notebook once its results are made, with some parameters changed."""
    cells = notebook_cells.Baseline(study, changes)
    return cells.reach(len(cells.statements))


def test_a_table_and_a_plan_in_memory_take_the_place_of_files_in_a_live_session(tmp_path):
    write_skewed(tmp_path)
    file, plan = tmp_path / "skewed.csv", tmp_path / "skewed.yaml"
    first = run_notebook("experiment", data=str(file), plan=str(plan))["results"].estimates
    found = run_notebook("experiment", data=pd.read_csv(file), plan=yaml.safe_load(plan.read_text()))
    second, told = found["results"].estimates, found["parameters"]
    assert [e.but(id="") for e in first] == [e.but(id="") for e in second] and len(first) > 1
    assert (told["data"], told["plan"]) == ("a table in memory", "a dict")


DESIGNED = {"proactive_help": {}, "cdnow_reminder": {"baselines": ["bought = 0.2"]}}


@pytest.mark.parametrize("plan", DESIGNED)
def test_a_plan_that_was_designed_is_taken_unchanged_by_the_notebook_that_analyses(plan, tmp_path):
    few = {"plan": plan, "units_per_week": 300.0, "starts_on": "2027-01-04", **DESIGNED[plan]}
    text = run_notebook("experiment_design", **few)["results"].tables["plan_text"]["text"].item()
    (tmp_path / "autumn.yaml").write_text(text)
    own = ExperimentPlan.model_validate(yaml.load(text, yaml.BaseLoader))
    given = {"plan": str(tmp_path / "autumn.yaml"), "data": "simulated", "n_resamples": 200}
    results = run_notebook("experiment", **given)["results"]
    assert results.status == "answered" and results.plan["file"] == "autumn.yaml"
    assert {e.metric for e in results.headline()} == set(own.metrics)
    assert sum(results.data.units_by_variant.get(arm, 0) for arm in own.variant.arms) == own.planned_units == 1200
    assert own.enrolment_days == 28 and not results.plan["departures"]
