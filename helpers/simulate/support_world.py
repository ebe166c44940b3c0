"""The test and its teams: what is planted, when sign-ups come, who is on duty, and the queue in which they wait."""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import ClassVar

import numpy as np
import pandas as pd

from helpers.records import Refused
from helpers.simulate import kit
from helpers.simulate.kit import SECONDS_A_DAY, SECONDS_AN_HOUR, bound

HOURS_A_WEEK = 168
DUTY_CHANGES, TALK_ENDS, CUSTOMER_COMES = range(3)  # the order of what happens at one moment in a queue
CONTROL, TREATMENT, BEFORE = "standard", "live", "before"
WEEKS, WEEKS_BEFORE = 16, 4  # the article's sixteen, and the month before that shows what the test itself changed
QUESTION_DAYS, PAID_DAYS = 28, 60
USUAL_UNITS = 24_000  # the size for which the numbers of agents and of other questions are meant
PARTS = ("people", "assignment", "questions", "others", "replies", "money", "survey")
# Sign-ups that no table shows come before and after: without them the queues begin and end half empty.
DAYS = {"earlier": 14, "before": 7 * WEEKS_BEFORE, "test": 7 * WEEKS, "later": 42}
TEST_FROM = (DAYS["earlier"] + DAYS["before"]) * SECONDS_A_DAY  # second 0 is a Monday 00:00
CLOCK_STARTS = pd.Timestamp("2018-07-23", tz="UTC")
COMPLETE_TO = pd.Timestamp("2019-04-01", tz="UTC")  # the end of the plan's as_of, 2019-03-31
SATISFACTION_AND_KEENNESS = 0.5  # correlation, so that surveys depend on what covariates tell, a little
SIZES, SIZE_LEVELS, SIZE_SLOPES = np.array(["1-10", "11-50", "51+"]), [0.8, 0.2, -0.6], [-0.4, 0.0, 0.4]
CHANNELS, CHANNEL_LEVELS = np.array(["search", "referral", "ads", "direct"]), [0.5, -0.3, 0.1, 0.0]
CHANNEL_SLOPES = [0.0, 0.4, -0.4, 0.2]
SHIFT_HOURS, HOURS_A_PERSON = 4, 40  # a rota in blocks of four hours; nobody works more than forty a week
FLAT = 0.15  # part of sign-ups and of other customers' questions that keeps no office hours


def _tile(weekday, weekend):
    return np.concatenate([np.tile(weekday, 5), np.tile(weekend, 2)])


# Activity by the hour of the day (UTC) on weekdays, Monday 00 first; at weekends a quarter of it.
_DAY = np.array([*[0.05] * 5, 0.1, 0.25, 0.5, 0.9, *[1.0] * 8, 0.8, 0.55, 0.4, 0.3, 0.2, 0.1, 0.05])
# When the queue is short: weekday mornings. Keen sign-ups ask then.
_MORNING = np.array([*[0.02] * 4, 0.1, 0.4, 0.8, 1.0, 1.0, 0.8, 0.4, 0.15, *[0.04] * 12])
BUSY, MORNINGS = _tile(_DAY, _DAY / 4), _tile(_MORNING, _MORNING / 4)
SIGN_UPS = (1 - FLAT) * BUSY / BUSY.sum() + FLAT / HOURS_A_WEEK  # share of them in each hour of the week
# On duty of a full team in blocks of four hours, weekday and weekend. Nobody answers between midnight and four.
ON_DUTY = {
    "regular": np.repeat(_tile([0, 0.5, 0.8, 0.8, 1, 0.5], [0, 0.12, 0.25, 0.25, 0.25, 0.12]), SHIFT_HOURS),
    "live": np.repeat(_tile([0, 0.75, 1, 1, 1, 0.4], [0, 0.4, 0.4, 0.4, 0.4, 0.2]), SHIFT_HOURS),
}


