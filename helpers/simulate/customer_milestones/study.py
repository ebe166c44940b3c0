"""New accounts, what they do with the product and who stays, as events with a planted truth."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from helpers.simulate.customer_milestones.accounts import draw_accounts
from helpers.simulate.customer_milestones.events import make_events
from helpers.simulate.customer_milestones.lives import live_first, live_on
from helpers.simulate.customer_milestones.truth import (
    state_effects,
    state_features,
    state_planted,
)
from helpers.simulate.customer_milestones.world import DORMANT_DAYS, HORIZON_DAYS, WINDOW_DAYS, read_world
from helpers.simulate.simulation import Simulation, check_count, spawn_generators

PARTS = ("accounts", "steps", "features", "seats", "talks", "replies", "ends", "later_seats", "later_talks")


def customer_milestones(*, n_units=20_000, seed=2023, **world) -> Simulation:
    """Return accounts that start over six quarters, all that they do, and who of them stays, with a planted truth.

    Early leavers leave within 90 days whatever they do. For all others, loss, silence and expansion after day 90
    depend on what was done by then: conversations (a step, a smooth curve or not at all), features, mature
    categories, the share of conversations resolved, and the plan tier, which drives seats and features too.

    Parameters
    ----------
    n_units : int, accounts, 10 to 100,000,000
        The article gives none.
    seed : int
    **world : float, int or str
        Baselines and planted associations: the fields of `world.World`, each with its reason there.

    Returns
    -------
    Simulation: assignments are the accounts (account_id, started_at UTC, plan_tier, seats at the start, country);
        events (account_id, event, at, value: the new seats of seats_changed); units with lost_day (nan not lost),
        alive at day 90, conversations, set_up, activated, using, mature by day 90, retained, expanded, dormant by
        day 270, and the chance of each; truth (effects, naive, features, threshold, elasticity, steps).

    Raises
    ------
    Refused: an unknown parameter, or a value outside its range.

    Examples
    --------
    >>> made = customer_milestones(n_units=50, seed=3)
    >>> sorted(set(made.assignments["plan_tier"]))
    ['Premium', 'Pro', 'Starter']
    """
    n_units, settings, rng = check_count(n_units), read_world(world), spawn_generators(seed, PARTS)
    accounts = draw_accounts(settings, n_units, rng["accounts"])
    life = live_on(settings, accounts, live_first(settings, accounts, rng), rng)
    assignments = accounts.tabulate()
    events = make_events(accounts, life)
    truth = {"study": "customer_milestones", "world": asdict(settings), **_state_truth(settings, accounts, life)}
    return Simulation(assignments, events, _tell_units(assignments, accounts, life), truth, _write_note(n_units))


def _write_note(n_units):
    return (
        f"Simulated: {n_units:,} accounts whose associations are planted. "
        "Recovering them tests the method; it is no evidence for the published claims."
    )


def _state_truth(settings, accounts, life):
    alive = np.isinf(accounts.leaves_early)
    if not alive.any():
        return {"effects": [], "naive": {}, "features": {}, **state_planted(settings)}
    effects = state_effects(life.reached, life.chances, accounts, alive)
    naive = [row for row in effects if row["estimand"] == "naive"]
    words = {"kept_not": "control_value", "kept_reached": "treatment_value", "difference": "value"}
    return {
        "effects": effects,
        "naive": {word: row[key] for row in naive for word, key in words.items()},
        "features": state_features(settings, life.features, life.chances["retained"], accounts, alive),
        **state_planted(settings),
    }


def _tell_units(assignments, accounts, life):
    last = WINDOW_DAYS + HORIZON_DAYS
    alive = np.isinf(accounts.leaves_early)
    grown = life.changes.row[life.changes.grows & _lie_within(life.changes.day, WINDOW_DAYS, last)]
    heard = life.talks.row[_lie_within(life.talks.day, last - DORMANT_DAYS, last)]
    columns = {
        "lost_day": np.where(life.lost < accounts.followed, life.lost, np.nan),
        "alive": alive.astype(int),
        "conversations": life.reached["count"],
        **{name: part for name, part in life.reached.items() if name != "count"},
        "retained": (life.lost > last).astype(int),
        "expanded": np.isin(np.arange(alive.size), grown).astype(int),
        "dormant": (~np.isin(np.arange(alive.size), heard)).astype(int),
        **{f"chance_{name}": np.where(alive, chance, np.nan) for name, chance in life.chances.items()},
    }
    return assignments.assign(**columns)


def _lie_within(day, first, last):
    return (day >= first) & (day < last)
