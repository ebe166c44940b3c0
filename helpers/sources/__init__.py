"""Any table as an Ibis table, checked and counted: files, DuckDB files, databases, public and simulated data.

It becomes one row a unit or an account, with its events beside it.
"""

import difflib
import re
import unicodedata
from dataclasses import dataclass, field, replace
from html import escape

import ibis
import pandas as pd

from helpers import schema
from helpers.records import DataInfo, Refused
from helpers.sources import frames, ids, opening, tables
from helpers.sources.addresses import read_address
from helpers.sources.aggregated import MADE, number_rows, part_events, spread_rows
from helpers.sources.ids import drop_repeated, keep_once, refuse_total
from helpers.sources.meeting import meet_events
from helpers.sources.numerals import SPACES
from helpers.sources.opening import ask, read_model

LEAST_LOST, MOST_ON_A_DAY, MOST_ON_LAST = 30, 0.9, 0.1  # losses, and of them on one day, or on the last where all are
MANY_LABELS = 1000
MANY_NAMES = 10_000
FEW = 10  # rows of a label unlike any of the plan, which may be somebody's: it is not shown
MANY_UNKNOWN = 20  # more are no labels, and may be ids or names of people: none is shown
READ, DROPPED, SAME = "rows of the table", "exact duplicates dropped", "rows that repeat another in every column"


@dataclass(frozen=True)
class Source:
    """The data of one experiment, checked; the tables are Ibis expressions on one engine.

    `units` has one row a unit: `unit` and `variant` (text, the plan's spelling), the plan's other columns typed,
    every further column as it came. `events` has `unit`, `event`, `at` (UTC), `value` (null where there is none)
    and further columns; it may hold events of unknown or excluded units. `n_assigned` counts units before those in
    two variants (`n_two_variants`, in `n_two_rows`) are left out; `n_duplicates` rows that repeated another exactly.
    `meeting` counts how events lie beside assignments, as `meet_events` does; None without events.
    """

    units: ibis.Table = field(repr=False)
    events: ibis.Table | None = field(repr=False)
    info: DataInfo
    n_assigned: int
    n_two_variants: int
    n_duplicates: int
    truth: dict | None = field(default=None, repr=False)
    meeting: pd.DataFrame | None = field(default=None, repr=False)
    n_two_rows: int = 0

    def _repr_html_(self) -> str:
        """Return where the data come from and the units of each arm, in two lines, for notebooks."""
        arms = ", ".join(f"{arm} {n:,}" for arm, n in self.info.units_by_variant.items())
        beside = "events beside them" if self.events is not None else "no events"
        return f"<b>{escape(self.info.source)}</b>: {self.info.units:,} units ({escape(arms)}), {beside}"


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
    given = opening.open_given(design, data, table, events, events_table, simulation, threads)
    given = replace(given, units=opening.put_control(given, design.variant)) if is_history else given
    columns, arm = given.units.table.columns, design.variant.column
    is_log = {*(design.events.wide or (design.events.event, design.events.at))} & {*columns}
    if is_log and given.events and arm in {*given.events.table.columns} - {*columns}:
        told = f"has the column {arm}, which {given.units.name} lacks: data and events are swapped"
        raise Refused(f"{given.events.name}: {told}")
    if design.units_in_row:
        given = number_rows(given, design.unit_id)
    heard, names = _hear(given, design, schema.list_event_names(design, columns))
    _refuse_unread(design, columns, names)
    wanted = schema.list_unit_columns(design, events=names)
    complete = {"unit", "variant", design.assigned_at, design.cluster, schema.UNITS}
    shaped = tables.shape_table(given.backend, given.units, wanted, design, name="units", complete=complete)
    shaped, labels = _read_variants(shaped, design)
    keys = ["unit", design.cluster] if design.cluster else ["unit"]
    units, n_assigned, n_duplicates, n_two = keep_once(given.backend, shaped, design, keys)
    if design.units_in_row:
        units = spread_rows(shaped, design)
    if units is not shaped.table:
        _, labels = _read_variants(replace(shaped, table=units), design)
    by_variant, said = _list_variants(labels, shaped.name, design, n_two, is_history=is_history)
    n = sum(by_variant.values())
    n_rows = shaped.rows - n_duplicates - n
    left = ("in two variants, left out", n_rows, f"rows of {schema.say(n_two, design.unit)}")
    steps = (("read", shaped.rows, READ), (DROPPED, n_duplicates, SAME), left, ("kept", n, "one row a unit"))
    if design.units_in_row:
        n_assigned, n_rows, said = n, 0, (f"{shaped.name}: {MADE}", *said)
        steps = (("read", shaped.rows, "sums over units"), ("kept", n, "units that they hold"))
    meeting, met = _meet(heard, units, shaped, design, n_two) if heard else (None, ())
    messages = (*shaped.messages, *said, *ids.tell_twins(units, shaped, heard), *met)
    counted = {"rows": shaped.rows, "units": n, "units_by_variant": by_variant, "steps": steps}
    info = replace(given.info, messages=messages, **counted)
    return Source(units, heard and heard.table, info, n_assigned, n_two, n_duplicates, given.truth, meeting, n_rows)


