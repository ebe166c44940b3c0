"""Pictures over time: the effect by week of assignment, and the always-valid path as weeks are counted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.rows import BEHIND, find_overall, tell_rows
from helpers.figures.theme import BAND, INK, MUTED, draw, is_narrow, measure_width, place_axes
from helpers.records import Estimate, Results, Test, to_frame
from helpers.wording import (
    WITHHELD,
    Display,
    Scale,
    Style,
    capitalise,
    count_decimals,
    describe_effects,
    is_lift,
    read_scale,
    show_sentence,
    style_effect,
    style_gap,
    write_count,
    write_effect,
    write_number,
)

PANEL = 300  # CSS pixels: the height of one picture by period
PATH = 330  # and of one path
LEFT = 60  # where paths begin
PERIOD = 54  # CSS pixels that a period needs for its name and its effect
TREND = "trend over weeks"
NO_WEEK = (
    "No effect by week: the plan names no time of assignment, too few units fall into a week, or the metric is a "
    "quantile or a time to an event."
)


def over_time(results: Results, *, metric: str, treatment: str | None = None, title: str | None = None) -> Display:
    """Return one metric's effect by period with intervals and n, beside the effect over all periods as a band.

    Parameters
    ----------
    results : Results
        Effects whose `at` names the period ("week 1"), in order.
    metric : str
    treatment : str, optional
        One panel a treatment when left out.
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or the metric has no period.
    """
    found = [e for e in results.estimates if e.metric == metric and e.at is not None and not is_lift(e)]
    found = [e for e in found if treatment is None or e.treatment == treatment]
    if results.status == "withheld" or not found:
        return show_sentence(WITHHELD if results.status == "withheld" else NO_WEEK)
    scale, panels = read_scale(results, metric), {}
    for e in found:
        panels.setdefault(e.treatment, []).append(e)
    minus = f"{'Treatment' if len(panels) > 1 else found[0].treatment} minus {found[0].control}"
    return draw(
        lambda figure: _paint_panels(figure, panels, results, scale),
        height=PANEL * len(panels),
        title=title or f"{capitalise(scale.label)}: {_tell_trend(results, panels) or _tell_ends(panels, scale)}",
        subtitle=f"{minus} by period, with intervals. Band: all periods.",
        alternative=describe_effects(found, results, what=f"Effect on {scale.label} by period, with intervals."),
        results=results,
        table=to_frame(found)[BEHIND].dropna(axis=1, how="all"),
        shown=tell_rows(found, results),
        name=f"{metric}_over_time",
    )


def _tell_trend(results: Results, panels) -> str:
    """Which treatments' effects change over the weeks, by the test of it; nothing where one has no test."""
    found = {}
    for name, effects in panels.items():
        against = (effects[0].metric, f"{name} - {effects[0].control}")
        tests = [t for t in results.tests if t.name == TREND and (t.metric, t.id.split(":")[1]) == against]
        if tests:
            found[name] = _is_clear(tests[0], effects[0].confidence_level)
    if set(found) != set(panels):
        return ""
    told = {name: f"{'a' if clear else 'no'} clear trend over weeks" for name, clear in found.items()}
    if len(set(told.values())) == 1:
        return _tell_alike(next(iter(told.values())), len(told))
    return "; ".join(f"{name}: {words}" for name, words in told.items())


def _tell_alike(words: str, treatments: int) -> str:
    """What holds of all treatments, said once."""
    return f"{words} for {'any' if words.startswith('no') else 'every'} treatment" if treatments > 1 else words


def _is_clear(test: Test, level: float) -> bool:
    p = test.p_value if test.p_value_adjusted is None or math.isnan(test.p_value_adjusted) else test.p_value_adjusted
    return p <= 1 - level


def _tell_ends(panels, scale) -> str:
    """The first and the last effect of each treatment, in words."""
    told = []
    for name, found in panels.items():
        known = [e for e in found if math.isfinite(e.estimate)]
        ends = ", ".join(f"{write_effect(e, scale)} in {e.at}" for e in (known[:1] + known[1:][-1:]))
        told.append(f"{name}: {ends}" if len(panels) > 1 and known else ends or "no period can be estimated")
    return "; ".join(told)


def _paint_panels(figure, panels, results, scale: Scale):
    for place, (name, found) in enumerate(panels.items()):
        heading = f"{name}, " if len(panels) > 1 else ""
        _paint_periods(figure, found, find_overall(results, found[0]), scale, top=24 + PANEL * place, heading=heading)


def _paint_periods(figure, found, overall, scale: Scale, *, top, heading):
    axes = place_axes(figure, 52, top, measure_width(figure) - 60, 226)
    style = style_effect(found[0], scale)
    for e in overall[:1]:
        axes.axhspan(e.ci_low * style.factor, e.ci_high * style.factor, color=BAND, linewidth=0, zorder=0)
        axes.axhline(e.estimate * style.factor, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
    axes.axhline(0, color=INK, linewidth=0.8)
    crowded = measure_width(figure) / len(found) < PERIOD
    for place, e in enumerate(found):
        low, middle, high = (v * style.factor for v in (e.ci_low, e.estimate, e.ci_high))
        axes.plot((place, place), (low, high), color=INK, linewidth=2.2)
        axes.plot(place, middle, "o", color=INK, markersize=7)
        told = write_effect(e, scale).removesuffix(style.suffix).removesuffix(style.suffix.removesuffix("s"))
        if crowded:
            continue
        label = axes.annotate(told, (place, middle), xytext=(9, 0), textcoords="offset points", va="center")
        label.set_path_effects([withStroke(linewidth=4, foreground="white")])
    every = -(-len(found) * PERIOD // measure_width(figure))  # so many periods a label
    axes.set_xticks(range(0, len(found), int(every)), [_period(e) for e in found[:: int(every)]])
    axes.set_xlim(-0.4, len(found) - 0.4)
    unit = style.suffix.strip() or style.prefix or scale.label
    axes.set_title(f"{heading}{unit}", loc="left", fontsize=8.6, color=MUTED)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+,g}" if v else "0"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y")
    axes.spines["bottom"].set_visible(False)


