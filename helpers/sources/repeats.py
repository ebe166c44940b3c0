"""Repeats: rows of a unit, and events, that stand in a table more than once: dropped, left out or refused."""

from dataclasses import replace

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources.numerals import fill
from helpers.sources.opening import ask, count_all

LEAST_REPEATED, MOST_REPEATED = 3, 0.02  # exact repeats beyond both are several rows a unit, not a slip
MOST_MIXED = 0.01  # of the units, in two arms or clusters, above which that is what is wrong with repeats
FEW_IDS, MANY_ROWS = 20, 200  # so few values in so many rows are no ids
LEAST_SIZED = 10  # accounts with a size, up to which one may well be as large as all others
ROWS_A_PART = 5_000_000


def keep_once(backend, shaped, design, keys=()):
    """Return one row a unit, the units read, the rows that repeated another, the units in two variants by any key.

    The randomised unit is the plan's cluster where it names one; then all units of a cluster in two variants go.
    """
    table, n_duplicates, n_assigned, n_two = shaped.table, 0, shaped.rows, 0
    ids = shaped.ids.name("id").as_table()
    rising = ids.mutate(rises=(ids.id > ids.id.lag()).fill_null(True)).rises.all()
    # where rows have an order, and each id differs from all before it, none need be compared
    if backend.name != "duckdb" or not ask(lambda: rising.to_pyarrow().as_py(), shaped.name):
        can = ids.get_backend().has_operation(ibis.expr.operations.Hash)
        n_parts = 1 + shaped.rows // ROWS_A_PART if can else 1  # so that memory stays flat
        parts = [ids.filter((ids.id.hash() % n_parts).abs() == i) if n_parts > 1 else ids for i in range(n_parts)]
        n_assigned = sum(count_all(part, {"n": part.id.nunique()}, shaped.name)["n"] for part in parts)
    if n_assigned <= FEW_IDS and shaped.rows > MANY_ROWS and not design.cluster:
        told = f"{schema.say(n_assigned, 'value')} in {schema.say(shaped.rows, 'row')}, so that it tells no"
        where = f"{shaped.name}, column {design.unit_id}"
        raise Refused(f"{where}: {told} {design.unit} from another; name the column of the id in the plan (unit_id)")
    if n_assigned < shaped.rows or len(keys) > 1:
        table = table.distinct() if n_assigned < shaped.rows else table
        n_duplicates = shaped.rows - count_all(table, {"n": table.count()}, shaped.name)["n"]
        if len(keys) > 1:
            _refuse_numbered(table, shaped, design, n_assigned)
        for key in keys:
            spread = table.group_by(key).agg(n_variants=lambda t: t.variant.nunique())
            spread = spread.filter(spread.n_variants > 1).select(key)
            within = table.unit.nunique(where=table[key].isin(spread[key]))
            if n := count_all(table, {"n": within}, shaped.name)["n"]:
                table, n_two = table.anti_join(spread, key), n_two + n
        if (n_two or n_duplicates) and backend.name == "duckdb":  # made once; elsewhere it stays a query
            kept = table
            table = ask(lambda: backend.create_table("kept_units", kept), shaped.name)
        _refuse_repeats(table, shaped, design, {"n_duplicates": n_duplicates, "n_two": n_two, "n_assigned": n_assigned})
    return table, n_assigned, n_duplicates, n_two


def _refuse_numbered(table, shaped, design, n_assigned):
    """Refuse numbers of units that stand in several clusters, as they are unique within their cluster only."""
    clusters = table.group_by("unit").agg(n=lambda t: t[design.cluster].nunique())
    n = count_all(clusters, {"n": (clusters.n > 1).sum()}, shaped.name)["n"]
    fault = (
        f"of {n_assigned:,} in more than one {design.cluster}, as a number is that is unique within its "
        f"{design.cluster} only; make one id of both"
    )
    where = f"{shaped.name}, column {design.unit_id}"
    schema.refuse_some(n if n > MOST_MIXED * n_assigned else 0, "unit", where, fault)


