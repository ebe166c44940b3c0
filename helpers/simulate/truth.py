"""The exact truth of the in-product help study: every planted effect, from the generating probabilities."""

from __future__ import annotations

import numpy as np

from helpers.simulate.simulation import list_effects, make_effect
from helpers.simulate.world import (
    CONTROL,
    CONVERSION_DAYS,
    DELAY_DAYS,
    HORIZON_DAYS,
    MONTH_DAYS,
    PRICES,
    RENEWAL_MONTHS,
    REVENUE_DAYS,
    TREATMENT,
    TRIAL_DAYS,
    contrast_users,
    delay_mass,
    mean_seats,
    tier_shares,
)


def mean_by_arm(crowd, response, *, worth=1.0) -> tuple[float, float]:
    """Return the population means with links and without, each person weighted by `worth` (at each node)."""
    plain = response.without(crowd.nodes)
    gain = crowd.complier * (response.helped(crowd.nodes) - plain)
    return crowd.mean(worth * (plain + gain)), crowd.mean(worth * plain)


def state_truth(world, crowd, responses) -> list[dict]:
    """Return every planted effect, computed from the generating probabilities: population values, no sampling error.

    Returns
    -------
    list of dict: rows as `list_effects` makes them; for each metric the difference and lift over all assigned, the
        naive contrast of those who open help with those who do not within the arm with links, and the effect in
        compliers (both taker minus not).
    """
    worth = _yearly_revenue(world, crowd)
    renewed = (1 - world.refund_share) * (1 - world.monthly_churn) ** RENEWAL_MONTHS
    outcomes = {
        "activated": (responses["activated"], 1.0),
        "conversations": (responses["conversations"], 1.0),
        "searches": (responses["searches"], 1.0),
        "converted": (responses["paid"], 1.0),
        "arr": (responses["paid"], worth),
        "still_paying": (responses["paid"], renewed),
    }
    effects = [row for name, pair in outcomes.items() for row in _state_metric(crowd, name, *pair)]
    return [*effects, *_state_activity(crowd, responses), _state_time(crowd, responses["paid"])]


def _state_metric(crowd, metric, response, worth):
    links, without = mean_by_arm(crowd, response, worth=worth)
    others, users = contrast_users(crowd, response, worth=worth)
    pair = (metric, CONTROL, TREATMENT)
    compliers = crowd.mean(crowd.complier)
    plain = crowd.mean(worth * crowd.complier * response.without(crowd.nodes)) / compliers
    helped = plain + (links - without) / compliers
    seen = {"population": "as_treated"}
    return [
        *list_effects(*pair, links, without),
        make_effect(*pair, others, users, value=users - others, estimand="naive", **seen),
        make_effect(*pair, others, users, value=users / others, estimand="ratio", **seen),
        make_effect(*pair, plain, helped, value=helped - plain, estimand="cace", population="compliers"),
    ]


def _state_activity(crowd, responses):
    days = [1 + mean for mean in mean_by_arm(crowd, responses["active"])]
    talks = mean_by_arm(crowd, responses["conversations"])
    per_day = [talk / day for talk, day in zip(talks, days, strict=True)]
    effects = list_effects("active_days", CONTROL, TREATMENT, *days)
    return effects + list_effects("per_active", CONTROL, TREATMENT, *per_day)


def _state_time(crowd, paid):
    beyond = np.exp(-(CONVERSION_DAYS - TRIAL_DAYS) / DELAY_DAYS)
    delay = DELAY_DAYS - (CONVERSION_DAYS - TRIAL_DAYS) * beyond / delay_mass()
    times = [HORIZON_DAYS - share * (HORIZON_DAYS - TRIAL_DAYS - delay) for share in mean_by_arm(crowd, paid)]
    pair = ("paid_in", CONTROL, TREATMENT, *times)
    return make_effect(*pair, value=times[1] - times[0], estimand="rmst_difference")


def _yearly_revenue(world, crowd):
    months = np.arange(REVENUE_DAYS // MONTH_DAYS + 1)
    last = REVENUE_DAYS - MONTH_DAYS * months - TRIAL_DAYS
    in_time = np.clip(-np.expm1(-np.maximum(last, 0) / DELAY_DAYS) / delay_mass(), 0, 1)
    payments = (1 - world.refund_share) * float(in_time @ (1 - world.monthly_churn) ** months)
    price = tier_shares(crowd.nodes) @ np.array(list(PRICES.values()))
    return payments * price * (1 + mean_seats(crowd.nodes))
