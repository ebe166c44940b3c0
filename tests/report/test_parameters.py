"""The parameters cell: what its grammar reads, what text becomes, and what is refused with which words."""

import json
import math

import pytest
from sources_samples import tell_refusal
from tiny_study import write_notebook

from helpers.report.runs import FORM, Parameter, check_value, read_parameters, settle

CELL = """\
plan: str = "jobs_ii"  # ; ; name in notebooks/plans or path of a YAML file
data: str | list = "simulated"  # ; ; simulated, public:NAME, or files
n_units: int = 4_000  # [100, 1e6]; units; size of the simulation
lift: float = 0.02  # [, 1]; share; planted difference
method: str = "welch"  # {welch, permutation}; ; which test
shape: int = 1  # {1, 2}; ; which shape
show: bool = False  # ; ; whether it shows
grid: list = [0.1, 0.2]  # [0, 1]; share; baselines
price: list = [1, 2, 3]  # [0, ]; USD; of an hour: low, central, high
as_of: str = None  # ; ; last day; None means as planned
costs: str = "costs.csv"  # ; path; prices"""


@pytest.fixture
def declared(tmp_path):
    """Return the parameters of the cell above."""
    return read_parameters(write_notebook(tmp_path / "tiny.ipynb", parameters=CELL))


def test_read_parameters_grammar(declared):
    wanted = Parameter("n_units", ("int",), 4000, 100.0, 1e6, (), "units", "size of the simulation")
    assert declared["n_units"] == wanted
    assert declared["lift"].low == -math.inf and declared["lift"].high == 1
    assert declared["method"].choices == ("welch", "permutation")
    assert declared["shape"].choices == (1, 2)
    assert declared["data"].kinds == ("str", "list")
    assert declared["as_of"].meaning == "last day; None means as planned"
    assert [name for name, parameter in declared.items() if parameter.is_path] == ["plan", "data", "costs"]


@pytest.mark.parametrize("line", [
    "seed = 7  # ; ; no type",
    "seed: int = 7",
    "seed: int = 7  # the meaning alone",
    "seed: complex = 7  # ; ; no such type",
    "seed: int = 3 + len('a')  # ; ; not a literal",
    "seed: int = 7  # 1 to 9; ; not a range",
    "import os  # ; ; a statement",
])  # fmt: skip
def test_read_parameters_outside_grammar(tmp_path, line):
    notebook = write_notebook(tmp_path / "tiny.ipynb", parameters="a: int = 1  # ; ; a\n" + line)
    form = "write name: type = literal  # [low, high] or {a, b}; unit; meaning"
    assert tell_refusal(read_parameters, notebook) == f"notebook tiny.ipynb, parameters cell, line 2: {form}"


def test_read_parameters_default_outside_its_own_range(tmp_path):
    notebook = write_notebook(tmp_path / "tiny.ipynb", parameters="seed: int = 7  # [8, 9]; ; seed")
    assert tell_refusal(read_parameters, notebook) == "parameter seed: needs a whole number from 8 to 9; 7 came"


def test_read_parameters_not_a_notebook(tmp_path):
    file = tmp_path / "x.ipynb"
    message = "notebook x.ipynb: cannot be read; check the name, or save it in JupyterLab"
    assert tell_refusal(read_parameters, file) == message
    file.write_text("{")
    assert tell_refusal(read_parameters, file) == message
    file.write_text(json.dumps({"cells": []}))
    assert tell_refusal(read_parameters, file) == "notebook x.ipynb: needs one code cell tagged parameters; it has 0"
    notebook = write_notebook(file, parameters="a: int =")
    assert tell_refusal(read_parameters, notebook) == "notebook x.ipynb, parameters cell, line 1: " + FORM


@pytest.mark.parametrize(("name", "text", "value"), [
    ("plan", "00123", "00123"),  # text stays as written
    ("plan", "no", "no"),
    ("n_units", "5_000", 5000),
    ("lift", ".5", 0.5),
    ("lift", "1e-2", 0.01),
    ("show", "no", False),  # papermill hands the truthy text on
    ("show", "TRUE", True),
    ("shape", "2", 2),
    ("grid", ["0.5", "1"], [0.5, 1.0]),
    ("grid", "0.5", [0.5]),
    ("price", ["27.5", "30", "31"], [27.5, 30, 31]),  # whole numbers by default, yet money
    ("data", ["a.csv", "b.csv"], ["a.csv", "b.csv"]),
    ("data", "a.csv", "a.csv"),
    ("n_units", ["300"], 300),
    ("as_of", None, None),
    ("as_of", "2022-04-30", "2022-04-30"),
])  # fmt: skip
def test_settle_types(declared, name, text, value):
    found = settle(declared, {name: text}, study="tiny")[name]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("name", "text", "message"), [
    ("n_units", "5.0", "needs a whole number from 100 to 1000000; other text came"),
    ("n_units", "7", "needs a whole number from 100 to 1000000; 7 came"),
    ("n_units", "", "needs a whole number from 100 to 1000000; empty text came"),
    ("n_units", ["1", "2"], "needs a whole number from 100 to 1000000; a list of 2 came"),
    ("n_units", None, "needs a whole number from 100 to 1000000; nothing came"),
    ("lift", "nan", "needs a number, at most 1; other text came"),
    ("lift", "1e999", "needs a number, at most 1; inf came"),
    ("method", "permutatoin", "needs one of welch, permutation; other text came"),
    ("show", "perhaps", "needs true or false; other text came"),
    ("grid", ["0.5", "2"], "needs a list of numbers in rising order from 0 to 1; a list of 2 came"),
    ("grid", ["0.5", "0.1"], "needs a list of numbers in rising order from 0 to 1; a list of 2 came"),
    ("grid", [], "needs a list of numbers in rising order from 0 to 1; a list of 0 came"),
    ("grid", "x", "needs a list of numbers in rising order from 0 to 1; a list of 1 came"),
    ("price", "30", "needs a list of three numbers in rising order, at least 0; a list of 1 came"),
    ("price", ["2", "3", "x"], "needs a list of three numbers in rising order, at least 0; a list of 3 came"),
])  # fmt: skip
def test_settle_refusals(declared, name, text, message):
    assert tell_refusal(settle, declared, {name: text}, study="tiny") == f"parameter {name}: {message}"


def test_settle_unknown_name(declared):
    known = "it has: plan, data, n_units, lift, method, shape, show, grid, price, as_of, costs"
    for name, cure in (("n_unit", "did you mean n_units?"), ("x=1; import os", known)):
        told = tell_refusal(settle, declared, {name: "5"}, study="tiny")
        assert told == f"tiny has no parameter '{name}'; {cure}"


def test_check_value_of_a_running_notebook(declared):
    assert check_value(declared["lift"], 1) == 1
    for name, value, told in (
        ("show", "no", "needs true or false; other text came"),
        ("plan", 123, "needs text; 123 came"),
        ("plan", {"a": 1}, "needs text; a dict came"),
        ("n_units", True, "needs a whole number from 100 to 1000000; true came"),
    ):
        assert tell_refusal(check_value, declared[name], value) == f"parameter {name}: {told}"


@pytest.mark.parametrize("value", ["yesterday", "2022-04-31", "30/04/2022", ""])
def test_check_value_asks_for_a_day_where_the_unit_is_a_date(value):
    day = Parameter("as_of", ("str",), None, unit="date (YYYY-MM-DD)")
    assert check_value(day, "2022-04-30") == "2022-04-30"
    told = "parameter as_of: needs a day of the calendar such as 2022-04-30; other text came"
    assert tell_refusal(check_value, day, value) == told
