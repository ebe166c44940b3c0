"""The declared promises: each names the method that its function really uses, and is found by it."""

import math
import pickle
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
from made_sources import make_design
from sources_samples import tell_refusal

from helpers.inference import methods
from helpers.inference.credibility import EXEMPT
from helpers.inference.means import measure_columns
from helpers.inference.methods import METHODS, Domain, Method, choose_method, compare_arms, demand_method, find_method
from helpers.kinds import KINDS
from helpers.plan import Metric
from helpers.records import Effect
from helpers.simulate.populations import POPULATIONS

CLAIMS = {"nominal", "at least", "nominal within .01"}


DESIGN = make_design({"m": {"kind": "amount"}})


def draw(method, n=300):
    population = next(p for p in POPULATIONS.values() if p.family in method.families)
    return population.draw(np.random.default_rng(1), n, False), population.draw(np.random.default_rng(2), n, True)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_compute_gives_what_the_method_declares(method):
    found = method.compute(*draw(method), confidence_level=0.9, rng=np.random.default_rng(3))
    assert found.method == method.method
    assert method.claim in CLAIMS
    has_interval = found.ci_set is not None or found.ci_low == found.ci_low
    assert has_interval == method.has_interval
    wide = method.compute(*draw(method), confidence_level=0.99, rng=np.random.default_rng(3))
    if found.ci_set is None and method.has_interval:
        assert wide.ci_high - wide.ci_low > found.ci_high - found.ci_low


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_method_travels_to_another_process_and_has_populations(method):
    assert pickle.loads(pickle.dumps(method)).name == method.name
    families = {p.family for p in POPULATIONS.values() if method.estimand in p.truth}
    assert set(method.families) <= families


@pytest.mark.parametrize(("method", "estimand", "unit", "name"), [
    ("welch", "difference", "units", "Welch difference"),
    ("delta", "difference", "units", "delta difference of ratios"),
    ("delta", "difference", "clusters", "delta difference of clusters"),
    ("welch", "cace", "units", None),  # what is not promised
    ("median of means", "difference", "units", None),
    ("welch", "difference", "clusters", None),
])  # fmt: skip
def test_find_method_by_method_estimand_and_unit(method, estimand, unit, name):
    found = find_method(method, estimand, unit=unit)
    assert (found and found.name) == name


@pytest.mark.parametrize("code", sorted({code for code, _ in EXEMPT.values()}))
def test_exempt_names_code_that_is_there(code):
    assert pkgutil.resolve_name(f"helpers.{code}")


FORMS = [form for kind in KINDS.values() for form in (kind, *kind.forms.values())]
UNKNOWN = "no method is called median of means; give it a row for a difference in METHODS, or name one of them"


@pytest.mark.parametrize("kind", FORMS, ids=lambda form: f"{form.name} {form.method}")
def test_method_that_the_plan_may_choose_has_a_row_that_reads_what_the_kind_has(kind):
    reads = {name: demand_method(name).reads for name in (kind.method, "delta", "permutation", "lin")}
    assert (reads[kind.method] == "moments") == kind.is_mean
    assert (reads[kind.method] == "times") == (kind.outcome == "time")
    assert (reads["delta"], reads["permutation"], reads["lin"]) == ("moments", "outcome", "moments")
    assert demand_method(kind.method).lift or not kind.has_lift or kind.outcome == "time"


@pytest.fixture
def with_method(monkeypatch):
    """Return a function that gives a kind, as its plan reads it, another method."""

    def change(method, kind="amount", **given):
        monkeypatch.setitem(KINDS, kind, replace(KINDS[kind], method=method, **given))
        return Metric(kind=kind)

    return change


FACTS = {"sizes": {"a": 9, "b": 9}, "skewness": 0.0, "is_adjustable": False}


def test_method_without_a_row_is_refused_wherever_it_would_decide(with_method):
    metric, moments = with_method("median of means"), measure_columns(np.arange(9.0)[:, None])
    assert tell_refusal(choose_method, metric, DESIGN, **FACTS) == UNKNOWN
    for given in ({}, {"method": "median of means"}):
        assert tell_refusal(compare_arms, metric, moments, moments, **given) == UNKNOWN


def test_method_that_reads_rows_is_not_for_a_kind_that_moments_tell(with_method):
    told = "kind amount: order statistics reads the outcome; say is_mean=False, or name another"
    assert tell_refusal(choose_method, with_method("order statistics"), DESIGN, **FACTS) == told


def test_method_that_no_experiment_can_read_is_refused(with_method):
    metric = with_method("welch, always-valid")
    assert tell_refusal(compare_arms, metric, None, None, method="welch, always-valid") == (
        "the method welch, always-valid reads columns in a way that no experiment knows; begin its steps with one of "
        "read_known, read_sums, read_covariates, read_values, read_levels, read_times"
    )


