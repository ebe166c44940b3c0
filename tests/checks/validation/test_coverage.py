"""What one cell shows: by hand, by enumeration against draws, and independent of processes and order."""

import math

import numpy as np
import pytest

from helpers.checks.validation import Cell, list_cells, measure_cells
from helpers.checks.validation.coverage import measure_cell, read_effect
from helpers.inference import GUARANTEES, risk_difference
from helpers.records import Effect
from helpers.simulate.populations import POPULATIONS, make_share

NAMED = {g.name: g for g in GUARANTEES}


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
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
    ],
)
def test_read_effect_by_hand(effect, expected):
    assert read_effect(effect, 2.0, 0.0, alpha=0.05) == pytest.approx(expected, nan_ok=True)


def test_read_effect_of_a_test_alone_covers_where_it_raises_no_alarm():
    quiet = read_effect(Effect(p_value=0.06), 0.0, 0.0, alpha=0.05, has_interval=False)
    loud = read_effect(Effect(p_value=0.04), 0.0, 0.0, alpha=0.05, has_interval=False)
    assert (quiet[0], loud[0], loud[4], quiet[3]) == (True, False, True, 0)
    assert not read_effect(Effect(p_value=0.06), 0.0, 0.0, alpha=0.1, has_interval=False)[0]


def test_read_effect_reads_the_value_of_no_effect():
    ratio = Effect(ci_low=1.1, ci_high=1.5, p_value=0.01)
    assert read_effect(ratio, 1.2, 1.0, alpha=0.05)[5] == 0
    assert read_effect(Effect(ci_low=0.9, ci_high=1.5, p_value=0.01), 1.2, 1.0, alpha=0.05)[5] == 1


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


def test_measure_cell_enumerates_every_table_with_its_probability():
    guarantee, population = NAMED["Miettinen-Nurminen difference"], make_share("half", 0.5, 0.5)
    found = measure_cell(Cell("x", "half", 3, 2, 0), guarantee, population, confidence_level=0.8, seed=1)
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


def test_measure_cell_shares_sum_to_one():
    for cell in list_cells([NAMED["Fieller lift"], NAMED["score ratio"]], replicates=30)[::3]:
        guarantee = NAMED[cell.guarantee]
        row = measure_cell(cell, guarantee, POPULATIONS[cell.population], confidence_level=0.95, seed=1)
        total = row["coverage"] + row["missed_low"] + row["missed_high"] + row["undefined"]
        assert total == pytest.approx(1, abs=1e-9)


def test_measure_cell_reads_level_and_seed():
    name, population = "Welch difference", POPULATIONS["Poisson counts"]
    cell = Cell(name, population.name, 50, 50, 200)
    rows = [
        measure_cell(cell, NAMED[name], population, confidence_level=level, seed=seed)
        for level, seed in ((0.95, 1), (0.8, 1), (0.95, 2))
    ]
    assert rows[1]["coverage"] < rows[0]["coverage"] and rows[1]["false_alarm"] > rows[0]["false_alarm"]
    assert rows[2]["width"] != rows[0]["width"]


def test_measure_cell_has_power_or_false_alarms():
    name = "Welch difference"
    plain, planted = (
        measure_cell(Cell(name, p, 200, 200, 50), NAMED[name], POPULATIONS[p], confidence_level=0.95, seed=1)
        for p in ("Poisson counts", "Poisson counts, +10 %")
    )
    assert plain["effect"] == "none" and np.isnan(plain["power"]) and plain["false_alarm"] >= 0
    assert planted["effect"] == "planted" and np.isnan(planted["false_alarm"]) and planted["power"] > 0


def test_measure_cells_is_the_same_on_two_processes_and_in_any_order():
    cells = list_cells([NAMED["Welch difference"], NAMED["permutation difference"]], replicates=20)[:6]
    one = measure_cells(cells, GUARANTEES, seed=3)
    two = measure_cells(cells, GUARANTEES, seed=3, jobs=2)
    back = measure_cells(cells[::-1], GUARANTEES, seed=3).iloc[::-1].reset_index(drop=True)
    assert one.equals(two) and one.equals(back)


def test_measure_cells_tells_its_progress():
    told = []
    measure_cells(list_cells([NAMED["NPS difference"]], replicates=5), GUARANTEES, seed=1,
                  progress=lambda done, total: told.append((done, total)))  # fmt: skip
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
