"""What a log of events would hold: by days since assignment, by season, and before and after a day of change.

And what the events of an arm are like beside those of the others, by sign and size: a treatment makes them more or
fewer, larger or smaller, and turns no sign.
"""

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
LEAST = 1e-9  # what is divided by
STEPS = 25.0  # twice the log likelihood that a step adds, over all days: one log in a thousand
LOST_WARNS, LOST_FAILS = 0.01, 0.10  # of the events that a metric counts, or that stand where none should
REPEATED_FAILS = 0.02  # of the events of an arm, as of rows of units
FAR = 3.5  # standard errors between arms: two logs in five thousand
SURE = 12.0  # minus the logarithm of a chance, where the best of some dozen places is looked for
LEAST_HEARD = 10  # events of a metric, from which on it is odd that all of them lie outside the time of the study
LEAST_TOLD = 30  # events, below which the rate of one of several, of a part, or of a side of a step is not read
TENTH = 0.1  # of what the other arms have: what an arm with less hardly has
ALIKE = 0.1  # of the amounts of two events that are equal by themselves: fewer, and one that comes again is a repeat
FACTORS, CLOSE, STEADY = (100.0, 1000.0, 1e6), 0.35, 0.5  # of units of money; of the logarithm of one; of its days


def expect_lost(ages, starts, *, reach, end, window, hole=None, came=0.0) -> tuple[float, float, float]:
    """Return how many events of an arm were counted, how many would be expected on days that the log lacks, and of how
    many counted ones that is as sure.

    The rate of a day since assignment is that of the units for whom the log holds that day. Where it holds none of
    them, nor let any event through, the last two weeks are continued at the pace at which they decline, if they do;
    without two weeks, none are.

    Parameters
    ----------
    ages : DataFrame, `day` since assignment, `known` events, and optionally `all` of which these are what is usual
    starts : DataFrame, `day` of assignment and `n` units
    reach : (int, int), the first and the last day of the log
    end : int, the last day that is needed
    window : (float, float or None), days since assignment between which events count
    hole : (int, int), optional, the first and the last of some days between that the log lacks too
    came : float, events of those counted that came on such days all the same

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
    seen, every = (
        count_days(ages, name, since, len(age)) for name in ("known", "all" if "all" in ages.columns else "known")
    )
    held, lacking = count @ (is_needed & is_held), count @ (is_needed & ~is_held)
    known, part = held >= LEAST_SEEN, 0.0
    through = max(0.0, came - seen[~known].sum())
    for _ in range(ROUNDS):  # the part of its events that a log which is out lets through
        shown = np.maximum(held + part * lacking, 1)
        rate = np.where(known, seen / shown, 0.0)
        part = min(1.0, through / max(rate @ lacking, LEAST))
    expected, doubt = float(rate @ lacking), float(np.where(known, every * (lacking / shown) ** 2, 0.0).sum())
    if known.sum() >= 2 * WEEK and not came:
        last = np.flatnonzero(known)[-1]
        weeks = [slice(last + 1 - i * WEEK, last + 1 - (i - 1) * WEEK) for i in (1, 2)]
        (now, before), told = zip(
            *((rate[w].mean(), seen[w].sum() ** 2 / max(1, every[w].sum())) for w in weeks), strict=True
        )
        pace, ahead = min(1.0, now / before) if before else 1.0, np.arange(1, len(age) - last) / WEEK
        if len(starts) >= WEEK:  # days of the week are even among units of many days
            now = min(now, rate[last + 1 - WEEK // 2 : last + 1].mean())
        more = now * pace**ahead * lacking[last + 1 :]
        if more.sum() > 0:
            far = float(more @ ahead / more.sum())
            doubt += more.sum() ** 2 * ((1 + far) ** 2 / told[0] + (far**2 / told[1] if pace < 1 else 0.0))
        expected += float(more.sum())
    return float(seen.sum()), expected, expected**2 / doubt if doubt else 0.0


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


def count_days(table, of, first, n) -> np.ndarray:
    """Return the sums of a column of a frame by its `day`, on each of n days from the first one on."""
    day, n = table["day"].to_numpy().astype(int) - int(first), int(n)
    is_held = (day >= 0) & (day < n)
    return np.bincount(day[is_held], table[of].to_numpy()[is_held], n)


@dataclass(frozen=True)
class Arm:
    """The log of an arm: units by day of assignment, and its events by day since assignment and by day."""

    count: np.ndarray  # days of assignment, up to the last
    ages: np.ndarray
    days: np.ndarray

    @classmethod
    def read(cls, starts, ages, days, *, first, end):
        """Return the counts of frames with `day` and `n` or `known`, from the first day to the last."""
        taken = ((starts, "n", first), (ages, "known", 0), (days, "known", first))
        count, *rest = (count_days(table, of, since, end + 1 - first) for table, of, since in taken)
        return cls(np.trim_zeros(count, "b"), *rest)

    def expect(self, by_age, by_day):
        """Return the expected events by day since assignment and by day, of rates of both that are multiplied."""
        count = self.count  # the units of a day of assignment are i days old i days later
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


def find_step(own: Arm, rest: Arm, *, spread: float = 1.0) -> tuple[int, int | None, float] | None:
    """Return the days between which an arm hardly has events, or from which on it lacks some, and their share of all.

    A treatment moves events by the days since its assignment, and a season those of all arms by day. A step or a gap by
    day in one arm alone is neither: it is told where units were assigned on so many days that the two can be told
    apart, and where the arm is less like the others from the day on than before: an arm that was less like them at
    first may have had another treatment then.

    Parameters
    ----------
    own, rest : Arm, the arm and the others
    spread : float, by how much events vary more than as many that come by themselves

    Returns
    -------
    (int, int or None, float) or None: the first day, the last of a gap, the share; None where nothing is lost.

    References
    ----------
    Holford (1983), the estimation of age, period and cohort effects: what rates by age and by day can tell.
    """
    if not (own.count.any() and rest.count.any()):
        return None
    rates, season, _, known = _fit(own, rest, rounds=2 * ROUNDS)
    mine, theirs = (arm.expect(rate, season)[1] for arm, rate in zip((own, rest), rates, strict=True))
    if gap := _find_gap(own.days, rest.days, mine / np.maximum(theirs, LEAST), spread):
        return gap
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
    return day, None, float(lost / (lost + own.days.sum()))


def _find_gap(own, rest, ratio, spread):
    """The first and last of the days between others on which an arm hardly has what the others lead to expect."""
    edges = [np.concatenate([[0.0], part.cumsum()]) for part in (own, rest, rest * ratio)]
    came, others, expected = (edge - edge[:, None] for edge in edges)  # from the day of the row to that of the column
    lost = np.where((came <= TENTH * expected) & (edges[0][:, None] > 0) & (edges[0] < edges[0][-1]), expected, 0.0)
    first, end = np.unravel_index((lost - came).argmax(), lost.shape)
    n, others, expected = (float(part[first, end]) for part in (came, others, expected))
    sure = SURE + 2 * math.log(len(own))  # these days were chosen among all
    if expected < sure or not lost[first, end]:
        return None
    if measure_chance(n / spread, others / spread, expected / others) < sure:
        return None
    return int(first), int(end) - 1, float((expected - n) / (expected - n + own.sum()))


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


def percent(share: float) -> str:
    """Return a share with one decimal of a per cent, as messages of checks print it."""
    return f"{100 * share:.1f} %"


def write_day(day) -> str:
    """Return the date of a day since 1970."""
    return str(np.datetime64(int(day), "D"))


def find_outside(log, of, label, event, arm) -> Finding | None:
    """Return the events that one arm alone has before assignment, or after those of all others end, or on one day then.

    No treatment does that.
    """
    sides = [rows[rows["event"] == event] for rows in log.part(log.ages, arm)]
    share, elsewhere = (rows.loc[rows["day"] < 0, "n"].sum() / max(1, rows["n"].sum()) for rows in sides)
    told, more = f"Of the events of {label} in {arm} ", share - elsewhere
    if more > LOST_WARNS and log.compare_units("before", event, arm) >= FAR:
        told += f"{percent(share)} stand before assignment, and {percent(elsewhere)} elsewhere, which neither chance "
        told += "nor a treatment does; times may be filled in, or of another clock."
        return Finding(of, more, told, more > LOST_FAILS)
    own, rest = (rows.groupby("day")["n"].sum() for rows in log.part(log.take("day", event), arm))
    if rest.sum() < LEAST_TOLD:
        return None
    beyond = own[own.index > max(log.end, rest.index.max() + WEEK)].sum() / max(1, own.sum())
    late = own[own.index > log.end] / max(1, own.sum())
    piled = (late - (rest / rest.sum()).reindex(late.index, fill_value=0.0)).max() if len(late) else 0.0
    share = float(max(beyond, piled))
    if share <= LOST_FAILS or share * own.sum() < LEAST_HEARD:
        return None
    told += f"{percent(share)} more than elsewhere stand after the last day, most of them on "
    told += f"{write_day(late.idxmax())}; times may be filled in, or of another clock."
    return Finding(of, share, told, fails=True)


def measure_chance(came, others, ratio):
    """Return minus the log of the chance (Chernoff's bound) that so few come, as others had the rest of all."""
    every, told = came + others, 0.0
    for n, share in ((came, ratio / (1 + ratio)), (others, 1 / (1 + ratio))):
        told += n * math.log(n / (every * share)) if n else 0.0
    return told


def find_signs(log, of, label, event, arm) -> Finding | None:
    """Return the amounts below 0 of which an arm has some share, and the others hardly any, or the other way."""
    (n, others), (below, elsewhere) = log.count("age", event, arm), log.count("age", event, arm, "below")
    if min(n, others) < LEAST_TOLD:
        return None
    own, rest = below / n, elsewhere / others
    pooled = (below + elsewhere) / (n + others)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / others) * log.bunches.get(event, 1.0))
    is_alike = abs(own - rest) <= max(REPEATED_FAILS, FAR * error)
    if is_alike or min(own, rest) > TENTH * max(own, rest) or (own < rest and len(log.arms) == 2):
        return None
    told = (
        f"Of the amounts of {label} in {arm} {percent(own)} are below 0, and {percent(rest)} elsewhere; a sign may be "
        "turned, or money back be lost."
    )
    return Finding(of, abs(own - rest), told, fails=True)


