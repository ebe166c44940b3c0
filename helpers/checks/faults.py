"""What is unlike in the events of an arm beside those of the others: by time, sign, size, repeats and name.

A treatment makes events more or fewer, larger or smaller, and moves what follows assignment. It moves no clock, turns
no sign, and takes none from a weekday, but of what it does itself, the take-up.
"""

import math
from collections.abc import Iterator

import numpy as np

from helpers import schema
from helpers.checks import logs
from helpers.checks.logs import FAR, LABEL, LEAST_TOLD, LOST_FAILS, LOST_WARNS, TENTH, WEEK, Finding, percent, write_day

EARLY_WARNS, EARLY_FAILS = 0.05, 0.25  # of the events around assignment, beyond what the days before lead to expect
STEP_FAILS = 0.25  # of an arm's events, which no change of a treatment in its course is likely to take
REPEATED_FAILS = 0.02  # of the events of an arm, as of rows of units
LEAST_EXPECTED = 5.0  # events of a time of the week, for its lack to be seen
UNLIKE = 200.0  # twice a log likelihood over a day's hours, which clusters and retries do not reach by chance
HOURS, DAY_HOURS, BLOCK, FIRST_DAY = 168, 24, 4, 3  # the first day of 1970 was a Thursday
NAMED = 0.7  # of the events that an arm lacks, from which on those of another name may be they
STRANGE_FAILS = 0.05  # of all events those whose ids are unlike any unit's
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ALIKE = 0.1  # of the amounts of two events that are equal by themselves: fewer, and one that comes again is a repeat
FACTORS, CLOSE, STEADY = (100.0, 1000.0, 1e6), 0.35, 0.5  # of units of money; of the logarithm of one; of its days
CLOCKS = "times may be filled in, or of another clock."


def find_step(log, event, arm) -> Iterator[Finding]:
    """Yield the days on which, or from which on, an arm alone has fewer events, whenever units were assigned."""
    if log.end - log.first > logs.MOST_DAYS or log.take("since", event).empty:
        return
    sides = zip(*(log.split(*of, arm) for of in (("begun", ""), ("aged", event), ("day", event))), strict=True)
    found = logs.find_step(*(log.read_arm(*side) for side in sides), spread=log.spreads.get(event, 1.0))
    if found is None or found[2] <= (LOST_FAILS if found[1] is None else LOST_WARNS):
        return
    first, last, share = found
    day, told = write_day(log.first + first), f"Events of {LABEL} in {arm} are "
    if last is not None:
        told += f"lost: hardly any stands from {day} to {write_day(log.first + last)}, where {percent(share)} of all "
        yield Finding(share, f"{told}would be expected.", share > LOST_FAILS)
        return
    told += f"fewer after {day}, of units assigned before and after alike, by {percent(share)} of all: either the log "
    told += "kept a part of them alone, or the treatment was changed that day."
    yield Finding(share, told, share > STEP_FAILS)


def find_elsewhere(log, event, arm) -> Iterator[Finding]:
    """Yield the events of ids unlike any unit's, or of a name that begins as this, where an arm has fewer."""
    (own, rest), every = log.count("age", event, arm), log.take("age", event)["n"].sum()
    due = rest * log.ratios[arm]
    fewer = due - own
    if fewer <= 0 or log.compare_units("since", event, arm) > -FAR:
        return
    strange = log.take("strange", event)["n"].sum()
    if strange > STRANGE_FAILS * every and 2 * strange >= fewer:
        told = (
            f"{percent(strange / every)} of the events of {LABEL} have ids unlike those of any {log.unit}, and "
            f"fewer of {arm} than of the others have any: either the treatment did it, or ids of {arm} are lost."
        )
        yield Finding(strange / every, told, fails=True)
        return
    rows = log.take("near")
    alone = rows.groupby("event").filter(lambda one: set(one["variant"].dropna()) == {arm})
    named = alone[alone["event"].str.startswith(event)]
    if named.empty:  # another name may stand for all that an arm lacks
        named = alone[alone["n"].between(NAMED * fewer, fewer / NAMED)].nlargest(1, "n")
    n = named["n"].sum()
    if n <= LOST_WARNS * (n + own):
        return
    told = (
        f"Events named {' and '.join(schema.cut(name) for name in named['event'].unique()[:3])} stand in {arm} alone, "
        f"where fewer have {LABEL}: either the treatment did it, or they are {event} under another name; list them "
        "under event then."
    )
    yield Finding(float(n / (n + own)), told, fails=bool(own <= TENTH * due))


