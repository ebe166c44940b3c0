"""Claims: which data may test them, in which unit and direction, and with what verdict."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.claims import METHOD_ONLY, assess, read_claims
from helpers.records import DataInfo, Estimate, Results

UNTESTED, NOTHING = "not tested by this run", "nothing to test"
EFFECT = {"metric": "converted", "estimand": "difference", "population": "itt"}


def make_estimate(metric, value, low, high, **changes):
    fields = {"estimand": "difference", "estimate": value, "ci_low": low, "ci_high": high, "role": "secondary"}
    named = {"id": f"{metric}:1", "control": "links", "treatment": "no_links", "comparison": "no_links - links"}
    return Estimate(metric=metric, **{**named, **fields, **changes})


def make_results(*estimates, kind="yours", status="answered", study="proactive_help"):
    data = DataInfo(kind, "note", "file.csv", None, 10, 10)
    return Results(study, "t", "q", status, data, {}, estimates=estimates)


def assess_one(name, *estimates, truth=None, **changes):
    found = assess(make_results(*estimates, **changes), truth=truth)
    return next(claim for claim in found if claim.id == name)


def test_assess_names_every_claim_of_the_study_once():
    assert [c.id for c in assess(make_results())] == [f"P{i:02d}" for i in range(1, 18)]
    assert assess(make_results(study="experiment")) == ()


def test_assess_turns_the_estimate_into_the_claims_unit_and_direction():
    claim = assess_one("P13", make_estimate("converted", -0.08, -0.11, -0.05))
    assert (claim.published, claim.unit, claim.estimate_id) == (9.0, "points", "converted:1")
    assert (claim.estimate, claim.ci_low, claim.ci_high) == pytest.approx((8, 5, 11))


EXCLUDED, BOTH = (
    "The interval excludes the published value.",
    "The interval holds both the published value and no effect.",
)
RATIO = {"estimand": "ratio", "population": "as_treated"}
OWN = [
    # a figure: holds 9 and excludes 0; too small an effect; the other way round; anything fits
    ("P13", -0.11, -0.05, "consistent", "The interval holds the published value and excludes no effect."),
    ("P13", -0.08, -0.05, "inconsistent", EXCLUDED),
    ("P13", 0.02, 0.10, "inconsistent", EXCLUDED),
    ("P13", -0.20, 0.02, "too imprecise", BOTH),
    # a direction
    ("P11", -0.3, -0.1, "consistent", "The interval lies on the published side."),
    ("P11", 0.1, 0.3, "inconsistent", "The interval lies on the other side."),
    ("P11", -0.1, 0.3, "too imprecise", "The interval holds no effect, so the direction stays open."),
    # a ratio is held against 1: holds 2.5 and excludes 1; holds both; holds 1 only
    ("P04", 2.1, 2.8, "consistent", "The interval holds the published value and excludes no effect."),
    ("P04", 0.9, 2.9, "too imprecise", BOTH),
    ("P04", 0.9, 1.5, "inconsistent", EXCLUDED),
]
METRICS = {"P13": "converted", "P11": "conversations", "P04": "activated"}


def assess_ends(name, low, high, **given):
    more = RATIO if name == "P04" else {}
    return assess_one(name, make_estimate(METRICS[name], (low + high) / 2, low, high, **more), **given)


@pytest.mark.parametrize(("name", "low", "high", "verdict", "reason"), OWN)
def test_assess_on_own_data(name, low, high, verdict, reason):
    claim = assess_ends(name, low, high)
    assert (claim.published, claim.verdict, claim.reason) == ({"P13": 9, "P04": 2.5}.get(name), verdict, reason)


IMPRECISE = "holds it, and no effect too, so it is too imprecise"
NONE = "0 points, no effect, which is not the published 9"
PLANTED = [
    ("P13", -0.09, -0.10, -0.07, "recovered", "9 points; the interval finds it"),
    # it excludes 0 but misses what was planted
    ("P13", -0.09, -0.08, -0.05, "not recovered", "9 points; the interval misses it"),
    ("P11", -0.15, -0.2, -0.1, "recovered", "-0.15 conversations; the interval finds it"),
    # neither a direction nor a figure is found by an interval that holds no effect too
    ("P11", -0.15, -0.3, 0.1, "not recovered", f"-0.15 conversations; the interval {IMPRECISE}"),
    ("P13", -0.09, -0.2, 0.02, "not recovered", f"9 points; the interval {IMPRECISE}"),
    # where nothing was planted there is nothing to recover; a false alarm
    ("P13", 0.0, -0.02, 0.01, "nothing to test", f"{NONE}; the interval holds no effect"),
    ("P13", 0.0, -0.06, -0.01, "not recovered", f"{NONE}; the interval misses it"),
    # something else than the published value, or the published side
    ("P13", -0.03, -0.05, -0.01, "recovered", "3 points, which is not the published 9; the interval finds it"),
    ("P11", 0.2, 0.1, 0.3, "recovered",
     "0.2 conversations, on the other side than published; the interval finds it"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "planted", "low", "high", "verdict", "told"), PLANTED)
def test_assess_simulated_data_against_the_planted_truth(name, planted, low, high, verdict, told):
    truth = {"effects": [{**EFFECT, "metric": METRICS[name], "value": planted}]}
    claim = assess_ends(name, low, high, truth=truth, kind="simulated")
    assert (claim.verdict, claim.reason) == (verdict, f"The planted value is {told}. {METHOD_ONLY}")


@settings(derandomize=True, deadline=None, max_examples=25)
@given(planted=st.floats(-0.3, 0.3), middle=st.floats(-0.3, 0.3), half=st.floats(0.001, 0.3))
def test_assess_recovers_only_what_excludes_no_effect(planted, middle, half):
    truth = {"effects": [{**EFFECT, "value": planted}]}
    estimate = make_estimate("converted", middle, middle - half, middle + half)
    claim = assess_one("P13", estimate, truth=truth, kind="simulated")
    holds_planted, holds_none = abs(middle - planted) <= half, abs(middle) <= half
    assert (claim.verdict == "recovered") == (holds_planted and not holds_none)


UNTESTABLE = [
    ({"kind": "public"}, "Public data of another kind tests no claim."),
    ({"status": "withheld"}, "The answer is withheld, so no effect is shown."),
    ({"status": "interim"}, "The experiment is not finished."),
    ({"kind": "simulated"}, "No planted value of it is known to this run."),
]


@pytest.mark.parametrize(("changes", "reason"), UNTESTABLE)
def test_assess_leaves_a_claim_untested(changes, reason):
    claim = assess_one("P13", make_estimate("converted", -0.09, -0.11, -0.07), **changes)
    assert (claim.verdict, claim.reason) == (UNTESTED, reason)


def test_assess_never_uses_an_estimate_of_a_part_or_another_population():
    others = [{"segment": "US"}, {"at": "week 1"}, {"population": "compliers"}]
    others += [{"role": "sensitivity"}, {"estimand": "relative_lift"}]
    strangers = [make_estimate("converted", -0.09, -0.11, -0.07, **other) for other in others]
    claim = assess_one("P13", *strangers)
    assert (claim.verdict, claim.reason, claim.estimate_id) == (UNTESTED, "This run holds no such estimate.", None)
    assert np.isnan(claim.estimate)


def test_assess_an_undefined_estimate_gives_its_reason():
    claim = assess_one("P13", make_estimate("converted", np.nan, np.nan, np.nan, reason="No unit is observed."))
    assert (claim.verdict, claim.reason) == (UNTESTED, "No unit is observed.")
    claim = assess_one("P04", make_estimate("activated", 2.0, np.nan, np.nan, **RATIO))
    assert (claim.verdict, claim.reason) == (UNTESTED, "The estimate has no finite interval.")


def test_assess_says_what_the_article_left_out():
    told = assess_one("P01").reason
    assert told.startswith("It speaks of other companies") and "hold-out" in told


@settings(derandomize=True, deadline=None, max_examples=25)
@given(middle=st.floats(-0.3, 0.3), half=st.floats(0.001, 0.3))
def test_assess_consistent_holds_the_value_and_excludes_zero(middle, half):
    claim = assess_one("P13", make_estimate("converted", middle, middle - half, middle + half))
    holds, excludes = claim.ci_low <= 9 <= claim.ci_high, not claim.ci_low <= 0 <= claim.ci_high
    assert (claim.verdict == "consistent") == (holds and excludes)
    assert claim.ci_low <= claim.estimate <= claim.ci_high


def test_read_claims_holds_all_and_those_of_a_study():
    assert len(read_claims()) == 79
    assert set(read_claims("live_support")["id"]) == {f"R{i:02d}" for i in range(1, 19)}


def test_assess_names_every_claim_of_live_support_once_and_says_why_not():
    found = assess(make_results(study="live_support"))
    assert [c.id for c in found] == [f"R{i:02d}" for i in range(1, 19)]
    assert {c.verdict for c in found} == {UNTESTED, NOTHING} and all(c.reason for c in found)


def test_what_has_nothing_to_test_says_so_on_any_data():
    for kind in ("yours", "simulated", "public"):
        claim = assess_one("P03", kind=kind)
        assert (claim.verdict, claim.reason) == (
            NOTHING,
            "It describes the design: this run compares the same two arms, as assigned.",
        )


LEVELS = {"R03": "good_ratings", "R04": "median_reply_hours", "R08": "median_reply_minutes", "R16": "agent_hours"}


def assess_level(name, population, low, high, *, kind, truth=None):
    level = {"metric": LEVELS[name], "estimand": "level", "population": population, "reason": None}
    level |= {"estimate": (low + high) / 2, "ci_low": low, "ci_high": high}
    results = make_results(study="live_support", kind=kind).but(tables={"levels": pd.DataFrame([level])})
    return next(claim for claim in assess(results, truth=truth) if claim.id == name)


GROUPS = [
    # a published level inside and outside
    ("R04", "control", 0.9, 1.1, "consistent", "The interval holds the published value."),
    ("R04", "control", 1.9, 2.1, "inconsistent", EXCLUDED),
    # a target is met when the wait lies below it
    ("R08", "treatment", 1.4, 1.6, "consistent", "The interval lies on the published side."),
    ("R08", "treatment", 2.5, 3.5, "inconsistent", "The interval lies on the other side."),
    # another group's level is not it
    ("R03", "control", 0.94, 0.96, UNTESTED, "This run holds no such estimate."),
]


@pytest.mark.parametrize(("name", "population", "low", "high", "verdict", "reason"), GROUPS)
def test_assess_a_level_of_one_group(name, population, low, high, verdict, reason):
    claim = assess_level(name, population, low, high, kind="yours")
    assert (claim.verdict, claim.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("name", "population", "low", "high", "verdict", "found"),
    [
        ("R08", "treatment", 1.4, 1.6, "recovered", "lies on the published side"),
        ("R04", "control", 1.9, 2.1, "not recovered", "does not hold the published value"),
        ("R16", "treatment", -1, 9, "not recovered", "does not lie on the published side"),
    ],
)
def test_assess_a_level_that_the_world_is_made_to_have(name, population, low, high, verdict, found):
    claim = assess_level(name, population, low, high, kind="simulated")  # no one number is planted
    read = " The article's average is read as a median, as it does not say which." * (name != "R16")
    told = f"This world is made to have it; the interval {found}.{read} {METHOD_ONLY}"
    assert (claim.verdict, claim.reason) == (verdict, told)


def test_assess_a_planted_level():
    planted = {"metric": "good_ratings", "estimand": "level", "population": "before", "value": 0.95}
    claim = assess_level("R03", "before", 0.93, 0.96, kind="simulated", truth={"effects": [planted]})
    assert (claim.verdict, claim.estimate) == ("recovered", pytest.approx(94.5))
    assert claim.reason.startswith("The planted value is 95 % of ratings; the interval finds it.")


def make_landmark(metric, treatment, value):
    fields = {"treatment": treatment, "population": "landmark", "id": f"{metric}:{treatment}"}
    return make_estimate(metric, value, value - 0.02, value + 0.02, **fields)


def test_assess_what_must_hold_for_all_of_several_estimates_is_as_good_as_the_weakest():
    good = [make_landmark("retained", "activated", 0.1), make_landmark("expanded", "set_up", 0.05)]
    claim = assess_one("M12", *good, study="customer_milestones")
    assert (claim.verdict, claim.estimate_id) == ("consistent", "retained:activated")
    weak = make_landmark("expanded", "mature", 0.01)
    claim = assess_one("M12", *good, weak, study="customer_milestones")
    assert (claim.verdict, claim.estimate_id) == ("too imprecise", "expanded:mature")
    assert claim.reason == (
        "It holds for 2 of 3 estimates; told here: expanded by mature. "
        "The interval holds no effect, so the direction stays open."
    )


def test_assess_one_treatment_of_several():
    others = [make_landmark("dormant", "set_up", 0.3), make_landmark("dormant", "activated", -0.3)]
    both = (("set_up", 0.3), ("activated", -0.29))
    effects = [{**EFFECT, "metric": "dormant", "population": "landmark", "treatment": n, "value": v} for n, v in both]
    truth = {"effects": effects}
    claim = assess_one("M10", *others, study="customer_milestones", kind="simulated", truth=truth)
    assert (claim.verdict, claim.estimate_id) == ("recovered", "dormant:activated")
    assert claim.reason.startswith("The planted value is -29 points; the interval finds it.")


def test_assess_whether_any_setup_step_goes_with_activation():
    rows = [("first", 0.0, -0.1, 0.1), ("second", 0.2, 0.1, 0.3)]
    steps = pd.DataFrame(rows, columns=["step", "difference", "ci_low", "ci_high"]).assign(reason=None)
    results = make_results(study="customer_milestones").but(tables={"steps": steps})
    claim = next(c for c in assess(results) if c.id == "M11")
    assert (claim.verdict, claim.estimate_id, claim.estimate) == ("consistent", "step:second", pytest.approx(20))
    assert claim.reason.startswith("It holds for 1 of 2 estimates; told here: activated by second.")


@pytest.mark.parametrize(
    ("name", "metric", "more", "value", "shown"),
    [
        # relative lifts are told in per cent; R01 is the headline of R11
        ("R01", "revenue", {"estimand": "relative_lift"}, 0.15, 15),
        ("R10", "questions", {"estimand": "relative_lift"}, 0.18, 18),
        ("R11", "revenue", {"estimand": "relative_lift"}, 0.15, 15),
        ("R12", "trial", {"estimand": "relative_lift"}, 0.30, 30),
        # a survey has responders only, and its score is in points already
        ("R13", "nps", {"population": "responders"}, 15.0, 15),
    ],
)
def test_assess_claims_of_live_support_against_what_was_planted(name, metric, more, value, shown):
    row = make_estimate(metric, value, value * 0.8, value * 1.2, **more)
    planted = {"metric": metric, "estimand": row.estimand, "population": row.population, "value": value}
    claim = assess_one(name, row, study="live_support", kind="simulated", truth={"effects": [planted]})
    assert (claim.verdict, claim.published, claim.estimate) == ("recovered", shown, pytest.approx(shown))
    missed = assess_one(name, row, study="live_support", kind="simulated", truth={"effects": [{**planted, "value": 0}]})
    assert missed.verdict == "not recovered"


def test_assess_tells_a_planted_value_in_its_own_unit_where_the_article_leaves_it_open():
    row = make_estimate("nps", 4.6, 3.0, 6.0, population="responders")
    planted = {"metric": "nps", "estimand": "difference", "population": "responders", "value": 4.5}
    claim = assess_one("R13", row, study="live_support", kind="simulated", truth={"effects": [planted]})
    assert claim.reason == (
        "The planted value is 4.5 points among those who answered, which is not the published 15; the interval finds "
        "it. This tests the method, not the claim."
    )
