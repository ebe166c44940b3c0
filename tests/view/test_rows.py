"""Scorecard and ladder as rows: values, bands and pieces by hand, one zero, marks of verdicts, rows of words."""

import math
import re

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.view import html
from helpers.view.html import MARKS, WIDE, Axis, Row, draw_rows, find_axis, show_sentence, split_sizes
from helpers.view.scales import Scale, find_band, make_row

BINARY = Scale("activated", "activated", "binary", "primary", better="higher", worthwhile=0.02)
GUARD = Scale("csat", "csat", "score", "guardrail", better="higher", margin_absolute=0.1)
NAN = math.nan


def row(name="a", middle=1.0, half=0.5, **changes):
    return Row(name, f"{middle:g}", pieces=((middle - half, middle + half),), middle=middle, **changes)


def test_make_row_writes_values_effect_and_interval_and_draws_a_band():
    made = make_row(samples.effect(), BINARY, note="decides")
    assert (made.name, made.values, made.note) == ("Activated", ("23.2 %", "14.2 %"), "decides")
    assert (made.effect, made.interval, made.verdict) == ("+9.0 points", "[+7.1, +10.9]", "clear benefit")
    assert made.pieces == ((pytest.approx(0.071), pytest.approx(0.109)),) and made.band == (-0.02, 0.02)
    assert not made.dashed and make_row(samples.effect(interval="always-valid"), BINARY).dashed


def test_make_row_draws_ratios_on_a_log_scale_without_values():
    made = make_row(samples.effect(estimand="risk_ratio", estimate=2.0, half=1.0), BINARY)
    assert made.middle == pytest.approx(math.log(2)) and made.pieces == ((0.0, pytest.approx(math.log(3))),)
    assert made.effect == "2.0 times" and made.band is None
    assert make_row(samples.effect(estimand="relative_lift"), BINARY).values == ()


def test_points_of_a_share_and_points_of_a_score_share_no_scale():
    nps = Scale("nps", "nps", "nps", "secondary", better="higher")
    share, score = make_row(samples.effect(), BINARY), make_row(samples.effect(estimate=9.0, half=2.0), nps)
    assert (share.effect, score.effect) == ("+9.0 points", "+9.0 points") and share.unit != score.unit


def test_make_row_says_why_there_is_no_figure():
    nothing = {"estimate": NAN, "ci_low": NAN, "ci_high": NAN, "control_value": NAN, "treatment_value": NAN}
    nothing |= {"verdict": "not estimable"}
    made = make_row(samples.effect().but(reason="fewer than 10 units", **nothing), BINARY)
    assert (made.effect, made.interval, made.pieces, made.numbers) == ("", "fewer than 10 units", (), [-0.02, 0.02])
    assert make_row(samples.effect().but(reason="hidden: small", **nothing), BINARY).interval == "hidden for privacy"
    counted = samples.effect(estimate=0.0).but(ci_low=NAN, ci_high=NAN, verdict="not estimable")  # nobody had the event
    assert (make_row(counted, BINARY).effect, make_row(counted, BINARY).numbers) == ("0 points", [-0.02, 0.02])


def test_the_band_of_a_guardrail_lies_on_the_side_of_harm():
    assert find_band(samples.effect("csat"), GUARD) == (-0.1, 0.0)
    lower = Scale("wait", "wait", "score", "guardrail", better="lower", margin_absolute=5)
    assert find_band(samples.effect("wait"), lower) == (0.0, 5)
    assert find_band(samples.effect(), Scale("activated", "activated", "binary")) is None


@given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5), st.sampled_from("ab")), min_size=1, max_size=6))
@settings(derandomize=True, deadline=None)
def test_axis_has_one_zero_and_holds_every_value(drawn):
    rows = [row(f"{k}", middle, half, unit=(unit,)) for k, (middle, half, unit) in enumerate(drawn)]
    axis = find_axis(rows)
    for one in rows:
        assert axis.place(0, one.unit) == pytest.approx(axis.share * WIDE)
        for value in one.numbers:
            place = (axis.share + value / axis.reach[one.unit]) * WIDE
            assert 0 <= place <= WIDE  # inside without being held at an edge


