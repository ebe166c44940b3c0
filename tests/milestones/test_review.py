"""The review: a model that survives its own table, cohorts judged out of sample, and one word a milestone."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit
from scipy.stats import binom
from sources_samples import tell_refusal

from helpers import milestones
from helpers.milestones import adjusted_difference, make_controls
from helpers.milestones.model import fit_model, name_columns, read_model, write_model
from helpers.milestones.review import (
    DRIFT,
    Sums,
    compare_cuts,
    compare_ranks,
    find_best,
    judge_milestones,
    measure_differences,
)
from helpers.milestones.thresholds import Scan, find_cuts
from helpers.plan.framework import FrameworkPlan

CUT = pd.DataFrame({"cut": [8.0], "cut_low": [6.0], "cut_high": [9.0]})
RANKING = pd.DataFrame({"feature": ["f0", "f1", "f2"], "rank": [1.0, 2.0, 3.0], "rank_low": 1.0, "rank_high": 3.0})
RANKING = RANKING.assign(difference=0.1, time_order="known")


TABLES = {"threshold": CUT, "ranking": RANKING}


def _plan(**changes):
    plan = {
        "kind": "framework", "title": "t", "question": "q", "unit_id": "id", "started_at": "at", "size": "seats",
        "plan_tier": "plan", "steps": [{"name": "invite", "event": "invited"}],
        "activation": {"event": "sent", "at_least": 8, "landmark_days": [90]},
        "features": [{"name": f"f{i}"} for i in range(3)], "outcomes": {"retained": {"lost": "left"}},
    }  # fmt: skip
    return FrameworkPlan(**{**plan, **changes})


def _draw(n=2400, cohorts=4, seed=11, change=None):
    """Accounts of some cohorts; `change` gets the frame and the log odds of staying and returns other ones."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"cohort": [f"2022-Q{1 + i * cohorts // n}" for i in range(n)]})
    frame = frame.assign(tier=rng.choice(["basic", "pro"], n, p=[0.7, 0.3]), size=np.exp(rng.normal(1, 0.7, n)))
    frame.loc[::25, "size"] = np.nan
    frame["count"] = rng.negative_binomial(2, 0.2, n)
    frame["activated"], frame["set_up"] = (frame["count"] >= 8) * 1.0, (rng.random(n) < 0.6) * 1
    for i in range(3):
        frame[f"feature_f{i}"] = (rng.random(n) < 0.4) * 1
    linear = -0.4 + 1.2 * frame["activated"] + 0.9 * frame["set_up"] + 0.4 * (frame["tier"] == "pro")
    linear = linear if change is None else change(frame, linear)
    return frame.assign(retained=(rng.random(n) < expit(linear)) * 1.0)


def _newest(frame):
    return frame["cohort"] == "2022-Q4"


def test_study_review_of_a_framework_that_holds():
    found = milestones.study_review(_draw(), _plan(), TABLES, seed=1)
    assert list(found) == ["review", "drift", "review_words", "model"]
    review = found["review"]
    assert review["cohort"].tolist() == ["2022-Q1", "2022-Q2", "2022-Q3", "2022-Q4"]
    assert (review["choice"] == "keep").all() and review["reason"].isna().all()
    assert (review["n"] == 600).all() and (review["auc"] > 0.6).all()
    assert found["review_words"]["word"].tolist() == ["keep", "keep"]
    assert not found["drift"]["outside"][found["drift"]["what"] == "cut"].any()
    assert set(found["drift"]["what"]) == {"cut", "rank of f0", "rank of f1", "rank of f2"}


def test_study_review_judges_older_cohorts_by_a_model_made_without_them():
    frame, plan = _draw(), _plan()
    row = milestones.study_review(frame, plan, {}, seed=1)["review"].set_index("cohort")
    for cohort, others in (("2022-Q1", ["2022-Q2", "2022-Q3"]), ("2022-Q4", ["2022-Q1", "2022-Q2", "2022-Q3"])):
        made = frame[frame["cohort"].isin(others)]
        own = frame[frame["cohort"] == cohort]
        expected = expit(fit_model(made, name_columns(made, plan)).score(own)).mean()
        assert row.loc[cohort, "expected"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("change", "choice", "words"), [
    # fewer stay, whoever they are: the level moves, the milestones hold
    (lambda f, linear: linear - 0.9 * _newest(f), "re-intercept", ["keep", "keep"]),
    # being activated no longer goes with staying; being set up does
    (lambda f, linear: linear - 1.2 * _newest(f) * f["activated"], "revise", ["watch", "drop"]),
    # the count from which customers stay has moved from 8 to 14, which the model need not notice
    (lambda f, linear: linear + _newest(f) * (2 * (f["count"] >= 14) - f["activated"]), None, [None, "re-set"]),
])  # fmt: skip
def test_study_review_finds_what_changed_in_the_newest_cohort(change, choice, words):
    found = milestones.study_review(_draw(4800, change=change), _plan(), {}, seed=1)
    assert choice in (found["review"]["choice"].iloc[-1], None)
    assert all(want in (word, None) for word, want in zip(found["review_words"]["word"], words, strict=True))


def test_study_review_without_enough_accounts_is_too_early():
    found = milestones.study_review(_draw(240), _plan(), {}, seed=1)
    assert set(found["review"]["choice"]) == {"too few"}
    assert set(found["review"]["reason"]) == {"fewer than 10 accounts lost, or kept, for each coefficient"}
    assert found["review_words"]["word"].tolist() == ["too early"] * 2
    one = milestones.study_review(_draw(600, cohorts=1), _plan(), {}, seed=1)
    assert one["review"]["reason"].tolist() == ["no other cohort from which a model could be made"]
    assert one["drift"].empty and set(one["review_words"]["word"]) == {"too early"}


def test_study_review_judges_the_last_cohort_that_is_large_enough():
    frame = pd.concat([_draw(), _draw(30, cohorts=1, seed=2).assign(cohort="2023-Q1")], ignore_index=True)
    found = milestones.study_review(frame, _plan(), {}, seed=1)
    assert found["review"]["choice"].tolist() == ["keep"] * 4 + ["too few"]
    assert found["review_words"]["why"].str.contains("2022-Q4").all()
    strict = milestones.study_review(frame, _plan(min_cell=700), {}, seed=1)
    assert set(strict["review_words"]["word"]) == {"too early"}


def test_study_review_looks_only_at_what_is_planned():
    plan = _plan(review={"metrics": ["cut"]})
    found = milestones.study_review(_draw(), plan, TABLES, seed=1)
    assert set(found["drift"]["what"]) == {"cut"}
    assert found["review"][["auc", "slope", "p_keep"]].isna().all(axis=None)
    assert set(found["review"]["choice"]) == {"not planned"}
    assert milestones.study_review(_draw(), _plan(review={"metrics": ["calibration"]}), TABLES, seed=1)["drift"].empty


def test_study_review_has_nothing_to_say_of_a_snapshot():
    outcomes = {"retained": {"column": "left", "time": "tenure"}}
    plan = _plan(started_at=None, steps=[], activation=None, features=[], outcomes=outcomes)
    assert milestones.study_review(_draw(), plan, {}, seed=1) == {}
    assert milestones.study_review(_draw().iloc[:0], _plan(), {}, seed=1) == {}


def test_study_review_moves_the_draws_alone_with_its_seed():
    first, other = (milestones.study_review(_draw(), _plan(), TABLES, seed=seed) for seed in (1, 2))
    assert first["review"].equals(other["review"]) and not first["drift"].equals(other["drift"])


def test_model_scores_from_its_table_as_it_scored_before():
    frame, plan = _draw(), _plan()
    model = fit_model(frame, name_columns(frame, plan))
    table = json.loads(write_model(model, plan, {}).map(_round).to_json(orient="records", double_precision=15))
    back = read_model(pd.DataFrame(table), plan)
    assert np.abs(expit(back.score(frame)) - expit(model.score(frame))).max() < 1e-9
    assert expit(model.score(frame)).mean() == pytest.approx(frame["retained"].mean(), abs=1e-9)


def _round(value):
    return float(f"{value:.10g}") if isinstance(value, float) else value  # as results.json holds it


def test_fit_model_agrees_with_statsmodels_but_for_its_penalty():
    frame, names = _draw(4000), ["set_up", "activated"]
    found, narrow = (
        fit_model(frame, names, **level).coefficients["set_up"] for level in ({}, {"confidence_level": 0.5})
    )
    theirs = sm.Logit(frame["retained"], sm.add_constant(frame[names])).fit(disp=0)
    assert found == pytest.approx((theirs.params["set_up"], *theirs.conf_int().loc["set_up"]), abs=2e-3)
    assert narrow[1] > found[1]


def test_name_columns_leaves_out_rare_tiers_and_counts_where_no_line_is_planned():
    frame, plan = _draw(), _plan()
    names = ["set_up", "activated", "log_size", "size_missing", "tier=basic", "tier=pro"]
    assert name_columns(frame, plan) == names
    rare = frame.assign(tier=frame["tier"].where(frame.index > 15, "old"))
    assert name_columns(rare, plan) == names
    reasons = milestones.study_review(rare, plan, {}, seed=1)["review"]["reason"]
    assert reasons[0] == "some accounts have a tier that the model does not know, or saw too rarely"
    assert reasons[1:].isna().all()
    loose = _plan(activation={"event": "sent", "landmark_days": [90]}, size=None)
    assert name_columns(frame, loose) == ["set_up", "count", "tier=basic", "tier=pro"]


def test_study_review_against_an_earlier_run_uses_its_model_and_its_cut():
    earlier = milestones.study_review(_draw(seed=3), _plan(), TABLES, seed=1)["model"]
    frame = _draw(change=lambda f, linear: linear - 2.2 * f["activated"])
    moved = {"threshold": CUT.assign(cut=14.0), "ranking": RANKING.assign(**{"rank": [3.0, 2.0, 5.0]})}
    found = milestones.study_review(frame, _plan(), moved, against=earlier, seed=1)
    assert "keep" not in set(found["review"]["choice"])
    whole = found["drift"][found["drift"]["cohort"] == "all"].set_index("what")
    assert whole["outside"].to_dict() == {"cut": True, "rank of f0": False, "rank of f1": False, "rank of f2": True}
    assert whole.loc["cut"].tolist()[1:5] == [8, 14, 6, 9]
    word = found["review_words"].set_index("milestone").loc["activated"]
    assert word["word"] == "drop"
    before = earlier.set_index(["kind", "name"]).loc[("difference", "activated"), "value"]
    assert f"{100 * before:+.1f} points before" in word["why"]


@pytest.mark.parametrize(("changes", "message"), [
    ({"steps": []}, "review_against is a run with the milestones set_up, activated, this plan has activated; "
     "review it with a plan of the same milestones"),
    ({"activation": {"event": "sent", "at_least": 8, "landmark_days": [60]}},
     "review_against is a run with landmark_days 90, this plan has 60; make them equal"),
    ({"outcomes": {"retained": {"lost": "left", "within_days": 90}}},
     "review_against is a run with horizon_days 180, this plan has 90; make them equal"),
    ({"steps": [{"name": "invite"}, {"name": "import"}]},
     "review_against is a run with steps_line 1, this plan has 2; make them equal"),
    ({"size": None}, "only one of review_against and this plan names a size; review it with the same columns"),
])  # fmt: skip
def test_study_review_refuses_a_run_that_cannot_be_matched(changes, message):
    table = write_model(fit_model(_draw(), name_columns(_draw(), _plan())), _plan(), {})
    assert tell_refusal(milestones.study_review, _draw(), _plan(**changes), {}, against=table, seed=1) == message


def test_study_review_follows_no_rank_of_a_feature_without_a_time():
    ranking = RANKING.assign(time_order=["known", "unknown", "known"])
    found = milestones.study_review(_draw(), _plan(), {"ranking": ranking}, seed=1)
    assert set(found["drift"]["what"]) == {"cut", "rank of f0", "rank of f2"}


def test_read_model_refuses_another_table():
    message = "review_against holds no model of milestones; give the results.json of a run that has one"
    for table in (pd.DataFrame({"cut": [1]}), pd.DataFrame(columns=["kind", "name", "value", "low", "high"])):
        assert tell_refusal(read_model, table, _plan()) == message


def test_measure_differences_takes_the_line_where_the_plan_has_none():
    frame, loose = _draw(), _plan(activation={"event": "sent", "landmark_days": [90]})
    planned = measure_differences(frame, _plan(), math.nan)["activated"]
    assert measure_differences(frame, loose, 8.0)["activated"] == planned
    assert measure_differences(frame, loose, 5.0)["activated"] != planned
    assert math.isnan(measure_differences(frame, loose, math.nan)["activated"][0])


@pytest.mark.parametrize(("now", "before", "choice", "auc", "cut", "word"), [
    ((0.10, 0.05, 0.15), (0.12, 0.1, 0.14), "keep", 0.7, False, "keep"),
    ((0.10, 0.05, 0.15), (0.12, 0.1, 0.14), "re-intercept", 0.7, False, "keep"),
    ((0.10, 0.05, 0.15), (0.12, 0.1, 0.14), "revise", 0.7, False, "watch"),
    ((0.10, 0.05, 0.15), (0.12, 0.1, 0.14), "keep", 0.59, False, "watch"),  # below what is planned
    ((0.10, 0.05, 0.15), (0.12, 0.1, 0.14), "keep", 0.64, False, "watch"),  # fell from .70
    ((0.10, 0.05, 0.15), (0.12, 0.1, 0.14), "keep", 0.7, True, "re-set"),
    ((0.05, -0.02, 0.13), (0.12, 0.1, 0.14), "keep", 0.7, True, "watch"),  # not clear, older one not ruled out
    ((-0.02, -0.05, 0.01), (0.12, 0.1, 0.14), "keep", 0.7, False, "drop"),  # older one ruled out
    ((0.02, -0.05, 0.09), (0.12, 0.1, 0.14), "keep", 0.7, False, "watch"),  # ruled out, yet perhaps worthwhile
    ((-0.02, -0.05, 0.01), (0.03, -0.02, 0.08), "keep", 0.7, False, "watch"),  # the older one is no better known
    ((0.1, 0.05, 0.15), (-0.01, -0.04, 0.02), "keep", 0.7, False, "watch"),  # on the other side, and worthwhile
    ((-0.1, -0.15, -0.05), (0.12, 0.1, 0.14), "keep", 0.7, False, "drop"),  # the other side
    ((0.0, -0.01, 0.01), (0.0, -0.01, 0.01), "keep", 0.7, False, "drop"),  # never worthwhile
    ((0.0, -0.05, 0.05), (0.0, -0.01, 0.01), "keep", 0.7, False, "watch"),  # perhaps it is
    ((math.nan,) * 3, (0.12, 0.1, 0.14), "keep", 0.7, False, "too early"),
    ((0.10, 0.05, 0.15), (0.12, 0.1, 0.14), "too few", 0.7, False, "too early"),
])  # fmt: skip
def test_judge_milestones_follows_its_rule(now, before, choice, auc, cut, word):
    review = pd.DataFrame({"cohort": ["c"], "choice": choice, "auc": auc})
    drift = pd.DataFrame([["c", "cut", 8.0, 14.0, 7.0, 9.0, cut]], columns=DRIFT)
    plan = _plan(steps=[])
    found = judge_milestones({"activated": now}, {"activated": before}, review, drift, "c", older_auc=0.7, design=plan)
    assert found["word"].tolist() == [word]


@pytest.mark.parametrize(("now", "choice", "moved", "cut_p", "word", "why"), [
    ((0.1, 0.05, 0.15), "keep", True, None, "re-set",
     "The difference in c is +10.0 points (+5.0 to +15.0), +12.0 points before, clear, but the best cut is 14, outside "
     "the 7 to 9 that chance would give."),
    # its cut has surely moved: the line is set anew before the milestone is dropped
    ((-0.02, -0.05, 0.01), "revise", True, 0.01, "re-set", None),
    ((-0.02, -0.05, 0.01), "revise", True, 0.2, "drop",
     "is ruled out; the best cut is 14 now, which is not clear either."),
    ((0.02, -0.05, 0.09), "revise", False, None, "watch",
     "is ruled out, yet it may reach the 2.0 points that would be worthwhile."),
])  # fmt: skip
def test_judge_milestones_says_why_in_one_sentence(now, choice, moved, cut_p, word, why):
    review = pd.DataFrame({"cohort": ["c"], "choice": choice, "auc": 0.7})
    drift = pd.DataFrame([["c", "cut", 8.0, 14.0, 7.0, 9.0, True]] * moved, columns=DRIFT)
    rows = {"activated": now}, {"activated": (0.12, 0.1, 0.14)}
    given = {"older_auc": 0.7, "design": _plan(steps=[])} | ({"cut_p": cut_p} if cut_p else {})
    (found,) = judge_milestones(*rows, review, drift, "c", **given).itertuples()
    assert found.word == word and found.why.endswith(why or ".")


FEATURES = ["a", "b", "c"]


def _draw_drift(seed, sizes, cuts, slopes=(0.1, 0.05, 0.0), last=None):
    """Cohorts of some sizes, each with its own step in the share kept; `last` are the slopes of the last cohort."""
    rng, parts = np.random.default_rng(seed), []
    for i, (n, cut) in enumerate(zip(sizes, cuts, strict=True)):
        count, tier = rng.poisson(6, n), rng.choice(["basic", "pro"], n)
        used = (rng.random((n, 3)) < 0.4).astype(float)
        weights = last if last is not None and i == len(sizes) - 1 else slopes
        chance = 0.45 + 0.25 * (count >= cut) + used @ weights + 0.05 * (tier == "pro")
        columns = {f"feature_{name}": used[:, j] for j, name in enumerate(FEATURES)}
        kept = (rng.random(n) < chance).astype(float)
        rows = {"cohort": f"c{i}", "count": count, "tier": tier, "size": rng.integers(1, 9, n).astype(float)}
        parts.append(pd.DataFrame(rows | columns | {"retained": kept}))
    return pd.concat(parts, ignore_index=True)


def table(compare, *given, **options):
    return pd.DataFrame(compare(*given, **options), columns=DRIFT)


def _table(count, kept):
    levels = np.unique(count)
    return np.concatenate([[(count[kept == k] == v).sum() for v in levels] for k in (0, 1)])[None], levels


@pytest.mark.parametrize("seed", range(4))
def test_find_best_is_the_best_of_the_scan_of_thresholds(seed):
    frame = _draw_drift(seed, [200], [6])
    count, kept = frame["count"].to_numpy(float), frame["retained"].to_numpy(float)
    cuts = find_cuts(count)
    scan = Scan(count, kept, np.empty((200, 0)), cuts)
    assert find_best(*_table(count, kept))[0] == scan.cut


def test_compare_cuts_finds_the_cohort_whose_cut_has_moved():
    frame, names = _draw_drift(1, [1500, 1500, 1500], [5, 5, 8]), ["c0", "c1", "c2"]

    def compare(**options):
        given = {"older": ["c0", "c1"], "n_resamples": 100, "rng": np.random.default_rng(1), **options}
        return table(compare_cuts, frame, names, **given).set_index("cohort")

    found, wide = compare(), compare(alpha=1e-9)
    assert found["outside"].tolist() == [False, False, True]
    assert (found.loc["c2", "found"], found.loc["c2", "reference"]) == (8, 5)
    assert (found["low"] <= found["reference"]).all() and (found["what"] == "cut").all()
    pd.testing.assert_frame_equal(found, compare())
    assert (wide["high"] - wide["low"] >= found["high"] - found["low"]).all()
    assert table(compare_cuts, frame, ["c0"], ["c0"], rng=np.random.default_rng(1)).empty  # nothing to compare with


def test_compare_cuts_keeps_its_false_alarms():
    rng, draws, alarms = np.random.default_rng(2), 80, 0
    for seed in range(draws):
        frame = _draw_drift([2, seed], [300, 300], [6, 6])
        alarms += table(compare_cuts, frame, ["c1"], ["c0"], rng=rng, n_resamples=100)["outside"].iloc[0]
    assert alarms <= binom.ppf(0.999, draws, 0.05)


def test_compare_ranks_differences_are_those_of_adjusted_difference():
    frame = _draw_drift(4, [400, 300], [6, 6])
    frame.loc[::17, "size"] = np.nan
    rows = np.flatnonzero(frame["cohort"] == "c1")
    own = frame.iloc[rows].reset_index(drop=True)
    values = [adjusted_difference(own[f"feature_{f}"], own["retained"], make_controls(own)).estimate for f in FEATURES]
    np.testing.assert_allclose(Sums(frame, FEATURES).compare([rows])[0], values, rtol=1e-7)


def test_compare_ranks_finds_a_turned_order_and_leaves_out_what_few_use():
    frame = _draw_drift(5, [1200, 1200, 1200], [6, 6, 6], slopes=(0.2, 0.0, -0.1), last=(-0.1, 0.0, 0.2))
    options = {"older": ["c0", "c1"], "rng": np.random.default_rng(1), "n_resamples": 60}
    found = table(compare_ranks, frame, FEATURES, ["c2"], **options).set_index("what")
    assert found["outside"].to_dict() == {"rank of a": True, "rank of b": False, "rank of c": True}
    frame.loc[frame.index[frame["cohort"] == "c2"][5:], "feature_b"] = 0.0
    left = table(compare_ranks, frame, FEATURES, ["c2"], **options)
    assert "rank of b" not in set(left["what"]) and len(left) == 2
    frame["feature_b"] = (np.arange(len(frame)) % 5 < 2) * 1.0
    own = np.flatnonzero(frame["cohort"] == "c2")
    users = own[frame["feature_b"].to_numpy()[own] == 1]
    frame.loc[users, "retained"] = (np.arange(len(users)) >= 9) * 1.0  # 9 were lost
    assert "rank of b" not in set(table(compare_ranks, frame, FEATURES, ["c2"], **options)["what"])
    assert table(compare_ranks, frame, ["a"], ["c2"], **options).empty  # one feature has no order
