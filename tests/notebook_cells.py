"""A notebook's set-up and compute cells run in this process, with some parameters changed; displays left out."""

import ast
import functools
import hashlib
import io
import json
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from functools import partial
from pathlib import Path

import duckdb
import matplotlib
import numpy as np
import pandas as pd
import pytest

from helpers import inference, metrics, simulate, sources
from helpers.inference import replies
from helpers.records import Check, Results
from helpers.report import read_parameters

matplotlib.use("Agg")
SIMULATE = simulate.simulate  # as it is when nobody watches it
TABLES = ("units", "accounts", "events")  # of a loaded source
NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SMALL = {"proactive_help": {"n_units": 1200}, "live_support": {"n_units": 800}}
SMALL |= {"customer_milestones": {"n_units": 500, "refits": 4, "n_resamples": 99, "folds": 3}}
SMALL |= {"in_app_support": {"n_units": 8000, "n_resamples": 99, "folds": 4}}
SMALL |= {"support_metrics": {"n_units": 800, "n_resamples": 200}, "experiment": {}}
SMALL |= {"experiment_design": {"most_weeks": 6, "weeks": 4, "n_splits": 100, "draws": 1000}, "evidence_review": {}}
SMALL |= {"validation": {"replicates": 20}, "methods": {}, "guide": {}}
SKEWED = """\
kind: experiment
title: Revenue
question: Does it raise revenue?
unit_id: customer
variant: {column: arm, control: a, treatments: [b], split: {a: 0.9, b: 0.1}}
metrics:
  revenue: {kind: amount, role: primary, better: higher}
"""
SKEWED_RUN = {"plan": "{folder}/skewed.yaml", "data": "{folder}/skewed.csv", "n_resamples": 400}
OWN = {"data": "duckdb:{folder}/own.duckdb", "table": "assigned_1", "events": "duckdb:{folder}/own.duckdb"}
OWN |= {"events_table": "events_1"}


def read_default(study, name):
    """Return the default of a notebook's parameter."""
    return read_parameters(NOTEBOOKS / f"{study}.ipynb")[name].default


def write_databases(folder, study, *, units="assigned", n_units=1200):
    """Write own.duckdb and other.duckdb, each with two simulated worlds of a study: UNITS_1, events_1 and so on."""
    for file, seeds in (("own", (1, 2)), ("other", (3, 4))):
        with duckdb.connect(str(folder / f"{file}.duckdb")) as connection:
            for number, seed in enumerate(seeds, 1):
                made = simulate.simulate(study, n_units=n_units, seed=seed)
                for name, table in ((units, made.assignments), ("events", made.events)):
                    connection.register("frame", table.astype(dict.fromkeys(table.select_dtypes("str"), object)))
                    connection.execute(f"create table {name}_{number} as select * from frame")


def write_skewed(folder):
    """Write a table whose revenue has a heavy tail, split nine to one, its plan, and one that plans even arms."""
    rng = np.random.default_rng(2)
    revenue = np.where(rng.random(600) < 0.3, rng.lognormal(3, 1.5, 600), 0).round(2)
    rows = {"customer": np.arange(600), "arm": np.where(np.arange(600) % 10, "a", "b"), "revenue": revenue}
    pd.DataFrame(rows).to_csv(folder / "skewed.csv", index=False)
    (folder / "skewed.yaml").write_text(SKEWED)
    (folder / "even.yaml").write_text(SKEWED.replace("{a: 0.9, b: 0.1}", "{a: 0.5, b: 0.5}"))


