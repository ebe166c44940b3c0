"""What every simulated world is made of: bounded parameters, hidden traits, chances, payments, a queue, events."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from heapq import heapify, heappop, heappush
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import optimize, special

from helpers.records import Refused, suggest

SECONDS_A_DAY, SECONDS_AN_HOUR, HOURS_A_WEEK = 86_400, 3_600, 168
SHIFT_HOURS, HOURS_A_PERSON = 4, 40  # a rota in blocks of four hours; nobody works more than forty a week
TRIAL_DAYS, MONTH_DAYS, REFUND_DAYS = 14, 30, 10
MOST_MONTHS = 15  # more payments than the data can show
NODES, _MASS = np.polynomial.hermite_e.hermegauss(121)  # of a hidden trait in the population, standard normal
WEIGHTS = _MASS / _MASS.sum()


@dataclass(frozen=True)
class Simulation:
    """Seeded data with a known truth.

    `assignments` has one row a unit (id, variant, time of assignment, what was known before); `events` one row an
    event (id, event, at, value and more), or None; `units` the folded unit table, one row a unit, in the plan's
    metric names; `truth` what was planted (`truth["effects"]`: one dict a true effect, see `list_effects`);
    `note` one sentence for the reader.
    """

    assignments: pd.DataFrame
    events: pd.DataFrame | None
    units: pd.DataFrame
    truth: dict[str, Any]
    note: str


def limit(usual, words, fits) -> Any:
    """Return a field of a world: its usual value, what is allowed in words, and whether a value fits."""
    return field(default=usual, metadata={"words": words, "fits": fits})


def bound(usual, low, high, words=None) -> Any:
    """Return a field of a world that is a number between two, ends included; whole where the usual one is."""
    kind, types = ("a whole number", (int,)) if isinstance(usual, int) else ("a number", (int, float, np.floating))

    def fits(value):
        return not isinstance(value, bool) and isinstance(value, (*types, np.integer)) and low <= value <= high

    return limit(usual, words or f"{kind} from {low:,} to {high:,}", fits)


@dataclass(frozen=True)
class World:
    """The parameters of one study's world; a field is made by `bound` or `limit`, and refused outside its range.

    `arms` are its control and treatment; `parts` name what has a random generator of its own; `calendar` holds `at`,
    `end`, `kinds`, `texts` and `blank` of `join_events`.
    """

    study: ClassVar[str] = ""
    arms: ClassVar[tuple[str, str]] = ("", "")
    parts: ClassVar[tuple[str, ...]] = ()
    calendar: ClassVar[dict[str, Any]] = {}

    def __post_init__(self):
        for one in fields(self):
            wrong = not one.metadata["fits"](getattr(self, one.name))
            self.refuse(wrong, f", {one.name}: give {one.metadata['words']}")

    def refuse(self, is_wrong, told):
        """Refuse a world where something is wrong."""
        if is_wrong:
            raise Refused(f"simulation {self.study}{told}")

    @classmethod
    def open(cls, given, n_units, seed) -> tuple[World, int, dict[str, np.random.Generator]]:
        """Return the world with some parameters changed, the number of its units, and a generator for each part.

        Raises
        ------
        Refused: a parameter that the world does not have, or a value outside its range.
        """
        n_units = check_count(n_units)
        check_names(given, ("n_units", "seed", *(one.name for one in fields(cls))), study=cls.study)
        return cls(**given), n_units, spawn_generators(seed, cls.parts)

    def finish(self, assignments, parts, truth, what, *, planted="them") -> Simulation:
        """Return the simulation of this world from its parts.

        Parameters
        ----------
        assignments : DataFrame
        parts : list of (columns of units by name, where yes and no become 1 and 0, and list of events from `tell`)
        truth : dict, `effects` (one that so few units cannot state is left out) and more
        what, planted : str
            What is simulated, and what of it is recovered, in words.
        """
        units = assignments.assign(**{name: column for found, _ in parts for name, column in found.items()})
        units = units.astype(dict.fromkeys(units.select_dtypes(bool), int))
        events = join_events(assignments, [event for _, told in parts for event in told], **self.calendar)
        effects = [effect for effect in truth["effects"] if np.isfinite(effect["value"])]
        truth = {"study": self.study, "world": asdict(self), **truth, "effects": effects}
        no_evidence = f"Recovering {planted} tests the method; it is no evidence for the published claims."
        return Simulation(assignments, events, units, truth, f"Simulated: {what}. {no_evidence}")


def spawn_generators(seed, names) -> dict[str, np.random.Generator]:
    """Return one generator a part of a study, so that a new part at the end does not shift the others.

    Parameters
    ----------
    seed : int
    names : sequence of str

    Returns
    -------
    dict: name -> Generator, in the order of the names.
    """
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def check_count(n_units) -> int:
    """Return a number of units, or refuse one that no experiment can be made of.

    Raises
    ------
    Refused: not a whole number from 10 to 100,000,000.
    """
    if isinstance(n_units, bool) or not isinstance(n_units, (int, np.integer)) or not 10 <= n_units <= 100_000_000:
        raise Refused("simulation, n_units: give a whole number from 10 to 100,000,000")
    return int(n_units)


def check_names(given, allowed, *, study):
    """Refuse a parameter that the simulation does not have, naming the nearest one that it has.

    Raises
    ------
    Refused: any name of `given` that is not in `allowed`.
    """
    for name in given:
        if name not in allowed:
            raise Refused(f"simulation {study}: unknown parameter {name[:40]}; {suggest(name, allowed, 'allowed')}")


def average(values) -> float:
    """Return the population mean of values at the `NODES` of a hidden trait."""
    return float(WEIGHTS @ np.broadcast_to(values, NODES.shape))


@dataclass(frozen=True)
class Chance:
    """The chance of one outcome at a hidden trait, and what the treatment adds to it.

    The treatment adds `factor` times its delivery times the room p (1 - p), so a chance stays one.
    """

    level: float
    slope: float
    factor: float = 0.0

    @classmethod
    def solve(cls, rate, effect, slope) -> Chance:
        """Return the chance that has a rate in the population without, and an effect with the treatment."""
        level = solve_level(lambda level: special.expit(level + slope * NODES), rate)
        return cls(level, slope, effect / average(cls(level, slope).room(NODES)))

    def plain(self, trait) -> np.ndarray:
        """Chance without the treatment, at each trait."""
        return special.expit(self.level + self.slope * np.asarray(trait))

    def room(self, trait) -> np.ndarray:
        """What a factor and a delivery of 1 add, at each trait."""
        share = self.plain(trait)
        return share * (1 - share)

    def served(self, trait, delivered=1.0) -> np.ndarray:
        """Chance where the treatment is delivered so much (0: not at all; 1: as on average)."""
        return self.plain(trait) + self.factor * delivered * self.room(trait)


def solve_level(plain, target, *, weight=1.0) -> float:
    """Return the level at which the population, weighted, has the target; `plain` gives the chances of a level."""
    return optimize.brentq(lambda level: average(weight * (plain(level) - target)), -60, 60, xtol=1e-13)


def choose(levels, slopes, trait, rng) -> np.ndarray:
    """Return the number of a category for each trait, drawn with log-odds of levels plus slopes times the trait."""
    shares = special.softmax(levels + np.multiply.outer(np.asarray(trait, float), slopes), axis=-1)
    return (rng.random((len(shares), 1)) > np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1)


def win(first, second) -> float:
    """Return the chance that a draw of the first is higher than one of the second; chances of rising values."""
    return float(first @ (np.cumsum(second) - second))


def find_incidence(rate, competing, horizon) -> tuple[float, float]:
    """Return the share with the event up to a horizon, and the mean time without it, which is the area above.

    Of constant rates of the event and of all that competes with it.
    """
    every = rate + competing
    ended = np.expm1(-every * horizon)
    return float(rate / every * -ended), float(horizon - rate / every * (horizon + ended / every))


def pick(values, shares, luck) -> np.ndarray:
    """Return the value at each luck, 0 to 1, where the values in their order have these shares."""
    return np.asarray(values)[np.searchsorted(np.cumsum(shares)[:-1], luck, side="right")]


def cut_delay(share, mean, most) -> np.ndarray:
    """Return the days at a share of an exponential delay that is cut off: mean before the cut, and the cut."""
    return -mean * np.log1p(np.asarray(share) * np.expm1(-most / mean))


def cut_share(days, mean, most) -> np.ndarray:
    """Return the share of a delay that is cut off which has passed by these days; the inverse of `cut_delay`."""
    return np.clip(np.expm1(-np.maximum(days, 0) / mean) / np.expm1(-most / mean), 0, 1)


def to_seconds(days) -> np.ndarray:
    """Return whole seconds of days."""
    return np.floor(np.multiply(days, SECONDS_A_DAY)).astype(np.int64)


def spread_rows(counts) -> np.ndarray:
    """Return the row of each of so many things a row."""
    return np.repeat(np.arange(len(counts)), counts)


def draw_months(world, buys, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return how many months each customer pays, 0 where nobody buys, and whether the first payment is given back."""
    refunded = buys & (rng.random(buys.size) < world.refund_share)
    stays = rng.geometric(max(world.monthly_churn, 1e-9), buys.size)
    return buys * np.where(refunded, 1, np.minimum(stays, MOST_MONTHS)), refunded


