"""Every parameter of the notebook that designs experiments changes what it should; its plan runs unchanged."""

import notebook_cells
import pytest
import yaml
from notebook_cells import NOTEBOOKS, find_uncovered, is_changed, list_cells, write_databases

from helpers.plan import ExperimentPlan

spared = notebook_cells.spared  # for every test here
HISTORY = {"plan": "proactive_help", **notebook_cells.OWN}
SEEN = [
    # parameter, the other parameters of both runs, its value in the second run
    ("plan", {"units_per_week": 500}, "{folder}/bolder.yaml"),
    ("data", HISTORY, "duckdb:{folder}/other.duckdb"),
    ("table", HISTORY, "assigned_2"),
    ("events", HISTORY, "duckdb:{folder}/other.duckdb"),
    ("events_table", HISTORY, "events_2"),
    ("as_of", HISTORY, "2021-04-10"),
    ("n_splits", HISTORY, 110),
]
CASES = [
    *SEEN,
    ("confidence_level", {}, 0.8),
    ("baselines", {}, ["activated = 0.4"]),
    ("explained", {"plan": "{folder}/adjusted.yaml"}, 0.3),
    ("correlation", {}, 0.8),
    ("group_size", {}, 10.0),
    ("group_correlation", {"group_size": 10.0}, 0.2),
    ("units_per_week", {}, 300.0),
    ("most_weeks", {}, 8),
    ("power", {}, 0.9),
    ("share_treatment", {}, 0.2),
    ("looks", {}, [0.5, 1]),
    ("weeks", {}, 5),
    ("starts_on", {}, "2027-01-04"),
    ("past_effects", {}, 0.2),
    ("worth_per_year", {}, 1000.0),
    ("cost_per_year", {}, 5000.0),
    ("cost_per_week", {}, 10.0),
    ("horizon_years", {}, 5.0),
    ("draws", {}, 1500),
    ("seed", {}, 7),
]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Return a folder with two plans and two databases of two histories."""
    folder = tmp_path_factory.mktemp("own")
    planned = (NOTEBOOKS / "plans" / "proactive_help.yaml").read_text()
    (folder / "bolder.yaml").write_text(planned.replace("worthwhile: 0.02", "worthwhile: 0.05"))
    (folder / "adjusted.yaml").write_text(planned.replace("decides_on: raw", "decides_on: adjusted"))
    write_databases(folder, "proactive_help")
    return folder


def test_every_parameter_has_a_case():
    assert not find_uncovered("experiment_design", CASES)


@pytest.mark.parametrize(("name", "others", "value"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_parameter_changes_the_results(given, name, others, value):
    assert is_changed(given, "experiment_design", name, others, value)


def run_notebook(study, **changes):
    """Return the results of a notebook's cells with some parameters changed."""
    space = {}
    for tags, source in list_cells(study):
        if "import pingouin" not in source:
            exec(compile(source, study, "exec"), space)
        if "parameters" in tags:
            space |= changes
    return space["results"]


@pytest.mark.parametrize("plan", ["proactive_help", "cdnow_reminder"])
def test_its_plan_is_taken_unchanged_by_the_notebook_that_analyses(plan, tmp_path):
    told = {"cdnow_reminder": ["bought = 0.2"]}
    few = {**notebook_cells.SMALL["experiment_design"], "units_per_week": 300.0, "starts_on": "2027-01-04"}
    few |= {"baselines": told[plan]} if plan in told else {}
    designed = run_notebook("experiment_design", plan=plan, **few)
    text = designed.tables["plan_text"]["text"].item()
    (tmp_path / "autumn.yaml").write_text(text)
    own = ExperimentPlan.model_validate(yaml.load(text, yaml.BaseLoader))
    results = run_notebook("experiment", plan=str(tmp_path / "autumn.yaml"), data="simulated", n_resamples=200)
    assert results.status == "answered" and results.plan["file"] == "autumn.yaml"
    assert {e.metric for e in results.headline()} == set(own.metrics)
    assert sum(results.data.units_by_variant.get(arm, 0) for arm in own.variant.arms) == own.planned_units == 1200
    assert own.enrolment_days == 28 and not results.plan["departures"]
