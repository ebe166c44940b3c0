"""What stands in the columns and events of each arm: how large values are, which answers, what is no payment."""

import re
import unicodedata

import ibis
import ibis.expr.types as ir

from helpers import schema
from helpers.metrics.events import add_up, begin, find_money, list_lost

ARM = "fold:arm"  # the arm of the unit of an event
START = "fold:start"  # the column of the time of assignment, UTC, while units are folded
MONEY = "fold:money"  # the currency of an event, where a column names it
UNPLANNED = "*"  # in the place of a metric: a column that the plan does not name
LARGEST_WHOLE = 2.0**53
CLOSE = 1e-6  # of a value, within which it is whole: 16.31 times 100 is 1630.9999999999998
MOST_ANSWER = 1e5  # whole answers beyond it are not told apart
FIRST_ROWS = 20_000  # of the units, in which columns are looked at that the plan does not name
MOST_COLUMNS = 20
STATUS = re.compile(r"stat(us|e|ut|o)($|_)|(^|_)(result|outcome|zustand|estado|condition)$|статус")
MODE = re.compile(r"(^|_)(mode|env|environment|umgebung)$")
TRUE_IS_NONE = re.compile(
    r"(is|was|has)?_?(test|sandbox|demo|dummy|fake|fail(ed|ure)?|declined|cancel?led|void(ed)?|deleted|reversed|expired|"
    r"pending|draft|internal)_?(mode|order|payment|transaction|event|data|flag|account|user)?"
)
FALSE_IS_NONE = re.compile(
    r"(is|was|has)?_?(live|production|paid|captured|success(ful|fully)?|succeeded|completed?|settled|confirmed|valid|"
    r"approved|authori[sz]ed)_?(mode|order|payment|transaction|event|data|flag)?"
)
NONE_WORDS = (
    "fail|declin|denied|reject|error|cancel|void|abort|expire|pending|process|draft|incomplete|requires|unpaid|unsuccess|"
    "not.?paid|un.?captur|uncollect|overdue|abandon|disput|charge.?back|invalid|fraud|blocked|on.?hold|await|test|sandbox|"
    "annul|storn|offen|fehlgeschl|abgelehnt|abgebroch|ausstehend|.chou|echou|refus|attente|fall(id|it)|rechaz|pendient|"
    "pendent|scadut|rifiut|отмен|ошибк|ожида|отклон"
)
OPEN_WORDS = "^(open|new|created|initiated|started|demo|staging|dev(elopment)?|qa)$"
RETURNED = "refund|revers|returned|money.?back|erstatt|rembours|reembols|rimbors|devuelt|возврат"
TOTALS = (
    r"^(grand |sub ?|over)?(total|totals|totale|totaal|totaux|sum|summe|somma|somme|suma|soma|gesamt|gesamtsumme|"
    "insgesamt|ensemble|razem|итого|всего|合计|總計|合計)([ :].*)?$"
)
PAYMENT = re.compile(
    "pay|paid|order|purchas|buy|bought|sale|sold|invoice|renew|checkout|charge|donat|zahl|bestell|kauf|rechnung|"
    "paiement|commande|achat|pago|compra|pedido|pagamento|acquist|ordine|оплат|заказ"
)
INITIALS = "gsotierив合總"  # with which these begin


def ask_beside(source, units, totals, design, clock):
    """Return what to ask beside the units; what of it is on lost events, the sums, the units' column of currencies.

    Parameters
    ----------
    source : Source
    units : ibis.Table, one row a unit, with `START`
    totals : sequence of Total, what the plan reads of events
    design : ExperimentPlan
    clock : (datetime, collection of str), the first moment that is not known, and the events that have dates alone
    """
    end, dated = clock
    amounts, events = {name for name, metric in design.metrics.items() if metric.how.total == "amount"}, source.events
    paid = find_money(units) if amounts.difference(total.column.removeprefix("fold:") for total in totals) else None
    if events is None:
        return ask_values(units, None, totals, design, paid), {}, {}, paid
    planned = events.filter(events["event"].isin(sorted({event for total in totals for event in total.events})))
    planned = planned.inner_join(units.select("unit", start=START, **{ARM: "variant"}), "unit")
    planned = begin(planned, dated) if dated else planned
    money, sums = find_money(planned) if amounts else None, {}
    if amounts:
        told_in = {f"fold:{name}": metric.unit for name, metric in design.metrics.items()}
        sums = add_up(planned, totals, end, told_in, money)
    lost = list_lost(planned, totals, end)
    counts = planned if money is None else planned.mutate(**{MONEY: money})
    counts = counts.filter(counts["at"] >= counts["start"], counts["at"] < ibis.literal(end))
    asked = ask_values(units, counts.mutate(variant=counts[ARM]), totals, design, paid)
    return [(planned, lost | sums), *asked], lost, sums, paid


