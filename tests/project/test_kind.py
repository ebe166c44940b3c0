"""CONTRIBUTING's section on metric kinds, followed to the letter in a copy of the repository."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap

import pytest

from helpers import paths

TEXT = (paths.REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Add a metric kind\n")[2].partition("\n## ")[0]
FILES = re.findall(r"`(helpers/kinds/\w+\.py|notebooks/plans/\w+\.yaml)`", SECTION)
BLOCKS = re.findall(r"```\w+\n(.*?)```", SECTION, re.S)
COMMAND = re.search(r"`\.venv/bin/(studies report [^`]+)`", SECTION)[1]
START = "import sys; from helpers.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of the repository with the files that the section writes out."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("helpers", "notebooks", "data"):
        shutil.copytree(paths.REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(paths.REPOSITORY / name, root)
    for name, block in zip(FILES, BLOCKS, strict=True):
        (root / name).write_text(textwrap.dedent(" " * 3 + block.strip() + "\n"))
    return root


def run(root, *words):
    command = [sys.executable, "-c", START, *words]
    return subprocess.run(command, cwd=root, env={"PYTHONPATH": str(root), "HOME": str(root)}, capture_output=True)


def test_section_writes_one_file_of_code_and_one_plan():
    assert FILES == ["helpers/kinds/top_box.py", "notebooks/plans/scores.yaml"]


def test_kind_written_as_told_gives_an_estimate_with_a_verdict(copy):
    done = run(copy, *shlex.split(COMMAND)[1:])
    assert done.returncode == 0, done.stderr.decode()
    results = json.loads((copy / "reports/scores/results.json").read_text())
    (row,) = [row for row in results["estimates"] if row["metric"] == "pleased" and row["estimand"] == "difference"]
    assert (row["method"], row["verdict"]) == ("miettinen-nurminen", "clear benefit")
    assert row["ci_low"] < 0.06 < row["ci_high"]  # what was planted
    assert "points" in (copy / "reports/scores/summary.md").read_text()


def test_kind_written_as_told_refuses_by_its_own_rule(copy):
    plan = copy / "notebooks/plans/scores.yaml"
    (copy / "bare.yaml").write_text(plan.read_text().replace("line: 4, ", ""))
    done = run(copy, "check", "simulated", "--plan", "bare.yaml")
    assert done.returncode == 2
    assert "bare.yaml, metrics.pleased: a top box needs line, the lowest score that counts" in done.stderr.decode()
