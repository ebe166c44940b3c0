"""The grid: what is tried, how often, and seeds that depend on the cell alone."""

from dataclasses import replace

import pytest

from helpers import inference, survival
from helpers.checks import judge_cells, list_cells, measure_cells, summarise_guarantees
from helpers.simulate.populations import POPULATIONS

GUARANTEES = (*inference.GUARANTEES, *survival.GUARANTEES)


def pick(name):
    return next(g for g in GUARANTEES if g.name == name)


def test_list_cells_deep_holds_both_splits_and_all_sizes():
    cells = list_cells([pick("Welch difference")], "deep")
    sizes = {(c.n_control, c.n_treatment) for c in cells}
    assert {(50, 50), (90, 10), (20_000, 20_000), (36_000, 4_000)} <= sizes and len(sizes) == 10
    assert {POPULATIONS[c.population].family for c in cells} == {"counts", "money", "scores"}
    assert {c.replicates for c in cells} == {10_000}


def test_list_cells_keeps_the_limits_of_slow_methods():
    cells = list_cells([pick("permutation difference")], "deep")
    assert {c.replicates for c in cells} == {2_000}
    assert max(min(c.n_control, c.n_treatment) for c in cells) <= 2_000
    assert {c.replicates for c in list_cells([pick("permutation difference")], "deep", replicates=50)} == {50}


def test_list_cells_enumerates_shares():
    assert {c.replicates for c in list_cells([pick("score ratio")], "deep", replicates=500)} == {0}


def test_list_cells_tries_a_test_without_interval_only_where_there_is_no_effect():
    guarantee = replace(pick("Welch difference"), has_interval=False)
    cells = list_cells([guarantee], "deep")
    assert not any(POPULATIONS[c.population].has_effect("difference") for c in cells)


def test_list_cells_quick_tries_each_guarantee_with_and_without_an_effect():
    for guarantee in GUARANTEES:
        cells = list_cells([guarantee])
        planted = {POPULATIONS[c.population].has_effect(guarantee.estimand) for c in cells}
        assert planted == ({True, False} if guarantee.has_interval else {False}), guarantee.name


def test_list_cells_refuses_another_depth():
    with pytest.raises(ValueError) as error:
        list_cells(GUARANTEES, "medium")
    assert str(error.value) == "depth medium: give quick or deep"


def test_cell_seed_depends_on_guarantee_population_and_sizes_alone():
    cell = list_cells([pick("Welch difference")])[0]
    assert cell.seed() == replace(cell, replicates=7).seed()
    others = [replace(cell, guarantee="x"), replace(cell, population="x"), replace(cell, n_control=7)]
    assert len({cell.seed(), *(c.seed() for c in others)}) == 4


@pytest.fixture(scope="module")
def judged():
    """Return the seeded grid of `make test`, measured and judged."""
    return judge_cells(measure_cells(list_cells(GUARANTEES), GUARANTEES, seed=2022))


def test_quick_grid_holds_every_promise(judged):
    failing = judged[judged["verdict"] == "fails"]
    assert failing[["guarantee", "population", "n_treatment", "coverage", "false_alarm"]].values.tolist() == []


def test_quick_grid_has_every_guarantee_inside_its_domain(judged):
    summary = summarise_guarantees(judged)
    assert summary.loc[summary["cells_inside"] == 0, "guarantee"].tolist() == []
    assert summary["guarantee"].tolist() == [g.name for g in GUARANTEES]
    assert summary["verdict"].unique().tolist() == ["holds"]


def test_quick_grid_shows_cells_outside_the_domains(judged):
    outside = judged[judged["verdict"] == "outside its domain"]
    welch = outside[(outside["guarantee"] == "Welch difference") & (outside["n_treatment"] < outside["n_control"])]
    # heavy tails and a 90/10 split: Welch raises 11 to 19 % false alarms, and the permutation test stands in for it
    assert welch["false_alarm"].max() > 0.1
