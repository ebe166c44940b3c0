"""What a log of events holds, and what it would hold: by days since assignment, by season, and beside a change."""

import copy
import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers import schema

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
HOLE_FAILS = 0.5  # of them, in a hole that all arms have: a holiday may be one
FAR = 3.5  # standard errors between arms: two logs in five thousand
SURE = 12.0  # minus the logarithm of a chance, where the best of some dozen places is looked for
LEAST_HEARD = 10  # events of a metric, from which on it is odd that all of them lie outside the time of the study
LEAST_TOLD = 30  # events, below which the rate of one of several, of a part, or of a side of a step is not read
TENTH = 0.1  # of what the other arms have: what an arm with less hardly has
RARE = 8.5  # minus the logarithm of the chance that none comes where some are expected: one event in five thousand
MOST_DAYS = 800  # of a study whose events are judged by each of its days
EPOCH = 719_163  # the ordinal of the first day of 1970


@dataclass(frozen=True)
class Finding:
    """What is wrong with the events of a metric in an arm: the share of them, in words, and whether it withholds.

    `told` holds `LABEL` where the name of the events goes. `cut` is the side, before or after, and the day of the first
    or last event, where the log is cut; `of` the metric.
    """

    share: float
    told: str
    fails: bool
    cut: tuple[str, int] | None = None
    of: str = ""


LABEL = "{label}"
QUICK = 10  # seconds, in which nobody reads and answers


def find_automatic(seconds: pd.Series) -> str | None:
    """Return the sentence on first replies that come at once, as automatic ones do; None where few or none do."""
    known = seconds.dropna()
    share = float(((known >= 0) & (known <= QUICK)).mean()) if len(known) >= LEAST_SEEN else 0.0
    if share > LOST_FAILS:
        return (
            f"Of the first replies {percent(share)} come within {QUICK} seconds of their ticket, as automatic ones do: "
            "these are none; leave them out."
        )
    return None


