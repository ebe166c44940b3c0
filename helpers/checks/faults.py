"""What is unlike in the events of an arm beside those of the others: by time, repeats and name.

A treatment makes events more or fewer, and moves what follows assignment. It moves no clock.
"""

from collections.abc import Iterator

import numpy as np
import scipy  # its parts load when they are first used

from helpers import schema
from helpers.checks import logs
from helpers.checks.logs import FAR, LABEL, LEAST_TOLD, LOST_FAILS, LOST_WARNS, TENTH, WEEK, Finding, percent, write_day

EARLY_WARNS, EARLY_FAILS = 0.05, 0.25  # of the events around assignment, beyond what the days before lead to expect
REPEATED_FAILS = 0.02  # of the events of an arm, as of rows of units
NAMED = 0.7  # of the events that an arm lacks, from which on those of another name may be they
STRANGE_FAILS = 0.05  # of all events those whose ids are unlike any unit's
ALIKE = 0.1  # of the values of two events that are equal by themselves: fewer, and one that comes again is a repeat
DOUBLED = 0.35  # of the events of all arms alike: some orders have equal lines
TURNED, MOST = 0.7, 0.6  # of what is due, below which a rate has turned; of the days on either side that say so
AROUND, STEPS = 7, 30  # days on either side of a turn, and of assignment; of a fit
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CLOCKS = "times may be filled in, or of another clock."


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
        told += f"leads to expect: {percent(early)}; the clocks of both tables may differ, or assignment follows what "
        yield Finding(early, f"{told}it should lead to.", early > EARLY_FAILS)
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


def find_weekdays(log, event, arm) -> Iterator[Finding]:
    """Yield the weekdays on which an arm hardly has events that the others have: a treatment takes none from those."""
    # 1970 began on a Thursday
    days = [rows.assign(day=(rows["day"] + 3) % WEEK) for rows in log.split("day", event, arm)]
    own, rest = (logs.count_days(rows, "known", 0, WEEK) / log.spreads.get(event, 1.0) for rows in days)
    ratio = np.median(own[rest > 0] / rest[rest > 0]) if (rest > 0).any() else 0.0
    lacks = own < TENTH * ratio * rest
    lost = float(ratio * rest[lacks].sum() - own[lacks].sum())
    share = lost / max(1.0, own.sum() + lost)
    if share > LOST_WARNS and logs.measure_chance(own[lacks].sum(), rest[lacks].sum(), ratio) > logs.SURE:
        when = " and ".join(name for name, is_lost in zip(NAMES, lacks, strict=True) if is_lost)
        told = f"Events of {LABEL} in {arm} are lost: hardly any stands on {when}, where {percent(share)} of all would "
        yield Finding(share, f"{told}be expected.", share > LOST_FAILS)


