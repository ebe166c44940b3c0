"""Whether what events add up fits their names and one currency: money back takes away, and monies are not mixed."""

import re

from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import Check

BACK = re.compile(r"refund|charge.?back|reversal|dispute|claw.?back|storno|erstattung|rembours|rimbors|reembols|devolu")
DOUBTFUL = re.compile(r"credit(?!.?card)|return|rebate|discount|cancel|void|gutschrift|avoir|adjust")
MOST = 0.9  # of the values that are not 0, from which on a sign is that of the event
SOUND = "No event adds to a sum against its name, and no currencies are mixed."
CURE = "give them a minus sign, or leave the event out of metrics.{name}.event"
ADDS = "Money back adds to {label}: the values of {event} are above 0, beside {others}; " + CURE + "."
MIXED = "The values of {event} in {label} have both signs; where those above 0 are money back, " + CURE + "."
MAY_ADD = "The values of {event} add to {label}, beside {others}; where they are money back, " + CURE + "."
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
    return Check("events_add", status, float(len(grave + doubts)), 0.0, " ".join(told) or SOUND)


def _find_faults(name, rows, design):
    """Sentences on what is surely wrong in a sum of events, and on what may be."""
    sure, unsure, told = [], [], {"name": name, "label": design.label_of(name)}
    for row in rows:
        signed, event = row["above"] + row["below"], row["event"]
        others = " and ".join(r["event"] for r in rows if r is not row and r["above"])
        is_back, may_be = (pattern.search(event.casefold()) for pattern in (BACK, DOUBTFUL))
        if signed and others and (is_back or may_be) and row["below"] < MOST * signed:
            said = MIXED if row["above"] < MOST * signed else ADDS if is_back else MAY_ADD
            (sure if said is ADDS else unsure).append(said.format(event=event, others=others, **told))
    if (n := max(row.get("currencies", 0) for row in rows)) > 1:
        sure.append(MANY.format(n=n, **told))
    elif rows[0].get("foreign", 0):
        sure.append(FOREIGN.format(unit=design.metrics[name].unit, **told))
    return sure, unsure
