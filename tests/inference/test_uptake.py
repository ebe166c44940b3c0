"""Take-up in an experiment: the illusion, its cure, and the published figures of public data."""

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, run_experiment

from helpers import inference

SCORE = {"kind": "score", "role": "primary", "better": "higher"}


def draw_offer(n=4000, seed=2):
    """Keen units take the offer and score higher; the offer itself does nothing."""
    frame = draw_frame(n, effect=0, seed=seed)
    keen = frame["x"] > 0
    took = ((frame["variant"] == "t") & keen).astype(float)
    return frame.assign(took=took, z=(frame["y"] > 0).astype(float))


def test_estimate_uptake_shows_the_illusion_and_its_cure():
    binary = {"kind": "binary", "role": "secondary", "better": "higher"}
    design = make_design(metrics={"y": SCORE, "z": binary}, exposure={"column": "took"}, covariates=["x"])
    results = run_experiment(draw_offer(), design)
    contrasts = inference.select_contrasts(results, "y")
    assert [e.estimand for e in contrasts] == ["naive", "naive", "naive", "difference", "cace", "cace"]
    naive, adjusted = contrasts[:2]
    assert naive.ci_low > 0.5 and adjusted.estimate < naive.estimate / 2
    assert all(e.ci_low < 0 < e.ci_high for e in contrasts if e.estimand in ("difference", "cace"))
    ratio = results.select(metric="z", estimand="ratio")[0]
    assert ratio.estimate == pytest.approx(ratio.treatment_value / ratio.control_value)
    table = results.tables["uptake"]
    assert table.loc[0, "risk_ratio"] == pytest.approx(ratio.estimate)
    assert table.loc[0, "e_value"] == pytest.approx(ratio.estimate + np.sqrt(ratio.estimate * (ratio.estimate - 1)))
    assert table.loc[0, "take_up_control"] == 0


def test_estimate_uptake_is_empty_without_exposure_and_for_guardrails():
    frame = draw_offer(400)
    assert inference.select_contrasts(run_experiment(frame, make_design(metrics={"y": SCORE})), "y") == ()
    guardrail = {"kind": "score", "role": "guardrail", "better": "higher", "margin": {"absolute": 0.5}}
    results = run_experiment(frame, make_design(metrics={"y": guardrail}, exposure={"column": "took"}))
    assert inference.select_contrasts(results, "y") == ()


def test_estimate_uptake_compares_with_a_group_outside_the_randomisation():
    frame = draw_offer(600)
    outside = frame[frame["variant"] == "c"].assign(
        variant="o", y=lambda f: f["y"] + 3, unit=lambda f: "o" + f.index.astype(str)
    )
    frame = frame.assign(unit="u" + frame.index.astype(str))
    variant = {"column": "variant", "control": "c", "treatments": ["t"], "observational": ["o"]}
    results = run_experiment(
        pd.concat([frame, outside], ignore_index=True), make_design(metrics={"y": SCORE}, variant=variant)
    )
    naive = results.select(population="observational")
    assert [(e.comparison, e.estimand) for e in naive] == [("t - o", "naive")]
    assert naive[0].estimate == pytest.approx(-3, abs=0.4)
    assert (naive[0].n_control, naive[0].n_treatment) == (300, 300)
