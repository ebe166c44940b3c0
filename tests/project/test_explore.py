"""Each notebook's cells to explore from: three at least, run as they stand, and left out of the report."""

import json

import matplotlib
import notebook_cells
import pandas as pd
import pytest
import yaml

matplotlib.use("Agg")


def list_exploring(study):
    """Return the code cells between "Explore from here" and the last: their tags and source."""
    cells = json.loads((notebook_cells.NOTEBOOKS / f"{study}.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    first = next(place for place, text in enumerate(texts) if text.startswith("## Explore from here"))
    return [(cell["metadata"].get("tags"), text) for cell, text in zip(cells, texts, strict=True)][first + 1 : -1]


spared = notebook_cells.spared  # for every test here


def run_cells(study, folder):
    """Return the names of a notebook as they stand when its results are made."""
    cells = notebook_cells.start(folder, study, {})
    *before, (last, _, _) = cells.statements
    space = dict(cells.reach(len(before)))
    exec(last, space)
    return space


@pytest.mark.parametrize("study", list(notebook_cells.SMALL))
def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(study, tmp_path, monkeypatch):
    exploring = list_exploring(study)
    assert len(exploring) >= 3 and all(tags == ["remove-cell"] for tags, _ in exploring)
    assert "seaborn" in exploring[0][1] and ".to_csv(export" in exploring[-1][1]
    assert any("by = " in text or "slide(" in text for _, text in exploring)
    space = run_cells(study, tmp_path)
    monkeypatch.chdir(tmp_path)
    for _, text in exploring:
        exec(compile(text, study, "exec"), space)
    assert space["text"].count("\n") >= 1 and not list(tmp_path.iterdir())
    matplotlib.pyplot.close("all")


def test_a_table_and_a_plan_in_memory_take_the_place_of_files_in_a_live_session(tmp_path):
    notebook_cells.write_skewed(tmp_path)
    file, plan = tmp_path / "skewed.csv", tmp_path / "skewed.yaml"
    found = []
    for given in (
        {"data": str(file), "plan": str(plan)},
        {"data": pd.read_csv(file), "plan": yaml.safe_load(plan.read_text())},
    ):
        cells = notebook_cells.Baseline("experiment", given)
        found.append(cells.reach(len(cells.statements)))
    first, second = (space["results"].estimates for space in found)
    assert [e.but(id="") for e in first] == [e.but(id="") for e in second] and len(first) > 1
    told = found[1]["parameters"]
    assert (told["data"], told["plan"]) == ("a table in memory", "a dict")


@pytest.mark.parametrize(
    ("study", "name", "planned", "moved"),
    [
        # what an agent hour costs moves the net value, the line of activation the difference
        ("live_support", "cost", 35, {17.5: "at $17.5", 105: "at $105"}),
        (
            "customer_milestones",
            "line",
            20,
            {12: "those with 12 conversations", 30: "those with 30 conversations"},
        ),
    ],
)
def test_sliders_tell_the_answer_anew_and_start_from_the_one_that_stands(
    study, name, planned, moved, tmp_path, monkeypatch
):
    monkeypatch.delenv("STUDIES_RUN", raising=False)
    space = run_cells(study, tmp_path)
    (cell,) = (text for _, text in list_exploring(study) if text.startswith("slide_"))
    box = eval(cell, space)
    (slider,) = box.kwargs_widgets
    assert slider.value == planned
    answer = "\n".join(space["results"].answer)
    assert box.f(**{name: slider.value}).text == answer
    for value, words in moved.items():
        slider.value = value  # as a hand would
        assert box.kwargs == {name: value}
        told = box.f(**box.kwargs).text
        assert words in told and told != answer
    if name == "line":
        assert box.f(line=10_000).text == "Fewer than 10 accounts lie on one side of this line."
    monkeypatch.setenv("STUDIES_RUN", "a")
    assert eval(cell, space).text == ""
