"""What stands in a report where there is nothing to show: one sentence, told apart by why."""

from __future__ import annotations

import pandas as pd

from helpers.records import Results
from helpers.wording.captions import WITHHELD
from helpers.wording.markup import Display, show_absent, show_sentence


def find_rows(
    results: Results, name: str, none: str, *, known: str = "", is_effect: bool = True, **equal
) -> tuple[pd.DataFrame, Display | None]:
    """Return the rows of a results table, and the sentence to show instead where there are none.

    Parameters
    ----------
    results : Results
    name : str
        The table. Where the run has none of that name, its question is not one of this run's: a section in which
        everything is absent is left out of the report.
    none : str
        The sentence when there is no row; a known reason follows it.
    known : str, optional
        Column of which at least one value must be known.
    is_effect : bool
        Whether the table is withheld with the effects.
    equal
        Column=value that rows must have.

    Returns
    -------
    DataFrame, Display or None: a caller returns the second where it is not None.
    """
    rows = results.tables.get(name, pd.DataFrame())
    for column, value in equal.items():
        rows = rows[rows[column] == value] if column in rows else rows.iloc[:0]
    if is_effect and results.status == "withheld":
        return rows, show_sentence(WITHHELD)
    if name not in results.tables:
        return rows, show_absent(none)
    if len(rows) and not (known and rows[known].isna().all()):
        return rows, None
    reasons = [r for r in rows.get("reason", ()) if isinstance(r, str) and r]
    return rows, show_sentence(f"{none.rstrip('.')}: {reasons[0].rstrip('.')}." if reasons else none)
