"""How far an experiment reaches: whether its data lie where its methods hold, and what it could have seen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference.decisions import list_comparisons
from helpers.inference.effects import effective_units
from helpers.inference.means import find_independent, pair_arms, regress
from helpers.inference.methods import find_guarantee, pool_skewness
from helpers.inference.planning import (
    duration_days,
    mde_means,
    mde_normal,
    mde_proportions,
    power_means,
    power_normal,
    power_proportions,
    sample_size_means,
    sample_size_normal,
    sample_size_proportions,
)
from helpers.records import DETAIL, NAN, Check, Estimate

FEW_CLUSTERS = 20  # effective ones: below it even a t interval rests on a variance that is hardly known


def check_methods(material, estimates) -> tuple[Check, ...]:
    """Return what a reader must know of the methods on these data, as checks beside the trust checks.

    Parameters
    ----------
    material : Material
    estimates : sequence of Estimate, with the headline differences

    Returns
    -------
    tuple of Check: `domain_<metric>` for each metric whose headline lies outside its method's domain, or one `domain`
        that says that none does; `clusters` where clusters are randomised; `covariates` where effects are adjusted.
        No value of a customer stands in a message.
    """
    return (*_check_domains(material, estimates), *_check_clusters(material), *_check_covariates(material))


def _check_domains(material, estimates):
    heads = [e for e in estimates if _is_headline(e) and math.isfinite(e.ci_low)]
    known = [(e, guarantee) for e in heads if (guarantee := _find_promise(e))]
    found: dict[str, tuple[Estimate, str]] = {}
    for e, guarantee in known:
        departure = guarantee.find_departure(**_describe_data(e, material))
        if departure and e.metric not in found:
            found[e.metric] = e, departure
    if known and not found:
        said = "Every headline effect lies in the domain for which its method's coverage is declared and measured."
        return [Check("domain", "pass", 0.0, 0.0, said)]
    return [_warn(e, departure, material) for e, departure in found.values()]


def _is_headline(e):
    whole = e.segment is None and e.at is None and e.population in ("itt", "responders")
    return whole and e.estimand == "difference" and e.role != "sensitivity"


def _find_promise(e):
    """That of the method as used, else that of the method before it was made to last over looks."""
    unit = "units" if e.clusters_control is None else "clusters"
    names = [e.method, e.method.removesuffix(", always-valid").partition(", repeated")[0]]
    found = [find_guarantee(name, e.estimand, unit=unit) for name in names]
    return next((g for g in found if g), None)


def _describe_data(e, material):
    """What a promise is held against: units (or what clusters count like), the tail, the rarer side, the effect."""
    described = {"n_control": e.n_control, "n_treatment": e.n_treatment}
    kind, arms = material.design.metrics[e.metric].kind, material.raw.get(e.metric, {})
    sides = [arms[arm] for arm in (e.control, e.treatment) if arm in arms]
    if e.clusters_control is not None:
        described = dict(zip(described, map(effective_units, sides), strict=True))
    elif kind in ("binary", "time_to_event"):
        return described | {"events": _count_rarer(e, _share_followed(e) if kind == "time_to_event" else 1.0)}
    quantile = material.design.metrics[e.metric].quantile
    if quantile is not None:
        return described | {"events": min(e.n_control, e.n_treatment) * min(quantile, 1 - quantile)}
    return described | {"skewness": pool_skewness(sides), "spread": _compare_spread(*sides), "estimate": e.estimate}


def _compare_spread(control, treatment):
    """Standard deviation of a unit in treatment over that in control; 1 where it is not known."""
    pair = pair_arms(control, treatment)
    if pair.reason or not min(pair.variances) > 0:
        return 1.0
    return math.sqrt(pair.var_treatment * pair.n_treatment / (pair.var_control * pair.n_control))


def _count_rarer(e, seen=1.0):
    """Units with, or without, the event that the smaller arm is expected to hold, whichever are fewer."""
    share = (e.n_control * e.control_value + e.n_treatment * e.treatment_value) / (e.n_control + e.n_treatment)
    return min(e.n_control, e.n_treatment) * min(share, 1 - share) * seen


def _share_followed(e):
    """How much of its units an incidence knows: its variance if all were followed to the horizon, over its own."""
    if not e.std_error > 0:
        return 1.0
    sides = (e.control_value, e.n_control), (e.treatment_value, e.n_treatment)
    return min(sum(share * (1 - share) / n for share, n in sides) / e.std_error**2, 1.0)


def _warn(e, departure, material):
    """In plain words, and after the mark of a detail what the method would need."""
    label, (plain, _, needed) = material.design.label_of(e.metric), departure.partition(": ")
    several = f", {e.comparison}" if len(material.design.variant.treatments) > 1 else ""
    said = (
        f"{label[:1].upper()}{label[1:]}{several}: {plain}, so the interval may hold the truth less often than it says."
        f"{DETAIL}{needed}."
    )
    return Check(f"domain_{e.metric}", "warn", NAN, NAN, said)


def _check_clusters(material):
    if material.design.cluster is None:
        return []
    sizes = [
        (effective_units(arms[arm]), arms[arm].n, arm, name)
        for name, arms in material.raw.items()
        for arm in material.design.variant.arms
        if arms[arm].n and arms[arm].mean[1] > 0
    ]
    if not sizes:
        return []
    effective, n, arm, name = min(sizes)
    cluster, label = material.design.cluster, material.design.label_of(name)
    if effective >= FEW_CLUSTERS:
        said = f"In every arm the clusters ({cluster}) count like {effective:.0f} of one size or more."
        return [Check("clusters", "pass", effective, FEW_CLUSTERS, said)]
    said = (
        f"Clusters ({cluster}) are few or of unlike size: the {n:,} in {arm} count like {effective:.1f} of one size "
        f"({label}). Intervals use the degrees of freedom of so many, and are wide for that reason."
    )
    return [Check("clusters", "warn", effective, FEW_CLUSTERS, said)]


def _check_covariates(material):
    names = [c for c in list_comparisons(material.design) if c.name in material.adjusted]
    arms = [(material.adjusted[c.name][c.control], material.adjusted[c.name][c.treatment]) for c in names]
    pairs = [(c.name, pair_arms(*sides)) for c, sides in zip(names, arms, strict=True)]
    gains = {name: pair.variance_reduction for name, pair in pairs if not pair.reason}
    if not gains:
        return []
    told = _tell_gains(gains, material.design)
    best = float(gains[_name_told(gains, material.design.key_metric)])
    left = dict.fromkeys(name for _, pair in pairs for name in pair.left_out)
    if not left:
        return [Check("covariates", "pass", best, 0.0, f"{told}.")]
    said = f"{told}. Left out, as repeating others or not varying: {_name_covariates(left, material.units.covariates)}."
    return [Check("covariates", "warn", best, 0.0, said)]


def _tell_gains(gains, design):
    key = design.key_metric
    name = _name_told(gains, key)
    of = f"the variance of the effect on {design.label_of(name)}{'' if name == key else ', more than of any other'}"
    if gains[name] < 0:
        return f"Covariates add {_percent(-gains[name])} to {of}: they cost more than they explain"
    return f"Covariates take away {_percent(gains[name])} of {of}"


def _name_told(gains, key):
    return key if key in gains else max(gains, key=gains.get)


def _name_covariates(left, every):
    """The covariates whose columns are left out, in words; a level is not named, since it could be somebody's."""
    kept = {_name_covariate(name) for name in every if name not in left}
    return ", ".join(f"part of {name}" if name in kept else name for name in dict.fromkeys(map(_name_covariate, left)))


