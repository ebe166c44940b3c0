"""One row a unit becomes counts, means, covariances and skewness of each arm, by one query a grouping."""

from dataclasses import replace

import numpy as np

from helpers.metrics.sums import FIRST_ROWS, Block, count_none, look, measure
from helpers.metrics.units import Units
from helpers.plan import ExperimentPlan
from helpers.records import Moments

UPPER = 0.99  # the percentile to which the largest values are lowered
SHARES = ("missing_", "asked_", "exposed")  # columns of 0, 1 or null


def name_group(design: ExperimentPlan, by: str) -> str:
    """Return the column of `Units.table` by which units are grouped: `week`, a segment of the plan, or `hours`."""
    return by if by == "week" or (by == "hours" and by not in design.segments) else f"s_{by}"


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
    arms, found = units.design.variant.arms, _measure(units, by, by is None)
    counts = {group: {arm: of["rows"][arm] for arm in arms} for group, of in found.items()}
    return {group: of for group, of in counts.items() if by is None or any(of.values())}


def summarise(units: Units, *, by=None, adjusted=False) -> dict:
    """Return the moments of every metric in every arm, observational groups included, by one query.

    Columns are lowered by a constant near their mean before anything is squared; the few groups that lie far from it
    are asked for again. On one thread of DuckDB equal tables give equal bits. Times to event have no moments and are
    left out.

    Parameters
    ----------
    units : Units
    by : str, optional
        "week", one of the plan's segments, or "hours"; None gives the one group None. Units without a group, such
        as those outside the randomisation by week, are left out.
    adjusted : bool
        With the covariates beside each outcome; ratios and designs with clusters stay without.

    Returns
    -------
    dict: group -> metric -> arm -> Moments. Names are ("y",) or ("y", covariates); ("num", "den") for ratios; with
        clusters ("num", "den"), the sum and number of known outcomes of each cluster, for ratios with the number as
        ("num", "den", "units"), n counting clusters. NPS is coded -100, 0, 100. `missing` counts units (clusters)
        whose window is over and whose outcome is unknown; before that they are in neither count. An absent arm has
        n = 0. Skewness is that of the outcome, or of what a ratio (about that of the first rows) leaves of its
        numerator; groups by week or segment have none.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance.
    """
    found = _measure(units, by, adjusted)
    names = [name for name, metric in units.design.metrics.items() if metric.kind != "time_to_event"]
    return {group: {name: of[f"y_{name}"] for name in names} for group, of in found.items()}


def winsorise(units: Units, metric: str) -> dict[str, Moments]:
    """Return the moments of a metric whose largest values are lowered to their 99th percentile in all arms together.

    The percentile is that of the values above 0 over the randomised arms, since most amounts may be 0.

    Parameters
    ----------
    units : Units
    metric : str
        Not a ratio or a time to event.

    Returns
    -------
    dict: arm -> Moments, as `summarise` gives them.
    """
    outcome, table = f"y_{metric}", units.table
    randomised = table["variant"].isin(units.design.variant.arms)
    positive = table.filter(randomised & (table[outcome] > 0))
    limit = positive[outcome].quantile(UPPER).as_scalar()  # null, and above no value, where none is above 0
    table = table.mutate(**{outcome: (table[outcome] > limit).ifelse(limit, table[outcome])})
    blocks = {outcome: _list_blocks(units, adjusted=False)[outcome]}
    return _take(units, table, blocks, None)[None][outcome]


