"""Live support for half of new sign-ups, as events and as a folded table, with a planted truth."""

import numpy as np
import pandas as pd
from scipy import special

from helpers.records import Refused
from helpers.simulate import kit
from helpers.simulate import support_world as support
from helpers.simulate.kit import NODES, SECONDS_A_DAY, TRIAL_DAYS, average, tell, to_seconds
from helpers.simulate.support_world import CONTROL, QUESTION_DAYS, TREATMENT, deliver, hour_of_week

ASKING_SLOPE, LOYALTY_SLOPE, RATING_SLOPE = 0.5, 1.0, 1.2  # log questions and log-odds per standard deviation
ASKING_SPREAD = 1.0  # shape of the gamma by which sign-ups of equal keenness differ
SOON_DAYS = 4.0  # mean delay from sign-up to a question, before hours are looked at
LAST_DAYS, LATE_PART = 42, 0.1  # a tenth as many questions come in the two weeks after the window
MORNING_LEVEL = -0.7  # log-odds that a question comes in the morning by habit, at average keenness: one of three
HANDLING_SPREAD = 0.7  # of log minutes; conversations differ by a factor of two either way
LIVE_SECONDS = 300  # a first reply within five minutes counts as live, in either arm
TRIAL_MEAN, PAY_MEAN = 3.0, 4.0  # days to the trial; days from its end to the payment, at most up to day 60
PAY_DAYS = support.PAID_DAYS - QUESTION_DAYS - TRIAL_DAYS
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
    n_units, settings = kit.check_count(n_units), support.SupportWorld.read(world)
    rng = kit.spawn_generators(seed, support.PARTS)
    chances, teams = solve_chances(settings), support.gather_teams(settings, n_units)
    people = support.draw_people(settings, n_units, rng)
    shown = people[people["shown"]].reset_index(drop=True)
    assignments = shown[["variant", "assigned_at", "company_size", "channel"]]
    assignments.insert(0, "signup_id", kit.name_units("su", len(shown)))
    talks = _draw_questions(settings, people, support.expect_others(settings, n_units, teams), rng)
    parts = [
        _tell_talks(people, _draw_replies(settings, people, talks, teams, rng["replies"])),
        _draw_money(settings, shown, chances, rng["money"]),
        _draw_survey(shown, chances, rng["survey"]),
    ]
    planned = {name: {"agents": len(duty), "agent_hours_per_week": int(duty.sum())} for name, duty in teams.items()}
    delivered = {"shared_agents": bool(settings.shared_agents), "teams": planned}
    truth = {"effects": state_truth(settings, chances), "delivered": delivered}
    before = int((shown["variant"] == support.BEFORE).sum())
    what = f"{n_units:,} sign-ups whose effects are planted, and {before:,} of the weeks before"
    note = kit.write_note(what, "the effects")
    calendar = {"end": support.COMPLETE_TO, "texts": ["conversation_id", "agent_id"]}
    return kit.finish(settings, assignments, parts, truth, note, **calendar)


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
    delivered = deliver(world)
    square = float(delivered**2 @ support.SIGN_UPS)
    found = {
        "trial": _solve_share(world.trial_rate, world.trial_lift * world.trial_rate, world.keenness_and_outcome),
        "paid": _solve_share(world.paid_rate, world.revenue_lift * world.paid_rate, world.keenness_and_outcome),
        "answered": _solve_share(world.response_rate, world.response_effect, world.satisfied_answer),
    }
    loyalty = (world.nps / 100, (world.nps + world.loyalty_gain) / 100)
    found["promoter"], found["detractor"] = _solve_answers(
        found["answered"], ((1, 0.0), (-1, -PASSIVE_GAP)), LOYALTY_SLOPE, loyalty, square
    )
    good = (world.csat_good, world.csat_good + world.csat_effect / (GOOD_MEAN - BAD_MEAN))
    (found["good"],) = _solve_answers(found["answered"], ((1, 0.0),), RATING_SLOPE, good, square)
    effects = ("trial starts", "revenue", "survey response", "loyalty", "loyalty", "ratings")
    for chance, effect in zip(found.values(), effects, strict=True):
        if abs(chance.factor) * delivered.max() > 1:
            raise Refused(f"simulation live_support: the effect on {effect} leaves the possible range; lower it")
    trait = np.linspace(-6, 6, 241)
    for part in (0.0, delivered.max()):
        if (found["paid"].served(trait, part) > found["trial"].served(trait, part) + 1e-12).any():
            more = "more would pay than start a trial; lower revenue_lift or raise trial_lift"
            raise Refused(f"simulation live_support: {more}")
    return found


