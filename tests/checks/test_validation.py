"""The grid, what one cell shows by hand and by enumeration, and a measurement that goes on where it was stopped."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from sources_samples import tell_refusal

from helpers.checks import judge_cells, list_cells, measure_cells, summarise_guarantees, validation
from helpers.checks.validation import Cell, find_departure, read_effects
from helpers.inference import looks
from helpers.inference.contrasts import risk_difference
from helpers.inference.methods import METHODS
from helpers.records import Effect
from helpers.simulate.populations import POPULATIONS, make_share

NAMED = {method.name: method for method in METHODS}
NPS, WELCH = [NAMED["NPS difference"]], "Welch difference"


def test_list_cells_deep_holds_both_splits_and_all_sizes():
    cells = list_cells([NAMED["Welch difference"]], "deep")
    sizes = {(c.n_control, c.n_treatment) for c in cells}
    assert {(50, 50), (90, 10), (20_000, 20_000), (36_000, 4_000)} <= sizes and len(sizes) == 10
    assert {POPULATIONS[c.population].family for c in cells} == {"counts", "money", "scores"}
    assert {c.replicates for c in cells} == {2_000}


def test_list_cells_keeps_the_limits_of_slow_methods_and_enumerates_shares():
    slow = [NAMED["permutation difference"]]
    cells = list_cells(slow, "deep")
    assert {c.replicates for c in cells} == {2_000}
    assert max(min(c.n_control, c.n_treatment) for c in cells) <= 2_000
    assert {c.replicates for c in list_cells(slow, "deep", replicates=50)} == {50}
    assert {c.replicates for c in list_cells([NAMED["score ratio"]], "deep", replicates=500)} == {0}


def test_list_cells_tries_a_test_without_interval_only_where_there_is_no_effect():
    cells = list_cells([replace(NAMED["Welch difference"], has_interval=False)], "deep")
    assert cells and not any(POPULATIONS[c.population].has_effect("difference") for c in cells)


def test_list_cells_quick_tries_each_guarantee_with_and_without_an_effect():
    for guarantee in METHODS:
        cells = list_cells([guarantee])
        planted = {POPULATIONS[c.population].has_effect(guarantee.estimand) for c in cells}
        assert planted == ({True, False} if guarantee.has_interval else {False}), guarantee.name


def test_list_cells_refuses_another_depth():
    with pytest.raises(ValueError) as error:
        list_cells(METHODS, "medium")
    assert str(error.value) == "depth medium: give quick or deep"


def test_cell_seed_depends_on_guarantee_population_and_sizes_alone():
    cell = list_cells([NAMED["Welch difference"]])[0]
    assert cell.seed() == replace(cell, replicates=7).seed()
    others = [replace(cell, guarantee="x"), replace(cell, population="x"), replace(cell, n_control=7)]
    assert len({cell.seed(), *(c.seed() for c in others)}) == 4


@pytest.fixture(scope="module")
def judged():
    """Return the seeded grid of `make test`, measured and judged; outside the domains, where nothing is, Welch's."""
    cells = [c for c in list_cells(METHODS) if c.guarantee == WELCH or not find_departure(c, NAMED[c.guarantee])]
    return judge_cells(measure_cells(cells, METHODS, seed=2022))


def test_quick_grid_holds_every_promise(judged):
    failing = judged[judged["verdict"] == "fails"]
    assert failing[["guarantee", "population", "n_treatment", "coverage", "false_alarm"]].values.tolist() == []


def test_quick_grid_has_every_guarantee_inside_its_domain(judged):
    summary = summarise_guarantees(judged)
    assert summary.loc[summary["cells_inside"] == 0, "guarantee"].tolist() == []
    assert summary["guarantee"].tolist() == [g.name for g in METHODS]
    assert summary["verdict"].unique().tolist() == ["no defect found"]


def test_quick_grid_shows_cells_outside_the_domains(judged):
    outside = judged[judged["verdict"] == "outside its domain"]
    welch = outside[outside["n_treatment"] < outside["n_control"]]
    # heavy tails and a 90/10 split: Welch raises 11 to 19 % false alarms, and the permutation test stands in for it
    assert welch["false_alarm"].max() > 0.1


