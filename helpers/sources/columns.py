"""Columns: what stands in each is counted first, then cast as the plan needs it; what does not fit is refused."""

from __future__ import annotations

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources import times
from helpers.sources.text import MISSING, filled, trim, try_cast

NUMBERS = ("number", "binary", "state", "count", "nps", "either")
SCALES = {
    "binary": "0 and 1 (or yes and no)",
    "state": "0 (not yet seen), 1 (event) and 2 (competing event)",
    "nps": "whole numbers from 0 to 10",
    "count": "numbers of 0 or more",
}
ALLOWED = {"binary": (0.0, 1.0), "state": (0.0, 1.0, 2.0), "nps": tuple(float(i) for i in range(11))}
TEXTS = ("id", "label", "text")
TRIMMED = ("id", "text")  # labels are compared without their spaces later, where the plan spells them
YES, NO = ("true", "yes"), ("false", "no")
NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
COMMA = r"^[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?$"
GROUP = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
ROUNDED = r"^-?[0-9]([.][0-9]+[eE][+]?|[eE][+])[0-9]{1,3}$|^-?[0-9]+[.]0+$"
LARGEST_WHOLE = 2.0**53


def count_raw(value, kind) -> dict[str, ibis.expr.types.BooleanValue]:
    """Return what to count in a column before it is cast, by name; each is true where a row is of that sort.

    Parameters
    ----------
    value : Ibis column, as it came
    kind : str, the type of `schema.Column`
    """
    if value.type().is_string() and kind in NUMBERS:
        return {"blank": trim(value) == "", **_count_number_text(value)}
    if value.type().is_string() and kind == "timestamp":
        return times.count_raw(value)
    if value.type().is_string() and kind in TEXTS:
        rounded = {"rounded": trim(value).re_search(ROUNDED)} if kind == "id" else {}
        spaced = {"spaced": (trim(value) != "") & (trim(value) != value)} if kind in TRIMMED else {}
        return {"blank": trim(value) == "", **rounded, **spaced}
    if value.type().is_floating() and kind in TEXTS:
        empty = value.isnull() | value.isnan()
        safe = (value.abs() <= LARGEST_WHOLE).ifelse(value, 0.5)
        return {"empty": empty, "odd": ~empty & (safe != safe.floor())}
    return {}


def _count_number_text(value):
    text = filled(value)
    low = text.lower()
    return {
        "filled": text.notnull(),
        "missing": low.isin(MISSING),
        "boolean": low.isin(YES + NO),
        "infinite": low.isin(INFINITE),
        "number": text.re_search(NUMBER),
        "coded": text.isin(("0", "1", "0.0", "1.0")),
        "point": text.contains(".") & text.re_search(NUMBER),
        "comma": text.contains(",") & text.re_search(COMMA),
        "group": text.contains(",") & text.re_search(GROUP),
    }


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
    where = f"column {first}" if pointed in (None, first) else f"columns {first} and {pointed}"
    if pointed:
        raise Refused(
            f"{file}, {where}: {schema.say(numbers[first]['comma'], 'number')} with a decimal "
            f"comma and {counts[pointed]['point']:,} with a decimal point; write one sign, and no thousands separators"
        )
    if all(c["comma"] == c["group"] for c in numbers.values()):
        raise Refused(
            f"{file}, {where}: {schema.say(numbers[first]['comma'], 'number')} with two readings, as a comma "
            "before three digits is a decimal sign or separates thousands; write a decimal point and no separators"
        )
    return True


def is_number(counts) -> bool:
    """Return whether every value of a text column that is not missing is a number, and there is one."""
    values = counts["filled"] - counts["missing"]
    return values > 0 and values == counts["number"] + counts["comma"]


def refuse_raw(column, kind, counts, value, file) -> None:
    """Refuse a column whose raw values cannot be what the plan needs, with their count and never one of them.

    Parameters
    ----------
    column : schema.Column
    kind : str, its type (either already settled)
    counts : dict of str to int, as `count_raw` asked
    value : Ibis column, as it came
    file : str

    Raises
    ------
    Refused: text among numbers, infinite values, dates that are none or have two readings, rounded ids, a type
    that cannot be read as the one needed.
    """
    where = f"{file}, column {column.name}"
    wrong_type = _find_wrong_type(value.type(), kind)
    if wrong_type:
        raise Refused(f"{where}: {wrong_type}")
    if "iso" in counts:
        times.refuse_raw(where, counts)
    elif "filled" in counts and kind in NUMBERS:
        _refuse_number_text(where, counts)
    elif kind == "id":
        _refuse_rounded(where, counts)


def _find_wrong_type(found, kind):
    came = f"holds {type(found).__name__.lower()} values where"
    if kind in NUMBERS and not (found.is_numeric() or found.is_string() or found.is_boolean() or found.is_null()):
        return f"{came} numbers are needed; name another column in the plan"
    if kind == "timestamp" and not (found.is_timestamp() or found.is_date() or found.is_string()):
        return f"{came} times are needed; write them as 2024-01-31 13:45:00 (UTC)"
    if kind in TEXTS and (found.is_nested() or found.is_binary()):
        return f"{came} text is needed; export it as text"
    return ""


