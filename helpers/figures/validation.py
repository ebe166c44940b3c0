"""What a validation measured, in pictures: every cell of every method, daily looks, peers, and power."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.strips import Mark, Scale, Strip, measure_strips, paint_strips
from helpers.figures.theme import CONTROL, INK, MUTED, NARROW, TREATMENT, darken, draw, measure_width, place_axes
from helpers.records import Results
from helpers.wording import (
    Display,
    capitalise,
    find_worst,
    join_words,
    read_level,
    select_measured,
    show_sentence,
    tell_cells,
    tell_looking,
    tell_peers,
    tell_powers,
    write_share,
)

OUTSIDE = "outside: "
LEAST = 0.0005  # below it a share would be printed as none
COLUMNS = ["guarantee", "population", "n_control", "n_treatment", "replicates", "limit_low", "limit_high", "verdict"]
RULES = {"test every day": TREATMENT, "planned looks": MUTED, "always-valid": CONTROL}


def coverage(results: Results) -> Display:
    """Return how often intervals hold the truth: one row a method, one mark a cell.

    Parameters
    ----------
    results : Results
        Table `cells`, as `judge_cells` returns it.

    Returns
    -------
    Display: filled marks lie inside the method's domain, hollow ones outside; a cross fails.
    """
    return _draw_cells(
        results,
        "coverage",
        subtitle=(
            "Share of intervals that hold the planted truth, one mark a cell: filled inside the method's domain, "
            "hollow outside, a cross where the promise is broken. Shaded: what the promise and chance allow."
        ),
    )


def false_alarms(results: Results) -> Display:
    """Return how often methods alarm where there is no effect: one row a method, one mark a cell.

    Parameters
    ----------
    results : Results
        Table `cells`, as `judge_cells` returns it.
    """
    return _draw_cells(
        results,
        "false_alarm",
        subtitle=(
            "Share of experiments without any effect in which the test alarms, one mark a cell: filled inside the "
            "method's domain, hollow outside, a cross where the promise is broken. Shaded: what the promise and chance "
            "allow."
        ),
    )


def _draw_cells(results: Results, measure: str, *, subtitle: str) -> Display:
    cells = select_measured(results, measure)
    if cells.empty:
        return show_sentence("No cell of this grid measures that.")
    level = read_level(results)
    strips = [_strip(group, measure) for _, group in cells.groupby("guarantee", sort=False)]
    scale = _choose_scale(cells, measure, level)
    told = [f"{s.name}: {s.text}{f' ({s.below})' if s.below else ''}" for s in strips]
    return draw(
        lambda figure: paint_strips(figure, strips, scale),
        height=measure_strips(strips),
        narrow_height=measure_strips(strips, narrow=True),
        title=tell_cells(results, measure),
        subtitle=subtitle,
        alternative=f"One row a method, one mark a cell of the grid. {'; '.join(told)}.",
        results=results,
        table=cells[[*COLUMNS[:5], measure, *COLUMNS[5:]]],
        shown=_tell_strips(strips),
        name=f"validation_{measure}",
    )


def _strip(cells: pd.DataFrame, measure: str) -> Strip:
    inside = cells[cells["inside"].astype(bool)]
    low, high = (inside["limit_low"].min(), inside["limit_high"].max()) if len(inside) else (float("nan"),) * 2
    allowed = None if low != low or high != high else (low, high) if measure == "coverage" else (1 - high, 1 - low)
    verdict = "fails" if (inside["verdict"] == "fails").any() else "holds" if len(inside) else "outside its domain"
    kinds = ["outside" if not i else "fails" if v == "fails" else "inside" for i, v in _pair(cells)]
    return Strip(
        name=capitalise(str(cells["guarantee"].iloc[0])),
        marks=tuple(Mark(float(v), kind) for v, kind in zip(cells[measure], kinds, strict=True)),
        text=_tell_worst(verdict, inside, measure),
        below=_tell_worst("", cells[~cells["inside"].astype(bool)], measure),
        allowed=allowed,
    )


def _pair(cells):
    return zip(cells["inside"].astype(bool), cells["verdict"], strict=True)


def _tell_worst(verdict, cells, measure):
    worst = find_worst(cells, measure)
    if worst is None:
        return verdict
    what = "lowest" if measure == "coverage" else "most"
    told = f"{what} {write_share(worst[measure])} ({len(cells)} {'cell' if len(cells) == 1 else 'cells'})"
    return f"{verdict}: {told}" if verdict else f"{OUTSIDE}{told}"


def _choose_scale(cells: pd.DataFrame, measure: str, level: float) -> Scale:
    """The ends that matter for the promise: what lies farther out stands at the edge, its figure beside it."""
    if measure == "coverage":
        low = 1 - 3 * (1 - level)
        return Scale(low, 1.0, level, (low, 1 - 2 * (1 - level), level, 1.0))
    most = 4 * (1 - level)
    return Scale(0.0, most, 1 - level, (0.0, 1 - level, 2 * (1 - level), 3 * (1 - level), most))


def _tell_strips(strips) -> pd.DataFrame:
    rows = [
        {"Method": s.name, "Inside its domain": s.text, "Outside": s.below.removeprefix("outside ")} for s in strips
    ]
    return pd.DataFrame(rows)


def looking(results: Results) -> Display:
    """Return how false alarms pile up when somebody looks every day, one line a rule.

    Parameters
    ----------
    results : Results
        Table `looking`: `rule`, `day`, `false_alarm`, `ci_low`, `ci_high`.
    """
    frame = results.tables["looking"]
    last = frame[frame["day"] == frame["day"].max()]
    told = [f"{row.rule} {write_share(row.false_alarm)}" for row in last.itertuples()]
    return draw(
        lambda figure: _paint_looking(figure, frame, 1 - read_level(results)),
        height=340,
        title=tell_looking(results),
        subtitle="Share of experiments without any effect with an alarm by each day. Bands: what chance allows, 99 %.",
        alternative=f"False alarms by day of looking; on the last day: {join_words(told)}.",
        results=results,
        table=frame,
        name="validation_looking",
    )


def _paint_looking(figure: Figure, frame: pd.DataFrame, alpha: float) -> None:
    narrow = measure_width(figure) <= NARROW
    axes = place_axes(figure, 48, 20, measure_width(figure) - 48 - (150 if narrow else 190), 270)
    ends = []
    for rule, rows in frame.groupby("rule", sort=False):
        color = RULES.get(rule, INK)
        low, high = (100 * rows[c].to_numpy(float) for c in ("ci_low", "ci_high"))
        axes.fill_between(rows["day"], low, high, color=color, alpha=0.16, linewidth=0)
        axes.plot(rows["day"], 100 * rows["false_alarm"], color=color, linewidth=2)
        ends.append((100 * rows["false_alarm"].iloc[-1], rule, color))
    axes.axhline(100 * alpha, color=INK, linewidth=0.9)
    axes.set(xlim=(1, frame["day"].max()), ylim=(0, 108 * frame["ci_high"].max()))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.set_xlabel("day of the last look")
    axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8, integer=True))
    axes.grid(axis="y")
    _label_rules(axes, ends)


def _label_rules(axes, ends) -> None:
    """Write each rule and its last value beside the end of its line, apart by at least a line."""
    gap, last = axes.get_ylim()[1] * 0.075, -1e9
    for value, rule, color in sorted(ends):
        last = max(value, last + gap)
        style = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
        axes.annotate(f"{value:.1f} %  {rule}", (axes.get_xlim()[1], last), color=darken(color), weight="bold", **style)


def peers(results: Results) -> Display:
    """Return the coverage of our intervals and of others' on the same draws, one block a case.

    Parameters
    ----------
    results : Results
        Table `peers`, as `compare_peers` returns it.
    """
    frame, level = results.tables["peers"], read_level(results)
    strips = [_peer(row, place == 0) for _, case in frame.groupby("case", sort=False) for place, row in _rows(case)]
    low = min(1 - 3 * (1 - level), frame["coverage"].min())
    return draw(
        lambda figure: paint_strips(figure, strips, Scale(low, 1.0, level, _list_ticks(low, level))),
        height=measure_strips(strips),
        narrow_height=measure_strips(strips, narrow=True),
        title=tell_peers(results),
        subtitle="Share of intervals that hold the truth on the same draws. Discs: ours; diamonds: others.",
        alternative=f"Coverage by case. {'; '.join(f'{s.name} {s.text}' for s in strips)}.",
        results=results,
        table=frame,
        name="validation_peers",
    )


def _list_ticks(low: float, *more: float) -> tuple[float, ...]:
    """Every tenth from `low` to all, and some further shares, in rising order."""
    ticks = {*(tenth / 10 for tenth in range(11)), *more}
    return tuple(sorted(t for t in ticks if t >= low - 1e-9))


def _rows(case):
    return enumerate(case.to_dict("records"))


def _peer(row, first) -> Strip:
    against = row["contradictions"]
    share = "less than 0.1 %" if against < LEAST else write_share(against)
    told = "never contradicts its test" if against == 0 else f"contradicts it in {share}"
    bounds = {"low": row.get("ci_low", math.nan), "high": row.get("ci_high", math.nan)}
    return Strip(
        name=capitalise(row["estimator"]) + (" (ours)" if row["ours"] else ""),
        marks=(Mark(row["coverage"], "ours" if row["ours"] else "other", **bounds),),
        text=write_share(row["coverage"]),
        below="" if math.isnan(against) else told,
        heading=capitalise(row["case"]) if first else "",
    )


def powers(results: Results) -> Display:
    """Return the power that formulas promise beside the power that came, one row a design.

    Parameters
    ----------
    results : Results
        Table `powers`: `case`, `n`, `formula`, `simulated`, `ci_low`, `ci_high`, `agrees`.
    """
    frame = results.tables["powers"]
    strips = [
        Strip(
            name=capitalise(row.case),
            note=f"{row.n:,} units",
            marks=(Mark(row.simulated, "ours", row.ci_low, row.ci_high), Mark(row.formula, "other")),
            text=f"{write_share(row.formula)} promised",
            below=f"{write_share(row.simulated)} came",
        )
        for row in frame.itertuples()
    ]
    low = min(0.5, frame[["ci_low", "formula"]].min().min())
    return draw(
        lambda figure: paint_strips(figure, strips, Scale(low, 1.0, None, _list_ticks(low))),
        height=measure_strips(strips),
        narrow_height=measure_strips(strips, narrow=True),
        title=tell_powers(results),
        subtitle="Diamonds: power by the formula. Discs: share of drawn experiments that found it, with interval.",
        alternative=f"Power by design. {'; '.join(f'{s.name}: {s.text}, {s.below}' for s in strips)}.",
        results=results,
        table=frame,
        shown=_tell_powers(frame),
        name="validation_powers",
    )


def _tell_powers(frame) -> pd.DataFrame:
    came = [
        f"{write_share(row.simulated)} [{100 * row.ci_low:.1f}, {100 * row.ci_high:.1f}]" for row in frame.itertuples()
    ]
    words = frame["agrees"].astype(bool).map({True: "yes", False: "no"})
    promised = [write_share(share) for share in frame["formula"]]
    return pd.DataFrame(
        {"Design": frame["case"], "Units": frame["n"], "Promised": promised, "Came": came, "Agrees": words}
    )
