"""How far a log of events reaches: who started before it began has no readable first days, who ends after it no end."""

import datetime as dt
import math
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from helpers.metrics.events import ask, find_end, store
from helpers.plan import FrameworkPlan
from helpers.records import Refused

EPOCH = dt.date(1970, 1, 1)
STRAY = 0.01  # of the accounts may have an event before a log begins: what was written down earlier by chance
ENOUGH = 30  # accounts that started later, from which the chance of a silence is read
ALERT = 0.001  # chance of so long a silence, below which it is that of the log
STALE_DAYS = 7  # without an event that comes again and again, beyond which data may be missing
LEAST_QUIET, LEAST_ENDS = 2, 7  # days without any event, before and after all
LEAST_HEARD, LEAST_SEEN = 7, 100  # with seven expected, none comes by chance in one of a thousand logs
ALL_EARLY = (
    "events: they begin on {}, after every account had started, so nobody's first days can be read; give the events "
    "from the accounts' starts on, or accounts that started later"
)


@dataclass(frozen=True)
class Reach:
    """The days on which a log begins and ends, where it leaves accounts unread; None where it reaches far enough.

    `n_early` accounts started before `began`; `n_late` would be followed to their horizon by as_of, and are not by
    `ended`.
    """

    began: dt.date | None = None
    ended: dt.date | None = None
    n_early: int = 0
    n_late: int = 0

    def tell(self, planned: dt.date) -> list[str]:
        """Return where the log leaves accounts unread, and how many; `planned` is the last day asked for."""
        told = []
        if self.began:
            told.append(f"accounts that start before the events begin on {self.began}, left out: {self.n_early:,}")
        if self.ended:
            told.append(f"the events end on {self.ended}, before {planned}: it is taken as the last complete day")
            left = f"accounts that would be followed by {planned} and are not by {self.ended}, left out"
            told.append(f"{left}: {self.n_late:,}")
        return told


def find_reach(accounts: ir.Table, events: ir.Table, design: FrameworkPlan, as_of: dt.date) -> Reach:
    """Return how far the log of events reaches.

    It begins with the first day on which accounts are heard, where before it every account was silent for longer than
    ever after, and so long that this has a chance below .001: judged by when accounts that started later are first
    heard, of activation and of all events but losses. It ends with its last event, where as_of comes more than a week
    later, after a longer silence than any before, although accounts of such ages used to be heard: of at least seven
    accounts in as many days before, and on at least seven days that would be expected.

    Parameters
    ----------
    accounts : ibis.Table, one row an account: `unit`, `started_at`
    events : ibis.Table, one row an event of the plan: `unit`, `event`, `at`
    design : FrameworkPlan
    as_of : date, the last complete day as planned

    Returns
    -------
    Reach

    Raises
    ------
    Refused: the log begins after every account had started.
    """
    end, lost = find_end(as_of), design.outcomes.retained.lost
    starts = accounts.select("unit", start="started_at").filter(lambda t: t["start"] < ibis.literal(end))
    heard = events.select("unit", "event", "at").inner_join(starts, "unit")
    heard = heard.filter(heard["at"] >= heard["start"], heard["at"] < ibis.literal(end))
    parts = {"every": ~heard["event"].isin(lost) if lost else None}
    parts |= {"active": heard["event"].isin(design.activation.event)} if design.activation else {}
    firsts = {name: _count_days(heard["at"].min(where=part)) for name, part in parts.items()}
    firsts["last"] = _count_days(heard["at"].max())
    told = starts.left_join(heard.group_by("unit").aggregate(**firsts), "unit")
    told = store(told.select(*firsts, start=_count_days(starts["start"])))
    fronts = [find_front(_count_firsts(told.select("start", first=name))) for name in parts]
    front = max((day for day in fronts if day is not None), default=None)
    last = ask(told, {"last": told["last"].max()})["last"]
    is_late = last is not None and (as_of - EPOCH).days - last > LEAST_ENDS
    close = _find_close(starts, heard, as_of) if is_late else None
    began, ended = (day if day is None else EPOCH + dt.timedelta(days=day) for day in (front, close))
    needed = dt.timedelta(days=design.landmarks[0] + design.horizon_days)
    start, early, late = starts["start"], ibis.literal(0), ibis.literal(0)
    if began:
        early = (start < ibis.literal(find_end(began - dt.timedelta(days=1)))).sum()
    if ended:
        late = ((start <= ibis.literal(end - needed)) & (start > ibis.literal(find_end(ended) - needed))).sum()
    if not began and not ended:
        return Reach()
    n, n_early, n_late = ask(starts, {"n": starts.count(), "early": early, "late": late}).values()
    if n_early == n:
        raise Refused(ALL_EARLY.format(began))
    return Reach(began, ended, n_early, n_late)


