"""Tables as the drafts of plans see them: what each column could be, and of events which column is what."""

import re
from dataclasses import dataclass, field, replace

import ibis
import pandas as pd

from helpers import sources
from helpers.cli.guessing import BIRTH, Guess, find_named, guess_kind, has_word, is_loss, read_dates
from helpers.plan.design import Events
from helpers.records import Refused
from helpers.sources import ask, read_address, tables
from helpers.sources.aggregated import lengthen

MOST_ROWS, MOST_CELLS = 100_000, 10_000_000  # from which a plan is guessed, of a wide table fewer rows
MOST_UNITS = 500  # whose events are looked at, of a long log
FEW_TWICE = 0.1  # of the rows, with a unit that has another: a log has more
MOST_VALUED = 200  # events whose values are looked at, those of most units


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
    shared = {name: write_text(rows[name].dropna()).isin(known).mean() for name in rows if rows[name].notna().any()}
    # an event's own id may have the same name, and the same numbers
    unit = max(shared, key=lambda name: (shared[name] > 0.5, not rows[name].is_unique, name == unit_id, shared[name]))
    if not shared[unit]:
        raise Refused(
            f"{events.file}: no column holds ids of column {unit_id} of {units.file}; give the events of the same units"
        )
    others = [name for name in rows if name != unit]
    dates = [name for name in events.list_kind("date") if name != unit]
    at = find_named(dates, "times")[0] or next(iter(dates), None)
    if not at:
        fault = "no column holds days such as 2024-04-30, and an event needs its time; name a table with one"
        raise Refused(f"{events.file}: {fault}")
    labels, texts = (
        [name for name in others if events.kinds[name][:2] == (kind, "text")] for kind in ("labels", "other")
    )
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
    most = names[[*filled]].to_numpy().argmax(axis=1) if valued else [0] * len(names)
    names["value"] = [
        valued[i] if valued and names[f"v{i}"][n] >= names["n"][n] / 2 else "" for n, i in enumerate(most)
    ]
    names["guess"] = [
        guess_kind(events.rows.loc[rows["event"] == name, column], f"{name} {column}") if column else Guess("other", "")
        for name, column in zip(names["event"].head(MOST_VALUED), names["value"], strict=False)
    ] + [Guess("other", "")] * (len(names) - MOST_VALUED)
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
