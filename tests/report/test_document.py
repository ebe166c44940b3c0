"""What cells call and what becomes of it: the keys of the contract, ten digits, null where undefined or withheld."""

import csv
import datetime as dt
import io
import json
import subprocess
import sys
from decimal import Decimal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tiny_study import execute

from helpers import paths, report
from helpers.records import Check, Claim, DataInfo, Estimate, Refused, Results, Test
from helpers.report import document

KEYS = ["schema", "study", "run", "title", "status", "answer", "data", "parameters", "plan", "checks", "estimates"]
KEYS += ["tests", "claims", "tables"]
ESTIMATE = [
    *["id", "metric", "control", "treatment", "comparison", "estimand", "population", "adjustment", "segment", "at"],
    *["role", "family", "estimate", "std_error", "df", "ci_low", "ci_high", "ci_set", "confidence_level", "interval"],
    *["p_value", "p_value_adjusted", "control_value", "treatment_value", "n_control", "n_treatment"],
    *["clusters_control", "clusters_treatment", "method", "as_expected", "verdict", "reason"],
]


PLAN = {"file": "mine.yaml", "sha256": "cd", "departures": [{"parameter": "as_of"}]}


def results(status="answered", **changes):
    """Return results with one of everything."""
    known = {"estimate": 1 / 3, "std_error": 0.1, "ci_low": -0.0, "ci_high": 0.5, "p_value": 0.04}
    estimate = Estimate("e", "activated", "a", "b", "b - a", "difference", **known)
    info = DataInfo("yours", "note", "t.csv", "ab", 4, 4, {"a": np.int64(2), "b": 2}, (("read", 4, ""),), ("said",))
    plan = PLAN | {"commit": "not in the contract"}
    tables = {"weeks": pd.DataFrame({"week": [0], "value": [0.1]}), "metrics": pd.DataFrame({"name": ["activated"]})}
    parts = {"checks": (Check("srm", "pass", np.nan, 0.001, "fine"),), "estimates": (estimate,), "tables": tables}
    parts["tests"] = (Test("t", "activated", "log-rank", 1.5, 1, 0.2),)
    parts["claims"] = (Claim("P1", 9.0, "points", "9 points", "e", 1.0, 0.0, 2.0, "recovered", ""),)
    return Results("tiny", "Tiny", "Is it?", status, info, plan, **{**parts, **changes})


def test_describe_results_has_the_keys_of_the_contract(monkeypatch):
    monkeypatch.setenv("STUDIES_RUN", "other")
    payload = document.describe_results(results(), {})
    found = payload.pop("results")
    assert list(found) == KEYS and found["run"] == "other"
    assert list(found["estimates"][0]) == ESTIMATE
    assert list(found["data"]) == ["kind", "note", "source", "sha256", "rows", "units", "units_by_variant"]
    assert found["plan"] == PLAN
    assert payload == {"as_of": None, "columns": {"weeks": ["week", "value"], "metrics": ["name"]}}
    assert found["tables"]["weeks"] == [{"week": 0, "value": 0.1}]


def test_describe_results_figures():
    found = document.describe_results(results(), {})["results"]
    assert found["estimates"][0]["estimate"] == 0.3333333333
    assert str(found["estimates"][0]["ci_low"]) == "0.0"
    assert found["checks"][0]["value"] is None
    assert "NaN" not in document.write_json(found)


def test_describe_results_gives_a_reason_for_null():
    undefined = Estimate("e", "m", "a", "b", "b - a", "relative_lift", p_value=0.5)
    told = undefined.but(reason="the control value is 0")
    split = undefined.but(estimate=1.0, ci_set=((None, -1.0), (2.0, None)))
    rows = document.describe_results(results(estimates=(undefined, told, split)), {})["results"]["estimates"]
    reasons = ["estimate and ci_low and ci_high not defined here", "the control value is 0", None]
    assert [row["reason"] for row in rows] == reasons
    assert rows[2]["ci_set"] == [[None, -1.0], [2.0, None]]


