"""Contacts with support, from events: tickets and their lives, months of questions, who was asked for an opinion."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd

from helpers import schema
from helpers.metrics.events import DAY, ask, find_end, pick, store
from helpers.metrics.moments import read_rows
from helpers.metrics.units import Units
from helpers.records import Refused
from helpers.sources import AccountSource, Source, opening
from helpers.sources.opening import fetch

FIRSTS = {"opened": "ticket_opened", "replied": "first_reply", "merged": "merged", "solved": "solved"}
FIRSTS |= {"reopened": "reopened"}
MOST_EARLY = 0.1  # of those who left, before their start
APART = pd.Timedelta(days=5)  # up to which renewals and losses of a customer are one that is told again
FEW = 100  # fewer ratings may all lie on one side of the line by chance, and fewer moments have one time of day
MOST_DATED = 0.9  # of the moments, above which one time of day is none
TICKET_EVENTS = (*FIRSTS.values(), "reply", "rated", "reviewed")
ENDS = {"left": "left", "bought": "premium_bought"}
TEXTS = ("ticket", "topic")
METRICS = ("replied in time", "solved in one reply", "solved soon", "satisfied", "in contact")
ACTIVE, REQUEST, TICKET, REPLY = "active", "request", "ticket", "replied"
STEPS = ("suggested", "opened", TICKET, "returned", "gave_up")
AFTER = (REPLY, "kudos", "solved")
ID, TOPIC = "request_id", "topic"
MONTH = 28 * DAY  # seconds; months of four weeks since the assignment, so that each holds the same weekdays
QUESTION, FIRST_REPLY, CONVERSATION = "question", "first_reply", "conversation_id"
NO_EVENTS = "Reply times need events with a conversation_id; these data have none."
TOO_MANY = "Reply times are read row by row, and these data hold more than {:,} questions."


def leave_out_early(source: AccountSource, design) -> AccountSource:
    """Return the source without customers who left before the day of their start, which it then says.

    Parameters
    ----------
    source : AccountSource
    design : FrameworkPlan

    Raises
    ------
    Refused: two or more of them, and more than a tenth of those who left: the starts are those of something else.
    """
    met = source.accounts.left_join(_read_ends(_cut(source, design)[0]), "unit").drop("unit_right")
    met = met.mutate(early=(met["left"].truncate("D") < met["started_at"].truncate("D")).fill_null(False))
    early, lost = ask(met, {"early": met["early"].sum(), "lost": met["left"].count()}).values()
    if not early:
        return source
    said = f"{schema.say(int(early), design.unit)} left before the start in {design.started_at}"
    if early > max(1, MOST_EARLY * lost):
        raise Refused(f"events: {said}; give when each began")
    told = (*source.info.messages, f"events: {said}: left out")
    info = replace(source.info, units=source.info.units - int(early), messages=told)
    return replace(source, accounts=met.filter(~met["early"]).drop("early", *ENDS), info=info)


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
        customer), end (of the data); replies (moments of them) up to the first solution, score (the last rating).
        Empty without tickets.

    Raises
    ------
    Refused: events of tickets without a column `ticket`.
    """
    told, end = _cut(source, design)
    events = told.filter(told["event"].isin(TICKET_EVENTS))
    if "ticket" not in events.columns:
        if ask(events, {"n": events.count()})["n"]:
            raise Refused("events: no column ticket; give each event of a ticket the ticket's id")
        events = events.mutate(ticket=ibis.null("string"))
    events = events.mutate(**{name: ibis.null("string") for name in TEXTS if name not in events.columns})
    is_reply = events["event"].isin(["first_reply", "reply"])
    solved = events["at"].min(where=events["event"] == "solved").over(group_by=["unit", "ticket"])
    events = events.mutate(is_reply=is_reply, solved_at=solved)
    times = {name: events["at"].min(where=events["event"] == event) for name, event in FIRSTS.items()}
    times["replied"] = events["at"].min(where=events["is_reply"])  # some logs call each of them reply
    early = events["is_reply"] & (events["at"] <= events["solved_at"]).fill_null(True)
    folded = events.group_by("unit", "ticket").aggregate(
        **times,
        topic=events["topic"].max(),
        replies=events["at"].nunique(where=early),
        score=events["value"].argmax(events["at"], where=events["event"] == "rated"),
    )
    known = source.accounts.select("unit").left_join(_read_ends(told), "unit").drop("unit_right")
    folded = folded.inner_join(known, "unit")
    rows = fetch(folded.filter(folded["opened"].notnull()), "tickets").to_pandas()
    rows = rows.sort_values(["unit", "opened", "ticket"], kind="stable").reset_index(drop=True)
    opened = pd.to_datetime(rows["opened"], utc=True)
    days = {name: _count_days(rows[name], opened) for name in (*FIRSTS, *ENDS) if name != "opened"}
    return rows.assign(opened=opened, **days, end=_count_days(pd.Timestamp(end, tz="UTC"), opened))


