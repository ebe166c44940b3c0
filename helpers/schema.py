"""What a table must hold: the columns that a plan asks for, their types, and the refusal when one is missing."""

import difflib
import re
from dataclasses import dataclass, replace

from helpers.kinds import VALUED
from helpers.records import Refused

PLURALS = {"person": "people", "man": "men", "woman": "women", "child": "children", "hero": "heroes"}
UNITS_KNOWN = {  # English nouns, which have an s as several though a plan writes them with a capital
    *("account", "agent", "business", "child", "client", "company", "contract", "customer", "device", "employee"),
    *("firm", "group", "household", "lead", "member", "order", "partner", "patient", "person", "school", "session"),
    *("shop", "site", "store", "student", "subscriber", "team", "tenant", "ticket", "unit", "user", "visitor"),
    "workspace",
}
UNITS_VOWEL = {  # English nouns that end as hardly one does
    *("agenda", "antenna", "area", "arena", "camera", "cinema", "drama", "era", "formula", "gala", "idea", "media"),
    *("menu", "opera", "persona", "pizza", "plaza", "quota", "schema", "sofa", "taxi", "villa", "visa", "wiki"),
}
UNITS_FOREIGN = {  # nouns of other languages that end as English ones do
    *("benutzer", "cliente", "conto", "gracz", "gruppo", "hesap", "klant", "klient", "konto", "kunde", "kunden"),
    *("kundin", "negozio", "nutzer", "spieler", "utente", "verbraucher"),
}
KEPT_NAMES = ("unit", "variant")
NAMELESS = "nor any other that is asked for, so that its first line may hold no names"
UNITS = "aggregated:units"  # of rows that are sums over units: how many each holds
FURTHER = "value_of_"  # before the name of a column of values beside the one that `value` is
CALENDAR = ("month", "quarter", "year")  # cohorts made from the start; another word is a column
NARROWING = ("number", "count", "whole", "nps", "state", "binary")  # each holds only what the one before it may hold


@dataclass(frozen=True)
class Column:
    """One column that a plan asks for.

    `name` is the column in the table and `target`, where it is read, its name afterwards; `use` says in words what it
    is for; `type` is id, label, text, number, binary (0 or 1), state (0, 1 or 2), count (0 or more), whole (such
    without a fraction), nps (0 to 10), timestamp or either (numbers if every value is one, text otherwise); a column
    that is not `needed` may be absent.
    """

    name: str
    use: str
    type: str
    target: str = ""
    needed: bool = True


def list_unit_columns(design, *, events=None) -> tuple[Column, ...]:
    """Return the columns that the unit table, or the assignments, must hold, each target once.

    Parameters
    ----------
    design : ExperimentPlan
    events : collection of str, optional
        Names of the events that occur; given, metrics come from events unless the plan names their column.
        None when there are no events: then every metric needs its column.

    Returns
    -------
    tuple of Column: unit and variant first; a column used twice has the type of its first use, or, where both are
        kinds of numbers, the narrower.

    Raises
    ------
    Refused: events without `assigned_at`; a time to event without its columns; a column that would be called
    unit or variant without being it.
    """
    if events is not None and not design.assigned_at:
        raise Refused("plan, assigned_at: left out, and events need it; name the column with the time of assignment")
    apart, exposure = {None, *design.metrics, *(events or ())}, design.exposure
    found = [
        (design.unit_id, "unit_id", "id", "unit"),
        (design.variant.column, "variant", "label", "variant"),
        (design.assigned_at, "assigned_at", "timestamp"),
        (design.units_in_row, "units_in_row", "whole", UNITS),
    ]
    for name, metric in design.metrics.items():
        use = f"metric {name}"
        if metric.time and metric.observed:
            state = "state" if metric.competing else "binary"
            found += [(metric.time, use, "count"), (metric.observed, use, state)]
        elif metric.how.total == "first":
            if events is None or metric.time or metric.observed:
                raise Refused(f"plan, metrics.{name}: without events a time to event needs both time and observed")
        elif metric.how.total and (events is None or metric.column):
            is_share = bool(design.units_in_row) and metric.how.is_share
            found.append((metric.column or name, use, "whole" if is_share else metric.how.column))
        found += [(column, use, "number") for column in (metric.squares, metric.products)]
        found.append((events is None and metric.asked, use, "number", metric.asked, False))
    for name, metric in design.metrics.items():
        parts = ((metric.numerator, "number"), (metric.denominator, "number"), (metric.time_at_risk, "count"))
        found += [(part, f"metric {name}", kind) for part, kind in parts if part not in apart]
    if exposure and (exposure.column or events is None):
        found += [(exposure.column, "exposure", "binary")]
        found += [(name, "exposure", "number", name, False) for name in exposure.event]
    found += [(design.cluster, "cluster", "text")]
    found += [(name, "segments", "text") for name in design.segments]
    found += [(name, "covariates", "either") for name in design.covariates]
    return _keep_first([Column(name, use, kind, *(more or [name])) for name, use, kind, *more in found if name])


