"""Runs: which notebook is rendered under which name, with which parameters, after which others that it reads."""

import json
import os
import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from helpers import paths
from helpers.records import Refused, suggest
from helpers.report.parameters import Parameter, read_parameters, settle
from helpers.report.store import read_results

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
KEYS = ("name", "study", "parameters", "needs")


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
        raise Refused(f"{Path(file).name}: no such file") from None
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
    return scheme + str((base / Path(path).expanduser()).resolve())


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
