"""Any table as a reader meets it: caption, scopes, at most seven columns, its own scroll box, and a download."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from helpers.wording import Display, Scale, draw_table, link_csv, show_sentence, style_gap
from helpers.wording.markup import MOST_COLUMNS, MOST_ROWS

LONGEST_UNIT = 8  # characters that have room beside a figure


def show(
    frame: pd.DataFrame,
    *,
    caption: str,
    name: str,
    headers: Mapping[str, str] | None = None,
    formats: Mapping[str, Callable] | None = None,
    download: pd.DataFrame | None = None,
    raw: Sequence[str] = (),
) -> Display:
    """Return a table for the report.

    Parameters
    ----------
    frame : DataFrame
        The first column names the row. Missing values are blank unless a format says otherwise.
    caption : str
        What a row is, and the unit where all columns share it.
    name : str
        File name of the download, without ending.
    headers : mapping, optional
        Column -> words, with the unit.
    formats : mapping, optional
        Column -> function from a value to its text.
    download : DataFrame, optional
        What the CSV holds, when it is more than the frame.
    raw : sequence of str
        Columns whose format returns HTML that is escaped already.

    Returns
    -------
    Display: a sentence instead when there is no row.
    """
    if frame.empty:
        return show_sentence(f"{caption.rstrip('.')}: there is no row to show.")
    table = draw_table(frame, caption=caption, headers=headers or {}, formats=formats or {}, raw=tuple(raw))
    whole = frame if download is None else download
    html = f'<div class="table">{table}<p class="under">{_cut(frame)}{link_csv(whole, name)}</p></div>'
    return Display(html, f"{caption}\n{frame.to_string(index=False)}")


def name_unit(scale: Scale) -> str:
    """Return a unit of several words (" per active day"), which a row names once; nothing for a short one."""
    unit = style_gap(scale).suffix
    return unit if len(unit) > LONGEST_UNIT else ""


def _cut(frame: pd.DataFrame) -> str:
    rows, columns = frame.shape
    said = [
        f"the first {most} of {count:,} {what}"
        for most, count, what in ((MOST_ROWS, rows, "rows"), (MOST_COLUMNS, columns, "columns"))
        if count > most
    ]
    return f"Shows {' and '.join(said)}; the rest is in the file. " if said else ""
