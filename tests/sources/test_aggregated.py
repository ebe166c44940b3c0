"""Rows that are sums over units give what their units give, and sums that no units can have are refused."""

import csv
import io

import pandas as pd
import pytest
from sources_samples import tell_refusal

from helpers import checks, inference, metrics, plan, simulate, sources

PLAN = {
    **{"kind": "experiment", "title": "Sums", "question": "Does it sell more?", "unit": "visitor"},
    **{"units_in_row": "visitors", "assigned_at": "day", "segments": ["country"], "covariates": ["country"]},
    "variant": {"column": "arm", "control": "a", "treatments": ["b"]},
    "metrics": {"paid": {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.03},
     "renewed": {"kind": "binary"}, "revenue": {"kind": "amount", "squares": "revenue_squares", "worthwhile": 2,
     "expected": "higher"}, "visits": {"kind": "count", "squares": "visits_squares"}, "grade": {"kind": "score",
     "squares": "grade_squares"}, "seats": {"kind": "count", "squares": "seats_squares"},
     "per_visit": {"kind": "ratio", "numerator": "revenue", "denominator": "visits", "products": "both"},
     "per_payer": {"kind": "ratio", "numerator": "renewed", "denominator": "paid", "products": "renewing"},
     "per_seat": {"kind": "ratio", "numerator": "seats", "denominator": "visits", "products": "seated"}},
}  # fmt: skip
ROW = "arm,day,country,visitors,paid,revenue,revenue_squares"
SMALL = {name: PLAN["metrics"][name] for name in ("paid", "revenue")}
DESIGN = plan.read(PLAN | {"metrics": SMALL, "covariates": []}).design


def change(metric, **keys):
    """The plan with some keys of a metric changed; None leaves a key out."""
    changed = {key: value for key, value in (PLAN["metrics"][metric] | keys).items() if value is not None}
    return PLAN | {"metrics": PLAN["metrics"] | {metric: changed}}


def study(given, data, **more):
    decided = plan.read(given)
    source = sources.load(decided.design, data, **more)
    units = metrics.fold(source, decided.design)
    trust = checks.run(units, source, decided.design)
    return inference.run_experiment(decided, source, units, trust, study="experiment")


def unsum(given):
    """The plan of the same units, one a row."""
    of = {n: {k: v for k, v in m.items() if k not in ("squares", "products")} for n, m in given["metrics"].items()}
    return {k: v for k, v in given.items() if k != "units_in_row"} | {"unit_id": "aggregated:row", "metrics": of}


def write(*rows, head=ROW):
    return pd.read_csv(io.StringIO("\n".join([head, *rows])))


def test_sums_of_more_units_are_larger_and_no_other_unit_of_money():
    rows = [f"{arm},2024-01-{i % 28 + 1:02d},it,{n},0,{n * (20 + i)},{n * (20 + i) ** 2}"
            for arm, n in (("a", 1), ("b", 12)) for i in range(40)]  # fmt: skip
    design = plan.read(PLAN | {"metrics": SMALL, "segments": [], "covariates": []}).design
    source = sources.load(design, write(*rows))
    assert "events_add" not in {check.id for check in checks.run(metrics.fold(source, design), source, design)}


def test_sums_give_the_estimates_of_their_units():
    made = simulate.simulate("experiment", plan.read(PLAN).design, n_units=2_000, seed=1)
    assert 100 < len(made.assignments) < len(made.units) == made.assignments["visitors"].sum()
    by_unit, by_sum = study(unsum(PLAN), made.units), study(PLAN, made.assignments)
    expected = {e.id: e for e in by_unit.estimates if e.adjustment != "winsorised"}
    assert {e.id for e in by_sum.estimates} == expected.keys()
    for e in by_sum.estimates:
        told, known = (
            [x.estimate, x.std_error, x.ci_low, x.ci_high, x.p_value, x.n_control, x.n_treatment]
            for x in (e, expected[e.id])
        )
        assert told == pytest.approx(known, rel=1e-8, abs=1e-9, nan_ok=True), e.id
        assert e.verdict == expected[e.id].verdict


def test_sums_are_the_same_in_any_order_of_rows():
    design = plan.read(PLAN).design
    made = simulate.simulate("experiment", design, n_units=500, seed=4).assignments
    loaded = [sources.load(design, rows).units.to_pandas() for rows in (made, made.sample(frac=1, random_state=1))]
    pd.testing.assert_frame_equal(*(rows.sort_values("unit", ignore_index=True) for rows in loaded))


