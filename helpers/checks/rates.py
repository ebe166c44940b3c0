"""Shares, covariates and sizes in the arms: written without a small cell, and whether they differ beyond chance."""

import numpy as np
import scipy  # its stats load when they are first used
from scipy.special import chdtrc, fdtrc

from helpers.checks.logs import percent
from helpers.records import NAN, Moments

ALERT = 0.001  # a check that runs on every study must hardly ever alarm in vain
LEAST_UNITS = 10  # an arm, below which nothing is decided; by chance none come once in 22,000 times
SEVERAL = 3  # days or hours of an arm, as each may be loaded at once
SLIP = 0.04  # of the units that a time should have of an arm may be assigned to it by mistake
DAY, WEEK = 24, 168  # hours
TURNS = {  # by what units may be assigned in turn, from hours since 1970 and the first of them, in any time zone
    "a week": (lambda hour, first: (hour - first) // WEEK, 1),
    "a day": (lambda hour, first: hour // DAY, DAY),
    "an hour of the day": (lambda hour, first: hour % DAY, 1),
    "a weekday": (lambda hour, first: hour // DAY % 7, DAY),
}
LEAST_EXPECTED = 5  # below it a chi-square test is not trusted (Cochran 1954)


def count_shares(pairs, sizes=None) -> list[Moments]:
    """Return the share of each arm from how many of how many; of no more than its size where one is given.

    A unit's events are alike, so that an arm counts for no more events than it has units; "events" is their name then.
    """
    found = []
    for i, (yes, n) in enumerate(pairs):
        least = int(n if sizes is None else min(n, sizes[i]))
        name = "y" if least == n else "events"
        found.append(Moments((name,), least, np.array([yes / n if n else 0.0]), np.zeros((1, 1))))
    return found


def write_rates(design, arms) -> str:
    """Return the share of each arm, unless it would show a cell of fewer than `min_cell` units."""
    named = zip(design.variant.arms, arms, strict=True)
    return ", ".join(f"{arm} {_write_rate(m, design.min_cell)}" for arm, m in named)


def _write_rate(moments, least):
    if not moments.n:
        return "none observed"
    rate, units = read_rate(moments), moments.n * (1 if len(moments.names) == 1 else moments.mean[1])
    small, rest = round(rate * units), round((1 - rate) * units)
    is_few, is_most = rate > 0 and small < least, small > 0 and rate < 1 and rest < least
    if moments.names == ("events",) and units > least and (is_few or is_most):  # they may be of more units, or of fewer
        return f"below {percent(least / units)}" if is_few else f"above {percent(1 - least / units)}"
    if is_few:
        return f"fewer than {least} units"
    return f"all but fewer than {least} units" if is_most else percent(rate)


def write_p(p) -> str:
    """Return a p-value as messages of checks print it."""
    return "p > .999" if p > 0.999 else "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def compare_rates(arms) -> float:
    """Return the p-value of equal rates in all groups of units.

    Parameters
    ----------
    arms : sequence of Moments
        Of a 0/1 column, ("y",), or of its sums and numbers by cluster, ("num", "den").

    Returns
    -------
    float: chi-square; Fisher's exact test for two groups where fewer than 5 are expected in a cell; for clusters
        the F test of their deviations from the common rate. nan where all units are alike, fewer than two groups have
        units, or cells are too small for the test.
    """
    arms = [m for m in arms if m.n]
    if len(arms) < 2:
        return NAN
    if len(arms[0].names) > 1:
        return _compare_cluster_rates(arms)
    yes = np.array([round(m.value * m.n) for m in arms])
    table = np.array([yes, [m.n for m in arms] - yes])
    if not table.sum(axis=1).all():
        return NAN
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    if expected.min() >= LEAST_EXPECTED:
        return float(chdtrc(len(arms) - 1, np.sum((table - expected) ** 2 / expected)))
    return float(scipy.stats.fisher_exact(table).pvalue) if len(arms) == 2 else NAN


def compare_counts(pairs) -> float:
    """Return the p-value of equal shares in all arms, from how many of how many units."""
    return compare_rates(count_shares(pairs))


def compare_split(counts, shares) -> float:
    """Return the p-value of some counts of units under the planned shares.

    Parameters
    ----------
    counts : sequence of int, one an arm
    shares : sequence of float, one an arm, sum 1

    Returns
    -------
    float: chi-square; exact binomial for two arms where fewer than 5 units are expected in one; nan for more
        arms then, and without units.

    Examples
    --------
    >>> round(compare_split([21306, 21307, 21387], [1 / 3] * 3), 3)
    0.904
    """
    total = sum(counts)
    expected = total * np.asarray(shares) / sum(shares)
    if total and expected.min() >= LEAST_EXPECTED:
        return float(chdtrc(len(counts) - 1, np.sum((counts - expected) ** 2 / expected)))
    if len(counts) != 2 or not total:
        return NAN
    return float(scipy.stats.binomtest(int(counts[0]), int(total), shares[0]).pvalue)


def find_turn(hours) -> str | None:
    """Return the time of assignment that hardly ever holds both the control and a treatment; None where all do.

    A time tells that where chance would bring some of both, by the shares that they have of all; most units have to
    stand in such times, of which one alone may hold both.

    Parameters
    ----------
    hours : sequence of sequences of str, by arm, the control first, as `seen` of `Units` has them under "hours"
    """
    told = [np.array([text.split(":") for text in arm or ["0:0"]], int).T for arm in hours]
    first = min((arm[0].min() for arm in told if arm[1].any()), default=0)
    for time, cut, hour in ((time, cut, hour) for time, (cut, zones) in TURNS.items() for hour in range(zones)):
        groups, at = np.unique(np.concatenate([cut(arm[0] + hour, first) for arm in told]), return_inverse=True)
        parts = np.split(at, np.cumsum([arm.shape[1] for arm in told])[:-1])
        control, *others = [np.bincount(p, arm[1], len(groups)) for p, arm in zip(parts, told, strict=True)]
        least, in_turn = 1 if time == "a week" else SEVERAL, []
        for other in others:
            pair = np.array([control, other])
            expected = pair.sum(axis=1, keepdims=True) * pair.sum(axis=0) / max(1, pair.sum())
            can_tell = (expected >= LEAST_UNITS).all(axis=0)
            has = pair[:, can_tell] > SLIP * expected[:, can_tell]
            is_most = 2 * pair[:, can_tell].sum() > pair.sum() and can_tell.sum() > 1
            in_turn.append(is_most and has.sum(axis=1).min() >= least and has.all(axis=0).sum() <= 1)
        if all(in_turn):
            return time
    return None


def read_rate(moments: Moments) -> float:
    """Return the share of units with a 1; nan without units."""
    return moments.value if len(moments.names) == 1 else float(moments.mean[0] / moments.mean[1])


def _compare_cluster_rates(arms):
    """Analysis of variance of each cluster's sum less the common rate times its size; sound where an arm has none."""
    sizes = np.array([m.n for m in arms])
    totals = sizes @ np.array([m.mean for m in arms])
    slope = np.array([1.0, -totals[0] / totals[1]])
    between = float(sizes @ np.array([m.mean @ slope for m in arms]) ** 2)
    within = sum((m.n - 1) * float(slope @ m.cov @ slope) for m in arms if m.n > 1)
    if between + within <= 1e-12 * totals.sum() or sizes.sum() <= len(arms):
        return NAN
    return test_trace(between / (between + within), 1, len(arms) - 1, sizes.sum())


def test_trace(trace, columns, contrasts, total) -> float:
    """Return the p-value of Pillai's trace by its F approximation."""
    s = min(columns, contrasts)
    m, n = (abs(columns - contrasts) - 1) / 2, (total - contrasts - columns - 2) / 2
    df, left = s * (2 * m + s + 1), s * (2 * n + s + 1)
    return float(fdtrc(df, left, trace / max(s - trace, 1e-300) * left / df))


def compare_covariates(arms) -> float:
    """Return the p-value of equal means of all covariates together in all arms.

    Parameters
    ----------
    arms : sequence of Moments, names are the covariates

    Returns
    -------
    float: Pillai's trace (for two arms Hotelling's T-squared) of the covariates that are not combinations of
        others; nan where there are not more units than arms and covariates.

    References
    ----------
    Pillai (1955); Hansen and Bowers (2008), Covariate balance in simple, stratified and clustered studies.
    """
    sizes = np.array([m.n for m in arms])
    total, groups = sizes.sum(), len(arms)
    if sizes.min() < 2:
        return NAN
    gaps = np.array([m.mean for m in arms]) - np.average([m.mean for m in arms], axis=0, weights=sizes)
    between = (gaps * sizes[:, None]).T @ gaps
    within = sum((m.n - 1) * m.cov for m in arms)
    spread = np.diag(between + within)
    scale = np.where(spread > 0, 1 / np.sqrt(np.where(spread > 0, spread, 1)), 0)
    values, vectors = np.linalg.eigh(scale[:, None] * (between + within) * scale)
    kept = values > 1e-9 * max(values.max(), 1)
    rank = int(kept.sum())
    if not rank or total <= groups + rank:
        return NAN
    turned = (gaps * scale) @ vectors[:, kept] / np.sqrt(values[kept])
    return test_trace(float(np.sum(sizes[:, None] * turned**2)), rank, groups - 1, total)


def measure_imbalance(arms) -> np.ndarray:
    """Return the largest standardised difference of each covariate between the first arm and another.

    The difference of means over the root of the mean of the two variances; nan where nothing varies.
    """
    control, *others = arms
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = [abs(m.mean - control.mean) / np.sqrt((np.diag(m.cov) + np.diag(control.cov)) / 2) for m in others]
    return np.max(gaps, axis=0)
