"""What every test may ask for: the public data beside the repository, and the programs that some tests need."""

import collections
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
PROGRAMS = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "R": ("Rscript",)}


def pytest_configure():
    """Hear an interrupt even where a shell started us with `&`, and so told us and our children to ignore it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
