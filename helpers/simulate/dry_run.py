"""A dry run of any plan: one table with every planned metric, holding the effect that the plan calls worthwhile."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from helpers.kinds import KINDS, VALUED
from helpers.plan import ExperimentPlan, Metric
from helpers.records import Refused
from helpers.simulate import kit

PARTS = ("assignment", "people", "exposure", "metrics", "events")
UNITS_A_CLUSTER, TAKE_UP, DAYS = 10, 0.6, 28  # DAYS: the window of what has none
START = pd.Timestamp("2024-01-01", tz="UTC")  # of enrolment, where the plan names no as_of
NOTE = "Each metric holds the effect that the plan calls worthwhile, or none."
SHARED = 0.5  # correlation of a metric with what was known before, and of metrics of one unit


def experiment(design: ExperimentPlan, *, n_units=None, seed=1) -> kit.Simulation:
    """Return a table in the shape that a plan asks for, with generic baselines and planted effects.

    Each metric gets its plan's `worthwhile` in the expected direction; 0 where the plan lacks either. Every
    treatment gets the same effect. Groups outside the randomisation come from the control's population.

    Parameters
    ----------
    design : ExperimentPlan
    n_units : int, randomised units, 10 to 100,000,000
        The plan's `planned_units` (else 4,000) when left out.
    seed : int

    Returns
    -------
    Simulation: `units` has every metric. A plan that reads events (and names the time of assignment) gets `events`,
        and `assignments` without what they tell; else `events` is None and `assignments` are the units.
        A metric that shares an event or a column with an earlier one finds what that one tells, and is not in the
        truth.
        `truth["effects"]` has the population difference and lift of each metric and treatment; `truth["as_of"]`, of
        events whose plan names no as_of, the last day that they are complete for.

    Raises
    ------
    Refused: a number of units or a worthwhile effect that no data can have.
    """
    n_units = kit.check_count(n_units if n_units is not None else max(design.planned_units or 4000, 10))
    rng = kit.spawn_generators(seed, PARTS)
    table = _draw_assignment(design, n_units, rng["assignment"])
    known, people = _draw_people(design, table, rng["people"])
    treated = table[design.variant.column].isin(design.variant.treatments).to_numpy()
    found, effects = _draw_metrics(design, known, treated, rng["metrics"])
    if design.exposure:
        taken = treated & (rng["exposure"].random(treated.size) < TAKE_UP)
        found = {design.exposure.column or design.exposure.event[0]: taken.astype(int)} | found
    known = {name: column for name, column in people.items() if name not in (*table, *found)}
    assignments, events, shared = table.assign(**known, **found), None, find_shared(design)
    units, truth = assignments, {"study": "experiment", "effects": [e for e in effects if e["metric"] not in shared]}
    if reads_events(design):
        events = list_events(design, units, rng["events"])
        own = {design.exposure.column} if design.exposure else set()  # read from the table even where there are events
        for m in design.metrics.values():
            own |= {m.column, m.time, m.observed} | ({m.numerator, m.denominator, m.time_at_risk} - set(design.metrics))
        assignments = units.drop(columns=[name for name in found if name not in own])
        if not design.as_of:  # the last window is over, whether or not an event is so late
            truth["as_of"] = (START + _measure_span(design) - pd.Timedelta(days=1)).date()
    if design.units_in_row:
        assignments = _sum_up(design, units)
    note = f"Simulated: a dry run of the plan with {n_units:,} units and generic baselines. {NOTE}"
    return kit.Simulation(assignments, events, units, truth, note)


def _sum_up(design, units):
    """Rows that are sums, one an arm, segment and day of assignment, where the plan takes them so."""
    frame, sums = units.drop(columns=design.unit_id), {design.units_in_row: "sum"}
    frame[design.units_in_row] = 1
    if design.assigned_at:
        frame[design.assigned_at] = frame[design.assigned_at].dt.floor("D")
    for name, metric in design.metrics.items():
        if metric.products:
            above, below = (units[design.metrics[p].column or p] for p in (metric.numerator, metric.denominator))
            frame[metric.products], sums[metric.products] = above * below, "sum"
        elif metric.how.outcome == "y":
            own = metric.column or name
            squares = {metric.squares: units[own].astype(float) ** 2} if metric.squares else {}
            frame, sums = frame.assign(**squares), sums | dict.fromkeys((own, *squares), "sum")
    keys = [design.variant.column, design.assigned_at, *design.segments, *design.covariates]
    return frame.groupby([key for key in keys if key], as_index=False).agg(sums)


def _draw_assignment(design, n_units, rng):
    variant, size = design.variant, UNITS_A_CLUSTER if design.cluster else 1
    shares = variant.shares or {arm: 1 / len(variant.arms) for arm in variant.arms}
    labels = rng.choice(list(shares), -(-n_units // size), p=np.array(list(shares.values())) / sum(shares.values()))
    outside = np.repeat(variant.observational, -(-n_units // len(variant.arms)))
    labels = np.concatenate([np.repeat(labels, size)[:n_units], outside]).astype(object)
    table = pd.DataFrame({design.unit_id: kit.name_units("u", len(labels)), variant.column: labels})
    if design.cluster:
        table[design.cluster] = [f"c{i // size:06d}" for i in range(len(labels))]
    if design.assigned_at:
        days, start = design.enrolment_days or DAYS, START
        if design.as_of:
            start = pd.Timestamp(design.as_of, tz="UTC") + pd.Timedelta(days=1) - _measure_span(design)
        seconds = np.sort(rng.integers(0, days * kit.SECONDS_A_DAY, len(labels)))
        table[design.assigned_at] = start + pd.to_timedelta(seconds, unit="s")
    return table


def _measure_span(design):
    """Time from the first assignment until every window is over."""
    windows = [m.window or DAYS for m in design.metrics.values()]
    windows += [design.exposure.within_days or DAYS] if design.exposure else []
    return pd.Timedelta(days=(design.enrolment_days or DAYS) + np.ceil(max(windows)))


def _draw_people(design, table, rng):
    n_units = len(table)
    known = rng.standard_normal(n_units)
    if design.cluster:
        alike = rng.standard_normal(n_units)[np.arange(n_units) // UNITS_A_CLUSTER]
        known = np.sqrt(0.8) * known + np.sqrt(0.2) * alike
    people = {name: np.round(known + rng.standard_normal(n_units), 6) for name in design.covariates}
    people |= {name: rng.choice(["a", "b", "c"], n_units, p=[0.5, 0.3, 0.2]) for name in design.segments}
    return known, people


@dataclass(frozen=True)
class Draw:
    """What a kind of metric draws its columns from.

    `rank` is each unit's place in the distribution of its arm; `effect` what is planted in the treated, as the plan
    expects it; `columns` and `means` are those drawn before, the means as pairs of control and treatment.
    """

    name: str
    metric: Metric
    design: ExperimentPlan
    effect: float
    rank: np.ndarray
    treated: np.ndarray
    columns: dict
    means: dict
    rng: np.random.Generator

    PART_MEAN = 5  # of a ratio's parts, and of times at risk, that are no metrics

    def put(self, values, control, treatment=None) -> tuple[dict, dict]:
        """Return the metric's own column, and its true values; the treatment's an effect away if left out."""
        truth = {"difference": (control, control + self.effect if treatment is None else treatment)}
        return {self.metric.column or self.name: values}, truth

    def move(self, base):
        """Return each unit's expected value: the base, and in the treated the effect on top."""
        return base + self.effect * self.treated

    def raise_base(self, base) -> float:
        """Return a control value that is large beside the effect."""
        return max(base, 5 * abs(self.effect))

    def find_share(self) -> float:
        """Return a control share that leaves the effect room."""
        self.refuse_effect(abs(self.effect) < 0.5, "below 0.5 for a share")
        return 0.2 if abs(self.effect) < 0.15 else 0.5

    def refuse_effect(self, fits, limit):
        """Refuse an effect that no data can have."""
        if not fits:
            raise Refused(f"simulation experiment, metric {self.name}: worthwhile must be {limit}; lower it")

    def to_normal(self, rank):
        """Return the values at some ranks of a standard normal distribution."""
        return stats.norm.ppf(np.clip(rank, 1e-12, 1 - 1e-12))

    def count(self, rank, mean):
        """Return the values at some ranks of a Poisson distribution."""
        return stats.poisson.ppf(rank, mean)

    def draw_part(self):
        """Return a denominator, or a time at risk, that is no metric: whole numbers from 1."""
        return 1 + self.rng.poisson(self.PART_MEAN - 1, self.rank.size)

    def move_score(self, lines) -> tuple[float, tuple[float, float]]:
        """Return how far to move a normal score, cut at some lines, and the chances of both arms to be higher then."""

        def find_chances(move):
            arms = [np.diff(stats.norm.cdf(lines - moved), prepend=0.0, append=1.0) for moved in (0.0, move)]
            return kit.win(*arms), kit.win(*arms[::-1])

        def miss(move):
            control, treatment = find_chances(move)
            return treatment - control - self.effect

        move = optimize.brentq(miss, -9, 9, xtol=1e-13) if self.effect else 0.0
        return move, find_chances(move)

    def find_rate(self, share, other, horizon) -> tuple[float, float]:
        """Return the hazard that gives a share the event by a horizon, beside another, and the mean time without it."""

        def miss(rate):
            return kit.find_incidence(rate, other, horizon)[0] - share

        rate = optimize.brentq(miss, 1e-9 / horizon, 1e3 / horizon, xtol=1e-15 / horizon)
        return rate, kit.find_incidence(rate, other, horizon)[1]


