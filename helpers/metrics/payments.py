"""Payments: which events are some, by which columns one never went through, in which currencies, and who pays."""

import datetime as dt
import re
import unicodedata

import ibis
import ibis.expr.types as ir

from helpers.kinds import COUNTED
from helpers.sources.numerals import MISSING, NO, SPACES, YES

PAYMENT = re.compile(
    "pay|paid|order|purchas|buy|bought|sale|sold|invoice|renew|checkout|charge|donat|revenue|zahl|bestell|kauf|rechnung|"
    "umsatz|paiement|commande|achat|vente|pago|compra|pedido|venta|pagamento|acquist|ordine|vendita|betal|aankoop|"
    "transa[ck]|оплат|заказ"
)
BACK = (
    "refund|charge.?back|revers|dispute|claw.?back|money.?back|reimburs|storno|erstatt|r(ü|ue|u)ck.?(zahl|buch|gab)|"
    "rembours|rimbors|reembols|devolu|devuelt|estorn|terug.?betal|.terbetal|zwrot|возврат|返金|退款"
)
GIVEN_BACK = f"^((partial|payment)[ _-]?)?({BACK})[^ _-]{{0,6}}$"  # the whole kind, not a fee or an insurance of one
STATE = re.compile(r"stat(us|e|ut|o)($|_)|(^|_)(result|outcome|ergebnis|zustand|estado|condition)($|_)|статус")
MODE = re.compile(r"(^|_)(mode|env|environment|umgebung|kind|type|typ|art)$")
FAILED = (
    "fail|declin|denied|reject|unpaid|unsuccess|not.?paid|fehlgeschl|abgelehnt|misslung|.chou|echou|refus|fall(id|it)|"
    "rechaz|rifiut|mislukt|geweigerd"
)
NONE = (
    f"{FAILED}|error|cancel|void|abort|expire|pending|draft|incomplete|requires|un.?captur|uncollect|overdue|"
    "abandon|disput|charge.?back|invalid|fraud|blocked|on.?hold|await|test|sandbox|annul|storn|offen|abgebroch|ausstehend|"
    "attente|pendient|pendent|scadut|отмен|ошибк|ожида|отклон"
)
OPEN = "^(open|new|created|initiated|started|ko|nok|nak|ng|no|false|nicht ok|not ok)$"
TRIED = "^(test|sandbox|demo|staging|dev(elopment)?|qa)( |_|$)|^(payment[ _-])?(failed|declined)"
TEST = r"(is|was|has)?_?(test|sandbox|demo|dummy|fake)_?(mode|order|payment|transaction|event|data|flag|account|user)?"
UNDONE = "fail(ed|ure)?|declined|cancel?led|void(ed)?|deleted|expired|pending|draft|internal"
BY = "((fivetran|sdc|airbyte|ab_cdc|hevo_marked)_)?"  # who copied the table
TRUE_IS_NONE = re.compile(
    f"{TEST}|{BY}(is|was|has)?_?({UNDONE})_?(mode|order|payment|transaction|event|data|flag|account)?"
)
AT_IS_NONE = re.compile(f"{BY}({UNDONE})_(at|on|date|time|ts|datum)")
FALSE_IS_NONE = re.compile(
    r"(is|was|has)?_?(ok|accepted|live|production|paid|captured|success(ful|fully)?|succeeded|completed?|settled|confirmed|valid|"
    r"approved|authori[sz]ed)_?(mode|order|payment|transaction|event|data|flag)?"
)
RETURNED = re.compile(
    rf"(is|was|has|amount|total|value)?_?({BACK}|returned)\w*?_?(amount|value|total|flag|at|on|date|betrag)?_?(usd|eur|gbp|cents)?"
)
NOTHING = (*MISSING, *NO, "", "0", "0.0", "0.00", "00", "000", "-", "ok", "success", "approved", "no error", "no_error")
TRUE, FALSE = (*YES, "1", "1.0"), (*NO, "0", "0.0", "ko", "nok")
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
UNADDED = dict.fromkeys(("events", "is_one", "total", *SIGNS))  # of amounts of a column, which no event adds to


