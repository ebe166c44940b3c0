"""Real kernels: equal runs give equal bytes, and every way a run can end is told apart and loses nothing."""

import asyncio
import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty
from unittest.mock import AsyncMock, Mock

import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tiny_study import read_all, read_json, write_notebook

from helpers import report
from helpers.report import execution
from helpers.report.execution import choose_transport, judge_error, read_commit
from helpers.report.pipeline import make_environment
from helpers.report.store import DIED, Outcome, leave_page

CANARY = "canary-p@ss/word-4711"
FIGURE = """\
import matplotlib.pyplot as plt
import numpy as np
_ = plt.plot(np.random.default_rng(seed).normal(size=20)); plt.show()
import sys; print(np.random.normal(), file=sys.stderr)  # not seeded: it must not reach the report
if "STUDIES_NOTEBOOK" in os.environ:
    assert os.getcwd() == os.path.dirname(os.environ["STUDIES_NOTEBOOK"])
    fixed = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    assert fixed.items() <= os.environ.items() and not sys.flags.hash_randomization
    assert "helpers.checks" in sys.modules or sys.platform != "linux"  # forked from a process that has imported them"""
STUDIES = {
    "fine": FIGURE,
    "killed": "os.kill(os.getpid(), 9)",
    "orphaned": "open('orphan', 'w').write(str(os.getpid()))\nos.kill(os.getppid(), 9)",
    "left": "import sys; sys.exit(0)",
    "slow": "import time; time.sleep(60)",
    "wrong": "raise ValueError(os.environ['CANARY_PASSWORD'])",
    "refused": "from helpers.records import Refused\nraise Refused('t.csv, column x: 3 cells are text; mend them')",
    "leaky": "print(os.environ['CANARY_PASSWORD'])\nresults = results.but(answer=(os.environ['CANARY_PASSWORD'],))",
}
TOGETHER = """\
import pathlib, time
mine, other = (pathlib.Path(f"{name}.began") for name in ((label, "b") if label == "a" else (label, "a")))
mine.touch()
while not other.exists():
    time.sleep(0.05)"""
DRIVER = """\
import sys
from pathlib import Path
from helpers import report
from helpers.report import pipeline
pipeline.WARM[1:] = []  # what studies import is of no weight where one is ended
folder = Path(sys.argv[1])
run = report.make_run("slow", name="one", given={}, base=folder)
sys.exit(report.render([run], out=folder / "out"))"""
SLOW = "import pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(60)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of studies that end in different ways, one of them in a folder of its own."""
    made = tmp_path_factory.mktemp("studies")
    for name, code in STUDIES.items():
        write_notebook(made / f"{name}.ipynb", code=code)
    (made / "elsewhere").mkdir()
    write_notebook(made / "elsewhere" / "fine.ipynb", code=FIGURE)
    return made


