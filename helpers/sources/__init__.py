"""Any table as an Ibis table, checked and counted: files, DuckDB files, databases, public and simulated data.

It becomes one row a unit or an account, with its events beside it.
"""

import difflib
import re
from dataclasses import dataclass, field, replace

import ibis
import pandas as pd

from helpers import schema
from helpers.records import DataInfo, Refused
from helpers.sources import frames, tables
from helpers.sources.meeting import meet_events
from helpers.sources.opening import (
    ask,
    connect,
    count_all,
    open_given,
    open_table,
    put_control,
    read_address,
    read_model,
)

LEAST_REPEATED, MOST_REPEATED = 3, 0.02  # exact repeats beyond both are several rows a unit, not a slip
MOST_MIXED = 0.01  # of the units, in two arms or clusters, above which that is what is wrong with repeats
CAUSES = {  # why an id may be unknown: what is taken from both sides, and the words for it
    "without the zeros before them": ("^0+([0-9A-Za-z])", r"\1"),
    "with letters of another case": None,
    "without a decimal ending such as .0": ("[.]0+$", ""),
    "without dashes or braces": ("[-{}]", ""),
}
LEAST_REWRITTEN, MOST_REWRITTEN = 10, 0.05  # events of ids that are written in two ways, and their share of all
MANY_LABELS = 1000
MANY_NAMES = 10_000
MANY_UNKNOWN = 20  # more are no labels, and may be ids or names of people: none is shown
ROWS_A_PART = 5_000_000


@dataclass(frozen=True)
class Source:
    """The data of one experiment, checked; the tables are Ibis expressions on one engine.

    `units` has one row a unit: `unit` and `variant` (text, the plan's spelling), the plan's other columns typed,
    every further column as it came. `events` has `unit`, `event`, `at` (UTC), `value` (null where there is none)
    and further columns; it may hold events of unknown or excluded units. `n_assigned` counts units before those in
    two variants (`n_two_variants`) are left out; `n_duplicates` rows that repeated another exactly. `meeting`
    counts how events lie beside assignments, as `meet_events` does; None without events.
    """

    units: ibis.Table = field(repr=False)
    events: ibis.Table | None = field(repr=False)
    info: DataInfo
    n_assigned: int
    n_two_variants: int
    n_duplicates: int
    truth: dict | None = field(default=None, repr=False)
    meeting: pd.DataFrame | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AccountSource:
    """The data of one framework, checked; the tables are Ibis expressions on one engine.

    `accounts` has one row an account: `unit` (text), `started_at` (UTC; absent for a snapshot), the plan's other
    columns typed under their own names (null where missing), further ones as they came. `events` has `unit`, `event`,
    `at` (UTC), `value` (null where there is none) and further columns; it may hold events of accounts that are not in
    the table, before the start and after the loss. None for a snapshot. `names` are those that `unit` and `started_at`
    came with.
    """

    accounts: ibis.Table = field(repr=False)
    events: ibis.Table | None = field(repr=False)
    info: DataInfo
    truth: dict | None = field(default=None, repr=False)
    names: dict[str, str] = field(default_factory=dict, repr=False)

    def frame(self, *, most=None) -> pd.DataFrame:
        """Return one row an account in pandas, in order of its id: every column under the name that it came with.

        Parameters
        ----------
        most : int, optional, at most so many rows
        """
        table = self.accounts.rename(self.names)
        return frames.read_frame(table, table.columns[self.accounts.columns.index("unit")], most)


