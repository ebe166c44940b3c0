"""Replies by arm, hour and person, and what the effect may owe to them."""

import math

import conversations_samples as made
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import inference
from helpers.inference import replies

ROWS = [
    ("u1", "a", 10.0, 0),  # one unit with two conversations
    ("u1", "a", 70.0, 0),
    ("u2", "a", 30.0, 0),
    ("u3", "a", None, 0),  # never answered: later than anything
    ("u4", "b", 1.0, 0),
    ("u5", "b", 2.0, 0),  # exactly the target counts
    ("u5", "b", 3.0, 130),
    ("u6", "cps", 20.0, 0),
    ("u7", "cps", 40.0, 0),
]


def _find(frame, comparison, measure, minutes=None):
    rows = frame[(frame["comparison"] == comparison) & (frame["measure"] == measure)]
    return (rows if minutes is None else rows[rows["minutes"] == minutes]).iloc[0]


def test_compare_replies_by_hand():
    found = replies.compare_replies(made.make_conversations(ROWS), made.design_replies())
    median = _find(found, "b - a", "median")
    assert (median["control_value"], median["treatment_value"], median["difference"]) == (50.0, 2.0, -48.0)
    assert median["n_control"] == 3  # sign-ups
    within = _find(found, "b - a", "within", 2)
    assert (within["control_value"], within["treatment_value"]) == (0.0, pytest.approx(2 / 3))
    assert _find(found, "b - a", "within", 60)["control_value"] == 0.5
    assert _find(found, "b - a", "never")["control_value"] == 0.25
    before = _find(found, "a - cps", "median")
    assert (before["control"], before["treatment"], before["is_randomised"]) == ("cps", "a", False)
    assert before["difference"] == 20.0
    short = replies.compare_replies(made.make_conversations(ROWS, days=7), made.design_replies())
    assert _find(short, "b - a", "median")["treatment_value"] == 1.5  # the last was not followed for a week


def test_compare_replies_is_by_unit_not_by_conversation():
    # the same rows copied within each unit say no more: the interval stays as wide
    one = made.draw_conversations(60)
    many = pd.concat([one] * 5, ignore_index=True)
    found = [replies.compare_replies(rows, made.design_replies()) for rows in (one, many)]
    for measure, minutes, slack in (("within", 60, 1e-9), ("never", None, 1e-9), ("median", None, 0.25)):
        widths = [(row["ci_high"] - row["ci_low"]) for row in (_find(f, "b - a", measure, minutes) for f in found)]
        assert widths[1] == pytest.approx(widths[0], rel=slack)
    # without knowing the units it is narrower
    apart = _find(replies.compare_replies(many.assign(unit=many.index), made.design_replies()), "b - a", "within", 60)
    row = _find(replies.compare_replies(many, made.design_replies()), "b - a", "within", 60)
    assert apart["ci_high"] - apart["ci_low"] < 0.6 * (row["ci_high"] - row["ci_low"])


def test_compare_replies_counts_by_the_cluster_where_there_is_one():
    rows = made.draw_conversations(60)
    number = rows["unit"].str.strip("abcps").astype(int) // 2
    pairs = rows.assign(cluster=rows["variant"] + number.astype(str))  # two units a cluster
    found = [_find(replies.compare_replies(r, made.design_replies()), "b - a", "within", 60) for r in (rows, pairs)]
    assert found[0]["difference"] == found[1]["difference"]
    assert found[0]["ci_low"] != found[1]["ci_low"]


def test_compare_replies_follows_the_confidence_level():
    rows = made.draw_conversations(60)
    designs = (made.design_replies(confidence_level=level) for level in (0.99, 0.9))
    wide, narrow = (_find(replies.compare_replies(rows, design), "b - a", "within", 60) for design in designs)
    assert wide["ci_low"] < narrow["ci_low"] < narrow["ci_high"] < wide["ci_high"]


def test_compare_medians_says_when_half_was_never_answered():
    rows = made.make_conversations([("u1", "a", 1.0, 0), ("u2", "a", None, 0)] * 2)
    answered = made.make_conversations([("u3", "b", 5.0, 0), ("u4", "b", 7.0, 0)])
    sides = (replies.split_arms(frame, made.design_replies()) for frame in (rows, answered))
    effect = replies.compare_medians(next(sides)["a"], next(sides)["b"], confidence_level=0.95)
    assert effect.reason == replies.MANY_UNANSWERED == "half of an arm's conversations or more were never answered"
    assert np.isnan(effect.control_value) and effect.treatment_value == 6.0


def test_measure_share_leaves_out_what_was_not_followed_so_long():
    rows = made.make_conversations([("u1", "a", 10.0, 0), ("u2", "a", None, 167)], days=7)
    arm = replies.split_arms(rows, made.design_replies())["a"]  # the second was followed for an hour
    assert [replies.measure_share(arm, t).n for t in (60, 61, None)] == [2, 1, 1]
    assert replies.measure_share(arm, None).value == 0.0


def test_trace_replies_is_the_share_by_each_time_and_holds_wilson_for_single_conversations():
    rows = made.make_conversations([(f"u{i}", "a", 1.0 if i < 30 else 100.0, 0) for i in range(40)])
    found = replies.trace_replies(rows, made.design_replies())
    assert set(found["arm"]) == {"a"} and set(found["role"]) == {"control"}
    at = found[found["minutes"] > 2].iloc[0]
    assert (at["share"], at["n"]) == (0.75, 40)
    z2 = stats.t.isf(0.025, 39) ** 2  # Wilson (1927) with the quantile of Student
    effective = 39  # a sample variance has the divisor n - 1
    middle, half = 0.75 + z2 / 2 / effective, np.sqrt(z2 * (0.1875 / effective + z2 / 4 / effective**2))
    assert at["ci_low"] == pytest.approx((middle - half) / (1 + z2 / effective))
    assert at["ci_high"] == pytest.approx((middle + half) / (1 + z2 / effective))
    assert found["share"].is_monotonic_increasing and found["ci_high"].max() <= 1
    assert found[found["share"] == 1].iloc[0]["ci_low"] < 0.95  # all answered is no certainty


