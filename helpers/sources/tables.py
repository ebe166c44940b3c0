"""Tables: what stands in each column is counted, refused where it does not fit, and cast to what the plan needs."""

from collections import Counter
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from helpers import schema
from helpers.records import Refused
from helpers.sources import numerals, opening

ibis.options.sql.fuse_selects = False  # engines join selects by themselves; Ibis takes a quarter of its time for it
NUMBERS = ("number", "binary", "state", "count", "whole", "nps", "either")
TEXTS = ("id", "label", "text")
LEVELLED = ("label", "text")
SCALES = {
    "binary": "0 and 1 (or yes and no)",
    "state": "0 (not yet seen), 1 (event) and 2 (competing event)",
    "nps": "whole numbers from 0 to 10",
    "count": "numbers of 0 or more",
    "whole": "whole numbers of 0 or more",
}
ALLOWED = {"binary": (0.0, 1.0), "state": (0.0, 1.0, 2.0), "nps": tuple(float(i) for i in range(11))}
ROUNDED = r"^-?[0-9]([.][0-9]+[eE][+]?|[eE][+])[0-9]{1,3}$|^-?[0-9]+[.]0+$"
CUT, DIGITS_KEPT, LEAST_CUT = "^[1-9][0-9]{14}0+$", 15, 10  # what spreadsheets leave of a long number
SHARP = "^[1-9][0-9]{13}[1-9]0+$"  # nine of ten; of clocks that count in thousands, none
LARGEST_WHOLE, LARGEST = 2.0**53, 1e50  # numbers that are exact; of more the squares and cubes have no room
CLOCK = r"([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?$"
ISO = r"^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}" + CLOCK
SLASH = r"^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}" + CLOCK
DAY_FIRST = r"^(1[3-9]|2[0-9]|3[01])[-/.]"
MONTH_FIRST = r"^[0-9]{1,2}[-/.](1[3-9]|2[0-9]|3[01])[-/.]"
PARTS = r"^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})"
ZONED = r":[0-9]{2}([.][0-9]+)? ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"
TO_MINUTE = r"([T ][0-9]{1,2}:[0-9]{2})( ?(Z|UTC|[+-][0-9:]+))$"  # ISO 8601, which engines want with seconds
ZONE_APART = r" (Z|[+-][0-9:]+)$"  # as Shopify and Ruby write a zone
EPOCHS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}  # since 1970
NOTHING = ("", numerals.UNTOLD)
DAY = 86_400
YEARS = (1900, 2199)  # beyond stand placeholders, such as 9999-12-31
NO_DATE = "leave a cell empty where there is none"
DATED = "write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"
GAPS = {
    "unit": "without an id; give each row its unit, or leave those rows out",
    "variant": "without a variant; give each unit the one it was assigned to, or leave out units never assigned",
    "started_at": "without a start; give each account the time it began, or leave those rows out",
    "event": "without an event; give each its name, or leave those rows out",
    "at": "without a time; give each event its time, or leave those rows out",
}
GAP = "without a value; the plan needs one in each row"
IN_ZONE = "write time_zone into the plan, such as Europe/Rome or UTC, in which those without are read"


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp"), "timestamp('UTC')"))
def _place(zone, moment):
    """The moment of a time without a zone, read in a zone: DuckDB and Postgres call this function alike."""


@ibis.udf.scalar.builtin(name="epoch_us", signature=(("timestamp('UTC')",), "int64"))
def _count_micro(moment):
    """The microseconds since 1970 of a moment: DuckDB calls this so."""


@ibis.udf.scalar.builtin(name="make_timestamp", signature=(("int64",), "timestamp"))
def _make_moment(micro):
    """The moment of microseconds since 1970: DuckDB calls this so."""


@dataclass(frozen=True)
class Shaped:
    """A typed table with what was said of it.

    `rows` as read; `ids` the unit's id before it became text; `planned` the plan's columns by their new names; `clocks`
    how many times of day have a zone and how many have none, by column.
    """

    table: ibis.Table
    name: str
    rows: int
    ids: ibis.Column
    planned: tuple[str, ...]
    clocks: dict[str, tuple[int, int]]
    messages: tuple[str, ...]