def list_payments(first, bill, months, refunded, windows) -> tuple[dict[str, np.ndarray], list]:
    """Return the revenue in each window (name: days), and the events of payments and refunds.

    Parameters
    ----------
    first : array, seconds from the assignment to the first payment
    bill : array, of each month
    months, refunded : arrays, from `draw_months`
    windows : dict of str to int
    """
    rows, back = spread_rows(months), np.flatnonzero(refunded)
    nth = np.arange(rows.size) - np.repeat(np.cumsum(months) - months, months)
    due, returned = first[rows] + nth * to_seconds(MONTH_DAYS), first[back] + to_seconds(REFUND_DAYS)
    row, at = np.concatenate([rows, back]), np.concatenate([due, returned])
    amount = np.concatenate([bill[rows], -bill[back]])
    inside = {name: at < to_seconds(days) for name, days in windows.items()}
    revenue = {name: np.bincount(row[kept], amount[kept], months.size) for name, kept in inside.items()}
    return revenue, [tell("payment", rows, due, value=bill[rows]), tell("refund", back, returned, value=-bill[back])]


def expect_payments(world, days, paid_by) -> float:
    """Return the mean number of monthly payments, less refunds, within some days, for who pays.

    Parameters
    ----------
    world : World, with monthly_churn and refund_share
    days : int
    paid_by : function, day -> share of the payers whose first payment has come by then
    """
    stays = (1 - world.refund_share) * (1 - world.monthly_churn) ** np.arange(1, days // MONTH_DAYS + 1)
    later = sum(stay * paid_by(days - MONTH_DAYS * nth) for nth, stay in enumerate(stays, start=1))
    return float(paid_by(days) + later - world.refund_share * paid_by(days - REFUND_DAYS))


def name_units(prefix, n_units) -> list[str]:
    """Return ids of seven digits, in order."""
    return [f"{prefix}{i:07d}" for i in range(n_units)]


def tell(event, row, seconds, *, value=np.nan, where=None, **texts) -> tuple[str, pd.DataFrame]:
    """Return events of one kind: the rows of their units, seconds since the assignment, value, and further ids.

    A row of None: each is of its own unit. `where` says of each whether it happens; without it all do.
    """
    row = np.arange(len(seconds)) if row is None else row
    told = pd.DataFrame({"row": row, "seconds": seconds, "value": value, **texts})
    return event, told if where is None else told[np.asarray(where)]


def join_events(assignments, told, *, at="assigned_at", end=None, kinds=None, texts=(), blank=np.nan) -> pd.DataFrame:
    """Return all events before the end of the data in order of time, unit and kind.

    Parameters
    ----------
    assignments : DataFrame, one row a unit, the id first
    told : list, from `tell`
    at : str, the column of times from which seconds count
    end : Timestamp, optional
    kinds : sequence of str, optional
        The order of kinds at one moment; alphabetical when left out.
    texts : sequence of str, columns of ids beside the unit's
    blank : str, optional
        What stands in them where an event tells none; missing when left out.

    Returns
    -------
    DataFrame: the unit's id, event, at (UTC), value and the texts.
    """
    kinds = kinds or sorted({event for event, _ in told})
    kind = np.repeat([kinds.index(event) for event, _ in told], [len(part) for _, part in told])
    events = pd.concat([part for _, part in told], ignore_index=True)
    opened, row = assignments[at].min(), events["row"].to_numpy()
    seconds = (assignments[at] - opened).dt.total_seconds().to_numpy(np.int64)[row]
    seconds = seconds + events["seconds"].to_numpy(np.int64)
    order = np.argsort((seconds * len(assignments) + row) * len(kinds) + kind, kind="stable")  # one key is faster
    if end is not None:
        order = order[seconds[order] < (end - opened).total_seconds()]
    found = {
        assignments.columns[0]: assignments.iloc[:, 0].array.take(row[order]),
        "event": pd.array(kinds, dtype="str").take(kind[order]),
        "at": opened + pd.to_timedelta(seconds[order], unit="s"),
        "value": events["value"].to_numpy()[order],
    }
    return pd.DataFrame(found | {name: events[name].astype("str").fillna(blank).array.take(order) for name in texts})


def standardise(exposed, chance, cells) -> tuple[float, float]:
    """Return the mean chance had nobody, and had everybody, the exposure, comparing within cells.

    A cell in which all or none are exposed tells nothing and is left out; nan where no cell is left.

    Parameters
    ----------
    exposed : array of 0/1, shape (n,)
    chance : array, shape (n,)
    cells : array of int, shape (n,)
    """
    most = cells.max(initial=-1) + 1
    size = np.array([np.bincount(cells[exposed == side], minlength=most) for side in (0, 1)])
    total = [np.bincount(cells[exposed == side], chance[exposed == side], most) for side in (0, 1)]
    both = (size > 0).all(axis=0)
    if not both.any():
        return np.nan, np.nan
    weight = size.sum(axis=0)[both]
    plain, reached = (np.average(total[side][both] / size[side][both], weights=weight) for side in (0, 1))
    return float(plain), float(reached)


def list_effects(metric, arms, means) -> list[dict[str, Any]]:
    """Return the true effects of one metric over all assigned, as rows of `truth["effects"]`.

    Parameters
    ----------
    metric : str
    arms, means : pair of str and of float, names and population means of control and treatment

    Returns
    -------
    list of dict: metric, control, treatment, estimand, population, value, control_value, treatment_value; a
        difference (treatment minus control), and a relative lift where the control value is above 0.
    """
    rows, (control, treatment) = [make_effect(metric, arms, means)], means
    if control > 0:
        rows.append(make_effect(metric, arms, means, value=treatment / control - 1, estimand="relative_lift"))
    return rows


def make_effect(metric, arms, means, *, value=None, estimand="difference", population="itt") -> dict[str, Any]:
    """Return one row of `truth["effects"]`; its keys are the fields of an estimate, so that the two can be matched.

    The value is the difference of the two means where none is given.
    """
    row = {"metric": metric, "control": arms[0], "treatment": arms[1], "estimand": estimand, "population": population}
    row["value"] = float(means[1] - means[0] if value is None else value)
    return row | {"control_value": float(means[0]), "treatment_value": float(means[1])}


def plan_duty(share, seats) -> np.ndarray:
    """Return who is on duty in each hour of the week, shape (people, 168).

    Blocks of four hours go round the people of the team, so that all work about the same time.

    Parameters
    ----------
    share : array, shape (168,), of the full team in each hour of the week
    seats : int, on duty in office hours; a thinner block has at least one
    """
    wanted = np.ceil(share * seats - 1e-9).astype(int)
    people = max(seats, int(np.ceil(wanted.sum() / HOURS_A_PERSON)))
    duty, turn = np.zeros((people, HOURS_A_WEEK), dtype=bool), 0
    for start in range(0, HOURS_A_WEEK, SHIFT_HOURS):
        duty[(turn + np.arange(wanted[start])) % people, start : start + SHIFT_HOURS] = True
        turn += wanted[start]
    return duty


@dataclass(frozen=True)
class Service:
    """What became of each customer: `agent` (n,) int, -1 where nobody answered; `wait` (n,) seconds, nan there."""

    agent: np.ndarray
    wait: np.ndarray


def serve(arrived, handling, patience, duty, *, priority=None) -> Service:
    """Return who answered each customer of one queue, and after how many seconds.

    The free agent who has been idle longest (of equals, the first) takes the customer of the lowest priority number
    who came first. An agent begins only on duty, and finishes what was begun (non-preemptive). A customer whose
    patience ends before a start leaves unanswered. At one moment duty changes first, then conversations end, then
    customers arrive. Nothing is drawn: equal inputs give equal results.

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
    rank = [0] * arrived.size if priority is None else np.asarray(priority).tolist()
    agent, wait = np.full(arrived.size, -1), np.full(arrived.size, np.nan)
    comes, works, leaves = arrived.tolist(), handling.tolist(), (arrived + patience).tolist()
    duty = np.asarray(duty, dtype=bool)
    until_on, until_off = _count_hours_until(duty), _count_hours_until(~duty)
    # Two heaps: from when each agent can begin, and who has come and waits; of an idle agent the first is in the past.
    free = [(_move(comes[0], until_on[who]), who) for who in np.flatnonzero(duty.any(axis=1)).tolist() if comes]
    waiting, coming = [], 0
    heapify(free)
    while free and (waiting or coming < len(comes)):
        now, who = heappop(free)
        while coming < len(comes) and comes[coming] < now:
            heappush(waiting, (rank[coming], coming))
            coming += 1
        while waiting and leaves[waiting[0][1]] < now:
            heappop(waiting)
        if not waiting and coming < len(comes):  # idle until the next one comes, or duty ends before
            ends, now = _move(now, until_off[who]), comes[coming]
            if ends <= now:
                heappush(free, (_move(ends, until_on[who]), who))
                continue
            heappush(waiting, (rank[coming], coming))
            coming += 1
        if waiting:
            customer = heappop(waiting)[1]
            agent[customer], wait[customer] = who, now - comes[customer]
            heappush(free, (_move(now + works[customer], until_on[who]), who))
    return Service(agent, wait)


def _count_hours_until(is_so):
    """Return for each agent and hour of the week after how many hours it is so: 0 for at once, inf for never."""
    found, ahead = np.empty(is_so.shape), np.full(len(is_so), np.inf)
    for hour in [*range(HOURS_A_WEEK)[::-1]] * 2:
        found[:, hour] = ahead = np.where(is_so[:, hour], 0, ahead + 1)
    return found.tolist()


def _move(now, until):
    """Return the first moment from now on that lies in such an hour: now, or when the next of them begins."""
    hour = int(now // SECONDS_AN_HOUR)
    ahead = until[hour % HOURS_A_WEEK]
    return (hour + ahead) * SECONDS_AN_HOUR if ahead else now
