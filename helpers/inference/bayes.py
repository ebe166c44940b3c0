"""The same estimates read as a Bayesian would: how likely treatment is better, and what a wrong choice would cost."""

import math
from dataclasses import asdict, dataclass

import pandas as pd
from scipy.special import erfcx
from scipy.stats import norm

from helpers.plan import ExperimentPlan
from helpers.records import Estimate, Refused, Results

ROLES = ["primary", "secondary", "guardrail"]


@dataclass(frozen=True)
class Posterior:
    """What is believed of one difference after the data, given a normal belief around no effect before them.

    In the metric's unit; `prior_sd` is inf for a flat prior. `probability_better` is that of a difference in the good
    direction (of a higher one where neither is good); `loss_treatment` and `loss_control` what choosing that arm is
    expected to give away, averaged over what is believed.
    """

    prior_mean: float
    prior_sd: float
    mean: float
    sd: float
    ci_low: float
    ci_high: float
    probability_better: float
    loss_treatment: float
    loss_control: float


def read_posterior(estimate: Estimate, *, better="higher", prior_units=1.0) -> Posterior | None:
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

    Returns
    -------
    Posterior, with an interval at the estimate's level; None where the estimate has no standard error above 0.

    Raises
    ------
    Refused: a prior worth fewer than 0 units.

    References
    ----------
    Kass & Wasserman 1995, Journal of the American Statistical Association 90: 928-934 (unit-information prior);
    Raiffa & Schlaifer 1961, Applied Statistical Decision Theory, 11.3 (expected loss).
    """
    if not 0 <= prior_units < math.inf:
        raise Refused(f"prior_units is {prior_units:g}; give a number of units of 0 (flat) or more")
    error = estimate.std_error
    n_control, n_treatment = estimate.clusters_control, estimate.clusters_treatment
    if n_control is None or n_treatment is None:
        n_control, n_treatment = estimate.n_control, estimate.n_treatment
    if not (0 < error < math.inf and math.isfinite(estimate.estimate)) or min(n_control, n_treatment) < 1:
        return None
    # the prior's variance is that of a difference between prior_units units an arm: 2 s^2 / prior_units
    units = 1 / (1 / n_control + 1 / n_treatment)
    weight = 1 / (1 + prior_units / (2 * units))
    mean, sd = weight * estimate.estimate, math.sqrt(weight) * error
    half = float(norm.isf((1 - estimate.confidence_level) / 2)) * sd
    gain = -mean if better == "lower" else mean
    return Posterior(
        prior_mean=0.0,
        prior_sd=error * math.sqrt(2 * units) / math.sqrt(prior_units) if prior_units else math.inf,
        mean=mean,
        sd=sd,
        ci_low=mean - half,
        ci_high=mean + half,
        probability_better=float(norm.cdf(gain / sd)),
        loss_treatment=_expect_loss(gain, sd),
        loss_control=_expect_loss(-gain, sd),
    )


def list_posteriors(results: Results, design: ExperimentPlan, *, prior_units=1.0) -> pd.DataFrame:
    """Return the Bayesian reading of every headline difference, beside the verdicts and not instead of them.

    Parameters
    ----------
    results : Results
    design : ExperimentPlan
        Says which direction is good.
    prior_units : float, at least 0
        As for `read_posterior`.

    Returns
    -------
    DataFrame: one row a primary, secondary or guardrail difference with a standard error: `metric`, `comparison`,
        `better`, the fields of `Posterior`, `interim` (True: looked at early, which this reading ignores) and
        `prior_units`.
        Quantiles are left out, as no normal curve tells them. Empty where the answer is withheld.
    """
    columns, rows = ["metric", "comparison", "better", *Posterior.__dataclass_fields__, "interim"], []
    for estimate in results.headline(role=ROLES):
        metric = design.metrics[estimate.metric]
        found = read_posterior(estimate, better=metric.better, prior_units=prior_units)
        if found and metric.quantile is None:  # whose limits are no normal ones
            labels = {"metric": estimate.metric, "comparison": estimate.comparison, "better": metric.better}
            rows.append({**labels, **asdict(found), "interim": results.status == "interim"})
    return pd.DataFrame(rows, columns=columns).assign(prior_units=float(prior_units))


def _expect_loss(gain, sd):
    """Mean of what is lost, max(0, -x), for x normal around the gain."""
    z = gain / sd
    if z < 0:
        return -gain + _expect_loss(-gain, sd)
    return sd * float(norm.pdf(z)) * (1 - z * math.sqrt(math.pi / 2) * float(erfcx(z / math.sqrt(2))))
