"""Every notebook, found by pattern, keeps the form that makes it readable, safe to commit and safe to inject into."""

import ast
import json
import re
from pathlib import Path

import pytest

from helpers.report import read_parameters

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HEADINGS = ["What this cannot show", "Can I trust it?", "For the statistician", "Explore from here"]
EXPERT = ["Design", "Method and sources", "Run record"]
RESULT = re.compile(r"\bp\s*[=<]\s*\.?\d|\d\s*%|\[-?\d+(?:\.\d+)?,\s*-?\d+(?:\.\d+)?\]|[+-]\d+(?:\.\d+)? points")


@pytest.fixture(params=NOTEBOOKS, ids=lambda file: file.stem)
def notebook(request):
    """Return the content of each notebook in turn."""
    return json.loads(request.param.read_text(encoding="utf-8"))


def list_code(notebook):
    """Return the code cells with their source as one text."""
    return [(cell, "".join(cell["source"])) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def list_tags(cell):
    """Return a cell's tags."""
    return cell["metadata"].get("tags", [])


def list_prose(notebook):
    """Return the text of each markdown cell."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebook_parameters_follow_the_grammar_and_say_what_they_mean(file):
    for parameter in read_parameters(file).values():
        assert parameter.meaning, parameter.name


def test_notebook_holds_no_outputs_and_no_trace_of_a_run(notebook):
    for cell, _ in list_code(notebook):
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
    kept = [notebook["metadata"], *(cell["metadata"] for cell in notebook["cells"])]
    assert not [data for data in kept if {"papermill", "execution", "widgets"} & set(data)]


def test_notebook_is_of_the_form_that_every_tool_opens(notebook):
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))


def test_notebook_code_is_short_and_defines_nothing(notebook):
    for cell, source in list_code(notebook):
        assert len(source.splitlines()) <= 10 or "parameters" in list_tags(cell), source
        made = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While)
        assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, made)], source


def test_notebook_begins_with_its_title_and_its_parameters(notebook):
    title, parameters = notebook["cells"][:2]
    assert "title" in list_tags(title)
    assert "".join(title["source"]).startswith("# ")
    assert "parameters" in list_tags(parameters)


def list_headings(notebook, mark):
    """Return the headings of one level, in order."""
    lines = [line for text in list_prose(notebook) for line in text.splitlines()]
    return [line.removeprefix(mark).strip() for line in lines if line.startswith(mark)]


def test_notebook_has_the_headings_in_order(notebook):
    assert [heading for heading in list_headings(notebook, "## ") if heading in HEADINGS] == HEADINGS
    assert [heading for heading in list_headings(notebook, "### ") if heading in EXPERT] == EXPERT


def test_notebook_answers_first(notebook):
    left_out = {"remove-cell", "parameters"}
    shown = [source for cell, source in list_code(notebook) if not left_out & set(list_tags(cell))]
    assert shown[0] == "masthead(results)"


def test_notebook_ends_by_publishing(notebook):
    assert list_code(notebook)[-1][1] == "report.publish(results, parameters)"


def test_notebook_keeps_set_up_and_exploring_out_of_the_report(notebook):
    shown = [source for cell, source in list_code(notebook) if "remove-cell" not in list_tags(cell)]
    shown = [source for source in shown if "parameters:" not in source and not source.startswith("report.publish")]
    assert not [source for source in shown if "import " in source]
    exploring = next(cell for cell in notebook["cells"] if "".join(cell["source"]).startswith("## Explore"))
    assert "remove-cell" in list_tags(exploring)


def test_notebook_types_no_result(notebook):
    assert not [found[0] for text in list_prose(notebook) for found in RESULT.finditer(text)]
