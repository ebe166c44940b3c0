"""The command `studies validate`: what is measured, how it goes on, what its exit status says."""

import os
import signal

import pandas as pd
import pytest
import validation_samples as samples

from helpers import checks, paths, report
from helpers.cli import validating


@pytest.fixture
def grid(monkeypatch):
    """Measure nothing: the grid is two cells, their values are made by hand; returns what was asked."""
    asked = {}

    def list_cells(guarantees, depth, *, replicates=None):
        asked.update(guarantees=guarantees, depth=depth, replicates=replicates)
        return ["first", "second"]

    def measure_cells(cells, guarantees, *, progress, **options):
        asked.update(options, cells=cells)
        for done, _ in enumerate(cells, 1):
            progress(done, len(cells))
        if asked.get("interrupt"):
            os.kill(os.getpid(), asked["interrupt"])
        return pd.DataFrame()

    def render(runs, **options):
        asked.update(options, runs=runs)
        return asked.get("status", 0)

    monkeypatch.setattr(checks, "list_cells", list_cells, raising=False)
    monkeypatch.setattr(checks, "measure_cells", measure_cells, raising=False)
    monkeypatch.setattr(checks, "judge_cells", lambda frame, **_: asked.get("judged", samples.cells()), raising=False)
    monkeypatch.setattr(report, "render", render, raising=False)
    return asked


def holding():
    """Return judged cells in which no method fails."""
    return samples.cells().query("verdict != 'fails'")


def test_validate_measures_the_deep_grid_and_renders_its_report(studies, grid, tmp_path):
    grid["judged"] = holding()
    status, shown, said = studies("validate", "--out", tmp_path, "--jobs", 2, "--replicates", 30)
    assert (status, shown) == (0, f"{tmp_path / 'validation-deep' / 'report.html'}\n")
    begins = "validation-deep: 2 cells to measure or to find measured\n"
    assert said == begins + "validation-deep: 1 of 2 cells measured\nvalidation-deep: 2 of 2 cells measured\n"
    store = tmp_path / ".private" / ".work" / "validation"
    assert (grid["depth"], grid["replicates"], grid["store"], grid["out"]) == ("deep", 30, store, tmp_path)
    assert (grid["confidence_level"], grid["seed"], grid["cells"]) == (0.95, 2022, ["first", "second"])
    [run] = grid["runs"]
    assert (run.name, run.study) == ("validation-deep", "validation")
    assert run.given == {"depth": "deep", "measured": str(store), "replicates": 30}


def test_validate_uses_all_cores_and_the_grids_own_draws_unless_told(studies, grid, tmp_path, monkeypatch):
    monkeypatch.setattr(validating, "count_cores", lambda: 7)
    asked = {}
    monkeypatch.setattr(checks, "measure_cells", lambda *_, jobs, **__: asked.update(jobs=jobs) or pd.DataFrame())
    studies("validate", "--out", tmp_path)
    assert asked["jobs"] == 7 and grid["replicates"] is None and "replicates" not in grid["runs"][0].given
    studies("validate", "--out", tmp_path, "--jobs", 3)
    assert asked["jobs"] == 3


def test_validate_writes_into_the_repositorys_reports_unless_told(studies, grid, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "REPORTS", tmp_path / "reports")
    studies("validate")
    assert grid["out"] == tmp_path / "reports"


def test_validate_fails_when_a_method_breaks_its_promise_and_keeps_the_report(studies, grid, tmp_path):
    status, shown, said = studies("validate", "--out", tmp_path)
    assert (status, shown) == (1, f"{tmp_path / 'validation-deep' / 'report.html'}\n")
    assert said.endswith("studies: 1 method breaks its promise: Fieller lift\n")
    grid["judged"] = samples.cells().assign(verdict="fails")
    assert (
        "studies: 5 methods break their promise: Welch difference, Fieller lift,"
        in studies("validate", "--out", tmp_path)[2]
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_validate_interrupted_says_that_it_goes_on(studies, grid, tmp_path, number):
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    grid["interrupt"] = number
    status, shown, said = studies("validate", "--out", tmp_path)
    assert (status, shown) == (130, "") and "runs" not in grid
    assert signal.signal(signal.SIGTERM, before) == signal.SIG_DFL
    assert said.endswith("studies: interrupted; what is measured is kept, run it again to go on\n")


@pytest.mark.parametrize("status", [1, 2, 130])
def test_validate_passes_on_how_rendering_ended(studies, grid, tmp_path, status):
    grid.update(judged=holding(), status=status)
    assert studies("validate", "--out", tmp_path)[0] == status


def test_validate_refuses_a_folder_that_cannot_be_written(studies, grid, tmp_path):
    (tmp_path / "file").touch()
    status, _, said = studies("validate", "--out", tmp_path / "file")
    assert (status, said) == (
        2, "studies: file: the folder cannot be written (Not a directory); choose another with --out\n"
    )  # fmt: skip


@pytest.mark.parametrize("option", ["--jobs", "--replicates"])
def test_validate_refuses_what_is_no_count(studies, grid, option):
    assert studies("validate", option, "none")[0] == 2


def test_make_store_is_for_its_owner_alone(tmp_path):
    store = validating.make_store(tmp_path)
    assert store.is_dir() and store.parents[1].stat().st_mode & 0o077 == 0


def test_read_defaults_are_those_of_the_notebook():
    declared = report.read_parameters(paths.NOTEBOOKS / "validation.ipynb")
    assert validating.read_defaults() == {name: declared[name].default for name in ("confidence_level", "seed")}


def test_validate_refuses_replicates_that_its_report_would_refuse_before_it_measures(studies, grid, tmp_path):
    status, shown, said = studies("validate", "--out", tmp_path, "--replicates", 1)
    assert (status, shown) == (2, "")
    assert said == "studies: parameter replicates: needs a whole number from 20 to 1000000; 1 came\n"
    assert "cells" not in grid
