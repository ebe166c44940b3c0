"""The equations of the live-support world: rates and effects hold exactly in its population, each refusal is whole."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from helpers.records import Refused
from helpers.simulate.live_support.chances import Chance, asking_means, gather_crowd, loyalty_gain, solve_chances
from helpers.simulate.live_support.outcomes import cut_delay
from helpers.simulate.live_support.replies import expect_others, gather_teams
from helpers.simulate.live_support.truth import count_payments, state_truth
from helpers.simulate.live_support.week import (
    HOURS_A_PERSON,
    deliver,
    hour_of_week,
    plan_duty,
    share_on_duty,
    share_sign_ups,
)
from helpers.simulate.live_support.world import RANGES, World, read_world


def state(**changes):
    world = replace(World(), **changes)
    crowd = gather_crowd(world)
    effects = state_truth(world, crowd, solve_chances(world, crowd))
    return {(e["metric"], e["estimand"], e["population"]): e for e in effects}


def value(effects, metric, estimand="difference", population="itt"):
    return effects[metric, estimand, population]["value"]


def test_state_truth_holds_the_published_figures():
    effects = state()
    lifts = [value(effects, name, "relative_lift") for name in ("questions", "trial", "paid", "revenue")]
    assert lifts == pytest.approx([0.18, 0.30, 0.15, 0.15], abs=1e-9)
    assert value(effects, "nps", population="responders") == pytest.approx(15, abs=1e-9)
    assert value(effects, "csat", population="responders") == pytest.approx(0, abs=1e-9)


def test_state_truth_loyalty_as_percent_of_the_standard_arm_by_hand():
    effects = state(loyalty_as="percent")
    assert value(effects, "nps", population="responders") == pytest.approx(0.15 * 30, abs=1e-9)
    assert loyalty_gain(World(loyalty_as="percent", nps=-20)) == pytest.approx(-3)


def test_state_truth_baselines_are_the_worlds():
    effects = state()
    baselines = {name: effects[name, "difference", "itt"]["control_value"] for name in ("questions", "trial", "paid")}
    assert baselines == pytest.approx({"questions": 0.8, "trial": 0.2, "paid": 0.08})
    assert effects["nps", "difference", "responders"]["control_value"] == pytest.approx(30)
    rating = 0.95 * (0.65 * 5 + 0.35 * 4) + 0.05 * (0.5 * 3 + 0.25 * 2 + 0.25)
    assert effects["csat", "difference", "responders"]["control_value"] == pytest.approx(rating)


def test_state_truth_who_answers_is_happier_than_everybody():
    everybody, answering = (state()["nps", "difference", name]["control_value"] for name in ("itt", "responders"))
    assert answering > everybody + 5
    alike = state(satisfied_answer=0.0, response_effect=0.0)
    assert alike["nps", "difference", "itt"]["value"] == pytest.approx(15)


def test_state_truth_loyalty_of_those_who_answer_by_brute_force():
    world = World()
    crowd, rng = gather_crowd(world), np.random.default_rng(4)
    chances = solve_chances(world, crowd)
    week, hour = rng.integers(0, 16, 400_000), rng.choice(168, 400_000, p=share_sign_ups())
    trait, delivered = rng.standard_normal(400_000), deliver(world)[week, hour]
    weight = chances["answered"].served(trait, delivered)
    score = chances["promoter"].served(trait, delivered) - chances["detractor"].served(trait, delivered)
    error = 100 * np.std(weight * (score - 0.45)) / weight.mean() / np.sqrt(trait.size)
    assert abs(100 * np.average(score, weights=weight) - 45) < 4 * error


def test_count_payments_by_brute_force():
    world, rng = World(refund_share=0.2, monthly_churn=0.3), np.random.default_rng(2)
    first = 14 + cut_delay(rng.random(400_000), 3, 28) + cut_delay(rng.random(400_000), 4, 18)
    refunded, stays = rng.random(first.size) < 0.2, rng.geometric(0.3, first.size)
    months = np.where(refunded, 1, stays)
    for days in (30, 60, 90):
        paid = sum((first + 30 * nth < days) & (months > nth) for nth in range(3))
        net = paid - (refunded & (first + 10 < days))
        assert abs(net.mean() - count_payments(world, days)) < 4 * net.std() / np.sqrt(first.size)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(lift=st.floats(-0.5, 0.4), loyalty=st.floats(-20, 20), response=st.floats(-0.08, 0.08), hour=st.floats(0, 1))
def test_solve_chances_hits_every_effect(lift, loyalty, response, hour):
    effects = state(trial_lift=lift, loyalty_effect=loyalty, response_effect=response, effect_by_hour=hour)
    assert value(effects, "trial", "relative_lift") == pytest.approx(lift, abs=1e-9)
    assert value(effects, "nps", population="responders") == pytest.approx(loyalty, abs=1e-7)
    assert value(effects, "answered") == pytest.approx(response, abs=1e-9)


def test_chance_by_hand():
    half = Chance(0.0, 0.0, 0.4)  # room of one half: a quarter
    assert [float(half.plain(0)), float(half.served(0, 0)), float(half.served(0, 1.5))] == pytest.approx(
        [0.5, 0.5, 0.65]
    )


def test_asking_means_equal_a_direct_integral():
    mean, _ = integrate.quad(lambda z: stats.norm.pdf(z) * asking_means(World(), z, 1.0), -9, 9)
    assert mean == pytest.approx(0.8 * 1.18, abs=1e-9)


@pytest.mark.parametrize("changes", [{}, {"effect_by_hour": 1.0}, {"fading": 0.6}, {"shared_agents": True}])
def test_deliver_averages_to_one_over_sign_ups(changes):
    assert (deliver(World(**changes)) @ share_sign_ups()).mean() == pytest.approx(1, abs=1e-12)


def test_deliver_follows_staffing_and_fades_in_a_line():
    assert np.ptp(deliver(World(effect_by_hour=0.0))) == pytest.approx(0)
    by_hour = deliver(World(effect_by_hour=1.0))[0]
    assert by_hour[2] == 0  # Monday at two: nobody is on duty
    assert by_hour[10] == by_hour.max()
    by_week = deliver(World(effect_by_hour=0.0, fading=0.5))[:, 0]
    assert by_week[-1] / by_week[0] == pytest.approx(0.5)
    assert np.ptp(np.diff(by_week)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("team", "seats"), [("live", 5), ("regular", 8), ("live", 1), ("regular", 31)])
def test_plan_duty_fills_each_hour_and_overworks_nobody(team, seats):
    duty = plan_duty(team, seats)
    wanted = np.ceil(share_on_duty(team) * seats - 1e-9)
    assert duty.sum(axis=0).tolist() == wanted.tolist()
    assert (duty[:, :4] == 0).all()  # between midnight and four
    assert duty.sum(axis=1).mean() <= HOURS_A_PERSON
    assert np.ptp(duty.sum(axis=1)) <= 8  # two blocks


def test_hour_of_week_by_hand():
    assert hour_of_week([0, 3599, 3600, 7 * 86_400 + 1]).tolist() == [0, 0, 1, 0]


def test_gather_teams_live_agents_who_moved_keep_their_numbers():
    teams = gather_teams(World(), 24_000)
    kept = len(teams["standard"].duty)
    assert kept < len(teams["before"].duty)
    assert (teams["before"].first, teams["standard"].first, teams["live"].first) == (0, 0, kept)
    assert set(gather_teams(World(shared_agents=True), 24_000)) == {"before", "standard"}


def test_gather_teams_grow_with_the_sign_ups_the_live_reserve_with_their_root():
    small, large = (gather_teams(World(), n) for n in (24_000, 96_000))
    seats = {name: [t[name].duty.sum(axis=0).max() for t in (small, large)] for name in ("before", "live")}
    assert seats["before"] == [8, 32]
    work = 12_000 / 16 / 168 * 0.8 * 1.18 * 10 / 60
    assert seats["live"] == [5, round(4 * work + 2 * (5 - work))]


@pytest.mark.parametrize("n_units", [10, 6_000, 24_000, 50_000])
def test_expect_others_keep_the_work_for_each_agent_on_duty(n_units):
    usual, teams = gather_teams(World(), 24_000), gather_teams(World(), n_units)
    others, known = expect_others(World(), n_units, teams), 0.8 * 24_000 / 16
    before = others[0] / share_sign_ups() + known * n_units / 24_000
    on_duty = teams["before"].duty.any(axis=0)
    each = before[on_duty] / teams["before"].duty.sum(axis=0)[on_duty]
    wanted = (15 * 168 + known) / usual["before"].duty.sum(axis=0)[on_duty]
    assert each == pytest.approx(wanted)
    assert others.shape == (28, 168)


def test_expect_others_are_the_worlds_rate_at_the_usual_size():
    others = expect_others(World(), 24_000, gather_teams(World(), 24_000))
    assert others.sum(axis=1) == pytest.approx(np.full(28, 15 * 168))


REFUSALS = [
    ({"trial_rat": 0.3}, "unknown parameter trial_rat; did you mean trial_rate?"),
    (
        {"trial_rate": 0.95},
        "trial_rate: give a number from 0.02 to 0.9",
    ),
    ({"trial_rate": True}, "trial_rate: give a number from 0.02 to 0.9"),
    ({"nps": float("nan")}, "nps: give a number from -80 to 80"),
    ({"monthly_amount": "140"}, "monthly_amount: give a number from 0.1 to 1,000,000"),
    ({"live_agents": 2.5}, "live_agents: give a whole number from 1 to 1,000"),
    ({"loyalty_as": "per cent"}, "loyalty_as: give points or percent"),
    ({"shared_agents": 1}, "shared_agents: give True or False"),
    ({"moved_agents": 8}, "moved_agents: it must be below regular_agents"),
    ({"paid_rate": 0.2}, "paid_rate: it must be below trial_rate"),
]


@pytest.mark.parametrize(("given", "message"), REFUSALS, ids=[m for _, m in REFUSALS])
def test_read_world_refuses(given, message):
    with pytest.raises(Refused) as refused:
        read_world(given)
    start = "simulation live_support: " if message.startswith("unknown") else "simulation live_support, "
    assert str(refused.value) == start + message


IMPOSSIBLE = [
    ({"trial_lift": 1.5}, "the effect on trial starts leaves the possible range; lower it"),
    ({"revenue_lift": 1.5, "trial_lift": 0.6}, "the effect on revenue leaves the possible range; lower it"),
    ({"response_effect": 0.3}, "the effect on survey response leaves the possible range; lower it"),
    ({"loyalty_effect": 60}, "the effect on loyalty leaves the possible range; lower it"),
    ({"csat_effect": 0.2}, "the effect on ratings leaves the possible range; lower it"),
    (
        {"paid_rate": 0.19, "trial_lift": -0.2},
        "more would pay than start a trial; lower revenue_lift or raise trial_lift",
    ),
]


@pytest.mark.parametrize(("given", "message"), IMPOSSIBLE, ids=[str(sorted(g)) for g, _ in IMPOSSIBLE])
def test_solve_chances_refuses_what_no_chance_can_carry(given, message):
    with pytest.raises(Refused) as refused:
        state(**given)
    assert str(refused.value) == f"simulation live_support: {message}"


def test_ranges_name_every_number_and_hold_the_defaults():
    assert {f.name for f in fields(World)} - set(RANGES) == {"loyalty_as", "shared_agents"}
    assert read_world({}) == World()
