"""Whether live support pays, in whole sentences; and how many agents calls take that are brought in from elsewhere."""

import math
import re

import pandas as pd
import payback_samples as samples
import pytest

from helpers import plan
from helpers.records import DataInfo, Results
from helpers.studies import part, weigh_doubts
from helpers.view.effects import list_card, split_answer, tell_dates
from helpers.view.record import make_card
from helpers.view.show import show
from helpers.view.words import explain

NAN = math.nan
SAVED = {"hours": -3120}
OPEN, DOUBTS = "Whether live support for all pays is open: ", "with assumptions in doubt; a gain is"
ANSWERS = [
    # effect, its error, other assumptions, the answer, what is next
    # a gain that chance may have made
    (12, 5, {}, OPEN + "+$70,000 a year net, between -$170,000 and +$300,000 by chance alone, "
     f"between -$270,000 and +$530,000 {DOUBTS} 68 % likely.", "run the test on, with the standard team as before: "
     "revenue rises, perhaps not by enough."),
    # neither money nor revenue is clear
    (7, 5, {}, OPEN + "-$50,000 a year net, between -$290,000 and +$180,000 by chance alone, "
     f"between -$400,000 and +$370,000 {DOUBTS} 31 % likely.",
     "the rule gives no clear answer; more sign-ups would narrow the interval."),
    # a loss that no wage would mend
    (-12, 5, {}, "Live support for all does not pay: -$506,000 a year net, between -$740,000 and "
     f"-$270,000 by chance alone, between -$1,000,000 and -$190,000 {DOUBTS} under 1 % likely.", "do not roll it out."),
    # it pays whatever the assumptions
    (40, 2, {}, "Live support for all pays: +$742,000 a year net, between +$648,000 and +$836,000 "
     f"by chance alone, between +$320,000 and +$1,230,000 {DOUBTS} over 99 % likely.",
     "go on with live support for all."),
    # it pays at central assumptions
    (20, 2, {}, "Live support for all pays at central assumptions: +$262,000 a year net, between "
     f"+$168,000 and +$356,000 by chance alone, between -$30,000 and +$600,000 {DOUBTS} over 99 % likely.",
     "go on with live support for all, while the assumptions hold: an agent hour under $77."),
    # it saves agents
    (12, 5, SAVED, "Live support for all pays: +$397,000 a year, saved agents included, between +$160,000 and "
     f"+$630,000 by chance alone, between +$120,000 and +$840,000 {DOUBTS} over 99 % likely.",
     "go on with live support for all."),
]  # fmt: skip


@pytest.fixture(scope="module")
def design():
    """Return the plan of the study."""
    return plan.read("live_support").design


def make(estimate=12.0, error=5.0, **changes):
    """Return results with money, whose verdict follows from the interval."""
    low, high = estimate - 1.96 * error, estimate + 1.96 * error
    verdict = "clear benefit" if low > 0 else "clear harm" if high < 0 else "no clear difference"
    ages = (samples.effect("revenue_30", 3, 1.5, role="exploratory"), samples.effect("revenue_60", 8, 3, role="other"))
    return samples.results(samples.effect(estimate=estimate, error=error, verdict=verdict), *ages, **changes)


@pytest.mark.parametrize(("estimate", "error", "changes", "answer", "following"), ANSWERS)
def test_answer_says_whether_it_pays(design, estimate, error, changes, answer, following):
    _, headline, _, told = split_answer(explain(make(estimate, error, **changes), design))
    assert (headline, told) == (answer, following)


def test_bullets_tell_the_effect_and_the_sum_that_makes_the_year(design):
    found = explain(make(7), design)
    assert split_answer(found)[2] == [
        "Revenue within 90 days: no clear difference, +$7.00 (between -$2.80 and +$16.80). At 30,000 sign-ups a year, "
        "each worth $7.00 more, and a margin of 80 %, live support for all brings $168,000 and takes 6,240 paid agent "
        "hours at $35: -$50,000; it pays up to $27 an hour. Fixed: hours staffed in the test, reply "
        "target, 90 days of revenue."
    ]
    assert found.words["card"] == (
        "Live support for all, net a year | -$50,000 | between -$290,000 and +$180,000 by chance",
    )


def test_the_sum_is_told_so_finely_that_the_year_follows_from_it(design):
    bullet = split_answer(explain(make(7.0312), design))[2][0]
    assert "each worth $7.031 more, and a margin of 80 %, live support for all brings $168,700 and takes" in bullet
    assert "takes 6,240 paid agent hours at $35: -$50,000;" in bullet  # 30,000 x 7.031 x .8 less 218,400


