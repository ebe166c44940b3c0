"""Accounts of a framework: who they are and what they did, at landmarks, as histories, by month or in a snapshot."""

import datetime as dt
from dataclasses import dataclass, field, replace
from html import escape

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from helpers import schema
from helpers.metrics import events as log
from helpers.metrics import milestones
from helpers.metrics.events import STALE_DAYS, Reach, find_reach, list_recurring, measure_silence
from helpers.plan import FrameworkPlan
from helpers.records import Refused
from helpers.sources import AccountSource, frames
from helpers.sources.opening import fetch

MONTH_DAYS = 30
DATED = "events have dates alone: each account starts with its day, so that events of that day count"


@dataclass(frozen=True)
class Accounts:
    """The accounts of a framework, in the engine, and what they did until `as_of`.

    Attributes
    ----------
    design : FrameworkPlan
    as_of : date or None
        The last day that counts: the plan's, else the latest day in the data; None for a snapshot.
    table : ibis.Table, one row an account that started by the end of `as_of`
        `unit`, `started_at`, `lost_at` (null: not lost), `tier`, `size`, `seats` (at the start), `cohort` (the plan's
        column, else null), and `feature_NAME` for each feature that stands in a column.
    messages : tuple of str
        What was left out, with counts, one sentence each.
    n_loaded : int
        Accounts before those that started later are left out.
    heard : ibis.Table or None
        The events of the plan from each account's start to its loss and the end of `as_of`, with their `age` in
        microseconds; None for a snapshot.
    reach : Reach
        Where the log of events begins and ends: accounts that started before it are left out, `as_of` is its end.
    dated : bool
        Whether events have dates alone while accounts start at a time of day: each then starts with its day.
    source : AccountSource
        What they were folded from.
    """

    design: FrameworkPlan
    as_of: dt.date | None
    table: ir.Table = field(repr=False)
    messages: tuple[str, ...] = ()
    n_loaded: int = 0
    heard: ir.Table | None = field(default=None, repr=False)
    reach: Reach = field(default_factory=Reach)
    dated: bool = False
    source: AccountSource | None = field(default=None, repr=False)

    @property
    def cutoff(self) -> dt.datetime | None:
        """The first moment that is not known: the midnight (UTC) that ends `as_of`."""
        return log.find_end(self.as_of)

    def _repr_html_(self) -> str:
        """Return how many accounts there are, and until when, in one line, for notebooks."""
        n = log.ask(self.table, {"n": self.table.count()})["n"]
        until = f"until {self.as_of}" if self.as_of else "a snapshot"
        return f"<b>{escape(schema.say(n, self.design.unit))}, one row each</b>: {until}"

    def frame(self, *, most: int | None = None) -> pd.DataFrame:
        """Return one row an account in pandas, in order of its id: every own column under its own name.

        Beside them stands `lost_at`, where the plan reads losses from events and no own column is called so. What
        accounts did by a landmark is in `read_frames`.

        Parameters
        ----------
        most : int, optional, at most so many rows, as the engine finds them first
        """
        own = self.source.accounts.rename(self.source.names)
        is_told = self.design.outcomes.retained.lost and "lost_at" not in map(str.casefold, own.columns)
        found = {"lost_at": self.table["lost_at"]} if is_told else {}
        key = own.columns[self.source.accounts.columns.index("unit")]
        return frames.read_beside(own, key, self.table, found, most)


