"""What must hold of every estimator whatever the data: swapping, scaling, agreement, order, width, inversion."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import made_sources
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers import metrics
from helpers.inference import associations, means
from helpers.inference.contrasts import quantile_difference, relative_lift_risk, risk_difference, win_difference
from helpers.inference.take_up import anderson_rubin, complier_effect
from helpers.records import Moments
from helpers.survival import build_life_table, incidence_difference, rmst_difference

HORIZON = 20.0


def measure(rows):
    """Return the moments of an array of units by columns."""
    names = tuple(f"c{i}" for i in range(rows.shape[1]))
    return Moments(names, len(rows), rows.mean(axis=0), np.atleast_2d(np.cov(rows, rowvar=False)))


def draw_mean(rng, n, effect):
    """Return outcomes around 5, with two covariates."""
    x = rng.normal(size=(n, 2))
    return np.column_stack([5 + effect + x @ [0.8, -0.3] + rng.normal(size=n), x])


def draw_share(rng, n, effect):
    """Return 0 and 1."""
    return (rng.random((n, 1)) < 0.3 + effect / 10).astype(float)


def draw_ratio(rng, n, effect):
    """Return a sum and its denominator, which go together."""
    size = rng.poisson(6, n) + 1.0
    return np.column_stack([rng.poisson(size * (1 + abs(effect) / 2)), size]).astype(float)


def draw_money(rng, n, effect):
    """Return an amount that most units do not spend."""
    return np.where(rng.random(n) < 0.3, rng.lognormal(effect, 1, n), 0.0)[:, None]


def draw_nps(rng, n, effect):
    """Return -100, 0 and 100."""
    return rng.choice([-100.0, 0.0, 100.0], (n, 1), p=[0.3, 0.5 - effect / 10, 0.2 + effect / 10])


def draw_levels(rng, n, effect):
    """Return scores of 1 to 5."""
    return np.clip(np.round(rng.normal(3 + effect, 1, (n, 1))), 1, 5)


def draw_times(rng, n, effect):
    """Return days and whether the event was seen (1), could no longer happen (2) or is not yet seen (0)."""
    days = rng.exponential(15 * math.exp(-effect / 2), n)
    code = rng.choice([1.0, 1.0, 2.0], n)
    end = rng.uniform(HORIZON, 40, n)
    return np.column_stack([np.minimum(days, end), np.where(days < end, code, 0.0)])


def draw_take_up(rng, n, effect):
    """Return outcome and take-up; the arm that is drawn with an effect takes up more."""
    taken = rng.random(n) < 0.2 + 0.5 * (effect != 0)
    return np.column_stack([rng.normal(effect * taken, 1), taken])


def draw_answers(rng, n, effect):
    """Return outcomes, some of them unknown, with two covariates."""
    drawn = draw_mean(rng, n + 30, effect)
    drawn[rng.random(n + 30) < 0.2, 0] = np.nan
    return drawn


def stack(control, treatment):
    """Return the outcomes of both sides, who took it up, and the covariates."""
    both = np.concatenate([control, treatment])
    return both[:, 0], np.repeat([False, True], [len(control), len(treatment)]), both[:, 1:]


def count_levels(*sides):
    """Return the counts of the values of both arms on their common levels."""
    levels = np.unique(np.concatenate(sides))
    return tuple(np.array([(side == level).sum() for level in levels]) for side in sides)


def compare_shares(estimator, control, treatment, level):
    """Return the effect of a two-proportion estimator on columns of 0 and 1."""
    counts = treatment.sum(), len(treatment), control.sum(), len(control)
    return estimator(*counts, confidence_level=level)


def compare_times(estimator, control, treatment, level, horizon=HORIZON):
    """Return the effect of a survival estimator on columns of days and event codes."""
    tables = (build_life_table(*rows.T) for rows in (control, treatment))
    return estimator(*tables, horizon=horizon, confidence_level=level)


def compare_pairs(pair, reader):
    """Return an estimator on columns from one on moments."""
    return lambda c, t, level: reader(pair(measure(c), measure(t)), confidence_level=level)


@dataclass(frozen=True)
class Case:
    """One shipped estimator on columns: what it does to scale (`outcome`, `free` of it) and to swapped arms."""

    draw: Any
    compute: Any
    scale: str | None = "outcome"
    swap: str = "flips"
    null: float = 0.0
    is_seeded: bool = False


CASES = {
    "welch": Case(draw_mean, compare_pairs(means.compare_means, means.difference)),
    "fieller": Case(draw_mean, compare_pairs(means.compare_means, means.relative_lift), "free", "inverts lift"),
    "nps": Case(draw_nps, compare_pairs(means.compare_means, means.difference)),
    "lin": Case(draw_mean, compare_pairs(means.adjust_means, means.difference)),
    "lin lift": Case(draw_mean, compare_pairs(means.adjust_means, means.relative_lift), "free", "inverts lift"),
    "delta": Case(draw_ratio, compare_pairs(means.compare_ratios, means.difference)),
    "delta lift": Case(draw_ratio, compare_pairs(means.compare_ratios, means.relative_lift), "free", "inverts lift"),
    "rate ratio": Case(
        draw_ratio, lambda c, t, level: means.rate_ratio(measure(c), measure(t), confidence_level=level),
        "free", "inverts", 1.0,
    ),
    "risk difference": Case(draw_share, lambda c, t, level: compare_shares(risk_difference, c, t, level), None),
    "risk lift": Case(
        draw_share, lambda c, t, level: compare_shares(relative_lift_risk, c, t, level), None, "inverts lift"
    ),
    "permutation": Case(
        draw_money,
        lambda c, t, level: means.permutation_difference(
            c[:, 0], t[:, 0], rng=np.random.default_rng(1), n_resamples=499, confidence_level=level
        ),
        is_seeded=True,
    ),
    "win difference": Case(
        draw_levels, lambda c, t, level: win_difference(*count_levels(c[:, 0], t[:, 0]), confidence_level=level), "free"
    ),
    "quantile": Case(
        draw_mean, lambda c, t, level: quantile_difference(c[:, 0], t[:, 0], 0.5, confidence_level=level)
    ),
    "quantile of clusters": Case(
        draw_mean,
        lambda c, t, level: quantile_difference(
            c[:, 0], t[:, 0], 0.5, confidence_level=level,
            control_clusters=np.round(c[:, 1], 1), treatment_clusters=np.round(t[:, 1], 1),
        ),
    ),
    "incidence": Case(draw_times, lambda c, t, level: compare_times(incidence_difference, c, t, level), None),
    "restricted mean": Case(draw_times, lambda c, t, level: compare_times(rmst_difference, c, t, level), None),
    "naive": Case(draw_mean, lambda c, t, level: associations.naive_contrast(*stack(c, t)[:2], confidence_level=level)),
    "least squares": Case(
        draw_mean, lambda c, t, level: associations.adjusted_contrast(*stack(c, t), confidence_level=level)
    ),
    "weights": Case(
        draw_mean, lambda c, t, level: associations.weighted_contrast(*stack(c, t), confidence_level=level)[0],
        swap="is another",
    ),
    "responders": Case(draw_answers, lambda c, t, level: associations.weight_responders(c, t, confidence_level=level)),
    "complier": Case(
        draw_take_up, lambda c, t, level: complier_effect((measure(c), measure(t)), confidence_level=level),
        swap="stays",
    ),
    "anderson-rubin": Case(
        draw_take_up, lambda c, t, level: anderson_rubin((measure(c), measure(t)), confidence_level=level),
        swap="stays",
    ),
}  # fmt: skip
NAMES = list(CASES)
SEEDS, SIZES, EFFECTS = st.integers(0, 10**6), st.integers(20, 120), st.sampled_from([0.0, 0.3, 0.9])
few = settings(derandomize=True, deadline=None, max_examples=8)


def draw_arms(case, seed, n0, n1, effect):
    """Return the columns of two arms."""
    rng = np.random.default_rng(seed)
    treated = effect or 1e-9 if case.draw is draw_take_up else effect
    return case.draw(rng, n0, 0.0), case.draw(rng, n1, treated)


def list_parts(effect):
    """Return the parts of a confidence set as pairs, unbounded ends as infinities."""
    pairs = effect.ci_set if effect.ci_set is not None else ((effect.ci_low, effect.ci_high),)
    return [(-math.inf if low is None else low, math.inf if high is None else high) for low, high in pairs]


def holds(effect, value, slack=0.0):
    """Return whether a confidence set holds a value."""
    return any(low - slack <= value <= high + slack for low, high in list_parts(effect))


def has_interval(effect):
    """Return whether there is a confidence set at all."""
    return effect.ci_set is not None or not math.isnan(effect.ci_low)


def close(one, other):
    """Return whether numbers agree to nine digits."""
    return np.allclose(np.array(one, float), np.array(other, float), rtol=1e-8, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_estimator_holds_its_estimate_agrees_with_its_test_and_widens(name):
    case, seen, wider = CASES[name], [], []

    @few
    @given(SEEDS, SIZES, SIZES, EFFECTS, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
    def check(seed, n0, n1, effect, level):
        sides = draw_arms(case, seed, n0, n1, effect)
        found, wide = case.compute(*sides, level), case.compute(*sides, 1 - (1 - level) / 10)
        if not has_interval(found):
            return
        seen.append(found)
        assert holds(found, found.estimate, slack=1e-12)
        if not math.isnan(found.p_value):
            assert holds(found, case.null) == (found.p_value > 1 - level)
            assert found.p_value == wide.p_value or not has_interval(wide)
        if has_interval(wide):
            ends = [end for part in list_parts(found) for end in part]
            assert all(holds(wide, end) for end in ends if math.isfinite(end))
            assert holds(wide, math.inf) >= holds(found, math.inf)
            wider.append(list_parts(wide) != list_parts(found))

    check()
    assert len(seen) >= 4 and any(wider)  # not all were without an interval, or at the ends of what can be


@pytest.mark.parametrize("name", [name for name in NAMES if not CASES[name].is_seeded])
@few
@given(seed=SEEDS, n0=SIZES, n1=SIZES, effect=EFFECTS)
def test_every_estimator_swaps_and_does_not_know_the_order_of_rows(name, seed, n0, n1, effect):
    case = CASES[name]
    sides = draw_arms(case, seed, n0, n1, effect)
    found, swapped = case.compute(*sides, 0.95), case.compute(*sides[::-1], 0.95)
    rng = np.random.default_rng(seed)
    mixed = case.compute(*(rng.permutation(side) for side in sides), 0.95)
    assert close(list_numbers(found), list_numbers(mixed))
    if case.swap == "is another":  # the weighted effect is that on those who took it up
        return
    assert close([found.p_value, found.control_value], [swapped.p_value, get_value(swapped, case)])
    turn = {"flips": lambda v: -v, "inverts": lambda v: 1 / v, "stays": lambda v: v}
    turn["inverts lift"] = lambda v: 1 / (1 + v) - 1
    assert close(swapped.estimate, turn[case.swap](found.estimate))
    if found.ci_set is None and swapped.ci_set is None and (case.swap != "inverts lift" or found.ci_low > -1):
        ends = [turn[case.swap](end) for end in (found.ci_low, found.ci_high)]
        assert close([swapped.ci_low, swapped.ci_high], sorted(ends))


def list_numbers(effect):
    """Return the figures of an effect."""
    ends = [end for part in list_parts(effect) for end in part]
    return [effect.estimate, effect.std_error, effect.p_value, effect.control_value, effect.treatment_value, *ends]


def get_value(swapped, case):
    """Return what the control's value is called once the arms are swapped."""
    return swapped.control_value if case.swap == "stays" else swapped.treatment_value


