"""Whether events fit the assignments: a fault is what no treatment explains, as it moves only what follows assignment.

So events before assignment are alike in the arms, a log begins and ends on the same days in all of them, and an arm
changes by the days since assignment, never from a day of the calendar on. What a treatment may well do, such as more or
fewer events, is no fault; where ids or names are lost beside, both are said.
"""

import itertools
import math
from dataclasses import replace
from functools import cache

import pandas as pd

from helpers import schema
from helpers.checks import faults, logs
from helpers.checks.logs import LABEL, LEAST_TOLD, WEEK, Log, percent
from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import TAKE_UP, Check

ONCE = ("binary", "score", "nps", "time_to_event")  # kinds to which an event that is repeated says nothing more
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


def check_events(units: Units, meeting: pd.DataFrame | None, design: ExperimentPlan) -> tuple[Check, ...]:
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
    units : Units
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
    log = Log(units, meeting, design)
    ages, names = log.take("aged"), schema.list_event_names(design)
    found = sorted(_list_findings(log, design), key=lambda one: (not one.fails, -one.share))
    grave = {one.of: one for one in reversed(found) if one.fails}
    rates = {arm: max((log.early[event, arm] for event in names), default=0.0) for arm in log.arms}
    every = ages["n"].sum()
    unknown, meant = ages.loc[ages["variant"].isna(), "n"].sum() / every, log.take("meant")["n"].sum() / every
    primary = design.by_role("primary")
    fails = meant > logs.LOST_FAILS or not grave.keys().isdisjoint(primary)
    told = list(dict.fromkeys(one.told for one in found))[:2]
    told += [MEANT.format(percent(meant))] if meant > logs.LOST_WARNS else []
    told += [UNKNOWN.format(percent(unknown))] if unknown > UNKNOWN_WARNS else []
    order = log.take("order")
    beyond = order[[*BEYOND]].astype(float).sum()
    if len(order) and (lost := beyond.max() / order["n"].sum()) > logs.LOST_WARNS:
        share = order["known"].max() / max(1.0, order["n"].sum() - beyond.max())
        if share * beyond.max() > 2 * logs.SURE:  # of as many by chance none has any
            fails |= lost > logs.LOST_FAILS
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
    check = Check("events_fit", "fail" if fails else "warn" if told else "pass", worst, logs.LOST_FAILS, said)
    return check, *(_fail_one(one, design) for one in grave.values() if not fails)


def _fail_one(found, design):
    """The check of a metric, or of the take-up, whose events do not fit."""
    name, what = (f"events_fit_{found.of}", "Its effect")
    if found.of == TAKE_UP:
        name, what = ("exposure_fit", "What taking it up does")
    if "events_fit" in design.acknowledge:
        return Check(name, "warn", found.share, logs.LOST_FAILS, found.told)
    return Check(name, "fail", found.share, logs.LOST_FAILS, f"{found.told} {what} is not estimated.")


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
            finds = [faults.find_elsewhere, faults.find_outside]
            finds += [faults.find_weekdays, faults.find_turn] if metric else []
            finds += [faults.find_repeats] if metric and metric.kind not in ONCE else []
            for one in itertools.chain.from_iterable(judge(find, event, arm) for find in finds):
                if not one.cut or one.cut[1] <= last + (window[1] or math.inf):  # what comes later is not counted
                    yield _name(one, named[event], of)


def _name(found, label, of):
    return replace(found, of=of, told=found.told.replace(LABEL, label))


def _is_taken_over(cut, others) -> bool:
    """Whether an event ends about when another of the metric begins, or begins when another ends."""
    others = [other for other in others if cut and other and other[0] != cut[0]]
    return any(abs(day - cut[1]) <= WEEK for _, day in others)
