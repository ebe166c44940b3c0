"""Whether events fit the assignments: a fault is what no treatment explains, as it moves only what follows assignment.

So events before assignment are alike in the arms, a log begins and ends on the same days in all of them, and an arm
changes by the days since assignment, never from a day of the calendar on. What a treatment may well do, such as more or
fewer events, is no fault; where ids or names are lost beside, both are said.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers import schema
from helpers.checks.logs import Arm, calm, expect_lost, find_quiet, find_step
from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import TAKE_UP, Check

EARLY_WARNS, EARLY_FAILS = 0.05, 0.25  # of the events around assignment, beyond what the days before lead to expect
LOST_WARNS, LOST_FAILS = 0.01, 0.10  # of the events that a metric counts, or that stand where none should
STEP_FAILS = 0.25  # of an arm's events, which no change of a treatment in its course is likely to take
HOLE_FAILS = 0.5  # of them, in a hole that all arms have: a holiday may be one
ONCE = ("binary", "score", "nps", "time_to_event")  # kinds to which an event that is repeated says nothing more
REPEATED_FAILS = 0.02  # of the events of an arm, as of rows of units
UNKNOWN_WARNS, STRANGE_FAILS = 0.5, 0.05  # of all events; and of those whose ids are unlike any unit's
LIMITS = (
    "Above 5 % of early, 1 % of lost or 50 % of unknown events this is in doubt; above 25 % of early, 10 % of lost "
    "(50 % in a hole of all arms) or 2 % of repeated ones outcomes cannot be compared."
)
RARE = 7.0  # minus the logarithm of the chance that none comes where some are expected: one log in a thousand
FAR = 3.5  # standard errors between arms: two logs in five thousand
LEAST_HEARD = 10  # events of a metric, from which on it is odd that all of them lie outside the time of the study
LEAST_TOLD = 30  # events, below which the rate of one of several, or of a part, is not read
MOST_DAYS = 800  # of a study whose events are judged by each of its days
WEEK, EPOCH = 7, 719_163  # the ordinal of the first day of 1970


@dataclass(frozen=True)
class Finding:
    """What is wrong with the events of a metric in an arm: the share of them, in words, and whether it withholds.

    `cut` is the side, before or after, and the day of the first or last event, where the log is cut.
    """

    of: str
    share: float
    told: str
    fails: bool
    cut: tuple[str, int] | None = None


def check_events(units: Units, meeting: pd.DataFrame | None, design: ExperimentPlan) -> tuple[Check, ...]:
    """Return the check `events_fit`, and one of each metric that events fail; none for a table without events.

    Each event that a metric reads is judged by itself, in each arm. Just before assignment come no more events than in
    the week before it; before it, as many of the units have any in all arms, and after the last day of one arm's log
    the others hold few. Whether events reach from the first assignment to the last complete day is judged by what the
    days that the log does hold would lead to expect on the others (a Poisson count whose rate is itself counted), and
    by its own quiet days. One of several events of a metric, or a part of a ratio, may end by itself, in all arms
    alike, or where another takes over. A day from which on one arm alone has fewer, of units assigned before it and
    after, is one of the log or of a treatment that was changed then: both are said above 10 % of its events, and above
    25 % it fails.

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
        metric. `value` is the largest of these shares. `events_fit_<metric>`, and `exposure_fit`, fail so of a metric
        of another role, or of the take-up; `acknowledge: {events_fit: why}` releases them too.
    """
    if meeting is None:
        return ()
    log = _Log(units, meeting, design)
    found = sorted(_list_findings(log, design), key=lambda one: (not one.fails, -one.share))
    grave = {one.of: one for one in reversed(found) if one.fails}
    fails = any(name in design.metrics and design.metrics[name].role == "primary" for name in grave)
    rates = {arm: max((log.measure_early(event, arm) for event in log.names), default=0.0) for arm in log.arms}
    unknown = log.count_unknown()
    told = list(dict.fromkeys(one.told for one in found))[:2]
    if unknown > UNKNOWN_WARNS:
        told.append(
            f"{percent(unknown)} of the events belong to nobody who was assigned; ids may be written in two ways."
        )
    status = "fail" if fails else "warn" if told else "pass"
    fits = (
        "Events reach the last day; just before assignment come "
        f"{', '.join(f'{arm} {percent(share)}' for arm, share in rates.items())}, of units never assigned "
        f"{percent(unknown)}."
    )
    worst = max((*rates.values(), *(one.share for one in found)))
    check = Check("events_fit", status, float(worst), LOST_FAILS, " ".join([*told, LIMITS] if told else [fits]))
    return check, *(_fail_one(one, design) for one in grave.values() if not fails)


def _fail_one(found, design):
    """The check of a metric, or of the take-up, whose events do not fit."""
    name, what = (
        ("exposure_fit", "What taking it up does") if found.of == TAKE_UP else (f"events_fit_{found.of}", "Its effect")
    )
    status = "warn" if "events_fit" in design.acknowledge else "fail"
    said = f"{found.told} {what} is not estimated." if status == "fail" else found.told
    return Check(name, status, found.share, LOST_FAILS, said)


def _list_findings(log, design):
    """What is wrong with each metric's events, all together and one by one, in each arm: of each kind, the worst."""
    for of, label, events, window, is_own in _list_watched(design):
        whole = log.find_lost(of, label, events, window, least=0 if is_own else LEAST_TOLD)
        named = {event: f"{label} ({event})" if len(events) > 1 else label for event in events}
        each = (
            {}
            if len(events) == 1
            else {e: log.find_lost(of, n, [e], window, least=LEAST_TOLD) for e, n in named.items()}
        )
        is_summed = of in design.metrics and design.metrics[of].kind not in ONCE
        for arm in log.arms:
            lost = [whole[arm]] if whole[arm] and (is_own or log.goes_on(events, arm, whole[arm].cut)) else []
            cuts = [arms[arm].cut for arms in each.values() if arms[arm]]
            lost += [
                arms[arm]
                for event, arms in each.items()
                if arms[arm] and log.goes_on([event], arm, arms[arm].cut) and not _is_taken_over(arms[arm].cut, cuts)
            ]
            yield from sorted(lost, key=lambda one: -one.share)[:1]
            for event, name in named.items():
                judged = [log.find_early, log.find_before, log.find_beyond, log.find_nameless, log.find_renamed]
                judged += [log.find_step] if not lost else []
                judged += [log.find_repeats] if is_summed else []
                yield from (one for find in judged if (one := find(of, name, event, arm)))


