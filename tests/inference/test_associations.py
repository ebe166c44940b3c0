"""Takers beside others, and those who answered beside all."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats

from helpers.inference import associations
from helpers.inference.associations import bound_missing, read_offered, weight_responders
from helpers.inference.contrasts import risk_difference
from helpers.inference.methods import compare_arms
from helpers.plan import Metric
from helpers.records import Moments

LALONDE = ["age", "age2", "educ", "marr", "nodegree", "black", "hisp", "re74", "re75"]
MIXTAPE = [*LALONDE, "age3", "educ2", "u74", "u75", "educ_re74"]
CONTRASTS = {
    "adjusted": lambda rows, **options: adjusted_contrast(rows, ["x"], **options),
    "weighted": lambda rows, **options: weighted_contrast(rows, ["x"], **options)[0],
}


def naive_contrast(rows, **level):
    return associations.naive_contrast(*read_offered(rows)[:2], **level)


def adjusted_contrast(rows, covariates, **level):
    return associations.adjusted_contrast(*read_offered(rows, covariates), **level)


def weighted_contrast(rows, covariates, **level):
    return associations.weighted_contrast(*read_offered(rows, covariates), **level)


def _rows(seed, n=400, effect=1.0):
    """Keen units take more often and fare better; the effect of taking is planted."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    taken = rng.random(n) < special.expit(-0.3 + 0.8 * x)
    y = 2 + effect * taken + 1.5 * x + rng.normal(size=n)
    return pd.DataFrame({"y": y, "assigned": 1, "taken": taken.astype(int), "x": x, "z": rng.normal(size=n)})


@pytest.fixture(scope="module")
def lalonde(shared):
    trained = pd.read_csv(shared / "data" / "nsw_dw.csv").query("treat == 1")
    rows = pd.concat([trained, pd.read_csv(shared / "data" / "cps1_controls.csv.gz")], ignore_index=True)
    squares = {"age2": rows.age**2, "age3": rows.age**3, "educ2": rows.educ**2, "educ_re74": rows.educ * rows.re74}
    none = {"u74": (rows.re74 == 0).astype(float), "u75": (rows.re75 == 0).astype(float)}
    return rows.assign(**squares, **none, y=rows.re78, assigned=1, taken=rows.treat)


def test_naive_contrast_by_hand():
    rows = pd.DataFrame({"assigned": 1, "taken": [1, 1, 0, 0, 0, 0], "y": [5.0, 7.0, 1.0, 2.0, 3.0, np.nan]})
    idle = pd.DataFrame({"assigned": 0, "taken": 0, "y": [99.0, 98.0]})  # the arm without take-up is not compared
    found = naive_contrast(pd.concat([rows, idle]))
    # takers have mean 6 and variance 2, the three others that are known mean 2 and variance 1
    assert (found.estimate, found.control_value, found.treatment_value) == (4.0, 2.0, 6.0)
    assert found.std_error == pytest.approx(np.sqrt(2 / 2 + 1 / 3))
    assert found.df == pytest.approx((1 + 1 / 3) ** 2 / (1 / 1 + (1 / 9) / 2))


def test_naive_contrast_uses_the_arm_with_more_take_up():
    rows = _rows(1)
    removed = pd.concat([rows.assign(assigned=0), rows.assign(assigned=1, taken=0, y=50.0)])
    assert naive_contrast(removed) == naive_contrast(rows)


def test_naive_contrast_equals_scipy():
    rows = _rows(2)
    other = stats.ttest_ind(rows.y[rows.taken == 1], rows.y[rows.taken == 0], equal_var=False)
    found = naive_contrast(rows, confidence_level=0.9)
    assert found.p_value == pytest.approx(other.pvalue, rel=1e-10)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(other.confidence_interval(0.9)), rel=1e-10)


def test_contrasts_of_lalonde_as_published(lalonde):
    assert naive_contrast(lalonde).estimate == pytest.approx(-8497.52, abs=0.01)  # Dehejia and Wahba 1999: -8,498
    assert adjusted_contrast(lalonde, LALONDE).estimate == pytest.approx(793.59, abs=0.01)
    weighted, overlap = weighted_contrast(lalonde, MIXTAPE)
    assert weighted.estimate == pytest.approx(1782.21, abs=0.01)
    assert overlap.effective_size == pytest.approx(70.2, abs=0.1)


