"""What every simulation shares: counts, names, bounds, seeds, speed, refusals and the rows of the truth."""

import json
from dataclasses import fields
from functools import cache

import pandas as pd
import pytest
from sources_samples import tell_refusal

from helpers import plan, simulate
from helpers.simulate.customer_milestones import AccountWorld
from helpers.simulate.in_app_support import InAppWorld
from helpers.simulate.kit import check_count, check_names, list_effects, spawn_generators
from helpers.simulate.live_support import SupportWorld
from helpers.simulate.proactive_help import HelpWorld
from helpers.simulate.support_metrics import Desk

WORLDS = {world.study: world for world in (HelpWorld, SupportWorld, AccountWorld, InAppWorld, Desk)}


@cache
def make(study, seed=11):
    return draw(study, seed=seed)


def draw(study, **given):
    n_units = 6000 if study == "in_app_support" else 1000  # few of its users ask
    return simulate.simulate(study, n_units=n_units, **{"seed": 11} | given)


# too few for two arms; more than memory holds; no whole number; text; counts as 1 in Python; left out by mistake
@pytest.mark.parametrize("n_units", [9, 100_000_001, 2_000.5, "2000", True, None])
def test_check_count_refuses_what_is_no_number_of_units(n_units):
    assert tell_refusal(check_count, n_units) == "simulation, n_units: give a whole number from 10 to 100,000,000"
    assert check_count(10) == 10


def test_check_names_lists_all_when_none_is_near():
    said = "simulation s: unknown parameter zzz; allowed: paid_effect, paid_rate"
    assert tell_refusal(check_names, ["zzz"], ["paid_effect", "paid_rate"], study="s") == said


def test_spawn_generators_a_new_part_at_the_end_shifts_no_other():
    few, more, other = spawn_generators(1, "ab"), spawn_generators(1, "abc"), spawn_generators(2, "a")
    assert few["b"].random() == more["b"].random()
    assert len({few["a"].random(), more["b"].random(), other["a"].random()}) == 3


def test_list_effects_by_hand():
    difference, lift = list_effects("paid", ("c", "t"), (0.25, 0.16))
    told = {"metric": "paid", "control": "c", "treatment": "t", "estimand": "difference", "population": "itt"}
    assert difference == told | {"value": pytest.approx(-0.09), "control_value": 0.25, "treatment_value": 0.16}
    assert (lift["estimand"], lift["value"]) == ("relative_lift", pytest.approx(-0.36))
    assert [e["estimand"] for e in list_effects("m", ("c", "t"), (0.0, 1.0))] == ["difference"]  # no lift on nothing


@pytest.mark.parametrize("study", WORLDS)
def test_simulate_gives_the_same_for_the_same_seed_and_another_for_another(study):
    made, again, other = make(study), draw(study), make(study, seed=12)
    for name in ("assignments", "events", "units"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(made, name))
        assert not getattr(other, name).equals(getattr(made, name))
    assert again.truth == made.truth
    assert json.loads(json.dumps(made.truth, allow_nan=False)) == made.truth


def test_simulate_events_that_tell_no_text_have_none_or_the_worlds_blank():
    texts = {study: make(study).events[[*world.calendar.get("texts", ())]] for study, world in WORLDS.items()}
    blank = {study: set(text.to_numpy().ravel()) for study, text in texts.items() if not text.isna().to_numpy().any()}
    assert {study for study, found in blank.items() if "" in found} == {"in_app_support", "support_metrics"}


@pytest.mark.parametrize("study", WORLDS)
def test_simulate_leaves_out_a_truth_that_so_few_units_cannot_state(study):
    for seed in range(4):
        truth = simulate.simulate(study, n_units=10, seed=seed).truth
        assert json.loads(json.dumps(truth, allow_nan=False)) == truth


