"""The ranking: worlds with a planted order, the same bits with any number of workers, and no rank where none is due."""

import math

import numpy as np
import pandas as pd
import pytest
from ranking_worlds import make_frame, make_plan
from sklearn.ensemble import RandomForestClassifier

from helpers import milestones
from helpers.records import Refused

NAMES = ("good", "bad", "idle", "spare", "rare", "common", "premium", "twin")


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def ranked(frame):
    told = []
    tables = milestones.study_ranking(frame, make_plan(*NAMES), refits=6, seed=5, tell=lambda *at: told.append(at))
    return tables["ranking"].set_index("feature"), tables["model_quality"].iloc[0], told


def test_study_ranking_puts_planted_features_first_and_twins_together(ranked):
    table, quality, _ = ranked
    assert list(table.index[:3]) in (["good", "twin", "bad"], ["bad", "good", "twin"])
    assert table.loc["good", "group"] == table.loc["twin", "group"]
    assert table.loc["good", "importance"] == table.loc["twin", "importance"]
    assert (table["rank_low"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_high"]).all()
    assert quality["predicts"]
    assert quality["auc_low"] < quality["auc"] < quality["auc_high"]
    assert 0 < quality["added_low"] < quality["added"] < quality["added_high"] < quality["auc"] - 0.5
    assert (quality["n"], quality["features"], quality["refits"], quality["top"]) == (3000, 8, 6, 2)


def test_study_ranking_tells_progress(ranked):
    assert ranked[2] == [(done, 6) for done in range(1, 7)]


def test_study_ranking_does_not_reward_plan_or_many_values_where_impurity_does(frame, ranked):
    columns = frame.filter(like="feature_").assign(size=frame["size"])
    forest = RandomForestClassifier(30, random_state=1, n_jobs=1).fit(columns, frame["retained"])
    impurity = pd.Series(forest.feature_importances_, columns.columns)
    assert impurity.idxmax() == "size"
    assert impurity["feature_premium"] > 2 * impurity["feature_bad"]
    table = ranked[0]
    assert table.loc["premium", "importance_low"] < 0.002
    assert table.loc["premium", "importance"] < table.loc["bad", "importance"] / 5
    assert table.loc["premium", "rank"] > 3


def test_study_ranking_is_the_same_with_two_workers(frame):
    one, two = (
        milestones.study_ranking(frame, make_plan("good", "bad"), refits=3, seed=5, workers=workers)
        for workers in (1, 2)
    )
    assert one["ranking"]["importance"].notna().all()
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, two[name], check_exact=True)


def test_study_ranking_follows_seed_and_refits(frame):
    few, plan = frame.head(400), make_plan("good", "bad")
    found = [
        milestones.study_ranking(few, plan, refits=refits, seed=seed)["model_quality"].loc[0, "auc"]
        for refits, seed in ((2, 5), (2, 6), (3, 5))
    ]
    assert len(set(found)) == 3


def test_study_ranking_without_prediction_gives_no_rank_and_says_why(frame):
    found = milestones.study_ranking(frame, make_plan(*NAMES), refits=2, seed=5, auc_floor=0.95)
    table, quality = found["ranking"], found["model_quality"].iloc[0]
    low = f"{quality['auc_low']:.3f}"
    reason = f"no ranking: the model cannot predict who stays (its AUC may be as low as {low}, and 0.95 is asked for)"
    assert quality["reason"] == reason
    assert set(table["reason"].str.split("; ").str[-1]) == {"no ranking: the model cannot predict who stays"}
    assert not quality["predicts"]
    assert table[["rank", "rank_low", "rank_high", "importance", "importance_low"]].isna().all(axis=None)
    assert math.isnan(quality["stability"])
    assert table["difference"].notna().all()
    assert table["difference"].abs().is_monotonic_decreasing


def test_study_ranking_of_an_outcome_that_nothing_foretells_ranks_nothing():
    alarms = 0
    for seed in range(4):
        frame = make_frame(600, seed, retained=np.random.default_rng(90 + seed).integers(0, 2, 600).astype(float))
        found = milestones.study_ranking(frame, make_plan("good", "bad", "idle"), refits=2, seed=seed, auc_floor=0.6)
        alarms += int(found["model_quality"].loc[0, "predicts"])
    assert alarms == 0


def test_study_ranking_that_plan_and_size_alone_tell_ranks_nothing():
    plan = make_plan("good", "bad", "idle")
    shares = {"premium": 0.9, "pro": 0.6, "starter": 0.4}
    for seed in range(2):
        frame = make_frame(1500, seed)
        kept = np.random.default_rng(seed + 50).random(1500) < frame["tier"].map(shares)
        found = milestones.study_ranking(frame.assign(retained=kept * 1.0), plan, refits=4, seed=seed)
        quality = found["model_quality"].iloc[0]
        assert quality["auc_low"] > 0.6 and not quality["predicts"]
        assert quality["added_low"] <= 0 < quality["added_high"]
        ends = f"{quality['added_low']:+.3f} to {quality['added_high']:+.3f}"
        reason = "no ranking: plan and size alone may tell it as well"
        assert quality["reason"] == f"{reason} (features add {ends} to the AUC)"
        assert set(found["ranking"]["reason"]) == {reason} and found["ranking"]["rank"].isna().all()


def test_study_ranking_with_too_few_lost_is_not_tried():
    frame = make_frame(300, retained=np.r_[np.zeros(39), np.ones(261)])
    found = milestones.study_ranking(frame, make_plan("good"), seed=1)
    assert found["model_quality"].loc[0, "reason"] == "no ranking: fewer than 40 accounts were kept, or lost"
    assert math.isnan(found["model_quality"].loc[0, "auc"])


def test_study_ranking_keeps_a_feature_without_a_time_out_of_the_model(frame):
    leak = {"name": "leak", "column": "leak", "hypothesised": True}
    known = frame.assign(feature_leak=frame["retained"])
    tables = milestones.study_ranking(known, make_plan("good", "bad", leak), refits=3, seed=5)
    row = tables["ranking"].set_index("feature").loc["leak"]
    assert (row["time_order"], row["supported"]) == ("unknown", "not supported")
    assert row["reason"] == "time order unknown, so it may follow from staying: not compared and not ranked"
    assert row[["rank", "importance", "difference", "p_value"]].isna().all()
    assert row["prevalence"] == pytest.approx(frame["retained"].mean())
    without = milestones.study_ranking(frame, make_plan("good", "bad"), refits=3, seed=5)
    pd.testing.assert_frame_equal(tables["model_quality"], without["model_quality"])


def test_study_ranking_of_a_snapshot_ranks_all_with_time_order_unknown(frame):
    outcomes = {"retained": {"column": "churned", "time": "tenure"}}
    features = [{"name": name, "column": name} for name in ("good", "bad")]
    plan = make_plan(*features, started_at=None, outcomes=outcomes)
    table = milestones.study_ranking(frame, plan, refits=3, seed=5)["ranking"]
    assert set(table["time_order"]) == {"unknown"}
    assert table[["rank", "difference"]].notna().all(axis=None)


def test_study_ranking_works_without_size_and_with_accounts_whose_outcome_is_unknown(frame):
    plain = frame.assign(size=np.nan, tier="all")
    plain.loc[:49, "retained"] = np.nan
    quality = milestones.study_ranking(plain, make_plan("good", "bad"), refits=2, seed=5)["model_quality"].iloc[0]
    assert quality["n"] == 2950
    assert quality["auc"] > 0.55


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"refits": 1}, "refits is 1; a ranking needs at least 2, to see how far it changes"),
        ({"workers": 0}, "workers is 0; give at least 1"),
    ],
)
def test_study_ranking_refuses(frame, given, message):
    with pytest.raises(Refused) as refusal:
        milestones.study_ranking(frame, make_plan("good"), seed=1, **given)
    assert str(refusal.value) == message
