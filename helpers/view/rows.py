"""Scorecard and ladder: HTML rows of one effect each, with a small inline SVG mark on a zero line that rows share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from helpers.records import Estimate
from helpers.view.html import MARKS, escape, mark_verdict
from helpers.view.numbers import capitalise
from helpers.view.scales import (
    Scale,
    find_margin,
    is_lift,
    is_ratio,
    list_pieces,
    style_effect,
    write_bounds,
    write_effect,
    write_value,
)

WIDE, HIGH = 240, 36  # units of a mark's drawing; CSS gives it its size
DISPARATE = 8.0  # sizes further apart than this do not share a scale


@dataclass(frozen=True)
class Row:
    """One row: name and note, the arms' values, effect and interval in words, verdict, and what its mark draws.

    `pieces` are the pieces of the interval and `middle` the estimate, on an axis where no effect is 0 (ratios on a log
    scale); None is an open end. `band` is what is too small to matter or tolerated, `unit` what rows must share to
    share a scale. A row without pieces and middle is words alone.
    """

    name: str
    effect: str
    interval: str = ""
    values: tuple[str, ...] = ()
    note: str = ""
    verdict: str = ""
    middle: float = math.nan
    pieces: tuple[tuple[float | None, float | None], ...] = ()
    band: tuple[float, float] | None = None
    unit: tuple = ()
    dashed: bool = False
    muted: bool = False
    group: str = ""

    @property
    def numbers(self) -> list[float]:
        """All finite places on the axis."""
        ends = [end for piece in self.pieces for end in piece if end is not None]
        return [v for v in (*ends, self.middle, *(self.band or ())) if math.isfinite(v)]


@dataclass(frozen=True)
class Axis:
    """Where values stand in a mark: the zero at a share of its width that all scales of a picture have in common."""

    share: float
    reach: dict[tuple, float] = field(default_factory=dict)

    def place(self, value: float, unit: tuple) -> float:
        """Return the place of a value, in the units of the drawing; beyond an edge it stands at the edge."""
        return min(max((self.share + value / self.reach[unit]) * WIDE, 3), WIDE - 3)


def make_row(e: Estimate, scale: Scale, *, name: str = "", note: str = "", verdict: str | None = None, **more) -> Row:
    """Return an effect as a row, with its arms' values, first what the contrast puts first.

    Parameters
    ----------
    e : Estimate, as it is displayed (`scales.orient`)
    scale : Scale
    name, note : str, the metric's label when left out
    verdict : str, the estimate's own when left out
    more : other fields of Row
    """
    place = _log if is_ratio(e) else float
    pieces = tuple((_place(low, place), _place(high, place)) for low, high in list_pieces(e))
    values = () if is_lift(e) or math.isnan(e.control_value) else (e.treatment_value, e.control_value)
    style = style_effect(e, scale)
    shared = is_lift(e) or is_ratio(e) or style.prefix or style.suffix in (" points", " days")
    hidden = (e.reason or "").startswith("hidden")
    return Row(
        name=name or capitalise(scale.label),
        note=note,
        values=tuple(write_value(v, scale, beside=e) for v in values),
        effect="" if math.isnan(e.estimate) else write_effect(e, scale),
        interval=("hidden for privacy" if hidden else e.reason or "")
        if math.isnan(e.estimate)
        else write_bounds(e, scale),
        verdict=e.verdict if verdict is None else verdict,
        middle=_place(e.estimate, place),
        pieces=pieces,
        unit=(is_ratio(e), style.prefix, style.suffix, "" if shared else e.metric),
        dashed=e.interval != "fixed",
        **{"band": find_band(e, scale), **more},
    )


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _place(value, place):
    return None if value is None or math.isinf(value) else math.nan if math.isnan(value) else place(value)


def find_band(e: Estimate, scale: Scale) -> tuple[float, float] | None:
    """What the plan calls too small, on both sides of zero; of a guardrail what it tolerates, on the side of harm."""
    margin = find_margin(e, scale)
    if margin is None:
        return None
    if scale.role != "guardrail":
        return (-margin, margin)
    return (0.0, margin) if scale.better == "lower" else (-margin, 0.0)


def find_axis(rows: Iterable[Row]) -> Axis:
    """Return the axis of rows: each unit and order of size has its scale, and all scales have one zero.

    The zero stands where the scales together waste least width.
    """
    rows = [row for row in rows if row.numbers]
    ends: dict[tuple, tuple[float, float]] = {}
    for row in rows:
        low, high = ends.get(row.unit, (0.0, 0.0))
        ends[row.unit] = (min([low, *row.numbers]), max([high, *row.numbers]))
    ends = {unit: pair if pair[1] > pair[0] else (-1.0, 1.0) for unit, pair in ends.items()}
    grid = np.linspace(0.1, 0.9, 41)
    waste = [sum(math.log(_widen(pair, share) / (pair[1] - pair[0])) for pair in ends.values()) for share in grid]
    share = float(grid[int(np.argmin(waste))]) if ends else 0.5
    return Axis(share, {unit: _widen(pair, share) * 1.06 for unit, pair in ends.items()})


def _widen(pair, share: float) -> float:
    """The width that a scale needs to hold both ends when its zero stands at a share of it."""
    return max(-pair[0] / share, pair[1] / (1 - share))


def split_sizes(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with units told apart by order of size, so that a small effect is not lost beside a large one."""
    sizes: dict[tuple, float] = {}
    for row in rows:
        key = (row.name, row.unit)
        sizes[key] = max([sizes.get(key, 0.0), *map(abs, row.numbers)])
    found = []
    for row in rows:
        size = sizes[row.name, row.unit]
        order = math.floor(math.log(size, DISPARATE)) if size > 0 else 0
        found.append(Row(**{**vars(row), "unit": (*row.unit, order)}))
    return found


