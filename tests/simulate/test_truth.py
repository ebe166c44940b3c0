"""The truth of the in-product help study: by hand, against another way of computing it, and parameter by parameter."""

from dataclasses import fields, replace

import numpy as np
import pytest

from helpers.simulate.truth import state_truth
from helpers.simulate.world import World, gather_crowd, solve_responses, tier_shares


def state(world=None):
    world = world or World()
    crowd = gather_crowd(world)
    return state_truth(world, crowd, solve_responses(world, crowd))


def pick(effects, metric, estimand):
    (found,) = (e["value"] for e in effects if (e["metric"], e["estimand"]) == (metric, estimand))
    return found


def test_state_truth_holds_the_published_figures():
    effects = state()
    assert pick(effects, "converted", "difference") == pytest.approx(-0.09)
    assert pick(effects, "activated", "difference") == pytest.approx(-0.02)
    assert pick(effects, "activated", "ratio") == pytest.approx(2.5)


def test_state_truth_complier_effect_by_hand():
    effects = state()  # 40 % open with links, 5 % without: 35 % are moved
    assert pick(effects, "activated", "cace") == pytest.approx(0.02 / 0.35)
    assert pick(effects, "converted", "cace") == pytest.approx(0.09 / 0.35)


def test_state_truth_renewal_by_hand():
    kept = 0.97 * 0.97**6  # not refunded, and six months without leaving
    assert pick(state(), "still_paying", "difference") == pytest.approx(-0.09 * kept)


def test_state_truth_fewer_conversations_are_fewer_active_days():
    effects = state()
    assert pick(effects, "conversations", "difference") == pytest.approx(-0.15)
    assert pick(effects, "per_active", "difference") == pytest.approx(0, abs=1e-12)


def test_state_truth_time_to_payment_by_hand():
    share = np.linspace(0, 1, 200_001)[:-1] + 0.5 / 200_000
    delay = np.mean(-8 * np.log1p(-share * -np.expm1(-46 / 8)))  # truncated exponential, by its quantiles
    expected = 0.09 * (90 - 14 - delay)
    assert pick(state(), "paid_in", "rmst_difference") == pytest.approx(expected, rel=1e-6)


def test_state_truth_revenue_by_brute_force():
    rng, world = np.random.default_rng(5), World()
    crowd = gather_crowd(world)
    paid = solve_responses(world, crowd)["paid"]
    z = rng.standard_normal(400_000)
    price = tier_shares(z) @ np.array([39.0, 59.0, 99.0])
    delay = -8 * np.log1p(-rng.random(z.size) * -np.expm1(-46 / 8))
    months = np.arange(13)
    bills = ((14 + delay[:, None] + 30 * months < 365) * 0.97**months).sum(axis=1) * 0.97
    revenue = paid.without(z) * bills * price * (1 + np.exp(1.1 + 0.35 * z))
    (stated,) = (e["treatment_value"] for e in state() if (e["metric"], e["estimand"]) == ("arr", "difference"))
    assert abs(revenue.mean() - stated) < 4 * revenue.std() / np.sqrt(z.size)


def test_state_truth_is_finite_and_each_row_is_unique():
    effects = state()
    keys = [(e["metric"], e["estimand"], e["population"]) for e in effects]
    assert len(set(keys)) == len(keys)
    assert np.isfinite([e["value"] for e in effects]).all()


@pytest.mark.parametrize("name", [f.name for f in fields(World)])
def test_state_truth_changes_with_every_parameter(name):
    changed = replace(World(), **{name: getattr(World(), name) * 1.05})
    pairs = zip(state(), state(changed), strict=True)
    assert any(abs(a["value"] - b["value"]) > 1e-9 for a, b in pairs)
