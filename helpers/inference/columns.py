"""Columns of both arms, one row a randomised unit, as methods take them: read, looked at early, many at once."""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import ndtr, stdtrit

from helpers.inference.associations import bound_missing
from helpers.inference.contrasts import count_events, risk_difference, score_limits, score_p_value
from helpers.inference.decisions import holm
from helpers.inference.looks import always_valid, at_look, sequential_bounds
from helpers.inference.means import compare_means, difference, measure_columns, permute_many, satterthwaite
from helpers.records import LEVELS, LOOK_DAYS, NAN, Effect
from helpers.survival import build_life_table

LOOKS = (0.5, 1.0)
N_RESAMPLES = 99  # exact with any number; reports draw more, for a finer p-value
MIN_CELL = 10  # units an arm of a segment or a week, as plans have it by default


def read_known(control, treatment):
    """Return the moments of the first column; units without it are counted as missing."""
    known = [arm[~np.isnan(arm[:, 0]), :1] for arm in (control, treatment)]
    return [measure_columns(k, missing=len(a) - len(k)) for k, a in zip(known, (control, treatment), strict=True)]


def read_sums(control, treatment):
    """Return the moments of a numerator and a denominator."""
    return [measure_columns(arm, ("num", "den")) for arm in (control, treatment)]


def read_take_up(control, treatment):
    """Return the moments of outcome and take-up, both arms as one argument."""
    return [tuple(measure_columns(arm, ("y", "taken")) for arm in (control, treatment))]


def read_levels(control, treatment):
    """Return the units on each level of an ordered score."""
    return [np.bincount(arm[:, 0].astype(int), minlength=LEVELS + 1)[1:] for arm in (control, treatment)]


def read_values(control, treatment):
    """Return the outcomes."""
    return control[:, 0], treatment[:, 0]


def read_times(control, treatment):
    """Return the life tables; columns days and event code."""
    return [build_life_table(*arm.T) for arm in (control, treatment)]


def read_covariates(control, treatment):
    """Return the moments of outcome and covariates, filled as metrics does: zero, and an indicator where a gap is."""
    gaps = np.isnan(control[:, 1:]).any(axis=0) | np.isnan(treatment[:, 1:]).any(axis=0)
    filled = [np.column_stack([np.nan_to_num(a), np.isnan(a[:, 1:])[:, gaps]]) for a in (control, treatment)]
    names = ("y", *(f"x{k}" for k in range(1, filled[0].shape[1])))
    return [measure_columns(arm, names) for arm in filled]


def limit_permutations(controls, treatments, *, confidence_level, rng):
    """Return limits and p-values of the permutation test, many experiments at once."""
    options = {"rng": rng, "n_resamples": N_RESAMPLES, "confidence_level": confidence_level}
    return permute_many(controls[:, :, 0], treatments[:, :, 0], **options)


def bound_shares(control, treatment, *, confidence_level) -> Effect:
    """Return the worst-case bounds of a difference of shares.

    Notes
    -----
    low: lower score limit of x₁ of n₁ against x₀ + u₀ of n₀; high: upper one of x₁ + u₁ of n₁ against x₀ of n₀; x units
    have the event, of u nobody knows.
    """
    limit = partial(risk_difference, confidence_level=confidence_level)
    return bound_missing(lambda *arms: limit(*count_events(*arms)), (0.0, 1.0), control, treatment)


def look_daily(control, treatment, *, confidence_level) -> Effect:
    """Return what all always-valid intervals together leave, looked at on every day; columns outcome and day.

    Notes
    -----
    Each day d ± s.e. · √(2 (i + 1) / i · ln(√(i + 1) / α)), i = 2 c · (share of the planned units),
    c = ln(1 / α²) + ln(ln(1 / α²) + 1). Shown is what all days together leave.
    """
    n_planned, seen = len(control) + len(treatment), []
    for (n0, mean0, var0), (n1, mean1, var1) in zip(
        *(_sum_days(arm[None])[0] for arm in (control, treatment)), strict=True
    ):
        freedom = satterthwaite((var0, n0 - 1), (var1, n1 - 1))
        fixed = Effect(estimate=mean1 - mean0, std_error=float(np.sqrt(var0 + var1)), df=freedom, method="welch")
        seen.append(always_valid(fixed, n=n0 + n1, n_planned=n_planned, confidence_level=confidence_level))
    return _intersect(seen)


def limit_days(controls, treatments, *, confidence_level, rng=None):
    """Return limits and p-values of `look_daily`, many experiments at once; p is 0 or 1."""
    (n0, mean0, var0), (n1, mean1, var1) = (np.moveaxis(_sum_days(arms), -1, 0) for arms in (controls, treatments))
    planned = {"n_planned": controls.shape[1] + treatments.shape[1], "confidence_level": confidence_level}
    n, place = np.unique(n0 + n1, return_inverse=True)
    bound = np.array([always_valid(Effect(0.0, 1.0), n=known, **planned).ci_high for known in n])[place]
    with np.errstate(invalid="ignore", divide="ignore"):
        df = (var0 + var1) ** 2 / (var0**2 / (n0 - 1) + var1**2 / (n1 - 1))
        half = -stdtrit(df, ndtr(-bound)) * np.sqrt(var0 + var1)
    return _intersect_many(mean1 - mean0 - half, mean1 - mean0 + half)


