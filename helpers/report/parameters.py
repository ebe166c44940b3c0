"""The parameters cell: what a notebook may be told, read without a kernel and checked before one starts."""

import ast
import datetime as dt
import io
import json
import math
import re
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.records import Refused, suggest

KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "list": "a list"}
TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list}
TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
UNEQUAL = "a list of different numbers"
RISING = "a list of numbers in rising order"
TRIPLE = "a list of three numbers in rising order"
LIMITS = re.compile(r"(?:\[ *(.*?) *, *(.*?) *\]|\{(.+)\})?")
FORM = "write name: type = literal  # [low, high] or {a, b}; unit; meaning"
PATHS = ("plan", "data", "events")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell: `name: kinds = default  # range; unit; meaning`."""

    name: str
    kinds: tuple[str, ...]
    default: Any
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[Any, ...] = ()
    unit: str = ""
    meaning: str = ""

    @property
    def is_path(self) -> bool:
        """Whether the value may name a file: plan, data, events, or a unit that says `path`."""
        return self.name in PATHS or self.unit == "path"

    @property
    def order(self) -> str:
        """What a list of numbers must be, in words; empty when it holds text, as its default or `str | list` says."""
        if self.default is None:
            return UNEQUAL if self.kinds == ("list",) else ""
        sample = self.default if isinstance(self.default, list) else []
        if not sample or any(isinstance(item, str) for item in sample):
            return ""
        return TRIPLE if self.meaning.endswith("low, central, high") else RISING

    @property
    def element_kinds(self) -> tuple[str, ...]:
        """The types of a list's elements."""
        return ("int", "float") if self.order else ("str",)

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        words = KINDS | {"list": self.order or KINDS["list"]}
        told = " or ".join(words[kind] for kind in self.kinds)
        if self.choices:
            told = "one of " + ", ".join(map(str, self.choices))
        if math.isfinite(self.low) and math.isfinite(self.high):
            return f"{told} from {self.low:.10g} to {self.high:.10g}"
        least = f", at least {self.low:.10g}" if math.isfinite(self.low) else ""
        return f"{told}, at most {self.high:.10g}" if math.isfinite(self.high) else told + least


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
    file = Path(notebook)
    try:
        cells = [cell for cell in json.loads(file.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"notebook {file.name}: cannot be read; check the name, or save it in JupyterLab") from None
    if len(sources) != 1:
        raise Refused(f"notebook {file.name}: needs one code cell tagged parameters; it has {len(sources)}")
    found, line = {}, 1
    try:
        statements = ast.parse(sources[0]).body
        tokens = tokenize.generate_tokens(io.StringIO(sources[0]).readline)
        comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
        for statement in statements:
            line = statement.lineno
            parameter = _read_line(statement, comments.get(statement.end_lineno, ""))
            found[parameter.name] = parameter
    except (SyntaxError, ValueError, TypeError, AttributeError) as error:
        line = getattr(error, "lineno", line)
        raise Refused(f"notebook {file.name}, parameters cell, line {line}: {FORM}") from None
    return found


def _read_line(statement, comment):
    """Return the parameter that one statement declares; what does not follow the grammar raises one error or other."""
    kinds = [part.strip() for part in ast.unparse(statement.annotation).split("|")]
    kinds = tuple(kind for kind in kinds if kind != "None")
    limits, unit, meaning = (part.strip() for part in comment.split(";", 2))
    low, high, choices = LIMITS.fullmatch(limits).groups(default="")
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError
    bounds = float(low or "-inf"), float(high or "inf")
    choices = tuple(_read(kinds, part.strip()) for part in choices.split(",") if part)
    default = ast.literal_eval(statement.value)
    found = Parameter(statement.target.id, kinds, default, *bounds, choices, unit, meaning)
    check_value(found, default)
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
    Refused: an unknown name (with the nearest), a wrong type, out of range, not a choice.
    """
    for name in given:
        if name not in declared:
            raise Refused(f"{study} has no parameter {name[:40]!r}; {suggest(name, declared, 'it has')}")
    return {name: check_value(declared[name], _type(declared[name], value)) for name, value in given.items()}


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
    if not all(_is_fit(parameter, item, kinds) for item in items) or not _is_in_order(parameter.order, items):
        raise Refused(f"parameter {parameter.name}: needs {parameter.allowed}; {_name_what_came(value)} came")
    if parameter.unit.startswith("date") and not all(map(_is_date, items)):
        raise Refused(f"parameter {parameter.name}: needs a day of the calendar such as 2022-04-30; other text came")
    return value


def _type(parameter, value):
    """Return the value that the text means; a text that means none of the types stays text, for the check to refuse."""
    if value is None:
        return None
    texts = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    if len(texts) != 1 or parameter.kinds == ("list",) or (isinstance(value, list) and "list" in parameter.kinds):
        return [_read(parameter.element_kinds, text) for text in texts]
    return _read(parameter.kinds, texts[0])


def _read(kinds, text):
    """Return the text as the first of the types that it can be read as: whole number, number, truth, text."""
    for kind, read in (("int", int), ("float", float)):
        if kind in kinds and re.search(r"\d", text):  # inf and nan are no numbers
            with suppress(ValueError):
                return read(text)
    return TRUTH.get(text.strip().lower(), text) if "bool" in kinds else text


def _is_fit(parameter, item, kinds):
    """Return whether a value, or an element of a list, is of one of the types, a choice, and within the range."""
    if not any(isinstance(item, TYPES[kind]) and isinstance(item, bool) == (kind == "bool") for kind in kinds):
        return False
    if parameter.choices:
        return item in parameter.choices
    return not isinstance(item, (int, float)) or (math.isfinite(item) and parameter.low <= item <= parameter.high)


def _is_in_order(order, numbers):
    if order == UNEQUAL:
        return 0 < len(set(numbers)) == len(numbers)
    return not order or (bool(numbers) and numbers == sorted(numbers) and (order == RISING or len(numbers) == 3))


def _is_date(value):
    with suppress(ValueError):
        return bool(dt.date.fromisoformat(value))


def _name_what_came(value):
    if isinstance(value, (int, float)):
        return str(value).lower()
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return "other text" if value else "empty text"
    return "nothing" if value is None else f"a {type(value).__name__}"
