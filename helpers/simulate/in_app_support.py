"""Help and questions inside a product: suggestions held back from half, feedback asked in two places, timed replies."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from helpers.simulate import kit
from helpers.simulate.kit import NODES, SECONDS_A_DAY, SECONDS_AN_HOUR, WEIGHTS, bound, limit, make_effect, tell

CONTROL, TREATMENT, OUTSIDE, INSIDE = "hold_out", "suggestions", "link", "inside"
STARTS, COMPLETE_TO = pd.Timestamp("2013-03-04", tz="UTC"), pd.Timestamp("2013-07-01", tz="UTC")
ENROLMENT_DAYS, MONTH_DAYS, MONTHS = 28, 28, 3
ACTIVE_SHARE = 0.7  # of users in a month of 28 days
FRAILTY = 1.0  # shape of the gamma by which users of one price differ in how often they ask
PRICE_MEDIAN, PRICE_SPREAD, LARGE = 60.0, 1.6, 1000.0  # dollars a month of those who pay; log dollars; a large account
PAYERS_ASK, LARGE_ASK = 3.0, 8.0  # times as often as users who do not pay
TENURE_MEAN, LONG_MONTHS = 10.0, 6.0
SILENT = {"gave_up": 0.10, "returned": 0.02}  # of requests without a suggestion: left unanswered, or back within days
TICKET = 0.84  # of the same; the rest found the answer alone
BACK = 0.6  # of those whom a suggestion falsely deflects, who come back; the rest give up
RETURN_DAYS = 6.0  # at most, to the ticket of who comes back
# log odds of passion, paying, long here
ANSWERS = {OUTSIDE: np.array([1.2, 0.8, 0.5]), INSIDE: np.array([0.4, 0.3, 0.2])}
WANT_LEVEL, WANTS = -0.4, np.array([0.7, 0.6, 0.0])  # log odds of wanting the idea that is asked about, of the same
TOPICS, TOPIC_SHARES, TOPIC_SLOWER = ("how_to", "billing", "bug"), (0.5, 0.3, 0.2), np.array([-1.0, 0.0, 1.5])
BUSY = 6 + 10 * np.exp(-(((np.arange(24) - 14) / 5.0) ** 2))  # tickets that wait, by hour
DAY_SPREAD, LOAD_SLOPE, MIDDLE, NOISE = 0.7, 1.1, 5.2, 1.1  # log load by day; doublings of the wait in minutes
EASE_PRAISE, PRAISE = 0.03, 0.13  # an easy question is praised so much more; at 15 minutes
FAST, HALVINGS = 15.0, 4.0  # minutes; from four hours to fifteen minutes


@dataclass(frozen=True)
class InAppWorld(kit.World):
    """Baselines and planted effects. The article gives five figures; all others are ours."""

    study: ClassVar = "in_app_support"
    arms: ClassVar = (CONTROL, TREATMENT)
    parts: ClassVar = ("people", "activity", "requests", "feedback", "replies")
    calendar: ClassVar = {"end": COMPLETE_TO, "texts": ["request_id", "topic"], "blank": ""}
    contact_rate: float = bound(0.03, 0.001, 0.3)  # of active users in a month (claim U06; the article names no period)
    share_suggested: float = bound(0.5, 0.01, 1)  # of requests, with suggestions (claim U07)
    share_opened: float = bound(0.6, 0.01, 1)  # of what is suggested
    deflection: float = bound(0.24, 0, 0.6)  # of requests with an opened suggestion: fewer are left to people
    false_deflection: float = bound(0.16, 0, 0.6)  # of the same: no ticket now, but a return or nobody is helped
    link_rate: float = bound(0.03, 0.001, 0.2)  # of users, who answer through a link
    reach_ratio: float = bound(8.0, 0.2, 20)  # inside to outside; 700 per cent more (claim U04), not 7 times (U05)
    paying_share: float = bound(0.1, 0.01, 0.9)  # of users (claim U10)
    praise_shape: str = limit("smooth", "step, smooth or none", lambda shape: shape in ("step", "smooth", "none"))
    praise_effect: float = bound(0.06, -0.1, 0.1)  # more replies praised at 15 minutes than at four hours
    easy_and_fast: float = bound(0.8, 0, 3)  # doublings of the wait by which an easy question is answered sooner
    known_free: float = bound(0.08, 0.01, 0.99)  # of tickets of users who do not pay, with a known resolution
    known_large: float = bound(0.85, 0.01, 0.99)  # of those of large accounts

    def __post_init__(self):
        super().__post_init__()
        deflected = self.deflection + self.false_deflection
        self.refuse(deflected > TICKET, ": more requests would be deflected than become tickets; lower one")
        answer = self.reach_ratio * self.link_rate
        self.refuse(answer > 0.95, ": more would answer inside than are asked; lower reach_ratio")


def in_app_support(*, n_units=60_000, seed=2013, **world) -> kit.Simulation:
    """Return users of a product for three months: suggestions for half of them, feedback asked at one of two places.

    Users ask while active; payers more often. With suggestions some requests meet an article; once opened it answers
    some, and silences others, who come back or give up. Independently by lot, feedback is asked inside the product or
    by a link; a hidden passion drives who answers, and what. Tickets wait by hour, topic, a hidden ease and how many
    tickets wait already, which varies from day to day by chance.

    Parameters
    ----------
    n_units : int, users, 10 to 100,000,000
        The article names none for its figures.
    seed : int
    **world : float or str
        Baselines and planted effects: the fields of `InAppWorld`, each with its reason there.

    Returns
    -------
    Simulation: assignments (user_id, variant, assigned_at UTC, place, monthly_usd, tenure_months); events (user_id,
        event, at, value, request_id, topic): active (one a month of 28 days), request, suggested, opened, ticket
        (value: tickets that waited), gave_up, returned, replied, kudos, solved, feedback (value: 1 wants it); units
        with requests, ticket, returned, gave_up, unsettled, suggested (in 91 days), answered and wants; truth of the
        generating chances (of praise by speed: the mean chance over these replies).

    Raises
    ------
    Refused: an unknown parameter, a value outside its range, chances that do not fit together.

    Examples
    --------
    >>> made = in_app_support(n_units=40, seed=3)
    >>> sorted(set(made.units["variant"]))
    ['hold_out', 'suggestions']
    """
    settings, n_units, rng = InAppWorld.open(world, n_units, seed)
    people = _draw_people(settings, n_units, rng["people"])
    active, requests = _draw_requests(settings, people, rng)
    replies, praise = _draw_replies(settings, people, requests, rng["replies"])
    parts = [
        ({}, [tell("active", *active)]),
        _tell_requests(requests, n_units),
        ({}, replies),
        _draw_feedback(settings, people, rng["feedback"]),
    ]
    truth = {"effects": state_truth(settings) + praise, "rates": list_rates(settings), "wants": expect_wants(settings)}
    truth |= {"praise": {"shape": settings.praise_shape, "cut": FAST, "halving": settings.praise_effect / HALVINGS}}
    what = f"{n_units:,} users whose effects are planted"
    return settings.finish(people.drop(columns="passion"), parts, truth, what, planted="the effects")


def _draw_people(world, n, rng):
    pays = rng.random(n) < world.paying_share
    price = np.exp(np.log(PRICE_MEDIAN) + PRICE_SPREAD * rng.standard_normal(n)).round(2)
    seconds = rng.integers(0, ENROLMENT_DAYS * SECONDS_A_DAY, n)
    people = {"user_id": kit.name_units("u", n), "variant": np.where(rng.random(n) < 0.5, TREATMENT, CONTROL)}
    people["assigned_at"] = STARTS + pd.to_timedelta(seconds, unit="s")
    people["place"] = np.where(rng.random(n) < 0.5, INSIDE, OUTSIDE)
    people |= {"monthly_usd": np.where(pays, price, 0.0), "tenure_months": rng.exponential(TENURE_MEAN, n).round(1)}
    return pd.DataFrame(people | {"passion": rng.standard_normal(n)})


def list_rates(world) -> dict[str, float]:
    """Return the mean requests in an active month by class of user, so that the planted share of users asks at all."""
    large = float(stats.norm.sf(np.log(LARGE / PRICE_MEDIAN) / PRICE_SPREAD))
    shares = np.array([1 - world.paying_share, world.paying_share * (1 - large), world.paying_share * large])
    times = np.array([1.0, PAYERS_ASK, LARGE_ASK])

    def miss(rate):
        return shares @ (1 - (1 + rate * times / FRAILTY) ** -FRAILTY) - world.contact_rate

    found = optimize.brentq(miss, 0, 100, xtol=1e-14) * times
    return dict(zip(("free", "paying", "large"), found.tolist(), strict=True))


def list_outcomes(world, *, opened) -> dict[str, float]:
    """Return the chances that a request becomes a ticket, comes back or is given up; a suggestion opened (1) or not."""
    false = world.false_deflection * opened
    return {
        "ticket": TICKET - world.deflection * opened - false,
        "returned": SILENT["returned"] + BACK * false,
        "gave_up": SILENT["gave_up"] + (1 - BACK) * false,
    }


def state_truth(world) -> list[dict]:
    """Return every planted effect: of suggestions on requests, of the place on answers, and the contact rate.

    Returns
    -------
    list of dict: rows as `kit.make_effect` makes them; `reach` compares inside with the link.
    """
    reached = world.share_suggested * world.share_opened
    plain, helped = (list_outcomes(world, opened=part) for part in (0, 1))
    pairs = {name: (plain[name], plain[name] + reached * (helped[name] - plain[name])) for name in plain}
    pairs["left_over"] = tuple(map(sum, zip(*pairs.values(), strict=True)))
    pairs["suggested_share"] = (0.0, world.share_suggested)
    names = {name: f"{name}_share" for name in plain}
    rows = [make_effect(names.get(name, name), world.arms, pair) for name, pair in pairs.items()]
    rates, ratio = (world.link_rate, world.reach_ratio * world.link_rate), world.reach_ratio
    for estimand, value in (("ratio", ratio), ("relative_lift", ratio - 1)):
        rows.append(make_effect("reach", (OUTSIDE, INSIDE), rates, value=value, estimand=estimand))
    for name, level in (("contact_rate", world.contact_rate), ("paying", world.paying_share)):
        rows.append(make_effect(name, ("", ""), (0.0, level), estimand="level"))
    return rows


def _draw_requests(world, people, rng):
    """Return the rows and seconds of active months, and one row a request with what became of it."""
    n, price = len(people), people["monthly_usd"].to_numpy()
    is_active = rng["activity"].random((n, MONTHS)) < ACTIVE_SHARE
    row, month = np.nonzero(is_active)
    day = MONTH_DAYS * (month + rng["activity"].random(row.size))
    kind = np.select([price > LARGE, price > 0], [2, 1], 0)
    draw, means = rng["requests"], np.array(list(list_rates(world).values()))[kind]
    means = means * draw.gamma(FRAILTY, 1 / FRAILTY, n)
    of = kit.spread_rows(draw.poisson(means[row]))
    start = MONTH_DAYS * SECONDS_A_DAY * month[of] + draw.integers(0, (MONTH_DAYS - 1) * SECONDS_A_DAY, of.size)
    requests = pd.DataFrame({"row": row[of], "seconds": start, "request_id": kit.name_units("r", of.size)})
    requests["topic"] = kit.pick(TOPICS, TOPIC_SHARES, draw.random(of.size))
    met = (people["variant"].to_numpy()[requests["row"]] == TREATMENT) & (draw.random(of.size) < world.share_suggested)
    opened, luck = met & (draw.random(of.size) < world.share_opened), draw.random(of.size)
    ticket, returned, gave_up = luck < np.cumsum([*list_outcomes(world, opened=opened).values()], axis=0)
    requests = requests.assign(suggested=met, opened=opened, ticket=ticket)
    requests = requests.assign(returned=returned & ~ticket, gave_up=gave_up & ~returned)
    return (row, kit.to_seconds(day)), requests.assign(back=draw.random(of.size))


def _tell_requests(requests, n):
    """The columns of users and the events of their requests; a minute passes between each step and the next."""
    row, start, ids = requests["row"], requests["seconds"], requests[["request_id", "topic"]]
    back = SECONDS_AN_HOUR + kit.to_seconds((RETURN_DAYS - 0.1) * requests["back"])
    later = {"suggested": 2, "opened": 30, "gave_up": 150, "returned": back}  # tickets are told beside their replies
    told = [tell("request", row, start, **ids)]
    told += [tell(event, row, start + wait, where=requests[event], **ids) for event, wait in later.items()]
    parts = ("suggested", "ticket", "returned", "gave_up")
    columns = {"requests": np.bincount(row, minlength=n)} | {p: np.bincount(row, requests[p], n) for p in parts}
    columns["unsettled"] = columns["ticket"] + columns["returned"] + columns["gave_up"]
    return columns, told


def _draw_replies(world, people, requests, rng):
    """Return the events of tickets, replies, praise and resolutions, and the mean chance of praise by speed."""
    tickets = requests[requests["ticket"]].reset_index(drop=True)
    n, asked = len(tickets), tickets["seconds"].to_numpy() + 90
    start = (people["assigned_at"] - STARTS).dt.total_seconds().to_numpy(np.int64)
    since = start[tickets["row"]] + asked
    day, hour = since // SECONDS_A_DAY, since // SECONDS_AN_HOUR % 24
    shocks = DAY_SPREAD * rng.standard_normal(200)
    load = rng.poisson(BUSY[hour] * np.exp(shocks[day % 200] - DAY_SPREAD**2 / 2))
    ease, spread = rng.choice([-1.0, 1.0], n), rng.standard_normal(n)
    slower = TOPIC_SLOWER[[TOPICS.index(topic) for topic in tickets["topic"]]]
    doublings = MIDDLE + LOAD_SLOPE * np.log2((1 + load) / 10) + slower - world.easy_and_fast * ease + NOISE * spread
    minutes = np.clip(2.0**doublings, 1, 1440)
    chance = praise_chance(world, minutes, ease)
    praised, luck, large = rng.random(n) < chance, rng.random(n), people["monthly_usd"].to_numpy()[tickets["row"]]
    known = world.known_free + (world.known_large - world.known_free) * np.clip(np.log10(1 + large) / 3, 0, 1)
    replied = asked + np.ceil(60 * minutes).astype(np.int64)
    row, ids = tickets["row"], tickets[["request_id", "topic"]]
    told = [tell("ticket", row, asked, value=load, **ids), tell("replied", row, replied, **ids)]
    told.append(tell("kudos", row, replied + SECONDS_AN_HOUR, where=praised, **ids))
    told.append(tell("solved", row, replied + 2 * SECONDS_AN_HOUR, where=luck < known, **ids))
    fast = minutes <= FAST
    pair = [float(chance[fast == side].mean()) if (fast == side).any() else np.nan for side in (False, True)]
    return told, [make_effect("praise", ("later", "within"), pair, population="observational")]


def praise_chance(world, minutes, ease) -> np.ndarray:
    """Return the chance that a reply is praised, after so many minutes, to an easy (1) or a hard (-1) question."""
    halvings = np.clip(np.log2(FAST / np.asarray(minutes, float)), -6, 4)
    speed = {"smooth": halvings / HALVINGS, "step": np.where(halvings >= 0, 0, -1.0), "none": 0 * halvings}
    chance = PRAISE + world.praise_effect * speed[world.praise_shape] + EASE_PRAISE * np.asarray(ease)
    return np.clip(chance, 0, 1)


def _spread_traits(world):
    """Passion, whether a user pays and is here for long, over all users: a column each; and the share of each row."""
    pays, here = world.paying_share, float(np.exp(-LONG_MONTHS / TENURE_MEAN))
    traits = np.stack(np.meshgrid(NODES, [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    return traits, np.multiply.outer(np.multiply.outer(WEIGHTS, [1 - pays, pays]), [1 - here, here]).ravel()


def solve_answers(world) -> dict[str, float]:
    """Return the level of the log odds of answering, by place, so that the planted share of all users answers."""
    traits, weight = _spread_traits(world)

    def miss(level, slopes, rate):
        return weight @ special.expit(level + traits @ slopes) - rate

    rates = {OUTSIDE: world.link_rate, INSIDE: world.reach_ratio * world.link_rate}
    return {p: optimize.brentq(miss, -40, 40, args=(ANSWERS[p], rate), xtol=1e-13) for p, rate in rates.items()}


def expect_wants(world) -> dict[str, float]:
    """Return the true share that wants the idea: of all users, and of those who answer at each place."""
    traits, weight = _spread_traits(world)
    wants, shares = special.expit(WANT_LEVEL + traits @ WANTS), {"all": weight}
    shares |= {p: weight * special.expit(level + traits @ ANSWERS[p]) for p, level in solve_answers(world).items()}
    return {who: float(share @ wants / share.sum()) for who, share in shares.items()}


def _draw_feedback(world, people, rng):
    luck, opinion, day = rng.random((3, len(people)))
    pays, here = people["monthly_usd"] > 0, people["tenure_months"] >= LONG_MONTHS
    traits, level = np.column_stack([people["passion"], pays, here]).astype(float), solve_answers(world)
    odds = np.select([people["place"] == place for place in level], [level[p] + traits @ ANSWERS[p] for p in level])
    answered, wants = luck < special.expit(odds), opinion < special.expit(WANT_LEVEL + traits @ WANTS)
    events = [tell("feedback", None, kit.to_seconds(27 * day), value=wants.astype(float), where=answered)]
    return {"answered": answered, "wants": np.where(answered, wants, np.nan)}, events
