"""Staffing by the hour: agents, their check by a simulated queue, and a full roll-out that is not twice half of one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.queues import find_extra_hours, study_staffing
from helpers.queues.erlang import Promise, agents_needed, answer_by_erlang_a, answer_by_erlang_c
from helpers.queues.study import (
    DOUBLED,
    LIVE,
    STANDARD,
    TEST,
    check_staffing,
    plan_roll_out,
    plan_staffing,
    rate_questions,
)
from helpers.records import Refused

PROMISE = Promise(10, 15, 2, 0.8)
RATES = np.where(np.arange(168) % 24 < 8, 0.0, 6.0) + np.where(np.arange(168) < 120, 0.0, 0.5)
STEADY = plan_staffing(np.full(168, 9.0), PROMISE)


def test_plan_staffing_is_erlang_hour_by_hour():
    found = plan_staffing(RATES, PROMISE)
    assert found["hour"].tolist() == list(range(168)) and found["arrivals_per_hour"].tolist() == RATES.tolist()
    ten = found.iloc[10]
    assert ten["agents_erlang_a"] == agents_needed(6, PROMISE)
    assert ten["agents_erlang_c"] == agents_needed(6, PROMISE, answer=answer_by_erlang_c)
    exact = answer_by_erlang_a(6, int(ten["agents_erlang_a"]), PROMISE)
    names = ["share_within", "share_lost", "wait_minutes", "occupancy"]
    assert ten[names].tolist() == [getattr(exact, name) for name in names]
    quiet = found.iloc[3]  # nobody asks
    assert (quiet["agents_erlang_a"], quiet["agents_erlang_c"]) == (0, 0) and quiet[names].isna().all()


def test_check_staffing_finds_the_formula_where_hours_do_not_change():
    # one rate all week: the simulated share is the formula's, in every block, within chance
    found = check_staffing(STEADY, PROMISE, seed=5)
    assert len(found) == 12
    assert (found["agents"] == found["agents"][0]).all()
    half = (found["ci_high"] - found["ci_low"]) / 2
    assert (abs(found["share_within"] - found["share_formula"]) < 2 * half).all()  # twice: twelve blocks at once
    assert (abs(found["share_lost"] - found["lost_formula"]) < 0.01).all()
    assert found["arrivals_per_week"].tolist()[0] == pytest.approx(9 * 4 * 5)


def test_check_staffing_sees_too_few_agents():
    fewer = STEADY.assign(agents_erlang_a=STEADY["agents_erlang_a"] - 1)
    assert check_staffing(fewer, PROMISE, seed=5)["share_within"].max() < 0.75


def test_check_staffing_puts_nobody_on_duty_where_nobody_is_planned():
    nights = STEADY.assign(agents_erlang_a=np.where(STEADY["hour"] % 24 < 4, 0, 3))
    found = check_staffing(nights, PROMISE, seed=5).set_index("block")["share_within"]
    assert found["weekday 00-04"] < 0.03  # who came just before 04:00
    assert found["weekday 12-16"] > 0.8


def test_check_staffing_sees_queues_that_the_formula_does_not():
    # a rush in one hour for which the next has too few agents: what waits is carried over, and served late
    patient, rates = replace(PROMISE, patience_minutes=200), np.tile([60.0, *([1.0] * 23)], 7)
    planned = plan_staffing(rates, patient)
    found = check_staffing(planned.assign(agents_erlang_a=2), patient, seed=1)
    assert planned["share_within"][1] > 0.8
    assert found["share_within"][0] < 0.3  # weekday 00-04, the formula's hours without a rush included


def test_check_staffing_is_seeded_and_leaves_out_quiet_blocks():
    staffing = plan_staffing(RATES, PROMISE)
    first, again, other = (check_staffing(staffing, PROMISE, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    assert first["block"].tolist() == [
        *(f"weekday {hours}" for hours in ("08-12", "12-16", "16-20", "20-24")),
        *(f"weekend {hours}" for hours in ("00-04", "04-08", "08-12", "12-16", "16-20", "20-24")),
    ]


def test_check_staffing_counts_whoever_leaves_and_every_figure():
    base, slower, hasty, later = (
        check_staffing(STEADY, replace(PROMISE, **change), seed=1)
        for change in ({}, {"handle_minutes": 20}, {"patience_minutes": 1}, {"target_minutes": 9})
    )
    assert slower["share_within"].max() < 0.6
    assert hasty["share_lost"].min() > 0.1
    assert (later["share_within"] > base["share_within"]).all()


def _questions(control=900, treatment=1200):
    """Each arm's questions, spread evenly over the hours from 08 to 24 of weekdays."""
    hours = [hour for hour in range(120) if hour % 24 >= 8]
    arms = [("standard", control), ("live", treatment)]
    return pd.concat([pd.DataFrame({"variant": arm, "hour": np.resize(hours, n)}) for arm, n in arms])


