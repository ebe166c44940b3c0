"""Cox models with a milestone that comes later: by hand, against R and statsmodels, and on planted truth."""

import subprocess

import numpy as np
import pandas as pd
import pytest
from accounts_samples import HORIZON, LANDMARK, RATES, draw_histories
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from helpers.milestones.contrasts import (
    ADJUSTED,
    IMMORTAL,
    VARYING,
    compare_hazards,
    compare_strategies,
    fit_cox,
)


def draw_rows(seed, n=80):
    """Return rows with late entry, many ties and two covariates."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 5, n).astype(float)
    return start, start + rng.integers(1, 6, n), rng.random(n) < 0.6, rng.normal(size=(n, 2)).round(2)


def test_fit_cox_by_hand():
    # losses on days 1, 2, 3 with x = 1, 0, 1: 1 / (2r + 1) = r / (1 + r), so r = 1 / sqrt 2
    beta, _ = fit_cox([0, 0, 0], [1, 2, 3], [1, 1, 1], [[1], [0], [1]])
    assert np.exp(beta[0]) == pytest.approx(np.sqrt(0.5))
    # one more with x = 1 that comes on day 1 is not yet at risk on it: 1 / (2r + 1) = 2r / (1 + 2r)
    beta, _ = fit_cox([0, 0, 0, 1], [1, 2, 3, 4], [1, 1, 1, 1], [[1], [0], [1], [1]])
    assert np.exp(beta[0]) == pytest.approx(0.5)


def test_fit_cox_equals_coxph_of_r(needs):
    start, stop, lost, x = draw_rows(1)
    words = [f"c({', '.join(map(str, values.astype(float).tolist()))})" for values in (start, stop, lost, *x.T)]
    surv, covariates = f"survival::Surv({', '.join(words[:3])})", " + ".join(words[3:])
    script = (
        f"f <- survival::coxph({surv} ~ {covariates}, ties = 'efron')\ncat(format(c(coef(f), vcov(f)), digits = 15))"
    )
    done = subprocess.run([needs("R:survival"), "-e", script], capture_output=True, text=True, check=True)
    beta, covariance = fit_cox(start, stop, lost, x)
    assert [*beta, *covariance.ravel()] == pytest.approx([float(word) for word in done.stdout.split()], rel=1e-6)


def test_fit_cox_equals_statsmodels_once_its_entry_is_nudged():
    # PHReg counts who enters on a day as at risk on that day, R and we do not
    start, stop, lost, x = draw_rows(2)
    peer = PHReg(stop, x, status=lost.astype(float), entry=start + 0.5, ties="efron").fit()
    beta, covariance = fit_cox(start, stop, lost, x)
    assert beta == pytest.approx(peer.params, rel=1e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(peer.bse, rel=1e-5)


def test_fit_cox_turned_round_changes_sign_and_without_losses_is_nan():
    start, stop, lost, x = draw_rows(3)
    assert fit_cox(start, stop, lost, -x)[0] == pytest.approx(-fit_cox(start, stop, lost, x)[0])
    assert np.isnan(fit_cox(start, stop, np.zeros(len(stop)), x)[0]).all()
    assert np.isnan(fit_cox(start, stop, lost, x, n_steps=1)[0]).all()


@pytest.fixture(scope="module")
def half():
    """Return 4,000 accounts whose rate of loss halves at activation."""
    return draw_histories(1, 4000, factor=0.5)


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_compare_hazards_recovers_the_ratio_and_shows_the_mistake(factor):
    worlds = [compare_hazards(draw_histories(seed, 1000, factor=factor), until=270)[0] for seed in range(20)]
    hits = sum(found[ADJUSTED].ci_low < factor < found[ADJUSTED].ci_high for found in worlds)
    assert hits >= stats.binom.ppf(0.001, 20, 0.95)
    logs = np.log([found[ADJUSTED].estimate / factor for found in worlds])
    assert abs(logs.mean()) < 3.5 * logs.std() / np.sqrt(20)
    # the unadjusted one owes something to plans; the mistake says "kept" in every world, whatever the truth
    assert np.mean([found[VARYING].estimate for found in worlds]) < 0.9 * factor
    assert all(found[IMMORTAL].ci_high < min(1, found[ADJUSTED].estimate) for found in worlds)


def test_compare_hazards_changes_with_level_and_with_the_last_day(half):
    short, wide = compare_hazards(half, until=120)[0], compare_hazards(half, until=270, confidence_level=0.99)[0]
    assert short[VARYING].estimate != wide[VARYING].estimate
    assert wide[VARYING].ci_low < compare_hazards(half, until=270)[0][VARYING].ci_low
    early = half["lost_day"] <= 120
    assert compare_hazards(half, until=120)[1] == early.sum()


def test_compare_hazards_says_why_not():
    few = draw_histories(2, 20)
    assert compare_hazards(few, until=5)[0][VARYING].reason == "fewer than 10 losses with activation, or without it"


def test_compare_hazards_counts_a_loss_on_the_first_day_and_one_at_activation():
    rows = draw_histories(3, 500)
    rows.loc[:20, ["lost_day", "day_activated"]] = [0.0, np.nan]
    rows.loc[21:40, ["lost_day", "day_activated"]] = [30.0, 30.0]
    found = compare_hazards(rows, until=270)[0]
    assert found[IMMORTAL].estimate < 1  # those who left at once weigh in here: they never activated
    never = rows.assign(day_activated=rows["day_activated"].where(rows["day_activated"] != 30))
    assert found[VARYING] == compare_hazards(never, until=270)[0][VARYING]
    later = rows.assign(lost_day=rows["lost_day"].replace(0, 1e-5))
    assert found[VARYING].estimate == pytest.approx(compare_hazards(later, until=270)[0][VARYING].estimate)


DAYS = {"landmark": LANDMARK, "horizon": HORIZON}


def tell(tier, *, early, activated, kept_activated, not_activated, kept_not):
    """Return accounts of one tier: lost on day 5 without activation, activated on day 3, not; landmark 10 days."""
    counts = [early, kept_activated, activated - kept_activated, kept_not, not_activated - kept_not]
    day, lost = [np.nan, 3, 3, np.nan, np.nan], [5, np.nan, 20, np.nan, 20]
    columns = {"lost_day": np.repeat(lost, counts), "day_activated": np.repeat(day, counts)}
    return pd.DataFrame(columns).assign(tier=tier, size=1.0, followed_days=40.0)


BASIC = {"early": 20, "activated": 40, "kept_activated": 30, "not_activated": 60, "kept_not": 30}
PREMIUM = {"early": 5, "activated": 60, "kept_activated": 57, "not_activated": 15, "kept_not": 12}


def test_compare_strategies_by_hand():
    # one interval: the share alive at the landmark, times the kept shares at the tiers' mix among those alive
    rows = pd.concat([tell("basic", **BASIC), tell("premium", **PREMIUM)], ignore_index=True)
    found = compare_strategies(rows, landmark=10, horizon=30, seed=1, n_resamples=50)
    alive = 175 / 200
    assert found.treatment_value == pytest.approx(alive * (100 * 30 / 40 + 75 * 57 / 60) / 175)
    assert found.control_value == pytest.approx(alive * (100 * 30 / 60 + 75 * 12 / 15) / 175)
    assert found.ci_low < found.estimate < found.ci_high


@pytest.fixture(scope="module")
def cloned():
    """Return 8,000 accounts whose rate of loss halves at activation."""
    return draw_histories(5, 8000, factor=0.5)


def test_compare_strategies_recovers_the_share_kept_without_activation(cloned):
    found = compare_strategies(cloned, **DAYS, seed=1, n_resamples=100)
    never = 0.7 * np.exp(-RATES["basic"] * 270) + 0.3 * np.exp(-RATES["premium"] * 270)
    assert found.control_value == pytest.approx(never, abs=0.025)
    assert found.ci_low > 0.1


def test_compare_strategies_follows_sizes_that_activate_at_different_times():
    # large accounts activate at once and stay, small ones activate late or never and leave; activation changes nothing
    rng = np.random.default_rng(3)
    size = rng.choice([1.0, 3.0, 10.0, 40.0], 8000)
    rate, day = 0.004 / (1 + np.log(size)), rng.gamma(4, 60 / size**0.5)
    lost = rng.exponential(1 / rate)
    rows = pd.DataFrame({"tier": "all", "size": size, "followed_days": 400.0, "lost_day": lost})
    found = compare_strategies(
        rows.assign(day_activated=np.where(day < lost, day, np.nan)), **DAYS, seed=1, n_resamples=50
    )
    assert (found.control_value, found.treatment_value) == pytest.approx([np.exp(-270 * rate).mean()] * 2, abs=0.025)
    assert abs(found.estimate) < 3 * found.std_error


def test_compare_strategies_changes_with_each_argument(cloned):
    found = compare_strategies(cloned, **DAYS, seed=1, n_resamples=50)
    assert compare_strategies(cloned, **DAYS, seed=1, n_resamples=50) == found
    assert compare_strategies(cloned, **DAYS, seed=2, n_resamples=50).std_error != found.std_error
    assert compare_strategies(cloned, **DAYS, seed=1, n_resamples=60).std_error != found.std_error
    assert compare_strategies(cloned, **DAYS, seed=1, n_resamples=50, confidence_level=0.9).ci_low > found.ci_low
    assert compare_strategies(cloned, landmark=60.0, horizon=HORIZON, seed=1, n_resamples=50).estimate != found.estimate
    assert compare_strategies(cloned, landmark=LANDMARK, horizon=90.0, seed=1, n_resamples=50).estimate < found.estimate


def test_compare_strategies_leaves_out_who_is_not_followed_and_says_why_nobody_is_left(cloned):
    late = cloned.assign(followed_days=np.where(cloned.index < 4000, 400.0, 200.0))
    found = compare_strategies(late, **DAYS, seed=1, n_resamples=20)
    assert found == compare_strategies(cloned.head(4000), **DAYS, seed=1, n_resamples=20)
    none = compare_strategies(cloned.assign(followed_days=50.0), **DAYS, seed=1, n_resamples=20)
    assert none.reason == "at the landmark: fewer than 10 accounts with the milestone, or without it"
    assert np.isnan(none.estimate)
    basic_only = cloned.assign(day_activated=cloned["day_activated"].where(cloned["tier"] == "basic"))
    assert compare_strategies(basic_only, **DAYS, seed=1, n_resamples=20).reason.startswith(
        "at the landmark: no overlap"
    )


def test_compare_strategies_keeps_accounts_of_unknown_size(cloned):
    rows = cloned.assign(size=cloned["size"].where(cloned.index % 5 > 0))
    found = compare_strategies(rows, **DAYS, seed=1, n_resamples=20)
    assert found.estimate == pytest.approx(
        compare_strategies(cloned, **DAYS, seed=1, n_resamples=20).estimate, abs=0.01
    )
    blank = compare_strategies(cloned.assign(size=np.nan), **DAYS, seed=1, n_resamples=20)
    assert np.isfinite(blank.std_error)
