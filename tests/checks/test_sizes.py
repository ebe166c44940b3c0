"""Values by their sizes: codes among amounts and counts, and rows that sum others, beside healthy ones of each kind."""

import numpy as np
import pandas as pd
import pytest

from helpers.checks.amounts import find_codes
from helpers.checks.values import count_sums, read_sizes

N = 400
RNG = np.random.default_rng(6)
PRICE = np.exp(RNG.normal(3, 0.8, N)).round(2)
CALLS = RNG.poisson(3, N).astype(float)
SOME = np.arange(N) % 20 == 0


def _measure(values):
    """Return the sizes of values as the engine tells them, in two halves as of two arms."""
    told = []
    for half in np.array_split(np.asarray(values, float), 2):
        known = pd.Series(half[(half != 0) & ~np.isnan(half)])
        steps = np.floor(np.log(known.abs()) * 8).astype(int).astype(str)
        sizes = known.groupby([known > 0, steps]).agg(["count", "min", "max", "sum"])
        told.append(
            [
                f"{key[1]}:{n}:{low!r}:{high!r}:{s!r}"
                for key, (n, low, high, s) in zip(sizes.index, sizes.to_numpy().tolist(), strict=True)
            ]
        )
    return read_sizes(told)


@pytest.mark.parametrize("code", [999_999, 9999.99, 9999, 99_999, 888_888, 2**31 - 1, 65_535, 123_456_789])
def test_find_codes_far_above_amounts(code):
    size, why = find_codes(_measure(np.where(SOME, code, PRICE)), is_count=False)
    assert (size.n, size.low, why) == (SOME.sum(), code, "far above all others")


@pytest.mark.parametrize("code", [99, 97, 999, 9999, 77])
def test_find_codes_far_above_counts(code):
    assert find_codes(_measure(np.where(SOME, code, CALLS)), is_count=True)[0].low == code
    two = np.where(SOME, np.where(np.arange(N) % 40, 98, 99), CALLS)
    assert find_codes(_measure(two), is_count=True)[0].n == SOME.sum()


@pytest.mark.parametrize("code", [-1, -9, -99, -999])
def test_find_codes_below_0(code):
    for values in (PRICE, CALLS):
        size, why = find_codes(_measure(np.where(SOME, code, values)), is_count=False)
        assert (size.n, size.high, why) == (SOME.sum(), code, "the only ones below 0")


def test_find_codes_far_below_amounts():
    size, why = find_codes(_measure(np.where(SOME, 0.01, PRICE)), is_count=False)
    assert (size.n, size.low, why) == (SOME.sum(), 0.01, "far below all others")


@pytest.mark.parametrize("values", [
    PRICE,
    np.where(SOME, 999, PRICE),  # a dear plan
    np.where(SOME, 5000, PRICE),  # a few large customers
    np.where(np.arange(N) < 3, 99_999, PRICE),  # fewer than a code
    np.where(SOME, 1, PRICE),  # a trial for one
    np.where(SOME, -PRICE, PRICE),  # refunds
    np.where(np.arange(N) % 40 == 0, -PRICE, np.where(SOME, -9, PRICE)),
    RNG.choice([9.99, 29.99, 99.99, 999.99, 9999.99], N),  # a price list
    np.where(SOME, 99, PRICE),
    RNG.pareto(0.8, N).round(2) + 1,
    np.zeros(N),
])  # fmt: skip
def test_find_codes_lets_healthy_amounts_pass(values):
    assert find_codes(_measure(values), is_count=False) is None


@pytest.mark.parametrize("values", [
    CALLS,
    np.where(SOME, 9, CALLS),
    np.where(SOME, 50, CALLS),
    RNG.poisson(60, N),
    np.where(SOME, 99, RNG.poisson(60, N)),
])  # fmt: skip
def test_find_codes_lets_healthy_counts_pass(values):
    assert find_codes(_measure(values), is_count=True) is None


@pytest.mark.parametrize("values", [PRICE, CALLS, PRICE.round()])
@pytest.mark.parametrize("parts", [1, 2, 8])
def test_count_sums_of_all_of_parts_and_of_both(values, parts):
    is_whole = bool((values % 1 == 0).all())
    sums = [part.sum() for part in np.array_split(values, parts)]
    for totals in (sums, [*sums, sum(sums)] if parts > 1 else sums):
        assert count_sums(_measure(np.append(values, totals)), is_whole=is_whole) == len(totals)
    if parts < 8:  # of many that are rounded the slips add up
        assert count_sums(_measure(np.append(values, np.round(sums))), is_whole=is_whole) == parts


@pytest.mark.parametrize(
    "values", [PRICE, CALLS, RNG.pareto(0.8, N), np.append(np.zeros(N), [6, 3, 2, 1]), [5.0, 5.0] * 9]
)
def test_count_sums_lets_healthy_values_pass(values):
    assert count_sums(_measure(values), is_whole=True) == count_sums(_measure(values), is_whole=False) == 0
