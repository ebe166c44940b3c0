"""Ids and rows that stand more than once, are written in two ways, or are known to one of two tables alone."""

import difflib
import re
import unicodedata
from dataclasses import replace

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources.numerals import SPACES, fill
from helpers.sources.opening import ask, count_all

LEAST_REPEATED, MOST_REPEATED = 3, 0.02  # exact repeats beyond both are several rows a unit, not a slip
MOST_MIXED = 0.01  # of the units, in two arms or clusters, above which that is what is wrong with repeats
FEW_IDS, MANY_ROWS = 20, 200  # so few values in so many rows are no ids
LEAST_SIZED = 10  # accounts with a size, up to which one may well be as large as all others
ROWS_A_PART = 5_000_000
MIXED = (
    "in two variants, and others in several rows; find out why, and give each unit one row in the variant of its "
    "first assignment"
)
LOGGED = (
    "more than once, in rows that differ in times or in columns outside the plan alone, like a log of exposures; keep "
    "the first row of each unit, or one row with their sum where each is an order"
)
DIFFERING = "more than once, with different rows; give one row a unit, or its events as events"
REPEATED = (
    "repeat another in every column, so that it has several rows a unit, such as one an order; give one row a unit "
    "with their sum, or the rows as events; of a log of exposures keep the first row of each unit, and of rows that "
    "were exported twice one"
)


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
    where = f"{shaped.name}, column {design.unit_id}"
    if n_assigned <= FEW_IDS and shaped.rows > MANY_ROWS and not design.cluster:
        told = f"{schema.say(n_assigned, 'value')} in {schema.say(shaped.rows, 'row')}, so that it tells no"
        raise Refused(f"{where}: {told} {design.unit} from another; name the column of the id in the plan (unit_id)")
    if n_assigned < shaped.rows or len(keys) > 1:
        table = table.distinct() if n_assigned < shaped.rows else table
        n_duplicates = shaped.rows - count_all(table, {"n": table.count()}, shaped.name)["n"]
        if len(keys) > 1:  # a number may be unique within its cluster only
            clusters = table.group_by("unit").agg(n=lambda t: t[design.cluster].nunique())
            n = count_all(clusters, {"n": (clusters.n > 1).sum()}, shaped.name)["n"]
            fault = f"of {n_assigned:,} in more than one {design.cluster}, as a number is that is unique within its"
            fault = f"{fault} {design.cluster} only; make one id of both"
            schema.refuse_some(n if n > MOST_MIXED * n_assigned else 0, "unit", where, fault)
        for key in keys:
            spread = table.group_by(key).agg(n_variants=lambda t: t.variant.nunique())
            spread = spread.filter(spread.n_variants > 1).select(key)
            within = table.unit.nunique(where=table[key].isin(spread[key]))
            if n := count_all(table, {"n": within}, shaped.name)["n"]:
                table, n_two = table.anti_join(spread, key), n_two + n
        if (n_two or n_duplicates) and backend.name == "duckdb":  # made once; elsewhere it stays a query
            kept = table
            table = ask(lambda: backend.create_table("kept_units", kept), shaped.name)
        start = getattr(design, "assigned_at", None)
        _refuse_repeats(table, shaped, where, start, n_dropped=n_duplicates, n_two=n_two, n_assigned=n_assigned)
    return table, n_assigned, n_duplicates, n_two


def _refuse_repeats(table, shaped, where, start, *, n_dropped, n_two, n_assigned):
    """Refuse several rows a unit, by what they look like: mixed arms, a log of exposures, a log of something else."""
    alike = [table[name] for name in shaped.planned if name not in ("unit", "variant", start)]
    values = {f"y{i}": y.nunique() + (y.count() < table.count()).cast("int32") for i, y in enumerate(alike)}
    units, is_log = table.group_by("unit").agg(n=table.count(), **values), ibis.literal(True)
    for name in values:
        is_log = is_log & (units[name] <= 1)  # an unknown value is one of its own
    found = count_all(units, {"n": (units.n > 1).sum(), "log": ((units.n > 1) & is_log).sum()}, shaped.name)
    n, many = found["n"], n_dropped >= LEAST_REPEATED and n_dropped > MOST_REPEATED * shaped.rows
    is_mixed = n_two > MOST_MIXED * n_assigned and (n or many)
    schema.refuse_some(n_two if is_mixed else 0, "unit", where, f"of {n_assigned:,} {MIXED}")
    schema.refuse_some(n, "unit", where, LOGGED if 2 * found["log"] > n else DIFFERING)
    if many:
        raise Refused(f"{shaped.name}: {n_dropped:,} of {shaped.rows:,} rows {REPEATED}")


