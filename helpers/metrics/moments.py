"""One row a unit becomes counts, means, covariances and skewness of each arm, by one query in the engine."""

from __future__ import annotations

from dataclasses import replace

from helpers.metrics.sums import FIRST_ROWS, Block, count_none, measure
from helpers.metrics.units import Units, name_group
from helpers.records import Moments

ZERO_OR_ONE = ("missing_", "asked_", "exposed")


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
    blocks = {}
    for name, metric in units.design.metrics.items():
        if metric.is_ratio:
            blocks[name] = _block_ratio(units, name)
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
    limit = positive[outcome].quantile(upper).to_pyarrow().as_py()
    if limit is not None:
        table = table.mutate(**{outcome: (table[outcome] > limit).ifelse(limit, table[outcome])})
    return _take(units, table, {metric: _block(units, metric)})[None][metric]


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
    return _take(units, units.table, {column: Block(("y",), (column,), column) for column in columns}, by=by)


def summarise_covariates(units: Units) -> dict[str, Moments]:
    """Return the joint moments of all covariates in every arm, by one query; with clusters, of the clusters' means.

    Parameters
    ----------
    units : Units, with at least one covariate

    Returns
    -------
    dict: arm -> Moments, names are the `x_` columns.
    """
    names, tables = units.covariates, [units.table, units.table.limit(FIRST_ROWS)]
    if units.design.cluster:
        tables = [t.group_by("variant", "cluster").aggregate([t[n].mean().name(n) for n in names]) for t in tables]
    blocks = {"x": Block(names, names, names[0])}
    found = measure(*tables, blocks, ["variant"], marks=_list_marks(units, blocks))
    return _arrange(units, found, blocks)[None]["x"]


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


def _block(units, metric, beside=()):
    outcome, known = f"y_{metric}", f"y_{units.known[metric]}"
    return Block(("y", *beside), (outcome, *beside), known, _find_complete(units, metric))


def _block_ratio(units, metric):
    parts = f"num_{metric}", f"den_{metric}"
    return Block(("num", "den"), parts, parts[0], _find_complete(units, metric))


def _find_complete(units, metric):
    """The column that tells whose window is over; True where all windows are, so that rows need only be counted."""
    has_times = "assigned_at" in units.table.columns and units.as_of is not None
    plan = units.design.metrics[metric]
    return f"complete_{metric}" if has_times and (plan.is_ratio or plan.within_days is not None) else True


def _take(units, table, blocks, *, by=None):
    keys = ["variant"] if by is None else [name_group(units.design, by), "variant"]
    first = table.limit(FIRST_ROWS)
    if units.design.cluster:
        first = _sum_clusters(first, blocks, keys)[0]
        table, blocks = _sum_clusters(table, blocks, keys)
    blocks = {name: replace(block, has_tail=by is None) for name, block in blocks.items()}
    return _arrange(units, measure(table, first, blocks, keys, marks=_list_marks(units, blocks)), blocks, by=by)


def _arrange(units, found, blocks, *, by=None):
    """Moments by group, block and arm, in the plan's order of arms; n = 0 where an arm has no row."""
    arms = (*units.design.variant.arms, *units.design.variant.observational)
    groups = sorted({key[0] for key in found if key[0] is not None}) if by else [None]
    return {
        group: {
            name: {arm: found.get((group, arm) if by else (arm,), {}).get(name) or count_none(block) for arm in arms}
            for name, block in blocks.items()
        }
        for group in groups
    }


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


def _list_marks(units, blocks):
    """The columns that hold 0, 1 or null only; sums of clusters hold more."""
    columns = {column for block in blocks.values() for column in block.columns}
    return {column for column in columns if not units.design.cluster and _is_mark(units, column)}


def _is_mark(units, column):
    if column.startswith("x_"):
        return "=" in column or column.endswith(":missing")
    metric = units.design.metrics.get(column.removeprefix("y_"))
    return column.startswith(ZERO_OR_ONE) or bool(metric and metric.kind == "binary")
