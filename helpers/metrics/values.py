"""What stands in columns and events: levels of segments and covariates, sizes and answers of each arm, no payments."""

import datetime as dt
from functools import partial

import ibis
import ibis.expr.types as ir

from helpers import schema
from helpers.kinds import COUNTED, VALUED
from helpers.metrics import payments
from helpers.metrics.events import ask, begin, mark
from helpers.metrics.payments import PAYMENT, lacks_money, look_payments
from helpers.records import Refused

ARM = "fold:arm"  # the arm of the unit of an event
START = "fold:start"  # the column of the time of assignment, UTC, while units are folded
MONEY = "fold:money"  # the currency of an event, where a column names it
OWN = ("unit", "event", "variant", "at", "value", "start")  # columns that every table may have
UNPLANNED = "*"  # in the place of a metric: a column that the plan does not name
STEPS, BEYOND = 16, 12_000  # of the natural logarithm, in which values are counted by their size; more than any has
MOST_ANSWER = 1e5  # whole answers beyond it are not told apart
FIRST_ROWS, MOST_COLUMNS = 20_000, 20  # of the units, in which columns are looked at that the plan does not name
MOST_LEVELS, OTHER = 20, "other"
TELLING = (
    "plan, segments: the column {} tells who a unit is, not what it has in common: {:,} of {:,} units have a level of "
    "their own; leave it out, or group its levels"
)


def ask_levels(units, design):
    """What to ask of the levels of segments: those of at least `min_cell` units, how many others, and units alone."""
    parts = [units.select(name=ibis.literal(name), level=_read_level(units, name)) for name in design.segments]
    table, asked = ibis.union(*parts) if len(parts) > 1 else parts[0], {}
    counts = table.group_by("name", "level").aggregate(n=table.count())
    for name in design.segments:
        mine, is_large = counts.name == name, counts.n >= design.min_cell
        asked["levels", name] = counts.level.collect(where=mine & is_large)
        asked["small", name] = (mine & ~is_large & (counts.level != "unknown")).sum()
        asked["alone", name] = (mine & (counts.n == 1)).sum()
    return counts, asked


def _read_level(table, name):
    return table[name].cast("string").fill_null("unknown")


def name_levels(table, found, design):
    """The columns of segments: levels that are too small to be named are one, "unknown" apart, where there are any.

    Raises
    ------
    Refused: most units have a level of their own, so that it tells who they are.
    """
    columns = {}
    for name in design.segments:
        if (alone := found["alone", name]) > max(found["units"] / 2, MOST_LEVELS):
            raise Refused(TELLING.format(name, alone, found["units"]))
        level = columns[f"s_{name}"] = _read_level(table, name)
        if found["small", name]:
            is_large = level.isin([*sorted(found["levels", name] or ()), "unknown"])
            columns[f"s_{name}"] = is_large.ifelse(level, OTHER)
    return columns


def make_covariates(table, units, design, holed):
    """The columns of covariates, never null: `x_<name>`, `x_<name>=<level>`, `x_<name>:missing`.

    Numbers are filled with 0 where they are missing, beside an indicator of it; under an adjustment that holds the
    indicator, the value that fills changes nothing. Other columns become an indicator a level, compared after
    trimming and case folding: the most frequent level is the reference, levels beyond the 20 most frequent are
    pooled as "other", missing ones have an indicator of their own. Only units of the randomised arms decide which
    levels there are and whether any value is missing (Zhao and Ding, 2024, To adjust or not to adjust?); `holed` are
    those that any unit lacks, as arms are looked up only where one is: text is slow. `units` are those of the table
    before they are joined with what events say of them.
    """
    columns, gaps, of_arms = {}, {}, units["variant"].isin(design.variant.arms)
    if holed:
        some = units.filter(ibis.or_(*(units[name].isnull() for name in holed))).filter(of_arms)
        gaps = ask(some, {name: some.count() - some[name].count() for name in holed})
    numbers = [n for n in design.covariates if table[n].type().is_numeric() or table[n].type().is_boolean()]
    texts = {n: table[n].cast("string").strip().lower() for n in design.covariates if n not in numbers}
    counted = []  # the most frequent levels of each, one more than are kept
    for name in texts:
        known = units.filter(of_arms).select(level=units[name].cast("string").strip().lower()).drop_null("level")
        known = known.group_by("level")
        most = known.aggregate(units=ibis._.count()).order_by(ibis.desc("units"), "level").limit(MOST_LEVELS + 1)
        counted.append(most.mutate(name=ibis.literal(name)))
    rows = ibis.union(*counted).order_by(ibis.desc("units"), "level").to_pyarrow().to_pylist() if texts else []
    for name in design.covariates:
        if name in numbers:
            number = mark(table[name]) if table[name].type().is_boolean() else table[name].cast("float64")
            columns[f"x_{name}"] = number.fill_null(0.0)
        else:
            level, kept = texts[name], [row["level"] for row in rows if row["name"] == name]
            if is_pooled := len(kept) > MOST_LEVELS:
                kept = [value for value in kept[:MOST_LEVELS] if value != OTHER]
            facts = {value: level == value for value in kept[1:]} | ({OTHER: ~level.isin(kept)} if is_pooled else {})
            columns |= {f"x_{name}={value}": mark(fact.fill_null(False)) for value, fact in facts.items()}
        if gaps.get(name):
            columns[f"x_{name}:missing"] = mark(table[name].isnull())
    return columns


