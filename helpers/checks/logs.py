"""What a log of events would hold: by days since assignment, by season, and before and after a day of change."""

import math
from dataclasses import dataclass

import numpy as np

LEAST_SEEN = 100  # unit-days, below which a rate is not read
WEEK = 7
SPIKE, ODD = (
    3.0,
    5.0,
)  # times what is expected of a day, and standard deviations beyond, from which on it is no usual one
QUIET = 0.2  # of the median day: a day with less is quiet, as a log that is out may let a little through
ROUNDS = 30  # of the fit of rates and season to each other
LEAST, LEAST_TOLD = 1e-9, 30  # what is divided by; events on each side of a step
STEPS = 25.0  # twice the log likelihood that a step adds, over all days: one log in a thousand


def expect_lost(ages, starts, *, reach, end, window, hole=None) -> tuple[float, float, float]:
    """Return how many events of an arm were counted, how many would be expected on days that the log lacks, and how
    many of the counted ones tell that.

    The rate of a day since assignment is that of the units for whom the log holds that day. Where it holds none of
    them, the last two weeks are continued at the pace at which they decline, if they do; without two weeks, none are.

    Parameters
    ----------
    ages : DataFrame, `day` since assignment and `known` events
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
    seen = ages.groupby("day")["known"].sum().reindex(age, fill_value=0).to_numpy(float)
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


def find_quiet(days) -> tuple[int, tuple[int, int] | None, tuple[int, int]]:
    """Return the longest run of quiet days between two others, the ends of one that no other is like, and of all.

    Parameters
    ----------
    days : DataFrame, `day` and `n` events, of days with any

    Returns
    -------
    (int, (int, int) or None, (int, int))
    """
    known = np.unique(days.loc[days["n"] > QUIET * days["n"].median(), "day"].to_numpy())
    reach, runs = (int(known[0]), int(known[-1])), np.diff(known) - 1
    if not runs.any():
        return 0, None, reach
    *_, second, longest = 0, *np.sort(runs)
    if longest <= 2 * second + 2:
        return int(longest), None, reach
    worst = int(runs.argmax())
    return int(longest), (int(known[worst]) + 1, int(known[worst + 1]) - 1), reach


@dataclass(frozen=True)
class Arm:
    """The log of an arm: units by day of assignment, and its events by day since assignment and by day."""

    count: np.ndarray  # days of assignment
    ages: np.ndarray
    days: np.ndarray

    @classmethod
    def read(cls, starts, ages, days, *, first, end):
        """Return the counts of frames with `day` and `n` or `known`, from the first day to the last."""
        every, age = np.arange(first, end + 1), np.arange(end + 1 - first)
        taken = ((starts, "n", every), (ages, "known", age), (days, "known", every))
        counts = (table.groupby("day")[of].sum().reindex(by, fill_value=0).to_numpy(float) for table, of, by in taken)
        return cls(*counts)

    def __add__(self, other):
        """Return two arms as one."""
        return Arm(self.count + other.count, self.ages + other.ages, self.days + other.days)

    def expect(self, by_age, by_day):
        """Return the expected events by day since assignment and by day, of rates of both that are multiplied."""
        count = np.trim_zeros(self.count, "b")  # the units of a day of assignment are i days old i days later
        ages, days = np.convolve(count[::-1], by_day)[len(count) - 1 :], np.convolve(count, by_age)[: len(by_age)]
        return by_age * ages, by_day * days


def calm(arm: Arm) -> np.ndarray:
    """Return the events by day since assignment without those of days such as of a promotion, which all have alike.

    Such a day has some times as many as those before and after it would lead to expect; what it has beyond them is
    taken from the days since assignment on which the units were.
    """
    every, ages = np.ones(len(arm.days)), arm.ages
    units, there = arm.expect(every, every)
    for _ in range(ROUNDS):
        _, usual = arm.expect(ages / np.maximum(units, LEAST), every)
        more = np.where(arm.days > SPIKE * usual + ODD * np.sqrt(usual + 1), arm.days - usual, 0.0)
        ages = np.maximum(arm.ages - arm.expect(every, more / np.maximum(there, LEAST))[0], 0.0)
    return ages


def find_step(own: Arm, rest: Arm, *, spread: float = 1.0) -> tuple[int, float] | None:
    """Return the day from which on an arm lacks a share of its events, and that share; None where of none.

    A treatment moves events by the days since its assignment, and a season those of all arms by day. A step by day in
    one arm alone is neither: it is told where units were assigned on so many days that the two can be told apart, and
    where the arm is less like the others from the day on than before: an arm that was less like them at first may have
    had another treatment then.

    Parameters
    ----------
    own, rest : Arm, the arm and the others
    spread : float, by how much events vary more than as many that come by themselves

    References
    ----------
    Holford (1983), the estimation of age, period and cohort effects: what rates by age and by day can tell.
    """
    rates, season, _, known = _fit(own, rest, rounds=2 * ROUNDS)
    mine, theirs = (arm.expect(rate, season)[1] for arm, rate in zip((own, rest), rates, strict=True))
    weight = mine * theirs / np.maximum(mine + theirs, LEAST)
    after = weight[::-1].cumsum()[::-1]
    is_inside = (after > 0) & (after < after[0])
    gone = (own.days - mine)[::-1].cumsum()[::-1] / np.sqrt(np.where(is_inside, after * (after[0] - after), 1.0))
    day = int(np.abs(np.where(is_inside, gone, 0.0)).argmax())
    parts = (slice(day), slice(day, None))
    if min(arm.days[part].sum() for arm in (own, rest) for part in parts) < LEAST_TOLD:
        return None
    rates, season, step, better = _fit(own, rest, rounds=ROUNDS, day=day)
    if 2 * (better - known) < STEPS * spread:
        return None
    alike = own.expect(rates[1], season)[1]  # what the arm would have at the rates of the others
    before, since = (abs(math.log(own.days[part].sum() / alike[part].sum())) for part in parts)
    if step >= 1 or before > since:
        return None
    lost = own.days[parts[1]].sum() * (1 / step - 1)
    return day, float(lost / (lost + own.days.sum()))


def _fit(own, rest, *, rounds, day=None):
    """Rates of both arms by day since assignment, their season, the step of the first from a day on, and how likely.

    A Poisson model whose rate is their product, which sums by day and by day since assignment tell whole (iterative
    proportional fitting); of the logarithm of its likelihood what differs between two fits.
    """
    every, step = np.ones(len(own.days)), 1.0
    season, seen = every, own.days + rest.days
    for _ in range(rounds):
        steps = np.where(np.arange(len(every)) >= (len(every) if day is None else day), step, 1.0)
        units = own.expect(every, season * steps)[0], rest.expect(every, season)[0]
        rates = [arm.ages / np.maximum(n, LEAST) for arm, n in zip((own, rest), units, strict=True)]
        mine, theirs = own.expect(rates[0], steps)[1], rest.expect(rates[1], every)[1]
        season = seen / np.maximum(mine + theirs, LEAST)
        if day is not None:
            step *= own.days[day:].sum() / (season * mine)[day:].sum()
    tables = [(own.ages, rates[0]), (rest.ages, rates[1]), (seen, season), (own.days, steps)]
    return rates, season, step, sum(float(n[n > 0] @ np.log(np.maximum(rate[n > 0], LEAST))) for n, rate in tables)
