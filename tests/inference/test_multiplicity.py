"""Adjusted p-values and the families that they belong to."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from helpers.inference import adjust_families, benjamini_hochberg, holm
from helpers.records import Estimate

RULES = [(holm, "holm"), (benjamini_hochberg, "fdr_bh")]


def row(metric, p, family, *, estimand="difference", treatment="new", role=None, **more):
    return Estimate(
        f"{metric}:{treatment}:{estimand}", metric, "old", treatment, f"{treatment} - old", estimand,
        role=role or family or "guardrail", family=family, p_value=p, **more,
    )  # fmt: skip


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])


def test_benjamini_hochberg_by_hand():
    assert benjamini_hochberg([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.04, 0.04])


@pytest.mark.parametrize(("rule", "name"), RULES)
@settings(derandomize=True, deadline=None, max_examples=6)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_adjusted_p_statsmodels(rule, name, p_values):
    adjusted = rule(p_values)
    assert adjusted == pytest.approx(multipletests(p_values, method=name)[1], abs=1e-12)
    assert np.all(adjusted >= np.array(p_values) - 1e-15) and np.all(adjusted <= 1)


@pytest.mark.parametrize(("rule", "name"), RULES)
def test_adjusted_p_nan_is_no_test(rule, name):
    with_nan, without = rule([0.01, math.nan, 0.04]), rule([0.01, 0.04])
    assert with_nan[[0, 2]].tolist() == without.tolist() and math.isnan(with_nan[1])
    assert rule([]).tolist() == []


def test_holm_seeded_family_wise_error(in_band):
    p = np.random.default_rng(1).random((4000, 5))
    assert in_band(sum(holm(row).min() <= 0.05 for row in p), 4000, 1 - (1 - 0.01) ** 5)


def test_adjust_families_each_by_its_rule():
    rows = [
        row("activated", 0.01, "primary", treatment="a"),
        row("activated", 0.03, "primary", treatment="b"),
        row("converted", 0.04, "secondary"),  # alone in its family: nothing to adjust
        row("segment a", 0.01, "exploratory"),
        row("segment b", 0.02, "exploratory"),
        row("csat", 0.001, ""),  # guardrail: no family
    ]
    adjusted = [e.p_value_adjusted for e in adjust_families(rows)]
    assert adjusted == [pytest.approx(0.02), pytest.approx(0.03), None, pytest.approx(0.02), pytest.approx(0.02), None]


def test_adjust_families_lift_follows_its_difference():
    rows = [
        row("activated", 0.01, "primary", treatment="a"),
        row("activated", 0.01, "primary", treatment="a", estimand="relative_lift"),
        row("activated", 0.03, "primary", treatment="b"),
        row("activated", 0.03, "primary", treatment="b", estimand="relative_lift"),
        row("activated", 0.03, "", treatment="b", estimand="relative_lift", role="sensitivity"),
        row("activated", 0.01, "", treatment="a", role="sensitivity"),  # another fair choice: not in the family
    ]
    adjusted = [e.p_value_adjusted for e in adjust_families(rows)]
    assert adjusted == pytest.approx([0.02, 0.02, 0.03, 0.03, None, None])


def test_adjust_families_segments_are_kept_apart():
    rows = [
        row("activated", p, "exploratory", estimand=estimand, segment=segment)
        for segment, p in (("country=de", 0.01), ("country=fr", 0.6))
        for estimand in ("difference", "relative_lift")
    ]
    assert [e.p_value_adjusted for e in adjust_families(rows)] == pytest.approx([0.02, 0.02, 0.6, 0.6])


def test_adjust_families_lift_follows_the_first_difference():
    rows = [
        row("paid in", 0.01, "primary"),
        row("paid in", 0.04, "primary", estimand="rmst_difference"),
        row("paid in", 0.01, "primary", estimand="relative_lift"),
    ]
    assert [e.p_value_adjusted for e in adjust_families(rows)] == pytest.approx([0.02, 0.04, 0.02])


def test_adjust_families_nan_stays_out():
    rows = [row("a", 0.02, "primary"), row("b", math.nan, "primary"), row("c", 0.03, "primary")]
    assert [e.p_value_adjusted for e in adjust_families(rows)] == [pytest.approx(0.04), None, pytest.approx(0.04)]
    assert adjust_families([]) == ()
