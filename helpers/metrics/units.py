"""A source and a plan become one row a unit: the table from which every moment and count is taken."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
from ibis.util import gen_name

from helpers.metrics.clock import START, read_clock
from helpers.metrics.covariates import make_covariates
from helpers.metrics.events import fold_events
from helpers.metrics.notes import refuse_negative_times, refuse_no_units, write_event_notes, write_unit_notes
from helpers.metrics.outcomes import Gathered, make_exposure, make_outcomes, share_known
from helpers.plan import ExperimentPlan
from helpers.records import Refused

if TYPE_CHECKING:
    from helpers.sources import Source


@dataclass(frozen=True)
class Units:
    """One row a unit, in the engine, with every column that the plan asks for.

    Attributes
    ----------
    table : ibis.Table
        `unit`, `variant`, `cluster`, `assigned_at`, `week` (0 is the first) and `hours` ("weekday 00-04", UTC), both
        null outside the randomisation, `exposed` (0 or 1), and for each metric `y_` (or `num_` and `den_`; `time_` in
        days and `observed_`, 2 for a competing event; null is unknown or not yet observed), `complete_` (its window
        is over), `missing_` and `asked_` (0 or 1), `x_` columns of covariates (never null) and `s_` columns of
        segments ("unknown" where missing).
    design : ExperimentPlan
    covariates : tuple of str
        Names of the `x_` columns.
    known : dict
        For each metric the first one that is known for the same units.
    as_of : date or None
        The last day that counts: the plan's, else the latest day in the data where there are events.
    messages : tuple of str
        What was left out or filled, with counts, one sentence each.
    n_two_variants : int
        Units that were assigned, and left out because they stand in two variants.
    assigned : (date, date) or None
        The first and the last day on which a unit was randomised.
    """

    table: ir.Table
    design: ExperimentPlan
    covariates: tuple[str, ...]
    known: dict[str, str]
    as_of: dt.date | None = None
    messages: tuple[str, ...] = ()
    n_two_variants: int = 0
    assigned: tuple[dt.date, dt.date] | None = None


def fold(source: Source, design: ExperimentPlan) -> Units:
    """Return one row a unit, from the unit table alone or from assignments and events.

    A window starts at the moment of assignment and ends some days later, that moment not included. It is over
    when it ends by the end of `as_of`; a unit whose window is not over has no outcome yet. Within a window that
    is over, no event is 0 (binary, count, amount) or missing (score, nps). Units assigned after `as_of` are not
    yet part of the experiment. The plan's `missing: zero` fills outcomes that a column lacks. A count with a time at
    risk is told as a ratio of the two; a unit that counts something in no time at risk stays in, and is counted in a
    message. Of an event and a competing one at the same moment the event comes first.

    Parameters
    ----------
    source : Source
    design : ExperimentPlan

    Returns
    -------
    Units

    Raises
    ------
    Refused: no unit is assigned by `as_of`; no column for the exposure; a time at risk below 0; two names of the plan
    that differ only in capitals.
    """
    _refuse_capitals(design)
    units, events = _read_times(source, design)
    clock = read_clock(units, events, as_of=design.as_of, arms=design.variant.arms)
    table = _keep_assigned(units, clock)
    if events is not None:
        table = fold_events(table, events, design, clock, columns=_find_columns(units, events, design))
    gathered = Gathered(table, design, clock, events is not None)
    columns = _make_columns(gathered)
    folded = _keep(table.select("unit", "variant", **columns), stored=events is not None)
    refuse_no_units(folded, clock)
    refuse_negative_times(folded, design)
    messages = (*write_unit_notes(units, folded, design, clock), *write_event_notes(units, events, design, clock))
    covariates = tuple(name for name in columns if name.startswith("x_"))
    known = share_known(gathered)
    days = (clock.first_day, clock.last_day) if clock.first_day and clock.last_day else None
    return Units(folded, design, covariates, known, clock.as_of, messages, source.n_two_variants, days)


def name_group(design: ExperimentPlan, by: str) -> str:
    """Return the column of `Units.table` by which units are grouped: `week`, a segment of the plan, or `hours`."""
    return by if by == "week" or (by == "hours" and by not in design.segments) else f"s_{by}"


def _refuse_capitals(design):
    for names in (list(design.metrics), design.covariates, design.segments):
        twice = [name for name, times in Counter(n.casefold() for n in names).items() if times > 1]
        if twice:
            raise Refused(f"plan: the name {twice[0]} stands twice, in other capitals or not; rename one")


def _read_times(source, design):
    units, events = source.units, source.events
    if design.assigned_at:
        units = units.mutate(**{START: units[design.assigned_at]})
    if events is not None:
        events = events.select("unit", "event", "at", value=events["value"].cast("float64"))
    return units, events


def _keep_assigned(units, clock):
    if START not in units.columns or clock.cutoff is None:
        return units
    return units.filter(units[START] < ibis.literal(clock.cutoff))


def _keep(folded, *, stored):
    """In DuckDB, store what is folded from events, and name the rest a view (it would copy what a query uses twice)."""
    backend = folded.get_backend()
    if backend.name != "duckdb":
        return folded
    return folded.cache() if stored else backend.create_view(gen_name("units"), folded)


def _find_columns(units, events, design):
    """Parts of ratios and times at risk that are no metric, stand in the unit table and never occur as an event."""
    parts = {part for m in design.metrics.values() for part in (m.numerator, m.denominator, m.time_at_risk)} - {None}
    columns = (parts - set(design.metrics)) & set(units.columns)
    if not columns:
        return columns
    occurring = events.filter(events["event"].isin(sorted(columns))).select("event").distinct()
    return columns - set(occurring.to_pyarrow()["event"].to_pylist())


def _make_columns(gathered):
    table, design = gathered.table, gathered.design
    columns = {"cluster": table[design.cluster].cast("string")} if design.cluster else {}
    if gathered.start is not None:
        split = {"week": gathered.clock.week(gathered.start), "hours": gathered.clock.hours(gathered.start)}
        randomised = table["variant"].isin(design.variant.arms)
        columns |= {"assigned_at": gathered.start} | {k: randomised.ifelse(v, ibis.null()) for k, v in split.items()}
    if design.exposure:
        columns["exposed"] = make_exposure(gathered)
    columns |= make_outcomes(gathered)
    columns |= make_covariates(table, design.covariates, arms=design.variant.arms)
    segments = {f"s_{name}": table[name].cast("string").fill_null("unknown") for name in design.segments}
    return columns | segments
