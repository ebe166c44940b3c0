"""Who signs up for the live-support study, when, and in which arm, with the people outside it who fill the queues."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy import special

from helpers.simulate.live_support.week import deliver, draw_hours, hour_of_week
from helpers.simulate.live_support.world import BEFORE, CONTROL, TREATMENT, WEEKS, WEEKS_BEFORE
from helpers.simulate.simulation import SECONDS_A_DAY

EARLIER_DAYS, LATER_DAYS = 14, 42  # sign-ups that no table shows: without them the queues begin and end half empty
BEFORE_DAYS, TEST_DAYS = 7 * WEEKS_BEFORE, 7 * WEEKS
ALL_WEEKS = (EARLIER_DAYS + BEFORE_DAYS + TEST_DAYS + LATER_DAYS) // 7
TEST_FROM = (EARLIER_DAYS + BEFORE_DAYS) * SECONDS_A_DAY  # second 0 is a Monday 00:00, two weeks before all tables
CLOCK_STARTS = pd.Timestamp("2018-07-23", tz="UTC")
COMPLETE_TO = pd.Timestamp("2019-04-01", tz="UTC")  # the end of the plan's as_of, 2019-03-31
SATISFACTION_AND_KEENNESS = 0.5  # correlation
SIZES, SIZE_LEVELS, SIZE_SLOPES = ["1-10", "11-50", "51+"], np.array([0.8, 0.2, -0.6]), np.array([-0.4, 0.0, 0.4])
CHANNELS, CHANNEL_LEVELS = ["search", "referral", "ads", "direct"], np.array([0.5, -0.3, 0.1, 0.0])
CHANNEL_SLOPES = np.array([0.0, 0.4, -0.4, 0.2])


@dataclass(frozen=True)
class People:
    """Sign-ups in order of time: arrays of shape (n,), those outside the study included.

    `start` seconds since `CLOCK_STARTS`; `variant`; `shown`: is in the tables; `delivered`: by how much the planted
    effects are multiplied (0 outside the live arm); `keenness` and `satisfaction`: hidden, standard normal.
    """

    start: np.ndarray
    variant: np.ndarray
    shown: np.ndarray
    delivered: np.ndarray
    keenness: np.ndarray
    satisfaction: np.ndarray

    def leave_hidden(self) -> People:
        """Return those who are in the tables."""
        return People(*(getattr(self, field.name)[self.shown] for field in fields(self)))


def draw_people(world, n_units, rng) -> tuple[People, pd.DataFrame]:
    """Return everybody who signs up, and the assignments of those in the tables.

    Parameters
    ----------
    world : World
    n_units : int, randomised sign-ups
    rng : dict of Generator: `people`, `assignment`

    Returns
    -------
    People, and a DataFrame: signup_id, variant, assigned_at (UTC), company_size, channel; in order of time.
    """
    start, shown = _draw_starts(n_units, rng["assignment"])
    tested = start >= TEST_FROM
    live = tested & (rng["assignment"].random(start.size) < 0.5)
    variant = np.where(live, TREATMENT, np.where(tested, CONTROL, BEFORE))
    week = np.clip((start - TEST_FROM) // (7 * SECONDS_A_DAY), 0, WEEKS - 1)
    delivered = np.where(live, deliver(world)[week, hour_of_week(start)], 0.0)
    keenness, other = rng["people"].standard_normal((2, start.size))
    satisfaction = (
        SATISFACTION_AND_KEENNESS * keenness + np.sqrt(1 - SATISFACTION_AND_KEENNESS**2) * other
    )  # so that surveys depend on what covariates tell, a little
    people = People(start, variant, shown, delivered, keenness, satisfaction)
    return people, _list_assignments(people, rng["people"])


def _draw_starts(n_units, rng):
    days = {"earlier": EARLIER_DAYS, "before": BEFORE_DAYS, "test": TEST_DAYS, "later": LATER_DAYS}
    parts, first = [], 0
    for name, length in days.items():
        size = n_units if name == "test" else max(1, round(n_units * length / TEST_DAYS))
        parts.append((first + draw_hours(rng, size, length), np.full(size, name in ("before", "test"))))
        first += length * SECONDS_A_DAY
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _list_assignments(people, rng):
    columns = {
        "company_size": _choose(SIZES, SIZE_LEVELS, SIZE_SLOPES, people.keenness, rng),
        "channel": _choose(CHANNELS, CHANNEL_LEVELS, CHANNEL_SLOPES, people.keenness, rng),
    }
    shown = people.shown
    return pd.DataFrame(
        {
            "signup_id": [f"su{i:07d}" for i in range(int(shown.sum()))],
            "variant": people.variant[shown],
            "assigned_at": CLOCK_STARTS.as_unit("s") + pd.to_timedelta(people.start[shown], unit="s"),
            **{name: column[shown] for name, column in columns.items()},
        }
    )


def _choose(names, levels, slopes, keenness, rng):
    shares = special.softmax(levels + np.multiply.outer(keenness, slopes), axis=1)
    place = (rng.random((keenness.size, 1)) > np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1)
    return np.array(names)[place]
