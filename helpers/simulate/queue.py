"""One queue of customers and the agents who serve it, event by event, so that waits come from a queue and no draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np

SECONDS_AN_HOUR = 3_600
HOURS_A_WEEK = 168
NEVER = float("inf")


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
        desk = _Desk(handling.tolist(), (arrived + patience).tolist(), agents)
        _run(desk, arrived.tolist(), priority.tolist(), _Rota(duty, arrived[0]))
        for row, (who, start) in desk.started.items():
            agent[row], wait[row] = who, start - arrived[row]
    return Service(agent, wait)


def _check_customers(arrived, handling, patience, priority):
    if any(values.shape != (arrived.size,) for values in (arrived, handling, patience, priority)):
        raise ValueError("serve: arrived, handling, patience and priority must have one value a customer, shape (n,)")
    if not np.isfinite(arrived).all() or (np.diff(arrived) < 0).any():
        raise ValueError("serve, arrived: must be finite seconds that never fall; sort the customers first")
    if not (np.isfinite(handling) & (handling >= 0) & (patience >= 0)).all():
        raise ValueError("serve: handling must be finite, and neither handling nor patience missing or below 0")


class _Rota:
    """The moments at which duty changes, from the hour of the first customer on, and what changes at them."""

    def __init__(self, duty, first):
        self.on_now = duty[:, int(first // SECONDS_AN_HOUR) % HOURS_A_WEEK]
        self._hour = int(first // SECONDS_AN_HOUR)
        changes = duty != np.roll(duty, 1, axis=1)
        self._changes = {
            hour: [(int(agent), bool(duty[agent, hour])) for agent in np.flatnonzero(changes[:, hour])]
            for hour in np.flatnonzero(changes.any(axis=0)).tolist()
        }
        self._move()

    def _move(self):
        hour = self._hour + 1
        while self._changes and hour % HOURS_A_WEEK not in self._changes:
            hour += 1
        self._hour, self.next_at = hour, (hour * SECONDS_AN_HOUR if self._changes else NEVER)

    def take(self):
        changes = self._changes[self._hour % HOURS_A_WEEK]
        self._move()
        return changes


@dataclass
class _Desk:
    """Waiting customers, idle agents and begun conversations, as three heaps."""

    handling: list
    leaves_at: list
    agents: int
    waiting: list = field(default_factory=list)  # (priority, customer)
    idle: list = field(default_factory=list)  # (idle since, agent); an entry counts while idle_since agrees
    busy: list = field(default_factory=list)  # (ends at, agent)
    started: dict = field(default_factory=dict)  # customer -> (agent, second)

    def __post_init__(self):
        self.on_duty, self.idle_since = [False] * self.agents, [None] * self.agents
        self.is_busy = [False] * self.agents

    def change_duty(self, now, changes):
        for agent, on in changes:
            self.on_duty[agent] = on
            if on and not self.is_busy[agent]:
                self.release(now, agent)
            elif not on:
                self.idle_since[agent] = None
        self.match(now)

    def release(self, now, agent):
        self.is_busy[agent] = False
        if self.on_duty[agent]:
            self.idle_since[agent] = now
            heappush(self.idle, (now, agent))

    def match(self, now):
        while self.waiting and self.idle:
            since, agent = self.idle[0]
            if self.idle_since[agent] != since:
                heappop(self.idle)
                continue
            customer = heappop(self.waiting)[1]
            if self.leaves_at[customer] >= now:
                heappop(self.idle)
                self.begin(now, agent, customer)

    def begin(self, now, agent, customer):
        self.idle_since[agent], self.is_busy[agent] = None, True
        self.started[customer] = (agent, now)
        heappush(self.busy, (now + self.handling[customer], agent))


def _run(desk, arrived, priority, rota):
    desk.change_duty(arrived[0], [(agent, True) for agent in np.flatnonzero(rota.on_now).tolist()])
    customer, n = 0, len(arrived)
    while customer < n or desk.waiting:
        comes = arrived[customer] if customer < n else NEVER
        ends = desk.busy[0][0] if desk.busy else NEVER
        now = min(comes, ends, rota.next_at)
        if now == NEVER:  # those who still wait have nobody who could ever answer them
            return
        if rota.next_at == now:
            desk.change_duty(now, rota.take())
        elif ends == now:
            desk.release(now, heappop(desk.busy)[1])
            desk.match(now)
        else:
            heappush(desk.waiting, (priority[customer], customer))
            desk.match(now)
            customer += 1
