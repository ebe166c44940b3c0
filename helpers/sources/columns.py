"""Columns: what stands in each is counted first, then cast as the plan needs it; what does not fit is refused."""

from dataclasses import replace

import ibis

from helpers import schema
from helpers.records import Refused

NUMBERS = ("number", "binary", "state", "count", "nps", "either")
TEXTS = ("id", "label", "text")
SCALES = {
    "binary": "0 and 1 (or yes and no)",
    "state": "0 (not yet seen), 1 (event) and 2 (competing event)",
    "nps": "whole numbers from 0 to 10",
    "count": "numbers of 0 or more",
}
ALLOWED = {"binary": (0.0, 1.0), "state": (0.0, 1.0, 2.0), "nps": tuple(float(i) for i in range(11))}
MISSING = ("na", "n/a", "#n/a", "null", "none", "nan")
YES, NO = ("true", "yes"), ("false", "no")
INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
COMMA = r"^[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?$"
GROUP = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
ROUNDED = r"^-?[0-9]([.][0-9]+[eE][+]?|[eE][+])[0-9]{1,3}$|^-?[0-9]+[.]0+$"
LARGEST_WHOLE = 2.0**53
CLOCK = r"([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?$"
ISO = r"^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}" + CLOCK
SLASH = r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}" + CLOCK
DAY_FIRST = r"^(1[3-9]|2[0-9]|3[01])[-/.]"
MONTH_FIRST = r"^[0-9]{1,2}[-/.](1[3-9]|2[0-9]|3[01])[-/.]"
PARTS = r"^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})"
YEARS = (1900, 2199)  # beyond stand placeholders, such as 9999-12-31
DATED = "write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"


def trim(value):
    """Return text without the spaces and tabs around it; only cells with any are touched, as all would take long."""
    return (value.contains(" ") | value.contains("\t")).ifelse(value.strip(), value)


def fill(value):
    """Return text without the spaces around it, and null where nothing is left."""
    return trim(value).nullif("")


def _try_cast(text, wanted):
    """Cast and give null on failure where the engine can; elsewhere the pattern has let only good values pass."""
    can = text.get_backend().has_operation(ibis.expr.operations.TryCast)
    return text.try_cast(wanted) if can else text.cast(wanted)


def count_raw(value, kind) -> dict[str, ibis.expr.types.BooleanValue]:
    """Return what to count in a column before it is cast, by name; each is true where a row is of that sort.

    Parameters
    ----------
    value : Ibis column, as it came
    kind : str, the type of `schema.Column`
    """
    if value.type().is_floating() and kind in TEXTS:
        empty = value.isnull() | value.isnan()
        safe = (value.abs() <= LARGEST_WHOLE).ifelse(value, 0.5)
        return {"empty": empty, "odd": ~empty & (safe != safe.floor())}
    if not value.type().is_string():
        return {}
    if kind in TEXTS:
        text = trim(value)
        rounded = {"rounded": text.re_search(ROUNDED)} if kind == "id" else {}
        # labels are compared without their spaces later, where the plan spells them
        spaced = {"spaced": (text != "") & (text != value)} if kind != "label" else {}
        return {"blank": text == "", **rounded, **spaced}
    text = fill(value)
    counts = {"blank": trim(value) == "", "filled": text.notnull(), "missing": text.lower().isin(MISSING)}
    return counts | (_count_times(text) if kind == "timestamp" else _count_numbers(text))


def _count_times(text):
    slash = text.re_search(SLASH)
    ordered = {"day_first": slash & text.re_search(DAY_FIRST), "month_first": slash & text.re_search(MONTH_FIRST)}
    return {"iso": text.re_search(ISO), "slash": slash, **ordered}


def _count_numbers(text):
    low = text.lower()
    return {
        "boolean": low.isin(YES + NO),
        "infinite": low.isin(INFINITE),
        "number": text.re_search(NUMBER),
        "coded": text.isin(("0", "1", "0.0", "1.0")),
        "point": text.contains(".") & text.re_search(NUMBER),
        "comma": text.contains(",") & text.re_search(COMMA),
        "group": text.contains(",") & text.re_search(GROUP),
    }


