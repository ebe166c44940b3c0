"""A source and a plan become one row a unit: each metric its columns, and covariates numbers without gaps."""

import calendar
import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

import ibis
import ibis.expr.types as ir
import pandas as pd

from helpers import schema
from helpers.kinds import COUNTED
from helpers.metrics import events as log
from helpers.metrics import values
from helpers.metrics.payments import UNADDED, ask_monies
from helpers.plan import ExperimentPlan
from helpers.records import Refused
from helpers.sources import Source, frames, opening

DATED = "events{} have dates and no times: the day of assignment counts, and windows hold whole days"
MANY = "{:,} units: above {:,} no method that needs every row is run, and what it would find is told to be unknown"
MOST_QUIET = 30  # days without an event up to as_of, above which it may be too late a day
BEYOND = "as_of, {}, is {:,} days after the last event, of {}: were the events complete until then? If not, correct it"
OPEN = "{}: the window of {:g} days is over for no {} by {}, so that nothing is known; wait, or plan a shorter one"
OFF = "with an answer outside {:g} to {:g}, such as a code for none; leave it empty where unknown, or correct the scale"
NEGATIVE = "with less than 0 of {}; correct the data, or name another time at risk"
UNCODED = "of whose count or sum the kind's code makes nothing, so that it would be left out unseen; give each a number"
UNEXPOSED = "plan, exposure: there are no events and the table has no column {}; name the column, or give the events"
NOTHING, ALWAYS, NEVER = ibis.null("float64"), ibis.literal(True), ibis.literal(False)
PARTS = ("numerator", "denominator", "time_at_risk")


@dataclass(frozen=True)
class Units:
    """One row a unit, in the engine, with every column that the plan asks for.

    Attributes
    ----------
    table : ibis.Table
        `unit`, `variant`, `cluster`, `assigned_at`, `week` (0 is the first; null outside the randomisation), `exposed`
        (0 or 1), and for each metric `y_` (or `num_` and `den_`; `time_` in days and `observed_`, 2 for a competing
        event; null is unknown or not yet observed), `complete_` (its window is over), `missing_` and `asked_` (0 or
        1), `x_` columns of covariates (never null) and `s_` columns of segments ("unknown" where missing, "other"
        where a level has fewer than `min_cell` units).
    design : ExperimentPlan
    covariates : tuple of str
        Names of the `x_` columns.
    as_of : date or None
        The last day that counts: the plan's, else the latest day in the data where there are events.
    messages : tuple of str
        What was left out or filled, with counts, one sentence each.
    n_two_variants : int
        Units that were assigned, and left out because they stand in two variants.
    assigned : (date, date) or None
        The first and the last day on which a unit was randomised.
    added : tuple of dict
        What each event adds to each amount: `metric`, `event` and what `payments.add_up` counts; `total` to 3 digits.
    values : Callable
        Gives what is asked of the engine for `moments.see_values`.
    full : frozenset of str
        The columns of outcomes (`y_`, `num_`, `den_`) that are known of every unit.
    own : ibis.Table
        The units as they were loaded, with every further column that they came with.
    heard, unfinished : frozenset of str
        The metrics that are counted from events, and those whose window may not be over for some unit.
    capped : tuple of str
        The metrics whose largest values are lowered in a row beside: amounts, one value a unit.
    """

    table: ir.Table
    design: ExperimentPlan
    covariates: tuple[str, ...]
    as_of: dt.date | None = None
    messages: tuple[str, ...] = ()
    n_two_variants: int = 0
    assigned: tuple[dt.date, dt.date] | None = None
    added: tuple[dict, ...] = ()
    values: Callable[[], dict] = field(default=dict, repr=False, compare=False)
    full: frozenset[str] = frozenset()
    own: ir.Table | None = field(default=None, repr=False)
    heard: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()
    capped: tuple[str, ...] = ()
    _answers: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def keep(self, question, answer):
        """Return what `answer` gives, which is called, and asks the engine, the first time that it is wanted."""
        if question not in self._answers:
            self._answers[question] = answer()
        return self._answers[question]

    def _repr_html_(self) -> str:
        """Return how many units there are, of which metrics, in one line, for notebooks."""
        n = opening.count_all(self.table, {"n": self.table.count()}, "units")["n"]
        told = ", ".join(map(self.design.label_of, self.design.metrics))
        return f"<b>{escape(f'{schema.say(n, self.design.unit)}, one row each')}</b>: {escape(told)}"

    def frame(self, *, most: int | None = None) -> pd.DataFrame:
        """Return one row a unit in pandas, in order of its id: every own column under its own name, then outcomes.

        An outcome stands under its metric's name where no own column is called so; else, counted from events, with
        `_from_events`. Of a ratio it is the unit's own, of a time to an event the days, beside `_observed`. Take-up is
        `exposed`.

        Parameters
        ----------
        most : int, optional
            At most so many rows, as the engine finds them first.
        """
        design = self.design
        own = self.own.rename({design.unit_id: "unit", design.variant.column: "variant"})
        taken, found = {name.casefold() for name in own.columns}, {}
        for name, column in _list_outcomes(self.table, design):
            if name.casefold() not in taken:
                found[name] = column
            elif name in self.heard:
                found[f"{name}_from_events"] = column
        return frames.read_beside(own, design.unit_id, self.table, found, most)


