"""What a report says in tables: asked of results made by hand."""

import base64
import math
import re
from dataclasses import replace

import pandas as pd
import pytest
import samples

from helpers import tables
from helpers.plan import ExperimentPlan
from helpers.records import Test
from helpers.tables.masthead import key_estimates

DESIGN = ExperimentPlan.model_validate(
    {
        "kind": "experiment",
        "title": "t",
        "question": "q",
        "unit": "workspace",
        "unit_id": "id",
        "variant": {"column": "v", "control": "links", "treatments": ["no_links"], "observational": ["cps"]},
        "planned_units": 4000,
        "covariates": ["seats"],
        "metrics": {"activated": {"kind": "binary", "role": "primary"}},
    }
)


def words(display):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", display.html)).replace("\u00a0", " ")


def test_masthead_has_kind_question_answer_and_at_most_four_keys():
    shown = tables.masthead(samples.results())
    order = ["Simulated data, effect planted", "Does showing in-product", "Without the links 23.2 %", "+9.0 points"]
    places = [words(shown).index(part) for part in order]
    assert places == sorted(places)
    assert shown.html.count("<li>") == 4 and shown.html.count("<h1>") == 1
    assert "23.2 % in no_links, 14.2 % in links" in words(shown)


def test_masthead_boxes_an_answer_that_the_plan_released_although_a_check_failed():
    failed = (samples.withheld().checks[0],)
    assert (failed[0].id, failed[0].status) == ("srm", "fail")
    shown = tables.masthead(samples.results(checks=failed)).html
    assert '<div class="box released"><p class="state">Released by the plan although a check failed</p>' in shown


def test_key_estimates_takes_one_row_a_metric_and_treatment_primary_first():
    found = [(e.metric, e.treatment) for e in key_estimates(samples.three_arms())]
    assert found[:2] == [("activated", "no_links"), ("activated", "short_links")] and len(found) == 4
    assert key_estimates(samples.withheld()) == ()


@pytest.mark.parametrize(("found", "state"), [(samples.withheld(), "Withheld"), (samples.interim(), "Interim")])
def test_masthead_boxes_what_is_not_an_answer(found, state):
    shown = tables.masthead(found)
    assert f'<div class="box {found.status}"><p class="state">{state}:' in shown.html
    assert ("+9.0" in tables.masthead(found.but(answer=())).html) == (state == "Interim")


def test_estimates_by_role_shows_seven_columns_and_downloads_every_field():
    shown = tables.estimates(samples.results(), role="secondary")
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)', shown.html)
    assert heads == [
        *("Metric", "links (control)", "no_links (treatment)", "Effect"),
        *("95 % interval", "p", "Verdict"),
    ]
    assert "Yearly revenue $1,240 $1,250 +$10 [-$300, +$320] .94 ○ no clear difference" in words(shown)
    csv = base64.b64decode(re.search(r"base64,([^\"]+)", shown.html)[1]).decode()
    assert csv.startswith("id,metric,control,treatment,comparison,estimand") and len(csv.splitlines()) == 5
    assert 'download="proactive_help_secondary.csv"' in shown.html


def test_estimates_say_that_p_is_adjusted_and_intervals_are_not():
    one = samples.effect(p_value_adjusted=0.2)
    note = "p is adjusted for how many there are, intervals are not"
    assert note in words(tables.estimates(samples.results(estimates=(one,))))
    assert note not in words(tables.estimates(samples.results(estimates=(one.but(p_value_adjusted=None),))))


