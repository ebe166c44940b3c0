"""The world of the live-support study: its parameters with their reasons, and the ranges that can be simulated."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from helpers.records import Refused
from helpers.simulate.simulation import check_names

CONTROL, TREATMENT, BEFORE = "standard", "live", "before"
WEEKS, WEEKS_BEFORE = 16, 4  # the article's sixteen, and the month before that shows what the test itself changed
QUESTION_DAYS, PAID_DAYS, MONTH_DAYS, TRIAL_DAYS, REFUND_DAYS = 28, 60, 30, 14, 10
USUAL_UNITS = 24_000  # the size for which the numbers of agents and of other questions are meant


@dataclass(frozen=True)
class World:
    """Baselines of the standard arm, planted effects (`live` minus `standard`, per assigned sign-up), and the team.

    The article gives effects, the reply times and the share of good ratings; every other baseline is an assumption.
    """

    questions: float = 0.8  # per sign-up in 28 days; six of ten ask none; not reported
    questions_lift: float = 0.18  # the published 18 % more questions (claim R10)
    trial_rate: float = 0.20  # usual order of magnitude for sign-ups that may start a trial; not reported
    trial_lift: float = 0.30  # the published 30 % more trial starts (claim R12)
    paid_rate: float = 0.08  # two of five trials; not reported
    revenue_lift: float = 0.15  # the published 15 % of new-business revenue (claim R11), all through the share who pay
    monthly_amount: float = 140.0  # dollars, mean of a paying customer; not reported
    revenue_spread: float = 1.0  # of log dollars: the largest hundredth pays a tenth; heavy tails are what is usual
    monthly_churn: float = 0.04  # of paying customers; usual for small companies
    refund_share: float = 0.03  # of first payments, so that revenue has negative values
    nps: float = 30.0  # points among those who answer, standard arm; usual for business software; not reported
    loyalty_effect: float = 15.0  # the published 15 of the loyalty score (claim R13)
    loyalty_as: str = "points"  # the article does not say whether 15 is points or per cent
    csat_good: float = 0.95  # about 95 % of ratings were good before the test (claim R03)
    csat_effect: float = 0.0  # points of the mean rating, 1 to 5; a guardrail that holds
    response_rate: float = 0.35  # of surveys that are answered, standard arm; not reported
    response_effect: float = (
        0.01  # who is served at once answers a little more often, so that answers alone mislead a little
    )
    satisfied_answer: float = 0.6  # log-odds of answering per standard deviation of satisfaction: not at random
    effect_by_hour: float = 0.8  # how much of the effect follows the hours in which live support is staffed
    fading: float = 0.0  # share of the effect that is lost from the first week to the last; the average stays
    keenness_and_outcome: float = 1.0  # log-odds of trial and of payment per standard deviation of keenness
    keenness_and_speed: float = 2.0  # log-odds of asking while the queue is short per standard deviation of keenness
    live_agents: int = 5  # of the live team on duty in office hours: six of seven replies within two minutes
    regular_agents: int = 8  # of the regular team on duty at its fullest: a mean reply of about one hour (claim R04)
    moved_agents: int = 2  # seats that the regular team gave up when the test began; more than the work that left it
    shared_agents: bool = False  # or the regular team serves both arms, live questions first
    other_questions_per_hour: float = 15.0  # of customers outside the study, who wait in the regular queue too
    handle_minutes: float = 10.0  # mean of one conversation; not reported
    first_reply_share: float = 0.08  # of a conversation's time passes until its first reply is written: under a minute
    patience_hours: float = 12.0  # mean time until who has no reply gives up


RANGES = {
    "questions": (0.05, 20),
    "questions_lift": (-0.9, 5),
    "trial_rate": (0.02, 0.9),
    "trial_lift": (-0.9, 5),
    "paid_rate": (0.005, 0.8),
    "revenue_lift": (-0.9, 5),
    "monthly_amount": (0.1, 1_000_000),
    "revenue_spread": (0, 2.5),
    "monthly_churn": (0, 0.9),
    "refund_share": (0, 0.9),
    "nps": (-80, 80),
    "loyalty_effect": (-100, 100),
    "csat_good": (0.05, 0.99),
    "csat_effect": (-2, 2),
    "response_rate": (0.02, 0.95),
    "response_effect": (-0.5, 0.5),
    "satisfied_answer": (-3, 3),
    "effect_by_hour": (0, 1),
    "fading": (0, 1),
    "keenness_and_outcome": (-3, 3),
    "keenness_and_speed": (-3, 3),
    "live_agents": (1, 1000),
    "regular_agents": (1, 1000),
    "moved_agents": (0, 999),
    "other_questions_per_hour": (0, 1000),
    "handle_minutes": (0.1, 240),
    "first_reply_share": (0, 1),
    "patience_hours": (0.1, 1000),
}


def read_world(given) -> World:
    """Return the world with some parameters changed.

    Raises
    ------
    Refused: an unknown parameter, or a value outside its range.
    """
    check_names(given, ("n_units", "seed", *(f.name for f in fields(World))), study="live_support")
    world = World(**given)
    for name in RANGES:
        _check_number(name, getattr(world, name))
    if world.loyalty_as not in ("points", "percent"):
        raise Refused("simulation live_support, loyalty_as: give points or percent")
    if not isinstance(world.shared_agents, (bool, np.bool_)):
        raise Refused("simulation live_support, shared_agents: give True or False")
    if world.moved_agents >= world.regular_agents:
        raise Refused("simulation live_support, moved_agents: it must be below regular_agents")
    if world.paid_rate >= world.trial_rate:
        raise Refused("simulation live_support, paid_rate: it must be below trial_rate")
    return world


def _check_number(name, value):
    low, high = RANGES[name]
    whole = name.endswith("_agents")
    allowed = (int, np.integer) if whole else (int, float, np.number)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise Refused(f"simulation live_support, {name}: give {kind} from {low:,} to {high:,}")
