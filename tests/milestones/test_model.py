"""Do predictions fit: logistic fits against statsmodels, the closed test against its chi-squares and planted drifts."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from scipy.stats import binom, chi2, norm
from sklearn.metrics import roc_auc_score

from helpers.inference.associations import fit_logit
from helpers.milestones.model import choose_update, measure_auc, measure_calibration

TRUE = np.array([-0.2, 0.8, 0.5, -0.4])
DRIFTS = {  # what befalls the log odds of new customers -> what the closed test should call it, and how often at least
    "keep": (lambda x, linear: linear, 0.85),
    "re-intercept": (lambda x, linear: linear - 0.5, 0.85),
    "recalibrate": (lambda x, linear: 0.2 * linear - 0.5, 0.8),
    "revise": (lambda x, linear: linear - 1.2 * x[:, 0] + 0.9 * x[:, 2], 0.95),
}


def _draw(rng, n, drift=lambda x, linear: linear):
    x = np.column_stack([rng.random(n) < 0.4, rng.random(n) < 0.5, rng.normal(size=n)]).astype(float)
    linear = TRUE[0] + x @ TRUE[1:]
    return x, (rng.random(n) < expit(drift(x, linear))).astype(float), linear


def _with_ones(x):
    return np.column_stack([np.ones(len(x)), x])


def test_measure_calibration_by_hand():
    # all predicted at 1 in 2, 30 of 40 stayed: the level is off by the log odds of 3 to 1, and there is no slope
    found = measure_calibration(np.zeros(40), np.repeat([1, 0], [30, 10]))
    error = math.sqrt(1 / 30 + 1 / 10)
    assert found["intercept"] == pytest.approx(math.log(3), rel=1e-8)
    assert found["intercept_low"] == pytest.approx(math.log(3) - 1.959964 * error, rel=1e-6)
    assert (found["observed"], found["expected"]) == (0.75, 0.5)
    assert math.isnan(found["slope"])
    assert math.isnan(measure_calibration(np.zeros(4), np.ones(4))["intercept"])


def test_measure_calibration_slope_and_widths():
    _, y, linear = _draw(np.random.default_rng(2), 500)
    theirs = sm.Logit(y, _with_ones(linear[:, None])).fit(disp=0)
    plain, wider, narrow = (
        measure_calibration(linear, y, **more) for more in ({}, {"inflation": 4.0}, {"confidence_level": 0.8})
    )
    assert plain["slope"] == pytest.approx(theirs.params[1], rel=1e-6)
    width = plain["slope_high"] - plain["slope_low"]
    assert wider["slope_high"] - wider["slope_low"] == pytest.approx(2 * width, rel=1e-9)
    assert narrow["intercept_high"] - narrow["intercept_low"] < plain["intercept_high"] - plain["intercept_low"]
    assert measure_calibration(2 * linear, y)["slope"] == pytest.approx(plain["slope"] / 2, rel=1e-6)


def test_choose_update_is_the_published_likelihood_ratio_procedure():
    x, y, linear = _draw(np.random.default_rng(3), 600, DRIFTS["re-intercept"][0])
    found = choose_update(linear, x, y)

    def likelihood(columns, **options):
        return sm.GLM(y, columns, family=sm.families.Binomial(), **options).fit(tol=1e-12).llf

    full = likelihood(_with_ones(x))
    kept = float(np.sum(y * linear - np.logaddexp(0, linear)))
    moved = likelihood(np.ones((600, 1)), offset=linear)
    spread = likelihood(_with_ones(linear[:, None]))
    by_hand = [chi2.sf(2 * (full - part), df) for part, df in ((kept, 4), (moved, 3), (spread, 2))]
    assert [found[p] for p in ("p_keep", "p_reintercept", "p_recalibrate")] == pytest.approx(by_hand, rel=1e-5)
    assert found["choice"] == "re-intercept"
    assert choose_update(linear, x, y, alpha=found["p_keep"] / 2)["choice"] == "keep"
    assert choose_update(linear, x, y, inflation=2.0)["p_keep"] > found["p_keep"]


@pytest.mark.parametrize(("n_lost", "is_few"), [(40, False), (39, True)])  # 10 for 3 coefficients and the intercept
def test_choose_update_refuses_to_judge_too_few(n_lost, is_few):
    x, y, linear = _draw(np.random.default_rng(4), 300)
    rows = np.concatenate([np.flatnonzero(y == 0)[:n_lost], np.flatnonzero(y == 1)[:60]])
    found = choose_update(linear[rows], x[rows], y[rows])
    assert ((found["choice"] == "too few"), math.isnan(found["p_keep"])) == (is_few, is_few)


@pytest.mark.parametrize("kind", DRIFTS)
def test_choose_update_finds_each_kind_of_drift(kind):
    drift, power = DRIFTS[kind]
    rng, draws = np.random.default_rng([6, len(kind)]), 60
    chosen = []
    for _ in range(draws):
        x, y, linear = _draw(rng, 2000, drift)
        chosen.append(choose_update(linear, x, y)["choice"])
    assert chosen.count(kind) >= binom.ppf(0.001, draws, power)


def test_choose_update_keeps_its_false_alarms_when_the_model_is_an_estimate_itself():
    # a model of 1,200 accounts judged on 800 new ones of the same kind: without `inflation` one in six is an alarm
    rng, draws, alarms, naive = np.random.default_rng(7), 120, 0, 0
    for _ in range(draws):
        x, y, _ = _draw(rng, 1200)
        beta = fit_logit(_with_ones(x), y, firth=True)[0]
        x, y, _ = _draw(rng, 800)
        linear = _with_ones(x) @ beta
        alarms += choose_update(linear, x, y, inflation=1 + 800 / 1200)["choice"] != "keep"
        naive += choose_update(linear, x, y)["choice"] != "keep"
    assert alarms <= binom.ppf(0.999, draws, 0.05)
    assert naive > binom.ppf(0.999, draws, 0.05)


def test_measure_calibration_recovers_a_planted_level():
    rng, held, draws = np.random.default_rng(8), 0, 200
    for _ in range(draws):
        _, y, linear = _draw(rng, 500, lambda x, linear: linear + 0.4)
        found = measure_calibration(linear, y)
        held += found["intercept_low"] <= 0.4 <= found["intercept_high"]
    assert binom.ppf(0.001, draws, 0.95) <= held


def test_measure_auc_agrees_with_all_pairs_and_with_scikit_learn():
    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], [30, 50])
    score = np.round(rng.normal(size=80) + 0.8 * y, 1)  # ties
    found = measure_auc(score, y)
    wins = np.sign(score[y == 1][:, None] - score[y == 0][None]) / 2 + 0.5
    variance = wins.mean(axis=1).var(ddof=1) / 30 + wins.mean(axis=0).var(ddof=1) / 50  # DeLong et al. 1988, eq. 5
    assert found.estimate == pytest.approx(roc_auc_score(y, score), rel=1e-12)
    assert found.std_error == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert 0 < found.ci_low < found.estimate < found.ci_high < 1
    turned = measure_auc(-score, y)
    assert (turned.estimate, turned.ci_low) == pytest.approx((1 - found.estimate, 1 - found.ci_high))
    assert measure_auc(score, y, confidence_level=0.8).ci_low > found.ci_low


def test_measure_auc_says_why_it_has_no_interval():
    assert measure_auc([1, 2, 3], [1, 0, 0]).reason == "fewer than 2 accounts stayed, or left"
    perfect = measure_auc([1, 2, 3, 4], [0, 0, 1, 1])
    assert perfect.estimate == 1 and math.isnan(perfect.ci_low)
    assert perfect.reason == "the scores do not vary, or tell all apart: no interval"


def test_measure_auc_interval_holds_the_true_area():
    rng, draws, y = np.random.default_rng(2), 400, np.repeat([1, 0], [60, 40])
    truth, held = norm.cdf(1 / math.sqrt(2)), 0
    for _ in range(draws):
        found = measure_auc(rng.normal(size=100) + y, y)
        held += found.ci_low <= truth <= found.ci_high
    assert binom.ppf(0.001, draws, 0.95) <= held <= binom.ppf(0.999, draws, 0.96)