def _keep_first(found):
    for column in found[2:]:
        if column.target.lower() in KEPT_NAMES and column.name not in {found[0].name, found[1].name}:
            fault = f"the column name {column.name} is kept for the plan's own unit and variant; rename the column"
            raise Refused(f"plan, {column.use}: {fault}")
    first = {}
    for column in found:
        known = first.setdefault(column.target, column)
        if {known.type, column.type} <= set(NARROWING):
            narrower = max(known, column, key=lambda one: NARROWING.index(one.type))
            first[column.target] = replace(narrower, needed=known.needed or column.needed)
    return tuple(first.values())


def list_event_columns(design) -> tuple[Column, ...]:
    """Return the columns that an events table must hold, as the plan names them: unit, event, at and, if read, value.

    An experiment reads values into amounts and scores, a framework into the number of seats. A further column of values
    that a metric names becomes `value_of_NAME`. Of a table with a column of times an event, those of its long form.
    """
    own, read = design.events, list_values(design)
    use = "number of seats" if design.kind == "framework" else "amount or score"
    found = [Column(own.unit or design.unit_id, "events.unit" if own.unit else "unit_id", "id", "unit")]
    found += [] if own.named else [Column(own.event, "name of the event", "text", "event")]
    found += [Column(", ".join(own.wide) or own.at, "time of the event", "timestamp", "at")]
    found += [Column(own.value, use, "number", "value", needed="value" in read or "value" in own.model_fields_set)]
    return (*found, *(Column(name.removeprefix(FURTHER), use, "number", name) for name in read if name != "value"))


def list_values(design) -> dict[str, list[str]]:
    """Return the columns of values that a plan reads of events, and the events of which it reads each."""
    if design.kind == "framework":
        return {"value": [design.usage.seats_event]} if design.usage and design.usage.seats_event else {}
    found = {}
    for name, metric in design.metrics.items():
        if metric.how.total in VALUED and not metric.column:
            found.setdefault(name_value(design, metric), []).extend(metric.event or [name])
    return found


def name_value(design, metric) -> str:
    """Return the column of events, once they are read, that holds the values of a metric."""
    return FURTHER + metric.value if metric.value not in (None, design.events.value) else "value"


def list_event_names(design, columns=()) -> tuple[str, ...]:
    """Return the events that a plan reads when there are events, in its order, each once.

    Parameters
    ----------
    design : ExperimentPlan
    columns : sequence of str
        Of the unit table; a part of a ratio that is one of them is no event.
    """
    names = [event for name in design.metrics for events in list_metric_events(design, name) for event in events]
    names += design.exposure.event if design.exposure else []
    parts = {part for m in design.metrics.values() for part in (m.numerator, m.denominator, m.time_at_risk)}
    absent = (parts - set(design.metrics)).intersection(columns)
    return tuple(dict.fromkeys(name for name in names if name not in absent))


def list_metric_events(design, name) -> list[list[str]]:
    """Return the events that a metric reads, by itself or in its parts, those together that it takes as one."""
    metric, found = design.metrics[name], []
    if metric.how.total and not metric.column and not metric.time:
        found = [metric.event or [name], metric.competing]
    found += [[metric.asked]] if metric.asked else []
    for part in (metric.numerator, metric.denominator, metric.time_at_risk):
        found += list_metric_events(design, part) if part in design.metrics else [[part] if part else []]
    return [events for events in found if events]


def list_account_columns(design) -> tuple[Column, ...]:
    """Return the columns that the accounts of a framework must hold, each target once; the id first.

    Parameters
    ----------
    design : FrameworkPlan

    Raises
    ------
    Refused: a column that would be called unit or started_at without being it; one column that the plan needs both
    as a number and as text.
    """
    retained, seats = design.outcomes.retained, design.usage and design.usage.seats
    found = [
        (design.unit_id, "unit_id", "id", "unit"),
        (design.started_at, "started_at", "timestamp", "started_at"),
        (design.size, "size", "count"),
        (seats != design.size and seats, "usage.seats", "count"),
        (design.plan_tier, "plan_tier", "text"),
        (design.cohort not in CALENDAR and design.cohort, "cohort", "text"),
        *((feature.column, f"feature {feature.name}", "binary") for feature in design.features),
        (retained.column, "retained", "binary"),
        (retained.time, "the time of retained", "count"),
        (retained.lost_at, "lost_at of retained", "timestamp"),
    ]
    return _keep_typed([Column(name, use, kind, *(more or [name])) for name, use, kind, *more in found if name])


def _keep_typed(found):
    first = {}
    for column in found:
        known = first.setdefault(column.target, column)
        if known.name != column.name or (known.type != column.type and known.target in ("unit", "started_at")):
            fault = f"the column name {column.target} is kept for the plan's own unit and start; rename the column"
            raise Refused(f"plan, {column.use}: {fault}")
        if known.type != column.type:
            fault = f"the column {column.name} is read as {known.use} already, and not as the same kind of value"
            raise Refused(f"plan, {column.use}: {fault}; name another column")
    return tuple(first.values())


