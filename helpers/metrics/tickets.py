"""Events of a help desk become one row a ticket, and one row a renewal with how the year before it was served."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd

from helpers.metrics.events import ask, find_end
from helpers.records import Refused
from helpers.sources import AccountSource
from helpers.sources.opening import fetch

FIRSTS = {"opened": "ticket_opened", "replied": "first_reply", "merged": "merged", "solved": "solved"}
FIRSTS |= {"reopened": "reopened"}
TICKET_EVENTS = (*FIRSTS.values(), "reply", "rated", "reviewed")
ENDS = {"left": "left", "bought": "premium_bought"}
TEXTS = ("ticket", "topic")
METRICS = ("replied in time", "solved in one reply", "solved soon", "satisfied", "in contact")


def find_last_day(source: AccountSource, design) -> dt.date:
    """Return the last day that counts: the plan's, else the latest day of an event."""
    if design.as_of:
        return design.as_of
    return ask(source.events, {"last": source.events["at"].max()})["last"].date()


def read_tickets(source: AccountSource, design) -> pd.DataFrame:
    """Return one row a ticket, folded in the engine, of customers of the table and up to the last day.

    Parameters
    ----------
    source : AccountSource
        Its events have `ticket` (an id) where they are of a ticket, and may have a `topic`.
    design : FrameworkPlan

    Returns
    -------
    DataFrame sorted by unit and time: unit, ticket, topic, opened (UTC), and in days since
        then, nan where it never came: replied, merged, solved, reopened (the first of each), left and bought (the
        customer), end (of the data); replies up to the first solution, score (the last rating). Empty without tickets.

    Raises
    ------
    Refused: events of tickets without a column `ticket`.
    """
    events, end = source.events, find_end(find_last_day(source, design))
    events = events.filter(events["event"].isin(TICKET_EVENTS) & (events["at"] < ibis.literal(end)))
    if "ticket" not in events.columns:
        if ask(events, {"n": events.count()})["n"]:
            raise Refused("events: no column ticket; give each event of a ticket the ticket's id")
        events = events.mutate(ticket=ibis.null("string"))
    events = events.mutate(**{name: ibis.null("string") for name in TEXTS if name not in events.columns})
    is_reply = events["event"].isin(["first_reply", "reply"])
    solved = events["at"].min(where=events["event"] == "solved").over(group_by=["unit", "ticket"])
    events = events.mutate(is_reply=is_reply, solved_at=solved)
    times = {name: events["at"].min(where=events["event"] == event) for name, event in FIRSTS.items()}
    early = events["is_reply"] & (events["at"] <= events["solved_at"]).fill_null(True)
    folded = events.group_by("unit", "ticket").aggregate(
        **times,
        topic=events["topic"].max(),
        replies=early.sum(),
        score=events["value"].argmax(events["at"], where=events["event"] == "rated"),
    )
    known = source.accounts.select("unit").left_join(_read_ends(source, end), "unit").drop("unit_right")
    folded = folded.inner_join(known, "unit")
    rows = fetch(folded.filter(folded["opened"].notnull()), "tickets").to_pandas()
    rows = rows.sort_values(["unit", "opened", "ticket"], kind="stable").reset_index(drop=True)
    opened = pd.to_datetime(rows["opened"], utc=True)
    days = {name: _count_days(rows[name], opened) for name in (*FIRSTS, *ENDS) if name != "opened"}
    return rows.assign(opened=opened, **days, end=_count_days(pd.Timestamp(end, tz="UTC"), opened))


def _read_ends(source, end):
    """When each customer left and bought premium support, by the end."""
    events = source.events.filter(source.events["at"] < ibis.literal(end))
    firsts = {name: events["at"].min(where=events["event"] == event) for name, event in ENDS.items()}
    return events.group_by("unit").aggregate(**firsts)


def _count_days(moment, start):
    moment = moment if isinstance(moment, pd.Timestamp) else pd.to_datetime(moment, utc=True)
    return (moment - start) / pd.Timedelta(days=1)


def read_reviews(source: AccountSource, design) -> pd.DataFrame:
    """Return one row a review: ticket, agent (the reviewer), value (the score), at, in order of time."""
    events, end = source.events, find_end(find_last_day(source, design))
    if not {"ticket", "agent"} <= set(events.columns):
        return pd.DataFrame(columns=["ticket", "agent", "value", "at"])
    events = events.filter((events["event"] == "reviewed") & (events["at"] < ibis.literal(end)))
    events = events.order_by("at", "ticket", "agent").select("ticket", "agent", "value", "at")
    return fetch(events, "reviews of tickets").to_pandas()


