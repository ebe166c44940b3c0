"""Whole histories: the day of each milestone, what happened in each month of tenure, and snapshots without times."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd

from helpers.metrics.accounts.folding import Accounts, count_days, fetch, fetch_firsts, name_cohort
from helpers.metrics.accounts.milestones import attach
from helpers.metrics.clock import DAY, add_days

MONTH_DAYS = 30


def read_histories(accounts: Accounts) -> pd.DataFrame:
    """Return one row an account that started by the end of `as_of`, with the day on which each thing first happened.

    Parameters
    ----------
    accounts : Accounts

    Returns
    -------
    DataFrame sorted by unit, index from 0: `unit`, `cohort`, `started_at` (UTC), `tier`, `size`, `followed_days` (from
    the start to the end of `as_of`), `lost_day` (nan: not lost by then), and the days, nan where never, of `day_set_up`
    (the step that completes the plan's number), `day_activated` (the event that does, within the window),
    `day_mature` (the first day on which enough categories are mature), `step_day_NAME` and `feature_day_NAME` (features
    with a time). Nothing after the loss counts. Milestones that the plan does not define are left out.
    """
    design = accounts.design
    table = accounts.table
    if design.activation and design.activation.at_least:
        table = attach(table, _find_activation(accounts))
    frame = fetch(table)
    start, days = frame["started_at"], {}
    for name, first in fetch_firsts(accounts, frame["unit"]).items():
        part, _, item = name.partition("_")
        days[f"{part}_day_{item}"] = count_days(pd.Series(first, frame.index).dt.tz_localize("UTC"), start)
    end = pd.Timestamp(accounts.cutoff, tz="UTC")
    parts = {"unit": frame["unit"].astype("str"), "cohort": name_cohort(frame, design), "started_at": start}
    parts |= {"tier": frame["tier"].astype("str"), "size": frame["size"]}
    parts |= {"followed_days": count_days(end, start), "lost_day": count_days(frame["lost_at"], start)}
    return pd.DataFrame(parts | _find_days(frame, days, design) | days)


def _find_days(frame, days, design):
    """The day of each milestone that the plan defines."""
    found = {}
    if design.steps:
        found["day_set_up"] = _take_nth([days[f"step_day_{step.name}"] for step in design.steps], design.steps_line)
    if design.activation:
        reached = "activated_at" in frame
        nothing = pd.Series(np.nan, frame.index)
        found["day_activated"] = count_days(frame["activated_at"], frame["started_at"]) if reached else nothing
    if design.categories:
        each = [_take_nth(_take(days, c.mature), c.mature_at_least) for c in design.categories.values()]
        found["day_mature"] = _take_nth(each, design.mature_line)
    return found


def _take(days, names):
    return [days[f"feature_day_{name}"] for name in dict.fromkeys(names)]


def _take_nth(days, n):
    """The n-th smallest of several days, account by account; never (nan) is later than all."""
    return np.sort(np.column_stack(days), axis=1)[:, n - 1]


def _find_activation(accounts):
    """The moment of the event that completes the plan's number within the window."""
    wanted, heard = accounts.design.activation, accounts.heard
    named = heard.filter(heard["event"].isin(wanted.event))
    named = named.filter(named["at"] < add_days(named["started_at"], wanted.window_days))
    ranked = named.mutate(place=ibis.row_number().over(group_by="unit", order_by="at"))
    return ranked.filter(ranked["place"] == wanted.at_least - 1).select("unit", activated_at=ranked["at"])


def read_months(accounts: Accounts) -> pd.DataFrame:
    """Return one row an account and month of tenure (30 days) that is over by the end of `as_of` and before its loss.

    Parameters
    ----------
    accounts : Accounts

    Returns
    -------
    DataFrame sorted by unit and month, index from 0: `unit`, `month` (0 is the first), `count` (activation events in
    it), `events` (usage events in it), `active` (1 with any activity in the plan's `dormant_after_days` before the
    month's end, or where less than that many days have passed, or where the plan gives none), `seats` (at the month's
    start; nan where unknown).
    """
    frame = fetch(accounts.table.select("unit", "started_at", "lost_at", "seats"))
    end = pd.Timestamp(accounts.cutoff, tz="UTC")
    followed = np.fmin(count_days(frame["lost_at"], frame["started_at"]), (end - frame["started_at"]) / _days(1))
    lengths = np.floor(followed / MONTH_DAYS).astype(np.int64).to_numpy()
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    owner = np.repeat(np.arange(len(frame)), lengths)
    month = np.arange(lengths.sum()) - first[owner]
    heard = _Heard(pd.Index(frame["unit"]), lengths, first, len(month))
    told = fetch(_count_by_month(accounts))
    counted = {name: heard.place(told, told[name], fill=0).astype(np.int64) for name in ("count", "events")}
    active = _find_active(accounts, heard.place(told, told["last_day"]), owner, month)
    seats = _follow_seats(accounts, heard, frame["seats"].to_numpy(), owner)
    unit = frame["unit"].astype("str").take(owner).reset_index(drop=True)
    return pd.DataFrame({"unit": unit, "month": month, **counted, "active": active, "seats": seats})


class _Heard:
    """Where a value of an account and month stands among all account-months."""

    def __init__(self, units, lengths, first, total):
        self.units, self.lengths, self.first, self.total = units, lengths, first, total

    def place(self, told, values, *, fill=np.nan):
        """Return the values in the order of account-months; months that are not over are left out."""
        owner = self.units.get_indexer(told["unit"])
        month, inside = told["month"].to_numpy(), told["month"].to_numpy() < self.lengths[owner]
        placed = np.full(self.total, fill, float)
        placed[self.first[owner[inside]] + month[inside]] = np.asarray(values, float)[inside]
        return placed


def _days(n):
    return pd.Timedelta(days=n)


def _count_by_month(accounts):
    """Counts of activation and usage events and the last activity, by account and month of tenure."""
    heard, design = accounts.heard, accounts.design
    seconds = heard["at"].epoch_seconds().cast("float64") - heard["started_at"].epoch_seconds().cast("float64")
    heard = heard.mutate(day=seconds / DAY, month=(seconds / (MONTH_DAYS * DAY)).floor().cast("int64"))
    names = {"count": design.activation, "events": design.usage}
    sums = {name: heard["event"].isin(part.event).sum() if part else ibis.literal(0) for name, part in names.items()}
    active = heard["event"].isin(design.activity_events) if design.activity_events else ibis.literal(False)
    return heard.group_by("unit", "month").aggregate(**sums, last_day=heard["day"].max(where=active))


def _find_active(accounts, last_day, owner, month):
    within, end = accounts.design.outcomes.dormant_after_days, (month + 1) * float(MONTH_DAYS)
    if within is None or not accounts.design.activity_events:
        return np.ones(len(month), np.int64)
    latest = pd.Series(last_day).groupby(owner).cummax().groupby(owner).ffill().to_numpy()
    return ((end < within) | (latest >= end - within)).astype(np.int64)


def _follow_seats(accounts, heard, initial, owner):
    """The latest number that was told by each month's start, else the column's."""
    seats = np.full(heard.total, np.nan)
    begun = heard.lengths > 0
    seats[heard.first[begun]] = initial[begun]
    design = accounts.design
    if design.usage and design.usage.seats_event:
        told = accounts.heard.filter(accounts.heard["event"] == design.usage.seats_event)
        told = fetch(told.drop_null(["value"]).select("unit", "at", "value", "started_at"))
        month = np.ceil(count_days(told["at"], told["started_at"]) / MONTH_DAYS).astype(np.int64)
        told = told.assign(month=month).sort_values(["unit", "at", "value"])
        told = told.drop_duplicates(["unit", "month"], keep="last")
        changed = heard.place(told, told["value"])
        seats = np.where(np.isnan(changed), seats, changed)
    return pd.Series(seats).groupby(owner).ffill().to_numpy()


def read_snapshot(accounts: Accounts) -> pd.DataFrame:
    """Return one row an account of data without times: what it has, whether it left, and after how long.

    Parameters
    ----------
    accounts : Accounts
        Of a plan without `started_at`.

    Returns
    -------
    DataFrame sorted by unit, index from 0: `unit`, `tier`, `size`, `feature_NAME` (0 or 1, nan where missing), `lost`
    (0 or 1), `lost_days` (tenure, in the data's own unit), `retained` (1 - lost). Accounts without an end or its time
    are left out.
    """
    frame = fetch(accounts.table).dropna(subset=["lost", "lost_days"]).reset_index(drop=True)
    features = {f"feature_{f.name}": frame[f"feature_{f.name}"] for f in accounts.design.features if f.column}
    parts = {"unit": frame["unit"].astype("str"), "tier": frame["tier"].astype("str"), "size": frame["size"]}
    parts |= features | {"lost": frame["lost"].astype(np.int64), "lost_days": frame["lost_days"]}
    return pd.DataFrame(parts | {"retained": 1.0 - frame["lost"]})
