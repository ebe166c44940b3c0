"""Rows of a forest and the scales they share: neighbours of one unit share an axis, and all axes share their zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.records import Estimate, Results
from helpers.wording import (
    Scale,
    find_margin,
    is_lift,
    is_ratio,
    name_row,
    read_scale,
    style_effect,
    write_bounds,
    write_effect,
    write_p,
)

BEHIND = ["metric", "segment", "at", "treatment", "estimate", "ci_low", "ci_high", "p_value", "verdict"]  # columns
DISPARATE = 8.0  # sizes further apart than this do not share a scale


@dataclass(frozen=True)
class Row:
    """One line of a forest: the effect, how its metric is read, its names (`short` on a phone) and its notes."""

    effect: Estimate
    scale: Scale
    name: str
    note: str = ""
    below: str = ""
    thin: bool = False
    short: str = ""


@dataclass(frozen=True)
class Block:
    """Rows under one heading."""

    heading: str
    rows: tuple[Row, ...]


def tell_rows(effects: Sequence[Estimate], results: Results) -> pd.DataFrame:
    """Return effects as a reader meets them, one row each: what stands in words behind a picture."""
    rows = []
    for e in effects:
        scale = read_scale(results, e.metric)
        where = e.segment if e.segment is not None else e.at if e.at is not None else name_row(e)
        row = {"Metric": scale.label, "What": where, "Treatment": e.treatment, "Effect": write_effect(e, scale)}
        interval = write_bounds(e, scale) if math.isfinite(e.estimate) else ""
        p = write_p(e.decision_p).removeprefix("p ").removeprefix("= ")
        rows.append({**row, "Interval": interval, "p": p, "Verdict": e.verdict})
    return pd.DataFrame(rows)


def find_overall(results: Results, like: Estimate) -> tuple[Estimate, ...]:
    """Return the same effect over all units: of one metric, estimand and treatment, those that can be estimated."""
    same = {"metric": like.metric, "estimand": like.estimand, "treatment": like.treatment}
    return tuple(e for e in results.select(segment=None, at=None, **same) if math.isfinite(e.estimate))


def list_runs(blocks: Sequence[Block]) -> list[tuple[str, tuple, list[Row]]]:
    """List the runs of neighbours that share a scale: heading of the block that one opens, scale's key, rows."""
    sizes: dict[tuple, float] = {}
    for row in (row for block in blocks for row in block.rows):
        sizes[_name_scale(row)] = max(sizes.get(_name_scale(row), 0.0), _extent(row))
    runs: list[tuple[str, tuple, list[Row]]] = []
    for block in blocks:
        for place, row in enumerate(block.rows):
            key = _key(row, sizes[_name_scale(row)])
            if place and runs[-1][1] == key:
                runs[-1][2].append(row)
            else:
                runs.append((block.heading if place == 0 else "", key, [row]))
    return runs


def _name_scale(row: Row) -> tuple:
    return row.effect.metric, is_lift(row.effect), is_ratio(row.effect)


def _key(row: Row, size: float) -> tuple:
    """What rows must have in common to share a scale: unit and size; for plain numbers the metric too."""
    e, style = row.effect, style_effect(row.effect, row.scale)
    shared = is_lift(e) or is_ratio(e) or style.prefix or style.suffix in (" points", " days")
    order = math.floor(math.log(size, DISPARATE)) if size > 0 else 0
    return is_ratio(e), style.prefix, style.suffix, "" if shared else e.metric, order


def _values(row: Row) -> list[float]:
    e = row.effect
    pieces = [end for piece in e.ci_set for end in piece if end is not None] if e.ci_set else [e.ci_low, e.ci_high]
    margin = find_margin(e, row.scale)
    band = [] if margin is None else [-margin, margin] if row.scale.role != "guardrail" else [find_harm(row) * margin]
    found = [v for v in (*pieces, e.estimate) if math.isfinite(v) and not (is_ratio(e) and v <= 0)]
    return [place_value(v, row) for v in found] + band


def place_value(value: float, row: Row) -> float:
    """Where a value stands on the axis: ratios on a log scale, so that no effect is 0 for every row."""
    if not is_ratio(row.effect):
        return value
    return math.log(value) if value > 0 else -math.inf


def find_harm(row: Row) -> int:
    """Return the side on which a metric gets worse: 1 is up, -1 down."""
    return 1 if row.scale.better == "lower" else -1


def _extent(row: Row) -> float:
    return max((abs(v) for v in _values(row)), default=0.0)


def find_ends(runs) -> dict[tuple, tuple[float, float]]:
    """Return the lowest and highest value of each scale, 0 among them."""
    ends: dict[tuple, tuple[float, float]] = {}
    for _, key, run in runs:
        low, high = ends.get(key, (0.0, 0.0))
        found = [value for row in run for value in _values(row)]
        ends[key] = (min([low, *found]), max([high, *found]))
    return {key: (low, high) if high > low else (-1.0, 1.0) for key, (low, high) in ends.items()}


def share_zero(ends) -> float:
    """Where along the plot the common zero stands, so that the scales waste least width together."""
    grid, ends = np.linspace(0.12, 0.88, 39), list(ends)
    waste = [sum(math.log(widen(low, high, share) / (high - low)) for low, high in ends) for share in grid]
    return float(grid[int(np.argmin(waste))])


def widen(low, high, share) -> float:
    """Return the width that a scale needs to hold both ends when its zero stands at a share of the plot."""
    return max(-low / share, high / (1 - share))