@pytest.mark.parametrize("name", [name for name in NAMES if CASES[name].scale])
@few
@given(seed=SEEDS, n0=SIZES, n1=SIZES, effect=EFFECTS, factor=st.sampled_from([1e-3, 7.0, 1e6]))
def test_every_estimator_follows_the_unit_of_the_outcome(name, seed, n0, n1, effect, factor):
    case = CASES[name]
    sides = draw_arms(case, seed, n0, n1, effect)
    scaled = [np.column_stack([side[:, 0] * factor, side[:, 1:]]) for side in sides]
    if name == "rate ratio":
        scaled = [side * [1, factor] for side in sides]  # time at risk in another unit
    found, moved = case.compute(*sides, 0.95), case.compute(*scaled, 0.95)
    by = factor if case.scale == "outcome" else 1.0
    assert close([moved.estimate / by, moved.p_value], [found.estimate, found.p_value])
    assert close(np.array(list_parts(moved)) / by, list_parts(found))


def through_numpy(frame):
    """Return the moments of y and x in both arms, by numpy."""
    return [measure(frame.loc[frame["variant"] == arm, ["y", "x"]].to_numpy()) for arm in ("a", "b")]


def through_engine(frame):
    """Return the moments of y and x in both arms, by the engine."""
    design = made_sources.make_design({"y": {"kind": "amount"}}, covariates=["x"])
    units = metrics.fold(made_sources.make_source(frame.assign(unit=range(len(frame)))), design)
    return list(metrics.summarise(units, adjusted=True)[None]["y"].values())


