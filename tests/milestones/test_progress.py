"""Monthly states: by hand, as plain shares without censoring, by property, and covered intervals under censoring."""

import math

import numpy as np
import pandas as pd
import pytest
from accounts_samples import PLAN, make_framework
from ranking_worlds import make_plan
from scipy import stats

from helpers import milestones
from helpers.inference import sample_size_proportions
from helpers.milestones import study_progress
from helpers.milestones.contrasts import adjusted_difference, make_controls
from helpers.milestones.progress import estimate_occupancy, read_today
from helpers.milestones.study import compare_naively
from helpers.survival import build_life_table, read_incidence

WAY = {
    "steps": [{"name": "imported", "event": "imported"}],
    "usage": {"event": "solved", "seats": "seats", "at_least": 2},
    "features": [{"name": "bots", "event": "bots"}],
    "categories": {"automation": {"mature": ["bots"]}},
    "outcomes": PLAN["outcomes"] | {"dormant_after_days": 30},
}
NEVER = np.nan
HISTORIES = pd.DataFrame(
    [  # unit, followed, lost, set up, activated, mature
        ("a", 95, NEVER, 10, 40, NEVER),  # set up, activated, activated
        ("b", 95, 70, 59.9, NEVER, NEVER),  # using, set up, gone
        ("c", 95, NEVER, NEVER, 5, 60),  # activated, activated, mature: reached on day 60, so not by the end of month 2
        ("d", 65, NEVER, 5, 5, 5),  # dormant, mature, then not followed any more
        ("e", 65, 62, NEVER, NEVER, NEVER),  # started, started; lost in a month that nobody else of its age completes
    ],
    columns=["unit", "followed_days", "lost_day", "day_set_up", "day_activated", "day_mature"],
)
MONTHS = pd.DataFrame(
    [
        *[("a", 0, 0, 1, 1), ("a", 1, 9, np.nan, 1), ("a", 2, 1, 1, 1), ("b", 0, 4, 2, 1), ("b", 1, 3, 2, 1)],
        *[("c", 0, 0, 1, 1), ("c", 1, 0, 1, 1), ("c", 2, 9, 1, 1), ("d", 0, 9, 1, 0), ("d", 1, 9, 1, 1)],
        *[("e", 0, 0, 1, 1), ("e", 1, 0, 1, 1)],
    ],
    columns=["unit", "month", "events", "seats", "active"],
)


def test_study_progress_by_hand():
    found = study_progress(HISTORIES, MONTHS, make_framework(**WAY))
    shares = found["states"].pivot_table(index="month", columns="state", values="share")
    assert shares.loc[0, "started"] == 1
    assert shares.loc[1].to_dict() == pytest.approx(
        {"started": 0.2, "set up": 0.2, "activated": 0.2, "using": 0.2, "mature": 0.0, "dormant": 0.2, "gone": 0.0}
    )
    assert shares.loc[2, ["activated", "set up", "mature", "started"]].tolist() == pytest.approx([0.4, 0.2, 0.2, 0.2])
    # followed in month 3: a stays activated, c becomes mature, b goes; mature and started stay where they were
    assert shares.loc[3, ["activated", "mature", "gone", "started"]].tolist() == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert found["states"].groupby("month")["at_risk"].first().tolist() == [5, 5, 5, 3]
    flows = found["flows"].set_index(["from_state", "to_state"])
    assert flows.loc[("activated", "mature")].tolist() == pytest.approx([3, 1, 1 / 3])
    assert flows.loc[("started", "started")].tolist() == pytest.approx([6, 2, 1 / 3])
    assert "gone" not in flows.index.get_level_values("from_state")


def test_study_progress_reads_a_line_of_a_quarter_by_the_month():
    quarterly = WAY | {"usage": WAY["usage"] | {"period": "quarter", "at_least": 6}}
    found, monthly = (study_progress(HISTORIES, MONTHS, make_framework(**way))["states"] for way in (quarterly, WAY))
    pd.testing.assert_frame_equal(found, monthly)


def test_study_progress_tells_only_states_of_the_plan():
    plan = make_framework(activation={"event": "asked"}, outcomes={"retained": {"event": "asked"}})
    assert study_progress(HISTORIES, MONTHS, plan)["states"]["state"].unique().tolist() == ["started"]


def test_study_progress_of_nobody():
    found = study_progress(HISTORIES.head(0), MONTHS.head(0), make_framework(**WAY))
    assert found["flows"].empty
    assert found["states"]["at_risk"].eq(0).all()


def walk(rng, n, months=4):
    """Return moves by month of accounts that change state with a memory (not Markov), and their states."""
    kinds = rng.random((n, 1)) < 0.5
    moved = rng.random((n, months)) < np.where(kinds, 0.5, 0.1)
    states = np.column_stack([np.zeros(n, int), np.minimum(moved.cumsum(axis=1), 2)])
    return states


def count(states):
    return np.array(
        [
            np.bincount(a[b >= 0] * 3 + b[b >= 0], minlength=9).reshape(3, 3)
            for a, b in zip(states.T[:-1], states.T[1:], strict=True)
        ]
    )


