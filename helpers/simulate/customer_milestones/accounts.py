"""Which accounts start when, with which plan, seats and habits, and which leave early whatever they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from helpers.simulate.customer_milestones.catalogue import FEATURES, STEPS
from helpers.simulate.customer_milestones.world import CLOSED, COMPLETE_TO, MONTH_DAYS, NEWEST_FROM, OPENED, WINDOW_DAYS
from helpers.simulate.simulation import SECONDS_A_DAY

TIERS, TIER_SHARES = np.array(["Starter", "Pro", "Premium"]), (0.55, 0.33, 0.12)
SEATS_MEDIAN, SEATS_SPREAD = np.array([2.2, 5.0, 14.0]), 0.7  # by tier: a larger plan is bought by larger teams
COUNTRIES, COUNTRY_SHARES = np.array(["US", "GB", "DE", "FR", "AU"]), (0.45, 0.2, 0.15, 0.1, 0.1)
EARLY_DAYS = 45  # mean of the exponential by which early leavers leave, cut off at three months
STEP_DAYS = 60  # a step that is not taken in two months is not taken
LIKENESS = 0.75  # correlation of each feature of a group with what the group shares
LATER_ADOPTION = 0.03  # first uses a month after day 90, times the share of the tier that used the feature by then


@dataclass(frozen=True)
class Accounts:
    """Accounts in order of their start: arrays of shape (n,).

    `start` seconds since `OPENED`; `tier` 0 to 2; `seats` at the start; `leaves_early` day, inf for most; `followed`
    days from the start to the end of the data; `volume` and `solving`: hidden habits, standard normal.
    """

    start: np.ndarray
    tier: np.ndarray
    seats: np.ndarray
    country: np.ndarray
    leaves_early: np.ndarray
    volume: np.ndarray
    solving: np.ndarray

    @property
    def followed(self) -> np.ndarray:
        """Days from each start to the end of the data."""
        return (seconds_between(OPENED, COMPLETE_TO) - self.start) / SECONDS_A_DAY

    @property
    def newest(self) -> np.ndarray:
        """Whether each account belongs to the newest cohort."""
        return self.start >= seconds_between(OPENED, NEWEST_FROM)

    def tabulate(self) -> pd.DataFrame:
        """Return account_id, started_at (UTC), plan_tier, seats and country, one row an account."""
        return pd.DataFrame(
            {
                "account_id": [f"ac{i:07d}" for i in range(self.start.size)],
                "started_at": OPENED.as_unit("s") + pd.to_timedelta(self.start, unit="s"),
                "plan_tier": TIERS[self.tier],
                "seats": self.seats,
                "country": COUNTRIES[self.country],
            }
        )


def seconds_between(first, last) -> int:
    """Return the seconds from one time to another."""
    return int((last - first).total_seconds())


def draw_accounts(world, n_units, rng) -> Accounts:
    """Return accounts that start evenly over six quarters.

    Parameters
    ----------
    world : World
    n_units : int
    rng : Generator
    """
    start = np.sort(rng.integers(0, seconds_between(OPENED, CLOSED), n_units))
    tier = rng.choice(3, n_units, p=TIER_SHARES)
    seats = np.maximum(1, np.rint(SEATS_MEDIAN[tier] * np.exp(SEATS_SPREAD * rng.standard_normal(n_units))))
    country = rng.choice(COUNTRIES.size, n_units, p=COUNTRY_SHARES)
    early, share = rng.random(n_units) < world.early_leavers, rng.random(n_units)
    leaves = np.where(early, draw_before(share, EARLY_DAYS, WINDOW_DAYS), np.inf)
    volume, solving = rng.standard_normal((2, n_units))
    return Accounts(start, tier, seats.astype(int), country, leaves, volume, solving)


def draw_before(share, mean, end) -> np.ndarray:
    """Return days at a share of an exponential distribution of that mean which is cut off at `end`."""
    return -mean * np.log1p(np.asarray(share) * np.expm1(-end / mean))


def draw_steps(tier, rng) -> np.ndarray:
    """Return the day each setup step is taken, shape (n, 7), inf where never; loss is not looked at."""
    shares = special.expit([[special.logit(s.share) + s.slope * rank for s in STEPS] for rank in range(3)])
    size = (tier.size, len(STEPS))
    days = draw_before(rng.random(size), np.array([step.days for step in STEPS]), STEP_DAYS)
    return np.where(rng.random(size) < shares[tier], days, np.inf)


def draw_features(tier, rng) -> np.ndarray:
    """Return the day of the first use of each feature, shape (n, 54), inf where never; loss is not looked at.

    Features of one group share a normal factor; more of the first uses are early in the three months than late.
    """
    size = (tier.size, len(FEATURES))
    levels = np.array([[special.ndtri(f.share) + f.slope * rank for f in FEATURES] for rank in range(3)])
    groups = np.array([feature.group for feature in FEATURES])
    shared = rng.standard_normal((tier.size, groups.max() + 1))[:, groups]
    likeness = np.where(groups > 0, LIKENESS, 0.0)
    liking = likeness * shared + np.sqrt(1 - likeness**2) * rng.standard_normal(size)
    soon = WINDOW_DAYS * rng.random(size) ** 2
    later = WINDOW_DAYS + MONTH_DAYS * rng.exponential(1 / (LATER_ADOPTION * special.ndtr(levels[tier])))
    return np.where(liking < levels[tier], soon, later)
