"""Numbers as a reader meets them: with a unit, and with as many digits as the interval deserves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from helpers.records import Estimate
from helpers.wording.scales import Scale, is_lift, is_ratio

CURRENCIES = {"USD": "$", "EUR": "€", "GBP": "£"}
UNKNOWN = "not known"


@dataclass(frozen=True)
class Style:
    """How a number is printed: multiplied, between a prefix and a suffix, signed or not."""

    factor: float = 1.0
    prefix: str = ""
    suffix: str = ""
    signed: bool = False


def style_effect(estimate: Estimate, scale: Scale) -> Style:
    """Return how an effect is printed: points, money, times, per cent or the metric's own unit.

    Parameters
    ----------
    estimate : Estimate
        Its `estimand` decides between lift (per cent), ratio (times), mean time (days) and difference.
    scale : Scale

    Returns
    -------
    Style
    """
    if is_lift(estimate):
        return Style(100, "", " %", True)
    if is_ratio(estimate):
        return Style(1, "", " times")
    if estimate.estimand.startswith("rmst"):
        return Style(1, "", " days", True)
    if _is_share(scale):
        return Style(100, "", " points", True)
    if scale.kind == "nps":
        return Style(1, "", " points", True)
    return Style(1, *_unit(scale), True)


def style_value(scale: Scale, *, estimand: str = "difference") -> Style:
    """Return how an arm's own value is printed (`14.2 %`, `$1,240`, `3.21`, `41.0 % of pairs`)."""
    if estimand.startswith("rmst"):
        return Style(1, "", " days")
    if _is_share(scale):
        return Style(100, "", " % of pairs" if scale.ordered else " %")
    return Style(1, "", "", True) if scale.kind == "nps" else Style(1, *_unit(scale))


def style_gap(scale: Scale) -> Style:
    """Return how the size of a difference is printed, without its sign (`2.0 points`, `$500`)."""
    value = style_value(scale)
    points = _is_share(scale) or scale.kind == "nps"
    return Style(value.factor, value.prefix, " points" if points else value.suffix)


def _is_share(scale: Scale) -> bool:
    return scale.kind in ("binary", "time_to_event") or scale.ordered


def _unit(scale: Scale) -> tuple[str, str]:
    if scale.unit in CURRENCIES:
        return CURRENCIES[scale.unit], ""
    return "", f" {scale.unit}" if scale.unit else ""


def count_decimals(low: float, high: float, *, factor: float = 1.0) -> int | None:
    """Return the decimals that an interval deserves: two digits of its half-width; negative rounds to tens.

    More where an end would else be printed as 0.

    Parameters
    ----------
    low, high : float
        Ends of the interval; None is returned when one is not finite or both are equal.
    factor : float
        What a printed number is multiplied by (100 for percentage points).
    """
    ends = [low * factor, high * factor]
    half = abs(ends[1] - ends[0]) / 2
    if not math.isfinite(half) or half == 0:
        return None
    decimals = 1 - math.floor(math.log10(half))
    while decimals < 6 and any(abs(end) > half / 1000 and round(end, decimals) == 0 for end in ends):
        decimals += 1
    return min(6, decimals)


def write_number(value: float, style: Style | None = None, *, decimals: int | None = None) -> str:
    """Return one number in words and figures.

    Parameters
    ----------
    value : float
        nan or None is printed as "not known".
    style : Style, optional
    decimals : int, optional
        Digits after the point, negative rounds to tens; up to three significant digits when left out.

    Returns
    -------
    str: such as "+9.0 points", "-$1,240", "1.30 times".

    Examples
    --------
    >>> write_number(1240.4, Style(prefix="$"), decimals=-1)
    '$1,240'
    """
    style = style or Style()
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "no limit"
    number = value * style.factor
    if decimals is None:
        decimals = _fewest(number)
    if style.prefix and decimals == 1:
        decimals = 2
    number = round(number, decimals)
    sign = "-" if number < 0 else "+" if style.signed and number > 0 else ""
    digits = f"{abs(number):,.{max(decimals, 0)}f}"
    one = digits == "1" and style.suffix in (" points", " days")
    return f"{sign}{style.prefix}{digits}{style.suffix.removesuffix('s') if one else style.suffix}"


def _fewest(number: float) -> int:
    """As few decimals as show three significant digits, none of them a closing zero."""
    most = 0 if number == 0 else min(6, max(0, 2 - math.floor(math.log10(abs(number)))))
    return next(d for d in range(most + 1) if round(number, d) == round(number, most))


def write_effect(estimate: Estimate, scale: Scale) -> str:
    """Return an effect with its unit ("+9.0 points"), or "not estimable"."""
    if math.isnan(estimate.estimate):
        return "not estimable"
    return write_number(estimate.estimate, style_effect(estimate, scale), decimals=effect_decimals(estimate, scale))


