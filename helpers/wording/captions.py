"""Titles that are findings, captions and alternative texts with figures, and the words for kinds, arms and methods."""

from __future__ import annotations

import math
from collections.abc import Sequence

from helpers.records import DataInfo, Estimate, Results
from helpers.wording.markup import MARKS
from helpers.wording.numbers import write_bounds, write_count, write_effect, write_interval, write_value
from helpers.wording.scales import Scale, find_noun, is_lift, read_scale

KINDS = {"simulated": "Simulated data, effect planted", "public": "Public data", "yours": "Your data"}
BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": "neither way is better"}
ROLES = {
    "primary": "Primary",
    "secondary": "Secondary",
    "guardrail": "Guardrails",
    "exploratory": "Exploratory",
    "sensitivity": "Sensitivity",
}
WITHHELD = "The effects of this run are withheld; the answer at the top says why."
ESTIMANDS = {
    "naive": "Users against non-users",
    "difference": "Difference",
    "cace": "Effect in compliers",
    "rmst_difference": "Mean time to the horizon",
    "relative_lift": "Relative lift",
    "hazard_ratio": "Hazard ratio",
    "rate_ratio": "Rate ratio",
    "ratio": "Ratio",
}
POPULATIONS = {
    "itt": "as assigned",
    "compliers": "compliers",
    "as_treated": "as treated",
    "responders": "responders only",
    "observational": "not randomised",
    "landmark": "landmark",
}
ADJUSTMENTS = {
    "none": "",
    "covariates": "adjusted for covariates",
    "weights": "weighted",
    "winsorised": "winsorised",
}
METHODS = {
    "miettinen-nurminen": "Miettinen-Nurminen",
    "welch": "Welch",
    "lin": "Lin",
    "fieller": "Fieller",
    "delta": "delta method",
    "wald ratio, delta": "Wald ratio",
    "anderson-rubin": "Anderson-Rubin",
    "brunner-munzel": "Brunner-Munzel",
    "order statistics": "order statistics",
    "log rate ratio": "log rate ratio",
}


def name_kind(data: DataInfo) -> str:
    """Return the kind of data in plain words ("Simulated data, effect planted")."""
    return KINDS.get(data.kind, data.kind)


def write_source(results: Results) -> str:
    """Return the source line of a figure: kind of data and units in all, and by variant."""
    counts = results.data.units_by_variant
    parts = ", ".join(f"{arm} {write_count(n)}" for arm, n in counts.items())
    total = f"{write_count(results.data.units)} {find_noun(results)}"
    return f"{name_kind(results.data)}. {total}{': ' + parts if parts else ''}."


def name_row(estimate: Estimate) -> str:
    """Return how an estimate was made, in words: estimand, population, adjustment ("Difference, as assigned")."""
    if estimate.population == "observational":
        first = f"Against {estimate.control}, not randomised"
        return ", ".join(part for part in (first, ADJUSTMENTS.get(estimate.adjustment, estimate.adjustment)) if part)
    first = ESTIMANDS.get(estimate.estimand, estimate.estimand.replace("_", " ").capitalize())
    population = POPULATIONS.get(estimate.population, estimate.population.replace("_", " "))
    implied = (estimate.estimand, estimate.population) in (("naive", "as_treated"), ("cace", "compliers"))
    told = "" if implied else population
    adjustment = ADJUSTMENTS.get(estimate.adjustment, estimate.adjustment)
    return ", ".join(part for part in (first, told, adjustment) if part)


def name_method(method: str) -> str:
    """Return the name of a method as the literature writes it, and what stands behind a comma ("Welch, repeated")."""
    name, comma, rest = method.partition(", ")
    return METHODS.get(method) or f"{METHODS.get(name, name.replace('_', ' '))}{comma}{rest}"


def name_metric(estimate: Estimate, scale: Scale, *, several: bool) -> str:
    """Return the row's name: the metric, and the treatment where there are several."""
    return f"{scale.label}, {estimate.treatment}" if several else scale.label


