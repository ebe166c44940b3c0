"""Praise by minutes: curve, line or slope, and the queue, on replies whose truth is planted."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from helpers.in_app import measures
from helpers.milestones import thresholds


def make_replies(n=3000, seed=1, *, step=0.0, slope=0.0, hidden=0.0):
    """Return replies praised at 0.15, less after 15 minutes by `step`, and by `slope` for each doubling of the wait."""
    rng = np.random.default_rng(seed)
    load, ease = rng.poisson(10, n), rng.choice([-1.0, 1.0], n)
    doublings = 4 + 1.5 * np.log2((1 + load) / 11) - hidden * ease + rng.standard_normal(n)
    minutes = np.ceil(2.0**doublings)
    chance = 0.15 - step * (minutes > 15) - slope * np.log2(minutes / 15) + 0.03 * (hidden > 0) * ease
    return pd.DataFrame(
        {
            "unit": np.arange(n) // 2,
            "minutes": minutes,
            "kudos": rng.random(n) < np.clip(chance, 0, 1),
            "topic": rng.choice(["a", "b"], n),
            "hour": rng.integers(0, 24, n),
            "load": load.astype(float),
        }
    )


def test_trace_praise_is_the_fit_of_statsmodels():
    replies = make_replies(slope=0.02)
    table = measures.trace_praise(replies).set_index("minutes")
    spline = thresholds.build_spline(replies["minutes"], thresholds.find_knots(replies["minutes"]))
    x = np.column_stack([np.ones(len(replies)), spline, measures.make_reply_controls(replies)])
    groups = {"groups": replies["unit"], "use_correction": False}
    fit = sm.GLM(replies["kudos"].astype(float), x, family=sm.families.Binomial()).fit(
        cov_type="cluster", cov_kwds=groups
    )
    at = x.copy()
    at[:, 1 : 1 + spline.shape[1]] = thresholds.build_spline([15], thresholds.find_knots(replies["minutes"]))
    chance = fit.predict(at)
    gradient = (at * (chance * (1 - chance))[:, None]).mean(axis=0)
    error = np.sqrt(gradient @ fit.cov_params() @ gradient)
    row = table.loc[15]
    assert row["share"] == pytest.approx(chance.mean(), rel=1e-6)
    assert (row["ci_high"] - row["ci_low"]) / (2 * 1.959964) == pytest.approx(error, rel=0.01)


def test_trace_praise_band_covers_a_planted_curve():
    held = [
        row["ci_low"] <= 0.15 <= row["ci_high"]
        for seed in range(60)
        for row in measures.trace_praise(make_replies(n=500, seed=seed)).to_dict("records")
        if row["minutes"] == 15
    ]
    assert np.mean(held) == pytest.approx(0.95, abs=0.09)


@pytest.mark.parametrize(("planted", "shape"), [({"step": 0.13}, "step"), ({"slope": 0.045}, "smooth"), ({}, "none")])
def test_judge_line_finds_what_is_planted(planted, shape):
    row = measures.judge_line(make_replies(n=6000, seed=3, **planted), seed=1, n_resamples=99, folds=5).iloc[0]
    assert row["shape"] == shape
    if shape == "step":
        assert row["cut"] == 16  # replies from 16 minutes on are the later ones
    assert (row["p"] <= 0.05) == (shape != "none")


def test_judge_line_says_why_where_no_line_divides():
    replies = make_replies(200).assign(minutes=5.0)
    assert measures.judge_line(replies, seed=1, n_resamples=99, folds=5)["reason"].tolist() == [
        "no line divides the replies"
    ]
    given = replies, make_replies(50), make_replies(200)
    assert [measures.can_read(one) for one in given] == [False, False, True]


def test_compare_speeds_is_misled_by_ease_and_the_queue_is_not():
    truth, found = 0.01, {reading: [] for reading in measures.SPEEDS}
    held = 0
    for seed in range(40):
        table = measures.compare_speeds(make_replies(n=2000, seed=seed, slope=truth, hidden=1.0))
        for row in table.to_dict("records"):
            found[row["reading"]].append(row["halving"])
        held += table.iloc[2]["ci_low"] <= truth <= table.iloc[2]["ci_high"]
    means = {reading: np.mean(values) for reading, values in found.items()}
    assert means["at equal topic and hour"] > truth + 0.005
    assert means["moved by the queue"] == pytest.approx(truth, abs=0.004)
    assert held / 40 >= 0.85


def test_compare_speeds_without_loads_leaves_the_queue_out():
    replies = make_replies(300).assign(load=np.nan)
    assert measures.compare_speeds(replies)["reading"].tolist() == list(measures.SPEEDS[:2])
