"""Landmarks beside the naive reading: by hand, against other rooms, and in worlds without any difference."""

import numpy as np
import pandas as pd
import pytest
from accounts_samples import HORIZON, LANDMARK, PLAN, draw_histories, make_framework, read_frame
from scipy import stats

from helpers.inference import risk_difference
from helpers.milestones import adjusted_difference, make_controls, study_landmarks, study_snapshot
from helpers.milestones.contrasts import ADJUSTED, IMMORTAL, compare_hazards, compare_strategies
from helpers.milestones.study import compare_naively, trace_survival

DRAWS = {"seed": 1, "n_resamples": 20}


@pytest.fixture(scope="module")
def histories():
    """Return 3,000 accounts whose rate of loss halves at activation."""
    return draw_histories(7, 3000, factor=0.5)


@pytest.fixture(scope="module")
def study(histories):
    """Return the estimates by id, the tests and the tables of a study with two landmarks and a second milestone."""
    features = [{"name": "bots", "event": "bots"}]
    activation = PLAN["activation"] | {"landmark_days": [90, 60]}
    outcomes = PLAN["outcomes"] | {"dormant_after_days": 30}
    plan = make_framework(
        activation=activation, features=features, categories={"automation": {"mature": ["bots"]}}, outcomes=outcomes
    )
    rng = np.random.default_rng(1)
    frames = {day: read_frame(histories, day) for day in (90.0, 60.0)}
    frames = {d: f.assign(mature=rng.integers(0, 2, len(f)), dormant=1.0 - f["retained"]) for d, f in frames.items()}
    estimates, tests, tables = study_landmarks(frames, histories, plan, **DRAWS)
    return {e.id: e for e in estimates}, tests, tables, frames


def test_compare_naively_by_hand():
    # followed 270 days: two activated and kept, one activated and lost on day 200, one never and lost on day 5
    rows = pd.DataFrame(
        {
            "followed_days": [300.0, 270.0, 300.0, 300.0, 269.0, 300.0],
            "lost_day": [np.nan, 271.0, 200.0, 5.0, np.nan, 270.0],
            "day_activated": [20.0, 89.0, 30.0, np.nan, 10.0, np.nan],
        }
    )
    found = compare_naively(rows, make_framework())
    assert found[0] == risk_difference(2, 3, 0, 2)
    assert found[1:] == (3, 2)
    assert compare_naively(rows, make_framework(confidence_level=0.8))[0].ci_low > found[0].ci_low


def test_study_landmarks_reads_each_difference_from_its_own_landmark(study):
    estimates, _, tables, frames = study
    for day, name in ((90.0, "retained:activated@90"), (60.0, "retained:activated@60")):
        frame = frames[day]
        adjusted = adjusted_difference(frame["activated"], frame["retained"], make_controls(frame))
        assert estimates[name].estimate == adjusted.estimate
        counts = [f(side["retained"]) for _, side in reversed([*frame.groupby("activated")]) for f in (sum, len)]
        assert estimates[f"{name}:none"].ci_low == risk_difference(*counts).ci_low
        row = tables["landmark_effects"].query(
            f"milestone == 'activated' and outcome == 'retained' and landmark == {day} and adjustment == 'covariates'"
        )
        assert row[["difference", "p_value"]].to_numpy().tolist() == [[adjusted.estimate, adjusted.p_value]]
    assert len(tables["landmark_effects"]) == 2 * 2 * 2 * 2


def test_study_landmarks_labels_its_estimates(study):
    estimates = study[0]
    head = estimates["retained:activated@90"]
    told = (head.metric, head.control, head.treatment, head.population, head.estimand, head.adjustment, head.at)
    assert told == ("retained", "not activated", "activated", "landmark", "difference", "covariates", None)
    assert (head.role, head.verdict, head.as_expected) == ("primary", "clear difference", True)
    quiet = estimates["dormant:activated@90"]
    assert (quiet.role, quiet.estimate < 0, quiet.as_expected) == ("secondary", True, True)
    early = estimates["retained:activated@60"]
    assert (early.role, early.at, early.family, early.p_value_adjusted) == ("sensitivity", "day 60", "", None)
    naive, cloned = estimates["retained:activated:naive"], estimates["retained:activated:weights"]
    assert (naive.estimand, naive.population, naive.role) == ("naive", "observational", "exploratory")
    assert (cloned.adjustment, cloned.role, cloned.population) == ("weights", "sensitivity", "observational")
    ratio = estimates["retained:activated:hazard_ratio"]
    assert (ratio.estimate < 1, ratio.as_expected, ratio.n_control + ratio.n_treatment) == (True, True, 3000)
    none = estimates["retained:mature@90"]
    assert (none.verdict, none.as_expected) == ("no clear difference", None)
    # Holm within retained, and within dormant
    assert head.p_value_adjusted == pytest.approx(2 * head.p_value)