def _name_covariate(column):
    return column.removeprefix("x_").split("=")[0].removesuffix(":missing")


def _percent(share):
    return f"{100 * share:.1f} %"


POWER = 0.8


def list_requirements(material, estimates) -> pd.DataFrame:
    """Return the smallest effect that this many units find, and the units and days that a worthwhile effect needs.

    Shares by their own variance, means, ratios, rates and clusters by that of a unit (of a cluster), and adjusted means
    and shares, where those decide, by what the covariates leave of it; times to an event, quantiles and ordered scores
    by the standard error that they have here, which falls with the root of the units.

    Parameters
    ----------
    material : Material
    estimates : sequence of Estimate, with the headline differences

    Returns
    -------
    DataFrame: one row a primary, secondary or guardrail metric and treatment that can be estimated: `metric`,
        `comparison`, `control_value`, `n` (units, or clusters, in both arms), `power`, `mde_absolute`,
        `mde_relative` (nan unless the control value is a mean above 0), `worthwhile` (or the guardrail's margin; nan
        when the plan gives none), `power_for_worthwhile` with these units, `n_for_worthwhile`, `units_per_day` (both
        arms, from the first to the last assignment; nan without times) and `days_for_worthwhile`, window and the units
        that will not answer included.
    """
    comparisons = list_comparisons(material.design, "primary", "secondary", "guardrail")
    heads = {(e.metric, e.treatment): e for e in reversed(estimates) if e.estimand == "difference" and _is_whole(e)}
    sized = [(c, _size(c, material, heads.get((c.name, c.treatment)))) for c in comparisons]
    pace = metrics.describe_arms(material.units)
    return pd.DataFrame([{**row, **_time(c, row, pace, _share_known(c, material))} for c, row in sized if row])


