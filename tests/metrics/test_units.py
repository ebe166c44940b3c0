"""One row a unit: columns of the unit table, the clock of the data, sizes of the arms and rows, all by hand."""

import datetime as dt
import math
from dataclasses import replace

import pandas as pd
import pytest
from made_sources import make_design, make_source
from sources_samples import tell_refusal

from helpers import metrics
from helpers.kinds import KINDS as OURS
from helpers.sources import opening

UNITS = {
    "unit": ["u1", "u2", "u3", "u4"],
    "variant": ["a", "b", "b", "a"],
    "score": [9.0, 6.0, 7.0, None],  # promoter, detractor, passive, no answer
    "sent": [1.0, 1.0, 1.0, 0.0],  # u4 was not asked
    "top": [6.0, None, 3.0, 2.0],  # a ratio without its numerator is unknown
    "bottom": [2.0, 3.0, 0.0, None],  # and one without its denominator
    "days": [1.5, 30.0, None, 4.0],
    "ended": [1.0, 0.0, 1.0, 0.0],
    "took": [1.0, 0.0, None, 0.0],
}
SCORE = {"score": {"kind": "score"}}
RATIO = {"kind": "ratio", "numerator": "top", "denominator": "bottom"}
SENT = {"kind": "nps", "asked": "sent"}
TOPS = {"kind": "count", "column": "top", "missing": "zero"}
TIME = {"kind": "time_to_event", "time": "days", "observed": "ended", "horizon_days": 9}


def _fold(kinds, units=UNITS, **more):
    return metrics.fold(make_source(units), make_design(kinds, **more))


def _read(units, column):
    return units.table.order_by("unit")[column].to_pyarrow().to_pylist()


@pytest.mark.parametrize(("kinds", "columns"), [
    ({"score": {"kind": "nps"}}, {"y_score": [100, -100, 0, None]}),
    # what is filled is known, and stays marked
    ({"score": {"kind": "amount", "missing": "zero"}}, {"y_score": [9, 6, 7, 0], "missing_score": [0, 0, 0, 1]}),
    ({"score": {"kind": "score", "scale": [6, 9]}}, {"y_score": [9, 6, 7, None], "missing_score": [0, 0, 0, 1]}),
    ({"score": {"kind": "amount", "column": "top"}}, {"y_score": [6, None, 3, 2]}),
    # only those who were asked can be missing; without the column of who was, all can
    ({"score": SENT}, {"asked_score": [1, 1, 1, 0], "missing_score": [0, 0, 0, None]}),
    ({"score": {"kind": "nps", "asked": "elsewhere"}}, {"missing_score": [0, 0, 0, 1]}),
    # both parts of a ratio are known, or none
    ({"r": RATIO}, {"num_r": [6, None, 3, None], "den_r": [2, None, 0, None], "missing_r": [0, 1, 0, 1]}),
    ({"r": RATIO | {"missing": "zero"}}, {"num_r": [6, 0, 3, 2], "den_r": [2, 3, 0, 0]}),
    # of nothing below the line the sum above it is 0, as the spend of no orders
    ({"r": RATIO | {"denominator": "took"}},
     {"num_r": [6, 0, None, 2], "den_r": [1, 0, None, 0], "missing_r": [0, 0, 1, 0]}),
    # a part that is a metric of the plan is filled as that is
    ({"r": RATIO | {"numerator": "tops"}, "tops": TOPS}, {"num_r": [6, 0, 3, None], "missing_r": [0, 1, 0, 1]}),
    ({"t": TIME}, {"time_t": [1.5, 30, None, 4], "observed_t": [1, 0, 1, 0], "missing_t": [0, 0, 1, 0]}),
])  # fmt: skip
def test_fold_of_columns_by_kind_and_missing(kinds, columns):
    units = _fold(kinds)
    assert units.table.order_by("unit").select(*columns).to_pyarrow().to_pydict() == columns


