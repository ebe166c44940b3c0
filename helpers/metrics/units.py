"""A source and a plan become one row a unit: the table from which every moment, count and row is taken."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import pandas as pd

from helpers.metrics.events import DAY, ask, count_seconds, find_end, fold_events, hear, name_block, store
from helpers.metrics.outcomes import START, Gathered, list_totals, make_covariates, make_exposure, make_outcomes
from helpers.plan import ExperimentPlan
from helpers.records import Refused

if TYPE_CHECKING:
    from helpers.sources import Source

DATED = "events have dates and no times: the day of assignment counts, and windows hold whole days"
ROWS = ("variant", "cluster", "exposed", "y_", "time_", "observed_", "complete_", "x_")  # what row-level methods read


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
    _answers: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def keep(self, question, answer):
        """Return what `answer` gives, which is called, and asks the engine, the first time that it is wanted."""
        if question not in self._answers:
            self._answers[question] = answer()
        return self._answers[question]


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
    Refused: no unit is assigned by `as_of`; no column for the exposure; a time at risk below 0; two names of the plan
    that differ only in capitals.
    """
    _refuse_capitals(design)
    units, events = source.units, source.events
    if design.assigned_at:
        units = units.mutate(**{START: units[design.assigned_at]})
    clock, notes = _read_clock(units, events, design), []
    if clock["dated"]:
        units = units.mutate(**{START: units[START].truncate("D")})
        notes.append(DATED)
    table, end = units, find_end(clock["as_of"])
    if clock["late"]:
        notes.append(f"units assigned after {clock['as_of']}, left out: {clock['late']:,}")
    if START in units.columns and end:
        table = units.filter(units[START] < ibis.literal(end))
    if events is not None:
        heard = hear(table, events.mutate(value=events["value"].cast("float64")), start=START)
        told = _find_columns(units, events, design)
        totals = [total for total in list_totals(design) if not told.intersection(total.events)]
        table = fold_events(table, heard.filter(heard["at"] < ibis.literal(end)), totals)
    gathered = Gathered(table, design, end)
    holed = [name for name in design.covariates if clock["gaps"][f"gaps_{name}"]]
    columns = _make_columns(gathered, clock["first"], holed)
    folded = store(table.select("unit", "variant", **columns), copied=events is not None)
    days = (clock["first"], clock["last"]) if clock["first"] and clock["last"] else None
    strays = [] if events is None else [_find_strays(units, events, design, clock["as_of"])]
    notes += _write_notes(folded, strays, design, clock["as_of"])
    covariates = tuple(name for name in columns if name.startswith("x_"))
    known = gathered.share_known()
    return Units(folded, design, covariates, known, clock["as_of"], tuple(notes), source.n_two_variants, days)


def _refuse_capitals(design):
    for names in (list(design.metrics), design.covariates, design.segments):
        twice = [name for name, times in Counter(n.casefold() for n in names).items() if times > 1]
        if twice:
            raise Refused(f"plan: the name {twice[0]} stands twice, in other capitals or not; rename one")


