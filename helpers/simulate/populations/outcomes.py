"""Populations of one outcome a unit: shares, counts, money, scores, NPS, ordered scores and quantiles."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import stats

from helpers.simulate.populations.population import LEVELS, Population

NPS_VALUES = (-100.0, 0.0, 100.0)


def make_share(name, control, treatment) -> Population:
    """Return a population of 0 and 1 with two shares of 1."""
    skewness = max(abs(1 - 2 * p) / np.sqrt(p * (1 - p)) for p in (control, treatment))
    draw = partial(_draw_share, shares=(control, treatment))
    shares = (control, treatment)
    return Population(name, "shares", draw, _contrast(control, treatment), float(skewness), shares)


def make_count(name, control, treatment, *, size=np.inf) -> Population:
    """Return a population of counts, Poisson, or negative binomial where `size` (1 / overdispersion) is finite."""
    skewness = max(_skew_count(mean, size) for mean in (control, treatment))
    draw = partial(_draw_count, means=(control, treatment), size=size)
    spread = np.sqrt(_vary_count(treatment, size) / _vary_count(control, size))
    return Population(name, "counts", draw, _contrast(control, treatment), skewness, spread=float(spread))


def make_money(name, control, treatment, *, spread) -> Population:
    """Return a population of money: zero, or for some units lognormal with a standard deviation of the logarithm.

    Parameters
    ----------
    name : str
    control, treatment : tuple (share of payers, mean of the logarithm)
    spread : float
    """
    arms = (control, treatment)
    means = [share * np.exp(log + spread**2 / 2) for share, log in arms]
    skewness = max(_skew_money(share, spread) for share, _ in arms)
    draw, deviations = partial(_draw_money, arms=arms, spread=spread), [_deviate_money(*arm, spread) for arm in arms]
    ratio = deviations[1] / deviations[0]
    return Population(name, "money", draw, _contrast(*means), skewness, spread=float(ratio))


def make_score(name, control, treatment, *, family="scores") -> Population:
    """Return a population of values with given chances: scores 1 to 5, or NPS where three chances are given.

    Parameters
    ----------
    name : str
    control, treatment : tuple of float, chances of the rising values, sum 1
    family : str
    """
    values = np.array(NPS_VALUES) if len(control) == len(NPS_VALUES) else np.arange(1.0, LEVELS + 1)
    means = [float(values @ chances) for chances in (control, treatment)]
    truth = {"difference": _win(control, treatment)} if family == "ordered scores" else _contrast(*means)
    skewness = max(_skew_values(values, np.array(chances)) for chances in (control, treatment))
    draw = partial(_draw_values, values=values, chances=(control, treatment))
    spread = _deviate(values, np.array(treatment)) / _deviate(values, np.array(control))
    return Population(name, family, draw, truth, skewness, spread=float(spread))


def make_quantile(name, probability, shift, *, spread, step=0.0) -> Population:
    """Return a population of lognormal durations of which a quantile is compared, perhaps in whole steps.

    Parameters
    ----------
    name : str
    probability : float, of the quantile
    shift : float, of the logarithm under treatment
    spread : float, standard deviation of the logarithm
    step : float
        Durations are rounded up to multiples of it, so that many are equal; 0 leaves them as they are.
    """
    z = stats.norm.ppf(probability)
    exact = np.exp([3 + spread * z, 3 + shift + spread * z])
    low, high = np.ceil(exact / step) * step if step else exact
    family = "medians" if probability == 0.5 else "90th percentiles"
    draw = partial(_draw_duration, logs=(3.0, 3.0 + shift), spread=spread, step=step)
    return Population(name, family, draw, {"difference": float(high - low)}, event_shares=(1 - probability,) * 2)


def _contrast(control, treatment):
    return {"difference": float(treatment - control), "relative_lift": float(treatment / control - 1)}


def _win(control, treatment):
    """Chance that treatment is higher, minus that control is."""
    joint = np.outer(treatment, control)
    return float(np.tril(joint, -1).sum() - np.triu(joint, 1).sum())


def _skew_count(mean, size):
    if np.isinf(size):
        return float(mean**-0.5)
    return float((1 + 2 * mean / size) / np.sqrt(_vary_count(mean, size)))


def _vary_count(mean, size):
    return mean * (1 + mean / size)


def _deviate_money(share, log, spread):
    first, second = (share * np.exp(k * log + k**2 * spread**2 / 2) for k in (1, 2))
    return np.sqrt(second - first**2)


def _deviate(values, chances):
    return np.sqrt((values - values @ chances) ** 2 @ chances)


def _skew_money(share, spread):
    first, second, third = (share * np.exp(k**2 * spread**2 / 2) for k in (1, 2, 3))
    return float((third - 3 * first * second + 2 * first**3) / (second - first**2) ** 1.5)


def _skew_values(values, chances):
    centred = values - values @ chances
    return float(abs(centred**3 @ chances) / (centred**2 @ chances) ** 1.5)


def _draw_share(rng, n, treated, *, shares):
    return (rng.random((n, 1)) < shares[treated]).astype(float)


def _draw_count(rng, n, treated, *, means, size):
    rates = means[treated] if np.isinf(size) else rng.gamma(size, means[treated] / size, (n, 1))
    return rng.poisson(rates, (n, 1)).astype(float)


def _draw_money(rng, n, treated, *, arms, spread):
    share, log = arms[treated]
    values = np.zeros((n, 1))
    pays = rng.random(n) < share
    values[pays, 0] = rng.lognormal(log, spread, int(pays.sum()))
    return values


def _draw_values(rng, n, treated, *, values, chances):
    place = np.searchsorted(np.cumsum(chances[treated])[:-1], rng.random((n, 1)), side="right")
    return values[place]


def _draw_duration(rng, n, treated, *, logs, spread, step):
    values = rng.lognormal(logs[treated], spread, (n, 1))
    return np.ceil(values / step) * step if step else values
