"""The best of many cuts: its statistic beside scipy and statsmodels, and its p-values in worlds without a cut."""

import itertools

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from helpers.milestones.cuts import Scores, _Null, bound_p_value, find_cuts, permute_p_value, score_cuts


def no_controls(n):
    return np.empty((n, 0))


def draw(n=400, seed=1, *, slope=0.0):
    """Counts and outcomes that both rise with a control, and with each other by the slope."""
    rng = np.random.default_rng(seed)
    control = rng.normal(size=n)
    counts = rng.poisson(np.exp(1 + 0.4 * control)).astype(float)
    share = 1 / (1 + np.exp(-(0.3 + 0.8 * control + slope * (counts >= 4))))
    return counts, (rng.random(n) < share).astype(float), control[:, None]


@pytest.mark.parametrize(
    ("counts", "cuts"),
    [
        ([0, 0, 1, 1, 2, 2, 3, 3, 4, 90], [1, 2, 3, 4, 90]),  # the highest is reached by just 10 %
        ([0] * 95 + [1] * 5, []),  # only 5 % ever did it
        ([2, 2, 2], []),  # nothing divides them
    ],
)
def test_find_cuts_leaves_a_tenth_on_each_side(counts, cuts):
    assert find_cuts(counts).tolist() == cuts


def test_find_cuts_of_many_counts_lie_apart_and_skip_no_common_count():
    cuts = find_cuts(np.arange(6000))
    assert len(cuts) == 60 and cuts[0] == 600 and set(np.diff(cuts)) <= {80.0, 81.0}
    counts = np.concatenate([np.repeat(np.arange(20), 50), np.arange(20, 1000)])
    thinned = find_cuts(counts)
    assert len(thinned) <= 60 and thinned[:15].tolist() == list(range(4, 19))


def test_score_cuts_without_controls_equals_the_chi_square_of_each_table():
    counts, outcome, _ = draw(120)
    cuts = find_cuts(counts)
    scores = score_cuts(counts, outcome, no_controls(120), cuts)
    for cut, found in zip(cuts, scores.standardised, strict=True):
        table = [[np.sum((counts >= cut) & (outcome == y)) for y in (0, 1)],
                 [np.sum((counts < cut) & (outcome == y)) for y in (0, 1)]]  # fmt: skip
        chi_square = stats.chi2_contingency(table, correction=False).statistic
        assert found**2 == pytest.approx(chi_square * 119 / 120, rel=1e-6)  # the conditional variance
    assert scores.statistic == np.abs(scores.standardised).max() == abs(scores.standardised[scores.best])


def test_score_cuts_with_controls_equals_the_score_test_of_statsmodels():
    counts, outcome, controls = draw()
    cuts = find_cuts(counts)
    model = sm.GLM(outcome, sm.add_constant(controls), family=sm.families.Binomial())
    fit = model.fit()
    found = score_cuts(counts, outcome, controls, cuts).standardised
    for cut, value in zip(cuts, found, strict=True):
        above = (counts >= cut).astype(float)
        square = model.score_test(fit.params, exog_extra=above[:, None])[0]
        assert value**2 * 400 / 399 == pytest.approx(float(np.squeeze(square)), rel=1e-4)


def test_score_cuts_correlation_is_that_of_a_bridge_without_controls():
    counts, outcome, _ = draw(300)
    cuts = find_cuts(counts)
    below = np.array([(counts < cut).mean() for cut in cuts])
    wanted = np.sqrt(np.minimum.outer(below, below) * (1 - np.maximum.outer(below, below))
                     / (np.maximum.outer(below, below) * (1 - np.minimum.outer(below, below))))  # fmt: skip
    assert score_cuts(counts, outcome, no_controls(300), cuts).correlation == pytest.approx(wanted, rel=1e-9)


def test_score_cuts_swapped_outcomes_flip_the_sign():
    counts, outcome, controls = draw(slope=0.8)
    cuts = find_cuts(counts)
    one, other = (score_cuts(counts, y, controls, cuts) for y in (outcome, 1 - outcome))
    assert one.standardised == pytest.approx(-other.standardised, abs=1e-6) and one.best == other.best


@pytest.mark.parametrize("p", [0.0005, 0.002, 0.01])
def test_bound_p_value_of_dense_cuts_equals_the_published_formula(p):
    # Altman et al. 1994, eq. for cuts between the 10th and 90th percentile: -1.63 p (1 + 2.35 ln p)
    below = np.linspace(0.1, 0.9, 2001)
    low, high = np.minimum.outer(below, below), np.maximum.outer(below, below)
    correlation = np.sqrt(low * (1 - high) / (high * (1 - low)))
    scores = Scores(below, np.append(stats.norm.isf(p / 2), np.zeros(2000)), correlation)
    assert bound_p_value(scores) == pytest.approx(-1.63 * p * (1 + 2.35 * np.log(p)), rel=0.04)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95, 1.0])
