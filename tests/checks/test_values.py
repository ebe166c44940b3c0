"""Values that are not what they seem, each kind with its whole message, and healthy neighbours of each that pass."""

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from made_sources import make_design, make_source
from sources_samples import tell_refusal

from helpers import checks, metrics, sources
from helpers.checks.amounts import check_amounts
from helpers.checks.values import check_values
from helpers.metrics.events import Total, ask
from helpers.metrics.values import ARM as ARM_OF
from helpers.metrics.values import ask_values
from helpers.records import Refused

N = 400
RNG = np.random.default_rng(4)
ARM = np.array(["a", "b"] * (N // 2))
B = ARM == "b"
DAYS = RNG.exponential(20, N).round(1).clip(0.1)
PRICE = np.exp(RNG.normal(3, 0.8, N)).round(2)
SCORE = RNG.integers(1, 6, N)
CALLS = np.random.default_rng(6).poisson(3, N).clip(0, 8)
LOG = {"kind": "amount", "role": "primary", "better": "higher", "event": "payment", "within_days": 20}
CELL = {"kind": "amount", "role": "primary", "better": "higher"}
RATED = {"kind": "score", "role": "primary"}
TIME = {"kind": "time_to_event", "role": "primary", "time": "days", "observed": "seen", "horizon_days": 60}
READ = ("time", "observed", "numerator", "denominator")  # keys of a plan that name a column
RELEASE = " Where that is meant, a reason under the plan's key acknowledge releases the answer."


def _lay(columns, events):
    """Return a table of units; and of events, one payment a unit, with further columns, and what their plan says."""
    table = pd.DataFrame({"id": [f"u{i:03d}" for i in range(N)], "variant": ARM} | columns)
    if events is None:
        return table, None, {}
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N) % 10, unit="D")
    at = start + pd.to_timedelta(1 + np.arange(N) % 7, unit="D")
    events = pd.DataFrame({"id": table["id"], "event": "payment", "at": at, "value": PRICE} | events)
    return table.assign(assigned_at=start), events, {"assigned_at": "assigned_at", "as_of": "2024-02-29"}


def _run(columns, metric, others=None, *, events=None, **plan):
    """Return every check of a table as it is loaded, whose metric is m, by id."""
    table, events, told = _lay(columns, events)
    design = make_design({"m": metric, **(others or {})}, **told | plan)
    source = sources.load(design, table, events=events)
    return {check.id: check for check in checks.run(metrics.fold(source, design), source, design)}


def _check(columns, metric, others=None, *, events=None, **plan):
    """Return the checks of values alone, by id, of a table that needs no reading."""
    table, events, told = _lay(columns, events)
    design = make_design({"m": metric, **(others or {})}, **told | plan)
    events = None if events is None else events.rename(columns={"id": "unit"})
    units = metrics.fold(make_source(table.rename(columns={"id": "unit"}), events), design)
    found = [check_values(units, design), *check_amounts(units, design)]
    return {check.id: check for check in found if check}


def _tell(*given, **plan):
    """Return status and message of what is added up of a table, None where nothing is told."""
    check = _check(*given, **plan).get("events_add")
    return check and (check.status, check.message)


def _fails(said):
    return "fail", said + RELEASE


def _judge_all(cases, *, of_events=False):
    """Assert what is told of each case, (values or columns, metric, status, sentence), all of them in one plan.

    None of them decides, so that a sentence that is sure fails its metric, and any other is only told.
    """
    kinds, columns = {"last": {"kind": "count", "role": "primary", "column": "last", "better": "higher"}}, {}
    for i, (values, metric, *_) in enumerate(cases):
        own = values if isinstance(values, dict) else {"m": values}
        columns |= {f"{'value_of_' * of_events}{name}{i}": column for name, column in own.items()}
        named = {key: f"{metric[key]}{i}" for key in READ if key in metric}
        named |= {"value": f"m{i}"} if of_events else {}
        kinds[f"m{i}"] = metric | named | {"role": "secondary", "label": "m"}
    beside, events = ({"last": SCORE}, columns) if of_events else (columns | {"last": SCORE}, None)
    found = _check(beside, kinds.pop("last"), kinds, events=events)
    failed = {check.id: check.message for check in found.values() if check.id.startswith("events_add_")}
    sure = [(i, said) for i, (*_, status, said) in enumerate(cases) if status == "fail"]
    assert failed == {f"events_add_m{i}": f"{said} Its effect is not estimated." for i, said in sure}
    told = " ".join(said for *_, said in cases if said)
    check, none = found.get("events_add"), ("pass", PASSES) if of_events else None
    assert (check and (check.status, check.message)) == (("warn", told) if told else none)


def _refuse(columns, metric, *, check=_check, **plan):
    return tell_refusal(check, columns, metric, **plan)


CODES = "; leave them empty where they are a code for none, and write scale: [lowest, highest] into the plan"
SOME = RNG.random(N) < 0.2
FAILS = B & (np.arange(N) < 160)


