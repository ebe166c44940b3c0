"""The first screen, scorecard, ladder, segments and weeks: what stands first, what is boxed, what is nowhere."""

import base64
import csv
import html
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import samples
from experiments import make_design, run_experiment

from helpers.records import NAN, Check, Test
from helpers.view import effects
from helpers.view.effects import ladder, list_headlines, masthead, scorecard, segments, sensitivity, times, weeks
from helpers.view.html import Display
from helpers.view.show import frame_part
from helpers.view.words import explain

LABELS = {"links": "with links", "no_links": "without links", "short_links": "with short links"}
PLAN = {"file": "own.yaml", "sha256": "ab", "departures": [], "labels": LABELS}
TURNED = {**PLAN, "shown_as": {"contrast": "control - treatment", "words": "with links minus without"}}
SHOWN = [
    lambda found: masthead(found),
    lambda found: scorecard(found),
    lambda found: ladder(found, samples.contrasts()),
    lambda found: segments(found, metric="activated"),
    lambda found: weeks(found, metric="activated"),
    lambda found: sensitivity(found),
]


def told(display: Display) -> str:
    """Return the words of a display as they are read."""
    bare = html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<a .*?</a>|<caption.*?</caption>", "", display.html)))
    return re.sub(r"\s+", " ", bare).strip()


def make(**changes):
    """Return results told by a template: the kind, one bold sentence, a bullet, what is next."""
    plan = {**PLAN, **changes.pop("plan", {})}
    words = {"kind": ("Simulated data.",), **changes.pop("words", {})}
    answer = ("Simulated data.", "It helps.", "A doubt.", "Next: go on.")
    return samples.results(**{"answer": answer, "plan": plan, "words": words, **changes})


def test_masthead_has_kind_question_dates_answer_bullets_and_what_is_next():
    shown = masthead(make(assigned=("2022-04-01", "2022-04-28"), as_of="2022-06-30"))
    begun = "Simulated data. Does showing in-product help links raise activation and paid conversion? Assigned "
    begun += "2022-04-01 to 2022-04-28; data to 2022-06-30 It helps. A doubt. Next: go on. Metric"
    assert told(shown).startswith(begun)
    assert '<p class="headline"><strong>It helps.</strong></p>' in shown.html and "box" not in shown.html
    assert shown.text.count("Simulated data.") == 1 and "Next: go on." in shown.text


def test_masthead_boxes_interim_withheld_and_released_answers_with_the_reason_first():
    early = masthead(make(status="interim", estimates=samples.interim().estimates))
    assert '<div class="box interim"><p class="state">Interim: the study is not complete</p>' in early.html
    assert "dashed ones allow for looking early" in early.html
    nothing = masthead(samples.withheld())
    assert '<div class="box withheld"><p class="state">Withheld: no effect is shown</p>' in nothing.html
    assert "rows" not in nothing.html and "scorecard" not in nothing.html
    released = make(checks=(Check("srm", "fail", 0, 0.001, "Not as planned."),))
    assert "Released by the plan although a check failed" in masthead(released).html


def test_scorecard_puts_what_answers_first_and_then_the_roles():
    order = [e.metric for e in list_headlines(make())]
    assert order == ["activated", "converted", "conversations", "arr", "csat"]  # exploratory ones are not there
    assert next(iter(list_headlines(make(plan={"answers": ["arr"]})))).metric == "arr"
    only = [e for e in make().estimates if e.role == "exploratory" and e.segment is None and e.at is None]
    assert [e.metric for e in list_headlines(make(estimates=tuple(only)))] == ["nps"]  # better than nothing


def test_scorecard_says_who_decides_which_way_is_good_and_both_arms():
    shown = told(scorecard(make()))
    assert shown.startswith("Metric Without links With links Difference Without links minus with links Verdict")
    assert "Activated decides, higher is better 23.2 % 14.2 % +9.0 points [+7.1, +10.9] ● clear benefit" in shown
    assert "Satisfaction must not worsen, higher is better 4.190 4.210 -0.020" in shown
    assert shown.endswith("Brackets and lines: 95 % intervals; shaded: too small to matter, or tolerated.")


