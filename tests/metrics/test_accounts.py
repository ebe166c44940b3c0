"""Accounts at landmarks, in histories, by month and in a snapshot: every edge of a window, and each key of the plan."""

import functools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_accounts import ACCOUNTS, EVENTS, make_account_source, make_framework
from sources_samples import tell_refusal

from helpers import metrics


def _fold(events=EVENTS, **plan):
    return metrics.fold_accounts(make_account_source(ACCOUNTS, events), make_framework(**plan))


def _read(landmark=90.0, **plan):
    return metrics.read_landmarks(_fold(**plan))[landmark].set_index("unit")


@functools.cache
def _fold_once():
    return _fold()


@functools.cache
def _read_once():
    return metrics.read_landmarks(_fold_once())[90].set_index("unit")


def test_read_landmarks_keeps_who_is_alive_and_followed():
    frames = metrics.read_landmarks(_fold(activation={"landmark_days": [90, 60]}))
    assert list(frames) == [90, 60]
    frame = frames[90]
    assert list(frame["unit"]) == ["blank", "edge", "full", "just", "unseen"]
    assert list(frame.index) == [0, 1, 2, 3, 4]
    assert list(frames[60]["unit"]) == ["blank", "edge", "full", "just", "late", "quit", "unseen"]
    assert list(frame) == [
        "unit", "cohort", "started_at", "tier", "size", "count", "activated",
        "events_in_period", "seats", "usage", "using",
        "step_installed", "step_invited", "step_day_installed", "step_day_invited", "steps_done", "set_up",
        "feature_live", "feature_phone", "feature_bots", "feature_badge", "level_chat", "mature_categories", "mature",
        "retained", "expanded", "dormant", "lost", "lost_days",
    ]  # fmt: skip


def test_read_landmarks_reads_each_edge_of_a_window():
    frame = _read_once().drop(columns=["cohort", "started_at"]).astype(object)
    found = frame.loc[["full", "edge", "just", "unseen", "blank"]].T
    nan = math.nan
    expected = {
        "tier": ["pro", "pro", "free", "free", "unknown"],
        "size": [5, 2, 4, nan, nan],
        **{key: [2, 1, 0, 0, 0] for key in ("count", "level_chat")},
        **{key: [1, 0, 0, 0, 0] for key in ("activated", "set_up", "mature_categories", "mature")},
        **{key: [1, 0, 0, 0, 0] for key in ("step_installed", "step_invited", "feature_live", "feature_phone")},
        **{key: [2, 0, 0, 0, 0] for key in ("events_in_period", "steps_done")},
        "seats": [1, 4, 1, 0, nan],
        "usage": [2, 0, 0, nan, nan],
        "using": [1, 0, 0, nan, nan],
        "step_day_installed": [0, nan, nan, nan, nan],
        "step_day_invited": [90 - 1 / 86_400, nan, nan, nan, nan],
        "feature_bots": [1, 1, 0, 0, 0],
        "feature_badge": [1, 0, 0, 1, nan],
        "retained": [1, 1, 0, 0, 1],
        "expanded": [0, 1, nan, 0, nan],  # just and blank: their 100 days are not over
        "dormant": [0, 1, 1, 1, 1],
        "lost": [0, 0, 1, 1, 0],
        "lost_days": [90, 90, 0.5, 0, 90],
    }
    assert set(found.index) == set(expected)
    for name, row in expected.items():
        np.testing.assert_allclose(found.loc[name].astype(float), row) if name != "tier" else None
    assert list(found.loc["tier"]) == expected["tier"]


@pytest.mark.parametrize(("at", "count"), [("2024-02-29 23:59:59.999999", 2), ("2024-03-01 00:00:00.000001", 1)])
def test_read_landmarks_tells_a_window_by_the_microsecond(at, count):
    frames = metrics.read_landmarks(_fold([*EVENTS, ("edge", "talk", at, None)]))
    assert frames[90].set_index("unit").loc["edge", "count"] == count  # 60 days end on 1 March


