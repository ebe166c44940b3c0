"""Results as plain data: results.json, the tables and files beside it, equal for equal results, without a secret."""

from __future__ import annotations

import base64
import copy
import json
import os
import re
from dataclasses import asdict, fields
from pathlib import Path
from urllib.parse import quote, urlsplit

from helpers.records import Check, Claim, Estimate, Test
from helpers.report.parameters import PATHS
from helpers.view.html import make_plain, write_csv

RESULTS_MIME = "application/vnd.support-studies.results+json"
PRIVATE_MIME = "application/vnd.support-studies.private+json"
TEXT_MIME = "application/vnd.support-studies.text+json"
PRIVATE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
TEXT_NAME = re.compile(r"(?!tables/)[a-z][a-z0-9_]{0,63}/[a-z0-9][a-z0-9_-]{0,63}\.(sql|txt)")
FILE_NAME = re.compile(r"summary\.md|scorecard\.png")
NAMES = {
    PRIVATE_MIME: (PRIVATE_NAME, "give letters, digits and _, such as next_steps"),
    TEXT_MIME: (TEXT_NAME, "give a folder (not tables) and a file that ends in .sql or .txt"),
    RESULTS_MIME: (FILE_NAME, "give summary.md or scorecard.png"),
}
SCHEMA = 1
DATA_KEYS = ("kind", "note", "source", "sha256", "rows", "units", "units_by_variant")
PLAN_KEYS = {"file": None, "sha256": None, "departures": ()}
RECORDS = {"estimates": Estimate, "tests": Test, "checks": Check, "claims": Claim}
KEPT_WHEN_WITHHELD = ("metrics",)
NEEDED = ("estimate", "ci_low", "ci_high", "p_value")
BEYOND_JSON = ("question", "as_of", "columns", "card", "files")
SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY", re.I)
REFERENCE = re.compile(r"(:|(?:password|pwd|token)=)?\$\{(\w+)\}(@?)", re.I)


def describe_results(results, parameters, *, run) -> dict:
    """Return what results.json holds, with `question`, `as_of` and the tables' `columns` beside it.

    Figures have 10 significant digits; what is undefined is None. Of withheld results no effect is left.

    Parameters
    ----------
    results : Results
    parameters : dict
    run : str
        Name of the run.

    Returns
    -------
    dict: JSON types only; `split_payload` takes the extra keys off again
    """
    withheld = results.status == "withheld"
    tables = {
        name: frame.iloc[:0] if withheld and name not in KEPT_WHEN_WITHHELD else frame
        for name, frame in results.tables.items()
    }
    told = {
        "schema": SCHEMA,
        "study": results.study,
        "run": run,
        "title": results.title,
        "status": results.status,
        "answer": results.answer,
        "data": {key: getattr(results.data, key) for key in DATA_KEYS},
        "parameters": {name: _shown(name, value) for name, value in parameters.items()},
        "plan": {key: results.plan.get(key, default) for key, default in PLAN_KEYS.items()},
        "checks": [asdict(check) for check in results.checks],
        "estimates": [] if withheld else [_estimate(estimate) for estimate in results.estimates],
        "tests": [] if withheld else [asdict(test) for test in results.tests],
        "claims": [_claim(claim, withheld) for claim in results.claims],
        "tables": {name: frame.to_dict("records") for name, frame in tables.items()},
        "question": results.question,
        "as_of": results.as_of,
        "columns": {name: list(map(str, frame.columns)) for name, frame in tables.items()},
    }
    return make_plain(told)


def split_payload(payload, *, run) -> tuple[dict, dict]:
    """Return the content of results.json under the run's name, and the rest of what was published."""
    results = {key: value for key, value in payload.items() if key not in BEYOND_JSON}
    return {**results, "run": run}, {key: payload[key] for key in BEYOND_JSON if key in payload}