@dataclass(frozen=True)
class SupportWorld(kit.World):
    """Baselines of the standard arm, planted effects (`live` minus `standard`, per assigned sign-up), and the team.

    The article gives effects, the reply times and the share of good ratings; every other baseline is an assumption.
    """

    study: ClassVar[str] = "live_support"
    questions: float = bound(0.8, 0.05, 20)  # per sign-up in 28 days; six of ten ask none; not reported
    questions_lift: float = bound(0.18, -0.9, 5)  # the published 18 % more questions (claim R10)
    trial_rate: float = bound(0.20, 0.02, 0.9)  # usual for sign-ups that may start a trial; not reported
    trial_lift: float = bound(0.30, -0.9, 5)  # the published 30 % more trial starts (claim R12)
    paid_rate: float = bound(0.08, 0.005, 0.8)  # two of five trials; not reported
    revenue_lift: float = bound(0.15, -0.9, 5)  # the published 15 % of revenue (claim R11), all through who pays
    monthly_amount: float = bound(140.0, 0.1, 1_000_000)  # dollars, mean of a paying customer; not reported
    revenue_spread: float = bound(1.0, 0, 2.5)  # of log dollars: the largest hundredth pays a tenth, as is usual
    monthly_churn: float = bound(0.04, 0, 0.9)  # of paying customers; usual for small companies
    refund_share: float = bound(0.03, 0, 0.9)  # of first payments, so that revenue has negative values
    nps: float = bound(30.0, -80, 80)  # points among those who answer, standard arm; usual; not reported
    loyalty_effect: float = bound(15.0, -100, 100)  # the published 15 of the loyalty score (claim R13)
    loyalty_as: str = kit.limit("points", "points or percent", lambda word: word in ("points", "percent"))
    # the article does not say whether 15 is points or per cent
    csat_good: float = bound(0.95, 0.05, 0.99)  # about 95 % of ratings were good before the test (claim R03)
    csat_effect: float = bound(0.0, -2, 2)  # points of the mean rating, 1 to 5; a guardrail that holds
    response_rate: float = bound(0.35, 0.02, 0.95)  # of surveys that are answered, standard arm; not reported
    response_effect: float = bound(0.01, -0.5, 0.5)  # who is served at once answers more: answers alone mislead
    satisfied_answer: float = bound(0.6, -3, 3)  # log-odds of answering per sd of satisfaction: not at random
    effect_by_hour: float = bound(0.8, 0, 1)  # how much of the effect follows the hours in which live is staffed
    keenness_and_outcome: float = bound(1.0, -3, 3)  # log-odds of trial and of payment per sd of keenness
    keenness_and_speed: float = bound(2.0, -3, 3)  # log-odds of asking while the queue is short per sd of keenness
    live_agents: int = bound(5, 1, 1000)  # on duty in office hours: six of seven replies within two minutes
    regular_agents: int = bound(8, 1, 1000)  # on duty at its fullest: a mean reply of about one hour (claim R04)
    moved_agents: int = bound(2, 0, 999)  # seats given up when the test began; more than the work that left the team
    shared_agents: bool = kit.limit(False, "True or False", lambda value: isinstance(value, (bool, np.bool_)))
    # or the regular team serves both arms, live questions first
    other_questions_per_hour: float = bound(15.0, 0, 1000)  # of customers outside the study, in the regular queue too
    handle_minutes: float = bound(10.0, 0.1, 240)  # mean of one conversation; not reported
    first_reply_share: float = bound(0.08, 0, 1)  # of that time passes until a first reply is written: under a minute
    patience_hours: float = bound(12.0, 0.1, 1000)  # mean time until who has no reply gives up

    def __post_init__(self):
        super().__post_init__()
        if self.moved_agents >= self.regular_agents:
            raise Refused("simulation live_support, moved_agents: it must be below regular_agents")
        if self.paid_rate >= self.trial_rate:
            raise Refused("simulation live_support, paid_rate: it must be below trial_rate")

    @property
    def loyalty_gain(self) -> float:
        """The planted difference of NPS among those who answer, in points."""
        return self.loyalty_effect * (self.nps / 100 if self.loyalty_as == "percent" else 1)


def plan_duty(team, seats) -> np.ndarray:
    """Return who is on duty in each hour of the week, shape (people, 168).

    Blocks of four hours go round the people of the team, so that all work about the same time.

    Parameters
    ----------
    team : str, `live` or `regular`
    seats : int, on duty in office hours; a thinner block has at least one
    """
    wanted = np.ceil(ON_DUTY[team] * seats - 1e-9).astype(int)
    people = max(seats, int(np.ceil(wanted.sum() / HOURS_A_PERSON)))
    duty, turn = np.zeros((people, HOURS_A_WEEK), dtype=bool), 0
    for start in range(0, HOURS_A_WEEK, SHIFT_HOURS):
        duty[(turn + np.arange(wanted[start])) % people, start : start + SHIFT_HOURS] = True
        turn += wanted[start]
    return duty


def deliver(world) -> np.ndarray:
    """Return by how much the planted effect is multiplied, by hour of sign-up, shape (168,).

    The average over sign-ups, as `SIGN_UPS` has them, is 1 exactly; it follows the staffing of the team that serves
    the live arm.
    """
    staffed = ON_DUTY["regular" if world.shared_agents else "live"]
    return 1 - world.effect_by_hour + world.effect_by_hour * staffed / (SIGN_UPS @ staffed)


def gather_teams(world, n_units) -> dict[str, np.ndarray]:
    """Return the duty, shape (people, 168), of the weeks before the test (`before`) and of the test, by queue.

    The numbers of agents are meant for 24,000 sign-ups. For others the regular team grows in proportion, as the
    work does; the live team by the square-root rule (work plus a reserve that grows with its root), which keeps the
    chance to wait. At least one is on duty. Agents whom the regular team gives up are the first of the live team.

    References
    ----------
    Halfin, Whitt 1981, Operations Research 29(3): the square-root rule.
    """
    size, seats = n_units / USUAL_UNITS, (world.regular_agents, world.regular_agents - world.moved_agents)
    before, standard = (plan_duty("regular", max(1, round(size * number))) for number in seats)
    if world.shared_agents:
        return {"before": before, "standard": before}
    asked = _count_questions(world)[1] / HOURS_A_WEEK
    work = min(world.live_agents, asked * world.handle_minutes / 60)
    live = size * work + np.sqrt(size) * (world.live_agents - work)
    return {"before": before, "standard": standard, "live": plan_duty("live", max(1, round(live)))}