def test_units_of_a_row_by_hand():
    rows = write(
        "a,2024-01-01,x,4,3,10,54", "a,2024-01-02,x,1,0,7,49", "b,2024-01-01,x,2,1,2,4", "b,2024-01-02,x,0,0,0,0"
    )
    source = sources.load(DESIGN, rows)
    units = metrics.fold(source, DESIGN).frame()
    by_arm = units.groupby("arm")[["paid", "revenue"]].agg(["size", "sum", lambda y: (y**2).sum()])
    assert by_arm.loc["a"].tolist() == pytest.approx([5, 3, 3, 5, 17, 103])
    assert by_arm.loc["b"].tolist() == pytest.approx([2, 1, 1, 2, 2, 4])
    assert source.info.steps == (("read", 4, "sums over units"), ("kept", 7, "units that they hold"))
    assert (source.n_assigned, source.n_two_variants, source.n_duplicates, source.n_two_rows) == (7, 0, 0, 0)
    said = "sums over units, one a row; ranks, quantiles and tails within a row are not known"
    assert said in " ".join(source.info.messages)


def test_a_row_without_a_sum_holds_units_whose_outcome_is_unknown():
    rows = write(
        "a,2024-01-01,x,40,,10,54", "a,2024-01-02,x,60,20,7,49", "b,2024-01-01,x,100,31,2,4", "b,2024-01-02,x,60,,2,4"
    )
    found = study(PLAN | {"metrics": SMALL, "covariates": [], "segments": []}, rows)
    paid = found.select(metric="paid", estimand="difference", role="primary")[0]
    assert (paid.n_control, paid.n_treatment, paid.control_value) == (60, 100, pytest.approx(1 / 3))


def test_a_tail_that_sums_do_not_tell_is_said_and_not_split():
    made = simulate.simulate("experiment", plan.read(PLAN).design, n_units=900, seed=5)
    decided = plan.read(PLAN)
    source = sources.load(decided.design, made.assignments)
    units = metrics.fold(source, decided.design)
    found = inference.run_experiment(decided, source, units, (), study="experiment")
    told = {check.id: check.message for check in found.checks if check.id.startswith("domain")}
    assert told["domain_revenue"] == (
        "Revenue: the data are sums, which do not tell how long the tail is, so whether its interval holds the truth "
        "as often as it says is not known."
    )
    assert "domain_paid" not in told
    splits = {row.metric: row.reason for row in checks.resplit(units, n_splits=100, seed=1)}
    assert splits["revenue"] == "its rows hold sums, which do not tell the values that a split would mix"
    assert splits["paid"] is None


def test_published_rates_of_a_course(shared):
    """Udacity's course on A/B tests publishes both differences of one row a day, from the first 23 days."""
    rows = list(csv.DictReader((shared / "data" / "udacity_free_trial.csv").open(encoding="utf-8")))
    days = pd.to_datetime(["2014-" + row["Date"][4:] for row in rows], format="%Y-%b-%d")
    table = pd.DataFrame(rows).assign(Date=days).query("Enrollments != ''")
    given = {
        **{"kind": "experiment", "title": "Free trial", "question": "Do fewer begin who will not pay?"},
        **{"unit": "click", "units_in_row": "Clicks"},
        "variant": {"column": "group", "control": "control", "treatments": ["experiment"], "split": "unknown"},
        "metrics": {"gross": {"kind": "binary", "role": "primary", "better": "lower", "column": "Enrollments"},
         "net": {"kind": "binary", "column": "Payments"}, "retained": {"kind": "ratio", "numerator": "net",
         "denominator": "gross", "products": "Payments"}},
    }  # fmt: skip
    found = {
        e.metric: e for e in study(given, table).estimates if e.estimand == "difference" and e.role != "sensitivity"
    }
    told = {name: [round(x, 4) for x in (e.estimate, e.ci_low, e.ci_high)] for name, e in found.items()}
    assert told["gross"] == [-0.0206, -0.0291, -0.0120]
    assert told["net"] == [-0.0049, -0.0116, 0.0019]
    assert told["retained"][0] == 0.0311


@pytest.mark.parametrize(("rows", "fault"), [
    (["a,2024-01-01,x,4,5,0,0"], "column paid: 1 row with more units that have it than units"),
    (["a,2024-01-01,x,4,3,10,24"], "column revenue_squares: 1 row whose squares are fewer than its revenue allows"),
    (["a,2024-01-01,x,4,3,10,"], "column revenue_squares: 1 row whose squares are fewer than its revenue allows"),
    (["a,2024-01-01,x,0,0,10,100"], "column revenue: 1 row with a sum of no units"),
])  # fmt: skip
def test_sums_that_no_units_can_have_are_refused(rows, fault):
    refused = tell_refusal(sources.load, DESIGN, write(*rows, "b,2024-01-01,x,5,1,0,0"))
    assert refused == f"data (DataFrame), {fault}; correct them, or leave those rows out"


