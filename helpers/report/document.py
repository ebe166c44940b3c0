"""What a notebook's cells call, and the files that become of it: results.json, tables, kept texts, without a secret."""

import base64
import json
import os
import re
import sys
from dataclasses import fields
from pathlib import Path
from urllib.parse import quote, urlsplit

from helpers import paths
from helpers.records import Refused
from helpers.report.runs import check_value, read_parameters
from helpers.report.store import PATHS, ROWS
from helpers.view.html import make_plain, write_csv

RESULTS_MIME = "application/vnd.support-studies.results+json"
KEPT_MIME = "application/vnd.support-studies.kept+json"
KEPT = re.compile(
    r"private/[a-z][a-z0-9_]{0,63}\.csv|(?!tables/|private/)[a-z][a-z0-9_]{0,63}/[a-z0-9][a-z0-9_-]{0,63}\.(sql|txt|yaml)"
)
DATA_KEYS = ("kind", "note", "source", "sha256", "rows", "units", "units_by_variant")
PLAN_KEYS = {"file": None, "sha256": None, "departures": ()}
KEPT_WHEN_WITHHELD = ("metrics",)
NEEDED = ("estimate", "ci_low", "ci_high", "p_value")
SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY", re.I)
REFERENCE = re.compile(r"(:|(?:password|pwd|token)=)?\$\{(\w+)\}(@?)", re.I)
JSON_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')


def check_parameters(study, namespace) -> dict:
    """Return the parameters of a running notebook, by name, each checked against its declaration.

    The notebook is the one in this folder, the one that the runner names, or that of notebooks/.

    Parameters
    ----------
    study : str
        Name of the notebook.
    namespace : dict
        The notebook's `globals()`.

    Returns
    -------
    dict: every declared parameter with its present value. In a live session `data` and `events` may be tables in
        memory, and `plan` a dict; of them the dict tells only that they are.

    Raises
    ------
    Refused: one is missing, of another type, out of range, or not a choice.
    """
    beside = Path(f"{study}.ipynb")
    declared = read_parameters(beside if beside.is_file() else paths.notebook_file(study))
    lost = [name for name in declared if name not in namespace]
    if lost:
        raise Refused(f"{study}: the parameters cell does not set {', '.join(lost)}; run it first")
    in_memory = {name: _name_in_memory(name, namespace[name]) for name in declared}
    return {name: in_memory[name] or check_value(given, namespace[name]) for name, given in declared.items()}


def _name_in_memory(name, value):
    """What stands for a value that no text can give, where a notebook takes one."""
    from helpers.sources.addresses import is_frame  # a runner starts without pydantic

    if name in ("data", "events") and is_frame(value):
        return "a table in memory"
    return "a dict" if name == "plan" and isinstance(value, dict) else None


def tell_refits(done, total) -> None:
    """Show in a running notebook how far the ranking of features is; a report holds nothing of it.

    Parameters
    ----------
    done, total : int, half-samples
    """
    print(f"\rranking: {done} of {total} half-samples", end="\n" if done == total else "", file=sys.stderr, flush=True)


def publish(results, parameters) -> None:
    """Display results as one output that the runner reads; its presence says that the notebook ran to its end.

    With them go what lies beside the report: the answer as text, the scorecard as a picture, and a row of the gallery.

    Parameters
    ----------
    results : Results
    parameters : dict
        What `check_parameters` returned. Of a path or an address only what may be shown is kept.
    """
    from helpers.view import record

    files, picture = {"summary.md": record.write_summary(results)}, record.draw_scorecard(results)
    if picture:
        files["scorecard.png"] = base64.b64encode(picture).decode()
    payload = describe_results(results, parameters) | {"card": make_plain(record.make_card(results)), "files": files}
    _display({RESULTS_MIME: payload}, "\n".join([results.title, *results.answer]))


def keep_private(name, frame) -> None:
    """Display a table with one row a unit as an output that only the runner reads, into the private folder.

    It is written to reports/.private/RUN/NAME.csv and stands in no other file but the executed notebook beside it. In
    JupyterLab and in plain Papermill nothing is written, and the output holds no row.

    Parameters
    ----------
    name : str, letters, digits and _
    frame : DataFrame, one row a unit

    Raises
    ------
    ValueError: another name.
    """
    keep_text(f"private/{name}.csv", write_csv(frame.to_dict("records"), [str(column) for column in frame.columns]))


def keep_text(name, text) -> None:
    """Display a text as an output that the runner writes beside the report, as reports/RUN/NAME; it may be shared.

    Anybody else sees the name alone.

    Parameters
    ----------
    name : str, a folder and a file, such as definitions/duckdb.sql
    text : str

    Raises
    ------
    ValueError: a name that leaves the run's folder or could take the place of another file.
    """
    if not KEPT.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file that is kept; give one such as definitions/duckdb.sql")
    kept = {KEPT_MIME: {"name": name, "text": text}} if "STUDIES_RUN" in os.environ else {}
    _display(kept, f"{name}: {len(text.splitlines()):,} lines, which `studies report` keeps")


def keep_definitions(results) -> None:
    """Display the milestones as SQL, one text a database, which the runner writes as definitions/DATABASE.sql.

    Parameters
    ----------
    results : Results, table `definitions`; nothing is kept without it.
    """
    if "definitions" in results.tables:
        for dialect, part in results.tables["definitions"].groupby("dialect", sort=False):
            keep_text(f"definitions/{dialect}.sql", "\n".join(part["statement"]))


