"""Scorecard and ladder: HTML rows of one effect each, with a small inline SVG mark on a zero line that rows share."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from helpers.records import Estimate
from helpers.view import html

if TYPE_CHECKING:
    from helpers.view.scales import Scale  # which needs all that reads data; the page of findings draws rows alone

UNDECIDED = "nothing decides: no metric is primary"  # a verdict of the gallery
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
    wide: float = WIDE
    high: float = HIGH

    def place(self, value: float, unit: tuple) -> float:
        """Return the place of a value, in the units of the drawing; beyond an edge it stands at the edge."""
        return min(max((self.share + value / self.reach[unit]) * self.wide, 3), self.wide - 3)

    def span(self, piece: tuple[float | None, float | None], unit: tuple) -> tuple[float, float]:
        """Return the places of both ends of an interval, an open end at the edge."""
        low, high = piece
        return 0 if low is None else self.place(low, unit), self.wide if high is None else self.place(high, unit)


def make_row(e: Estimate, scale: "Scale", *, name: str = "", note: str = "", verdict: str | None = None, **more) -> Row:
    """Return an effect as a row, with its arms' values, first what the contrast puts first.

    Parameters
    ----------
    e : Estimate, as it is displayed (`scales.orient`)
    scale : Scale
    name, note : str, the metric's label when left out
    verdict : str, the estimate's own when left out
    more : other fields of Row
    """
    from helpers.view import scales

    style, known, shown = scales.style_effect(e, scale), not math.isnan(e.estimate), scales.round_effect(e, scale)
    values = () if scales.is_lift(e) or math.isnan(e.control_value) else (e.treatment_value, e.control_value)
    is_ratio = scales.is_ratio(e)
    shared = scales.is_lift(e) or is_ratio or style.prefix or style.suffix in (" points", " days")
    reason = "hidden for privacy" if (e.reason or "").startswith("hidden") else e.reason or ""
    row = Row(
        name=name or scale.head,
        note=note,
        values=tuple(scales.write_value(v, scale, beside=e) for v in values),
        effect=scales.write_effect(e, scale) if known else "",
        interval=scales.write_bounds(e, scale) if known else reason,
        verdict=e.verdict if verdict is None else verdict,
        middle=_place(shown.estimate, is_ratio),
        pieces=tuple((_place(low, is_ratio), _place(high, is_ratio)) for low, high in scales.list_pieces(shown)),
        unit=(is_ratio, style.prefix, style.suffix, "" if shared else e.metric),
        dashed=e.interval != "fixed",
        band=find_band(e, scale),
    )
    return replace(row, **more)


def _place(value: float | None, is_ratio: bool) -> float | None:
    """The place of an end on its axis, which is logarithmic for a ratio; an open one has none."""
    if value is None or math.isinf(value):
        return None
    if is_ratio:
        return -math.inf if value <= 0 else math.log(value)
    return float(value)


def find_band(e: Estimate, scale: "Scale") -> tuple[float, float] | None:
    """What the plan calls too small, on both sides of zero; of a guardrail what it tolerates, on the side of harm."""
    from helpers.view import scales

    margin = scales.find_margin(e, scale)
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
    orders = {key: math.floor(math.log(size, DISPARATE)) if size > 0 else 0 for key, size in sizes.items()}
    return [replace(row, unit=(*row.unit, orders[row.name, row.unit])) for row in rows]


def draw_mark(row: Row, axis: Axis) -> str:
    """Return the mark of a row as inline SVG without words, ids or addresses; CSS colours and stretches it."""
    return html.draw("mark", row=row, axis=axis)


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
    words = {"heads": heads, "contrast": contrast, "caption": caption, "what": what, "effect": effect}
    words |= {"judged": any(row.verdict for row in rows), "drawn": any(row.numbers for row in rows)}
    return html.draw("rows", found=rows, axis=find_axis(rows), **words)


def tell_rows(rows: Sequence[Row], heads: tuple[str, ...] = ()) -> str:
    """Return rows as text, one line each, for summaries and for whoever sees no HTML."""
    lines = []
    for row in rows:
        arms = ", ".join(f"{value} {head}" for value, head in zip(row.values, heads, strict=False))
        told = " ".join(part for part in (row.effect, row.interval) if part)
        parts = (f"{row.name}{f' ({row.note})' if row.note else ''}", arms, told, row.verdict)
        lines.append("- " + "; ".join(part for part in parts if part))
    return "\n".join(lines)
