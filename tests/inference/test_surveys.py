"""What published shares say: intervals and bounds by hand, against brute force, and the coverage of both."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from sources_samples import tell_refusal
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from helpers.inference import surveys

SHARES = [0.3, 0.25, 0.73, 0.42]
ASKED = {"n": 600, "design_effect": 1.0, "responses": [0.2], "groups": [], "joint": None}


def study(**changes):
    return surveys.study_survey(SHARES, **{**ASKED, **changes})


def test_bound_answers_by_hand():
    # of 100 asked 20 answered, 6 of them yes: at least 6 and at most 86 of all would say so
    assert surveys.bound_answers(0.3, 0.2) == pytest.approx((0.06, 0.86))
    assert surveys.bound_answers(0.3, 1.0) == pytest.approx((0.3, 0.3))


def test_bound_weighted_by_hand_and_by_trying_all():
    # half of the sample is a tenth of the frame: 30 % yes lie all in it, or all in the others
    assert surveys.bound_weighted(0.3, [0.5, 0.5], [0.1, 0.9]) == pytest.approx((0.06, 0.54))
    sample, frame = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.2, 0.3])
    grid = [g for g in itertools.product(np.linspace(0, 1, 21), repeat=3) if abs(sample @ g - 0.35) < 1e-9]
    tried = [frame @ g for g in grid]
    assert surveys.bound_weighted(0.35, sample, frame) == pytest.approx((min(tried), max(tried)))
    assert surveys.bound_weighted(0.4, sample, sample) == pytest.approx((0.4, 0.4))


def test_find_design_effect_is_kishs_of_the_weights():
    sample, frame = [0.2, 0.8], [0.5, 0.5]
    weights = np.repeat(np.array(frame) / sample, [20, 80])
    assert surveys.find_design_effect(sample, frame) == pytest.approx(100 * (weights**2).sum() / weights.sum() ** 2)


@pytest.mark.parametrize("within", [False, True])
def test_bound_gap_is_what_all_joint_tables_allow(within):
    found = surveys.bound_gap(0.73, 0.42, within=within)
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


def test_compare_paired_has_mcnemars_p_and_the_interval_of_bonett_and_price():
    found = surveys.compare_paired(59, 6, 160)
    assert found.p_value == pytest.approx(mcnemar([[40, 59], [6, 55]], exact=True).pvalue)
    p1, p2 = 60 / 162, 7 / 162
    reach = 1.959964 * math.sqrt((p1 + p2 - (p1 - p2) ** 2) / 162)
    assert (found.ci_low, found.ci_high) == pytest.approx((p1 - p2 - reach, p1 - p2 + reach), abs=1e-6)
    turned = surveys.compare_paired(6, 59, 160)
    assert (turned.estimate, turned.ci_low) == pytest.approx((-found.estimate, -found.ci_high))
    assert surveys.compare_paired(0, 0, 50).p_value == 1


def test_compare_paired_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(3), 0
    for one, other, *_ in rng.multinomial(120, [0.3, 0.12, 0.58], 300):
        found = surveys.compare_paired(int(one), int(other), 120)
        hits += found.ci_low <= 0.18 <= found.ci_high
    assert hits / 300 == pytest.approx(0.95, abs=0.04)


def test_study_survey_has_wilsons_interval_and_one_of_fewer_people_with_a_design_effect():
    row = study(design_effect=1.5)["survey"].iloc[0]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(proportion_confint(180, 600, method="wilson"))
    assert (row["wide_low"], row["wide_high"]) == pytest.approx(proportion_confint(120, 400, method="wilson"))
    assert math.isnan(row["frame_low"])
    framed = study(groups=["0.2 0.5", "0.8 0.5"])["survey"].iloc[0]
    assert framed["effective"] == pytest.approx(600 / (0.25 / 0.2 + 0.25 / 0.8))
    assert (framed["frame_low"], framed["frame_high"]) == pytest.approx((0.1875, 0.5625))


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


def test_study_survey_counts_where_the_joint_answers_are_known():
    rows = study(joint="200 238 52 110")["expectations"]
    found = rows[rows["reading"] == "counted"].iloc[0]
    assert (found["low"], found["p_value"]) == pytest.approx((186 / 600, 0), abs=1e-6)
    plain = rows[(rows["reading"] == "of all") & (rows["what"] == "difference")].iloc[0]
    assert plain["ci_low"] < found["ci_low"] < found["ci_high"] < plain["ci_high"]  # rows tell more than margins


def test_study_survey_can_be_left_out():
    assert study(n=0) == {}


FRAME = "frame: give each group by two parts above 0 such as 0.6 0.3, each sort of which sums to 1"
JOINT = "joint_answers: give four counts: yes to both, to the first alone, to the second alone, to none"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": ["0.5 0.5"]}, FRAME),  # half is missing
        ({"groups": ["0.5", "0.5 1"]}, FRAME),
        ({"groups": ["1 0.5", "0 0.5"]}, FRAME),
        ({"groups": ["a b"]}, FRAME),
        ({"joint": "1 2 3"}, JOINT),
        ({"joint": "0 0 0 0"}, JOINT),
        ({"joint": "1 2 3 -4"}, JOINT),
    ],
)
def test_study_survey_refuses_what_cannot_be_read(changes, message):
    assert tell_refusal(study, **changes) == message


def test_jackknife_is_the_error_of_a_mean_and_allows_for_clusters():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"unit": np.arange(5000), "y": rng.normal(size=5000)})
    alone = surveys.jackknife(rows, lambda part: part["y"].mean())
    assert alone["std_error"] == pytest.approx(1 / math.sqrt(5000), rel=0.5)
    twins = pd.concat([rows, rows])
    again = surveys.jackknife(twins, lambda part: part["y"].mean())
    assert again == pytest.approx(alone)  # twice the same customers tell no more
    both = surveys.jackknife(rows, lambda part: np.array([part["y"].mean(), part["y"].std()]))
    assert both["std_error"][0] == pytest.approx(alone["std_error"])


def test_jackknife_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(2), 0
    for _ in range(80):
        sizes = rng.integers(1, 6, 200)
        unit = np.repeat(np.arange(200), sizes)
        rows = pd.DataFrame({"unit": unit, "y": rng.normal(size=200)[unit] + rng.normal(size=len(unit))})
        found = surveys.jackknife(rows, lambda part: part["y"].mean())
        hits += found["ci_low"] <= 0 <= found["ci_high"]
    assert hits / 80 == pytest.approx(0.95, abs=0.075)