def _sum_days(arms):
    """Units known by each day, their mean and its squared standard error, shape (experiments, days, 3)."""
    n, first, second = (np.cumsum(part, axis=1)[:, 1:] for part in _sum_by(arms, LOOK_DAYS + 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([n, first / n, (second - first**2 / n) / (n - 1) / n], axis=-1)


def _sum_by(arms, size):
    """Units by the second column of many arms, 0 or more, and the sums of the first and of its square."""
    place, shape = arms[:, :, 1].astype(int) + size * np.arange(len(arms))[:, None], (len(arms), size)
    values = arms[:, :, 0].ravel()
    return [np.bincount(place.ravel(), values**k, size * len(arms)).reshape(shape) for k in range(3)]


def _intersect_many(low, high):
    """What all looks, the second axis, leave together; p, which takes a search, is 0 or 1."""
    low, high = np.fmax.reduce(low, axis=1), np.fmin.reduce(high, axis=1)
    return low, high, np.where((low > 0) | (high < 0), 0.0, 1.0)


def look_as_planned(control, treatment, *, confidence_level) -> Effect:
    """Return what the repeated intervals of two planned looks together leave; columns outcome and day.

    Notes
    -----
    At each look d ± t(ν) · s.e., t as far out as the look's bound u: by then the chance of any |z| > u is what O'Brien
    and Fleming spend, 4 · (1 - Φ(z(α / 4) / √share)). Shown is what all looks together leave.
    """
    seen = []
    for look in LOOKS:
        arms = [measure_columns(arm[: round(look * len(arm)), :1]) for arm in (control, treatment)]
        fixed = difference(compare_means(*arms), confidence_level=confidence_level)
        seen.append(at_look(fixed, look, LOOKS, alpha=1 - confidence_level))
    return _intersect(seen)


def limit_looks(controls, treatments, *, confidence_level, rng=None):
    """Return limits and p-values of `look_as_planned`, many experiments at once; p is 0 or 1."""
    bounds, ends = sequential_bounds(LOOKS, 1 - confidence_level), []
    for look, bound in zip(LOOKS, bounds, strict=True):
        arms = [arm[:, : round(look * arm.shape[1]), 0] for arm in (controls, treatments)]
        parts = [(arm.var(axis=1, ddof=1) / arm.shape[1], arm.shape[1] - 1) for arm in arms]
        variance = sum(part for part, _ in parts)
        df = variance**2 / sum(part**2 / freedom for part, freedom in parts)
        half = -stdtrit(df, ndtr(-bound)) * np.sqrt(variance)
        middle = arms[1].mean(axis=1) - arms[0].mean(axis=1)
        ends.append((middle - half, middle + half))
    return _intersect_many(*np.array(ends).transpose(1, 2, 0))


def limit_bounds(controls, treatments, *, confidence_level, rng=None):
    """Return the worst-case bounds of shares, many experiments at once."""
    sizes = treatments.shape[1], controls.shape[1]
    (x1, more1), (x0, more0) = (
        (np.nansum(arm[:, :, 0], axis=1), np.isnan(arm[:, :, 0]).sum(axis=1)) for arm in (treatments, controls)
    )
    low, _ = score_limits(x1, sizes[0], x0 + more0, sizes[1], confidence_level=confidence_level)
    _, high = score_limits(x1 + more1, sizes[0], x0, sizes[1], confidence_level=confidence_level)
    return low, high, np.full(len(low), NAN)


def _intersect(effects):
    seen = [effect for effect in effects if effect.ci_low == effect.ci_low]
    if not seen:
        return replace(effects[-1], ci_low=NAN, ci_high=NAN, p_value=NAN)
    low, high = max(e.ci_low for e in seen), min(e.ci_high for e in seen)
    return replace(effects[-1], ci_low=low, ci_high=high, p_value=min(e.p_value for e in seen))


def combine_metrics(control, treatment, *, confidence_level) -> Effect:
    """Return the smallest of Holm's adjusted p-values over the columns, each a metric.

    Notes
    -----
    p₁ ≤ … ≤ pₘ in order: adjusted pᵢ = max over j ≤ i of min(1, (m - j + 1) · pⱼ); here the smallest of them.
    """
    pairs = (read_known(control[:, [k]], treatment[:, [k]]) for k in range(control.shape[1]))
    return Effect(p_value=float(np.nanmin(holm([difference(compare_means(*p)).p_value for p in pairs]))), method="holm")


def measure_groups(measure, method, least, control, treatment, *, confidence_level) -> Effect:
    """Return a test over the effects in groups; columns outcome and group."""
    found = []
    for group in np.union1d(control[:, 1], treatment[:, 1]):
        arms = [measure_columns(arm[arm[:, 1] == group, :1]) for arm in (control, treatment)]
        if min(arm.n for arm in arms) >= MIN_CELL:
            pair = compare_means(*arms)
            found.append((group, pair.treatment - pair.control, 1 / pair.variance))
    if len(found) < least:
        return Effect(method=method, reason=f"fewer than {least} groups are large enough")
    return Effect(p_value=measure(*np.array(found).T)[1], method=method)


def limit_difference(x1, n1, x0, n0, *, confidence_level):
    """Return limits and p-values of the differences of arrays of tables: treatment x1 of n1, control x0 of n0."""
    return *score_limits(x1, n1, x0, n0, confidence_level=confidence_level), score_p_value(x1, n1, x0, n0)


def limit_lift(x1, n1, x0, n0, *, confidence_level):
    """Return those of lifts: without an event in the control there is no p-value, and a set without an upper end."""
    low, high = score_limits(x1, n1, x0, n0, confidence_level=confidence_level, ratio=True)
    return low - 1, high - 1, np.where(np.asarray(x0) > 0, score_p_value(x1, n1, x0, n0), np.nan)
