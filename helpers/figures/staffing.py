"""Pictures of staffing: agents by the hour of the week, how unevenly questions come, and what a roll-out takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.theme import (
    BAND,
    CONTROL,
    INK,
    MUTED,
    RULE,
    TREATMENT,
    TREATMENT_TEXT,
    draw,
    is_narrow,
    measure_width,
    place_axes,
    write_at,
)
from helpers.records import Results
from helpers.wording import (
    WITHHELD,
    Display,
    name_arrivals,
    show_sentence,
    tell_source,
    write_count,
    write_number,
    write_share,
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LEFT = 46  # CSS pixels: where axes begin
ROW = 58  # and the height of one scenario
NO_STAFFING = "There is no question to staff for."
NO_ROLL_OUT = "Without conversations there is no roll-out to plan."


def staffing(results: Results, *, title: str | None = None) -> Display:
    """Return the agents that a reply target takes in each hour of the week, above the questions that come.

    Parameters
    ----------
    results : Results
        Table `staffing`, one row an hour of the week, as `queues.study_staffing` returns it.
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or nothing is staffed.
    """
    hours = results.tables.get("staffing", pd.DataFrame())
    if results.status == "withheld" or hours.empty or not hours["agents_erlang_a"].any():
        return show_sentence(WITHHELD if results.status == "withheld" else NO_STAFFING)
    found = _tell_staffing(hours)
    busiest = hours.loc[hours["agents_erlang_a"].idxmax()]
    more = hours["agents_erlang_c"].sum() - hours["agents_erlang_a"].sum()
    return draw(
        lambda figure: _paint_staffing(figure, hours),
        height=324,
        title=title or found,
        subtitle="Area: agents where customers give up (Erlang A). Line: where they wait for ever (Erlang C). "
        f"Below: {_name_source(hours)} an hour. {_tell_hours(hours)}",
        alternative=f"{found}. Busiest: {_name_hour(busiest['hour'])}, {busiest['agents_erlang_a']} agents for "
        f"{write_number(busiest['arrivals_per_hour'])} an hour. Erlang C asks for {write_count(more)} hours more.",
        results=results,
        table=hours,
        shown=_show_hours(hours),
        name=f"{results.study}_staffing",
        source=tell_source(hours),
    )


def _tell_staffing(hours: pd.DataFrame) -> str:
    staffed = hours.loc[hours["agents_erlang_a"] > 0, "agents_erlang_a"]
    few, many = write_count(staffed.min()), write_count(staffed.max())
    agents = (
        f"{few} agent{'s' if staffed.min() > 1 else ''} at every hour" if few == many else f"{few} to {many} agents"
    )
    share, minutes = write_share(hours["target_share"].iloc[0], decimals=0), hours["target_minutes"].iloc[0]
    reply = f"Replies within {write_number(minutes)} minute{'' if minutes == 1 else 's'} for {share}"
    return f"{reply} take {agents}: {write_count(staffed.sum())} agent hours a week"


def _name_source(table: pd.DataFrame) -> str:
    return name_arrivals(table["source"].iloc[0])


def _tell_hours(hours: pd.DataFrame) -> str:
    """Whose clock the hours follow, and, of public arrivals, that they are not this study's work."""
    if tell_source(hours) is None:
        return "Hours in UTC."
    return "Hours of their own clock. It is not the work of this study: no cost above comes from it."


def _name_hour(hour: int) -> str:
    return f"{DAYS[int(hour) // 24]} {int(hour) % 24:02d}:00"


def _show_hours(hours: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "hour" if tell_source(hours) else "hour (UTC)": [_name_hour(hour) for hour in hours["hour"]],
            "arrivals an hour": [write_number(rate, decimals=1) for rate in hours["arrivals_per_hour"]],
            "agents (Erlang A)": [write_count(n) for n in hours["agents_erlang_a"]],
            "agents (Erlang C)": [write_count(n) for n in hours["agents_erlang_c"]],
            "answered in time": [_share_or_blank(share) for share in hours["share_within"]],
            "lost": [_share_or_blank(share) for share in hours["share_lost"]],
        }
    )


