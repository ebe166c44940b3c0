"""Whether the p-values of splits in which no difference can be real are as evenly spread as they promise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from helpers.records import NAN

HOLDS = "as it should be"
TOO_MANY = "too many false alarms: its p-values and intervals promise more than they keep here"
FEWER = "fewer than promised: it is safe here, and finds less than it could"
TOO_FEW = "too few to say"
_LEAST_TESTED = 0.9  # of the splits; where more have no test, those that have one are no fair sample
_LEAST_VALUES = 10  # different p-values; with fewer nothing can be even, nor uneven
_CHANCE = 0.001  # of one wrong word over all tests together
_DIGITS = 12  # p-values of mirrored tables differ in their last bits


@dataclass(frozen=True)
class Judgement:
    """How often a test called a split clear, what chance allows, and in words whether it keeps its promise.

    `clear` is the share of the tested splits with p <= alpha, `band_low` and `band_high` what it may be by chance;
    `p_uniform` the p-value that all p-values are evenly spread; `verdict` one of a few sentences.
    """

    clear: float
    band_low: float
    band_high: float
    p_uniform: float
    verdict: str


def judge_p_values(p_values, *, alpha, n_tests=1, is_small=False) -> Judgement:
    """Return what some p-values, each of a split without any real difference, say of the test that gave them.

    Parameters
    ----------
    p_values : array, one a split
        nan where a split gave no test; with more than a tenth of such splits, or with fewer than ten different
        p-values, nothing is said.
    alpha : float
        The share of the splits that may be called clear.
    n_tests : int
        Tests that are judged beside each other; the bands hold for all of them together (Bonferroni).
    is_small : bool
        Whether the metric has so few units in a cell that nothing is said; the shares are given all the same.

    Returns
    -------
    Judgement: the band is that of an exact binomial test at .001 over all tests. A test keeps its promise when its
        share lies in the band and its p-values are evenly spread; the verdict otherwise names what is wrong.

    References
    ----------
    Clopper & Pearson 1934 (exact binomial); Conover 1972, Journal of the American Statistical Association 67:
    591-596 (Kolmogorov's distance where values are discrete).
    """
    known = np.asarray(p_values, float)
    tested = known[~np.isnan(known)]
    if not len(tested):
        return Judgement(NAN, NAN, NAN, NAN, TOO_FEW)
    n, clear = len(tested), float(np.mean(tested <= alpha))
    tail = _CHANCE / n_tests / 2
    low, high = float(stats.binom.ppf(tail, n, alpha)) / n, float(stats.binom.isf(tail, n, alpha)) / n
    tested = np.round(tested, _DIGITS)
    distance, at, share = _measure_distance(tested)
    p_uniform = float(stats.kstwo.sf(distance, n))
    if is_small or n < _LEAST_TESTED * len(known) or len(np.unique(tested)) < _LEAST_VALUES:
        verdict = TOO_FEW
    elif not low <= clear <= high:
        verdict = TOO_MANY if clear > high else FEWER
    elif p_uniform <= _CHANCE / n_tests:
        side = "bold" if share > at else "careful"
        verdict = f"not even, on the {side} side: p-values up to {at:.2f} come in {100 * share:.0f} % of the splits"
    else:
        verdict = HOLDS
    return Judgement(clear, low, high, p_uniform, verdict)


def count_by_tenth(p_values) -> np.ndarray:
    """Return the share of the tested splits whose p-value lies in each tenth, (0, .1], (.1, .2] and so on.

    Parameters
    ----------
    p_values : array, one a split; nan is left out

    Returns
    -------
    array, shape (10,): shares that sum to 1; nan without any p-value.
    """
    tested = np.asarray(p_values, float)
    tested = np.round(tested[~np.isnan(tested)], _DIGITS)
    tenths = np.clip(np.ceil(tested * 10) - 1, 0, 9).astype(int)
    return np.bincount(tenths, minlength=10) / len(tested) if len(tested) else np.full(10, NAN)


def _measure_distance(p_values):
    """Kolmogorov's distance from even spread, where it lies, and the share of p-values up to there.

    A discrete test jumps: at a value that many splits share, only what lies outside the jump is a distance, so that
    neither an exact p-value (the top of its jump) nor a score test's (about the middle) is blamed for being discrete.
    """
    values, counts = np.unique(p_values, return_counts=True)
    up_to = np.cumsum(counts) / counts.sum()
    before = up_to - counts / counts.sum()
    gaps = np.maximum(np.maximum(before - values, values - up_to), 0.0)
    worst = int(gaps.argmax())
    share = before[worst] if before[worst] > values[worst] else up_to[worst]
    return float(gaps[worst]), float(values[worst]), float(share)
