"""The world of the in-product help study: its parameters, and the equations that they fix."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy import optimize, special, stats

from helpers.records import Refused
from helpers.simulate.simulation import check_names

CONTROL, TREATMENT = "links", "no_links"
WINDOW_DAYS, TRIAL_DAYS, CONVERSION_DAYS, REVENUE_DAYS, HORIZON_DAYS = 28, 14, 60, 365, 90
MONTH_DAYS, RENEWAL_MONTHS, DELAY_DAYS = 30, 6, 8.0
SEATS_LOG_MEAN, SEATS_SLOPE, SEATS_SPREAD = 1.1, 0.35, 1.5
PRICES = {"starter": 39.0, "growth": 59.0, "scale": 99.0}  # dollars a seat a month
TIER_LEVELS, TIER_SLOPES = np.array([0.9, 0.4, -0.4]), np.array([-0.5, 0.0, 0.5])


@dataclass(frozen=True)
class World:
    """Baselines and planted effects; effects are `no_links` minus `links`, per assigned workspace.

    The article gives no baseline. Baselines are those of the arm with links, as a company sees them today.
    """

    share_use_content: float = 0.40  # of workspaces with links; leaves room for a ratio of 2.5 at a rate of 30 %
    share_find_anyway: float = 0.05  # open help without links, through the help centre; so take-up is two-sided
    keenness_and_use: float = 0.70  # correlation of keenness with use of content: the article's own doubt, made large
    activation_rate: float = 0.30  # usual order of magnitude for self-serve software; not reported
    activation_effect: float = -0.02  # small, because the article reports none for its key metric
    activation_ratio: float = 2.5  # users of content activate this many times as often as others (claim P04)
    paid_rate: float = 0.25  # usual order of magnitude for a free trial without a card; not reported
    paid_effect: float = -0.09  # the published nine points (claim P13)
    keenness_and_paid: float = 0.80  # log-odds of paying per standard deviation of keenness: 7 % to 30 % across it
    active_days: float = 8.0  # of the first 28 days: twice a week
    active_days_effect: float = -1.0  # one eighth fewer: less engagement without a start (claim P15)
    conversations: float = 1.2  # per workspace in 28 days; most start none or one
    conversations_effect: float = -0.15  # one eighth fewer, as active days: fewer questions because fewer are active
    searches: float = 2.0  # per workspace in 28 days
    searches_effect: float = -0.40  # a fifth fewer (claim P12 gives the direction alone)
    monthly_churn: float = 0.03  # of paying workspaces; low end for small companies
    refund_share: float = 0.03  # of first payments, so that revenue has negative values


POSITIVE = {"activation_ratio", "active_days", "conversations", "searches"}
SIGNED = {f.name for f in fields(World) if f.name.endswith("_effect")}


@dataclass(frozen=True)
class Crowd:
    """Keenness in the population: Gauss-Hermite nodes, weights that sum to 1, and who opens help at each node."""

    nodes: np.ndarray
    weights: np.ndarray
    use: np.ndarray
    find: np.ndarray

    @property
    def complier(self) -> np.ndarray:
        """Share who open help with links and not without, at each node."""
        return self.use - self.find

    def mean(self, values) -> float:
        """Average over the population."""
        return float(self.weights @ np.broadcast_to(values, self.nodes.shape))


@dataclass(frozen=True)
class Response:
    """How one outcome rises with keenness, and what opened help adds to compliers.

    `ceiling` is the greatest mean (1 for a share, None for a count); `factor` the share of the room above
    (or, below 0 and for counts, of the value itself) that help adds.
    """

    ceiling: float | None
    level: float
    slope: float
    factor: float

    def without(self, keenness) -> np.ndarray:
        """Mean outcome without help, at each keenness."""
        line = self.level + self.slope * keenness
        return np.exp(line) if self.ceiling is None else self.ceiling * special.expit(line)

    def helped(self, keenness) -> np.ndarray:
        """Mean outcome of a complier who has the links, at each keenness."""
        base = self.without(keenness)
        room = base if self.ceiling is None or self.factor < 0 else self.ceiling - base
        return base + self.factor * room


def read_world(given) -> World:
    """Return the world with some parameters changed.

    Raises
    ------
    Refused: an unknown parameter, or a value outside its range.
    """
    check_names(given, ("n_units", "seed", *(f.name for f in fields(World))), study="proactive_help")
    world = World(**given)
    for name in (f.name for f in fields(World)):
        _check_value(name, getattr(world, name))
    if world.share_find_anyway >= world.share_use_content:
        raise Refused("simulation proactive_help, share_find_anyway: it must be below share_use_content")
    return world


def _check_value(name, value):
    number = not isinstance(value, bool) and isinstance(value, (int, float, np.number)) and np.isfinite(value)
    if name in SIGNED:
        allowed, fits = "a number", number
    elif name in POSITIVE:
        allowed, fits = "a number above 0", number and value > 0
    elif name == "keenness_and_paid":
        allowed, fits = "a number from -3 to 3", number and -3 <= value <= 3
    elif name in ("monthly_churn", "refund_share", "keenness_and_use"):
        allowed, fits = "a number from 0 to below 1", number and 0 <= value < 1
    else:
        allowed, fits = "a share above 0 and below 1", number and 0 < value < 1
    if not fits:
        raise Refused(f"simulation proactive_help, {name}: give {allowed}")


def opening_shares(world, keenness) -> tuple[np.ndarray, np.ndarray]:
    """Return the chance to open help with links, and without, at each keenness."""
    spread = np.sqrt(1 - world.keenness_and_use**2)
    return tuple(
        stats.norm.cdf((world.keenness_and_use * keenness + stats.norm.ppf(share)) / spread)
        for share in (world.share_use_content, world.share_find_anyway)
    )


def gather_crowd(world) -> Crowd:
    """Return the population of the world; keenness is standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(121)
    return Crowd(nodes, weights / weights.sum(), *opening_shares(world, nodes))