@pytest.mark.parametrize(("effect", "expected"), [
    (Effect(ci_low=1, ci_high=3, p_value=0.01), (1, 0, 0, 0, 1, 0, 2)),  # holds 2, excludes 0, rejects
    (Effect(ci_low=2.5, ci_high=3, p_value=0.01), (0, 1, 0, 0, 1, 0, 0.5)),  # above the truth
    (Effect(ci_low=-1, ci_high=1, p_value=0.5), (0, 0, 1, 0, 0, 0, 2)),  # below the truth
    (Effect(ci_low=-1, ci_high=3, p_value=0.01), (1, 0, 0, 0, 1, 1, 4)),  # rejects and holds 0
    (Effect(ci_low=1, ci_high=3, p_value=0.5), (1, 0, 0, 0, 0, 1, 2)),  # neither rejects nor holds 0
    (Effect(ci_low=1, ci_high=3), (1, 0, 0, 0, 0, 0, 2)),  # no test, so no contradiction
    (Effect(p_value=0.01), (0, 0, 0, 1, 1, 0, math.nan)),  # no interval
    (Effect(ci_set=((None, -1.0), (1.0, None)), p_value=0.01), (1, 0, 0, 0, 1, 0, math.inf)),  # two rays
    (Effect(ci_set=((None, 1.0), (3.0, None)), p_value=0.5), (0, 0, 1, 0, 0, 0, math.inf)),  # between two rays
    (Effect(ci_set=(), p_value=0.01), (0, 1, 0, 0, 1, 0, 0)),  # empty
])  # fmt: skip
def test_read_effects_by_hand(effect, expected):
    found = read_effects([effect], 2.0, 0.0, alpha=0.05).iloc[0].tolist()
    assert found == pytest.approx(expected, nan_ok=True)


def test_read_effects_of_a_test_alone_covers_where_it_raises_no_alarm():
    quiet, loud = Effect(p_value=0.06), Effect(p_value=0.04)
    found = read_effects([quiet, loud], 0.0, 0.0, alpha=0.05, has_interval=False)
    assert found[["coverage", "alarms", "undefined", "disagree"]].to_numpy().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]
    assert not read_effects([quiet], 0.0, 0.0, alpha=0.1, has_interval=False)["coverage"][0]


def test_read_effects_reads_the_value_of_no_effect():
    ratios = [Effect(ci_low=low, ci_high=1.5, p_value=0.01) for low in (1.1, 0.9)]
    assert read_effects(ratios, 1.2, 1.0, alpha=0.05)["disagree"].tolist() == [0, 1]


@pytest.mark.parametrize("name", [guarantee.name for guarantee in METHODS if guarantee.batch])
def test_guarantee_batch_equals_the_shipped_function_experiment_by_experiment(name):
    guarantee, rng = NAMED[name], np.random.default_rng(1)
    for population in [p for p in POPULATIONS.values() if p.family in guarantee.families]:
        arms = [population.draw(rng, 20 * 120, treated).reshape(20, 120, -1) for treated in (False, True)]
        low, high, p = guarantee.batch(*arms, confidence_level=0.9, rng=np.random.default_rng(2))
        options = {"confidence_level": 0.9, "rng": np.random.default_rng(2)}
        effects = [guarantee.compute(*pair, **options) for pair in zip(*arms, strict=True)]
        assert low == pytest.approx([e.ci_low for e in effects], abs=1e-9)
        assert high == pytest.approx([e.ci_high for e in effects], abs=1e-9)
        assert (p <= 0.1).tolist() == [e.p_value <= 0.1 for e in effects]


def test_looking_daily_leaves_what_the_intervals_of_all_days_leave():
    guarantee, rng, rows = NAMED["always-valid over daily looks"], np.random.default_rng(2), []
    control, treatment = (POPULATIONS["looked at every day"].draw(rng, 300, treated) for treated in (False, True))
    found = guarantee.compute(control, treatment, confidence_level=0.9, rng=rng)
    for day in range(1, 29):
        arms = [arm[arm[:, 1] <= day, :1] for arm in (control, treatment)]
        fixed = NAMED["Welch difference"].compute(*arms, confidence_level=0.9)
        rows.append(looks.always_valid(fixed, n=sum(map(len, arms)), n_planned=600, confidence_level=0.9))
    assert found.ci_low == pytest.approx(max(e.ci_low for e in rows))
    assert found.ci_high == pytest.approx(min(e.ci_high for e in rows))
    assert found.p_value == pytest.approx(min(e.p_value for e in rows))


