"""One row a unit becomes counts, means, covariances and skewness of each arm, by one query in the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np

from helpers.metrics.units import Units
from helpers.records import NAN, Moments

ZERO_OR_ONE = ("missing_", "asked_", "exposed")
FIRST_ROWS = 10_000  # their median shifts a column near 0, so that nothing cancels; whole, so that 0 stays exactly 0


def summarise(units: Units, *, by=None, adjusted=False) -> dict:
    """Return the moments of every metric in every arm, observational groups included, by one query.

    Columns are shifted by a constant near their mean before anything is squared. On one thread of DuckDB equal
    tables give equal bits. Times to event have no moments and are left out.

    Parameters
    ----------
    units : Units
    by : str, optional
        "week", or one of the plan's segments; None gives the one group None.
    adjusted : bool
        With the covariates beside each outcome; ratios and designs with clusters stay without.

    Returns
    -------
    dict: group -> metric -> arm -> Moments. Names are ("y",) or ("y", covariates); ("num", "den") for ratios; with
        clusters ("num", "den"), the sum and number of known outcomes of each cluster, for ratios with the number as
        ("num", "den", "units"), n counting clusters. NPS is coded -100, 0, 100. `missing` counts units (clusters)
        whose window is over and whose outcome is unknown; before that they are in neither count. An absent arm has
        n = 0. Skewness is that of ("y",) only.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance.
    """
    blocks = {}
    for name, metric in units.design.metrics.items():
        if metric.kind == "ratio":
            blocks[name] = _Block(("num", "den"), (f"num_{name}", f"den_{name}"), f"num_{name}", f"complete_{name}")
        elif metric.kind != "time_to_event":
            beside = units.covariates if adjusted and not units.design.cluster else ()
            blocks[name] = _block(units, name, beside)
    return _take(units, units.table, blocks, by=by)


def winsorise(units: Units, metric: str, *, upper=0.99) -> dict[str, Moments]:
    """Return the moments of a metric whose largest values are lowered to a quantile of all arms together.

    The quantile is that of the values above 0 over the randomised arms, since most amounts may be 0.

    Parameters
    ----------
    units : Units
    metric : str
        Not a ratio or a time to event.
    upper : float, 0 to 1

    Returns
    -------
    dict: arm -> Moments, as `summarise` gives them.
    """
    outcome, table = f"y_{metric}", units.table
    randomised = table["variant"].isin(units.design.variant.arms)
    positive = table.filter(randomised & (table[outcome] > 0))
    limit = positive.aggregate(limit=positive[outcome].quantile(upper))
    capped = table.cross_join(limit)
    value = (capped[outcome] > capped["limit"]).ifelse(capped["limit"], capped[outcome])
    return _take(units, capped.mutate(**{outcome: value}), {metric: _block(units, metric)})[None][metric]


def summarise_shares(units: Units, columns, *, by=None) -> dict:
    """Return the moments of some 0/1 columns in every arm, by one query; null is left out.

    Parameters
    ----------
    units : Units
    columns : sequence of str
        Of `missing_<metric>`, `asked_<metric>`, `exposed`.
    by : str, optional
        As in `summarise`.

    Returns
    -------
    dict: group -> column -> arm -> Moments; with clusters of ("num", "den").
    """
    return _take(units, units.table, {column: _Block(("y",), (column,), column) for column in columns}, by=by)


def summarise_covariates(units: Units) -> dict[str, Moments]:
    """Return the joint moments of all covariates in every arm, by one query; with clusters, of the clusters' means.

    Parameters
    ----------
    units : Units, with at least one covariate

    Returns
    -------
    dict: arm -> Moments, names are the `x_` columns.
    """
    table, names = units.table, units.covariates
    if units.design.cluster:
        table = table.group_by("variant", "cluster").aggregate([table[name].mean().name(name) for name in names])
    return _measure(units, table, {"x": _Block(names, names, names[0])}, ["variant"])[None]["x"]


@dataclass(frozen=True)
class _Block:
    """Columns whose moments are taken together, over the rows where `known` is not null."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    known: str
    complete: str | None = None


def _block(units, metric, beside=()):
    return _Block(("y", *beside), (f"y_{metric}", *beside), f"y_{units.known[metric]}", f"complete_{metric}")


def _take(units, table, blocks, *, by=None):
    keys = ["variant"] if by is None else ["week" if by == "week" else f"s_{by}", "variant"]
    if units.design.cluster:
        table, blocks = _sum_clusters(table, blocks, keys)
    return _measure(units, table, blocks, keys)


def _sum_clusters(table, blocks, keys):
    """One row a cluster: sums of the outcome and of its denominator, or number of known outcomes; null if none."""
    sums, summed = {}, {}
    for name, block in blocks.items():
        first, known = table[block.columns[0]], table[block.known].count().nullif(0).cast("float64")
        sums[f"num_{name}"] = first.sum()
        names = ("num", "den") if len(block.columns) == 1 else ("num", "den", "units")
        sums[f"den_{name}"] = table[block.columns[1]].sum() if len(names) > 2 else known
        sums |= {f"units_{name}": known} if len(names) > 2 else {}
        if block.complete:
            sums[block.complete] = table[block.complete].any()
        summed[name] = _Block(names, tuple(f"{part}_{name}" for part in names), f"num_{name}", block.complete)
    return table.group_by(*keys, "cluster").aggregate(**sums), summed