def list_account_event_names(design) -> tuple[str, ...]:
    """Return the events that a framework reads, in its order, each once; none for a snapshot."""
    if design.is_snapshot:
        return ()
    outcomes, usage = design.outcomes, design.usage
    names = [item.event or item.name for item in (*design.steps, *design.features) if item.is_timed]
    names += design.activation.event if design.activation else []
    names += [*usage.event, *([usage.seats_event] if usage.seats_event else [])] if usage else []
    names += [*outcomes.retained.lost, *outcomes.retained.event, *outcomes.activity]
    names += outcomes.expanded.event if outcomes.expanded else []
    names += design.alive.event if design.alive else []
    return tuple(dict.fromkeys(names))


def refuse_missing(columns, have, *, file, typed=False, cure="correct the plan or the table") -> None:
    """Refuse a table that lacks a needed column, with the columns that it has, nearest first.

    Parameters
    ----------
    columns : collection of Column
    have : list of str, the table's column names
    file : str, what messages may call the table
    typed : bool
        Whether the names are the first row of a file: without any of the plan's it may be somebody's, and is not told.
    cure : str

    Raises
    ------
    Refused: at the first needed column that is absent.
    """
    for column in columns:
        if column.needed and column.name not in have:
            there = f"it has, nearest first: {list_nearest(column.name, have)}"
            if typed and not any(other.name in have for other in columns):
                near = difflib.get_close_matches(column.name, have, 1, cutoff=0.8)
                there = f"did you mean {near[0]}?" if near else NAMELESS
            raise Refused(f"{file}: no column {column.name} (for {column.use}); {there}; {cure}")


def sort_nearest(name, known) -> list[str]:
    """Return known names, those most like `name` first; case does not count."""
    folded = name.casefold()
    return sorted(known, key=lambda other: -difflib.SequenceMatcher(None, folded, other.casefold()).ratio())


def list_nearest(name, known) -> str:
    """Return known names as one text, the eight most like `name` first, each cut to 40 characters.

    Examples
    --------
    >>> list_nearest("abd", ["b", "abc", "xyz", *"1234567"])
    'abc, b, xyz, 1, 2, 3, 4, 5 and 2 more'
    """
    ordered = sort_nearest(name, known)
    more = f" and {len(ordered) - 8} more" if len(ordered) > 8 else ""
    return ", ".join(cut(label) for label in ordered[:8]) + more


def refuse_some(n, noun, where, fault) -> None:
    """Refuse a table of which some rows, cells or units do not fit, with their count; pass where none is.

    Parameters
    ----------
    n : int
    noun : str, what is counted, in the singular
    where : str, file and column
    fault : str, what is wrong with them, and the cure

    Raises
    ------
    Refused: n above 0.
    """
    if n > 0:
        raise Refused(f"{where}: {say(n, noun)} {fault}")


def say(n, noun) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> say(0, "row"), say(1, "row"), say(1200, "row")
    ('0 rows', '1 row', '1,200 rows')
    """
    return f"{n:,} {pluralise(noun, n)}"


def pluralise(noun, n=None) -> str:
    """Return a noun as several, unless there is one; one that ends with s may be several already.

    A noun that is hardly English stays as it is: with an accent, an a, i or u at its end, or a capital, and unknown
    here.

    Examples
    --------
    >>> [pluralise(noun) for noun in ("sales person", "Company", "business", "users", "Kundennr", "firma", "area")]
    ['sales people', 'Companies', 'businesses', 'users', 'Kundennr', 'firma', 'areas']
    >>> pluralise("week", 1), pluralise("week", 0)
    ('week', 'weeks')
    """
    rest, last = re.fullmatch(r"(?s)(.*?)([^\W_]*)", noun).groups()
    if n == 1 or not last:
        return noun
    small = last.lower()
    if small in PLURALS:
        return f"{rest}{last[0]}{PLURALS[small][1:]}"
    is_capital = not last.islower() and small not in UNITS_KNOWN
    if is_capital or not last.isascii() or small in UNITS_FOREIGN or (small[-1] in "aiu" and small not in UNITS_VOWEL):
        return noun
    if last.endswith(("ss", "x", "ch", "sh")):
        return f"{noun}es"
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun if last.endswith("s") else f"{noun}s"


def singularise(nouns) -> str:
    """Return the noun of which `pluralise` makes several.

    Examples
    --------
    >>> [singularise(nouns) for nouns in ("active days", "companies", "branches", "people", "time")]
    ['active day', 'company', 'branch', 'person', 'time']
    """
    ones = [*PLURALS, f"{nouns[:-3]}y", nouns[:-2], nouns[:-1]]
    return next((noun for noun in ones if noun and pluralise(noun) == nouns != noun), nouns)


def cut(label, *, width=40) -> str:
    """Return a label of at most `width` characters on one line.

    Examples
    --------
    >>> cut("a \\n b"), cut("abc", width=2)
    ('a b', 'a…')
    """
    label = " ".join(str(label).split())
    return label if len(label) <= width else label[: width - 1] + "…"
