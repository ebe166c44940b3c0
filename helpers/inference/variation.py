"""Whether the means of several groups differ at all: one test for all of them, from moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as fisher

from helpers.inference.pairs import TOO_FEW
from helpers.records import NAN

FLAT = "the outcome does not vary in a group, so its mean cannot be weighed"
FLAT_EVERYWHERE = "the outcome does not vary in any group"
ONE_GROUP = "fewer than two groups"


@dataclass(frozen=True)
class Variation:
    """A test of equal means: F, its two degrees of freedom (between, within), the p-value, or why there is none."""

    statistic: float = NAN
    df: float = NAN
    df_within: float = NAN
    p_value: float = NAN
    reason: str | None = None


def compare_groups(groups, *, equal_variances=False) -> Variation:
    """Return one test of whether the means of the first column differ between two groups or more.

    Parameters
    ----------
    groups : sequence of Moments
    equal_variances : bool
        The classic analysis of variance instead of Welch's; for designed data, not for experiments.

    Returns
    -------
    Variation: nan with a reason with fewer than two groups, a group of fewer than 2 units (Welch), a group that does
        not vary (Welch) or no variation within any group (classic).

    References
    ----------
    Welch 1951, Biometrika 38: 330-336 (eq. 21-23); Fisher 1925, Statistical Methods for Research Workers, chapter 7.

    Examples
    --------
    >>> from helpers.records import Moments
    >>> groups = [Moments(("y",), 5, np.array([m]), np.array([[2.0]])) for m in (1.0, 2.0, 3.0)]
    >>> round(compare_groups(groups, equal_variances=True).statistic, 6), compare_groups(groups).df
    (2.5, 2)
    """
    groups = list(groups)
    if len(groups) < 2:
        return Variation(reason=ONE_GROUP)
    sizes, variances = (np.array([getattr(m, field) for m in groups], float) for field in ("n", "variance"))
    return (_classic if equal_variances else _welch)(sizes, _measure_gaps(groups), variances)


def _measure_gaps(groups):
    """Distance of each mean from the first one, so that what all have in common cancels before it is rounded."""
    first, *_ = groups
    return np.array([(m.value - first.value) + (_rest(m) - _rest(first)) for m in groups])


def _rest(moments):
    return 0.0 if moments.remainder is None else float(moments.remainder[0])


def _welch(sizes, gaps, variances):
    if not sizes.min() >= 2:
        return Variation(reason=TOO_FEW.replace("an arm", "a group"))
    if not min(variances) > 0:
        return Variation(reason=FLAT)
    weights = sizes / variances
    shares, df = weights / weights.sum(), len(sizes) - 1
    spread = float(weights @ (gaps - shares @ gaps) ** 2) / df
    doubt = float(np.sum((1 - shares) ** 2 / (sizes - 1))) / (df * (df + 2))
    return _test(spread / (1 + 2 * (df - 1) * doubt), df, 1 / (3 * doubt))


def _classic(sizes, gaps, variances):
    within = float(sizes.sum()) - len(sizes)
    inside = float(np.where(sizes > 1, (sizes - 1) * variances, 0.0).sum())
    if not (min(sizes) >= 1 and within >= 1 and inside > 0):
        return Variation(reason=FLAT_EVERYWHERE)
    df = len(sizes) - 1
    between = float(sizes @ (gaps - sizes @ gaps / sizes.sum()) ** 2)
    return _test((between / df) / (inside / within), df, within)


def _test(statistic, df, df_within):
    return Variation(statistic, df, df_within, float(fisher.sf(statistic, df, df_within)))