def shape_table(backend, raw, wanted, design, *, name, complete) -> Shaped:
    """Return a table with the wanted columns cast and renamed, and every other column as it is.

    Text files are cast once and stored in the engine; other tables stay lazy. NaN becomes null.

    Parameters
    ----------
    backend : Ibis backend
    raw : opening.Raw
    wanted : iterable of schema.Column
    design : plan whose `time_zone` reads times without one (None refuses them beside times with one, else is UTC) and
        whose `decimal` is the sign of numbers in text (None is, of each column, what fits it)
    name : str, what the table is called in the engine
    complete : collection of str, targets that may hold no missing value

    Raises
    ------
    Refused: a column that is absent, holds what does not fit, or lacks values where it must be complete; no rows.
    """
    zone = design.time_zone
    schema.refuse_missing(wanted, list(raw.table.columns), file=raw.name, typed=raw.parsed)
    came = {column.target: raw.table[column.name] for column in wanted if column.name in raw.table.columns}
    wanted = [column for column in wanted if column.target in came]
    rows, before = _count_raw(raw.table, {c.target: (came[c.target], c.type) for c in wanted}, raw.name)
    if not rows:
        raise Refused(f"{raw.name}: columns and no rows; export it again")
    wanted = [_settle(c, before, came[c.target].type()) if c.type == "either" else c for c in wanted]
    numbers = {c.name: before[c.target] for c in wanted if c.type in NUMBERS and "point" in before[c.target]}
    signs, told = numerals.find_signs(numbers, raw.name, design.decimal) if numbers else ({}, [])
    made = {}
    for c in wanted:
        sign, counts, value = signs.get(c.name, "."), before[c.target], came[c.target]
        told += judge_raw(c, counts, value, f"{raw.name}, column {c.name}", sign=sign, zone=zone, complete=complete)
        made[c.target] = cast(value, c.type, counts, sign=sign, zone=zone)
    used, taken = {column.name for column in wanted}, {target.lower() for target in made}
    others = [column for column in raw.table.columns if column not in used]
    kept = [column for column in others if column.lower() not in taken]
    told += [f"column {c}: left out, as the plan's own column is called so" for c in others if c not in kept]
    table = raw.table.select(**made, **{column: raw.table[column] for column in kept})
    if raw.parsed:
        typed = table
        table = opening.ask(lambda: backend.create_table(name, typed), raw.name)
        backend.drop_table(raw.table.get_name())
    as_they_came = not raw.parsed and not any(before["unit"].get(key) for key in ("spaced", "parted"))
    ids = came["unit"] if as_they_came else table.unit
    # of what is not stored, a whole number that becomes text is looked at before, as ten million texts take long
    same = {c.target for c in wanted if c.type in TEXTS and came[c.target].type().is_integer()}
    read = {c.target: came[c.target] if c.target in same else made[c.target] for c in wanted}
    source, read = (table, {c.target: table[c.target] for c in wanted}) if raw.parsed else (raw.table, read)
    _, after = _count_columns(source, {c.target: (count_cast, read[c.target], c.type) for c in wanted}, raw.name)
    for c in wanted:
        refuse_cast(c, before[c.target], after[c.target], f"{raw.name}, column {c.name}", complete=c.target in complete)
    nan = [table[target] for target, counts in after.items() if counts.get("nan")]
    known = {column.get_name(): column.isnan().ifelse(ibis.null("float64"), column) for column in nan}
    messages = (*raw.messages, *(f"{raw.name}: {text}" for text in told))
    times = [column for column in wanted if column.type == "timestamp"]
    clocks = {c.name: (before[c.target]["zoned"], before[c.target]["clocked"]) for c in times}
    table = table.mutate(**known) if known else table
    return Shaped(table, raw.name, rows, ids, tuple(made), clocks, messages)


