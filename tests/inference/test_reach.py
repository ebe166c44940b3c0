"""Where data leave what a method promises, and what an experiment could have seen."""

import math

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, run_experiment
from scipy import stats

from helpers.inference import list_sample_sizes, sample_size_proportions
from helpers.view.words import explain

AMOUNT = {"kind": "amount", "role": "primary", "better": "higher"}
SCORE = {"kind": "score", "role": "primary", "better": "higher"}
LABELLED = {**SCORE, "label": "ease"}
BINARY = {"kind": "binary", "role": "primary", "better": "higher"}


def checks(results):
    return {c.id: c for c in results.checks}


def heavy(n=300, share=0.5, seed=2):
    rng = np.random.default_rng(seed)
    treated = np.arange(n) < n * share
    money = np.where(rng.random(n) < 0.1, rng.lognormal(3, 2, n), 0.0)
    return pd.DataFrame({"variant": np.where(treated, "t", "c"), "y": money})


def test_domain_warns_of_a_tail_that_few_units_cannot_average_out():
    results = run_experiment(heavy(), make_design(metrics={"y": AMOUNT}))
    found = checks(results)["domain_y"]
    assert (found.status, "domain" in checks(results)) == ("warn", False)
    plain = "Y: the tail is too heavy for so few units, so the interval may hold the truth less often than it says."
    assert found.message.startswith(f"{plain} For its promise, the smaller arm needs more than ")
    assert found.message.endswith(" x skewness² units.")


def test_domain_of_a_primary_metric_is_told_in_the_answer():
    design = make_design(metrics={"y": {**AMOUNT, "label": "money paid"}, "z": {**BINARY, "role": "secondary"}})
    frame = heavy().assign(z=np.arange(300) % 50 == 0).astype({"z": float})
    results = run_experiment(frame, design)
    told = explain(results, design).answer
    said = "so the interval may hold the truth less often than it says."
    assert [t for t in told if said in t] == [f"Money paid: the tail is too heavy for so few units, {said}"]
    found = checks(results)  # what it needs, and secondary metrics: in the table of checks alone
    assert said in found["domain_y"].message and said in found["domain_z"].message


def test_domain_passes_where_every_headline_lies_inside():
    frame = draw_frame(4000).assign(z=lambda f: (f["y"] > 0) * 1.0)
    found = checks(run_experiment(frame, make_design(metrics={"y": SCORE, "z": {**BINARY, "role": "secondary"}})))
    assert not [name for name in found if name.startswith("domain_")]
    assert found["domain"].message == (
        "Every headline effect lies in the domain for which its method's coverage is declared and measured."
    )


@pytest.mark.parametrize(("n", "events", "status"), [(400, 12, "warn"), (400, 100, "pass")])
def test_domain_of_a_share_counts_the_rarer_of_event_and_none(n, events, status):
    for value in (1.0, 0.0):
        frame = pd.DataFrame({"variant": ["c", "t"] * (n // 2), "z": 1 - value})
        frame.loc[: events - 1, "z"] = value
        found = checks(run_experiment(frame, make_design(metrics={"z": BINARY})))
        assert found["domain_z" if status == "warn" else "domain"].status == status


def test_domain_names_the_comparison_among_several_treatments():
    frame = heavy(450).assign(variant=np.array(["c", "t", "u"])[np.arange(450) % 3])
    design = make_design(metrics={"y": AMOUNT}, variant={"control": "c", "treatments": ["t", "u"]})
    assert checks(run_experiment(frame, design))["domain_y"].message.startswith("Y, t - c: the tail is too heavy")


def test_domain_of_a_time_to_event_comes_from_its_own_room():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"variant": ["c", "t"] * 30, "days": rng.exponential(400, 60).clip(max=60)})
    frame["seen"] = (frame["days"] < 60) * 1.0
    time = {"kind": "time_to_event", "role": "primary", "time": "days", "observed": "seen", "horizon_days": 30}
    assert checks(run_experiment(frame, make_design(metrics={"p": time})))["domain_p"].status == "warn"


def test_domain_of_a_time_to_event_counts_what_was_seen_of_units_lost_early():
    rng = np.random.default_rng(1)
    days, followed = rng.exponential(1 / 0.0075, 160), np.tile([40.0, 1.0], 80)
    frame = pd.DataFrame({"variant": np.repeat(["c", "t"], 80), "days": np.minimum(days, 40), "seen": days <= 40})
    time = {"kind": "time_to_event", "role": "primary", "time": "days", "observed": "seen", "horizon_days": 30}
    lost = frame.assign(days=np.minimum(days, followed), seen=days <= followed)
    found = [
        checks(run_experiment(table.astype({"seen": float}), make_design(metrics={"p": time})))
        for table in (frame, lost)
    ]
    assert "domain" in found[0]
    assert found[1]["domain_p"].status == "warn"  # half of them are known for a day only


def clustered(n, sizes, seed=5):
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(n), sizes)
    return pd.DataFrame(
        {"variant": np.where(firm % 2, "t", "c"), "firm": firm.astype(str), "y": rng.normal(size=len(firm))}
    )