FEATURES = [{"name": "live"}, {"name": "phone"}, {"name": "bots", "event": "bot"}]
CHANGES = [  # each plan changes one thing a column; column, unit, as planned, changed
    ({"activation": {"window_days": 61, "at_least": 3}, "usage": {"event": "talk", "at_least": 0.5},
      "steps": [{"name": "bot"}, {"name": "invited", "event": "invite"}], "steps_at_least": 1,
      "categories": {"chat": {"mature": ["phone", "bots"], "mature_at_least": 1}},
      "outcomes": {"retained": {"lost": "gone", "within_days": 91}, "expanded": {"event": "grew", "within_days": 101},
                   "dormant_after_days": 32},
      "size": None, "plan_tier": None, "cohort": "month"},
     [("count", "edge", 1, 2), ("activated", "full", 1, 0), ("set_up", "edge", 0, 1),
      ("events_in_period", "edge", 0, 1), ("level_chat", "edge", 1, 2), ("retained", "edge", 1, 0),
      ("lost_days", "full", 90, 91), ("expanded", "full", 0, 1), ("dormant", "edge", 1, 0),
      ("size", "unseen", math.nan, 1), ("tier", "full", "pro", "all"), ("cohort", "full", "2024-Q1", "2024-01")]),
    ({"activation": {"event": ["talk", "bot"], "at_least": None}, "steps_at_least": 1, "mature_at_least": 1,
      "steps": [{"name": "installed"}, {"name": "seats_now"}], "usage": {"seats_event": None, "at_least": 1.5},
      "categories": {"chat": {"mature": ["phone"]}, "more": {"mature": ["live"]}},
      "features": [*FEATURES, {"name": "badge", "column": "seats"}],
      "outcomes": {"retained": {"event": "solved", "within_days": 90}, "activity": ["grew"]},
      "size": "seats", "cohort": "year"},
     [("count", "full", 2, 3), ("activated", "full", 1, math.nan), ("steps_done", "edge", 0, 0),
      ("usage", "full", 2, 1), ("using", "full", 1, 0), ("mature_categories", "full", 1, 2),
      ("feature_badge", "edge", 0, 4), ("retained", "full", 1, 0), ("dormant", "full", 0, 1),
      ("size", "full", 5, 2), ("cohort", "full", "2024-Q1", "2024")]),
    ({"usage": {"seats": "size", "seats_event": None, "period": "week", "at_least": None}, "cohort": "tier",
      "features": [{"name": "live"}, {"name": "phone", "event": "bot"}, {"name": "bots"}],
      "categories": {"chat": {"basic": [], "mature": ["live"], "mature_at_least": 1}},
      "outcomes": {"retained": {"lost": "never", "within_days": 90}, "expanded": {"event": "gone", "within_days": 90}}},
     [("events_in_period", "full", 2, 0), ("seats", "full", 1, 5), ("using", "full", 1, math.nan),
      ("feature_phone", "edge", 0, 1), ("level_chat", "edge", 1, 0), ("retained", "just", 0, 1),
      ("expanded", "edge", 1, 0), ("cohort", "blank", "2024-Q1", "unknown")]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "cells"), CHANGES, ids=["first", "second", "third"])
def test_read_landmarks_follows_each_key_of_the_plan(changes, cells):
    planned, changed = _read_once(), _read(**changes)
    for column, unit, before, after in cells:
        found = [planned.loc[unit, column], changed.loc[unit, column]]
        assert found == [before, after] or np.allclose(found, [before, after], equal_nan=True), column


def test_read_landmarks_alive_needs_a_sign_of_life():
    alive = {"event": "talk", "within_days": 30}
    assert list(_read(alive=alive).index) == ["edge"]  # its talk stands on day 60, the first of the 30 days
    assert list(_read(alive={"event": "invite", "within_days": 29}).index) == ["full"]


def test_read_landmarks_before_a_full_period_knows_no_usage():
    folded = _fold(usage={"period": "quarter"}, activation={"landmark_days": 60})
    frame = metrics.read_landmarks(folded)[60]
    assert frame[["events_in_period", "seats", "usage", "using"]].isna().all(axis=None)
    assert "usage cannot be read on day 60: not a full quarter of 90 days has passed" in folded.messages