def list_sample_sizes(baselines, differences, *, power=POWER, alpha=0.05) -> pd.DataFrame:
    """Return how many units, both arms together, find differences of two shares from several baselines.

    Parameters
    ----------
    baselines, differences : sequence of float, shares of 0 to 1
        Equal arms; the difference may have either sign.
    power, alpha : float

    Returns
    -------
    DataFrame: `baseline`, `difference`, `units` (rounded up; nan where the other share would leave 0 to 1), `power`.
    """
    cells = [(b, d) for b in baselines for d in differences]
    sizes = [sample_size_proportions(b, d, power=power, alpha=alpha) for b, d in cells]
    frame = pd.DataFrame(cells, columns=["baseline", "difference"])
    return frame.assign(units=[math.ceil(n) if math.isfinite(n) else math.nan for n in sizes], power=power)


def _is_whole(e):
    return e.role != "sensitivity" and e.segment is None and e.at is None and e.population in ("itt", "responders")


def _size(comparison, material, head):
    if comparison.metric.is_mean:
        arms = (material.adjusted if material.choose(comparison) == "lin" else material.raw)[comparison.name]
        pair = _pair_units(arms[comparison.control], arms[comparison.treatment])
        return None if pair.reason else _size_row(comparison, pair.control, pair.n_control + pair.n_treatment, pair)
    if head is None or not head.std_error > 0:
        return None
    clustered = head.clusters_control is not None
    sides = (head.clusters_control, head.clusters_treatment) if clustered else (head.n_control, head.n_treatment)
    return _size_row(comparison, head.control_value, sum(sides), head)


def _pair_units(control, treatment):
    """Both arms with variances that fall with their own units: of adjusted means those that the covariates leave."""
    pair, arms = pair_arms(control, treatment), (control, treatment)
    if pair.reason or pair.method != "lin":
        return pair
    kept = find_independent(*(m.cov[1:, 1:] for m in arms))
    sizes, left = np.array([m.n for m in arms]), np.array([regress(m, kept)[1] / m.n for m in arms])
    # what unlike slopes cost is known from the units of both arms, so each bears it by its size
    var_control, var_treatment = map(float, left + (pair.variance - left.sum()) * sizes / sizes.sum())
    return replace(pair, var_control=var_control, var_treatment=var_treatment, covariance=0.0)


