"""One row a unit becomes counts, means, covariances and skewness of each arm, by one query a grouping.

Sums about constants keep their digits: more than one query is asked only where a group lies far off. All arms, the
levels of the first segment and sizes of the first amount are read in one pass: sums about one constant add up.
"""

import datetime as dt
import math
from dataclasses import replace
from itertools import accumulate

import ibis
import numpy as np
import pandas as pd

from helpers.metrics import sums, values
from helpers.metrics.events import find_end
from helpers.metrics.units import Units
from helpers.records import Moments
from helpers.sources import opening

UPPER = 0.99  # the percentile to which the largest values are lowered
SIZE = "fold:size"  # of the values of an amount, as `values.find_size` tells it
SHARES = ("missing_", "asked_", "exposed")  # columns of 0, 1 or null
ROWS = ("variant", "cluster", "exposed", "y_", "time_", "observed_", "complete_", "x_")  # what row-level methods read
FIRST_ROWS = 10_000  # a column's constant is near their mean
FEW_LEVELS = 50  # a first segment with more is measured by itself, so that no more sums come to Python


def describe_arms(units: Units) -> pd.DataFrame:
    """Return what a table of the design needs: the size of each arm and how far it is observed.

    Parameters
    ----------
    units : Units

    Returns
    -------
    DataFrame: one row an arm, observational groups last. `variant`, `units`, `clusters` (with clusters),
        `first_assigned_at` and `last_assigned_at` (with times), `units_before` (of a plan with looks, those whose
        windows had all been over a day ago, where the last complete day is known), and for each metric
        `complete_<metric>` and `known_<metric>`, counts of units.
    """
    table, design, kept = units.table, units.design, units.keep("arms", dict)
    if not kept:  # what is known of every unit is not asked for again
        found = {"units": table.count()}
        if design.cluster:
            found["clusters"] = table["cluster"].nunique()
        if "assigned_at" in table.columns:
            found |= {"first_assigned_at": table["assigned_at"].min(), "last_assigned_at": table["assigned_at"].max()}
        if design.looks and "assigned_at" in table.columns and units.as_of is not None:
            longest, start = max(metric.window or 0 for metric in design.metrics.values()), table["assigned_at"]
            end = ibis.literal(find_end(units.as_of) - dt.timedelta(days=1 + longest))
            found["units_before"] = (start <= end if longest else start < end).sum()
        for name, metric in design.metrics.items():
            complete, outcome = f"complete_{name}", f"{metric.how.outcome}_{name}"
            is_open, count = name in units.unfinished, table[outcome].count(where=table[complete])
            found[complete] = table[complete].sum() if is_open else None
            found[f"known_{name}"] = count if is_open or outcome not in units.full else None
        asked = {name: fact for name, fact in found.items() if fact is not None}
        if asked.keys() == {"units"}:  # which moments tell
            frame = pd.DataFrame({"units": _measure(units, None, adjusted=True)[None]["rows"]}).query("units > 0")
        else:
            frame = table.group_by("variant").aggregate(**asked).to_pyarrow().to_pandas().set_index("variant")
        kept["frame"] = frame.assign(**{name: frame["units"] for name, fact in found.items() if fact is None})[[*found]]
    arms = [arm for arm in (*design.variant.arms, *design.variant.observational) if arm in kept["frame"].index]
    return kept["frame"].loc[arms].rename_axis("variant").reset_index()


def tell_days(units: Units) -> tuple[str, str] | None:
    """Return the day by which, and the one since which, `min_cell` units were assigned; None where they are fewer.

    The first and the last day of all may be one customer's.
    """
    arms = see_values(units).get(("", ""), {}).values() if units.assigned else ()
    counts = pd.DataFrame(
        [hour.split(":") for arm in arms for hour in arm["hours"] or ()], columns=["hour", "n"]
    ).astype(int)
    counts = counts["n"].groupby(pd.to_datetime(counts["hour"], unit="h").dt.date).sum()
    counts = counts[[units.assigned[0] <= day <= units.assigned[1] for day in counts.index]]
    ends = [one[one.cumsum() >= units.design.min_cell].index for one in (counts, counts[::-1])]
    return tuple(end[0].isoformat() for end in ends) if all(map(len, ends)) else None


