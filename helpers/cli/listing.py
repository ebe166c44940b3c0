"""The commands `studies list` and `studies describe`: what there is to run, and what it may be told."""

import json
import textwrap

from helpers import paths
from helpers.plan import ExperimentPlan, FrameworkPlan
from helpers.report import read_parameters, read_runs
from helpers.report.runs import find_notebook

PLANNED = {*ExperimentPlan.model_fields, *FrameworkPlan.model_fields}


def list_all(arguments):
    """Print the runs of reports.yaml, then the studies with the heading of their notebook."""
    runs = read_runs(arguments.runs)
    print("Runs: studies report RUN ...")
    _print_table([(run.name, run.study, _list_given(run)) for run in runs])
    print("Studies: studies report STUDY --name NAME -p KEY=VALUE ...")
    _print_table([(file.stem, _read_title(file)) for file in sorted(paths.NOTEBOOKS.glob("*.ipynb"))])


def describe_study(arguments):
    """Print a study's parameters: name, type, default, range, unit, meaning."""
    notebook = find_notebook(arguments.study, base=paths.NOTEBOOKS)
    print(f"{arguments.study}: {_read_title(notebook)}")
    rows = [("parameter", "type", "default", "range", "unit", "meaning")]
    for p in read_parameters(notebook).values():
        missing = "as planned" if p.name in PLANNED else "none"
        default = missing if p.default is None else json.dumps(p.default, ensure_ascii=False)
        rows.append((p.name, "|".join(p.kinds), default, _write_range(p), p.unit, p.meaning))
    _print_table(rows)


def _print_table(rows):
    """Print rows in aligned columns; the last column wraps under itself."""
    rows = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    indent = " " * (2 + sum(widths) + 2 * len(widths))
    for row in rows:
        start = "  " + "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
        wrapped = textwrap.wrap(row[-1], max(40, 118 - len(indent)), break_long_words=False) or [""]
        print(f"\n{indent}".join([(start + wrapped[0]).rstrip(), *wrapped[1:]]))


def _write_range(parameter):
    if parameter.choices:
        return "{" + ", ".join(map(str, parameter.choices)) + "}"
    if parameter.low is None and parameter.high is None:
        return ""
    low, high = ("" if bound is None else f"{bound:.10g}" for bound in (parameter.low, parameter.high))
    return f"[{low}, {high}]"


def _list_given(run):
    """Return a run's own parameters in one line."""
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in run.given.items())


def _read_title(notebook):
    """Return the first heading of a notebook, or nothing."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = [line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).splitlines()]
    return next((line.lstrip("# ").strip() for line in lines if line.startswith("#")), "")