class Log:
    """The days of a log of events, against those that the assigned units would lead to expect.

    `ratios` are an arm's units for one of the others; `spreads` by how much numbers of an event vary more than those
    that come by themselves; `bunches` how many events of one unit come for one, which may share hour or sign; `early`
    the share of an event just before assignment, beyond the daily rate of the week before, of all since.
    """

    def __init__(self, units, meeting, design):
        self.end, self.arms, self.unit = units.as_of.toordinal() - EPOCH, design.variant.arms, design.unit
        plain = meeting.astype(dict.fromkeys(("what", "event", "variant"), object)).copy()
        # a copy holds its columns together, of which rows are taken in a third of the time
        self.every, self.taken, self.none = {what: rows for what, rows in plain.groupby("what")}, {}, plain.head(0)
        # ages of events that have dates alone count by date: none of the day of assignment is early
        ages = self.take("age")
        dated = ~ages["clocked"].astype(bool).groupby(ages["event"]).transform("any") & (ages["day"] == -1)
        moved = ages[dated & (ages["same_day"] > 0)]
        moved = moved.assign(n=moved["same_day"], known=moved["same_day"], void=0, day=0)
        counted = ages.assign(n=ages["n"].where(~dated, ages["n"] - ages["same_day"]))
        self.every["aged"] = pd.concat([counted, moved]).copy()
        self.every["begun"] = self.take("start")[self.take("start")["day"] <= self.end]
        self.first = self.take("begun")["day"].min()
        counts = {arm: self.count("start", "", arm) for arm in self.arms}
        self.ratios = {arm: n / max(1, others) for arm, (n, others) in counts.items()}
        since = self.take("since").groupby("event")[["n", "known", "squares"]].sum()
        self.spreads = (since["squares"] / since["known"] - since["known"] / since["n"]).clip(lower=1.0)
        self.bunches, self.early = since["squares"] / since["known"], {}
        for event, arm in itertools.product(schema.list_event_names(design), self.arms):
            own, _ = self.split("aged", event, arm)
            *week, last = count_days(own, "n", -8, 8)
            more, after = last - np.mean(week), own.loc[own["day"] >= 0, "n"].sum()
            is_chance = more <= FAR * math.sqrt(np.mean(week) + 1)
            self.early[event, arm] = 0.0 if is_chance else float(more / (more + after))

    def leave_out_voids(self):
        """Return the log without the events whose amount is empty or 0; itself where none is."""
        tables = {what: self.take(what) for what in ("aged", "day")}
        if not any(rows["void"].any() for rows in tables.values()):
            return self
        sized, rest = copy.copy(self), {what: rows["known"] - rows["void"] for what, rows in tables.items()}
        sized.every = self.every | {w: tables[w].assign(n=n, known=n)[n > 0] for w, n in rest.items()}
        sized.taken = {}
        return sized

    def take(self, what, event=None):
        """Return the rows of what is counted, of one event or of all."""
        if (what, event) not in self.taken:
            rows = self.every.get(what, self.none)
            self.taken[what, event] = rows if event is None else rows[(rows["event"] == event).to_numpy()]
        return self.taken[what, event]

    def split(self, what, event, arm):
        """Return the rows of what is counted of an event in an arm, and those in all the others."""
        if (what, event, arm) not in self.taken:
            rows = self.take(what, event)
            variants = rows["variant"].to_numpy()
            others = np.logical_or.reduce([variants == other for other in self.arms if other != arm])
            self.taken[what, event, arm] = rows[variants == arm], rows[others]
        return self.taken[what, event, arm]

    def count(self, what, event, arm, name="n"):
        """Return how many there are of an arm, and of all the others."""
        own, rest = (int(rows[name].sum()) for rows in self.split(what, event, arm))
        return own, rest

    def compare_units(self, what, event, arm) -> float:
        """Return by how many standard errors more of an arm's units have an event than of those assigned that day.

        Mantel and Haenszel (1959), over the days of assignment, so that a split that changes does no harm.
        """
        sides = [rows for of in (("key", ""), (what, event)) for rows in self.split(*of, arm)]
        days = pd.concat([rows.groupby("day")["n"].sum() for rows in sides], axis=1, keys=range(4)).fillna(0.0)
        n_own, n, x_own, x = days[0], days[0] + days[1], days[2], days[2] + days[3]
        spread = (x * (n - x) * n_own * (n - n_own) / (n**2 * (n - 1).clip(lower=1))).sum()
        return float((x_own - x * n_own / n).sum() / math.sqrt(spread)) if spread else 0.0

    def find_lost(self, events, window, least) -> dict[str, Finding]:
        """Return what each arm lacks of some events that stop early, begin late or have a hole, where it lacks any."""
        ages = self.take("aged")[self.take("aged")["event"].isin(events)]
        heard = ages[ages["variant"].isin(self.arms)]
        is_inside = (heard["last"] >= self.first) & (heard["first"] <= self.end)
        if heard["n"].sum() >= LEAST_HEARD and not is_inside.any():
            ran = f"they run from {write_day(heard['first'].min())} to {write_day(heard['last'].max())}"
            since = f"between the first assignment on {write_day(self.first)} and {write_day(self.end)}"
            return dict.fromkeys(self.arms, Finding(1.0, f"No event of {LABEL} stands {since}: {ran}.", fails=True))
        days = self.take("day")
        days = days[days["event"].isin(events) & (days["day"] <= self.end) & days["variant"].isin(self.arms)]
        quiet = {arm: find_quiet(own.groupby("day", as_index=False)["n"].sum()) for arm, own in days.groupby("variant")}
        found = {}
        for arm in (arm for arm in self.arms if arm in quiet):
            own, begun, held = (t[t["variant"] == arm] for t in (ages, self.take("begun"), days))
            lost = None if own.empty or begun.empty else self._judge(own, begun, held, window, quiet[arm], least)
            if lost:
                found[arm] = _tell_lost(arm, *lost, quiet)
        return found

    def goes_on(self, events, arm, cut) -> bool:
        """Return whether another arm has events well beyond the cut of an arm: they did not end by themselves."""
        others = self.take("aged")
        others = others[others["event"].isin(events) & others["variant"].isin(set(self.arms) - {arm})]
        if cut is None or others.empty:
            return cut is None
        side, day = cut
        return bool(others["last"].max() > day + WEEK if side == "after" else others["first"].min() < day - WEEK)

    def _judge(self, own, begun, days, window, quiet, least):
        """The share that an arm lacks, its cut, and whether days such as of a promotion hold many; None by chance."""
        longest, hole, reach = quiet
        until = math.ceil(window[1] or self.end)
        needed = min(self.end, begun["day"].max() + until - 1)
        late, soon = reach[0] - begun["day"].min() - math.floor(window[0]), needed - reach[1]
        is_cut = max(late, soon) > longest
        if not (is_cut or hole):
            return None
        calmed, is_moved = own, False
        if self.end - self.first <= MOST_DAYS:  # without days such as of a promotion, after which few may be left
            arm = self.read_arm(begun, own, days)
            ages = calm(arm)
            calmed = pd.DataFrame({"day": np.arange(len(ages)), "known": ages, "all": arm.ages})
            is_moved = ages.sum() < (1 - LOST_FAILS) * own.loc[own["day"] >= 0, "known"].sum()
        is_held = days["day"].between(*reach) & ~(days["day"].between(*hole) if hole else False)
        came = days.loc[~is_held, "known"].sum()
        about = {"reach": reach, "end": self.end, "window": window, "hole": hole, "came": came}
        _, expected, told = expect_lost(calmed, begun, **about)
        is_cut &= not hole or 2 * expect_lost(calmed, begun, **about | {"hole": None})[1] > expected
        lost = max(0.0, expected - came)
        far = lost + (came * math.log(came / expected) if lost and came else 0.0)  # minus the logarithm of its chance
        counted = own.loc[own["day"].between(math.floor(window[0]), until), "known"].sum()
        share = lost / (counted + lost) if lost else 0.0
        spread = self.spreads.reindex(own["event"].unique()).max()  # units with many lack them by chance together
        rare = spread * (RARE + (math.log(reach[1] - reach[0]) if hole else 0.0))  # a hole is chosen among all days
        is_chance = came >= QUIET * expected or told < least or told * math.log1p(far / told) < rare
        if is_chance or share <= LOST_WARNS:
            return None
        first = expect_lost(calmed, begun, **about | {"reach": (reach[0], self.end)})[1]
        cut = ("before", reach[0]) if 2 * first > expected else ("after", reach[1])
        return share, cut if is_cut else None, is_moved

    def read_arm(self, starts, ages, days):
        """Return the counts of an arm by day, from the first day of assignment to the last."""
        taken, n = (
            ((starts, "n", self.first), (ages, "known", 0), (days, "known", self.first)),
            self.end + 1 - self.first,
        )
        count, *rest = (count_days(table, of, since, n) for table, of, since in taken)
        return Arm(np.trim_zeros(count, "b"), *rest)


