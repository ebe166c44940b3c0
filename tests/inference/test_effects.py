"""Effects of one metric between two arms: the right method for each kind, and lifts that agree."""

import numpy as np
import pytest

from helpers.inference import compare_arms, compare_means, difference
from helpers.inference.means import lift_arms, pair_arms
from helpers.plan import Metric
from helpers.records import Effect, Moments


def moments(value, variance, n, names=("y",)):
    k = len(names)
    return Moments(names, n, np.array([value] + [1.0] * (k - 1)), np.diag([variance] + [1.0] * (k - 1)))


METHODS = [
    # kind, names of the moments, methods of the difference and of the lift
    ("binary", ("y",), "miettinen-nurminen", "score-ratio"),
    ("count", ("y",), "welch", "fieller"),
    ("amount", ("y", "x"), "lin", "fieller"),
    ("binary", ("num", "den"), "delta", "fieller"),
]


@pytest.mark.parametrize(("kind", "names", "method", "lift"), METHODS)
def test_compare_arms_chooses_the_method_by_kind(kind, names, method, lift):
    sides = moments(0.4, 0.24, 100, names), moments(0.5, 0.25, 100, names)
    assert compare_arms(Metric(kind=kind), *sides).method == method
    assert lift_arms(Metric(kind=kind), *sides).method == lift


def test_compare_arms_by_hand():
    # 2 of 4 against 1 of 4: a quarter more
    sides = moments(0.25, 0.25, 4), moments(0.5, 1 / 3, 4)
    assert compare_arms(Metric(kind="binary"), *sides).estimate == pytest.approx(0.25)
    assert lift_arms(Metric(kind="binary"), *sides).estimate == pytest.approx(1.0)


def test_compare_arms_level_widens_the_interval():
    sides = moments(10.0, 4.0, 50), moments(11.0, 4.0, 50)
    narrow, wide = (compare_arms(Metric(kind="count"), *sides, confidence_level=c) for c in (0.9, 0.99))
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high


def test_lift_arms_follows_the_difference_that_decides():
    sides = moments(10.0, 4.0, 50), moments(11.0, 4.0, 50)
    like = Effect(1.0, 0.4, None, -0.5, 2.5, p_value=0.2, method="other")
    found = lift_arms(Metric(kind="count"), *sides, like=like)
    assert found.p_value == 0.2
    assert found.ci_low < 0 < found.ci_high


def test_pair_arms_without_covariates_is_welch():
    sides = moments(1.0, 2.0, 30), moments(2.0, 3.0, 40)
    assert difference(pair_arms(*sides)) == difference(compare_means(*sides))


def test_compare_arms_of_an_empty_arm_says_why():
    found = compare_arms(Metric(kind="count"), moments(np.nan, np.nan, 0), moments(1.0, 1.0, 10))
    assert np.isnan(found.ci_low)
    assert found.reason
