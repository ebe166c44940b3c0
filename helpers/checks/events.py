"""Whether events fit the assignments: a fault is what no treatment explains, as it moves only what follows assignment.

So events before assignment are alike in the arms, a log begins and ends on the same days in all of them, and an arm
changes by the days since assignment, never from a day of the calendar on: a treatment moves no clock. What it may well
do, such as more or fewer events, is no fault; where ids or names are lost beside, both are said.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import scipy  # its parts load when they are first used

from helpers import metrics, schema
from helpers.checks import logs
from helpers.checks.logs import LABEL, LEAST_TOLD, LOST_FAILS, LOST_WARNS, TENTH, WEEK, Finding, percent, write_day
from helpers.plan import ExperimentPlan
from helpers.records import TAKE_UP, Check

ADDED = ("binary", "count", "amount")
ONCE = ("binary", "score", "nps", "time_to_event")  # kinds to which an event that is repeated says nothing more
EARLY_WARNS, EARLY_FAILS = 0.05, 0.25  # of the events around assignment, beyond what the days before lead to expect
REPEATED_FAILS = 0.02  # of the events of an arm, as of rows of units
NAMED = 0.7  # of the events that an arm lacks, from which on those of another name may be they
STRANGE_FAILS = 0.05  # of all events those whose ids are unlike any unit's
ALIKE = 0.1  # of the values of two events that are equal by themselves: fewer, and one that comes again is a repeat
DOUBLED = 0.35  # of the events of all arms alike: some orders have equal lines
TURNED, MOST = 0.7, 0.6  # of what is due, below which a rate has turned; of the days on either side that say so
AROUND, STEPS = 7, 30  # days on either side of a turn, and of assignment; of a fit
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
IN_A_ROW = 6
HOURS = tuple(f"from {hour} to {(hour + IN_A_ROW) % 24} o'clock UTC" for hour in range(24))
CLOCKS = "times may be filled in, or of another clock."
UNKNOWN_WARNS = 0.5  # of all events
MEANT = (
    "{} of the events have ids that are those of units but for what stands before them or after, and are lost; write "
    "ids alike."
)
UNKNOWN = "{} of the events belong to nobody who was assigned; ids may be written in two ways."
LIMITS = (
    "Above 5 % of early, 1 % of lost or 50 % of unknown events this is in doubt; above 25 % of early, 10 % of lost "
    "(50 % in a hole of all arms) or 2 % of repeated ones outcomes cannot be compared."
)
SILENT = "The log holds no event {} of an assigned {}, which {} counts, so that nobody has any; check names and ids."
ROWS = (5_000, 10_000, 50_000, 65_535, 65_536, 100_000, 500_000, 1_000_000, 1_048_575, 1_048_576)
# after which exports and sheets end; of rows of units these alone, as 10,000 may be planned
SHEETS = tuple(n for n in ROWS if n % 10)
BY_ID = (
    "Of the {} whose ids come {} in order, {} of all, none has an event in the first week, and {} of the others: the "
    "log may be cut by id."
)
BEYOND = {"first": "first", "last": "last", "same_day": "first", "without": "last"}  # of text, and of numbers
CUT = "There are exactly {n:,} {what}, where exports and sheets are often cut; check that none is lost."
FITS = "Events reach the last day; just before assignment come {}, of units never assigned {}."


def check_events(units: metrics.Units, meeting: pd.DataFrame | None, design: ExperimentPlan) -> tuple[Check, ...]:
    """Return the check `events_fit`, and one of each metric that events fail; none for a table without events.

    Each event that a metric reads is judged by itself, in each arm. Just before assignment come no more events than in
    the week before it; before it, as many of the units have any in all arms, and after the last day of one arm's log
    the others hold few. Whether events reach from the first assignment to the last complete day is judged by what the
    days that the log does hold would lead to expect on the others (a Poisson count whose rate is itself counted), and
    by its own quiet days. One of several events of a metric, or a part of a ratio, may end by itself, in all arms
    alike, or where another takes over. Where one arm alone has far fewer from a day on that is not of their age, this
    is in doubt. A log as long as exports are cut is told, and one in which the first or last ids have no event.

    Parameters
    ----------
    units : metrics.Units
    meeting : DataFrame or None
        As `sources.meeting.meet_events` counts.
    design : ExperimentPlan

    Returns
    -------
    tuple of Check: `events_fit` warns above 5 % of events just before their assignment, 1 % of events lost or 50 % of
        unknown units, and fails above 25 % of early events, 10 % lost or misplaced or 2 % repeated of a primary
        metric; it warns of a log that may be cut too. `value` is the largest of the other
        shares. `events_fit_<metric>`, and `exposure_fit`, fail so of a metric of another role, or of the take-up;
        `acknowledge: {events_fit: why}` releases them too.
    """
    if meeting is None:
        return ()
    log = logs.Log(units, meeting, design)
    ages, names = log.take("aged"), schema.list_event_names(design)
    found = [*_list_findings(log, design), *(_find_silent(units, design) if design.segments else ())]
    found = sorted(found, key=lambda one: (not one.fails, -one.share))
    grave = {one.of: one for one in reversed(found) if one.fails}
    rates = {arm: max((log.early[event, arm] for event in names), default=0.0) for arm in log.arms}
    every = ages["n"].sum()
    unknown, meant = ages.loc[ages["variant"].isna(), "n"].sum() / every, log.take("meant")["n"].sum() / every
    primary = design.by_role("primary")
    fails = meant > LOST_FAILS or not grave.keys().isdisjoint(primary)
    told = list(dict.fromkeys(one.told for one in found))[:2]
    told += [MEANT.format(percent(meant))] if meant > LOST_WARNS else []
    told += [UNKNOWN.format(percent(unknown))] if unknown > UNKNOWN_WARNS else []
    order = log.take("order")
    beyond = order[[*BEYOND]].astype(float).sum()
    if len(order) and (lost := beyond.max() / order["n"].sum()) > LOST_WARNS:
        share = order["known"].max() / max(1.0, order["n"].sum() - beyond.max())
        if share * beyond.max() > 2 * logs.SURE:  # of as many by chance none has any
            fails |= lost > LOST_FAILS
            noun, side = schema.pluralise(design.unit), BEYOND[beyond.idxmax()]
            told.append(BY_ID.format(noun, side, percent(lost), percent(share)))
    told += [LIMITS] if told else []
    heard = set(ages.loc[ages["variant"].isin(log.arms), "event"])
    for name in primary:
        own = design.metrics[name].event or [name]
        if own in schema.list_metric_events(design, name) and heard.isdisjoint(own):
            told.append(SILENT.format(" or ".join(own), design.unit, design.label_of(name)))
    told += [CUT.format(n=n, what="events") for n in ROWS if n == every]
    shares = ", ".join(f"{arm} {percent(share)}" for arm, share in rates.items())
    said = " ".join(told) or FITS.format(shares, percent(unknown))
    worst = float(max((*rates.values(), meant, *(one.share for one in found))))
    check = Check("events_fit", "fail" if fails else "warn" if told else "pass", worst, LOST_FAILS, said)
    return check, *(_fail_one(one, design) for one in grave.values() if not fails)


def _fail_one(found, design):
    """The check of a metric, or of the take-up, whose events do not fit."""
    name, what = (f"events_fit_{found.of}", "Its effect")
    if found.of == TAKE_UP:
        name, what = ("exposure_fit", "What taking it up does")
    if "events_fit" in design.acknowledge:
        return Check(name, "warn", found.share, LOST_FAILS, found.told)
    return Check(name, "fail", found.share, LOST_FAILS, f"{found.told} {what} is not estimated.")


def _list_findings(log, design):
    """What is wrong with each metric's events, all together and one by one, in each arm: of each kind, the worst.

    What several metrics read is judged once.
    """
    watched = [
        (name, design.label_of(name), events, (metric.from_days or 0.0, metric.window), metric)
        for name, metric in design.metrics.items()
        for events in schema.list_metric_events(design, name)
    ]
    if design.exposure and design.exposure.event:
        watched.append((TAKE_UP, "the take-up", design.exposure.event, (0.0, design.exposure.within_days), None))
    judge, lose = cache(lambda find, event, arm: tuple(find(log, event, arm))), cache(log.find_lost)
    last = log.take("begun")["day"].max()
    for of, label, events, window, metric in watched:
        named = {event: f"{label} ({event})" if len(events) > 1 else label for event in events}
        is_own = not metric or events == (metric.event or [of])
        whole = lose(tuple(named), window, 0 if is_own else LEAST_TOLD)
        each = {event: lose((event,), window, LEAST_TOLD) for event in (named if len(named) > 1 else ())}
        for arm in log.arms:  # of all events together, or of one of them, the most that it lacks
            lost, found = [], {event: arms[arm] for event, arms in each.items() if arm in arms}
            if arm in whole and (is_own or log.goes_on(named, arm, whole[arm].cut)):
                lost.append(_name(whole[arm], label, of))
            cuts = [one.cut for one in found.values()]
            for event, one in found.items():
                if log.goes_on([event], arm, one.cut) and not _is_taken_over(one.cut, cuts):
                    lost.append(_name(one, named[event], of))
            if lost:
                yield max(lost, key=lambda one: one.share)
        for arm, event in itertools.product(log.arms, events):
            finds = [find_elsewhere, find_outside]
            finds += [find_times, find_turn] if metric else []
            finds += [find_repeats] if metric and metric.kind not in ONCE else []
            for one in itertools.chain.from_iterable(judge(find, event, arm) for find in finds):
                if not one.cut or one.cut[1] <= last + (window[1] or math.inf):  # what comes later is not counted
                    yield _name(one, named[event], of)


def _find_silent(units, design):
    """Levels of a segment in which an arm hardly has an event, as it has in other levels, and other arms have there."""
    for by in design.segments:
        levels, n_of = metrics.summarise(units, by=by), Counter()
        for of in levels.values():
            n_of.update({arm: m.n for arm, m in next(iter(of.values())).items()})
        named = [name for name, metric in design.metrics.items() if metric.kind in ADDED]
        for name, arm in itertools.product(named, design.variant.arms):
            if not schema.list_metric_events(design, name):
                continue
            rest = {
                level: [of[name][other] for other in design.variant.arms if other != arm]
                for level, of in levels.items()
            }
            own = {level: of[name][arm] for level, of in levels.items()}
            lacks = [
                level for level, m in own.items() if m.n and m.mean[0] <= TENTH * min(o.mean[0] for o in rest[level])
            ]
            for level in lacks if len(lacks) < len(own) else ():
                # at least so many have any (Cauchy and Schwarz): of a share as many as do
                least = min(m.mean[0] ** 2 / (m.mean[0] ** 2 + m.cov[0][0]) if m.mean[0] else 0.0 for m in rest[level])
                if own[level].n * least > 2 * logs.SURE:
                    label, share = design.label_of(name), own[level].n / n_of[arm]
                    told = (
                        f"Hardly a {design.unit} of {arm} with {by} {schema.cut(str(level))} has an event of {label}, "
                    )
                    told += f"and {percent(least)} elsewhere: some are lost."
                    yield Finding(share, told, share > LOST_FAILS and not own[level].mean[0], of=name)


def _name(found, label, of):
    return replace(found, of=of, told=found.told.replace(LABEL, label))


def _is_taken_over(cut, others) -> bool:
    """Whether an event ends about when another of the metric begins, or begins when another ends."""
    others = [other for other in others if cut and other and other[0] != cut[0]]
    return any(abs(day - cut[1]) <= WEEK for _, day in others)


def find_elsewhere(log, event, arm) -> Iterator[Finding]:
    """Yield the events of ids unlike any unit's, or of a name that begins as this, where an arm has fewer."""
    (own, rest), every = log.count("age", event, arm), log.take("age", event)["n"].sum()
    due = rest * log.ratios[arm]
    fewer = due - own
    if fewer <= 0 or log.compare_units("since", event, arm) > -logs.FAR:
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
    if more > LOST_WARNS and log.compare_units("before", event, arm) >= logs.FAR:
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


