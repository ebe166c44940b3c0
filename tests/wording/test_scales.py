"""How a metric is read."""

import math

import pandas as pd
import pytest
import samples

from helpers.plan import ExperimentPlan
from helpers.wording import (
    Scale,
    find_margin,
    find_noun,
    is_lift,
    is_ratio,
    list_metrics,
    read_scale,
    write_effect,
    write_value,
)

PLAN = {
    "kind": "experiment",
    "title": "t",
    "question": "q",
    "unit": "company",
    "unit_id": "id",
    "variant": {"column": "v", "control": "a", "treatments": ["b"]},
    "metrics": {
        "is_active": {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.02, "within_days": 28},
        "csat": {
            "kind": "score",
            "role": "guardrail",
            "better": "higher",
            "margin": {"absolute": 0.1},
            "label": "CSAT",
        },
        "arr": {"kind": "amount", "role": "guardrail", "better": "higher", "margin": {"relative": 0.05}, "unit": "USD"},
        "paid": {"kind": "time_to_event", "event": "paid", "horizon_days": 90},
    },
}


def test_list_metrics_and_read_scale_return_what_was_planned():
    frame = list_metrics(ExperimentPlan.model_validate(PLAN))
    found = samples.results(tables={"metrics": frame})
    assert read_scale(found, "is_active") == Scale(
        "is_active", "is active", "binary", "primary", better="higher", worthwhile=0.02, within_days=28, noun="company"
    )
    assert read_scale(found, "csat").label == "CSAT"
    assert read_scale(found, "paid").within_days == 90
    assert find_noun(found) == "companies"


def test_read_scale_without_a_table_reads_a_plain_number():
    bare = samples.results(tables={})
    assert read_scale(bare, "daily_use") == Scale("daily_use", "daily use")
    assert find_noun(bare) == "units"
    assert read_scale(samples.results(), "unknown_metric").kind == "score"


def test_find_margin_prefers_the_guardrail_and_needs_a_control_value():
    e = samples.effect(values=(200.0, 210.0))
    assert find_margin(e, Scale("m", "m", worthwhile=0.5)) == 0.5
    assert find_margin(e, Scale("m", "m", worthwhile=0.5, margin_absolute=0.1)) == 0.1
    assert find_margin(e, Scale("m", "m", margin_relative=0.05)) == 10.0
    assert find_margin(e.but(control_value=math.nan), Scale("m", "m", margin_relative=0.05)) is None
    assert find_margin(e.but(estimand="relative_lift"), Scale("m", "m", worthwhile=0.5)) is None


def test_is_lift_and_is_ratio_by_estimand():
    kinds = pd.Series(["difference", "relative_lift", "ratio", "hazard_ratio", "cace"])
    found = [(is_lift(samples.effect(estimand=k)), is_ratio(samples.effect(estimand=k))) for k in kinds]
    assert found == [(False, False), (True, False), (False, True), (False, True), (False, False)]


def list_one(**metric):
    return list_metrics(ExperimentPlan.model_validate({**PLAN, "metrics": {"reply_time": metric}})).iloc[0]


def test_list_metrics_names_a_quantile_once():
    assert list_one(kind="amount", quantile=0.9)["label"] == "reply time, 90th percentile"
    assert list_one(kind="amount", quantile=0.5, label="Median reply time")["label"] == "Median reply time"


RATES = [
    # time at risk, unit of the rate
    ("days_at_risk", "per day at risk"),
    ("active_days", "per active day"),
    ("seats", "per seat"),
    ("exposure", "per exposure"),
]


@pytest.mark.parametrize(("column", "unit"), RATES)
def test_list_metrics_counts_a_rate_by_its_time_at_risk(column, unit):
    assert list_one(kind="count", time_at_risk=column)["unit"] == unit
    assert list_one(kind="count", time_at_risk=column, unit="calls")["unit"] == "calls"


def test_ordered_scores_are_read_in_points_of_pairs():
    scale = Scale("csat", "csat", ordered=True)
    row = samples.effect("csat", 0.1, 0.05, (0.31, 0.41))
    assert write_effect(row, scale) == "+10.0 points"
    assert write_value(0.31, scale, beside=row) == "31.0 % of pairs"
    assert write_value(3.1, Scale("csat", "csat"), beside=row) == "3.100"


def test_find_noun_singular():
    assert find_noun(samples.results(), singular=True) == "workspace"
