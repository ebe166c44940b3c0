"""What every simulated world is made of: bounded parameters, a hidden trait, chances, payments, events, the truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import optimize, special

from helpers.records import Refused, suggest

SECONDS_A_DAY, SECONDS_AN_HOUR = 86_400, 3_600
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
    """The parameters of one study's world; a field is made by `bound` or `limit`, and refused outside its range."""

    study: ClassVar[str] = ""

    def __post_init__(self):
        for one in fields(self):
            if not one.metadata["fits"](getattr(self, one.name)):
                raise Refused(f"simulation {self.study}, {one.name}: give {one.metadata['words']}")

    @classmethod
    def read(cls, given) -> World:
        """Return the world with some parameters changed; one that it does not have is refused."""
        check_names(given, ("n_units", "seed", *(one.name for one in fields(cls))), study=cls.study)
        return cls(**given)


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


def find_incidence(rate, competing, horizon) -> float:
    """Return the share with the event up to a horizon, of constant rates of it and of all that competes with it."""
    every = rate + competing
    return float(rate / every * -np.expm1(-every * horizon))


def find_free_time(rate, competing, horizon) -> float:
    """Return the mean time without the event up to a horizon: the area above its incidence."""
    every = rate + competing
    return float(horizon - rate / every * (horizon + np.expm1(-every * horizon) / every))


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


def tell(event, row, seconds, *, value=np.nan, **texts) -> tuple[str, pd.DataFrame]:
    """Return events of one kind: the rows of their units, seconds since the assignment, value, and further ids."""
    return event, pd.DataFrame({"row": row, "seconds": seconds, "value": value, **texts})


def join_events(assignments, told, *, at="assigned_at", end=None, kinds=None, texts=()) -> pd.DataFrame:
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
    return pd.DataFrame(found | {name: events[name].astype("str").array.take(order) for name in texts})


def finish(world, assignments, parts, truth, note, **calendar) -> Simulation:
    """Return the simulation of a world from its parts.

    Parameters
    ----------
    world : World
    assignments : DataFrame
    parts : list of (columns of units by name, list of events from `tell`)
    truth : dict, `effects` and more
    note : str
    **calendar
        `at`, `end`, `kinds` and `texts` of `join_events`.
    """
    units = assignments.assign(**{name: column for columns, _ in parts for name, column in columns.items()})
    events = join_events(assignments, [event for _, events in parts for event in events], **calendar)
    return Simulation(assignments, events, units, {"study": world.study, "world": asdict(world), **truth}, note)


def write_note(what, planted="effects") -> str:
    """Return the sentence that says what is simulated, and what it is no evidence for."""
    return f"Simulated: {what}. Recovering {planted} tests the method; it is no evidence for the published claims."


def list_effects(metric, control, treatment, control_value, treatment_value) -> list[dict[str, Any]]:
    """Return the true effects of one metric over all assigned, as rows of `truth["effects"]`.

    Parameters
    ----------
    metric, control, treatment : str
    control_value, treatment_value : float, population means of the two arms

    Returns
    -------
    list of dict: metric, control, treatment, estimand, population, value, control_value, treatment_value; a
        difference (treatment minus control), and a relative lift where the control value is above 0.
    """
    pair = (metric, control, treatment, control_value, treatment_value)
    rows = [make_effect(*pair)]
    if control_value > 0:
        rows.append(make_effect(*pair, value=treatment_value / control_value - 1, estimand="relative_lift"))
    return rows


def make_effect(
    metric, control, treatment, control_value, treatment_value, *, value=None, estimand="difference", population="itt"
) -> dict[str, Any]:
    """Return one row of `truth["effects"]`; its keys are the fields of an estimate, so that the two can be matched.

    The value is the difference of the two where none is given.
    """
    return {
        "metric": metric,
        "control": control,
        "treatment": treatment,
        "estimand": estimand,
        "population": population,
        "value": float(treatment_value - control_value if value is None else value),
        "control_value": float(control_value),
        "treatment_value": float(treatment_value),
    }
