"""Setup steps: who counts, by hand; confounding and order in time; Holm; what the plan must have."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from milestones_samples import sample_plan
from scipy.stats import binom, norm, t

from helpers.inference import holm, risk_difference
from helpers.milestones import adjusted_difference, make_controls, study_maturity, study_setup, study_size
from helpers.milestones.progress import measure_elasticity, split_bands
from helpers.milestones.thresholds import split_folds
from helpers.survival import wilson_interval

RULE = {"event": "conversation", "at_least": 20, "window_days": 90, "landmark_days": [90]}
NAMES = ("invite", "import", "article")
PLAN = sample_plan(steps=[{"name": name} for name in NAMES], steps_at_least=1, activation=RULE)


def make_histories(rows):
    """Histories from (followed_days, lost_day, day_activated, day of each step), all of one tier and size."""
    columns = ["followed_days", "lost_day", "day_activated", *(f"step_day_{name}" for name in NAMES)]
    return pd.DataFrame(rows, columns=columns, dtype=float).assign(tier="all", size=1.0)


def draw(n=3000, *, seed=1, effect=1.0):
    """Premium accounts set up and activate more; `invite` is tied to activation, `import` is only confounded."""
    rng = np.random.default_rng(seed)
    premium, size = rng.random(n) < 0.4, rng.integers(1, 20, n).astype(float)
    tier = np.where(premium, "premium", "basic")
    invite, imported = (rng.random(n) < 0.2 + 0.5 * premium for _ in range(2))
    article = rng.random(n) < 0.02
    odds = -1.2 + 1.6 * premium + effect * invite
    active = rng.random(n) < 1 / (1 + np.exp(-odds))
    frame = {"tier": tier, "size": size, "followed_days": 200.0, "lost_day": np.nan}
    frame["day_activated"] = np.where(active, rng.uniform(15, 89, n), np.nan)
    for name, done in zip(NAMES, (invite, imported, article), strict=True):
        frame[f"step_day_{name}"] = np.where(done, rng.uniform(0, 14, n), np.nan)
    frame["step_day_import"] = frame["step_day_import"] + np.where(rng.random(n) < 0.5, 80, 0)
    return pd.DataFrame(frame)


def test_study_setup_counts_by_hand():
    nan = np.nan
    histories = make_histories(
        [
            *[(200, nan, 40, 3, nan, nan)] * 20,  # did the step, activated
            *[(200, 60, nan, 5, nan, nan)] * 10,  # did it, left before activating: not activated
            *[(200, nan, 50, nan, nan, nan)] * 10,  # without it, activated
            *[(200, nan, nan, 30, nan, nan)] * 20,  # did it after day 14: not done by then
            (200, 10, nan, 2, nan, nan),  # gone by day 14
            (200, nan, 9, 2, nan, nan),  # activated by day 14
            (80, nan, nan, 2, nan, nan),  # not followed to the end of the window
            (200, nan, 95, 14, nan, nan),  # activated too late; the step is on day 14 itself
        ]
    )
    row = study_setup(histories, PLAN)["steps"].iloc[0]
    wanted = risk_difference(20, 31, 10, 30)
    assert [row["step"], row["n_done"], row["share_done"]] == ["invite", 31, pytest.approx(31 / 61)]
    assert [row["difference"], row["ci_low"], row["ci_high"], row["p_value"]] == pytest.approx(
        [wanted.estimate, wanted.ci_low, wanted.ci_high, wanted.p_value]
    )
    assert row["before"] == 1.0 and row["median_day"] == 5  # of 53 days: 3 x 20, 2 x 2, 5 x 10, 14, 30 x 20


def test_study_setup_takes_out_plan_and_size_and_tells_order_and_niche():
    table = study_setup(draw(), PLAN)["steps"].set_index("step")
    raw = draw()
    early = raw["step_day_import"] <= 14
    active = raw["day_activated"].notna()
    assert active[early].mean() - active[~early].mean() > 0.08  # what a reader would see
    assert table.loc["import", "verdict"] == "no clear difference"
    assert table.loc["import", "ci_low"] < 0 < table.loc["import", "ci_high"]
    assert table.loc["invite", "verdict"] == "clear difference" and table.loc["invite", "difference"] > 0.1
    assert table["flag"].to_dict() == {"invite": "", "import": "order unclear", "article": "niche"}
    assert table["p_value_adjusted"].tolist() == holm(table["p_value"]).tolist()


def test_study_setup_joint_difference_is_adjusted_for_the_other_steps():
    histories = draw(effect=2.5)
    alone = np.where(np.arange(3000) % 2, 5.0, np.nan)
    histories["step_day_import"] = histories["step_day_invite"].where(np.arange(3000) % 5 > 0, alone)  # mostly both
    row = study_setup(histories, PLAN)["steps"].set_index("step").loc["import"]
    assert row["difference"] > 0.2 and abs(row["difference_joint"]) < row["difference"] / 3
    assert row["joint_low"] < 0 < row["joint_high"]


def test_study_setup_uses_its_day_and_the_level():
    histories = draw()
    base = study_setup(histories, PLAN)["steps"]
    early = study_setup(histories, PLAN, setup_days=7)["steps"]
    assert early["n_done"].iloc[0] < base["n_done"].iloc[0]
    narrow = study_setup(histories, PLAN.model_copy(update={"confidence_level": 0.5}))["steps"]
    assert narrow["ci_low"].iloc[0] > base["ci_low"].iloc[0]
    assert narrow["joint_low"].iloc[0] > base["joint_low"].iloc[0]


def test_study_setup_says_why_a_step_is_not_estimable():
    table = study_setup(draw().head(300), PLAN)["steps"].set_index("step")
    assert table.loc["article", "verdict"] == "not estimable" and np.isnan(table.loc["article", "p_value_adjusted"])
    assert table.loc["article", "reason"] == "fewer than 14 accounts with the milestone, or without it"
    nobody = study_setup(draw(50).assign(followed_days=10.0), PLAN)["steps"]
    assert nobody["verdict"].eq("not estimable").all() and nobody["n_done"].eq(0).all()
    assert nobody["reason"].unique().tolist() == [
        "nobody is followed to the end of the window who was not activated by then"
    ]
    assert list(nobody.columns) == list(table.reset_index().columns)


@pytest.mark.parametrize(
    "changes",
    [{"steps": [], "steps_at_least": None}, {"activation": None}, {"activation": RULE | {"at_least": None}},
     {"activation": RULE | {"window_days": 14}}],
)  # fmt: skip
def test_study_setup_is_empty_where_the_plan_lacks_a_part(changes):
    assert study_setup(draw(50), sample_plan(**changes)) == {}


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
    frame = pd.DataFrame(
        {
            "level_inbox": [0, 0, 1, 2],
            "level_reports": [2, 0, 0, 0],
            "level_bots": [2, 0, 0, 2],
            "mature_categories": [2, 0, 0, 2],
            "retained": [1.0, 0.0, 1.0, np.nan],  # the last has no known outcome
            "tier": "all",
            "size": 1.0,
        }
    )
    tables = study_maturity(frame, PLAN_MATURITY, seed=1)
    assert tables["categories"][["none", "basic", "mature", "n"]].to_numpy().tolist() == [
        pytest.approx([2 / 3, 1 / 3, 0, 3]), pytest.approx([2 / 3, 0, 1 / 3, 3]), pytest.approx([2 / 3, 0, 1 / 3, 3])
    ]  # fmt: skip
    counts = tables["mature_counts"]
    assert counts[["mature_categories", "n", "kept"]].to_numpy().tolist() == [
        [0, 2, 1],
        [1, 0, 0],
        [2, 1, 1],
        [3, 0, 0],
    ]
    low, high = wilson_interval(0.5, 2, norm.isf(0.025))
    assert counts.loc[0, ["share", "ci_low", "ci_high"]].tolist() == pytest.approx([0.5, low, high])
    assert counts.loc[1, ["share", "ci_low", "ci_high"]].isna().all()


def test_study_maturity_differences_are_adjusted_with_holm_over_areas():
    frame = draw_maturity()
    table = study_maturity(frame, PLAN_MATURITY, seed=1)["categories"]
    found = adjusted_difference(frame["level_reports"] == 2, frame["retained"], make_controls(frame))
    assert table.loc[1, ["difference", "ci_low", "ci_high", "p_value"]].tolist() == pytest.approx(
        [found.estimate, found.ci_low, found.ci_high, found.p_value]
    )
    assert table["p_value_adjusted"].tolist() == holm(table["p_value"]).tolist()
    narrow = study_maturity(frame, PLAN_MATURITY.model_copy(update={"confidence_level": 0.5}), seed=1)
    assert narrow["categories"].loc[1, "ci_low"] > found.ci_low
    wide = study_maturity(frame, PLAN_MATURITY, seed=1)["maturity_lines"]
    assert (narrow["maturity_lines"]["loss_gap_low"] > wide["loss_gap_low"]).all()


def test_study_maturity_says_in_words_what_success_is():
    table = study_maturity(draw_maturity(200), PLAN_MATURITY, seed=1)["categories"]
    assert table["success_metric"].tolist() == [
        "share that uses any of the b and the c",
        "share that uses the d",
        "share that uses at least 2 of the b, the c and the e",
    ]
    both = PLAN_MATURITY.categories["inbox"].model_copy(update={"mature_at_least": 2})
    plan = PLAN_MATURITY.model_copy(update={"categories": PLAN_MATURITY.categories | {"inbox": both}})
    words = study_maturity(draw_maturity(200), plan, seed=1)["categories"]["success_metric"][0]
    assert words == "share that uses all of the b and the c"


def test_study_maturity_losses_equal_models_fitted_without_the_fold():
    frame = draw_maturity(500)
    lines = study_maturity(frame, PLAN_MATURITY, seed=4)["maturity_lines"]
    fold = split_folds(500, 10, np.random.default_rng(4))
    x = sm.add_constant(np.column_stack([make_controls(frame), frame["mature_categories"] >= 2]).astype(float))
    y, loss = frame["retained"].to_numpy(), np.empty(500)
    for k in range(10):
        share = sm.Logit(y[fold != k], x[fold != k]).fit(disp=0).predict(x[fold == k])
        loss[fold == k] = -np.log(np.where(y[fold == k] == 1, share, 1 - share))
    assert lines.loc[1, "loss"] == pytest.approx(loss.mean(), abs=1e-5)
    assert lines["loss_gap"].tolist() == pytest.approx((lines["loss"] - lines["loss_count"]).tolist())
    assert study_maturity(frame, PLAN_MATURITY, seed=5)["maturity_lines"].loc[1, "loss"] != lines.loc[1, "loss"]


def test_study_maturity_the_true_line_loses_least_where_there_is_one():
    lines = study_maturity(draw_maturity(6000, line=2), PLAN_MATURITY, seed=1)["maturity_lines"].set_index("line")
    assert lines["loss"].idxmin() == 2 and lines.loc[2, "loss_gap_high"] < 0


def test_study_maturity_of_few_or_no_accounts_says_why():
    few = study_maturity(draw_maturity(15), PLAN_MATURITY, seed=1)
    reason = "fewer than 14 accounts with the milestone, or without it"
    assert few["maturity_lines"]["reason"].tolist() == [reason] * 3 and few["categories"]["difference"].isna().all()
    none = study_maturity(draw_maturity(15).head(0), PLAN_MATURITY, seed=1)
    assert none["categories"]["n"].eq(0).all() and none["maturity_lines"]["loss"].isna().all()
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
    tiers = (frame[["tier"]] == "pro").to_numpy(float)
    x = sm.add_constant(pd.DataFrame(np.column_stack([np.log(frame["seats"]), tiers])))
    model = sm.GLM(frame["events_in_period"], x, family=sm.families.Poisson())
    fit = model.fit()
    pull = fit.cov_params().to_numpy() @ (x.to_numpy() / (1 - fit.get_hat_matrix_diag())[:, None]).T
    error = np.sqrt(((pull[1] * fit.resid_response) ** 2).sum())  # HC3; of a GLM, statsmodels gives HC0 under any name
    found, intercept = measure_elasticity(frame["events_in_period"], frame["seats"], tiers)
    reach = t.isf(0.025, 497) * error
    assert [found["elasticity"], found["ci_low"], found["ci_high"], intercept] == pytest.approx(
        [fit.params.iloc[1], fit.params.iloc[1] - reach, fit.params.iloc[1] + reach, fit.params.iloc[0]], rel=1e-5
    )
    assert found["p_one"] == pytest.approx(2 * t.sf(abs(fit.params.iloc[1] - 1) / error, 497), rel=1e-4)
    narrow, _ = measure_elasticity(frame["events_in_period"], frame["seats"], tiers, confidence_level=0.5)
    plain, _ = measure_elasticity(frame["events_in_period"], frame["seats"])
    assert narrow["ci_low"] > found["ci_low"] and plain["elasticity"] != found["elasticity"]


def test_measure_elasticity_holds_the_truth_where_logs_do_not():
    held, logs, draws = 0, [], 200
    for seed in range(draws):
        frame = draw_size(400, seed=seed)
        found, _ = measure_elasticity(frame["events_in_period"], frame["seats"])
        held += found["ci_low"] <= 0.7 <= found["ci_high"]
        some = frame[frame["events_in_period"] > 0]
        logs.append(np.polyfit(np.log(some["seats"]), np.log(some["events_in_period"]), 1)[0])
    assert abs(held / draws - 0.95) < 3 * np.sqrt(0.05 * 0.95 / draws) + 0.01  # a little narrow at 400 even so
    assert abs(np.mean(logs) - 0.7) > 5 * np.std(logs) / np.sqrt(draws)


@pytest.mark.parametrize(
    ("events", "seats", "reason"),
    [
        ([1] * 99, range(1, 100), "fewer than 100 accounts with a known number of seats"),
        ([0] * 100, range(1, 101), "no account has an event in the period"),
        ([1] * 100, [5] * 100, "all accounts have the same number of seats"),
    ],
)
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
    gap = risk_difference(inside.loc[passes, "retained"].sum(), passes.sum(),
                          inside.loc[~passes, "retained"].sum(), (~passes).sum())  # fmt: skip
    low, high = wilson_interval(passes.mean(), len(inside), norm.isf(0.025))
    assert row.tolist() == [
        "2-3 seats", len(inside), "per seat", passes.sum(), pytest.approx(passes.mean()), pytest.approx(low),
        pytest.approx(high), pytest.approx(gap.treatment_value), pytest.approx(gap.control_value),
        pytest.approx(gap.estimate), pytest.approx(gap.ci_low), pytest.approx(gap.ci_high),
    ]  # fmt: skip
    narrow = study_size(frame, sample_plan(usage=USAGE, confidence_level=0.8))
    assert narrow["size_bands"]["pass_low"].iloc[1] > low and narrow["size_bands"]["gap_low"].iloc[1] > gap.ci_low


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
    assert alike["size_elasticity"]["reason"].tolist() == ["all accounts have the same number of seats"]
    assert study_size(draw_size(100).head(0), PLAN_SIZE)["size_bands"].empty


@pytest.mark.parametrize(
    ("seats", "bands"),
    [
        ([1, 1, 2, 3, 9, 40], {"1 seat": 2, "2-3 seats": 2, "4+ seats": 2}),  # 4-7 is empty, 8-15 has one
        ([1, 2, 2, 5, 5], {"1-3 seats": 3, "4+ seats": 2}),  # one alone joins the next larger
        ([1, 1, 30], {"1+ seats": 3}),  # what is left at the top joins the band below
        ([7], {"1+ seats": 1}),
    ],
)
def test_split_bands_joins_small_ones(seats, bands):
    found = split_bands(seats, least=2)
    assert {name: int(inside.sum()) for name, inside in found} == bands
    assert len(split_bands(np.arange(1, 60), least=1)) == 5


def test_measure_elasticity_of_few_accounts_is_wide_enough():
    rng, held, draws = np.random.default_rng(11), 0, 400
    for _ in range(draws):
        seats = np.exp(rng.normal(1.4, 1.0, 150)).round().clip(1)
        events = rng.poisson(3 * seats**0.7 * np.exp(rng.normal(0, 0.8, 150) - 0.32))
        found, _ = measure_elasticity(events, seats)
        held += found["ci_low"] <= 0.7 <= found["ci_high"]
    assert binom.ppf(0.0005, draws, 0.93) <= held <= binom.ppf(0.9995, draws, 0.95)
