"""The test that the plan would use for each metric, made ready to be run again on any split of the units."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from helpers.inference import Arm, choose_method, compare, score_p_value
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Moments
from helpers.survival import build_life_table, incidence_difference

BY_UNIT = "clusters are randomised, and {} are compared by unit only"
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
    design: ExperimentPlan, rows: pd.DataFrame, codes: np.ndarray, *, shares, covariates=()
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

    Returns
    -------
    list of Retest
    """
    found = []
    for name, metric in design.metrics.items():
        is_time = metric.kind == "time_to_event"
        columns = ["time", "observed"] if is_time else ["num", "den"] if metric.is_ratio else ["y"]
        values = rows[[f"{column}_{name}" for column in columns]].to_numpy(float)
        known = ~np.isnan(values).any(axis=1)
        facts = {"sizes": {arm: share * known.sum() for arm, share in shares.items()}}
        facts |= {"skewness": _find_skewness(values[known, 0]), "is_adjustable": len(covariates) > 0}
        method = choose_method(metric, design, **facts)
        cells = (np.bincount(codes, weights=known) > 0)[None]
        if design.cluster and method in ("cumulative incidence", "brunner-munzel"):
            what = "times to an event" if is_time else "ordered scores"
            found.append(Retest(name, "", cells, reason=BY_UNIT.format(what)))
        elif is_time:
            found.append(Retest(name, method, cells, partial(_find_p_of_times, values, metric.horizon_days)))
        elif method == "miettinen-nurminen":
            cells = np.array([values[:, 0] == 1, values[:, 0] == 0])
            found.append(Retest(name, method, cells, partial(_find_p_of_shares, cells)))
        else:
            measure = _choose_measure(method, values, codes, rows[list(covariates)], design)
            found.append(Retest(name, method, cells, partial(_find_p, metric, method, measure)))
        if method == "permutation" or (method == "lin" and metric.kind == "amount"):
            measure = partial(_measure_moments, ("y",), values)
            found.append(Retest(name, "welch", cells, partial(_find_p, metric, "welch", measure)))
    return found


def _find_skewness(known):
    if not len(known) or not known.var() > 0:
        return NAN
    return float(np.mean(((known - known.mean()) / known.std()) ** 3))


def _choose_measure(method, values, codes, covariates, design):
    """A function of the masks of one side of some splits, which gives what the method takes, one arm a split."""
    if method == "welch":
        return partial(_measure_moments, ("y",), values)
    if method == "lin":
        return partial(_measure_moments, ("y", *covariates.columns), np.column_stack([values, covariates]))
    if method == "delta":
        parts = pd.DataFrame(values if values.shape[1] > 1 else np.column_stack([values, np.ones(len(values))]))
        sums = parts.mask(parts.isna().any(axis=1)).groupby(codes).sum(min_count=1)
        return partial(_measure_moments, ("num", "den"), sums.to_numpy(float))
    known, clusters = ~np.isnan(values[:, 0]), codes if design.cluster else None
    levels, places = np.unique(values[:, 0], return_inverse=True) if method == "brunner-munzel" else ((), codes)
    return partial(_read_units, values[:, 0], known, codes, clusters, (len(levels), places))


def _read_units(outcome, known, codes, clusters, levels, masks):
    """One arm a split, with the units themselves: their outcomes, clusters, and how many stand on each level."""
    sides = (mask[codes] & known for mask in masks)
    n_levels, places = levels
    return [
        Arm(
            outcome=outcome[side],
            clusters=None if clusters is None else clusters[side],
            levels=np.bincount(places[side], minlength=n_levels) if n_levels else None,
        )
        for side in sides
    ]


def _measure_moments(names, values, masks):
    """One arm a split, with its moments: of all splits by products of the masks with the columns and their squares."""
    known = ~np.isnan(values).any(axis=1)
    scale = values[known].std(axis=0) if known.any() else 1.0
    centre, scale = values[known].sum(axis=0) / max(known.sum(), 1), np.where(scale > 0, scale, 1.0)
    columns, upper, k = (values[known] - centre) / scale, np.triu_indices(len(names)), len(names)
    products = np.column_stack([columns, *(columns[:, i] * columns[:, j] for i, j in zip(*upper, strict=True))])
    n, sums = _count(masks, known), masks[:, known].astype(float) @ products
    means = sums[:, :k] / np.maximum(n, 1)[:, None]
    cov = np.empty((len(masks), k, k))
    cov[:, upper[0], upper[1]] = cov[:, upper[1], upper[0]] = sums[:, k:]
    with np.errstate(invalid="ignore", divide="ignore"):
        cov = (cov - n[:, None, None] * means[:, :, None] * means[:, None, :]) / (n - 1)[:, None, None]
    cov, means = cov * np.outer(scale, scale), centre + means * scale
    return [Arm(moments=Moments(names, int(m), mean, c)) for m, mean, c in zip(n, means, cov, strict=True)]


def _find_p(metric, method, measure, control, treatment, rngs):
    sides = zip(measure(control), measure(treatment), rngs, strict=True)
    return np.array([compare(metric, method, c, t, rng=rng, n_resamples=N_RESAMPLES).p_value for c, t, rng in sides])


def _find_p_of_shares(cells, control, treatment, rngs):
    counts = [[_count(side, cell) for cell in cells] for side in (treatment, control)]
    return score_p_value(*(n for yes, no in counts for n in (yes, yes + no)))


def _find_p_of_times(values, horizon, control, treatment, rngs):
    tables = ([build_life_table(*values[mask].T) for mask in masks] for masks in (control, treatment))
    return np.array([incidence_difference(*pair, horizon=horizon).p_value for pair in zip(*tables, strict=True)], float)


def _count(masks, marked):
    return np.count_nonzero(masks[:, marked], axis=1)
