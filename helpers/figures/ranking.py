"""A picture of features: rank ranges over refits, beside adjusted differences with their sign."""

from __future__ import annotations

import math

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.points import are_clear, list_parts, name_part, tell_order, tell_row
from helpers.figures.theme import (
    CONTROL,
    INK,
    MUTED,
    RULE,
    draw,
    is_narrow,
    measure_width,
    place_axes,
    shorten,
    write_at,
)
from helpers.records import Results
from helpers.wording import Display, capitalise, find_noun, find_rows, show_sentence, write_share

TOP, ROW, NARROW_ROW, AXIS = 48, 30, 34, 40  # CSS pixels
NO_RANKING = "There is no ranking of features to show."


def ranking(results: Results, most: int = 15) -> Display:
    """Return rank ranges of features over refits, beside their adjusted differences with sign.

    Parameters
    ----------
    results : Results
        Tables `ranking` and `model_quality`.
    most : int
        Features that are drawn, the first in rank.

    Returns
    -------
    Display: one sentence where the model cannot predict, since then no feature is important.
    """
    quality, without = find_rows(results, "model_quality", NO_RANKING)
    if without:
        return without
    if not quality["predicts"].iloc[0]:
        return show_sentence(_tell_useless(quality.iloc[0], find_noun(results)))
    table, absent = find_rows(results, "ranking", NO_RANKING, known="rank")
    if absent:
        return absent
    rows = table.dropna(subset=["rank"]).sort_values(["rank", "rank_low", "feature"])
    shown = rows.head(most)
    height = ROW * len(shown) + TOP + AXIS
    found = _tell_ranking(results, rows)
    told = [f"{name_part(results, r.feature)} rank {r.rank_low:.0f} to {r.rank_high:.0f}, {tell_row(r)}"
            for r in shown.head(5).itertuples()]  # fmt: skip
    return draw(
        lambda figure: _paint_ranking(figure, results, shown),
        height=height,
        narrow_height=2 * (NARROW_ROW * len(shown) + TOP + AXIS),
        title=found,
        subtitle="Rank by what is lost in foretelling who is kept, over refits; beside it kept with the feature minus "
        f"without, adjusted; filled: clear, all features together. {len(shown)} of {len(table)} features; ◆ a product "
        f"manager's hypothesis.{tell_order(rows)}",
        alternative=f"{found}. First in rank: {'; '.join(told)}.",
        results=results,
        table=rows.drop(columns="gap_if_causal", errors="ignore"),
        name="milestones_ranking",
    )


def _tell_useless(row, noun) -> str:
    if math.isnan(row["auc"]):
        return f"No feature is called important: the model cannot be judged{_append(row['reason'])}."
    if row["auc_low"] >= row["floor"]:
        return (
            f"No feature is called important: plan and size alone may foretell as well which {noun} are kept (features "
            f"add {row['added_low']:+.3f} to {row['added_high']:+.3f} to the AUC)."
        )
    auc, low, high, floor = (f"{row[name]:.2f}" for name in ("auc", "auc_low", "auc_high", "floor"))
    return (
        f"No feature is called important: the model cannot foretell which {noun} are kept (AUC {auc}, between {low} "
        f"and {high}; all of it must reach {floor})."
    )


def _append(reason) -> str:
    return f": {reason.rstrip('.')}" if isinstance(reason, str) and reason else ""


def _tell_ranking(results, rows) -> str:
    """Who may rank first, and which widely ranked feature goes with fewer kept."""
    first = rows[rows["rank_low"] <= 1.5]
    names = list_parts(results, first["feature"])
    told = (
        f"{len(first)} features may each rank first: {names}"
        if len(first) > 1
        else f"{names} ranks first in most refits"
    )
    harm = rows[(rows["difference"] < 0) & are_clear(rows)]
    if harm.empty:
        return capitalise(told)
    go = "goes" if len(harm) == 1 else "go"
    return f"{capitalise(told)}; {list_parts(results, harm['feature'])} {go} with fewer kept"


def _note(row, mixed: bool) -> str:
    """Who uses it, and its flag; that its time order is unknown where that of others is known."""
    used = f"used by {write_share(row.prevalence, decimals=0)}"
    order = "order unknown" if mixed and row.time_order == "unknown" and not math.isnan(row.difference) else ""
    return ", ".join(word for word in (used, row.flag, order) if word)


def _paint_ranking(figure: Figure, results, rows) -> None:
    """Names, ranks and differences side by side; on a phone the second panel stands under the first."""
    narrow, wide = is_narrow(figure), measure_width(figure)
    row = NARROW_ROW if narrow else ROW
    block = row * len(rows) + TOP + AXIS
    names = 168 if narrow else 232
    spans = ((names, wide - 14), (names, wide - 14)) if narrow else ((names, 430), (464, 716))
    tops = (0, block) if narrow else (0, 0)
    for panel, ((left, right), top) in enumerate(zip(spans, tops, strict=True)):
        if panel == 0 or narrow:
            _write_names(figure, results, rows, top, row, 26 if narrow else 34)
        axes = place_axes(figure, left, top + TOP, right - left, row * len(rows))
        axes.set(ylim=(row * len(rows), 0), yticks=[])
        _paint_gaps(axes, rows, row, narrow) if panel else _paint_ranks(axes, rows, row)
        told = ("rank, 5th to 95th of refits", "kept, with minus without, points")[panel]
        write_at(figure, left, top + 14, told, color=INK, weight="bold", size=9)
    if not narrow:
        for place, item in enumerate(rows.itertuples()):
            write_at(figure, 732, TOP + row * (place + 0.5), tell_row(item), size=9)


def _write_names(figure, results, rows, top, row, most) -> None:
    mixed = len(set(rows["time_order"])) > 1
    for place, item in enumerate(rows.itertuples()):
        middle = top + TOP + row * (place + 0.5)
        name = f"{capitalise(shorten(name_part(results, item.feature), most))}{' ◆' if item.hypothesised else ''}"
        write_at(figure, 0, middle - 7, name, weight="bold", color=INK, size=9)
        write_at(figure, 0, middle + 6, _note(item, mixed), color=MUTED, size=8.2)


def _paint_ranks(axes, rows, row) -> None:
    at = [row * (place + 0.5) for place in range(len(rows))]
    axes.hlines(at, rows["rank_low"], rows["rank_high"], color=CONTROL, linewidth=5, alpha=0.35)
    axes.plot(rows["rank"], at, "o", color=CONTROL, markersize=6.5)
    last = max(rows["rank_high"].max(), 2)
    axes.set(xlim=(0.4, last + 0.6), xticks=[t for t in (1, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200) if t <= last])
    _finish(axes)


def _paint_gaps(axes, rows, row, narrow) -> None:
    axes.axvline(0, color=INK, linewidth=0.9)
    for place, (item, clear) in enumerate(zip(rows.itertuples(), are_clear(rows), strict=True)):
        middle = row * (place + 0.5)
        if math.isnan(item.difference):
            style = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "color": MUTED, "fontsize": 8.4}
            axes.annotate(tell_row(item) if narrow else "", (0, middle), **style)
            continue
        axes.plot((100 * item.ci_low, 100 * item.ci_high), (middle, middle), color=INK, linewidth=1.6)
        style = {"markersize": 7, "markeredgecolor": INK, "markerfacecolor": INK if clear else "white"}
        axes.plot(100 * item.difference, middle, "o", **style)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+g}" if v else "0"))
    _finish(axes)


def _finish(axes) -> None:
    axes.tick_params(axis="x", top=True, labeltop=True, labelbottom=True, pad=3)
    axes.grid(axis="x", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines["bottom"].set_visible(False)
