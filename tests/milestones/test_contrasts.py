"""Contrasts: by hand, against statsmodels, scipy and the jackknife, by property, and on planted truth."""

import subprocess

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from accounts_samples import HORIZON, LANDMARK, draw_histories
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from helpers.inference.associations import fit_logit
from helpers.inference.contrasts import relative_lift_risk, risk_difference
from helpers.milestones import adjusted_difference, contrasts, make_controls
from helpers.milestones.contrasts import (
    ADJUSTED,
    IMMORTAL,
    VARYING,
    adjusted_ratio,
    compare_hazards,
    compare_strategies,
    fit_cox,
    measure_losses,
    measure_tipping,
    rules_out,
)

NONE = np.zeros((400, 0))
# (tier, milestone): kept of all; tier 0 has 60 accounts and a gap of .5, tier 1 has 40 and a gap of .2
COUNTS = {(0, 1): (15, 20), (0, 0): (10, 40), (1, 1): (24, 30), (1, 0): (6, 10)}
ROWS = np.array([(e, y, t) for (t, e), (x, n) in COUNTS.items() for y in [1] * x + [0] * (n - x)], float).T
CELLS = ROWS[0], ROWS[1], ROWS[2][:, None]


def draw(seed, n=400, gain=0.0):
    """Return milestone, outcome and plan tier (column) where the tier moves both."""
    rng = np.random.default_rng(seed)
    tier = (rng.random(n) < 0.4).astype(float)
    exposed = (rng.random(n) < 0.3 + 0.4 * tier).astype(float)
    outcome = (rng.random(n) < 0.3 + 0.3 * tier + gain * exposed).astype(float)
    return exposed, outcome, (tier - tier.mean())[:, None]


def tip(*accounts, **level):
    """Return what it would take to explain the difference of these accounts away."""
    return measure_tipping(adjusted_difference(*accounts, **level), adjusted_ratio(*accounts, **level))


def test_adjusted_ratio_by_hand_is_that_of_both_standardised_means():
    found = adjusted_ratio(*CELLS)
    assert found.estimate == pytest.approx((0.6 * 0.75 + 0.4 * 0.8) / (0.6 * 0.25 + 0.4 * 0.6))
    turned = adjusted_ratio(1 - CELLS[0], *CELLS[1:])
    assert (turned.estimate, turned.ci_low) == pytest.approx((1 / found.estimate, 1 / found.ci_high))
    assert turned.p_value == pytest.approx(found.p_value)
    assert found.ci_low < adjusted_ratio(*CELLS, confidence_level=0.8).ci_low < found.estimate < found.ci_high
    lost = adjusted_ratio(np.repeat([1, 0], 20), np.r_[np.zeros(20), np.ones(20)], np.arange(40.0)[:, None])
    assert np.isnan(lost.estimate) and lost.reason == RARE


def test_adjusted_ratio_equals_the_jackknife_and_without_controls_the_score_interval():
    exposed, outcome, tier = draw(1, n=200, gain=0.2)
    found = adjusted_ratio(exposed, outcome, tier)
    left = [adjusted_ratio(*(np.delete(a, i, axis=0) for a in (exposed, outcome, tier))).estimate for i in range(200)]
    assert found.std_error / found.estimate == pytest.approx(np.sqrt(199 * np.var(np.log(left))), rel=0.03)
    counts = [c for side in (1, 0) for c in (outcome[exposed == side].sum(), (exposed == side).sum())]
    plain, lift = adjusted_ratio(exposed, outcome, NONE[:200]), relative_lift_risk(*counts)
    assert (plain.estimate, plain.ci_low, plain.ci_high) == (1 + lift.estimate, 1 + lift.ci_low, 1 + lift.ci_high)


def test_measure_tipping_by_hand():
    exposed = np.repeat([1.0, 0.0], 50)
    outcome = np.r_[np.arange(50) < 40, np.arange(50) < 20].astype(float)  # .8 against .4
    found, gap = tip(exposed, outcome, NONE[:100]), risk_difference(40, 50, 20, 50)
    limit = found["ratio_low"]
    by_hand = {"difference": 0.4, "tipping": np.sqrt(0.4), "tipping_limit": np.sqrt(gap.ci_low), "risk_ratio": 2}
    by_hand |= {
        "e_value": 2 + np.sqrt(2),
        "e_value_limit": limit + np.sqrt(limit**2 - limit),
    }  # VanderWeele & Ding 2017
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand)
    turned, surer = tip(1 - exposed, outcome, NONE[:100]), tip(exposed, outcome, NONE[:100], confidence_level=0.99)
    names = ["tipping", "tipping_limit", "e_value", "e_value_limit"]
    assert [turned[name] for name in names] == pytest.approx([found[name] for name in names])
    assert surer["tipping_limit"] < found["tipping_limit"] and surer["e_value_limit"] < found["e_value_limit"]
    unclear = tip(exposed, (np.arange(100) % 50 < 25 + 3 * exposed) * 1.0, NONE[:100])  # .56 against .5
    assert (unclear["tipping_limit"], unclear["e_value_limit"], unclear["reason"]) == (0.0, 1.0, None)
    few = tip(exposed[45:], outcome[45:], np.arange(55.0)[:, None])
    assert np.isnan([few[name] for name in names]).all() and few["reason"] == FEW


