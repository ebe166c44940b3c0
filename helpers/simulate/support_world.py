"""The test and its teams: what is planted, when sign-ups and questions come, and who is on duty to answer."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from helpers.records import Refused
from helpers.simulate import kit
from helpers.simulate.kit import SECONDS_A_DAY, bound
from helpers.simulate.queue import HOURS_A_WEEK

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
    fading: float = bound(0.0, 0, 1)  # share of the effect that is lost from first to last week; the average stays
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
    """Return by how much the planted effect is multiplied, by week and hour of sign-up, shape (16, 168).

    The average over sign-ups is 1 exactly: hours as `SIGN_UPS` has them, weeks alike. By hour it follows the
    staffing of the team that serves the live arm; `fading` lets it fall in a straight line over the weeks.
    """
    staffed = ON_DUTY["regular" if world.shared_agents else "live"]
    by_hour = 1 - world.effect_by_hour + world.effect_by_hour * staffed / (SIGN_UPS @ staffed)
    by_week = 1 - world.fading * np.arange(WEEKS) / (WEEKS - 1)
    return np.outer(by_week / by_week.mean(), by_hour)


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
    return np.asarray(seconds, dtype=np.int64) // kit.SECONDS_AN_HOUR % HOURS_A_WEEK


def draw_people(world, n_units, rng):
    """Return everybody who signs up, in order of time: arm, hidden traits, and what is known beforehand.

    `start` counts seconds since the clock starts; `shown`: is in the tables; `delivered`: how much of the effect.
    """
    lot, draw = rng["assignment"], rng["people"]
    start, shown, first = [], [], 0
    for name, days in DAYS.items():
        size = n_units if name == "test" else max(1, round(n_units * days / DAYS["test"]))
        hour = lot.choice(HOURS_A_WEEK, size, p=SIGN_UPS) + lot.integers(0, days // 7, size) * HOURS_A_WEEK
        start.append(first + np.sort(hour * kit.SECONDS_AN_HOUR + lot.integers(0, kit.SECONDS_AN_HOUR, size)))
        shown.append(np.full(size, name in ("before", "test")))
        first += days * SECONDS_A_DAY
    start = np.concatenate(start)
    tested = start >= TEST_FROM
    live = tested & (lot.random(start.size) < 0.5)
    week = np.clip((start - TEST_FROM) // (7 * SECONDS_A_DAY), 0, WEEKS - 1)
    keenness, other = draw.standard_normal((2, start.size))
    alike = SATISFACTION_AND_KEENNESS
    return pd.DataFrame(
        {
            "start": start,
            "variant": np.where(live, TREATMENT, np.where(tested, CONTROL, BEFORE)),
            "assigned_at": CLOCK_STARTS.as_unit("s") + pd.to_timedelta(start, unit="s"),
            "shown": np.concatenate(shown),
            "delivered": np.where(live, deliver(world)[week, hour_of_week(start)], 0.0),
            "keenness": keenness,
            "satisfaction": alike * keenness + np.sqrt(1 - alike**2) * other,
            "company_size": SIZES[kit.choose(SIZE_LEVELS, SIZE_SLOPES, keenness, draw)],
            "channel": CHANNELS[kit.choose(CHANNEL_LEVELS, CHANNEL_SLOPES, keenness, draw)],
        }
    )
