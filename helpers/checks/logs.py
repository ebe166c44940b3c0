"""What a log of events holds, and what it would hold, by days since assignment."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers import schema

LEAST_SEEN = 100  # unit-days, below which a rate is not read
WEEK = 7
SPIKE = 3  # times the median day, and ten events: what a day has beyond is no usual one's
QUIET = 0.2  # of the median day: a day with less is quiet, as a log that is out may let a little through
LOST_WARNS, LOST_FAILS = 0.01, 0.10  # of the events that a metric counts, or that stand where none should
HOLE_FAILS = 0.5  # of them, in a hole that all arms have: a holiday may be one
FAR = 3.5  # standard errors between arms: two logs in five thousand
SURE = 12.0  # minus the logarithm of a chance, where the best of some dozen places is looked for
LEAST_HEARD = 10  # events of a metric, from which on it is odd that all of them lie outside the time of the study
LEAST_TOLD = 30  # events, below which the rate of one of several is not read
TENTH = 0.1  # of what the other arms have: what an arm with less hardly has
RARE = 8.5  # minus the logarithm of the chance that none comes where some are expected: one event in five thousand
MOST_DAYS = 800  # of a study whose events are judged by each of its days
EPOCH = 719_163  # the ordinal of the first day of 1970


@dataclass(frozen=True)
class Finding:
    """What is wrong with the events of a metric in an arm: the share of them, in words, and whether it withholds.

    `told` holds `LABEL` where the name of the events goes. `cut` is the side, before or after, and the day of the first
    or last event, where the log is cut, or from which day on it has less; `of` the metric.
    """

    share: float
    told: str
    fails: bool
    cut: tuple[str, int] | None = None
    of: str = ""


LABEL = "{label}"


class Log:
    """The days of a log of events, against those that the assigned units would lead to expect.

    `ratios` are an arm's units for one of the others; `spreads` by how much numbers of an event vary more than those
    that come by themselves; `early` the share of an event just before assignment, beyond the daily rate of the week
    before, of all since.
    """

    def __init__(self, units, meeting, design):
        self.end, self.arms, self.unit = units.as_of.toordinal() - EPOCH, design.variant.arms, design.unit
        plain = meeting.astype(dict.fromkeys(("what", "event", "variant"), object)).copy()
        # a copy holds its columns together, of which rows are taken in a third of the time
        self.every, self.taken, self.none = {what: rows for what, rows in plain.groupby("what")}, {}, plain.head(0)
        # ages of events that have dates alone count by date: none of the day of assignment is early
        ages = self.take("age")
        has_dates = ~ages["clocked"].astype(bool).groupby(ages["event"]).transform("any")
        dated = has_dates & (ages["day"] == -1)
        # midnight is up to a day further before a moment of assignment than its day is
        is_apart = (dated & (ages["same_day"] > 0)).groupby(ages["event"]).transform("any")
        ages = ages.assign(day=ages["day"].where(~(is_apart & ages["day"].between(-8, -2)), ages["day"] + 1))
        moved = ages[dated & (ages["same_day"] > 0)]
        moved = moved.assign(n=moved["same_day"], known=moved["same_day"], day=0)
        counted = ages.assign(n=ages["n"].where(~dated, ages["n"] - ages["same_day"]))
        self.every["aged"] = pd.concat([counted, moved]).copy()
        self.every["begun"] = self.take("start")[self.take("start")["day"] <= self.end]
        self.first = self.take("begun")["day"].min()
        counts = {arm: self.count("start", "", arm) for arm in self.arms}
        self.ratios = {arm: n / max(1, others) for arm, (n, others) in counts.items()}
        since = self.take("since").groupby("event")[["n", "known", "squares"]].sum()
        self.spreads = (since["squares"] / since["known"] - since["known"] / since["n"]).clip(lower=1.0)
        self.early = {}
        for event, arm in itertools.product(schema.list_event_names(design), self.arms):
            own, _ = self.split("aged", event, arm)
            *week, last = count_days(own, "n", -8, 8)[int(event in moved["event"].to_numpy()) :]
            more, after = last - np.mean(week), own.loc[own["day"] >= 0, "n"].sum()
            is_chance = more <= FAR * math.sqrt(np.mean(week) + 1)
            self.early[event, arm] = 0.0 if is_chance else float(more / (more + after))

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
        quiet, found = {}, {}
        for arm, own in days.groupby("variant"):
            longest, hole, reach = find_quiet(own.groupby("day", as_index=False)["n"].sum())
            quiet[arm] = longest, hole or self._find_gap(own, days[days["variant"] != arm], arm), reach
        for arm in (arm for arm in self.arms if arm in quiet):
            own, begun, held = (t[t["variant"] == arm] for t in (ages, self.take("begun"), days))
            lost = None if own.empty or begun.empty else self._judge(own, begun, held, window, quiet[arm], least)
            if lost:
                (share, cut), (_, hole, _) = lost, quiet[arm]
                side = f"{cut[0]} {write_day(cut[1])}" if cut else f"from {write_day(hole[0])} to {write_day(hole[1])}"
                holes = [other for _, other, _ in quiet.values()]  # one that all arms have alike may be a holiday
                is_shared = not cut and all(other and other[0] <= hole[1] and other[1] >= hole[0] for other in holes)
                told = f"Events of {LABEL} in {arm} are lost: none stands {side}, "
                told += f"where {percent(share)} of all would be expected."
                found[arm] = Finding(share, told, share > (HOLE_FAILS if is_shared else LOST_FAILS), cut)
        return found

    def goes_on(self, events, arm, cut) -> bool:
        """Return whether another arm has events well beyond the cut of an arm: they did not end by themselves."""
        others = self.take("aged")
        others = others[others["event"].isin(events) & others["variant"].isin(set(self.arms) - {arm})]
        if cut is None or others.empty:
            return cut is None
        side, day = cut
        return bool(others["last"].max() > day + WEEK if side == "after" else others["first"].min() < day - WEEK)

    def _find_gap(self, own, rest, arm):
        """The first and last of the days between others on which an arm hardly has what the others lead to expect.

        They lead to expect what a unit of the arm has for one of theirs on all other days, as a treatment may move
        that; how many units each has by then changes in a ramp.
        """
        n = self.end + 1 - self.first
        if n > MOST_DAYS or rest.empty:
            return None
        starts = [count_days(rows, "n", self.first, n).cumsum() for rows in self.split("begun", "", arm)]
        counts = [count_days(table, "n", self.first, n) for table in (own, rest)]
        counts.append(counts[1] * starts[0] / np.maximum(starts[1], 1.0))  # as of as many units as the arm has
        edges = [np.concatenate([[0.0], part.cumsum()]) for part in counts]
        came, others, alike = (edge - edge[:, None] for edge in edges)  # from the day of the row to that of the column
        is_inside = (edges[0][:, None] > 0) & (edges[0] < edges[0][-1])
        for part, within in zip(counts[:2], (came, others), strict=True):
            is_inside &= part.sum() - within >= LEAST_TOLD
        expected = alike * (counts[0].sum() - came) / np.maximum(counts[2].sum() - alike, 1.0)
        lost = np.where(is_inside & (came <= TENTH * expected), expected, 0.0)
        first, end = np.unravel_index((lost - came).argmax(), lost.shape)
        place, is_lost = (first, end), lost[first, end] > 0
        chance = measure_chance(came[place], others[place], expected[place] / others[place]) if is_lost else 0.0
        is_gap = chance > SURE + 2 * math.log(n)  # these days were chosen among all
        return (int(self.first + first), int(self.first + end) - 1) if is_gap else None

    def _judge(self, own, begun, days, window, quiet, least):
        """The share that an arm lacks, and its cut; None by chance."""
        longest, hole, reach = quiet
        until = math.ceil(window[1] or self.end)
        needed = min(self.end, begun["day"].max() + until - 1)
        late, soon = reach[0] - begun["day"].min() - math.floor(window[0]), needed - reach[1]
        is_cut = max(late, soon) > longest
        if not (is_cut or hole):
            return None
        is_held = days["day"].between(*reach) & ~(days["day"].between(*hole) if hole else False)
        came = days.loc[~is_held, "known"].sum()
        about = {"reach": reach, "end": self.end, "window": window, "hole": hole, "came": came}
        usual = calm(own, days, begun)
        _, expected, told = expect_lost(usual, begun, **about)
        is_cut &= not hole or 2 * expect_lost(usual, begun, **about | {"hole": None})[1] > expected
        lost = max(0.0, expected - came)
        far = lost + (came * math.log(came / expected) if lost and came else 0.0)  # minus the logarithm of its chance
        counted = own.loc[own["day"].between(math.floor(window[0]), until), "known"].sum()
        share = lost / (counted + lost) if lost else 0.0
        spread = self.spreads.reindex(own["event"].unique()).max()  # units with many lack them by chance together
        rare = spread * (RARE + (math.log(reach[1] - reach[0]) if hole else 0.0))  # a hole is chosen among all days
        is_chance = came >= QUIET * expected or told < least or told * math.log1p(far / told) < rare
        if is_chance or share <= LOST_WARNS:
            return None
        first = expect_lost(usual, begun, **about | {"reach": (reach[0], self.end)})[1]
        cut = ("before", reach[0]) if 2 * first > expected else ("after", reach[1])
        return share, cut if is_cut else None


def calm(ages, days, begun) -> pd.DataFrame:
    """Return the events by days since assignment without what days such as of a promotion have beyond the median day.

    It is taken from the ages that the units had then. A day on which many were assigned has more by itself.

    Parameters
    ----------
    ages, days, begun : DataFrame, of an arm `known` events by day since assignment and by day, `n` units by day
    """
    known, daily = (table.groupby("day")["known"].sum().astype(float) for table in (ages, days))
    starts, usual, every = begun.groupby("day")["n"].sum(), daily.median(), known
    for day, n in daily[daily > SPIKE * usual + LEAST_HEARD].items():
        there = starts[starts.index <= day]
        if starts.get(day, 0) <= TENTH * starts.sum() and len(there):
            more = ((n - usual) * there / there.sum()).set_axis(day - there.index)
            known = known.sub(more, fill_value=0.0).clip(lower=0.0)
    return known.to_frame("known").assign(all=every).fillna(0.0).rename_axis("day").reset_index()


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
    seen = count_days(ages, "known", since, len(age))
    every = count_days(ages, "all", since, len(age)) if "all" in ages.columns else seen
    held, lacking = count @ (is_needed & is_held), count @ (is_needed & ~is_held)
    known, shown = held >= LEAST_SEEN, np.maximum(held, 1)
    rate = np.where(known, seen / shown, 0.0)
    expected, doubt = float(rate @ lacking), float(np.where(known, every * (lacking / shown) ** 2, 0.0).sum())
    if known.sum() >= 2 * WEEK and not came:
        last = np.flatnonzero(known)[-1]
        weeks = [slice(last + 1 - i * WEEK, last + 1 - (i - 1) * WEEK) for i in (1, 2)]
        now, before = (rate[week].mean() for week in weeks)
        told = [max(1.0, seen[week].sum()) for week in weeks]
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


def describe_hole(days, event, least) -> str | None:
    """Return the sentence on some days that hold hardly an event, unlike as many before and after; None without.

    Parameters
    ----------
    days : DataFrame, as for `find_quiet`
    event : str, as the sentence names them
    least : int, days, that they are more than
    """
    hole = find_quiet(days)[1] if len(days) else None
    length = hole[1] - hole[0] + 1 if hole else 0
    if length <= least:
        return None
    before, within, after = count_days(days, "n", hole[0] - length, 3 * length).reshape(3, length).sum(axis=1)
    if min(before, after) < LEAST_TOLD or within > QUIET * min(before, after):
        return None
    where = f"from {write_day(hole[0])} to {write_day(hole[1])}"
    return f"Hardly an {event} stands {where}: what was done then is unread, and counts as not done."


def count_days(table, of, first, n) -> np.ndarray:
    """Return the sums of a column of a frame by its `day`, on each of n days from the first one on."""
    day, n = table["day"].to_numpy().astype(int) - int(first), int(n)
    is_held = (day >= 0) & (day < n)
    return np.bincount(day[is_held], table[of].to_numpy()[is_held], n)


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
