"""A picture of the review: whether the model of the earliest cohorts still tells, cohort by cohort, who stays."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers.figures.theme import INK, TREATMENT, draw, is_narrow, measure_width, place_axes
from helpers.records import Results
from helpers.wording import Display, find_rows, write_number

LEFT = 52  # CSS pixels
CHOICES = {
    "keep": "keep it", "re-intercept": "move its level", "recalibrate": "recalibrate it", "revise": "fit it anew",
    "too few": "too few are left to judge",
}  # fmt: skip
NO_REVIEW = "There is no later cohort to review."


def review(results: Results) -> Display:
    """Return how well the model tells who stays, and its calibration slope, in each later cohort, newest marked.

    Parameters
    ----------
    results : Results
        Tables `review` and `model_quality` (its `floor` is drawn as a line).

    Returns
    -------
    Display: one sentence without a later cohort that can be judged.
    """
    rows, absent = find_rows(results, "review", NO_REVIEW, known="auc")
    if absent:
        return absent
    quality = results.tables.get("model_quality", pd.DataFrame())
    floor = float(quality["floor"].iloc[0]) if len(quality) else math.nan
    told = [f"{row.cohort} AUC {_two(row.auc)}, slope {_two(row.slope)}" for row in rows.itertuples()]
    return draw(
        lambda figure: _paint_review(figure, rows, floor),
        height=40 + 230 + 40,
        narrow_height=2 * (40 + 230 + 40),
        title=_tell_review(rows, floor),
        subtitle="The model of the earliest cohorts, read on each later one: the chance that it tells a kept from a "
        "lost account (AUC), and its calibration slope. Filled: newest; dashed: as planned.",
        alternative=f"{_tell_review(rows, floor)}. {'; '.join(told)}.",
        results=results,
        table=rows,
        name="milestones_review",
    )


def _two(value) -> str:
    return write_number(value, decimals=2)


def _tell_review(rows: pd.DataFrame, floor: float) -> str:
    row = rows.iloc[-1]
    if math.isnan(row.auc):
        return f"On the newest cohort, {row.cohort}, the model cannot be judged"
    below = f" (below the {_two(floor)} asked for)" if row.auc < floor else ""
    choice = f"; the planned tests say: {CHOICES.get(row.choice, row.choice)}" if isinstance(row.choice, str) else ""
    return f"On the newest cohort, {row.cohort}, AUC is {_two(row.auc)}{below} and the slope {_two(row.slope)}{choice}"


def _paint_review(figure: Figure, rows, floor) -> None:
    narrow, wide = is_narrow(figure), measure_width(figure)
    width = wide - LEFT - 16 if narrow else (wide - 2 * LEFT - 44) / 2
    places = ((LEFT, 40), (LEFT, 350)) if narrow else ((LEFT, 40), (2 * LEFT + width + 28, 40))
    panels = (("auc", "AUC (0.5 is chance)", floor), ("slope", "calibration slope (1 is right)", 1.0))
    for (left, top), (name, head, line) in zip(places, panels, strict=True):
        axes = place_axes(figure, left, top, width, 230)
        _paint_cohorts(axes, rows, name)
        if math.isfinite(line):
            axes.axhline(line, color=INK, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
        _name_cohorts(axes, rows["cohort"], 4 if narrow else 5)
        axes.set(xlim=(-0.5, len(rows) - 0.5))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y")
        axes.set_title(head, loc="left", fontsize=9, color=INK, weight="bold")


def _paint_cohorts(axes, rows, name) -> None:
    for k, row in enumerate(rows.itertuples()):
        newest = k == len(rows) - 1
        color = TREATMENT if newest else INK
        value, low, high = (getattr(row, column) for column in (name, f"{name}_low", f"{name}_high"))
        axes.vlines(k, low, high, color=color, linewidth=1.8)
        style = {"markersize": 8, "markeredgecolor": color, "markerfacecolor": color if newest else "white"}
        axes.plot(k, value, "o", **style)


def _name_cohorts(axes, cohorts, most) -> None:
    """Name as many cohorts as there is room for, the newest among them."""
    step = max(1, math.ceil(len(cohorts) / most))
    shown = list(range(len(cohorts)))[::-1][::step][::-1]
    axes.set_xticks(shown, [str(cohorts.iloc[k]) for k in shown])
