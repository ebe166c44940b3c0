"""The shipped methods on the columns of two arms, one row a randomised unit: what validation measures.

Every function takes `control` and `treatment`, arrays of shape (n, k), `confidence_level` (0.5 to 1) and `rng`
(a Generator, read by the permutation test alone), and returns an `Effect`. Each calls what an experiment calls.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.inference.adjustment import adjust_means
from helpers.inference.missing import bound_missing, weight_responders
from helpers.inference.multiplicity import holm
from helpers.inference.ordered import win_difference
from helpers.inference.pairs import compare_means, compare_ratios, difference, relative_lift
from helpers.inference.permutation import permutation_difference
from helpers.inference.proportions import relative_lift_risk, risk_difference
from helpers.inference.quantiles import quantile_difference
from helpers.inference.rates import rate_ratio
from helpers.inference.sequential import always_valid, at_look
from helpers.inference.splits import measure_interaction, measure_trend
from helpers.inference.take_up import anderson_rubin, complier_effect
from helpers.plan import Metric
from helpers.records import NAN, Effect, Moments
from helpers.simulate.populations import LEVELS, LOOK_DAYS

LOOKS = (0.5, 1.0)
N_RESAMPLES = 499
MIN_CELL = 10  # units an arm of a segment or a week, as plans have it by default
_BINARY = Metric(kind="binary")


def measure_columns(columns, names=("y",), *, missing=0) -> Moments:
    """Return the moments of columns without missing values.

    Parameters
    ----------
    columns : array, shape (n, k)
    names : tuple of str, length k
    missing : int, units left out for an unknown outcome
    """
    n = len(columns)
    mean = columns.mean(axis=0) if n else np.full(len(names), NAN)
    centred = columns - mean
    cov = centred.T @ centred / (n - 1) if n > 1 else np.full((len(names), len(names)), NAN)
    return Moments(tuple(names), n, mean, cov, missing)


def compare_columns(control, treatment, *, confidence_level, rng) -> Effect:
    """Return Welch's difference of the first column; units without it are left out."""
    return difference(compare_means(*_read_known(control, treatment)), confidence_level=confidence_level)


