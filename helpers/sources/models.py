"""What an earlier run of a framework left to be reviewed: its coefficients, cuts and ranks."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from helpers import schema
from helpers.records import Refused

COLUMNS = ("kind", "name", "value", "low", "high")
STUDY = "customer_milestones"


def read_model(address) -> pd.DataFrame | None:
    """Return the model of an earlier run, from its results.json.

    Parameters
    ----------
    address : str or None
        Path of a results.json, or of the folder that holds one; None when no earlier run is named.

    Returns
    -------
    DataFrame or None: one row a figure: kind, name (text), value, low, high (float, nan where undefined).

    Raises
    ------
    Refused: no such file, no JSON, results of another study, no table `model` with these columns.
    """
    if address is None:
        return None
    path = Path(address).expanduser()
    path = path / "results.json" if path.is_dir() else path
    content = _read_content(path)
    study = content.get("study")
    if study != STUDY:
        raise Refused(f"review_against: {path.name} is of the study {schema.cut(study)}; give one of {STUDY}")
    rows = content.get("tables", {}).get("model")
    if not rows or not all(isinstance(row, dict) and set(COLUMNS) <= set(row) for row in rows):
        raise Refused(
            f"review_against: {path.name} holds no table model with {', '.join(COLUMNS)}; render that run again"
        )
    try:
        return pd.DataFrame(rows)[list(COLUMNS)].astype(dict.fromkeys(COLUMNS[2:], "float64"))
    except (TypeError, ValueError):
        raise Refused(
            f"review_against: {path.name}, model: text where a number is needed; render that run again"
        ) from None


def _read_content(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise Refused(f"review_against: {path.name}: no such file; give the results.json of an earlier run") from None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refused(f"review_against: {path.name} is no results.json; give that of an earlier run")
    return content
