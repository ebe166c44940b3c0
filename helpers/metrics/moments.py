"""One row a unit becomes counts, means, covariances and skewness of each arm, by one query a grouping.

Sums about constants keep their digits: more than one query is asked only where a group lies far off.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import ibis
import numpy as np
import pandas as pd

from helpers.metrics.events import ask
from helpers.metrics.units import Units
from helpers.records import NAN, Moments

UPPER = 0.99  # the percentile to which the largest values are lowered
SHARES = ("missing_", "asked_", "exposed")  # columns of 0, 1 or null
ROWS = ("variant", "cluster", "exposed", "y_", "time_", "observed_", "complete_", "x_")  # what row-level methods read
FIRST_ROWS = 10_000  # a column's constant is near their mean
FAR = 25.0  # a mean's squared distance from the constant, in variances, from which on sums lose digits
TURNS = 3  # about the constant; about each group's mean, which is rounded itself; about what that left
FEW_BITS, LARGEST = 1024.0, 2.0**36  # sums of whole numbers and of few binary places, below it, are exact
NO_VALUE = ibis.null("float64")
TAILED = ("y", "num")  # what a block begins with whose skewness is known


@dataclass(frozen=True)
class Block:
    """Columns whose moments are taken together, over the rows where `known` is not null.

    `pairs` holds each column, and beside it the outcome where the column must be made null with it. `complete` names
    the 0/1 column that tells where an outcome should be known; True is each row; None leaves `missing` at 0. The
    skewness of a ratio is taken about `ratio`, which is near its own.
    """

    names: tuple[str, ...]
    pairs: tuple[tuple[str, str | None], ...]
    known: str
    complete: str | bool | None = None
    ratio: float = 0.0


@dataclass(frozen=True)
class _Query:
    """What stays from turn to turn: groups, 0/1 columns, constants, whether skewness is asked, aliases of the pairs."""

    keys: list[str]
    marks: Collection[str]
    constants: dict[str, float]
    has_tails: bool
    aliases: dict[tuple[str, str | None], str]


def describe_arms(units: Units) -> pd.DataFrame:
    """Return what a table of the design needs: the size of each arm and how far it is observed.

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
        complete, outcome = table[f"complete_{name}"], table[f"{metric.how.outcome}_{name}"]
        found |= {f"complete_{name}": complete.sum(), f"known_{name}": outcome.count(where=complete)}
    asked = table.group_by("variant").aggregate(**found)
    frame = units.keep("arms", lambda: asked.to_pyarrow().to_pandas().set_index("variant"))
    arms = [arm for arm in (*design.variant.arms, *design.variant.observational) if arm in frame.index]
    return frame.loc[arms].reset_index()


