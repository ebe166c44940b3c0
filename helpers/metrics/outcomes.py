"""Each metric of the plan becomes its columns: the outcome, whether its window is over, whether it is missing."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from helpers.metrics.clock import ALWAYS, DAY, START, Clock, mark
from helpers.metrics.events import is_from_events
from helpers.plan import ExperimentPlan, Metric
from helpers.records import Refused

COUNTED = ("binary", "count", "amount")
NOTHING = ibis.null("float64")


@dataclass(frozen=True)
class Gathered:
    """The unit table joined with what the events say of each unit (`folded`), and the clock of both."""

    table: ir.Table
    design: ExperimentPlan
    clock: Clock
    folded: bool

    @property
    def start(self) -> ir.TimestampValue | None:
        """The time of assignment; None where there is none."""
        return self.table[START] if START in self.table.columns else None

    def is_over(self, days: float | None) -> ir.BooleanValue:
        """Whether the window of some days since assignment is over."""
        return self.clock.is_over(self.start, days)

    def is_counted(self, metric: Metric) -> bool:
        """Whether a metric counts events, so that no event is 0 and nothing is missing."""
        return self.folded and is_from_events(metric) and metric.kind in COUNTED

    def read(self, metric: Metric, name: str) -> ir.FloatingColumn:
        """The metric as it stands in the folded events or in its column."""
        from_events = self.folded and is_from_events(metric)
        return self.table[f"fold:{name}" if from_events else metric.column or name].cast("float64")


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
    metrics = gathered.design.metrics
    columns = {}
    for name, metric in metrics.items():
        if metric.kind == "time_to_event":
            columns |= _make_time(gathered, name, metric)
        elif not metric.is_ratio:
            columns |= _make_plain(gathered, name, metric)
    for name, metric in metrics.items():
        if metric.time_at_risk:
            columns |= _make_rate(gathered, name, metric, columns)
        elif metric.is_ratio:
            columns |= _make_ratio(gathered, name, metric, columns)
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
    if gathered.folded:
        took = mark(table["fold:exposed"].fill_null(0.0) > 0)
        return _within(gathered.is_over(exposure.within_days), took)
    columns = [table[name].cast("float64") for name in exposure.event if name in table.columns]
    if not columns:
        raise Refused(
            f"plan, exposure: there are no events and the table has no column {' or '.join(exposure.event)}; "
            "name the column, or give the events"
        )
    return mark(ibis.greatest(*columns) > 0)


def share_known(gathered: Gathered) -> dict[str, str]:
    """Return for each metric the first one that is known for exactly the same units.

    Counts of events are known for the units whose window is over, so metrics with one window share the moments
    of their covariates.
    """
    first = {}
    return {
        name: first.setdefault(metric.within_days, name) if _is_shared(gathered, metric) else name
        for name, metric in gathered.design.metrics.items()
    }


def _is_shared(gathered, metric):
    return gathered.is_counted(metric) and not metric.is_ratio


def _make_plain(gathered, name, metric):
    complete, raw = gathered.is_over(metric.within_days), gathered.read(metric, name)
    found = {f"complete_{name}": complete, f"y_{name}": _within(complete, _fill(metric, _code(gathered, metric, raw)))}
    asked = _read_asked(gathered, name, metric)
    if asked is not None:
        found[f"asked_{name}"] = _within(complete, asked)
    if not gathered.is_counted(metric):
        relevant = complete if asked is None else complete & (asked == 1)
        found[f"missing_{name}"] = _within(relevant, mark(raw.isnull()))
    return found


def _code(gathered, metric, raw):
    if metric.kind == "nps":
        # whole numbers, then a real cast: DuckDB takes 100.0 for a decimal of one digit, which no variance fits
        return ibis.cases((raw >= 9, 100), (raw <= 6, -100), (raw.notnull(), 0)).cast("float64")
    if not gathered.is_counted(metric):
        return raw
    return mark(raw.fill_null(0.0) > 0) if metric.kind == "binary" else raw.fill_null(0.0)


def _fill(metric, value):
    return value.fill_null(0.0) if metric.missing == "zero" else value


def _within(complete, value):
    return value if complete is ALWAYS else complete.ifelse(value, NOTHING)


def _read_asked(gathered, name, metric):
    column = f"fold:{name}:asked" if gathered.folded else metric.asked
    if metric.asked is None or column not in gathered.table.columns:
        return None
    return mark(gathered.table[column].cast("float64").fill_null(0.0) > 0)


def _make_ratio(gathered, name, metric, columns):
    parts = ("numerator", metric.numerator), ("denominator", metric.denominator)
    return _join_parts(name, *(_make_part(gathered, name, metric, columns, *part) for part in parts))


def _make_rate(gathered, name, metric, columns):
    plain = _make_plain(gathered, name, metric)
    time = _make_part(gathered, name, metric, columns, "time_at_risk", metric.time_at_risk)
    asked = {key: value for key, value in plain.items() if key == f"asked_{name}"}
    return asked | _join_parts(name, _read_part(plain, name), time)


def _join_parts(name, above, below):
    (top, top_over, top_gap), (bottom, bottom_over, bottom_gap) = above, below
    complete = _both(top_over, bottom_over)
    found = {f"complete_{name}": complete}  # each part is null of itself where it is unknown: half the tests a row
    found[f"num_{name}"] = (complete & bottom.notnull()).ifelse(top, NOTHING)
    found[f"den_{name}"] = (complete & top.notnull()).ifelse(bottom, NOTHING)
    gaps = [gap for gap in (top_gap, bottom_gap) if gap is not None]
    if gaps:
        found[f"missing_{name}"] = _within(complete, mark(gaps[0] | gaps[-1]))
    return found


def _make_part(gathered, name, metric, columns, part, of):
    """One part of a ratio, whether its window is over, and whether it is missing (None where it cannot be).

    A part is a metric, else the count of an event, else a column.
    """
    if f"y_{of}" in columns:
        return _read_part(columns, of)
    complete, counted = gathered.is_over(metric.within_days), f"fold:{name}:{part}"
    if counted in gathered.table.columns:
        return _within(complete, gathered.table[counted].fill_null(0.0)), complete, None
    raw = gathered.table[of].cast("float64")
    value = raw if part == "time_at_risk" else _fill(metric, raw)
    return _within(complete, value), complete, raw.isnull()


def _read_part(columns, of):
    gap = columns[f"missing_{of}"] == 1 if f"missing_{of}" in columns else None
    return columns[f"y_{of}"], columns[f"complete_{of}"], gap


def _both(one, other):
    return ALWAYS if one is ALWAYS and other is ALWAYS else one & other


def _make_time(gathered, name, metric):
    over = gathered.is_over(metric.horizon_days)
    if not (gathered.folded and is_from_events(metric)):
        time, observed = (gathered.table[column].cast("float64") for column in (metric.time, metric.observed))
        missing = mark(time.isnull() | observed.isnull())
        return {
            f"time_{name}": time,
            f"observed_{name}": observed,
            f"complete_{name}": over,
            f"missing_{name}": missing,
        }
    happened, start = gathered.table[f"fold:{name}"], gathered.start
    observed = mark(happened.notnull())
    if metric.competing:
        ended = gathered.table[f"fold:{name}:competing"]
        comes_first = ended.notnull() & (happened.isnull() | (ended < happened))  # at the same moment the event wins
        happened, observed = comes_first.ifelse(ended, happened), comes_first.ifelse(2.0, observed)
    days = (happened.epoch_seconds() - start.epoch_seconds()).cast("float64") / DAY
    return {
        f"time_{name}": days.fill_null(gathered.clock.days_seen(start)),
        f"observed_{name}": observed,
        f"complete_{name}": over,
    }
