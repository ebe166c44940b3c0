"""A user at the command line: `studies(...)` gives exit status, output and message; small notebooks and reports."""

import hashlib
import json

import nbformat
import pandas as pd
import pytest

from helpers import cli, paths

PARAMETERS = """\
plan: str = "plan.yaml"  # ; path; what was decided
data: str | list = "simulated"  # ; path; the table
seed: int = 7  # [0, 99]; ; seed of the random numbers
effect: float | None = None  # [, 1]; points; planted effect
as_of: str = None  # ; date; last day
scheme: str = "light"  # {light, dark}; ; colours
"""


FILES = ["report.html", "results.json", "tables/estimates.csv"]


@pytest.fixture
def studies(capsys):
    """Return a function that runs one command in this process: (exit status, output, message)."""

    def run(*arguments):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse
            status = stopped.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def write_notebook():
    """Return a function that writes a notebook; `given` is what Papermill notes of one that it has executed."""

    def write(file, parameters=PARAMETERS, given=None):
        cells = [nbformat.v4.new_markdown_cell("# Does it pay?", metadata={"tags": ["title"]})]
        cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        metadata = {"papermill": {"parameters": given}} if given else {}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), file)

    return write


@pytest.fixture
def notebooks(tmp_path, monkeypatch, write_notebook):
    """Return a folder of notebooks with one study, `small`, and one run of it, in the place of the repository's."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "small.ipynb")
    (folder / "reports.yaml").write_text("- {name: first, study: small, parameters: {seed: 8}}\n")
    monkeypatch.setattr(paths, "NOTEBOOKS", folder)
    monkeypatch.setattr(paths, "RUNS", folder / "reports.yaml")
    return folder


@pytest.fixture
def table(tmp_path):
    """Return a CSV of 40 customers in two variants, with a column of every kind."""
    columns = {
        "customer_id": [f"cust-{i:04d}" for i in range(40)],
        "variant": ["new", "old"] * 20,
        "activated": [i % 3 % 2 for i in range(40)],
        "tickets": [i % 4 for i in range(40)],
        "revenue": [i / 2 for i in range(40)],
        "joined": [f"2024-01-{i % 28 + 1:02d}" for i in range(40)],
        "country": [("IT", "DE")[i % 5 % 2] for i in range(40)],
        "note": [f"free text {i}" for i in range(40)],
    }
    file = tmp_path / "customers.csv"
    pd.DataFrame(columns).to_csv(file, index=False)
    return file


@pytest.fixture
def sign():
    """Return a function that writes run.json as a run that had left these files as they stand."""

    def write(out, files=FILES):
        sums = {name: hashlib.sha256((out / "mine" / name).read_bytes()).hexdigest() for name in files}
        (out / "mine" / "run.json").write_text(json.dumps({"question": "Q?", "files": sums}))

    return write


@pytest.fixture
def reports(tmp_path, table, write_notebook, sign):
    """Return a folder with one finished report, `mine`, of the table, as a run leaves it."""
    (tmp_path / "plan.yaml").write_text(
        "kind: experiment\ntitle: T\nquestion: Q?\nunit_id: customer_id\n"
        "variant: {column: variant, control: old, treatments: [new]}\n"
        "metrics:\n  activated: {kind: binary, role: primary, better: higher}\n"
    )
    out = tmp_path / "reports"
    (out / "mine" / "tables").mkdir(parents=True)
    (out / ".private" / "mine").mkdir(parents=True)
    given = {"plan": str(tmp_path / "plan.yaml"), "data": str(table)}
    write_notebook(out / ".private" / "mine" / "executed.ipynb", given=given)
    results = {"study": "experiment", "title": "T", "status": "answered", "answer": ["No clear difference."]}
    results |= {"data": {"kind": "yours"}, "estimates": [], "claims": [], "tables": {}}
    (out / "mine" / "results.json").write_text(json.dumps(results))
    (out / "mine" / "report.html").write_text("<html><body><p>No clear difference.</p></body></html>")
    (out / "mine" / "tables" / "estimates.csv").write_text("metric,n_control\nactivated,20\n")
    sign(out)
    return out
