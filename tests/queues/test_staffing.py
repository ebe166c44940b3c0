"""Staffing by the hour: agents, their check by a simulated queue, and a full roll-out that is not twice half of one."""

import numpy as np
import pandas as pd
import pytest

from helpers.queues.erlang import agents_needed, answer_by_erlang_a
from helpers.queues.roll_out import DOUBLED, LIVE, STANDARD, TEST, plan_roll_out, rate_questions
from helpers.queues.staffing import check_staffing, plan_staffing
from helpers.records import Refused

TIMES = {"handle_minutes": 10, "patience_minutes": 15, "target_minutes": 2}
TARGET = {**TIMES, "target_share": 0.8}
RATES = np.where(np.arange(168) % 24 < 8, 0.0, 6.0) + np.where(np.arange(168) < 120, 0.0, 0.5)


def test_plan_staffing_is_erlang_hour_by_hour():
    found = plan_staffing(RATES, **TARGET)
    assert found["hour"].tolist() == list(range(168))
    ten = found.iloc[10]
    assert ten["agents_erlang_a"] == agents_needed(6, 10, target_minutes=2, target_share=0.8, patience_minutes=15)
    assert ten["agents_erlang_c"] == agents_needed(6, 10, target_minutes=2, target_share=0.8)
    exact = answer_by_erlang_a(6, 10, int(ten["agents_erlang_a"]), target_minutes=2, patience_minutes=15)
    names = ["share_within", "share_lost", "wait_minutes", "occupancy"]
    assert ten[names].tolist() == [getattr(exact, name) for name in names]


def test_plan_staffing_needs_nobody_where_nobody_asks():
    quiet = plan_staffing(RATES, **TARGET).iloc[3]
    assert (quiet["agents_erlang_a"], quiet["agents_erlang_c"]) == (0, 0)
    assert np.isnan(quiet[["share_within", "share_lost", "wait_minutes", "occupancy"]].astype(float)).all()


@pytest.mark.parametrize(
    ("change", "more"),
    [({"handle_minutes": 20}, True), ({"target_minutes": 15}, False), ({"target_share": 0.95}, True)],
)
def test_plan_staffing_changes_with_its_figures(change, more):
    base, other = (plan_staffing(RATES, **figures)["agents_erlang_a"].sum() for figures in (TARGET, TARGET | change))
    assert other > base if more else other < base


def test_plan_staffing_refuses_another_week():
    with pytest.raises(Refused) as caught:
        plan_staffing([1, 2], **TARGET)
    assert str(caught.value) == "staffing: rates of shape (2,); give one an hour of the week, (168,)"


def test_check_staffing_finds_the_formula_where_hours_do_not_change():
    # one rate all week: the simulated share is the formula's, in every block, within chance
    steady = plan_staffing(np.full(168, 9.0), **TARGET)
    found = check_staffing(steady, **TIMES, seed=5)
    assert len(found) == 12
    assert (found["agents"] == found["agents"][0]).all()
    half = (found["ci_high"] - found["ci_low"]) / 2
    assert (abs(found["share_within"] - found["share_formula"]) < 2 * half).all()  # twice: twelve blocks at once
    assert (abs(found["share_lost"] - found["lost_formula"]) < 0.01).all()
    assert found["arrivals_per_week"].tolist()[0] == pytest.approx(9 * 4 * 5)


def test_check_staffing_sees_too_few_agents():
    planned = plan_staffing(np.full(168, 9.0), **TARGET)
    fewer = planned.assign(agents_erlang_a=planned["agents_erlang_a"] - 1)
    assert check_staffing(fewer, **TIMES, seed=5)["share_within"].max() < 0.75


def test_check_staffing_puts_nobody_on_duty_where_nobody_is_planned():
    planned = plan_staffing(np.full(168, 9.0), **TARGET)
    nights = planned.assign(agents_erlang_a=np.where(planned["hour"] % 24 < 4, 0, 3))
    found = check_staffing(nights, **TIMES, seed=5).set_index("block")["share_within"]
    assert found["weekday 00-04"] < 0.03  # who came just before 04:00
    assert found["weekday 12-16"] > 0.8


def test_check_staffing_sees_queues_that_the_formula_does_not():
    # a rush in one hour for which the next has too few agents: what waits is carried over, and served late
    rates = np.tile([60.0, *([1.0] * 23)], 7)
    staffing = plan_staffing(rates, **(TARGET | {"patience_minutes": 200})).assign(agents_erlang_a=2)
    found = check_staffing(staffing, **(TIMES | {"patience_minutes": 200}), seed=1)
    formula = plan_staffing(rates, **(TARGET | {"patience_minutes": 200}))["share_within"][1]
    assert formula > 0.8
    assert found["share_within"][0] < 0.3  # weekday 00-04, the formula's hours without a rush included


