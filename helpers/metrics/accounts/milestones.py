"""What each milestone means at a landmark, as Ibis expressions: the same ones are read here and shown as SQL."""

from __future__ import annotations

import functools
import operator
from collections import Counter

import ibis
import ibis.expr.types as ir

from helpers.metrics.clock import add_days, mark
from helpers.plan import FrameworkPlan

BASIC, MATURE = 1, 2  # levels of a category; 0 is none of its features
USAGE = ("events_in_period", "seats", "usage", "using")
HEARD = ("unit", "event", "at", "value", "started_at")


def hear(accounts: ir.Table, events: ir.Table, names) -> ir.Table:
    """Return the events of some names from each account's start on, until it was lost where that is known.

    Parameters
    ----------
    accounts : ibis.Table: `unit`, `started_at`, and optionally `lost_at` (an event at that moment still counts)
    events : ibis.Table: `unit`, `event`, `at`, `value`
    names : collection of str

    Returns
    -------
    ibis.Table, one row an event: HEARD
    """
    extra = ["lost_at"] if "lost_at" in accounts.columns else []
    named = events.filter(events["event"].isin(sorted(set(names)))).select("unit", "event", "at", "value")
    joined = named.inner_join(accounts.select("unit", "started_at", *extra), "unit")
    heard = joined.filter(joined["at"] >= joined["started_at"])
    if extra:
        heard = heard.filter(heard["lost_at"].isnull() | (heard["at"] <= heard["lost_at"]))
    return heard.select(*HEARD)


def add_loss(accounts: ir.Table, heard: ir.Table | None, design: FrameworkPlan) -> ir.Table:
    """Return the accounts with `lost_at`: the moment of the first event that loses them; null where none came."""
    lost = design.outcomes.retained.lost
    if not lost or heard is None:
        return accounts.mutate(lost_at=ibis.null("timestamp"))
    found = heard.filter(heard["event"].isin(lost)).group_by("unit").aggregate(lost_at=heard["at"].min())
    return attach(accounts, found)


def keep_alive(accounts: ir.Table, heard: ir.Table, design: FrameworkPlan, landmark: float) -> ir.Table:
    """Return the accounts that are customers at the landmark, with `landmark_at`.

    Lost before the landmark is not alive; where the plan says `alive`, such an event must have come in the days before
    the landmark, that moment not included.
    """
    marked = accounts.mutate(landmark_at=add_days(accounts["started_at"], landmark))
    alive = marked.filter(marked["lost_at"].isnull() | (marked["lost_at"] >= marked["landmark_at"]))
    if design.alive is None:
        return alive
    since = landmark - design.alive.within_days
    return alive.semi_join(find_within(heard, design.alive.event, since, landmark), "unit")


def find_within(heard: ir.Table, names, since: float, until: float) -> ir.Table:
    """Return the events of some names from `since` days after the start on, before `until` days after it."""
    start = heard["started_at"]
    named = heard["event"].isin(names)
    return heard.filter(named, heard["at"] >= add_days(start, since), heard["at"] < add_days(start, until))


def count_within(accounts: ir.Table, heard: ir.Table, names, since: float, until: float, *, name: str) -> ir.Table:
    """Return the accounts with the number of such events under `name`, 0 where there is none."""
    found = find_within(heard, names, since, until)
    counted = attach(accounts, found.group_by("unit").aggregate(**{name: found.count()}))
    return counted.mutate(**{name: counted[name].fill_null(0)})


def find_firsts(heard: ir.Table, names) -> ir.Table:
    """Return the first time of each event of some names: one row an account and event (`unit`, `event`, `first_at`)."""
    named = heard.filter(heard["event"].isin(sorted(set(names))))
    return named.group_by("unit", "event").aggregate(first_at=named["at"].min())


def list_timed(design: FrameworkPlan) -> dict[str, str]:
    """Return the event behind each step (`step_NAME`) and each feature with a time (`feature_NAME`), in their order."""
    items = [("step", step) for step in design.steps]
    items += [("feature", feature) for feature in design.features if feature.is_timed]
    return {f"{part}_{item.name}": item.event or item.name for part, item in items}


def define_set_up(accounts: ir.Table, firsts: ir.Table, design: FrameworkPlan) -> ir.Table:
    """Return the accounts with `steps_done` (steps whose first time is before the landmark) and `set_up`."""
    timed = list_timed(design)
    counted = _count_reached(accounts, firsts, {"steps_done": [timed[f"step_{step.name}"] for step in design.steps]})
    return counted.mutate(set_up=_one(counted["steps_done"] >= design.steps_line))