def _cut(source, design):
    """The events up to the last day, the plan's or else that of the latest event; the first moment not known.

    What the plan calls a loss is `left` here, and no other event is.
    """
    end = find_end(design.as_of or ask(source.events, {"last": source.events["at"].max()})["last"].date())
    events, lost = source.events.filter(source.events["at"] < ibis.literal(end)), design.outcomes.retained.lost
    if lost and lost != ["left"]:
        events = events.filter((events["event"] != "left") | events["event"].isin(lost))
        events = events.mutate(event=events["event"].isin(lost).ifelse("left", events["event"]))
    return events, end


def read_days(source: AccountSource, design) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Return how many events of each name stand on each day (since 1970), in order of time, and the end of the data."""
    told, end = _cut(source, design)
    day = (told["at"].epoch_seconds() / (24 * 3600)).floor().cast("int64")
    days = told.group_by("event", day=day).aggregate(n=told.count()).order_by("event", "day")
    return fetch(days, "days of events").to_pandas(), pd.Timestamp(end)


def _read_ends(events):
    """When each customer left and bought premium support."""
    firsts = {name: events["at"].min(where=events["event"] == event) for name, event in ENDS.items()}
    return events.group_by("unit").aggregate(**firsts)


def _count_days(moment, start):
    moment = moment if isinstance(moment, pd.Timestamp) else pd.to_datetime(moment, utc=True)
    return (moment - start) / pd.Timedelta(days=1)


def read_reviews(source: AccountSource, design) -> pd.DataFrame:
    """Return one row a review: ticket, agent (the reviewer), value (the score), at, in order of time."""
    (events, _), columns = _cut(source, design), ["ticket", "agent", "value", "at"]
    if not set(columns) <= set(events.columns):
        return pd.DataFrame(columns=columns)
    events = events.filter(events["event"] == "reviewed").order_by("at", "ticket", "agent")
    return fetch(events.select(columns), "reviews of tickets").to_pandas()


def read_customers(source: AccountSource, design) -> pd.DataFrame:
    """Return one row a customer: unit, started_at, tier, size, amount (nan where unknown), bought and left (days).

    `amount` is what a year cost at the start; `bought` is when premium support was, `end` the end of the data; days
    count from the start, nan is never.
    """
    events, end = _cut(source, design)
    table = source.accounts.left_join(_read_ends(events), "unit").drop("unit_right")
    rows = fetch(table.order_by("unit"), "customers").to_pandas()
    start = pd.to_datetime(rows["started_at"], utc=True)
    days = {name: _count_days(rows[name], start) for name in ENDS}
    tier = rows[design.plan_tier].fillna("unknown").astype(str) if design.plan_tier else "all"
    size = rows[design.size].astype(float) if design.size else np.nan
    amount = rows["amount"].astype(float) if "amount" in rows else np.nan
    found = {"unit": rows["unit"], "started_at": start, "tier": tier, "size": size, "amount": amount, **days}
    found["left"] = days["left"].clip(lower=0)
    return pd.DataFrame(found | {"end": _count_days(pd.Timestamp(end, tz="UTC"), start)}).query("end > 0")


def read_renewals(source: AccountSource, design) -> pd.DataFrame:
    """Return one row a renewal that came due, renewed or left: unit, at (UTC), left (0/1), amount (of what renewed).

    What stands within five days is one that came due, lost if any of it is lost, by the lowest amount that is known.
    """
    events, _ = _cut(source, design)
    ended = events.filter(events["event"].isin(["left", "renewed"]))
    ended = ended.inner_join(source.accounts.select("unit"), "unit").order_by("unit", "at", "event")
    rows = fetch(ended, "renewals and losses").to_pandas()
    rows = rows.assign(at=pd.to_datetime(rows["at"], utc=True), left=(rows["event"] == "left").astype(int))
    due = ((rows["unit"] != rows["unit"].shift()) | (rows["at"].diff() > APART)).cumsum()
    told = {"unit": ("unit", "first"), "at": ("at", "first"), "left": ("left", "max"), "amount": ("value", "min")}
    rows = rows.groupby(due).agg(**told)
    return rows.assign(amount=rows["amount"].where(rows["left"] == 0)).reset_index(drop=True)


def judge_tickets(tickets: pd.DataFrame, rules) -> pd.DataFrame:
    """Return tickets with what each shows of the desk: 1, 0, or nan where it cannot be told (merged, or too young).

    What no ticket of the log has, such as a reply, is not known of any; nor is how soon a reply came where openings or
    replies have dates alone, or who was satisfied where a hundred ratings or more lie below the line, or above it up
    to more than twice as high, as they are on another scale.

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
    is_open = tickets["solved"].isna().all()
    unheard = {"replied in time": tickets["replied"].isna().all() or bool(find_dated(tickets)), "solved soon": is_open}
    unheard["solved in one reply"] = is_open or not tickets["replies"].any()
    unknown = {name: tickets["merged"].notna() | unheard.get(name, False) for name in found}
    found = {name: np.where(unknown[name], np.nan, value) for name, value in found.items()}
    score = tickets["score"].astype(float)
    reached = (score >= rules["satisfied_from"]).astype(float).where(score.notna())
    line, low, high = rules["satisfied_from"], score.min(), score.max()
    is_apart = reached.count() >= FEW and (high < line or (low >= line and high > 2 * line))
    found["satisfied"] = np.nan if is_apart else reached
    return tickets.assign(**found)


