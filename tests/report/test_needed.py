"""What a notebook reads of other runs: from where the runner says, from reports/, or from files that are named."""

import json
from types import SimpleNamespace

import pytest
from tiny_study import payload

from helpers import paths
from helpers.records import Refused
from helpers.report.runs import read_needed

WHOLE = payload(SimpleNamespace(name="one", values={}))["results"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of reports with one of two runs, and a reports.yaml that needs both."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "results.json").write_text(json.dumps(WHOLE))
    runs = tmp_path / "reports.yaml"
    runs.write_text("- {name: review, study: review, needs: [one, two]}\n- {name: other, study: other}\n")
    monkeypatch.setattr(paths, "RUNS", runs)
    monkeypatch.setattr(paths, "REPORTS", tmp_path)
    monkeypatch.delenv("STUDIES_NEEDS", raising=False)
    return tmp_path


def test_needed_runs_are_those_of_reports_yaml_and_a_missing_one_is_none(folder):
    assert read_needed("review") == {"one": WHOLE, "two": None}
    assert read_needed("other") == read_needed("stranger") == {}


def test_the_runner_says_where_they_lie(folder, monkeypatch):
    monkeypatch.setenv("STUDIES_NEEDS", json.dumps({"mine": str(folder / "one" / "results.json")}))
    assert read_needed("review") == {"mine": WHOLE}
    monkeypatch.setenv("STUDIES_NEEDS", "{}")
    assert read_needed("review") == {}


def test_named_files_take_their_place_and_are_checked(folder):
    assert read_needed("review", [str(folder / "one" / "results.json")]) == {"one": WHOLE}
    (folder / "odd.json").write_text('{"study": "s"}')
    assert read_needed("review", str(folder / "one" / "results.json")) == {"one": WHOLE}
    for name in ("odd.json", "absent.json"):
        with pytest.raises(Refused) as refused:
            read_needed("review", [str(folder / name)])
        told = f"runs, {name}: holds no results of a run that this version has made; name one of a report, made anew"
        assert str(refused.value) == told