def _refuse_repeats(table, shaped, design, counts):
    """Refuse several rows a unit, by what they look like: mixed arms, a log of exposures, a log of something else."""
    where, start = f"{shaped.name}, column {design.unit_id}", getattr(design, "assigned_at", None)
    alike = [table[name] for name in shaped.planned if name not in ("unit", "variant", start)]
    values = {f"y{i}": y.nunique() + (y.count() < table.count()).cast("int32") for i, y in enumerate(alike)}
    units, is_log = table.group_by("unit").agg(n=table.count(), **values), ibis.literal(True)
    for name in values:
        is_log = is_log & (units[name] <= 1)  # an unknown value is one of its own
    found = count_all(units, {"n": (units.n > 1).sum(), "log": ((units.n > 1) & is_log).sum()}, shaped.name)
    n, n_dropped, n_two = found["n"], counts["n_duplicates"], counts["n_two"]
    many = n_dropped >= LEAST_REPEATED and n_dropped > MOST_REPEATED * shaped.rows
    if n_two > MOST_MIXED * counts["n_assigned"] and (n or many):
        fault = (
            f"of {counts['n_assigned']:,} in two variants, and others in several rows; find out why, and give each "
            "unit one row in the variant of its first assignment"
        )
        schema.refuse_some(n_two, "unit", where, fault)
    if 2 * found["log"] > n:
        fault = (
            "more than once, in rows that differ in times or in columns outside the plan alone, like a log of "
            "exposures; keep the first row of each unit, or one row with their sum where each is an order"
        )
        schema.refuse_some(n, "unit", where, fault)
    fault = "more than once, with different rows; give one row a unit, or its events as events"
    schema.refuse_some(n, "unit", where, fault)
    if many:
        raise Refused(
            f"{shaped.name}: {n_dropped:,} of {shaped.rows:,} rows repeat another in every column, so that it has "
            "several rows a unit, such as one an order; give one row a unit with their sum, or the rows as events; of "
            "a log of exposures keep the first row of each unit, and of rows that were exported twice one"
        )


def drop_repeated(shaped):
    """Return the events without those that repeat another whole, where an `event_id` says that they are one.

    Events without an id may be equal and real; events with one id and different content are kept, and counted.
    """
    table = shaped.table
    if table["event_id"].type().is_string():
        table = table.mutate(event_id=fill(table["event_id"]))
    once = table.distinct()
    counts = {"named": once["event_id"].count(), "ids": once["event_id"].nunique()}
    found = count_all(once, counts, shaped.name)
    nameless = table.filter(table["event_id"].isnull())
    without = count_all(nameless, {"n": nameless.count()}, shaped.name)["n"]
    if without:
        once = once.drop_null("event_id").union(nameless)
    dropped, differing = shaped.rows - found["named"] - without, found["named"] - found["ids"]
    said = [f"{shaped.name}: {schema.say(shaped.rows, 'event')}, {dropped:,} of them dropped as exact duplicates"]
    if differing:
        same = f"{schema.say(differing, 'event')} with the id of another that differs, kept"
        said.append(f"{shaped.name}, column event_id: {same}")
    return replace(shaped, table=once, messages=(*shaped.messages, *said))


def refuse_total(accounts, shaped, design):
    """Refuse an account as large as all others together, which is their total."""
    if design.size is None:
        return
    size = accounts[design.size]
    found = count_all(accounts, {"n": (size > 0).sum(), "sum": size.sum(), "largest": size.max()}, shaped.name)
    fault = f"with the sum of all others, so that it is a total and no {design.unit}; leave it out"
    is_total = found["n"] > LEAST_SIZED and abs(2 * found["largest"] - found["sum"]) < 1e-9 * found["sum"]
    schema.refuse_some(int(is_total), "row", f"{shaped.name}, column {design.size}", fault)