@pytest.fixture(scope="module")
def ended(folder, tmp_path_factory):
    """Render all studies in one command; returns folder, exit status and what was said."""
    out, stream = tmp_path_factory.mktemp("said") / "{reports}", (tmp_path_factory.mktemp("said") / "said").open("w+")
    address = "postgres://me:${CANARY_PASSWORD}@host/db"
    given = {name: {"data": address} if name in ("leaky", "wrong") else {} for name in STUDIES}
    runs = [report.make_run(name, name=name, given=given[name], base=folder) for name in STUDIES]
    awkward = {"label": "\"a\" 'b' \\ {c} é\n"}
    runs.append(report.make_run("fine", name="awkward", given=awkward, base=folder / "elsewhere"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CANARY_PASSWORD", CANARY)
        patched.setenv("MPLBACKEND", "pdf")
        patched.setenv("TMPDIR", str(tmp_path_factory.mktemp("left")))  # where a killed process leaves its folder
        patched.setattr(sys, "stderr", stream)
        status = report.render([run for run in runs if run.name != "slow"], out=out, jobs=2)
        patched.setenv("STUDIES_TIME_LIMIT", "3")
        status = max(status, report.render([run for run in runs if run.name == "slow"], out=out))
    stream.seek(0)
    return out, status, stream.read()


ENDS = {"killed": f"dead kernel in “Compute”: {DIED.message}"}
ENDS |= {"orphaned": f"dead kernel in “Compute”: {DIED.message}"}
ENDS |= {"left": "error in “Compute”: the notebook ended before its last cell had published results"}
ENDS |= {"slow": "time limit in “Compute”: a cell ran longer than 3 seconds; raise STUDIES_TIME_LIMIT or give less"}
ENDS |= {"wrong": "error in “Compute”: ValueError in a cell; open the notebook in JupyterLab to see it happen"}
ENDS |= {"refused": "refused in “Compute”: t.csv, column x: 3 cells are text; mend them"}


WORDS = {"refused": "refused what it was given", "time limit": "ran into the time limit"}
WORDS |= {"dead kernel": "ended with a dead kernel", "error": "stopped at an error"}


@pytest.mark.parametrize("name", ENDS)
def test_render_tells_how_a_run_ended(ended, name):
    out, status, said = ended
    assert f"{name}: {ENDS[name]}\n" in said and status == 1
    assert list(read_all(out / name)) == ["failed.html"]
    assert f"Run {name} {WORDS[re.split(' in |: ', ENDS[name])[0]]}" in (out / name / "failed.html").read_text()


def test_a_kernel_is_spoken_with_over_sockets_of_its_own_run_where_their_name_is_short_enough():
    assert choose_transport("/run/studies-a") == {"transport": "ipc", "ip": "/run/studies-a/kernel"}
    assert choose_transport("/run/" + "a" * 90) == {"transport_encryption": "auto"}


@pytest.mark.parametrize(("is_alive", "timeout"), [(False, 60), (True, -1)])
def test_a_client_stops_waiting_for_a_kernel_that_has_died_or_takes_too_long(is_alive, timeout):
    client = type("Told", (execution.Client,), {"is_alive": AsyncMock(return_value=is_alive)})
    with pytest.raises(RuntimeError) as raised:
        asyncio.run(client().wait_for_ready(timeout))
    assert str(raised.value) == "Kernel died before it answered" and judge_error(raised.value, limit=1) == DIED


def test_a_client_asks_until_its_kernel_answers_and_what_it_displays_is_heard():
    class Slow(execution.Client):
        is_alive, kernel_info = AsyncMock(return_value=True), Mock()
        shell_channel = Mock(get_msg=AsyncMock(side_effect=[Empty, "late", "answer"]))
        iopub_channel = Mock(get_msg=AsyncMock(side_effect=[Empty, "busy"]))
        _handle_kernel_info_reply = staticmethod(lambda answer: answer)

    assert (asyncio.run(Slow().wait_for_ready()), Slow.kernel_info.call_count) == ("answer", 3)


def test_a_kernel_whose_run_is_killed_ends_too(ended, folder):
    orphan, end = int((folder / "orphan").read_text()), time.monotonic() + 20
    while is_there := Path(f"/proc/{orphan}").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_there or sys.platform != "linux"


def test_a_kernel_that_has_died_before_it_begins_is_told_by_its_silence(tmp_path):
    kernel = execution.Kernel()
    os.kill(kernel.pid, signal.SIGKILL)
    assert kernel.wait() == -signal.SIGKILL
    kernel.begin([], str(tmp_path), {})  # no pipe breaks: whoever waits for an answer is told


def test_render_executes_in_the_right_folder(ended):
    out, _, said = ended
    assert all(f"{name}: done: " in said for name in ("fine", "awkward"))
    assert len(read_json(out / "fine" / "run.json")["cells"]) == 5
    assert read_json(out / "awkward" / "results.json")["answer"] == ["It is \"a\" 'b' \\ {c} é\n 7."]


def test_render_lets_no_secret_reach_a_file_or_the_screen(ended):
    out, _, said = ended
    everything = said.encode() + b"".join(read_all(out).values())
    assert b"canary" not in everything
    assert read_json(out / "leaky" / "results.json")["answer"] == ["${CANARY_PASSWORD}"]


def test_render_again_gives_equal_bytes(ended, folder, tmp_path):
    run = report.make_run("fine", name="fine", given={}, base=folder)
    assert report.render([run], out=tmp_path) == 0
    for name in ("report.html", "results.json"):
        assert (tmp_path / "fine" / name).read_bytes() == (ended[0] / "fine" / name).read_bytes()
    assert (tmp_path / "fine" / "report.html").read_text().count("data:image/png") == 1


def test_render_side_by_side(tmp_path, render, monkeypatch):
    write_notebook(tmp_path / "together.ipynb", code=TOGETHER)
    runs = [report.make_run("together", name=name, given={"label": name}, base=tmp_path) for name in "ab"]
    monkeypatch.setenv("STUDIES_TIME_LIMIT", "15")
    assert render(*runs, jobs=2)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])  # Ctrl-C is heard as the former is, see below
def test_render_interrupted_leaves_no_kernel(tmp_path, number):
    (tmp_path / "out" / "one").mkdir(parents=True)
    for name in ("report.html", "run.json"):
        (tmp_path / "out" / "one" / name).write_text("good")
    write_notebook(tmp_path / "slow.ipynb", code=SLOW)
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        process.send_signal(number)
        said = process.stderr.read()
        wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())), seconds=5)
        wait_until((tmp_path / "out" / "one" / "failed.html").exists)
    assert "was interrupted" in (tmp_path / "out" / "one" / "failed.html").read_text()
    assert (tmp_path / "out" / "one" / "report.html").read_text() == "good"
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert said == "one: interrupted in “Compute”: run the command again to finish\n"