def _read_clock(units, events, design):
    """When units were randomised, the last day that is known, how many came later, and what covariates lack, at once.

    `dated` is whether every event has a date alone while units were assigned at some time of day.

    `as_of` is as planned, else the latest day of an event or an assignment where there are events. Without events the
    table does not say until when it is complete, so nothing is held to be unfinished. Weeks count from the first
    randomised unit, and from the first of all without them.
    """
    gaps = {f"gaps_{name}": units.count() - units[name].count() for name in design.covariates}
    if START not in units.columns:
        return dict.fromkeys(("first", "as_of", "last", "late", "dated")) | {"gaps": ask(units, gaps)}
    start, randomised = units[START], units["variant"].isin(design.variant.arms)
    is_timed = (start.epoch_seconds() % DAY != 0).any()
    spans = units.aggregate(
        first=start.min(where=randomised).fill_null(start.min()),
        last=start.max(where=randomised).fill_null(start.max()),
        late=(start >= ibis.literal(find_end(design.as_of))).sum() if design.as_of else ibis.literal(0),
        latest=start.max(),
        timed=is_timed,
        **gaps,
    )
    if events is not None:
        at = events["at"]
        spans = spans.cross_join(events.aggregate(heard=at.max(), clocked=(at.epoch_seconds() % DAY != 0).any()))
    found = spans.to_pyarrow().to_pylist()[0]
    days = {name: found.get(name) and found[name].date() for name in ("first", "last", "latest", "heard")}
    as_of = design.as_of
    if as_of is None and events is not None:
        as_of = max((days[name] for name in ("latest", "heard") if days[name]), default=None)
    last = days["last"] and min(days["last"], as_of or days["last"])
    missing = {key: found[key] for key in gaps}
    dated = bool(found["timed"] and days["heard"] and not found["clocked"])
    return {
        "first": days["first"],
        "as_of": as_of,
        "last": last,
        "late": found["late"],
        "gaps": missing,
        "dated": dated,
    }


def _find_columns(units, events, design):
    """Parts of ratios and times at risk that are no metric, stand in the unit table and never occur as an event."""
    parts = {part for m in design.metrics.values() for part in (m.numerator, m.denominator, m.time_at_risk)} - {None}
    columns = (parts - set(design.metrics)) & set(units.columns)
    if not columns:
        return columns
    occurring = events.filter(events["event"].isin(sorted(columns))).select("event").distinct()
    return columns - set(occurring.to_pyarrow()["event"].to_pylist())


def _make_columns(gathered, first, holed):
    table, design, start = gathered.table, gathered.design, gathered.start
    columns = {"cluster": table[design.cluster].cast("string")} if design.cluster else {}
    if start is not None:
        moment, randomised = table[design.assigned_at], table["variant"].isin(design.variant.arms)
        week = ((start.epoch_seconds() - count_seconds(first)) / (7 * 86_400)).floor().cast("int64")
        split = {"week": week, "hours": name_block(moment)}
        columns |= {"assigned_at": moment} | {k: randomised.ifelse(v, ibis.null()) for k, v in split.items()}
    if design.exposure:
        columns["exposed"] = make_exposure(gathered)
    columns |= make_outcomes(gathered)
    columns |= make_covariates(table, design.covariates, holed, arms=design.variant.arms)
    return columns | {f"s_{name}": table[name].cast("string").fill_null("unknown") for name in design.segments}


def _write_notes(folded, strays, design, as_of):
    """What was filled, is unknown or does not count, and a last day that the plan leaves out; only what applies.

    Raises
    ------
    Refused: no unit is assigned by `as_of`; a time at risk below 0, which a metric that sums amounts can give.
    """
    said, negative, rates = (
        {},
        {},
        {name: folded[f"den_{name}"] for name, m in design.metrics.items() if m.time_at_risk},
    )
    for name, metric in design.metrics.items():
        if metric.missing == "zero" and metric.kind != "time_to_event" and f"missing_{name}" in folded.columns:
            outcome = folded[f"num_{name}" if metric.is_ratio else f"y_{name}"]
            is_filled = outcome.notnull() & (folded[f"missing_{name}"] == 1)
            said[f"missing outcomes of {name} that count as 0, as planned"] = is_filled
    for name, time in rates.items():
        said[f"units with some {name} in no time at risk, kept in"] = (folded[f"num_{name}"] > 0) & (time == 0)
        negative[name] = time < 0
    if design.exposure:
        said["units whose take-up is not known, or not yet"] = folded["exposed"].isnull()
    facts = {"units": folded.count()} | {key: fact.sum() for key, fact in (said | negative).items()}
    found = ask(folded, facts, *strays)
    if not found["units"]:
        raise Refused(f"plan, as_of: no unit is assigned by {as_of}; choose a later day")
    for name in (name for name in negative if found[name]):
        raise Refused(
            f"plan, metrics.{name}.time_at_risk: {found[name]:,} unit{'s' if found[name] > 1 else ''} with less than "
            f"0 of {design.metrics[name].time_at_risk}; correct the data, or name another time at risk"
        )
    filled = [f"{sentence}: {found[sentence]:,}" for sentence in said if found[sentence]]
    if not strays:
        return filled
    latest = f"as_of is left out of the plan: the latest day in the data, {as_of}, is taken as the last complete one"
    lost = [f"{sentence}: {found[sentence]:,}" for _, counts in strays for sentence in counts if found[sentence]]
    return [*filled, *([] if design.as_of else [latest]), *lost]


