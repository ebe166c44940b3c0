"""Break-even and the call of all tables: by hand, against the yearly value itself, by property, and what is refused."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payback_samples import AGES, assume, bare, effect
from scipy.optimize import brentq

from helpers.records import Refused
from helpers.value import (
    agent_cost,
    find_break_even,
    list_assumptions,
    list_tornado,
    probability_pays,
    study_payback,
    yearly_value,
)

COSTS = [
    # hours a week, dollars an hour, by hand
    (10, 30, (15_600, 15_600, 15_600)),
    ((5, 10, 20), (20, 30, 50), (5_200, 15_600, 52_000)),
    # saved hours are worth most where an hour is dear
    (-10, (20, 30, 50), (-26_000, -15_600, -10_400)),
    # whether hours are added is open
    ((-4, 0, 10), (20, 30, 50), (-10_400, 0, 26_000)),
    (0, (20, 30, 50), (0, 0, 0)),
]


@pytest.mark.parametrize(("hours", "cost", "expected"), COSTS)
def test_agent_cost_by_hand(hours, cost, expected):
    assert agent_cost(hours, cost) == pytest.approx(expected)


def test_agent_cost_counts_the_weeks():
    assert agent_cost(10, 30, weeks=26)[1] == 7_800


@settings(derandomize=True, deadline=None, max_examples=60)
@given(*[st.tuples(*[st.floats(low, 100)] * 3).map(lambda t: tuple(sorted(t))) for low in (-100, 0)])
def test_agent_cost_holds_every_product(hours, cost):
    low, central, high = agent_cost(hours, cost, weeks=1)
    products = [hour * dollars for hour, dollars in itertools.product(hours, cost)]
    assert low <= central <= high
    assert all(low - 1e-9 <= product <= high + 1e-9 for product in products)


RISING = "give one number, or low, central and high in rising order"
REFUSED_COSTS = [
    ((3, 2, 1), 30, f"extra_hours: {RISING}, below 0 where it saves"),
    (math.nan, 30, f"extra_hours: {RISING}, below 0 where it saves"),
    (10, -1, f"cost_per_agent_hour: {RISING}, 0 or more"),
]


@pytest.mark.parametrize(("hours", "cost", "message"), REFUSED_COSTS)
def test_agent_cost_refuses(hours, cost, message):
    with pytest.raises(Refused) as refusal:
        agent_cost(hours, cost)
    assert str(refusal.value) == message


def test_find_break_even_by_hand():
    found = find_break_even(effect(), assume(), extra_hours_per_year=6240)
    low, high = 12 - 1.96 * 5, 12 + 1.96 * 5
    assert found["basis"].tolist() == [
        "central estimate", "low end of the 95 % interval", "high end of the 95 % interval",
    ]  # fmt: skip
    assert found["brings"].tolist() == pytest.approx([24_000 * e for e in (12, low, high)])
    assert found["break_even"].tolist() == pytest.approx([24_000 * e / 6240 for e in (12, low, high)])
    assert found["rule"].tolist() == ["up to"] * 3
    assert found["assumed"].tolist() == pytest.approx([35] * 3)
    assert set(found["unit"]) == {"USD an agent hour"}
    assert set(found["choice"]) == {"live"}
    assert found["reason"].isna().all()


FREE, NEVER = "it pays whatever an agent hour costs", "it does not pay, even where agents cost nothing"
IDLE = "no agent hour is added or saved, and the effect brings nothing"
RULES = [
    # effect on the unit, hours: rule, break-even, reason
    (2, 100, "up to", 2 * 24_000 / 100, None),
    (0, 100, "up to", 0, None),
    (-2, 100, "none", math.nan, NEVER),
    # hours are saved: a loss of revenue is made good where they are dear enough
    (-2, -100, "from", 2 * 24_000 / 100, None),
    (2, -100, "any", math.nan, FREE),
    (0, -100, "any", math.nan, FREE),
    # no hours: only the effect counts
    (2, 0, "any", math.nan, FREE),
    (0, 0, "none", math.nan, IDLE),
    (-2, 0, "none", math.nan, IDLE),
]


@pytest.mark.parametrize(("estimate", "hours", "rule", "cost", "reason"), RULES)
def test_find_break_even_knows_every_case(estimate, hours, rule, cost, reason):
    row = find_break_even(effect(estimate=estimate), assume(), extra_hours_per_year=hours).iloc[0]
    assert (row["rule"], row["reason"]) == (rule, reason)
    assert row["break_even"] == pytest.approx(cost, nan_ok=True)
    assert math.isnan(row["assumed"]) == (hours == 0)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(-50, 50), st.floats(-1e4, 1e4).filter(lambda hours: abs(hours) > 1), st.floats(0.1, 1e3))
def test_find_break_even_rule_is_where_the_yearly_value_is_a_gain(estimate, hours, cost):
    row = find_break_even(effect(estimate=estimate), assume(), extra_hours_per_year=hours).iloc[0]
    assumed = assume(cost_per_year=hours * cost)
    net = yearly_value(effect(estimate=estimate), assumed)["central"][0]
    told = {"up to": cost <= row["break_even"], "from": cost >= row["break_even"], "any": True, "none": False}
    if abs(net) > 1e-6 * (1 + abs(hours * cost)):
        assert told[row["rule"]] == (net > 0)


def test_find_break_even_is_the_root_of_each_end_of_the_yearly_value():
    found = find_break_even(effect(), assume(), extra_hours_per_year=6240)
    for row, end in enumerate(("central", "low", "high")):
        net = lambda cost, end=end: yearly_value(effect(), assume(cost_per_year=6240 * cost))[end][0]  # noqa: E731
        assert found["break_even"][row] == pytest.approx(brentq(net, 0, 1e4))


def test_find_break_even_follows_each_argument():
    base = find_break_even(effect(), assume(), extra_hours_per_year=6240)["break_even"]
    changed = [
        find_break_even(effect(), assume(units_per_year=60_000), extra_hours_per_year=6240),
        find_break_even(effect(), assume(value_per_unit=0.4), extra_hours_per_year=6240),
        find_break_even(effect(), assume(), extra_hours_per_year=3120),
    ]
    ratios = [frame["break_even"][0] / base[0] for frame in changed]
    assert ratios == pytest.approx([2, 0.5, 2])
    central = find_break_even(effect(), assume(), extra_hours_per_year=(1000, 6240, 9000))
    assert central["break_even"].tolist() == base.tolist()


def test_find_break_even_of_the_control_turns_the_effect_and_its_ends_round():
    found = find_break_even(effect(estimate=-12), assume(), extra_hours_per_year=6240, choice="standard")
    kept = find_break_even(effect(estimate=12), assume(), extra_hours_per_year=6240)
    assert found["break_even"].tolist() == pytest.approx(kept["break_even"].tolist())
    assert set(found["choice"]) == {"standard"}


def test_find_break_even_says_why_it_is_unknown():
    open_ended = effect(ci_low=-math.inf, ci_high=math.inf)
    found = find_break_even(open_ended, assume(), extra_hours_per_year=6240)
    assert found["reason"].tolist() == [None, *["the effect has no finite interval"] * 2]
    assert np.isnan(found["break_even"]).tolist() == [False, True, True]
    assert found["rule"].tolist() == ["up to", None, None]


def test_study_payback_has_every_table_of_the_chosen_effect():
    found = study_payback(bare(), "revenue", assume(), extra_hours_per_year=6240, by_age=AGES, choice="live")
    assert list(found) == ["money", "assumptions", "break_even", "probability", "tornado", "cash"]
    hours = {"extra_hours_per_year": 6240, "choice": "live"}
    expected = {
        "money": yearly_value(effect(), assume(), choice="live"),
        "assumptions": list_assumptions(assume()),
        "break_even": find_break_even(effect(), assume(), **hours),
        "probability": probability_pays(effect(), assume(), choice="live"),
        "tornado": list_tornado(effect(), assume(), **hours),
    }
    assert all(found[name].equals(table) for name, table in expected.items())
    assert found["cash"]["choice"].unique().tolist() == ["live"]


def test_study_payback_takes_the_treatment_that_is_chosen_in_every_table():
    pairs = [("revenue", 1.0), ("revenue_30", 0.2), ("revenue_60", 0.5)]
    slow = [effect(name, value, treatment="bot", comparison="bot - standard") for name, value in pairs]
    both = bare(*bare().estimates, *slow)
    found = study_payback(both, "revenue", assume(), extra_hours_per_year=6240, by_age=AGES, choice="bot")
    assert found["money"]["central"][0] == pytest.approx(24_000 - 218_400)
    assert found["cash"]["net"].iloc[-1] == pytest.approx((24_000 - 218_400) / 12)


def test_study_payback_is_empty_when_withheld_or_without_an_effect():
    options = {"extra_hours_per_year": 6240, "by_age": AGES}
    assert study_payback(bare(status="withheld"), "revenue", assume(), **options) == {}
    assert study_payback(bare(), "csat", assume(), **options) == {}


def test_study_payback_tells_nothing_where_the_hours_are_unknown():
    assert study_payback(bare(), "revenue", assume(), extra_hours_per_year=None, by_age=AGES) == {}


def test_study_payback_takes_the_cost_of_an_hour_in_place_of_the_cost_a_year():
    hours = {"extra_hours_per_year": 100, "by_age": AGES}
    found = study_payback(bare(), "revenue", assume(), cost_per_agent_hour=(20, 30, 50), **hours)
    meant = study_payback(bare(), "revenue", assume(cost_per_year=(2000.0, 3000.0, 5000.0)), **hours)
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, meant[name])


def test_study_payback_leaves_cash_out_without_ages():
    assert "cash" not in study_payback(bare(), "revenue", assume(), extra_hours_per_year=6240)


def test_study_payback_gives_a_reason_where_the_interval_is_not_finite():
    unknown = [e.but(ci_low=math.nan, ci_high=math.nan, std_error=math.nan, reason="too few") for e in bare().estimates]
    found = study_payback(bare(*unknown), "revenue", assume(), extra_hours_per_year=6240, by_age=AGES)
    for name, column in [("money", "low"), ("break_even", "break_even"), ("probability", "probability")]:
        table = found[name]
        assert (table["reason"][table[column].isna()] == "too few").all() and table[column].isna().any()
    assert found["tornado"].iloc[-1][["doubt", "reason"]].tolist() == ["effect", "too few"]
    assert set(found["cash"]["reason"]) == {
        "no difference with a finite interval: revenue_30, revenue_60, revenue",
    }
