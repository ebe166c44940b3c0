"""What it would take: the units that find a difference of two shares."""

import math

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, run_experiment
from scipy import stats

from helpers.inference import list_sample_sizes, sample_size_proportions


def test_list_sample_sizes_has_a_row_a_baseline_and_difference():
    found = list_sample_sizes([0.1, 0.95], [0.02, 0.09])
    assert found[["baseline", "difference"]].to_numpy().tolist() == [
        [0.1, 0.02],
        [0.1, 0.09],
        [0.95, 0.02],
        [0.95, 0.09],
    ]
    assert found["units"].tolist()[0] == math.ceil(sample_size_proportions(0.1, 0.02))
    assert math.isnan(found["units"].iloc[3])  # 95 % and nine points more is no share


@pytest.mark.parametrize("changes", [{"power": 0.9}, {"alpha": 0.01}])
def test_list_sample_sizes_grows_with_power_and_confidence(changes):
    assert (
        list_sample_sizes([0.2], [0.05], **changes)["units"].iloc[0] > list_sample_sizes([0.2], [0.05])["units"].iloc[0]
    )


SCORE = {"kind": "score", "role": "primary", "better": "higher", "worthwhile": 0.3}


def draw(n=600, days=20):
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(n) * days // n, "D")
    frame = pd.DataFrame({"variant": ["c", "t"] * (n // 2), "y": abs(rng.normal(size=n) * 2 + 5), "assigned_at": start})
    return frame.assign(score=rng.integers(1, 6, n) * 1.0, at_risk=rng.integers(1, 9, n) * 1.0, seen=1.0)


def require(metric, frame=None, **plan):
    return (
        run_experiment(draw() if frame is None else frame, make_design(metrics={"y": metric}, **plan))
        .tables["requirements"]
        .iloc[0]
    )


KINDS = [
    # what the plan asks of the column y
    SCORE,
    {**SCORE, "kind": "amount", "quantile": 0.5},
    {**SCORE, "column": "score", "scale": "ordered", "worthwhile": 0.1},
    {**SCORE, "kind": "count", "column": "score", "time_at_risk": "at_risk", "worthwhile": 0.1},
    {"kind": "time_to_event", "role": "primary", "time": "y", "observed": "seen", "horizon_days": 5, "worthwhile": 0.1},
]


@pytest.mark.parametrize("metric", KINDS, ids=["mean", "quantile", "ordered", "rate", "time"])
def test_list_requirements_of_every_kind_inverts_to_the_power_it_states(metric):
    row = require(metric)
    assert (row["n"], row["power"]) == (600, 0.8)
    needed = 600 * (row["mde_absolute"] / metric["worthwhile"]) ** 2
    assert row["n_for_worthwhile"] == pytest.approx(needed, rel=0.02)
    assert (row["power_for_worthwhile"] > 0.8) == (row["n_for_worthwhile"] < 600)
    same = require({**metric, "worthwhile": row["mde_absolute"]})
    assert same["power_for_worthwhile"] == pytest.approx(0.8, abs=1e-6)


def test_list_requirements_agrees_with_the_standard_error_by_hand():
    frame = draw().assign(variant=["c", "t"] * 300)
    row = require({**SCORE, "column": "score", "scale": "ordered"}, frame)
    found = run_experiment(frame, make_design(metrics={"y": {**SCORE, "column": "score", "scale": "ordered"}}))
    assert row["mde_absolute"] == pytest.approx((1.959964 + 0.841621) * found.headline("y")[0].std_error, rel=1e-6)


def test_list_requirements_counts_days_at_the_rate_of_enrolment():
    timed = require(SCORE, assigned_at="assigned_at")
    assert timed["units_per_day"] == 30  # 600 units in 20 days
    assert timed["days_for_worthwhile"] == math.ceil(timed["n_for_worthwhile"] / 30)
    windowed = require({**SCORE, "within_days": 7}, assigned_at="assigned_at", as_of="2024-04-30")
    assert windowed["days_for_worthwhile"] == timed["days_for_worthwhile"] + 7
    assert math.isnan(require(SCORE)["days_for_worthwhile"])


def test_list_requirements_allows_for_units_that_do_not_answer():
    frame = draw()
    silent = frame.assign(y=frame["y"].where(np.arange(len(frame)) % 4 < 2))  # half of each arm
    metric = {**SCORE, "missing": "unknown"}
    found, whole = require(metric, silent, assigned_at="assigned_at"), require(metric, assigned_at="assigned_at")
    assert (found["n"], found["units_per_day"]) == (300, whole["units_per_day"])
    assert found["days_for_worthwhile"] == math.ceil(2 * found["n_for_worthwhile"] / found["units_per_day"])


def test_list_requirements_counts_clusters_where_they_are_randomised():
    frame = draw().assign(firm=(np.arange(600) // 10).astype(str))
    frame["variant"] = np.where(np.arange(600) // 10 % 2, "t", "c")
    row = require(SCORE, frame, cluster="firm", assigned_at="assigned_at")
    assert (row["n"], row["units_per_day"]) == (60, 3)


ADJUSTED = {"covariates": ["x"], "decides_on": "adjusted"}


@pytest.mark.parametrize("kind", ["score", "binary"])
def test_list_requirements_counts_on_the_covariates_that_decide(kind):
    frame = draw_frame(4000)
    frame = frame.assign(y=(frame["y"] > 0) * 1.0) if kind == "binary" else frame
    metric = {**SCORE, "kind": kind, "worthwhile": 0.05}
    head = run_experiment(frame, make_design(metrics={"y": metric}, **ADJUSTED)).headline("y")[0]
    row, plain = require(metric, frame, **ADJUSTED), require(metric, frame, covariates=["x"])
    assert head.method == "lin" and row["control_value"] == head.control_value
    assert row["mde_absolute"] == pytest.approx((1.959964 + 0.841621) * head.std_error, rel=2e-3)
    assert row["mde_absolute"] < 0.95 * plain["mde_absolute"] and row["n"] == plain["n"] == 4000
    assert row["n_for_worthwhile"] == pytest.approx(4000 * (row["mde_absolute"] / 0.05) ** 2, rel=2e-3)
    assert row["power_for_worthwhile"] > plain["power_for_worthwhile"]


@pytest.mark.parametrize(("n", "tolerance"), [(4000, 2e-3), (50, 0.01)])
def test_list_requirements_counts_on_the_slopes_of_each_arm(n, tolerance):
    # unequal arms whose outcomes follow the covariate unlike: what is left to explain is nearly all in treatment
    rng = np.random.default_rng(4)
    x, treated = rng.normal(size=n), np.arange(n) % 5 == 0
    y = np.where(treated, 0.5 * x + rng.normal(0, 3, n), 3 * x + rng.normal(0, 1, n))
    frame = pd.DataFrame({"variant": np.where(treated, "t", "c"), "y": y, "x": x})
    plan = {**ADJUSTED, "variant": {"control": "c", "treatments": ["t"], "split": {"c": 0.8, "t": 0.2}}}
    row = require(SCORE, frame, **plan)
    head = run_experiment(frame, make_design(metrics={"y": SCORE}, **plan)).headline("y")[0]
    reach = stats.t.isf(0.025, head.df) + stats.t.isf(0.2, head.df)
    assert row["mde_absolute"] == pytest.approx(reach * head.std_error, rel=tolerance)


def test_list_requirements_has_no_row_where_covariates_are_too_many():
    frame = draw_frame(8).assign(**{f"x{k}": np.random.default_rng(k).normal(size=8) for k in range(4)})
    design = make_design(metrics={"y": SCORE}, **{**ADJUSTED, "covariates": ["x0", "x1", "x2", "x3"]})
    found = run_experiment(frame, design)
    assert found.headline("y")[0].reason == "an arm has too few units for 3 covariates"
    assert found.tables["requirements"].empty


def test_list_sample_sizes_says_its_power():
    assert list_sample_sizes([0.2], [0.05], power=0.9)["power"].tolist() == [0.9]
