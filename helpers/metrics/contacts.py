"""Events inside a product become months of use, requests for help, and replies: one row each."""

import ibis
import numpy as np
import pandas as pd

from helpers.metrics.events import DAY, ask, find_end
from helpers.metrics.moments import read_rows
from helpers.metrics.units import Units
from helpers.sources import Source, opening

ACTIVE, REQUEST, TICKET, REPLY = "active", "request", "ticket", "replied"
STEPS = ("suggested", "opened", TICKET, "returned", "gave_up")
AFTER = (REPLY, "kudos", "solved")
ID, TOPIC = "request_id", "topic"
MONTH = 28 * DAY  # seconds; months of four weeks since the assignment, so that each holds the same weekdays


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
    told = _hear(source, units, (ACTIVE, REQUEST, TICKET))
    if told is None or not told.filter(told["event"] == ACTIVE).count().to_pyarrow().as_py():
        return None
    asks = REQUEST if told.filter(told["event"] == REQUEST).count().to_pyarrow().as_py() else TICKET
    since = told["at"].epoch_seconds() - told["assigned_at"].epoch_seconds()
    end = ibis.literal(find_end(units.as_of)).epoch_seconds()
    told = told.filter(told["event"].isin([ACTIVE, asks])).mutate(
        month=(since / MONTH).floor(), over=((end - told["assigned_at"].epoch_seconds()) / MONTH).floor()
    )
    told = told.filter(told["month"] < told["over"])
    month = told.group_by("unit", "variant", "month").aggregate(asked=(told["event"] == asks).any())
    found = month.group_by("unit", "variant").aggregate(active=month.count(), asked=month["asked"].sum())
    return opening.fetch(found.order_by("unit"), "units").to_pandas().astype({"active": float, "asked": float})


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
        a `ticket`, `returned`, `gave_up` (bool); of a ticket `minutes` to the first reply (whole, rounded up, nan
        where never answered), `kudos`, `solved` (bool), `load` (nan where unknown), `hour` (0 to 23, UTC), `topic`.
        None without request ids, and above `opening.MOST_LOGGED` of their events.
    """
    events = source.events
    told = None if events is None or ID not in events.columns else _hear(source, units, (REQUEST, *STEPS, *AFTER), ID)
    if told is None or not 0 < ask(told, {"n": told.count()})["n"] <= opening.MOST_LOGGED:
        return None
    frame = told.order_by("at", "event").to_pyarrow().to_pandas()
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    first = frame.drop_duplicates([ID, "event"]).set_index([ID, "event"])["at"].unstack()  # noqa: PD010
    names = [*STEPS, *AFTER]
    first = first.reindex(columns=[*first.columns, *(name for name in names if name not in first)])
    wait = pd.to_timedelta(first[REPLY] - first[TICKET]).dt.total_seconds().where(lambda seconds: seconds >= 0)
    about = frame.drop_duplicates(ID).set_index(ID)[["unit", "variant"]]
    load = frame[frame["event"] == TICKET].drop_duplicates(ID).set_index(ID)["value"]
    topic = frame.dropna(subset=[TOPIC]).drop_duplicates(ID).set_index(ID)[TOPIC]
    found = about.join(first[names].notna()).assign(
        minutes=np.ceil(wait / 60), hour=pd.to_datetime(first[TICKET], utc=True).dt.hour, load=load.astype(float)
    )
    return found.assign(topic=topic.reindex(found.index).fillna("unknown")).sort_index().reset_index()


def _hear(source, units, names, *known):
    """Events of some names of the units, from assignment to the end of the data; None where they have no times."""
    events = source.events
    if events is None or units.as_of is None or "assigned_at" not in units.table.columns:
        return None
    events = events.mutate(**{name: ibis.null("string") for name in (ID, TOPIC) if name not in events.columns})
    events = events.filter(events["event"].isin(names)).select("unit", "event", "at", "value", ID, TOPIC)
    events = events.mutate(**{name: events[name].cast("string").nullif("") for name in (ID, TOPIC)})
    told = events.drop_null(list(known)) if known else events
    told = told.inner_join(units.table.select("unit", "variant", "assigned_at"), "unit")
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
