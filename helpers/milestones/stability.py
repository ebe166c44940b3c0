"""Whether refits choose the same features: how stable a list of the best is."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm


def measure_stability(chosen, *, confidence_level: float = 0.95) -> tuple[float, float, float]:
    """Return how much the sets of features that refits chose agree beyond chance, with its interval.

    1 means the same set each time, about 0 what sets drawn at random would give, below 0 less than that. The interval
    holds the refits to be draws of the procedure: it says how well so many refits tell its stability on data such as
    these, not how another sample of customers would do.

    Parameters
    ----------
    chosen : array, shape (refits, features), 1 or True where a refit chose a feature
        Sets may differ in size.
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple of float: stability, its lower and its upper limit; nan with fewer than two refits, or where every refit
        chose all features or none. The upper limit is at most 1.

    References
    ----------
    Nogueira, Sechidis & Brown 2018, Journal of Machine Learning Research 18(174): definition 4 (the estimator),
    theorem 7 and corollary 8 (its variance and interval).

    Examples
    --------
    >>> [round(value, 3) for value in measure_stability([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]])]
    [0.333, -0.022, 0.689]
    """
    chosen = np.asarray(chosen, float)
    refits, features = chosen.shape
    share = chosen.mean(axis=0) if refits else np.zeros(features)
    filled = float(share.mean()) if features else 0.0
    room = filled * (1 - filled)
    if refits < 2 or room < 1e-12:
        return math.nan, math.nan, math.nan
    stability = 1 - float(np.mean(share * (1 - share))) * refits / (refits - 1) / room
    sizes = chosen.mean(axis=1)
    spread = 2 * filled * sizes - sizes - filled + 1
    parts = ((chosen @ share) / features - sizes * filled + stability / 2 * spread) / room
    error = 2 * math.sqrt(float(np.sum((parts - parts.mean()) ** 2))) / refits
    reach = float(norm.isf((1 - confidence_level) / 2)) * error
    return stability, stability - reach, min(stability + reach, 1.0)