def effect_decimals(estimate: Estimate, scale: Scale) -> int | None:
    """Return the decimals for an effect and what stands beside it, from its interval."""
    return count_decimals(estimate.ci_low, estimate.ci_high, factor=style_effect(estimate, scale).factor)


def write_value(value: float, scale: Scale, *, beside: Estimate | None = None) -> str:
    """Return an arm's own value with its unit.

    Parameters
    ----------
    value : float
    scale : Scale
    beside : Estimate, optional
        The effect it stands beside, which fixes the digits; three significant digits when left out.
    """
    if beside is None or is_lift(beside) or is_ratio(beside):
        return write_number(value, style_value(scale))
    return write_number(value, style_value(scale, estimand=beside.estimand), decimals=effect_decimals(beside, scale))


def write_bounds(estimate: Estimate, scale: Scale) -> str:
    """Return the interval for a table: "[+7.1, +10.9]", its set where it is not one interval, or "not known"."""
    bare = _bare(style_effect(estimate, scale))
    pieces = _pieces(estimate)
    if not pieces:
        return "empty" if estimate.ci_set is not None else UNKNOWN
    decimals = effect_decimals(estimate, scale)
    return " or ".join(f"[{_end(low, bare, decimals)}, {_end(high, bare, decimals)}]" for low, high in pieces)


def write_interval(estimate: Estimate, scale: Scale) -> str:
    """Return the interval for a sentence: "between +7.1 and +10.9 points"; rays and empty sets are said."""
    style, pieces = style_effect(estimate, scale), _pieces(estimate)
    if not pieces:
        return "at no value" if estimate.ci_set is not None else "with no interval"
    decimals = effect_decimals(estimate, scale)
    return " or ".join(_phrase(low, high, style, decimals) for low, high in pieces)


def _pieces(estimate: Estimate) -> list[tuple[float | None, float | None]]:
    if estimate.ci_set is not None:
        return list(estimate.ci_set)
    low, high = estimate.ci_low, estimate.ci_high
    return [] if math.isnan(low) or math.isnan(high) else [(low, high)]


def _bare(style: Style) -> Style:
    return Style(style.factor, style.prefix, "", style.signed)


def _end(value, style, decimals) -> str:
    return "no limit" if value is None or math.isinf(value) else write_number(value, style, decimals=decimals)


def _phrase(low, high, style, decimals) -> str:
    open_low, open_high = (v is None or math.isinf(v) for v in (low, high))
    if open_low and open_high:
        return "anywhere"
    if open_low or open_high:
        return f"{'below' if open_low else 'above'} {write_number(high if open_low else low, style, decimals=decimals)}"
    first = write_number(low, _bare(style), decimals=decimals)
    return f"between {first} and {write_number(high, style, decimals=decimals)}"


def write_p(p: float | None) -> str:
    """Return a p-value ("p = .18", "p < .001"); empty when there is none.

    Examples
    --------
    >>> write_p(0.0324), write_p(1e-9), write_p(0.998)
    ('p = .032', 'p < .001', 'p > .99')
    """
    if p is None or math.isnan(p):
        return ""
    if p < 0.001:
        return "p < .001"
    if p > 0.99:
        return "p > .99"
    return f"p = {p:.{3 if p < 0.1 else 2}f}".replace("0.", ".")


def write_count(count: float) -> str:
    """Return a count with thousands separated; "not known" for nan or None."""
    return UNKNOWN if count is None or math.isnan(count) else f"{round(count):,}"


def write_share(share: float, *, decimals: int = 1) -> str:
    """Return a share of 0 to 1 as a percentage ("14.2 %"); "not known" for nan or None."""
    return write_number(share, Style(100, "", " %"), decimals=decimals)


def write_chance(chance: float, *, decimals: int = 1) -> str:
    """Return a chance as a percentage that is never printed as certain ("over 99.9 %"); "not known" for nan.

    Examples
    --------
    >>> write_chance(0.83, decimals=0), write_chance(0.9999), write_chance(0.004, decimals=0)
    ('83 %', 'over 99.9 %', 'under 1 %')
    """
    least = 10 ** -(decimals + 2)
    if min(chance, 1 - chance) < least:
        side, bound = ("over", 1 - least) if chance > 0.5 else ("under", least)
        return f"{side} {write_share(bound, decimals=decimals)}"
    return write_share(chance, decimals=decimals)


def read_currency(unit: str) -> str:
    """Return what stands before an amount in a unit that begins with a currency ("USD a year": "$")."""
    first = str(unit).split()[0]
    return CURRENCIES.get(first, f"{first} ")