def _tell_lost(arm, share, cut, is_moved, quiet):
    """What an arm lacks in words; a hole that all arms have alike may be a holiday."""
    _, hole, _ = quiet[arm]
    side = f"{cut[0]} {write_day(cut[1])}" if cut else f"from {write_day(hole[0])} to {write_day(hole[1])}"
    if cut and is_moved:
        ends = [reach[cut[0] == "after"] for *_, reach in quiet.values()]
        is_shared = max(ends) - min(ends) <= WEEK
    else:
        holes = [other for _, other, _ in quiet.values()]
        is_shared = not cut and all(other and other[0] <= hole[1] and other[1] >= hole[0] for other in holes)
    told = f"Events of {LABEL} in {arm} are lost: none stands {side}, where {percent(share)} of all would be expected."
    return Finding(share, told, share > (HOLE_FAILS if is_shared else LOST_FAILS), cut)


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

    def expect(self, by_age, by_day, *, by):
        """Return the expected events by "age", days since assignment, or by "day", of rates of both, multiplied."""
        if by == "age":
            return by_age * np.convolve(self.count[::-1], by_day)[len(self.count) - 1 :]
        # the units of a day of assignment are i days old i days later
        return by_day * np.convolve(self.count, by_age)[: len(by_age)]


def calm(arm: Arm) -> np.ndarray:
    """Return the events by day since assignment without those of days such as of a promotion, which all have alike.

    Such a day has some times as many as those before and after it would lead to expect; what it has beyond them is
    taken from the days since assignment on which the units were.
    """
    every, ages = np.ones(len(arm.days)), arm.ages
    units, there = arm.expect(every, every, by="age"), arm.expect(every, every, by="day")
    for _ in range(ROUNDS):
        usual = arm.expect(ages / np.maximum(units, LEAST), every, by="day")
        more = np.where(arm.days > SPIKE * usual + ODD * np.sqrt(usual + 1), arm.days - usual, 0.0)
        ages = np.maximum(arm.ages - arm.expect(every, more / np.maximum(there, LEAST), by="age"), 0.0)
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
    mine, theirs = (arm.expect(rate, season, by="day") for arm, rate in zip((own, rest), rates, strict=True))
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
    alike = own.expect(rates[1], season, by="day")  # what the arm would have at the rates of the others
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
        units = own.expect(every, season * steps, by="age"), rest.expect(every, season, by="age")
        rates = [arm.ages / np.maximum(n, LEAST) for arm, n in zip((own, rest), units, strict=True)]
        mine, theirs = own.expect(rates[0], steps, by="day"), rest.expect(rates[1], every, by="day")
        season = seen / np.maximum(mine + theirs, LEAST)
        if day is not None:
            step *= own.days[day:].sum() / (season * mine)[day:].sum()
    tables = [(own.ages, rates[0]), (rest.ages, rates[1]), (seen, season), (own.days, steps)]
    return rates, season, step, sum(float(n[n > 0] @ np.log(np.maximum(rate[n > 0], LEAST))) for n, rate in tables)


def percent(share: float) -> str:
    """Return a share with one decimal of a per cent, as messages of checks print it."""
    return f"{100 * share:.1f} %"


def write_day(day) -> str:
    """Return the date of a day since 1970."""
    return str(np.datetime64(int(day), "D"))


def measure_chance(came, others, ratio):
    """Return minus the log of the chance (Chernoff's bound) that so few come, as others had the rest of all."""
    every, told = came + others, 0.0
    for n, share in ((came, ratio / (1 + ratio)), (others, 1 / (1 + ratio))):
        told += n * math.log(n / (every * share)) if n else 0.0
    return told
