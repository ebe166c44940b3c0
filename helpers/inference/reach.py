"""How far an experiment reaches: whether its data lie where its methods hold, and what it could have seen."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest

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
from helpers.records import DETAIL, NAN, Check

POWER = 0.8
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
    found, n_known, design = {}, 0, material.design
    for e in estimates:
        guarantee = _find_promise(e) if _is_headline(e) and math.isfinite(e.ci_low) else None
        departure = guarantee and guarantee.find_departure(**_describe_data(e, material))
        n_known += guarantee is not None
        if departure and e.metric not in found:  # in plain words, and after the mark of a detail what it would need
            label, (plain, _, needed) = design.label_of(e.metric), departure.partition(": ")
            several = f", {e.comparison}" if len(design.variant.treatments) > 1 else ""
            said = (
                f"{label[:1].upper()}{label[1:]}{several}: {plain}, so the interval may hold the truth less often than "
                f"it says.{DETAIL}{needed}."
            )
            found[e.metric] = Check(f"domain_{e.metric}", "warn", NAN, NAN, said)
    if n_known and not found:
        said = "Every headline effect lies in the domain for which its method's coverage is declared and measured."
        return [Check("domain", "pass", 0.0, 0.0, said)]
    return list(found.values())


def _is_headline(e):
    whole = e.segment is None and e.at is None and e.population in ("itt", "responders")
    return whole and e.estimand == "difference" and e.role != "sensitivity"


def _find_promise(e):
    """That of the method as used, else that of the method before it was made to last over looks."""
    unit = "units" if e.clusters_control is None else "clusters"
    before = e.method.removesuffix(", always-valid").partition(", repeated")[0]
    return find_guarantee(e.method, e.estimand, unit=unit) or find_guarantee(before, e.estimand, unit=unit)


def _describe_data(e, material):
    """What a promise is held against: units (or what clusters count like), the tail, the rarer side, the effect."""
    described = {"n_control": e.n_control, "n_treatment": e.n_treatment}
    metric, arms = material.design.metrics[e.metric], material.raw.get(e.metric, {})
    sides = [arms[arm] for arm in (e.control, e.treatment) if arm in arms]
    if e.clusters_control is not None:
        described = dict(zip(described, map(effective_units, sides), strict=True))
    elif metric.kind in ("binary", "time_to_event"):
        return described | {"events": _count_rarer(e, is_followed=metric.kind == "binary")}
    if metric.quantile is not None:
        return described | {"events": min(e.n_control, e.n_treatment) * min(metric.quantile, 1 - metric.quantile)}
    pair, spread = pair_arms(*sides), 1.0
    if not pair.reason and min(pair.variances) > 0:  # standard deviation of a unit in treatment over that in control
        spread = math.sqrt(pair.var_treatment * pair.n_treatment / (pair.var_control * pair.n_control))
    return described | {"skewness": pool_skewness(sides), "spread": spread, "estimate": e.estimate}


def _count_rarer(e, *, is_followed):
    """Units with, or without, the event that the smaller arm is expected to hold, whichever are fewer.

    Of a time to an event, in so many units as know its incidence: its variance if all were followed, over its own.
    """
    sides, seen = ((e.control_value, e.n_control), (e.treatment_value, e.n_treatment)), 1.0
    if not is_followed and e.std_error > 0:
        seen = min(sum(share * (1 - share) / n for share, n in sides) / e.std_error**2, 1.0)
    share = sum(n * share for share, n in sides) / (e.n_control + e.n_treatment)
    return min(e.n_control, e.n_treatment) * min(share, 1 - share) * seen


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
    gains, left, design = {}, {}, material.design
    for comparison in list_comparisons(design):
        if comparison.name in material.adjusted:
            pair = pair_arms(*material.take(comparison, adjusted=True))
            gains |= {} if pair.reason else {comparison.name: float(pair.variance_reduction)}
            left |= dict.fromkeys(pair.left_out)
    if not gains:
        return []
    name = design.key_metric if design.key_metric in gains else max(gains, key=gains.get)
    more = "" if name == design.key_metric else ", more than of any other"
    of = f"{100 * abs(gains[name]):.1f} % {{}} the variance of the effect on {design.label_of(name)}{more}"
    if gains[name] < 0:
        said = f"Covariates add {of.format('to')}: they cost more than they explain"
    else:
        said = f"Covariates take away {of.format('of')}"
    if not left:
        return [Check("covariates", "pass", gains[name], 0.0, f"{said}.")]
    said += f". Left out, as repeating others or not varying: {_name_covariates(left, material.units.covariates)}."
    return [Check("covariates", "warn", gains[name], 0.0, said)]


def _name_covariates(left, every):
    """The covariates whose columns are left out, in words; a level is not named, since it could be somebody's."""
    kept = {_name_covariate(name) for name in every if name not in left}
    return ", ".join(f"part of {name}" if name in kept else name for name in dict.fromkeys(map(_name_covariate, left)))


def _name_covariate(column):
    return column.removeprefix("x_").split("=")[0].removesuffix(":missing")


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
    heads = {(e.metric, e.treatment): e for e in reversed(estimates) if _is_headline(e)}
    pace, rows = metrics.describe_arms(material.units), []
    for comparison in list_comparisons(material.design, "primary", "secondary", "guardrail"):
        row = _size(comparison, material, heads.get((comparison.name, comparison.treatment)))
        if row:
            rows.append({**row, **_time(comparison, material, row["n_for_worthwhile"], pace)})
    return pd.DataFrame(rows)


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


