"""What a column or an event could be in a plan, by its name and its values, and why: guesses, which a draft says."""

import itertools
import math
import re
import unicodedata
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import paths
from helpers.sources import tables
from helpers.sources.numerals import APART, AROUND, MISSING, NO, YES

MOST_LABELS = 20  # of a variant or segment
TRUTHS = dict.fromkeys(YES, "1") | dict.fromkeys(NO, "0")
SCALES = ((1, 5), (0, 5), (1, 7), (0, 7), (1, 10), (0, 10), (0, 100))  # of a score, the first that holds its values
FULL = ((1, 5), (1, 7))  # scales that a column of another name has where each level occurs and nothing else
EPOCH = {"s": (5e8, 5e9), "ms": (5e11, 5e12)}  # seconds and milliseconds since 1970 from 1986 to 2128
LIKELY = ((1e9, 2.2e9), (1e12, 2.2e12))  # from 2001 to 2039
ID = "an id, or a number of its own in every row"
BIRTH = "a date of birth by its name"
METRICS = ("binary", "count", "amount", "score", "nps")
PLAIN = str.maketrans("ıłøđ", "ilod")  # letters whose strokes and lack of dots are no accents

Guess = namedtuple("Guess", "kind reason scale", defaults=(None,))


def split_words(name) -> list[str]:
    """Return the words of a name in lower case, without accents.

    Examples
    --------
    >>> [split_words(name) for name in ("first_reply", "NPSScore", "churnedOn", "Order value (EUR)")]
    [['first', 'reply'], ['nps', 'score'], ['churned', 'on'], ['order', 'value', 'eur']]
    >>> split_words("Datum der Kündigung"), split_words("KAYIT tarihi")
    (['datum', 'der', 'kundigung'], ['kayit', 'tarihi'])
    """
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", str(name)) if not unicodedata.combining(letter))
    parted = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", bare)
    return [word.casefold().translate(PLAIN) for word in re.findall(r"[^\W\d_]+", parted)]


def _read_words():
    """Return the lists of names.yaml, each in the order in which its words count; an umlaut is one letter or two."""
    lists = paths.read_words(Path(__file__).with_name("names.yaml"))
    two = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
    for what, words in lists.items():
        spelt = [split_words(f"{word} {word.translate(two)}") or [word] for word in words]
        lists[what] = list(dict.fromkeys(itertools.chain(*spelt)))
    return lists


WORDS = _read_words()


def find_named(names, what):
    """Return the first of some names that holds the earliest word of a list, and that word; None and "" without.

    Parameters
    ----------
    names : iterable of str
    what : str, the key of the list in names.yaml
    """
    for word in WORDS[what]:
        for name in names:
            if word in split_words(name):
                return name, word
    return None, ""


def is_loss(name) -> bool:
    """Whether a name says that a customer left: a word for leaving, of nothing but an account or the like.

    Examples
    --------
    >>> [is_loss(name) for name in ("churned", "Subscription cancelled", "lost_at", "ticket_closed", "session_end")]
    [True, True, True, False, False]
    """
    words = set(split_words(name))
    lost, beside = {*WORDS["lost"]}, {*WORDS["owners"], *WORDS["times"]}
    return has_word(name, "churned") or bool(words & lost and words <= lost | beside)


def has_word(name, what) -> bool:
    """Whether a name holds a word of a list in names.yaml."""
    return not {*split_words(name)}.isdisjoint(WORDS[what])


def read_dates(values, name=""):
    """Return the moments (UTC) of a column of dates: ISO 8601, day or month first, or seconds since 1970; else None.

    Numbers are seconds under a name of time, or where many whole ones lie between 2001 and 2039.

    Parameters
    ----------
    values : Series, missing ones left out
    name : str
    """
    if values.dtype.kind == "M" or isinstance(values.dtype, pd.DatetimeTZDtype):
        return pd.to_datetime(values, utc=True)
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    if numbers.isna().any():
        text = values.astype(str).str.strip()
        if len(text) and text.str.match(tables.SLASH).all():  # as the data are read: where one order fits all
            first, second = (text.str.match(order).any() for order in (tables.DAY_FIRST, tables.MONTH_FIRST))
            text = text.str.replace(r"(?<!\d)(\d)(?=[-/.])", r"0\1", regex=True)
            text = text.str.replace(tables.PARTS, r"\3-\2-\1" if first else r"\3-\1-\2", regex=True)
            text = text if first != second else text.iloc[:0].reindex(text.index, fill_value="")
        dates = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
        return dates if dates.notna().all() else None
    is_time, is_many = has_word(name, "times"), numbers.nunique() > MOST_LABELS and bool((numbers % 1 == 0).all())
    for (unit, ends), likely in zip(EPOCH.items(), LIKELY, strict=True):
        if len(numbers) and (
            (is_time and numbers.between(*ends).all()) or (is_many and numbers.between(*likely).all())
        ):
            return pd.to_datetime(numbers, unit=unit, utc=True)
    return None


