"""Who answers which question of the live-support study, and when: waits come from queues and their staffing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.simulate.live_support.people import ALL_WEEKS, TEST_FROM
from helpers.simulate.live_support.week import HOURS, SECONDS_AN_HOUR, plan_duty, share_sign_ups
from helpers.simulate.live_support.world import TREATMENT, USUAL_UNITS, WEEKS
from helpers.simulate.queue import serve

HANDLING_SPREAD = 0.7  # of log minutes; conversations differ by a factor of two either way
LIVE_SECONDS = 300  # a first reply within five minutes counts as live, in either arm


@dataclass(frozen=True)
class Team:
    """Agents of one queue: `duty` (people, 168) and `first`, the number of its first agent."""

    duty: np.ndarray
    first: int


@dataclass(frozen=True)
class Replies:
    """First replies, one a question: `replied` seconds since the clock's start (-1: never), `agent` number (-1)."""

    replied: np.ndarray
    agent: np.ndarray


def gather_teams(world, n_units) -> dict[str, Team]:
    """Return the teams of the weeks before the test (`before`) and of the test (`standard`, `live`), by queue.

    The numbers of agents are meant for 24,000 sign-ups. For others the regular team grows in proportion, as the
    work does; the live team by the square-root rule (work plus a reserve that grows with its root), which keeps the
    chance to wait. At least one is on duty. Agents whom the regular team gives up are the first of the live team.

    References
    ----------
    Halfin, Whitt 1981, Operations Research 29(3): the square-root rule.
    """
    size = n_units / USUAL_UNITS
    usual, kept = (
        max(1, round(size * seats)) for seats in (world.regular_agents, world.regular_agents - world.moved_agents)
    )
    before = plan_duty("regular", usual)
    if world.shared_agents:
        return {"before": Team(before, 0), "standard": Team(before, 0)}
    standard = plan_duty("regular", kept)
    live = plan_duty("live", max(1, round(_scale_reserve(world, size))))
    return {"before": Team(before, 0), "standard": Team(standard, 0), "live": Team(live, len(standard))}


def _scale_reserve(world, size):
    work = _sign_up_questions(world, live=True) / HOURS * world.handle_minutes / 60
    work = min(world.live_agents, work)
    return size * work + np.sqrt(size) * (world.live_agents - work)


def _sign_up_questions(world, *, live):
    """Return the questions a week of one arm of a usual test."""
    lift = world.questions_lift if live else 0
    return USUAL_UNITS / 2 / WEEKS * world.questions * (1 + lift)


def expect_others(world, n_units, teams) -> np.ndarray:
    """Return the mean number of other customers' questions to the regular team, shape (all weeks, 168).

    For 24,000 sign-ups it is the world's rate. For others it is what keeps the work for each agent on duty, hour by
    hour, as whole agents cannot shrink with the number of sign-ups.
    """
    usual, arms = gather_teams(world, USUAL_UNITS), [_sign_up_questions(world, live=live) for live in (False, True)]
    asked = {"before": 2 * arms[0], "standard": sum(arms) if world.shared_agents else arms[0]}
    rates = {}
    for name, known in asked.items():
        seats, usual_seats = teams[name].duty.sum(axis=0), usual[name].duty.sum(axis=0)
        ratio = np.where(usual_seats > 0, seats / np.maximum(usual_seats, 1), seats.sum() / usual_seats.sum())
        work = world.other_questions_per_hour * HOURS + known
        rates[name] = np.maximum(work * ratio - known * n_units / USUAL_UNITS, 0) * share_sign_ups()
    weeks = TEST_FROM // (HOURS * SECONDS_AN_HOUR)
    return np.vstack([np.tile(rates["before"], (weeks, 1)), np.tile(rates["standard"], (ALL_WEEKS - weeks, 1))])


def draw_replies(world, people, questions, teams, rng) -> Replies:
    """Return the first reply to each question.

    Parameters
    ----------
    world : World
    people : People
    questions : Questions
    teams : dict of Team, from `gather_teams`
    rng : Generator, of handling times and patience; no wait is drawn
    """
    n = questions.asked.size
    minutes = world.handle_minutes * np.exp(HANDLING_SPREAD * rng.standard_normal(n) - HANDLING_SPREAD**2 / 2)
    times = {"handling": minutes * 60, "patience": rng.exponential(world.patience_hours * 3_600, n)}
    live = (questions.person >= 0) & (people.variant[questions.person] == TREATMENT)
    tested = questions.asked >= TEST_FROM
    replied, agent = np.full(n, -1), np.full(n, -1)
    for rows, team, first in _list_queues(tested, live, teams):
        served = serve(
            questions.asked[rows],
            times["handling"][rows],
            times["patience"][rows],
            len(team.duty),
            team.duty,
            priority=first,
        )
        found = rows[served.agent >= 0]
        wait = (served.wait + world.first_reply_share * times["handling"][rows])[served.agent >= 0]
        replied[found] = questions.asked[found] + np.ceil(wait).astype(np.int64)
        agent[found] = team.first + served.agent[served.agent >= 0]
    return Replies(replied, agent)


def _list_queues(tested, live, teams):
    """Return the rows of each queue, its team, and who goes first; the test begins with empty desks."""
    queues = [(np.flatnonzero(~tested), teams["before"], None)]
    if "live" not in teams:
        rows = np.flatnonzero(tested)
        return [*queues, (rows, teams["standard"], np.where(live[rows], 0, 1))]
    waits = [(np.flatnonzero(tested & part), teams[name], None) for name, part in (("standard", ~live), ("live", live))]
    return queues + waits
