"""What each account does, first in its first three months, then after them until it leaves or falls silent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.simulate.customer_milestones.accounts import draw_features, draw_steps
from helpers.simulate.customer_milestones.activity import (
    CHANGES_FROM,
    EARLY_EDGES,
    LATE_EDGES,
    LATER_VOLUME,
    SHRINKING,
    Changes,
    Talks,
    count_helping,
    draw_talks,
    draw_times,
    grow_seats,
    order_changes,
    rate_talks,
    read_seats,
)
from helpers.simulate.customer_milestones.catalogue import place_steps
from helpers.simulate.customer_milestones.outcomes import draw_ends, find_chances, find_rates
from helpers.simulate.customer_milestones.truth import read_milestones
from helpers.simulate.customer_milestones.world import MONTH_DAYS, PLANNED_COUNT, WINDOW_DAYS

EXPANSIONS = 5  # from none to four in the half year, for the chance of silence
SAVED_SHARE, SAVED_DAYS = 0.75, 20  # of the activated save a reply, so many days later on average


@dataclass(frozen=True)
class First:
    """The first three months: days of steps and features, growth of seats, conversations, and what was reached."""

    steps: np.ndarray
    features: np.ndarray
    grown: tuple
    talks: Talks
    seats: np.ndarray
    reached: dict


@dataclass(frozen=True)
class Life:
    """All that happens to each account until its activity stops, whenever the data ends; `lost` day it is lost."""

    steps: np.ndarray
    features: np.ndarray
    changes: Changes
    talks: Talks
    lost: np.ndarray
    reached: dict
    chances: dict


def live_first(world, accounts, rng) -> First:
    """Return the first three months of all accounts; early leavers do nothing after they leave.

    Parameters
    ----------
    world : World
    accounts : Accounts
    rng : dict of Generator: steps, features, seats, talks, replies
    """
    steps, features = draw_steps(accounts.tier, rng["steps"]), draw_features(accounts.tier, rng["features"])
    size, rate = accounts.tier.size, _rate_first_growth(world, accounts)
    grown = draw_times(rate, np.full(size, CHANGES_FROM), np.full(size, WINDOW_DAYS), rng["seats"])
    nobody = (np.zeros(0, dtype=int), np.zeros(0))
    changes = order_changes(accounts.seats, grown, nobody)
    talks = draw_talks(world, accounts, changes, steps, EARLY_EDGES, rng["talks"])
    steps = _save_replies(steps, talks, rng["replies"])
    steps, features = end_days(steps, accounts.leaves_early), end_days(features, accounts.leaves_early)
    talks = talks.keep_before(accounts.leaves_early)
    seats = read_seats(accounts.seats, changes, np.array([0, WINDOW_DAYS - MONTH_DAYS, WINDOW_DAYS]))
    reached = read_milestones(talks, steps, features, seats[:, 1])
    return First(steps, features, grown, talks, seats[:, 2], reached)


def live_on(world, accounts, first, rng) -> Life:
    """Return the whole life of all accounts: how it goes on follows from their first three months.

    Parameters
    ----------
    world : World
    accounts : Accounts
    first : First
    rng : dict of Generator: ends, later_seats, later_talks
    """
    talk = _expect_talks(world, accounts, first)
    rates = find_rates(world, accounts, count=first.reached["count"], features=first.features, talk=talk)
    lost, stop = draw_ends(rates, accounts.leaves_early, rng["ends"])
    changes = _change_seats(accounts, first, rates, np.minimum(stop, accounts.followed), rng["later_seats"])
    later = draw_talks(world, accounts, changes, first.steps, LATE_EDGES, rng["later_talks"])
    talks = first.talks.join(later).keep_before(stop)
    steps, features = end_days(first.steps, stop), end_days(first.features, stop)
    return Life(steps, features, changes, talks, lost, first.reached, find_chances(rates))


def end_days(days, end) -> np.ndarray:
    """Return days with inf for those that come at or after each account's end, shape (n, columns)."""
    return np.where(days < end[:, None], days, np.inf)


def _rate_first_growth(world, accounts):
    """Growth before the landmark must not foretell who stays beyond the tier, so the tier alone sets its rate."""
    return world.expansion_rate / MONTH_DAYS * np.exp(world.tier_effect * accounts.tier)


def _save_replies(steps, talks, rng):
    """Return the steps where most of the activated have saved a reply some time after they were activated."""
    order = np.argsort(talks.row * 1000.0 + talks.day)  # days are below 90
    row, day = talks.row[order], talks.day[order]
    nth = np.arange(row.size) - np.searchsorted(row, row)
    size, activated = len(steps), nth == PLANNED_COUNT - 1
    reached = np.full(size, np.inf)
    reached[row[activated]] = day[activated]
    chosen, later = rng.random(size) < SAVED_SHARE, rng.exponential(SAVED_DAYS, size)
    found, (place,) = steps.copy(), place_steps("after activation")
    found[:, place] = np.minimum(steps[:, place], np.where(chosen, reached + later, np.inf))
    return found


def _expect_talks(world, accounts, first):
    """Return conversations a day after day 90 with none, one, two ... expansions, shape (n, EXPANSIONS)."""
    seats = [first.seats]
    for _ in range(EXPANSIONS - 1):
        seats.append(grow_seats(seats[-1]))
    helping = count_helping(first.steps, [WINDOW_DAYS])
    return LATER_VOLUME * rate_talks(world, accounts, np.stack(seats, axis=1), helping)


def _change_seats(accounts, first, rates, end, rng):
    """Return all changes of seats: early growth of those who were still there, then expansions, and some shrinking."""
    row, day = first.grown
    there = day < end[row]
    later = draw_times(rates.expand, np.full(end.size, WINDOW_DAYS), end, rng)
    shrunk = draw_times(SHRINKING / MONTH_DAYS, np.full(end.size, WINDOW_DAYS), end, rng)
    grown = tuple(np.concatenate([early[there], late]) for early, late in zip((row, day), later, strict=True))
    return order_changes(accounts.seats, grown, shrunk)
