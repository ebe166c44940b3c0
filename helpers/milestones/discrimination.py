"""How well a score tells those who stay from those who leave: the area under the curve, with DeLong's interval."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from helpers.records import Effect

LEAST = 2


def measure_auc(score, outcome, *, confidence_level: float = 0.95) -> Effect:
    """Return the chance that a customer who stayed has the higher score of the two; ties count half.

    Parameters
    ----------
    score : array, shape (n,), any number that rises with the chance of the outcome
    outcome : array, shape (n,), 0 or 1
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: `estimate` is the area (0.5 tells nothing, 1 everything); the interval is made on the log-odds scale and
        stays between 0 and 1. nan with a reason where fewer than two stayed or left; without an interval where the
        score tells them apart without a miss.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44: 837-845; Sun & Xu 2014, IEEE Signal Processing Letters 21:
    1389-1393, for mid-ranks; Pepe 2003, section 5.2.5, for the log-odds scale.

    Examples
    --------
    >>> measure_auc([1, 2, 3, 4], [0, 1, 0, 1]).estimate
    0.75
    """
    score, is_in = np.asarray(score, float), np.asarray(outcome, float) == 1
    ups, downs = int(is_in.sum()), int((~is_in).sum())
    if min(ups, downs) < LEAST:
        return Effect(method="delong", reason=f"fewer than {LEAST} accounts stayed, or left")
    ranks = rankdata(score)
    beats = (ranks[is_in] - rankdata(score[is_in])) / downs  # of each who stayed: the share of leavers below
    beaten = 1 - (ranks[~is_in] - rankdata(score[~is_in])) / ups
    area = float(beats.mean())
    error = float(np.sqrt(beats.var(ddof=1) / ups + beaten.var(ddof=1) / downs))
    if not 0 < area < 1 or error == 0:
        return Effect(area, method="delong", reason="the scores do not vary, or tell all apart: no interval")
    reach = norm.isf((1 - confidence_level) / 2) * error / (area * (1 - area))
    low, high = (float(expit(logit(area) + side * reach)) for side in (-1, 1))
    return Effect(area, std_error=error, ci_low=low, ci_high=high, method="delong")
