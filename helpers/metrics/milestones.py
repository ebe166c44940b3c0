"""What each milestone means at a landmark, as expressions over accounts and their events."""

import ibis
import ibis.expr.types as ir

from helpers.metrics.events import DAY, Total, add_days, ask, fold_events, has_clock, mark
from helpers.plan import FrameworkPlan

LEFT = "losses have dates alone: each account is lost at the end of its day"
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
