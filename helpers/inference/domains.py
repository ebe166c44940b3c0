"""Where an experiment's data leave what its methods promise: their domains, its clusters, its covariates."""

from __future__ import annotations

import math

from helpers.inference.comparisons import list_comparisons
from helpers.inference.effects import pair_arms
from helpers.inference.guarantees import find_guarantee
from helpers.inference.headline import pool_skewness
from helpers.inference.pairs import effective_units
from helpers.records import DETAIL, NAN, Check, Estimate

FEW_CLUSTERS = 20  # effective ones: below it even a t interval rests on a variance that is hardly known


def check_methods(material, estimates, *, more=()) -> tuple[Check, ...]:
    """Return what a reader must know of the methods on these data, as checks beside the trust checks.

    Parameters
    ----------
    material : Material
    estimates : sequence of Estimate, with the headline differences
    more : sequence of Guarantee
        Beyond those of this room, as `survival.GUARANTEES`.

    Returns
    -------
    tuple of Check: `domain_<metric>` for each metric whose headline lies outside its method's domain, or one `domain`
        that says that none does; `clusters` where clusters are randomised; `covariates` where effects are adjusted.
        No value of a customer stands in a message.
    """
    return (*_check_domains(material, estimates, more), *_check_clusters(material), *_check_covariates(material))


def _check_domains(material, estimates, more):
    heads = [e for e in estimates if _is_headline(e) and math.isfinite(e.ci_low)]
    known = [(e, guarantee) for e in heads if (guarantee := _find_promise(e, more))]
    found: dict[str, tuple[Estimate, str]] = {}
    for e, guarantee in known:
        departure = guarantee.find_departure(**_describe(e, material))
        if departure and e.metric not in found:
            found[e.metric] = e, departure
    if known and not found:
        said = "Every headline effect lies in the domain for which its method's coverage is declared and measured."
        return [Check("domain", "pass", 0.0, 0.0, said)]
    return [_warn(e, departure, material) for e, departure in found.values()]


def _is_headline(e):
    whole = e.segment is None and e.at is None and e.population in ("itt", "responders")
    return whole and e.estimand == "difference" and e.role != "sensitivity"


def _find_promise(e, more):
    """That of the method as used, else that of the method before it was made to last over looks."""
    unit = "units" if e.clusters_control is None else "clusters"
    names = [e.method, e.method.removesuffix(", always-valid").partition(", repeated")[0]]
    found = [find_guarantee(name, e.estimand, unit=unit) for name in names]
    found += [g for name in names for g in more if (g.method, g.estimand, g.unit) == (name, e.estimand, unit)]
    return next((g for g in found if g), None)


def _describe(e, material):
    """What a promise is held against: units (or what clusters count like), the tail, the rarer side, the effect."""
    described = {"n_control": e.n_control, "n_treatment": e.n_treatment}
    kind, arms = material.design.metrics[e.metric].kind, material.raw.get(e.metric, {})
    sides = [arms[arm] for arm in (e.control, e.treatment) if arm in arms]
    if e.clusters_control is not None:
        described = dict(zip(described, map(effective_units, sides), strict=True))
    elif kind in ("binary", "time_to_event"):
        return described | {"events": _count_rarer(e, _share_followed(e) if kind == "time_to_event" else 1.0)}
    quantile = material.design.metrics[e.metric].quantile
    if quantile is not None:
        return described | {"events": min(e.n_control, e.n_treatment) * min(quantile, 1 - quantile)}
    return described | {"skewness": pool_skewness(sides), "spread": _compare_spread(*sides), "estimate": e.estimate}


def _compare_spread(control, treatment):
    """Standard deviation of a unit in treatment over that in control; 1 where it is not known."""
    pair = pair_arms(control, treatment)
    if pair.reason or not min(pair.variances) > 0:
        return 1.0
    return math.sqrt(pair.var_treatment * pair.n_treatment / (pair.var_control * pair.n_control))


