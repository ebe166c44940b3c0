"""A whole command without kernels: what is rendered, what is skipped, what is told, and that nothing good is lost."""

import base64
import io
import json
import math
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sources_samples import tell_refusal
from tiny_study import execute, payload, read_all, read_json, write_notebook

from helpers import paths, report
from helpers.report import execution, pipeline, store
from helpers.report.document import write_json
from helpers.report.pipeline import Progress
from helpers.report.store import Outcome


@pytest.fixture
def out(tmp_path):
    """Return the folder of the reports."""
    return tmp_path / "out"


@pytest.fixture
def mounted(needs, out):
    """Return a function that mounts a small disk as the folder of the reports; it is taken off at the end."""
    mount = needs("mount")
    out.mkdir()

    def mounting(*options):
        command = [mount, "-t", "tmpfs", "-o", ",".join(["size=256k", *options]), "tmpfs", str(out)]
        subprocess.run(command, check=True, capture_output=True)

    yield mounting
    subprocess.run(["umount", str(out)], check=False, capture_output=True)


@pytest.fixture
def pair(make):
    """Return two runs, of which the second needs the first."""
    first, second = make("first"), make("second")
    object.__setattr__(second, "needs", ("first",))
    return first, second


def fail(run, *_):
    """Stand for an error of our own."""
    raise ValueError("4711")


@pytest.mark.parametrize("limit", ["abc", "0", "1e3", ""])
def test_render_refuses_a_time_limit_that_is_no_number(make, quick, out, monkeypatch, limit):
    monkeypatch.setenv("STUDIES_TIME_LIMIT", limit)
    said = "STUDIES_TIME_LIMIT: needs a whole number of seconds, 1 or more, such as 900"
    assert tell_refusal(report.render, [make()], out=out) == said
    assert not out.exists()


def test_render_leaves_the_files_of_the_contract(make, quick, render, out):
    status, _ = render(make())
    assert status == 0 and (out / "index.html").is_file()
    assert (out / "one" / "results.json").read_text() == write_json(payload(make())["results"])
    tables = [f"tables/{name}.csv" for name in ("estimates", "tests", "checks", "claims")]
    assert set(read_all(out / "one")) == {"report.html", "results.json", "run.json", *tables}
    assert set(read_all(out / ".private" / "one")) == {"tiny.ipynb"}
    record = read_json(out / "one" / "run.json")
    assert set(record["files"]) == set(read_all(out / "one")) - {"run.json"}
    assert {"started", "seconds", "machine", "versions", "head", "key", "cells", "files"} <= set(record)


def test_render_skips_what_has_not_changed(make, quick, render, out):
    render(make(), make("two"))
    before = read_all(out)
    status, said = render(make(), make("two"))
    assert status == 0 and said == "one: up to date\ntwo: up to date\n"
    assert quick == ["one", "two"] or quick == ["two", "one"]
    assert {**read_all(out), ".private/.work/checksums.json": b""} == {**before, ".private/.work/checksums.json": b""}
    render(make(), make("two", seed="8"))
    assert quick[2:] == ["two"]
    render(make(), force=True)
    assert quick[3:] == ["one"]
    render(make(), code=True)
    assert quick[4:] == ["one"]


def test_a_report_links_to_a_page_that_stands_in_its_folder_or_is_made_with_it(
    make, study, quick, render, out, monkeypatch
):
    study.write_text(study.read_text().replace("## Compute", "## Compute [All](../methods/report.html)"))
    write_notebook(study.with_name("methods.ipynb"))
    methods = report.make_run("methods", name="methods", given={}, base=study.parent)
    monkeypatch.setattr(execution, "execute", lambda run, *_: execute(run, study=run.study))

    def has_link():
        return 'href="../methods/report.html"' in (out / "one" / "report.html").read_text()

    render(make())
    assert not has_link()
    render(make(), methods)
    assert has_link() and render(make())[1] == "one: up to date\n"
    render(make("methods"))
    render(make())
    assert not has_link()  # a run of that name, of another study


def test_render_begins_with_the_longest_run(make, quick, render, out):
    render(make("brief"), make("long"), jobs=1)
    for name, seconds in (("brief", 1.5), ("long", 20)):
        record = out / name / "run.json"
        record.write_text(record.read_text().replace('"seconds": ', f'"seconds": {seconds}, "before": ', 1))
    render(make("brief"), make("long"), make("new"), jobs=1, force=True)
    assert quick == ["brief", "long", "new", "long", "brief"]  # nobody knows how long a new one takes


