"""Monthly states: by hand, as plain shares without censoring, by property, and covered intervals under censoring."""

import numpy as np
import pandas as pd
import pytest
from accounts_samples import PLAN, make_framework
from scipy import stats

from helpers.milestones import study_progress
from helpers.milestones.progress import estimate_occupancy
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


def test_study_progress_has_wider_intervals_at_a_higher_level():
    narrow, wide = (
        study_progress(HISTORIES, MONTHS, make_framework(**WAY, confidence_level=level))["states"].query("month == 2")
        for level in (0.8, 0.95)
    )
    assert (wide["ci_low"] <= narrow["ci_low"]).all()
    assert (wide["ci_high"] > narrow["ci_high"]).all()


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
