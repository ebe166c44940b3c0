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
COMMANDS = [shlex.split(text) for text in re.findall(r"`\.venv/bin/studies (report [^`]+)`", SECTION)]
RUN = """import json, sys
from helpers.cli import main
sys.exit(max(main(words) for words in json.loads(sys.argv[1])))"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of the repository with the files that the section writes out."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("helpers", "notebooks", "data"):  # with what is compiled
        shutil.copytree(paths.REPOSITORY / name, root / name)
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(paths.REPOSITORY / name, root)
    for name, block in zip(FILES, BLOCKS, strict=True):
        (root / name).write_text(textwrap.dedent(" " * 3 + block.strip() + "\n"))
    return root


def run(root, *commands):
    """Run `studies` commands in one process that has the copy's helpers."""
    command = [sys.executable, "-c", RUN, json.dumps(commands)]
    return subprocess.run(command, cwd=root, env={"PYTHONPATH": str(root), "HOME": str(root)}, capture_output=True)


def test_section_writes_one_file_of_code_and_two_plans():
    assert FILES == ["helpers/kinds/top_box.py", "notebooks/plans/scores.yaml", "notebooks/plans/score_events.yaml"]


@pytest.fixture(scope="module")
def reported(copy):
    """Return the copy, once every command of the section has ended well."""
    done = run(copy, *COMMANDS)
    assert done.returncode == 0, done.stderr.decode()
    return copy


@pytest.mark.parametrize("name", [words[3] for words in COMMANDS])
def test_kind_written_as_told_gives_an_estimate_with_a_verdict(reported, name):
    results = json.loads((reported / f"reports/{name}/results.json").read_text())
    assert results["status"] == "answered"
    rows = [row for row in results["estimates"] if row["metric"] == "pleased" and row["estimand"] == "difference"]
    (row,) = [row for row in rows if row["at"] is None]  # weeks are rows of their own
    assert (row["method"], row["verdict"]) == ("miettinen-nurminen", "clear benefit")
    assert row["ci_low"] < 0.06 < row["ci_high"]  # what was planted
    told = (reported / f"reports/{name}/summary.md").read_text()
    assert "points" in told and "Pleased (line 4)" in told


def test_kind_written_as_told_refuses_by_its_own_rule(copy):
    plan = copy / "notebooks/plans/scores.yaml"
    (copy / "bare.yaml").write_text(plan.read_text().replace("line: 4, ", ""))
    done = run(copy, ["check", "simulated", "--plan", "bare.yaml"])
    told = "bare.yaml, line 11, metrics.pleased: a top box needs line, the lowest score that counts"
    assert done.returncode == 2 and told in done.stderr.decode()


OTHER = """from helpers.kinds import Kind
KIND = Kind("worded", None, keys={"line": (str, "none"), "parts": (list[str], [])})
"""
READ = """from helpers.plan import Metric
for given in ({"kind": "top_box", "line": "7"}, {"kind": "worded", "line": "7"}, {"kind": "worded"},
              {"kind": "top_box", "line": "high"}, {"kind": "amount", "line": "7"}):
    try:
        print(repr(Metric(**given).line))
    except ValueError as error:
        print(error.errors()[0]["loc"], error.errors()[0]["msg"])
"""


def test_two_kinds_may_bring_keys_of_one_name(copy):
    other = copy / "helpers/kinds/worded.py"
    other.write_text(OTHER)
    given = {"env": {"PYTHONPATH": str(copy)}, "cwd": copy, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", READ], **given)
    other.unlink()
    unread = "('line',) Input should be a valid number, unable to parse string as a number"
    strange = "() Value error, a metric of kind amount has no line; it is for kind top_box or worded"
    assert done.stdout.splitlines() == ["7.0", "'7'", "'none'", unread, strange]
