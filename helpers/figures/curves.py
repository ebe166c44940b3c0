"""Pictures of curves: cumulative incidence with numbers at risk, the always-valid path, and what it would take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from helpers.figures.theme import BAND, INK, MUTED, color_arms, darken, draw, is_narrow, measure_width, place_axes
from helpers.records import Results
from helpers.wording import (
    WITHHELD,
    Display,
    Scale,
    capitalise,
    find_noun,
    join_words,
    read_scale,
    show_sentence,
    style_gap,
    style_value,
    write_count,
    write_number,
    write_share,
)

LEFT, LABELS = 60, 140  # CSS pixels: where curves begin, and the room for their labels


def cumulative_incidence(results: Results, *, metric: str, title: str | None = None) -> Display:
    """Return the share that the event has reached by each day, with bands, and the numbers at risk under it.

    Parameters
    ----------
    results : Results
        Table `curves`, one row a `metric`, `arm` and `day`, with `share` (0 to 1), `ci_low`, `ci_high`, `at_risk`,
        after small cells are hidden; a missing value breaks the line, a missing count is left blank.
    metric : str
    title : str, optional
        Computed from the last day when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there is no curve.
    """
    every = results.tables.get("curves", pd.DataFrame(columns=["metric"]))
    curves = every[every["metric"] == metric].drop(columns="metric")
    if results.status == "withheld" or curves.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no curve to show.")
    first = results.select(metric=metric)[0] if results.select(metric=metric) else None
    control = first.control if first else curves["arm"].iloc[0]
    level = f"{first.confidence_level * 100:g} % bands" if first else "bands"
    scale, arms = read_scale(results, metric), [control, *(a for a in curves["arm"].unique() if a != control)]
    last = curves.dropna(subset=["share"]).groupby("arm", sort=False).tail(1).set_index("arm")
    ends = [f"{write_share(last.loc[a, 'share'])} in {a}" for a in arms if a in last.index]
    found = f"{capitalise(scale.label)}: by day {last['day'].max():g}, {join_words(ends)}"
    return draw(
        lambda figure: paint_curves(figure, curves, arms, control),
        height=360 + 22 * len(arms),
        title=title or found,
        subtitle=f"Share reached by each day since assignment, with {level}; numbers at risk below.",
        alternative=f"Cumulative incidence of {scale.label} by arm. {found}.",
        results=results,
        table=curves,
        name=f"{metric}_cumulative_incidence",
    )


def paint_curves(
    figure: Figure,
    curves: pd.DataFrame,
    arms: Sequence[str],
    control: str,
    *,
    label: str = "days since assignment",
    floor: float = 0.0,
) -> None:
    """Draw shares by day as steps with bands, each named at its end, and the numbers at risk below.

    Parameters
    ----------
    figure : Figure
        360 CSS pixels high, and 22 more for each arm.
    curves : DataFrame
        One row an `arm` and `day`, with `share` (0 to 1), `ci_low`, `ci_high`, `at_risk`.
    arms : sequence of str
    control : str
        The arm in blue.
    label : str
        Of the horizontal axis.
    floor : float
        The share at which the vertical axis begins.
    """
    axes, colors = place_axes(figure, LEFT, 16, _measure(figure), 270), color_arms(control, list(arms))
    ends = []
    for arm in arms:
        rows = curves[curves["arm"] == arm].sort_values("day")
        share = {c: rows[c].to_numpy(float) * 100 for c in ("share", "ci_low", "ci_high")}
        days = rows["day"].to_numpy(float)
        band = {"step": "post", "color": colors[arm], "alpha": 0.16, "linewidth": 0}
        axes.fill_between(days, share["ci_low"], share["ci_high"], **band)
        axes.step(days, share["share"], where="post", color=colors[arm], linewidth=2)
        known = share["share"][np.isfinite(share["share"])]
        ends.append((known[-1] if len(known) else 0.0, arm))
    top = np.nanmax(curves[["share", "ci_high"]].to_numpy(float)) * 100
    room = (top - floor * 100) * 0.08
    axes.set(xlim=(0, curves["day"].max()), ylim=(floor * 100, top + room or 1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.set_xlabel(label)
    axes.grid(axis="y")
    _label_ends(axes, ends, colors, lambda v: f"{v:.1f} %")
    _write_at_risk(figure, axes, curves, arms, colors)


def _measure(figure: Figure) -> float:
    return measure_width(figure) - LEFT - LABELS


def _label_ends(axes: Axes, ends, colors, write) -> None:
    """Write each curve's last value and name beside its end, apart by at least a line."""
    low, high = axes.get_ylim()
    gap, last = (high - low) * 0.075, -np.inf
    for value, name in sorted(ends):
        last = max(value, last + gap)
        told = f"{write(value)}  {name[:16]}"
        style = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
        axes.annotate(told, (axes.get_xlim()[1], last), color=darken(colors[name]), weight="bold", **style)