def ask_beside(source, units, totals, design, clock, sized):
    """Return what to ask beside the units; what is on lost events; sums and currencies; what to ask of values.

    Parameters
    ----------
    source : Source
    units : ibis.Table, one row a unit, with `START`
    totals : sequence of Total, what the plan reads of events
    design : ExperimentPlan
    clock : (datetime, collection of str, dict), the first moment that is not known, the events that have dates alone,
        and what was found as `ask_monies` asks
    sized : collection of str, as of `ask_values`

    Returns
    -------
    (list of (table, dict), dict, dict, Callable): the last gives, when it is called, what `ask_values` does: only
        checks ask it.
    """
    (end, dated, found), events = clock, source.events
    has_amounts = any(metric.how.total == "amount" for metric in design.metrics.values())
    paid = payments.find_money(units, "units", found) if has_amounts else None
    monies = {} if paid is None else payments.count_monies(units, {total.column for total in totals}, design, paid)
    beside = [(units, monies)] if monies else []
    if events is None:
        return beside, {}, monies, partial(ask_values, units, None, totals, design, paid, sized)
    planned = events.filter(events["event"].isin(sorted({event for total in totals for event in total.events})))
    planned = planned.inner_join(units.select("unit", start=START, **{ARM: "variant"}), "unit")
    planned = begin(planned, dated) if dated else planned
    money, sums = None, {}
    if any(total.kind == "amount" for total in totals):
        money = payments.find_money(planned, "events", found)
        sums = payments.add_up(planned, totals, end, {f"fold:{n}": m.unit for n, m in design.metrics.items()}, money)
    late = f"events after {(end - dt.timedelta(days=1)).date()}, the last complete day, left out"
    lacks = [planned["event"].isin(t.events) & planned[t.value].isnull() for t in totals if t.kind in VALUED]
    lacks = ibis.or_(planned["event"].isnull(), *lacks)
    lost = {"events before their unit is assigned, left out": (planned["at"] < planned["start"]).sum()}
    lost |= {late: (planned["at"] >= ibis.literal(end)).sum()}
    lost |= {"events without the value that the plan adds up or averages": lacks.sum()}
    counts = planned if money is None else planned.mutate(**{MONEY: money})
    counts = counts.filter(counts["at"] >= counts["start"], counts["at"] < ibis.literal(end))
    values = partial(ask_values, units, counts.mutate(variant=counts[ARM]), totals, design, paid, sized)
    return [(planned, lost | sums), *beside], lost, sums | monies, values