def _judge(metric, **parts):
    """Return what is refused of answers, from their counts in each arm as the engine tells them; None if nothing."""
    seen = {}
    for arm, mine in (("a", ~B), ("b", B)):
        for column, values in parts.items():
            told = pd.Series(values)[mine].dropna()
            levels = told.map("{:.0f}".format).where(told % 1 == 0, "none").value_counts()
            seen.setdefault(("m", column), {})[arm] = {"answers": [f"{level}:{n}" for level, n in levels.items()]}
    try:
        assert check_values(SimpleNamespace(design=None, keep=lambda *_: seen), make_design({"m": metric})) is None
    except Refused as refused:
        return str(refused)


@pytest.mark.parametrize(("code", "where", "why"), [
    (-1, SOME, "the only one below 0"),
    (-9, SOME, "the only one below 0"),
    (9, SOME, "apart from them"),
    (99, SOME & (np.arange(N) < 100), "far above all others"),
    (999, SOME, "far above all others"),
    (0, RNG.random(N) < 0.4, "more than the answer beside it"),
])  # fmt: skip
def test_check_values_refuses_a_code_among_answers_until_the_plan_says_the_scale(code, where, why):
    answers = np.where(where, code, SCORE)
    told = f"m: {where.sum()} of 400 answers are {code}, {why}{CODES}"
    assert _judge(RATED, m=answers) == told
    assert _judge(RATED | {"scale": [min(code, 1), max(code, 5)]}, m=answers) is None
    is_far = why.startswith(("the only", "far"))
    assert (_judge(RATED | {"scale": "ordered"}, m=answers) == told) == is_far


def test_check_values_knows_a_code_beside_fractions_and_on_long_scales():
    rng = np.random.default_rng(9)
    told = f"m: {{}} of {{}} answers are {{}}, far above all others{CODES}"
    n = SOME.sum()
    halves = np.where(SOME, 99, (rng.integers(2, 11, N) / 2))
    whole = int((halves % 1 == 0).sum())
    assert _judge(RATED, m=halves) == told.format(n, whole, 99)
    percent = np.where(SOME, 999, np.arange(N) % 101)
    assert _judge(RATED, m=percent) == told.format(n, N, 999)
    assert _judge(RATED, m=np.where(SOME, 9999, SCORE)) == told.format(n, N, 9999)
    assert _judge(RATED, m=np.where(np.arange(N) < 6, 999, np.arange(N) % 101)) is None  # a few long waits
    few = np.where(np.arange(N) < 3, 99, SCORE)  # nobody's answer is shown
    assert _judge(RATED, m=few) == told.format(3, N, "another number than most")


def test_run_refuses_a_code_among_answers_of_a_column_and_of_events():
    told = {"value": np.where(SOME, -1, SCORE)}
    said = f"{SOME.sum()} of 400 answers are -1, the only one below 0{CODES}"
    assert _refuse({"m": told["value"]}, RATED, check=_run) == f"m: {said}"
    assert _refuse({}, RATED | {"event": "payment", "within_days": 20}, events=told) == f"m, payment: {said}"


@pytest.mark.parametrize("answers", [
    SCORE,
    # scales, thumbs, and per cent
    *(RNG.integers(low, high + 1, N) for low, high in ((1, 7), (0, 5), (0, 10), (-3, 3), (-1, 1), (0, 100), (0, 1))),
    RNG.choice([0, 25, 50, 75, 100], N),
    RNG.choice([1.0, 1.5, 2.0, 2.5, 3.0], N),
    np.where(np.arange(N) < 3, 1, RNG.integers(7, 11, N)),  # few are unhappy
    np.where(np.arange(N) % 100 == 0, 9, RNG.integers(1, 5, N)),
    RNG.normal(50, 10, N),
    RNG.choice([1, 5, np.nan], N),
])  # fmt: skip
def test_check_values_lets_healthy_answers_pass(answers):
    assert _judge(RATED, m=answers) is None


def test_check_values_refuses_a_net_promoter_score_that_is_none():
    rng = np.random.default_rng(9)
    nps = {"kind": "nps", "role": "primary"}
    told = "m: none of 400 answers is above 7, and a net promoter score is asked from 0 to 10; "
    told += "give the answers as they were asked, or write kind: score"
    assert _judge(nps, m=SCORE) == told
    assert _judge(nps, m=rng.integers(1, 8, N)) == told
    for answers in (rng.integers(0, 11, N), rng.integers(7, 10, N), np.where(np.arange(N) < 20, 3, np.nan)):
        assert _judge(nps, m=answers) is None


UNANSWERED = "The answers of m are 0 far too often, {}, as where nobody answered; leave those cells empty."


def test_answers_of_0_where_nobody_answered_are_told():
    rng = np.random.default_rng(9)
    answers = rng.choice(11, N, p=[0.04, 0.02, 0.02, 0.02, 0.05, 0.1, 0.1, 0.15, 0.2, 0.15, 0.15])
    cases = []
    for metric in ({"kind": "nps"}, RATED | {"scale": [0, 10]}):
        silent = np.where(rng.random(N) < 0.5, 0, answers)
        cases.append((silent, metric, "fail", UNANSWERED.format(f"{(silent == 0).sum()} of {N}")))
        unhappier = np.where(B & (rng.random(N) < 0.4), rng.integers(0, 4, N), answers)
        few, none = np.where(rng.random(N) < 0.15, 0, answers), np.where(B, answers.clip(1), answers)
        cases += [(healthy, metric, None, None) for healthy in (answers, unhappier, few, none)]
    _judge_all(cases)


