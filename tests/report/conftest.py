"""Fixtures of the report room: a tiny study, its runs with and without a kernel, and a command that renders them."""

import io

import pytest
from tiny_study import execution, write_notebook

from helpers import report
from helpers.report import rendering


@pytest.fixture
def study(tmp_path):
    """Return the notebook tiny.ipynb in a folder of its own, with an empty reports.yaml beside it."""
    folder = tmp_path / "study"
    folder.mkdir()
    return write_notebook(folder / "tiny.ipynb")


@pytest.fixture
def make(study):
    """Return a function that makes a run of the tiny study."""

    def made(name="one", **given):
        return report.make_run("tiny", name=name, given=given, base=study.parent)

    return made


@pytest.fixture
def quick(monkeypatch):
    """Let runs end at once, without a kernel; returns the list of the runs' names as they are executed."""
    executed = []

    def execute(run, **_):
        executed.append(run.name)
        return execution(run)

    monkeypatch.setattr(rendering, "execute", execute)
    monkeypatch.setenv("STUDIES_FORK", "0")
    return executed


@pytest.fixture
def render(tmp_path):
    """Return a function that renders runs into tmp_path/out; gives the exit status and what was said."""

    def rendered(*runs, out=tmp_path / "out", **options):
        stream = io.StringIO()
        return report.render(runs, out=out, stream=stream, **options), stream.getvalue()

    return rendered
