"""The effect of the offer in compliers, and what an experiment tells of taking."""

import math

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, run_experiment
from scipy import stats
from statsmodels.sandbox.regression.gmm import IV2SLS

from helpers import inference
from helpers.inference import take_up
from helpers.inference.contrasts import e_value
from helpers.inference.means import measure_columns
from helpers.inference.take_up import anderson_rubin, complier_effect, first_stage
from helpers.records import Check, Moments


def fold_take_up(rows):
    """Return the moments of outcome and take-up in both arms, control first, of units that have both."""
    known = (rows.loc[rows["assigned"] == arm, ["y", "taken"]].dropna().to_numpy(float) for arm in (0, 1))
    return [measure_columns(arm, ("y", "taken")) for arm in known]


def _rows(seed, n=400, offered=0.6, unasked=0.0, effect=2.0):
    """A randomised offer that some follow; takers are keener, so that naive contrasts mislead."""
    rng = np.random.default_rng(seed)
    assigned, keen = rng.permutation(np.arange(n) % 2), rng.random(n)
    taken = np.where(assigned == 1, keen > 1 - offered, keen > 1 - unasked).astype(int)
    return pd.DataFrame({"y": effect * taken + 3 * keen + rng.normal(size=n), "assigned": assigned, "taken": taken})


def _moments(y, taken, n, spread=1.0, between=0.0, varies=0.25):
    return Moments(("y", "taken"), n, np.array([y, taken]), np.array([[spread, between], [between, varies]]))


@pytest.fixture(scope="module")
def jobs(shared):
    rows = pd.read_csv(shared / "data" / "jobs2.csv")
    return rows.assign(y=rows.depress2, assigned=rows.treat, taken=rows.comply)


def test_complier_effect_by_hand():
    # arms differ by 1 in the outcome and by half in take-up: 2 for each complier
    found = complier_effect((_moments(5, 0, 100, varies=0.0), _moments(6, 0.5, 100)))
    assert found.estimate == 2.0
    assert found.std_error == pytest.approx(math.sqrt(1 / 100 + (1 + 4 * 0.25) / 100) / 0.5)
    assert found.df == pytest.approx((0.01 + 0.02) ** 2 / (0.01**2 / 99 + 0.02**2 / 99))


def test_complier_effect_of_jobs_ii(jobs):
    found = complier_effect(fold_take_up(jobs))
    assert found.estimate == pytest.approx(-0.1022, abs=5e-5)
    assert found.treatment_value == pytest.approx(jobs.y[jobs.taken == 1].mean())  # one-sided: takers are compliers
    employed = complier_effect(fold_take_up(jobs.assign(y=(jobs.work1 == "psyemp").astype(float))))
    assert employed.estimate == pytest.approx(0.0925, abs=5e-5)


def test_complier_effect_equals_two_stage_least_squares():
    rows = _rows(1, offered=0.7, unasked=0.2)
    ones = np.ones(len(rows))
    fit = IV2SLS(rows.y, np.column_stack([ones, rows.taken]), np.column_stack([ones, rows.assigned])).fit()
    found = complier_effect(fold_take_up(rows))
    assert found.estimate == pytest.approx(fit.params.iloc[1], rel=1e-9)
    assert found.std_error == pytest.approx(fit.bse.iloc[1], rel=0.05)  # theirs pools the variances


def test_complier_effect_with_full_compliance_is_the_difference():
    rows = _rows(4, offered=1.0)
    other = stats.ttest_ind(rows.y[rows.assigned == 1], rows.y[rows.assigned == 0], equal_var=False)
    for estimator in (complier_effect, anderson_rubin):
        found = estimator(fold_take_up(rows))
        assert found.p_value == pytest.approx(other.pvalue, rel=1e-9)
        assert (found.ci_low, found.ci_high) == pytest.approx(tuple(other.confidence_interval(0.95)), rel=1e-9)


LACKS = "an arm has fewer than two units with outcome and take-up known"
SAME = "take-up is the same in both arms, so the offer says nothing about taking"
UNDEFINED = [
    ((_moments(1, 0, 1), _moments(2, 1, 50)), LACKS),  # one unit in an arm
    ((_moments(1, 0.5, 50), _moments(2, 0.5, 50)), SAME),
]


@pytest.mark.parametrize(("arms", "reason"), UNDEFINED)
def test_complier_effect_is_undefined_with_a_reason(arms, reason):
    found = complier_effect(arms)
    assert found.reason == reason
    assert np.isnan([found.estimate, found.std_error, found.ci_low, found.ci_high, found.p_value]).all()
    assert anderson_rubin(arms).reason == reason


