"""What the tests of inference share: moments of columns, and the band that a simulated rate must stay in."""

import numpy as np
import pytest
from scipy.stats import binom

from helpers.records import Moments


@pytest.fixture(scope="session")
def moments():
    """Return a function: moments(y, x1, ...) of columns with one value a unit."""
    return _measure


@pytest.fixture(scope="session")
def in_band():
    """Return a function: in_band(hits, n, rate, cells=1), whether a count agrees with a rate.

    The band holds a true rate with probability 1 - .001 over all cells together.
    """
    return _agree


def _measure(*columns):
    values = np.column_stack(columns).astype(float)
    n, k = values.shape
    cov = np.atleast_2d(np.cov(values, rowvar=False)) if n > 1 else np.full((k, k), np.nan)
    return Moments(tuple(f"c{i}" for i in range(k)), n, values.mean(axis=0), cov)


def _agree(hits, n, rate, cells=1):
    tail = 0.001 / cells / 2
    return binom.ppf(tail, n, rate) <= hits <= binom.isf(tail, n, rate)