YES = {"kind": "binary", "role": "primary"}
EMPTY = (
    "m: every cell that is told says {}, and {} of 400 are empty, so that empty may mean {} or not known; write {} "
    "where it is meant{}, or leave the units out of which nothing is known"
)


def test_run_refuses_one_word_beside_empty_cells():
    n, yes, no, plan = int(SOME.sum()), "yes (1)", "no (0)", ", or missing: zero into the plan"
    told = EMPTY.format(yes, n, no, no, plan)
    assert _refuse({"m": np.where(SOME, None, "yes")}, YES, check=_run) == told
    assert _refuse({"m": np.where(SOME, None, 0.0)}, YES) == EMPTY.format(no, n, yes, yes, "")
    assert _refuse({"m": np.where(SOME, None, 1.0)}, YES) == told
    few = np.where(np.arange(N) < 3, 0.0, np.where(np.arange(N) % 2, None, 1.0))
    assert _refuse({"m": few}, YES) == EMPTY.format(yes, 199, no, no, plan).replace("every", "nearly every")
    taken = _refuse({"m": SCORE, "took": np.where(SOME, None, 1.0)}, RATED, exposure={"column": "took"})
    assert taken == EMPTY.format(yes, n, no, no, "").replace("m:", "took:")
    seen = _refuse({"days": DAYS, "seen": np.where(SOME, None, 1)}, TIME)
    assert seen == EMPTY.format(yes, n, no, no, "").replace("m:", "m, seen:")


def test_run_lets_healthy_marks_pass():
    healthy = [
        *(np.where(SOME, 0, 1.0), np.where(SOME, np.nan, SCORE > 2), np.ones(N), np.zeros(N)),
        np.where(np.arange(N) < 5, np.nan, 0.0),
        np.where(np.arange(N) < 9, 0, np.where(SOME, np.nan, 1.0)),  # nearly all say yes
    ]
    columns = {f"m{i}": marks for i, marks in enumerate(healthy)} | {"m": np.where(SOME, np.nan, 1.0)}
    _check(columns, YES | {"missing": "zero"}, dict.fromkeys(columns, YES) | {"m": YES | {"missing": "zero"}})


SEEN = (DAYS < 30).astype(int)
OPEN = int((SEEN == 0).sum())
UNTIMED = (
    "m, days: {} of {} units without the event have {}, so that nobody knows how long they were followed; give the "
    "time until which each was seen without it"
)


@pytest.mark.parametrize(("time", "what"), [(np.nan, "no time"), (0, "the time 0")])
def test_run_refuses_units_without_the_event_and_without_a_time(time, what):
    days = np.where(SEEN == 0, time, DAYS)
    assert _refuse({"days": days, "seen": SEEN}, TIME) == UNTIMED.format(OPEN, OPEN, what)
    one_arm = (SEEN == 0) & B
    told = _refuse({"days": np.where(one_arm, time, DAYS), "seen": SEEN}, TIME)
    assert told == UNTIMED.format(one_arm.sum(), OPEN, what)


def test_run_lets_healthy_times_pass():
    healthy = [
        np.minimum(DAYS, 30),
        np.where(np.arange(N) % 7 == 0, 0, DAYS),  # some buy at once, and some were assigned on the last day
        np.where(SOME, np.nan, DAYS),  # unknown of both
        np.where((SEEN == 0) & (np.arange(N) < 30), 0, DAYS),
        np.where(SEEN == 1, 0, DAYS),  # all at once
        np.minimum(np.where(B, DAYS * 2.2, DAYS) + 0.013, 30),  # the horizon is a whole number, and b is slower
    ]
    others = {f"m{i}": TIME | {"time": f"days{i}"} for i in range(len(healthy))}
    times = {f"days{i}": days for i, days in enumerate(healthy)}
    assert _tell({"seen": SEEN, "days": DAYS, **times}, TIME, others) is None


CODED = "{} of the {} values of m that are not 0 are {}, {}; leave them empty where that is a code for none."
COUNT = {"kind": "count"}


def _hide(code, mine, values, metric, shown=None):
    """Return a case: values some of which are a code, and what is told of them."""
    hidden, why = np.where(mine, code, values), "far above all others" if np.all(code > 0) else "the only ones below 0"
    return hidden, metric, "fail", CODED.format(mine.sum(), (hidden != 0).sum(), shown or f"{code:,}", why)


