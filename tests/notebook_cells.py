"""A notebook's set-up and compute cells run in this process, with some parameters changed; displays left out."""

import functools
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from helpers import simulate
from helpers.report import read_parameters

TABLES = ("units", "accounts", "events")  # of a loaded source
NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SMALL = {
    "proactive_help": {"n_units": 1200},
    "live_support": {"n_units": 800},
    "customer_milestones": {"n_units": 500, "refits": 4, "n_resamples": 99, "folds": 3},
    "support_metrics": {"n_units": 1200, "n_resamples": 200},
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


def write_accounts(file, seeds, *, study="customer_milestones", n_units=400):
    """Write simulated accounts, one set a seed, as the tables accounts_1, events_1, accounts_2, events_2."""
    with duckdb.connect(str(file)) as connection:
        for number, seed in enumerate(seeds, 1):
            made = simulate.simulate(study, n_units=n_units, seed=seed)
            for name, table in (("accounts", made.assignments), ("events", made.events)):
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


def list_cells(study):
    """Return the parameters cell and the set-up and compute cells of a notebook: (tags, source)."""
    cells = json.loads((NOTEBOOKS / f"{study}.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    found = [(cell["metadata"].get("tags", []), "".join(cell["source"])) for cell in code]
    return [(tags, source) for tags, source in found if {"parameters", "remove-cell"} & set(tags)]


@functools.cache
def run_cells(study, changes):
    """Return what the cells find with some parameters changed (as JSON), as text, and all names before each cell."""
    before, space = [], {}
    for tags, source in list_cells(study):
        before.append(dict(space))
        exec(compile(source, study, "exec"), space)
        if "parameters" in tags:
            space |= {**SMALL[study], **json.loads(changes)}
    return describe(space["results"]), before


def run_from(study, before, name, value):
    """Return the same with one parameter changed; cells before the first that names it are not run again.

    As soon as a cell leaves other data or results than it did before, these are returned and no further cell runs.
    """
    cells = list_cells(study)
    named = (n for n, (tags, source) in enumerate(cells) if "parameters" not in tags and name in source)
    first = next(named)
    space, known = {**before[first], name: value}, _digest(before[-1].get("source"))
    for n, (_, source) in enumerate(cells[first:], first + 1):
        exec(compile(source, study, "exec"), space)
        old = (before[n] if n < len(before) else {}).get("results")
        if old is not None and (found := describe(space["results"])) != describe(old):
            return found
        if known and "source" not in before[first] and (found := _digest(space.get("source"))) not in (None, known):
            return found  # other data: what follows from them is tested where it is computed
    return describe(space["results"])


def _digest(source):
    """Return a checksum of the data that a notebook has loaded; None before it has."""
    if source is None:
        return None
    tables = [table for table in (getattr(source, name, None) for name in TABLES) if table is not None]
    rows = [pd.util.hash_pandas_object(table.to_pandas(), index=False).sort_values().to_numpy() for table in tables]
    return hashlib.sha256(b"".join(row.tobytes() for row in rows)).hexdigest()


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
    others, value = (json.loads(json.dumps(given).replace("{folder}", str(folder))) for given in (others, value))
    first, before = run_cells(study, json.dumps(others))
    return first, run_from(study, before, name, value)