def _size(comparison, material, head):
    """One row, by the variance of shares or of means, or by the standard error that the estimate has."""
    metric, fixed, more = comparison.metric, {"alpha": comparison.design.alpha}, {}
    if metric.is_mean:
        pair = _pair_units(*material.take(comparison, adjusted=material.choose(comparison) == "lin"))
        if pair.reason:
            return None
        control, n = pair.control, pair.n_control + pair.n_treatment
        fixed["share_treatment"] = pair.n_treatment / n
    elif head is None or not head.std_error > 0:
        return None
    else:
        clustered = head.clusters_control is not None
        n = head.clusters_control + head.clusters_treatment if clustered else head.n_control + head.n_treatment
        control = head.control_value
    worthwhile = effect = _find_worthwhile(metric, control)
    if not metric.is_mean:
        mde, size, power = mde_normal, sample_size_normal, power_normal
        fixed["unit_error"] = head.std_error * math.sqrt(n)
    elif metric.kind == "binary" and pair.method == "welch":  # neither by cluster nor adjusted
        mde, size, power = mde_proportions, sample_size_proportions, power_proportions
        fixed["baseline"], more["direction"] = control, -1 if metric.expected == "lower" else 1
        effect = more["direction"] * worthwhile
    else:
        mde, size, power = mde_means, sample_size_means, power_means
        fixed["sd"] = math.sqrt(pair.var_control * pair.n_control)
        fixed["sd_treatment"] = math.sqrt(pair.var_treatment * pair.n_treatment)
    smallest = abs(mde(n_units=n, power=POWER, **fixed, **more))
    known = worthwhile == worthwhile
    needed = size(difference=effect, power=POWER, **fixed) if known else math.nan
    return {
        "metric": comparison.name,
        "comparison": comparison.label,
        "control_value": control,
        "n": n,
        "power": POWER,
        "mde_absolute": smallest,
        "mde_relative": smallest / control if metric.is_mean and control > 0 else math.nan,
        "worthwhile": worthwhile,
        "power_for_worthwhile": power(difference=effect, n_units=n, **fixed) if known else math.nan,
        "n_for_worthwhile": math.ceil(needed) if math.isfinite(needed) else math.nan,
    }


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


def _find_worthwhile(metric, control):
    margin = metric.margin
    if margin is None:
        return metric.worthwhile or math.nan
    return margin.relative * abs(control) if margin.absolute is None else margin.absolute


def _time(comparison, material, n, pace):
    """How long so many units with a known outcome take at the rate at which these came, the last window included."""
    metric, sides = comparison.metric, pace[pace["variant"].isin([comparison.control, comparison.treatment])]
    if "first_assigned_at" not in pace or sides["last_assigned_at"].isna().any():
        return {"units_per_day": math.nan, "days_for_worthwhile": math.nan}
    first, last = sides["first_assigned_at"].min(), sides["last_assigned_at"].max()
    units = sides["clusters" if comparison.design.cluster else "units"].sum()
    per_day = float(units / ((last.date() - first.date()).days + 1))
    arms = material.raw.get(comparison.name, {})
    known, unknown = (
        sum(getattr(arms[arm], count) for arm in (comparison.control, comparison.treatment) if arm in arms)
        for count in ("n", "missing")
    )
    asked = n * (known + unknown) / known if known else n  # some of those whose window is over will not answer
    days = duration_days(asked, per_day, window_days=metric.horizon_days or metric.within_days or 0)
    return {"units_per_day": per_day, "days_for_worthwhile": days}


@dataclass(frozen=True)
class SimulatedPower:
    """The share of simulated experiments that find the effect, its exact interval, and the share without a test."""

    power: float
    ci_low: float
    ci_high: float
    undefined: float


def simulate_power(
    draw, compute, *, n_units, share_treatment=0.5, replicates=1000, alpha=0.05, rng, confidence_level=0.95
) -> SimulatedPower:
    """Return the power of any test on any data, with the Monte-Carlo doubt that remains.

    Parameters
    ----------
    draw : callable(rng, n, treated) -> data
        One arm of n units, `treated` False or True.
    compute : callable(control, treatment) -> float
        The p-value of what was drawn; nan, no test, counts as not found.
    n_units : int, both arms
    share_treatment : float, between 0 and 1
        The arms hold the nearest whole numbers of units.
    replicates : int, simulated experiments, at least 1
    alpha : float, two-sided
    rng : numpy Generator
    confidence_level : float
        Of the interval of the power.

    Returns
    -------
    SimulatedPower: shares of 0 to 1.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26: 404-413.
    """
    n_treatment = round(n_units * share_treatment)
    sizes = n_units - n_treatment, n_treatment
    p_values = np.array(
        [compute(*(draw(rng, n, arm == 1) for arm, n in enumerate(sizes))) for _ in range(replicates)], float
    )
    found = int((p_values <= alpha).sum())
    band = binomtest(found, replicates).proportion_ci(confidence_level, method="exact")
    return SimulatedPower(found / replicates, float(band.low), float(band.high), float(np.isnan(p_values).mean()))
