"""Fixtures of the report room: a tiny study, its runs with and without a kernel, and a command that renders them."""

import contextlib
import functools
import multiprocessing

import pytest
from tiny_study import execute, write_notebook

from helpers import report
from helpers.report import execution, pipeline


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


class Inline:
    """The processes of runs, each done in this one as soon as it is started."""

    Pipe = staticmethod(multiprocessing.Pipe)
    set_forkserver_preload = staticmethod(list)
    get_start_method = staticmethod(str)

    def __init__(self, target, args, daemon):
        self.start = functools.partial(target, *args)

    def join(self):
        """Nothing is left to wait for."""


Inline.Process = Inline


@pytest.fixture
def quick(monkeypatch):
    """Let runs end at once, without process and kernel; returns the list of the runs' names as they are executed."""
    executed = []

    def execute_quickly(run, *_):
        executed.append(run.name)
        return execute(run)

    monkeypatch.setattr(pipeline, "CONTEXT", Inline)
    monkeypatch.setattr(execution, "own_process", lambda environment: contextlib.nullcontext())
    monkeypatch.setattr(execution, "execute", execute_quickly)
    return executed


@pytest.fixture
def render(tmp_path, capsys):
    """Return a function that renders runs into tmp_path/out; gives the exit status and what was said."""

    def rendered(*runs, out=tmp_path / "out", **options):
        return report.render(runs, out=out, **options), capsys.readouterr().err

    return rendered
