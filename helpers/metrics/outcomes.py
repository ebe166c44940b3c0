"""Each metric of the plan becomes its columns; and covariates become numbers without gaps."""

import datetime as dt
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from helpers.metrics.events import ALWAYS, DAY, Total, add_days, ask, count_seconds, mark
from helpers.plan import ExperimentPlan
from helpers.records import Refused

START = "fold:start"  # the column of the time of assignment, UTC, while units are folded
TAKEN = {
    "binary": "count",
    "count": "count",
    "amount": "amount",
    "score": "last",
    "nps": "last",
    "time_to_event": "first",
}
NOTHING = ibis.null("float64")
MOST_LEVELS = 20
OTHER = "other"


def list_totals(design: ExperimentPlan) -> list[Total]:
    """Return what the plan reads of each unit's events: `fold:METRIC`, `fold:METRIC:PART` and `fold:exposed`."""
    found, exposure = [], design.exposure
    if exposure and exposure.event:
        found.append(Total("fold:exposed", "count", tuple(exposure.event), until=exposure.within_days))
    for name, metric in design.metrics.items():
        since = metric.from_days or 0.0  # who is asked before the window begins may answer within it
        for part in ("asked", "numerator", "denominator", "time_at_risk"):
            event = getattr(metric, part)
            if event and (part == "asked" or event not in design.metrics):
                begin = 0.0 if part == "asked" else since
                found.append(Total(f"fold:{name}:{part}", "count", (event,), begin, metric.within_days))
        if metric.kind != "ratio" and metric.column is None and metric.time is None:
            events = tuple(metric.event or [name])
            found.append(Total(f"fold:{name}", TAKEN.get(metric.kind, "first"), events, since, metric.within_days))
            if metric.competing:
                found.append(Total(f"fold:{name}:competing", "first", tuple(metric.competing)))
    return found


@dataclass(frozen=True)
class Gathered:
    """The unit table, joined with what events say of each unit where there are any; and the first moment not known."""

    table: ir.Table
    design: ExperimentPlan
    end: dt.datetime | None

    @property
    def start(self) -> ir.TimestampValue | None:
        """The time of assignment; None where there is none."""
        return self.table[START] if START in self.table.columns else None

    def is_over(self, days: float | None) -> ir.BooleanValue:
        """Whether the window of some days since assignment is over; always without a window or times."""
        if days is None or self.start is None or self.end is None:
            return ALWAYS
        return add_days(self.start, days) <= ibis.literal(self.end)

    def is_counted(self, name: str) -> bool:
        """Whether a metric counts events, so that no event is 0 and nothing is missing."""
        kind = self.design.metrics[name].kind
        return f"fold:{name}" in self.table.columns and TAKEN.get(kind) in ("count", "amount")

    def share_known(self) -> dict[str, str]:
        """For each metric the first one that is known for exactly the same units.

        Counts of events are known for the units whose window is over, so metrics with one window share the moments
        of their covariates.
        """
        first, known = {}, {}
        for name, metric in self.design.metrics.items():
            is_shared = self.is_counted(name) and not metric.is_ratio
            known[name] = first.setdefault(metric.within_days, name) if is_shared else name
        return known


def make_outcomes(gathered: Gathered) -> dict[str, ir.Value]:
    """Return the columns of all metrics of a plan.

    Parameters
    ----------
    gathered : Gathered

    Returns
    -------
    dict: `y_` (or `num_` and `den_`; `time_` and `observed_`), `complete_`, and, where an outcome can be missing
        after its window, `missing_` (0 or 1; null before the window is over or when the unit was not asked) and
        `asked_`. An outcome is null when it is unknown or its window is not over. A count with a time at risk is
        told as `num_` (the count) and `den_` (the time); `missing: zero` fills the count, never the time.
    """
    columns, metrics = {}, gathered.design.metrics
    for name, metric in metrics.items():
        if metric.kind == "time_to_event":
            columns |= _make_time(gathered, name, metric)
        elif not metric.is_ratio:
            columns |= _make_plain(gathered, name, metric)
    for name, metric in metrics.items():
        if metric.time_at_risk:
            plain = _make_plain(gathered, name, metric)
            below = _make_part(gathered, name, columns, "time_at_risk")
            columns |= {key: value for key, value in plain.items() if key == f"asked_{name}"}
            columns |= _join_parts(name, _read_part(plain, name), below)
        elif metric.is_ratio:
            parts = (_make_part(gathered, name, columns, part) for part in ("numerator", "denominator"))
            columns |= _join_parts(name, *parts)
    return columns


