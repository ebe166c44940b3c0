"""The exact truth of the live-support study: every planted effect, from the generating probabilities."""

from __future__ import annotations

import numpy as np

from helpers.simulate.live_support.chances import GOOD_MINUS_BAD, RATINGS
from helpers.simulate.live_support.outcomes import PAY_DAYS, PAY_MEAN, REVENUE_WINDOWS, TRIAL_MEAN, cut_delay
from helpers.simulate.live_support.world import (
    CONTROL,
    MONTH_DAYS,
    QUESTION_DAYS,
    REFUND_DAYS,
    TREATMENT,
    TRIAL_DAYS,
)
from helpers.simulate.simulation import list_effects, make_effect

BAD_MEAN = sum(score * share for score, share in RATINGS["bad"].items())


def state_truth(world, crowd, chances) -> list[dict]:
    """Return every planted effect of `live` against `standard`: population values, no sampling error.

    Loyalty and ratings have two populations: `itt`, had everybody answered, and `responders`, those who do. What
    who received a live reply gained has no closed form here, as it depends on the queue: no row states it.

    Returns
    -------
    list of dict: rows as `list_effects` makes them.
    """
    pair = (CONTROL, TREATMENT)
    means = {"questions": (world.questions, world.questions * (1 + world.questions_lift))}
    means |= {name: _mean_by_arm(crowd, chances[name]) for name in ("trial", "paid", "answered")}
    for name, days in REVENUE_WINDOWS.items():
        worth = world.monthly_amount * count_payments(world, days)
        means[name] = tuple(worth * share for share in means["paid"])
    effects = [row for name, values in means.items() for row in list_effects(name, *pair, *values)]
    return effects + [row for name in ("nps", "csat") for row in _state_survey(crowd, chances, name)]


def count_payments(world, days) -> float:
    """Return the mean number of monthly payments, less refunds, within some days of sign-up, for who pays."""

    def paid_by(day):
        return float(np.mean(_share_paid(day - TRIAL_DAYS - cut_delay(shares, TRIAL_MEAN, QUESTION_DAYS))))

    shares = (np.arange(20_000) + 0.5) / 20_000
    stays = (1 - world.refund_share) * (1 - world.monthly_churn) ** np.arange(1, days // MONTH_DAYS + 1)
    later = sum(stay * paid_by(days - MONTH_DAYS * nth) for nth, stay in enumerate(stays, start=1))
    return paid_by(days) + later - world.refund_share * paid_by(days - REFUND_DAYS)


def _share_paid(days):
    return np.clip(np.expm1(-np.maximum(days, 0) / PAY_MEAN) / np.expm1(-PAY_DAYS / PAY_MEAN), 0, 1)


def _mean_by_arm(crowd, chance):
    plain = crowd.mean(chance.plain(crowd.nodes))
    return plain, plain + chance.factor * crowd.mean(chance.room(crowd.nodes))


def _state_survey(crowd, chances, metric):
    plain, gain = _read_scores(crowd, chances, metric)
    answered = chances["answered"]
    share, more = answered.plain(crowd.nodes), answered.factor * answered.room(crowd.nodes)
    everybody = (crowd.mean(plain), crowd.mean(plain + gain))
    live = crowd.mean((share + more) * plain) + crowd.mean((share + more * crowd.square) * gain)
    responders = (crowd.mean(share * plain) / crowd.mean(share), live / crowd.mean(share + more))
    return [
        make_effect(metric, CONTROL, TREATMENT, *pair, value=pair[1] - pair[0], population=population)
        for population, pair in (("itt", everybody), ("responders", responders))
    ]


def _read_scores(crowd, chances, metric):
    """Return the mean score at each satisfaction in the standard arm, and what a delivery of 1 adds."""
    if metric == "csat":
        good = chances["good"]
        gain = GOOD_MINUS_BAD * good.factor * good.room(crowd.nodes)
        return BAD_MEAN + GOOD_MINUS_BAD * good.plain(crowd.nodes), gain
    up, down = chances["promoter"], chances["detractor"]
    gain = up.factor * up.room(crowd.nodes) - down.factor * down.room(crowd.nodes)
    return 100 * (up.plain(crowd.nodes) - down.plain(crowd.nodes)), 100 * gain
