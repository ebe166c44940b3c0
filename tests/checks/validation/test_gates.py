"""The gates reject what breaks its promise and pass what keeps it; each broken method here is one that is in use."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.checks.validation import Cell, judge_cells, measure_cells, summarise_guarantees
from helpers.checks.validation.gates import SLACK
from helpers.inference import GUARANTEES, compare_columns, compare_means, difference, lift_columns, measure_columns
from helpers.records import Effect, Guarantee

WITHIN, SCORES, PAYERS = "nominal within .01", "scores 1 to 5", "10 % pay, +50 %"


def promise(compute, *, claim=WITHIN, estimand="difference", **domain):
    return Guarantee("tried", "tried", estimand, claim, (), compute, "made here", **domain)


def judge(guarantee, population, sizes, *, replicates=1_500, seed=1):
    cells = [Cell("tried", population, *sizes, replicates)]
    return judge_cells(measure_cells(cells, [guarantee], seed=seed)).iloc[0]


def compare_by_z(control, treatment, *, confidence_level, rng):
    """Normal quantiles instead of t: too narrow with few units."""
    found = compare_columns(control, treatment, confidence_level=confidence_level, rng=rng)
    reach = stats.norm.isf((1 - confidence_level) / 2) * found.std_error
    p = 2 * stats.norm.sf(abs(found.estimate) / found.std_error)
    return replace(found, ci_low=found.estimate - reach, ci_high=found.estimate + reach, p_value=p)


def compare_widely(control, treatment, *, confidence_level, rng):
    """Half as wide again as promised."""
    found = compare_columns(control, treatment, confidence_level=confidence_level, rng=rng)
    reach = 0.75 * (found.ci_high - found.ci_low)
    return replace(found, ci_low=found.estimate - reach, ci_high=found.estimate + reach, p_value=np.nan)


def compare_backwards(control, treatment, *, confidence_level, rng):
    """Control minus treatment."""
    return compare_columns(treatment, control, confidence_level=confidence_level, rng=rng)


def compare_with_another_test(control, treatment, *, confidence_level, rng):
    """A right interval beside a right test of something else."""
    found = compare_columns(control, treatment, confidence_level=confidence_level, rng=rng)
    return replace(found, p_value=stats.ttest_ind(np.log(control[:, 0]), np.log(treatment[:, 0])).pvalue)


def lift_naively(control, treatment, *, confidence_level, rng):
    """The difference's interval divided by the control mean."""
    pair = compare_means(measure_columns(control), measure_columns(treatment))
    found = difference(pair, confidence_level=confidence_level)
    return replace(found, ci_low=found.ci_low / pair.control, ci_high=found.ci_high / pair.control)


def compare_when_sure(control, treatment, *, confidence_level, rng):
    """No interval wherever the control mean is low: hides what it gets wrong."""
    found = compare_columns(control, treatment, confidence_level=confidence_level, rng=rng)
    return found if control.mean() > 3.8 else Effect(reason="hidden")


def test_adjusted_p(control, treatment, *, confidence_level, rng):
    """The smallest of three p-values, not adjusted for being three."""
    return Effect(p_value=stats.ttest_ind(control, treatment).pvalue.min())


test_adjusted_p.__test__ = False  # pytest: not a test

