"""New accounts, what they do with the product and who stays, as events with a planted truth."""

import numpy as np

from helpers.simulate import kit
from helpers.simulate.account_lives import draw_accounts, draw_lives
from helpers.simulate.account_truth import state_truth
from helpers.simulate.account_world import (
    COMPLETE_TO,
    DORMANT_DAYS,
    FEATURES,
    HORIZON_DAYS,
    PARTS,
    STEPS,
    WINDOW_DAYS,
    AccountWorld,
)


def customer_milestones(*, n_units=20_000, seed=2023, **world) -> kit.Simulation:
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
        Baselines and planted associations: the fields of `AccountWorld`, each with its reason there.

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
    n_units, settings = kit.check_count(n_units), AccountWorld.read(world)
    rng = kit.spawn_generators(seed, PARTS)
    accounts = draw_accounts(settings, n_units, rng["accounts"])
    life = draw_lives(settings, accounts, rng)
    assignments = accounts[["account_id", "started_at", "plan_tier", "seats", "country"]]
    events = _list_events(accounts, life)
    note = kit.write_note(f"{n_units:,} accounts whose associations are planted", "them")
    calendar = {"at": "started_at", "end": COMPLETE_TO, "kinds": [event for event, _ in events]}
    truth = state_truth(settings, accounts, life)
    return kit.finish(settings, assignments, [(_tell_units(accounts, life), events)], truth, note, **calendar)


def _list_events(accounts, life):
    """Return what happens before the end of the data, kind by kind; the value is the new number of seats."""
    talks, changes, everyone = life.talks, life.changes, np.arange(len(accounts))
    grown = changes[changes["grows"]]
    told = [
        ("conversation", talks["row"], talks["day"]),
        ("conversation_resolved", talks["row"], talks["solved"]),
        ("cancelled", everyone, life.lost),
        ("expanded", grown["row"], grown["day"]),
        ("seats_changed", changes["row"], changes["day"], changes["seats"].to_numpy(float)),
        *((step.name, everyone, days) for step, days in zip(STEPS, life.steps.T, strict=True)),
        *((feature.name, everyone, days) for feature, days in zip(FEATURES, life.features.T, strict=True)),
    ]
    events = []
    for event, row, day, *value in told:
        row, day = np.asarray(row), np.asarray(day)
        inside = day < accounts["followed"].to_numpy()[row]
        events.append(
            kit.tell(event, row[inside], kit.to_seconds(day[inside]), value=value[0][inside] if value else np.nan)
        )
    return events


def _tell_units(accounts, life):
    last, alive = WINDOW_DAYS + HORIZON_DAYS, np.isinf(accounts["leaves_early"])
    talks, grown = life.talks, life.changes[life.changes["grows"]]
    grown = grown["row"][(grown["day"] >= WINDOW_DAYS) & (grown["day"] < last)]
    heard = talks["row"][(talks["day"] >= last - DORMANT_DAYS) & (talks["day"] < last)]
    return {
        "lost_day": np.where(life.lost < accounts["followed"], life.lost, np.nan),
        "alive": alive.astype(int),
        "conversations": life.reached["count"],
        **{name: part for name, part in life.reached.items() if name != "count"},
        "retained": (life.lost > last).astype(int),
        "expanded": np.isin(accounts.index, grown).astype(int),
        "dormant": (~np.isin(accounts.index, heard)).astype(int),
        **{f"chance_{name}": np.where(alive, chance, np.nan) for name, chance in life.chances.items()},
    }
