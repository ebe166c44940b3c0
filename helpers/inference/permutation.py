"""The studentised permutation test of a mean difference and the interval that inverts it."""

from __future__ import annotations

import numpy as np

from helpers.inference.pairs import NO_VARIATION, TOO_FEW
from helpers.records import Effect

_SKEWNESS_FACTOR = 355
_DOUBLINGS = 40
_HALVINGS = 50


def needs_permutation(n_by_arm, shares, skewness) -> bool:
    """Return whether a t interval is not to be trusted: an unequal split planned, and too few units for the skewness.

    Parameters
    ----------
    n_by_arm : dict of int, units with a known outcome by arm
    shares : dict of float, planned share by arm, or None when the split is unknown
        None is no planned split, so the answer is no.
    skewness : float, of the outcome pooled over the arms
        nan gives no.

    Returns
    -------
    bool: a planned share differs from another and the smallest arm has at most 355 x skewness^2 units.

    References
    ----------
    Kohavi, Deng, Longbotham & Xu 2014, KDD: 1857-1866, rule 7 (the factor 355).
    """
    unequal = shares is not None and not np.allclose(list(shares.values()), next(iter(shares.values())), rtol=1e-9)
    return bool(unequal and min(n_by_arm.values()) <= _SKEWNESS_FACTOR * skewness**2)


def permutation_difference(control, treatment, *, rng, n_resamples=4999, confidence_level=0.95) -> Effect:
    """Return the difference of two means with the studentised permutation test and its inverted interval.

    Exact when the arms have one distribution, and valid in large samples when only their means agree. The interval
    holds the shifts of the treatment arm that the same permutations do not reject. It agrees with the p-value.

    Parameters
    ----------
    control, treatment : arrays, one value a unit
        A missing or infinite value gives nan with a reason.
    rng : numpy.random.Generator
    n_resamples : int
        Permutations drawn; the smallest p-value is 1 / (n_resamples + 1).
    confidence_level : float

    Returns
    -------
    Effect: in the outcome's unit; `std_error` is Welch's. The interval is nan with a reason when so few units
    cannot reject any shift.

    References
    ----------
    Janssen 1997, Statistics & Probability Letters 36: 9-21; Chung & Romano 2013, Annals of Statistics 41: 484-507.
    """
    control, treatment = (np.asarray(values, float) for values in (control, treatment))
    reason = _find_reason(control, treatment)
    shared = {"method": "permutation", "control_value": _mean(control), "treatment_value": _mean(treatment)}
    estimate = shared["treatment_value"] - shared["control_value"]
    if reason:
        return Effect(estimate=estimate, reason=reason, **shared)
    sums, total, sizes = _draw(control, treatment, rng, n_resamples)

    def p_value(shift):
        observed = _statistic(total[1], total[0] - total[1], sizes, shift)
        drawn = _statistic(sums, total[0] - sums, sizes, shift)
        at_least = np.count_nonzero(~(abs(drawn) < abs(observed) * (1 - 1e-9)))  # undefined counts as extreme
        return float((1 + at_least) / (1 + len(sums)))

    alpha, p = 1 - confidence_level, p_value(0.0)
    error = float(np.sqrt(control.var(ddof=1) / len(control) + treatment.var(ddof=1) / len(treatment)))
    low, high = (_invert(p_value, alpha, estimate, p > alpha, side * error) for side in (-1, 1))
    if not np.isfinite([low, high]).all():
        low, high, reason = float("nan"), float("nan"), "so few units cannot reject any shift at this confidence level"
    return Effect(estimate, error, None, low, high, p_value=p, reason=reason, **shared)


def _find_reason(control, treatment):
    if min(len(control), len(treatment)) < 2:
        return TOO_FEW
    values = np.concatenate([control, treatment])
    if not np.isfinite(values).all():
        return "a value is missing or infinite"
    return NO_VARIATION if control.var() + treatment.var() == 0 else None


def _mean(values):
    return float(values.mean()) if len(values) else float("nan")


def _draw(control, treatment, rng, n_resamples):
    """Sums over the permuted treatment arm, one row a permutation: value, value^2, was treated, value if treated.

    A unit with the most frequent value (zeros, in money) is only counted, not drawn; that is many times faster.
    """
    values = np.concatenate([control, treatment])
    values = values - values.mean()
    treated = np.repeat([0.0, 1.0], [len(control), len(treatment)])
    unique, counts = np.unique(values, return_counts=True)
    common = values == unique[counts.argmax()]
    rows = np.column_stack([values, values**2, treated, values * treated])
    classes = [common & (treated == 0), common & (treated == 1), ~common]
    drawn = rng.multivariate_hypergeometric([int(c.sum()) for c in classes], len(treatment), size=n_resamples)
    sums = sum(drawn[:, [k]] * rows[classes[k]][:1].sum(axis=0) for k in (0, 1))
    rest = rows[~common]
    for row, size in zip(sums, drawn[:, 2], strict=True):
        row += rest[rng.choice(len(rest), size, replace=False, shuffle=False)].sum(axis=0) if size else 0
    total = np.array([rows.sum(axis=0), rows[treated == 1].sum(axis=0)])
    return sums, total, (len(treatment), len(control))


def _statistic(first, second, sizes, shift):
    """Studentised difference of two groups after the treated units' values are lowered by the shift."""
    means, variances = [], []
    for group, n in zip((first, second), sizes, strict=True):
        value, square, treated, product = np.moveaxis(group, -1, 0)
        total = value - shift * treated
        squares = square - 2 * shift * product + shift**2 * treated
        means.append(total / n)
        variances.append(np.maximum(squares - total**2 / n, 0) / (n - 1) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (means[0] - means[1]) / np.sqrt(variances[0] + variances[1])


def _invert(p_value, alpha, estimate, holds_zero, step):
    """Find the shift, on the side of the step's sign, where the p-value falls to alpha; inf when it never does.

    Zero is a known point of the search, so that interval and test agree.
    """
    towards_zero = estimate * step < 0
    inside, outside = (0.0, step) if towards_zero and holds_zero else (estimate, estimate + step)
    if towards_zero and not holds_zero:
        outside = 0.0
    for _ in range(_DOUBLINGS):
        if p_value(outside) <= alpha:
            break
        inside, outside = outside, outside + 2 * (outside - inside)
    else:
        return np.inf
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_value(middle) > alpha else (inside, middle)
    return (inside + outside) / 2
