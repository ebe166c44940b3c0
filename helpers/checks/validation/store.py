"""A folder of finished cells, so that a long measurement goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy

from helpers.records import NAN

HELPERS = Path(__file__).resolve().parents[2]
CODE = ("inference", "survival", "simulate", "checks/validation")


def load_cell(store, cell, guarantee, options) -> dict | None:
    """Return the row of a cell that stands in the folder, of the same code, seed and level; None otherwise.

    A file that is cut off, of another cell or not ours counts as none.
    """
    if store is None:
        return None
    try:
        found = json.loads(_find_file(store, cell, guarantee, options).read_text())
        row = found["row"] if found["key"] == _describe(cell, guarantee, options) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return row and {name: NAN if value is None and name != "departure" else value for name, value in row.items()}


def save_cell(store, cell, guarantee, options, row) -> None:
    """Write the row of a cell into the folder: beside it first, then renamed, so that no half of it is ever read."""
    if store is None:
        return
    file = _find_file(store, cell, guarantee, options)
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {name: None if isinstance(value, float) and value != value else value for name, value in row.items()}
    beside = file.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps({"key": _describe(cell, guarantee, options), "row": known}))
    os.replace(beside, file)


def _describe(cell, guarantee, options):
    promise = {name: str(value) for name, value in asdict(guarantee).items() if not callable(value)}
    return {**asdict(cell), **options, "promise": promise, "code": _sum_code()}


def _find_file(store, cell, guarantee, options):
    key = json.dumps(_describe(cell, guarantee, options), sort_keys=True)
    return Path(store) / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


@lru_cache(maxsize=1)
def _sum_code():
    """Checksum of every source that a figure depends on, and of the versions beneath."""
    files = [file for part in CODE for file in sorted((HELPERS / part).rglob("*.py"))]
    digest = hashlib.sha256(f"{np.__version__} {scipy.__version__}".encode())
    for file in [HELPERS / "records.py", *files]:
        digest.update(file.relative_to(HELPERS).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
