"""The words of any experiment: whole sentences for every verdict, for what is not yet, not shown and not planned."""

import math

import pandas as pd
import pytest
import samples
from experiments import make_design

from helpers.records import DETAIL, Check, DataInfo, Results
from helpers.view.words import explain

LABELS = {"c": "without links", "t": "with links", "u": "with short links"}
Y = {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.02, "label": "activated"}
G = {"kind": "score", "role": "guardrail", "better": "higher", "margin": {"absolute": 0.1}, "label": "satisfaction"}
NAN = math.nan
TOLD = "Activated: 35.0 % with links against 30.0 % without links, +5.0 points (between +3.0 and +7.0 points)"


def make(**changes):
    fields = {"id": "a", "metric": "y", "control": "c", "treatment": "t", "comparison": "t - c", "p_value": 1e-6}
    fields |= {"estimate": 0.05, "ci_low": 0.03, "ci_high": 0.07, "n_control": 1000, "n_treatment": 1010}
    return samples.effect(values=(0.30, 0.35), method="").but(**fields | changes)


def explained(*estimates, kind="yours", status="answered", metrics=None, plan=None, study="experiment", **changes):
    data = DataInfo(kind, "A public experiment.", "f", None, 2010, 2010, {"c": 1000, "t": 1010})
    found = Results(study, "t", "q", status, data, {}, estimates=estimates, **changes)
    return explain(found, make_design(metrics=metrics or {"y": Y}, **{"labels": LABELS, **(plan or {})}))


def turned(**changes):
    """Return a plan that shows control minus treatment."""
    return {"shown_as": {"contrast": "control - treatment", "words": "without minus with"}, **changes}


UNCLEAR = (
    "the rule gives no clear answer; the report “Before an experiment” says how many units it takes to find 2 points "
    "in activated."
)
VERDICTS = [
    # changes, answer, what is next
    ({}, f"{TOLD}, a clear benefit.", "by the plan's rule, go on with links."),
    ({"verdict": "clear harm"}, f"{TOLD}, a clear harm.", "by the plan's rule, stay without links."),
    ({"verdict": "clear difference"}, f"{TOLD}, a clear difference.",
     "the plan calls neither way better: decide whether this difference is wanted."),
    ({"verdict": "no clear difference", "ci_low": -0.01, "ci_high": 0.11, "p_value": 0.1},
     "Activated: no clear difference, +5.0 points (between -1.0 and +11.0 points).", UNCLEAR),
    ({"verdict": "no clear difference", "p_value": 0.03, "p_value_adjusted": 0.09},
     "Activated: no clear difference, +5.0 points (between +3.0 and +7.0 points); alone it would be clear, but not "
     "among all primary comparisons.", UNCLEAR),
    ({"verdict": "no worthwhile difference"},
     "Activated: +5.0 points (between +3.0 and +7.0 points), smaller than the 2 points that the plan calls worthwhile.",
     "the difference is too small to matter by the plan; choose what costs less."),
    ({"verdict": "not estimable", "estimate": NAN, "reason": "fewer than two units in an arm"},
     "Activated cannot be estimated: fewer than two units in an arm.",
     "collect what is missing, and run the report again."),
    ({"as_expected": False}, f"{TOLD}, a clear benefit, and the opposite of what the plan expected.",
     "by the plan's rule, go on with links."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "answer", "following"), VERDICTS)
def test_the_answer_and_what_is_next_follow_the_verdict(changes, answer, following):
    assert explained(make(**changes)).answer == (answer, f"Next: {following}")


def test_the_answer_reads_as_the_plan_displays_it():
    found = explained(make(), plan=turned())
    assert found.answer[0] == (
        "Activated: 30.0 % without links against 35.0 % with links, -5.0 points (between -7.0 and -3.0 points), "
        "a clear harm."
    )
    assert found.answer[-1] == "Next: by the plan's rule, stay with links."


