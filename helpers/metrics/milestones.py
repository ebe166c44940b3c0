"""What each milestone means at a landmark, as expressions that are read here and shown as SQL in four dialects."""

import ibis
import ibis.backends.sql.compilers as compilers
import ibis.expr.types as ir
import pandas as pd
import sqlglot as sg

from helpers import schema
from helpers.metrics.events import DAY, Total, add_days, ask, fold_events, has_clock, hear, mark
from helpers.plan import FrameworkPlan
from helpers.sources.aggregated import lengthen

DIALECTS = {
    "duckdb": compilers.DuckDBCompiler,
    "postgres": compilers.PostgresCompiler,
    "bigquery": compilers.BigQueryCompiler,
    "snowflake": compilers.SnowflakeCompiler,
}
LEFT = "losses have dates alone: each account is lost at the end of its day"
NEXT = "next_missing"
UNKNOWN = ibis.null("float64")
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


def list_outcomes(design: FrameworkPlan, landmark: float) -> list[Total]:
    """Return what outcomes read of events after a landmark: `retained`, `expanded` and `dormant`, where they do."""
    outcomes, until, found = design.outcomes, landmark + design.horizon_days, []
    if outcomes.retained.event:
        found.append(Total("retained", "count", tuple(outcomes.retained.event), landmark, until))
    if later := outcomes.expanded:
        found.append(Total("expanded", "count", tuple(later.event), landmark, landmark + later.within_days))
    if "dormant" in design.outcome_names:
        since = until - outcomes.dormant_after_days
        found.append(Total("dormant", "count", tuple(design.activity_events), since, until))
    return found


def read_losses(accounts, end, clocked, said) -> ir.Table:
    """Return the accounts with losses of a column that are known by the end; a date alone beside times ends its day."""
    if "lost_at" not in accounts.columns:
        return accounts
    lost = accounts["lost_at"]
    if clocked and not ask(accounts, {"clocked": has_clock(lost)})["clocked"]:
        lost = add_days(lost, (DAY - 1) / DAY)
        said.append(LEFT)
    return accounts.mutate(lost_at=(lost < end).ifelse(lost, ibis.null("timestamp")))


def add_loss(accounts: ir.Table, heard: ir.Table, design: FrameworkPlan) -> ir.Table:
    """Return the accounts with `lost_at`: the moment of the first event that loses them, else as it is there."""
    lost = design.outcomes.retained.lost
    if lost:
        return fold_events(accounts, heard, [Total("lost_at", "first", tuple(lost))])
    return accounts if "lost_at" in accounts.columns else accounts.mutate(lost_at=ibis.null("timestamp"))


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


def define_reached(done, design: FrameworkPlan, count) -> dict:
    """Return setup and maturity by what was done before a landmark, in a table of the engine or in a frame.

    Parameters
    ----------
    done : ibis.Table or DataFrame
        1 or 0: `step_NAME` of all steps or none, `feature_NAME` of all features of categories or none.
    design : FrameworkPlan
    count : callable, gives 1 for true and 0 for false

    Returns
    -------
    dict of columns: `steps_done` and `set_up`; `level_CATEGORY` (2 with enough of its mature features, else 1 with any
        of its own, else 0), `mature_categories` (those at 2) and `mature`
    """
    found, grown = {}, []
    if any(name.startswith("step_") for name in done.columns):
        found["steps_done"] = sum(done[f"step_{step.name}"] for step in design.steps)
        found["set_up"] = count(found["steps_done"] >= design.steps_line)
    if any(name.startswith("feature_") for name in done.columns):
        for name, category in design.categories.items():
            mature = [done[f"feature_{feature}"] for feature in dict.fromkeys(category.mature)]
            known = mature + [done[f"feature_{feature}"] for feature in dict.fromkeys(category.basic)]
            grown.append(count(sum(mature) >= category.mature_at_least))  # as many that are mature are also known
            found[f"level_{name}"] = grown[-1] + count(sum(known) > 0)
    if grown:
        found |= {"mature_categories": sum(grown), "mature": count(sum(grown) >= design.mature_line)}
    return found


