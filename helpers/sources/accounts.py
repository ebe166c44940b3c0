"""Accounts: the customers of a framework and their events, checked and counted."""

from __future__ import annotations

from dataclasses import dataclass, field

import ibis

from helpers import schema
from helpers.records import DataInfo, Refused
from helpers.sources import engine
from helpers.sources.events import count_unknown_units, list_events, shape_events
from helpers.sources.opening import describe_given, open_given
from helpers.sources.shaping import shape_table
from helpers.sources.units import count_different, refuse_twice, store_kept

STRANGE = {"known": "an account of the table", "unknown": "accounts that are not in the table"}


@dataclass(frozen=True)
class AccountSource:
    """The data of one framework, checked; the tables are Ibis expressions on one engine.

    `accounts` has one row an account: `unit` (text), `started_at` (UTC; absent for a snapshot), the plan's other
    columns typed under their own names (null where missing), further ones as they came. `events` has `unit`, `event`,
    `at` (UTC), `value` (null where there is none) and further columns; it may hold events of accounts that are not in
    the table, before the start and after the loss. None for a snapshot.
    """

    accounts: ibis.Table = field(repr=False)
    events: ibis.Table | None = field(repr=False)
    info: DataInfo
    truth: dict | None = field(default=None, repr=False)


def load_accounts(
    design, data, *, table=None, events=None, events_table=None, simulation=None, threads=1
) -> AccountSource:
    """Return any table of accounts, checked and counted, with their events.

    Parameters
    ----------
    design : FrameworkPlan
    data : str or list of str
        `simulated`, `public:NAME`, the path of a file or several, `duckdb:PATH`, or an Ibis URL whose password is
        `${NAME}`. One row an account.
    table : str, optional, the table in a database
    events : str or list of str, optional, in the same forms: one row an event. A snapshot has none.
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
    read = {"table": table, "events": events, "events_table": events_table}
    given = open_given(design, data, **read, simulation=simulation, threads=threads)
    _refuse_events(design, given)
    heard, absent = None, ()
    if given.events:
        heard = shape_events(given.backend, given.events, schema.list_account_event_columns(design))
        _, absent = list_events(heard, schema.list_account_event_names(design))
    retained = design.outcomes.retained
    complete = {"unit", "started_at", retained.column, retained.time}
    shaped = shape_table(
        given.backend, given.units, schema.list_account_columns(design), name="accounts", complete=complete
    )
    accounts, steps = _keep_accounts(given.backend, shaped, design)
    said = (*heard.messages, *absent, *count_unknown_units(heard, accounts, **STRANGE)) if heard else ()
    counted = {"rows": shaped.rows, "units": steps[-1][1], "steps": steps}
    info = describe_given(given, messages=(*shaped.messages, *said), **counted)
    return AccountSource(accounts, heard.table if heard else None, info, given.truth)


def _refuse_events(design, given):
    if given.events is None and not design.is_snapshot:
        raise Refused(
            "events: left out, and the plan reads its milestones from events; name the table with one row an event"
        )
    if given.events is not None and design.is_snapshot:
        raise Refused("events: the plan has no started_at and reads none; name it in the plan, or leave events out")


def _keep_accounts(backend, shaped, design):
    """Return one row an account, exact duplicates dropped, and the rows read, dropped and kept."""
    table, n = shaped.table, shaped.rows
    if count_different(shaped) < shaped.rows:
        table = store_kept(backend, table.distinct(), shaped.name)
        refuse_twice(table, design, shaped.name)
        n = engine.count_all(table, {"rows": table.count()}, shaped.name)["rows"]
    steps = (
        ("read", shaped.rows, "rows of the table"),
        ("exact duplicates dropped", shaped.rows - n, "rows that repeat another in every column"),
        ("kept", n, "one row an account"),
    )
    return table, steps