def _count_rarer(e, seen=1.0):
    """Units with, or without, the event that the smaller arm is expected to hold, whichever are fewer."""
    share = (e.n_control * e.control_value + e.n_treatment * e.treatment_value) / (e.n_control + e.n_treatment)
    return min(e.n_control, e.n_treatment) * min(share, 1 - share) * seen


def _share_followed(e):
    """How much of its units an incidence knows: its variance if all were followed to the horizon, over its own."""
    if not e.std_error > 0:
        return 1.0
    sides = (e.control_value, e.n_control), (e.treatment_value, e.n_treatment)
    return min(sum(share * (1 - share) / n for share, n in sides) / e.std_error**2, 1.0)


def _warn(e, departure, material):
    """In plain words, and after the mark of a detail what the method would need."""
    label, (plain, _, needed) = material.design.label_of(e.metric), departure.partition(": ")
    several = f", {e.comparison}" if len(material.design.variant.treatments) > 1 else ""
    said = (
        f"{label[:1].upper()}{label[1:]}{several}: {plain}, so the interval may hold the truth less often than it says."
        f"{DETAIL}{needed}."
    )
    return Check(f"domain_{e.metric}", "warn", NAN, NAN, said)


def _check_clusters(material):
    if material.design.cluster is None:
        return []
    sizes = [
        (effective_units(arms[arm]), arms[arm].n, arm, name)
        for name, arms in material.raw.items()
        for arm in material.design.variant.arms
        if arms[arm].n and arms[arm].mean[1] > 0
    ]
    if not sizes:
        return []
    effective, n, arm, name = min(sizes)
    cluster, label = material.design.cluster, material.design.label_of(name)
    if effective >= FEW_CLUSTERS:
        said = f"In every arm the clusters ({cluster}) count like {effective:.0f} of one size or more."
        return [Check("clusters", "pass", effective, FEW_CLUSTERS, said)]
    said = (
        f"Clusters ({cluster}) are few or of unlike size: the {n:,} in {arm} count like {effective:.1f} of one size "
        f"({label}). Intervals use the degrees of freedom of so many, and are wide for that reason."
    )
    return [Check("clusters", "warn", effective, FEW_CLUSTERS, said)]


def _check_covariates(material):
    names = [c for c in list_comparisons(material.design) if c.name in material.adjusted]
    arms = [(material.adjusted[c.name][c.control], material.adjusted[c.name][c.treatment]) for c in names]
    pairs = [(c.name, pair_arms(*sides)) for c, sides in zip(names, arms, strict=True)]
    gains = {name: pair.variance_reduction for name, pair in pairs if not pair.reason}
    if not gains:
        return []
    told = _tell_gains(gains, material.design)
    best = float(gains[_name_told(gains, material.design.key_metric)])
    left = dict.fromkeys(name for _, pair in pairs for name in pair.left_out)
    if not left:
        return [Check("covariates", "pass", best, 0.0, f"{told}.")]
    said = f"{told}. Left out, as repeating others or not varying: {_name_covariates(left, material.units.covariates)}."
    return [Check("covariates", "warn", best, 0.0, said)]


def _tell_gains(gains, design):
    key = design.key_metric
    name = _name_told(gains, key)
    of = f"the variance of the effect on {design.label_of(name)}{'' if name == key else ', more than of any other'}"
    if gains[name] < 0:
        return f"Covariates add {_percent(-gains[name])} to {of}: they cost more than they explain"
    return f"Covariates take away {_percent(gains[name])} of {of}"


def _name_told(gains, key):
    return key if key in gains else max(gains, key=gains.get)


def _name_covariates(left, every):
    """The covariates whose columns are left out, in words; a level is not named, since it could be somebody's."""
    kept = {_name_covariate(name) for name in every if name not in left}
    return ", ".join(f"part of {name}" if name in kept else name for name in dict.fromkeys(map(_name_covariate, left)))


def _name_covariate(column):
    return column.removeprefix("x_").split("=")[0].removesuffix(":missing")


def _percent(share):
    return f"{100 * share:.1f} %"