def test_read_landmarks_without_milestones_has_outcomes_only():
    bare = dict.fromkeys(["steps", "activation", "usage", "categories", "features", "size", "plan_tier"])  # left out
    outcomes = {"expanded": None, "dormant_after_days": None}
    frame = _read(outcomes=outcomes, **bare)
    assert list(frame) == ["cohort", "started_at", "tier", "size", "retained", "lost", "lost_days"]
    assert set(frame["tier"]) == {"all"}


def test_fold_accounts_says_what_does_not_count():
    assert _fold_once().messages == (
        "accounts that start after 2024-07-31, left out: 1",
        "events before their account starts, left out: 1",
        "events after 2024-07-31, the last complete day, left out: 1",
        "events after their account is lost, left out: 3",
        "accounts without a size above 0: 2",
        "accounts without seats at their start: 1",
    )


def test_fold_accounts_takes_the_latest_day_where_the_plan_has_none():
    folded = _fold(as_of=None)
    assert str(folded.as_of) == "2024-08-01"
    said = "as_of is left out of the plan: the latest day in the data, 2024-08-01, is taken as the last complete one"
    assert folded.messages[0] == said
    assert "late" in metrics.read_landmarks(folded)[90]["unit"].to_list()


def test_fold_accounts_refuses_a_day_before_all():
    said = "plan, as_of: no account started by 2023-12-31; choose a later day"
    assert tell_refusal(_fold, as_of="2023-12-31") == said


def test_explain_accounts_adds_up():
    steps = metrics.accounts.explain_accounts(_fold(alive={"event": "talk", "within_days": 30}))
    assert steps == [
        ("started", 7, "by 2024-07-31"),
        ("landmark day 90: followed", 6, "to day 180, by the end of 2024-07-31"),
        ("landmark day 90: lost before it", 1, "no outcome of theirs can follow a milestone"),
        ("landmark day 90: without a sign of life", 4, "no talk in the 30 days before it"),
        ("landmark day 90: kept", 1, "customers on that day, followed long enough"),
    ]


def _measure(accounts, events):
    source = make_account_source(accounts, events)
    found = metrics.accounts.measure_freshness(source, metrics.fold_accounts(source, make_framework()))
    return found.set_index("column")


def test_measure_freshness_counts_rows_and_days():
    table = _measure(ACCOUNTS, EVENTS)
    assert list(table.index)[:6] == ["account_id", "started_at", "size", "seats", "tier", "b"]
    assert list(table.loc["size"]) == ["accounts", 8, 1 / 8, "2024-08-01", -1, ""]
    assert list(table.loc["seats_now"]) == ["events", 2, 0, "2024-03-01", 152, ""]  # it need not come again
    assert list(table.loc["talk"]) == ["events", 9, 0, "2024-05-30", 62, ""]  # so rare that chance may silence it
    often = [*EVENTS, *(("full", "talk", f"2024-05-{day:02d}", None) for day in range(10, 31))]
    stopped = "none in the last 62 days"
    assert list(_measure(ACCOUNTS, often).loc["talk"]) == ["events", 30, 0, "2024-05-30", 62, stopped]
    events = [row for row in EVENTS if row[1] != "grew"] + [("full", "seats_now", "2024-07-31", None)]
    table = _measure(ACCOUNTS, events)
    assert list(table.loc["seats_now"]) == ["events", 3, 1 / 3, "2024-07-31", 0, ""]
    assert list(table.loc["grew"].fillna(-1)) == ["events", 0, 0, -1, -1, "does not occur"]
    table = _measure(ACCOUNTS | {"tier": [None, "pro", *[None] * 6]}, EVENTS)
    assert table.loc["tier", "note"] == "missing from the accounts of the newest 213 days"


