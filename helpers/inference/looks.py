"""Looking before the planned end: whether a run is interim, and the intervals that stay valid then."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from helpers import metrics
from helpers.inference.comparisons import Comparison
from helpers.inference.sequential import always_valid, at_look, between_looks
from helpers.records import Effect

NEAR = 0.02  # a look within so much of a planned share is that look


@dataclass(frozen=True)
class Look:
    """How far an experiment is, and which interval decides: fixed, always-valid or repeated.

    `share` is the part of the planned units whose windows are over; `n_planned` the units planned, or assigned
    where the plan gives no number; `looks` those that the plan names.
    """

    is_interim: bool
    interval: str
    share: float
    n_planned: int
    looks: tuple[float, ...]

    def apply(self, comparison: Comparison, effect: Effect, *, n) -> Effect:
        """Return an effect with the interval that decides at this look.

        Parameters
        ----------
        comparison : Comparison
        effect : Effect
        n : int
            Units in the estimate, both arms.

        Returns
        -------
        Effect: as it came where the interval is fixed; nan with a reason where nothing can be said yet, or where
            there is no standard error to make another interval of.
        """
        if self.interval == "fixed":
            return effect
        if self.interval == "always-valid":
            n_planned = self.n_planned * _planned_share(comparison)
            return always_valid(effect, n=n, n_planned=n_planned, confidence_level=comparison.level)
        if min(abs(self.share - planned) for planned in self.looks) > NEAR:
            return between_looks(effect, self.share, alpha=1 - comparison.level)
        reached = [planned for planned in self.looks if planned < self.share - NEAR]
        return at_look(effect, self.share, [*reached, self.share], alpha=1 - comparison.level)


def read_look(units: metrics.Units) -> Look:
    """Return how far an experiment is.

    It is interim before the planned units are assigned (those left out for standing in two variants count here),
    enrolment is over and every window is over. With planned looks the group-sequential bounds decide, at the end
    too; otherwise an interim run uses always-valid intervals.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    Look
    """
    design, facts = units.design, _read_facts(units)
    planned = design.planned_units or facts["n"]
    interim = facts["n"] + units.n_two_variants < planned or facts["open"] > 0 or _is_enrolling(units, facts["first"])
    interval = "repeated" if design.looks else "always-valid" if interim else "fixed"
    share = min(1.0, (facts["n"] - facts["open"]) / planned) if interim else 1.0
    return Look(interim, interval, share, planned, tuple(design.looks))


def _planned_share(comparison):
    variant = comparison.design.variant
    shares = variant.shares or dict.fromkeys(variant.arms, 1 / len(variant.arms))
    return sum(shares.get(arm, shares[variant.control]) for arm in (comparison.treatment, comparison.control))


def _read_facts(units):
    design = units.design
    arms = metrics.describe_arms(units)
    arms = arms[arms["variant"].isin(design.variant.arms)]
    total = int(arms["units"].sum())
    closed = min(int(arms[f"complete_{name}"].sum()) for name in design.metrics)
    first = arms["first_assigned_at"].min() if "first_assigned_at" in arms else None
    return {"n": total, "open": total - closed, "first": first}


def _is_enrolling(units, first):
    if None in (units.design.enrolment_days, first, units.as_of):
        return False
    return first.date() + dt.timedelta(days=units.design.enrolment_days) > units.as_of + dt.timedelta(days=1)