def fold_accounts(source: AccountSource, design: FrameworkPlan) -> Accounts:
    """Return the accounts of a framework with their events, cut to what counts.

    An event counts from the account's start on, up to its loss (that moment included) and the end of `as_of`. Days are
    86,400 seconds from the start; windows hold their first moment and not their last.

    Parameters
    ----------
    source : AccountSource
    design : FrameworkPlan

    Returns
    -------
    Accounts

    Raises
    ------
    Refused: no account started by `as_of`.
    """
    known, as_of = _standardise(source.accounts, design), design.as_of
    if design.is_snapshot:
        ended = known["lost"].notnull() & known["lost_days"].notnull()
        n, n_open = log.ask(known, {"n": known.count(), "open": (~ended).sum()}).values()
        noted = (f"accounts without an end or its time, left out: {n_open:,}",) if n_open else ()
        return Accounts(design, None, known, noted, n, source=source)
    said, heard, start = [], source.events, known["started_at"]
    clock = {"clocked": log.has_clock(heard["at"]), "event": heard["at"].max()}
    clock = log.ask(known, {"timed": log.has_clock(start), "start": start.max()}, (heard, clock))
    if not as_of:
        as_of = max(clock[name].date() for name in ("start", "event") if clock[name])
        said.append(log.LATEST.format(as_of))
    if dated := clock["timed"] and clock["clocked"] is False:
        known = known.mutate(started_at=start.truncate("D"))
        said.append(DATED)
    events = heard.filter(heard["event"].isin(schema.list_account_event_names(design)))
    reach = find_reach(known, events, design, as_of)
    said += reach.tell(as_of)
    as_of = reach.ended or as_of
    end = ibis.literal(log.find_end(as_of))
    started = milestones.read_losses(known.filter(known["started_at"] < end), end, clock["clocked"], said)
    if reach.began:
        started = started.filter(started["started_at"] >= ibis.literal(dt.datetime.combine(reach.began, dt.time())))
    seen = events.filter(events["at"] < end)
    ends = seen.filter(seen["event"].isin(design.outcomes.retained.lost))
    table = log.store(milestones.add_loss(started, log.hear(started, ends, start="started_at"), design))
    heard = log.hear(table, seen, start="started_at", lost="lost_at")
    heard = log.store(heard.mutate(**{log.AGE: heard["at"].delta(heard["start"], unit="microsecond")}))
    n, n_late = log.ask(known, {"n": known.count(), "late": (known["started_at"] >= end).sum()}).values()
    if n == n_late:
        raise Refused(f"plan, as_of: no account started by {as_of}; choose a later day")
    notes = {f"accounts that start after {as_of}, left out": n_late, **_count_left(table, events, design, as_of)}
    said += [f"{sentence}: {count:,}" for sentence, count in notes.items() if count]
    for landmark in design.landmarks:
        if design.usage and landmark < design.usage.period_days:
            period = f"{design.usage.period} of {design.usage.period_days} days"
            said.append(f"usage cannot be read on day {landmark:g}: not a full {period} has passed")
    return Accounts(design, as_of, table, tuple(said), n, heard, reach, bool(dated), source)


def _standardise(accounts, design):
    """Each account under the names that all readings share; what the plan does not name is the same for all."""
    own = {"unit": accounts["unit"].cast("string")}
    own |= {} if design.is_snapshot else {"started_at": accounts["started_at"]}
    tier = accounts[design.plan_tier].cast("string") if design.plan_tier else ibis.literal("all")
    own |= {"tier": tier.fill_null("unknown"), "size": ibis.literal(1.0)}
    if design.size:
        own["size"] = accounts[design.size].cast("float64").nullif(0.0)
    own["seats"] = accounts[design.usage.seats].cast("float64") if design.usage else ibis.null("float64")
    calendar = design.is_snapshot or design.cohort in schema.CALENDAR
    own["cohort"] = ibis.null("string") if calendar else accounts[design.cohort].cast("string")
    numbers = {f"feature_{f.name}": f.column for f in design.features if f.column}
    retained = design.outcomes.retained
    own |= {"lost_at": accounts[retained.lost_at]} if retained.lost_at else {}
    numbers |= {"lost": retained.column, "lost_days": retained.time} if retained.column else {}
    return accounts.select(**own, **{key: accounts[name].cast("float64") for key, name in numbers.items()})


