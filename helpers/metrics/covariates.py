"""Covariates become numbers without gaps: zero-filled with an indicator, or an indicator a level."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from helpers.metrics.clock import mark

MOST_LEVELS = 20
OTHER = "other"


def make_covariates(table: ir.Table, names, *, arms) -> dict[str, ir.Value]:
    """Return the columns of some covariates, measured before assignment.

    Numbers are filled with 0 where they are missing, beside an indicator of it; under an adjustment that holds the
    indicator, the value that fills changes nothing. Other columns become an indicator a level, compared after
    trimming and case folding: the most frequent level is the reference, levels beyond the 20 most frequent are
    pooled as "other", missing ones have an indicator of their own.

    Parameters
    ----------
    table : ibis.Table, one row a unit, with `variant`
    names : sequence of str, columns of the table
    arms : sequence of str
        The randomised arms; only their units decide which levels there are and whether any value is missing.

    Returns
    -------
    dict: `x_<name>`, `x_<name>=<level>`, `x_<name>:missing`; floats, never null.

    References
    ----------
    Zhao and Ding (2024), To adjust or not to adjust? (missing indicators in randomised experiments).
    """
    randomised = table.filter(table["variant"].isin(arms))
    gaps = _count_gaps(table, names, arms)
    columns = {}
    for name in names:
        if table[name].type().is_numeric() or table[name].type().is_boolean():
            columns[f"x_{name}"] = _read_number(table[name]).fill_null(0.0)
        else:
            columns |= _make_levels(table, randomised, name)
        if gaps[name]:
            columns[f"x_{name}:missing"] = mark(table[name].isnull())
    return columns


def _read_number(column):
    return mark(column) if column.type().is_boolean() else column.cast("float64")


def _count_gaps(table, names, arms):
    """Units of the randomised arms without a value; arms are looked up only where one is missing, as text is slow."""
    if not names:
        return {}
    gaps = [_count_gap(table, name) for name in names]
    found = table.aggregate(gaps).to_pyarrow().to_pylist()[0]
    holed = [name for name in names if found[name]]
    if not holed:
        return dict.fromkeys(names, 0)
    some = table.filter(ibis.or_(*(table[name].isnull() for name in holed)))
    some = some.filter(some["variant"].isin(arms))
    found = some.aggregate([_count_gap(some, name) for name in holed]).to_pyarrow().to_pylist()[0]
    return {name: found.get(name) or 0 for name in names}


def _count_gap(table, name):
    return (table.count() - table[name].count()).name(name)  # a file's own counts answer it, where it has any


def _make_levels(table, randomised, name):
    kept, pooled = _list_levels(randomised, name)
    level = _fold_case(table[name])
    columns = {f"x_{name}={value}": (level == value) for value in kept[1:]}
    if pooled:
        columns[f"x_{name}={OTHER}"] = ~level.isin(kept)
    return {key: mark(is_level.fill_null(False)) for key, is_level in columns.items()}


def _fold_case(column):
    return column.cast("string").strip().lower()


def _list_levels(randomised, name):
    """The levels that get an indicator, most frequent first, and whether the rest is pooled."""
    known = randomised.select(level=_fold_case(randomised[name]))
    known = known.filter(known["level"].notnull())
    counted = known.group_by("level").aggregate(units=known.count())
    ordered = counted.order_by(ibis.desc("units"), "level").limit(MOST_LEVELS + 1).to_pyarrow()["level"].to_pylist()
    if len(ordered) <= MOST_LEVELS:
        return ordered, False
    return [level for level in ordered[:MOST_LEVELS] if level != OTHER], True
