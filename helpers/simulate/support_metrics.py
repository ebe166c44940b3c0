"""Customers on yearly contracts, what their tickets went through, and who renews: a help desk with a planted truth."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from helpers.simulate import kit

END, TERM, YEARS, LOG_YEARS, LEAD = pd.Timestamp("2022-05-01", tz="UTC"), 365, 6, 3, 30
TIERS, FEES = ("Starter", "Business"), np.array([180.0, 360.0])  # dollars a seat and year
SHAPES = np.array([(0.704, 1.182), (0.668, 3.806)])  # Fader and Hardie 2007: regular and high-end customers
TOPICS = {"login": 0.22, "billing": 0.2, "import": 0.18, "permissions": 0.16, "export": 0.14, "search": 0.1}
FIXED, FIX, LAUNCH, LINE = "login", pd.Timestamp("2021-07-01", tz="UTC"), pd.Timestamp("2020-11-01", tz="UTC"), 20
PROMISE, PREMIUM_PROMISE = 8 / 24, 1 / 24
GROWN, SHRUNK = (0.25, 0.2), (0.1, 0.15)  # chance at a renewal, mean part of the amount
KINDS = ("ticket_opened", "first_reply", "reply", "merged", "solved", "reopened", "rated", "reviewed")
KINDS += ("premium_bought", "renewed", "left")
TEXTS = ("ticket", "topic", "agent")


@dataclass(frozen=True)
class Desk(kit.World):
    """Baselines and planted effects of the help desk."""

    study: ClassVar = "support_metrics"
    parts: ClassVar = ("customers", "tickets", "replies", "reviews", "renewals")
    calendar: ClassVar = {"at": "started_at", "end": END, "kinds": KINDS, "texts": TEXTS, "blank": ""}
    reply_effect: float = kit.bound(0.5, -0.5, 0.5)  # times p (1 - p), on staying, of replies kept within the promise
    one_reply_effect: float = kit.bound(0.3, -0.5, 0.5)  # the same, of tickets solved in one reply
    loyal_service: float = kit.bound(0.5, -2.0, 2.0)  # log odds: loyal customers are served better, whatever follows
    premium_effect: float = kit.bound(0.04, -0.2, 0.2)  # the article's 4, read as points of yearly churn
    fix_effect: float = kit.bound(0.4, 0.0, 0.95)  # so many tickets fewer once their cause is fixed
    tickets_a_year: float = kit.bound(3.0, 0.1, 50.0)
    reviewer_noise: float = kit.bound(0.8, 0.05, 5.0)  # spread between reviewers; tickets spread by 1


def support_metrics(*, n_units=6000, seed=2022, **world) -> kit.Simulation:
    """Return customers who start over six years, their tickets of the last three, and who renews, with a planted truth.

    A customer's chance of leaving at a yearly renewal is drawn once, from the beta distributions of Fader and Hardie,
    so that retention is theirs. Whether most tickets of the year were answered within the promise, and solved in one
    reply, moves the chance, and nothing else does but premium support; loyal customers are served better as well.

    Parameters
    ----------
    n_units : int, customers, 10 to 100,000,000
    seed : int
    **world : float
        The fields of `Desk`, each with its reason there.

    Returns
    -------
    Simulation: assignments are the customers (customer_id, started_at UTC, plan, seats, amount: dollars a year);
        events (customer_id, event, at, value, ticket, topic, agent): value is the score of rated and reviewed, and
        the amount of renewed; units with left_day (nan not left); truth (effects, causal, retention, net, alpha).

    Raises
    ------
    Refused: an unknown parameter, or a value outside its range.
    """
    settings, n_units, rng = Desk.open(world, n_units, seed)
    customers = _draw_customers(n_units, rng["customers"])
    tickets = _draw_tickets(settings, customers, rng["tickets"])
    years = _live(settings, customers, tickets, rng["renewals"])
    left = years[years["gone"]].set_index("row")["day"].reindex(range(n_units)).to_numpy(float)
    ends = np.fmin(left, customers["age"].to_numpy())
    told = _tell_tickets(settings, tickets, ends[tickets["row"]], rng)
    gone, bought, day = years["gone"], customers["bought"], years["day"] * kit.SECONDS_A_DAY
    told += [
        kit.tell("renewed", years["row"], day, value=years["amount"], where=~gone),
        kit.tell("left", years["row"], day, where=gone),
        kit.tell("premium_bought", None, bought * kit.SECONDS_A_DAY, where=bought < ends),
    ]
    shown = customers[["customer_id", "started_at", "plan", "seats", "amount"]]
    what = f"{n_units:,} customers of a help desk whose effects are planted"
    return settings.finish(shown, [({"left_day": left}, told)], _state_truth(settings, customers, years), what)


def _draw_customers(n, rng):
    tier, age = (rng.random(n) < 0.5).astype(int), 30 + rng.random(n) * (YEARS * TERM - 30)
    seats = np.maximum(1, np.round(np.exp(rng.normal(np.log([5, 15])[tier], 0.9)))).astype(int)
    start = (END - pd.to_timedelta(np.floor(age * kit.SECONDS_A_DAY), unit="s")).as_unit("s")
    theta = rng.beta(*SHAPES[tier].T)
    trait = stats.norm.isf(np.clip(stats.beta.cdf(theta, *SHAPES[tier].T), 1e-6, 1 - 1e-6))
    launched = age - (END - LAUNCH).days
    buyer = np.where(seats >= LINE, expit(-0.2 + 0.5 * trait), 0.0)  # the chance: loyal customers buy more
    found = {"customer_id": kit.name_units("c", n), "started_at": start, "plan": np.array(TIERS)[tier], "seats": seats}
    found |= {"amount": seats * FEES[tier], "tier": tier, "age": age, "theta": theta, "trait": trait, "buyer": buyer}
    bought = np.where(rng.random(n) < buyer, np.maximum(launched, 0) + rng.random(n) * 120, np.inf)
    return pd.DataFrame(found | {"launched": launched, "bought": bought})


def _scale_premium(world, customers):
    """Part of each chance of leaving that premium support takes away, and the mean chance of buyers near the line.

    Buyers count by their chance, at the renewals since the launch, by the chance that these are reached.
    """
    theta, weight = customers["theta"], customers["buyer"] * (customers["seats"] < 3 * LINE)
    due = [(TERM * k > customers["launched"]) & (TERM * k < customers["age"]) for k in range(1, YEARS + 1)]
    weight = weight * sum((1 - theta) ** k * is_due for k, is_due in enumerate(due))
    mean = float(weight @ theta / weight.sum()) if weight.any() else np.inf
    return min(world.premium_effect / mean, 0.95), mean


def _draw_tickets(world, customers, rng):
    """One row a ticket of the last three years, as if nobody left: when, about what, and how it was served."""
    age = customers["age"].to_numpy()
    first = np.maximum(age - LOG_YEARS * TERM, 0)
    rate = world.tickets_a_year * (customers["seats"] / 8) ** 0.25 * rng.gamma(2, 0.5, len(customers))
    row = kit.spread_rows(rng.poisson(rate * (age - first) / TERM))
    day, topic = first[row] + rng.random(len(row)) * (age - first)[row], rng.random(len(row))
    topic = kit.pick(list(TOPICS), list(TOPICS.values()), topic)
    gone = (topic == FIXED) & (day > age[row] - (END - FIX).days) & (rng.random(len(row)) < world.fix_effect)
    row, day, topic = row[~gone], day[~gone], topic[~gone]
    of, luck = customers.iloc[row].reset_index(drop=True), rng.random((2, len(row)))
    is_premium, loyal = day >= of["bought"], world.loyal_service * of["trait"]
    chances = {"q_fast": np.where(is_premium, 0.9, expit(0.2 + loyal + 0.3 * of["tier"]))}
    chances["q_right"] = expit(0.1 + loyal)
    drawn = {"fast": luck[0] < chances["q_fast"], "right": luck[1] < chances["q_right"]}
    found = {"row": row, "day": day, "topic": topic, "is_premium": is_premium, **chances, **drawn}
    return pd.DataFrame(found | {"year": np.floor(day / TERM).astype(int), "trait": of["trait"]})


def _live(world, customers, tickets, rng):
    """One row a renewal that came due: whether the customer left, with what chance, and the amount after it."""
    theta, age, bought = (customers[name].to_numpy() for name in ("theta", "age", "bought"))
    counted = tickets[tickets["day"] % TERM < TERM - LEAD].groupby(["year", "row"])
    served = counted[["fast", "right", "q_fast", "q_right"]].mean().assign(n=counted.size())
    amount, (scale, _) = customers["amount"].to_numpy().copy(), _scale_premium(world, customers)
    due, rows = np.arange(len(age)), []
    for k in range(1, YEARS + 1):
        due = due[age[due] > k * TERM]
        year = served[served.index.get_level_values("year") == k - 1].droplevel("year").reindex(due)
        logged = year["n"].notna().to_numpy() & (age[due] - (k - 1) * TERM <= LOG_YEARS * TERM)
        base, pushed, line = theta[due], 0.0, np.ceil(year["n"] / 2)
        good = {side: (year[side] >= 0.5).to_numpy(float) for side in ("fast", "right")}
        for side, effect in (("fast", world.reply_effect), ("right", world.one_reply_effect)):
            pushed = pushed + effect * (good[side] - stats.binom.sf(line - 1, year["n"], year[f"q_{side}"]))
        chance = base * (1 - (1 - base) * np.where(logged, pushed, 0)) * (1 - scale * (bought[due] < k * TERM))
        gone, (luck, size) = rng.random(len(due)) < chance, rng.random((2, len(due)))
        grown = 2 * size * ((luck < GROWN[0]) * GROWN[1] - (luck > 1 - SHRUNK[0]) * SHRUNK[1])
        amount[due] *= 1 + grown
        told = {"row": due, "day": k * TERM, "gone": gone, "chance": chance, "amount": amount[due].round(2)}
        rows.append(pd.DataFrame({**told, **good, "logged": logged}))
        due = due[~gone]
    return pd.concat(rows, ignore_index=True)


def _tell_tickets(world, tickets, ends, rng):
    """Events of every ticket until its customer's end, and of its reviews."""
    luck, n = rng["replies"], len(tickets)
    day, fast, right = (tickets[name].to_numpy() for name in ("day", "fast", "right"))
    promise = np.where(tickets["is_premium"], PREMIUM_PROMISE, PROMISE)
    quick, late = kit.cut_delay(luck.random(n), promise / 3, promise), promise * 1.01 + luck.exponential(1, n)
    merged = ~fast & ~right & (luck.random(n) < 0.1)
    heard = ~merged & (fast | (luck.random(n) > 0.04))
    back = heard & ~right & (luck.random(n) < 0.25)  # solved in one reply, and not for long
    replied = day + np.where(fast, quick, late)
    second = replied + luck.gamma(2, 0.8, n)
    solved = np.where(right | back, replied + 0.01, second)
    content = luck.random(n) < expit(-0.5 + 1.2 * right + 0.6 * fast + 0.5 * tickets["trait"])
    rates = heard & (luck.random(n) < expit(-1.4 + 0.9 * content))
    score = np.where(content, 4 + luck.integers(0, 2, n), 1 + luck.integers(0, 3, n)).astype(float)
    ids, told = {"ticket": kit.name_units("t", n), "topic": tickets["topic"].to_numpy()}, []

    def tell(event, at, where, **more):
        told.append(kit.tell(event, tickets["row"], at * kit.SECONDS_A_DAY, where=where & (at < ends), **ids, **more))

    tell("ticket_opened", day, day > 0)
    tell("first_reply", replied, heard)
    tell("merged", day + 0.2, merged)
    tell("reply", second, heard & ~right & ~back)
    tell("solved", solved, heard)
    tell("rated", solved + 0.1, rates, value=score)
    tell("reopened", solved + 0.2 + 5 * luck.random(n), back)
    luck = rng["reviews"]
    read, quality, first = luck.random(n) < 0.06, luck.normal(size=n), luck.integers(0, 6, n)
    for nth in (0, 1):
        given = np.clip(np.round(3.4 + quality + world.reviewer_noise * luck.normal(size=n)), 1, 5)
        reviewer = np.char.add("reviewer ", (1 + (first + 1 + nth) % 6).astype(str))
        tell("reviewed", solved + 2 + nth, heard & read, value=given, agent=reviewer)
    return told


