"""Unknown outcomes: bounds that hold whatever they are, and weights that hold given the covariates."""

import math

import numpy as np
import pandas as pd
import pytest

from helpers.inference import risk_difference
from helpers.inference.associations import bound_missing, weight_responders
from helpers.plan import Metric
from helpers.records import Moments


def moments(events, n, missing):
    share = events / n
    return Moments(("y",), n, np.array([share]), np.array([[share * (1 - share) * n / (n - 1)]]), missing)


def test_bound_missing_by_hand_is_the_envelope_of_both_extremes():
    # 40 known with 20 events and 10 unknown against 50 known with 20 events
    found = bound_missing(Metric(kind="binary"), moments(20, 50, 0), moments(20, 40, 10))
    assert found.ci_low == pytest.approx(risk_difference(20, 50, 20, 50).ci_low)
    assert found.ci_high == pytest.approx(risk_difference(30, 50, 20, 50).ci_high)
    assert math.isnan(found.estimate)
    assert found.reason == "bounds only: some outcomes are unknown, so there is no single estimate"


def test_bound_missing_of_nps_fills_with_the_ends_of_the_scale():
    # 10 unknown of 20 where all known are 0: the mean can be anywhere from -50 to 50
    zero = Moments(("y",), 10, np.array([0.0]), np.array([[1.0]]), 10)
    full = Moments(("y",), 20, np.array([0.0]), np.array([[1.0]]), 0)
    found = bound_missing(Metric(kind="nps"), full, zero)
    assert found.ci_low < -50 < 50 < found.ci_high


def test_bound_missing_of_an_amount_has_no_bounds():
    found = bound_missing(Metric(kind="amount"), moments(2, 5, 1), moments(2, 5, 1))
    assert found.reason == "no bounds: the outcome has no fixed lowest and highest value"


def test_bound_missing_widens_with_the_level_and_the_unknown():
    sides = moments(20, 50, 5), moments(25, 50, 5)
    wide, narrow = (bound_missing(Metric(kind="binary"), *sides, confidence_level=c) for c in (0.99, 0.9))
    more = bound_missing(Metric(kind="binary"), moments(20, 50, 9), moments(25, 50, 9), confidence_level=0.9)
    assert wide.ci_low < narrow.ci_low
    assert more.ci_low < narrow.ci_low


def draw(seed, n=600):
    rng = np.random.default_rng(seed)
    x, treated = rng.normal(size=n), np.arange(n) % 2
    y = x + 0.5 * treated + rng.normal(size=n)
    answers = rng.random(n) < 1 / (1 + np.exp(-(0.3 + (1.5 * treated - 0.5) * x)))  # keen ones answer, by arm
    return pd.DataFrame({"y": np.where(answers, y, np.nan), "treated": treated, "x": x})


def test_weight_responders_recovers_what_responders_alone_do_not():
    draws = [draw(seed) for seed in range(150)]
    weighted = [weight_responders(rows, covariates=["x"]) for rows in draws]
    alone = [rows.groupby("treated")["y"].mean().diff().iloc[-1] for rows in draws]
    error = np.std([e.estimate for e in weighted]) / np.sqrt(len(draws))
    assert abs(np.mean([e.estimate for e in weighted]) - 0.5) < 3.5 * error + 0.01
    assert abs(np.mean(alone) - 0.5) > 0.2
    covered = np.mean([e.ci_low <= 0.5 <= e.ci_high for e in weighted])
    assert covered > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / len(draws))


def test_weight_responders_without_missing_is_the_difference_of_means():
    rows = draw(1).dropna().assign(x=0.0)
    means = rows.groupby("treated")["y"].mean()
    assert weight_responders(rows, covariates=["x"]).estimate == pytest.approx(means[1] - means[0])


def test_weight_responders_level_and_swap():
    rows = draw(2)
    narrow, wide = (weight_responders(rows, covariates=["x"], confidence_level=c) for c in (0.8, 0.99))
    swapped = weight_responders(rows.assign(treated=1 - rows["treated"]), covariates=["x"], confidence_level=0.8)
    assert wide.ci_low < narrow.ci_low
    assert swapped.estimate == pytest.approx(-narrow.estimate)


@pytest.mark.parametrize(
    ("rows", "covariates", "reason"),
    [
        (draw(3), [], "no weights: the plan names no covariates"),
        (draw(3).head(30), ["x"], "no weights: an arm has fewer than 20 known outcomes"),
    ],
)
def test_weight_responders_says_why_not(rows, covariates, reason):
    assert weight_responders(rows, covariates=covariates).reason == reason
