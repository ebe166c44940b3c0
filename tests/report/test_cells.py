"""What a notebook's cells call: parameters checked in the running notebook, results published once."""

import json
import subprocess
import sys

import pytest

from helpers import paths, report
from helpers.records import DataInfo, Refused, Results
from helpers.report.document import RESULTS_MIME

INFO = DataInfo("simulated", "planted", "simulation", None, 4, 4)
RESULTS = Results("tiny", "Tiny", "Is it?", "answered", INFO, {}, answer=("It is.",))


def test_check_parameters_of_the_notebook_in_this_folder(study, monkeypatch):
    monkeypatch.chdir(study.parent)
    namespace = {"seed": 8, "label": "so", "data": ["a.csv"], "other": 1}
    assert report.check_parameters("tiny", namespace) == {"seed": 8, "label": "so", "data": ["a.csv"]}
    with pytest.raises(Refused, match=r"^parameter seed: needs a whole number from 0 to 100; other text came$"):
        report.check_parameters("tiny", {**namespace, "seed": "8"})
    with pytest.raises(Refused, match=r"^tiny: the parameters cell does not set label, data; run it first$"):
        report.check_parameters("tiny", {"seed": 8})


def test_check_parameters_finds_the_notebook_elsewhere(study, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"seed": 8, "label": "so", "data": "simulated"}
    monkeypatch.setenv("STUDIES_NOTEBOOK", str(study))
    assert report.check_parameters("tiny", namespace) == namespace
    monkeypatch.delenv("STUDIES_NOTEBOOK")
    monkeypatch.setattr(paths, "NOTEBOOKS", study.parent)
    assert report.check_parameters("tiny", namespace) == namespace


def test_publish_displays_one_output_in_a_notebook_and_is_silent_elsewhere(monkeypatch, capsys):
    report.publish(RESULTS, {"seed": 7})
    assert capsys.readouterr().out == ""
    shown = []
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.setenv("STUDIES_RUN", "mine")
    report.publish(RESULTS, {"seed": 7})
    (published,) = (output[RESULTS_MIME] for output in shown)
    assert shown[0]["text/plain"] == "Tiny\nIt is."
    assert (published["run"], published["parameters"]) == ("mine", {"seed": 7})
    assert published["card"]["answer"] == "It is."
    assert published["files"]["summary.md"].startswith("# ")
    assert "scorecard.png" not in published["files"]  # nothing was estimated, so there is no picture
    assert json.loads(json.dumps(published)) == published


def test_report_imports_nothing_heavy():
    heavy = ("papermill", "nbconvert", "nbformat", "jupyter_client", "matplotlib", "pydantic")
    code = f"import sys; from helpers import report; report.render; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_tell_refits_says_how_far_it_is_on_one_line(capsys):
    for done in (1, 2):
        report.tell_refits(done, 2)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "\rranking: 1 of 2 half-samples\rranking: 2 of 2 half-samples\n")
