"""How far a result may be believed: whether data lie where its method holds, and what a prior makes of it."""

import math
import re
from dataclasses import astuple, dataclass

import numpy as np
import pandas as pd
from scipy.special import erfcx, ndtr, ndtri

from helpers.inference.decisions import find_rule, list_comparisons
from helpers.inference.means import pair_arms
from helpers.inference.methods import Method, find_method, pool_skewness
from helpers.plan import ExperimentPlan
from helpers.records import DETAIL, NAN, Check, Estimate, Results

TAIL = (
    "the data are sums, which do not tell how long the tail is, so whether its interval holds the truth as often as it "
    "says is not known."
)
UNMEASURED = (
    "Every headline effect lies in the domain of its method, but how often an interval that allows for looking early "
    "holds the truth is measured for means at planned looks, or at any, alone: not for {}."
)
UNSURE = "the interval may hold the truth less often than it says"
ROLES = ["primary", "secondary", "guardrail"]
LASTS = re.compile(", (always-valid|repeated)")  # behind a method that is made to last over looks
OVERSTATED = ["control_value", "assumed", "exaggeration"]
_SHOWN = "an association: its interval is that of a sample, and how far it lies from an effect no coverage tells"
_PLANTED = f"{_SHOWN}; what is planted is found in the tests of milestones"
_COUNTED = "its false alarms are counted in the tests of milestones"
EXEMPT = {  # what nothing is promised of: (method, estimand) of an estimate, or the name of a test; its code, and why
    ("least squares, HC2", "naive"): ("inference.associations.adjusted_contrast", _SHOWN),
    ("inverse probability weights to the takers", "naive"): ("inference.associations.weighted_contrast", _SHOWN),
    ("welch", "naive"): ("inference.associations.naive_contrast", f"{_SHOWN}; computed as the Welch difference"),
    ("miettinen-nurminen", "naive"): ("inference.contrasts.risk_difference", f"{_SHOWN}; computed as the difference"),
    ("score-ratio", "ratio"): ("inference.contrasts.relative_lift_risk", f"{_SHOWN}; one more than the lift"),
    ("standardised difference", "difference"): ("milestones.contrasts", _PLANTED),
    ("clone, censor, weight", "difference"): ("milestones.contrasts", _PLANTED),
    ("Cox, Efron", "hazard_ratio"): ("milestones.contrasts", f"{_SHOWN}; equal to R's coxph and statsmodels' PHReg"),
    "always-valid": ("inference.looks.always_valid", "the grid draws it over Welch's difference, and not over others"),
    "repeated": ("inference.looks", "the grid draws Welch's difference at planned looks, not others nor beside them"),
    ("winsorised", "difference"): ("metrics.moments.winsorise", "the data choose where values are cut; a row beside"),
    ("order statistics, clusters", "difference"): (
        "inference.contrasts.quantile_difference", "its coverage by cluster is simulated in the tests of ranks alone"),
    ("log rate ratio, clusters", "rate_ratio"): ("inference.means.rate_ratio", "beside the difference, which decides"),
    ("matched event study, jackknife", "difference"): (
        "service.study_premium", f"{_SHOWN}; the planted change is found in the tests of the simulated help desk"),
    "log-rank": ("survival.log_rank", "a test beside the incidence, which decides; equal to statsmodels' survdiff"),
    "maximally selected statistic, improved Bonferroni": ("milestones.thresholds", _COUNTED),
    "maximally selected statistic, permutation": ("milestones.thresholds", _COUNTED),
    "benjamini-hochberg": (
        "inference.decisions.benjamini_hochberg", "holds the share of false alarms, not their chance; as statsmodels"),
    "rank ranges": ("milestones.ranking", "of associations; planted features come first in the tests of milestones"),
    "chance of paying": ("value", "read off the normal curve of an effect that has a promise of its own"),
    "staffing": ("queues", "a simulated queue, held against Erlang's formulas where these apply"),
}  # fmt: skip


def find_promise(method: str, estimand: str = "", *, unit="units", adjustment="none") -> Method | tuple | None:
    """Return what stands behind an estimate or a test: its method, or the code and why nothing is promised.

    Parameters
    ----------
    method, estimand : str
        As in an `Estimate`; of a test its name alone. What is made to last over looks has no promise of its method.
    unit : str
        "clusters" where clusters are randomised.
    adjustment : str, as in an `Estimate`

    Returns
    -------
    Method, or an entry of `EXEMPT`; None where neither is written down, which a test of all runs does not let pass.
    """
    if adjustment == "winsorised":
        return EXEMPT["winsorised", estimand]
    before, *look = LASTS.split(method)[:2]
    kind = method.partition(" with ")[0]  # "interaction with country"
    found = find_method(*((method, estimand) if estimand else (kind, kind.partition(" ")[0])), unit=unit)
    several = f"{before}, clusters" if unit == "clusters" else before
    exempt = EXEMPT.get((several, estimand) if estimand else method)
    return found or exempt or (EXEMPT[look[0]] if look and find_method(before, estimand, unit=unit) else None)


