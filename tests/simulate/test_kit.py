"""What every simulation shares: counts, names, bounds, generators, payments, events and the rows of the truth."""

import pytest

from helpers import plan, simulate
from helpers.records import Refused
from helpers.simulate.kit import check_count, check_names, list_effects, make_effect, spawn_generators


@pytest.mark.parametrize(
    "n_units",
    [
        9,  # too few for two arms
        100_000_001,  # more than memory holds
        2_000.5,  # no whole number
        "2000",  # text
        True,  # counts as 1 in Python
        None,  # left out by mistake
    ],
)
def test_check_count_refuses_what_is_no_number_of_units(n_units):
    with pytest.raises(Refused, match=r"^simulation, n_units: give a whole number from 10 to 100,000,000$"):
        check_count(n_units)


def test_check_count_returns_the_number():
    assert check_count(10) == 10


def test_check_names_names_the_nearest_parameter():
    with pytest.raises(Refused) as refused:
        check_names(["paid_efect"], ["paid_effect", "paid_rate"], study="s")
    assert str(refused.value) == "simulation s: unknown parameter paid_efect; did you mean paid_effect?"


def test_check_names_lists_all_when_none_is_near():
    with pytest.raises(Refused) as refused:
        check_names(["zzz"], ["paid_effect", "paid_rate"], study="s")
    assert str(refused.value) == "simulation s: unknown parameter zzz; allowed: paid_effect, paid_rate"


def test_check_names_accepts_known_parameters():
    assert check_names(["a"], ["a", "b"], study="s") is None


def test_spawn_generators_a_new_part_at_the_end_shifts_no_other():
    few, more = spawn_generators(1, ["a", "b"]), spawn_generators(1, ["a", "b", "c"])
    assert few["b"].random(3).tolist() == more["b"].random(3).tolist()


def test_spawn_generators_parts_and_seeds_differ():
    first, second = spawn_generators(1, ["a", "b"]), spawn_generators(2, ["a"])
    assert len({first["a"].random(), first["b"].random(), second["a"].random()}) == 3


def test_list_effects_by_hand():
    difference, lift = list_effects("paid", "c", "t", 0.25, 0.16)
    assert difference == {
        "metric": "paid",
        "control": "c",
        "treatment": "t",
        "estimand": "difference",
        "population": "itt",
        "value": pytest.approx(-0.09),
        "control_value": 0.25,
        "treatment_value": 0.16,
    }
    assert (lift["estimand"], lift["value"]) == ("relative_lift", pytest.approx(-0.36))


def test_list_effects_without_a_control_above_zero_has_no_lift():
    assert [e["estimand"] for e in list_effects("m", "c", "t", 0.0, 1.0)] == ["difference"]


def test_make_effect_keeps_estimand_and_population():
    effect = make_effect("m", "c", "t", 1, 2, value=1, estimand="cace", population="compliers")
    assert (effect["estimand"], effect["population"], effect["value"]) == ("cace", "compliers", 1.0)


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
