"""The simulated product: chances that hold what was planted, events that fold to units, and refusals."""

import numpy as np
import pytest
from sources_samples import tell_refusal

from helpers import metrics, plan, sources
from helpers.simulate import in_app_support as world

MADE = world.in_app_support(n_units=4000, seed=11)
USUAL = world.InAppWorld()
COUNTS = {"requests": "y_requests", "unsettled": "y_unsettled", "answered": "y_answered", "wants": "y_wants"}
COUNTS |= {"ticket": "num_ticket_share", "returned": "num_returned_share", "gave_up": "num_gave_up_share"}
COUNTS |= {"suggested": "num_suggested_share"}


def test_events_fold_to_units():
    design, asked = plan.read("in_app_support").design, {"study": "in_app_support", "n_units": 4000, "seed": 11}
    units = metrics.fold(sources.load(design, "simulated", simulation=asked), design)
    folded = metrics.read_rows(units, list(COUNTS.values()))
    for name, column in COUNTS.items():
        pair = (folded[column].to_numpy(float), MADE.units[name].to_numpy(float))
        np.testing.assert_allclose(*pair, err_msg=name)


def test_truth_by_hand():
    value = {(e["metric"], e["estimand"]): e["value"] for e in MADE.truth["effects"]}
    # half of the requests meet a suggestion, 0.6 of these are opened: 0.3 of all
    assert value["ticket_share", "difference"] == pytest.approx(-0.3 * (0.24 + 0.16))
    assert value["left_over", "difference"] == pytest.approx(-0.3 * 0.24)
    assert value["returned_share", "difference"] == pytest.approx(0.3 * 0.6 * 0.16)
    assert value["gave_up_share", "difference"] == pytest.approx(0.3 * 0.4 * 0.16)
    assert (value["reach", "ratio"], value["reach", "relative_lift"]) == (8, 7)
    assert (value["contact_rate", "level"], value["suggested_share", "difference"]) == (0.03, 0.5)


def test_rates_give_the_planted_share_of_users_in_contact():
    rng, rates = np.random.default_rng(5), world.list_rates(USUAL)
    pays = rng.random(2_000_000) < 0.1
    large = pays & (np.exp(np.log(60) + 1.6 * rng.standard_normal(pays.size)) > 1000)
    mean = np.where(large, rates["large"], np.where(pays, rates["paying"], rates["free"]))
    asked = rng.poisson(mean * rng.gamma(1, 1, pays.size)) > 0
    assert asked.mean() == pytest.approx(0.03, abs=4 * np.sqrt(0.03 / pays.size))


def test_answers_and_opinions_have_their_planted_shares():
    made = world.in_app_support(n_units=200_000, seed=2, link_rate=0.05, reach_ratio=6.0, contact_rate=0.001)
    units = made.units
    for place, share in (("link", 0.05), ("inside", 0.3)):
        part = units[units["place"] == place]
        assert part["answered"].mean() == pytest.approx(share, abs=4 * np.sqrt(share / len(part)))
        told = part["wants"].dropna()
        assert told.mean() == pytest.approx(made.truth["wants"][place], abs=2 / np.sqrt(len(told)))
    assert made.truth["wants"]["link"] > made.truth["wants"]["inside"] > made.truth["wants"]["all"]


SHAPES = [("smooth", [0.19, 0.13, 0.07]), ("step", [0.13, 0.13, 0.07]), ("none", [0.13] * 3)]


@pytest.mark.parametrize(("shape", "told"), SHAPES)
def test_praise_by_minutes(shape, told):
    made = world.InAppWorld(praise_shape=shape)
    assert world.praise_chance(made, [15 / 16, 15, 240], 0).tolist() == pytest.approx(told)
    assert (world.praise_chance(made, [30], 1) - world.praise_chance(made, [30], -1))[0] == pytest.approx(0.06)


REFUSED = [
    ({"deflection": 0.6, "false_deflection": 0.5},
     ": more requests would be deflected than become tickets; lower one"),
    ({"link_rate": 0.2}, ": more would answer inside than are asked; lower reach_ratio"),
    ({"praise_shape": "line"}, ", praise_shape: give step, smooth or none"),
    ({"contact_rat": 0.1}, ": unknown parameter contact_rat; did you mean contact_rate?"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_refusals(given, message):
    assert tell_refusal(world.in_app_support, n_units=20, **given) == f"simulation in_app_support{message}"
