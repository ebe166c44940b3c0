"""The world of the customer-milestones study: its parameters with their reasons, and the ranges that can be made."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from helpers.records import Refused
from helpers.simulate.simulation import check_names

SHAPES = ("step", "smooth", "none")
OPENED, CLOSED = pd.Timestamp("2021-04-01", tz="UTC"), pd.Timestamp("2022-10-01", tz="UTC")  # six quarters of starts
COMPLETE_TO = pd.Timestamp("2023-09-01", tz="UTC")  # the end of the plan's as_of, 2023-08-31, a day after the article
NEWEST_FROM, NEWEST = pd.Timestamp("2022-07-01", tz="UTC"), "2022-Q3"  # the drifted cohort
MONTH_DAYS = 30
WINDOW_DAYS = 90  # the article's first three months, and the plan's main landmark
HORIZON_DAYS, DORMANT_DAYS = 180, 45  # the plan's
PLANNED_COUNT, PLANNED_STEPS, PLANNED_USE, PLANNED_MATURE = 20, 4, 1.0, 3  # lines of the plan, to which truth refers
TYPICAL_SEATS = 4


@dataclass(frozen=True)
class World:
    """Baselines and planted associations; those with loss are on the log of the monthly rate of loss, upwards is less.

    The article gives three months, seven steps, more than fifty features, five categories and three of five, and no
    figure for any association or baseline: all values here are assumptions, so large that 20,000 accounts show them.
    """

    activation_shape: str = "step"  # step, smooth or none: of loss after three months by conversations within them
    activation_cut: int = 20  # conversations in 90 days; so that about half of the accounts reach it
    activation_effect: float = 0.6  # on loss, dormancy and expansion; 8 points of half-year retention by the landmark
    usage_effect: float = 0.25  # per standard deviation of the share resolved: smooth, no line of use is special
    early_leavers: float = 0.15  # leave within 90 days whatever they do: what makes "activated customers stay" true
    monthly_loss: float = 0.07  # of a Starter account without any milestone or feature; a third in half a year
    tier_effect: float = 0.35  # per tier, on loss and expansion: Premium stays, and has what it is sold with
    feature_effect: float = 0.25  # of each of the four features that are truly associated with staying
    harmful_effect: float = 0.3  # of the one feature that those use who are about to leave: exports by hand
    maturity_effect: float = 0.08  # per mature category, in a straight line: no number of them is special
    step_effect: float = 0.3  # log conversations after each of the three steps that help: a third more
    conversations: float = 4.8  # median a month of four seats before any step: half reach 20 in 90 days with the steps
    conversations_spread: float = 0.6  # of log conversations among accounts of one size: nearly a factor of two
    seats_elasticity: float = 0.7  # of conversations to seats; below 1, so a line per seat favours small accounts
    drift: float = 1.0  # newest cohort: 1 moves the cut from 20 to 35 and halves the association; so a review finds it
    expansion_rate: float = 0.02  # a month, Starter, not activated; usual order of magnitude for small companies
    dormancy_rate: float = 0.01  # a month, not activated, goes silent; silent accounts leave three times as fast


RANGES = {
    "activation_cut": (5, 60),
    "activation_effect": (-2, 2),
    "usage_effect": (-2, 2),
    "early_leavers": (0, 0.6),
    "monthly_loss": (0.001, 0.5),
    "tier_effect": (-1, 1),
    "feature_effect": (-1, 1),
    "harmful_effect": (-1, 1),
    "maturity_effect": (-0.5, 0.5),
    "step_effect": (-1, 1),
    "conversations": (0.5, 30),
    "conversations_spread": (0, 1.5),
    "seats_elasticity": (0, 1.5),
    "drift": (0, 1),
    "expansion_rate": (0.0001, 0.1),
    "dormancy_rate": (0, 0.3),
}


def read_world(given) -> World:
    """Return the world with some parameters changed.

    Raises
    ------
    Refused: an unknown parameter, or a value outside its range.
    """
    check_names(given, ("n_units", "seed", *(f.name for f in fields(World))), study="customer_milestones")
    world = World(**given)
    for name in RANGES:
        _check_number(name, getattr(world, name))
    if world.activation_shape not in SHAPES:
        raise Refused("simulation customer_milestones, activation_shape: give step, smooth or none")
    return world


def _check_number(name, value):
    low, high = RANGES[name]
    whole = name == "activation_cut"
    allowed = (int, np.integer) if whole else (int, float, np.number)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise Refused(f"simulation customer_milestones, {name}: give {kind} from {low:,} to {high:,}")


def drift_cut(world) -> int:
    """Return the cut of the newest cohort: 35 for 20 where the drift is 1."""
    return round(world.activation_cut * (1 + 0.75 * world.drift))


def drift_effect(world) -> float:
    """Return the association of activation in the newest cohort: half of it where the drift is 1."""
    return world.activation_effect * (1 - 0.5 * world.drift)