def test_estimate_occupancy_is_plain_shares_without_censoring():
    states = walk(np.random.default_rng(1), 300)
    shares, variances = estimate_occupancy(count(states))
    plain = np.array([np.bincount(column, minlength=3) / 300 for column in states.T])
    assert shares == pytest.approx(plain)
    assert variances == pytest.approx(plain * (1 - plain) / 300)


def test_estimate_occupancy_of_two_states_is_kaplan_meier_with_greenwood():
    rng = np.random.default_rng(2)
    days, lost = rng.integers(1, 7, 80), rng.random(80) < 0.5
    counts = np.zeros((6, 2, 2))
    for month in range(1, 7):
        risk, gone = (days >= month).sum(), ((days == month) & lost).sum()
        counts[month - 1, 0] = [risk - gone, gone]
    shares, variances = estimate_occupancy(counts)
    peer = read_incidence(build_life_table(days, lost), np.arange(7))
    assert shares[:, 1] == pytest.approx(peer["incidence"].to_numpy())
    assert np.sqrt(variances[:, 1]) == pytest.approx(peer["std_error"].to_numpy())


def test_estimate_occupancy_under_censoring_recovers_the_shares_and_its_variance():
    worlds = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        states, last = walk(rng, 300), rng.integers(1, 6, 300)
        shares, variances = estimate_occupancy(count(np.where(np.arange(5) > last[:, None], -1, states)))
        assert shares.sum(axis=1) == pytest.approx(np.ones(5))
        worlds.append((shares[4], variances[4]))
    shares, variances = map(np.array, zip(*worlds, strict=True))
    stays = [0.5 * 0.5**4 + 0.5 * 0.9**4, 0.5 * 4 * 0.5**4 + 0.5 * 4 * 0.1 * 0.9**3]
    truth = np.array([*stays, 1 - sum(stays)])
    hits = (np.abs(shares - truth) < stats.norm.isf(0.025) * np.sqrt(variances)).sum(axis=0)
    low, high = stats.binom.ppf([0.001, 0.999], 200, 0.95)
    assert ((low <= hits) & (hits <= high)).all()


NAN = np.nan
WAY_TODAY = {
    "steps": [{"name": "invite"}], "activation": {"event": "talk", "at_least": 5, "window_days": 90},
    "usage": {"event": "solved", "seats": "seats", "at_least": 2}, "features": [{"name": "bot"}],
    "categories": {"bots": {"mature": ["bot"]}},
}  # fmt: skip
HISTORIES_TODAY = pd.DataFrame(
    [
        ("gone", 400.0, 200.0, 1.0, 50.0, NAN),
        ("late", 400.0, NAN, NAN, NAN, 300.0),  # mature long after any landmark; too late to activate
        ("open", 89.0, NAN, 3.0, NAN, NAN),  # one day to go
        ("shut", 90.0, NAN, 3.0, NAN, NAN),  # the window closed today
        ("young", 20.0, NAN, NAN, 10.0, NAN),  # no full month yet
    ],
    columns=["unit", "followed_days", "lost_day", "step_day_invite", "day_activated", "day_mature"],
).assign(day_set_up=lambda frame: frame["step_day_invite"])
MONTHS_TODAY = pd.DataFrame(
    [
        ("gone", 0, 9, 1.0), ("late", 12, 3, 2.0), ("late", 2, 90, 2.0), ("open", 0, 99, 4.0), ("open", 1, 8, 4.0),
        ("shut", 2, 50, 0.0),
    ],
    columns=["unit", "month", "events", "seats"],
)  # fmt: skip


@pytest.fixture(scope="module")
def today():
    return read_today(HISTORIES_TODAY, MONTHS_TODAY, make_plan(**WAY_TODAY)).set_index("unit")


def test_read_today_leaves_out_who_has_left_and_counts_what_was_reached_since(today):
    assert today.index.tolist() == ["late", "open", "shut", "young"]
    assert today["mature"].tolist() == [1, 0, 0, 0]
    assert today["step_invite"].tolist() == today["set_up"].tolist() == [0, 1, 1, 0]


def test_read_today_knows_no_activation_to_come_once_the_window_is_over(today):
    np.testing.assert_array_equal(today["activated"], [NAN, 0, NAN, 1])
    longer = make_plan(**WAY_TODAY | {"activation": WAY_TODAY["activation"] | {"window_days": 91}})
    np.testing.assert_array_equal(read_today(HISTORIES_TODAY, MONTHS_TODAY, longer)["activated"], [NAN, 0, 0, 1])


@pytest.mark.parametrize(("change", "expected"), [
    ({}, [0, 1, NAN, NAN]),  # 3 < 2 x 2; 8 = 2 x 4; no seat; no month
    ({"at_least": 1.5}, [1, 1, NAN, NAN]),
    ({"at_least": 2.01}, [0, 0, NAN, NAN]),
    ({"at_least": 0.35, "period": "week"}, [1, 1, NAN, NAN]),  # 0.35 a week is 1.5 in 30 days
    ({"at_least": 0.36, "period": "week"}, [0, 1, NAN, NAN]),
    ({"at_least": 6, "period": "quarter"}, [0, 1, NAN, NAN]),
])  # fmt: skip
def test_read_today_reads_usage_from_the_latest_month(change, expected):
    found = read_today(HISTORIES_TODAY, MONTHS_TODAY, make_plan(**WAY_TODAY | {"usage": WAY_TODAY["usage"] | change}))
    np.testing.assert_array_equal(found["using"], expected)