def ask_values(units: ir.Table, planned: ir.Table | None, totals, design, paid, sized=()) -> list[tuple]:
    """Return what to ask of the values of each arm, some tables with their aggregates.

    Parameters
    ----------
    units : ibis.Table, one row a unit, with `unit` and `variant`
    planned : ibis.Table or None, the events of the plan that count: `variant`, `event`, `value` and further columns
    totals : sequence of Total, what the plan reads of events
    design : ExperimentPlan
    paid : Ibis column of `units` that names currencies, or None; that of events is called `MONEY`
    sized : collection of str, metrics whose columns moments tell by size

    Returns
    -------
    list of (table, dict): an aggregate by ("seen", metric, event or column, what, arm); "answers" are texts
        such as "5:12", an answer and how often it was given, those that are not whole under "none"; "sizes" are texts
        such as "3:12:1.5:1.6:18.4", a step, how many values are on it, the least, the largest, and their sum; "days"
        of events such as "19723:12:30.1", a day since 1970, its values, and the sum of their logarithms; "hours"
        of assignment such as "473352:12", an hour since 1970 and its units. Of a
        column that the plan does not name (`UNPLANNED` in the metric's place) the levels that several of the first
        units have ("several"), and those of them that stand in one arm ("alike"), of every arm (None) and of each.
    """
    heard = {total.column.removeprefix("fold:"): total for total in totals}
    found, asked, named = {}, [], schema.list_unit_columns(design, events=None if planned is None else ())
    named = {column.target for column in named}
    further = [name for name in units.columns if name not in {*named, *OWN} and not name.startswith("fold:")]
    for name, metric in design.metrics.items():
        read = metric.column or name
        if metric.time and metric.observed:
            found[name, metric.time] = _look_times(units[metric.time], units[metric.observed])
        elif metric.how.total and name not in heard and read in units.columns:
            found[name, read] = _look_column(units, read, metric, paid)
            if metric.how.total == "amount" or (metric.how.total == "count" and PAYMENT.search(read.casefold())):
                found[name, read] |= look_payments(units, units[read].cast("float64"), further, own=False)
            asked += _ask_column(units, (name, read), metric, found, design) if name not in sized else []
            if metric.missing == "zero":
                found.setdefault((name, read), {})["no"] = _mark(units[read].cast("float64"), 0)
        elif metric.numerator and planned is None:
            for part in sorted({metric.numerator, metric.denominator} - set(design.metrics)):
                if metric.missing == "zero":
                    found[name, part] = {"no": _mark(units[part].cast("float64"), 0)}
        elif metric.how.total == "last" and planned is not None:
            answers = planned.filter(planned["event"].isin(heard[name].events))
            asked.append(_ask_answers(answers, answers[heard[name].value], name, heard[name].events[0], design))
    if design.exposure and (column := design.exposure.column):
        found["", column] = _look_marks(units[column])
    if any(found.values()):
        asked.append(_ask_sums(units, found, design))
    if planned is not None:
        beside = [name for name in planned.columns if name not in OWN and not name.startswith("fold:")]
        asked += _ask_payments(planned, heard, beside, design)
    return asked + _ask_unplanned(units, design, named)


def _ask_column(units, of, metric, found, design):
    """Of a column of the units its answers; or its sizes, with what was found of it."""
    value, total = units[of[1]].cast("float64"), metric.how.total
    if metric.how.is_share or total not in ("last", *COUNTED):
        return []
    if total == "last":
        return [_ask_answers(units, value, *of, design)]
    return [_ask_sizes(units, value, [of], design, found.pop(of))]


def _ask_payments(planned, heard, further, design):
    """Of the events of amounts, and of payments that are counted, their sizes, and what of them is no payment."""
    of_values, asked = {}, []
    for name, total in heard.items():
        kind = design.metrics[name].how.total if name in design.metrics else None
        for event in total.events:
            if kind == "amount":
                of_values.setdefault(total.value, []).append((name, event))
            elif kind == "count" and PAYMENT.search(event.casefold()):
                of_values.setdefault("at", []).append((name, event))
    for column, added in of_values.items():
        value = mark(planned["at"].notnull()) if column == "at" else planned[column]
        void = look_payments(planned, value, further, own=True)
        if column != "at":
            void |= {"unpriced": lacks_money(planned[MONEY], value)} if MONEY in planned.columns else {}
            asked.append(_ask_sizes(planned, value, added, design, void))
            asked.append(_ask_days(planned, value, added, design))
        elif void:
            asked.append(_ask_sums(planned, dict.fromkeys(added, {"n": value.notnull().cast("int32")} | void), design))
    return asked


def _ask_sums(table, found, design):
    """Sums of facts, by group first: of events, which have one, once for all metrics that read them."""
    by, named = _list_groups(table), {}
    for of, facts in found.items():
        named |= {(of if len(by) == 1 else (), what): fact for what, fact in facts.items()}
    grouped = table.group_by(by).aggregate(**{f"f{i}": fact.sum() for i, fact in enumerate(named.values())})
    columns, asked = {key: grouped[f"f{i}"] for i, key in enumerate(named)}, {}
    for of, facts in found.items():
        asked |= _tell(grouped, of, {what: columns[of if len(by) == 1 else (), what] for what in facts}, design)
    return grouped, asked


def _list_groups(table):
    return ["variant", *(["event"] if ARM in table.columns else [])]


def _tell(grouped, of, facts, design):
    """Facts of groups by arm, for the event that a metric reads: sums of numbers, lists of texts."""
    asked = {}
    for arm in design.variant.arms:
        mine = grouped["variant"] == arm
        mine = mine & (grouped["event"] == of[1]) if "event" in grouped.columns else mine
        for what, one in facts.items():
            asked["seen", *of, what, arm] = one.collect(where=mine) if one.type().is_string() else one.sum(where=mine)
    return asked


def _mark(value, code):
    return (value == code).cast("int32")


def find_size(value: ir.FloatingValue) -> ir.FloatingValue:
    """Return the size of a value, a step of its logarithm, on either side of 0: larger, above it, for larger values."""
    # 0 has no logarithm, and what is added changes no other value
    return (((value.abs() + 1e-300).ln() * STEPS).floor() + BEYOND) * value.sign()


