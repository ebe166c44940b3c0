"""What the ranking is made of: the forest's shuffled scores, areas under the curve, refits, features, groups."""

import math

import numpy as np
import pandas as pd
import pytest
from ranking_worlds import make_frame, make_plan
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from helpers.inference import benjamini_hochberg
from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.milestones.features import group_features, measure_features
from helpers.milestones.forest import fit_trees, score_rows, score_shuffled
from helpers.milestones.importance import Rows, average_refits, measure_areas, run_refits


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


def test_score_rows_is_what_scikit_learn_foretells():
    from sklearn.ensemble import RandomForestClassifier

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
        halves = [
            np.r_[rng.permutation(n // 2)[: n // 4] * 2, rng.permutation(n // 2)[: n // 4] * 2 + 1] for _ in "x" * 12
        ]
        _, low, high = average_refits([measure_areas(score[half], outcome[half]) for half in halves])
        covered += int(low <= 0.7602499 <= high)
    assert binom.ppf(0.0005, repeats, 0.95) <= covered <= binom.ppf(0.9995, repeats, 0.95)


def test_run_refits_shuffles_within_strata_only():
    values, outcome, _ = make_rows(1200)
    groups = tuple(np.array([place]) for place in range(5))
    found = [
        run_refits(Rows(values, outcome, strata, groups), refits=2, workers=1, seed=4)[1].mean(axis=0)
        for strata in (np.zeros(1200, int), values[:, 0].astype(int))
    ]
    assert found[0][0] > 0.1
    assert found[1][0] == 0  # within its own values a feature keeps them


def test_run_refits_number_changes_none_of_them():
    values, outcome, _ = make_rows(600)
    rows = Rows(values, outcome, np.zeros(600, int), (np.array([0]),))
    two, three = (run_refits(rows, refits=refits, workers=1, seed=4)[0] for refits in (2, 3))
    assert two.tolist() == three[:2].tolist()


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


def test_measure_features_tells_sign_prevalence_and_what_was_hypothesised():
    frame = make_frame()
    told = {"good": True, "bad": True, "idle": True, "rare": False, "common": False}
    plan = make_plan(*({"name": name, "event": name, "hypothesised": is_so} for name, is_so in told.items()))
    table = measure_features(frame, plan).set_index("feature")
    assert table["supported"].to_dict() == {
        "good": "supported", "bad": "opposite", "idle": "not supported", "rare": "", "common": ""
    }  # fmt: skip
    assert table["flag"].to_dict() == {"good": "", "bad": "", "idle": "", "rare": "niche", "common": "universal"}
    effect = adjusted_difference(frame["feature_good"], frame["retained"], make_controls(frame))
    row = table.loc["good"]
    assert (row["difference"], row["p_value"]) == (effect.estimate, effect.p_value)
    assert row["share_difference"] == pytest.approx(row["prevalence"] * effect.estimate)
    assert row["gap_if_causal"] == pytest.approx((1 - row["prevalence"]) * effect.estimate)
    assert row["n_used"] == frame["feature_good"].sum()
    np.testing.assert_allclose(table["p_value_adjusted"], benjamini_hochberg(table["p_value"]))


def test_measure_features_compares_a_feature_of_one_plan_within_that_plan():
    frame = make_frame()
    row = measure_features(frame, make_plan("premium")).iloc[0]
    premium = frame[frame["tier"] == "premium"]
    effect = adjusted_difference(premium["feature_premium"], premium["retained"], make_controls(premium))
    assert (row["difference"], row["ci_low"]) == pytest.approx((effect.estimate, effect.ci_low))
    assert row["ci_low"] < 0 < row["ci_high"]
    share = f"{len(premium) / len(frame):.0%}"
    assert row["reason"] == f"compared within the plans in which some use it and some do not ({share} of accounts)"
    unadjusted = frame.groupby("feature_premium")["retained"].mean().diff().iloc[-1]
    assert unadjusted > 0.2  # what plan alone makes of it


def test_measure_features_compares_within_plans_where_hardly_anybody_else_uses_it():
    # premium is 30 % of 1,000; 200 of it use the feature, and 3 of the 700 others: brought to the mix of all accounts,
    # these 203 count like 1 / (.3^2 / 200 + .7^2 / 3)
    tier = np.repeat(["premium", "starter"], [300, 700])
    used = np.r_[np.repeat([1.0, 0.0], [200, 100]), np.repeat([1.0, 0.0], [3, 697])]
    kept = (np.random.default_rng(1).random(1000) < 0.7).astype(float)
    frame = pd.DataFrame({"tier": tier, "size": 1.0, "feature_sla": used, "retained": kept})
    size = 1 / (0.3**2 / 200 + 0.7**2 / 3)
    effect = adjusted_difference(used, kept, make_controls(frame))
    assert np.isnan(effect.estimate)
    assert effect.reason == f"hardly any overlap: brought to the mix of all, 203 accounts count like {size:.0f}"
    row = measure_features(frame, make_plan("sla")).iloc[0]
    assert row["reason"] == "compared within the plans in which some use it and some do not (30% of accounts)"
    assert row["difference"] == pytest.approx(kept[:200].mean() - kept[200:300].mean())
    assert row["n_used"] == 203


def test_measure_features_follows_category_and_confidence_level():
    areas = {"inbox": {"basic": ["good"], "mature": ["bad"]}}
    features = ["good", {"name": "bad", "event": "bad", "category": "other"}, "idle"]
    frame = make_frame(800)
    wide, narrow = (
        measure_features(frame, make_plan(*features, categories=areas, confidence_level=level)) for level in (0.99, 0.9)
    )
    assert wide["category"].tolist() == ["inbox", "other", None]
    assert (wide["ci_low"] < narrow["ci_low"]).all()


def test_measure_features_false_alarms_stay_near_alpha():
    alarms, repeats = 0, 200
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        tier = rng.integers(0, 2, 300)
        used = rng.random(300) < 0.2 + 0.4 * tier
        kept = rng.random(300) < 0.4 + 0.3 * tier
        told = {"tier": tier.astype(str), "size": 1.0, "retained": kept.astype(float), "feature_a": used.astype(float)}
        alarms += int(measure_features(pd.DataFrame(told), make_plan("a")).loc[0, "p_value"] <= 0.05)
    assert binom.ppf(0.0005, repeats, 0.05) <= alarms <= binom.ppf(0.9995, repeats, 0.05)


def test_measure_features_calls_nothing_clear_where_nothing_foretells_and_most_features_are_niche():
    worlds = 8
    alarms = sum((measure_features(*_draw_inert(seed))["p_value_adjusted"] <= 0.05).any() for seed in range(worlds))
    assert alarms <= binom.ppf(0.999, worlds, 0.05)


def _draw_inert(seed, n=3000):
    """Nine of ten stay, by plan alone; of 50 features 40 have some 45 users, of whom few are lost."""
    rng = np.random.default_rng(seed)
    tier = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    kept = rng.random(n) < 1 / (1 + np.exp(-2.0 - 0.3 * (tier - 0.7)))
    size = np.exp(rng.normal(1.2 + 0.5 * tier, 0.8, n)).round().clip(1)
    told = {"tier": np.array(list("ABC"))[tier], "size": size, "retained": kept.astype(float)}
    shares = [0.015 if j < 40 else 0.3 for j in range(50)]
    used = {f"feature_f{j}": (rng.random(n) < p * (1 + 0.5 * (tier - 0.7))) * 1.0 for j, p in enumerate(shares)}
    return pd.DataFrame({**told, **used}), make_plan(*(f"f{j}" for j in range(50)))


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
