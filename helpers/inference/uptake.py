"""Taking up what is offered: the association, its adjustments, the effect of the offer, and that in compliers."""

from __future__ import annotations

import math

import pandas as pd

from helpers import metrics
from helpers.inference.associations import adjusted_contrast, measure_overlap, naive_contrast, weighted_contrast
from helpers.inference.comparisons import Comparison, label_effect, list_comparisons, reverse_comparison
from helpers.inference.proportions import relative_lift_risk
from helpers.inference.take_up import anderson_rubin, complier_effect, e_value, first_stage
from helpers.records import Effect, Estimate, Results

TAKERS = "takers - others"
KINDS = ("binary", "count", "amount", "score")


def estimate_uptake(comparison: Comparison, material) -> list[Estimate]:
    """Return the contrasts of takers with others, and of the treatment with groups outside the randomisation.

    Naive, adjusted and weighted rows compare unlike people: the naive one is exploratory, the others sensitivity.
    The complier average causal effect rests on the exclusion restriction. All are the effect of taking.

    Parameters
    ----------
    comparison : Comparison
    material : Material

    Returns
    -------
    list of Estimate: estimands `naive`, `ratio` (of two shares) and `cace`; empty for guardrails and exploratory
        metrics, for all that is no plain mean (ratios, rates, quantiles, ordered scores) and clusters, above the
        limit of row-level methods, and where the plan names neither an exposure nor an observational group.
    """
    if not _applies(comparison, material):
        return []
    outside = [e for group in comparison.design.variant.observational for e in _outside(comparison, material, group)]
    return [*_taken(comparison, material), *outside]


def summarise_uptake(material) -> pd.DataFrame:
    """Return how strongly the offer moves take-up, and how much hidden keenness would explain the association.

    Parameters
    ----------
    material : Material

    Returns
    -------
    DataFrame: one row a primary or secondary binary metric and treatment: take-up in both arms, first-stage F,
        what it means in words, the risk ratio of takers to others with its E-values, and the overlap diagnostics
        of the weighted contrast. Empty without an exposure.
    """
    rows = [
        _summarise(c, material)
        for c in list_comparisons(material.design, "primary", "secondary")
        if _applies(c, material)
    ]
    return pd.DataFrame([row for row in rows if row])


def select_contrasts(results: Results, metric: str, *, treatment=None) -> tuple[Estimate, ...]:
    """Return the answers to "what does it do?" in the order that shows the illusion and its cure.

    Parameters
    ----------
    results : Results
    metric : str
    treatment : str, optional
        The first one that has such answers when left out.

    Returns
    -------
    tuple of Estimate: naive, adjusted and weighted associations, then all assigned, then compliers, all in the
        direction of the offer; empty where the plan names neither an exposure nor an observational group.
    """
    found = [e for e in results.select(metric=metric, segment=None, at=None) if e.estimand in ("naive", "cace")]
    if not found:
        return ()
    treatment = treatment or found[0].treatment
    fair = results.headline(metric, treatment=treatment)[:1]
    naive, cace = ([e for e in found if e.estimand == kind and e.treatment == treatment] for kind in ("naive", "cace"))
    if cace and fair and cace[0].estimate * fair[0].estimate < 0:  # the treatment takes the offer away
        fair = (reverse_comparison(fair[0]),)
    return (*naive, *fair, *cace)


def _applies(comparison, material):
    metric = comparison.metric
    is_plain = metric.kind in KINDS and metric.is_mean and not metric.is_ratio
    if not is_plain or metric.role not in ("primary", "secondary"):
        return False
    return comparison.design.cluster is None and comparison.name not in material.not_estimable


def _taken(comparison, material):
    rows = _read(comparison, material, [comparison.control, comparison.treatment])
    if rows is None or comparison.design.exposure is None:
        return []
    rows, level = rows.dropna(subset=["taken"]), {"confidence_level": comparison.level}
    several = len(comparison.design.variant.treatments) > 1
    against = f"{TAKERS} ({comparison.treatment})" if several else TAKERS
    labels = {"interval": material.look.interval, "against": against, **_count_arms(rows, "assigned")}
    labels |= {"estimand": "cace", "population": "compliers"}
    delta, exact = (material.at_look(comparison, effect(rows, **level)) for effect in (complier_effect, anderson_rubin))
    return [
        *_associate(comparison, rows, material, population="as_treated", against=against),
        label_effect(comparison, delta, role="exploratory", family="", **labels),
        label_effect(comparison, exact, role="sensitivity", **labels),
    ]


