"""The week of the live-support study: when people come and ask, who is on duty, and where live support is delivered."""

from __future__ import annotations

import numpy as np

from helpers.simulate.live_support.world import WEEKS

HOURS = 168
SECONDS_AN_HOUR = 3_600
SHIFT_HOURS, HOURS_A_PERSON = 4, 40  # a rota in blocks of four hours; nobody works more than forty a week
FLAT = 0.15  # part of sign-ups and of other customers' questions that keeps no office hours

# Activity by the hour of the day (UTC) on weekdays; at weekends a quarter of it.
_DAY = [*[0.05] * 5, 0.1, 0.25, 0.5, 0.9, *[1.0] * 8, 0.8, 0.55, 0.4, 0.3, 0.2, 0.1, 0.05]
# When the queue is short: weekday mornings. Keen sign-ups ask then.
_MORNING = [*[0.02] * 4, 0.1, 0.4, 0.8, 1.0, 1.0, 0.8, 0.4, 0.15, *[0.04] * 12]
# On duty of a full team in blocks of four hours, weekday and weekend. Nobody answers between midnight and four.
_REGULAR = ([0, 0.5, 0.8, 0.8, 1, 0.5], [0, 0.12, 0.25, 0.25, 0.25, 0.12])
_LIVE = ([0, 0.75, 1, 1, 1, 0.4], [0, 0.4, 0.4, 0.4, 0.4, 0.2])


def weigh_hours() -> np.ndarray:
    """Return how busy each hour of the week is, shape (168,), Monday 00 first, the busiest 1."""
    return np.concatenate([np.tile(_DAY, 5), np.tile(np.array(_DAY) / 4, 2)])


def weigh_mornings() -> np.ndarray:
    """Return the hours of the week in which keen sign-ups like to ask, shape (168,), the likeliest 1."""
    return np.concatenate([np.tile(_MORNING, 5), np.tile(np.array(_MORNING) / 4, 2)])


def share_sign_ups() -> np.ndarray:
    """Return the share of sign-ups (and of other customers' questions) in each hour of the week, sum 1."""
    busy = weigh_hours()
    return (1 - FLAT) * busy / busy.sum() + FLAT / HOURS


def share_on_duty(team) -> np.ndarray:
    """Return the part of a full team, `live` or `regular`, that is on duty in each hour of the week, shape (168,)."""
    weekday, weekend = (np.repeat(part, SHIFT_HOURS) for part in (_LIVE if team == "live" else _REGULAR))
    return np.concatenate([np.tile(weekday, 5), np.tile(weekend, 2)])


def plan_duty(team, seats) -> np.ndarray:
    """Return who is on duty in each hour of the week, shape (people, 168).

    Blocks of four hours go round the people of the team, so that all work about the same time.

    Parameters
    ----------
    team : str, `live` or `regular`
    seats : int, on duty in office hours; a thinner block has at least one
    """
    wanted = np.ceil(share_on_duty(team) * seats - 1e-9).astype(int)
    people = max(seats, int(np.ceil(wanted.sum() / HOURS_A_PERSON)))
    duty, turn = np.zeros((people, HOURS), dtype=bool), 0
    for start in range(0, HOURS, SHIFT_HOURS):
        on = (turn + np.arange(wanted[start])) % people
        duty[on, start : start + SHIFT_HOURS] = True
        turn += wanted[start]
    return duty


def deliver(world) -> np.ndarray:
    """Return by how much the planted effect is multiplied, by week and hour of sign-up, shape (16, 168).

    The average over sign-ups is 1 exactly: hours as `share_sign_ups` has them, weeks alike. By hour it follows the
    staffing of the team that serves the live arm; `fading` lets it fall in a straight line over the weeks.
    """
    staffed = share_on_duty("regular" if world.shared_agents else "live")
    by_hour = 1 - world.effect_by_hour + world.effect_by_hour * staffed / (share_sign_ups() @ staffed)
    by_week = 1 - world.fading * np.arange(WEEKS) / (WEEKS - 1)
    return np.outer(by_week / by_week.mean(), by_hour)


def draw_hours(rng, size, days) -> np.ndarray:
    """Return rising seconds of sign-ups over whole weeks, Monday 00:00 first, shape (size,).

    Parameters
    ----------
    rng : Generator
    size : int
    days : int, a multiple of seven
    """
    hour = rng.choice(HOURS, size, p=share_sign_ups())
    week = rng.integers(0, days // 7, size)
    return np.sort((week * HOURS + hour) * SECONDS_AN_HOUR + rng.integers(0, SECONDS_AN_HOUR, size))


def hour_of_week(seconds) -> np.ndarray:
    """Return the hour of the week, 0 to 167, of seconds since a Monday 00:00."""
    return np.asarray(seconds, dtype=np.int64) // SECONDS_AN_HOUR % HOURS
