"""Values by their sizes: a code for none far from all others, and rows that hold the sums of others."""

import math
from dataclasses import dataclass
from itertools import pairwise

from helpers.checks.rates import compare_rates, count_shares

ALERT = 0.001
LEAST_VALUES = 30  # an arm, below which its unit is not read
CLOSE, SPREADS = 0.2, 1.25  # of the logarithm of a factor; of the spreads of both arms
PART = 0.7  # of that logarithm, where a part of the values is in another unit
FAR = 2  # times the next value, from which on a code is no value
FARTHER, FARTHEST = 10, 100  # times the next count, and amount, from which on nothing is one that is given often
APART = 1.25  # times the next value, from which on rows that sum others stand above them
LEAST, RARE, SOME = 10, 7, 4  # values, below which nothing is read into them; alike ones, beside others or far above
NINES_OF_COUNTS, NINES_OF_AMOUNTS = 2, 4  # that a code has: 999 is a price
LARGEST = {2**power - shift for power in (15, 16, 31, 32, 63, 64) for shift in (0, 1)}  # that numbers can be
BELOW = {-float(str(digit) * times) for digit in (1, 8, 9) for times in range(1, 7)}  # codes below 0
ALIKE = 0.97  # 98 and 99, two codes
LEVELS = 3  # totals of one kind, of their totals, and of all
MOST_SUMS = 0.2  # of the rows may be sums of others
WHOLE, CHANCE = 0.5, 100  # of a unit, to which a sum is rounded; times less than the gap above which it stands


@dataclass(frozen=True)
class Size:
    """Values that are about as large: how many, the least, the largest, and their sum."""

    n: int
    low: float
    high: float
    total: float


def read_sizes(arms) -> list[Size]:
    """Return the sizes of the values of some arms together, the largest first.

    Parameters
    ----------
    arms : sequence of sequences of str, as `seen` of `Units` has them under "sizes"
    """
    found = {}
    for text in (text for told in arms for text in told or ()):
        step, *numbers = text.split(":")
        n, low, high, total = map(float, numbers)
        found.setdefault((step, low > 0), []).append((int(n), low, high, total))
    columns = [tuple(zip(*same, strict=True)) for same in found.values()]
    sizes = [Size(sum(n), min(low), max(high), sum(total)) for n, low, high, total in columns]
    return sorted(sizes, key=lambda size: -size.high)


def find_codes(sizes: list[Size], *, is_count: bool) -> tuple[Size, str] | None:
    """Return values that are a code for none, and why; None without one.

    Parameters
    ----------
    sizes : list of Size, the largest first
    is_count : bool
        Of whole numbers shorter codes are known.

    Returns
    -------
    tuple of Size and str: all values below 0, where they are known codes; or the largest, far above all others.
    """
    above, below = [size for size in sizes if size.low > 0], [size for size in sizes if size.low < 0]
    n = sum(size.n for size in below)
    if n >= RARE and len(above) > 2 and {end for size in below for end in (size.low, size.high)} <= BELOW:
        return Size(n, below[-1].low, below[0].high, sum(size.total for size in below)), "the only ones below 0"
    if len(above) <= 3:
        return None
    top, times, farther = above[0], above[0].low / above[1].high, FARTHER if is_count else FARTHEST
    is_listed = not is_count and all(size.low == size.high for size in above)  # some prices, each its own
    is_far = times > farther or (times > FAR and not is_listed and _is_code(top.high, is_count))
    if is_far and top.n >= SOME and top.low >= ALIKE * top.high:
        return top, "far above all others"
    low = above[-1]
    is_far = not is_count and low.low == low.high < above[-2].low / FARTHEST and low.n >= RARE
    return (low, "far below all others") if is_far else None


def _is_code(value, is_count):
    """Whether a number is the largest that some columns can hold, or one digit over and over."""
    digits = f"{value:.2f}".rstrip("0").replace(".", "")
    least = NINES_OF_COUNTS if is_count else NINES_OF_AMOUNTS
    return value in LARGEST or (len(digits) >= least and value >= 10 ** (least - 1) and len(set(digits)) == 1)


def count_sums(sizes: list[Size], *, is_whole: bool) -> int:
    """Return how many of the largest values are sums of the others: of some, of all, or of such sums; 0 for none.

    Parameters
    ----------
    sizes : list of Size, the largest first
    is_whole : bool
        Whether values are whole numbers, among which a sum that fits is less of a surprise.
    """
    n, total, top, k = sum(size.n for size in sizes), sum(size.total for size in sizes), 0.0, 0
    for size, next_ in pairwise(sizes):
        top, k = top + size.total, k + size.n
        if k > MOST_SUMS * n or n <= LEAST or size.low <= 0:
            return 0
        gap = size.low - max(next_.high, 0)
        off = min(abs((level + 1) * top - level * total) for level in range(1, LEVELS + 1))
        is_apart = k == 1 or size.low > APART * next_.high
        is_exact = off <= 1e-9 * abs(total) and (not is_whole or gap > CHANCE or size.low > FARTHER / 3 * next_.high)
        if is_apart and (is_exact or off < WHOLE * k < gap / (10 * CHANCE)):
            return k
    return 0


def compare_sizes(one: dict, other: dict) -> tuple[float, float, bool]:
    """Return the difference of the means of two logarithms, three of its errors, and whether they spread alike.

    Parameters
    ----------
    one, other : dict, of values that are not 0: how many (`n`), the sums of their logarithms (`log`) and their squares
    """
    if min(one["n"], other["n"]) < LEAST_VALUES:
        return 0.0, math.inf, False
    means = [facts["log"] / facts["n"] for facts in (one, other)]
    spreads = [math.sqrt(max(f["square"] / f["n"] - mean**2, 0)) for f, mean in zip((one, other), means, strict=True)]
    error = 3 * math.hypot(*(s / f["n"] ** 0.5 for s, f in zip(spreads, (one, other), strict=True)))
    return means[1] - means[0], error, max(spreads) <= SPREADS * min(spreads) + 1e-6


def find_unit(one: dict, other: dict, factors: dict[str, float], *, in_part: bool) -> tuple[str, float] | None:
    """Return the unit in which one of two arms seems to be, and the sign of what it is larger; None without.

    Parameters
    ----------
    one, other : dict, as `compare_sizes` takes them; for a part also how many values are whole, and their logarithms
    factors : dict of str to float, the units, and how many times they are another
    in_part : bool, whether whole values alone may be in another unit, as cents beside prices with places are
    """
    sizes = [facts["n"] for facts in (one, other)]
    gap, error, alike = compare_sizes(one, other)
    if math.isinf(error):
        return None
    unit = min(factors, key=lambda unit: abs(abs(gap) - math.log(factors[unit])))
    if alike and abs(abs(gap) - math.log(factors[unit])) <= CLOSE + error:
        return unit, gap
    whole = [facts["whole"] for facts in (one, other)]
    broken, more = sum(sizes) - sum(whole), int(whole[1] / sizes[1] > whole[0] / sizes[0])
    is_apart = compare_rates(count_shares(list(zip(whole, sizes, strict=True)))) < ALERT
    if not (in_part and is_apart) or min(whole[more], broken) < LEAST_VALUES:
        return None
    rest = sum(facts["log"] - facts["log_whole"] for facts in (one, other)) / broken
    gap = (one, other)[more]["log_whole"] / whole[more] - rest
    unit = min(factors, key=lambda unit: abs(gap - math.log(factors[unit])))
    return (unit, more or -1) if abs(gap - math.log(factors[unit])) <= PART else None
