"""How each results table is written: cells by the columns of its view, and its entry of the data dictionary."""

from __future__ import annotations

import difflib
import fnmatch
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from helpers.plan import views
from helpers.plan.views import Column, View
from helpers.records import Refused, Results
from helpers.view import numbers, scales
from helpers.view.html import MARKS, escape, mark_verdict

HIDDEN = "hidden for privacy"


def find_view(results: Results, name: str) -> View:
    """Return the view of a results table.

    Raises
    ------
    Refused: the table has no view, so nobody has said what guards its cells; or a column asks for an unknown format.
    """
    view = views.find_view(results.study, name)
    for column, spec in view.columns.items():
        if spec.format not in FORMATS:
            near = difflib.get_close_matches(spec.format, FORMATS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise Refused(f"the view of {name}, column {column}: no format is called {spec.format}{hint}")
    return view


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
    if _is_missing(value):
        reason = row.get("reason")
        if column.ends and isinstance(reason, str):
            return HIDDEN if reason.startswith("hidden") else reason
        return ""
    form = column.choose(row)
    if not column.ends:
        return column.words.get(str(value)) or FORMATS[form](value, row, results)
    style = _style(form, row, results)
    low, high = (row.get(end) for end in column.ends)
    known = not (_is_missing(low) or _is_missing(high))
    if known and low == high == value:  # counted, not estimated
        return FORMATS[form](value, row, results)
    if known and form == "rank":
        return f"{value:.0f} ({low:.0f} to {high:.0f})"
    decimals = numbers.count_decimals(low, high, factor=style.factor) if known else None
    told = numbers.write_number(value, style, decimals=decimals)
    bare = replace(style, suffix="")
    ends = [numbers.write_number(end, bare, decimals=decimals) for end in (low, high)] if known else []
    return f"{told} [{', '.join(ends)}]" if ends else told


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


def _is_missing(value) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _style(form: str, row, results) -> numbers.Style:
    """How a value with an interval is printed."""
    if form in ("effect", "value", "gap"):
        scale = scales.read_scale(results, row["metric"])
        return scales.style_value(scale) if form == "value" else scales.style_gap(scale, signed=form == "effect")
    if form == "money":
        return numbers.Style(1, numbers.read_currency(row.get("unit", "USD")), "", True)
    fixed = {"points": numbers.POINTS, "share": numbers.PERCENT, "percent": numbers.PERCENT, "chance": numbers.PERCENT}
    suffixed = {"times": " times", "days": " days", "minutes": " minutes"}
    return fixed.get(form) or numbers.Style(1, "", suffixed.get(form, ""), form == "minutes")


def _write_by_style(value, row, results, form):
    style = _style(form, row, results)
    return numbers.write_number(value, style, decimals=1 if style.factor == 100 else None)


def _by_style(form: str) -> Callable:
    return lambda value, row, results: _write_by_style(value, row, results, form)


def _write_date(value) -> str:
    day = pd.Timestamp(value)
    return f"{day:%Y-%m-%d}" if day == day.normalize() else f"{day:%Y-%m-%d %H:%M}"


def _write_cost(value, row) -> str:
    """An amount without a sign: in cents where it is small, whole where it is not."""
    style = numbers.Style(1, numbers.read_currency(row.get("unit", "USD")))
    return numbers.write_number(value, style, decimals=0 if abs(value) >= 10 else 2)


def _write_any(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return numbers.write_number(value) if isinstance(value, (int, float)) else str(value)


FORMATS: dict[str, Callable[[Any, Mapping, Results], str]] = {
    "text": lambda value, row, results: numbers.capitalise(str(value).replace("_", " ")),
    "as_is": lambda value, row, results: str(value),
    "any": lambda value, row, results: _write_any(value),
    "label": lambda value, row, results: numbers.capitalise(scales.name_label(results, value)),
    "contrast": lambda value, row, results: scales.name_contrast(results, value),
    "arm": lambda value, row, results: scales.name_arm(results, value),
    "count": lambda value, row, results: numbers.write_count(value),
    "percent": lambda value, row, results: numbers.write_share(value, decimals=0),
    "chance": lambda value, row, results: numbers.write_chance(value),
    "rank": lambda value, row, results: numbers.write_count(value),
    "number": lambda value, row, results: numbers.write_number(value),
    "day": lambda value, row, results: f"Day {value:g}",
    "date": lambda value, row, results: _write_date(value),
    "wait": lambda value, row, results: numbers.write_wait(value),
    "p": lambda value, row, results: numbers.write_p(value).removeprefix("p ").removeprefix("= "),
    "yes": lambda value, row, results: "yes" if value else "no",
    "verdict": lambda value, row, results: str(value),
    "cost": lambda value, row, results: _write_cost(value, row),
    **{form: _by_style(form) for form in ("share", "points", "money", "times", "days", "minutes")},
    **{form: _by_style(form) for form in ("effect", "value", "gap")},
}
NUMERIC = frozenset(FORMATS) - {"text", "as_is", "any", "label", "arm", "contrast", "day", "date", "yes", "verdict"}


def draw_cell(told: str, column: Column) -> str:
    """Return a written cell as HTML, a verdict with its mark."""
    return mark_verdict(told) if column.format == "verdict" and told in MARKS else escape(told)


def describe(study: str) -> str:
    """Return a study's part of the data dictionary in Markdown: a table with one row a results table of its own file.

    Each says what a row is, and each column: its label, its interval, its meaning.
    """
    lines = [f"### {study}", "", "| table | one row | columns |", "|---|---|---|"]
    for name, view in views.read_own(study).items():
        if view.columns:
            told = ", ".join(_describe_column(column, spec) for column, spec in view.columns.items())
            lines.append(f"| `{name}` | {view.row} | {told} |")
    return "\n".join([*lines, ""])


def _describe_column(name: str, column: Column) -> str:
    spelled = {"{noun}": "units", "{metric}": "each metric", "{control}": "control", "{treatment}": "treatment"}
    label = numbers.lower_first(re.sub("|".join(map(re.escape, spelled)), lambda hit: spelled[hit[0]], column.label))
    spoken = name.replace("_", " ").lower() == label.lower()
    meaning = "; ".join(part for part in ("" if spoken else label, column.meaning) if part)
    names = ", ".join(f"`{one}`" for one in (name, *(column.ends or ())))
    return f"{names} ({meaning})" if meaning else names
