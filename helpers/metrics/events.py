"""The one fold of events: how often, how much, first and last within days of a unit's start; how far a log reaches."""

import datetime as dt
import math
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis.util import gen_name

from helpers import schema
from helpers.kinds import COUNTED
from helpers.plan import FrameworkPlan
from helpers.records import Refused

DAY = 86_400
TAKES = {  # what a kind of total makes of the events that count; a last value is no aggregate
    "count": lambda heard, total: total.holds(heard).ifelse(1, 0).sum().cast("int64"),
    "amount": lambda heard, total: heard[total.value].sum(where=total.holds(heard)).cast("float64"),
    "first": lambda heard, total: heard["at"].min(where=total.holds(heard)),
}
AGE, MICRO = "age", 1_000_000  # of an event since its unit's start, in microseconds, where many totals read it
READ_ONLY = ("InsufficientPrivilege", "ReadOnlySqlTransaction")  # by name, as their package is an extra
LATEST = "as_of is left out of the plan: the latest day in the data, {}, is taken as the last complete one"
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
class Total:
    """One column that the events of a unit give.

    `kind` is count, amount (sum of values; an event without a value adds nothing), first (a moment), or last (the value
    of the latest event that has one; the highest of several at one moment). Only events of these names count, from
    `since` days after the start on and before `until` days after it; an `inclusive` total counts that moment too. The
    values are those of the column `value`.
    """

    column: str
    kind: str
    events: tuple[str, ...]
    since: float = 0.0
    until: float | None = None
    inclusive: bool = False
    value: str = "value"

    def holds(self, heard: ir.Table) -> ir.BooleanValue:
        """Return whether an event counts; `heard` has `event`, `at` and `start` of its unit, and may have its `AGE`."""
        counts, is_aged = heard["event"].isin(self.events), AGE in heard.columns
        at = heard[AGE] if is_aged else heard["at"]  # to add days to a moment takes several times as long
        for days, is_begin in ((self.since or None, True), (self.until, False)):
            if days is not None:
                edge = round(days * DAY) * MICRO if is_aged else add_days(heard["start"], days)
                counts &= at >= edge if is_begin else at <= edge if self.inclusive else at < edge
        return counts


def hear(units: ir.Table, events: ir.Table, *, start: str, lost: str | None = None, dated=()) -> ir.Table:
    """Return the events of some units from their start on: `unit`, `event`, `at`, `value` and further values, `start`.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    events : ibis.Table, one row an event: `unit`, `event`, `at`, `value`
    start, lost : str
        Columns of the units. An event at the moment of the loss still counts, a later one does not.
    dated : collection of str
        Events that have dates alone: for these the start is that of its day.
    """
    moments = {"start": units[start]} | ({"lost": units[lost]} if lost else {})
    columns = ["unit", "event", "at", *(n for n in events.columns if n == "value" or n.startswith(schema.FURTHER))]
    told = events.select(*columns).inner_join(units.select("unit", **moments), "unit")
    told = begin(told, dated) if dated else told
    told = told.filter(told["at"] >= told["start"])
    if lost:
        told = told.filter(told["lost"].isnull() | (told["at"] <= told["lost"]))
    return told.select(*columns, "start")


def begin(told: ir.Table, dated) -> ir.Table:
    """Return events with the start of their unit; of events that have dates alone (`dated`) the start of its day."""
    start = told["start"]
    return told.mutate(start=told["event"].isin(sorted(dated)).ifelse(start.truncate("D"), start))


def fold_events(units: ir.Table, heard: ir.Table, totals) -> ir.Table:
    """Return the units with one column a total: counts and amounts 0, all others null, where no event counts.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    heard : ibis.Table, as `hear` gives it
    totals : sequence of Total
    """
    taken = {total.column: TAKES[total.kind](heard, total) for total in totals if total.kind in TAKES}
    told, folded = [heard.group_by("unit").aggregate(**taken)] if taken else [], units
    for total in (total for total in totals if total.kind not in TAKES):
        valued = heard.filter(total.holds(heard), heard[total.value].notnull())
        latest = pick(valued, "unit", [valued["at"].desc(), valued[total.value].desc()])
        told.append(latest.select("unit", **{total.column: latest[total.value]}))
    for found in told:
        folded = folded.left_join(found, "unit").select(*folded.columns, *found.columns[1:])
    return folded.mutate(**{t.column: folded[t.column].fill_null(0) for t in totals if t.kind in COUNTED})


