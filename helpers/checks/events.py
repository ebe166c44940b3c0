"""Whether events fit the assignments: in time, in ids, and from the first assignment to the last day."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers import schema
from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import TAKE_UP, Check

EARLY_WARNS, EARLY_FAILS = 0.05, 0.25  # of the events around assignment, beyond what the days before lead to expect
LOST_WARNS, LOST_FAILS = 0.01, 0.10  # of the events that a metric counts
HOLE_FAILS = 0.25  # of them, in a hole of the log: a holiday may be one
UNKNOWN_WARNS = 0.5  # of all events
LIMITS = (
    "Above 5 % of early, 1 % of lost or 50 % of unknown events this is in doubt; above 25 % of early or 10 % of lost "
    "ones (25 % in a hole of the log) outcomes cannot be compared."
)
RARE = 7.0  # minus the logarithm of the chance that none comes where some are expected: one log in a thousand
LEAST_HEARD = 10  # events of a metric, from which on it is odd that all of them lie outside the time of the study
LEAST_TOLD = 30  # events, below which the rate of one of several, or of a part, is not read
LEAST_SEEN = 100  # unit-days, below which a rate is not read
WEEK, EPOCH = 7, 719_163  # the ordinal of the first day of 1970


def check_events(units: Units, meeting: pd.DataFrame | None, design: ExperimentPlan) -> tuple[Check, ...]:
    """Return the check `events_fit`, and one of each metric that events fail; none for a table without events.

    Events before their unit's assignment are held against those of the week before it, since a log may well hold what
    units did earlier. Whether events reach from the first assignment to the last complete day is judged of each event
    by what the days that the log does hold would lead to expect on the others (a Poisson count whose rate is itself
    counted), and by its own quiet days. One of several events of a metric, or a part of a ratio, may end by itself, in
    all arms alike, or where another takes over.

    Parameters
    ----------
    units : Units
    meeting : DataFrame or None
        As `sources.meeting.meet_events` counts.
    design : ExperimentPlan

    Returns
    -------
    tuple of Check: `events_fit` warns above 5 % of events just before their assignment, 1 % of events lost or 50 % of
        unknown units, and fails above 25 % of early events or 10 % lost by a primary metric. `value` is the largest
        share of events that are early or lost. `events_fit_<metric>`, and `exposure_fit`, fail above 10 % lost by a
        metric of another role, or by the take-up; `acknowledge: {events_fit: why}` releases them too.
    """
    if meeting is None:
        return ()
    ages = meeting[meeting["what"] == "age"]
    # where events have dates alone, none of the day of assignment is early
    dated = ~ages["clocked"].astype(bool).groupby(ages["event"]).transform("any") & (ages["day"] == -1)
    moved = ages[dated & (ages["same_day"] > 0)]
    rest = ages.assign(n=ages["n"].where(~dated, ages["n"] - ages["same_day"]))
    ages = pd.concat([rest, moved.assign(n=moved["same_day"], day=0)], ignore_index=True)
    early = {arm: _measure_early(ages[ages["variant"] == arm]) for arm in design.variant.arms}
    unknown = ages.loc[ages["variant"].isna(), "n"].sum() / ages["n"].sum()
    lost = sorted(_list_lost(units, meeting, ages, design), key=lambda found: -found.share)
    grave = {found.of: found for found in reversed(lost) if found.share > LOST_FAILS}
    decides = any(name in design.metrics and design.metrics[name].role == "primary" for name in grave)
    soonest, worst = max(early.values()), max((found.share for found in lost), default=0.0)
    fails = soonest > EARLY_FAILS or decides
    warns = soonest > EARLY_WARNS or worst > 0 or unknown > UNKNOWN_WARNS
    told = [found.told for found in lost[:2]]
    rates = ", ".join(f"{arm} {percent(share)}" for arm, share in early.items())
    if soonest > EARLY_WARNS:
        told.append(
            f"Events come just before their {design.unit} is assigned, more than the week before leads to expect: "
            f"{rates}; the clocks of both tables may differ, or assignment follows what it should lead to."
        )
    if unknown > UNKNOWN_WARNS:
        told.append(
            f"{percent(unknown)} of the events belong to nobody who was assigned; ids may be written in two ways."
        )
    if told:
        told.append(LIMITS)
    status = "fail" if fails else "warn" if warns else "pass"
    fits = (
        f"Events reach the last day; just before assignment come {rates}, of units never assigned {percent(unknown)}."
    )
    check = Check("events_fit", status, float(max(soonest, worst)), LOST_FAILS, " ".join(told) or fits)
    return check, *(_fail_one(found, design) for found in grave.values() if not fails)


def _fail_one(found, design):
    """The check of a metric, or of the take-up, whose events are lost."""
    name, what = (
        ("exposure_fit", "What taking it up does") if found.of == TAKE_UP else (f"events_fit_{found.of}", "Its effect")
    )
    status = "warn" if "events_fit" in design.acknowledge else "fail"
    said = f"{found.told} {what} is not estimated." if status == "fail" else found.told
    return Check(name, status, found.share, LOST_FAILS, said)


def _measure_early(ages) -> float:
    """The share of events just before assignment, beyond the daily rate of the week before, among all since then."""
    planned = ages[ages["event"] != ""]
    n = planned.groupby("day")["n"].sum()
    before, after = n.get(-1, 0) - n.reindex(range(-8, -1), fill_value=0).mean(), n[n.index >= 0].sum()
    return float(max(0.0, before) / (max(0.0, before) + after)) if before + after > 0 else 0.0


@dataclass(frozen=True)
class Lost:
    """Events that a log lacks: of which metric, the share of them all, what is said of it, and the cut.

    The cut is the side, before or after, and the day of the first or last event; None where it is a hole.
    """

    of: str
    share: float
    told: str
    cut: tuple[str, int] | None = None


def _list_lost(units, meeting, ages, design) -> list[Lost]:
    """What is lost of each metric's events, all together and one by one, in each arm."""
    log, found = _Log(units, meeting, ages, design), []
    for of, label, events, window, is_own in _list_watched(design):
        whole = log.find_lost(of, label, events, window, least=0 if is_own else LEAST_TOLD)
        named = {event: f"{label} ({event})" for event in events if len(events) > 1}
        each = {event: log.find_lost(of, name, [event], window, least=LEAST_TOLD) for event, name in named.items()}
        for arm, lost in whole.items():
            lost = lost if lost and (is_own or log.goes_on(events, arm, lost.cut)) else None
            cuts = {event: arms[arm] for event, arms in each.items() if arms[arm]}
            stop = {event: cut for event, cut in cuts.items() if log.goes_on([event], arm, cut.cut)}
            apart = [
                cut for cut in stop.values() if not _is_taken_over(cut.cut, [other.cut for other in cuts.values()])
            ]
            found += sorted([*([lost] if lost else []), *apart], key=lambda one: -one.share)[:1]
    return found


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

    def __init__(self, units, meeting, ages, design):
        self.end, self.ages, self.arms = units.as_of.toordinal() - EPOCH, ages, design.variant.arms
        self.days = meeting[(meeting["what"] == "day") & (meeting["day"] <= self.end)]
        self.starts = meeting[(meeting["what"] == "start") & (meeting["day"] <= self.end)]

    def find_lost(self, of, label, events, window, *, least) -> dict[str, Lost | None]:
        """Return what an arm lacks of some events that stop early, begin late or have a hole, if it lacks any."""
        first, ages = self.starts["day"].min(), self.ages[self.ages["event"].isin(events)]
        heard = ages[ages["variant"].isin(self.arms)]
        if heard["n"].sum() >= LEAST_HEARD and not ((heard["last"] >= first) & (heard["first"] <= self.end)).any():
            ran = f"they run from {_write_day(heard['first'].min())} to {_write_day(heard['last'].max())}"
            since = f"between the first assignment on {_write_day(first)} and {_write_day(self.end)}"
            return dict.fromkeys(self.arms, Lost(of, 1.0, f"No event of {label} stands {since}: {ran}."))
        days, found = self.days[self.days["event"].isin(events)], {}
        for arm in self.arms:
            quiet = _find_quiet(days.loc[days["variant"] == arm, "day"])
            own, begun = (rows[rows["variant"] == arm] for rows in (ages, self.starts))
            lost = None if own.empty or begun.empty else self._judge(own, begun, window, quiet, least)
            found[arm] = lost and Lost(of, lost[0], f"Events of {label} in {arm} are lost: {lost[1]}", lost[2])
        return found

    def goes_on(self, events, arm, cut) -> bool:
        """Return whether another arm has events well beyond the cut of an arm: they did not end by themselves."""
        others = self.ages[self.ages["event"].isin(events) & self.ages["variant"].isin(set(self.arms) - {arm})]
        if cut is None or others.empty:
            return cut is None
        side, day = cut
        return bool(others["last"].max() > day + WEEK if side == "after" else others["first"].min() < day - WEEK)

    def _judge(self, own, begun, window, quiet, least):
        """The share that an arm lacks, in words, and its cut; None where it lacks none, but by chance."""
        longest, hole = quiet
        reach, until = (own["first"].min(), own["last"].max()), math.ceil(window[1] or self.end)
        needed = min(self.end, begun["day"].max() + until - 1)
        late, soon = reach[0] - begun["day"].min() - math.floor(window[0]), needed - reach[1]
        seen, lost, told = expect_lost(own, begun, reach=reach, end=self.end, window=window, hole=hole)
        share = lost / (seen + lost) if lost else 0.0
        is_chance = not lost or told < least or told * math.log1p(lost / told) < RARE
        is_cut = max(late, soon) > longest
        if not (is_cut or hole) or is_chance or share <= LOST_WARNS:
            return None
        cut = (("before", reach[0]) if late > soon else ("after", reach[1])) if is_cut else None
        side = f"{cut[0]} {_write_day(cut[1])}" if cut else f"from {_write_day(hole[0])} to {_write_day(hole[1])}"
        graded = share if is_cut or share > HOLE_FAILS else min(share, LOST_FAILS)
        return graded, f"none stands {side}, where {percent(share)} of all would be expected.", cut


