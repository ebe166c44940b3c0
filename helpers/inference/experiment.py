"""An experiment from its plan: headline effects with verdicts, sensitivity, take-up, weeks and segments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from helpers import metrics
from helpers.inference.bayes import list_posteriors
from helpers.inference.comparisons import count_units, list_comparisons
from helpers.inference.decisions import decide_all
from helpers.inference.domains import check_methods
from helpers.inference.headline import estimate_headline, estimate_sensitivity, leave_failed
from helpers.inference.joint import compare_all_arms
from helpers.inference.looks import Look, read_look
from helpers.inference.multiplicity import adjust_families, adjust_tests
from helpers.inference.paths import trace_path
from helpers.inference.requirements import list_requirements
from helpers.inference.splits import estimate_segments, estimate_weeks
from helpers.inference.uptake import estimate_uptake, summarise_uptake
from helpers.plan import ExperimentPlan
from helpers.records import Effect, Results

ROLES = ("primary", "secondary", "guardrail", "exploratory", "sensitivity")


@dataclass(frozen=True)
class Material:
    """What the estimators of one experiment share: plan, units, moments by arm, the look, and the randomness."""

    design: ExperimentPlan
    units: metrics.Units
    raw: dict
    adjusted: dict
    look: Look
    not_estimable: frozenset
    seed: int
    n_resamples: int
    partly_known: frozenset = frozenset()  # of (metric, arm): units whose window is over and whose outcome is unknown

    def find_population(self, comparison) -> str:
        """Return whom a comparison of known outcomes is about: all, or, in every part of it, those who answered."""
        arms = comparison.control, comparison.treatment
        return "responders" if any((comparison.name, arm) in self.partly_known for arm in arms) else "itt"

    def rng(self, name: str) -> np.random.Generator:
        """Return a generator of its own for each part, so that a new part does not shift the others."""
        return np.random.default_rng([self.seed, *name.encode()])

    def at_look(self, comparison, effect: Effect) -> Effect:
        """Return an effect with the interval that decides at this look."""
        arms, clustered = self.raw[comparison.name], self.design.cluster is not None
        n = sum(count_units(arms[arm], clustered=clustered) for arm in (comparison.control, comparison.treatment))
        return self.look.apply(comparison, effect, n=n)


def run_experiment(
    decided, source, units, trust, *, study, withheld=None, times=((), ()), prior_units=1.0, seed=1, n_resamples=4_000
):
    """Return everything that the plan asks of an experiment, before small cells are hidden and sentences written.

    Parameters
    ----------
    decided : Plan
    source : sources.Source
    units : metrics.Units, one row a unit
    trust : tuple of Check
        A failed `missing_<metric>` makes that metric not estimable.
    study : str
    withheld : str, optional
        The reason for which the answer is withheld; nothing is estimated then.
    times : (estimates, tests, curves, guarantees), optional
        Of the times to an event, from `survival.study_times`; they join the families, the curves the tables. The last
        two may be left out: then there is no such table, and no warning of data outside a method's domain.
    prior_units : float, units an arm
        What a prior of no effect weighs in the Bayesian reading; 0 is flat.
    seed, n_resamples : int
        Of the permutation tests.

    Returns
    -------
    Results: headline rows first, then take-up, sensitivity, segments and weeks; `status` is answered, interim or
        withheld; checks of the methods' promises behind those of trust; tables `requirements`, `uptake`, `path` and
        `bayes`.
    """
    design = decided.design
    plan = {**decided.record, "commit": decided.commit}
    data = replace(source.info, messages=(*source.info.messages, *units.messages))
    empty = Results(study, design.title, design.question, "withheld", data, plan, checks=tuple(trust))
    days = units.assigned and tuple(day.isoformat() for day in units.assigned)
    empty = empty.but(as_of=units.as_of.isoformat() if units.as_of else None, assigned=days)
    if withheld:
        return empty.but(answer=(withheld,))
    material = _gather(design, units, trust, seed, n_resamples)
    estimates, tests = _estimate(material)
    estimates += leave_failed(times[0], material.not_estimable)
    tests += [test for test in times[1] if test.metric not in material.not_estimable]
    estimates = decide_all(adjust_families(estimates), design.metrics, alpha=design.alpha)
    estimates = tuple(sorted(estimates, key=_reading_order))
    found = empty.but(
        status="interim" if material.look.is_interim else "answered",
        checks=(*trust, *check_methods(material, estimates, more=times[3] if len(times) > 3 else ())),
        estimates=estimates,
        tests=adjust_tests(tests),
    )
    curves = {"curves": times[2]} if len(times) > 2 else {}
    return found.but(tables={**_list_tables(found, material, prior_units), **curves})


def _list_tables(results, material, prior_units):
    tables = {
        "requirements": list_requirements(material, results.estimates),
        "uptake": summarise_uptake(material),
        "path": trace_path(material.units, not_estimable=material.not_estimable),
    }
    believed = list_posteriors(results, material.design, prior_units=prior_units)
    return {**tables, "bayes": believed.assign(prior_units=float(prior_units))}


def _gather(design, units, trust, seed, n_resamples):
    failed = {c.id.removeprefix("missing_") for c in trust if c.id.startswith("missing_") and c.status == "fail"}
    whole = metrics.summarise(units, adjusted=True)[None]
    raw = metrics.leave_covariates(whole)
    adjusted = {name: arms for name, arms in whole.items() if _is_adjusted(design.metrics[name], arms)}
    look, partly = read_look(units), _find_partly_known(units, raw)
    return Material(design, units, raw, adjusted, look, frozenset(failed), seed, n_resamples, partly)


def _find_partly_known(units, raw):
    """Metrics and arms with unknown outcomes; moments of clusters do not see those of units, so these are counted."""
    if units.design.cluster is None:
        return frozenset((name, arm) for name, arms in raw.items() for arm, m in arms.items() if m.missing)
    rows = metrics.describe_arms(units).to_dict("records")
    return frozenset(
        (name, row["variant"]) for name in raw for row in rows if row[f"known_{name}"] < row[f"complete_{name}"]
    )


def _is_adjusted(metric, arms):
    names = next(iter(arms.values())).names
    return metric.kind != "nps" and metric.is_mean and names[0] == "y" and len(names) > 1


def _estimate(material):
    estimates = []
    for comparison in list_comparisons(material.design):
        if comparison.metric.kind != "time_to_event":
            estimates += estimate_headline(comparison, material)
            estimates += estimate_sensitivity(comparison, material)
            estimates += estimate_uptake(comparison, material)
    weeks, trend = estimate_weeks(material)
    segments, interaction = estimate_segments(material)
    return [*estimates, *segments, *weeks], [*compare_all_arms(material), *trend, *interaction]


def _reading_order(estimate):
    split = estimate.segment is not None or estimate.at is not None
    taken = estimate.population not in ("itt", "responders")
    return (split, estimate.role == "sensitivity", taken, ROLES.index(estimate.role))