def _share_or_blank(share: float) -> str:
    return "" if share != share else write_share(share, decimals=0)


def _paint_staffing(figure: Figure, hours: pd.DataFrame) -> None:
    wide = measure_width(figure) - LEFT - 8
    edges = np.arange(len(hours) + 1)
    agents, arrivals = place_axes(figure, LEFT, 26, wide, 180), place_axes(figure, LEFT, 240, wide, 56)
    agents.stairs(hours["agents_erlang_a"], edges, fill=True, color=CONTROL, alpha=0.25, linewidth=0)
    agents.stairs(hours["agents_erlang_c"], edges, color=TREATMENT, linewidth=0.9)
    agents.stairs(hours["agents_erlang_a"], edges, color=CONTROL, linewidth=1.4)
    arrivals.stairs(hours["arrivals_per_hour"], edges, fill=True, color=MUTED, linewidth=0)
    for axes, name in ((agents, "agents"), (arrivals, f"{_name_source(hours).split()[0]} an hour")):
        axes.set_title(name, loc="left", fontsize=8.6, color=MUTED)
        axes.set(xlim=(0, len(hours)), xticks=[])
        axes.set_ylim(bottom=0)
        for day in range(1, 7):
            axes.axvline(24 * day, color=RULE, linewidth=0.7, zorder=0)
    _count_up(agents, 5)
    _count_up(arrivals, 2)
    _name_lines(figure, ("customers give up", "they wait for ever"))
    names = [day[:3] if is_narrow(figure) else day for day in DAYS]
    arrivals.set_xticks(np.arange(7) * 24 + 12, names)


def _count_up(axes: Axes, ticks: int) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(ticks, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,g}"))
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def arrivals(results: Results, *, title: str | None = None) -> Display:
    """Return how hourly counts spread on weekdays, beside the band of a Poisson stream with the same means.

    Parameters
    ----------
    results : Results
        Tables `arrivals_bands`, one row an hour of the day, and `arrivals`, one row a measure.
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display: one sentence when there are no counts.
    """
    bands = results.tables.get("arrivals_bands", pd.DataFrame())
    if bands.empty:
        return show_sentence("No arrivals were counted.")
    measures = results.tables["arrivals"]
    what = _name_source(measures)
    found = _tell_arrivals(measures, what)
    busy = bands.loc[bands["mean"].idxmax()]
    return draw(
        lambda figure: _paint_bands(figure, bands),
        height=306,
        title=title or found,
        subtitle=f"{what.capitalize()} an hour on {write_count(bands['days'].max())} weekdays, relative to the mean of "
        "weekday and hour. Band: nine days of ten. Lines: the same of a Poisson stream.",
        alternative=f"{found}. At {busy['time']} nine days of ten have {write_count(busy['low'])} to "
        f"{write_count(busy['high'])}; a Poisson stream {write_count(busy['poisson_low'])} to "
        f"{write_count(busy['poisson_high'])}.",
        results=results,
        table=bands,
        name=f"{results.study}_arrivals_bands",
        source=tell_source(measures),
    )


def _tell_arrivals(measures: pd.DataFrame, what: str) -> str:
    rows = measures.set_index("measure")
    times = write_number(rows.loc["dispersion_hours", "value"], decimals=1)
    missed, even = (write_share(rows.loc["days_short", name], decimals=0) for name in ("value", "poisson"))
    if rows.loc["dispersion_hours", "ci_low"] <= 1 <= rows.loc["dispersion_hours", "ci_high"]:
        varied = f"{what.capitalize()} vary about as a Poisson stream does ({times} times)"
    else:
        varied = f"{what.capitalize()} vary {times} times as much as a Poisson stream"
    return f"{varied}: staffing for the mean misses the target clearly on {missed} of days (Poisson: {even})"


