"""Ordered scores: by hand, published pain scores, scipy on expanded rows, properties, seeded coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.inference import win_difference
from helpers.records import Refused

COUNTS = st.lists(st.integers(0, 30), min_size=2, max_size=8)
SEPARATED = "every unit of one arm is above every unit of the other, so nothing says how sure that is"
FIGURES = ("estimate", "std_error", "ci_low", "ci_high", "p_value")


def test_win_difference_by_hand():
    # treatment higher: 3 x 5 at the middle + 5 x (5 + 3) at the top; control higher: 3 x 2 + 2 x (2 + 3), of 100 pairs
    found = win_difference([5, 3, 2], [2, 3, 5])
    assert (found.treatment_value, found.control_value) == pytest.approx((0.55, 0.16))
    assert found.estimate == pytest.approx(0.39)
    # how a unit of each level fares against the other arm: control's -.8, -.3, .5, treatment's -.5, .3, .8
    control = (5 * (-0.8 + 0.39) ** 2 + 3 * (-0.3 + 0.39) ** 2 + 2 * (0.5 + 0.39) ** 2) / 9 / 10
    treatment = (2 * (-0.5 - 0.39) ** 2 + 3 * (0.3 - 0.39) ** 2 + 5 * (0.8 - 0.39) ** 2) / 9 / 10
    assert found.std_error**2 == pytest.approx(control + treatment)
    assert found.method == "brunner-munzel"


def test_win_difference_published_pain_scores():
    # Brunner & Munzel 2000, the shoulder tip pain of Lumley 1996: statistic 3.1375, df 17.683, p .005786,
    # P = .788961 with interval .5952169 to .9827052
    control = np.bincount([1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1], minlength=6)
    treatment = np.bincount([3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4], minlength=6)
    found = win_difference(control, treatment)
    assert found.df == pytest.approx(17.683, abs=5e-4)
    assert found.estimate / found.std_error == pytest.approx(3.1375, abs=5e-5)
    assert found.p_value == pytest.approx(0.005786, abs=5e-7)
    shares = [(1 + value) / 2 for value in (found.estimate, found.ci_low, found.ci_high)]
    assert shares == pytest.approx([0.788961, 0.5952169, 0.9827052], abs=5e-7)


@pytest.mark.filterwarnings("ignore:p-value cannot be estimated")
@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(2, 60), st.integers(2, 12))
def test_win_difference_scipy(seed, n_control, n_treatment, levels):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, levels, n_control), rng.integers(levels // 3, levels, n_treatment)
    found = win_difference(*(np.bincount(r, minlength=levels) for r in rows))
    with np.errstate(all="ignore"):
        expected = stats.brunnermunzel(*rows)
    if found.reason is None:
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    else:
        assert not 0 < expected.pvalue < 1


@settings(derandomize=True, deadline=None, max_examples=100)
@given(COUNTS, COUNTS, st.floats(0.8, 0.99))
def test_win_difference_properties(control, treatment, level):
    size = min(len(control), len(treatment))
    control, treatment = control[:size], treatment[:size]
    found = win_difference(control, treatment, confidence_level=level)
    swapped = win_difference(treatment, control, confidence_level=level)
    assert swapped.reason == found.reason
    if found.reason:
        return
    assert [swapped.estimate, swapped.ci_low, swapped.p_value] == pytest.approx(
        [-found.estimate, -found.ci_high, found.p_value], abs=1e-12
    )
    assert -1 <= found.ci_low <= found.estimate <= found.ci_high <= 1
    assert (found.ci_low > 0 or found.ci_high < 0) == (found.p_value <= 1 - level)
    wider = win_difference([0, *control, 0], [0, *treatment, 0], confidence_level=level)  # levels that nobody chose
    assert [getattr(wider, f) for f in FIGURES] == pytest.approx([getattr(found, f) for f in FIGURES], abs=1e-12)


def test_win_difference_of_many_levels_and_units():
    rng = np.random.default_rng(3)
    few = rng.integers(0, 5, (2, 4000))
    many = win_difference(*(few * 1000))  # 8 million units an arm
    once = win_difference(*few)
    assert many.estimate == pytest.approx(once.estimate, abs=1e-14)
    assert many.std_error == pytest.approx(once.std_error / math.sqrt(1000), rel=1e-3)


def test_win_difference_limits_stay_on_the_scale():
    found = win_difference([8, 1], [1, 8])
    assert found.estimate + 2 * found.std_error > found.ci_high == 1
    assert win_difference([1, 8], [8, 1]).ci_low == -1


def test_win_difference_level_moves_the_limits():
    narrow, wide = (win_difference([5, 3, 2], [2, 3, 5], confidence_level=level) for level in (0.8, 0.99))
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high
    assert narrow.p_value == wide.p_value


@pytest.mark.parametrize(
    ("control", "treatment", "estimate", "reason"),
    [
        ([9, 0], [0, 9], 1, SEPARATED),
        (
            [0, 9],
            [9, 0],
            -1,
            SEPARATED,
        ),
        ([0, 9], [0, 5], 0, "the outcome does not vary in either arm, so nothing can be tested"),  # all equal
        ([1, 0], [3, 5], math.nan, "an arm has fewer than 2 units with a known outcome"),  # n = 1
        ([0, 0], [3, 5], math.nan, "an arm has fewer than 2 units with a known outcome"),  # nobody answered
        ([], [], math.nan, "an arm has fewer than 2 units with a known outcome"),  # no levels
    ],
)
def test_win_difference_undefined(control, treatment, estimate, reason):
    found = win_difference(control, treatment)
    assert found.reason == reason
    assert found.estimate == pytest.approx(estimate, nan_ok=True)
    assert math.isnan(found.p_value) and math.isnan(found.ci_low) and math.isnan(found.std_error)


def test_win_difference_refuses():
    message = "ordered scores: the arms have different numbers of levels; give one count a level, 0 included"
    with pytest.raises(Refused, match=message):
        win_difference([1, 2, 3], [1, 2])
    message = "ordered scores: a count of units is missing or below 0; give the number of units at each level"
    for counts in ([1, -2], [1, math.nan]):
        with pytest.raises(Refused, match=message):
            win_difference(counts, [1, 2])


@pytest.mark.parametrize(
    ("n_control", "n_treatment", "control", "treatment"),
    [
        (60, 60, [0.1, 0.2, 0.4, 0.2, 0.1], [0.1, 0.2, 0.4, 0.2, 0.1]),  # ties, no effect
        (60, 60, [0.1, 0.2, 0.4, 0.2, 0.1], [0.3, 0.1, 0.1, 0.1, 0.4]),  # unequal variances
        (50, 450, [0.05, 0.05, 0.2, 0.3, 0.4], [0.02, 0.03, 0.05, 0.1, 0.8]),  # 10/90, most at the top
    ],
)
def test_win_difference_seeded_coverage(n_control, n_treatment, control, treatment, in_band):
    rng, runs = np.random.default_rng(8), 2000
    truth = sum(t * (sum(control[:k]) - sum(control[k + 1 :])) for k, t in enumerate(treatment))
    effects = [
        win_difference(rng.multinomial(n_control, control), rng.multinomial(n_treatment, treatment))
        for _ in range(runs)
    ]
    assert in_band(sum(e.ci_low <= truth <= e.ci_high for e in effects), runs, 0.95, cells=3)