# How much of a world each field may change: the first named part must change, those before it must not.
OUTCOMES = ["questions", "trial", "paid", "revenue", "revenue_30", "revenue_60", "nps", "csat", "answered"]
PARTS = {
    "proactive_help": {"help_opened": ["help_opened"], "units": slice(None)},
    "in_app_support": {"events": ...},
    "support_metrics": {"events": ...},
    "live_support": {"outcomes": OUTCOMES, "waits": None},  # waits: of the events
    "customer_milestones": {
        "alive": ["alive"],
        "before": ["alive", "conversations", "set_up", "activated", "using", "mature"],
        "lost_day": ["lost_day"],
    },
}
EARLY = {  # the fields that change more than the last part
    "help_opened": {"share_use_content", "share_find_anyway", "keenness_and_use"},
    "outcomes": {
        *("questions", "questions_lift", "trial_rate", "trial_lift", "paid_rate", "revenue_lift", "monthly_amount"),
        *("revenue_spread", "monthly_churn", "refund_share", "nps", "loyalty_effect", "loyalty_as", "csat_good"),
        *("csat_effect", "response_rate", "response_effect", "satisfied_answer", "effect_by_hour"),
        *("keenness_and_outcome", "shared_agents"),  # the effect follows the hours of the team that serves
    },
    "alive": {"early_leavers"},
    "before": {
        *("step_effect", "conversations", "conversations_spread", "seats_elasticity"),
        *("tier_effect", "expansion_rate"),  # through the seats that are added in the first three months
    },
}
CHANGED = {"loyalty_as": "percent", "shared_agents": True, "trial_lift": 0.1, "effect_by_hour": 0.3}
CHANGED |= {"moved_agents": 5, "csat_effect": -0.08, "nps": 10, "live_agents": 40, "regular_agents": 12}
CHANGED |= {"praise_shape": "step", "reply_effect": 0.3, "activation_shape": "smooth"}
CHANGED |= {"activation_cut": 30, "drift": 0.0, "known_large": 0.2, "praise_effect": -0.1}
FREE = {"columns": "monthly_usd", "errors": "ignore"}  # the share of payers changes what each pays


def read_part(made, columns):
    if columns is ...:
        return made.events
    if columns is None:
        return made.events.loc[made.events["event"] == "first_reply", ["conversation_id", "at"]].reset_index(drop=True)
    return made.units[columns] if isinstance(columns, list) else made.units


@pytest.mark.parametrize(
    ("study", "name", "usual"), [(study, f.name, f.default) for study, world in WORLDS.items() for f in fields(world)]
)
def test_worlds_every_field_changes_what_it_should_and_nobodys_assignment(study, name, usual):
    value = CHANGED[name] if name in CHANGED else usual * (1.5 if usual < 0.6 else 0.8)
    made, other = make(study), draw(study, **{name: value})
    pd.testing.assert_frame_equal(other.assignments.drop(**FREE), made.assignments.drop(**FREE))
    assert other.truth["world"][name] == value != made.truth["world"][name]
    *early, last = PARTS[study]
    kind = next((part for part in early if name in EARLY[part]), last)
    for part, columns in PARTS[study].items():
        pair = [read_part(one, columns) for one in (made, other)]
        assert pair[0].equals(pair[1]) == (part != kind), part
        if part == kind:
            break


