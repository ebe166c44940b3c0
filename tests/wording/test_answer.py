"""The answer and its limits: every sentence is computed, and says what a hostile reader would ask for."""

import math

import pytest
from experiments import make_design

from helpers.records import DETAIL, Check, DataInfo, Estimate, Results
from helpers.wording.answer import describe_effect, explain, write_limits

BINARY = {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.02, "label": "Activated"}


def estimate(**changes):
    fields = {
        "id": "a", "metric": "y", "control": "c", "treatment": "t", "comparison": "t - c", "estimand": "difference",
        "role": "primary", "estimate": 0.05, "std_error": 0.01, "ci_low": 0.03, "ci_high": 0.07, "p_value": 1e-6,
        "control_value": 0.30, "treatment_value": 0.35, "n_control": 1000, "n_treatment": 1010,
        "verdict": "clear benefit",
    }  # fmt: skip
    return Estimate(**{**fields, **changes})


def results(*estimates, kind="yours", status="answered", checks=(), metrics=None, plan=None, **changes):
    data = DataInfo(kind, "", "f", None, 2010, 2010, {"c": 1000, "t": 1010})
    found = Results("experiment", "t", "q", status, data, {}, checks=checks, estimates=estimates, **changes)
    return explain(found, make_design(metrics=metrics or {"y": BINARY}, **(plan or {})))


def test_write_answer_names_values_effect_interval_n_and_verdict():
    assert results(estimate()).answer == (
        "Activated: 35.0 % with t, 30.0 % with c; +5.0 points, between +3.0 and +7.0 points (2,010 units). "
        "By the plan's rule this is a clear benefit.",
    )


def test_write_answer_of_simulated_data_begins_by_saying_so():
    answer = results(estimate(), kind="simulated").answer
    assert answer[0] == (
        "These data are simulated: the effect was planted, so finding it tests the method and is no evidence."
    )
    withheld = results(kind="simulated", status="withheld", answer=("The sample ratio is not as planned.",)).answer
    assert withheld == (answer[0], "The sample ratio is not as planned.")


VERDICTS = [
    (
        "no clear difference",
        {"ci_low": -0.01, "ci_high": 0.11},
        "No clear difference: anything between -1.0 and +11.0 points fits.",
    ),
    ("no worthwhile difference", {}, "Any difference is smaller than the 2 points that the plan calls worthwhile."),
    ("clear harm", {}, "By the plan's rule this is a clear harm."),
]


@pytest.mark.parametrize(("verdict", "changes", "sentence"), VERDICTS)
def test_describe_effect_ends_with_the_verdict(verdict, changes, sentence):
    row = estimate(verdict=verdict, **changes)
    assert describe_effect(row, results(row)).endswith(sentence)


def test_describe_effect_says_when_the_plan_expected_the_opposite():
    row = estimate(as_expected=False)
    told = describe_effect(row, results(row))
    assert told.endswith("By the plan's rule this is a clear benefit, and the opposite of what the plan expected.")


def test_describe_effect_that_cannot_be_estimated_says_why():
    row = estimate(verdict="not estimable", estimate=math.nan, reason="fewer than two units in an arm")
    assert (
        describe_effect(row, results(row)) == "Activated, t - c, cannot be estimated: fewer than two units in an arm."
    )


def test_write_answer_when_interim_says_that_intervals_are_wider():
    assert results(estimate(), status="interim").answer[0] == (
        "The planned end is not reached, so intervals are wider than they will be: they allow for looking early."
    )


def test_write_answer_counts_guardrails_that_hold_and_names_one_that_does_not():
    guardrail = {"kind": "score", "role": "guardrail", "better": "higher", "margin": {"absolute": 0.1}}
    metrics = {"y": BINARY, "g": guardrail}
    holds = estimate(id="g", metric="g", role="guardrail", verdict="not inferior")
    assert results(estimate(), holds, metrics=metrics).answer[-1] == "The guardrail holds."
    fails = results(estimate(), holds.but(verdict="inferior"), metrics=metrics).answer[-1]
    assert fails.startswith("G: ") and fails.endswith("that the plan tolerates.")
    unsure = holds.but(id="h", treatment="u", verdict="non-inferiority not shown")
    two = results(estimate(), unsure, holds.but(verdict="inferior"), metrics=metrics).answer
    assert two[1] == "2 of 2 guardrail comparisons are not shown to hold (g)."
    assert two[2].startswith("G: ") and "It is worse by more than" in two[2]  # the worst one stands in full
    both = results(estimate(), holds, holds.but(id="h", treatment="u"), metrics=metrics).answer
    assert both[-1] == "Both guardrail comparisons hold."


def test_write_answer_says_why_the_split_is_not_tested():
    checks = (Check("srm", "not tested", math.nan, 0.001, "Too few to test the sample ratio."),)
    variant = {"column": "variant", "control": "c", "treatments": ["t"], "split": "unknown"}
    assert results(estimate(), checks=checks, plan={"variant": variant}).answer[-1] == (
        "The planned split is unknown, so whether units were assigned as planned is not tested."
    )
    assert results(estimate(), checks=checks).answer[-1] == "Too few to test the sample ratio."


def test_write_answer_prints_the_acknowledged_reason_above_the_effects():
    checks = (Check("srm", "fail", 1e-9, 0.001, "The sample ratio is not as planned."),)
    released = results(estimate(), checks=checks, kind="simulated", plan={"acknowledge": {"srm": "rows were lost."}})
    assert released.answer[1:3] == (
        "The sample ratio is not as planned. The plan releases the answer all the same, for this reason: "
        "rows were lost.",
        describe_effect(estimate(), released),
    )
    assert len(results(estimate(), plan={"acknowledge": {"srm": "not needed"}}).answer) == 1


