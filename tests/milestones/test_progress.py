"""Maturity, size, monthly states and next steps: by hand, against peers, by property, and intervals that cover."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from accounts_samples import PLAN, make_framework
from milestones_samples import sample_plan
from ranking_worlds import make_plan
from scipy import stats
from scipy.stats import norm, t

from helpers import milestones
from helpers.inference.contrasts import risk_difference
from helpers.inference.decisions import holm
from helpers.inference.planning import sample_size_proportions
from helpers.milestones import adjusted_difference, make_controls, study_maturity, study_progress, study_size
from helpers.milestones.progress import estimate_occupancy, measure_elasticity, read_today, split_bands
from helpers.milestones.thresholds import split_folds
from helpers.survival import build_life_table, read_incidence, wilson_interval

AREAS = ("inbox", "reports", "bots")

FEATURES = ("a", "b", "c", "d", "e")

PLAN_MATURITY = sample_plan(
    categories={
        "inbox": {"basic": ["a"], "mature": ["b", "c"]},
        "reports": {"mature": ["d"]},
        "bots": {"basic": ["a"], "mature": ["b", "c", "e"], "mature_at_least": 2},
    },
    features=[{"name": name, "label": f"the {name}"} for name in FEATURES],
    mature_at_least=2,
)


def draw_maturity(n=3000, *, seed=1, line=None):
    """Accounts whose odds of staying rise with the mature areas (or at `line` of them), and with size."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 40, n).astype(float)
    lean = rng.normal(size=n) + 0.3 * np.log(size)
    levels = {f"level_{a}": np.clip(np.floor(lean + rng.normal(size=n)), 0, 2).astype(int) for a in AREAS}
    mature = sum(level == 2 for level in levels.values())
    odds = 0.3 * np.log(size) + (0.5 * mature if line is None else 1.2 * (mature >= line))
    kept = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    tier = rng.choice(["basic", "pro"], n)
    return pd.DataFrame({**levels, "mature_categories": mature, "retained": kept, "tier": tier, "size": size})


def test_study_maturity_shares_and_counts_by_hand():
    levels = {"level_inbox": [0, 0, 1, 2], "level_reports": [2, 0, 0, 0], "level_bots": [2, 0, 0, 2]}
    told = {"mature_categories": [2, 0, 0, 2], "retained": [1.0, 0.0, 1.0, np.nan]}  # the last's outcome is unknown
    tables = study_maturity(pd.DataFrame({**levels, **told, "tier": "all", "size": 1.0}), PLAN_MATURITY, seed=1)
    shares = np.array([[2, 1, 0, 9], [2, 0, 1, 9], [2, 0, 1, 9]]) / 3
    assert tables["categories"][["none", "basic", "mature", "n"]].to_numpy() == pytest.approx(shares)
    counts = tables["mature_counts"].set_index("mature_categories")
    assert counts[["n", "kept"]].T.to_dict("list") == {0: [2, 1], 1: [0, 0], 2: [1, 1], 3: [0, 0]}
    ends = counts[["share", "ci_low", "ci_high"]]
    assert ends.loc[0].tolist() == pytest.approx([0.5, *wilson_interval(0.5, 2, norm.isf(0.025))])
    assert ends.loc[1].isna().all()


def test_study_maturity_differences_are_adjusted_with_holm_over_areas():
    frame = draw_maturity()
    table = study_maturity(frame, PLAN_MATURITY, seed=1)["categories"]
    found = adjusted_difference(frame["level_reports"] == 2, frame["retained"], make_controls(frame))
    row = table.loc[1, ["difference", "ci_low", "ci_high", "p_value"]].tolist()
    assert row == pytest.approx([found.estimate, found.ci_low, found.ci_high, found.p_value])
    assert table["p_value_adjusted"].tolist() == holm(table["p_value"]).tolist()
    narrow = study_maturity(frame, PLAN_MATURITY.model_copy(update={"confidence_level": 0.5}), seed=1)
    assert narrow["categories"].loc[1, "ci_low"] > found.ci_low
    wide = study_maturity(frame, PLAN_MATURITY, seed=1)["maturity_lines"]
    assert (narrow["maturity_lines"]["loss_gap_low"] > wide["loss_gap_low"]).all()


def test_study_maturity_says_in_words_what_success_is():
    areas = PLAN_MATURITY.categories
    both = areas | {"inbox": areas["inbox"].model_copy(update={"mature_at_least": 2})}
    for given, inbox in ((areas, "any of the b and the c"), (both, "all of the b and the c")):
        plan = PLAN_MATURITY.model_copy(update={"categories": given})
        table = study_maturity(draw_maturity(200), plan, seed=1)["categories"]
        words = [inbox, "the d", "at least 2 of the b, the c and the e"]
        assert table["success_metric"].tolist() == [f"share that uses {what}" for what in words]