def test_answer_without_money_says_what_it_takes(design):
    _, headline, bullets, following = split_answer(explain(samples.bare(), design))
    assert headline == (
        "Whether live support for all pays cannot be said: that takes an effect on revenue, and the agent hours that "
        "it adds, from conversations or given."
    )
    assert following == "give the agent hours that live support for all adds, or data with conversations."
    assert bullets[0].startswith("Revenue within 90 days: ")


def test_answer_of_an_unknown_amount_gives_its_reason(design):
    lost = samples.effect(estimate=NAN, verdict="not estimable", reason="fewer than two units in an arm")
    found = explain(samples.results(lost, by_age=()), design)
    assert split_answer(found)[1] == "Whether live support for all pays cannot be said: fewer than two units in an arm."
    assert split_answer(found)[3] == "collect what is missing, and run the report again."
    assert "card" not in found.words and "title doubts" not in found.words


def test_answer_before_the_end_says_so_and_names_no_chance_that_is_not_known(design):
    found = make()
    chances = found.tables["probability"].assign(probability=NAN)
    found = found.but(status="interim", tables={**found.tables, "probability": chances})
    told = "So far: whether live support for all pays is open: +$70,000 a year net, between "
    told += "-$170,000 and +$300,000 by chance alone, between -$270,000 and +$530,000 with assumptions in doubt."
    assert split_answer(explain(found, design))[1] == told


def test_answer_that_is_withheld_holds_no_figure(design):
    found = explain(samples.bare().but(status="withheld", estimates=(), answer=("Withheld.",)), design)
    assert split_answer(found)[1:3] == ("Withheld.", [])
    assert found.limits == ("Any effect: what went wrong with the assignment has to be understood first.",)


def waits(**changes):
    """Return the rows of median waits: with live support against the standard, and the standard against before."""
    rows = [
        {"control": "standard", "treatment": "live", "is_randomised": True, "control_value": 60.0,
         "treatment_value": 0.75, "ci_low": -61.0, "ci_high": -58.0, "measure": "median"},
        {"control": "before", "treatment": "standard", "is_randomised": False, "control_value": 43.0,
         "treatment_value": 60.0, "ci_low": 15.0, "ci_high": 19.0, "measure": "median"},
        {"control": "standard", "treatment": "live", "is_randomised": True, "control_value": 0.08,
         "treatment_value": 0.84, "ci_low": 0.75, "ci_high": 0.77, "measure": "within", "minutes": 2.0},
    ]  # fmt: skip
    rows[0].update(changes)
    return pd.DataFrame(rows)


def test_a_control_that_became_slower_is_told_with_what_would_be_left(design):
    left = {"metric": "revenue", "is_measured": True, "factor": [0.7, 0.925], "response": ["linear in minutes", "log"]}
    found = make(slower=pd.DataFrame(left))
    found = explain(found.but(tables={**found.tables, "replies": waits()}), design)
    assert split_answer(found)[2][1] == (
        "Half of the questions waited 45 seconds or less with live support, 60 minutes with the standard reply, which "
        "took 43 minutes before the test; had it stayed so, the effect would be $8.40 "
        "to $11, and the year between -$17,000 and +$48,000."
    )
    assert found.words["title effect_readings"] == (
        "As measured the year is +$70,000, with the standard reply as before the test -$20,000 or +$50,000, to a "
        "sceptic -$140,000",
    )
    figures = re.findall(r"[-+]\$[\d,]+\d", found.words["title effect_readings"][0])
    rows = show(found, "effect_readings").html.partition("<tbody")[2]
    assert all(f"{figure} [" in rows for figure in figures) and len(figures) == 4  # as the rows have them
    assert found.words["title slower"] == (
        "With the standard reply half of the questions waited 60 minutes, before the test 43 minutes: slower (between "
        "+15.0 and +19.0 minutes)",
    )
    within = "Within 2 minutes 84 % had a reply with live support, 8 % with the standard reply"
    assert found.words["title replies"] == (within,)


def test_replies_that_were_not_faster_are_not_told_as_delivered(design):
    found = make()
    found = found.but(tables={**found.tables, "replies": waits(ci_high=3.0).iloc[[0, 2]]})
    assert split_answer(explain(found, design))[2][1] == (
        "Replies were not clearly faster: half of the questions waited 45 seconds or less with live support, 60 "
        "minutes with the standard reply."
    )