def _count_left(table, events, design, as_of):
    """How many events do not count, and how many accounts lack something."""
    named = events.select("unit", "at").inner_join(table.select("unit", "started_at", "lost_at"), "unit")
    early, late = named["at"] < named["started_at"], named["at"] >= ibis.literal(log.find_end(as_of))
    facts = {
        "events before their account starts, left out": early,
        f"events after {as_of}, the last complete day, left out": late,
        "events after their account is lost, left out": ~early & ~late & (named["at"] > named["lost_at"]),
    }
    lacks = {"accounts without a size above 0": table["size"].isnull()}
    lacks |= {"accounts without seats at their start": table["seats"].isnull()} if design.usage else {}
    facts, lacks = ({sentence: fact.sum() for sentence, fact in counted.items()} for counted in (facts, lacks))
    return log.ask(named, facts, (table, lacks))


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
    Frames: as `read_landmarks`, `_read_histories`, `_read_months` and `read_snapshot` describe them.
    """
    if accounts.design.is_snapshot:
        return Frames({0.0: read_snapshot(accounts)})
    histories = _read_histories(accounts)
    return Frames(read_landmarks(accounts, histories), histories, _read_months(accounts))


def read_landmarks(accounts: Accounts, histories: pd.DataFrame | None = None) -> dict[float, pd.DataFrame]:
    """Return for each landmark the accounts that are customers on that day and are followed to its horizon.

    Milestones and features are what had happened before the landmark; outcomes are what happened from it on, before
    landmark + horizon.

    Parameters
    ----------
    accounts : Accounts
    histories : DataFrame, optional
        As `_read_histories` gives it; read when left out.

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
    histories = (_read_histories(accounts) if histories is None else histories).set_index("unit")
    design, table, totals, own = accounts.design, accounts.table, [], {}
    for place, landmark in enumerate(design.landmarks):
        asked = milestones.list_totals(design, landmark, design.milestone_names)
        asked += milestones.list_outcomes(design, landmark)
        own[landmark] = {total.column: f"{total.column}_{place}" for total in asked}
        totals += [replace(total, column=own[landmark][total.column]) for total in asked]
    folded = log.store(log.fold_events(table, accounts.heard, totals))  # events are many, and read once
    told = {landmark: {name: folded[column] for name, column in own[landmark].items()} for landmark in own}
    return {day: _read_landmark(accounts, day, folded.select(*table.columns, **told[day]), histories) for day in own}


def _meet(accounts, landmark, folded):
    """The accounts that are followed to a landmark's horizon, and whether they are customers."""
    until = log.add_days(folded["started_at"], landmark + accounts.design.horizon_days)
    followed = folded.filter(until <= ibis.literal(accounts.cutoff))
    return milestones.keep_customers(followed, accounts.design, landmark)


def _read_landmark(accounts, landmark, folded, histories):
    design, outcomes, until = accounts.design, accounts.design.outcomes, landmark + accounts.design.horizon_days
    met = _meet(accounts, landmark, folded)
    met = met.filter(met["is_customer"]).drop("started_at", "lost_at", "cohort", "tier", "size")
    frame = _fetch(milestones.define_counts(met, design, design.milestone_names))
    past, timed = histories.loc[frame["unit"]].reset_index(), milestones.list_timed(design)
    days = past[[_name_day(name) for name in timed]].set_axis([*timed], axis=1)
    done = _one(days < _round(landmark))
    reached = milestones.define_reached(done, design, _one)
    steps, features = ([f"{part}_{item.name}" for item in getattr(design, f"{part}s")] for part in ("step", "feature"))
    found = dict(past[["unit", "cohort", "started_at", "tier", "size"]])
    found |= dict(frame.filter(["count", "activated", *(milestones.USAGE if design.usage else ())]))
    found |= dict(done[steps]) | {_name_day(step): days[step].where(done[step] == 1) for step in steps}
    found |= {name: reached[name] for name in ("steps_done", "set_up") if name in reached}
    found |= {name: done[name] if name in done else frame[name] for name in features} | reached
    stays = frame["retained"] > 0 if "retained" in frame else ~(past["lost_day"] < _round(until))
    found["retained"] = stays.astype(float)
    if outcomes.expanded:
        is_followed = past["followed_days"] >= _round(landmark + outcomes.expanded.within_days)
        found["expanded"] = (frame["expanded"] > 0).astype(float).where(is_followed)
    if "dormant" in frame:
        found["dormant"] = (frame["dormant"] == 0).astype(float)
    if outcomes.retained.ends:
        found |= {"lost": _one(~stays), "lost_days": (past["lost_day"] - landmark).where(~stays, design.horizon_days)}
    return pd.DataFrame(found)


