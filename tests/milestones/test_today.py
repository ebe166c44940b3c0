"""Customers at the end of the data and what they have reached by then: account by account, by hand."""

import numpy as np
import pandas as pd
import pytest
from ranking_worlds import make_plan

from helpers.milestones.today import read_today

NAN = np.nan
WAY = {
    "steps": [{"name": "invite"}], "activation": {"event": "talk", "at_least": 5, "window_days": 90},
    "usage": {"event": "solved", "seats": "seats", "at_least": 2}, "features": [{"name": "bot"}],
    "categories": {"bots": {"mature": ["bot"]}},
}  # fmt: skip
HISTORIES = pd.DataFrame(
    [
        ("gone", 400.0, 200.0, 1.0, 50.0, NAN),
        ("late", 400.0, NAN, NAN, NAN, 300.0),  # mature long after any landmark; too late to activate
        ("open", 89.0, NAN, 3.0, NAN, NAN),  # one day to go
        ("shut", 90.0, NAN, 3.0, NAN, NAN),  # the window closed today
        ("young", 20.0, NAN, NAN, 10.0, NAN),  # no full month yet
    ],
    columns=["unit", "followed_days", "lost_day", "step_day_invite", "day_activated", "day_mature"],
).assign(day_set_up=lambda frame: frame["step_day_invite"])
MONTHS = pd.DataFrame(
    [
        ("gone", 0, 9, 1.0), ("late", 12, 3, 2.0), ("late", 2, 90, 2.0), ("open", 0, 99, 4.0), ("open", 1, 8, 4.0),
        ("shut", 2, 50, 0.0),
    ],
    columns=["unit", "month", "events", "seats"],
)  # fmt: skip


@pytest.fixture(scope="module")
def today():
    return read_today(HISTORIES, MONTHS, make_plan(**WAY)).set_index("unit")


def test_read_today_leaves_out_who_has_left_and_counts_what_was_reached_since(today):
    assert today.index.tolist() == ["late", "open", "shut", "young"]
    assert today["mature"].tolist() == [1, 0, 0, 0]
    assert today["step_invite"].tolist() == today["set_up"].tolist() == [0, 1, 1, 0]


def test_read_today_knows_no_activation_to_come_once_the_window_is_over(today):
    np.testing.assert_array_equal(today["activated"], [NAN, 0, NAN, 1])
    longer = make_plan(**WAY | {"activation": WAY["activation"] | {"window_days": 91}})
    np.testing.assert_array_equal(read_today(HISTORIES, MONTHS, longer)["activated"], [NAN, 0, 0, 1])


@pytest.mark.parametrize(("change", "expected"), [
    ({}, [0, 1, NAN, NAN]),  # 3 < 2 x 2; 8 = 2 x 4; no seat; no month
    ({"at_least": 1.5}, [1, 1, NAN, NAN]),
    ({"at_least": 2.01}, [0, 0, NAN, NAN]),
    ({"at_least": 0.35, "period": "week"}, [1, 1, NAN, NAN]),  # 0.35 a week is 1.5 in 30 days
    ({"at_least": 0.36, "period": "week"}, [0, 1, NAN, NAN]),
    ({"at_least": 6, "period": "quarter"}, [0, 1, NAN, NAN]),
])  # fmt: skip
def test_read_today_reads_usage_from_the_latest_month(change, expected):
    found = read_today(HISTORIES, MONTHS, make_plan(**WAY | {"usage": WAY["usage"] | change}))
    np.testing.assert_array_equal(found["using"], expected)


def test_read_today_has_only_the_milestones_of_the_plan_and_leaves_its_inputs_alone():
    before = HISTORIES.copy(), MONTHS.copy()
    assert list(read_today(HISTORIES, MONTHS, make_plan())) == ["unit"]
    without = {"usage": {"event": "solved", "seats": "seats"}, "activation": {"event": "talk"}}  # no line drawn
    assert list(read_today(HISTORIES, MONTHS, make_plan(**without))) == ["unit"]
    for frame, other in zip(before, (HISTORIES, MONTHS), strict=True):
        pd.testing.assert_frame_equal(frame, other)
