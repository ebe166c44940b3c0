"""The units of an experiment in pandas: every own column, and beside them what the plan counts."""

import pandas as pd

from helpers.sources.reading import read_frame

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
    told = units.table.select(**{KEY: units.table["unit"]}, **found)
    return read_frame(own.inner_join(told, own[design.unit_id] == told[KEY]).drop(KEY), design.unit_id, most)


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