def test_study_maturity_losses_equal_models_fitted_without_the_fold():
    frame = draw_maturity(500)
    lines = study_maturity(frame, PLAN_MATURITY, seed=4)["maturity_lines"]
    fold = split_folds(500, 10, np.random.default_rng(4))
    y, losses = frame["retained"].to_numpy(), np.empty((2, 500))
    for loss, column in zip(losses, (frame["mature_categories"] >= 2, frame["mature_categories"]), strict=True):
        x = sm.add_constant(np.column_stack([make_controls(frame), column]).astype(float))
        for k in range(10):
            share = sm.Logit(y[fold != k], x[fold != k]).fit(disp=0).predict(x[fold == k])
            loss[fold == k] = -np.log(np.where(y[fold == k] == 1, share, 1 - share))
    assert lines.loc[1, "loss_gap"] == pytest.approx((losses[0] - losses[1]).mean(), abs=1e-5)
    assert study_maturity(frame, PLAN_MATURITY, seed=5)["maturity_lines"].loc[1, "loss_gap"] != lines.loc[1, "loss_gap"]


def test_study_maturity_of_few_or_no_accounts_says_why():
    few = study_maturity(draw_maturity(15), PLAN_MATURITY, seed=1)
    reason = "fewer than 14 accounts with the milestone, or without it"
    assert few["maturity_lines"]["reason"].tolist() == [reason] * 3 and few["categories"]["difference"].isna().all()
    none = study_maturity(draw_maturity(15).head(0), PLAN_MATURITY, seed=1)
    assert none["categories"]["n"].eq(0).all() and none["maturity_lines"]["loss_gap"].isna().all()
    assert list(none["maturity_lines"]) == list(few["maturity_lines"])


USAGE = {"event": "resolved", "seats": "seats", "at_least": 2}

PLAN_SIZE = sample_plan(usage=USAGE)


def draw_size(n=4000, *, seed=1, elasticity=0.7, shape=0.6):
    """Accounts whose mean use is 3 x seats ^ elasticity, spread as a negative binomial; the busy stay."""
    rng = np.random.default_rng(seed)
    seats = np.ceil(np.exp(rng.normal(1.2, 1.0, n)))
    mean = 3 * seats**elasticity
    busy = rng.gamma(shape, 1 / shape, n)
    events = rng.poisson(mean * busy)
    kept = (rng.random(n) < 1 / (1 + np.exp(-(0.2 + 1.0 * (busy > 1))))).astype(float)
    frame = {"seats": seats, "events_in_period": events, "usage": events / seats, "retained": kept}
    return pd.DataFrame(frame).assign(tier=rng.choice(["basic", "pro"], n), size=seats)


def test_measure_elasticity_equals_the_poisson_model_of_statsmodels():
    frame = draw_size(500)
    events, seats, tiers = frame["events_in_period"], frame["seats"], (frame[["tier"]] == "pro").to_numpy(float)
    x = sm.add_constant(np.column_stack([np.log(seats), tiers]))
    fit = sm.GLM(events.to_numpy(), x, family=sm.families.Poisson()).fit()
    pull = fit.cov_params() @ (x / (1 - fit.get_hat_matrix_diag())[:, None]).T
    error = np.sqrt(((pull[1] * fit.resid_response) ** 2).sum())  # HC3; of a GLM, statsmodels gives HC0 under any name
    found, intercept = measure_elasticity(events, seats, tiers)
    reach, slope = t.isf(0.025, 497) * error, fit.params[1]
    expected = [slope, slope - reach, slope + reach, fit.params[0]]
    assert [found["elasticity"], found["ci_low"], found["ci_high"], intercept] == pytest.approx(expected, rel=1e-5)
    assert found["p_one"] == pytest.approx(2 * t.sf(abs(slope - 1) / error, 497), rel=1e-4)
    assert measure_elasticity(events, seats, tiers, confidence_level=0.5)[0]["ci_low"] > found["ci_low"]
    assert measure_elasticity(events, seats)[0]["elasticity"] != found["elasticity"]