def _outside(comparison, material, group):
    rows = _read(comparison, material, [group, comparison.treatment])
    if rows is None:
        return []
    rows = rows.assign(assigned=1, taken=(rows["variant"] == comparison.treatment).astype(float))
    against = Comparison(comparison.design, comparison.name, group, comparison.treatment)
    return _associate(against, rows, material, population="observational", against=against.label)


def _associate(comparison, rows, material, *, population, against):
    covariates, level = list(material.units.covariates), {"confidence_level": comparison.level}
    labels = {"population": population, "against": against, "interval": material.look.interval}
    labels |= _count_arms(_offered(rows), "taken")
    decides = {"estimand": "naive", "role": "exploratory", "family": ""}
    found = [(naive_contrast(rows, **level), decides)]
    if comparison.metric.kind == "binary":
        found.append((_compare_shares(rows, comparison.level), {**decides, "estimand": "ratio"}))
    if covariates:
        beside = {"estimand": "naive", "role": "sensitivity"}
        found.append((adjusted_contrast(rows, covariates, **level), {**beside, "adjustment": "covariates"}))
        found.append((weighted_contrast(rows, covariates, **level), {**beside, "adjustment": "weights"}))
    return [label_effect(comparison, material.at_look(comparison, e), **labels, **more) for e, more in found]


def _compare_shares(rows, level) -> Effect:
    groups = _offered(rows).groupby("taken")["y"].agg(["sum", "count"]).reindex([0, 1], fill_value=0)
    (others, n_others), (takers, n_takers) = groups.to_numpy(int)
    lift = relative_lift_risk(takers, n_takers, others, n_others, confidence_level=level)
    ends = (
        None
        if lift.ci_set is None
        else tuple(tuple(None if x is None else 1 + x for x in pair) for pair in lift.ci_set)
    )
    return Effect(
        1 + lift.estimate, math.nan, None, 1 + lift.ci_low, 1 + lift.ci_high, ends, lift.p_value,
        lift.control_value, lift.treatment_value, lift.method, lift.reason,
    )  # fmt: skip


def _summarise(comparison, material):
    rows = _read(comparison, material, [comparison.control, comparison.treatment])
    if rows is None or comparison.design.exposure is None or comparison.metric.kind != "binary":
        return None
    stage, ratio = first_stage(rows, confidence_level=comparison.level), _compare_shares(rows, comparison.level)
    nearest = ratio.ci_low if ratio.estimate > 1 else ratio.ci_high
    needed, needed_limit = e_value(ratio.estimate, nearest)
    overlap = measure_overlap(rows, list(material.units.covariates)) if material.units.covariates else None
    return {
        "metric": comparison.name, "comparison": comparison.label, "take_up_control": stage.take_up.control_value,
        "take_up_treatment": stage.take_up.treatment_value, "first_stage_f": stage.f, "note": stage.note,
        "risk_ratio": ratio.estimate, "e_value": needed, "e_value_limit": needed_limit,
        "effective_size": overlap.effective_size if overlap else math.nan,
        "share_outside": overlap.share_outside if overlap else math.nan,
    }  # fmt: skip


def _read(comparison, material, arms):
    outcome, exposed = f"y_{comparison.name}", ["exposed"] if comparison.design.exposure else []
    rows = metrics.read_rows(material.units, ["variant", outcome, *exposed, *material.units.covariates])
    if rows is None:
        return None
    rows = rows.rename(columns={outcome: "y", "exposed": "taken"})
    rows = rows[rows["variant"].isin(arms)].dropna(subset=["y"])
    return rows.assign(assigned=(rows["variant"] == comparison.treatment).astype(int))


def _offered(rows):
    rows = rows.dropna(subset=["taken"])
    share = rows.groupby("assigned")["taken"].mean()
    return rows[rows["assigned"] == share.idxmax()] if len(share) else rows


def _count_arms(rows, column):
    return {"n_control": int((rows[column] == 0).sum()), "n_treatment": int((rows[column] == 1).sum())}