BROKEN = {
    "z for t with few units": (compare_by_z, {"claim": "nominal"}, SCORES, (5, 5)),
    "too wide under a nominal claim": (compare_widely, {}, SCORES, (100, 100)),
    "signs exchanged": (compare_backwards, {}, "scores 1 to 5, higher", (400, 400)),
    "another test than the interval's": (compare_with_another_test, {}, SCORES, (100, 100)),
    "control taken as known": (lift_naively, {"estimand": "relative_lift"}, PAYERS, (300, 300)),
    "silent where it would be wrong": (compare_when_sure, {}, SCORES, (100, 100)),
    "no interval, alarms not adjusted": (
        test_adjusted_p,
        {"estimand": "any_difference", "claim": "at least", "has_interval": False, "is_dual": False},
        "three related metrics",
        (100, 100),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_judge_cells_rejects_a_method_that_is_broken_by(name):
    compute, domain, population, sizes = BROKEN[name]
    assert judge(promise(compute, **domain), population, sizes)["verdict"] == "fails"


@pytest.mark.parametrize(
    ("compute", "estimand", "population", "sizes"),
    [
        (compare_columns, "difference", SCORES, (100, 100)),  # the same cells as above, the right method
        (compare_columns, "difference", "scores 1 to 5, higher", (400, 400)),
        (lift_columns, "relative_lift", PAYERS, (300, 300)),
    ],
)
def test_judge_cells_passes_the_right_method(compute, estimand, population, sizes):
    assert judge(promise(compute, estimand=estimand), population, sizes)["verdict"] == "holds"


def test_judge_cells_passes_too_much_coverage_where_only_at_least_is_claimed():
    row = judge(promise(compare_widely, claim="at least"), SCORES, (100, 100))
    assert (row["verdict"], row["limit_high"]) == ("holds", 1.0)


def test_judge_cells_asks_nothing_outside_the_domain():
    row = judge(promise(compare_by_z, least_arm=50), SCORES, (10, 10), replicates=50)
    assert row["verdict"] == "outside its domain"
    assert row["departure"] == "there are too few units: the smaller arm needs at least 50"


def test_judge_cells_forgives_a_disagreement_that_is_not_promised_away():
    row = judge(promise(compare_with_another_test, is_dual=False), SCORES, (100, 100))
    assert row["disagree"] > 0 and row["verdict"] == "holds"


def frame(**changes):
    row = {"guarantee": "a", "claim": "nominal", "inside": True, "exact": False, "replicates": 1_000, "is_dual": True}
    row |= {"coverage": 0.95, "false_alarm": 0.05, "disagree": 0.0, "domain": "any", "reference": "none"}
    return pd.DataFrame([{**row, **changes}])


def test_judge_cells_limits_are_exact_binomial_tails_over_all_gates():
    judged = judge_cells(pd.concat([frame(), frame(inside=False)], ignore_index=True)).iloc[0]
    tail = 0.001 / 4  # one cell inside, two sides of coverage and two of false alarms
    low, high = round(judged["limit_low"] * 1_000), round(judged["limit_high"] * 1_000)
    assert stats.binom.cdf(low - 1, 1_000, 0.95) <= tail < stats.binom.cdf(low, 1_000, 0.95)
    assert stats.binom.sf(high, 1_000, 0.95) <= tail < stats.binom.sf(high - 1, 1_000, 0.95)
    assert judged["band"] == pytest.approx(0.95 - judged["limit_low"])


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"coverage": 0.9399, "exact": True}, "fails"),  # enumerated: no band
        ({"coverage": 0.9401, "exact": True}, "holds"),
        ({"coverage": 0.9601, "exact": True}, "fails"),
        ({"false_alarm": 0.0601, "exact": True}, "fails"),
        ({"false_alarm": np.nan, "exact": True}, "holds"),  # a planted effect raises no false alarm
        ({"coverage": 0.90, "claim": "at least"}, "fails"),
        ({"coverage": 1.0, "false_alarm": 0.0, "claim": "at least"}, "holds"),
        ({"coverage": 1.0, "false_alarm": 0.0, "claim": "nominal"}, "fails"),
        ({"disagree": 0.001}, "fails"),
    ],
)  # fmt: skip
def test_judge_cells_at_the_edges_of_a_claim(changes, verdict):
    cell = frame(**{"claim": WITHIN, **changes})
    assert judge_cells(cell)["verdict"].tolist() == [verdict]


def test_judge_cells_reads_the_level_and_the_family_error():
    cell = frame(coverage=0.90, false_alarm=0.1)
    assert judge_cells(cell)["verdict"].tolist() == ["fails"]
    assert judge_cells(cell, confidence_level=0.9)["verdict"].tolist() == ["holds"]
    cell = frame(coverage=0.93, false_alarm=0.07)
    assert judge_cells(cell, family_error=0.2)["verdict"].tolist() == ["fails"]
    assert judge_cells(cell, family_error=0.001)["verdict"].tolist() == ["holds"]


def test_summarise_guarantees_has_one_row_a_guarantee_and_fails_where_a_cell_fails():
    cells = [frame(), frame(coverage=0.8), frame(coverage=0.7, inside=False), frame(guarantee="b", coverage=0.96)]
    found = summarise_guarantees(judge_cells(pd.concat(cells, ignore_index=True)))
    assert found["verdict"].tolist() == ["fails", "holds"]
    assert found.loc[0, ["cells_inside", "worst_coverage", "cells_outside", "worst_outside"]].tolist() == [
        2,
        0.8,
        1,
        0.7,
    ]
    assert found.loc[1, "worst_coverage"] == 0.96 and found.loc[1, "cells_outside"] == 0


def test_summarise_guarantees_gives_the_least_that_claim_and_chance_allow_all_draws():
    judged = judge_cells(pd.concat([frame(), frame(guarantee="b", exact=True)], ignore_index=True))
    found = summarise_guarantees(judged)
    n = found.loc[0, "draws"]
    least = stats.binom.ppf(0.001 / (2 * 2), n, 0.95 - SLACK[judged.loc[0, "claim"]]) / n  # two methods, two sides
    assert found.loc[0, "pooled_limit"] == pytest.approx(least)
    assert np.isnan(found.loc[1, "pooled_limit"]) and found.loc[1, "draws"] == 0
    for share, verdict in ((least, "holds"), (least - 1 / n, "fails")):
        assert summarise_guarantees(judged.assign(coverage=share))["verdict"][0] == verdict


def test_summarise_guarantees_fails_where_nothing_was_measured_inside():
    assert summarise_guarantees(judge_cells(frame(inside=False)))["verdict"].tolist() == ["fails"]


def test_summarise_guarantees_worst_is_the_lowest_of_at_least_and_the_farthest_of_a_nominal_claim():
    cells = pd.concat([frame(coverage=0.94), frame(coverage=0.99)], ignore_index=True)
    assert summarise_guarantees(judge_cells(cells))["worst_coverage"].tolist() == [0.99]
    cells["claim"] = "at least"
    assert summarise_guarantees(judge_cells(cells))["worst_coverage"].tolist() == [0.94]
    cells["claim"] = "nominal"
    judged = judge_cells(cells, confidence_level=0.98)
    assert summarise_guarantees(judged, confidence_level=0.98)["worst_coverage"].tolist() == [0.94]


def test_guarantees_have_distinct_names():
    names = [g.name for g in GUARANTEES]
    assert len(names) == len(set(names))
