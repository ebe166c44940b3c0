"""Pictures of replies: what stands on the canvas, and sentences where there is nothing."""

import math
from itertools import pairwise

import conversations_samples as made
import pandas as pd
import pytest
from matplotlib.figure import Figure

from helpers import figures, inference
from helpers.figures.replies import _paint_hours, _paint_times
from helpers.wording import Style


@pytest.fixture(scope="module")
def results():
    """Return results with the tables of replies of 300 units an arm."""
    conversations = made.draw_conversations(300)
    units = made.make_units(conversations)
    found = made.run_results(units)
    return found.but(tables={**found.tables, **inference.study_replies(conversations, units, found)})


def _texts(axes):
    return [t.get_text() for t in axes.texts]


def test_reply_times_marks_arms_promises_and_who_was_never_answered(results):
    curve, never = results.tables["reply_curve"], {"a": 0.021, "b": 0.02, "cps": 0.3}
    figure = Figure(figsize=(9.2, 3.9))
    _paint_times(figure, curve, ["a", "b", "cps"], [2.0, 60.0], never)
    axes = figure.axes[0]
    assert {"2 minutes", "60 minutes", "2.1 % never answered", "30.0 % never answered"} < set(_texts(axes))
    assert [line.get_linestyle() for line in axes.lines[:3]] == ["-", "-", "--"]  # the group before is dashed
    assert axes.get_xscale() == "log"
    places = sorted(t.xy[1] for t in axes.texts if t.get_text() in ("a", "b", "cps"))
    assert min(b - a for a, b in pairwise(places)) >= 17 - 1e-9


def test_reply_times_says_the_medians_and_promises_of_its_table(results):
    shown = figures.reply_times(results)
    assert shown.text.startswith("Half of the first replies came within ")
    assert " with a, " in shown.text and " in the group cps" in shown.text
    assert shown.html == figures.reply_times(results).html
    assert "My title" in figures.reply_times(results, title="My title").html


def test_reply_times_without_conversations(results):
    assert figures.reply_times(results.but(tables={})).text == (
        "The data hold no conversations, so that nothing is known of replies."
    )


def test_hours_effect_draws_a_point_a_block_and_its_line(results):
    rows = results.tables["hours_effect"].query("metric == 'trial'")
    figure = Figure(figsize=(9.2, 3.9))
    _paint_hours(figure, rows, Style(100, "", " points", True), 0.95)
    axes = figure.axes[0]
    assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o") == len(rows)
    assert len(axes.collections) == 2  # the band, and the intervals
    bare = Figure(figsize=(9.2, 3.9))
    _paint_hours(bare, rows.assign(slope=math.nan), Style(), 0.95)
    assert len(bare.axes[0].collections) == 1


@pytest.mark.parametrize(("slope", "told"), [
    ((0.002, 0.001, 0.003), "Trial: more effect where the gap was wider (between +1.0 and +3.0 points for 10 minutes)"),
    ((-0.002, -0.003, -0.001), "Trial: less effect where the gap was wider"),
    ((0.001, -0.001, 0.003), "Trial: no clear link with the gap achieved in the hours"),
    ((math.nan, math.nan, math.nan), "Trial: too few blocks of hours for a line"),
])  # fmt: skip
def test_hours_effect_says_what_the_slope_says(results, slope, told):
    names = ("slope", "slope_low", "slope_high")
    table = results.tables["hours_effect"].assign(**dict(zip(names, slope, strict=True)))
    found = figures.hours_effect(results.but(tables={**results.tables, "hours_effect": table}), metric="trial")
    assert found.text.startswith(told)


def test_hours_effect_withheld_or_hidden_is_a_sentence(results):
    assert "withheld" in figures.hours_effect(results.but(status="withheld"), metric="trial").text
    assert figures.hours_effect(results, metric="absent").text == "No effect by hours can be shown."
    gone = results.tables["hours_effect"].assign(gap=math.nan)
    none = figures.hours_effect(results.but(tables={"hours_effect": gone}), metric="trial", treatment="b")
    assert none.text == "No effect by hours can be shown."
    assert figures.hours_effect(results, metric="trial", title="Mine").text.startswith("Mine")
    assert figures.hours_effect(results, metric="trial", treatment="c").text == "No effect by hours can be shown."
    assert isinstance(gone, pd.DataFrame)
