"""Small cells of milestones: few accounts, few kept or few lost, and what would give them away."""

import math

import milestones_samples as made
import numpy as np
import pandas as pd
import pytest

from helpers import disclosure
from helpers.disclosure.framework import protect_landmarks, protect_milestones

PLAN = made.sample_plan()
NAN = math.nan
REASON = "hidden: fewer than 10 accounts, kept or lost here, or in a group that this one would reveal"
COUNTS = {  # table -> columns in which no count under min_cell may be seen
    "readings": ["n_reached", "n_not"], "hazards": ["lost"], "landmark_effects": ["n_reached", "n_not"],
    "activation_counts": ["n", "kept"], "mature_counts": ["n", "kept"], "maturity_lines": ["n_at_or_above"],
    "steps": ["n_done"], "size_bands": ["n"], "ranking": ["n_used"], "next_steps": ["accounts"],
    "review": ["n", "lost"], "milestone_survival": ["at_risk"], "states": ["at_risk"],
}  # fmt: skip


def _protect(name, frame, **others):
    return protect_milestones({name: frame, **others}, PLAN)[name]


def _effects(n_reached, share_reached, adjusted=0.5):
    row = {"milestone": "using", "outcome": "retained", "landmark": 90.0, "n_not": 500, "share_not": 0.5}
    row |= {"n_reached": n_reached, "difference": 0.1, "reason": None}
    rows = [row | {"adjustment": "none", "share_reached": share_reached}]
    rows += [row | {"adjustment": "covariates", "share_reached": adjusted}]
    return pd.DataFrame([*rows, *[row | {"landmark": 60.0, "n_reached": 400, "share_reached": 0.5}]])


@pytest.mark.parametrize(("n", "share", "hidden"), [
    (100, 0.5, False),
    (9, 0.5, True),  # few reached it
    (100, 0.09, True),  # few of them were kept
    (100, 0.91, True),  # few of them were lost
    (100, 0.0, True),  # none of these 100 tells about each of them
])  # fmt: skip
def test_protect_milestones_hides_effects_of_small_sides_in_both_readings(n, share, hidden):
    frame = _effects(n, share)
    found = _protect("landmark_effects", frame)
    assert found["difference"].isna().tolist() == [hidden, hidden, False]
    assert found["reason"].tolist() == [REASON if hidden else None] * 2 + [None]
    assert found["landmark"].tolist() == [90.0, 90.0, 60.0]
    assert frame["difference"].notna().all()  # the input stays


def test_protect_milestones_hides_the_naive_reading_that_gives_away_who_left_early():
    rows = {"reading": ["naive", "landmark", "adjusted"], "n_reached": [100, 100, 100], "n_not": [205, 200, 200]}
    frame = pd.DataFrame(rows).assign(share_reached=0.5, share_not=0.5, difference=0.0, reason=None)
    assert _protect("readings", frame)["difference"].isna().tolist() == [True, False, False]
    assert _protect("readings", frame.assign(n_not=[240, 200, 200]))["difference"].notna().all()
    few = frame.assign(n_not=[240, 200, 200], share_not=[0.5, 0.01, 0.5])
    assert _protect("readings", few)["difference"].isna().tolist() == [False, True, True]


def test_protect_milestones_hides_hazards_of_few_losses():
    frame = pd.DataFrame(
        {"reading": ["a", "b", "c"], "hazard_ratio": 0.5, "n": 100, "lost": [10, 9, 91], "reason": None}
    )
    assert _protect("hazards", frame)["hazard_ratio"].isna().tolist() == [False, True, True]


