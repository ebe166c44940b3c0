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


BEFORE = {
    "unit": ["u0", "u1", "u2", "u3"],
    "variant": ["cps", "a", "b", "a"],
    "assigned_at": [
        "2023-12-04 10:00:00",  # four weeks before the experiment, not randomised
        "2024-01-01 03:59:59",  # a Monday, the last second of the first block
        "2024-01-06 04:00:00",  # a Saturday, the first second of the second block
        "2024-01-14 23:59:59",  # a Sunday, the last second of the second week
    ],
    "paid": [1, 0, 1, 1],
}


def _fold_before(**more):
    design = make_design(METRIC, variant={"observational": ["cps"]}, assigned_at="assigned_at", **more)
    return metrics.fold(make_source(BEFORE), design)


def test_fold_counts_weeks_from_the_first_randomised_unit_and_gives_others_none():
    assert _read(_fold_before(), "week") == [None, 0, 0, 1]


def test_fold_counts_weeks_from_all_where_nobody_is_randomised():
    alone = {column: values[:1] for column, values in BEFORE.items()}
    design = make_design(METRIC, variant={"observational": ["cps"]}, assigned_at="assigned_at")
    assert _read(metrics.fold(make_source(alone), design), "week") == [None]


def test_fold_names_the_hours_of_the_week_of_randomised_units():
    assert _read(_fold_before(), "hours") == [None, "weekday 00-04", "weekend 04-08", "weekend 20-24"]


def test_summarise_by_hours_and_weeks_leaves_out_who_was_not_randomised():
    units = _fold_before()
    for by in ("hours", "week"):
        found = metrics.summarise(units, by=by)
        assert list(found) == sorted(set(_read(units, by)) - {None})
        assert sum(arms["paid"][arm].n for arms in found.values() for arm in ("a", "b", "cps")) == 3
    assert metrics.summarise(units)[None]["paid"]["cps"].n == 1  # as a whole group it is there
    assert list(metrics.count_units(units, by="hours")) == ["weekday 00-04", "weekend 04-08", "weekend 20-24"]
    assert list(metrics.count_levels(units, "paid", by="hours")) == ["weekday 00-04", "weekend 04-08", "weekend 20-24"]


@pytest.mark.parametrize("hour", range(0, 168, 13))
def test_name_hours_equals_the_calendar(hour):
    moment = dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour)  # a Monday
    start = moment.hour // 4 * 4
    expected = f"{'weekend' if moment.weekday() > 4 else 'weekday'} {start:02d}-{start + 4:02d}"
    assert list(metrics.name_hours([hour])) == [expected]
    source = make_source({"unit": ["u"], "variant": ["a"], "assigned_at": [str(moment)], "paid": [1]})
    assert _read(metrics.fold(source, make_design(METRIC, assigned_at="assigned_at")), "hours") == [expected]


def test_summarise_by_a_segment_called_hours_takes_the_segment():
    source = make_source(BEFORE | {"hours": ["x", "x", "y", "y"]})
    design = make_design(METRIC, variant={"observational": ["cps"]}, assigned_at="assigned_at", segments=["hours"])
    assert list(metrics.summarise(metrics.fold(source, design), by="hours")) == ["x", "y"]
