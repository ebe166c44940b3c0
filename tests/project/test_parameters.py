"""Every parameter of every notebook changes what it should: its cells are run in this process, displays left out."""

import json
from dataclasses import fields
from pathlib import Path

import notebook_cells
import pytest
from notebook_cells import SKEWED_RUN, SMALL, find_uncovered, is_changed, read_default, write_databases, write_skewed

from helpers import checks
from helpers.records import Estimate

spared = notebook_cells.spared  # for every test here


def measure_wrongly(folder, guarantees):
    """Write the cells of the quick grid as if somebody had measured no coverage at all."""
    cells = checks.list_cells(guarantees, "quick", replicates=SMALL["validation"]["replicates"])
    checks.measure_cells(cells, guarantees, seed=read_default("validation", "seed"), store=folder)
    for file in folder.iterdir():
        found = json.loads(file.read_text())
        state = {**found["state"], "sums": [0.0] * len(found["state"]["sums"])}
        file.write_text(json.dumps({**found, "state": state}))


@pytest.fixture(scope="module")
def given(spared, tmp_path_factory):
    """Return a folder of the researcher's own: a heavy tail with its plan, two databases of two, measured cells."""
    folder = tmp_path_factory.mktemp("own")
    write_skewed(folder)
    measure_wrongly(folder / "cells", spared)
    (folder / "needed.json").write_text(json.dumps(NEEDED))
    write_databases(folder, "proactive_help")
    return folder


EFFECT = dict.fromkeys(field.name for field in fields(Estimate))
EFFECT |= {"metric": "converted", "estimand": "difference", "population": "itt", "adjustment": "none", "segment": None}
EFFECT |= {"at": None, "estimate": -0.1, "control_value": 0.3, "std_error": 0.02, "n_control": 900, "n_treatment": 900}
EFFECT |= {"role": "secondary", "verdict": "clear harm"}
PLANNED = [{"metric": "converted", "kind": "binary", "noun": "workspace", "worthwhile": 0.02}]
NEEDED = {"run": "one", "study": "proactive_help", "status": "answered", "data": {"kind": "yours"}, "claims": []}
NEEDED |= {"schema": 1, "title": "", "answer": [], "parameters": {}, "plan": {}, "checks": [], "tests": []}
NEEDED |= {"estimates": [EFFECT], "tables": {"metrics": PLANNED}}
OWN = {"plan": "proactive_help", **notebook_cells.OWN}
DRY = {"data": "simulated", "n_units": 400, "seed": 1}
ANY_STUDY = [
    # parameter, the other parameters of both runs, its value in the second run
    ("table", OWN, "assigned_2"),
    ("events", OWN, "duckdb:{folder}/other.duckdb"),
    ("events_table", OWN, "events_2"),
    ("as_of", OWN, "2021-04-10"),
    ("n_resamples", SKEWED_RUN, 800),
    ("confidence_level", SKEWED_RUN, 0.8),
    ("min_cell", SKEWED_RUN, 100),
    ("prior_units", SKEWED_RUN, 100.0),
    ("past_effects", SKEWED_RUN, 0.01),
]
CASES = {
    "experiment": [
        *ANY_STUDY,
        ("plan", DRY, "nsw_cps"),
        ("data", DRY, "public:jobs_ii"),
        ("n_units", DRY, 500),
        ("seed", DRY, 2),
    ],
    "proactive_help": [
        *ANY_STUDY,
        ("plan", SKEWED_RUN, "{folder}/even.yaml"),
        ("data", OWN, "duckdb:{folder}/other.duckdb"),
        ("n_units", {}, 1000),
        ("share_use_content", {}, 0.3),
        ("activation_rate", {}, 0.4),
        ("activation_effect", {}, -0.08),
        ("activation_ratio", {}, 1.5),
        ("paid_rate", {}, 0.35),
        ("paid_effect", {}, -0.01),
        ("units_per_year", {}, [1000, 2000, 3000]),
        ("gross_margin", {}, [0.1, 0.2, 0.3]),
        ("cost_per_year", {}, [1, 2, 3]),
        ("seed", {}, 1),
    ],
    "evidence_review": [
        ("runs", {}, ["{folder}/needed.json"]),
        ("power", {"runs": ["{folder}/needed.json"]}, 0.9),
        ("confidence_level", {}, 0.8),
    ],
    "validation": [
        ("depth", {}, "deep"),
        ("replicates", {}, 25),
        ("confidence_level", {}, 0.8),
        ("seed", {}, 1),
        ("measured", {}, "{folder}/cells"),
    ],
    "guide": [("seed", {}, 1)],
    "methods": [("confidence_level", {}, 0.8), ("seed", {}, 1)],
}


@pytest.mark.parametrize("study", CASES)
def test_every_parameter_has_a_case(study):
    assert not find_uncovered(study, CASES[study])


@pytest.mark.parametrize(
    ("study", "name", "others", "value"),
    [pytest.param(study, *case, id=f"{study}-{case[0]}") for study, cases in CASES.items() for case in cases],
)
def test_parameter_changes_the_results(given, study, name, others, value):
    assert is_changed(given, study, name, others, value)


@pytest.mark.parametrize("study", CASES)
def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(study, tmp_path, monkeypatch):
    notebook_cells.assert_explores(study, tmp_path, monkeypatch)


def test_every_notebook_is_explored():
    files = [file for file in Path(__file__).parent.glob("test_*.py") if "assert_explores(" in file.read_text()]
    assert len(files) == len(set(SMALL) - set(CASES)) + 1  # each study that has a file of its own, and this one
