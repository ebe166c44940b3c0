"""Live support for half of new sign-ups, as events and as a folded table, with a planted truth."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from helpers.simulate.live_support.chances import gather_crowd, solve_chances
from helpers.simulate.live_support.outcomes import draw_money, draw_survey, make_events
from helpers.simulate.live_support.people import COMPLETE_TO, draw_people
from helpers.simulate.live_support.questions import draw_questions
from helpers.simulate.live_support.replies import LIVE_SECONDS, draw_replies, expect_others, gather_teams
from helpers.simulate.live_support.truth import state_truth
from helpers.simulate.live_support.world import BEFORE, QUESTION_DAYS, read_world
from helpers.simulate.simulation import SECONDS_A_DAY, Simulation, check_count, spawn_generators

PARTS = ("people", "assignment", "questions", "others", "replies", "money", "survey")
IDS = ["conversation_id", "agent_id"]
COLUMNS = ["signup_id", "event", "at", "value", *IDS]


def live_support(*, n_units=24_000, seed=2019, **world) -> Simulation:
    """Return sign-ups of a 16-week test: control `standard` waits about an hour, treatment `live` about a minute.

    The sign-ups of the four weeks before (`before`) are served by the standard promise and not randomised. Replies
    come from queues: a live team beside the regular one, which answers other customers too, or (`shared_agents`)
    the regular team for both. A hidden keenness drives questions, trial and payment, and the hours of asking.

    Parameters
    ----------
    n_units : int, randomised sign-ups, 10 to 100,000,000
        A quarter as many come before. The article gives none; teams and other questions are scaled to it.
    seed : int
    **world : float, int, bool or str
        Baselines, planted effects and staffing: the fields of `world.World`, each with its reason there.

    Returns
    -------
    Simulation: assignments (signup_id, variant, assigned_at UTC, company_size, channel); events (signup_id, event, at
        UTC, value, conversation_id, agent_id); units with questions, trial, paid, revenue, revenue_30, revenue_60
        (USD), nps, csat (nan where unanswered), answered, survey_sent, live_reply (0/1 within 28 days); truth of the
        population, without sampling error, and the staffing behind it.

    Raises
    ------
    Refused: an unknown parameter, a value outside its range, effects that no chance can carry.

    Examples
    --------
    >>> made = live_support(n_units=40, seed=3)
    >>> sorted(set(made.units["variant"]))
    ['before', 'live', 'standard']
    """
    n_units, settings = check_count(n_units), read_world(world)
    crowd = gather_crowd(settings)
    chances = solve_chances(settings, crowd)
    rng = spawn_generators(seed, PARTS)
    people, assignments = draw_people(settings, n_units, rng)
    teams = gather_teams(settings, n_units)
    shown = people.leave_hidden()
    parts = [
        _draw_conversations(settings, people, teams, n_units, rng),
        draw_money(settings, shown, chances, rng["money"]),
        draw_survey(shown, chances, rng["survey"]),
    ]
    units = assignments.assign(**{name: column for columns, _ in parts for name, column in columns.items()})
    events = _join_events(assignments, [event for _, events in parts for event in events])
    truth = {"study": "live_support", "world": asdict(settings), "effects": state_truth(settings, crowd, chances)}
    truth["delivered"] = _state_staffing(settings, teams)
    return Simulation(assignments, events, units, truth, _write_note(assignments))


def _write_note(assignments):
    before = int((assignments["variant"] == BEFORE).sum())
    return (
        f"Simulated: {len(assignments) - before:,} sign-ups whose effects are planted, and {before:,} of the weeks "
        "before. Recovering the effects tests the method; it is no evidence for the published claims."
    )


def _state_staffing(settings, teams):
    planned = {
        name: {"agents": len(team.duty), "agent_hours_per_week": int(team.duty.sum())} for name, team in teams.items()
    }
    return {"shared_agents": bool(settings.shared_agents), "teams": planned}


def _draw_conversations(settings, people, teams, n_units, rng):
    asked = draw_questions(settings, people, expect_others(settings, n_units, teams), rng)
    replies = draw_replies(settings, people, asked, teams, rng["replies"])
    mine = (asked.person >= 0) & people.shown[asked.person]
    row = (np.cumsum(people.shown) - 1)[asked.person[mine]]
    start, size = people.start[people.shown], int(people.shown.sum())
    talk = pd.DataFrame({"row": row, "asked": asked.asked[mine], "agent": replies.agent[mine]})
    talk["replied"] = replies.replied[mine]
    talk["conversation_id"] = [f"cv{i:07d}" for i in range(len(talk))]
    answered = talk[talk["agent"] >= 0]
    live = answered[answered["replied"] - answered["asked"] <= LIVE_SECONDS]
    events = [
        _tell(talk, "question", talk["asked"], start),
        _tell(answered, "first_reply", answered["replied"], start),
        _tell(live, "live_reply", live["replied"], start),
    ]
    window = QUESTION_DAYS * SECONDS_A_DAY
    counts = [np.bincount(part["row"][part["seconds"] < window], minlength=size) for part in events]
    return {"questions": counts[0], "live_reply": (counts[2] > 0).astype(int)}, events


def _tell(talk, event, at, start):
    rows = talk["row"].to_numpy()
    told = make_events(rows, event, at.to_numpy() - start[rows])
    told["conversation_id"] = talk["conversation_id"].to_numpy()
    named = [f"agent{number + 1:03d}" for number in talk["agent"]]
    return told.assign(agent_id=None if event == "question" else named)


def _join_events(assignments, parts):
    parts = [part.reindex(columns=["row", "event", "seconds", "value", *IDS]) for part in parts if len(part)]
    events = pd.concat([part.astype(dict.fromkeys(["event", *IDS], "str")) for part in parts], ignore_index=True)
    rows = events["row"].to_numpy()
    events["at"] = assignments["assigned_at"].array[rows] + pd.to_timedelta(events["seconds"], unit="s")
    events["signup_id"] = assignments["signup_id"].array[rows]
    events = events[events["at"] < COMPLETE_TO].sort_values(["at", "row", "event"], kind="stable", ignore_index=True)
    return events[COLUMNS]