def test_complier_effect_without_any_spread_has_no_interval():
    arms = (_moments(0, 0, 20, spread=0.0, varies=0.0), _moments(1, 1, 20, spread=0.0, varies=0.0))
    found = complier_effect(arms)
    assert (found.estimate, found.reason) == (1.0, "no interval: nothing varies within the groups")
    assert np.isnan([found.ci_low, found.p_value]).all()
    assert np.isnan([anderson_rubin(arms).ci_low, anderson_rubin(arms).p_value]).all()


TOO_LITTLE = "the offer moves take-up too little"
SETS = [
    # a clear first stage: one interval
    (_moments(5, 0, 100, varies=0.0), _moments(6, 0.5, 100), 1, None),
    # take-up hardly moves, the outcome clearly: two rays around 0
    (_moments(5, 0.40, 100), _moments(6, 0.45, 100), 2,
     f"the confidence set is two rays, not an interval: {TOO_LITTLE}"),
    # neither moves
    (_moments(5, 0.40, 100), _moments(5.1, 0.45, 100), 1, f"any effect of taking fits: {TOO_LITTLE}"),
]  # fmt: skip


@pytest.mark.parametrize(("control", "treatment", "pieces", "reason"), SETS)
def test_anderson_rubin_set_equals_a_grid_of_tests(control, treatment, pieces, reason):
    found = anderson_rubin((control, treatment))
    pairs = found.ci_set or ((found.ci_low, found.ci_high),)
    assert (len(pairs), found.reason) == (pieces, reason)
    assert (found.ci_set is None) == math.isfinite(found.ci_low)
    quantile = stats.t.isf(0.025, found.df)
    for effect in np.linspace(-60, 60, 4001):
        weights = np.array([1, -effect])
        gap = weights @ (treatment.mean - control.mean)
        spread = weights @ (control.cov / control.n + treatment.cov / treatment.n) @ weights
        inside = any((low is None or low <= effect) and (high is None or effect <= high) for low, high in pairs)
        assert inside == (gap**2 <= quantile**2 * spread)


def test_anderson_rubin_set_is_empty_when_only_the_outcome_moves():
    found = anderson_rubin((_moments(5, 0, 100, varies=0.0), _moments(9, 0, 100, varies=0.0)))
    assert (found.ci_set, found.reason) == ((), SAME)


def test_solve_gives_one_ray_when_the_first_stage_is_exactly_at_the_limit():
    ends = [take_up._solve(np.array([y, 2.0]), np.eye(2), 2.0) for y in (3.0, -3.0)]
    assert ends == [((5 / 12, None),), ((None, -5 / 12),)]  # c / 2h = (9 - 4) / 12
    assert take_up._describe(ends[0]).startswith("the confidence set is one ray")


def test_first_stage_of_jobs_ii(jobs):
    found = first_stage(fold_take_up(jobs))
    assert (found["take_up_control"], found["take_up_treatment"]) == (0, pytest.approx(0.62))
    taken = [jobs.comply[jobs.treat == arm] for arm in (1, 0)]
    assert found["first_stage_f"] == pytest.approx(stats.ttest_ind(*taken, equal_var=False).statistic ** 2)


NOTES = [
    # both sides, and weak
    ((0.40, 0.45), 0.25, "Non-compliance is on both sides: some take it up without the offer, and some do not with it. "
     "The offer moves take-up weakly: trust the Anderson-Rubin set only."),
    # the treatment removes it, everybody had it
    ((1.0, 0.3), 0.2, "Everybody takes it up with the offer: non-compliance is one-sided."),
    # perfect compliance
    ((0.0, 1.0), 0.0,
     "Everybody takes it up in one arm and nobody in the other: the offer and taking are the same thing."),
    # the control takes nothing up
    ((0.0, 0.6), 0.24,
     "Nobody takes it up without the offer: non-compliance is one-sided, and takers are the compliers."),
]  # fmt: skip


@pytest.mark.parametrize(("shares", "varies", "note"), NOTES)
def test_first_stage_says_who_does_not_comply(shares, varies, note):
    found = first_stage(tuple(_moments(1, share, 100, varies=varies) for share in shares))
    assert found["note"] == note


def test_first_stage_with_one_unit_is_not_tested():
    found = first_stage((_moments(1, 0, 1), _moments(1, 1, 50)))
    assert math.isnan(found["first_stage_f"]) and math.isnan(found["take_up_control"])
    assert found["note"] == "Not tested: an arm has fewer than two units with outcome and take-up known."


E_VALUES = [
    (3.9, 1.8, 7.26, 3.0),  # VanderWeele and Ding 2017, maternal breastfeeding
    (1 / 3.9, 1 / 1.8, 7.26, 3.0),  # a protective ratio reads the same
    (2.5, 2.1, 2.5 + math.sqrt(2.5 * 1.5), 2.1 + math.sqrt(2.1 * 1.1)),  # by the formula
    (1.5, 0.9, 1.5 + math.sqrt(1.5 * 0.5), 1.0),  # the interval holds 1: nothing to explain
    (2.0, None, 2 + math.sqrt(2), math.nan),  # no interval
    (0.0, 0.5, math.nan, math.nan),  # no ratio
    (math.nan, 2.0, math.nan, math.nan),  # an unknown one
]


