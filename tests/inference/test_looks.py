"""Intervals for looks before the end, and how the answer settled."""

import math

import numpy as np
import pandas as pd
import pytest
from experiments import draw_frame, make_design, make_source, run_experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student
from sources_samples import tell_refusal

from helpers import metrics
from helpers.inference.decisions import Comparison
from helpers.inference.experiment import trace_path
from helpers.inference.looks import Look, always_valid, at_look, between_looks, read_look, sequential_bounds
from helpers.inference.means import merge_moments
from helpers.records import Effect, Moments

TWO, THREE = [0.5, 1.0], [0.3, 0.6, 1.0]
SCORE = {"kind": "score", "role": "primary", "better": "higher"}


def effect(z, df=None):
    return Effect(estimate=z, std_error=1.0, df=df, ci_low=z - 2, ci_high=z + 2, p_value=0.5, method="welch")


@pytest.mark.parametrize(("looks", "alpha", "bounds"), [
    ([1.0], 0.05, [1.95996]),
    ([0.5, 1.0], 0.05, [2.963, 1.969]),  # R gsDesign, sfLDOF
    ([0.2, 0.4, 0.6, 0.8, 1.0], 0.05, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),  # R ldbounds, iuse = 1
])  # fmt: skip
def test_sequential_bounds_published(looks, alpha, bounds):
    assert sequential_bounds(looks, alpha).tolist() == pytest.approx(bounds, abs=6e-4)


def test_at_look_by_hand():
    found = at_look(effect(2.5), 0.5, TWO)
    assert [found.ci_low, found.ci_high] == pytest.approx([2.5 - 2.9626, 2.5 + 2.9626], abs=1e-4)
    # the first look stops at alpha when z_{alpha / 4} = sqrt(t) x isf of half its error
    assert found.p_value == pytest.approx(4 * norm.sf(math.sqrt(0.5) * norm.isf(norm.sf(2.5) / 2)), rel=1e-6)
    assert found.method == "welch, repeated" and found.reason is None


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.floats(0, 12), st.sampled_from(THREE), st.sampled_from([0.01, 0.05, 0.2]), st.sampled_from([None, 5.0, 80.0]))
def test_at_look_interval_agrees_with_p(z, look, alpha, df):
    found = at_look(effect(z, df=df), look, THREE, alpha=alpha)
    fixed = 2 * (norm.sf(z) if df is None else student.sf(z, df))
    assert fixed * (1 - 1e-5) <= found.p_value <= 1
    if abs(found.p_value - alpha) > 1e-7:
        assert (found.p_value <= alpha) == (found.ci_low > 0)


def test_at_look_undefined():
    early = at_look(effect(2.0), 0.001, [0.001, 1.0])
    assert math.isnan(early.ci_low) and early.reason == "this look is too early for any decision"
    empty = at_look(Effect(estimate=1.0, reason="an arm has 1 unit"), 1.0, TWO)
    assert math.isnan(empty.p_value) and empty.reason == "an arm has 1 unit"


def test_always_valid_by_hand():
    # Waudby-Smith et al.: rho^2 = (-2 log a + log(-2 log a + 1)) / t0, half width of the mean of t units
    n, alpha = 400, 0.05
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 500
    half = math.sqrt(2 * (n * rho2 + 1) / (n**2 * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha))
    found = always_valid(Effect(estimate=0.3, std_error=1 / 20), n=n, n_planned=1000)
    assert [found.ci_low, found.ci_high] == pytest.approx([0.3 - half, 0.3 + half])
    assert found.df is None


LOOKS = [
    lambda e: always_valid(e, n=500, n_planned=1000), lambda e: between_looks(e, 0.5), lambda e: at_look(e, 1.0, TWO),
]  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
def test_early_looks_at_few_clusters_use_their_degrees_of_freedom(look):
    plain, few = look(effect(2.5)), look(effect(2.5, df=8))
    assert few.ci_high - 2.5 == pytest.approx(student.isf(norm.sf(plain.ci_high - 2.5), 8))
    assert few.df == 8 and few.p_value > plain.p_value
    edge = look(effect(few.ci_high - 2.5, df=8))
    assert (edge.p_value, edge.ci_low) == (pytest.approx(0.05), pytest.approx(0, abs=1e-9))