def _count_raw(table, asked, shown):
    """Return the rows, and the counts of columns as they came; in detail only of those that are not plain throughout.

    Of a plain one what is counted is known from a few counts, and 0 else.
    """
    first = {t: (numerals.count_plain if of[0].type().is_string() else count_raw, *of) for t, of in asked.items()}
    rows, found = _count_columns(table, first, shown)
    odd = {target: (count_raw, *of) for target, of in asked.items() if found[target].get("unlike")}
    for target, (_, kind) in asked.items():
        if found[target].get("unlike") == 0:
            of_all = {"iso" if kind == "timestamp" else "number": found[target].get("filled", 0)}
            found[target] = Counter({"blank": 0, "spaced": 0, **of_all, **found[target]})
    return rows, found | (_count_columns(table, odd, shown)[1] if odd else {})


def _count_columns(table, asked, shown):
    """Count in one query what is asked of each column; return the rows, and the counts by target and name.

    Of numbers that are too large or NaN another query tells how many.

    Each column comes with the function that names the tests of a value of its type. A text that is neither an id nor a
    number has few levels: these are tested, each once, and not the rows.
    """
    flat, apart, beside, names = {"rows": table.count()}, {}, [], {}
    texts = {
        f"c{i}": value
        for i, (tests, value, kind) in enumerate(asked.values())
        if tests is count_raw and kind in NUMBERS and value.type().is_string()
    }
    bare, numbers = numerals.bare_numbers(table, texts) if texts else None, {}
    for i, (target, (tests, value, kind)) in enumerate(asked.items()):
        if f"c{i}" in texts:
            found = numerals.count_numbers(bare, f"c{i}")
            numbers |= {f"c{i}_{key}": test.sum() for key, test in found.items()}
        elif tests is not count_cast and kind in LEVELLED and value.type().is_string():
            levels = table.group_by(level=value).aggregate(n=table.count())
            found = {key: test.ifelse(levels.n, 0).sum() for key, test in tests(levels.level, kind).items()}
            named = {f"c{i}_{key}": count for key, count in found.items()}
            beside += [levels.aggregate(**named)] if named else []
        else:
            found = tests(value, kind)
            for key, test in found.items():
                asked_with = apart if key == "odd" else flat  # a file tells the others without reading its values
                asked_with[f"c{i}_{key}"] = test.sum() if isinstance(test, ir.Column) else test
        names[target] = {key: f"c{i}_{key}" for key in found}
    beside += [bare.aggregate(**numbers)] if numbers else []
    beside += [table.aggregate(**apart)] if apart else []
    counts = opening.count_all(table, flat, shown, *beside)
    told = {target: {key: counts[name] for key, name in keys.items()} for target, keys in names.items()}
    told |= {t: found | {"null": counts["rows"] - found["known"]} for t, found in told.items() if "known" in found}
    odd = {t: (count_odd, asked[t][1], "") for t, found in told.items() if found.get("odd")}
    more = _count_columns(table, odd, shown)[1] if odd else {}
    return counts["rows"], {target: found | more.get(target, {}) for target, found in told.items()}


def _settle(column, before, found):
    """Settle a type that the values decide: numbers when all that are not missing are, text otherwise."""
    is_number, counts = found.is_numeric() or found.is_boolean(), before[column.target]
    if counts:
        values = counts["filled"] - counts["missing"]
        is_number = values > 0 and values == counts["number"] + counts["comma"] + counts["sure,"] + counts["sure."]
    return replace(column, type="number" if is_number else "text")