def test_weighted_contrast_of_lalonde_refuses_a_higher_floor(lalonde, monkeypatch):
    monkeypatch.setattr(associations, "MIN_ESS", 100)
    found = weighted_contrast(lalonde, MIXTAPE)[0]
    assert np.isnan(found.estimate)
    assert found.reason == "effective sample size 70.2 of the weighted others is below 100"


def test_adjusted_contrast_equals_statsmodels_hc2():
    rows = _rows(3)
    fit = sm.OLS(rows.y, sm.add_constant(rows[["taken", "x", "z"]])).fit(cov_type="HC2", use_t=True)
    found = adjusted_contrast(rows, ["x", "z"])
    assert found.estimate == pytest.approx(fit.params["taken"], rel=1e-10)
    assert found.std_error == pytest.approx(fit.bse["taken"], rel=1e-10)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(fit.conf_int().loc["taken"]), rel=1e-9)
    assert found.control_value == pytest.approx(fit.predict([1, 0, rows.x.mean(), rows.z.mean()])[0])


def test_weighted_contrast_error_equals_the_jackknife():
    # leaving one out sees everything, the estimation of the weights included
    rows = _rows(11, n=100)
    left = [weighted_contrast(rows.drop(i), ["x"])[0].estimate for i in rows.index]
    jackknife = np.sqrt((len(rows) - 1) * np.var(left))
    assert weighted_contrast(rows, ["x"])[0].std_error == pytest.approx(jackknife, rel=0.1)


@pytest.mark.parametrize("contrast", ["adjusted", "weighted"])
def test_contrasts_recover_a_planted_effect(contrast):
    found = [CONTRASTS[contrast](_rows(seed, n=300)) for seed in range(80)]
    found = [f for f in found if f.reason is None]
    assert len(found) > 72  # the others are refused for their effective size
    covered = sum(f.ci_low <= 1 <= f.ci_high for f in found)
    low, high = stats.binom.interval(1 - 0.001 / 2, len(found), 0.95)
    assert low <= covered <= high
    error = np.std([f.estimate for f in found]) / np.sqrt(len(found))
    assert abs(np.mean([f.estimate for f in found]) - 1) < 4 * error
    assert naive_contrast(_rows(1, n=3000)).estimate > 1.5  # the illusion


REFUSALS = [
    # one taker only
    ({"taken": [1, 0, 0, 0, 0, 0]}, associations.TOO_FEW),
    # the covariate tells takers without error
    ({"taken": [0, 0, 0, 1, 1, 1]}, associations.SEPARATED),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSALS)
def test_contrasts_are_undefined_with_a_reason(changes, reason):
    rows = pd.DataFrame({"y": [1.0, 2, 3, 4, 6, 5], "x": [0.0, 0, 0, 1, 1, 1], "assigned": 1}).assign(**changes)
    for name in ("adjusted", "weighted"):
        found = CONTRASTS[name](rows)
        assert np.isnan([found.estimate, found.std_error, found.ci_low, found.p_value]).all()
        assert found.reason == reason
    assert weighted_contrast(rows, ["x"])[1] is None


def test_naive_contrast_without_spread_has_no_interval():
    found = naive_contrast(pd.DataFrame({"y": [1.0, 1, 0, 0], "taken": [1, 1, 0, 0], "assigned": 1}))
    assert (found.estimate, found.reason) == (1.0, "no interval: nothing varies within the groups")
    assert np.isnan([found.ci_low, found.ci_high, found.p_value]).all()


def test_adjusted_contrast_with_more_covariates_than_units():
    rows = _rows(10, n=6).assign(taken=[1, 1, 1, 0, 0, 0])
    rows = rows.assign(**{f"c{i}": np.random.default_rng(i).normal(size=6) for i in range(4)})
    found = adjusted_contrast(rows, ["c0", "c1", "c2", "c3"])
    assert found.reason == "too few units for so many covariates"


def test_weighted_contrast_without_overlap_says_how_far_apart():
    x = np.r_[np.linspace(0, 1, 3000), np.linspace(0.5, 2, 1000)]
    rows = pd.DataFrame({"y": x, "x": x, "assigned": 1, "taken": np.repeat([0, 1], [3000, 1000])})
    found, overlap = weighted_contrast(rows, ["x"])
    gap = f"{overlap.imbalance:.2f} standard deviations"
    assert found.reason == f"no overlap: weighting leaves a covariate {gap} apart (limit 0.25)"
    assert overlap.share_outside == pytest.approx(2 / 3, abs=0.001)  # takers above 1, where there are no others