def test_trace_replies_names_what_each_group_is():
    found = replies.trace_replies(made.draw_conversations(20), made.design_replies())
    roles = dict(zip(found["arm"], found["role"], strict=True))
    assert roles == {"a": "control", "b": "treatment", "cps": "observational"}


def test_replies_recover_what_was_drawn_over_seeds(in_band):
    # waits are alike within a unit; the medians are 40 and 1.5 minutes by construction (nobody unanswered)
    hits, n = {"median": 0, "within": 0}, 16
    truth = stats.norm.cdf(np.log(60 / 40) / np.hypot(1, 0.5)) - stats.norm.cdf(np.log(60 / 1.5) / np.hypot(1, 0.5))
    for seed in range(n):
        found = replies.compare_replies(
            made.draw_conversations(50, seed=seed, never=0), made.design_replies(), within=(60,)
        )
        median, within = _find(found, "b - a", "median"), _find(found, "b - a", "within", 60)
        hits["median"] += median["ci_low"] <= 1.5 - 40 <= median["ci_high"]
        hits["within"] += within["ci_low"] <= -truth <= within["ci_high"]
    assert in_band(hits["median"], n, 0.955, cells=2) or hits["median"] / n > 0.955  # at least its level
    assert in_band(hits["within"], n, 0.95, cells=2)


def test_split_arms_leaves_out_what_a_group_before_asked_during_the_experiment():
    rows = [("u1", "a", 40.0, 100), ("u2", "b", 1.0, 101)]
    before = [("u3", "cps", 20.0, 10), ("u4", "cps", 30.0, 99), ("u3", "cps", 90.0, 100)]
    found = replies.split_arms(made.make_conversations(rows + before), made.design_replies())["cps"]
    assert found["wait_minutes"].tolist() == [20.0, 30.0]  # the third met the shrunken team
    beside = [(unit, arm, wait, hour + 60) for unit, arm, wait, hour in before]  # a group of the same time
    found = replies.split_arms(made.make_conversations(rows + beside), made.design_replies())["cps"]
    assert len(found) == 3


MEDIANS = pd.DataFrame(
    {
        "measure": ["median", "median", "within"],
        "is_randomised": [True, False, True],
        "comparison": ["b - a", "a - cps", "b - a"],
        "control_value": [64.0, 48.0, 0.1],
        "treatment_value": [1.0, 64.0, 0.9],
        "difference": [-63.0, 16.0, 0.8],
    }
)


@pytest.fixture(scope="module")
def world():
    """Return conversations, units and results of 300 units an arm."""
    conversations = made.draw_conversations(300)
    units = made.make_units(conversations)
    return conversations, units, made.run_results(units)


def test_allow_for_slower_by_hand(world):
    found = replies.allow_for_slower(world[2], MEDIANS, ["trial"], slower=[0, 32]).set_index(
        ["slower_minutes", "response"]
    )
    effect = world[2].headline("trial")[0]
    at = found.loc[32.0]
    assert at.loc["linear in minutes", "factor"] == pytest.approx(31 / 63)  # 64 - 32 - 1 of 64 - 1
    assert at.loc["linear in log minutes", "factor"] == pytest.approx(5 / 6)  # log 32 of log 64
    assert at.loc["linear in minutes", "ci_low"] == pytest.approx(effect.ci_low * 31 / 63)
    assert set(found.loc[0.0, "factor"]) == {1.0}
    assert found["is_measured"].groupby("slower_minutes").all().to_dict() == {0.0: False, 16.0: True, 32.0: False}


@pytest.mark.parametrize(("waits", "minutes", "reason"), [
    ((64.0, 1.0), 64.0, "no wait would be left, so it has no logarithm"),
    ((1.0, 64.0), 0.0, "the control did not wait longer"),
])  # fmt: skip
def test_allow_for_slower_says_why_there_is_no_factor(world, waits, minutes, reason):
    medians = MEDIANS.assign(control_value=waits[0], treatment_value=waits[1])
    found = replies.allow_for_slower(world[2], medians[medians["is_randomised"]], ["trial"], slower=[minutes])
    row = found[found["response"] == "linear in log minutes"].iloc[0]
    assert math.isnan(row["estimate"]) and row["reason"] == reason


def test_allow_for_slower_is_empty_where_nothing_is_estimated(world):
    conversations, units, results = world
    blank = results.but(estimates=tuple(e.but(estimate=math.nan) for e in results.estimates))
    assert replies.allow_for_slower(blank, MEDIANS, ["trial"]).empty
    assert "slower" not in inference.study_replies(conversations, units, blank)


def test_study_replies_makes_every_table(world):
    found = inference.study_replies(*world, within=[2, 60], slower=[0, 5])
    names = ["replies", "reply_curve", "slower"]
    assert sorted(found) == sorted(names)
    assert set(found["replies"]["minutes"].dropna()) == {2.0, 60.0}
    assert {0.0, 5.0} < set(found["slower"]["slower_minutes"])
    assert inference.study_replies(None, *world[1:]) == {}


def test_study_replies_of_a_withheld_answer_tells_no_difference(world):
    conversations, units, results = world
    found = inference.study_replies(conversations, units, results.but(status="withheld", estimates=()))
    assert sorted(found) == ["replies", "reply_curve"]
    assert found["replies"][["difference", "ci_low", "ci_high"]].isna().all(axis=None)
    assert found["replies"]["control_value"].notna().any()
