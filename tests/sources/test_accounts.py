"""Accounts of a framework: what is refused, what is left out and counted, and their events beside them."""

import datetime as dt
import hashlib
import importlib.util

import duckdb
import pytest

from helpers import plan, sources
from helpers.records import Refused

PLAN = """
kind: framework
title: A test
question: Who stays?
unit_id: account_id
started_at: signed_up
size: seats
plan_tier: tier
steps: [{name: invited}]
activation: {event: chat}
usage: {event: resolved, seats: seats, seats_event: seats_changed}
outcomes: {retained: {lost: cancelled}}
"""
SNAPSHOT = """
kind: framework
title: A test
question: Who stays?
unit_id: account_id
size: seats
features: [{name: chatty, column: has_chat}]
outcomes: {retained: {column: left, time: months}}
"""
ACCOUNTS = "account_id,signed_up,seats,tier,country\n1,2024-01-01,3,no,IT\n02,2024-01-02 10:00,,007,DE\n"
EVENTS = "account_id,event,at,value\n1,chat,2024-01-03,\n02,seats_changed,2024-01-05,4\n"
STATES = "account_id,seats,has_chat,left,months\na,2,yes,0,3\nb,3,no,1,4\n"


@pytest.fixture
def load(design, write):
    """Return a function that loads accounts and events given as text; None is no events."""

    def make(accounts=ACCOUNTS, events=EVENTS, *, plan_text=PLAN):
        heard = None if events is None else write(events, "events.csv")
        return sources.load_accounts(design(plan_text), write(accounts, "accounts.csv"), events=heard)

    return make


def test_load_accounts_by_hand(load):
    source = load()
    assert source.accounts.order_by("seats").to_pyarrow().to_pydict() == {
        "unit": ["1", "02"],
        "started_at": [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2, 10)],
        "seats": [3.0, None],
        "tier": ["no", "007"],
        "country": ["IT", "DE"],  # no column of the plan: kept as it came
    }
    assert source.events.order_by("at").to_pyarrow().to_pydict() == {
        "unit": ["1", "02"],
        "event": ["chat", "seats_changed"],
        "at": [dt.datetime(2024, 1, 3), dt.datetime(2024, 1, 5)],
        "value": [None, 4.0],
    }
    info = source.info
    sums = [hashlib.sha256(text.encode()).hexdigest() for text in (ACCOUNTS, EVENTS)]
    assert info.sha256 == hashlib.sha256("\n".join(sums).encode()).hexdigest()
    assert (info.kind, info.source, info.rows, info.units) == ("yours", "accounts.csv, events.csv", 2, 2)
    assert info.units_by_variant == {} and source.truth is None
    assert info.messages == (
        "accounts.csv: comma-separated",
        "events.csv: comma-separated",
        "events.csv: 2 events",
        *(
            f"events.csv, column event: no event {name} occurs, which the plan names"
            for name in ("invited", "resolved", "cancelled")
        ),
    )


def test_load_accounts_drops_exact_duplicates_and_counts_them(load):
    info = load(ACCOUNTS + "1,2024-01-01,3,no,IT\n").info
    assert info.steps == (
        ("read", 3, "rows of the table"),
        ("exact duplicates dropped", 1, "rows that repeat another in every column"),
        ("kept", 2, "one row an account"),
    )


def test_load_accounts_counts_events_of_unknown_accounts(load):
    said = load(events=EVENTS + "9,chat,2024-01-03,\n").info.messages
    assert said[-1] == "events.csv: 1 event of accounts that are not in the table, not used"


