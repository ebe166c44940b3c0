"""Step, line or curve: the shapes that a count can have in its outcome, judged on accounts that did not choose them."""

import itertools
import math
import operator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from helpers.milestones import adjusted
from helpers.milestones.cuts import Scan, fit_ridge

MOST_POINTS = 100
KNOTS = (0.05, 0.35, 0.65, 0.95)


@dataclass(frozen=True)
class Losses:
    """The log loss of each account under models that were fitted without its fold.

    Parameters
    ----------
    constant, smooth, step : array, shape (n,)
        Controls alone; with a natural spline of log(1 + count); with the cut that the other folds chose.
    by_cut : array, shape (n, m), with each cut
    chosen : array, shape (folds,), position of the cut that the other folds chose
    """

    constant: np.ndarray
    smooth: np.ndarray
    step: np.ndarray
    by_cut: np.ndarray
    chosen: np.ndarray


def compare_shapes(counts, outcome, controls, cuts, *, folds: int, rng) -> Losses:
    """Return what a constant, a smooth curve, the best step and each step lose on accounts that they did not see.

    All four know the controls; the best step is the one with the most extreme score statistic in the other folds.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
    controls : array, shape (n, k)
    cuts : array, shape (m,), at least one
    folds : int
    rng : numpy Generator

    Returns
    -------
    Losses
    """
    fold = split_folds(len(counts), folds, rng)
    base = np.column_stack([np.ones(len(counts)), controls])
    smooth, *by_cut = (
        measure_unseen(np.column_stack([base, columns]), outcome, fold)
        for columns in (build_spline(counts, find_knots(counts)), *(counts >= cut for cut in cuts))
    )
    others = [fold != k for k in range(folds)]
    chosen = np.array([Scan(counts[seen], outcome[seen], controls[seen], cuts).best for seen in others])
    by_cut = np.column_stack(by_cut)
    step = by_cut[np.arange(len(counts)), chosen[fold]]
    return Losses(measure_unseen(base, outcome, fold), smooth, step, by_cut, chosen)


def measure_unseen(x, outcome, fold) -> np.ndarray:
    """Return the log loss of each account under a logistic model that was fitted without its fold.

    Parameters
    ----------
    x : array, shape (n, k); the first column is 1
    outcome : array, shape (n,), 0 or 1
    fold : array, shape (n,), as `split_folds` gives it
    """
    slopes, losses = None, np.full(len(outcome), math.nan)
    for k in np.unique(fold):
        out = fold == k
        slopes = fit_ridge(x[~out], outcome[~out], slopes)
        losses[out] = adjusted.measure_losses(x[out], outcome[out], slopes)
    return losses


def split_folds(n: int, folds: int, rng) -> np.ndarray:
    """Return the fold (0 to folds - 1) of each of n accounts, by chance; sizes differ by at most one."""
    return rng.permutation(np.arange(n) % folds)


def measure_gap(worse, better, *, confidence_level: float) -> tuple[float, float, float]:
    """Return the mean of worse minus better, paired by account, and its normal interval.

    Parameters
    ----------
    worse, better : array, shape (n,), losses
    confidence_level : float

    Returns
    -------
    tuple: mean, lower and upper end. Folds share their training accounts, which the interval does not know.
    """
    gap = np.asarray(worse, float) - np.asarray(better, float)
    reach = norm.isf((1 - confidence_level) / 2) * gap.std(ddof=1) / np.sqrt(len(gap))
    return float(gap.mean()), float(gap.mean() - reach), float(gap.mean() + reach)


def tell_gap(gap) -> dict[str, float]:
    """Return such a gap under the names of a table: loss_gap, loss_gap_low, loss_gap_high."""
    return dict(zip(("loss_gap", "loss_gap_low", "loss_gap_high"), gap, strict=True))


def name_shape(losses: Losses, *, p_value: float, confidence_level: float) -> str:
    """Return which shape foretells best: "step", "smooth", "none" or "undecided".

    "step" or "smooth" where it clearly beats the other one; "none" where neither clearly beats the controls alone, nor
    the best of all cuts is beyond chance: what a test can see may be too little to foretell accounts better.

    Parameters
    ----------
    losses : Losses
    p_value : float, of the maximally selected statistic; nan is no evidence
    confidence_level : float
    """

    def beats(better, worse):
        return measure_gap(worse, better, confidence_level=confidence_level)[1] > 0

    if not any(beats(model, losses.constant) for model in (losses.step, losses.smooth)):
        return "undecided" if p_value <= 1 - confidence_level + 1e-12 else "none"
    if beats(losses.smooth, losses.step):
        return "smooth"
    return "step" if beats(losses.step, losses.smooth) else "undecided"


