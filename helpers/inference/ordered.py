"""Scores whose steps have an order and no distance: how often treatment is higher than control, from counts."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from helpers.inference.pairs import NO_VARIATION, TOO_FEW, satterthwaite
from helpers.records import Effect, Refused

METHOD = "brunner-munzel"
SEPARATED = "every unit of one arm is above every unit of the other, so nothing says how sure that is"


def win_difference(control, treatment, *, confidence_level=0.95) -> Effect:
    """Return how much more often treatment is higher than control than the reverse, over all pairs of units.

    P(treatment higher) - P(control higher), with the test of Brunner and Munzel: no distance between levels is
    assumed, variances may differ, and ties count for neither side. It equals twice the probability of superiority
    (half of the ties included) minus 1, and is also known as Cliff's delta. Work is that of the number of levels,
    not of units. Not a difference of means: it can be above 0 where the mean score falls. The interval is too short
    where nearly every unit of one arm is above the other and an arm is small.

    Parameters
    ----------
    control, treatment : array of int, shape (levels,)
        Units at each level, the same levels in both, lowest first; unknown scores are not in them.
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: -1 to 1; `control_value` and `treatment_value` are the shares of pairs in which that arm is higher. The
        limits are cut to -1 and 1 and exclude 0 exactly when the p-value is at most 1 - confidence_level. nan with a
        reason when an arm has fewer than 2 units, all units are equal, or the arms do not overlap.

    Raises
    ------
    Refused: counts that are negative or missing, or arms with different numbers of levels.

    References
    ----------
    Brunner & Munzel 2000, Biometrical Journal 42: 17-25; Cliff 1993, Psychological Bulletin 114: 494-509.

    Examples
    --------
    >>> effect = win_difference([5, 3, 2], [2, 3, 5])
    >>> round(effect.treatment_value, 2), round(effect.control_value, 2), round(effect.estimate, 2)
    (0.55, 0.16, 0.39)
    """
    counts = _check_levels(control, treatment)
    sizes = [float(c.sum()) for c in counts]
    if min(sizes) < 2:
        return Effect(method=METHOD, reason=TOO_FEW)
    # how many units of the other arm a unit of each level beats, less those that beat it, as a share of -1 to 1
    margins = [(_below(other) - _above(other)) / n for other, n in zip(counts[::-1], sizes[::-1], strict=True)]
    wins = [float(own @ _below(other)) / (sizes[0] * sizes[1]) for own, other in zip(counts, counts[::-1], strict=True)]
    estimate = wins[1] - wins[0]
    parts = [
        (float(c @ (m - sign * estimate) ** 2) / (n - 1) / n, n - 1)
        for c, m, n, sign in zip(counts, margins, sizes, (-1, 1), strict=True)
    ]
    shared = {"estimate": estimate, "control_value": wins[0], "treatment_value": wins[1], "method": METHOD}
    variance = sum(v for v, _ in parts)
    if not variance > 0:
        return Effect(reason=SEPARATED if abs(estimate) == 1 else NO_VARIATION, **shared)
    error, df = float(np.sqrt(variance)), satterthwaite(*parts)
    half = float(student.isf((1 - confidence_level) / 2, df)) * error
    return Effect(
        std_error=error,
        df=df,
        ci_low=max(estimate - half, -1.0),
        ci_high=min(estimate + half, 1.0),
        p_value=2 * float(student.sf(abs(estimate) / error, df)),
        **shared,
    )


def _check_levels(control, treatment):
    counts = [np.asarray(c, float) for c in (control, treatment)]
    if counts[0].ndim != 1 or counts[0].shape != counts[1].shape:
        raise Refused("ordered scores: the arms have different numbers of levels; give one count a level, 0 included")
    if not all(np.isfinite(c).all() and (c >= 0).all() for c in counts):
        raise Refused("ordered scores: a count of units is missing or below 0; give the number of units at each level")
    return counts


def _below(counts):
    return np.cumsum(counts) - counts


def _above(counts):
    return counts.sum() - np.cumsum(counts)