def find_dated(tickets: pd.DataFrame) -> list[str]:
    """Return which of a hundred openings and first replies or more have dates alone: nearly all at one time of day.

    Of a zone with summer time dates have two, in UTC.
    """
    found, replied = [], tickets["opened"] + pd.to_timedelta(tickets["replied"], "D")
    for what, at in (("openings", tickets["opened"]), ("first replies", replied)):
        clocks = at.dropna().dt.round("s")
        clocks = (clocks - clocks.dt.floor("D")).value_counts()
        if clocks.sum() >= FEW and clocks[:2].sum() > MOST_DATED * clocks.sum():
            found.append(what)
    return found


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


def read_months(source: Source, units: Units) -> pd.DataFrame | None:
    """Return how many months each unit was active, and in how many of them it asked for help.

    A month is 28 days since the assignment and counts where it is over by the end of the data. It is active where the
    unit was, or asked (a request, else a ticket).

    Parameters
    ----------
    source : Source
        Its events hold `active`, and `request` or `ticket`.
    units : Units

    Returns
    -------
    DataFrame: one row a unit with an active month, by id: `unit`, `variant`, `active` and `asked` (months). None
        without such events.
    """
    if (told := _hear(source, units, (ACTIVE, REQUEST, TICKET))) is None:
        return None
    n = ask(told, {name: (told["event"] == name).sum() for name in (ACTIVE, REQUEST)})
    if not n[ACTIVE]:
        return None
    asks = REQUEST if n[REQUEST] else TICKET
    since = told["at"].epoch_seconds() - told["assigned_at"].epoch_seconds()
    end = ibis.literal(find_end(units.as_of)).epoch_seconds()
    told = told.filter(told["event"].isin([ACTIVE, asks])).mutate(
        month=(since / MONTH).floor(), over=((end - told["assigned_at"].epoch_seconds()) / MONTH).floor()
    )
    told = told.filter(told["month"] < told["over"])
    month = told.group_by("unit", "variant", "month").aggregate(asked=(told["event"] == asks).any())
    found = month.group_by("unit", "variant").aggregate(active=month.count(), asked=month["asked"].sum())
    return opening.fetch(found.order_by("unit"), "units").to_pandas().astype({"active": float, "asked": float})


