"""The area under the curve: by hand, against all pairs and scikit-learn, and the share of intervals that hold it."""

import math

import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score

from helpers.milestones.discrimination import measure_auc


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