def test_measure_elasticity_holds_the_truth_where_logs_do_not():
    held, logs, draws = 0, [], 80
    for seed in range(draws):
        frame = draw_size(400, seed=seed)
        found, _ = measure_elasticity(frame["events_in_period"], frame["seats"])
        held += found["ci_low"] <= 0.7 <= found["ci_high"]
        some = frame[frame["events_in_period"] > 0]
        logs.append(np.polyfit(np.log(some["seats"]), np.log(some["events_in_period"]), 1)[0])
    assert abs(held / draws - 0.95) < 3 * np.sqrt(0.05 * 0.95 / draws) + 0.01  # a little narrow at 400 even so
    assert abs(np.mean(logs) - 0.7) > 5 * np.std(logs) / np.sqrt(draws)


@pytest.mark.parametrize(("events", "seats", "reason"), [
    ([1] * 99, range(1, 100), "fewer than 100 accounts with a known number of seats"),
    ([0] * 100, range(1, 101), "no account has an event in the period"),
    ([1] * 100, [5] * 100, "all accounts have the same number of seats"),
])  # fmt: skip
def test_measure_elasticity_says_why_it_cannot(events, seats, reason):
    found, intercept = measure_elasticity(events, list(seats))
    assert found["reason"] == reason and np.isnan([found["elasticity"], found["p_one"], intercept]).all()


def test_measure_elasticity_of_tiers_that_fix_the_seats_and_of_an_idle_tier():
    seats = np.repeat([2.0, 8.0], 50)
    fixed, _ = measure_elasticity(seats, seats, (seats == 8)[:, None])
    assert fixed["reason"] == "the plan tier fixes the number of seats"
    frame = draw_size(200)
    idle = frame["seats"] == 2
    events = frame["events_in_period"].where(~idle, 0)
    with_idle, _ = measure_elasticity(events, frame["seats"], idle.to_numpy(float)[:, None])
    assert with_idle["elasticity"] == measure_elasticity(events, frame["seats"])[0]["elasticity"]


def test_study_size_the_line_a_seat_favours_small_accounts_and_the_other_does_not():
    tables = study_size(draw_size(), PLAN_SIZE)
    row = tables["size_elasticity"].iloc[0]
    assert row["ci_low"] < 0.7 < row["ci_high"] < 1 and row["p_one"] < 0.001 and row["reason"] is None
    assert row["tier_low"] < 0.7 < row["tier_high"] and row["elasticity_tier"] != row["elasticity"]
    per_seat, expected = (
        rows.set_index("band")["pass_rate"] for _, rows in tables["size_bands"].groupby("line", sort=False)
    )
    assert per_seat.index.tolist() == ["1 seat", "2-3 seats", "4-7 seats", "8-15 seats", "16+ seats"]
    assert per_seat["1 seat"] > per_seat["16+ seats"] + 0.15
    assert np.ptp(expected.iloc[1:]) < 0.1  # one seat: counts are too coarse
    passed = tables["size_bands"].groupby("line")["n_pass"].sum()
    assert abs(passed["per seat"] - passed["expected for the size"]) < 20


def test_study_size_band_equals_its_counts():
    frame = draw_size(1000)
    row = study_size(frame, PLAN_SIZE)["size_bands"].iloc[1]
    inside = frame[frame["seats"].between(2, 3)]
    passes = inside["usage"] >= 2
    kept = [inside.loc[side, "retained"] for side in (passes, ~passes)]
    gap = risk_difference(kept[0].sum(), len(kept[0]), kept[1].sum(), len(kept[1]))
    low, high = wilson_interval(passes.mean(), len(inside), norm.isf(0.025))
    assert row[:4].tolist() == ["2-3 seats", len(inside), "per seat", passes.sum()]
    shown = [gap.treatment_value, gap.control_value, gap.estimate, gap.ci_low, gap.ci_high]
    assert row[4:].tolist() == pytest.approx([passes.mean(), low, high, *shown])
    narrow = study_size(frame, sample_plan(usage=USAGE, confidence_level=0.8))["size_bands"].iloc[1]
    assert narrow["pass_low"] > low and narrow["gap_low"] > gap.ci_low


def test_study_size_leaves_out_accounts_without_seats_and_uses_min_cell_and_the_line():
    frame = draw_size(600)
    frame.loc[:99, "seats"] = [np.nan, 0.0] * 50
    tables = study_size(frame, PLAN_SIZE)
    assert tables["size_elasticity"]["n"].tolist() == [500]
    assert (tables["size_bands"]["n"] >= 20).all()
    assert len(study_size(frame, sample_plan(usage=USAGE, min_cell=60))["size_bands"]) < len(tables["size_bands"])
    stricter = study_size(frame, sample_plan(usage=USAGE | {"at_least": 4}))
    assert stricter["size_bands"]["n_pass"].sum() < tables["size_bands"]["n_pass"].sum()