def check_methods(material, results) -> tuple[Check, ...]:
    """Return what a reader must know of the methods on these data, as checks beside the trust checks.

    Parameters
    ----------
    material : Material
    results : Results, with the headline differences

    Returns
    -------
    tuple of Check: `domain_<metric>` for each metric whose headline lies outside its method's domain, or one `domain`
        that says that none does; `covariates` where effects are adjusted.
        No value of a customer stands in a message.
    """
    found, unmeasured, is_known, design = {}, {}, False, material.design
    for e in results.headline():
        unit, metric = "units" if e.clusters_control is None else "clusters", design.metrics[e.metric]
        measured = find_method(e.method, e.estimand, unit=unit)
        method = measured or find_method(LASTS.split(e.method)[0], e.estimand, unit=unit)
        if method is None or not math.isfinite(e.ci_low):
            continue
        label, parts = design.label_of(e.metric), (metric.numerator, metric.denominator) if metric.products else ()
        if any(design.metrics[name].squares for name in (e.metric, *parts)):
            said = f"{label[:1].upper()}{label[1:]}: {TAIL}"
        else:
            unmeasured |= {label: None} if method is not measured else {}
            is_known, departure = True, method.domain.find_departure(**_describe_data(e, material))
            several = f", {e.comparison}" if len(design.variant.treatments) > 1 else ""
            said = departure and tell_departure(f"{label}{several}", departure, UNSURE)
        if said and e.metric not in found:
            found[e.metric] = Check(f"domain_{e.metric}", "warn", NAN, NAN, said)
    if unmeasured and not found:
        found["domain"] = Check("domain", "not tested", NAN, NAN, UNMEASURED.format(", ".join(unmeasured)))
    elif is_known and not found:
        said = "Every headline effect lies in the domain for which its method's coverage is declared and measured."
        found["domain"] = Check("domain", "pass", 0.0, 0.0, said)
    return (*found.values(), *(_check_covariates(material) if material.adjusted else ()))


def tell_departure(label, departure, so) -> str:
    """Return why a metric lies outside a domain, in plain words, and behind the mark of a detail what it would need."""
    plain, _, needed = departure.partition(": ")
    return f"{label}: {plain}, so {so}.{DETAIL}{needed}."


def _describe_data(e, material):
    """What a promise is held against: units (or what clusters count like), the tail, the rarer side, the effect."""
    described, smaller = {"n_control": e.n_control, "n_treatment": e.n_treatment}, min(e.n_control, e.n_treatment)
    metric, arms = material.design.metrics[e.metric], material.raw.get(e.metric, {})
    sides = [arms[arm] for arm in (e.control, e.treatment) if arm in arms]
    if e.clusters_control is not None:
        described = dict(zip(described, (m.effective_units for m in sides), strict=True))
    elif metric.how.is_share or metric.how.outcome == "time":
        values, seen = ((e.control_value, e.n_control), (e.treatment_value, e.n_treatment)), 1.0
        if metric.how.outcome == "time" and e.std_error > 0:  # as many as know it: its variance if all did, over it
            seen = min(sum(share * (1 - share) / n for share, n in values) / e.std_error**2, 1.0)
        share = sum(n * share for share, n in values) / (e.n_control + e.n_treatment)
        return described | {"events": smaller * min(share, 1 - share) * seen}
    if metric.quantile is not None:
        rows, p = material.rows, metric.quantile
        values = [rows.loc[rows["variant"] == arm, f"y_{e.metric}"].dropna() for arm in (e.control, e.treatment)]
        return described | {"events": smaller * min(p, 1 - p), "jump": max(measure_jump(arm, p) for arm in values)}
    pair, spread = pair_arms(*sides), 1.0
    if not pair.reason and min(pair.variances) > 0:  # standard deviation of a unit in treatment over that in control
        spread = math.sqrt(pair.var_treatment * pair.n_treatment / (pair.var_control * pair.n_control))
    top_share = max((m.top_share for m in sides if m.top_share == m.top_share), default=NAN)
    apart = sum(m.n * m.apart for m in sides) / max(sum(m.n for m in sides), 1)
    described |= {"skewness": pool_skewness(sides), "spread": spread, "top_share": top_share, "apart": apart}
    return described | {"estimate": e.estimate}


