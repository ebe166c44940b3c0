"""The runs of reports.yaml for real: rendered, one of them again by plain Papermill, and shared."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

from helpers.report.document import find_payload

ROOT = Path(__file__).resolve().parents[2]
RUNS = yaml.safe_load((ROOT / "notebooks" / "reports.yaml").read_text())
NAMES = [run["name"] for run in RUNS]


def list_displays(notebook):
    """Return what each cell of the report shows."""
    cells = [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", [])]
    data = [output["data"] for cell in cells for output in cell.get("outputs", []) if "data" in output]
    alone = re.compile(
        '<style>.*?</style><div class="studies[^>]*>(.*)</div>', re.DOTALL
    )  # where no page has the style
    return [alone.sub(r"\1", shown["text/html"]) for shown in data if "text/html" in shown]


def test_plain_papermill_shows_the_same_and_writes_nothing(reports, runs, tmp_path):
    # of a study of which any plan makes a report; the other notebooks have the same cells
    run = next(entry for entry in yaml.safe_load(runs.read_text()) if entry["study"] == "experiment")
    command = [sys.executable, "-m", "papermill", ROOT / "notebooks" / f"{run['study']}.ipynb", tmp_path / "out.ipynb"]
    for name, value in run["parameters"].items():
        command += ["-r" if isinstance(value, str) else "-p", name, str(value)]
    command.append("--no-progress-bar")
    before = sorted((ROOT / "reports").rglob("*"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    private = reports / ".private" / run["name"] / f"{run['study']}.ipynb"
    assert list_displays(executed) == list_displays(nbformat.read(private, as_version=4)) != []
    payload = find_payload(executed)["results"]
    results = json.loads((reports / run["name"] / "results.json").read_text())
    assert {key: payload[key] for key in results if key != "run"} == {k: v for k, v in results.items() if k != "run"}
    assert [file.name for file in tmp_path.iterdir()] == ["out.ipynb"]
    assert sorted((ROOT / "reports").rglob("*")) == before


@pytest.mark.parametrize("name", NAMES)
def test_report_is_one_small_file_without_an_outside_address(reports, name):
    text = (reports / name / "report.html").read_text()
    assert len(text) < 1_500_000
    assert not re.search(r"(?:src|href|action|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)
    assert "<script" not in text
    assert '<table class="rows' in text
    named = re.findall(r'role="img" aria-label="([^"]*)"', text)
    assert len(named) == text.count('<div class="card') and all(20 < len(name) <= 250 for name in named)


def test_second_command_has_nothing_to_do(reports, runs, run_studies):
    before = {file: file.stat().st_mtime_ns for file in reports.glob("*/report.html")}
    done = run_studies("report", "--runs", runs, "--out", reports)
    assert done.returncode == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_reports_may_be_shared(reports, run_studies, tmp_path):
    names = ("proactive_help", "validation", "ibm_telco")  # an experiment, one without data, a framework
    done = run_studies("share", *names, "--out", reports, "--to", tmp_path / "share.zip")
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(tmp_path / "share.zip") as archive:
        assert {f"{name}/report.html" for name in names} <= set(archive.namelist())


def test_simulated_logs_fit_and_no_report_doubts_them(reports):
    found = [json.loads(file.read_text()) for file in reports.glob("*/results.json")]
    simulated = [results for results in found if results["data"]["kind"] == "simulated"]
    told = [(r["run"], c["status"]) for r in simulated for c in r["checks"] if c["id"] == "events_fit"]
    assert len(told) >= 4 and {status for _, status in told} == {"pass"}, told


def test_next_steps_stay_private_and_definitions_lie_beside_the_report(reports):
    folder = reports
    private = folder / ".private" / "customer_milestones" / "next_steps.csv"
    header, *rows = private.read_text().splitlines()
    assert header == "unit,next_step,association" and 1000 < len(rows) < 2500  # customers at the end of the data
    assert (folder / ".private").stat().st_mode & 0o077 == 0
    unit = rows[0].split(",")[0]
    shared = [file for file in folder.rglob("*") if file.is_file() and not {".private", "guide"} & {*file.parts}]
    assert not [file for file in shared if unit.encode() in file.read_bytes()]
    for run in ("customer_milestones", "cdnow"):
        found = {file.name: file.read_text() for file in (folder / run / "definitions").iterdir()}
        assert sorted(found) == ["bigquery.sql", "duckdb.sql", "postgres.sql", "snowflake.sql"]
        assert all("SELECT" in text and text.endswith(";\n") for text in found.values())
    assert not (folder / "ibm_telco" / "definitions").exists()  # a snapshot has no milestone to define


def read_amounts(text, pattern):
    """Return the numbers that a pattern finds in a text."""
    found = re.search(pattern, text)
    assert found, pattern
    return [float(re.sub(r"[^\d.-]", "", number)) for number in found.groups()]


def test_money_in_an_answer_is_the_sum_of_what_is_printed_beside_it(reports):
    results = json.loads((reports / "live_support" / "results.json").read_text())
    text = " ".join(results["answer"])
    told = r"At ([\d,]+) sign-ups a year, each worth (\$[\d.]+) more, and a margin of ([\d.]+) %, .* brings"
    told += r" (-?\$[\d,]+) and takes ([\d,]+) paid agent hours at \$([\d.]+): ([+-]\$[\d,]+);"
    units, effect, margin, brings, hours, wage, net = read_amounts(text, told)
    assert brings == pytest.approx(effect * units * margin / 100, abs=1000)
    assert net == pytest.approx(brings - hours * wage, abs=1000)
    tables = results["tables"]
    at = {row["assumption"]: row["central"] for row in tables["assumptions"]}
    hours = {
        (row["units_per_year"], row["handling"], row["patience"]): row["extra_hours"] for row in tables["agent_hours"]
    }
    hours = hours[at["units a year"], 1, 1]
    assert at["agent hours a year"] == pytest.approx(hours / (1 - at["breaks and training"]))
    worth = at["units a year"] * at["value of one unit of the outcome"]
    year = tables["effect_readings"][0]["effect"] * worth - at["agent hours a year"] * at["cost of an agent hour"]
    assert [row["central"] for row in tables["money"]] == pytest.approx([year] * 3)
    assert {row["doubt"] for row in tables["tornado"]} >= {"effect", "handling time", "patience", "breaks and training"}
    cash = tables["cash"][-1]["cumulative"]
    told = r"cash stands at ([+-]\$[\d,]+); with the (-?\$[\d,]+) that its [^;]* it is the year[^ ]* ([+-]\$[\d,]+)"
    stands, later, year = read_amounts((reports / "live_support" / "report.html").read_text(), told)
    assert stands + later == year == net and stands == pytest.approx(cash, abs=500)


def test_money_of_the_links_is_the_sum_of_what_is_printed_beside_it(reports):
    text = " ".join(json.loads((reports / "proactive_help" / "results.json").read_text())["answer"])
    told = r"At ([\d,]+) workspaces a year, each worth (\$[\d.]+) more, and a margin of ([\d.]+) %, .*"
    told += r" bring (-?\$[\d,]+), less (\$[\d,]+) .*?: ([+-]\$[\d,]+) a year"
    units, effect, margin, brings, cost, net = read_amounts(text, told)
    assert brings == pytest.approx(effect * units * margin / 100, abs=1000)
    assert net == pytest.approx(brings - cost, abs=1000)
