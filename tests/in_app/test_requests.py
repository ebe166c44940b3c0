"""Contacts, load, deflection, known ends and the break-even, on tables that can be checked by hand."""

import numpy as np
import pandas as pd
import pytest

from helpers.in_app import measures
from helpers.records import DataInfo, Estimate, Results

REQUESTS = pd.DataFrame(
    # unit, arm, suggested, opened, ticket, returned, gave_up
    [
        ("a", "suggestions", True, True, False, False, False),  # settled by the article
        ("a", "suggestions", True, True, False, True, False),  # silent, and back within the week
        ("b", "suggestions", True, False, True, False, False),  # not opened, a ticket
        ("c", "suggestions", True, False, False, False, True),  # not opened, and given up
        ("d", "suggestions", False, False, True, False, False),  # met no suggestion
        ("e", "hold_out", False, False, True, False, False),  # of the other arm: not counted
    ],
    columns=["unit", "variant", "suggested", "opened", "ticket", "returned", "gave_up"],
)


def make_results():
    """Return results whose two metrics fell by 12 and by 7 points."""
    about = {"control": "hold_out", "treatment": "suggestions", "comparison": "suggestions - hold_out"}
    rows = [
        Estimate(id=m, metric=m, estimand="difference", estimate=v, ci_low=v - 0.01, ci_high=v + 0.02, **about)
        for m, v in (("ticket_share", -0.12), ("left_over", -0.07))
    ]
    return Results(
        "in_app_support", "", "", "answered", DataInfo("simulated", "", "", None, 6, 5), {}, estimates=tuple(rows)
    )


def test_measure_contact_by_hand():
    found = measures.measure_contact(pd.DataFrame({"active": [3.0, 2.0, 3.0], "asked": [0.0, 1.0, 1.0]}))
    assert (found["users"], found["months"], found["asked"], found["rate"]) == (3, 8, 2, 0.25)
    assert found["ci_low"] < 0.25 < found["ci_high"]


def test_plan_load_by_hand():
    contact = {"rate": 0.03, "ci_low": 0.02, "ci_high": 0.04}
    table = measures.plan_load(contact, {"arm": 0.5}, users=[200_000], people=20, minutes=10, desk_hours=100)
    row = table.iloc[0]
    # 200,000 x 0.03 x 0.5 = 3,000 a month, 150 a person, 7.5 a working day, 500 hours for all
    assert (row["contacts"], row["contacts_low"], row["contacts_high"]) == (3000, 2000, 4000)
    assert (row["a_day"], row["hours"], row["needed"]) == (7.5, 25, 5)


def test_read_deflection_counts_less_with_every_look():
    table = measures.read_deflection(REQUESTS, make_results(), "suggestions").set_index("reading")
    assert table["counted"].tolist()[:4] == [4, 3, 2, 1]
    assert table["share"].tolist()[:4] == [0.8, 0.6, 0.4, 0.2]
    last = table.loc["less returns and requests given up"]
    assert (last["share"], last["ci_low"], last["ci_high"]) == pytest.approx((0.07, 0.05, 0.08))
    assert table.loc["fewer tickets than without", "share"] == 0.12


def test_list_known_by_hand():
    tickets = pd.DataFrame({"unit": list("aabc"), "solved": [True, False, True, True]})
    table = measures.list_known(tickets, ["low", "low", "low", "high"], np.array([10, 10, 10, 200.0]), cost=5.0)
    assert table["band"].tolist() == ["low", "high"]
    assert table[["n", "known"]].to_numpy().tolist() == [[3, 2], [1, 1]]
    assert table["of_price"].tolist() == [0.5, 0.025]
    assert np.isnan(table.loc[1, "ci_low"])  # one account


def test_weigh_support_by_hand():
    people = pd.DataFrame({"tickets": [0.0, 0.1, 0.0, 0.1], "price": [0.0, 0.0, 100.0, 0.0]})
    money = {"minutes": (5, 10, 20), "cost_per_hour": (12, 24, 24), "margin": (0.4, 0.8, 0.8)}
    table = measures.weigh_support(people, **money).set_index("row")
    # 0.05 tickets x 10 minutes x $24 = $0.20 a user; $25 x 0.8 = $20 a user
    assert table.loc["chance", ["cost", "brings", "central", "paying"]].tolist() == pytest.approx([0.2, 20, 0.01, 0.25])
    low, high = table.loc["assumptions", ["low", "high"]]
    assert (low, high) == pytest.approx((0.05 / 25 * 1 / 0.8, 0.05 / 25 * 8 / 0.4))
    assert table.loc["both", "low"] <= min(low, table.loc["chance", "low"])
    assert table.loc["both", "high"] >= max(high, table.loc["chance", "high"])