def _measure(units, table, blocks, keys):
    shifts, shifted = _shift(units, table, blocks, keys)
    sums = {asked: f"a{i}" for i, asked in enumerate(_list_sums(blocks))}
    found = shifted.group_by(keys).aggregate(**{alias: _sum(shifted, *asked) for asked, alias in sums.items()})
    rows = (found if shifts is None else found.cross_join(shifts)).to_pyarrow().to_pylist()
    cells = {(row[keys[0]] if len(keys) > 1 else None, row["variant"]): row for row in rows}
    arms = (*units.design.variant.arms, *units.design.variant.observational)
    groups = sorted({group for group, _ in cells if group is not None}) if len(keys) > 1 else [None]
    return {
        group: {
            name: {arm: _read(cells.get((group, arm)), block, sums) for arm in arms} for name, block in blocks.items()
        }
        for group in groups
    }


def _shift(units, table, blocks, keys):
    """A constant near each column's centre (None if no column needs one), and the table less these constants."""
    columns = list(dict.fromkeys(c for block in blocks.values() for c in (*block.columns, block.known)))
    complete = list(dict.fromkeys(b.complete for b in blocks.values() if b.complete))
    moved = [c for c in columns if not _is_zero_or_one(units, c)]
    if not moved:
        return None, table.select(*keys, *complete, *columns)
    first = (units.table if set(moved) <= set(units.table.columns) else table).limit(FIRST_ROWS)
    whole = {c: first[c].approx_median().cast("float64").floor().cast("float64") for c in moved}
    shifts = first.aggregate(**{f"c_{c}": value.coalesce(0.0) for c, value in whole.items()})
    joined = table.cross_join(shifts)
    less = {c: joined[c] - joined[f"c_{c}"] if c in moved else joined[c] for c in columns}
    return shifts, joined.select(*keys, *complete, **less)


def _is_zero_or_one(units, column):
    if column.startswith("x_"):
        return "=" in column or column.endswith(":missing")
    metric = units.design.metrics.get(column.removeprefix("y_"))
    return column.startswith(ZERO_OR_ONE) or bool(metric and metric.kind == "binary")


def _list_sums(blocks):
    """Everything that the blocks need, each once: (what, over which known column, of which columns)."""
    sums = {}
    for block in blocks.values():
        sums[("count", block.known)] = None
        sums[("complete", block.complete)] = None
        if block.names[0] == "y":
            sums[("cube", block.columns[0])] = None
        for i, column in enumerate(block.columns):
            sums[("mean", block.known, column)] = None
            sums |= {("cov", block.known, column, other): None for other in block.columns[i:]}
    return [asked for asked in sums if asked[1] is not None]


def _sum(table: ir.Table, what, known, column=None, other=None):
    if what == "count":
        return table[known].count()
    if what == "complete":
        return table[known].sum()
    if what == "cube":
        return (table[known] * table[known] * table[known]).sum()
    full = column.startswith("x_") and (other or column).startswith("x_") and known not in (column, other)
    where = table[known].notnull() if full else None  # an outcome is null where it is unknown, a covariate never
    if what == "mean":
        return table[column].mean(where=where)
    if column == other:
        return table[column].var(where=where, how="sample")
    return table[column].cov(table[other], where=where, how="sample")


def _read(row, block, sums):
    k = len(block.columns)
    n = row[sums["count", block.known]] if row else 0
    missing = (row[sums["complete", block.complete]] or 0) - n if row and block.complete else 0
    if not n:
        return Moments(block.names, 0, np.full(k, NAN), np.full((k, k), NAN), int(missing))
    shift = np.array([row.get(f"c_{c}", 0.0) for c in block.columns])
    mean = np.array([row[sums["mean", block.known, c]] for c in block.columns])
    cov = np.full((k, k), NAN)
    for i, column in enumerate(block.columns):
        for j, other in enumerate(block.columns[i:], start=i):
            value = row[sums["cov", block.known, column, other]]
            cov[i, j] = cov[j, i] = NAN if value is None else value
    cubes = row[sums["cube", block.columns[0]]] if block.names[0] == "y" else NAN
    skewness = _skew(n, float(mean[0]), float(cov[0, 0]), cubes)
    return Moments(block.names, n, shift + mean, cov, int(missing), skewness)


def _skew(n, mean, variance, cubes):
    """g1 = m3 / m2^1.5 from the sum of cubes about the shift; nan when all values are equal."""
    m2 = variance * (n - 1) / n
    if not m2 > 0:
        return NAN
    return (cubes / n - 3 * mean * m2 - mean**3) / math.pow(m2, 1.5)