def settle(column, counts, found) -> schema.Column:
    """Settle a type that the values decide: numbers when all that are not missing are, text otherwise."""
    if column.type != "either":
        return column
    if counts:
        values = counts["filled"] - counts["missing"]
        is_number = values > 0 and values == counts["number"] + counts["comma"]
    else:
        is_number = found.is_numeric() or found.is_boolean()
    return replace(column, type="number" if is_number else "text")


def has_decimal_comma(counts, file) -> bool:
    """Return whether the numbers of a text table have a decimal comma; one sign holds for all its columns.

    Parameters
    ----------
    counts : dict of str to dict, counts by column
    file : str, what messages call the table

    Raises
    ------
    Refused: both signs; only numbers such as 1,234, which have two readings.
    """
    numbers = {name: c for name, c in counts.items() if c.get("comma")}
    if not numbers:
        return False
    pointed = next((name for name, c in counts.items() if c.get("point")), None)
    first = next(iter(numbers))
    where = f"{file}, " + (f"column {first}" if pointed in (None, first) else f"columns {first} and {pointed}")
    n = numbers[first]["comma"]
    if pointed:
        fault = f"with a decimal comma and {counts[pointed]['point']:,} with a decimal point"
        schema.refuse_some(n, "number", where, f"{fault}; write one sign, and no thousands separators")
    if all(c["comma"] == c["group"] for c in numbers.values()):
        fault = "with two readings, as a comma before three digits is a decimal sign or separates thousands"
        schema.refuse_some(n, "number", where, f"{fault}; write a decimal point and no separators")
    return True


def refuse_raw(column, counts, found, file) -> None:
    """Refuse a column whose raw values cannot be what the plan needs, with their count and never one of them.

    Parameters
    ----------
    column : schema.Column, its type settled
    counts : dict of str to int, as `count_raw` asked
    found : Ibis type of the column as it came
    file : str

    Raises
    ------
    Refused: text among numbers, infinite values, dates that are none or have two readings, rounded ids, a type
    that cannot be read as the one needed.
    """
    where = f"{file}, column {column.name}"
    _refuse_type(where, column.type, found)
    if "iso" in counts:
        _refuse_times(where, counts)
    elif "number" in counts and column.type in NUMBERS:
        _refuse_numbers(where, counts)
    elif column.type == "id":
        fault = "rounded, or kept as decimal numbers, so that different units can share one; export the column as text"
        schema.refuse_some(max(counts.get(key, 0) for key in ("rounded", "empty", "odd")), "id", where, fault)


def _refuse_type(where, kind, found):
    came, text = f"{where}: holds {type(found).__name__.lower()} values where", found.is_string()
    if kind in NUMBERS and not (found.is_numeric() or text or found.is_boolean() or found.is_null()):
        raise Refused(f"{came} numbers are needed; name another column in the plan")
    if kind == "timestamp" and not (found.is_timestamp() or found.is_date() or text):
        raise Refused(f"{came} times are needed; write them as 2024-01-31 13:45:00 (UTC)")
    if kind in TEXTS and (found.is_nested() or found.is_binary()):
        raise Refused(f"{came} text is needed; export it as text")


def _refuse_times(where, counts):
    n, slash, iso, day, month = (counts[key] for key in ("filled", "slash", "iso", "day_first", "month_first"))
    n -= counts["missing"]
    schema.refuse_some(n - iso - slash, "row", where, f"without a date or time; {DATED}")
    if slash and iso:
        raise Refused(f"{where}: dates in two formats, {slash:,} of {n:,} not year first; {DATED}")
    if day and month:
        fault = f"with the day first and {month:,} with the month first"
        schema.refuse_some(day, "date", where, f"{fault}; {DATED}")
    if not day and not month:
        fault = "with two readings, as day or month can stand first"
        schema.refuse_some(slash, "date", where, f"{fault}; {DATED}")


def _refuse_numbers(where, counts):
    _refuse_infinite(where, counts["infinite"])
    coded = counts["filled"] == counts["missing"] + counts["boolean"] + counts["coded"]
    known = counts["missing"] + counts["number"] + counts["comma"] + (counts["boolean"] if coded else 0)
    fault = "with text where a number is needed; correct them, or leave a cell empty where it is unknown"
    schema.refuse_some(counts["filled"] - known, "row", where, fault)


