"""What a report shows in pictures: titles, words, sizes, bytes, and what stands on the canvas."""

import base64
import io
import math
import re
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import samples
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from helpers import figures
from helpers.figures import effects, rows, theme, times
from helpers.figures.forest import _fit, measure_forest, paint_forest
from helpers.figures.theme import CONTROL, TREATMENT, color_arms, shorten
from helpers.records import Test
from helpers.wording import Scale, find_margin, read_scale


def image(display, *, part="src"):
    found = re.search(rf'{part}="data:image/webp;base64,([^"]+)"', display.html)[1]
    return Image.open(io.BytesIO(base64.b64decode(found)))


def row(effect, **changes):
    return rows.Row(effect, read_scale(samples.results(), effect.metric), "name", **changes)


def painted(effects, **changes):
    """Return the texts and the line ends that a forest draws."""
    blocks = [rows.Block("Primary", tuple(row(e) for e in effects))]
    figure = Figure(figsize=(9.2, measure_forest(blocks) / 100))
    paint_forest(figure, blocks, headers=("links", "no_links"), **changes)
    return figure


def test_forest_is_sharp_light_and_described():
    shown = figures.forest(samples.results(), role="primary")
    assert image(shown).size == (1840, 2 * int(re.search(r'height="(\d+)"', shown.html)[1]))
    assert image(shown).format == "WEBP" and image(shown, part="srcset").size[0] == 840
    assert not set(image(shown).info) & {"exif", "xmp", "icc_profile"}  # no date, no software
    assert "Activated: clear benefit, +9.0\u00a0points (between +7.1 and +10.9\u00a0points)" in shown.html
    assert (
        'alt="Forest plot of effects with intervals. activated: 23.2 % in no_links against 14.2 % in links'
        in shown.html
    )
    assert "<details" in shown.html and 'download="proactive_help_primary.csv"' in shown.html


def test_forest_has_equal_bytes_and_leaves_settings_alone():
    before = dict(mpl.rcParams)
    first = figures.forest(samples.results(), role="primary").html
    with mpl.rc_context({"font.size": 30, "text.parse_math": True}):
        assert figures.forest(samples.results(), role="primary").html == first
    assert dict(mpl.rcParams) == before


def test_forest_choices_change_what_is_drawn():
    found = samples.results()
    assert "converted to paid" in figures.forest(found, role="secondary").text
    assert "Sensitivity" not in figures.forest(found, role="primary").html
    both = figures.forest(found, role=["primary", "sensitivity"])
    assert image(both).size[1] > image(figures.forest(found, role="primary")).size[1]
    assert figures.forest(found, estimates=samples.headline()[:1], title="Mine").text.startswith("Mine\n")
    assert figures.forest(found.but(estimates=()), role="primary").text == "The plan names no primary metric."


def test_paint_forest_writes_values_verdict_and_one_zero():
    figure = painted(samples.headline()[:1])
    texts = [t.get_text() for t in figure.texts]
    for part in ("links", "no_links", "no_links minus links", "14.2 %", "23.2 %", "+9.0 points  [+7.1, +10.9]"):
        assert part in texts
    several = painted([samples.headline()[k] for k in (0, 4, 5)])  # three units, so three axes
    zeros = {round(float(a.transData.transform((0, 0))[0]), 3) for a in several.axes}
    assert len(several.axes) == 3 and len(zeros) == 1


def test_paint_forest_draws_reference_rays_and_dashes():
    plain = len(painted(samples.headline()[:1]).axes[0].lines)
    assert len(painted(samples.headline()[:1], reference=0.05).axes[0].lines) == plain + 1
    early = painted([samples.effect(interval="always-valid")]).axes[0].lines
    assert any(line.get_linestyle() == "--" for line in early)
    rays = painted([samples.effect().but(ci_set=((None, -0.02), (0.05, None)))]).axes[0].lines
    assert {"<", ">"} <= {line.get_marker() for line in rays}
    unknown = samples.effect().but(estimate=math.nan, ci_low=math.nan, ci_high=math.nan, reason="Too few.")
    assert "not estimable  " in [t.get_text() for t in painted([unknown]).texts]


def test_painted_verdict_leaves_out_what_does_not_fit():
    assert _fit("clear difference, not as expected, lift -15.0 %", 38) == "clear difference, not as expected"
    assert _fit("clear benefit, lift +2 %", 38) == "clear benefit, lift +2 %"
    assert _fit("a reason without any comma that is long", 12) == "a reason wi…"


def test_list_runs_keeps_one_metric_on_one_scale_and_splits_units():
    blocks = [rows.Block("x", tuple(row(e) for e in samples.contrasts()))]
    assert len(rows.list_runs(blocks)) == 1  # 31 points and 2 points: the reader must see both on one scale
    mixed = [rows.Block("x", tuple(row(samples.headline()[k]) for k in (0, 4, 5)))]
    assert [len(run) for _, _, run in rows.list_runs(mixed)] == [1, 1, 1]


