"""What is known before: figures that somebody gives, and what a history of units tells."""

import math

import numpy as np
import pandas as pd
import pytest
from experiments import make_design, make_source
from sources_samples import tell_refusal

from helpers import design as designs
from helpers import metrics

SHARE = {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.05}
SCORE = {"kind": "score", "role": "secondary", "better": "higher", "worthwhile": 0.2}
MEDIAN = {"kind": "amount", "role": "secondary", "better": "higher", "quantile": 0.5}
PLAN = {"y": SHARE, "s": SCORE, "m": MEDIAN}


def test_assume_baselines_reads_shares_and_means():
    design = make_design(metrics=PLAN, covariates=["x"])
    known = designs.assume_baselines(design, ["y = 0.2", "s=4,1.5"], explained=0.3, correlation=0.4)
    y, s, m = known.baselines.values()
    assert (y.mean, y.sd, y.is_of_shares, y.explained) == (0.2, pytest.approx(0.4), True, 0.3)
    assert (s.mean, s.sd, s.is_of_shares, s.reason) == (4.0, 1.5, False, None)
    assert m.reason == "no baseline is given"
    assert known.together.loc["y", "s"] == 0.4 and known.together.loc["s", "s"] == 1 and math.isnan(known.pace)
    unsized = designs.assume_baselines(design, ["m = 20, 30"]).baselines["m"]
    assert unsized.reason == "a quantile or an ordered score is not sized beforehand"


REFUSED = [
    ("y 0.2", ": 'y 0.2' is not read; write it as metric = mean, or metric = mean, standard deviation"),
    ("y = often", ": 'y = often' is not read; write it as metric = mean, or metric = mean, standard deviation"),
    ("z = 0.2", ": the plan has no metric 'z'; it has y, s, m"),
    ("y = 1.2", ", y: a share needs one figure between 0 and 1, such as y = 0.3"),
    ("y = 0.2, 1", ", y: a share needs one figure between 0 and 1, such as y = 0.3"),
    ("s = 4", ", s: needs a standard deviation above 0; give mean and standard deviation, such as s = 2, 3"),
]


@pytest.mark.parametrize(("told", "message"), REFUSED)
def test_assume_baselines_refuses_what_it_cannot_read_and_figures_that_a_kind_cannot_have(told, message):
    refusal = tell_refusal(designs.assume_baselines, make_design(metrics=PLAN), [told])
    assert refusal == f"parameter baselines{message}"


def make_history(n=4000, seed=1):
    """Return units in which x explains half of s, and y goes with s; nothing was tried on them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    s = 5 + x + rng.normal(size=n)
    days = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(n) * 28 // n, "D")
    frame = pd.DataFrame({"variant": "c", "x": x, "s": s, "y": (s > 6).astype(float), "m": s, "at": days})
    return frame.assign(s=frame["s"].where(np.arange(n) % 4 > 0))


def measure(frame, **plan):
    design = make_design(metrics=PLAN, **plan)
    return designs.measure_baselines(metrics.fold(make_source(frame), design))


def test_measure_baselines_reads_means_spread_answers_covariates_and_pace():
    frame = make_history()
    known = measure(frame, covariates=["x"], assigned_at="at")
    y, s, m = known.baselines.values()
    assert (y.mean, y.n, y.is_of_shares) == (pytest.approx(frame["y"].mean()), 4000, True)
    assert (s.mean, s.sd) == (pytest.approx(frame["s"].mean()), pytest.approx(frame["s"].std()))
    assert (s.answered, s.n) == (0.75, 3000)  # a quarter does not answer
    r = np.corrcoef(frame.dropna()["x"], frame.dropna()["s"])[0, 1]
    assert s.explained == pytest.approx(r**2, abs=1e-3) and 0.45 < s.explained < 0.55
    assert m.reason == "a quantile or an ordered score is not sized beforehand"
    assert known.together.loc["y", "s"] == pytest.approx(frame["y"].corr(frame["s"]))
    assert known.pace == pytest.approx(1000)  # 4,000 in 28 days
    assert measure(frame).baselines["s"].explained == 0 and math.isnan(measure(frame).pace)


def test_measure_baselines_reads_the_control_of_an_earlier_experiment():
    frame = make_history().assign(variant=lambda f: np.where(f.index % 2, "t", "c"))
    known = measure(frame.assign(y=np.where(frame["variant"] == "t", 1.0, frame["y"])))
    assert known.baselines["y"].mean == pytest.approx(frame["y"][frame["variant"] == "c"].mean())


def test_measure_baselines_finds_the_design_effect_that_was_planted():
    rng = np.random.default_rng(5)
    firm = np.repeat(np.arange(600), 10)
    s = rng.normal(size=600)[firm] * math.sqrt(0.2) + rng.normal(size=6000) * math.sqrt(0.8)
    frame = pd.DataFrame({"variant": "c", "firm": firm.astype(str), "s": s, "y": (s > 0) * 1.0, "m": s})
    known = measure(frame, cluster="firm")
    found = known.baselines["s"]
    assert (found.cluster_size, found.n) == (10, 600)
    assert found.design_effect == pytest.approx(1 + 9 * 0.2, rel=0.1)
    # units are grouped where nothing is measured: 1 + 20 x .05
    assert designs.group_units(known, size=50, correlation=0.5).baselines["s"] == found
    known = designs.assume_baselines(make_design(metrics=PLAN), ["y = 0.2"])
    assumed = designs.group_units(known, size=21, correlation=0.05).baselines["y"]
    assert (assumed.cluster_size, assumed.design_effect) == (21, 2.0)


def test_measure_baselines_says_where_nothing_can_be_measured():
    message = "history: 19 units without the change; give at least 20, or give baselines"
    assert tell_refusal(measure, make_history().head(19)) == message
    assert measure(make_history().assign(s=1.0)).baselines["s"].reason == "nothing varies in the history"
    rare = make_history().assign(y=(np.arange(4000) < 9) * 1.0)
    assert measure(rare).baselines["y"].reason == "fewer than 10 units with the event, or without it"
    assert measure(rare, min_cell=9).baselines["y"].reason is None
