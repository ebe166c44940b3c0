"""Before an experiment: power, sample sizes, smallest effects; and what these units and days could have seen."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import binomtest, chi2, norm
from scipy.stats import t as student

from helpers import metrics
from helpers.inference.decisions import list_comparisons
from helpers.inference.means import find_independent, pair_arms, regress, satterthwaite
from helpers.records import Refused

POWER = 0.8
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_NODES, _WEIGHTS = 8 * _NODES, 8 * _WEIGHTS * norm.pdf(8 * _NODES)  # mean of a function of a standard normal variable
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
        return float(norm.cdf(abs(difference) * np.sqrt(n_units) / np.float64(unit_error) - norm.isf(alpha / 2)))


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
    return float(((norm.isf(alpha / 2) + norm.ppf(power)) * unit_error / difference) ** 2) if difference else math.inf


def mde_normal(unit_error, n_units, *, power=0.8, alpha=0.05) -> float:
    """Return the smallest effect that is found with a given power; inverse of `power_normal`.

    Parameters
    ----------
    unit_error, n_units, power, alpha : as for the two functions above

    Returns
    -------
    float: above 0; inf without units.
    """
    return float((norm.isf(alpha / 2) + norm.ppf(power)) * unit_error / math.sqrt(n_units)) if n_units > 0 else math.inf


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
    reach = float(norm.isf(alpha / 2) + norm.ppf(power)) ** 2 / share_treatment
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
        return float("nan")
    parts = [(s**2 / n, n - 1) for s, n in zip((sd, sd if sd_treatment is None else sd_treatment), sizes, strict=True)]
    df = satterthwaite(*parts)
    distance = abs(difference) / np.sqrt(sum(variance for variance, _ in parts))
    critical = student.isf(alpha / 2, df) * np.sqrt(chi2.ppf(norm.cdf(_NODES), df) / df)
    return float((norm.sf(critical - distance) + norm.sf(critical + distance)) @ _WEIGHTS)


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
    least = 2 / min(share_treatment, 1 - share_treatment)
    _refuse_power(power, alpha)
    if difference == 0:
        return float("inf")
    if max(sd, sd_treatment or 0) == 0 or power_means(difference, sd, least, **options) >= power:
        return least
    return brentq(lambda n: power_means(difference, sd, n, **options) - power, least, _LARGEST, rtol=1e-13)


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
        return float("nan")
    _refuse_power(power, alpha)
    scale = max(sd, sd_treatment or 0)
    tolerance = {"xtol": 1e-14 * scale, "rtol": 1e-13}
    return scale and brentq(lambda d: power_means(d, sd, n_units, **options) - power, 0, 1e4 * scale, **tolerance)


def _refuse_power(power, alpha):
    if not alpha < power < 1:
        raise Refused(f"a power of {power:g} cannot be planned for; give one above alpha ({alpha:g}) and below 1")


def list_sample_sizes(design, baselines, differences, *, power=POWER) -> pd.DataFrame:
    """Return how many units, both arms together, find differences of two shares from several baselines.

    In the direction of the plan, since a share that falls from 10 % varies less than one that rises from there, and at
    the level at which the plan decides.

    Parameters
    ----------
    design : ExperimentPlan
        The first share that answers its question, else the first share: its expected direction, else the good one.
    baselines : sequence of float, shares of the control
    differences : sequence of float, sizes above 0; equal arms
    power : float

    Returns
    -------
    DataFrame: `metric`, `baseline`, `difference` (treatment minus control), `units` (rounded up; nan where the other
        share would leave 0 to 1), `power`, `level` (the p-value that decides). Empty without a metric of shares.
    """
    name = next((name for name in (*design.asked, *design.metrics) if design.metrics[name].how.is_share), None)
    if name is None:
        return pd.DataFrame()
    level, direction = find_rule(design, name)
    cells = [(b, direction * d) for b in baselines for d in differences]
    sizes = [sample_size_proportions(b, d, power=power, alpha=level) for b, d in cells]
    frame = pd.DataFrame(cells, columns=["baseline", "difference"]).assign(metric=name, power=power, level=level)
    return frame.assign(units=[math.ceil(n) if math.isfinite(n) else math.nan for n in sizes])


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
    float: times; nan for an effect of 0.

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
    power = norm.cdf(z - critical) + norm.cdf(-z - critical)
    beyond = norm.pdf(critical - z) + norm.pdf(critical + z) + z * (norm.cdf(z - critical) - norm.cdf(-z - critical))
    return float(beyond / (power * z))


def find_rule(design, name) -> tuple[float, int]:
    """Return how a metric is decided: the p-value of the first of its family, and the direction of its effect.

    Parameters
    ----------
    design : ExperimentPlan
    name : str, of a metric
        Primary and secondary metrics form families, one member a metric and treatment, of which the first is decided at
        alpha over their number (Holm); guardrails form none.

    Returns
    -------
    tuple: the level, and 1 or -1 for higher or lower: what is expected, else what is better.
    """
    metric = design.metrics[name]
    size = len(list_comparisons(design, metric.role)) if metric.role in ("primary", "secondary") else 1
    return design.alpha / size, -1 if (metric.expected or metric.better) == "lower" else 1


def list_requirements(material, results) -> pd.DataFrame:
    """Return the smallest effect that this many units find, and the units and days that a worthwhile effect needs.

    Shares by their own variance, means, ratios, rates and clusters by that of a unit (of a cluster), and adjusted means
    and shares, where those decide, by what the covariates leave of it; times to an event, quantiles and ordered scores
    by the standard error that they have here, which falls with the root of the units. Each at the level of the first
    step of its family (Holm), in the direction that the plan expects, else in the good one.

    Parameters
    ----------
    material : Material
    results : Results, with the headline differences

    Returns
    -------
    DataFrame: one row a primary, secondary or guardrail metric and treatment that can be estimated: `metric`,
        `comparison`, `control_value`, `n` (units, or clusters, in both arms), `power`, `level` (the p-value that
        decides: alpha over the number of metrics and treatments that are decided together), `mde_absolute`,
        `mde_relative` (nan unless the control value is a mean above 0), `worthwhile` (or the guardrail's margin; nan
        when the plan gives none), `power_for_worthwhile` with these units, `n_for_worthwhile`, `units_per_day` (both
        arms, from the first to the last assignment; nan without times) and `days_for_worthwhile`, window and the units
        that will not answer included, `assumed` (a true effect that is plausible: the worthwhile one, else one of the
        size of past effects) and `exaggeration` (by how much a clear estimate would overstate it; not of guardrails).
    """
    heads = {(e.metric, e.treatment): e for e in reversed(results.headline())}
    pace, rows = metrics.describe_arms(material.units), []
    for comparison in list_comparisons(material.design, "primary", "secondary", "guardrail"):
        metric, margin = comparison.metric, comparison.metric.margin
        head = heads.get((comparison.name, comparison.treatment))
        sized = _size(comparison, material, head)
        if sized is None:
            continue
        control, n, (mde, size, power), fixed = sized
        worthwhile = (metric.worthwhile or math.nan) if margin is None else margin.absolute
        if worthwhile is None:
            worthwhile = margin.relative * abs(control)
        fixed["alpha"], direction = find_rule(material.design, comparison.name)
        more = {"direction": direction} if mde is mde_proportions else {}
        smallest = abs(mde(n_units=n, power=POWER, **fixed, **more))
        known = worthwhile == worthwhile
        needed = size(difference=direction * worthwhile, power=POWER, **fixed) if known else math.nan
        row = {
            "metric": comparison.name,
            "comparison": comparison.label,
            "control_value": control,
            "n": n,
            "power": POWER,
            "level": fixed["alpha"],
            "mde_absolute": smallest,
            "mde_relative": smallest / control if metric.how.is_mean and control > 0 else math.nan,
            "worthwhile": worthwhile,
            "power_for_worthwhile": power(difference=direction * worthwhile, n_units=n, **fixed) if known else math.nan,
            "n_for_worthwhile": math.ceil(needed) if math.isfinite(needed) else math.nan,
        }
        row |= _time(comparison, material, row["n_for_worthwhile"], pace)
        rows.append(row | _overstate(row, metric, head, material.settings.past_effects))
    return pd.DataFrame(rows)


def _overstate(row, metric, head, past_effects):
    """The effect that is assumed to be true, and by how much a clear estimate would overstate it."""
    assumed = row["worthwhile"] if metric.margin is None else math.nan
    if assumed != assumed and metric.margin is None and past_effects and metric.how.has_lift:
        assumed = past_effects * max(row["control_value"], 0.0)
    if head is None or not head.std_error > 0 or assumed != assumed:
        return {"assumed": math.nan, "exaggeration": math.nan}
    # at an early look the interval that decides is wider
    critical = max(norm.isf(row["level"] / 2), (head.ci_high - head.ci_low) / 2 / head.std_error)
    return {"assumed": assumed, "exaggeration": find_exaggeration(assumed, head.std_error, critical)}


SHARES = mde_proportions, sample_size_proportions, power_proportions
MEANS = mde_means, sample_size_means, power_means
NORMAL = mde_normal, sample_size_normal, power_normal


def _size(comparison, material, head):
    """Control value, units (or clusters), formulas and what they need: variances, or the standard error as it is."""
    metric = comparison.metric
    if not metric.how.is_mean:
        if head is None or not head.std_error > 0:
            return None
        clustered = head.clusters_control is not None
        n = head.clusters_control + head.clusters_treatment if clustered else head.n_control + head.n_treatment
        return head.control_value, n, NORMAL, {"unit_error": head.std_error * math.sqrt(n)}
    sides = material.take(comparison, adjusted=material.choose(comparison) == "lin")
    pair = pair_arms(*sides)
    if pair.reason:
        return None
    n = pair.n_control + pair.n_treatment
    fixed = {"share_treatment": pair.n_treatment / n}
    if metric.how.is_share and pair.method == "welch":  # neither by cluster nor adjusted
        return pair.control, n, SHARES, {**fixed, "baseline": pair.control}
    if pair.method == "lin":
        pair = _leave_residuals(pair, sides)
    fixed |= {"sd": math.sqrt(pair.var_control * pair.n_control)}
    return pair.control, n, MEANS, {**fixed, "sd_treatment": math.sqrt(pair.var_treatment * pair.n_treatment)}


def _leave_residuals(pair, arms):
    """An adjusted pair with variances that fall with each arm's own units: those that the covariates leave."""
    kept = find_independent(*(m.cov[1:, 1:] for m in arms))
    sizes, left = np.array([m.n for m in arms]), np.array([regress(m, kept)[1] / m.n for m in arms])
    # what unlike slopes cost is known from the units of both arms, so each bears it by its size
    var_control, var_treatment = map(float, left + (pair.variance - left.sum()) * sizes / sizes.sum())
    return replace(pair, var_control=var_control, var_treatment=var_treatment, covariance=0.0)


