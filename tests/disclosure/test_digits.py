"""Amounts are so rounded that two runs that differ in one customer do not tell what that one pays."""

import math

import numpy as np
import pandas as pd
import pytest
import yaml

from helpers import inference, metrics, plan, sources
from helpers.disclosure import coarsen, coarsen_frame, cut, protect
from helpers.disclosure.digits import Coarse, find_unit
from helpers.records import to_frame
from helpers.report.document import describe_results
from helpers.view import scales
from helpers.view.words import explain

PLAN = {
    "kind": "experiment", "title": "Links", "question": "Do links pay?", "unit_id": "id", "registered": "after",
    "variant": {"column": "arm", "control": "a", "treatments": ["b"]}, "segments": ["country"],
    "covariates": ["before"],
    "metrics": {
        "paid": {"kind": "amount", "unit": "USD", "role": "primary", "better": "higher", "expected": "higher"},
        "top": {"kind": "amount", "column": "paid", "unit": "USD", "quantile": 0.8, "better": "higher"},
        "active": {"kind": "binary", "better": "higher"},
    },
}  # fmt: skip


def draw(seed, n=300):
    """Return customers of two arms, six of ten of whom pay, and the last one does."""
    rng = np.random.default_rng(seed)
    paid = np.where(rng.random(n) < 0.6, np.round(rng.lognormal(3, 0.8, n), 2), 0.0)
    paid[-1] = round(float(rng.lognormal(3.5, 0.5)), 2)
    frame = pd.DataFrame({"id": [f"c{i}" for i in range(n)], "arm": rng.choice(["a", "b"], n), "paid": paid})
    before, country = paid / 2 + rng.random(n), rng.choice(["IT", "DE"], n)
    return frame.assign(before=before, country=country, active=rng.integers(0, 2, n))


def run(folder, frame):
    """Return what a run of these customers finds, protected, and the same as results.json holds it."""
    frame.to_csv(folder / "customers.csv", index=False)
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    decided = plan.read(str(folder / "plan.yaml"))
    source = sources.load(decided.design, str(folder / "customers.csv"))
    units = metrics.fold(source, decided.design)
    options = {"study": "experiment", "withheld": None, "n_resamples": 200, "seed": 1}
    found = protect(inference.run_experiment(decided, source, units, (), **options), decided.design, units)
    found = explain(found, decided.design)
    return found, describe_results(found, {})["results"]


def solve(more, fewer, arm):
    """Return what one customer more brings, as each estimate of money that is published of its arm has it."""
    side = {"a": "control", "b": "treatment"}[arm]
    n, value = f"n_{side}", f"{side}_value"
    pairs = [(one, two) for one, two in zip(more["estimates"], fewer["estimates"], strict=True) if one[n] > two[n]]
    return [one[n] * one[value] - two[n] * two[value] for one, two in pairs if one["metric"] == "paid"]


def test_two_runs_that_differ_in_one_customer_do_not_tell_what_it_pays(tmp_path):
    told, known = [], []
    for seed in range(4):
        frame = draw(seed)
        (_, more), (_, fewer) = run(tmp_path, frame), run(tmp_path, frame[:-1])
        arm, paid = frame["arm"].iloc[-1], frame["paid"].iloc[-1]
        spread = frame.loc[frame["arm"] == arm, "paid"].std()
        exact, shared = solve(more, fewer, arm), solve(coarsen(more), coarsen(fewer), arm)
        assert min(abs(found - paid) for found in exact) < 0.01  # in the owner's folder it can be solved
        known += [abs(found - paid) / spread for found in shared]
        told += [abs(found - paid) < 0.01 * paid for found in shared]
    assert np.mean(told) < 0.1 and np.median(known) > 0.4


def test_every_total_that_is_shared_stays_unsure_by_a_standard_deviation(tmp_path):
    frame = draw(1)
    results, written = run(tmp_path, frame)
    spread = frame.groupby("arm")["paid"].std().max()
    shared = coarsen(written)
    for row, first in zip(shared["estimates"], written["estimates"], strict=True):
        if row["metric"] != "paid":
            assert row == first or row["metric"] == "top" or row["adjustment"] == "covariates"
            if row["metric"] == "active" and row["adjustment"] == "covariates":  # solved for the counts of small levels
                unit = find_unit(first["std_error"], first["n_control"], first["n_treatment"])
                assert row["estimate"] == cut(first["estimate"], unit) != first["estimate"]
            continue
        if row["estimand"] == "difference" and row["segment"] is None and row["adjustment"] == "none":
            unit = find_unit(first["std_error"], first["n_control"], first["n_treatment"])
            assert unit * min(first["n_control"], first["n_treatment"]) >= spread * 0.99
            assert row["treatment_value"] - row["control_value"] == pytest.approx(row["estimate"])
            figures = [row[name] for name in ("estimate", "ci_low", "ci_high")]
            assert [cut(figure, unit) for figure in figures] == figures
        assert row["p_value"] == float(f"{first['p_value']:.2g}")
    for name, rows in shared["tables"].items():
        assert [list(row) for row in rows] == [list(row) for row in written["tables"][name]]
    believed = shared["tables"]["bayes"][0]
    assert believed["probability_better"] == float(f"{believed['probability_better']:.2g}")
    downloads = coarsen_frame(results, "estimates", to_frame(results.estimates))
    assert downloads["estimate"].dropna().tolist() == pytest.approx([e["estimate"] for e in shared["estimates"]])