def test_the_plan_names_what_answers_else_the_primary_metrics_do():
    metrics = {"y": Y, "z": {**Y, "role": "secondary", "label": "Paid"}}
    second = make(id="b", metric="z", role="secondary", verdict="no clear difference")
    named = explained(make(), second, metrics=metrics, plan={"answers": ["z", "y"]}).answer[0]
    assert named.startswith("Paid: no clear difference, +5.0 points") and "; activated: 35.0 %" in named
    assert explained(make(), second, metrics=metrics).answer[0] == f"{TOLD}, a clear benefit."


def test_several_treatments_are_named_and_none_is_preferred():
    second = {"id": "b", "treatment": "u", "comparison": "u - c"}
    plan = {"variant": {"control": "c", "treatments": ["t", "u"]}}
    both = explained(make(), make(**second), plan=plan).answer
    assert "; activated: 35.0 % with short links against 30.0 % without links" in both[0]
    assert both[-1] == (
        "Next: by the plan's rule each of these beats without links: with links and with short links; "
        "which of them is better takes a comparison of their own."
    )
    mixed = explained(make(verdict="no clear difference"), make(**second), plan=plan).answer
    assert mixed[0].startswith("Activated, with links against without links: no clear difference")
    assert mixed[-1] == "Next: by the plan's rule, go on with short links."
    shown = explained(make(), make(**second), plan=turned(**plan)).answer  # without minus with: harms, of being without
    assert "a clear harm; " in shown[0] and shown[-1] == both[-1]
    mixed = explained(make(verdict="clear harm"), make(**second), plan=turned(**plan)).answer
    assert mixed[-1] == "Next: by the plan's rule, go on with short links."
    none = explained(make(verdict="clear harm"), make(**second).but(verdict="clear harm"), plan=turned(**plan)).answer
    assert none[-1] == "Next: by the plan's rule, go on without links."


def test_the_answer_says_which_of_two_treatments_is_better_where_the_plan_asks():
    plan = {"variant": {"control": "c", "treatments": ["t", "u"]}, "comparisons": ["u - t"]}
    second = make(id="b", treatment="u", comparison="u - c")
    between = make(id="d", control="t", treatment="u", comparison="u - t")
    beats = "Next: by the plan's rule each of these beats without links: with links and with short links; "
    found = explained(make(), second, between, plan=plan).answer
    assert "; activated: 35.0 % with short links against 30.0 % with links" in found[0]
    assert found[-1] == f"{beats}with short links beats with links too."
    worse = explained(make(), second, between.but(verdict="clear harm"), plan=plan).answer
    assert worse[-1] == f"{beats}with links beats with short links too."
    open_ = explained(make(), second, between.but(verdict="no clear difference"), plan=plan).answer
    assert open_[-1] == f"{beats}between them no difference is clear."
    guard = {"role": "guardrail", "metric": "g", "verdict": "not inferior"}
    kept = [make(id="g1", **guard), make(id="g2", treatment="u", comparison="u - c", **guard)]
    lost = between.but(id="g3", **guard | {"verdict": "inferior"})  # a guardrail guards what the control has
    held = explained(make(), second, between, *kept, lost, metrics={"y": Y, "g": G}, plan=plan).answer
    assert held[1].startswith("The guardrail holds: ") and held[-1] == found[-1]
    neither = (e.but(verdict="no clear difference") for e in (make(), second))
    assert "go on" not in explained(*neither, between, plan=plan).answer[-1]


def test_of_many_primary_effects_three_are_told_and_the_rest_counted():
    metrics = {f"y{k}": {**Y, "label": f"Metric {k}"} for k in range(5)}
    found = explained(*(make(id=str(k), metric=f"y{k}") for k in range(5)), metrics=metrics)
    assert found.answer[0].endswith("a clear benefit; 2 more are below.") and "Metric 3" not in found.answer[0]


