"""Everything at a landmark: milestones read up to that day, outcomes from it on, in one row an account."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from helpers.metrics.accounts.folding import Accounts, count_days, fetch, fetch_firsts, name_cohort, store
from helpers.metrics.accounts.milestones import (
    USAGE,
    count_within,
    define_activated,
    define_mature,
    define_set_up,
    define_using,
    is_known,
    keep_alive,
)
from helpers.metrics.clock import DAY, add_days, mark


def read_landmarks(accounts: Accounts) -> dict[float, pd.DataFrame]:
    """Return for each landmark the accounts that are customers on that day and are followed to its horizon.

    Milestones and features are what had happened before the landmark; outcomes are what happened from it on, before
    landmark + horizon.

    Parameters
    ----------
    accounts : Accounts

    Returns
    -------
    dict, the plan's landmarks in its order (the main one first), empty for a snapshot: DataFrame sorted by unit, index
    from 0. Columns: `unit`, `cohort`, `started_at` (UTC), `tier` ("unknown" where missing), `size` (nan where missing);
    `count`, `activated`; `events_in_period`, `seats`, `usage`, `using` (nan without seats); `step_NAME`,
    `step_day_NAME` (day of the first, nan where not by the landmark), `steps_done`, `set_up`; `feature_NAME` (of a
    column, as the column has it: its time is unknown), `level_CATEGORY` (0, 1, 2), `mature_categories`, `mature`;
    `retained`, `expanded` (nan where not followed so long), `dormant`; `lost` and `lost_days` (days from the landmark
    to the loss, or to the horizon where it is not lost by then). Those that the plan does not define are left out.
    """
    everybody = fetch(accounts.table.select("unit"))["unit"]
    known = pd.DataFrame(fetch_firsts(accounts, everybody), index=everybody)
    return {landmark: _read(accounts, landmark, known) for landmark in accounts.design.landmarks}


def explain_accounts(accounts: Accounts) -> list[tuple[str, int, str]]:
    """Return what is kept at each landmark, step by step: (step, accounts, note).

    Parameters
    ----------
    accounts : Accounts
    """
    table, design = accounts.table, accounts.design
    if design.is_snapshot:
        known = _count(table.drop_null(["lost", "lost_days"]))
        return [("loaded", accounts.n_loaded, ""), ("kept", known, "with an end and its time")]
    steps = [("started", _count(table), f"by {accounts.as_of}")]
    for landmark in design.landmarks:
        steps += _explain(accounts, landmark, f"landmark day {landmark:g}: ")
    return steps


def _explain(accounts, landmark, shown):
    table, design = accounts.table, accounts.design
    followed = _keep_followed(table, accounts, landmark)
    kept = keep_alive(followed, accounts.heard, design, landmark)
    until = f"to day {landmark + design.horizon_days:g}, by the end of {accounts.as_of}"
    lost = followed.filter(followed["lost_at"] < add_days(followed["started_at"], landmark))
    n, n_lost, n_kept = _count(followed), _count(lost), _count(kept)
    quiet = [] if design.alive is None else [(f"{shown}without a sign of life", n - n_lost - n_kept, _say(design))]
    return [
        (f"{shown}followed", n, until),
        (f"{shown}lost before it", n_lost, "no outcome of theirs can follow a milestone"),
        *quiet,
        (f"{shown}kept", n_kept, "customers on that day, followed long enough"),
    ]


def _say(design):
    names = " or ".join(design.alive.event)
    return f"no {names} in the {design.alive.within_days:g} days before it"


def _read(accounts, landmark, firsts):
    """Each part by a narrow query of its own: one wide expression takes Ibis far longer to write than to run."""
    design = accounts.design
    kept = store(keep_alive(_keep_followed(accounts.table, accounts, landmark), accounts.heard, design, landmark))
    frame = fetch(kept.drop("seats"))
    parts = [fetch(part) for part in _list_queries(kept, accounts, landmark)]
    if any(not part["unit"].equals(frame["unit"]) for part in parts):
        raise AssertionError("a part of a landmark was read for other accounts")
    known = pd.concat([frame, *(part.drop(columns="unit") for part in parts)], axis=1)
    return _arrange(known, design, landmark, firsts.loc[frame["unit"]])


def _keep_followed(table, accounts, landmark):
    end = add_days(table["started_at"], landmark + accounts.design.horizon_days)
    return table.filter(end <= ibis.literal(accounts.cutoff))


def _list_queries(kept, accounts, landmark):
    """What is known of each account beyond its row: milestones by the landmark, outcomes from it on."""
    design, heard = accounts.design, accounts.heard
    narrow = kept.select("unit", "started_at", "landmark_at", "lost_at")
    found = [_take(_read_outcome(narrow, accounts, landmark, name), [name]) for name in design.outcome_names]
    if design.usage:
        seated = kept.select("unit", "started_at", "seats")
        found.append(_take(define_using(seated, heard, design, landmark), USAGE))
    if design.activation:
        found.append(_take(define_activated(narrow, heard, design, landmark), ["count", "activated"]))
    if design.steps:
        found.append(_take(define_set_up(narrow, accounts.firsts, design), ["steps_done", "set_up"]))
    if design.categories:
        levels = [f"level_{name}" for name in design.categories]
        found.append(_take(define_mature(narrow, accounts.firsts, design), [*levels, "mature_categories", "mature"]))
    return found


def _take(table, names):
    return table.select("unit", *names)


def _read_outcome(kept, accounts, landmark, name):
    design, heard, until = accounts.design, accounts.heard, landmark + accounts.design.horizon_days
    outcomes = design.outcomes
    if name == "dormant":
        since = until - outcomes.dormant_after_days
        return _mark(count_within(kept, heard, design.activity_events, since, until, name=name), name, to=0)
    if name == "expanded":
        until = landmark + outcomes.expanded.within_days
        counted = _mark(count_within(kept, heard, outcomes.expanded.event, landmark, until, name=name), name)
        over = add_days(counted["started_at"], until) <= ibis.literal(accounts.cutoff)
        return counted.mutate(expanded=over.ifelse(counted[name], ibis.null("float64")))
    if outcomes.retained.lost:
        end = add_days(kept["started_at"], until)
        return kept.mutate(retained=mark(~is_known(kept["lost_at"]) | (kept["lost_at"] >= end)))
    return _mark(count_within(kept, heard, outcomes.retained.event, landmark, until, name=name), name)


def _mark(counted: ir.Table, name, *, to=1):
    """A count becomes 1 where there is any and `to` is 1, or where there is none and `to` is 0."""
    return counted.mutate(**{name: mark(counted[name] > 0 if to else counted[name] == 0)})


def _arrange(frame, design, landmark, firsts):
    """The contract's columns in its order; days from times."""
    parts = {"unit": frame["unit"].astype("str"), "cohort": name_cohort(frame, design)}
    parts |= {"started_at": frame["started_at"], "tier": frame["tier"].astype("str"), "size": frame["size"]}
    read = {name: frame[name] for name in frame} | _read_firsts(frame, firsts, landmark)
    parts |= {name: read[name] for name in _list_numbers(design)}
    parts |= {name: frame[name].astype(float) for name in design.outcome_names}
    if design.outcomes.retained.lost:
        parts["lost"] = (1 - frame["retained"]).astype(np.int64)
        days = count_days(frame["lost_at"], frame["started_at"]) - landmark
        parts["lost_days"] = days.where(parts["lost"] == 1, design.horizon_days)
    return pd.DataFrame(parts)


def _list_numbers(design):
    names = ["count", "activated"] if design.activation else []
    names += ["events_in_period", "seats", "usage", "using"] if design.usage else []
    names += [f"step_{step.name}" for step in design.steps] + [f"step_day_{step.name}" for step in design.steps]
    names += ["steps_done", "set_up"] if design.steps else []
    names += [f"feature_{feature.name}" for feature in design.features]
    categories = [f"level_{name}" for name in design.categories]
    return names + ([*categories, "mature_categories", "mature"] if categories else [])


def _read_firsts(frame, firsts, landmark):
    """Whether each step and feature came before the landmark, and the day of the first time if so."""
    read, start = {}, frame["started_at"]
    end = start + pd.Timedelta(seconds=round(landmark * DAY))
    for name in firsts:
        first = pd.to_datetime(firsts[name].reset_index(drop=True), utc=True)
        done = first < end
        read[name] = done.astype(np.int64)
        if name.startswith("step_"):
            read["step_day_" + name.removeprefix("step_")] = count_days(first, start).where(done)
    return read


def _count(table):
    return table.count().to_pyarrow().as_py()