def summarise_shares(units: Units, columns, *, by=None) -> dict:
    """Return the moments of some 0/1 columns in every arm; null is left out.

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
    found = _measure(units, by, by is None)
    return {group: {column: of[column] for column in columns} for group, of in found.items()}


def summarise_covariates(units: Units) -> dict[str, Moments]:
    """Return the joint moments of all covariates in every arm; with clusters, of the clusters' means.

    Parameters
    ----------
    units : Units, with at least one covariate

    Returns
    -------
    dict: arm -> Moments, names are the `x_` columns.
    """
    names, table = units.covariates, units.table
    if not units.design.cluster:
        return _measure(units, None, adjusted=True)[None]["x"]
    means = table.group_by("variant", "cluster").aggregate([table[name].mean().name(name) for name in names])
    blocks = {"x": Block(names, names, names[0])}
    found = measure(means, look(means, blocks, ()), blocks, ["variant"], marks=(), has_tails=False)
    return _arrange(units, found, blocks, None)[None]["x"]


def leave_covariates(found: dict) -> dict:
    """Return moments of the outcomes alone from those that `summarise` took with covariates, without a query.

    They are what `summarise(units)` gives, as a covariate is never missing.

    Parameters
    ----------
    found : dict
        metric -> arm -> Moments, one group of what `summarise(units, adjusted=True)` returns.

    Returns
    -------
    dict: of the same form; ratios and sums of clusters unchanged.
    """
    return {name: {arm: _leave(moments) for arm, moments in arms.items()} for name, arms in found.items()}


def _leave(moments):
    if moments.names[0] != "y":
        return moments
    remainder = None if moments.remainder is None else moments.remainder[:1]
    return replace(moments, names=("y",), mean=moments.mean[:1], cov=moments.cov[:1, :1], remainder=remainder)


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
    outcome, group = f"y_{name}", name_group(units.design, by) if by else None
    counted = units.table.group_by([*([group] if by else []), "variant", outcome]).aggregate(n=units.table.count())
    rows = units.keep(("levels", name, by), lambda: counted.to_pyarrow().to_pylist())
    levels = sorted({row[outcome] for row in rows} - {None})
    place = {level: i for i, level in enumerate(levels)}
    groups = sorted({row[group] for row in rows} - {None}) if by else [None]
    arms = (*units.design.variant.arms, *units.design.variant.observational)
    found = {group: {arm: np.zeros(len(levels), np.int64) for arm in arms} for group in groups}
    for row in rows:
        if row.get(group) in found and row[outcome] is not None:
            found[row.get(group)][row["variant"]][place[row[outcome]]] = row["n"]
    return found


def _measure(units, by, adjusted):
    """Group -> block -> arm -> moments of all that is ever asked of a grouping, and the "rows" of each arm; kept."""
    return units.keep(("moments", by, adjusted), lambda: _take(units, units.table, _list_blocks(units, adjusted), by))


def _list_blocks(units, adjusted):
    """What is measured together: each metric by its outcome, each column of shares, all covariates."""
    design, blocks = units.design, {}
    has_times = "assigned_at" in units.table.columns and units.as_of is not None
    beside = units.covariates if adjusted and not design.cluster else ()
    for name, metric in design.metrics.items():
        # where all windows are over, rows need only be counted
        is_open = has_times and (metric.is_ratio or metric.within_days is not None)
        complete = f"complete_{name}" if is_open else True
        if metric.is_ratio:
            blocks[f"y_{name}"] = Block(("num", "den"), (f"num_{name}", f"den_{name}"), f"num_{name}", complete)
        elif metric.kind != "time_to_event":
            columns = (f"y_{name}", *beside)
            blocks[f"y_{name}"] = Block(("y", *beside), columns, f"y_{units.known[name]}", complete)
    shares = [column for column in units.table.columns if column.startswith(SHARES)]
    blocks |= {column: Block(("y",), (column,), column) for column in shares}
    return blocks | ({"x": Block(beside, beside, beside[0])} if beside else {})


def _take(units, table, blocks, by):
    """Moments of some blocks by group and arm; `table` may hold other values than that of the units."""
    keys = ["variant"] if by is None else [name_group(units.design, by), "variant"]
    first, wide = units.table.limit(FIRST_ROWS), _list_blocks(units, adjusted=True)
    marks = {c for block in wide.values() for c in block.columns if not units.design.cluster and _is_mark(units, c)}
    if units.design.cluster:
        first, wide = _sum_clusters(first, wide, keys)
        table, blocks = _sum_clusters(table, blocks, keys)
    looked = units.keep(("look", by if units.design.cluster else None), lambda: look(first, wide, marks))
    return _arrange(units, measure(table, looked, blocks, keys, marks=marks, has_tails=by is None), blocks, by)


def _arrange(units, found, blocks, by):
    """Moments by group, block and arm, in the plan's order of arms; n = 0 where an arm has no row."""
    arms = (*units.design.variant.arms, *units.design.variant.observational)
    arranged = {}
    for group in sorted({key[0] for key in found if key[0] is not None}) if by else [None]:
        cells = {arm: found.get((group, arm) if by else (arm,), {}) for arm in arms}
        arranged[group] = {"rows": {arm: cell.get("rows", 0) for arm, cell in cells.items()}}
        for name, block in blocks.items():
            arranged[group][name] = {arm: cell.get(name) or count_none(block) for arm, cell in cells.items()}
    return arranged


def _sum_clusters(table, blocks, keys):
    """One row a cluster: sums of the outcome and of its denominator, or number of known outcomes; null if none."""
    sums, summed = {}, {}
    for name, block in blocks.items():
        first, known = table[block.columns[0]], table[block.known].count().nullif(0).cast("float64")
        sums[f"num_{name}"] = first.sum()
        names = ("num", "den") if len(block.columns) == 1 else ("num", "den", "units")
        sums[f"den_{name}"] = table[block.columns[1]].sum() if len(names) > 2 else known
        sums |= {f"units_{name}": known} if len(names) > 2 else {}
        if isinstance(block.complete, str):
            sums[block.complete] = table[block.complete].any()
        summed[name] = Block(names, tuple(f"{part}_{name}" for part in names), f"num_{name}", block.complete)
    return table.group_by(*keys, "cluster").aggregate(**sums), summed


def _is_mark(units, column):
    """Whether a column holds 0, 1 or null only."""
    if column.startswith("x_"):
        return "=" in column or column.endswith(":missing")
    metric = units.design.metrics.get(column.removeprefix("y_"))
    return column.startswith(SHARES) or bool(metric and metric.kind == "binary")
