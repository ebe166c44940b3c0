"""What events add up against its name, monies that are mixed, codes among values, and rows that sum others."""

from types import SimpleNamespace

import pytest
from made_sources import make_design, make_source

from helpers import metrics
from helpers.checks.amounts import RELEASE, check_amounts

SUM = {"kind": "amount", "role": "primary", "better": "higher", "unit": "USD", "event": ["order", "refund"]}
CURE = "give them a minus sign, or leave the event out of metrics.spent.event."
ADDS = f"Money back adds to spent: the values of refund are above 0, beside order; {CURE}"
BOTH = f"The values of refund in spent have both signs; where those above 0 are money back, {CURE}"
MAY = f"The values of credit_note add to spent, beside order; where they are money back, {CURE}"
MIXED = "Currencies are mixed: spent adds up 2; convert its values into one, or leave their column out if they are."
OTHER = "Another currency than USD, in which spent is planned, is added up; convert the values, or correct unit."
SOUND = "As far as names and signs tell, no money back adds to a sum of other events, and no column names a currency."
ONE = SOUND.replace("no column names a currency", "one currency is added up")
SIGNS = "Signs of {} in spent are as written; check that money in is above 0, and money back below."
MINOR = "The values of order in spent have both signs; check that both are meant."


def _check(rows, metric=SUM, **plan):
    added = tuple({"metric": "spent", "event": event, "above": above, "below": below, **more}
                  for event, above, below, more in rows)  # fmt: skip
    others = {"paid": {"kind": "binary", "role": "primary"}}
    design = make_design({"spent": metric, **(others if metric["role"] != "primary" else {})}, **plan)
    return next(
        iter(
            check_amounts(
                SimpleNamespace(added=added, design=design, keep=lambda *_: {}, values=dict, capped=()), design
            )
        ),
        None,
    )


def _sum(event, above, below, **more):
    return (event, above, below, more)


ORDER = _sum("order", 90, 2)


@pytest.mark.parametrize(("without", "status"), [(4, "pass"), (5, "warn"), (90, "warn")])
def test_check_amounts_tells_events_that_add_nothing(without, status):
    check = _check([_sum("order", 80 - without, 0, events=80 + 10, without=without)])
    told = f"{without} of 90 events of order have no value, and add nothing to spent; give their values."
    assert (check.status, check.message) == (status, told if status == "warn" else SOUND)


BACK = ("reimbursement", "charge_reversed", "money_back", "Rückzahlung", "Rueckbuchung", "возврат")


@pytest.mark.parametrize("event", BACK)
def test_check_amounts_knows_money_back_by_its_names(event):
    assert _check([ORDER, _sum(event, 30, 0)]).message == f"{ADDS.replace('refund', event)} {RELEASE}"


@pytest.mark.parametrize(("rows", "status", "said"), [
    ([ORDER, _sum("refund", 30, 0)], "fail", f"{ADDS} {RELEASE}"),
    ([ORDER, _sum("refund", 27, 3)], "fail", f"{ADDS} {RELEASE}"),  # nearly all
    ([ORDER, _sum("refund", 26, 4)], "warn", BOTH),
    ([ORDER, _sum("refund", 1, 27)], "pass", SOUND),  # a correction
    ([ORDER, _sum("refund", 3, 27)], "warn", BOTH),
    ([_sum("order", 90, 10)], "warn", MINOR),
    ([_sum("order", 10, 90)], "warn", MINOR),
    ([ORDER, _sum("first_payment", 90, 0), _sum("AnnualKickback", 9, 0)], "warn", SIGNS.format("AnnualKickback")),
    ([ORDER, _sum("first_payment", 90, 0), _sum("annual-renewal", 9, 0)], "pass", SOUND),
    ([ORDER, _sum("kickback", 30, 0), _sum("goodwill", 3, 0)], "warn", SIGNS.format("kickback and goodwill")),
    ([ORDER, _sum("goodwill", 0, 30)], "pass", SOUND),
    ([_sum("goodwill", 30, 0)], "pass", SOUND),  # the only one
    ([ORDER, _sum("payment", 0, 30)], "warn", SIGNS.format("payment")),
    ([ORDER, _sum("refund", 0, 30)], "pass", SOUND),
    ([ORDER, _sum("refund", 0, 0)], "pass", SOUND),  # none has a value
    ([_sum("refund", 30, 0)], "pass", SOUND),  # what is paid back by itself
    ([_sum("order", 0, 90), _sum("refund", 30, 0)], "pass", SOUND),  # a cost, and what comes back of it
    ([ORDER, _sum("Charge-Back", 30, 0)], "fail", f"{ADDS.replace('refund', 'Charge-Back')} {RELEASE}"),
    ([ORDER, _sum("credit_note", 30, 0)], "warn", MAY),
    ([ORDER, _sum("credit_card_order", 30, 0)], "pass", SOUND),
    ([_sum("order", 90, 2, currencies=2, foreign=40)], "fail", f"{MIXED} {RELEASE}"),
    ([_sum("order", 90, 2, currencies=1, foreign=92)], "fail", f"{OTHER} {RELEASE}"),
    ([_sum("order", 90, 2, currencies=1, foreign=0)], "pass", ONE),
])  # fmt: skip
def test_check_amounts_by_sign_name_and_currency(rows, status, said):
    check = _check(rows)
    assert (check.id, check.status, check.message) == ("events_add", status, said)
    assert check.value == (status != "pass")


def test_check_amounts_withholds_only_what_decides():
    rows = [ORDER, _sum("refund", 30, 0, currencies=2)]
    found = _check(rows, SUM | {"role": "secondary"})
    assert (found.status, found.value, found.message) == ("warn", 2, f"{ADDS} {MIXED}")
    assert _check(rows, SUM | {"role": "guardrail", "margin": {"absolute": 1}}).status == "fail"
    assert _check(rows, SUM | {"role": "secondary"}, answers=["spent"]).status == "fail"
    released = _check(rows, acknowledge={"events_add": "converted"})
    assert (released.status, released.message) == ("fail", f"{ADDS} {MIXED}")


def test_check_amounts_of_a_column_knows_its_currencies_alone():
    units = {"unit": ["p", "q", "r"], "variant": list("aba"), "spent": [1.0, 2.0, 3.0]}
    design = make_design({"spent": {"kind": "amount", "role": "primary"}, "n": {"kind": "count", "column": "spent"}})
    for money, last, status in (("EUR ", "\u20ac", "pass"), ("EUR", None, "warn"), ("USD", None, "fail")):
        frame = units | {"Currency": ["eur", money, last]}
        folded = metrics.fold(make_source(frame), design)
        assert [row["metric"] for row in folded.added] == ["spent"]
        assert check_amounts(folded, design)[0].status == status


def test_check_amounts_is_silent_where_nothing_is_added_up():
    assert _check([]) is None
