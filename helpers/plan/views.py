"""What each results table is and what guards it: views read from notebooks/views, in which counts are named."""

import difflib
from functools import cache
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from helpers import paths
from helpers.records import Refused

COMMON = "common"


class Part(BaseModel):
    """A part of a view: unknown keys are refused, and nothing in it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Part):
    """One column: its label, how a value is written, the ends of its interval, and what it means.

    In a view a column is one line, "label | format [low high] | meaning"; `format` is one of
    `helpers.view.show.FORMATS`. `words` are what its codes read as; where rows measure different things, `by` names
    the column that tells them apart, and `forms` the format of each.
    """

    label: str
    format: str = "text"
    ends: tuple[str, str] | None = None
    meaning: str = ""
    words: dict[str, str] = {}
    by: str = ""
    forms: dict[str, str] = {}


class Stop(Part):
    """Where a curve ends: the first place `at` which a count is small; all curves `within` one picture end together."""

    at: str
    count: str
    within: list[str] = []


class Link(Part):
    """Rows that go with those of another table, where `there` holds of these: an expression over that table.

    Attributes
    ----------
    table : the other table, or `estimates`
    there : an expression over it, with `hidden` (by its own cells) and `small` (has a small count)
    by : column here -> column there that must be equal; every row goes with any row there when left out
    where : an expression, the rows here that can go
    hides : columns that go; all but the names when left out
    """

    table: str
    there: str = "hidden"
    by: dict[str, str] = {}
    where: str = ""
    hides: list[str] = []


class Cells(Part):
    """What guards the cells of a table. Expressions are over its columns, as pandas evaluates them.

    Attributes
    ----------
    names : columns that stay visible where a cell is hidden; without any, and without `hides`, its row is left out
    counts : expressions that count units, events and non-events of a cell; lists in it may be nested
    within : columns that name the total of which the cells are parts; the whole table when left out
    rule : what its counts say: cells (the parts of a total, which is known), rows (each by itself), lines (all at or
        above a place on an axis, then all below it), days (how many have gone by each day), curve (the same, told as a
        share of those at risk)
    space : tables that divide the same people along one axis name it alike
    at : a column, where on that axis a row begins
    where : an expression, the rows that are cells; others stay
    together : columns or expressions of which equal rows are hidden together (rows)
    near : an expression, a count; of those `within` that differ by few (of cells: of all) the first stays
    first : an expression, rows that come first then
    hides : columns that are hidden; all but the names and totals when left out
    levels : columns of which a value could be somebody's: where a cell is small it is one nameless "other"
    fill : column -> what stands in place of what is hidden
    digits : column -> decimals, of what could else be solved for counts
    stop : where curves end
    links : what goes with hidden rows of other tables
    """

    names: list[str] = []
    counts: list[str] = []
    within: list[str] = []
    rule: Literal["cells", "rows", "lines", "days", "curve"] = "cells"
    space: str = ""
    at: str = ""
    where: str = ""
    together: list[str] = []
    near: str = ""
    first: str = ""
    hides: list[str] = []
    levels: list[str] = []
    fill: dict[str, str] = {}
    digits: dict[str, int] = {}
    stop: Stop | None = None
    links: list[Link] = []

    @property
    def lines(self) -> list[str]:
        """The columns that tell one curve of a picture from another; none of other tables."""
        return [*self.within, *self.names] if self.rule in ("days", "curve") else []

    @field_validator("counts", mode="before")
    @classmethod
    def _flatten(cls, given):
        return [one for part in given for one in (part if isinstance(part, list) else [part])]


class View(Part):
    """How one results table is shown: what a row is, its columns, the kind of picture, and what guards its cells."""

    row: str
    kind: Literal["table", "ladder", "curve", "dose", "heat"] = "table"
    columns: dict[str, Column]
    show: list[str] = []
    note: str = ""
    none: str = ""
    chart: dict[str, Any] = {}
    cells: Cells | Literal["open"] = Field(description="open: no count of people stands in it")
    withheld: bool = True
    place: str = Field("", description="the column that names each row of a table, so that other pages may link to it")

    @field_validator("columns", mode="before")
    @classmethod
    def _read_columns(cls, given):
        return {name: _read_column(name, told) for name, told in given.items()}

    @property
    def guards(self) -> Cells:
        """What guards its cells; nothing where they are open."""
        return Cells() if self.cells == "open" else self.cells

    @property
    def ends(self) -> set[str]:
        """The columns that end an interval, in another's cell."""
        return {end for column in self.columns.values() for end in column.ends or ()}

    @property
    def shown(self) -> dict[str, Column]:
        """The columns of the report, in order; those that only end an interval stand in another's cell."""
        names = self.show or [name for name in self.columns if name not in self.ends]
        return {name: self.columns[name] for name in names}


def _read_column(name, told):
    """A column; what a table does not say of it stands once for all in `columns` of the common file."""
    told = _read_file(COMMON)["columns"][name] if told is None else told
    if not isinstance(told, str):
        return told
    label, form, meaning = ([part.strip() for part in told.split("|")] + ["", ""])[:3]
    kind, *ends = form.split()[:3] or ["text"]
    return {"label": label, "format": kind, "ends": tuple(ends) or None, "meaning": meaning}


@cache
def read_views(study: str) -> dict[str, View]:
    """Return the views of a study by the name of their table: its own, those that it takes over, and the common ones.

    Parameters
    ----------
    study : str
        notebooks/views/STUDY.yaml, whose key `also` names others to take over; `common` is taken by all.

    Raises
    ------
    Refused: a file that is no YAML, or a view with an unknown key, kind or rule.
    """
    taken = [read_views(other) for other in _read_file(study).get("also", [] if study == COMMON else [COMMON])]
    return {name: view for views in [*taken, read_own(study)] for name, view in views.items()}


def read_own(study: str) -> dict[str, View]:
    """Return the views that stand in a study's own file."""
    found: dict[str, View] = {}
    for name, given in _read_file(study).items():
        try:
            found |= {} if name in ("also", "columns") else {name: View.model_validate(given)}
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Refused(f"views/{study}.yaml, {name}.{place}: {first['msg']}") from None
    return found


@cache
def _read_file(study):
    file = paths.VIEWS / f"{study}.yaml"
    try:
        return (paths.read_words(file) if file.is_file() else None) or {}
    except yaml.YAMLError as error:
        raise Refused(f"views/{study}.yaml: not readable as YAML, {error.problem_mark}") from None


def find_view(study: str, name: str) -> View:
    """Return the view of a study's results table.

    Raises
    ------
    Refused: the table has no view, so nobody has said what guards its cells.
    """
    views = read_views(study)
    if name not in views:
        near = difflib.get_close_matches(name, views, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        cure = "what a row is, its columns, and which counts guard its cells"
        raise Refused(f"the table {name} has no view{hint}; write one in notebooks/views/{study}.yaml: {cure}")
    return views[name]