def test_bound_p_value_of_two_cuts_is_exact(rho):
    scores = Scores(np.arange(2), np.array([1.9, -2.1]), np.array([[1, rho], [rho, 1]]))
    normal = stats.multivariate_normal(cov=[[1, rho], [rho, 1]], allow_singular=True)
    inside = normal.cdf([2.1, 2.1], lower_limit=[-2.1, -2.1])
    assert bound_p_value(scores) == pytest.approx(1 - inside, abs=2e-4)


def test_permute_p_value_equals_all_permutations():
    counts, outcome = np.array([0.0, 1, 1, 2, 3, 3, 4, 5]), np.array([0.0, 0, 0, 1, 0, 1, 1, 1])
    cuts = find_cuts(counts)

    def extreme(kept):
        return score_cuts(counts, np.isin(np.arange(8), kept).astype(float), no_controls(8), cuts).statistic

    found = extreme(np.flatnonzero(outcome))
    exact = np.mean([extreme(kept) >= found - 1e-9 for kept in itertools.combinations(range(8), 4)])
    drawn = permute_p_value(counts, outcome, no_controls(8), cuts, n_resamples=3000, rng=np.random.default_rng(1))
    assert 0.05 < exact < 0.3
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 3000))
    fewer = permute_p_value(counts, outcome, no_controls(8), cuts, n_resamples=9, rng=np.random.default_rng(1))
    assert round(fewer * 10, 9) == round(fewer * 10)


def test_permute_p_value_moves_outcomes_only_among_accounts_alike(monkeypatch):
    counts, outcome, controls = draw(400)
    seen, score = [], _Null.score
    monkeypatch.setattr(_Null, "score", lambda self, y: (seen.append(y.copy()), score(self, y))[1])
    cuts, rng = find_cuts(counts), np.random.default_rng(1)
    permute_p_value(counts, outcome, controls, cuts, n_resamples=20, rng=rng)
    ranks = np.argsort(np.argsort(controls[:, 0])) // 40  # the expected outcome rises with the control
    held = {tuple(np.bincount(ranks, y)) for y in seen}
    assert len(held) == 1 and len({y.tobytes() for y in seen}) == 21


def test_the_best_cut_looks_clear_in_a_third_of_worlds_without_one_and_its_p_values_do_not():
    naive, bounds, permuted, draws = [], [], [], 400
    rng = np.random.default_rng(11)
    for _ in range(draws):
        counts, outcome = rng.poisson(6, 200).astype(float), (rng.random(200) < 0.7).astype(float)
        cuts = find_cuts(counts)
        scores = score_cuts(counts, outcome, no_controls(200), cuts)
        naive.append(2 * stats.norm.sf(scores.statistic))
        bounds.append(bound_p_value(scores))
        permuted.append(permute_p_value(counts, outcome, no_controls(200), cuts, n_resamples=39, rng=rng))
    alarms = [float(np.mean(np.array(p) <= 0.05)) for p in (naive, bounds, permuted)]
    reach = 3 * np.sqrt(0.05 * 0.95 / draws)
    assert 0.2 < alarms[0] < 0.4
    assert alarms[1] < 0.05 + reach and abs(alarms[2] - 0.05) < reach


def test_controls_keep_what_they_foretell_out_of_statistic_and_p_values():
    raw, bounds, permuted, draws = [], [], [], 200
    rng = np.random.default_rng(5)
    for seed in range(draws):
        counts, outcome, controls = draw(300, seed=seed)
        cuts = find_cuts(counts)
        raw.append(bound_p_value(score_cuts(counts, outcome, no_controls(300), cuts)))
        bounds.append(bound_p_value(score_cuts(counts, outcome, controls, cuts)))
        permuted.append(permute_p_value(counts, outcome, controls, cuts, n_resamples=39, rng=rng))
    alarms = [float(np.mean(np.array(p) <= 0.05)) for p in (raw, bounds, permuted)]
    reach = 3 * np.sqrt(0.05 * 0.95 / draws)
    assert alarms[0] > 0.6 and alarms[1] < 0.05 + reach and abs(alarms[2] - 0.05) < reach


def test_p_values_find_a_cut_that_is_there():
    counts, outcome, controls = draw(1500, slope=0.9)
    cuts = find_cuts(counts)
    scores = score_cuts(counts, outcome, controls, cuts)
    assert cuts[scores.best] == 4 and bound_p_value(scores) < 0.001
    assert permute_p_value(counts, outcome, controls, cuts, n_resamples=99, rng=np.random.default_rng(1)) == 0.01