def fold(source: Source, design: ExperimentPlan) -> Units:
    """Return one row a unit, from the unit table alone or from assignments and events.

    A window starts at the moment of assignment and ends some days later, that moment not included. Where events have
    dates alone, windows start with the day of assignment. A window is over when it ends by the end of `as_of`; a unit
    whose window is not over has no outcome yet. Within a window that is over, no event is 0 (binary, count, amount) or
    missing (score, nps). Units assigned after `as_of` are not yet part of the experiment. The plan's `missing: zero`
    fills outcomes that a column lacks. A count with a time at risk is told as a ratio of the two; a unit that counts
    something in no time at risk stays in, and is counted in a message. Of an event and a competing one at the same
    moment the event comes first.

    Parameters
    ----------
    source : Source
    design : ExperimentPlan

    Returns
    -------
    Units

    Raises
    ------
    Refused: no unit is assigned by `as_of`; no column for the exposure; a time at risk below 0; an answer
    off its scale; two names of the plan that differ only in capitals.
    """
    for names in (list(design.metrics), design.covariates, design.segments):
        twice = [name for name, times in Counter(n.casefold() for n in names).items() if times > 1]
        if twice:
            raise Refused(f"plan: the name {twice[0]} stands twice, in other capitals or not; rename one")
    units, events = source.units, source.events
    if design.assigned_at:
        units = units.mutate(**{values.START: units[design.assigned_at]})
    totals = [] if events is None else log.list_totals(units, events, design)
    clock = _read_clock(units, totals, source, design)
    dated, end = clock["dated"], log.find_end(clock["as_of"])
    if dated and dated == clock["heard"]:
        units = units.mutate(**{values.START: units[values.START].truncate("D")})
    table = alone = units.filter(units[values.START] < ibis.literal(end)) if design.assigned_at and end else units
    if events is not None:
        heard = log.hear(table, events, start=values.START, dated=dated)
        table = log.fold_events(table, heard.filter(heard["at"] < ibis.literal(end)), totals)
    columns = _make_columns(table, alone, design, end, clock)
    folded = log.store(table.select("unit", "variant", **columns), copied=events is not None)
    told = [(name, metric.how, metric.within_days) for name, metric in design.metrics.items()]
    amounts = (name for name, how, _ in told if how.total == "amount" and how.outcome == "y" and how.is_mean)
    capped = () if design.cluster or design.units_in_row else tuple(amounts)
    beside, lost, sums, look = values.ask_beside(source, units, totals, design, (end, dated, clock["found"]), capped)
    at_once = look() if source.info.rows <= opening.MOST_UNITS else []  # of few units at once: questions take longer
    notes, found = _write_notes(folded, [*beside, *at_once], lost, design, clock)
    added = {}
    for column, event, what in sums:
        about, unread = found[column, event, what], {} if (column, event, "events") in sums else UNADDED
        row = added.setdefault((column, event), {"metric": column.removeprefix("fold:"), "event": event, **unread})
        row[what] = float(f"{about or 0:.3g}") if what == "total" else about
    days = (clock["first"], clock["last"]) if clock["first"] and clock["last"] else None
    full = frozenset(column for column in folded.columns if found.get(("known", column)) == found["units"])
    heard = frozenset(total.column.removeprefix("fold:") for total in totals)
    kept = {"full": full, "own": source.units, "heard": heard, "capped": capped}
    if design.assigned_at and clock["as_of"]:
        kept["unfinished"] = frozenset(n for n, how, days in told if how.outcome != "y" or days is not None)
    kept["values"] = lambda: found if at_once else found | log.ask_apart(look())
    kept |= {"added": tuple(added.values()), "n_two_variants": source.n_two_variants, "assigned": days}
    return Units(folded, design, tuple(c for c in columns if c.startswith("x_")), clock["as_of"], notes, **kept)