def test_check_staffing_is_seeded_and_leaves_out_quiet_blocks():
    staffing = plan_staffing(RATES, **TARGET)
    first, again, other = (check_staffing(staffing, **TIMES, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    assert first["block"].tolist() == [
        *(f"weekday {hours}" for hours in ("08-12", "12-16", "16-20", "20-24")),
        *(f"weekend {hours}" for hours in ("00-04", "04-08", "08-12", "12-16", "16-20", "20-24")),
    ]


def test_check_staffing_counts_whoever_leaves_and_every_figure():
    staffing = plan_staffing(np.full(168, 9.0), **TARGET)
    base = check_staffing(staffing, **TIMES, seed=1)
    assert check_staffing(staffing, **(TIMES | {"handle_minutes": 20}), seed=1)["share_within"].max() < 0.6
    assert check_staffing(staffing, **(TIMES | {"patience_minutes": 1}), seed=1)["share_lost"].min() > 0.1
    assert (
        check_staffing(staffing, **(TIMES | {"target_minutes": 9}), seed=1)["share_within"] > base["share_within"]
    ).all()


def _questions(control=900, treatment=1200):
    """Each arm's questions, spread evenly over the hours from 08 to 24 of weekdays."""
    hours = [hour for hour in range(120) if hour % 24 >= 8]
    arms = [("standard", control), ("live", treatment)]
    return pd.concat([pd.DataFrame({"variant": arm, "hour": np.resize(hours, n)}) for arm, n in arms])


SERVICE = {
    **TARGET,
    "control": "standard",
    "treatment": "live",
    "promise_minutes": 60,
    "promise_patience_minutes": 720,
    "units_per_week": 400,
}
ARMS = {"standard": 1000, "live": 1000}


def test_rate_questions_by_hand():
    # 1,200 questions of 1,000 sign-ups in 80 hours: 15 an hour and 1,000, 6 an hour and 400
    found = rate_questions(_questions(), variant="live", n_units=1000, units_per_week=400)
    assert found.shape == (168,)
    assert found[8] == pytest.approx(6)
    assert found[7] == 0
    assert found.sum() == pytest.approx(480)


def test_rate_questions_tells_no_hour_in_which_few_asked():
    hours = [8] * 30 + [9] * 9 + [32] * 12 + [60] * 4 + [140] * 3  # weekday 08-12 but for 12:00 and the weekend's 20:00
    asked = pd.DataFrame({"variant": "live", "hour": hours, "unit": range(len(hours))})
    size = {"variant": "live", "n_units": 58, "units_per_week": 58}
    found = rate_questions(asked, **size, min_cell=10)
    assert found.sum() == pytest.approx(58)
    morning = [24 * day + hour for day in range(5) for hour in range(8, 12)]
    few = [24 * day + hour for day in range(5) for hour in range(12, 16)] + [
        24 * day + h for day in (5, 6) for h in range(20, 24)
    ]
    pooled = found[morning[0]]
    assert found[morning] == pytest.approx(pooled) and pooled > 0
    assert found[few] == pytest.approx(pooled)  # 4 and 3 are 7 together: too few still, so that the next joins them
    assert list(np.nonzero(rate_questions(asked, **size))[0]) == [8, 9, 32, 60, 140]
    busy = asked.assign(unit=0)  # one who asks 58 times is one unit
    assert len(set(rate_questions(busy, **size, min_cell=10).round(9))) == 2


def test_rate_questions_refuses_an_empty_arm():
    with pytest.raises(Refused) as caught:
        rate_questions(_questions(), variant="slow", n_units=0, units_per_week=400)
    assert str(caught.value) == "staffing: no unit is in the arm slow; name the arms as the plan does"


def test_plan_roll_out_by_hand():
    found = plan_roll_out(_questions(), units_in_arms=ARMS, **SERVICE).set_index("scenario")
    agents = {
        (rate, minutes): agents_needed(
            rate, 10, target_minutes=minutes, target_share=0.8, patience_minutes=15 if minutes == 2 else 720
        )
        for rate, minutes in ((4.5, 60), (2.25, 60), (3, 2), (6, 2))
    }
    standard, test, live = 80 * agents[4.5, 60], 80 * (agents[2.25, 60] + agents[3, 2]), 80 * agents[6, 2]
    hours = [standard, test, 2 * 80 * agents[3, 2], live]  # two live teams; the second standard team is no live support
    assert found.loc[[STANDARD, TEST, DOUBLED, LIVE], "agent_hours_per_week"].tolist() == hours
    assert found["extra_hours_per_week"].tolist() == [value - standard for value in hours]
    assert found["conversations_per_week"].tolist() == pytest.approx([360, 420, 480, 480])


def test_plan_roll_out_takes_less_than_twice_half():
    found = plan_roll_out(_questions(), units_in_arms=ARMS, **SERVICE).set_index("scenario")["extra_hours_per_week"]
    assert found[LIVE] < found[DOUBLED]
    ours = SERVICE | {"units_per_week": 400_000}  # where hundreds are on duty a team twice as large hardly gains
    large = plan_roll_out(_questions(), units_in_arms=ARMS, **ours).set_index("scenario")["agent_hours_per_week"]
    assert 0.95 < large[LIVE] / large[DOUBLED] <= 1


@pytest.mark.parametrize(
    "change",
    [
        {"units_per_week": 800},
        {"promise_minutes": 5},
        {"target_minutes": 20},
        {"target_share": 0.95},
        {"handle_minutes": 30},
        {"patience_minutes": 1},
        {"promise_patience_minutes": 1},
        {"control": "live", "treatment": "standard"},
        {"units_in_arms": {"standard": 1000, "live": 500}},
    ],
)
def test_plan_roll_out_changes_with_every_figure(change):
    base = {"units_in_arms": ARMS} | SERVICE
    assert not plan_roll_out(_questions(), **base).equals(plan_roll_out(_questions(), **(base | change)))
