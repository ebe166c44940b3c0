"""The repository's own files: the Makefile explains itself, CI runs what people run, no machine leaves its trace."""

import ast
import configparser
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def list_files():
    """Return the files that git holds or would hold."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_make_help_lists_every_target():
    targets = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split()
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(targets) == sorted(line.split()[1] for line in shown.splitlines())


def test_make_environment_comes_from_the_lock_and_is_remade_only_when_it_changes():
    recipe = MAKEFILE.split("$(READY): pyproject.toml requirements.lock")[1]
    assert "--compile-bytecode --require-hashes -r requirements.lock" in recipe
    steps = [recipe.index(step) for step in ("-r requirements.lock", "--no-deps -e .", "compileall -q helpers")]
    assert "--universal --fork-strategy fewest" in MAKEFILE
    assert "--generate-hashes --no-emit-index-url" in MAKEFILE  # a lock names no address
    assert steps == sorted(steps)  # the last for whoever forbids bytecode: each command would compile all modules


def test_ci_requires_everything_and_runs_make_test():
    file = ROOT / ".ci" / "run"
    assert os.access(file, os.X_OK)
    assert subprocess.run(["bash", "-n", file]).returncode == 0
    text = file.read_text()
    assert "STUDIES_REQUIRE_ALL=1" in text
    assert text.rstrip().endswith("make test")


def test_ci_installs_whatever_a_test_needs():
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    asked = re.findall(r"\bneeds\(\"([\w:.]+)\"", tests)
    wanted = re.findall(r"^want (\S+) ", (ROOT / ".ci" / "run").read_text(), re.M)
    assert {"chromium", "R:survival"} <= set(asked) <= set(wanted)


@pytest.mark.parametrize(("required", "stop"), [("1", pytest.fail.Exception), ("0", pytest.skip.Exception)])
def test_needs_stops_where_a_program_or_a_package_of_r_is_missing(required, stop, needs, monkeypatch):
    monkeypatch.setenv("STUDIES_REQUIRE_ALL", required)
    for absent in ("no-such-program", "R:no.such.package"):
        with pytest.raises(stop, match=f"{absent} is missing"):
            needs(absent)


def test_commit_hooks_need_no_network_and_strip_notebooks_without_renaming_cells(tmp_path):
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    entry = next(hook["entry"] for hook in repositories[0]["hooks"] if hook["id"] == "nbstripout")
    ran = {"cell_type": "code", "id": "c01", "source": "1", "execution_count": 1, "outputs": []}
    ran["metadata"] = {"tags": ["kept"], "papermill": {"status": "completed"}, "execution": {"idle": "t"}}
    book = {"cells": [ran], "metadata": {"papermill": {"version": "2"}}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(book))
    program, *options = shlex.split(entry)
    subprocess.run([Path(sys.executable).parent / Path(program).name, *options, tmp_path / "a.ipynb"], check=True)
    stripped = json.loads((tmp_path / "a.ipynb").read_text())
    cell = {**ran, "execution_count": None, "metadata": {"tags": ["kept"]}, "source": ["1"]}
    assert (stripped["cells"], stripped["metadata"]) == ([cell], {})


@pytest.mark.parametrize("name", ["notebooks", "helpers", "data", "reports", "tests", "environment.yml", "README.md"])
def test_top_level_names_are_there(name):
    assert (ROOT / name).exists()


def test_import_line_names_every_room_once():
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    line = re.findall(r"\w+", contract["importlinter:contract:rooms"]["layers"])
    rooms = {p.stem for p in (ROOT / "helpers").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert len(line) == len(set(line))
    assert rooms - {"__init__"} <= set(line)


def test_files_hold_no_path_of_a_machine():
    trace = re.compile(r"/(?:work|root|home|Users)/[\w.]")
    pictures = {".png", ".gz", ".parquet", ".lock"}
    texts = [f for f in list_files() if f.suffix not in pictures and ROOT / "tests" not in f.parents]
    found = {str(f.relative_to(ROOT)) for f in texts if trace.search(f.read_text(errors="replace"))}
    assert found == set()


def count_code(text, tree):
    """Return how many lines of code a module has, without docstrings, comments and blank lines."""
    told = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            told |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    return sum(place not in told and line != "" and not line.startswith("#") for place, line in lines)


def list_faults(file):
    """Return what is too long in a module, or lacks a docstring."""
    text = file.read_text()
    tree = ast.parse(text)
    n_lines = count_code(text, tree)
    faults = [f"{file.name}: {n_lines} lines of code"] if n_lines > 300 else []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body and body[-1].end_lineno - body[0].lineno >= 40:
                faults.append(f"{file.name}: {node.name} is longer than 40 lines")
            if node.col_offset == 0 and not node.name.startswith("_") and not ast.get_docstring(node):
                faults.append(f"{file.name}: {node.name} has no docstring")
    return faults


def test_modules_are_short_and_public_functions_explained():
    assert [fault for file in sorted((ROOT / "helpers").rglob("*.py")) for fault in list_faults(file)] == []


def list_used(tree):
    """Return the words by which some code uses things: names, attributes, texts; imports and docstrings are no use."""
    nodes = list(ast.walk(tree))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    fields = {ast.Name: "id", ast.Attribute: "attr", ast.Constant: "value"}
    texts = [str(getattr(node, fields[type(node)])) for node in nodes if type(node) in fields and id(node) not in told]
    return {word for text in texts for word in re.findall(r"\w+", text)}


def test_public_functions_are_used():
    modules = {file: ast.parse(file.read_text()) for file in sorted((ROOT / "helpers").rglob("*.py"))}
    cells = [cell for file in (ROOT / "notebooks").glob("*.ipynb") for cell in json.loads(file.read_text())["cells"]]
    code = [ast.parse("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    has_code = {file: any(isinstance(node, ast.FunctionDef) for node in tree.body) for file, tree in modules.items()}
    rooms = [tree for file, tree in modules.items() if file.name != "__init__.py" or has_code[file]]
    listed = [tree for file, tree in modules.items() if file.name == "__init__.py"]  # tables of functions, by name
    named = {node.id for tree in listed for node in ast.walk(tree) if isinstance(node, ast.Name)}
    commands = re.findall(r"answers: \w+:(\w+)", (ROOT / "helpers" / "cli" / "commands.yaml").read_text())
    used = named.union(commands, *map(list_used, [*rooms, *code]))
    made = [node.name for tree in rooms for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [name for name in made if not name.startswith("_") and name not in used] == []
