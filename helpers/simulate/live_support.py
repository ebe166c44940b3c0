"""Live support for half of new sign-ups: what is planted, the teams and their queues, and the tables that follow."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import special

from helpers.simulate import kit
from helpers.simulate.kit import HOURS_A_WEEK, NODES, SECONDS_A_DAY, SECONDS_AN_HOUR, TRIAL_DAYS, average, bound, tell

CONTROL, TREATMENT, BEFORE = "standard", "live", "before"
WEEKS, WEEKS_BEFORE = 16, 4  # the article's sixteen, and the month before that shows what the test itself changed
QUESTION_DAYS, PAID_DAYS = 28, 60
USUAL_UNITS = 24_000  # the size for which the numbers of agents and of other questions are meant
# Sign-ups that no table shows come before and after: without them the queues begin and end half empty.
DAYS = {"earlier": 14, "before": 7 * WEEKS_BEFORE, "test": 7 * WEEKS, "later": 42}
TEST_FROM = (DAYS["earlier"] + DAYS["before"]) * SECONDS_A_DAY  # second 0 is a Monday 00:00
CLOCK_STARTS = pd.Timestamp("2018-07-23", tz="UTC")
COMPLETE_TO = pd.Timestamp("2019-04-01", tz="UTC")  # the end of the plan's as_of, 2019-03-31
ALIKE = 0.5  # correlation of satisfaction and keenness, so that surveys depend on what covariates tell, a little
SIZES, SIZE_LEVELS, SIZE_SLOPES = np.array(["1-10", "11-50", "51+"]), [0.8, 0.2, -0.6], [-0.4, 0.0, 0.4]
CHANNELS, CHANNEL_LEVELS = np.array(["search", "referral", "ads", "direct"]), [0.5, -0.3, 0.1, 0.0]
CHANNEL_SLOPES = [0.0, 0.4, -0.4, 0.2]
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
ON_DUTY = {"regular": _tile([0, 0.5, 0.8, 0.8, 1, 0.5], [0, 0.12, 0.25, 0.25, 0.25, 0.12])}
ON_DUTY["live"] = _tile([0, 0.75, 1, 1, 1, 0.4], [0, 0.4, 0.4, 0.4, 0.4, 0.2])
ON_DUTY = {team: np.repeat(share, kit.SHIFT_HOURS) for team, share in ON_DUTY.items()}


@dataclass(frozen=True)
class SupportWorld(kit.World):
    """Baselines of the standard arm, planted effects (`live` minus `standard`, per assigned sign-up), and the team.

    The article gives effects, the reply times and the share of good ratings; every other baseline is an assumption.
    """

    study: ClassVar = "live_support"
    arms: ClassVar = (CONTROL, TREATMENT)
    parts: ClassVar = ("people", "assignment", "questions", "others", "replies", "money", "survey")
    calendar: ClassVar = {"end": COMPLETE_TO, "texts": ["conversation_id", "agent_id"]}
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
        self.refuse(self.moved_agents >= self.regular_agents, ", moved_agents: it must be below regular_agents")
        self.refuse(self.paid_rate >= self.trial_rate, ", paid_rate: it must be below trial_rate")

    @property
    def loyalty_gain(self) -> float:
        """The planted difference of NPS among those who answer, in points."""
        return self.loyalty_effect * (self.nps / 100 if self.loyalty_as == "percent" else 1)


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
    before, standard = (kit.plan_duty(ON_DUTY["regular"], max(1, round(size * number))) for number in seats)
    if world.shared_agents:
        return {"before": before, "standard": before}
    asked = _count_questions(world)[1] / HOURS_A_WEEK
    work = min(world.live_agents, asked * world.handle_minutes / 60)
    live = size * work + np.sqrt(size) * (world.live_agents - work)
    return {"before": before, "standard": standard, "live": kit.plan_duty(ON_DUTY["live"], max(1, round(live)))}


def _count_questions(world):
    """Return the questions a week of each arm, standard and live, of a test of usual size."""
    standard = USUAL_UNITS / 2 / WEEKS * world.questions
    return standard, standard * (1 + world.questions_lift)


def expect_others(world, n_units, teams) -> np.ndarray:
    """Return the mean number of other customers' questions to the regular team, shape (all weeks, 168).

    For 24,000 sign-ups it is the world's rate. For others it is what keeps the work for each agent on duty, hour by
    hour, as whole agents cannot shrink with the number of sign-ups.
    """
    usual, arms, rates = gather_teams(world, USUAL_UNITS), _count_questions(world), []
    asked = {"before": 2 * arms[0], "standard": sum(arms) if world.shared_agents else arms[0]}
    weeks = {"before": DAYS["earlier"] + DAYS["before"], "standard": DAYS["test"] + DAYS["later"]}
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
    start, first = [], 0
    for name, days in DAYS.items():
        size = n_units if name == "test" else max(1, round(n_units * days / DAYS["test"]))
        hour = lot.choice(HOURS_A_WEEK, size, p=SIGN_UPS) + lot.integers(0, days // 7, size) * HOURS_A_WEEK
        start.append(first + np.sort(hour * SECONDS_AN_HOUR + lot.integers(0, SECONDS_AN_HOUR, size)))
        first += days * SECONDS_A_DAY
    start = np.concatenate(start)
    tested = start >= TEST_FROM
    live = tested & (lot.random(start.size) < 0.5)
    keenness, other = draw.standard_normal((2, start.size))
    people = {"start": start, "variant": np.where(live, TREATMENT, np.where(tested, CONTROL, BEFORE))}
    people["assigned_at"] = CLOCK_STARTS.as_unit("s") + pd.to_timedelta(start, unit="s")
    people["shown"] = (start >= DAYS["earlier"] * SECONDS_A_DAY) & (start < TEST_FROM + DAYS["test"] * SECONDS_A_DAY)
    people["delivered"] = np.where(live, deliver(world)[hour_of_week(start)], 0.0)
    people |= {"keenness": keenness, "satisfaction": ALIKE * keenness + np.sqrt(1 - ALIKE**2) * other}
    people["company_size"] = SIZES[kit.choose(SIZE_LEVELS, SIZE_SLOPES, keenness, draw)]
    people["channel"] = CHANNELS[kit.choose(CHANNEL_LEVELS, CHANNEL_SLOPES, keenness, draw)]
    return pd.DataFrame(people)


ASKING_SLOPE, LOYALTY_SLOPE, RATING_SLOPE = 0.5, 1.0, 1.2  # log questions and log-odds per standard deviation
ASKING_SPREAD = 1.0  # shape of the gamma by which sign-ups of equal keenness differ
SOON_DAYS = 4.0  # mean delay from sign-up to a question, before hours are looked at
LAST_DAYS, LATE_PART = 42, 0.1  # a tenth as many questions come in the two weeks after the window
MORNING_LEVEL = -0.7  # log-odds that a question comes in the morning by habit, at average keenness: one of three
HANDLING_SPREAD = 0.7  # of log minutes; conversations differ by a factor of two either way
LIVE_SECONDS = 300  # a first reply within five minutes counts as live, in either arm
TRIAL_MEAN, PAY_MEAN = 3.0, 4.0  # days to the trial; days from its end to the payment, at most up to day 60
PAY_DAYS = PAID_DAYS - QUESTION_DAYS - TRIAL_DAYS
LATE_SHARE, LATE_FROM, LATE_TO = 0.02, 77, 97  # few start a trial after every window, half of them pay after it
REVENUE_WINDOWS = {"revenue": 90, "revenue_30": 30, "revenue_60": 60}
SURVEY_DAY, ANSWER_MEAN, ANSWER_DAYS = 30, 3.0, 25
PASSIVE_GAP = 1.6  # log-odds between promoters and detractors: about a third are passive
LOYALTY = {  # shares within the three kinds of loyalty score
    "promoter": ([9, 10], [0.55, 0.45]),
    "passive": ([7, 8], [0.4, 0.6]),
    "detractor": (range(7), [0.08, 0.05, 0.08, 0.12, 0.15, 0.27, 0.25]),
}
RATINGS = {"good": ([5, 4], [0.65, 0.35]), "bad": ([3, 2, 1], [0.5, 0.25, 0.25])}  # shares within good and bad ratings
GOOD_MEAN, BAD_MEAN = (float(np.dot(*RATINGS[kind])) for kind in ("good", "bad"))
LEVELS = ("control", "before")  # groups without live support, whose share of good ratings is planted


def live_support(*, n_units=24_000, seed=2019, **world) -> kit.Simulation:
    """Return sign-ups of a 16-week test: control `standard` waits about an hour, treatment `live` about a minute.

    The sign-ups of the four weeks before (`before`) are served by the standard promise and not randomised. Replies
    come from queues: a live team beside the regular one, which answers other customers too, or (`shared_agents`)
    the regular team for both. A hidden keenness drives questions, trial and payment, and the hours of asking.

    Parameters
    ----------
    n_units : int, randomised sign-ups, 10 to 100,000,000
        A quarter as many come before. The article gives none; teams and other questions are scaled to it.
    seed : int
    **world : float, int, bool or str
        Baselines, planted effects and staffing: the fields of `SupportWorld`, each with its reason there.

    Returns
    -------
    Simulation: assignments (signup_id, variant, assigned_at UTC, company_size, channel); events (signup_id, event, at
        UTC, value, conversation_id, agent_id); units with questions, trial, paid, revenue, revenue_30, revenue_60
        (USD), nps, csat (nan where unanswered), answered, survey_sent, live_reply (0/1 within 28 days); truth of the
        population, without sampling error, and the staffing behind it.

    Raises
    ------
    Refused: an unknown parameter, a value outside its range, effects that no chance can carry.

    Examples
    --------
    >>> made = live_support(n_units=40, seed=3)
    >>> sorted(set(made.units["variant"]))
    ['before', 'live', 'standard']
    """
    settings, n_units, rng = SupportWorld.open(world, n_units, seed)
    chances, teams = solve_chances(settings), gather_teams(settings, n_units)
    people = draw_people(settings, n_units, rng)
    shown = people[people["shown"]].reset_index(drop=True)
    assignments = shown[["variant", "assigned_at", "company_size", "channel"]]
    assignments.insert(0, "signup_id", kit.name_units("su", len(shown)))
    talks = _draw_questions(settings, people, expect_others(settings, n_units, teams), rng)
    parts = [
        _tell_talks(people, _draw_replies(settings, people, talks, teams, rng["replies"])),
        _draw_money(settings, shown, chances, rng["money"]),
        _draw_survey(shown, chances, rng["survey"]),
    ]
    planned = {name: {"agents": len(duty), "agent_hours_per_week": int(duty.sum())} for name, duty in teams.items()}
    delivered = {"shared_agents": bool(settings.shared_agents), "teams": planned}
    truth = {"effects": state_truth(settings, chances), "delivered": delivered}
    what = f"{n_units:,} sign-ups whose effects are planted, and {len(shown) - n_units:,} of the weeks before"
    return settings.finish(assignments, parts, truth, what, planted="the effects")


def asking_means(world, keenness, delivered) -> np.ndarray:
    """Return the mean number of questions in 28 days at each keenness, where live support is delivered so much."""
    plain = world.questions * np.exp(ASKING_SLOPE * np.asarray(keenness) - ASKING_SLOPE**2 / 2)
    return plain * (1 + world.questions_lift * np.asarray(delivered))


def solve_chances(world) -> dict[str, kit.Chance]:
    """Return the chances of trial, paid, answered, promoter, detractor and good.

    Loyalty and ratings are solved among those who answer, as they are published; trial and payment over all.

    Raises
    ------
    Refused: an effect that leaves no chance a chance, or more who would pay than start a trial.
    """
    delivered, outcome = deliver(world), world.keenness_and_outcome
    square = float(delivered**2 @ SIGN_UPS)
    found = {"trial": kit.Chance.solve(world.trial_rate, world.trial_lift * world.trial_rate, outcome)}
    found["paid"] = kit.Chance.solve(world.paid_rate, world.revenue_lift * world.paid_rate, outcome)
    found["answered"] = kit.Chance.solve(world.response_rate, world.response_effect, world.satisfied_answer)
    loyalty = (world.nps / 100, (world.nps + world.loyalty_gain) / 100)
    good = (world.csat_good, world.csat_good + world.csat_effect / (GOOD_MEAN - BAD_MEAN))
    shapes = {"promoter": (1, 0.0), "detractor": (-1, -PASSIVE_GAP)}
    found |= _solve_answers(found["answered"], shapes, LOYALTY_SLOPE, loyalty, square)
    found |= _solve_answers(found["answered"], {"good": (1, 0.0)}, RATING_SLOPE, good, square)
    effects = ("trial starts", "revenue", "survey response", "loyalty", "loyalty", "ratings")
    for chance, effect in zip(found.values(), effects, strict=True):
        beyond = abs(chance.factor) * delivered.max() > 1
        world.refuse(beyond, f": the effect on {effect} leaves the possible range; lower it")
    trait = np.linspace(-6, 6, 241)
    for part in (0.0, delivered.max()):
        more = (found["paid"].served(trait, part) > found["trial"].served(trait, part) + 1e-12).any()
        world.refuse(more, ": more would pay than start a trial; lower revenue_lift or raise trial_lift")
    return found


def _solve_answers(answered, shapes, slope, targets, square):
    """Return chances, by name, whose signed sum has its target in either arm among those who answer.

    `shapes` are sign and offset of each chance, `targets` those of the standard and the live arm; in the live arm
    both who answers and the score depend on delivery, whose mean square is `square`.
    """

    def make(level, factor=0.0):
        found = {}
        for name, (sign, offset) in shapes.items():
            found[name] = kit.Chance(sign * level + offset, sign * slope, sign * factor)
        return found

    def add(level):
        return sum(shapes[name][0] * chance.plain(NODES) for name, chance in make(level).items())

    share, more = answered.plain(NODES), answered.factor * answered.room(NODES)
    level = kit.solve_level(add, targets[0], weight=share)
    room = sum(chance.room(NODES) for chance in make(level).values())
    gap = average((share + more) * (add(level) - targets[1]))
    return make(level, -gap / average((share + more * square) * room))


def state_truth(world, chances) -> list[dict]:
    """Return every planted effect of `live` against `standard`: population values, no sampling error.

    Loyalty and ratings have two populations: `itt`, had everybody answered, and `responders`, those who do. What
    who received a live reply gained has no closed form here, as it depends on the queue: no row states it.

    Returns
    -------
    list of dict: rows as `list_effects` makes them.
    """
    plain = {name: chance.plain(NODES) for name, chance in chances.items()}
    gain = {name: chance.factor * chance.room(NODES) for name, chance in chances.items()}
    means = {"questions": (world.questions, world.questions * (1 + world.questions_lift))}
    for name in ("trial", "paid", "answered"):
        means[name] = (average(plain[name]), average(plain[name]) + average(gain[name]))
    for name, days in REVENUE_WINDOWS.items():
        worth = world.monthly_amount * count_payments(world, days)
        means[name] = tuple(worth * share for share in means["paid"])
    effects = [row for name, pair in means.items() for row in kit.list_effects(name, world.arms, pair)]
    share, more, square = plain["answered"], gain["answered"], float(deliver(world) ** 2 @ SIGN_UPS)
    nps = [100 * (part["promoter"] - part["detractor"]) for part in (plain, gain)]
    csat = [BAD_MEAN + (GOOD_MEAN - BAD_MEAN) * plain["good"], (GOOD_MEAN - BAD_MEAN) * gain["good"]]
    for metric, (score, higher) in (("nps", nps), ("csat", csat)):
        effects.append(kit.make_effect(metric, world.arms, (average(score), average(score + higher))))
        live = average((share + more) * score) + average((share + more * square) * higher)
        pair = (average(share * score) / average(share), live / average(share + more))
        effects.append(kit.make_effect(metric, world.arms, pair, population="responders"))
    pair, level = (world.csat_good, world.csat_good), {"estimand": "level", "value": world.csat_good}
    return effects + [kit.make_effect("good_ratings", world.arms, pair, population=p, **level) for p in LEVELS]


def count_payments(world, days) -> float:
    """Return the mean number of monthly payments, less refunds, within some days of sign-up, for who pays."""
    trial_ends = TRIAL_DAYS + kit.cut_delay((np.arange(20_000) + 0.5) / 20_000, TRIAL_MEAN, QUESTION_DAYS)
    return kit.expect_payments(world, days, lambda day: kit.cut_share(day - trial_ends, PAY_MEAN, PAY_DAYS).mean())


def _draw_questions(world, people, others, rng):
    """Return the questions in order of time: person (row of people, -1 for other customers), and when it is asked."""
    draw, means = rng["questions"], asking_means(world, people["keenness"], people["delivered"])
    means = means * draw.gamma(ASKING_SPREAD, 1 / ASKING_SPREAD, means.size)
    persons, asked = [], []
    for first, last, part in ((0, QUESTION_DAYS, 1.0), (QUESTION_DAYS, LAST_DAYS, LATE_PART)):
        persons.append(kit.spread_rows(draw.poisson(means * part)))
        asked.append(_draw_asked(world, people.iloc[persons[-1]], first, last, draw))
    hours = kit.spread_rows(rng["others"].poisson(others.ravel()))
    asked.append(np.sort(hours * SECONDS_AN_HOUR + rng["others"].integers(0, SECONDS_AN_HOUR, hours.size)))
    person = np.concatenate([*persons, np.full(hours.size, -1)])
    talks = pd.DataFrame({"person": person, "asked": np.concatenate(asked)})
    return talks.sort_values("asked", kind="stable", ignore_index=True)


def _draw_asked(world, people, first, last, rng):
    """Return when each asks: soon after sign-up, and kept as often as the hour is busy (or a morning, by habit)."""
    start, size = people["start"].to_numpy(), len(people)
    habit = rng.random(size) < special.expit(MORNING_LEVEL + world.keenness_and_speed * people["keenness"].to_numpy())
    accept = np.vstack([FLAT + (1 - FLAT) * BUSY, MORNINGS])
    delay, left = np.zeros(size, dtype=np.int64), np.arange(size)
    while left.size:
        days = first + kit.cut_delay(rng.random(left.size), SOON_DAYS, last - first)
        delay[left] = np.minimum(days * SECONDS_A_DAY, last * SECONDS_A_DAY - 1)
        left = left[rng.random(left.size) >= accept[habit[left].astype(int), hour_of_week(start[left] + delay[left])]]
    return start + delay


def _draw_replies(world, people, talks, teams, rng):
    """Return the questions with the first reply's moment and agent, -1 where nobody replies; no wait is drawn."""
    size, asked = len(talks), talks["asked"].to_numpy()
    handling = 60 * world.handle_minutes * np.exp(HANDLING_SPREAD * rng.standard_normal(size) - HANDLING_SPREAD**2 / 2)
    patience = rng.exponential(world.patience_hours * SECONDS_AN_HOUR, size)
    live = (talks["person"] >= 0) & (people["variant"].to_numpy()[talks["person"]] == TREATMENT)
    team = np.where(asked < TEST_FROM, "before", np.where(live & ("live" in teams), "live", "standard"))
    replied, agent = np.full(size, -1), np.full(size, -1)
    for name, duty in teams.items():  # the test begins with empty desks
        rows = np.flatnonzero(team == name)
        served = kit.serve(asked[rows], handling[rows], patience[rows], duty, priority=np.where(live[rows], 0, 1))
        done = served.agent >= 0
        found = rows[done]
        wait = served.wait[done] + world.first_reply_share * handling[found]
        replied[found] = asked[found] + np.ceil(wait).astype(np.int64)
        agent[found] = served.agent[done] + (len(teams["standard"]) if name == "live" else 0)
    return talks.assign(replied=replied, agent=agent)


