"""Two means compared after adjustment for what was measured before assignment, from moments alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from helpers.inference.pairs import Pair, compare_means, find_reason, satterthwaite
from helpers.records import NAN, Moments

_TOLERANCE = 1e-10
NO_SPREAD = "the outcome does not vary in an arm, so an adjusted interval would be too narrow"


def adjust_means(control: Moments, treatment: Moments) -> Pair:
    """Return the means of two arms, each adjusted to the covariates' means over both by a slope of its own.

    Fully interacted regression: never less precise than the plain means in large samples, whatever the true
    relation. The pair's covariance carries what both values share, the covariates' overall mean.
    A covariate that says nothing beyond those before it, in either arm, is left out, and named in `left_out`.

    Parameters
    ----------
    control, treatment : Moments
        Of the outcome, then the covariates; missing covariates filled, with an indicator.

    Returns
    -------
    Pair: `variance_reduction` is 1 - adjusted / plain variance of the difference (below 0 when covariates cost
    more than they explain); with a reason when an arm has no more units than covariates + 2, or does not vary.

    References
    ----------
    Lin 2013, Annals of Applied Statistics 7: 295-318; Negi & Wooldridge 2021, Econometric Reviews 40: 504-534.
    """
    arms, plain = (control, treatment), compare_means(control, treatment)
    kept = find_independent(*(m.cov[1:, 1:] for m in arms))
    plain = replace(plain, left_out=tuple(name for k, name in enumerate(control.names[1:]) if k not in kept))
    if plain.reason or not kept:
        return plain if plain.reason else _as_lin(plain)
    reason = f"an arm has too few units for {len(kept)} covariates" if min(m.n for m in arms) < len(kept) + 3 else None
    if reason or min(m.variance for m in arms) == 0:
        return _as_lin(plain, var_control=NAN, var_treatment=NAN, df=NAN, reason=reason or NO_SPREAD)
    fits = [regress(m, kept) for m in arms]
    shift, spread = _pool(arms, kept)
    values = [m.value - slopes @ gap for m, (slopes, _), gap in zip(arms, fits, shift, strict=True)]
    own = [_own_variance(m, kept, variance, gap) for m, (_, variance), gap in zip(arms, fits, shift, strict=True)]
    (b0, _), (b1, _) = fits
    total = control.n + treatment.n
    dofs = [m.n - 1 - len(kept) for m in arms]
    shared = float((b1 - b0) @ spread @ (b1 - b0)) / total
    variances = [v + float(b @ spread @ b) / total for v, b in zip(own, (b0, b1), strict=True)]
    return _as_lin(
        plain,
        control=values[0],
        treatment=values[1],
        var_control=variances[0],
        var_treatment=variances[1],
        covariance=float(b1 @ spread @ b0) / total,
        df=satterthwaite(*zip(own, dofs, strict=True), (shared, total - 1)),
        variance_reduction=1 - (sum(own) + shared) / plain.variance,
        reason=find_reason((control.n, treatment.n), own, values),
    )


def regress(moments: Moments, kept) -> tuple[np.ndarray, float]:
    """Return the slopes of the first column on some of the others, and the residual variance.

    Parameters
    ----------
    moments : Moments
    kept : list of int
        Positions among the covariates (0 is the second column) that are linearly independent.

    Returns
    -------
    tuple: slopes, shape (len(kept),), and the residual variance with divisor n - 1 - len(kept).
    """
    columns = [0, *(k + 1 for k in kept)]
    scale = np.sqrt(np.diag(moments.cov)[columns])
    scale = np.where(scale > 0, scale, 1.0)
    correlation = moments.cov[np.ix_(columns, columns)] / np.outer(scale, scale)
    slopes = np.linalg.solve(correlation[1:, 1:], correlation[1:, 0])
    share = max(float(correlation[0, 0] - slopes @ correlation[1:, 0]), 0.0)
    freedom = (moments.n - 1) / (moments.n - 1 - len(kept))
    return slopes * scale[0] / scale[1:], share * scale[0] ** 2 * freedom


def find_independent(*covariances, tolerance=_TOLERANCE) -> list[int]:
    """Return the positions of the columns that say something beyond those before them, in every matrix.

    Parameters
    ----------
    covariances : arrays, shape (k, k), of the same columns
    tolerance : float
        Smallest share of a column's variance that those before it must leave unexplained.

    Returns
    -------
    list of int: in the columns' order, so which of two equal columns stays does not depend on the data.
    """
    kept = []
    for column in range(len(covariances[0])):
        if all(_unexplained(cov, kept, column) > tolerance for cov in covariances):
            kept.append(column)
    return kept


def _unexplained(cov, kept, column):
    variances = np.diag(cov)[[*kept, column]]
    if not variances[-1] > 0:
        return 0.0
    scaled = cov[np.ix_([*kept, column], [*kept, column])] / np.sqrt(np.outer(variances, variances))
    return 1.0 - float(scaled[-1, :-1] @ np.linalg.solve(scaled[:-1, :-1], scaled[:-1, -1]))


def _as_lin(plain, **changes):
    return replace(plain, **{"method": "lin", "variance_reduction": 0.0, **changes})


def _pool(arms, kept):
    """Distance of each arm's covariate means from the overall ones, and the covariates' covariance within arms."""
    columns = [k + 1 for k in kept]
    means, counts = [m.mean[columns] for m in arms], np.array([m.n for m in arms])
    overall = counts @ np.array(means) / counts.sum()
    spread = sum((m.n - 1) * m.cov[np.ix_(columns, columns)] for m in arms) / (counts.sum() - 2)
    return [mean - overall for mean in means], spread


def _own_variance(moments, kept, variance, gap):
    """Variance of an adjusted mean given the covariates: the mean's own, and the slopes' over the gap."""
    columns = [k + 1 for k in kept]
    leverage = gap @ np.linalg.solve(moments.cov[np.ix_(columns, columns)], gap) / (moments.n - 1)
    return variance * (1 / moments.n + float(leverage))
