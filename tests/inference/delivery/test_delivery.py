"""What the effect may owe to speed: by hours, after a slower control, as an association, and by agent."""

import math

import conversations_samples as made
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import inference, metrics
from helpers.inference.replies import (
    FASTER,
    RANDOMISED,
    _fit,
    allow_for_slower,
    associate_speed,
    compare_effects_by_hours,
    compare_hours,
    compare_replies,
    describe_agents,
)

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


def test_compare_effects_by_hours_equals_the_effect_of_each_block(world):
    conversations, units, _ = world
    found = compare_effects_by_hours(units, compare_hours(conversations, units.design), ["trial"])
    rows = metrics.read_rows(units, ["variant", "hours", "y_trial"])
    for row in found.itertuples():
        cell = rows[rows["hours"] == row.hours].groupby("variant")["y_trial"]
        assert row.estimate == pytest.approx(cell.mean()["b"] - cell.mean()["a"])
        assert (row.n_control, row.n_treatment) == (cell.count()["a"], cell.count()["b"])
    assert set(found["metric"]) == {"trial"} and list(found["hours"]) == sorted(found["hours"])


def _blocks(rng, between, *, slope=0.0004):
    """Return blocks whose effects lie on a line in the gap but for a spread between blocks and chance within them."""
    gap, error = np.linspace(0, 110, 12), np.geomspace(0.01, 0.05, 12)
    effect = 0.03 + slope * gap + rng.normal(0, between, 12) + rng.normal(0, error)
    sizes = {"n_control": 100, "n_treatment": 100}
    return [{"gap": g, "estimate": e, "std_error": s, **sizes} for g, e, s in zip(gap, effect, error, strict=True)]


def test_fit_is_weighted_least_squares_where_blocks_miss_the_line_by_chance_alone():
    rows = _blocks(np.random.default_rng(1), 0)
    x, y, error = (np.array([r[name] for r in rows]) for name in ("gap", "estimate", "std_error"))
    design = np.column_stack([np.ones(12), x]) / error[:, None]
    line, (misfit,), *_ = np.linalg.lstsq(design, y / error, rcond=None)
    assert misfit < 10  # chance alone explains it
    found, cov = _fit(rows, made.design_replies()), np.linalg.inv(design.T @ design)
    assert found["slope"] == pytest.approx(line[1])
    assert found["slope_high"] - line[1] == pytest.approx(stats.t.isf(0.025, 10) * math.sqrt(cov[1, 1]))
    assert found["centre_effect"] == pytest.approx(line[0] + line[1] * found["centre_gap"])
    wide = stats.t.isf(0.025, 10) / stats.norm.isf(0.025)
    assert found["centre_error"] == pytest.approx(wide * np.sum(error**-2.0) ** -0.5)


@pytest.mark.parametrize("between", [0, 0.02, 0.05])
def test_fit_holds_its_level_where_blocks_differ_in_more_than_their_gap(between):
    found = [_fit(_blocks(np.random.default_rng(seed), between), made.design_replies()) for seed in range(400)]
    assert np.mean([f["slope_low"] <= 0.0004 <= f["slope_high"] for f in found]) > 0.93


def test_fit_is_unknown_from_three_blocks_or_one_gap():
    rows = _blocks(np.random.default_rng(1), 0)
    for few in (rows[:3], [{**row, "gap": 5.0} for row in rows]):
        assert all(math.isnan(value) for value in _fit(few, made.design_replies()).values())


def test_compare_effects_by_hours_without_many_who_asked_has_no_gap():
    conversations = made.draw_conversations(40)
    units = made.make_units(conversations, min_cell=10)
    found = compare_effects_by_hours(units, compare_hours(conversations, units.design), ["trial"])
    thin = compare_hours(conversations, units.design).set_index("hours")[["n_control", "n_treatment"]].min(axis=1) < 20
    assert found.set_index("hours")["gap"].isna().equals(thin.loc[found["hours"]].rename("gap"))
    assert found["slope"].isna().all()  # two blocks of weekday hours are no line
    assert compare_effects_by_hours(units, pd.DataFrame(), ["trial"]).empty


