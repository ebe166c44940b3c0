"""Reach inside and outside, who answers, and what answers say once weighted."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.in_app import measures


def make_people(n_inside, a_inside, n_outside, a_outside):
    """Return people of whom so many answered at each place."""
    place = np.repeat(["inside", "link"], [n_inside, n_outside])
    answered = np.concatenate([np.arange(n_inside) < a_inside, np.arange(n_outside) < a_outside]).astype(float)
    return pd.DataFrame({"unit": np.arange(len(place)), "answered": answered, "wants": np.nan, "place": place})


def test_compare_places_is_the_ratio_of_both_shares():
    found = measures.compare_places(make_people(1000, 240, 1000, 30), "inside")
    assert (found.estimate, found.treatment_value, found.control_value) == pytest.approx((8, 0.24, 0.03))
    log = stats.norm.isf(0.025) * np.sqrt(1 / 240 - 1 / 1000 + 1 / 30 - 1 / 1000)  # Katz: near for such counts
    assert np.log([found.ci_low, found.ci_high]) == pytest.approx(np.log(8) + np.array([-log, log]), abs=0.05)


def test_compare_places_swapped_is_the_inverse():
    people = make_people(500, 100, 400, 40)
    first, second = (measures.compare_places(people, place) for place in ("inside", "link"))
    assert first.estimate * second.estimate == pytest.approx(1)
    assert first.ci_low * second.ci_high == pytest.approx(1, rel=1e-6)


PLANNED = "The places of asking are as planned: 500 of 990 inside (planned 50 %)."
UNLIKE = "The places of asking are not as planned, so that places are not compared as if by lot: "
NO_LOT = "The place of asking was not drawn by lot, so what differs between places is an association."


@pytest.mark.parametrize(
    ("sizes", "by_lot", "status", "message"),
    [
        ((500, 490), True, "pass", PLANNED),
        ((600, 400), True, "warn", f"{UNLIKE}600 of 1,000 inside (planned 50 %)."),
        ((600, 400), False, "not tested", NO_LOT),
    ],
)
def test_check_places(sizes, by_lot, status, message):
    found = measures.check_places(make_people(sizes[0], 0, sizes[1], 0), "inside", by_lot=by_lot)
    assert (found.id, found.status, found.message) == ("srm_feedback", status, message)


def test_list_reach_counts_the_segment():
    people = make_people(100, 40, 100, 10)
    table = measures.list_reach(people, "inside", np.arange(200) % 2 == 0).set_index("who")
    assert table.loc[measures.ALL, ["n_inside", "answers_inside", "n_outside", "answers_outside"]].tolist() == [
        100,
        40,
        100,
        10,
    ]
    assert table.loc[measures.PLANNED, ["n_inside", "answers_inside"]].tolist() == [50, 20]
    assert len(measures.list_reach(people, "inside", np.zeros(200, bool))) == 1


def test_list_answerers_by_hand():
    people = make_people(4, 2, 4, 2)
    bands = measures.band_people(people.assign(price=[0, 5, 0, 0, 9, 9, 0, 0], kind="x"), {"price": [1], "kind": []})
    table = measures.list_answerers(people, bands, "inside").set_index("level")
    row = table.loc["price=1 or more"]
    assert row[["n", "n_inside", "n_outside"]].tolist() == [3, 1, 2]
    assert row[["share", "share_inside", "share_outside", "more"]].tolist() == pytest.approx([0.375, 0.5, 1, 0.625])
    assert table.loc["kind=x", "share"] == 1


def test_list_opinions_are_mended_where_a_margin_alone_decides():
    # payers are a tenth and all want it, the others never do; payers answer four times as often
    pays = np.arange(20_000) % 10 == 0
    place = np.where(np.arange(20_000) // 10 % 2, "inside", "link")
    answered = np.where(pays, np.arange(20_000) % 40 < 40, np.arange(20_000) // 20 % 4 == 0).astype(float)
    people = pd.DataFrame({"answered": answered, "wants": np.where(answered == 1, pays, np.nan), "place": place})
    bands = measures.band_people(people.assign(price=pays.astype(float)), {"price": [0.5]})
    table = measures.list_opinions(people, bands, "inside").set_index(["place", "weights"])
    raw, mended = table.loc[("outside", "as answered")], table.loc[("outside", "raked")]
    assert raw["share"] == pytest.approx(0.1 / (0.1 + 0.9 / 4))
    assert mended["share"] == pytest.approx(0.1)
    assert mended["effective"] < raw["effective"] == raw["n"]
    assert measures.list_opinions(people.assign(wants=np.nan), bands, "inside").empty