def test_what_a_code_makes_nothing_of_is_missing(monkeypatch):
    logged = replace(OURS["score"], code=lambda value, metric: (value > 6).ifelse(value, None).ln())
    monkeypatch.setitem(OURS, "score", logged)
    units = _fold(SCORE)
    assert _read(units, "y_score") == [pytest.approx(math.log(9)), None, pytest.approx(math.log(7)), None]
    assert _read(units, "missing_score") == [0, 1, 0, 1]


def test_a_count_or_sum_of_which_a_code_makes_nothing_is_refused(monkeypatch):
    logged = replace(OURS["count"], code=lambda value, metric: (value > 0).ifelse(value, None).ln())
    monkeypatch.setitem(OURS, "count", logged)
    units = {"unit": ["u1", "u2"], "variant": ["a", "b"], "assigned_at": dt.datetime(2024, 1, 1)}
    events = {"unit": ["u1"], "event": ["chat"], "at": dt.datetime(2024, 1, 2), "value": [1.0]}
    design = make_design({"chat": {"kind": "count"}}, assigned_at="assigned_at", as_of="2024-01-31")
    source = make_source(pd.DataFrame(units), pd.DataFrame(events))
    told = tell_refusal(metrics.fold, source, design)
    assert told == (
        "plan, metrics.chat.kind: 1 unit of whose count or sum the kind's code makes nothing, so that it would be left "
        "out unseen; give each a number"
    )


def test_fold_counts_what_is_filled_and_what_is_not_known_of_the_take_up():
    assert _fold({"score": {"kind": "amount", "missing": "zero"}}, exposure={"column": "took"}).messages == (
        "missing outcomes of score that count as 0, as planned: 1",
        "units whose take-up is not known, or not yet: 1",
    )


@pytest.mark.parametrize("exposure", [{"column": "took"}, {"event": ["took", "absent"]}])
def test_fold_of_an_exposure_leaves_the_unknown_unknown(exposure):
    assert _read(_fold(SCORE, exposure=exposure), "exposed") == [1, 0, None, 0]


@pytest.mark.parametrize(("kinds", "more", "message"), [
    (SCORE, {"exposure": {"event": ["opened"]}},
     "plan, exposure: there are no events and the table has no column opened; name the column, or give the events"),
    (SCORE | {"Score": {"kind": "nps", "column": "score"}}, {},
     "plan: the name score stands twice, in other capitals or not; rename one"),
    ({"score": {"kind": "score", "scale": [6, 8]}}, {},
     "plan, metrics.score.scale: 1 unit with an answer outside 6 to 8, such as a code for none; leave it empty where "
     "unknown, or correct the scale"),
])  # fmt: skip
def test_fold_refuses(kinds, more, message):
    assert tell_refusal(_fold, kinds, **more) == message


@pytest.mark.parametrize(("tiers", "read"), [
    (["pro", "pro", "no", None], ["pro", "pro", "other", "unknown"]),  # one unit is too small a level
    (["pro", "pro", None, "pro"], ["pro", "pro", "unknown", "pro"]),  # values that lack are always named
    (["pro", "pro", "no", "no"], ["pro", "pro", "no", "no"]),
])  # fmt: skip
def test_fold_pools_levels_under_min_cell_and_leaves_a_column_without_any_as_it_is(tiers, read):
    assert _read(_fold(SCORE, UNITS | {"tier": tiers}, segments=["tier"], min_cell=2), "s_tier") == read


COUNTRY = {"country": ["it", " IT", "de", None]}  # compared trimmed and case folded: it is the most frequent


