"""Whether events fit the assignments: a fault is what no treatment explains, as it moves only what follows assignment.

So events before assignment are alike in the arms, a log begins and ends on the same days in all of them, and an arm
changes by the days since assignment, never from a day of the calendar on. What a treatment may well do, such as more or
fewer events, is no fault; where ids or names are lost beside, both are said.
"""

import copy
import itertools
import math

import numpy as np
import pandas as pd

from helpers import schema
from helpers.checks import logs
from helpers.checks.amounts import BACK
from helpers.checks.hours import find_elsewhere, find_piles, find_shift, find_times
from helpers.checks.logs import WEEK, Finding, percent, write_day
from helpers.checks.parts import CUT, ROWS, find_parts
from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import TAKE_UP, Check

EARLY_WARNS, EARLY_FAILS = 0.05, 0.25  # of the events around assignment, beyond what the days before lead to expect
STEP_FAILS = 0.25  # of an arm's events, which no change of a treatment in its course is likely to take
HOLE_FAILS = 0.5  # of them, in a hole that all arms have: a holiday may be one
ONCE = ("binary", "score", "nps", "time_to_event")  # kinds to which an event that is repeated says nothing more
UNKNOWN_WARNS = 0.5  # of all events
LIMITS = (
    "Above 5 % of early, 1 % of lost or 50 % of unknown events this is in doubt; above 25 % of early, 10 % of lost "
    "(50 % in a hole of all arms) or 2 % of repeated ones outcomes cannot be compared."
)
RARE = 8.5  # minus the logarithm of the chance that none comes where some are expected: one event in five thousand
MOST_DAYS = 800  # of a study whose events are judged by each of its days
SILENT = "The log holds no event {} of an assigned {}, which {} counts, so that nobody has any; check names and ids."
EPOCH = 719_163  # the ordinal of the first day of 1970


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
    log = _Log(units, meeting, design)
    found = sorted(_list_findings(log, design), key=lambda one: (not one.fails, -one.share))
    grave = {one.of: one for one in reversed(found) if one.fails}
    fails = any(name in design.metrics and design.metrics[name].role == "primary" for name in grave)
    rates = {arm: max((log.early[event, arm] for event in log.names), default=0.0) for arm in log.arms}
    unknown = log.ages.loc[log.ages["variant"].isna(), "n"].sum() / log.ages["n"].sum()
    told = list(dict.fromkeys(one.told for one in found))[:2]
    meant = log.take("meant")["n"].sum() / log.ages["n"].sum()
    fails |= meant > logs.LOST_FAILS
    if meant > logs.LOST_WARNS:
        told.append(
            f"{percent(meant)} of the events have ids that are those of units but for what stands before them or "
            "after, and are lost; write ids alike."
        )
    if unknown > UNKNOWN_WARNS:
        told.append(
            f"{percent(unknown)} of the events belong to nobody who was assigned; ids may be written in two ways."
        )
    told += [LIMITS] if told else []
    told += (find_parts(units) if design.segments else [])[:2]
    read = {name: m.event or [name] for name, m in design.metrics.items() if m.role == "primary"}
    read = {name: of for name, of in read.items() if of in schema.list_metric_events(design, name)}
    heard = set(log.ages.loc[log.ages["variant"].isin(log.arms), "event"])
    silent = {name: of for name, of in read.items() if heard.isdisjoint(of)}
    told += [SILENT.format(" or ".join(of), design.unit, design.label_of(name)) for name, of in silent.items()]
    told += [CUT.format(n=n, what="events") for n in ROWS if n == log.ages["n"].sum()]
    status = "fail" if fails else "warn" if told else "pass"
    fits = (
        "Events reach the last day; just before assignment come "
        f"{', '.join(f'{arm} {percent(share)}' for arm, share in rates.items())}, of units never assigned "
        f"{percent(unknown)}."
    )
    worst = max((*rates.values(), meant, *(one.share for one in found)))
    check = Check("events_fit", status, float(worst), logs.LOST_FAILS, " ".join(told or [fits]))
    return check, *(_fail_one(one, design) for one in grave.values() if not fails)