def find_no_return(log, of, label, event, arm) -> Finding | None:
    """Return the money back that an arm lacks and the others have: an event whose amounts are below 0."""
    (n, others), (_, below) = log.count("age", event, arm), log.count("age", event, arm, "below")
    spread, ratio = log.bunches.get(event, 1.0), log.ratios[arm]
    expected = others * ratio
    if 2 * below < others or n > TENTH * expected or measure_chance(n / spread, others / spread, ratio) < SURE:
        return None
    told = f"Of {label} hardly any stands in {arm}, where {expected:,.0f} would be expected; money back may be lost."
    return Finding(of, 1.0, told, fails=True)


def find_repeats(log, of, label, event, arm) -> Finding | None:
    """Return the events of an arm that repeat another, where they are many: a sum counts them twice."""
    n, every = log.count("repeat", event, arm)[0], log.count("age", event, arm)[0]
    if n < LEAST_HEARD or n <= REPEATED_FAILS * every:
        return _find_echoes(log, of, label, event, arm)
    told = (
        f"Of the {every:,} events of {label} in {arm} {n:,} repeat another of their {log.unit} (its event_id, or "
        "its time and value); give each event once."
    )
    return Finding(of, n / every, told, fails=True)


def _find_echoes(log, of, label, event, arm):
    """The events of an arm with the amount of another in the same hour, where amounts are hardly ever alike else."""
    counts = {name: log.count("echo", event, arm, name) for name in ("n", "known", "first", "last")}
    (n, others), (every, elsewhere) = counts["n"], counts["known"]
    share, rest = n / max(1, every), others / max(1, elsewhere)
    more = share - rest > REPEATED_FAILS
    if n < LEAST_HEARD or share <= REPEATED_FAILS:
        return None
    alike = log.take("alike", event)
    chance = alike["squares"].sum() / max(1, alike["n"].sum()) ** 2
    if sum(counts["first"]) >= LEAST_TOLD:
        chance = max(chance, sum(counts["last"]) / sum(counts["first"]))
    if chance > ALIKE and not (share - rest > LOST_FAILS and rest < REPEATED_FAILS):
        return None
    told = (
        f"Of the {every:,} events of {label} in {arm} {n:,} have the amount of another of their {log.unit} in the same "
        f"hour, and {percent(rest)} elsewhere; give each event once."
    )
    return Finding(of, share, told, chance <= ALIKE and (more or share > LOST_FAILS))