def read_activity(source: Source, units: Units) -> pd.DataFrame:
    """Return how many of the events that say who was active, and who asked, stand on each day (since 1970)."""
    told = _hear(source, units, (ACTIVE, REQUEST, TICKET))
    if told is None:
        return pd.DataFrame(columns=["event", "day", "n"])
    day = (told["at"].epoch_seconds() / DAY).floor().cast("int64")
    days = told.group_by("event", day=day).aggregate(n=told.count()).order_by("event", "day")
    return opening.fetch(days, "days of activity").to_pandas()


def read_requests(source: Source, units: Units) -> pd.DataFrame | None:
    """Return every request for help with what became of it, and every ticket with its first reply.

    Parameters
    ----------
    source : Source
        Its events carry `request_id`, which joins the steps of one request, and `topic` where it is known. The value
        of a ticket is how many tickets were waiting when it came.
    units : Units

    Returns
    -------
    DataFrame: one row a request, in the order of their ids: `unit`, `variant`, whether it was `suggested`, `opened`,
        a `ticket`, `returned`, `gave_up` (bool); of a ticket `seconds` to the first reply (below 0 where clocks
        differ), `minutes` (whole, rounded up, nan where never answered or before it came), `kudos`, `solved` (bool),
        `load` (nan where unknown), `hour` (0 to 23, UTC), `topic`, and whether it is `odd`: asked more than once, or
        by several units.
        None without request ids, and above `opening.MOST_LOGGED` of their events.
    """
    told = _hear(source, units, (REQUEST, *STEPS, *AFTER), ID)
    if told is None or not 0 < ask(told, {"n": told.count()})["n"] <= opening.MOST_LOGGED:
        return None
    frame = told.order_by("at", "event").to_pyarrow().to_pandas()
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    first = frame.drop_duplicates([ID, "event"]).set_index([ID, "event"])["at"].unstack()  # noqa: PD010
    names = [*STEPS, *AFTER]
    first = first.reindex(columns=[*names, *first.columns.difference(names)])
    came, answered = (pd.to_datetime(first[name], utc=True) for name in (TICKET, REPLY))  # either may never occur
    seconds = (answered - came).dt.total_seconds()
    about = frame.drop_duplicates(ID).set_index(ID)[["unit", "variant"]]
    load = frame[frame["event"] == TICKET].drop_duplicates(ID).set_index(ID)["value"]
    topic = frame.dropna(subset=[TOPIC]).drop_duplicates(ID).set_index(ID)[TOPIC]
    waits = {"seconds": seconds, "minutes": np.ceil(seconds.where(seconds >= 0) / 60)}
    askers, asks = frame.drop_duplicates([ID, "unit"])[ID], frame.loc[frame["event"] == REQUEST, ID]
    odd = {*askers[askers.duplicated()], *asks[asks.duplicated()]}
    found = about.join(first[names].notna()).assign(**waits, hour=came.dt.hour, load=load.astype(float))
    found = found.assign(topic=topic.reindex(found.index).fillna("unknown"), odd=found.index.isin(odd))
    return found.sort_index().reset_index()


