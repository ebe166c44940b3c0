"""Conversations: each question with its first reply, one row a conversation, from the events and the units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from helpers import schema
from helpers.metrics.events import HOURS_A_DAY, ask, attach, find_end, pick
from helpers.metrics.units import Units

if TYPE_CHECKING:
    from helpers.sources import Source

NO_EVENTS = "Reply times need events with a conversation_id; these data have none."
TOO_MANY = "Reply times are read row by row, and these data hold more than {limit:,} questions."
ID, AGENT = "conversation_id", "agent_id"


def read_conversations(
    source: Source, units: Units, *, question="question", reply="first_reply", limit=1_000_000
) -> pd.DataFrame | None:
    """Return every conversation that a unit began, with the first reply to it, until the end of the data.

    The first question of a conversation id begins it; the earliest reply with that id, at or after the question, is
    its first. Questions before assignment, without an id, or of units that are not analysed are left out.

    Parameters
    ----------
    source : Source
        Its events have `conversation_id`, and `agent_id` where it is known who replied.
    units : Units
    question, reply : str
        Names of the two events.
    limit : int
        The most questions that are brought into memory.

    Returns
    -------
    DataFrame: one row a conversation, in the order of asking: `unit`, `variant`, `cluster` (where the plan names one),
        `conversation_id`, `asked_at` (UTC), `wait_minutes` (nan where never answered), `followed_minutes` (from the
        question to the end of the data), `agent_id` (None where unknown), `hour` (0 to 167, of the week in UTC;
        Monday 00:00 is 0). None without events, without ids, or above the limit: `explain_conversations` says which.
    """
    if _find_obstacle(source, units, question, limit):
        return None
    events, asked = source.events, pick(_list_questions(source, units, question), ID, ["asked_at", "unit"])
    agent = events[AGENT].cast("string") if AGENT in events.columns else ibis.null("string")
    given = events.mutate(**{ID: events[ID].cast("string"), AGENT: agent, "replied_at": events["at"]})
    given = given.filter(given["event"] == reply, given["at"] < ibis.literal(find_end(units.as_of)))
    given = given.select(ID, "replied_at", AGENT).inner_join(asked.select(ID, "asked_at"), ID)
    given = pick(given.filter(given["replied_at"] >= given["asked_at"]), ID, ["replied_at", AGENT])
    rows = attach(asked, given.drop("asked_at"), ID).order_by("asked_at", ID)
    frame = rows.to_pyarrow().to_pandas()
    asked_at, replied_at = (pd.to_datetime(frame[column], utc=True) for column in ("asked_at", "replied_at"))
    end = pd.Timestamp(find_end(units.as_of), tz="UTC")
    frame = frame.assign(
        asked_at=asked_at,
        wait_minutes=(replied_at - asked_at).dt.total_seconds() / 60,
        followed_minutes=(end - asked_at).dt.total_seconds() / 60,
        agent_id=frame[AGENT].astype(object).where(frame[AGENT].notna(), None),
        hour=(asked_at.dt.day_of_week * HOURS_A_DAY + asked_at.dt.hour).astype(np.int64),
    )
    columns = ["unit", "variant", *(["cluster"] if units.design.cluster else []), ID, "asked_at"]
    return frame[[*columns, "wait_minutes", "followed_minutes", AGENT, "hour"]]


def explain_conversations(
    source: Source,
    units: Units,
    conversations: pd.DataFrame | None,
    *,
    question="question",
    reply="first_reply",
    limit=1_000_000,
) -> str:
    """Return in a sentence how many conversations were read, and what was left out; or why there are none.

    Parameters
    ----------
    source : Source
    units : Units
    conversations : DataFrame or None, as `read_conversations` returned it
    question, reply, limit : as given to `read_conversations`
    """
    if conversations is None:
        return _find_obstacle(source, units, question, limit) or NO_EVENTS
    events = source.events.semi_join(units.table, "unit")
    asked, given = (events.filter(events["event"] == name) for name in (question, reply))
    n, named = ask(asked, {"n": asked.count(), "named": asked[ID].count()}).values()
    repeated = _list_questions(source, units, question).count().to_pyarrow().as_py() - len(conversations)
    parts = {
        "without a conversation_id": n - named,
        "before the sign-up or after the end of the data": named - repeated - len(conversations),
        "a later question of a conversation that had begun": repeated,
    }
    left = "; ".join(f"{count:,} {why}" for why, count in parts.items() if count)
    many = schema.say(len(conversations), "conversation"), schema.say(conversations["unit"].nunique(), "unit")
    replied = set(given.drop_null([ID])[ID].cast("string").to_pyarrow().to_pylist())
    lost = len(replied - set(conversations.loc[conversations["wait_minutes"].notna(), ID]))
    more = f" Replies to no question before them, not used: {lost:,}." if lost else ""
    return f"Read: {many[0]} of {many[1]}; questions left out: {left or 'none'}.{more}"


def _find_obstacle(source, units, question, limit):
    """Why conversations cannot be read; None when they can."""
    events = source.events
    if events is None or ID not in events.columns or "assigned_at" not in units.table.columns or units.as_of is None:
        return NO_EVENTS
    n = events.filter(events["event"] == question).drop_null([ID]).count().to_pyarrow().as_py()
    return TOO_MANY.format(limit=limit) if n > limit else None if n else NO_EVENTS


def _list_questions(source, units, question):
    """Questions with an id, from assignment on to the end of the data, each with its unit's arm."""
    events, columns = source.events, ["unit", "variant", "assigned_at", *(["cluster"] if units.design.cluster else [])]
    asked = events.filter(events["event"] == question).drop_null([ID])
    asked = asked.select("unit", asked_at=asked["at"], **{ID: asked[ID].cast("string")})
    asked = asked.inner_join(units.table.select(*columns), "unit")
    end = ibis.literal(find_end(units.as_of))
    return asked.filter(asked["asked_at"] >= asked["assigned_at"], asked["asked_at"] < end)