def test_make_controls_by_hand():
    frame = pd.DataFrame({"tier": ["a", "a", None, "a"], "size": [1.0, np.e, np.nan, np.e**2]})
    # a missing tier is one of its own, against the larger a; logs 0, 1, 2 and their mean 1; its indicator
    expected = [[-0.25, -1, -0.25], [-0.25, 0, -0.25], [0.75, 0, 0.75], [-0.25, 1, -0.25]]
    assert make_controls(frame) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("n", [0, 3])  # nobody, and accounts that are all alike
def test_make_controls_without_any_difference(n):
    assert make_controls(pd.DataFrame({"tier": ["all"] * n, "size": [1.0] * n})).shape == (n, 0)


def test_adjusted_difference_by_hand_is_the_mean_of_both_tiers():
    found = adjusted_difference(*CELLS)
    assert found.treatment_value == pytest.approx(0.6 * 0.75 + 0.4 * 0.8)
    assert found.control_value == pytest.approx(0.6 * 0.25 + 0.4 * 0.6)
    assert found.estimate == pytest.approx(0.6 * 0.5 + 0.4 * 0.2)
    assert found.method == "standardised difference"


def test_adjusted_difference_equals_interacted_least_squares_and_the_jackknife():
    exposed, outcome, tier = draw(1, n=200, gain=0.2)
    size = np.random.default_rng(2).normal(size=(200, 1))
    x = np.column_stack([tier, size - size.mean()])
    rows = exposed, outcome + 0.3 * exposed * x[:, 1], x
    found = adjusted_difference(*rows)
    design = sm.add_constant(np.column_stack([exposed, x, exposed[:, None] * x]))
    fit = sm.OLS(rows[1], design).fit(cov_type="HC2")
    assert found.estimate == pytest.approx(fit.params[1])
    assert found.std_error > fit.bse[1]  # which takes the mix of controls as known
    left = [adjusted_difference(*(np.delete(part, i, axis=0) for part in rows)).estimate for i in range(200)]
    assert found.std_error == pytest.approx(np.sqrt(199 * np.var(left)), rel=0.03)


def test_adjusted_difference_without_controls_is_miettinen_nurminen_or_welch():
    exposed, outcome, _ = draw(3)
    counts = [c for side in (1, 0) for c in (outcome[exposed == side].sum(), (exposed == side).sum())]
    assert adjusted_difference(exposed, outcome, NONE) == risk_difference(*counts)
    amounts = np.random.default_rng(4).normal(size=400) + exposed
    welch = stats.ttest_ind(amounts[exposed == 1], amounts[exposed == 0], equal_var=False)
    found = adjusted_difference(exposed, amounts, NONE)
    assert (found.estimate / found.std_error, found.df) == pytest.approx((welch.statistic, welch.df))


def test_adjusted_difference_turned_round_missing_and_with_a_copied_control():
    exposed, outcome, tier = draw(5, gain=0.1)
    found, turned = (adjusted_difference(side, outcome, tier) for side in (exposed, 1 - exposed))
    assert (turned.estimate, turned.ci_low) == pytest.approx((-found.estimate, -found.ci_high))
    assert found.ci_low < found.estimate < found.ci_high
    more = (
        np.append(exposed, [1, np.nan, 0]),
        np.append(outcome, [np.nan, 1, 1]),
        np.append(tier, [[0], [0], [np.nan]], 0),
    )
    assert adjusted_difference(*more).estimate == pytest.approx(found.estimate)
    assert adjusted_difference(exposed, outcome, np.hstack([tier, tier])).std_error == pytest.approx(found.std_error)
    assert adjusted_difference(exposed, outcome, tier, confidence_level=0.99).ci_low < found.ci_low


LACKS = "no overlap: a plan or size that is common among all is missing among those with or without the milestone"

FEW = "fewer than 12 accounts with the milestone, or without it"

RARE = "fewer than 10 accounts have the outcome, or lack it, with the milestone or without it"