def _meet(heard, units, shaped, design, n_two):
    """Return how events lie beside assignments, and what is to be said of it; refuse clocks that cannot be compared."""
    _refuse_clocks(heard, shaped, design)
    meeting, told = meet_events(heard, units, design), heard.messages
    if again := int(meeting.loc[meeting["what"] == "repeat", "n"].sum()):
        repeat = f"{schema.say(again, 'event')} repeat{'s' * (again == 1)}"
        told += (f"{heard.name}: {repeat} another of the same {design.unit}, counted",)
    if n_two or meeting.loc[meeting["what"] == "age", "variant"].isna().any():
        said, meant = ids.tell_events(heard, shaped.table, "an assigned unit", "units that were never assigned")
        told, row = told + said, meeting.tail(1).assign(what="meant", event="", variant=None, n=meant)
        meeting = pd.concat([meeting, row], ignore_index=True) if meant else meeting
    return meeting, told


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
    given = opening.open_given(design, data, table, events, events_table, simulation, threads)
    if given.events is None and not design.is_snapshot:
        told = "left out, and the plan reads its milestones from events; name the table with one row an event"
        raise Refused(f"events: {told}")
    if given.events is not None and design.is_snapshot:
        raise Refused("events: the plan has no started_at and reads none; name it in the plan, or leave events out")
    heard, _ = _hear(given, design, schema.list_account_event_names(design))
    retained, wanted = design.outcomes.retained, schema.list_account_columns(design)
    complete = {"unit", "started_at", retained.column, retained.time}
    shaped = tables.shape_table(given.backend, given.units, wanted, design, name="accounts", complete=complete)
    accounts, _, n_duplicates, _ = keep_once(given.backend, shaped, design)
    n = shaped.rows - n_duplicates
    steps = (("read", shaped.rows, READ), (DROPPED, n_duplicates, SAME), ("kept", n, "one row an account"))
    told = (*ids.tell_twins(accounts, shaped, heard), *(heard.messages if heard else ()))
    told += _refuse_losses(accounts, shaped, retained, heard)
    refuse_total(accounts, shaped, design)
    if heard:
        _refuse_clocks(heard, shaped, design)
        told += ids.tell_strangers(heard, accounts, retained)
    info = replace(given.info, rows=shaped.rows, units=n, steps=steps, messages=(*shaped.messages, *told))
    names = {name: of for name, of in ((design.unit_id, "unit"), (design.started_at, "started_at")) if name}
    return AccountSource(accounts, heard and heard.table, info, given.truth, names)