def count_raw(value, kind) -> dict[str, ir.BooleanValue]:
    """Return what to count in a column before it is cast, by name; each is true where a row is of that sort.

    Parameters
    ----------
    value : Ibis column, as it came
    kind : str, the type of `schema.Column`
    """
    if value.type().is_floating() and kind in TEXTS:
        empty = value.isnull() | value.isnan()
        return {"empty": empty, "odd": ~empty & _has_fraction(value, 0.5)}
    if kind == "timestamp" and (value.type().is_timestamp() or value.type().is_date()):
        is_zoned = getattr(value.type(), "timezone", None) is not None
        clocked = value.epoch_seconds() % DAY != 0 if value.type().is_timestamp() else value.isnull() & value.notnull()
        return {"zoned": value.notnull() & is_zoned, "clocked": clocked & (not is_zoned)}
    is_number = kind == "timestamp" and value.type().is_numeric()
    if not is_number and not value.type().is_string():
        return {}
    if kind in TEXTS:
        text = numerals.trim(value)
        is_long = text.length() > DIGITS_KEPT
        rounded = {"rounded": text.re_search(ROUNDED), "word": text.lower().isin(numerals.NOBODY), "long": is_long}
        rounded |= {n: is_long.ifelse(text.re_search(sign), False) for n, sign in (("cut", CUT), ("sharp", SHARP))}
        rounded = rounded if kind == "id" else {}
        # labels are compared without their spaces later, where the plan spells them
        spaced = {"spaced": (text != "") & (text != value)} if kind != "label" else {}
        return {"blank": text.isin(NOTHING), **rounded, **spaced, "parted": numerals.compose(value) != value}
    text = numerals.fill(value.cast("string") if is_number else value)
    counts = {"filled": text.notnull(), "missing": text.lower().isin(numerals.MISSING)}
    slash, zoned = text.re_search(SLASH), text.re_search(ZONED)
    ordered = {"day_first": slash & text.re_search(DAY_FIRST), "month_first": slash & text.re_search(MONTH_FIRST)}
    number = value if is_number else numerals.read_digits(text)
    clocks = {"zoned": zoned | number.notnull(), "clocked": text.contains(":") & ~zoned}
    epochs = {name: number.between(1e8 / unit, 1e10 / unit - 1) for name, unit in EPOCHS.items()}  # 1973 to 2286
    return {**counts, "iso": text.re_search(ISO), "slash": slash, **ordered, **clocks, **epochs}


def judge_raw(column, counts, value, where, *, sign=".", zone=None, complete=()) -> list[str]:
    """Return what a reader may want to know of how a column is read, or refuse it, with a count and never a value.

    Parameters
    ----------
    column : schema.Column, its type settled
    counts : dict of str to int, as `count_raw` asked
    value : Ibis column, as it came
    where : str, file and column
    sign : str, the decimal sign of text
    zone : str, optional, in which times without one are read
    complete : collection of str, targets that may hold no missing value

    Returns
    -------
    list of str: on cells with spaces, missing words, yes and no, the order of dates.

    Raises
    ------
    Refused: text among numbers, dates that are none or have two readings, rounded ids, a type that cannot be read as
    the one needed.
    """
    found = value.type()
    kind, came, text = column.type, f"{where}: holds {type(found).__name__.lower()} values where", found.is_string()
    if kind in NUMBERS and not (found.is_numeric() or text or found.is_boolean() or found.is_null()):
        raise Refused(f"{came} numbers are needed; name another column in the plan")
    if kind == "timestamp" and not (found.is_timestamp() or found.is_date() or found.is_numeric() or text):
        raise Refused(f"{came} times are needed; write them as 2024-01-31 13:45:00 (UTC)")
    if kind in TEXTS and (found.is_nested() or found.is_binary()):
        raise Refused(f"{came} text is needed; export it as text")
    if kind == "id":
        fault = "rounded, or kept as decimal numbers, so that different units can share one; export the column as text"
        n_cut = counts.get("cut", 0)
        cut = n_cut if LEAST_CUT <= n_cut < 2 * counts["sharp"] and n_cut == counts["long"] else 0
        schema.refuse_some(max(cut, *(counts.get(key, 0) for key in ("rounded", "empty", "odd"))), "id", where, fault)
        fault = "with a word such as null or NA for an id; give each row its own, or leave those rows out"
        schema.refuse_some(counts.get("word", 0), "row", where, fault)
    epochs = [name for name in EPOCHS if counts.get(name)]
    if kind == "timestamp" and "filled" in counts:
        _refuse_times(where, counts, epochs, "" if column.target in complete else f", or {NO_DATE}")
    elif text and kind in NUMBERS:
        numerals.refuse_numbers(where, counts, sign, is_state=kind in ("binary", "state"))
    if kind == "timestamp" and counts["zoned"] and zone is None:
        fault = f"of day without a time zone and {counts['zoned']:,} with one; {IN_ZONE}"
        schema.refuse_some(counts["clocked"], "time", where, fault)
    order, apart = "day first" if counts.get("day_first") else "month first", {".": "commas", ",": "dots"}[sign]
    n = {key: schema.say(counts.get(key, 0), "cell") for key in ("spaced", "missing", "apart", "clocked")}
    thousands = counts.get(f"two{numerals.BESIDE[sign]}", 0) + counts.get(f"sure{sign}", 0)
    said = {
        "spaced": f"{n['spaced']} read without the spaces around it",
        "missing": f"{n['missing']} such as NA or null read as missing",
        "boolean": "words for yes and no, or true and false, are read as 1 and 0",
        "apart": f"{n['apart']} read without the spaces or apostrophes between thousands",
        "slash": f"dates are read with the {order}, as only that fits all of them",
    }
    told = [words for key, words in said.items() if counts.get(key)]
    told += [f"numbers are read as {name} since 1970, in UTC" for name in epochs]
    told += [f"{schema.say(thousands, 'cell')} read without the {apart} between thousands"] if thousands else []
    told += [f"{n['clocked']} without a time zone read in {zone}"] if zone and counts.get("clocked") else []
    told += numerals.judge_monies(value, where) if counts.get("money") else []
    return [f"column {column.name}: {words}" for words in told]


