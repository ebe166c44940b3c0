"""Small cells: tables of three to six rows by hand, and that nothing hidden can be worked out, by property."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.disclosure import (
    ASSOCIATED,
    find_small_cells,
    protect,
    stop_small_curves,
    suppress_estimates,
    suppress_small_cells,
)
from helpers.plan import ExperimentPlan
from helpers.records import Check, DataInfo, Estimate, Results

DESIGN = ExperimentPlan.model_validate(
    {
        "kind": "experiment", "title": "Links", "question": "Do links help?", "unit_id": "id",
        "variant": {"column": "arm", "control": "links", "treatments": ["no_links"]},
        "metrics": {"active": {"kind": "binary"}, "spend": {"kind": "amount"}},
    }
)  # fmt: skip
INFO = DataInfo("yours", "", "f", None, 500, 500)


def _hidden(counts, min_cell=10):
    frame = pd.DataFrame({"level": [f"l{i}" for i in range(len(counts))], "n": counts})
    return suppress_small_cells(frame, count="n", groups="level", min_cell=min_cell)["hidden"].tolist()


CELLS = [
    ([50, 40, 30], [False, False, False]),  # nothing small: nothing hidden
    ([50, 40, 3], [False, True, True]),  # one small beside a total: the next smallest goes with it
    ([50, 4, 7], [False, True, True]),  # two small that hold 11 together: enough
    ([50, 4, 3, 20], [False, True, True, True]),  # two small that hold 7: a third is needed
    ([50, 0, 30], [False, True, True]),  # nobody is a small count too
    ([50, 10, 9], [False, True, True]),  # 10 may be seen, 9 may not
    ([3], [True]),  # a total of one cell
    ([20, 20, 5], [True, False, True]),  # ties go by row order
]


@pytest.mark.parametrize(("counts", "hidden"), CELLS)
def test_suppress_small_cells_by_hand(counts, hidden):
    assert _hidden(counts) == hidden


def test_suppress_small_cells_hides_every_figure_and_keeps_the_names():
    frame = pd.DataFrame(
        {
            "country": ["IT", "MT", "ES"],
            "arm": "links",
            "n": [60, 4, 20],
            "rate": [0.5, 0.25, 0.1],
            "note": ["a", "b", "c"],
        },
        index=[7, 8, 9],
    )
    before = frame.copy()
    found = suppress_small_cells(frame, count="n", groups="country", within="arm", min_cell=10)
    assert found["hidden"].tolist() == [False, True, True]
    assert found.loc[[8, 9], ["n", "rate", "note"]].isna().all(axis=None)
    assert found[["country", "arm"]].equals(frame[["country", "arm"]])
    assert found.loc[7, ["n", "rate", "note"]].tolist() == [60, 0.5, "a"]
    assert frame.equals(before)


def test_suppress_small_cells_closes_each_total():
    frame = pd.DataFrame(
        {"arm": ["a", "a", "a", "b", "b", "b"], "level": ["x", "y", "z"] * 2, "n": [5, 30, 40, 50, 30, 40]}
    )
    apart = suppress_small_cells(frame, count="n", groups="level", within="arm", min_cell=10)
    together = suppress_small_cells(frame, count="n", groups="level", min_cell=10)
    assert apart["hidden"].tolist() == [True, True, False, False, False, False]
    assert together["hidden"].tolist() == [True, True, False, False, False, False]
    twice = suppress_small_cells(
        frame.assign(n=[5, 30, 40, 6, 30, 40]), count="n", groups="level", within="arm", min_cell=10
    )
    assert twice["hidden"].tolist() == [True, True, False, True, True, False]


def test_suppress_small_cells_counts_events_and_non_events():
    frame = pd.DataFrame({"level": ["x", "y", "z"], "n": [40, 50, 60], "events": [3, 25, 30], "others": [37, 25, 30]})
    by_units = suppress_small_cells(frame, count="n", groups="level", min_cell=10)
    by_events = suppress_small_cells(frame, count=["n", "events", "others"], groups="level", min_cell=10)
    assert not by_units["hidden"].any()
    assert by_events["hidden"].tolist() == [True, True, False]


def test_suppress_small_cells_hides_the_same_cells_beside_every_outcome():
    # were the partner of a small n chosen by events, two outcomes would hide different partners and tell it
    frame = pd.DataFrame({"level": ["x", "y", "z"], "n": [4, 50, 60]})
    first = suppress_small_cells(frame.assign(events=[2, 49, 30]), count=["n", "events"], groups="level", min_cell=10)
    second = suppress_small_cells(frame.assign(events=[2, 12, 11]), count=["n", "events"], groups="level", min_cell=10)
    assert first["hidden"][1]
    assert second["hidden"][1]


def test_suppress_small_cells_takes_a_missing_count_as_small():
    assert _hidden([50, math.nan, 30]) == [False, True, True]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(1, 20))
def test_suppress_small_cells_leaves_nothing_to_work_out(counts, min_cell):
    frame = pd.DataFrame({"level": range(len(counts)), "n": counts})
    found = suppress_small_cells(frame, count="n", groups="level", min_cell=min_cell)
    assert not (found["n"] < min_cell).any()
    rest = sum(counts) - np.nansum(found["n"])
    settled = found["hidden"].sum() == 0 or found["hidden"].all() or (found["hidden"].sum() >= 2 and rest >= min_cell)
    assert settled
    if settled and not found["hidden"].all():
        totals = pd.DataFrame({"n": [sum(counts)]})
        assert find_small_cells(found, count="n", min_cell=min_cell, totals=totals).empty


def _cell(n_control, n_treatment, *, metric="active", shares=(0.5, 0.5), **labels):
    return Estimate(
        "id", metric, "links", "no_links", "no_links - links", "difference", estimate=0.1, std_error=0.05, df=40.0,
        ci_low=0.0, ci_high=0.2, p_value=0.05, control_value=shares[0], treatment_value=shares[1],
        n_control=n_control, n_treatment=n_treatment, verdict="clear difference", **labels,
    )  # fmt: skip


def _names(estimates):
    return [e.segment or e.at for e in estimates if e.reason]


def test_suppress_estimates_hides_small_segments_and_their_partner():
    estimates = [
        _cell(4, 4),  # a headline: never
        _cell(100, 100, segment="country=IT"),
        _cell(100, 9, segment="country=MT"),  # one arm is small
        _cell(40, 30, segment="country=ES"),  # the partner
        _cell(80, 80, segment="plan=free"),  # another column: another total
        _cell(80, 80, segment="plan=pro"),
    ]
    found = suppress_estimates(estimates, DESIGN)
    assert _names(found) == ["country=MT", "country=ES"]
    assert found[0] is estimates[0]
    hidden = found[2]
    assert hidden.reason == (
        "hidden: fewer than 10 units, events or non-events here, or in a group that this one would reveal"
    )
    figures = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "n_control", "n_treatment")
    assert all(math.isnan(getattr(hidden, name)) for name in figures)
    assert (hidden.df, hidden.ci_set, hidden.verdict) == (None, None, "not estimable")


SHARES = [
    ("active", (0.05, 0.5), ["week 1", "week 2"]),  # 5 of 100 did it
    ("active", (0.5, 0.97), ["week 1", "week 2"]),  # 3 of 100 did not
    ("active", (0.0, 0.5), ["week 1", "week 2"]),  # none did: tells about each of them
    ("active", (0.5, 0.5), []),
    ("spend", (0.05, 0.5), []),  # money: only units count
]


@pytest.mark.parametrize(("metric", "shares", "hidden"), SHARES)
def test_suppress_estimates_looks_at_events_of_shares_only(metric, shares, hidden):
    weeks = [
        _cell(100, 100, metric=metric, shares=shares, at="week 1"),
        _cell(150, 150, metric=metric, at="week 2"),
        _cell(200, 200, metric=metric, at="week 3"),
    ]
    assert _names(suppress_estimates(weeks, DESIGN)) == hidden


def test_suppress_estimates_follows_min_cell():
    cells = [_cell(n, n, metric="spend", segment=f"country={n}") for n in (12, 30, 40)]
    assert _names(suppress_estimates(cells, DESIGN)) == []
    stricter = DESIGN.model_copy(update={"min_cell": 20})
    assert _names(suppress_estimates(cells, stricter)) == ["country=12", "country=30"]


def test_suppress_estimates_without_cells_changes_nothing():
    estimates = (_cell(4, 4),)
    assert suppress_estimates(estimates, DESIGN) == estimates
    assert suppress_estimates((), DESIGN) == ()


def test_stop_small_curves_stops_every_curve_with_the_first():
    frame = pd.DataFrame({"arm": ["a"] * 3 + ["b"] * 3, "day": [0, 7, 14] * 2, "at_risk": [50, 40, 30, 50, 20, 9]})
    found = stop_small_curves(frame, day="day", at_risk="at_risk", min_cell=10)
    assert found["day"].tolist() == [0, 7, 0, 7]
    assert stop_small_curves(frame, day="day", at_risk="at_risk", min_cell=9).equals(frame)
    assert stop_small_curves(frame, day="day", at_risk="at_risk", min_cell=30)["day"].tolist() == [0, 0]


def test_stop_small_curves_stops_each_picture_by_itself():
    frame = pd.DataFrame({"metric": ["x", "x", "y", "y"], "day": [0, 7, 0, 7], "at_risk": [50, 9, 50, 40]})
    found = stop_small_curves(frame, day="day", at_risk="at_risk", min_cell=10, within="metric")
    assert found["metric"].tolist() == ["x", "y", "y"]


def test_protect_hides_segments_and_stops_curves():
    curves = pd.DataFrame({"metric": "paid", "arm": ["a", "a"], "day": [0, 7], "at_risk": [50, 9], "share": [0.0, 0.4]})
    estimates = tuple(_cell(n, n, segment=f"country={n}") for n in (4, 60, 80))
    tables = {"curves": curves, "other": curves}
    results = Results("s", "t", "q", "answered", INFO, {}, estimates=estimates, tables=tables)
    found = protect(results, DESIGN)
    assert _names(found.estimates) == ["country=4", "country=60"]
    assert found.tables["curves"]["day"].tolist() == [0]
    assert found.tables["other"] is curves
    assert results.tables["curves"] is curves
    empty = results.but(tables={"curves": curves[:0]}, estimates=())
    assert protect(empty, DESIGN).tables["curves"].empty
    assert protect(results.but(tables={}), DESIGN).tables == {}


def test_find_small_cells_finds_what_is_shown_and_what_is_given_away():
    frame = pd.DataFrame(
        {
            "arm": ["a", "a", "a", "b", "b", "b"],
            "n": [50, 4, 30, 50, math.nan, 30],  # shown in a; in b alone beside a total
        }
    )
    totals = pd.DataFrame({"arm": ["a", "b"], "n": [84, 95]})
    found = find_small_cells(frame, count="n", min_cell=10, within="arm", totals=totals)
    assert found.to_numpy().tolist() == [[1, "n", "small count"], [4, "n", "given away by the total"]]
    assert find_small_cells(frame, count="n", min_cell=4).empty


def test_find_small_cells_adds_up_hidden_cells():
    frame = pd.DataFrame({"n": [50, math.nan, math.nan]})
    for total, rows in ((57, [1, 2]), (60, [])):
        found = find_small_cells(frame, count="n", min_cell=10, totals=pd.DataFrame({"n": [total]}))
        assert found["row"].tolist() == rows


def taken(n_others, n_takers, share=0.5, **changes):
    row = Estimate("", "active", "links", "no_links", "takers - others", "naive", "as_treated", role="exploratory")
    values = {"control_value": share, "treatment_value": share, "estimate": 0.0}
    return row.but(id=f"{changes}", n_control=n_others, n_treatment=n_takers, **{**values, **changes})


TAKERS = [
    (taken(200, 3), True, True),  # three takers
    (taken(3, 200), True, True),  # three who did not
    (taken(200, 40, 0.1), True, False),  # four takers with the event: the takers themselves are many
    (taken(200, 40), False, False),
]


@pytest.mark.parametrize(("naive", "hidden", "compliers_hidden"), TAKERS)
def test_suppress_estimates_hides_few_takers_and_what_gives_them_away(naive, hidden, compliers_hidden):
    adjusted = naive.but(id="a", adjustment="covariates", role="sensitivity")
    cace = naive.but(id="c", estimand="cace", population="compliers", n_control=250, n_treatment=250)
    headline = naive.but(id="h", estimand="difference", population="itt", n_control=3, n_treatment=3)
    found = suppress_estimates([naive, adjusted, cace, headline], DESIGN)
    assert [math.isnan(e.estimate) for e in found] == [hidden, hidden, compliers_hidden, False]


def protect_uptake(naive, control, treatment):
    cace = naive.but(id="c", estimand="cace", population="compliers", n_control=250, n_treatment=250)
    row = {"metric": "active", "comparison": "no_links - links", "note": "n", "take_up_control": control}
    row |= {"take_up_treatment": treatment, "first_stage_f": 5.0} | dict.fromkeys(ASSOCIATED, 2.0)
    tables = {"uptake": pd.DataFrame([row])}
    results = Results("s", "t", "q", "answered", INFO, {}, estimates=(naive, cace), tables=tables)
    found = protect(results, DESIGN).tables["uptake"].iloc[0]
    return [bool(pd.isna(found[name])) for name in ("take_up_control", "first_stage_f", "risk_ratio", "e_value")]


UPTAKE = [
    (taken(200, 50), 0.0, 0.2, [False] * 4),  # nobody in the control arm: one-sided by design
    (taken(200, 50), 0.012, 0.2, [True, True, False, False]),  # three in the control arm
    (taken(200, 50, 0.1), 0.0, 0.2, [False, False, True, True]),  # five takers with the event
    (taken(247, 3), 0.0, 0.012, [True] * 4),  # three takers
]


@pytest.mark.parametrize(("naive", "control", "treatment", "hidden"), UPTAKE)
def test_protect_hides_shares_of_few_takers_and_ratios_of_small_cells(naive, control, treatment, hidden):
    assert protect_uptake(naive, control, treatment) == hidden


def test_protect_leaves_no_table_of_effects_of_a_withheld_answer_and_no_curve_of_a_failed_metric():
    curve = {"arm": "links", "day": 1, "at_risk": 90, "share": 0.5}
    curves = pd.DataFrame([{"metric": "paid", **curve}, {"metric": "left", **curve}])
    tables = {"curves": curves, "metrics": pd.DataFrame({"metric": ["paid"]})}
    tables |= dict.fromkeys(("money", "break_even", "probability", "tornado", "cash"), curves)
    failed = Check("missing_paid", "fail", 1e-9, 0.001, "")
    results = Results("s", "t", "q", "answered", INFO, {}, checks=(failed,), tables=tables)
    assert protect(results, DESIGN).tables["curves"]["metric"].tolist() == ["left"]
    assert list(protect(results.but(status="withheld"), DESIGN).tables) == ["metrics"]


def test_protect_skips_the_days_on_which_an_arm_has_had_few_events():
    share = {"a": [0.0, 0.02, 0.10, 0.2], "b": [0.0, 0.10, 0.15, 0.2]}  # of 200: four events in a on day 7
    rows = [("paid", arm, 7 * i, 200 - i, p) for arm, ps in share.items() for i, p in enumerate(ps)]
    curves = pd.DataFrame(rows, columns=["metric", "arm", "day", "at_risk", "share"])
    results = Results("s", "t", "q", "answered", INFO, {}, tables={"curves": curves})
    found = protect(results, DESIGN).tables["curves"]
    assert found[["arm", "day"]].to_numpy().tolist() == [[arm, day] for arm in "ab" for day in (0, 14, 21)]


TAILS = [
    (0.5, 20, False),  # ten on either side of the median
    (0.5, 19, True),
    (0.9, 100, False),  # ten beyond the 90th percentile
    (0.9, 99, True),
    (0.1, 99, True),  # and below the 10th
    (None, 3, False),  # a mean of a whole variant is a headline
]


@pytest.mark.parametrize(("quantile", "n", "is_hidden"), TAILS)
def test_protect_hides_a_quantile_with_few_units_beyond_it(quantile, n, is_hidden):
    design = DESIGN.model_copy(
        update={"metrics": {"spend": DESIGN.metrics["spend"].model_copy(update={"quantile": quantile})}}
    )
    names = {"metric": "spend", "comparison": "no_links - links"}
    labels = names | {"control": "links", "treatment": "no_links", "estimand": "difference", "role": "primary"}
    values = {"estimate": 2.0, "control_value": 5.0, "treatment_value": 7.0, "n_control": n, "n_treatment": 400}
    told = Estimate(id="spend", confidence_level=0.95, **labels, **values)
    tables = {name: pd.DataFrame([{**names, "control_value": 5.0}]) for name in ("requirements", "bayes")}
    found = protect(Results("s", "t", "q", "answered", INFO, {}, estimates=(told,), tables=tables), design)
    assert math.isnan(found.estimates[0].control_value) == is_hidden
    assert [len(table) for table in found.tables.values()] == [1 - is_hidden] * 2
    assert (found.estimates[0].n_control, found.estimates[0].n_treatment) == (n, 400)
    reason = "hidden: fewer than 10 units of an arm lie beyond this quantile"
    assert found.estimates[0].reason == (reason if is_hidden else told.reason)
