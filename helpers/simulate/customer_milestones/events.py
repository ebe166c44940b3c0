"""All that happens to the accounts as one table of events in order of time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.simulate.customer_milestones.catalogue import FEATURES, STEPS
from helpers.simulate.customer_milestones.world import OPENED
from helpers.simulate.simulation import SECONDS_A_DAY

KINDS = ("conversation", "conversation_resolved", "cancelled", "expanded", "seats_changed")
EVENTS = (*KINDS, *(step.name for step in STEPS), *(feature.name for feature in FEATURES))
STEP_KIND, FEATURE_KIND = len(KINDS), len(KINDS) + len(STEPS)


def make_events(accounts, life) -> pd.DataFrame:
    """Return account_id, event, at (UTC) and value (the new number of seats, else nan), in order of time.

    Parameters
    ----------
    accounts : Accounts
    life : Life
    """
    talks, changes, lost = life.talks, life.changes, life.lost
    solved = np.isfinite(talks.solved)
    grown = changes.grows
    parts = [
        (talks.row, talks.day, 0),
        (talks.row[solved], talks.solved[solved], 1),
        (np.arange(lost.size), lost, 2),
        (changes.row[grown], changes.day[grown], 3),
        (changes.row, changes.day, 4, changes.seats),
        *((np.arange(lost.size), days, STEP_KIND + place) for place, days in enumerate(life.steps.T)),
        *((np.arange(lost.size), days, FEATURE_KIND + place) for place, days in enumerate(life.features.T)),
    ]
    row, at, kind, value = _join(parts, accounts.start, accounts.followed)
    ids = pd.array([f"ac{i:07d}" for i in range(lost.size)], dtype="str")
    return pd.DataFrame(
        {
            "account_id": ids.take(row),
            "event": pd.array(EVENTS, dtype="str").take(kind),
            "at": OPENED.as_unit("s") + pd.to_timedelta(at, unit="s"),
            "value": value,
        }
    )


def _join(parts, start, followed):
    """Return account, seconds since `OPENED`, kind and value of the events before the end of the data, by time."""
    kept = [_cut(followed, *part) for part in parts]
    row, day, value = (np.concatenate([part[place] for part in kept]) for place in range(3))
    kind = np.repeat([part[2] for part in parts], [part[0].size for part in kept])
    at = start[row] + np.floor(day * SECONDS_A_DAY).astype(np.int64)
    order = np.argsort((at * start.size + row) * len(EVENTS) + kind)  # one key: faster than three
    return row[order], at[order], kind[order], value[order]


def _cut(followed, row, day, kind, value=None):
    inside = day < followed[row]
    told = np.full(row.size, np.nan) if value is None else value.astype(float)
    return row[inside], day[inside], told[inside]