@pytest.mark.parametrize(("added", "covariates", "columns"), [
    # numbers are filled with 0 beside an indicator, where one is missing; levels have one each but the first
    ({"seats": [2.0, None, 5.0, 1.0], **COUNTRY}, ["seats", "country"],
     {"x_seats": [2, 0, 5, 1], "x_seats:missing": [0, 1, 0, 0], "x_country=de": [0, 0, 1, 0],
      "x_country:missing": [0, 0, 0, 1]}),
    ({"trial": [True, False, True, True]}, ["trial"], {"x_trial": [1, 0, 1, 1]}),
    # only randomised arms are looked at: in them nothing is missing
    ({"variant": ["a", "b", "b", "cps"]} | COUNTRY, ["country"], {"x_country=de": [0, 0, 1, 0]}),
    # any name will do
    *(({name: [1.0, 2.0, 3.0, 4.0]}, [name], {f"x_{name}": [1, 2, 3, 4]}) for name in ("having", "by", "metrics")),
])  # fmt: skip
def test_fold_of_covariates(added, covariates, columns):
    units = _fold(SCORE, UNITS | added, covariates=covariates, variant={"observational": ["cps"]})
    assert units.covariates == tuple(columns)
    assert units.table.order_by("unit").select(*columns).to_pyarrow().to_pydict() == columns
    assert metrics.summarise_covariates(units)["b"].mean.shape == (len(columns),)


def test_fold_of_covariates_pools_levels_beyond_the_twentieth():
    levels = [f"l{i:02d}" for i in range(22)]
    units = {
        "unit": [f"u{i:02d}" for i in range(24)],
        "variant": ["a", "b"] * 12,
        "score": [1.0] * 24,
        "level": [*levels, "l00", "l21"],  # l00 and l21 stand twice, the last two of the others are pooled
    }
    found = _fold(SCORE, units, covariates=["level"])
    assert found.covariates == tuple(f"x_level={name}" for name in ["l21", *levels[1:19], "other"])
    assert sum(_read(found, "x_level=other")) == 2


METRIC = {"paid": {"kind": "binary", "within_days": 7}}
TIMED = {
    "unit": ["u1", "u2", "u3", "u4"],
    "variant": ["a", "b", "a", "b"],
    "assigned_at": [
        "2024-01-01 00:00:00",  # the first moment of the first week
        "2024-01-07 23:59:59",  # the last second of the first week
        "2024-01-08 00:00:00",  # the first second of the second week
        "2024-01-08 00:00:01",  # one second later
    ],
}
LATEST = [("u1", "paid", "2024-01-20 09:00:00", None)]  # the latest day of all


def _fold_timed(events=LATEST, units=TIMED, kinds=METRIC, **more):
    return metrics.fold(make_source(units, events), make_design(kinds, assigned_at="assigned_at", **more))


def test_fold_tells_that_as_of_lies_long_after_the_last_event():
    told = "as_of, 2025-01-20, is 366 days after the last event, of 2024-01-20: were the events complete until then? "
    assert _fold_timed(as_of="2025-01-20").messages == (f"{told}If not, correct it",)
    assert _fold_timed(as_of="2024-02-19").messages == ()  # thirty days


def test_fold_tells_a_window_that_is_over_for_nobody():
    early, first = (_fold_timed(as_of=f"2024-01-0{day}") for day in (6, 7))
    said = f"paid: the window of 7 days is over for no {early.design.unit} by 2024-01-06, so that nothing is known; "
    assert f"{said}wait, or plan a shorter one" in early.messages
    assert not any("window" in told for told in first.messages)  # at whose end it is over for one of them


def test_fold_without_as_of_takes_the_latest_day_and_says_so():
    units = _fold_timed()
    assert units.as_of == dt.date(2024, 1, 20)
    assert units.messages == (
        "as_of is left out of the plan: the latest day in the data, 2024-01-20, is taken as the last complete one",
    )
    assert _read(units, "week") == [0, 0, 1, 1]
    events = [("u1", "paid", "2024-01-02 09:00:00", None)]
    assert _fold_timed(events).as_of == dt.date(2024, 1, 8)  # a late assignment counts too


@pytest.mark.parametrize(("days", "as_of", "complete"), [
    (7, "2024-01-14", [True, True, True, False]),  # known to 2024-01-15 00:00:00
    (7.5, "2024-01-14", [True, False, False, False]),  # parts of a day
])  # fmt: skip
def test_fold_holds_a_window_over_when_it_ends_with_the_last_complete_day(days, as_of, complete):
    units = _fold_timed(kinds={"paid": {"kind": "binary", "within_days": days}}, as_of=as_of)
    assert _read(units, "complete_paid") == complete
    assert _read(units, "y_paid") == [0.0 if over else None for over in complete]


