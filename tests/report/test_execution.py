"""Real kernels: forked and cold give equal bytes, and every way a kernel can end is told apart and loses nothing."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from tiny_study import read_all, read_json, write_notebook

from helpers import report
from helpers.report import execution, forkserver, outcome

CANARY = "canary-p@ss/word-4711"
FIGURE = """\
import matplotlib.pyplot as plt
import numpy as np
_ = plt.plot(np.random.default_rng(seed).normal(size=20)); plt.show()
import sys; print(np.random.normal(), file=sys.stderr)  # not seeded: it must not reach the report
if "STUDIES_NOTEBOOK" in os.environ:
    assert os.getcwd() == os.path.dirname(os.environ["STUDIES_NOTEBOOK"])
    fixed = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    assert fixed.items() <= os.environ.items()"""
STUDIES = {
    "fine": FIGURE,
    "killed": "os.kill(os.getpid(), 9)",
    "left": "import sys; sys.exit(0)",
    "slow": "import time; time.sleep(60)",
    "wrong": "raise ValueError(os.environ['CANARY_PASSWORD'])",
    "refused": "from helpers.records import Refused\nraise Refused('t.csv, column x: 3 cells are text; mend them')",
    "leaky": "print(os.environ['CANARY_PASSWORD'])\nresults = results.but(answer=(os.environ['CANARY_PASSWORD'],))",
}
DRIVER = """\
import sys
from pathlib import Path
from helpers import report
folder = Path(sys.argv[1])
run = report.make_run("slow", name="one", given={}, base=folder)
sys.exit(report.render([run], out=folder / "out"))"""


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
    """Render all studies in one command on forked kernels; returns folder, exit status and what was said."""
    out, stream = tmp_path_factory.mktemp("said") / "{reports}", (tmp_path_factory.mktemp("said") / "said").open("w+")
    address = "postgres://me:${CANARY_PASSWORD}@host/db"
    runs = [
        report.make_run(name, name=name, given={"data": address} if name in ("leaky", "wrong") else {}, base=folder)
        for name in STUDIES
    ]
    runs.append(
        report.make_run("fine", name="awkward", given={"label": "\"a\" 'b' \\ {c} é\n"}, base=folder / "elsewhere")
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CANARY_PASSWORD", CANARY)
        patched.setenv("MPLBACKEND", "pdf")
        status = report.render(runs, out=out, jobs=2, time_limit=1.0, stream=stream)
    stream.seek(0)
    return out, status, stream.read()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "killed",
            "dead kernel in “Compute”: the kernel died: it was killed from outside, ran out of memory or crashed",
        ),
        ("left", "error in “Compute”: the notebook ended before its last cell had published results"),
        ("slow", "time limit in “Compute”: a cell ran longer than 1 seconds; raise the limit or give less"),
        ("wrong", "error in “Compute”: ValueError in a cell; open the notebook in JupyterLab to see it happen"),
        ("refused", "refused in “Compute”: t.csv, column x: 3 cells are text; mend them"),
    ],
)
def test_render_tells_how_a_run_ended(ended, name, sentence):
    out, status, said = ended
    assert f"{name}: {sentence}\n" in said and status == 1
    assert [file for file in read_all(out / name)] == ["failed.html"]
    assert outcome.WORDS[sentence.split(" in “")[0]] in (out / name / "failed.html").read_text()


def test_render_forked_in_the_right_folder(ended):
    out, _, said = ended
    for name in ("fine", "awkward"):
        assert f"{name}: done: " in said and read_json(out / name / "run.json")["kernel"] == "forked"
    assert [cell["section"] for cell in read_json(out / "fine" / "run.json")["cells"]][1:] == [
        *("Set up", "Compute", "Run record")
    ]
    assert read_json(out / "awkward" / "results.json")["answer"] == ["It is \"a\" 'b' \\ {c} é\n 7."]


def test_render_lets_no_secret_reach_a_file_or_the_screen(ended):
    out, _, said = ended
    everything = said.encode() + b"".join(read_all(out).values())
    assert b"canary" not in everything
    assert read_json(out / "leaky" / "results.json")["answer"] == ["${CANARY_PASSWORD}"]


def test_render_cold_gives_equal_bytes(ended, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIES_FORK", "0")
    run = report.make_run("fine", name="fine", given={}, base=folder)
    assert report.render([run], out=tmp_path, stream=(tmp_path / "said").open("w")) == 0
    assert read_json(tmp_path / "fine" / "run.json")["kernel"] == "cold"
    for name in ("report.html", "results.json"):
        assert (tmp_path / "fine" / name).read_bytes() == (ended[0] / "fine" / name).read_bytes()
    assert (tmp_path / "fine" / "report.html").read_text().count("data:image/png") == 1


def test_fork_falls_back_to_an_ordinary_start(folder, tmp_path, monkeypatch):
    server = forkserver.ForkServer(execution.make_environment())
    server._process.kill()
    run = report.make_run("refused", name="one", given={}, base=folder)
    done = execution.execute(
        run,
        environment=execution.make_environment(STUDIES_NOTEBOOK=str(run.notebook)),
        server=server,
        limit=20,
        show=lambda section: None,
        kernels=set(),
        stopped=lambda: False,
    )
    server.close()
    assert (done.start, done.error.ename, done.section) == ("cold", "Refused", "Compute")


@pytest.mark.parametrize("threads", [0, 1])
def test_fork_server_forks_without_threads_and_takes_its_kernels_along(tmp_path, monkeypatch, threads):
    waiting = f"[f.threading.Thread(target=f.threading.Event().wait, daemon=True).start() for _ in range({threads})]"
    quick = f"from helpers.report import forkserver as f; f._preload = lambda: {waiting}; f.serve({{}})"
    monkeypatch.setattr(forkserver, "COMMAND", quick)
    server = forkserver.ForkServer(execution.make_environment())
    kernel = server.fork(["-f", str(tmp_path / "kernel.json")], env=execution.make_environment(), cwd=str(tmp_path))
    assert (kernel is None) == bool(threads)
    while kernel and not (tmp_path / "kernel.json").exists():
        time.sleep(0.05)
    assert kernel is None or kernel.poll() is None
    server.close()  # as when the command is killed
    assert kernel is None or kernel.wait() == 1
    assert server.fork([], env={}, cwd="/") is None


def test_render_interrupted(tmp_path):
    (tmp_path / "out" / "one").mkdir(parents=True)
    for name in ("report.html", "run.json"):
        (tmp_path / "out" / "one" / name).write_text("good")
    write_notebook(tmp_path / "slow.ipynb", code=STUDIES["slow"])
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"STUDIES_FORK": "0"}
    ) as process:
        for line in process.stderr:
            if line == "one: Compute\n":
                break
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait() == 130 and time.monotonic() - begun < 5
    assert said == "one: interrupted in “Compute”: run the command again to finish\n"
    assert "was interrupted" in (tmp_path / "out" / "one" / "failed.html").read_text()
    assert (tmp_path / "out" / "one" / "report.html").read_text() == "good"


def test_plain_papermill_shows_the_same_answer_and_writes_nothing(folder, tmp_path, monkeypatch):
    papermill = execution.import_papermill()
    monkeypatch.chdir(folder)
    before = set(os.listdir(folder))
    papermill.execute_notebook("fine.ipynb", str(tmp_path / "done.ipynb"), {"seed": 8}, progress_bar=False)
    payload = outcome.find_payload(nbformat.read(tmp_path / "done.ipynb", as_version=4))
    assert (payload["run"], payload["answer"]) == ("fine", ["It is so 8."])
    assert set(os.listdir(folder)) == before


def test_make_environment_fixes_what_results_depend_on(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PGUSER", "ann")
    found = execution.make_environment(STUDIES_RUN="one")
    assert (found["TZ"], found["PGUSER"], found["STUDIES_RUN"]) == ("UTC", "ann", "one")
    assert "PYTHONDONTWRITEBYTECODE" not in found


def test_hide_secrets_only_what_is_secret(monkeypatch):
    for name, value in {
        "PGUSER": "postgres",
        "PGPASSWORD": "p@ss",
        "API_TOKEN": "t0ken",
        "OTHER_PASSWORD": "zzz",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MINE", "qu3ry")
    addresses = ["postgres://${PGUSER}:${PGPASSWORD}@h/d", "postgres://${PGUSER}@h/d?password=${MINE}"]
    values = {"data": addresses, "note": "${API_TOKEN}", "seed": 7}
    hidden = execution.hide_secrets({"p@ss": ["postgres p@ss p%40ss", 7, None, "t0ken zzz qu3ry"]}, values)
    assert hidden == {"${PGPASSWORD}": ["postgres ${PGPASSWORD} ${PGPASSWORD}", 7, None, "${API_TOKEN} zzz ${MINE}"]}