def test_tables_name_a_unit_of_several_words_once_a_row():
    found = samples.results()
    metrics = found.tables["metrics"].copy()
    metrics.loc[metrics["metric"] == "conversations", "unit"] = "per active month"
    rate = samples.effect(
        "conversations", -0.012, 0.0175, (0.405, 0.393), role="secondary", verdict="no clear difference"
    )
    bayes = {**BELIEVED, "metric": "conversations", "mean": -0.012, "ci_low": -0.029, "ci_high": 0.006}
    needs = {
        "metric": "conversations",
        "comparison": "no_links - links",
        "control_value": 0.405,
        "n": 4000,
        "power": 0.8,
    }
    needs |= {"mde_absolute": 0.03, "worthwhile": 0.02, "power_for_worthwhile": 0.28, "n_for_worthwhile": 16283}
    more = {"metrics": metrics, "bayes": pd.DataFrame([bayes]), "requirements": pd.DataFrame([needs])}
    found = found.but(tables={**found.tables, **more}, estimates=(rate,))
    for shown in (tables.estimates(found), tables.posteriors(found), tables.requirements(found)):
        assert words(shown).count("per active month") == 1 and "Conversations (per active month) 0." in words(shown)
    plain = words(tables.estimates(samples.results(), role="primary"))
    assert "+9.0 points" in plain and "(points)" not in plain


def test_design_tells_how_a_metric_is_read_and_several_treatments():
    found = samples.results()
    metrics = found.tables["metrics"].copy().assign(quantile=None, ordered=False)
    metrics.loc[metrics["metric"] == "arr", "quantile"] = 0.9
    metrics.loc[metrics["metric"] == "csat", "ordered"] = True
    told = words(tables.design(found.but(tables={"metrics": metrics}), DESIGN))
    for part in ("amount, 90th percentile, USD", "score, ordered", "exploratory NPS", "Treatment no_links"):
        assert part in told
    variant = DESIGN.variant.model_copy(update={"treatments": ["a", "b"]})
    assert "Treatments a and b" in words(tables.design(found, DESIGN.model_copy(update={"variant": variant})))


def test_estimates_of_sensitivity_say_how_they_were_made():
    told = words(tables.estimates(samples.results(), role="sensitivity"))
    assert "Activated Difference, as assigned, adjusted for covariates Lin +8.7 points [+7.0, +10.4]" in told


def test_estimates_chosen_named_and_empty():
    found = samples.results()
    shown = tables.estimates(found, chosen=samples.weeks(), caption="By week", name="weeks")
    assert "<caption>By week</caption>" in shown.html and 'download="weeks.csv"' in shown.html
    assert "Activated, week 1" in words(shown)
    assert tables.estimates(found.but(estimates=()), role="guardrail").text == "The plan names no guardrail metric."
    assert "always-valid" in tables.estimates(samples.interim(), role="primary").html
    lost = samples.effect().but(estimate=math.nan, reason="Too few.", verdict="not estimable")
    assert "not estimable Too few." in words(tables.estimates(found, chosen=[lost]))


def test_withheld_results_say_so_everywhere():
    found = samples.withheld()
    sentence = "The effects of this run are withheld; the answer at the top says why."
    assert tables.estimates(found, role="primary").text == sentence
    assert tables.claims(found).text == "No published claim bears on this run."
    assert "fail" in words(tables.checks(found))


def test_checks_flow_limits_and_claims_tell_their_rows():
    found = samples.results()
    assert "Missing csat – not tested No value is missing." in words(tables.checks(found))
    assert "Exact duplicates dropped 3 kept once" in words(tables.flow(found))
    assert "Workspaces in no_links 1,997" in words(tables.flow(found))
    assert tables.limits(found).html.count("<li>") == 3
    told = words(tables.claims(found))
    assert "P13 9 % fewer teams convert without links -1.2 [-2.3, -0.1] ○ not recovered" in told
    lift = replace(next(c for c in found.claims if c.id == "P13"), unit="% more often")
    assert " -1.2 % [-2.3, -0.1] " in words(tables.claims(found.but(claims=(lift,))))
    assert tables.checks(found.but(checks=())).text == "No trust check applies to this run."


