"""When the events of an arm come beside those of the others, by time of the week, hour and minute, and under what name.

A treatment takes none from a weekday, but of what it does itself, the take-up, and moves no clock.
"""

import math

import numpy as np

from helpers import schema
from helpers.checks import logs
from helpers.checks.logs import Finding, percent

LEAST_EXPECTED = 5.0  # events of a time of the week, for its lack to be seen
UNLIKE = 200.0  # twice a log likelihood over a day's hours, which clusters and retries do not reach by chance
HOURS, DAY_HOURS, BLOCK, FIRST_DAY = 168, 24, 4, 3  # the first day of 1970 was a Thursday
ALIKE = 0.7  # of the events that an arm lacks, from which on those of another name may be they
STRANGE_FAILS = 0.05  # of all events those whose ids are unlike any unit's
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def find_times(log, of, label, event, arm) -> Finding | None:
    """Return the weekdays or hours on which an arm lacks the events that the others have."""
    own, rest = (rows.set_index("day")["n"] for rows in log.part(log.take("hour", event), arm))
    spread, ratio, hour, found = log.bunches.get(event, 1.0), log.ratios[arm], np.arange(HOURS), []
    sides = [rows.groupby(level=0).sum().reindex(hour, fill_value=0) / spread for rows in (own, rest)]
    for by in (hour // DAY_HOURS, hour % DAY_HOURS, hour // BLOCK):
        if lack := _find_lack(*(np.bincount(by, side) for side in sides), ratio):
            found.append(lack)
    starts = log.starts[log.starts["variant"] == arm].groupby(log.starts["day"] % logs.WEEK)["n"].sum()
    if not found or len(starts) < min(logs.WEEK, len(log.starts["day"].unique())):
        return None  # an arm that nobody was assigned to on some weekdays may lack them
    share, is_moved, lacks = max(found, key=lambda one: one[0])
    when = _write_times(np.flatnonzero(lacks), len(lacks))
    how = "come when those of the others do not" if is_moved else "are lost"
    told = (
        f"Events of {label} in {arm} {how}: hardly any stands {when}, where {percent(share)} of all would be expected."
    )
    return Finding(of, share, told, share > logs.LOST_FAILS and not is_moved)


def find_shift(log, of, label, event, arm) -> Finding | None:
    """Return by how many hours the events of an arm lie beside those of the others, as where their clock differs."""
    own, rest = (rows.set_index("day")["n"] for rows in log.part(log.take("hour", event), arm))
    spread = log.bunches.get(event, 1.0)
    own, rest = (np.bincount(side.index.astype(int) % DAY_HOURS, side, DAY_HOURS) / spread for side in (own, rest))
    is_broad = all(np.count_nonzero(side > side.sum() / HOURS) >= DAY_HOURS / 2 for side in (own, rest))
    if not is_broad or not log.take("age", event)["clocked"].any():
        return None  # what a treatment itself sends comes in a few hours, which are its own
    unlike = []  # twice the logarithm by which both are likelier of shares of their own than of common ones
    for by in range(DAY_HOURS):
        sides = own, np.roll(rest, by)
        both = sum(sides) / max(1e-9, own.sum() + rest.sum())
        unlike.append(2 * sum(float(n[n > 0] @ np.log(n[n > 0] / n.sum() / both[n > 0])) for n in sides))
    by = int(np.argmin(unlike))
    if unlike[0] < UNLIKE or unlike[by] > logs.TENTH * unlike[0]:
        return None
    hours = schema.say(min(by, DAY_HOURS - by), "hour") + (" later" if by <= DAY_HOURS / 2 else " earlier")
    told = (
        f"Events of {label} in {arm} come {hours} in the day than those of the others, whose hours they have else; the "
        "clocks or time zones may differ."
    )
    return Finding(of, float(own.sum() * spread / max(1, log.count("age", event, arm)[0])), told, fails=False)


def _find_lack(own, rest, fair):
    """The share of events that an arm lacks in some places, whether others hold them, and where; None without."""
    if own.sum() < LEAST_EXPECTED * len(own):
        return None
    lacks = np.zeros(len(own), bool)
    for _ in range(2):
        ratio = own[~lacks].sum() / max(1e-9, rest[~lacks].sum())
        lacks = (own < logs.TENTH * np.minimum(ratio * rest, own.mean())) & (ratio * rest >= LEAST_EXPECTED)
    came, others = own[lacks].sum(), rest[lacks].sum()
    lost = ratio * others - came
    share = lost / max(1e-9, own.sum() + lost)
    sure = logs.SURE + math.log(math.comb(len(own), int(lacks.sum())))  # these places were chosen among all
    if lacks.all() or share <= logs.LOST_WARNS or logs.measure_chance(came, others, ratio) < sure:
        return None
    held = ~lacks & (rest > 0)
    usual = (np.median(own[held] / rest[held]) if held.any() else 0.0) * rest[~lacks]
    piled = np.maximum(own[~lacks] - usual - 2 * np.sqrt(usual + 1), 0.0).sum()
    return float(share), bool(2 * piled > lost or not 0.5 < ratio / fair < 2), lacks


def _write_times(places, of):
    """Times of the week in words: weekdays, hours of every day, or hours of weekdays; of many the first ones."""
    if of == logs.WEEK:
        return "on " + " and ".join(NAMES[day] for day in sorted((day + FIRST_DAY) % logs.WEEK for day in places))
    if of == DAY_HOURS:
        return "in the hours (UTC) " + ", ".join(f"{hour:02d}" for hour in places)
    named = [(NAMES[(place // 6 + FIRST_DAY) % logs.WEEK], BLOCK * (place % 6)) for place in places]
    return "on " + ", ".join(f"{day} {hour:02d}-{hour + BLOCK:02d}" for day, hour in named[:3])


def find_piles(log, of, label, event, arm) -> Finding | None:
    """Return the events of an arm that stand in a few minutes: no treatment makes many units do something at once."""
    own, rest = (rows.set_index("day")["n"] for rows in log.part(log.take("pile", event), arm))
    n, others = log.count("age", event, arm)
    own = own[own >= logs.LEAST_HEARD]
    if (
        own.empty
        or others < logs.LEAST_TOLD
        or own.index.max() - own.index.min() > logs.WEEK * 1440
        or not log.take("age", event)["clocked"].any()
    ):
        return None
    rest = rest.groupby(level=0).sum().reindex(own.index, fill_value=0)
    more = own / n - rest / others
    share = float(more[more > logs.FAR * np.sqrt(own / n**2 + rest / others**2)].sum())
    if share <= logs.LOST_WARNS:
        return None
    at = str(np.datetime64(int(more.idxmax()), "m")).replace("T", " ")
    told = (
        f"Of the events of {label} in {arm} {percent(share)} more than elsewhere stand in the same minutes, most of "
        f"them at {at}; times may be those of a load."
    )
    return Finding(of, share, told, share > logs.LOST_FAILS)


def find_elsewhere(log, of, label, event, arm) -> Finding | None:
    """Return the events of ids unlike any unit's, or of a name that begins as this, where an arm has fewer."""
    (own, rest), every = log.count("age", event, arm), log.take("age", event)["n"].sum()
    fewer = rest * log.ratios[arm] - own
    if fewer <= 0 or log.compare_units("since", event, arm) > -logs.FAR:
        return None
    strange = log.take("strange", event)["n"].sum()
    if strange > STRANGE_FAILS * every and 2 * strange >= fewer:
        told = (
            f"{percent(strange / every)} of the events of {label} have ids unlike those of any {log.unit}, and "
            f"fewer of {arm} than of the others have any: either the treatment did it, or ids of {arm} are lost."
        )
        return Finding(of, strange / every, told, fails=True)
    rows, is_gone = log.take("near"), own <= logs.TENTH * rest * log.ratios[arm]
    alone = rows.groupby("event").filter(lambda one: set(one["variant"].dropna()) == {arm})
    named = alone[alone["event"].str.startswith(event)]
    if named.empty:  # another name may stand for all that an arm lacks
        named = alone[alone["n"].between(ALIKE * fewer, fewer / ALIKE)].nlargest(1, "n")
    alone, n = named["event"].unique(), named["n"].sum()
    if n <= logs.LOST_WARNS * (n + own):
        return None
    told = (
        f"Events named {' and '.join(schema.cut(name) for name in alone[:3])} stand in {arm} alone, where fewer "
        f"have {label}: either the treatment did it, or they are {event} under another name; list them under event "
        "then."
    )
    return Finding(of, float(n / (n + own)), told, fails=bool(is_gone))
