"""What each milestone means at a landmark, as expressions that are read here and shown as SQL in four dialects."""

from __future__ import annotations

import functools
import operator

import ibis
import ibis.backends.sql.compilers as compilers
import ibis.expr.types as ir
import pandas as pd
import sqlglot as sg

from helpers import schema
from helpers.metrics.accounts import Accounts, add_loss
from helpers.metrics.events import Total, add_days, fold_events, hear, mark
from helpers.plan import FrameworkPlan

DIALECTS = {
    "duckdb": compilers.DuckDBCompiler,
    "postgres": compilers.PostgresCompiler,
    "bigquery": compilers.BigQueryCompiler,
    "snowflake": compilers.SnowflakeCompiler,
}
NEXT = "next_missing"
UNKNOWN = ibis.null("float64")
USAGE = ("events_in_period", "seats", "usage", "using")


def list_timed(design: FrameworkPlan) -> dict[str, str]:
    """Return the event behind each step and each feature with a time, by `step_NAME` and `feature_NAME`."""
    timed = {f"step_{step.name}": step.event or step.name for step in design.steps}
    return timed | {f"feature_{f.name}": f.event or f.name for f in design.features if f.is_timed}


def keep_customers(accounts: ir.Table, heard: ir.Table, design: FrameworkPlan, landmark: float) -> ir.Table:
    """Return the accounts with `landmark_at`, and `is_customer`: who is neither lost before it nor without life.

    Where the plan says `alive`, such an event must have come in the days before the landmark, which is not included.
    """
    met = accounts.mutate(landmark_at=add_days(accounts["started_at"], landmark))
    is_kept = met["lost_at"].isnull() | (met["lost_at"] >= met["landmark_at"])
    if design.alive is None:
        return met.mutate(is_customer=is_kept)
    since = landmark - design.alive.within_days
    met = fold_events(met, heard, [Total("alive", "count", tuple(design.alive.event), since, landmark)])
    return met.mutate(is_customer=is_kept & (met["alive"] > 0)).drop("alive")


def define_counts(accounts: ir.Table, heard: ir.Table, design: FrameworkPlan, landmark: float, names) -> ir.Table:
    """Return the accounts with activation and usage at a landmark, those that are named.

    `activated` is null where the plan gives no number of events. Usage is read in the last full period, which ends at
    the landmark; `seats` are those at its start: the latest number that an event told by then (the highest of several
    at one moment), else the column. `usage` is null without seats, or with none; all of `USAGE` are null at a landmark
    that comes before one period is over.
    """
    active, wanted = design.activation, design.usage
    if "activated" in names:
        within = min(active.window_days, landmark)
        accounts = fold_events(accounts, heard, [Total("count", "count", tuple(active.event), 0, within)])
        reached = UNKNOWN if active.at_least is None else mark(accounts["count"] >= active.at_least)
        accounts = accounts.mutate(activated=reached)
    if "using" not in names:
        return accounts
    since = landmark - wanted.period_days
    if since < 0:
        return accounts.drop("seats").mutate(**dict.fromkeys(USAGE, UNKNOWN))
    totals = [Total("events_in_period", "count", tuple(wanted.event), since, landmark)]
    if wanted.seats_event:
        totals.append(Total("told_seats", "last", (wanted.seats_event,), until=since, inclusive=True))
    read = fold_events(accounts, heard, totals)
    if wanted.seats_event:
        read = read.mutate(seats=read["told_seats"].coalesce(read["seats"])).drop("told_seats")
    each = read["events_in_period"].cast("float64") / read["seats"].nullif(0.0)
    used = read.mutate(usage=(read["seats"] > 0).ifelse(each, UNKNOWN))
    return used.mutate(using=UNKNOWN if wanted.at_least is None else mark(used["usage"] >= wanted.at_least))