def test_scorecard_says_why_an_interval_without_zero_is_not_clear():
    unclear = samples.headline()[0].but(p_value=0.03, p_value_adjusted=0.09, verdict="no clear difference")
    shown = told(scorecard(make(estimates=(unclear,))))
    assert "higher is better, clear alone but not among all tested 23.2 %" in shown
    others = [{"p_value": 0.09}, {"p_value_adjusted": 0.04}, {"p_value_adjusted": None}]
    others = make(estimates=tuple(unclear.but(**more) for more in [*others, {"verdict": "no worthwhile difference"}]))
    assert "clear alone" not in told(scorecard(others))


@pytest.mark.parametrize(("drawn", "source"), [
    ("Before the test", "4,000 workspaces and 6,000 before the test."), ("With links", "4,000 workspaces."),
])  # fmt: skip
def test_a_part_counts_groups_outside_the_experiment_apart_where_it_shows_them(drawn, source):
    data = replace(make().data, units=10_000, units_by_variant={"links": 2003, "no_links": 1997, "before": 6000})
    found = make(data=data, plan={**PLAN, "labels": {**LABELS, "before": "before the test"}})
    part = frame_part(found, (drawn, "", ""), name="sums", frame=pd.DataFrame({"n": [1]}))
    assert f">{source}" in part.html


def test_scorecard_turns_with_the_contrast_and_so_does_the_band_of_a_guardrail():
    turned = told(scorecard(make(plan=TURNED)))
    assert turned.startswith("Metric With links Without links Difference With links minus without Verdict")
    assert "14.2 % 23.2 % -9.0 points [-10.9, -7.1] ● clear harm" in turned
    bands = [effects.list_card(make(plan=plan))[0][-1].band for plan in (PLAN, TURNED)]
    assert bands == [(-0.1, 0.0), (0.0, 0.1)]


def test_scorecard_names_each_of_several_treatments():
    shown = told(scorecard(samples.three_arms().but(plan=PLAN)))
    assert "Activated without links, decides, higher is better" in shown and "with short links, decides" in shown
    heads = "With the treatment With links Difference With the treatment minus with links"
    assert shown.startswith(f"Metric {heads} Verdict")
    assert told(scorecard(samples.three_arms().but(plan=TURNED))).startswith("Metric With links With the treatment ")


def test_scorecard_says_of_two_treatments_which_is_first():
    three = samples.three_arms()
    first, second = three.headline("activated")
    between = first.but(id="between", control=first.treatment, treatment=second.treatment, comparison="u - t")
    shown = told(scorecard(three.but(plan=PLAN, estimates=(*three.estimates, between))))
    assert "Activated with short links against without links, decides, higher is better" in shown
    assert shown.startswith("Metric First Second Difference First minus second Verdict")


def test_scorecard_begins_with_rows_of_words():
    rows = ("Agents | 110 to 614 | for all hours", "Methods | 30 of 30 | | no defect found")
    shown = told(scorecard(make(words={"card": rows})))
    assert re.search(r"Agents for all hours 110 to 614 Methods 30 of 30 ● no defect found Activated", shown)
    alone = scorecard(make(words={"card": rows}, estimates=()))
    assert told(alone) == "What Found Verdict Agents for all hours 110 to 614 Methods 30 of 30 ● no defect found"


def test_the_level_is_that_of_the_estimates():
    strict = tuple(e.but(confidence_level=0.99, verdict="no clear difference") for e in samples.headline())
    shown = scorecard(make(estimates=strict))
    assert "Brackets and lines: 99 % intervals" in told(shown)
    assert "clear benefit" not in shown.html and shown.html.count("○") == len(list_headlines(make(estimates=strict)))
    part = samples.segments()[0].but(confidence_level=0.99)
    test = Test("i", "activated", "interaction with country", 5.0, 2, 0.02)
    assert "no sign that it differs" in told(segments(make(estimates=(part,), tests=(test,)), metric="activated"))


def test_ladder_has_the_illusion_and_the_cure_on_one_scale():
    shown = ladder(make(), samples.contrasts())
    assert "Activated: +31.0 points by association, +2.0 points as assigned" in told(shown)
    assert "Users against others 1,997 and 2,003 " in told(shown)
    assert "Without links against with links as assigned, 1,997 and 2,003 " in told(shown)
    assert "Those who use it because it is offered delta method" in told(shown)
    assert shown.html.count("more often</span>") == 2 and shown.html.count("class=muted") == 2
    bands = set(re.findall(r'class="band" d="(.*?)"', shown.html))
    assert len(bands) == 1  # the same worthwhile band in every row: one scale


