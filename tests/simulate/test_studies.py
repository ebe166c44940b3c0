"""The simulations by name."""

import pytest

from helpers import plan, simulate
from helpers.records import Refused


def test_simulate_passes_arguments_to_the_study():
    small, other = (simulate.simulate("proactive_help", n_units=20, seed=seed) for seed in (1, 2))
    assert len(small.units) == 20
    assert not small.units.equals(other.units)


def test_simulate_gives_the_experiment_its_plan():
    made = simulate.simulate("experiment", plan.read("jobs_ii").design, n_units=20)
    assert {"depression", "employed", "took_part"} <= set(made.units)


def test_simulate_refuses_an_experiment_without_a_plan():
    with pytest.raises(Refused) as refused:
        simulate.simulate("experiment")
    assert str(refused.value) == (
        "simulation experiment: it needs a plan; name one of notebooks/plans or the path of a YAML file"
    )


def test_simulate_refuses_an_unknown_study():
    with pytest.raises(Refused) as refused:
        simulate.simulate("nothing")
    assert str(refused.value) == (
        "simulation: no study of that name can be simulated; "
        "known: proactive_help, live_support, customer_milestones, experiment"
    )


def test_simulate_refuses_an_unknown_argument_of_the_experiment():
    with pytest.raises(Refused) as refused:
        simulate.simulate("experiment", plan.read("jobs_ii").design, n_unit=20)
    assert str(refused.value) == "simulation experiment: unknown parameter n_unit; did you mean n_units?"


def test_studies_holds_every_simulation():
    assert list(simulate.STUDIES) == ["proactive_help", "live_support", "customer_milestones", "experiment"]