def test_study_landmarks_says_when_accounts_with_the_milestone_leave_faster():
    histories = draw_histories(8, 1500, factor=4.0)
    estimates, _, _ = study_landmarks({LANDMARK: read_frame(histories)}, histories, make_framework(), **DRAWS)
    found = {e.id: e for e in estimates}
    ratio, gap = found["retained:activated:hazard_ratio"], found["retained:activated@90"]
    assert (ratio.estimate > 1, ratio.as_expected, gap.estimate < 0, gap.as_expected) == (True, False, True, False)


def test_study_landmarks_puts_every_reading_side_by_side(study, histories):
    readings, hazards = (study[2][name].set_index("reading") for name in ("readings", "hazards"))
    assert readings.index.tolist() == ["naive", "landmark", "adjusted", "clone-censor-weight"]
    assert readings["reason"].isna().all()
    assert readings.loc["naive", "difference"] > readings.loc["landmark", "difference"]
    assert readings.loc["landmark", "difference"] > readings.loc["adjusted", "difference"]
    cloned = compare_strategies(histories, landmark=90, horizon=180, **DRAWS)
    assert readings.loc["clone-censor-weight", "share_reached"] == cloned.treatment_value
    assert hazards.loc[ADJUSTED, "hazard_ratio"] == compare_hazards(histories, until=270)[0][ADJUSTED].estimate
    assert hazards.loc[IMMORTAL, ["n", "lost"]].tolist() == [3000, (histories["lost_day"] <= 270).sum()]


@pytest.mark.parametrize(
    ("changes", "reason", "ids"),
    [
        (
            {"activation": {"event": "asked"}},
            "the plan gives no number of events from which an account is activated",
            0,
        ),
        (
            {"outcomes": {"retained": {"event": "asked"}}},
            "the plan names no event of leaving, so who left before the landmark cannot be told",
            6,
        ),
    ],
)
def test_study_landmarks_says_what_a_plan_lacks(changes, reason, ids, histories):
    frame = read_frame(histories).drop(columns=["lost", "lost_days"])
    estimates, tests, tables = study_landmarks({LANDMARK: frame}, histories, make_framework(**changes), **DRAWS)
    assert tables["readings"]["reason"].iloc[[0, 3]].tolist() == [reason] * 2
    assert tables["hazards"]["reason"].tolist() == [reason] * 3
    assert (len(estimates), tests, len(tables["milestone_survival"])) == (ids, [], 0)
    assert all(e.verdict == "not estimable" and e.reason for e in estimates if np.isnan(e.estimate))


def test_trace_survival_is_plain_shares_up_to_the_horizon(histories):
    frame = read_frame(histories)
    frame["lost_days"] = np.ceil(frame["lost_days"])
    table, tests = trace_survival(frame, make_framework())
    side = frame[frame["activated"] == 1]
    rows = table[table["reached"] == 1].set_index("day")
    for day in (0.0, 60.0, 180.0):
        lost = ((side["lost"] == 1) & (side["lost_days"] <= day)).sum()
        assert rows.loc[day, ["lost", "share"]].tolist() == pytest.approx([lost, 1 - lost / len(side)])
    assert (rows.index.max(), rows.loc[0.0, "at_risk"]) == (HORIZON, len(side))
    assert (rows["ci_low"] <= rows["share"]).all()
    assert (rows["share"] <= rows["ci_high"]).all()
    assert [(t.name, t.id) for t in tests] == [("log-rank", "retained:activated - not activated:log-rank")]
    assert tests[0].p_value < 0.001


def test_study_snapshot_by_hand():
    plan = make_framework(
        started_at=None, activation=None, outcomes={"retained": {"column": "churn", "time": "tenure"}}
    )
    frame = pd.DataFrame({"lost": [1, 0, 1, 0], "lost_days": [1.0, 1.0, 2.0, 3.6]})
    table = study_snapshot(frame, plan)["overall"].set_index("day")
    assert table.loc[[0.0, 1.0, 2.0], "share"].tolist() == pytest.approx([1, 0.75, 0.375])
    assert table.loc[[1.0, 3.6], "at_risk"].tolist() == [4, 1]


def test_the_naive_reading_finds_what_is_not_there_and_the_others_do_not():
    design, n_worlds = make_framework(), 40
    alarms = dict.fromkeys(["naive", "adjusted", "cox", "weights"], 0)
    for seed in range(n_worlds):
        histories = draw_histories(1000 + seed, 700)
        frame = read_frame(histories)
        effects = {
            "naive": compare_naively(histories, design)[0],
            "adjusted": adjusted_difference(frame["activated"], frame["retained"], make_controls(frame)),
            "cox": compare_hazards(histories, until=LANDMARK + HORIZON)[0][ADJUSTED],
            "weights": compare_strategies(histories, landmark=LANDMARK, horizon=HORIZON, seed=seed, n_resamples=40),
        }
        for name, effect in effects.items():
            alarms[name] += effect.p_value < 0.05
    assert alarms.pop("naive") >= 39
    assert max(alarms.values()) <= stats.binom.ppf(0.999, n_worlds, 0.05)