def ask_values(units: ir.Table, planned: ir.Table | None, totals, design, paid) -> list[tuple[ir.Table, dict]]:
    """Return what to ask of the values of each arm, some tables with their aggregates.

    Parameters
    ----------
    units : ibis.Table, one row a unit, with `unit` and `variant`
    planned : ibis.Table or None, the events of the plan that count: `variant`, `event`, `value` and further columns
    totals : sequence of Total, what the plan reads of events
    design : ExperimentPlan
    paid : Ibis column of `units` that names currencies, or None; that of events is called `MONEY`

    Returns
    -------
    list of (table, dict): an aggregate by ("seen", metric, event or column, what, arm); "answers" are texts
        such as "5:12", an answer and how often it was given, those that are not whole under "none". Of a column that
        the plan does not name (`UNPLANNED` in the metric's place) the levels that several of the first units have
        ("several"), and those of them that stand in one arm ("alike"), of every arm (None) and of each.
    """
    heard = {total.column.removeprefix("fold:"): total for total in totals}
    found, asked = {}, []
    for name, metric in design.metrics.items():
        read = metric.column or name
        if metric.time and metric.observed:
            found[name, metric.time] = _look_times(units[metric.time], units[metric.observed])
        elif metric.how.total and name not in heard and read in units.columns:
            found[name, read] = _look_column(units, read, metric, paid)
            if metric.how.total == "last" and not metric.how.is_share:
                asked.append(_ask_answers(units, units[read], name, read, design))
        elif metric.how.total == "last" and planned is not None:
            answers = planned.filter(planned["event"].isin(heard[name].events))
            asked.append(_ask_answers(answers, answers[heard[name].value], name, heard[name].events[0], design))
    exposure = design.exposure
    if exposure and exposure.column:
        found["", exposure.column] = _look_marks(units[exposure.column])
    if any(found.values()):
        asked.append(_ask_sums(units, ["variant"], found, design))
    money = {name: total for name, total in heard.items() if _is_money(design, name)}
    for column in dict.fromkeys(total.value for total in money.values()):
        added = [(name, event) for name, total in money.items() for event in total.events if total.value == column]
        facts = _size(planned[column]) | _look_payments(planned, planned[column])
        asked.append(_ask_sums(planned, ["variant", "event"], dict.fromkeys(added, facts), design))
    counted = [
        (name, event) for name, total in heard.items() for event in total.events if _is_paid(design, name, event)
    ]
    if counted and any(map(_names_state, planned.columns)):
        one = planned["at"].notnull().cast("float64")
        facts = _size(one) | _look_payments(planned, one)
        asked.append(_ask_sums(planned, ["variant", "event"], dict.fromkeys(counted, facts), design))
    named = {column.target for column in schema.list_unit_columns(design, events=None if planned is None else ())}
    return asked + _ask_levels(units, design, named)


def _is_paid(design, name, event):
    """Whether a metric counts an event that is named as a payment, of which not every one need have gone through."""
    is_counted = name in design.metrics and design.metrics[name].how.total == "count"
    return is_counted and PAYMENT.search(event.casefold()) is not None


def _names_state(column):
    name = _call(column)
    return any(words.fullmatch(name) for words in (TRUE_IS_NONE, FALSE_IS_NONE)) or bool(STATUS.search(name))


def _call(column):
    """The name of a column in small letters, its words apart."""
    apart = re.sub("(?<=[a-z])(?=[A-Z])", "_", unicodedata.normalize("NFC", column))
    return re.sub(r"[\W_]+", "_", apart).casefold()


def _is_money(design, name):
    return name in design.metrics and design.metrics[name].how.total == "amount"


def _ask_sums(table, by, found, design):
    """Sums of facts, or the largest of them, by group first: of events once, however many metrics read one."""
    shared = by[1:] == ["event"]
    named = {
        (of if not shared else ("", ""), what): fact for of, facts in found.items() for what, fact in facts.items()
    }
    names = {key: f"f{i}" for i, key in enumerate(named)}
    sums = {names[key]: fact.max() if key[1] == "largest" else fact.sum() for key, fact in named.items()}
    grouped = table.group_by(by).aggregate(**sums)
    asked = {}
    for of, facts in found.items():
        for what in facts:
            column = grouped[names[("", "") if shared else of, what]]
            for arm in design.variant.arms:
                mine = grouped["variant"] == arm
                mine = mine & (grouped["event"] == of[1]) if shared else mine
                asked["seen", *of, what, arm] = column.max(where=mine)
    return grouped, asked


def _size(value):
    """How large values that are not 0 are, by their logarithms, and how many are whole; those of whole ones apart."""
    value = value.cast("float64")
    known = value.notnull() & (value != 0)
    log = known.ifelse(value.abs(), 1.0).ln()
    safe = (known & (value.abs() <= LARGEST_WHOLE)).ifelse(value, 0.5)
    whole = ((safe + 0.5).floor() - safe).abs() <= CLOSE * safe.abs().clip(upper=1e5)
    return {
        "n": known.cast("int32"),
        "log": log,
        "square": log * log,
        "whole": (known & whole).cast("int32"),
        "log_whole": (known & whole).ifelse(log, 0.0),
    }


