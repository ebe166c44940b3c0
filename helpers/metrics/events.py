"""The one fold of events: how often, how much, first and last within days of a unit's start; and its conversations."""

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis.util import gen_name

from helpers import schema
from helpers.kinds import COUNTED
from helpers.sources import Source, opening
from helpers.sources.numerals import SPACES

DAY = 86_400
TAKES = {  # what a kind of total makes of the events that count; a last value is no aggregate
    "count": lambda heard, total: total.holds(heard).ifelse(1, 0).sum().cast("int64"),
    "amount": lambda heard, total: heard[total.value].sum(where=total.holds(heard)).cast("float64"),
    "first": lambda heard, total: heard["at"].min(where=total.holds(heard)),
}
READ_ONLY = ("InsufficientPrivilege", "ReadOnlySqlTransaction")  # by name, as their package is an extra
LATEST = "as_of is left out of the plan: the latest day in the data, {}, is taken as the last complete one"
CURRENCY = re.compile(r"currency|^cur(r|_?code)?$|^ccy|_ccy$|devise|valuta|moneda|monnaie|w(ä|ae|a)hrung|валюта")
MONIES = {  # spellings of one currency: its signs, names and numbers; "$" alone is what most files mean by it
    "USD": "$ US$ $US U$S USD$ US-DOLLAR USDOLLAR USDOLLARS DOLLAR DOLLARS 840",
    "EUR": "€ EUR€ €EUR EURO EUROS 978",
    "GBP": "£ GB£ UK£ STG POUND POUNDS STERLING 826",
    "CHF": "SFR FR SFRS FRANKEN 756",
    "JPY": "JP¥ YEN 392",
    "CNY": "CN¥ RMB YUAN 元 156",
    "AUD": "A$ AU$ AUD$ 036",
    "CAD": "C$ CA$ CAN$ CAD$ 124",
    "NZD": "NZ$",
    "HKD": "HK$",
    "SGD": "S$ SG$",
    "BRL": "R$ REAL REAIS",
    "MXN": "MX$ MEX$",
    "INR": "₹ RS RUPEE RUPEES",
    "PLN": "ZŁ ZLOTY",
    "CZK": "KČ",
    "RUB": "₽ РУБ RUR",
    "TRY": "₺ TL",
    "KRW": "₩",
    "ILS": "₪ NIS",
    "UAH": "₴",
}
CODES = {spelling: code for code, spellings in MONIES.items() for spelling in spellings.split()}
OTHERS = (  # codes of currencies without such spellings, but for those that are words
    "AED ARS BDT BGN BHD BOB CLP COP CRC DKK DOP DZD EGP GEL GHS GTQ HRK HUF IDR ISK JOD KES KWD KZT LBP LKR MAD MYR "
    "NGN NOK OMR PHP PKR QAR RON RSD SAR SEK THB TND TWD TZS UGX UYU VND XAF XOF ZAR"
)
KNOWN = (*MONIES, *OTHERS.split(), *(sign for sign in CODES if not sign.isalnum()))  # what no other column holds alone
NO_MONEY = ("", "NA", "N/A", "#N/A", "NULL", "NONE", "NAN", "UNKNOWN", "-", "?")
FIRST_ROWS = 1000  # in which a column of currencies shows itself
SIGNS = ("above", "below", "zero", "without")  # of the value of an event
QUESTION, REPLY, ID = "question", "first_reply", "conversation_id"
NO_EVENTS = "Reply times need events with a conversation_id; these data have none."
TOO_MANY = "Reply times are read row by row, and these data hold more than {:,} questions."


@dataclass(frozen=True)
class Total:
    """One column that the events of a unit give.

    `kind` is count, amount (sum of values; an event without a value adds nothing), first (a moment), or last (the value
    of the latest event that has one; the highest of several at one moment). Only events of these names count, from
    `since` days after the start on and before `until` days after it; an `inclusive` total counts that moment too. The
    values are those of the column `value`.
    """

    column: str
    kind: str
    events: tuple[str, ...]
    since: float = 0.0
    until: float | None = None
    inclusive: bool = False
    value: str = "value"

    def holds(self, heard: ir.Table) -> ir.BooleanValue:
        """Return whether an event counts; `heard` has `event`, `at` and `start` of its unit."""
        counts = heard["event"].isin(self.events)
        if self.since:
            counts &= heard["at"] >= add_days(heard["start"], self.since)
        if self.until is not None:
            end = add_days(heard["start"], self.until)
            counts &= (heard["at"] <= end) if self.inclusive else (heard["at"] < end)
        return counts


