"""How many units each arm has, how far they are observed, and the rows themselves for row-level methods."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.metrics.units import Units, name_group


def count_units(units: Units, *, by=None) -> dict:
    """Return how many randomised units each randomised arm has: units, or clusters where the plan names one.

    Parameters
    ----------
    units : Units
    by : str, optional
        "week", one of the plan's segments, or "hours"; None gives the one group None.

    Returns
    -------
    dict: group -> arm -> int, in the plan's order of arms; units without a week are left out.
    """
    arms = units.design.variant.arms
    table = units.table.filter(units.table["variant"].isin(arms))
    keys = ["variant"] if by is None else ["variant", name_group(units.design, by)]
    n = table["cluster"].nunique() if units.design.cluster else table.count()
    rows = table.group_by(keys).aggregate(n=n).to_pyarrow().to_pylist()
    cells = {(row.get(keys[-1]) if by else None, row["variant"]): row["n"] for row in rows}
    groups = sorted({group for group, _ in cells if group is not None}) if by else [None]
    return {group: {arm: cells.get((group, arm), 0) for arm in arms} for group in groups}


def count_levels(units: Units, name, *, by=None) -> dict:
    """Return how many units of every arm stand on each level of an outcome, by one query.

    Parameters
    ----------
    units : Units
    name : str
        A metric with one value a unit (a score, a count, an amount); unknown outcomes are left out.
    by : str, optional
        "week", one of the plan's segments, or "hours"; None gives the one group None.

    Returns
    -------
    dict: group -> arm -> array of int, shape (levels,). The levels are the different values over all arms and
        groups, rising, the same everywhere; observational groups, which have no week, included by None and segments.
    """
    outcome, design = f"y_{name}", units.design
    keys = ["variant"] if by is None else [name_group(units.design, by), "variant"]
    counted = units.table.group_by([*keys, outcome]).aggregate(n=units.table.count())
    rows = counted.to_pyarrow().to_pylist()
    levels = sorted({row[outcome] for row in rows} - {None})
    place = {level: i for i, level in enumerate(levels)}
    groups = sorted({row[keys[0]] for row in rows} - {None}) if by else [None]
    arms = (*design.variant.arms, *design.variant.observational)
    found = {group: {arm: np.zeros(len(levels), np.int64) for arm in arms} for group in groups}
    for row in rows:
        group = row[keys[0]] if by else None
        if group in found and row[outcome] is not None:
            found[group][row["variant"]][place[row[outcome]]] = row["n"]
    return found


def describe_arms(units: Units) -> pd.DataFrame:
    """Return what a table of the design needs: the size of each arm and how far it is observed, by one query.

    Parameters
    ----------
    units : Units

    Returns
    -------
    DataFrame: one row an arm, observational groups last. `variant`, `units`, `clusters` (with clusters),
        `first_assigned_at` and `last_assigned_at` (with times), `exposed_share` (with an exposure; nan when
        unknown), and for each metric `complete_<metric>` and `known_<metric>`, counts of units.
    """
    table, design = units.table, units.design
    found = {"units": table.count()}
    if design.cluster:
        found["clusters"] = table["cluster"].nunique()
    if "assigned_at" in table.columns:
        found |= {"first_assigned_at": table["assigned_at"].min(), "last_assigned_at": table["assigned_at"].max()}
    if design.exposure:
        found["exposed_share"] = table["exposed"].mean()
    for name, metric in design.metrics.items():
        prefix = "num" if metric.is_ratio else "time" if metric.kind == "time_to_event" else "y"
        complete, outcome = table[f"complete_{name}"], table[f"{prefix}_{name}"]
        found |= {f"complete_{name}": complete.sum(), f"known_{name}": outcome.count(where=complete)}
    frame = table.group_by("variant").aggregate(**found).to_pyarrow().to_pandas()
    arms = [arm for arm in (*design.variant.arms, *design.variant.observational) if arm in set(frame["variant"])]
    return frame.set_index("variant").loc[arms].reset_index()


def read_rows(units: Units, columns, *, limit=200_000) -> pd.DataFrame | None:
    """Return some columns of all units for a row-level method, in the order of the units' ids.

    Parameters
    ----------
    units : Units
    columns : sequence of str
        Of `units.table`.
    limit : int
        The most units that are brought into memory.

    Returns
    -------
    DataFrame: one row a unit; None when there are more than `limit`, so that the caller can say so.
    """
    if units.table.count().to_pyarrow().as_py() > limit:
        return None
    ordered = units.table.order_by("unit").select(*columns)
    return ordered.to_pyarrow().to_pandas()
