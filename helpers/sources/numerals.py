"""Numerals: numbers, and words for yes and no, as text writes them: spaces, decimal signs, thousands set apart."""

import datetime as dt

import ibis

from helpers import schema
from helpers.records import Refused
from helpers.sources.opening import count_all

UNTOLD = "\\N"  # what databases write into text files where there is nothing
MISSING = ("na", "n/a", "#n/a", "null", "none", "nan", UNTOLD.lower())
NOBODY = (*MISSING, "nil", "undefined", "(null)", "<null>")
YES = ("true", "t", "yes", "y", "oui", "o", "ja", "j", "si", "s", "sim", "vrai", "v", "vero", "wahr", "verdadero")
NO = ("false", "f", "no", "n", "non", "nein", "nee", "nao", "n\xe3o", "faux", "falso", "falsch", "nie", "nej")
NO += ("hayir", "hay\u0131r")
YES += ("tak", "evet", "s\xec", "s\xed", "si\u0300", "si\u0301")  # the accent a letter of its own, or not
INFINITE = ("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity")
SPACES = (  # of every width, none included, and marks of the direction of text
    "\\s\\v\x85\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ufeff"
)
NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
PLAIN = "^-?[0-9]+([.]([0-9]{1,2}|[0-9]{4,}))?$"  # with one reading
PLAIN_TIME = "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?)?$"
ODD_ID = "[^0-9A-Za-z_-]|^[A-Za-z_-]*$|^[0-9]{16}"  # has no digit, or is perhaps a spreadsheet's number
ODD_TEXT = "[^ -Z^-~]|^ | $|^$"  # has spaces around, or accents
CODES = ("0", "1", "0.0", "1.0")
DIGITS = "^[0-9]{9,19}([.][0-9]+)?$"  # of seconds since 1970, or what is counted finer
COMMA = r"^[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?$"
GROUP = r"^[+-]?[1-9][0-9]{0,2}"  # the first digits of a number whose thousands are set apart
APART = f"[{SPACES}'\u2019]"  # thousands are set apart by a space or, in Switzerland, an apostrophe
SPACED = rf"{GROUP}({APART}[0-9]{{3}})+([.,][0-9]+)?$"
MONIES = (  # signs and codes of currencies, as they stand before or behind an amount
    r"(?:[A-Z]{1,3}[$]|[$€£¥₹₽₩₺₴₪₫₱฿₦₡₲₵₸]|Fr[.]|Rs[.]?|zł|Kč|kr[.]?|R[$]|"
    "USD|EUR|GBP|CHF|JPY|CNY|AUD|CAD|NZD|HKD|SGD|BRL|MXN|INR|PLN|CZK|RUB|TRY|KRW|ILS|UAH|SEK|NOK|DKK|HUF|ZAR)"
)
AMOUNT = rf"(?:{MONIES}|[{SPACES}])*[0-9][0-9., ]*(?:{MONIES}|[{SPACES}])*"  # perhaps with a currency
BELOW = f"^([(]{AMOUNT}[)]|{AMOUNT}[-\u2212])$"  # as accountants write what is below 0
MONEY = rf"^[+-]?[{SPACES}]*{MONIES}[{SPACES}]*[+-]?[.,]?[0-9]|[0-9][{SPACES}]*{MONIES}$"
AROUND = rf"(^[+-]?)[{SPACES}]*{MONIES}[{SPACES}]*|[{SPACES}]*{MONIES}$"
BESIDE = {".": ",", ",": "."}  # what sets thousands apart beside a decimal sign
GROUPED = {sign: rf"{GROUP}([{apart}][0-9]{{3}})+([{sign}][0-9]+)?$" for sign, apart in BESIDE.items()}
SURE = {sign: rf"{GROUP}([{apart}][0-9]{{3}})+([{apart}][0-9]{{3}}|[{sign}][0-9]+)$" for sign, apart in BESIDE.items()}
TWO_READINGS = "with two readings, as a {} before three digits is a decimal sign or separates thousands"
REWRITE = 'write a decimal point and no separators in all columns, and decimal: "." in the plan'
CURES = (  # where of the table's other numbers none tells its sign, where all that do have one, and where they have two
    '; say in the plan which, decimal: "," or decimal: ".", or write a decimal point and no separators',
    f'; write decimal: "{{}}" in the plan if all numbers have it, else {REWRITE}',
    f", and the numbers of this table have either sign; {REWRITE}",
)
WORDS = {".": "dot", ",": "comma"}
ONE_IN = 20  # of so many decimals one has other than three digits, as zeros at the end are left out