def _name_day(name):
    return name.replace("_", "_day_", 1)


def _one(fact):
    return fact.astype(np.int64)


def _round(days):
    """Days to the second, as the engine counts them."""
    return round(days * log.DAY) / log.DAY


def explain_accounts(accounts: Accounts) -> list[tuple[str, int, str]]:
    """Return what is kept at each landmark, step by step: (step, accounts, note).

    Parameters
    ----------
    accounts : Accounts
    """
    table, design = accounts.table, accounts.design
    if design.is_snapshot:
        known = log.ask(table, {"kept": (table["lost"].notnull() & table["lost_days"].notnull()).sum()})["kept"]
        return [("loaded", accounts.n_loaded, ""), ("kept", known, "with an end and its time")]
    steps = [("started", table.count().to_pyarrow().as_py(), f"by {accounts.as_of}")]
    if accounts.reach.began:
        told = f"on a day before the events begin, {accounts.reach.began}: left out"
        steps.insert(0, ("began too early", accounts.reach.n_early, told))
    for landmark in design.landmarks:
        totals = milestones.list_totals(design, landmark, ())
        met = _meet(accounts, landmark, log.fold_events(table, accounts.heard, totals))
        facts = {"lost": (met["lost_at"] < met["landmark_at"]).sum(), "kept": met["is_customer"].sum()}
        n, lost, kept = (count or 0 for count in log.ask(met, {"n": met.count()} | facts).values())
        day, until = f"landmark day {landmark:g}: ", f"to day {landmark + design.horizon_days:g}"
        steps += [(f"{day}followed", n, f"{until}, by the end of {accounts.as_of}")]
        steps += [(f"{day}lost before it", lost, "no outcome of theirs can follow a milestone")]
        if design.alive:
            quiet = f"no {' or '.join(design.alive.event)} in the {design.alive.within_days:g} days before it"
            steps += [(f"{day}without a sign of life", n - lost - kept, quiet)]
        steps += [(f"{day}kept", kept, "customers on that day, followed long enough")]
    return steps


def _read_histories(accounts: Accounts) -> pd.DataFrame:
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
    timed, wanted = {_name_day(name): event for name, event in milestones.list_timed(design).items()}, design.activation
    firsts = heard.filter(heard["event"].isin(sorted({*timed.values()})))  # few rows, of which all columns are read
    firsts = firsts.group_by("unit", "event").aggregate(age=firsts[log.AGE].min())
    ages = {name: firsts["age"].max(where=firsts["event"] == event) for name, event in timed.items()}
    table = table.left_join(firsts.group_by("unit").aggregate(**ages), "unit").drop("unit_right")
    if wanted and wanted.at_least:
        named = heard.filter(log.Total("", "count", tuple(wanted.event), 0, wanted.window_days).holds(heard))
        reached = log.pick(named, "unit", "at", place=wanted.at_least - 1)
        table = table.left_join(reached.select("unit", day_activated=log.AGE), "unit").drop("unit_right")
    frame = _fetch(table)
    start, end = frame["started_at"], pd.Timestamp(accounts.cutoff, tz="UTC")
    days = frame[[*timed]].astype(float) / log.MICRO / log.DAY
    parts = {"unit": frame["unit"].astype("str"), "cohort": frame["cohort"].fillna("unknown").astype("str")}
    if design.cohort in schema.CALENDAR:
        year, month = start.dt.year.astype("str"), start.dt.month.astype("str").str.zfill(2)
        later = {"year": "", "quarter": "-Q" + start.dt.quarter.astype("str")}
        parts["cohort"] = year + later.get(design.cohort, "-" + month)
    parts |= {"started_at": start, "tier": frame["tier"].astype("str"), "size": frame["size"]}
    parts |= {"followed_days": _count_days(end, start), "lost_day": _count_days(frame["lost_at"], start)}
    if design.steps:
        parts["day_set_up"] = _take_nth(days, [f"step_day_{step.name}" for step in design.steps], design.steps_line)
    if wanted:
        parts["day_activated"] = frame.get("day_activated", pd.Series(np.nan, frame.index)) / log.MICRO / log.DAY
    if design.categories:
        grown = {}
        for name, category in design.categories.items():
            mature = [f"feature_day_{feature}" for feature in dict.fromkeys(category.mature)]
            grown[name] = _take_nth(days, mature, category.mature_at_least)
        parts["day_mature"] = _take_nth(pd.DataFrame(grown), [*grown], design.mature_line)
    return pd.concat([pd.DataFrame(parts), days], axis=1)