def test_read_today_has_only_the_milestones_of_the_plan_and_leaves_its_inputs_alone():
    before = HISTORIES_TODAY.copy(), MONTHS_TODAY.copy()
    assert list(read_today(HISTORIES_TODAY, MONTHS_TODAY, make_plan())) == ["unit"]
    without = {"usage": {"event": "solved", "seats": "seats"}, "activation": {"event": "talk"}}  # no line drawn
    assert list(read_today(HISTORIES_TODAY, MONTHS_TODAY, make_plan(**without))) == ["unit"]
    for frame, other in zip(before, (HISTORIES_TODAY, MONTHS_TODAY), strict=True):
        pd.testing.assert_frame_equal(frame, other)


STEPS = [{"name": name, "event": name} for name in ("invite", "install")]
WAY_STEPS = {
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
        frame, *make_today(frame), tables or {}, plan or make_plan(**WAY_STEPS), **options
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
    surer = advise(frame, plan=make_plan(**WAY_STEPS, confidence_level=0.99))[0]
    assert surer.loc["activated", "units_needed"] > before
    rows = pd.DataFrame([tell(0.05), tell(0.9, landmark=90.0)])
    table, private = advise(frame, {"landmark_effects": rows})
    assert table.loc["activated", "association"] == 0.05
    lacks_both = make_today(frame)[0].query("lost_day.isna() and day_set_up.isna() and day_activated.isna()")["unit"]
    assert set(private.loc[private["unit"].isin(lacks_both), "next_step"]) == {"invite"}  # now the larger difference


def test_study_next_steps_advises_nobody_to_activate_when_the_window_is_over_on_the_landmark(frame):
    over = WAY_STEPS | {"activation": WAY_STEPS["activation"] | {"window_days": 60}}
    plan, (histories, months) = make_plan(**over), make_today(frame)
    histories["lost_day"] = np.where(np.arange(len(frame)) % 3 == 0, 239.0, np.nan)  # day 60 + 180 is the end
    effect, *sizes = compare_naively(histories, plan)
    naive = ["naive", *sizes, effect.treatment_value, effect.control_value]
    readings = pd.DataFrame([naive], columns=["reading", "n_reached", "n_not", "share_reached", "share_not"])
    tables, private = milestones.study_next_steps(frame, histories, months, {"readings": readings}, plan)
    row = tables["next_steps"].set_index("step").loc["activated"]
    assert set(private["next_step"]) == {"invite", "none"} and row["accounts"] == 0
    assert row["reason"] == "its window is over on the landmark: an experiment starts with new accounts, at their start"
    starters = histories[histories["followed_days"] == 400]  # those that activate by themselves dilute the experiment
    kept, movable = starters["lost_day"].isna().mean(), starters["day_activated"].isna().mean()
    assert row["share_now"] == pytest.approx(kept)
    assert row["units_needed"] == math.ceil(sample_size_proportions(kept, movable * row["association"] / 2) / 2)
    open_still = milestones.study_next_steps(frame, histories, months, {}, make_plan(**WAY_STEPS))[1]
    assert "activated" in set(open_still["next_step"])


def test_study_next_steps_takes_starters_who_come_back_from_the_readings(frame):
    over = WAY_STEPS | {"activation": WAY_STEPS["activation"] | {"window_days": 60}}
    plan = make_plan(**over, outcomes={"retained": {"event": "bought"}})
    counts = {"n_reached": [500, 9], "n_not": [1500, 9], "share_reached": [0.6, 0.9], "share_not": [0.2, 0.9]}
    readings = pd.DataFrame({"reading": ["naive", "landmark"], **counts})
    row = advise(frame, {"readings": readings}, plan)[0].loc["activated"]
    assert row["share_now"] == pytest.approx(0.3)
    assert row["units_needed"] == math.ceil(sample_size_proportions(0.3, 0.75 * row["association"] / 2) / 2)
    without = advise(frame, {}, plan)[0].loc["activated"]
    assert without[["share_now", "units_needed"]].isna().all() and without["reason"].startswith("its window is over")


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
    assert advise(high, known, make_plan(**WAY_STEPS, min_cell=9))[0].loc["activated", "share_now"] < 1


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


def test_study_progress_has_wider_intervals_at_a_higher_level():
    narrow, wide = (
        study_progress(HISTORIES, MONTHS, make_framework(**WAY, confidence_level=level))["states"].query("month == 2")
        for level in (0.8, 0.95)
    )
    assert (wide["ci_low"] <= narrow["ci_low"]).all()
    assert (wide["ci_high"] > narrow["ci_high"]).all()
