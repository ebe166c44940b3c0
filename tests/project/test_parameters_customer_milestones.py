"""Every parameter of the milestones notebook changes what it should; the number of processes changes nothing."""

import json

import notebook_cells
import pytest
import yaml
from notebook_cells import NOTEBOOKS, find_uncovered, is_changed, start, write_databases

spared = notebook_cells.spared  # for every test here
STUDY = "customer_milestones"
FEATURES = ("live_chat", "phone_channel", "crm_sync", "api_used", "messenger_style", "apps_installed")
FEW = {"plan": "{folder}/few.yaml", "activation_effect": 2.0}  # three steps, one landmark; activated accounts stay
RANKED = FEW | {"plan": "{folder}/ranked.yaml"}  # with six features
ALIVE = FEW | {"plan": "{folder}/alive.yaml", "alive_days": [30]}  # the first value is that of the plan
OWN = {
    "plan": "{folder}/few.yaml",
    "data": "duckdb:{folder}/own.duckdb",
    "table": "accounts_1",
    "events": "duckdb:{folder}/own.duckdb",
    "events_table": "events_1",
}
CASES = [
    # parameter, the other parameters of both runs, its value in the second run
    ("plan", FEW, "{folder}/later.yaml"),
    ("review_against", FEW, "{folder}/earlier.json"),
    ("as_of", FEW, "2023-05-31"),
    ("confidence_level", FEW, 0.8),
    ("min_cell", FEW, 60),
    ("landmark_days", FEW, [60]),
    ("horizon_days", FEW, 120),
    ("at_least", FEW, 8),
    ("alive_days", ALIVE, [60]),
    ("setup_days", FEW, 30),
    ("auc_floor", RANKED, 0.9),
    ("refits", RANKED, 6),
    ("folds", FEW, 2),
    ("power", FEW, 0.95),
    ("n_resamples", FEW, 199),
    ("data", OWN, "duckdb:{folder}/other.duckdb"),
    ("table", OWN, "accounts_2"),
    ("events", OWN, "duckdb:{folder}/other.duckdb"),
    ("events_table", OWN, "events_2"),
    ("n_units", FEW, 600),
    ("activation_shape", FEW, "smooth"),
    ("activation_cut", FEW, 30),
    ("activation_effect", FEW, 0.2),
    ("usage_effect", FEW, 1.0),
    ("early_leavers", FEW, 0.4),
    ("monthly_loss", FEW, 0.02),
    ("tier_effect", FEW, 0.9),
    ("feature_effect", FEW, 0.9),
    ("harmful_effect", FEW, 0.9),
    ("maturity_effect", FEW, 0.4),
    ("step_effect", FEW, 0.9),
    ("seats_elasticity", FEW, 1.2),
    ("drift", FEW, 0.0),
    ("seed", FEW, 1),
]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Return a folder with small plans, two databases of two, and what an earlier run left."""
    folder = tmp_path_factory.mktemp("own")
    planned = yaml.safe_load((NOTEBOOKS / "plans" / f"{STUDY}.yaml").read_text())
    few = planned | {"steps": planned["steps"][:3], "steps_at_least": 2, "categories": {}, "features": []}
    few |= {"mature_at_least": None, "activation": planned["activation"] | {"landmark_days": [90]}}
    plans = {"few": few, "later": few | {"steps_at_least": 3}}
    plans["ranked"] = few | {"features": [{"name": name} for name in FEATURES]}
    plans["alive"] = few | {"alive": {"event": "conversation", "within_days": 30}}
    for name, plan in plans.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(plan))
    write_databases(folder, STUDY, units="accounts", n_units=400)
    first = start(folder, STUDY, FEW)
    model = first.reach(len(first.statements))["results"].tables["model"].to_dict("records")
    moved = [row | {"value": row["value"] + 0.5 * (row["kind"] == "coefficient")} for row in model]
    kept = {"study": STUDY, "tables": {"model": [{k: None if v != v else v for k, v in row.items()} for row in moved]}}
    (folder / "earlier.json").write_text(json.dumps(kept))
    return folder


def test_every_parameter_has_a_case():
    assert not find_uncovered(STUDY, [*CASES, ("workers",)])


@pytest.mark.parametrize(("name", "others", "value"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_parameter_changes_the_results(given, name, others, value):
    assert is_changed(given, STUDY, name, others, value)


def test_workers_change_nothing(given):
    assert not is_changed(given, STUDY, "workers", RANKED, 2)