def load(
    design, data, *, table=None, events=None, events_table=None, simulation=None, threads=1, is_history=False
) -> Source:
    """Return any table, checked and counted, as the units of an experiment and their events.

    Parameters
    ----------
    design : ExperimentPlan
    data : str, list of str or a table
        `simulated`, `public:NAME`, the path of a file or several, `duckdb:PATH`, or an Ibis URL whose password is
        `${NAME}`; or a table of pandas, Polars, Arrow or Ibis. One row a unit; with `events`, the assignments.
    table : str, optional, the table in a database
    events : str, list of str or a table, optional, in the same forms: one row an event
    events_table : str, optional
    simulation : dict, optional, `study` and the arguments of its simulation; needed by `simulated`
    threads : int, of DuckDB; 1 gives figures that are bit-identical from run to run
    is_history : bool
        Whether units from before an experiment do: without a column of the variant all are as the control is.

    Returns
    -------
    Source: units in two variants and exact duplicate rows left out and counted, nothing else.

    Raises
    ------
    Refused: whatever cannot be read in one way only: one message with file, column, count and cure.
    """
    given = open_given(design, data, table, events, events_table, simulation, threads)
    given = replace(given, units=put_control(given, design.variant)) if is_history else given
    columns = given.units.table.columns
    heard, names = _hear(given, design, schema.list_event_names(design, columns))
    _refuse_unread(design, columns, names)
    wanted = schema.list_unit_columns(design, events=names)
    complete = {"unit", "variant", design.assigned_at, design.cluster}
    shaped = tables.shape_table(given.backend, given.units, wanted, design, name="units", complete=complete)
    shaped, labels = _read_variants(shaped, design)
    keys = ["unit", design.cluster] if design.cluster else ["unit"]
    units, n_assigned, n_duplicates, n_two = _keep_once(given.backend, shaped, design, keys)
    if units is not shaped.table:
        labels = _count_labels(units, shaped.name)
    by_variant, said = _list_variants(labels, shaped.name, design, n_two, is_history=is_history)
    n = sum(by_variant.values())
    steps = (
        ("read", shaped.rows, "rows of the table"),
        ("exact duplicates dropped", n_duplicates, "rows that repeat another in every column"),
        ("in two variants, left out", shaped.rows - n_duplicates - n, f"rows of {schema.say(n_two, design.unit)}"),
        ("kept", n, "one row a unit"),
    )
    told, meeting = (*said, *(heard.messages if heard else ())), None
    if heard:
        _refuse_clocks(heard, shaped, design)
        meeting = meet_events(heard, units, design)
        if n_two or meeting.loc[meeting["what"] == "age", "variant"].isna().any():
            told += _tell_events(heard, shaped.table, "an assigned unit", "units that were never assigned")
    more = {"units_by_variant": by_variant, "steps": steps, "messages": (*shaped.messages, *told)}
    info = replace(given.info, rows=shaped.rows, units=n, **more)
    return Source(units, heard and heard.table, info, n_assigned, n_two, n_duplicates, given.truth, meeting)


def load_accounts(
    design, data, *, table=None, events=None, events_table=None, simulation=None, threads=1
) -> AccountSource:
    """Return any table of accounts, checked and counted, with their events.

    Parameters
    ----------
    design : FrameworkPlan
    data : str, list of str or a table
        `simulated`, `public:NAME`, the path of a file or several, `duckdb:PATH`, or an Ibis URL whose password is
        `${NAME}`; or a table of pandas, Polars, Arrow or Ibis. One row an account.
    table : str, optional, the table in a database
    events : str, list of str or a table, optional, in the same forms: one row an event. A snapshot has none.
    events_table : str, optional
    simulation : dict, optional, `study` and the arguments of its simulation; needed by `simulated`
    threads : int, of DuckDB; 1 gives figures that are bit-identical from run to run

    Returns
    -------
    AccountSource: exact duplicates of a row left out and counted, nothing else.

    Raises
    ------
    Refused: whatever cannot be read in one way only: one message with file, column, count and cure; an account
        without id or start, or in two rows that differ; events left out, or given for a snapshot; an event of the
        plan that does not occur while one with nearly its name does.
    """
    given = open_given(design, data, table, events, events_table, simulation, threads)
    if given.events is None and not design.is_snapshot:
        raise Refused(
            "events: left out, and the plan reads its milestones from events; name the table with one row an event"
        )
    if given.events is not None and design.is_snapshot:
        raise Refused("events: the plan has no started_at and reads none; name it in the plan, or leave events out")
    heard, _ = _hear(given, design, schema.list_account_event_names(design))
    retained, wanted = design.outcomes.retained, schema.list_account_columns(design)
    complete = {"unit", "started_at", retained.column, retained.time}
    shaped = tables.shape_table(given.backend, given.units, wanted, design, name="accounts", complete=complete)
    accounts, _, n_duplicates, _ = _keep_once(given.backend, shaped, design)
    steps = (
        ("read", shaped.rows, "rows of the table"),
        ("exact duplicates dropped", n_duplicates, "rows that repeat another in every column"),
        ("kept", shaped.rows - n_duplicates, "one row an account"),
    )
    told = heard.messages if heard else ()
    if heard:
        _refuse_clocks(heard, shaped, design)
        told += _tell_events(heard, accounts, "an account of the table", "accounts that are not in the table")
    n, messages = shaped.rows - n_duplicates, (*shaped.messages, *told)
    info = replace(given.info, rows=shaped.rows, units=n, steps=steps, messages=messages)
    names = {name: of for name, of in ((design.unit_id, "unit"), (design.started_at, "started_at")) if name}
    return AccountSource(accounts, heard and heard.table, info, given.truth, names)


