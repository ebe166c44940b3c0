"""How effects are read: sign, arms and verdict as displayed, digits that add up, labels, and each kind in its unit."""

import math
from dataclasses import replace

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.plan import ExperimentPlan
from helpers.view import show
from helpers.view.numbers import capitalise
from helpers.view.scales import (
    Scale,
    begin,
    effect_decimals,
    find_margin,
    find_noun,
    is_lift,
    is_ratio,
    list_metrics,
    name_arm,
    name_contrast,
    name_label,
    name_pair,
    orient,
    read_scale,
    say_codes,
    write_bounds,
    write_effect,
    write_interval,
    write_value,
)

BINARY = Scale("activated", "activated", "binary")
MONEY = Scale("arr", "yearly revenue", "amount", unit="USD")
SCORE = Scale("m", "m", "score")
NAN = math.nan
PLAN = {"kind": "experiment", "title": "t", "question": "q", "unit": "company", "unit_id": "id"}
PLAN |= {"variant": {"column": "v", "control": "a", "treatments": ["b"]}}
SHOWN = {"labels": {"links": "with links", "no_links": "without links", "plan_tier": "plan", "plan_tier=a": "first"}}
TURNED = {**SHOWN, "shown_as": {"contrast": "control - treatment", "words": "with links minus without"}}


def list_one(**metric):
    return list_metrics(ExperimentPlan.model_validate({**PLAN, "metrics": {"reply_time": metric}})).iloc[0]


@pytest.mark.parametrize(("scale", "estimand", "numbers", "written"), [
    (BINARY, "difference", (0.09, 0.071, 0.109), "+9.0 points"),  # a share in points
    (BINARY, "cace", (-0.31, -0.71, 0.09), "-31 points"),  # a wide interval deserves fewer digits
    (BINARY, "relative_lift", (0.63, 0.43, 0.83), "+63 %"),
    (BINARY, "risk_ratio", (1.3, 1.18, 1.43), "1.30 times"),
    (MONEY, "difference", (1794.3, 550.6, 3038.1), "+$1,800"),
    (MONEY, "difference", (0.77, 0.485, 1.055), "+$0.77"),
    (Scale("spend", "spend", "amount", unit="SEK"), "difference", (-5.0, -7.0, -3.0), "-5.0 SEK"),
    (Scale("paid", "paid", "time_to_event"), "rmst_difference", (1.2, 0.2, 2.2), "+1.2 days"),
    (Scale("nps", "NPS", "nps"), "difference", (3.2, -1.7, 8.1), "+3.2 points"),
    (Scale("csat", "csat", ordered=True), "difference", (0.1, 0.05, 0.15), "+10.0 points"),  # of all pairs
    (BINARY, "difference", (NAN, NAN, NAN), "not estimable"),
])  # fmt: skip
def test_write_effect_by_kind_and_unit(scale, estimand, numbers, written):
    estimate, low, high = numbers
    e = samples.effect(estimand=estimand, values=(NAN, NAN)).but(estimate=estimate, ci_low=low, ci_high=high)
    assert write_effect(e, scale) == written


def test_bounds_and_intervals_may_be_rays_sets_and_nothing():
    e = samples.effect()
    assert (write_bounds(e, BINARY), write_interval(e, BINARY)) == ("[+7.1, +10.9]", "between +7.1 and +10.9 points")
    rays = e.but(ci_set=((None, -0.02), (0.05, None)))
    assert write_bounds(rays, BINARY) == "[no limit, -2.0] or [+5.0, no limit]"
    assert write_interval(rays, BINARY) == "below -2.0 points or above +5.0 points"
    empty, unknown = e.but(ci_set=()), e.but(ci_low=NAN, ci_high=NAN)
    assert (write_bounds(empty, BINARY), write_interval(empty, BINARY)) == ("empty", "at no value")
    assert (write_bounds(unknown, BINARY), write_interval(unknown, BINARY)) == ("not known", "with no interval")