def read_rows(units: Units, columns, *, limit=200_000) -> pd.DataFrame | None:
    """Return some columns of all units for a row-level method, in the order of the units' ids.

    What row-level methods read is fetched together, the first time that one of them asks, and kept.

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
    if describe_arms(units)["units"].sum() > limit:
        return None
    kept = units.keep("rows", dict)
    if not kept.keys() >= set(columns):
        wanted = [c for c in units.table.columns if c not in kept and (c in columns or c.startswith(ROWS))]
        kept.update(units.table.order_by("unit").select(*wanted).to_pyarrow().to_pandas())
    return pd.DataFrame({column: kept[column] for column in columns})


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
        With the covariates beside each outcome; ratios and designs with clusters stay without. They are asked for in
        any case where there is one group, as a covariate is never missing: then both take one query.

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
    found, metrics = _measure(units, by, adjusted or by is None), units.design.metrics.items()
    names = [name for name, metric in metrics if metric.how.outcome != "time"]
    told = {group: {name: dict(of[f"y_{name}"]) for name in names} for group, of in found.items()}
    for arms in (arms for of in told.values() for arms in of.values() if not adjusted):
        for arm, m in arms.items():
            if m.names[0] == "y":
                remainder = None if m.remainder is None else m.remainder[:1]
                arms[arm] = replace(m, names=("y",), mean=m.mean[:1], cov=m.cov[:1, :1], remainder=remainder)
    return told


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
    blocks = {"x": Block(names, tuple((name, None) for name in names), names[0])}
    found = _sum_up(means, blocks, _look(means, blocks, ()), ["variant"], has_tails=False)
    arms = (*units.design.variant.arms, *units.design.variant.observational)
    return {arm: found.get((arm,), {}).get("x") or _count_none(blocks["x"]) for arm in arms}


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
    outcome, group = f"y_{name}", f"s_{by}" if by != "week" and by in units.design.segments else by
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


def _list_blocks(units, adjusted):
    """What is measured together: each metric by its outcome, each column of shares, all covariates.

    Counts of events are known for the units whose window is over, so metrics with one window share the moments of
    their covariates.
    """
    design, blocks, first, columns = units.design, {}, {}, units.table.columns
    has_times = "assigned_at" in columns and units.as_of is not None
    beside = units.covariates if adjusted and not design.cluster else ()
    sizes = describe_arms(units).sum(numeric_only=True) if beside else None
    for name, metric in design.metrics.items():
        # where all windows are over, rows need only be counted
        is_open = has_times and (metric.how.outcome == "num" or metric.within_days is not None)
        complete, y = f"complete_{name}" if is_open else True, f"y_{name}"
        if metric.how.outcome == "num":
            parts = (f"num_{name}", None), (f"den_{name}", None)
            blocks[y] = Block(("num", "den"), parts, f"num_{name}", complete)
        elif metric.how.outcome == "y":
            known = y if f"missing_{name}" in columns else first.setdefault(metric.within_days, y)
            gapped = known if beside and sizes[f"known_{name}"] < sizes["units"] else None
            blocks[y] = Block(("y", *beside), ((y, None), *((x, gapped) for x in beside)), known, complete)
    blocks |= {column: Block(("y",), ((column, None),), column) for column in columns if column.startswith(SHARES)}
    return blocks | ({"x": Block(beside, tuple((x, None) for x in beside), beside[0])} if beside else {})


def _measure(units, by, adjusted):
    """Group -> block -> arm -> moments of all that is ever asked of a grouping, and the "rows" of each arm; kept."""
    return units.keep(("moments", by, adjusted), lambda: _take(units, units.table, _list_blocks(units, adjusted), by))


def _take(units, table, blocks, by):
    """Moments by group, block and arm, n = 0 where an arm has no row; `table` may hold other values than the units'."""
    design = units.design
    keys = [*([] if by is None else [f"s_{by}" if by != "week" and by in design.segments else by]), "variant"]
    first, wide = units.table.limit(FIRST_ROWS), _list_blocks(units, adjusted=True)
    binary = {f"y_{name}" for name, metric in design.metrics.items() if metric.how.is_share}
    marks = {x for x in units.covariates if "=" in x or x.endswith(":missing")}  # they hold 0, 1 or null only
    marks |= binary | {column for column in wide if column.startswith(SHARES)}
    if design.cluster:
        marks = set()
        first, wide = _sum_clusters(first, wide, keys)
        table, blocks = _sum_clusters(table, blocks, keys)
    looked = units.keep(("look", by if design.cluster else None), lambda: _look(first, wide, marks))
    found, arranged = _sum_up(table, blocks, looked, keys, has_tails=by is None), {}
    arms = (*design.variant.arms, *design.variant.observational)
    for group in sorted({key[0] for key in found if key[0] is not None}) if by else [None]:
        cells = {arm: found.get((group, arm) if by else (arm,), {}) for arm in arms}
        arranged[group] = {"rows": {arm: cell.get("rows", 0) for arm, cell in cells.items()}}
        for name, block in blocks.items():
            arranged[group][name] = {arm: cell.get(name) or _count_none(block) for arm, cell in cells.items()}
    return arranged


def _sum_clusters(table, blocks, keys):
    """One row a cluster: sums of the outcome and of its denominator, or number of known outcomes; null if none."""
    sums, summed = {}, {}
    for name, block in blocks.items():
        columns, known = [c for c, _ in block.pairs], table[block.known].count().nullif(0).cast("float64")
        parts = [table[column].sum() for column in columns] + [known]
        names = ("num", "den", "units")[: len(parts)]
        sums |= {f"{part}_{name}": value for part, value in zip(names, parts, strict=True)}
        if isinstance(block.complete, str):
            sums[block.complete] = table[block.complete].any()
        pairs = tuple((f"{part}_{name}", None) for part in names)
        summed[name] = Block(names, pairs, f"num_{name}", block.complete)
    return table.group_by(*keys, "cluster").aggregate(**sums), summed


