"""Times to an event: by hand, against Freireich's trial, Newcombe and statsmodels, by property, and on known laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sources_samples import tell_refusal
from statsmodels.duration.survfunc import CumIncidenceRight, survdiff

from helpers.survival import (
    build_life_table,
    estimate_restricted_mean,
    incidence_difference,
    log_rank,
    read_incidence,
    rmst_difference,
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


def test_build_life_table_refuses():
    message = "2 of 3 times are below 0 or infinite; give days since the start, 0 or more"
    assert tell_refusal(build_life_table, [-1, 2, np.inf], [0, 1, 1]) == message
    message = "1 of 2 event codes are not 0 (not yet seen), 1 (event) or 2 (competing event)"
    assert tell_refusal(build_life_table, [1, 2], [0, 3]) == message


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
    limits = 1 - found[["ci_high", "ci_low"]].iloc[[0, -1]].to_numpy()
    assert limits == pytest.approx(np.array([[0.620, 0.952], [0.188, 0.680]]), abs=5e-4)


@pytest.mark.parametrize(("seed", "competing"), [(1, False), (2, False), (3, True)])
def test_read_incidence_equals_statsmodels(seed, competing):
    days, events = _draw(seed, competing=competing)
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


def test_read_incidence_where_the_last_who_is_followed_has_the_event():
    # 39 leave without it by day 5, and the one that is left has it on day 9: the curve jumps to 1 on a single unit
    found = read_incidence(build_life_table([*[5] * 39, 9], [*[0] * 39, 1]), [9]).iloc[0]
    assert (found.incidence, found.ci_low, found.ci_high) == pytest.approx((1, 0.20655, 1), abs=1e-5)  # Wilson, 1 of 1
    # half have it on day 1: who is left stands for the other half, and tells as much as two units (Cutler and Ederer)
    found = read_incidence(build_life_table([*[1] * 20, *[5] * 19, 9], [*[1] * 20, *[0] * 19, 1]), [9]).iloc[0]
    assert (found.incidence, found.ci_low) == pytest.approx((1, 0.34238), abs=1e-5)  # Wilson, 2 of 2


@pytest.mark.parametrize("last", [1, 2])  # the event, or one that competes with it
@pytest.mark.parametrize("measure", [incidence_difference, rmst_difference])
def test_differences_do_not_rest_on_the_last_event_of_few(measure, last):
    def group(lost_on, code, n_left=1):  # 20 of 100 have the event by day 10; the others but some are lost
        days = [*range(1, 11), *range(1, 11), *[lost_on] * (80 - n_left), *[14] * n_left]
        return build_life_table(days, [*[1] * 20, *[0] * (80 - n_left), *[code] * n_left])

    whole = group(20, 0)
    told = "few of a group are followed to its last event, which leaves nobody without one and would stand for the lost"
    assert measure(whole, group(12, last), horizon=14).reason == told
    assert measure(group(12, last), whole, horizon=15).reason == told
    assert measure(whole, group(12, last), horizon=12).reason is None  # the last event is not read
    assert measure(whole, group(12, last, n_left=8), horizon=14).reason is None  # 8 who stand for 10
    assert measure(whole, group(12, last, n_left=7), horizon=14).reason == told  # 7 who stand for 8.75
    one_lost = build_life_table([1, *range(2, 9)], [0, *[1] * 6, last])  # of a small group: the last stands for 7 of 8
    assert measure(whole, one_lost, horizon=14).reason is None


def test_read_incidence_changes_with_the_confidence_level():
    wide, narrow = (read_incidence(build_life_table(*SIX_MP), [6, 23], confidence_level=c) for c in (0.99, 0.9))
    assert (wide.ci_low < narrow.ci_low).all()
    assert (narrow.ci_high < wide.ci_high).all()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60), st.booleans())
def test_read_incidence_rises_and_lies_in_its_interval(seed, n, competing):
    found = read_incidence(build_life_table(*_draw(seed, n, competing)), np.linspace(0, 9, 19))
    assert found["incidence"].dropna().is_monotonic_increasing
    assert found["at_risk"].is_monotonic_decreasing
    ordered = found[["ci_low", "incidence", "ci_high"]].assign(none=0.0, all=1.0)
    assert (ordered[["none", "ci_low", "incidence", "ci_high", "all"]].diff(axis=1).iloc[:, 1:].fillna(0) > -1e-12).all(
        axis=None
    )


def test_read_incidence_covers_the_known_law():
    true = 1 - np.exp(-20 / 30)
    found = [read_incidence(build_life_table(*_draw(seed, 150)), [20]).iloc[0] for seed in range(300)]
    low, high = stats.binom.interval(1 - 0.001, len(found), 0.95)
    assert low <= sum(f.ci_low <= true <= f.ci_high for f in found) <= high


def test_estimate_restricted_mean_by_hand():
    # events on day 2 and 6 of 10; one lost on day 4: the curve is 0, then 1/3, then 1
    table = build_life_table([2, 4, 6], [1, 0, 1])
    mean, variance = estimate_restricted_mean(table, 10)
    assert mean == pytest.approx(2 + 4 * 2 / 3)
    # Greenwood: sum of (area to the right)^2 d / (n (n - d)); the last event leaves no area
    assert variance == pytest.approx((4 * 2 / 3) ** 2 * 1 / (3 * 2))
    assert estimate_restricted_mean(table, 5)[0] == pytest.approx(2 + 3 * 2 / 3)


def test_estimate_restricted_mean_with_competing_events_without_loss_is_a_mean():
    # a competing event leaves the unit without the event up to the horizon
    days, events = np.array([1.0, 3, 4, 7, 9, 12]), np.array([1, 2, 1, 2, 1, 1])
    free = np.where(events == 1, np.minimum(days, 10), 10)
    mean, variance = estimate_restricted_mean(build_life_table(days, events), 10)
    assert mean == pytest.approx(free.mean())
    assert variance == pytest.approx(free.var() / 6)


def test_wilson_interval_as_published():
    # Newcombe 1998, Statistics in Medicine 17: 857-872, Table I: 81/263 and 15/148
    z = stats.norm.isf(0.025)
    low, high = wilson_interval(np.array([81 / 263, 15 / 148]), np.array([263, 148]), z)
    assert low == pytest.approx([0.2553, 0.0624], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605], abs=5e-5)


PLACEBO = ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21)
DIFFERENCES = {"incidence": incidence_difference, "rmst": rmst_difference}
LABELS = {"metric": "paid_in", "comparison": "b - a"}


def _table(seed, n=200, mean=30.0):
    rng = np.random.default_rng(seed)
    event, end = rng.exponential(mean, n), rng.uniform(20, 60, n)
    return build_life_table(np.minimum(event, end), event <= end)


def _shares(x, n):
    return build_life_table([10] * n, [1] * x + [0] * (n - x))


NEWCOMBE = [  # Newcombe 1998, Statistics in Medicine 17: 873-890, Table II, method 10; treatment, then control
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
]


@pytest.mark.parametrize(("x1", "n1", "x0", "n0", "low", "high"), NEWCOMBE)
def test_incidence_difference_without_loss_is_newcombe(x1, n1, x0, n0, low, high):
    found = incidence_difference(_shares(x0, n0), _shares(x1, n1), horizon=10)
    assert found.estimate == pytest.approx(x1 / n1 - x0 / n0)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=5e-5)


def test_incidence_difference_of_freireich_by_hand():
    found = incidence_difference(build_life_table(*PLACEBO), build_life_table(*SIX_MP), horizon=10)
    assert found.control_value == pytest.approx(13 / 21)
    assert found.treatment_value == pytest.approx(1 - 18 / 21 * 16 / 17 * 14 / 15)
    assert found.std_error == pytest.approx(np.hypot(0.0963, np.sqrt(13 / 21 * 8 / 21 / 21)), abs=1e-4)


def test_incidence_difference_without_events_has_an_interval_and_no_p():
    found = incidence_difference(_shares(0, 10), _shares(0, 20), horizon=10)
    assert found.ci_low < 0 < found.ci_high
    assert np.isnan(found.p_value) and found.reason == "no p-value: both groups are at the same end"
    assert incidence_difference(_shares(3, 10), _shares(6, 20), horizon=10).p_value == 1  # equal, and not at an end


def test_rmst_difference_by_hand_and_against_welch():
    # without loss up to the horizon the restricted mean is a mean: variances with divisor n
    rng = np.random.default_rng(1)
    control, treatment = rng.exponential(10, 40), rng.exponential(15, 60)
    found = rmst_difference(*(build_life_table(days, np.ones(len(days))) for days in (control, treatment)), horizon=20)
    cut = [np.minimum(days, 20) for days in (control, treatment)]
    assert found.estimate == pytest.approx(cut[1].mean() - cut[0].mean())
    assert found.std_error == pytest.approx(np.sqrt(cut[0].var() / 40 + cut[1].var() / 60))
    assert (found.control_value, found.treatment_value) == pytest.approx((cut[0].mean(), cut[1].mean()))


def test_rmst_difference_without_events_has_no_interval():
    found = rmst_difference(_shares(0, 5), _shares(0, 5), horizon=10)
    assert (found.estimate, found.reason) == (0.0, "no interval: times up to the horizon do not vary")
    assert np.isnan([found.ci_low, found.p_value]).all()


UNFOLLOWED = [
    # nobody is followed on day 30, and not everybody had the event
    (build_life_table([5, 12.5], [1, 0]), "follow-up ends on day 12 in a group, before the horizon of 30 days"),
    (build_life_table([], []), "a group has no units"),
]


@pytest.mark.parametrize("estimator", DIFFERENCES)
@pytest.mark.parametrize(("table", "reason"), UNFOLLOWED)
def test_differences_are_undefined_beyond_follow_up(estimator, table, reason):
    found = DIFFERENCES[estimator](_table(1), table, horizon=30)
    assert found.reason == reason
    assert np.isnan([found.estimate, found.std_error, found.ci_low, found.ci_high, found.p_value]).all()


@pytest.mark.parametrize("estimator", DIFFERENCES)
def test_differences_change_with_horizon_and_level(estimator):
    control, treatment = _table(3), _table(4, mean=40)
    early, late = (DIFFERENCES[estimator](control, treatment, horizon=h) for h in (5, 20))
    assert early.estimate != late.estimate
    wide, narrow = (DIFFERENCES[estimator](control, treatment, horizon=20, confidence_level=c) for c in (0.99, 0.9))
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high


def test_log_rank_of_freireich_as_published():
    found = log_rank([build_life_table(*SIX_MP), build_life_table(*PLACEBO)], **LABELS)
    assert found.statistic == pytest.approx(16.793, abs=5e-4)  # Kleinbaum and Klein 2012
    assert (found.id, found.metric, found.name, found.df) == ("paid_in:b - a:log-rank", "paid_in", "log-rank", 1)


def test_log_rank_by_hand():
    # events on day 1 (a) and day 2 (b), two units a group: expected in b 1/2 + 2/3
    found = log_rank([build_life_table([1, 3], [1, 0]), build_life_table([2, 3], [1, 0])], **LABELS)
    assert found.statistic == pytest.approx((1 - 1 / 2 - 2 / 3) ** 2 / (1 / 4 + 2 / 9))


def test_log_rank_of_three_groups_equals_statsmodels():
    rng = np.random.default_rng(5)
    days, seen, group = rng.integers(1, 40, 150), rng.integers(0, 2, 150), np.arange(150) % 3
    found = log_rank([build_life_table(days[group == g], seen[group == g]) for g in range(3)], **LABELS)
    other = survdiff(days, seen, group)
    assert (found.statistic, found.p_value, found.df) == pytest.approx((*other, 2), rel=1e-9)


def test_log_rank_counts_no_event_after_the_horizon():
    days, seen, group = np.random.default_rng(6).integers(1, 40, 120), np.ones(120, int), np.arange(120) % 2
    tables = [build_life_table(days[group == g], seen[group == g]) for g in (0, 1)]
    cut = survdiff(np.minimum(days, 15), seen * (days <= 15), group)
    found = log_rank(tables, **LABELS, horizon=15)
    assert (found.statistic, found.p_value) == pytest.approx(cut, rel=1e-9)
    assert found.statistic != pytest.approx(log_rank(tables, **LABELS).statistic)


def test_rmst_difference_of_a_gap_that_opens_after_the_horizon_is_that_of_other_tools(shared):
    # lifelines issue 1682: restricted mean to day 10 on miR-137 by survRM2; log-rank over all days has p < 1e-27
    table = pd.read_csv(shared / "cases" / "lifelines1682_rmst" / "data.csv")
    sides = (table[table["variant"] == arm] for arm in ("control", "miR-137"))
    control, treatment = (build_life_table(side["T"], side["E"]) for side in sides)
    mean, variance = estimate_restricted_mean(treatment, 10)
    found = rmst_difference(control, treatment, horizon=10)
    assert (mean, np.sqrt(variance), found.p_value) == pytest.approx((9.794, 0.123, 0.145), abs=6e-4)
    assert log_rank([control, treatment], **LABELS, horizon=10).p_value > 1e-4


def test_log_rank_ends_time_at_risk_at_a_competing_event():
    codes = [build_life_table([1, 2, 3, 4], events) for events in ([1, 2, 1, 0], [1, 1, 0, 1])]
    censored = [build_life_table([1, 2, 3, 4], events) for events in ([1, 0, 1, 0], [1, 1, 0, 1])]
    assert log_rank(codes, **LABELS) == log_rank(censored, **LABELS)


@pytest.mark.parametrize("tables", [[_shares(0, 5), _shares(0, 5)], [_shares(2, 5), build_life_table([], [])]])
def test_log_rank_is_undefined_without_events_or_units(tables):
    found = log_rank(tables, **LABELS)
    assert np.isnan([found.statistic, found.p_value]).all()


def test_log_rank_keeps_its_level():
    found = [log_rank([_table(seed, 60), _table(seed + 9000, 60)], **LABELS).p_value for seed in range(400)]
    low, high = stats.binom.interval(1 - 0.001, len(found), 0.05)
    assert low <= sum(p <= 0.05 for p in found) <= high