def _period(e: Estimate) -> str:
    return f"{e.at}\nn {write_count(e.n_control + e.n_treatment)}"


def looking_path(results: Results, *, title: str | None = None) -> Display:
    """Return how the always-valid interval narrows as weeks are counted, with the fixed interval at its end.

    Parameters
    ----------
    results : Results
        Table `path`, one row a treatment and week: `metric`, `treatment`, `day`, `n`, `estimate`, `ci_low`, `ci_high`
        (always-valid), and in a treatment's last row `fixed_low`, `fixed_high`; a panel a treatment.
    title : str, optional
        Computed when left out: from which day on the interval leaves out no difference.

    Returns
    -------
    Display: one sentence when the effects are withheld or there is no path.
    """
    path = results.tables.get("path", pd.DataFrame())
    if results.status == "withheld" or path.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no path to show.")
    metric, panels = path["metric"].iloc[0], dict(list(path.groupby("treatment", sort=False)))
    scale = read_scale(results, metric)
    style = replace(style_gap(scale), signed=True)
    told = [_tell_path(rows, style, name if len(panels) > 1 else "") for name, rows in panels.items()]
    whens = {when.removeprefix(f"{name}: ") for name, (when, _) in zip(panels, told, strict=True)}
    said = _tell_alike(whens.pop(), len(told)) if len(whens) == 1 else "; ".join(when for when, _ in told)
    found = f"{capitalise(scale.label)}: {said}"
    return draw(
        lambda figure: _paint_paths(figure, panels, style),
        height=PATH * len(panels),
        title=title or f"{found}, however often one looks",
        subtitle="Difference over calendar time. Band: always-valid interval. Bar at the end: fixed interval.",
        alternative=f"Always-valid path of {scale.label}: {' '.join(ends for _, ends in told)}",
        results=results,
        table=path,
        name=f"{metric}_looking_path",
    )


def _tell_path(path: pd.DataFrame, style: Style, name: str) -> tuple[str, str]:
    """When a treatment's path became clear, and where it ends, in words."""
    clear = path[(path["ci_low"] > 0) | (path["ci_high"] < 0)]
    when = f"clear from {_day(clear['day'].iloc[0])} on" if len(clear) else "not clear at any look"
    last, of = path.iloc[-1], f"{name}: " if name else ""
    decimals = count_decimals(last["ci_low"], last["ci_high"], factor=style.factor)
    ends = [write_number(last[c], style, decimals=decimals) for c in ("estimate", "ci_low", "ci_high")]
    return f"{of}{when}", f"{of}{ends[0]} at the end, from {ends[1]} to {ends[2]}; {when}."


def _day(day) -> str:
    return f"{day:%-d %B %Y}" if hasattr(day, "strftime") else f"day {day:g}"


def _paint_paths(figure: Figure, panels: dict[str, pd.DataFrame], style: Style) -> None:
    for place, (name, path) in enumerate(panels.items()):
        heading = f"{name}, " if len(panels) > 1 else ""
        _paint_path(figure, path, style, top=30 + PATH * place, heading=heading)


def _paint_path(figure: Figure, path: pd.DataFrame, style: Style, *, top: float, heading: str) -> None:
    axes = place_axes(figure, LEFT, top, measure_width(figure) - LEFT - 90, 250)
    low, middle, high = (path[c].to_numpy(float) * style.factor for c in ("ci_low", "estimate", "ci_high"))
    axes.fill_between(path["day"], low, high, color="#dfe4ea", linewidth=0)
    for edge in (low, high):
        axes.plot(path["day"], edge, color=MUTED, linewidth=1, linestyle=(0, (3, 2)))
    axes.plot(path["day"], middle, color=INK, linewidth=2)
    axes.axhline(0, color=INK, linewidth=0.8)
    last = path.iloc[-1]
    if {"fixed_low", "fixed_high"} <= set(path.columns) and pd.notna(last["fixed_low"]):
        ends = np.array([last["fixed_low"], last["fixed_high"]], float) * style.factor
        axes.plot([last["day"]] * 2, ends, color=INK, linewidth=5, solid_capstyle="butt", clip_on=False)
    reach = np.nanquantile(np.abs(np.concatenate([low, high])), 0.9) * 1.1
    axes.set(ylim=(max(-reach, np.nanmin(low)), min(reach, np.nanmax(high))), xlim=(path["day"].iloc[0], last["day"]))
    decimals = count_decimals(last["ci_low"], last["ci_high"], factor=style.factor)
    end = write_number(last["estimate"], style, decimals=decimals)
    style_text = {"xytext": (10, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(end, (last["day"], middle[-1]), weight="bold", **style_text)
    axes.set_title(f"{heading}{style.suffix.strip() or style.prefix}", loc="left", fontsize=8.6, color=MUTED)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+,g}" if v else "0"))
    axes.grid(axis="y")
    _space_days(axes, path["day"], 2 if is_narrow(figure) else 5)


def _space_days(axes: Axes, days: pd.Series, count: int) -> None:
    chosen = days.iloc[:: max(1, len(days) // count)]
    written = [f"{d:%-d %b}" if hasattr(d, "strftime") else f"{d:g}" for d in chosen]
    axes.set_xticks(list(chosen), written)
    if not hasattr(days.iloc[0], "strftime"):
        axes.set_xlabel("days since the first assignment")