def _look(first, blocks, marks):
    """From some first rows: a constant near each column's mean, ratios, and the columns that hold 0, 1 or null only."""
    asked = dict.fromkeys(c for b in blocks.values() for c, _ in (*b.pairs, (b.known, None)) if c not in marks)
    facts = {("mean", column): first[column].mean() for column in asked}
    row, constants, ratios = ask(first, facts | {c: first[c].std(how="sample") for c in asked}), {}, {}
    for column in asked:
        # a mean to a tenth of the deviation in binary places: so short that sums of an arm of zeros stay exact
        mean, spread = (value if value is not None else math.nan for value in (row["mean", column], row[column]))
        if math.isfinite(mean):
            step = max(math.frexp(spread if math.isfinite(spread) else 0.0)[1] - 4, math.frexp(mean)[1] - 40)
            constants[column] = math.ldexp(round(math.ldexp(mean, -step)), step)
    for name, block in blocks.items():
        if block.names[0] == "num":
            above, below = (row["mean", column] for column, _ in block.pairs[:2])
            ratios |= {name: above / below} if above is not None and below else {}
    return constants, ratios, marks


def _sum_up(table, blocks, looked, keys, *, has_tails):
    """The moments of some blocks in each group of a table, by one query unless groups lie far apart.

    Each column is lowered by a constant of few binary places near the mean of the first rows; then sums, sums of
    products and of cubes are taken. Where a group's mean is so far from the constant that subtracting would lose
    digits, its blocks are measured again about the mean of each group (Chan, Golub and LeVeque, 1983, Algorithms for
    computing the sample variance, equations 1.7 and 2.1). `looked` is what `_look` gave of some rows of the table, or
    of what is like them: only speed hangs on the choice.
    """
    constants, ratios, marks = looked
    left, found = {name: replace(block, ratio=ratios.get(name, 0.0)) for name, block in blocks.items()}, {}
    pairs = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, (block.known, None)))
    query = _Query(keys, marks, constants, has_tails, {pair: f"v{i}" for i, pair in enumerate(pairs)})
    columns = {}  # as they are (`raw_`), null where the outcome is, and less their constant
    for (column, beside), alias in query.aliases.items():
        less = table[column] - ibis.literal(constants[column]) if constants.get(column) else table[column]
        for name, value in ((f"raw_{alias}", table[column]), (alias, less)):
            columns[name] = table[beside].notnull().ifelse(value, NO_VALUE) if beside else value
    complete = {block.complete for block in blocks.values() if isinstance(block.complete, str)}
    table = table.select(*keys, *sorted(complete), **columns)
    for _ in range(TURNS):
        asked, far = _list_sums(table, left, query), set()
        summed = table.group_by(keys).aggregate(**{f"a{i}": value for i, value in enumerate(asked.values())})
        for row in summed.to_pyarrow().to_pylist():
            sums = {what: row[f"a{i}"] for i, what in enumerate(asked)}
            cell = found.setdefault(tuple(row[key] for key in keys), {"rows": sums["rows"]})
            for name, block in left.items():
                cell[name], is_far = _read(sums, block, query)
                far |= {name} if is_far else set()
        left = {name: block for name, block in left.items() if name in far}
        if not left:
            break
        table = _lower_again(table, left, query)
    return found


def _lower_again(table, blocks, query):
    """The same columns less their mean in each group, with these means as columns (`at_`)."""
    needed = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, (block.known, None)))
    moved = {query.aliases[pair]: query.constants[pair[0]] for pair in needed if pair[0] not in query.marks}
    old = {alias: table[f"at_{alias}"].max() if f"at_{alias}" in table.columns else c for alias, c in moved.items()}
    means = table.group_by(query.keys).aggregate(**{f"at_{a}": table[a].mean() + before for a, before in old.items()})
    both = table.drop(*(name for name in table.columns if name.startswith("at_"))).inner_join(means, query.keys)
    # from the columns as they are: what the constant has taken from small values does not come back
    less = {alias: both[f"raw_{alias}"] - both[f"at_{alias}"] for alias in moved}
    return both.mutate(**less)


