"""Accounts as a study reads them: at each landmark, as whole histories, by month of tenure, or as a snapshot."""

from dataclasses import dataclass, field

import ibis
import numpy as np
import pandas as pd

from helpers.metrics.accounts import Accounts, fetch, name_cohort
from helpers.metrics.events import DAY, Total, ask, attach, pick
from helpers.metrics.milestones import USAGE, define_counts, define_reached, list_timed, list_totals, meet

MONTH_DAYS = 30


@dataclass(frozen=True)
class Frames:
    """Accounts as the study reads them.

    `landmarks` by days after the start, the main one first; of a snapshot the one frame under 0. `histories` has one
    row an account that started, `months` one an account and month; both are None for a snapshot.
    """

    landmarks: dict[float, pd.DataFrame] = field(repr=False)
    histories: pd.DataFrame | None = field(default=None, repr=False)
    months: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def main(self) -> pd.DataFrame:
        """The accounts at the main landmark, or of the snapshot."""
        return next(iter(self.landmarks.values()))


def read_frames(accounts: Accounts) -> Frames:
    """Return the accounts at each landmark, their histories and their months.

    Parameters
    ----------
    accounts : Accounts

    Returns
    -------
    Frames: as `read_landmarks`, `read_histories`, `read_months` and `read_snapshot` describe them.
    """
    if accounts.design.is_snapshot:
        return Frames({0.0: read_snapshot(accounts)})
    histories = read_histories(accounts)
    return Frames(read_landmarks(accounts, histories), histories, read_months(accounts))