def find_turn(log, event, arm) -> Iterator[Finding]:
    """Yield the day of the calendar from which on an arm has far fewer events than are due.

    A treatment moves a rate by the days since assignment, and a season that of all arms. Rates by both are fitted
    without and with a turn in one arm (Poisson); where all were assigned at once, nothing tells the two apart.
    """
    n, arms = int(log.end + 1 - log.first), (arm, *(other for other in log.arms if other != arm))
    if not 2 * AROUND < n <= logs.MOST_DAYS or min(log.count("aged", event, arm, "known")) < LEAST_TOLD:
        return
    asked = (("aged", event, "known", 0), ("day", event, "known", log.first), ("begun", "", "n", log.first))
    ages, days, begun = (
        [logs.count_days(log.split(what, of, own)[0], name, first, n) for own in arms]
        for what, of, name, first in asked
    )
    if any((one > 0).sum() < AROUND for one in begun):
        return
    # an age in hours lies on two days of the calendar
    alive = [scipy.linalg.toeplitz((one + np.append(0.0, one[:-1])) / 2, np.zeros(n)) for one in begun]
    turn, chances = n, []
    for _ in range(2):  # without a turn, then with the likeliest
        season, factors, times = np.ones(n), np.ones((len(arms), n)), 1.0
        for _ in range(STEPS):  # each gives ages, days and the days from the turn on the sums that they have
            held = [(factor * season) @ units for factor, units in zip(factors, alive, strict=True)]
            rates = [np.divide(*pair, out=np.zeros(n), where=pair[1] > 0) for pair in zip(ages, held, strict=True)]
            due = [f * (units @ rate) for f, units, rate in zip(factors, alive, rates, strict=True)]
            season = np.divide(sum(days), sum(due), out=np.zeros(n), where=sum(due) > 0)
            if late := (due[0] * season)[turn:].sum():
                factors[0, turn:] = times = times * days[0][turn:].sum() / late
        pairs = zip((*ages, *days), (*rates, *(factors * season)), strict=True)
        chances.append(sum(scipy.special.xlogy(came, rate).sum() for came, rate in pairs))
        if turn == n:
            more, is_due = days[0] - due[0] * season, due[0] * season >= 1
            turn = AROUND + int(np.abs(more.cumsum()[AROUND - 1 : n - AROUND]).argmax())
    sides = (more > 0)[:turn][is_due[:turn]], (more <= 0)[turn:][is_due[turn:]]
    is_steady = all(side.sum() > MOST * len(side) for side in sides)  # a sale of a day is no turn
    came, gain = days[0][turn:].sum(), chances[1] - chances[0]
    lost = max(0.0, came / times - came) if times else 0.0
    share = float(lost / max(1.0, days[0].sum() + lost))
    is_sure = is_steady and gain > logs.SURE * max(1.0, log.spreads.get(event, 1.0))
    if is_sure and times < TURNED and share > LOST_WARNS:
        told = f"From {write_day(log.first + turn)} on, {arm} has {percent(times)} of the events of {LABEL} that other "
        told += "days and arms lead to expect: either some are lost, or what was tested changed that day."
        yield Finding(share, told, fails=False, cut=("from", int(log.first + turn)))


def find_repeats(log, event, arm) -> Iterator[Finding]:
    """Yield the events of an arm that repeat another, where they are many: a sum counts them twice."""
    n, every = log.count("repeat", event, arm)[0], log.count("age", event, arm)[0]
    if n >= logs.LEAST_HEARD and n > REPEATED_FAILS * every:
        told = f"Of the {every:,} events of {LABEL} in {arm} {n:,} repeat another of their {log.unit} (its event_id, "
        yield Finding(n / every, f"{told}or its time and value); give each event once.", fails=True)
    else:
        yield from _find_echoes(log, event, arm)


def _find_echoes(log, event, arm):
    """The events of an arm with the value of another in the same hour, where values are hardly ever alike else."""
    counts = (log.count("echo", event, arm, name) for name in ("n", "known", "first", "last"))
    (n, others), (every, elsewhere), later, again = counts
    share, rest = n / max(1, every), others / max(1, elsewhere)
    if n < logs.LEAST_HEARD or share <= REPEATED_FAILS:
        return
    alike = log.take("alike", event)
    chance = alike["squares"].sum() / max(1, alike["n"].sum()) ** 2
    chance = max(chance, sum(again) / sum(later) if sum(later) >= LEAST_TOLD else 0.0)
    if chance > ALIKE:  # as of one price
        is_told, fails = share - rest > LOST_FAILS and rest < REPEATED_FAILS, False
    else:
        pairs = (log.count("beside", event, arm, "squares")[0] - every) / 2
        excess = share - chance * pairs / every  # beyond what orders of several lines have by chance
        fails = excess - rest > REPEATED_FAILS or excess > DOUBLED
        is_told = fails or excess > LOST_FAILS
    if not is_told:
        return
    told = (
        f"Of the {every:,} events of {LABEL} in {arm} {n:,} have the value of another of their {log.unit} in the same "
        f"hour, and {percent(rest)} elsewhere; give each event once."
    )
    yield Finding(share, told, fails)
