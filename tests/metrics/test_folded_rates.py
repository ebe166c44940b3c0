"""A count with a time at risk: the count over the time of each unit, from columns, events and other metrics."""

import pytest
from made_sources import make_design, make_source

from helpers import metrics
from helpers.records import Refused

START = "2024-01-01 12:00:00"
UNITS = {
    "unit": ["u1", "u2", "u3", "u4"],
    "variant": ["a", "b", "b", "a"],
    "assigned_at": [START] * 4,
    "calls": [3.0, 0.0, None, 2.0],
    "hours": [1.5, 4.0, 2.0, None],
}
EVENTS = [
    ("u1", "call", "2024-01-02", None),
    ("u1", "call", "2024-01-03", None),
    ("u1", "call", "2024-01-20", None),  # after seven days
    ("u2", "call", "2024-01-02", None),  # in no active day
    ("u1", "active", "2024-01-02", 0.5),
    ("u1", "active", "2024-01-06", 2.0),
    ("u1", "active", "2024-01-12", 4.0),
    ("u3", "active", "2024-01-02", None),
]
RATE = {"kind": "count", "event": "call", "time_at_risk": "active"}
COLUMN = {"calls": {"kind": "count", "time_at_risk": "hours"}}


def _fold(kinds, events=None, units=UNITS, **more):
    return metrics.fold(make_source(units, events), make_design(kinds, **more))


def _fold_events(kinds, **more):
    return _fold(kinds, EVENTS, **{"assigned_at": "assigned_at", "as_of": "2024-01-31"} | more)


def _read(units, name):
    frame = units.table.order_by("unit")
    return [frame[f"{part}_{name}"].to_pyarrow().to_pylist() for part in ("num", "den")]


def test_fold_of_a_rate_of_columns():
    units = _fold(COLUMN)
    assert _read(units, "calls") == [[3, 0, None, None], [1.5, 4, None, None]]  # both or none
    assert units.table.order_by("unit")["missing_calls"].to_pyarrow().to_pylist() == [0, 0, 1, 1]
    assert units.known == {"calls": "calls"}


def test_fold_of_a_rate_of_columns_fills_the_count_and_never_the_time():
    units = _fold({"calls": COLUMN["calls"] | {"missing": "zero"}})
    assert _read(units, "calls") == [[3, 0, 0, None], [1.5, 4, 2, None]]
    assert units.messages == ("missing outcomes of calls that count as 0, as planned: 1",)


@pytest.mark.parametrize(
    ("rate", "above", "below"),
    [
        (RATE, [3, 1, 0, 0], [3, 0, 1, 0]),  # days with activity are counted
        (RATE | {"within_days": 7}, [2, 1, 0, 0], [2, 0, 1, 0]),  # the window holds for both
        (RATE | {"time_at_risk": "hours"}, [3, 1, 0, None], [1.5, 4, 2, None]),  # no such event: the column
        (RATE | {"time_at_risk": "spent"}, [3, 1, 0, 0], [6.5, 0, 0, 0]),  # a metric that sums values
        (RATE | {"column": "calls"}, [3, 0, None, 2], [3, 0, None, 0]),  # the count from a column
    ],
)
def test_fold_of_a_rate_of_events(rate, above, below):
    units = _fold_events({"rate": rate, "spent": {"kind": "amount", "event": "active"}})
    assert _read(units, "rate") == [above, below]


def test_fold_of_a_rate_waits_for_the_longer_window():
    kinds = {"rate": RATE | {"time_at_risk": "long", "within_days": 7}, "long": {"kind": "count", "event": "active"}}
    units = _fold_events({**kinds, "long": kinds["long"] | {"within_days": 31}})
    assert _read(units, "rate") == [[None] * 4] * 2
    assert units.table["complete_rate"].any().to_pyarrow().as_py() is False


def test_fold_says_how_many_units_count_in_no_time():
    assert _fold_events({"rate": RATE}).messages == ("units with some rate in no time at risk, kept in: 1",)


def test_fold_keeps_a_rate_apart_from_the_counts_of_its_window():
    units = _fold_events({"rate": RATE, "calls": {"kind": "count", "event": "call"}})
    assert units.known == {"rate": "rate", "calls": "calls"}
    assert metrics.summarise(units)[None]["calls"]["a"].mean.tolist() == [1.5]


def test_describe_arms_counts_who_is_known_of_a_rate():
    assert metrics.describe_arms(_fold(COLUMN))["known_calls"].tolist() == [1, 1]


def test_fold_refuses_a_time_at_risk_below_zero():
    kinds = {"rate": RATE | {"time_at_risk": "spent"}, "spent": {"kind": "amount", "event": "active"}}
    with pytest.raises(Refused) as refused:
        _fold(kinds, [*EVENTS, ("u3", "active", "2024-01-03", -1.0)], assigned_at="assigned_at", as_of="2024-01-31")
    assert str(refused.value) == (
        "plan, metrics.rate.time_at_risk: 1 unit with less than 0 of spent; correct the data, or name another time "
        "at risk"
    )