def solve_responses(world, crowd) -> dict[str, Response]:
    """Return the response of each outcome, such that the population has exactly the world's rates and effects.

    Raises
    ------
    Refused: an effect that compliers alone cannot carry, or a ratio that no strength of keenness gives.
    """
    days = {"control": world.active_days - 1, "effect": world.active_days_effect, "slope": 0.5}
    found = {
        "activated": _solve_activation(world, crowd),
        "paid": _solve(crowd, world.paid_rate, world.paid_effect, slope=world.keenness_and_paid, ceiling=1),
        "active": _solve(crowd, *days.values(), ceiling=WINDOW_DAYS - 1),
        "conversations": _solve(crowd, world.conversations, world.conversations_effect, slope=0.4),
        "searches": _solve(crowd, world.searches, world.searches_effect, slope=0.4),
    }
    for name, response in found.items():
        if not -1 <= response.factor <= (np.inf if response.ceiling is None else 1):
            raise Refused(
                f"simulation proactive_help: the effect on {name} is more than opened help can carry; lower it"
            )
    return found


def _solve(crowd, control, effect, slope, ceiling=None) -> Response:
    base = control + effect
    if base <= 0 or (ceiling and max(base, control) >= ceiling):
        raise Refused(
            "simulation proactive_help: a baseline with its effect leaves the possible range; lower the effect"
        )
    level = _find_level(crowd, base, slope, ceiling)
    plain = Response(ceiling, level, slope, 0.0).without(crowd.nodes)
    room = plain if ceiling is None or effect > 0 else ceiling - plain
    return Response(ceiling, level, slope, -effect / crowd.mean(crowd.complier * room))


def _find_level(crowd, mean, slope, ceiling):
    if ceiling is None:
        return np.log(mean / crowd.mean(np.exp(slope * crowd.nodes)))
    share = mean / ceiling
    return optimize.brentq(lambda a: crowd.mean(special.expit(a + slope * crowd.nodes)) - share, -60, 60, xtol=1e-13)


def _solve_activation(world, crowd) -> Response:
    def respond(slope):
        return _solve(crowd, world.activation_rate, world.activation_effect, slope, ceiling=1)

    def miss(slope):
        others, users = contrast_users(crowd, respond(slope))
        return users / others - world.activation_ratio

    if miss(-6) * miss(6) > 0:
        raise Refused("simulation proactive_help, activation_ratio: no strength of keenness gives it at these rates")
    return respond(optimize.brentq(miss, -6, 6, xtol=1e-12))


def contrast_users(crowd, response, *, worth=1.0) -> tuple[float, float]:
    """Return the means of those who do not open help and of those who do, within the arm with links."""
    plain, helped = response.without(crowd.nodes), response.helped(crowd.nodes)
    others = crowd.mean(worth * (1 - crowd.use) * plain) / crowd.mean(1 - crowd.use)
    users = crowd.mean(worth * (crowd.find * plain + crowd.complier * helped)) / crowd.mean(crowd.use)
    return others, users


def tier_shares(keenness) -> np.ndarray:
    """Return the chance of each plan tier (order of `PRICES`) at each keenness, shape (n, 3)."""
    return special.softmax(TIER_LEVELS + np.multiply.outer(np.asarray(keenness, float), TIER_SLOPES), axis=-1)


def mean_seats(keenness) -> np.ndarray:
    """Return the mean number of seats beyond the first, at each keenness."""
    return np.exp(SEATS_LOG_MEAN + SEATS_SLOPE * np.asarray(keenness, float))


def truncated_delay(share) -> np.ndarray:
    """Return the days from the end of the trial to payment at a share of its distribution (exponential, cut off)."""
    return -DELAY_DAYS * np.log1p(-np.asarray(share) * delay_mass())


def delay_mass() -> float:
    """Return the share of the untruncated delay that ends inside the window for conversion."""
    return -np.expm1(-(CONVERSION_DAYS - TRIAL_DAYS) / DELAY_DAYS)
