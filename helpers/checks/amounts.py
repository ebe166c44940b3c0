"""What events add to amounts: whether names, signs and currencies agree with a sum."""

import re

from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import Check

BACK = re.compile(
    r"refund|charge.?back|revers|dispute|claw.?back|money.?back|reimburs|storno|erstattung|r(ü|ue|u)ck.?(zahl|buch|gab)|"
    "rembours|rimbors|reembols|devolu|возврат"
)
DOUBTFUL = re.compile(r"credit|return|rebate|discount|cancel|void|repay|cash.?back|gutschrift|retour|avoir|adjust")
CARD, WORD = re.compile("credit.?card"), re.compile(r"[^\W\d_]+")
MONEY_IN = re.compile(  # an event whose name holds other words may be money back
    "pay(ments?)?|paid|order(s|ed)?|purchase[sd]?|buys?|bought|sales?|sold|invoice[sd]?|renew(als?|ed)|upsell|topup|revenue|"
    "subscri(ption|ptions|bed)|upgrade[sd]?|income|book(ing|ings|ed)|checkout|charge[sd]?|donat(ion|ions|ed)|fees?|spen[dt]|"
    "plan|add|on|addon|seats?|expansion|new|first|initial|trial|one|time|recurring|monthly|annual|yearly|weekly|completed|"
    "succe(ss|eded)|received|settled|captured|card|online|shop|store|web|app|zahlung(en)?|bestellung(en)?|kauf|rechnung|abo|"
    "umsatz|paiements?|commandes?|achats?|ventes?|pagos?|compras?|ventas?|pedidos?|pagamento|acquisto|ordine|vendita|betaling|"
    "bestelling|aankoop"
)
EMPTY_WARNS = 0.05  # of the events that are added up may lack a value
MOST = 0.9  # of the values that are not 0, from which on a sign is that of the event
MINOR = 0.05  # of them, from which on an event has both signs, and below which the others are corrections
SOUND = "As far as names and signs tell, no money back adds to a sum of other events, and {monies}."
ONE, UNTOLD = "one currency is added up", "no column names a currency"
CURE = "give them a minus sign, or leave the event out of metrics.{name}.event"
ADDS = "Money back adds to {label}: the values of {event} are above 0, beside {others}; " + CURE + "."
MIXED = "The values of {event} in {label} have both signs; where those above 0 are money back, " + CURE + "."
MAY_ADD = "The values of {event} add to {label}, beside {others}; where they are money back, " + CURE + "."
AS_WRITTEN = "Signs of {unknown} in {label} are as written; check that money in is above 0, and money back below."
BOTH = "The values of {event} in {label} have both signs; check that both are meant."
EMPTY = "{n:,} of {all:,} events of {event} have no value, and add nothing to {label}; give their values."
MANY = "Currencies are mixed: {label} adds up {n}; convert its values into one, or leave their column out if they are."
FOREIGN = "Another currency than {unit}, in which {label} is planned, is added up; convert the values, or correct unit."
RELEASE = "Where that is meant, a reason under the plan's key acknowledge releases the answer."


def check_amounts(units: Units, design: ExperimentPlan) -> Check | None:
    """Return the check `events_add`; None where no event is added up.

    Parameters
    ----------
    units : Units
        Its `added` says what each event adds to each amount.
    design : ExperimentPlan

    Returns
    -------
    Check: it fails where an event that is named as money back adds to a metric that decides (primary, guardrail or
        asked) beside others, or where that sums several currencies or another one than its unit; of other metrics, and
        of names and signs that can be read in two ways, it warns. `value` counts the faults.
    """
    if not units.added:
        return None
    decide, grave, doubts = {*design.by_role("primary", "guardrail"), *design.asked}, [], []
    for name in dict.fromkeys(row["metric"] for row in units.added):
        rows = [row for row in units.added if row["metric"] == name]
        sure, unsure = _find_faults(name, rows, design)
        (grave if name in decide else doubts).extend(sure)
        doubts += unsure
    told = [*grave, *doubts, *([RELEASE] if grave and "events_add" not in design.acknowledge else [])]
    status = "fail" if grave else "warn" if doubts else "pass"
    monies = ONE if all("currencies" in row for row in units.added) else UNTOLD
    return Check("events_add", status, float(len(grave + doubts)), 0.0, " ".join(told) or SOUND.format(monies=monies))


def _find_faults(name, rows, design):
    """Sentences on what is surely wrong in a sum of events, and on what may be."""
    sure, unsure, unknown, told = [], [], [], {"name": name, "label": design.label_of(name)}
    plain = {row["event"]: CARD.sub("card", row["event"].casefold()) for row in rows}
    back, doubtful = ({event for event, name in plain.items() if at.search(name)} for at in (BACK, DOUBTFUL))
    adding = [row["event"] for row in rows if row["above"] and row["event"] not in back | doubtful]
    for row in rows:
        event, above, below = row["event"], row["above"] or 0, row["below"] or 0
        if (row.get("without") or 0) > EMPTY_WARNS * (row.get("events") or 0):
            unsure.append(EMPTY.format(n=row["without"], all=row["events"], event=event, **told))
        others = [other for other in adding if other != event]
        is_back, may_be = (others and event in names for names in (back, doubtful))
        found = {"event": event, "others": " and ".join(others), **told}
        if (is_back or may_be) and above and above >= MOST * (above + below):
            (sure if is_back else unsure).append((ADDS if is_back else MAY_ADD).format(**found))
        elif min(above, below) > MINOR * (above + below):
            unsure.append((MIXED if is_back or may_be else BOTH).format(**found))
        elif others and above != below and (above > below) != all(map(MONEY_IN.fullmatch, WORD.findall(plain[event]))):
            unknown.append(event)
    if unknown:
        unsure.append(AS_WRITTEN.format(unknown=" and ".join(unknown), **told))
    if (n := max(row.get("currencies", 0) for row in rows)) > 1:
        sure.append(MANY.format(n=n, **told))
    elif rows[0].get("foreign", 0):
        sure.append(FOREIGN.format(unit=design.metrics[name].unit, **told))
    return sure, unsure