@pytest.mark.parametrize(("n_exposed", "tier", "kept", "reason"), [
    (11, 0.5, 0.5, FEW),  # 10 + 2 x 1 control
    (50, 0.0, 0.5, LACKS),  # nobody in the tier reached the milestone
    (50, 1.0, 0.5, LACKS),  # all who reached it are in the tier
    (50, 0.5, 1.0, RARE),  # all who reached it were kept
])  # fmt: skip
def test_adjusted_difference_says_why_not(n_exposed, tier, kept, reason):
    exposed = np.repeat([1.0, 0.0], [n_exposed, 100])
    level = np.concatenate([np.arange(n_exposed) < tier * n_exposed, np.arange(100) < 50]).astype(float)
    outcome = np.concatenate([np.arange(n_exposed) % 2 < 2 * kept - 0.5 * (kept < 1), np.arange(100) % 3 > 0])
    found = adjusted_difference(exposed, outcome.astype(float), level[:, None])
    assert found.reason == reason
    assert np.isnan([found.ci_low, found.p_value]).all()


@pytest.mark.parametrize(("few", "side"), [(9, 0), (9, 1), (10, 0)])
def test_adjusted_difference_asks_for_ten_of_either_outcome_on_either_side(few, side):
    exposed, _, tier = draw(6)
    outcome = (np.arange(400) % 2).astype(float)
    here = np.flatnonzero(exposed == side)
    outcome[here] = (np.arange(len(here)) >= few).astype(float)  # so many were lost
    for y in (outcome, 1 - outcome):
        assert adjusted_difference(exposed, y, tier).reason == (RARE if few < 10 else None)
    assert adjusted_difference(exposed, 0.5 * outcome, tier).reason is None  # a number has no cells


def test_rules_out_takes_neither_difference_as_known():
    # halves .07 and .02 go together to .0728
    assert rules_out((0.02, -0.05, 0.09), (0.1, 0.08, 0.12)) is True
    assert rules_out((0.02, -0.05, 0.09), (0.1, 0.06, 0.14)) is False  # .0806
    assert rules_out((0.02, -0.05, 0.09), (0.1, np.nan, np.nan)) is False
    rng, alarms = np.random.default_rng(1), 0
    for now, before in rng.normal(2.5, (1.0, 0.7), (2000, 2)):  # nothing has moved
        rows = (now, now - 1.96, now + 1.96), (before, before - 1.372, before + 1.372)
        alarms += rules_out(*rows)
    low, high = stats.binom.ppf([0.001, 0.999], 2000, 0.05)
    assert low <= alarms <= high


def test_adjusted_difference_leaves_a_rare_level_to_the_others():
    exposed, outcome, tier = draw(6)
    rare = ((exposed == 0) & (np.arange(400) % 40 == 0)).astype(float)[:, None]  # under 5 %, nobody with the milestone
    assert adjusted_difference(exposed, outcome, np.hstack([tier, rare])).reason is None


def test_adjusted_difference_holds_its_level_where_the_unadjusted_one_does_not():
    worlds = [draw(seed, n=250) for seed in range(200)]
    alarms = sum(adjusted_difference(*world).p_value < 0.05 for world in worlds)
    low, high = stats.binom.ppf([0.001, 0.999], 200, 0.05)
    assert low <= alarms <= high
    assert np.mean([adjusted_difference(*world[:2], NONE[:250]).p_value < 0.05 for world in worlds[:50]]) > 0.3


def test_adjusted_difference_refuses_a_handful_that_would_have_to_stand_for_all():
    rng = np.random.default_rng(3)
    tier = rng.random(2000) < 0.2  # of the small tier, nearly all users; two users come from the rest
    exposed = np.where(tier, rng.random(2000) < 0.2, False)
    exposed[np.flatnonzero(~tier)[:2]] = True
    outcome = rng.random(2000) < np.where(tier, 0.9, 0.7)
    found = adjusted_difference(exposed, outcome, (tier - tier.mean())[:, None])
    size = 1 / (tier.mean() ** 2 / exposed[tier].sum() + (1 - tier.mean()) ** 2 / 2)  # saturated: weights by hand
    told = f"hardly any overlap: brought to the mix of all, {exposed.sum()} accounts count like {size:.0f}"
    assert np.isnan(found.estimate) and found.reason == told


def draw_logit(seed, n=400):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    return x, (rng.random(n) < 1 / (1 + np.exp(-x @ [0.5, 1.0, -0.4]))).astype(float)


@pytest.mark.parametrize("offset", [np.zeros(400), np.linspace(-1, 1, 400)])
def test_fit_logit_equals_statsmodels(offset):
    x, y = draw_logit(1)
    model = sm.GLM(y, x, family=sm.families.Binomial(), offset=offset).fit(tol=1e-12)
    beta, covariance = fit_logit(x, y, offset=offset)
    assert beta == pytest.approx(model.params, rel=1e-6)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(model.bse, rel=1e-6)
    assert -measure_losses(x, y, beta, offset).sum() == pytest.approx(model.llf, rel=1e-9)