def expect_lost(ages, starts, *, reach, end, window, hole=None) -> tuple[float, float, float]:
    """Return how many events of an arm were counted, how many would be expected on days that the log lacks, and how
    many of the counted ones tell that.

    The rate of a day since assignment is that of the units for whom the log holds that day. Where it holds none of
    them, the last two weeks are continued at the pace at which they decline, if they do; without two weeks, none are.

    Parameters
    ----------
    ages : DataFrame, `day` since assignment and `n` events
    starts : DataFrame, `day` of assignment and `n` units
    reach : (int, int), the first and the last day of the log
    end : int, the last day that is needed
    window : (float, float or None), days since assignment between which events count
    hole : (int, int), optional, the first and the last of some days between that the log lacks too

    Returns
    -------
    (float, float, float)
    """
    since = math.floor(window[0])
    until = min(window[1] or math.inf, end - starts["day"].min() + 1)
    age = np.arange(since, max(since + 1, math.ceil(until)))
    day = starts["day"].to_numpy()[:, None] + age
    is_held = (day >= reach[0]) & (day <= reach[1])
    if hole:
        is_held &= (day < hole[0]) | (day > hole[1])
    count, is_needed = starts["n"].to_numpy(float), day <= end
    seen = ages.groupby("day")["n"].sum().reindex(age, fill_value=0).to_numpy(float)
    held, lacking = count @ (is_needed & is_held), count @ (is_needed & ~is_held)
    known, tells = held >= LEAST_SEEN, lacking > 0
    rate = np.where(known, seen / np.maximum(held, 1), 0.0)
    if known.sum() >= 2 * WEEK:
        last = np.flatnonzero(known)[-1]
        now, before = rate[last - WEEK + 1 : last + 1].mean(), rate[last - 2 * WEEK + 1 : last - WEEK + 1].mean()
        pace = min(1.0, now / before) if before else 1.0
        rate[last + 1 :] = now * pace ** (np.arange(1, len(age) - last) / WEEK)
        tells[last - WEEK + 1 : last + 1] |= tells[last + 1 :].any()
    return float(seen.sum()), float(rate @ lacking), float(seen[known & tells].sum())


def _find_quiet(days) -> tuple[int, tuple[int, int] | None]:
    """The longest run of days without an event between two with one; and the ends of one that no other is like."""
    known = np.unique(days.to_numpy())
    runs = np.diff(known) - 1
    if not runs.any():
        return 0, None
    *_, second, longest = 0, *np.sort(runs)
    if longest <= 2 * second + 2:
        return int(longest), None
    worst = int(runs.argmax())
    return int(longest), (int(known[worst]) + 1, int(known[worst + 1]) - 1)


def _write_day(day) -> str:
    return str(np.datetime64(int(day), "D"))


def percent(share: float) -> str:
    """Return a share with one decimal of a per cent, as messages of checks print it."""
    return f"{100 * share:.1f} %"
