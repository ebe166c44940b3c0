"""By the plan's rule an effect gets label, family and verdict; and before, how likely it finds what is there."""

import math
from dataclasses import replace
from operator import attrgetter, itemgetter

import numpy as np
import scipy  # its optimize and stats load when they are first used
from scipy.special import gammaincinv, ndtr, ndtri, stdtrit

from helpers.inference.looks import place_nodes
from helpers.inference.means import FEW_CLUSTERS, TOO_FEW, satterthwaite
from helpers.plan import ExperimentPlan, Metric
from helpers.records import Effect, Estimate, Refused, Test

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
    Estimate: its id is made of the labels; sensitivity rows have no family.
    """
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


def adjust_tests(tests) -> tuple[Test, ...]:
    """Return tests with the adjusted p-values of their families, each by Benjamini and Hochberg.

    Parameters
    ----------
    tests : iterable of Test

    Returns
    -------
    tuple of Test: in the same order; those of no family as they were.
    """
    tests, adjusted = list(tests), {}
    for family in {test.family for test in tests} - {""}:
        members = [i for i, test in enumerate(tests) if test.family == family]
        adjusted |= dict(zip(members, benjamini_hochberg([tests[i].p_value for i in members]).tolist(), strict=True))
    return tuple(replace(test, p_value_adjusted=adjusted.get(i)) for i, test in enumerate(tests))


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
    if margin is None and lift is not None and np.isfinite([lift.ci_low, lift.ci_high]).all():
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


_LARGEST = 1e12


def power_normal(difference, unit_error, n_units, *, alpha=0.05) -> float:
    """Return the chance that an effect is found by an estimator with a standard error, in its own direction.

    For every estimator whose standard error falls with the root of the units (ratios, rates, clusters, quantiles,
    ordered scores, incidence): Phi(|d| / se - z), with se = unit_error / sqrt(n_units). Of a log-rank test: the
    logarithm of the hazard ratio, 1 / sqrt(share x (1 - share)), and the events of both arms for the units.

    Parameters
    ----------
    difference : float, either sign
    unit_error : float, above 0
        The standard error times the root of the units (or clusters) it came from, at the same split.
    n_units : float, both arms
    alpha : float, two-sided

    Returns
    -------
    float

    References
    ----------
    Schoenfeld 1981, Biometrika 68: 316-319 (events of a log-rank test).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(ndtr(abs(difference) * np.sqrt(n_units) / np.float64(unit_error) + ndtri(alpha / 2)))


def sample_size_normal(difference, unit_error, *, power=0.8, alpha=0.05) -> float:
    """Return how many units, both arms together, find an effect with a given power; inverse of `power_normal`.

    Parameters
    ----------
    difference, unit_error, alpha : as for `power_normal`
    power : float, above alpha / 2 and below 1

    Returns
    -------
    float: not rounded (round up to plan); inf for no difference.

    Examples
    --------
    >>> round(sample_size_normal(1, 2, power=0.9), 2)
    42.03
    """
    return float(((ndtri(power) - ndtri(alpha / 2)) * unit_error / difference) ** 2) if difference else math.inf


def mde_normal(unit_error, n_units, *, power=0.8, alpha=0.05) -> float:
    """Return the smallest effect that is found with a given power; inverse of `power_normal`.

    Parameters
    ----------
    unit_error, n_units, power, alpha : as for the two functions above

    Returns
    -------
    float: above 0; inf without units.
    """
    return float((ndtri(power) - ndtri(alpha / 2)) * unit_error / math.sqrt(n_units)) if n_units > 0 else math.inf


def power_proportions(baseline, difference, n_units, *, share_treatment=0.5, alpha=0.05) -> float:
    """Return the chance that a difference of two proportions is found, in its own direction.

    Normal approximation with unpooled variances: Phi(|d| / se - z). It is close to the score test's power unless an
    arm has fewer than about 10 units with the event, or without.

    Parameters
    ----------
    baseline : float, 0 to 1, proportion in control
    difference : float, treatment minus control, either sign
    n_units : float, all units of both arms
    share_treatment : float, between 0 and 1
    alpha : float, two-sided

    Returns
    -------
    float: nan when the treatment proportion would leave 0 to 1.

    References
    ----------
    Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, section 4.2.
    """
    return power_normal(difference, _unit_error(baseline, baseline + difference, share_treatment), n_units, alpha=alpha)


def sample_size_proportions(baseline, difference, *, share_treatment=0.5, power=0.8, alpha=0.05) -> float:
    """Return how many units, both arms together, find a difference of two proportions with a given power.

    The inverse of `power_proportions`: (z_alpha/2 + z_power)^2 (p1 q1 / share + p0 q0 / (1 - share)) / d^2.

    Parameters
    ----------
    baseline, difference, share_treatment, alpha : as for `power_proportions`
    power : float, above alpha / 2 and below 1

    Returns
    -------
    float: not rounded (round up to plan); inf for no difference; nan when a proportion would leave 0 to 1.

    Examples
    --------
    >>> round(sample_size_proportions(0.10, 0.02), 1)
    7676.2
    """
    unit_error = _unit_error(baseline, baseline + difference, share_treatment)
    return sample_size_normal(difference, unit_error, power=power, alpha=alpha)