def test_protect_milestones_shows_days_between_which_many_were_lost():
    lost = {1: [0, 4, 12, 15, 30, 40], 0: [0, 12, 24, 36, 48, 60]}
    rows = [("using", r, day, 100 - n, n) for r in lost for day, n in enumerate(lost[r])]
    frame = pd.DataFrame(rows, columns=["milestone", "reached", "day", "at_risk", "lost"]).assign(share=0.5)
    found = _protect("milestone_survival", frame)
    # 4 and 3 more would be seen on days 1 and 3 among those who reached it
    assert found[found["reached"] == 1]["day"].tolist() == found[found["reached"] == 0]["day"].tolist() == [0, 2, 4, 5]
    short = frame.assign(at_risk=frame["at_risk"].where(frame["day"] < 5, 9))
    assert _protect("milestone_survival", short)["day"].max() == 4


def test_protect_milestones_hides_rare_states_and_their_company_but_not_empty_ones():
    states = ["started", "set up", "using", "mature", "gone"]
    rows = [(0, s, share, 100) for s, share in zip(states, [0.6, 0.25, 0.12, 0.03, 0.0], strict=True)]
    rows += [(1, s, 0.2, 9) for s in states]
    found = _protect("states", pd.DataFrame(rows, columns=["month", "state", "share", "at_risk"]))
    assert found["share"].isna().tolist() == [False, False, True, True, False]  # month 1 is gone: 9 at risk


def test_protect_milestones_hides_rare_moves_and_states_that_few_were_in():
    rows = [
        ("using", "using", 100, 80),
        ("using", "mature", 100, 15),
        ("using", "gone", 100, 5),
        ("mature", "gone", 9, 0),
        ("set up", "set up", 100, 88),
        ("set up", "gone", 100, 12),
    ]
    found = _protect(
        "flows", pd.DataFrame(rows, columns=["from_state", "to_state", "months", "moves"]).assign(share=0.1)
    )
    # the company of the 5 is the smallest move from the same state, not that of another
    assert found["share"].isna().tolist() == [False, True, True, True, False, False]


def test_protect_milestones_hides_bins_with_few_kept_or_lost():
    bins = {"count_low": [0, 1, 2, 3], "count_high": [0, 1, 2, 9], "open": [False, False, False, True]}
    frame = pd.DataFrame(bins | {"n": [50, 50, 50, 60], "kept": [25, 25, 30, 52]}).assign(share=0.5)
    found = _protect("activation_counts", frame)
    assert found["n"].isna().tolist() == [False, False, True, True]  # 8 lost, and the fewest lost of the others
    assert found["count_low"].tolist() == [0, 1, 2, 3] and found["open"].tolist() == frame["open"].tolist()
    mature = frame.rename(columns={"count_low": "mature_categories"})[["mature_categories", "n", "kept", "share"]]
    assert _protect("mature_counts", mature)["share"].isna().tolist() == [False, False, True, True]


def test_protect_milestones_hides_lines_that_lie_too_close():
    # 300 accounts: 200 reach line 1, 60 line 2, 12 line 3, 8 line 4; so 4 lie between lines 3 and 4
    above = np.array([200, 60, 12, 8])
    frame = pd.DataFrame({"line": [1, 2, 3, 4], "n_at_or_above": above, "share_at_or_above": above / 300})
    frame = frame.assign(difference=0.1, planned=[False, True, False, False], reason=None)
    found = _protect("maturity_lines", frame)
    assert found["difference"].isna().tolist() == [False, False, False, True]
    near = frame.assign(n_at_or_above=[295, 60, 14, 11], share_at_or_above=np.array([295, 60, 14, 11]) / 300)
    assert _protect("maturity_lines", near)["difference"].isna().tolist() == [True, False, True, False]
    assert _protect("maturity_lines", near)["planned"].tolist() == frame["planned"].tolist()


