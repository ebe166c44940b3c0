"""Times: text has one reading or is refused, and becomes UTC."""

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources.text import MISSING, filled, try_cast

CLOCK = r"([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?$"
ISO = r"^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}" + CLOCK
SLASH = r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}" + CLOCK
DAY_FIRST = r"^(1[3-9]|2[0-9]|3[01])[-/.]"
MONTH_FIRST = r"^[0-9]{1,2}[-/.](1[3-9]|2[0-9]|3[01])[-/.]"
PARTS = r"^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})"
YEARS = (1900, 2199)  # beyond stand placeholders, such as 9999-12-31


def count_raw(value):
    """Return what to count in a column of times written as text, by name."""
    text = filled(value)
    return {
        "filled": text.notnull(),
        "missing": text.lower().isin(MISSING),
        "iso": text.re_search(ISO),
        "slash": text.re_search(SLASH),
        "day_first": text.re_search(SLASH) & text.re_search(DAY_FIRST),
        "month_first": text.re_search(SLASH) & text.re_search(MONTH_FIRST),
    }


def refuse_raw(where, counts):
    """Refuse times that are none or have two readings, with their count."""
    dated = counts["filled"] - counts["missing"]
    cure = "write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"
    if dated > counts["iso"] + counts["slash"]:
        other = dated - counts["iso"] - counts["slash"]
        raise Refused(f"{where}: {schema.say(other, 'row')} without a date or time; {cure}")
    if counts["slash"] and counts["iso"]:
        raise Refused(f"{where}: dates in two formats, {counts['slash']:,} of {dated:,} not year first; {cure}")
    if counts["day_first"] and counts["month_first"]:
        raise Refused(
            f"{where}: {schema.say(counts['day_first'], 'date')} with the day first and {counts['month_first']:,} "
            f"with the month first; {cure}"
        )
    if counts["slash"] and not counts["day_first"] and not counts["month_first"]:
        raise Refused(
            f"{where}: {schema.say(counts['slash'], 'date')} with two readings, as day or month can stand first; {cure}"
        )


def cast(value, counts):
    """Return times (UTC) from text that `refuse_raw` let pass; typed times as they are."""
    if not value.type().is_string():
        return value
    text = filled(value)
    text = text.lower().isin(MISSING).ifelse(ibis.null("string"), text)
    if counts["slash"]:
        day, month = (1, 2) if counts["day_first"] else (2, 1)
        text = text.re_replace(PARTS, rf"\3-\{month}-\{day}")
    return try_cast(text, "timestamp('UTC')")


def count_cast(value):
    """Return what to count in a column of times after it is cast, by name."""
    return {"dated": value.notnull(), "remote": (value.year() < YEARS[0]) | (value.year() > YEARS[1])}


def refuse_cast(where, before, after):
    """Refuse impossible times, and years in which nothing was assigned or happened."""
    if "iso" in before and after["dated"] < before["filled"] - before["missing"]:
        lost = before["filled"] - before["missing"] - after["dated"]
        raise Refused(f"{where}: {schema.say(lost, 'row')} with no day of the calendar or no time of day; correct them")
    if after.get("remote"):
        raise Refused(
            f"{where}: {schema.say(after['remote'], 'date')} before {YEARS[0]} or after {YEARS[1]}; "
            "correct them, or leave those rows out"
        )
