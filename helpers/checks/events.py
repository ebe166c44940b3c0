"""Whether events fit the assignments: a fault is what no treatment explains, as it moves only what follows assignment.

So events before assignment are alike in the arms, a log begins and ends on the same days in all of them, and an arm
changes by the days since assignment, never from a day of the calendar on. What a treatment may well do, such as more or
fewer events, is no fault; where ids or names are lost beside, both are said.
"""

import itertools
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from helpers import metrics, schema
from helpers.checks import faults, logs
from helpers.checks.amounts import BACK
from helpers.checks.logs import LABEL, LEAST_TOLD, WEEK, Log, percent
from helpers.kinds import COUNTED
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
ROWS = (10_000, 65_535, 65_536, 100_000, 1_000_000, 1_048_575, 1_048_576)  # after which exports and sheets end
SHEETS = tuple(n for n in ROWS if n % 10)  # of rows of units these alone: 10,000 may be planned
CUT = "There are exactly {n:,} {what}, where exports and sheets are often cut; check that none is lost."
PART = (
    "Of {label} in {arm} hardly anything stands where {by} is {level}, and {share} of all would be expected there: "
    "either a part of the log is lost, or the treatment did it."
)
FITS = "Events reach the last day; just before assignment come {}, of units never assigned {}."


def check_events(units: Units, meeting: pd.DataFrame | None, design: ExperimentPlan) -> tuple[Check, ...]:
    """Return the check `events_fit`, and one of each metric that events fail; none for a table without events.

    Each event that a metric reads is judged by itself, in each arm. Just before assignment come no more events than in
    the week before it; before it, as many of the units have any in all arms, and after the last day of one arm's log
    the others hold few. Whether events reach from the first assignment to the last complete day is judged by what the
    days that the log does hold would lead to expect on the others (a Poisson count whose rate is itself counted), and
    by its own quiet days. One of several events of a metric, or a part of a ratio, may end by itself, in all arms
    alike, or where another takes over. A day from which on one arm alone has fewer, of units assigned before it and
    after, is one of the log or of a treatment that was changed then: both are said above 10 % of its events, and above
    25 % it fails. A segment of which one arm has hardly any events, and a log as long as exports are cut, are told.

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
        metric; it warns of a part of the data too, and of a log that may be cut. `value` is the largest of the other
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
    told += [LIMITS] if told else []
    told += (find_parts(units) if design.segments else [])[:2]
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
    judge, sized = cache(lambda find, *of: tuple(find(*of))), log
    lose = cache(lambda log, events, window, least: log.find_lost(events, window, least))
    if any(metric.how.total == "amount" for metric in design.metrics.values()):
        sized = log.leave_out_voids()
    for of, label, events, window, metric in watched:
        named = {event: f"{label} ({event})" if len(events) > 1 else label for event in events}
        is_own, is_amount = not metric or events == (metric.event or [of]), metric and metric.how.total == "amount"
        lost = dict(_list_lost(log, lose, label, named, window, is_own=is_own))
        if is_amount and sized is not log and not lost:
            named = {event: f"{name} with an amount" for event, name in named.items()}
            lost = dict(_list_lost(sized, lose, f"{label} with an amount", named, window, is_own=is_own))
        yield from (replace(one, of=of) for one in lost.values())
        for arm, event in itertools.product(log.arms, events):
            finds = [faults.find_elsewhere, faults.find_outside]
            finds += [faults.find_hours, faults.find_piles] if metric else []
            finds += [faults.find_repeats] if metric and metric.kind not in ONCE else []
            finds += [faults.find_signs, faults.find_jump] if is_amount else []
            is_back = arm != log.arms[0] or BACK.search(event.casefold())  # what a treatment alone gives is its own
            finds += [faults.find_no_return] if is_amount and is_back else []
            found = [judge(faults.find_step, sized if is_amount else log, event, arm)] if arm not in lost else []
            found += [judge(find, log, event, arm) for find in finds]
            yield from (_name(one, named[event], of) for some in found for one in some)


def _name(found, label, of=""):
    return replace(found, of=of, told=found.told.replace(LABEL, label))


def _list_lost(log, lose, label, named, window, *, is_own):
    """Yield each arm that lacks events of a metric, with the most that it lacks of all together or of one of them."""
    whole = lose(log, tuple(named), window, 0 if is_own else LEAST_TOLD)
    each = {event: lose(log, (event,), window, LEAST_TOLD) for event in (named if len(named) > 1 else ())}
    for arm in log.arms:
        lost, found = [], {event: arms[arm] for event, arms in each.items() if arm in arms}
        if arm in whole and (is_own or log.goes_on(named, arm, whole[arm].cut)):
            lost.append(_name(whole[arm], label))
        cuts = [one.cut for one in found.values()]
        for event, one in found.items():
            if log.goes_on([event], arm, one.cut) and not _is_taken_over(one.cut, cuts):
                lost.append(_name(one, named[event]))
        if lost:
            yield arm, max(lost, key=lambda one: one.share)


def _is_taken_over(cut, others) -> bool:
    """Whether an event ends about when another of the metric begins, or begins when another ends."""
    others = [other for other in others if cut and other and other[0] != cut[0]]
    return any(abs(day - cut[1]) <= WEEK for _, day in others)


def find_parts(units) -> list[str]:
    """Return which segments of one arm look lost in the log, a sentence each.

    All of it is told and withholds nothing: a treatment may reach one segment alone.

    Parameters
    ----------
    units : Units
    """
    design, found = units.design, []
    heard = [name for name, of in design.metrics.items() if name in units.heard and of.how.total in COUNTED]
    for by in design.segments if heard else ():
        levels = metrics.summarise(units, by=by)
        for name in heard:
            totals = {level: {arm: _add_up(m) for arm, m in of[name].items()} for level, of in levels.items()}
            words = {"label": design.label_of(name), "by": design.labels.get(by, by)}
            for share, arm, level in find_lost_parts(totals):
                found.append(PART.format(share=percent(share), arm=arm, level=level, **words))
    return found


def _add_up(moments):
    """The units or clusters of an arm, their sum, and how many of one size it is worth."""
    n = moments.n
    if not n:
        return 0, 0.0, 0.0
    total, squares = n * moments.mean[0], n * moments.mean[0] ** 2
    squares += (n - 1) * moments.cov[0, 0] if n > 1 else 0.0
    return n, float(total), float(total**2 / squares) if squares else 0.0


def find_lost_parts(totals) -> list[tuple[float, str, str]]:
    """Return each level of a segment of which one arm has hardly any, though it has others as the other arms do.

    Parameters
    ----------
    totals : dict, by level and arm the units, the sum of a metric, and how many of one size that sum is worth

    Returns
    -------
    list of (float, str, str): the share of the arm's events that is lost, the arm, the level
    """
    found = []
    for arm in next(iter(totals.values()), ()):
        sides = {level: np.array([of[arm], np.sum([*of.values()], axis=0)]) for level, of in totals.items()}
        sure, (every, whole) = logs.SURE + math.log(len(totals)), np.sum([*sides.values()], axis=0)
        for level, (own, both) in sides.items():
            rest, mine = both - own, every - own
            others = whole - every - rest
            if min(own[0], *rest[:2], *others[:2], *mine[:2]) <= 0 or mine[2] < LEAST_TOLD:
                continue
            elsewhere = mine[1] / mine[0] / (others[1] / others[0])  # beyond a tenth the others lost theirs there
            ratio = own[0] / rest[0] * elsewhere  # as where nothing is lost
            expected, is_even = ratio * rest[1], logs.TENTH * elsewhere < 1
            is_lost = is_even and own[1] <= logs.TENTH * expected
            if is_lost and logs.measure_chance(own[2], rest[2], ratio) > sure:
                found.append((float(expected / (expected + mine[1])), arm, level))
    return found
