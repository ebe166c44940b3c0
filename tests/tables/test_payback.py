"""Whether it pays, in tables: figures as a reader meets them, the whole table as a download."""

import math
import re

import payback_samples as samples
import pytest

from helpers import tables

WITHHELD = "The effects of this run are withheld; the answer at the top says why."


def words(display):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", display.html)).replace("\u00a0", " ")


def test_break_even_tells_what_an_hour_may_cost():
    shown = words(tables.break_even(samples.results()))
    assert (
        "At which cost of an agent hour it pays, against $35 assumed, one row an effect; the choice adds 6,240 agent "
        "hours a year" in shown
    )
    assert "Central estimate +$290,000 up to $46 an hour" in shown
    assert "Low end of the 95 % interval +$50,000 up to $8.46 an hour" in shown
    assert 'download="live_support_break_even.csv"' in tables.break_even(samples.results()).html


CASES = [
    (samples.effect(estimate=-2), -6240, (-3, -2, -1), "Central estimate -$50,000 from $7.69 an hour", "saves 6,240"),
    (samples.effect(), -6240, (-3, -2, -1), "Central estimate +$290,000 any cost", "saves 6,240 agent hours"),
    (samples.effect(estimate=-12), 6240, 2, "Central estimate -$290,000 no cost, not even 0", "adds 6,240"),
    (samples.effect(), 0, 0, "Central estimate +$290,000 any cost", "it pays, one row an effect; the choice adds no"),
]


@pytest.mark.parametrize(("effect", "hours", "cost", "row", "caption"), CASES)
def test_break_even_tells_every_rule(effect, hours, cost, row, caption):
    shown = words(tables.break_even(samples.results(effect, hours=hours, cost_per_year=cost)))
    assert row in shown and caption in shown


def test_probability_tells_three_readings():
    shown = words(tables.probability(samples.results()))
    assert "one row a reading of the assumptions; effect normal around the estimate, flat prior" in shown
    assert "Central assumptions 71.9 % All assumptions at central" in shown
    assert "Pessimistic assumptions 12.2 % Each assumption at the end that is worst for paying" in shown


def test_cash_tells_each_month_with_its_interval():
    shown = words(tables.cash(samples.results()))
    assert "1 $3,000 $18,200 -$15,200 -$15,200 [-$18,100, -$12,200]" in shown
    assert "95 % interval" in shown and "as if all months moved together" in shown


@pytest.mark.parametrize("name", ["break_even", "probability", "cash"])
def test_tables_of_payback_say_why_there_is_none(name):
    draw, found = getattr(tables, name), samples.results()
    assert draw(found.but(status="withheld")).text == WITHHELD
    assert draw(samples.bare()).text in (
        "No agent hours are counted.", "There is no chance that it pays to show.", "There is no cash by month to show.",
    )  # fmt: skip
    blanks = {"estimate": math.nan, "std_error": math.nan, "ci_low": math.nan, "ci_high": math.nan, "reason": "too few"}
    lost = samples.results(*(e.but(**blanks) for e in samples.bare().estimates))
    assert draw(lost).text.partition(": ")[2] in (
        "too few.",
        f"no difference with a finite interval: {', '.join(NAMES)}.",
    )


NAMES = ("revenue_30", "revenue_60", "revenue")
