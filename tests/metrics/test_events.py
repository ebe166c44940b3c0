"""The fold of events, kind by kind, by hand and against pandas; and a whole simulated study."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import make_design, make_source
from sources_samples import tell_refusal

from helpers import metrics, plan, simulate, sources
from helpers.metrics.events import ask
from helpers.metrics.payments import find_money, look_for_money

START = "2024-01-01 12:00:00"
UNITS = {"unit": ["u1", "u2", "u3"], "variant": ["a", "b", "b"], "assigned_at": [START] * 3}
EVENTS = [
    ("u1", "buy", "2024-01-01 11:59:59", 1000.0),  # one second before assignment: not his
    ("u1", "buy", "2024-01-01 12:00:00", 10.0),  # the moment of assignment: the window has begun
    ("u1", "buy", "2024-01-08 11:59:59", 5.0),  # the last second of seven days
    ("u1", "buy", "2024-01-08 12:00:00", 100.0),  # the window is over
    ("u1", "refund", "2024-01-03 08:00:00", -2.0),  # money back counts against
    ("u2", "buy", "2024-01-02 00:00:00", None),  # a purchase of unknown value: counted, adds nothing
    ("u9", "buy", "2024-01-02 00:00:00", 7.0),  # nobody assigned it
    ("u1", "look", "2024-01-02 00:00:00", None),  # an event that the plan does not read
    ("u2", "buy", "2024-02-01 00:00:00", 9.0),  # after as_of
]
KINDS = {
    "bought": {"kind": "binary", "event": "buy", "within_days": 7},
    "buys": {"kind": "count", "event": "buy", "within_days": 7},
    "spent": {"kind": "amount", "event": ["buy", "refund"], "within_days": 7},
    "ever": {"kind": "count", "event": "buy"},
}
BUY = {"buy": {"kind": "count"}}
LONGER = KINDS["spent"] | {"quantile": 0.9, "within_days": 8}
PER = {"kind": "ratio", "numerator": "buy", "denominator": "seats"}


def _fold(kinds, events=EVENTS, units=UNITS, **more):
    dates = {"assigned_at": "assigned_at", "as_of": "2024-01-31"}
    return metrics.fold(make_source(units, events), make_design(kinds, **dates | more))


def _read(units, columns):
    return units.table.order_by("unit").select(*columns).to_pyarrow().to_pydict()


def _check(units, columns):
    assert _read(units, columns) == columns


@pytest.mark.parametrize(("kinds", "more", "columns"), [
    # u3 has no event: 0, since his window is over; both edges of u1's window; 10 + 5 - 2; no window: up to as_of
    (KINDS, {}, {"y_bought": [1, 1, 0], "y_buys": [2, 1, 0], "y_spent": [13, 0, 0], "y_ever": [3, 1, 0]}),
    (BUY, {}, {"y_buy": [3, 1, 0]}),  # the event named as the metric when none is given
    ({"mean": KINDS["spent"], "p90": LONGER}, {}, {"y_mean": [13, 0, 0], "y_p90": [113, 0, 0]}),  # of one event
    # a ratio of a metric and an event
    ({"spent": KINDS["spent"], "per": PER | {"numerator": "spent", "denominator": "buy", "within_days": 7}}, {},
     {"num_per": [13, 0, 0], "den_per": [2, 1, 0]}),
    # a column that is no event: both parts or none
    ({"per": PER}, {"seats": [4.0, 2.0, None]},
     {"num_per": [3, 1, None], "den_per": [4, 2, None], "missing_per": [0, 0, 1]}),
    # an event comes before a column of its name, a column that the metric names before the event
    ({"per": PER | {"denominator": "look"}}, {"buy": ["text", "is", "possible"]}, {"num_per": [3, 1, 0]}),
    ({"buy": {"kind": "count", "column": "told"}}, {"told": [7.0, 8.0, 9.0]}, {"y_buy": [7, 8, 9]}),
])  # fmt: skip
def test_fold_of_events_within_windows(kinds, more, columns):
    _check(_fold(kinds, units=UNITS | more), columns)


def test_fold_says_which_events_do_not_count():
    assert _fold(KINDS).messages == (
        "events before their unit is assigned, left out: 1",
        "events after 2024-01-31, the last complete day, left out: 1",
        "events without the value that the plan adds up or averages: 1",
    )
    counted = {name: kind for name, kind in KINDS.items() if kind["kind"] != "amount"}
    assert len(_fold(counted).messages) == 2  # a count needs no value


@pytest.mark.parametrize(("unit", "monies", "more"), [
    (None, None, {}),
    ("USD", ["usd ", "USD", None] * 3, {"currencies": 1, "foreign": 0}),
    ("eur", ["EUR", "usd", "EUR"] * 3, {"currencies": 2, "foreign": 2}),  # of the four that count
    ("€", ["€", "eur", "Euro "] * 3, {"currencies": 1, "foreign": 0}),
    ("USD", ["US$", "usd", "$"] * 3, {"currencies": 1, "foreign": 0}),
    ("USD", ["US$", "C$", "usd"] * 3, {"currencies": 2, "foreign": 2}),
    ("units", ["EUR", "usd", "EUR"] * 3, {"currencies": 2}),  # no currency is planned
])  # fmt: skip
def test_fold_says_what_each_event_adds_within_the_window(unit, monies, more):
    told = pd.DataFrame(EVENTS, columns=["unit", "event", "at", "value"])
    units = _fold(KINDS | {"spent": KINDS["spent"] | {"unit": unit}}, told.assign(Currency=monies) if monies else told)
    buy = {"events": 3, "units": 2, "total": 15.0, "above": 2, "below": 0, "zero": 0, "without": 1}
    refund = {"events": 1, "units": 1, "total": -2.0, "above": 0, "below": 1, "zero": 0, "without": 0}
    rows = (("buy", buy | {"is_one": True}), ("refund", refund | {"is_one": True}))  # one event is more than half
    assert units.added == tuple({"metric": "spent", "event": e, **n, **more} for e, n in rows)
    assert unit or _fold({"buys": KINDS["buys"]}).added == ()  # nothing is added up


def _find_money(table):
    found = {}
    for first, facts in look_for_money(table, "units"):
        found |= ask(first, facts)
    return find_money(table, "units", found)


@pytest.mark.parametrize("named", ["cur", "presentment_currency", "Währung", "Wa\u0308hrung", "WAEHRUNG", "ccy"])
def test_find_money_knows_a_column_of_currencies_by_its_name(named):
    table = ibis.memtable({"current": ["a", "b"], "currency_rate": [1.0, 2.0], named: ["usd ", "EUR"]})
    assert _find_money(table).execute().tolist() == ["USD", "EUR"]
    assert _find_money(table.drop(named)) is None  # a rate is a number, and "current" another word


@pytest.mark.parametrize(
    ("written", "code"),
    [("Fr.", "CHF"), ("US $", "USD"), ("840", "USD"), ("GBp", "GBX"), ("gbp", "GBP"), ("zł", "PLN"), ("thb", "THB")],
)
def test_find_money_gives_a_currency_one_code(written, code):
    assert _find_money(ibis.memtable({"currency": [written]})).execute().tolist() == [code]


SCORES = [
    ("u1", "rating", "2024-01-02 00:00:00", 9.0),  # overtaken by a later one
    ("u1", "rating", "2024-01-04 00:00:00", 3.0),  # at the same moment as the next
    ("u1", "rating", "2024-01-04 00:00:00", 4.0),  # the highest of one moment is the last
    ("u1", "rating", "2024-01-05 00:00:00", None),  # without a value it is no score
    ("u2", "rating", "2024-01-20 00:00:00", 8.0),  # after seven days
    ("u3", "asked", "2024-01-02 00:00:00", None),  # asked, no answer
]


@pytest.mark.parametrize(("metric", "columns"), [
    ({"kind": "score"}, {"y_rating": [4.0, 8.0, None]}),  # no score is unknown, not 0
    ({"kind": "score", "within_days": 7}, {"y_rating": [4.0, None, None]}),  # u2 scored too late
    ({"kind": "score", "missing": "zero"}, {"y_rating": [4.0, 8.0, 0.0]}),  # as planned
    ({"kind": "nps"}, {"y_rating": [-100.0, 0.0, None]}),  # 4 detracts, 8 is passive
    ({"kind": "score", "asked": "asked"}, {"asked_rating": [0, 0, 1], "missing_rating": [None, None, 1]}),
])  # fmt: skip
def test_fold_of_scores_takes_the_last(metric, columns):
    _check(_fold({"rating": metric}, SCORES), columns)


ENDS = [
    ("u1", "left", "2024-01-03 12:00:00", None),  # before the purchase: it comes first
    ("u1", "buy", "2024-01-05 12:00:00", 1.0),
    ("u2", "buy", "2024-01-02 12:00:00", 1.0),  # at one moment the event wins
    ("u2", "left", "2024-01-02 12:00:00", None),
    ("u2", "left", "2023-12-01 12:00:00", None),  # before assignment
    ("u3", "left", "2024-02-01 12:00:00", None),  # after as_of: not yet seen
    ("u3", "closed", "2024-01-04 12:00:00", None),
]


@pytest.mark.parametrize(("events", "more", "time", "observed", "complete"), [
    (EVENTS, {}, [0.0, 0.5, 30.5], [1, 1, 0], True),  # u3 is censored at 2024-02-01 00:00
    (EVENTS, {"horizon_days": 31}, [0.0, 0.5, 30.5], [1, 1, 0], False),  # its horizon is not over
    (ENDS, {}, [4.0, 1.0, 30.5], [1, 1, 0], True),  # without the key an end is no event
    (ENDS, {"competing": "left"}, [2.0, 1.0, 30.5], [2, 1, 0], True),
    (ENDS, {"competing": ["left", "closed"]}, [2.0, 1.0, 3.0], [2, 1, 2], True),  # the first of several
])  # fmt: skip
def test_fold_of_a_time_to_event(events, more, time, observed, complete):
    units = _fold({"first": {"kind": "time_to_event", "event": "buy", "horizon_days": 20} | more}, events)
    _check(units, {"time_first": time, "observed_first": observed, "complete_first": [complete] * 3})


@pytest.mark.parametrize(("days", "exposed"), [(None, [1, 0, 0]), (0.5, [0, 0, 0]), (40, [None] * 3)])
def test_fold_of_an_exposure_by_event_within_its_window(days, exposed):
    window = {} if days is None else {"within_days": days}
    _check(_fold({"bought": KINDS["bought"]}, exposure={"event": "look"} | window), {"exposed": exposed})


CALLERS = {
    "unit": ["u1", "u2", "u3", "u4"],
    "variant": ["a", "b", "b", "a"],
    "assigned_at": [START] * 4,
    "calls": [3.0, 0.0, None, 2.0],
    "hours": [1.5, 4.0, 2.0, None],
}
CALLS = [
    ("u1", "call", "2024-01-02", None),
    ("u1", "call", "2024-01-03 08:00", None),
    ("u1", "call", "2024-01-20", None),  # after seven days
    ("u2", "call", "2024-01-02", None),  # in no active day
    ("u1", "active", "2024-01-02", 0.5),
    ("u1", "active", "2024-01-06", 2.0),
    ("u1", "active", "2024-01-12", 4.0),
    ("u3", "active", "2024-01-02 20:00", None),
]
RATE = {"kind": "count", "event": "call", "time_at_risk": "active"}
SPENT = {"kind": "amount", "event": "active"}
TABLE = {"kind": "count", "time_at_risk": "hours"}


@pytest.mark.parametrize(("rate", "above", "below"), [
    (RATE, [3, 1, 0, 0], [3, 0, 1, 0]),  # days with activity are counted
    (RATE | {"within_days": 7}, [2, 1, 0, 0], [2, 0, 1, 0]),  # the window holds for both
    (RATE | {"time_at_risk": "hours"}, [3, 1, 0, None], [1.5, 4, 2, None]),  # no such event: the column
    (RATE | {"time_at_risk": "spent"}, [3, 1, 0, 0], [6.5, 0, 0, 0]),  # a metric that sums values
    (RATE | {"column": "calls"}, [3, 0, None, 2], [3, 0, None, 0]),  # the count from a column
    (RATE | {"within_days": 7, "time_at_risk": "long"}, [None] * 4, [None] * 4),  # waits for the longer window
])  # fmt: skip
def test_fold_of_a_rate_of_events(rate, above, below):
    long = {"kind": "count", "event": "active", "within_days": 31}
    units = _fold({"rate": rate, "spent": SPENT, "long": long}, CALLS, CALLERS)
    _check(units, {"num_rate": above, "den_rate": below})


@pytest.mark.parametrize(("missing", "above", "below", "messages"), [
    ("unknown", [3, 0, None, None], [1.5, 4, None, None], ()),  # both or none
    # the count is filled, never the time
    ("zero", [3, 0, 0, None], [1.5, 4, 2, None], ("missing outcomes of calls that count as 0, as planned: 1",)),
])  # fmt: skip
def test_fold_of_a_rate_of_columns(missing, above, below, messages):
    units = metrics.fold(make_source(CALLERS), make_design({"calls": TABLE | {"missing": missing}}))
    _check(units, {"num_calls": above, "den_calls": below, "missing_calls": [0, 0, 1, 1]})
    assert units.messages == messages
    known = [2 - [above[i] for i in arm].count(None) for arm in ([0, 3], [1, 2])]
    assert metrics.describe_arms(units)["known_calls"].tolist() == known


def test_fold_keeps_a_rate_apart_and_says_how_many_units_count_in_no_time():
    units = _fold({"rate": RATE, "calls": {"kind": "count", "event": "call"}}, CALLS, CALLERS)
    assert units.messages == ("units with some rate in no time at risk, kept in: 1",)
    assert metrics.summarise(units)[None]["calls"]["a"].mean.tolist() == [1.5]


def test_fold_refuses_a_time_at_risk_below_zero():
    kinds = {"rate": RATE | {"time_at_risk": "spent"}, "spent": SPENT}
    said = "plan, metrics.rate.time_at_risk: 1 unit with less than 0 of spent; correct the data, or name another time "
    said += "at risk"
    assert tell_refusal(_fold, kinds, [*CALLS, ("u3", "active", "2024-01-03", -1.0)], CALLERS) == said


@pytest.mark.parametrize("column", [None, "rated"])
def test_fold_refuses_the_last_answer_that_lies_off_its_scale(column):
    kinds = {"rating": {"kind": "score", "scale": [1, 5], "within_days": 7, "column": column}}
    told = [("u1", "rating", "2024-01-02", 99.0), ("u1", "rating", "2024-01-03", 4.0)]  # corrected a day later
    units = UNITS | {"rated": [4.0, 2.0, None]}
    design = make_design(kinds, assigned_at="assigned_at", as_of="2024-01-31", unit="user")
    assert metrics.fold(make_source(units, told), design).table.count().execute() == 3
    told += [("u2", "rating", "2024-01-04", -1.0), ("u3", "rating", "2024-01-20", -1.0)]  # the second is too late
    assert tell_refusal(metrics.fold, make_source(units | {"rated": [4.0, 99.0, None]}, told), design) == (
        "plan, metrics.rating.scale: 1 user with an answer outside 1 to 5, such as a code for none; leave it empty "
        "where unknown, or correct the scale"
    )


SECONDS = st.integers(-3 * 86_400, 40 * 86_400)


@settings(derandomize=True, deadline=None, max_examples=5)
@given(
    st.lists(st.tuples(st.sampled_from("pqr"), SECONDS, st.integers(-9, 9)), max_size=25),
    st.lists(SECONDS.filter(lambda s: s >= 0), min_size=3, max_size=3),
    st.sampled_from([None, 1, 3.25, 20]),
)
def test_fold_equals_pandas(events, starts, days):
    first, cutoff = pd.Timestamp("2024-03-01"), pd.Timestamp("2024-04-10")
    starts = first + pd.to_timedelta(starts, unit="s")
    heard = [(unit, "e", first + pd.Timedelta(seconds=s), float(value)) for unit, s, value in events]
    window = {} if days is None else {"within_days": days}
    kinds = {kind: {"kind": kind, "event": "e", **window} for kind in ("binary", "count", "amount")}
    units = {"unit": list("pqr"), "variant": list("aba"), "assigned_at": starts}
    found = _fold(kinds, heard or [("z", "e", first, 0.0)], units, as_of="2024-04-09")
    expected = {"binary": [], "count": [], "amount": []}
    for unit, start in ((unit, start) for unit, start in zip("pqr", starts, strict=True) if start < cutoff):
        end = cutoff if days is None else start + pd.Timedelta(days=days)
        values = [v for u, _, at, v in heard if u == unit and start <= at < end and at < cutoff]
        for kind, value in zip(expected, (bool(values), len(values), sum(values)), strict=True):
            expected[kind].append(np.nan if end > cutoff else value)
    for column, values in _read(found, [f"y_{kind}" for kind in expected]).items():
        assert np.array_equal(np.array(values, float), expected[column.removeprefix("y_")], equal_nan=True)


OWN = ("activated", "active_days", "conversations", "searches", "converted", "arr", "still_paying")
COLUMNS = {f"y_{name}": name for name in OWN}
COLUMNS |= {"exposed": "help_opened", "time_paid_in": "paid_in_days", "observed_paid_in": "paid_in_observed"}


def test_fold_of_a_simulated_study_equals_its_own_units():
    design, asked = plan.read("proactive_help").design, {"n_units": 600, "seed": 3}
    units = metrics.fold(sources.load(design, "simulated", simulation={"study": "proactive_help", **asked}), design)
    made = simulate.simulate("proactive_help", design, **asked).units.sort_values("workspace_id")
    found = metrics.read_rows(units, list(COLUMNS)).to_numpy(float)
    np.testing.assert_allclose(found, made[list(COLUMNS.values())].to_numpy(float), atol=1e-4)
    assert len({metrics.summarise(replace(units))[None]["arr"]["links"].cov.tobytes() for _ in range(2)}) == 1