def _count_questions(world):
    """Return the questions a week of each arm, standard and live, of a test of usual size."""
    standard = USUAL_UNITS / 2 / WEEKS * world.questions
    return standard, standard * (1 + world.questions_lift)


def expect_others(world, n_units, teams) -> np.ndarray:
    """Return the mean number of other customers' questions to the regular team, shape (all weeks, 168).

    For 24,000 sign-ups it is the world's rate. For others it is what keeps the work for each agent on duty, hour by
    hour, as whole agents cannot shrink with the number of sign-ups.
    """
    usual, arms = gather_teams(world, USUAL_UNITS), _count_questions(world)
    asked = {"before": 2 * arms[0], "standard": sum(arms) if world.shared_agents else arms[0]}
    weeks = {"before": DAYS["earlier"] + DAYS["before"], "standard": DAYS["test"] + DAYS["later"]}
    rates = []
    for name, known in asked.items():
        seats, usual_seats = teams[name].sum(axis=0), usual[name].sum(axis=0)
        ratio = np.where(usual_seats > 0, seats / np.maximum(usual_seats, 1), seats.sum() / usual_seats.sum())
        work = world.other_questions_per_hour * HOURS_A_WEEK + known
        rate = np.maximum(work * ratio - known * n_units / USUAL_UNITS, 0) * SIGN_UPS
        rates.append(np.tile(rate, (weeks[name] // 7, 1)))
    return np.vstack(rates)


def hour_of_week(seconds) -> np.ndarray:
    """Return the hour of the week, 0 Monday 00:00 to 167, of seconds since the first Monday."""
    return np.asarray(seconds, dtype=np.int64) // SECONDS_AN_HOUR % HOURS_A_WEEK


def draw_people(world, n_units, rng):
    """Return everybody who signs up, in order of time: arm, hidden traits, and what is known beforehand.

    `start` counts seconds since the clock starts; `shown`: is in the tables; `delivered`: how much of the effect.
    """
    lot, draw = rng["assignment"], rng["people"]
    start, shown, first = [], [], 0
    for name, days in DAYS.items():
        size = n_units if name == "test" else max(1, round(n_units * days / DAYS["test"]))
        hour = lot.choice(HOURS_A_WEEK, size, p=SIGN_UPS) + lot.integers(0, days // 7, size) * HOURS_A_WEEK
        start.append(first + np.sort(hour * SECONDS_AN_HOUR + lot.integers(0, SECONDS_AN_HOUR, size)))
        shown.append(np.full(size, name in ("before", "test")))
        first += days * SECONDS_A_DAY
    start = np.concatenate(start)
    tested = start >= TEST_FROM
    live = tested & (lot.random(start.size) < 0.5)
    keenness, other = draw.standard_normal((2, start.size))
    alike = SATISFACTION_AND_KEENNESS
    return pd.DataFrame(
        {
            "start": start,
            "variant": np.where(live, TREATMENT, np.where(tested, CONTROL, BEFORE)),
            "assigned_at": CLOCK_STARTS.as_unit("s") + pd.to_timedelta(start, unit="s"),
            "shown": np.concatenate(shown),
            "delivered": np.where(live, deliver(world)[hour_of_week(start)], 0.0),
            "keenness": keenness,
            "satisfaction": alike * keenness + np.sqrt(1 - alike**2) * other,
            "company_size": SIZES[kit.choose(SIZE_LEVELS, SIZE_SLOPES, keenness, draw)],
            "channel": CHANNELS[kit.choose(CHANNEL_LEVELS, CHANNEL_SLOPES, keenness, draw)],
        }
    )


@dataclass(frozen=True)
class Service:
    """What became of each customer: `agent` (n,) int, -1 where nobody answered; `wait` (n,) seconds, nan there."""

    agent: np.ndarray
    wait: np.ndarray


def serve(arrived, handling, patience, duty, *, priority=None) -> Service:
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
    duty : array-like of bool, shape (agents, 168)
        Who is on duty in each hour of the week, Monday 00 first; each week is the same.
    priority : array-like of int, shape (n,), optional
        Lower is served first; without it all are equal.

    Returns
    -------
    Service: agent and wait, both shape (n,), in the order of `arrived`.
    """
    arrived, handling, patience = (np.asarray(values, dtype=float) for values in (arrived, handling, patience))
    duty = np.asarray(duty, dtype=bool)
    priority = np.zeros(arrived.size, dtype=int) if priority is None else np.asarray(priority)
    agent, wait = np.full(arrived.size, -1), np.full(arrived.size, np.nan)
    if arrived.size:
        started = _run(arrived.tolist(), handling.tolist(), (arrived + patience).tolist(), duty, priority.tolist())
        for row, (who, start) in started.items():
            agent[row], wait[row] = who, start - arrived[row]
    return Service(agent, wait)


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