def test_protect_milestones_hides_what_few_accounts_did_or_did_not_do():
    frame = pd.DataFrame({"feature": list("abc"), "n_used": [9, 50, 95], "prevalence": [0.09, 0.5, 0.95]})
    frame = frame.assign(importance=0.1, difference=0.2, supported="supported", flag="", reason=None)
    found = _protect("ranking", frame)
    assert found["importance"].isna().tolist() == found["difference"].isna().tolist() == [True, False, True]
    assert found["supported"].tolist() == ["", "supported", ""] and found["reason"].tolist() == [REASON, None, REASON]
    steps = frame.rename(columns={"feature": "step", "n_used": "n_done", "prevalence": "share_done"})
    assert _protect("steps", steps)["difference"].isna().tolist() == [True, False, True]


def test_protect_milestones_hides_areas_with_a_small_level():
    names = list(PLAN.categories)[:2]
    frame = pd.DataFrame({"category": names, "none": [0.5, 0.5], "basic": [0.3, 0.46], "mature": [0.2, 0.04], "n": 100})
    frame = frame.assign(difference=0.1, success_metric="share", reason=None)
    found = _protect("categories", frame)
    assert found["mature"].isna().tolist() == [False, True] and found["success_metric"].tolist() == ["share"] * 2
    plain = made.sample_plan(categories={names[0]: {"mature": PLAN.categories[names[0]].mature}}, mature_at_least=None)
    lone = frame.iloc[:1].assign(none=0.8, basic=0.0)  # no basic feature is planned: nobody can be basic
    assert protect_milestones({"categories": lone}, plain)["categories"]["mature"].notna().all()
    assert protect_milestones({"categories": lone}, PLAN)["categories"]["mature"].isna().all()


def test_protect_milestones_hides_bands_by_who_passes_and_who_stays():
    frame = pd.DataFrame({"band": ["1", "2", "3"], "line": "per seat", "n": 100, "pass_rate": [0.5, 0.5, 0.05]})
    frame = frame.assign(share_pass=0.5, share_fail=0.5, gap=0.0)
    found = _protect("size_bands", frame)
    assert found["gap"].isna().tolist() == [True, False, True]  # 5 pass; of equally many, the first goes with them
    assert found["band"].tolist() == ["1", "2", "3"]


def test_protect_milestones_hides_small_counts_of_next_steps():
    frame = pd.DataFrame({"step": ["set_up", "using", "none"], "accounts": [4, 30, 60], "association": 0.1})
    frame = frame.assign(ci_low=0.0, ci_high=0.2, share_now=0.5, units_needed=900.0, reason=None)
    found = _protect("next_steps", frame)
    assert found["accounts"].isna().tolist() == found["units_needed"].isna().tolist() == [True, True, False]
    assert found["association"].tolist() == [0.1] * 3 and found["reason"].tolist() == [REASON, REASON, None]


def test_protect_milestones_shows_next_steps_that_nobody_can_be_advised_to():
    rows = {"step": ["set_up", "activated", "mature", "none"], "accounts": [300, 0, 0, 60], "association": 0.1}
    frame = pd.DataFrame(rows).assign(ci_low=0.0, ci_high=0.2, share_now=0.5, units_needed=[900.0, 700.0, NAN, NAN])
    frame["reason"] = pd.Series([None, "its window is over", "no clear difference", "they lack nothing"], dtype=object)
    pd.testing.assert_frame_equal(_protect("next_steps", frame), frame)
    few = _protect("next_steps", frame.assign(accounts=[300, 0, 0, 4]))
    assert few["accounts"].isna().tolist() == [True, False, False, True]  # the 4, and what would give them away
    clear = frame.assign(reason=frame["reason"].where(frame["step"] != "activated", None))
    pd.testing.assert_frame_equal(_protect("next_steps", clear), clear)  # all who lack it lack what is worth more


