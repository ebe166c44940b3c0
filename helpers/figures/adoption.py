"""A picture of features: how many use each, against what goes with it; rare and universal ones set apart."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from helpers.figures.points import are_clear, name_part, tell_order, tell_row, write_gap
from helpers.figures.theme import BAND, INK, MUTED, draw, is_narrow, measure_width, place_axes, shorten
from helpers.records import Results
from helpers.wording import Display, find_noun, find_rows, write_share

NICHE, UNIVERSAL = 0.05, 0.90  # shares of use below and above which a feature moves few customers
LABELLED, FEWER = 14, 5  # features named in the picture, and on a phone
NO_ADOPTION = "There is no difference by feature to show."


def adoption(results: Results) -> Display:
    """Return each feature's share of use against its adjusted difference, niche and universal zones shaded.

    Parameters
    ----------
    results : Results
        Table `ranking`.

    Returns
    -------
    Display: one sentence when no difference is known.
    """
    rows, absent = find_rows(results, "ranking", NO_ADOPTION, known="difference")
    if absent:
        return absent
    rows = rows.dropna(subset=["difference", "prevalence"])
    found = _tell_adoption(results, rows)
    marked = _choose_labels(rows)
    told = [f"{name_part(results, r.feature)} {write_share(r.prevalence, decimals=0)}, {tell_row(r)}"
            for r in marked.itertuples()]  # fmt: skip
    return draw(
        lambda figure: _paint_adoption(figure, results, rows, marked),
        height=400,
        title=found,
        subtitle=f"Share of {find_noun(results)} that use a feature, and kept with it minus without, adjusted, in "
        "points; filled: clear, all features together. Shaded: used by few or nearly all; intervals there may leave "
        f"the picture.{tell_order(rows)}",
        alternative=f"{found}. {len(rows)} features, among them {'; '.join(told)}.",
        results=results,
        table=rows.drop(columns="gap_if_causal", errors="ignore"),
        name="milestones_adoption",
    )


def _choose_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Clear ones: those that the title names, those with fewer kept, then those farthest for their own error."""
    distance = rows["difference"].abs() / (rows["ci_high"] - rows["ci_low"]).clip(lower=1e-9)
    harm = rows[(rows["difference"] < 0) & are_clear(rows)].index
    far = distance.sort_values(ascending=False).index
    order = dict.fromkeys([*_find_widest(rows).index, *harm, *far])
    clear = are_clear(rows)
    return rows.loc[[name for name in order if clear[name]][:LABELLED] or list(order)[:1]]


def _find_widest(rows: pd.DataFrame) -> pd.DataFrame:
    """The clear feature with the widest difference, and the first that is neither rare nor universal."""
    clear = rows[(rows["difference"] > 0) & are_clear(rows)].sort_values("difference", ascending=False)
    between = clear[clear["prevalence"].between(NICHE, UNIVERSAL)]
    return clear.loc[list(dict.fromkeys([*clear.index[:1], *between.index[:1]]))]


def _tell_adoption(results, rows) -> str:
    found = list(_find_widest(rows).itertuples())
    if not found:
        return "No feature goes with clearly more customers kept"
    names = [name_part(results, row.feature) for row in found]
    gaps = [write_gap(row.difference, row.ci_low, row.ci_high) for row in found]
    used = f"{write_share(found[0].prevalence, decimals=0)} use it"
    told = f"Of features that go with staying, {names[0]} shows the widest difference, {gaps[0]}"
    if len(found) == 1:
        return f"{told}; {used}"
    return f"{told}, but {used}; of those neither rare nor universal it is {names[1]}, {gaps[1]}"


def _paint_adoption(figure: Figure, results, rows, marked) -> None:
    narrow = is_narrow(figure)
    axes = place_axes(figure, 46, 34, measure_width(figure) - 66, 310)
    for low, high, name, side in ((0, NICHE, "niche", "left"), (UNIVERSAL, 1, "universal", "right")):
        axes.axvspan(100 * low, 100 * high, color=BAND, linewidth=0, zorder=0)
        style = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "color": MUTED, "fontsize": 8.4}
        axes.annotate(name, (100 * (low if side == "left" else high), 1), xytext=(0, 5), ha=side, **style)
    axes.vlines(rows["prevalence"] * 100, rows["ci_low"] * 100, rows["ci_high"] * 100, color=MUTED, linewidth=1)
    clear = are_clear(rows)
    for chosen, fill in ((clear, INK), (~clear, "white")):
        style = {"markersize": 6.5, "markeredgecolor": INK, "markerfacecolor": fill, "linestyle": "none"}
        axes.plot(rows.loc[chosen, "prevalence"] * 100, rows.loc[chosen, "difference"] * 100, "o", **style, zorder=3)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set(xlim=(0, 100), ylim=_find_ends(rows))
    _label_points(axes, results, marked.head(FEWER) if narrow else marked, rows)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+g}" if v else "0"))
    axes.grid(axis="y")
    axes.set_xlabel("use it by the landmark" if (rows["time_order"] == "known").any() else "use it")


def _find_ends(rows: pd.DataFrame):
    """The axis holds every difference, and the intervals of all but rare and universal ones, which may leave it."""
    usual = rows[rows["prevalence"].between(NICHE, UNIVERSAL)]
    ends = pd.concat([rows["difference"], usual["ci_low"], usual["ci_high"]]).dropna() * 100
    low, high = min(ends.min(), 0), max(ends.max(), 0)
    pad = 0.12 * max(high - low, 1)
    return low - pad, high + pad


def _label_points(axes, results, marked, rows) -> None:
    """Name points where a name covers the fewest points, intervals and other names; all in pixels of the picture."""
    place = axes.transData.transform
    taken = [_box(*place((100 * r.prevalence, 100 * v)), 12, 12) for r in rows.itertuples() for v in _reach(r)]
    for row in marked.itertuples():
        name = shorten(name_part(results, row.feature), 26)
        x, y = place((100 * row.prevalence, 100 * row.difference))
        width = 2 * 5.7 * len(name)
        tried = [(side * (width / 2 + 16), rise) for rise in (0, 26, -26, 52, -52) for side in (1, -1)]
        boxes = [_box(x + dx, y + dy, width, 24) for dx, dy in tried]
        costs = [sum(map(_meet, [box] * len(taken), taken)) + 9 * (not _fits(axes, box)) for box in boxes]
        best = costs.index(min(costs))
        taken.append(boxes[best])
        dx, dy = (v * 72 / axes.figure.dpi for v in tried[best])
        style = {"xytext": (dx, dy), "textcoords": "offset points", "va": "center", "ha": "center", "zorder": 4}
        axes.annotate(name, (100 * row.prevalence, 100 * row.difference), color=INK, fontsize=8.6, **style)


def _reach(row):
    """Heights of an interval that a name should leave free."""
    return [row.ci_low + (row.ci_high - row.ci_low) * k / 6 for k in range(7)]


def _box(x, y, width, height):
    return x - width / 2, x + width / 2, y - height / 2, y + height / 2


def _meet(one, other) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _fits(axes, box) -> bool:
    (left, low), (right, high) = axes.transAxes.transform([(0, 0), (1, 1)])
    return left <= box[0] and box[1] <= right and low <= box[2] and box[3] <= high
