"""R as an independent source: Welch for two arms and three, adjusted p-values, sample size, quantiles, rates."""

import subprocess

import numpy as np
import pytest

from helpers.inference.contrasts import quantile_difference
from helpers.inference.decisions import benjamini_hochberg, holm
from helpers.inference.means import compare_means, difference, rate_ratio
from helpers.inference.planning import sample_size_means
from helpers.records import Moments

CONTROL, TREATMENT = [3.1, 4.5, 2.2, 5.9, 4.4, 3.8], [5.2, 6.6, 4.1, 7.7, 5.0, 9.3, 6.1, 4.9]
P_VALUES = [0.001, 0.04, 0.03, 0.2, 0.012]
SCRIPT = f"""
show <- function(x) cat(format(x, digits = 17), "\\n")
welch <- t.test(c({", ".join(map(str, TREATMENT))}), c({", ".join(map(str, CONTROL))}))
show(c(welch$conf.int, welch$p.value, welch$parameter))
p <- c({", ".join(map(str, P_VALUES))})
show(p.adjust(p, "holm"))
show(p.adjust(p, "BH"))
show(2 * power.t.test(delta = 0.4, sd = 1.3, power = 0.9, strict = TRUE, tol = 1e-12)$n)
groups <- list(c({", ".join(map(str, CONTROL))}), c({", ".join(map(str, TREATMENT))}))
ranks <- c(qbinom(0.1, 8, 0.4), qbinom(0.1, 8, 0.4, lower.tail = FALSE) + 1)
show(c(quantile(groups[[2]], 0.4), sort(groups[[2]])[ranks]))
fit <- glm(c(3, 7, 2, 9, 4) ~ c(0, 0, 1, 1, 1), family = poisson, offset = log(c(3, 3, 2, 3, 3)))
show(exp(coef(fit)[2]))
"""


@pytest.fixture(scope="module")
def r(needs):
    """Return the lines of numbers that R prints."""
    done = subprocess.run([needs("R:stats"), "-e", SCRIPT], capture_output=True, text=True, check=True)
    return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]


def measure(values):
    return Moments(("y",), len(values), np.array([np.mean(values)]), np.array([[np.var(values, ddof=1)]]))


def test_difference_equals_t_test(r):
    found = difference(compare_means(measure(CONTROL), measure(TREATMENT)))
    assert [found.ci_low, found.ci_high, found.p_value, found.df] == pytest.approx(r[0], rel=1e-10)


def test_holm_and_benjamini_hochberg_equal_p_adjust(r):
    assert holm(P_VALUES).tolist() == pytest.approx(r[1], rel=1e-12)
    assert benjamini_hochberg(P_VALUES).tolist() == pytest.approx(r[2], rel=1e-12)


def test_sample_size_means_equals_power_t_test(r):
    # R takes the variance estimate's degrees of freedom as known, ours integrates over them
    assert sample_size_means(0.4, 1.3, power=0.9) == pytest.approx(r[3][0], rel=1e-4)


def test_quantile_difference_has_the_quantile_and_the_binomial_ranks_of_r(r):
    # beside an arm that is 0 throughout, the limits are the other arm's own
    found = quantile_difference([0.0] * 8, TREATMENT, 0.4, confidence_level=0.8)
    assert [found.estimate, found.ci_low, found.ci_high] == pytest.approx(r[4], rel=1e-12)


def test_rate_ratio_equals_glm(r, moments):
    assert rate_ratio(moments([3, 7], [3, 3]), moments([2, 9, 4], [2, 3, 3])).estimate == pytest.approx(
        r[5][0], rel=1e-8
    )