def read_rows(units: Units, columns) -> pd.DataFrame | None:
    """Return some columns of all units for a row-level method, in the order of the units' ids.

    What row-level methods read is fetched together, the first time that one of them asks, and kept.

    Parameters
    ----------
    units : Units
    columns : sequence of str
        Of `units.table`.

    Returns
    -------
    DataFrame: one row a unit; None when there are more than `opening.MOST_UNITS`, so that the caller can say so.
    """
    if describe_arms(units)["units"].sum() > opening.MOST_UNITS:
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
        "week" or one of the plan's segments; None gives the one group None.

    Returns
    -------
    dict: group -> arm -> int, in the plan's order of arms; units without a week are left out.
    """
    arms, found = units.design.variant.arms, _measure(units, by, by is None)
    counts = {group: {arm: of["rows"][arm] for arm in arms} for group, of in found.items()}
    return {group: of for group, of in counts.items() if by is None or any(of.values())}


def summarise(units: Units, *, by=None, adjusted=False, has_tails=True) -> dict:
    """Return the moments of every metric in every arm, observational groups included, by one query.

    Columns are lowered by a constant near their mean before anything is squared; the few groups that lie far from it
    are asked for again. On one thread of DuckDB equal tables give equal bits. Times to event have no moments and are
    left out.

    Parameters
    ----------
    units : Units
    by : str, optional
        "week" or one of the plan's segments; None gives the one group None. Units without a group, such
        as those outside the randomisation by week, are left out.
    adjusted : bool
        With the covariates beside each outcome; ratios and designs with clusters stay without. They are asked for in
        any case where there is one group, as a covariate is never missing: then both take one query.
    has_tails : bool
        With skewness and `top_share`, which take a third as long again; groups by week or segment have none.

    Returns
    -------
    dict: group -> metric -> arm -> Moments. Names are ("y",) or ("y", covariates); ("num", "den") for ratios; with
        clusters ("num", "den"), the sum and number of known outcomes of each cluster, for ratios with the number as
        ("num", "den", "units"), n counting clusters. NPS is coded -100, 0, 100. `missing` counts units (clusters)
        whose window is over and whose outcome is unknown; before that they are in neither count. An absent arm has
        n = 0. Skewness, which groups by week or segment lack, is that of the outcome, or of what a ratio (about that of
        the first rows) leaves of its numerator.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance.
    """
    found, metrics = _measure(units, by, adjusted or by is None, has_tails), units.design.metrics.items()
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

    The percentile is that of the values above 0 over the randomised arms, since most amounts may be 0. Sums of the
    sizes below it are known with the moments; what is above them is asked for.

    Parameters
    ----------
    units : Units
    metric : str
        One of `units.capped`.

    Returns
    -------
    dict: arm -> Moments, as `summarise` gives them.
    """
    cells, variant, look = _sum_sizes(units, metric), units.design.variant, units.keep("look", lambda: _look_at(units))
    block, pair = _list_blocks(units, adjusted=False)[f"y_{metric}"], (f"y_{metric}", None)
    total, square = ("sum", pair), ("product", pair, pair)
    sizes = sorted(((size, of["rows"]) for (arm, size), of in cells if size > 0 and arm in variant.arms), reverse=True)
    place, reached = (
        (sum(n for _, n in sizes) - 1) * (1 - UPPER),
        accumulate(n for _, n in sizes),
    )  # the largest is at 0
    least = next((size for (size, _), n in zip(sizes, reached, strict=True) if n > math.ceil(place)), math.inf)
    bound = max((of["largest", pair] for (_, size), of in cells if 0 < size < least), default=0.0)
    centre = look.constants.get(pair[0], 0.0)
    rows = units.keep(("largest", metric), lambda: _ask_largest(units, pair[0], bound, place, centre))
    limit, outcome = rows[0]["limit"] if rows else math.inf, units.table[pair[0]]
    parts = [(key, {total: of[total], square: of[square]}) for key, of in cells if key[1] < least]
    parts += [((row["variant"],), {total: row["total"], square: row["square"]}) for row in rows]
    parts = dict(sums.join_groups(parts, [0]))
    given = [(key, of | parts[key]) for key, of in sums.join_groups(cells, [0])]
    table = units.table.mutate(**{pair[0]: (outcome > limit).ifelse(limit, outcome)})
    lowered, query = sums.lower(table, {metric: block}, look, ["variant"], has_tails=False)
    found = sums.sum_up(lowered, {metric: block}, query, given)
    arms = (*variant.arms, *variant.observational)
    return {arm: found.get((arm,), {}).get(metric) or sums.count_none(block) for arm in arms}


def _ask_largest(units, outcome, bound, place, centre):
    """Of the values above a bound, by arm, the sums of what is lowered to the percentile, less a constant; and that.

    They are sorted: it lies between the two values around a place, as in `numpy.quantile`.
    """
    above = units.table.filter(units.table[outcome] > bound).select("variant", value=outcome)
    ranked = above.filter(above["variant"].isin(units.design.variant.arms))
    ranked = ranked.mutate(place=ibis.row_number().over(order_by=ranked["value"].desc()))
    near = ranked.filter(ranked["place"].isin([math.floor(place), math.ceil(place)]))["value"]
    limit = near.min() + (near.max() - near.min()) * (math.ceil(place) - place)
    above = above.mutate(limit=limit.name("limit").as_scalar())
    less = ibis.least(above["value"], above["limit"]) - centre
    facts = {"limit": above["limit"].max(), "total": less.sum(), "square": (less * less).sum()}
    return above.group_by("variant").aggregate(**facts).to_pyarrow().to_pylist()