def _count_none(block):
    """The moments of a group without rows: n = 0, everything else nan."""
    k = len(block.names)
    return Moments(block.names, 0, np.full(k, NAN), np.full((k, k), NAN))


def _list_sums(table, blocks, query):
    """Return each sum once, by its name: what, and of which pairs."""
    value = {pair: table[alias] for pair, alias in query.aliases.items() if alias in table.columns}
    asked = {("at", p): table[f"at_{a}"].max() for p, a in query.aliases.items() if f"at_{a}" in table.columns}
    asked["rows"] = table.count()
    for block in blocks.values():
        asked["count", block.known] = value[block.known, None].count()
        if block.complete:
            complete = table.count() if block.complete is True else table[block.complete].sum()
            asked["complete", block.complete] = complete
        top = value[block.pairs[0]]
        if query.has_tails and block.names[0] in TAILED and block.pairs[0][0] not in query.marks:
            left = top - block.ratio * value[block.pairs[1]] if block.names[0] == "num" else top
            asked["cube", block.pairs[0]] = (left * left * left).sum()
            asked |= {("largest", block.pairs[0]): left.max(), ("smallest", block.pairs[0]): left.min()}
        for i, pair in enumerate(block.pairs):
            asked["sum", pair] = value[pair].sum()
            others = block.pairs[i + (pair[0] in query.marks) :]  # a mark is its own square
            asked |= {("product", pair, other): (value[pair] * value[other]).sum() for other in others}
    return asked


def _read(row, block, query):
    """The moments of one block in one group, and whether a column lies too far from its centre for them."""
    n, k = row["count", block.known], len(block.pairs)
    missing = int((row["complete", block.complete] or 0) - n) if block.complete else 0
    if not n:
        return replace(_count_none(block), missing=missing), False
    totals, cov, is_far = [row["sum", pair] for pair in block.pairs], np.full((k, k), NAN), False
    for i, pair in enumerate(block.pairs if n > 1 else ()):
        cov[i, i], is_lost = _vary(n, totals[i], row.get(("product", pair, pair), totals[i]))
        is_far = is_far or is_lost
        for j, other in enumerate(block.pairs[i + 1 :], start=i + 1):
            cov[i, j] = cov[j, i] = (row["product", pair, other] - totals[i] * totals[j] / n) / (n - 1)
    centres = [row.get(("at", pair), query.constants.get(pair[0], 0.0)) for pair in block.pairs]
    mean = np.array([centre + total / n for centre, total in zip(centres, totals, strict=True)])
    remainder = np.array([math.fsum((c, t / n, -m)) for c, t, m in zip(centres, totals, mean, strict=True)])
    skewness = top_share = NAN
    if query.has_tails and block.names[0] in TAILED:  # of an outcome, or of numerator - ratio x denominator
        weights = np.array([1.0] if block.names[0] == "y" else [1.0, -block.ratio])
        k = len(weights)
        variance = float(weights @ cov[:k, :k] @ weights)
        mean_left, m2 = float(weights @ totals[:k]) / n, variance * (n - 1) / n
        cubes = row.get(("cube", block.pairs[0]), totals[0])  # g1 = m3 / m2^1.5; nan when all values are equal
        skewness = (cubes / n - 3 * mean_left * m2 - mean_left**3) / math.pow(m2, 1.5) if m2 > 0 else NAN
        ends = [row[end, block.pairs[0]] for end in ("largest", "smallest") if (end, block.pairs[0]) in row]
        if ends and m2 > 0:
            top_share = max((end - mean_left) ** 2 for end in ends) / (n * m2)
    return Moments(block.names, n, mean, cov, missing, skewness, top_share, remainder), is_far


def _vary(n, total, square):
    """The variance from the sums of values and squares, and whether it lost digits that a better centre would keep."""
    within = square - total * total / n
    if not total * total / n > FAR * within:
        return within / (n - 1), False
    if all((abs(value) < LARGEST) and (value * FEW_BITS).is_integer() for value in (total, square)):
        return float((Fraction(square) - Fraction(total) ** 2 / n) / (n - 1)), False
    return max(within, 0.0) / (n - 1), True