def test_study_size_where_the_plan_or_the_data_lack_a_part():
    assert study_size(draw_size(100), sample_plan(usage=None)) == {}
    assert study_size(draw_size(100), sample_plan(usage=USAGE | {"at_least": None}))["size_bands"].empty
    alike = study_size(draw_size(100).assign(seats=1.0), PLAN_SIZE)
    assert alike["size_bands"]["line"].unique().tolist() == ["per seat"]
    assert study_size(draw_size(100).head(0), PLAN_SIZE)["size_bands"].empty


@pytest.mark.parametrize(("seats", "bands"), [
    ([1, 1, 2, 3, 9, 40], {"1 seat": 2, "2-3 seats": 2, "4+ seats": 2}),  # 4-7 is empty, 8-15 has one
    ([1, 2, 2, 5, 5], {"1-3 seats": 3, "4+ seats": 2}),  # one alone joins the next larger
    ([1, 1, 30], {"1+ seats": 3}),  # what is left at the top joins the band below
    ([7], {"1+ seats": 1}),
])  # fmt: skip
def test_split_bands_joins_small_ones(seats, bands):
    found = split_bands(seats, least=2)
    assert {name: int(inside.sum()) for name, inside in found} == bands
    assert len(split_bands(np.arange(1, 60), least=1)) == 5


WAY = {
    "steps": [{"name": "imported", "event": "imported"}],
    "usage": {"event": "solved", "seats": "seats", "at_least": 2},
    "features": [{"name": "bots", "event": "bots"}],
    "categories": {"automation": {"mature": ["bots"]}},
    "outcomes": PLAN["outcomes"] | {"dormant_after_days": 30},
}

NEVER = np.nan

HISTORIES = pd.DataFrame([  # unit, followed, lost, set up, activated, mature
    ("a", 95, NEVER, 10, 40, NEVER),  # set up, activated, activated
    ("b", 95, 70, 59.9, NEVER, NEVER),  # using, set up, gone
    ("c", 95, NEVER, NEVER, 5, 60),  # activated, activated, mature: reached on day 60, so not by the end of month 2
    ("d", 65, NEVER, 5, 5, 5),  # dormant, mature, then not followed any more
    ("e", 65, 62, NEVER, NEVER, NEVER),  # started, started; lost in a month that nobody else of its age completes
], columns=["unit", "followed_days", "lost_day", "day_set_up", "day_activated", "day_mature"])  # fmt: skip

MONTHS = pd.DataFrame([
    *[("a", 0, 0, 1, 1), ("a", 1, 9, np.nan, 1), ("a", 2, 1, 1, 1), ("b", 0, 4, 2, 1), ("b", 1, 3, 2, 1)],
    *[("c", 0, 0, 1, 1), ("c", 1, 0, 1, 1), ("c", 2, 9, 1, 1), ("d", 0, 9, 1, 0), ("d", 1, 9, 1, 1)],
    *[("e", 0, 0, 1, 1), ("e", 1, 0, 1, 1)],
], columns=["unit", "month", "events", "seats", "active"])  # fmt: skip


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


def test_study_progress_tells_only_states_of_the_plan():
    plan = make_framework(activation={"event": "asked"}, outcomes={"retained": {"event": "asked"}})
    assert study_progress(HISTORIES, MONTHS, plan)["states"]["state"].unique().tolist() == ["started"]
    nobody = study_progress(HISTORIES.head(0), MONTHS.head(0), make_framework(**WAY))
    assert nobody["states"]["at_risk"].eq(0).all()


def walk(rng, n, months=4):
    """Return moves by month of accounts that change state with a memory (not Markov), and their states."""
    kinds = rng.random((n, 1)) < 0.5
    moved = rng.random((n, months)) < np.where(kinds, 0.5, 0.1)
    return np.column_stack([np.zeros(n, int), np.minimum(moved.cumsum(axis=1), 2)])


def count(states):
    moves = [(a[b >= 0], b[b >= 0]) for a, b in zip(states.T[:-1], states.T[1:], strict=True)]
    return np.array([np.bincount(a * 3 + b, minlength=9).reshape(3, 3) for a, b in moves])


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

MONTHS_TODAY = pd.DataFrame([
    ("gone", 0, 9, 1.0), ("late", 12, 3, 2.0), ("late", 2, 90, 2.0), ("open", 0, 99, 4.0), ("open", 1, 8, 4.0),
    ("shut", 2, 50, 0.0),
], columns=["unit", "month", "events", "seats"])  # fmt: skip


