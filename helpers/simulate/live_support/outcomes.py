"""Outcomes of the live-support study beside questions: trial, payments, refunds, and the survey after thirty days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.simulate.live_support.chances import RATINGS
from helpers.simulate.live_support.world import MONTH_DAYS, PAID_DAYS, QUESTION_DAYS, REFUND_DAYS, TRIAL_DAYS
from helpers.simulate.simulation import SECONDS_A_DAY

TRIAL_MEAN, PAY_MEAN = 3.0, 4.0  # days to the trial; days from its end to the payment, at most up to day 60
PAY_DAYS = PAID_DAYS - QUESTION_DAYS - TRIAL_DAYS
LATE_SHARE, LATE_FROM, LATE_TO = 0.02, 77, 97  # few start a trial after every window, half of them pay after it
MOST_MONTHS = 9  # more payments than the data can show
REVENUE_WINDOWS = {"revenue": 90, "revenue_30": 30, "revenue_60": 60}
SURVEY_DAY, ANSWER_MEAN, ANSWER_DAYS = 30, 3.0, 25
# Shares within the three kinds of loyalty score.
LOYALTY = {
    "promoter": {9: 0.55, 10: 0.45},
    "passive": {7: 0.4, 8: 0.6},
    "detractor": {0: 0.08, 1: 0.05, 2: 0.08, 3: 0.12, 4: 0.15, 5: 0.27, 6: 0.25},
}


def make_events(rows, event, seconds, *, value=np.nan) -> pd.DataFrame:
    """Return events: row of the sign-up in the tables, seconds since its assignment, value."""
    return pd.DataFrame({"row": rows, "event": event, "seconds": seconds, "value": value})


def draw_money(world, people, chances, rng) -> tuple[dict, list[pd.DataFrame]]:
    """Return trial, paid and revenue of the sign-ups in the tables, and the events they are folded from.

    Parameters
    ----------
    world : World
    people : People, those in the tables
    chances : dict of Chance
    rng : Generator

    Returns
    -------
    dict of columns: trial, paid (0/1), revenue, revenue_30, revenue_60 (USD in 90, 30 and 60 days); list of events.
    """
    size = people.start.size
    luck, late = rng.random((2, size))
    trial = luck < chances["trial"].served(people.keenness, people.delivered)
    paid = luck < chances["paid"].served(people.keenness, people.delivered)  # who pays has had a trial
    late = ~trial & (late < LATE_SHARE)
    begins = np.where(late, rng.uniform(LATE_FROM, LATE_TO, size), cut_delay(rng.random(size), TRIAL_MEAN, 28))
    pays = begins + TRIAL_DAYS + cut_delay(rng.random(size), PAY_MEAN, PAY_DAYS)
    buys = paid | (late & (rng.random(size) < 0.5))
    bills = _draw_bills(world, buys, rng)
    columns = {"trial": trial.astype(int), "paid": paid.astype(int)}
    revenue, events = _list_payments(_to_seconds(pays), *bills)
    tried, bought = np.flatnonzero(trial | late), np.flatnonzero(buys)
    starts = make_events(tried, "trial_started", _to_seconds(begins[tried]))
    return columns | revenue, [starts, make_events(bought, "paid", _to_seconds(pays[bought])), *events]


def cut_delay(share, mean, most) -> np.ndarray:
    """Return the days at a share of an exponential delay that is cut off: mean before the cut, and the cut."""
    return -mean * np.log1p(np.asarray(share) * np.expm1(-most / mean))


def _draw_bills(world, buys, rng):
    size = buys.size
    logs = np.log(world.monthly_amount) - world.revenue_spread**2 / 2 + world.revenue_spread * rng.standard_normal(size)
    refunded = buys & (rng.random(size) < world.refund_share)
    stays = rng.geometric(max(world.monthly_churn, 1e-9), size)
    months = buys * np.where(refunded, 1, np.minimum(stays, MOST_MONTHS))
    return months, refunded, np.round(np.exp(logs), 2)


def _list_payments(first, months, refunded, bill):
    rows = np.repeat(np.arange(months.size), months)
    nth = np.arange(rows.size) - np.repeat(np.cumsum(months) - months, months)
    back = np.flatnonzero(refunded)
    rows = np.concatenate([rows, back])
    due = np.concatenate(
        [first[rows[: nth.size]] + nth * _to_seconds(MONTH_DAYS), first[back] + _to_seconds(REFUND_DAYS)]
    )
    amount = np.where(np.arange(rows.size) < nth.size, 1, -1) * bill[rows]
    kept = {
        name: np.bincount(rows[due < _to_seconds(days)], amount[due < _to_seconds(days)], months.size)
        for name, days in REVENUE_WINDOWS.items()
    }
    return kept, [make_events(rows, np.where(amount < 0, "refund", "payment"), due, value=amount)]


def draw_survey(people, chances, rng) -> tuple[dict, list[pd.DataFrame]]:
    """Return who answers the survey and what, for the sign-ups in the tables, and the events.

    Returns
    -------
    dict of columns: survey_sent (1), answered (0/1), nps (0 to 10), csat (1 to 5), nan where unanswered; list of
        events.
    """
    size = people.start.size
    hidden = (people.satisfaction, people.delivered)
    luck, loyal, place, rated, kind = rng.random((5, size))
    answered = luck < chances["answered"].served(*hidden)
    promoter, detractor = (chances[name].served(*hidden) for name in ("promoter", "detractor"))
    ends = [loyal < detractor, loyal >= 1 - promoter]
    scores = [_pick(place, LOYALTY[name]) for name in ("detractor", "promoter", "passive")]
    nps = np.select(ends, scores[:2], scores[2]).astype(float)
    good = rated < chances["good"].served(*hidden)
    csat = np.where(good, _pick(kind, RATINGS["good"]), _pick(kind, RATINGS["bad"])).astype(float)
    sent = np.full(size, SURVEY_DAY * SECONDS_A_DAY)
    heard = sent + _to_seconds(cut_delay(rng.random(size), ANSWER_MEAN, ANSWER_DAYS))
    who = np.flatnonzero(answered)
    columns = {"nps": np.where(answered, nps, np.nan), "csat": np.where(answered, csat, np.nan)}
    events = [make_events(who, f"{name}_answered", heard[who], value=columns[name][who]) for name in columns]
    columns |= {"answered": answered.astype(int), "survey_sent": np.ones(size, dtype=int)}
    return columns, [make_events(np.arange(size), "survey_sent", sent), *events]


def _pick(share, shares):
    place = np.searchsorted(np.cumsum(list(shares.values()))[:-1], share, side="right")
    return np.array(list(shares))[place]


def _to_seconds(days):
    return np.floor(np.multiply(days, SECONDS_A_DAY)).astype(np.int64)