def guess_kind(values, name="") -> Guess:
    """Return what a column could be, and why.

    Parameters
    ----------
    values : Series
        Text is tried as truth, as a number (with a decimal point or comma, a currency) and as a date.
    name : str

    Returns
    -------
    Guess: `kind`, a metric's kind, `date`, `labels`, or `other`; the reason; the `scale` of a score.
    """
    values = values.dropna()
    found = pd.Series(values.unique())  # each once, as many rows hold few
    if values.dtype.kind == "M" or isinstance(values.dtype, pd.DatetimeTZDtype):
        dated = Guess("other", BIRTH) if has_word(name, "birth") else Guess("date", "dates")
        return dated if len(found) else Guess("other", "empty")
    if values.dtype.kind not in "iuf":
        texts = {str(value).strip() for value in found} - {""}
        found = pd.Series([text for text in texts if text.casefold() not in MISSING], dtype=object)
    if not len(found):
        return Guess("other", "empty")
    numbers = found.to_numpy(float) if values.dtype.kind in "iuf" else np.array([*map(_read_number, found)])
    is_text, words = bool(np.isnan(numbers).any()), split_words(name)
    if values.dtype.kind not in "iuf" and {*found.str.casefold()} <= {*TRUTHS} - {"0", "1"}:
        return Guess("binary", f"only {' and '.join(sorted({*found.str.casefold()}))}")
    is_whole = bool((numbers % 1 == 0).all())  # which no text is
    if is_whole and words[-1:] and words[-1] in WORDS["ids"]:
        return Guess("other", ID)
    if not has_word(name, "amounts") and read_dates(found, name) is not None:
        told = "dates" if is_text else "seconds since 1970"
        return Guess("other", BIRTH) if has_word(name, "birth") else Guess("date", told)
    if is_text:
        return Guess("labels" if len(found) <= MOST_LABELS else "other", "text")
    if is_whole and len(found) == len(values) > MOST_LABELS:
        return Guess("other", ID)
    if is_whole and 0 <= numbers.min() <= numbers.max() <= 1:
        told = zip(numbers, map(str.casefold, map(str, found)), strict=True)
        words = {number: text if text in TRUTHS else f"{number:g}" for number, text in told}
        return Guess("binary", f"only {' and '.join(words[number] for number in sorted(words))}")
    return _guess_number(numbers, name, is_whole)


def _guess_number(numbers, name, is_whole):
    low, high = numbers.min(), numbers.max()
    is_counted = is_whole and low >= 0
    if is_counted and {*split_words(name)} <= {*WORDS["codes"]}:
        return Guess("labels", "its name, a code")
    is_nps = has_word(name, "nps")
    if is_nps and is_counted and high <= 10:
        return Guess("nps", "its name, and whole numbers from 0 to 10")
    if is_nps or has_word(name, "scores"):
        scale = next((ends for ends in SCALES if ends[0] <= low and high <= ends[1]), None)
        told = f", and numbers from {scale[0]} to {scale[1]}" if scale else ""
        steps = np.diff(np.unique(numbers))
        if len(steps) >= 3 and max(steps[0], steps[-1]) > 2 * np.median(steps):  # 1 to 5 and 9, a code for none
            return Guess("score", "its name, and numbers of which one is far from all others", None)
        return Guess("score", f"its name{told}", scale)
    if has_word(name, "amounts"):
        return Guess("amount", "its name, and numbers")
    if not is_counted:
        return Guess("amount", "numbers with fractions, or below 0")
    if (low, high) in FULL and len(set(numbers)) == high:
        scale = (int(low), int(high))
        return Guess("score", f"every whole number from 1 to {scale[1]}; count if it counts something", scale)
    return Guess("count", "whole numbers from 0 up")


def _read_number(text):
    text = TRUTHS.get(text.casefold(), text).replace("_", "?")
    try:
        return float(text)
    except ValueError:
        text = re.sub(rf"(?<=\d){APART}(?=\d{{3}}(?!\d))", "", re.sub(AROUND, r"\1", text)).strip()
    if text.count(",") > 1 or ("," in text and text.rfind(".") > text.rfind(",")):
        text = text.replace(",", "")
    elif "," in text:
        text = text.replace(".", "").replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return math.nan