def _take_nth(days, names, n):
    """The n-th smallest of several days, account by account; never (nan) is later than all."""
    return np.sort(days[names].to_numpy(), axis=1)[:, n - 1]


def _read_months(accounts: Accounts) -> pd.DataFrame:
    """Return one row an account and month of tenure (30 days) that is over by the end of `as_of` and before its loss.

    Parameters
    ----------
    accounts : Accounts

    Returns
    -------
    DataFrame sorted by unit and month, index from 0: `unit`, `month` (0 is the first), `events` (usage events in it),
    `active` (1 with any activity in the plan's `dormant_after_days` before the month's end, or where less than that
    many days have passed, or where the plan gives none), `seats` (at the month's start; nan where unknown).
    """
    design, heard = accounts.design, accounts.heard
    frame = _fetch(accounts.table.select("unit", "started_at", "lost_at", "seats"))
    start, end = frame["started_at"], pd.Timestamp(accounts.cutoff, tz="UTC")
    followed = np.fmin(_count_days(frame["lost_at"], start), _count_days(end, start))
    whole = np.floor(followed / MONTH_DAYS).astype(np.int64)
    months = frame.loc[frame.index.repeat(whole), ["unit", "seats"]].reset_index(drop=True)
    months.insert(1, "month", months.groupby("unit").cumcount())
    seconds = heard["at"].epoch_seconds().cast("float64") - heard["start"].epoch_seconds().cast("float64")
    timed = heard.mutate(day=seconds / log.DAY, month=(seconds / (MONTH_DAYS * log.DAY)).floor().cast("int64"))
    events = timed["event"].isin(design.usage.event).sum() if design.usage else ibis.literal(0)
    last_day = timed["day"].max(where=timed["event"].isin(design.activity_events))
    counted = _fetch(timed.group_by("unit", "month").aggregate(events=events, last_day=last_day), "months of accounts")
    months = months.merge(counted, how="left", on=["unit", "month"])
    if design.usage and design.usage.seats_event:  # the latest number told by a month's start, since the last
        told = heard.filter(heard["event"] == design.usage.seats_event, heard["value"].notnull())
        told = _fetch(told.select("unit", "at", "value", "start"), "seats").sort_values(["unit", "at", "value"])
        told["month"] = np.ceil(_count_days(told["at"], told["start"]) / MONTH_DAYS).astype(np.int64)
        told = told.drop_duplicates(["unit", "month"], keep="last")[["unit", "month", "value"]]
        told = months[["unit", "month"]].merge(told, how="left")["value"]
        months["seats"] = told.where(told.notna() | (months["month"] > 0), months["seats"])
        months["seats"] = months.groupby("unit")["seats"].ffill()
    quiet, close = design.outcomes.dormant_after_days, (months["month"] + 1) * float(MONTH_DAYS)
    active = pd.Series(True, months.index)
    if quiet and design.activity_events:
        active = (close < quiet) | (months.groupby("unit")["last_day"].ffill() >= close - quiet)
    told = months.assign(events=months["events"].fillna(0).astype(np.int64), active=_one(active))
    return told.astype({"unit": "str"})[["unit", "month", "events", "active", "seats"]]


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
    frame = _fetch(accounts.table).dropna(subset=["lost", "lost_days"]).reset_index(drop=True)
    frame = frame.astype({"unit": "str", "tier": "str", "lost": np.int64})
    features = frame.filter(regex="^feature_").columns
    return frame[["unit", "tier", "size", *features, "lost", "lost_days"]].assign(retained=1.0 - frame["lost"])


