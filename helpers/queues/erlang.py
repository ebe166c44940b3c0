"""The formulas of Erlang: how soon a number of agents answers, with customers who wait for ever and who give up."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from helpers.records import Refused

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
NEGLIGIBLE = 42.0  # e to the minus 42: what is left out of an integral
TINY = 1e-280  # probabilities below are found by recursion
MOST_AGENTS = 100_000


@dataclass(frozen=True)
class Promise:
    """A reply that is promised, the work that it takes, and the patience of those who wait for it.

    Parameters
    ----------
    handle_minutes, patience_minutes : float, above 0
        Means of the work on a question, and of the time after which a customer without an answer leaves; both times
        are taken as exponential.
    target_minutes : float, 0 or more
    target_share : float, above 0 and below 1
        Of all who ask, answered within the target; whoever leaves before is missed.
    """

    handle_minutes: float
    patience_minutes: float
    target_minutes: float
    target_share: float


@dataclass(frozen=True)
class Answering:
    """How a queue answers in the long run.

    `share_within` of all who ask, answered within the target; `share_lost` who leave unanswered; `wait_minutes` mean
    wait of those who are answered, nan where nobody is; `occupancy` mean share of the agents who are busy, nan without
    agents.
    """

    share_within: float
    share_lost: float
    wait_minutes: float
    occupancy: float


def answer_by_erlang_c(arrivals_per_hour, agents, promise) -> Answering:
    """Return how a queue answers whose customers wait for ever (M/M/n).

    Assumes that questions come one by one at an even rate, that handling times are exponential and that the hour is
    like all hours before it. Nobody leaves: agents too few for the load never catch up.

    Parameters
    ----------
    arrivals_per_hour : float, 0 or more
    agents : int, 0 or more
    promise : Promise, whose patience is left aside

    Returns
    -------
    Answering: share_lost 0; where the load is not below the number of agents share_within is 0 and the wait endless.

    References
    ----------
    Erlang 1917, Solution of some problems in the theory of probabilities, section 3; Gross et al. 2018, Fundamentals
    of Queueing Theory, section 3.3.
    """
    load = arrivals_per_hour * promise.handle_minutes / 60
    if agents <= load:  # no agent, or a queue that grows for ever
        return Answering(0.0, 0.0, math.inf, 1.0 if agents else math.nan)
    blocked = math.exp(_log_erlang_b(load, agents))
    waiting = blocked / (1 - load / agents * (1 - blocked))
    spare = (agents - load) / promise.handle_minutes
    within = 1 - waiting * math.exp(-spare * promise.target_minutes)
    return Answering(within, 0.0, waiting / spare, load / agents)


@functools.lru_cache(maxsize=100_000)
def answer_by_erlang_a(arrivals_per_hour, agents, promise) -> Answering:
    """Return how a queue answers whose customers give up (M/M/n+M, Erlang A).

    Assumes what Erlang C does, but that each customer leaves after an exponential patience with the given mean. The
    wait of a patient one has the density h(x) = exp(rate (1 - exp(-leaving x)) / leaving - served x) beyond 0, up to a
    factor; it is integrated on either side of its peak and of the target, over its value at the peak.

    Parameters
    ----------
    arrivals_per_hour : float, 0 or more
    agents : int, 0 or more
    promise : Promise

    Returns
    -------
    Answering: whoever leaves counts as not answered within the target.

    References
    ----------
    Garnett, Mandelbaum & Reiman 2002, section 2; Mandelbaum & Zeltyn 2007, section 3 (J and epsilon; the integrals are
    taken numerically, on a log scale).
    """
    if agents == 0:
        return Answering(0.0, 1.0, math.nan, math.nan)
    if arrivals_per_hour == 0:
        return Answering(1.0, 0.0, 0.0, 0.0)
    rate, served, leaving = arrivals_per_hour / 60, agents / promise.handle_minutes, 1 / promise.patience_minutes

    def height(x):
        return -rate * np.expm1(-leaving * x) / leaving - served * x

    def rise(x):
        return height(x) - peak + NEGLIGIBLE

    top = max(0.0, math.log(rate / served) / leaving)
    peak = height(top)
    low = 0.0 if rise(0.0) >= 0 else optimize.brentq(rise, 0.0, top)
    high = optimize.brentq(rise, top, (rate / leaving - peak + NEGLIGIBLE + 1) / served)
    cuts = np.unique([low, top, high, np.clip(promise.target_minutes, low, high)])[:, None]
    x = cuts[:-1] + np.diff(cuts, axis=0) * (NODES + 1) / 2
    density = np.exp(height(x) - peak) * WEIGHTS * np.diff(cuts, axis=0) / 2
    total, still = density.sum(), density * np.exp(-leaving * x)  # who would wait, who is still there
    soon = still[cuts[1:, 0] <= promise.target_minutes].sum()
    odds = math.log(rate) + _log_erlang_b(rate * promise.handle_minutes, agents - 1) + peak + math.log(total)
    waiting, at_once = special.expit(odds), special.expit(-odds)
    answered = at_once + waiting * still.sum() / total
    return Answering(
        share_within=float(min(at_once + waiting * soon / total, 1.0)),
        share_lost=float(np.clip(1 - answered, 0.0, 1.0)),
        wait_minutes=float(waiting * (still * x).sum() / total / answered),
        occupancy=float(min(rate * answered / served, 1.0)),
    )


def _log_erlang_b(load, agents):
    """Log of the share that finds all agents busy where nobody waits (Erlang B), by Poisson tails or by recursion."""
    below = special.gammaincc(agents + 1, load)
    if below > TINY:
        return special.xlogy(agents, load) - load - special.gammaln(agents + 1) - math.log(below)
    inverse = 1.0
    for agent in range(1, agents + 1):
        inverse = 1 + inverse * agent / load
    return -math.log(inverse)


def agents_needed(arrivals_per_hour, promise, *, answer=answer_by_erlang_a) -> np.ndarray:
    """Return the fewest agents who answer the target share of all who ask within the target, one number a rate.

    Parameters
    ----------
    arrivals_per_hour : float or array-like, 0 or more; 0 needs no agent
    promise : Promise
    answer : function, `answer_by_erlang_a` or `answer_by_erlang_c`

    Returns
    -------
    array of int, shape as the rates

    Raises
    ------
    Refused: more than 100,000 agents would be needed.
    """
    rates, places = np.unique(arrivals_per_hour, return_inverse=True)
    agents, found = 0, []
    for rate in rates.tolist():  # rising: what is too few for one rate is too few for the next
        agents = max(agents, math.floor(rate * promise.handle_minutes / 60 * promise.target_share))
        while agents <= MOST_AGENTS and rate and answer(rate, agents, promise).share_within < promise.target_share:
            agents += 1
        if agents > MOST_AGENTS:
            raise Refused(f"staffing: more than {MOST_AGENTS:,} agents would be needed; check the rates and the target")
        found.append(agents)
    return np.array(found)[places].reshape(np.shape(arrivals_per_hour))