def test_products_that_no_units_can_have_are_refused():
    of = {name: PLAN["metrics"][name] for name in ("revenue", "paid")} | {
        "mean": {"kind": "ratio", "numerator": "revenue", "denominator": "paid", "products": "both"}
    }
    design = plan.read(PLAN | {"metrics": of, "covariates": []}).design
    rows = write("a,2024-01-01,x,4,2,4,8,20", "b,2024-01-01,x,4,2,4,8,4", head=f"{ROW},both")
    refused = tell_refusal(sources.load, design, rows)
    fault = "column both: 1 row with products that these sums and squares do not allow; correct them, or leave those"
    assert refused.endswith(f"{fault} rows out")


def _write_days(n=8, grows=lambda day: 1):
    """Rows of both arms by day: a tenth pays ten, of a hundred units times what grows."""
    sizes = [(arm, day + 1, 100 * grows(day) + shift) for shift, arm in enumerate("ab") for day in range(n)]
    return [f"{arm},2024-01-{day:02d},x,{m},{m // 10},{10 * (m // 10)},{100 * (m // 10)}" for arm, day, m in sizes]


TOTAL = "2 rows with the sum of all others of their arm, so that units would count twice; leave totals out"
RUNNING = "every row holds at least what that before it by day does, as where each counts all up to its day; give each"


@pytest.mark.parametrize(("rows", "fault"), [
    ([*_write_days(), "a,2024-02-01,x,800,80,800,8000", "b,2024-02-01,x,808,80,800,8000"], TOTAL),
    (_write_days(grows=lambda day: day + 1), f"{RUNNING} day its own sums"),
    (_write_days(grows=lambda day: 2**day), None),  # an enrolment that doubles each day
    (_write_days(6, grows=lambda day: day + 1), None),  # six days may rise by chance
    (_write_days(), None),
])  # fmt: skip
def test_rows_that_hold_the_sums_of_others_are_refused(rows, fault):
    if fault is None:
        assert sources.load(DESIGN, write(*rows)).info.rows == len(rows)
    else:
        assert tell_refusal(sources.load, DESIGN, write(*rows)) == f"data (DataFrame): {fault}"


def test_equal_rows_are_refused():
    rows = ["a,2024-01-01,x,4,3,10,54", "b,2024-01-01,x,4,3,10,54"]
    refused = tell_refusal(sources.load, DESIGN, write(*rows, rows[0]))
    fault = "1 row that repeats another in every column, so that its units would count twice; export each once"
    assert refused.endswith(f": {fault}")


def test_events_beside_sums_are_refused():
    rows = write("a,2024-01-01,x,4,3,10,54", "b,2024-01-01,x,4,3,10,54")
    events = pd.DataFrame({"unit": ["1"], "event": ["paid"], "at": ["2024-01-01"]})
    refused = tell_refusal(sources.load, DESIGN, rows, events=events)
    assert refused == "events: given beside rows that hold many units, which no event can name; leave them out"


@pytest.mark.parametrize(("given", "fault"), [
    (PLAN | {"unit_id": "visitor"}, "rows that hold many units have no id of each: leave out unit_id"),
    (PLAN | {"cluster": "shop"}, "rows that hold many units tell no cluster: leave it out"),
    (PLAN | {"exposure": {"column": "saw"}}, "rows that hold many units tell no exposure: leave it out"),
    (change("revenue", squares=None), "revenue needs squares, the column with the sum of its squares in each row"),
    (change("per_payer", products=None),
     "per_payer needs products, the column with the sum of numerator times denominator in each row"),
    (change("grade", scale="ordered", squares=None),
     "rows that hold many units do not tell grade; it can be a share, a mean of numbers, or a ratio of two "
     "metrics"),
    (change("per_seat", numerator="revenue"),
     "beside products a metric stands in one ratio, and these do not: revenue"),
    (unsum(PLAN) | {"metrics": {"revenue": PLAN["metrics"]["revenue"]}},
     "squares of revenue: only rows that hold many units need them; name their number in units_in_row"),
])  # fmt: skip
def test_plans_that_sums_cannot_answer_are_refused(given, fault):
    assert fault in tell_refusal(plan.read, given)