def test_render_needs(pair, quick, render, out, monkeypatch):
    assert render(*pair, jobs=4)[0] == 0 and quick == ["first", "second"]
    label = ["changed"]

    def stub(run, *_):
        quick.append(run.name)
        return execute(run, answer=label)

    monkeypatch.setattr(execution, "execute", stub)
    render(*pair, force=True)
    assert quick[2:] == ["first", "second"]
    label[0] = "again"
    (out / "first" / "failed.html").touch()
    render(*pair)  # its results have changed, so what needs it is rendered too
    assert quick[4:] == ["first", "second"]
    (out / "first" / "failed.html").touch()
    render(*pair)  # its results are the same, so what needs it stays
    assert quick[6:] == ["first"] and not (out / "first" / "failed.html").exists()


def test_render_exit_status(make, quick, render, monkeypatch):
    ends = {"bad": Outcome("error"), "no": Outcome("refused", "t.csv: mend it"), "stop": Outcome("interrupted")}
    done = execution.produce
    monkeypatch.setattr(execution, "produce", lambda run, *others: ends.get(run.name) or done(run, *others))
    assert render(make("a"))[0] == 0
    status, said = render(make("a"), make("no"))
    assert status == 2 and "no: refused: t.csv: mend it\n" in said
    assert render(make("bad"), make("no"))[0] == 1
    assert render(make("bad"), make("no"), make("stop"))[0] == 130


def test_a_command_whose_plans_are_all_refused_starts_no_process_that_runs_are_forked_from(
    make, quick, render, monkeypatch
):
    begun, refused = [], Outcome("refused", "mend it")
    monkeypatch.setattr(pipeline.CONTEXT, "get_start_method", lambda: "forkserver")
    monkeypatch.setattr(pipeline, "_begin_server", lambda: begun.append(True))
    monkeypatch.setattr(pipeline, "_judge_plan", lambda run: refused if run.name == "no" else None)
    assert (render(make("no"))[0], begun) == (2, [])
    assert (render(make("no"), make("a"))[0], begun) == (2, [True])


def test_render_what_needs_a_failed_run_is_not_run(pair, quick, render, monkeypatch, out):
    render(*pair)
    before = read_all(out / "first")
    monkeypatch.setattr(execution, "execute", fail)
    status, said = render(*pair, force=True)
    assert status == 1
    assert "first: error: ValueError while the report was made; STUDIES_DEBUG=1 shows more\n" in said
    assert "second: not run: it needs first, which has no new report\n" in said
    after = read_all(out / "first")
    page = after.pop("failed.html").decode()
    assert after == before and "The last good report is still there" in page and "4711" not in page + said
    assert not (out / "second" / "failed.html").exists()


def test_render_debug_shows_the_error(make, quick, render, monkeypatch):
    monkeypatch.setattr(execution, "execute", fail)
    monkeypatch.setenv("STUDIES_DEBUG", "1")
    assert "ValueError: 4711\n" in render(make())[1]


def test_render_does_not_touch_a_folder_that_is_no_report(make, quick, render, out):
    (out / "one").mkdir(parents=True)
    (out / "one" / "thesis.odt").write_text("mine")
    status, said = render(make())
    assert (status, quick) == (2, [])
    assert said.startswith("one: refused: something else than a report stands in the folder of that name")
    assert read_all(out / "one") == {"thesis.odt": b"mine"}


@pytest.mark.parametrize("error", [EOFError, OSError])  # the process dies at once, or cannot even begin
def test_render_leaves_no_page_in_a_folder_that_is_no_report(make, quick, render, out, monkeypatch, error):
    def die(environment):
        raise error

    monkeypatch.setattr(execution, "own_process", die)
    (out / "one").mkdir(parents=True)
    (out / "one" / "thesis.odt").write_text("mine")
    status, said = render(make(), make("two"))
    assert status == 1 and f"one: dead kernel: {pipeline.DIED.message}\n" in said
    assert read_all(out / "one") == {"thesis.odt": b"mine"}  # with a page in it the next run would replace it
    assert list(read_all(out / "two")) == ["failed.html"]


