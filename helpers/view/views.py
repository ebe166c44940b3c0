"""How each results table is written: cells by the columns of its view."""

import fnmatch
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from helpers.plan.views import Column, View
from helpers.records import Refused, Results
from helpers.view import numbers, scales

HIDDEN = "hidden for privacy"


def _write_any(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return numbers.write_number(value) if isinstance(value, (int, float)) else str(value)


def _write_label(results, code) -> str:
    """What a code is called; metrics and events of the reader's own data begin as she wrote them."""
    told, own = scales.name_label(results, code), {"metrics": "metric", "event_sums": "event"}
    is_own = any(code in [*results.tables.get(table, {}).get(key, ())] for table, key in own.items())
    return scales.begin(results, told) if is_own else numbers.capitalise(told)


# The formats of columns: of a value alone, of a code with the words of its run, in a style of its own or of its row.
PLAIN: dict[str, Callable[[Any], str]] = {
    "text": lambda value: numbers.capitalise(numbers.drop_underscores(str(value))),
    "as_is": str,
    "any": _write_any,
    "count": numbers.write_count,
    "rank": numbers.write_count,
    "percent": partial(numbers.write_share, decimals=0),
    "chance": numbers.write_chance,
    "number": numbers.write_number,
    "day": lambda value: f"Day {value:g}",
    "wait": numbers.write_wait,
    "p": lambda value: numbers.write_p(value).removeprefix("p ").removeprefix("= "),
    "yes": lambda value: "yes" if value else "no",
    "verdict": str,
}
NAMED: dict[str, Callable[[Results, str], str]] = {
    "label": _write_label,
    "begin": scales.begin,
    "contrast": scales.name_contrast,
    "arm": scales.name_arm,
}
STYLES = {"points": numbers.POINTS, **dict.fromkeys(("share", "percent", "chance"), numbers.PERCENT)}
STYLES |= {"times": numbers.Style(suffix=" times"), "minutes": numbers.Style(suffix=" minutes", signed=True)}
FORMATS = {*PLAIN, *NAMED, *STYLES, "effect", "value", "gap", "money", "cost"}
NUMERIC = FORMATS - {"text", "as_is", "any", "label", "begin", "arm", "contrast", "day", "yes", "verdict"}


def fit(view: View, frame: pd.DataFrame, results: Results) -> View:
    """Return a view in which a column `share_*` stands for those that the table has, one a metric.

    `{metric}` in its label becomes the metric's own label.
    """
    columns: dict[str, Column] = {}
    for name, column in view.columns.items():
        for found in [name] if "*" not in name else [c for c in fnmatch.filter(frame, name) if c not in view.columns]:
            label = scales.name_label(results, found.removeprefix(name.rstrip("*")))
            columns[found] = column.model_copy(update={"label": column.label.replace("{metric}", label)})
    show = [found for name in view.show for found in ([name] if "*" not in name else fnmatch.filter(columns, name))]
    return view.model_copy(update={"columns": columns, "show": show})


def write_cell(value: Any, column: Column, row: Mapping[str, Any], results: Results) -> str:
    """Return one cell in words; of a value with ends, its interval too; "hidden for privacy" where it is hidden.

    Parameters
    ----------
    value, row : the cell, and the whole row as a mapping
    column : Column
    results : Results
        For labels, units and the level of metrics.
    """
    if is_missing(value):
        reason = row.get("reason")
        if column.ends and isinstance(reason, str):
            return HIDDEN if reason.startswith("hidden") else reason
        return ""
    form = column.forms.get(str(row.get(column.by)), column.format)
    if not column.ends:
        return column.words.get(str(value)) or _write(value, form, row, results)
    low, high = (row.get(end) for end in column.ends)
    known = not (is_missing(low) or is_missing(high))
    if known and low == high == value:  # counted, not estimated
        return _write(value, form, row, results)
    if known and form == "rank":
        return f"{value:.0f} ({low:.0f} to {high:.0f})"
    style = _find_style(form, row, results)
    if not known:
        return numbers.write_number(value, style)
    decimals = numbers.count_decimals(low, high, factor=style.factor)
    ends = (numbers.write_number(end, replace(style, suffix=""), decimals=decimals) for end in (low, high))
    return f"{numbers.write_number(value, style, decimals=decimals)} [{', '.join(ends)}]"


def _write(value, form, row, results) -> str:
    if form in PLAIN:
        return PLAIN[form](value)
    if form in NAMED:
        return NAMED[form](results, value)
    style = _find_style(form, row, results)
    decimals = 1 if style.factor == 100 else None
    if form == "cost":  # in cents where it is small, whole where it is not
        decimals = 0 if abs(value) >= 10 else 2
    return numbers.write_number(value, style, decimals=decimals)


def _find_style(form, row, results) -> numbers.Style:
    """How a value is printed; its own metric or unit says it where rows measure different things."""
    if form not in FORMATS:
        raise Refused(f"no format of a column is called {form}; there are {', '.join(sorted(FORMATS))}")
    if form in ("effect", "value", "gap"):
        scale = scales.read_scale(results, row["metric"])
        return scales.style_value(scale) if form == "value" else scales.style_gap(scale, signed=form == "effect")
    if form in ("money", "cost"):
        return numbers.Style(1, numbers.read_currency(row.get("unit", "USD")), "", form == "money")
    return STYLES.get(form, numbers.Style())


def turn(frame: pd.DataFrame, view: View, results: Results) -> pd.DataFrame:
    """Return a table in which effects, with their ends, read as the plan displays them."""
    turned = frame.copy() if scales.is_turned(results) else frame
    for name, column in view.columns.items() if turned is not frame else ():
        if column.format == "effect" and name in frame:
            turned[name] = -frame[name]
            for end, other in zip(column.ends or (), reversed(column.ends or ()), strict=True):
                turned[end] = -frame[other]
    return turned


def write_rows(frame: pd.DataFrame, view: View, results: Results) -> pd.DataFrame:
    """Return a table in words, one column a shown column of the view that the table has.

    Columns that are blank are left out, and so is a contrast that all rows share.
    """
    rows = frame.to_dict("records")
    told = {
        name: [write_cell(row[name], column, row, results) for row in rows]
        for name, column in view.shown.items()
        if name in frame
    }
    one = [name for name, cells in told.items() if view.columns[name].format == "contrast" and len({*cells}) == 1]
    return pd.DataFrame({name: cells for name, cells in told.items() if any(cells) and name not in one}, dtype=object)


def is_missing(value) -> bool:
    """Return whether there is nothing in a cell."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
