"""Where data leave what a method promises; and the Bayesian reading: by hand, numerical integration, calibration."""

import dataclasses
import math
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, run_experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from helpers.inference.credibility import OVERSTATED, Posterior, find_exaggeration, list_posteriors, read_posterior
from helpers.inference.methods import find_method
from helpers.records import DataInfo, Estimate, Results
from helpers.view.words import explain

AMOUNT = {"kind": "amount", "role": "primary", "better": "higher"}
SCORE = {"kind": "score", "role": "primary", "better": "higher"}
LABELLED = {**SCORE, "label": "ease"}
BINARY = {"kind": "binary", "role": "primary", "better": "higher"}


def checks(results):
    return {c.id: c for c in results.checks}


def heavy(n=300, share=0.5, seed=2):
    rng = np.random.default_rng(seed)
    treated = np.arange(n) < n * share
    money = np.where(rng.random(n) < 0.1, rng.lognormal(3, 2, n), 0.0)
    return pd.DataFrame({"variant": np.where(treated, "t", "c"), "y": money})


def test_domain_of_a_primary_metric_is_told_in_the_answer():
    design = make_design(metrics={"y": {**AMOUNT, "label": "money paid"}, "z": {**BINARY, "role": "secondary"}})
    frame = heavy().assign(z=np.arange(300) % 50 == 0).astype({"z": float})
    results = run_experiment(frame, design)
    told = explain(results, design).answer
    said = "so the interval may hold the truth less often than it says."
    assert [t for t in told if said in t] == [f"Money paid: the tail is too heavy for so few units, {said}"]
    found = checks(results)  # what it needs, and secondary metrics: in the table of checks alone
    assert said in found["domain_y"].message and said in found["domain_z"].message


@pytest.mark.parametrize(("looks", "how"), [([], "always-valid"), ([0.5, 1.0], "repeated, between looks")])
def test_domain_at_an_early_look_claims_no_more_than_the_grid_draws(looks, how):
    frame = draw_frame(4000).assign(z=lambda f: (f["y"] > 0) * 1.0)
    metrics = {"y": SCORE, "z": {**BINARY, "role": "secondary"}}
    results = run_experiment(frame, make_design(metrics=metrics, planned_units=9000, looks=looks))
    assert results.headline("z")[0].method == f"miettinen-nurminen, {how}"
    assert checks(results)["domain"].status == "not tested"
    assert checks(results)["domain"].message == (
        "Every headline effect lies in the domain of its method, but how often an interval that allows for looking "
        "early holds the truth is measured for means at planned looks, or at any, alone: not for "
        f"{'y, ' if looks else ''}z."
    )
    few = run_experiment(frame.assign(z=np.arange(4000) < 12), make_design(metrics=metrics, planned_units=9000))
    assert checks(few)["domain_z"].status == "warn"


