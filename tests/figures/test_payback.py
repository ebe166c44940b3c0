"""Pictures of whether it pays: titles are findings, every end has its label, nothing is drawn that may not be."""

import math

import payback_samples as samples
import pytest
from matplotlib.figure import Figure

from helpers import figures
from helpers.figures.money import mark_amounts
from helpers.figures.payback import _paint_cash, _paint_tornado
from helpers.wording import name_doubt

WITHHELD = "The effects of this run are withheld; the answer at the top says why."


def paint_tornado(found, width=9.2):
    """Return the figure on which the tornado is drawn."""
    rows, figure = found.tables["tornado"], Figure(figsize=(width, 3))
    _paint_tornado(figure, rows, [name_doubt(row, found) for row in rows.itertuples()], "$")
    return figure


def test_tornado_tells_what_matters_most_and_every_end():
    lines = figures.tornado(samples.results()).text.split("\n")
    assert lines[0] == "What matters most is the effect on revenue within 90 days, then the cost of an agent hour"
    assert lines[2].startswith("Net value a year, +$70,000 with all at central. ")
    assert "Cost of an agent hour: +$132,000 at $25, -$24,000 at $50." in lines[2]
    assert figures.tornado(samples.results(), title="Mine").text.startswith("Mine\n")


@pytest.mark.parametrize("width", [9.2, 4.2])
def test_tornado_paints_bars_around_central_and_labels_them_where_they_end(width):
    found = samples.results()
    figure = paint_tornado(found, width)
    (axes,) = figure.axes
    rows = found.tables["tornado"]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert bars == [pytest.approx(pair) for pair in zip(rows["low"], rows["high"], strict=True)]
    labels = {text.get_text(): (text.xy[0], text.get_ha()) for text in axes.texts}
    assert labels["$25"] == (pytest.approx(132_000), "left") and labels["$50"] == (pytest.approx(-24_000), "right")
    low, high = axes.get_xlim()
    assert low < rows["low"].min() and high > rows["high"].max() and low < 0 < high
    assert "Cost of an agent hour" in [text.get_text() for text in figure.texts]


def test_tornado_shows_zero_where_all_is_a_gain_and_survives_no_doubt():
    gain = samples.results(samples.effect(estimate=50, error=1))
    assert paint_tornado(gain).axes[0].get_xlim()[0] < 0
    sure = samples.results(samples.effect(error=0), units_per_year=1, value_per_unit=1, cost_per_year=1)
    assert figures.tornado(sure).text.startswith("No doubt moves the value\n")


def test_cash_tells_the_month_of_break_even_and_its_range():
    lines = figures.cash(samples.results()).text.split("\n")
    assert lines[0] == "It has paid for itself by month 7 at central assumptions"
    assert lines[1] == (
        "Net cash since the roll-out, added up: agents count from the first month, revenue comes later. Band: 95 % by "
        "chance alone, at its widest; break-even fits from month 3 on, or not within 12."
    )
    assert lines[2].endswith("After month 12: +$30,000, from -$170,000 to +$240,000.")


RANGES = [
    ((12, 0.5), "break-even fits from month 6 to 10"),
    ((-12, 0.5), "no break-even within 12 months fits"),
    ((900, 0.5), "break-even in month 1 at both edges"),
]


@pytest.mark.parametrize(("effect", "told"), RANGES)
def test_cash_tells_every_range(effect, told):
    shares = [("revenue_30", 0.3), ("revenue_60", 0.6), ("revenue", 1)]
    found = samples.results(*(samples.effect(name, effect[0] * s, effect[1] * s) for name, s in shares))
    assert figures.cash(found).text.split("\n")[1].endswith(f"{told}.")


def test_cash_paints_from_nothing_with_a_dot_at_break_even():
    found, figure = samples.results().tables["cash"], Figure(figsize=(9.2, 3.4))
    _paint_cash(figure, found, "+$30,000")
    (axes,) = figure.axes
    dots = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert [tuple(dot) for dot in dots] == [(7, pytest.approx(found["cumulative"][6]))]
    line = max(axes.lines, key=lambda drawn: len(drawn.get_xdata()))
    assert line.get_xdata().tolist() == list(range(13)) and line.get_ydata()[0] == 0
    never = samples.results(samples.effect(estimate=-1), by_age=[("revenue", 90)]).tables["cash"]
    _paint_cash(plain := Figure(figsize=(4.2, 3.4)), never, "")
    assert not [line for line in plain.axes[0].lines if line.get_marker() == "o"]


@pytest.mark.parametrize("name", ["tornado", "cash"])
def test_pictures_of_payback_say_why_there_is_none(name):
    draw, found = getattr(figures, name), samples.results()
    assert draw(found.but(status="withheld")).text == WITHHELD
    assert draw(samples.bare()).text in ("There is no amount to show.", "There is no cash by month to show.")
    lost = samples.results(*(e.but(ci_low=math.nan, reason="too few") for e in samples.bare().estimates))
    assert "cannot be estimated: " in draw(lost).text
    assert draw(found).html == draw(found).html  # equal bytes


def test_mark_amounts_leaves_out_a_label_that_the_edge_would_cut():
    for width, kept in ((4.2, [0, 300_000, 600_000]), (9.2, [-300_000, 0, 300_000, 600_000])):
        figure = Figure(figsize=(width, 1))
        axes = figure.add_axes((0, 0.3, 1, 0.6), xlim=(-360_000, 840_000))
        mark_amounts(axes, 4, "$")
        assert list(axes.get_xticks()) == kept