def hear(units: ir.Table, events: ir.Table, *, start: str, lost: str | None = None, dated=()) -> ir.Table:
    """Return the events of some units from their start on: `unit`, `event`, `at`, `value` and further values, `start`.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    events : ibis.Table, one row an event: `unit`, `event`, `at`, `value`
    start, lost : str
        Columns of the units. An event at the moment of the loss still counts, a later one does not.
    dated : collection of str
        Events that have dates alone: for these the start is that of its day.
    """
    moments = {"start": units[start]} | ({"lost": units[lost]} if lost else {})
    columns = ["unit", "event", "at", *(n for n in events.columns if n == "value" or n.startswith(schema.FURTHER))]
    told = events.select(*columns).inner_join(units.select("unit", **moments), "unit")
    told = begin(told, dated) if dated else told
    told = told.filter(told["at"] >= told["start"])
    if lost:
        told = told.filter(told["lost"].isnull() | (told["at"] <= told["lost"]))
    return told.select(*columns, "start")


def begin(told: ir.Table, dated) -> ir.Table:
    """Return events with the start of their unit; of events that have dates alone (`dated`) the start of its day."""
    start = told["start"]
    return told.mutate(start=told["event"].isin(sorted(dated)).ifelse(start.truncate("D"), start))


def fold_events(units: ir.Table, heard: ir.Table, totals) -> ir.Table:
    """Return the units with one column a total: counts and amounts 0, all others null, where no event counts.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    heard : ibis.Table, as `hear` gives it
    totals : sequence of Total
    """
    taken = {total.column: TAKES[total.kind](heard, total) for total in totals if total.kind in TAKES}
    told, folded = [heard.group_by("unit").aggregate(**taken)] if taken else [], units
    for total in (total for total in totals if total.kind not in TAKES):
        valued = heard.filter(total.holds(heard), heard[total.value].notnull())
        latest = pick(valued, "unit", [valued["at"].desc(), valued[total.value].desc()])
        told.append(latest.select("unit", **{total.column: latest[total.value]}))
    for found in told:
        folded = folded.left_join(found, "unit").select(*folded.columns, *found.columns[1:])
    return folded.mutate(**{t.column: folded[t.column].fill_null(0) for t in totals if t.kind in COUNTED})


def add_up(heard: ir.Table, totals, end: dt.datetime, units, money) -> dict:
    """Return what to ask of events to see what each adds to the amounts that hold it, from the start of its unit on.

    Parameters
    ----------
    heard : ibis.Table, `unit`, `event`, `at`, `value` and `start` of the unit
    totals : sequence of Total
    end : datetime, the first moment that is not known
    units : dict, what each total is told in
    money : Ibis column of `heard` or None, as `find_money` gives it

    Returns
    -------
    dict: (column of the total, event, what) -> an aggregate. `events` and `units` count, `total` is the sum, of which
        one event is more than half where it is `is_one`, `above`, `below` and `zero` count by sign and `without` events
        that have no value; `currencies` counts those of all events of the total, and `foreign` events in another one
        than the total is told in, where that is one.
    """
    facts, last = {}, ibis.literal(end - dt.timedelta(microseconds=1))
    for total in (total for total in totals if total.kind == "amount"):
        value = heard[total.value].cast("float64")
        holds = total.holds(heard) & heard["at"].between(heard["start"], last)
        signs = dict(zip(SIGNS, (value > 0, value < 0, value == 0, value.isnull()), strict=True))
        monies = {} if money is None else _count_monies(money, units.get(total.column), holds)
        for event in total.events:
            counts = holds & (heard["event"] == event)
            size = value.abs()
            told = {"events": counts.sum(), "units": heard["unit"].nunique(where=counts)}
            told |= {"is_one": 2 * size.max(where=counts) > size.sum(where=counts)}
            told |= {"total": value.sum(where=counts)} | {
                sign: (counts & has_it).sum() for sign, has_it in signs.items()
            }
            facts |= {(total.column, event, what): fact for what, fact in (told | monies).items()}
    return facts