def test_weighted_contrast_overlap_by_hand():
    # the logit of a saturated 0/1 covariate is exact: odds 3 where x = 1, odds 1/3 where x = 0
    rows = pd.DataFrame({"x": [0.0] * 4 + [1.0] * 4, "taken": [1, 0, 0, 0, 1, 1, 1, 0], "assigned": 1, "y": 0.0})
    found = weighted_contrast(rows, ["x"])[1]
    weights = np.array([1 / 3, 1 / 3, 1 / 3, 3])
    assert found.share_outside == 0.0
    assert found.effective_size == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert found.imbalance == pytest.approx(0, abs=1e-12)


ENDS = (0.0, 1.0)


def risks(level, control, treatment):
    return compare_arms(Metric(kind="binary"), control, treatment, confidence_level=level)


def moments(events, n, missing):
    share = events / n
    return Moments(("y",), n, np.array([share]), np.array([[share * (1 - share) * n / (n - 1)]]), missing)


def test_bound_missing_by_hand_is_the_envelope_of_both_extremes():
    # 40 known with 20 events and 10 unknown against 50 known with 20 events
    found = bound_missing(partial(risks, 0.95), ENDS, moments(20, 50, 0), moments(20, 40, 10))
    assert found.ci_low == pytest.approx(risk_difference(20, 50, 20, 50).ci_low)
    assert found.ci_high == pytest.approx(risk_difference(30, 50, 20, 50).ci_high)
    assert math.isnan(found.estimate)
    assert found.reason == "bounds only: some outcomes are unknown, so there is no single estimate"


@pytest.mark.parametrize("metric", [{"kind": "nps"}, {"kind": "score", "scale": [-100, 100]}])
def test_bound_missing_fills_with_the_ends_of_the_scale(metric):
    # 10 unknown of 20 where all known are 0: the mean can be anywhere from -50 to 50
    zero = Moments(("y",), 10, np.array([0.0]), np.array([[1.0]]), 10)
    full = Moments(("y",), 20, np.array([0.0]), np.array([[1.0]]), 0)
    measure = partial(compare_arms, Metric(**metric))
    found = bound_missing(measure, Metric(**metric).how.extremes(Metric(**metric)), full, zero)
    assert found.ci_low < -50 < 50 < found.ci_high


def test_bound_missing_of_an_amount_has_no_bounds():
    found = bound_missing(partial(compare_arms, Metric(kind="amount")), None, moments(2, 5, 1), moments(2, 5, 1))
    assert found.reason == "no bounds: the outcome has no fixed lowest and highest value"


def draw(seed, n=600):
    rng = np.random.default_rng(seed)
    x, treated = rng.normal(size=n), np.arange(n) % 2
    y = x + 0.5 * treated + rng.normal(size=n)
    answers = rng.random(n) < 1 / (1 + np.exp(-(0.3 + (1.5 * treated - 0.5) * x)))  # keen ones answer, by arm
    return pd.DataFrame({"y": np.where(answers, y, np.nan), "treated": treated, "x": x})


def weigh(rows, columns=("y", "x"), **level):
    return weight_responders(*(rows.loc[rows["treated"] == arm, [*columns]].to_numpy(float) for arm in (0, 1)), **level)


def test_weight_responders_recovers_what_responders_alone_do_not():
    draws = [draw(seed) for seed in range(60)]
    weighted = [weigh(rows) for rows in draws]
    alone = [rows.groupby("treated")["y"].mean().diff().iloc[-1] for rows in draws]
    error = np.std([e.estimate for e in weighted]) / np.sqrt(len(draws))
    assert abs(np.mean([e.estimate for e in weighted]) - 0.5) < 3.5 * error + 0.01
    assert abs(np.mean(alone) - 0.5) > 0.2
    covered = np.mean([e.ci_low <= 0.5 <= e.ci_high for e in weighted])
    assert covered > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / len(draws))
    known = draws[0].assign(y=draws[0]["x"] ** 2)  # nothing is unknown, so that all weigh alike
    variances = known.groupby("treated")["y"].agg(lambda y: y.var(ddof=0) / len(y))
    assert weigh(known).std_error == pytest.approx(np.sqrt(variances.sum()))


@pytest.mark.parametrize(("rows", "columns", "reason"), [
    (draw(3), ["y"], "no weights: the plan names no covariates"),
    (draw(3).head(30), ["y", "x"], "no weights: an arm has fewer than 20 known outcomes"),
])  # fmt: skip
def test_weight_responders_says_why_not(rows, columns, reason):
    assert weigh(rows, columns).reason == reason
