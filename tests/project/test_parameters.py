"""Every parameter of every notebook changes what it should: its cells are run in this process, displays left out."""

import functools
import json
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from helpers import checks, inference, simulate, survival
from helpers.report import read_parameters

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SMALL = {"proactive_help": {"n_units": 1200}, "experiment": {}, "validation": {"replicates": 20}}
SKEWED = """\
kind: experiment
title: Revenue
question: Does it raise revenue?
unit_id: customer
variant: {column: arm, control: a, treatments: [b], split: {a: 0.9, b: 0.1}}
metrics:
  revenue: {kind: amount, role: primary, better: higher}
"""


@pytest.fixture(scope="module", autouse=True)
def few_methods():
    """Let validation measure one quick method instead of all."""
    quick = tuple(g for g in inference.GUARANTEES if g.name == "NPS difference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "GUARANTEES", quick)
        patch.setattr(survival, "GUARANTEES", ())
        yield quick


def measure_wrongly(folder, guarantees):
    """Write the cells of the quick grid as if somebody had measured no coverage at all."""
    cells = checks.list_cells(guarantees, "quick", replicates=SMALL["validation"]["replicates"])
    checks.measure_cells(cells, guarantees, seed=read_default("validation", "seed"), store=folder)
    for file in folder.iterdir():
        found = json.loads(file.read_text())
        file.write_text(json.dumps({**found, "row": {**found["row"], "coverage": 0.0}}))


def read_default(study, name):
    """Return the default of a notebook's parameter."""
    return read_parameters(NOTEBOOKS / f"{study}.ipynb")[name].default


@pytest.fixture(scope="module")
def given(few_methods, tmp_path_factory):
    """Return a folder of the researcher's own: a heavy tail with its plan, two databases of two, measured cells."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(1)
    revenue = np.where(rng.random(600) < 0.3, rng.lognormal(3, 1.5, 600), 0).round(2)
    frame = pd.DataFrame(
        {"customer": np.arange(600), "arm": np.where(np.arange(600) % 10, "a", "b"), "revenue": revenue}
    )
    frame.to_csv(folder / "skewed.csv", index=False)
    (folder / "skewed.yaml").write_text(SKEWED)
    planned = (NOTEBOOKS / "plans" / "proactive_help.yaml").read_text()
    (folder / "later.yaml").write_text(planned.replace("event: renewed, within_days: 245", "event: renewed"))
    measure_wrongly(folder / "cells", few_methods)
    for file, seeds in (("own", (1, 2)), ("other", (3, 4))):
        write_database(folder / f"{file}.duckdb", seeds)
    return folder


def write_database(file, seeds):
    """Write two simulated experiments as the tables assigned_1, events_1, assigned_2, events_2."""
    with duckdb.connect(str(file)) as connection:
        for number, seed in enumerate(seeds, 1):
            made = simulate.simulate("proactive_help", n_units=1200, seed=seed)
            for name, table in (("assigned", made.assignments), ("events", made.events)):
                connection.register("frame", table.astype(dict.fromkeys(table.select_dtypes("str"), object)))
                connection.execute(f"create table {name}_{number} as select * from frame")


@functools.cache
def run_cells(study, changes):
    """Return all that a notebook's set-up and compute cells find, as text, with some parameters changed (as JSON)."""
    cells = json.loads((NOTEBOOKS / f"{study}.ipynb").read_text())["cells"]
    space = {}
    for cell in cells:
        tags, source = cell["metadata"].get("tags", []), "".join(cell["source"])
        if cell["cell_type"] == "code" and ("parameters" in tags or "remove-cell" in tags):
            exec(compile(source, study, "exec"), space)
        if "parameters" in tags:
            space |= {**SMALL[study], **json.loads(changes)}
    return describe(space["results"])


def describe(results):
    """Return everything that was found, as text: estimates, tests, checks, tables, claims and status."""
    parts = (results.estimates, results.tests, results.checks, results.claims)
    frames = {name: frame.to_json() for name, frame in results.tables.items()}
    return repr([results.status, [[asdict(row) for row in part] for part in parts], frames])


OWN = {
    "plan": "proactive_help",
    "data": "duckdb:{folder}/own.duckdb",
    "table": "assigned_1",
    "events": "duckdb:{folder}/own.duckdb",
    "events_table": "events_1",
}
SKEWED_RUN = {"plan": "{folder}/skewed.yaml", "data": "{folder}/skewed.csv", "n_resamples": 400}
DRY = {"data": "simulated", "n_units": 400, "seed": 1}
ANY_STUDY = [
    # parameter, the other parameters of both runs, its value in the second run
    ("table", OWN, "assigned_2"),
    ("events", OWN, "duckdb:{folder}/other.duckdb"),
    ("events_table", OWN, "events_2"),
    ("as_of", OWN, "2021-04-10"),
    ("n_resamples", SKEWED_RUN, 800),
    ("confidence_level", {}, 0.8),
    ("min_cell", {}, 150),
    ("prior_units", {}, 100.0),
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
        ("plan", OWN, "{folder}/later.yaml"),
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
    "validation": [
        ("depth", {}, "deep"),
        ("replicates", {}, 25),
        ("confidence_level", {}, 0.8),
        ("seed", {}, 1),
        ("measured", {}, "{folder}/cells"),
    ],
}


@pytest.mark.parametrize("study", CASES)
def test_every_parameter_has_a_case(study):
    assert sorted(read_parameters(NOTEBOOKS / f"{study}.ipynb")) == sorted(name for name, *_ in CASES[study])


@pytest.mark.parametrize(
    ("study", "name", "others", "value"),
    [pytest.param(study, *case, id=f"{study}-{case[0]}") for study, cases in CASES.items() for case in cases],
)
def test_parameter_changes_the_results(given, study, name, others, value):
    runs = (others, {**others, name: value})
    first, second = (run_cells(study, json.dumps(run).replace("{folder}", str(given))) for run in runs)
    assert first != second