def _hear(source, units, names, known=None):
    """Events of some names of the units, from assignment to the end of the data; None where they have no times.

    Those without the id `known` are left out; None where no event has one.
    """
    events = source.events
    if events is None or units.as_of is None or "assigned_at" not in units.table.columns:
        return None
    if known and known not in events.columns:
        return None
    texts = dict.fromkeys((ID, TOPIC, known or ID))
    told = events.mutate(**{name: ibis.null("string") for name in texts if name not in events.columns})
    told = told.filter(told["event"].isin(names)).select("unit", "event", "at", "value", *texts)
    told = told.mutate(**{name: told[name].cast("string").nullif("") for name in texts})
    own = units.table.select("unit", "variant", "assigned_at", *(["cluster"] if units.design.cluster else []))
    told = (told.drop_null([known]) if known else told).inner_join(own, "unit")
    return told.filter(told["at"] >= told["assigned_at"], told["at"] < ibis.literal(find_end(units.as_of)))


def read_people(units: Units, answered: str, wants: str, place: str, margins) -> pd.DataFrame | None:
    """Return who was asked for feedback where, who answered what, and what was known of them.

    Parameters
    ----------
    units : Units
    answered, wants : str
        Metrics of the plan: whether a unit answered (binary), and what (0 or 1; may be missing from the plan).
    place : str, the segment of the plan that says where each was asked, or its column of the variant
    margins : sequence of str, segments or covariates

    Returns
    -------
    DataFrame: one row a unit of the randomised arms with a known answer: `unit`, `answered`, `wants` (nan unknown),
        `place`, and the margins (text, or numbers with nan). None where the plan lacks the answer or the place, and
        above the limit of row-level methods.
    """
    held = set(units.table.columns)
    asked = "variant" if place == units.design.variant.column else f"s_{place}"
    names = {f"{kind}_{name}": name for name in margins for kind in ("s", "x") if f"{kind}_{name}" in held}
    names |= {name: told for name, told in ((f"y_{answered}", "answered"), (f"y_{wants}", "wants")) if name in held}
    gaps = [f"x_{name}:missing" for name in margins if f"x_{name}:missing" in held]
    if asked not in held or "answered" not in names.values():
        return None
    rows = read_rows(units, list(dict.fromkeys(["unit", "variant", asked, *names, *gaps])))
    if rows is None:
        return None
    known = {gap.removesuffix(":missing"): rows[gap] != 1 for gap in gaps}
    rows = rows.assign(place=rows[asked], **{column: rows[column].where(held) for column, held in known.items()})
    rows = rows[rows["variant"].isin(units.design.variant.arms)].rename(columns=names).dropna(subset=["answered"])
    rows = rows if "wants" in rows else rows.assign(wants=np.nan)
    return rows[["unit", "answered", "wants", "place", *(name for name in margins if name in rows)]].reset_index(
        drop=True
    )


