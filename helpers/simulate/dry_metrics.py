"""The metrics of a dry run: each kind drawn with the effect that its plan calls worthwhile, and the truth it holds."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from helpers.records import Refused
from helpers.simulate.simulation import list_effects, make_effect

BASELINES = {"binary": 0.2, "count": 2.0, "amount": 40.0, "score": 4.0, "ratio": 0.2, "rate": 0.4}
PART_MEAN = 5  # of a ratio's parts, and of times at risk, that are no metrics
CUTS = stats.norm.ppf([0.1, 0.3, 0.6, 0.85])  # between the five levels of an ordered score
COMPETING = 0.2  # competing events in the time up to the horizon, per unit still without any


def draw_metric(design, name, rank, treated, columns, means, rng) -> tuple[dict, dict]:
    """Return the columns of one metric, and the population values of both arms.

    Parameters
    ----------
    design : ExperimentPlan
    name : str, of the metric
    rank : array, one value a unit, 0 to 1
        The unit's place in the distribution of its arm.
    treated : array of bool, one value a unit
    columns : dict of str to array
        Columns drawn before; a time at risk among them is used.
    means : dict of str to (control, treatment)
        Population means of the metrics drawn before, of which a ratio can be made.
    rng : Generator

    Returns
    -------
    tuple: columns by name; and by estimand the values of control and treatment, `difference` first. A quantile of
        whole numbers moves by whole numbers.

    Raises
    ------
    Refused: a worthwhile effect that no data can have.
    """
    metric = design.metrics[name]
    effect = {"higher": 1, "lower": -1, None: 0}[metric.expected] * (metric.worthwhile or 0.0)
    if metric.time_at_risk:
        return _draw_rate(design, name, effect, treated, columns, rng)
    if metric.kind == "ratio":
        return _draw_ratio(metric, effect, rank, treated, means, rng)
    if metric.kind == "time_to_event":
        return _draw_time(name, metric, effect, rank, treated, rng)
    values, pair = _draw_column(name, metric, effect, rank, treated)
    return {metric.column or name: values}, {"difference": pair}


def state_effects(name, metric, control, treatment, values) -> list[dict]:
    """Return the truth of one metric and treatment, as rows of `truth["effects"]`; a lift where the kind has one.

    Parameters
    ----------
    name, control, treatment : str
    metric : Metric
    values : dict, by estimand the population values of both arms, as `draw_metric` gives them
    """
    rows = [make_effect(name, control, treatment, *v, value=v[1] - v[0], estimand=e) for e, v in values.items()]
    if not metric.is_mean or metric.kind == "nps":
        return rows
    return list_effects(name, control, treatment, *values["difference"])


def _draw_column(name, metric, effect, rank, treated):
    if metric.kind == "nps":
        return _draw_nps(name, effect, rank, treated)
    if metric.scale == "ordered":
        return _draw_ordered(name, effect, rank, treated)
    if metric.quantile is not None:
        return QUANTILES[metric.kind](metric.quantile, effect, rank, treated)
    base = _baseline(name, metric.kind, effect)
    return DRAWS[metric.kind](rank, base + effect * treated, base), (base, base + effect)


def _baseline(name, kind, effect):
    if kind != "binary":
        return max(BASELINES[kind], 5 * abs(effect))
    if abs(effect) >= 0.5:
        raise Refused(f"simulation experiment, metric {name}: worthwhile must be below 0.5 for a share; lower it")
    return BASELINES[kind] if abs(effect) < 0.15 else 0.5


def _binary(rank, mean, _):
    return (rank > 1 - mean).astype(int)


def _count(rank, mean, _):
    return stats.poisson.ppf(rank, mean).astype(int)


def _amount(rank, mean, _):
    spent = np.clip(2 * rank - 1, 1e-12, 1 - 1e-12)  # half spend nothing; the rest log-normally with spread 1
    return np.where(rank > 0.5, 2 * mean * np.exp(stats.norm.ppf(spent) - 0.5), 0.0)


def _score(rank, mean, base):
    return mean + base / 4 * stats.norm.ppf(rank)


DRAWS = {"binary": _binary, "count": _count, "amount": _amount, "score": _score}


def _quantile_of_counts(share, effect, rank, treated):
    mean, step = _baseline("", "count", effect), round(effect)
    at = float(stats.poisson.ppf(share, mean))
    values = np.maximum(_count(rank, mean, mean) + step * treated, 0)
    return values, (at, max(at + step, 0.0))


def _quantile_of_amounts(share, effect, rank, treated):
    ratio = np.exp(stats.norm.ppf(share) - 0.5)  # of the quantile to the mean, where everybody spends
    at = max(BASELINES["amount"] * ratio, 5 * abs(effect))
    values = at * np.exp(stats.norm.ppf(np.clip(rank, 1e-12, 1 - 1e-12)) - stats.norm.ppf(share))
    return values * (1 + effect / at * treated), (at, at + effect)


def _quantile_of_scores(share, effect, rank, treated):
    base = _baseline("", "score", effect)
    at = float(_score(share, base, base))
    return _score(rank, base + effect * treated, base), (at, at + effect)


QUANTILES = {"count": _quantile_of_counts, "amount": _quantile_of_amounts, "score": _quantile_of_scores}


def _draw_nps(name, effect, rank, treated):
    if abs(effect) > 35:
        raise Refused(f"simulation experiment, metric {name}: worthwhile must be at most 35 points; lower it")
    promoters = 0.4 + effect / 100 * treated
    score = np.select([rank < 0.2, rank < 1 - promoters], [3, 7], 9) + (rank * 1000).astype(int) % 2
    return score, (20.0, 20.0 + effect)


def _draw_ordered(name, effect, rank, treated):
    """Five levels of a latent normal score, which the treatment moves; the values are the chances to be higher."""
    if abs(effect) >= 0.8:
        raise Refused(
            f"simulation experiment, metric {name}: worthwhile must be below 0.8 for an ordered score; lower it"
        )
    move = optimize.brentq(lambda d: np.subtract(*_chances(d)[::-1]) - effect, -9, 9, xtol=1e-13) if effect else 0.0
    latent = stats.norm.ppf(np.clip(rank, 1e-12, 1 - 1e-12)) + move * treated
    return 1 + np.searchsorted(CUTS, latent), _chances(move)


def _chances(move):
    """The chance that a control unit stands higher than a treated one, and the reverse; ties are in neither."""
    below = [np.concatenate([[0.0], stats.norm.cdf(CUTS - d), [1.0]]) for d in (0.0, move)]
    control, treatment = (np.diff(b) for b in below)
    return float(control @ below[1][:-1]), float(treatment @ below[0][:-1])


def _draw_ratio(metric, effect, rank, treated, means, rng):
    parts = (metric.numerator, metric.denominator)
    if not any(part in means for part in parts):
        share = max(BASELINES["ratio"], 5 * abs(effect))
        below = 1 + stats.poisson.ppf(rank, PART_MEAN - 1).astype(int)
        above = rng.poisson((share + effect * treated) * below)
        return dict(zip(parts, (above, below), strict=True)), {"difference": (share, share + effect)}
    new = {part: 1 + rng.poisson(PART_MEAN - 1, rank.size) for part in parts if part not in means}
    above, below = (means.get(part, (PART_MEAN, PART_MEAN)) for part in parts)
    return new, {"difference": tuple(a / b for a, b in zip(above, below, strict=True))}


def _draw_rate(design, name, effect, treated, columns, rng):
    metric = design.metrics[name]
    planned = design.metrics.get(metric.time_at_risk)
    place = (planned.column if planned else None) or metric.time_at_risk
    new = {} if place in columns else {place: 1 + rng.poisson(PART_MEAN - 1, treated.size)}
    rate = max(BASELINES["rate"], 5 * abs(effect))
    count = rng.poisson((rate + effect * treated) * (columns | new)[place])
    return {metric.column or name: count, **new}, {"difference": (rate, rate + effect)}


def _draw_time(name, metric, effect, rank, treated, rng):
    """Constant hazards of the event and of all that competes with it, which the treatment leaves alone."""
    horizon, base = metric.horizon_days, _baseline(name, "binary", effect)
    other = COMPETING / horizon if metric.competing else 0.0
    rates = [_find_rate(share, other, horizon) for share in (base, base + effect)]
    rate = np.where(treated, rates[1], rates[0])
    days = -np.log(np.clip(1 - rank, 1e-12, 1)) / (rate + other)
    state = np.where(rng.random(rank.size) * (rate + other) < rate, 1, 2) if metric.competing else 1
    drawn = {metric.time or f"{name}_days": np.minimum(days, horizon)}
    drawn[metric.observed or f"{name}_observed"] = np.where(days < horizon, state, 0)
    free = tuple(_restricted_mean(r, other, horizon) for r in rates)
    return drawn, {"difference": (base, base + effect), "rmst_difference": free}


def _find_rate(share, other, horizon):
    def miss(rate):
        return rate / (rate + other) * -np.expm1(-(rate + other) * horizon) - share

    return optimize.brentq(miss, 1e-9 / horizon, 1e3 / horizon, xtol=1e-15 / horizon)


def _restricted_mean(rate, other, horizon):
    every = rate + other
    return horizon - rate / every * (horizon + np.expm1(-every * horizon) / every)