def test_design_tells_decisions_metrics_and_departures():
    found = samples.results()
    told = words(tables.design(found, DESIGN))
    for part in ("Unit workspace", "Planned split links 50 %, no_links 50 %", "Not randomised cps", "Covariates seats"):
        assert part in told
    assert "Activated primary binary higher is better 28 days worthwhile 2 points" in told
    assert "Departures from the plan none" in told
    moved = found.but(plan={"departures": [{"parameter": "as_of", "planned": None, "used": "2022-05-01"}]})
    assert "as_of is 2022-05-01, planned none" in words(tables.design(moved, DESIGN))
    assert "No metric table" in words(tables.design(found.but(tables={}), DESIGN))


def test_run_record_hides_folders_and_passwords():
    given = {"data": ["/home/me/x.csv"], "url": "postgres://u:p@h/db", "as_of": None, "seed": 1}
    told = words(tables.run_record(samples.results(), given))
    for part in ("Parameter data x.csv", "Parameter url postgres://h/db", "Parameter as_of as planned", "ab" * 32):
        assert part in told
    assert "/home" not in told and "u:p" not in told


def test_show_cuts_to_seven_columns_and_keeps_all_in_the_file():
    frame = pd.DataFrame({f"c{k}": range(70) for k in range(9)})
    shown = tables.show(
        frame, caption="A row is a number", name="numbers", headers={"c1": "One"}, formats={"c2": "<{}>".format}
    )
    assert "Shows the first 60 of 70 rows and the first 7 of 9 columns; the rest is in the file." in shown.html
    assert ">One</th>" in shown.html and "&lt;3&gt;" in shown.html
    assert "(70 rows, 9 columns)" in shown.html
    assert "(70 rows, 1 columns)" in tables.show(frame, caption="c", name="n", download=frame[["c1"]]).html
    assert "<b>1</b>" in tables.show(frame, caption="c", name="n", formats={"c2": "<b>{}</b>".format}, raw=["c2"]).html
    assert tables.show(frame.iloc[:0], caption="Nothing.", name="n").text == "Nothing: there is no row to show."


def test_requirements_tell_differences_of_shares_in_points():
    row = {"metric": "activated", "comparison": "no_links - links", "control_value": 0.3037, "n": 4000, "power": 0.8}
    row |= {"mde_absolute": 0.03993, "worthwhile": 0.02, "power_for_worthwhile": 0.28, "n_for_worthwhile": 16283}
    found = samples.results()
    found = found.but(tables={**found.tables, "requirements": pd.DataFrame([row])})
    assert "Activated 30.4 % 4,000 4.0 points 2.0 points 28 % 16,283" in words(tables.requirements(found))


def test_requirements_tell_days_where_units_came_at_a_rate():
    row = {"metric": "activated", "comparison": "no_links - links", "control_value": 0.3037, "n": 4000, "power": 0.9}
    row |= {"mde_absolute": 0.03993, "worthwhile": 0.02, "power_for_worthwhile": 0.28, "n_for_worthwhile": 16283}
    found = samples.results()
    frame = pd.DataFrame([{**row, "days_for_worthwhile": 142.0}])
    told = words(tables.requirements(found.but(tables={**found.tables, "requirements": frame})))
    assert "Activated 4,000 4.0 points 2.0 points 28 % 16,283 142" in told
    assert "What could be seen with 90 % power, one row a metric. Days at the rate at which these units came" in told


BELIEVED = {
    "metric": "activated", "comparison": "no_links - links", "better": "higher", "prior_mean": 0.0, "prior_sd": 0.62,
    "mean": 0.09, "sd": 0.01, "ci_low": 0.07, "ci_high": 0.11, "probability_better": 0.93, "loss_treatment": 0.0001,
    "loss_control": 0.09, "interim": False, "prior_units": 1.0,
}  # fmt: skip


def believe(found=None, **changes):
    found = found or samples.results()
    frame = pd.DataFrame([{**BELIEVED, **changes}])
    return words(tables.posteriors(found.but(tables={**found.tables, "bayes": frame})))


def test_posteriors_print_the_prior_and_what_a_choice_costs():
    told = believe()
    assert "from a prior of no effect that weighs as much as 1 workspace in each arm; one row an effect." in told
    assert "Activated 62 points +9.0 points [+7.0, +11.0] 93.0 % 0.0 points 9.0 points" in told
    assert "weighs as much as 50 workspaces in each arm" in believe(prior_units=50.0)


