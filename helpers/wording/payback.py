"""Whether it pays, in sentences: the answer with its assumptions, the month of break-even, and what matters most."""

from __future__ import annotations

import math

import pandas as pd

from helpers.records import Results
from helpers.value.doubts import HOUR
from helpers.value.yearly import LABELS
from helpers.wording.captions import capitalise, join_words
from helpers.wording.numbers import (
    Style,
    count_decimals,
    read_currency,
    style_gap,
    write_chance,
    write_count,
    write_number,
    write_share,
)
from helpers.wording.scales import find_noun, read_scale

NEEDED = "that takes an effect on revenue, and the agent hours that it adds, from conversations or given"
UNITS, WORTH, KEPT, MONTHS, COST = (
    LABELS[name]
    for name in ("units_per_year", "value_per_unit", "monthly_persistence", "horizon_months", "cost_per_year")
)


def tell_payback(results: Results, *, name: str | None = None) -> str:
    """Return whether the choice pays: the verdict, then one sentence with its assumptions; empty where withheld.

    Parameters
    ----------
    results : Results
        Tables `money`, `assumptions`, `break_even` and `probability`; without them one sentence says what is lacking.
    name : str, optional
        The choice in words ("live support for all"); the arm's name and "for all" when left out.

    Returns
    -------
    str
    """
    tables = results.tables
    if results.status == "withheld":
        return ""
    if not {"money", "assumptions", "break_even", "probability"} <= set(tables):
        return f"Whether {name or 'it'} pays cannot be said: {NEEDED}."
    money = tables["money"].iloc[0]
    name = name or f"{money['choice']} for all"
    if not all(math.isfinite(money[end]) for end in ("low", "central", "high")):
        return f"Whether {name} pays cannot be said: {money['reason']}."
    clauses = (_tell_chance(tables["probability"]), _tell_break_even(tables["break_even"]))
    told = "; ".join([_tell_net(money, name, _read_cost(results)), *filter(None, clauses)])
    return f"{_tell_verdict(tables['money'], name)} At {_tell_assumed(results)}, {told}."


def list_payback_keys(results: Results, *, name: str) -> pd.DataFrame:
    """Return the key figure of the first screen: the net value of a year, between what, and the chance that it pays.

    Parameters
    ----------
    results : Results
        Tables `money` and `probability`.
    name : str
        The choice in words ("Live support for all, net a year").

    Returns
    -------
    DataFrame: `name`, `figure`, `note` in words, one row; none where the answer is withheld or an amount is unknown.
    """
    columns, tables = ["name", "figure", "note"], results.tables
    money = tables["money"].iloc[0] if "money" in tables else None
    if results.status == "withheld" or money is None or not math.isfinite(money["low"] + money["high"]):
        return pd.DataFrame(columns=columns)
    decimals, style = count_decimals(money["low"], money["high"]), Style(1, read_currency(money["unit"]), "", True)
    low, central, high = (write_number(money[end], style, decimals=decimals) for end in ("low", "central", "high"))
    chance = write_chance(tables["probability"]["probability"].iloc[0], decimals=0)
    return pd.DataFrame([[name, central, f"between {low} and {high} by chance; pays: {chance}"]], columns=columns)


def _tell_verdict(money, name):
    """Whether it pays, by chance alone and by both doubts: what a reader with no time takes away."""
    chance, both = money.iloc[0], money.iloc[-1]
    if chance["low"] > 0:
        more = "" if both["low"] > 0 else " at central assumptions; at less favourable ones it may not"
        return f"{capitalise(name)} pays{more}."
    if chance["high"] < 0:
        more = "" if both["high"] < 0 else " at central assumptions; at more favourable ones it may"
        return f"{capitalise(name)} does not pay{more}."
    return f"Whether {name} pays is open."


def _read_cost(results):
    return results.tables["assumptions"].set_index("assumption")["central"][COST]


def _tell_assumed(results):
    """The central assumptions as a list of words."""
    central = results.tables["assumptions"].set_index("assumption")["central"]
    hours, currency = results.tables["break_even"].iloc[0], read_currency(results.tables["money"]["unit"].iloc[0])
    metric = results.tables["tornado"]["metric"].iloc[0] if "tornado" in results.tables else ""
    told = [f"{write_count(central[UNITS])} {find_noun(results)} a year", _tell_worth(results, metric, central[WORTH])]
    if KEPT in central:
        months = f"{central[MONTHS]:g} month{'' if central[MONTHS] == 1 else 's'}"
        told.append(f"{write_number(central[KEPT], Style(100, '', ' %'))} staying from month to month over {months}")
    if math.isfinite(hours["assumed"]):
        kind = "extra" if hours["hours"] > 0 else "saved"
        at = write_hour(hours["assumed"], currency)
        told.append(f"{write_count(abs(hours['hours']))} {kind} agent hours at {at}")
    elif central[COST]:
        told.append(
            f"{'a cost' if central[COST] > 0 else 'a saving'} of {_write_round(abs(central[COST]), currency)} a year"
        )
    return join_words(told)


def _tell_worth(results, metric, worth):
    if _is_money(results, metric):
        return f"a margin of {write_number(worth, Style(100, '', ' %'))}"
    currency = read_currency(results.tables["money"]["unit"].iloc[0])
    return f"{write_number(worth, Style(1, currency))} for one unit of the outcome"


def _is_money(results, metric):
    return read_scale(results, metric).kind == "amount"