REFUSALS = {
    "twice": (
        {"accounts": ACCOUNTS + "1,2024-01-01,4,no,IT\n"},
        "accounts.csv, column account_id: 1 unit more than once, with different rows; give one row a unit, or its "
        "events as events",
    ),
    "no start": (
        {"accounts": ACCOUNTS + "3,,4,no,IT\n4,,4,no,IT\n"},
        "accounts.csv, column signed_up: 2 rows without a start; give each account the time it began, or leave those "
        "rows out",
    ),
    "negative size": (
        {"accounts": ACCOUNTS + "3,2024-01-01,-1,no,IT\n"},
        "accounts.csv, column seats: 1 row with another value than numbers of 0 or more, for size; correct them, or "
        "change the plan",
    ),
    "none known": (
        {"events": "account_id,event,at,value\nx1,chat,2024-01-03,1\n"},
        "events.csv: 1 event, none of an account of the table; write the ids alike in both tables",
    ),
    "no events": (
        {"events": None},
        "events: left out, and the plan reads its milestones from events; name the table with one row an event",
    ),
    "letters in another order, though the plan names both": (
        {
            "plan_text": PLAN.replace("{event: chat}", "{event: caht}").replace(
                "cancelled}", "cancelled}, activity: chat"
            )
        },
        "events.csv, column event: no event caht, which the plan names; did you mean chat?",
    ),
    "a snapshot with events": (
        {"accounts": STATES, "plan_text": SNAPSHOT},
        "events: the plan has no started_at and reads none; name it in the plan, or leave events out",
    ),
    "a snapshot with gaps": (
        {"accounts": STATES + "c,1,no,,5\n", "events": None, "plan_text": SNAPSHOT},
        "accounts.csv, column left: 1 row without a value; the plan needs one in each row",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_load_accounts_refuses(load, case):
    given, message = REFUSALS[case]
    with pytest.raises(Refused) as refused:
        load(**given)
    assert str(refused.value) == message


def test_load_accounts_of_a_snapshot(load):
    source = load(STATES, None, plan_text=SNAPSHOT)
    assert source.events is None
    assert source.accounts.order_by("unit").to_pyarrow().to_pydict() == {
        "unit": ["a", "b"],
        "seats": [2.0, 3.0],
        "has_chat": [1.0, 0.0],
        "left": [0.0, 1.0],
        "months": [3.0, 4.0],
    }


def test_load_accounts_of_public_data_by_the_kind_of_its_plan(design):
    if importlib.util.find_spec("lifetimes") is None:
        pytest.skip("lifetimes is not installed")
    source = sources.load_accounts(plan.read("cdnow", kind="framework").design, "public:cdnow")
    assert (source.info.kind, source.info.source, source.info.units) == ("public", "public:cdnow", 23_570)
    assert source.events.count().to_pyarrow().as_py() == 69_659


PUBLIC = {
    "jobs_ii": "public:jobs_ii holds an experiment, and the plan is of kind framework; name a plan of kind experiment",
    "bank_calls": "public:bank_calls holds counts of arrivals and no accounts; give it as the parameter arrivals",
    "telco": "no public data telco; there is, nearest first: ibm_telco, cdnow",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_load_accounts_refuses_public_data_of_another_kind(design, name):
    with pytest.raises(Refused) as refused:
        sources.load_accounts(design(PLAN), f"public:{name}")
    assert str(refused.value) == f"data: {PUBLIC[name]}"


def test_load_accounts_reads_named_tables_with_the_asked_threads(design, tmp_path):
    (tmp_path / "a.csv").write_text(ACCOUNTS)
    (tmp_path / "e.csv").write_text(EVENTS)
    with duckdb.connect(str(tmp_path / "d.db")) as connection:
        for name, file in (("people", "a.csv"), ("log", "e.csv")):
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{tmp_path / file}', all_varchar=true)")
    place = f"duckdb:{tmp_path / 'd.db'}"
    source = sources.load_accounts(design(PLAN), place, table="people", events=place, events_table="log", threads=2)
    assert source.info.source == "d.db/people, d.db/log"
    threads = source.accounts.get_backend().raw_sql("SELECT current_setting('threads')").fetchone()[0]
    assert threads == 2