def _refuse_losses(accounts, shaped, retained, heard):
    """Refuse losses before the start of their account, none at all, and days that cannot be those; return doubts.

    So it is where nearly all stand on one day, the last of them (of another day it is said), where many of a table
    without a customer who stays stand on the last one, and where such a table lacks accounts that have events.
    """
    if not (retained.lost_at or retained.lost):
        return ()
    losses, where = accounts, f"{shaped.name}, column {retained.lost_at}"
    if retained.lost:
        losses, where = heard.table.filter(heard.table["event"].isin(retained.lost)), heard.name
    lost = losses[retained.lost_at or "at"]
    days = losses.filter(lost.notnull()).group_by(day=lost.truncate("D")).aggregate(n=lambda t: t.count())  # noqa: PD004
    days = ask(lambda: days.order_by("day").to_pyarrow().to_pandas(), shaped.name)
    if retained.lost_at and days.empty:
        raise Refused(f"{where}: empty in every row, so that nobody counts as lost; name the column of the losses")
    n, most, doubts = days["n"].sum(), days["n"].max() if len(days) else 0, ()
    day = days.loc[days["n"].idxmax(), "day"] if most else None
    is_last = day == days["day"].max()
    if most > max(LEAST_LOST, MOST_ON_A_DAY * n):
        told = f"{where}: {most:,} of {n:,} losses stand on {day.date()}"
        if is_last:
            raise Refused(f"{told}, as of an export; give the day of each loss")
        doubts = (f"{told}; check that this is the day of each loss",)
    if not retained.lost_at:
        return doubts
    rows = {"n": accounts.count(), "early": (lost.truncate("D") < accounts["started_at"].truncate("D")).sum()}
    rows = opening.count_all(accounts, rows, shaped.name)
    schema.refuse_some(rows["early"], "account", where, "lost before the day of their start; correct one of the days")
    if n < rows["n"]:
        return doubts
    if most > max(LEAST_LOST, MOST_ON_LAST * n) and is_last:
        told = f"every account has a day, and {most:,} have the last, {day.date()}"
        raise Refused(f"{where}: {told}; leave it empty where an account is not lost")
    strange = heard.table.anti_join(accounts, "unit").count().to_pyarrow().as_py() if heard else 0
    if strange and strange > MOST_ON_LAST * heard.table.count().to_pyarrow().as_py():
        told = f"every account is lost, and {schema.say(strange, 'event')} are of accounts that are not in the table"
        raise Refused(f"{where}: {told}; give the accounts that stay too")
    return doubts


def _hear(given, design, planned):
    """Return the events as `unit`, `event`, `at` (UTC), `value` (null without) and further columns, and their names.

    Refused is an event of the plan that does not occur while one with nearly its name does; None without events.
    """
    if given.events is None:
        return None, None
    wanted, complete = schema.list_event_columns(design), {"unit", "event", "at"}
    raw = part_events(given, design) if design.events.wide else given.events
    shaped = tables.shape_table(given.backend, raw, wanted, design, name="events", complete=complete)
    table, said, own = shaped.table, [f"{shaped.name}: {schema.say(shaped.rows, 'event')}"], design.events
    if "value" not in table.columns:
        table = table.mutate(value=ibis.null("float64"))
    if own.named:
        table = table.mutate(event=ibis.literal(own.named))
    shaped = replace(shaped, table=table)
    if "event_id" in table.columns:
        shaped, said = drop_repeated(shaped), []
    names = shaped.table.select("event").distinct().order_by("event").limit(MANY_NAMES + 1)
    found = ask(lambda: names.to_pyarrow()["event"].to_pylist(), shaped.name)
    where = shaped.name if own.named or own.wide else f"{shaped.name}, column {own.event}"
    if len(found) > MANY_NAMES:
        raise Refused(f"{where}: more than {MANY_NAMES:,} different names; give the kind of each event")
    features = design.features if design.kind == "framework" and given.info.kind == "yours" else []
    if not set(planned) <= set(found):
        said += ids.tell_unheard(planned, found, where, [f.event or f.name for f in features if not f.column])
    said += ids.tell_renamed(shaped, planned, found, where)
    return replace(shaped, messages=(*shaped.messages, *said)), set(found)


def _refuse_unread(design, columns, names):
    """Refuse a metric read from events where there are none, or none of its name while a column of the table has it."""
    own = {name: metric for name, metric in design.metrics.items() if not (metric.column or metric.time)}
    if names is None:
        lacking = {name: metric for name, metric in own.items() if not metric.numerator and name not in columns}
        if lacking and ("events" in design.model_fields_set or any(metric.event for metric in lacking.values())):
            told = f"events: left out, and the plan reads {next(iter(lacking))} from events; name their table"
            raise Refused(f"{told} (load: events=; check: --events; report: -p events=FILE; reports.yaml: events:)")
        return
    for name, metric in own.items():
        if metric.how.total and not metric.event and name in columns and name not in names:
            told = "beside events it reads an event of this name, which does not occur, and the table has a column"
            cure = f"write column: {name}, or event: and the names of its events"
            raise Refused(f"plan, metrics.{name}: {told} {name}; {cure}")


