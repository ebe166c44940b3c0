"""Populations of several columns a unit: ratios, clusters, covariates, missing outcomes, take-up, looks and splits."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from scipy import stats

from helpers.simulate.populations.population import LOOK_DAYS, Population

MORE_ACTIVE = 5  # a unit with more active days than this has a higher rate
SEGMENT_SHARES = (0.4, 0.3, 0.2, 0.1)
WEEKS = 4
AT_RISK_DAYS = (1.0, 60.0)
CLUSTER_MEAN = 18.0  # units of a cluster beyond two
TYPES = {"always": 0.1, "complier": 0.4}  # the rest never takes it up


def make_ratio(name, effect) -> Population:
    """Return a population of (conversations, active days); the more active have more conversations a day.

    Parameters
    ----------
    name : str
    effect : float, relative, on the rate of conversations a day
    """
    days = np.arange(1, 200)
    chance = stats.poisson.pmf(days - 1, 4)
    control = float(chance @ (days * _rate(days)) / (chance @ days))
    truth = {"difference": control * effect, "relative_lift": effect}
    (low, first), (high, second) = (_describe_ratio(more) for more in (0.0, effect))
    draw = partial(_draw_ratio, effect=effect)
    return Population(name, "ratios", draw, truth, max(low, high), spread=second / first)


def make_cluster(name, control, treatment, *, alike) -> Population:
    """Return a population of clusters (units with the event, units), of very unequal sizes.

    Parameters
    ----------
    name : str
    control, treatment : float, share of units with the event
    alike : float, correlation within clusters
    """
    truth = {"difference": treatment - control, "relative_lift": treatment / control - 1}
    (low, first), (high, second) = (_describe_cluster(share, alike) for share in (control, treatment))
    mean, variance = CLUSTER_MEAN + 2, CLUSTER_MEAN + CLUSTER_MEAN**2  # of the sizes: 2 more than a geometric number
    draw = partial(_draw_cluster, shares=(control, treatment), alike=alike)
    shape = {"skewness": max(low, high), "spread": second / first, "worth": 1 / (1 + variance / mean**2)}
    return Population(name, "clusters", draw, truth, **shape)


def make_rate(name, ratio) -> Population:
    """Return a population of (events, days at risk), overdispersed, units observed for 1 to 60 days."""
    truth = {"difference": 0.05 * (ratio - 1), "relative_lift": ratio - 1, "rate_ratio": ratio}
    (low, first), (high, second) = (_describe_rate(rate) for rate in (0.05, 0.05 * ratio))
    draw = partial(_draw_rate, rates=(0.05, 0.05 * ratio))
    return Population(name, "rates", draw, truth, max(low, high), spread=second / first)


def make_covariates(name, effect, *, missing=0.0) -> Population:
    """Return a population of (outcome, number before, two indicators of a category), slopes unlike in the arms.

    Parameters
    ----------
    name : str
    effect : float, mean over all units
    missing : float
        Share of the numbers and of the categories that are unknown, more of the high ones.
    """
    family = "missing covariates" if missing else "covariates"
    draw = partial(_draw_covariates, effect=effect, missing=missing)
    return Population(name, family, draw, {"difference": effect})


def make_history(name, effect) -> Population:
    """Return a population of (outcome, the same of last month), which is unknown of 30 %, whatever it is."""
    return Population(name, "missing covariates", partial(_draw_history, effect=effect), {"difference": effect})


def make_gaps(name, effect, *, by_arm=False) -> Population:
    """Return a population of (outcome, covariate) in which the units with a high covariate answer less.

    Parameters
    ----------
    name : str
    effect : float, the same for all
    by_arm : bool
        The covariate keeps only the treated from answering, so that known outcomes alone mislead.
    """
    family = "outcomes missing by arm" if by_arm else "outcomes missing at random"
    return Population(name, family, partial(_draw_gaps, effect=effect, by_arm=by_arm), {"difference": effect})


def make_unknown(name, control, treatment, *, hidden) -> Population:
    """Return a population of 0, 1 and unknown, where in the treatment only those without the event are unknown.

    Parameters
    ----------
    name : str
    control, treatment : float, shares with the event
    hidden : float, share of those without the event in the treatment whose outcome is unknown
    """
    draw = partial(_draw_unknown, shares=(control, treatment), hidden=hidden)
    return Population(name, "outcomes unknown in one arm", draw, {"difference": treatment - control})


def make_take_up(name, effect, *, compliers=TYPES["complier"]) -> Population:
    """Return a population of (outcome, taken up); compliers, always takers and never takers differ in outcome.

    Parameters
    ----------
    name : str
    effect : float, of taking up
    compliers : float, share of the units
    """
    draw = partial(_draw_take_up, effect=effect, compliers=compliers)
    family = "take-up" if compliers >= TYPES["complier"] else "weak take-up"
    skewness = max(_skew_take_up(effect, compliers, treated) for treated in (False, True))
    return Population(name, family, draw, {"cace": effect, "difference": effect * compliers}, skewness)


def make_looks(name, effect, *, family) -> Population:
    """Return a population of (outcome, day on which it is known), for looks at an experiment under way."""
    return Population(name, family, partial(_draw_looks, effect=effect), {"difference": effect}, skewness=math.sqrt(2))


def make_metrics(name) -> Population:
    """Return a population of three related metrics without any effect."""
    return Population(name, "several metrics", _draw_metrics, {"any_difference": 0.0}, skewness=4 / 3**1.5)


def make_split(name, *, family, slope=0.0) -> Population:
    """Return a population of (outcome, group) with an effect that may differ between the groups.

    Parameters
    ----------
    name : str
    family : str
        "segments" (of unequal size) or "weeks".
    slope : float
        By how much the effect rises from group to group.
    """
    shares = SEGMENT_SHARES if family == "segments" else (1 / WEEKS,) * WEEKS
    truth = {"interaction": slope} if family == "segments" else {"trend": slope}
    return Population(name, family, partial(_draw_split, shares=shares, slope=slope), truth, math.sqrt(2))


def _rate(days):
    return np.where(np.asarray(days) > MORE_ACTIVE, 0.3, 0.2)


def _describe_ratio(effect):
    """Skewness and standard deviation of conversations less their rate times the days."""
    days, counts = np.arange(1, 60)[:, None], np.arange(60)
    mean = _rate(days) * (1 + effect)
    chances = stats.poisson.pmf(days - 1, 4) * stats.betabinom.pmf(counts, days, 5 * mean, 5 * (1 - mean))
    left = counts - (chances * counts).sum() / (chances * days).sum() * days
    variance = (chances * left**2).sum()
    return float((chances * left**3).sum() / variance**1.5), float(np.sqrt(variance))


def _describe_cluster(share, alike):
    """The same of a cluster's units with the event less the share times its size."""
    sizes, weight = np.arange(2, 1000), 1 / alike - 1
    chances = stats.geom.pmf(sizes - 1, 1 / (CLUSTER_MEAN + 1))
    variances, skewness = stats.betabinom.stats(sizes, weight * share, weight * (1 - share), moments="vs")
    variance = chances @ variances
    return float(chances @ (skewness * variances**1.5) / variance**1.5), float(np.sqrt(variance))