def _ask_sizes(table, value, added, design, sums):
    """Values that are not 0 by their sizes: how many are of one, the ends, and the sum; and sums of facts of them."""
    by = _list_groups(table)
    known = table.select(*by, known=value.cast("float64"), **sums)
    known = known.filter(known["known"] != 0)
    facts = {"n": ibis._.count(), "low": ibis._.known.min(), "high": ibis._.known.max(), "total": ibis._.known.sum()}
    more = {name: known[name].sum() for name in sums}
    sizes = known.group_by(*by, size=find_size(known["known"])).aggregate(**facts, **more)
    text = sizes["size"].cast("int64").cast("string")
    for fact in facts:
        text = text + ":" + sizes[fact].cast("string")
    told = {"sizes": text, "n": sizes["n"]} | {name: sizes[name] for name in more}
    return sizes, {key: fact for of in added for key, fact in _tell(sizes, of, told, design).items()}


def _ask_days(table, value, added, design):
    """Values that are not 0 by day: how many, and the sum of the logarithms of their sizes."""
    by = _list_groups(table)
    day = (table["at"].epoch_seconds() / 86_400.0).floor().cast("int64")
    known = table.select(*by, size=value.cast("float64").abs(), day=day)
    known = known.filter(known["size"] > 0)
    days = known.group_by(*by, "day").aggregate(n=ibis._.count(), total=ibis._.size.ln().sum())
    text = days["day"].cast("string") + ":" + days["n"].cast("string") + ":" + days["total"].cast("string")
    return days, {key: fact for of in added for key, fact in _tell(days, of, {"days": text}, design).items()}


def _look_column(units, read, metric, paid):
    """Of a column of marks how many are 1, 0 and empty; of amounts how many lack their currency."""
    value = units[read].cast("float64")
    if metric.how.is_share:
        return _look_marks(value) | {"n": (value > 0).cast("int32")}
    return {"unpriced": lacks_money(paid, value)} if metric.how.total == "amount" and paid is not None else {}


def _look_marks(value):
    return {"yes": _mark(value, 1), "no": _mark(value, 0), "empty": value.isnull().cast("int32")}


def _look_times(time, observed):
    """How many times to an event are empty or 0 among those that ended and those that did not."""
    time, facts = time.cast("float64"), _look_marks(observed.cast("float64"))
    for key, mine in (("ended", observed >= 1), ("open", observed == 0)):
        facts |= {key: mine.cast("int32"), f"{key}_empty": (mine & time.isnull()).cast("int32")}
        facts[f"{key}_zero"] = (mine & (time == 0)).cast("int32")
    return facts


def _ask_answers(table, value, name, read, design):
    value = value.cast("float64")
    near = (value.abs() <= MOST_ANSWER).ifelse(value, 0.5)
    level = (near == near.floor()).ifelse(near, ibis.null("float64")).cast("int64")
    return _count_levels(table.filter(value.notnull()), level, (name, read), "answers", design)


def _count_levels(table, level, of, what, design):
    counts = table.group_by("variant", level=level).aggregate(n=ibis._.count())
    told = counts["level"].cast("string").fill_null("none") + ":" + counts["n"].cast("string")
    return counts, _tell(counts, of, {what: told}, design)


def _ask_unplanned(units, design, named):
    """Of columns that the plan does not name, in the first rows, how many levels keep to one arm; hours of all."""
    first, asked = units.limit(FIRST_ROWS), []
    if design.assigned_at in units.columns:
        hour = (units[design.assigned_at].epoch_seconds() / 3600.0).floor().cast("int64")
        asked.append(_count_levels(units, hour, ("", ""), "hours", design))
    first = first.filter(first["variant"].isin(design.variant.arms))
    names = [name for name, kind in units.schema().items() if kind.is_string() or kind.is_integer()]
    names = [name for name in names if name not in ("unit", "variant", *named) and ":" not in name]
    for name in names[:MOST_COLUMNS]:
        level = first[name].cast("string").strip().nullif("")
        levels = first.filter(level.notnull()).group_by(level=level)
        levels = levels.aggregate(n=ibis._.count(), arms=ibis._.variant.nunique(), arm=ibis._.variant.max())
        is_alike = (levels["n"] > 1) & (levels["arms"] == 1)
        facts = {("several", None): (levels["n"] > 1).sum(), ("alike", None): is_alike.sum()}
        facts |= {("alike", arm): (is_alike & (levels["arm"] == arm)).sum() for arm in design.variant.arms}
        asked.append((levels, {("seen", UNPLANNED, name, *what): fact for what, fact in facts.items()}))
    return asked