def _read_clock(units, totals, source, design):
    """When units were randomised, the last day that is known, how many came later, and what covariates lack, at once.

    `heard` are the events of the plan that occur, `dated` those of them that have dates alone while units were assigned
    at some time of day. `as_of` is as planned, else that of a simulation, else the latest day of an event or an
    assignment where there are events. Without events the table does not say until when it is complete, so nothing is
    held to be unfinished. Weeks count from the first randomised unit, and from the first of all without them.
    """
    parts = {getattr(metric, part) for metric in design.metrics.values() for part in PARTS}.intersection(units.columns)
    read = [*design.covariates, *sorted(parts.difference(design.covariates))]
    facts = {name: units.count() - units[name].count() for name in read}
    told = [values.ask_levels(units, design)] if design.segments else []
    if any(metric.how.total == "amount" for metric in design.metrics.values()):
        told += ask_monies(source, units, totals, design)
    facts |= {"units": units.count()} if told else {}
    as_of, events = design.as_of or (source.truth or {}).get("as_of"), source.events
    if design.assigned_at:
        start, randomised = units[values.START], units["variant"].isin(design.variant.arms)
        facts["time", "first"] = start.min(where=randomised).fill_null(start.min())
        facts["time", "last"] = start.max(where=randomised).fill_null(start.max())
        facts["time", "latest"] = start.max()
        facts["late"] = (start >= ibis.literal(log.find_end(as_of))).sum() if as_of else ibis.literal(0)
        facts["timed"] = (start.epoch_seconds() % log.DAY != 0).any()
    if design.assigned_at and events is not None:
        is_timed, asked = events["at"].epoch_seconds() % log.DAY != 0, {("time", "heard"): events["at"].max()}
        for name in sorted({event for total in totals for event in total.events}):
            asked["clocked", name] = is_timed.any(where=events["event"] == name)
        told = [*told, (events, asked)]
    is_large = source.info.rows > opening.MOST_UNITS
    found = log.ask_apart([(units, facts), *told]) if is_large else log.ask(units, facts, *told)
    known = {"gaps": {name: found[name] for name in read}, "found": found}
    if not design.assigned_at:
        return known | dict.fromkeys(("first", "as_of", "last", "late", "dated", "heard"))
    days = {key[1]: moment and moment.date() for key, moment in found.items() if key[0] == "time"}
    if as_of is None and events is not None:
        as_of = max((days[name] for name in ("latest", "heard") if days[name]), default=None)
    last = days["last"] and min(days["last"], as_of or days["last"])
    heard = {key[1]: is_timed for key, is_timed in found.items() if key[0] == "clocked" and is_timed is not None}
    dated = {name for name, is_timed in heard.items() if found["timed"] and not is_timed}
    known |= {"first": days["first"], "as_of": as_of, "last": last, "late": found["late"]}
    return known | {"latest": days.get("heard"), "heard": set(heard), "dated": dated}


