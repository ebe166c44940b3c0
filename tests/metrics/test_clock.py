"""The clock: what is known until when, and whether a window is over, to the second."""

import datetime as dt

import pytest
from made_sources import make_design, make_source

from helpers import metrics
from helpers.records import Refused

METRIC = {"paid": {"kind": "binary", "within_days": 7}}
UNITS = {
    "unit": ["u1", "u2", "u3", "u4"],
    "variant": ["a", "b", "a", "b"],
    "assigned_at": [
        "2024-01-01 00:00:00",  # the first moment of the first week
        "2024-01-07 23:59:59",  # the last second of the first week
        "2024-01-08 00:00:00",  # the first second of the second week
        "2024-01-08 00:00:01",  # one second later
    ],
}
EVENTS = [("u1", "paid", "2024-01-20 09:00:00", None)]  # the latest day of all


def _fold(**more):
    return metrics.fold(make_source(UNITS, EVENTS), make_design(METRIC, assigned_at="assigned_at", **more))


def _read(units, column):
    return units.table.order_by("unit")[column].to_pyarrow().to_pylist()


def test_fold_without_as_of_takes_the_latest_day_and_says_so():
    units = _fold()
    assert units.as_of == dt.date(2024, 1, 20)
    assert units.messages == (
        "as_of is left out of the plan: the latest day in the data, 2024-01-20, is taken as the last complete one",
    )


def test_fold_without_as_of_counts_a_late_assignment_as_the_latest_day():
    events = [("u1", "paid", "2024-01-02 09:00:00", None)]
    units = metrics.fold(make_source(UNITS, events), make_design(METRIC, assigned_at="assigned_at"))
    assert units.as_of == dt.date(2024, 1, 8)


def test_fold_holds_a_window_over_when_it_ends_with_the_last_complete_day():
    units = _fold(as_of="2024-01-14")  # known to 2024-01-15 00:00:00
    assert _read(units, "complete_paid") == [True, True, True, False]
    assert _read(units, "y_paid") == [0.0, 0.0, 0.0, None]


def test_fold_follows_within_days_of_parts_of_a_day():
    design = make_design(
        {"paid": {"kind": "binary", "within_days": 7.5}}, assigned_at="assigned_at", as_of="2024-01-14"
    )
    assert _read(metrics.fold(make_source(UNITS, EVENTS), design), "complete_paid") == [True, False, False, False]


def test_fold_numbers_the_weeks_of_assignment_from_the_first_day():
    assert _read(_fold(as_of="2024-01-20"), "week") == [0, 0, 1, 1]


def test_fold_leaves_out_units_assigned_after_as_of_and_says_how_many():
    units = _fold(as_of="2024-01-07")
    assert _read(units, "unit") == ["u1", "u2"]
    assert units.messages[0] == "units assigned after 2024-01-07, left out: 2"


def test_fold_refuses_an_as_of_before_all_assignments():
    with pytest.raises(Refused) as refused:
        _fold(as_of="2023-12-31")
    assert str(refused.value) == "plan, as_of: no unit is assigned by 2023-12-31; choose a later day"


def test_fold_of_a_unit_table_without_as_of_holds_nothing_unfinished():
    source = make_source(UNITS | {"paid": [1, 0, 1, None]})
    units = metrics.fold(source, make_design(METRIC, assigned_at="assigned_at"))
    assert units.as_of is None
    assert _read(units, "complete_paid") == [True] * 4
    assert _read(units, "y_paid") == [1.0, 0.0, 1.0, None]


def test_fold_of_a_unit_table_with_as_of_makes_unfinished_outcomes_unknown():
    source = make_source(UNITS | {"paid": [1, 0, 1, 1]})
    units = metrics.fold(source, make_design(METRIC, assigned_at="assigned_at", as_of="2024-01-14"))
    assert _read(units, "y_paid") == [1.0, 0.0, 1.0, None]
