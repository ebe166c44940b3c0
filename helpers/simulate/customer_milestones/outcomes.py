"""Who leaves, falls silent and expands after three months, and the exact chances of it, from what was done by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from helpers.simulate.customer_milestones.catalogue import CATEGORIES, FEATURES, place_features
from helpers.simulate.customer_milestones.world import (
    DORMANT_DAYS,
    HORIZON_DAYS,
    MONTH_DAYS,
    WINDOW_DAYS,
    drift_cut,
    drift_effect,
)

SMOOTH_SLOPE = 0.6  # of the association, per unit of log conversations: over the range about as much as the step
QUIET_LEAVING = 3.0  # silent accounts leave so many times as fast
COUNTED_DAYS = 140  # from the landmark to the months, on average, whose seats bring the last 45 days' conversations
MATURITY_EXPANSION = 2.5  # a mature category counts this many times for expansion as for loss


@dataclass(frozen=True)
class Rates:
    """Daily rates after day 90, shape (n,): leaving while active, falling silent, expanding.

    `talk`: conversations a day by the number of expansions since, shape (n, numbers).
    """

    leave: np.ndarray
    quiet: np.ndarray
    expand: np.ndarray
    talk: np.ndarray


def find_rates(world, accounts, *, count, features, talk) -> Rates:
    """Return the rates that follow from what each account did in its first three months.

    Parameters
    ----------
    world : World
    accounts : Accounts
    count : array of int, shape (n,), conversations by day 90
    features : array, shape (n, 54), day of the first use of each feature
    talk : array, shape (n, numbers), conversations a day after day 90, by expansions since
    """
    used = features < WINDOW_DAYS
    mature = count_mature(used)
    activated = score_activation(world, accounts.newest, count)
    tier = world.tier_effect * accounts.tier
    good = world.feature_effect * used[:, place_features("helpful")].sum(axis=1)
    bad = world.harmful_effect * used[:, place_features("harmful")].sum(axis=1)
    stays = tier + good - bad + world.usage_effect * accounts.solving + world.maturity_effect * mature
    grows = tier + MATURITY_EXPANSION * world.maturity_effect * mature
    return Rates(
        leave=world.monthly_loss / MONTH_DAYS * np.exp(-activated - stays),
        quiet=world.dormancy_rate / MONTH_DAYS * np.exp(-activated),
        expand=world.expansion_rate / MONTH_DAYS * np.exp(activated + grows),
        talk=np.asarray(talk, dtype=float),
    )


def score_activation(world, newest, count) -> np.ndarray:
    """Return by how much conversations of three months lower the log rate of loss, in the shape that is planted."""
    if world.activation_shape == "none":
        return np.zeros(count.shape)
    effect = np.where(newest, drift_effect(world), world.activation_effect)
    if world.activation_shape == "smooth":
        return effect * SMOOTH_SLOPE * (np.log1p(count) - np.log1p(world.activation_cut))
    return effect * (count >= np.where(newest, drift_cut(world), world.activation_cut))


def count_mature(used) -> np.ndarray:
    """Return the categories in which any mature feature was used, shape (n,)."""
    place = {feature.name: at for at, feature in enumerate(FEATURES)}
    return sum(used[:, [place[name] for name in names]].any(axis=1).astype(int) for names in CATEGORIES.values())


def draw_ends(rates, leaves_early, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return the day each account is lost and the day its activity ends (silence or loss), whatever is observed.

    Parameters
    ----------
    rates : Rates
    leaves_early : array, shape (n,), the day early leavers are lost, inf for the others
    rng : Generator
    """
    turns = rng.exponential(size=(3, leaves_early.size))
    with np.errstate(divide="ignore"):
        leave, quiet, silent = turns / [rates.leave, rates.quiet, QUIET_LEAVING * rates.leave]
    stop = WINDOW_DAYS + np.minimum(leave, quiet)
    lost = np.where(leave < quiet, stop, stop + silent)
    early = np.isfinite(leaves_early)
    return np.where(early, leaves_early, lost), np.where(early, leaves_early, stop)


def find_chances(rates) -> dict[str, np.ndarray]:
    """Return each account's chance of retained, expanded and dormant by day 270, if it is a customer on day 90.

    Retained: not lost within 180 days. Expanded: at least one expansion in them. Dormant: no conversation in the
    last 45 of them, averaged over the number of expansions (seats that are given up meanwhile are left out).
    """
    ends, days = rates.leave + rates.quiet, HORIZON_DAYS
    silent = QUIET_LEAVING * rates.leave
    retained = np.exp(-ends * days) + rates.quiet * days * np.exp(-silent * days) * _average((ends - silent) * days)
    expanded = rates.expand * days * _average((rates.expand + ends) * days)
    before, both = np.exp(-ends * (days - DORMANT_DAYS)), (ends[:, None] + rates.talk) * DORMANT_DAYS
    silence = (ends * DORMANT_DAYS)[:, None] * _average(both) + np.exp(-both)
    dormant = 1 - before + before * (_weigh_expansions(rates) * silence).sum(axis=1)
    return {"retained": retained, "expanded": expanded, "dormant": dormant}


def _weigh_expansions(rates):
    """Return the chance of each number of expansions by the last 45 days; the last number stands for more too."""
    numbers = np.arange(rates.talk.shape[1])
    weights = stats.poisson.pmf(numbers, (rates.expand * COUNTED_DAYS)[:, None])
    weights[:, -1] += 1 - weights.sum(axis=1)
    return weights


def _average(exponent):
    """Return (1 - exp(-x)) / x, 1 at 0: the average of exp(-x t) over t from 0 to 1."""
    near = np.abs(exponent) < 1e-8
    safe = np.where(near, 1.0, exponent)
    return np.where(near, 1.0, -np.expm1(-safe) / safe)