def describe_raw(column, counts) -> list[str]:
    """Return what was read in a column that a reader may want to know: missing words, yes and no, order of dates."""
    if column.type in TEXTS:
        n = counts.get("spaced", 0)
        said = {"spaced": f"{schema.say(n, 'cell')} read without the spaces around it"}
    else:
        n, order = counts.get("missing", 0), "day first" if counts.get("day_first") else "month first"
        said = {
            "missing": f"{schema.say(n, 'cell')} such as NA or null read as missing",
            "boolean": "yes and no, or true and false, are read as 1 and 0",
            "slash": f"dates are read with the {order}, as only that fits all of them",
        }
    return [f"column {column.name}: {words}" for key, words in said.items() if counts.get(key)]


def cast(value, kind, counts, *, comma=False):
    """Return a column as the plan needs it: text, numbers (float64) or times (UTC); what is missing is null.

    Parameters
    ----------
    value : Ibis column, as it came and as `refuse_raw` let pass
    kind : str, the type of `schema.Column`, settled
    counts : dict of str to int
    comma : bool, whether text has a decimal comma
    """
    found = value.type()
    if kind in TEXTS:
        return _cast_text(value, counts)
    if kind == "timestamp":
        return (_cast_time(value, counts) if found.is_string() else value).cast("timestamp")
    if found.is_boolean():
        return value.cast("int32").cast("float64")
    return _cast_number(value, counts, comma) if found.is_string() else value.cast("float64")


def _cast_text(value, counts):
    if value.type().is_string():
        text = trim(value) if counts.get("spaced") else value
        return (trim(value) == "").ifelse(ibis.null("string"), text) if counts["blank"] else text
    if value.type().is_floating():
        known = value.isnan().ifelse(ibis.null("float64"), value) if counts["empty"] else value
        return (known if counts["odd"] else known.cast("int64")).cast("string")
    return value.cast("string")


def _cast_time(value, counts):
    text = fill(value)
    text = text.lower().isin(MISSING).ifelse(ibis.null("string"), text)
    if counts["slash"]:
        day, month = (1, 2) if counts["day_first"] else (2, 1)
        text = text.re_replace(PARTS, rf"\3-\{month}-\{day}")
    return _try_cast(text, "timestamp('UTC')")


def _cast_number(value, counts, comma):
    text = fill(value)
    if counts["filled"] == counts["number"]:
        return _try_cast(text, "float64")
    low = text.lower()
    if comma:
        text = text.replace(",", ".")
    number = _try_cast(text.re_search(NUMBER).ifelse(text, ibis.null("string")), "float64")
    return low.isin(YES).ifelse(1.0, low.isin(NO).ifelse(0.0, number))


def count_cast(value, kind) -> dict[str, ibis.expr.types.BooleanValue]:
    """Return what to count in a column after it is cast, by name; each is true where a row is of that sort."""
    counts = {"null": value.isnull()}
    if kind == "timestamp":
        counts |= {"dated": value.notnull(), "remote": (value.year() < YEARS[0]) | (value.year() > YEARS[1])}
    if kind in NUMBERS:
        counts |= {"nan": value.isnan(), "infinite": value.isinf()}
    if kind in ALLOWED:
        counts["outside"] = ~value.isin(ALLOWED[kind]) & ~value.isnan()
    if kind == "count":
        counts["outside"] = value < 0
    return counts


def refuse_cast(column, before, after, file) -> None:
    """Refuse a cast column that holds what it must not: infinite values, values off its scale, impossible dates.

    Parameters
    ----------
    column : schema.Column, its type settled
    before, after : dict of str to int, counts before and after the cast
    file : str

    Raises
    ------
    Refused: with file, column and count.
    """
    where = f"{file}, column {column.name}"
    _refuse_infinite(where, after.get("infinite", 0))
    fault = f"with another value than {SCALES.get(column.type)}, for {column.use}; correct them, or change the plan"
    schema.refuse_some(after.get("outside", 0), "row", where, fault)
    if "iso" in before:
        lost = before["filled"] - before["missing"] - after["dated"]
        schema.refuse_some(lost, "row", where, "with no day of the calendar or no time of day; correct them")
    fault = f"before {YEARS[0]} or after {YEARS[1]}; correct them, or leave those rows out"
    schema.refuse_some(after.get("remote", 0), "date", where, fault)


def _refuse_infinite(where, n):
    if n:
        raise Refused(f"{where}: {schema.say(n, 'infinite value')}; leave a cell empty where it is unknown")
