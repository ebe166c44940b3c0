"""Cox models with a milestone that comes later: by hand, against R and statsmodels, and on planted truth."""

import subprocess

import numpy as np
import pytest
from accounts_samples import draw_histories
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from helpers.milestones.cox import ADJUSTED, IMMORTAL, VARYING, compare_hazards, count_followed, fit_cox


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
    worlds = [compare_hazards(draw_histories(seed, 1000, factor=factor), until=270) for seed in range(20)]
    hits = sum(found[ADJUSTED].ci_low < factor < found[ADJUSTED].ci_high for found in worlds)
    assert hits >= stats.binom.ppf(0.001, 20, 0.95)
    logs = np.log([found[ADJUSTED].estimate / factor for found in worlds])
    assert abs(logs.mean()) < 3.5 * logs.std() / np.sqrt(20)
    # the unadjusted one owes something to plans; the mistake says "kept" in every world, whatever the truth
    assert np.mean([found[VARYING].estimate for found in worlds]) < 0.9 * factor
    assert all(found[IMMORTAL].ci_high < min(1, found[ADJUSTED].estimate) for found in worlds)


def test_compare_hazards_tells_the_error_on_the_scale_of_the_ratio(half):
    found = compare_hazards(half, until=270)[ADJUSTED]
    reach = np.log(found.ci_high / found.ci_low) / 2 / stats.norm.isf(0.025)
    assert found.std_error == pytest.approx(found.estimate * reach)


def test_compare_hazards_changes_with_level_and_with_the_last_day(half):
    short, wide = compare_hazards(half, until=120), compare_hazards(half, until=270, confidence_level=0.99)
    assert short[VARYING].estimate != wide[VARYING].estimate
    assert wide[VARYING].ci_low < compare_hazards(half, until=270)[VARYING].ci_low
    early = half["lost_day"] <= 120
    assert count_followed(half, until=120) == (4000, early.sum())


def test_compare_hazards_says_why_not():
    few = draw_histories(2, 20)
    assert compare_hazards(few, until=5)[VARYING].reason == "fewer than 10 losses with activation, or without it"


def test_compare_hazards_counts_a_loss_on_the_first_day_and_one_at_activation():
    rows = draw_histories(3, 500)
    rows.loc[:20, ["lost_day", "day_activated"]] = [0.0, np.nan]
    rows.loc[21:40, ["lost_day", "day_activated"]] = [30.0, 30.0]
    found = compare_hazards(rows, until=270)
    assert found[IMMORTAL].estimate < 1  # those who left at once weigh in here: they never activated
    never = rows.assign(day_activated=rows["day_activated"].where(rows["day_activated"] != 30))
    assert found[VARYING] == compare_hazards(never, until=270)[VARYING]
    later = rows.assign(lost_day=rows["lost_day"].replace(0, 1e-5))
    assert found[VARYING].estimate == pytest.approx(compare_hazards(later, until=270)[VARYING].estimate)