@pytest.mark.parametrize("plan", [PLAN, TURNED], ids=["planned", "turned"])
def test_ladder_counts_first_who_has_the_offer(plan):
    *_, fair, use = samples.contrasts()
    for beside, sizes in ((fair, "1,997 and 2,003"), (fair.turn(), "2,003 and 1,997")):
        assert f"because it is offered delta method, {sizes} " in told(ladder(make(plan=plan), (beside, use)))


def test_ladder_speaks_of_associations_where_there_is_one_and_of_effects_that_are_estimated():
    *_, fair, _ = samples.contrasts()
    note, nothing = "An association mixes the effect with who is compared.", fair.but(verdict="not estimable")
    assert note in told(ladder(make(), samples.contrasts())) and note not in told(ladder(make(), (fair,)))
    other = samples.effect("converted")
    assert told(ladder(make(), (nothing, other))).startswith("Converted to paid: +9.0 points as assigned Compared")
    assert told(ladder(make(), (nothing,))).startswith("Not estimable Compared")


def test_ladder_names_takers_and_tells_least_squares_from_the_effect_on_the_treated():
    naive = next(e for e in samples.contrasts() if e.population == "as_treated")
    adjusted = [naive.but(id=way, adjustment=way, role="sensitivity") for way in ("covariates", "weights")]
    shown = ladder(make(), (naive, *adjusted))
    assert "Users against others by least squares, 1,997 and 2,003 " in told(shown)
    assert "Users against others others weighted to be like them, 1,997" in told(shown)
    file = base64.b64decode(re.search(r"text/csv;charset=utf-8;base64,([^\"]+)", shown.html)[1]).decode()
    rows = list(csv.DictReader(io.StringIO(file)))
    assert {(row["control"], row["treatment"]) for row in rows} == {("others", "takers")}


def test_ladder_of_several_metrics_has_a_group_for_each_and_of_none_leaves_the_page():
    more = tuple(e.but(metric="converted") for e in samples.contrasts())
    shown = told(ladder(make(), (*samples.contrasts(), *more)))
    assert "as assigned; converted to paid: +31.0 points by association" in shown
    assert ladder(make(), ()).html.startswith('<p class="note absent">')
    outside = samples.effect(population="observational", estimand="naive", control="links")
    assert "Without links against with links not randomised" in told(ladder(make(), (outside,)))


TIMED = {"kind": "time_to_event", "time": "days", "observed": "seen", "horizon_days": 14, "role": "secondary"}


def time(arms="ct", **plan):
    """Return the results of an experiment on times to an event, and an earlier horizon of the same."""
    who = np.arange(600) % len(arms)
    days = np.random.default_rng(3).exponential(30 - 10 * (who > 0))
    frame = pd.DataFrame({"variant": np.array([*arms])[who], "days": days, "seen": 1.0, "firm": who.astype(str)})
    variant = {"control": "c", "treatments": [*arms[1:]]}
    design = make_design(metrics={"paid": TIMED, "early": {**TIMED, "horizon_days": 7}}, variant=variant, **plan)
    return explain(run_experiment(frame, design), design)


def test_times_have_curve_share_mean_time_and_log_rank_up_to_the_horizon():
    results = time()
    shown = times(results)
    rows = [f"{measure}, up to day {day}" for measure in TIME_MEASURES for day in (7, 14)]
    assert [told(shown).count(row) for row in rows] == [1] * 6
    assert told(shown).count("Share reached by each day since assignment") == 2 == shown.html.count("<figure>")
    ids = re.findall(r' id="(.*?)"', shown.html)
    assert sorted(set(ids)) == sorted(ids) and {"times", "curves-paid", "curves-early"} <= set(ids)
    assert re.search(r"With c: [\d.]+ % by day 14", told(shown)) and "by day 7" in told(shown)  # where its line ends
    assert "Who was not seen to the end counts for as long as seen." in told(shown)
    assert 'class="note absent"' in times(make()).html
    assert 'class="note absent"' in times(results.but(status="withheld")).html


