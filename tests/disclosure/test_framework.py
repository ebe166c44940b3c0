"""A framework whose small cells are hidden: counts that are carried to be checked, and the same figure elsewhere."""

import milestones_samples as made
import numpy as np
import pandas as pd
import pytest

from helpers import disclosure
from helpers.disclosure.framework import protect_landmarks, protect_milestones
from helpers.milestones.counts import SIDES, count_sides
from helpers.milestones.features import measure_features
from helpers.milestones.maturity import study_maturity
from helpers.milestones.setup import study_setup
from helpers.milestones.thresholds import study_threshold

PLAN = made.sample_plan()
REASON = "hidden: fewer than 10 accounts, kept or lost here, or in a group that this one would reveal"


def _protect(name, frame, **others):
    return protect_milestones({name: frame, **others}, PLAN)[name]


def _cuts(rows):
    """Cuts of accounts: the count, and the accounts and the kept at or above it, of 400 with 300 kept."""
    cut, n, kept = zip(*rows, strict=True)
    frame = pd.DataFrame({"cut": cut, "difference": 0.123456789, "statistic": 1.98765, "in_set": True, "chosen": 1})
    sides = {"n_with": n, "kept_with": kept, "n_without": 400 - np.array(n), "kept_without": 300 - np.array(kept)}
    return frame.assign(statistic=frame["statistic"] + frame["cut"] / 1000, **sides)


def _hide_headline():
    """Tables in which few of those who activated were lost at the main landmark."""
    tables = dict(made.sample_milestones().tables)
    effects = tables["landmark_effects"]
    small = (effects["milestone"] == "activated") & (effects["outcome"] == "retained") & (effects["landmark"] == 90)
    return tables | {"landmark_effects": effects.assign(share_reached=effects["share_reached"].mask(small, 1.0))}


def test_protect_milestones_hides_cuts_between_which_few_lie_and_rounds_the_others():
    frame = _cuts([(1, 380, 289), (2, 300, 240), (3, 295, 238), (4, 250, 231), (5, 200, 185), (6, 120, 112)])
    found = _protect("cuts", frame)
    # 6: 8 lost above it; 4 to 5: 46 and 4 lost; 3 to 5: 42 kept or lost; 2 to 3: 5; 1: 9 lost below it, 11 kept
    assert found["difference"].isna().tolist() == [True, True, False, True, False, True]
    assert found["difference"].dropna().tolist() == [0.123, 0.123]
    assert found["statistic"].dropna().tolist() == [1.991, 1.993] and found["chosen"].tolist() == [1] * 6
    assert not set(SIDES) & set(found) and frame["difference"].notna().all()
    curve = pd.DataFrame({"count": [1.0], "share_smooth": [0.123456], "share_step": [0.123456]})
    assert _protect("activation_curves", curve).iloc[0].tolist() == [1.0, 0.123456, 0.123]


def test_protect_milestones_says_nothing_at_the_best_cut_when_few_were_lost_above_it():
    frame = _cuts([(5, 200, 150), (6, 120, 112)])  # the last has the largest statistic
    others = {"activation_curves": made.sample_milestones().tables["activation_curves"]}
    others["threshold"] = made.sample_milestones().tables["threshold"]
    found = protect_milestones({"cuts": frame, **others}, PLAN)
    assert "activation_curves" not in found and np.isnan(found["threshold"]["naive_difference"].iloc[0])
    enough = protect_milestones({"cuts": frame.iloc[:1], **others}, PLAN)
    assert "activation_curves" in enough and enough["threshold"]["naive_difference"].notna().all()


def test_protect_milestones_hides_a_hidden_headline_wherever_it_stands():
    tables = _hide_headline()
    tables["model"] = pd.DataFrame([("difference", "activated", 0.1), ("difference", "using", 0.1)],
                                   columns=["kind", "name", "value"])  # fmt: skip
    found = protect_milestones(tables, PLAN)
    for name in ("threshold", "alive"):
        assert (
            found[name][["naive_difference", "difference", "planned_difference", "planned_high"]].isna().all(axis=None)
        )
    assert found["hazards"]["hazard_ratio"].isna().all()
    step = found["next_steps"].set_index("step").loc["activated"]
    assert np.isnan(step["association"]) and np.isnan(step["units_needed"]) and step["accounts"] == 4100
    assert found["next_steps"].set_index("step").loc["using", "association"] == 0.054
    assert found["model"]["name"].tolist() == ["using"]
    words = found["review_words"].set_index("milestone")
    assert words.loc["activated"].tolist() == ["too early", "Too few customers to say."]
    assert words.loc["using", "word"] == "watch" and found["maturity_lines"]["difference"].notna().sum() == 4


def test_protect_milestones_hides_the_planned_line_of_a_hidden_maturity():
    tables = _hide_headline()
    effects = tables["landmark_effects"].replace({"milestone": {"activated": "mature", "mature": "activated"}})
    found = protect_milestones(tables | {"landmark_effects": effects}, PLAN)
    lines = found["maturity_lines"].set_index("line")
    assert lines.loc[3, "reason"] == REASON and np.isnan(lines.loc[3, "difference"]) and lines.loc[3, "planned"]
    assert lines.loc[2, "difference"] == 0.038 and found["threshold"]["difference"].notna().all()