def _solve_share(rate, effect, slope):
    level = kit.solve_level(lambda level: special.expit(level + slope * NODES), rate)
    return kit.Chance(level, slope, effect / average(kit.Chance(level, slope).room(NODES)))


def _solve_answers(answered, shapes, slope, targets, square):
    """Return chances whose signed sum has its target in either arm among those who answer.

    `shapes` are sign and offset of each chance, `targets` those of the standard and the live arm; in the live arm
    both who answers and the score depend on delivery, whose mean square is `square`.
    """

    def make(level, factor=0.0):
        return [kit.Chance(sign * level + offset, sign * slope, sign * factor) for sign, offset in shapes]

    def add(level):
        return sum(sign * chance.plain(NODES) for (sign, _), chance in zip(shapes, make(level), strict=True))

    share, more = answered.plain(NODES), answered.factor * answered.room(NODES)
    level = kit.solve_level(add, targets[0], weight=share)
    room = sum(chance.room(NODES) for chance in make(level))
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
    plain, gain = ({name: getattr(c, part)(NODES) for name, c in chances.items()} for part in ("plain", "room"))
    gain = {name: chances[name].factor * room for name, room in gain.items()}
    means = {"questions": (world.questions, world.questions * (1 + world.questions_lift))}
    for name in ("trial", "paid", "answered"):
        means[name] = (average(plain[name]), average(plain[name]) + average(gain[name]))
    for name, days in REVENUE_WINDOWS.items():
        worth = world.monthly_amount * count_payments(world, days)
        means[name] = tuple(worth * share for share in means["paid"])
    effects = [row for name, pair in means.items() for row in kit.list_effects(name, CONTROL, TREATMENT, *pair)]
    share, more, square = plain["answered"], gain["answered"], float(deliver(world) ** 2 @ support.SIGN_UPS)
    nps = [100 * (part["promoter"] - part["detractor"]) for part in (plain, gain)]
    csat = [BAD_MEAN + (GOOD_MEAN - BAD_MEAN) * plain["good"], (GOOD_MEAN - BAD_MEAN) * gain["good"]]
    for metric, (score, higher) in (("nps", nps), ("csat", csat)):
        everybody = (average(score), average(score + higher))
        live = average((share + more) * score) + average((share + more * square) * higher)
        responders = (average(share * score) / average(share), live / average(share + more))
        for population, pair in (("itt", everybody), ("responders", responders)):
            effects.append(kit.make_effect(metric, CONTROL, TREATMENT, *pair, population=population))
    pair, level = (world.csat_good, world.csat_good), {"estimand": "level", "value": world.csat_good}
    effects += [kit.make_effect("good_ratings", CONTROL, TREATMENT, *pair, population=p, **level) for p in LEVELS]
    return effects


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
    asked.append(np.sort(hours * kit.SECONDS_AN_HOUR + rng["others"].integers(0, kit.SECONDS_AN_HOUR, hours.size)))
    talks = pd.DataFrame(
        {"person": np.concatenate([*persons, np.full(hours.size, -1)]), "asked": np.concatenate(asked)}
    )
    return talks.sort_values("asked", kind="stable", ignore_index=True)


def _draw_asked(world, people, first, last, rng):
    """Return when each asks: soon after sign-up, and kept as often as the hour is busy (or a morning, by habit)."""
    start, size = people["start"].to_numpy(), len(people)
    habit = rng.random(size) < special.expit(MORNING_LEVEL + world.keenness_and_speed * people["keenness"].to_numpy())
    accept = np.vstack([support.FLAT + (1 - support.FLAT) * support.BUSY, support.MORNINGS])
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
    patience = rng.exponential(world.patience_hours * kit.SECONDS_AN_HOUR, size)
    live = (talks["person"] >= 0) & (people["variant"].to_numpy()[talks["person"]] == TREATMENT)
    team = np.where(asked < support.TEST_FROM, "before", np.where(live & ("live" in teams), "live", "standard"))
    replied, agent = np.full(size, -1), np.full(size, -1)
    for name, duty in teams.items():  # the test begins with empty desks
        rows = np.flatnonzero(team == name)
        times, first = (asked[rows], handling[rows], patience[rows]), np.where(live[rows], 0, 1)
        served = support.serve(*times, duty, priority=first)
        found, done = rows[served.agent >= 0], served.agent >= 0
        wait = served.wait[done] + world.first_reply_share * handling[found]
        replied[found] = asked[found] + np.ceil(wait).astype(np.int64)
        agent[found] = served.agent[done] + (len(teams["standard"]) if name == "live" else 0)
    return talks.assign(replied=replied, agent=agent)