def draw_mark(row: Row, axis: Axis) -> str:
    """Return the mark of a row as inline SVG without words, ids or addresses; CSS colours and stretches it."""
    middle, parts = HIGH / 2, []
    zero = axis.share * WIDE
    if row.unit in axis.reach:
        if row.band:
            low, high = (axis.place(v, row.unit) for v in row.band)
            parts.append(f'<path class="band" d="M{low:.1f} 0H{high:.1f}V{HIGH}H{low:.1f}z"/>')
        parts.append(f'<path class="zero" d="M{zero:.1f} 0V{HIGH}"/>')
        for low, high in row.pieces:
            start = 0 if low is None else axis.place(low, row.unit)
            end = WIDE if high is None else axis.place(high, row.unit)
            dashed = " dashed" if row.dashed else ""
            parts.append(f'<path class="bar{dashed}" d="M{start:.1f} {middle:g}H{end:.1f}"/>')
        if math.isfinite(row.middle):
            at = f'd="M{axis.place(row.middle, row.unit):.1f} {middle:g}h0"'
            parts.append(f'<path class="dot" {at}/>')
            if row.verdict and MARKS.get(row.verdict) != "●":
                parts.append(f'<path class="hollow" {at}/>')
            if MARKS.get(row.verdict) == "◐":
                parts.append(f'<path class="half" {at}/>')
    size = f'viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none"'
    return f'<svg class="effect" {size} aria-hidden="true" focusable="false">{"".join(parts)}</svg>'


def draw_rows(
    rows: Sequence[Row], *, heads: tuple[str, ...], contrast: str, caption: str, what: str, effect: str = "Difference"
) -> str:
    """Return rows as one HTML table that keeps its semantics when a phone stacks its cells.

    Parameters
    ----------
    rows : sequence of Row
        Those of one unit share a scale, unless `split_sizes` told them apart.
    heads : (str, ...)
        Names of the arms, first what the contrast puts first; empty where rows have no values.
    contrast : str
        What the effect is ("with links minus without").
    caption : str
        For screen readers: what the table is.
    what, effect : str
        Heads of the first column, and of that of the effects.
    """
    axis, judged, is_drawn = find_axis(rows), any(row.verdict for row in rows), any(row.numbers for row in rows)
    arms = "".join(
        f'<th scope="col" role="columnheader" class="n arm{place}">{escape(capitalise(head))}</th>'
        for place, head in enumerate(heads)
    )
    verdict = '<th scope="col" role="columnheader">Verdict</th>' if judged else ""
    drawn = f'<th scope="col" role="columnheader" class="drawn">{escape(capitalise(contrast))}</th>' * is_drawn
    head = (
        f'<tr role="row"><th scope="col" role="columnheader">{escape(what)}</th>{arms}'
        f'<th scope="col" role="columnheader" class="n">{escape(effect)}</th>'
        f"{drawn}{verdict}</tr>"
    )
    body, group = [], ""
    for row in rows:
        if row.group != group:
            width = 2 + len(heads) + is_drawn + judged
            body.append(
                f'<tr role="row" class="group"><th scope="rowgroup" role="rowheader" colspan="{width}">'
                f"{escape(row.group)}</th></tr>"
            )
            group = row.group
        body.append(_draw_row(row, axis if is_drawn else None, heads, judged))
    return (
        f'<table class="rows{"" if is_drawn else " words"}" role="table">'
        f'<caption class="unseen">{escape(caption)}</caption>'
        f'<thead role="rowgroup">{head}</thead><tbody role="rowgroup">{"".join(body)}</tbody></table>'
    )


def _draw_row(row: Row, axis: Axis | None, heads, judged: bool) -> str:
    note = f'<span class="note">{escape(row.note)}</span>' if row.note else ""
    values = row.values if len(row.values) == len(heads) else ("",) * len(heads)
    arms = "".join(
        f'<td role="cell" class="n arm{place}" data-head="{escape(capitalise(head))}">{escape(value)}</td>'
        for place, (value, head) in enumerate(zip(values, heads, strict=True))
    )
    interval = f' <span class="between">{escape(row.interval)}</span>' if row.interval else ""
    drawn = f'<td role="cell" class="drawn">{draw_mark(row, axis)}</td>' if axis else ""
    verdict = f'<td role="cell" class="judged">{mark_verdict(row.verdict) if row.verdict else ""}</td>' * judged
    return (
        f'<tr role="row"{" class=muted" * row.muted}>'
        f'<th scope="row" role="rowheader">{escape(row.name)}{note}</th>{arms}'
        f'<td role="cell" class="n told"><strong>{escape(row.effect)}</strong>{interval}</td>'
        f"{drawn}{verdict}</tr>"
    )


def tell_rows(rows: Sequence[Row], heads: tuple[str, ...] = ()) -> str:
    """Return rows as text, one line each, for summaries and for whoever sees no HTML."""
    lines = []
    for row in rows:
        arms = ", ".join(f"{value} {head}" for value, head in zip(row.values, heads, strict=False))
        told = " ".join(part for part in (row.effect, row.interval) if part)
        parts = (f"{row.name}{f' ({row.note})' if row.note else ''}", arms, told, row.verdict)
        lines.append("- " + "; ".join(part for part in parts if part))
    return "\n".join(lines)
