"""Quantiles, ordered scores and rates through a whole experiment: their estimand, and never another one silently."""

import math

import numpy as np
import pandas as pd
import pytest
from experiments import make_design, run_experiment
from scipy import stats

from helpers import metrics
from helpers.inference.methods import compare_arms
from helpers.plan import Metric
from helpers.records import Moments

P90 = {"y": {"kind": "amount", "role": "primary", "better": "higher", "quantile": 0.9}}
ORDERED = {"y": {"kind": "score", "role": "primary", "better": "higher", "scale": "ordered"}}
RATE = {"y": {"kind": "count", "role": "primary", "better": "lower", "time_at_risk": "days"}}


def draw(n=400, seed=1):
    """Return units with an amount, a score of five levels, a count and its days at risk; treatment raises each."""
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 2
    money = rng.lognormal(2, 1, n) * np.where(treated, 1.6, 1)
    score = np.clip(rng.integers(1, 6, n) + (treated & (rng.random(n) < 0.4)), 1, 5).astype(float)
    days = rng.integers(1, 29, n).astype(float)
    frame = pd.DataFrame({"variant": np.where(treated, "t", "c"), "money": money, "score": score, "days": days})
    frame = frame.assign(events=rng.poisson(days * 0.2).astype(float), x=rng.normal(size=n))
    return frame.assign(took=treated * (rng.random(n) < 0.5), country=np.where(np.arange(n) % 4 < 2, "a", "b"))


def rows_of(results):
    """Return what was estimated of the primary metric, in short."""
    return {(e.estimand, e.role, e.method, e.adjustment) for e in results.estimates if e.segment is None}


def test_quantile_is_compared_by_order_statistics_and_by_nothing_else():
    frame = draw().assign(y=lambda f: f["money"])
    design = make_design(metrics=P90, covariates=["x"], decides_on="adjusted", exposure={"column": "took"})
    results = run_experiment(frame, design)
    assert rows_of(results) == {("difference", "primary", "order statistics", "none")}
    found = results.headline("y")[0]
    control, treatment = (frame.loc[frame["variant"] == arm, "y"].quantile(0.9) for arm in "ct")
    assert (found.control_value, found.treatment_value) == pytest.approx((control, treatment))
    assert found.ci_low < found.estimate < found.ci_high
    assert found.estimate == pytest.approx(treatment - control)
    median = run_experiment(frame, make_design(metrics={"y": {**P90["y"], "quantile": 0.5}})).headline("y")[0]
    assert median.control_value == pytest.approx(frame.loc[frame["variant"] == "c", "y"].median())


def test_quantile_has_no_weeks_segments_path_or_permutation():
    frame = draw(600).assign(y=lambda f: f["money"] ** 3, assigned_at=pd.Timestamp("2024-03-01"))
    frame["assigned_at"] += pd.to_timedelta(np.arange(600) % 28, "D")
    frame = frame[(frame["variant"] == "c") | (np.arange(600) % 10 == 1)]
    variant = {"control": "c", "treatments": ["t"], "split": {"c": 0.833, "t": 0.167}}
    options = {"assigned_at": "assigned_at", "segments": ["country"], "as_of": "2024-04-30", "variant": variant}
    results = run_experiment(frame, make_design(metrics=P90, **options))
    assert [(e.method, e.segment, e.at) for e in results.estimates] == [("order statistics", None, None)]
    assert (results.tests, len(results.tables["path"])) == ((), 0)


def test_quantile_with_clusters_is_less_sure_than_without():
    rng = np.random.default_rng(4)
    firm = np.repeat(np.arange(80), 10)
    shift = np.repeat(rng.normal(size=80), 10)
    frame = pd.DataFrame({"variant": np.where(firm % 2, "t", "c"), "firm": firm.astype(str)})
    frame["y"] = np.exp(shift + 0.3 * rng.normal(size=800))
    single, clustered = (
        run_experiment(frame, make_design(metrics=P90, cluster=cluster)).headline("y")[0] for cluster in (None, "firm")
    )
    assert clustered.std_error > 1.5 * single.std_error
    assert (clustered.clusters_control, clustered.n_control) == (40, 400)


def test_quantile_above_the_limit_of_rows_says_so(monkeypatch):
    monkeypatch.setattr(metrics, "read_rows", lambda units, columns: None)
    found = run_experiment(draw().assign(y=lambda f: f["money"]), make_design(metrics=P90)).headline("y")[0]
    assert (found.verdict, found.reason) == ("not estimable", "too many units for a method that needs every row")
    assert math.isnan(found.estimate)


def test_ordered_score_agrees_with_scipy_brunner_munzel():
    frame = draw().assign(y=lambda f: f["score"])
    results = run_experiment(frame, make_design(metrics=ORDERED, covariates=["x"], exposure={"column": "took"}))
    assert rows_of(results) == {("difference", "primary", "brunner-munzel", "none")}
    found = results.headline("y")[0]
    control, treatment = (frame.loc[frame["variant"] == arm, "y"].to_numpy() for arm in "ct")
    assert found.p_value == pytest.approx(stats.brunnermunzel(control, treatment).pvalue)
    assert found.treatment_value == pytest.approx((treatment[:, None] > control).mean())
    assert found.control_value == pytest.approx((treatment[:, None] < control).mean())