def list_cells(study):
    """Return the parameters cell and the set-up and compute cells of a notebook: (tags, source)."""
    cells = json.loads((NOTEBOOKS / f"{study}.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    found = [(cell["metadata"].get("tags", []), "".join(cell["source"])) for cell in code]
    return [(tags, source) for tags, source in found if {"parameters", "remove-cell"} & set(tags)]


@functools.cache
def list_statements(study):
    """Return each statement up to the last that makes results: compiled, the names in it, and its cell's tags."""
    found, last = [], 0
    for node, tags in [(node, tags) for tags, source in list_cells(study) for node in ast.parse(source).body]:
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        found.append((compile(ast.Module([node], []), study, "exec"), {n.id for n in names}, tags))
        if any(n.id == "results" and isinstance(n.ctx, ast.Store) for n in names):
            last = len(found)
    return found[:last]


class OtherData(Exception):
    """A statement simulates other data than the baseline: the rest of it need not run."""


class Baseline:
    """The cells of a notebook with some parameters changed, run only as far as somebody asks for."""

    def __init__(self, study, changes):
        self.statements, self.given = list_statements(study), {**SMALL[study], **changes}
        self.before, self.space, self.told, self.made = [{}], {}, {}, None

    def reach(self, place):
        """Return the names as they stand before a statement; what a later one adds to a dictionary is not in them."""
        while len(self.before) <= place:
            code, read, tags = self.statements[len(self.before) - 1]
            with _watch_simulation(self._keep_made):
                exec(code, self.space)
            if "parameters" in tags:
                self.space |= {name: self.given[name] for name in read & set(self.given)}
            self.before.append(_keep(self.space))
        return self.before[place]

    def tell(self, place, name):
        """Return what is found under a name before a statement, as text."""
        if (place, name) not in self.told:
            self.told[place, name] = describe(self.reach(place)[name])
        return self.told[place, name]

    def _keep_made(self, made):
        self.made = made

    def is_changed_by(self, name, value):
        """Return whether a parameter changes what is found; statements before the first that reads it are not run.

        As soon as a statement leaves other data, frames or results than it did before, no further one is run: what
        follows from them is tested where it is computed.
        """
        reads = (n for n, (_, read, tags) in enumerate(self.statements) if "parameters" not in tags and name in read)
        first = next(reads)
        space = {**_keep(self.reach(first)), name: value}
        for place, (code, names, _) in enumerate(self.statements[first:], first + 1):
            earlier = {watched: space.get(watched) for watched in names}
            try:
                with _watch_simulation(partial(self._compare_made, place)):
                    exec(code, space)
            except OtherData:
                return True
            made = {w: describe(space[w]) for w in names if space.get(w) is not earlier[w]}
            if any(told is not None and told != self.tell(place, w) for w, told in made.items()):
                return True
        return False

    def _compare_made(self, place, made):
        self.reach(place)
        if made != self.made:
            raise OtherData


@contextmanager
def _watch_simulation(tell):
    """Tell the checksum of whatever a notebook has simulated."""

    def watched(*arguments, **options):
        made = SIMULATE(*arguments, **options)
        tell(_sum_up(table for table in (made.assignments, made.events) if table is not None))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "simulate", watched)
        yield


def _sum_up(frames):
    rows = [pd.util.hash_pandas_object(frame, index=False).sort_values() for frame in frames]
    return hashlib.sha256(b"".join(row.to_numpy().tobytes() for row in rows)).hexdigest()


def _keep(space):
    return {name: dict(value) if type(value) is dict else value for name, value in space.items()}


@functools.cache
def _start(study, changes):
    return Baseline(study, json.loads(changes))


@pytest.fixture(scope="module", autouse=True)
def spared():
    """Let validation measure one quick method instead of all, milestones be written in no SQL, the jackknife leave out
    a fifth at a time, and nobody ask how events lie beside assignments; give that method."""
    quick = tuple(method for method in inference.METHODS if method.name == "NPS difference")
    none = pd.DataFrame(columns=["dialect", "milestone", "statement"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "METHODS", quick)
        patch.setattr(metrics.milestones, "write_definitions", lambda design: none)  # only the plan's changes it
        patch.setattr(replies, "GROUPS", 5)
        patch.setattr(sources, "_meet", lambda heard, *_: (None, heard.messages))  # only data, plan and as_of change it
        _start.cache_clear()  # what another file has run with all of it
        yield quick
    _start.cache_clear()


def start(folder, study, others):
    """Return the baseline of a notebook with some parameters changed; equal ones are run once."""
    return _start(study, json.dumps(others).replace("{folder}", str(folder)))


def is_changed(folder, study, name, others, value):
    """Return whether one parameter changes what a notebook finds, beside others that are changed in both runs."""
    value = json.loads(json.dumps(value).replace("{folder}", str(folder)))
    return start(folder, study, others).is_changed_by(name, value)


def describe(found):
    """Return all that was found, as text: results, checks, frames, or a checksum of data; None for anything else."""
    if isinstance(found, Results):
        parts = (found.estimates, found.tests, found.checks, found.claims)
        return repr([found.status, [[asdict(row) for row in part] for part in parts], describe(found.tables)])
    if isinstance(found, tuple) and found and isinstance(found[0], Check):
        return repr(found)
    if isinstance(found, pd.DataFrame):
        return found.to_json(date_format="iso")
    if isinstance(found, metrics.Frames):
        return repr([describe(found.landmarks), describe(found.histories), describe(found.months)])
    if isinstance(found, dict) and any(isinstance(value, pd.DataFrame) for value in found.values()):
        return repr({name: describe(value) for name, value in found.items()})
    if isinstance(found, (sources.Source, sources.AccountSource)):
        tables = [table for table in (getattr(found, name, None) for name in TABLES) if table is not None]
        return _sum_up(table.to_pandas() for table in tables)
    return None


def list_exploring(study):
    """Return the code cells between "Explore from here" and the last: their tags and source."""
    cells = json.loads((NOTEBOOKS / f"{study}.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    first = next(place for place, text in enumerate(texts) if text.startswith("## Explore from here"))
    return [(cell["metadata"].get("tags"), text) for cell, text in zip(cells, texts, strict=True)][first + 1 : -1]


def run_cells(study):
    """Return the names of a notebook as they stand when its results are made."""
    cells = start("", study, {})
    *before, (last, _, _) = cells.statements
    space = dict(cells.reach(len(before)))
    exec(last, space)
    return space


def assert_explores(study, folder, monkeypatch):
    """Run the cells to explore from as they stand: three at least, left out of the report, writing nothing."""
    exploring = list_exploring(study)
    assert len(exploring) >= 3 and all(tags == ["remove-cell", "skip-execution"] for tags, _ in exploring)
    assert "seaborn" in exploring[0][1] and ".to_csv(export" in exploring[-1][1]
    assert any("by = " in text or "slide(" in text for _, text in exploring)
    space = run_cells(study)
    monkeypatch.chdir(folder)
    for _, text in exploring:
        exec(compile(text, study, "exec"), space)
    assert space["text"].count("\n") >= 1 and not list(folder.iterdir())
    matplotlib.pyplot.close("all")


def assert_slides(study, name, planned, moved):
    """Move a slider: it starts from the answer that stands, and tells it anew for each value that is moved to."""
    space = run_cells(study)
    (cell,) = (text for _, text in list_exploring(study) if text.startswith("slide_"))
    box = eval(cell, space)
    (slider,) = box.kwargs_widgets
    assert slider.value == planned
    answer = "\n".join(space["results"].answer)
    assert box.f(**{name: slider.value}).text == answer
    for value, words in moved.items():
        with redirect_stdout(io.StringIO()) as shown:
            slider.value = value  # as a hand would
        assert box.kwargs == {name: value} and words in shown.getvalue()
        told = box.f(**box.kwargs).text
        assert words in told and told != answer
    return box
