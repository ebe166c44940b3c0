"""A dry run of any plan: one table with every planned metric, holding the effect that the plan calls worthwhile."""

import numpy as np
import pandas as pd
from scipy import optimize, stats

from helpers.plan import ExperimentPlan
from helpers.records import Refused
from helpers.simulate import kit

PARTS = ("assignment", "people", "exposure", "metrics", "events")
UNITS_A_CLUSTER, TAKE_UP, DAYS = 10, 0.6, 28  # DAYS: the window of what has none
START = pd.Timestamp("2024-01-01", tz="UTC")  # of enrolment, where the plan names no as_of
SHARING = ("binary", "count", "amount", "score", "nps")  # kinds of which two metrics may read one column
SHARED = 0.5  # correlation of a metric with what was known before, and of metrics of one unit
BASELINES = {"binary": 0.2, "count": 2.0, "amount": 40.0, "score": 4.0, "ratio": 0.2, "rate": 0.4}
PART_MEAN = 5  # of a ratio's parts, and of times at risk, that are no metrics
CUTS = stats.norm.ppf([0.1, 0.3, 0.6, 0.85])  # between the five levels of an ordered score
COMPETING = 0.2  # competing events in the time up to the horizon, per unit still without any


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
        `truth["effects"]` has the population difference and lift of each metric and treatment.

    Raises
    ------
    Refused: a number of units or a worthwhile effect that no data can have.
    """
    n_units = kit.check_count(n_units if n_units is not None else max(design.planned_units or 4000, 10))
    rng = kit.spawn_generators(seed, PARTS)
    table = _draw_assignment(design, n_units, rng["assignment"])
    known, people = _draw_people(design, table, rng["people"])
    treated = table[design.variant.column].isin(design.variant.treatments).to_numpy()
    columns, effects = _draw_metrics(design, known, treated, rng["metrics"])
    found = columns
    if design.exposure:
        taken = treated & (rng["exposure"].random(treated.size) < TAKE_UP)
        found = {design.exposure.column or design.exposure.event[0]: taken.astype(int)} | columns
    known = {name: column for name, column in people.items() if name not in (*table, *found)}
    units = table.assign(**known, **found)
    assignments, events = units, None
    if reads_events(design):
        events = list_events(design, units, rng["events"])
        assignments = units.drop(columns=[name for name in found if name not in _own_columns(design)])
    shared = find_shared(design)
    truth = {"study": "experiment", "effects": [effect for effect in effects if effect["metric"] not in shared]}
    note = (
        f"Simulated: a dry run of the plan with {n_units:,} units and generic baselines. "
        "Each metric holds the effect that the plan calls worthwhile, or none."
    )
    return kit.Simulation(assignments, events, units, truth, note)


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
            windows = [m.within_days or m.horizon_days or DAYS for m in design.metrics.values()]
            start = pd.Timestamp(design.as_of, tz="UTC") + pd.Timedelta(days=1 - days - np.ceil(max(windows)))
        seconds = np.sort(rng.integers(0, days * kit.SECONDS_A_DAY, len(labels)))
        table[design.assigned_at] = start + pd.to_timedelta(seconds, unit="s")
    return table


def _draw_people(design, table, rng):
    n_units = len(table)
    known = rng.standard_normal(n_units)
    if design.cluster:
        alike = rng.standard_normal(n_units)[np.arange(n_units) // UNITS_A_CLUSTER]
        known = np.sqrt(0.8) * known + np.sqrt(0.2) * alike
    people = {name: np.round(known + rng.standard_normal(n_units), 6) for name in design.covariates}
    people |= {name: rng.choice(["a", "b", "c"], n_units, p=[0.5, 0.3, 0.2]) for name in design.segments}
    return known, people


def _own_columns(design):
    """Columns that the plan reads from the table even where there are events."""
    named = {design.exposure.column} if design.exposure else set()
    for m in design.metrics.values():
        named |= {m.column, m.time, m.observed}
        named |= {m.numerator, m.denominator, m.time_at_risk} - set(design.metrics)
    return named


def _draw_metrics(design, known, treated, rng):
    """Return all columns and effects; ratios are made of what is drawn before them, rates of all that can be a time."""
    columns, effects, means, kinds = {}, [], {}, {}
    order = sorted(design.metrics.items(), key=lambda pair: 2 if pair[1].time_at_risk else pair[1].kind == "ratio")
    for name, metric in order:
        rank = stats.norm.cdf(np.sqrt(SHARED) * known + np.sqrt(1 - SHARED) * rng.standard_normal(known.size))
        drawn, values = _draw_metric(design, name, rank, treated, columns, means, rng)
        means[name] = values["difference"]
        for column in sorted(drawn.keys() & columns.keys()):
            if kinds[column] != metric.kind or metric.kind not in SHARING:
                taken = f"column {column} has another metric; give it its own"
                raise Refused(f"simulation experiment, metric {name}: {taken}")
        columns, kinds = drawn | columns, dict.fromkeys(drawn, metric.kind) | kinds
        for treatment in design.variant.treatments:
            arms = (name, design.variant.control, treatment)
            if metric.is_mean and metric.kind != "nps":
                effects += kit.list_effects(*arms, *values["difference"])
            else:
                effects += [kit.make_effect(*arms, *pair, estimand=estimand) for estimand, pair in values.items()]
    return columns, effects


def _draw_metric(design, name, rank, treated, columns, means, rng):
    """Return the columns of one metric, and by estimand the population values of both arms.

    `rank` is a unit's place in the distribution of its arm; `columns` and `means` are those drawn before.
    """
    metric = design.metrics[name]
    effect = {"higher": 1, "lower": -1, None: 0}[metric.expected] * (metric.worthwhile or 0.0)
    if metric.time_at_risk:
        return _draw_rate(design, name, effect, treated, columns, rng)
    if metric.kind == "ratio":
        return _draw_ratio(metric, effect, rank, treated, means, rng)
    if metric.kind == "time_to_event":
        return _draw_time(name, metric, effect, rank, treated, rng)
    if metric.kind == "nps":
        values, pair = _draw_nps(name, effect, rank, treated)
    elif metric.scale == "ordered":
        values, pair = _draw_ordered(name, effect, rank, treated)
    elif metric.quantile is not None:
        values, pair = _draw_quantile(metric, effect, rank, treated)
    else:
        base = _baseline(name, metric.kind, effect)
        values, pair = _draw_values(metric.kind, rank, base + effect * treated, base), (base, base + effect)
    return {metric.column or name: values}, {"difference": pair}


def _limit_effect(name, fits, limit):
    if not fits:
        raise Refused(f"simulation experiment, metric {name}: worthwhile must be {limit}; lower it")


def _baseline(name, kind, effect):
    if kind != "binary":
        return max(BASELINES[kind], 5 * abs(effect))
    _limit_effect(name, abs(effect) < 0.5, "below 0.5 for a share")
    return BASELINES[kind] if abs(effect) < 0.15 else 0.5


def _normal(rank):
    return stats.norm.ppf(np.clip(rank, 1e-12, 1 - 1e-12))


def _draw_values(kind, rank, mean, base):
    if kind == "binary":
        return (rank > 1 - mean).astype(int)
    if kind == "count":
        return stats.poisson.ppf(rank, mean).astype(int)
    if kind == "score":
        return mean + base / 4 * stats.norm.ppf(rank)
    return np.where(rank > 0.5, 2 * mean * np.exp(_normal(2 * rank - 1) - 0.5), 0.0)  # half spend nothing


def _draw_quantile(metric, effect, rank, treated):
    """A quantile of whole numbers moves by whole numbers."""
    share, kind = metric.quantile, metric.kind
    base = _baseline("", kind, effect)
    if kind == "score":
        at = float(_draw_values(kind, share, base, base))
        return _draw_values(kind, rank, base + effect * treated, base), (at, at + effect)
    if kind == "count":
        at, step = float(stats.poisson.ppf(share, base)), round(effect)
        return np.maximum(_draw_values(kind, rank, base, base) + step * treated, 0), (at, max(at + step, 0.0))
    ratio = np.exp(stats.norm.ppf(share) - 0.5)  # of the quantile to the mean, where everybody spends
    at = max(BASELINES["amount"] * ratio, 5 * abs(effect))
    values = at * np.exp(_normal(rank) - stats.norm.ppf(share))
    return values * (1 + effect / at * treated), (at, at + effect)


def _draw_nps(name, effect, rank, treated):
    _limit_effect(name, abs(effect) <= 35, "at most 35 points")
    promoters = 0.4 + effect / 100 * treated
    score = np.select([rank < 0.2, rank < 1 - promoters], [3, 7], 9) + (rank * 1000).astype(int) % 2
    return score, (20.0, 20.0 + effect)


def _draw_ordered(name, effect, rank, treated):
    """Five levels of a latent normal score, which the treatment moves; the values are the chances to be higher."""
    _limit_effect(name, abs(effect) < 0.8, "below 0.8 for an ordered score")

    def find_chances(move):
        control, treatment = (np.diff(stats.norm.cdf(CUTS - d), prepend=0.0, append=1.0) for d in (0.0, move))
        return kit.win(control, treatment), kit.win(treatment, control)

    def miss(move):
        control, treatment = find_chances(move)
        return treatment - control - effect

    move = optimize.brentq(miss, -9, 9, xtol=1e-13) if effect else 0.0
    return 1 + np.searchsorted(CUTS, _normal(rank) + move * treated), find_chances(move)


def _draw_ratio(metric, effect, rank, treated, means, rng):
    parts = (metric.numerator, metric.denominator)
    if not any(part in means for part in parts):
        share = max(BASELINES["ratio"], 5 * abs(effect))
        below = 1 + stats.poisson.ppf(rank, PART_MEAN - 1).astype(int)
        above = rng.poisson((share + effect * treated) * below)
        return dict(zip(parts, (above, below), strict=True)), {"difference": (share, share + effect)}
    new = {part: 1 + rng.poisson(PART_MEAN - 1, rank.size) for part in parts if part not in means}
    above, below = (means.get(part, (PART_MEAN, PART_MEAN)) for part in parts)
    return new, {"difference": tuple(a / b for a, b in zip(above, below, strict=True))}


def _draw_rate(design, name, effect, treated, columns, rng):
    metric = design.metrics[name]
    planned = design.metrics.get(metric.time_at_risk)
    place = (planned.column if planned else None) or metric.time_at_risk
    new = {} if place in columns else {place: 1 + rng.poisson(PART_MEAN - 1, treated.size)}
    rate = max(BASELINES["rate"], 5 * abs(effect))
    count = rng.poisson((rate + effect * treated) * (columns | new)[place])
    return {metric.column or name: count, **new}, {"difference": (rate, rate + effect)}


def _draw_time(name, metric, effect, rank, treated, rng):
    """Constant hazards of the event and of all that competes with it, which the treatment leaves alone."""
    horizon, base = metric.horizon_days, _baseline(name, "binary", effect)
    other = COMPETING / horizon if metric.competing else 0.0
    shares = (base, base + effect)
    rates = [_find_rate(share, other, horizon) for share in shares]
    rate = np.where(treated, rates[1], rates[0])
    days = -np.log(np.clip(1 - rank, 1e-12, 1)) / (rate + other)
    state = np.where(rng.random(rank.size) * (rate + other) < rate, 1, 2) if metric.competing else 1
    drawn = {metric.time or f"{name}_days": np.minimum(days, horizon)}
    drawn[metric.observed or f"{name}_observed"] = np.where(days < horizon, state, 0)
    free = tuple(kit.find_free_time(rate, other, horizon) for rate in rates)
    return drawn, {"difference": shares, "rmst_difference": free}


def _find_rate(share, other, horizon):
    def miss(rate):
        return kit.find_incidence(rate, other, horizon) - share

    return optimize.brentq(miss, 1e-9 / horizon, 1e3 / horizon, xtol=1e-15 / horizon)


def _lacks_time(metric):
    return metric.kind == "time_to_event" and not (metric.time and metric.observed)


def reads_events(design) -> bool:
    """Return whether a plan names events, and the time of assignment without which none can be read."""
    named = any(m.event or m.asked or _lacks_time(m) for m in design.metrics.values())
    return bool(design.assigned_at and (named or (design.exposure and design.exposure.event)))


def find_shared(design) -> set[str]:
    """Return the metrics that read an event or a column which an earlier one tells; what they find is not planted."""
    events = reads_events(design)
    exposure = design.exposure.event if design.exposure and events else []
    shared, told = set(), {("event", name) for name in exposure}
    for name, metric in sorted(design.metrics.items(), key=lambda pair: bool(pair[1].time_at_risk)):  # rates come last
        if metric.kind == "time_to_event":
            read = [*(metric.event or [name]), *metric.competing] if events and _lacks_time(metric) else []
            found = {("event", event) for event in read}
        elif metric.column or not events:
            found = {("column", metric.column or name)}
        else:
            found = {("event", event) for event in metric.event or [name]}
        found = set() if metric.kind == "ratio" else found
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

    for name, metric in design.metrics.items():
        event, days, since = (metric.event or [name])[0], metric.within_days or DAYS, metric.from_days or 0.0
        if name in shared:
            continue
        if metric.asked:
            tell(metric.asked, everyone, 0)
        if _lacks_time(metric):
            state, seconds = units[f"{name}_observed"].to_numpy(), kit.to_seconds(units[f"{name}_days"])
            for code, happened in enumerate([event, *metric.competing[:1]], start=1):
                rows = np.flatnonzero(state == code)
                told.append(kit.tell(happened, rows, seconds[rows]))
        elif metric.kind in ("score", "nps") and not metric.column:
            tell(event, everyone, days, units[name].to_numpy(), since=since)
        elif metric.kind == "amount" and not metric.column:
            spent = np.flatnonzero(units[name])
            tell(event, spent, days, units[name].to_numpy()[spent], since=since)
        elif metric.kind in ("binary", "count") and not metric.column:
            tell(event, np.repeat(everyone, units[name]), days, since=since)
    asked = [metric.asked for name, metric in design.metrics.items() if name not in shared]
    for event in sorted({metric.asked for metric in design.metrics.values()} - {*asked, None}):
        tell(event, everyone, 0)
    if design.exposure and design.exposure.event:
        event = design.exposure.event[0]
        tell(event, np.flatnonzero(units[event]), design.exposure.within_days or DAYS)
    return kit.join_events(units, told, at=design.assigned_at)