def test_protect_milestones_takes_the_words_of_a_hidden_cohort():
    why = ["The difference in 2022-Q4 is +3.0 points.", "The difference in 2022-Q4 is not estimable."]
    words = pd.DataFrame({"milestone": ["using", "mature"], "word": ["keep", "too early"], "why": why})
    review = pd.DataFrame({"cohort": ["2022-Q3", "2022-Q4"], "n": [300, 9], "lost": [50, 4], "choice": "keep"})
    found = _protect("review_words", words, review=review)
    assert found["why"].tolist() == ["Too few customers to say."] * 2 and found["word"].tolist() == ["too early"] * 2
    large = review.assign(n=300, lost=50)
    assert _protect("review_words", words, review=large)["why"].tolist() == why


def test_protect_framework_hides_estimates_with_their_readings():
    results = made.sample_milestones()
    readings = results.tables["readings"]
    is_naive, landmark = readings["reading"] == "naive", readings.set_index("reading").loc["landmark"]
    few = {side: readings[side].mask(is_naive, landmark[side]) for side in ("n_reached", "n_not")}
    few["n_not"] += 5 * is_naive  # 5 had left before the landmark
    hidden = disclosure.protect_framework(results.but(tables={"readings": readings.assign(**few)}), PLAN)
    gone = [old.estimand for old, new in zip(results.estimates, hidden.estimates, strict=True) if old != new]
    assert gone == ["naive"]
    naive = next(e for e in results.estimates if e.estimand == "naive")
    cloned, ratio = naive.but(estimand="difference", adjustment="weights"), naive.but(estimand="hazard_ratio")
    estimates = [naive, cloned, ratio, results.estimates[0]]
    for place, name in enumerate(("naive", "clone-censor-weight", "hazards")):
        found = protect_landmarks(estimates, PLAN, hidden={name})
        assert [e.reason == REASON for e in found] == [place == i for i in range(4)]
    few = disclosure.protect_framework(results.but(tables=_hide_headline(), estimates=estimates), PLAN).estimates
    assert few[2].reason == REASON and few[3] == estimates[3]


def test_protect_milestones_hides_what_few_were_kept_or_lost_with():
    sides = {"n_with": 200, "kept_with": [100, 191, 100], "n_without": 200, "kept_without": [100, 100, 9]}
    frame = pd.DataFrame({"feature": list("abc"), "n_used": 200, "prevalence": 0.5, "difference": 0.1} | sides)
    frame = frame.assign(reason="the outcome does not vary")
    found = _protect("ranking", frame)
    assert found["reason"].tolist() == ["the outcome does not vary", REASON, REASON]
    assert found["difference"].isna().tolist() == [False, True, True] and not set(SIDES) & set(found)
    steps = frame.rename(columns={"feature": "step", "n_used": "n_done", "prevalence": "share_done"})
    assert _protect("steps", steps)["difference"].isna().tolist() == [False, True, True]
    names = {"category": list(PLAN.categories)[:3], "none": 0.3, "basic": 0.3, "mature": 0.4, "n": 400}
    levels = frame.drop(columns=["feature", "n_used", "prevalence"]).assign(**names, success_metric="share")
    assert _protect("categories", levels)["difference"].isna().tolist() == [False, True, True]
    newest = {"n_newest": 400, "newest_cohort": "2022-Q4", "newest_difference": 0.1, "confirmed": "confirmed"}
    row = _protect("threshold", frame.iloc[1:2].assign(**newest)).iloc[0]
    assert np.isnan(row["newest_difference"]) and row["confirmed"] == "too imprecise" and row["n_newest"] == 400


def test_protect_milestones_hides_lines_between_which_few_were_lost():
    lines = {"line": [1, 2, 3], "n_at_or_above": [300, 200, 100], "share_at_or_above": [0.75, 0.5, 0.25]}
    frame = pd.DataFrame(lines | {"difference": 0.1, "planned": False, "reason": None})
    frame = frame.assign(n_with=[300, 200, 100], kept_with=[225, 160, 65], n_without=[100, 200, 300])
    frame["kept_without"] = 300 - frame["kept_with"]
    assert _protect("maturity_lines", frame)["difference"].isna().tolist() == [False, True, False]  # 5 lost in 2 only
    assert _protect("maturity_lines", frame.drop(columns=[*SIDES]))["difference"].notna().all()


def test_protect_milestones_shows_hazards_that_were_not_looked_at_and_hides_those_of_few_that_failed():
    hazards = pd.DataFrame({"reading": list("abc"), "hazard_ratio": np.nan, "n": [0, 100, 100], "lost": [0, 4, 50]})
    found = _protect("hazards", hazards.assign(reason="no event"))
    assert found["reason"].tolist() == ["no event", REASON, "no event"] and np.isnan(found["lost"].iloc[1])


