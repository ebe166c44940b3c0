"""Power, sample sizes and smallest effects, each the inverse of the other; and what an experiment could have seen."""

import math

import numpy as np
import pytest
from experiments import make_design
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import norm
from sources_samples import tell_refusal
from statsmodels.stats.power import TTestIndPower

from helpers.inference.contrasts import score_limits, score_p_value
from helpers.inference.credibility import find_exaggeration
from helpers.inference.decisions import find_rule
from helpers.inference.planning import (
    mde_means,
    mde_normal,
    mde_proportions,
    power_margin,
    power_means,
    power_normal,
    power_proportions,
    sample_size_margin,
    sample_size_means,
    sample_size_normal,
    sample_size_proportions,
    simulate_power,
)


def test_sample_size_proportions_by_hand():
    # (1.95996 + .84162)^2 x (.12 x .88 + .1 x .9) / .5 / .02^2
    expected = (norm.isf(0.025) + norm.isf(0.2)) ** 2 * (0.12 * 0.88 + 0.1 * 0.9) / 0.5 / 0.02**2
    assert sample_size_proportions(0.1, 0.02) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(7676.2, abs=0.05)


SPLITS = [
    # a tenth treated, of whom more have the event: the control gives the test its variance, which is too small
    (0.1, 0.07, 0.1, 2000),
    # a tenth treated, of whom fewer have it: too large
    (0.17, -0.07, 0.1, 1700),
    # nearly all treated
    (0.17, -0.07, 0.9, 2400),
    # three tenths
    (0.9, 0.04, 0.3, 1553),
]


SHARES = st.floats(0.05, 0.95)


@pytest.mark.parametrize(("baseline", "difference", "share", "n"), SPLITS)
def test_power_proportions_of_an_unequal_split_is_that_of_the_score_test(baseline, difference, share, n):
    treated = round(share * n)
    cells = np.arange(treated + 1)[:, None], treated, np.arange(n - treated + 1)[None], n - treated
    chances = stats.binom.pmf(cells[0], treated, baseline + difference)
    chances = chances * stats.binom.pmf(cells[2], n - treated, baseline)
    exact = chances[score_p_value(*cells) <= 0.05].sum()
    assert power_proportions(baseline, difference, n, share_treatment=share) == pytest.approx(exact, abs=0.012)


def test_power_normal_divides_by_the_error_that_the_test_has():
    # 3 errors away, and the line at 1.96 x 2 of the test's
    assert power_normal(3, 2, 4, tested_error=4) == pytest.approx(norm.cdf(3 - 2 * norm.isf(0.025)))
    n = sample_size_normal(3, 2, power=0.9, tested_error=4)
    assert power_normal(3, 2, n, tested_error=4) == pytest.approx(0.9)
    assert n > sample_size_normal(3, 2, power=0.9)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(0.01, 0.9), st.floats(0.005, 0.09), SHARES, st.floats(0.3, 0.99), st.floats(0.001, 0.2), st.booleans())
def test_proportions_mutually_inverse(baseline, difference, share, power, alpha, is_scored):
    options = {"share_treatment": share, "alpha": alpha, "is_scored": is_scored}
    n = sample_size_proportions(baseline, difference, power=power, **options)
    assert power_proportions(baseline, difference, n, **options) == pytest.approx(power, rel=1e-9)
    assert mde_proportions(baseline, n, power=power, **options) == pytest.approx(difference, rel=1e-6)


def test_proportions_arguments_change_the_result():
    base = sample_size_proportions(0.1, 0.02)
    assert sample_size_proportions(0.1, 0.02, share_treatment=0.1) > base
    assert sample_size_proportions(0.1, 0.02, power=0.9) > base
    assert sample_size_proportions(0.1, 0.02, alpha=0.1) < base
    assert mde_proportions(0.1, 1000, direction=-1) < 0 < mde_proportions(0.1, 1000, power=0.9)


def test_proportions_impossible():
    assert sample_size_proportions(0.1, 0) == math.inf
    assert math.isnan(sample_size_proportions(0.1, -0.2)) and math.isnan(power_proportions(0.9, 0.2, 100))
    assert math.isnan(mde_proportions(0.01, 100, direction=-1))  # even 0 % would not be found
    assert math.isnan(mde_proportions(1.0, 100)) and math.isnan(mde_proportions(0.1, math.nan))