def _tell_talks(people, talks):
    shown, start = people["shown"].to_numpy(), people["start"].to_numpy()
    talks = talks[(talks["person"] >= 0) & shown[talks["person"]]]
    row, start, answered = (np.cumsum(shown) - 1)[talks["person"]], start[talks["person"]], talks["agent"] >= 0
    ids = {"conversation_id": kit.name_units("cv", len(talks))}
    both = ids | {"agent_id": [f"agent{number + 1:03d}" for number in talks["agent"]]}
    live = answered & (talks["replied"] - talks["asked"] <= LIVE_SECONDS)
    replied = talks["replied"] - start
    events = [tell("question", row, talks["asked"] - start, **ids)]
    events += [
        tell("first_reply", row, replied, where=answered, **both),
        tell("live_reply", row, replied, where=live, **both),
    ]
    inside = [told["row"][told["seconds"] < QUESTION_DAYS * SECONDS_A_DAY] for _, told in events]
    asked, _, served = (np.bincount(rows, minlength=int(shown.sum())) for rows in inside)
    return {"questions": asked, "live_reply": served > 0}, events


def _draw_money(world, people, chances, rng):
    size, hidden = len(people), (people["keenness"], people["delivered"])
    luck, late = rng.random((2, size))
    trial, paid = (luck < chances[name].served(*hidden) for name in ("trial", "paid"))  # who pays has had a trial
    late = ~trial & (late < LATE_SHARE)
    soon = rng.uniform(LATE_FROM, LATE_TO, size), kit.cut_delay(rng.random(size), TRIAL_MEAN, QUESTION_DAYS)
    begins = np.where(late, *soon)
    pays = kit.to_seconds(begins + TRIAL_DAYS + kit.cut_delay(rng.random(size), PAY_MEAN, PAY_DAYS))
    buys = paid | (late & (rng.random(size) < 0.5))
    logs = np.log(world.monthly_amount) - world.revenue_spread**2 / 2 + world.revenue_spread * rng.standard_normal(size)
    months, refunded = kit.draw_months(world, buys, rng)
    revenue, payments = kit.list_payments(pays, np.round(np.exp(logs), 2), months, refunded, REVENUE_WINDOWS)
    starts = tell("trial_started", None, kit.to_seconds(begins), where=trial | late)
    columns = {"trial": trial, "paid": paid, **revenue}
    return columns, [starts, tell("paid", None, pays, where=buys), *payments]


