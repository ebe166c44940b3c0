"""Stability of feature sets: by hand, Kuncheva's index, its properties, and the cover of its interval."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from helpers.milestones.stability import measure_stability


def test_measure_stability_by_hand():
    chosen = [[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]]  # shares 1, 2/3, 1/3, 0: variances 0, 1/3, 1/3, 0, of room 1/4
    assert measure_stability(chosen)[0] == pytest.approx(1 - (1 / 6) / (1 / 4))


def test_measure_stability_of_equal_sizes_is_the_mean_index_of_kuncheva_2007():
    rng = np.random.default_rng(3)
    chosen = np.array([rng.permutation([1] * 4 + [0] * 7) for _ in range(6)])
    pairs = [(a @ b - 16 / 11) / (4 - 16 / 11) for a, b in itertools.combinations(chosen, 2)]
    assert measure_stability(chosen)[0] == pytest.approx(np.mean(pairs))


def test_measure_stability_is_one_for_equal_sets_and_about_zero_for_random_ones():
    rng = np.random.default_rng(4)
    assert measure_stability([[1, 0, 1, 0]] * 5) == pytest.approx((1, 1, 1))
    random = [rng.permutation([1] * 10 + [0] * 40) for _ in range(200)]
    stability, low, high = measure_stability(random)
    assert abs(stability) < 0.01
    assert low < 0 < high


def test_measure_stability_does_not_depend_on_the_order_of_refits_or_features():
    chosen = np.random.default_rng(5).random((8, 12)) < 0.3
    assert measure_stability(chosen[::-1, ::-1]) == pytest.approx(measure_stability(chosen))


@pytest.mark.parametrize("chosen", [[[1, 0, 1]], [[1, 1]] * 3, [[0, 0]] * 3])
def test_measure_stability_without_a_choice_is_undefined(chosen):
    assert all(map(math.isnan, measure_stability(chosen)))


def test_measure_stability_widens_with_the_confidence_level():
    chosen = np.random.default_rng(6).random((10, 12)) < 0.3
    assert measure_stability(chosen, confidence_level=0.99)[1] < measure_stability(chosen, confidence_level=0.9)[1]


def test_measure_stability_interval_is_that_of_the_numerical_delta_method():
    rng = np.random.default_rng(8)
    chosen = (rng.random((400, 12)) < 0.1 + 0.8 * rng.random((400, 1)) * (np.arange(12) < 5)).astype(float)

    def weigh(weights):
        share = weights @ chosen / weights.sum()
        return 1 - np.mean(share * (1 - share)) / (share.mean() * (1 - share.mean()))

    pulls = np.array([weigh(1 + 1e-5 * (np.arange(400) == i)) - weigh(np.ones(400)) for i in range(400)]) / 1e-5
    stability, low, _ = measure_stability(chosen)
    assert stability - low == pytest.approx(1.959964 * math.sqrt(pulls @ pulls), rel=0.01)


def test_measure_stability_interval_covers_the_planted_stability():
    rng, share = np.random.default_rng(7), np.array([0.95] * 4 + [0.5] * 4 + [0.1] * 22)
    truth = 1 - np.mean(share * (1 - share)) / (share.mean() * (1 - share.mean()))
    draws = [measure_stability(rng.random((100, 30)) < share) for _ in range(400)]
    covered = sum(low <= truth <= high for _, low, high in draws)
    assert binom.ppf(0.0005, 400, 0.95) <= covered <= binom.ppf(0.9995, 400, 0.95)
    assert np.mean([stability for stability, *_ in draws]) == pytest.approx(truth, abs=0.005)
