"""In-product help held back from half of the new workspaces, as events and as a folded table, with a planted truth."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from helpers.simulate.simulation import SECONDS_A_DAY, Simulation, check_count, spawn_generators
from helpers.simulate.truth import state_truth
from helpers.simulate.world import (
    CONTROL,
    MONTH_DAYS,
    PRICES,
    RENEWAL_MONTHS,
    REVENUE_DAYS,
    SEATS_SPREAD,
    TREATMENT,
    TRIAL_DAYS,
    WINDOW_DAYS,
    gather_crowd,
    mean_seats,
    opening_shares,
    read_world,
    solve_responses,
    tier_shares,
    truncated_delay,
)

ENROLMENT_STARTS = pd.Timestamp("2021-03-01", tz="UTC")
COMPLETE_TO = pd.Timestamp("2022-05-01", tz="UTC")  # the end of the plan's as_of, 2022-04-30
ENROLMENT_DAYS, LATER_DAYS, REFUND_DAYS = 28, 14, 10
MOST_MONTHS = 15  # more payments than the data can show
COUNTRIES = {"US": 0.36, "GB": 0.16, "DE": 0.14, "FR": 0.12, "BR": 0.12, "IN": 0.10}
FORMATS = {"article": 0.40, "tour": 0.35, "video": 0.15, "course": 0.10}
PARTS = ("people", "assignment", "help", "activation", "activity", "questions", "money")
COLUMNS = ["workspace_id", "event", "at", "value", "format"]


def proactive_help(*, n_units=4000, seed=2022, **world) -> Simulation:
    """Return workspaces of a 28-day hold-out: control `links` keeps the links to help, treatment `no_links` lacks them.

    A hidden keenness drives use of content, activation and payment. Help works through being opened alone, in the
    workspaces that open it with links and would not without (compliers); so the exclusion restriction holds here.

    Parameters
    ----------
    n_units : int, workspaces, 10 to 100,000,000
        The article gives none; 4,000 shows nine points clearly and two points not.
    seed : int
    **world : float
        Baselines and planted effects: the fields of `world.World`, each with its reason there.

    Returns
    -------
    Simulation: assignments (workspace_id, variant, assigned_at UTC, seats, country, plan_tier); events (workspace_id,
        event, at UTC, value, format); units with activated, conversations, searches, active_days, converted, arr
        (USD in 365 days), still_paying (renewed within 245 days), help_opened (0/1 within 28 days), paid_in_days and
        paid_in_observed; truth of the population, without sampling error.

    Raises
    ------
    Refused: an unknown parameter, a value outside its range, effects that cannot be carried.

    Examples
    --------
    >>> made = proactive_help(n_units=50, seed=3)
    >>> sorted(set(made.units["variant"]))
    ['links', 'no_links']
    """
    n_units, settings = check_count(n_units), read_world(world)
    crowd = gather_crowd(settings)
    responses = solve_responses(settings, crowd)
    rng = spawn_generators(seed, PARTS)
    assignments, hidden = _draw_people(n_units, rng, settings)
    parts = [
        _draw_help(hidden, rng["help"]),
        _draw_activation(hidden, responses, rng["activation"]),
        _draw_activity(hidden, responses, rng["activity"]),
        _draw_questions(hidden, responses, rng["questions"]),
        _draw_money(assignments, hidden, responses, rng["money"], settings),
    ]
    units = assignments.assign(**{name: column for columns, _ in parts for name, column in columns.items()})
    events = _join_events(assignments, [event for _, events in parts for event in events])
    truth = {"study": "proactive_help", "world": asdict(settings), "effects": state_truth(settings, crowd, responses)}
    return Simulation(assignments, events, units, truth, _write_note(n_units))


def _write_note(n_units):
    return (
        f"Simulated: {n_units:,} workspaces whose effects are planted. "
        "Recovering them tests the method; it is no evidence for the published claims."
    )


def _draw_people(n_units, rng, settings):
    people, keenness = rng["people"], rng["people"].standard_normal(n_units)
    with_links, without = opening_shares(settings, keenness)
    urge = people.random(n_units)
    seats = SEATS_SPREAD / (SEATS_SPREAD + mean_seats(keenness))
    tier = (people.random((n_units, 1)) > np.cumsum(tier_shares(keenness), axis=1)[:, :-1]).sum(axis=1)
    links = rng["assignment"].random(n_units) < 0.5
    start = np.sort(rng["assignment"].integers(0, ENROLMENT_DAYS * SECONDS_A_DAY, n_units))
    assignments = pd.DataFrame(
        {
            "workspace_id": [f"ws{i:07d}" for i in range(n_units)],
            "variant": np.where(links, CONTROL, TREATMENT),
            "assigned_at": ENROLMENT_STARTS.as_unit("s") + pd.to_timedelta(start, unit="s"),
            "seats": 1 + people.negative_binomial(SEATS_SPREAD, seats),
            "country": people.choice(list(COUNTRIES), n_units, p=list(COUNTRIES.values())),
            "plan_tier": np.array(list(PRICES))[tier],
        }
    )
    helped = links & (urge < with_links) & (urge >= without)
    return assignments, {"keenness": keenness, "opens": helped | (urge < without), "helped": helped}


def _mean(response, hidden):
    plain = response.without(hidden["keenness"])
    return np.where(hidden["helped"], response.helped(hidden["keenness"]), plain)


def _draw_help(hidden, rng):
    opened = np.where(hidden["opens"], 1 + rng.poisson(1.5, hidden["opens"].size), 0)
    rows = _repeat(opened)
    kinds = rng.choice(list(FORMATS), rows.size, p=list(FORMATS.values()))
    times = _spread(rng, rows.size, 0, WINDOW_DAYS, early=3)
    return {"help_opened": hidden["opens"].astype(int)}, [_events(rows, "help_opened", times, format=kinds)]


def _draw_activation(hidden, responses, rng):
    chance = rng.random(hidden["keenness"].size)
    share = _mean(responses["activated"], hidden)
    activated, late = chance < share, (chance >= share) & (chance < share + 0.05 * (1 - share))
    soon, after = np.flatnonzero(activated), np.flatnonzero(late)
    times = _spread(rng, soon.size, 0, WINDOW_DAYS, early=2)
    later = _spread(rng, after.size, WINDOW_DAYS, WINDOW_DAYS + LATER_DAYS)
    events = [_events(soon, "activated", times), _events(after, "activated", later)]
    return {"activated": activated.astype(int)}, events


def _draw_activity(hidden, responses, rng):
    share = _mean(responses["active"], hidden) / (WINDOW_DAYS - 1)
    chance = rng.random((share.size, WINDOW_DAYS + LATER_DAYS))
    active = chance < share[:, None] * np.where(np.arange(WINDOW_DAYS + LATER_DAYS) < WINDOW_DAYS, 1, 0.5)
    active[:, 0] = True
    rows, days = np.nonzero(active)
    times = days * SECONDS_A_DAY + rng.integers(0, SECONDS_A_DAY, rows.size)
    return {"active_days": active[:, :WINDOW_DAYS].sum(axis=1)}, [_events(rows, "active_day", times)]


def _draw_questions(hidden, responses, rng):
    columns, events = {}, []
    for name, event in (("conversations", "conversation_started"), ("searches", "help_search")):
        mean = _mean(responses[name], hidden)
        columns[name] = rng.poisson(mean)
        rows, later = _repeat(columns[name]), _repeat(rng.poisson(mean / 4))
        events.append(_events(rows, event, _spread(rng, rows.size, 0, WINDOW_DAYS, early=1.5)))
        after = _spread(rng, later.size, WINDOW_DAYS, WINDOW_DAYS + LATER_DAYS)
        events.append(_events(later, event, after))
    return columns, events


def _draw_money(assignments, hidden, responses, rng, settings):
    n_units = len(assignments)
    paid = rng.random(n_units) < _mean(responses["paid"], hidden)
    refunded = paid & (rng.random(n_units) < settings.refund_share)
    stays = rng.geometric(max(settings.monthly_churn, 1e-9), n_units)
    months = paid * np.where(refunded, 1, np.minimum(stays, MOST_MONTHS))
    first = _seconds(TRIAL_DAYS + truncated_delay(rng.random(n_units)))
    bill = assignments["seats"].to_numpy() * assignments["plan_tier"].map(PRICES).to_numpy()
    payment, revenue = _draw_payments(months, first, bill)
    renews = months > RENEWAL_MONTHS
    unpaid = (COMPLETE_TO - assignments["assigned_at"]).dt.total_seconds()
    columns = {
        "converted": paid.astype(int),
        "arr": revenue - refunded * bill,
        "still_paying": renews.astype(int),
        "paid_in_days": np.where(paid, first, unpaid) / SECONDS_A_DAY,
        "paid_in_observed": paid.astype(int),
    }
    payers, back, renewed = np.flatnonzero(paid), np.flatnonzero(refunded), np.flatnonzero(renews)
    return columns, [
        payment,
        _events(np.arange(n_units), "trial_ended", _seconds(TRIAL_DAYS)),
        _events(payers, "paid", first[payers]),
        _events(back, "refund", first[back] + _seconds(REFUND_DAYS), value=-bill[back]),
        _events(renewed, "renewed", first[renewed] + _seconds(RENEWAL_MONTHS * MONTH_DAYS)),
    ]


def _draw_payments(months, first, bill):
    rows = _repeat(months)
    nth = np.arange(rows.size) - np.repeat(np.cumsum(months) - months, months)
    due = first[rows] + nth * _seconds(MONTH_DAYS)
    inside = due < _seconds(REVENUE_DAYS)
    revenue = np.bincount(rows[inside], bill[rows[inside]], len(months))
    return _events(rows, "payment", due, value=bill[rows]), revenue


def _seconds(days):
    return np.floor(np.multiply(days, SECONDS_A_DAY)).astype(np.int64)


def _repeat(counts):
    return np.repeat(np.arange(len(counts)), counts)


def _spread(rng, size, first_day, last_day, *, early=1.0):
    share = rng.beta(1, early, size)
    return _seconds(first_day + share * (last_day - first_day))


def _events(rows, event, seconds, *, value=np.nan, format=None):
    return pd.DataFrame({"row": rows, "event": event, "seconds": seconds, "value": value, "format": format})


def _join_events(assignments, parts):
    events = pd.concat([part.astype({"format": "str"}) for part in parts if len(part)], ignore_index=True)
    rows = events["row"].to_numpy()
    events["at"] = assignments["assigned_at"].array[rows] + pd.to_timedelta(events["seconds"], unit="s")
    events["workspace_id"] = assignments["workspace_id"].array[rows]
    events = events[events["at"] < COMPLETE_TO].sort_values(["at", "row", "event"], kind="stable", ignore_index=True)
    return events[COLUMNS]