@pytest.mark.parametrize("road", [through_numpy, through_engine])
@pytest.mark.parametrize("mean", [1e8, -1e8])
def test_a_mean_of_a_hundred_million_changes_no_difference(road, mean):
    rng = np.random.default_rng(6)
    far = pd.DataFrame({"variant": ["a", "b"] * 600, "x": rng.normal(size=1200)})
    far["y"] = mean + rng.normal(size=1200) + 0.2 * (far["variant"] == "b") + far["x"]
    far["x"] += mean
    near = far.assign(y=far["y"] - mean, x=far["x"] - mean)  # exactly what is left of the digits
    for pair in (means.compare_means, means.adjust_means):
        one, other = (means.difference(pair(*road(frame))) for frame in (near, far))
        assert [other.estimate, other.ci_low, other.ci_high] == pytest.approx(
            [one.estimate, one.ci_low, one.ci_high],
            abs=6e-8,  # a mean of this size is known to 1.5e-8
        )
        assert other.std_error == pytest.approx(one.std_error, rel=1e-9)
        assert math.log(other.p_value) == pytest.approx(math.log(one.p_value), abs=1e-5)


def test_nps_of_a_unit_table_goes_through_the_engine():
    # DuckDB took 100.0 for a decimal of one digit, and the variance (up to 10,000) did not fit
    answers = np.random.default_rng(7).integers(0, 11, 400)
    frame = pd.DataFrame({"unit": range(400), "variant": ["a", "b"] * 200, "nps": answers.astype(float)})
    units = metrics.fold(made_sources.make_source(frame), made_sources.make_design({"nps": {"kind": "nps"}}))
    for arm, found in metrics.summarise(units)[None]["nps"].items():
        coded = np.select([answers >= 9, answers <= 6], [100.0, -100.0], 0.0)[frame["variant"] == arm]
        assert (found.value, found.variance) == pytest.approx((coded.mean(), coded.var(ddof=1)), rel=1e-12)


