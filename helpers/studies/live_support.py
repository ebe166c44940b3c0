"""What the study of live support adds: what a run asks, and all doubts about the money on one scale."""

from __future__ import annotations

import pandas as pd

from helpers.records import Results
from helpers.view.html import Display
from helpers.view.show import draw_ladder, find_title, frame_part, show
from helpers.view.views import find_view, write_cell

STAFFING = ("staffing", "staffing_check", "arrivals", "arrivals_bands")


def part(results: Results) -> tuple[Results, Results]:
    """Return what a run shows of its experiment, and what it shows of arrivals brought in from elsewhere.

    Either is empty, so that its sections leave the page: a run with arrivals of its own plans the work of its
    experiment, one with public arrivals asks nothing of the experiment. Results on file have both.
    """
    hours, tables = results.tables.get("staffing"), results.tables
    if hours is None or hours.empty or not hours["source"].iloc[0].startswith("public:"):
        return results, results.but(estimates=(), tests=(), claims=(), checks=(), tables={})
    calls = results.but(estimates=(), tests=(), claims=(), checks=(), tables={n: tables[n] for n in STAFFING})
    return calls.but(tables={}), calls


def weigh_doubts(results: Results) -> Display:
    """Return how far a year's net value lies apart by each doubt alone and by all together, the widest doubt first.

    Absent without money, and one sentence where an amount is unknown or effects are withheld.
    """
    money, doubts = (results.tables.get(name, pd.DataFrame()) for name in ("money", "tornado"))
    if results.status == "withheld" or money.empty or doubts.empty or money["central"].isna().any():
        return show(results, "money")
    single, view = find_view(results, "tornado").columns, find_view(results, "doubts")
    ends = [[write_cell(row[end], single[end], row, results) for end in ("at_low", "at_high")] for row in _list(doubts)]
    alone = doubts.assign(row=doubts["doubt"], note=[" to ".join(pair) for pair in ends], group="alone")
    together = money.iloc[1:].assign(group="together", note="")
    shown = ["group", "row", "note", "low", "central", "high", "unit"]
    frame = pd.concat([alone[shown], together[shown]], ignore_index=True)
    drawn, title = draw_ladder(frame, view, results), find_title(results, "doubts")
    return frame_part(results, drawn, title=title, note=view.note, name="doubts", frame=frame)


def _list(frame):
    return frame.to_dict("records")
