"""What published shares say: intervals and bounds by hand, against brute force, and the coverage of both."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from helpers.inference import replies
from helpers.survival import wilson_interval

SHARES = [0.3, 0.25, 0.73, 0.42]
ASKED = {"n": 600, "design_effect": 1.0, "responses": [0.2]}


def study(**changes):
    return replies.study_survey(SHARES, **{**ASKED, **changes})


def test_bound_answers_by_hand():
    # of 100 asked 20 answered, 6 of them yes: at least 6 and at most 86 of all would say so
    assert replies.bound_answers(0.3, 0.2) == pytest.approx((0.06, 0.86))
    assert replies.bound_answers(0.3, 1.0) == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize("within", [False, True])
def test_bound_gap_is_what_all_joint_tables_allow(within):
    found = replies.bound_gap(0.73, 0.42, within=within)
    tried = {"difference": [], "only_first": [], "disagree": []}
    for both, second_alone in itertools.product(np.linspace(0, 0.73, 731), np.linspace(0, 0.27, 271)):
        first_alone = 0.73 - both
        matches = abs(both - 0.42 * 0.73) < 6e-4 if within else abs(both + second_alone - 0.42) < 1e-9
        if matches:
            tried["difference"].append(first_alone - second_alone)
            tried["only_first"].append(first_alone)
            tried["disagree"].append(first_alone + second_alone)
    for name, values in tried.items():
        assert found[name] == pytest.approx((min(values), max(values)), abs=1e-3), name


def test_study_survey_has_wilsons_interval_and_one_of_fewer_people_with_a_design_effect():
    row = study(design_effect=1.5)["survey"].iloc[0]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(proportion_confint(180, 600, method="wilson"))
    assert (row["wide_low"], row["wide_high"]) == pytest.approx(proportion_confint(120, 400, method="wilson"))
    assert study(n=0) == {}  # left out


def test_study_survey_reads_both_denominators():
    rows = study()["expectations"].set_index(["reading", "what"])
    assert rows.loc[("of all", "difference"), ["low", "high"]].tolist() == pytest.approx([0.31, 0.31])
    assert rows.loc[("of all", "only_first"), ["low", "high"]].tolist() == pytest.approx([0.31, 0.58])
    assert rows.loc[("of those", "difference"), ["low", "high"]].tolist() == pytest.approx([0.1534, 0.4234])
    assert rows.loc[("of those", "only_first"), ["low", "high"]].tolist() == pytest.approx([0.4234, 0.4234])
    assert (rows["ci_low"] < rows["low"]).all() and (rows["ci_high"] > rows["high"]).all()
    # 31 points, at most half a point of rounding in each, and sampling where most disagree (85 %)
    wide = 0.32 + 1.959964 * math.sqrt((0.86 - 0.32**2) / 600)
    assert rows.loc[("of all", "difference"), "ci_high"] == pytest.approx(wide, abs=0.002)


def test_jackknife_is_the_error_of_a_mean_and_allows_for_clusters():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"unit": np.arange(5000), "y": rng.normal(size=5000)})
    alone = replies.jackknife(rows, lambda part: part["y"].mean())
    assert alone["std_error"] == pytest.approx(1 / math.sqrt(5000), rel=0.5)
    twins = pd.concat([rows, rows])
    again = replies.jackknife(twins, lambda part: part["y"].mean())
    assert again == pytest.approx(alone)  # twice the same customers tell no more
    both = replies.jackknife(rows, lambda part: np.array([part["y"].mean(), part["y"].std()]))
    assert both["std_error"][0] == pytest.approx(alone["std_error"])


def test_jackknife_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(2), 0
    for _ in range(80):
        sizes = rng.integers(1, 6, 200)
        unit = np.repeat(np.arange(200), sizes)
        rows = pd.DataFrame({"unit": unit, "y": rng.normal(size=200)[unit] + rng.normal(size=len(unit))})
        found = replies.jackknife(rows, lambda part: part["y"].mean())
        hits += found["ci_low"] <= 0 <= found["ci_high"]
    assert hits / 80 == pytest.approx(0.95, abs=0.075)


@pytest.mark.parametrize("n_units", [1, 4, 8])
def test_jackknife_of_few_units_is_the_t_interval_of_their_means(n_units):
    rng = np.random.default_rng(n_units)
    rows = pd.DataFrame({"unit": np.repeat(np.arange(n_units), 3), "y": rng.normal(size=3 * n_units)})
    found = replies.jackknife(rows, lambda part: part["y"].mean())
    means = rows.groupby("unit")["y"].mean()
    expected = stats.t.interval(0.95, n_units - 1, means.mean(), stats.sem(means)) if n_units > 1 else (math.nan,) * 2
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("bad", "worth"), [
    (0, 100),  # all units agree: as many as there are
    (2, 99),  # one by one they are worth one less, by the variance of a sample
])  # fmt: skip
def test_jackknife_of_a_share_near_its_end_is_wilsons(bad, worth):
    rows = pd.DataFrame({"unit": np.arange(100), "y": np.arange(100) >= bad})
    found = replies.jackknife(rows, lambda part: part["y"].mean(), is_share=True)
    expected = wilson_interval(1 - bad / 100, worth, stats.t.isf(0.025, 24))
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(expected, rel=3e-3)
    assert found["ci_low"] < 1 - bad / 100 and found["ci_high"] <= 1
    plain = replies.jackknife(rows, lambda part: part["y"].mean())
    assert plain["ci_high"] >= 1  # as anything that is no share
