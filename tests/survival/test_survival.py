"""Groups in time: by hand, against Newcombe, Freireich and statsmodels, by property, and on planted truth."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.survfunc import survdiff

from helpers.survival import build_life_table, incidence_difference, log_rank, rmst_difference

# Freireich et al. 1963, weeks in remission: 6-MP (0 is censored) and placebo
SIX_MP = (
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
)
PLACEBO = ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21)
DIFFERENCES = {"incidence": incidence_difference, "rmst": rmst_difference}
LABELS = {"metric": "paid_in", "comparison": "b - a"}


def _draw(seed, n=200, mean=30.0):
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
    assert np.isnan(found.p_value)
    assert found.reason == "no p-value: both groups are at the same end"


def test_incidence_difference_of_equal_shares_has_p_one():
    assert incidence_difference(_shares(3, 10), _shares(6, 20), horizon=10).p_value == 1


def test_rmst_difference_by_hand_and_against_welch():
    # without loss up to the horizon the restricted mean is a mean: variances with divisor n
    rng = np.random.default_rng(1)
    control, treatment = rng.exponential(10, 40), rng.exponential(15, 60)
    found = rmst_difference(*(build_life_table(days, np.ones(len(days))) for days in (control, treatment)), horizon=20)
    cut = [np.minimum(days, 20) for days in (control, treatment)]
    assert found.estimate == pytest.approx(cut[1].mean() - cut[0].mean())
    assert found.std_error == pytest.approx(np.sqrt(cut[0].var() / 40 + cut[1].var() / 60))
    assert (found.control_value, found.treatment_value) == pytest.approx((cut[0].mean(), cut[1].mean()))


def test_rmst_difference_error_equals_the_jackknife():
    rng = np.random.default_rng(2)
    event, end = rng.exponential(30, 150), rng.uniform(20, 60, 150)
    days, seen = np.minimum(event, end), event <= end
    empty = build_life_table([100.0] * 5, [0] * 5)
    found = rmst_difference(empty, build_life_table(days, seen), horizon=20)
    left = [
        rmst_difference(empty, build_life_table(np.delete(days, i), np.delete(seen, i)), horizon=20).estimate
        for i in range(150)
    ]
    assert found.std_error == pytest.approx(np.sqrt(149 * np.var(left)), rel=0.02)


def test_rmst_difference_without_events_has_no_interval():
    found = rmst_difference(_shares(0, 5), _shares(0, 5), horizon=10)
    assert (found.estimate, found.reason) == (0.0, "no interval: times up to the horizon do not vary")
    assert np.isnan([found.ci_low, found.p_value]).all()


UNFOLLOWED = [
    # nobody is followed on day 30, and not everybody had the event
    (build_life_table([5, 12.5], [1, 0]), "follow-up ends on day 12.5 in a group, before the horizon of 30 days"),
    (build_life_table([], []), "a group has no units"),
]


@pytest.mark.parametrize("estimator", DIFFERENCES)
@pytest.mark.parametrize(("table", "reason"), UNFOLLOWED)
def test_differences_are_undefined_beyond_follow_up(estimator, table, reason):
    found = DIFFERENCES[estimator](_draw(1), table, horizon=30)
    assert found.reason == reason
    assert np.isnan([found.estimate, found.std_error, found.ci_low, found.ci_high, found.p_value]).all()


@pytest.mark.parametrize("estimator", DIFFERENCES)
def test_differences_change_with_horizon_and_level(estimator):
    control, treatment = _draw(3), _draw(4, mean=40)
    early, late = (DIFFERENCES[estimator](control, treatment, horizon=h) for h in (5, 20))
    assert early.estimate != late.estimate
    wide, narrow = (DIFFERENCES[estimator](control, treatment, horizon=20, confidence_level=c) for c in (0.99, 0.9))
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high


@pytest.mark.parametrize("estimator", DIFFERENCES)
def test_differences_cover_the_known_truth(estimator):
    horizon, means = 20, (30.0, 45.0)
    share, area = (
        [f(m) for m in means] for f in (lambda m: 1 - np.exp(-horizon / m), lambda m: m * (1 - np.exp(-horizon / m)))
    )
    truth = share[1] - share[0] if estimator == "incidence" else area[1] - area[0]
    found = [
        DIFFERENCES[estimator](_draw(seed, 120, means[0]), _draw(seed + 5000, 120, means[1]), horizon=horizon)
        for seed in range(400)
    ]
    low, high = stats.binom.interval(1 - 0.001, len(found), 0.95)
    assert low <= sum(f.ci_low <= truth <= f.ci_high for f in found) <= high


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


def test_log_rank_ends_time_at_risk_at_a_competing_event():
    codes = [build_life_table([1, 2, 3, 4], events) for events in ([1, 2, 1, 0], [1, 1, 0, 1])]
    censored = [build_life_table([1, 2, 3, 4], events) for events in ([1, 0, 1, 0], [1, 1, 0, 1])]
    assert log_rank(codes, **LABELS) == log_rank(censored, **LABELS)


@pytest.mark.parametrize("tables", [[_shares(0, 5), _shares(0, 5)], [_shares(2, 5), build_life_table([], [])]])
def test_log_rank_is_undefined_without_events_or_units(tables):
    found = log_rank(tables, **LABELS)
    assert np.isnan([found.statistic, found.p_value]).all()


def test_log_rank_keeps_its_level():
    found = [log_rank([_draw(seed, 60), _draw(seed + 9000, 60)], **LABELS).p_value for seed in range(400)]
    low, high = stats.binom.interval(1 - 0.001, len(found), 0.05)
    assert low <= sum(p <= 0.05 for p in found) <= high
