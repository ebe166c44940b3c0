"""Populations of times to an event, some of them not seen to the end, some ended by another event."""

from __future__ import annotations

from functools import partial

import numpy as np

from helpers.simulate.populations.population import HORIZON_DAYS, Population

FOLLOWED = (20.0, 80.0)  # days that a unit is followed, uniform between


def make_times(name, control, treatment, *, competing=0.0) -> Population:
    """Return a population of (days, event): 0 not yet seen, 1 the event, 2 a competing event; constant hazards.

    Parameters
    ----------
    name : str
    control, treatment : float, events a day at risk
    competing : float, competing events a day at risk, in both arms
    """
    shares = [_find_incidence(hazard, competing) for hazard in (control, treatment)]
    means = [_find_restricted_mean(hazard, competing) for hazard in (control, treatment)]
    truth = {"difference": shares[1] - shares[0], "rmst_difference": means[1] - means[0]}
    draw = partial(_draw_times, hazards=(control, treatment), competing=competing)
    family = "competing events" if competing else "times to an event"
    return Population(name, family, draw, truth, event_shares=tuple(shares))


def _find_incidence(hazard, competing):
    total = hazard + competing
    return float(hazard / total * -np.expm1(-total * HORIZON_DAYS))


def _find_restricted_mean(hazard, competing):
    """The area above the cumulative incidence up to the horizon."""
    total = hazard + competing
    under = hazard / total * (HORIZON_DAYS + np.expm1(-total * HORIZON_DAYS) / total)
    return float(HORIZON_DAYS - under)


def _draw_times(rng, n, treated, *, hazards, competing):
    total = hazards[treated] + competing
    days, followed = rng.exponential(1 / total, n), rng.uniform(*FOLLOWED, n)
    kind = np.where(rng.random(n) < hazards[treated] / total, 1, 2)
    return np.column_stack([np.minimum(days, followed), np.where(days <= followed, kind, 0)])
