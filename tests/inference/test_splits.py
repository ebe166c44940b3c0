"""One test of all arms: against scipy and pingouin, and only where it may stand."""

import math

import numpy as np
import pandas as pd
import pingouin
import pytest
from experiments import make_design, run_experiment
from scipy import stats

from helpers.inference.splits import compare_groups, compare_shares
from helpers.records import Moments

ARMS = {"control": "c", "treatments": ["t", "u"]}
SCORE = {"kind": "score", "role": "primary", "better": "higher"}
BINARY = {"kind": "binary", "role": "secondary", "better": "higher"}
RATIO = {"kind": "ratio", "role": "secondary", "numerator": "top", "denominator": "bottom"}
NAME = "any difference between the arms"


def draw(n=600, effect=0.0, seed=1):
    rng = np.random.default_rng(seed)
    arm = np.array(["c", "t", "u"])[np.arange(n) % 3]
    y = rng.normal(size=n) * np.where(arm == "u", 2, 1) + effect * (arm == "u")
    bottom = rng.integers(1, 9, n).astype(float)
    return pd.DataFrame(
        {"variant": arm, "y": y, "z": (y > 0.3) * 1.0, "top": rng.poisson(bottom) * 1.0, "bottom": bottom}
    )


def joint(results):
    return {t.metric: t for t in results.tests if t.name == NAME}


def test_means_are_tested_by_welch_analysis_of_variance():
    frame = draw()
    found = joint(run_experiment(frame, make_design(metrics={"y": SCORE}, variant=ARMS)))["y"]
    other = pingouin.welch_anova(frame, dv="y", between="variant").iloc[0]
    assert (found.statistic, found.p_value) == pytest.approx((other["F"], other["p_unc"]))
    assert (found.id, found.df, found.family) == ("y:all arms:any difference between the arms", 2, "exploratory")


def test_shares_are_tested_by_chi_square():
    frame = draw()
    found = joint(run_experiment(frame, make_design(metrics={"z": BINARY}, variant=ARMS)))["z"]
    other = stats.chi2_contingency(pd.crosstab(frame["variant"], frame["z"]), correction=False)
    assert (found.statistic, found.p_value, found.df) == pytest.approx((other.statistic, other.pvalue, 2))


def test_ratios_are_tested_at_the_randomised_unit():
    frame = draw(900).assign(top=lambda f: f["top"] * np.where(f["variant"] == "u", 1.04, 1))
    found = joint(run_experiment(frame, make_design(metrics={"r": RATIO}, variant=ARMS)))["r"]
    parts = []
    for _, rows in frame.groupby("variant"):
        ratio = rows["top"].sum() / rows["bottom"].sum()
        parts.append((ratio, ((rows["top"] - ratio * rows["bottom"]).var() / rows["bottom"].mean() ** 2) / len(rows)))
    value, weight = np.array([p[0] for p in parts]), np.array([1 / p[1] for p in parts])
    chi2 = float(weight @ (value - np.average(value, weights=weight)) ** 2)
    assert found.p_value == pytest.approx(stats.chi2.sf(chi2, 2), rel=0.2)  # the same in large samples
    assert found.p_value > stats.chi2.sf(chi2, 2)


def test_compare_shares_at_the_edges_has_no_test():
    none = Moments(("y",), 10, np.array([0.0]), np.array([[0.0]]))
    empty = Moments(("y",), 0, np.array([np.nan]), np.array([[np.nan]]))
    assert all(math.isnan(x) for x in compare_shares([none, none]) + compare_shares([none, empty]))


@pytest.mark.parametrize(
    ("variant", "metrics", "more"),
    [
        ({"control": "c", "treatments": ["t"]}, {"y": SCORE}, {}),  # one treatment: its own test says all
        (ARMS, {"y": SCORE}, {"planned_units": 900}),  # looked at early
        (ARMS, {"y": SCORE}, {"looks": [0.5, 1.0], "planned_units": 900}),  # planned looks
        (ARMS, {"y": {**SCORE, "role": "exploratory"}}, {}),
        (ARMS, {"y": {**SCORE, "quantile": 0.9}}, {}),
        (ARMS, {"z": {"kind": "score", "role": "primary", "scale": "ordered"}}, {}),
    ],
    ids=["two-arms", "interim", "looks", "exploratory", "quantile", "ordered"],
)
def test_compare_all_arms_stays_silent(variant, metrics, more):
    frame = draw()
    frame = frame[frame["variant"].isin([variant["control"], *variant["treatments"]])]
    assert joint(run_experiment(frame, make_design(metrics=metrics, variant=variant, **more))) == {}


def test_compare_all_arms_leaves_heavy_tails_to_the_permutation_test():
    frame = draw().assign(y=lambda f: np.exp(3 * f["y"]))
    variant = {**ARMS, "split": {"c": 0.34, "t": 0.33, "u": 0.33}}
    amount = {"y": {**SCORE, "kind": "amount"}}
    assert joint(run_experiment(frame, make_design(metrics=amount, variant=variant))) == {}
    mild = frame.assign(y=frame["y"] ** 0.2)  # by the same rule no permutation, whatever the split
    assert joint(run_experiment(mild, make_design(metrics=amount, variant=ARMS)))


def test_compare_all_arms_stays_silent_where_a_small_arm_meets_a_tail():
    rng = np.random.default_rng(11)
    arms = np.repeat(["c", "t", "u"], [900, 60, 60])
    frame = pd.DataFrame({"variant": arms, "y": rng.lognormal(0, 1.5, 1020)})
    variant = {**ARMS, "split": "unknown"}
    assert joint(run_experiment(frame, make_design(metrics={"y": SCORE}, variant=variant))) == {}
    assert joint(
        run_experiment(frame.assign(y=rng.normal(size=1020)), make_design(metrics={"y": SCORE}, variant=variant))
    )


def test_few_unequal_clusters_leave_few_degrees_of_freedom():
    rng = np.random.default_rng(6)
    firm = np.repeat(np.arange(18), np.where(np.arange(18) < 3, 12, 3))
    frame = pd.DataFrame({"variant": np.array(["c", "t", "u"])[firm % 3], "firm": firm.astype(str)})
    frame["y"] = rng.normal(size=18)[firm] + rng.normal(size=len(firm))
    found = joint(run_experiment(frame, make_design(metrics={"y": SCORE}, variant=ARMS, cluster="firm")))["y"]
    groups = {}
    for n in (6, 6 / (1 + 13.5 / 4.5**2)):  # firms as counted, and as many of one size as know as much
        groups[n] = []
        for _, rows in frame.groupby("variant"):
            sums = rows.groupby("firm")["y"].agg(["sum", "count"])
            mean = rows["y"].mean()
            error = (sums["sum"] - mean * sums["count"]).var() / sums["count"].mean() ** 2 / 6
            groups[n].append(Moments(("y",), n, np.array([mean]), np.array([[error * n]])))
    counted, effective = (compare_groups(g)[2] for g in groups.values())
    assert found.p_value == pytest.approx(effective)
    assert found.p_value > counted
