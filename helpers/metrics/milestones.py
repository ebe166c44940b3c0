"""What each milestone means at a landmark, as expressions that are read here and shown as SQL in four dialects."""

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
MATURE = 2  # level of a category; 1 is basic, 0 is none of its features
USAGE = ("events_in_period", "seats", "usage", "using")


def list_timed(design: FrameworkPlan) -> dict[str, str]:
    """Return the event behind each step and each feature with a time, by `step_NAME` and `feature_NAME`."""
    timed = {f"step_{step.name}": step.event or step.name for step in design.steps}
    return timed | {f"feature_{f.name}": f.event or f.name for f in design.features if f.is_timed}


def list_totals(design: FrameworkPlan, landmark: float, names) -> list[Total]:
    """Return what activation and usage (`names`) read of events at a landmark, and the sign of life of the plan.

    Seats are those at the start of the last full period, which ends at the landmark: the latest number that an event
    told by then. A landmark that comes before one period is over has no usage.
    """
    active, usage, alive, found = design.activation, design.usage, design.alive, []
    if alive:
        found.append(Total("alive", "count", tuple(alive.event), landmark - alive.within_days, landmark))
    if "activated" in names:
        found.append(Total("count", "count", tuple(active.event), 0, min(active.window_days, landmark)))
    if "using" in names and landmark >= usage.period_days:
        since = landmark - usage.period_days
        found.append(Total("events_in_period", "count", tuple(usage.event), since, landmark))
        if usage.seats_event:
            found.append(Total("told_seats", "last", (usage.seats_event,), until=since, inclusive=True))
    return found


def meet(accounts: Accounts, landmark: float, totals) -> ir.Table:
    """Return the accounts that are followed to the horizon of a landmark, with these totals, as `keep_customers`."""
    end = add_days(accounts.table["started_at"], landmark + accounts.design.horizon_days)
    followed = accounts.table.filter(end <= ibis.literal(accounts.cutoff))
    return keep_customers(fold_events(followed, accounts.heard, totals), accounts.design, landmark)


def keep_customers(folded: ir.Table, design: FrameworkPlan, landmark: float) -> ir.Table:
    """Return the accounts with `landmark_at`, and `is_customer`: not lost before it and, where asked, alive."""
    met = folded.mutate(landmark_at=add_days(folded["started_at"], landmark))
    is_kept = met["lost_at"].isnull() | (met["lost_at"] >= met["landmark_at"])
    return met.mutate(is_customer=is_kept & (met["alive"] > 0) if design.alive else is_kept)


def define_counts(folded: ir.Table, design: FrameworkPlan, names) -> ir.Table:
    """Return the accounts with `activated`, and with `seats`, `usage` and `using`, where they are named.

    A milestone is null where the plan gives no number of events. `seats` stay those of the column where no event told
    any; `usage` is null without seats, or with none. All of `USAGE` are null where there is no full period.
    """
    if "activated" in names:
        line = design.activation.at_least
        folded = folded.mutate(activated=UNKNOWN if line is None else mark(folded["count"] >= line))
    if "using" not in names:
        return folded
    if "events_in_period" not in folded.columns:
        return folded.drop("seats").mutate(**dict.fromkeys(USAGE, UNKNOWN))
    if design.usage.seats_event:
        folded = folded.mutate(seats=folded["told_seats"].coalesce(folded["seats"]))
    each = folded["events_in_period"].cast("float64") / folded["seats"].nullif(0.0)
    used, line = folded.mutate(usage=(folded["seats"] > 0).ifelse(each, UNKNOWN)), design.usage.at_least
    return used.mutate(using=UNKNOWN if line is None else mark(used["usage"] >= line))


def define_reached(done, design: FrameworkPlan, *, add, count):
    """Return setup and maturity beside what was done before a landmark, in a table of the engine or in a frame.

    Parameters
    ----------
    done : ibis.Table or DataFrame
        1 or 0: `step_NAME` of all steps or none, `feature_NAME` of all features of categories or none.
    design : FrameworkPlan
    add : callable, gives a table with more columns: its `mutate`, or `assign`
    count : callable, gives 1 for true and 0 for false

    Returns
    -------
    the same with `steps_done` and `set_up`; with `level_CATEGORY` (2 with enough of its mature features, else 1 with
        any of its own, else 0), `mature_categories` (those at 2) and `mature`
    """
    if any(name.startswith("step_") for name in done.columns):
        done = add(done, steps_done=_sum(done[f"step_{step.name}"] for step in design.steps))
        done = add(done, set_up=count(done["steps_done"] >= design.steps_line))
    if not (design.categories and any(name.startswith("feature_") for name in done.columns)):
        return done
    levels = {}
    for name, category in design.categories.items():
        mature = [done[f"feature_{feature}"] for feature in dict.fromkeys(category.mature)]
        known = mature + [done[f"feature_{feature}"] for feature in dict.fromkeys(category.basic)]
        levels[f"level_{name}"] = count(_sum(mature) >= category.mature_at_least) + count(_sum(known) > 0)
    done = add(done, **levels)
    done = add(done, mature_categories=_sum(count(done[level] == MATURE) for level in levels))
    return add(done, mature=count(done["mature_categories"] >= design.mature_line))


def _sum(columns):
    return functools.reduce(operator.add, columns)


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
    landmark, needed = design.landmarks[0], [f"step_{step.name}" for step in design.steps if "set_up" in names]
    for category in (category for category in design.categories.values() if "mature" in names):
        needed += [f"feature_{feature}" for feature in (*category.basic, *category.mature)]
    totals = list_totals(design, landmark, names)
    timed = {name: event for name, event in list_timed(design).items() if name in needed}
    totals += [Total(name, "first", (event,), until=landmark) for name, event in timed.items()]
    told = {event for total in totals for event in total.events} | set(design.outcomes.retained.lost)
    heard = hear(accounts, events.filter(events["event"].isin(sorted(told))), start="started_at")
    met = keep_customers(fold_events(add_loss(accounts, heard, design), heard, totals), design, landmark)
    met = met.filter(met["is_customer"], met["landmark_at"] <= ibis.now())
    read = define_counts(met, design, names)
    read = read.mutate(**{name: read[name].notnull().ifelse(1, 0) for name in timed})
    before = set(read.columns)
    read = define_reached(read, design, add=ir.Table.mutate, count=lambda fact: fact.ifelse(1, 0))
    parts = {"activated": ["count", "activated"], "using": USAGE}
    reached = [name for name in read.columns if name not in before]
    return read.select("unit", "landmark_at", *(parts.get(names[0], reached) if len(names) == 1 else names))


def _list_missing(read, names):
    """The first milestone that was not reached, and all of them in their order; what is not known is not listed."""
    first = ibis.cases(*((read[name] == 0, name) for name in names), else_=ibis.null("string"))
    listed = [ibis.ifelse(read[name] == 0, f" {name}", "") for name in names]
    return read.mutate(next_missing=first, all_missing=_sum(listed).substr(1))


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
