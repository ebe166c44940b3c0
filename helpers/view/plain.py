"""Values as plain data: JSON types with figures to 10 digits, and one writer of CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

DIGITS = 10
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def make_plain(value: Any) -> Any:
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


def write_csv(rows: Sequence[Mapping[str, Any]], header: Sequence[str]) -> str:
    """Return the text of a CSV file; a text that a spreadsheet would run as a formula is prefixed with an apostrophe.

    Parameters
    ----------
    rows : sequence of mapping
    header : sequence of str, the columns
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_safe(name) for name in header])
    writer.writerows([[_safe(make_plain(row.get(name))) for name in header] for row in rows])
    return stream.getvalue()


def _safe(value):
    """Return what a cell may hold: no formula, and no carriage return, which the csv module does not quote."""
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    guarded = "'" + value if value.startswith(FORMULA) else value
    return guarded.replace("\r\n", "\n").replace("\r", "\n")