def drop_repeated(shaped):
    """Return the events without those that repeat another whole, where an `event_id` says that they are one.

    Events without an id may be equal and real; events with one id and different content are kept, and counted.
    """
    table = shaped.table
    if table["event_id"].type().is_string():
        table = table.mutate(event_id=fill(table["event_id"]))
    once, nameless = table.distinct(), table.filter(table["event_id"].isnull())
    counts = {"named": once["event_id"].count(), "ids": once["event_id"].nunique()}
    named, n_ids, without = count_all(once, counts, shaped.name, nameless.aggregate(without=nameless.count())).values()
    once = once.drop_null("event_id").union(nameless) if without else once
    dropped = schema.say(shaped.rows, "event"), shaped.rows - named - without
    said = [f"{shaped.name}: {dropped[0]}, {dropped[1]:,} of them dropped as exact duplicates"]
    if named > n_ids:
        same = f"{schema.say(named - n_ids, 'event')} with the id of another that differs, kept"
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


CAUSES = {  # why an id may be unknown: what is taken from both sides, and the words for it
    "without the zeros before them": ("^0+([0-9A-Za-z])", r"\1"),
    "with letters of another case": None,
    "without a decimal ending such as .0": ("[.]0+$", ""),
    "without dashes, commas, braces or quotes": ("[-,{}\"'=]", ""),
}
AFFIXES = {  # the same of what another system may have put before an id, or after it: a stranger's may look alike
    "without what follows their first sign": ("[^0-9A-Za-z].*$", ""),
    "without what stands before their last sign": ("^.*[^0-9A-Za-z]", ""),
    "without what stands before their digits": ("^[^0-9]+", ""),
    "without what follows their last digit": ("[^0-9]+$", ""),
}
FAR = 5.0  # standard errors between the shares of two arms, beyond which an affix is no stranger's
LEAST_REWRITTEN, MOST_REWRITTEN = 10, 0.01  # events of ids that are written in two ways, and their share in an arm
LEAST_ALIKE, MOST_UNLIKE = 5, 0.1  # units in two spellings, and the share of them whose rows differ
MOST_RENAMED = 0.001  # of the events of a name, in another spelling: they may all be of one arm


def tell_unheard(planned, found, where, features):
    """Return what is to be said of events of the plan that never occur.

    Refused is one with nearly the name of another that occurs, and any feature, which nobody could reach.
    """
    free, said = {name.casefold(): name for name in found if name not in planned}, []
    for name in (name for name in planned if name not in found):
        near = difflib.get_close_matches(name.casefold(), free, 1, cutoff=0.85)
        near = near or [known.casefold() for known in found if sorted(known.casefold()) == sorted(name.casefold())]
        if near:
            meant = schema.cut(free.get(near[0], near[0]))
            raise Refused(f"{where}: no event {schema.cut(name)}, which the plan names; did you mean {meant}?")
        told = f"{where}: no event {schema.cut(name)} occurs, which the plan names"
        if name in features:
            near = schema.list_nearest(name, found)
            raise Refused(f"{told} as a feature; nearest: {near}; correct the name, or leave the feature out")
        near = difflib.get_close_matches(name.casefold(), free, 1)
        said.append(f"{told}; did you mean {schema.cut(free[near[0]])}?" if near else told)
    return said


