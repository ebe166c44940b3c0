"""Families, adjusted p-values and verdicts."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from helpers.inference import decisions
from helpers.inference.methods import compare_arms, lift_arms
from helpers.plan import ExperimentPlan, Metric
from helpers.records import NAN, Effect, Estimate


def build(low, high, p, *, estimand="difference", **more):
    estimate = (low + high) / 2
    more = {"estimate": estimate, "ci_low": low, "ci_high": high, "p_value": p, **more}
    return Estimate("id", "m", "old", "new", "new - old", estimand, **more)


def plan(**more):
    return Metric(**{"kind": "score", "better": "higher", **more})


def judge(estimate, metric, alpha=0.05):
    return decisions.decide(estimate, metric, alpha=alpha).verdict


@pytest.mark.parametrize(("low", "high", "p", "better", "verdict"), [
    (0.1, 0.3, 0.01, "higher", "clear benefit"),
    (-0.3, -0.1, 0.01, "higher", "clear harm"),
    (0.1, 0.3, 0.01, "lower", "clear harm"),
    (-0.3, -0.1, 0.01, "lower", "clear benefit"),
    (0.1, 0.3, 0.01, "neither", "clear difference"),
    (-0.1, 0.3, 0.2, "higher", "no clear difference"),
    (0.0, 0.3, 0.05, "higher", "clear benefit"),  # at most alpha
    (0.0, 0.3, 0.0501, "higher", "no clear difference"),
])  # fmt: skip
def test_decide_direction(low, high, p, better, verdict):
    assert judge(build(low, high, p), plan(better=better)) == verdict


@pytest.mark.parametrize(("metric", "width"), [
    ({"kind": "binary"}, 1.0),
    ({"kind": "nps"}, 200.0),
    ({"kind": "score", "scale": (1, 5)}, 4.0),
    ({"kind": "score", "scale": "ordered"}, 1.0),
    ({"kind": "time_to_event", "horizon_days": 30}, 1.0),
    ({"kind": "amount"}, 1258.0),  # has no ends
])  # fmt: skip
def test_a_difference_reaches_no_further_than_its_scale(metric, width):
    told = {"kind": "experiment", "title": "t", "question": "q", "unit_id": "u", "metrics": {"m": metric}}
    variant = {"column": "v", "control": "c", "treatments": ["t"]}
    comparison = decisions.Comparison(ExperimentPlan.model_validate({**told, "variant": variant}), "m", "c", "t")
    early = Effect(-0.03, 0.2, ci_low=-1258.0, ci_high=1258.0, p_value=1.0)  # as at a first look at 5 %
    found = decisions.label_effect(comparison, early, estimand="difference", role="primary")
    assert (found.ci_low, found.ci_high) == (-width, width)
    lift = decisions.label_effect(comparison, early, estimand="relative_lift", role="primary")
    assert (lift.ci_low, lift.ci_high) == (-1258.0, 1258.0)
    unknown = decisions.label_effect(comparison, Effect(reason="x"), estimand="difference", role="primary")
    assert math.isnan(unknown.ci_low) and math.isnan(unknown.ci_high)


def test_decide_adjusted_p_decides():
    estimate = build(0.1, 0.3, 0.01, p_value_adjusted=0.06)
    assert judge(estimate, plan()) == "no clear difference"
    assert judge(estimate, plan(), alpha=0.1) == "clear benefit"


@pytest.mark.parametrize(("low", "high", "p", "verdict"), [
    (-0.01, 0.015, 0.7, "no worthwhile difference"),
    (0.005, 0.015, 0.001, "no worthwhile difference"),  # clear, and clearly too small
    (-0.01, 0.02, 0.4, "no clear difference"),  # touches the margin
    (-0.03, 0.01, 0.4, "no clear difference"),
    (0.01, 0.03, 0.001, "clear benefit"),
])  # fmt: skip
def test_decide_worthwhile(low, high, p, verdict):
    assert judge(build(low, high, p), plan(worthwhile=0.02)) == verdict


@pytest.mark.parametrize(("low", "high", "better", "verdict"), [
    (-0.09, 0.2, "higher", "not inferior"),
    (-0.1, 0.2, "higher", "non-inferiority not shown"),  # reaches the margin
    (-0.3, -0.05, "higher", "non-inferiority not shown"),  # clearly worse, not clearly beyond the margin
    (-0.3, -0.11, "higher", "inferior"),
    (-0.2, 0.09, "lower", "not inferior"),
    (0.05, 0.3, "lower", "non-inferiority not shown"),
    (0.11, 0.3, "lower", "inferior"),
])  # fmt: skip
def test_decide_guardrail(low, high, better, verdict):
    metric = plan(role="guardrail", better=better, margin={"absolute": 0.1})
    assert judge(build(low, high, 0.5), metric) == verdict


def test_decide_guardrail_relative_margin():
    metric = Metric(kind="count", role="guardrail", better="higher", margin={"relative": 0.1})
    assert judge(build(-0.9, 0.2, 0.5, control_value=10.0), metric) == "not inferior"
    assert judge(build(-0.9, 0.2, 0.5, control_value=5.0), metric) == "non-inferiority not shown"
    assert judge(build(-0.9, 0.2, 0.5, control_value=0.0), metric) == "non-inferiority not shown"


@pytest.mark.parametrize("estimand", ["rate_ratio", "ratio"])
@pytest.mark.parametrize("margin", [{"relative": 0.25}, {"absolute": 0.5}])  # of a control value of 2
@pytest.mark.parametrize(("low", "high", "better", "verdict"), [
    (0.9, 1.2, "lower", "not inferior"),  # clearer than the margin, though 1 lies inside
    (1.05, 1.2, "lower", "not inferior"),  # clearly more, and tolerated
    (1.1, 1.3, "lower", "non-inferiority not shown"),
    (1.3, 1.5, "lower", "inferior"),
    (0.8, 0.9, "higher", "not inferior"),
    (0.7, 0.9, "higher", "non-inferiority not shown"),
    (0.5, 0.7, "higher", "inferior"),
])  # fmt: skip
def test_decide_guardrail_by_a_ratio_of_values_has_the_same_margin(estimand, margin, low, high, better, verdict):
    metric = Metric(kind="count", role="guardrail", better=better, margin=margin)
    told = build(low, high, 0.001, estimand=estimand, estimate=(low + high) / 2, control_value=2.0)
    assert judge(told, metric) == verdict


def test_decide_ratio_is_judged_against_one():
    metric = plan(worthwhile=5.0)
    assert judge(build(0.5, 0.9, 0.01, estimand="hazard_ratio"), metric) == "clear harm"  # of no unit
    of = {"estimand": "rate_ratio", "control_value": 10.0}
    assert judge(build(1.1, 1.9, 0.01, **of), metric) == "clear benefit"
    assert judge(build(1.1, 1.4, 0.01, **of), metric) == "no worthwhile difference"


@pytest.mark.parametrize(("low", "high", "p", "expected", "as_expected"), [
    (0.1, 0.3, 0.01, "higher", True),
    (0.1, 0.3, 0.01, "lower", False),
    (-0.3, -0.1, 0.01, "lower", True),
    (-0.1, 0.3, 0.3, "lower", None),  # not clear
    (0.1, 0.3, 0.01, None, None),  # nothing expected
])  # fmt: skip
def test_decide_as_expected(low, high, p, expected, as_expected):
    assert decisions.decide(build(low, high, p), plan(expected=expected), alpha=0.05).as_expected is as_expected


def test_decide_not_estimable():
    nothing = build(math.nan, math.nan, math.nan)
    assert (judge(nothing, plan()), decisions.decide(nothing, plan(), alpha=0.05).reason) == (
        "not estimable", "no interval and no test",
    )  # fmt: skip
    told = build(math.nan, math.nan, math.nan, estimate=0.2, reason="an arm has 1 unit")
    assert decisions.decide(told, plan(expected="higher"), alpha=0.05).reason == "an arm has 1 unit"
    assert judge(told, plan(role="guardrail", margin={"absolute": 1})) == "not estimable"


def test_decide_all_lift_takes_the_verdict_of_its_difference():
    lift = {"estimand": "relative_lift"}
    rows = [
        build(0.005, 0.015, 0.001),  # clear, and too small to matter
        build(0.1, 0.3, 0.001, **lift),
        build(0.1, 0.3, 0.001, role="sensitivity", adjustment="winsorised"),  # another fair choice says otherwise
        build(0.1, 0.3, 0.001, role="sensitivity", adjustment="winsorised", **lift),
        build(0.1, 0.3, 0.001, segment="country=de"),
        build(math.nan, math.nan, math.nan, segment="country=de", **lift),  # control value not above 0
    ]
    decided = decisions.decide_all(rows, {"m": plan(worthwhile=0.02, expected="lower")}, alpha=0.05)
    small, clear = "no worthwhile difference", "clear benefit"
    assert [e.verdict for e in decided] == [small, small, clear, clear, clear, "not estimable"]
    assert [e.as_expected for e in decided] == [False, False, False, False, False, None]


def test_decide_mean_time_without_the_event_counts_the_other_way():
    # `better` speaks of the share that has the event; more days without it are less of it
    metric = Metric(kind="time_to_event", horizon_days=90, better="higher", expected="lower", worthwhile=0.1)
    found = decisions.decide(build(0.04, 0.08, 0.001, estimand="rmst_difference"), metric, alpha=0.05)
    assert (found.verdict, found.as_expected) == ("clear harm", True)  # days lie within no margin in shares
    assert (
        decisions.decide(build(-0.08, -0.04, 0.001, estimand="rmst_difference"), metric, alpha=0.05).verdict
        == "clear benefit"
    )


def test_decide_all_holds_a_relative_margin_against_the_lift():
    # -8 of a control value of about 100: within 10 % of the estimate, but the lift could be -10.5 %
    metric = plan(kind="count", role="guardrail", margin={"relative": 0.1})
    difference = build(-9.9, -6.1, 0.001, control_value=100.0)
    lift = build(-0.105, -0.06, 0.001, estimand="relative_lift")
    assert judge(difference, metric) == "not inferior"
    found = decisions.decide_all([difference, lift], {"m": metric}, alpha=0.05)
    assert [e.verdict for e in found] == ["non-inferiority not shown"] * 2
    endless = lift.but(ci_low=NAN, ci_high=NAN, ci_set=((None, None),))  # the control value is not clearly above 0
    found = decisions.decide_all([difference, endless], {"m": metric}, alpha=0.05)
    assert found[0].verdict == "non-inferiority not shown"


def test_decide_all_with_a_relative_margin_errs_as_rarely_as_its_level_says(in_band, moments):
    # the truth lies on the margin: half as much again as the control
    rng, metric = np.random.default_rng(8), Metric(
        kind="count", role="guardrail", better="lower", margin={"relative": 0.5}
    )  # fmt: skip
    wrong = 0
    for _ in range(800):
        sides = [moments(rng.poisson(mean, 200)) for mean in (2, 3)]
        effects = {"difference": compare_arms(metric, *sides), "relative_lift": lift_arms(metric, *sides)}
        rows = [Estimate(k, "m", "c", "t", "t - c", k, role="guardrail", **asdict(e)) for k, e in effects.items()]
        wrong += decisions.decide_all(rows, {"m": metric}, alpha=0.05)[0].verdict == "not inferior"
    assert in_band(wrong, 800, 0.025)


@pytest.mark.parametrize(("population", "clear", "unclear", "as_expected"), [
    ("itt", "clear benefit", "no clear difference", True),
    ("responders", "clear benefit", "no clear difference", True),  # of randomised arms
    ("compliers", "clear difference", "no clear difference", None),  # rests on an assumption beside the lot
    ("as_treated", "clear association", "no clear association", None),
    ("observational", "clear association", "no clear association", None),
    ("landmark", "clear association", "no clear association", None),
    ("snapshot", "clear association", "no clear association", None),
])  # fmt: skip
def test_decide_speaks_of_benefit_and_of_a_direction_where_arms_were_randomised(
    population, clear, unclear, as_expected
):
    metric = plan(expected="higher")
    found = decisions.decide(build(0.1, 0.3, 0.001).but(population=population), metric, alpha=0.05)
    assert (found.verdict, found.as_expected) == (clear, as_expected)
    harm = decisions.decide(build(-0.3, -0.1, 0.001).but(population=population), metric, alpha=0.05)
    assert harm.verdict == clear.replace("benefit", "harm")
    open_ = decisions.decide(build(-0.1, 0.3, 0.3).but(population=population), metric, alpha=0.05)
    assert (open_.verdict, open_.as_expected) == (unclear, None)


RULES = [(decisions.holm, "holm"), (decisions.benjamini_hochberg, "fdr_bh")]


def row(metric, p, family, *, estimand="difference", treatment="new", role=None, **more):
    return Estimate(
        f"{metric}:{treatment}:{estimand}", metric, "old", treatment, f"{treatment} - old", estimand,
        role=role or family or "guardrail", family=family, p_value=p, **more,
    )  # fmt: skip


@pytest.mark.parametrize(("rule", "name"), RULES)
@settings(derandomize=True, deadline=None, max_examples=6)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_adjusted_p_statsmodels(rule, name, p_values):
    adjusted = rule(p_values)
    assert adjusted == pytest.approx(multipletests(p_values, method=name)[1], abs=1e-12)
    assert np.all(adjusted >= np.array(p_values) - 1e-15) and np.all(adjusted <= 1)


@pytest.mark.parametrize(("rule", "name"), RULES)
def test_adjusted_p_nan_is_no_test(rule, name):
    with_nan, without = rule([0.01, math.nan, 0.04]), rule([0.01, 0.04])
    assert with_nan[[0, 2]].tolist() == without.tolist() and math.isnan(with_nan[1])
    assert rule([]).tolist() == []


def test_adjust_families_weeks_and_segments_do_not_weigh_on_planned_metrics():
    planned = [row("a", 0.01, "exploratory"), row("b", 0.04, "exploratory")]
    weeks = [row(f"a {k}", 0.9, "weeks", role="exploratory") for k in range(20)]
    parts = [row("a x", 0.03, "segments", role="exploratory"), row("a y", 0.02, "segments", role="exploratory")]
    found = decisions.adjust_families([*planned, *weeks, *parts])
    assert [e.p_value_adjusted for e in found[:2]] == pytest.approx([0.02, 0.04])
    assert {e.p_value_adjusted for e in found[2:22]} == {0.9}
    assert [e.p_value_adjusted for e in found[22:]] == pytest.approx([0.03, 0.03])


def test_adjust_families_each_by_its_rule():
    rows = [
        row("activated", 0.01, "primary", treatment="a"),
        row("activated", 0.03, "primary", treatment="b"),
        row("converted", 0.04, "secondary"),  # alone in its family: nothing to adjust
        row("segment a", 0.01, "exploratory"),
        row("segment b", 0.02, "exploratory"),
        row("csat", 0.001, ""),  # guardrail: no family
    ]
    adjusted = [e.p_value_adjusted for e in decisions.adjust_families(rows)]
    assert adjusted == [pytest.approx(0.02), pytest.approx(0.03), None, pytest.approx(0.02), pytest.approx(0.02), None]


def test_adjust_families_lift_and_other_readings_follow_their_difference():
    rows = [
        row("activated", 0.01, "primary", treatment="a"),
        row("activated", 0.01, "primary", treatment="a", estimand="relative_lift"),
        row("activated", 0.03, "primary", treatment="b"),
        row("activated", 0.03, "primary", treatment="b", estimand="relative_lift"),
        row("activated", 0.03, "", treatment="b", estimand="relative_lift", role="sensitivity"),
        row("activated", 0.01, "", treatment="a", role="sensitivity"),  # in its headline's place
        row("paid in", 0.01, "secondary"),
        row("paid in", 0.04, "secondary", estimand="rmst_difference"),
        row("paid in", 0.01, "secondary", estimand="relative_lift"),  # of the first difference
    ]
    adjusted = [e.p_value_adjusted for e in decisions.adjust_families(rows)]
    assert adjusted == pytest.approx([0.02, 0.02, 0.03, 0.03, 0.03, 0.02, 0.02, 0.04, 0.02])


def name_row(metric, p, **more):
    """Return a row of one metric, in the primary or another family."""
    row = build(0.1, 0.3, p).but(id=f"{metric}{p}", metric=metric, role="secondary", family="secondary")
    return row.but(**more)


BESIDE = {"role": "sensitivity", "family": ""}
COMPLIERS = {"role": "exploratory", "family": "", "population": "compliers", "estimand": "cace"}


@pytest.mark.parametrize(("beside", "adjusted"), [
    (BESIDE, 0.068),  # twice its p, as its headline: Holm over (0.034, 0.2)
    ({**BESIDE, "population": "itt", "at": "day 120"}, 0.068),  # at another landmark
    ({**BESIDE, "population": "responders"}, 0.068),
    ({**BESIDE, "estimand": "rate_ratio"}, 0.068),
    ({**COMPLIERS, "comparison": "takers - others"}, 0.068),  # the same lot, the same test
    ({**BESIDE, "population": "as_treated", "comparison": "takers - others"}, None),  # of the naive row
    ({**BESIDE, "control": "before", "comparison": "new - before"}, None),
    ({**BESIDE, "p_value": math.nan}, None),
])  # fmt: skip
def test_another_reading_is_adjusted_in_the_place_of_its_headline(beside, adjusted):
    weeks = [name_row("a", 0.5, role="exploratory", family="weeks", at=f"week {n}") for n in (1, 2)]
    rows = [name_row("a", 0.04), name_row("b", 0.2), name_row("a", 0.034, **beside), *weeks]
    found = decisions.adjust_families(rows)
    assert [e.p_value_adjusted for e in found[:2]] == pytest.approx([0.08, 0.2])  # the headline is as it was
    assert found[2].p_value_adjusted == (None if adjusted is None else pytest.approx(adjusted))


def test_another_reading_of_a_family_of_one_or_of_a_guardrail_is_not_adjusted():
    alone = [name_row("a", 0.04), name_row("a", 0.034, **BESIDE)]
    guards = [name_row(m, 0.04, role="guardrail", family="guardrail") for m in "ab"]
    rows = [*alone, *guards, name_row("b", 0.034, **BESIDE)]
    assert [e.p_value_adjusted for e in decisions.adjust_families(rows)] == [None] * 5


def test_another_reading_stands_in_for_a_headline_without_a_p_value():
    rows = [name_row("a", math.nan), name_row("b", 0.2), name_row("a", 0.034, **BESIDE)]
    assert [e.p_value_adjusted for e in decisions.adjust_families(rows)] == [None, None, pytest.approx(0.068)]
