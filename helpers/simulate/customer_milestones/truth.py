"""The truth of the customer-milestones study: what is planted, and the associations that follow, without noise."""

from __future__ import annotations

import numpy as np

from helpers.simulate.customer_milestones.catalogue import FEATURES, STEPS
from helpers.simulate.customer_milestones.outcomes import count_mature
from helpers.simulate.customer_milestones.world import (
    MONTH_DAYS,
    NEWEST,
    PLANNED_COUNT,
    PLANNED_MATURE,
    PLANNED_STEPS,
    PLANNED_USE,
    WINDOW_DAYS,
    drift_cut,
    drift_effect,
)
from helpers.simulate.simulation import make_effect

SEAT_EDGES = (
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    12,
    14,
    17,
    21,
    28,
    40,
)  # accounts are compared within a tier and a band of seats
WORDS = {"set_up": "set up", "activated": "activated", "using": "using", "mature": "mature"}


def read_milestones(talks, steps, features, seats) -> dict[str, np.ndarray]:
    """Return which milestones each account reached by day 90, by the lines of the plan, and its count.

    Parameters
    ----------
    talks : Talks, of the accounts' time as customers
    steps, features : arrays of days, shape (n, 7) and (n, 54), inf where never
    seats : array, shape (n,), at day 60: the start of the last month before the landmark
    """
    count = np.bincount(talks.row[talks.day < WINDOW_DAYS], minlength=seats.size)
    last = (talks.solved >= WINDOW_DAYS - MONTH_DAYS) & (talks.solved < WINDOW_DAYS)
    solved = np.bincount(talks.row[last], minlength=seats.size)
    reached = {
        "set_up": (steps < WINDOW_DAYS).sum(axis=1) >= PLANNED_STEPS,
        "activated": count >= PLANNED_COUNT,
        "using": solved / seats >= PLANNED_USE,
        "mature": count_mature(features < WINDOW_DAYS) >= PLANNED_MATURE,
    }
    return {"count": count} | {name: part.astype(int) for name, part in reached.items()}


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


def state_effects(reached, chances, accounts, alive) -> list[dict]:
    """Return the true associations of every milestone at day 90, and the naive difference of activation.

    Each account's chance of an outcome follows from the planted rates; its mean is taken within tier and band of
    seats among those who reached a milestone and those who did not, over all customers of day 90. No outcome is drawn,
    so nothing but the chances' own spread over these accounts remains. Naive: all starters, early leavers included.

    Returns
    -------
    list of dict: rows as `make_effect` makes them, population landmark (naive: observational); a row that so few
        accounts cannot state is left out.
    """
    cells = _find_cells(accounts)[alive]
    rows = []
    for name, word in WORDS.items():
        for metric, chance in chances.items():
            pair = standardise(reached[name][alive], chance[alive], cells)
            words = (metric, f"not {word}", word)
            rows.append(make_effect(*words, *pair, value=pair[1] - pair[0], population="landmark"))
    naive = _contrast_naively(reached["activated"], chances["retained"], alive)
    words = ("retained", "not activated", "activated", *naive)
    rows.append(make_effect(*words, value=naive[1] - naive[0], estimand="naive", population="observational"))
    return [row for row in rows if np.isfinite(row["value"])]


def _contrast_naively(activated, chance, alive) -> tuple[float, float]:
    """Return the expected share kept at day 270 of all starters that were never activated, and that were."""
    kept = np.where(alive, chance, 0.0)
    return tuple(float(kept[activated == side].mean()) if (activated == side).any() else np.nan for side in (0, 1))


def state_features(world, features, chance, accounts, alive) -> dict[str, dict]:
    """Return, by feature, its role, the sign of its own association, its group, and the difference that it shows."""
    cells, planted = _find_cells(accounts)[alive], _find_planted(world)
    found = {}
    for place, feature in enumerate(FEATURES):
        used = (features[alive, place] < WINDOW_DAYS).astype(int)
        plain, reached = standardise(used, chance[alive], cells)
        sign = feature.sign * int(np.sign(planted.get(feature.role, 0)))
        told = {"role": feature.role, "sign": sign, "group": feature.group, "difference": reached - plain}
        found[feature.name] = {key: None if value != value else value for key, value in told.items()}
    return found


def state_planted(world) -> dict[str, dict]:
    """Return the planted threshold, the elasticity of conversations to seats, and what each setup step does."""
    return {
        "threshold": {
            "shape": world.activation_shape,
            "cut": world.activation_cut,
            "planned": PLANNED_COUNT,
            "newest_cohort": NEWEST,
            "newest_cut": drift_cut(world),
            "newest_effect": drift_effect(world),
        },
        "elasticity": world.seats_elasticity,
        "steps": {
            step.name: {"role": step.role, "effect": world.step_effect if step.role == "helps" else 0.0}
            for step in STEPS
        },
    }


def _find_planted(world):
    return {"helpful": world.feature_effect, "harmful": world.harmful_effect, "mature": world.maturity_effect}


def _find_cells(accounts):
    return accounts.tier * (len(SEAT_EDGES) + 1) + np.digitize(accounts.seats, SEAT_EDGES)