def keep_plan(results) -> None:
    """Display the plan of an experiment to come, which the runner writes as plan/NAME.yaml.

    Parameters
    ----------
    results : Results, table `plan_text`, one row: `file` and `text`.
    """
    for row in results.tables["plan_text"].to_dict("records"):
        stem = re.sub(r"[^a-z0-9_-]+", "-", row["file"].removesuffix(".yaml").lower()).strip("-_") or "plan"
        keep_text(f"plan/{stem[:64]}.yaml", row["text"])


def _display(data, text):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    if InteractiveShell.initialized():
        display({**data, "text/plain": text}, raw=True)


def describe_results(results, parameters) -> dict:
    """Return what results.json holds as `results`, with `as_of` and the tables' `columns` beside it.

    Figures have 10 significant digits; what is undefined is None. Of withheld results no effect is left.

    Parameters
    ----------
    results : Results
    parameters : dict

    Returns
    -------
    dict: JSON types only
    """
    withheld = results.status == "withheld"
    tables = {
        name: frame.iloc[:0] if withheld and name not in KEPT_WHEN_WITHHELD else frame
        for name, frame in results.tables.items()
    }
    told = {"schema": 1, "study": results.study, "run": os.environ.get("STUDIES_RUN", results.study)}
    told |= {key: getattr(results, key) for key in ("title", "status", "answer")}
    told |= {"data": {key: getattr(results.data, key) for key in DATA_KEYS}}
    told |= {"parameters": {name: _show(name, value) for name, value in parameters.items()}}
    told |= {"plan": {key: results.plan.get(key, default) for key, default in PLAN_KEYS.items()}}
    told |= {"checks": list(map(vars, results.checks))}
    told |= {"estimates": [] if withheld else [_explain_null(estimate) for estimate in results.estimates]}
    told |= {"tests": [] if withheld else list(map(vars, results.tests)), "claims": list(map(vars, results.claims))}
    told |= {"tables": {name: frame.to_dict("records") for name, frame in tables.items()}}
    columns = {name: list(map(str, frame.columns)) for name, frame in tables.items()}
    return make_plain({"results": told, "as_of": results.as_of, "columns": columns})


def find_payload(notebook) -> dict | None:
    """Return what the notebook published; None when it ended before."""
    return next(reversed(_list_data(notebook, RESULTS_MIME)), None)


def list_files(payload, notebook) -> dict[str, bytes]:
    """Return the files of a run's folder, by name, and under `private/` those of its private folder.

    Of withheld results there are no kept files and no scorecard, and tables have header lines alone.

    Parameters
    ----------
    payload : dict
        What the notebook published.
    notebook : NotebookNode, executed
    """
    results = payload["results"]
    texts = {kept["name"]: kept["text"] for kept in _list_data(notebook, KEPT_MIME)} | payload["files"]
    if results["status"] == "withheld":
        texts = {name: text for name, text in texts.items() if name == "summary.md"}
    texts |= write_tables(results, payload["columns"]) | {"results.json": write_json(results)}
    return {n: base64.b64decode(text) if n.endswith(".png") else text.encode() for n, text in texts.items()}


def write_json(content) -> str:
    """Return JSON text, equal for equal content."""
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write_tables(results, columns) -> dict[str, str]:
    """Return the text of every CSV file, by name: each table, and estimates, tests, checks and claims.

    Of withheld results only the header lines are left.
    """
    headers = {name: [field.name for field in fields(kind)] for name, kind in ROWS.items()} | columns
    rows = results["tables"] | {name: results[name] for name in ROWS}
    if results["status"] == "withheld":
        rows = dict.fromkeys(rows, ())
    return {f"tables/{name}.csv": write_csv(rows[name], header) for name, header in headers.items() if header}


def hide_secrets(notebook, values) -> str:
    """Return a notebook as JSON, with every secret of the environment that the parameters name as its `${NAME}`.

    Parameters
    ----------
    notebook : NotebookNode
    values : dict
        The run's parameters; `${NAME}` counts where it stands for a password, or its name says so.
    """
    named = [match for value in values.values() for match in REFERENCE.finditer(str(value))]
    text, hidden = json.dumps(notebook, ensure_ascii=False), {}
    for name in {m[2] for m in named if (m[1] and (m[3] or m[1] != ":")) or SECRET.search(m[2])}:
        secret = os.environ.get(name, "")
        if len(secret) > 2:
            forms = (json.dumps(form, ensure_ascii=False)[1:-1] for form in (secret, quote(secret, safe="")))
            hidden |= dict.fromkeys(forms, f"${{{name}}}")
    if not hidden:
        return text
    secrets = re.compile("|".join(map(re.escape, sorted(hidden, key=len, reverse=True))))
    return JSON_TEXT.sub(lambda found: secrets.sub(lambda secret: hidden[secret[0]], found[0]), text)


def _list_data(notebook, mime):
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [data[mime] for data in outputs if mime in data]


def _explain_null(estimate):
    plain = make_plain(vars(estimate))
    undefined = [key for key in NEEDED if plain[key] is None and not (plain["ci_set"] is not None and "ci" in key)]
    if undefined and not plain["reason"]:
        plain["reason"] = f"{' and '.join(undefined)} not defined here"
    return plain


def _show(name, value):
    """Return a parameter as a record may hold it: base name of a path, scheme and host of an address."""
    if isinstance(value, list):
        return [_show(name, item) for item in value]
    if not isinstance(value, str):
        return value
    if "://" in value or value.startswith("duckdb:"):
        address, mark = urlsplit(value), "://" if "://" in value else ":"
        place = f"{address.hostname}{address.path}" if address.hostname else Path(address.path).name
        return f"{address.scheme}{mark}{place}"
    return Path(value).name if value.startswith(("/", "~")) or name in PATHS else value