def trim(value):
    """Return text without the spaces of any kind around it; only cells with any are touched, as all would take long."""
    around = value.re_replace(rf"^[{SPACES}]+|[{SPACES}]+$", "")
    return value.re_search(rf"^[{SPACES}]|[{SPACES}]$").ifelse(around, value)


def compose(value):
    """Return text with each letter and its accents as one sign (Unicode's NFC), where the engine can do that."""
    can = value.get_backend().name == "duckdb"
    return _compose(value) if can else value


@ibis.udf.scalar.builtin(name="nfc_normalize")
def _compose(text: str) -> str: ...


def fill(value):
    """Return text without the spaces around it, and null where nothing is left."""
    return trim(value).nullif("")


def try_cast(text, wanted):
    """Return text cast, null on failure where the engine can; elsewhere the pattern has let only good values pass."""
    can = text.get_backend().has_operation(ibis.expr.operations.TryCast)
    return text.try_cast(wanted) if can else text.cast(wanted)


def read_digits(text):
    """Return text of digits alone, as many as times since 1970 have, as numbers; null for any other."""
    return try_cast(text.re_search(DIGITS).ifelse(text, ibis.null("string")), "float64")


def bare_numbers(table, texts):
    """Return columns of text that may hold numbers, freed step by step of what stands around and within a number.

    Each step reads columns of the one before: one expression of all steps takes an engine seconds to plan.

    Parameters
    ----------
    table : Ibis table
    texts : dict of str to Ibis column of it

    Returns
    -------
    Ibis table: by each name the bare text, `NAME:text` that without spaces around it, `NAME:money` and `NAME:apart`
        whether a currency stood around it, and spaces or apostrophes within.
    """
    told = table.select(**{f"{name}:text": fill(text) for name, text in texts.items()})
    told = told.mutate(**{f"{name}:money": told[f"{name}:text"].re_search(MONEY) for name in texts})
    told = told.mutate(**{name: _take_out(told, f"{name}:text", f"{name}:money", AROUND, r"\1") for name in texts})
    told = told.mutate(**{f"{name}:apart": told[name].re_search(SPACED) for name in texts})
    return told.mutate(**{name: _take_out(told, name, f"{name}:apart", APART, "") for name in texts})


def _take_out(table, name, flag, pattern, kept):
    return table[flag].ifelse(table[name].re_replace(pattern, kept), table[name])


def count_plain(text, kind):
    """Return what to count at first in a column of text: cells `unlike` nearly all, which need a closer look.

    Beside them so much that all other counts of a column without any are known.
    """
    if kind in ("id", "label", "text"):
        return {"unlike": text.re_search(ODD_ID if kind == "id" else ODD_TEXT)}
    if kind == "timestamp":
        return {"filled": text.notnull(), "unlike": ~text.re_search(PLAIN_TIME), "clocked": text.contains(":")}
    counts = {"filled": text.notnull(), "unlike": ~text.re_search(PLAIN)}
    return counts | {"point": text.contains("."), "coded": text.isin(CODES)}


