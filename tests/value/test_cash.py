"""Cash by month: by hand, sign-up by sign-up, against the yearly value, and an interval that holds whatever moves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payback_samples import AGES, MONTH, assume, bare, effect

from helpers.records import Refused
from helpers.value import Assumptions, cash_by_month, yearly_value

MONTHLY = [("a", MONTH), ("b", 2 * MONTH)]
SIMPLE = Assumptions(1_200, 0.5, cost_per_year=2_400)


def test_cash_by_month_by_hand():
    # 100 sign-ups a month, evenly: on average half the first month's 4 dollars by its end, then half-way to 10
    found = cash_by_month(bare(effect("a", 4, 1), effect("b", 10, 2)), MONTHLY, SIMPLE, months=4)
    assert found["month"].tolist() == [1, 2, 3, 4]
    assert found["revenue"].tolist() == pytest.approx([50 * 2, 50 * 7, 50 * 10, 50 * 10])
    assert found["cost"].tolist() == [200] * 4
    assert found["net"].tolist() == pytest.approx([-100, 150, 300, 300])
    assert found["cumulative"].tolist() == pytest.approx([-100, 50, 350, 650])
    half = 1.96 * 50 * np.cumsum([0.5, 1.5, 2, 2])
    assert found["cumulative_low"].tolist() == pytest.approx(found["cumulative"] - half)
    assert found["cumulative_high"].tolist() == pytest.approx(found["cumulative"] + half)
    about = found[["unit", "choice", "confidence_level", "interval"]].drop_duplicates().to_numpy().tolist()
    assert about == [["USD", "live", 0.95, "fixed"]]
    assert found["reason"].isna().all()


def test_cash_by_month_equals_a_count_sign_up_by_sign_up():
    days, values, per_month, months = [0, 30, 60, 90], [0, 3, 8, 12], 2_000, 7
    came = MONTH * (np.arange(months * per_month) + 0.5) / per_month
    brought = [np.interp(MONTH * month - came[came < MONTH * month], days, values).sum() for month in range(1, 8)]
    found = cash_by_month(bare(), AGES, Assumptions(12 * per_month, 1), months=months)
    assert found["cumulative"].tolist() == pytest.approx(brought, rel=1e-5)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3), st.floats(0, 5))
def test_cash_by_month_settles_at_the_yearly_value(values, error):
    effects = [effect(name, value, error) for (name, _), value in zip(AGES, values, strict=True)]
    found, money = cash_by_month(bare(*effects), AGES, assume(), months=6), yearly_value(effects[2], assume())
    last = found.iloc[-1] - found[["cumulative_low", "cumulative", "cumulative_high"]].iloc[-2]
    for column, end in [("cumulative_low", "low"), ("cumulative", "central"), ("cumulative_high", "high")]:
        assert 12 * last[column] == pytest.approx(money[end][0], abs=1e-4)
    assert (found["cumulative_low"] <= found["cumulative"] + 1e-6).all()


@pytest.mark.parametrize("correlation", [-0.45, 0.0, 0.6, 1.0])
def test_cash_by_month_interval_holds_however_the_ages_move_together(correlation):
    rng, errors, n = np.random.default_rng(11), np.array([1.5, 3, 5]), 4_000
    spread = np.outer(errors, errors) * (correlation + (1 - correlation) * np.eye(3))
    draws = rng.multivariate_normal([3, 8, 12], spread, n, method="eigh")
    weights = [
        cash_by_month(bare(*unit), AGES, Assumptions(12, 1), months=8)["cumulative"].iloc[-1]
        for unit in ([effect(name, float(k == place), 1) for k, (name, _) in enumerate(AGES)] for place in range(3))
    ]
    found = cash_by_month(bare(), AGES, Assumptions(12, 1), months=8).iloc[-1]
    half = (found["cumulative_high"] - found["cumulative_low"]) / 2
    covered = (np.abs((draws - [3, 8, 12]) @ weights) <= half).mean()
    assert covered > 0.95 - 4 * math.sqrt(0.95 * 0.05 / n)
    if correlation == 1:  # then, and only then, it is as narrow as it may be
        assert covered < 0.95 + 4 * math.sqrt(0.95 * 0.05 / n)


@pytest.mark.parametrize(
    "changes", [{"units_per_year": 60_000}, {"value_per_unit": 0.4}, {"cost_per_year": 0.0}], ids=str
)
def test_cash_by_month_changes_with_each_assumption(changes):
    before, after = cash_by_month(bare(), AGES, assume()), cash_by_month(bare(), AGES, assume(**changes))
    assert before["cumulative"].iloc[-1] != pytest.approx(after["cumulative"].iloc[-1])


def test_cash_by_month_counts_nothing_after_the_last_age():
    short = cash_by_month(bare(), AGES[:1], assume(), months=12)
    assert short["revenue"].iloc[-1] == pytest.approx(3 * 24_000 / 12)
    assert len(cash_by_month(bare(), AGES, assume())) == 12


def test_cash_by_month_begins_with_what_is_saved():
    found = cash_by_month(bare(), AGES, assume(cost_per_year=-12_000), months=1)
    assert found["cost"].tolist() == [-1_000]
    assert found["net"][0] == pytest.approx(found["revenue"][0] + 1_000)


def test_cash_by_month_takes_the_comparison_and_the_choice_that_it_is_told():
    more = effect("a", 40, 1, treatment="bot", comparison="bot - standard")
    both = bare(effect("a", 4, 1), more)
    found = cash_by_month(both, MONTHLY[:1], SIMPLE, control="standard", treatment="bot", months=3)
    assert found["revenue"].iloc[-1] == pytest.approx(50 * 40)
    kept = cash_by_month(both, MONTHLY[:1], SIMPLE, choice="standard", months=3)
    assert kept["revenue"].iloc[-1] == pytest.approx(-50 * 4)
    assert (kept["cumulative_low"] < kept["cumulative_high"]).all() and set(kept["choice"]) == {"standard"}


def test_cash_by_month_is_unknown_with_one_of_its_metrics():
    lost = cash_by_month(bare(effect("a", 4, 1)), MONTHLY, SIMPLE, months=2)
    assert lost["cumulative"].isna().all()
    assert set(lost["reason"]) == {"no difference with a finite interval: a, b"}
    open_ended = bare(effect("a", 4, 1), effect("b", 4, 1, ci_high=math.inf))
    assert set(cash_by_month(open_ended, MONTHLY, SIMPLE)["reason"]) == {"no difference with a finite interval: b"}


AGE = "cash by month: give one age or more, in days, rising from above 0"
REFUSED = [
    ([], {}, AGE),
    ([("a", 0)], {}, AGE),
    ([("b", 60), ("a", 30)], {}, AGE),
    (MONTHLY, {"months": 0}, "cash by month: months is below 1; give whole months"),
    (MONTHLY, {"choice": "c"}, "yearly value of a: the choice is live or standard"),
]


@pytest.mark.parametrize(("metrics", "options", "message"), REFUSED)
def test_cash_by_month_refuses(metrics, options, message):
    with pytest.raises(Refused) as refusal:
        cash_by_month(bare(effect("a", 4, 1), effect("b", 9, 1)), metrics, SIMPLE, **options)
    assert str(refusal.value) == message


def test_cash_by_month_refuses_a_horizon():
    with pytest.raises(Refused) as refusal:
        cash_by_month(bare(), AGES, assume(monthly_persistence=0.9, horizon_months=6))
    assert str(refusal.value) == "cash by month counts the observed follow-up only; leave out horizon_months"