def _draw_metrics(design, known, treated, rng):
    """Return all columns and effects; ratios are made of what is drawn before them, rates of all that can be a time."""
    columns, effects, means, owners = {}, [], {}, {}
    order = sorted(design.metrics.items(), key=lambda pair: 2 if pair[1].time_at_risk else pair[1].how.total is None)
    for name, metric in order:
        rank = stats.norm.cdf(np.sqrt(SHARED) * known + np.sqrt(1 - SHARED) * rng.standard_normal(known.size))
        effect = {"higher": 1, "lower": -1, None: 0}[metric.expected] * (metric.worthwhile or 0.0)
        drawn, values = metric.how.draw(Draw(name, metric, design, effect, rank, treated, columns, means, rng))
        means[name] = values["difference"]
        for column in sorted(drawn.keys() & columns.keys()):
            if owners[column] != metric.kind or KINDS[metric.kind].outcome != "y":
                taken = f"column {column} has another metric; give it its own"
                raise Refused(f"simulation experiment, metric {name}: {taken}")
        columns, owners = drawn | columns, dict.fromkeys(drawn, metric.kind) | owners
        for treatment in design.variant.treatments:
            arms = (design.variant.control, treatment)
            if metric.how.is_mean and metric.how.has_lift:
                effects += kit.list_effects(name, arms, values["difference"])
            else:
                effects += [kit.make_effect(name, arms, pair, estimand=estimand) for estimand, pair in values.items()]
    return columns, effects


