"""What cells keep beside a report: private rows go nowhere else, texts may be shared, names stay in their folder."""

from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import samples
from tiny_study import execute, read_all, read_json, write_notebook

from helpers import report
from helpers.report import document, execution

CANARY = "cust-90210"
CODE = f"""
import pandas as pd
steps = pd.DataFrame({{"unit": ["{CANARY}", "=2+2"], "gain": [0.123456789012, float("nan")]}})
report.keep_private("next_steps", steps)
report.document.keep_text("definitions/duckdb.sql", "SELECT 1;\\n")"""
PRIVATE = f"unit,gain\n{CANARY},0.123456789\n'=2+2,\n"


def test_run_writes_private_rows_into_the_private_folder_only(study, make, render, tmp_path):
    write_notebook(study, code=CODE)
    assert render(make("one"))[0] == 0
    out = tmp_path / "out"
    files = read_all(out / "one")
    assert (out / ".private" / "one" / "next_steps.csv").read_text() == PRIVATE
    assert files["definitions/duckdb.sql"] == b"SELECT 1;\n"
    assert not [name for name, content in files.items() if CANARY.encode() in content or b"next_steps" in content]
    assert b"SELECT 1" not in files["report.html"]
    assert "definitions/duckdb.sql" in read_json(out / "one" / "run.json")["files"]


def leave_outputs(run, *outputs, **changes):
    """Return a notebook whose second-last cell displayed these outputs."""
    notebook = execute(run, **changes)
    notebook.cells[-3].outputs = [nbformat.v4.new_output("display_data", output) for output in outputs]
    return notebook


TEXT = {document.KEPT_MIME: {"name": "definitions/a.sql", "text": "x"}}
ROWS = {document.KEPT_MIME: {"name": "private/steps.csv", "text": "x"}}


@pytest.mark.parametrize(("status", "there"), [("answered", True), ("withheld", False)])
def test_withheld_run_keeps_nothing(make, render, tmp_path, quick, monkeypatch, status, there):
    monkeypatch.setattr(execution, "execute", lambda run, *_: leave_outputs(run, TEXT, ROWS, status=status))
    assert render(make())[0] == 0
    private = tmp_path / "out" / ".private" / "one"
    assert (private / "steps.csv").exists() == (tmp_path / "out" / "one" / "definitions" / "a.sql").exists() == there


@pytest.mark.parametrize("name", ["report.html", "tables/effects.txt", "private/a.sql", "a/../../b.sql", "/a/b.sql"])
def test_names_that_leave_their_folder_or_take_the_place_of_another_file_are_refused(name):
    told = r"is no name of a file that is kept; give one such as definitions/duckdb.sql$"
    for keep, where, what in ((document.keep_text, "", "x"), (report.keep_private, "../", pd.DataFrame({"a": [1]}))):
        with pytest.raises(ValueError, match=told):
            keep(where + name, what)


@pytest.fixture
def shown(monkeypatch):
    """Return the list of what a notebook has displayed under the runner."""
    outputs = []
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: outputs.append(data))
    monkeypatch.setenv("STUDIES_RUN", "one")
    return outputs


def test_keep_displays_rows_for_the_runner_and_a_sentence_for_everybody_else(shown, monkeypatch):
    for _ in range(2):
        report.keep_private("steps", pd.DataFrame({"unit": [CANARY]}))
        document.keep_text("definitions/a.sql", "1\n2\n")
        monkeypatch.delenv("STUDIES_RUN", raising=False)  # JupyterLab, plain Papermill
    names = ("private/steps.csv", "definitions/a.sql")
    plain = [{"text/plain": f"{name}: 2 lines, which `studies report` keeps"} for name in names]
    rows = {document.KEPT_MIME: {"name": "private/steps.csv", "text": f"unit\n{CANARY}\n"}}
    text = {document.KEPT_MIME: {"name": "definitions/a.sql", "text": "1\n2\n"}}
    assert shown == [rows | plain[0], text | plain[1], *plain]
    monkeypatch.setenv("STUDIES_RUN", "one")
    report.keep_private("steps", pd.DataFrame({"unit": [], "gain": []}))  # of an empty table its header is kept
    assert shown[-1][document.KEPT_MIME]["text"] == "unit,gain\n"


def test_keep_is_silent_outside_a_notebook(capsys):
    report.keep_private("steps", pd.DataFrame({"unit": [1]}))
    assert capsys.readouterr().out == ""


def test_keep_definitions_displays_one_text_a_database(shown):
    rows = [("duckdb", "set_up", "-- 1\nSELECT 1;\n"), ("duckdb", "mature", "-- 2\nSELECT 2;\n")]
    rows += [("postgres", "set_up", "-- 1\nSELECT 3;\n")]
    frame = pd.DataFrame(rows, columns=["dialect", "milestone", "statement"])
    report.keep_definitions(samples.results(tables={"definitions": frame}))
    assert [output[document.KEPT_MIME] for output in shown] == [
        {"name": "definitions/duckdb.sql", "text": "-- 1\nSELECT 1;\n\n-- 2\nSELECT 2;\n"},
        {"name": "definitions/postgres.sql", "text": "-- 1\nSELECT 3;\n"},
    ]
    report.keep_definitions(samples.results(tables={}))
    assert len(shown) == 2


def test_keep_plan_names_its_file_after_the_plan(shown):
    row = {"file": "My Plan (2).yaml", "text": "kind: experiment\n"}
    report.keep_plan(SimpleNamespace(tables={"plan_text": pd.DataFrame([row])}))
    assert "plan/my-plan-2.yaml" in str(shown)
