"""Charts keep their words apart and on the canvas, whatever they are given, and are the same bytes every time."""

import re

import pandas as pd
import pytest
from look import measure

from helpers.view import charts
from helpers.view.charts import Chart
from helpers.view.numbers import Style
from helpers.view.show import color_lines

LONG = "how long it takes from the day of assignment until the first paid invoice arrives, in days of 24 hours"
MONEY = Style(1, "$", "", True)
NONE = float("nan")


def lines(count=2, *, days=60, most=0.4, risk=2000, gaps=False):
    """Return cumulative shares of some lines by day, with the numbers at risk."""
    rows = []
    for line in range(count):
        for day in range(0, days + 1, max(1, days // 20)):
            share = most * (line + 1) / count * day / max(days, 1)
            missing = gaps and 20 < day < 35
            value = NONE if missing else share
            rows.append((f"line {line} {'x' * 40}", day, value, value * 0.9, value * 1.1, risk - 10 * day))
    return pd.DataFrame(rows, columns=["arm", "day", "share", "ci_low", "ci_high", "at_risk"])


def amounts(values, size=0.5):
    """Return a value with an interval for each amount."""
    rows = [(value, size, size * 0.8, size * 1.2) for value in values]
    return pd.DataFrame(rows, columns=["seats", "share", "ci_low", "ci_high"])


def hours(days=7, count=24, size=9.0):
    """Return a number for every hour of some days."""
    rows = [(24 * day + hour, size * (1 + hour)) for day in range(days) for hour in range(count)]
    return pd.DataFrame(rows, columns=["hour", "calls"], dtype=float)


def draw_curve(frame, **more):
    chart = Chart(**{"x": "day", "y": "share", "by": "arm", "at_risk": "at_risk", "label": LONG, **more})
    return charts.curve(frame, chart, color_lines(list(frame["arm"].drop_duplicates())))


def draw_dose(frame, **more):
    chart = Chart(**{"x": "seats", "y": "share", "label": LONG, **more})
    return charts.dose(frame, chart, {"line": pd.DataFrame({"x": frame["seats"], "y": frame["share"] * 1.1})})


def draw_heat(frame):
    return charts.heat(frame, Chart(x="hour", y="calls", label=LONG))


def draw_states(months):
    places = [(state, month) for state in ("started", "a long name of a state", "gone") for month in range(months)]
    frame = pd.DataFrame(places, columns=["state", "month"]).assign(share=lambda rows: rows["month"] * 100 / months)
    return charts.heat(frame, Chart(x="month", y="share", by="state", label=LONG))


TICKS = {0.1: "at once", 1.0: "1 minute", 2.0: "2 minutes", 60.0: "an hour", 1440.0: "a day and a night", 4e3: "never"}
HOSTILE = {
    "two lines": lambda name: draw_curve(lines(), name=name),
    "eight long names": lambda name: draw_curve(lines(8), name=name),
    "gaps": lambda name: draw_curve(lines(gaps=True), name=name),
    "millions at risk": lambda name: draw_curve(lines(risk=123_456_789, days=3650), name=name),
    "one place": lambda name: draw_curve(lines(days=0), name=name),
    "no row": lambda name: draw_curve(lines(0), name=name),
    "nothing known": lambda name: draw_curve(lines().assign(share=NONE, ci_low=NONE, ci_high=NONE), name=name),
    "a fortune": lambda name: draw_curve(lines(most=4e12), name=name, style=MONEY),
    "debts": lambda name: draw_curve(lines(most=-4e9), name=name, style=MONEY, zero=False, step=False),
    "next to nothing": lambda name: draw_curve(lines(most=3e-7), name=name, style=Style()),
    "one dose": lambda name: draw_dose(amounts([4]), name=name),
    "no dose": lambda name: draw_dose(amounts([]), name=name),
    "doses apart": lambda name: draw_dose(amounts([1, 2, 3, 1_000_000]), name=name, root=True, shaded=(2.0, 5.0)),
    "dose of a fortune": lambda name: draw_dose(amounts([1, 2, 3], 7e11), name=name, style=MONEY),
    "waits": lambda name: draw_curve(lines(days=4000).query("day > 0"), name=name, ticks=TICKS, at_risk=""),
    "a week": lambda name: draw_heat(hours()),
    "busy hours": lambda name: draw_heat(hours(size=123_456.0)),
    "hours at night": lambda name: draw_heat(hours(2).assign(calls=lambda rows: rows["calls"] * (rows["hour"] == 3))),
    "states by month": lambda name: draw_states(30),
    "states for years": lambda name: draw_states(60),
    "one cell": lambda name: draw_heat(hours(1, 1)),
    "no cell": lambda name: draw_heat(hours(0)),
}


@pytest.fixture(scope="module")
def drawn():
    """Return every chart that is hard to draw, in both widths."""
    return {name: draw(name.replace(" ", "-")) for name, draw in HOSTILE.items()}


def test_no_text_leaves_the_canvas_or_crosses_another(drawn, needs, tmp_path):
    places = [(name, size) for name in drawn for size in charts.WIDTHS]
    box = '<section id="{}-{}" style="width:{}px">{}</section>'
    boxes = [box.format(name, size, charts.WIDTHS[size], drawn[name][size]) for name, size in places]
    page = f"<!doctype html><style>svg{{display:block;width:100%}}</style><main>{''.join(boxes)}</main>"
    found = measure.ask(needs("chromium"), tmp_path, {"page": page}, widths=(measure.WIDE,))["page", measure.WIDE]
    assert found["charts"] == 2 * len(HOSTILE)
    assert found["crossed"] == []


def test_charts_say_what_they_are_given(drawn):
    for name, drawing in drawn.items():
        for svg in drawing.values():
            assert svg.startswith("<svg ") and svg.endswith("</svg>"), name
            assert "<text" not in svg and "http://www.w3.org/1999" not in svg, name
    assert min(svg.count("-text_") for svg in drawn["a week"].values()) > 7 * 24
    assert drawn["busy hours"]["narrow"].count("-text_") < 40  # no cell has room for its number


def test_equal_inputs_give_equal_bytes_whose_ids_begin_with_the_name_of_the_chart(drawn):
    for name in ("one place", "doses apart", "one cell"):
        assert HOSTILE[name](name.replace(" ", "-")) == drawn[name]
    first, second = drawn["two lines"], HOSTILE["two lines"]("second")
    found = [re.findall(r' id="([^"]+)"', svg) for svg in (*first.values(), *second.values())]
    ids = [name for names in found for name in names]
    assert len(ids) == len(set(ids)) > 40
    for svg, names in zip(first.values(), found, strict=False):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= set(names)


def test_every_word_of_a_chart_is_dark_enough_to_be_read():
    def find_contrast(code):  # with white, as the guidelines of WCAG have it
        parts = [int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)

    words, names = r'-text_\d+">\s*<g style="fill: #(\w{6})', "abcdef"
    rows = pd.concat(lines(1).assign(arm=name) for name in names)
    chart = Chart("day", "share", LONG, by="arm", at_risk="at_risk")
    every = [charts.curve(rows, chart, color_lines(names, control))["wide"] for control in (None, "a")]
    codes = {code for wide in every for code in re.findall(words, wide)}
    assert len(codes) >= 10 and [code for code in codes if find_contrast(code) < 4.5] == []


def test_color_lines_keeps_blue_and_orange_for_arms():
    assert color_lines(["a", "b"], "a") == {"a": charts.CONTROL, "b": charts.TREATMENT}
    others = color_lines([f"line {k}" for k in range(6)])
    assert not {charts.CONTROL, charts.TREATMENT} & set(others.values()) and len(set(others.values())) == 6


def test_every_setting_of_a_curve_changes_it(monkeypatch):
    monkeypatch.setattr(charts, "WIDTHS", {"narrow": 358})
    frame = lines().query("day > 30")  # none near zero
    settings = {"step": False, "band": (), "zero": False, "at_risk": "", "label": "days", "style": Style()}
    drawings = [draw_curve(frame), *(draw_curve(frame, **{name: value}) for name, value in settings.items())]
    assert len({*map(str, drawings)}) == 1 + len(settings)