def test_method_of_a_row_alone_decides_with_the_keys_of_its_plan(monkeypatch):
    # no branch names it: a shift of the mean, read from moments and moved by a key of the plan
    def shift(control, treatment, *, by, confidence_level):
        return Effect(treatment.value - control.value + by, method="shifted")

    row = Method("shifted", "shifted", "difference", (methods.read_known, shift), (), Domain(), "here",
                 planned=(("by", "worthwhile"),))  # fmt: skip
    monkeypatch.setattr(methods, "METHODS", (*METHODS, row))
    monkeypatch.setitem(KINDS, "amount", replace(KINDS["amount"], method="shifted"))
    sides = [measure_columns(np.arange(float(n))[:, None]) for n in (5, 7)]
    found = compare_arms(Metric(kind="amount", worthwhile=10), *sides)
    assert (found.estimate, found.method) == (11.0, "shifted")


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
@pytest.mark.parametrize("sizes", [(3, 2), (90, 10)], ids=str)
def test_compute_of_few_units_gives_a_reason_or_figures(method, sizes):
    for population in (p for p in POPULATIONS.values() if p.family in method.families):
        rng = np.random.default_rng(1)
        arms = population.draw(rng, sizes[0], False), population.draw(rng, sizes[1], True)
        found = method.compute(*arms, confidence_level=0.95, rng=rng)
        assert found.reason or found.ci_set is not None or not math.isnan(found.ci_low) or not math.isnan(found.p_value)


SAID = {
    "arm": "there are too few {}: the smaller arm needs at least 50",
    "tail": "the tail is too heavy for so few units: the smaller arm needs more than {} x skewness² units",
    "spread": "one arm varies more than the other and the tail is heavy: the smaller arm needs more than {} x "
    "skewness² units",
    "top": "one unit holds so much of an arm's variance that its tail is not known yet: no unit may hold more than "
    "{} % of an arm's variance",
    "events": "an arm has too few units with or without the event: each arm needs at least {} with and without the "
    "event",
    "effect": "the arms hardly overlap: the effect may be {} at most",
    "apart": "most units have one value, the lowest or the highest, and too few another: the smaller arm needs at "
    "least {} with another",
    "jump": "the values jump where the quantile lies, as from 0 to far above: no two neighbouring values may lie over "
    "{} % of its limits apart",
}
BALANCED = {"skewness_factor": 355, "balanced_factor": 10}


@pytest.mark.parametrize(("domain", "data", "said", "limit"), [
    ({"least_arm": 50}, {}, "arm", "units"),
    ({"least_arm": 50, "unit": "clusters"}, {}, "arm", "clusters"),
    ({"least_arm": 40}, {}, None, None),
    # 355 (1 - 1/9)^2 / (1 + 1/9) = 252.4 times the squared skewness, for 40 beside 360
    ({"skewness_factor": 355}, {"skewness": 0.4}, "tail", 252),
    ({"skewness_factor": 355}, {"skewness": -0.39}, None, None),
    ({"skewness_factor": 355}, {"skewness": 9.0, "n_control": 40}, None, None),  # one size: the skewness cancels
    (BALANCED, {"skewness": -2.0, "n_control": 40}, "tail", 10),
    ({"skewness_factor": 10}, {"skewness": float("nan")}, None, None),  # not known, not judged
    ({"least_events": 10}, {"events": 9.9}, "events", 10),
    ({"least_events": 10}, {"events": 10}, None, None),
    ({"least_events": 10}, {}, None, None),
    # of one size, and three times the spread: 355 n (27 - 1)^2 / n^4 / (10 / n)^3 = 240 times
    ({"skewness_factor": 355}, {"skewness": 0.5, "spread": 3.0, "n_control": 40}, "spread", 240),
    ({"skewness_factor": 355}, {"skewness": 0.4, "spread": 3.0, "n_control": 40}, None, None),
    ({"skewness_factor": 355}, {"skewness": 0.3, "top_share": 0.16}, "top", 15),  # a tail that was missed looks light
    ({"skewness_factor": 355}, {"skewness": 0.3, "top_share": 0.15}, None, None),
    ({"skewness_factor": 355}, {"skewness": 0.3, "top_share": 0.9, "n_control": 40}, None, None),  # of one size
    ({}, {"top_share": 0.9}, None, None),  # a method for any tail
    ({"most_effect": 0.8}, {"estimate": -0.81}, "effect", 0.8),
    ({"most_effect": 0.8}, {"estimate": 0.8}, None, None),
    ({"least_apart": 25}, {"apart": 0.6}, "apart", 25),
    ({"least_apart": 25}, {"apart": 0.7}, None, None),
    ({"most_jump": 0.5}, {"jump": 0.51}, "jump", 50),
    ({"most_jump": 0.5}, {"jump": 0.5}, None, None),
], ids=range(23))  # fmt: skip
def test_find_departure_of_40_treated_and_360_controls(domain, data, said, limit):
    found = Domain(**domain).find_departure(**{"n_control": 360, "n_treatment": 40, **data})
    assert found == (said and SAID[said].format(limit))


def test_describe_names_every_condition():
    limits = {"least_arm": 50, "skewness_factor": 355, "balanced_factor": 25, "least_events": 5, "least_apart": 9}
    assert Domain(**limits, most_effect=0.8).describe() == (
        "at least 50 units in the smaller arm; in it over 25 x skewness² units (arms of one size and spread) to 355 x "
        "skewness² (beside a far larger arm), and no unit with over 15 % of an arm's variance where their sizes differ"
        "; at least 5 units with and without the event in each arm; at least 9 units off the lowest value, and off the "
        "highest, in each arm; an effect of at most 0.8"
    )
    quantile = find_method("order statistics", "difference").domain
    assert quantile.describe().endswith(
        "at least 10 units below and above the quantile in each arm; no two neighbouring values that lie over 50 % of "
        "its limits apart"
    )
    assert quantile.find_departure(n_control=99, n_treatment=99, events=9.9) == (
        "an arm has too few units below or above the quantile: each arm needs at least 10 below and above the quantile"
    )
    assert Domain(20, unit="clusters").describe() == "at least 20 clusters in the smaller arm"