def test_render_does_not_hide_an_error_of_our_own(make, quick, render, monkeypatch):
    monkeypatch.setattr(execution, "own_process", fail)
    with pytest.raises(ValueError, match="4711"):
        render(make())


def test_render_run_in_two_commands_at_once(make, quick, out, monkeypatch):
    settings = pipeline.Settings(out, 5.0, force=False, code=False, beside=())

    def stub(run, *_):
        quick.append(run.name)
        time.sleep(0.3)
        return execute(run)

    monkeypatch.setattr(execution, "execute", stub)
    with ThreadPoolExecutor() as pool:
        ends = [pool.submit(execution.render_run, make(), settings, lambda text: None) for _ in range(2)]
    assert sorted(end.result().kind for end in ends) == ["done", "up to date"] and quick == ["one"]


def test_render_on_a_full_disk(make, quick, render, mounted, out, monkeypatch):
    mounted()
    assert render(make())[0] == 0
    good = read_all(out / "one")
    (out / "filler").write_bytes(b"x" * 100_000)
    rows = {"rows": [{"text": "x" * 1000} for _ in range(300)]}
    monkeypatch.setattr(execution, "execute", lambda run, *_: execute(run, tables=rows, columns={"rows": ["text"]}))
    status, said = render(make(), force=True)
    assert status == 1
    assert "one: error: the report cannot be written (No space left on device); mend that, or choose" in said
    after = read_all(out / "one")
    after.pop("failed.html", None)
    assert after == good
    assert not list((out / ".private" / ".work").glob("*.new"))


def test_render_on_a_read_only_mount(make, quick, render, mounted, out):
    mounted()
    assert render(make())[0] == 0
    good = read_all(out)
    subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True, capture_output=True)
    status, said = render(make(), force=True)
    message = "one: error: the report cannot be written (Read-only file system); mend that, or choose another folder"
    assert status == 1 and message in said
    assert quick == ["one"] and read_all(out) == good
    assert render(make())[0] == 0  # nothing to do needs no writing


def test_render_repairs_what_an_earlier_command_left(make, quick, render, out):
    render(make())
    new = store.open_work(out) / "one.new"
    store.write_file(new / "public" / "report.html", "half")
    (out / "one").rename(out / ".private" / ".work" / "away")
    (new / "complete").touch()
    render()
    assert read_all(out / "one") == {"report.html": b"half"}