def _paint_bands(figure: Figure, bands: pd.DataFrame) -> None:
    axes = place_axes(figure, LEFT, 26, measure_width(figure) - LEFT - 22, 250)
    x = bands["hour"]
    axes.fill_between(x, bands["low"], bands["high"], color=CONTROL, alpha=0.25, linewidth=0)
    for edge in ("poisson_low", "poisson_high"):
        axes.plot(x, bands[edge], color=TREATMENT, linewidth=1.3)
    axes.plot(x, bands["mean"], color=INK, linewidth=1.6)
    axes.set_title("an hour", loc="left", fontsize=8.6, color=MUTED)
    axes.set(xlim=(x.iloc[0], x.iloc[-1] if len(x) > 1 else x.iloc[0] + 1))
    axes.set_ylim(bottom=0)
    _count_up(axes, 5)
    axes.xaxis.set_major_locator(MaxNLocator(4 if is_narrow(figure) else 8, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{int(v) % 24:02d}:00"))
    _name_lines(figure, ("nine days of ten", "a Poisson stream"))


def _name_lines(figure: Figure, names: tuple[str, str]) -> None:
    """What the blue area and the orange line are, above them at the right."""
    for left, name, color in zip((238, 116), names, (CONTROL, TREATMENT_TEXT), strict=True):
        write_at(figure, measure_width(figure) - left, 12, name, color=color, size=8.6, weight="bold")


def roll_out(results: Results, *, title: str | None = None) -> Display:
    """Return the agent hours a week of each way to serve all sign-ups, what is beyond the standard promise set apart.

    Parameters
    ----------
    results : Results
        Table `roll_out`, one row a scenario, in the order of `queues.roll_out.plan_roll_out`.
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there is no scenario.
    """
    rows = results.tables.get("roll_out", pd.DataFrame())
    if results.status == "withheld" or rows.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else NO_ROLL_OUT)
    doubled, live = rows["extra_hours_per_week"].iloc[[2, 3]]
    found = f"Live support for all takes {write_count(live)} agent hours a week more"
    found += f", not the {write_count(doubled)} of twice the team for half" if live < doubled else ""
    told = [_tell_scenario(row) for row in rows.itertuples()]
    return draw(
        lambda figure: _paint_roll_out(figure, rows, told),
        height=16 + ROW * len(rows) + 34,
        title=title or found,
        subtitle="Agent hours a week. Grey: what the standard promise takes for all. Colour: beyond it. The test keeps "
        "two teams on duty; for all, one team is enough. A model: Erlang A, hour by hour.",
        alternative=" ".join(f"{name}: {said}." for name, said in zip(rows["scenario"], told, strict=True)),
        results=results,
        table=rows,
        name=f"{results.study}_roll_out",
    )


def _tell_scenario(row) -> str:
    extra = write_count(row.extra_hours_per_week)
    return f"{write_count(row.agent_hours_per_week)} hours" + (f", {extra} more" if row.extra_hours_per_week else "")


def _paint_roll_out(figure: Figure, rows: pd.DataFrame, told: list[str]) -> None:
    axes = place_axes(figure, 8, 16, measure_width(figure) - 16, ROW * len(rows))
    axes.set(xlim=(0, rows["agent_hours_per_week"].max() * 1.02), ylim=(len(rows), 0), yticks=[])
    standard = rows["agent_hours_per_week"].iloc[0]
    for place, row in enumerate(rows.itertuples()):
        hours = row.agent_hours_per_week
        axes.barh(place + 0.7, min(hours, standard), height=0.34, color=MUTED, linewidth=0)
        axes.barh(place + 0.7, max(hours - standard, 0), height=0.34, left=standard, color=TREATMENT, linewidth=0)
        write_at(figure, 8, 16 + ROW * (place + 0.3), row.scenario.capitalize(), weight="bold")
        write_at(figure, measure_width(figure) - 8, 16 + ROW * (place + 0.3), told[place], ha="right", color=MUTED)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(4 if is_narrow(figure) else 7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,g}"))
    axes.grid(axis="x", color=BAND)
    axes.set_axisbelow(True)
