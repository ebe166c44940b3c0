"""Power, sample sizes and smallest effects, each the inverse of the other; and what an experiment could have seen."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, run_experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import norm
from statsmodels.stats.power import TTestIndPower

from helpers.inference import (
    list_sample_sizes,
    mde_means,
    mde_normal,
    mde_proportions,
    power_means,
    power_normal,
    power_proportions,
    sample_size_means,
    sample_size_normal,
    sample_size_proportions,
    score_p_value,
    simulate_power,
)
from helpers.inference.planning import find_exaggeration
from helpers.records import Refused


def test_sample_size_proportions_by_hand():
    # (1.95996 + .84162)^2 x (.12 x .88 + .1 x .9) / .5 / .02^2
    expected = (norm.isf(0.025) + norm.isf(0.2)) ** 2 * (0.12 * 0.88 + 0.1 * 0.9) / 0.5 / 0.02**2
    assert sample_size_proportions(0.1, 0.02) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(7676.2, abs=0.05)


def test_power_proportions_seeded_score_test(in_band):
    n = round(sample_size_proportions(0.37, -0.09) / 2)
    rng = np.random.default_rng(1)
    found = score_p_value(rng.binomial(n, 0.28, 5000), n, rng.binomial(n, 0.37, 5000), n) <= 0.05
    assert in_band(int(found.sum()), 5000, 0.8)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(0.01, 0.9), st.floats(0.005, 0.09), st.floats(0.05, 0.95), st.floats(0.3, 0.99), st.floats(0.001, 0.2))
def test_proportions_mutually_inverse(baseline, difference, share, power, alpha):
    options = {"share_treatment": share, "alpha": alpha}
    n = sample_size_proportions(baseline, difference, power=power, **options)
    assert power_proportions(baseline, difference, n, **options) == pytest.approx(power, rel=1e-9)
    assert mde_proportions(baseline, n, power=power, **options) == pytest.approx(difference, rel=1e-6)


def test_proportions_arguments_change_the_result():
    base = sample_size_proportions(0.1, 0.02)
    assert sample_size_proportions(0.1, 0.02, share_treatment=0.1) > base
    assert sample_size_proportions(0.1, 0.02, power=0.9) > base
    assert sample_size_proportions(0.1, 0.02, alpha=0.1) < base
    assert mde_proportions(0.1, 1000, direction=-1) < 0 < mde_proportions(0.1, 1000, power=0.9)


def test_proportions_impossible():
    assert sample_size_proportions(0.1, 0) == math.inf
    assert math.isnan(sample_size_proportions(0.1, -0.2)) and math.isnan(power_proportions(0.9, 0.2, 100))
    assert math.isnan(mde_proportions(0.01, 100, direction=-1))  # even 0 % would not be found
    assert math.isnan(mde_proportions(1.0, 100))


def test_means_r_power_t_test():
    # R: power.t.test(n = 20, delta = 1, sd = 1) and power.t.test(power = .90, delta = 1), which leave out the far tail
    assert power_means(1, 1, 40) == pytest.approx(0.8689528, abs=5e-7)
    assert sample_size_means(1, 1, power=0.9) / 2 == pytest.approx(22.02110, abs=5e-5)


@pytest.mark.parametrize(("size", "n"), [(0.5, 4), (2.0, 8), (0.3, 60), (0.02, 10_000), (0.0, 100)])
def test_power_means_statsmodels(size, n):
    assert power_means(size, 1, n) == pytest.approx(TTestIndPower().power(size, n / 2, 0.05), abs=1e-9)


def test_power_means_where_statsmodels_is_undefined():
    assert power_means(0.2, 1, 20_000) == pytest.approx(1)
    assert math.isnan(TTestIndPower().power(0.2, 10_000, 0.05))


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.floats(0.05, 1), st.floats(0.2, 5), st.floats(0.1, 0.9), st.floats(0.3, 0.97), st.floats(0.005, 0.2))
def test_means_mutually_inverse(difference, sd_treatment, share, power, alpha):
    options = {"sd_treatment": sd_treatment, "share_treatment": share, "alpha": alpha}
    n = sample_size_means(difference, 1, power=power, **options)
    reached = power_means(difference, 1, n, **options)
    assert reached == pytest.approx(power, abs=1e-9) or (reached > power and n == 2 / min(share, 1 - share))
    assert mde_means(1, n, power=reached, **options) == pytest.approx(difference, rel=1e-6)


def test_means_arguments_change_the_result():
    base = sample_size_means(0.2, 1)
    assert sample_size_means(0.2, 2) > base and sample_size_means(0.2, 1, sd_treatment=2) > base
    assert sample_size_means(0.2, 1, share_treatment=0.2) > base
    assert sample_size_means(0.2, 1, power=0.9) > base > sample_size_means(0.2, 1, alpha=0.2)
    assert sample_size_means(-0.2, 1) == base
    assert mde_means(1, 100, share_treatment=0.2) > mde_means(1, 100) < mde_means(1, 100, sd_treatment=2)
    assert mde_means(1, 100, power=0.9) > mde_means(1, 100) > mde_means(1, 100, alpha=0.2)


def test_means_impossible():
    assert sample_size_means(0, 1) == math.inf
    assert math.isnan(power_means(1, 1, 2)) and math.isnan(mde_means(1, 2))
    assert sample_size_means(1000, 1) == 4  # two units in each arm


def test_planning_of_means_that_do_not_vary_and_of_impossible_power():
    assert sample_size_means(1.0, 0.0) == 4
    assert mde_means(0.0, 100) == 0
    message = "a power of 0.05 cannot be planned for; give one above alpha (0.05) and below 1"
    for plan in (lambda: mde_means(1.0, 100, power=0.05), lambda: sample_size_means(1.0, 1.0, power=0.05)):
        with pytest.raises(Refused, match=re.escape(message)):
            plan()


def test_normal_by_hand():
    # (1.959964 + 1.281552)^2 x 2^2 for a difference of 1
    assert sample_size_normal(1, 2, power=0.9) == pytest.approx((1.959964 + 1.281552) ** 2 * 4, rel=1e-6)
    assert power_normal(1, 2, 16) == pytest.approx(stats.norm.cdf(2 - 1.959964), rel=1e-6)
    assert mde_normal(2, 16) == pytest.approx((1.959964 + 0.841621) / 2, rel=1e-6)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(0.001, 50), st.floats(0.01, 20), st.floats(0.3, 0.99), st.floats(0.001, 0.2))
def test_normal_mutually_inverse(difference, unit_error, power, alpha):
    n = sample_size_normal(difference, unit_error, power=power, alpha=alpha)
    assert power_normal(difference, unit_error, n, alpha=alpha) == pytest.approx(power, rel=1e-6)
    assert power_normal(-difference, unit_error, n, alpha=alpha) == pytest.approx(power, rel=1e-6)
    assert mde_normal(unit_error, n, power=power, alpha=alpha) == pytest.approx(difference, rel=1e-6)


def test_normal_equals_proportions_with_their_unit_error():
    error = math.sqrt(2 * (0.1 * 0.9 + 0.12 * 0.88))
    assert sample_size_normal(0.02, error) == pytest.approx(sample_size_proportions(0.1, 0.02))
    assert power_normal(0.02, error, 5000) == pytest.approx(power_proportions(0.1, 0.02, 5000))


def test_normal_of_the_events_of_a_log_rank_test_by_hand():
    # Schoenfeld: 4 (z + z)^2 / log(ratio)^2 events in equal arms, 1 / (share x (1 - share)) for 4 in others
    assert sample_size_normal(math.log(1.5), 2) == pytest.approx(4 * (1.959964 + 0.841621) ** 2 / 0.405465**2, rel=1e-5)
    assert power_normal(math.log(2), 2, 66) == pytest.approx(
        stats.norm.cdf(0.693147 * math.sqrt(66) / 2 - 1.959964), rel=1e-6
    )


def test_normal_arguments_change_the_result():
    assert power_normal(1, 2, 16, alpha=0.2) > power_normal(1, 2, 16)
    assert mde_normal(2, 16, power=0.9) > mde_normal(2, 16) > mde_normal(2, 16, alpha=0.2)
    assert sample_size_normal(1, 2, alpha=0.1) < sample_size_normal(1, 2) < sample_size_normal(1, 2, power=0.9)


def test_planning_impossible():
    assert sample_size_normal(0, 2) == math.inf
    assert mde_normal(2, 0) == math.inf
    assert math.isnan(sample_size_normal(math.nan, 2)) and math.isnan(sample_size_normal(1, math.nan))


RETRODESIGN = [
    # true effect, standard error, exaggeration as published
    (0.1, 3.28, 77),  # Gelman & Carlin 2014, beauty and sex ratio
    (0.5, 1.0, 4.79),  # R retrodesign, retro_design_closed_form(.5, 1)
    (2.8, 1.0, 1.13),  # a power of 80 %
]


@pytest.mark.parametrize(("effect", "error", "published"), RETRODESIGN)
def test_find_exaggeration_published(effect, error, published):
    assert find_exaggeration(effect, error, 1.959964) == pytest.approx(published, rel=0.015)
    assert find_exaggeration(-effect, error, 1.959964) == find_exaggeration(effect, error, 1.959964)
    assert find_exaggeration(effect, error, 2.5) > find_exaggeration(effect, error, 1.959964)


def test_find_exaggeration_seeded():
    estimates = np.random.default_rng(1).normal(0.3, 0.2, 400_000)
    clear = abs(estimates)[abs(estimates) > 0.2 * 2.2]
    assert find_exaggeration(0.3, 0.2, 2.2) == pytest.approx(clear.mean() / 0.3, rel=0.005)
    assert math.isnan(find_exaggeration(0.0, 0.2, 2)) and math.isnan(find_exaggeration(0.3, math.nan, 2))


def draw_arm(rng, n, treated):
    return rng.binomial(n, 0.3 if treated else 0.2), n


def compute(control, treatment):
    return float(score_p_value(*treatment, *control))


def test_simulate_power_agrees_with_exact_power():
    options = {"n_units": 400, "replicates": 2000, "confidence_level": 0.999}
    found = simulate_power(draw_arm, compute, **options, rng=np.random.default_rng(1))
    counts = np.arange(201)
    chance = np.outer(stats.binom.pmf(counts, 200, 0.3), stats.binom.pmf(counts, 200, 0.2))
    with np.errstate(all="ignore"):
        exact = float(chance[score_p_value(counts[:, None], 200, counts[None, :], 200) <= 0.05].sum())
    assert found["ci_low"] <= exact <= found["ci_high"] and found["undefined"] == 0
    assert found["ci_low"] < found["simulated"] < found["ci_high"]


def test_simulate_power_interval_is_the_exact_binomial_one():
    values = iter([0.01] * 7 + [0.5] * 2 + [math.nan])
    found = simulate_power(
        lambda rng, n, treated: n, lambda control, treatment: next(values), n_units=10, replicates=10,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    expected = stats.binomtest(7, 10).proportion_ci(0.95, "exact")
    assert (found["simulated"], found["undefined"]) == (0.7, 0.1)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((expected.low, expected.high))


def test_simulate_power_arguments_change_the_result():
    seen = []
    simulate_power(lambda rng, n, treated: (n, treated), lambda *arms: seen.append(arms) or 0.5,
                   n_units=10, share_treatment=0.2, replicates=1, rng=None)  # fmt: skip
    assert seen == [((8, False), (2, True))]
    options = {"n_units": 200, "replicates": 200}
    base = simulate_power(draw_arm, compute, **options, rng=np.random.default_rng(1))
    assert base == simulate_power(draw_arm, compute, **options, rng=np.random.default_rng(1))
    assert base != simulate_power(draw_arm, compute, **options, rng=np.random.default_rng(2))
    assert (
        base["simulated"]
        < simulate_power(draw_arm, compute, **options, alpha=0.2, rng=np.random.default_rng(1))["simulated"]
    )
    wide = simulate_power(draw_arm, compute, **options, confidence_level=0.99, rng=np.random.default_rng(1))
    assert wide["ci_low"] < base["ci_low"] and wide["ci_high"] > base["ci_high"]


def plan_share(**changes):
    return make_design(metrics={"y": {"kind": "binary", "role": "primary", "better": "higher", **changes}})


def test_list_sample_sizes_has_a_row_a_baseline_and_difference_in_the_direction_of_the_plan():
    found = list_sample_sizes(plan_share(), [0.1, 0.95], [0.02, 0.09])
    rows = found[["baseline", "difference"]].to_numpy().tolist()
    assert rows == [[0.1, 0.02], [0.1, 0.09], [0.95, 0.02], [0.95, 0.09]]
    assert found["units"].tolist()[0] == math.ceil(sample_size_proportions(0.1, 0.02))
    assert math.isnan(found["units"].iloc[3])  # 95 % and nine points more is no share
    for lower in ({"expected": "lower"}, {"better": "lower"}):
        turned = list_sample_sizes(plan_share(**lower), [0.95], [0.09])
        assert turned["difference"].tolist() == [-0.09]
        assert turned["units"].tolist() == [math.ceil(sample_size_proportions(0.95, -0.09))]
    assert list_sample_sizes(plan_share(better="lower", expected="higher"), [0.5], [0.1])["difference"].item() > 0
    surer = list_sample_sizes(plan_share(), [0.1], [0.02], power=0.9)
    assert (surer["power"].iloc[0], found["power"].iloc[0]) == (0.9, 0.8)
    assert surer["units"].iloc[0] > found["units"].iloc[0]


def test_list_sample_sizes_are_of_the_first_step_of_the_family():
    y = {"kind": "binary", "better": "higher", "role": "secondary"}
    guardrail = {**y, "role": "guardrail", "margin": {"absolute": 0.01}}
    design = make_design(metrics={"y": y, "z": y, "v": y, "g": guardrail}, confidence_level=0.9)
    found = list_sample_sizes(design, [0.1], [0.02])
    assert found["level"].item() == pytest.approx(0.1 / 3)
    assert found["units"].item() == math.ceil(sample_size_proportions(0.1, 0.02, alpha=0.1 / 3))
    guarded = list_sample_sizes(make_design(metrics={"x": SCORE, "g": guardrail}), [0.1], [0.02])
    assert (guarded["metric"].item(), guarded["level"].item()) == ("g", pytest.approx(0.05))
    assert list_sample_sizes(make_design(metrics={"x": SCORE}), [0.1], [0.02]).empty


SCORE = {"kind": "score", "role": "primary", "better": "higher"}
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


def test_list_requirements_state_the_power_of_metrics_as_they_are_decided(in_band):
    # six secondaries without effect but y, which a fixed 5 % test would find in 31 % of experiments and Holm in 12 %
    names, n, alone = [f"z{k}" for k in range(5)], 800, {"kind": "score", "better": "higher", "role": "secondary"}
    metrics = {"y": {**alone, "worthwhile": 0.102}, **{name: alone for name in names}}
    frame = draw_frame(n, effect=0.1).assign(y=lambda f: f["y"] / f["y"].std())
    noise = np.random.default_rng(1).normal(size=(len(names), n))
    frame = frame.assign(**dict(zip(names, noise, strict=True)))
    row = run_experiment(frame, make_design(metrics=metrics)).tables["requirements"].set_index("metric").loc["y"]
    assert row["level"] == pytest.approx(0.05 / 6)
    assert power_means(0.102, 1, n) == pytest.approx(0.30, abs=0.01)
    assert row["power_for_worthwhile"] == pytest.approx(power_means(0.102, 1, n, alpha=0.05 / 6), abs=0.01)
    rng = np.random.default_rng(2)
    z = rng.normal(size=(20_000, 6)) + np.array([0.102 * math.sqrt(n) / 2, 0, 0, 0, 0, 0])
    p = 2 * norm.sf(abs(z))
    order = np.sort(p, axis=1)
    holm = np.maximum.accumulate(order * np.arange(6, 0, -1), axis=1)
    decided = (np.take_along_axis(holm, np.argsort(np.argsort(p, axis=1), axis=1), axis=1)[:, 0] <= 0.05).mean()
    assert row["power_for_worthwhile"] == pytest.approx(decided, abs=0.015)


def test_list_requirements_say_how_much_a_clear_estimate_would_overstate():
    frame, plan = draw(), {"metrics": {"y": WORTH}}
    found = run_experiment(frame, make_design(**plan))
    row, error = found.tables["requirements"].iloc[0], found.headline("y")[0].std_error
    assert row["assumed"] == 0.3
    assert row["exaggeration"] == pytest.approx(find_exaggeration(0.3, error, 1.964), rel=1e-3)
    plan = {"metrics": {"y": {**WORTH, "worthwhile": None}}}
    assert math.isnan(run_experiment(frame, make_design(**plan)).tables["requirements"]["exaggeration"].iloc[0])
    past = run_experiment(frame, make_design(**plan), past_effects=0.02).tables["requirements"].iloc[0]
    assert past["assumed"] == pytest.approx(0.02 * past["control_value"])
    early = run_experiment(frame, make_design(metrics={"y": WORTH}, planned_units=1200)).tables["requirements"].iloc[0]
    assert early["exaggeration"] > row["exaggeration"]  # a wider interval decides
    guardrail = {**WORTH, "role": "guardrail", "margin": {"absolute": 0.3}, "worthwhile": None}
    assert math.isnan(require(guardrail)["exaggeration"])


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