def read_landmarks(accounts: Accounts, histories: pd.DataFrame | None = None) -> dict[float, pd.DataFrame]:
    """Return for each landmark the accounts that are customers on that day and are followed to its horizon.

    Milestones and features are what had happened before the landmark; outcomes are what happened from it on, before
    landmark + horizon.

    Parameters
    ----------
    accounts : Accounts
    histories : DataFrame, optional
        As `read_histories` gives it; read when left out.

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
    if accounts.design.is_snapshot:
        return {}
    histories = (read_histories(accounts) if histories is None else histories).set_index("unit")
    return {landmark: _read(accounts, landmark, histories) for landmark in accounts.design.landmarks}


def _read(accounts, landmark, histories):
    design = accounts.design
    totals = [*list_totals(design, landmark, design.milestone_names), *_list_outcomes(design, landmark)]
    met = meet(accounts, landmark, totals)
    met = met.filter(met["is_customer"]).drop("started_at", "lost_at", "cohort", "tier", "size")
    frame = fetch(define_counts(met, design, design.milestone_names))
    past, timed = histories.loc[frame["unit"]].reset_index(), list_timed(design)
    days = past[[_name_day(name) for name in timed]].set_axis([*timed], axis=1)
    done = define_reached(_one(days < _round(landmark)), design, add=pd.DataFrame.assign, count=_one)
    steps, features = ([f"{part}_{item.name}" for item in getattr(design, f"{part}s")] for part in ("step", "feature"))
    features = {name: done[name] if name in done else frame[name] for name in features}
    counts = [name for name in ("count", "activated", *(USAGE if design.usage else ())) if name in frame]
    parts = [past[["unit", "cohort", "started_at", "tier", "size"]], frame[counts], done[steps]]
    parts.append(days[steps].where(done[steps] == 1).set_axis([_name_day(step) for step in steps], axis=1))
    parts += [done.filter(regex="^(steps_done|set_up)$"), pd.DataFrame(features)]
    parts += [done.filter(regex="^(level_|mature)"), _read_outcomes(frame, past, design, landmark)]
    return pd.concat(parts, axis=1)


def _read_outcomes(frame, past, design, landmark):
    """Outcomes of the plan as 0 and 1, in its order, from counts of events or from the day of the loss."""
    outcomes, until = design.outcomes, landmark + design.horizon_days
    stays = frame["retained"] > 0 if "retained" in frame else ~(past["lost_day"] < _round(until))
    read = {"retained": stays.astype(float)}
    if outcomes.expanded:
        is_followed = past["followed_days"] >= _round(landmark + outcomes.expanded.within_days)
        read["expanded"] = (frame["expanded"] > 0).astype(float).where(is_followed)
    if "dormant" in design.outcome_names:
        read["dormant"] = (frame["dormant"] == 0).astype(float)
    if outcomes.retained.lost:
        read |= {"lost": _one(~stays), "lost_days": (past["lost_day"] - landmark).where(~stays, design.horizon_days)}
    return pd.DataFrame(read)


def _name_day(name):
    return name.replace("_", "_day_", 1)


def _one(fact):
    return fact.astype(np.int64)


def _round(days):
    """Days to the second, as the engine counts them."""
    return round(days * DAY) / DAY


def _list_outcomes(design, landmark):
    """The events that outcomes count, each from its day on."""
    found, until, totals = design.outcomes, landmark + design.horizon_days, []
    if found.retained.event and not found.retained.lost:
        totals.append(Total("retained", "count", tuple(found.retained.event), landmark, until))
    if found.expanded:
        end = landmark + found.expanded.within_days
        totals.append(Total("expanded", "count", tuple(found.expanded.event), landmark, end))
    if "dormant" in design.outcome_names:
        since = until - found.dormant_after_days
        totals.append(Total("dormant", "count", tuple(design.activity_events), since, until))
    return totals


def explain_accounts(accounts: Accounts) -> list[tuple[str, int, str]]:
    """Return what is kept at each landmark, step by step: (step, accounts, note).

    Parameters
    ----------
    accounts : Accounts
    """
    table, design = accounts.table, accounts.design
    if design.is_snapshot:
        known = ask(table, {"kept": (table["lost"].notnull() & table["lost_days"].notnull()).sum()})["kept"]
        return [("loaded", accounts.n_loaded, ""), ("kept", known, "with an end and its time")]
    steps = [("started", table.count().to_pyarrow().as_py(), f"by {accounts.as_of}")]
    if accounts.reach.began:
        told = f"on a day before the events begin, {accounts.reach.began}: left out"
        steps.insert(0, ("began too early", accounts.reach.n_early, told))
    for landmark in design.landmarks:
        met = meet(accounts, landmark, list_totals(design, landmark, ()))
        facts = {"lost": (met["lost_at"] < met["landmark_at"]).sum(), "kept": met["is_customer"].sum()}
        n, lost, kept = (count or 0 for count in ask(met, {"n": met.count()} | facts).values())
        day, until = f"landmark day {landmark:g}: ", f"to day {landmark + design.horizon_days:g}"
        steps += [(f"{day}followed", n, f"{until}, by the end of {accounts.as_of}")]
        steps += [(f"{day}lost before it", lost, "no outcome of theirs can follow a milestone")]
        if design.alive:
            quiet = f"no {' or '.join(design.alive.event)} in the {design.alive.within_days:g} days before it"
            steps += [(f"{day}without a sign of life", n - lost - kept, quiet)]
        steps += [(f"{day}kept", kept, "customers on that day, followed long enough")]
    return steps


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
    design, table, heard = accounts.design, accounts.table, accounts.heard
    wanted = design.activation
    if wanted and wanted.at_least:
        named = heard.filter(Total("", "count", tuple(wanted.event), 0, wanted.window_days).holds(heard))
        reached = pick(named, "unit", "at", place=wanted.at_least - 1)
        table = attach(table, reached.select("unit", activated_at=reached["at"]))
    frame = fetch(table)
    start, end, days = frame["started_at"], pd.Timestamp(accounts.cutoff, tz="UTC"), _read_days(accounts, frame["unit"])
    parts = {"unit": frame["unit"].astype("str"), "cohort": name_cohort(frame, design), "started_at": start}
    parts |= {"tier": frame["tier"].astype("str"), "size": frame["size"], "followed_days": _count_days(end, start)}
    parts["lost_day"] = _count_days(frame["lost_at"], start)
    if design.steps:
        parts["day_set_up"] = _take_nth(days, [f"step_day_{step.name}" for step in design.steps], design.steps_line)
    if wanted:
        parts["day_activated"] = _count_days(frame["activated_at"], start) if "activated_at" in frame else np.nan
    if design.categories:
        grown = {}
        for name, category in design.categories.items():
            mature = [f"feature_day_{feature}" for feature in dict.fromkeys(category.mature)]
            grown[name] = _take_nth(days, mature, category.mature_at_least)
        parts["day_mature"] = _take_nth(pd.DataFrame(grown), [*grown], design.mature_line)
    return pd.concat([pd.DataFrame(parts), days], axis=1)


def _read_days(accounts, units):
    """The day on which each step and feature with a time first happened, as `step_day_NAME`, `feature_day_NAME`."""
    timed, heard = list_timed(accounts.design), accounts.heard
    named = heard.filter(heard["event"].isin(sorted(timed.values())))
    told = fetch(named.group_by("unit", "event").aggregate(at=named["at"].min(), start=named["start"].min()))
    code, events = pd.factorize(told["event"])
    days = np.full((len(units), len(events)), np.nan)
    days[pd.Index(units).get_indexer(told["unit"]), code] = _count_days(told["at"], told["start"])
    days = pd.DataFrame(days, columns=events).reindex(columns=[*timed.values()])
    return days.set_axis([_name_day(name) for name in timed], axis=1)


def _take_nth(days, names, n):
    """The n-th smallest of several days, account by account; never (nan) is later than all."""
    return np.sort(days[names].to_numpy(), axis=1)[:, n - 1]


def _count_days(moment, start):
    """The days (float) from a start to a moment; nan where there is none."""
    return (moment - start).dt.total_seconds() / DAY


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
    design, heard = accounts.design, accounts.heard
    frame = fetch(accounts.table.select("unit", "started_at", "lost_at", "seats"))
    start, end = frame["started_at"], pd.Timestamp(accounts.cutoff, tz="UTC")
    followed = np.fmin(_count_days(frame["lost_at"], start), _count_days(end, start))
    whole = np.floor(followed / MONTH_DAYS).astype(np.int64)
    months = frame.loc[frame.index.repeat(whole), ["unit", "seats"]].reset_index(drop=True)
    months.insert(1, "month", months.groupby("unit").cumcount())
    months = months.merge(_count_by_month(heard, design), how="left", on=["unit", "month"])
    if design.usage and design.usage.seats_event:
        told = months[["unit", "month"]].merge(_read_seats(heard, design), how="left")["value"]
        months["seats"] = told.where(told.notna() | (months["month"] > 0), months["seats"])
        months["seats"] = months.groupby("unit")["seats"].ffill()
    quiet, close = design.outcomes.dormant_after_days, (months["month"] + 1) * float(MONTH_DAYS)
    active = pd.Series(True, months.index)
    if quiet and design.activity_events:
        active = (close < quiet) | (months.groupby("unit")["last_day"].ffill() >= close - quiet)
    counts = {name: months[name].fillna(0).astype(np.int64) for name in ("count", "events")}
    parts = {"unit": months["unit"].astype("str"), "month": months["month"], **counts}
    return pd.DataFrame(parts | {"active": _one(active), "seats": months["seats"]})


def _count_by_month(heard, design):
    """Activation and usage events and the last day with activity, by account and month of tenure."""
    seconds = heard["at"].epoch_seconds().cast("float64") - heard["start"].epoch_seconds().cast("float64")
    heard = heard.mutate(day=seconds / DAY, month=(seconds / (MONTH_DAYS * DAY)).floor().cast("int64"))
    parts = {"count": design.activation, "events": design.usage}
    counts = {n: heard["event"].isin(part.event).sum() if part else ibis.literal(0) for n, part in parts.items()}
    last_day = heard["day"].max(where=heard["event"].isin(design.activity_events))
    return fetch(heard.group_by("unit", "month").aggregate(**counts, last_day=last_day))


def _read_seats(heard, design):
    """The latest number of seats that was told by the start of each month, where one was told since the last."""
    told = heard.filter(heard["event"] == design.usage.seats_event, heard["value"].notnull())
    told = fetch(told.select("unit", "at", "value", "start")).sort_values(["unit", "at", "value"])
    told["month"] = np.ceil(_count_days(told["at"], told["start"]) / MONTH_DAYS).astype(np.int64)
    return told.drop_duplicates(["unit", "month"], keep="last")[["unit", "month", "value"]]


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