def test_clusters_that_are_few_or_unequal_warn():
    few = checks(run_experiment(clustered(24, 10), make_design(metrics={"y": LABELLED}, cluster="firm")))["clusters"]
    assert (few.status, few.threshold) == ("warn", 20)
    assert few.message == (
        "Clusters (firm) are few or of unlike size: the 12 in c count like 12.0 of one size (ease). "
        "Intervals use the degrees of freedom of so many, and are wide for that reason."
    )
    sizes = np.where(np.arange(60) < 2, 300, 2)
    unequal = checks(run_experiment(clustered(60, sizes), make_design(metrics={"y": SCORE}, cluster="firm")))[
        "clusters"
    ]
    assert unequal.status == "warn" and unequal.value < 2


def test_clusters_that_suffice_pass_and_units_have_no_such_check():
    found = checks(run_experiment(clustered(60, 10), make_design(metrics={"y": SCORE}, cluster="firm")))["clusters"]
    assert (found.status, found.value) == ("pass", 30)
    assert found.message == "In every arm the clusters (firm) count like 30 of one size or more."
    assert "clusters" not in checks(run_experiment(draw_frame(), make_design(metrics={"y": SCORE})))


def test_covariates_tell_what_they_take_away():
    found = checks(run_experiment(draw_frame(), make_design(metrics={"y": LABELLED}, covariates=["x"])))["covariates"]
    assert found.status == "pass"
    assert 0.4 < found.value < 0.6  # x explains half
    assert found.message == f"Covariates take away {100 * found.value:.1f} % of the variance of the effect on ease."


def test_covariates_that_repeat_others_are_named_without_their_levels():
    frame = draw_frame(country=["a", "b", "secret", "a"] * 100).assign(again=lambda f: 2 * f["x"])
    frame["is_secret"] = (frame["country"] == "secret") * 1.0
    design = make_design(metrics={"y": SCORE}, covariates=["x", "is_secret", "country", "again"])
    found = checks(run_experiment(frame, design))["covariates"]
    assert found.status == "warn"
    assert found.message.endswith("Left out, as repeating others or not varying: part of country, again.")
    assert "=" not in found.message


def test_checks_of_methods_are_none_where_the_answer_is_withheld():
    frame = draw_frame().query("variant == 'c' or index % 3 == 0")
    found = checks(run_experiment(frame, make_design(metrics={"y": SCORE}, covariates=["x"])))
    assert not {"domain", "domain_y", "covariates"} & set(found)


def test_domain_counts_the_arms_that_are_compared():
    rng = np.random.default_rng(8)
    y = rng.lognormal(0, 0.8, 1800)
    score = {"y": {**SCORE, "kind": "score"}}
    equal = {"control": "c", "treatments": ["t", "u"]}
    unequal = {**equal, "split": {"c": 0.8, "t": 0.1, "u": 0.1}}
    labels = np.array(["c", "t", "u"])[np.arange(1800) % 3], np.array([*"cccccccctu"])[np.arange(1800) % 10]
    found = [
        checks(run_experiment(pd.DataFrame({"variant": arms, "y": y}), make_design(metrics=score, variant=variant)))
        for arms, variant in zip(labels, (equal, unequal), strict=True)
    ]
    assert "domain" in found[0]  # of one size, so that the tails of both arms cancel
    assert "domain_y" in found[1]


def test_covariates_that_cost_more_than_they_explain_say_so():
    rng = np.random.default_rng(9)
    noise = {f"x{i}": rng.normal(size=60) for i in range(8)}
    found = checks(run_experiment(draw_frame(60, **noise), make_design(metrics={"y": SCORE}, covariates=list(noise))))
    cost = found["covariates"].value
    assert cost < 0
    assert found["covariates"].message == (
        f"Covariates add {-100 * cost:.1f} % to the variance of the effect on y: they cost more than they explain."
    )


def test_covariates_tell_of_the_metric_that_they_help_most_where_the_key_metric_has_none():
    frame = draw_frame(600).assign(k=lambda f: f["x"] + 0.1 * f["y"], top=lambda f: f["y"], big=2.0)
    ratio = {"kind": "ratio", "role": "primary", "numerator": "top", "denominator": "big"}
    metrics = {"r": ratio, "y": {**SCORE, "role": "secondary"}, "k": {**SCORE, "role": "secondary"}}
    found = checks(run_experiment(frame, make_design(metrics=metrics, covariates=["x"])))["covariates"]
    told = f"Covariates take away {100 * found.value:.1f} % of the variance of the effect on k, more than of any other."
    assert found.message == told