def _draw_survey(people, chances, rng):
    size, hidden = len(people), (people["satisfaction"], people["delivered"])
    luck, loyal, place, rated, kind = rng.random((5, size))
    served = {name: chances[name].served(*hidden) for name in ("answered", "promoter", "detractor", "good")}
    answered = luck < served["answered"]
    ends = [loyal < served["detractor"], loyal >= 1 - served["promoter"]]
    scores = [kit.pick(*LOYALTY[name], place) for name in ("detractor", "promoter", "passive")]
    csat = np.where(rated < served["good"], *(kit.pick(*RATINGS[name], kind) for name in ("good", "bad")))
    scores = {"nps": np.select(ends, scores[:2], scores[2]), "csat": csat}
    heard = kit.to_seconds(SURVEY_DAY) + kit.to_seconds(kit.cut_delay(rng.random(size), ANSWER_MEAN, ANSWER_DAYS))
    columns = {name: np.where(answered, score, np.nan) for name, score in scores.items()}
    events = [tell(f"{name}_answered", None, heard, value=told, where=answered) for name, told in columns.items()]
    columns |= {"answered": answered, "survey_sent": np.ones(size, dtype=int)}
    return columns, [tell("survey_sent", None, np.full(size, kit.to_seconds(SURVEY_DAY))), *events]
