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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.records import Refused

KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "list": "a list"}
TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
RISING, TRIPLE = "a list of numbers in rising order", "low, central, high"
UNEQUAL = "a list of different numbers"
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
    def holds_numbers(self) -> bool:
        """Whether it is a list of numbers: the default has nothing else, or there is none and it has a range."""
        if self.default is None:
            return self.kinds == ("list",) and (self.low, self.high) != (None, None)
        sample = self.default if isinstance(self.default, list) else []
        return bool(sample) and all(_is_kind(item, "float") for item in sample)

    @property
    def rises(self) -> bool:
        """Whether it is a list of numbers in rising order; without a default the first is the one that decides."""
        return self.holds_numbers and self.default is not None

    @property
    def is_triple(self) -> bool:
        """Whether it is a range with its middle: three numbers."""
        return self.holds_numbers and self.meaning.endswith(TRIPLE)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        words = "one of " + ", ".join(map(str, self.choices)) if self.choices else ""
        rising = RISING.replace("numbers", "three numbers" if self.is_triple else "numbers")
        rising = rising if self.rises else UNEQUAL
        kinds = (rising if kind == "list" and self.holds_numbers else KINDS[kind] for kind in self.kinds)
        words = words or " or ".join(kinds)
        if self.low is not None and self.high is not None:
            return f"{words} from {_plain(self.low)} to {_plain(self.high)}"
        if self.low is not None:
            return f"{words}, at least {_plain(self.low)}"
        return f"{words}, at most {_plain(self.high)}" if self.high is not None else words


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
    comments = _comments(source)
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
            near = difflib.get_close_matches(name, declared, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(declared) or 'none'}"
            raise Refused(f"{study} has no parameter {name[:40]!r}; {hint}")
    return {name: check_value(declared[name], _typed(declared[name], value)) for name, value in given.items()}


def check_value(parameter, value) -> Any:
    """Return the value when it is of a declared type, in range and a choice.

    Raises
    ------
    Refused: otherwise, with what is allowed and what kind of thing came.
    """
    if value is None and parameter.default is None:
        return value
    elements = value if isinstance(value, list) and "list" in parameter.kinds else [value]
    kinds = _element_kinds(parameter) if isinstance(value, list) else parameter.kinds
    is_fit = all(any(_is_kind(item, kind) for kind in kinds) and _in_range(parameter, item) for item in elements)
    if not is_fit or (parameter.holds_numbers and not _is_in_order(parameter, elements)):
        near = _nearest(parameter, value)
        raise Refused(f"parameter {parameter.name}: needs {parameter.allowed}; {_came(value)} came{near}")
    if parameter.unit.startswith("date") and not all(map(_is_date, elements)):
        raise Refused(f"parameter {parameter.name}: needs a day of the calendar such as 2022-04-30; other text came")
    if any(isinstance(item, str) and PASSWORD.search(item) for item in elements):
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


def _comments(source):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _parameter(statement, comment, file):
    where = f"notebook {file}, parameters cell, line {statement.lineno}"
    form = "write name: type = literal  # [low, high] or {a, b}; unit; meaning"
    try:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            raise ValueError
        kinds = tuple(part.strip() for part in ast.unparse(statement.annotation).split("|"))
        default = ast.literal_eval(statement.value)
        limits, unit, meaning = (part.strip() for part in comment.split(";", 2))
        kinds = tuple(kind for kind in kinds if kind != "None")
        if not kinds or not set(kinds) <= set(KINDS):
            raise ValueError
        low, high, choices = _limits(limits, kinds)
    except (ValueError, TypeError):
        raise Refused(f"{where}: {form}") from None
    parameter = Parameter(statement.target.id, kinds, default, low, high, choices, unit, meaning)
    check_value(parameter, default)
    return parameter


def _limits(text, kinds):
    """Return low, high and choices of `[low, high]`, `{a, b}` or nothing."""
    if not text:
        return None, None, ()
    parts = [part.strip() for part in text[1:-1].split(",")]
    if text[0] + text[-1] == "{}":
        return None, None, tuple(_first(kinds, part) for part in parts)
    if text[0] + text[-1] != "[]" or len(parts) != 2:
        raise ValueError
    low, high = (float(part) if part else None for part in parts)
    return low, high, ()


def _typed(parameter, value):
    """Return the value that the text means; a text that means none of the types stays text, for the check to refuse."""
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 1 and "list" not in parameter.kinds:
        value = value[0]
    if isinstance(value, list):
        return [_first(_element_kinds(parameter), str(item)) for item in value]
    if "list" in parameter.kinds and "str" not in parameter.kinds:
        return [_first(_element_kinds(parameter), str(value))]
    return _first(parameter.kinds, str(value))


def _first(kinds, text):
    """Return the text as the first of the types that it can be read as: whole number, number, truth, text."""
    stripped = text.strip()
    if "int" in kinds and re.fullmatch(r"[+-]?\d+(_\d+)*", stripped):
        return int(stripped)
    if "float" in kinds and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", stripped, re.I):
        return float(stripped)
    if "bool" in kinds and stripped.lower() in TRUTH:
        return TRUTH[stripped.lower()]
    return text


def _element_kinds(parameter):
    """Return the types of a list's elements: numbers where the default's elements are, otherwise text."""
    whole = parameter.rises and all(isinstance(item, int) for item in parameter.default)
    return ("int", "float") if whole else ("float",) if parameter.holds_numbers else ("str",)


def _is_kind(value, kind):
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"str": str, "bool": bool, "list": list}[kind])


def _is_in_order(parameter, numbers):
    if not parameter.rises:
        return 0 < len(set(numbers)) == len(numbers)
    return bool(numbers) and numbers == sorted(numbers) and (len(numbers) == 3 or not parameter.is_triple)


def _is_date(value):
    try:
        return bool(dt.date.fromisoformat(value))
    except ValueError:
        return False


def _in_range(parameter, value):
    if parameter.choices:
        return value in parameter.choices
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    return not (
        (parameter.low is not None and value < parameter.low) or (parameter.high is not None and value > parameter.high)
    )


def _nearest(parameter, value):
    near = difflib.get_close_matches(str(value), map(str, parameter.choices), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _came(value):
    if isinstance(value, bool) or value is None:
        return "nothing" if value is None else str(value).lower()
    if isinstance(value, (int, float)):
        return _plain(value)
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "empty text" if value == "" else "other text" if isinstance(value, str) else f"a {type(value).__name__}"


def _plain(number):
    return f"{number:.10g}"