def test_covariates_count_the_metric_that_they_tell_of():
    frame = draw_frame(600).assign(z=lambda f: f["x"] + 0.1 * f["y"])
    noise = np.random.default_rng(4).normal(size=600)
    metrics = {"y": SCORE, "z": {**SCORE, "role": "secondary"}}
    design = make_design(metrics=metrics, covariates=["x"])
    found = checks(run_experiment(frame.assign(y=noise), design))["covariates"]
    assert abs(found.value) < 0.05  # z is nearly x itself, the key metric y has nothing to do with it
    assert f"{100 * abs(found.value):.1f} %" in found.message


def test_list_sample_sizes_has_a_row_a_baseline_and_difference():
    found = list_sample_sizes([0.1, 0.95], [0.02, 0.09])
    rows = found[["baseline", "difference"]].to_numpy().tolist()
    assert rows == [[0.1, 0.02], [0.1, 0.09], [0.95, 0.02], [0.95, 0.09]]
    assert found["units"].tolist()[0] == math.ceil(sample_size_proportions(0.1, 0.02))
    assert math.isnan(found["units"].iloc[3])  # 95 % and nine points more is no share
    surer, stricter = list_sample_sizes([0.1], [0.02], power=0.9), list_sample_sizes([0.1], [0.02], alpha=0.01)
    assert (surer["power"].iloc[0], found["power"].iloc[0]) == (0.9, 0.8)
    assert min(surer["units"].iloc[0], stricter["units"].iloc[0]) > found["units"].iloc[0]


WORTH = {"kind": "score", "role": "primary", "better": "higher", "worthwhile": 0.3}


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
    WORTH,
    {**WORTH, "kind": "amount", "quantile": 0.5},
    {**WORTH, "column": "score", "scale": "ordered", "worthwhile": 0.1},
    {**WORTH, "kind": "count", "column": "score", "time_at_risk": "at_risk", "worthwhile": 0.1},
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
    row = require({**WORTH, "column": "score", "scale": "ordered"}, frame)
    found = run_experiment(frame, make_design(metrics={"y": {**WORTH, "column": "score", "scale": "ordered"}}))
    assert row["mde_absolute"] == pytest.approx((1.959964 + 0.841621) * found.headline("y")[0].std_error, rel=1e-6)


def test_list_requirements_counts_days_at_the_rate_of_enrolment():
    timed = require(WORTH, assigned_at="assigned_at")
    assert timed["units_per_day"] == 30  # 600 units in 20 days
    assert timed["days_for_worthwhile"] == math.ceil(timed["n_for_worthwhile"] / 30)
    windowed = require({**WORTH, "within_days": 7}, assigned_at="assigned_at", as_of="2024-04-30")
    assert windowed["days_for_worthwhile"] == timed["days_for_worthwhile"] + 7
    assert math.isnan(require(WORTH)["days_for_worthwhile"])


def test_list_requirements_allows_for_units_that_do_not_answer():
    frame = draw()
    silent = frame.assign(y=frame["y"].where(np.arange(len(frame)) % 4 < 2))  # half of each arm
    metric = {**WORTH, "missing": "unknown"}
    found, whole = require(metric, silent, assigned_at="assigned_at"), require(metric, assigned_at="assigned_at")
    assert (found["n"], found["units_per_day"]) == (300, whole["units_per_day"])
    assert found["days_for_worthwhile"] == math.ceil(2 * found["n_for_worthwhile"] / found["units_per_day"])


def test_list_requirements_counts_clusters_where_they_are_randomised():
    frame = draw().assign(firm=(np.arange(600) // 10).astype(str))
    frame["variant"] = np.where(np.arange(600) // 10 % 2, "t", "c")
    row = require(WORTH, frame, cluster="firm", assigned_at="assigned_at")
    assert (row["n"], row["units_per_day"]) == (60, 3)


ADJUSTED = {"covariates": ["x"], "decides_on": "adjusted"}


@pytest.mark.parametrize("kind", ["score", "binary"])
def test_list_requirements_counts_on_the_covariates_that_decide(kind):
    frame = draw_frame(4000)
    frame = frame.assign(y=(frame["y"] > 0) * 1.0) if kind == "binary" else frame
    metric = {**WORTH, "kind": kind, "worthwhile": 0.05}
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
    row = require(WORTH, frame, **plan)
    head = run_experiment(frame, make_design(metrics={"y": WORTH}, **plan)).headline("y")[0]
    reach = stats.t.isf(0.025, head.df) + stats.t.isf(0.2, head.df)
    assert row["mde_absolute"] == pytest.approx(reach * head.std_error, rel=tolerance)


def test_list_requirements_has_no_row_where_covariates_are_too_many():
    frame = draw_frame(8).assign(**{f"x{k}": np.random.default_rng(k).normal(size=8) for k in range(4)})
    design = make_design(metrics={"y": WORTH}, **{**ADJUSTED, "covariates": ["x0", "x1", "x2", "x3"]})
    found = run_experiment(frame, design)
    assert found.headline("y")[0].reason == "an arm has too few units for 3 covariates"
    assert found.tables["requirements"].empty