@pytest.mark.parametrize("name", ["Miettinen-Nurminen difference", "score ratio"])
def test_guarantee_limits_equal_the_shipped_function_table_by_table(name):
    guarantee, rng = NAMED[name], np.random.default_rng(1)
    tables = [(0, 0), (0, 3), (3, 0), (12, 15), (12, 0), (0, 15), *rng.integers(0, 13, (14, 2)).tolist()]
    low, high, p = guarantee.limits(*np.array([(x1, 12, x0, 15) for x1, x0 in tables]).T, confidence_level=0.9)
    for k, (x1, x0) in enumerate(tables):
        arms = (np.repeat([1.0, 0.0], [x, n - x])[:, None] for x, n in ((x0, 15), (x1, 12)))
        effect = guarantee.compute(*arms, confidence_level=0.9, rng=None)
        ((first, last),) = effect.ci_set or ((effect.ci_low, effect.ci_high),)
        expected = (first, np.inf if last is None else last, effect.p_value)
        assert (low[k], high[k], p[k]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def measure(cell, *, confidence_level=0.95, seed=1):
    """Return the one row of a cell."""
    return measure_cells([cell], METHODS, confidence_level=confidence_level, seed=seed).iloc[0]


def test_measure_cells_enumerates_every_table_with_its_probability(monkeypatch):
    monkeypatch.setitem(POPULATIONS, "half", make_share("half", 0.5, 0.5))
    found = measure(Cell("Miettinen-Nurminen difference", "half", 3, 2, 0), confidence_level=0.8)
    coverage = alarms = width = 0.0
    for x1 in range(3):
        for x0 in range(4):
            effect = risk_difference(x1, 2, x0, 3, confidence_level=0.8)
            weight = math.comb(2, x1) * math.comb(3, x0) / 32
            coverage += weight * (effect.ci_low <= 0 <= effect.ci_high)
            alarms += weight * (effect.p_value <= 0.2)
            width += weight * (effect.ci_high - effect.ci_low)
    assert [found[name] for name in ("coverage", "false_alarm", "width")] == pytest.approx([coverage, alarms, width])
    assert found["exact"] and found["disagree"] == 0


def test_measure_cells_shares_sum_to_one():
    for cell in list_cells([NAMED["Fieller lift"], NAMED["score ratio"]], replicates=30)[::3]:
        row = measure(cell)
        total = row["coverage"] + row["missed_low"] + row["missed_high"] + row["undefined"]
        assert total == pytest.approx(1, abs=1e-9)


def test_measure_cells_reads_level_and_seed():
    cell = Cell("Welch difference", "Poisson counts", 50, 50, 200)
    rows = [measure(cell, confidence_level=level, seed=seed) for level, seed in ((0.95, 1), (0.8, 1), (0.95, 2))]
    assert rows[1]["coverage"] < rows[0]["coverage"] and rows[1]["false_alarm"] > rows[0]["false_alarm"]
    assert rows[2]["width"] != rows[0]["width"]


def test_measure_cells_has_power_or_false_alarms():
    populations = ("Poisson counts", "Poisson counts, +10 %")
    plain, planted = (measure(Cell("Welch difference", population, 200, 200, 50)) for population in populations)
    assert plain["effect"] == "none" and np.isnan(plain["power"]) and plain["false_alarm"] >= 0
    assert planted["effect"] == "planted" and np.isnan(planted["false_alarm"]) and planted["power"] > 0


def test_measure_cells_tells_its_progress():
    told = []
    cells = list_cells(NPS, replicates=5)
    measure_cells(cells, NPS, seed=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.fixture
def cells():
    return list_cells(NPS, replicates=5)


@pytest.fixture
def counted(monkeypatch):
    """Return the cells that are really measured; setting `counted.stop` interrupts at so many."""

    class Calls(list):
        stop = 1_000

    calls, measure = Calls(), validation._measure_round

    def count(cell, *args, **options):
        if len(calls) == calls.stop:
            raise KeyboardInterrupt
        calls.append(cell)
        return measure(cell, *args, **options)

    monkeypatch.setattr(validation, "_measure_round", count)
    return calls


def test_measure_cells_resumes_where_it_was_interrupted(cells, counted, tmp_path):
    counted.stop = 2
    with pytest.raises(KeyboardInterrupt):
        measure_cells(cells, NPS, seed=1, store=tmp_path / "made")
    assert len(list((tmp_path / "made").iterdir())) == 2
    counted.stop = 1_000
    found = measure_cells(cells, NPS, seed=1, store=tmp_path / "made")
    assert sorted(counted, key=str) == sorted(cells, key=str)  # none twice
    assert found.equals(measure_cells(cells, NPS, seed=1))


@pytest.mark.parametrize("content", ["", '{"key": {}, "ro', "[]", '{"state": {}}', "null"], ids=range(5))
def test_measure_cells_measures_a_half_written_or_foreign_file_anew(cells, counted, tmp_path, content):
    first = measure_cells(cells[:1], NPS, seed=1, store=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert measure_cells(cells[:1], NPS, seed=1, store=tmp_path).equals(first)
    assert len(counted) == 2 and json.loads(file.read_text())["state"]["sums"][0] == 5 * first.loc[0, "coverage"]


def test_measure_cells_measures_anew_for_another_seed_level_or_code(cells, counted, tmp_path, monkeypatch):
    measure_cells(cells[:1], NPS, seed=1, store=tmp_path)
    measure_cells(cells[:1], NPS, seed=2, store=tmp_path)
    measure_cells(cells[:1], NPS, seed=1, store=tmp_path, confidence_level=0.9)
    monkeypatch.setattr(validation, "_sum_code", lambda: "changed")
    measure_cells(cells[:1], NPS, seed=1, store=tmp_path)
    assert len(counted) == 4


def test_measure_cells_is_the_same_on_two_processes_in_any_order_and_from_the_folder(counted, tmp_path):
    cells = list_cells([NAMED["Welch difference"], NAMED["permutation difference"]], replicates=20)[:6]
    first = measure_cells(cells, METHODS, seed=3, jobs=2, store=tmp_path)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json"] * len(cells)
    assert measure_cells(cells, METHODS, seed=3, store=tmp_path).equals(first) and not counted
    assert measure_cells(cells[::-1], METHODS, seed=3).iloc[::-1].reset_index(drop=True).equals(first)


def test_measure_cells_grows_all_cells_alike_and_a_finer_grid_goes_on(counted, tmp_path):
    cells = list_cells(NPS, replicates=250)
    found = measure_cells(cells, NPS, seed=1, store=tmp_path)
    assert len(counted) == 12 and sorted(counted[:4], key=str) == sorted(counted[4:8], key=str)  # 100, 200 and 250
    assert found.equals(measure_cells(cells, NPS, seed=1)) and found["replicates"].tolist() == [250] * 4
    coarse = measure_cells(list_cells(NPS, replicates=200), NPS, seed=1, store=tmp_path / "other")
    counted.clear()
    fine = measure_cells(cells, NPS, seed=1, store=tmp_path / "other")
    assert fine.equals(found) and not fine.equals(coarse) and len(counted) == 4


def test_measure_cells_stops_after_so_many_minutes_with_the_draws_that_it_has(counted, tmp_path):
    cells = list_cells(NPS, replicates=250)
    measure_cells(list_cells(NPS, replicates=100), NPS, seed=1, store=tmp_path)
    found = measure_cells(cells, NPS, seed=1, store=tmp_path, minutes=0)
    assert found["replicates"].tolist() == [100] * 4 and len(counted) == 4
    next(tmp_path.iterdir()).unlink()
    assert len(measure_cells(cells, NPS, seed=1, store=tmp_path, minutes=0)) == 3  # a cell without draws is left out
    said = "validation, measured: the folder holds no cell of this grid, seed and code; run studies validate"
    assert tell_refusal(measure_cells, cells, NPS, seed=2, store=tmp_path, minutes=0) == said
