"""A study of three cells that is quick to run, and what its runs leave."""

import json
from pathlib import Path

import nbformat

from helpers.report.document import RESULTS_MIME

PARAMETERS = """\
seed: int = 7  # [0, 100]; ; start of the random numbers
label: str = "so"  # ; ; word of the answer
data: str | list = "simulated"  # ; ; simulated, or files"""
SETUP = """\
import os
from helpers import report
from helpers.records import DataInfo, Results
parameters = report.check_parameters("{study}", globals())"""
COMPUTE = """\
data_info = DataInfo("simulated", "planted", "simulation", None, 4, 4, {{"a": 2, "b": 2}})
results = Results("{study}", "Tiny", "Is it?", "answered", data_info, {{}}, answer=(f"It is {{label}} {{seed}}.",))
{code}"""
UNSEEN = "raise ValueError('no report shows what it does')"
LAST = "report.publish(results, parameters)"


def write_notebook(file, *, code="", parameters=PARAMETERS):
    """Write a notebook whose second section does what the code says."""
    sources = [
        ("markdown", "# Is it?"),
        ("code", parameters),
        ("markdown", "## Set up"),
        ("code", SETUP.format(study=file.stem)),
        ("markdown", "## Compute"),
        ("code", COMPUTE.format(study=file.stem, code=code)),
        ("markdown", "## Run record"),
        ("code", UNSEEN),
        ("code", LAST),
    ]
    cells = [
        (nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell)(source, id=f"cell-{place}")
        for place, (kind, source) in enumerate(sources)
    ]
    cells[1].metadata["tags"] = ["parameters"]
    cells[-2].metadata["tags"] = ["remove-cell", "skip-execution"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), file)
    return file


def payload(run, *, card=None, files=None, columns=None, **changes):
    """Return what the tiny study publishes."""
    data = {"kind": "simulated", "note": "", "source": "", "sha256": None, "rows": 4, "units": 4}
    told = {"schema": 1, "study": "tiny", "run": run.name, "title": "Tiny", "status": "answered", "answer": ["It is."]}
    told |= {"data": {**data, "units_by_variant": {}}, "parameters": dict(run.values)}
    told |= {"plan": {"file": None, "sha256": None, "departures": []}}
    told |= {name: [] for name in ("checks", "estimates", "tests", "claims")} | {"tables": {}}
    beside = {"as_of": "2024-03-31", "columns": columns or {}, "card": card or {}, "files": files or {}}
    return {"results": {**told, **changes}, **beside}


def execute(run, **changes):
    """Return the notebook that Papermill would have left of the tiny study."""
    notebook = nbformat.read(run.notebook, as_version=4)
    for count, cell in enumerate(notebook.cells):
        cell.metadata["papermill"] = {"duration": 0.1}
        if cell.cell_type == "code":
            cell.execution_count = count
    notebook.cells[-1].outputs = [nbformat.v4.new_output("display_data", {RESULTS_MIME: payload(run, **changes)})]
    return notebook


def read_all(folder):
    """Return every file under a folder, by relative path."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(Path(folder).rglob("*")) if f.is_file()}


def read_json(file):
    """Return what a JSON file holds."""
    return json.loads(Path(file).read_text())