def list_totals(units: ir.Table, events: ir.Table, design) -> list[Total]:
    """Return what the plan reads of each unit's events: `fold:METRIC`, `fold:METRIC:PART` and `fold:exposed`.

    Not parts of ratios and times at risk that are no metric, stand in the unit table and never occur as an event.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    events : ibis.Table, `event` and further columns
    design : ExperimentPlan
    """
    found, exposure = [], design.exposure
    if exposure and exposure.event:
        found.append(Total("fold:exposed", "count", tuple(exposure.event), until=exposure.within_days))
    for name, metric in design.metrics.items():
        since = metric.from_days or 0.0
        for part in ("asked", "numerator", "denominator", "time_at_risk"):
            event = getattr(metric, part)
            if event and (part == "asked" or event not in design.metrics):
                begin = 0.0 if part == "asked" else since  # who is asked before the window begins may answer within it
                found.append(Total(f"fold:{name}:{part}", "count", (event,), begin, metric.within_days))
        if metric.how.total and metric.column is None and metric.time is None:
            named = tuple(metric.event or [name])
            value = schema.name_value(design, metric) if metric.value else "value"
            found.append(Total(f"fold:{name}", metric.how.total, named, since, metric.within_days, False, value))
            if metric.competing:
                found.append(Total(f"fold:{name}:competing", "first", tuple(metric.competing)))
    parts = {part for m in design.metrics.values() for part in (m.numerator, m.denominator, m.time_at_risk)} - {None}
    if columns := (parts - set(design.metrics)) & set(units.columns):
        occurring = events.filter(events["event"].isin(sorted(columns))).select("event").distinct()
        columns -= set(occurring.to_pyarrow()["event"].to_pylist())
    return [total for total in found if not columns.intersection(total.events)]


def look_for_money(table: ir.Table, of: str) -> list[tuple[ir.Table, dict]]:
    """Return what to ask of the first rows of a table, by ("money", what it is of, column, what); none by a name."""
    named, texts = _name_money(table)
    texts = [n for n in texts if n not in ("unit", "event", "variant") and n[-3:] != "_id"]
    if named or not texts:
        return []
    first = table.select(texts).limit(FIRST_ROWS)
    codes = {name: _read_code(first[name]) for name in texts}
    asked = {("money", of, name, "told"): code.notin(NO_MONEY).sum() for name, code in codes.items()}
    return [(first, asked | {("money", of, name, "known"): code.isin(KNOWN).sum() for name, code in codes.items()})]


def find_money(table: ir.Table, of: str, found: dict) -> ir.StringValue | None:
    """Return the column that names currencies, each by one code however it is spelt; None without one.

    It is known by its name, else by its first values, as `look_for_money` asks: codes and signs of currencies, and
    nothing else.
    """
    named, texts = _name_money(table)
    counts = {name: [found.get(("money", of, name, what)) for what in ("told", "known")] for name in texts}
    named = named or next((name for name, (told, known) in counts.items() if told and told == known), None)
    return None if named is None else _read_code(table[named]).substitute(CODES | dict.fromkeys(NO_MONEY))


def _name_money(table):
    """The first column that is called like currencies, or None, and all columns of text."""
    texts = [name for name, kind in table.schema().items() if kind.is_string()]
    return next((n for n in texts if CURRENCY.search(unicodedata.normalize("NFC", n).casefold())), None), texts


def _read_code(text):
    return text.re_replace(f"[{SPACES}.]", "").re_replace("^GBp$", "GBX").upper()


def _count_monies(money, unit, holds=None):
    """How many currencies stand beside amounts, and how many amounts in another one than they are told in, if a one."""
    unit, told = CODES.get((unit or "").upper(), (unit or "").upper()), {"currencies": money.nunique(where=holds)}
    return told | ({"foreign": (money != unit).sum(where=holds)} if len(unit) == 3 else {})


