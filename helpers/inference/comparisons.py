"""An effect gets its labels: which metric, which arms, which question, so that it becomes an Estimate."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from helpers.plan import ExperimentPlan, Metric
from helpers.records import Effect, Estimate, Moments

DEFAULTS = {"population": "itt", "adjustment": "none", "segment": None, "at": None, "interval": "fixed"}


@dataclass(frozen=True)
class Comparison:
    """One metric between a control and a treatment under a plan."""

    design: ExperimentPlan
    name: str
    control: str
    treatment: str

    @property
    def metric(self) -> Metric:
        """The metric as planned."""
        return self.design.metrics[self.name]

    @property
    def level(self) -> float:
        """The confidence level as planned."""
        return self.design.confidence_level

    @property
    def label(self) -> str:
        """The comparison in words: treatment - control."""
        return f"{self.treatment} - {self.control}"


def list_comparisons(design: ExperimentPlan, *roles) -> list[Comparison]:
    """Return every metric (of some roles) with every treatment, in the plan's order.

    Parameters
    ----------
    design : ExperimentPlan
    *roles : str
        All roles when left out.

    Returns
    -------
    list of Comparison
    """
    return [
        Comparison(design, name, design.variant.control, treatment)
        for name, metric in design.metrics.items()
        for treatment in design.variant.treatments
        if not roles or metric.role in roles
    ]


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
    labels = {**DEFAULTS, "family": "" if role == "sensitivity" else role, **_sizes(comparison, arms), **labels}
    extra = [str(labels[k]) for k, v in DEFAULTS.items() if labels[k] != v]
    parts = [comparison.name, comparison.label, estimand, *extra, *([effect.method] if role == "sensitivity" else [])]
    return Estimate(
        id=":".join(parts),
        metric=comparison.name,
        control=comparison.control,
        treatment=comparison.treatment,
        comparison=labels.pop("against", comparison.label),
        estimand=estimand,
        role=role,
        confidence_level=comparison.level,
        **labels,
        **asdict(effect),
    )


def count_units(moments: Moments, *, clustered: bool) -> int:
    """Return how many units are in the moments of an arm, which count clusters where the plan names them."""
    return round(float(moments.mean[-1]) * moments.n) if clustered and moments.n else moments.n


def reverse_comparison(estimate: Estimate) -> Estimate:
    """Return a difference the other way round, control minus treatment.

    Parameters
    ----------
    estimate : Estimate
        A difference whose interval, where it has one, is one interval.

    Returns
    -------
    Estimate: arms, values and limits swapped; a benefit of the one is a harm of the other.
    """
    swapped = {"clear benefit": "clear harm", "clear harm": "clear benefit"}
    return estimate.but(
        id=f"{estimate.id}:reversed",
        comparison=f"{estimate.control} - {estimate.treatment}",
        control=estimate.treatment,
        treatment=estimate.control,
        estimate=-estimate.estimate,
        ci_low=-estimate.ci_high,
        ci_high=-estimate.ci_low,
        control_value=estimate.treatment_value,
        treatment_value=estimate.control_value,
        n_control=estimate.n_treatment,
        n_treatment=estimate.n_control,
        verdict=swapped.get(estimate.verdict, estimate.verdict),
    )


def _sizes(comparison, arms):
    if arms is None:
        return {}
    sizes, clustered = {}, comparison.design.cluster is not None
    for side, arm in (("control", comparison.control), ("treatment", comparison.treatment)):
        n = count_units(arms[arm], clustered=clustered)
        sizes |= {f"n_{side}": n, f"clusters_{side}": arms[arm].n if clustered else None}
    return sizes
