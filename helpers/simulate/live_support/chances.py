"""How outcomes depend on hidden traits, solved so that the population has exactly the world's rates and effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from helpers.records import Refused
from helpers.simulate.live_support.week import deliver, share_sign_ups

ASKING_SLOPE, LOYALTY_SLOPE, RATING_SLOPE = 0.5, 1.0, 1.2  # log questions and log-odds per standard deviation
PASSIVE_GAP = 1.6  # log-odds between promoters and detractors: about a third are passive
RATINGS = {"good": {5: 0.65, 4: 0.35}, "bad": {3: 0.5, 2: 0.25, 1: 0.25}}  # shares within good and bad ratings
GOOD_MINUS_BAD = sum(k * v for k, v in RATINGS["good"].items()) - sum(k * v for k, v in RATINGS["bad"].items())


@dataclass(frozen=True)
class Chance:
    """The chance of one outcome at a hidden trait, and what live support adds to it.

    Live support adds `factor` times its delivery times the room p (1 - p), so a chance stays one.
    """

    level: float
    slope: float
    factor: float = 0.0

    def plain(self, trait) -> np.ndarray:
        """Chance with the standard promise, at each trait."""
        return special.expit(self.level + self.slope * np.asarray(trait))

    def room(self, trait) -> np.ndarray:
        """What a factor and a delivery of 1 add, at each trait."""
        share = self.plain(trait)
        return share * (1 - share)

    def served(self, trait, delivered) -> np.ndarray:
        """Chance where live support is delivered so much (0: not at all; 1: as on average)."""
        return self.plain(trait) + self.factor * delivered * self.room(trait)


@dataclass(frozen=True)
class Crowd:
    """The population: a standard normal trait as Gauss-Hermite nodes and weights, and the moments of delivery.

    `square` is the mean of the squared delivery, `most` its largest value; its mean is 1.
    """

    nodes: np.ndarray
    weights: np.ndarray
    square: float
    most: float

    def mean(self, values) -> float:
        """Average over the population."""
        return float(self.weights @ np.broadcast_to(values, self.nodes.shape))


def gather_crowd(world) -> Crowd:
    """Return the population of the world."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(121)
    delivered = deliver(world)
    square = float((delivered**2 @ share_sign_ups()).mean())
    return Crowd(nodes, weights / weights.sum(), square, float(delivered.max()))


def solve_chances(world, crowd) -> dict[str, Chance]:
    """Return the chances of trial, paid, answered, promoter, detractor and good.

    Loyalty and ratings are solved among those who answer, as they are published; trial and payment over all.

    Raises
    ------
    Refused: an effect that leaves no chance a chance, or more who would pay than start a trial.
    """
    found = {
        "trial": _solve_share(crowd, world.trial_rate, world.trial_lift * world.trial_rate, world.keenness_and_outcome),
        "paid": _solve_share(crowd, world.paid_rate, world.revenue_lift * world.paid_rate, world.keenness_and_outcome),
        "answered": _solve_share(crowd, world.response_rate, world.response_effect, world.satisfied_answer),
    }
    found |= _solve_loyalty(world, crowd, found["answered"])
    found["good"] = _solve_rating(world, crowd, found["answered"])
    for name, chance in found.items():
        if abs(chance.factor) * crowd.most > 1:
            raise Refused(f"simulation live_support: the effect on {EFFECTS[name]} leaves the possible range; lower it")
    _check_payers(found, crowd)
    return found


EFFECTS = {
    "trial": "trial starts",
    "paid": "revenue",
    "answered": "survey response",
    "promoter": "loyalty",
    "detractor": "loyalty",
    "good": "ratings",
}


def asking_means(world, keenness, delivered) -> np.ndarray:
    """Return the mean number of questions in 28 days at each keenness, where live support is delivered so much."""
    plain = world.questions * np.exp(ASKING_SLOPE * np.asarray(keenness) - ASKING_SLOPE**2 / 2)
    return plain * (1 + world.questions_lift * np.asarray(delivered))


def loyalty_gain(world) -> float:
    """Return the planted difference of NPS among those who answer, in points."""
    return world.loyalty_effect * (world.nps / 100 if world.loyalty_as == "percent" else 1)


def _solve_share(crowd, rate, effect, slope):
    level = optimize.brentq(lambda a: crowd.mean(special.expit(a + slope * crowd.nodes)) - rate, -60, 60, xtol=1e-13)
    chance = Chance(level, slope)
    return Chance(level, slope, effect / crowd.mean(chance.room(crowd.nodes)))


def _solve_loyalty(world, crowd, answered):
    def pair(level, factor=0.0):
        promoter = Chance(level, LOYALTY_SLOPE, factor)
        return {"promoter": promoter, "detractor": Chance(-level - PASSIVE_GAP, -LOYALTY_SLOPE, -factor)}

    def balance(level, part):
        ends = pair(level)
        sign = 1 if part == "room" else -1
        return getattr(ends["promoter"], part)(crowd.nodes) + sign * getattr(ends["detractor"], part)(crowd.nodes)

    level = _solve_level(crowd, answered, lambda a: balance(a, "plain"), world.nps / 100)
    target = (world.nps + loyalty_gain(world)) / 100
    return pair(level, _solve_factor(crowd, answered, balance(level, "plain"), balance(level, "room"), target))


def _solve_rating(world, crowd, answered):
    plain = lambda level: Chance(level, RATING_SLOPE).plain(crowd.nodes)  # noqa: E731
    level = _solve_level(crowd, answered, plain, world.csat_good)
    room = Chance(level, RATING_SLOPE).room(crowd.nodes)
    target = world.csat_good + world.csat_effect / GOOD_MINUS_BAD
    return Chance(level, RATING_SLOPE, _solve_factor(crowd, answered, plain(level), room, target))


def _solve_level(crowd, answered, plain, target):
    """Return the level at which those who answer in the standard arm have the target."""
    share = answered.plain(crowd.nodes)
    return optimize.brentq(lambda a: crowd.mean(share * (plain(a) - target)), -60, 60, xtol=1e-13)


def _solve_factor(crowd, answered, plain, room, target):
    """Return the factor with which those who answer in the live arm have the target; both depend on delivery."""
    share, more = answered.plain(crowd.nodes), answered.factor * answered.room(crowd.nodes)
    return -crowd.mean((share + more) * (plain - target)) / crowd.mean((share + more * crowd.square) * room)


def _check_payers(found, crowd):
    trait = np.linspace(-6, 6, 241)
    for delivered in (0.0, crowd.most):
        if (found["paid"].served(trait, delivered) > found["trial"].served(trait, delivered) + 1e-12).any():
            raise Refused(
                "simulation live_support: more would pay than start a trial; lower revenue_lift or raise trial_lift"
            )
