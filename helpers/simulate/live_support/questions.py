"""Questions of the live-support study: how many a sign-up asks and when, and those of customers outside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from helpers.simulate.live_support.chances import asking_means
from helpers.simulate.live_support.week import FLAT, SECONDS_AN_HOUR, hour_of_week, weigh_hours, weigh_mornings
from helpers.simulate.live_support.world import QUESTION_DAYS
from helpers.simulate.simulation import SECONDS_A_DAY

SPREAD = 1.0  # shape of the gamma by which sign-ups of equal keenness differ
SOON_DAYS = 4.0  # mean delay from sign-up to a question, before hours are looked at
LAST_DAYS, LATE_PART = 42, 0.1  # a tenth as many questions come in the two weeks after the window
MORNING_LEVEL = -0.7  # log-odds that a question comes in the morning by habit, at average keenness: one of three


@dataclass(frozen=True)
class Questions:
    """Questions in order of time: arrays of shape (n,). `person` is the row in People, -1 for other customers;
    `asked` seconds since the clock's start."""

    person: np.ndarray
    asked: np.ndarray


def draw_questions(world, people, others, rng) -> Questions:
    """Return the questions of the sign-ups and of everybody else who waits in the same queues.

    Parameters
    ----------
    world : World
    people : People
    others : numpy.ndarray, shape (weeks, 168)
        Mean number of other customers' questions to the regular team in each hour, from `replies.expect_others`.
    rng : dict of Generator: `questions`, `others`
    """
    draw, means = rng["questions"], asking_means(world, people.keenness, people.delivered)
    means = means * draw.gamma(SPREAD, 1 / SPREAD, means.size)
    persons, delays = [], []
    for first, last, part in ((0, QUESTION_DAYS, 1.0), (QUESTION_DAYS, LAST_DAYS, LATE_PART)):
        person = np.repeat(np.arange(means.size), draw.poisson(means * part))
        persons.append(person)
        delays.append(_draw_delays(world, people, person, first, last, draw))
    person = np.concatenate(persons)
    asked = people.start[person] + np.concatenate(delays)
    foreign = _draw_others(others, rng["others"])
    person, asked = np.concatenate([person, np.full(foreign.size, -1)]), np.concatenate([asked, foreign])
    order = np.argsort(asked, kind="stable")
    return Questions(person[order], asked[order])


def _draw_delays(world, people, person, first, last, rng):
    """Return seconds from sign-up to each question: soon after it, and kept only as often as its hour is busy."""
    early = special.expit(MORNING_LEVEL + world.keenness_and_speed * people.keenness[person])
    habit = np.where(rng.random(person.size) < early, 1, 0)
    accept = np.vstack([FLAT + (1 - FLAT) * weigh_hours(), weigh_mornings()])
    delays, left = np.zeros(person.size, dtype=np.int64), np.arange(person.size)
    mass = -np.expm1(-(last - first) / SOON_DAYS)
    while left.size:
        days = first - SOON_DAYS * np.log1p(-rng.random(left.size) * mass)
        delays[left] = np.minimum(days * SECONDS_A_DAY, last * SECONDS_A_DAY - 1)
        hour = hour_of_week(people.start[person[left]] + delays[left])
        left = left[rng.random(left.size) >= accept[habit[left], hour]]
    return delays


def _draw_others(means, rng):
    hours = np.repeat(np.arange(means.size), rng.poisson(means.ravel()))
    return np.sort(hours * SECONDS_AN_HOUR + rng.integers(0, SECONDS_AN_HOUR, hours.size))
