"""What help inside a product measures: by hand, against statsmodels, and on replies whose truth is planted."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from helpers.in_app import measures
from helpers.milestones import thresholds
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
        Estimate(m, m, **about, estimand="difference", estimate=v, ci_low=v - 0.01, ci_high=v + 0.02)
        for m, v in (("ticket_share", -0.12), ("left_over", -0.07))
    ]
    info = DataInfo("simulated", "", "", None, 6, 5)
    return Results("in_app_support", "", "", "answered", info, {}, estimates=tuple(rows))


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


LOTS = [
    ((500, 490), True, "pass", PLANNED),
    ((600, 400), True, "warn", f"{UNLIKE}600 of 1,000 inside (planned 50 %)."),
    ((600, 400), False, "not tested", NO_LOT),
]


@pytest.mark.parametrize(("sizes", "by_lot", "status", "message"), LOTS)
def test_check_places(sizes, by_lot, status, message):
    found = measures.check_places(make_people(sizes[0], 0, sizes[1], 0), "inside", by_lot=by_lot)
    assert (found.id, found.status, found.message) == ("srm_feedback", status, message)


def test_list_reach_counts_the_segment():
    people = make_people(100, 40, 100, 10)
    table = measures.list_reach(people, "inside", np.arange(200) % 2 == 0).set_index("who")
    counts = table[["n_inside", "answers_inside", "n_outside", "answers_outside"]].T
    assert counts[measures.ALL].tolist() == [100, 40, 100, 10] and counts[measures.PLANNED].tolist()[:2] == [50, 20]
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


def make_replies(n=3000, seed=1, *, step=0.0, slope=0.0, hidden=0.0):
    """Return replies praised at 0.15, less after 15 minutes by `step`, and by `slope` for each doubling of the wait."""
    rng = np.random.default_rng(seed)
    load, ease = rng.poisson(10, n), rng.choice([-1.0, 1.0], n)
    doublings = 4 + 1.5 * np.log2((1 + load) / 11) - hidden * ease + rng.standard_normal(n)
    minutes = np.ceil(2.0**doublings)
    chance = 0.15 - step * (minutes > 15) - slope * np.log2(minutes / 15) + 0.03 * (hidden > 0) * ease
    praised = rng.random(n) < np.clip(chance, 0, 1)
    replies = pd.DataFrame({"unit": np.arange(n) // 2, "minutes": minutes, "kudos": praised})
    return replies.assign(topic=rng.choice(["a", "b"], n), hour=rng.integers(0, 24, n), load=load.astype(float))


def test_trace_praise_is_the_fit_of_statsmodels():
    replies = make_replies(slope=0.02)
    row = measures.trace_praise(replies).set_index("minutes").loc[15]
    knots = thresholds.find_knots(replies["minutes"])
    spline, there = (thresholds.build_spline(at, knots) for at in (replies["minutes"], [15]))
    x = np.column_stack([np.ones(len(replies)), spline, measures.make_reply_controls(replies)])
    groups = {"groups": replies["unit"], "use_correction": False}
    model = sm.GLM(replies["kudos"].astype(float), x, family=sm.families.Binomial())
    fit, at = model.fit(cov_type="cluster", cov_kwds=groups), x.copy()
    at[:, 1 : 1 + spline.shape[1]] = there
    chance = fit.predict(at)
    gradient = (at * (chance * (1 - chance))[:, None]).mean(axis=0)
    assert row["share"] == pytest.approx(chance.mean(), rel=1e-6)
    error = np.sqrt(gradient @ fit.cov_params() @ gradient)
    assert (row["ci_high"] - row["ci_low"]) / (2 * 1.959964) == pytest.approx(error, rel=0.01)


def test_trace_praise_band_covers_a_planted_curve():
    held = []
    for seed in range(60):
        row = measures.trace_praise(make_replies(n=500, seed=seed)).set_index("minutes").loc[15]
        held.append(row["ci_low"] <= 0.15 <= row["ci_high"])
    assert np.mean(held) == pytest.approx(0.95, abs=0.09)


@pytest.mark.parametrize(("planted", "shape"), [({"step": 0.13}, "step"), ({"slope": 0.045}, "smooth"), ({}, "none")])
def test_judge_line_finds_what_is_planted(planted, shape):
    row = measures.judge_line(make_replies(n=6000, seed=3, **planted), seed=1, n_resamples=99, folds=5).iloc[0]
    assert row["shape"] == shape
    if shape == "step":
        assert row["cut"] == 16  # replies from 16 minutes on are the later ones
    assert (row["p"] <= 0.05) == (shape != "none")


def test_judge_line_says_why_where_no_line_divides():
    replies = make_replies(200).assign(minutes=5.0)
    judged = measures.judge_line(replies, seed=1, n_resamples=99, folds=5)
    assert judged["reason"].tolist() == ["no line divides the replies"]
    given = replies, make_replies(50), make_replies(200)
    assert [measures.can_read(one) for one in given] == [False, False, True]


def test_compare_speeds_is_misled_by_ease_and_the_queue_is_not():
    truth, seeds = 0.01, range(40)
    tables = [measures.compare_speeds(make_replies(n=2000, seed=seed, slope=truth, hidden=1.0)) for seed in seeds]
    means = pd.concat(tables).groupby("reading")["halving"].mean()
    assert means["at equal topic and hour"] > truth + 0.005
    assert means["moved by the queue"] == pytest.approx(truth, abs=0.004)
    held = [table.iloc[2]["ci_low"] <= truth <= table.iloc[2]["ci_high"] for table in tables]
    assert np.mean(held) >= 0.85


def test_compare_speeds_without_loads_leaves_the_queue_out():
    replies = make_replies(300).assign(load=np.nan)
    assert measures.compare_speeds(replies)["reading"].tolist() == list(measures.SPEEDS[:2])
