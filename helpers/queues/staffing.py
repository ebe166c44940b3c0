"""How many agents a reply target takes in each hour of the week, and what the same queue gives when it is simulated."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from helpers.queues.erlang import agents_needed, answer_by_erlang_a
from helpers.records import Refused
from helpers.simulate.queue import HOURS_A_WEEK, SECONDS_AN_HOUR, serve

CUSTOMERS = 60_000  # simulated, about: enough for a share within half a point
FEWEST_WEEKS, MOST_WEEKS = 2, 400
BLOCK_HOURS = 4
WEEKEND = 120  # the hour in which Saturday begins
LEVEL = 0.95


def plan_staffing(arrivals, *, handle_minutes, patience_minutes, target_minutes, target_share) -> pd.DataFrame:
    """Return the fewest agents who hold a reply target, one row an hour of the week.

    Each hour is staffed for its own rate, as if it lasted for ever (stationary, hour by hour); `check_staffing`
    measures what that leaves out. Agents are people at the desk: breaks and training come on top.

    Parameters
    ----------
    arrivals : array-like, shape (168,), questions an hour, Monday 00:00 first
    handle_minutes, patience_minutes : float, above 0
        Means; both times are taken as exponential.
    target_minutes : float, 0 or more
    target_share : float, above 0 and below 1
        Of all who ask, answered within the target; whoever leaves before is missed.

    Returns
    -------
    DataFrame: hour, arrivals_per_hour, agents_erlang_a (customers give up), agents_erlang_c (they wait for ever), and
        by Erlang A with that many agents share_within, share_lost, wait_minutes, occupancy; where nothing arrives
        there are no agents and these four are nan.

    Raises
    ------
    Refused: a figure outside its range; no 168 rates.

    References
    ----------
    Green, Kolesar & Soares 2001 (stationary independent period by period); see `helpers.queues.erlang`.
    """
    arrivals = np.asarray(arrivals, dtype=float)
    if arrivals.shape != (HOURS_A_WEEK,):
        raise Refused(f"staffing: rates of shape {arrivals.shape}; give one an hour of the week, ({HOURS_A_WEEK},)")
    target = {"target_minutes": target_minutes, "target_share": target_share}
    staffed = {
        rate: _staff_hour(rate, handle_minutes, patience_minutes, target) for rate in sorted(set(arrivals.tolist()))
    }
    rows = [{"hour": hour, "arrivals_per_hour": rate, **staffed[rate]} for hour, rate in enumerate(arrivals.tolist())]
    return pd.DataFrame(rows)


def _staff_hour(rate, handle_minutes, patience_minutes, target):
    agents = agents_needed(rate, handle_minutes, **target, patience_minutes=patience_minutes)
    found = answer_by_erlang_a(
        rate, handle_minutes, agents, target_minutes=target["target_minutes"], patience_minutes=patience_minutes
    )
    names = ("share_within", "share_lost", "wait_minutes", "occupancy")
    return {
        "agents_erlang_a": agents,
        "agents_erlang_c": agents_needed(rate, handle_minutes, **target),
        **{name: getattr(found, name) if rate else math.nan for name in names},
    }


def check_staffing(staffing, *, handle_minutes, patience_minutes, target_minutes, seed) -> pd.DataFrame:
    """Return what a simulated queue gives with the planned agents, beside the formula, one row a block of hours.

    The week is simulated many times, one after the other: Poisson questions at the planned rates, exponential
    handling times and patience, agents who come and go with the hours and finish what they began. So queues carry
    over from hour to hour, which the formula ignores. Both are models: neither is a measured share.

    Parameters
    ----------
    staffing : DataFrame
        As `plan_staffing` returns it.
    handle_minutes, patience_minutes, target_minutes : float
        As planned with.
    seed : int

    Returns
    -------
    DataFrame: block ("weekday 08-12"), arrivals_per_week, agents (mean), share_formula, share_within, ci_low, ci_high
        (95 % Monte-Carlo interval, with days as replicates), lost_formula, share_lost; blocks without questions are
        left out.
    """
    weeks = int(np.clip(CUSTOMERS / max(staffing["arrivals_per_hour"].sum(), 1e-9), FEWEST_WEEKS, MOST_WEEKS))
    rates, agents = staffing["arrivals_per_hour"].to_numpy(), staffing["agents_erlang_a"].to_numpy()
    rng = np.random.default_rng(seed)
    arrived = _draw_arrivals(rates, weeks, rng)
    handling = rng.exponential(60 * handle_minutes, arrived.size)
    patience = rng.exponential(60 * patience_minutes, arrived.size)
    duty = np.arange(agents.max(initial=0))[:, None] < agents
    wait = serve(arrived, handling, patience, len(duty), duty).wait
    hour = (arrived // SECONDS_AN_HOUR).astype(int)
    drawn = pd.DataFrame({"hour": hour % HOURS_A_WEEK, "day": hour // 24, "asked": 1})
    drawn = drawn.assign(within=wait <= 60 * target_minutes, lost=np.isnan(wait))
    blocks = _name_blocks(staffing["hour"])
    replies = dict(list(drawn.groupby(blocks[drawn["hour"]])))
    planned = staffing[rates > 0].groupby(blocks[rates > 0], sort=False)
    return pd.DataFrame([_check_block(name, rows, replies[name]) for name, rows in planned if name in replies])


def _draw_arrivals(rates, weeks, rng):
    counts = rng.poisson(np.tile(rates, weeks))
    hours = np.repeat(np.arange(counts.size), counts)
    return np.sort(SECONDS_AN_HOUR * (hours + rng.random(hours.size)))


def _name_blocks(hours):
    """The block of each hour of the week in words, weekdays apart from the weekend."""
    begins = hours % 24 // BLOCK_HOURS * BLOCK_HOURS
    names = [
        f"{'weekday' if hour < WEEKEND else 'weekend'} {begin:02d}-{begin + BLOCK_HOURS:02d}"
        for hour, begin in zip(hours, begins, strict=True)
    ]
    return np.array(names, dtype=object)


def _check_block(name, planned, drawn):
    weight = planned["arrivals_per_hour"] / planned["arrivals_per_hour"].sum()
    share, half = _estimate_share(drawn.groupby("day")[["within", "asked"]].sum())
    return {
        "block": name,
        "arrivals_per_week": float(planned["arrivals_per_hour"].sum()),
        "agents": float(planned["agents_erlang_a"].mean()),
        "share_formula": float((planned["share_within"] * weight).sum()),
        "share_within": share,
        "ci_low": max(share - half, 0.0),
        "ci_high": min(share + half, 1.0),
        "lost_formula": float((planned["share_lost"] * weight).sum()),
        "share_lost": float(drawn["lost"].mean()),
    }


def _estimate_share(days):
    """A share of customers and its half-width, with days as replicates (ratio of two sums, linearised)."""
    within, asked = days["within"].to_numpy(float), days["asked"].to_numpy(float)
    share, n = within.sum() / asked.sum(), len(days)
    spread = np.std(within - share * asked, ddof=1) * math.sqrt(n) / asked.sum() if n > 1 else math.nan
    return float(share), float(stats.t.ppf((1 + LEVEL) / 2, max(n - 1, 1)) * spread)