def test_fold_of_events_with_dates_alone_counts_the_day_of_assignment_and_says_so():
    days = (("u2", "paid", "2024-01-07"), ("u4", "paid", "2024-01-15"), ("u3", "other", "2024-01-30"))
    events = [(*day, None) for day in days]
    units = _fold_timed(events)
    assert _read(units, "y_paid") == [0, 1, 0, 0]  # seven whole days: the eighth day is beyond
    said = "events{} have dates and no times: the day of assignment counts, and windows hold whole days"
    assert units.messages[0] == said.format("")
    assert _read(units, "assigned_at")[1].hour == 23
    kinds = METRIC | {"opens": {"kind": "count", "event": "open", "within_days": 7}}
    timed = [*events, ("u2", "open", "2024-01-07 12:00:00", None), ("u4", "open", "2024-01-15 00:00:00", None)]
    units = _fold_timed(timed, kinds=kinds)  # one that has times keeps to the moment of assignment
    assert units.messages[0] == said.format(" of paid")
    assert (_read(units, "y_paid"), _read(units, "y_opens")) == ([0, 1, 0, 0], [0, 0, 0, 1])
    first = {"first": {"kind": "time_to_event", "event": "paid", "horizon_days": 9}} | kinds
    assert _read(_fold_timed(timed, kinds=first), "time_first")[1] == 0  # the date of the day of assignment


def test_fold_of_a_window_that_begins_after_assignment_counts_what_lies_in_it():
    at = ("2024-01-07 23:59:59", "2024-01-08 00:00:00", "2024-01-14 23:59:59", "2024-01-15 00:00:00")
    events = [("u1", "paid", moment, 1.0) for moment in at]
    window, found = {"event": "paid", "from_days": 7, "within_days": 14}, {}
    for kind in ("count", "amount", "binary", "score"):
        units = _fold_timed(events, kinds={"m": {"kind": kind, **window}}, as_of="2024-01-21")
        found[kind] = _read(units, "y_m")
    assert found["count"] == found["amount"] == [2, 0, 0, None]
    assert (found["binary"], found["score"]) == ([1, 0, 0, None], [1, None, None, None])
    rate = {"kind": "ratio", "numerator": "paid", "denominator": "paid", **window}
    assert _read(_fold_timed(events, kinds={"r": {k: rate[k] for k in rate if k != "event"}}), "num_r")[0] == 2


def test_fold_leaves_out_units_assigned_after_as_of_and_says_how_many():
    units = _fold_timed(as_of="2024-01-07")
    assert _read(units, "unit") == ["u1", "u2"]
    assert units.messages[0] == "units assigned after 2024-01-07, left out: 2"
    said = "plan, as_of: no unit is assigned by 2023-12-31; choose a later day"
    assert tell_refusal(_fold_timed, as_of="2023-12-31") == said


def test_fold_of_a_unit_table_holds_unfinished_only_what_its_as_of_says():
    table = TIMED | {"paid": [1, 0, 1, None]}
    units = _fold_timed(None, table)
    assert units.as_of is None
    assert _read(units, "complete_paid") == [True] * 4
    assert _read(units, "y_paid") == [1.0, 0.0, 1.0, None]
    assert _read(_fold_timed(None, table | {"paid": [1, 0, 1, 1]}, as_of="2024-01-14"), "y_paid") == [1, 0, 1, None]


BEFORE = {
    "unit": ["u0", "u1", "u2", "u3"],
    "variant": ["cps", "a", "b", "a"],
    "assigned_at": [
        "2023-12-04 10:00:00",  # four weeks before the experiment, not randomised
        "2024-01-01 03:59:59",  # a Monday, the last second of the first block
        "2024-01-06 04:00:00",  # a Saturday, the first second of the second block
        "2024-01-14 23:59:59",  # a Sunday, the last second of the second week
    ],
    "paid": [1, 0, 1, 1],
}