def read_customers(source: AccountSource, design) -> pd.DataFrame:
    """Return one row a customer: unit, started_at, tier, size, amount (nan where unknown), bought and left (days).

    `amount` is what a year cost at the start; `bought` is when premium support was, `end` the end of the data; days
    count from the start, nan is never.
    """
    end = find_end(find_last_day(source, design))
    table = source.accounts.left_join(_read_ends(source, end), "unit").drop("unit_right")
    rows = fetch(table.order_by("unit"), "customers").to_pandas()
    start = pd.to_datetime(rows["started_at"], utc=True)
    days = {name: _count_days(rows[name], start) for name in ENDS}
    tier = rows[design.plan_tier].fillna("unknown").astype(str) if design.plan_tier else "all"
    size = rows[design.size].astype(float) if design.size else np.nan
    amount = rows["amount"].astype(float) if "amount" in rows else np.nan
    found = {"unit": rows["unit"], "started_at": start, "tier": tier, "size": size, "amount": amount, **days}
    return pd.DataFrame(found | {"end": _count_days(pd.Timestamp(end, tz="UTC"), start)}).query("end > 0")


def read_renewals(source: AccountSource, design) -> pd.DataFrame:
    """Return one row a renewal that came due, renewed or left: unit, at (UTC), left (0/1), amount (of what renewed)."""
    events, end = source.events, find_end(find_last_day(source, design))
    ended = events.filter(events["event"].isin(["left", "renewed"]) & (events["at"] < ibis.literal(end)))
    ended = ended.inner_join(source.accounts.select("unit"), "unit").order_by("unit", "at", "event")
    rows = fetch(ended, "renewals and losses").to_pandas()
    rows = rows.assign(at=pd.to_datetime(rows["at"], utc=True), left=(rows["event"] == "left").astype(int))
    return rows.rename(columns={"value": "amount"})[["unit", "at", "left", "amount"]]


def judge_tickets(tickets: pd.DataFrame, rules) -> pd.DataFrame:
    """Return tickets with what each shows of the desk: 1, 0, or nan where it cannot be told (merged, or too young).

    Parameters
    ----------
    tickets : DataFrame, from `read_tickets`
    rules : dict: promise_hours, premium_hours (once premium support is bought), soon_days, return_days, satisfied_from

    Returns
    -------
    DataFrame: and `replied in time`, `solved in one reply` (one reply before it, and not opened again within
        return_days), `solved soon` (within soon_days), `satisfied` (of those rated).
    """
    follow = tickets[["end", "left"]].min(axis=1)
    promise = np.where(tickets["bought"] <= 0, rules["premium_hours"], rules["promise_hours"]) / 24
    due = {"replied in time": (tickets["replied"], promise), "solved soon": (tickets["solved"], rules["soon_days"])}
    found = {}
    for name, (days, line) in due.items():
        found[name] = np.where(days <= line, 1.0, np.where(follow >= line, 0.0, np.nan))
    back = tickets["reopened"] - tickets["solved"]
    single = (tickets["replies"] == 1) & tickets["solved"].notna() & ~(back <= rules["return_days"])
    open_still = tickets["solved"].isna() & (tickets["replies"] < 2) & (follow < rules["soon_days"])
    too_young = single & (follow < tickets["solved"] + rules["return_days"])
    found["solved in one reply"] = np.where(open_still | too_young, np.nan, single.astype(float))
    found = {name: np.where(tickets["merged"].notna(), np.nan, value) for name, value in found.items()}
    score = tickets["score"].astype(float)
    found["satisfied"] = np.where(score.isna(), np.nan, (score >= rules["satisfied_from"]).astype(float))
    return tickets.assign(**found)


def serve_renewals(renewals: pd.DataFrame, tickets: pd.DataFrame, *, window, lead, shift=0.0) -> pd.DataFrame:
    """Return how each renewal's customer was served before it, by the tickets of a window.

    Parameters
    ----------
    renewals : DataFrame, one row a renewal: unit, at
    tickets : DataFrame, from `judge_tickets`
    window, lead : float, days
        From `window` to `lead` days before the renewal, so that talk about leaving does not count.
    shift : float, days, the window lies so much earlier

    Returns
    -------
    DataFrame, index and order of renewals: a column each of `METRICS`, 1 where at least half of the tickets that show
        it were good, nan without any; `in contact` is 1 with a ticket and 0 without.
    """
    keyed = renewals[["unit", "at"]].assign(place=np.arange(len(renewals)))
    met = keyed.merge(tickets, on="unit")
    before = (met["at"] - met["opened"]) / pd.Timedelta(days=1) - shift
    met = met[(before > lead) & (before <= window)]
    means = met.groupby("place")[list(METRICS[:-1])].mean().reindex(range(len(renewals)))
    good = (means >= 0.5).astype(float).where(means.notna())
    good["in contact"] = np.isin(keyed["place"], met["place"]).astype(float)
    return good.set_index(renewals.index)
