"""The test that the plan would use for each metric, made ready to be run again on any split of the units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.inference import difference as compare_values
from helpers.inference import permutation_difference, score_p_value
from helpers.inference.effects import pair_arms
from helpers.inference.headline import is_tailed
from helpers.inference.ordered import win_difference
from helpers.inference.quantiles import quantile_difference
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Moments

BY_UNIT = "clusters are randomised, and {} are compared by unit only"
NO_TIMES = "times to an event are not compared here"
N_RESAMPLES = 499  # p-values in steps of .002


@dataclass(frozen=True)
class Retest:
    """One metric's test on any split: masks of units (clusters) in, one p-value a split out.

    `cells` marks, one row a cell, the units that must not be too few: those with a known outcome, of a share those
    with and those without it. `find_p` takes the masks of the control and of the treatment, shape (splits, units),
    and one generator a split. Without `find_p` there is no test, for the `reason`.
    """

    metric: str
    method: str
    cells: np.ndarray
    find_p: Callable | None = None
    reason: str | None = None


def choose_retests(
    design: ExperimentPlan, rows: pd.DataFrame, codes: np.ndarray, *, shares, covariates=(), compare_times=None
) -> list[Retest]:
    """Return the headline test of every metric, by the rules of the plan, and plain Welch where it could stand instead.

    Parameters
    ----------
    design : ExperimentPlan
    rows : DataFrame, one row a unit, with the columns of `metrics.Units`
    codes : array of int, one a row
        The randomised unit: the row itself, or its cluster.
    shares : dict of float by arm
        Of the splits to come; they decide on the permutation test.
    covariates : sequence of str
        The `x_` columns.
    compare_times : function (control, treatment, *, horizon, confidence_level) -> Effect, optional
        Of two arrays of (days, event code).

    Returns
    -------
    list of Retest
    """
    found = []
    for name, metric in design.metrics.items():
        if metric.kind == "time_to_event":
            found.append(_retest_times(design, name, rows, compare_times))
        elif not metric.is_mean:
            found.append(_retest_values(design, name, rows, codes))
        elif metric.is_ratio or design.cluster is not None:
            found.append(_retest_ratio(name, metric, rows, codes))
        else:
            found += _retest_mean(design, name, rows, shares, covariates)
    return found


def _retest_times(design, name, rows, compare_times):
    values = rows[[f"time_{name}", f"observed_{name}"]].to_numpy(float)
    known = ~np.isnan(values).any(axis=1)
    reason = BY_UNIT.format("times to an event") if design.cluster else None if compare_times else NO_TIMES
    if reason:
        return Retest(name, "", known[None], reason=reason)
    options = {"horizon": design.metrics[name].horizon_days, "confidence_level": design.confidence_level}

    def compare(control, treatment, rng):
        return compare_times(values[control], values[treatment], **options).p_value

    return Retest(name, "cumulative incidence", known[None], _each(compare))


def _retest_values(design, name, rows, codes):
    """Ordered scores by their levels, quantiles by their values; a quantile knows clusters."""
    values = rows[f"y_{name}"].to_numpy(float)
    known = ~np.isnan(values)
    levels, places = np.unique(values[known], return_inverse=True)
    if design.metrics[name].quantile is None:
        if design.cluster:
            return Retest(name, "", known[None], reason=BY_UNIT.format("ordered scores"))

        def compare(control, treatment, rng):
            return win_difference(*(np.bincount(places[m[known]], minlength=len(levels)) for m in (control, treatment)))

        return Retest(name, "brunner-munzel", known[None], _each(lambda *sides: compare(*sides).p_value))
    cells = np.bincount(codes, weights=known) > 0

    def compare_quantiles(control, treatment, rng):
        sides = [mask[codes] & known for mask in (control, treatment)]
        groups = [codes[side] for side in sides] if design.cluster else [None, None]
        return quantile_difference(
            *(values[side] for side in sides), design.metrics[name].quantile, confidence_level=design.confidence_level,
            control_clusters=groups[0], treatment_clusters=groups[1],
        ).p_value  # fmt: skip

    return Retest(name, "order statistics", cells[None], _each(compare_quantiles))


def _retest_ratio(name, metric, rows, codes):
    columns = [f"num_{name}", f"den_{name}"] if metric.is_ratio else [f"y_{name}"]
    parts = rows[columns].assign(known=1.0) if not metric.is_ratio else rows[columns]
    parts = parts.where(rows[columns].notna().all(axis=1))
    values = parts.groupby(codes).sum(min_count=1).to_numpy(float)
    return _retest_moments(name, values, ("num", "den"), "delta")


def _retest_mean(design, name, rows, shares, covariates):
    metric, y = design.metrics[name], rows[f"y_{name}"].to_numpy(float)
    welch = _retest_moments(name, y[:, None], ("y",), "welch")
    known = y[~np.isnan(y)]
    if is_tailed(metric, design, {arm: share * len(known) for arm, share in shares.items()}, _find_skewness(known)):
        return [_retest_permutation(name, y), welch]
    if design.decides_on == "adjusted" and metric.kind != "nps":
        columns = np.column_stack([y, rows[list(covariates)].to_numpy(float)])
        lin = _retest_moments(name, columns, ("y", *covariates), "lin")
        return [lin, welch] if metric.kind == "amount" else [lin]
    return [_retest_share(name, y)] if metric.kind == "binary" else [welch]


def _find_skewness(known):
    if not len(known) or not known.var() > 0:
        return NAN
    return float(np.mean(((known - known.mean()) / known.std()) ** 3))


def _retest_share(name, y):
    yes, no = y == 1, y == 0

    def find_p(control, treatment, rngs):
        counts = [(_count(side, yes), _count(side, no)) for side in (treatment, control)]
        return score_p_value(*(n for x, rest in counts for n in (x, x + rest)))

    return Retest(name, "miettinen-nurminen", np.array([yes, no]), find_p)


def _retest_permutation(name, y):
    known = ~np.isnan(y)

    def compare(control, treatment, rng):
        sides = (y[side & known] for side in (control, treatment))
        return permutation_difference(*sides, rng=rng, n_resamples=N_RESAMPLES).p_value

    return Retest(name, "permutation", known[None], _each(compare))


def _retest_moments(name, values, names, method):
    """A test from moments: those of all splits by products of the masks with the columns and their squares."""
    known = ~np.isnan(values).any(axis=1)
    scale = values[known].std(axis=0) if known.any() else 1.0
    centre, scale = values[known].sum(axis=0) / max(known.sum(), 1), np.where(scale > 0, scale, 1.0)
    columns = (values[known] - centre) / scale
    upper = np.triu_indices(len(names))
    products = np.column_stack([columns, *(columns[:, i] * columns[:, j] for i, j in zip(*upper, strict=True))])

    def measure(mask):
        n, sums = _count(mask, known), mask[:, known].astype(float) @ products
        means, k = sums[:, : len(names)] / np.maximum(n, 1)[:, None], len(names)
        cov = np.empty((len(mask), k, k))
        cov[:, upper[0], upper[1]] = cov[:, upper[1], upper[0]] = sums[:, k:]
        with np.errstate(invalid="ignore", divide="ignore"):
            cov = (cov - n[:, None, None] * means[:, :, None] * means[:, None, :]) / (n - 1)[:, None, None]
        cov = cov * np.outer(scale, scale)
        return [Moments(names, int(m), mean, c) for m, mean, c in zip(n, centre + means * scale, cov, strict=True)]

    def find_p(control, treatment, rngs):
        pairs = (pair_arms(*sides) for sides in zip(measure(control), measure(treatment), strict=True))
        return np.array([compare_values(pair).p_value for pair in pairs])

    return Retest(name, method, known[None], find_p)


def _each(compare):
    """A test that needs the units themselves, split by split."""

    def find_p(control, treatment, rngs):
        return np.array([compare(*sides) for sides in zip(control, treatment, rngs, strict=True)], float)

    return find_p


def _count(masks, marked):
    return np.count_nonzero(masks[:, marked], axis=1)
