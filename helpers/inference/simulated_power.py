"""Power by drawing the experiment again and again, for designs without a formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest


@dataclass(frozen=True)
class SimulatedPower:
    """The share of simulated experiments that find the effect, its exact interval, and the share without a test."""

    power: float
    ci_low: float
    ci_high: float
    undefined: float


def simulate_power(
    draw, compute, *, n_units, share_treatment=0.5, replicates=1000, alpha=0.05, rng, confidence_level=0.95
) -> SimulatedPower:
    """Return the power of any test on any data, with the Monte-Carlo doubt that remains.

    Parameters
    ----------
    draw : callable(rng, n, treated) -> data
        One arm of n units, `treated` False or True.
    compute : callable(control, treatment) -> float
        The p-value of what was drawn; nan, no test, counts as not found.
    n_units : int, both arms
    share_treatment : float, between 0 and 1
        The arms hold the nearest whole numbers of units.
    replicates : int, simulated experiments, at least 1
    alpha : float, two-sided
    rng : numpy Generator
    confidence_level : float
        Of the interval of the power.

    Returns
    -------
    SimulatedPower: shares of 0 to 1.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26: 404-413.
    """
    n_treatment = round(n_units * share_treatment)
    sizes = n_units - n_treatment, n_treatment
    p_values = np.array(
        [compute(*(draw(rng, n, arm == 1) for arm, n in enumerate(sizes))) for _ in range(replicates)], float
    )
    found = int((p_values <= alpha).sum())
    band = binomtest(found, replicates).proportion_ci(confidence_level, method="exact")
    return SimulatedPower(found / replicates, float(band.low), float(band.high), float(np.isnan(p_values).mean()))