@pytest.mark.parametrize(("status", "pictures"), [("answered", {"scorecard.png"}), ("withheld", set())])
def test_render_writes_the_published_card_and_files(make, quick, render, out, monkeypatch, status, pictures):
    files = {"summary.md": "# It is", "scorecard.png": base64.b64encode(b"\x89PNG").decode()}
    published = {"status": status, "card": {"answer": "Yes, it is."}, "files": files}
    monkeypatch.setattr(execution, "execute", lambda run, *_: execute(run, **published))
    render(make())
    left, record = read_all(out / "one"), read_json(out / "one" / "run.json")
    assert left["summary.md"] == b"# It is" and {name for name in left if name.endswith("png")} == pictures
    assert record["card"] == {"answer": "Yes, it is."} and {"summary.md", *pictures} <= set(record["files"])
    assert not {"card", "files"} & set(read_json(out / "one" / "results.json"))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_progress_shows_section_and_time_left_on_a_terminal_alone(stream, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", stream)
    progress = Progress()
    progress.begin("one", 100)
    with progress.live:
        progress.tell("one", "Checks")
        progress.begin("new", math.inf)
        progress.live.refresh()
        progress.finish("one", Outcome("done", "1.0 s"))
    shown = ["one  Checks  about 100 s left", "new  starts", "one: done: 1.0 s"]
    assert [text in stream.getvalue() for text in shown] == [stream.isatty(), stream.isatty(), True]


@pytest.mark.parametrize("change", ["grows", "same size and time", "goes", "plan", "needed", "comes"])
def test_render_refuses_an_input_that_changes_while_it_is_read(make, quick, render, out, study, monkeypatch, change):
    file, run, first = study.parent / "t.csv", make(data="t.csv"), make("first")
    file.write_text("1")
    os.utime(file, (1e9, 1e9))
    if change == "needed":
        object.__setattr__(run, "needs", ("first",))
        file = out / "first" / "results.json"
    if change == "comes":  # another file, to a folder of them
        (study.parent / "logs").mkdir()
        (study.parent / "logs" / "a.csv").write_text("1")
        file, run = study.parent / "logs" / "b.csv", make(data=str(study.parent / "logs"))
    if change == "plan":
        file = study.parent / "p.yaml"
        file.write_text((paths.PLANS / "jobs_ii.yaml").read_text())
        run.given["plan"], run.declared["plan"] = str(file), run.declared["label"]
    assert render(*([first] if change == "needed" else []), run)[0] == 0
    good = read_all(out / "one")

    def change_meanwhile(run, *_):
        file.write_text("22" if change == "grows" else "2")
        if change == "same size and time":
            os.utime(file, (1e9, 1e9))
        if change == "goes":
            file.unlink()
        return execute(run)

    monkeypatch.setattr(execution, "execute", change_meanwhile)
    told = f"{file.name}: changed while the run read it; run it again once nothing writes to it"
    assert render(run, force=True) == (2, f"one: refused: {told}\n")
    left = read_all(out / "one")
    assert told.encode() in left.pop("failed.html") and left == good


DAMAGES = {
    "empty": b"",
    "cut short": None,
    "no mapping": b"[1]",
    "null": b"null",
    "no text": b"\xff\xfe\x00\xd8",
    "deep": b"[" * 200_000,
    "huge": None,
    "newer": {"schema": 2},
    "older": {"schema": 0},
    "without a key": {"data": None},
    "another kind": {"data": {"kind": "other"}},
    "another status": {"status": ["answered"]},
    "rows of text": {"estimates": ["x"], "tables": {"metrics": "x"}},
    "rows without fields": {"claims": [{"id": "P13"}]},
    "figures of text": {"checks": [{"id": "srm", "status": "pass", "value": "x", "threshold": 1, "message": ""}]},
    "folder": None,
    "loop": None,
    "pipe": None,
}
CARD = {"mark": {"middle": "x", "verdict": 5}, "answer": None}
DAMAGES["record"] = {"card": CARD, "started": 5, "files": [], "seconds": "x"}


def damage_file(file, damage):
    """Put something in the place of a file of a report; return what stood there."""
    text, content = file.read_bytes(), DAMAGES[damage]
    file.unlink()
    if damage in ("folder", "loop", "pipe"):
        {"folder": file.mkdir, "loop": lambda: file.symlink_to(file), "pipe": lambda: os.mkfifo(file)}[damage]()
    else:
        content = {"cut short": text[:-9], "huge": b" " * (store.MOST_BYTES + 1)}.get(damage, content)
        content = json.dumps(json.loads(text) | content).encode() if isinstance(content, dict) else content
        file.write_bytes(content)
    return text


@pytest.fixture
def sparing(monkeypatch):
    """Let a file be too large that is quick to write."""
    monkeypatch.setattr(store, "MOST_BYTES", 1 << 20)


@pytest.mark.usefixtures("sparing")
@pytest.mark.parametrize("name", ["results.json", "run.json"])
def test_damaged_files_hold_nothing(make, quick, render, out, name):
    assert render(make("first"))[0] == 0
    file = out / "first" / name
    for damage, content in DAMAGES.items():
        text = damage_file(file, damage)
        is_record = damage == "record" or not isinstance(content, dict)  # the other keys are those of results
        found, is_damaged = store.read_results(file), damage != "record"
        if name == "run.json":
            found, is_damaged = store.read_record(file.parent), is_record
        assert (found == {}) is is_damaged, damage
        file.rmdir() if damage == "folder" else file.unlink()
        file.write_bytes(text)


@pytest.mark.usefixtures("sparing")
@pytest.mark.parametrize(("damage", "name"), [("pipe", "results.json"), ("huge", "run.json"), ("record", "run.json")])
def test_a_damaged_sibling_stops_neither_the_gallery_nor_what_needs_it(make, quick, render, out, damage, name):
    first, second = make("first"), make("second")
    object.__setattr__(second, "needs", ("first",))
    assert render(first, second)[0] == 0
    damage_file(out / "first" / name, damage)
    assert render(make("third"))[0] == 0
    shown = (out / "index.html").read_text()
    assert "third/report.html" in shown and "first/report.html" in shown
    assert render(first, second)[0] == 0  # made anew
    assert store.read_results(out / "first" / "results.json") and store.read_record(out / "first")