def _refuse_times(where, counts, epochs, cure):
    slash, iso, day, month = (counts[key] for key in ("slash", "iso", "day_first", "month_first"))
    n, n_epochs = counts["filled"] - counts["missing"], sum(counts[name] for name in epochs)
    schema.refuse_some(n - iso - slash - n_epochs, "row", where, f"without a date or time; {DATED}{cure}")
    if len(epochs) > 1 or 0 < n_epochs < n:
        parts = [f"{counts[name]:,} in {name} since 1970" for name in epochs]
        raise Refused(f"{where}: {' and '.join(parts)} of {n:,} times; write all in one way")
    if slash and iso:
        raise Refused(f"{where}: dates in two formats, {slash:,} of {n:,} not year first; {DATED}")
    if day and month:
        schema.refuse_some(day, "date", where, f"with the day first and {month:,} with the month first; {DATED}")
    if not day and not month:
        schema.refuse_some(slash, "date", where, f"with two readings, as day or month can stand first; {DATED}")


def cast(value, kind, counts, *, sign=".", zone=None):
    """Return a column as the plan needs it: text, numbers (float64) or times (UTC); what is missing is null.

    Parameters
    ----------
    value : Ibis column, as it came and as `judge_raw` let pass
    kind : str, the type of `schema.Column`, settled
    counts : dict of str to int
    sign : str, the decimal sign of text
    zone : str, optional, in which times of day without one are read; dates alone stay days
    """
    found = value.type()
    if kind in TEXTS:
        if found.is_string():
            value = numerals.compose(value) if counts.get("parted") else value
            text = numerals.trim(value) if kind != "label" and counts.get("spaced", True) else value
            is_blank = counts.get("blank", True)
            return numerals.trim(value).isin(NOTHING).ifelse(ibis.null("string"), text) if is_blank else text
        if found.is_floating():
            known = value.isnan().ifelse(ibis.null("float64"), value) if counts["empty"] else value
            return (known if counts["odd"] else known.cast("int64")).cast("string")
        return value.cast("string")
    if kind == "timestamp":
        if unit := next((unit for name, unit in EPOCHS.items() if counts.get(name)), None):
            return numerals.cast_epoch(value, unit)
        if found.is_string():
            return _cast_time(value, counts, zone)
        if found.is_timestamp() and found.timezone and value.get_backend().name == "duckdb":
            return _take_zone(value)
        return (_place(zone, value) if zone and counts["clocked"] else value).cast("timestamp")
    value = value.cast("int32") if found.is_boolean() else value
    return numerals.cast_number(value, counts, sign) if found.is_string() else value.cast("float64")


