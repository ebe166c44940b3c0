"""Milestones in daily use, as tables: who is compared, the next step, definitions as SQL, and how fresh the data is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.records import Results
from helpers.tables.milestones import name_part, show_rows, write_gap
from helpers.tables.show import show
from helpers.wording import Display, capitalise, escape, find_noun, find_rows, write_count, write_share

DIALECTS = {"duckdb": "DuckDB", "postgres": "Postgres", "bigquery": "BigQuery", "snowflake": "Snowflake"}
MOST = 12  # rows of a long table; its file has all
FLOW = r"landmark (day [\d.]+): (.*)"
COMPARED = "compared"


def landmark_flow(results: Results) -> Display:
    """Return how many accounts are compared at each landmark and who is not, one row a landmark."""
    none = "These data are a snapshot: nobody is left out for having left before a landmark."
    rows, absent = find_rows(results, "landmark_flow", none, is_effect=False)
    if absent is not None:
        return absent
    found = rows.join(rows["step"].str.extract(FLOW).set_axis(["day", "what"], axis=1))
    days = found.dropna(subset=["day"])
    wide = days.pivot_table(index="day", columns="what", values="accounts", sort=False, aggfunc="first", dropna=False)
    wide = wide.loc[:, (wide != 0).any()].rename(columns={"kept": COMPARED})
    started = found.loc[found["day"].isna(), "accounts"]
    wide.insert(0, "started", started.iloc[0] if len(started) else None)
    return show(
        wide.reset_index(),
        caption=f"{capitalise(find_noun(results))} that are still there at each landmark and followed long enough, one "
        "row a landmark",
        name=f"{results.study}_landmark_flow",
        headers={"day": "Landmark", **{name: capitalise(name) for name in wide}},
        formats={"day": capitalise, **dict.fromkeys(wide, write_count)},
        download=rows,
    )


def next_steps(results: Results) -> Display:
    """Return how many accounts lack each step that goes with staying, and what an experiment takes, one row a step."""
    rows = results.tables.get("next_steps")
    if rows is not None:
        advised = rows["units_needed"].notna() | (rows["step"] == "none")
        results = results.but(tables={**results.tables, "next_steps": rows[advised]})
    return show_rows(
        results,
        "next_steps",
        "Without a landmark there is no next step.",
        {
            "step": ("Next step", lambda row: _name_step(results, row)),
            "accounts": (f"{capitalise(find_noun(results))} advised", _write_accounts),
            "gap": ("Association with staying", _write_association),
            "now": ("Kept now, without it", lambda row: _blank(row, write_share(row["share_now"], decimals=0))),
            "units": ("An experiment needs, an arm", lambda row: _blank(row, write_count(row["units_needed"]))),
            "note": ("Note", lambda row: _blank(row, capitalise(row["reason"] or ""))),
        },
        caption="The missing step that goes with staying most, one row a step; the experiment would see half of the "
        "association, if everybody in one arm is brought there",
    )


def _write_accounts(row):
    return "hidden" if math.isnan(row["accounts"]) else write_count(row["accounts"])


def _write_association(row):
    return _blank(row, write_gap({**row, "difference": row["association"]}))


def _name_step(results, row):
    return _blank(row, name_part(results, row["step"])) or "Nothing missing within reach that goes with staying clearly"


def _blank(row, text):
    return "" if row["step"] == "none" else text


def freshness(results: Results) -> Display:
    """Return how complete and how fresh each input is, one row a column or kind of event."""
    rows = results.tables.get("freshness", pd.DataFrame(columns=["missing", "note"]))
    order = np.lexsort((rows["note"].fillna("") == "", -rows["missing"].fillna(1)))
    return show_rows(
        results.but(tables={"freshness": rows.iloc[order]}),
        "freshness",
        "Nothing was read.",
        {
            "column": ("Column or event", lambda row: f"{row['column'].replace('_', ' ')} ({row['table']})"),
            "rows": ("Rows", lambda row: write_count(row["rows"])),
            "missing": ("Missing", lambda row: write_share(row["missing"])),
            "latest": ("Latest", lambda row: row["latest"] if isinstance(row["latest"], str) else ""),
            "note": ("Note", lambda row: row["note"] if isinstance(row["note"], str) else ""),
        },
        caption="Every input that the definitions read, one row a column or kind of event; stale and incomplete first",
        is_effect=False,
        most=MOST,
    )


def definitions(results: Results) -> Display:
    """Return the milestones as SQL, folded, one block a database and milestone."""
    rows, absent = find_rows(results, "definitions", "A snapshot has no milestones to define.", is_effect=False)
    if absent is not None:
        return absent
    blocks = [_fold(dialect, part) for dialect, part in rows.groupby("dialect", sort=False)]
    return Display("".join(blocks), "\n\n".join(rows["statement"]))


def _fold(dialect, rows) -> str:
    """One database's statements, which paper leaves out: hundreds of lines that lie in files of their own."""
    told = "".join(map(_show_statement, rows.itertuples()))
    return f'<details class="long"><summary>{DIALECTS[dialect]}</summary>{told}</details>'


def _show_statement(row):
    return (
        f'<p>{escape(capitalise(row.milestone.replace("_", " ")))}</p><pre tabindex="0">{escape(row.statement)}</pre>'
    )