def test_times_of_several_treatments_name_them_and_those_of_clusters_say_why_there_are_none():
    rows = re.findall(r"(share with|mean days|log-rank).*?up to day (\d+), with (\w)", told(times(time("ctu"))))
    measures = ("share with", "mean days", "log-rank")
    assert rows == [(measure, day, arm) for day in ("7", "14") for arm in "tu" for measure in measures]
    nothing = times(time(cluster="firm"))
    assert "clusters are randomised, and times to an event are compared by unit only" in told(nothing)
    assert 'class="note absent"' not in nothing.html


TIME_MEASURES = ("share with the event", "mean days without it", "log-rank test")


def test_segments_carry_no_verdicts_and_are_titled_by_the_interaction_tests():
    country = Test("i", "activated", "interaction with country", 5.0, 2, 0.02, 0.04)
    tier = Test("j", "activated", "interaction with plan tier", 0.1, 1, 0.7, 0.8)
    shown = segments(make(tests=(country, tier)), metric="activated")
    assert "Activated: the effect differs by country (interaction p = .040)" in told(shown)
    assert "Verdict" not in shown.html and "Country DE 1,295 " in told(shown)
    alike = told(segments(make(tests=(tier,)), metric="activated"))
    assert "Activated, the effect by segments: no sign that it differs (interaction p = .80)" in alike
    assert "fewer than 10 units" in alike  # a level that is too small says so
    assert "Activated, part by part" in told(segments(make(), metric="activated"))


def test_segments_that_begin_with_a_number_stand_by_it():
    sizes = ["101-500", "1,001-5,000", "11-50", "<11", "other"]
    rows = tuple(samples.segments()[0].but(segment=f"size={size}", id=size) for size in sizes)
    shown = told(segments(make(estimates=rows), metric="activated"))
    assert sorted(sizes, key=shown.casefold().index) == ["<11", "11-50", "101-500", "1,001-5,000", "other"]


def test_weeks_are_titled_by_the_test_of_a_trend():
    trend = Test("t", "activated", "trend over weeks", 0.2, None, 0.86)
    shown = told(weeks(make(tests=(trend,)), metric="activated"))
    assert "Activated, the effect by weeks: no sign that it differs (trend p = .86)" in shown and "Assigned in" in shown
    assert weeks(make(), metric="arr").html.startswith('<p class="note absent">')


def test_methods_are_named_as_the_literature_writes_them():
    told = [effects.name_method(m) for m in ("welch", "welch, repeated", "wald ratio, delta, always-valid", "lin_hc2")]
    assert told == ["Welch", "Welch, repeated", "Wald ratio, always-valid", "lin hc2"]


def test_sensitivity_reads_as_the_page_does():
    shown = told(sensitivity(make(plan=TURNED)))
    assert "Differences: with links minus without." in shown
    assert "as assigned, adjusted for covariates, Lin -8.7 points [-10.4, -7.0]" in shown
    use = samples.contrasts()[-1].but(role="sensitivity", comparison="takers - others")
    shown = told(sensitivity(make(estimates=(*samples.results().estimates, use))))
    assert "adjusted for covariates, Lin +8.7 points" in shown  # one treatment is not named, whatever else there is
    ends = samples.sensitivity()[0].but(
        method="worst-case bounds", ci_low=-0.2, ci_high=0.31, estimate=NAN, p_value=NAN
    )
    shown = told(sensitivity(make(estimates=(ends.but(verdict="not estimable", reason="bounds only"),))))
    assert "worst-case bounds no single one [-20, +31] not estimable" in shown
    none = ends.but(estimate=0.2, ci_low=NAN, ci_high=NAN, reason="one unit holds most")
    assert "worst-case bounds +20 points one unit holds most" in told(sensitivity(make(estimates=(none,))))


@pytest.mark.parametrize("show", SHOWN)
def test_withheld_effects_are_nowhere(show):
    shown = show(samples.withheld().but(estimates=samples.results().estimates))  # even if some were left
    assert "<svg" not in shown.html and not re.search(r"[+-]\d", shown.html + shown.text)


@pytest.mark.parametrize("show", SHOWN)
def test_words_from_data_are_inert(show):
    found = samples.hostile().but(words={"card": (f"{samples.HOSTILE} | {samples.HOSTILE}",)})
    shown = show(found.but(plan={**found.plan, "shown_as": {"words": samples.HOSTILE}, "labels": {}}))
    assert ("<script" not in shown.html and "&lt;script&gt;" in shown.html) or "absent" in shown.html