def test_rows_of_one_unit_share_a_scale_unless_sizes_are_told_apart():
    small, large = row("small", 1.0), row("large", 300.0)
    axis = find_axis([small, large])
    assert axis.place(300, ()) - axis.place(0, ()) == pytest.approx(300 * (axis.place(1, ()) - axis.place(0, ())))
    assert len({r.unit for r in split_sizes([small, large])}) == 2
    assert len({r.unit for r in split_sizes([small, row("near", 2.0)])}) == 1


@pytest.mark.parametrize(("verdict", "mark"), sorted(MARKS.items()))
def test_a_mark_is_filled_half_or_hollow_as_the_verdicts_word(verdict, mark):
    svg = html.draw("mark", row=row(verdict=verdict, unit=("u",)), axis=Axis(0.5, {("u",): 4.0}))
    assert ('class="hollow"' in svg, 'class="half"' in svg) == (mark != "●", mark == "◐")


def test_a_mark_has_band_zero_dashes_and_open_ends_and_no_words():
    axis = Axis(0.5, {("u",): 4.0})
    one = Row("a", "", middle=1.0, pieces=((None, -1.0), (0.5, None)), band=(-0.4, 0.4), unit=("u",), dashed=True)
    svg = html.draw("mark", row=one, axis=axis)
    assert f'class="zero" d="M{WIDE / 2:.1f} 0V36"' in svg and 'class="band"' in svg
    assert re.findall(r'class="bar dashed" d="M(\S+) 18H(\S+)"', svg) == [("0.0", "60.0"), ("150.0", "240.0")]
    assert 'aria-hidden="true"' in svg and not re.sub(r"<[^>]*>", "", svg)
    assert "path" not in html.draw("mark", row=Row("words", "30 of 30"), axis=axis)


def draw(rows, **changes):
    options = {"heads": ("with links", "without"), "contrast": "with minus without", "caption": "c", "what": "Metric"}
    return draw_rows(rows, **{**options, **changes})[:2]


def test_draw_rows_is_a_table_with_roles_scopes_groups_and_heads_for_phones():
    rows = [row(values=("1 %", "2 %"), verdict="clear benefit", group="G"), row("b", group="G", muted=True)]
    html, _ = draw(rows)
    assert re.findall(r'scope="(\w+)"', html) == ["col"] * 6 + ["rowgroup", "row", "row"]
    assert html.count('role="row"') == 4 and 'colspan="6"' in html and "class=muted" in html
    assert '<td role="cell" class="n arm0" data-head="With links">1\u00a0%</td>' in html
    assert html.index("With links") < html.index("Without") < html.index("With minus without") < html.index("Verdict")


def test_draw_rows_of_words_have_no_picture_and_no_verdicts_where_none_is_told():
    html, text = draw([Row("Methods", "30 of 30", note="all")], heads=(), effect="Found")
    assert "<svg" not in html and "drawn" not in html and "Verdict" not in html and 'class="rows words"' in html
    assert text == "- Methods (all); 30 of 30"


def test_a_notebook_gets_the_style_and_reads_no_formula_between_two_dollars(monkeypatch):
    shown = show_sentence("It brings $5 to $7.")
    monkeypatch.setenv("STUDIES_RUN", "own")
    assert shown._repr_mimebundle_()[0]["text/html"] == '<p class="note">It brings $5 to $7.</p>'
    monkeypatch.delenv("STUDIES_RUN")
    style, _, told = shown._repr_mimebundle_()[0]["text/html"].partition("</style>")
    assert style.startswith("<style>:root{")
    assert told == '<div class="studies mathjax_ignore"><p class="note">It brings $5 to $7.</p></div>'


def test_labels_from_data_are_inert():
    bad = samples.HOSTILE
    hostile = Row(bad, bad, bad, (bad, bad), bad, bad, group=bad)
    html, _ = draw([hostile], heads=(bad, bad), contrast=bad, caption=bad, what=bad, effect=bad)
    assert "<script" not in html and html.count("&lt;script&gt;") >= 12