def find_outside(log, event, arm) -> Iterator[Finding]:
    """Yield the events that one arm alone has before assignment, or after those of all others end, or on one day then.

    No treatment does that. Just before assignment, no arm has more than the week before.
    """
    if (early := log.early[event, arm]) > EARLY_WARNS:
        told = f"Events of {LABEL} in {arm} come just before their {log.unit} is assigned, more than the week before "
        told += (
            f"leads to expect: {percent(early)}; the clocks of both tables may differ, or assignment follows what it "
        )
        yield Finding(early, f"{told}should lead to.", early > EARLY_FAILS)
    sides = log.split("aged", event, arm)
    share, elsewhere = (rows.loc[rows["day"] < 0, "n"].sum() / max(1, rows["n"].sum()) for rows in sides)
    told, more = f"Of the events of {LABEL} in {arm} ", share - elsewhere
    if more > LOST_WARNS and log.compare_units("before", event, arm) >= FAR:
        told += f"{percent(share)} stand before assignment, and {percent(elsewhere)} elsewhere, which neither chance "
        yield Finding(more, f"{told}nor a treatment does; {CLOCKS}", more > LOST_FAILS)
        return
    own, rest = log.split("day", event, arm)
    if rest["n"].sum() < LEAST_TOLD or not (own["day"] > log.end).any():
        return
    own, rest = (rows.groupby("day")["n"].sum() for rows in (own, rest))
    late = own[own.index > log.end] / max(1, own.sum())
    beyond = own[own.index > max(log.end, rest.index.max() + WEEK)].sum() / max(1, own.sum())
    piled = (late - (rest / rest.sum()).reindex(late.index, fill_value=0.0)).max()
    share = float(max(beyond, piled))
    if share > LOST_FAILS and share * own.sum() >= logs.LEAST_HEARD:
        told += f"{percent(share)} more than elsewhere stand after the last day, most of them on "
        yield Finding(share, f"{told}{write_day(late.idxmax())}; {CLOCKS}", fails=True)