def _fetch(table, what="accounts"):
    """A table in memory, sorted by unit, times in UTC, index from 0."""
    frame = fetch(table, what).to_pandas()
    times = frame.select_dtypes("datetime").apply(pd.to_datetime, utc=True)
    return frame.assign(**times).sort_values("unit", kind="stable", ignore_index=True)


def _count_days(moment, start):
    """The days (float) from a start to a moment; nan where there is none."""
    return (moment - start).dt.total_seconds() / log.DAY


def measure_freshness(source: AccountSource, accounts: Accounts) -> pd.DataFrame:
    """Return how many rows each input has, the share without a value, and the latest day that has one.

    Parameters
    ----------
    source : AccountSource
    accounts : Accounts
        The same data folded.

    Returns
    -------
    DataFrame, the columns of accounts in the order of the plan, then its events: `table` ("accounts" or "events"),
        `column` (the name of the column, or of the event), `rows` (accounts, or such events by the end of `as_of`),
        `missing` (share without a value; of events, those that should carry one), `latest` (ISO date of the latest
        start with a value, or of the latest such event; None where there is none), `days_old` (before `as_of`; nan
        where `latest` is None), `note` ("" where nothing is amiss).
    """
    design, as_of = accounts.design, accounts.as_of
    table, columns, facts = source.accounts, schema.list_account_columns(design), {"n": source.accounts.count()}
    facts |= {("missing", column): table[column.target].isnull().sum() for column in columns}
    if as_of:
        starts = table["started_at"]
        facts |= {("latest", column): starts.max(where=table[column.target].notnull()) for column in columns}
    found, rows = log.ask(table, facts), []
    for column in columns:
        missing = (found["missing", column] or 0) / max(found["n"], 1)
        rows.append(("accounts", column.name, found["n"], missing, None, found.get(("latest", column))))
    newest = max((latest.date() for *_, latest in rows if latest), default=None)
    if source.events is not None:
        events, valued = source.events, design.usage and design.usage.seats_event
        heard = events.filter(events["at"] < ibis.literal(accounts.cutoff)).group_by("event")
        facts = {"rows": ibis._.count(), "missing": ibis._["value"].isnull().sum()}
        heard = heard.aggregate(**facts, first=ibis._["at"].min(), latest=ibis._["at"].max())
        heard = {row["event"]: row for row in heard.to_pyarrow().to_pylist()}
        for name in schema.list_account_event_names(design):
            row = heard.get(name, {"rows": 0, "missing": 0, "first": None, "latest": None})
            lacks = row["missing"] / max(row["rows"], 1) if name == valued else 0.0
            rows.append(("events", name, row["rows"], lacks, row["first"], row["latest"]))
    told, again = [], list_recurring(design)
    for table, column, n, missing, first, latest in rows:
        day = latest.date() if latest else None
        old = (as_of - day).days if day and as_of else float("nan")
        note, behind = "", (newest - day).days if day and newest else 0
        if n == 0 or missing == 1:
            note = "never filled" if n else "does not occur"
        elif table == "events" and column in again and measure_silence(n, first, latest, accounts.cutoff)[1]:
            note = f"none in the last {old} days"
        elif table == "accounts" and behind > STALE_DAYS and column != design.outcomes.retained.lost_at:
            note = f"missing from the accounts of the newest {behind} days"
        told.append((table, column, n, missing, day and day.isoformat(), old, note))
    return pd.DataFrame(told, columns=["table", "column", "rows", "missing", "latest", "days_old", "note"])
