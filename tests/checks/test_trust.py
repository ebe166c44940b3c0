"""The trust checks: what each says, when it warns, and when an answer is withheld."""

import math

import numpy as np
import pandas as pd
import pytest
from made_sources import make_design, make_source
from scipy import stats

from helpers import checks, metrics
from helpers.records import Check

KINDS = {"csat": {"kind": "score"}}


def _make_frame(n_a=500, n_b=500, seed=1):
    rng = np.random.default_rng(seed)
    n = n_a + n_b
    frame = pd.DataFrame({"unit": [f"u{i:05d}" for i in range(n)], "variant": ["a"] * n_a + ["b"] * n_b})
    frame["csat"], frame["seats"] = rng.normal(size=n), rng.poisson(5, n).astype(float)
    frame["tier"] = rng.choice(["free", "pro"], n)
    frame["assigned_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 21 * 86_400, n), unit="s")
    frame["took"] = np.where(frame["variant"] == "a", rng.random(n) < 0.4, 0.0).astype(float)
    return frame


def _run(frame, kinds=KINDS, counted=None, **plan):
    design = make_design(kinds, **plan)
    source = make_source(frame, **(counted or {}))
    return {check.id: check for check in checks.run(metrics.fold(source, design), source, design)}


def test_run_lists_the_checks_that_the_plan_gives_cause_for():
    assert list(_run(_make_frame(60, 60))) == ["srm", "duplicates", "two_variants", "missing_csat"]
    plan = {"assigned_at": "assigned_at", "segments": ["tier"], "covariates": ["seats"], "exposure": {"column": "took"}}
    found = _run(_make_frame(), **plan)
    expected = ["srm", "srm_tier", "srm_over_time", "balance", "duplicates", "two_variants", "missing_csat"]
    assert list(found) == [*expected, "exposure_over_time"]
    assert {check.status for check in found.values()} == {"pass"}


def test_run_split_as_planned():
    check = _run(_make_frame(510, 490))["srm"]
    assert (
        check.message
        == "The sample ratio is as planned, by unit: a 510 (planned 50.0 %), b 490 (planned 50.0 %); p = .527."
    )
    assert (check.status, round(check.value, 3), check.threshold) == ("pass", 0.527, 0.001)


def test_run_split_not_as_planned():
    check = _run(_make_frame(600, 400))["srm"]
    assert check.status == "fail"
    assert check.message == (
        "The sample ratio is not as planned, by unit: a 600 (planned 50.0 %), b 400 (planned 50.0 %); p < .001. The "
        "arms gain or lose units in different ways, so their outcomes cannot be compared."
    )


def test_run_split_follows_the_plan_and_its_unknown():
    assert _run(_make_frame(600, 400), variant={"split": {"a": 0.6, "b": 0.4}})["srm"].status == "pass"
    found = _run(_make_frame(600, 400), variant={"split": "unknown"}, segments=["tier"], assigned_at="assigned_at")
    message = "The planned split is unknown, so the sample ratio is not tested."
    assert (found["srm"].status, found["srm"].message) == ("not tested", message)
    assert "srm_tier" not in found and "srm_over_time" not in found


def test_run_split_leaves_out_groups_outside_the_randomisation():
    frame = pd.concat(
        [_make_frame(500, 500), _make_frame(0, 900).assign(variant="cps", unit=lambda f: "c" + f["unit"])]
    )
    assert _run(frame, variant={"observational": ["cps"]})["srm"].status == "pass"


def test_run_split_of_too_few_in_three_arms_is_not_tested():
    frame = _make_frame(6, 6).assign(variant=["a", "b", "c"] * 4)
    check = _run(frame, variant={"treatments": ["b", "c"]})["srm"]
    sizes = "a 4 (planned 33.3 %), b 4 (planned 33.3 %), c 4 (planned 33.3 %)"
    assert (check.status, check.message) == ("not tested", f"Too few to test the sample ratio, by unit: {sizes}.")


def test_run_split_counts_clusters_where_the_plan_names_them():
    frame = _make_frame(600, 400)
    frame["firm"] = [f"f{i // 6}" if i < 600 else f"g{i // 4}" for i in range(1000)]  # a hundred firms an arm
    check = _run(frame, cluster="firm")["srm"]
    assert (check.status, check.value) == ("pass", 1.0)
    assert (
        check.message
        == "The sample ratio is as planned, by firm: a 100 (planned 50.0 %), b 100 (planned 50.0 %); p > .999."
    )


def test_run_split_by_segment_names_the_worst_level():
    frame = _make_frame(500, 500)
    frame["tier"] = ["pro"] * 150 + ["free"] * 350 + ["pro"] * 300 + ["free"] * 200  # opposite in the two tiers
    check = _run(frame, segments=["tier"])["srm_tier"]
    assert check.status == "warn"
    assert (
        check.message == "The sample ratio differs from the plan across levels of tier, most in pro; adjusted p < .001."
    )


def test_run_split_by_segment_takes_bonferroni_over_the_levels():
    frame = _make_frame(500, 500).assign(tier=["pro"] * 260 + ["free"] * 240 + ["pro"] * 230 + ["free"] * 270)
    check = _run(frame, segments=["tier"])["srm_tier"]  # 260 v 230 and 240 v 270
    expected = 2 * min(stats.chisquare([260, 230]).pvalue, stats.chisquare([240, 270]).pvalue)
    assert check.value == pytest.approx(expected)


def test_run_split_by_segment_names_no_small_level():
    frame = _make_frame(500, 500)
    frame.loc[:39, "tier"] = "rare"  # forty units, all in a
    found = [_run(frame, segments=["tier"], min_cell=cell)["srm_tier"] for cell in (10, 41)]
    assert [("rare" in check.message, check.status) for check in found] == [(True, "warn"), (False, "pass")]


def test_run_split_by_segment_of_one_level_is_not_tested():
    check = _run(_make_frame().assign(tier="pro"), segments=["tier"])["srm_tier"]
    message = "There are not two levels of tier with enough units to test the sample ratio."
    assert (check.status, check.message) == ("not tested", message)


def test_run_split_over_time_names_the_week():
    frame = _make_frame(500, 500)
    times = [*["2024-01-01"] * 350, *["2024-01-08"] * 150, *["2024-01-01"] * 200, *["2024-01-08"] * 300]
    check = _run(frame.assign(assigned_at=times), assigned_at="assigned_at")["srm_over_time"]
    expected = "The sample ratio differs from the plan across weeks of assignment, most in week 2; adjusted p < .001."
    assert (check.status, check.message) == ("warn", expected)


def test_run_balance_says_the_largest_difference_without_a_level():
    frame = _make_frame()
    frame["country"] = np.where(frame["variant"] == "a", "it", np.where(frame.index % 2, "it", "de"))
    found = _run(frame, covariates=["seats"])["balance"], _run(frame, covariates=["seats", "country"])["balance"]
    assert [check.status for check in found] == ["pass", "warn"]
    assert found[0].message == (
        "Covariates: largest standardised difference 0.07 (seats). Differences like these arise by chance in 24.6 % of "
        "randomisations; below 0.1 % this check warns."
    )
    assert found[1].message == (
        "Covariates differ more between the arms than chance explains: largest standardised difference 1.41 (country). "
        "Differences like these arise by chance in under 0.1 % of randomisations."
    )


@pytest.mark.parametrize(("kind", "told"), [({}, "csat"), ({"label": "Ease of use"}, "Ease of use")])
def test_run_missing_calls_a_metric_by_its_label(kind, told):
    check = _run(_make_frame(), {"csat": {"kind": "score", **kind}})["missing_csat"]
    assert check.message == f"The outcome {told} is known for every unit."


def test_run_balance_without_variation_is_not_tested():
    check = _run(_make_frame().assign(seats=3.0), covariates=["seats"])["balance"]
    message = "There are too few units, or no variation, to test the balance of the covariates."
    assert (check.status, check.message) == ("not tested", message)


@pytest.mark.parametrize(
    ("n", "status", "message"),
    [(0, "pass", "No row repeats another."), (3, "warn", "Rows that repeat another row exactly, dropped: 3.")],
)
def test_run_duplicates(n, status, message):
    assert _run(_make_frame(50, 50), counted={"n_duplicates": n})["duplicates"] == Check(
        "duplicates", status, n, 0.0, message
    )


@pytest.mark.parametrize(
    ("n", "status", "message"),
    [
        (0, "pass", "No unit stands in two variants."),
        (10, "warn", "In two variants, left out: 10 of 1,000 by unit (1.0 %)."),  # 1 % is not above 1 %
        (
            11,
            "fail",
            "In two variants, left out: 11 of 1,000 by unit (1.1 %). Above 1 % the arms are mixed, so their outcomes "
            "cannot be compared.",
        ),
    ],
)
def test_run_two_variants(n, status, message):
    check = _run(_make_frame(50, 50), counted={"n_two_variants": n, "n_assigned": 1000})["two_variants"]
    assert check == Check("two_variants", status, n / 1000, 0.01, message)


def _lose(frame, a, b):
    """Leave the first outcomes of each arm unknown."""
    lost = frame.groupby("variant").cumcount() < frame["variant"].map({"a": a, "b": b})
    return frame.assign(csat=frame["csat"].mask(lost))


UNLIKE = "Outcomes of csat are missing at different rates: {}; p < .001. Its effect is not estimated."


@pytest.mark.parametrize(
    ("a", "b", "status", "message"),
    [
        (0, 0, "pass", "The outcome csat is known for every unit."),
        (100, 110, "pass", "Outcomes of csat are missing alike in the arms: a 20.0 %, b 22.0 %; p = .438."),
        (100, 3, "fail", UNLIKE.format("a 20.0 %, b fewer than 10 units")),
        (495, 400, "fail", UNLIKE.format("a all but fewer than 10 units, b 80.0 %")),
    ],
)
def test_run_missing(a, b, status, message):
    check = _run(_lose(_make_frame(), a, b))["missing_csat"]
    assert (check.status, check.message) == (status, message)
    assert math.isnan(check.value) == (a == 0)


@pytest.mark.parametrize(
    ("as_of", "status", "message"),
    [
        ("2024-03-01", "pass", "The outcome csat is known for every unit whose window is over."),
        ("2024-01-22", "not tested", "No window of csat is over yet."),
    ],
)
def test_run_missing_looks_only_where_the_window_is_over(as_of, status, message):
    plan = {"assigned_at": "assigned_at", "as_of": as_of}
    check = _run(_make_frame(), {"csat": {"kind": "score", "within_days": 30}}, **plan)["missing_csat"]
    assert (check.status, check.message) == (status, message)


def test_run_missing_counts_what_is_filled_with_zero():
    assert (
        _run(_lose(_make_frame(), 100, 0), {"csat": {"kind": "amount", "missing": "zero"}})["missing_csat"].status
        == "fail"
    )


def test_run_missing_of_those_asked_and_whether_the_arms_ask_alike():
    kinds = {"csat": {"kind": "score", "asked": "sent"}}
    asked_alike = _lose(_make_frame(), 100, 0).assign(sent=lambda f: f["csat"].notna().astype(float))
    check = _run(asked_alike, kinds)["missing_csat"]  # all who are asked answer, but b asks more
    assert check.message == (
        "Outcomes of csat are missing at different rates: a 0.0 %, b 0.0 %; p < .001. Asked: a 80.0 %, b 100.0 %. "
        "Its effect is not estimated."
    )
    answers = _run(_lose(_make_frame(), 100, 100).assign(sent=1.0), kinds)["missing_csat"]
    assert answers.message == (
        "Outcomes of csat are missing alike in the arms: a 20.0 %, b 20.0 %; p > .999. Asked: a 100.0 %, b 100.0 %."
    )


def test_run_missing_is_not_tested_in_cells_too_small():
    frame = _make_frame(6, 6).assign(variant=["a", "b", "c"] * 4)
    frame.loc[0, "csat"] = np.nan
    check = _run(frame, variant={"treatments": ["b", "c"]})["missing_csat"]
    rates = "a fewer than 10 units, b 0.0 %, c 0.0 %"
    expected = f"Too few outcomes of csat to test whether they are missing alike: {rates}."
    assert (check.status, check.message) == ("not tested", expected)


def test_run_missing_of_clusters_allows_for_their_likeness():
    frame = _make_frame(500, 500).assign(firm=lambda f: "f" + (f.index // 50).astype(str))
    frame.loc[frame["firm"].isin(["f0", "f1", "f2"]), "csat"] = np.nan  # three of ten firms of a, none of b
    assert _run(frame)["missing_csat"].status == "fail"
    check = _run(frame, cluster="firm")["missing_csat"]
    expected = stats.ttest_ind([1] * 3 + [0] * 7, [0] * 10).pvalue
    assert (check.status, check.value) == ("pass", pytest.approx(expected))


def test_run_exposure_over_time():
    frame = _make_frame().assign(assigned_at=lambda f: np.where(f.index % 2, "2024-01-01", "2024-01-09"))
    plan = {"assigned_at": "assigned_at", "exposure": {"column": "took"}}
    steady = frame.assign(took=(frame["variant"] == "a") & (frame.index % 5 < 2)).astype({"took": float})
    check = _run(steady, **plan)["exposure_over_time"]
    message = "Take-up is steady over the weeks of assignment: a 40.0 %, b 0.0 %; smallest adjusted p > .999."
    assert (check.status, check.message) == ("pass", message)
    broken = frame.assign(took=((frame["variant"] == "a") & (frame.index % 2 == 1)).astype(float))
    check = _run(broken, **plan)["exposure_over_time"]
    message = "Take-up changes over the weeks of assignment: a 50.0 %, b 0.0 % in all; adjusted p < .001."
    assert (check.status, check.message) == ("warn", message)


def test_run_exposure_compares_no_week_of_few_units():
    frame = _make_frame(50, 50).assign(took=lambda f: (f.index % 2).astype(float))
    frame["assigned_at"] = np.where(frame.groupby("variant").cumcount() < 8, "2024-01-01", "2024-01-09")
    plan = {"assigned_at": "assigned_at", "exposure": {"column": "took"}}
    found = [_run(frame, min_cell=cell, **plan)["exposure_over_time"].status for cell in (8, 9)]
    assert found == ["pass", "not tested"]


def test_run_exposure_of_one_week_is_not_tested():
    frame = _make_frame(50, 50).assign(assigned_at="2024-01-01", took=0.0)
    check = _run(frame, assigned_at="assigned_at", exposure={"column": "took"})["exposure_over_time"]
    message = "There are not two weeks with enough units to compare the take-up: a 0.0 %, b 0.0 %."
    assert (check.status, check.message) == ("not tested", message)


def _check(name, status):
    return Check(name, status, 0.0, 0.001, f"{name} is {status}.")


@pytest.mark.parametrize(
    ("trust", "acknowledge", "expected"),
    [
        (["srm pass", "balance warn"], {}, None),
        (["srm fail"], {}, "srm is fail."),
        (["srm fail", "two_variants fail"], {}, "srm is fail. two_variants is fail."),
        (["srm fail", "two_variants fail"], {"srm": "a known outage"}, "two_variants is fail."),
        (["srm fail"], {"srm": "a known outage"}, None),
        (["missing_csat fail", "srm_tier warn"], {}, None),  # these do not withhold the answer
    ],
)
def test_withheld(trust, acknowledge, expected):
    made = tuple(_check(*text.split()) for text in trust)
    assert checks.withheld(made, make_design(KINDS, acknowledge=acknowledge)) == expected
