"""How accounts leave, fall silent and expand, and what is true of it: chances, and differences between alike."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from helpers.simulate import kit
from helpers.simulate.account_world import (
    DORMANT_DAYS,
    FEATURE,
    FEATURES,
    HORIZON_DAYS,
    NEWEST,
    PLANNED_COUNT,
    SIGNS,
    STEPS,
    WINDOW_DAYS,
    count_mature,
)
from helpers.simulate.kit import MONTH_DAYS

SMOOTH_SLOPE = 0.6  # of the association, per unit of log conversations: over the range about as much as the step
QUIET_LEAVING = 3.0  # silent accounts leave so many times as fast
EXPANSIONS = 5  # from none to four in the half year, for the chance of silence
COUNTED_DAYS = 140  # from the landmark to the months, on average, whose seats bring the last 45 days' conversations
MATURITY_EXPANSION = 2.5  # a mature category counts this many times for expansion as for loss
SEAT_EDGES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 21, 28, 40)  # compared within a tier and a band of seats


@dataclass(frozen=True)
class Rates:
    """Daily rates after day 90, shape (n,): leaving while active, falling silent, expanding.

    `talk`: conversations a day by the number of expansions since, shape (n, numbers).
    """

    leave: np.ndarray
    quiet: np.ndarray
    expand: np.ndarray
    talk: np.ndarray


def find_rates(world, accounts, count, features, talk) -> Rates:
    """Return the rates that follow from what each account did in its first three months."""
    used, mature = features < WINDOW_DAYS, count_mature(features)
    activated = _score_activation(world, accounts["newest"].to_numpy(), count)
    tier = world.tier_effect * accounts["tier"].to_numpy()
    good = world.feature_effect * used[:, FEATURE["role"] == "helpful"].sum(axis=1)
    bad = world.harmful_effect * used[:, FEATURE["role"] == "harmful"].sum(axis=1)
    habit = world.usage_effect * accounts["solving"].to_numpy()
    stays = tier + good - bad + habit + world.maturity_effect * mature
    grows = tier + MATURITY_EXPANSION * world.maturity_effect * mature
    return Rates(
        leave=world.monthly_loss / MONTH_DAYS * np.exp(-activated - stays),
        quiet=world.dormancy_rate / MONTH_DAYS * np.exp(-activated),
        expand=world.expansion_rate / MONTH_DAYS * np.exp(activated + grows),
        talk=talk,
    )


def _score_activation(world, newest, count):
    """Return by how much conversations of three months lower the log rate of loss, in the shape that is planted."""
    if world.activation_shape == "none":
        return np.zeros(count.shape)
    effect = np.where(newest, world.drift_effect, world.activation_effect)
    if world.activation_shape == "smooth":
        return effect * SMOOTH_SLOPE * (np.log1p(count) - np.log1p(world.activation_cut))
    return effect * (count >= np.where(newest, world.drift_cut, world.activation_cut))


def draw_ends(rates, leaves_early, rng):
    """Return the day each account is lost and the day its activity ends (silence or loss), whatever is observed.

    Parameters
    ----------
    rates : Rates
    leaves_early : array, shape (n,), the day early leavers are lost, inf for the others
    rng : Generator
    """
    turns = rng.exponential(size=(3, leaves_early.size))
    with np.errstate(divide="ignore"):
        leave, quiet, silent = turns / [rates.leave, rates.quiet, QUIET_LEAVING * rates.leave]
    stop = WINDOW_DAYS + np.minimum(leave, quiet)
    lost = np.where(leave < quiet, stop, stop + silent)
    early = np.isfinite(leaves_early)
    return np.where(early, leaves_early, lost), np.where(early, leaves_early, stop)


def find_chances(rates) -> dict[str, np.ndarray]:
    """Return each account's chance of retained, expanded and dormant by day 270, if it is a customer on day 90.

    Retained: not lost within 180 days. Expanded: at least one expansion in them. Dormant: no conversation in the
    last 45 of them, averaged over the number of expansions (seats that are given up meanwhile are left out); the
    last number stands for more too.
    """
    ends, days = rates.leave + rates.quiet, HORIZON_DAYS
    silent = QUIET_LEAVING * rates.leave
    retained = np.exp(-ends * days) + rates.quiet * days * np.exp(-silent * days) * _average((ends - silent) * days)
    expanded = rates.expand * days * _average((rates.expand + ends) * days)
    before, both = np.exp(-ends * (days - DORMANT_DAYS)), (ends[:, None] + rates.talk) * DORMANT_DAYS
    silence = (ends * DORMANT_DAYS)[:, None] * _average(both) + np.exp(-both)
    numbers = stats.poisson.pmf(np.arange(rates.talk.shape[1]), (rates.expand * COUNTED_DAYS)[:, None])
    numbers[:, -1] += 1 - numbers.sum(axis=1)
    dormant = 1 - before + before * (numbers * silence).sum(axis=1)
    return {"retained": retained, "expanded": expanded, "dormant": dormant}


def _average(exponent):
    """Return (1 - exp(-x)) / x, 1 at 0: the average of exp(-x t) over t from 0 to 1."""
    near = np.abs(exponent) < 1e-8
    safe = np.where(near, 1.0, exponent)
    return np.where(near, 1.0, -np.expm1(-safe) / safe)


def standardise(exposed, chance, cells) -> tuple[float, float]:
    """Return the mean chance had nobody, and had everybody, the exposure, comparing within cells.

    A cell in which all or none are exposed tells nothing and is left out; nan where no cell is left.

    Parameters
    ----------
    exposed : array of 0/1, shape (n,)
    chance : array, shape (n,)
    cells : array of int, shape (n,)
    """
    size = np.array([np.bincount(cells[exposed == side], minlength=cells.max() + 1) for side in (0, 1)])
    total = [np.bincount(cells[exposed == side], chance[exposed == side], cells.max() + 1) for side in (0, 1)]
    both = (size > 0).all(axis=0)
    if not both.any():
        return np.nan, np.nan
    weight = size.sum(axis=0)[both]
    plain, reached = (np.average(total[side][both] / size[side][both], weights=weight) for side in (0, 1))
    return float(plain), float(reached)


def state_truth(world, accounts, life) -> dict:
    """Return the true associations at day 90, naive and by feature, and what is planted; no outcome is drawn.

    Each account's chance of an outcome follows from the planted rates; its mean is taken within tier and band of
    seats among those who reached a milestone and those who did not, over all customers of day 90, so nothing but the
    chances' own spread over these accounts remains. Naive: all starters, early leavers included.

    Returns
    -------
    dict: effects (rows as `make_effect` makes them, population landmark, naive: observational; one that so few
        accounts cannot state is left out), naive, features (role, sign, group and difference of each), threshold,
        elasticity, steps.
    """
    alive = np.isinf(accounts["leaves_early"]).to_numpy()
    effects, naive, features = [], {}, {}
    if alive.any():
        band = np.digitize(accounts["seats"], SEAT_EDGES)
        cells = (accounts["tier"].to_numpy() * (len(SEAT_EDGES) + 1) + band)[alive]
        chances = {name: chance[alive] for name, chance in life.chances.items()}
        effects, naive = _state_milestones(life, chances, cells, alive)
        features = _state_features(world, life.features[alive] < WINDOW_DAYS, chances["retained"], cells)
    return {
        "effects": effects,
        "naive": naive,
        "features": features,
        "threshold": {
            "shape": world.activation_shape,
            "cut": world.activation_cut,
            "planned": PLANNED_COUNT,
            "newest_cohort": NEWEST,
            "newest_cut": world.drift_cut,
            "newest_effect": world.drift_effect,
        },
        "elasticity": world.seats_elasticity,
        "steps": {s.name: {"role": s.role, "effect": world.step_effect if s.role == "helps" else 0.0} for s in STEPS},
    }


def _state_milestones(life, chances, cells, alive):
    rows = []
    for name in ("set_up", "activated", "using", "mature"):
        word = name.replace("_", " ")
        for metric, chance in chances.items():
            pair = standardise(life.reached[name][alive], chance, cells)
            rows.append(kit.make_effect(metric, f"not {word}", word, *pair, population="landmark"))
    kept, activated = np.where(alive, life.chances["retained"], 0.0), life.reached["activated"]
    pair = [kept[activated == side].mean() if (activated == side).any() else np.nan for side in (0, 1)]
    naive = {"estimand": "naive", "population": "observational"}
    rows.append(kit.make_effect("retained", "not activated", "activated", *pair, **naive))
    told = {"kept_not": pair[0], "kept_reached": pair[1], "difference": pair[1] - pair[0]}
    stated = [row for row in rows if np.isfinite(row["value"])]
    return stated, {word: float(value) for word, value in told.items()} if np.isfinite(told["difference"]) else {}


def _state_features(world, used, chance, cells):
    planted = {"helpful": world.feature_effect, "harmful": world.harmful_effect, "mature": world.maturity_effect}
    found = {}
    for place, feature in enumerate(FEATURES):
        plain, reached = standardise(used[:, place].astype(int), chance, cells)
        gap = None if np.isnan(reached) else reached - plain
        sign = SIGNS.get(feature.role, 0) * int(np.sign(planted.get(feature.role, 0)))
        found[feature.name] = {"role": feature.role, "sign": sign, "group": feature.group, "difference": gap}
    return found