def test_labels_stand_as_she_wrote_them_within_a_sentence():
    metrics = {"y": {**Y, "label": "Kontaktquote"}, "z": {**Y, "label": "NPS der Kunden"}}
    metrics |= {"g": {**G, "label": "Zufriedenheit"}}
    guard = make(id="g", metric="g", role="guardrail", verdict="not inferior")
    found = explained(make(), make(id="b", metric="z"), guard, metrics=metrics).answer
    assert found[0].startswith("Kontaktquote: 35.0 %") and "; NPS der Kunden: 35.0 %" in found[0]
    assert found[1].startswith("The guardrail holds: Zufriedenheit, ")


def test_an_interim_answer_says_so_and_decides_nothing():
    early = make(interval="always-valid")
    found = explained(early, status="interim", plan={"planned_units": 4000}).answer
    assert found == (
        f"So far: a{TOLD[1:]}, a clear benefit.",
        "Before the planned end intervals allow for looking early; deciding again then errs in up to 7 of 100, not 5.",
        "Next: keep the experiment running to its planned end before anything is decided.",
    )
    nothing = explained(make(verdict="not estimable", estimate=NAN), status="interim").answer
    assert nothing[0] == "Nothing can be estimated yet."
    _, told, then = explained(early, status="interim").answer
    assert told == f"{found[1]} The plan names no number of units, so they are tuned for 2,000."
    wait = "Next: wait until every unit is followed as long as the plan asks, before anything is decided; "
    assert then == f"{wait}write planned_units, too."


def test_a_withheld_answer_is_its_reason_in_words():
    found = explained(kind="simulated", status="withheld", answer=("t 1,010 and c 800 are not as planned.",))
    assert found.answer == (
        "Simulated data: the effects were planted, so finding them tests the method and is no evidence.",
        "with links 1,010 and without links 800 are not as planned.",
        "Next: find out what went wrong with the assignment, mend it, and run the report again.",
    )
    assert found.limits == ("Any effect: what went wrong with the assignment has to be understood first.",)


GUARD = {"id": "g", "metric": "g", "role": "guardrail", "estimate": -0.02, "ci_low": -0.08, "ci_high": 0.04}
GUARD |= {"control_value": 4.21, "treatment_value": 4.19}
GUARDS = [
    ("not inferior", "The guardrail holds: satisfaction, -0.020 (between -0.080 and +0.040)."),
    ("non-inferiority not shown",
     "The guardrail is not shown to hold: satisfaction, -0.020 (between -0.080 and +0.040), tolerated 0.1."),
    ("inferior", "The guardrail is broken: satisfaction, -0.020 (between -0.080 and +0.040), tolerated 0.1."),
]  # fmt: skip


def test_a_guardrail_of_several_arms_counts_once():
    arms = {"t": "inferior", "u": "non-inferiority not shown"}
    guard = make(**GUARD)
    guards = [guard.but(id=a, verdict=v, treatment=a, comparison=f"{a} - c") for a, v in arms.items()]
    told = explained(make(), *guards, metrics={"y": Y, "g": G}).answer[1]
    assert told.startswith("The guardrail is not shown to hold: satisfaction, with links, -0.020 (between ")
    assert "tolerated 0.1, broken; satisfaction, " in told and told.endswith("tolerated 0.1.")


@pytest.mark.parametrize(("verdict", "sentence"), GUARDS)
def test_a_guardrail_holds_or_stops_the_roll_out(verdict, sentence):
    found = explained(make(), make(**GUARD, verdict=verdict), metrics={"y": Y, "g": G}).answer
    assert found[1] == sentence
    assert (found[-1] == "Next: settle the guardrail before a roll-out.") == (verdict != "not inferior")


def test_a_relative_margin_is_of_the_plans_control_whatever_is_displayed():
    relative = {**G, "kind": "amount", "margin": {"relative": 0.1}}
    guard = make(**GUARD, verdict="inferior").but(control_value=10.0, treatment_value=9.98)
    told = explained(make(), guard, metrics={"y": Y, "g": relative}, plan=turned()).answer[1]
    assert told.endswith("tolerated 1.")