def find_hours(log, event, arm) -> Iterator[Finding]:
    """Yield the weekdays or hours on which an arm lacks events that the others have, and by how many it is moved."""
    hour, spread = np.arange(HOURS), log.bunches.get(event, 1.0)
    counts = [np.bincount(rows["day"].astype(int), rows["n"], HOURS) for rows in log.split("hour", event, arm)]
    cuts = (hour // DAY_HOURS, hour % DAY_HOURS, hour // BLOCK)
    found = [_find_lack(*(np.bincount(cut, n / spread) for n in counts), log.ratios[arm]) for cut in cuts]
    found, begun = [lack for lack in found if lack], log.take("begun")
    starts = begun.loc[begun["variant"] == arm, "day"] % WEEK
    # an arm that nobody was assigned to on some weekdays may lack them
    if found and starts.nunique() >= min(WEEK, begun["day"].nunique()):
        share, is_moved, lacks = max(found, key=lambda one: one[0])
        how = "come when those of the others do not" if is_moved else "are lost"
        when = _write_times(np.flatnonzero(lacks), len(lacks))
        told = f"Events of {LABEL} in {arm} {how}: hardly any stands {when}, where {percent(share)} of all would be "
        yield Finding(share, f"{told}expected.", share > LOST_FAILS and not is_moved)
    own, rest = (np.bincount(hour % DAY_HOURS, n) / spread for n in counts)
    is_broad = all(np.count_nonzero(side > side.sum() / HOURS) >= DAY_HOURS / 2 for side in (own, rest))
    if not is_broad or not log.take("age", event)["clocked"].any():
        return  # what a treatment itself sends comes in a few hours, which are its own
    unlike = []  # twice the logarithm by which both are likelier of shares of their own than of common ones
    for by in range(DAY_HOURS):
        sides = own, np.roll(rest, by)
        both = sum(sides) / max(logs.LEAST, own.sum() + rest.sum())
        unlike.append(2 * sum(float(n[n > 0] @ np.log(n[n > 0] / n.sum() / both[n > 0])) for n in sides))
    by = int(np.argmin(unlike))
    if unlike[0] >= UNLIKE and unlike[by] <= TENTH * unlike[0]:
        hours = schema.say(min(by, DAY_HOURS - by), "hour") + (" later" if by <= DAY_HOURS / 2 else " earlier")
        told = f"Events of {LABEL} in {arm} come {hours} in the day than those of the others, whose hours they have "
        share = float(own.sum() * spread / max(1, log.count("age", event, arm)[0]))
        yield Finding(share, f"{told}else; the clocks or time zones may differ.", fails=False)


def _find_lack(own, rest, fair):
    """The share of events that an arm lacks in some places, whether others hold them, and where; None without."""
    if own.sum() < LEAST_EXPECTED * len(own):
        return None
    lacks = np.zeros(len(own), bool)
    for _ in range(2):
        ratio = own[~lacks].sum() / max(logs.LEAST, rest[~lacks].sum())
        lacks = (own < TENTH * np.minimum(ratio * rest, own.mean())) & (ratio * rest >= LEAST_EXPECTED)
    came, others = own[lacks].sum(), rest[lacks].sum()
    lost = ratio * others - came
    share = lost / max(logs.LEAST, own.sum() + lost)
    sure = logs.SURE + math.log(math.comb(len(own), int(lacks.sum())))  # these places were chosen among all
    if lacks.all() or share <= LOST_WARNS or logs.measure_chance(came, others, ratio) < sure:
        return None
    held = ~lacks & (rest > 0)
    usual = (np.median(own[held] / rest[held]) if held.any() else 0.0) * rest[~lacks]
    piled = np.maximum(own[~lacks] - usual - 2 * np.sqrt(usual + 1), 0.0).sum()
    return float(share), bool(2 * piled > lost or not 0.5 < ratio / fair < 2), lacks


def _write_times(places, of):
    """Times of the week in words: weekdays, hours of every day, or hours of weekdays; of many the first ones."""
    if of == WEEK:
        return "on " + " and ".join(NAMES[day] for day in sorted((day + FIRST_DAY) % WEEK for day in places))
    if of == DAY_HOURS:
        return "in the hours (UTC) " + ", ".join(f"{hour:02d}" for hour in places)
    named = [(NAMES[(place // 6 + FIRST_DAY) % WEEK], BLOCK * (place % 6)) for place in places]
    return "on " + ", ".join(f"{day} {hour:02d}-{hour + BLOCK:02d}" for day, hour in named[:3])


def find_piles(log, event, arm) -> Iterator[Finding]:
    """Yield the events of an arm that stand in a few minutes: no treatment makes many units do something at once."""
    if log.take("pile", event).empty:
        return
    own, rest = (rows.groupby("day")["n"].sum() for rows in log.split("pile", event, arm))
    n, others = log.count("age", event, arm)
    own = own[own >= logs.LEAST_HEARD]
    is_clocked = log.take("age", event)["clocked"].any()
    if own.empty or others < LEAST_TOLD or own.index.max() - own.index.min() > WEEK * 1440 or not is_clocked:
        return
    rest = rest.reindex(own.index, fill_value=0)
    more = own / n - rest / others
    share = float(more[more > FAR * np.sqrt(own / n**2 + rest / others**2)].sum())
    if share <= LOST_WARNS:
        return
    at = str(np.datetime64(int(more.idxmax()), "m")).replace("T", " ")
    told = (
        f"Of the events of {LABEL} in {arm} {percent(share)} more than elsewhere stand in the same minutes, most of "
        f"them at {at}; times may be those of a load."
    )
    yield Finding(share, told, share > LOST_FAILS)


def find_repeats(log, event, arm) -> Iterator[Finding]:
    """Yield the events of an arm that repeat another, where they are many: a sum counts them twice."""
    n, every = log.count("repeat", event, arm)[0], log.count("age", event, arm)[0]
    if n < logs.LEAST_HEARD or n <= REPEATED_FAILS * every:
        yield from _find_echoes(log, event, arm)
        return
    told = (
        f"Of the {every:,} events of {LABEL} in {arm} {n:,} repeat another of their {log.unit} (its event_id, or "
        "its time and value); give each event once."
    )
    yield Finding(n / every, told, fails=True)


def _find_echoes(log, event, arm):
    """The events of an arm with the amount of another in the same hour, where amounts are hardly ever alike else."""
    (n, others), (every, elsewhere), first, last = (
        log.count("echo", event, arm, name) for name in ("n", "known", "first", "last")
    )
    share, rest = n / max(1, every), others / max(1, elsewhere)
    if n < logs.LEAST_HEARD or share <= REPEATED_FAILS:
        return
    alike = log.take("alike", event)
    chance = alike["squares"].sum() / max(1, alike["n"].sum()) ** 2
    if sum(first) >= LEAST_TOLD:
        chance = max(chance, sum(last) / sum(first))
    if chance > ALIKE and not (share - rest > LOST_FAILS and rest < REPEATED_FAILS):
        return
    told = (
        f"Of the {every:,} events of {LABEL} in {arm} {n:,} have the amount of another of their {log.unit} in the same "
        f"hour, and {percent(rest)} elsewhere; give each event once."
    )
    yield Finding(share, told, chance <= ALIKE and (share - rest > REPEATED_FAILS or share > LOST_FAILS))


def find_signs(log, event, arm) -> Iterator[Finding]:
    """Yield the amounts below 0 of which an arm has some share, and the others hardly any, or the other way."""
    (n, others), (below, elsewhere) = log.count("age", event, arm), log.count("age", event, arm, "below")
    if min(n, others) < LEAST_TOLD:
        return
    own, rest = below / n, elsewhere / others
    pooled = (below + elsewhere) / (n + others)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / others) * log.bunches.get(event, 1.0))
    is_alike = abs(own - rest) <= max(REPEATED_FAILS, FAR * error)
    if is_alike or min(own, rest) > TENTH * max(own, rest) or (own < rest and len(log.arms) == 2):
        return
    told = (
        f"Of the amounts of {LABEL} in {arm} {percent(own)} are below 0, and {percent(rest)} elsewhere; a sign may be "
        "turned, or money back be lost."
    )
    yield Finding(abs(own - rest), told, fails=True)


def find_jump(log, event, arm) -> Iterator[Finding]:
    """Yield the day from which on amounts are a hundred or a thousand times what they were, or the other way."""
    rows = log.split("day", event, arm)[0].groupby("day")[["known", "void", "logs"]].sum()
    rows = rows[rows["known"] > rows["void"]]
    count, total = (rows["known"] - rows["void"]).to_numpy(), rows["logs"].to_numpy() / 1000
    n, sums = count.cumsum(), total.cumsum()
    inside = np.flatnonzero((n >= LEAST_TOLD) & (n <= count.sum() - LEAST_TOLD))
    if not len(inside):
        return
    before, after = sums[inside] / n[inside], (sums[-1] - sums[inside]) / (n[-1] - n[inside])
    best = np.argmax(np.abs(after - before) * np.sqrt(n[inside] * (n[-1] - n[inside])))
    last, gap = inside[best], after[best] - before[best]
    factor = min(FACTORS, key=lambda one: abs(abs(gap) - math.log(one)))
    rest = total / count - np.where(np.arange(len(n)) > last, after[best], before[best])
    noise = math.sqrt(np.average(rest**2, weights=count))
    if abs(abs(gap) - math.log(factor)) > CLOSE or noise > STEADY:
        return
    late, day = 1 - n[last] / n[-1], rows.index[last]
    told = (
        f"Amounts of {LABEL} in {arm} are about {factor:,.0f} times {'as large' if gap > 0 else 'smaller'} after "
        f"{write_day(day)}, as in another unit of money; give all in one."
    )
    yield Finding(float(min(late, 1 - late)), told, fails=True)


def find_no_return(log, event, arm) -> Iterator[Finding]:
    """Yield the money back that an arm lacks and the others have: an event whose amounts are below 0."""
    (n, others), (_, below) = log.count("age", event, arm), log.count("age", event, arm, "below")
    spread, ratio = log.bunches.get(event, 1.0), log.ratios[arm]
    expected = others * ratio
    is_usual = 2 * below < others or n > TENTH * expected
    if is_usual or logs.measure_chance(n / spread, others / spread, ratio) < logs.SURE:
        return
    told = f"Of {LABEL} hardly any stands in {arm}, where {expected:,.0f} would be expected; money back may be lost."
    yield Finding(1.0, told, fails=True)