def test_describe_results_withheld_leaves_no_effect():
    payload = document.describe_results(results("withheld"), {})
    found = payload["results"]
    assert found["estimates"] == found["tests"] == found["tables"]["weeks"] == []
    assert found["tables"]["metrics"] == [{"name": "activated"}]
    assert found["checks"][0]["id"] == "srm"
    tables = document.write_tables(found, payload["columns"])
    assert tables["tables/weeks.csv"] == "week,value\n"
    assert tables["tables/estimates.csv"] == ",".join(ESTIMATE) + "\n"
    assert {text.count("\n") for text in tables.values()} == {1}


@pytest.mark.parametrize(("name", "value", "shown"), [
    ("data", "/home/ann/customers.csv", "customers.csv"),
    ("data", ["/home/ann/a.csv", "/home/ann/b.csv"], ["a.csv", "b.csv"]),
    ("data", "duckdb:/home/ann/x.db", "duckdb:x.db"),
    ("data", "postgres://${PGUSER}:${PGPASSWORD}@host:5432/db?sslmode=require", "postgres://host/db"),
    ("data", "duckdb:///home/ann/x.db", "duckdb://x.db"),  # a file, though it is written as an address
    ("data", "public:jobs", "public:jobs"),
    ("plan", "sub/mine.yaml", "mine.yaml"),
    ("costs", "/home/ann/costs.csv", "costs.csv"),
    ("label", "a/b", "a/b"),
    ("seed", 7, 7),
    ("as_of", None, None),
])  # fmt: skip
def test_describe_results_parameters_show_no_path(name, value, shown):
    assert document.describe_results(results(), {name: value})["results"]["parameters"] == {name: shown}


@pytest.mark.parametrize(("value", "plain"), [
    (np.float64("inf"), None),
    (np.bool_(True), True),
    (np.int8(3), 3),
    (Decimal("1.5"), 1.5),
    (123456789.123456, 123456789.1),
    (pd.NaT, None),
    (pd.NA, None),
    (pd.Timestamp("2022-04-30"), "2022-04-30T00:00:00"),
    (dt.date(2022, 4, 30), "2022-04-30"),
    (np.array([1.0, np.nan]), [1.0, None]),
    ({1: (2,)}, {"1": [2]}),
    (np.str_("x"), "x"),
])  # fmt: skip
def test_make_plain(value, plain):
    assert document.make_plain(value) == plain and json.dumps(document.make_plain(value)) == json.dumps(plain)


def test_make_plain_refuses_what_has_no_plain_form():
    with pytest.raises(TypeError, match=r"^a object cannot be published; give numbers, text, dates, lists$"):
        document.make_plain(object())


def test_write_tables_guards_formulas():
    hostile = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "\rx", "safe", 'say "a, b"']
    frame = pd.DataFrame({"=name": hostile, "n": [-1.5] * 8, "set": [[[None, 1]]] * 8})
    payload = document.describe_results(results(tables={"t": frame}), {})
    text = document.write_tables(payload["results"], payload["columns"])["tables/t.csv"]
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["'=name", "n", "set"]
    assert [row[0] for row in rows[1:]] == ["'" + value for value in hostile[:5]] + ["'\nx", *hostile[6:]]
    assert {row[1] for row in rows[1:]} == {"-1.5"}


def test_find_payload_is_the_sign_of_the_end(make):
    notebook = execute(make())
    last = notebook.cells[-1]
    notebook.cells.append(notebook.cells[3].copy())  # to explore, without an output
    assert document.find_payload(notebook)["results"]["title"] == "Tiny"
    last.outputs = []
    assert document.find_payload(notebook) is None


def test_hide_secrets_only_what_is_secret(monkeypatch):
    secrets = {"PGUSER": "postgres", "PGPASSWORD": "p@ss", "API_TOKEN": "t0ken", "OTHER_PASSWORD": "zzz"}
    secrets["MINE"] = "qu3ry"
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    addresses = ["postgres://${PGUSER}:${PGPASSWORD}@h/d", "postgres://${PGUSER}@h/d?password=${MINE}"]
    values = {"data": addresses, "note": "${API_TOKEN}", "seed": 7}
    hidden = json.loads(document.hide_secrets({"p@ss": ['"p@ss" p%40ss', 123.5, None, "t0ken zzz qu3ry"]}, values))
    assert hidden == {"${PGPASSWORD}": ['"${PGPASSWORD}" ${PGPASSWORD}', 123.5, None, "${API_TOKEN} zzz ${MINE}"]}