def measure_jump(values, probability) -> float:
    """Return how much of the limits of a quantile lies between two neighbouring values, 0 to 1; 0 where all are equal.

    Parameters
    ----------
    values : array of float, of one arm, all known
    probability : float, between 0 and 1

    Examples
    --------
    >>> [round(measure_jump(values, 0.5), 2) for values in ([0] * 50 + [100] * 25 + [101] * 25, range(101))]
    [1.0, 0.05]
    """
    ordered, half = np.sort(np.asarray(values, float)), float(-ndtri(0.025))
    middle, reach = len(ordered) * probability, half * math.sqrt(len(ordered) * probability * (1 - probability))
    within = ordered[max(math.floor(middle - reach) - 1, 0) : math.ceil(middle + reach) + 1]
    return float(np.diff(within).max() / np.ptp(within)) if len(within) > 1 and np.ptp(within) > 0 else 0.0


def _check_covariates(material):
    design, gains, left = material.design, {}, {}
    for comparison in [c for c in list_comparisons(design) if c.name in material.adjusted]:
        pair = pair_arms(*comparison.take(material.adjusted[comparison.name]))
        gains |= {} if pair.reason else {comparison.name: float(pair.variance_reduction)}
        left |= dict.fromkeys(pair.left_out)
    if not gains:
        return []
    name = design.key_metric if design.key_metric in gains else max(gains, key=gains.get)
    more = "" if name == design.key_metric else ", more than of any other"
    of = f"{100 * abs(gains[name]):.1f} % {{}} the variance of the effect on {design.label_of(name)}{more}"
    said = f"Covariates take away {of.format('of')}"
    if gains[name] <= -0.0005:  # less is printed as 0.0 %
        said = f"Covariates add {of.format('to')}: they cost more than they explain"
    if not left:
        return [Check("covariates", "pass", gains[name], 0.0, f"{said}.")]
    every = material.units.covariates
    plain = {c: c.removeprefix("x_").split("=")[0].removesuffix(":missing") for c in (*every, *left)}
    kept = {plain[c] for c in every if c not in left}
    # a level is not named, since it could be somebody's
    names = ", ".join(f"part of {name}" if name in kept else name for name in dict.fromkeys(plain[c] for c in left))
    said += f". Left out, as repeating others or not varying: {names}."
    return [Check("covariates", "warn", gains[name], 0.0, said)]


@dataclass(frozen=True)
class Posterior:
    """What is believed of one difference after the data, given a normal belief around no effect before them.

    In the metric's unit; `prior_sd` is inf for a flat prior. `probability_better` is that of a difference in the good
    direction (of a higher one where neither is good); `loss_treatment` and `loss_control` what choosing that arm is
    expected to give away, averaged over what is believed.
    """

    prior_sd: float
    mean: float
    sd: float
    ci_low: float
    ci_high: float
    probability_better: float
    loss_treatment: float
    loss_control: float


def read_posterior(estimate: Estimate, *, better="higher", prior_units=1.0, prior_sd=None) -> Posterior | None:
    """Return the posterior of a difference from its estimate and standard error alone.

    Normal prior around no effect, worth `prior_units` units in each arm: its variance is that of a difference
    between so many units. 1 is the unit-information prior; 0 is flat, and then the interval is that of the normal
    approximation. Nothing here allows for looking early: at an interim look it is as optimistic as a fixed interval.

    Parameters
    ----------
    estimate : Estimate
        A difference with its standard error; clusters, where it has them, are the units.
    better : str
        higher, lower or neither; neither reads as higher.
    prior_units : float, at least 0
    prior_sd : float, above 0, in the metric's unit, optional
        The standard deviation of the prior itself, in place of its units: what past effects were like.

    Returns
    -------
    Posterior, with an interval at the estimate's level; None where the estimate has no standard error above 0.

    References
    ----------
    Kass & Wasserman 1995, Journal of the American Statistical Association 90: 928-934 (unit-information prior);
    Raiffa & Schlaifer 1961, Applied Statistical Decision Theory, 11.3 (expected loss).
    """
    error = estimate.std_error
    n_control, n_treatment = estimate.clusters_control, estimate.clusters_treatment
    if n_control is None or n_treatment is None:
        n_control, n_treatment = estimate.n_control, estimate.n_treatment
    if not (0 < error < math.inf and math.isfinite(estimate.estimate)) or min(n_control, n_treatment) < 1:
        return None
    # the prior's variance is that of a difference between prior_units units an arm: 2 s^2 / prior_units
    units = 1 / (1 / n_control + 1 / n_treatment)
    if prior_sd is None:
        prior_sd = error * math.sqrt(2 * units) / math.sqrt(prior_units) if prior_units else math.inf
    weight = 1 / (1 + (error / prior_sd) ** 2)
    mean, sd = weight * estimate.estimate, math.sqrt(weight) * error
    half = float(-ndtri((1 - estimate.confidence_level) / 2)) * sd
    gain = -mean if better == "lower" else mean
    z = abs(gain) / sd  # mean of max(0, x) for x normal around -|gain|, without loss of digits
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    tail = sd * density * (1 - z * math.sqrt(math.pi / 2) * float(erfcx(z / math.sqrt(2))))
    ends = {"ci_low": mean - half, "ci_high": mean + half}
    losses = {"loss_treatment": tail + max(-gain, 0.0), "loss_control": tail + max(gain, 0.0)}
    return Posterior(prior_sd, mean, sd, probability_better=float(ndtr(gain / sd)), **ends, **losses)