def _fold_before(units=BEFORE, **more):
    return _fold_timed(None, units, variant={"observational": ["cps"]}, **more)


def test_fold_numbers_weeks_of_randomised_units():
    assert _read(_fold_before(), "week") == [None, 0, 0, 1]  # from the first randomised unit
    alone = {column: values[:1] for column, values in BEFORE.items()}
    assert _read(_fold_before(alone), "week") == [None]


def test_summarise_by_week_leaves_out_who_was_not_randomised():
    units = _fold_before()
    found = metrics.summarise(units, by="week")
    assert list(found) == list(metrics.moments.count_levels(units, "paid", by="week")) == [0, 1]
    assert sum(arms["paid"][arm].n for arms in found.values() for arm in ("a", "b", "cps")) == 3
    assert metrics.summarise(units)[None]["paid"]["cps"].n == 1  # as a whole group it is there


ARMS = {
    "unit": ["u3", "u1", "u2", "u4", "u5"],
    "variant": ["b", "a", "a", "cps", "a"],
    "assigned_at": ["2024-01-09", "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-15"],
    "firm": ["f1", "f2", "f2", "f3", "f4"],
    "tier": ["pro", "pro", None, "free", "pro"],
    "paid": [1.0, 0.0, None, 1.0, 1.0],  # u2 is unknown
    "took": [1.0, 0.0, 1.0, 0.0, 1.0],
    "days": [3.0, 9.0, 1.0, 2.0, 4.0],
}
KINDS = METRIC | {"t": {"kind": "time_to_event", "time": "days", "observed": "took", "horizon_days": 7}}


def _fold_arms(kinds=KINDS, **more):
    plan = {"as_of": "2024-01-20", "segments": ["tier"], "min_cell": 1, "exposure": {"column": "took"}}
    return _fold_before(ARMS, kinds=kinds, **plan | more)


@pytest.mark.parametrize(("by", "cluster", "counts"), [
    (None, None, {None: {"a": 3, "b": 1}}),
    (None, "firm", {None: {"a": 2, "b": 1}}),  # clusters where the plan names one
    ("week", None, {0: {"a": 2, "b": 0}, 1: {"a": 0, "b": 1}, 2: {"a": 1, "b": 0}}),
    ("tier", None, {"pro": {"a": 2, "b": 1}, "unknown": {"a": 1, "b": 0}}),  # nobody of free is randomised
])  # fmt: skip
def test_count_units_counts_randomised_arms_in_the_order_of_the_plan(by, cluster, counts):
    assert metrics.count_units(_fold_arms(cluster=cluster), by=by) == counts


def test_count_levels_has_the_same_rising_levels_in_every_arm_and_group():
    units = _fold_arms({"days": {"kind": "score", "scale": "ordered"}})  # 1, 2, 3, 4 and 9
    whole = metrics.moments.count_levels(units, "days")[None]
    assert list(whole) == ["a", "b", "cps"]
    assert [counts.tolist() for counts in whole.values()] == [[1, 0, 0, 1, 1], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]]
    split = metrics.moments.count_levels(units, "days", by="tier")
    assert list(split) == ["free", "pro", "unknown"]
    assert split["pro"]["a"].tolist() == [0, 0, 0, 1, 1]
    assert (sum(sum(arms.values()) for arms in split.values()) == sum(whole.values())).all()


def test_count_levels_leaves_out_the_unknown_and_keeps_arms_and_weeks_without_anybody():
    counts = metrics.moments.count_levels(_fold_arms(), "paid", by="week")
    assert {week: {arm: n.tolist() for arm, n in arms.items()} for week, arms in counts.items()} == {
        0: {"a": [1, 0], "b": [0, 0], "cps": [0, 0]},  # u2 is unknown; cps is not randomised and has no week
        1: {"a": [0, 0], "b": [0, 1], "cps": [0, 0]},
        2: {"a": [0, 0], "b": [0, 0], "cps": [0, 0]},  # the window of u5 is not over
    }