def write_definitions(design: FrameworkPlan) -> pd.DataFrame:
    """Return each milestone at the main landmark as SQL, for four databases; no connection or driver is needed.

    A statement gives one row an account that is a customer on its landmark day, once that day has come; `next_missing`
    gives all milestones of the plan that have a line, the first that was not reached, and all of those. The tables are
    called accounts and events and have the plan's column names, times in UTC, and events as `event`, `at`, `value`. In
    Snowflake names in small letters are written in capitals, as that database stores names that were made without
    quotes.

    Parameters
    ----------
    design : FrameworkPlan

    Returns
    -------
    DataFrame: `dialect`, `milestone`, `statement`; no rows for a plan without milestones.
    """
    active, usage = design.activation, design.usage
    has_line = {"activated": bool(active and active.at_least)}
    has_line["using"] = bool(usage and usage.at_least and design.landmarks[0] >= usage.period_days)
    defined = {name: _define(design, [name]) for name in design.milestone_names}
    if lined := [name for name in design.milestone_names if has_line.get(name, True)]:
        # the first milestone that was not reached, and all of them in their order; what is not known is not listed
        read = _define(design, lined)
        first = ibis.cases(*((read[name] == 0, name) for name in lined), else_=ibis.null("string"))
        listed = [ibis.ifelse(read[name] == 0, f" {name}", "") for name in lined]
        defined[NEXT] = read.mutate(next_missing=first, all_missing=sum(listed[1:], start=listed[0]).substr(1))
    rows = [
        (dialect, name, _describe(design, name) + _write(found, design, dialect))
        for dialect in DIALECTS
        for name, found in defined.items()
    ]
    return pd.DataFrame(rows, columns=["dialect", "milestone", "statement"], dtype=object)


def _define(design, names):
    """One row an account at its main landmark, with the milestones asked for and, of a single one, its parts."""
    own = {"unit": design.unit_id, "started_at": design.started_at}
    own |= {"seats": design.usage.seats} if design.usage else {}
    kinds = {"unit": "string", "started_at": "timestamp('UTC')", "seats": "float64"}
    if left := design.outcomes.retained.lost_at:
        own, kinds = own | {"lost_at": left}, kinds | {"lost_at": "timestamp('UTC')"}
    accounts = ibis.table({own[name]: kinds[name] for name in own}, name="accounts").select(**own)
    log = {c.target: c.name for c in schema.list_event_columns(design)}
    kinds |= {"event": "string", "at": kinds["started_at"], "value": "float64"}
    own, columns = design.events, {log[name]: kinds[name] for name in log}
    if own.wide:
        columns = {log["unit"]: kinds["unit"], **dict.fromkeys(own.wide, kinds["at"]), log["value"]: kinds["value"]}
    events = ibis.table(columns, name="events")
    events = (lengthen(events, own, log["unit"]) if own.wide else events).select(**log)
    if own.named:
        events = events.mutate(event=ibis.literal(own.named))
    landmark, needed = design.landmarks[0], [f"step_{step.name}" for step in design.steps if "set_up" in names]
    for category in (category for category in design.categories.values() if "mature" in names):
        needed += [f"feature_{feature}" for feature in (*category.basic, *category.mature)]
    totals = list_totals(design, landmark, names)
    timed = {name: event for name, event in list_timed(design).items() if name in needed}
    totals += [Total(name, "first", (event,)) for name, event in timed.items()]
    told = {event for total in totals for event in total.events} | set(design.outcomes.retained.lost)
    heard = hear(accounts, events.filter(events["event"].isin(sorted(told))), start="started_at")
    heard = heard.filter(heard["at"] < add_days(heard["start"], landmark))  # a loss on that day or later loses nobody
    alive = [total for total in totals if total.column == "alive"]
    met = keep_customers(fold_events(add_loss(accounts, heard, design), heard, alive), design, landmark)
    met = met.filter(met["is_customer"], met["landmark_at"] <= ibis.now())
    read = define_counts(fold_events(met, heard, [total for total in totals if total not in alive]), design, names)
    read = read.mutate(**{name: read[name].notnull().ifelse(1, 0) for name in timed})
    reached = define_reached(read, design, lambda fact: fact.ifelse(1, 0))
    parts = {"activated": ["count", "activated"], "using": USAGE}.get(names[0], reached)
    return read.mutate(**reached).select("unit", "landmark_at", *(parts if len(names) == 1 else names))


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
    compiler, before = DIALECTS[dialect](), ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = True  # statements that people read are half as long so
    try:
        tree = compiler.to_sqlglot(expression.rename({design.unit_id: "unit"}))
    finally:
        ibis.options.sql.fuse_selects = before
    if dialect == "snowflake":  # what was read from text holds each name where it is found
        tree = sg.parse_one(tree.sql(dialect=compiler.dialect), dialect=compiler.dialect)
    if dialect in ("bigquery", "snowflake"):
        for part in [*tree.find_all(sg.exp.Interval), *tree.find_all(sg.exp.Func)]:
            number = part.args.get("this" if isinstance(part, sg.exp.Interval) else "expression")
            if isinstance(number, sg.exp.Literal) and number.is_string and number.this.lstrip("-").isdigit():
                number.replace(sg.exp.Literal.number(number.this))  # as these databases document intervals, no text
    if dialect == "snowflake":
        for name in tree.find_all(sg.exp.Identifier):
            name.set("this", name.this.upper() if name.this.islower() else name.this)
    return tree.sql(dialect=compiler.dialect, pretty=True) + ";\n"