def test_orient_turns_sign_arms_interval_and_verdict():
    found, e = samples.results(plan=TURNED), samples.effect()
    turned = orient(found, e.but(ci_set=((None, -0.02), (0.05, None)), clusters_control=7))
    assert (turned.estimate, turned.ci_low, turned.ci_high) == (-0.09, -e.ci_high, -e.ci_low)
    assert (turned.treatment, turned.treatment_value, turned.n_treatment) == ("links", 0.142, 2003)
    assert (turned.control, turned.control_value, turned.n_control) == ("no_links", 0.232, 1997)
    assert turned.ci_set == ((None, -0.05), (0.02, None)) and turned.clusters_treatment == 7
    assert turned.verdict == "clear harm" and turned.comparison == "no_links - links"
    assert orient(found, orient(found, e)) == e  # twice is as it was
    assert orient(samples.results(plan=SHOWN), e) is e


@pytest.mark.parametrize("changes", [
    {"estimand": "relative_lift"},  # a share of the control has no other side
    {"estimand": "ratio"},
    {"estimand": "naive", "population": "as_treated"},  # takers minus others already
    {"estimand": "cace", "population": "compliers"},
    {"population": "observational"},
])  # fmt: skip
def test_orient_leaves_what_has_no_other_side(changes):
    e = samples.effect(**changes)
    assert orient(samples.results(plan=TURNED), e) is e


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.floats(1e-4, 0.3))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_arms_subtract_to_the_difference_as_printed(control, treatment, half):
    e = samples.effect(estimate=treatment - control, half=half, values=(control, treatment))
    first, second = (write_value(v, SCORE, beside=e) for v in (treatment, control))
    assert float(first) - float(second) == pytest.approx(float(write_effect(e, SCORE)), abs=1e-9)
    assert len({len(t.partition(".")[2]) for t in (first, second, write_effect(e, SCORE))}) == 1
    assert effect_decimals(e, SCORE) >= 1


def test_no_limit_is_printed_as_a_threshold_that_it_only_comes_near():
    e = samples.effect(estimate=-0.0548, half=0.0352, values=(NAN, NAN))
    assert write_bounds(e, BINARY) == "[-9.0, -2.0]"
    assert write_bounds(e, replace(BINARY, worthwhile=0.02)) == "[-9.00, -1.96]"
    assert write_bounds(e.but(estimand="ratio", ci_low=0.51, ci_high=1.004), BINARY) == "[0.510, 1.004]"


def test_an_adjusted_difference_is_not_made_to_add_up():
    e = samples.effect(estimate=0.0871, half=0.019, adjustment="covariates")
    told = [write_value(0.232, BINARY, beside=e), write_value(0.142, BINARY, beside=e), write_effect(e, BINARY)]
    assert told == ["23.2 %", "14.2 %", "+8.7 points"]


def test_write_value_takes_the_digits_of_the_effect_beside():
    e = samples.effect(values=(NAN, NAN))
    assert write_value(0.1423, BINARY, beside=e) == "14.2 %"
    assert write_value(0.1423, BINARY, beside=e.but(ci_low=-0.1, ci_high=0.37)) == "14 %"
    assert write_value(0.142345, BINARY) == "14.2 %"
    assert write_value(NAN, MONEY) == "not known"


def test_find_margin_prefers_the_guardrail_and_needs_a_control_value():
    e = samples.effect(values=(200.0, 210.0))
    assert find_margin(e, Scale("m", "m", worthwhile=0.5)) == 0.5
    assert find_margin(e, Scale("m", "m", worthwhile=0.5, margin_absolute=0.1)) == 0.1
    assert find_margin(e, Scale("m", "m", margin_relative=0.05)) == 10.0
    assert find_margin(e.but(control_value=NAN), Scale("m", "m", margin_relative=0.05)) is None
    assert find_margin(e.but(estimand="relative_lift"), Scale("m", "m", worthwhile=0.5)) is None
    kinds = [samples.effect(estimand=k) for k in ("difference", "relative_lift", "ratio", "hazard_ratio")]
    assert [(is_lift(e), is_ratio(e)) for e in kinds] == [(False, False), (True, False), (False, True), (False, True)]