def test_ordered_score_has_segments_of_its_own_counts():
    frame = draw().assign(y=lambda f: f["score"])
    results = run_experiment(frame, make_design(metrics=ORDERED, segments=["country"]))
    inside = next(e for e in results.estimates if e.segment == "country=b")
    part = frame[frame["country"] == "b"]
    alone = run_experiment(part, make_design(metrics=ORDERED)).headline("y")[0]
    assert (inside.estimate, inside.ci_low, inside.n_control) == (alone.estimate, alone.ci_low, alone.n_control)
    assert [t.name for t in results.tests] == ["interaction with country"]


def test_ordered_score_of_clusters_is_not_estimated():
    frame = draw().assign(y=lambda f: f["score"], firm=(np.arange(400) // 10).astype(str))
    frame["variant"] = np.where(np.arange(400) // 10 % 2, "t", "c")
    found = run_experiment(frame, make_design(metrics=ORDERED, cluster="firm")).headline("y")[0]
    assert found.reason == "clusters are randomised, and ordered scores are compared by unit only"
    assert found.verdict == "not estimable"


def test_ordered_score_guardrail_holds_its_margin_against_pairs():
    frame = draw().assign(y=lambda f: f["score"])
    guard = {"y": {**ORDERED["y"], "role": "guardrail", "better": "lower", "margin": {"absolute": 0.9}}}
    strict = {"y": {**guard["y"], "margin": {"absolute": 0.01}}}
    verdicts = [run_experiment(frame, make_design(metrics=m)).headline("y")[0].verdict for m in (guard, strict)]
    assert verdicts == ["not inferior", "inferior"]


def test_rate_is_a_ratio_with_its_rate_ratio_beside():
    frame = draw().assign(y=lambda f: f["events"])
    results = run_experiment(frame, make_design(metrics=RATE, covariates=["x"]))
    found = {e.estimand: e for e in results.estimates}
    assert {(e.estimand, e.role, e.method) for e in results.estimates} == {
        ("difference", "primary", "delta"),
        ("relative_lift", "primary", "fieller"),
        ("rate_ratio", "sensitivity", "log rate ratio"),
    }
    sums = frame.groupby("variant")[["y", "days"]].sum()
    rates, ratio = sums["y"] / sums["days"], found["rate_ratio"]
    assert found["difference"].estimate == pytest.approx(rates["t"] - rates["c"])
    assert found["relative_lift"].estimate + 1 == pytest.approx(ratio.estimate)
    assert (ratio.estimate, ratio.id) == (pytest.approx(rates["t"] / rates["c"]), "y:t - c:rate_ratio:log rate ratio")


@pytest.mark.parametrize(
    ("metric", "column"), [(P90, "money"), (ORDERED, "score"), (RATE, "events")], ids=["p90", "ordered", "rate"]
)
@pytest.mark.parametrize("looks", [[], [0.5, 1.0]], ids=["unplanned", "planned"])
def test_early_looks_widen_every_kind(metric, column, looks):
    frame = draw().assign(y=lambda f: f[column])
    final = run_experiment(frame, make_design(metrics=metric))
    early = run_experiment(frame, make_design(metrics=metric, planned_units=800, looks=looks))
    assert early.status == "interim"
    for one, other in zip(final.estimates, early.estimates, strict=True):
        assert one.estimand == other.estimand and one.estimate == other.estimate
        assert other.ci_low < one.ci_low and one.ci_high < other.ci_high
        assert other.p_value > one.p_value
        assert other.interval == ("repeated" if looks else "always-valid")


def test_rate_ratio_at_a_look_is_widened_on_the_log_scale():
    frame = draw().assign(y=lambda f: f["events"])
    found = run_experiment(frame, make_design(metrics=RATE, planned_units=800)).select(estimand="rate_ratio")[0]
    assert found.estimate / found.ci_low == pytest.approx(found.ci_high / found.estimate)
    assert (found.p_value <= 0.05) == (not found.ci_low <= 1 <= found.ci_high)


LACKS = [
    ({"quantile": 0.5}, "order statistics needs the outcome"),
    ({"scale": "ordered"}, "brunner-munzel needs the levels"),
]


@pytest.mark.parametrize(("changes", "told"), LACKS)
def test_compare_arms_refuses_what_moments_cannot_tell(changes, told):
    sides = [Moments(("y",), 10, np.array([1.0]), np.array([[1.0]]))] * 2
    with pytest.raises(ValueError, match=f"^{told} of both arms$"):
        compare_arms(Metric(kind="score", **changes), *sides)


def test_missing_ordered_scores_are_those_of_responders_without_other_rows():
    frame = draw().assign(y=lambda f: f["score"])
    frame.loc[::7, "y"] = np.nan
    results = run_experiment(frame, make_design(metrics=ORDERED, covariates=["x"]))
    assert [(e.population, e.method) for e in results.estimates] == [("responders", "brunner-munzel")]
