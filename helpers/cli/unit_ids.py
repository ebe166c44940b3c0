"""The unit ids of a run's own data, looked up where the data is, so that a shared file can be searched for them."""

import ast
import json

import ibis

from helpers import plan as plans
from helpers import sources
from helpers.records import Refused
from helpers.report.folders import private_folder

MIN_CELL = 10


def read_values(out, name):
    """Return the parameters that a run was made with, from its executed notebook in the private folder.

    Parameters
    ----------
    out : Path
        Folder of the reports.
    name : str

    Returns
    -------
    dict of str to value

    Raises
    ------
    Refused: the executed notebook is gone, so that nobody can tell which data the report is from.
    """
    found = sorted(private_folder(out, name).glob("*.ipynb"))
    if not found:
        raise Refused(f"{name}: its executed notebook is gone; studies report {name} --force makes it anew")
    values = {}
    for cell in json.loads(found[0].read_text(encoding="utf-8"))["cells"]:
        if {"parameters", "injected-parameters"} & set(cell["metadata"].get("tags", [])):
            values |= _read_literals("".join(cell["source"]))
    return values


def find_unit_ids(values, words, *, run, study):
    """Return which words are unit ids of the run's data, with the id's column and the smallest cell of its plan.

    Parameters
    ----------
    values : dict
        The run's parameters; without a plan there are no units.
    words : set of str
        What could be ids.
    run, study : str

    Returns
    -------
    set of str, str, int

    Raises
    ------
    Refused: the data cannot be read any more, so that nobody can tell.
    """
    if not values.get("plan"):
        return set(), "", MIN_CELL
    design = plans.read(values["plan"], kind=None).design
    simulation = {"study": study} | {key: values[key] for key in ("n_units", "seed") if values.get(key) is not None}
    given = {name: values[name] for name in ("table", "events", "events_table") if values.get(name)}
    try:
        units = _load_units(design, values["data"], simulation=simulation, **given)
    except Refused as error:
        raise Refused(f"{run}: its data cannot be read again to look for unit ids ({error})") from None
    wanted = ibis.memtable({"word": sorted(words) or [""]}, schema={"word": "string"})
    same = units.select(word=units.unit.strip()).semi_join(wanted, "word").distinct()
    return set(same.to_pyarrow().column("word").to_pylist()), design.unit_id, values.get("min_cell") or design.min_cell


def _load_units(design, data, **given):
    """Return the table with one row a unit, or a framework's account."""
    if design.kind == "framework":
        return sources.load_accounts(design, data, **given).accounts
    return sources.load(design, data, **given).units


def _read_literals(source):
    """Return the names that a cell sets to literals."""
    values = {}
    for statement in ast.parse(source).body:
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        values[target.id] = ast.literal_eval(statement.value)
    return values