def _take_zone(value):
    """DuckDB's own cast asks a calendar for every row; what has no number, such as infinity, is left to it."""
    return ibis.coalesce(_make_moment(_count_micro(value)), value.cast("timestamp"))


def _cast_time(value, counts, zone):
    text = value if "unlike" in counts else numerals.fill(value)
    text = text.lower().isin(numerals.MISSING).ifelse(ibis.null("string"), text) if counts["missing"] else text
    if counts["slash"]:
        day, month = (1, 2) if counts["day_first"] else (2, 1)
        text = text.re_replace(PARTS, rf"\3-\{month}-\{day}")
    if counts["zoned"]:
        text = text.re_replace(TO_MINUTE, r"\1:00\2").re_replace(ZONE_APART, r"\1")
    moment = numerals.try_cast(text, "timestamp('UTC')").cast("timestamp")
    if zone and counts["clocked"]:
        is_placed = text.re_search(ZONED) | ~text.contains(":")
        moment = is_placed.ifelse(moment, _place(zone, moment).cast("timestamp"))
    return moment


def count_cast(value, kind) -> dict[str, ir.Value]:
    """Return what to ask of a column after it is cast, by name; each is true where a row is of that sort, or is told.

    `known` values are counted, which a file may do without reading them; `odd` tells whether any is too large, infinite
    or NaN, which is asked by itself, as what a file says of its smallest and largest value may leave out NaN.
    """
    counts = {"known": value.count()}
    if kind == "timestamp":
        # in DuckDB infinity has no year
        counts |= {"dated": value.notnull(), "remote": ~value.year().between(*YEARS).fill_null(value.isnull())}
    if kind in NUMBERS:
        is_large = ~value.between(-LARGEST, LARGEST)
        counts["odd"] = ((value.isnan() | is_large) if value.type().is_floating() else is_large).any()
    if kind in ALLOWED:
        counts["outside"] = ~value.isin(ALLOWED[kind]) & ~value.isnan()
    if kind in ("count", "whole"):
        counts["outside"] = (value < 0) | _has_fraction(value, 0.0) if kind == "whole" else value < 0
    return counts


def count_odd(value, _kind) -> dict[str, ir.BooleanValue]:
    """Return what to count in a column of numbers, some of which are too large, infinite or NaN; as of `count_cast`."""
    return {"nan": value.isnan(), "infinite": value.isinf(), "huge": ~value.isnan() & (value.abs() > LARGEST)}


def _has_fraction(value, other):
    """Whether a number is not whole; another stands for those too large for the engine to tell, and for NaN."""
    safe = (value.abs() <= LARGEST_WHOLE).ifelse(value, other)
    return safe != safe.floor()


def refuse_cast(column, before, after, where, *, complete=False) -> None:
    """Refuse a cast column that holds what it must not: infinite values, values off its scale, impossible dates, gaps.

    Parameters
    ----------
    column : schema.Column, its type settled
    before, after : dict of str to int, counts before and after the cast
    where : str, file and column
    complete : bool, whether it may hold no missing value

    Raises
    ------
    Refused: with file, column and count.
    """
    if n := after.get("infinite"):
        raise Refused(f"{where}: {schema.say(n, 'infinite value')}; leave a cell empty where it is unknown")
    fault = f"beyond {LARGEST:.0e} on either side of 0; correct them, or leave a cell empty where it is unknown"
    schema.refuse_some(after.get("huge", 0), "number", where, fault)
    fault = f"with another value than {SCALES.get(column.type)}, for {column.use}; correct them, or change the plan"
    schema.refuse_some(after.get("outside", 0), "row", where, fault)
    if "iso" in before:
        lost = before["filled"] - before["missing"] - after["dated"]
        schema.refuse_some(lost, "row", where, "with no day of the calendar or no time of day; correct them")
    cure = "leave those rows out" if complete else NO_DATE
    fault = f"before {YEARS[0]} or after {YEARS[1]}; correct them, or {cure}"
    schema.refuse_some(after.get("remote", 0), "date", where, fault)
    if complete:
        schema.refuse_some(after["null"] + after.get("nan", 0), "row", where, GAPS.get(column.target, GAP))