def test_protect_milestones_hides_landmarks_that_differ_by_few_accounts():
    results = made.sample_milestones()
    effects = results.tables["landmark_effects"]
    part = effects[(effects["outcome"] == "retained") & effects["landmark"].isin([90, 60])].reset_index(drop=True)
    part = part.assign(n_reached=4000, n_not=np.where(part["landmark"] == 90, 6000, 6009))
    assert _protect("landmark_effects", part).groupby("landmark")["n_not"].count().to_dict() == {
        60: 0,
        90: len(part) // 2,
    }
    assert _protect("landmark_effects", part.replace({"n_not": {6009: 6010}}))["n_not"].notna().all()
    one = next(e for e in results.estimates if e.population == "landmark" and e.at is None)
    for n, is_hidden in ((9, True), (10, False)):
        later = one.but(at="day 60", n_control=one.n_control + n)
        found = protect_landmarks([one, later], PLAN)
        assert [e.reason == REASON for e in found] == [False, is_hidden]


@pytest.mark.parametrize(("counts", "hidden"), [
    ((500, 490, 90, 400, 450, 100, 350), []),
    ((500, 480, 5, 475, 450, 100, 350), [1, 2]),  # 475 are compared: 480 would give the 5 away
    ((500, 495, 95, 400, 450, 100, 350), [1, 2]),  # 5 had started later
    ((500, 490, 90, 400, 490, 93, 397), [5, 6]),  # 3 fewer are compared
    ((500, 490, 0, 490, 450, 100, 350), []),
])  # fmt: skip
def test_protect_milestones_hides_few_on_the_way_to_a_landmark(counts, hidden):
    parts = ("followed", "lost before it", "kept")
    steps = ["started", *(f"landmark day {day}: {part}" for day in (90, 120) for part in parts)]
    found = _protect("landmark_flow", pd.DataFrame({"step": steps, "accounts": counts, "note": ""}))
    assert np.flatnonzero(found["accounts"].isna()).tolist() == hidden


def test_protect_milestones_leaves_out_a_model_of_few_lost():
    model = pd.DataFrame({"kind": ["coefficient", "n", "n"], "name": ["using", "accounts", "lost"]})
    assert _protect("model", model.assign(value=[0.5, 100.0, 10.0]))["value"].tolist() == [0.5, 100.0, 10.0]
    for lost in (9.0, 91.0):
        assert protect_milestones({"model": model.assign(value=[0.5, 100.0, lost])}, PLAN) == {}


def test_protect_milestones_hides_inputs_with_few_rows_and_events_that_nearly_all_have():
    frame = pd.DataFrame({"table": ["accounts", *["events"] * 4], "rows": [400, 9, 0, 395, 900], "missing": 0.1})
    frame = frame.assign(column=list("abcde"), latest="2023-06-30", days_old=1.0, note="old")
    found = _protect("freshness", frame)
    assert found["rows"].isna().tolist() == [False, True, False, True, False]
    for column in ("missing", "latest", "days_old", "note"):
        assert found[column].isna().tolist() == [False, True, False, False, False], column


def test_studies_carry_the_counts_that_are_checked():
    rng, n = np.random.default_rng(5), 240
    frame = pd.DataFrame({f"level_{area}": rng.integers(0, 3, n) for area in PLAN.categories})
    frame = frame.assign(mature_categories=(frame == 2).sum(axis=1), count=rng.integers(0, 12, n), tier="all", size=1.0)
    frame = frame.assign(retained=rng.integers(0, 2, n).astype(float), cohort=np.repeat(["2022-Q1", "2022-Q2"], n // 2))
    used = {f"feature_{feature.name}": rng.integers(0, 2, n) for feature in PLAN.features}
    frame = frame.assign(**used)
    tables = study_threshold(frame, PLAN, seed=1, n_resamples=9, folds=3)[1] | study_maturity(frame, PLAN, seed=1)
    tables["ranking"] = measure_features(frame, PLAN)
    history = pd.DataFrame({"followed_days": 300.0, "lost_day": np.nan, "tier": "all", "size": 1.0}, index=range(n))
    history["day_activated"] = np.where(np.arange(n) % 3, 60.0, np.nan)
    steps = {f"step_day_{step.name}": np.where(rng.random(n) < 0.5, 3.0, np.nan) for step in PLAN.steps}
    tables |= study_setup(history.assign(**steps), PLAN)
    for name in ("cuts", "threshold", "categories", "maturity_lines", "ranking", "steps"):
        assert (tables[name]["n_with"] + tables[name]["n_without"] == (n if name != "threshold" else n // 2)).all(), (
            name
        )
        assert not set(SIDES) & set(protect_milestones(tables, PLAN)[name]), name
    cut = tables["cuts"].iloc[0]
    assert count_sides(frame["count"] >= cut["cut"], frame["retained"]) == cut[[*SIDES]].astype(int).to_dict()