def mde_proportions(baseline, n_units, *, share_treatment=0.5, power=0.8, alpha=0.05, direction=1) -> float:
    """Return the smallest difference of two proportions that is found with a given power.

    The inverse of `power_proportions`.

    Parameters
    ----------
    baseline, n_units, share_treatment, power, alpha : as for the two functions above
    direction : 1 or -1
        Whether the treatment proportion is higher or lower.

    Returns
    -------
    float: with the sign of `direction`; nan when even the largest possible difference is not found.
    """
    room = 1 - baseline if direction > 0 else baseline
    reach = float(ndtri(power) - ndtri(alpha / 2)) ** 2 / share_treatment
    # n d^2 = reach^2 (p1 q1 / share + p0 q0 / (1 - share)) with p1 = p0 +- d is quadratic in d
    square, half = n_units + reach, direction * reach * (0.5 - baseline)
    plain = reach * baseline * (1 - baseline) / (1 - share_treatment)
    smallest = (half + math.sqrt(half**2 + square * plain)) / square
    return direction * smallest if 0 < smallest <= room else math.nan


def _unit_error(p0, p1, share):
    """Standard error of the difference times the root of all units; nan outside 0 to 1."""
    if not (0 <= p0 <= 1 and 0 <= p1 <= 1):
        return math.nan
    return math.sqrt(p1 * (1 - p1) / share + p0 * (1 - p0) / (1 - share))


def power_means(difference, sd, n_units, *, sd_treatment=None, share_treatment=0.5, alpha=0.05) -> float:
    """Return the chance that a difference of two means is found by Welch's test, in either direction.

    Noncentral t with Satterthwaite's degrees of freedom, by integration over the variance estimate, which holds at
    any size. Skewed outcomes in small arms have less power than this.

    Parameters
    ----------
    difference : float, treatment minus control
    sd : float, standard deviation of a unit in control
    n_units : float, all units of both arms
    sd_treatment : float, optional
        That of control when left out.
    share_treatment : float, between 0 and 1
    alpha : float, two-sided

    Returns
    -------
    float: nan when an arm has at most 1 unit.

    References
    ----------
    Cohen 1988, Statistical Power Analysis, chapter 2; Moser, Stevens & Watts 1989 (Welch's test).
    """
    sizes = (1 - share_treatment) * n_units, share_treatment * n_units
    if min(sizes) <= 1:
        return math.nan
    parts = [(s**2 / n, n - 1) for s, n in zip((sd, sd if sd_treatment is None else sd_treatment), sizes, strict=True)]
    df = satterthwaite(*parts)
    distance = abs(difference) / np.sqrt(sum(variance for variance, _ in parts))
    nodes, weights = (8 * of for of in place_nodes())  # for the mean of a function of a standard normal variable
    weights = weights * np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)
    critical = -stdtrit(df, alpha / 2) * np.sqrt(2 * gammaincinv(df / 2, ndtr(nodes)) / df)
    return float((ndtr(distance - critical) + ndtr(-distance - critical)) @ weights)


def sample_size_means(difference, sd, *, sd_treatment=None, share_treatment=0.5, power=0.8, alpha=0.05) -> float:
    """Return how many units, both arms together, find a difference of two means with a given power.

    Parameters
    ----------
    difference, sd, sd_treatment, share_treatment, alpha : as for `power_means`
    power : float, above alpha and below 1

    Returns
    -------
    float: not rounded (round up to plan), at least 2 units in each arm; inf for no difference.

    Raises
    ------
    Refused: a power that is not above alpha and below 1.

    Examples
    --------
    >>> round(sample_size_means(1, 1, power=0.9), 1)
    44.0
    """
    options = {"sd_treatment": sd_treatment, "share_treatment": share_treatment, "alpha": alpha}
    _refuse_power(power, alpha)

    def exceed(n):
        return power_means(difference, sd, n, **options) - power

    least = 2 / min(share_treatment, 1 - share_treatment)
    if difference == 0:
        return math.inf
    is_enough = max(sd, sd_treatment or 0) == 0 or exceed(least) >= 0
    return least if is_enough else scipy.optimize.brentq(exceed, least, _LARGEST, rtol=1e-13)


