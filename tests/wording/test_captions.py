"""Titles, sources and alternative texts."""

import math

import samples

from helpers.wording import (
    capitalise,
    describe_effects,
    join_words,
    lower_first,
    name_kind,
    name_row,
    read_scale,
    tell_finding,
    tell_findings,
    write_source,
)
from helpers.wording.captions import describe_effect, name_method


def scale(metric="activated"):
    return read_scale(samples.results(), metric)


def test_tell_finding_says_the_verdict_with_its_interval():
    e = samples.effect()
    assert tell_finding(e, scale()) == "Activated: clear benefit, +9.0 points (between +7.1 and +10.9 points)"
    unclear = samples.effect(estimate=0.004, half=0.016, verdict="no clear difference")
    assert tell_finding(unclear, scale()) == "Activated: no clear difference; anything from -1.2 to +2.0 points fits"
    assert tell_finding(e, scale(), name="teams").startswith("Teams: clear benefit")
    lost = e.but(estimate=math.nan, reason="Fewer than 10 units.", verdict="not estimable")
    assert tell_finding(lost, scale()) == "Activated: not estimable (Fewer than 10 units)"


def test_tell_findings_groups_rows_by_verdict():
    rows = [samples.headline()[k] for k in (0, 2, 4, 6)]
    assert tell_findings(rows, [scale(e.metric) for e in rows]) == (
        "Clear benefit: activated (+9.0 points); clear harm: converted to paid (-1.2 points); "
        "not inferior: satisfaction (-0.020); no clear difference: conversations"
    )
    arms = [samples.effect(), samples.effect(treatment="short")]
    assert tell_findings(arms, [scale()] * 2) == (
        "Clear benefit: activated, no_links (+9.0 points) and activated, short (+9.0 points)"
    )
    many = [samples.effect(metric, treatment=t) for metric in ("activated", "converted") for t in ("a", "b")]
    assert tell_findings(many, [scale(e.metric) for e in many]) == (
        "Clear benefit: activated and converted to paid, 4 effects"
    )
    assert tell_findings(many * 2, [scale(str(k)) for k in range(8)]) == "Clear benefit: 8 effects"
    assert tell_findings(rows[:1], [scale()]) == tell_finding(rows[0], scale())


def test_describe_effect_names_both_arms_and_the_interval():
    assert describe_effect(samples.effect(), scale()) == (
        "activated: 23.2 % in no_links against 14.2 % in links, +9.0 points [+7.1, +10.9], clear benefit."
    )
    lift = samples.effect(estimate=0.63, half=0.2, estimand="relative_lift")
    assert describe_effect(lift, scale()) == "activated, no_links against links: +63 % [+43, +83], clear benefit."


def test_describe_effects_tells_six_rows_and_counts_the_rest():
    told = describe_effects([samples.effect()] * 8, samples.results(), what="Forest plot.")
    assert told.startswith("Forest plot. activated: 23.2 %")
    assert told.endswith("2 more rows are in the table.")


def test_write_source_and_name_kind_say_what_the_data_are():
    found = samples.results()
    assert write_source(found) == "Simulated data, effect planted. 4,000 workspaces: links 2,003, no_links 1,997."
    assert name_kind(found.data) == "Simulated data, effect planted"


def test_name_row_says_estimand_population_and_adjustment():
    assert [name_row(e) for e in samples.contrasts()] == [
        "Users against non-users",
        "Users against non-users, adjusted for covariates",
        "Difference, as assigned",
        "Effect in compliers",
    ]
    beside = samples.effect(estimand="naive", population="observational", control="CPS")
    assert name_row(beside) == "Against CPS, not randomised"
    assert name_row(beside.but(adjustment="weights")) == "Against CPS, not randomised, weighted"
    assert (capitalise("paid, EUR"), lower_first("Against CPS")) == ("Paid, EUR", "against CPS")
    assert [join_words(w) for w in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["none", "a", "a and b", "a, b and c"]


def test_name_method_keeps_what_stands_behind_a_comma():
    assert name_method("brunner-munzel") == "Brunner-Munzel"
    assert name_method("welch, always-valid") == "Welch, always-valid"
    assert name_method("wald ratio, delta") == "Wald ratio"
    assert name_method("an_unknown one") == "an unknown one"
