"""An effect as money, and the chance that it pays: by hand, by quadrature of scipy, by draws, by property, refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payback_samples import assume, effect
from scipy import integrate, stats

from helpers.records import DataInfo, Estimate, Refused, Results
from helpers.value import Assumptions, list_assumptions, probability_pays, value_headline, yearly_value

CONVERTED = Estimate(
    "converted", "converted", "links", "no_links", "no_links - links", "difference",
    estimate=-0.09, ci_low=-0.11, ci_high=-0.07, confidence_level=0.95,
)  # fmt: skip
YEAR = {"units_per_year": (8_000, 10_000, 12_000), "value_per_unit": (40, 50, 70)}
YEAR |= {"monthly_persistence": (0.90, 0.95, 0.98), "horizon_months": 12}
PAID = Assumptions(**YEAR)


def _low_high(frame):
    return frame[["low", "central", "high"]].to_numpy().tolist()


def test_yearly_value_by_hand():
    found = yearly_value(CONVERTED, PAID, choice="links")
    few, factor, many = (
        units * worth * (1 - kept**12) / (1 - kept)
        for units, worth, kept in [(8_000, 40, 0.90), (10_000, 50, 0.95), (12_000, 70, 0.98)]
    )
    expected = [
        (0.07 * factor, 0.09 * factor, 0.11 * factor),
        (0.09 * few, 0.09 * factor, 0.09 * many),
        (0.07 * few, 0.09 * factor, 0.11 * many),
    ]
    assert np.array(_low_high(found)) == pytest.approx(np.array(expected))
    assert found[["row", "note", "interval"]].to_numpy().tolist() == [
        ["sampling interval at central assumptions", "chance alone varies: 95 % interval", "fixed"],
        ["range over assumptions at the central estimate", "assumptions alone vary", "scenario"],
        ["both (scenario)", "worst and best of both, without a confidence level", "scenario"],
    ]
    assert set(found["unit"]) == {"USD a year"} and set(found["choice"]) == {"links"}
    assert found["reason"].isna().all()


def test_yearly_value_of_the_treatment_has_the_other_sign():
    kept, removed = (yearly_value(CONVERTED, PAID, choice=choice) for choice in ("links", None))
    assert _low_high(removed) == [[-high, -central, -low] for low, central, high in _low_high(kept)]
    assert set(removed["choice"]) == {"no_links"}


def test_yearly_value_takes_off_the_cost_and_counts_only_the_follow_up_without_a_horizon():
    worth = {"units_per_year": 1_000, "value_per_unit": (100, 200, 300)}
    paid = yearly_value(CONVERTED, Assumptions(**worth, cost_per_year=(1_000, 2_000, 5_000)), choice="links")
    assert np.array(_low_high(paid)) == pytest.approx(
        np.array([(12_000, 16_000, 20_000), (4_000, 16_000, 26_000), (2_000, 16_000, 32_000)])
    )


CHANGES = [("units_per_year", 20_000), ("value_per_unit", 60), ("monthly_persistence", 0.5), ("horizon_months", 24)]


@pytest.mark.parametrize(("name", "value"), [*CHANGES, ("cost_per_year", 1_000)])
def test_yearly_value_changes_with_each_assumption(name, value):
    assert yearly_value(CONVERTED, Assumptions(**{**YEAR, name: value}))["central"][0] != pytest.approx(
        yearly_value(CONVERTED, PAID)["central"][0]
    )


def test_yearly_value_says_the_unit_and_an_interval_that_allows_for_looking_early():
    found = yearly_value(CONVERTED.but(interval="always-valid"), Assumptions(1, 1, unit="EUR"))
    assert found["interval"].tolist() == ["always-valid", "scenario", "scenario"]
    assert set(found["unit"]) == {"EUR a year"}


def test_yearly_value_is_undefined_with_the_estimate():
    unknown = yearly_value(CONVERTED.but(estimate=math.nan, ci_low=math.nan, ci_high=math.nan, reason="too few"), PAID)
    assert np.isnan(unknown[["low", "central", "high"]]).all(axis=None)
    assert set(unknown["reason"]) == {"too few"}
    open_ended = yearly_value(CONVERTED.but(ci_low=math.nan, ci_high=math.nan), PAID)
    assert np.isnan(open_ended["low"]).tolist() == [True, False, True]
    assert set(open_ended["reason"]) == {"the effect has no finite interval"}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 1), st.floats(0, 1e6), st.sampled_from(["links", "no_links"]))
def test_yearly_value_rows_are_nested(estimate, half, kept, cost, choice):
    effect = CONVERTED.but(estimate=estimate, ci_low=estimate - half, ci_high=estimate + half)
    assumptions = Assumptions((5, 10, 20), (1, 2, 3), (0, kept, 1), 6, cost_per_year=(0, cost / 2, cost))
    found = yearly_value(effect, assumptions, choice=choice)
    slack = 1e-9 * (1 + cost)
    assert (found["low"] <= found["central"] + slack).all()
    assert (found["central"] <= found["high"] + slack).all()
    assert found["low"][2] <= found["low"][:2].min() + slack
    assert found["high"][2] >= found["high"][:2].max() - slack


REFUSED_ESTIMATES = [
    # a lift is not a number of customers, nor an effect in compliers one on every unit; and not an arm
    ({"estimand": "relative_lift"}, None, "came relative_lift (itt); give the difference among all assigned"),
    ({"population": "compliers"}, None, "came difference (compliers); give the difference among all assigned"),
    ({}, "tours", "the choice is no_links or links"),
]


@pytest.mark.parametrize(("changes", "choice", "message"), REFUSED_ESTIMATES)
def test_yearly_value_refuses(changes, choice, message):
    with pytest.raises(Refused) as refusal:
        yearly_value(CONVERTED.but(**changes), PAID, choice=choice)
    assert str(refusal.value) == f"yearly value of converted: {message}"


TOGETHER = (
    "horizon_months and monthly_persistence belong together; give both, or neither to count the observed follow-up only"
)
RISING = "give one number, or low, central and high in rising order"
REFUSED_ASSUMPTIONS = [
    ({"horizon_months": 12}, TOGETHER),
    ({"monthly_persistence": 0.9}, TOGETHER),
    ({"horizon_months": 0, "monthly_persistence": 0.9}, "horizon_months: below 1; give whole months"),
    ({"horizon_months": 12, "monthly_persistence": 1.2}, f"monthly_persistence: {RISING}, between 0 and 1"),
    ({"units_per_year": (3, 2, 1)}, f"units_per_year: {RISING}, 0 or more"),
    ({"value_per_unit": (1, 2)}, f"value_per_unit: {RISING}, 0 or more"),
    ({"cost_per_year": (2, 1, 3)}, f"cost_per_year: {RISING}, below 0 where it saves"),
    ({"value_per_unit": math.inf}, f"value_per_unit: {RISING}, 0 or more"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED_ASSUMPTIONS)
def test_assumptions_refuse(changes, message):
    with pytest.raises(Refused) as refusal:
        Assumptions(**{"units_per_year": 1, "value_per_unit": 1} | changes)
    assert str(refusal.value) == message


def test_list_assumptions_shows_every_one():
    found = list_assumptions(PAID)
    assert found.to_numpy().tolist() == [
        ["units a year", 8_000.0, 10_000.0, 12_000.0, "units"],
        ["value of one unit of the outcome", 40.0, 50.0, 70.0, "USD per month"],
        ["cost a year", 0.0, 0.0, 0.0, "USD"],
        ["share that stays from month to month", 0.90, 0.95, 0.98, "share a month"],
        ["months counted", 12.0, 12.0, 12.0, "months"],
    ]


def test_list_assumptions_says_that_nothing_later_is_counted():
    found = list_assumptions(Assumptions([1, 2, 3], 5, unit="EUR"))
    assert found["unit"].tolist() == [
        "units", "EUR within the observed follow-up", "EUR", "none beyond the observed follow-up",
    ]  # fmt: skip
    assert np.isnan(found["central"].iloc[-1])


def _results(*estimates):
    info = DataInfo("simulated", "", "", None, 0, 0)
    return Results("s", "t", "q", "answered", info, {}, estimates=estimates)


def test_value_headline_takes_the_deciding_difference():
    others = [
        CONVERTED.but(estimand="relative_lift", estimate=9.0),
        CONVERTED.but(metric="spend", estimate=9.0),
        CONVERTED.but(role="sensitivity", estimate=9.0),
        CONVERTED.but(segment="country=IT", estimate=9.0),
        CONVERTED.but(population="as_treated", estimate=9.0),
    ]
    found = value_headline(_results(*others, CONVERTED), "converted", PAID, choice="links")
    assert found["money"].equals(yearly_value(CONVERTED, PAID, choice="links"))
    assert found["assumptions"].equals(list_assumptions(PAID))
    assert list(found) == ["money", "assumptions"]


def test_value_headline_takes_the_treatment_that_is_chosen():
    second = CONVERTED.but(treatment="tours", estimate=0.02, ci_low=0.01, ci_high=0.03)
    found = value_headline(_results(CONVERTED, second), "converted", PAID, choice="tours")
    assert found["money"].equals(yearly_value(second, PAID))
    with pytest.raises(Refused, match=r"^yearly value of converted: the choice is no_links or links$"):
        value_headline(_results(CONVERTED, second), "converted", PAID, choice="videos")


def test_value_headline_is_empty_when_the_answer_is_withheld():
    assert value_headline(_results(), "converted", PAID) == {}


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