def _make_columns(table, alone, design, end, clock):
    """The columns of `Units`, as its docstring tells them, but for the unit and its arm.

    An outcome is null when it is unknown or its window is not over.
    """
    segments = values.name_levels(table, clock["found"], design) if design.segments else {}
    columns = {"cluster": table[design.cluster].cast("string")} if design.cluster else {}
    start = table[values.START] if design.assigned_at else None
    if design.assigned_at:
        moment, randomised = table[design.assigned_at], table["variant"].isin(design.variant.arms)
        seconds = moment.epoch_seconds() - calendar.timegm(clock["first"].timetuple())
        week = (seconds / (7 * log.DAY)).floor().cast("int64")
        columns |= {"assigned_at": moment, "week": randomised.ifelse(week, ibis.null())}
    holed = {name for name, n in clock["gaps"].items() if n}
    gathered = _Gathered(table, design, start, end, bool(clock["dated"]), holed)
    if design.exposure:
        columns["exposed"] = _make_exposure(gathered)
    rates = {}
    for name, metric in design.metrics.items():
        if metric.how.outcome == "time":
            columns |= _make_time(gathered, name, metric)
        elif metric.how.total:
            (rates if metric.time_at_risk else columns).update(_make_plain(gathered, name, metric))
    for name, metric in design.metrics.items():
        if metric.how.outcome == "num":
            columns |= _make_ratio(gathered, name, metric, columns, rates)
    if design.covariates:
        columns |= values.make_covariates(table, alone, design, [n for n in design.covariates if n in holed])
    return columns | segments


def _write_notes(folded, beside, lost, design, clock):
    """What was filled, is unknown or does not count, and a last day that the plan leaves out; and all that was asked.

    Raises
    ------
    Refused: no unit is assigned by `as_of`; an answer off its scale; a time at risk below 0, which a metric that sums
    amounts can give; a count or sum of which the kind's `code` makes nothing.
    """
    said, faults, facts, as_of = {}, {}, {"units": folded.count()}, clock["as_of"]
    for name, metric in design.metrics.items():
        if metric.missing == "zero" and metric.how.outcome != "time" and f"missing_{name}" in folded.columns:
            outcome = folded[f"{metric.how.outcome}_{name}"]
            is_filled = outcome.notnull() & (folded[f"missing_{name}"] == 1)
            said[f"missing outcomes of {name} that count as 0, as planned"] = is_filled
        if metric.time_at_risk:
            time = folded[f"den_{name}"]
            said[f"units with some {name} in no time at risk, kept in"] = (folded[f"num_{name}"] > 0) & (time == 0)
            faults[f"{name}.time_at_risk"] = time < 0, NEGATIVE.format(metric.time_at_risk)
        elif metric.how.code and f"missing_{name}" not in folded.columns:
            faults[f"{name}.kind"] = folded[f"complete_{name}"] & folded[f"y_{name}"].isnull(), UNCODED
        elif isinstance(metric.scale, tuple):
            faults[f"{name}.scale"] = ~folded[f"y_{name}"].between(*metric.scale), OFF.format(*metric.scale)
    if design.exposure:
        said["units whose take-up is not known, or not yet"] = folded["exposed"].isnull()
    facts |= {("known", c): folded[c].count() for c in folded.columns if c.startswith(("y_", "num_", "den_"))}
    facts |= {sentence: fact.sum() for sentence, fact in said.items()}
    facts |= {("fault", key): rows.sum() for key, (rows, _) in faults.items()}
    windows = {name: metric.within_days for name, metric in design.metrics.items() if metric.within_days and as_of}
    facts |= {("over", name): folded[f"complete_{name}"].sum() for name in windows}
    found = log.ask(folded, facts, *beside)
    if not found["units"]:
        raise Refused(f"plan, as_of: no unit is assigned by {as_of}; choose a later day")
    for key, (_, fault) in faults.items():
        schema.refuse_some(found["fault", key] or 0, design.unit, f"plan, metrics.{key}", fault)
    told = {f"units assigned after {as_of}, left out": clock["late"]} | {sentence: found[sentence] for sentence in said}
    latest = [log.LATEST.format(as_of)] if lost and not design.as_of else []
    if design.as_of and (last := clock.get("latest")) and (quiet := (as_of - last).days) > MOST_QUIET:
        latest.append(BEYOND.format(as_of, quiet, last))
    latest += [OPEN.format(name, days, design.unit, as_of) for name, days in windows.items() if not found["over", name]]
    told, lost = ([f"{t}: {n:,}" for t, n in counts.items() if n] for counts in (told, {t: found[t] for t in lost}))
    if found["units"] > opening.MOST_UNITS:
        told.append(MANY.format(found["units"], opening.MOST_UNITS))
    if dated := clock["dated"]:
        told.insert(0, DATED.format("" if dated == clock["heard"] else f" of {' and '.join(sorted(dated))}"))
    return (*told, *latest, *lost), found