def count_numbers(bare, name):
    """Return what to count in a column of text that may hold numbers, by name, from what `bare_numbers` gives."""
    whole, text, spaced = (bare[column] for column in (f"{name}:text", name, f"{name}:apart"))
    has_point, has_comma = text.contains("."), text.contains(",")
    return {
        "filled": whole.notnull(),
        "missing": whole.lower().isin(MISSING),
        "apart": spaced,
        "below": whole.re_search(BELOW),
        "money": bare[f"{name}:money"],
        "boolean": text.lower().isin(YES + NO),
        "infinite": text.lower().isin(INFINITE),
        "number": text.re_search(NUMBER),
        "coded": text.isin(CODES),
        "point": has_point & text.re_search(NUMBER),
        "comma": has_comma & text.re_search(COMMA),
        # with two readings: a decimal sign before three digits, or the mark of thousands
        "two.": has_point & ~has_comma & ~spaced & text.re_search(GROUPED[","]) & text.re_search(NUMBER),
        "two,": has_comma & ~has_point & ~spaced & text.re_search(GROUPED["."]) & text.re_search(COMMA),
        "sure.": has_comma & text.re_search(SURE["."]),
        "sure,": has_point & text.re_search(SURE[","]),
    }


def find_signs(counts, file, planned=None):
    """Return the decimal sign of each column of numbers in text, the one that fits all of them, and what to say of it.

    A dot or comma before three digits has two readings. What settles them:

    - Numbers of the column with one reading. As decimals they must be one in `ONE_IN`, or one with its thousands apart;
      beside a currency that one alone settles it, as money has two decimals.
    - Without any, the one sign that the numbers of other columns have, where all cells have a dot or all a comma: as
      thousands, or as decimals of fewer than `ONE_IN` cells beside no whole number, as more may be thousands.

    All else is refused.

    Parameters
    ----------
    counts : dict of str to dict, counts of the columns of numbers in text
    file : str, what messages call the table
    planned : str, optional, the sign of all columns

    Raises
    ------
    Refused: a column with numbers of two readings, or with either sign.
    """
    sure = {name: _count_sure(c) for name, c in counts.items()}
    known = {sign: name for name, found in sure.items() for sign in found}  # and the last column that has it
    of_all = planned or (next(iter(known)) if len(known) == 1 else ".")
    signs = {name: planned or next(iter(found), of_all) for name, found in sure.items()}
    told = []
    for name, c in counts.items() if planned is None else ():
        _refuse_open(c, sure[name], list(known), f"{file}, column {name}")
        two, word = c[f"two{signs[name]}"], WORDS[signs[name]]
        if two and not sure[name]:
            cells = f"{schema.say(two, 'cell')} with a {word} before three digits"
            told.append(f"column {name}: {cells} read as decimals, as the numbers of column {known[signs[name]]} are")
    commas = [name for name, sign in signs.items() if sign == ","]
    where = "" if len(commas) == len(signs) else f" in {schema.pluralise('column', len(commas))} {', '.join(commas)}"
    return signs, [*told, f"decimal comma{where}"] if commas else told


def _count_sure(c):
    """Return by sign, where there are any, the numbers that have one reading, and a sign."""
    found = {sign: c[key] - c[f"two{sign}"] + c[f"sure{sign}"] for sign, key in ((",", "comma"), (".", "point"))}
    return {sign: n for sign, n in found.items() if n}


def _refuse_open(c, sure, known, where):
    """Refuse a column with either sign, or whose numbers have two readings that neither it nor the table settles."""
    if len(sure) > 1:
        fault = f"with a decimal comma and {sure['.']:,} with a decimal point; write one sign, and no thousands "
        schema.refuse_some(sure[","], "number", where, f"{fault}separators")
    two = {sign: c[f"two{sign}"] for sign in sure or WORDS if c[f"two{sign}"]}
    n, own = sum(two.values()), sum(sure.values())
    if sure:
        is_settled = any(c[f"sure{sign}"] for sign in sure) or (own * ONE_IN >= own + n and not c["money"])
    else:
        is_thousands = [*two] != known  # decimals hardly ever have three digits throughout, thousands always
        is_few = n < ONE_IN and c["number"] == c["point"] and not c["money"]
        is_settled = len(known) == len(two) == 1 and (is_thousands or is_few)
    words = " or ".join(WORDS[sign] for sign in two)
    fault = TWO_READINGS.format(words) + CURES[len(known)].format(*known)
    schema.refuse_some(0 if is_settled else n, "number", where, fault)