def _hear(given, design, planned):
    """Return the events as `unit`, `event`, `at` (UTC), `value` (null without) and further columns, and their names.

    Refused is an event of the plan that does not occur while one with nearly its name does; None without events.
    """
    if given.events is None:
        return None, None
    wanted, complete = schema.list_event_columns(design), {"unit", "event", "at"}
    shaped = tables.shape_table(given.backend, given.events, wanted, design, name="events", complete=complete)
    table, said = shaped.table, [f"{shaped.name}: {schema.say(shaped.rows, 'event')}"]
    if "value" not in table.columns:
        table = table.mutate(value=ibis.null("float64"))
    shaped = replace(shaped, table=table)
    if "event_id" in table.columns:
        shaped, said = _drop_repeated(shaped), []
    names = shaped.table.select("event").distinct().order_by("event").limit(MANY_NAMES + 1)
    found = ask(lambda: names.to_pyarrow()["event"].to_pylist(), shaped.name)
    where = f"{shaped.name}, column event"
    if len(found) > MANY_NAMES:
        raise Refused(f"{where}: more than {MANY_NAMES:,} different names; give the kind of each event")
    free = {name.casefold(): name for name in found if name not in planned}
    for name in planned:
        if name in found:
            continue
        near = difflib.get_close_matches(name.casefold(), free, 1, cutoff=0.85)
        near = near or [known.casefold() for known in found if sorted(known.casefold()) == sorted(name.casefold())]
        if near:
            meant = schema.cut(free.get(near[0], near[0]))
            raise Refused(f"{where}: no event {schema.cut(name)}, which the plan names; did you mean {meant}?")
        said.append(f"{where}: no event {schema.cut(name)} occurs, which the plan names")
    return replace(shaped, messages=(*shaped.messages, *said)), set(found)


def _refuse_unread(design, columns, names):
    """Refuse a metric that would read an event that never occurs, while a column of the table has its name."""
    for name, metric in design.metrics.items() if names is not None else ():
        is_read = metric.how.total and not (metric.column or metric.event or metric.time)
        if is_read and name in columns and name not in names:
            raise Refused(
                f"plan, metrics.{name}: beside events it reads an event of this name, which does not occur, and the "
                f"table has a column {name}; write column: {name}, or event: and the names of its events"
            )


def _tell_events(heard, units, known, unknown):
    """Return the sentence on events of no known unit, if there are any, and why; refused where all are."""
    strange = heard.table.anti_join(units, "unit")
    n = count_all(strange, {"n": strange.count()}, heard.name)["n"]
    if not n:
        return ()
    said, causes, most = f"{heard.name}: {schema.say(n, 'event')}", [], 0
    for words, taken in CAUSES.items():
        keys = [table.unit.re_replace(*taken) if taken else table.unit.lower() for table in (strange, units)]
        meant = strange.mutate(key=keys[0]).semi_join(units.select(key=keys[1]), "key")
        found = count_all(meant, {"n": meant.count()}, heard.name)["n"]
        causes, most = causes + [f"{found:,} of them would be known {words}"] * bool(found), max(most, found)
    cure = "; ".join(causes) + (": " if causes else "") + "write the ids alike in both tables"
    every = count_all(heard.table, {"n": heard.table.count()}, heard.name)["n"]
    if n == every:
        raise Refused(f"{said}, none of {known}; {cure}")
    if most >= LEAST_REWRITTEN and most > MOST_REWRITTEN * every:  # they may all be of one arm
        raise Refused(f"{said} of {unknown}; {cure}")
    return (f"{said} of {unknown}, not used" + (f"; {cure}" if causes else ""),)


def _refuse_clocks(heard, shaped, design):
    """Refuse times with a zone in one table beside times without one in the other, unless the plan names the zone."""
    places = [(f"{t.name}, column {column}", *n) for t in (heard, shaped) for column, n in t.clocks.items()]
    zoned = next(((where, n) for where, n, _ in places if n), None)
    for where, _, clocked in places if zoned and design.time_zone is None else ():
        fault = f"of day without a time zone, and {zoned[1]:,} with one in {zoned[0]}; {tables.IN_ZONE}"
        schema.refuse_some(clocked, "time", where, fault)


def read_table(data, *, table=None) -> ibis.Table:
    """Return one table as it came, unchecked, for drafting a plan; the columns of text files are text.

    Parameters
    ----------
    data : str, list of str or a table: files, `duckdb:PATH`, an Ibis URL, or a table of pandas, Polars, Arrow or Ibis
    table : str, optional

    Raises
    ------
    Refused: what cannot be opened or parsed; simulated or public data, which have plans.
    """
    place = read_address(data)
    if place.kind in ("simulated", "public"):
        raise Refused(f"data: {place.name} has a plan already; give a table of your own")
    backend = connect([place])
    return open_table(backend, place, name="units", table=table).table


