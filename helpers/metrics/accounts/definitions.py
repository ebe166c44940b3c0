"""The milestones as SQL for the reader's own database: the expressions that are read here, in four dialects."""

from __future__ import annotations

import functools
import operator

import ibis
import ibis.backends.sql.compilers as compilers
import ibis.expr.types as ir
import pandas as pd
import sqlglot as sg

from helpers import schema
from helpers.metrics.accounts.folding import Accounts
from helpers.metrics.accounts.milestones import (
    USAGE,
    add_loss,
    attach,
    define_activated,
    define_mature,
    define_set_up,
    define_using,
    find_firsts,
    hear,
    keep_alive,
    list_timed,
    name_events,
)
from helpers.plan import FrameworkPlan

DIALECTS = {
    "duckdb": compilers.DuckDBCompiler,
    "postgres": compilers.PostgresCompiler,
    "bigquery": compilers.BigQueryCompiler,
    "snowflake": compilers.SnowflakeCompiler,
}
NEXT = "next_missing"


def write_definitions(
    design: FrameworkPlan | Accounts, *, accounts_table="accounts", events_table="events"
) -> pd.DataFrame:
    """Return each milestone at the main landmark as SQL, for four databases; no connection or driver is needed.

    A statement gives one row an account that is a customer on its landmark day, once that day has come; `next_missing`
    gives all milestones of the plan that have a line, the first that was not reached, and all of those. The tables have
    the plan's column names, times in UTC, and events as `event`, `at`, `value`. In Snowflake names in small letters are
    written in capitals, as that database stores names that were made without quotes.

    Parameters
    ----------
    design : FrameworkPlan, or Accounts that were folded by one
    accounts_table, events_table : str
        As they are called there: `table`, `schema.table` or `catalogue.schema.table`.

    Returns
    -------
    DataFrame: `dialect`, `milestone`, `statement`; no rows for a plan without milestones.
    """
    design = design.design if isinstance(design, Accounts) else design
    tables = _name_tables(design, accounts_table, events_table) if design.milestone_names else None
    lined = _list_lined(design)
    defined = {name: _define(design, tables, [name]) for name in design.milestone_names}
    if lined:
        defined[NEXT] = _list_missing(_define(design, tables, lined), lined)
    rows = [
        (kind, name, _describe(design, name) + _write(found, design, kind))
        for kind in DIALECTS
        for name, found in defined.items()
    ]
    return pd.DataFrame(rows, columns=["dialect", "milestone", "statement"], dtype=object)


def _list_lined(design):
    """Milestones that are reached or not: those with a line, at a landmark where they can be read."""
    lines = {"set_up": True, "mature": True}
    lines["activated"] = bool(design.activation and design.activation.at_least)
    usage = design.usage
    lines["using"] = bool(usage and usage.at_least and design.landmarks[0] >= usage.period_days)
    return [name for name in design.milestone_names if lines[name]]


def _name_tables(design, accounts_table, events_table):
    """The tables of the reader, under the names that all readings share."""
    columns = {design.unit_id: "string", design.started_at: "timestamp('UTC')"}
    columns |= {design.usage.seats: "float64"} if design.usage else {}
    told = {design.unit_id: "string", "event": "string", "at": "timestamp('UTC')", "value": "float64"}
    accounts, events = _name_table(columns, accounts_table), _name_table(told, events_table)
    own = {"unit": accounts[design.unit_id], "started_at": accounts[design.started_at]}
    own |= {"seats": accounts[design.usage.seats]} if design.usage else {}
    return accounts.select(**own), events.select("event", "at", "value", unit=events[design.unit_id])


def _name_table(columns, name):
    *outer, short = name.split(".")
    return ibis.table(columns, name=short, database=outer[-1] if outer else None, catalog=".".join(outer[:-1]) or None)


def _define(design, tables, names) -> ir.Table:
    """One row an account at its main landmark, with the milestones asked for and, of a single one, its parts."""
    accounts, events = tables
    timed = _list_timed(design, names)
    heard = hear(accounts, events, _list_events(design, names, timed))
    marked = keep_alive(add_loss(accounts, heard, design), heard, design, design.landmarks[0])
    marked = marked.filter(marked["landmark_at"] <= ibis.now())
    firsts = find_firsts(heard, timed) if timed else None
    if len(names) == 1:
        return _add(marked, heard, firsts, design, names[0]).select(
            "unit", "landmark_at", *_list_parts(design, names[0])
        )
    read = marked.select("unit", "landmark_at")
    for name in names:
        read = attach(read, _add(marked, heard, firsts, design, name).select("unit", name))
    return read


