"""Tables as the drafts of plans see them: what a column or an event could be, by its name and values, and why."""

import itertools
import math
import re
import unicodedata
from collections import namedtuple
from dataclasses import dataclass, field, replace
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from helpers import paths, sources
from helpers.plan.design import Events
from helpers.records import Refused
from helpers.sources import ask, read_address, tables
from helpers.sources.aggregated import lengthen
from helpers.sources.numerals import APART, AROUND, MISSING, NO, YES

MOST_LABELS = 20  # of a variant or segment
TRUTHS = dict.fromkeys(YES, "1") | dict.fromkeys(NO, "0")
SCALES = ((1, 5), (0, 5), (1, 7), (0, 7), (1, 10), (0, 10), (0, 100))  # of a score, the first that holds its values
FULL = ((1, 5), (1, 7))  # scales that a column of another name has where each level occurs and nothing else
EPOCH = {"s": (5e8, 5e9), "ms": (5e11, 5e12)}  # seconds and milliseconds since 1970 from 1986 to 2128
LIKELY = ((1e9, 2.2e9), (1e12, 2.2e12))  # from 2001 to 2039
ID = "an id, or a number of its own in every row"
BIRTH = "a date of birth by its name"
MOST_ROWS, MOST_CELLS = 100_000, 10_000_000  # from which a plan is guessed, of a wide table fewer rows
MOST_UNITS = 500  # whose events are looked at, of a long log
FEW_TWICE = 0.1  # of the rows, with a unit that has another: a log has more
MOST_VALUED = 200  # events whose values are looked at, those of most units
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
        spans = [span for span, is_so in ((ends, is_time), (likely, is_many)) if is_so and len(numbers)]
        if any(numbers.between(*span).all() for span in spans):
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
    is_number = values.dtype.kind in "iuf"
    is_moment = values.dtype.kind == "M" or isinstance(values.dtype, pd.DatetimeTZDtype)
    if not is_number and not is_moment:
        texts = {str(value).strip() for value in found} - {""}
        found = pd.Series([text for text in texts if text.casefold() not in MISSING], dtype=object)
    if not len(found):
        return Guess("other", "empty")
    if is_moment:
        return Guess("other", BIRTH) if has_word(name, "birth") else Guess("date", "dates")
    few = found[:1] if not is_number and math.isnan(_read_number(found[0])) else found  # text from the first on is text
    numbers = found.to_numpy(float) if is_number else np.array([*map(_read_number, few)])
    is_text, words = bool(np.isnan(numbers).any()), split_words(name)
    if not is_number and {*found.str.casefold()} <= {*TRUTHS} - {"0", "1"}:
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
    text = re.sub(rf"(?<=\d){APART}(?=\d{{3}}(?!\d))", "", re.sub(AROUND, r"\1", text)).strip()
    if text.count(",") > 1 or ("," in text and text.rfind(".") > text.rfind(",")):
        text = text.replace(",", "")
    elif "," in text:
        text = text.replace(".", "").replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return math.nan


@dataclass(frozen=True)
class Drawn:
    """A table as drafts see it: its first rows, what each of its columns could be, and all of it in the engine."""

    file: str
    table: object
    rows: pd.DataFrame
    kinds: dict[str, Guess]

    def list_kind(self, *kinds) -> list[str]:
        """Return the columns that could be of some kinds."""
        return [name for name, guess in self.kinds.items() if guess.kind in kinds]

    def find_dates(self, name) -> pd.Series:
        """Return the moments of a column of dates, missing where it has none."""
        return read_dates(self.rows[name].dropna(), "at").reindex(self.rows.index)


@dataclass(frozen=True)
class Heard:
    """Events as drafts see them: where the plan's columns stand, one row an event name, their latest moment.

    `columns` hold `wide`, those of times, where the table has a column of times an event.
    `rows` are the events of all units, of many events those of some units: `unit`, `event`, `at`. `clocks` says
    whether some of their times have a time zone, and whether some have none. `left_out` are columns, by the reason.
    """

    file: str
    columns: dict[str, str]
    names: pd.DataFrame
    rows: pd.DataFrame
    latest: pd.Timestamp
    clocks: tuple[bool, bool]
    left_out: dict[str, list[str]] = field(default_factory=dict)


