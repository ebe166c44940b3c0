"""Histories, months of tenure and snapshots: the day of each milestone, and nothing after the loss."""

import functools
import math

import numpy as np
import pandas as pd
from made_accounts import make_account_source, make_framework

from helpers import metrics

ACCOUNTS = {
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
EVENTS = [
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
def _fold():
    return metrics.fold_accounts(make_account_source(ACCOUNTS, EVENTS), make_framework())


def _fold_as(**plan):
    return metrics.fold_accounts(make_account_source(ACCOUNTS, EVENTS), make_framework(**plan))


def _check(frame, expected):
    for name, row in expected.items():
        np.testing.assert_allclose(frame[name].astype(float), row, err_msg=name)


def test_read_histories_gives_the_day_of_each_milestone():
    frame, nan = metrics.read_frames(_fold()).histories, math.nan
    assert list(frame["unit"]) == ["a", "b", "c", "d"]
    assert list(frame) == [
        "unit", "cohort", "started_at", "tier", "size", "followed_days", "lost_day",
        "day_set_up", "day_activated", "day_mature",
        "step_day_installed", "step_day_invited", "feature_day_live", "feature_day_phone", "feature_day_bots",
    ]  # fmt: skip
    expected = {
        "followed_days": [89.5, 213, 1 / 86_400, 60],
        "lost_day": [nan, 100, nan, nan],
        "day_set_up": [nan, 2, nan, nan],
        "day_activated": [nan, 4, nan, nan],
        "day_mature": [nan, 70, nan, nan],
        "step_day_installed": [nan, 1, nan, nan],
        "step_day_invited": [nan, 2, nan, nan],
        "feature_day_live": [nan, nan, nan, nan],
        "feature_day_phone": [nan, 70, nan, nan],
        "feature_day_bots": [10, 50, nan, nan],
    }
    _check(frame, expected)


def test_read_histories_follows_the_lines_of_the_plan():
    plan = {"steps_at_least": 1, "activation": {"at_least": 3}}
    categories = {"chat": {"mature": ["phone", "bots"]}, "more": {"mature": ["live"]}}
    frame = metrics.read_frames(_fold_as(**plan, categories=categories, mature_at_least=1)).histories
    _check(frame[frame["unit"] == "b"], {"day_set_up": [1], "day_activated": [30], "day_mature": [50]})
    frame = metrics.read_frames(_fold_as(activation={"at_least": None, "window_days": 61})).histories
    assert frame["day_activated"].isna().all()
    frame = metrics.read_frames(_fold_as(activation={"window_days": 61})).histories
    _check(frame.head(2), {"day_activated": [60, 4]})


def test_read_months_lists_each_month_that_is_over():
    frame = metrics.read_frames(_fold()).months
    assert list(frame) == ["unit", "month", "count", "events", "active", "seats"]
    assert list(frame["unit"]) == ["a", "a", "b", "b", "b", "d", "d"]
    expected = {
        "month": [0, 1, 0, 1, 2, 0, 1],
        "count": [1, 0, 2, 1, 0, 0, 0],
        "events": [0, 0, 0, 1, 0, 0, 0],
        "active": [1, 0, 1, 1, 0, 0, 0],  # a and b are quiet in their last month, d is always
        "seats": [2, 2, 3, 7, 8, 4, 4],
    }
    _check(frame, expected)
    assert {str(frame[name].dtype) for name in ("month", "count", "events", "active")} == {"int64"}


def test_read_months_follows_the_days_until_dormant():
    months = {
        days: metrics.read_frames(_fold_as(outcomes={"dormant_after_days": days})).months for days in (31, 61, None)
    }
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
    assert metrics.explain_accounts(folded) == [("loaded", 3, ""), ("kept", 2, "with an end and its time")]
    table = metrics.measure_freshness(source, metrics.fold_accounts(source, design))
    assert list(table["column"]) == ["account_id", "fee", "contract", "chat", "gone", "months"]
    assert table["latest"].isna().all()
    assert metrics.write_definitions(design).empty
