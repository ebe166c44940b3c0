"""The next step of each account: by hand, in the order of clear differences, and what its experiment would take."""

import math

import numpy as np
import pandas as pd
import pytest
from ranking_worlds import make_plan

from helpers import milestones
from helpers.inference import sample_size_proportions
from helpers.milestones.adjusted import adjusted_difference, make_controls

STEPS = [{"name": name, "event": name} for name in ("invite", "install")]
WAY = {
    "steps": STEPS, "steps_at_least": 1, "activation": {"event": "talk", "at_least": 5, "landmark_days": [60, 90]},
    "usage": {"event": "solved", "seats": "seats", "at_least": 1},
}  # fmt: skip


def make_way(n=4000, seed=2):
    """Return accounts whose invitation, activation and usage go with staying by .10, .20 and -.10; install does not."""
    rng = np.random.default_rng(seed)
    done = {name: rng.integers(0, 2, n).astype(float) for name in ("step_invite", "step_install", "activated", "using")}
    frame = pd.DataFrame({"unit": [f"u{i:04d}" for i in range(n)], "tier": rng.choice(["a", "b"], n), **done})
    frame["size"] = np.exp(rng.normal(1, 1, n))
    frame["set_up"] = frame[["step_invite", "step_install"]].max(axis=1)  # the plan asks for one of the two
    share = 0.5 + 0.1 * frame["step_invite"] + 0.2 * frame["activated"] - 0.1 * frame["using"]
    return frame.assign(retained=(rng.random(n) < share).astype(float))


@pytest.fixture(scope="module")
def frame():
    return make_way()


@pytest.fixture(scope="module")
def found(frame):
    tables, private = milestones.study_next_steps(frame, {}, make_plan(**WAY))
    return tables["next_steps"].set_index("step"), private


def test_study_next_steps_advises_the_largest_clear_difference_that_is_missing(frame, found):
    _, private = found
    lacks = (frame["set_up"] == 0) & (frame["step_invite"] == 0)
    expected = np.where(frame["activated"] == 0, "activated", np.where(lacks, "invite", "none"))
    assert private["next_step"].tolist() == expected.tolist()
    assert private["unit"].tolist() == frame["unit"].tolist()
    assert private.loc[private["next_step"] == "none", "association"].isna().all()


def test_study_next_steps_counts_every_account_once_and_explains_the_others(frame, found):
    table, private = found
    assert table["accounts"].sum() == len(frame)
    assert table["accounts"].to_dict() == {"using": 0, "install": 0} | private["next_step"].value_counts().to_dict()
    assert table.index[-1] == "none"
    unclear = "no clear positive difference, so nobody is advised to it"
    assert table.loc[["using", "install"], "reason"].tolist() == [unclear] * 2
    assert table.loc["none", "reason"] == "they lack nothing that has a clear positive difference"


def test_study_next_steps_states_the_adjusted_difference_and_the_size_of_its_experiment(frame, found):
    row = found[0].loc["activated"]
    controls = make_controls(frame)
    effect = adjusted_difference(frame["activated"], frame["retained"], controls)
    assert row[["association", "ci_low", "ci_high"]].tolist() == [effect.estimate, effect.ci_low, effect.ci_high]
    now = frame.loc[frame["activated"] == 0, "retained"].mean()
    assert row["share_now"] == pytest.approx(now)
    assert row["reason"] is None
    assert row["units_needed"] == math.ceil(sample_size_proportions(now, effect.estimate / 2) / 2)


def test_study_next_steps_follows_power_confidence_level_and_the_tables_of_landmarks(frame, found):
    plan, before = make_plan(**WAY), found[0].loc["activated", "units_needed"]
    more = milestones.study_next_steps(frame, {}, plan, power=0.9)[0]["next_steps"].set_index("step")
    surer = milestones.study_next_steps(frame, {}, make_plan(**WAY, confidence_level=0.99))[0]["next_steps"]
    assert more.loc["activated", "units_needed"] > before
    assert surer.set_index("step").loc["activated", "units_needed"] > before
    key = {"milestone": "activated", "outcome": "retained", "adjustment": "covariates"}
    told = {"difference": 0.05, "ci_low": 0.03, "ci_high": 0.07, "p_value": 1e-6, "reason": None}
    rows = [key | told | {"landmark": 60.0}, key | told | {"landmark": 90.0, "difference": 0.9}]
    tables, private = milestones.study_next_steps(frame, {"landmark_effects": pd.DataFrame(rows)}, plan)
    assert tables["next_steps"].set_index("step").loc["activated", "association"] == 0.05
    both = (frame["set_up"] == 0) & (frame["activated"] == 0)
    assert set(private.loc[both, "next_step"]) == {"invite"}  # now the larger difference


def test_study_next_steps_without_any_candidate_advises_nothing(frame):
    tables, private = milestones.study_next_steps(frame, {}, make_plan())
    assert set(private["next_step"]) == {"none"}
    assert tables["next_steps"]["accounts"].tolist() == [len(frame)]


def test_study_next_steps_says_when_too_many_stay_already(frame):
    key = {"milestone": "activated", "outcome": "retained", "adjustment": "covariates", "landmark": 60.0}
    row = key | {"difference": 0.9, "ci_low": 0.8, "ci_high": 1.0, "p_value": 1e-6, "reason": None}
    high = frame.assign(retained=1.0)
    table = milestones.study_next_steps(high, {"landmark_effects": pd.DataFrame([row])}, make_plan(**WAY))[0]
    found = table["next_steps"].set_index("step").loc["activated"]
    assert math.isnan(found["units_needed"])
    assert found["reason"] == "too many of those without it stay already to see half the difference on top"


def test_study_next_steps_leaves_the_frame_as_it_was_and_alarms_rarely():
    frame, alarms = make_way(), 0
    before = frame.copy()
    for seed in range(40):
        null = frame.assign(retained=np.random.default_rng(seed).integers(0, 2, len(frame)).astype(float))
        alarms += int((milestones.study_next_steps(null, {}, make_plan(**WAY))[1]["next_step"] != "none").any())
    pd.testing.assert_frame_equal(frame, before)
    assert alarms <= 5  # of 40; 2.5 % is what Holm leaves to the positive side, P(more than 5) < .001


def test_study_next_steps_advises_nobody_to_a_step_that_follows_activation(frame):
    steps = pd.DataFrame({"step": ["invite", "install"], "flag": ["order unclear", ""]})
    tables, private = milestones.study_next_steps(frame, {"steps": steps}, make_plan(**WAY))
    table = tables["next_steps"].set_index("step")
    assert "invite" not in set(private["next_step"])
    assert table.loc["invite", "reason"] == "it mostly follows activation, so it is no step towards it"
    assert np.isnan(table.loc["invite", "units_needed"])
