"""Seats over time and the conversations that they bring, resolved or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from helpers.simulate.customer_milestones.catalogue import place_steps
from helpers.simulate.customer_milestones.world import MONTH_DAYS, TYPICAL_SEATS, WINDOW_DAYS

# Conversations are drawn by period; short ones at first, so that a step raises what comes after it and not before.
EARLY_EDGES = np.array([0, 3, 7, 10, 14, 21, 30, 45, 60, 75, 90], dtype=float)
LATE_EDGES = np.arange(90, 901, 30, dtype=float)
LATER_VOLUME = 0.45  # of conversations go on after three months: a new messenger is tried out, and then used
SOLVED_LEVEL, SOLVED_SLOPE = 0.1, 1.0  # log-odds of being resolved: a quarter to three quarters across accounts
SOLVED_DAYS = 0.5  # mean days to a resolution
CHANGES_FROM = 30  # seats stay as bought in the first month
SHRINKING = 0.006  # accounts a month that give up a seat
GROWTH, MOST_SEATS = 0.25, 400  # an expansion adds a quarter, at least one seat, up to so many


@dataclass(frozen=True)
class Changes:
    """Changes of seats in order of account and day: arrays of shape (changes,)."""

    row: np.ndarray
    day: np.ndarray
    grows: np.ndarray
    seats: np.ndarray


@dataclass(frozen=True)
class Talks:
    """Conversations: account, day of each, and the day it was resolved (inf where never); shape (conversations,)."""

    row: np.ndarray
    day: np.ndarray
    solved: np.ndarray

    def join(self, other) -> Talks:
        """Return the conversations of both."""
        pairs = ((self.row, other.row), (self.day, other.day), (self.solved, other.solved))
        return Talks(*(np.concatenate(pair) for pair in pairs))

    def keep_before(self, end) -> Talks:
        """Return the conversations before each account's end, and their resolutions before it."""
        kept = self.day < end[self.row]
        row, solved = self.row[kept], self.solved[kept]
        return Talks(row, self.day[kept], np.where(solved < end[row], solved, np.inf))


def draw_times(rate, start, end, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return accounts and days of events that come at a steady daily rate between two days of each account."""
    number = rng.poisson(rate * np.maximum(np.asarray(end) - start, 0))
    row = np.repeat(np.arange(number.size), number)
    start, end = (np.broadcast_to(edge, number.shape)[row] for edge in (start, end))
    return row, start + (end - start) * rng.random(row.size)


def grow_seats(seats) -> np.ndarray:
    """Return the seats after one expansion; very large accounts have all they need."""
    return np.where(seats < MOST_SEATS, seats + np.maximum(1, np.rint(GROWTH * seats)).astype(int), seats)


def order_changes(seats, grown, shrunk) -> Changes:
    """Return all changes of seats with the number after each; an account with one seat cannot give one up.

    Parameters
    ----------
    seats : array of int, shape (n,), at the start
    grown, shrunk : pairs of arrays, account and day of each change
    """
    row, day = (np.concatenate(pair) for pair in zip(grown, shrunk, strict=True))
    grows = np.arange(row.size) < grown[0].size
    order = np.lexsort((day, row))
    row, day, grows = row[order], day[order], grows[order]
    nth = np.arange(row.size) - np.searchsorted(row, row)
    now, after = seats.copy(), np.zeros(row.size, dtype=int)
    for turn in range(nth.max(initial=-1) + 1):
        at = np.flatnonzero(nth == turn)
        held = now[row[at]]
        now[row[at]] = after[at] = np.where(grows[at], grow_seats(held), np.maximum(held - 1, 1))
    return Changes(row, day, grows, after)


def read_seats(seats, changes, edges) -> np.ndarray:
    """Return the seats at the start of each period, shape (n, periods)."""
    held = np.zeros((seats.size, edges.size), dtype=int)
    held[:, 0] = seats
    place = np.searchsorted(edges, changes.day)
    inside = place < edges.size
    held[changes.row[inside], place[inside]] = changes.seats[inside]  # in order, so the last of a period stays
    filled = np.maximum.accumulate(np.where(held > 0, np.arange(edges.size), 0), axis=1)
    return np.take_along_axis(held, filled, axis=1)


def rate_talks(world, accounts, seats, helping) -> np.ndarray:
    """Return conversations a day in the first three months.

    Parameters
    ----------
    world : World
    accounts : Accounts
    seats : array, shape (n, periods), at the start of each period
    helping : array, shape (n, periods) or (n, 1), of the steps that help, how many were taken before it
    """
    size = world.seats_elasticity * np.log(seats / TYPICAL_SEATS)
    habit = (world.conversations_spread * accounts.volume)[:, None]
    return world.conversations / MONTH_DAYS * np.exp(size + habit + world.step_effect * helping)


def count_helping(steps, days) -> np.ndarray:
    """Return how many of the steps that help each account took before each day, shape (n, days)."""
    taken = steps[:, place_steps("helps")]
    return (taken[:, :, None] < np.asarray(days)[None, None, :]).sum(axis=1)


def draw_talks(world, accounts, changes, steps, edges, rng) -> Talks:
    """Return conversations over all periods between the edges, whoever has left by then.

    Parameters
    ----------
    world : World
    accounts : Accounts
    changes : Changes
    steps : array, shape (n, 7), day of each step
    edges : array, shape (periods + 1,)
    rng : Generator
    """
    seats = read_seats(accounts.seats, changes, edges[:-1])
    part = np.where(edges[:-1] < WINDOW_DAYS, 1.0, LATER_VOLUME) * np.diff(edges)
    number = rng.poisson(rate_talks(world, accounts, seats, count_helping(steps, edges[:-1])) * part)
    number *= edges[:-1] < accounts.followed[:, None]
    row, period = (np.repeat(axis.ravel(), number.ravel()) for axis in np.indices(number.shape, sparse=False))
    day = edges[period] + np.diff(edges)[period] * rng.random(row.size)
    share = special.expit(SOLVED_LEVEL + SOLVED_SLOPE * accounts.solving)
    solved = np.where(rng.random(row.size) < share[row], day + rng.exponential(SOLVED_DAYS, row.size), np.inf)
    return Talks(row, day, solved)