def _list_watched(design):
    """Each metric, or the take-up: key, label, events, days in which it reads them, whether they are its outcome."""
    for name, metric in design.metrics.items():
        for events in schema.list_metric_events(design, name):
            is_own = events == (metric.event or [name])
            yield name, design.label_of(name), events, (metric.from_days or 0.0, metric.window), is_own
    if design.exposure and design.exposure.event:
        yield TAKE_UP, "the take-up", design.exposure.event, (0.0, design.exposure.within_days), True


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
        self.every = {what: rows for what, rows in meeting.groupby("what")}
        self.ages = _date(self._take("age"))
        self.starts = self._take("start")[self._take("start")["day"] <= self.end]
        self.first, self.empty = self.starts["day"].min(), meeting.head(0)

    def _take(self, what, event=None):
        rows = self.every.get(what, self.every["start"].head(0))
        return rows if event is None else rows[rows["event"] == event]

    def _count(self, what, event, arm):
        """How many there are of an arm, and of all the others."""
        rows = self._take(what, event)
        rows = rows[rows["variant"].isin(self.arms)]
        is_own = rows["variant"] == arm
        return int(rows.loc[is_own, "n"].sum()), int(rows.loc[~is_own, "n"].sum())

    def count_unknown(self) -> float:
        """Return the share of all events that belong to no unit."""
        return self.ages.loc[self.ages["variant"].isna(), "n"].sum() / self.ages["n"].sum()

    def compare_units(self, what, event, arm) -> float:
        """Return by how many standard errors more of an arm's units have an event than of those assigned that day.

        Mantel and Haenszel (1959), over the days of assignment, so that a split that changes does no harm.
        """
        have, keys = (self._take(*of).pivot_table("n", "day", "variant", "sum") for of in ((what, event), ("key",)))
        keys = keys.reindex(columns=self.arms).fillna(0.0)
        have = have.reindex(index=keys.index, columns=self.arms).fillna(0.0)
        n, n_own, x, x_own = keys.sum(axis=1), keys[arm], have.sum(axis=1), have[arm]
        spread = (x * (n - x) * n_own * (n - n_own) / (n**2 * (n - 1).clip(lower=1))).sum()
        return float((x_own - x * n_own / n).sum() / math.sqrt(spread)) if spread else 0.0

    def measure_early(self, event, arm) -> float:
        """Return the share of events just before assignment, beyond the daily rate of the week before, of all since."""
        own = self.ages[(self.ages["event"] == event) & (self.ages["variant"] == arm)].groupby("day")["n"].sum()
        usual = own.reindex(range(-8, -1), fill_value=0).mean()
        early, after = own.get(-1, 0) - usual, own[own.index >= 0].sum()
        is_chance = early <= FAR * math.sqrt(usual + 1)
        return 0.0 if is_chance else float(early / (early + after))

    def find_early(self, of, label, event, arm) -> Finding | None:
        """Return the events of an arm just before their assignment, where they are many."""
        share = self.measure_early(event, arm)
        told = (
            f"Events of {label} in {arm} come just before their {self.unit} is assigned, more than the week before "
            f"leads to expect: {percent(share)}; the clocks of both tables may differ, or assignment follows what it "
            "should lead to."
        )
        return Finding(of, share, told, share > EARLY_FAILS) if share > EARLY_WARNS else None

    def find_before(self, of, label, event, arm) -> Finding | None:
        """Return the events before assignment that one arm has and the others have not: no treatment does that."""
        own, rest = self._share(event, arm, self.ages["day"] < 0)
        if own - rest <= LOST_WARNS or self.compare_units("before", event, arm) < FAR:
            return None
        told = (
            f"Of the events of {label} in {arm} {percent(own)} stand before assignment, and {percent(rest)} elsewhere, "
            "which neither chance nor a treatment does; times may be filled in, or of another clock."
        )
        return Finding(of, own - rest, told, own - rest > LOST_FAILS)

    def _share(self, event, arm, part):
        """The share of an arm's events that are in a part of the ages, and that of all the others."""
        rows = self.ages[(self.ages["event"] == event) & self.ages["variant"].isin(self.arms)]
        is_own = rows["variant"] == arm
        return [
            rows.loc[of & part.loc[rows.index], "n"].sum() / max(1, rows.loc[of, "n"].sum()) for of in (is_own, ~is_own)
        ]

    def find_beyond(self, of, label, event, arm) -> Finding | None:
        """Return the events of an arm that come after those of all others end, or pile up on one day after the last."""
        rows = self._take("day", event)
        rows = rows[rows["variant"].isin(self.arms)]
        own, rest = (rows[of].groupby("day")["n"].sum() for of in (rows["variant"] == arm, rows["variant"] != arm))
        if rest.sum() < LEAST_TOLD:
            return None
        beyond = own[own.index > max(self.end, rest.index.max() + WEEK)].sum() / max(1, own.sum())
        late = own[own.index > self.end] / max(1, own.sum())
        piled = (late - (rest / rest.sum()).reindex(late.index, fill_value=0.0)).max() if len(late) else 0.0
        share = float(max(beyond, piled))
        if share <= LOST_FAILS or share * own.sum() < LEAST_HEARD:
            return None
        day = _write_day(late.idxmax())
        told = f"Of the events of {label} in {arm} {percent(share)} more than elsewhere stand after the last day, most "
        return Finding(of, share, f"{told}of them on {day}; times may be filled in, or of another clock.", fails=True)

    def find_repeats(self, of, label, event, arm) -> Finding | None:
        """Return the events of an arm that repeat another, where they are many: a sum counts them twice."""
        n, every = self._count("repeat", event, arm)[0], self._count("age", event, arm)[0]
        if n < LEAST_HEARD or n <= REPEATED_FAILS * every:
            return None
        told = (
            f"Of the {every:,} events of {label} in {arm} {n:,} repeat another of their {self.unit} (its event_id, or "
            "its time and value); give each event once."
        )
        return Finding(of, n / every, told, fails=True)

    def find_nameless(self, of, label, event, arm) -> Finding | None:
        """Return the events whose ids are unlike any unit's, where they may be what an arm has fewer of than others."""
        strange, every = self._take("strange", event)["n"].sum(), self._take("age", event)["n"].sum()
        fewer = self._measure_fewer(event, arm)
        if strange <= STRANGE_FAILS * every or 2 * strange < fewer or not fewer:
            return None
        told = (
            f"{percent(strange / every)} of the events of {label} have ids unlike those of any {self.unit}, and fewer "
            f"of {arm} than of the others have any: either the treatment did it, or the ids of {arm} are lost."
        )
        return Finding(of, strange / every, told, fails=True)

    def find_renamed(self, of, label, event, arm) -> Finding | None:
        """Return events of a name that begins as one of the plan, of one arm alone that has fewer of the planned."""
        rows = self._take("near")
        rows = rows[rows["event"].str.startswith(event)]
        alone = [name for name, at in rows.groupby("event")["variant"] if set(at.dropna()) == {arm}]
        n, every = rows.loc[rows["event"].isin(alone), "n"].sum(), self._count("age", event, arm)[0]
        if n <= LOST_WARNS * (n + every) or not self._measure_fewer(event, arm):
            return None
        told = (
            f"Events named {' and '.join(schema.cut(name) for name in alone[:3])} stand in {arm} alone, where fewer "
            f"have {label}: either the treatment did it, or they are {event} under another name; list them under event "
            "then."
        )
        return Finding(of, float(n / (n + every)), told, fails=False)

    def _measure_fewer(self, event, arm) -> float:
        """How many events an arm lacks that it would have at the rate of the others; 0 where that may be chance."""
        if self.compare_units("since", event, arm) > -FAR:
            return 0.0
        (own, rest), (n, others) = self._count("age", event, arm), self._count("start", "", arm)
        return float(max(0.0, rest * n / max(1, others) - own))

    def find_step(self, of, label, event, arm) -> Finding | None:
        """Return the day from which on an arm alone has fewer events, whenever its units were assigned."""
        have = self._take("since", event)
        arms = []
        for is_own in (True, False):
            rows = [
                table[table["variant"].isin(self.arms) & ((table["variant"] == arm) == is_own)]
                for table in (self.starts, self.ages[self.ages["event"] == event], self._take("day", event))
            ]
            arms.append(Arm.read(*rows, first=self.first, end=self.end))
        if self.end - self.first > MOST_DAYS or have.empty:
            return None
        found = find_step(
            *arms, spread=max(1.0, have["squares"].sum() / have["known"].sum() - have["known"].sum() / have["n"].sum())
        )
        if found is None or found[1] <= LOST_FAILS:
            return None
        day, share = found
        told = (
            f"Events of {label} in {arm} are fewer after {_write_day(self.first + day)}, of units assigned before and "
            f"after alike, by {percent(share)} of all: either the log kept a part of them alone, or the treatment was "
            "changed that day."
        )
        return Finding(of, share, told, share > STEP_FAILS)

    def find_lost(self, of, label, events, window, *, least) -> dict[str, Finding | None]:
        """Return what an arm lacks of some events that stop early, begin late or have a hole, if it lacks any."""
        ages = self.ages[self.ages["event"].isin(events)]
        heard = ages[ages["variant"].isin(self.arms)]
        if heard["n"].sum() >= LEAST_HEARD and not ((heard["last"] >= self.first) & (heard["first"] <= self.end)).any():
            ran = f"they run from {_write_day(heard['first'].min())} to {_write_day(heard['last'].max())}"
            since = f"between the first assignment on {_write_day(self.first)} and {_write_day(self.end)}"
            told = f"No event of {label} stands {since}: {ran}."
            return dict.fromkeys(self.arms, Finding(of, 1.0, told, fails=True))
        days = self._take("day")
        days = days[days["event"].isin(events) & (days["day"] <= self.end) & days["variant"].isin(self.arms)]
        quiet = {arm: find_quiet(own.groupby("day", as_index=False)["n"].sum()) for arm, own in days.groupby("variant")}
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
        calmed, is_moved = own, False  # by days such as of a promotion, after which few events may be left to come
        if self.end - self.first <= MOST_DAYS:
            ages = calm(Arm.read(begun, own, days, first=self.first, end=self.end))
            calmed = pd.DataFrame({"day": np.arange(len(ages)), "known": ages})
            is_moved = ages.sum() < (1 - LOST_FAILS) * own.loc[own["day"] >= 0, "known"].sum()
        _, expected, told = expect_lost(calmed, begun, reach=reach, end=self.end, window=window, hole=hole)
        is_held = days["day"].between(*reach) & ~(days["day"].between(*hole) if hole else False)
        came = days.loc[~is_held, "known"].sum()
        lost = max(0.0, expected - came)
        far = lost + (came * math.log(came / expected) if lost and came else 0.0)  # minus the logarithm of its chance
        share = (
            lost / (own.loc[own["day"].between(math.floor(window[0]), until), "known"].sum() + lost) if lost else 0.0
        )
        is_chance = not lost or told < least or told * math.log1p(far / told) < RARE
        if is_chance or share <= LOST_WARNS:
            return None
        return share, (("before", reach[0]) if late > soon else ("after", reach[1])) if is_cut else None, is_moved

    def _tell(self, of, place, share, cut, is_moved, quiet, arm):
        """What an arm lacks in words; a hole that all arms have alike may be a holiday."""
        _, hole, _ = quiet[arm]
        side = f"{cut[0]} {_write_day(cut[1])}" if cut else f"from {_write_day(hole[0])} to {_write_day(hole[1])}"
        is_shared = cut is None and all(
            other[1] and other[1][0] <= hole[1] and other[1][1] >= hole[0] for other in quiet.values()
        )
        if cut and is_moved:
            ends = [reach[cut[0] == "after"] for *_, reach in quiet.values()]
            is_shared = max(ends) - min(ends) <= WEEK
        told = f"Events of {place} are lost: none stands {side}, where {percent(share)} of all would be expected."
        return Finding(of, share, told, share > (HOLE_FAILS if is_shared else LOST_FAILS), cut)


def _date(ages):
    """Ages of events that have dates alone count by date: none of the day of assignment is early."""
    dated = ~ages["clocked"].astype(bool).groupby(ages["event"]).transform("any") & (ages["day"] == -1)
    moved = ages[dated & (ages["same_day"] > 0)]
    rest = ages.assign(n=ages["n"].where(~dated, ages["n"] - ages["same_day"]))
    return pd.concat([rest, moved.assign(n=moved["same_day"], known=moved["same_day"], day=0)], ignore_index=True)


def _write_day(day) -> str:
    return str(np.datetime64(int(day), "D"))


def percent(share: float) -> str:
    """Return a share with one decimal of a per cent, as messages of checks print it."""
    return f"{100 * share:.1f} %"
