"""The trust checks: what each says, when it warns, when an answer is withheld, and each p-value of chance."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import make_design, make_source
from scipy import stats
from sources_samples import tell_refusal
from statsmodels.multivariate.manova import MANOVA

from helpers import checks, metrics
from helpers.checks import rates
from helpers.checks.rates import compare_covariates, compare_rates, compare_split
from helpers.records import Check, Moments

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
    assert list(_run(_make_frame(60, 60))) == ["srm", "duplicates", "two_variants", "missing_csat", "attrition"]
    plan = {"assigned_at": "assigned_at", "segments": ["tier"], "covariates": ["seats"], "exposure": {"column": "took"}}
    found = _run(_make_frame(), **plan, shown_as={"contrast": "control - treatment"})
    expected = ["srm", "srm_tier", "srm_over_time", "balance", "duplicates", "two_variants", "missing_csat"]
    assert list(found) == [*expected, "attrition", "exposure_over_time"]
    assert found.pop("attrition").status == "not tested"
    assert {check.status for check in found.values()} == {"pass"}


SPLITS = [
    # units of a and b: as planned, and not
    (510, 490, "pass", "The sample ratio is as planned, by unit: {}; p = .527."),
    # 2.8 standard errors: neither as planned nor surely not
    (545, 455, "warn", "Whether the sample ratio is as planned is unclear, by unit: {}; p = .004. Below .01 it is in "
     "doubt, below .001 the arms are not compared."),
    (600, 400, "fail", "The sample ratio is not as planned, by unit: {}; p < .001. The arms gain or lose units in "
     "different ways, so their outcomes cannot be compared."),
]  # fmt: skip


@pytest.mark.parametrize(("n_a", "n_b", "status", "message"), SPLITS)
def test_run_split_as_planned_and_not(n_a, n_b, status, message):
    check = _run(_make_frame(n_a, n_b))["srm"]
    told = message.format(f"a {n_a} (planned 50.0 %), b {n_b} (planned 50.0 %)")
    assert (check.status, check.message, check.threshold) == (status, told, 0.001)


def test_run_split_follows_the_plan_and_its_unknown():
    assert _run(_make_frame(600, 400), variant={"split": {"a": 0.6, "b": 0.4}})["srm"].status == "pass"
    found = _run(_make_frame(600, 400), variant={"split": "unknown"}, segments=["tier"], assigned_at="assigned_at")
    message = "The planned split is unknown, so the sample ratio is not tested."
    assert (found["srm"].status, found["srm"].message) == ("not tested", message)
    assert "srm_tier" not in found and "srm_over_time" not in found


def test_run_split_leaves_out_groups_outside_the_randomisation():
    cps = _make_frame(0, 900).assign(variant="cps", unit=lambda f: "c" + f["unit"])
    assert _run(pd.concat([_make_frame(), cps]), variant={"observational": ["cps"]})["srm"].status == "pass"


def test_run_split_counts_clusters_where_the_plan_names_them():
    frame = _make_frame(600, 400)
    frame["firm"] = [f"f{i // 6}" if i < 600 else f"g{i // 4}" for i in range(1000)]  # a hundred firms an arm
    sizes = "a 100 (planned 50.0 %), b 100 (planned 50.0 %)"
    check = _run(frame, cluster="firm")["srm"]
    assert (check.value, check.message) == (1.0, f"The sample ratio is as planned, by firm: {sizes}; p > .999.")


def _make_clusters(sizes, seed=5):
    firm = np.repeat(np.arange(len(sizes)), sizes)
    arms, scores = np.where(firm % 2, "b", "a"), np.random.default_rng(seed).normal(size=len(firm))
    return pd.DataFrame({"unit": np.arange(len(firm)).astype(str), "variant": arms, "csat": scores, "firm": firm})


ALONE = "How far clusters differ by chance shows in two or more an arm, so no effect can be tested; randomise more."
FEW = (
    "Clusters (firm) are few or of unlike size: the {} in a count like {} of one size (CSAT). Intervals use the "
    "degrees of freedom of so many: {}"
)
REACH = "with arms like this they reach {} standard errors to each side, with many clusters 2.0."


@pytest.mark.parametrize(("sizes", "status", "said"), [
    ([100] * 2, "fail", f"Clusters (firm) are too few: the 1 in a counts like 1.0 of one size (CSAT). {ALONE}"),
    ([400, 400, 2, 2, 2, 2], "fail",
     f"Clusters (firm) are too few: the 3 in a count like 0.8 of one size (CSAT). {ALONE}"),
    ([400, 90, 2, 90, 2, 90], "fail",  # no arm to compare with
     f"Clusters (firm) are too few: the 3 in a count like 0.8 of one size (CSAT). {ALONE}"),
    ([50] * 4, "warn", FEW.format(2, "2.0", REACH.format(4.3))),
    ([20] * 8, "warn", FEW.format(4, "4.0", REACH.format(2.4))),
    ([10] * 24, "warn", FEW.format(12, "12.0", REACH.format(2.1))),
    ([10] * 60, "pass", "In every arm the clusters (firm) count like 30 of one size or more."),
])  # fmt: skip
def test_run_clusters_says_how_many_of_one_size_they_count_like(sizes, status, said):
    frame = _make_clusters(sizes)
    check = _run(frame, cluster="firm")["clusters"]
    assert (check.status, check.threshold, check.message) == (status, 20, said)
    assert "clusters" not in _run(frame)


@pytest.mark.parametrize(("n_a", "n_b", "few"), [(1, 1, "a and in b"), (400, 9, "b"), (10, 10, None)])
def test_withheld_where_an_arm_has_a_handful_of_units(n_a, n_b, few):
    split = {"split": {"a": n_a / (n_a + n_b), "b": n_b / (n_a + n_b)}}
    found = _run(_make_frame(n_a, n_b), variant=split)
    said = f"There are fewer than 10 units in {few}: from so few nothing is decided, as one of them could turn the "
    said += "answer."
    assert checks.withheld(tuple(found.values()), make_design(KINDS)) == (said if few else None)
    with pytest.raises(ValueError, match="acknowledge"):  # nobody can decide from them
        make_design(KINDS, acknowledge={"enough_units": "we are sure"})


def test_withheld_where_clusters_are_too_few_in_every_comparison():
    frame = _make_clusters([50] * 6)
    third = pd.DataFrame({"unit": [f"c{i}" for i in range(50)], "variant": "c", "csat": 1.0, "firm": 99})
    arms = {"variant": {"treatments": ["b", "c"]}, "cluster": "firm"}
    check = _run(pd.concat([frame, third]), **arms)["clusters"]
    assert check.status == "warn" and check.message.endswith("where that is below 2 in an arm, nothing is tested.")
    for few, is_withheld in ((frame, False), (frame[frame["firm"] < 3], True)):
        found = tuple(_run(few, cluster="firm", variant={"split": "unknown"}).values())
        assert (checks.withheld(found, make_design(KINDS, cluster="firm")) is not None) == is_withheld


def test_run_split_by_segment_names_the_worst_level_and_takes_bonferroni_over_them():
    frame = _make_frame(500, 500)
    frame["tier"] = ["pro"] * 150 + ["free"] * 350 + ["pro"] * 300 + ["free"] * 200  # opposite in the two tiers
    check = _run(frame, segments=["tier"])["srm_tier"]
    said = "The sample ratio differs from the plan across levels of tier, most in pro; adjusted p < .001."
    assert (check.status, check.message) == ("warn", said)
    frame["tier"] = ["pro"] * 260 + ["free"] * 240 + ["pro"] * 230 + ["free"] * 270
    expected = 2 * min(stats.chisquare(counts).pvalue for counts in ([260, 230], [240, 270]))
    check = _run(frame, segments=["tier"])["srm_tier"]  # of more digits the counts of a hidden level would follow
    assert check.value == float(f"{expected:.1g}") == 0.4
    assert check.message == "The sample ratio is as planned in both levels of tier; smallest adjusted p = .4."
    frame["tier"] = ["pro"] * 290 + ["free"] * 210 + ["pro"] * 218 + ["free"] * 282
    said = "Whether the sample ratio is as planned in all levels of tier is unclear, most in free; adjusted p = .002."
    assert (_run(frame, segments=["tier"])["srm_tier"].message) == said


def test_run_split_by_segment_names_no_small_level():
    frame = _make_frame(500, 500)
    frame.loc[:39, "tier"] = "rare"  # forty units, all in a
    found = [_run(frame, segments=["tier"], min_cell=cell)["srm_tier"] for cell in (10, 41)]
    assert [("rare" in check.message, check.status) for check in found] == [(True, "warn"), (False, "pass")]


def test_run_split_over_time_names_the_week():
    frame = _make_frame(500, 500)
    times = [*["2024-01-01"] * 350, *["2024-01-08"] * 150, *["2024-01-01"] * 200, *["2024-01-08"] * 300]
    expected = "The sample ratio differs{} across weeks of assignment, most in week 2; adjusted p < .001.{}"
    drifts = " Whatever else changed with the weeks looks like an effect; compare the arms within each week."
    for plan, told in (({}, (" from the plan", drifts)), ({"variant": {"split": "unknown"}}, ("", drifts))):
        check = _run(frame.assign(assigned_at=times), assigned_at="assigned_at", **plan)["srm_over_time"]
        assert (check.status, check.message) == ("warn", expected.format(*told))


def test_withheld_where_arms_were_assigned_one_after_the_other():
    frame, plan = _make_frame(500, 500), {"assigned_at": "assigned_at"}
    for late in ("2024-01-08", "2024-01-29"):
        turns = frame.assign(assigned_at=[*["2024-01-01"] * 495, *[late] * 5, *["2024-01-01"] * 5, *[late] * 495])
        found = _run(turns, **plan)
        assert found["srm_over_time"].status == "fail"
        told = checks.withheld((*found.values(),), make_design(KINDS, **plan))
        assert told == (
            "The arms were assigned one after the other: hardly a week of assignment holds both, so that whatever "
            "changed with time looks like an effect, and the arms are not compared. Where times were randomised, write "
            "cluster: and their column into the plan, or a reason under acknowledge."
        )
    assert checks.withheld((*found.values(),), make_design(KINDS, acknowledge={"srm_over_time": "a pilot"})) is None
    ramp = frame.assign(assigned_at=[*["2024-01-01"] * 450, *[late] * 50, *["2024-01-01"] * 50, *[late] * 450])
    assert _run(ramp, **plan)["srm_over_time"].status == "warn"


HOUR = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(1000) % 336, unit="h")


@pytest.mark.parametrize(("is_b", "time"), [
    (HOUR.hour < 12, "an hour of the day"),
    (HOUR.day_of_week < 3, "a day"),
    (np.ones(1000, bool), None),  # drawn
    (np.arange(1000) % 2 == 0, "an hour of the day"),
    (HOUR.hour == 3, None),  # one hour may be that of a load
    (np.arange(1000) % 5 == 0, None),
    ((HOUR - pd.Timedelta(hours=8)).day_of_year % 2 == 0, "a day"),  # of a city eight hours behind UTC
    ((HOUR + pd.Timedelta(hours=13)).day_of_week > 3, "a day"),
])  # fmt: skip
@pytest.mark.parametrize("is_planned", [True, False])
def test_arms_that_are_assigned_by_the_clock_are_not_compared(is_b, time, is_planned):
    rng = np.random.default_rng(2)
    is_b = is_b if not is_b.all() else rng.random(1000) < 0.5
    arm = np.where(is_b, "b", "a")
    frame = pd.DataFrame({"unit": [f"u{i:04d}" for i in range(1000)], "variant": arm, "assigned_at": HOUR})
    frame["paid"] = rng.integers(0, 2, 1000)
    split = {"b": is_b.mean(), "a": 1 - is_b.mean()} if is_planned else "unknown"
    kinds = {"paid": {"kind": "binary", "role": "primary"}}
    found = _run(frame, kinds, assigned_at="assigned_at", variant={"split": split})
    told = f"hardly {time} of assignment holds both, so that whatever changed with time looks like an effect"
    if not is_planned and time is None:
        assert "srm_over_time" not in found
    else:
        check = found["srm_over_time"]
        assert (check.status == "fail", told in check.message) == (time is not None,) * 2


@pytest.mark.parametrize(
    ("shares", "days"),
    [((0.98, 0.02), 14), ((0.02, 0.98), 21), ((0.95, 0.05), 8), ((0.9, 0.05, 0.05), 8), ((0.5, 0.5), 30)],
)
def test_chance_does_not_assign_by_the_clock(shares, days):
    rng = np.random.default_rng(7)
    for _ in range(40):
        hour = 473_352 + 24 * np.append(rng.integers(0, days - 1, 500 * (days - 1)), np.full(20, days - 1))
        arm = rng.choice(len(shares), len(hour), p=shares)
        told = [np.unique(hour[arm == i], return_counts=True) for i in range(len(shares))]
        assert rates.find_turn([[f"{at}:{n}" for at, n in zip(*of, strict=True)] for of in told]) is None


def test_clusters_of_a_metric_of_which_no_window_is_over_are_not_too_few():
    frame = _make_clusters([50] * 60).assign(assigned_at="2024-01-20")
    late = {"kind": "score", "role": "guardrail", "better": "higher", "margin": {"absolute": 1}}
    late |= {"column": "csat", "within_days": 28}
    found = _run(frame, KINDS | {"late": late}, cluster="firm", assigned_at="assigned_at", as_of="2024-01-31")
    assert found["clusters"].status == "pass"


def test_run_balance_says_the_largest_difference_without_a_level():
    frame = _make_frame()
    frame["country"] = np.where(frame["variant"] == "a", "it", np.where(frame.index % 2, "it", "de"))
    found = [_run(frame, covariates=names)["balance"] for names in (["seats"], ["seats", "country"])]
    frame.loc[frame["variant"] == "b", "seats"] += 0.3
    found.append(_run(frame, covariates=["seats"])["balance"])
    assert [check.status for check in found] == ["pass", "warn", "warn"]
    chance = "largest standardised difference {}. Differences like these arise by chance in {} of randomisations{}."
    doubt = ", and below 1 % they are in doubt"
    assert [check.message for check in found] == [
        f"Covariates: {chance.format('0.07 (seats)', '24.6 %', '')}",
        "Covariates differ more between the arms than chance explains: "
        + chance.format("1.41 (country)", "under 0.1 %", ""),
        f"Whether covariates are balanced is unclear: {chance.format('0.20 (seats)', '0.1 %', doubt)}",
    ]
    apart = _run(frame.assign(seats=np.where(frame["variant"] == "a", 1.0, 2.0)), covariates=["seats"])["balance"]
    assert "largest standardised difference without end, as nothing varies within the arms, (seats)." in apart.message
    decided = _run(frame, covariates=["seats", "country"], decides_on="adjusted")["balance"]
    taken = "Adjusted effects, which decide, are taken away by a covariate that was measured after assignment; "
    taken += "name what was measured before."
    assert (decided.status, decided.message) == ("fail", f"{found[1].message} {taken}")


ARE_MIXED = "Above 1 % the arms are mixed, so their outcomes cannot be compared."
COUNTED = [
    ({"n_duplicates": 0}, "pass", 0, "No row repeats another."),
    ({"n_duplicates": 3}, "warn", 3, "Rows that repeat another row exactly, dropped: 3."),
    ({"n_two_variants": 0}, "pass", 0, "No unit stands in two variants."),
    # 1 % is not above 1 %
    ({"n_two_variants": 10}, "warn", 0.01, "In two variants, left out: 10 of 1,000 by unit (1.0 %)."),
    ({"n_two_variants": 11}, "fail", 0.011, f"In two variants, left out: 11 of 1,000 by unit (1.1 %). {ARE_MIXED}"),
    # one id, such as a word for none, that holds many of the rows
    ({"n_two_variants": 1, "n_two_rows": 30}, "fail", 0.29,
     f"In two variants, left out: 1 of 1,000 by unit (0.1 %), with 30 of 100 rows. {ARE_MIXED}"),
]  # fmt: skip


@pytest.mark.parametrize(("counted", "status", "value", "message"), COUNTED)
def test_run_duplicates_and_two_variants(counted, status, value, message):
    found, name = _run(_make_frame(50, 50), counted={**counted, "n_assigned": 1000}), next(iter(counted))[2:]
    assert found[name] == Check(name, status, value, 0.0 if name == "duplicates" else 0.01, message)


def _lose(frame, a, b):
    """Leave the first outcomes of each arm unknown."""
    lost = frame.groupby("variant").cumcount() < frame["variant"].map({"a": a, "b": b})
    return frame.assign(csat=frame["csat"].mask(lost))


UNLIKE = "Outcomes of CSAT are missing at different rates: {}; p < .001. Its effect is not estimated."
MAY_BE_ZERO = " Where an empty cell means 0 and no 0 is written, write missing: zero."
AS_ZERO = (
    "Outcomes of CSAT are empty at different rates: {}; p < .001. No 0 is written, and empty ones count as 0, as "
    "planned, so that this is a part of the effect; where they are unknown, write missing: unknown."
)
UNCLEAR = (
    "Whether outcomes of CSAT are missing alike in the arms is unclear: {}; p = {}. Below .05 it is in doubt, below "
    ".001 the effect is not estimated."
)
LOST = [
    (0, 0, {}, "pass", "The outcome CSAT is known for every unit."),
    (0, 0, {"label": "Ease of use"}, "pass", "The outcome Ease of use is known for every unit."),
    (100, 110, {}, "pass", "Outcomes of CSAT are missing alike in the arms: a 20.0 %, b 22.0 %; p = .438."),
    (100, 141, {}, "warn", UNCLEAR.format("a 20.0 %, b 28.2 %", ".002")),
    (100, 125, {}, "pass", "Outcomes of CSAT are missing alike in the arms: a 20.0 %, b 25.0 %; p = .058."),
    (100, 126, {}, "warn", UNCLEAR.format("a 20.0 %, b 25.2 %", ".049")),
    (100, 3, {}, "fail", UNLIKE.format("a 20.0 %, b fewer than 10 units")),
    (495, 400, {}, "fail", UNLIKE.format("a all but fewer than 10 units, b 80.0 %")),
    (100, 0, {"kind": "amount", "missing": "zero"}, "fail", UNLIKE.format("a 20.0 %, b 0.0 %")),  # filled with 0
    (100, 300, {"kind": "amount", "missing": "zero"}, "warn", AS_ZERO.format("a 20.0 %, b 60.0 %")),  # all zeros
    (100, 300, {"kind": "amount"}, "fail", UNLIKE.format("a 20.0 %, b 60.0 %") + MAY_BE_ZERO),
]


@pytest.mark.parametrize(("a", "b", "kind", "status", "message"), LOST)
def test_run_missing(a, b, kind, status, message):
    check = _run(_lose(_make_frame(), a, b), {"csat": {"kind": "score", **kind}})["missing_csat"]
    assert (check.status, check.message) == (status, message)
    assert math.isnan(check.value) == (a == 0)


def test_run_missing_withholds_empty_outcomes_beside_a_written_0():
    for kind, known in (("amount", 3.0), ("count", 3.0), ("binary", 1.0)):
        frame = _lose(_make_frame().assign(csat=known), 100, 300)
        plan = {"csat": {"kind": kind, "missing": "zero"}}
        assert _run(frame, plan)["missing_csat"].status == "warn"
        written = frame.assign(csat=frame["csat"].mask(frame.index == 499, 0.0))
        assert _run(written, plan)["missing_csat"].status == "fail"


@pytest.mark.parametrize(("spend", "orders", "missing", "status"), [
    (math.nan, 0.0, "unknown", "pass"),  # the spend of no orders is 0
    (math.nan, math.nan, "unknown", "fail"),
    (math.nan, math.nan, "zero", "warn"),
    (0.0, math.nan, "zero", "fail"),  # what is 0 is written
    (math.nan, 2.0, "zero", "warn"),
])  # fmt: skip
def test_run_missing_of_a_ratio_whose_parts_are_empty_where_there_is_none(spend, orders, missing, status):
    empty = _lose(_make_frame(), 100, 300)["csat"].isna()
    frame = _make_frame().assign(spend=np.where(empty, spend, 9.0), orders=np.where(empty, orders, 2.0))
    ratio = {"kind": "ratio", "numerator": "spend", "denominator": "orders", "missing": missing}
    assert _run(frame, {"csat": ratio})["missing_csat"].status == status


@pytest.mark.parametrize(("as_of", "status", "message"), [
    ("2024-03-01", "pass", "The outcome CSAT is known for every unit whose window is over."),
    ("2024-01-22", "not tested", "No window of CSAT is over yet."),
])  # fmt: skip
def test_run_missing_looks_only_where_the_window_is_over(as_of, status, message):
    plan = {"assigned_at": "assigned_at", "as_of": as_of}
    check = _run(_make_frame(), {"csat": {"kind": "score", "within_days": 30}}, **plan)["missing_csat"]
    assert (check.status, check.message) == (status, message)


def test_run_missing_of_those_asked_and_whether_the_arms_ask_alike():
    kinds = {"csat": {"kind": "score", "asked": "sent"}}
    asked_alike = _lose(_make_frame(), 100, 0).assign(sent=lambda f: f["csat"].notna().astype(float))
    check = _run(asked_alike, kinds)["missing_csat"]  # all who are asked answer, but b asks more
    asked = "a 0.0 %, b 0.0 %; p < .001. Asked: a 80.0 %, b 100.0 %"
    assert check.message == f"Outcomes of CSAT are missing at different rates: {asked}. Its effect is not estimated."
    answers = _run(_lose(_make_frame(), 100, 100).assign(sent=1.0), kinds)["missing_csat"]
    said = "Outcomes of CSAT are missing alike in the arms: a 20.0 %, b 20.0 %; p > .999. Asked: a 100.0 %, b 100.0 %."
    assert answers.message == said


def test_run_missing_of_clusters_allows_for_their_likeness():
    frame = _make_frame(500, 500).assign(firm=lambda f: "f" + (f.index // 50).astype(str))
    frame.loc[frame["firm"].isin(["f0", "f1", "f2"]), "csat"] = np.nan  # three of ten firms of a, none of b
    assert _run(frame)["missing_csat"].status == "fail"
    check = _run(frame, cluster="firm")["missing_csat"]
    expected = stats.ttest_ind([1] * 3 + [0] * 7, [0] * 10).pvalue
    assert (check.status, check.value) == ("pass", pytest.approx(expected))


def _count_lost(**plan):
    return _run(_make_frame(480, 450), **plan)["attrition"]


UNKNOWN_ARMS = "Of {} randomised by unit, {} are not in the table: their arms are not known."
IN_DOUBT = "Above 5 %, or with p below .05 between the arms, effects are in doubt: they hold for those who stayed."
COUNTED_LOST = [
    (None, "not tested", "Attrition not tested: every row has its outcomes, so units that left may not be in the "
     "table. Write into the plan how many were randomised (randomised_units)."),
    (930, "pass", "All 930 that were randomised by unit are in the table."),
    (978, "pass", UNKNOWN_ARMS.format(978, "48 (4.9 %)")),  # 5 % is not above 5 %
    (1860, "warn", f"{UNKNOWN_ARMS.format('1,860', '930 (50.0 %)')} {IN_DOUBT}"),
    ({"b": 465, "a": 490}, "pass",
     "Of 955 randomised by unit, 25 (2.6 %) are not in the table: a 2.0 %, b 3.2 %; p = .252."),
    # few of all, yet not alike: 12 of 15
    ({"a": 483, "b": 462}, "warn",
     f"Of those randomised by unit some are not in the table: a fewer than 10 units, b 2.6 %. {IN_DOUBT}"),
    ({"a": 500, "b": 500}, "fail",
     "Of 1,000 randomised by unit, 70 (7.0 %) are not in the table: a 4.0 %, b 10.0 %; p < .001. The arms lose "
     "units at different rates, so their outcomes cannot be compared."),
]  # fmt: skip


@pytest.mark.parametrize(("counted", "status", "message"), COUNTED_LOST)
def test_run_attrition_of_complete_cases(counted, status, message):
    check = _count_lost(randomised_units=counted)
    assert (check.status, check.message, check.threshold) == (status, message, 0.05)
    n = sum(counted.values()) if isinstance(counted, dict) else counted
    assert math.isnan(check.value) if n is None else check.value == pytest.approx(1 - 930 / n)


def test_run_attrition_is_asked_where_nothing_else_tells_who_left():
    assert "attrition" not in _run(_lose(_make_frame(), 5, 5))  # those who left stand in the table
    events = [("u00001", "paid", "2024-01-02", 1.0)]
    design = make_design({"paid": {"kind": "binary", "within_days": 5}}, assigned_at="assigned_at", as_of="2024-03-01")
    source = make_source(_make_frame(), events)
    assert "attrition" not in {check.id for check in checks.run(metrics.fold(source, design), source, design)}


def test_run_attrition_counts_clusters_and_tests_the_split_of_all_that_were_randomised():
    frame = _make_frame(600, 400)
    frame["firm"] = [f"f{i // 6}" if i < 600 else f"g{i // 4}" for i in range(1000)]  # a hundred firms an arm
    found = _run(frame, cluster="firm", randomised_units={"a": 103, "b": 104})
    assert found["attrition"].message == ("Of those randomised by firm fewer than 10 are not in the table.")
    sizes = "a 100 (planned 50.0 %), b 100 (planned 50.0 %)"  # what is lost is not told by subtraction, nor by p
    assert found["srm"].message == f"The sample ratio is as planned, by firm: {sizes}; p > .999."
    assert found["srm"].value == 1.0


@pytest.mark.parametrize(("counted", "said"), [(929, "929 by unit in all"), ({"a": 480, "b": 449}, "449 by unit in b")])
def test_run_refuses_more_units_than_were_randomised(counted, said):
    assert tell_refusal(_count_lost, randomised_units=counted) == (
        f"randomised_units: the plan says {said}, and the table holds {930 if 'all' in said else 450}; correct the "
        "plan, or leave out what was not randomised"
    )


@pytest.mark.parametrize(("at", "status", "message"), [
    (lambda i: i % 5 < 2, "pass",
     "Take-up is steady over the weeks of assignment: a 40.0 %, b 0.0 %; smallest adjusted p > .999."),
    (lambda i: i % 80 < 32 - i % 2 * 9, "warn",
     "Whether take-up is steady over the weeks of assignment is unclear: a 36.4 %, b 0.0 %; adjusted p = .005."),
    (lambda i: i % 2 == 1, "warn",
     "Take-up changes over the weeks of assignment: a 50.0 %, b 0.0 % in all; adjusted p < .001."),
])  # fmt: skip
def test_run_exposure_over_time(at, status, message):
    frame = _make_frame().assign(assigned_at=lambda f: np.where(f.index % 2, "2024-01-01", "2024-01-09"))
    frame["took"] = ((frame["variant"] == "a") & at(frame.index)).astype(float)
    check = _run(frame, assigned_at="assigned_at", exposure={"column": "took"})["exposure_over_time"]
    assert (check.status, check.message) == (status, message)


THREE = {"variant": {"treatments": ["b", "c"]}}
TAKE_UP = {"assigned_at": "assigned_at", "exposure": {"column": "took"}}
UNTESTED = [
    # four units in each of three arms; the first outcome of them unknown; nothing that varies
    ("srm", THREE, {"variant": ["a", "b", "c"] * 4}, "Too few to test the sample ratio, by unit: a 4 (planned 33.3 %), "
     "b 4 (planned 33.3 %), c 4 (planned 33.3 %)."),
    ("missing_csat", THREE, {"variant": ["a", "b", "c"] * 4, "csat": [np.nan] + [1.0] * 11},
     "Too few outcomes of CSAT to test whether they are missing alike: a fewer than 10 units, b 0.0 %, c 0.0 %."),
    ("srm_tier", {"segments": ["tier"]}, {"tier": "pro"},
     "There are not two levels of tier with enough units to test the sample ratio."),
    ("balance", {"covariates": ["seats"]}, {"seats": 3.0},
     "There are too few units, or no variation, to test the balance of the covariates."),
    ("exposure_over_time", TAKE_UP, {"assigned_at": "2024-01-01", "took": 0.0},
     "There are not two weeks with enough units to compare the take-up: a 0.0 %, b 0.0 %."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "plan", "columns", "message"), UNTESTED, ids=[row[0] for row in UNTESTED])
def test_run_says_what_too_few_units_leave_untested(name, plan, columns, message):
    check = _run((_make_frame(6, 6) if plan is THREE else _make_frame()).assign(**columns), **plan)[name]
    assert (check.status, check.message) == ("not tested", message)


def test_run_exposure_compares_no_week_of_few_units():
    frame = _make_frame(50, 50).assign(took=lambda f: (f.index % 2).astype(float))
    frame["assigned_at"] = np.where(frame.groupby("variant").cumcount() < 8, "2024-01-01", "2024-01-09")
    plan = {"assigned_at": "assigned_at", "exposure": {"column": "took"}}
    found = [_run(frame, min_cell=cell, **plan)["exposure_over_time"].status for cell in (8, 9)]
    assert found == ["pass", "not tested"]


@pytest.mark.parametrize(("trust", "acknowledge", "expected"), [
    (["srm pass", "balance warn"], {}, None),
    (["srm fail"], {}, "srm is fail."),
    (["srm fail", "two_variants fail"], {}, "srm is fail. two_variants is fail."),
    (["srm fail", "two_variants fail"], {"srm": "a known outage"}, "two_variants is fail."),
    (["srm fail"], {"srm": "a known outage"}, None),
    (["missing_csat fail", "srm_tier warn"], {}, None),  # these do not withhold the answer
])  # fmt: skip
def test_withheld(trust, acknowledge, expected):
    told = [text.split() for text in trust]
    made = tuple(Check(name, status, 0.0, 0.001, f"{name} is {status}.") for name, status in told)
    assert checks.withheld(made, make_design(KINDS, acknowledge=acknowledge)) == expected


def _moments(values, names=("y",)):
    if len(values) < 2:
        return Moments(names, len(values), np.full(len(names), np.nan), np.full((len(names),) * 2, np.nan))
    values = np.asarray(values, float).reshape(len(values), -1)
    return Moments(names, len(values), values.mean(axis=0), np.atleast_2d(np.cov(values.T)))


def _rate(yes, n):
    return _moments([1] * yes + [0] * (n - yes))


def test_compare_split_of_hillstrom(shared):
    counts = pd.read_csv(shared / "data" / "hillstrom.csv.gz")["segment"].value_counts()
    assert compare_split(counts.tolist(), [1 / 3] * 3) == pytest.approx(0.904, abs=5e-4)


@pytest.mark.parametrize(("counts", "shares", "expected"), [
    ([520, 480], [0.5, 0.5], stats.chi2.sf(1.6, 1)),  # chi-square (20^2 + 20^2) / 500
    ([8, 0], [0.5, 0.5], 2 / 2**8),  # four expected: exact binomial, two tails
    ([0, 0], [0.5, 0.5], np.nan),  # no units
    ([3, 4, 5], [1 / 3] * 3, np.nan),  # three arms of four: no test is trusted
])  # fmt: skip
def test_compare_split_by_hand(counts, shares, expected):
    assert compare_split(counts, shares) == pytest.approx(expected, nan_ok=True)


def test_compare_split_alarms_as_often_as_it_says():
    rng = np.random.default_rng(1)
    alarms = sum(compare_split(rng.multinomial(300, [0.2, 0.3, 0.5]), [0.2, 0.3, 0.5]) < 0.05 for _ in range(1000))
    assert stats.binom.ppf(0.0005, 1000, 0.05) <= alarms <= stats.binom.isf(0.0005, 1000, 0.05)


def test_compare_rates_equals_scipy():
    expected = stats.chi2_contingency([[30, 45, 20], [70, 55, 60]], correction=False).pvalue
    assert compare_rates([_rate(30, 100), _rate(45, 100), _rate(20, 80)]) == pytest.approx(expected)


@pytest.mark.parametrize(("arms", "expected"), [
    ([(1, 6), (5, 6)], stats.fisher_exact([[1, 5], [5, 1]]).pvalue),  # three expected: exact
    ([(1, 6), (5, 6), (3, 6)], np.nan),  # three groups of few
    ([(0, 50), (0, 60)], np.nan),  # all alike: nothing to test
    ([(50, 50), (60, 60)], np.nan),
    ([(3, 50)], np.nan),  # one group
    ([(3, 50), (0, 0)], np.nan),  # a group without units is none
])  # fmt: skip
def test_compare_rates_at_the_edges(arms, expected):
    assert compare_rates([_rate(*arm) for arm in arms]) == pytest.approx(expected, nan_ok=True)


def _clusters(rng, n, spread):
    sizes = 1 + rng.poisson(9, n)
    return _moments(np.column_stack([rng.binomial(sizes, rng.beta(spread, 3 * spread, n)), sizes]), ("num", "den"))


def test_compare_rates_of_clusters_by_hand():
    # common rate 7/14: deviations -0.5 and 0.5, then -1 and 1; no difference between the arms, whose means are 0
    one, other = _moments([[1, 3], [3, 5]], ("num", "den")), _moments([[0, 2], [3, 4]], ("num", "den"))
    assert (rates.read_rate(one), rates.read_rate(other), compare_rates([one, other])) == (0.5, 0.5, 1.0)


def test_compare_rates_of_clusters_equals_the_analysis_of_variance_of_deviations():
    one, other = np.array([[1, 3], [3, 5], [0, 4]]), np.array([[0, 2], [3, 4], [5, 5]])
    rate = 12 / 23
    expected = stats.f_oneway(one[:, 0] - rate * one[:, 1], other[:, 0] - rate * other[:, 1]).pvalue
    assert compare_rates([_moments(a, ("num", "den")) for a in (one, other)]) == pytest.approx(expected)


def test_compare_rates_of_clusters_sees_an_arm_without_any_and_nothing_where_all_agree():
    none = _moments(np.column_stack([np.zeros(100), np.full(100, 10)]), ("num", "den"))
    assert compare_rates([_clusters(np.random.default_rng(5), 100, 1.0), none]) < 1e-6
    alike = _moments([[2, 2], [3, 3]], ("num", "den"))
    assert np.isnan(compare_rates([alike, alike]))


def test_compare_rates_of_clusters_alarms_as_often_as_it_says():
    rng = np.random.default_rng(2)
    alarms = sum(compare_rates([_clusters(rng, 120, 1.0) for _ in range(2)]) < 0.05 for _ in range(600))
    assert stats.binom.ppf(0.0005, 600, 0.05) <= alarms <= stats.binom.isf(0.0005, 600, 0.06)


def _draw_covariates(rng, sizes, columns=3):
    mix = rng.normal(size=(columns, columns))
    return [rng.normal(size=(n, columns)) @ mix for n in sizes]


def _joint(groups):
    return compare_covariates([_moments(g, tuple("pqrs"[: g.shape[1]])) for g in groups])


@pytest.mark.parametrize("sizes", [(12, 9), (10, 8, 14)])
def test_compare_covariates_equals_manova(sizes):
    groups = _draw_covariates(np.random.default_rng(3), sizes)
    frame = pd.DataFrame(np.concatenate(groups), columns=list("pqr")).assign(arm=np.repeat(range(len(sizes)), sizes))
    found = MANOVA.from_formula("p + q + r ~ C(arm)", frame).mv_test().results["C(arm)"]["stat"]
    assert _joint(groups) == pytest.approx(float(found.loc["Pillai's trace", "Pr > F"]), rel=1e-6)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_compare_covariates_does_not_depend_on_units_or_on_repeated_columns(seed, scale, shift):
    groups = _draw_covariates(np.random.default_rng(seed), (15, 12), columns=2)
    expected = _joint(groups)
    assert _joint([g * [scale, 1] + [0, shift] for g in groups]) == pytest.approx(expected, rel=1e-5)
    doubled = [np.column_stack([g, g[:, 0] + g[:, 1], np.ones(len(g))]) for g in groups]
    assert _joint(doubled) == pytest.approx(expected, rel=1e-6)


def test_compare_covariates_finds_a_shift_and_is_nan_without_units_or_variation():
    one, other = _draw_covariates(np.random.default_rng(4), (80, 90))
    assert _joint([one, other + 2 * one.std()]) < 1e-6
    assert np.isnan(_joint([one[:1], other]))
    assert np.isnan(_joint([np.ones((5, 1)), np.ones((6, 1))]))
    assert np.isnan(_joint([one[:2], other[:2]]))  # four units, three covariates


def test_measure_imbalance_by_hand_takes_the_worst_arm():
    control, near, far = [1.0, 3.0], [2.0, 4.0], [4.0, 6.0]  # variances 2; gaps 1 and 3 over root 2
    found = rates.measure_imbalance([_moments(control), _moments(near), _moments(far)])
    assert found == pytest.approx([3 / np.sqrt(2)])
    assert np.isnan(rates.measure_imbalance([_moments([1.0, 1.0]), _moments([1.0, 1.0])])).all()