PROMISES = {"standard": Promise(10, 720, 60, 0.8), "live": PROMISE}
SIZE = {"units_in_arms": {"standard": 1000, "live": 1000}, "units_per_week": 400}


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
    found = plan_roll_out(_questions(), PROMISES, **SIZE).set_index("scenario")
    standard, half = (agents_needed(rate, PROMISES["standard"]) for rate in (4.5, 2.25))
    live_half, live = (agents_needed(rate, PROMISE) for rate in (3, 6))
    # two live teams; the second standard team is no live support
    hours = [80 * standard, 80 * (half + live_half), 2 * 80 * live_half, 80 * live]
    assert found.loc[[STANDARD, TEST, DOUBLED, LIVE], "agent_hours_per_week"].tolist() == hours
    assert found["extra_hours_per_week"].tolist() == [value - hours[0] for value in hours]
    assert found["conversations_per_week"].tolist() == pytest.approx([360, 420, 480, 480])


def test_plan_roll_out_takes_less_than_twice_half():
    found = plan_roll_out(_questions(), PROMISES, **SIZE).set_index("scenario")["extra_hours_per_week"]
    assert found[LIVE] < found[DOUBLED]
    # where hundreds are on duty a team twice as large hardly gains
    large = plan_roll_out(_questions(), PROMISES, **{**SIZE, "units_per_week": 40_000}).set_index("scenario")
    assert 0.95 < large["agent_hours_per_week"][LIVE] / large["agent_hours_per_week"][DOUBLED] <= 1


@pytest.mark.parametrize(
    ("promises", "size"),
    [
        ({"standard": Promise(10, 720, 5, 0.8), "live": PROMISE}, {}),
        ({"standard": PROMISE, "live": PROMISE}, {}),
        ({"live": PROMISES["live"], "standard": PROMISES["standard"]}, {}),  # the first is the standard promise
        ({**PROMISES, "live": Promise(30, 15, 2, 0.8)}, {}),
        (PROMISES, {"units_per_week": 800}),
        (PROMISES, {"units_in_arms": {"standard": 1000, "live": 500}}),
    ],
    ids=range(6),
)
def test_plan_roll_out_changes_with_every_figure(promises, size):
    base, other = (
        plan_roll_out(_questions(), PROMISES, **SIZE),
        plan_roll_out(_questions(), promises, **{**SIZE, **size}),
    )
    assert not base.equals(other)


STUDY = {"promises": {"standard": Promise(8, 720, 60, 0.8), "live": Promise(8, 20, 2, 0.8)}, "seed": 1}
STUDY |= {"units_in_arms": {"standard": 500, "live": 500}, "units_per_week": 300, "arrivals": "questions"}