def refuse_numbers(where, counts, sign, *, is_state):
    """Refuse text among numbers, and numbers with another decimal sign than the plan's, from their counts."""
    values, fault = counts["filled"] - counts["missing"], 'with a decimal {} where the plan says decimal: "{}"'
    is_coded = values == counts["boolean"] + counts["coded"]
    wrong = counts["point"] - counts["two."] if sign == "," else counts["comma"] - counts["two,"]
    if wrong and not is_coded:
        fault = fault.format("point" if sign == "," else "comma", sign)
        schema.refuse_some(wrong, "number", where, f"{fault}; correct the plan, or write one sign")
    plain = counts["number"] if sign == "." else counts["number"] - wrong + counts["comma"]
    grouped = counts["two,"] + counts["sure."] if sign == "." else counts["sure,"]
    known = plain + grouped + counts["infinite"] + (counts["boolean"] if is_coded or is_state else 0)
    fault = "below 0 as accountants write it, with brackets or the minus behind it; write a minus before the digits"
    schema.refuse_some(counts["below"] if values > known and not is_state else 0, "number", where, fault)
    mend = "write 1 and 0, or yes and no" if is_state else "correct them"
    fault = f"with text where a number is needed; {mend}, or leave a cell empty where it is unknown"
    schema.refuse_some(values - known, "row", where, fault)


def cast_number(value, counts, sign):
    """Return text as numbers (float64), null where it is missing; yes and no as 1 and 0."""
    text = value if "unlike" in counts else fill(value)
    if counts["money"]:
        text = text.re_search(MONEY).ifelse(text.re_replace(AROUND, r"\1"), text)
    if counts["apart"]:
        text = text.re_search(SPACED).ifelse(text.re_replace(APART, ""), text)
    if counts["filled"] == counts["number"] and (sign == "." or not counts["point"]):
        return try_cast(text, "float64")
    low = text.lower()
    if counts["two,"] + counts["two."] + counts["sure,"] + counts["sure."]:
        text = text.re_search(GROUPED[sign]).ifelse(text.replace(BESIDE[sign], ""), text)
    text = text.replace(",", ".") if sign == "," else text
    number = try_cast((text.re_search(NUMBER) | low.isin(INFINITE)).ifelse(text, ibis.null("string")), "float64")
    return low.isin(YES).ifelse(1.0, low.isin(NO).ifelse(0.0, number))


def judge_monies(value, where):
    """Return the sentence on amounts that stand with a currency.

    Parameters
    ----------
    value : Ibis column of text
    where : str, file and column

    Raises
    ------
    Refused: amounts in two currencies, or some without one.
    """
    table = value.name("text").as_table()
    text = fill(table["text"])
    is_money = text.re_search(MONEY)
    money = is_money.ifelse(text.re_extract(MONIES, 0), ibis.null("string"))
    counts = {"n": money.nunique(), "least": money.min(), "plain": (~is_money & text.re_search("[1-9]")).sum()}
    found = count_all(table, counts, where)
    if found["n"] > 1:
        raise Refused(f"{where}: amounts in {found['n']} currencies; bring them into one")
    fault = f"without a currency beside others in {found['least']}; write it in each or in none"
    schema.refuse_some(found["plain"], "amount", where, fault)
    return [f"amounts are read without their {found['least']}"]


def cast_epoch(value, unit):
    """Return numbers, or text that holds them, as moments to the microsecond.

    Parameters
    ----------
    value : Ibis column; NaN is null
    unit : float, seconds that 1 stands for, since 1970
    """
    if value.type().is_string():
        value = read_digits(fill(value))
    number = value.cast("float64")
    micro = (number.isnan().ifelse(ibis.null("float64"), number) * (unit * 1e6)).round().cast("int64")
    return (ibis.literal(dt.datetime(1970, 1, 1)) + micro.as_interval("us")).cast("timestamp")
