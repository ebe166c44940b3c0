"""What every test may ask for: the public data beside the repository, programs, and the rendered reports."""

import collections
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import compiled_once
import pytest
import yaml
from filelock import FileLock
from ibis.backends.sql import SQLBackend

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # as runs have it: each worker has one core
sys.modules["rfc3987_syntax"] = None  # a grammar of web addresses, 2 s to import, that no check of a notebook asks for
SQLBackend.compile = compiled_once.compile_once

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
FEW = {  # parameters that keep the form of a study's runs and spare time
    "validation": {"replicates": 20},
    "live_support": {"n_units": 3000},
    "in_app_support": {"n_units": 12000, "n_resamples": 99},
    "experiment_design": {"most_weeks": 20, "n_splits": 100, "draws": 4000},
    "support_metrics": {"n_units": 2500, "n_resamples": 200},
    "customer_milestones": {"n_units": 2500, "refits": 4, "n_resamples": 99, "folds": 3},
}
MAIN = "import sys; from helpers.cli import main; sys.exit(main())"
PROGRAMS = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "R": ("Rscript",)}


def pytest_configure():
    """Hear an interrupt even where a shell started us with `&`, and so told us and our children to ignore it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Look for unused objects less often, and not among what is imported: a tenth of all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items):
    """Begin with the files that run notebooks, the longest ones, so that no worker ends alone with one of them."""
    items.sort(key=lambda item: "project" not in item.path.parts)


@pytest.fixture(scope="session")
def shared():
    """Return the folder of public data that stands beside the repository, or skip."""
    if not SHARED.is_dir():
        pytest.skip("shared/ is not beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def run_studies():
    """Return a function that runs one `studies` command in a process of its own."""

    def run(*arguments, cwd=None, **environment):
        command = [sys.executable, "-c", MAIN, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)

    return run


def cut_short(file):
    """Write a reports.yaml with the repository's runs, the long ones with few draws; return its path."""
    listed = yaml.safe_load((ROOT / "notebooks" / "reports.yaml").read_text())
    few = [{**run, "parameters": {**run["parameters"], **FEW.get(run["study"], {})}} for run in listed]
    file.write_text(yaml.safe_dump(few))
    return file


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Return a reports.yaml with the repository's runs, the long ones with few draws."""
    return cut_short(tmp_path_factory.mktemp("runs") / "reports.yaml")


@pytest.fixture(scope="session")
def reports(run_studies, runs, tmp_path_factory):
    """Return the folder of every report; test processes that run side by side render it once.

    STUDIES_REPORTS names a folder of reports to look at instead.
    """
    if "STUDIES_REPORTS" in os.environ:
        return Path(os.environ["STUDIES_REPORTS"])
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(base / "reports.lock"):
        if not (base / "reports" / "index.html").exists():
            (base / "reports").mkdir(exist_ok=True)
            _render(run_studies, runs, base / "reports")
    return base / "reports"


def _render(run_studies, runs, folder, *names):
    done = run_studies("report", *names, "--runs", runs, "--out", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith(f"\n{folder / 'index.html'}\n")
    return folder


@pytest.fixture(scope="session")
def needs():
    """Return a function: needs("chromium"), "npm" or "mount" gives the program's path, or skips.

    needs("R:survival") gives the path of Rscript once R finds that package: Debian has the packages that R recommends
    apart from R. With STUDIES_REQUIRE_ALL=1 whatever is missing fails the test instead.
    """
    return _find


def _find(tool):
    program, _, package = tool.partition(":")
    path = next(filter(None, map(shutil.which, PROGRAMS.get(program, (program,)))), None)
    if path and (tool != "mount" or _can_mount(path)) and (not package or _has_package(path, package)):
        return path
    stop = pytest.fail if os.environ.get("STUDIES_REQUIRE_ALL") == "1" else pytest.skip
    stop(f"{tool} is missing or does not work here")


def _has_package(rscript, package):
    ask = f'quit(status = !requireNamespace("{package}", quietly = TRUE))'
    return subprocess.run([rscript, "-e", ask], capture_output=True, check=False).returncode == 0


def _can_mount(program):
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", folder], capture_output=True, check=True)
    return True


def pytest_terminal_summary(terminalreporter):
    """Say how many tests were skipped, and why."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = collections.Counter(str(r.longrepr[2]).removeprefix("Skipped: ") for r in reports)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {count}: {reason}")
