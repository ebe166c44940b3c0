"""Runs: which notebook is rendered under which name, what its parameters cell allows, and which others it reads."""

import ast
import datetime as dt
import io
import json
import math
import os
import re
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from helpers import paths
from helpers.records import Refused, suggest
from helpers.report.store import PATHS, read_results

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
KEYS = ("name", "study", "parameters", "needs")
KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "list": "a list"}
TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list}
TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
UNEQUAL = "a list of different numbers"
RISING = "a list of numbers in rising order"
TRIPLE = "a list of three numbers in rising order"
LIMITS = re.compile(r"(?:\[ *(.*?) *, *(.*?) *\]|\{(.+)\})?")
FORM = "write name: type = literal  # [low, high] or {a, b}; unit; meaning"


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


@dataclass(frozen=True)
class Run:
    """One report to be: `given` are the parameters that differ from the notebook's own, typed and checked."""

    name: str
    study: str
    notebook: Path
    declared: dict[str, Parameter]
    given: dict[str, Any]
    needs: tuple[str, ...]

    @property
    def values(self) -> dict[str, Any]:
        """Every parameter with the value it takes."""
        return {name: self.given.get(name, parameter.default) for name, parameter in self.declared.items()}


class _Text(yaml.SafeLoader):
    """YAML in which every scalar stays as written, and empty, ~ or null is nothing; keys may not repeat."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [pair for pair in pairs if pair[0].endswith((":null", ":merge"))]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        if len({str(key.value) for key, _ in node.value}) < len(node.value):
            raise yaml.MarkedYAMLError(problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(file) -> Any:
    """Return what a YAML file holds, every scalar as text, empty as None.

    Raises
    ------
    Refused: no such file, not YAML, a key twice.
    """
    try:
        return yaml.load(Path(file).read_text(encoding="utf-8-sig"), _Text)
    except OSError:
        raise Refused(f"{Path(file).name}: no such file; check the name, and the folder it is read from") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        from helpers.plan import explain_yaml  # here: it takes a while to import, and few files are broken

        raise Refused(f"{Path(file).name}{explain_yaml(error)}") from None


def read_runs(file=None) -> tuple[Run, ...]:
    """Return every run of a reports.yaml, checked, each after those it needs.

    Parameters
    ----------
    file : Path, optional
        notebooks/reports.yaml when left out. Paths in it start at its folder; a study is the notebook of that
        name beside it, or else in notebooks/.

    Returns
    -------
    tuple of Run

    Raises
    ------
    Refused: no such file, not a list of {name, study, parameters, needs}, a name twice, not allowed or unknown,
        needs that go round in a circle, no such study, a parameter that `settle` refuses.
    """
    file = Path(file or paths.RUNS).absolute()
    entries = read_yaml(file) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refused(f"{file.name}: needs a list of runs, each with name, study, parameters and needs")
    return _put_in_order([_read_entry(entry, file) for entry in entries], file.name)


def select_runs(runs, names) -> tuple[Run, ...]:
    """Return the named runs and all that they need, in order; every run when no name is given.

    Raises
    ------
    Refused: a name that is not among the runs, with the nearest.
    """
    known = [run.name for run in runs]
    for name in names:
        if name not in known:
            raise Refused(f"no run is called {name[:40]!r}; {suggest(name, known, 'there are')}")
    wanted = set(names or known)
    for run in reversed(runs):
        if run.name in wanted:
            wanted.update(run.needs)
    return tuple(run for run in runs if run.name in wanted)


def make_run(study, *, name, given, needs=(), base=None) -> Run:
    """Return one run of a study with parameters as the user wrote them.

    Parameters
    ----------
    study : str
        Name of a notebook.
    name : str
        Folder of the report, `[a-z0-9][a-z0-9_-]{0,63}`.
    given : dict of str to str or list of str
        As written; relative paths start at `base`.
    needs : iterable of str
        Names of the runs whose results it needs.
    base : Path, optional
        The folder where the user stands when left out.

    Returns
    -------
    Run

    Raises
    ------
    Refused: a name not allowed, no such study, a parameter that `settle` refuses.
    """
    if not NAME.fullmatch(str(name)):
        near = re.sub(r"[^a-z0-9_]+", "-", str(name).casefold()).strip("-_")[:64] or "spring-review"
        allowed = "a run's name has 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit"
        raise Refused(f"{allowed}, such as {near}")
    base = Path(base or Path.cwd())
    notebook = find_notebook(study, base=base)
    declared = read_parameters(notebook)
    values = settle(declared, given, study=study)
    for key, value in values.items():
        is_name = key == "plan" and "/" not in str(value) and not str(value).endswith((".yaml", ".yml"))
        if declared[key].is_path and not is_name:
            values[key] = _absolute(value, base)
    return Run(name, study, notebook, declared, values, tuple(needs))


def _read_entry(entry, file):
    for key in entry:
        if key not in KEYS:
            raise Refused(f"{file.name}: unknown key {str(key)[:40]!r}; {suggest(key, KEYS, 'allowed')}")
    name, study, given, needs = (entry.get(key) for key in KEYS)
    if not isinstance(study, str) or not isinstance(given or {}, dict) or not isinstance(needs or [], list):
        raise Refused(f"{file.name}, run {name}: needs a study, a mapping of parameters and a list of needs")
    try:
        return make_run(study, name=name, given=given or {}, needs=needs or [], base=file.parent)
    except Refused as error:
        raise Refused(f"{file.name}, run {name}: {error}") from None


def find_notebook(study, *, base) -> Path:
    """Return the notebook of a study: beside the user's runs, or else in notebooks/.

    Raises
    ------
    Refused: no such study, with the nearest.
    """
    beside = [base / f"{study}.ipynb", paths.notebook_file(study)] if NAME.fullmatch(study) else []
    for file in beside:
        if file.is_file():
            return file
    known = sorted(file.stem for file in paths.NOTEBOOKS.glob("*.ipynb"))
    raise Refused(f"no study is called {study[:40]!r}; {suggest(study, known, 'there are')}")


def _absolute(value, base):
    """Return a path, or a list of them, with what is relative made absolute from the base; other forms stay."""
    if isinstance(value, list):
        return [_absolute(item, base) for item in value]
    if not isinstance(value, str) or value in ("", "simulated") or value.startswith("public:") or "://" in value:
        return value
    scheme, path = ("duckdb:", value[7:]) if value.startswith("duckdb:") else ("", value)
    return scheme + str((base / os.path.expanduser(path)).resolve())


def _put_in_order(runs, file):
    by_name = {run.name: run for run in runs}
    for run in runs:
        if by_name[run.name] is not run:
            raise Refused(f"{file}: the name {run.name!r} stands twice; keep one")
        for need in run.needs:
            if need not in by_name:
                raise Refused(f"{file}, run {run.name}: needs {str(need)[:40]!r}, which is no run")
    try:
        return tuple(by_name[name] for name in TopologicalSorter({r.name: r.needs for r in runs}).static_order())
    except CycleError as error:
        raise Refused(f"{file}: needs go round in a circle: {', '.join(error.args[1])}") from None


def read_needed(study, files=None) -> dict[str, dict | None]:
    """Return the results of the runs that a study needs, by name.

    Parameters
    ----------
    study : str
        Its first run in notebooks/reports.yaml says which; the runner says where they lie, else reports/.
    files : str or sequence of str, optional
        Instead of those: one path or several, of results.json files.

    Returns
    -------
    dict: name of the run -> content of its results.json; None where there is none, or one that is damaged or
        of another version.

    Raises
    ------
    Refused: a file that was named is not there, or holds no results.
    """
    if files is None:
        return {name: read_results(Path(file)) or None for name, file in _list_needed(study).items()}
    found = {}
    for file in [files] if isinstance(files, str) else files:
        results = read_results(Path(file))
        if not results:
            told = "holds no results of a run that this version has made; name one of a report, made anew"
            raise Refused(f"runs, {Path(file).name}: {told}")
        found[results["run"]] = results
    return found


def _list_needed(study):
    if "STUDIES_NEEDS" in os.environ:
        return json.loads(os.environ["STUDIES_NEEDS"])
    entry = next((run for run in read_yaml(paths.RUNS) if run["study"] == study), {})
    return {name: paths.REPORTS / name / "results.json" for name in entry.get("needs") or ()}
