"""What is known before: each metric's mean and spread, from numbers that somebody gives or from a history of units."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference.means import find_independent, regress
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Moments, Refused
from helpers.survival import build_life_table, read_incidence

FORM = "write it as metric = mean, or metric = mean, standard deviation"
UNSIZED = "a quantile or an ordered score is not sized beforehand"
STILL = "nothing varies in the history"
FEWEST = 20  # units (or clusters) with a known outcome, below which a history tells no spread


@dataclass(frozen=True)
class Baseline:
    """One metric as it is without the change.

    `mean` and `sd` of a unit (of a ratio, of what it leaves of its numerator, per unit of its denominator); `answered`
    the share of units whose outcome becomes known; `explained` the share of the variance that covariates tell;
    `cluster_size` units that are assigned together, and `design_effect` by how much that multiplies the variance;
    `n` units (clusters) it was read from, nan where it was given. Where it has no figure, `reason` says why.
    """

    metric: str
    mean: float = NAN
    sd: float = NAN
    answered: float = 1.0
    explained: float = 0.0
    cluster_size: float = 1.0
    design_effect: float = 1.0
    n: float = NAN
    skewness: float = NAN
    is_of_shares: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Known:
    """What is known before: a baseline a metric, how outcomes of a unit go together, and units a week (nan unknown)."""

    baselines: dict[str, Baseline]
    together: pd.DataFrame
    pace: float = NAN


def assume_baselines(design: ExperimentPlan, told, *, explained=0.0, correlation=0.0) -> Known:
    """Return the baselines that somebody gives, one a metric of the plan.

    Parameters
    ----------
    design : ExperimentPlan
    told : sequence of str
        "metric = mean" of a share, "metric = mean, standard deviation" of anything else.
    explained : float, 0 to 1
        Share of the variance that the covariates tell, of every metric that can be adjusted for them.
    correlation : float, 0 to below 1
        Between any two outcomes of a unit.

    Returns
    -------
    Known: metrics that are not given have a reason.

    Raises
    ------
    Refused: a text of another form, a metric that the plan lacks, or a figure that its kind cannot have.
    """
    found = {name: Baseline(name, reason="no baseline is given") for name in design.metrics}
    for text in told:
        name, equals, figures = (part.strip() for part in text.partition("="))
        if not equals or not re.fullmatch(r"[-+.\deE]+(\s*,\s*[-+.\deE]+)?", figures):
            raise Refused(f"parameter baselines: {text[:40]!r} is not read; {FORM}")
        if name not in design.metrics:
            raise Refused(
                f"parameter baselines: the plan has no metric {name[:40]!r}; it has {', '.join(design.metrics)}"
            )
        mean, *more = map(float, figures.split(","))
        found[name] = _assume(name, design.metrics[name], mean, more, explained if can_adjust(design, name) else 0.0)
    return Known(found, _join(design, correlation))


def _join(design, values):
    """Correlations between the metrics of a plan as a table, with 1 on its diagonal."""
    names = list(design.metrics)
    together = np.full((len(names), len(names)), values, dtype=float) if np.isscalar(values) else np.array(values)
    np.fill_diagonal(together, 1.0)
    return pd.DataFrame(together, names, names)


def _assume(name, metric, mean, more, explained):
    if not (metric.how.is_mean or tells_shares(metric)):
        return Baseline(name, reason=UNSIZED)
    if tells_shares(metric):
        if more or not 0 < mean < 1:
            raise Refused(
                f"parameter baselines, {name}: a share needs one figure between 0 and 1, such as {name} = 0.3"
            )
        return Baseline(name, mean, math.sqrt(mean * (1 - mean)), explained=explained, is_of_shares=True)
    if not more or not more[0] > 0:
        cure = f"give mean and standard deviation, such as {name} = 2, 3"
        raise Refused(f"parameter baselines, {name}: needs a standard deviation above 0; {cure}")
    return Baseline(name, mean, more[0], explained=explained)


def can_adjust(design: ExperimentPlan, name) -> bool:
    """Return whether covariates can be taken into account in a metric: a mean of units, no ratio and no NPS."""
    how = design.metrics[name].how
    return (
        bool(design.covariates) and how.is_mean and how.takes_covariates and how.outcome == "y" and not design.cluster
    )


def tells_shares(metric) -> bool:
    """Return whether a metric is a share of units: those with an event, in a window or up to a horizon."""
    return metric.how.is_share or metric.how.outcome == "time"


def group_units(known: Known, *, size, correlation) -> Known:
    """Return what is known of units that are assigned in groups, by the design effect 1 + (size - 1) x correlation.

    Parameters
    ----------
    known : Known
        Of a history whose clusters are measured nothing changes.
    size : float, 1 or more, units a group
    correlation : float, 0 to 1, between two units of a group

    References
    ----------
    Donner & Klar 2000, Design and Analysis of Cluster Randomization Trials, 1.2.
    """
    more = {"cluster_size": float(size), "design_effect": 1 + (size - 1) * correlation}
    grouped = {name: replace(b, **more) if b.cluster_size == 1 else b for name, b in known.baselines.items()}
    return replace(known, baselines=grouped)


def measure_baselines(units: metrics.Units) -> Known:
    """Return what a history says: its baselines, how its outcomes go together, and how many units came a week.

    Of a history with arms the control's units count. With clusters the spread is that of their sums (delta method) and
    the design effect is it over the spread of as many units by themselves.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    Known: correlations between outcomes are 0 where none is known, units a week nan where the history has no times.

    Raises
    ------
    Refused: fewer than 20 units (clusters) without the change.
    """
    design, control = units.design, units.design.variant.control
    moments = metrics.summarise(units, adjusted=True)[None]
    arms = metrics.describe_arms(units).set_index("variant")
    n_units = arms.loc[control, "clusters" if design.cluster else "units"] if control in arms.index else 0
    if n_units < FEWEST:
        what = "clusters" if design.cluster else "units"
        raise Refused(f"history: {n_units:,} {what} without the change; give at least {FEWEST}, or give baselines")
    rows = _read_rows(units, control)
    found = {name: _measure(units, name, moments.get(name, {}).get(control), rows, arms) for name in design.metrics}
    columns = {name: rows.get(f"y_{name}", rows.get(f"num_{name}")) for name in design.metrics}
    known = pd.DataFrame({name: column for name, column in columns.items() if column is not None}, dtype=float)
    together = known.corr().reindex(index=design.metrics, columns=design.metrics).fillna(0.0)
    pace = NAN  # units a week over all arms, from the first to the last that came
    if "first_assigned_at" in arms and not arms["last_assigned_at"].isna().any():
        days = (arms["last_assigned_at"].max().date() - arms["first_assigned_at"].min().date()).days + 1
        pace = float(arms["units"].sum()) * 7 / days
    return Known(found, _join(design, together.to_numpy()), pace)


def _read_rows(units, control):
    columns = [c for c in units.table.columns if c == "variant" or c.startswith(("y_", "num_", "time_", "observed_"))]
    rows = metrics.read_rows(units, columns)
    return pd.DataFrame() if rows is None else rows[rows["variant"] == control]


def _measure(units, name, m: Moments | None, rows, arms):
    """One baseline from moments, or of a time to an event from its curve."""
    metric, control = units.design.metrics[name], units.design.variant.control
    complete, known = (float(arms.loc[control, f"{what}_{name}"]) for what in ("complete", "known"))
    answered = {"answered": known / complete if complete else NAN, "n": known, "is_of_shares": tells_shares(metric)}
    if metric.how.outcome == "time" and len(rows):
        table = build_life_table(rows[f"time_{name}"], rows[f"observed_{name}"])
        share = float(read_incidence(table, [metric.horizon_days])["incidence"].iloc[0])
        return _check(Baseline(name, share, math.sqrt(max(share * (1 - share), 0.0)), **answered))
    if not metric.how.is_mean or m is None:
        return Baseline(name, reason=UNSIZED)
    if m.n < FEWEST:
        return Baseline(name, reason=f"fewer than {FEWEST} known outcomes")
    events = known * m.value if metric.how.is_share and m.names[0] == "y" else math.inf
    if min(events, known - events if math.isfinite(events) else math.inf) < units.design.min_cell:
        return Baseline(name, reason=f"fewer than {units.design.min_cell} units with the event, or without it")
    if m.names[0] == "y":
        explained = _explain(m) if can_adjust(units.design, name) else 0.0
        more = {"explained": explained, "skewness": m.skewness, **answered}
        return _check(Baseline(name, m.value, math.sqrt(m.variance), **more))
    ratio = float(m.mean[0] / m.mean[1]) if m.mean[1] > 0 else NAN
    sd = math.sqrt(max(float(m.cov[0, 0] - 2 * ratio * m.cov[0, 1] + ratio**2 * m.cov[1, 1]), 0.0)) / float(m.mean[1])
    if not units.design.cluster:
        return _check(Baseline(name, ratio, sd, skewness=m.skewness, **answered))
    size = known / m.n
    alone = float(rows[f"y_{name}"].std()) if f"y_{name}" in rows else NAN
    alone = alone if alone > 0 else sd * math.sqrt(size)  # of a ratio nothing is known of a unit by itself
    more = {"cluster_size": size, "design_effect": sd**2 * size / alone**2 if alone > 0 else NAN}
    return _check(Baseline(name, ratio, alone, skewness=m.skewness, **{**answered, "n": m.n}, **more))


def _check(baseline):
    is_known = math.isfinite(baseline.mean) and baseline.sd > 0 and math.isfinite(baseline.design_effect)
    return baseline if is_known else Baseline(baseline.metric, reason=STILL)


def _explain(m):
    """The share of a variance that covariates explain, with what they cost in degrees of freedom; 0 at least."""
    kept = find_independent(m.cov[1:, 1:]) if len(m.names) > 1 else []
    if not kept or m.n - 1 - len(kept) < FEWEST or not m.variance > 0:
        return 0.0
    columns = [0, *(k + 1 for k in kept)]
    return max(0.0, 1 - float(regress(m.cov[columns][:, columns], m.n)[1]) / m.variance)
