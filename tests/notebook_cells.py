"""A notebook's set-up and compute cells run in this process, with some parameters changed; displays left out."""

import functools
import json
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from helpers import simulate
from helpers.report import read_parameters

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SMALL = {
    "proactive_help": {"n_units": 1200},
    "live_support": {"n_units": 1200},
    "experiment": {},
    "validation": {"replicates": 20},
}
SKEWED = """\
kind: experiment
title: Revenue
question: Does it raise revenue?
unit_id: customer
variant: {column: arm, control: a, treatments: [b], split: {a: 0.9, b: 0.1}}
metrics:
  revenue: {kind: amount, role: primary, better: higher}
"""
OWN = {
    "data": "duckdb:{folder}/own.duckdb",
    "table": "assigned_1",
    "events": "duckdb:{folder}/own.duckdb",
    "events_table": "events_1",
}


def read_default(study, name):
    """Return the default of a notebook's parameter."""
    return read_parameters(NOTEBOOKS / f"{study}.ipynb")[name].default


def write_database(file, seeds, *, study):
    """Write two simulated experiments of a study as the tables assigned_1, events_1, assigned_2, events_2."""
    with duckdb.connect(str(file)) as connection:
        for number, seed in enumerate(seeds, 1):
            made = simulate.simulate(study, n_units=1200, seed=seed)
            for name, table in (("assigned", made.assignments), ("events", made.events)):
                connection.register("frame", table.astype(dict.fromkeys(table.select_dtypes("str"), object)))
                connection.execute(f"create table {name}_{number} as select * from frame")


def write_skewed(folder):
    """Write a table whose revenue has a heavy tail, split nine to one, and its plan."""
    rng = np.random.default_rng(1)
    revenue = np.where(rng.random(600) < 0.3, rng.lognormal(3, 1.5, 600), 0).round(2)
    frame = pd.DataFrame(
        {"customer": np.arange(600), "arm": np.where(np.arange(600) % 10, "a", "b"), "revenue": revenue}
    )
    frame.to_csv(folder / "skewed.csv", index=False)
    (folder / "skewed.yaml").write_text(SKEWED)


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


def find_uncovered(study, cases):
    """Return the parameters without a case, and the cases without a parameter."""
    return set(read_parameters(NOTEBOOKS / f"{study}.ipynb")) ^ {name for name, *_ in cases}


def run_both(folder, study, name, others, value):
    """Return what a notebook finds before and after one parameter is changed."""
    runs = (others, {**others, name: value})
    return [run_cells(study, json.dumps(run).replace("{folder}", str(folder))) for run in runs]