def _read_variants(shaped, design):
    """Return the table with the plan's spelling of each variant, compared trimmed and case-folded, and their rows."""
    found = _count_labels(shaped.table, shaped.name)
    where = f"{shaped.name}, column {design.variant.column}"
    planned = [*design.variant.arms, *design.variant.observational]
    if len(found) > MANY_LABELS:
        raise Refused(
            f"{where}: more than {MANY_LABELS:,} different labels; name the column of the variant in the plan"
        )
    if set(found) <= set(planned):
        return shaped, found
    folded = {_fold(label): label for label in planned}
    folded = {} if len(folded) < len(planned) else folded
    reading = {label: label if label in planned else folded.get(_fold(label)) for label in found}
    unknown = [label for label, read in reading.items() if read is None]
    if len(unknown) > MANY_UNKNOWN:
        raise Refused(
            f"{where}: {len(unknown):,} different labels that the plan does not name, so that it is no column of "
            "variants; name the column of the variant in the plan"
        )
    near = [f"{schema.cut(u)} (nearest: {schema.cut(schema.sort_nearest(u, planned)[0])})" for u in unknown[:5]]
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    fault = (
        f"with a label that the plan does not name: {', '.join(near)}{more}; correct the table, or name the label in "
        "the plan (variant.observational holds groups outside the randomisation)"
    )
    schema.refuse_some(sum(found[label] for label in unknown), "row", where, fault)
    changed = {label: read for label, read in reading.items() if label != read}
    rows = schema.say(sum(found[label] for label in changed), "row")
    said = f"{where}: {rows} with a label that differs in spaces or case only, read as the plan's"
    merged = shaped.table.mutate(variant=shaped.table.variant.substitute(changed))
    rows_of = {read: sum(n for label, n in found.items() if reading[label] == read) for read in reading.values()}
    return replace(shaped, table=merged, messages=(*shaped.messages, said)), rows_of


def _fold(label):
    return " ".join(re.sub(f"[{tables.SPACES}]", " ", label).split()).casefold()


def _count_labels(table, shown):
    counted = table.group_by("variant").agg(rows=lambda t: t.count()).order_by(ibis.desc("rows"), "variant")
    rows = ask(lambda: counted.limit(MANY_LABELS + 1).to_pyarrow().to_pylist(), shown)
    return {row["variant"]: row["rows"] for row in rows}


def _keep_once(backend, shaped, design, keys=()):
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
    values = {f"y{i}": y.nunique() + (y.count() < table.count()).cast("int64") for i, y in enumerate(alike)}
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


def _list_variants(labels, shown, design, n_two, *, is_history=False):
    """Return the units of each variant in the plan's order, and the sentence on variants without any."""
    where = f"{shown}, column {design.variant.column}"
    by_variant = {label: labels.get(label, 0) for label in [*design.variant.arms, *design.variant.observational]}
    filled = [label for label, n in by_variant.items() if n]
    if len(filled) < 2 and not is_history:
        only, left = filled[0] if filled else "none", ""
        if n_two:
            spread = f"whose {design.cluster} stands in" if design.cluster else "in"
            left = f" once {schema.say(n_two, 'unit')} {spread} two variants are left out"
        raise Refused(
            f"{where}: one variant only ({schema.cut(only)}){left}; a comparison needs control and a treatment"
        )
    control, empty = design.variant.control, [schema.cut(label) for label, n in by_variant.items() if not n]
    if not by_variant[control]:
        raise Refused(f"{where}: no unit in control, {schema.cut(control)}; give the units of control too")
    return by_variant, (f"{where}: no unit in {', '.join(empty)}",) if empty and not is_history else ()


def _drop_repeated(shaped):
    """Return the events without those that repeat another whole, where an `event_id` says that they are one.

    Events without an id may be equal and real; events with one id and different content are kept, and counted.
    """
    table = shaped.table
    if table["event_id"].type().is_string():
        table = table.mutate(event_id=tables.fill(table["event_id"]))
    once = table.distinct()
    counts = {"named": once["event_id"].count(), "ids": once["event_id"].nunique()}
    found = count_all(once, counts, shaped.name)
    nameless = table.filter(table["event_id"].isnull())  # noqa: PD003 (a column of Ibis)
    without = count_all(nameless, {"n": nameless.count()}, shaped.name)["n"]
    if without:
        once = once.drop_null("event_id").union(nameless)
    dropped, differing = shaped.rows - found["named"] - without, found["named"] - found["ids"]
    said = [f"{shaped.name}: {schema.say(shaped.rows, 'event')}, {dropped:,} of them dropped as exact duplicates"]
    if differing:
        same = f"{schema.say(differing, 'event')} with the id of another that differs, kept"
        said.append(f"{shaped.name}, column event_id: {same}")
    return replace(shaped, table=once, messages=(*shaped.messages, *said))