def test_fit_logit_of_several_outcomes_and_of_trials_is_that_of_each_and_of_rows():
    x, y = draw_logit(2)
    both = fit_logit(x, np.array([y, 1 - y]))[0]
    assert both[0] == pytest.approx(fit_logit(x, y)[0]) and both[1] == pytest.approx(-both[0])
    group = np.repeat([0.0, 1.0], [30, 10])
    rows = fit_logit(np.column_stack([np.ones(40), group]), np.arange(40) % 3 == 0)
    cells = fit_logit([[1, 0], [1, 1]], [10, 4], np.array([30, 10]))
    assert np.array(cells[0]) == pytest.approx(rows[0]) and np.array(cells[1]) == pytest.approx(rows[1])


def test_fit_logit_start_saves_steps_and_changes_nothing(monkeypatch):
    x, y = draw_logit(3)
    full = fit_logit(x, y)[0]
    assert fit_logit(x, y, start=full + 0.3)[0] == pytest.approx(full, abs=1e-9)
    monkeypatch.setattr("helpers.inference.associations.STEPS", 1)
    assert fit_logit(x, y, start=full)[0] == pytest.approx(full, abs=1e-9)
    assert fit_logit(x, y)[0] != pytest.approx(full, abs=1e-3)


def test_fit_logit_where_a_column_separates():
    # Heinze & Schemper 2002: in a two by two table Firth's penalty is half an account in each cell; one is empty here
    x = np.column_stack([np.ones(30), np.repeat([0.0, 1.0], [20, 10])])
    y = np.concatenate([np.repeat([1, 0], [12, 8]), np.ones(10)])
    by_hand = [np.log(12.5 / 8.5), np.log(10.5 / 0.5) - np.log(12.5 / 8.5)]
    assert fit_logit(x, y, firth=True)[0] == pytest.approx(by_hand, rel=1e-7)
    assert fit_logit(x, y)[0][1] > 10
    assert 5 < fit_logit(x, y, penalty=np.array([0, 1e-4]))[0][1] < 20


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


def test_fit_cox_turned_round_changes_sign_and_without_losses_is_nan(monkeypatch):
    start, stop, lost, x = draw_rows(3)
    assert fit_cox(start, stop, lost, -x)[0] == pytest.approx(-fit_cox(start, stop, lost, x)[0])
    assert np.isnan(fit_cox(start, stop, np.zeros(len(stop)), x)[0]).all()
    monkeypatch.setattr(contrasts, "COX_STEPS", 1)
    assert np.isnan(fit_cox(start, stop, lost, x)[0]).all()


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


def test_compare_strategies_follows_sizes_that_activate_at_different_times():
    # large accounts activate at once and stay, small ones activate late or never and leave; activation changes nothing
    rng = np.random.default_rng(3)
    size = rng.choice([1.0, 3.0, 10.0, 40.0], 8000)
    rate, day = 0.004 / (1 + np.log(size)), rng.gamma(4, 60 / size**0.5)
    lost = rng.exponential(1 / rate)
    rows = pd.DataFrame({"tier": "all", "size": size, "followed_days": 400.0, "lost_day": lost})
    rows["day_activated"] = np.where(day < lost, day, np.nan)
    found = compare_strategies(rows, **DAYS, seed=1, n_resamples=50)
    assert (found.control_value, found.treatment_value) == pytest.approx([np.exp(-270 * rate).mean()] * 2, abs=0.025)
    assert abs(found.estimate) < 3 * found.std_error


@pytest.mark.parametrize(("change", "name", "is_higher"), [
    ({"seed": 2}, "std_error", None), ({"n_resamples": 60}, "std_error", None),
    ({"confidence_level": 0.9}, "ci_low", True), ({"landmark": 60.0}, "estimate", None),
    ({"horizon": 90.0}, "estimate", False),
])  # fmt: skip
def test_compare_strategies_changes_with_each_argument(cloned, change, name, is_higher):
    given = {**DAYS, "seed": 1, "n_resamples": 50}
    base, found = (getattr(compare_strategies(cloned, **(given | more)), name) for more in ({}, change))
    assert found != base and is_higher in (None, found > base)


def test_compare_strategies_leaves_out_who_is_not_followed_and_says_why_nobody_is_left(cloned):
    given = {**DAYS, "seed": 1, "n_resamples": 20}
    late = cloned.assign(followed_days=np.where(cloned.index < 4000, 400.0, 200.0))
    assert compare_strategies(late, **given) == compare_strategies(cloned.head(4000), **given)
    none = compare_strategies(cloned.assign(followed_days=50.0), **given)
    assert none.reason == "at the landmark: fewer than 10 accounts with the milestone, or without it"
    assert np.isnan(none.estimate)
    basic_only = cloned.assign(day_activated=cloned["day_activated"].where(cloned["tier"] == "basic"))
    assert compare_strategies(basic_only, **given).reason.startswith("at the landmark: no overlap")
