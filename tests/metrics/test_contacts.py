"""Events become months of use and requests: small tables that can be counted by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import metrics, plan, sources
from helpers.metrics.tickets import read_months, read_people, read_requests

PLAN = {"kind": "experiment", "title": "Help", "question": "Does it help?", "unit_id": "user", "assigned_at": "start"}
PLAN |= {"variant": {"column": "arm", "control": "a", "treatments": ["b"]}, "as_of": "2024-03-31"}
PLAN |= {
    "metrics": {"request": {"kind": "count", "role": "primary"}, "answered": {"kind": "binary", "event": "feedback"}}
}
PLAN |= {"covariates": ["price"], "segments": ["place"]}
EVENTS = [
    # user, event, at, value, request_id, topic
    ("u1", "active", "2024-01-03 10:00", "", "", ""),
    ("u1", "request", "2024-01-03 10:05", "", "r1", "billing"),
    ("u1", "ticket", "2024-01-03 10:06", "7", "r1", "billing"),
    ("u1", "replied", "2024-01-03 10:07:30", "", "r1", ""),
    ("u1", "kudos", "2024-01-03 11:00", "", "r1", ""),
    ("u1", "active", "2024-02-02 10:00", "", "", ""),  # the second month of 28 days
    ("u2", "request", "2024-01-05 10:00", "", "r2", ""),  # active by asking
    ("u2", "suggested", "2024-01-05 10:01", "", "r2", ""),
    ("u2", "returned", "2024-01-08 10:01", "", "r2", ""),
    ("u2", "request", "2023-12-24 10:00", "", "r0", ""),  # before the assignment: not counted
    ("u3", "active", "2024-03-28 10:00", "", "", ""),  # in a month that is not over
    ("u3", "ticket", "2024-03-28 11:00", "", "r3", ""),  # never answered
    ("u1", "feedback", "2024-01-04 10:00", "", "", ""),
]


@pytest.fixture(scope="module")
def loaded():
    """Return the source and the units of three users."""
    users = pd.DataFrame({"user": ["u1", "u2", "u3"], "arm": ["a", "b", "b"], "start": "2024-01-01 00:00:00"})
    users = users.assign(price=[5, None, 9], place=["inside", "link", "link"])
    events = pd.DataFrame(EVENTS, columns=["user", "event", "at", "value", "request_id", "topic"])
    design = plan.read(PLAN).design
    source = sources.load(design, users, events=events)
    return source, metrics.fold(source, design)


def test_read_months_counts_months_of_28_days_that_are_over(loaded):
    found = read_months(*loaded)
    assert found.to_numpy().tolist() == [["u1", "a", 2.0, 1.0], ["u2", "b", 1.0, 1.0]]


def test_read_requests_by_hand(loaded):
    found = read_requests(*loaded).set_index("request_id")
    assert found.index.tolist() == ["r1", "r2", "r3"]
    first, second, third = (found.loc[name] for name in ("r1", "r2", "r3"))
    told = first[["unit", "ticket", "kudos", "solved", "minutes", "load", "hour", "topic"]].tolist()
    assert told == ["u1", True, True, False, 2, 7, 10, "billing"]
    told = second[["suggested", "opened", "ticket", "returned", "gave_up", "topic"]].tolist()
    assert told == [True, False, False, True, False, "unknown"]
    assert third["ticket"] and np.isnan(third["minutes"]) and np.isnan(third["load"])


@pytest.mark.parametrize("lacking", ["replied", "ticket"])
def test_read_requests_where_no_reply_or_no_ticket_is_written_down(loaded, lacking):
    source, units = loaded
    found = read_requests(replace(source, events=source.events.filter(source.events["event"] != lacking)), units)
    assert found[["seconds", "minutes"]].isna().all(axis=None)


def test_read_people_keeps_what_is_missing_missing(loaded):
    found = read_people(loaded[1], "answered", "wants", "place", ["price", "nothing"])
    assert found.columns.tolist() == ["unit", "answered", "wants", "place", "price"]
    assert found["answered"].tolist() == [1, 0, 0]
    assert found["price"].fillna(-1).tolist() == [5, -1, 9]
    assert read_people(loaded[1], "answered", "wants", "arm", [])["place"].tolist() == ["a", "b", "b"]
    assert read_people(loaded[1], "nothing", "wants", "place", []) is None


def test_without_events_there_are_no_contacts(loaded):
    silent = replace(loaded[0], events=None)
    assert read_months(silent, loaded[1]) is None and read_requests(silent, loaded[1]) is None