def tell_finding(estimate: Estimate, scale: Scale, *, name: str | None = None) -> str:
    """Return one effect as a title: what the rule says, with the interval that says it.

    Parameters
    ----------
    estimate : Estimate
    scale : Scale
    name : str, optional
        How the effect is called; the metric's label when left out.

    Returns
    -------
    str: such as "Activated: clear benefit, +9.0 points (between +7.1 and +10.9 points)".
    """
    label = capitalise(name or scale.label)
    if math.isnan(estimate.estimate):
        return f"{label}: not estimable" + (f" ({estimate.reason.rstrip('.')})" if estimate.reason else "")
    interval = write_interval(estimate, scale)
    if MARKS.get(estimate.verdict) == "●":
        return f"{label}: {estimate.verdict}, {write_effect(estimate, scale)} ({interval})"
    return f"{label}: {estimate.verdict}; anything {_from(interval)} fits"


def _from(interval: str) -> str:
    return interval.replace("between ", "from ").replace(" and ", " to ")


def tell_findings(estimates: Sequence[Estimate], scales: Sequence[Scale]) -> str:
    """Return the title of a picture of several effects: which are clear, and how many are not.

    Parameters
    ----------
    estimates : sequence of Estimate, one a row
    scales : sequence of Scale, in the same order
    """
    if len(estimates) == 1:
        return tell_finding(estimates[0], scales[0])
    several = len({e.treatment for e in estimates}) > 1
    groups: dict[str, list[str]] = {}
    labels: dict[str, dict[str, None]] = {}
    for e, scale in zip(estimates, scales, strict=True):
        groups.setdefault(e.verdict, []).append(_item(e, scale, several))
        labels.setdefault(e.verdict, {})[scale.label] = None
    order = [v for v in MARKS if v in groups]
    return capitalise("; ".join(_group(v, groups[v], list(labels[v])) for v in order) or "Nothing to show")


def _item(estimate, scale, several) -> str:
    name = name_metric(estimate, scale, several=several)
    return f"{name} ({write_effect(estimate, scale)})" if MARKS.get(estimate.verdict) == "●" else name


def _group(verdict: str, items: list[str], labels: list[str]) -> str:
    if len(items) <= 3:
        return f"{verdict}: {join_words(items)}"
    count = f"{len(items)} effects"
    return f"{verdict}: {f'{join_words(labels)}, {count}' if len(labels) <= 3 else count}"


def join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence ("a, b and c")."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"


def describe_effect(estimate: Estimate, scale: Scale) -> str:
    """Return one effect as a sentence with both arms' values, for alternative texts and lists."""
    if math.isnan(estimate.estimate):
        return f"{scale.label} in {estimate.treatment}: not estimable."
    effect, bounds = write_effect(estimate, scale), write_bounds(estimate, scale)
    if math.isnan(estimate.control_value) or is_lift(estimate):
        return f"{scale.label}, {estimate.treatment} against {estimate.control}: {effect} {bounds}, {estimate.verdict}."
    control = write_value(estimate.control_value, scale, beside=estimate)
    treatment = write_value(estimate.treatment_value, scale, beside=estimate)
    return (
        f"{scale.label}: {treatment} in {estimate.treatment} against {control} in {estimate.control}, "
        f"{effect} {bounds}, {estimate.verdict}."
    )


def describe_effects(estimates: Sequence[Estimate], results: Results, *, what: str) -> str:
    """Return the alternative text of a picture of effects: what it is, and up to six rows in figures."""
    told = " ".join(describe_effect(e, read_scale(results, e.metric)) for e in estimates[:6])
    more = f" {len(estimates) - 6} more rows are in the table." if len(estimates) > 6 else ""
    return f"{what} {told}{more}"


def lower_first(text: str) -> str:
    """Return text that begins with a small letter; the rest, labels of the data among it, stays as it is."""
    return text[:1].lower() + text[1:]


def capitalise(text: str) -> str:
    """Return text that begins with a capital; the rest stays as it is."""
    return text[:1].upper() + text[1:]