def _refuse_clocks(heard, shaped, design):
    """Refuse times with a zone in one table beside times without one in the other, unless the plan names the zone."""
    places = [(f"{t.name}, column {column}", *n) for t in (heard, shaped) for column, n in t.clocks.items()]
    zoned = next(((where, n) for where, n, _ in places if n), None)
    for where, _, clocked in places if zoned and design.time_zone is None else ():
        fault = f"of day without a time zone, and {zoned[1]:,} with one in {zoned[0]}; {tables.IN_ZONE}"
        schema.refuse_some(clocked, "time", where, fault)


def read_table(data, *, table=None, called="table") -> ibis.Table:
    """Return one table as it came, unchecked, for drafting a plan; the columns of text files are text.

    Parameters
    ----------
    data : str, list of str or a table: files, `duckdb:PATH`, an Ibis URL, or a table of pandas, Polars, Arrow or Ibis
    table : str, optional
    called : str, the parameter that names the table, for what is refused

    Raises
    ------
    Refused: what cannot be opened or parsed; simulated or public data, which have plans.
    """
    place = read_address(data)
    if place.kind in ("simulated", "public"):
        raise Refused(f"data: {place.name} has a plan already; give a table of your own")
    backend = opening.connect([place])
    return opening.open_table(backend, place, name="units", table=table, called=called).table


def _read_variants(shaped, design):
    """Return the table with the plan's spelling of each variant, compared trimmed and case-folded, and their rows."""
    counted = shaped.table.group_by("variant").agg(rows=lambda t: t.count()).order_by(ibis.desc("rows"), "variant")
    rows = ask(lambda: counted.limit(MANY_LABELS + 1).to_pyarrow().to_pylist(), shaped.name)
    found, where = {row["variant"]: row["rows"] for row in rows}, f"{shaped.name}, column {design.variant.column}"
    planned = [*design.variant.arms, *design.variant.observational]
    if set(found) <= set(planned):
        return shaped, found
    folded = {_fold(label): label for label in planned}
    folded = {} if len(folded) < len(planned) else folded
    reading = {label: label if label in planned else folded.get(_fold(label)) for label in found}
    unknown = [label for label, read in reading.items() if read is None]
    if max(len(found) / MANY_LABELS, len(unknown) / MANY_UNKNOWN) > 1:
        fault = f"{len(unknown):,} different labels that the plan does not name, so that it is no column of variants"
        fault = f"more than {MANY_LABELS:,} different labels" if len(found) > MANY_LABELS else fault
        raise Refused(f"{where}: {fault}; name the column of the variant in the plan")
    near = {u for u in unknown if difflib.get_close_matches(_fold(u), map(_fold, planned), 1)}
    named = [u for u in unknown if found[u] >= FEW or u in near][:5]
    near = ", ".join(f"{schema.cut(u)} (nearest: {schema.cut(schema.sort_nearest(u, planned)[0])})" for u in named)
    near += f" and {len(unknown) - len(named)} more" if near and len(unknown) > len(named) else ""
    cure = "name the label in the plan (variant.observational holds groups outside the randomisation)"
    fault = f"with a label that the plan does not name{near and ': '}{near}; correct the table, or {cure}"
    schema.refuse_some(sum(found[label] for label in unknown), "row", where, fault)
    changed = {label: read for label, read in reading.items() if label != read}
    rows = schema.say(sum(found[label] for label in changed), "row")
    said = f"{where}: {rows} with a label that differs in spaces or case only, read as the plan's"
    merged = shaped.table.mutate(variant=shaped.table.variant.substitute(changed))
    rows_of = {read: sum(n for label, n in found.items() if reading[label] == read) for read in reading.values()}
    return replace(shaped, table=merged, messages=(*shaped.messages, said)), rows_of


def _fold(label):
    return " ".join(re.sub(f"[{SPACES}]", " ", label).split()).casefold()


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
        fault = f"one variant only ({schema.cut(only)}){left}; a comparison needs control and a treatment"
        raise Refused(f"{where}: {fault}")
    control, empty = design.variant.control, [schema.cut(label) for label, n in by_variant.items() if not n]
    if not by_variant[control]:
        raise Refused(f"{where}: no unit in control, {schema.cut(control)}; give the units of control too")
    return by_variant, (f"{where}: no unit in {', '.join(empty)}",) if empty and not is_history else ()
