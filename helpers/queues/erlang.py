"""The formulas of Erlang: how soon a number of agents answers, with customers who wait for ever and who give up."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from helpers.records import Refused

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
NEGLIGIBLE = 42.0  # e to the minus 42: what is left out of an integral
TINY = 1e-280  # probabilities below are found by recursion


@dataclass(frozen=True)
class Answering:
    """How a queue answers in the long run.

    `share_within` of all who ask, answered within the target; `share_lost` who leave unanswered; `share_waiting` who
    are not answered at once, in theory were they patient; `wait_minutes` mean wait of those who are answered, nan
    where nobody is; `occupancy` mean share of the agents who are busy, nan without agents.
    """

    share_within: float
    share_lost: float
    share_waiting: float
    wait_minutes: float
    occupancy: float


NOBODY_ANSWERS = Answering(0.0, 1.0, 1.0, math.nan, math.nan)


def answer_by_erlang_c(arrivals_per_hour, handle_minutes, agents, *, target_minutes) -> Answering:
    """Return how a queue answers whose customers wait for ever (M/M/n).

    Assumes that questions come one by one at an even rate, that handling times are exponential and that the hour is
    like all hours before it. Nobody leaves: agents too few for the load never catch up.

    Parameters
    ----------
    arrivals_per_hour : float, 0 or more
    handle_minutes : float, above 0
    agents : int, 0 or more
    target_minutes : float, 0 or more

    Returns
    -------
    Answering: share_lost 0; where the load is not below the number of agents share_within is 0 and the wait endless.

    Raises
    ------
    Refused: a figure outside its range.

    References
    ----------
    Erlang 1917, Solution of some problems in the theory of probabilities, section 3; Gross et al. 2018, Fundamentals
    of Queueing Theory, section 3.3.
    """
    _check(arrivals_per_hour, handle_minutes, agents, target_minutes)
    load = arrivals_per_hour * handle_minutes / 60
    if agents <= load:  # no agent, or a queue that grows for ever
        return Answering(0.0, 0.0, 1.0, math.inf, 1.0 if agents else math.nan)
    blocked = math.exp(_log_erlang_b(load, agents))
    waiting = blocked / (1 - load / agents * (1 - blocked))
    spare = (agents - load) / handle_minutes
    within = 1 - waiting * math.exp(-spare * target_minutes)
    return Answering(within, 0.0, waiting, waiting / spare, load / agents)


def answer_by_erlang_a(arrivals_per_hour, handle_minutes, agents, *, target_minutes, patience_minutes) -> Answering:
    """Return how a queue answers whose customers give up (M/M/n+M, Erlang A).

    Assumes what Erlang C does, but that each customer leaves after an exponential patience with the given mean.

    Parameters
    ----------
    arrivals_per_hour : float, 0 or more
    handle_minutes : float, above 0
    agents : int, 0 or more
    target_minutes : float, 0 or more
    patience_minutes : float, above 0
        Mean of the time after which a customer who has not been answered leaves.

    Returns
    -------
    Answering: whoever leaves counts as not answered within the target.

    Raises
    ------
    Refused: a figure outside its range.

    References
    ----------
    Garnett, Mandelbaum & Reiman 2002, section 2; Mandelbaum & Zeltyn 2007, section 3 (J and epsilon; the integrals are
    taken numerically, on a log scale).
    """
    _check(arrivals_per_hour, handle_minutes, agents, target_minutes, patience_minutes)
    if agents == 0:
        return NOBODY_ANSWERS
    if arrivals_per_hour == 0:
        return Answering(1.0, 0.0, 0.0, 0.0, 0.0)
    rate, served, leaving = arrivals_per_hour / 60, agents / handle_minutes, 1 / patience_minutes
    total, peak, sums = _integrate_offered_wait(rate, served, leaving, target_minutes)
    odds = math.log(rate) + _log_erlang_b(rate * handle_minutes, agents - 1) + peak + math.log(total)
    waiting, at_once = float(special.expit(odds)), float(special.expit(-odds))
    answered_late, answered_soon, waited = (waiting * value / total for value in sums)
    answered = at_once + answered_late
    lost = min(max(1 - answered, 0.0), 1.0)
    return Answering(
        share_within=min(at_once + answered_soon, 1.0),
        share_lost=lost,
        share_waiting=waiting,
        wait_minutes=waited / answered,
        occupancy=min(rate * answered / served, 1.0),
    )


def _integrate_offered_wait(rate, served, leaving, target):
    """Integrals of h(x) = exp(rate (1 - exp(-leaving x)) / leaving - served x), the density of a patient one's wait.

    Returned are that of h over its peak, the log of the peak, and those of h times the share who are still there:
    over all waits, up to the target, and times the wait itself.
    """
    top = max(0.0, math.log(rate / served) / leaving) if rate > served else 0.0

    def height(x, expm1=math.expm1):
        return -rate * expm1(-leaving * x) / leaving - served * x

    peak = height(top)
    low = 0.0 if top == 0 else _find_edge(height, peak, top, 0.0)
    high = _find_edge(height, peak, top, _reach(height, peak, top, served))
    total, answered, soon, waited = 0.0, 0.0, 0.0, 0.0
    cuts = sorted({low, top, high, min(max(target, low), high)})
    for left, right in itertools.pairwise(cuts):
        x = left + (right - left) * (NODES + 1) / 2
        density = np.exp(height(x, np.expm1) - peak) * WEIGHTS * (right - left) / 2
        still = density * np.exp(-leaving * x)
        total += density.sum()
        answered += still.sum()
        soon += still.sum() if right <= target else 0.0
        waited += (still * x).sum()
    return total, peak, (answered, soon, waited)


def _reach(height, peak, top, served):
    step = NEGLIGIBLE / served
    while height(top + step) > peak - NEGLIGIBLE:
        step *= 2
    return top + step


def _find_edge(height, peak, inside, outside):
    """Where the density has fallen to what is negligible, between its peak and a point beyond."""
    if height(outside) >= peak - NEGLIGIBLE:
        return outside
    for _ in range(30):
        middle = (inside + outside) / 2
        if height(middle) > peak - NEGLIGIBLE:
            inside = middle
        else:
            outside = middle
    return outside


@functools.lru_cache(maxsize=100_000)
def _log_erlang_b(load, agents):
    """Log of the share that finds all agents busy where nobody waits (Erlang B), by Poisson tails or by recursion."""
    if load == 0:
        return 0.0 if agents == 0 else -math.inf
    below = special.gammaincc(agents + 1, load)
    if below > TINY:
        return agents * math.log(load) - load - special.gammaln(agents + 1) - math.log(below)
    inverse = 1.0
    for agent in range(1, agents + 1):
        inverse = 1 + inverse * agent / load
    return -math.log(inverse)


def agents_needed(
    arrivals_per_hour, handle_minutes, *, target_minutes, target_share, patience_minutes=None, most=100_000
) -> int:
    """Return the fewest agents who answer the target share of all who ask within the target.

    Parameters
    ----------
    arrivals_per_hour : float, 0 or more; 0 needs no agent
    handle_minutes : float, above 0
    target_minutes : float, 0 or more
    target_share : float, above 0 and below 1
    patience_minutes : float, optional
        Mean patience (Erlang A); left out, customers wait for ever (Erlang C).
    most : int

    Returns
    -------
    int

    Raises
    ------
    Refused: a figure outside its range, or more than `most` agents would be needed.
    """
    if not 0 < target_share < 1:
        raise Refused(f"staffing, target_share: {target_share:g} is not a share above 0 and below 1")
    if arrivals_per_hour == 0:
        return 0

    def is_enough(agents):
        if patience_minutes is None:
            found = answer_by_erlang_c(arrivals_per_hour, handle_minutes, agents, target_minutes=target_minutes)
        else:
            found = answer_by_erlang_a(
                arrivals_per_hour,
                handle_minutes,
                agents,
                target_minutes=target_minutes,
                patience_minutes=patience_minutes,
            )
        return found.share_within >= target_share

    low, high = _bracket(is_enough, min(math.ceil(arrivals_per_hour * handle_minutes / 60), most), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _bracket(is_enough, guess, most):
    """Two numbers of agents, the lower not enough, the higher enough, found by growing steps from a guess."""
    step = 1
    if is_enough(guess):
        while guess - step > 0 and is_enough(guess - step):
            step *= 2
        return max(guess - step, 0), guess
    while not is_enough(min(guess + step, most)):
        if guess + step >= most:
            raise Refused(f"staffing: more than {most:,} agents would be needed; check the rates and the target")
        step *= 2
    return guess, min(guess + step, most)


def _check(arrivals, handle, agents, target, patience=1.0):
    figures = {"arrivals_per_hour": arrivals, "agents": agents, "target_minutes": target}
    for name, value in figures.items():
        if not (math.isfinite(value) and value >= 0):
            raise Refused(f"staffing, {name}: {value:g} is not a number of 0 or more")
    for name, value in {"handle_minutes": handle, "patience_minutes": patience}.items():
        if not (math.isfinite(value) and value > 0):
            raise Refused(f"staffing, {name}: {value:g} is not a number above 0")