def _refuse_number_text(where, counts):
    if counts["infinite"]:
        _refuse_infinite(where, counts["infinite"])
    boolean = counts["boolean"] if _all_yes_no(counts) else 0
    known = counts["missing"] + boolean + counts["number"] + counts["comma"]
    if counts["filled"] > known:
        raise Refused(
            f"{where}: {schema.say(counts['filled'] - known, 'row')} with text where a number is needed; correct "
            "them, or leave a cell empty where it is unknown"
        )


def _refuse_infinite(where, n):
    raise Refused(f"{where}: {schema.say(n, 'infinite value')}; leave a cell empty where it is unknown")


def _all_yes_no(counts):
    return counts["filled"] == counts["missing"] + counts["boolean"] + counts["coded"]


def _refuse_rounded(where, counts):
    n = max(counts.get(key, 0) for key in ("rounded", "empty", "odd"))
    if n:
        raise Refused(
            f"{where}: {schema.say(n, 'id')} rounded, or kept as decimal numbers, so that different units can share "
            "one; export the column as text"
        )


def describe_raw(column, kind, counts) -> list[str]:
    """Return what was read in a column that a reader may want to know: missing words, yes and no, order of dates."""
    said = []
    if kind in (*NUMBERS, "timestamp") and counts.get("missing"):
        said.append(f"column {column.name}: {schema.say(counts['missing'], 'cell')} such as NA or null read as missing")
    if kind in NUMBERS and counts.get("boolean"):
        said.append(f"column {column.name}: yes and no, or true and false, are read as 1 and 0")
    if counts.get("spaced"):
        said.append(f"column {column.name}: {schema.say(counts['spaced'], 'cell')} read without the spaces around it")
    if counts.get("slash"):
        order = "day first" if counts["day_first"] else "month first"
        said.append(f"column {column.name}: dates are read with the {order}, as only that fits all of them")
    return said


def cast(value, kind, counts, *, comma=False):
    """Return a column as the plan needs it: text, numbers (float64) or times (UTC); what is missing is null.

    Parameters
    ----------
    value : Ibis column, as it came and as `refuse_raw` let pass
    kind : str, the type of `schema.Column`, either already settled
    counts : dict of str to int
    comma : bool, whether text has a decimal comma
    """
    found = value.type()
    if kind in TEXTS:
        return _cast_text(value, counts)
    if kind == "timestamp":
        return times.cast(value, counts).cast("timestamp")
    if found.is_string():
        plain = counts["filled"] == counts["number"]
        return try_cast(filled(value), "float64") if plain else _cast_number_text(value, comma)
    if found.is_boolean():
        return value.cast("int32").cast("float64")
    return value.cast("float64")


def _cast_text(value, counts):
    if value.type().is_string():
        text = trim(value) if counts.get("spaced") else value
        return (trim(value) == "").ifelse(ibis.null("string"), text) if counts["blank"] else text
    if value.type().is_floating():
        known = value.isnan().ifelse(ibis.null("float64"), value) if counts["empty"] else value
        return (known if counts["odd"] else known.cast("int64")).cast("string")
    return value.cast("string")


def _cast_number_text(value, comma):
    text = filled(value)
    low = text.lower()
    if comma:
        text = text.replace(",", ".")
    number = try_cast(text.re_search(NUMBER).ifelse(text, ibis.null("string")), "float64")
    return low.isin(YES).ifelse(1.0, low.isin(NO).ifelse(0.0, number))


def count_cast(value, kind) -> dict[str, ibis.expr.types.BooleanValue]:
    """Return what to count in a column after it is cast, by name; each is true where a row is of that sort."""
    counts = {"null": value.isnull()}
    if kind == "timestamp":
        counts |= times.count_cast(value)
    if kind in NUMBERS:
        counts |= {"nan": value.isnan(), "infinite": value.isinf()}
    if kind in ALLOWED:
        counts["outside"] = ~value.isin(ALLOWED[kind]) & ~value.isnan()
    if kind == "count":
        counts["outside"] = value < 0
    return counts


def refuse_cast(column, kind, before, after, file) -> None:
    """Refuse a cast column that holds what it must not: infinite values, values off its scale, impossible dates.

    Parameters
    ----------
    column : schema.Column
    kind : str
    before, after : dict of str to int, counts before and after the cast
    file : str

    Raises
    ------
    Refused: with file, column and count.
    """
    where = f"{file}, column {column.name}"
    if after.get("infinite"):
        _refuse_infinite(where, after["infinite"])
    if after.get("outside"):
        raise Refused(
            f"{where}: {schema.say(after['outside'], 'row')} with another value than {SCALES[kind]}, for {column.use}; "
            "correct them, or change the plan"
        )
    if kind == "timestamp":
        times.refuse_cast(where, before, after)