def _conversations():
    rng = np.random.default_rng(6)
    seconds = np.sort(rng.integers(0, 3 * 7 * 86_400, 900))
    return pd.DataFrame(
        {
            "unit": np.arange(900),
            "variant": np.where(rng.random(900) < 0.45, "standard", "live"),
            "asked_at": pd.Timestamp("2018-09-03", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
            "hour": seconds // 3600 % 168,
        }
    )


def test_study_staffing_returns_every_table():
    found = study_staffing(_conversations(), **STUDY)
    assert {name: len(table) for name, table in found.items()} == {
        "staffing": 168, "staffing_check": 12, "roll_out": 4, "arrivals": 8, "arrivals_bands": 24,
    }  # fmt: skip
    assert found["staffing"]["agents_erlang_a"].sum() == found["roll_out"]["agent_hours_per_week"].iloc[3]
    rates = found["staffing"]["arrivals_per_hour"]
    assert (rates == rates.round(1)).all()


def test_study_staffing_hides_hours_with_few_questions():
    few = _conversations()
    few = few[(few["hour"] % 24 != 3) | (few.index % 9 == 0)]  # a handful at three in the morning
    found = study_staffing(few, **STUDY, min_cell=10)
    bands = found["arrivals_bands"]
    assert list(bands.loc[bands["mean"].isna(), "hour"]) == [3]
    assert found["staffing"]["arrivals_per_hour"].nunique() <= 12 < 168  # blocks of four hours
    assert found["staffing"]["agents_erlang_a"].sum() == found["roll_out"]["agent_hours_per_week"].iloc[3]
    sparse = study_staffing(few.iloc[::15], **STUDY, min_cell=10)
    assert sparse["arrivals_bands"].empty


def test_study_staffing_changes_with_its_seed():
    first, other = (study_staffing(_conversations(), **{**STUDY, "seed": seed}) for seed in (1, 2))
    assert not other["staffing_check"].equals(first["staffing_check"])


def test_study_staffing_takes_the_tail_of_the_last_sign_ups_for_no_unrest():
    # an even stream of sign-ups for 20 weeks who ask within 40 days, by chance alone
    rng, day = np.random.default_rng(8), 86_400
    asked = np.sort(rng.uniform(0, 140 * day, 20_000) + np.minimum(rng.exponential(10 * day, 20_000), 40 * day))
    asked = np.floor(asked).astype(int)
    rows = {"unit": np.arange(20_000), "variant": np.where(np.arange(20_000) % 2, "standard", "live")}
    rows["asked_at"] = pd.Timestamp("2018-09-03", tz="UTC") + pd.to_timedelta(asked, unit="s")
    frame = pd.DataFrame(rows).assign(hour=asked // 3600 % 168)
    found = study_staffing(frame, **STUDY)["arrivals"].set_index("measure")
    for measure in ("dispersion_hours", "dispersion_days"):
        assert found.loc[measure, "p_value"] > 0.01 and found.loc[measure, "ci_low"] < 1
    assert found.loc["lag_1", "ci_low"] < 0 < found.loc["lag_1", "ci_high"]


def test_study_staffing_of_one_week_says_nothing_of_how_unevenly_questions_arrive():
    every = _conversations()
    week = every[every["asked_at"] < pd.Timestamp("2018-09-10", tz="UTC")]
    found = study_staffing(week, **STUDY)
    assert found["arrivals"].empty and found["arrivals_bands"].empty and len(found["staffing"]) == 168


def test_study_staffing_of_nothing_is_nothing_unless_arrivals_are_public():
    assert study_staffing(None, **STUDY) == {}
    assert study_staffing(_conversations().iloc[:0], **STUDY) == {}
    assert study_staffing(None, **{**STUDY, "arrivals": "public:bank_calls"})["roll_out"].empty
    with pytest.raises(Refused) as caught:
        study_staffing(None, **{**STUDY, "arrivals": "public:bank"})
    assert str(caught.value) == "arrivals: no public arrivals bank; there is public:bank_calls"


def test_find_extra_hours_takes_those_given_else_a_year_of_the_roll_out():
    found = study_staffing(_conversations(), **STUDY)
    weekly = found["roll_out"].set_index("scenario")["extra_hours_per_week"]["live for all, from the queue"]
    assert find_extra_hours(found) == 52 * weekly
    assert find_extra_hours(found, given=-5.0) == -5.0
    assert find_extra_hours({}) is None
