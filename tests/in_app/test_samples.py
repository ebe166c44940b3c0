"""Clustered shares, ratios, raking and the instrument: by hand, against other packages, and on known truths."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from helpers.in_app.measures import cluster_ratio, cluster_share, instrument, rake, weigh_share

RNG = np.random.default_rng(7)


def test_cluster_share_of_single_trials_is_nearly_wilson():
    events = (RNG.random(4000) < 0.1).astype(float)
    share, low, high, known = cluster_share(events, np.ones(4000))
    told = proportion_confint(events.sum(), 4000, method="wilson")
    assert (share, low, high) == pytest.approx((events.mean(), *told), abs=2e-5)
    assert known == pytest.approx(4000, rel=0.002)


def test_cluster_share_of_repeated_rows_knows_that_they_are_repeated():
    once = (RNG.random(500) < 0.2).astype(float)
    single, many = cluster_share(once, np.ones(500)), cluster_share(10 * once, np.full(500, 10.0))
    assert many == pytest.approx(single)


def test_cluster_share_has_the_standard_error_of_a_linear_model_with_clustered_errors():
    groups = np.repeat(np.arange(60), RNG.integers(1, 8, 60))
    y = (RNG.random(groups.size) < 0.3 + 0.2 * (groups % 2)).astype(float)
    fit = sm.OLS(y, np.ones(y.size)).fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    sums = [np.bincount(groups, weights) for weights in (y, np.ones(y.size))]
    share, *_, known = cluster_share(*sums)
    z, t = stats.norm.isf(0.025), stats.t.isf(0.025, 59)
    error = np.sqrt(share * (1 - share) / known) * z / t
    assert error == pytest.approx(fit.bse[0] * np.sqrt(60 / 59))


def test_cluster_share_covers_its_truth():
    rng, held = np.random.default_rng(3), 0
    for _ in range(600):
        trials = rng.integers(1, 4, 400).astype(float)
        rate = rng.beta(0.4, 7.6, 400)  # mean 0.05, clusters far apart
        _, low, high, _ = cluster_share(rng.binomial(trials.astype(int), rate), trials)
        held += low <= 0.05 <= high
    assert held / 600 == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(("events", "trials"), [([], []), ([1], [2]), ([0, 1], [0, 3])])
def test_cluster_share_of_fewer_than_two_clusters_has_no_interval(events, trials):
    assert np.isnan(cluster_share(events, trials)[1:]).all()


def test_cluster_ratio_by_hand():
    # ratio 2; residuals 0, 1, -1: error of the log sqrt(3 / 2 * 2) / 12
    ratio, low, high = cluster_ratio([2, 5, 5], [1, 2, 3])
    reach = stats.t.isf(0.025, 2) * np.sqrt(3) / 12
    assert (ratio, np.log(low / 2), np.log(high / 2)) == pytest.approx((2, -reach, reach))
    assert np.isnan(cluster_ratio([1, 2], [0, 0])).all()


def test_cluster_ratio_covers_its_truth_where_few_pay():
    rng, held = np.random.default_rng(6), 0
    for _ in range(300):
        tickets = rng.poisson(0.05, 5000)
        price = np.where(rng.random(5000) < 0.1, rng.lognormal(4, 1, 5000), 0)
        _, low, high = cluster_ratio(tickets, price)
        held += low <= 0.05 / (0.1 * np.exp(4.5)) <= high
    assert held / 300 == pytest.approx(0.95, abs=0.04)


def test_rake_meets_both_margins_of_a_published_example():
    # Deming & Stephan 1940 give no small table; this one is solved by its odds ratio: cells 10, 20, 30, 40
    first = np.repeat(["a", "a", "b", "b"], [10, 20, 30, 40])
    second = np.repeat(["x", "y", "x", "y"], [10, 20, 30, 40])
    weights = rake([first, second], [{"a": 0.5, "b": 0.5}, {"x": 0.5, "y": 0.5}])
    cells = [weights[(first == a) & (second == x)].sum() for a in "ab" for x in "xy"]
    assert cells[0] * cells[3] / (cells[1] * cells[2]) == pytest.approx(10 * 40 / (20 * 30))
    assert [cells[0] + cells[1], cells[0] + cells[2]] == pytest.approx([50, 50])


@given(st.lists(st.sampled_from("abc"), min_size=3, max_size=40))
def test_rake_has_mean_one_and_weighs_alike_what_is_alike(levels):
    group = np.array(levels)
    weights = rake([group], [{"a": 0.2, "b": 0.3, "c": 0.5}])
    assert weights.mean() == pytest.approx(1)
    assert all(np.ptp(weights[group == level]) == pytest.approx(0) for level in set(levels))


def test_weigh_share_by_hand():
    share, _, _, size = weigh_share([1, 0], [3, 1])
    assert (share, size) == pytest.approx((0.75, 16 / 10))


def draw_replies(rng, n=1500, effect=0.4, strength=1.0):
    """Return outcome, dose and instrument, with a hidden cause of dose and outcome, and a control."""
    hidden, z, control = rng.standard_normal((3, n))
    z = z + control
    dose = strength * z + hidden + control + rng.standard_normal(n)
    return effect * dose + 2 * hidden + control + rng.standard_normal(n), dose, z, control[:, None]


def test_instrument_as_its_own_dose_is_least_squares_with_robust_errors():
    y, d, _, control = draw_replies(np.random.default_rng(1))
    found, _ = instrument(y, d, d, control, np.arange(len(y)))
    fit = sm.OLS(y, np.column_stack([np.ones(len(y)), d, control])).fit(cov_type="HC0")
    assert found.estimate == pytest.approx(fit.params[1])
    assert found.std_error == pytest.approx(fit.bse[1], rel=1e-3)
    assert found.ci_low > 0.5  # far from 0.4: the hidden cause


def test_instrument_is_two_stage_least_squares_in_its_estimate():
    y, d, z, control = draw_replies(np.random.default_rng(2))
    found, strength = instrument(y, d, z, control, np.arange(len(y)))
    base = np.column_stack([np.ones(len(y)), control])
    fitted = np.column_stack([base, z]) @ np.linalg.lstsq(np.column_stack([base, z]), d, rcond=None)[0]
    second = np.linalg.lstsq(np.column_stack([base, fitted]), y, rcond=None)[0]
    assert found.estimate == pytest.approx(second[-1])
    first = sm.OLS(d, np.column_stack([base, z])).fit(cov_type="HC0")
    assert strength == pytest.approx(first.tvalues[-1] ** 2, rel=0.01)


@pytest.mark.parametrize("strength", [1.0, 0.02])  # strong, and as good as none
def test_instrument_covers_the_truth_however_weak(strength):
    rng, held = np.random.default_rng(4), 0
    for _ in range(400):
        y, d, z, control = draw_replies(rng, n=300, strength=strength)
        found, _ = instrument(y, d, z, control, np.arange(300))
        pieces = found.ci_set if found.ci_set is not None else ((found.ci_low, found.ci_high),)
        held += any((low is None or low <= 0.4) and (high is None or high >= 0.4) for low, high in pieces)
    assert held / 400 == pytest.approx(0.95, abs=0.035)