def mde_means(sd, n_units, *, sd_treatment=None, share_treatment=0.5, power=0.8, alpha=0.05) -> float:
    """Return the smallest difference of two means that is found with a given power.

    Parameters
    ----------
    sd, n_units, sd_treatment, share_treatment, power, alpha : as for the two functions above

    Returns
    -------
    float: 0 where nothing varies; nan when an arm has at most 1 unit.

    Raises
    ------
    Refused: a power that is not above alpha and below 1.
    """
    options = {"sd_treatment": sd_treatment, "share_treatment": share_treatment, "alpha": alpha}
    if min(share_treatment, 1 - share_treatment) * n_units <= 1:
        return math.nan
    _refuse_power(power, alpha)

    def exceed(difference):
        return power_means(difference, sd, n_units, **options) - power

    scale = max(sd, sd_treatment or 0)
    return scale and scipy.optimize.brentq(exceed, 0, 1e4 * scale, xtol=1e-14 * scale, rtol=1e-13)


def _refuse_power(power, alpha):
    if not alpha < power < 1:
        raise Refused(f"a power of {power:g} cannot be planned for; give one above alpha ({alpha:g}) and below 1")


def simulate_power(
    draw, compute, *, n_units, share_treatment=0.5, replicates=1000, alpha=0.05, rng, confidence_level=0.95
) -> dict[str, float]:
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
    dict: `simulated`, the share of experiments that find the effect, with `ci_low` and `ci_high`, its exact interval,
        and `undefined`, the share without a test; of 0 to 1.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26: 404-413.
    """
    n_treatment = round(n_units * share_treatment)
    sizes = (n_units - n_treatment, False), (n_treatment, True)
    p_values = np.array([compute(*(draw(rng, *size) for size in sizes)) for _ in range(replicates)], float)
    found = int((p_values <= alpha).sum())
    band = scipy.stats.binomtest(found, replicates).proportion_ci(confidence_level, method="exact")
    shares = {"simulated": found / replicates, "undefined": float(np.isnan(p_values).mean())}
    return {**shares, "ci_low": float(band.low), "ci_high": float(band.high)}


def value_sample(std_error, *, prior_sd, threshold=0.0, critical=1.959964) -> tuple[float, float]:
    """Return what an experiment is worth, before it is run, under a normal belief around no effect.

    The effect counts in the good direction of the treatment, which is worth choosing where the effect is above the
    threshold. Without data the arm is chosen that is better on average: the control at a threshold of 0 or more.

    Parameters
    ----------
    std_error : float, above 0
        Of the estimate at the end.
    prior_sd : float, above 0, in the unit of the effect
        How far effects of such changes are spread around none.
    threshold : float
        The effect at which both arms are worth the same.
    critical : float
        Standard errors beyond which the plan's rule calls a benefit clear.

    Returns
    -------
    tuple: expected gain over choosing without data, in units of the effect: where the treatment is chosen when it is
        clear (below 0 where that rule chooses worse than no data), and where the better arm by what is then believed
        is.

    References
    ----------
    Raiffa & Schlaifer 1961, Applied Statistical Decision Theory, 4.5 and 5.4 (expected value of sample information);
    Willan & Pinto 2005, Statistics in Medicine 24: 1791-1806 (trials).

    Examples
    --------
    >>> [round(gain, 4) for gain in value_sample(1.0, prior_sd=1.0, critical=0.0)]  # 1 / sqrt(2), times phi(0)
    [0.2821, 0.2821]
    """
    weight, without = prior_sd**2 / (prior_sd**2 + std_error**2), max(-threshold, 0.0)
    spread, believed = float(np.hypot(prior_sd, std_error)), math.sqrt(weight) * prior_sd  # of estimates; of beliefs
    at, line = critical * std_error / spread, threshold / believed
    by_rule = weight * spread * _density(at) - threshold * float(ndtr(-at))
    return by_rule - without, believed * _density(line) - threshold * float(ndtr(-line)) - without


def _density(x):
    return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def draw_decisions(distances, families, correlation, *, alpha, draws, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return in many imagined experiments which effects are clear by the plan's rule, and the estimates.

    Parameters
    ----------
    distances : array, shape (k,)
        True effects in standard errors, with their sign.
    families : sequence of str, length k
        Members of one family are decided together (Holm); "" is decided alone.
    correlation : array, shape (k, k), of the estimates
    alpha : float, two-sided
    draws : int
    rng : numpy Generator

    Returns
    -------
    tuple: array of bool and array of float (estimates in standard errors), shape (draws, k).
    """
    values, vectors = np.linalg.eigh(np.asarray(correlation, float))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    z = np.asarray(distances, float) + rng.standard_normal((draws, len(values))) @ root.T
    p, clear = 2 * ndtr(-abs(z)), np.zeros(z.shape, bool)
    for family in dict.fromkeys(families):
        members = [i for i, name in enumerate(families) if name == family]
        clear[:, members] = (holm(p[:, members]) if family else p[:, members]) <= alpha
    return clear, z