def test_list_metrics_and_read_scale_return_what_was_planned():
    metrics = {
        "is_active": {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.02, "within_days": 28},
        "paid": {"kind": "time_to_event", "event": "paid", "horizon_days": 90, "label": "Paid"},
    }
    frame = list_metrics(ExperimentPlan.model_validate({**PLAN, "metrics": metrics}))
    found = samples.results(tables={"metrics": frame})
    planned = {"better": "higher", "worthwhile": 0.02, "within_days": 28, "noun": "company"}
    assert read_scale(found, "is_active") == Scale("is_active", "is active", "binary", "primary", **planned)
    assert (read_scale(found, "paid").label, read_scale(found, "paid").within_days) == ("Paid", 90)
    assert (find_noun(found), find_noun(found, singular=True)) == ("companies", "company")
    bare = samples.results(tables={})
    assert read_scale(bare, "daily_use") == Scale("daily_use", "daily use") and find_noun(bare) == "units"
    assert list_one(kind="amount", quantile=0.9)["label"] == "reply time (90th percentile)"
    assert list_one(kind="count", time_at_risk="days_at_risk")["unit"] == "per day at risk"


def test_labels_are_said_as_the_plan_says_them():
    found = samples.results(plan=SHOWN)
    assert (name_arm(found, "links"), name_arm(found, "short_links")) == ("with links", "with short links")
    told = [name_label(found, n) for n in ("plan_tier", "plan_tier=a", "plan_tier=b_c", "activated")]
    assert told == ["plan", "first", "plan: b c", "activated"]
    assert name_contrast(found) == "without links minus with links"
    assert name_contrast(samples.results(plan=TURNED)) == "with links minus without"
    assert name_contrast(samples.three_arms()) == "with the treatment minus links"
    own = samples.three_arms().but(plan={})
    assert name_contrast(own, "short_links - links") == "with short links minus links"
    assert name_pair(own, own.headline()[0].but(treatment="a", control="no_links")) == "with a against no links"
    labelled = own.but(plan={"labels": {"links": "with the links"}})
    assert name_contrast(labelled, "short_links - links") == "with short links minus with the links"


@pytest.mark.parametrize("sentence", [
    ("no_links 1,997, links 2,003 (plan_tier); the links of help_opened stay.",
     "without links 1,997, with links 2,003 (plan); the links of help opened stay."),
    # words that are called as an arm, and names of files
    ("links 3.0 % have fewer links 2024-01-31, and links 2024-02-01 (links 4) 9 links 10 of links 5.",
     "with links 3.0 % have fewer links 2024-01-31, and links 2024-02-01 (with links 4) 9 links 10 of links 5."),
    ("my_events.csv and nps_2024-01.xlsx hold first_reply; see data/my_events.parquet.",
     "my_events.csv and nps_2024-01.xlsx hold first reply; see data/my_events.parquet."),
], ids=["codes", "arms", "files"])  # fmt: skip
def test_codes_in_a_sentence_are_said_in_words(sentence):
    found, (before, after) = samples.results(plan=SHOWN), sentence
    assert say_codes(found, before) == after


def test_what_begins_a_line_or_is_read_as_text_leaves_the_names_of_files_as_they_are():
    assert capitalise("my_events.csv: 3 rows left out") == "my_events.csv: 3 rows left out"
    assert show.PLAIN["text"]("my_events.csv lacks open_rate") == "my_events.csv lacks open rate"


@pytest.mark.parametrize(
    ("kind", "heads"), [("yours", ["activado", "ohne", "éclair"]), ("simulated", ["Activado", "Ohne", "Éclair"])]
)
def test_labels_begin_a_line_as_she_wrote_them_where_the_data_are_hers(kind, heads):
    found = samples.results(data=replace(samples.results().data, kind=kind), tables={})
    assert [read_scale(found, "activado").head, *(begin(found, label) for label in ("ohne", "éclair"))] == heads