def test_describe_arms_shows_sizes_times_take_up_and_how_far_each_metric_is_known():
    found = metrics.describe_arms(_fold_arms(cluster="firm"))
    times = ["first_assigned_at", "last_assigned_at"]
    assert found.drop(columns=times).round(3).to_dict("list") == {
        "variant": ["a", "b", "cps"],
        "units": [3, 1, 1],
        "clusters": [2, 1, 1],
        "complete_paid": [2, 1, 1],  # the window of u5 is not over
        "known_paid": [1, 1, 1],
        "complete_t": [2, 1, 1],
        "known_t": [2, 1, 1],  # days are told for u5 too, but his horizon is not over
    }
    assert found[times].loc[0].astype(str).tolist() == ["2024-01-01", "2024-01-15"]


def test_read_rows_above_the_limit_is_none_and_said(monkeypatch):
    monkeypatch.setattr(opening, "MOST_UNITS", 5)
    units = _fold_arms()
    assert len(metrics.read_rows(units, ["variant"])) == 5
    monkeypatch.setattr(opening, "MOST_UNITS", 4)
    assert metrics.read_rows(units, ["variant"]) is None
    told = "5 units: above 4 no method that needs every row is run, and what it would find is told to be unknown"
    assert set(_fold_arms().messages) - set(units.messages) == {told}


def test_seen_of_many_rows_is_as_of_few(monkeypatch):
    amounts = [0.0, 2.0, 2.0, None, -3.0, 2.5, 1630.9999999999998, 0.0]  # which is 16.31 x 100
    table = {"unit": list("abcdefgh"), "variant": list("ababaabb"), "paid": amounts}
    kinds = {"paid": {"kind": "amount"}}

    def look():
        seen = metrics.moments.see_values(_fold(kinds, table))
        told = {(*of, arm, what): fact for of, arms in seen.items() for arm in arms for what, fact in arms[arm].items()}
        sizes = {of: sorted(told.pop(of) or ()) for of in [*told] if of[-1] == "sizes"}
        return {of: fact for of, fact in told.items() if of[0] != "*"}, sizes

    one, sizes = look()
    assert one["paid", "paid", "a", "n"] == 3  # 2, -3 and 2.5
    monkeypatch.setattr(opening, "MOST_UNITS", 4)
    assert look() == (pytest.approx(one), sizes)


def test_frame_has_her_columns_by_name_and_then_what_the_plan_counts():
    kinds = {"score": {"kind": "nps"}, "r": RATIO, "t": TIME, "tops": TOPS}
    units = _fold(kinds, UNITS | {"note": ["x", "y", None, "z"]}, exposure={"column": "took"}, unit_id="customer")
    frame = units.frame()
    assert list(frame)[:2] == ["customer", "variant"]
    assert set(frame) == {"customer", *UNITS, "note", "r", "t", "t_observed", "tops", "exposed"} - {"unit"}
    assert frame["score"].tolist()[:3] == [9, 6, 7]  # hers, as it came, not what the plan makes of it
    assert frame["r"].fillna(-1).tolist() == [3, -1, -1, -1]
    assert frame["tops"].tolist() == [6, 0, 3, 2]
    assert len(units.frame(most=2)) == 2


def test_frame_tells_an_own_column_from_the_same_name_counted_from_events():
    assigned = {"unit": ["u1", "u2"], "variant": ["a", "b"], "Spend": [9.0, 9.0], "assigned_at": ["2024-01-01"] * 2}
    events = [("u1", "spend", "2024-01-02", 2.5), ("u1", "spend", "2024-01-03", 1.0)]
    events += [("u2", "opened", "2024-01-03", None)]
    kinds = {"spend": {"kind": "amount"}, "opened": {"kind": "binary"}}
    frame = metrics.fold(make_source(assigned, events), make_design(kinds, assigned_at="assigned_at")).frame()
    assert frame["Spend"].tolist() == [9, 9]
    assert frame["spend_from_events"].tolist() == [3.5, 0]
    assert frame["opened"].tolist() == [0, 1]
