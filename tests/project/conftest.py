"""The runs of reports.yaml, rendered once for all tests that look at them, and the command that renders them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

RUNS = Path(__file__).resolve().parents[2] / "notebooks" / "reports.yaml"
FEW = {  # parameters that keep the form of a study's runs and spare time
    "validation": {"replicates": 20},
    "live_support": {"n_units": 3000},
    "customer_milestones": {"n_units": 2500, "refits": 4, "n_resamples": 99},
}
MAIN = "import sys; from helpers.cli import main; sys.exit(main())"


@pytest.fixture(scope="session")
def run_studies():
    """Return a function that runs one `studies` command in a process of its own."""

    def run(*arguments, cwd=None, **environment):
        command = [sys.executable, "-c", MAIN, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Return a reports.yaml with the repository's runs, the long ones with few draws."""
    listed = yaml.safe_load(RUNS.read_text())
    few = [{**run, "parameters": {**run["parameters"], **FEW.get(run["study"], {})}} for run in listed]
    file = tmp_path_factory.mktemp("runs") / "reports.yaml"
    file.write_text(yaml.safe_dump(few))
    return file


@pytest.fixture(scope="session")
def reports(run_studies, runs, tmp_path_factory):
    """Return the folder of every report; test processes that run side by side render it once."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(base / "reports.lock"):
        if not (base / "reports" / "index.html").exists():
            (base / "reports").mkdir()
            _render(run_studies, runs, base / "reports")
    return base / "reports"


@pytest.fixture(scope="session")
def again(run_studies, runs, tmp_path_factory):
    """Return the folder in which another command has rendered the first run."""
    first = yaml.safe_load(runs.read_text())[0]["name"]
    return _render(run_studies, runs, tmp_path_factory.mktemp("again"), first)


def _render(run_studies, runs, folder, *names):
    done = run_studies("report", *names, "--runs", runs, "--out", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith(f"\n{folder / 'index.html'}\n")
    return folder