def test_share_zero_holds_every_scale():
    for low, high in ((-1.0, 0.0), (0.0, 5.0), (-2.0, 3.0)):
        share = rows.share_zero([(low, high)])
        width = rows.widen(low, high, share)
        assert -share * width <= low and high <= (1 - share) * width


def test_place_value_puts_no_effect_at_zero():
    ratio = row(samples.effect(estimand="risk_ratio"))
    assert rows.place_value(1.0, ratio) == 0 and rows.place_value(0.0, ratio) == -math.inf
    assert rows.place_value(2.0, row(samples.effect())) == 2.0


def test_contrasts_title_has_the_illusion_and_the_cure():
    shown = figures.contrasts(samples.results(), samples.contrasts())
    assert shown.text.startswith(
        "Activated: users against non-users +31.0 points; effect in compliers +3.1 points (no clear difference)"
    )
    assert figures.contrasts(samples.results(), samples.contrasts(), title="Mine").text.startswith("Mine")
    assert figures.contrasts(samples.results(), []).text == (
        "The plan names no exposure, and no group beside the randomised ones."
    )
    beside = samples.effect(estimand="naive", population="observational", control="cps", treatment="trained")
    shown = figures.contrasts(samples.results(), [beside, samples.effect(treatment="trained")])
    assert shown.text.startswith("Activated: against cps, not randomised +9.0 points; difference, as assigned")


def test_segments_and_over_time_read_their_labels():
    found = samples.results()
    assert figures.segments(found, metric="activated").text.startswith(
        "Activated: 3 of 5 segments show a clear difference"
    )
    assert figures.segments(found, metric="nps").text == (
        "No effect by segment: the plan names no segment, or the metric is a quantile or a time to an event."
    )
    arms = (*samples.segments(), *(e.but(treatment="short") for e in samples.segments()))
    both = figures.segments(found.but(estimates=arms), metric="activated")
    assert image(figures.segments(found, metric="activated")).size[1] * 1.8 < image(both).size[1]  # a block an arm
    assert "Dashed line" not in both.text and "6 of 10 comparisons in segments show a clear difference" in both.text
    weeks = figures.over_time(found, metric="activated")
    assert weeks.text.startswith("Activated: +14.0 points in week 1, +7.0 points in week 4")
    assert figures.over_time(found, metric="nps").text == (
        "No effect by week: the plan names no time of assignment, too few units fall into a week, or the metric is a "
        "quantile or a time to an event."
    )
    other = found.but(estimates=tuple(e.but(treatment="b") for e in samples.weeks()) + found.estimates)
    both, one = (figures.over_time(other, metric="activated", treatment=t) for t in (None, "no_links"))
    assert both.text.startswith("Activated: b: +14.0 points in week 1, +7.0 points in week 4; no_links: +14.0 points")
    assert "Treatment minus links by period" in both.text and "no_links minus links by period" in one.text
    assert image(both).size[1] == 2 * image(one).size[1]  # a panel a treatment


def test_over_time_says_what_the_test_of_a_trend_says():
    arms = tuple(e.but(treatment="b") for e in samples.weeks())
    flat, rising = (
        Test(f"activated:{arm} - links:trend over weeks", "activated", "trend over weeks", 1, None, p, q)
        for arm, p, q in (("no_links", 0.01, 0.4), ("b", 0.02, None))  # the adjusted p decides
    )
    one = samples.results(estimates=(*samples.weeks(), *samples.results().estimates), tests=(flat,))
    assert figures.over_time(one, metric="activated").text.startswith("Activated: no clear trend over weeks\n")
    two = one.but(estimates=(*one.estimates, *arms), tests=(flat, rising))
    told = "Activated: no_links: no clear trend over weeks; b: a clear trend over weeks\n"
    assert figures.over_time(two, metric="activated").text.startswith(told)
    alike = two.but(tests=(flat, replace(rising, p_value=0.5)))
    told = "Activated: no clear trend over weeks for any treatment\n"
    assert figures.over_time(alike, metric="activated").text.startswith(told)


@pytest.mark.parametrize("width", [920, 420])
def test_over_time_labels_of_many_weeks_do_not_touch(width):
    found = [e.but(at=f"week {k + 1}") for k, e in enumerate(4 * samples.weeks())]
    with mpl.rc_context(theme._settings()):
        figure = Figure(figsize=(width / 100, 3), dpi=100)
        times._paint_periods(figure, found, (), read_scale(samples.results(), "activated"), top=24, heading="")
        canvas = FigureCanvasAgg(figure)
        boxes = [t.get_window_extent(canvas.get_renderer()) for t in figure.axes[0].get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes)) and len(boxes) > 4


