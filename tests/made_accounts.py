"""Small accounts for tests: frames become what `sources.load_accounts` gives, without its reading and refusing."""

import ibis
import pandas as pd

from helpers.plan import FrameworkPlan
from helpers.records import DataInfo
from helpers.sources import AccountSource

FEATURES = [{"name": "live"}, {"name": "phone"}, {"name": "bots", "event": "bot"}, {"name": "badge", "column": "b"}]
PLAN = {
    **{"kind": "framework", "title": "A test", "question": "Who stays?", "unit_id": "account_id"},
    **{"started_at": "started_at", "as_of": "2024-07-31", "size": "size", "plan_tier": "tier"},
    "steps": [{"name": "installed"}, {"name": "invited", "event": "invite"}],
    "activation": {"event": "talk", "at_least": 2, "window_days": 60, "landmark_days": 90},
    "usage": {"event": "solved", "seats": "seats", "seats_event": "seats_now", "at_least": 1},
    "categories": {"chat": {"basic": ["live"], "mature": ["phone", "bots"], "mature_at_least": 2}},
    "features": FEATURES,
    "outcomes": {
        "retained": {"lost": "gone", "within_days": 90},
        "expanded": {"event": "grew", "within_days": 100},
        "dormant_after_days": 30,
    },
}


# Day 90 of an account that starts on 1 January 2024 is 31 March 00:00, day 180 is 29 June 00:00, day 60 is 1 March.
ACCOUNTS = {
    "unit": ["full", "edge", "quit", "late", "just", "later", "blank", "unseen"],
    "started_at": [
        "2024-01-01 00:00:00",  # full: reaches everything, is kept
        "2024-01-01 00:00:00",  # edge: each event one moment too early or too late
        "2024-01-01 00:00:00",  # quit: lost before the landmark
        "2024-02-03 00:00:01",  # late: followed one second short of 180 days
        "2024-02-03 00:00:00",  # just: followed to the second
        "2024-08-01 00:00:00",  # later: starts after the last day
        "2024-01-31 12:00:00",  # blank: no size, tier, seats or event
        "2024-01-01 00:00:00",  # unseen: lost at the landmark itself, after which an event comes
    ],
    "size": [5.0, 2.0, 1.0, 1.0, 4.0, 1.0, None, 0.0],
    "tier": ["pro", "pro", "free", "free", "free", "free", None, "free"],
    "seats": [2.0, 4.0, 1.0, 1.0, 1.0, 1.0, None, 0.0],
    "b": [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, 1.0],
}
EVENTS = [
    ("full", "installed", "2024-01-01 00:00:00", None),  # at the start: day 0 counts
    ("full", "invite", "2024-03-30 23:59:59", None),  # a second before the landmark
    ("full", "talk", "2024-01-02 00:00:00", None),
    ("full", "talk", "2024-01-11 12:00:00", None),  # day 10.5: the second one
    ("full", "solved", "2024-03-01 00:00:00", None),  # at the period's start
    ("full", "solved", "2024-03-20 00:00:00", None),
    ("full", "seats_now", "2024-03-01 00:00:00", 1.0),  # seats change exactly at the period's start
    ("full", "seats_now", "2024-03-01 00:00:01", 9.0),  # and a second later, too late
    ("full", "live", "2024-01-05 00:00:00", None),
    ("full", "phone", "2024-01-06 00:00:00", None),
    ("full", "bot", "2024-02-10 00:00:00", None),  # day 40: the second mature feature
    ("full", "grew", "2024-03-30 23:59:59", None),  # before the landmark
    ("full", "grew", "2024-07-09 00:00:00", None),  # day 190: at the end of the 100 days
    ("full", "talk", "2024-05-30 00:00:00", None),  # day 150: exactly 30 days before the horizon's end
    ("edge", "installed", "2024-03-31 00:00:00", None),  # at the landmark
    ("edge", "invite", "2023-12-31 23:59:59", None),  # before the start
    ("edge", "talk", "2024-01-02 00:00:00", None),
    ("edge", "talk", "2024-03-01 00:00:00", None),  # at the end of the window of 60 days
    ("edge", "solved", "2024-02-29 23:59:59", None),  # before the period
    ("edge", "phone", "2024-03-31 00:00:00", None),  # at the landmark
    ("edge", "bot", "2024-01-03 00:00:00", None),  # one of two mature features: basic
    ("edge", "grew", "2024-03-31 00:00:00", None),  # at the landmark
    ("edge", "talk", "2024-05-29 23:59:59", None),  # a second more than 30 days before the end
    ("edge", "gone", "2024-06-29 00:00:00", None),  # at the horizon: still retained
    ("quit", "gone", "2024-03-30 23:59:59", None),
    ("quit", "talk", "2024-04-30 00:00:00", None),  # after the loss
    ("just", "gone", "2024-05-03 12:00:00", None),  # half a day after its landmark
    ("just", "gone", "2024-05-10 00:00:00", None),  # the first loss counts
    ("unseen", "gone", "2024-03-31 00:00:00", None),
    ("unseen", "talk", "2024-04-02 00:00:00", None),  # after the loss
    ("unseen", "talk", "2024-08-01 00:00:00", None),  # after the last day
    ("stranger", "talk", "2024-01-02 00:00:00", None),  # no account of the table
]


def make_framework(**more):
    """Return the plan of these tests, with some keys replaced; a dict under a key changes only what it names."""
    merged = {key: PLAN[key] | value if _both_dicts(PLAN.get(key), value) else value for key, value in more.items()}
    return FrameworkPlan.model_validate({k: v for k, v in (PLAN | merged).items() if v is not None})


def _both_dicts(old, new):
    return isinstance(old, dict) and isinstance(new, dict)


def make_account_source(accounts, events=None):
    """Return a source over frames of accounts (`unit`, `started_at`, ...) and (unit, event, at, value) rows."""
    backend = ibis.duckdb.connect(threads=1)
    accounts, heard = pd.DataFrame(accounts), None
    if "started_at" in accounts:
        accounts = accounts.assign(started_at=_read_times(accounts["started_at"]))
    if events is not None:
        frame = pd.DataFrame(events, columns=["unit", "event", "at", "value"])
        frame = frame.assign(at=_read_times(frame["at"]), value=frame["value"].astype(float))
        heard = backend.create_table("events", frame.astype({"unit": "str", "event": "str"}))
    info = DataInfo("yours", "", "made.csv", None, len(accounts), len(accounts))
    return AccountSource(backend.create_table("accounts", accounts), heard, info)


def _read_times(column):
    return pd.to_datetime(column, utc=True, format="ISO8601").dt.tz_localize(None).astype("datetime64[us]")
