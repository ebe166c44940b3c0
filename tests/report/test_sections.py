"""A picture and its table by one call."""

import samples

from helpers import figures, report, tables


def test_show_effects_of_a_role_is_the_forest_and_its_table():
    found = samples.results()
    shown = report.show_effects(found, role="primary")
    assert shown.html.startswith(figures.forest(found, role="primary").html)
    assert shown.html.endswith(tables.estimates(found, role="primary").html)
    assert shown.text.startswith("Activated: clear benefit")
    assert report.show_effects(found, role="secondary").html != shown.html


def test_show_effects_of_metrics_leaves_take_up_and_sensitivity_out():
    base = samples.results()
    found = base.but(estimates=(*base.estimates, *samples.contrasts()[:1]))
    shown = report.show_effects(found, metrics=["activated", "csat"], caption="Two of them", name="two")
    assert "<caption>Two of them</caption>" in shown.html and 'download="two.csv"' in shown.html
    table = shown.html[shown.html.index("Two of them") :]
    assert table.count("<tr>") == 4  # header, difference, lift, guardrail
    assert "Users against" not in table and "adjusted for covariates" not in table


def test_show_effects_without_any_is_one_sentence():
    assert report.show_effects(samples.withheld(), role="primary").html.count("<p") == 1
    none = report.show_effects(samples.results(estimates=()), role="guardrail")
    assert none.text == "The plan names no guardrail metric."
