"""One environment, written down three times: pyproject.toml, requirements.lock and environment.yml agree."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from functools import cache
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK, SPARK = ((ROOT / f"requirements{name}.lock").read_text() for name in ("", "-spark"))
UV = str(Path(sys.executable).parent / "uv")
SECOND_COMMAND = "pip install --no-build-isolation --no-deps -e ."


def read_lock(text=LOCK):
    """Return each locked requirement's text, without comments: name==version ; marker \\ --hash=..."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return re.split(r"\n(?=\S)", "\n".join(lines))


def read_environment():
    """Return what environment.yml asks of conda, and of pip."""
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    return [w for w in wanted if isinstance(w, str)], next(w["pip"] for w in wanted if isinstance(w, dict))


def test_lock_holds_every_dependency_at_an_allowed_version():
    locked = {}
    for entry in [*read_lock(), *read_lock(SPARK)]:
        requirement = Requirement(entry.split("\\")[0])
        locked.setdefault(canonicalize_name(requirement.name), []).append(str(requirement.specifier).removeprefix("=="))
    extras = PROJECT["optional-dependencies"]
    for text in chain(PROJECT["dependencies"], *extras.values()):
        wanted = Requirement(text)
        versions = locked.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted.name} is not in requirements.lock; make lock"
        assert all(wanted.specifier.contains(v) for v in versions), f"{text} but locked at {versions}; make lock"


@pytest.mark.parametrize("text", [LOCK, SPARK])
def test_lock_has_hashes_and_no_address_and_says_how_it_is_made(text):
    assert all("--hash=sha256:" in entry for entry in read_lock(text))
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|^-e |@ file", text, re.M)
    assert "make lock" in text.splitlines()[1]


def test_spark_is_no_part_of_what_everybody_installs():
    assert {entry.split("==")[0] for entry in read_lock(SPARK)} == {"py4j", "pyspark"}
    assert "pyspark" not in LOCK


@cache
def list_providers():
    """Return each module that can be imported, with the names of the packages that bring it."""
    return {module: {*map(canonicalize_name, names)} for module, names in metadata.packages_distributions().items()}


def read_imports(text):
    """Return the modules that a text of Python imports, at its top or inside a function, by their first name."""
    nodes = [*ast.walk(ast.parse(text))]
    named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.split(".")[0] for name in named}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("helpers", ["bench", "spark"]), ("notebooks", []), ("tests", PROJECT["optional-dependencies"])],
)
def test_all_that_is_imported_is_declared(folder, extras):
    """But tests/bench, whose peers stand in the Makefile; helpers look whether `bench` and `spark` are there."""
    texts = [file.read_text() for file in (ROOT / folder).rglob("*.py") if file.parent.name != "bench"]
    for file in (ROOT / folder).rglob("*.ipynb"):
        cells = [cell["source"] for cell in json.loads(file.read_text())["cells"] if cell["cell_type"] == "code"]
        texts += ["".join(line for line in lines if not line.startswith("%")) for lines in cells]
    own = {"helpers", *sys.stdlib_module_names, *(file.stem for file in (ROOT / "tests").rglob("*"))}
    asked = chain(PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in extras))
    declared = {canonicalize_name(Requirement(text).name) for text in asked}
    provided = {module for module, names in list_providers().items() if declared & names}
    provided |= declared  # Spark is declared, and not always there
    assert sorted(set().union(*map(read_imports, texts)) - own - provided) == []


def test_nothing_is_fetched_without_a_checksum():
    """What builds the package, and what installs the lock, stand in it."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    locked = {entry.split("==")[0] for entry in read_lock()}
    assert {*(Requirement(text).name for text in build), "uv"} <= locked
    recipe = (ROOT / "Makefile").read_text().partition("$(READY): ")[2]
    installs = [line for line in recipe.splitlines() if "pip install" in line or "$(INSTALL)" in line]
    assert len(installs) == 4
    assert all("--require-hashes" in line or "--no-build-isolation --no-deps" in line for line in installs)


def test_environment_names_the_lock_and_nothing_editable():
    conda, pip = read_environment()
    assert pip == ["-r requirements.lock"]
    assert "pip" in conda
    python = next(w for w in conda if w.startswith("python"))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.split("=")[-1])


def test_readme_gives_the_second_command():
    assert SECOND_COMMAND in (ROOT / "README.md").read_text()
    assert SECOND_COMMAND in (ROOT / "environment.yml").read_text()


def test_environment_commands_install_in_an_empty_environment(tmp_path):
    copy = tmp_path / "clone"
    copy.mkdir()
    for name in ("pyproject.toml", "requirements.lock", "environment.yml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("helpers", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(tmp_path / "empty")
    python = str(tmp_path / "empty" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python]
    first, second = read_environment()[1][0].split(), SECOND_COMMAND.split()[1:]
    few = copy / "few.lock"  # what `studies list` needs, for real; all was installed so where these tests run
    few.write_text("\n".join(entry for entry in read_lock() if re.match("(filelock|pyyaml|setuptools)==", entry)))
    commands = [
        [UV, "pip", "install", "--python", python, "--require-hashes", *first, "-q", "--dry-run"],
        [UV, "pip", "install", "--python", python, "-q", "--no-deps", "-r", few.name],
        [*pip, *second, "-q", "--no-compile"],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    studies = tmp_path / "empty" / "bin" / "studies"
    done = subprocess.run([studies, "list"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "experiment" in done.stdout


def test_running_python_is_allowed():
    assert SpecifierSet(PROJECT["requires-python"]).contains(".".join(map(str, sys.version_info[:3])))