def test_a_margin_of_two_equal_shares_and_what_changes_its_power():
    base = power_margin(0.1, 0.05, 1000)
    # the normal curve of a test by the variance at the margin, to which the sum comes close in large arms
    assert power_margin(0.5, 0.02, 40_000) == pytest.approx(power_normal(0.02, 1.0, 40_000), abs=5e-4)
    changed = [power_margin(0.2, 0.05, 1000), power_margin(0.1, -0.05, 1000), power_margin(0.1, 0.05, 2000)]
    changed += [power_margin(0.1, 0.05, 1000, share_treatment=0.1), power_margin(0.1, 0.05, 1000, alpha=0.01)]
    changed += [power_margin(0.1, 0.05, 1000, is_ratio=True)]
    assert all(abs(other - base) > 1e-3 for other in changed[:1] + changed[2:])
    assert changed[1] == pytest.approx(base, abs=2e-3)  # equal arms change places
    assert power_margin(0.1, -0.05, 1000, share_treatment=0.1) > changed[3]  # fewer events are seen better in the many
    for is_ratio, power in ((False, 0.8), (True, 0.9)):
        options = {"share_treatment": 0.3, "alpha": 0.1, "is_ratio": is_ratio}
        size = sample_size_margin(0.03, 0.5 if is_ratio else 0.02, power=power, **options)
        assert power_margin(0.03, 0.5 if is_ratio else 0.02, size, **options) == pytest.approx(power)
    # a fifth of an event an arm: none in treatment keeps two points, whatever control has
    x = np.arange(9)
    keeps, chances = score_limits(x[:, None], 200, x, 200)[1] < 0.02, stats.binom.pmf(x, 200, 0.001)
    assert power_margin(0.001, 0.02, 400) == pytest.approx(chances @ keeps @ chances, abs=0.01)
    for margin in (0.02, 0.005):
        for n in (400, 401.7):
            assert power_margin(0.999, -margin, n) == pytest.approx(power_margin(0.001, margin, n))
    assert sample_size_margin(0.01, 0.99) == 4  # whatever is found of two units an arm keeps such a margin


@pytest.mark.parametrize(("size", "n"), [(0.5, 4), (2.0, 8), (0.3, 60), (0.02, 10_000), (0.0, 100)])
def test_power_means_statsmodels(size, n):
    assert power_means(size, 1, n) == pytest.approx(TTestIndPower().power(size, n / 2, 0.05), abs=1e-9)


def test_means_r_power_t_test():
    # R: power.t.test(n = 20, delta = 1, sd = 1) and power.t.test(power = .90, delta = 1), which leave out the far tail
    assert power_means(1, 1, 40) == pytest.approx(0.8689528, abs=5e-7)
    assert sample_size_means(1, 1, power=0.9) / 2 == pytest.approx(22.02110, abs=5e-5)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.floats(0.05, 1), st.floats(0.2, 5), st.floats(0.1, 0.9), st.floats(0.3, 0.97), st.floats(0.005, 0.2))
def test_means_mutually_inverse(difference, sd_treatment, share, power, alpha):
    options = {"sd_treatment": sd_treatment, "share_treatment": share, "alpha": alpha}
    n = sample_size_means(difference, 1, power=power, **options)
    reached = power_means(difference, 1, n, **options)
    assert reached == pytest.approx(power, abs=1e-9) or (reached > power and n == 2 / min(share, 1 - share))
    assert mde_means(1, n, power=reached, **options) == pytest.approx(difference, rel=1e-6)


def test_means_arguments_change_the_result():
    base = sample_size_means(0.2, 1)
    assert sample_size_means(0.2, 2) > base and sample_size_means(0.2, 1, sd_treatment=2) > base
    assert sample_size_means(0.2, 1, share_treatment=0.2) > base
    assert sample_size_means(0.2, 1, power=0.9) > base > sample_size_means(0.2, 1, alpha=0.2)
    assert sample_size_means(-0.2, 1) == base
    assert mde_means(1, 100, share_treatment=0.2) > mde_means(1, 100) < mde_means(1, 100, sd_treatment=2)
    assert mde_means(1, 100, power=0.9) > mde_means(1, 100) > mde_means(1, 100, alpha=0.2)


def test_means_impossible():
    assert sample_size_means(0, 1) == math.inf
    assert math.isnan(power_means(1, 1, 2)) and math.isnan(mde_means(1, 2))
    assert sample_size_means(1000, 1) == 4  # two units in each arm


def test_planning_of_means_that_do_not_vary_and_of_impossible_power():
    assert (sample_size_means(1.0, 0.0), mde_means(0.0, 100)) == (4, 0)
    message = "a power of 0.05 cannot be planned for; give one above alpha (0.05) and below 1"
    assert tell_refusal(mde_means, 1.0, 100, power=0.05) == message
    assert tell_refusal(sample_size_means, 1.0, 1.0, power=0.05) == message


def test_normal_by_hand():
    # (1.959964 + 1.281552)^2 x 2^2 for a difference of 1
    assert sample_size_normal(1, 2, power=0.9) == pytest.approx((1.959964 + 1.281552) ** 2 * 4, rel=1e-6)
    assert power_normal(1, 2, 16) == pytest.approx(stats.norm.cdf(2 - 1.959964), rel=1e-6)
    assert mde_normal(2, 16) == pytest.approx((1.959964 + 0.841621) / 2, rel=1e-6)


