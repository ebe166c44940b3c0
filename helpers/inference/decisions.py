"""An effect gets its labels, its family and its verdict: so it becomes an Estimate."""

from dataclasses import replace
from operator import attrgetter, itemgetter

import numpy as np

from helpers.inference.means import FEW_CLUSTERS, TOO_FEW
from helpers.plan import ExperimentPlan, Metric
from helpers.records import Effect, Estimate

DEFAULTS = {"population": "itt", "adjustment": "none", "segment": None, "at": None, "interval": "fixed"}


class Comparison:
    """One metric between a control and a treatment under a plan.

    `metric` and `level` are as planned; `label` is treatment - control; `arms` are the two names, control first. Where
    the plan compares two treatments, one of them stands for the control and `is_with_control` is False. `take` picks
    from something by arm what stands for the control and for the treatment.
    """

    def __init__(self, design: ExperimentPlan, name: str, control: str, treatment: str):
        self.design, self.name, self.control, self.treatment = design, name, control, treatment
        self.metric, self.level = design.metrics[name], design.confidence_level
        self.label, self.arms = f"{treatment} - {control}", (control, treatment)
        self.is_with_control = control == design.variant.control
        self.take = itemgetter(control, treatment)

    def count(self, arms: dict) -> tuple[int, int]:
        """Return how many units are in the moments of both arms, which count clusters where the plan names them."""
        clustered = self.design.cluster is not None
        return tuple(
            round(float(m.mean[-1]) * m.n) if clustered and m.n else m.n
            for m in (arms[self.control], arms[self.treatment])
        )


def list_comparisons(design: ExperimentPlan, *roles) -> list[Comparison]:
    """Return every metric (of some roles) in all pairs of arms that the plan compares, in its order.

    Parameters
    ----------
    design : ExperimentPlan
    *roles : str, all roles when left out
    """
    return [
        Comparison(design, name, *pair)
        for name, metric in design.metrics.items()
        for pair in design.pairs
        if not roles or metric.role in roles
    ]


def find_rule(design, name) -> tuple[float, int]:
    """Return how a metric is decided: the p-value of the first of its family, and the direction of its effect.

    Parameters
    ----------
    design : ExperimentPlan
    name : str, of a metric
        Metrics of one role form a family, one member a metric and treatment, of which the first is decided at alpha
        over their number (Holm, and Benjamini and Hochberg); guardrails form none.

    Returns
    -------
    tuple: the level, and 1 or -1 for higher or lower: what is expected, else what is better.
    """
    metric = design.metrics[name]
    size = 1 if metric.role == "guardrail" else len(list_comparisons(design, metric.role))
    return design.alpha / size, -1 if (metric.expected or metric.better) == "lower" else 1


def label_effect(comparison: Comparison, effect: Effect, *, estimand, role, arms=None, **labels) -> Estimate:
    """Return an effect with its labels and without a verdict (multiplicity comes first).

    Parameters
    ----------
    comparison : Comparison
    effect : Effect
    estimand, role : str
        As results.json names them.
    arms : dict of Moments by arm, optional
        For the numbers of units and clusters.
    **labels : population, adjustment, segment, at, interval, family, against, n_control, n_treatment
        Where they differ from the default: ITT, none, none, none, fixed, the role, the arms.

    Returns
    -------
    Estimate: its id is made of the labels; sensitivity rows have no family. No difference reaches beyond what two units
        of the metric can differ by, as an early look's would.
    """
    how = comparison.metric.how
    ends = (0, 1) if how.shown == "share" else how.extremes(comparison.metric)
    if estimand == "difference" and ends:
        width = float(ends[1] - ends[0])
        effect = replace(effect, ci_low=max(effect.ci_low, -width), ci_high=min(effect.ci_high, width))
    labels = {**DEFAULTS, "family": "" if role == "sensitivity" else role, **labels}
    if arms:
        labels = dict(zip(("n_control", "n_treatment"), comparison.count(arms), strict=True)) | labels
    if arms and comparison.design.cluster is not None:
        labels["clusters_control"], labels["clusters_treatment"] = (m.n for m in comparison.take(arms))
        effect = replace(effect, reason=FEW_CLUSTERS) if effect.reason == TOO_FEW else effect
    extra = [str(labels[k]) for k, v in DEFAULTS.items() if labels[k] != v]
    parts = [comparison.name, comparison.label, estimand, *extra, *([effect.method] if role == "sensitivity" else [])]
    labels |= {"id": ":".join(parts), "metric": comparison.name, "comparison": labels.pop("against", comparison.label)}
    labels |= {"control": comparison.control, "treatment": comparison.treatment, "confidence_level": comparison.level}
    return Estimate(estimand=estimand, role=role, **labels, **vars(effect))


