"""The pictures of a validation: what stands on the canvas, the words beside, equal bytes."""

import numpy as np
import pytest
import validation_samples as samples
from matplotlib.figure import Figure

from helpers import figures
from helpers.figures.strips import Mark, Scale, Strip, measure_strips, paint_strips

SCALE = Scale(0.85, 1.0, 0.95, (0.85, 0.9, 0.95, 1.0))
PICTURES = ("coverage", "false_alarms", "looking", "peers", "powers")


def painted(*strips, width=9.2, scale=SCALE):
    figure = Figure(figsize=(width, measure_strips(strips, narrow=width < 5) / 100))
    paint_strips(figure, strips, scale)
    return figure


def markers(figure):
    return [
        (line.get_marker(), round(float(line.get_xdata()[0]), 3))
        for line in figure.axes[0].lines
        if line.get_marker() != "None"
    ]


@pytest.mark.parametrize("name", PICTURES)
def test_picture_has_equal_bytes_a_finding_and_an_alternative_text(name):
    first, second = (getattr(figures, name)(samples.results()) for _ in range(2))
    assert first.html == second.html
    title, subtitle, alternative = first.text.split("\n")
    assert len(title) > 20 and len(subtitle) > 20 and len(alternative) > 40
    assert f'download="validation_{ {"false_alarms": "false_alarm"}.get(name, name) }.csv"' in first.html
    assert "Simulated data, effect planted. 2,800 simulated experiments." in first.html


def test_coverage_tells_each_method_inside_and_outside():
    text = figures.coverage(samples.results()).text
    assert "Welch difference: holds: lowest 94.8 % (2 cells) (outside: lowest 87.0 % (1 cell))" in text
    assert "Fieller lift: fails: lowest 90.0 % (1 cell)" in text
    assert "Weekly trend" not in text and "Weekly trend" in figures.false_alarms(samples.results()).text


def test_false_alarms_say_so_when_nothing_is_measured():
    found = samples.results(samples.cells().assign(false_alarm=np.nan))
    assert figures.false_alarms(found).text == "No cell of this grid measures that."


def test_peers_and_powers_tell_each_row():
    peers = figures.peers(samples.results()).text
    assert "Fieller (ours) 95.4 %" in peers and "Delta 91.0 %" in peers
    powers = figures.powers(samples.results()).text
    assert "Means: 80.0 % promised, 70.0 % came" in powers


def test_paint_strips_marks_kinds_and_pins_what_lies_beyond():
    strip = Strip("a", (Mark(0.95, "inside"), Mark(0.9, "fails"), Mark(0.5, "outside"), Mark(0.94, "outside")))
    found = markers(painted(strip))
    assert ("o", 0.95) in found and ("X", 0.9) in found and ("o", 0.94) in found
    assert ("<", 0.85) in found  # 50 % stands at the edge


def test_paint_strips_draws_the_range_that_is_allowed_and_the_promise():
    figure = painted(Strip("a", (Mark(0.95, "inside"),), allowed=(0.92, 0.98)))
    band = figure.axes[0].collections[0].get_paths()[0].get_extents()
    assert (round(band.x0, 3), round(band.x1, 3)) == (0.92, 0.98)
    promised = [line for line in figure.axes[0].lines if list(line.get_xdata()) == [0.95, 0.95]]
    without = painted(Strip("a", (Mark(0.95, "inside"),)), scale=Scale(0.85, 1.0, None, (0.9,)))
    assert promised and not without.axes[0].collections
    assert not [line for line in without.axes[0].lines if list(line.get_xdata()) == [0.95, 0.95]]


def test_paint_strips_draws_intervals():
    plain, with_interval = (painted(Strip("a", (Mark(0.95, "ours", *ends),))) for ends in ((), (0.93, 0.97)))
    assert len(with_interval.axes[0].lines) == len(plain.axes[0].lines) + 1


@pytest.mark.parametrize("width", [9.2, 4.2])
def test_paint_strips_writes_every_word(width):
    strip = Strip("name", (Mark(0.95, "inside"),), note="note", text="text", below="below", heading="heading")
    texts = {text.get_text() for text in painted(strip, width=width).texts}
    assert {"name", "note", "text", "below", "heading"} <= texts


def test_measure_strips_grows_with_rows_and_headings():
    one, headed = Strip("a", ()), Strip("a", (), heading="h")
    assert measure_strips([one, one]) > measure_strips([one]) and measure_strips([headed]) > measure_strips([one])
    assert measure_strips([one], narrow=True) > measure_strips([one])