def list_totals(units: ir.Table, events: ir.Table, design) -> list[Total]:
    """Return what the plan reads of each unit's events: `fold:METRIC`, `fold:METRIC:PART` and `fold:exposed`.

    Not parts of ratios and times at risk that are no metric, stand in the unit table and never occur as an event.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    events : ibis.Table, `event` and further columns
    design : ExperimentPlan
    """
    found, exposure = [], design.exposure
    if exposure and exposure.event:
        found.append(Total("fold:exposed", "count", tuple(exposure.event), until=exposure.within_days))
    for name, metric in design.metrics.items():
        since = metric.from_days or 0.0
        for part in ("asked", "numerator", "denominator", "time_at_risk"):
            event = getattr(metric, part)
            if event and (part == "asked" or event not in design.metrics):
                begin = 0.0 if part == "asked" else since  # who is asked before the window begins may answer within it
                found.append(Total(f"fold:{name}:{part}", "count", (event,), begin, metric.within_days))
        if metric.how.total and metric.column is None and metric.time is None:
            named = tuple(metric.event or [name])
            value = schema.name_value(design, metric) if metric.value else "value"
            found.append(Total(f"fold:{name}", metric.how.total, named, since, metric.within_days, False, value))
            if metric.competing:
                found.append(Total(f"fold:{name}:competing", "first", tuple(metric.competing)))
    parts = {part for m in design.metrics.values() for part in (m.numerator, m.denominator, m.time_at_risk)} - {None}
    if columns := (parts - set(design.metrics)) & set(units.columns):
        occurring = events.filter(events["event"].isin(sorted(columns))).select("event").distinct()
        columns -= set(occurring.to_pyarrow()["event"].to_pylist())
    return [total for total in found if not columns.intersection(total.events)]


def pick(table: ir.Table, by, order, *, place=0) -> ir.Table:
    """Return one row a group: the first in some order, or the one `place` rows behind it."""
    ranked = table.mutate(place=ibis.row_number().over(group_by=by, order_by=order))
    return ranked.filter(ranked["place"] == place).drop("place")


def store(table: ir.Table, *, copied=True) -> ir.Table:
    """Return a table that many queries read, kept in the engine for as long as we are connected, where it lets us.

    One that is not `copied` gets a name alone, a view: it reads one file, of which a copy would take time and room.
    """
    backend = table.get_backend()
    if not copied:
        return backend.create_view(gen_name("units"), table) if backend.name == "duckdb" else table
    if backend.name in ("duckdb", "pyspark"):
        return table.cache()
    return _keep(backend, table) if backend.name == "postgres" else table


def _keep(backend, table):
    """A temporary table of PostgreSQL, with what it must know of it to plan joins; the query where it may only read."""
    try:
        kept = table.cache()
    except Exception as error:
        if type(error).__name__ not in READ_ONLY:
            raise
        return table
    vars(backend).setdefault("stored", []).append(kept)  # dropped in the midst of a query it would wait for its end
    with backend.begin() as cursor:
        cursor.execute(f'ANALYZE "{kept.get_name()}"')
    return kept


def ask(table: ir.Table, facts: dict, *beside: tuple[ir.Table, dict]) -> dict:
    """Return some aggregates of a table, and of others beside it, by their names in one query; none without facts."""
    if not facts:
        return {}
    asked = table.aggregate([value.name(f"n{i}") for i, value in enumerate(facts.values())])
    for other, more in beside:
        asked = asked.cross_join(other.aggregate([v.name(f"n{i}") for i, v in enumerate(more.values(), len(facts))]))
        facts = facts | more
    return dict(zip(facts, asked.to_pyarrow().to_pylist()[0].values(), strict=True))


def ask_apart(asked) -> dict:
    """Return what `ask` does, by a query a table: of many rows that is sooner, as an engine stores what they share."""
    return {name: fact for table, facts in asked for name, fact in ask(table, facts).items()}


def find_end(day: dt.date | None) -> dt.datetime | None:
    """Return the first moment that is not known: the midnight (UTC) that ends the last day; None without one."""
    return None if day is None else dt.datetime.combine(day, dt.time()) + dt.timedelta(days=1)


def add_days(start: ir.TimestampValue, days: float) -> ir.TimestampValue:
    """Return the moment some days later, to the second."""
    return start + ibis.interval(seconds=round(days * DAY))


def has_clock(moment: ir.TimestampValue) -> ir.BooleanValue:
    """Return whether any moment has a time of day; null without moments."""
    return (moment.epoch_seconds() % DAY != 0).any()


def mark(fact: ir.BooleanValue) -> ir.FloatingValue:
    """Return 1 for true, 0 for false and null for null; some engines turn truth values into whole numbers only."""
    return fact.cast("int32").cast("float64")


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