def test_posteriors_say_when_the_prior_is_flat_and_the_look_early():
    told = believe(prior_units=0.0, prior_sd=math.inf, interim=True)
    assert "from a flat prior: any effect counts as equally likely before; one row an effect." in told
    assert "Activated flat +9.0 points" in told
    assert "It ignores that the experiment is looked at early" in told


def test_posteriors_are_never_certain_and_lose_nothing_where_neither_way_is_good():
    assert "over 99.9 %" in believe(probability_better=1.0)
    assert "under 0.1 %" in believe(probability_better=1e-9)
    assert "93.0 % (higher) Download" in believe(better="neither")


def test_posteriors_without_any_or_withheld_are_a_sentence():
    assert tables.posteriors(samples.results()).text == "No headline effect has a standard error."
    assert tables.posteriors(samples.withheld()).text.startswith("The effects of this run are withheld")


def test_sensitivity_shows_the_same_effects_and_no_take_up():
    found = samples.results(estimates=(*samples.results().estimates, *samples.contrasts()))
    told = words(tables.sensitivity(found))
    assert "The same effects otherwise, one row an effect" in told
    assert "adjusted for covariates" in told and "Users against" not in told


def test_tests_of_all_arms_are_said_in_the_caption():
    joint = Test("activated:all arms:any difference between the arms", "activated", "any difference", 7.1, 2, 0.03)
    trend = Test("activated:t - c:trend over weeks", "activated", "trend over weeks", 0.3, None, 0.7)
    both, one = (tables.tests(samples.results(tests=rows)) for rows in ((joint, trend), (trend,)))
    assert "Whether arms and effects differ in activated, one row a test" in words(both)
    assert "all arms any difference 7.10 .030" in words(both)
    assert "Whether the effect on activated differs, one row a test" in words(one)


def test_sample_sizes_have_a_row_a_difference_and_a_column_a_baseline():
    found = samples.results().but(tables={"sample_sizes": samples.sizes()})
    told = words(tables.sample_sizes(found))
    assert "To see From 5 % From 15 % From 30 %" in told
    assert "9 points 184 494 814" in told
    assert "find it in 80 % of experiments" in told


def test_assumptions_are_called_as_the_study_calls_them():
    rows = [("units a year", 1.0, 2.0, 3.0, "units"), ("value of one unit of the outcome", 0.7, 0.8, 0.9, "USD")]
    frame = pd.DataFrame(rows, columns=["assumption", "low", "central", "high", "unit"])
    found = samples.results()
    found = found.but(tables={**found.tables, "assumptions": frame})
    assert "Workspaces a year 1 2 3 workspaces Value of one unit" in words(tables.assumptions(found))
    named = tables.assumptions(found, names={"value of one unit of the outcome": "gross margin"})
    assert "Gross margin 0.7 0.8 0.9 USD" in words(named)


def test_masthead_sets_effects_and_verdicts_in_bold():
    said = ("These data are simulated.", "Activated: +9.0 points (4,000). By the plan's rule this is a clear benefit.")
    html = tables.masthead(samples.results(answer=said)).html
    assert '<p class="said">These data are simulated.</p>' in html
    assert "<strong>+9.0\u00a0points</strong> (4,000). By the plan&#x27;s rule this is a <strong>clear benefit" in html


def test_every_table_makes_scripts_inert():
    found = samples.hostile()
    shown = [
        tables.masthead(found),
        tables.limits(found),
        tables.checks(found),
        tables.flow(found),
        tables.design(found, DESIGN),
        tables.claims(found),
        tables.estimates(found),
        tables.estimates(found, role="sensitivity"),
        tables.run_record(found, {samples.HOSTILE: samples.HOSTILE}),
    ]
    assert not any("<script" in display.html for display in shown)
    assert all("&lt;script&gt;" in display.html for display in shown)
