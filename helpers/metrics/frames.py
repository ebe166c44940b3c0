"""Units and accounts in pandas: every own column, and beside them what the plan counts."""

import pandas as pd

from helpers.sources.addresses import read_frame

KEY = "frame:unit"


def read_units(units, most: int | None = None) -> pd.DataFrame:
    """Return one row a unit in pandas, as `Units.frame` describes it.

    Parameters
    ----------
    units : Units
    most : int, optional, at most so many rows
    """
    design = units.design
    own = units.own.rename({design.unit_id: "unit", design.variant.column: "variant"})
    taken, found = {name.casefold() for name in own.columns}, {}
    for name, column in _list_outcomes(units.table, design):
        if name.casefold() not in taken:
            found[name] = column
        elif name in units.heard:
            found[f"{name}_from_events"] = column
    return _read_beside(own, design.unit_id, units.table, found, most)


def read_accounts(accounts, most: int | None = None) -> pd.DataFrame:
    """Return one row an account in pandas, as `Accounts.frame` describes it.

    Parameters
    ----------
    accounts : Accounts
    most : int, optional, at most so many rows
    """
    source, table = accounts.source, accounts.table
    own = source.accounts.rename(source.names)
    is_told = accounts.design.outcomes.retained.lost and "lost_at" not in map(str.casefold, own.columns)
    found = {"lost_at": table["lost_at"]} if is_told else {}
    return _read_beside(own, own.columns[source.accounts.columns.index("unit")], table, found, most)


def _read_beside(own, key, table, found, most):
    """Own columns of who stands in a table, and columns of it beside them."""
    told = table.select(**{KEY: table["unit"]}, **found)
    return read_frame(own.inner_join(told, own[key].cast("string") == told[KEY]).drop(KEY), key, most)


def _list_outcomes(table, design):
    """What a plan counts of each unit: its name and its column."""
    for name, metric in design.metrics.items():
        if metric.how.outcome == "y":
            yield name, table[f"y_{name}"]
        elif metric.how.outcome == "num":
            yield name, table[f"num_{name}"] / table[f"den_{name}"].nullif(0)
        else:
            yield name, table[f"time_{name}"]
            yield f"{name}_observed", table[f"observed_{name}"]
    if design.exposure:
        yield "exposed", table["exposed"]
