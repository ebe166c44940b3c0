"""The Bayesian reading: by hand, numerical integration, properties, calibration with truths from the prior."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import make_design
from scipy import integrate, stats

from helpers.inference.bayes import Posterior, list_posteriors, read_posterior
from helpers.records import DataInfo, Estimate, Refused, Results


def made(estimate=0.4, std_error=0.2, n=100, **more):
    """Return a difference of two equal arms."""
    labels = {"id": "y", "metric": "y", "control": "a", "treatment": "b", "comparison": "b - a"}
    known = {"estimand": "difference", "role": "primary", "n_control": n, "n_treatment": n}
    return Estimate(**{**labels, **known, "estimate": estimate, "std_error": std_error, **more})


def test_read_posterior_by_hand():
    # a unit's variance is .04 x 50 = 2; a prior of 25 units an arm has variance 2 x 2 / 25 = .16, weight .16 / .2
    found = read_posterior(made(), prior_units=25)
    assert (found.prior_mean, found.prior_sd) == (0, pytest.approx(0.4))
    assert (found.mean, found.sd) == pytest.approx((0.32, math.sqrt(0.8) * 0.2))
    assert found.probability_better == pytest.approx(stats.norm.cdf(0.32 / found.sd))
    assert found.ci_high == pytest.approx(0.32 + stats.norm.isf(0.025) * found.sd)
    # the same as pooling with 25 units an arm that show no difference
    assert found.mean == pytest.approx(100 * 0.4 / 125)
    assert found.sd == pytest.approx(math.sqrt(2 * 2 / 125))


def test_read_posterior_flat_prior_is_the_normal_interval():
    found = read_posterior(made(), prior_units=0)
    assert (found.mean, found.sd, found.prior_sd) == (0.4, pytest.approx(0.2), math.inf)
    assert found.probability_better == pytest.approx(stats.norm.cdf(2))


@settings(derandomize=True, deadline=None, max_examples=15)
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
    for value, shown in ((-1, "-1"), (math.inf, "inf"), (math.nan, "nan")):
        message = f"prior_units is {shown}; give a number of units of 0 \\(flat\\) or more"
        with pytest.raises(Refused, match=message):
            read_posterior(made(), prior_units=value)


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


def test_list_posteriors_reads_headline_differences_only():
    margin = {"role": "guardrail", "margin": {"absolute": 1}}
    kinds = {
        "y": {"kind": "amount", "role": "primary", "better": "lower"},
        "g": {"kind": "amount", "better": "higher", **margin},
        "e": {"kind": "amount", "role": "exploratory"},
    }
    rows = [
        made(id="1"),
        made(id="2", estimand="relative_lift"),
        made(id="3", role="sensitivity"),
        made(id="4", segment="country=de"),
        made(id="5", metric="g", role="guardrail"),
        made(id="6", metric="e", role="exploratory"),
        made(id="7", comparison="c - a", std_error=math.nan, reason="too few"),
    ]
    found = list_posteriors(make_results(*rows), make_design(kinds), prior_units=25)
    fields = [field.name for field in dataclasses.fields(Posterior)]
    assert list(found.columns) == ["metric", "comparison", "better", *fields, "interim", "prior_units"]
    assert found[["metric", "comparison", "better"]].to_numpy().tolist() == [
        ["y", "b - a", "lower"],
        ["g", "b - a", "higher"],
    ]
    expected = dataclasses.astuple(read_posterior(made(), better="lower", prior_units=25))
    assert found.loc[0, fields].tolist() == list(expected)
    assert found["interim"].tolist() == [False, False]
    assert found["prior_units"].tolist() == [25, 25]
    assert list_posteriors(make_results(*rows), make_design(kinds)).loc[0, "mean"] != found.loc[0, "mean"]


def test_list_posteriors_says_interim_and_is_empty_when_withheld():
    design = make_design({"y": {"kind": "amount", "role": "primary"}})
    assert list_posteriors(make_results(made(), status="interim"), design)["interim"].tolist() == [True]
    empty = list_posteriors(make_results(status="withheld"), design)
    assert len(empty) == 0 and "probability_better" in empty