def _size_row(comparison, control, n, found):
    """One row: `found` is a pair of means or shares, or an estimate with a standard error."""
    worthwhile, is_mean = _find_worthwhile(comparison.metric, control), comparison.metric.is_mean
    options = {"alpha": comparison.design.alpha}
    binary = comparison.metric.kind == "binary" and found.method == "welch"  # neither by cluster nor adjusted
    if is_mean:
        options["share_treatment"] = found.n_treatment / n
    sized = (_size_share if binary else _size_mean if is_mean else _size_error)(
        comparison.metric, found, n, worthwhile, options
    )
    return {
        "metric": comparison.name,
        "comparison": comparison.label,
        "control_value": control,
        "n": n,
        "power": POWER,
        "mde_absolute": sized["smallest"],
        "mde_relative": sized["smallest"] / control if is_mean and control > 0 else math.nan,
        "worthwhile": worthwhile,
        "power_for_worthwhile": sized["power"],
        "n_for_worthwhile": math.ceil(sized["needed"]) if math.isfinite(sized["needed"]) else math.nan,
    }


def _share_known(comparison, material):
    """How many of the units (clusters) whose window is over have a known outcome."""
    arms = [material.raw.get(comparison.name, {}).get(arm) for arm in (comparison.control, comparison.treatment)]
    known, unknown = (sum(getattr(m, count) for m in arms if m) for count in ("n", "missing"))
    return known / (known + unknown) if known else 1.0


def _time(comparison, row, pace, share_known):
    """How long so many units with a known outcome take at the rate at which these came, the last window included."""
    metric, sides = comparison.metric, pace[pace["variant"].isin([comparison.control, comparison.treatment])]
    if "first_assigned_at" not in pace or sides["last_assigned_at"].isna().any():
        return {"units_per_day": math.nan, "days_for_worthwhile": math.nan}
    first, last = sides["first_assigned_at"].min(), sides["last_assigned_at"].max()
    units = sides["clusters" if comparison.design.cluster else "units"].sum()
    per_day = float(units / ((last.date() - first.date()).days + 1))
    window = metric.horizon_days or metric.within_days or 0
    days = duration_days(row["n_for_worthwhile"] / share_known, per_day, window_days=window)
    return {"units_per_day": per_day, "days_for_worthwhile": days}


def _find_worthwhile(metric, control):
    margin = metric.margin
    if margin is None:
        return metric.worthwhile or math.nan
    return margin.absolute if margin.absolute is not None else margin.relative * abs(control)


def _size_share(metric, pair, n, worthwhile, options):
    direction = -1 if metric.expected == "lower" else 1
    effect = direction * worthwhile
    return {
        "smallest": abs(mde_proportions(pair.control, n, power=POWER, direction=direction, **options)),
        "needed": sample_size_proportions(pair.control, effect, power=POWER, **options),
        "power": power_proportions(pair.control, effect, n, **options),
    }


def _size_mean(metric, pair, n, worthwhile, options):
    sd, sd_treatment = math.sqrt(pair.var_control * pair.n_control), math.sqrt(pair.var_treatment * pair.n_treatment)
    options = {**options, "sd": sd, "sd_treatment": sd_treatment}
    known = worthwhile == worthwhile
    return {
        "smallest": mde_means(n_units=n, power=POWER, **options),
        "needed": sample_size_means(worthwhile, power=POWER, **options) if known else math.nan,
        "power": power_means(worthwhile, n_units=n, **options) if known else math.nan,
    }


def _size_error(metric, found, n, worthwhile, options):
    unit_error, known = found.std_error * math.sqrt(n), worthwhile == worthwhile
    return {
        "smallest": mde_normal(unit_error, n, power=POWER, **options),
        "needed": sample_size_normal(worthwhile, unit_error, power=POWER, **options) if known else math.nan,
        "power": power_normal(worthwhile, unit_error, n, **options) if known else math.nan,
    }