def _describe_rate(rate):
    """The same of a unit's events less the rate times its days: Poisson given an exponential rate of its own."""
    low, high = AT_RISK_DAYS
    first, second, third = (rate**k * (high ** (k + 1) - low ** (k + 1)) / (k + 1) / (high - low) for k in (1, 2, 3))
    return float((first + 3 * second + 2 * third) / (first + second) ** 1.5), math.sqrt(first + second)


def _skew_take_up(effect, compliers, treated):
    """Of the outcome: what the three types add, and gamma noise of variance 2 and third central moment 4."""
    chances = np.array([TYPES["always"], compliers, 1 - TYPES["always"] - compliers])
    values = np.array([1 + effect, effect * treated - 0.5, 0.0])
    centred = values - values @ chances
    return float(abs(4 + centred**3 @ chances) / (2 + centred**2 @ chances) ** 1.5)


def _draw_ratio(rng, n, treated, *, effect):
    days = 1 + rng.poisson(4, n)
    mean = _rate(days) * (1 + effect * treated)
    return np.column_stack([rng.binomial(days, rng.beta(5 * mean, 5 * (1 - mean))), days]).astype(float)


def _draw_cluster(rng, n, treated, *, shares, alike):
    sizes = 2 + rng.poisson(rng.gamma(1.0, CLUSTER_MEAN, n))
    weight = 1 / alike - 1
    own = rng.beta(weight * shares[treated], weight * (1 - shares[treated]), n)
    return np.column_stack([rng.binomial(sizes, own), sizes]).astype(float)


