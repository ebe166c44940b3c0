"""Numbers as a reader meets them, by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.view.numbers import (
    PERCENT,
    POINTS,
    Style,
    capitalise,
    count_decimals,
    join_words,
    lower_first,
    read_currency,
    write_chance,
    write_count,
    write_number,
    write_p,
    write_range,
    write_share,
    write_wait,
)

NAN = math.nan


def test_write_number_without_decimals_has_three_digits_and_no_closing_zeros():
    told = [write_number(v) for v in (2.0, 0.1, 1240.4, 0.012345, 0, -0.5)]
    assert told == ["2", "0.1", "1,240", "0.0123", "0", "-0.5"]


WRITTEN = [
    # value, style, decimals, as it is printed
    (-1240.4, Style(prefix="$"), -1, "-$1,240"),
    (-0.0004, Style(signed=True), 2, "0.00"),  # what rounds to nothing has no sign
    (5.04, Style(prefix="$", signed=True), 1, "+$5.04"),  # cents come in twos
    (0.01, POINTS, None, "+1 point"),
    (0.011, POINTS, None, "+1.1 points"),
    (0.142, PERCENT, 1, "14.2 %"),
    (math.inf, Style(), None, "no limit"),
    (NAN, PERCENT, None, "not known"),
    (None, PERCENT, None, "not known"),
]


@pytest.mark.parametrize(("value", "style", "decimals", "written"), WRITTEN)
def test_write_number_by_style(value, style, decimals, written):
    assert write_number(value, style, decimals=decimals) == written


def test_count_decimals_is_two_digits_of_the_half_width_and_never_rounds_an_end_to_zero():
    assert count_decimals(0.071, 0.109, factor=100) == 1
    assert count_decimals(550, 3038) == -2
    assert count_decimals(-0.155, 0.029) == 3 and count_decimals(2.4, 19.4) == 1
    assert count_decimals(0.3, 12.3) == 1  # "0" would contradict "clear"
    assert count_decimals(-0.09, -0.0196, factor=100) == 1
    assert count_decimals(-0.09, -0.0196, factor=100, lines=(0.0, 0.02, -0.02)) == 2
    assert count_decimals(-0.09, -0.01998, factor=100, lines=(0.0, 0.02, -0.02)) == 3  # two points, or less
    assert count_decimals(0.51, 1.004) == 2 and count_decimals(0.51, 1.004, lines=(1.0,)) == 3
    assert count_decimals(1, 1) is None and count_decimals(NAN, 1) is None


@given(st.floats(-1e6, 1e6), st.floats(1e-4, 1e5))
@settings(derandomize=True, deadline=None)
def test_count_decimals_keeps_the_side_of_zero(middle, half):
    low, high = middle - half, middle + half
    decimals = count_decimals(low, high)
    for end in (low, high):
        kept = math.copysign(1, round(end, decimals)) == math.copysign(1, end)
        assert abs(end) <= half / 100_000 or decimals == 6 or kept
    assert abs(round(high, decimals) - high) <= 0.15 * half  # a printed end is off by little of the width


def test_write_range_says_intervals_rays_and_everything():
    assert write_range(0.071, 0.109, POINTS, 1) == "between +7.1 and +10.9 points"
    assert write_range(None, 0.1, POINTS, 0) == "below +10 points"
    assert write_range(0.02, math.inf, POINTS, 1) == "above +2.0 points"
    assert write_range(None, None, POINTS, 1) == "anywhere"


@pytest.mark.parametrize(
    ("p", "written"),
    [(0.18, "p = .18"), (0.0324, "p = .032"), (0.0004, "p < .001"), (0.998, "p > .99"), (NAN, ""), (None, "")],
)
def test_write_p(p, written):
    assert write_p(p) == written


def test_a_chance_is_never_certain_and_a_wait_has_its_unit():
    assert [write_chance(v) for v in (0.83, 0.9999, 0.0001, 1.0)] == ["83 %", "over 99 %", "under 1 %", "over 99 %"]
    assert write_chance(NAN) == "not known"
    told = ["30 seconds", "1 minute", "90 minutes", "2.5 hours", "2.8 days", "not known", "-2.5 minutes", "-90 minutes"]
    assert [write_wait(m) for m in (0.5, 1, 90, 150, 4000, NAN, -2.5, -90)] == told


def test_counts_shares_currencies_and_words():
    assert (write_count(4000), write_count(NAN), write_share(0.142)) == ("4,000", "not known", "14.2 %")
    assert [read_currency(u) for u in ("USD a year", "EUR", "SEK")] == ["$", "€", "SEK "]
    assert [join_words(w) for w in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["none", "a", "a and b", "a, b and c"]
    assert [lower_first(w) for w in ("Paid", "NPS of all")] == ["paid", "NPS of all"]


@pytest.mark.parametrize("label", ["iPhone orders", "A/B tests", "NPS", "eBay", "of0 alone"])
def test_a_label_with_capitals_of_its_own_stays_as_written(label):
    assert (capitalise(label), lower_first(label)) == (label, label)
    assert (capitalise("paid in time"), lower_first("Paid in NPS")) == ("Paid in time", "paid in NPS")
