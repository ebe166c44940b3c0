"""Before an experiment: what its rule decides, what looks cost, and what an answer is worth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.inference.decisions import holm
from helpers.inference.looks import leave_at_looks, price_looks, sequential_bounds
from helpers.inference.planning import draw_decisions, value_sample


def test_value_sample_by_hand():
    # an estimate as wide as the prior keeps 1 / sqrt(2) of what is known for certain, E max(0, x) = sd x phi(0)
    by_rule, at_best = value_sample(1.0, prior_sd=1.0, critical=0.0)
    assert at_best == by_rule == pytest.approx(1 / math.sqrt(2 * math.pi) / math.sqrt(2))


@pytest.mark.parametrize("threshold", [0.3, 0.0, -0.3])
def test_value_sample_is_what_draws_bring(threshold):
    # independent: the truth and its estimate are drawn, an arm is chosen, and what it brings is averaged
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 0.8, 1_000_000)
    estimate = truth + rng.normal(0, 0.5, truth.size)
    without, weight = max(-threshold, 0.0), 0.64 / (0.64 + 0.25)
    chosen = [(truth - threshold) * is_chosen for is_chosen in (estimate > 1.96 * 0.5, weight * estimate > threshold)]
    found = value_sample(0.5, prior_sd=0.8, threshold=threshold, critical=1.96)
    for gain, brought in zip(found, chosen, strict=True):
        band = 4 * brought.std() / math.sqrt(truth.size)
        assert gain == pytest.approx(brought.mean() - without, abs=band)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(0.05, 5), st.floats(0.05, 5), st.floats(-2, 2), st.floats(0, 4))
def test_value_sample_grows_with_data_and_no_rule_beats_the_best(error, spread, threshold, critical):
    options = {"prior_sd": spread, "threshold": threshold, "critical": critical}
    (by_rule, at_best), (_, more) = value_sample(error, **options), value_sample(error / 2, **options)
    assert by_rule <= at_best + 1e-12 and -1e-12 <= at_best <= more + 1e-12


def test_holm_adjusts_many_experiments_at_once():
    p = np.random.default_rng(2).random((300, 4)) ** 3
    p[0] = [0.01, 0.01, 0.01, 0.9]
    expected = np.array([holm(row) <= 0.05 for row in p])
    assert ((holm(p) <= 0.05) == expected).all() and 0 < expected.mean() < 1
    assert ((holm(p) <= 0.2) >= expected).all() and (holm(p) <= 0.2).sum() > expected.sum()


def test_draw_decisions_keeps_families_apart_and_the_correlation():
    rng, names = np.random.default_rng(3), ["primary", "secondary", "secondary", ""]
    together = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    clear, z = draw_decisions([2.8, 2.8, 0.0, 0.0], names, together, alpha=0.05, draws=40_000, rng=rng)
    assert np.corrcoef(z.T)[0, 1] == pytest.approx(0.5, abs=0.02)
    power = stats.norm.cdf(2.8 - 1.959964)
    assert clear[:, 0].mean() == pytest.approx(power, abs=0.008)  # alone in its family
    assert stats.norm.cdf(2.8 - 2.241403) < clear[:, 1].mean() < power  # at alpha / 2, or alpha after the other
    assert clear[:, 3].mean() == pytest.approx(0.05, abs=0.005)
    assert clear[:, 2].mean() < 0.05


def test_leave_at_looks_spends_alpha_and_agrees_with_draws():
    looks = np.array([0.3, 0.7, 1.0])
    bounds = sequential_bounds(looks, 0.05)
    assert leave_at_looks(looks, bounds, 0.0).sum() == pytest.approx(0.05, abs=1e-6)
    rng = np.random.default_rng(4)
    steps = rng.normal(size=(200_000, 3)) * np.sqrt(np.diff(looks, prepend=0)) + 2.5 * np.diff(looks, prepend=0)
    beyond = abs(np.cumsum(steps, axis=1) / np.sqrt(looks)) >= bounds
    first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), 3)
    drawn = [np.mean(first == look) for look in range(3)]
    assert leave_at_looks(looks, bounds, 2.5) == pytest.approx(drawn, abs=0.005)
    assert leave_at_looks(looks, bounds, -2.5) == pytest.approx(leave_at_looks(looks, bounds, 2.5))


def test_price_looks_published():
    # Jennison & Turnbull 2000, table 2.4: five equal looks with O'Brien and Fleming's own bounds take 1.028 times as
    # many at a power of 80 % and 1.026 at 90 %; their spending function is a little cheaper
    fifths = [0.2, 0.4, 0.6, 0.8, 1.0]
    assert price_looks(fifths)["most"] == pytest.approx(1.028, abs=0.006)
    assert price_looks(fifths, power=0.9)["most"] == pytest.approx(1.026, abs=0.006)
    one = price_looks([1.0])
    assert (one["most"], one["first"]) == (pytest.approx(1.0, abs=1e-4), 0.0)  # the far side counts here


def test_price_looks_arguments_change_the_result():
    base = price_looks([0.5, 1.0])
    assert base["with_effect"] < 1 < base["without_effect"] <= base["most"]
    assert price_looks([0.25, 0.5, 0.75, 1.0])["most"] > base["most"]
    assert price_looks([0.5, 1.0], power=0.9)["first"] > base["first"]
    assert price_looks([0.5, 1.0], alpha=0.2)["first"] != base["first"]