def _find_strays(units, events, design, as_of):
    """The events of the plan, and what is to be counted of those that do not count."""
    totals = list_totals(design)
    planned = events.filter(events["event"].isin(sorted({event for total in totals for event in total.events})))
    planned = planned.inner_join(units.select("unit", START), "unit")
    valued = {event for total in totals if total.kind in ("amount", "last") for event in total.events}
    facts = {
        "events before their unit is assigned, left out": planned["at"] < planned[START],
        f"events after {as_of}, the last complete day, left out": planned["at"] >= ibis.literal(find_end(as_of)),
        "events without the value that the plan adds up or averages": planned["event"].isin(sorted(valued))
        & planned["value"].isnull(),
    }
    return planned, {sentence: fact.sum() for sentence, fact in facts.items()}


def describe_arms(units: Units) -> pd.DataFrame:
    """Return what a table of the design needs: the size of each arm and how far it is observed.

    Parameters
    ----------
    units : Units

    Returns
    -------
    DataFrame: one row an arm, observational groups last. `variant`, `units`, `clusters` (with clusters),
        `first_assigned_at` and `last_assigned_at` (with times), `exposed_share` (with an exposure; nan when
        unknown), and for each metric `complete_<metric>` and `known_<metric>`, counts of units.
    """
    table, design = units.table, units.design
    found = {"units": table.count()}
    if design.cluster:
        found["clusters"] = table["cluster"].nunique()
    if "assigned_at" in table.columns:
        found |= {"first_assigned_at": table["assigned_at"].min(), "last_assigned_at": table["assigned_at"].max()}
    if design.exposure:
        found["exposed_share"] = table["exposed"].mean()
    for name, metric in design.metrics.items():
        prefix = "num" if metric.is_ratio else "time" if metric.kind == "time_to_event" else "y"
        complete, outcome = table[f"complete_{name}"], table[f"{prefix}_{name}"]
        found |= {f"complete_{name}": complete.sum(), f"known_{name}": outcome.count(where=complete)}
    asked = table.group_by("variant").aggregate(**found)
    frame = units.keep("arms", lambda: asked.to_pyarrow().to_pandas().set_index("variant"))
    arms = [arm for arm in (*design.variant.arms, *design.variant.observational) if arm in frame.index]
    return frame.loc[arms].reset_index()


def read_rows(units: Units, columns, *, limit=200_000) -> pd.DataFrame | None:
    """Return some columns of all units for a row-level method, in the order of the units' ids.

    What row-level methods read is fetched together, the first time that one of them asks, and kept.

    Parameters
    ----------
    units : Units
    columns : sequence of str
        Of `units.table`.
    limit : int
        The most units that are brought into memory.

    Returns
    -------
    DataFrame: one row a unit; None when there are more than `limit`, so that the caller can say so.
    """
    if describe_arms(units)["units"].sum() > limit:
        return None
    kept = units.keep("rows", dict)
    if not kept.keys() >= set(columns):
        wanted = [c for c in units.table.columns if c not in kept and (c in columns or c.startswith(ROWS))]
        kept.update(units.table.order_by("unit").select(*wanted).to_pyarrow().to_pandas())
    return pd.DataFrame({column: kept[column] for column in columns})