def _write_at_risk(figure, axes, curves, arms, colors) -> None:
    days = sorted(curves["day"].unique())
    chosen = days[:: max(1, len(days) // (3 if is_narrow(figure) else 6))]
    wide, high = (size * 100 for size in figure.get_size_inches())
    figure.text(LEFT / wide, 1 - 342 / high, "At risk", color=MUTED, fontsize=8.6, va="center")
    for line, arm in enumerate(arms):
        counts = curves[curves["arm"] == arm].set_index("day")["at_risk"]
        level = 1 - (364 + 22 * line) / high
        style = {"color": darken(colors[arm]), "fontsize": 8.6, "va": "center"}
        figure.text((LEFT + _measure(figure) + 28) / wide, level, arm[:18], **style)
        for day in chosen:
            n = counts.get(day)
            place = (LEFT + _measure(figure) * day / axes.get_xlim()[1]) / wide
            text = "" if n is None or pd.isna(n) else write_count(n)
            side = "left" if day == 0 else "center"
            figure.text(place, level, text, ha=side, **style)


def sample_size(
    results: Results,
    *,
    metric: str,
    difference: float | None = None,
    planned: int | None = None,
    title: str | None = None,
) -> Display:
    """Return how many units it would take to see a difference, one curve a baseline.

    Parameters
    ----------
    results : Results
        Table `sample_sizes`, one row a baseline and difference: `baseline` (in the metric's unit), `difference`
        (above 0, likewise), `units` (in all arms together), `power`.
    metric : str
    difference : float, optional
        The difference that matters, in the metric's unit: the nearest one of the table is marked, and the title tells
        it. The middle one when left out.
    planned : int, optional
        Units planned or at hand, drawn as a line.
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display
    """
    sizes = results.tables.get("sample_sizes", pd.DataFrame())
    if sizes.empty:
        return show_sentence("There is no sample size to show.")
    scale = read_scale(results, metric)
    wanted = sizes["difference"].median() if difference is None else difference
    chosen = sizes["difference"].iloc[(sizes["difference"] - wanted).abs().argmin()]
    found = _tell_sizes(sizes[sizes["difference"] == chosen], scale, find_noun(results))
    return draw(
        lambda figure: _paint_sizes(figure, sizes, scale, chosen, planned),
        height=370,
        title=title or found,
        subtitle=f"Units in all arms for {_tell_power(sizes)} power; one line a control value, on a log scale.",
        alternative=f"Units needed by difference, log scale. {found}.",
        results=results,
        table=sizes,
        name=f"{metric}_sample_size",
    )


def _tell_power(sizes: pd.DataFrame) -> str:
    return write_share(sizes["power"].iloc[0], decimals=0)


def _tell_sizes(marked: pd.DataFrame, scale: Scale, noun: str) -> str:
    counts = marked["units"].dropna()
    told = write_number(marked["difference"].iloc[0], style_gap(scale))
    if counts.empty:
        return f"A difference of {told} is impossible from these control values"
    least, most = write_count(counts.min()), write_count(counts.max())
    share = "share in control" if style_value(scale).suffix == " %" else "control value"
    range_ = f"{most} {noun}" if least == most else f"from {least} to {most} {noun}, depending on the {share}"
    return f"To see {told} takes {range_}"


def _paint_sizes(figure: Figure, sizes: pd.DataFrame, scale: Scale, chosen: float, planned: int | None) -> None:
    axes = place_axes(figure, LEFT, 30, measure_width(figure) - LEFT - 96, 280)
    gap, value = style_gap(scale), style_value(scale)
    axes.set_yscale("log")
    ends = []
    for baseline, rows in sizes.dropna(subset=["units"]).sort_values("difference").groupby("baseline"):
        axes.plot(rows["difference"] * gap.factor, rows["units"], color=MUTED, linewidth=1.6)
        marked = rows[rows["difference"] == chosen]
        axes.plot(marked["difference"] * gap.factor, marked["units"], "o", color=INK, markersize=7, zorder=3)
        ends.append((rows["units"].iloc[-1], rows["difference"].iloc[-1] * gap.factor, write_number(baseline, value)))
    _label_logs(axes, ends)
    if planned:
        axes.axhline(planned, color=INK, linewidth=0.9, linestyle=(0, (3, 3)))
        told = {"xytext": (0, 4), "textcoords": "offset points", "ha": "right"}
        axes.annotate(f"planned {write_count(planned)}", (sizes["difference"].max() * gap.factor, planned), **told)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    axes.set_xlabel(f"difference to see{', ' + gap.suffix.strip() if gap.suffix else ''}")
    axes.set_title("units in all", loc="left", fontsize=8.6, color=MUTED)
    axes.grid(axis="y", color=BAND)


def _label_logs(axes: Axes, ends) -> None:
    low, high = np.log10(axes.get_ylim())
    last = -np.inf
    for units, place, name in sorted(ends):
        last = max(np.log10(units), last + (high - low) * 0.06)
        style = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
        axes.annotate(f"from {name}", (place, 10**last), **style)
