"""The rows that decide, one method each, and the same question under other fair choices."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial

import numpy as np

from helpers import metrics
from helpers.inference.comparisons import Comparison, label_effect
from helpers.inference.effects import compare_arms
from helpers.inference.missing import bound_missing, weight_responders
from helpers.inference.permutation import needs_permutation, permutation_difference
from helpers.inference.rates import rate_ratio
from helpers.inference.shapes import TOO_MANY, compare_shape
from helpers.plan import ExperimentPlan, Metric
from helpers.records import Effect, Estimate

FAILED = "outcomes are missing at different rates in the arms, so the known ones cannot be compared"
UNBOUNDED = ("count", "amount")  # a score has no tail that a few hundred units cannot average out


def estimate_headline(comparison: Comparison, material) -> list[Estimate]:
    """Return the deciding difference and lift of one metric between two arms.

    Parameters
    ----------
    comparison : Comparison
    material : Material

    Returns
    -------
    list of Estimate: unadjusted or adjusted by the plan's choice; by permutation, unadjusted, where the planned
        split is unequal and the tail of a count or an amount is heavy; with the interval that decides at this look;
        nan with the reason where the metric failed its missingness check. Quantiles and ordered scores have a
        difference and no lift, and are never adjusted.
    """
    adjusted = is_adjusted(comparison, material)
    arms = (material.adjusted if adjusted else material.raw)[comparison.name]
    if comparison.name in material.not_estimable:
        effects = {"difference": Effect(reason=FAILED)}
    else:
        effects = _decide(comparison, material, arms)
    labels = {"adjustment": "covariates" if adjusted else "none", "interval": material.look.interval}
    return [_label(comparison, material, e, estimand, **labels) for estimand, e in effects.items()]


def estimate_sensitivity(comparison: Comparison, material) -> list[Estimate]:
    """Return the rows beside the headline: the other adjustment, Welch, winsorised, weighted, bounded, rate ratio.

    Parameters
    ----------
    comparison : Comparison
    material : Material

    Returns
    -------
    list of Estimate: role `sensitivity`; empty where the metric has no other fair choice.
    """
    if comparison.name in material.not_estimable:
        return []
    rows = [
        *_other_adjustment(comparison, material),
        *_winsorised(comparison, material),
        *_unknown(comparison, material),
    ]
    labels = {"role": "sensitivity", "interval": material.look.interval}
    found = [_label(comparison, material, e, "difference", **labels, **more) for e, more in rows]
    ratios = [_label(comparison, material, e, "rate_ratio", **labels) for e in _rate_ratios(comparison, material)]
    return [*found, *ratios]


def leave_failed(estimates, failed) -> list[Estimate]:
    """Return estimates made elsewhere, those of metrics that failed their missingness check without figures.

    Parameters
    ----------
    estimates : iterable of Estimate
    failed : set of str
        Metrics; their sensitivity rows go.

    Returns
    -------
    list of Estimate
    """
    blank = asdict(Effect(reason=FAILED))
    kept = [e for e in estimates if e.metric not in failed or e.role != "sensitivity"]
    return [e.but(**blank) if e.metric in failed else e for e in kept]


def is_adjusted(comparison: Comparison, material) -> bool:
    """Return whether the difference that decides is adjusted: the plan says so, and no permutation test decides.

    Parameters
    ----------
    comparison : Comparison
    material : Material
    """
    if comparison.design.decides_on != "adjusted" or comparison.name not in material.adjusted:
        return False
    return not is_permuted(comparison, material)


def _decide(comparison, material, arms):
    if not comparison.metric.is_mean:
        return {"difference": material.at_look(comparison, compare_shape(comparison, material.units))}
    sides, level = (arms[comparison.control], arms[comparison.treatment]), {"confidence_level": comparison.level}
    effects = compare_arms(comparison.metric, *sides, **level)
    if is_permuted(comparison, material):
        return compare_arms(comparison.metric, *sides, like=_permute(comparison, material), **level)
    if material.look.interval != "fixed":
        return compare_arms(
            comparison.metric, *sides, like=material.at_look(comparison, effects["difference"]), **level
        )
    return effects


def is_permuted(comparison: Comparison, material) -> bool:
    """Return whether a permutation test decides: a mean, an unequal split, a heavy tail, and no early look.

    Parameters
    ----------
    comparison : Comparison
    material : Material
    """
    arms = material.raw.get(comparison.name, {})
    sizes = {arm: m.n for arm, m in arms.items()}
    tailed = is_tailed(comparison.metric, comparison.design, sizes, pool_skewness(arms.values()))
    return tailed and material.look.interval == "fixed"


def is_tailed(metric: Metric, design: ExperimentPlan, sizes, skewness) -> bool:
    """Return whether the tail of a mean is too heavy for Welch: a count or an amount of units, few, in unequal arms.

    Parameters
    ----------
    metric : Metric
    design : ExperimentPlan
    sizes : dict of float by arm, units with a known outcome
    skewness : float, of the outcome pooled over the arms; nan is not judged
    """
    is_plain = metric.kind in UNBOUNDED and metric.is_mean and not metric.is_ratio
    return is_plain and design.cluster is None and needs_permutation(sizes, design.variant.shares, skewness)


def pool_skewness(arms) -> float:
    """Return the skewness of an outcome over some arms, weighted by their units; nan where it is undefined.

    Parameters
    ----------
    arms : iterable of Moments
    """
    known = [m for m in arms if m.n and m.skewness == m.skewness]
    return sum(m.n * m.skewness for m in known) / sum(m.n for m in known) if known else float("nan")


def _permute(comparison, material):
    outcome = f"y_{comparison.name}"
    rows = metrics.read_rows(material.units, ["variant", outcome])
    if rows is None:
        return Effect(method="studentised permutation", reason=TOO_MANY)
    known = rows.dropna(subset=[outcome])
    sides = [
        known.loc[known["variant"] == arm, outcome].to_numpy(float)
        for arm in (comparison.control, comparison.treatment)
    ]
    rng = material.rng(f"{comparison.name}:{comparison.label}")
    return permutation_difference(*sides, rng=rng, n_resamples=material.n_resamples, confidence_level=comparison.level)


def _other_adjustment(comparison, material):
    decides_adjusted = is_adjusted(comparison, material)
    rows = [] if decides_adjusted or comparison.name not in material.adjusted else [(material.adjusted, "covariates")]
    rows += [(material.raw, "none")] if decides_adjusted or is_permuted(comparison, material) else []
    return [
        (_compare(comparison, material, moments[comparison.name]), {"adjustment": adjustment})
        for moments, adjustment in rows
    ]


def _winsorised(comparison, material):
    metric = comparison.metric
    if metric.kind != "amount" or not metric.is_mean or comparison.design.cluster is not None:
        return []
    arms = metrics.winsorise(material.units, comparison.name)
    return [(_compare(comparison, material, arms), {"adjustment": "winsorised"})]


def _rate_ratios(comparison, material):
    """The ratio of two rates, with the interval that decides at this look, taken on the log scale."""
    if comparison.metric.time_at_risk is None:
        return []
    arms = material.raw[comparison.name]
    found = rate_ratio(arms[comparison.control], arms[comparison.treatment], confidence_level=comparison.level)
    if material.look.interval == "fixed" or not found.std_error > 0:
        return [found]
    log = replace(found, estimate=float(np.log(found.estimate)), std_error=found.std_error / found.estimate)
    seen = material.at_look(comparison, log)
    ends = {"ci_low": float(np.exp(seen.ci_low)), "ci_high": float(np.exp(seen.ci_high))}
    return [replace(seen, estimate=found.estimate, std_error=found.std_error, **ends)]


def _compare(comparison, material, arms):
    sides = arms[comparison.control], arms[comparison.treatment]
    found = compare_arms(comparison.metric, *sides, confidence_level=comparison.level)["difference"]
    return material.at_look(comparison, found)


def _unknown(comparison, material):
    arms = material.raw[comparison.name]
    sides = arms[comparison.control], arms[comparison.treatment]
    is_plain = comparison.metric.is_mean and not comparison.metric.is_ratio
    if not any(m.missing for m in sides) or comparison.design.cluster is not None or not is_plain:
        return []
    look = partial(material.at_look, comparison)
    bounded = bound_missing(comparison.metric, *sides, confidence_level=comparison.level, look=look)
    return [(look(_weight(comparison, material)), {"adjustment": "weights"}), (bounded, {"population": "itt"})]


def _weight(comparison, material):
    outcome, complete, covariates = (
        f"y_{comparison.name}",
        f"complete_{comparison.name}",
        list(material.units.covariates),
    )
    rows = metrics.read_rows(material.units, ["variant", outcome, complete, *covariates])
    if rows is None:
        return Effect(method="inverse probability of response weights", reason=TOO_MANY)
    rows = rows[rows["variant"].isin([comparison.control, comparison.treatment]) & rows[complete].astype(bool)]
    rows = rows.assign(y=rows[outcome], treated=(rows["variant"] == comparison.treatment).astype(int))
    return weight_responders(rows, covariates=covariates, confidence_level=comparison.level)


def _label(comparison, material, effect, estimand, *, role=None, **labels):
    arms = material.raw[comparison.name]
    labels = {"population": material.find_population(comparison), **labels}
    return label_effect(comparison, effect, estimand=estimand, role=role or comparison.metric.role, arms=arms, **labels)