def _look_column(units, read, metric, paid):
    """Of a column of marks how many are 1, 0 and empty; of others how large, and whether a row sums the rest."""
    value = units[read].cast("float64")
    if metric.how.is_share:
        return _look_marks(value)
    if metric.how.total not in ("amount", "count"):
        return {}
    title = units["unit"].cast("string").lower()
    is_total = title.substr(0, 1).isin(list(INITIALS)).ifelse(title.strip().re_search(TOTALS), False)
    sums = {"largest": value, "sum": value, "titled": is_total.ifelse(value, 0.0)}
    if metric.how.total == "count":
        return {"n": (value > 0).cast("int32")} | sums
    sums |= {} if paid is None else {"unpriced": _lacks(paid, value)}
    return _size(value) | sums


def _look_marks(value):
    return {key: (value == mark).cast("int32") for key, mark in (("yes", 1), ("no", 0))} | {
        "empty": value.isnull().cast("int32")
    }


def _look_times(time, observed):
    """Of times to an event their size, and how many are empty or 0 among those that ended and those that did not."""
    time, facts = time.cast("float64"), _size(time) | _look_marks(observed.cast("float64"))
    for key, mine in (("ended", observed >= 1), ("open", observed == 0)):
        facts |= {key: mine.cast("int32"), f"{key}_empty": (mine & time.isnull()).cast("int32")}
        facts[f"{key}_zero"] = (mine & (time == 0)).cast("int32")
    return facts


def _ask_answers(table, value, name, read, design):
    value = value.cast("float64")
    near = (value.abs() <= MOST_ANSWER).ifelse(value, 0.5)
    level = (near == near.floor()).ifelse(near, ibis.null("float64")).cast("int64")
    counts = table.filter(value.notnull()).group_by("variant", level=level).aggregate(n=ibis._.count())
    told = counts["level"].cast("string").fill_null("none") + ":" + counts["n"].cast("string")
    asked = {
        ("seen", name, read, "answers", arm): told.collect(where=counts["variant"] == arm)
        for arm in design.variant.arms
    }
    return counts, asked


def _look_payments(planned, value):
    """Events whose value counts though they have no currency, or are no payments, or were paid back."""
    counts = value.notnull() & (value != 0)
    void, returned = ibis.literal(False), ibis.literal(False)
    for name, kind in planned.schema().items():
        if name in ("unit", "event", "variant", "at", "value", "start") or name.startswith("fold:"):
            continue
        called = _call(name)
        is_word, text = kind.is_string(), planned[name].cast("string").lower().strip()
        if TRUE_IS_NONE.fullmatch(called):
            void |= text.isin(("true", "yes", "1", "1.0"))
        elif FALSE_IS_NONE.fullmatch(called) and (kind.is_boolean() or is_word):
            void |= text.isin(("false", "no", "0", "0.0"))
        elif is_word and (STATUS.search(called) or MODE.search(called)):
            void |= text.re_search(NONE_WORDS) | text.re_search(OPEN_WORDS)
            returned |= text.re_search(RETURNED) & (value > 0)
    facts = {"void": counts & void.fill_null(False), "returned": counts & returned.fill_null(False)}
    facts = {what: fact.cast("int32") for what, fact in facts.items()}
    return facts | ({"unpriced": _lacks(planned[MONEY], value)} if MONEY in planned.columns else {})


def _lacks(money, value):
    return (value.notnull() & (value != 0) & money.isnull()).cast("int32")


def _ask_levels(units, design, named):
    """Of columns that the plan does not name, in the first rows, how many levels keep to one arm."""
    first, asked = units.limit(FIRST_ROWS), []
    first = first.filter(first["variant"].isin(design.variant.arms))
    kinds = {
        name: kind
        for name, kind in units.schema().items()
        if name not in ("unit", "variant", *named) and ":" not in name
    }
    names = [name for name, kind in kinds.items() if kind.is_string() or kind.is_integer()]
    for name in names[:MOST_COLUMNS]:
        level = first[name].cast("string").strip().nullif("")
        levels = first.filter(level.notnull()).group_by(level=level)
        levels = levels.aggregate(n=ibis._.count(), arms=ibis._.variant.nunique(), arm=ibis._.variant.max())
        is_several = levels["n"] > 1
        is_alike = is_several & (levels["arms"] == 1)
        facts = {("several", None): is_several.sum(), ("alike", None): is_alike.sum()}
        facts |= {("alike", arm): (is_alike & (levels["arm"] == arm)).sum() for arm in design.variant.arms}
        asked.append((levels, {("seen", UNPLANNED, name, *what): fact for what, fact in facts.items()}))
    return asked