def tell_renamed(shaped, planned, found, where):
    """Return the sentence on events that are named as one of the plan in another spelling; refused where many are."""
    apart = re.compile(f"[{SPACES}_\u2010-\u2015\u2212-]")
    plain = {n: apart.sub("", unicodedata.normalize("NFKC", n)).casefold() for n in (*planned, *found)}
    alike = {plain[name]: name for name in planned}
    meant = {name: alike[plain[name]] for name in found if name not in planned and plain[name] in alike}
    if not meant:
        return ()
    names = shaped.table["event"]
    counts = {"n": names.isin(list(meant)).sum(), "every": names.isin([*meant, *meant.values()]).sum()}
    n, every = count_all(shaped.table, counts, shaped.name).values()
    name = schema.cut(next(iter(meant.values())))
    told = f"with a name that differs from {name} in case, spaces, dashes or accents only"
    cure = "write each name in one way, or list them all under event"
    schema.refuse_some(n if n > MOST_RENAMED * every else 0, "event", where, f"{told}; {cure}")
    return (f"{where}: {schema.say(n, 'event')} {told}, not used; {cure}",)


def tell_twins(units, shaped, heard):
    """Return sentences on ids of one table that differ in case or in zeros before them only.

    Refused are such ids where the events know one spelling alone, as they may then be of either.
    """
    if not shaped.ids.type().is_string():
        return ()
    told, unit = [], units["unit"]
    plain = {"case": unit.lower(), "zeros before them": unit.startswith("0").ifelse(unit.re_replace("^0+", ""), unit)}
    plain["dashes"] = unit.contains("-").ifelse(unit.re_replace("-", ""), unit)
    n_plain = {f"n{i}": (key == unit).sum() for i, key in enumerate(plain.values())}
    every, *alike = count_all(units, {"every": units.count(), **n_plain}, shaped.name).values()
    for (words, key), n in zip(plain.items(), alike, strict=True):
        if n in (0, every):
            continue  # all are written in one way
        spelled = units.mutate(key=key)
        keys = spelled.group_by("key").aggregate(n=spelled.count())
        twins = spelled.semi_join(keys.filter(keys["n"] > 1), "key")
        found = count_all(twins, {"n": twins.count()}, shaped.name)["n"]
        if not found:
            continue
        said = f"{shaped.name}, column unit: {schema.say(found, 'id')} that another differs from in {words} only"
        if _is_one(twins, shaped.name):
            cure = "write each id in one way, and give one row a unit"
            raise Refused(f"{said}, in rows or variants that are alike, as those of one unit are; {cure}")
        if heard:
            known = twins.semi_join(heard.table, "unit")
            counts = count_all(known, {"n": known.count(), "plain": (known["unit"] == known["key"]).sum()}, heard.name)
            if counts["n"] >= LEAST_REWRITTEN and (counts["plain"] or 0) in (0, counts["n"]):
                raise Refused(f"{said}, and {heard.name} knows one spelling alone; write the ids alike in both tables")
        told.append(f"{said}, each a unit of its own")
    return told


def _is_one(twins, shown) -> bool:
    """Whether ids in two spellings are of one unit: their rows are alike, or many stand in one variant."""
    arm = twins["variant"] if "variant" in twins.columns else ibis.literal("")
    groups, rows = twins.group_by("key").aggregate(arms=arm.nunique()), twins.drop("unit").distinct()
    found = count_all(groups, {"n": groups.count(), "apart": (groups["arms"] > 1).sum()}, shown)
    n, more = found["n"], count_all(rows, {"rows": rows.count()}, shown)["rows"] - found["n"]
    is_alike = n >= LEAST_ALIKE and more <= MOST_UNLIKE * n and len(rows.columns) > 2  # beside the variant
    return is_alike or ("variant" in twins.columns and n >= LEAST_REWRITTEN and not found["apart"])