def _fail_one(found, design):
    """The check of a metric, or of the take-up, whose events do not fit."""
    name, what = (
        ("exposure_fit", "What taking it up does") if found.of == TAKE_UP else (f"events_fit_{found.of}", "Its effect")
    )
    status = "warn" if "events_fit" in design.acknowledge else "fail"
    said = f"{found.told} {what} is not estimated." if status == "fail" else found.told
    return Check(name, status, found.share, logs.LOST_FAILS, said)


def _list_findings(log, design):
    """What is wrong with each metric's events, all together and one by one, in each arm: of each kind, the worst."""
    watched = [
        (
            name,
            design.label_of(name),
            events,
            (metric.from_days or 0.0, metric.window),
            events == (metric.event or [name]),
        )
        for name, metric in design.metrics.items()
        for events in schema.list_metric_events(design, name)
    ]
    if design.exposure and design.exposure.event:
        watched.append((TAKE_UP, "the take-up", design.exposure.event, (0.0, design.exposure.within_days), True))
    for of, label, events, window, is_own in watched:
        named = {event: f"{label} ({event})" if len(events) > 1 else label for event in events}
        is_amount = of in design.metrics and design.metrics[of].how.total == "amount"
        is_summed = of in design.metrics and design.metrics[of].kind not in ONCE
        lost = dict(_list_lost(log, of, label, named, window, is_own=is_own))
        sized = log.leave_out_voids() if is_amount else log
        if sized is not log and not lost:
            named = {event: f"{name} with an amount" for event, name in named.items()}
            lost = dict(_list_lost(sized, of, f"{label} with an amount", named, window, is_own=is_own))
        yield from lost.values()
        for arm, event in itertools.product(log.arms, events):
            judged = [log.find_early]
            judged += [sized.find_step] if arm not in lost else []
            yield from (one for find in judged if (one := find(of, named[event], event, arm)))
            judged = [
                find_elsewhere,
                logs.find_outside,
                *([find_times, find_shift, find_piles] if of != TAKE_UP else []),
            ]
            judged += [logs.find_repeats] if is_summed else []
            judged += [logs.find_signs, logs.find_jump] if is_amount else []
            is_back = arm != log.arms[0] or BACK.search(event.casefold())  # what a treatment alone gives is its own
            judged += [logs.find_no_return] if is_amount and is_back else []
            yield from (one for find in judged if (one := find(log, of, named[event], event, arm)))


def _list_lost(log, of, label, named, window, *, is_own):
    """Yield each arm that lacks events of a metric, with the most that it lacks of all together or of one of them."""
    whole = log.find_lost(of, label, list(named), window, least=0 if is_own else logs.LEAST_TOLD)
    several = named if len(named) > 1 else {}
    each = {event: log.find_lost(of, name, [event], window, least=logs.LEAST_TOLD) for event, name in several.items()}
    for arm in log.arms:
        lost = [whole[arm]] if whole[arm] and (is_own or log.goes_on(named, arm, whole[arm].cut)) else []
        found = {event: arms[arm] for event, arms in each.items() if arms[arm]}
        cuts = [one.cut for one in found.values()]
        lost += [
            one
            for event, one in found.items()
            if log.goes_on([event], arm, one.cut) and not _is_taken_over(one.cut, cuts)
        ]
        if lost:
            yield arm, max(lost, key=lambda one: one.share)


def _is_taken_over(cut, others) -> bool:
    """Whether an event ends about when another of the metric begins, or begins when another ends."""
    return cut is not None and any(
        other is not None and other[0] != cut[0] and abs(other[1] - cut[1]) <= WEEK for other in others
    )