def list_monies(units: ir.Table, folded, design, money) -> list[dict]:
    """Return the currencies that stand beside amounts of a column, one record an amount; of events it says nothing.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    folded : sequence of str, the totals that events gave
    design : ExperimentPlan
    money : Ibis column of `units`, as `find_money` gives it
    """
    amounts = [name for name, metric in design.metrics.items() if metric.how.total == "amount"]
    amounts = [name for name in amounts if f"fold:{name}" not in folded]
    if not amounts:
        return []
    asked = {(name, what): n for name in amounts for what, n in _count_monies(money, design.metrics[name].unit).items()}
    found = ask(units, {("every", "units"): units.count()} | asked)
    return [
        {
            "metric": name,
            "event": design.metrics[name].column or name,
            **dict.fromkeys(("events", "is_one", "total", *SIGNS)),
        }
        | {what: n for (of, what), n in found.items() if of in ("every", name)}
        for name in amounts
    ]


def pick(table: ir.Table, by, order, *, place=0) -> ir.Table:
    """Return one row a group: the first in some order, or the one `place` rows behind it."""
    ranked = table.mutate(place=ibis.row_number().over(group_by=by, order_by=order))
    return ranked.filter(ranked["place"] == place).drop("place")


def store(table: ir.Table, *, copied=True) -> ir.Table:
    """Return a table that many queries read, kept in the engine for as long as we are connected, where it lets us.

    One that is not `copied` gets a name alone, a view: it reads one file, of which a copy would take time and room.
    """
    backend = table.get_backend()
    if not copied:
        return backend.create_view(gen_name("units"), table) if backend.name == "duckdb" else table
    if backend.name in ("duckdb", "pyspark"):
        return table.cache()
    return _keep(backend, table) if backend.name == "postgres" else table


def _keep(backend, table):
    """A temporary table of PostgreSQL, with what it must know of it to plan joins; the query where it may only read."""
    try:
        kept = table.cache()
    except Exception as error:
        if type(error).__name__ not in READ_ONLY:
            raise
        return table
    vars(backend).setdefault("stored", []).append(kept)  # dropped in the midst of a query it would wait for its end
    with backend.begin() as cursor:
        cursor.execute(f'ANALYZE "{kept.get_name()}"')
    return kept


def ask(table: ir.Table, facts: dict, *beside: tuple[ir.Table, dict]) -> dict:
    """Return some aggregates of a table, and of others beside it, by their names in one query; none without facts."""
    if not facts:
        return {}
    asked = table.aggregate([value.name(f"n{i}") for i, value in enumerate(facts.values())])
    for other, more in beside:
        asked = asked.cross_join(other.aggregate([v.name(f"n{i}") for i, v in enumerate(more.values(), len(facts))]))
        facts = facts | more
    return dict(zip(facts, asked.to_pyarrow().to_pylist()[0].values(), strict=True))


def ask_apart(asked) -> dict:
    """Return what `ask` does, by a query a table: of many rows that is sooner, as an engine stores what they share."""
    return {name: fact for table, facts in asked for name, fact in ask(table, facts).items()}


def find_end(day: dt.date | None) -> dt.datetime | None:
    """Return the first moment that is not known: the midnight (UTC) that ends the last day; None without one."""
    return None if day is None else dt.datetime.combine(day, dt.time()) + dt.timedelta(days=1)


def add_days(start: ir.TimestampValue, days: float) -> ir.TimestampValue:
    """Return the moment some days later, to the second."""
    return start + ibis.interval(seconds=round(days * DAY))


def has_clock(moment: ir.TimestampValue) -> ir.BooleanValue:
    """Return whether any moment has a time of day; null without moments."""
    return (moment.epoch_seconds() % DAY != 0).any()


def mark(fact: ir.BooleanValue) -> ir.FloatingValue:
    """Return 1 for true, 0 for false and null for null; some engines turn truth values into whole numbers only."""
    return fact.cast("int32").cast("float64")