def make_estimate(effect: Effect, *, control: str, treatment: str, **labels) -> Estimate:
    """Return an effect with its labels, which are fields of `Estimate`; a comparison is treatment - control."""
    labels = {"comparison": f"{treatment} - {control}", **labels}
    return Estimate(control=control, treatment=treatment, **labels, **vars(effect))


def holm(p_values) -> np.ndarray:
    """Return Holm's adjusted p-values, which hold the chance of any false alarm.

    Parameters
    ----------
    p_values : array, shape (..., k), one experiment a row
        nan is not counted as a test and stays nan.

    Returns
    -------
    array, shape (..., k): at most 1.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6: 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    return _adjust(p_values, lambda p, k, place: np.maximum.accumulate(p * (k - place), axis=-1))


def benjamini_hochberg(p_values) -> np.ndarray:
    """Return Benjamini and Hochberg's adjusted p-values, which hold the share of false alarms among alarms.

    Parameters
    ----------
    p_values : array, shape (..., k), one experiment a row
        nan is not counted as a test and stays nan.

    Returns
    -------
    array, shape (..., k): at most 1.

    References
    ----------
    Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57: 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjust(
        p_values, lambda p, k, place: np.fmin.accumulate((p * k / (place + 1))[..., ::-1], axis=-1)[..., ::-1]
    )


def _adjust(p_values, rule):
    """Adjust sorted p-values by a rule of them, the number of tests, and their places from 0."""
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, axis=-1, kind="stable")  # nan last
    k, place = np.count_nonzero(~np.isnan(p_values), axis=-1, keepdims=True), np.arange(p_values.shape[-1])
    adjusted, ordered = np.empty_like(p_values), np.take_along_axis(p_values, order, axis=-1)
    np.put_along_axis(adjusted, order, np.minimum(rule(ordered, k, place), 1), axis=-1)
    return adjusted


LIFT = "relative_lift"
_KEY = attrgetter("metric", "comparison", "population", "segment", "at")  # what a difference and its lift share
_ROW = attrgetter("metric", "comparison", "population", "segment", "at", "role", "adjustment")
FAMILIES = {"primary": holm, "secondary": holm, "exploratory": benjamini_hochberg}  # the planned metrics of that role
FAMILIES |= {"weeks": benjamini_hochberg, "segments": benjamini_hochberg}  # none of these weighs on a planned metric


def adjust_families(estimates) -> tuple[Estimate, ...]:
    """Return the estimates with the adjusted p-values of their families.

    A family holds the differences that carry its name; with fewer than two p-values nothing is adjusted. A relative
    lift takes the adjusted p-value of its difference. A sensitivity row, or the effect in compliers, is another reading
    of a headline difference: its p-value is adjusted in that difference's place in the family, so that one rule decides
    both. Guardrails must all pass, so they form no family.

    Parameters
    ----------
    estimates : iterable of Estimate
        `family` is primary, secondary, exploratory, weeks, segments, or anything else for none.

    Returns
    -------
    tuple of Estimate: in the same order; those of no family as they were.
    """
    estimates, adjusted = list(estimates), {}
    readings = [i for i, e in enumerate(estimates) if e.role == "sensitivity" or e.population == "compliers"]
    # what another reading shares with its headline difference: the metric, and its arms if it is of the randomised
    arms = [f"{e.treatment} - {e.control}" if e.population in RANDOMISED else e.comparison for e in estimates]
    spots = [(e.metric, against, e.segment) for e, against in zip(estimates, arms, strict=True)]
    for family, rule in FAMILIES.items():
        members = [i for i, e in enumerate(estimates) if e.family == family and e.estimand != LIFT]
        whole = [i for i in reversed(members) if estimates[i].segment is None and estimates[i].at is None]
        places = {spots[i]: i for i in whole}
        for i in (None, *(i for i in readings if spots[i] in places)):  # the family itself, and with a reading in it
            among = [i if i is not None and other == places[spots[i]] else other for other in members]
            known = [one for one in among if estimates[one].p_value == estimates[one].p_value]
            if len(known) > 1:
                found = dict(zip(known, rule([estimates[one].p_value for one in known]).tolist(), strict=True))
                adjusted |= found if i is None else {one: p for one, p in found.items() if one == i}
    by_key = {_KEY(estimates[i]): p for i, p in reversed(adjusted.items()) if i not in readings}
    lifts = (i for i, e in enumerate(estimates) if e.estimand == LIFT and e.role != "sensitivity")
    adjusted |= {i: by_key.get(_KEY(estimates[i])) for i in lifts}
    return tuple(e.but(p_value_adjusted=adjusted.get(i)) for i, e in enumerate(estimates))