class _Log:
    """The days of a log of events, against those that the assigned units would lead to expect."""

    def __init__(self, units, meeting, design):
        self.end, self.arms, self.unit = units.as_of.toordinal() - EPOCH, design.variant.arms, design.unit
        self.names = schema.list_event_names(design)
        plain = meeting.astype(dict.fromkeys(("what", "event", "variant"), object))  # which rows are taken of fastest
        self.every, self.taken = {what: rows for what, rows in plain.groupby("what")}, {}
        self.sums, self.days = {}, {}
        # ages of events that have dates alone count by date: none of the day of assignment is early
        ages = self.take("age")
        dated = ~ages["clocked"].astype(bool).groupby(ages["event"]).transform("any") & (ages["day"] == -1)
        moved = ages[dated & (ages["same_day"] > 0)]
        moved = moved.assign(n=moved["same_day"], known=moved["same_day"], void=0, day=0)
        self.ages = pd.concat([ages.assign(n=ages["n"].where(~dated, ages["n"] - ages["same_day"])), moved])
        self.starts = self.take("start")[self.take("start")["day"] <= self.end]
        self.first = self.starts["day"].min()
        counts = {arm: self.count("start", "", arm) for arm in self.arms}
        self.ratios = {arm: n / max(1, others) for arm, (n, others) in counts.items()}  # units for one of the others
        since = self.take("since").groupby("event")[["n", "known", "squares"]].sum()
        spreads = since["squares"] / since["known"] - since["known"] / since["n"]
        self.spreads = spreads.clip(lower=1.0)  # of numbers of events, against those that come by themselves
        self.bunches = since["squares"] / since["known"]  # events of an event's unit, which may share hour or sign
        self.early = {}  # share of those just before assignment, beyond the daily rate of the week before, of all since
        for event, arm in itertools.product(self.names, self.arms):
            own = self.ages[(self.ages["event"] == event) & (self.ages["variant"] == arm)]
            *week, last = logs.count_days(own, "n", -8, 8)
            more, after = last - np.mean(week), own.loc[own["day"] >= 0, "n"].sum()
            is_chance = more <= logs.FAR * math.sqrt(np.mean(week) + 1)
            self.early[event, arm] = 0.0 if is_chance else float(more / (more + after))

    def leave_out_voids(self):
        """Return the log without the events whose amount is empty or 0; itself where none is."""
        if not any(rows["void"].any() for rows in self.every.values()):
            return self
        sized = copy.copy(self)
        sized.every, sized.taken = {what: _take_voids(rows) for what, rows in self.every.items()}, {}
        sized.sums, sized.days = {}, {}
        sized.ages = _take_voids(self.ages)
        return sized

    def take(self, what, event=None):
        if (what, event) not in self.taken:
            rows = self.every.get(what, self.every["start"].head(0))
            self.taken[what, event] = rows if event is None else rows[(rows["event"] == event).to_numpy()]
        return self.taken[what, event]

    def part(self, rows, arm):
        """Return the rows of an arm, and those of all the others."""
        variants = rows["variant"].to_numpy()
        is_own = variants == arm
        return rows[is_own], rows[~is_own & np.logical_or.reduce([variants == other for other in self.arms])]

    def count(self, what, event, arm, name="n"):
        """Return how many there are of an arm, and of all the others."""
        if (what, event, name) not in self.sums:
            rows = self.take(what, event)
            self.sums[what, event, name] = rows[name].groupby(rows["variant"].to_numpy()).sum().to_dict()
        own, *others = (int(self.sums[what, event, name].get(one, 0)) for one in (arm, *set(self.arms) - {arm}))
        return own, sum(others)

    def compare_units(self, what, event, arm) -> float:
        """Return by how many standard errors more of an arm's units have an event than of those assigned that day.

        Mantel and Haenszel (1959), over the days of assignment, so that a split that changes does no harm.
        """
        if (what, event) not in self.days:
            have, keys = (self.take(*of).pivot_table("n", "day", "variant", "sum") for of in ((what, event), ("key",)))
            keys = keys.reindex(columns=self.arms).fillna(0.0)
            self.days[what, event] = keys, have.reindex(index=keys.index, columns=self.arms).fillna(0.0)
        keys, have = self.days[what, event]
        n, n_own, x, x_own = keys.sum(axis=1), keys[arm], have.sum(axis=1), have[arm]
        spread = (x * (n - x) * n_own * (n - n_own) / (n**2 * (n - 1).clip(lower=1))).sum()
        return float((x_own - x * n_own / n).sum() / math.sqrt(spread)) if spread else 0.0

    def find_early(self, of, label, event, arm) -> Finding | None:
        """Return the events of an arm just before their assignment, where they are more than the week before."""
        share, said = self.early[event, arm], f"Events of {label} in {arm} "
        told = f"{said}come just before their {self.unit} is assigned, more than the week before leads to expect: "
        told += f"{percent(share)}; the clocks of both tables may differ, or assignment follows what it should lead to."
        return Finding(of, share, told, share > EARLY_FAILS) if share > EARLY_WARNS else None

    def find_step(self, of, label, event, arm) -> Finding | None:
        """Return the days on which, or from which on, an arm alone has fewer events, whenever units were assigned."""
        tables = (self.starts, self.ages[self.ages["event"] == event], self.take("day", event))
        sides = zip(*(self.part(rows, arm) for rows in tables), strict=True)
        arms = [logs.Arm.read(*side, first=self.first, end=self.end) for side in sides]
        if self.end - self.first > MOST_DAYS or self.take("since", event).empty:
            return None
        found = logs.find_step(*arms, spread=self.spreads.get(event, 1.0))
        if found is None or found[2] <= (logs.LOST_FAILS if found[1] is None else logs.LOST_WARNS):
            return None
        first, last, share = found
        day = write_day(self.first + first)
        if last is not None:
            told = f"Events of {label} in {arm} are lost: hardly any stands from {day} to "
            told += f"{write_day(self.first + last)}, where {percent(share)} of all would be expected."
            return Finding(of, share, told, share > logs.LOST_FAILS)
        told = (
            f"Events of {label} in {arm} are fewer after {day}, of units assigned before and "
            f"after alike, by {percent(share)} of all: either the log kept a part of them alone, or the treatment was "
            "changed that day."
        )
        return Finding(of, share, told, share > STEP_FAILS)

    def find_lost(self, of, label, events, window, *, least) -> dict[str, Finding | None]:
        """Return what an arm lacks of some events that stop early, begin late or have a hole, if it lacks any."""
        ages = self.ages[self.ages["event"].isin(events)]
        heard = ages[ages["variant"].isin(self.arms)]
        if (
            heard["n"].sum() >= logs.LEAST_HEARD
            and not ((heard["last"] >= self.first) & (heard["first"] <= self.end)).any()
        ):
            ran = f"they run from {write_day(heard['first'].min())} to {write_day(heard['last'].max())}"
            since = f"between the first assignment on {write_day(self.first)} and {write_day(self.end)}"
            told = f"No event of {label} stands {since}: {ran}."
            return dict.fromkeys(self.arms, Finding(of, 1.0, told, fails=True))
        days = self.take("day")
        days = days[days["event"].isin(events) & (days["day"] <= self.end) & days["variant"].isin(self.arms)]
        quiet = {
            arm: logs.find_quiet(own.groupby("day", as_index=False)["n"].sum()) for arm, own in days.groupby("variant")
        }
        found = {}
        for arm in self.arms:
            own, begun = (rows[rows["variant"] == arm] for rows in (ages, self.starts))
            found[arm] = None
            if arm in quiet and not own.empty and not begun.empty:
                lost = self._judge(own, begun, days[days["variant"] == arm], window, quiet[arm], least)
                found[arm] = lost and self._tell(of, f"{label} in {arm}", *lost, quiet, arm)
        return found

    def goes_on(self, events, arm, cut) -> bool:
        """Return whether another arm has events well beyond the cut of an arm: they did not end by themselves."""
        others = self.ages[self.ages["event"].isin(events) & self.ages["variant"].isin(set(self.arms) - {arm})]
        if cut is None or others.empty:
            return cut is None
        side, day = cut
        return bool(others["last"].max() > day + WEEK if side == "after" else others["first"].min() < day - WEEK)

    def _judge(self, own, begun, days, window, quiet, least):
        """The share that an arm lacks, and its cut; None where it lacks none, but by chance."""
        longest, hole, reach = quiet
        until = math.ceil(window[1] or self.end)
        needed = min(self.end, begun["day"].max() + until - 1)
        late, soon = reach[0] - begun["day"].min() - math.floor(window[0]), needed - reach[1]
        is_cut = max(late, soon) > longest
        if not (is_cut or hole):
            return None
        calmed, is_moved = own, False
        if self.end - self.first <= MOST_DAYS:  # without days such as of a promotion, after which few may be left
            arm = logs.Arm.read(begun, own, days, first=self.first, end=self.end)
            ages = logs.calm(arm)
            calmed = pd.DataFrame({"day": np.arange(len(ages)), "known": ages, "all": arm.ages})
            is_moved = ages.sum() < (1 - logs.LOST_FAILS) * own.loc[own["day"] >= 0, "known"].sum()
        is_held = days["day"].between(*reach) & ~(days["day"].between(*hole) if hole else False)
        came = days.loc[~is_held, "known"].sum()
        about = {"reach": reach, "end": self.end, "window": window, "hole": hole, "came": came}
        _, expected, told = logs.expect_lost(calmed, begun, **about)
        is_cut &= not hole or 2 * logs.expect_lost(calmed, begun, **about | {"hole": None})[1] > expected
        lost = max(0.0, expected - came)
        far = lost + (came * math.log(came / expected) if lost and came else 0.0)  # minus the logarithm of its chance
        share = (
            lost / (own.loc[own["day"].between(math.floor(window[0]), until), "known"].sum() + lost) if lost else 0.0
        )
        spread = self.spreads.reindex(own["event"].unique()).max()  # units with many lack them by chance together
        rare = spread * (RARE + (math.log(reach[1] - reach[0]) if hole else 0.0))  # a hole is chosen among all days
        is_chance = came >= logs.QUIET * expected or told < least or told * math.log1p(far / told) < rare
        if is_chance or share <= logs.LOST_WARNS:
            return None
        first = logs.expect_lost(calmed, begun, **about | {"reach": (reach[0], self.end)})[1]
        cut = ("before", reach[0]) if 2 * first > expected else ("after", reach[1])
        return share, cut if is_cut else None, is_moved

    def _tell(self, of, place, share, cut, is_moved, quiet, arm):
        """What an arm lacks in words; a hole that all arms have alike may be a holiday."""
        _, hole, _ = quiet[arm]
        side = f"{cut[0]} {write_day(cut[1])}" if cut else f"from {write_day(hole[0])} to {write_day(hole[1])}"
        is_shared = cut is None and all(
            other[1] and other[1][0] <= hole[1] and other[1][1] >= hole[0] for other in quiet.values()
        )
        if cut and is_moved:
            ends = [reach[cut[0] == "after"] for *_, reach in quiet.values()]
            is_shared = max(ends) - min(ends) <= WEEK
        told = f"Events of {place} are lost: none stands {side}, where {percent(share)} of all would be expected."
        return Finding(of, share, told, share > (HOLE_FAILS if is_shared else logs.LOST_FAILS), cut)


def _take_voids(rows):
    rest = rows["known"] - rows["void"]
    return rows.assign(n=rest, known=rest)[rest > 0]
