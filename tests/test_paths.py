"""Paths: how a plan and a notebook are found."""

from pathlib import Path

from helpers import paths


def test_plan_file_by_name():
    assert paths.plan_file("jobs_ii") == paths.PLANS / "jobs_ii.yaml"


def test_plan_file_by_path_starts_at_base():
    assert paths.plan_file("mine.yaml", base=Path("/data")) == Path("/data/mine.yaml")
    assert paths.plan_file("mine.yaml") == Path.cwd() / "mine.yaml"


def test_notebook_file_prefers_the_workspace_copy(monkeypatch):
    assert paths.notebook_file("experiment") == paths.NOTEBOOKS / "experiment.ipynb"
    monkeypatch.setenv("STUDIES_NOTEBOOK", "/w/experiment.ipynb")
    assert paths.notebook_file("experiment") == Path("/w/experiment.ipynb")
    assert paths.notebook_file("proactive_help") == paths.NOTEBOOKS / "proactive_help.ipynb"
