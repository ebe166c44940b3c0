"""reports.yaml: which runs there are, in which order, with which parameters, and what is refused."""

from pathlib import Path

import pytest
from sources_samples import tell_refusal

from helpers import paths
from helpers.report.runs import find_notebook, make_run, read_runs, read_yaml, select_runs

UNREADABLE = "not readable as YAML; check indentation, quotes, colons and keys that stand twice"


@pytest.fixture
def read(study):
    """Return a function that reads runs from a text beside the tiny study."""

    def reading(text):
        file = study.parent / "reports.yaml"
        file.write_text(text)
        return read_runs(file)

    return reading


def test_read_runs_puts_needed_runs_first(read):
    runs = read("- {name: b, study: tiny, needs: [a]}\n- {name: a, study: tiny, parameters: {seed: 9, label: 007}}")
    assert [run.name for run in runs] == ["a", "b"]
    assert runs[0].given == {"seed": 9, "label": "007"}
    assert runs[1].values == {"seed": 7, "label": "so", "data": "simulated"}


def test_read_runs_paths_start_at_its_folder(read, study):
    given, folder = "x.csv, '/abs/y.csv', 'public:jobs', 'duckdb:z.db', 'pg://h/d'", study.parent
    [run] = read(f"- {{name: a, study: tiny, parameters: {{data: [{given}]}}}}")
    assert run.given["data"] == [f"{folder}/x.csv", "/abs/y.csv", "public:jobs", f"duckdb:{folder}/z.db", "pg://h/d"]


@pytest.mark.parametrize(("text", "message"), [
    ("a: 1", "reports.yaml: needs a list of runs, each with name, study, parameters and needs"),
    ("- {name: a, studdy: tiny}", "reports.yaml: unknown key 'studdy'; did you mean study?"),
    ("- {name: a, name: b}", "reports.yaml, line 1: " + UNREADABLE),
    ("- [", "reports.yaml, line 1: " + UNREADABLE),
    ("- {name: a}", "reports.yaml, run a: needs a study, a mapping of parameters and a list of needs"),
    ("- {name: ../a, study: tiny}",
     "reports.yaml, run ../a: a run's name has 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit, such "
     "as a"),
    ("- {name: a, study: tiny}\n- {name: a, study: tiny}", "reports.yaml: the name 'a' stands twice; keep one"),
    ("- {name: a, study: tiny, needs: [b]}", "reports.yaml, run a: needs 'b', which is no run"),
    ("- {name: a, study: tiny, needs: [b]}\n- {name: b, study: tiny, needs: [a]}",
     "reports.yaml: needs go round in a circle: a, b, a"),
    ("- {name: a, study: tiny, parameters: {sed: 1}}",
     "reports.yaml, run a: tiny has no parameter 'sed'; did you mean seed?"),
    ("- {name: a, study: tiny, parameters: {seed: 101}}",
     "reports.yaml, run a: parameter seed: needs a whole number from 0 to 100; 101 came"),
])  # fmt: skip
def test_read_runs_refusals(read, text, message):
    assert tell_refusal(read, text) == message


def test_read_yaml_no_such_file(tmp_path):
    assert tell_refusal(read_yaml, tmp_path / "p.yaml") == (
        "p.yaml: no such file; check the name, and the folder it is read from"
    )


def test_select_runs_with_what_they_need(read):
    runs = read("- {name: a, study: tiny}\n- {name: b, study: tiny, needs: [a]}\n- {name: c, study: tiny}")
    assert [run.name for run in select_runs(runs, ["b"])] == ["a", "b"]
    assert select_runs(runs, []) == runs
    assert tell_refusal(select_runs, runs, ["cc"]) == "no run is called 'cc'; did you mean c?"


def test_make_run_base_and_name(study):
    run = make_run("tiny", name="mine", given={"data": "x.csv"}, base=study.parent)
    assert run.given == {"data": str(study.parent / "x.csv")} and run.notebook == study
    for name in ("Mine", "", "-a", "a" * 65, "a/b", "{pm}"):
        assert "begins with a letter or digit" in tell_refusal(make_run, "tiny", name=name, given={}, base=study.parent)


def test_make_run_stands_in_the_present_folder(study, monkeypatch):
    monkeypatch.chdir(study.parent)
    assert make_run("tiny", name="mine", given={"data": "x.csv"}).given == {"data": str(study.parent / "x.csv")}


def test_find_notebook_beside_or_in_the_repository(study, tmp_path, monkeypatch):
    assert find_notebook("tiny", base=study.parent) == study
    monkeypatch.setattr(paths, "NOTEBOOKS", study.parent)
    assert find_notebook("tiny", base=tmp_path) == study
    assert tell_refusal(find_notebook, "tinny", base=tmp_path) == "no study is called 'tinny'; did you mean tiny?"
    assert tell_refusal(find_notebook, "../tiny", base=tmp_path) == "no study is called '../tiny'; did you mean tiny?"
    assert isinstance(find_notebook("tiny", base=tmp_path), Path)
