"""The fold of events, kind by kind, by hand and against pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import make_design, make_source

from helpers import metrics

START = "2024-01-01 12:00:00"
UNITS = {"unit": ["u1", "u2", "u3"], "variant": ["a", "b", "b"], "assigned_at": [START] * 3}
EVENTS = [
    ("u1", "buy", "2024-01-01 11:59:59", 1000.0),  # one second before assignment: not his
    ("u1", "buy", "2024-01-01 12:00:00", 10.0),  # the moment of assignment: the window has begun
    ("u1", "buy", "2024-01-08 11:59:59", 5.0),  # the last second of seven days
    ("u1", "buy", "2024-01-08 12:00:00", 100.0),  # the window is over
    ("u1", "refund", "2024-01-03 00:00:00", -2.0),  # money back counts against
    ("u2", "buy", "2024-01-02 00:00:00", None),  # a purchase of unknown value: counted, adds nothing
    ("u9", "buy", "2024-01-02 00:00:00", 7.0),  # nobody assigned it
    ("u1", "look", "2024-01-02 00:00:00", None),  # an event that the plan does not read
    ("u2", "buy", "2024-02-01 00:00:00", 9.0),  # after as_of
]
KINDS = {
    "bought": {"kind": "binary", "event": "buy", "within_days": 7},
    "buys": {"kind": "count", "event": "buy", "within_days": 7},
    "spent": {"kind": "amount", "event": ["buy", "refund"], "within_days": 7},
    "ever": {"kind": "count", "event": "buy"},
}


def _fold(kinds, events=EVENTS, units=UNITS, **more):
    return metrics.fold(
        make_source(units, events), make_design(kinds, assigned_at="assigned_at", as_of="2024-01-31", **more)
    )


def _read(units, column):
    return units.table.order_by("unit")[column].to_pyarrow().to_pylist()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("y_bought", [1, 1, 0]),  # u3 has no event: 0, since his window is over
        ("y_buys", [2, 1, 0]),  # both edges of u1's window
        ("y_spent", [13, 0, 0]),  # 10 + 5 - 2
        ("y_ever", [3, 1, 0]),  # no window: up to as_of
    ],
)
def test_fold_of_events_within_windows(column, expected):
    assert _read(_fold(KINDS), column) == expected


def test_fold_says_which_events_do_not_count():
    assert _fold(KINDS).messages == (
        "events before their unit is assigned, left out: 1",
        "events after 2024-01-31, the last complete day, left out: 1",
        "events without the value that the plan adds up or averages: 1",
    )
    counted = {name: kind for name, kind in KINDS.items() if kind["kind"] != "amount"}
    assert len(_fold(counted).messages) == 2  # a count needs no value


def test_fold_takes_the_event_named_as_the_metric_when_none_is_given():
    assert _read(_fold({"buy": {"kind": "count"}}), "y_buy") == [3, 1, 0]


SCORES = [
    ("u1", "rating", "2024-01-02 00:00:00", 9.0),  # overtaken by a later one
    ("u1", "rating", "2024-01-04 00:00:00", 3.0),  # at the same moment as the next
    ("u1", "rating", "2024-01-04 00:00:00", 4.0),  # the highest of one moment is the last
    ("u1", "rating", "2024-01-05 00:00:00", None),  # without a value it is no score
    ("u2", "rating", "2024-01-20 00:00:00", 8.0),  # after seven days
    ("u3", "asked", "2024-01-02 00:00:00", None),  # asked, no answer
]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"kind": "score"}, [4.0, 8.0, None]),  # no score is unknown, not 0
        ({"kind": "score", "within_days": 7}, [4.0, None, None]),  # u2 scored too late
        ({"kind": "score", "missing": "zero"}, [4.0, 8.0, 0.0]),  # as planned
        ({"kind": "nps"}, [-100.0, 0.0, None]),  # 4 detracts, 8 is passive
    ],
)
def test_fold_of_scores_takes_the_last(metric, expected):
    assert _read(_fold({"rating": metric}, SCORES), "y_rating") == expected


def test_fold_of_scores_marks_who_was_asked_and_who_of_them_is_missing():
    units = _fold({"rating": {"kind": "score", "asked": "asked"}}, SCORES)
    assert _read(units, "asked_rating") == [0, 0, 1]
    assert _read(units, "missing_rating") == [None, None, 1]


def test_fold_of_a_time_to_event_counts_days_to_the_first_event_or_to_the_end_of_as_of():
    units = _fold({"first": {"kind": "time_to_event", "event": "buy", "horizon_days": 20}})
    assert _read(units, "time_first") == [0.0, 0.5, 30.5]  # u3 is censored at 2024-02-01 00:00
    assert _read(units, "observed_first") == [1, 1, 0]
    assert _read(units, "complete_first") == [True] * 3


def test_fold_of_a_time_to_event_is_unfinished_before_its_horizon():
    units = _fold({"first": {"kind": "time_to_event", "event": "buy", "horizon_days": 31}})
    assert _read(units, "complete_first") == [False] * 3


ENDS = [
    ("u1", "left", "2024-01-03 12:00:00", None),  # before the purchase: it comes first
    ("u1", "buy", "2024-01-05 12:00:00", 1.0),
    ("u2", "buy", "2024-01-02 12:00:00", 1.0),  # at one moment the event wins
    ("u2", "left", "2024-01-02 12:00:00", None),
    ("u2", "left", "2023-12-01 12:00:00", None),  # before assignment
    ("u3", "left", "2024-02-01 12:00:00", None),  # after as_of: not yet seen
    ("u3", "closed", "2024-01-04 12:00:00", None),
]


@pytest.mark.parametrize(
    ("competing", "time", "observed"),
    [
        ({}, [4.0, 1.0, 30.5], [1, 1, 0]),  # without the key an end is no event
        ({"competing": "left"}, [2.0, 1.0, 30.5], [2, 1, 0]),
        ({"competing": ["left", "closed"]}, [2.0, 1.0, 3.0], [2, 1, 2]),  # the first of several
    ],
)
def test_fold_of_a_time_to_event_with_competing_events(competing, time, observed):
    units = _fold({"first": {"kind": "time_to_event", "event": "buy", "horizon_days": 20} | competing}, ENDS)
    assert _read(units, "time_first") == time
    assert _read(units, "observed_first") == observed


def test_fold_keeps_metrics_of_one_event_apart():
    kinds = {"mean": KINDS["spent"], "p90": KINDS["spent"] | {"quantile": 0.9, "within_days": 8}}
    units = _fold(kinds)
    assert (_read(units, "y_mean"), _read(units, "y_p90")) == ([13, 0, 0], [113, 0, 0])
    assert units.known == {"mean": "mean", "p90": "p90"}  # other windows


def test_fold_of_a_ratio_of_a_metric_and_an_event():
    kinds = {
        "spent": KINDS["spent"],
        "per": {"kind": "ratio", "numerator": "spent", "denominator": "buy", "within_days": 7},
    }
    units = _fold(kinds)
    assert _read(units, "num_per") == [13, 0, 0]
    assert _read(units, "den_per") == [2, 1, 0]
    assert "missing_per" not in units.table.columns


def test_fold_of_a_ratio_reads_a_column_that_is_no_event():
    units = _fold(
        {"per": {"kind": "ratio", "numerator": "buy", "denominator": "seats"}},
        units=UNITS | {"seats": [4.0, 2.0, None]},
    )
    assert _read(units, "den_per") == [4, 2, None]
    assert _read(units, "num_per") == [3, 1, None]  # both parts or none
    assert _read(units, "missing_per") == [0, 0, 1]


def test_fold_of_a_ratio_reads_an_event_before_a_column_of_its_name():
    ratio = {"kind": "ratio", "numerator": "buy", "denominator": "look"}
    units = _fold({"per": ratio}, units=UNITS | {"buy": ["text", "is", "possible"]})
    assert _read(units, "num_per") == [3, 1, 0]


def test_fold_reads_a_column_that_the_metric_names_although_there_are_events():
    units = _fold({"buy": {"kind": "count", "column": "told"}}, units=UNITS | {"told": [7.0, 8.0, 9.0]})
    assert _read(units, "y_buy") == [7, 8, 9]


def test_fold_of_an_exposure_by_event_within_its_window():
    kinds = {"bought": KINDS["bought"]}
    assert _read(_fold(kinds, exposure={"event": "look"}), "exposed") == [1, 0, 0]
    assert _read(_fold(kinds, exposure={"event": "look", "within_days": 0.5}), "exposed") == [0, 0, 0]
    assert _read(_fold(kinds, exposure={"event": "look", "within_days": 40}), "exposed") == [None] * 3


def test_fold_keeps_metrics_of_one_window_known_together():
    assert _fold(KINDS).known == {"bought": "bought", "buys": "bought", "spent": "bought", "ever": "ever"}


SECONDS = st.integers(-3 * 86_400, 40 * 86_400)


@settings(derandomize=True, deadline=None, max_examples=8)
@given(
    st.lists(st.tuples(st.sampled_from("pqr"), SECONDS, st.integers(-9, 9)), max_size=25),
    st.lists(SECONDS.filter(lambda s: s >= 0), min_size=3, max_size=3),
    st.sampled_from([None, 1, 3.25, 20]),
)
def test_fold_equals_pandas(events, starts, days):
    first = pd.Timestamp("2024-03-01")
    units = pd.DataFrame(
        {"unit": list("pqr"), "variant": list("aba"), "assigned_at": first + pd.to_timedelta(starts, unit="s")}
    )
    heard = [(unit, "e", first + pd.Timedelta(seconds=s), float(value)) for unit, s, value in events]
    window = {} if days is None else {"within_days": days}
    kinds = {kind: {"kind": kind, "event": "e", **window} for kind in ("binary", "count", "amount")}
    design = make_design(kinds, assigned_at="assigned_at", as_of="2024-04-09")
    found = metrics.fold(make_source(units, heard or [("z", "e", first, 0.0)]), design)
    expected = _fold_in_pandas(units, heard, days, pd.Timestamp("2024-04-10"))
    for kind, values in expected.items():
        assert np.array_equal(np.array(_read(found, f"y_{kind}"), float), values, equal_nan=True)


def _fold_in_pandas(units, events, days, cutoff):
    found = {"binary": [], "count": [], "amount": []}
    for unit, start in zip(units["unit"], units["assigned_at"], strict=True):
        if start >= cutoff:
            continue
        end = cutoff if days is None else start + pd.Timedelta(days=days)
        values = [v for u, _, at, v in events if u == unit and start <= at < end and at < cutoff]
        known = np.nan if end > cutoff else 1
        for kind, value in zip(found, (bool(values), len(values), sum(values)), strict=True):
            found[kind].append(value * known)
    return found