def find_payload(notebook) -> dict | None:
    """Return what the notebook published, when its last code cell was reached; None otherwise."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if not cells or cells[-1].execution_count is None:
        return None
    found = _list_data(notebook, RESULTS_MIME)
    return found[-1] if found else None


def list_files(results, extra, notebook) -> tuple[dict, dict]:
    """Return the files that go beside the report, bytes by name, and those of the private folder, text by name.

    Of withheld results there are no kept files and no scorecard.

    Parameters
    ----------
    results, extra : dict
        From `split_payload`.
    notebook : NotebookNode, executed

    Raises
    ------
    ValueError: a name that leaves its folder or could take the place of another file.
    """
    texts = {check_name(TEXT_MIME, kept["name"]): kept["text"] for kept in _list_data(notebook, TEXT_MIME)}
    rows = {check_name(PRIVATE_MIME, kept["name"]): kept["text"] for kept in _list_data(notebook, PRIVATE_MIME)}
    published = {check_name(RESULTS_MIME, name): text for name, text in extra.get("files", {}).items()}
    if results["status"] == "withheld":
        texts, rows = {}, {}
        published.pop("scorecard.png", None)
    texts |= {f"tables/{name}": text for name, text in write_tables(results, extra["columns"]).items()}
    texts |= {"results.json": write_json(results), **published}
    shared = {n: base64.b64decode(text) if n.endswith(".png") else text.encode() for n, text in texts.items()}
    return shared, {f"{name}.csv": text for name, text in rows.items()}


def check_name(mime, name) -> str:
    """Return the name of a kept file.

    Raises
    ------
    ValueError: it leaves its folder or could take the place of another file.
    """
    pattern, cure = NAMES[mime]
    if not pattern.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file that is kept; {cure}")
    return name


def write_json(content) -> str:
    """Return JSON text, equal for equal content."""
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write_tables(results, columns) -> dict[str, str]:
    """Return the text of every CSV file, by file name: each table, and estimates, tests, checks and claims.

    Of withheld results only the header lines are left.
    """
    headers = {name: [field.name for field in fields(kind)] for name, kind in RECORDS.items()} | columns
    rows = {name: results[name] for name in RECORDS} | results["tables"]
    if results["status"] == "withheld":
        rows = dict.fromkeys(rows, ())
    return {f"{Path(name).name}.csv": write_csv(rows[name], header) for name, header in headers.items() if header}


def strip_run(notebook):
    """Return a copy that equal runs share: no injected cell, no times, no warnings with their temporary paths.

    Files that cells keep are no part of it, as they may hold one row a unit.
    """
    kept = copy.deepcopy(notebook)
    kept.metadata.pop("papermill", None)
    kept.cells = [cell for cell in kept.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in kept.cells:
        cell.metadata.pop("papermill", None)
        if cell.cell_type == "code":
            shown = [output for output in cell.outputs if output.get("name") != "stderr"]
            cell.outputs = [o for o in shown if not {PRIVATE_MIME, TEXT_MIME} & set(o.get("data", {}))]
    return kept


def hide_secrets(content, values):
    """Return the content with every secret of the environment that the parameters name replaced by its `${NAME}`.

    Parameters
    ----------
    content : anything that JSON can hold, or a notebook
    values : dict
        The run's parameters; `${NAME}` counts where it stands for a password, or its name says so.
    """
    named = [match for value in values.values() for match in REFERENCE.finditer(str(value))]
    names = {m[2] for m in named if (m[1] and (m[3] or m[1] != ":")) or SECRET.search(m[2])}
    for name in sorted(names):
        secret = os.environ.get(name, "")
        for form in {secret, quote(secret, safe="")} if len(secret) > 2 else ():
            content = _replaced(content, form, f"${{{name}}}")
    return content


def _replaced(content, secret, name):
    if isinstance(content, str):
        return content.replace(secret, name)
    if isinstance(content, list):
        return [_replaced(item, secret, name) for item in content]
    if isinstance(content, dict):
        items = ((_replaced(key, secret, name), _replaced(item, secret, name)) for key, item in content.items())
        return type(content)(items)
    return content


def _list_data(notebook, mime):
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [data[mime] for data in outputs if mime in data]


def _estimate(estimate):
    plain = make_plain(asdict(estimate))
    undefined = [key for key in NEEDED if plain[key] is None and not (plain["ci_set"] is not None and "ci" in key)]
    if undefined and not plain["reason"]:
        plain["reason"] = f"{' and '.join(undefined)} not defined here"
    return plain


def _claim(claim, withheld):
    hidden = {"estimate_id": None, "estimate": None, "ci_low": None, "ci_high": None}
    hidden |= {"verdict": "not tested by this run", "reason": "the answer is withheld"}
    return asdict(claim) | (hidden if withheld else {})


def _shown(name, value):
    """Return a parameter as a record may hold it: base name of a path, scheme and host of an address."""
    if isinstance(value, list):
        return [_shown(name, item) for item in value]
    if not isinstance(value, str):
        return value
    if "://" in value:
        address = urlsplit(value)
        place = f"{address.hostname}{address.path}" if address.hostname else Path(address.path).name
        return f"{address.scheme}://{place}"
    if value.startswith("duckdb:"):
        return f"duckdb:{Path(value[7:]).name}"
    return Path(value).name if value.startswith(("/", "~")) or name in PATHS else value