def test_an_early_look_at_few_clusters_may_say_nothing():
    found = always_valid(effect(2.5, df=8), n=2, n_planned=10**8)
    assert found.reason == "this look is too early for any decision" and math.isnan(found.ci_low)


def test_always_valid_arguments_change_the_result():
    def width(**changes):
        found = always_valid(effect(2.0), **{"n": 500, "n_planned": 1000, **changes})
        return found.ci_high - found.ci_low

    assert width(confidence_level=0.99) > width()
    assert width(n=50) > width() and width(n_planned=100_000) > width()
    assert width() > 2 * 2.5


def test_always_valid_undefined():
    for look in LOOKS:
        found = look(Effect(estimate=0.0, ci_low=-1, ci_high=1))
        assert math.isnan(found.ci_low) and math.isnan(found.p_value)
        assert found.reason == "no standard error yet, so no interval that allows for looking early"


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(-40, 40), st.integers(2, 10**7), st.integers(2, 10**7), st.floats(0.6, 0.999))
def test_always_valid_interval_agrees_with_p(z, n, n_planned, level):
    found = always_valid(effect(z), n=n, n_planned=n_planned, confidence_level=level)
    assert found.ci_low <= z <= found.ci_high and 2 * norm.sf(abs(z)) <= found.p_value + 1e-12
    if abs(found.p_value - (1 - level)) > 1e-9:
        assert (found.p_value <= 1 - level) == (not found.ci_low <= 0 <= found.ci_high)


@pytest.mark.parametrize(("share", "half"), [(1.0, 2.8070), (0.25, 5.6141)])  # norm.isf(.05 / 5 / 4) = 2.80703
def test_between_looks_is_the_bound_of_a_fifth_of_the_error_over_the_root_of_the_share(share, half):
    found = between_looks(effect(3.0), share)
    assert (found.estimate - found.ci_low, found.ci_high - found.estimate) == pytest.approx((half, half), abs=1e-4)
    assert found.method == "welch, repeated, between looks"
    edge = between_looks(effect(half), share)
    assert (edge.p_value, edge.ci_low) == (pytest.approx(0.05, abs=1e-4), pytest.approx(0, abs=1e-4))
    assert between_looks(effect(3.0), share, alpha=0.2).ci_low > found.ci_low
    assert between_looks(effect(0.1), share).p_value == 1.0


@pytest.mark.parametrize("looks", [[0.25, 0.5, 0.75, 1.0], [1.0]])
def test_between_looks_every_day_beside_planned_looks_stays_at_the_level_together(looks, in_band):
    # at the whole error for unplanned looks 5.4 to 5.7 % alarm; with the planned bounds used on every day 7.2 %
    days, n = 28, 40_000
    z = np.cumsum(np.random.default_rng(9).normal(size=(n, days)), axis=1) / np.sqrt(np.arange(1, days + 1))
    bounds = np.array([-between_looks(effect(0.0), (day + 1) / days).ci_low for day in range(days)])
    planned = np.round(np.array(looks) * days).astype(int) - 1
    bounds[planned] = sequential_bounds(looks, 0.05)
    both, alone = ((abs(z) > b).any(axis=1) for b in (bounds, np.where(np.isin(np.arange(days), planned), bounds, 99)))
    assert in_band(int(both.sum()), n, 0.05)
    assert both.mean() - alone.mean() < 5e-4


