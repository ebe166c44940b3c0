"""What a question's section shows: its picture and its table by one call, which neither room can join alone."""

from __future__ import annotations

from collections.abc import Sequence

from helpers import figures, tables
from helpers.records import Results
from helpers.wording import Display

DECIDING = ["primary", "secondary", "guardrail", "exploratory"]


def show_effects(
    results: Results,
    *,
    role: str | None = None,
    metrics: Sequence[str] | None = None,
    caption: str | None = None,
    name: str | None = None,
) -> Display:
    """Return effects as a forest with their table below it, lifts among its rows.

    Parameters
    ----------
    results : Results
    role : str, optional
        The metrics of one role: primary, secondary, guardrail or exploratory.
    metrics : sequence of str, optional
        These metrics instead, whatever their role.
    caption, name : str, optional
        Of the table and of its file; computed from the role when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there are none.
    """
    if metrics is None:
        picture = figures.forest(results, role=role)
        return _join(picture, tables.estimates(results, role=role, caption=caption, name=name))
    whole = {"segment": None, "at": None, "role": DECIDING, "population": ["itt", "responders"]}
    rows = [e for e in results.select(metric=list(metrics), **whole) if e.estimand in ("difference", "relative_lift")]
    picture = figures.forest(results, estimates=results.headline(*metrics))
    return _join(picture, tables.estimates(results, chosen=rows, caption=caption, name=name))


def _join(picture: Display, table: Display) -> Display:
    """Both, one below the other; a sentence that says why there is nothing stands alone."""
    if not picture.html.startswith("<figure"):
        return picture
    return Display(picture.html + table.html, f"{picture.text}\n\n{table.text}")
