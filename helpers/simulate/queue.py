"""One queue of customers and the agents who serve it, event by event, so that waits come from a queue and no draw."""

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

SECONDS_AN_HOUR = 3_600
HOURS_A_WEEK = 168
DUTY_CHANGES, TALK_ENDS, CUSTOMER_COMES = range(3)  # the order of what happens at one moment


@dataclass(frozen=True)
class Service:
    """What became of each customer: `agent` (n,) int, -1 where nobody answered; `wait` (n,) seconds, nan there."""

    agent: np.ndarray
    wait: np.ndarray


def serve(arrived, handling, patience, agents, duty, *, priority=None) -> Service:
    """Return who answered each customer of one queue, and after how many seconds.

    The free agent who has been idle longest takes the customer of the lowest priority number who came first. An
    agent begins only on duty, and finishes what was begun (non-preemptive). A customer whose patience ends before
    a start leaves unanswered. At one moment duty changes first, then conversations end, then customers arrive.
    Nothing is drawn: equal inputs give equal results.

    Parameters
    ----------
    arrived : array-like, shape (n,), seconds, rising; second 0 is a Monday 00:00
    handling : array-like, shape (n,), seconds, 0 or more
    patience : array-like, shape (n,), seconds, 0 or more; inf: never leaves
    agents : int
    duty : array-like of bool, shape (agents, 168)
        Who is on duty in each hour of the week, Monday 00 first; each week is the same.
    priority : array-like of int, shape (n,), optional
        Lower is served first; without it all are equal.

    Returns
    -------
    Service: agent and wait, both shape (n,), in the order of `arrived`.

    Raises
    ------
    ValueError: shapes differ, `arrived` falls or is not finite, a time is negative or missing, or `duty` has
        another shape than (agents, 168).
    """
    arrived, handling, patience = (np.asarray(values, dtype=float) for values in (arrived, handling, patience))
    duty = np.asarray(duty, dtype=bool)
    priority = np.zeros(arrived.size, dtype=int) if priority is None else np.asarray(priority)
    _check_customers(arrived, handling, patience, priority)
    if duty.shape != (agents, HOURS_A_WEEK):
        raise ValueError(f"serve, duty: shape {duty.shape}; give ({agents}, {HOURS_A_WEEK}), a row an agent")
    agent, wait = np.full(arrived.size, -1), np.full(arrived.size, np.nan)
    if arrived.size:
        started = _run(arrived.tolist(), handling.tolist(), (arrived + patience).tolist(), duty, priority.tolist())
        for row, (who, start) in started.items():
            agent[row], wait[row] = who, start - arrived[row]
    return Service(agent, wait)


def _check_customers(arrived, handling, patience, priority):
    if any(values.shape != (arrived.size,) for values in (arrived, handling, patience, priority)):
        raise ValueError("serve: arrived, handling, patience and priority must have one value a customer, shape (n,)")
    if not np.isfinite(arrived).all() or (np.diff(arrived) < 0).any():
        raise ValueError("serve, arrived: must be finite seconds that never fall; sort the customers first")
    if not (np.isfinite(handling) & (handling >= 0) & (patience >= 0)).all():
        raise ValueError("serve: handling must be finite, and neither handling nor patience missing or below 0")


class _Desk:
    """Who waits, who is idle and what has begun, and the events to come as one heap of (second, kind, number)."""

    def __init__(self, arrived, handling, leaves_at):
        self.handling, self.leaves_at = handling, leaves_at
        self.events = [(at, CUSTOMER_COMES, customer) for customer, at in enumerate(arrived)]  # a heap, as they rise
        self.waiting, self.idle = [], []  # heaps of (priority, customer), (idle since, agent); these count while true
        self.on_duty, self.busy, self.idle_since = set(), set(), {}
        self.started = {}  # customer -> (agent, second)

    def release(self, now, agent):
        if agent in self.on_duty and agent not in self.busy:
            self.idle_since[agent] = now
            heappush(self.idle, (now, agent))

    def match(self, now):
        while self.waiting and self.idle:
            since, agent = self.idle[0]
            if self.idle_since.get(agent) != since:
                heappop(self.idle)
                continue
            customer = heappop(self.waiting)[1]
            if self.leaves_at[customer] >= now:
                heappop(self.idle)
                del self.idle_since[agent]
                self.busy.add(agent)
                self.started[customer] = (agent, now)
                heappush(self.events, (now + self.handling[customer], TALK_ENDS, agent))


def _run(arrived, handling, leaves_at, duty, priority):
    """Return, by customer who is answered, the agent and the second at which it begins."""
    desk, ahead = _Desk(arrived, handling, leaves_at), len(arrived)
    changes = duty != np.roll(duty, 1, axis=1)
    hours = np.flatnonzero(changes.any(axis=0))

    def plan_change(hour):
        if hours.size:
            following = hour + 1 + int(((hours - hour - 1) % HOURS_A_WEEK).min())
            heappush(desk.events, (following * SECONDS_AN_HOUR, DUTY_CHANGES, following))

    hour = int(arrived[0] // SECONDS_AN_HOUR)
    desk.on_duty.update(np.flatnonzero(duty[:, hour % HOURS_A_WEEK]).tolist())
    for agent in desk.on_duty:
        desk.release(arrived[0], agent)
    plan_change(hour)
    while desk.events and (ahead or desk.waiting):
        now, kind, who = heappop(desk.events)
        if kind == DUTY_CHANGES:
            for agent in np.flatnonzero(changes[:, who % HOURS_A_WEEK]).tolist():
                desk.on_duty ^= {agent}
                desk.idle_since.pop(agent, None)
                desk.release(now, agent)
            plan_change(who)
        elif kind == TALK_ENDS:
            desk.busy.discard(who)
            desk.release(now, who)
        else:
            heappush(desk.waiting, (priority[who], who))
            ahead -= 1
        desk.match(now)
    return desk.started