def tell_events(heard, units, known, unknown):
    """Return the sentence on events of no known unit, if there are any, and how many are of an id that is written so.

    Refused where all are of no known unit, or those of one arm are.
    """
    strange = heard.table.anti_join(units, "unit")
    n = count_all(strange, {"n": strange.count()}, heard.name)["n"]
    if not n:
        return (), 0
    said, causes, is_grave, meant = f"{heard.name}: {schema.say(n, 'event')}", [], False, 0
    arms = units.mutate(arm=units.variant if "variant" in units.columns else ibis.literal(""))
    every = _count_by_arm(heard.table, arms, heard.table.unit, arms.unit)
    for words, taken in CAUSES.items():
        keys = [table.unit.re_replace(*taken) if taken else table.unit.lower() for table in (strange, arms)]
        found = _count_by_arm(strange, arms, *keys)
        causes += [f"{sum(found.values()):,} of them would be known {words}"] if found else []
        is_grave |= any(k >= LEAST_REWRITTEN and k > MOST_REWRITTEN * (k + every.get(a, 0)) for a, k in found.items())
    for words, taken in AFFIXES.items() if n >= LEAST_REWRITTEN else ():
        found, has_letters = ({}, False) if causes else _count_affixed(strange, arms, taken)
        if sum(found.values()) >= LEAST_REWRITTEN:
            causes.append(f"{sum(found.values()):,} of them would be known {words}")
            is_grave |= _is_of_one_arm(found, every)
            meant = sum(found.values()) if has_letters else 0  # a number alone may well be another's
    cure = "; ".join(causes) + (": " if causes else "") + "write the ids alike in both tables"
    if not every:
        raise Refused(f"{said}, none of {known}; {cure}")
    if is_grave:
        raise Refused(f"{said} of {unknown}; {cure}")
    return (f"{said} of {unknown}, not used" + (f"; {cure}" if causes else ""),), meant


def tell_strangers(heard, accounts, retained):
    """Return the sentence on events of no account of the table; refuse ids that are written anew at the loss."""
    if retained.lost_at or retained.lost:
        losses = heard.table.filter(heard.table["event"].isin(retained.lost))["unit"]
        is_lost = accounts[retained.lost_at].notnull() if retained.lost_at else accounts["unit"].isin(losses)
        accounts = accounts.mutate(variant=is_lost.ifelse("lost", "kept"))
    return tell_events(heard, accounts, "an account of the table", "accounts that are not in the table")[0]


def _count_by_arm(events, units, key, own) -> dict:
    """The events of each arm, known by a key of theirs that is one of a unit's own."""
    named = units.select("arm", key=own).distinct()  # a view, as events without a unit were joined to these already
    known = events.select(key=key).view().inner_join(named, "key")
    counted = known.group_by("arm").aggregate(n=known.count()).order_by("arm")
    return {row["arm"]: row["n"] for row in ask(lambda: counted.to_pyarrow().to_pylist(), "events")}


def _count_affixed(events, units, taken) -> tuple[dict, bool]:
    """The events of each arm that are known by what an affix leaves of an id, and whether that has letters.

    None where it leaves no id of its own.
    """
    keys = [table.unit.re_replace(*taken) for table in (events, units)]
    cores = units.select(key=keys[1])
    counts = {"n": cores.count(), "own": cores["key"].nunique(where=cores["key"] != "")}
    counts["named"] = cores["key"].re_search("[A-Za-z]").sum()
    n, own, named = count_all(cores, counts, "units").values()
    return (_count_by_arm(events, units, *keys) if own >= (1 - MOST_REWRITTEN) * n else {}), named == n


def _is_of_one_arm(found, every) -> bool:
    """Whether the events of ids that are written otherwise are those of an arm more than of another."""
    n = {arm: every.get(arm, 0) + found.get(arm, 0) for arm in {*every, *found}}
    total, lost = sum(n.values()), sum(found.values())
    if lost < LEAST_REWRITTEN or len(n) < 2 or lost == total:
        return False
    shares = [found.get(arm, 0) / n[arm] for arm in n]
    spread = (lost / total * (1 - lost / total) * 2 / min(n.values())) ** 0.5
    return max(shares) - min(shares) > MOST_REWRITTEN + FAR * spread
