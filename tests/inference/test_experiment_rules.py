"""Rules that hold across an experiment: early looks, take-up, clusters, missing outcomes and heavy tails together."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, run_experiment

SCORE = {"kind": "score", "role": "primary", "better": "higher"}
BINARY = {"kind": "binary", "role": "primary", "better": "higher"}


def take_up(frame, seed=3):
    """Return the frame with some takers in every treatment arm, none in the control."""
    draws = np.random.default_rng(seed).random(len(frame))
    return frame.assign(took=((frame["variant"] != "c") & (draws < 0.6)).astype(float))


def test_early_look_gives_every_row_the_interval_that_allows_for_it():
    frame = take_up(draw_frame(600, effect=1.0)).assign(z=lambda f: (f["y"] > 0) * 1.0)
    options = {"metrics": {"z": BINARY}, "exposure": {"column": "took"}, "covariates": ["x"]}
    final, early = (run_experiment(frame, make_design(**options, planned_units=n)) for n in (600, 1200))
    assert (final.status, early.status) == ("answered", "interim")
    assert {e.interval for e in early.estimates} == {"always-valid"}
    for estimand in ("naive", "cace"):
        fixed, wide = (r.select(estimand=estimand, role="exploratory")[0] for r in (final, early))
        assert wide.ci_high - wide.ci_low > 1.3 * (fixed.ci_high - fixed.ci_low)
        assert wide.p_value > fixed.p_value


def test_early_look_widens_the_bounds_of_unknown_outcomes():
    frame = draw_frame(600, effect=0).assign(z=lambda f: (f["y"] > 0).where(np.arange(600) % 10 > 0) * 1.0)
    frame["z"] = np.where(np.arange(600) % 10 > 0, frame["y"] > 0, np.nan)
    final, early = (run_experiment(frame, make_design(metrics={"z": BINARY}, planned_units=n)) for n in (600, 900))
    fixed, wide = (r.select(population="itt", role="sensitivity")[0] for r in (final, early))
    assert wide.ci_low < fixed.ci_low - 0.02 and wide.ci_high > fixed.ci_high + 0.02


def test_early_look_without_a_standard_error_says_nothing():
    frame = draw_frame(60).assign(z=0.0)
    found = run_experiment(frame, make_design(metrics={"z": BINARY}, planned_units=900)).headline("z")[0]
    assert (found.verdict, found.interval) == ("not estimable", "always-valid")
    assert found.reason == "no standard error yet, so no interval that allows for looking early"
    assert math.isnan(found.ci_low)


@pytest.mark.parametrize("treatments", [["t"], ["t", "u"]])
def test_headlines_are_one_a_metric_comparison_population_and_estimand(treatments):
    arms = ["c", *treatments]
    frame = take_up(draw_frame(300 * len(arms)).assign(variant=arms * 300)).assign(z=lambda f: (f["y"] > 0) * 1.0)
    design = make_design(
        variant={"column": "variant", "control": "c", "treatments": treatments},
        metrics={"y": SCORE, "z": BINARY},
        exposure={"column": "took"},
        covariates=["x"],
    )
    estimates = run_experiment(frame, design).estimates
    rows = [(e.metric, e.comparison, e.population, e.estimand) for e in estimates if e.role != "sensitivity"]
    assert {k: n for k, n in Counter(rows).items() if n > 1} == {}
    is_beside = [e.role == "sensitivity" for e in estimates]
    assert is_beside == sorted(is_beside)  # headlines come first
    taken = {e.comparison for e in estimates if e.population == "compliers"}
    assert taken == ({"takers - others"} if len(arms) == 2 else {"takers - others (t)", "takers - others (u)"})


def test_heavy_tail_and_unequal_split_decide_by_permutation_without_covariates():
    rng = np.random.default_rng(5)
    spend = np.where(rng.random(600) < 0.1, rng.lognormal(3, 1.5, 600), 0)
    frame = pd.DataFrame({"variant": np.where(np.arange(600) % 10 == 0, "t", "c"), "y": spend, "x": rng.random(600)})
    design = make_design(
        variant={"column": "variant", "control": "c", "treatments": ["t"], "split": {"c": 0.9, "t": 0.1}},
        metrics={"y": {**SCORE, "kind": "amount"}}, covariates=["x"], decides_on="adjusted",
    )  # fmt: skip
    results = run_experiment(frame, design)
    found = results.headline("y")[0]
    assert (found.method, found.adjustment) == ("permutation", "none")
    assert found.estimate == pytest.approx(spend[::10].mean() - np.delete(spend, np.s_[::10]).mean())
    others = results.select(metric="y", role="sensitivity")
    assert [(e.method, e.adjustment) for e in others] == [
        ("lin", "covariates"),
        ("welch", "none"),
        ("welch", "winsorised"),
    ]


def clusters(n=60, size=10, seed=6):
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(n), size)
    columns = {"top": rng.poisson(2, n * size) * 1.0, "bottom": rng.poisson(3, n * size) * 1.0}
    times = {"days": rng.random(n * size) * 100, "seen": 1.0}
    return pd.DataFrame({"variant": np.where(firm % 2, "t", "c"), "firm": firm.astype(str), **columns, **times})


def test_clusters_count_units_beside_clusters_for_ratios_too():
    ratio = {"kind": "ratio", "numerator": "top", "denominator": "bottom", "role": "primary"}
    found = run_experiment(clusters(), make_design(metrics={"r": ratio}, cluster="firm")).headline("r")[0]
    assert (found.n_control, found.n_treatment) == (300, 300)
    assert (found.clusters_control, found.clusters_treatment) == (30, 30)


def test_clusters_leave_times_to_an_event_alone():
    time = {"kind": "time_to_event", "time": "days", "observed": "seen", "horizon_days": 50, "role": "primary"}
    results = run_experiment(clusters(), make_design(metrics={"p": time}, cluster="firm"))
    found = results.headline("p")[0]
    assert (found.verdict, results.tests) == ("not estimable", ())
    assert found.reason == "clusters are randomised, and times to an event are compared by unit only"


def test_unknown_times_leave_responders_and_fail_like_any_outcome():
    rng = np.random.default_rng(7)
    time = {"kind": "time_to_event", "time": "days", "observed": "seen", "horizon_days": 50, "role": "primary"}
    frame = draw_frame(400).assign(days=rng.random(400) * 100, seen=1.0)
    frame.loc[::20, "days"] = np.nan
    found = run_experiment(frame, make_design(metrics={"p": time})).headline("p")[0]
    assert (found.population, found.n_control + found.n_treatment) == ("responders", 380)
    frame.loc[(frame["variant"] == "t") & (rng.random(400) < 0.4), "days"] = np.nan
    results = run_experiment(frame, make_design(metrics={"p": time}))
    assert [e.verdict for e in results.estimates] == ["not estimable"]
    assert results.estimates[0].reason == (
        "outcomes are missing at different rates in the arms, so the known ones cannot be compared"
    )
    assert results.tests == ()


def test_metric_that_failed_its_check_leaves_no_path():
    frame = draw_frame(400).assign(assigned_at=pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(400) // 15, "D"))
    design = make_design(metrics={"y": SCORE}, assigned_at="assigned_at", as_of="2024-04-30")
    assert len(run_experiment(frame, design).tables["path"]) == 4
    frame.loc[frame["variant"] == "t", "y"] = frame["y"].where(np.arange(400) % 3 > 0)
    assert run_experiment(frame, design).tables["path"].empty


def test_look_between_planned_looks_has_the_wider_bound():
    frame = draw_frame(400, effect=0.5)
    found = {
        n: run_experiment(frame, make_design(metrics={"y": SCORE}, looks=[0.5, 1.0], planned_units=n)).headline("y")[0]
        for n in (400, 500, 800)
    }
    width = [(e.ci_high - e.ci_low) / (2 * 1.96 * e.std_error) for e in found.values()]
    assert width == pytest.approx([1.969 / 1.96, 2.2414 / np.sqrt(0.8) / 1.96, 2.963 / 1.96], rel=0.01)
    assert found[500].method == "welch, repeated, between looks"