@pytest.fixture(scope="module")
def today():
    return read_today(HISTORIES_TODAY, MONTHS_TODAY, make_plan(**WAY_TODAY)).set_index("unit")


def test_read_today_leaves_out_who_has_left_and_counts_what_was_reached_since(today):
    assert today.index.tolist() == ["late", "open", "shut", "young"]
    assert today["mature"].tolist() == [1, 0, 0, 0]
    assert today["step_invite"].tolist() == today["set_up"].tolist() == [0, 1, 1, 0]
    np.testing.assert_array_equal(today["activated"], [NAN, 0, NAN, 1])  # nothing to come once the window is over
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
    plan = plan or make_plan(**WAY_STEPS)
    found, private = milestones.study_next_steps(frame, *make_today(frame), tables or {}, plan, **options)
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
    histories, private = make_today(frame)[0], found[1]
    now = histories[histories["lost_day"].isna()]
    reaches = now["day_activated"].isna() & (now["followed_days"] < 90)  # whose window is still open
    lacks = now["day_set_up"].isna() & now["step_day_invite"].isna()
    expected = np.where(reaches, "activated", np.where(lacks, "invite", "none"))
    assert private["next_step"].tolist() == expected.tolist() and set(expected) == {"activated", "invite", "none"}
    assert private["unit"].tolist() == now["unit"].tolist()
    assert private.loc[private["next_step"] == "none", "association"].isna().all()


def test_study_next_steps_counts_every_customer_once_and_explains_the_others(found):
    table, private = found
    assert table["accounts"].sum() == len(private) and table.index[-1] == "none"
    assert table["accounts"].to_dict() == {"using": 0, "install": 0} | private["next_step"].value_counts().to_dict()
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


OVER = WAY_STEPS | {"activation": WAY_STEPS["activation"] | {"window_days": 60}}


def test_study_next_steps_advises_nobody_to_activate_when_the_window_is_over_on_the_landmark(frame, found):
    table, private = advise(frame, plan=make_plan(**OVER))
    assert set(private["next_step"]) == {"invite", "none"} and table.loc["activated", "accounts"] == 0
    told = "its window is over on the landmark: an experiment starts with new accounts, at their start"
    assert table.loc["activated", "reason"] == told and "activated" in set(found[1]["next_step"])


def test_study_next_steps_takes_starters_who_come_back_from_the_readings(frame):
    plan = make_plan(**OVER, outcomes={"retained": {"event": "bought"}})
    counts = {"n_reached": [500, 9], "n_not": [1500, 9], "share_reached": [0.6, 0.9], "share_not": [0.2, 0.9]}
    readings = pd.DataFrame({"reading": ["naive", "landmark"], **counts})
    row = advise(frame, {"readings": readings}, plan)[0].loc["activated"]
    assert row["share_now"] == pytest.approx(0.3)
    needed = sample_size_proportions(0.3, 0.75 * row["association"] / 2)  # who activates by himself dilutes it
    assert row["units_needed"] == math.ceil(needed / 2)
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
    assert row["reason"] == told and row[["share_now", "units_needed"]].isna().all()


def test_study_next_steps_leaves_the_frame_as_it_was_and_alarms_rarely():
    frame, alarms = make_way(), []
    before = frame.copy()
    for seed in (*range(12), 30):
        null = frame.assign(retained=np.random.default_rng(seed).integers(0, 2, len(frame)).astype(float))
        alarms.append((advise(null)[1]["next_step"] != "none").any())
    pd.testing.assert_frame_equal(frame, before)
    assert not alarms.pop()  # where one step is clear by itself, and not among so many
    assert sum(alarms) <= 3  # of 12; 2.5 % is what Holm leaves to the positive side, P(more than 3) < .001


def test_study_next_steps_advises_nobody_to_a_step_that_follows_activation(frame):
    steps = pd.DataFrame({"step": ["invite", "install"], "flag": ["order unclear", ""]})
    table, private = advise(frame, {"steps": steps})
    assert "invite" not in set(private["next_step"])
    assert table.loc["invite", "reason"] == "it mostly follows activation, so it is no step towards it"
    assert np.isnan(table.loc["invite", "units_needed"])


def test_study_progress_has_wider_intervals_at_a_higher_level():
    plans = (make_framework(**WAY, confidence_level=level) for level in (0.8, 0.95))
    narrow, wide = (study_progress(HISTORIES, MONTHS, plan)["states"].query("month == 2") for plan in plans)
    assert (wide["ci_low"] <= narrow["ci_low"]).all() and (wide["ci_high"] > narrow["ci_high"]).all()
