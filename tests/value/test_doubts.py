"""The chance that it pays and what matters: by hand, by quadrature of scipy, by Monte Carlo, by property."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payback_samples import assume, effect
from scipy import integrate, stats

from helpers.value import Assumptions, list_tornado, probability_pays


def chances(estimate, assumptions, **options):
    return probability_pays(estimate, assumptions, **options)["probability"].tolist()


def test_probability_pays_by_hand():
    found = probability_pays(effect(), assume())
    assert found["basis"].tolist() == ["central assumptions", "assumptions drawn", "pessimistic assumptions"]
    # pays where the effect is above cost / (units x value)
    assert found["probability"][0] == pytest.approx(stats.norm.sf(218_400 / 24_000, 12, 5))
    assert found["probability"][2] == pytest.approx(stats.norm.sf(312_000 / (25_000 * 0.7), 12, 5))
    told = "effect normal around the estimate, flat prior; "
    assert found["assumes"].tolist() == [
        f"{told}all assumptions at central",
        f"{told}each assumption drawn by itself from a triangle: low, peak at central, high",
        f"{told}each assumption at the end that is worst for paying",
    ]
    assert set(found["choice"]) == {"live"} and found["reason"].isna().all()


def test_probability_pays_at_the_worst_end_of_a_loss_with_savings():
    # revenue is lost and hours are saved: many units and a high margin are the bad end
    found = chances(effect(estimate=-2), assume(cost_per_year=(-90_000, -60_000, -40_000)))
    assert found[2] == pytest.approx(stats.norm.sf(-40_000 / (35_000 * 0.9), -2, 5))


def test_probability_pays_equals_scipy_where_one_assumption_is_drawn():
    low, peak, high = 156_000, 218_400, 312_000
    triangle = stats.triang((peak - low) / (high - low), loc=low, scale=high - low)
    found = chances(effect(), assume(units_per_year=30_000, value_per_unit=0.8))
    expected = integrate.quad(
        lambda cost: stats.norm.sf(cost / 24_000, 12, 5) * triangle.pdf(cost), low, high, points=[peak]
    )[0]
    assert found[1] == pytest.approx(expected, abs=1e-10)


LIVES = [
    # none, and a persistence that is open too: value is then a month's
    {},
    {"value_per_unit": (0.1, 0.2, 0.4), "monthly_persistence": (0.8, 0.9, 0.98), "horizon_months": 6},
    # peaks at an end
    {"value_per_unit": (0.7, 0.7, 0.9), "cost_per_year": (156_000, 312_000, 312_000)},
]


@pytest.mark.parametrize("changes", LIVES)
@pytest.mark.parametrize("error", [5.0, 0.01])
def test_probability_pays_agrees_with_draws(changes, error):
    assumed, rng, n = assume(**changes), np.random.default_rng(7), 200_000
    draw = lambda spread: rng.triangular(*spread, n)  # noqa: E731
    kept = draw(assumed.monthly_persistence) if assumed.horizon_months else 1
    months = sum(kept**month for month in range(assumed.horizon_months or 1))
    factor = draw(assumed.units_per_year) * draw(assumed.value_per_unit) * months
    pays = rng.normal(12, error, n) * factor > draw(assumed.cost_per_year)
    found = chances(effect(error=error), assumed)[1]
    assert abs(pays.mean() - found) < 4 * math.sqrt(found * (1 - found) / n) + (1e-3 if error < 1 else 0)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-20, 20), st.floats(0.1, 20), st.floats(0, 1e6))
def test_probability_pays_properties(estimate, error, cost):
    free = chances(effect(estimate=estimate, error=error), assume(cost_per_year=0))
    assert free == pytest.approx([stats.norm.cdf(estimate / error)] * 3, abs=1e-9)
    spread = assume(cost_per_year=(cost / 2, cost, 2 * cost))
    central, drawn, worst = chances(effect(estimate=estimate, error=error), spread)
    assert 0 <= worst <= min(central, drawn) + 1e-9 and max(central, drawn) <= 1 + 1e-9
    other = chances(effect(estimate=estimate, error=error), assume(cost_per_year=0), choice="standard")
    assert other[1] == pytest.approx(1 - free[1], abs=1e-9)


@pytest.mark.parametrize(
    "change", [{"units_per_year": 20_000}, {"value_per_unit": 0.5}, {"cost_per_year": (1, 2, 3)}], ids=str
)
def test_probability_pays_changes_with_each_assumption(change):
    assert chances(effect(), assume())[:2] != pytest.approx(chances(effect(), assume(**change))[:2], abs=1e-3)


def test_probability_pays_is_certain_without_an_error_and_where_nothing_is_sold():
    assert chances(effect(error=0), Assumptions(100, 1, cost_per_year=1_199)) == [1, 1, 1]
    assert chances(effect(error=0), Assumptions(100, 1, cost_per_year=1_200)) == [0, 0, 0]
    assert chances(effect(), Assumptions(0, 1, cost_per_year=1)) == [0, 0, 0]
    assert chances(effect(), Assumptions(0, 1, cost_per_year=-1)) == [1, 1, 1]


def test_probability_pays_is_unknown_of_an_unfinished_experiment_and_without_an_error():
    early = probability_pays(effect(interval="always-valid"), assume())
    assert early["probability"].isna().all() and set(early["reason"]) == {"the experiment is not finished"}
    lost = probability_pays(effect(std_error=math.nan), assume())
    assert lost["probability"].isna().all() and set(lost["reason"]) == {"the effect has no standard error"}
    assert set(probability_pays(effect(std_error=math.nan, reason="few"), assume())["reason"]) == {"few"}


def test_list_tornado_by_hand():
    found = list_tornado(effect(), assume()).set_index("doubt")
    assert found.index.tolist() == ["effect", "cost a year", "units a year", "value of one unit of the outcome"]
    expected = {
        "effect": (2.2, 21.8, 2.2 * 24_000 - 218_400, 21.8 * 24_000 - 218_400),
        "cost a year": (156_000, 312_000, 288_000 - 156_000, 288_000 - 312_000),
        "units a year": (25_000, 35_000, 240_000 - 218_400, 336_000 - 218_400),
        "value of one unit of the outcome": (0.7, 0.9, 252_000 - 218_400, 324_000 - 218_400),
    }
    for name, row in expected.items():
        assert found.loc[name, ["at_low", "at_high", "value_low", "value_high"]].tolist() == pytest.approx(row)
        assert found.loc[name, ["low", "high"]].tolist() == pytest.approx(sorted(row[2:]))
    assert found["central"].tolist() == pytest.approx([69_600] * 4)
    assert found["swing"].tolist() == pytest.approx([470_400, 156_000, 96_000, 72_000])
    assert found["reason"].isna().all() and set(found["unit"]) == {"USD a year"}


def test_list_tornado_tells_the_cost_of_an_agent_hour():
    rows = {
        hours: list_tornado(effect(), assume(cost_per_year=cost), extra_hours_per_year=hours).set_index("doubt")
        for hours, cost in [(6240, (156_000, 218_400, 312_000)), (-6240, (-312_000, -218_400, -156_000))]
    }
    columns = ["at_low", "at_high", "value_low", "value_high"]
    added, saved = (rows[hours].loc["cost of an agent hour", columns].tolist() for hours in (6240, -6240))
    assert added == pytest.approx([25, 50, 132_000, -24_000])
    assert saved == pytest.approx([25, 50, 288_000 + 156_000, 288_000 + 312_000])
    several = list_tornado(effect(), assume(), extra_hours_per_year=(5000, 6240, 7000))
    assert "cost a year" in several["doubt"].tolist()


def test_list_tornado_has_no_row_for_what_is_certain():
    assert list_tornado(effect(), Assumptions(1, 2, cost_per_year=3))["doubt"].tolist() == ["effect"]
    lives = assume(monthly_persistence=(0.5, 0.6, 0.7), horizon_months=3)
    row = list_tornado(effect(), lives).set_index("doubt").loc["share that stays from month to month"]
    assert row["value_high"] == pytest.approx(12 * 24_000 * (1 + 0.7 + 0.49) - 218_400)


def test_list_tornado_of_the_control_turns_the_effect_round():
    found = list_tornado(effect(estimate=-12), assume(), choice="standard")
    kept = list_tornado(effect(), assume())
    columns = ["at_low", "at_high", "value_low", "value_high", "central", "swing"]
    assert found[columns].equals(kept[columns]) and set(found["choice"]) == {"standard"}


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-20, 20), st.floats(0, 20), st.floats(0, 1e6))
def test_list_tornado_holds_central_in_every_row_and_sorts(estimate, error, cost):
    found = list_tornado(effect(estimate=estimate, error=error), assume(cost_per_year=(cost / 2, cost, 2 * cost)))
    slack = 1e-6
    assert (found["low"] <= found["central"] + slack).all() and (found["central"] <= found["high"] + slack).all()
    assert found["swing"].is_monotonic_decreasing and found["central"].nunique() == 1


def test_list_tornado_puts_an_unknown_effect_last():
    found = list_tornado(effect(ci_high=math.inf), assume())
    assert found["doubt"].iloc[-1] == "effect" and math.isnan(found["swing"].iloc[-1])
    assert found["reason"].tolist() == [None, None, None, "the effect has no finite interval"]