def lift_columns(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the relative lift of the first column, by Fieller."""
    return relative_lift(compare_means(*_read_known(control, treatment)), confidence_level=confidence_level)


def compare_shares(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the Miettinen-Nurminen difference of a column of 0 and 1."""
    return risk_difference(*_count(treatment), *_count(control), confidence_level=confidence_level)


def lift_shares(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the score interval of the relative lift of a column of 0 and 1."""
    return relative_lift_risk(*_count(treatment), *_count(control), confidence_level=confidence_level)


def compare_sums(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the difference of two ratios of sums, by the delta method; columns numerator and denominator."""
    return difference(_pair_sums(control, treatment), confidence_level=confidence_level)


def lift_sums(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the relative lift of a ratio of sums, by Fieller; columns numerator and denominator."""
    return relative_lift(_pair_sums(control, treatment), confidence_level=confidence_level)


def adjust_columns(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the difference of the first column adjusted for the others, missing ones filled with an indicator."""
    return difference(adjust_means(*_fill_covariates(control, treatment)), confidence_level=confidence_level)


def weight_columns(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the difference of the first column, weighted by the chance to be known given the others."""
    names = [f"x{k}" for k in range(1, control.shape[1])]
    frames = [pd.DataFrame(arm, columns=["y", *names]).assign(treated=t) for t, arm in enumerate((control, treatment))]
    return weight_responders(pd.concat(frames, ignore_index=True), covariates=names, confidence_level=confidence_level)


def bound_shares(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the worst-case bounds of a column of 0, 1 and unknown."""
    return bound_missing(_BINARY, *_read_known(control, treatment), confidence_level=confidence_level)


def permute_columns(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the permutation test's difference of the first column, from few permutations."""
    arms = control[:, 0], treatment[:, 0]
    return permutation_difference(*arms, rng=rng, n_resamples=N_RESAMPLES, confidence_level=confidence_level)


def look_daily(control, treatment, *, confidence_level, rng) -> Effect:
    """Return what all always-valid intervals together leave, looked at on every day; columns outcome and day."""
    n_planned, seen = len(control) + len(treatment), []
    for day in range(1, LOOK_DAYS + 1):
        arms = [measure_columns(arm[arm[:, 1] <= day, :1]) for arm in (control, treatment)]
        fixed = difference(compare_means(*arms), confidence_level=confidence_level)
        n = sum(arm.n for arm in arms)
        seen.append(always_valid(fixed, n=n, n_planned=n_planned, confidence_level=confidence_level))
    return _intersect(seen)


def look_as_planned(control, treatment, *, confidence_level, rng) -> Effect:
    """Return what the repeated intervals of two planned looks together leave; columns outcome and day."""
    seen = []
    for look in LOOKS:
        arms = [measure_columns(arm[: round(look * len(arm)), :1]) for arm in (control, treatment)]
        fixed = difference(compare_means(*arms), confidence_level=confidence_level)
        seen.append(at_look(fixed, look, LOOKS, alpha=1 - confidence_level))
    return _intersect(seen)


def combine_metrics(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the smallest of Holm's adjusted p-values over the columns, each a metric."""
    tests = [
        compare_columns(control[:, [k]], treatment[:, [k]], confidence_level=confidence_level, rng=rng).p_value
        for k in range(control.shape[1])
    ]
    return Effect(p_value=float(np.nanmin(holm(tests))), method="holm")


def compare_segments(control, treatment, *, confidence_level, rng) -> Effect:
    """Return Cochran's test that the effect is one in all groups; columns outcome and group."""
    _, effects, precision = _split(control, treatment, confidence_level)
    if len(effects) < 2:
        return Effect(method="interaction", reason="fewer than two segments are large enough")
    return Effect(p_value=measure_interaction(effects, precision)[1], method="interaction")


def trend_weeks(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the test of a linear trend of the effect over groups in order; columns outcome and group."""
    found = _split(control, treatment, confidence_level)
    if len(found[0]) < 3:
        return Effect(method="trend over weeks", reason="fewer than three weeks are large enough")
    return Effect(p_value=measure_trend(*found)[1], method="trend over weeks")


def comply_delta(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the complier effect by the delta method; columns outcome and take-up."""
    return complier_effect(_measure_take_up(control, treatment), confidence_level=confidence_level)


def comply_anderson_rubin(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the complier effect with its Anderson-Rubin set; columns outcome and take-up."""
    return anderson_rubin(_measure_take_up(control, treatment), confidence_level=confidence_level)


def win_columns(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the win difference of a column of ordered scores, 1 to `LEVELS`."""
    counts = [np.bincount(arm[:, 0].astype(int), minlength=LEVELS + 1)[1:] for arm in (control, treatment)]
    return win_difference(*counts, confidence_level=confidence_level)


def compare_quantiles(control, treatment, *, confidence_level, rng, probability) -> Effect:
    """Return the difference of a quantile of the first column; `probability` is 0.5 for the median."""
    return quantile_difference(control[:, 0], treatment[:, 0], probability, confidence_level=confidence_level)


def divide_rates(control, treatment, *, confidence_level, rng) -> Effect:
    """Return the ratio of two rates; columns events and time at risk."""
    arms = (measure_columns(arm, ("num", "den")) for arm in (control, treatment))
    return rate_ratio(*arms, confidence_level=confidence_level)


def _read_known(control, treatment):
    known = [arm[~np.isnan(arm[:, 0]), :1] for arm in (control, treatment)]
    return [measure_columns(k, missing=len(a) - len(k)) for k, a in zip(known, (control, treatment), strict=True)]


def _count(arm):
    return int(arm[:, 0].sum()), len(arm)


def _pair_sums(control, treatment):
    return compare_ratios(*(measure_columns(arm, ("num", "den")) for arm in (control, treatment)))


def _fill_covariates(control, treatment):
    """As metrics does: zero, and an indicator a column that has a gap in either arm."""
    gaps = np.isnan(control[:, 1:]).any(axis=0) | np.isnan(treatment[:, 1:]).any(axis=0)
    filled = [np.column_stack([np.nan_to_num(a), np.isnan(a[:, 1:])[:, gaps]]) for a in (control, treatment)]
    names = ("y", *(f"x{k}" for k in range(1, filled[0].shape[1])))
    return [measure_columns(arm, names) for arm in filled]


def _split(control, treatment, confidence_level):
    found = []
    for group in np.union1d(control[:, 1], treatment[:, 1]):
        arms = [measure_columns(arm[arm[:, 1] == group, :1]) for arm in (control, treatment)]
        if min(arm.n for arm in arms) >= MIN_CELL:
            effect = difference(compare_means(*arms), confidence_level=confidence_level)
            found.append((group, effect.estimate, effect.std_error**-2))
    return np.array(found).reshape(-1, 3).T


def _intersect(effects):
    seen = [effect for effect in effects if effect.ci_low == effect.ci_low]
    if not seen:
        return replace(effects[-1], ci_low=NAN, ci_high=NAN, p_value=NAN)
    low, high = max(e.ci_low for e in seen), min(e.ci_high for e in seen)
    return replace(effects[-1], ci_low=low, ci_high=high, p_value=min(e.p_value for e in seen))


def _measure_take_up(control, treatment):
    return tuple(measure_columns(arm, ("y", "taken")) for arm in (control, treatment))
