"""One metric, two arms, their moments: the difference and the lift that the plan's rules call for."""

from __future__ import annotations

from helpers.inference.adjustment import adjust_means
from helpers.inference.pairs import Pair, compare_means, compare_ratios, difference, relative_lift
from helpers.inference.proportions import relative_lift_risk, risk_difference
from helpers.plan import Metric
from helpers.records import Effect, Moments


def compare_arms(
    metric: Metric, control: Moments, treatment: Moments, *, confidence_level=0.95, like: Effect | None = None
) -> dict[str, Effect]:
    """Return the difference and the relative lift of one metric between two arms.

    Binary metrics get Miettinen-Nurminen and the score ratio; ratios, rates, and everything that is randomised by
    cluster, the delta method at the randomised unit; outcomes beside covariates the adjustment of Lin (2013);
    all other means Welch. The lift comes from the same test as the difference (Fieller); an NPS has none.

    Parameters
    ----------
    metric : Metric
        Its kind decides the method.
    control, treatment : Moments
        Of the outcome, of (outcome, covariates), or of (numerator, denominator) for ratios and clusters; unknown
        outcomes are not in them.
    confidence_level : float, 0.5 to 1
    like : Effect, optional
        A difference that decides instead (by permutation, at an interim look); the lift follows it.

    Returns
    -------
    dict: `difference`, and `relative_lift` where the kind has one; fields are nan with a reason when an arm is
        too small.

    Raises
    ------
    ValueError: the metric is no mean (a quantile, an ordered score, a time to an event), which moments cannot tell.
    """
    if not metric.is_mean:
        raise ValueError("moments compare means only; a quantile, an order or a time needs rows or counts")
    if metric.kind == "binary" and control.names == ("y",) and like is None:
        counts = *_count(treatment), *_count(control)
        return {
            "difference": risk_difference(*counts, confidence_level=confidence_level),
            "relative_lift": relative_lift_risk(*counts, confidence_level=confidence_level),
        }
    pair = pair_arms(control, treatment)
    found = {"difference": like or difference(pair, confidence_level=confidence_level)}
    if metric.kind != "nps":
        found["relative_lift"] = relative_lift(pair, confidence_level=confidence_level, like=like)
    return found


def pair_arms(control: Moments, treatment: Moments) -> Pair:
    """Return two arms' values with their variances, by the method that the moments are made for.

    Parameters
    ----------
    control, treatment : Moments

    Returns
    -------
    Pair
    """
    if control.names[0] == "num":
        return compare_ratios(control, treatment)
    return adjust_means(control, treatment) if len(control.names) > 1 else compare_means(control, treatment)


def _count(moments):
    return round(moments.value * moments.n) if moments.n else 0, moments.n
