"""Numbers as a reader meets them."""

import math

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.wording import (
    Scale,
    Style,
    count_decimals,
    style_gap,
    write_bounds,
    write_count,
    write_effect,
    write_interval,
    write_number,
    write_p,
    write_share,
    write_value,
)

BINARY = Scale("activated", "activated", "binary")
MONEY = Scale("arr", "yearly revenue", "amount", unit="USD")
NAN = math.nan


@pytest.mark.parametrize(
    ("scale", "estimand", "numbers", "written"),
    [
        (BINARY, "difference", (0.09, 0.071, 0.109), "+9.0 points"),  # a share in points
        (BINARY, "cace", (-0.31, -0.71, 0.09), "-31 points"),  # a wide interval deserves fewer digits
        (BINARY, "relative_lift", (0.63, 0.43, 0.83), "+63 %"),
        (BINARY, "risk_ratio", (1.3, 1.18, 1.43), "1.30 times"),
        (MONEY, "difference", (1794.3, 550.6, 3038.1), "+$1,800"),
        (MONEY, "difference", (0.77, 0.485, 1.055), "+$0.77"),
        (Scale("spend", "spend", "amount", unit="SEK"), "difference", (-5.0, -7.0, -3.0), "-5.0 SEK"),
        (Scale("spend", "spend", "amount", unit="EUR"), "difference", (5.0, 3.0, 7.0), "+€5.00"),  # cents come in twos
        (Scale("paid", "paid", "time_to_event"), "rmst_difference", (1.2, 0.2, 2.2), "+1.2 days"),
        (Scale("nps", "NPS", "nps"), "difference", (3.2, -1.7, 8.1), "+3.2 points"),
        (Scale("csat", "CSAT", "score"), "difference", (-0.0633, -0.155, 0.0284), "-0.063"),
        (BINARY, "difference", (NAN, NAN, NAN), "not estimable"),
    ],
)
def test_write_effect_by_kind_and_unit(scale, estimand, numbers, written):
    estimate, low, high = numbers
    e = samples.effect(estimand=estimand).but(estimate=estimate, ci_low=low, ci_high=high)
    assert write_effect(e, scale) == written


def test_write_bounds_and_interval_of_one_interval_rays_and_empty_sets():
    e = samples.effect()
    assert write_bounds(e, BINARY) == "[+7.1, +10.9]"
    assert write_interval(e, BINARY) == "between +7.1 and +10.9 points"
    rays = e.but(ci_set=((None, -0.02), (0.05, None)))
    assert write_bounds(rays, BINARY) == "[no limit, -2.0] or [+5.0, no limit]"
    assert write_interval(rays, BINARY) == "below -2.0 points or above +5.0 points"
    assert (write_bounds(e.but(ci_set=()), BINARY), write_interval(e.but(ci_set=()), BINARY)) == (
        "empty",
        "at no value",
    )
    everything = e.but(ci_set=((None, None),))
    assert write_interval(everything, BINARY) == "anywhere"
    unknown = e.but(ci_low=NAN, ci_high=NAN)
    assert (write_bounds(unknown, BINARY), write_interval(unknown, BINARY)) == ("not known", "with no interval")


def test_write_value_takes_the_digits_of_the_effect_beside():
    e = samples.effect()
    assert write_value(0.1423, BINARY, beside=e) == "14.2 %"
    assert write_value(0.1423, BINARY, beside=e.but(ci_low=-0.1, ci_high=0.37)) == "14 %"
    assert write_value(0.142345, BINARY) == "14.2 %"
    assert write_value(1240.4, MONEY, beside=samples.effect("arr", 12.4, 310.2)) == "$1,240"
    assert write_value(NAN, MONEY) == "not known"


def test_count_decimals_never_rounds_an_end_to_zero():
    assert count_decimals(0.3, 12.3) == 1  # "0" would contradict "clear"
    assert count_decimals(0.071, 0.109) == 3
    assert count_decimals(0.071, 0.109, factor=100) == 1
    assert count_decimals(550, 3038) == -2
    assert count_decimals(-0.155, 0.029) == 3 and count_decimals(2.4, 19.4) == 1  # two digits of the half-width, always
    assert count_decimals(1, 1) is None and count_decimals(NAN, 1) is None


def test_style_gap_prints_the_size_of_a_difference_without_sign():
    assert write_number(0.02, style_gap(BINARY)) == "2 points"
    assert write_number(500, style_gap(MONEY)) == "$500"
    assert write_number(3, style_gap(Scale("nps", "NPS", "nps"))) == "3 points"


@given(st.floats(-1e6, 1e6), st.floats(1e-4, 1e5))
@settings(derandomize=True, deadline=None)
def test_count_decimals_keeps_the_side_of_zero(middle, half):
    low, high = middle - half, middle + half
    decimals = count_decimals(low, high)
    for end in (low, high):
        assert (
            abs(end) <= half / 1000 or decimals == 6 or math.copysign(1, round(end, decimals)) == math.copysign(1, end)
        )
    assert abs(round(high, decimals) - high) <= 0.15 * half  # a printed end is off by little of the width


@pytest.mark.parametrize(
    ("p", "written"),
    [(0.18, "p = .18"), (0.0324, "p = .032"), (0.0004, "p < .001"), (0.998, "p > .99"), (NAN, ""), (None, "")],
)
def test_write_p(p, written):
    assert write_p(p) == written


def test_write_number_without_decimals_has_no_closing_zeros():
    assert [write_number(v) for v in (2.0, 0.1, 1240.4, 0.012345, 0, -0.5)] == [
        "2",
        "0.1",
        "1,240",
        "0.0123",
        "0",
        "-0.5",
    ]
    assert write_number(-1240.4, Style(prefix="$"), decimals=-1) == "-$1,240"
    assert write_number(-0.0004, Style(signed=True), decimals=2) == "0.00"
    assert write_number(math.inf) == "no limit"
    assert [write_number(v, Style(100, "", " points")) for v in (0.01, 0.011)] == ["1 point", "1.1 points"]
    assert (write_count(4000), write_count(NAN), write_share(0.142)) == ("4,000", "not known", "14.2 %")