MEAN_TIME = "rmst_difference"  # days without the event: more of them is less of the event, of which `better` speaks
AS_ASSIGNED = ("itt", "responders")  # the plan expects a direction of the arms, not of takers or outside groups
RANDOMISED = (*AS_ASSIGNED, "compliers")  # of all other populations nobody was assigned to what is compared
OF_VALUES = ("ratio", "rate_ratio")  # of the arms' own values, so that a margin in their unit applies
RATIOS = (*OF_VALUES, "hazard_ratio")  # no effect is 1, not 0


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
    lifts = {_ROW(e): e for e in estimates if e.estimand == LIFT}
    decided = [decide(e, metrics[e.metric], alpha=alpha, lift=lifts.get(_ROW(e))) for e in estimates]
    leads = {_ROW(e): e for e in reversed(decided) if e.estimand != LIFT}
    for i, e in enumerate(decided):
        lead = leads.get(_ROW(e))
        if e.estimand == LIFT and lead and e.verdict != "not estimable":
            decided[i] = e.but(verdict=lead.verdict, as_expected=lead.as_expected)
    return tuple(decided)


def decide(estimate: Estimate, metric: Metric, *, alpha, lift: Estimate | None = None) -> Estimate:
    """Return an estimate with the verdict of the plan's rule.

    Clear is a decision p-value of at most alpha. Who was not randomised (takers, outside groups, landmarks,
    snapshots) shows an association, clear or not, and never a benefit, a harm or an effect; compliers, whose effect
    rests on an assumption beside the lot, a difference. An interval wholly within the worthwhile effect on both sides
    is "no worthwhile difference" even when clear: what is surely there is surely too small to matter. A guardrail is
    judged by the harm side of its two-sided interval against its margin, and by nothing else. A ratio of the arms'
    values is held against the same margin and the same worthwhile effect, as that share of the control value.

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
        control value is uncertain too, and is not shown to hold where that has no end. Without a lift the margin is
        that share of the control value.

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
        reason = estimate.reason or "no interval and no test"
        return estimate.but(verdict="not estimable", as_expected=None, reason=reason)
    clear, is_mean_time = estimate.decision_p <= alpha, estimate.estimand == MEAN_TIME
    sign = np.sign(estimate.estimate - (estimate.estimand in RATIOS)) * (-1 if is_mean_time else 1)
    direction = {1: "higher", -1: "lower"}.get(sign)
    scaled, reach = estimate.estimand not in ("hazard_ratio", MEAN_TIME, LIFT), (estimate.ci_low, estimate.ci_high)
    if estimate.estimand in OF_VALUES:
        lift, reach = None, tuple((end - 1) * estimate.control_value for end in reach)
    if estimate.population not in RANDOMISED:
        verdict = "clear association" if clear else "no clear association"
    elif metric.role == "guardrail" and scaled:
        verdict = _judge_guardrail(metric, *reach, estimate.control_value, lift)
    elif metric.worthwhile and scaled and max(map(abs, reach)) < metric.worthwhile:
        verdict = "no worthwhile difference"
    elif not clear:
        verdict = "no clear difference"
    elif metric.better == "neither" or estimate.population not in AS_ASSIGNED:
        verdict = "clear difference"
    else:
        verdict = "clear benefit" if direction == metric.better else "clear harm"
    expected = metric.expected if clear and estimate.population in AS_ASSIGNED else None
    return estimate.but(verdict=verdict, as_expected=None if expected is None else direction == expected)


def _judge_guardrail(metric, worst, best, control_value, lift):
    margin = metric.margin.absolute
    if margin is None and lift is not None:
        margin, worst, best = metric.margin.relative, lift.ci_low, lift.ci_high
    elif margin is None:
        margin = metric.margin.relative * control_value
    if metric.better == "lower":
        worst, best = -best, -worst
    if not margin > 0 or not np.isfinite([worst, best]).all():
        return "non-inferiority not shown"
    if worst > -margin:
        return "not inferior"
    return "inferior" if best < -margin else "non-inferiority not shown"
