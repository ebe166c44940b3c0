"""Results as plain data: the content of results.json and of the tables beside it, equal for equal results."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from dataclasses import asdict, fields
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from urllib.parse import urlsplit

from helpers.records import Check, Claim, Estimate, Test
from helpers.report.parameters import PATHS

SCHEMA = 1
DIGITS = 10
DATA_KEYS = ("kind", "note", "source", "sha256", "rows", "units", "units_by_variant")
PLAN_KEYS = {"file": None, "sha256": None, "departures": ()}
RECORDS = {"estimates": Estimate, "tests": Test, "checks": Check, "claims": Claim}
KEPT_WHEN_WITHHELD = ("metrics",)
NEEDED = ("estimate", "ci_low", "ci_high", "p_value")
BEYOND_JSON = ("question", "as_of", "columns")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    tables = {name: _keep(name, frame, withheld) for name, frame in results.tables.items()}
    return {
        "schema": SCHEMA,
        "study": results.study,
        "run": run,
        "title": results.title,
        "status": results.status,
        "answer": list(results.answer),
        "data": {key: make_plain(getattr(results.data, key)) for key in DATA_KEYS},
        "parameters": {name: make_plain(_shown(name, value)) for name, value in parameters.items()},
        "plan": {key: make_plain(results.plan.get(key, default)) for key, default in PLAN_KEYS.items()},
        "checks": [make_plain(asdict(check)) for check in results.checks],
        "estimates": [] if withheld else [_estimate(estimate) for estimate in results.estimates],
        "tests": [] if withheld else [make_plain(asdict(test)) for test in results.tests],
        "claims": [_claim(claim, withheld) for claim in results.claims],
        "tables": {name: make_plain(frame.to_dict("records")) for name, frame in tables.items()},
        "question": results.question,
        "as_of": results.as_of,
        "columns": {name: [str(column) for column in frame.columns] for name, frame in tables.items()},
    }


def split_payload(payload, *, run) -> tuple[dict, dict]:
    """Return the content of results.json under the run's name, and the rest of what was published."""
    results = {key: value for key, value in payload.items() if key not in BEYOND_JSON}
    return {**results, "run": run}, {key: payload[key] for key in BEYOND_JSON}


def write_json(content) -> str:
    """Return JSON text, equal for equal content."""
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write_tables(results, columns) -> dict[str, str]:
    """Return the text of every CSV file, by file name: each table, and estimates, tests, checks and claims.

    A text that a spreadsheet would run as a formula is prefixed with an apostrophe. Of withheld results only the
    header lines are left.
    """
    withheld = results["status"] == "withheld"
    frames = {name: (results[name], [f.name for f in fields(kind)]) for name, kind in RECORDS.items()}
    frames |= {name: (rows, columns[name]) for name, rows in results["tables"].items()}
    kept = {name: ([] if withheld else rows, header) for name, (rows, header) in frames.items() if header}
    return {f"{Path(name).name}.csv": write_csv(rows, header) for name, (rows, header) in kept.items()}


def write_csv(rows, header) -> str:
    """Return the text of a CSV file; a text that a spreadsheet would run as a formula is prefixed with an apostrophe.

    Parameters
    ----------
    rows : sequence of dict, values as `make_plain` gives them
    header : sequence of str
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_safe(name) for name in header])
    writer.writerows([[_safe(row.get(name)) for name in header] for row in rows])
    return stream.getvalue()


def make_plain(value):
    """Return the value as JSON types: figures to 10 significant digits, what is not finite as None.

    Raises
    ------
    TypeError: a thing that has no plain form.
    """
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, (Real, Decimal)):
        return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): make_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [make_plain(item) for item in value]
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return make_plain(value.tolist())
    raise TypeError(f"a {type(value).__name__} cannot be published; give numbers, text, dates, lists")


def _keep(name, frame, withheld):
    return frame.iloc[:0] if withheld and name not in KEPT_WHEN_WITHHELD else frame


def _estimate(estimate):
    plain = make_plain(asdict(estimate))
    undefined = [key for key in NEEDED if plain[key] is None and not (plain["ci_set"] is not None and "ci" in key)]
    if undefined and not plain["reason"]:
        plain["reason"] = f"{' and '.join(undefined)} not defined here"
    return plain


def _claim(claim, withheld):
    hidden = {"estimate_id": None, "estimate": None, "ci_low": None, "ci_high": None}
    hidden |= {"verdict": "not tested by this run", "reason": "the answer is withheld"}
    return make_plain(asdict(claim)) | (hidden if withheld else {})


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


def _safe(value):
    """Return what a cell may hold: no formula, and no carriage return, which the csv module does not quote."""
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    guarded = "'" + value if value.startswith(FORMULA) else value
    return guarded.replace("\r\n", "\n").replace("\r", "\n")
