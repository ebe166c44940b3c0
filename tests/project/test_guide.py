"""The guide's commands run in the order given, on the tables that the guide makes up."""

import json
import re
import shlex

import notebook_cells
import pytest

from helpers.cli import main

CELLS = json.loads((notebook_cells.NOTEBOOKS / "guide.ipynb").read_text(encoding="utf-8"))["cells"]
SOURCES = {cell["id"]: "".join(cell["source"]) for cell in CELLS}
FEW = "-p refits=4 -p n_resamples=99 -p folds=3"


@pytest.fixture
def folder(monkeypatch):
    """Give where the guide has written its tables, and stand there."""
    space = {"seed": 3}
    for name in ("set-up", "tables", "tables-of-sums", "accounts-tables"):
        exec(SOURCES[name].partition("parameters =")[0], space)
    monkeypatch.chdir(space["folder"])
    yield space["folder"]
    monkeypatch.undo()


def test_commands_of_the_guide_run_on_its_tables(folder, capfd):
    blocks = re.findall(r"^```sh\n(.*?)^```", "\n".join(f"{text}\n" for text in SOURCES.values()), re.M | re.S)
    commands = [line for block in blocks for line in block.splitlines()]
    assert [line.split()[1] for line in commands].count("report") == 4
    for line in commands:
        words = shlex.split(line + f" {FEW}" * ("customer_milestones" in line) + " --out out" * (" report " in line))
        assert main(words[1:]) == 0, (line, capfd.readouterr().err[-1500:])
    reports = {file.parent.name: json.loads(file.read_text()) for file in folder.glob("out/*/results.json")}
    kinds = {name: found["data"]["kind"] for name, found in reports.items()}
    assert kinds == dict.fromkeys(("first-own", "from-a-log", "from-sums", "our-companies"), "yours")
    assert (folder / "draft.yaml").is_file()
