"""Counts of units and clusters, the table of the design, and the rows for row-level methods."""

import pandas as pd
from made_sources import make_design, make_source

from helpers import metrics

FRAME = pd.DataFrame(
    {
        "unit": ["u3", "u1", "u2", "u4", "u5"],
        "variant": ["b", "a", "a", "cps", "a"],
        "assigned_at": ["2024-01-09", "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-15"],
        "firm": ["f1", "f2", "f2", "f3", "f4"],
        "tier": ["pro", "pro", None, "free", "pro"],
        "paid": [1.0, 0.0, None, 1.0, 1.0],  # u2 is unknown
        "took": [1.0, 0.0, 1.0, 0.0, 1.0],
        "days": [3.0, 9.0, 1.0, 2.0, 4.0],
    }
)
KINDS = {
    "paid": {"kind": "binary", "within_days": 7},
    "t": {"kind": "time_to_event", "time": "days", "observed": "took", "horizon_days": 7},
}


def _fold(**more):
    plan = {"assigned_at": "assigned_at", "as_of": "2024-01-20", "segments": ["tier"], "exposure": {"column": "took"}}
    return metrics.fold(make_source(FRAME), make_design(KINDS, variant={"observational": ["cps"]}, **plan | more))


def test_count_units_counts_randomised_arms_in_the_order_of_the_plan():
    assert metrics.count_units(_fold()) == {None: {"a": 3, "b": 1}}


def test_count_units_by_week_and_segment_has_every_arm():
    assert metrics.count_units(_fold(), by="week") == {0: {"a": 2, "b": 0}, 1: {"a": 0, "b": 1}, 2: {"a": 1, "b": 0}}
    assert metrics.count_units(_fold(), by="tier") == {"pro": {"a": 2, "b": 1}, "unknown": {"a": 1, "b": 0}}


def test_count_units_counts_clusters_where_the_plan_names_one():
    assert metrics.count_units(_fold(cluster="firm")) == {None: {"a": 2, "b": 1}}


def test_count_levels_has_the_same_rising_levels_in_every_arm_and_group():
    kinds = {"days": {"kind": "score", "scale": "ordered"}}  # 1, 2, 3, 4 and 9; u2 and u5 are in no cell of others
    units = metrics.fold(make_source(FRAME), make_design(kinds, variant={"observational": ["cps"]}, segments=["tier"]))
    whole = metrics.count_levels(units, "days")[None]
    assert {arm: counts.tolist() for arm, counts in whole.items()} == {
        "a": [1, 0, 0, 1, 1],
        "b": [0, 0, 1, 0, 0],
        "cps": [0, 1, 0, 0, 0],
    }
    split = metrics.count_levels(units, "days", by="tier")
    assert list(split) == ["free", "pro", "unknown"]
    assert split["pro"]["a"].tolist() == [0, 0, 0, 1, 1]
    assert (sum(sum(arms.values()) for arms in split.values()) == sum(whole.values())).all()


def test_count_levels_leaves_out_the_unknown_and_keeps_arms_and_weeks_without_anybody():
    units = _fold()
    counts = metrics.count_levels(units, "paid", by="week")
    assert {week: {arm: n.tolist() for arm, n in arms.items()} for week, arms in counts.items()} == {
        0: {"a": [1, 0], "b": [0, 0], "cps": [0, 0]},  # u2 is unknown; cps is not randomised and has no week
        1: {"a": [0, 0], "b": [0, 1], "cps": [0, 0]},
        2: {"a": [0, 0], "b": [0, 0], "cps": [0, 0]},  # the window of u5 is not over
    }


def test_describe_arms_shows_sizes_times_take_up_and_how_far_each_metric_is_known():
    found = metrics.describe_arms(_fold(cluster="firm"))
    assert found["variant"].tolist() == ["a", "b", "cps"]
    assert found["units"].tolist() == [3, 1, 1]
    assert found["clusters"].tolist() == [2, 1, 1]
    assert found["first_assigned_at"].astype(str).tolist() == ["2024-01-01", "2024-01-09", "2024-01-03"]
    assert found["last_assigned_at"].astype(str).tolist() == ["2024-01-15", "2024-01-09", "2024-01-03"]
    assert found["exposed_share"].round(3).tolist() == [0.667, 1.0, 0.0]
    assert found["complete_paid"].tolist() == [2, 1, 1]  # the window of u5 is not over
    assert found["known_paid"].tolist() == [1, 1, 1]
    assert found["known_t"].tolist() == [2, 1, 1]  # days are told for u5 too, but his horizon is not over


def test_read_rows_gives_the_columns_in_the_order_of_ids():
    found = metrics.read_rows(_fold(), ["variant", "exposed"])
    assert found.columns.tolist() == ["variant", "exposed"]
    assert found["variant"].tolist() == ["a", "a", "b", "cps", "a"]
    assert found["exposed"].tolist() == [0, 1, 1, 0, 1]


def test_read_rows_above_the_limit_is_none():
    assert metrics.read_rows(_fold(), ["variant"], limit=4) is None
    assert len(metrics.read_rows(_fold(), ["variant"], limit=5)) == 5