def _time(comparison, material, n, pace):
    """How long so many units with a known outcome take at the rate at which these came, the last window included."""
    sides, days = pace[pace["variant"].isin([comparison.control, comparison.treatment])], math.nan
    if "first_assigned_at" not in pace or sides["last_assigned_at"].isna().any():
        return {"units_per_day": math.nan, "days_for_worthwhile": math.nan}
    first, last = sides["first_assigned_at"].min(), sides["last_assigned_at"].max()
    units = sides["clusters" if comparison.design.cluster else "units"].sum()
    per_day = float(units / ((last.date() - first.date()).days + 1))
    if n == n:  # some of those whose window is over will not answer
        arms, metric = material.raw.get(comparison.name), comparison.metric
        sides = comparison.take(arms) if arms else ()
        known, unknown = (sum(getattr(m, count) for m in sides) for count in ("n", "missing"))
        asked = n * (known + unknown) / known if known else n
        days = float(math.ceil(asked / per_day) + math.ceil(metric.horizon_days or metric.within_days or 0))
    return {"units_per_day": per_day, "days_for_worthwhile": days}


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
    sizes = n_units - n_treatment, n_treatment
    p_values = np.array(
        [compute(*(draw(rng, n, arm == 1) for arm, n in enumerate(sizes))) for _ in range(replicates)], float
    )
    found = int((p_values <= alpha).sum())
    band = binomtest(found, replicates).proportion_ci(confidence_level, method="exact")
    shares = {"simulated": found / replicates, "undefined": float(np.isnan(p_values).mean())}
    return {**shares, "ci_low": float(band.low), "ci_high": float(band.high)}
