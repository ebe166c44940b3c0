"""The equations of the in-product help world: rates, effects and the ratio hold exactly in its population."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from helpers.records import Refused
from helpers.simulate.truth import mean_by_arm
from helpers.simulate.world import (
    Response,
    World,
    contrast_users,
    delay_mass,
    gather_crowd,
    mean_seats,
    opening_shares,
    read_world,
    solve_responses,
    tier_shares,
    truncated_delay,
)

CROWD = gather_crowd(World())


def test_opening_shares_average_to_the_worlds_shares():
    assert [CROWD.mean(CROWD.use), CROWD.mean(CROWD.find)] == pytest.approx([0.40, 0.05], abs=1e-9)


def test_opening_shares_equal_a_direct_integral():
    def integrand(z):
        return stats.norm.pdf(z) * opening_shares(World(), z)[0] * z

    mean, _ = integrate.quad(integrand, -9, 9)
    assert CROWD.mean(CROWD.use * CROWD.nodes) == pytest.approx(mean, abs=1e-9)


def test_opening_shares_rise_with_keenness_only_when_it_matters():
    keen = opening_shares(World(), np.array([-1.0, 1.0]))[0]
    blind = opening_shares(World(keenness_and_use=0.0), np.array([-1.0, 1.0]))[0]
    assert keen[1] > keen[0]
    assert blind.tolist() == pytest.approx([0.4, 0.4])


def test_crowd_has_no_defiers():
    assert (CROWD.complier >= 0).all()


def test_response_by_hand():
    share = Response(1.0, 0.0, 0.0, 0.5)  # half without help; help adds half of the room above
    assert [float(share.without(0)), float(share.helped(0))] == [0.5, 0.75]


def test_response_below_zero_takes_a_share_of_the_value():
    assert float(Response(1.0, 0.0, 0.0, -0.5).helped(0)) == 0.25


def test_response_of_a_count_has_no_ceiling():
    count = Response(None, np.log(2), 0.0, 0.5)
    assert [float(count.without(0)), float(count.helped(0))] == pytest.approx([2, 3])


@settings(derandomize=True, deadline=None, max_examples=25)
@given(rate=st.floats(0.15, 0.35), effect=st.floats(-0.08, 0.05), ratio=st.floats(1.8, 2.6))
def test_solve_responses_hits_rate_effect_and_ratio(rate, effect, ratio):
    world = World(activation_rate=rate, activation_effect=effect, activation_ratio=ratio)
    response = solve_responses(world, CROWD)["activated"]
    links, without = mean_by_arm(CROWD, response)
    others, users = contrast_users(CROWD, response)
    assert [links, without - links, users / others] == pytest.approx([rate, effect, ratio], abs=1e-8)


def test_solve_responses_hits_the_means_of_counts_and_days():
    found = solve_responses(World(), CROWD)
    assert mean_by_arm(CROWD, found["searches"]) == pytest.approx((2.0, 1.6))
    assert mean_by_arm(CROWD, found["conversations"]) == pytest.approx((1.2, 1.05))
    assert mean_by_arm(CROWD, found["active"]) == pytest.approx((7.0, 6.0))
    assert mean_by_arm(CROWD, found["paid"]) == pytest.approx((0.25, 0.16))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        # an unknown name, with the nearest
        ({"paid_efect": -0.1}, "simulation proactive_help: unknown parameter paid_efect; did you mean paid_effect?"),
        ({"paid_rate": 1.2}, "simulation proactive_help, paid_rate: give a share above 0 and below 1"),
        ({"paid_effect": float("nan")}, "simulation proactive_help, paid_effect: give a number"),
        ({"searches": 0}, "simulation proactive_help, searches: give a number above 0"),
        ({"monthly_churn": 1}, "simulation proactive_help, monthly_churn: give a number from 0 to below 1"),
        ({"keenness_and_paid": 9}, "simulation proactive_help, keenness_and_paid: give a number from -3 to 3"),
        # nobody would be moved by the links
        (
            {"share_find_anyway": 0.5},
            "simulation proactive_help, share_find_anyway: it must be below share_use_content",
        ),
    ],
)
def test_read_world_refuses(given, message):
    with pytest.raises(Refused) as refused:
        read_world(given)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        # the rate without links would be 10 % below zero
        (
            {"paid_effect": -0.35},
            "simulation proactive_help: a baseline with its effect leaves the possible range; lower the effect",
        ),
        # 35 % of workspaces cannot carry 30 points
        (
            {"paid_rate": 0.45, "paid_effect": -0.3},
            "simulation proactive_help: the effect on paid is more than opened help can carry; lower it",
        ),
        (
            {"activation_ratio": 90.0},
            "simulation proactive_help, activation_ratio: no strength of keenness gives it at these rates",
        ),
    ],
)
def test_solve_responses_refuses(given, message):
    with pytest.raises(Refused) as refused:
        solve_responses(read_world(given), CROWD)
    assert str(refused.value) == message


def test_world_has_a_default_for_every_parameter():
    assert all(isinstance(f.default, float) for f in fields(World))


def test_truncated_delay_stays_inside_the_window():
    assert truncated_delay(np.array([0.0, 1.0])).tolist() == pytest.approx([0.0, 46.0])
    assert delay_mass() == pytest.approx(stats.expon.cdf(46 / 8))


def test_tier_shares_sum_to_one_and_rise_with_keenness():
    shares = tier_shares([-1.0, 1.0])
    assert shares.sum(axis=1).tolist() == pytest.approx([1, 1])
    assert shares[1, 2] > shares[0, 2]


def test_mean_seats_rises_with_keenness():
    assert mean_seats(1.0) > mean_seats(0.0)