def read_conversations(source: Source, units) -> pd.DataFrame | None:
    """Return every conversation that a unit began, with the first reply to it, until the end of the data.

    The first question of a conversation id begins it; the earliest reply with that id, at or after the question, is
    its first. Questions before assignment, without an id, or of units that are not analysed are left out.

    Parameters
    ----------
    source : Source
        Its events have `conversation_id`.
    units : Units

    Returns
    -------
    DataFrame: one row a conversation, in the order of asking: `unit`, `variant`, `cluster` (where the plan names one),
        `conversation_id`, `asked_at` (UTC), `wait_minutes` (nan where never answered), `followed_minutes` (from the
        question to the end of the data), `hour` (0 to 167, of the week in UTC; Monday 00:00 is 0). None without events,
        without ids, or above `MOST_LOGGED`: `explain_conversations` tells.
    """
    if _find_obstacle(source, units):
        return None
    events, asked = source.events, store(pick(_list_questions(source, units), ID, ["asked_at", "unit"]))
    given = events.filter(events["event"] == REPLY, events["at"] < ibis.literal(find_end(units.as_of)))
    given = given.select(replied_at=given["at"], **{ID: given[ID].cast("string")})
    given = given.inner_join(asked.select(ID, "asked_at"), ID)
    given = given.filter(given["replied_at"] >= given["asked_at"])
    given = given.group_by(ID).aggregate(replied_at=given["replied_at"].min())
    rows = asked.left_join(given, ID).drop(f"{ID}_right")
    frame = rows.order_by("asked_at", ID).to_pyarrow().to_pandas()
    asked_at, replied_at = (pd.to_datetime(frame[column], utc=True) for column in ("asked_at", "replied_at"))
    end = pd.Timestamp(find_end(units.as_of), tz="UTC")
    frame = frame.assign(
        asked_at=asked_at,
        wait_minutes=(replied_at - asked_at).dt.total_seconds() / 60,
        followed_minutes=(end - asked_at).dt.total_seconds() / 60,
        hour=(asked_at.dt.day_of_week * 24 + asked_at.dt.hour).astype(np.int64),
    )
    columns = ["unit", "variant", *(["cluster"] if units.design.cluster else []), ID, "asked_at"]
    return frame[[*columns, "wait_minutes", "followed_minutes", "hour"]]


def explain_conversations(source: Source, units, conversations: pd.DataFrame | None) -> str:
    """Return in a sentence how many conversations were read, and what was left out; or why there are none.

    Parameters
    ----------
    source : Source
    units : Units
    conversations : DataFrame or None, as `read_conversations` returned it
    """
    if conversations is None:
        return _find_obstacle(source, units) or NO_EVENTS
    events = source.events.semi_join(units.table, "unit")
    asked, given = (events.filter(events["event"] == name) for name in (QUESTION, REPLY))
    n, named = ask(asked, {"n": asked.count(), "named": asked[ID].count()}).values()
    repeated = _list_questions(source, units).count().to_pyarrow().as_py() - len(conversations)
    parts = {
        "without a conversation_id": n - named,
        "before the sign-up or after the end of the data": named - repeated - len(conversations),
        "a later question of a conversation that had begun": repeated,
    }
    left = "; ".join(f"{count:,} {why}" for why, count in parts.items() if count)
    many = schema.say(len(conversations), "conversation"), schema.say(conversations["unit"].nunique(), "unit")
    named = given.select(told=given[ID].cast("string")).drop_null().distinct()
    replied = set(opening.fetch(named, "conversations with a reply")["told"].to_pylist())
    lost = len(replied - set(conversations.loc[conversations["wait_minutes"].notna(), ID]))
    more = f" Replies to no question before them, not used: {lost:,}." if lost else ""
    return f"Read: {many[0]} of {many[1]}; questions left out: {left or 'none'}.{more}"


def _find_obstacle(source, units):
    """Why conversations cannot be read; None when they can."""
    events = source.events
    if events is None or ID not in events.columns or "assigned_at" not in units.table.columns or units.as_of is None:
        return NO_EVENTS
    n = events.filter(events["event"] == QUESTION).drop_null([ID]).count().to_pyarrow().as_py()
    if n > opening.MOST_LOGGED:
        return TOO_MANY.format(opening.MOST_LOGGED)
    return None if n else NO_EVENTS


def _list_questions(source, units):
    """Questions with an id, from assignment on to the end of the data, each with its unit's arm."""
    events, columns = source.events, ["unit", "variant", "assigned_at", *(["cluster"] if units.design.cluster else [])]
    asked = events.filter(events["event"] == QUESTION).drop_null([ID])
    asked = asked.select("unit", asked_at=asked["at"], **{ID: asked[ID].cast("string")})
    asked = asked.inner_join(units.table.select(*columns), "unit")
    end = ibis.literal(find_end(units.as_of))
    return asked.filter(asked["asked_at"] >= asked["assigned_at"], asked["asked_at"] < end)
