"""The declared promises: each names the method that its function really uses, and is found by it."""

import pickle

import numpy as np
import pytest

from helpers import inference, survival
from helpers.inference import find_guarantee, measure_columns
from helpers.simulate.populations import POPULATIONS

GUARANTEES = (*inference.GUARANTEES, *survival.GUARANTEES)
CLAIMS = {"nominal", "at least", "nominal within .01"}


def draw(guarantee, n=300):
    population = next(p for p in POPULATIONS.values() if p.family in guarantee.families)
    return population.draw(np.random.default_rng(1), n, False), population.draw(np.random.default_rng(2), n, True)


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda g: g.name)
def test_compute_gives_what_the_guarantee_declares(guarantee):
    found = guarantee.compute(*draw(guarantee), confidence_level=0.9, rng=np.random.default_rng(3))
    assert found.method == guarantee.method
    assert guarantee.claim in CLAIMS
    has_interval = found.ci_set is not None or found.ci_low == found.ci_low
    assert has_interval == guarantee.has_interval
    wide = guarantee.compute(*draw(guarantee), confidence_level=0.99, rng=np.random.default_rng(3))
    if found.ci_set is None and guarantee.has_interval:
        assert wide.ci_high - wide.ci_low > found.ci_high - found.ci_low


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda g: g.name)
def test_guarantee_travels_to_another_process_and_has_populations(guarantee):
    assert pickle.loads(pickle.dumps(guarantee)).name == guarantee.name
    families = {p.family for p in POPULATIONS.values() if guarantee.estimand in p.truth}
    assert set(guarantee.families) <= families


@pytest.mark.parametrize(
    ("method", "estimand", "unit", "name"),
    [
        ("welch", "difference", "units", "Welch difference"),
        ("delta", "difference", "units", "delta difference of ratios"),
        ("delta", "difference", "clusters", "delta difference of clusters"),
        ("miettinen-nurminen", "difference", "units", "Miettinen-Nurminen difference"),
        ("anderson-rubin", "cace", "units", "Anderson-Rubin set"),
        ("lin", "difference", "units", "Lin's adjusted difference"),
    ],
)
def test_find_guarantee_by_method_estimand_and_unit(method, estimand, unit, name):
    assert find_guarantee(method, estimand, unit=unit).name == name


def test_find_guarantee_of_what_is_not_promised_is_none():
    assert find_guarantee("welch", "cace") is None
    assert find_guarantee("median of means", "difference") is None
    assert find_guarantee("welch", "difference", unit="clusters") is None


def test_measure_columns_equals_numpy():
    columns = np.random.default_rng(1).normal(size=(7, 3))
    found = measure_columns(columns, ("y", "a", "b"), missing=2)
    assert found.mean == pytest.approx(columns.mean(axis=0)) and (found.n, found.missing) == (7, 2)
    assert found.cov == pytest.approx(np.cov(columns, rowvar=False))
    assert np.isnan(measure_columns(columns[:1, :1]).variance)


def test_missing_covariates_are_filled_as_metrics_does():
    # a filled gap changes nothing under its indicator: any other filling gives the same difference
    control, treatment = draw(next(g for g in GUARANTEES if g.name == "Lin, covariates missing"))
    compute = next(g for g in GUARANTEES if g.name == "Lin, covariates missing").compute
    found = compute(control, treatment, confidence_level=0.95, rng=None)
    shifted = [np.column_stack([arm[:, 0], arm[:, 1:] + 3]) for arm in (control, treatment)]
    again = compute(*shifted, confidence_level=0.95, rng=None)
    assert found.ci_low == pytest.approx(again.ci_low, rel=1e-9)


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda g: g.name)
@pytest.mark.parametrize("sizes", [(3, 2), (90, 10)], ids=str)
def test_compute_of_few_units_gives_a_reason_or_figures(guarantee, sizes):
    for population in (p for p in POPULATIONS.values() if p.family in guarantee.families):
        rng = np.random.default_rng(1)
        arms = population.draw(rng, sizes[0], False), population.draw(rng, sizes[1], True)
        found = guarantee.compute(*arms, confidence_level=0.95, rng=rng)
        assert (
            found.reason or found.ci_set is not None or found.ci_low == found.ci_low or found.p_value == found.p_value
        )