def name_words(column: str) -> str:
    """Return the name of a column in small letters, its words apart."""
    apart = re.sub("(?<=[a-z])(?=[A-Z])", "_", unicodedata.normalize("NFC", column))
    return re.sub(r"[\W_]+", "_", apart).casefold().strip("_")


def look_payments(table: ir.Table, value: ir.Value, columns, *, own: bool) -> dict:
    """Return which values that are not 0 are of no payment (`void`), or of one that was given back (`returned`).

    Parameters
    ----------
    table : ibis.Table, one row an event or a unit
    value : Ibis column of the table, of numbers
    columns : sequence of str, those of the table that may tell
    own : bool
        Whether a row is a payment: of a unit, the state may be of its account, so that only words of payments tell.

    Returns
    -------
    dict of str to Ibis columns of 0 and 1; empty where no column tells.
    """
    void, returned, told = ibis.literal(False), ibis.literal(False), False
    for name in columns:
        called, text = name_words(name), table[name].cast("string").lower().strip()
        is_word, is_paid = table[name].type().is_string(), own or PAYMENT.search(called) is not None
        known, told = told, True
        if RETURNED.fullmatch(called) and (own or called.endswith("ed")):
            returned |= ~text.isin(NOTHING) & (value > 0)
        elif own and AT_IS_NONE.fullmatch(called):
            void |= ~text.isin(NOTHING)
        elif (TRUE_IS_NONE if is_paid else re.compile(TEST)).fullmatch(called):
            void |= text.isin(TRUE)
        elif is_paid and FALSE_IS_NONE.fullmatch(called):
            void |= text.isin(FALSE)
        elif STATE.search(called):
            void |= text.re_search(f"{NONE}|{OPEN}" if is_paid and is_word else FAILED)
            returned |= text.re_search(f"{BACK}|returned") & (value > 0)
        elif is_word and own and MODE.search(called):
            void |= text.re_search(TRIED)
            returned |= text.re_search(GIVEN_BACK) & ~text.re_search("[ai]ble$") & (value > 0)
        else:
            told = known
    counts = value.notnull() & (value != 0)
    void = void.fill_null(False)
    facts = {"void": counts & void, "returned": counts & returned.fill_null(False) & ~void}
    return {what: fact.cast("int32") for what, fact in facts.items()} if told else {}


def lacks_money(money: ir.Value, value: ir.Value) -> ir.IntegerValue:
    """Return 1 for an amount that is not 0 beside which no currency stands, else 0."""
    return (value.notnull() & (value != 0) & money.isnull()).cast("int32")


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
            told |= {"is_one": 2 * size.max(where=counts) > size.sum(where=counts), "total": value.sum(where=counts)}
            told |= {sign: (counts & has_it).sum() for sign, has_it in signs.items()}
            facts |= {(total.column, event, what): fact for what, fact in (told | monies).items()}
    return facts


def look_for_money(table: ir.Table, of: str) -> list[tuple[ir.Table, dict]]:
    """Return what to ask of the first rows of a table, by ("money", what it is of, column, what); none by a name."""
    named, texts = _name_money(table)
    texts = [n for n in texts if n not in ("unit", "event", "variant") and n[-3:] != "_id"]
    if named or not texts:
        return []
    first = table.select(texts).limit(FIRST_ROWS)
    codes = {name: _read_code(first[name]) for name in texts}
    asked = {("money", of, name, "told"): (~_is_among(code, NO_MONEY)).sum() for name, code in codes.items()}
    asked |= {("money", of, name, "known"): _is_among(code, KNOWN).sum() for name, code in codes.items()}
    return [(first, asked)]


def ask_monies(source, units, totals, design) -> list[tuple[ir.Table, dict]]:
    """Return what to ask of the units, and of the events of the plan, so that their column of currencies is known."""
    names = {name for name, metric in design.metrics.items() if metric.how.total == "amount"}
    is_column = names.difference(total.column.removeprefix("fold:") for total in totals)
    asked = look_for_money(units, "units") if is_column else []
    if summed := sorted({event for total in totals if total.kind == "amount" for event in total.events}):
        asked += look_for_money(source.events.filter(source.events["event"].isin(summed)), "events")
    return asked


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


