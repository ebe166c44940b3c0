"""The folder of finished cells: an interrupted measurement goes on, and what is not ours is measured anew."""

import json

import pytest

from helpers.checks.validation import coverage, list_cells, measure_cells
from helpers.inference import GUARANTEES

NPS = [g for g in GUARANTEES if g.name == "NPS difference"]


@pytest.fixture
def cells():
    return list_cells(NPS, replicates=5)


@pytest.fixture
def counted(monkeypatch):
    """Return the cells that are really measured; setting `counted.stop` interrupts at so many."""

    class Calls(list):
        stop = 1_000

    calls, measure = Calls(), coverage.measure_cell

    def count(cell, *args, **options):
        if len(calls) == calls.stop:
            raise KeyboardInterrupt
        calls.append(cell)
        return measure(cell, *args, **options)

    monkeypatch.setattr(coverage, "measure_cell", count)
    return calls


def test_measure_cells_resumes_where_it_was_interrupted(cells, counted, tmp_path):
    counted.stop = 2
    with pytest.raises(KeyboardInterrupt):
        measure_cells(cells, NPS, seed=1, store=tmp_path / "made")
    assert len(list((tmp_path / "made").iterdir())) == 2
    counted.stop = 1_000
    found = measure_cells(cells, NPS, seed=1, store=tmp_path / "made")
    assert counted == cells  # none twice
    assert found.equals(measure_cells(cells, NPS, seed=1))


def test_measure_cells_from_the_folder_alone_gives_the_same_frame(cells, counted, tmp_path):
    first = measure_cells(cells, NPS, seed=1, store=tmp_path)
    assert measure_cells(cells, NPS, seed=1, store=tmp_path).equals(first)
    assert len(counted) == len(cells)


@pytest.mark.parametrize("content", ["", '{"key": {}, "ro', "[]", '{"row": {}}', "null"], ids=range(5))
def test_measure_cells_measures_a_half_written_or_foreign_file_anew(cells, counted, tmp_path, content):
    first = measure_cells(cells[:1], NPS, seed=1, store=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert measure_cells(cells[:1], NPS, seed=1, store=tmp_path).equals(first)
    assert len(counted) == 2 and json.loads(file.read_text())["row"]["coverage"] == first.loc[0, "coverage"]


def test_measure_cells_does_not_believe_a_file_of_another_cell(cells, counted, tmp_path):
    measure_cells(cells[:2], NPS, seed=1, store=tmp_path)
    one, other = sorted(tmp_path.iterdir())
    one.write_text(other.read_text())
    measure_cells(cells[:2], NPS, seed=1, store=tmp_path)
    assert len(counted) == 3


def test_measure_cells_measures_anew_for_another_seed_level_code_or_promise(cells, counted, tmp_path, monkeypatch):
    from dataclasses import replace

    from helpers.checks.validation import store

    measure_cells(cells[:1], NPS, seed=1, store=tmp_path)
    measure_cells(cells[:1], NPS, seed=2, store=tmp_path)
    measure_cells(cells[:1], NPS, seed=1, store=tmp_path, confidence_level=0.9)
    found = measure_cells(cells[:1], [replace(NPS[0], least_arm=10_000)], seed=1, store=tmp_path)
    assert not found.loc[0, "inside"]
    monkeypatch.setattr(store, "_sum_code", lambda: "changed")
    measure_cells(cells[:1], NPS, seed=1, store=tmp_path)
    assert len(counted) == 5


def test_measure_cells_leaves_no_half_file_behind(cells, tmp_path):
    measure_cells(cells, NPS, seed=1, store=tmp_path)
    assert {file.suffix for file in tmp_path.iterdir()} == {".json"}


def test_measure_cells_on_two_processes_fills_the_folder(cells, counted, tmp_path):
    first = measure_cells(cells, NPS, seed=1, jobs=2, store=tmp_path)
    assert len(list(tmp_path.iterdir())) == len(cells)
    assert measure_cells(cells, NPS, seed=1, store=tmp_path).equals(first) and not counted
