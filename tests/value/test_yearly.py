"""An effect as money: by hand, by property, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.records import DataInfo, Estimate, Refused, Results
from helpers.value import Assumptions, list_assumptions, value_headline, yearly_value

CONVERTED = Estimate(
    "converted", "converted", "links", "no_links", "no_links - links", "difference",
    estimate=-0.09, ci_low=-0.11, ci_high=-0.07, confidence_level=0.95,
)  # fmt: skip
PAID = Assumptions(
    units_per_year=(8_000, 10_000, 12_000),
    value_per_unit=(40, 50, 70),
    monthly_persistence=(0.90, 0.95, 0.98),
    horizon_months=12,
)
ROWS = [
    "sampling interval at central assumptions",
    "range over assumptions at the central estimate",
    "both (scenario)",
]


def _months(kept, horizon=12):
    return (1 - kept**horizon) / (1 - kept)


def _low_high(frame):
    return [tuple(row) for row in frame[["low", "central", "high"]].to_numpy()]


def test_yearly_value_by_hand():
    found = yearly_value(CONVERTED, PAID, choice="links")
    factor = 10_000 * 50 * _months(0.95)
    few, many = 8_000 * 40 * _months(0.90), 12_000 * 70 * _months(0.98)
    assert found["row"].tolist() == ROWS
    expected = [
        (0.07 * factor, 0.09 * factor, 0.11 * factor),
        (0.09 * few, 0.09 * factor, 0.09 * many),
        (0.07 * few, 0.09 * factor, 0.11 * many),
    ]
    assert np.array(_low_high(found)) == pytest.approx(np.array(expected))
    assert found["interval"].tolist() == ["fixed", "scenario", "scenario"]
    assert found["note"].tolist() == [
        "chance alone varies: 95 % interval",
        "assumptions alone vary",
        "worst and best of both, without a confidence level",
    ]
    assert set(found["unit"]) == {"USD a year"}
    assert set(found["choice"]) == {"links"}
    assert found["reason"].isna().all()


def test_yearly_value_of_the_treatment_has_the_other_sign():
    kept, removed = (yearly_value(CONVERTED, PAID, choice=choice) for choice in ("links", None))
    assert removed["central"].tolist() == (-kept["central"]).tolist()
    assert removed["low"].tolist() == (-kept["high"]).tolist()
    assert set(removed["choice"]) == {"no_links"}


def test_yearly_value_counts_only_the_follow_up_without_a_horizon():
    found = yearly_value(CONVERTED, Assumptions(units_per_year=1_000, value_per_unit=200), choice="links")
    assert _low_high(found) == [
        pytest.approx((14_000, 18_000, 22_000)),
        pytest.approx((18_000,) * 3),
        pytest.approx((14_000, 18_000, 22_000)),
    ]


def test_yearly_value_takes_off_the_cost():
    free = yearly_value(CONVERTED, Assumptions(1_000, (100, 200, 300)), choice="links")
    paid = yearly_value(
        CONVERTED, Assumptions(1_000, (100, 200, 300), cost_per_year=(1_000, 2_000, 5_000)), choice="links"
    )
    assert (free["central"] - paid["central"]).tolist() == pytest.approx([2_000] * 3)
    assert (free["low"] - paid["low"]).tolist() == pytest.approx([2_000, 5_000, 5_000])
    assert (free["high"] - paid["high"]).tolist() == pytest.approx([2_000, 1_000, 1_000])


CHANGES = [
    {"units_per_year": 20_000},
    {"value_per_unit": 60},
    {"monthly_persistence": 0.5},
    {"horizon_months": 24},
    {"cost_per_year": 1_000},
]


@pytest.mark.parametrize("change", CHANGES)
def test_yearly_value_changes_with_each_assumption(change):
    base = {"units_per_year": 10_000, "value_per_unit": 50, "monthly_persistence": 0.95, "horizon_months": 12}
    before, after = (yearly_value(CONVERTED, Assumptions(**base | more)) for more in ({}, change))
    assert before["central"][0] != after["central"][0]


def test_yearly_value_says_the_unit():
    assert yearly_value(CONVERTED, Assumptions(1, 1, unit="EUR"))["unit"][0] == "EUR a year"


def test_yearly_value_names_an_interval_that_allows_for_looking_early():
    found = yearly_value(CONVERTED.but(interval="always-valid"), PAID)
    assert found["interval"].tolist() == ["always-valid", "scenario", "scenario"]


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
    # a lift is not a number of customers
    (
        {"estimand": "relative_lift"}, None,
        "yearly value of converted: came relative_lift (itt); give the difference among all assigned",
    ),
    # an effect in compliers is not one on every unit
    (
        {"population": "compliers"}, None,
        "yearly value of converted: came difference (compliers); give the difference among all assigned",
    ),
    # not an arm
    ({}, "tours", "yearly value of converted: the choice is no_links or links"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "choice", "message"), REFUSED_ESTIMATES)
def test_yearly_value_refuses(changes, choice, message):
    with pytest.raises(Refused) as refusal:
        yearly_value(CONVERTED.but(**changes), PAID, choice=choice)
    assert str(refusal.value) == message


TOGETHER = (
    "horizon_months and monthly_persistence belong together; give both, or neither to count the observed follow-up only"
)
REFUSED_ASSUMPTIONS = [
    ({"horizon_months": 12}, TOGETHER),
    ({"monthly_persistence": 0.9}, TOGETHER),
    ({"horizon_months": 0, "monthly_persistence": 0.9}, "horizon_months: below 1; give whole months"),
    (
        {"horizon_months": 12, "monthly_persistence": 1.2},
        "monthly_persistence: give one number, or low, central and high in rising order, between 0 and 1",
    ),
    (
        {"units_per_year": (3, 2, 1)},
        "units_per_year: give one number, or low, central and high in rising order, 0 or more",
    ),
    (
        {"value_per_unit": (1, 2)},
        "value_per_unit: give one number, or low, central and high in rising order, 0 or more",
    ),
    (
        {"cost_per_year": (2, 1, 3)},
        "cost_per_year: give one number, or low, central and high in rising order, below 0 where it saves",
    ),
    (
        {"value_per_unit": math.inf},
        "value_per_unit: give one number, or low, central and high in rising order, 0 or more",
    ),
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