def test_without_a_primary_metric_nothing_decides():
    metrics = {"y": {**Y, "role": "secondary"}}
    found = explained(make(role="secondary"), metrics=metrics).answer
    assert found[0] == f"Nothing decides, as the plan names no primary metric. {TOLD}, a clear benefit."


KINDS = [
    # metric, changes, answer
    ({"kind": "score", "scale": "ordered", "label": "Answer"},
     {"treatment_value": 0.55, "control_value": 0.45, "estimate": 0.10, "ci_low": 0.05, "ci_high": 0.15},
     "Answer: of 100 pairs, 55 are higher with links and 45 without links, +10.0 points (between +5.0 and +15.0 "
     "points), a clear benefit."),
    ({"kind": "amount", "quantile": 0.9, "unit": "minutes", "label": "Reply"},
     {"treatment_value": 35.0, "control_value": 30.0, "estimate": 5.0, "ci_low": 3.0, "ci_high": 7.0},
     "Reply (90th percentile): 35.0 minutes with links against 30.0 minutes without links, +5.0 minutes (between +3.0 "
     "and +7.0 minutes), a clear benefit."),
    ({"kind": "ratio", "numerator": "a", "denominator": "b", "label": "Calls per day"}, {},
     "Calls per day: 0.350 with links against 0.300 without links, +0.050 (between +0.030 and +0.070), a clear "
     "benefit."),
    ({"kind": "nps", "label": "NPS"},
     {"treatment_value": 35.0, "control_value": 30.0, "estimate": 5.0, "ci_low": 3.0, "ci_high": 7.0},
     "NPS: +35.0 with links against +30.0 without links, +5.0 points (between +3.0 and +7.0 points), a clear benefit."),
    ({"kind": "time_to_event", "event": "paid", "horizon_days": 90, "label": "Paid in 90 days"}, {},
     f"Paid in 90 days{TOLD[9:]}, a clear benefit."),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "changes", "answer"), KINDS)
def test_each_kind_of_metric_is_told_in_its_unit(metric, changes, answer):
    found = explained(make(**changes), metrics={"y": {"role": "primary", "better": "higher", **metric}})
    assert found.answer[0] == answer
    curve = found.words.get("title curves y")
    assert (curve is not None) == (metric["kind"] == "time_to_event")


@pytest.mark.parametrize("more", [{}, turned()], ids=["planned", "turned"])
def test_the_title_of_a_curve_names_each_treatment_once(more):
    plan = {"variant": {"control": "c", "treatments": ["t", "u"]}, **more}
    second = make(id="b", treatment="u", comparison="u - c", treatment_value=0.4)
    times = {"y": {"kind": "time_to_event", "event": "paid", "horizon_days": 90, "label": "paid"}}
    found = explained(make(), second, metrics=times, plan=plan).words["title curves y"]
    assert found == ("paid: 35.0 % with links, 40.0 % with short links against 30.0 % without links",)


def test_the_answer_names_its_population_where_it_is_not_everybody():
    some = {"population": "responders", "n_control": 400, "n_treatment": 304}
    told = "activated: 35.0 % with links against 30.0 % without links, +5.0 points (between +3.0 and +7.0 points)"
    assert explained(make(**some)).answer[0] == f"Among the 35 % whose outcome is known, {told}, a clear benefit."
    more = make(**{**some, "n_treatment": 404})
    assert explained(more).answer[0].startswith("Among the 40 % whose outcome is known, ")
    both = explained(make(**some), make(metric="z", **some), metrics={"y": Y, "z": {**Y, "label": "paid"}}).answer[0]
    assert both.count("Among the 35 % whose outcome is known") == 1 and "; paid: 35.0 % with links" in both
    both = explained(make(**some), make(metric="z"), metrics={"y": Y, "z": {**Y, "label": "paid"}}).answer[0]
    assert both.startswith("Among the 35 % whose outcome is known, activated") and "; paid: 35.0 % with links" in both
    held = explained(make(), make(**GUARD, verdict="not inferior").but(**some), metrics={"y": Y, "g": G}).answer[1]
    assert held == "The guardrail holds: satisfaction, among the 35 % who answered, -0.020 (between -0.080 and +0.040)."