def find_jump(log, of, label, event, arm) -> Finding | None:
    """Return the day from which on amounts are a hundred or a thousand times what they were, or the other way."""
    rows = log.part(log.take("day", event), arm)[0].groupby("day")[["known", "void", "logs"]].sum()
    rows = rows.assign(n=rows["known"] - rows["void"])[lambda t: t["n"] > 0]
    n, logs = rows["n"].cumsum(), (rows["logs"] / 1000).cumsum()
    inside = (n >= LEAST_TOLD) & (n <= n.max() - LEAST_TOLD)
    if not inside.any():
        return None
    after = (logs.iloc[-1] - logs) / (n.iloc[-1] - n).where(inside)
    gap = (after - logs / n)[inside]
    weight = (n * (n.iloc[-1] - n))[inside]
    day = (gap.abs() * np.sqrt(weight)).idxmax()
    factor = min(FACTORS, key=lambda one: abs(abs(gap[day]) - math.log(one)))
    mean = rows["logs"] / 1000 / rows["n"]
    rest = mean - np.where(mean.index > day, after[day], logs[day] / n[day])
    noise = math.sqrt(np.average(rest**2, weights=rows["n"]))
    if abs(abs(gap[day]) - math.log(factor)) > CLOSE or noise > STEADY:
        return None
    late = 1 - n[day] / n.iloc[-1]
    way = "as large" if gap[day] > 0 else "smaller"
    told = (
        f"Amounts of {label} in {arm} are about {factor:,.0f} times {way} after {write_day(day)}, as in another unit "
        "of money; give all in one."
    )
    return Finding(of, float(min(late, 1 - late)), told, fails=True)
