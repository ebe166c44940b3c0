"""Whether it pays in sentences: every case of gain, loss, saving, never and unknown reads right."""

import math

import pandas as pd
import payback_samples as samples
import pytest

from helpers.wording import list_payback_keys, name_doubt, tell_cash, tell_payback, tell_tornado, write_chance
from helpers.wording.payback import find_turn

AT = "At 30,000 sign-ups a year, a margin of 80 % and 6,240 extra agent hours at $35, "
LESS = "At 30,000 sign-ups a year, a margin of 80 % and 3,120 saved agent hours at $35, "
OPEN = "Whether live for all pays is open. "
SAVED = {"hours": -3120, "cost_per_year": (-156_000, -109_200, -78_000)}
TOLD = [
    # gain
    (
        12, 5, {},
        OPEN + AT
        + "live for all brings $70,000 a year more than it costs (net between -$170,000 and +$300,000 by chance "
        "alone); the chance that it pays is 72 % (68 % once these assumptions are in doubt as well); it breaks even at "
        "$46 an agent hour.",
    ),
    # too small an effect
    (
        7, 5, {},
        OPEN + AT
        + "live for all costs $50,000 a year more than it brings (net between -$290,000 and +$180,000 by chance "
        "alone); the chance that it pays is 34 % (31 % once these assumptions are in doubt as well); it breaks even at "
        "$27 an agent hour.",
    ),
    # the effect itself is a loss: no break-even
    (
        -12, 5, {},
        "Live for all does not pay. " + AT
        + "live for all costs $510,000 a year more than it brings (net between -$740,000 and -$270,000 by chance "
        "alone); the chance that it pays is under 1 %; it would not pay even if agents cost nothing.",
    ),
    # as much as it costs
    (
        9.1, 5, {},
        OPEN + AT
        + "live for all brings about as much as it costs (net between -$240,000 and +$240,000 by chance alone); "
        "the chance that it pays is 50 % (46 % once these assumptions are in doubt as well); it breaks even at $35 an "
        "agent hour.",
    ),
    # hours are saved
    (
        12, 5, SAVED,
        "Live for all pays. " + LESS
        + "live for all brings $400,000 a year, what it saves on agents included (net between +$160,000 and "
        "+$630,000 by chance alone); the chance that it pays is over 99 %; it pays whatever an agent hour costs.",
    ),
    (
        -6, 5, SAVED,
        OPEN + LESS
        + "live for all loses $30,000 a year, although it saves on agents (net between -$270,000 and +$200,000 by "
        "chance alone); the chance that it pays is 39 % (41 % once these assumptions are in doubt as well); it pays "
        "only where an agent hour costs more than $46.",
    ),
    # no hours, no cost: only the effect
    (
        12, 5, {"hours": 0, "cost_per_year": 0},
        "Live for all pays. "
        "At 30,000 sign-ups a year and a margin of 80 %, live for all brings $290,000 a year (net between +$50,000 and "
        "+$520,000 by chance alone); the chance that it pays is over 99 %.",
    ),
    (
        -12, 5, {"hours": 0, "cost_per_year": 0},
        "Live for all does not pay. "
        "At 30,000 sign-ups a year and a margin of 80 %, live for all loses $290,000 a year (net between -$520,000 and "
        "-$50,000 by chance alone); the chance that it pays is under 1 %.",
    ),
    # a cost without hours, and months counted
    (
        12, 5, {"hours": 0, "cost_per_year": 50_000, "value_per_unit": 0.2, "monthly_persistence": 0.5,
                "horizon_months": 2, "by_age": ()},
        OPEN
        + "At 30,000 sign-ups a year, a margin of 20 %, 50 % staying from month to month over 2 months and a cost of "
        "$50,000 a year, live for all brings $58,000 a year more than it costs (net between -$30,000 and +$146,000 by "
        "chance alone); the chance that it pays is 90 %.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("estimate", "error", "changes", "told"), TOLD)
def test_tell_payback_in_every_case(estimate, error, changes, told):
    revenue = samples.effect(estimate=estimate, error=error)
    by_age = {"by_age": changes.get("by_age", [("revenue", 90)])}
    assert tell_payback(samples.results(revenue, **changes | by_age)) == told


DOUBTS = [  # ends of the net value by chance alone, then by both doubts
    ((10, 30), (5, 40), "Live pays."),
    ((10, 30), (-5, 40), "Live pays at central assumptions; at less favourable ones it may not."),
    ((-10, 30), (-20, 40), "Whether live pays is open."),
    ((-10, -5), (-20, -1), "Live does not pay."),
    ((-10, -5), (-20, 4), "Live does not pay at central assumptions; at more favourable ones it may."),
]


@pytest.mark.parametrize(("chance", "both", "told"), DOUBTS)
def test_tell_payback_begins_with_the_verdict_of_both_doubts(chance, both, told):
    found = samples.results()
    money = found.tables["money"].assign(
        **{end: [chance[i], both[i], both[i]] for i, end in enumerate(("low", "high"))}
    )
    text = tell_payback(found.but(tables={**found.tables, "money": money}), name="live")
    assert text.startswith(f"{told} At ")


def test_tell_payback_takes_the_name_of_the_choice():
    assert f"{AT}live support for all brings" in tell_payback(samples.results(), name="live support for all")


def test_tell_payback_names_the_value_of_an_outcome_that_is_not_money():
    found = samples.results()
    metrics = found.tables["metrics"].assign(kind="binary", unit=None)
    told = tell_payback(found.but(tables={**found.tables, "metrics": metrics}))
    assert told.startswith(
        OPEN + "At 30,000 sign-ups a year, $0.80 for one unit of the outcome and 6,240 extra agent hours at $35, "
    )


def test_tell_payback_says_why_it_cannot_be_said():
    lost = samples.results(samples.effect(ci_low=math.nan, ci_high=math.nan, reason="too few units"))
    assert tell_payback(lost) == "Whether live for all pays cannot be said: too few units."
    rough = tell_payback(samples.results(samples.effect(std_error=math.nan)))
    assert "the chance that it pays is not known: the effect has no standard error; it breaks even" in rough


def test_tell_payback_is_empty_where_withheld_and_says_what_is_lacking():
    assert tell_payback(samples.bare(), name="live support for all") == (
        "Whether live support for all pays cannot be said: that takes an effect on revenue, and the agent hours "
        "that it adds, from conversations or given."
    )
    assert tell_payback(samples.results().but(status="withheld")) == ""


def cash(*cumulative):
    frame = pd.DataFrame({"month": range(1, len(cumulative) + 1), "cumulative": cumulative})
    return samples.bare(tables={"cash": frame})


CASH = [
    ((-1, -2, 1, 3), 3, "It has paid for itself by month 3 at central assumptions"),
    ((1, 2), 1, "It pays for itself from the first month on at central assumptions"),
    ((-1, -2), None, "It does not pay for itself within 2 months at central assumptions"),
    ((0,), None, "It does not pay for itself within 1 month at central assumptions"),
    ((3, 2, -1), None, "It is ahead up to month 2 and behind after that at central assumptions"),
    # behind again in between: only what lasts counts
    ((1, -1, 2), 3, "It has paid for itself by month 3 at central assumptions"),
]


@pytest.mark.parametrize(("cumulative", "turn", "told"), CASH)
def test_tell_cash_by_month_of_break_even(cumulative, turn, told):
    found = cash(*cumulative)
    assert find_turn(found.tables["cash"], "cumulative") == turn
    assert tell_cash(found) == told


def test_tell_tornado_names_the_two_widest_doubts():
    assert tell_tornado(samples.results()) == (
        "What matters most is the effect on revenue within 90 days, then the cost of an agent hour"
    )
    sure = {"units_per_year": 1, "value_per_unit": 1, "cost_per_year": 1}
    assert tell_tornado(samples.results(**sure)) == (
        "The only doubt that moves the value is the effect on revenue within 90 days"
    )
    assert tell_tornado(samples.results(samples.effect(error=0), **sure)) == "No doubt moves the value"


def test_name_doubt_tells_the_ends_in_their_own_unit():
    found = samples.results()
    named = [name_doubt(row, found) for row in found.tables["tornado"].itertuples()]
    assert named == [
        ("effect on revenue within 90 days", "+$2.20", "+$21.80"),
        ("cost of an agent hour", "$25", "$50"),
        ("number of sign-ups a year", "25,000", "35,000"),
        ("margin", "70 %", "90 %"),
    ]
    other = samples.results(hours=0, by_age=(), monthly_persistence=(0.5, 0.6, 0.7), horizon_months=3)
    rows = [name_doubt(row, other) for row in other.tables["tornado"].itertuples()]
    assert ("cost a year", "$156,000", "$312,000") in rows
    assert ("share that stays from month to month", "50 %", "70 %") in rows


@pytest.mark.parametrize(
    ("chance", "told"), [(0.9999, "over 99 %"), (0.985, "98 %"), (0.001, "under 1 %"), (math.nan, "not known")]
)
def test_write_chance_is_never_certain(chance, told):
    assert write_chance(chance, decimals=0) == told


def test_list_payback_keys_tells_the_net_value_with_its_interval_and_chance():
    found = list_payback_keys(samples.results(), name="Live for all")
    assert found.to_dict("records") == [
        {"name": "Live for all", "figure": "+$70,000", "note": "between -$170,000 and +$300,000 by chance; pays: 72 %"}
    ]


def test_list_payback_keys_has_no_row_where_nothing_is_told():
    unknown = samples.effect(ci_low=math.nan, ci_high=math.nan)
    for nothing in (samples.bare(), samples.results(unknown, by_age=[]), samples.results().but(status="withheld")):
        assert list_payback_keys(nothing, name="Live for all").empty
