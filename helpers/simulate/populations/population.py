"""What a population is: how to draw one arm, and what is true of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from helpers.records import NAN

HORIZON_DAYS = 30.0  # of the populations of times
LOOK_DAYS = 28  # of those that are looked at every day
LEVELS = 5  # of the ordered scores: 1, 2, ..., LEVELS
UNIT_RATIOS = ("rate_ratio",)  # estimands whose "no effect" is 1


def find_null(estimand: str) -> float:
    """Return the value of an estimand that means no effect: 1 for a ratio, else 0."""
    return 1.0 if estimand in UNIT_RATIOS else 0.0


@dataclass(frozen=True)
class Population:
    """Both arms of an experiment as random columns, with the exact truth.

    Parameters
    ----------
    name : str
    family : str
        What the columns are, and so which methods are for it.
    draw : function (rng, n, treated) -> array, shape (n, k), one row a randomised unit
    truth : dict, estimand -> value
    skewness : float, of the outcome (of what a ratio leaves of its numerator), the larger of both arms; nan where a
        method has no use for it
    event_shares : tuple of float, optional
        Shares of units with the event, or beyond the quantile, in control and treatment.
    spread : float, standard deviation in treatment over that in control
    worth : float, how many equal units a unit counts like: below 1 for clusters of unequal size
    """

    name: str
    family: str
    draw: Callable[[np.random.Generator, int, bool], np.ndarray]
    truth: dict[str, float]
    skewness: float = NAN
    event_shares: tuple[float, float] | None = None
    spread: float = 1.0
    worth: float = 1.0

    def has_effect(self, estimand: str) -> bool:
        """Return whether an effect of this kind is planted."""
        return abs(self.truth[estimand] - find_null(estimand)) > 1e-12

    def count_events(self, n_control: int, n_treatment: int) -> float | None:
        """Return the fewest units that are expected with, or without, the event in an arm; None without events."""
        if self.event_shares is None:
            return None
        shares = zip((n_control, n_treatment), self.event_shares, strict=True)
        return min(n * min(share, 1 - share) for n, share in shares)