REFUSALS = [
    # a name it does not have, with the nearest
    ("proactive_help", {"paid_efect": -0.1}, ": unknown parameter paid_efect; did you mean paid_effect?"),
    # each kind of bound, and what is no number
    ("proactive_help", {"paid_rate": 1.2}, ", paid_rate: give a share above 0 and below 1"),
    ("proactive_help", {"paid_effect": float("nan")}, ", paid_effect: give a number"),
    ("proactive_help", {"searches": 0}, ", searches: give a number above 0"),
    ("proactive_help", {"monthly_churn": 1}, ", monthly_churn: give a number from 0 to below 1"),
    ("proactive_help", {"keenness_and_paid": 9}, ", keenness_and_paid: give a number from -3 to 3"),
    ("live_support", {"trial_rate": True}, ", trial_rate: give a number from 0.02 to 0.9"),
    ("live_support", {"nps": float("nan")}, ", nps: give a number from -80 to 80"),
    ("live_support", {"monthly_amount": "140"}, ", monthly_amount: give a number from 0.1 to 1,000,000"),
    ("live_support", {"live_agents": 2.5}, ", live_agents: give a whole number from 1 to 1,000"),
    ("live_support", {"loyalty_as": "per cent"}, ", loyalty_as: give points or percent"),
    ("live_support", {"shared_agents": 1}, ", shared_agents: give True or False"),
    ("customer_milestones", {"activation_shape": "steps"}, ", activation_shape: give step, smooth or none"),
    ("customer_milestones", {"early_leavers": 0.7}, ", early_leavers: give a number from 0 to 0.6"),
    # two that exclude each other
    ("proactive_help", {"share_find_anyway": 0.5}, ", share_find_anyway: it must be below share_use_content"),
    ("live_support", {"moved_agents": 8}, ", moved_agents: it must be below regular_agents"),
    ("live_support", {"paid_rate": 0.2}, ", paid_rate: it must be below trial_rate"),
    # the rate without links would be below zero; 35 % of workspaces cannot carry 30 points; nothing gives the ratio
    ("proactive_help", {"paid_effect": -0.35},
     ": a baseline with its effect leaves the possible range; lower the effect"),
    ("proactive_help", {"paid_rate": 0.45, "paid_effect": -0.3},
     ": the effect on paid is more than opened help can carry; lower it"),
    ("proactive_help", {"activation_ratio": 90.0},
     ", activation_ratio: no strength of keenness gives it at these rates"),
    # what no chance can carry
    ("live_support", {"trial_lift": 1.5}, ": the effect on trial starts leaves the possible range; lower it"),
    ("live_support", {"revenue_lift": 1.5, "trial_lift": 0.6},
     ": the effect on revenue leaves the possible range; lower it"),
    ("live_support", {"response_effect": 0.3}, ": the effect on survey response leaves the possible range; lower it"),
    ("live_support", {"loyalty_effect": 60}, ": the effect on loyalty leaves the possible range; lower it"),
    ("live_support", {"csat_effect": 0.2}, ": the effect on ratings leaves the possible range; lower it"),
    ("live_support", {"paid_rate": 0.19, "trial_lift": -0.2},
     ": more would pay than start a trial; lower revenue_lift or raise trial_lift"),
    ("experiment", {}, ": it needs a plan; name one of notebooks/plans or the path of a YAML file"),
    ("experiment", {"n_unit": 20}, ": unknown parameter n_unit; did you mean n_units?"),
]  # fmt: skip


@pytest.mark.parametrize(("study", "given", "message"), REFUSALS, ids=[message for _, _, message in REFUSALS])
def test_simulate_refuses(study, given, message):
    design = plan.read("jobs_ii").design if study == "experiment" and given else None
    assert tell_refusal(simulate.simulate, study, design, **{"n_units": 20} | given) == f"simulation {study}{message}"


def test_simulate_refuses_an_unknown_study():
    said = "simulation: no study of that name can be simulated; "
    said += "known: proactive_help, live_support, customer_milestones, in_app_support, support_metrics, experiment"
    assert tell_refusal(simulate.simulate, "nothing") == said


NOTES = [
    ("proactive_help", "1,000 workspaces whose effects are planted", "them"),
    ("live_support", "1,000 sign-ups whose effects are planted, and 250 of the weeks before", "the effects"),
    ("customer_milestones", "1,000 accounts whose associations are planted", "them"),
    ("support_metrics", "1,000 customers of a help desk whose effects are planted", "them"),
]


@pytest.mark.parametrize(("study", "what", "planted"), NOTES)
def test_simulate_says_that_it_is_planted(study, what, planted):
    said = f"Simulated: {what}. Recovering {planted} tests the method; it is no evidence for the published claims."
    assert make(study).note == said