def find_times(log, event, arm) -> Iterator[Finding]:
    """Yield the weekdays, or six hours, at which an arm hardly has events that others have: no treatment takes them."""
    # 1970 began on a Thursday
    weekdays = [rows.assign(day=(rows["day"] + 3) % WEEK) for rows in log.split("day", event, arm)]
    for names, times in ((NAMES, weekdays), (HOURS, log.split("hour", event, arm))):
        own, rest = (logs.count_days(rows, "known", 0, len(names)) / log.spreads.get(event, 1.0) for rows in times)
        every = own.sum()
        if names is HOURS:  # in a row, as one lacks some by chance
            own, rest = (sum(np.roll(of, -i) for i in range(IN_A_ROW)) for of in (own, rest))
        ratio = np.median(own[rest > 0] / rest[rest > 0]) if (rest > 0).any() else 0.0
        lacks = own < TENTH * ratio * rest
        if names is HOURS:
            lacks &= np.arange(len(names)) == (rest * lacks).argmax()
        lost = float(ratio * rest[lacks].sum() - own[lacks].sum())
        share = lost / max(1.0, every + lost)
        if share <= LOST_WARNS or lost <= logs.SURE:  # no chance is smaller than that none of the lost came
            continue
        if logs.measure_chance(own[lacks].sum(), rest[lacks].sum(), ratio) > logs.SURE + math.log(len(names)):
            at = " and ".join(name for name, is_lost in zip(names, lacks, strict=True) if is_lost)
            at = at if names is HOURS else f"on {at}"
            told = f"Events of {LABEL} in {arm} are lost: hardly any stands {at}, where {percent(share)} of all would "
            yield Finding(share, f"{told}be expected.", share > LOST_FAILS)
            return


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