@pytest.mark.parametrize(("lost", "changes", "said"), [
    (0.5, {}, "Among the 50 % whose outcome is known, activated: "),
    (0.01, {}, "Among the 99 % whose outcome is known, activated: "),
    (0.5, {"population": "responders", "n_control": 500, "n_treatment": 505}, "Among the 25 % whose outcome is "),
    (0.001, {}, "Among those whose outcome is known, activated: "),
    (0.5, {"clusters_control": 9, "clusters_treatment": 9}, "Among those whose outcome is known, activated: "),
    (0.0, {}, "Activated: "),
    (NAN, {}, "Activated: "),  # not tested
])  # fmt: skip
def test_the_answer_names_its_population_where_units_are_lost(lost, changes, said):
    checks = (Check("attrition", "warn", lost, 0.05, "Some are lost."),)
    assert explained(make(**changes), checks=checks).answer[0].startswith(said)


RAW = {"decides_on": "adjusted", "covariates": ["seats"]}
ONLY = "only means of units can be adjusted, where no heavy tail calls for another test"
NOT_ADJUSTED = [
    (RAW, "none", f"activated is decided on values as they came: {ONLY}."),
    (RAW, "covariates", None),  # adjusted, as planned
    ({"covariates": ["seats"]}, "none", None),  # raw, as planned
]


@pytest.mark.parametrize(("plan", "adjustment", "told"), NOT_ADJUSTED)
def test_a_metric_that_cannot_be_adjusted_is_said_where_the_plan_decides_on_adjusted_values(plan, adjustment, told):
    answer = explained(make(adjustment=adjustment), plan=plan).answer
    said = [line for line in answer if line.startswith("The plan decides on adjusted values, but ")]
    assert said == ([] if told is None else [f"The plan decides on adjusted values, but {told}"])


def test_several_metrics_that_cannot_be_adjusted_are_one_list():
    names = {name: {**Y, "label": name} for name in ("u", "v", "w", "x")}
    answer = explained(*(make(metric=name, adjustment="none") for name in names), plan=RAW, metrics=names).answer
    assert any(line.startswith("The plan decides on adjusted values, but u, v, w and 1 more are ") for line in answer)


def test_an_association_that_tells_another_story_is_told_with_the_fair_effect():
    naive = {"id": "n", "estimand": "naive", "role": "exploratory", "estimate": 0.3, "verdict": "clear association"}
    used = make(**naive, population="as_treated")
    assert explained(make(), used).answer[1] == (
        "Activated: 30.0 points more often among those who use it, an association; as assigned the difference is "
        "+5.0 points."
    )
    outside = make(**naive, population="observational", control="survey_men")
    assert explained(make(), outside).answer[1] == (
        "Compared with survey men instead, whom no lot assigned, activated would be 30.0 points more often: "
        "an association, not an effect."
    )
    assert "activated would be 30.0 points less often" in explained(make(), outside.but(estimate=-0.3)).answer[1]
    assert len(explained(make(), used.but(verdict="no clear association")).answer) == 2
    assert len(explained(make(), used.but(estimate=0.051)).answer) == 2  # the same story


