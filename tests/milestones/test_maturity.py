"""Maturity: shares of each area by hand, the lines beside each other, and the words of the success metric."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from milestones_samples import sample_plan
from scipy.stats import norm

from helpers.inference import holm
from helpers.milestones import adjusted_difference, make_controls, study_maturity
from helpers.milestones.logistic import split_folds
from helpers.survival import wilson_interval

AREAS = ("inbox", "reports", "bots")
FEATURES = ("a", "b", "c", "d", "e")
PLAN = sample_plan(
    categories={
        "inbox": {"basic": ["a"], "mature": ["b", "c"]},
        "reports": {"mature": ["d"]},
        "bots": {"basic": ["a"], "mature": ["b", "c", "e"], "mature_at_least": 2},
    },
    features=[{"name": name, "label": f"the {name}"} for name in FEATURES],
    mature_at_least=2,
)


def draw(n=3000, *, seed=1, line=None):
    """Accounts whose odds of staying rise with the mature areas (or at `line` of them), and with size."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 40, n).astype(float)
    lean = rng.normal(size=n) + 0.3 * np.log(size)
    levels = {f"level_{a}": np.clip(np.floor(lean + rng.normal(size=n)), 0, 2).astype(int) for a in AREAS}
    mature = sum(level == 2 for level in levels.values())
    odds = 0.3 * np.log(size) + (0.5 * mature if line is None else 1.2 * (mature >= line))
    kept = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    tier = rng.choice(["basic", "pro"], n)
    return pd.DataFrame({**levels, "mature_categories": mature, "retained": kept, "tier": tier, "size": size})


def test_study_maturity_shares_and_counts_by_hand():
    frame = pd.DataFrame(
        {
            "level_inbox": [0, 0, 1, 2],
            "level_reports": [2, 0, 0, 0],
            "level_bots": [2, 0, 0, 2],
            "mature_categories": [2, 0, 0, 2],
            "retained": [1.0, 0.0, 1.0, np.nan],  # the last has no known outcome
            "tier": "all",
            "size": 1.0,
        }
    )
    tables = study_maturity(frame, PLAN, seed=1)
    assert tables["categories"][["none", "basic", "mature", "n"]].to_numpy().tolist() == [
        pytest.approx([2 / 3, 1 / 3, 0, 3]), pytest.approx([2 / 3, 0, 1 / 3, 3]), pytest.approx([2 / 3, 0, 1 / 3, 3])
    ]  # fmt: skip
    counts = tables["mature_counts"]
    assert counts[["mature_categories", "n", "kept"]].to_numpy().tolist() == [
        [0, 2, 1],
        [1, 0, 0],
        [2, 1, 1],
        [3, 0, 0],
    ]
    low, high = wilson_interval(0.5, 2, norm.isf(0.025))
    assert counts.loc[0, ["share", "ci_low", "ci_high"]].tolist() == pytest.approx([0.5, low, high])
    assert counts.loc[1, ["share", "ci_low", "ci_high"]].isna().all()


def test_study_maturity_differences_are_adjusted_with_holm_over_areas():
    frame = draw()
    table = study_maturity(frame, PLAN, seed=1)["categories"]
    found = adjusted_difference(frame["level_reports"] == 2, frame["retained"], make_controls(frame))
    assert table.loc[1, ["difference", "ci_low", "ci_high", "p_value"]].tolist() == pytest.approx(
        [found.estimate, found.ci_low, found.ci_high, found.p_value]
    )
    assert table["p_value_adjusted"].tolist() == holm(table["p_value"]).tolist()
    narrow = study_maturity(frame, PLAN.model_copy(update={"confidence_level": 0.5}), seed=1)
    assert narrow["categories"].loc[1, "ci_low"] > found.ci_low
    wide = study_maturity(frame, PLAN, seed=1)["maturity_lines"]
    assert (narrow["maturity_lines"]["loss_gap_low"] > wide["loss_gap_low"]).all()


def test_study_maturity_says_in_words_what_success_is():
    table = study_maturity(draw(200), PLAN, seed=1)["categories"]
    assert table["success_metric"].tolist() == [
        "share that uses any of the b and the c",
        "share that uses the d",
        "share that uses at least 2 of the b, the c and the e",
    ]
    both = PLAN.categories["inbox"].model_copy(update={"mature_at_least": 2})
    plan = PLAN.model_copy(update={"categories": PLAN.categories | {"inbox": both}})
    words = study_maturity(draw(200), plan, seed=1)["categories"]["success_metric"][0]
    assert words == "share that uses all of the b and the c"


def test_study_maturity_losses_equal_models_fitted_without_the_fold():
    frame = draw(500)
    lines = study_maturity(frame, PLAN, seed=4)["maturity_lines"]
    fold = split_folds(500, 10, np.random.default_rng(4))
    x = sm.add_constant(np.column_stack([make_controls(frame), frame["mature_categories"] >= 2]).astype(float))
    y, loss = frame["retained"].to_numpy(), np.empty(500)
    for k in range(10):
        share = sm.Logit(y[fold != k], x[fold != k]).fit(disp=0).predict(x[fold == k])
        loss[fold == k] = -np.log(np.where(y[fold == k] == 1, share, 1 - share))
    assert lines.loc[1, "loss"] == pytest.approx(loss.mean(), abs=1e-5)
    assert lines["loss_gap"].tolist() == pytest.approx((lines["loss"] - lines["loss_count"]).tolist())
    assert study_maturity(frame, PLAN, seed=5)["maturity_lines"].loc[1, "loss"] != lines.loc[1, "loss"]


def test_study_maturity_the_count_beats_every_line_where_each_area_counts():
    lines = study_maturity(draw(6000), PLAN, seed=1)["maturity_lines"]
    assert (lines["loss_gap_low"] > 0).all() and lines["planned"].tolist() == [False, True, False]
    assert (lines["n_at_or_above"].diff().dropna() < 0).all()
    assert lines["share_at_or_above"].tolist() == pytest.approx((lines["n_at_or_above"] / 6000).tolist())


def test_study_maturity_the_true_line_loses_least_where_there_is_one():
    lines = study_maturity(draw(6000, line=2), PLAN, seed=1)["maturity_lines"].set_index("line")
    assert lines["loss"].idxmin() == 2 and lines.loc[2, "loss_gap_high"] < 0


def test_study_maturity_of_few_or_no_accounts_says_why():
    few = study_maturity(draw(15), PLAN, seed=1)
    reason = "fewer than 14 accounts with the milestone, or without it"
    assert few["maturity_lines"]["reason"].tolist() == [reason] * 3 and few["categories"]["difference"].isna().all()
    none = study_maturity(draw(15).head(0), PLAN, seed=1)
    assert none["categories"]["n"].eq(0).all() and none["maturity_lines"]["loss"].isna().all()
    assert list(none["maturity_lines"]) == list(few["maturity_lines"])


def test_study_maturity_without_categories_in_the_plan_is_empty():
    assert study_maturity(draw(50), sample_plan(categories={}, mature_at_least=None), seed=1) == {}