def _tell_net(money, name, cost):
    """What is left a year, and between what it lies by chance alone."""
    decimals, currency = count_decimals(money["low"], money["high"]), read_currency(money["unit"])
    ends = [write_number(money[end], Style(1, currency, "", True), decimals=decimals) for end in ("low", "high")]
    amount = write_number(abs(money["central"]), Style(1, currency), decimals=decimals)
    is_gain = money["central"] > 0
    if round(money["central"], 6 if decimals is None else decimals) == 0:
        told = "brings about as much as it costs" if cost > 0 else "comes out about even"
    elif cost > 0:
        told = f"brings {amount} a year more than it costs" if is_gain else f"costs {amount} a year more than it brings"
    elif cost < 0:
        saved = "what it saves on agents included" if is_gain else "although it saves on agents"
        told = f"{'brings' if is_gain else 'loses'} {amount} a year, {saved}"
    else:
        told = f"{'brings' if is_gain else 'loses'} {amount} a year"
    return f"{name} {told} (net between {ends[0]} and {ends[1]} by chance alone)"


def _tell_chance(frame):
    central, drawn = (write_chance(chance, decimals=0) for chance in frame["probability"].iloc[:2])
    if not math.isfinite(frame["probability"].iloc[0]):
        return f"the chance that it pays is not known: {frame['reason'].iloc[0]}"
    more = "" if drawn == central else f" ({drawn} once these assumptions are in doubt as well)"
    return f"the chance that it pays is {central}{more}"


def _tell_break_even(frame):
    row = frame.iloc[0]
    if not row["hours"]:
        return ""
    cost = "" if pd.isna(row["break_even"]) else write_hour(row["break_even"], read_currency(row["unit"]))
    return {
        "up to": f"it breaks even at {cost} an agent hour",
        "from": f"it pays only where an agent hour costs more than {cost}",
        "any": "it pays whatever an agent hour costs",
        "none": "it would not pay even if agents cost nothing",
    }[row["rule"]]


def write_hour(cost: float, currency: str) -> str:
    """Return the cost of an agent hour ("$35"), in cents where it is small."""
    return write_number(cost, Style(1, currency), decimals=0 if abs(cost) >= 10 else 2)


def _write_round(amount, currency):
    """Three significant digits."""
    digits = 0 if amount == 0 else 2 - math.floor(math.log10(abs(amount)))
    return write_number(amount, Style(1, currency), decimals=min(digits, 0 if abs(amount) >= 10 else 2))


def tell_cash(results: Results) -> str:
    """Return by which month the choice has paid for itself, at central assumptions.

    Parameters
    ----------
    results : Results
        Table `cash`, one row a month.
    """
    cash = results.tables["cash"]
    ahead, turn = cash["cumulative"] > 0, find_turn(cash, "cumulative")
    if turn is not None:
        told = (
            "It pays for itself from the first month on" if ahead.all() else f"It has paid for itself by month {turn}"
        )
    elif ahead.any():
        told = f"It is ahead up to month {cash['month'][ahead].max()} and behind after that"
    else:
        told = f"It does not pay for itself within {len(cash)} month{'' if len(cash) == 1 else 's'}"
    return f"{told} at central assumptions"


def find_turn(cash: pd.DataFrame, column: str) -> int | None:
    """Return the first month from which a column of the table `cash` stays above 0; None where it ends at or below."""
    behind = cash["month"][~(cash[column] > 0)]
    if len(behind) and behind.iloc[-1] == cash["month"].iloc[-1]:
        return None
    return int(cash["month"].iloc[0] if behind.empty else behind.iloc[-1] + 1)


def tell_tornado(results: Results) -> str:
    """Return which doubt matters most, and which comes next.

    Parameters
    ----------
    results : Results
        Table `tornado`, one row a doubt, the largest first.
    """
    rows = results.tables["tornado"]
    names = [name_doubt(row, results)[0] for row in rows[rows["swing"] > 0].itertuples()]
    if not names:
        return "No doubt moves the value"
    if len(names) == 1:
        return f"The only doubt that moves the value is the {names[0]}"
    return f"What matters most is the {names[0]}, then the {names[1]}"


def name_doubt(row, results: Results) -> tuple[str, str, str]:
    """Return a doubt in words, and its low and high end with their unit.

    Parameters
    ----------
    row : one row of the table `tornado`
    results : Results
    """
    scale, currency = read_scale(results, row.metric), read_currency(row.unit)
    percent = Style(100, "", " %")
    if row.doubt == "effect":
        style = style_gap(scale)
        style = Style(style.factor, style.prefix, style.suffix, True)
        decimals = count_decimals(row.at_low, row.at_high, factor=style.factor)
        return f"effect on {scale.label}", *(
            write_number(v, style, decimals=decimals) for v in (row.at_low, row.at_high)
        )
    is_margin = row.doubt == WORTH and _is_money(results, row.metric)
    named = {UNITS: f"number of {find_noun(results)} a year"} | ({WORTH: "margin"} if is_margin else {})
    write = {
        UNITS: write_count,
        WORTH: lambda v: write_number(v, percent if is_margin else Style(1, currency)),
        KEPT: lambda v: write_share(v, decimals=0),
        HOUR: lambda v: write_hour(v, currency),
        COST: lambda v: _write_round(v, currency),
    }[row.doubt]
    return named.get(row.doubt, row.doubt), write(row.at_low), write(row.at_high)