def test_use_of_the_offer_is_told_where_no_association_misleads():
    use = pd.DataFrame([{"metric": "y", "take_up_control": 0.0, "take_up_treatment": 0.62, "first_stage_f": 10.0}])
    cace = make(id="k", estimand="cace", population="compliers", role="exploratory", estimate=0.08)
    told = explained(make(), cace, tables={"uptake": use}).answer[1]
    assert told == (
        "62 % with links and 0 % without links use what is offered. In those who use it because it is offered: "
        "activated +8.0 points (between +3.0 and +7.0 points)."
    )
    told = explained(make(), tables={"uptake": use}).answer[1]  # as of a ratio, which has no such effect
    assert told == "62 % with links and 0 % without links use what is offered."
    weak = "62 % with links and 0 % without links use what is offered; the offer moves that too little to tell how "
    for f in (9.9, NAN):  # not at all where everybody in both arms uses it: an effect there has no bounds
        told = explained(make(), cace, tables={"uptake": use.assign(first_stage_f=f)}).answer[1]
        assert told == f"{weak}much using it does."
    hidden = use.assign(take_up_treatment=NAN, first_stage_f=NAN)
    assert explained(make(), cace, tables={"uptake": hidden}).answer[1].startswith("Next:")


def test_doubts_a_released_check_and_an_unknown_split_are_told():
    domain = Check("domain_y", "warn", 1, 1, f"Activated: there are too few units.{DETAIL}more are needed.")
    srm = Check("srm", "not tested", NAN, 0.001, "Not tested.")
    unknown = {"variant": {"control": "c", "treatments": ["t"], "split": "unknown"}}
    told = explained(make(), checks=(domain, srm), plan=unknown)
    assert told.answer[1:3] == (
        "Activated: there are too few units.",
        "The planned split is unknown, so whether units were assigned as planned is not tested.",
    )
    assert told.answer[-1].endswith("repeat it with more units where the doubt above matters.")
    unclear = Check("missing_y", "warn", 0.004, 0.001, "Whether it is missing alike is unclear.")
    other = Check("missing_z", "warn", 0.004, 0.001, "Of another metric.")
    ratio = Check("srm", "warn", 0.004, 0.001, "Whether the split is as planned is unclear.")
    doubts = explained(make(), checks=(ratio, other, unclear)).answer
    assert doubts[1:3] == ("Whether the split is as planned is unclear.", "Whether it is missing alike is unclear.")
    failed = Check("srm", "fail", 0, 0.001, "The split by unit: t 1,010, c 800.")
    released = explained(make(), checks=(failed,), plan={"acknowledge": {"srm": "A known fault."}})
    assert released.answer[1] == (
        "The split by unit: with links 1,010, without links 800. The plan releases the answer all the same, for this "
        "reason: A known fault."
    )


@pytest.mark.parametrize(("p", "is_told"), [(0.0002, True), (0.004, False)])
def test_a_split_that_is_unlike_in_some_group_is_told(p, is_told):
    said = "The sample ratio differs from the plan across levels of platform, most in ios; adjusted p < .001."
    check = Check("srm_platform", "warn", p, 0.001, said)
    found = explained(checks=(check,))
    assert any(said in sentence for sentence in found.answer) == is_told


AFTERWARDS = "What was decided beforehand: the plan was written afterwards, so its metrics, margins and rule may have "
AFTERWARDS += "been chosen by what they show."


def test_limits_follow_the_data_the_exposure_and_what_is_missing():
    plan = {"exposure": {"column": "used"}}
    found = explained(make(population="responders"), kind="public", plan=plan)
    assert found.limits == (
        "Anything about your product: this is a public experiment from another field.",
        "What the units without a known outcome did (activated): the headline is among those whose outcome is known.",
        "The effect of using it, for certain: it holds only if the offer does nothing to the others, which no data can "
        "prove.",
        "Anything after the last measurement: an effect may grow, fade or turn.",
    )
    assert found.answer[0] == "A public experiment."
    left = Check("attrition", "not tested", NAN, 0.05, "Not tested.")
    late = explained(make(), checks=(left,), plan={"registered": "after"}).limits
    assert late[:2] == (
        AFTERWARDS,
        "Who left: attrition not tested, as every row has its outcomes and the plan does not say how many units were "
        "randomised.",
    )
    before, unsaid = explained(make(), plan={"registered": "before"}), explained(make()).words["design"]
    assert "Plan written | before the data was seen" in before.words["design"]
    assert "Plan written | it does not say whether before or after the data was seen" in unsaid
    end = "That this was the planned end: the plan names none, and looking until a result is clear errs more often "
    assert before.limits[0] == f"{end}than it says." == explained(make(), plan={"assigned_at": "day"}).limits[0]
    planned = explained(make(), plan={"registered": "before", "planned_units": 9})
    assert planned.limits == before.limits[1:] and len(planned.limits) == 1