@pytest.mark.parametrize("width", [920, 420])
def test_forest_cuts_no_interval_and_names_the_treatment_on_a_phone(width):
    found = samples.results()
    rate = found.select(metric="activated")[0].but(estimate=-0.012, ci_low=-0.029, ci_high=0.006)
    unit = Scale("t", "Tickets that customers open", kind="count", unit="per active month")
    money = Scale("m", "Revenue", kind="amount", unit="USD")
    sums = rate.but(estimate=-1234567.0, ci_low=-2345678.0, ci_high=-1123456.0)
    lines = tuple(
        rows.Row(e, s, s.label, "two minutes", short="Tick…, two minutes") for e, s in ((rate, unit), (sums, money))
    )
    blocks = [rows.Block("Primary", lines)]
    with mpl.rc_context(theme._settings()):
        figure = Figure(figsize=(width / 100, measure_forest(blocks, narrow=width == 420) / 100), dpi=100)
        paint_forest(figure, blocks, headers=("links", "no_links"))
        renderer = FigureCanvasAgg(figure).get_renderer()
    assert all(t.get_window_extent(renderer).x1 <= width for t in figure.texts)
    told = [t.get_text() for t in figure.texts]
    assert "-0.012  [-0.029, +0.006]" in told and "two minutes" in " ".join(told)


def test_name_short_leaves_the_treatment_whole():
    assert effects._name_short("Retained after 60 days", "two minutes") == "Retained af…, two minutes"
    assert effects._name_short("Paid", "b") == "Paid, b"


def test_looking_path_has_a_panel_a_treatment():
    found, path = samples.results(), samples.path()
    other = path.assign(treatment="b", ci_low=-1.0)
    one, both = (
        figures.looking_path(found.but(tables={**found.tables, "path": frame}))
        for frame in (path, pd.concat([path, other], ignore_index=True))
    )
    assert image(both).size[1] == 2 * image(one).size[1]
    alike = pd.concat([path.assign(ci_low=-1.0), other], ignore_index=True)
    told = figures.looking_path(found.but(tables={**found.tables, "path": alike})).text
    assert told.startswith("Activated: not clear at any look for any treatment, however often one looks")
    title = "Activated: no_links: clear from 5 April 2022 on; b: not clear at any look, however often one looks"
    assert both.text.startswith(title)
    assert (
        "no_links: +8.8 points at the end, from +5.8 points to +11.8 points; clear from 5 April 2022 on." in both.text
    )


def test_sample_size_tells_the_power_of_its_table():
    found = samples.results()
    surer = found.but(tables={**found.tables, "sample_sizes": samples.sizes().assign(power=0.9)})
    assert "Units in all arms for 90 % power" in figures.sample_size(surer, metric="activated").text


def test_curves_tell_their_ends():
    found = samples.results()
    held = found.but(tables={**found.tables, "curves": samples.curves().assign(metric="converted")})
    shown = figures.cumulative_incidence(held, metric="converted").text
    assert shown.startswith("Converted to paid: by day 60, 21.3 % in links and 15.5 % in no_links")
    assert "with 95 % bands" in shown
    surer = held.but(estimates=tuple(e.but(confidence_level=0.8, control="no_links") for e in held.estimates))
    swapped = figures.cumulative_incidence(surer, metric="converted").text
    assert "15.5 % in no_links and 21.3 % in links" in swapped
    assert "with 80 % bands" in swapped
    assert figures.cumulative_incidence(held, metric="nps").text == "There is no curve to show."
    tables = {**found.tables, "path": samples.path().assign(metric="activated"), "sample_sizes": samples.sizes()}
    held = found.but(tables=tables)
    assert figures.looking_path(held).text.startswith("Activated: clear from 5 April 2022 on, however often one looks")
    assert figures.looking_path(found).text == "There is no path to show."
    told = "To see 4 points takes from 932 to 4,121 workspaces, depending on the share in control"
    assert figures.sample_size(held, metric="activated").text.startswith(told)
    nine = figures.sample_size(held, metric="activated", difference=0.09).text
    assert nine.startswith("To see 9 points takes from 184 to 814 workspaces")
    one = found.but(tables={**tables, "sample_sizes": samples.sizes()[:5]})
    assert figures.sample_size(one, metric="activated").text.startswith("To see 4 points takes 932 workspaces\n")
    lost = found.but(tables={**tables, "sample_sizes": samples.sizes().assign(units=math.nan)})
    assert figures.sample_size(lost, metric="activated").text.startswith("A difference of 4 points is impossible")
    planned = figures.sample_size(held, metric="activated", planned=4000)
    assert image(planned) != image(figures.sample_size(held, metric="activated"))
    assert figures.sample_size(found, metric="activated").text == "There is no sample size to show."


