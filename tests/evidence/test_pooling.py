"""Pooling: by hand, the published example of a vaccine, statsmodels, properties, and coverage where truth is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from sources_samples import tell_refusal
from statsmodels.stats.meta_analysis import combine_effects

from helpers.evidence import pool, pool_outcomes

# BCG vaccine against tuberculosis: cases and others with and without it, 13 trials (Colditz and others 1994)
BCG = [
    4, 119, 11, 128, 6, 300, 29, 274, 3, 228, 11, 209, 62, 13536, 248, 12619, 33, 5036, 47, 5761,
    180, 1361, 372, 1079, 8, 2537, 10, 619, 505, 87886, 499, 87892, 29, 7470, 45, 7232, 17, 1699, 65, 1600,
    186, 50448, 141, 27197, 5, 2493, 3, 2338, 27, 16886, 29, 17825,
]  # fmt: skip
CASES, OTHERS, CONTROL_CASES, CONTROL_OTHERS = np.reshape(BCG, (13, 4)).T.astype(float)
LOG_RATIO = np.log(CASES / (CASES + OTHERS) / (CONTROL_CASES / (CONTROL_CASES + CONTROL_OTHERS)))
VARIANCE = 1 / CASES - 1 / (CASES + OTHERS) + 1 / CONTROL_CASES - 1 / (CONTROL_CASES + CONTROL_OTHERS)


def test_pool_by_hand_where_studies_agree():
    found = pool([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert (found["estimate"], found["tau2"], found["i2"], found["studies"]) == (2.0, 0.0, 0.0, 3)
    assert found["q"] == pytest.approx(0.5)  # (1 + 0 + 1) / 4
    assert found["std_error"] == pytest.approx(2 / 3**0.5)  # the scale of .25 is lifted to 1
    assert found["ci_high"] == pytest.approx(2 + student.isf(0.025, 2) * 2 / 3**0.5)
    assert found["next_high"] == pytest.approx(2 + student.isf(0.025, 1) * 2 / 3**0.5)


def test_pool_by_hand_where_studies_differ_and_are_of_one_size():
    found = pool([-3.0, 0.0, 3.0], [1.0, 1.0, 1.0], confidence_level=0.9)
    assert found["tau2"] == pytest.approx(9 - 1)  # the sample variance less that of a study
    assert found["std_error"] == pytest.approx((9 / 3) ** 0.5)
    assert found["ci_low"] == pytest.approx(-student.isf(0.05, 2) * 3**0.5)
    assert found["next_low"] == pytest.approx(-student.isf(0.05, 1) * (8 + 3) ** 0.5)


def test_pool_gives_the_published_result_of_the_vaccine():
    # Berkey and others 1995, Statistics in Medicine 14: 395-411, page 408: variances smoothed over the trials
    rate = [np.sum(o / c) / 13 / (o + c) for o, c in ((OTHERS, CASES), (CONTROL_OTHERS, CONTROL_CASES))]
    found = pool(LOG_RATIO, np.sqrt(rate[0] + rate[1]))
    assert (found["estimate"], found["tau2"]) == pytest.approx((-0.5429, 0.2682), abs=5e-5)
    assert found["std_error"] == pytest.approx(0.1842, abs=5e-5)


def test_pool_agrees_with_statsmodels_and_to_two_digits_with_metafor_where_studies_differ():
    found = pool(LOG_RATIO, np.sqrt(VARIANCE))
    other = combine_effects(LOG_RATIO, VARIANCE, method_re="iterated", atol=1e-12)
    assert (found["estimate"], found["tau2"]) == pytest.approx((other.mean_effect_re, other.tau2), abs=1e-8)
    assert found["std_error"] == pytest.approx(other.sd_eff_w_re_hksj, rel=1e-8)
    assert found["q"] == pytest.approx(other.q, rel=1e-10)
    # Viechtbauer, documentation of metafor's rma, by REML where ours estimates by Paule and Mandel
    told = (found["estimate"], found["ci_low"], found["ci_high"], found["i2"])
    assert told == pytest.approx((-0.7145, -1.1082, -0.3209, 0.9212), abs=5e-3)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.floats(-2, 2), min_size=3, max_size=8), st.floats(0.1, 10), st.floats(-5, 5))
def test_pool_follows_shift_and_scale_and_holds_its_estimate(effects, scale, shift):
    errors = np.linspace(0.2, 0.6, len(effects))
    found = pool(effects, errors)
    moved = pool(np.array(effects) * scale + shift, errors * scale)
    assert moved["estimate"] == pytest.approx(found["estimate"] * scale + shift, abs=1e-6)
    assert moved["tau2"] == pytest.approx(found["tau2"] * scale**2, rel=1e-5, abs=1e-9)
    assert found["next_low"] <= found["ci_low"] <= found["estimate"] <= found["ci_high"] <= found["next_high"]
    assert min(effects) - 1e-9 <= found["estimate"] <= max(effects) + 1e-9


@pytest.mark.parametrize("between", [0.0, 0.09])
def test_pool_covers_the_mean_as_often_as_it_says(between):
    rng, errors, hits, next_hits = np.random.default_rng(11), np.linspace(0.15, 0.35, 6), 0, 0
    for _ in range(800):
        true = 0.3 + rng.normal(0, between**0.5, 7)
        found = pool(rng.normal(true[:6], errors), errors)
        hits += found["ci_low"] <= 0.3 <= found["ci_high"]
        next_hits += found["next_low"] <= true[6] <= found["next_high"]
    # 95 % less three standard errors of 800 draws; agreeing studies are covered more often, as the scale is at least 1
    assert 0.927 <= hits / 800 <= (1.0 if between == 0 else 0.973)
    assert next_hits / 800 >= 0.86  # it says 95 %, and promises it for many studies alone


FEW = "pooling needs at least 3 studies, each with effect and standard error"
LACKS = "pooling needs finite effects and standard errors above 0; leave a study without them out"
REFUSED = [
    ([0.1, 0.2], [0.1, 0.1], f"{FEW}; 2 came"),
    ([0.1] * 3, [0.1] * 2, f"{FEW}; 3 came"),
    ([0.1, 0.2, np.nan], [0.1] * 3, LACKS),
    ([0.1, 0.2, 0.3], [0.1, 0.1, 0.0], LACKS),
]


@pytest.mark.parametrize(("effects", "errors", "message"), REFUSED)
def test_pool_refuses_what_cannot_be_pooled(effects, errors, message):
    assert tell_refusal(pool, effects, errors) == message


def test_outcomes_are_pooled_only_from_three_randomised_studies_with_an_error():
    few = pd.DataFrame([
        ("E1", "A", 0.8, 0.1), ("E1", "A", 0.9, 0.1),  # the same study again
        ("E2", "A", 0.7, 0.1), ("E3", "A", 0.6, np.nan),  # no error
        ("E4", "B", 0.6, 0.1),  # not randomised
    ], columns=["source", "grade", "ratio", "log_error"]).assign(outcome="churn")  # fmt: skip
    (row,) = pool_outcomes(few).to_dict("records")
    why = "too few randomised studies with effect and error"
    assert (row["randomised"], row["usable"], row["reason"]) == (3, 2, why) and np.isnan(row["ratio"])
    (row,) = pool_outcomes(few.fillna({"log_error": 0.1})).to_dict("records")
    expected = pool(np.log([0.8, 0.7, 0.6]), [0.1] * 3)
    assert (row["usable"], row["reason"]) == (3, None)
    assert (row["ratio"], row["ci_high"]) == pytest.approx((np.exp(expected["estimate"]), np.exp(expected["ci_high"])))