def _sum_sizes(units, name):
    """Arm and size, and the sums of an amount's values of that size in it; 0 is that of 0 and of what is unknown."""
    keys, found = _share_sums(units, True, None if name == units.capped[0] else name)
    return [((key[-1], key[keys.index(SIZE)] or 0), of) for key, of in found]


def see_values(units: Units) -> dict:
    """Return what stands in values, by metric, and event or column; then by arm; then as `values.ask_values` asks.

    Parameters
    ----------
    units : Units
    """
    seen, design = units.keep("seen", dict), units.design
    if seen:
        return seen
    for (_, *of, what, arm), fact in ((key, fact) for key, fact in units.values().items() if key[0] == "seen"):
        seen.setdefault(tuple(of), {}).setdefault(arm, {})[what] = fact or 0
    for name in (name for name in units.capped if name not in units.heard):
        told, pair = seen.setdefault((name, design.metrics[name].column or name), {}), (f"y_{name}", None)
        told |= {arm: told.get(arm, {}) | {"sizes": [], "n": 0} for arm in design.variant.arms}
        centre = units.keep("look", lambda: _look_at(units)).constants.get(pair[0], 0.0)
        for (arm, size), of in _sum_sizes(units, name):
            if size and arm in told:
                n, ends = of["rows"], f"{of['smallest', pair]}:{of['largest', pair]}"
                told[arm]["sizes"].append(f"{size:.0f}:{n}:{ends}:{of['sum', pair] + n * centre}")
                told[arm]["n"] += n
    return seen


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
    blocks = {"x": sums.Block(names, tuple((name, None) for name in names), names[0])}
    look, _ = sums.find_constants(means, blocks, ())
    lowered, query = sums.lower(means, blocks, look, ["variant"], has_tails=False)
    found = sums.sum_up(lowered, blocks, query)
    arms = (*units.design.variant.arms, *units.design.variant.observational)
    return {arm: found.get((arm,), {}).get("x") or sums.count_none(blocks["x"]) for arm in arms}


def count_levels(units: Units, name, *, by=None) -> dict:
    """Return how many units of every arm stand on each level of an outcome, by one query.

    Parameters
    ----------
    units : Units
    name : str
        A metric with one value a unit (a score, a count, an amount); unknown outcomes are left out.
    by : str, optional
        "week" or one of the plan's segments; None gives the one group None.

    Returns
    -------
    dict: group -> arm -> array of int, shape (levels,). The levels are the different values over all arms and
        groups, rising, the same everywhere; observational groups, which have no week, included by None and segments.
    """
    outcome, group = f"y_{name}", f"s_{by}" if by != "week" and by in units.design.segments else by
    counted = units.table.group_by([*([group] if by else []), "variant", outcome]).aggregate(n=units.table.count())
    rows = units.keep(("levels", name, by), lambda: opening.fetch(counted, f"values of {name}").to_pylist())
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
    beside = units.covariates if adjusted and not design.cluster else ()
    full = units.full if beside else ()
    for name, metric in design.metrics.items():
        complete, y = f"complete_{name}" if name in units.unfinished else True, f"y_{name}"
        if metric.how.outcome == "num":
            parts = (f"num_{name}", None), (f"den_{name}", None)
            blocks[y] = sums.Block(("num", "den"), parts, f"num_{name}", complete)
        elif metric.how.outcome == "y":
            known = y if f"missing_{name}" in columns else first.setdefault(metric.within_days, y)
            gapped = None if y in full else known
            blocks[y] = sums.Block(("y", *beside), ((y, None), *((x, gapped) for x in beside)), known, complete)
    blocks |= {column: sums.Block(("y",), ((column, None),), column) for column in columns if column.startswith(SHARES)}
    return blocks | ({"x": sums.Block(beside, tuple((x, None) for x in beside), beside[0])} if beside else {})


