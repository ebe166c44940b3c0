"""What the plan's rule says of an estimate: its verdict, and whether its sign is the expected one."""

from __future__ import annotations

import numpy as np

from helpers.inference.multiplicity import find_key, is_lift
from helpers.plan import Metric
from helpers.records import Estimate

MEAN_TIME = "rmst_difference"  # days without the event: more of them is less of the event, of which `better` speaks
RANDOMISED = ("itt", "responders")  # the plan expects a direction of the arms, not of takers or outside groups
RATIOS = ("ratio", "rate_ratio", "hazard_ratio")  # no effect is 1, not 0; margins in the metric's unit do not apply


def decide_all(estimates, metrics, *, alpha) -> tuple[Estimate, ...]:
    """Return the estimates with their verdicts; a relative lift takes that of its difference.

    Parameters
    ----------
    estimates : iterable of Estimate
        p-values already adjusted.
    metrics : dict of plan.Metric by name
    alpha : float
        1 - confidence level.

    Returns
    -------
    tuple of Estimate: in the same order. A lift that is undefined stays not estimable.
    """
    estimates = list(estimates)
    lifts = {_find_row(e): e for e in estimates if is_lift(e)}
    decided = [decide(e, metrics[e.metric], alpha=alpha, lift=lifts.get(_find_row(e))) for e in estimates]
    leads = {_find_row(e): e for e in reversed(decided) if not is_lift(e)}
    return tuple(_follow(e, leads.get(_find_row(e))) for e in decided)


def decide(estimate: Estimate, metric: Metric, *, alpha, lift: Estimate | None = None) -> Estimate:
    """Return an estimate with the verdict of the plan's rule.

    Clear is a decision p-value of at most alpha. An interval wholly within the worthwhile effect on both sides is
    "no worthwhile difference" even when clear: what is surely there is surely too small to matter. A guardrail is
    judged by the harm side of its two-sided interval against its margin, and by nothing else.

    Parameters
    ----------
    estimate : Estimate
        `decision_p` and the interval decide; either may be nan, not both.
    metric : plan.Metric
        `better`, `expected`, `worthwhile`, `margin` and `role` are read. `better` speaks of the estimate as it
        stands: higher is above no effect. Of a time to an event it speaks of the share that has the event, so the
        mean time without it counts the other way.
    alpha : float
        1 - confidence level.
    lift : Estimate, optional
        The relative lift of the same test: a relative margin is held against its interval, which knows that the
        control value is uncertain too. Where it has none, the margin is that share of the control value.

    Returns
    -------
    Estimate: with `verdict`; `as_expected` (None unless it is clear, of the arms as assigned, and something was
        expected); and a `reason` where the verdict is "not estimable".

    References
    ----------
    Piaggio et al. 2012, JAMA 308: 2594-2604 (non-inferiority read from a two-sided interval).
    """
    undecided = np.isnan(estimate.decision_p) and np.isnan(estimate.ci_low) and estimate.ci_set is None
    if np.isnan(estimate.estimate) or undecided:
        return estimate.but(
            verdict="not estimable", as_expected=None, reason=estimate.reason or "no interval and no test"
        )
    clear = estimate.decision_p <= alpha
    sign = np.sign(estimate.estimate - (1 if estimate.estimand in RATIOS else 0))
    if estimate.estimand == MEAN_TIME:
        sign = -sign
    scaled = estimate.estimand not in (*RATIOS, MEAN_TIME) and not is_lift(estimate)
    if metric.role == "guardrail" and scaled:
        verdict = _judge_guardrail(estimate, metric, lift)
    elif metric.worthwhile and scaled and max(abs(estimate.ci_low), abs(estimate.ci_high)) < metric.worthwhile:
        verdict = "no worthwhile difference"
    else:
        verdict = _name_difference(sign, metric.better) if clear else "no clear difference"
    expected = metric.expected if clear and estimate.population in RANDOMISED else None
    return estimate.but(verdict=verdict, as_expected=_compare_sign(sign, expected))


def _name_difference(sign, better):
    if better == "neither":
        return "clear difference"
    return "clear benefit" if _compare_sign(sign, better) else "clear harm"


def _compare_sign(sign, direction):
    return None if direction is None else bool(sign == (1 if direction == "higher" else -1))


def _judge_guardrail(estimate, metric, lift):
    margin, judged = metric.margin.absolute, estimate
    if margin is None and lift is not None and np.isfinite([lift.ci_low, lift.ci_high]).all():
        margin, judged = metric.margin.relative, lift
    elif margin is None:
        margin = metric.margin.relative * estimate.control_value
    worst, best = judged.ci_low, judged.ci_high
    if metric.better == "lower":
        worst, best = -best, -worst
    if not margin > 0 or not np.isfinite([worst, best]).all():
        return "non-inferiority not shown"
    if worst > -margin:
        return "not inferior"
    return "inferior" if best < -margin else "non-inferiority not shown"


def _find_row(estimate):
    return (*find_key(estimate), estimate.role, estimate.adjustment)


def _follow(estimate, lead):
    if not is_lift(estimate) or lead is None or estimate.verdict == "not estimable":
        return estimate
    return estimate.but(verdict=lead.verdict, as_expected=lead.as_expected)
