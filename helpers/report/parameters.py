"""The parameters cell: what a notebook may be told, read without a kernel and checked before one starts."""

from __future__ import annotations

import ast
import datetime as dt
import difflib
import io
import json
import math
import re
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.records import Refused

KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "list": "a list"}
TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
UNEQUAL = "a list of different numbers"
RISING = "a list of numbers in rising order"
TRIPLE = "a list of three numbers in rising order"
FORM = "write name: type = literal  # [low, high] or {a, b}; unit; meaning"
PATHS = ("plan", "data", "events")
PASSWORD = re.compile(
    r"://[^/@\s]*:(?!\$\{\w+\}@)[^/@\s]+@|[?&](?:password|pwd|token)=(?!\$\{\w+\}(?:&|$))[^&\s]", re.I
)


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell: `name: kinds = default  # range; unit; meaning`."""

    name: str
    kinds: tuple[str, ...]
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    unit: str = ""
    meaning: str = ""

    @property
    def is_path(self) -> bool:
        """Whether the value may name a file: plan, data, events, or a unit that says `path`."""
        return self.name in PATHS or self.unit == "path"

    @property
    def of_numbers(self) -> str:
        """What a list of numbers must be, in words; empty when it holds no numbers.

        It holds numbers when its default has nothing else, or when it has no default and a range.
        """
        if self.default is None:
            return UNEQUAL if self.kinds == ("list",) and (self.low, self.high) != (None, None) else ""
        sample = self.default if isinstance(self.default, list) else []
        if not sample or not all(_is_kind(item, "float") for item in sample):
            return ""
        return TRIPLE if self.meaning.endswith("low, central, high") else RISING

    @property
    def element_kinds(self) -> tuple[str, ...]:
        """The types of a list's elements: numbers where the default's elements are, otherwise text."""
        if not self.of_numbers:
            return ("str",)
        whole = self.default is not None and all(isinstance(item, int) for item in self.default)
        return ("int", "float") if whole else ("float",)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        words = KINDS | {"list": self.of_numbers or KINDS["list"]}
        told = " or ".join(words[kind] for kind in self.kinds)
        if self.choices:
            told = "one of " + ", ".join(map(str, self.choices))
        if self.low is not None and self.high is not None:
            return f"{told} from {self.low:.10g} to {self.high:.10g}"
        if self.low is not None:
            return f"{told}, at least {self.low:.10g}"
        return f"{told}, at most {self.high:.10g}" if self.high is not None else told


def read_parameters(notebook) -> dict[str, Parameter]:
    """Return the declared parameters of a notebook, by name, in the order of its parameters cell.

    Parameters
    ----------
    notebook : Path
        A .ipynb file with one code cell tagged `parameters`, which holds only lines of the form
        `name: str|int|float|bool|list = literal  # [low, high] or {a, b}; unit; meaning`.
        A unit that begins with `date` asks for a day in ISO form.
        A default None means "as planned". A bound that is left out is open. A list of numbers rises, is not empty, and
        each number stays within the bounds; where the meaning ends in "low, central, high", there are three.

    Returns
    -------
    dict of str to Parameter

    Raises
    ------
    Refused: no such notebook, not a notebook, not one such cell, or a line that does not follow the grammar.
    """
    source = _parameters_cell(Path(notebook))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for statement in ast.parse(source).body:
        parameter = _parameter(statement, comments.get(statement.end_lineno, ""), Path(notebook).name)
        found[parameter.name] = parameter
    return found


def settle(declared, given, *, study) -> dict[str, Any]:
    """Return typed values for what was given as text (from -p, -f or reports.yaml).

    Parameters
    ----------
    declared : dict of str to Parameter
    given : dict of str to str, None or list of str
        As written; text becomes the declared type, and stays text where text is allowed.
    study : str
        Name for the message.

    Returns
    -------
    dict: the given names, each with a value of a declared type

    Raises
    ------
    Refused: an unknown name (with the nearest), a wrong type, out of range, not a choice, a password in an address.
    """
    for name in given:
        if name not in declared:
            raise Refused(f"{study} has no parameter {name[:40]!r}; {suggest(name, declared, 'it has')}")
    return {name: check_value(declared[name], _typed(declared[name], value)) for name, value in given.items()}


def suggest(name, known, rest) -> str:
    """Return the nearest of the known names as a question, or else all of them after the words `rest`."""
    near = difflib.get_close_matches(str(name), known, 1)
    return f"did you mean {near[0]}?" if near else f"{rest}: {', '.join(known) or 'none'}"


def check_value(parameter, value) -> Any:
    """Return the value when it is of a declared type, in range and a choice.

    Raises
    ------
    Refused: otherwise, with what is allowed and what kind of thing came.
    """
    if value is None and parameter.default is None:
        return value
    is_list = isinstance(value, list) and "list" in parameter.kinds
    items, kinds = (value, parameter.element_kinds) if is_list else ([value], parameter.kinds)
    is_fit = all(any(_is_kind(item, kind) for kind in kinds) and _is_in_range(parameter, item) for item in items)
    if not is_fit or (parameter.of_numbers and not _is_in_order(parameter.of_numbers, items)):
        near = difflib.get_close_matches(str(value), map(str, parameter.choices), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Refused(f"parameter {parameter.name}: needs {parameter.allowed}; {_came(value)} came{hint}")
    if parameter.unit.startswith("date") and not all(map(_is_date, items)):
        raise Refused(f"parameter {parameter.name}: needs a day of the calendar such as 2022-04-30; other text came")
    if any(isinstance(item, str) and PASSWORD.search(item) for item in items):
        cure = "write ${NAME} in its place and set the environment variable NAME"
        raise Refused(f"parameter {parameter.name}: the address holds a password; {cure}")
    return value


def _parameters_cell(notebook):
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except OSError:
        raise Refused(f"notebook {notebook.name}: no such file") from None
    except (ValueError, KeyError, TypeError):
        raise Refused(f"notebook {notebook.name}: not a notebook; save it again in JupyterLab") from None
    tagged = [c for c in cells if c["cell_type"] == "code" and "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise Refused(f"notebook {notebook.name}: needs one code cell tagged parameters; it has {len(tagged)}")
    source = "".join(tagged[0]["source"])
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise Refused(f"notebook {notebook.name}, parameters cell, line {error.lineno}: not Python") from None
    return source


def _parameter(statement, comment, file):
    try:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            raise ValueError
        kinds = [part.strip() for part in ast.unparse(statement.annotation).split("|")]
        kinds = tuple(kind for kind in kinds if kind != "None")
        if not kinds or not set(kinds) <= set(KINDS):
            raise ValueError
        limits, unit, meaning = (part.strip() for part in comment.split(";", 2))
        found = Parameter(
            statement.target.id, kinds, ast.literal_eval(statement.value), *_limits(limits, kinds), unit, meaning
        )
    except (ValueError, TypeError):
        raise Refused(f"notebook {file}, parameters cell, line {statement.lineno}: {FORM}") from None
    check_value(found, found.default)
    return found


def _limits(text, kinds):
    """Return low, high and choices of `[low, high]`, `{a, b}` or nothing."""
    parts = [part.strip() for part in text[1:-1].split(",")]
    if not text:
        return None, None, ()
    if text[0] + text[-1] == "{}":
        return None, None, tuple(_first(kinds, part) for part in parts)
    if text[0] + text[-1] != "[]" or len(parts) != 2:
        raise ValueError
    return *(float(part) if part else None for part in parts), ()


def _typed(parameter, value):
    """Return the value that the text means; a text that means none of the types stays text, for the check to refuse."""
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1 and "list" not in parameter.kinds:
        [value] = value
    elif not isinstance(value, list) and "list" in parameter.kinds and "str" not in parameter.kinds:
        value = [value]
    if isinstance(value, list):
        return [_first(parameter.element_kinds, str(item)) for item in value]
    return _first(parameter.kinds, str(value))


def _first(kinds, text):
    """Return the text as the first of the types that it can be read as: whole number, number, truth, text."""
    for kind, read in (("int", int), ("float", float)):
        if kind in kinds and re.search(r"\d", text):  # inf and nan are no numbers
            with suppress(ValueError):
                return read(text)
    return TRUTH.get(text.strip().lower(), text) if "bool" in kinds else text


def _is_kind(value, kind):
    if isinstance(value, bool) or kind == "bool":
        return isinstance(value, bool) and kind == "bool"
    if kind == "float":
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, {"str": str, "int": int, "list": list}[kind])


def _is_in_order(words, numbers):
    if words == UNEQUAL:
        return 0 < len(set(numbers)) == len(numbers)
    return bool(numbers) and numbers == sorted(numbers) and (words == RISING or len(numbers) == 3)


def _is_in_range(parameter, value):
    if parameter.choices:
        return value in parameter.choices
    if not _is_kind(value, "float"):
        return True
    return (parameter.low is None or parameter.low <= value) and (parameter.high is None or value <= parameter.high)


def _is_date(value):
    with suppress(ValueError):
        return bool(dt.date.fromisoformat(value))


def _came(value):
    if value is None or value == "":
        return "nothing" if value is None else "empty text"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:.10g}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "other text" if isinstance(value, str) else f"a {type(value).__name__}"
