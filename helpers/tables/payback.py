"""Whether it pays, in tables: what an agent hour may cost, the chance that it pays, and cash by month."""

from __future__ import annotations

import pandas as pd

from helpers.records import Results
from helpers.tables.show import show
from helpers.wording import (
    WITHHELD,
    Display,
    Style,
    capitalise,
    count_decimals,
    read_currency,
    show_sentence,
    write_chance,
    write_count,
    write_number,
)
from helpers.wording.payback import write_hour

RULES = {"any": "any cost", "none": "no cost, not even 0"}


def break_even(results: Results) -> Display:
    """Return what an agent hour may cost for the choice to pay, from the estimate and both ends of its interval."""
    frame = results.tables.get("break_even")
    if results.status == "withheld" or frame is None or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "No agent hours are counted.")
    if frame["brings"].isna().all():
        return show_sentence(f"What an agent hour may cost cannot be said: {frame['reason'].iloc[0]}.")
    currency, hours = read_currency(frame["unit"].iloc[0]), frame["hours"].iloc[0]
    assumed = frame["assumed"].iloc[0]
    at = "" if pd.isna(assumed) else f", against {write_hour(assumed, currency)} assumed"
    changed = f"{'saves' if hours < 0 else 'adds'} {write_count(abs(hours)) if hours else 'no'} agent hours a year"
    return show(
        pd.DataFrame(
            {
                "basis": [capitalise(basis) for basis in frame["basis"]],
                "brings": _write_amounts(frame, "brings", currency),
                "rule": [_tell_rule(row, currency) for row in frame.itertuples()],
            }
        ),
        caption=f"At which cost of an agent hour it pays{at}, one row an effect; the choice {changed}",
        name=f"{results.study}_break_even",
        headers={
            "basis": "Effect",
            "brings": "It brings a year, before agents",
            "rule": "It pays at",
        },
        download=frame,
    )


def _tell_rule(row, currency):
    if row.rule is None or pd.isna(row.rule):
        return "not known"
    return RULES.get(row.rule) or f"{row.rule} {write_hour(row.break_even, currency)} an hour"


def _write_amounts(frame, column, currency):
    values = frame[column].dropna()
    decimals = count_decimals(values.min(), values.max())
    return [write_number(v, Style(1, currency, "", True), decimals=decimals) for v in frame[column]]


def probability(results: Results) -> Display:
    """Return the chance that the choice pays, one row a reading of the assumptions, with what it takes for granted."""
    frame = results.tables.get("probability")
    if results.status == "withheld" or frame is None or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no chance that it pays to show.")
    if frame["probability"].isna().any():
        return show_sentence(f"The chance that it pays cannot be said: {frame['reason'].iloc[0]}.")
    shared = frame["assumes"].iloc[0].split("; ")[0]
    rows = frame.assign(
        basis=frame["basis"].map(capitalise),
        assumes=[capitalise(text.split("; ")[1]) for text in frame["assumes"]],
    )
    return show(
        rows[["basis", "probability", "assumes"]],
        caption=f"Chance that a year's net value is above 0, one row a reading of the assumptions; {shared}",
        name=f"{results.study}_probability",
        headers={"basis": "Reading", "probability": "Chance that it pays", "assumes": "Takes for granted"},
        formats={"probability": write_chance},
        download=frame,
    )


def cash(results: Results) -> Display:
    """Return cash by month of a roll-out: what comes in, what it costs, and the sum with its interval."""
    frame = results.tables.get("cash")
    if results.status == "withheld" or frame is None or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "There is no cash by month to show.")
    if frame["cumulative"].isna().any():
        return show_sentence(f"The cash by month cannot be estimated: {frame['reason'].iloc[0]}.")
    currency, level = read_currency(frame["unit"].iloc[0]), f"{frame['confidence_level'].iloc[0] * 100:g} %"
    decimals = count_decimals(*frame[["cumulative_low", "cumulative_high"]].iloc[0])
    amounts = {c: [_write(v, currency, decimals) for v in frame[c]] for c in frame if c in AMOUNTS}
    ends = [
        f"[{low}, {high}]" for low, high in zip(*(amounts[f"cumulative_{end}"] for end in ("low", "high")), strict=True)
    ]
    return show(
        frame.assign(**amounts, ends=ends)[["month", "revenue", "cost", "net", "cumulative", "ends"]],
        caption="Cash by month of a roll-out at central assumptions, one row a month; the interval is that of chance "
        "alone at its widest, as if all months moved together",
        name=f"{results.study}_cash",
        headers={
            "month": "Month",
            "revenue": "Brings",
            "cost": "Costs",
            "net": "Net",
            "cumulative": "Net so far",
            "ends": f"{level} interval",
        },
        formats={"month": write_count},
        download=frame,
    )


AMOUNTS = ("revenue", "cost", "net", "cumulative", "cumulative_low", "cumulative_high")


def _write(value, currency, decimals):
    return write_number(value, Style(1, currency), decimals=decimals)
