"""Cells to explore from, of notebooks whose parameters are tested on other runs; sliders, and tables in memory."""

import notebook_cells
import pandas as pd
import yaml

spared = notebook_cells.spared  # for every test here
STUDY = "customer_milestones"


def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(tmp_path, monkeypatch):
    notebook_cells.assert_explores(STUDY, tmp_path, monkeypatch)


def test_slider_tells_the_answer_anew_and_starts_from_the_one_that_stands():
    moved = {12: "those with 12 conversations", 30: "those with 30 conversations"}
    box = notebook_cells.assert_slides(STUDY, "line", 20, moved)
    assert box.f(line=10_000).text == "Fewer than 10 accounts lie on one side of this line."


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