@pytest.mark.parametrize(("seed", "base", "parts"), [(1, 4.0, 1), (2, 0.25, 2), (3, 0.02, 1)])
def test_relative_lift_set_equals_a_grid_of_tests(seed, base, parts):
    # every lift is tested on its own: treatment - (1 + lift) x control against 0, with the degrees of freedom of lift 0
    rng = np.random.default_rng(seed)
    control, treatment = rng.normal(base, 1, 30), rng.normal(base + 1, 2, 40)
    control += base - control.mean()
    pair = means.compare_means(*(measure(side[:, None]) for side in (control, treatment)))
    found = means.relative_lift(pair)
    assert len(list_parts(found)) == parts
    limit = stats.t.isf(0.025, pair.df)
    for lift in np.linspace(-40, 40, 3203):
        gap = treatment.mean() - (1 + lift) * control.mean()
        error = math.sqrt(treatment.var(ddof=1) / 40 + (1 + lift) ** 2 * control.var(ddof=1) / 30)
        if abs(abs(gap) / error - limit) > 1e-6:
            assert holds(found, lift) == (abs(gap) / error <= limit)


def test_permutation_interval_equals_a_grid_of_exact_tests():
    # all 715 ways to choose 4 of 13 units, at every shift of a grid; with equal arms studentising would not matter
    rng = np.random.default_rng(4)
    control, treatment = rng.normal(0, 1, 9), rng.normal(1.5, 2, 4)
    found = means.permutation_difference(control, treatment, rng=np.random.default_rng(1), n_resamples=20_000)
    chosen = np.array(list(itertools.combinations(range(13), 4)))
    mask = np.zeros((len(chosen), 13), bool)
    np.put_along_axis(mask, chosen, True, axis=1)
    chance, tested = 4 * math.sqrt(0.05 * 0.95 / 20_000), 0
    for shift in np.linspace(-6, 8, 401):
        values = np.concatenate([control, treatment - shift])
        groups = [np.broadcast_to(values, mask.shape)[side].reshape(len(mask), -1) for side in (mask, ~mask)]
        statistic = abs(stats.ttest_ind(*groups, equal_var=False, axis=1).statistic)
        exact = np.mean(statistic >= statistic[-1] * (1 - 1e-9))  # the last choice is the one that was made
        if abs(exact - 0.05) > chance:
            assert holds(found, shift) == (exact > 0.05), shift
            tested += exact > 0.05
    assert tested > 50 and np.isfinite([found.ci_low, found.ci_high]).all()