def test_money_says_whether_the_sign_is_open():
    assert tell_money().startswith("+$410,000 a year at central assumptions; gain or loss is open once both doubts")
    assert "central assumptions; still a gain at the low end of both doubts" in tell_money(low=1000.0)
    assert "+€410,000 a year" in tell_money(unit="EUR a year")
    assert tell_money(high=math.nan) == "The amount cannot be estimated: the effect has no finite interval."


def tell_money(**changes):
    """Return the words of the money picture, with some columns of its table changed."""
    found = samples.results()
    amounts = samples.amounts().assign(**{"unit": "USD a year", **changes})
    return figures.money(found.but(tables={**found.tables, "money": amounts})).text


@pytest.mark.parametrize("draw", ["forest", "segments", "over_time", "curve", "path", "money", "contrasts"])
def test_every_figure_says_that_effects_are_withheld(draw):
    found = samples.withheld()
    shown = {
        "forest": lambda: figures.forest(found),
        "segments": lambda: figures.segments(found, metric="activated"),
        "over_time": lambda: figures.over_time(found, metric="activated"),
        "curve": lambda: figures.cumulative_incidence(found, metric="activated"),
        "path": lambda: figures.looking_path(found),
        "money": lambda: figures.money(found),
        "contrasts": lambda: figures.contrasts(found, samples.contrasts()),
    }[draw]()
    assert shown.text == "The effects of this run are withheld; the answer at the top says why."


def test_labels_from_data_are_inert_and_read_as_written():
    found = samples.hostile()
    shown = figures.forest(found, role="primary").html + figures.segments(found, metric="activated").html
    assert "<script" not in shown
    dollars = samples.effect(control="$5 to $10", treatment="$x_$")  # raises where mathematics is parsed
    assert "$x_$" in figures.forest(samples.results(estimates=(dollars,)), role="primary").html


def test_arm_colours_differ_in_grey():
    colors = color_arms("a", ["b", "a", "c"])
    assert colors["a"] == CONTROL and colors["b"] == TREATMENT and len(set(colors.values())) == 3
    grey = [np.dot([int(c[k : k + 2], 16) for k in (1, 3, 5)], (0.299, 0.587, 0.114)) for c in (CONTROL, TREATMENT)]
    assert abs(grey[0] - grey[1]) > 60
    assert shorten("abcdef", 4) == "abc…" and shorten("abc", 4) == "abc"


def test_forest_shortens_long_units_of_arms_and_says_pairs():
    frame = samples.metrics().assign(ordered=[False] * 4 + [True, False])
    found = samples.results(tables={"metrics": frame})
    effect = samples.effect("csat", 0.1, 0.05, (0.31, 0.41))
    drawn = figures.forest(found, estimates=[effect])
    assert "31.0 % of pairs in links" in drawn.text
    pairs, rate = Scale("csat", "csat", ordered=True), Scale("calls", "calls", unit="per day at risk")
    texts = {}
    for name, scale in (("pairs", pairs), ("rate", rate)):
        blocks, figure = [rows.Block("", (rows.Row(effect, scale, "name"),))], Figure(figsize=(9.2, 2))
        paint_forest(figure, blocks, headers=("links", "no_links"))
        texts[name] = [t.get_text() for t in figure.texts]
    assert {"31.0 %", "41.0 %"} <= set(texts["pairs"])
    assert {"0.310", "0.410"} <= set(texts["rate"])


@pytest.mark.parametrize(
    ("verdict", "ends", "lift_ends"),
    [("not inferior", (-0.9, 0.5), (-0.095, 0.06)), ("inferior", (-2.0, -1.02), (-0.19, -0.104))],
)
def test_forest_band_of_a_relative_margin_follows_the_lift_that_gave_the_verdict(verdict, ends, lift_ends):
    frame = samples.metrics().assign(margin_relative=[None] * 4 + [0.1, None], margin_absolute=None)
    about = {"role": "guardrail", "verdict": verdict, "control_value": 8.5}
    middle = sum(ends) / 2
    one = samples.effect("csat", middle, (ends[1] - ends[0]) / 2, **about)
    lift = one.but(estimand="relative_lift", estimate=sum(lift_ends) / 2, ci_low=lift_ends[0], ci_high=lift_ends[1])
    found = samples.results(estimates=(one, lift), tables={"metrics": frame})
    drawn = effects._rows(found, [one], "guardrail", False)[0]
    margin = find_margin(one, drawn.scale)
    assert (ends[0] > -margin) == (verdict == "not inferior")
    assert (ends[1] < -margin) == (verdict == "inferior")
    plain = effects._rows(found.but(estimates=(one,)), [one], "guardrail", False)[0]
    assert find_margin(one, plain.scale) == pytest.approx(0.85)