def read_conversations(source: Source, units) -> pd.DataFrame | None:
    """Return every conversation that a unit began, with the first reply to it, until the end of the data.

    The first question of a conversation id begins it; the earliest reply with that id, at or after the question, is
    its first. Questions before assignment, without an id, or of units that are not analysed are left out.

    Parameters
    ----------
    source : Source
        Its events have `conversation_id`.
    units : Units

    Returns
    -------
    DataFrame: one row a conversation, in the order of asking: `unit`, `variant`, `cluster` (where the plan names one),
        `conversation_id`, `asked_at` (UTC), `wait_minutes` (nan where never answered), `followed_minutes` (from the
        question to the end of the data), `hour` (0 to 167, of the week in UTC; Monday 00:00 is 0). None without events,
        without ids, or above `MOST_LOGGED`: `explain_conversations` tells.
    """
    if _find_obstacle(source, units):
        return None
    events, asked = source.events, _hear(source, units, [QUESTION], CONVERSATION)
    asked = store(pick(asked.rename(asked_at="at"), CONVERSATION, ["asked_at", "unit"]))
    given = events.filter(events["event"] == FIRST_REPLY, events["at"] < ibis.literal(find_end(units.as_of)))
    given = given.select(replied_at=given["at"], **{CONVERSATION: given[CONVERSATION].cast("string")})
    given = given.inner_join(asked.select(CONVERSATION, "asked_at"), CONVERSATION)
    given = given.filter(given["replied_at"] >= given["asked_at"])
    given = given.group_by(CONVERSATION).aggregate(replied_at=given["replied_at"].min())
    rows = asked.left_join(given, CONVERSATION).drop(f"{CONVERSATION}_right")
    frame = rows.order_by("asked_at", CONVERSATION).to_pyarrow().to_pandas()
    asked_at, replied_at = (pd.to_datetime(frame[column], utc=True) for column in ("asked_at", "replied_at"))
    end = pd.Timestamp(find_end(units.as_of), tz="UTC")
    frame = frame.assign(
        asked_at=asked_at,
        wait_minutes=(replied_at - asked_at).dt.total_seconds() / 60,
        followed_minutes=(end - asked_at).dt.total_seconds() / 60,
        hour=(asked_at.dt.day_of_week * 24 + asked_at.dt.hour).astype(np.int64),
    )
    columns = ["unit", "variant", *(["cluster"] if units.design.cluster else []), CONVERSATION, "asked_at"]
    return frame[[*columns, "wait_minutes", "followed_minutes", "hour"]]


def explain_conversations(source: Source, units, conversations: pd.DataFrame | None) -> str:
    """Return in a sentence how many conversations were read, and what was left out; or why there are none.

    Parameters
    ----------
    source : Source
    units : Units
    conversations : DataFrame or None, as `read_conversations` returned it
    """
    if conversations is None:
        return _find_obstacle(source, units) or NO_EVENTS
    events = _name_ids(source.events).semi_join(units.table, "unit")
    asked, given = (events.filter(events["event"] == name) for name in (QUESTION, FIRST_REPLY))
    n, named = ask(asked, {"n": asked.count(), "named": asked[CONVERSATION].count()}).values()
    repeated = _hear(source, units, [QUESTION], CONVERSATION).count().to_pyarrow().as_py() - len(conversations)
    parts = {
        "without a conversation_id": n - named,
        "before the sign-up or after the end of the data": named - repeated - len(conversations),
        "a later question of a conversation that had begun": repeated,
    }
    left = "; ".join(f"{count:,} {why}" for why, count in parts.items() if count)
    many = schema.say(len(conversations), "conversation"), schema.say(conversations["unit"].nunique(), "unit")
    named = given.select(told=given[CONVERSATION]).drop_null().distinct()
    replied = set(opening.fetch(named, "conversations with a reply")["told"].to_pylist())
    lost = len(replied - set(conversations.loc[conversations["wait_minutes"].notna(), CONVERSATION]))
    more = f" Replies to no question before them, not used: {lost:,}." if lost else ""
    return f"Read: {many[0]} of {many[1]}; questions left out: {left or 'none'}.{more}"


def _name_ids(events):
    """Events with their conversation as a text, null where it is empty, as `_hear` reads it."""
    return events.mutate(**{CONVERSATION: events[CONVERSATION].cast("string").nullif("")})


def _find_obstacle(source, units):
    """Why conversations cannot be read; None when they can."""
    if _hear(source, units, [QUESTION], CONVERSATION) is None:
        return NO_EVENTS
    events = _name_ids(source.events)
    n = events.filter(events["event"] == QUESTION).drop_null([CONVERSATION]).count().to_pyarrow().as_py()
    if n > opening.MOST_LOGGED:
        return TOO_MANY.format(opening.MOST_LOGGED)
    return None if n else NO_EVENTS