def test_tests_and_checks_have_two_digits_when_they_are_shared_whatever_they_are_of():
    metric = {"metric": "active", "kind": "binary"}
    row = {"metric": "active", "adjustment": "none", "estimate": 0.123456, "n_control": 90}
    test = {"id": "t", "metric": "active", "statistic": 12.3456, "df": 2, "p_value": 0.0123456}
    check = {"id": "missing_active", "value": 0.4786885246, "message": "m"}
    content = {"study": "experiment", "data": {"kind": "yours"}, "tables": {"metrics": [metric]}}
    content |= {"estimates": [row], "tests": [test], "checks": [check]}
    found = coarsen(content)
    assert found["estimates"] == [row] and found["tables"] == content["tables"]
    assert found["tests"] == [test | {"statistic": 12.0, "p_value": 0.012}]
    assert found["checks"] == [check | {"value": 0.48}]
    assert coarsen(content | {"data": {"kind": "simulated"}})["tests"] == [test]
    sides = dict.fromkeys(("comparison", "segment", "at", "ci_set"), None) | {"n_control": 300, "n_treatment": 300}
    some = row | sides | {"estimand": "difference", "std_error": 0.04, "population": "responders"}
    some |= {"ci_low": 0.043, "ci_high": 0.2034, "control_value": 155 / 299, "treatment_value": 155 / 299 + 0.123456}
    told = coarsen(content | {"estimates": [some]})["estimates"][0]  # of 300 as well as of 299
    assert (told["control_value"], told["estimate"], told["ci_low"]) == (0.52, 0.125, 0.045)
    believed = {"metric": "active", "mean": 0.123456, "ci_low": 0.04, "ci_high": 0.2, "control_value": 155 / 299}
    told = coarsen(content | {"estimates": [some], "tables": content["tables"] | {"bayes": [believed]}})["tables"]
    assert told["bayes"] == [believed | {"mean": 0.125, "control_value": 0.52}]
    assert Coarse("experiment", [metric], [row]).round_rows("bayes", [believed]) == [believed]


def test_a_report_prints_no_more_digits_of_amounts_than_are_shared(tmp_path):
    frame = draw(2)
    results, _ = run(tmp_path, frame)
    spread = frame.groupby("arm")["paid"].std().max()
    e = next(e for e in results.estimates if e.metric == "paid" and e.estimand == "difference")
    own = scales.read_scale(results, "paid")
    public = scales.read_scale(results.but(data=results.data.__class__("public", "", "f", None, 1, 1)), "paid")
    assert own.is_own and not public.is_own and not scales.read_scale(results, "active").is_own
    decimals = scales.effect_decimals(e, own)
    assert 10.0**-decimals * min(e.n_control, e.n_treatment) >= spread * 0.99
    assert decimals < scales.effect_decimals(e, public)
    values = [scales.write_value(v, own, beside=e) for v in (e.treatment_value, e.control_value)]
    first, second, gap = (float(text.replace("$", "")) for text in (*values, scales.write_effect(e, own)))
    assert first - second == gap
    drawn = scales.round_effect(e, own)
    assert drawn.estimate == cut(e.estimate, 10.0**-decimals) and scales.round_effect(e, public) is e


@pytest.mark.parametrize(("value", "unit", "is_end", "found"), [
    (3.038, 0.2, False, 3.0),
    (-3.14, 0.5, False, -3.0),
    (0.04, 0.2, False, 0.0),
    (0.04, 0.2, True, 0.2),  # an end keeps its side of no effect
    (-0.04, 0.2, True, -0.2),
    (0.0, 0.2, True, 0.0),
    (1234.5, 50.0, False, 1250.0),
    (0.04321, None, False, 0.043),  # a p-value
    (382.0, None, False, 382.0),  # a whole number without a unit
    (math.inf, 0.2, False, math.inf),
    (None, 0.2, False, None),
    ((None, 1.23), 0.2, True, (None, 1.2)),  # an unbounded set
    ("x", 0.2, False, "x"),
    (7, 0.2, False, 7),
])  # fmt: skip
def test_cut_by_hand(value, unit, is_end, found):
    assert cut(value, unit, is_end=is_end) == found


def test_find_unit_by_hand():
    found = [find_unit(error, 400, 900) for error in (2.0, 2.1, 4.1, 10.1, 0.0, math.nan, None)]
    assert found == [0.1, 0.2, 0.5, 1.0, None, None, None]
    assert find_unit(2.0, None, 400) == 0.1 and find_unit(2.0, 0) is None


def test_a_year_of_money_keeps_the_digits_of_its_interval():
    metrics_ = [{"metric": "revenue", "kind": "amount"}, {"metric": "active", "kind": "binary"}]
    about = {"metric": "revenue", "comparison": "b - a", "population": "itt", "segment": None, "at": None}
    about |= {"estimand": "difference", "std_error": 2.0, "ci_low": -1.0, "ci_high": 7.0}
    about |= {"n_control": 400, "n_treatment": 400}
    money = {"row": "chance", "low": 1_195_678.0, "central": 1_234_567.0, "high": 1_273_456.0, "unit": "USD a year"}
    coarse = Coarse("live_support", metrics_, [about])
    rounded = {"low": 1_196_000.0, "central": 1_235_000.0, "high": 1_273_000.0}
    assert coarse.round_rows("money", [money])[0] == money | rounded
    brings = {"basis": "central estimate", "brings": 1_234_567.0, "hours": 15228.57, "break_even": None}
    assert coarse.round_rows("break_even", [brings])[0] == brings | {"brings": 1_200_000.0, "hours": 15000.0}
    shares = [about | {"metric": "active"}]
    assert Coarse("live_support", metrics_[1:], shares).round_rows("money", [money]) == [money]