def _is_among(code, words):
    """Whether a code, which has no space, is one of some words; as one text, since a hundred take Ibis long."""
    return ibis.literal(f" {' '.join(words)} ").contains(ibis.literal(" ").concat(code, " "))


def _count_monies(money, unit, holds=None):
    """How many currencies stand beside amounts, and how many amounts in another one than they are told in, if a one."""
    unit, told = CODES.get((unit or "").upper(), (unit or "").upper()), {"currencies": money.nunique(where=holds)}
    return told | ({"foreign": (money != unit).sum(where=holds)} if len(unit) == 3 else {})


def count_monies(units: ir.Table, folded, design, money) -> dict:
    """Return what to ask of the currencies beside amounts of a column, by the keys of `add_up`.

    Parameters
    ----------
    units : ibis.Table, one row a unit
    folded : collection of str, the totals that events give
    design : ExperimentPlan
    money : Ibis column of `units`, as `find_money` gives it
    """
    facts = {}
    for name, metric in design.metrics.items():
        if metric.how.total == "amount" and f"fold:{name}" not in folded:
            told = {"units": units.count()} | _count_monies(money, metric.unit)
            facts |= {(f"fold:{name}", metric.column or name, what): fact for what, fact in told.items()}
    return facts


def count_payers(units) -> dict[tuple[str, str, str | None], int]:
    """Return how many units there are in each arm and part of it, and how many of them have any of what a metric sums.

    Parameters
    ----------
    units : Units

    Returns
    -------
    dict: (metric, arm, part) to units with an outcome other than 0; 1 where one of them holds more than half of all;
        the metric "" to all units. Of shares and times to an event there are none. A part is "column=level" of a
        segment, "week 1", "takers" or "others", or None, the whole arm. Of takers and others (metric, arm, "n takers")
        and "n others" are how many units they are. (metric, arm, "guard") is how many guard the whole arm, and is left
        out of counts and their ratios of which none holds most: as of events, who is in an arm drawn by lot is unknown.
    """
    design, table = units.design, units.table
    summed = [n for n, m in design.metrics.items() if m.numerator or (m.how.total in COUNTED and not m.how.is_share)]
    paid = {n: column for n in summed for column in (f"y_{n}", f"num_{n}") if column in table.columns}
    names, counts = list(paid), {n for n, m in design.metrics.items() if m.how.total == "count"}
    counts |= {n for n, m in design.metrics.items() if {m.numerator, m.denominator} <= counts}
    if design.units_in_row:  # nobody knows whose the sums are
        return {}
    parts = [ibis.null("string"), *(ibis.literal(f"{s}=").concat(table[f"s_{s}"]) for s in design.segments)]
    if design.assigned_at:
        parts.append(ibis.literal("week ").concat((table["week"] + 1).cast("string")))
    if "exposed" in table.columns:
        parts.append((table["exposed"] == 1).ifelse("takers", "others").fill_null("take-up unknown"))
    asked = []
    for part in parts:
        rows = table.select("variant", *(paid[name] for name in names), part=part)
        sums = {"all": rows.count()}
        for name in names:
            size = rows[paid[name]].abs()
            sums |= {f"n{name}": (size > 0).sum(), f"most{name}": size.max(), f"all{name}": size.sum()}
            sums |= {f"of{name}": size.count()}
        asked.append(rows.group_by("variant", "part").aggregate(**sums))
    found = {}
    for row in ibis.union(*asked).to_pyarrow().to_pylist() if len(asked) > 1 else asked[0].to_pyarrow().to_pylist():
        found["", row["variant"], row["part"]] = row["all"]
        for name in names:
            is_held = 2 * (row[f"most{name}"] or 0) > (row[f"all{name}"] or 0)
            found[name, row["variant"], row["part"]] = 1 if is_held else int(row[f"n{name}"] or 0)
            if row["part"] is None and (is_held or name not in counts):
                found[name, row["variant"], "guard"] = found[name, row["variant"], None]
            if row["part"] in ("takers", "others"):
                found[name, row["variant"], f"n {row['part']}"] = row[f"of{name}"]
    return found
