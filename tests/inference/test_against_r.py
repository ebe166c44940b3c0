"""R as an independent source: Welch, adjusted p-values and sample size, computed by R at test time."""

import subprocess

import numpy as np
import pytest

from helpers.inference import benjamini_hochberg, compare_means, difference, holm, sample_size_means
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
"""


@pytest.fixture(scope="module")
def r(needs):
    """Return the lines of numbers that R prints."""
    done = subprocess.run([needs("Rscript"), "-e", SCRIPT], capture_output=True, text=True, check=True)
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