def test_protect_milestones_hides_small_cohorts_and_their_drift():
    cohorts = ["2022-Q1", "2022-Q2", "2022-Q3"]
    review = pd.DataFrame({"cohort": cohorts, "n": [100, 90, 5], "lost": [50, 45, 2], "auc": 0.6, "choice": "keep"})
    drift = pd.DataFrame({"cohort": [*cohorts, "all"], "what": "cut", "found": 8.0})
    found = protect_milestones({"review": review, "drift": drift}, PLAN)
    assert found["review"]["auc"].isna().tolist() == [False, True, True]
    assert found["drift"]["cohort"].tolist() == ["2022-Q1", "all"]
    threshold = pd.DataFrame({"n": [400], "n_newest": [5], "newest_cohort": ["2022-Q3"], "newest_difference": [0.1]})
    assert _protect("threshold", threshold)[["n_newest", "newest_difference"]].isna().all(axis=None)
    assert _protect("threshold", threshold.assign(n_newest=10))["newest_difference"].tolist() == [0.1]


def test_protect_milestones_stops_the_curve_of_a_snapshot_and_leaves_out_what_is_empty():
    frame = pd.DataFrame({"day": [0.0, 1.0], "at_risk": [50, 9], "share": [1.0, 0.9]})
    assert _protect("overall", frame)["day"].tolist() == [0.0]
    assert protect_milestones({"overall": frame.assign(at_risk=3), "definitions": frame}, PLAN).keys() == {
        "definitions"
    }


def test_protect_milestones_of_a_whole_study_changes_nothing_that_is_large_and_shows_nothing_that_is_small():
    tables = made.sample_milestones().tables
    plain = protect_milestones(tables, made.sample_plan(min_cell=1))
    for name in tables:
        assert plain[name].isna().sum().sum() <= tables[name].isna().sum().sum()
    strict = protect_milestones(tables, made.sample_plan(min_cell=400))
    assert sum(table.isna().sum().sum() for table in strict.values()) > 100
    for name, columns in COUNTS.items():
        for column in columns if name in strict else ():
            assert not (strict[name][column] < 400).any(), (name, column)


def test_protect_landmarks_hides_all_estimates_of_the_same_accounts():
    estimates = made.sample_milestones().estimates
    assert protect_landmarks(estimates, PLAN) == estimates
    one = next(e for e in estimates if e.metric == "retained" and e.treatment == "activated" and e.at is None)
    raw, adjusted = one.but(adjustment="none", treatment_value=5 / one.n_treatment), one.but(adjustment="covariates")
    other = one.but(metric="expanded")
    found = protect_landmarks([raw, adjusted, other], PLAN)
    assert [e.verdict == "not estimable" for e in found] == [True, True, False] and found[2] == other
    assert found[0].reason == REASON and math.isnan(found[0].n_control) and math.isnan(found[1].estimate)


def test_protect_landmarks_hides_small_sides_that_are_not_estimable_and_reads_no_share_in_a_ratio():
    one = made.sample_milestones().estimates[0]
    blank = one.but(estimate=math.nan, verdict="not estimable", reason="few", n_control=900, n_treatment=4)
    assert protect_landmarks([blank], PLAN)[0].reason == REASON
    unknown = blank.but(n_control=0, n_treatment=0)
    assert protect_landmarks([unknown], PLAN) == (unknown,)
    ratio = one.but(estimand="hazard_ratio", control_value=0.0, treatment_value=0.0)
    assert protect_landmarks([ratio], PLAN) == (ratio,)


def test_protect_framework_hides_in_tables_and_estimates_alike():
    results = made.sample_milestones()
    same = disclosure.protect_framework(results, PLAN)
    assert same.estimates == results.estimates and set(same.tables) == set(results.tables)
    assert same.tests == results.tests != ()
    large = made.sample_plan(min_cell=5000)
    hidden = disclosure.protect_framework(results, large)
    assert hidden.estimates == protect_landmarks(results.estimates, large) != results.estimates
    assert hidden.tests == ()  # a log-rank test or the best line would tell of the same accounts
    expected = protect_milestones(results.tables, large)
    pd.testing.assert_frame_equal(hidden.tables["readings"], expected["readings"])
    assert results.tables["readings"]["difference"].notna().all()  # the given results stay as they are