def _draw_rate(rng, n, treated, *, rates):
    days = rng.uniform(*AT_RISK_DAYS, n)
    return np.column_stack([rng.poisson(rng.gamma(1.0, rates[treated], n) * days), days])


def _draw_covariates(rng, n, treated, *, effect, missing):
    before, level = rng.standard_normal(n), rng.choice(3, n, p=(0.5, 0.3, 0.2))
    slope = 1.4 if treated else 0.8
    outcome = 5 + effect * treated + slope * before + 0.4 * (before**2 - 1) + 0.7 * level + rng.standard_normal(n)
    columns = np.column_stack([outcome, before, level == 1, level == 2]).astype(float)
    if missing:
        columns[rng.random(n) < missing * 2 * stats.norm.cdf(before), 1] = np.nan
        columns[rng.random(n) < missing, 2:] = np.nan
    return columns


def _draw_history(rng, n, treated, *, effect):
    before = 10 + rng.standard_normal(n)
    outcome = 1 + 0.9 * before + effect * treated + 0.45 * rng.standard_normal(n)
    return np.column_stack([outcome, np.where(rng.random(n) < 0.3, np.nan, before)])


def _draw_gaps(rng, n, treated, *, effect, by_arm):
    covariate = rng.standard_normal(n)
    outcome = 3 + effect * treated + covariate + rng.standard_normal(n)
    drives = covariate if treated or not by_arm else 0.0
    outcome[rng.random(n) > 1 / (1 + np.exp(0.8 * drives - 1))] = np.nan
    return np.column_stack([outcome, covariate])


def _draw_unknown(rng, n, treated, *, shares, hidden):
    outcome = (rng.random(n) < shares[treated]).astype(float)
    outcome[(outcome == 0) & (rng.random(n) < hidden * treated)] = np.nan
    return outcome[:, None]


def _draw_take_up(rng, n, treated, *, effect, compliers):
    kind = rng.random(n)
    complies, always = kind < compliers, (kind >= compliers) & (kind < compliers + TYPES["always"])
    taken = always | (complies & bool(treated))
    outcome = 2 + always - 0.5 * complies + effect * taken + rng.gamma(2.0, 1.0, n)
    return np.column_stack([outcome, taken]).astype(float)


def _draw_looks(rng, n, treated, *, effect):
    days = np.sort(rng.integers(1, LOOK_DAYS + 1, n))
    return np.column_stack([rng.gamma(2.0, 1.0, n) + effect * treated, days])


def _draw_metrics(rng, n, treated):
    shared = rng.standard_normal((n, 1))
    return shared + rng.gamma(2.0, 1.0, (n, 3))


def _draw_split(rng, n, treated, *, shares, slope):
    group = rng.choice(len(shares), n, p=shares)
    return np.column_stack([rng.gamma(2.0, 1.0, n) + 0.3 * group + treated * (0.2 + slope * group), group])