def make_exposure(gathered: Gathered) -> ir.FloatingColumn:
    """Return who took it up: 1, 0, or null when unknown or the window is not over.

    Raises
    ------
    Refused: without events, the table has none of the columns that the plan's exposure names.
    """
    exposure, table = gathered.design.exposure, gathered.table
    if exposure.column:
        return table[exposure.column].cast("float64")
    if "fold:exposed" in table.columns:
        return _within(gathered.is_over(exposure.within_days), mark(table["fold:exposed"] > 0))
    columns = [table[name].cast("float64") for name in exposure.event if name in table.columns]
    if not columns:
        raise Refused(
            f"plan, exposure: there are no events and the table has no column {' or '.join(exposure.event)}; "
            "name the column, or give the events"
        )
    return mark(ibis.greatest(*columns) > 0)


def _make_plain(gathered, name, metric):
    table, is_counted, complete = gathered.table, gathered.is_counted(name), gathered.is_over(metric.within_days)
    told, was_told = f"fold:{name}", f"fold:{name}:asked"
    value = raw = table[told if told in table.columns else metric.column or name].cast("float64")
    if metric.kind == "nps":
        # whole numbers, then a real cast: DuckDB takes 100.0 for a decimal of one digit, which no variance fits
        value = ibis.cases((raw >= 9, 100), (raw <= 6, -100), (raw.notnull(), 0)).cast("float64")
    elif metric.kind == "binary" and is_counted:
        value = mark(raw > 0)
    found = {f"complete_{name}": complete, f"y_{name}": _within(complete, _fill(metric, value))}
    relevant, asked = complete, was_told if was_told in table.columns else metric.asked
    if metric.asked and asked in table.columns:
        was_asked = table[asked].cast("float64").fill_null(0.0) > 0
        found[f"asked_{name}"], relevant = _within(complete, mark(was_asked)), complete & was_asked
    if not is_counted:
        found[f"missing_{name}"] = _within(relevant, mark(raw.isnull()))
    return found


def _fill(metric, value):
    return value.fill_null(0.0) if metric.missing == "zero" else value


def _within(complete, value):
    return value if complete is ALWAYS else complete.ifelse(value, NOTHING)


def _join_parts(name, above, below):
    (top, top_over, top_gap), (bottom, bottom_over, bottom_gap) = above, below
    complete = ALWAYS if top_over is ALWAYS and bottom_over is ALWAYS else top_over & bottom_over
    found = {f"complete_{name}": complete}  # each part is null of itself where it is unknown: half the tests a row
    found[f"num_{name}"] = (complete & bottom.notnull()).ifelse(top, NOTHING)
    found[f"den_{name}"] = (complete & top.notnull()).ifelse(bottom, NOTHING)
    gaps = [gap for gap in (top_gap, bottom_gap) if gap is not None]
    if gaps:
        found[f"missing_{name}"] = _within(complete, mark(gaps[0] | gaps[-1]))
    return found


def _make_part(gathered, name, columns, part):
    """One part of a ratio, whether its window is over, and whether it is missing (None where it cannot be).

    A part is a metric, else the count of an event, else a column.
    """
    metric, table = gathered.design.metrics[name], gathered.table
    of, counted, complete = getattr(metric, part), f"fold:{name}:{part}", gathered.is_over(metric.within_days)
    if f"y_{of}" in columns:
        return _read_part(columns, of)
    if counted in table.columns:
        return _within(complete, table[counted].cast("float64")), complete, None
    raw = table[of].cast("float64")
    return _within(complete, raw if part == "time_at_risk" else _fill(metric, raw)), complete, raw.isnull()


def _read_part(columns, of):
    gap = columns[f"missing_{of}"] == 1 if f"missing_{of}" in columns else None
    return columns[f"y_{of}"], columns[f"complete_{of}"], gap