def test_render_interrupted_before_its_processes_are_ready(tmp_path):
    write_notebook(tmp_path / "slow.ipynb", code=SLOW)
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) > 1)  # the server of processes has just begun to import
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.stderr.read()
    assert (process.returncode, said) == (130, "one: interrupted: run the command again to finish\n")


def wait_until(true, seconds=60):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(number):
    """Return whether a process works; one that has ended and is not yet fetched does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except OSError:
        return False


def test_make_environment_fixes_what_results_depend_on(make, tmp_path):
    given = {"TZ": "Asia/Tokyo", "PYTHONDONTWRITEBYTECODE": "1", "PGUSER": "ann"}
    run = make()
    object.__setattr__(run, "needs", ("first",))
    found = make_environment(run, tmp_path, given)
    assert (found["TZ"], found["PGUSER"], found["STUDIES_RUN"]) == ("UTC", "ann", "one")
    assert found["STUDIES_NEEDS"] == f'{{"first": "{tmp_path}/first/results.json"}}'
    assert "PYTHONDONTWRITEBYTECODE" not in found


def raised(name, text):
    """Return what Papermill raises for an exception in a cell."""
    return PapermillExecutionError(0, 1, "source with 4711", name, text, ["traceback with 4711"])


IN_CELL = "in a cell; open the notebook in JupyterLab to see it happen"
FULL = "the report cannot be written (No space left on device); mend that, or choose another folder with --out"
ERRORS = [
    (raised("Refused", "t.csv, column x: mend it"), "refused", "t.csv, column x: mend it"),
    (raised("KeyboardInterrupt", ""), "interrupted", "run the command again to finish"),
    (KeyboardInterrupt(), "interrupted", "run the command again to finish"),
    (raised("ValueError", "4711"), "error", f"ValueError {IN_CELL}"),
    (raised("OSError", "4711"), "error", f"OSError {IN_CELL}"),
    (
        CellTimeoutError("4711"),
        "time limit",
        "a cell ran longer than 7.5 seconds; raise STUDIES_TIME_LIMIT or give less",
    ),
    (DeadKernelError("Kernel died"), "dead kernel", DIED.message),
    (RuntimeError("Kernel died before replying to kernel_info"), "dead kernel", DIED.message),
    (KeyError("4711"), "error", "KeyError while the report was made; STUDIES_DEBUG=1 shows more"),
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "4711"), "error", FULL),
]


@pytest.mark.parametrize(("error", "kind", "message"), ERRORS)
def test_judge_error(error, kind, message, tmp_path):
    assert not Outcome("done").failed
    outcome = judge_error(error, limit=7.5)
    assert (outcome.kind, outcome.message, outcome.failed) == (kind, message, True)
    page = write_page(tmp_path, outcome)
    assert "4711" not in page and "There is no earlier report." in page
    (tmp_path / "one" / "report.html").touch()
    assert "The last good report is still there" in write_page(tmp_path, outcome)


def write_page(out, outcome):
    """Return the page that a failed run leaves."""
    leave_page(out, "one", outcome)
    return (out / "one" / "failed.html").read_text()


def test_leave_page_escapes(tmp_path):
    page = write_page(tmp_path, Outcome("error", "<script>alert(1)</script>", "<b>"))
    assert "<script>" not in page and "<b>" not in page


def test_read_commit_of_full_shallow_and_no_clone(tmp_path):
    def git(*words):
        names = ["-c", "user.name=N", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path / "full", *names, *words], check=True, capture_output=True)

    file = tmp_path / "full" / "plan.yaml"
    file.parent.mkdir()
    assert read_commit(file) == "not under version control"
    git("init", "-q")
    file.write_text("a")
    git("add", "plan.yaml")
    git("commit", "-qm", "one")
    full = read_commit(file)
    assert re.fullmatch("[0-9a-f]{40} of [0-9-]{10}", full)
    git("commit", "-qm", "two", "--allow-empty")
    assert read_commit(file) == full
    subprocess.run(["git", "clone", "-q", "--depth", "1", file.parent.as_uri(), tmp_path / "few"], check=True)
    shallow = read_commit(tmp_path / "few" / "plan.yaml")
    assert shallow[:40] != full[:40] and shallow.endswith(", or earlier: the clone is shallow")
    file.write_text("b")
    assert read_commit(file) == f"{full}, changed since"
