"""Step or smooth curve: which foretells accounts that neither was fitted to, and how both run over the count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from helpers.milestones.cuts import score_cuts
from helpers.milestones.logistic import build_spline, find_knots, fit_logistic, measure_losses, split_folds

MOST_POINTS = 100


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
    fold, n = split_folds(len(counts), folds, rng), len(counts)
    base = np.column_stack([np.ones(n), controls])
    curve = np.column_stack([base, build_spline(counts, find_knots(counts))])
    constant, smooth, step, by_cut = np.empty(n), np.empty(n), np.empty(n), np.empty((n, len(cuts)))
    chosen = np.empty(folds, int)
    for k in range(folds):
        out, seen = fold == k, fold != k
        constant[out] = _lose(base, outcome, seen, out)[0]
        smooth[out] = _lose(curve, outcome, seen, out)[0]
        by_cut[out] = _lose_by_cut(base, counts, outcome, cuts, seen, out)
        chosen[k] = score_cuts(counts[seen], outcome[seen], controls[seen], cuts).best
        step[out] = by_cut[out, chosen[k]]
    return Losses(constant, smooth, step, by_cut, chosen)


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
    """Return the cuts of a set in words, neighbours of the scan joined.

    Parameters
    ----------
    cuts : array, shape (m,), rising
    in_set : array of bool, shape (m,)

    Returns
    -------
    str: "" for an empty set.

    Examples
    --------
    >>> list_runs([8, 12, 14, 15, 16, 18], [False, True, False, True, True, True])
    '12, 15 to 18'
    """
    held = np.flatnonzero(in_set)
    runs = np.split(held, np.flatnonzero(np.diff(held) > 1) + 1) if len(held) else []
    ends = [dict.fromkeys((f"{cuts[run[0]]:g}", f"{cuts[run[-1]]:g}")) for run in runs]
    return ", ".join(" to ".join(both) for both in ends)


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
    points = np.unique(np.linspace(np.min(counts), highest, MOST_POINTS).round())
    knots = find_knots(counts)
    return {
        "count": points,
        "share_smooth": _fit_at(build_spline(counts, knots), build_spline(points, knots), outcome),
        "share_step": _fit_at((counts >= cut)[:, None], (points >= cut)[:, None], outcome),
    }


def _lose(x, outcome, seen, out, start=None):
    slopes = fit_logistic(x[seen], outcome[seen], start=start)
    return measure_losses(x[out], outcome[out], slopes), slopes


def _lose_by_cut(base, counts, outcome, cuts, seen, out):
    """The losses of one fold under each cut; the fit of a cut begins at that of the cut before it."""
    x, slopes, found = np.column_stack([base, np.zeros(len(base))]), None, np.empty((out.sum(), len(cuts)))
    for j, cut in enumerate(cuts):
        x[:, -1] = counts >= cut
        found[:, j], slopes = _lose(x, outcome, seen, out, slopes)
    return found


def _fit_at(columns, at, outcome):
    slopes = fit_logistic(np.column_stack([np.ones(len(outcome)), columns]), outcome)
    return expit(slopes[0] + np.asarray(at, float) @ slopes[1:])
