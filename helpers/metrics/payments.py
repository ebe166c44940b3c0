"""Words for payments, in several languages: which events are some, and by which columns one never went through."""

import re
import unicodedata

import ibis
import ibis.expr.types as ir

from helpers.sources.numerals import MISSING, NO, YES

PAYMENT = re.compile(
    "pay|paid|order|purchas|buy|bought|sale|sold|invoice|renew|checkout|charge|donat|revenue|zahl|bestell|kauf|rechnung|"
    "umsatz|paiement|commande|achat|vente|pago|compra|pedido|venta|pagamento|acquist|ordine|vendita|betal|aankoop|"
    "transa[ck]|оплат|заказ"
)
BACK = (
    "refund|charge.?back|revers|dispute|claw.?back|money.?back|reimburs|storno|erstatt|r(ü|ue|u)ck.?(zahl|buch|gab)|"
    "rembours|rimbors|reembols|devolu|devuelt|возврат"
)
GIVEN_BACK = f"^((partial|payment)[ _-]?)?({BACK})[^ _-]{{0,6}}$"  # the whole kind, not a fee or an insurance of one
STATE = re.compile(r"stat(us|e|ut|o)($|_)|(^|_)(result|outcome|ergebnis|zustand|estado|condition)($|_)|статус")
CODE = re.compile(
    r"(^|_)(response|resp|http|result|return|status|gateway|processor)_?(code|status)$|^(rc|http|response)$"
)
MODE = re.compile(r"(^|_)(mode|env|environment|umgebung|kind|type|typ|art)$")
NOTE = re.compile(
    r"(^|_)(note|message|msg|desc\w*|details?|info|comment|reason|memo|text|remarks?|action|grund|\w*beschreibung)$"
)
WHY = re.compile(
    r"(^|_)(error|fehler|erreur|fail\w*|declin\w*|reject\w*|refus\w*|cancel\w*)_?(code|reason|message|msg|text|grund)s?$"
)
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
TRIED = "^(test|sandbox|demo|staging|dev(elopment)?|qa)( |_|$)"
AT_FIRST = (  # words of other columns
    "^(payment|card|transaction|zahlung)?[ _-]?(failed|failure|declined|denied|rejected|unpaid|unsuccessful|not paid|"
    "fehlgeschlagen|abgelehnt|misslungen|refus(e|é)e?|fallid[oa]|rechazad[oa]|rifiutat[oa]|mislukt)([^a-z]|$)"
)
REFUSED = "^[45][0-9][0-9]([.]0)?$"  # codes of the web
TEST = r"(is|was|has)?_?(test|sandbox|demo|dummy|fake)_?(mode|order|payment|transaction|event|data|flag|account|user)?"
UNDONE = "fail(ed|ure)?|declined|cancel?led|void(ed)?|deleted|expired|pending|draft|internal"
BY = "((fivetran|sdc|airbyte|ab_cdc|hevo_marked)_)?"  # who copied the table
TRUE_IS_NONE = re.compile(
    f"{TEST}|{BY}(is|was|has)?_?({UNDONE})_?(mode|order|payment|transaction|event|data|flag|account)?"
)
AT_IS_NONE = re.compile(f"{BY}({UNDONE})_(at|on|date|time|ts|datum)")
DELETED = re.compile(f"{BY}(is|was|row)?_?deleted(_?(at|on|date|time|ts|flag))?")
FALSE_IS_NONE = re.compile(
    r"(is|was|has)?_?(ok|accepted|live|production|paid|captured|success(ful|fully)?|succeeded|completed?|settled|confirmed|valid|"
    r"approved|authori[sz]ed)_?(mode|order|payment|transaction|event|data|flag)?"
)
RETURNED = re.compile(
    rf"(is|was|has|amount|total|value)?_?({BACK}|returned)\w*?_?(amount|value|total|flag|at|on|date|betrag)?_?(usd|eur|gbp|cents)?"
)
NOTHING = (*MISSING, *NO, "", "0", "0.0", "0.00", "00", "000", "-", "ok", "success", "approved", "no error", "no_error")
TRUE, FALSE = (*YES, "1", "1.0"), (*NO, "0", "0.0", "ko", "nok")


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
        elif (WHY.search(called) and (own or is_paid or re.search(FAILED, called))) or (
            own and AT_IS_NONE.fullmatch(called)
        ):
            void |= ~text.isin(NOTHING)
        elif (TRUE_IS_NONE if is_paid else re.compile(TEST)).fullmatch(called):
            void |= text.isin(TRUE)
        elif is_paid and FALSE_IS_NONE.fullmatch(called):
            void |= text.isin(FALSE)
        elif STATE.search(called) or CODE.search(called):
            void |= text.re_search(f"{NONE}|{OPEN}|{REFUSED}" if is_paid and is_word else f"{FAILED}|{REFUSED}")
            returned |= text.re_search(f"{BACK}|returned") & (value > 0)
        elif is_word and own and (MODE.search(called) or NOTE.search(called)):
            is_mode = MODE.search(called) is not None
            void |= text.re_search(f"{TRIED}|{AT_FIRST}" if is_mode else AT_FIRST)
            returned |= is_mode & text.re_search(GIVEN_BACK) & ~text.re_search("[ai]ble$") & (value > 0)
        else:
            told = known
    counts = value.notnull() & (value != 0)
    void = void.fill_null(False)
    facts = {"void": counts & void, "returned": counts & returned.fill_null(False) & ~void}
    return {what: fact.cast("int32") for what, fact in facts.items()} if told else {}