STARTED = {
    "unit": ["b", "a", "c", "d"],
    "started_at": [
        "2024-01-01 00:00:00",  # b: reaches all, lost on day 100
        "2024-05-03 12:00:00",  # a: followed 89.5 days: two months are over
        "2024-07-31 23:59:59",  # c: followed one second
        "2024-06-02 00:00:00",  # d: followed 60 days exactly: two months
    ],
    "size": [1.0, 1.0, 1.0, 1.0],
    "tier": ["pro", "pro", "free", "free"],
    "seats": [3.0, 2.0, 1.0, None],
    "b": [0.0, 0.0, 0.0, 0.0],
}
HEARD = [
    ("b", "invite", "2024-01-03 00:00:00", None),  # day 2
    ("b", "installed", "2024-01-06 12:00:00", None),  # day 5.5: the second step
    ("b", "installed", "2024-01-02 00:00:00", None),  # day 1: its first time
    ("b", "talk", "2024-01-05 00:00:00", None),
    ("b", "talk", "2024-01-05 00:00:00", None),  # two at one moment, day 4: activated
    ("b", "talk", "2024-01-31 00:00:00", None),  # day 30: in the second month
    ("b", "solved", "2024-02-29 23:59:59", None),  # day 60 less a second
    ("b", "phone", "2024-03-11 00:00:00", None),  # day 70
    ("b", "bot", "2024-02-20 00:00:00", None),  # day 50
    ("b", "seats_now", "2024-01-31 00:00:00", 7.0),  # at the second month's start
    ("b", "seats_now", "2024-02-10 00:00:00", 9.0),
    ("b", "seats_now", "2024-02-11 00:00:00", 8.0),  # the latest before the third month
    ("b", "gone", "2024-04-10 00:00:00", None),  # day 100
    ("b", "gone", "2024-04-20 00:00:00", None),
    ("b", "live", "2024-04-11 00:00:00", None),  # after the loss
    ("a", "talk", "2024-05-04 12:00:00", None),
    ("a", "talk", "2024-07-02 12:00:00", None),  # day 60: too late to be activated
    ("a", "bot", "2024-05-13 12:00:00", None),
    ("d", "seats_now", "2024-06-02 00:00:00", 4.0),  # at the start
]


@functools.cache
def _read_frames():
    return _read_frames_as()


def _read_frames_as(**plan):
    return metrics.read_frames(metrics.fold_accounts(make_account_source(STARTED, HEARD), make_framework(**plan)))


def _check(frame, expected):
    for name, row in expected.items():
        np.testing.assert_allclose(frame[name].astype(float), row, err_msg=name)


def test_read_histories_gives_the_day_of_each_milestone():
    frame, nan = _read_frames().histories, math.nan
    assert list(frame["unit"]) == ["a", "b", "c", "d"]
    assert list(frame) == [
        "unit", "cohort", "started_at", "tier", "size", "followed_days", "lost_day",
        "day_set_up", "day_activated", "day_mature",
        "step_day_installed", "step_day_invited", "feature_day_live", "feature_day_phone", "feature_day_bots",
    ]  # fmt: skip
    expected = {
        "followed_days": [89.5, 213, 1 / 86_400, 60],
        "lost_day": [nan, 100, nan, nan],
        **{key: [nan, 2, nan, nan] for key in ("day_set_up", "step_day_invited")},
        "day_activated": [nan, 4, nan, nan],
        **{key: [nan, 70, nan, nan] for key in ("day_mature", "feature_day_phone")},
        "step_day_installed": [nan, 1, nan, nan],
        "feature_day_live": [nan, nan, nan, nan],
        "feature_day_bots": [10, 50, nan, nan],
    }
    _check(frame, expected)


def test_read_histories_follows_the_lines_of_the_plan():
    plan = {"steps_at_least": 1, "activation": {"at_least": 3}}
    categories = {"chat": {"mature": ["phone", "bots"]}, "more": {"mature": ["live"]}}
    frame = _read_frames_as(**plan, categories=categories, mature_at_least=1).histories
    _check(frame[frame["unit"] == "b"], {"day_set_up": [1], "day_activated": [30], "day_mature": [50]})
    frame = _read_frames_as(activation={"at_least": None, "window_days": 61}).histories
    assert frame["day_activated"].isna().all()
    frame = _read_frames_as(activation={"window_days": 61}).histories
    _check(frame.head(2), {"day_activated": [60, 4]})


