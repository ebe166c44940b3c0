"""Numbers as a reader meets them: with a unit, and with as many digits as the interval deserves."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

CURRENCIES = {"USD": "$", "EUR": "€", "GBP": "£"}
UNKNOWN = "not known"


@dataclass(frozen=True)
class Style:
    """How a number is printed: multiplied, between a prefix and a suffix, signed or not; tenths of money as cents."""

    factor: float = 1.0
    prefix: str = ""
    suffix: str = ""
    signed: bool = False
    cents: bool = True


POINTS = Style(100, "", " points", True)
PERCENT = Style(100, "", " %")


def count_decimals(low: float, high: float, *, factor: float = 1.0, lines: Sequence[float] = (0.0,)) -> int | None:
    """Return the decimals that an interval deserves: two digits of its half-width; negative rounds to tens.

    More where an end would else be printed as a line on which it does not lie.

    Parameters
    ----------
    low, high : float
        Ends of the interval; None is returned when one is not finite or both are equal.
    factor : float
        What a printed number is multiplied by (100 for percentage points).
    lines : sequence of float
        What an end is judged by: no effect, and what the plan calls worthwhile or tolerates.
    """
    ends = [low * factor, high * factor]
    half = abs(ends[1] - ends[0]) / 2
    if not math.isfinite(half) or half == 0:
        return None
    decimals = 1 - math.floor(math.log10(half))
    apart = [(end, line * factor) for end in ends for line in lines if abs(end - line * factor) > half / 100_000]
    while decimals < 6 and any(round(end, decimals) == round(line, decimals) for end, line in apart):
        decimals += 1
    return min(6, decimals)


def write_number(value: float | None, style: Style | None = None, *, decimals: int | None = None) -> str:
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
    if decimals is None:  # as few as show three significant digits, none of them a closing zero
        most = 0 if number == 0 else min(6, max(0, 2 - math.floor(math.log10(abs(number)))))
        decimals = next(d for d in range(most + 1) if round(number, d) == round(number, most))
    if style.prefix and style.cents and decimals == 1:
        decimals = 2
    number = round(number, decimals)
    sign = "-" if number < 0 else "+" if style.signed and number > 0 else ""
    digits = f"{abs(number):,.{max(decimals, 0)}f}"
    one = digits == "1" and style.suffix in (" points", " days")
    return f"{sign}{style.prefix}{digits}{style.suffix.removesuffix('s') if one else style.suffix}"


def write_range(low: float | None, high: float | None, style: Style, decimals: int | None) -> str:
    """Return an interval in a sentence: "between +7.1 and +10.9 points", or a ray ("above 2.0 points")."""
    open_low, open_high = (v is None or math.isinf(v) for v in (low, high))
    if open_low and open_high:
        return "anywhere"
    if open_low or open_high:
        return f"{'below' if open_low else 'above'} {write_number(high if open_low else low, style, decimals=decimals)}"
    bare = replace(style, suffix="")
    first = write_number(low, bare, decimals=decimals)
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


def write_count(count: float | None) -> str:
    """Return a count with thousands separated; "not known" for nan or None."""
    return UNKNOWN if count is None or math.isnan(count) else f"{round(count):,}"


def write_share(share: float | None, *, decimals: int = 1) -> str:
    """Return a share of 0 to 1 as a percentage ("14.2 %"); "not known" for nan or None."""
    return write_number(share, PERCENT, decimals=decimals)


def write_chance(chance: float) -> str:
    """Return a chance as a percentage that is never printed as certain ("over 99 %"); "not known" for nan.

    Examples
    --------
    >>> write_chance(0.83), write_chance(0.9999), write_chance(0.004)
    ('83 %', 'over 99 %', 'under 1 %')
    """
    if min(chance, 1 - chance) < 0.01:
        return "over 99 %" if chance > 0.5 else "under 1 %"
    return write_share(chance, decimals=0)


def write_wait(minutes: float) -> str:
    """Return a wait in the unit that suits it ("44 seconds", "3.5 hours"), or how much shorter one is ("-2 minutes").

    Examples
    --------
    >>> write_wait(0.7333), write_wait(60), write_wait(60 * 5), write_wait(-90)
    ('44 seconds', '60 minutes', '5 hours', '-90 minutes')
    """
    from helpers.schema import pluralise  # a runner starts without pydantic

    if minutes is None or not math.isfinite(minutes):
        return write_number(minutes)
    units = (("day", 1440, 2880), ("hour", 60, 120), ("minute", 1, 1), ("second", 1 / 60, 0))
    name, size = next((name, size) for name, size, least in units if abs(minutes) >= least)
    number = float(f"{minutes / size:.2g}" if abs(minutes / size) < 10 else f"{minutes / size:.0f}") + 0.0  # no -0
    return f"{number:,g} {pluralise(name, number)}"


def read_currency(unit: str) -> str:
    """Return what stands before an amount in a unit that begins with a currency ("USD a year": "$")."""
    first = str(unit).split()[0]
    return CURRENCIES.get(first, f"{first} ")


def join_words(words) -> str:
    """Return words as a list in a sentence ("a, b and c")."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"


def capitalise(text: str) -> str:
    """Return text that begins with a capital, unless its first word has one or a digit elsewhere, as iPhone and of0."""
    return text if _has_capitals(text) else text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Return text that begins with a small letter, unless its first word is a short form such as NPS."""
    return text if _has_capitals(text) else text[:1].lower() + text[1:]


def _has_capitals(text):
    """Whether the first word is written so for a reason: a short form, a name such as iPhone, a file."""
    first, *_ = text.split(maxsplit=1) or [""]
    return first[1:] != first[1:].lower() or is_file(first) or bool(re.search("[^\\W\\d]\\d", first))


def is_file(word: str) -> bool:
    """Return whether a word is the name of a file, which stays as its owner wrote it."""
    return re.search(r"\w\.[A-Za-z]\w", word) is not None


def drop_underscores(text: str) -> str:
    """Return a sentence whose codes are said in words; names of files stay."""
    return " ".join(word if is_file(word) else word.replace("_", " ") for word in text.split(" "))
