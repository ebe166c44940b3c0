"""A picture of setting up: which steps, done early, go with activation later."""

from __future__ import annotations

import math

from helpers.figures.points import make_strip, name_part, write_gap
from helpers.figures.strips import choose_points, measure_strips, paint_strips
from helpers.figures.theme import draw
from helpers.records import Results
from helpers.wording import Display, find_noun, find_rows, join_words, name_alike, write_share

NO_STEPS = "There is no step of setting up to compare."


def setup_steps(results: Results) -> Display:
    """Return the adjusted difference in activation by each step of setting up, with flags.

    Parameters
    ----------
    results : Results
        Table `steps`.

    Returns
    -------
    Display: one sentence when no step can be compared.
    """
    rows, absent = find_rows(results, "steps", NO_STEPS, known="difference")
    if absent:
        return absent
    rows = rows.sort_values("difference", ascending=False, na_position="last", kind="stable")
    strips = [_strip_step(results, row) for row in rows.itertuples()]
    scale = choose_points(rows[["difference", "ci_low", "ci_high"]].to_numpy(float).ravel())
    found = _tell_steps(results, rows)
    return draw(
        lambda figure: paint_strips(figure, strips, scale),
        height=measure_strips(strips),
        narrow_height=measure_strips(strips, narrow=True),
        title=found,
        subtitle=f"Share of {find_noun(results)} activated later, with the step done early minus without, "
        f"{name_alike(results)}, in points. Filled: a clear difference, all steps together.",
        alternative=f"{found}. {'; '.join(f'{s.name}: {s.text}' for s in strips)}.",
        results=results,
        table=rows,
        name="milestones_steps",
    )


def _strip_step(results, row):
    kind = "clear" if row.verdict == "clear difference" else "unclear"
    note = f"done by {write_share(row.share_done, decimals=0)}{f', {row.flag}' if row.flag else ''}"
    below = row.reason if math.isnan(row.difference) and isinstance(row.reason, str) else row.verdict
    return make_strip(name_part(results, row.step), row, kind=kind, note=note, below=below)


def _tell_steps(results, rows) -> str:
    clear = rows[rows["verdict"] == "clear difference"]
    if clear.empty:
        return "No step of setting up shows a clear difference in who is activated later"
    told = [
        f"{name_part(results, r.step)} ({write_gap(r.difference, r.ci_low, r.ci_high)})" for r in clear.itertuples()
    ]
    shown = told if len(told) <= 3 else [*told[:2], f"{len(told) - 2} more"]
    return f"Steps with a clear difference in who is activated later: {join_words(shown)}"