def find_exaggeration(effect, std_error, critical) -> float:
    """Return by how much a clear estimate overstates a true effect on average (type M error).

    The mean absolute estimate among the clear ones, over the true effect, for a normal estimate: 1 at a power of 1,
    and the larger the smaller the power.

    Parameters
    ----------
    effect : float, either sign, the true effect that is assumed
    std_error : float, above 0
    critical : float, standard errors beyond which an estimate is clear

    Returns
    -------
    float: times; nan for an effect of 0, and where no estimate is clear, as at a look that is too early.

    References
    ----------
    Gelman & Carlin 2014, Perspectives on Psychological Science 9: 641-651; Lu, Qiu & Deng 2019, British Journal of
    Mathematical and Statistical Psychology 72: 1-17 (closed form).

    Examples
    --------
    >>> round(find_exaggeration(2.8, 1, 1.96), 2)  # a power of 80 %
    1.13
    """
    if not effect or not std_error > 0:
        return math.nan
    z = abs(effect) / std_error
    power = ndtr(z - critical) + ndtr(-z - critical)
    density = np.exp(-((critical - z) ** 2) / 2) + np.exp(-((critical + z) ** 2) / 2)
    beyond = density / math.sqrt(2 * math.pi) + z * (ndtr(z - critical) - ndtr(-z - critical))
    return float(beyond / (power * z)) if power else math.nan


def list_posteriors(results: Results, design: ExperimentPlan, *, prior_units=1.0, past_effects=None) -> pd.DataFrame:
    """Return the Bayesian reading of every headline difference, beside the verdicts and not instead of them.

    Parameters
    ----------
    results : Results
    design : ExperimentPlan
        Says which direction is good.
    prior_units : float, at least 0
        As for `read_posterior`.
    past_effects : float, above 0, share of the control value, optional
        The standard deviation of the effects of past experiments, of which most did little: a sceptic's prior.

    Returns
    -------
    DataFrame: one row a primary, secondary or guardrail difference with a standard error, and one more with the
        sceptic's prior where the metric has a control value above 0 of which an effect is a share: `metric`,
        `comparison`, `better`, `prior` (weak, sceptical), the fields of `Posterior`, `interim` (True: looked at early,
        which this reading ignores) and `prior_units`.
        `assumed` is a true effect that is plausible (the worthwhile one, else one of the size of past effects) and
        `exaggeration` by how much a clear estimate would overstate it; nan for guardrails. Quantiles are left out, as
        no normal curve tells them. Empty where the answer is withheld.

    """
    columns, rows = ["metric", "comparison", "better", "prior", *Posterior.__dataclass_fields__, *OVERSTATED], []
    for estimate in results.headline(role=ROLES):
        metric, error, assumed = design.metrics[estimate.metric], estimate.std_error, NAN
        if metric.margin is None and metric.worthwhile:
            assumed = metric.worthwhile
        elif metric.margin is None and past_effects and metric.how.has_lift:
            assumed = past_effects * max(estimate.control_value, 0.0)
        priors = [("weak", None)] if metric.quantile is None else []  # whose limits are no normal ones
        if past_effects and priors and metric.how.has_lift and estimate.control_value > 0:
            priors.append(("sceptical", past_effects * estimate.control_value))
        for prior, spread in priors:
            found = read_posterior(estimate, better=metric.better, prior_units=prior_units, prior_sd=spread)
            if found:
                half = (estimate.ci_high - estimate.ci_low) / 2 / error  # at an early look what decides is wider
                critical = max(float(-ndtri(find_rule(design, estimate.metric)[0] / 2)), half)
                beside = estimate.control_value, assumed, find_exaggeration(assumed, error, critical)
                rows.append((estimate.metric, estimate.comparison, metric.better, prior, *astuple(found), *beside))
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(interim=results.status == "interim", prior_units=float(prior_units))
