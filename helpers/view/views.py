"""How each results table is shown and guarded: views read from notebooks/views, and cells written by their columns."""

from __future__ import annotations

import difflib
import fnmatch
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from helpers import paths
from helpers.records import Refused, Results
from helpers.view import numbers, scales
from helpers.view.html import MARKS, escape, mark_verdict

HIDDEN = "hidden for privacy"
COMMON = "common"


class Part(BaseModel):
    """A part of a view: unknown keys are refused, and nothing in it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Part):
    """One column: its label, how a value is written, the ends of its interval, and what it means.

    In a view a column is one line, "label | format [low high] | meaning"; `format` is one of `FORMATS`.
    """

    label: str
    format: str = "text"
    ends: tuple[str, str] | None = None
    meaning: str = ""


class Cells(Part):
    """Which columns name a cell, which counts guard it, and within which totals the cells are parts.

    Attributes
    ----------
    names : columns that stay visible where the cell is hidden
    counts : columns, or expressions over columns that pandas evaluates, of units, events and non-events
    within : columns that name the total; the whole table when left out
    rule : how cells are closed (helpers.disclosure says what each does)
    """

    names: list[str] = []
    counts: list[str] = []
    within: list[str] = []
    rule: str = "cells"


class View(Part):
    """How one results table is shown: what a row is, its columns, the kind of picture, and what guards its cells."""

    row: str
    kind: Literal["table", "facts", "scorecard", "ladder", "curve", "dose", "money", "heat"] = "table"
    columns: dict[str, Column]
    show: list[str] = []
    note: str = ""
    none: str = ""
    chart: dict[str, Any] = {}
    cells: Cells | Literal["open"] = Field(description="open: no count of people stands in it")
    withheld: bool = True

    @field_validator("columns", mode="before")
    @classmethod
    def _read_columns(cls, given):
        return {name: _read_column(name, told) for name, told in given.items()}

    @property
    def shown(self) -> dict[str, Column]:
        """The columns of the report, in order; those that only end an interval stand in another's cell."""
        ends = {end for column in self.columns.values() for end in column.ends or ()}
        names = self.show or [name for name in self.columns if name not in ends]
        return {name: self.columns[name] for name in names}


def _read_column(name, told) -> Mapping:
    if not isinstance(told, str):
        return told
    label, form, meaning = ([part.strip() for part in told.split("|")] + ["", ""])[:3]
    kind, *ends = form.split()[:3] or ["text"]
    if kind not in FORMATS:
        near = difflib.get_close_matches(kind, FORMATS, 1)
        raise ValueError(f"{name}: no format is called {kind}" + (f"; did you mean {near[0]}?" if near else ""))
    return {"label": label, "format": kind, "ends": tuple(ends) or None, "meaning": meaning}


@cache
def read_views(study: str) -> dict[str, View]:
    """Return the views of a study by the name of their table: its own, those that it takes over, and the common ones.

    Parameters
    ----------
    study : str
        notebooks/views/STUDY.yaml, whose key `also` names others to take over; `common` is always taken.

    Raises
    ------
    Refused: a file that is no YAML, or a view with an unknown key, format or kind.
    """
    own = _read_file(study)
    found: dict[str, View] = {}
    for other in own.pop("also", []) if study != COMMON else []:
        found |= read_views(other)
    if study != COMMON:
        found = {**read_views(COMMON), **found}
    for name, given in own.items():
        try:
            found[name] = View.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Refused(f"views/{study}.yaml, {name}.{place}: {first['msg']}") from None
    return found


def _read_file(study):
    file = paths.VIEWS / f"{study}.yaml"
    if not file.is_file():
        return {}
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise Refused(f"views/{study}.yaml: not readable as YAML, {error.problem_mark}") from None


def find_view(results: Results, name: str) -> View:
    """Return the view of a results table.

    Raises
    ------
    Refused: the table has no view, so nobody has said what guards its cells.
    """
    views = read_views(results.study)
    if name not in views:
        near = difflib.get_close_matches(name, views, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Refused(
            f"the table {name} has no view{hint}; write one in notebooks/views/{results.study}.yaml: what a row is, "
            "its columns, and which counts guard its cells"
        )
    return views[name]


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
    if not column.ends:
        return FORMATS[column.format](value, row, results)
    style = _style(column.format, row, results)
    low, high = (row.get(end) for end in column.ends)
    known = not (_is_missing(low) or _is_missing(high))
    if known and low == high == value:  # counted, not estimated
        return FORMATS[column.format](value, row, results)
    if known and column.format == "rank":
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
    **{form: _by_style(form) for form in ("share", "points", "money", "times", "days", "minutes")},
    **{form: _by_style(form) for form in ("effect", "value", "gap")},
}
NUMERIC = frozenset(FORMATS) - {"text", "as_is", "any", "label", "arm", "contrast", "day", "date", "yes", "verdict"}


def draw_cell(told: str, column: Column) -> str:
    """Return a written cell as HTML, a verdict with its mark."""
    return mark_verdict(told) if column.format == "verdict" and told in MARKS else escape(told)


def describe(name: str, view: View) -> str:
    """Return the entry of the data dictionary for one table, in Markdown: what a row is, and each column."""
    lines = [f"### {name}: one row {view.row}", "", "| column | meaning |", "|---|---|"]
    for column, spec in view.columns.items():
        names = [column, *(spec.ends or ())]
        interval = " and its interval" if spec.ends else ""
        told = f"{spec.label}{interval}{f': {spec.meaning}' if spec.meaning else ''}"
        lines.append(f"| {', '.join(f'`{n}`' for n in names)} | {told} |")
    return "\n".join([*lines, ""])
