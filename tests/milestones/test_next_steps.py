"""The next step of each customer: by hand, in the order of clear differences, and what its experiment would take."""

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


def make_today(frame, seed=3):
    """Return histories and months: three in ten left, a fifth of what was missing is reached, half the windows open."""
    rng, n = np.random.default_rng(seed), len(frame)
    done = {name: (frame[name] == 1) | (rng.random(n) < 0.2) for name in ("step_invite", "step_install", "activated")}
    done["set_up"] = done["step_invite"] | done["step_install"]
    day = {name.replace("step_", "step_day_"): np.where(made, 30.0, np.nan) for name, made in done.items()}
    day = {name if name.startswith("step_") else f"day_{name}": days for name, days in day.items()}
    lost = np.where(rng.random(n) < 0.3, 65.0, np.nan)
    told = {"unit": frame["unit"], "followed_days": rng.choice([70.0, 400.0], n), "lost_day": lost}
    months = pd.DataFrame({"unit": frame["unit"], "month": 1, "events": rng.integers(0, 2, n), "seats": 1.0})
    return pd.DataFrame(told | day), months


def advise(frame, tables=None, plan=None, **options):
    """Return the table by step and the private one, of customers made of the frame."""
    found, private = milestones.study_next_steps(
        frame, *make_today(frame), tables or {}, plan or make_plan(**WAY), **options
    )
    return found["next_steps"].set_index("step"), private


def tell(difference, *, landmark=60.0, milestone="activated"):
    """Return a row of the differences at landmarks, clear and positive."""
    key = {"milestone": milestone, "outcome": "retained", "adjustment": "covariates", "landmark": landmark}
    return key | {"difference": difference, "ci_low": 0.03, "ci_high": 0.95, "p_value": 1e-6, "reason": None}


@pytest.fixture(scope="module")
def frame():
    return make_way()


@pytest.fixture(scope="module")
def found(frame):
    return advise(frame)


def test_study_next_steps_advises_customers_to_the_largest_clear_difference_within_their_reach(frame, found):
    histories, _ = make_today(frame)
    now = histories[histories["lost_day"].isna()]
    reaches = now["day_activated"].isna() & (now["followed_days"] < 90)  # whose window is still open
    lacks = now["day_set_up"].isna() & now["step_day_invite"].isna()
    expected = np.where(reaches, "activated", np.where(lacks, "invite", "none"))
    private = found[1]
    assert private["next_step"].tolist() == expected.tolist()
    assert private["unit"].tolist() == now["unit"].tolist()
    assert private.loc[private["next_step"] == "none", "association"].isna().all()
    assert set(expected) == {"activated", "invite", "none"}


def test_study_next_steps_counts_every_customer_once_and_explains_the_others(found):
    table, private = found
    assert table["accounts"].sum() == len(private)
    assert table["accounts"].to_dict() == {"using": 0, "install": 0} | private["next_step"].value_counts().to_dict()
    assert table.index[-1] == "none"
    unclear = "no clear positive difference, so nobody is advised to it"
    assert table.loc[["using", "install"], "reason"].tolist() == [unclear] * 2
    assert table.loc["none", "reason"] == "they lack nothing within their reach that has a clear positive difference"


def test_study_next_steps_states_the_adjusted_difference_and_the_size_of_its_experiment(frame, found):
    controls = make_controls(frame)
    lacking = frame["activated"] == 0
    advised = {"activated": lacking, "step_invite": ~lacking & (frame["set_up"] == 0)}  # at the landmark
    for column, before in advised.items():
        row = found[0].loc[column.removeprefix("step_")]
        effect = adjusted_difference(frame[column], frame["retained"], controls)
        assert row[["association", "ci_low", "ci_high"]].tolist() == [effect.estimate, effect.ci_low, effect.ci_high]
        now = frame.loc[before, "retained"].mean()
        assert row["share_now"] == pytest.approx(now)
        assert row["reason"] is None
        assert row["units_needed"] == math.ceil(sample_size_proportions(now, effect.estimate / 2) / 2)


def test_study_next_steps_follows_power_confidence_level_and_the_tables_of_landmarks(frame, found):
    before = found[0].loc["activated", "units_needed"]
    assert advise(frame, power=0.9)[0].loc["activated", "units_needed"] > before
    surer = advise(frame, plan=make_plan(**WAY, confidence_level=0.99))[0]
    assert surer.loc["activated", "units_needed"] > before
    rows = pd.DataFrame([tell(0.05), tell(0.9, landmark=90.0)])
    table, private = advise(frame, {"landmark_effects": rows})
    assert table.loc["activated", "association"] == 0.05
    lacks_both = make_today(frame)[0].query("lost_day.isna() and day_set_up.isna() and day_activated.isna()")["unit"]
    assert set(private.loc[private["unit"].isin(lacks_both), "next_step"]) == {"invite"}  # now the larger difference