@pytest.mark.parametrize("plan", [{}, turned()], ids=["planned", "turned"])
def test_two_metrics_that_decide_and_disagree_are_no_winner(plan):
    metrics = {"y": Y, "z": {**Y, "label": "Paid"}, "x": {**Y, "label": "Stayed"}}
    harm, unclear = (make(id=v, metric="z", verdict=v) for v in ("clear harm", "no clear difference"))
    planned, turned_ = (
        "activated is better with links and Paid worse",
        "Paid is better without links and activated worse",
    )
    torn = f"{turned_ if plan else planned}: both decide and disagree, so settle which counts more before "
    for rows in ([make(), harm], [make(metric="x", verdict="no clear difference"), make(), harm]):
        assert explained(*rows, metrics=metrics, plan=plan).answer[-1] == f"Next: {torn}a choice."
    assert explained(make(), unclear, metrics=metrics).answer[-1] == "Next: by the plan's rule, go on with links."
    small = make(verdict="no worthwhile difference")
    assert explained(small, harm, metrics=metrics).answer[-1] == "Next: by the plan's rule, stay without links."
    other = make(metric="z", treatment="u", comparison="u - c", verdict="clear harm")
    several = {"variant": {"control": "c", "treatments": ["t", "u"]}}
    assert "go on with links" in explained(make(), other, metrics=metrics, plan=several).answer[-1]


@pytest.mark.parametrize("study", ["experiment", "proactive_help", "live_support", "in_app_support"])
@pytest.mark.parametrize("status", ["answered", "interim", "withheld"])
def test_every_report_of_a_plan_that_was_written_afterwards_says_so(study, status):
    late = explained(make(), study=study, status=status, plan={"registered": "after"}).limits
    assert late[0] == AFTERWARDS


OVERSTATED = [
    # what the plan calls worthwhile, and what the Bayesian table takes as true
    (0.02, "a true difference of 2 points"),
    (None, "if true effects are like past ones (past_effects, ±10 % of the control unless set), one"),
]


@pytest.mark.parametrize(("worthwhile", "said"), OVERSTATED)
def test_a_clear_result_says_how_much_it_overstates(worthwhile, said):
    need = {"metric": "y", "comparison": "t - c", "assumed": worthwhile or 0.03}
    need |= {"control_value": 0.3, "exaggeration": 1.83}
    options = {"tables": {"bayes": pd.DataFrame([need])}, "metrics": {"y": {**Y, "worthwhile": worthwhile}}}
    told = f"A clear result can overstate: {said} in activated would look 1.8 times as large when clear."
    assert told in explained(make(), **options).answer
    assert told in explained(make(), plan=turned(), **options).answer
    unclear = make(verdict="no clear difference", p_value=0.1)
    assert told not in explained(unclear, **options).answer


@pytest.mark.parametrize(("exaggeration", "said"), [(1.04, False), (1.06, True), (NAN, False)])
def test_a_clear_result_overstates_only_where_it_does(exaggeration, said):
    row = {"metric": "y", "comparison": "t - c", "exaggeration": exaggeration, "assumed": 0.02, "control_value": 0.3}
    answer = explained(make(), tables={"bayes": pd.DataFrame([row])}).answer
    assert any(line.startswith("A clear result can overstate") for line in answer) == said
