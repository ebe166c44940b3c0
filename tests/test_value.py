"""Money: yearly value, chance, break-even, tornado, cash: by hand, scipy, draws, property, refused."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payback_samples import AGES, MONTH, assume, bare, effect, list_hours
from scipy import stats

from helpers import value

YEAR = {"units_per_year": (8_000, 10_000, 12_000), "value_per_unit": (40, 50, 70)}
YEAR |= {"cost_per_year": (1_000, 2_000, 5_000)}
LOOKED = "it was looked at early, for which this chance does not allow"
CONVERTED = effect("converted", 0.09, 0.01, ci_low=0.07, ci_high=0.11)


def _low_high(frame):
    return frame[["low", "central", "high"]].to_numpy().tolist()


def test_yearly_value_by_hand():
    found = value.yearly_value(CONVERTED, value.Assumptions(**YEAR))
    expected = [(33_000, 43_000, 53_000), (23_800, 43_000, 74_600), (17_400, 43_000, 91_400)]
    assert np.array(_low_high(found)) == pytest.approx(np.array(expected))
    assert found[["row", "note", "interval"]].to_numpy().tolist() == [
        ["sampling interval at central assumptions", "chance alone varies: 95 % interval", "fixed"],
        ["range over assumptions at the central estimate", "assumptions alone vary", "scenario"],
        ["both (scenario)", "worst and best of both, without a confidence level", "scenario"],
    ]
    told = found[["unit", "choice"]].drop_duplicates().to_numpy().tolist()
    assert told == [["USD a year", "live"]] and found["reason"].isna().all()
    early = value.yearly_value(CONVERTED.but(interval="always-valid"), value.Assumptions(1, 1))
    assert early["interval"].tolist() == ["always-valid", "scenario", "scenario"]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 1e6))
def test_yearly_value_rows_are_nested(estimate, half, cost):
    shown = CONVERTED.but(estimate=estimate, ci_low=estimate - half, ci_high=estimate + half)
    found = value.yearly_value(shown, value.Assumptions((5, 10, 20), (1, 2, 3), (0, cost / 2, cost)))
    slack = 1e-9 * (1 + cost)
    assert (found["low"] <= found["central"] + slack).all()
    assert (found["central"] <= found["high"] + slack).all()
    assert found["low"][2] <= found["low"][:2].min() + slack
    assert found["high"][2] >= found["high"][:2].max() - slack


def test_choose_effect_takes_the_deciding_difference_of_the_chosen_treatment():
    changes = [{"estimand": "relative_lift"}, {"metric": "spend"}, {"role": "sensitivity"}]
    changes += [{"segment": "country=IT"}, {"population": "as_treated"}]
    others = [CONVERTED.but(estimate=9.0, **change) for change in changes]
    second = CONVERTED.but(treatment="bot", estimate=0.02, ci_low=0.01, ci_high=0.03)
    held = bare(*others, CONVERTED, second)
    assert value.choose_effect(held, "converted") == CONVERTED == value.choose_effect(held, "converted", "live")
    assert value.choose_effect(held, "converted", "bot") == second
    assert value.choose_effect(held.but(status="withheld"), "converted") is value.choose_effect(held, "csat") is None


def test_choose_effect_of_the_control_turns_the_effect_and_its_ends_round():
    found = value.choose_effect(bare(CONVERTED.but(ci_high=0.15)), "converted", "standard")
    turned = {"estimate": -0.09, "ci_low": -0.15, "ci_high": -0.07, "treatment": "standard", "control": "live"}
    turned |= {"treatment_value": CONVERTED.control_value, "control_value": CONVERTED.treatment_value}
    assert {name: getattr(found, name) for name in turned} == turned
    lost = value.choose_effect(bare(CONVERTED.but(estimate=math.inf, ci_low=-math.inf)), "converted")
    assert np.isnan([lost.estimate, lost.ci_low]).all() and lost.ci_high == 0.11


def test_value_headline_shows_the_money_and_every_assumption():
    found = value.value_headline(bare(CONVERTED), "converted", value.Assumptions(**YEAR), choice="standard")
    assert list(found) == ["money", "assumptions"]
    assert found["money"]["central"].tolist() == [pytest.approx(-47_000)] * 3
    assert found["assumptions"].astype(object).fillna("-").to_numpy().tolist() == [
        ["units a year", 8_000, 10_000, 12_000, "units"],
        ["value of one unit of the outcome", 40, 50, 70, "USD within the observed follow-up"],
        ["cost a year", 1_000, 2_000, 5_000, "USD"],
        ["months counted", "-", "-", "-", "none beyond the observed follow-up"],
    ]
    assert value.value_headline(bare(), "converted", value.Assumptions(**YEAR)) == {}


def chances(estimate, assumptions):
    return value.probability_pays(estimate, assumptions)["probability"].tolist()


def test_probability_pays_by_hand():
    found = value.probability_pays(effect(), assume())
    assert found["basis"].tolist() == ["central assumptions", "assumptions drawn", "pessimistic assumptions"]
    # pays where the effect is above cost / (units x value)
    assert found["probability"][0] == pytest.approx(stats.norm.sf(218_400 / 24_000, 12, 5))
    assert found["probability"][2] == pytest.approx(stats.norm.sf(312_000 / (25_000 * 0.7), 12, 5))
    told = ["all assumptions at central", "each assumption drawn by itself from a triangle: low, peak at central, high"]
    told.append("each assumption at the end that is worst for paying")
    assert found["assumes"].tolist() == [f"effect normal around the estimate, flat prior; {one}" for one in told]
    assert set(found["choice"]) == {"live"} and found["reason"].isna().all()
    # revenue is lost and hours are saved: many units and a high margin are the bad end
    worst = chances(effect(estimate=-2), assume(0, cost_per_year=(-90_000, -60_000, -40_000)))[2]
    assert worst == pytest.approx(stats.norm.sf(-40_000 / (35_000 * 0.9), -2, 5))


PEAKED = {"value_per_unit": (0.7, 0.7, 0.9), "cost_per_hour": (25, 50, 50)}


@pytest.mark.parametrize(
    "changes", [{}, PEAKED, {"breaks": (0.1, 0.3, 0.35), "kept": (0.5, 1, 1)}], ids=["inside", "at an end", "more"]
)
@pytest.mark.parametrize("error", [5.0, 0.01])
def test_probability_pays_agrees_with_draws(changes, error):
    assumed, rng, n = assume(**changes), np.random.default_rng(7), 200_000
    draw = lambda spread: rng.triangular(*spread, n) if spread[0] < spread[2] else spread[1]  # noqa: E731
    factor = draw(assumed.units_per_year) * draw(assumed.value_per_unit) * draw(assumed.kept)
    pays = rng.normal(12, error, n) * factor > 6240 * draw(assumed.cost_per_hour) / (1 - draw(assumed.breaks))
    found = chances(effect(error=error), assumed)[1]
    assert abs(pays.mean() - found) < 4 * math.sqrt(found * (1 - found) / n) + 1e-3


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-20, 20), st.floats(0.1, 20), st.floats(0, 1e6))
def test_probability_pays_properties(estimate, error, cost):
    free = chances(effect(estimate=estimate, error=error), assume(0))
    assert free == pytest.approx([stats.norm.cdf(estimate / error)] * 3, abs=1e-9)
    spread = assume(1, cost_per_hour=(cost / 2, cost, 2 * cost))
    central, drawn, worst = chances(effect(estimate=estimate, error=error), spread)
    assert 0 <= worst <= min(central, drawn) + 1e-9 and max(central, drawn) <= 1 + 1e-9


@pytest.mark.parametrize(("error", "units", "cost", "chance"), [
    (0, 100, 1_199, 1), (0, 100, 1_200, 0),  # without an error it is certain
    (5, 0, 1, 0), (5, 0, -1, 1),  # and where nothing is sold
])  # fmt: skip
def test_probability_pays_is_certain_where_nothing_varies(error, units, cost, chance):
    assert chances(effect(error=error), value.Assumptions(units, 1, cost_per_year=cost)) == [chance] * 3


@pytest.mark.parametrize(("changes", "reason"), [
    ({"interval": "always-valid"}, LOOKED),
    ({"interval": "repeated"}, LOOKED),  # at the planned end, after planned looks
    ({"std_error": math.nan}, "the effect has no standard error"),
    ({"std_error": math.nan, "reason": "few"}, "few"),
])  # fmt: skip
def test_probability_pays_is_unknown_of_an_unfinished_experiment_and_without_an_error(changes, reason):
    found = value.probability_pays(effect(**changes), assume())
    assert found["probability"].isna().all() and set(found["reason"]) == {reason}


def test_find_break_even_by_hand():
    found = value.find_break_even(effect(), assume())
    ends = np.array([12, 12 - 1.96 * 5, 12 + 1.96 * 5])
    basis = ["central estimate", "low end of the 95 % interval", "high end of the 95 % interval"]
    assert found["basis"].tolist() == basis
    assert found["brings"].tolist() == pytest.approx(24_000 * ends)
    assert found["break_even"].tolist() == pytest.approx(24_000 * ends / 6240)
    told = found[["rule", "assumed", "unit", "choice"]].drop_duplicates().to_numpy().tolist()
    assert told == [["up to", pytest.approx(35), "USD an agent hour", "live"]] and found["reason"].isna().all()
    costly = value.find_break_even(effect(), assume(cost_per_year=6240))["break_even"]
    assert costly.tolist() == pytest.approx(24_000 * ends / 6240 - 1)


FREE, NEVER = "it pays whatever an agent hour costs", "it does not pay, even where agents cost nothing"
IDLE = "no agent hour is added or saved, and the effect brings nothing"
RULES = [  # effect on the unit, hours: rule, break-even, reason
    (2, 100, "up to", 2 * 24_000 / 100, None),
    (0, 100, "up to", 0, None),
    (-2, 100, "none", math.nan, NEVER),
    # hours are saved: a loss of revenue is made good where they are dear enough
    (-2, -100, "from", 2 * 24_000 / 100, None),
    (0, -100, "any", math.nan, FREE),
    # no hours: only the effect counts
    (2, 0, "any", math.nan, FREE),
    (0, 0, "none", math.nan, IDLE),
]


@pytest.mark.parametrize(("estimate", "hours", "rule", "cost", "reason"), RULES)
def test_find_break_even_knows_every_case(estimate, hours, rule, cost, reason):
    row = value.find_break_even(effect(estimate=estimate), assume(hours)).iloc[0]
    assert (row["rule"], row["reason"]) == (rule, reason)
    assert row["break_even"] == pytest.approx(cost, nan_ok=True)
    assert math.isnan(row["assumed"]) == (hours == 0)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(-50, 50), st.floats(-1e4, 1e4).filter(lambda hours: abs(hours) > 1), st.floats(0.1, 1e3))
def test_find_break_even_rule_is_where_the_yearly_value_is_a_gain(estimate, hours, cost):
    row = value.find_break_even(effect(estimate=estimate), assume(hours)).iloc[0]
    assumed = assume(hours, cost_per_hour=cost)
    net = value.yearly_value(effect(estimate=estimate), assumed)["central"][0]
    told = {"up to": cost <= row["break_even"], "from": cost >= row["break_even"], "any": True, "none": False}
    if abs(net) > 1e-6 * (1 + abs(hours * cost)):
        assert told[row["rule"]] == (net > 0)


def test_tables_of_an_effect_with_an_open_interval_say_why_they_are_unknown():
    told = "the effect has no finite interval"
    found = value.find_break_even(effect(ci_low=math.nan, ci_high=math.nan), assume())
    assert found["reason"].tolist() == [None, told, told]
    assert found["break_even"].isna().tolist() == [False, True, True]
    assert found["rule"].tolist() == ["up to", None, None]
    found = value.list_tornado(effect(ci_high=math.nan), assume())  # the unknown effect stands last
    assert found["doubt"].iloc[-1] == "effect" and math.isnan(found["swing"].iloc[-1])
    assert found["reason"].tolist() == [None, None, None, told]


def test_list_tornado_by_hand():
    found = value.list_tornado(effect(), assume(breaks=(0, 0, 0.2), kept=(0.5, 1, 1))).set_index("doubt")
    expected = {
        "effect": (2.2, 21.8, 2.2 * 24_000 - 218_400, 21.8 * 24_000 - 218_400),
        "cost of an agent hour": (25, 50, 288_000 - 156_000, 288_000 - 312_000),
        "effect, control as before": (0.5, 1, 144_000 - 218_400, 288_000 - 218_400),
        "units a year": (25_000, 35_000, 240_000 - 218_400, 336_000 - 218_400),
        "value of one unit of the outcome": (0.7, 0.9, 252_000 - 218_400, 324_000 - 218_400),
        "breaks and training": (0, 0.2, 288_000 - 218_400, 288_000 - 273_000),
    }
    assert found.index.tolist() == list(expected)
    for name, row in expected.items():
        assert found.loc[name, ["at_low", "at_high", "value_low", "value_high"]].tolist() == pytest.approx(row)
        assert found.loc[name, ["low", "high"]].tolist() == pytest.approx(sorted(row[2:]))
    assert found["central"].tolist() == pytest.approx([69_600] * 6)
    assert found["swing"].tolist() == pytest.approx([470_400, 156_000, 144_000, 96_000, 72_000, 54_600])
    assert found["reason"].isna().all() and set(found["unit"]) == {"USD a year"}


# agent hours by number of units (rows), handling (columns) and patience: whole agents, not in proportion to anything
NEEDED = (
    np.array([[[8, 8, 8], [9, 9, 10], [10, 11, 12]], [[9, 9, 9], [10, 11, 12], [12, 12, 13]], [[11] * 3] * 3]) * 520.0
)
WORK = {"handling": (0.8, 1, 1.25), "patience": (0.5, 1, 2), "hours": NEEDED, "breaks": (0.2, 0.3, 0.35)}


def test_hours_are_those_of_each_number_of_units_handling_and_patience():
    assumed = assume(**{**WORK, "hours": NEEDED})
    at = assumed.central()
    assert assumed.pay_hours(**at) == pytest.approx(11 * 520 / 0.7)
    for change, agents in [
        ({"units_per_year": 25_000}, 9), ({"handling": 1.25}, 12), ({"patience": 2.0}, 12),
        ({"handling": 0.9}, 10), ({"units_per_year": 32_500}, 11), ({"handling": 0.8, "units_per_year": 25_000}, 8),
    ]:  # fmt: skip
        assert assumed.pay_hours(**{**at, **change}) == pytest.approx(agents * 520 / 0.7)
    assert assumed.pay_hours(**{**at, "breaks": 0.2}) == pytest.approx(11 * 520 / 0.8)
    # a year of 25,000 has the agents of 25,000
    row = value.list_tornado(effect(), assumed).set_index("doubt").loc["units a year"]
    assert row["value_low"] == pytest.approx(12 * 25_000 * 0.8 - 35 * 9 * 520 / 0.7)


def test_list_assumptions_tells_what_follows_from_them_so_that_the_year_can_be_recomputed():
    assumed = assume(**WORK)
    found = value.list_assumptions(assumed).set_index("assumption")
    assert found.loc["agent hours a year"].tolist() == [
        pytest.approx(8 * 520 / 0.8), pytest.approx(11 * 520 / 0.7), pytest.approx(13 * 520 / 0.65), "paid hours",
    ]  # fmt: skip
    at = found["central"]
    spent = at["agent hours a year"] * at["cost of an agent hour"]
    assert at["cost a year"] == pytest.approx(spent)
    assert found.loc["cost a year", ["low", "high"]].tolist() == pytest.approx([25 * 5200, 50 * 10_400])
    year = 12 * at["units a year"] * at["value of one unit of the outcome"] - spent
    assert value.yearly_value(effect(), assumed)["central"][0] == pytest.approx(year)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-20, 20), st.floats(0, 20), st.floats(0, 1e6))
def test_list_tornado_holds_central_in_every_row_and_sorts(estimate, error, cost):
    found = value.list_tornado(
        effect(estimate=estimate, error=error), assume(1, cost_per_hour=(cost / 2, cost, 2 * cost))
    )
    slack = 1e-6
    assert (found["low"] <= found["central"] + slack).all() and (found["central"] <= found["high"] + slack).all()
    assert found["swing"].is_monotonic_decreasing and len(set(found["central"])) == 1


PLAIN = {"units_per_year": 12, "value_per_unit": 1}


def draw_cash(*effects, days=(30, 60, 90), **changes):
    """Return cash by month of effects at these ages; without assumptions 100 sign-ups a month at half a dollar."""
    changes = changes or {"units_per_year": 1_200, "value_per_unit": 0.5, "cost_per_year": 2_400}
    return value.cash_by_month(list(zip(effects, days, strict=False)), value.Assumptions(**{**PLAIN, **changes}))


def test_cash_by_month_by_hand():
    # 100 sign-ups a month, evenly: on average half the first month's 4 dollars by its end, then half-way to 10
    found = draw_cash(effect("a", 4, 1), effect("b", 10, 2), days=(MONTH, 2 * MONTH))
    assert found["month"].tolist() == list(range(1, 13))
    assert found["revenue"].tolist() == pytest.approx([50 * 2, 50 * 7, *[50 * 10] * 10])
    assert found["cost"].tolist() == [200] * 12
    assert found["net"].tolist() == pytest.approx([-100, 150, *[300] * 10])
    assert found["cumulative"].tolist() == pytest.approx(np.cumsum([-100, 150, *[300] * 10]))
    half = 1.96 * 50 * np.cumsum([0.5, 1.5, *[2] * 10])
    assert found["cumulative_low"].tolist() == pytest.approx(found["cumulative"] - half)
    assert found["cumulative_high"].tolist() == pytest.approx(found["cumulative"] + half)
    about = found[["unit", "choice", "confidence_level", "interval"]].drop_duplicates().to_numpy().tolist()
    assert about == [["USD", "live", 0.95, "fixed"]]
    assert found["reason"].isna().all()


def test_cash_by_month_equals_a_count_sign_up_by_sign_up():
    days, values, per_month = [0, 30, 60, 90], [0, 3, 8, 12], 2_000
    came = MONTH * (np.arange(12 * per_month) + 0.5) / per_month
    brought = [np.interp(MONTH * month - came[came < MONTH * month], days, values).sum() for month in range(1, 13)]
    found = draw_cash(*(effect(estimate=brought) for brought in values[1:]), units_per_year=12 * per_month)
    assert found["cumulative"].tolist() == pytest.approx(brought, rel=1e-5)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3), st.floats(0, 5))
def test_cash_by_month_settles_at_the_yearly_value(values, error):
    effects = [effect(estimate=brought, error=error) for brought in values]
    found = value.cash_by_month(list(zip(effects, (30, 60, 90), strict=True)), assume())
    last = found.iloc[-1] - found[["cumulative_low", "cumulative", "cumulative_high"]].iloc[-2]
    money = value.yearly_value(effects[2], assume())
    for column, end in [("cumulative_low", "low"), ("cumulative", "central"), ("cumulative_high", "high")]:
        assert 12 * last[column] == pytest.approx(money[end][0], abs=1e-4)
    assert (found["cumulative_low"] <= found["cumulative"] + 1e-6).all()


@pytest.mark.parametrize("correlation", [-0.45, 0.0, 0.6, 1.0])
def test_cash_by_month_interval_holds_however_the_ages_move_together(correlation):
    rng, errors, n = np.random.default_rng(11), np.array([1.5, 3, 5]), 4_000
    spread = np.outer(errors, errors) * (correlation + (1 - correlation) * np.eye(3))
    draws = rng.multivariate_normal([3, 8, 12], spread, n, method="eigh")
    units = [[effect(estimate=brought) for brought in unit] for unit in np.eye(3)]
    weights = [draw_cash(*unit, **PLAIN)["cumulative"].iloc[-1] for unit in units]
    found = draw_cash(effect(estimate=3, error=1.5), effect(estimate=8, error=3), effect(), **PLAIN).iloc[-1]
    half = (found["cumulative_high"] - found["cumulative_low"]) / 2
    covered = (np.abs((draws - [3, 8, 12]) @ weights) <= half).mean()
    assert covered > 0.95 - 4 * math.sqrt(0.95 * 0.05 / n)
    if correlation == 1:  # then, and only then, it is as narrow as it may be
        assert covered < 0.95 + 4 * math.sqrt(0.95 * 0.05 / n)


def test_cash_by_month_is_unknown_with_one_of_its_metrics():
    found = draw_cash(effect("a", 4, 1), effect("b", 4, 1, ci_high=math.nan))
    assert found["cumulative"].isna().all()
    assert set(found["reason"]) == {"no difference with a finite interval: b"}


def test_read_doubts_by_hand():
    found = value.read_doubts(effect(), assume(), slower={"corrected": 0.5}, past_effects=5.0).set_index("reading")
    assert found.index.tolist() == ["as measured", "corrected", "shrunk by a sceptic"]
    # a prior as wide as the error: half the effect, with 1 / sqrt(2) of the error
    half = stats.norm.isf(0.025) * 5 / math.sqrt(2)
    ends = {"as measured": (12, 2.2, 21.8), "corrected": (6, 1.1, 10.9), "shrunk by a sceptic": (6, 6 - half, 6 + half)}
    for name, spread in ends.items():
        assert found.loc[name, ["effect", "effect_low", "effect_high"]].tolist() == pytest.approx(spread)
        net = [24_000 * end - 218_400 for end in spread]
        assert found.loc[name, ["central", "low", "high"]].tolist() == pytest.approx(net)
    errors = (5, 2.5, 5 / math.sqrt(2))
    chances = stats.norm.sf(9.1, found["effect"], errors)
    assert found["probability"].tolist() == pytest.approx(chances)
    assert found["brings"].tolist() == pytest.approx([288_000, 144_000, 144_000])
    assert found["reason"].isna().all()
    early = value.read_doubts(effect(interval="always-valid"), assume(), slower={}, past_effects=5.0)
    assert early["probability"].isna().all() and set(early["reason"]) == {LOOKED}


def test_read_doubts_of_an_effect_that_a_slower_control_turns():
    # before the test the control was faster than the treatment is now: half the effect, the other way round
    found = value.read_doubts(effect(), assume(0), slower={"corrected": -0.5}, past_effects=5.0).set_index("reading")
    row = found.loc["corrected"]
    assert row[["effect", "effect_low", "effect_high"]].tolist() == pytest.approx([-6, -10.9, -1.1])
    assert row["low"] < row["central"] < row["high"]
    worst = chances(effect(), assume(0, kept=(-0.5, 1, 1)))[2]
    assert row["probability"] == pytest.approx(worst) == stats.norm.cdf(-6 / 2.5)


PUBLISHED = [(0.1, 3.28, 0.05010648 * (1 - 0.4644228), 76.8), (2, 8.1, 0.05701294 * (1 - 0.2396177), 9.57)]


@pytest.mark.parametrize(("size", "error", "power", "overstates"), PUBLISHED)
def test_read_doubts_gives_the_published_exaggeration(size, error, power, overstates):
    # Gelman & Carlin 2014, its function retrodesign and examples: power less its type S part; the last is drawn
    row = value.read_doubts(effect(estimate=size, error=error), assume(), slower={}, past_effects=1.0).iloc[0]
    assert row["power"] == pytest.approx(power, abs=1e-8)
    assert row["overstates"] == pytest.approx(overstates, rel=0.01)


HOURS = {"hours": list_hours(), "past_effects": 0.1}
SLOWER = pd.DataFrame({"metric": "revenue", "is_measured": [False, True, True], "factor": [0.1, 0.7, 0.9]})
SLOWER["response"] = ["linear in minutes", "linear in minutes", "linear in log minutes"]


def test_study_payback_has_every_table_of_the_chosen_effect():
    found = value.study_payback(bare(), "revenue", assume(0), **HOURS, by_age=AGES)
    names = ["money", "assumptions", "break_even", "probability", "tornado", "effect_readings", "cash"]
    assert list(found) == names
    expected = {
        **value.value_headline(bare(), "revenue", assume()),  # with the agent hours that the queue needs
        "break_even": value.find_break_even(effect(), assume()),
        "probability": value.probability_pays(effect(), assume()),
        "tornado": value.list_tornado(effect(), assume()),
        "effect_readings": value.read_doubts(effect(), assume(), slower={}, past_effects=3.0),
    }
    assert all(found[name].equals(table) for name, table in expected.items())
    assert found["cash"]["choice"].unique().tolist() == ["live"]


def test_study_payback_carries_a_slower_control_into_the_money():
    plain, found = (
        value.study_payback(bare(), "revenue", assume(), **HOURS, **more) for more in ({}, {"slower": SLOWER})
    )
    doubt = found["tornado"].set_index("doubt").loc["effect, control as before"]
    low = 0.7 * 288_000 - 218_400
    assert doubt[["at_low", "at_high", "value_low", "value_high"]].tolist() == pytest.approx([0.7, 1, low, 69_600])
    readings = found["effect_readings"].set_index("reading")["central"]
    assert readings["corrected, linear in minutes"] == pytest.approx(low)
    assert readings["corrected, linear in log minutes"] == pytest.approx(0.9 * 288_000 - 218_400)
    money, before = found["money"], plain["money"]
    assert money["low"][1] < before["low"][1] and money["high"][1] == before["high"][1]
    assert found["probability"]["probability"][1] < plain["probability"]["probability"][1]


def test_study_payback_takes_given_hours_as_paid_whatever_the_work_is():
    given = {**HOURS, "hours": list_hours(given=True)}
    found = value.study_payback(bare(), "revenue", assume(**WORK), **given)
    doubts = ["effect", "cost of an agent hour", "units a year", "value of one unit of the outcome"]
    assert found["tornado"]["doubt"].tolist() == doubts and found["break_even"]["hours"][0] == 6240


def test_study_payback_is_empty_when_withheld_without_an_effect_or_without_known_hours():
    assert value.study_payback(bare(status="withheld"), "revenue", assume(), **HOURS) == {}
    assert value.study_payback(bare(), "csat", assume(), **HOURS) == {}
    assert value.study_payback(bare(), "revenue", assume(), **{**HOURS, "hours": None}) == {}
    for by_age in ((), [*AGES, ("csat", 120)]):  # without ages, or one of its metrics
        assert "cash" not in value.study_payback(bare(), "revenue", assume(), **HOURS, by_age=by_age)


def test_study_payback_gives_a_reason_where_the_interval_is_not_finite():
    unknown = [e.but(ci_low=math.nan, ci_high=math.nan, std_error=math.nan, reason="too few") for e in bare().estimates]
    found = value.study_payback(bare(*unknown), "revenue", assume(), **HOURS, by_age=AGES)
    for name, column in [("money", "low"), ("break_even", "break_even"), ("probability", "probability")]:
        table = found[name]
        assert (table["reason"][table[column].isna()] == "too few").all() and table[column].isna().any()
    assert set(found["effect_readings"]["reason"]) == {"too few"}
    assert found["tornado"].iloc[-1][["doubt", "reason"]].tolist() == ["effect", "too few"]
    assert set(found["cash"]["reason"]) == {"no difference with a finite interval: revenue_30, revenue_60, revenue"}