def _measure(units, by, adjusted, has_tails=True):
    """Group -> block -> arm -> moments of all that is ever asked of a grouping, and the "rows" of each arm; kept.

    n = 0 where an arm has no row.
    """
    design, table, given = units.design, units.table, None
    has_tails = has_tails and not design.units_in_row  # sums do not tell a tail
    if arranged := units.keep(("moments", by, adjusted, has_tails), dict):
        return arranged
    blocks = _list_blocks(units, adjusted)
    keys = [*([f"s_{by}" if by != "week" and by in design.segments else by] if by else []), "variant"]
    if design.cluster:
        first, wide = _sum_clusters(table.limit(FIRST_ROWS), _list_blocks(units, adjusted=True), keys)
        look = units.keep(("look", by), lambda: sums.find_constants(first, wide, ())[0])
        table, blocks = _sum_clusters(table, blocks, keys)
    else:
        look = units.keep("look", lambda: _look_at(units))
        if (by is None and has_tails and units.capped) or (look.is_split and by in (None, design.segments[0])):
            fine, found = _share_sums(units, has_tails)
            given = sums.join_groups(found, [fine.index(key) for key in keys])
    lowered, query = sums.lower(table, blocks, look, keys, has_tails and by is None)
    found = sums.sum_up(lowered, blocks, query, given)
    arms = (*design.variant.arms, *design.variant.observational)
    for group in sorted({key[0] for key in found if key[0] is not None}) if by else [None]:
        cells = {arm: found.get((group, arm) if by else (arm,), {}) for arm in arms}
        arranged[group] = {"rows": {arm: cell.get("rows", 0) for arm, cell in cells.items()}}
        for name, block in blocks.items():
            arranged[group][name] = {arm: cell.get(name) or sums.count_none(block) for arm, cell in cells.items()}
    return arranged


def _look_at(units):
    """What `Look` tells; where every unit knows an outcome, and none was filled, none is missing in any group."""
    design, table = units.design, units.table
    marks = {x for x in units.covariates if "=" in x or x.endswith(":missing")}
    marks |= {column for column in table.columns if column.startswith(SHARES)}
    marks |= {f"y_{name}" for name, metric in design.metrics.items() if metric.how.is_share}
    first, blocks = table.limit(FIRST_ROWS), _list_blocks(units, adjusted=True)
    facts = {"levels": first[f"s_{design.segments[0]}"].nunique()} if design.segments else {}
    look, row = sums.find_constants(first, blocks, marks, facts)
    sure = {name for name, metric in design.metrics.items() if metric.missing != "zero"}
    void = {f"missing_{name}" for name in sure if units.full & {f"y_{name}", f"num_{name}"}} & marks
    is_split = 1 <= row.get("levels", 0) <= FEW_LEVELS
    return replace(look, full=units.full.union(units.covariates, void), void=void, is_split=is_split)


def _share_sums(units, has_tails, further=None):
    """The keys and the sums of arms, by the levels of the first segment and the sizes of the first amount too; kept.

    Of a `further` amount they are its own, by its sizes.
    """
    look, kept = units.keep("look", lambda: _look_at(units)), units.keep("sums", dict)
    if (has_tails, further) not in kept:
        table, blocks, keys = units.table, _list_blocks(units, adjusted=not further), ["variant"]
        if sized := further or (has_tails and next(iter(units.capped), None)):
            table, keys = table.mutate(**{SIZE: values.find_size(table[f"y_{sized}"])}), [SIZE, *keys]
        if further:
            blocks = {further: blocks[f"y_{further}"]}
        elif look.is_split:
            keys = [f"s_{units.design.segments[0]}", *keys]
        lowered, query = sums.lower(table, blocks, look, keys, has_tails)
        kept[has_tails, further] = keys, sums.ask_sums(lowered, blocks, query)
    return kept[has_tails, further]


def _sum_clusters(table, blocks, keys):
    """One row a cluster: sums of the outcome and of its denominator, or number of known outcomes; null if none."""
    facts, summed = {}, {}
    for name, block in blocks.items():
        columns, known = [c for c, _ in block.pairs], table[block.known].count().nullif(0).cast("float64")
        parts = [table[column].sum() for column in columns] + [known]
        names = ("num", "den", "units")[: len(parts)]
        facts |= {f"{part}_{name}": value for part, value in zip(names, parts, strict=True)}
        if isinstance(block.complete, str):
            facts[block.complete] = table[block.complete].any()
        pairs = tuple((f"{part}_{name}", None) for part in names)
        summed[name] = sums.Block(names, pairs, f"num_{name}", block.complete)
    return table.group_by(*keys, "cluster").aggregate(**facts), summed


def list_overlap(units):
    """Return which levels of all segments, and weeks of assignment, some unit of a variant has together.

    Parameters
    ----------
    units : Units

    Returns
    -------
    DataFrame: `variant`, a column a segment, `s_NAME`, and `week` ("week 1", "" for none); None with fewer than two of
    these parts.
    """
    parts = [*(f"s_{name}" for name in units.design.segments), *["week"] * bool(units.design.assigned_at)]
    if len(parts) < 2:
        return None
    found = units.table.select("variant", *parts).distinct().to_pandas()
    names = {week: f"week {int(week) + 1}" for week in found["week"].dropna()} if "week" in found else {}
    return found.assign(week=found["week"].map(names).fillna("")) if names else found
