"""One environment, written down three times: pyproject.toml, requirements.lock and environment.yml agree."""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
UV = str(Path(sys.executable).parent / "uv")
SECOND_COMMAND = "pip install --no-deps -e ."


def read_lock():
    """Return each locked requirement's text, without comments: name==version ; marker \\ --hash=..."""
    lines = [line for line in LOCK.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return re.split(r"\n(?=\S)", "\n".join(lines))


def read_environment():
    """Return what environment.yml asks of conda, and of pip."""
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    return [w for w in wanted if isinstance(w, str)], next(w["pip"] for w in wanted if isinstance(w, dict))


def test_lock_holds_every_dependency_at_an_allowed_version():
    locked = {}
    for entry in read_lock():
        requirement = Requirement(entry.split("\\")[0])
        locked.setdefault(canonicalize_name(requirement.name), []).append(str(requirement.specifier).removeprefix("=="))
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["examples"], *extras["bench"], *extras["dev"]]:
        wanted = Requirement(text)
        versions = locked.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted.name} is not in requirements.lock; make lock"
        assert all(wanted.specifier.contains(v) for v in versions), f"{text} but locked at {versions}; make lock"


def test_lock_has_hashes_and_no_address():
    assert all("--hash=sha256:" in entry for entry in read_lock())
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|^-e |@ file", LOCK, re.M)


def test_lock_says_how_it_is_made():
    assert "make lock" in LOCK.splitlines()[1]


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
    few.write_text("\n".join(entry for entry in read_lock() if re.match("(filelock|pyyaml)==", entry)))
    commands = [
        [UV, "pip", "install", "--python", python, "--require-hashes", *first, "-q", "--dry-run"],
        [*pip, "install", "-q", "--no-deps", "-r", few.name],
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