INFO = DataInfo("simulated", "planted", "simulation", None, 4, 4)
PUBLISHED = Results("tiny", "Tiny", "Is it?", "answered", INFO, {}, answer=("It is.",))


def test_check_parameters_of_the_notebook_in_this_folder(study, monkeypatch):
    monkeypatch.chdir(study.parent)
    namespace = {"seed": 8, "label": "so", "data": ["a.csv"], "other": 1}
    assert report.check_parameters("tiny", namespace) == {"seed": 8, "label": "so", "data": ["a.csv"]}
    with pytest.raises(Refused, match=r"^parameter seed: needs a whole number from 0 to 100; other text came$"):
        report.check_parameters("tiny", {**namespace, "seed": "8"})
    with pytest.raises(Refused, match=r"^tiny: the parameters cell does not set label, data; run it first$"):
        report.check_parameters("tiny", {"seed": 8})


def test_check_parameters_lets_tables_in_memory_through_and_tells_only_that_they_are(study, monkeypatch):
    monkeypatch.chdir(study.parent)
    frame = pd.DataFrame({"customer": ["ann"]})
    for table in (frame, pa.table(frame), ibis.memtable(frame)):
        found = report.check_parameters("tiny", {"seed": 8, "label": "so", "data": table})
        assert found == {"seed": 8, "label": "so", "data": "a table in memory"}
    with pytest.raises(Refused, match=r"^parameter label: needs text; a DataFrame came$"):
        report.check_parameters("tiny", {"seed": 8, "label": frame, "data": "simulated"})


def test_check_parameters_finds_the_notebook_elsewhere(study, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"seed": 8, "label": "so", "data": "simulated"}
    monkeypatch.setenv("STUDIES_NOTEBOOK", str(study))
    assert report.check_parameters("tiny", namespace) == namespace
    monkeypatch.delenv("STUDIES_NOTEBOOK")
    monkeypatch.setattr(paths, "NOTEBOOKS", study.parent)
    assert report.check_parameters("tiny", namespace) == namespace


def test_publish_displays_one_output_in_a_notebook_and_is_silent_elsewhere(monkeypatch, capsys):
    report.publish(PUBLISHED, {"seed": 7})
    assert capsys.readouterr().out == ""
    shown = []
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.setenv("STUDIES_RUN", "mine")
    report.publish(PUBLISHED, {"seed": 7})
    (published,) = (output[document.RESULTS_MIME] for output in shown)
    assert shown[0]["text/plain"] == "Tiny\nIt is."
    assert (published["results"]["run"], published["results"]["parameters"]) == ("mine", {"seed": 7})
    assert published["card"]["answer"] == "It is."
    assert published["files"]["summary.md"].startswith("# ")
    assert "scorecard.png" not in published["files"]  # nothing was estimated, so there is no picture
    assert json.loads(json.dumps(published)) == published


def test_report_imports_nothing_heavy():
    heavy = ("papermill", "nbconvert", "nbformat", "jupyter_client", "matplotlib", "pydantic")
    code = f"import sys; from helpers import report; report.render; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_page_of_findings_is_drawn_without_what_reads_data():
    mark = {"verdict": "clear benefit", "low": 0.01, "middle": 0.02, "high": 0.03}
    card = {"question": "Q", "answer": "A", "next": "", "mark": mark, "name": "one", "group": "yours", "kind": "yours"}
    card |= {"status": "answered", "failed": False, "date": "", "started": "", "href": "one/report.html"}
    code = f"import sys; from helpers.report import page; print('<svg' in page.render_index([{card}]))"
    code += "; print([name for name in ('pandas', 'ibis', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n[]\n"


def test_tell_refits_says_how_far_it_is_on_one_line(capsys):
    for done in (1, 2):
        report.tell_refits(done, 2)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "\rranking: 1 of 2 half-samples\rranking: 2 of 2 half-samples\n")