def _add(marked, heard, firsts, design, name):
    landmark = design.landmarks[0]
    if name in ("activated", "using"):
        define = define_activated if name == "activated" else define_using
        return define(marked, heard, design, landmark)
    define = define_set_up if name == "set_up" else define_mature
    return define(marked.select("unit", "landmark_at"), firsts, design)


def _list_parts(design, name):
    """A milestone and what it is made of."""
    levels = [f"level_{key}" for key in design.categories]
    return {
        "set_up": ["steps_done", name],
        "activated": ["count", name],
        "using": [*USAGE],
        "mature": [*levels, "mature_categories", name],
    }[name]


def _list_timed(design, names):
    """Events of the steps, and of the features of categories, that the milestones need."""
    timed = list_timed(design)
    found = [timed[f"step_{step.name}"] for step in design.steps] if "set_up" in names else []
    used = [f for category in design.categories.values() for f in (*category.basic, *category.mature)]
    return found + (name_events(design, used) if "mature" in names else [])


def _list_events(design, names, timed):
    found = [*timed, *design.outcomes.retained.lost, *(design.alive.event if design.alive else [])]
    found += design.activation.event if "activated" in names else []
    if "using" in names:
        found += [*design.usage.event, *([design.usage.seats_event] if design.usage.seats_event else [])]
    return found


def _list_missing(read, names):
    """The first milestone that was not reached, and all of them in their order; what is not known is not listed."""
    open_ = {name: read[name] == 0 for name in names}
    first = ibis.cases(*((fact, name) for name, fact in open_.items()), else_=ibis.null("string"))
    listed = [ibis.ifelse(fact, f" {name}", "") for name, fact in open_.items()]
    return read.mutate(next_missing=first, all_missing=functools.reduce(operator.add, listed).substr(1))


def _describe(design, name):
    """What the statement gives, as comments above it; names from the plan stay on their line."""
    day = f"day {design.landmarks[0]:g}"
    active, usage = design.activation, design.usage
    said = {
        "set_up": lambda: f"steps done by {day}: {design.steps_line} or more of {len(design.steps)}",
        "activated": lambda: (
            f"{_say_line(active.at_least)}{_say_events(active.event)} in the first "
            f"{min(active.window_days, design.landmarks[0]):g} days, read on {day}"
        ),
        "using": lambda: (
            f"{_say_line(usage.at_least)}{_say_events(usage.event)} per seat in the "
            f"{usage.period_days} days before {day}"
        ),
        "mature": lambda: (
            f"categories that are mature by {day}: {design.mature_line} or more of {len(design.categories)}"
        ),
        NEXT: lambda: f"the first milestone not reached by {day}, and all of those",
    }[name]()
    when = "One row a customer of that day, once it has come. Days are 86,400 seconds from the start."
    return f"-- {name}: {said}\n-- {when}\n"


def _say_line(at_least):
    return "number of " if at_least is None else f"{at_least:g} or more of "


def _say_events(names):
    return schema.cut(" or ".join(names), width=80)


def _write(expression, design, dialect):
    compiler = DIALECTS[dialect]()
    tree = compiler.to_sqlglot(expression.rename({design.unit_id: "unit"}))
    if dialect in ("bigquery", "snowflake"):
        tree = sg.parse_one(tree.sql(dialect=compiler.dialect), dialect=compiler.dialect)
        _write_whole_seconds(tree)
    if dialect == "snowflake":
        for name in tree.find_all(sg.exp.Identifier):
            name.set("this", name.this.upper() if name.this.islower() else name.this)
    return tree.sql(dialect=compiler.dialect, pretty=True) + ";\n"


def _write_whole_seconds(tree):
    """Intervals as whole numbers, not as text, which these databases document."""
    for part in [*tree.find_all(sg.exp.Interval), *tree.find_all(sg.exp.Func)]:
        number = part.args.get("this" if isinstance(part, sg.exp.Interval) else "expression")
        if isinstance(number, sg.exp.Literal) and number.is_string and number.this.lstrip("-").isdigit():
            number.replace(sg.exp.Literal.number(number.this))