def list_recurring(design: FrameworkPlan) -> set[str]:
    """Return the events that come again and again, of accounts old and new; first uses end by themselves."""
    parts = [part.event for part in (design.activation, design.alive, design.outcomes.retained) if part]
    return {*design.activity_events, *design.outcomes.retained.lost, *(name for part in parts for name in part)}


def measure_silence(n: int, first: dt.datetime, last: dt.datetime, cutoff) -> tuple[float, bool]:
    """Return for how many days n events of a kind are silent at the end of `as_of`, and whether data may be missing.

    So it may where the silence is longer than a week, and were events as frequent as before, of n in d days, has a
    chance below .001: exp(-days n / d).
    """
    gap, known = ((end - start) / dt.timedelta(days=1) for start, end in ((last, cutoff), (first, last)))
    return gap, gap > STALE_DAYS and math.exp(-gap * (n - 1) / max(known, 1.0)) < ALERT


def find_front(rows: pd.DataFrame) -> int | None:
    """Return the day on which a log begins, None where it is there from the first account's start.

    Parameters
    ----------
    rows : DataFrame, `start` and `first` (days since 1970; nan: never heard) and `n` accounts
    """
    days = rows.dropna(subset="first").groupby("first")["n"].sum()
    if days.empty:
        return None
    day, before = days.index.to_numpy(), days.cumsum().to_numpy() - days.to_numpy()
    quiet = np.diff(day, prepend=rows["start"].min() - 1) - 1
    later = np.append(np.maximum.accumulate(quiet[::-1])[::-1][1:], 0)
    asked = (before <= STRAY * days.sum()) & (quiet >= LEAST_QUIET) & (quiet > later)
    found = [front for front in day[asked] if _chance_of_silence(rows, front) < ALERT]
    return int(found[-1]) if found else None


def _chance_of_silence(rows, front) -> float:
    """The chance that all accounts that started before a day are first heard from it on."""
    is_early, n = (rows["start"] < front).to_numpy(), rows["n"].to_numpy(float)
    wait, known = (rows["first"] - rows["start"]).to_numpy(float), ~is_early
    if n[known].sum() < ENOUGH:  # nobody to compare with but themselves, once the log is there
        wait, known = (rows["first"] - front).to_numpy(float), is_early
    silent = is_early & ~(rows["first"] < front).to_numpy()
    gaps, place = np.unique(front - rows["start"].to_numpy()[silent], return_inverse=True)
    share = np.array([n[known & (wait < gap)].sum() for gap in gaps]) / n[known].sum()
    with np.errstate(divide="ignore"):
        return float(np.exp((np.bincount(place, n[silent]) * np.log1p(-share)).sum()))


def _count_firsts(told) -> pd.DataFrame:
    rows = told.group_by("start", "first").aggregate(n=told.count()).order_by("start", "first")
    return rows.to_pyarrow().to_pandas().astype(float)


def _find_close(starts, heard, as_of) -> int | None:
    """The last day with an event, where the log stops before as_of though accounts of such ages used to be heard."""
    told = heard.select(
        "unit", day=_count_days(heard["at"]), age=_count_days(heard["at"]) - _count_days(heard["start"])
    )
    days = told.select("day").distinct().order_by("day").to_pyarrow()["day"].to_numpy()
    end = (as_of - EPOCH).days
    quiet = end - days[-1]
    if quiet <= max(LEAST_ENDS, np.diff(days).max(initial=0) - 1):
        return None
    last = int(days[-1])
    told = told.distinct()
    ages = told.group_by("age").aggregate(n=told.count()).order_by("age").to_pyarrow().to_pandas()
    begun = starts.select(day=_count_days(starts["start"]))
    begun = begun.group_by("day").aggregate(n=begun.count()).order_by("day").to_pyarrow().to_pandas()
    age, day, n = np.arange(end - begun["day"].min() + 1), begun["day"].to_numpy()[:, None], begun["n"].to_numpy(float)
    known, lacking = n @ (day + age <= last), n @ ((day + age > last) & (day + age <= end))
    seen = ages.set_index("age")["n"].reindex(age, fill_value=0).to_numpy(float)
    expected = (lacking * seen)[known >= LEAST_SEEN] @ (1 / known[known >= LEAST_SEEN])
    recent = ask(told, {"n": told["unit"].nunique(where=told["day"] > last - quiet)})["n"]
    return last if recent >= LEAST_HEARD and expected >= LEAST_HEARD else None


def _count_days(moment):
    return (moment.epoch_seconds() / 86_400).floor().cast("int64")