def test_allow_for_slower_by_hand(world):
    found = allow_for_slower(world[2], MEDIANS, metric="trial", slower=[0, 32]).set_index(
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
    found = allow_for_slower(world[2], medians[medians["is_randomised"]], metric="trial", slower=[minutes])
    row = found[found["response"] == "linear in log minutes"].iloc[0]
    assert math.isnan(row["estimate"]) and row["reason"] == reason


def test_allow_for_slower_is_empty_where_nothing_is_estimated(world):
    blank = world[2].but(estimates=tuple(e.but(estimate=math.nan) for e in world[2].estimates))
    assert allow_for_slower(blank, MEDIANS, metric="trial").empty


def test_associate_speed_by_hand():
    rows = [(f"f{i}", "a", 1.0 + i, 0, None) for i in range(10)] + [(f"s{i}", "a", 50.0 + i, 0, None) for i in range(9)]
    rows += [("s9", "a", None, 0, None), ("f0", "a", 999.0, 5, None)]  # unanswered is slow; the first question decides
    conversations = made.make_conversations([*rows, *((f"t{i}", "b", 1.0, 0, None) for i in range(20))])
    units = made.make_units(conversations)
    found = associate_speed(conversations, units, made.run_results(units), ["spent"]).set_index("kind")
    spent = metrics.read_rows(units, ["unit", "y_spent"]).set_index("unit")["y_spent"]
    fast, slow = ([u for u in spent.index if u.startswith(letter)] for letter in "fs")
    expected = stats.ttest_ind(spent[fast], spent[slow], equal_var=False).confidence_interval()
    row = found.loc[FASTER]
    assert row["difference"] == pytest.approx(spent[fast].mean() - spent[slow].mean())
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert found.loc[RANDOMISED, "comparison"] == "b - a"


def test_associate_speed_of_clusters_is_left_out(world):
    conversations, _, results = world
    clustered = made.make_units(conversations, more={"company": "c"}, cluster="company")
    assert associate_speed(conversations, clustered, results, ["trial"]).empty


def test_describe_agents_by_hand():
    rows = [("u1", "a", 1.0, 0, "z"), ("u2", "a", 3.0, 30, "z"), ("u3", "b", 5.0, 0, "z"), ("u4", "b", 7.0, 0, "z")]
    rows += [
        ("u1", "a", 9.0, 40, "y"),
        ("u5", "a", 9.0, 0, "y"),
        ("u6", "a", None, 0, None),
        ("u7", "cps", 1.0, 0, "x"),
    ]
    conversations = made.make_conversations(rows)
    units = made.make_units(conversations, more={"trial": [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]})
    outcomes = metrics.read_rows(units, ["unit", "y_trial"])
    found = describe_agents(conversations, units, target=3, outcomes=outcomes)
    assert list(found["agent"]) == ["agent 1", "agent 2"]  # the agent of the group before is not among them
    assert list(found["serves"]) == ["both", "a"]
    first = found.iloc[0]
    assert (first["conversations"], first["units"], first["median_wait"], first["share_in_target"]) == (4, 4, 4.0, 0.5)
    assert first["per_active_day"] == 2.0  # Monday and Tuesday
    assert (first["share_trial"], first["known_trial"]) == (0.5, 4)  # u1's second agent does not count
    assert found.iloc[1]["known_trial"] == 1
    assert not {"z", "y"} & set(found.to_numpy().ravel())
    assert describe_agents(conversations, units, target=1)["share_in_target"].iloc[0] == 0.25
    strict = made.make_units(conversations, min_cell=3)
    assert list(describe_agents(conversations, strict)["serves"]) == ["few sign-ups"] * 2


def test_study_replies_makes_every_table(world):
    found = inference.study_replies(*world, within=[2, 60], slower=[0, 5])
    names = ["replies", "reply_curve", "reply_hours", "hours_effect", "slower", "speed_association", "agents"]
    assert sorted(found) == sorted(names)
    assert set(found["replies"]["minutes"].dropna()) == {2.0, 60.0}
    assert {0.0, 5.0} < set(found["slower"]["slower_minutes"])
    assert found["reply_hours"]["target"].unique() == [2.0]
    assert inference.study_replies(None, *world[1:]) == {}


def test_study_replies_of_a_withheld_answer_tells_no_difference(world):
    conversations, units, results = world
    found = inference.study_replies(conversations, units, results.but(status="withheld", estimates=()))
    assert sorted(found) == ["agents", "replies", "reply_curve", "reply_hours"]
    assert found["replies"][["difference", "ci_low", "ci_high"]].isna().all(axis=None)
    assert found["reply_hours"][["gap", "gap_low", "gap_high"]].isna().all(axis=None)
    assert found["replies"]["control_value"].notna().any()
    assert not [c for c in found["agents"] if c.startswith("known_")]


def test_study_replies_leaves_out_what_is_not_estimable(world):
    conversations, units, results = world
    blank = [e.but(estimate=math.nan) if e.metric == "trial" else e for e in results.estimates]
    found = inference.study_replies(conversations, units, results.but(estimates=tuple(blank)))
    assert not {"hours_effect", "slower", "speed_association"} & set(found)  # spent is exploratory
    assert "share_trial" not in found["agents"]


def test_slower_agrees_with_the_medians_of_the_replies(world):
    conversations, units, results = world
    replies = compare_replies(conversations, units.design)
    found = allow_for_slower(results, replies, metric="trial")
    before = replies[(replies["measure"] == "median") & ~replies["is_randomised"]]["difference"].iloc[0]
    assert list(found.loc[found["is_measured"], "slower_minutes"].unique()) == [before]