def test_read_months_lists_each_month_that_is_over():
    frame = _read_frames().months
    assert list(frame) == ["unit", "month", "events", "active", "seats"]
    assert list(frame["unit"]) == ["a", "a", "b", "b", "b", "d", "d"]
    expected = {
        "month": [0, 1, 0, 1, 2, 0, 1],
        "events": [0, 0, 0, 1, 0, 0, 0],
        "active": [1, 0, 1, 1, 0, 0, 0],  # a and b are quiet in their last month, d is always
        "seats": [2, 2, 3, 7, 8, 4, 4],
    }
    _check(frame, expected)
    assert {str(frame[name].dtype) for name in ("month", "events", "active")} == {"int64"}
    assert list(_read_frames_as(usage={"event": "talk"}).months["events"]) == [1, 0, 2, 1, 0, 0, 0]


def test_read_months_follows_the_days_until_dormant():
    months = {days: _read_frames_as(outcomes={"dormant_after_days": days}).months for days in (31, 61, None)}
    assert list(months[31]["active"]) == [1, 0, 1, 1, 1, 1, 0]  # month 0 ends before 31 days have passed
    assert list(months[61]["active"]) == [1, 1, 1, 1, 1, 1, 1]
    assert list(months[None]["active"]) == [1] * 7


def test_read_snapshot_has_tenure_and_no_landmark():
    accounts = {
        "unit": ["2", "1", "3"],
        "gone": [1.0, 0.0, None],  # the third has no end: left out
        "months": [3.0, 40.0, 5.0],
        "fee": [20.0, 0.0, 5.0],
        "contract": ["year", None, "month"],
        "chat": [0.0, 1.0, 1.0],
    }
    plan = dict.fromkeys(["started_at", "steps", "activation", "usage", "categories", "as_of"])
    plan |= {"size": "fee", "plan_tier": "contract", "features": [{"name": "talks", "column": "chat"}]}
    outcomes = {"retained": {"column": "gone", "time": "months"}, "expanded": None, "dormant_after_days": None}
    source, design = make_account_source(accounts), make_framework(**plan, outcomes=outcomes)
    folded = metrics.fold_accounts(source, design)
    expected = pd.DataFrame({"unit": ["1", "2"], "tier": ["unknown", "year"], "size": [math.nan, 20.0],
                             "feature_talks": [1.0, 0.0], "lost": [0, 1], "lost_days": [40.0, 3.0],
                             "retained": [1.0, 0.0]}).astype({"unit": "str", "tier": "str"})  # fmt: skip
    pd.testing.assert_frame_equal(metrics.read_snapshot(folded), expected)
    assert metrics.read_landmarks(folded) == {}
    assert folded.messages == ("accounts without an end or its time, left out: 1",)
    assert metrics.accounts.explain_accounts(folded) == [("loaded", 3, ""), ("kept", 2, "with an end and its time")]
    table = metrics.accounts.measure_freshness(source, metrics.fold_accounts(source, design))
    assert list(table["column"]) == ["account_id", "fee", "contract", "chat", "gone", "months"]
    assert table["latest"].isna().all()
    assert metrics.milestones.write_definitions(design).empty


def test_frame_of_accounts_has_her_columns_by_name_and_a_loss_that_events_tell():
    source = replace(make_account_source(ACCOUNTS, EVENTS), names={"Konto": "unit"})
    accounts = metrics.fold_accounts(source, make_framework())
    frame = accounts.frame().set_index("Konto")
    assert list(frame) == [*list(ACCOUNTS)[1:], "lost_at"]
    assert list(frame.index) == ["blank", "edge", "full", "just", "late", "quit", "unseen"]  # who starts later is out
    assert frame["b"].fillna(-1).tolist() == [-1, 0, 1, 0, 0, 0, 1]
    assert frame.index[frame["lost_at"].notna()].tolist() == ["edge", "just", "quit", "unseen"]
    assert len(accounts.frame(most=2)) == 2
    assert accounts._repr_html_() == "<b>7 accounts, one row each</b>: until 2024-07-31"
    dated = {"retained": {"lost_at": "left", "within_days": 90}}
    source = make_account_source({**ACCOUNTS, "left": pd.to_datetime([None, "2024-07-01"] + [None] * 6)}, EVENTS)
    assert list(metrics.fold_accounts(source, make_framework(outcomes=dated)).frame()) == [*ACCOUNTS, "left"]