def test_titles_of_money_are_findings(design):
    words = explain(make(), design).words
    most = "What moves the year most is the effect on revenue, then the cost of an agent hour"
    assert words["title doubts"] == (most,)
    assert words["title probability"] == (
        "A gain is 72 % likely at central assumptions, and 68 % where they are drawn from their ranges, which leave "
        "more room for worse",
    )
    assert words["title cash"] == (
        "After 12 months of a roll-out the cash stands at +$32,000; with the $38,000 that its last sign-ups pay later "
        "it is the year's +$70,000",
    )


def test_doubts_stand_on_one_scale_each_with_its_range(design):
    shown = weigh_doubts(explain(make(), design))
    assert shown.text.splitlines()[1:] == [
        "- Effect on revenue (+$2.20 to +$21.80); -$170,000 to +$300,000",
        "- Cost of an agent hour ($25 to $50); -$24,000 to +$132,000",
        "- Sign-ups a year (25,000 to 35,000); +$22,000 to +$118,000",
        "- Gross margin (70 % to 90 %); +$34,000 to +$106,000",
        "- All assumptions; -$100,000 to +$220,000",
        "- All assumptions and the effect; -$270,000 to +$530,000",
    ]


def test_doubts_are_absent_without_money_and_withheld_with_the_answer():
    assert "absent" in weigh_doubts(samples.bare()).html
    assert weigh_doubts(make().but(status="withheld")).text.startswith("The effects of this run are withheld")


def calls(source="public:bank_calls"):
    """Return results whose staffing is for arrivals of a source: two hours of a week, and how unevenly they come."""
    hour = {"target_minutes": 2.0, "target_share": 0.8, "source": source}
    staffing = pd.DataFrame([{"hour": h, "agents_erlang_a": n, **hour} for h, n in ((0, 0), (9, 614), (20, 110))])
    rows = {"dispersion_hours": (14.11, 10.7, 17.5, 1.0), "days_short": (0.53, 0.453, 0.608, 0.287)}
    rows |= {"agent_hours_rule": (26_000, NAN, NAN, 26_000), "agent_hours_held": (28_600, NAN, NAN, 26_800)}
    columns = ("value", "ci_low", "ci_high", "poisson")
    arrivals = pd.DataFrame([{"measure": m, **dict(zip(columns, row, strict=True)), **hour} for m, row in rows.items()])
    tables = {"staffing": staffing, "arrivals": arrivals}
    tables["staffing_check"] = pd.DataFrame({"share_within": [0.74, 0.94]})
    found = make()
    return found.but(tables={**found.tables, **tables})


def test_public_calls_ask_how_many_agents_they_take(design):
    found = explain(calls(), design)
    kind, headline, bullets, following = split_answer(found)
    assert found.question == "How many agents answer a bank's calls within 2 minutes?"
    assert kind.endswith("in 2003, counted every five minutes. All else is simulated.")
    assert headline == (
        "To answer 80 % within 2 minutes, these calls take 110 to 614 agents on duty, by the hour, and 724 agent hours "
        "a week; a team planned for the mean misses its target on 53 % of days (between 45 and 61 %), and would on "
        "29 % if calls varied by chance alone."
    )
    assert bullets == [
        "The calls of an hour vary 14.1 times as much as chance would have it. A day misses the target where fewer "
        "than 75 % of its calls are answered in time.",
        "To plan each hour for all but its busiest tenth of days takes 10 % more agent hours than planning for its "
        "mean.",
        "How long a call takes and how long callers wait is assumed. In a queue where an hour begins with what the one "
        "before has left, these agents answer 74 % to 94 % in time, not 80 % at every hour.",
    ]
    above = "or keep people on call for the days above the mean."
    assert following == f"plan each hour for all but its busiest tenth of days, {above}"


def test_a_run_about_calls_shows_nothing_of_the_experiment(design):
    found = explain(calls(), design)
    rows, effects = list_card(found)
    assert [row.effect for row in rows] == ["110 to 614", "724", "14.1 times", "53 %"]
    assert (effects, tell_dates(found)) == ([], "")
    assert make_card(found)["group"] == "public" and make_card(explain(make(), design))["group"] is None
    asked, public = part(found)
    assert (asked.estimates, asked.tables) == ((), {}) and {*public.tables} >= {"staffing", "arrivals"}


def test_a_run_with_its_own_questions_shows_nothing_brought_in(design):
    found = explain(calls("questions"), design)
    asked, public = part(found)
    assert asked is found and public.tables == {}
    assert found.question == "q" and found.words["title staffing"] == (
        "Answering 80 % within 2 minutes takes 110 to 614 agents on duty, 724 agent hours a week",
    )


def test_part_without_conversations_shows_the_experiment():
    found = Results("live_support", "t", "q", "answered", DataInfo("yours", "", "", None, 0, 0, {}), {})
    assert part(found)[0] is found
