"""How the answer settled: weeks merge exactly, and the last week is the whole experiment."""

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, make_source, run_experiment

from helpers import metrics
from helpers.inference.splits import merge_moments, trace_path
from helpers.records import Moments

SCORE = {"kind": "score", "role": "primary", "better": "higher"}


def measure(values):
    return Moments(("y", "x"), len(values), values.mean(axis=0), np.cov(values.T), missing=1)


def test_merge_moments_equals_the_moments_of_all():
    values = np.random.default_rng(1).normal(1e8, 1, (50, 2))
    merged, whole = merge_moments(measure(values[:20]), measure(values[20:])), measure(values)
    assert merged.mean == pytest.approx(whole.mean, rel=1e-15)
    assert merged.cov == pytest.approx(whole.cov, rel=1e-6)
    assert (merged.n, merged.missing) == (50, 2)


def test_merge_moments_with_nothing_is_the_other():
    some, none = measure(np.eye(2)), Moments(("y", "x"), 0, np.full(2, np.nan), np.full((2, 2), np.nan))
    assert merge_moments(None, some) is some
    assert merge_moments(none, some) is some
    assert merge_moments(some, none) is some


def trace(n=400, **changes):
    days = pd.to_datetime("2024-03-01") + pd.to_timedelta(np.arange(n) % 28, unit="D")
    design = make_design(**{"metrics": {"y": SCORE}, "assigned_at": "assigned_at", **changes})
    return trace_path(metrics.fold(make_source(draw_frame(n, assigned_at=days)), design))


def test_trace_path_ends_with_the_whole_experiment():
    path, frame = trace(), draw_frame(400)
    means = frame.groupby("variant")["y"].mean()
    assert path["day"].tolist() == [7, 14, 21, 28]
    assert path["n"].iloc[-1] == 400
    assert path["estimate"].iloc[-1] == pytest.approx(means["t"] - means["c"])
    assert path["fixed_low"].isna().tolist() == [True, True, True, False]
    assert (path["ci_low"] < path["fixed_low"]).iloc[-1]
    assert (path["ci_high"] - path["ci_low"]).is_monotonic_decreasing


def test_trace_path_depends_on_level_and_planned_units():
    narrow, wide, tuned = trace(confidence_level=0.8), trace(), trace(planned_units=4000)
    assert (narrow["ci_low"] > wide["ci_low"]).all()
    assert not np.allclose(tuned["ci_low"], wide["ci_low"])


def test_trace_path_of_an_interim_experiment_ends_with_its_headline_for_every_treatment():
    days = pd.to_datetime("2024-03-01") + pd.to_timedelta(np.arange(600) % 28, unit="D")
    frame = draw_frame(600, assigned_at=days).assign(variant=["c", "t", "u"] * 200)
    variant = {"column": "variant", "control": "c", "treatments": ["t", "u"]}
    design = make_design(metrics={"y": SCORE}, variant=variant, assigned_at="assigned_at", planned_units=900)
    results = run_experiment(frame, design)
    path = results.tables["path"]
    assert path["treatment"].drop_duplicates().tolist() == ["t", "u"]
    assert path.groupby("treatment")["fixed_low"].count().tolist() == [1, 1]
    for found in results.headline("y"):
        last = path[path["treatment"] == found.treatment].iloc[-1]
        assert (last["ci_low"], last["ci_high"]) == pytest.approx((found.ci_low, found.ci_high))
        assert last["n"] == 400


def test_trace_path_is_empty_without_times_and_for_what_moments_do_not_tell():
    assert trace(assigned_at=None).empty
    assert trace(metrics={"y": SCORE | {"scale": "ordered"}}).empty
    assert trace(metrics={"y": SCORE | {"quantile": 0.5}}).empty