def define_reached(done: dict, design: FrameworkPlan, count) -> dict:
    """Return setup and maturity of what was done before a landmark, in columns of the engine or of pandas.

    Parameters
    ----------
    done : dict of str to column of truth values
        By `step_NAME` and `feature_NAME`; without any step, or any feature, nothing is said of them.
    design : FrameworkPlan
    count : callable, makes 1 of true and 0 of false

    Returns
    -------
    dict of str to column: `steps_done`, `set_up`, `level_CATEGORY` (2 with enough of its mature features, else 1 with
        any of its own, else 0), `mature_categories` (those at 2) and `mature`.
    """
    add, found = functools.partial(functools.reduce, operator.add), {}
    if steps := [count(truth) for name, truth in done.items() if name.startswith("step_")]:
        found["steps_done"] = add(steps)
        found["set_up"] = count(found["steps_done"] >= design.steps_line)
    if not (design.categories and any(name.startswith("feature_") for name in done)):
        return found
    grown = []
    for name, category in design.categories.items():
        mature = [count(done[f"feature_{feature}"]) for feature in dict.fromkeys(category.mature)]
        known = mature + [count(done[f"feature_{feature}"]) for feature in dict.fromkeys(category.basic)]
        grown.append(count(add(mature) >= category.mature_at_least))
        found[f"level_{name}"] = grown[-1] + count(add(known) > 0)
    found["mature_categories"] = add(grown)
    return found | {"mature": count(found["mature_categories"] >= design.mature_line)}


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
    defined = {name: _define(design, *tables, [name]) for name in design.milestone_names}
    active, usage = design.activation, design.usage
    has_line = {"activated": bool(active and active.at_least)}
    has_line["using"] = bool(usage and usage.at_least and design.landmarks[0] >= usage.period_days)
    if lined := [name for name in design.milestone_names if has_line.get(name, True)]:
        defined[NEXT] = _list_missing(_define(design, *tables, lined), lined)
    rows = [
        (dialect, name, _describe(design, name) + _write(found, design, dialect))
        for dialect in DIALECTS
        for name, found in defined.items()
    ]
    return pd.DataFrame(rows, columns=["dialect", "milestone", "statement"], dtype=object)


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


def _define(design, accounts, events, names) -> ir.Table:
    """One row an account at its main landmark, with the milestones asked for and, of a single one, its parts."""
    landmark, heard = design.landmarks[0], hear(accounts, events, start="started_at")
    met = keep_customers(add_loss(accounts, heard, design), heard, design, landmark)
    met = met.filter(met["is_customer"], met["landmark_at"] <= ibis.now())
    needed = {f"feature_{name}" for c in design.categories.values() for name in (*c.basic, *c.mature)}
    asked = {"step_": "set_up" in names, "feature_": "mature" in names}
    timed = {
        n: e for n, e in list_timed(design).items() if asked[n[: n.index("_") + 1]] and (n in needed or n[0] == "s")
    }
    totals = [Total(name, "count", (event,), 0, landmark) for name, event in timed.items()]
    read = fold_events(define_counts(met, heard, design, landmark, names), heard, totals)
    reached = define_reached({name: read[name] > 0 for name in timed}, design, _one)
    parts = {"activated": ["count", "activated"], "using": USAGE}.get(names[0], reached) if len(names) == 1 else names
    return read.mutate(**reached).select("unit", "landmark_at", *parts)


def _one(fact):
    return ibis.ifelse(fact, 1, 0).cast("int64")


def _list_missing(read, names):
    """The first milestone that was not reached, and all of them in their order; what is not known is not listed."""
    first = ibis.cases(*((read[name] == 0, name) for name in names), else_=ibis.null("string"))
    listed = [ibis.ifelse(read[name] == 0, f" {name}", "") for name in names]
    return read.mutate(next_missing=first, all_missing=functools.reduce(operator.add, listed).substr(1))


def _describe(design, name):
    """What the statement gives, as comments above it; names from the plan stay on their line."""
    day, active, usage = f"day {design.landmarks[0]:g}", design.activation, design.usage
    said = {NEXT: f"the first milestone not reached by {day}, and all of those"}
    said["set_up"] = f"steps done by {day}: {design.steps_line} or more of {len(design.steps)}"
    said["mature"] = f"categories that are mature by {day}: {design.mature_line} or more of {len(design.categories)}"
    if active:
        within = f"in the first {min(active.window_days, design.landmarks[0]):g} days, read on {day}"
        said["activated"] = f"{_say(active)} {within}"
    if usage:
        said["using"] = f"{_say(usage)} per seat in the {usage.period_days} days before {day}"
    when = "One row a customer of that day, once it has come. Days are 86,400 seconds from the start."
    return f"-- {name}: {said[name]}\n-- {when}\n"


def _say(part):
    line = "number of " if part.at_least is None else f"{part.at_least:g} or more of "
    return line + schema.cut(" or ".join(part.event), width=80)


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
