"""A user at the command line: `studies(...)` gives exit status, output and message; small notebooks and reports."""

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
def notebooks(tmp_path, monkeypatch):
    """Return a folder of notebooks with one study, `small`, and one run of it, in the place of the repository's."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "small.ipynb", PARAMETERS)
    (folder / "reports.yaml").write_text("- {name: first, study: small, parameters: {seed: 8}}\n")
    monkeypatch.setattr(paths, "NOTEBOOKS", folder)
    monkeypatch.setattr(paths, "RUNS", folder / "reports.yaml")
    return folder


@pytest.fixture
def table(tmp_path):
    """Return a CSV of 40 customers in two variants, with a column of every kind."""
    rows = [
        {
            "customer_id": f"cust-{i:04d}",
            "variant": ("new", "old")[i % 2],
            "activated": i % 3 % 2,
            "tickets": i % 4,
            "revenue": i / 2,
            "joined": f"2024-01-{i % 28 + 1:02d}",
            "country": ("IT", "DE")[i % 5 % 2],
            "note": f"free text {i}",
        }
        for i in range(40)
    ]
    file = tmp_path / "customers.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    return file


@pytest.fixture
def reports(tmp_path, table):
    """Return a folder with one finished report, `mine`, of the table, as a run leaves it."""
    (tmp_path / "plan.yaml").write_text(
        "kind: experiment\ntitle: T\nquestion: Q?\nunit_id: customer_id\n"
        "variant: {column: variant, control: old, treatments: [new]}\n"
        "metrics:\n  activated: {kind: binary, role: primary, better: higher}\n"
    )
    out = tmp_path / "reports"
    (out / "mine" / "tables").mkdir(parents=True)
    (out / ".private" / "mine").mkdir(parents=True)
    injected = f"# Parameters\nplan = {str(tmp_path / 'plan.yaml')!r}\ndata = {str(table)!r}\n"
    write_notebook(out / ".private" / "mine" / "executed.ipynb", PARAMETERS, injected)
    results = {"study": "experiment", "title": "T", "status": "answered", "answer": ["No clear difference."]}
    results |= {"data": {"kind": "yours"}, "estimates": [], "claims": [], "tables": {}}
    (out / "mine" / "results.json").write_text(json.dumps(results))
    (out / "mine" / "report.html").write_text("<html><body><p>No clear difference.</p></body></html>")
    (out / "mine" / "tables" / "estimates.csv").write_text("metric,n_control\nactivated,20\n")
    (out / "mine" / "run.json").write_text(json.dumps({"question": "Q?"}))
    return out


def write_notebook(file, *sources):
    """Write a notebook of a title, a parameters cell and, where given, an injected one."""
    cells = [nbformat.v4.new_markdown_cell("# Does it pay?", metadata={"tags": ["title"]})]
    for tag, source in zip(("parameters", "injected-parameters"), sources, strict=False):
        cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
