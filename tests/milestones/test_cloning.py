"""Clone, censor, weight: by hand, against what is known of the rates, by property, and without any difference."""

import numpy as np
import pandas as pd
import pytest
from accounts_samples import HORIZON, LANDMARK, RATES, draw_histories

from helpers.milestones.cloning import compare_strategies

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


def test_compare_strategies_counts_a_loss_before_the_landmark_under_both():
    more, fewer = tell("all", **BASIC), tell("all", **(BASIC | {"early": 0}))
    found, without = (
        compare_strategies(rows, landmark=10, horizon=30, seed=1, n_resamples=20) for rows in (more, fewer)
    )
    assert (found.treatment_value, found.control_value) == pytest.approx((0.75 * 100 / 120, 0.5 * 100 / 120))
    assert (without.treatment_value, without.control_value) == pytest.approx((0.75, 0.5))


@pytest.fixture(scope="module")
def half():
    """Return 8,000 accounts whose rate of loss halves at activation."""
    return draw_histories(5, 8000, factor=0.5)


def test_compare_strategies_recovers_the_share_kept_without_activation(half):
    found = compare_strategies(half, **DAYS, seed=1, n_resamples=100)
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


def test_compare_strategies_changes_with_each_argument(half):
    found = compare_strategies(half, **DAYS, seed=1, n_resamples=50)
    assert compare_strategies(half, **DAYS, seed=1, n_resamples=50) == found
    assert compare_strategies(half, **DAYS, seed=2, n_resamples=50).std_error != found.std_error
    assert compare_strategies(half, **DAYS, seed=1, n_resamples=60).std_error != found.std_error
    assert compare_strategies(half, **DAYS, seed=1, n_resamples=50, confidence_level=0.9).ci_low > found.ci_low
    assert compare_strategies(half, landmark=60.0, horizon=HORIZON, seed=1, n_resamples=50).estimate != found.estimate
    assert compare_strategies(half, landmark=LANDMARK, horizon=90.0, seed=1, n_resamples=50).estimate < found.estimate


def test_compare_strategies_leaves_out_who_is_not_followed_and_says_why_nobody_is_left(half):
    late = half.assign(followed_days=np.where(half.index < 4000, 400.0, 200.0))
    found = compare_strategies(late, **DAYS, seed=1, n_resamples=20)
    assert found == compare_strategies(half.head(4000), **DAYS, seed=1, n_resamples=20)
    none = compare_strategies(half.assign(followed_days=50.0), **DAYS, seed=1, n_resamples=20)
    assert none.reason == "at the landmark: fewer than 10 accounts with the milestone, or without it"
    assert np.isnan(none.estimate)
    basic_only = half.assign(day_activated=half["day_activated"].where(half["tier"] == "basic"))
    assert compare_strategies(basic_only, **DAYS, seed=1, n_resamples=20).reason.startswith(
        "at the landmark: no overlap"
    )


def test_compare_strategies_keeps_accounts_of_unknown_size(half):
    rows = half.assign(size=half["size"].where(half.index % 5 > 0))
    found = compare_strategies(rows, **DAYS, seed=1, n_resamples=20)
    assert found.estimate == pytest.approx(compare_strategies(half, **DAYS, seed=1, n_resamples=20).estimate, abs=0.01)
    blank = compare_strategies(half.assign(size=np.nan), **DAYS, seed=1, n_resamples=20)
    assert np.isfinite(blank.std_error)