def define_activated(accounts: ir.Table, heard: ir.Table, design: FrameworkPlan, landmark: float) -> ir.Table:
    """Return the accounts with `count` (events within the window and before the landmark) and `activated`.

    `activated` is null for all where the plan gives no number of events.
    """
    wanted = design.activation
    counted = count_within(accounts, heard, wanted.event, 0, min(wanted.window_days, landmark), name="count")
    if wanted.at_least is None:
        return counted.mutate(activated=ibis.null("float64"))
    return counted.mutate(activated=mark(counted["count"] >= wanted.at_least))


def define_using(accounts: ir.Table, heard: ir.Table, design: FrameworkPlan, landmark: float) -> ir.Table:
    """Return the accounts with `events_in_period`, `seats`, `usage` and `using`.

    The period is the last full one, which ends at the landmark; seats are those at its start: the latest number that an
    event told by then (the highest of several at one moment), else the column. `usage` is null without seats, or with
    none; all four are null at a landmark that comes before one period is over.
    """
    wanted, since = design.usage, landmark - design.usage.period_days
    if since < 0:
        return accounts.drop("seats").mutate(**dict.fromkeys(USAGE, ibis.null("float64")))
    seated = _read_seats(accounts, heard, design, since)
    counted = count_within(seated, heard, wanted.event, since, landmark, name="events_in_period")
    each = counted["events_in_period"].cast("float64") / counted["seats"].nullif(0.0)
    used = counted.mutate(usage=(counted["seats"] > 0).ifelse(each, ibis.null("float64")))
    using = ibis.null("float64") if wanted.at_least is None else mark(used["usage"] >= wanted.at_least)
    return used.mutate(using=using)


def _read_seats(accounts, heard, design, since):
    if design.usage.seats_event is None:
        return accounts
    told = heard.filter(heard["event"] == design.usage.seats_event, heard["value"].notnull())
    told = told.filter(told["at"] <= add_days(told["started_at"], since))
    order = [told["at"].desc(), told["value"].desc()]
    ranked = told.mutate(place=ibis.row_number().over(group_by=told["unit"], order_by=order))
    latest = ranked.filter(ranked["place"] == 0).select("unit", told_seats=ranked["value"])
    joined = attach(accounts, latest)
    return joined.mutate(seats=joined["told_seats"].coalesce(joined["seats"])).drop("told_seats")


def define_mature(accounts: ir.Table, firsts: ir.Table, design: FrameworkPlan) -> ir.Table:
    """Return the accounts with `level_CATEGORY`, `mature_categories` and `mature`.

    Of the features whose first use is before the landmark: a category is at 2 with enough of its mature ones, else at 1
    with any of its own, else at 0; `mature_categories` counts those at 2.
    """
    groups = {}
    for name, category in design.categories.items():
        groups[f"grown_{name}"] = name_events(design, category.mature)
        groups[f"known_{name}"] = name_events(design, [*category.basic, *category.mature])
    counted = _count_reached(accounts, firsts, groups)
    levels = {f"level_{name}": _rank(counted, name, category) for name, category in design.categories.items()}
    levelled = counted.select(*accounts.columns, **levels)
    grown = levelled.mutate(mature_categories=_add(_one(levelled[level] == MATURE) for level in levels))
    return grown.mutate(mature=_one(grown["mature_categories"] >= design.mature_line))


def name_events(design: FrameworkPlan, features) -> list[str]:
    """Return the events behind some features, each feature once."""
    timed = list_timed(design)
    return [timed[f"feature_{name}"] for name in dict.fromkeys(features)]


def _rank(counted, name, category):
    grown, known = counted[f"grown_{name}"], counted[f"known_{name}"]
    return ibis.cases((grown >= category.mature_at_least, MATURE), (known > 0, BASIC), else_=0).cast("int64")


def _count_reached(accounts, firsts, groups):
    """How many of each group of events came before the landmark; one event may stand for two features of a group."""
    joined = firsts.inner_join(accounts.select("unit", "landmark_at"), "unit")
    reached = joined.filter(joined["first_at"] < joined["landmark_at"])
    sums = {name: _add(_weigh(reached["event"], events)) for name, events in groups.items()}
    counted = attach(accounts, reached.group_by("unit").aggregate(**sums))
    return counted.mutate(**{name: counted[name].fill_null(0) for name in groups})


def _weigh(event, events):
    times = Counter(events)
    for n in sorted(set(times.values())):
        yield event.isin([name for name in times if times[name] == n]).sum() * n


def attach(accounts: ir.Table, found: ir.Table) -> ir.Table:
    """Return the accounts with the columns of another table, null where that has no row of the account."""
    joined = accounts.left_join(found, "unit")
    return joined.select(*accounts.columns, *[name for name in found.columns if name != "unit"])


def is_known(value: ir.Value) -> ir.BooleanValue:
    """Return whether a value is there."""
    return value.notnull()


def _one(fact):
    return ibis.ifelse(fact, 1, 0).cast("int64")


def _add(parts):
    return functools.reduce(operator.add, parts)
