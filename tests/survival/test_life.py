"""One group's incidence: by hand, against Freireich's trial and statsmodels, by property, and on known laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from helpers.records import Refused
from helpers.survival import (
    build_life_table,
    count_effective,
    estimate_incidence,
    estimate_restricted_mean,
    read_incidence,
    wilson_interval,
)

# Freireich et al. 1963, weeks in remission on 6-MP; + is censored
SIX_MP = ([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
          [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])  # fmt: skip


def _draw(seed, n=300, competing=False):
    rng = np.random.default_rng(seed)
    event, other, end = rng.exponential(30, n), rng.exponential(60, n), rng.uniform(10, 60, n)
    first = np.minimum(event, other) if competing else event
    codes = np.where(first > end, 0, np.where(competing & (other < event), 2, 1))
    return np.round(np.minimum(first, end), 1), codes


def test_build_life_table_by_hand():
    table = build_life_table([2, 1, 2, 5, 3, np.nan, 4], [1, 0, 1, 2, 0, 1, np.nan])
    assert table.days.tolist() == [1, 2, 3, 5]
    assert table.at_risk.tolist() == [5, 4, 2, 1]  # who leaves on a day is at risk on it
    assert table.events.tolist() == [0, 2, 0, 0]
    assert table.competing.tolist() == [0, 0, 0, 1]
    assert table.n == 5


REFUSALS = [
    # a negative and an infinite time
    ([-1, 2, np.inf], [0, 1, 1], "2 of 3 times are below 0 or infinite; give days since the start, 0 or more"),
    # an unknown event code
    ([1, 2], [0, 3], "1 of 2 event codes are not 0 (not yet seen), 1 (event) or 2 (competing event)"),
]


@pytest.mark.parametrize(("days", "events", "message"), REFUSALS)
def test_build_life_table_refuses(days, events, message):
    with pytest.raises(Refused) as refusal:
        build_life_table(days, events)
    assert str(refusal.value) == message


def test_read_incidence_by_hand():
    # 4 units: event on day 1, lost on day 2, competing event on day 3, event on day 4
    found = read_incidence(build_life_table([1, 2, 3, 4], [1, 0, 2, 1]), [0, 1, 2.5, 3, 4])
    assert found["incidence"].tolist() == pytest.approx([0, 1 / 4, 1 / 4, 1 / 4, 1 / 4 + 3 / 4 * 1 / 2])
    assert found["at_risk"].tolist() == [4, 4, 2, 2, 1]
    assert found["std_error"][1] == pytest.approx(np.sqrt(0.25 * 0.75 / 4))  # no loss yet: binomial


def test_read_incidence_of_freireich_as_published():
    # Kalbfleisch and Prentice 2002, Kleinbaum and Klein 2012: S(t) and Greenwood's error on 6-MP
    found = read_incidence(build_life_table(*SIX_MP), [6, 7, 10, 13, 16, 22, 23])
    survival = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    errors = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert (1 - found["incidence"]).tolist() == pytest.approx(survival, abs=5e-5)
    assert found["std_error"].tolist() == pytest.approx(errors, abs=6e-5)
    # R survival, survfit(conf.type = "log-log"), week 6 and week 23
    assert 1 - found["ci_high"].iloc[0] == pytest.approx(0.620, abs=5e-4)
    assert 1 - found["ci_low"].iloc[0] == pytest.approx(0.952, abs=5e-4)
    assert 1 - found["ci_high"].iloc[-1] == pytest.approx(0.188, abs=5e-4)
    assert 1 - found["ci_low"].iloc[-1] == pytest.approx(0.680, abs=5e-4)


@pytest.mark.parametrize("seed", [1, 2])
def test_read_incidence_equals_statsmodels(seed):
    days, events = _draw(seed)
    other = SurvfuncRight(days, events)
    found = read_incidence(build_life_table(days, events), other.surv_times)
    assert found["incidence"].to_numpy() == pytest.approx(1 - other.surv_prob, abs=1e-12)
    assert found["std_error"].to_numpy() == pytest.approx(other.surv_prob_se, abs=1e-12)
    assert found["at_risk"].tolist() == list(other.n_risk)


def test_read_incidence_with_competing_events_equals_statsmodels():
    days, events = _draw(3, competing=True)
    other = CumIncidenceRight(days, events)
    found = read_incidence(build_life_table(days, events), other.times)
    assert found["incidence"].to_numpy() == pytest.approx(other.cinc[0], abs=1e-12)
    assert found["std_error"].to_numpy() == pytest.approx(other.cinc_se[0], abs=1e-12)


def test_read_incidence_beyond_follow_up():
    lost, finished = build_life_table([1, 5], [1, 0]), build_life_table([1, 5], [1, 1])
    assert np.isnan(read_incidence(lost, [6])[["incidence", "std_error", "ci_low", "ci_high"]]).all(axis=None)
    assert read_incidence(finished, [6])["incidence"].tolist() == [1.0]
    assert np.isnan(read_incidence(build_life_table([], []), [1.0])["incidence"]).all()


def test_read_incidence_without_and_with_all_events_has_wilson_ends():
    none, everybody = build_life_table([9] * 10, [0] * 10), build_life_table([9] * 10, [1] * 10)
    nothing, full = read_incidence(none, [9]).iloc[0], read_incidence(everybody, [9]).iloc[0]
    assert (nothing.ci_low, nothing.ci_high) == pytest.approx((0, 0.27753), abs=1e-5)  # Wilson, 0 of 10
    assert (full.ci_low, full.ci_high) == pytest.approx((0.72247, 1), abs=1e-5)


def test_read_incidence_changes_with_the_confidence_level():
    wide, narrow = (read_incidence(build_life_table(*SIX_MP), [6, 23], confidence_level=c) for c in (0.99, 0.9))
    assert (wide.ci_low < narrow.ci_low).all()
    assert (narrow.ci_high < wide.ci_high).all()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60), st.booleans())
def test_read_incidence_rises_and_lies_in_its_interval(seed, n, competing):
    found = read_incidence(build_life_table(*_draw(seed, n, competing)), np.linspace(0, 9, 19))
    assert (found["incidence"].diff().dropna() >= 0).all()
    assert (found["at_risk"].diff().dropna() <= 0).all()
    low, high = found["ci_low"] <= found["incidence"] + 1e-12, found["incidence"] <= found["ci_high"] + 1e-12
    assert (low & high).all()
    assert found[["ci_low", "ci_high"]].stack().between(0, 1).all()


def test_read_incidence_covers_the_known_law():
    true = 1 - np.exp(-20 / 30)
    found = [read_incidence(build_life_table(*_draw(seed, 150)), [20]).iloc[0] for seed in range(300)]
    low, high = stats.binom.interval(1 - 0.001, len(found), 0.95)
    assert low <= sum(f.ci_low <= true <= f.ci_high for f in found) <= high


def test_estimate_incidence_of_one_day_equals_that_of_many():
    table = build_life_table(*SIX_MP)
    assert float(estimate_incidence(table, 10)[0]) == estimate_incidence(table, np.array([1, 10]))[0][1]


def test_estimate_restricted_mean_by_hand():
    # events on day 2 and 6 of 10; one lost on day 4: the curve is 0, then 1/3, then 1
    table = build_life_table([2, 4, 6], [1, 0, 1])
    mean, variance = estimate_restricted_mean(table, 10)
    assert mean == pytest.approx(2 + 4 * 2 / 3)
    # Greenwood: sum of (area to the right)^2 d / (n (n - d)); the last event leaves no area
    assert variance == pytest.approx((4 * 2 / 3) ** 2 * 1 / (3 * 2))
    assert estimate_restricted_mean(table, 5)[0] == pytest.approx(2 + 3 * 2 / 3)


def test_estimate_restricted_mean_without_loss_is_the_mean():
    days = np.random.default_rng(4).exponential(10, 50)
    mean, variance = estimate_restricted_mean(build_life_table(days, np.ones(50)), 20)
    cut = np.minimum(days, 20)
    assert mean == pytest.approx(cut.mean())
    assert variance == pytest.approx(cut.var() / 50)


def test_estimate_restricted_mean_with_competing_events_without_loss_is_a_mean():
    # a competing event leaves the unit without the event up to the horizon
    days, events = np.array([1.0, 3, 4, 7, 9, 12]), np.array([1, 2, 1, 2, 1, 1])
    free = np.where(events == 1, np.minimum(days, 10), 10)
    mean, variance = estimate_restricted_mean(build_life_table(days, events), 10)
    assert mean == pytest.approx(free.mean())
    assert variance == pytest.approx(free.var() / 6)


def test_count_effective_without_loss_is_the_number_of_units():
    days, events = _draw(5, 80)
    everybody = build_life_table(np.maximum(days, 0.1), np.ones(80))
    assert count_effective(everybody, np.array([5.0, 20.0])) == pytest.approx([80, 80])
    lost = build_life_table(days, events)
    assert (events == 0).any()
    assert count_effective(lost, 30.0) < 80


def test_wilson_interval_as_published():
    # Newcombe 1998, Statistics in Medicine 17: 857-872, Table I: 81/263 and 15/148
    z = stats.norm.isf(0.025)
    low, high = wilson_interval(np.array([81 / 263, 15 / 148]), np.array([263, 148]), z)
    assert low == pytest.approx([0.2553, 0.0624], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605], abs=5e-5)