def _state_truth(world, customers, years):
    """Return what is planted, from chances alone: nobody's leaving, score or reply is drawn in it."""
    of = customers.iloc[years["row"]].reset_index(drop=True)
    now = years["logged"] & (of["age"] - years["day"] <= TERM)
    cells = ((of["tier"] * 7 + np.digitize(of["seats"], (3, 5, 8, 12, 20, 40))) * 8 + years["day"] // TERM).to_numpy()
    effects, causal, room = [], {}, float((of["theta"] * (1 - of["theta"]))[now].mean())
    planted = {"replied in time": ("fast", world.reply_effect)}
    planted["solved in one reply"] = ("right", world.one_reply_effect)
    for name, (side, effect) in planted.items() if now.any() else ():
        pair = kit.standardise(years.loc[now, side].to_numpy(), 1 - years.loc[now, "chance"].to_numpy(), cells[now])
        effects.append(kit.make_effect("renewed", (f"not {name}", name), pair, population="landmark"))
        causal[name] = effect * room
    scale, mean = _scale_premium(world, customers)
    if np.isfinite(mean):
        pair = (mean, mean * (1 - scale))
        effects.append(kit.make_effect("left", ("not eligible", "premium"), pair, population="observational"))
    kept = {tier: float(stats.betabinom.pmf(0, 10, *shape)) for tier, shape in zip(TIERS, SHAPES, strict=True)}
    lines = stats.norm.cdf([-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf], 3.4 + kit.NODES[:, None], world.reviewer_noise)
    share = kit.WEIGHTS @ np.diff(lines, axis=1)
    middle = np.cumsum(share) - share / 2
    apart = np.subtract.outer(middle, middle) ** 2
    differ = np.einsum("i,ic,ik,ck->", kit.WEIGHTS, *[np.diff(lines, axis=1)] * 2, apart)
    told = {"effects": effects, "causal": causal, "kept_ten_years": kept, "fix_ratio": 1 - world.fix_effect}
    return told | {"alpha": float(1 - differ / (share @ apart @ share))}