def dated(n, by=40):
    """Return n units of which so many are assigned on each day from the first of March."""
    return draw_frame(n, assigned_at=pd.to_datetime("2024-03-01") + pd.to_timedelta(np.arange(n) // by, unit="D"))


def fold(frame, **plan):
    return metrics.fold(make_source(frame), make_design(**{"metrics": {"y": SCORE}, **plan}))


def widen(n, **changes):
    """Return half the width of the interval in standard errors when n of all units have come."""
    units = fold(dated(n), assigned_at="assigned_at", enrolment_days=90, as_of="2024-05-01", **changes)
    return read_look(units).apply(Comparison(units.design, "y", "c", "t"), effect(0.0), n=n).ci_high


def test_look_is_tuned_once_and_not_anew_at_each_look():
    # without a planned number: as for 2,000 units, whatever came so far; at each look anew the widths would be equal
    unplanned = [widen(n) for n in (200, 400, 2000)]
    assert unplanned == pytest.approx([widen(n, planned_units=2001) for n in (200, 400, 2000)], rel=1e-3)
    assert unplanned[0] > 1.05 * unplanned[1] > unplanned[1] > unplanned[2]
    assert widen(400, planned_units=40_000) > 1.5 * unplanned[1]


@pytest.mark.parametrize(("as_of", "is_interim", "share"), [
    ("2024-03-10", True, 0.111), ("2024-03-20", True, 0.222), ("2024-05-29", False, 1.0),  # day 10, 20 and 90 of 90
])  # fmt: skip
def test_look_foresees_the_units_of_a_plan_that_gives_days_alone(as_of, is_interim, share):
    look = read_look(fold(dated(400), assigned_at="assigned_at", enrolment_days=90, as_of=as_of, looks=TWO))
    assert (look.is_interim, round(look.share, 3)) == (is_interim, share)


@pytest.mark.parametrize(("until", "changes", "told"), [
    ("2024-03-10", {}, "always-valid"),  # somebody is assigned on the last day
    ("2024-03-13", {}, "always-valid"),  # a weekend later
    ("2024-03-14", {}, "fixed"),  # nobody has been assigned for longer than it ever took
    ("2024-03-10", {"planned_units": 400}, "fixed"),
    ("2024-03-10", {"planned_units": 401}, "always-valid"),
    ("2024-03-10", {"enrolment_days": 10}, "fixed"),
    ("2024-03-10", {"as_of": None}, "fixed"),  # until when the data are complete is not known
])  # fmt: skip
def test_look_without_a_planned_end_is_early_while_units_are_assigned(until, changes, told):
    plan = {"assigned_at": "assigned_at", "as_of": until, **changes}
    assert read_look(fold(dated(400), **plan)).interval == told


def test_look_of_days_alone_needs_the_last_complete_day():
    plan = {"assigned_at": "assigned_at", "enrolment_days": 90, "looks": TWO}
    units = fold(draw_frame(assigned_at=pd.to_datetime("2024-03-01")), **plan)
    assert tell_refusal(read_look, units) == (
        "plan, as_of: looks need the last complete day, since enrolment_days alone do not tell how far it is; give it"
    )


def look_on(day, looks, *, within=None, units=2800):
    """Return the look at an experiment of 28 days, by the end of one of them."""
    metric = {"y": SCORE | ({"within_days": within} if within else {})}
    as_of = (pd.to_datetime("2024-03-01") + pd.Timedelta(day, "D")).date().isoformat()
    plan = {"assigned_at": "assigned_at", "planned_units": units, "as_of": as_of, "looks": looks}
    return read_look(fold(dated(units, by=100), metrics=metric, **plan))


@pytest.mark.parametrize(("within", "late"), [(None, 0), (7, 6)])
def test_look_takes_each_planned_look_on_one_day_alone(within, late):
    planned = {day: look_on(day + late, TWO, within=within).planned for day in (12, 13, 14, 27)}
    assert planned == {12: None, 13: 0.5, 14: None, 27: 1.0}


@pytest.mark.parametrize(("days", "looks"), [(28, TWO), (28, [0.2, 0.4, 0.6, 0.8, 1.0]), (1000, TWO)])
def test_look_every_day_near_planned_ones_stays_at_the_level(days, looks, in_band):
    # every look within .02 of a planned one, judged as that one anew: 5.8 to 6.4 %
    n, design = 20_000, make_design(metrics={"y": SCORE}, planned_units=days, looks=looks)
    comparison, shares = Comparison(design, "y", "c", "t"), np.arange(1, days + 1) / days
    bounds = [
        Look(share < 1, "repeated", share, days, tuple(looks), share - 1 / days)
        .apply(comparison, effect(0.0), n=day + 1)
        .ci_high
        for day, share in enumerate(shares)
    ]
    rng, alarms = np.random.default_rng(9), 0
    for _ in range(20):
        z = np.cumsum(rng.normal(size=(n // 20, days)), axis=1) / np.sqrt(np.arange(1, days + 1))
        alarms += int((abs(z) > bounds).any(axis=1).sum())
    assert in_band(alarms, n, 0.05)


def test_look_without_days_takes_a_planned_look_at_its_own_number_of_units():
    planned = {n: read_look(fold(draw_frame(400), planned_units=n, looks=TWO)).planned for n in (798, 800, 801)}
    assert planned == {798: None, 800: 0.5, 801: None}


def measure(values):
    return Moments(("y", "x"), len(values), values.mean(axis=0), np.cov(values.T), missing=1)


def test_merge_moments_equals_the_moments_of_all_and_with_nothing_is_the_other():
    values = np.random.default_rng(1).normal(1e8, 1, (50, 2))
    some, whole = measure(values[:20]), measure(values)
    merged = merge_moments(some, measure(values[20:]))
    assert merged.mean == pytest.approx(whole.mean, rel=1e-15)
    assert merged.cov == pytest.approx(whole.cov, rel=1e-6)
    assert (merged.n, merged.missing) == (50, 2)
    none = Moments(("y", "x"), 0, np.full(2, np.nan), np.full((2, 2), np.nan))
    assert merge_moments(None, some) is merge_moments(none, some) is merge_moments(some, none) is some


def trace(n=400, **changes):
    days = pd.to_datetime("2024-03-01") + pd.to_timedelta(np.arange(n) % 28, unit="D")
    units = fold(draw_frame(n, assigned_at=days), **{"assigned_at": "assigned_at", **changes})
    return trace_path(units, read_look(units), {})


def test_trace_path_ends_with_the_whole_experiment():
    path, frame = trace(), draw_frame(400)
    means = frame.groupby("variant")["y"].mean()
    assert path["day"].tolist() == [7, 14, 21, 28]
    assert path["n"].iloc[-1] == 400
    assert path["estimate"].iloc[-1] == pytest.approx(means["t"] - means["c"])
    assert (path["ci_high"] - path["ci_low"]).is_monotonic_decreasing


def test_trace_path_depends_on_level_and_planned_units():
    narrow, wide, tuned = trace(confidence_level=0.8), trace(), trace(planned_units=4000)
    assert (narrow["ci_low"] > wide["ci_low"]).all()
    assert not np.allclose(tuned["ci_low"], wide["ci_low"])


def test_trace_path_of_an_interim_experiment_ends_with_its_headline_for_every_treatment():
    days = pd.to_datetime("2024-03-01") + pd.to_timedelta(np.arange(600) % 28, unit="D")
    frame = draw_frame(600, assigned_at=days).assign(variant=["c", "t", "u"] * 200)
    variant = {"column": "variant", "control": "c", "treatments": ["t", "u"]}
    design = make_design(metrics={"y": SCORE}, variant=variant, assigned_at="assigned_at", planned_units=900)
    results = run_experiment(frame, design)
    path = results.tables["path"]
    assert path["treatment"].drop_duplicates().tolist() == ["t", "u"]
    for found in results.headline("y"):
        last = path[path["treatment"] == found.treatment].iloc[-1]
        assert (last["ci_low"], last["ci_high"]) == pytest.approx((found.ci_low, found.ci_high))
        assert last["n"] == 400


def test_trace_path_is_empty_without_times_and_for_what_moments_do_not_tell():
    assert trace(assigned_at=None).empty
    assert trace(metrics={"y": SCORE | {"scale": "ordered"}}).empty
    assert trace(metrics={"y": SCORE | {"quantile": 0.5}}).empty
