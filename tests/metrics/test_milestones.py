"""The SQL of the milestones: run on the data it gives what is read, in four dialects."""

import re

import pandas as pd
import pytest
import sqlglot
from made_accounts import ACCOUNTS, EVENTS, make_account_source, make_framework

from helpers import metrics

DIALECTS = ["duckdb", "postgres", "bigquery", "snowflake"]
MILESTONES = ["set_up", "activated", "using", "mature", "next_missing"]


@pytest.fixture(scope="module")
def told():
    """Return the definitions, the frame that is read, and a DuckDB that holds the reader's tables."""
    design, source = make_framework(), make_account_source(ACCOUNTS, EVENTS)
    frame = metrics.read_landmarks(metrics.fold_accounts(source, design))[90]
    con = source.accounts.get_backend().con
    con.execute("CREATE SCHEMA reader")
    con.execute("CREATE TABLE reader.accounts AS SELECT unit AS account_id, * EXCLUDE unit FROM main.accounts")
    con.execute("CREATE TABLE reader.events AS SELECT unit AS account_id, * EXCLUDE unit FROM main.events")
    con.execute("USE reader")
    con.execute("CREATE MACRO ieee_divide(a, b) AS a / b")  # BigQuery's own, which sqlglot does not know
    written = metrics.milestones.write_definitions(design)
    return written.set_index(["dialect", "milestone"])["statement"], frame, con


def _run(con, statement, frame):
    """The statement's rows of the accounts that were read, in their order."""
    found = con.sql(statement).df().rename(columns=str.lower).set_index("account_id")
    return found.loc[frame["unit"]].reset_index()


def test_write_definitions_has_each_milestone_in_each_dialect(told):
    assert list(told[0].index) == [(dialect, name) for dialect in DIALECTS for name in MILESTONES]
    when = "-- One row a customer of that day, once it has come. Days are 86,400 seconds from the start."
    for dialect in DIALECTS:
        lines = [told[0][dialect, name].splitlines()[:2] for name in MILESTONES]
        assert {second for _, second in lines} == {when}
        assert [first for first, _ in lines] == [
            "-- set_up: steps done by day 90: 2 or more of 2",
            "-- activated: 2 or more of talk in the first 60 days, read on day 90",
            "-- using: 1 or more of solved per seat in the 30 days before day 90",
            "-- mature: categories that are mature by day 90: 1 or more of 1",
            "-- next_missing: the first milestone not reached by day 90, and all of those",
        ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_write_definitions_give_what_is_read(told, dialect):
    written, frame, con = told
    for name in MILESTONES[:-1]:
        statement = sqlglot.transpile(written[dialect, name], read=dialect, write="duckdb")[0]
        found = _run(con, written[dialect, name] if dialect == "duckdb" else statement, frame)
        for column in [c for c in found if c in frame and c != "unit"]:
            pd.testing.assert_series_equal(found[column], frame[column], check_dtype=False, check_index=False)
        assert name in found


def test_write_definitions_read_a_column_of_times_an_event(told, monkeypatch):
    monkeypatch.setattr(metrics.milestones, "DIALECTS", {"duckdb": metrics.milestones.DIALECTS["duckdb"]})
    written, frame, con = told
    names, other = sorted({event for _, event, *_ in EVENTS}), con.cursor()
    cells = ", ".join(f"CASE WHEN event = '{name}' THEN \"at\" END AS {name}" for name in names)
    other.execute("CREATE SCHEMA wide")
    other.execute("CREATE TABLE wide.accounts AS SELECT * FROM reader.accounts")
    other.execute(f"CREATE TABLE wide.events AS SELECT account_id, value, {cells} FROM reader.events")
    other.execute("USE wide")
    found = metrics.milestones.write_definitions(make_framework(events={"wide": names}))
    found = found.set_index(["dialect", "milestone"])["statement"]
    for name in MILESTONES:
        same = _run(con, written["duckdb", name], frame)
        pd.testing.assert_frame_equal(_run(other, found["duckdb", name], frame), same)


def test_write_definitions_lists_what_is_missing(told):
    written, frame, con = told
    found = _run(con, written["duckdb", "next_missing"], frame)
    rows = dict(zip(found["account_id"], zip(found["next_missing"], found["all_missing"], strict=True), strict=True))
    assert rows["full"][1] == ""
    assert rows["edge"] == ("set_up", "set_up activated using mature")
    assert rows["unseen"] == ("set_up", "set_up activated mature")  # without seats nobody knows whether it is using


def test_write_definitions_leaves_out_who_is_no_customer_at_the_landmark(told):
    written, frame, con = told
    found = set(con.sql(written["duckdb", "set_up"]).df()["account_id"])
    assert found - set(frame["unit"]) == {"late", "later"}  # they have come to their landmark by now
    assert "quit" not in found


def test_write_definitions_differ_where_dialects_do(told):
    written = told[0]
    assert '"accounts"' in written["postgres", "set_up"]
    assert "`accounts`" in written["bigquery", "set_up"]
    assert '"ACCOUNTS"' in written["snowflake", "set_up"]
    assert not re.search(r'"[a-z_0-9]+"', written["snowflake", "next_missing"])
    assert "TIMESTAMP_ADD" in written["bigquery", "activated"]
    assert "INTERVAL 5184000 SECOND" in written["bigquery", "activated"]
    assert "DATEADD(SECOND, 5184000" in written["snowflake", "activated"]


def test_write_definitions_follow_the_plan():
    plan = {"unit_id": "Workspace", "alive": {"event": "seen", "within_days": 7}, "steps": None, "usage": None}
    features = {"categories": None, "activation": {"event": "it's", "at_least": None}}
    written = metrics.milestones.write_definitions(make_framework(**plan, **features))
    assert written.equals(metrics.milestones.write_definitions(make_framework(**plan, **features)))
    assert set(written["milestone"]) == {"activated"}  # no milestone has a line, so that none can be missing
    duckdb, *_, snowflake = written["statement"]
    assert "'it''s'" in duckdb
    assert "'seen'" in duckdb
    assert '"Workspace"' in snowflake