def find_set(losses: Losses) -> np.ndarray:
    """Return which cuts lose no more than the best one and one standard error of the paired difference.

    References
    ----------
    Breiman, Friedman, Olshen & Stone 1984, section 3.4.3 (the one standard error rule).
    """
    gaps = losses.by_cut - losses.by_cut[:, [losses.by_cut.mean(axis=0).argmin()]]
    return gaps.mean(axis=0) <= gaps.std(axis=0, ddof=1) / np.sqrt(len(gaps)) + 1e-15


def list_runs(cuts, in_set) -> str:
    """Return the cuts of a set in words, neighbours of the scan joined; "" for none.

    Parameters
    ----------
    cuts : array, shape (m,), rising
    in_set : array of bool, shape (m,)

    Examples
    --------
    >>> list_runs([8, 12, 14, 15, 16, 18], [False, True, False, True, True, True])
    '12, 15 to 18'
    """
    groups = itertools.groupby(zip(in_set, cuts, strict=True), operator.itemgetter(0))
    runs = [[cut for _, cut in run] for held, run in groups if held]
    return ", ".join(" to ".join(dict.fromkeys((f"{run[0]:g}", f"{run[-1]:g}"))) for run in runs)


def trace_shapes(counts, outcome, cut: float, *, highest: float) -> dict[str, np.ndarray]:
    """Return the share with the outcome by count, by the smooth curve and by the step, as it is: not adjusted.

    Parameters
    ----------
    counts, outcome : arrays of n rows
    cut : float, where the step lies
    highest : float, the last count of the curve

    Returns
    -------
    dict of arrays: count (whole numbers from the lowest count on, at most 100), share_smooth, share_step.
    """
    points, knots = np.unique(np.linspace(np.min(counts), highest, MOST_POINTS).round()), find_knots(counts)
    curves = {"smooth": lambda at: build_spline(at, knots), "step": lambda at: (at >= cut)[:, None]}
    traced = {"count": points}
    for name, make in curves.items():
        x, at = (np.column_stack([np.ones(len(values)), make(values)]) for values in (counts, points))
        traced[f"share_{name}"] = expit(at @ fit_ridge(x, outcome))
    return traced


def find_knots(values) -> np.ndarray:
    """Return where a natural cubic spline of log(1 + value) may bend: at four quantiles, fewer where they coincide.

    Where many values are equal, as counts of 0 are, the quantiles of those between the lowest and the highest serve
    if they keep more knots apart.

    Parameters
    ----------
    values : array, shape (n,), 0 or more

    Returns
    -------
    array, shape (q,): rising, on the log scale; both ends where fewer than two quantiles differ.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, 2nd ed., section 2.4.6 (quantiles .05, .35, .65, .95).
    """
    logs = np.log1p(np.asarray(values, float))
    inner = logs[(logs > logs.min()) & (logs < logs.max())]
    found = [np.unique(np.quantile(part, KNOTS)) for part in (logs, inner) if len(part)]
    best = max(found, key=len)
    return best if len(best) > 1 else np.unique([logs.min(), logs.max()])


def build_spline(values, knots) -> np.ndarray:
    """Return the columns of a natural cubic spline of log(1 + value): straight beyond the outer knots.

    Parameters
    ----------
    values : array, shape (n,), 0 or more
    knots : array, shape (q,), rising, on the log scale, as `find_knots` gives them

    Returns
    -------
    array, shape (n, max(q - 1, 1)): the log itself, then one column an inner knot.

    References
    ----------
    Harrell 2015, eq. 2.25; Hastie, Tibshirani & Friedman 2009, eq. 5.4-5.5.
    """
    logs = np.log1p(np.asarray(values, float))
    if len(knots) < 3:
        return logs[:, None]
    bends = np.maximum(logs[:, None] - knots, 0) ** 3 / (knots[-1] - knots[0]) ** 2
    shared = (bends[:, -2] - bends[:, -1]) / (knots[-1] - knots[-2])
    tails = bends[:, :-2] - bends[:, [-1]] - shared[:, None] * (knots[-1] - knots[:-2])
    return np.column_stack([logs, tails])