@pytest.mark.parametrize(("ratio", "limit", "estimate", "end"), E_VALUES)
def test_e_value_of_published_and_edge_cases(ratio, limit, estimate, end):
    assert e_value(ratio, limit) == pytest.approx((estimate, end), abs=0.005, nan_ok=True)


SCORE = {"kind": "score", "role": "primary", "better": "higher"}


def draw_offer(n=4000, seed=2):
    """Keen units take the offer and score higher; the offer itself does nothing."""
    frame = draw_frame(n, effect=0, seed=seed)
    keen = frame["x"] > 0
    took = ((frame["variant"] == "t") & keen).astype(float)
    return frame.assign(took=took, z=(frame["y"] > 0).astype(float))


def test_study_uptake_shows_the_illusion_and_its_cure():
    binary = {"kind": "binary", "role": "secondary", "better": "higher"}
    design = make_design(metrics={"y": SCORE, "z": binary}, exposure={"column": "took"}, covariates=["x"])
    results = run_experiment(draw_offer(), design)
    contrasts = inference.select_contrasts(results, "y")
    assert [e.estimand for e in contrasts] == ["naive", "naive", "naive", "difference", "cace", "cace"]
    naive, adjusted = contrasts[:2]
    assert naive.ci_low > 0.5 and adjusted.estimate < naive.estimate / 2
    assert all(e.ci_low < 0 < e.ci_high for e in contrasts if e.estimand in ("difference", "cace"))
    ratio = results.select(metric="z", estimand="ratio")[0]
    assert ratio.estimate == pytest.approx(ratio.treatment_value / ratio.control_value)
    assert results.tables["uptake"].loc[0, "take_up_control"] == 0


def test_study_uptake_takes_e_values_from_the_contrast_that_is_shown():
    # all that takers have before others is x: the crude ratio of 3 is explained by it, what is left is not far from 1
    plan = {"metrics": {"z": {"kind": "binary", "role": "primary", "better": "higher"}}, "exposure": {"column": "took"}}
    for covariates, adjustment in (([], "none"), (["x"], "covariates")):
        results = run_experiment(draw_offer(), make_design(**plan, covariates=covariates))
        shown = results.select(estimand="naive", adjustment=adjustment)[0]
        found = results.tables["uptake"].iloc[0]
        ratio = shown.treatment_value / shown.control_value
        assert (found["adjustment"], found["risk_ratio"]) == (adjustment, pytest.approx(ratio))
        assert found["e_value"] == pytest.approx(ratio + math.sqrt(ratio * (ratio - 1)))
        limit = 1 + shown.ci_low / shown.control_value if covariates else results.select(estimand="ratio")[0].ci_low
        assert found["e_value_limit"] == pytest.approx(limit + math.sqrt(limit * (limit - 1)))


@pytest.mark.parametrize(("metric", "more"), [
    (SCORE, {}),  # no exposure in the plan
    ({**SCORE, "role": "guardrail", "margin": {"absolute": 0.5}}, {"exposure": {"column": "took"}}),
])  # fmt: skip
def test_study_uptake_is_empty_without_exposure_and_for_guardrails(metric, more):
    results = run_experiment(draw_offer(400), make_design(metrics={"y": metric}, **more))
    assert inference.select_contrasts(results, "y") == ()


def test_study_uptake_tells_nothing_of_a_take_up_that_the_log_lacks():
    lost = Check("exposure_fit", "fail", 0.3, 0.1, "Events of the take-up in t are lost.")
    results = run_experiment(draw_offer(), make_design(metrics={"y": SCORE}, exposure={"column": "took"}), found=[lost])
    assert {e.population for e in results.estimates} == {"itt"} and results.tables["uptake"].empty


def test_study_uptake_compares_with_a_group_outside_the_randomisation():
    frame = draw_offer(600).assign(unit=lambda f: "u" + f.index.astype(str))
    outside = frame[frame["variant"] == "c"].assign(variant="o", y=lambda f: f["y"] + 3, unit=lambda f: "o" + f["unit"])
    variant = {"column": "variant", "control": "c", "treatments": ["t"], "observational": ["o"]}
    design = make_design(metrics={"y": SCORE}, variant=variant)
    (naive,) = run_experiment(pd.concat([frame, outside]), design).select(population="observational")
    assert (naive.comparison, naive.estimand) == ("t - o", "naive")
    assert naive.estimate == pytest.approx(-3, abs=0.4)
    assert (naive.n_control, naive.n_treatment) == (300, 300)