@dataclass(frozen=True)
class _Gathered:
    """The unit table, joined with what events say of each unit; the time of assignment; the first moment not known.

    `holed` names the parts of ratios that some unit lacks.
    """

    table: ir.Table
    design: ExperimentPlan
    start: ir.TimestampValue | None
    end: dt.datetime | None
    has_dates: bool
    holed: set[str]

    def is_over(self, days: float | None) -> ir.BooleanValue:
        """Whether the window of some days since assignment is over; always without a window or times."""
        if days is None or self.start is None or self.end is None:
            return ALWAYS
        return log.add_days(self.start, days) <= ibis.literal(self.end)


def _make_ratio(gathered, name, metric, columns, rates):
    """The columns of one ratio. A count with a time at risk is told as the count by the time.

    `missing: zero` fills the count, never the time. Of a denominator of 0 an empty numerator is 0.
    """
    above = _read(rates, name) if metric.time_at_risk else _make_part(gathered, name, columns, "numerator")
    below = _make_part(gathered, name, columns, "time_at_risk" if metric.time_at_risk else "denominator")
    (top, top_over, top_gap), (bottom, bottom_over, bottom_gap) = above, below
    if top_gap is not None and top_gap is not NEVER:
        is_none = (bottom == 0).fill_null(False)
        top, top_gap = is_none.ifelse(top.fill_null(0.0), top), top_gap & ~is_none
    complete = top_over & bottom_over
    found = {key: value for key, value in rates.items() if key == f"asked_{name}"}
    found[f"complete_{name}"] = complete
    # each part is null of itself where it is unknown: half the tests a row, and none where none is
    for key, part, other, gap in (("num", top, bottom, bottom_gap), ("den", bottom, top, top_gap)):
        is_known = complete if gap is NEVER else complete & other.notnull()
        found[f"{key}_{name}"] = is_known.ifelse(part, NOTHING)
    if gaps := [gap for gap in (top_gap, bottom_gap) if gap is not None]:
        found[f"missing_{name}"] = complete.ifelse(log.mark(gaps[0] | gaps[-1]), NOTHING)
    return found


def _make_exposure(gathered):
    """Who took it up: 1, 0, or null when unknown or the window is not over."""
    exposure, table = gathered.design.exposure, gathered.table
    if exposure.column:
        return table[exposure.column].cast("float64")
    if "fold:exposed" in table.columns:
        return gathered.is_over(exposure.within_days).ifelse(log.mark(table["fold:exposed"] > 0), NOTHING)
    if not (columns := [table[name].cast("float64") for name in exposure.event if name in table.columns]):
        raise Refused(UNEXPOSED.format(" or ".join(exposure.event)))
    return log.mark(ibis.greatest(*columns) > 0)