def test_amounts_and_counts_that_hold_a_code_are_told():
    many, few = B & (np.arange(N) < 40), B & (np.arange(N) < 18)
    codes = (999_999, 9999.99, 9999, 99_999, 888_888, 2**31 - 1, 65_535, 123_456_789, -1, -9, -99, -999)
    amounts = [_hide(999_999, few, PRICE, CELL, "a code for none"), *(_hide(code, many, PRICE, CELL) for code in codes)]
    counts = [_hide(code, many, CALLS, COUNT) for code in (99, 97, 999, 9999, 77)]
    counts.append(_hide(np.where(SOME, 98, 99), many, CALLS, COUNT, "a code for none"))
    _judge_all([*amounts, *counts])
    _judge_all([(values, LOG, *rest) for values, _, *rest in amounts[:9]], of_events=True)  # those above 0


PASSES = "As far as names and signs tell, no money back adds to a sum of other events, and no column names a currency."


def test_rates_of_events_tell_no_cell_of_few_units():
    # two events a unit of one arm, 12 or all but 12 of them of no payment: neither is one of fewer than ten units
    rows = {"id": [f"u{2 * i:03d}" for i in range(N // 2)] * 2, "at": pd.Timestamp("2024-01-12")}
    for few, said in ((True, "a below 5.0 %"), (False, "a above 95.0 %")):
        told = _check({}, LOG, events=rows | {"is_test": (np.arange(N) < 12) == few})["events_add"].message
        assert f"cancelled or a test: {said}, b none observed; leave" in told


def test_healthy_amounts_pass():
    rng = np.random.default_rng(9)
    healthy = [
        PRICE,
        PRICE.round(),  # whole dollars
        np.where(B, 2 * PRICE, PRICE),
        np.where(B, 10, 9.99),  # a price test
        np.where(B, PRICE.round(), PRICE),
        np.where(rng.random(N) < 0.1, PRICE * 100 + 0.37, PRICE),  # both arms have a few large ones
        np.where(rng.random(N) < 0.3, 999, 9.99),  # for a month, and for life
        np.where(rng.random(N) < 0.3, rng.integers(150, 600, N), rng.uniform(1, 7, N).round(2)),  # licences beside
        np.where(np.arange(N) < 380, 0, PRICE),
        np.where(B & (np.arange(N) < 20), 5000, PRICE),  # a few large customers
        np.where(np.arange(N) < 3, 99_999, PRICE),  # fewer than a code
        np.where(SOME, 1, PRICE),  # a trial for one
        rng.choice([9.99, 29.99, 99.99, 999.99, 9999.99], N),  # a price list
        np.where(SOME, 99, PRICE),
        rng.pareto(0.8, N).round(2) + 1,
    ]
    signed = [np.where(SOME, -PRICE, PRICE), np.where(SOME, -PRICE, np.where(FAILS, -9, PRICE))]  # refunds
    counts = [CALLS, np.where(SOME, 9, CALLS), np.where(SOME, 50, CALLS), np.where(SOME, 99, rng.poisson(60, N))]
    columns = [(values, CELL) for values in (*healthy, *signed)] + [(values, COUNT) for values in counts]
    _judge_all([(*column, None, None) for column in columns])
    _judge_all([(values, LOG, None, None) for values in healthy], of_events=True)


UNPRICED = "No currency stands beside values of m: a {}, b {}; write it, or leave its column out if it is one."


def test_values_without_a_currency_are_told_by_arm():
    in_b, alike = UNPRICED.format("0.0 %", "40.0 %"), UNPRICED.format("40.0 %", "40.0 %")
    for named in ("currency", "unit_of_it", "x"):
        assert _tell({"m": PRICE, named: np.where(FAILS, "", "\u20ac")}, CELL) == _fails(in_b)
        assert _tell({}, LOG, events={named: np.where(np.arange(N) < 160, "NA", "USD")}) == ("warn", alike)
    assert _tell({}, LOG, events={"x": np.where(FAILS, None, "USD")}) == _fails(in_b)


ONE = "As far as names and signs tell, no money back adds to a sum of other events, and one currency is added up."
NONE = ONE.replace("one currency is added up", "no column names a currency")


@pytest.mark.parametrize(("more", "told"), [
    ({"currency": "USD"}, ONE),
    ({"money": "EUR"}, ONE),
    ({"currency": np.where(SOME, None, "USD"), "value": np.where(SOME, 0, PRICE)}, ONE),  # 0 is in no currency
    ({"country": "USA"}, NONE),
    ({"channel": np.where(SOME, "USD", "shop")}, NONE),
])  # fmt: skip
def test_run_lets_healthy_currencies_pass(more, told):
    assert _tell({}, LOG, events=more) == ("pass", told)


VOID = (
    "m counts what is no payment, as it failed, is open, cancelled or a test: a {}, b {}; leave it out of the events."
)
VOID_IN_B = VOID.format("0.0 %", "40.0 %")
FAILED = {"status": np.where(FAILS, "failed", "succeeded")}


STATES = """\
status failed succeeded|payment_status Pending paid|Status requires_payment_method succeeded
orderState CANCELLED COMPLETE|statut annul\u00e9 pay\u00e9|live_mode false true|isTestOrder yes no|mode test live
environment sandbox production|result KO OK|psp_outcome geweigerd betaald|Erfolg_Status misslungen bezahlt
success nein ja|type failed_payment payment|kind test real"""  # a column, its word for no payment, and for one
MARKS = {"livemode": ~FAILS, "is_test": FAILS, "test": FAILS.astype(int), "paid": ~FAILS, "ok": 1 - FAILS.astype(int)}
MARKS |= {"_fivetran_deleted": FAILS, **dict.fromkeys(("voided_at", "_sdc_deleted_at"), np.where(FAILS, "2024", None))}
MARKS |= {name: np.where(FAILS, *words) for name, *words in map(str.split, STATES.replace("\n", "|").split("|"))}


@pytest.mark.parametrize("column", MARKS)
def test_ask_values_counts_what_is_no_payment(column):
    assert _count({column: MARKS[column]}, "void") == FAILS.sum()


def _count(more, what):
    at = pd.Timestamp("2024-01-01")
    table = {"unit": "u", "variant": ARM, "event": "payment", ARM_OF: ARM, "at": at, "value": PRICE} | more
    table = pd.DataFrame(table)
    units, planned = ibis.memtable(table[["unit", "variant"]]), ibis.memtable(table)
    total, design = Total("fold:m", "amount", ("payment",)), make_design({"m": LOG}, assigned_at="assigned_at")
    found = [ask(*asked) for asked in ask_values(units, planned, [total], design, None)]
    return sum(n for part in found for key, n in part.items() if key[3] == what)


def test_fold_looks_at_all_values_where_units_have_a_column_called_event():
    table = pd.DataFrame({"id": [f"u{i}" for i in range(N)], "variant": ARM, "m": PRICE, "event": "Sommerfest"})
    design = make_design({"m": CELL})
    seen = metrics.moments.see_values(metrics.fold(sources.load(design, table), design))["m", "m"]
    assert [(seen[arm]["n"], len(seen[arm]["sizes"]) > 5) for arm in "ab"] == [(N / 2, True)] * 2


def test_run_withholds_a_sum_of_what_is_no_payment():
    found = _run({}, LOG, events=FAILED)["events_add"]
    assert (found.status, found.message) == _fails(VOID_IN_B)


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_run_withholds_a_count_of_payments_that_are_none(kind):
    assert _tell({}, LOG | {"kind": kind}, events=FAILED) == _fails(VOID_IN_B)
    assert _tell({}, LOG | {"kind": kind}, events={"status": "succeeded"}) is None
    open_ = {"event": "ticket", "status": np.where(FAILS, "open", "closed")}
    assert _tell({}, LOG | {"kind": kind, "event": "ticket"}, events=open_) is None


def test_run_does_not_estimate_a_metric_that_does_not_decide_and_sums_what_is_no_payment():
    late, decides = LOG | {"role": "secondary"}, {"n": {"kind": "count", "role": "primary", "column": "n"}}
    found = _check({"n": SCORE}, late, decides, events={"is_test": FAILS})
    assert (found["events_add"].status, found["events_add"].message) == ("warn", VOID_IN_B)
    failed = found["events_add_m"]
    assert (failed.status, failed.message) == ("fail", f"{VOID_IN_B} Its effect is not estimated.")
    released = _check({"n": SCORE}, late, decides, events={"is_test": FAILS}, acknowledge={"events_add": "meant"})
    assert released["events_add"].status == "warn" and "events_add_m" not in released
    part = {"q": {"kind": "ratio", "role": "primary", "numerator": "m", "denominator": "n"}}
    decides = {"n": LOG | {"kind": "count", "role": "secondary"}} | part
    assert _check({}, late, decides, events={"is_test": FAILS})["events_add"].status == "fail"
    meant = _check({}, late, decides, events={"is_test": FAILS}, acknowledge={"events_add": "meant"})
    assert "events_add_m" not in meant


@pytest.mark.parametrize("state", ["failed", "declined"])
def test_run_withholds_amounts_of_a_table_beside_states_of_payments(state):
    for column in ("payment_status", "status"):
        assert _tell({"m": PRICE, column: np.where(FAILS, state, "succeeded")}, CELL) == _fails(VOID_IN_B)
    orders = {"kind": "count", "role": "primary", "column": "orders"}
    assert _tell({"orders": SCORE, "order_state": np.where(FAILS, state, "ok")}, orders)[0] == "fail"
    healthy = {"deleted": FAILS, "refund_amount": np.where(FAILS, PRICE, 0)}
    assert _tell({"m": PRICE, "status": np.where(FAILS, "cancelled", "active"), **healthy}, CELL) is None


def test_run_only_asks_about_a_column_of_units_that_is_true_of_most_and_passes_one_that_is_the_arm():
    assert _tell({"m": PRICE, "paid": np.arange(N) // 2 % 10 >= 7}, CELL) == ("warn", VOID.format("70.0 %", "70.0 %"))
    assert _tell({"m": PRICE, "paid": np.arange(N) // 2 % 10 >= 2}, CELL) == _fails(VOID.format("20.0 %", "20.0 %"))
    assert _tell({"m": PRICE, "is_test": B}, CELL) is None


def test_run_withholds_a_sum_of_payments_that_came_back():
    back = "m adds up payments that were given back, and nothing takes them off: a 0.0 %, b 40.0 %; "
    back += "leave them out, or give the refunds a minus sign."
    assert _tell({}, LOG, events={"status": np.where(FAILS, "refunded", "paid")}) == _fails(back)
    assert _tell({}, LOG, events={"kind": np.where(FAILS, "Refund", "Sale")}) == _fails(back)
    signed = {"kind": np.where(FAILS, "refund", "sale"), "value": np.where(FAILS, -PRICE, PRICE)}
    assert _count(signed, "returned") == 0
    for lawful in ("refundable", "reversible", "reverse_charge", "no refund", "full refund", "Stornoversicherung"):
        assert _count({"type": np.where(FAILS, lawful, "fixed")}, "returned") == 0
    for back in ("Partial refund", "chargebacks", "Reversal", "Rückzahlung", "devolución"):
        assert _count({"type": np.where(FAILS, back, "fixed")}, "returned") > 0
    at = np.where(FAILS, "2024-02-01", None)
    for more in ({"refunded": FAILS}, {"refunded_at": at}, {"refund_amount": FAILS * PRICE}):
        assert _count(more, "returned") == FAILS.sum()
    for every, status in ((25, "warn"), (16, "fail")):  # alike in the arms: 4 %, and 6 %
        alike = _check({}, LOG, events={"refunded": np.arange(N) // 2 % every == 0})["events_add"]
        assert (alike.status, "m adds up payments that were given back" in alike.message) == (status, True)
    assert _tell({}, LOG | {"kind": "binary"}, events={"refunded": FAILS}) is None  # who got it back has paid
    two = {"event": np.where(SOME, "refund", "payment"), "value": np.where(SOME, -PRICE, PRICE)}
    both = two | {"status": np.where(FAILS, "refunded", "paid")}
    assert _tell({}, LOG | {"event": ["payment", "refund"]}, events=both)[0] == "pass"


@pytest.mark.parametrize("more", [
    {"status": "paid"},
    {"status": np.where(B, "active", "trialing")},
    FAILED | {"value": np.where(FAILS, 0, PRICE)},
    {"livemode": True},
    {"is_test": False},
    {"test": np.where(B, "B", "A")},
    {"paid": PRICE},
    {"mode": "card"},
    {"state": np.where(SOME, "CA", "NY")},
    {"promo_code": np.where(FAILS, "404", "FAILSAFE")},
    {"order_type": np.where(FAILS, "new", "open ended")},
    {"failure_code": "0"},
    {"refunded": True, "value": -PRICE},
    {"product": np.where(FAILS, "test kit", "The failed state")},
    {"status": np.where(FAILS, "processed", "shipped")},
    {"status": np.where(FAILS, "processing", "complete")},  # paid, and not yet sent
])  # fmt: skip
def test_ask_values_lets_healthy_states_of_payments_pass(more):
    assert _count(more, "void") == 0


def test_run_refuses_a_row_that_sums_the_others():
    said = "m: a row holds the sum of all others, so that it is a total and no unit; leave it out"
    total, named = PRICE.copy(), [f"u{i:03d}" for i in range(N)]
    total[-1] = total[:-1].sum()
    assert _refuse({"m": total}, CELL) == said
    counts = np.append(SCORE[:-1], SCORE[:-1].sum())
    for title in ("Total", "Summe", "Grand Total", "\u0418\u0442\u043e\u0433\u043e", "totale: 400"):
        named[-1] = title
        assert _refuse({"m": counts, "id": named}, {"kind": "count", "role": "primary"}) == said
    _check({"m": SCORE, "id": named}, {"kind": "count", "role": "primary"})  # a customer of this name
    parts = PRICE.copy()
    parts[-2:] = [PRICE[:-2][mine[:-2]].sum() for mine in (~B, B)]
    assert _refuse({"m": parts}, CELL) == said  # of each arm
    for values in (PRICE, CALLS, PRICE.round()):
        total = values[:-1].sum()
        assert _refuse({"m": [*values[:-1], np.round(total)]}, CELL) == said
        _check({"m": [*values[:-1], 1.01 * total]}, CELL)
    for values in (np.random.default_rng(6).pareto(0.8, N), np.append(np.zeros(N - 4), [6, 3, 2, 1]), np.full(N, 5.0)):
        _check({"m": values}, CELL)
    _check({"m": np.where(np.arange(N) < 3, [10, 20, 30] + [0] * (N - 3), 0)}, CELL)


QUARTER, BOTH = np.arange(N - 4) // 2 % 4, np.array(["a", "a", "b", "b"])


@pytest.mark.parametrize(("arms", "parts"), [
    (BOTH, [(ARM[:-4] == arm) & (half == QUARTER % 2) for arm in "ab" for half in (0, 1)]),  # of each arm
    (np.full(4, "a"), [quarter == QUARTER for quarter in range(4)]),  # the arm of the row above, filled down
])  # fmt: skip
def test_run_refuses_rows_that_sum_the_others_of_a_segment(arms, parts):
    said = "m: some rows hold together the sum of all others, so that they are subtotals and no unit; leave them out"
    arms, rest = np.append(ARM[:-4], arms), PRICE[:-4]
    sums = np.array([rest[is_mine].sum() for is_mine in parts])
    assert _refuse({"variant": arms, "m": np.append(rest, sums)}, CELL) == said
    _check({"variant": arms, "m": np.append(rest, sums + 1)}, CELL)  # four that buy much
    sums = np.array([rest[1:][is_mine[1:]].sum() for is_mine in parts])
    assert _refuse({"variant": arms, "m": [sums.sum(), *rest[1:], *sums]}, CELL) == said  # and their total


def test_run_lets_large_values_pass_that_are_by_chance_as_much_as_all_others():
    few = np.append(np.zeros(N - 24), np.full(20, 2.0))
    _check({"m": np.append(few, np.full(4, 10.0))}, CELL)  # five rows a subtotal are no segments
    near = np.append(np.zeros(N - 63), [2.0] * 60 + [100, 110, 110])  # as large as others
    _check({"m": near}, CELL)


FIRM = np.where(B, "x", "y") + (np.arange(N) // 10).astype("U").astype(object)
UNITS = (
    "Whoever has the same firm is in the same arm, in {n} of {n} cases (a {a}, b {b}): "
    "arms look assigned by firm and not by unit. Where they were, write cluster: firm into the plan, as intervals are "
    "too narrow without."
)


def test_run_tells_a_column_by_which_arms_look_assigned():
    found = _check({"m": SCORE, "firm": FIRM}, RATED)["units_fit"]
    assert (found.status, found.message) == ("warn", UNITS.format(n=80, a=40, b=40))
    uneven = np.where(B, np.arange(N) // 4, 1000 + np.arange(N) // 20)  # many small firms in b
    assert _check({"m": SCORE, "firm": uneven}, RATED)["units_fit"].message == UNITS.format(n=120, a=20, b=100)


def test_run_lets_columns_pass_by_which_arms_were_not_assigned():
    rng = np.random.default_rng(9)
    healthy = [np.arange(N) // 4, rng.integers(0, 30, N), np.arange(N)]  # pairs or blocks, and another id
    healthy += [np.where(B, "new", "old"), np.where(SOME, "x", None), rng.choice(["IT", "DE", "FR"], N)]
    columns = {f"c{i}": column for i, column in enumerate(healthy)} | {"bucket": np.arange(N) % 100}
    assert "units_fit" not in _check({"m": SCORE, **columns}, RATED)


def test_run_holds_what_values_tell():
    assert "units_fit" in _run({"m": PRICE, "firm": FIRM}, CELL)


def _far(arm, other, factor, part=""):
    told = f"The {part}values of m in {arm} are about {factor} times those in {other}, as cents beside whole units "
    return f"{told}would be; give both one unit."


MANY = np.arange(N) % 5 < 2  # of both arms alike


@pytest.mark.parametrize(("values", "metric", "status", "said"), [
    (np.where(B, 100 * PRICE, PRICE), CELL, "fail", _far("b", "a", 89)),
    (np.where(B, PRICE, 1000 * PRICE), CELL, "fail", _far("a", "b", "1,091")),
    (np.where(B & MANY, 1000 * PRICE, PRICE), CELL, "warn", _far("b", "a", 412, "largest ")),  # some of b alone
    (np.where(B, 100 * PRICE, PRICE), CELL | {"unit": "hours"}, "warn", _far("b", "a", 89)),  # as help may be
    (np.where(MANY, 100 * PRICE, PRICE), CELL, None, None),  # large and small in both arms
    (np.where(B, 30 * PRICE, PRICE), CELL, None, None),
    (np.where(B & SOME, 9900, PRICE), CELL, None, None),  # a licence that a treatment sells to some
    (np.where((np.arange(N) < 98) | ~B, np.where(B, 100, 1) * PRICE, 0), CELL, None, None),  # 49 values
])  # fmt: skip
def test_one_arm_in_another_unit_is_told(values, metric, status, said):
    told = _tell({"m": values}, metric)
    assert told == (_fails(f"{said}") if status == "fail" else status and (status, said))


LATE = np.arange(N) % 10 + 1 + np.arange(N) % 7 > 8  # paid from January 10th on
SINCE = "The values of m{where} from 2024-01-10 on are about {factor} those before, as cents beside whole units would "


@pytest.mark.parametrize(("values", "more", "status", "factor"), [
    (np.where(LATE, 100 * PRICE, PRICE), {}, "fail", "101 times"),
    (np.where(LATE, PRICE, 100 * PRICE), {}, "fail", "1/99 of"),
    (np.where(LATE & B, 100 * PRICE, PRICE), {}, "fail", "82 times"),
    (np.where(LATE, 100 * PRICE, PRICE), {"unit": "hours"}, "warn", "101 times"),
    (np.where(LATE, 30 * PRICE, PRICE), {}, "pass", None),
    (np.where(MANY, 100 * PRICE, PRICE), {}, "pass", None),  # on all days
    (np.where(LATE & (np.arange(N) < 100), 100 * PRICE, np.where(LATE, 0, PRICE)), {}, "pass", None),  # a few
])  # fmt: skip
def test_values_from_a_day_on_in_another_unit_are_told(values, more, status, factor):
    check = _check({}, LOG | more, events={"value": values})["events_add"]
    where = " in b" if factor == "82 times" else ""
    said = f"{SINCE.format(where=where, factor=factor)}be; give all one unit."
    said += " " + _far("b", "a", 62, "largest ") if where else ""
    assert check.status == status and (not factor or check.message == (said + RELEASE if status == "fail" else said))


@pytest.mark.parametrize(("days", "status"), [(1, "warn"), (7, "warn"), (8, "fail")])
def test_prices_that_follow_a_trial_of_units_assigned_at_once_are_told_with_a_doubt(days, status):
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N) % days, unit="D")
    units = pd.DataFrame({"unit": np.arange(N).astype(str), "variant": ARM, "assigned_at": start})
    at = pd.Timestamp("2024-01-09") + pd.to_timedelta(9 * (np.arange(N) // 2 % 2), unit="D")
    events = pd.DataFrame({"unit": units["unit"], "event": "payment", "at": at})
    events["value"] = np.where(events["at"] < "2024-01-10", 1.0, 99.0)
    design = make_design({"m": LOG}, assigned_at="assigned_at", as_of="2024-02-29")
    (check,) = check_amounts(metrics.fold(make_source(units, events), design), design)
    assert check.status == status


ASKED = np.random.default_rng(8).choice([0, 1, 2, 3, 5, 7, 8, 8, 9, 9, 10, 10], N)
NONE_ASKED = np.where(ASKED == 0, 10, ASKED)


@pytest.mark.parametrize(("values", "n"), [
    (np.where(FAILS, 0, NONE_ASKED), 80),  # nobody else gives 0
    (np.where(B & MANY, np.arange(N) % 4, NONE_ASKED), None),  # others are low too
    (np.where(FAILS, 0, ASKED), None),  # some of the others give 0
])  # fmt: skip
def test_answers_of_0_in_one_arm_alone_are_none(values, n):
    said = f"The answers of m are 0 far too often, {n} of 200 in one arm, as where nobody answered; leave those cells "
    said += "empty."
    for metric in ({"kind": "nps", "role": "primary"}, RATED | {"scale": [0, 10]}):
        assert _tell({"m": values}, metric) == (_fails(said) if n else None)


HAPPY = np.random.default_rng(8).choice([1, 2, 3, 4, 5], N, p=[0.05, 0.05, 0.1, 0.3, 0.5])
UNHAPPY = np.random.default_rng(9).choice([1, 2, 3, 4, 5], N, p=[0.3, 0.25, 0.2, 0.15, 0.1])


@pytest.mark.parametrize(("values", "is_told"), [
    (np.where(B, 6 - HAPPY, HAPPY), True),
    (np.where(B, UNHAPPY, HAPPY), False),  # a treatment that hurts
    (np.where(B, HAPPY, UNHAPPY), False),
    (np.where(MANY, 6 - HAPPY, HAPPY), False),  # in both arms alike
    (HAPPY, False),
    (np.where(B, UNHAPPY, 6 - UNHAPPY), False),  # one that moves a middling score to the other side of the middle
    (np.where(B & (np.arange(N) % 10 < 8), np.nan, np.where(B, 6 - HAPPY, HAPPY)), False),  # too few
    (np.where(B, 3 - HAPPY.clip(1, 2), HAPPY.clip(1, 2)), False),  # two answers
    (np.where(B, 6 - HAPPY.clip(3, 5), HAPPY.clip(3, 5) - 2), False),  # three
])  # fmt: skip
def test_answers_of_one_arm_that_are_read_backwards_are_told(values, is_told):
    said = "The answers of m in b are spread as those in a would be if read backwards; the scale may be "
    said += "turned in one arm."
    assert _tell({"m": values}, RATED) == (("warn", said) if is_told else None)


@pytest.mark.parametrize(("of_a", "of_b", "status", "said"), [
    (-1, 0, "fail", "Of refund in m hardly any stands in b, where 67 would be expected; money back may be lost."),
    (0, -1, "warn", "Of refund in m hardly any stands in a, where 67 would be expected; money back may be lost."),
    (-1, 1, "fail", "The values of refund in m are below 0 in one arm and above in another; give both one sign."),
    (-1, -1, "pass", None),
])  # fmt: skip
def test_money_back_of_one_arm_alone_or_with_another_sign_is_told(of_a, of_b, status, said):
    sign, back = np.where(B, of_b, of_a), np.arange(N) % 3 == 0
    event = np.where(back & (sign != 0), "refund", "payment")
    values = np.where(event == "refund", sign * PRICE, PRICE)
    found = _check({}, LOG | {"event": ["payment", "refund"]}, events={"event": event, "value": values})["events_add"]
    assert found.status == status and (said is None or said in found.message)