def test_study_next_steps_advises_nobody_to_activate_when_the_window_is_over_on_the_landmark(frame):
    over = WAY | {"activation": WAY["activation"] | {"window_days": 60}}
    plan, (histories, months) = make_plan(**over), make_today(frame)
    histories["lost_day"] = np.where(np.arange(len(frame)) % 3 == 0, 239.0, np.nan)  # day 60 + 180 is the end
    tables, private = milestones.study_next_steps(frame, histories, months, {}, plan)
    row = tables["next_steps"].set_index("step").loc["activated"]
    assert set(private["next_step"]) == {"invite", "none"} and row["accounts"] == 0
    assert row["reason"] == "its window is over on the landmark: an experiment starts with new accounts, at their start"
    starters = histories[histories["followed_days"] == 400]  # those that activate by themselves dilute the experiment
    kept, movable = starters["lost_day"].isna().mean(), starters["day_activated"].isna().mean()
    assert row["share_now"] == pytest.approx(kept)
    assert row["units_needed"] == math.ceil(sample_size_proportions(kept, movable * row["association"] / 2) / 2)
    open_still = milestones.study_next_steps(frame, histories, months, {}, make_plan(**WAY))[1]
    assert "activated" in set(open_still["next_step"])


def test_study_next_steps_takes_starters_who_come_back_from_the_readings(frame):
    over = WAY | {"activation": WAY["activation"] | {"window_days": 60}}
    plan = make_plan(**over, outcomes={"retained": {"event": "bought"}})
    counts = {"n_reached": [500, 9], "n_not": [1500, 9], "share_reached": [0.6, 0.9], "share_not": [0.2, 0.9]}
    readings = pd.DataFrame({"reading": ["naive", "landmark"], **counts})
    row = advise(frame, {"readings": readings}, plan)[0].loc["activated"]
    assert row["share_now"] == pytest.approx(0.3)
    assert row["units_needed"] == math.ceil(sample_size_proportions(0.3, 0.75 * row["association"] / 2) / 2)
    without = advise(frame, {}, plan)[0].loc["activated"]
    assert without[["share_now", "units_needed"]].isna().all() and without["reason"].startswith("its window is over")


def test_study_next_steps_without_any_candidate_advises_nothing(frame):
    table, private = advise(frame, plan=make_plan())
    assert set(private["next_step"]) == {"none"}
    assert table["accounts"].tolist() == [len(private)]


def test_study_next_steps_says_why_there_is_no_experiment(frame):
    known = {"landmark_effects": pd.DataFrame([tell(0.9)])}
    lacking = np.flatnonzero(frame["activated"] == 0)
    for lost, told in (
        (10, "too many of those without it stay already to see half the difference on top"),
        (9, "fewer than 10 of those without it were kept, or were lost: too few to plan an experiment with"),
    ):
        high = frame.assign(retained=1.0)
        high.loc[lacking[:lost], "retained"] = 0.0
        row = advise(high, known)[0].loc["activated"]
        assert math.isnan(row["units_needed"]) and row["reason"] == told
        assert math.isnan(row["share_now"]) == (lost == 9)
    assert advise(high, known, make_plan(**WAY, min_cell=9))[0].loc["activated", "share_now"] < 1


def test_study_next_steps_says_that_a_larger_difference_stands_before(frame):
    always = frame.assign(step_invite=np.where(frame["activated"] == 1, 1.0, frame["step_invite"]))
    row = advise(always)[0].loc["invite"]
    told = "whoever lacked it on the landmark also lacked what has a larger difference: none shows how many stay"
    assert row["reason"] == told
    assert row[["share_now", "units_needed"]].isna().all()


def test_study_next_steps_leaves_the_frame_as_it_was_and_alarms_rarely():
    frame, alarms = make_way(), 0
    before = frame.copy()
    for seed in range(40):
        null = frame.assign(retained=np.random.default_rng(seed).integers(0, 2, len(frame)).astype(float))
        alarms += int((advise(null)[1]["next_step"] != "none").any())
    pd.testing.assert_frame_equal(frame, before)
    assert alarms <= 5  # of 40; 2.5 % is what Holm leaves to the positive side, P(more than 5) < .001


def test_study_next_steps_advises_nobody_to_a_step_that_follows_activation(frame):
    steps = pd.DataFrame({"step": ["invite", "install"], "flag": ["order unclear", ""]})
    table, private = advise(frame, {"steps": steps})
    assert "invite" not in set(private["next_step"])
    assert table.loc["invite", "reason"] == "it mostly follows activation, so it is no step towards it"
    assert np.isnan(table.loc["invite", "units_needed"])