def _make_plain(gathered, name, metric):
    """The columns of a metric that is one value a unit; where no event is 0, nothing is missing."""
    table, complete, told = gathered.table, gathered.is_over(metric.within_days), f"fold:{name}"
    is_counted = told in table.columns and metric.how.total in COUNTED
    made = table[told if told in table.columns else metric.column or name].cast("float64")
    if metric.how.code:
        made = metric.how.code(made, metric)
    value = made.fill_null(0.0) if metric.missing == "zero" else made
    found = {f"complete_{name}": complete, f"y_{name}": complete.ifelse(value, NOTHING)}
    relevant, asked = complete, f"{told}:asked" if f"{told}:asked" in table.columns else metric.asked
    if metric.asked and asked in table.columns:
        was_asked = table[asked].cast("float64").fill_null(0.0) > 0
        found[f"asked_{name}"], relevant = complete.ifelse(log.mark(was_asked), NOTHING), complete & was_asked
    if not is_counted:
        found[f"missing_{name}"] = relevant.ifelse(log.mark(made.isnull()), NOTHING)
    return found


def _make_part(gathered, name, columns, part):
    """One part of a ratio, whether its window is over, and whether it is missing (None where it cannot be).

    A part is a metric, else the count of an event, else a column.
    """
    metric, table = gathered.design.metrics[name], gathered.table
    of, counted, complete = getattr(metric, part), f"fold:{name}:{part}", gathered.is_over(metric.within_days)
    if f"y_{of}" in columns:
        return _read(columns, of)
    if counted in table.columns:
        return complete.ifelse(table[counted].cast("float64"), NOTHING), complete, None
    raw = table[of].cast("float64")
    value = raw.fill_null(0.0) if metric.missing == "zero" and part != "time_at_risk" else raw
    return complete.ifelse(value, NOTHING), complete, raw.isnull() if of in gathered.holed else NEVER


def _read(columns, of):
    gap = columns[f"missing_{of}"] == 1 if f"missing_{of}" in columns else None
    return columns[f"y_{of}"], columns[f"complete_{of}"], gap


def _make_time(gathered, name, metric):
    table, over = gathered.table, {f"complete_{name}": gathered.is_over(metric.horizon_days)}
    if f"fold:{name}" not in table.columns:
        time, observed = (table[column].cast("float64") for column in (metric.time, metric.observed))
        missing = log.mark(time.isnull() | observed.isnull())
        return {f"time_{name}": time, f"observed_{name}": observed, **over, f"missing_{name}": missing}
    happened, start = table[f"fold:{name}"], gathered.start.epoch_seconds()
    observed = log.mark(happened.notnull())
    if metric.competing:
        ended = table[f"fold:{name}:competing"]
        comes_first = ended.notnull() & (happened.isnull() | (ended < happened))  # at the same moment the event wins
        happened, observed = comes_first.ifelse(ended, happened), comes_first.ifelse(2.0, observed)
    days = (happened.epoch_seconds() - start).cast("float64") / log.DAY
    days = ibis.greatest(days, 0.0) if gathered.has_dates else days  # a date alone lies before a time on that day
    seen = (calendar.timegm(gathered.end.timetuple()) - start.cast("float64")) / log.DAY
    return {f"time_{name}": days.fill_null(seen), f"observed_{name}": observed, **over}


def _list_outcomes(table, design):
    """What a plan counts of each unit: its name and its column."""
    for name, metric in design.metrics.items():
        if metric.how.outcome == "y":
            yield name, table[f"y_{name}"]
        elif metric.how.outcome == "num":
            yield name, table[f"num_{name}"] / table[f"den_{name}"].nullif(0)
        else:
            yield name, table[f"time_{name}"]
            yield f"{name}_observed", table[f"observed_{name}"]
    if design.exposure:
        yield "exposed", table["exposed"]
