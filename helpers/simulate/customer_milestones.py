"""New accounts, what they do with the product and who stays, as events with a planted truth."""

import numpy as np

from helpers.simulate import account_world, kit
from helpers.simulate.account_world import FEATURES, HORIZON_DAYS, STEPS, WINDOW_DAYS

SEAT_EDGES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 21, 28, 40)  # compared within a tier and a band of seats


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
    n_units, settings = kit.check_count(n_units), account_world.AccountWorld.read(world)
    rng = kit.spawn_generators(seed, account_world.PARTS)
    accounts = account_world.draw_accounts(settings, n_units, rng["accounts"])
    life = account_world.draw_lives(settings, accounts, rng)
    assignments = accounts[["account_id", "started_at", "plan_tier", "seats", "country"]]
    events = _list_events(accounts, life)
    note = kit.write_note(f"{n_units:,} accounts whose associations are planted", "them")
    calendar = {"at": "started_at", "end": account_world.COMPLETE_TO, "kinds": [event for event, _ in events]}
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
        held = value[0][inside] if value else np.nan
        events.append(kit.tell(event, row[inside], kit.to_seconds(day[inside]), value=held))
    return events


def _tell_units(accounts, life):
    last, alive = WINDOW_DAYS + HORIZON_DAYS, np.isinf(accounts["leaves_early"])
    talks, grown = life.talks, life.changes[life.changes["grows"]]
    grown = grown["row"][(grown["day"] >= WINDOW_DAYS) & (grown["day"] < last)]
    heard = talks["row"][(talks["day"] >= last - account_world.DORMANT_DAYS) & (talks["day"] < last)]
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
    effects, features = [], {}
    if alive.any():
        band = np.digitize(accounts["seats"], SEAT_EDGES)
        cells = (accounts["tier"].to_numpy() * (len(SEAT_EDGES) + 1) + band)[alive]
        chances = {name: chance[alive] for name, chance in life.chances.items()}
        effects = _state_milestones(life, chances, cells, alive)
        features = _state_features(world, life.features[alive] < WINDOW_DAYS, chances["retained"], cells)
    return {
        "effects": effects,
        "features": features,
        "threshold": {
            "shape": world.activation_shape,
            "cut": world.activation_cut,
            "planned": account_world.PLANNED_COUNT,
            "newest_cohort": account_world.NEWEST,
            "newest_cut": world.drift_cut,
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
    return [row for row in rows if np.isfinite(row["value"])]


def _state_features(world, used, chance, cells):
    planted = {"helpful": world.feature_effect, "harmful": world.harmful_effect, "mature": world.maturity_effect}
    found = {}
    for place, feature in enumerate(FEATURES):
        plain, reached = standardise(used[:, place].astype(int), chance, cells)
        gap = None if np.isnan(reached) else reached - plain
        sign = account_world.SIGNS.get(feature.role, 0) * int(np.sign(planted.get(feature.role, 0)))
        found[feature.name] = {"role": feature.role, "sign": sign, "group": feature.group, "difference": gap}
    return found