def _list_own_events(name, metric):
    """Return the events that a metric is read from, its own before those that compete; none where columns tell it."""
    told = metric.time and metric.observed if metric.how.total == "first" else metric.column
    return [] if told or not metric.how.total else [*(metric.event or [name]), *metric.competing]


def reads_events(design) -> bool:
    """Return whether a plan names events, and the time of assignment without which none can be read."""
    timed = any(_list_own_events(name, m) for name, m in design.metrics.items() if m.how.total == "first")
    named = timed or any(m.event or m.asked for m in design.metrics.values())
    return bool(design.assigned_at and (named or (design.exposure and design.exposure.event)))


def find_shared(design) -> set[str]:
    """Return the metrics that read an event or a column which an earlier one tells; what they find is not planted."""
    events = reads_events(design)
    shared, told = set(), {("event", name) for name in (design.exposure.event if design.exposure and events else [])}
    for name, metric in sorted(design.metrics.items(), key=lambda pair: bool(pair[1].time_at_risk)):  # rates come last
        found = {("event", event) for event in _list_own_events(name, metric) if events}
        if not found and metric.how.total not in (None, "first"):
            found = {("column", metric.column or name)}
        if found & told or {metric.numerator, metric.denominator, metric.time_at_risk} & shared:
            shared.add(name)
        told |= found
    return shared


def list_events(design, units, rng) -> pd.DataFrame:
    """Return the events that fold to a unit table, each at a random time within its window.

    Parameters
    ----------
    design : ExperimentPlan
    units : DataFrame, one row a unit, with a column for every metric
    rng : Generator, of the times

    Returns
    -------
    DataFrame: the plan's unit_id, event, at (UTC), value (amount or score; nan otherwise), in order of time.
    """
    told, everyone, shared = [], np.arange(len(units)), find_shared(design)

    def tell(event, rows, days, value=np.nan, *, since=0.0):
        told.append(kit.tell(event, rows, kit.to_seconds(since + rng.random(len(rows)) * (days - since)), value=value))

    for event in sorted({metric.asked for metric in design.metrics.values() if metric.asked}):
        told.append(kit.tell(event, everyone, 0))
    for name, metric in design.metrics.items():
        total, events = metric.how.total, [] if name in shared else _list_own_events(name, metric)
        if events and total == "first":
            state, seconds = units[f"{name}_observed"].to_numpy(), kit.to_seconds(units[f"{name}_days"])
            for code, event in enumerate([events[0], *metric.competing], start=1):
                rows = np.flatnonzero(state == code)
                told.append(kit.tell(event, rows, seconds[rows]))
        elif events:
            values = units[name].to_numpy()
            rows = np.repeat(everyone, values) if total == "count" else everyone
            rows = np.flatnonzero(values) if total == "amount" else rows
            value, since = values[rows] if total in VALUED else np.nan, metric.from_days or 0.0
            tell(events[0], rows, metric.within_days or DAYS, value, since=since)
    if design.exposure and design.exposure.event:
        event = design.exposure.event[0]
        tell(event, np.flatnonzero(units[event]), design.exposure.within_days or DAYS)
    return kit.join_events(units, told, at=design.assigned_at)
