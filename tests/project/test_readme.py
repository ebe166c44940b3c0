"""What README says works: its links lead somewhere, and its `studies` commands run in the order given."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# A user's commands one after the other, in one process; a drafted plan gets its roles as she would give them.
DRIVER = """\
import json, os, sys
from pathlib import Path
from helpers.cli import main
for program, *words in json.loads(sys.argv[1]):
    if program == "cd":
        os.chdir(*words)
    elif main(words):
        sys.exit("failed: " + " ".join(words))
    for plan in Path.home().glob("*/plan.yaml"):
        plan.write_text(plan.read_text().replace("    role:   #", "    role: secondary   #"))
    for runs in Path.home().glob("my-experiment/reports.yaml"):
        runs.write_text(runs.read_text().replace("data: simulated", "data: assignments.csv"))"""


def list_commands(start="."):
    """Return the `studies` and `cd` lines of README's code blocks, split as a shell splits them, each block's after a
    `cd` to where it starts."""
    commands = []
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S):
        lines = [line.split(" #")[0].strip() for line in block.splitlines()]
        commands += [["cd", start], *(shlex.split(line) for line in lines if line.startswith(("studies ", "cd ")))]
    return commands


@pytest.fixture(scope="module")
def clone(reports, runs, tmp_path_factory):
    """Return a copy of what a clone holds, with its reports, and a home with the table that README speaks of."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("helpers", "notebooks", "data"):  # with what is compiled
        shutil.copytree(ROOT / name, folder / "clone" / name, ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT / "requirements.lock", folder / "clone")
    shutil.copy(runs, folder / "clone" / "notebooks" / "reports.yaml")
    shutil.copytree(reports, folder / "clone" / "reports", ignore=shutil.ignore_patterns(".*", "index.html"))
    rows = [f"c{i:05d},{('old', 'new')[i % 2]},{i % 7 // 4},{i % 5}\n" for i in range(400)]
    (folder / "home" / "my-experiment").mkdir(parents=True)
    table = folder / "home" / "my-experiment" / "assignments.csv"
    table.write_text("customer_id,arm,activated,tickets\n" + "".join(rows))
    return folder


def test_readme_commands_are_found():
    assert {"report", "init", "plan", "check", "share"} <= {words[1] for words in list_commands()}


def test_readme_commands_run(clone):
    home, commands = str(clone / "home"), list_commands(start=str(clone / "clone"))
    commands = [[word.replace("~", home, 1) if word.startswith("~") else word for word in words] for words in commands]
    few = {("simulate", "customer_milestones"): "--units 600"}
    few |= {("report", "customer_milestones"): "-p refits=4 -p n_resamples=99 -p folds=3"}
    few |= {("report", "proactive_help"): "-p n_units=1500", ("check", "assignments.csv"): "--aa 100"}
    few |= {("report", "experiment_design"): "-p most_weeks=20 -p draws=4000"}
    commands = [words + few.get((*words[1:3],), "").split() for words in commands]
    environment = os.environ | {"PYTHONPATH": str(clone / "clone"), "HOME": home}
    command = [sys.executable, "-c", DRIVER, json.dumps(commands)]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1000:]
    assert (clone / "clone" / "reports" / "index.html").is_file()
    results = json.loads((clone / "home/my-experiment/reports/my_experiment/results.json").read_text())
    assert results["data"]["units"] == 400


def test_recipes_that_render_again_are_yaml_and_call_commands_that_exist():
    text = (ROOT / "helpers" / "cli" / "workspace" / "README.md").read_text(encoding="utf-8")
    recipes = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)]
    assert [sorted(set(recipe) & {"jobs", "reports"}) for recipe in recipes] == [["jobs"], ["reports"]]
    assert all(f".venv/bin/studies {name}" in str(recipe) for recipe in recipes for name in ("report", "share --to"))
    assert all(".private" in str(recipe) for recipe in recipes)  # what has one row a unit is never kept


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