@pytest.mark.parametrize(
    ("kind", "base", "n", "events"), [("count", 0.0, 400, (5, 6)), ("amount", 1.0, 3000, (10, 12))]
)
def test_domain_of_a_mean_needs_units_that_differ_from_most(kind, base, n, events):
    frame = pd.DataFrame({"variant": np.repeat(["c", "t"], n // 2), "y": base})
    for arm, k in zip("ct", events, strict=True):
        frame.loc[frame.index[frame["variant"] == arm][:k], "y"] = base + 1
    found = checks(run_experiment(frame, make_design(metrics={"y": {**AMOUNT, "kind": kind}})))
    assert found["domain_y"].message.startswith("y: most units have one value, the lowest or the highest, and too few")
    lower = frame.assign(y=-frame["y"])
    assert "domain_y" in checks(run_experiment(lower, make_design(metrics={"y": SCORE})))


def test_domain_of_a_median_holds_no_jump():
    rng = np.random.default_rng(3)
    treated, long = np.arange(800) % 2 == 1, 100 + rng.exponential(10, 800)
    quantile = {"y": {**AMOUNT, "quantile": 0.5}}
    shares = {0.5: "domain_y", 0.2: "domain"}  # of 0, such as of those who never came back
    for share, told in shares.items():
        y = np.where(rng.permutation(800) < share * 800, 0.0, long)
        frame = pd.DataFrame({"variant": np.where(treated, "t", "c"), "y": y})
        found = checks(run_experiment(frame, make_design(metrics=quantile)))
        assert told in found
    whole = frame.assign(y=np.floor(rng.exponential(2 / np.log(2), 800)))  # half of them below 2
    assert "domain_y" in checks(run_experiment(whole, make_design(metrics=quantile)))


@pytest.mark.parametrize(("n", "events", "status"), [(400, 12, "warn"), (400, 100, "pass")])
def test_domain_of_a_share_counts_the_rarer_of_event_and_none(n, events, status):
    for value in (1.0, 0.0):
        frame = pd.DataFrame({"variant": ["c", "t"] * (n // 2), "z": 1 - value})
        frame.loc[: events - 1, "z"] = value
        found = checks(run_experiment(frame, make_design(metrics={"z": BINARY})))
        assert found["domain_z" if status == "warn" else "domain"].status == status


def test_domain_names_the_comparison_among_several_treatments():
    frame = heavy(450).assign(variant=np.array(["c", "t", "u"])[np.arange(450) % 3])
    design = make_design(metrics={"y": AMOUNT}, variant={"control": "c", "treatments": ["t", "u"]})
    found = checks(run_experiment(frame, design))
    assert (found["domain_y"].status, "domain" in found) == ("warn", False)
    plain, _, needed = found["domain_y"].message.partition(" For its promise, ")
    assert plain == (
        "y, t - c: the tail is too heavy for so few units, so the interval may hold the truth less often than it says."
    )
    assert re.fullmatch(r"the smaller arm needs more than \d+ x skewness² units\.", needed)


def test_domain_of_a_time_to_event_counts_what_was_seen_of_units_lost_early():
    rng = np.random.default_rng(1)
    days, followed = rng.exponential(1 / 0.0075, 160), np.tile([40.0, 1.0], 80)
    frame = pd.DataFrame({"variant": np.repeat(["c", "t"], 80), "days": np.minimum(days, 40), "seen": days <= 40})
    time = {"kind": "time_to_event", "role": "primary", "time": "days", "observed": "seen", "horizon_days": 30}
    lost = frame.assign(days=np.minimum(days, followed), seen=days <= followed)
    tables = (table.astype({"seen": float}) for table in (frame, lost))
    whole, short = (checks(run_experiment(table, make_design(metrics={"p": time}))) for table in tables)
    assert "domain" in whole
    assert short["domain_p"].status == "warn"  # half of them are known for a day only


def test_covariates_that_repeat_others_are_named_without_their_levels():
    frame = draw_frame(country=["a", "b", "secret", "a"] * 100).assign(again=lambda f: 2 * f["x"])
    frame["is_secret"] = (frame["country"] == "secret") * 1.0
    design = make_design(metrics={"y": SCORE}, covariates=["x", "is_secret", "country", "again"])
    found = checks(run_experiment(frame, design))["covariates"]
    assert found.status == "warn"
    assert found.message.endswith("Left out, as repeating others or not varying: part of country, again.")
    assert "=" not in found.message


def test_domain_counts_the_arms_that_are_compared():
    rng = np.random.default_rng(8)
    y = rng.lognormal(0, 0.8, 1800)
    equal = {"control": "c", "treatments": ["t", "u"]}
    unequal = {**equal, "split": {"c": 0.8, "t": 0.1, "u": 0.1}}
    labels = np.array(["c", "t", "u"])[np.arange(1800) % 3], np.array([*"cccccccctu"])[np.arange(1800) % 10]
    found = [
        checks(
            run_experiment(pd.DataFrame({"variant": arms, "y": y}), make_design(metrics={"y": SCORE}, variant=variant))
        )
        for arms, variant in zip(labels, (equal, unequal), strict=True)
    ]
    assert "domain" in found[0]  # of one size, so that the tails of both arms cancel
    assert "domain_y" in found[1]


NOISE = {f"x{i}": np.random.default_rng([9, i]).normal(size=60) for i in range(8)}
FAINT = {"x0": np.random.default_rng(9).normal(size=40000)}


@pytest.mark.parametrize(("frame", "covariates", "low", "high", "told"), [
    # x explains half
    (draw_frame(), ["x"], 0.4, 0.6, "take away {:.1f} % of the variance of the effect on ease."),
    # eight that explain nothing in 60 units
    (draw_frame(60, **NOISE), list(NOISE), -1, -0.001,
     "add {:.1f} % to the variance of the effect on ease: they cost more than they explain."),
    # less than is printed
    (draw_frame(40000, **FAINT), ["x0"], -0.0005, 0, "take away 0.0 % of the variance of the effect on ease."),
])  # fmt: skip
def test_covariates_tell_what_they_take_away(frame, covariates, low, high, told):
    design = make_design(metrics={"y": LABELLED}, covariates=covariates)
    found = checks(run_experiment(frame, design))["covariates"]
    assert low < found.value < high and found.status == "pass"
    assert found.message == f"Covariates {told.format(100 * abs(found.value))}"


def test_covariates_tell_of_the_metric_that_they_help_most_where_the_key_metric_has_none():
    frame = draw_frame(600).assign(k=lambda f: f["x"] + 0.1 * f["y"], top=lambda f: f["y"], big=2.0)
    ratio = {"kind": "ratio", "role": "primary", "numerator": "top", "denominator": "big"}
    metrics = {"r": ratio, "y": {**SCORE, "role": "secondary"}, "k": {**SCORE, "role": "secondary"}}
    found = checks(run_experiment(frame, make_design(metrics=metrics, covariates=["x"])))["covariates"]
    told = f"Covariates take away {100 * found.value:.1f} % of the variance of the effect on k, more than of any other."
    assert found.message == told


def made(estimate=0.4, std_error=0.2, n=100, **more):
    """Return a difference of two equal arms."""
    labels = {"id": "y", "metric": "y", "control": "a", "treatment": "b", "comparison": "b - a"}
    known = {"estimand": "difference", "role": "primary", "n_control": n, "n_treatment": n}
    return Estimate(**{**labels, **known, "estimate": estimate, "std_error": std_error, **more})


def test_read_posterior_by_hand():
    # a unit's variance is .04 x 50 = 2; a prior of 25 units an arm has variance 2 x 2 / 25 = .16, weight .16 / .2
    found = read_posterior(made(), prior_units=25)
    assert found.prior_sd == pytest.approx(0.4)
    assert (found.mean, found.sd) == pytest.approx((0.32, math.sqrt(0.8) * 0.2))
    assert found.probability_better == pytest.approx(stats.norm.cdf(0.32 / found.sd))
    assert found.ci_high == pytest.approx(0.32 + stats.norm.isf(0.025) * found.sd)
    # the same as pooling with 25 units an arm that show no difference
    assert found.mean == pytest.approx(100 * 0.4 / 125)
    assert found.sd == pytest.approx(math.sqrt(2 * 2 / 125))


@settings(derandomize=True, deadline=None, max_examples=4)
@given(st.floats(-3, 3), st.floats(0.1, 2), st.floats(0.5, 200))
def test_read_posterior_numerical_integration(estimate, error, prior_units):
    found = read_posterior(made(estimate, error), prior_units=prior_units)
    prior, likely = stats.norm(0, found.prior_sd), stats.norm(estimate, error)
    ends = found.mean - 12 * found.sd, found.mean + 12 * found.sd

    def mean_of(value):
        # in logarithms, since prior and estimate may be far apart
        peak = prior.logpdf(found.mean) + likely.logpdf(found.mean)
        return integrate.quad(
            lambda x: value(x) * math.exp(prior.logpdf(x) + likely.logpdf(x) - peak), *ends, points=[0.0], limit=200
        )[0]

    total = mean_of(lambda _: 1.0)
    assert mean_of(lambda x: x) / total == pytest.approx(found.mean, abs=1e-8)
    assert mean_of(lambda x: x > 0) / total == pytest.approx(found.probability_better, abs=1e-6)
    assert mean_of(lambda x: max(-x, 0)) / total == pytest.approx(found.loss_treatment, abs=1e-8)
    assert mean_of(lambda x: max(x, 0)) / total == pytest.approx(found.loss_control, abs=1e-8)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(-5, 5), st.floats(0.05, 3), st.floats(0, 500), st.sampled_from(["higher", "lower", "neither"]))
def test_read_posterior_properties(estimate, error, prior_units, better):
    options = {"better": better, "prior_units": prior_units}
    found = read_posterior(made(estimate, error), **options)
    turned = read_posterior(made(-estimate, error), **options)
    assert found.ci_low <= found.mean <= found.ci_high and abs(found.mean) <= abs(estimate)
    assert turned.probability_better == pytest.approx(1 - found.probability_better)
    assert (turned.loss_treatment, turned.mean) == pytest.approx((found.loss_control, -found.mean))
    gain = -found.mean if better == "lower" else found.mean
    assert found.loss_control - found.loss_treatment == pytest.approx(gain, abs=1e-12)
    assert min(found.loss_control, found.loss_treatment) >= 0


def test_read_posterior_loss_far_from_zero_keeps_its_digits():
    found = read_posterior(made(8.0, 0.4), prior_units=0)
    with_digits = 0.4 * stats.norm.pdf(20) / 20**2 * (1 - 3 / 20**2 + 15 / 20**4)
    assert found.loss_treatment == pytest.approx(with_digits, rel=1e-4)


def test_read_posterior_arguments_change_the_result():
    plain = read_posterior(made())
    assert read_posterior(made(), better="lower").probability_better == pytest.approx(1 - plain.probability_better)
    assert read_posterior(made(), better="neither") == plain
    assert read_posterior(made(), prior_units=50).mean < plain.mean
    assert read_posterior(made(confidence_level=0.8)).ci_low > plain.ci_low
    clustered = made(clusters_control=4, clusters_treatment=4)  # four clusters an arm: a prior of one weighs more
    assert read_posterior(clustered).mean == pytest.approx(0.4 * 4 / 5)
    assert read_posterior(made(n_control=10)).prior_sd < plain.prior_sd


def test_read_posterior_undefined():
    for estimate in (made(std_error=math.nan), made(std_error=0.0), made(math.nan), made(n=0)):
        assert read_posterior(estimate) is None


def test_read_posterior_seeded_calibration(in_band):
    # truths drawn from the prior: of all cases given 70 to 90 %, so many are better; intervals hold 95 %
    rng, runs, n = np.random.default_rng(1), 2000, 50
    truth = rng.normal(0, math.sqrt(2 / 10), runs)
    seen = rng.normal(truth, math.sqrt(2 / n))
    found = [read_posterior(made(x, math.sqrt(2 / n), n), prior_units=10) for x in seen]
    chance = np.array([f.probability_better for f in found])
    some = (chance > 0.7) & (chance < 0.9)
    assert in_band(int((truth[some] > 0).sum()), int(some.sum()), float(chance[some].mean()), cells=2)
    held = sum(f.ci_low <= t <= f.ci_high for f, t in zip(found, truth, strict=True))
    assert in_band(held, runs, 0.95, cells=2)
    loss = np.mean([f.loss_treatment for f in found])
    spent = np.maximum(-truth, 0)
    assert loss == pytest.approx(spent.mean(), abs=4 * spent.std() / math.sqrt(runs))


def make_results(*estimates, status="answered"):
    return Results("experiment", "", "", status, DataInfo("yours", "", "u.csv", None, 0, 0), {}, estimates=estimates)


KINDS = {
    "y": {**AMOUNT, "better": "lower"},
    "g": {**AMOUNT, "role": "guardrail", "margin": {"absolute": 1}},
    "e": {"kind": "amount", "role": "exploratory"},
}
BESIDE = [
    {"estimand": "relative_lift"}, {"role": "sensitivity"}, {"segment": "country=de"},
    {"metric": "e", "role": "exploratory"}, {"comparison": "c - a", "std_error": math.nan, "reason": "too few"},
]  # fmt: skip


def test_list_posteriors_reads_headline_differences_only():
    rows = [made(), *(made(**changes) for changes in BESIDE), made(metric="g", role="guardrail")]
    results, design = make_results(*rows), make_design(metrics=KINDS)
    found = list_posteriors(results, design, prior_units=25)
    fields = [field.name for field in dataclasses.fields(Posterior)]
    assert list(found.columns) == [
        "metric", "comparison", "better", "prior", *fields, *OVERSTATED, "interim", "prior_units"
    ]  # fmt: skip
    told = found[["metric", "comparison", "better", "interim", "prior_units"]].to_numpy().tolist()
    assert told == [["y", "b - a", "lower", False, 25], ["g", "b - a", "higher", False, 25]]
    expected = dataclasses.astuple(read_posterior(made(), better="lower", prior_units=25))
    assert found.loc[0, fields].tolist() == list(expected)
    assert list_posteriors(results, design).loc[0, "mean"] != found.loc[0, "mean"]


def test_list_posteriors_say_how_much_a_clear_estimate_would_overstate():
    row, worthwhile = made(control_value=5.0), {"y": {**AMOUNT, "worthwhile": 0.3}}

    def read(metrics=worthwhile, row=row):
        design = make_design(metrics=metrics)
        return list_posteriors(make_results(row), design, past_effects=0.04).iloc[0]

    found = read()
    assert (found["control_value"], found["assumed"]) == (row.control_value, 0.3)
    critical = max(1.959964, (row.ci_high - row.ci_low) / 2 / row.std_error)
    assert found["exaggeration"] == pytest.approx(find_exaggeration(0.3, row.std_error, critical))
    assert read({"y": AMOUNT})["assumed"] == pytest.approx(0.04 * row.control_value)
    wide = row.but(ci_low=row.estimate - 5 * row.std_error, ci_high=row.estimate + 5 * row.std_error)  # an early look
    assert read(row=wide)["exaggeration"] > found["exaggeration"]
    assert read({**worthwhile, "z": AMOUNT})["exaggeration"] > found["exaggeration"]  # decided together with another
    guard = {"y": {**AMOUNT, "role": "guardrail", "margin": {"absolute": 0.3}}}
    assert math.isnan(read(guard, row.but(role="guardrail"))["assumed"])


def test_list_posteriors_reads_the_estimates_as_a_sceptic_too():
    kinds = {
        "y": {"kind": "amount", "role": "primary"},
        "n": {"kind": "nps", "role": "secondary"},
        "q": {"kind": "amount", "quantile": 0.5, "role": "secondary"},
    }
    rows = [made(id=name, metric=name, control_value=5.0) for name in kinds]
    found = list_posteriors(make_results(*rows), make_design(metrics=kinds), past_effects=0.04)
    # an NPS is no share of anything, a quantile has no normal limits
    assert found[["metric", "prior"]].to_numpy().tolist() == [["y", "weak"], ["y", "sceptical"], ["n", "weak"]]
    # .2 = 4 % of 5, as wide as the estimate's own error: half of the estimate is believed
    assert found.loc[1, ["prior_sd", "mean"]].tolist() == pytest.approx([0.2, 0.2])
    assert found.loc[1, "sd"] == pytest.approx(0.2 / math.sqrt(2))
    milder = list_posteriors(make_results(*rows), make_design(metrics=kinds), past_effects=0.4)
    assert milder.loc[1, "mean"] > found.loc[1, "mean"]
    nothing = list_posteriors(make_results(made(control_value=0.0)), make_design(metrics=kinds), past_effects=0.04)
    assert nothing["prior"].tolist() == ["weak"]


def test_list_posteriors_says_interim_and_is_empty_when_withheld():
    design = make_design(metrics={"y": AMOUNT})
    assert list_posteriors(make_results(made(), status="interim"), design)["interim"].tolist() == [True]
    empty = list_posteriors(make_results(status="withheld"), design)
    assert len(empty) == 0 and "probability_better" in empty


def describe(control, treatment):
    """What the domain is judged by, from rows."""
    less = [arm - arm.mean() for arm in (control, treatment)]
    n = {"n_control": len(control), "n_treatment": len(treatment)}
    skewness = sum(len(gap) * stats.skew(gap) for gap in less) / sum(n.values())
    top_share = max((gap**2).max() / (gap**2).sum() for gap in less)
    near = [min(gap.max(), -gap.min()) ** 2 for gap in less]
    apart = sum(len(gap) * d / (d + (gap**2).mean()) for gap, d in zip(less, near, strict=True)) / sum(n.values())
    spread = less[1].std() / less[0].std()
    return {**n, "skewness": skewness, "spread": spread, "top_share": top_share, "apart": apart}


def spend(rng, n, share, spread):
    """Money of a few units in arms of 4 to 6, with a tail that a sample often misses."""
    return np.split(np.where(rng.random(n) < share, rng.lognormal(0, spread, n), 0.0), [n * 4 // 10])


def occur(rng, n, mean, ratio):
    """Events of two equal arms, so many times as often under treatment."""
    return rng.poisson(mean, n).astype(float), rng.poisson(mean * ratio, n).astype(float)


@pytest.mark.parametrize(("draw", "given", "most"), [
    # a tail that a sample may miss, in unequal arms: inside in 19, 38, 9 and 20 % before
    (spend, (1000, 0.1, 1.0), 4), (spend, (3000, 0.1, 1.0), 4), (spend, (3000, 0.1, 1.5), 4),
    (spend, (1000, 1, 1.5), 4),
    # few events: 7 %, in which coverage was 57 %
    (occur, (200, 0.02, 3), 2), (occur, (200, 0.02, 1), 2), (occur, (100, 0.05, 3), 2), (occur, (1000, 0.01, 3), 2),
])  # fmt: skip
def test_samples_for_which_a_method_promises_nothing_do_not_lie_inside(draw, given, most):
    rng, welch, inside = np.random.default_rng(7), find_method("welch", "difference").domain, 0
    for _ in range(120):
        arms = draw(rng, *given)
        inside += min(map(np.ptp, arms)) > 0 and welch.find_departure(**describe(*arms)) is None
    assert inside <= most


def test_a_light_tail_of_unequal_arms_lies_inside():
    rng, welch = np.random.default_rng(7), find_method("welch", "difference").domain
    draws = [np.split(rng.poisson(2, 1000).astype(float), [400]) for _ in range(50)]
    assert all(welch.find_departure(**describe(*arms)) is None for arms in draws)


def test_find_exaggeration_of_what_can_never_be_clear_is_unknown():
    with warnings.catch_warnings(action="error"):
        assert math.isnan(find_exaggeration(0.3, 0.1, math.inf))  # at a look that is too early