def test_normal_arguments_change_the_result():
    assert power_normal(1, 2, 16, alpha=0.2) > power_normal(1, 2, 16)
    assert mde_normal(2, 16, power=0.9) > mde_normal(2, 16) > mde_normal(2, 16, alpha=0.2)
    assert sample_size_normal(1, 2, alpha=0.1) < sample_size_normal(1, 2) < sample_size_normal(1, 2, power=0.9)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(0.001, 50), st.floats(0.01, 20), st.floats(0.3, 0.99), st.floats(0.001, 0.2))
def test_normal_mutually_inverse(difference, unit_error, power, alpha):
    n = sample_size_normal(difference, unit_error, power=power, alpha=alpha)
    assert power_normal(difference, unit_error, n, alpha=alpha) == pytest.approx(power, rel=1e-6)
    assert power_normal(-difference, unit_error, n, alpha=alpha) == pytest.approx(power, rel=1e-6)
    assert mde_normal(unit_error, n, power=power, alpha=alpha) == pytest.approx(difference, rel=1e-6)


def test_normal_impossible():
    assert sample_size_normal(0, 2) == mde_normal(2, 0) == math.inf
    assert math.isnan(sample_size_normal(math.nan, 2)) and math.isnan(sample_size_normal(1, math.nan))


RETRODESIGN = [
    # true effect, standard error, exaggeration as published
    (0.1, 3.28, 77),  # Gelman & Carlin 2014, beauty and sex ratio
    (0.5, 1.0, 4.79),  # R retrodesign, retro_design_closed_form(.5, 1)
    (2.8, 1.0, 1.13),  # a power of 80 %
]


@pytest.mark.parametrize(("effect", "error", "published"), RETRODESIGN)
def test_find_exaggeration_published(effect, error, published):
    assert find_exaggeration(effect, error, 1.959964) == pytest.approx(published, rel=0.015)
    assert find_exaggeration(-effect, error, 1.959964) == find_exaggeration(effect, error, 1.959964)
    assert find_exaggeration(effect, error, 2.5) > find_exaggeration(effect, error, 1.959964)


def test_find_exaggeration_seeded():
    estimates = np.random.default_rng(1).normal(0.3, 0.2, 400_000)
    clear = abs(estimates)[abs(estimates) > 0.2 * 2.2]
    assert find_exaggeration(0.3, 0.2, 2.2) == pytest.approx(clear.mean() / 0.3, rel=0.005)
    assert math.isnan(find_exaggeration(0.0, 0.2, 2)) and math.isnan(find_exaggeration(0.3, math.nan, 2))


def draw_arm(rng, n, treated):
    return rng.binomial(n, 0.3 if treated else 0.2), n


def compute(control, treatment):
    return float(score_p_value(*treatment, *control))


def test_simulate_power_agrees_with_exact_power():
    options = {"n_units": 400, "replicates": 2000, "confidence_level": 0.999}
    found = simulate_power(draw_arm, compute, **options, rng=np.random.default_rng(1))
    counts = np.arange(201)
    chance = np.outer(stats.binom.pmf(counts, 200, 0.3), stats.binom.pmf(counts, 200, 0.2))
    with np.errstate(all="ignore"):
        exact = float(chance[score_p_value(counts[:, None], 200, counts[None, :], 200) <= 0.05].sum())
    assert found["ci_low"] <= exact <= found["ci_high"] and found["undefined"] == 0
    assert found["ci_low"] < found["simulated"] < found["ci_high"]


def test_simulate_power_interval_is_the_exact_binomial_one():
    values = iter([0.01] * 7 + [0.5] * 2 + [math.nan])
    found = simulate_power(
        lambda rng, n, treated: n, lambda control, treatment: next(values), n_units=10, replicates=10,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    expected = stats.binomtest(7, 10).proportion_ci(0.95, "exact")
    assert (found["simulated"], found["undefined"]) == (0.7, 0.1)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((expected.low, expected.high))


def test_simulate_power_arguments_change_the_result():
    seen = []
    simulate_power(lambda rng, n, treated: (n, treated), lambda *arms: seen.append(arms) or 0.5,
                   n_units=10, share_treatment=0.2, replicates=1, rng=None)  # fmt: skip
    assert seen == [((8, False), (2, True))]

    def run(seed=1, **options):
        rng = np.random.default_rng(seed)
        return simulate_power(draw_arm, compute, n_units=200, replicates=200, rng=rng, **options)

    base, wide = run(), run(confidence_level=0.99)
    assert base == run() and base != run(seed=2)
    assert base["simulated"] < run(alpha=0.2)["simulated"]
    assert wide["ci_low"] < base["ci_low"] and wide["ci_high"] > base["ci_high"]


@pytest.mark.parametrize(("role", "size"), [("primary", 3), ("secondary", 3), ("exploratory", 3), ("guardrail", 1)])
def test_find_rule_is_the_first_step_of_the_family(role, size):
    metric = {"kind": "score", "role": role, "better": "lower", "margin": {"absolute": 1}}
    design = make_design(metrics={name: metric for name in "xyz"})
    assert find_rule(design, "y") == (pytest.approx(0.05 / size), -1)
