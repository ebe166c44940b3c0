"""Size: the elasticity beside statsmodels and a truth that logs miss, bands by hand, and what each line favours."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from milestones_samples import sample_plan
from scipy.stats import binom, norm, t

from helpers.inference import risk_difference
from helpers.milestones import study_size
from helpers.milestones.size import measure_elasticity, split_bands
from helpers.survival import wilson_interval

USAGE = {"event": "resolved", "seats": "seats", "at_least": 2}
PLAN = sample_plan(usage=USAGE)


def draw(n=4000, *, seed=1, elasticity=0.7, shape=0.6):
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
    frame = draw(500)
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
        frame = draw(400, seed=seed)
        found, _ = measure_elasticity(frame["events_in_period"], frame["seats"])
        held += found["ci_low"] <= 0.7 <= found["ci_high"]
        some = frame[frame["events_in_period"] > 0]
        logs.append(np.polyfit(np.log(some["seats"]), np.log(some["events_in_period"]), 1)[0])
    assert abs(held / draws - 0.95) < 3 * np.sqrt(0.05 * 0.95 / draws) + 0.01  # a little narrow at 400 even so
    assert abs(np.mean(logs) - 0.7) > 5 * np.std(logs) / np.sqrt(draws)


def test_measure_elasticity_of_few_accounts_is_wide_enough():
    rng, held, draws = np.random.default_rng(11), 0, 400
    for _ in range(draws):
        seats = np.exp(rng.normal(1.4, 1.0, 150)).round().clip(1)
        events = rng.poisson(3 * seats**0.7 * np.exp(rng.normal(0, 0.8, 150) - 0.32))
        found, _ = measure_elasticity(events, seats)
        held += found["ci_low"] <= 0.7 <= found["ci_high"]
    assert binom.ppf(0.0005, draws, 0.93) <= held <= binom.ppf(0.9995, draws, 0.95)


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
    frame = draw(200)
    idle = frame["seats"] == 2
    events = frame["events_in_period"].where(~idle, 0)
    with_idle, _ = measure_elasticity(events, frame["seats"], idle.to_numpy(float)[:, None])
    assert with_idle["elasticity"] == measure_elasticity(events, frame["seats"])[0]["elasticity"]


def test_study_size_the_line_a_seat_favours_small_accounts_and_the_other_does_not():
    tables = study_size(draw(), PLAN)
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
    frame = draw(1000)
    row = study_size(frame, PLAN)["size_bands"].iloc[1]
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
    frame = draw(600)
    frame.loc[:99, "seats"] = [np.nan, 0.0] * 50
    tables = study_size(frame, PLAN)
    assert tables["size_elasticity"]["n"].tolist() == [500]
    assert (tables["size_bands"]["n"] >= 20).all()
    assert len(study_size(frame, sample_plan(usage=USAGE, min_cell=60))["size_bands"]) < len(tables["size_bands"])
    stricter = study_size(frame, sample_plan(usage=USAGE | {"at_least": 4}))
    assert stricter["size_bands"]["n_pass"].sum() < tables["size_bands"]["n_pass"].sum()


def test_study_size_where_the_plan_or_the_data_lack_a_part():
    assert study_size(draw(100), sample_plan(usage=None)) == {}
    assert study_size(draw(100), sample_plan(usage=USAGE | {"at_least": None}))["size_bands"].empty
    alike = study_size(draw(100).assign(seats=1.0), PLAN)
    assert alike["size_bands"]["line"].unique().tolist() == ["per seat"]
    assert alike["size_elasticity"]["reason"].tolist() == ["all accounts have the same number of seats"]
    assert study_size(draw(100).head(0), PLAN)["size_bands"].empty


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