def test_write_answer_of_a_crowded_family_prints_the_interval_and_why_it_is_not_clear():
    row = estimate(p_value=0.03, p_value_adjusted=0.09, family="secondary", verdict="no clear difference")
    assert describe_effect(row, results(row)) == (
        "Activated: 35.0 % with t, 30.0 % with c; +5.0 points, between +3.0 and +7.0 points (2,010 units). "
        "No clear difference: alone it would be one, but not among all secondary comparisons."
    )


def test_describe_effect_counts_clusters():
    row = estimate(clusters_control=30, clusters_treatment=31)
    assert "(2,010 units in 61 clusters)" in describe_effect(row, results(row))


def test_write_answer_without_a_primary_metric_says_so_and_shows_what_there_is():
    row = estimate(role="exploratory", verdict="clear benefit")
    told = results(row, metrics={"y": {**BINARY, "role": "exploratory"}})
    assert told.answer == ("The plan names no primary metric.", describe_effect(row, told))


def test_write_answer_when_interim_and_nothing_estimable_promises_no_interval():
    row = estimate(verdict="not estimable", estimate=math.nan, ci_low=math.nan, reason="an arm has no units")
    assert results(row, status="interim").answer == (
        "The planned end is not reached, and nothing can be estimated yet.",
        "Activated, t - c, cannot be estimated: an arm has no units.",
    )


def test_write_answer_names_an_association_that_tells_another_story():
    fair = estimate(verdict="no clear difference", ci_low=-0.01, ci_high=0.11)
    naive = estimate(
        id="n", estimand="naive", population="as_treated", role="exploratory", estimate=0.2, ci_low=0.18, ci_high=0.22
    )
    assert results(fair, naive).answer[-1] == (
        "Activated, those who took it up against those who did not: +20.0 points, between +18.0 and +22.0 points. "
        "That is an association, not an effect."
    )
    same = naive.but(verdict="no clear difference")
    assert len(results(fair, same).answer) == 1


def test_write_limits_follow_data_kind_exposure_and_missing_outcomes():
    plain = write_limits(results(estimate()), make_design())
    assert plain == ("Anything after the last measurement: an effect may grow, fade or turn.",)
    rich = make_design(exposure={"column": "took"}, segments=["country"], metrics={"y": {**BINARY, "within_days": 28}})
    answered = results(estimate(population="responders"), kind="simulated")
    limits = write_limits(answered, rich)
    assert len(limits) == 4
    assert limits[0].startswith("Nothing about real customers")
    assert "Activated" in limits[1]
    assert limits[3] == "Anything later than 28 days after assignment: an effect may grow, fade or turn."


def test_write_answer_names_at_most_two_effects_clear_ones_first_and_counts_the_rest():
    many = [estimate(id=str(i), metric=f"m{i}", verdict="no clear difference") for i in range(4)]
    told = results(*many, estimate(id="4", metric="m4", verdict="clear harm")).answer
    assert told[0].startswith("M4: ") and told[1].startswith("M0: ")
    assert told[2:] == ("The other primary comparisons: 3 no clear difference.",)
    assert results(*many[:3]).answer[2] == "The other primary comparison: 1 no clear difference."


def test_explain_tells_the_studys_own_answer_behind_the_data_kind_and_then_one_effect():
    metrics = {"y": BINARY, "z": {**BINARY, "role": "secondary", "label": "Paid"}}
    rows = estimate(), estimate(metric="z", role="secondary")
    both = results(*rows, kind="simulated", metrics=metrics)
    led = explain(both, make_design(metrics=metrics), first=("It pays.", "")).answer
    assert led == (both.answer[0], "It pays.", both.answer[1])
    assert len(both.answer) == 3
    closed = results(kind="simulated", status="withheld", answer=("Mismatch.",))
    assert "It pays." not in explain(closed, make_design(), first=("It pays.",)).answer


def test_describe_effect_reads_an_ordered_score_in_pairs():
    ordered = {"y": {"kind": "score", "role": "primary", "better": "higher", "scale": "ordered", "label": "Ease"}}
    row = estimate(estimate=0.1, ci_low=0.05, ci_high=0.15, control_value=0.31, treatment_value=0.41)
    assert describe_effect(row, results(row, metrics=ordered)) == (
        "Ease: of 100 pairs, 41 are higher with t and 31 with c; +10.0 points, between +5.0 and +15.0 points "
        "(2,010 units). By the plan's rule this is a clear benefit."
    )


def test_describe_effect_reads_a_quantile_and_a_rate_in_their_units():
    spend = {"y": {"kind": "amount", "role": "primary", "better": "higher", "quantile": 0.9, "unit": "USD"}}
    row = estimate(estimate=5.0, ci_low=3.0, ci_high=7.0, control_value=30.0, treatment_value=35.0)
    told = describe_effect(row, results(row, metrics=spend))
    assert told.startswith("Y, 90th percentile: $35.00 with t, $30.00 with c; +$5.00, between +$3.00 and +$7.00")
    rate = {"y": {"kind": "count", "role": "primary", "better": "higher", "time_at_risk": "days_at_risk"}}
    told = describe_effect(row, results(row, metrics=rate))
    assert told.startswith("Y: 35.0 per day at risk with t, 30.0 per day at risk with c; +5.0 per day at risk,")


def test_write_answer_tells_that_a_primary_effect_lies_outside_its_methods_domain():
    plain = "Y: there are too few units, so the interval may hold the truth less often than it says."
    outside = Check("domain_y", "warn", math.nan, math.nan, f"{plain}{DETAIL}the smaller arm needs at least 30.")
    other = Check("domain_z", "warn", math.nan, math.nan, "Z: there are too few units.")
    row = estimate()
    told = results(row, checks=(outside, other)).answer
    assert told == (describe_effect(row, results(row)), plain)