def draw(data, table, called="table"):
    """Return a table, and what each of its columns could be by its first rows."""
    file, table = read_address(data).name, sources.read_table(data, table=table, called=called)
    first = table.limit(min(MOST_ROWS, 1 + MOST_CELLS // len(table.columns)))
    rows = ask(lambda: first.to_pandas(), file)
    if rows.empty:
        raise Refused(f"{file}: columns and no rows; export it again")
    return Drawn(file, table, rows, {name: guess_kind(rows[name], name) for name in rows})


def write_text(values) -> pd.Series:
    """Return values as text, as the engine writes them; whole numbers that a missing one has made floats are whole."""
    is_whole = values.dtype.kind == "f" and bool((values.dropna() % 1 == 0).all())
    return (values.astype("Int64") if is_whole else values).astype(str).str.strip()


def read_clocks(values) -> tuple[bool, bool]:
    """Return whether some times have a time zone, as seconds since 1970 have, and whether some times of day have none.

    Parameters
    ----------
    values : Series
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind in "iuf":
        return True, False
    text = values.dropna().astype(str)
    zoned = text.str.contains(re.sub(r"[(](?![?])", "(?:", tables.ZONED)) | text.str.fullmatch(r"\d+([.]\d+)?")
    return bool(zoned.any()), bool((text.str.contains(":") & ~zoned).any())


def hear(given, table, units, unit_id, start):
    """Return the events, their columns found by name and content; `start` is the units' column of it, or None."""
    events = draw(given, table, "events_table")
    known, rows = set(write_text(units.rows[unit_id].dropna())), events.rows
    written = {name: write_text(rows[name].dropna()).astype(object) for name in rows if rows[name].notna().any()}
    shared = {name: values.isin(known).mean() for name, values in written.items()}
    # an event's own id may have the same name, and the same numbers
    unit = max(shared, key=lambda name: (shared[name] > 0.5, not rows[name].is_unique, name == unit_id, shared[name]))
    if not shared[unit]:
        told = f"no column holds ids of column {unit_id} of {units.file}"
        raise Refused(f"{events.file}: {told}; give the events of the same units")
    others = [name for name in rows if name != unit]
    dates = [name for name in events.list_kind("date") if name != unit]
    at = find_named(dates, "times")[0] or next(iter(dates), None)
    if not at:
        fault = "no column holds days such as 2024-04-30, and an event needs its time; name a table with one"
        raise Refused(f"{events.file}: {fault}")
    labels, texts = ([n for n in others if events.kinds[n][:2] == (kind, "text")] for kind in ("labels", "other"))
    event, gaps = find_named([*labels, *texts], "event")[0], [name for name in dates if rows[name].isna().any()]
    numbers = [name for name in events.list_kind("amount", "count", "score", "nps") if name in others]
    named = [name for name in numbers if any(has_word(name, what) for what in ("value", "amounts", "scores", "nps"))]
    valued = named or (numbers if len(numbers) == 1 else [])
    main = find_named(valued, "value")[0] or next(iter(valued), None)
    is_log = bool(labels) and rows[unit].duplicated().mean() >= FEW_TWICE
    if gaps and (len(dates) > 1 or rows[unit].is_unique) and not (event or named or is_log):
        begun = begin_units(units, unit_id, start) if start else pd.Series()
        begun = pd.to_datetime(write_text(rows[unit]).map(begun), utc=True).dt.floor("D")
        late = [name for name in dates if (events.find_dates(name) < begun).sum() <= rows[name].notna().sum() / 2]
        return _hear_wide(events, unit, late or dates, start, sorted(known))
    columns = {"unit": unit, "event": event or next(iter(labels), None), "at": at, "value": main}
    valued.sort(key=lambda name: name != main)
    return _count_events(events, {key: name for key, name in columns.items() if name}, valued, sorted(known))


def begin_units(units, unit_id, start) -> pd.Series:
    """Return the start of each unit by its id as text, the first where it has several."""
    return pd.Series(units.find_dates(start).to_numpy(), write_text(units.rows[unit_id])).groupby(level=0).min()


def _hear_wide(events, unit, wide, start, known):
    """Return the events of a table with a column of times an event."""
    early, left_out = f"most of their dates lie before {start}", {}
    for name in (name for name in events.rows if name not in (unit, *wide)):
        kind, reason, _ = events.kinds[name]
        why = early if kind == "date" else "a date of birth is no event" if reason == BIRTH else "no times stand there"
        left_out.setdefault(why, []).append(name)
    texts = events.table.mutate(**{name: events.table[name].cast("string") for name in wide})
    table = lengthen(texts, Events(wide=wide), unit)
    events = replace(events, table=table, rows=ask(lambda: table.limit(MOST_ROWS).to_pandas(), events.file))
    columns = {"unit": unit, "event": "event", "at": ", ".join(wide)}
    found = _count_events(events, columns, [], known)
    return replace(found, columns=columns | {"wide": wide}, left_out=left_out)


def _count_events(events, columns, valued, known):
    """Return the events with one row a name: how many, of how many units, where their values stand, and what they are.

    `valued` are the columns that may hold values, that of most events first.
    """
    table, stem = events.table, re.sub(r"[.].*", "", events.file)
    text = {name: table[name].cast("string").strip().nullif("") for name in [*columns.values(), *valued]}
    event = text[columns["event"]] if "event" in columns else ibis.literal(stem)
    filled = {f"v{i}": text[name].count() for i, name in enumerate(valued)}
    counted = table.group_by(event=event).aggregate(n=table.count(), units=text[columns["unit"]].nunique(), **filled)
    names = ask(lambda: counted.drop_null("event").to_pandas(), events.file)
    names = names.sort_values(["units", "n", "event"], ascending=[False, False, True], ignore_index=True)
    rows = _read_rows(events, columns, stem)
    filled = names[[*filled]].set_axis(valued, axis=1)
    names["value"] = filled.idxmax(axis=1).where(filled.max(axis=1) >= names["n"] / 2, "") if valued else ""
    names["guess"] = [
        guess_kind(events.rows.loc[rows["event"] == name, column], f"{name} {column}") if column else Guess("other", "")
        for name, column in zip(names["event"], names["value"].where(names.index < MOST_VALUED, ""), strict=True)
    ]
    days = table.select(day=table[columns["at"]].cast("string").strip().left(10)).distinct().limit(MOST_ROWS)
    found = read_dates(ask(lambda: days.to_pandas()["day"], events.file).dropna(), "at")
    found = events.find_dates(columns["at"]).dropna() if found is None else found
    if len(rows) == MOST_ROWS:  # the first rows of a long log are its first weeks
        some = table.filter(text[columns["unit"]].isin(known[:: 1 + len(known) // MOST_UNITS]))
        rows = _read_rows(replace(events, rows=ask(lambda: some.to_pandas(), events.file)), columns, stem)
    past = found[found <= pd.Timestamp.now(tz="UTC")]
    latest = (past if len(past) else found).max()
    return Heard(events.file, columns, names, rows, latest, read_clocks(events.rows[columns["at"]]))


def _read_rows(events, columns, stem):
    rows = {key: write_text(events.rows[columns[key]]) for key in ("unit", "event") if key in columns}
    return pd.DataFrame({"event": stem} | rows | {"at": events.find_dates(columns["at"])})


def find_start(units, *lists):
    """Return the column of dates from which a unit is followed, and why; a loss is none."""
    dates = [name for name in units.list_kind("date") if not is_loss(name)]
    for what in lists:
        if name := find_named(dates, what)[0]:
            return name, "its name and dates"
    return (dates[0], "its dates") if dates else (None, "")


def find_last(units, heard):
    """Return the last day that the data tell of, None without, and where: the events, else any column of dates."""
    if heard:
        day = None if pd.isna(heard.latest) else heard.latest.date()
        return day, f"the last day with an event in {heard.file}"
    now = pd.Timestamp.now(tz="UTC")
    last = [moments[moments <= now].max() for moments in map(units.find_dates, units.list_kind("date"))]
    day = max((moment.date() for moment in last if not pd.isna(moment)), default=None)
    return day, "the latest date in the table"
