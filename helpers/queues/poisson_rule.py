"""What staffing for the mean of each hour misses where questions arrive less evenly than a Poisson stream."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd
from scipy import stats

from helpers.queues.arrivals import ONCE, add_means, clip_share, estimate_ratio, sum_hours
from helpers.queues.erlang import agents_needed, answer_by_erlang_a
from helpers.records import Refused

DRAWS = 3  # of a Poisson stream beside the real one
TOLERANCE = 0.05  # a day is short when this much less than the target share is answered in time
HELD_DAYS = 0.9  # share of days on which the dearer plan holds the target


def miss_of_poisson(counts, *, handle_minutes, patience_minutes, target_minutes, target_share, seed) -> pd.DataFrame:
    """Return what staffing for the mean of each hour of the week misses, and what holding the target would take.

    The rule: each hour of the week gets the agents that Erlang A asks for at its mean rate. How they answer is then
    read, again from Erlang A, at the rate that really came in that hour. A Poisson stream with the same means, drawn
    and read in the same way, falls short at times too; what the real one does worse is what the rule misses.

    Parameters
    ----------
    counts : DataFrame
        As `count_arrivals` returns it.
    handle_minutes, patience_minutes, target_minutes : float
    target_share : float
    seed : int, of the Poisson stream

    Returns
    -------
    DataFrame: measure, value, ci_low, ci_high (days as clusters; nan for agent hours), poisson, p_value (nan).
        Measures: `within` (share of all who ask, answered within the target), `days_short` (share of days on which that
        is more than 5 points below the target share), `agent_hours_rule` (a week, by the rule), `agent_hours_held`
        (with agents for the count of each hour that 90 % of its days stay below).

    Raises
    ------
    Refused: each hour of the week was seen only once.
    """
    hours = add_means(sum_hours(counts))
    if hours.empty:
        raise Refused(ONCE)
    figures = {"target_minutes": target_minutes, "patience_minutes": patience_minutes}

    @functools.cache
    def staff(rate):
        return agents_needed(rate, handle_minutes, target_share=target_share, **figures)

    @functools.cache
    def answer(rate, agents):
        return answer_by_erlang_a(rate, handle_minutes, agents, **figures).share_within

    def read(count):
        pairs = zip((count / hours["covered"]).tolist(), agents, strict=True)
        return hours.assign(count=count, share=[answer(*pair) for pair in pairs])

    agents = [staff(rate) for rate in (hours["mean"] / hours["covered"]).tolist()]
    rng = np.random.default_rng(seed)
    real, even = (
        _judge(table, target_share)
        for table in (read(hours["count"]), pd.concat([read(rng.poisson(hours["mean"])) for _ in range(DRAWS)]))
    )
    rows = [{"measure": name, **clip_share(found), "poisson": even[name]["value"]} for name, found in real.items()]
    return pd.DataFrame([*rows, *_count_hours(hours, staff)]).assign(p_value=math.nan)


def _judge(hours, target_share):
    """The share of questions answered within the target, and of days on which it is clearly below the target share."""
    days = hours["start"].dt.normalize()
    calls, within = hours["count"], hours["count"] * hours["share"]
    by_day = {name: column.groupby(days).sum() for name, column in (("calls", calls), ("within", within))}
    missed = (by_day["within"] < (target_share - TOLERANCE) * by_day["calls"]).astype(float)
    return {
        "within": estimate_ratio(by_day["within"], by_day["calls"]),
        "days_short": estimate_ratio(missed, missed * 0 + 1),
    }


def _count_hours(hours, staff):
    """Agent hours a week by the rule, and for the count that nine days of ten stay below, real and Poisson."""
    slots = hours.groupby("slot")
    mean, covered = slots["mean"].first(), slots["covered"].mean()
    busy = slots["count"].quantile(HELD_DAYS, interpolation="higher")
    rule, held, even = (
        float(sum(staff(rate) * part for rate, part in zip((count / covered).tolist(), covered, strict=True)))
        for count in (mean, busy, pd.Series(stats.poisson.ppf(HELD_DAYS, mean), index=mean.index))
    )
    blank = {"ci_low": math.nan, "ci_high": math.nan}
    return [
        {"measure": "agent_hours_rule", "value": rule, **blank, "poisson": rule},
        {"measure": "agent_hours_held", "value": held, **blank, "poisson": even},
    ]