def _make_time(gathered, name, metric):
    table, over = gathered.table, {f"complete_{name}": gathered.is_over(metric.horizon_days)}
    if f"fold:{name}" not in table.columns:
        time, observed = (table[column].cast("float64") for column in (metric.time, metric.observed))
        missing = mark(time.isnull() | observed.isnull())
        return {f"time_{name}": time, f"observed_{name}": observed, **over, f"missing_{name}": missing}
    happened, start = table[f"fold:{name}"], gathered.start.epoch_seconds()
    observed = mark(happened.notnull())
    if metric.competing:
        ended = table[f"fold:{name}:competing"]
        comes_first = ended.notnull() & (happened.isnull() | (ended < happened))  # at the same moment the event wins
        happened, observed = comes_first.ifelse(ended, happened), comes_first.ifelse(2.0, observed)
    days = (happened.epoch_seconds() - start).cast("float64") / DAY
    seen = (count_seconds(gathered.end) - start.cast("float64")) / DAY
    return {f"time_{name}": days.fill_null(seen), f"observed_{name}": observed, **over}


def make_covariates(table: ir.Table, names, holed, *, arms) -> dict[str, ir.Value]:
    """Return the columns of some covariates, measured before assignment.

    Numbers are filled with 0 where they are missing, beside an indicator of it; under an adjustment that holds the
    indicator, the value that fills changes nothing. Other columns become an indicator a level, compared after
    trimming and case folding: the most frequent level is the reference, levels beyond the 20 most frequent are
    pooled as "other", missing ones have an indicator of their own.

    Parameters
    ----------
    table : ibis.Table, one row a unit, with `variant`
    names : sequence of str, columns of the table
    holed : sequence of str
        Those that any unit lacks; a file's own counts tell, where it has any.
    arms : sequence of str
        The randomised arms; only their units decide which levels there are and whether any value is missing.

    Returns
    -------
    dict: `x_<name>`, `x_<name>=<level>`, `x_<name>:missing`; floats, never null.

    References
    ----------
    Zhao and Ding (2024), To adjust or not to adjust? (missing indicators in randomised experiments).
    """
    columns, gaps = {}, _find_gaps(table, holed, arms)
    numbers = [name for name in names if table[name].type().is_numeric() or table[name].type().is_boolean()]
    levels = _list_levels(table, [name for name in names if name not in numbers], arms)
    for name in names:
        if name in numbers:
            number = mark(table[name]) if table[name].type().is_boolean() else table[name].cast("float64")
            columns[f"x_{name}"] = number.fill_null(0.0)
        else:
            level, kept = _fold_case(table[name]), levels[name]
            if is_pooled := len(kept) > MOST_LEVELS:
                kept = [value for value in kept[:MOST_LEVELS] if value != OTHER]
            facts = {value: level == value for value in kept[1:]} | ({OTHER: ~level.isin(kept)} if is_pooled else {})
            columns |= {f"x_{name}={value}": mark(fact.fill_null(False)) for value, fact in facts.items()}
        if name in gaps:
            columns[f"x_{name}:missing"] = mark(table[name].isnull())
    return columns


def _find_gaps(table, holed, arms):
    """Covariates that units of the randomised arms lack; arms are looked up only where one is, as text is slow."""
    if not holed:
        return []
    some = table.filter(ibis.or_(*(table[name].isnull() for name in holed)))
    some = some.filter(some["variant"].isin(arms))
    return [name for name, n in ask(some, {n: some.count() - some[n].count() for n in holed}).items() if n]


def _fold_case(column):
    return column.cast("string").strip().lower()


def _list_levels(table, names, arms):
    """The levels of each covariate in the randomised arms, most frequent first; one more than are kept."""
    if not names:
        return {}
    randomised, counted = table.filter(table["variant"].isin(arms)), []
    for name in names:
        known = randomised.select(level=_fold_case(randomised[name]))
        known = known.filter(known["level"].notnull())
        known = known.group_by("level").aggregate(units=known.count())
        most = known.order_by(ibis.desc("units"), "level").limit(MOST_LEVELS + 1)
        counted.append(most.mutate(name=ibis.literal(name)))
    rows = ibis.union(*counted).order_by(ibis.desc("units"), "level").to_pyarrow().to_pylist()
    return {name: [row["level"] for row in rows if row["name"] == name] for name in names}