def _tell_talks(people, talks):
    shown = people["shown"].to_numpy()
    talks = talks[(talks["person"] >= 0) & shown[talks["person"]]]
    row, start = (np.cumsum(shown) - 1)[talks["person"]], people["start"].to_numpy()[talks["person"]]
    talks = talks.assign(row=row, asked=talks["asked"] - start, replied=talks["replied"] - start)
    talks["conversation_id"] = kit.name_units("cv", len(talks))
    talks["agent_id"] = [f"agent{number + 1:03d}" for number in talks["agent"]]
    answered = talks[talks["agent"] >= 0]
    live = answered[answered["replied"] - answered["asked"] <= LIVE_SECONDS]
    events = [tell("question", talks["row"], talks["asked"], conversation_id=talks["conversation_id"])]
    for event, part in (("first_reply", answered), ("live_reply", live)):
        events.append(tell(event, part["row"], part["replied"], **part[["conversation_id", "agent_id"]]))
    inside = [part["row"][part["seconds"] < QUESTION_DAYS * SECONDS_A_DAY] for _, part in events]
    counts = [np.bincount(rows, minlength=int(shown.sum())) for rows in inside]
    return {"questions": counts[0], "live_reply": (counts[2] > 0).astype(int)}, events


def _draw_money(world, people, chances, rng):
    size, hidden = len(people), (people["keenness"], people["delivered"])
    luck, late = rng.random((2, size))
    trial, paid = (luck < chances[name].served(*hidden) for name in ("trial", "paid"))  # who pays has had a trial
    late = ~trial & (late < LATE_SHARE)
    soon = rng.uniform(LATE_FROM, LATE_TO, size), kit.cut_delay(rng.random(size), TRIAL_MEAN, QUESTION_DAYS)
    begins = np.where(late, *soon)
    pays = to_seconds(begins + TRIAL_DAYS + kit.cut_delay(rng.random(size), PAY_MEAN, PAY_DAYS))
    buys = paid | (late & (rng.random(size) < 0.5))
    logs = np.log(world.monthly_amount) - world.revenue_spread**2 / 2 + world.revenue_spread * rng.standard_normal(size)
    months, refunded = kit.draw_months(world, buys, rng)
    revenue, payments = kit.list_payments(pays, np.round(np.exp(logs), 2), months, refunded, REVENUE_WINDOWS)
    tried, bought = np.flatnonzero(trial | late), np.flatnonzero(buys)
    starts = tell("trial_started", tried, to_seconds(begins[tried]))
    columns = {"trial": trial.astype(int), "paid": paid.astype(int), **revenue}
    return columns, [starts, tell("paid", bought, pays[bought]), *payments]


def _draw_survey(people, chances, rng):
    size, hidden = len(people), (people["satisfaction"], people["delivered"])
    luck, loyal, place, rated, kind = rng.random((5, size))
    served = {name: chances[name].served(*hidden) for name in ("answered", "promoter", "detractor", "good")}
    answered = luck < served["answered"]
    ends = [loyal < served["detractor"], loyal >= 1 - served["promoter"]]
    scores = [kit.pick(*LOYALTY[name], place) for name in ("detractor", "promoter", "passive")]
    nps = np.select(ends, scores[:2], scores[2])
    csat = np.where(rated < served["good"], *(kit.pick(*RATINGS[name], kind) for name in ("good", "bad")))
    heard = to_seconds(SURVEY_DAY) + to_seconds(kit.cut_delay(rng.random(size), ANSWER_MEAN, ANSWER_DAYS))
    who = np.flatnonzero(answered)
    columns = {name: np.where(answered, told, np.nan) for name, told in (("nps", nps), ("csat", csat))}
    events = [tell(f"{name}_answered", who, heard[who], value=told[who]) for name, told in columns.items()]
    columns |= {"answered": answered.astype(int), "survey_sent": np.ones(size, dtype=int)}
    return columns, [tell("survey_sent", np.arange(size), to_seconds(SURVEY_DAY)), *events]
