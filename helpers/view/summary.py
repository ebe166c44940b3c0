"""What goes beside a report: the answer as text and its scorecard as a picture to paste, and its row in the gallery."""

import io
import textwrap
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from helpers.records import Results
from helpers.view import charts
from helpers.view.effects import BOXES, list_card, name_columns, scorecard, split_answer, tell_dates
from helpers.view.numbers import capitalise
from helpers.view.rows import UNDECIDED, WIDE, Axis, Row, find_axis

SIZE, LINE = 1000, 46  # CSS pixels: the picture's width, and the height of a row


def write_summary(results: Results) -> str:
    """Return the answer, the scorecard and the limits as Markdown that reads as plain text too."""
    kind, headline, bullets, following = split_answer(results)
    card = scorecard(results).text
    parts = [f"# {results.question}", f"*{kind}* {tell_dates(results)}".strip(), BOXES.get(results.status, "")]
    parts += [f"**{headline}**" if headline else "", "\n".join(f"- {line}" for line in bullets)]
    parts += [f"Next: {following}" if following else "", f"## Scorecard\n\n{card}" if card else ""]
    parts += ["## What this cannot show\n\n" + "\n".join(f"- {line}" for line in results.limits)]
    return "\n\n".join(part for part in parts if part) + "\n"


def make_card(results: Results) -> dict[str, Any]:
    """Return the gallery's row of a run: kind, question, answer in one line, what is next, and its first mark.

    Returns
    -------
    dict: JSON types; `mark` holds name, effect, interval, verdict, and low, middle, high of the first scorecard row
    that has a figure; None where there is none.
    """
    kind, headline, _, following = split_answer(results)
    mark, metrics = None, results.tables.get("metrics")
    is_idle = metrics is not None and "role" in metrics and "primary" not in set(metrics["role"])
    for first in list_card(results)[0][:1]:
        ends = first.numbers
        low, high = (min(ends), max(ends)) if first.pieces and ends else (None, None)
        words = {"name": first.name, "effect": first.effect, "interval": first.interval, "verdict": first.verdict}
        words["verdict"] = UNDECIDED if is_idle and first.verdict else first.verdict
        mark = {**words, "low": low, "middle": None if first.middle != first.middle else first.middle, "high": high}
    return {"kind": kind, "question": results.question, "answer": headline, "next": following, "mark": mark}


def draw_scorecard(results: Results) -> bytes | None:
    """Return the scorecard as a PNG with question and answer; None where no effect may be seen.

    The same bytes on any machine: drawn in the packaged font.
    """
    rows, effects = list_card(results)
    if not rows:
        return None
    kind, headline, _, _ = split_answer(results)
    title, answer = textwrap.wrap(results.question, 74), textwrap.wrap(headline, 104)
    top = 34 + 26 * len(title) + 22 * len(answer) + 40
    with charts.themed():
        figure = Figure(figsize=(SIZE / 100, (top + LINE * len(rows) + 24) / 100), dpi=150, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        _write(figure, 24, 22, textwrap.wrap(kind, 130)[0], color=charts.MUTED, size=9)
        for place, line in enumerate(title):
            _write(figure, 24, 48 + 26 * place, line, size=16, weight="semibold")
        for place, line in enumerate(answer):
            _write(figure, 24, 50 + 26 * len(title) + 22 * place, line, size=11.5)
        _write(figure, 590, top - 16, capitalise(name_columns(results, effects)[1]), color=charts.MUTED, size=9)
        axis = find_axis(rows)
        for place, row in enumerate(rows):
            _draw_row(figure, row, axis, top + LINE * place)
        stream = io.BytesIO()
        canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def _write(figure: Figure, left: float, top: float, text: str, **style) -> None:
    high = figure.get_size_inches()[1] * 100
    figure.text(left / SIZE, 1 - top / high, text, va="center", **style)


def _draw_row(figure: Figure, row: Row, axis: Axis, top: float) -> None:
    middle = top + LINE / 2
    _write(figure, 24, middle - (8 if row.note else 0), row.name[:44], size=11, weight="semibold")
    _write(figure, 24, middle + 10, row.note[:60], size=8.5, color=charts.MUTED)
    _write(figure, 330, middle - 8, row.effect, size=11, weight="semibold")
    _write(figure, 330, middle + 10, f"{row.interval}   {row.verdict}"[:52], size=8.5, color=charts.MUTED)
    if row.unit not in axis.reach:
        return
    high = figure.get_size_inches()[1] * 100
    axes = figure.add_axes((590 / SIZE, 1 - (top + LINE) / high, 380 / SIZE, LINE / high))
    axes.set(xlim=(0, WIDE), ylim=(0, 1))
    axes.axis("off")
    if row.band:
        axes.axvspan(*axis.span(row.band, row.unit), color=charts.BAND, linewidth=0)
    axes.axvline(axis.share * WIDE, color=charts.MUTED, linewidth=0.8)
    for piece in row.pieces:
        ends = axis.span(piece, row.unit)
        axes.plot(ends, (0.5, 0.5), color=charts.INK, linewidth=2, linestyle=(0, (3, 1.5)) if row.dashed else "solid")
    if np.isfinite(row.middle):
        axes.plot(axis.place(row.middle, row.unit), 0.5, "o", color=charts.INK, markersize=7)
