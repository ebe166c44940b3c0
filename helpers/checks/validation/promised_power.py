"""What planning promises beside what simulated experiments find: formulas of power, case by case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from helpers.inference import (
    adjust_means,
    compare_means,
    compare_ratios,
    difference,
    mde_events,
    mde_means,
    mde_normal,
    mde_proportions,
    measure_columns,
    power_events,
    power_means,
    power_normal,
    power_proportions,
    quantile_difference,
    sample_size_events,
    sample_size_means,
    sample_size_normal,
    sample_size_proportions,
    score_p_value,
    simulate_power,
    win_difference,
)

TOLERANCE = 0.02  # formulas are approximations: within two points of the truth is what they are for
FAMILY_ERROR = 0.001
_LEVELS = np.array([0.1, 0.2, 0.3, 0.25, 0.15]), np.array([0.07, 0.16, 0.29, 0.29, 0.19])
_MANY = 1e7


@dataclass(frozen=True)
class _Case:
    """One design: the planted effect, its formulas (units, power, smallest effect), a draw of an arm, and the test.

    `visible` is the share of units that count: those with an event in a log-rank test, else all.
    """

    name: str
    test: str
    effect: float
    size: callable
    power: callable
    smallest: callable
    draw: callable
    compute: callable
    share: float = 0.5
    visible: float = 1.0


def compare_power(*, replicates=1000, seed=1) -> pd.DataFrame:
    """Return the power that planning promises beside that of simulated experiments, one row a kind of metric.

    Each case plants one effect in as many units as `sample_size_...` asks for a power of 0.8, and counts how often
    the shipped test finds it. A formula holds where it lies in the Monte-Carlo interval (family-wise error .001 over
    all cases) or within two points of it: they are normal approximations.

    Parameters
    ----------
    replicates : int, simulated experiments a case
    seed : int

    Returns
    -------
    DataFrame: `case`, `test`, `n` (units, both arms), `share_treatment`, `effect` (planted), `smallest` (the smallest
        effect found with a power of 0.8 in n units), `formula`, `simulated`, `ci_low`, `ci_high`, `undefined` (share
        without a test), `agrees`.
    """
    cases = _list_cases()
    level = 1 - FAMILY_ERROR / len(cases)
    return pd.DataFrame([_compare(case, replicates, seed, level) for case in cases])


def _compare(case, replicates, seed, level):
    needed = case.size(case.effect) / case.visible
    n = math.ceil(needed * min(case.share, 1 - case.share)) / min(case.share, 1 - case.share)
    formula = case.power(case.effect, n * case.visible)
    rng = np.random.default_rng([seed, *case.name.encode()])
    options = {"share_treatment": case.share, "replicates": replicates, "confidence_level": level}
    found = simulate_power(case.draw, case.compute, n_units=round(n), rng=rng, **options)
    return {
        "case": case.name,
        "test": case.test,
        "n": round(n),
        "share_treatment": case.share,
        "effect": case.effect,
        "smallest": case.smallest(n * case.visible),
        "formula": formula,
        "simulated": found.power,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "undefined": found.undefined,
        "agrees": found.ci_low - TOLERANCE <= formula <= found.ci_high + TOLERANCE,
    }


def _list_cases():
    return [
        _plan_shares(),
        _plan_means(),
        _plan_adjusted(),
        _plan_ratio(),
        _plan_clusters(),
        _plan_levels(),
        _plan_median(),
        _plan_times(),
    ]


def _plan_shares():
    return _Case(
        "share with the event", "score", 0.05,
        partial(sample_size_proportions, 0.2), partial(power_proportions, 0.2), partial(mde_proportions, 0.2),
        lambda rng, n, treated: (rng.binomial(n, 0.25 if treated else 0.2), n),
        lambda control, treatment: float(score_p_value(*treatment, *control)),
    )  # fmt: skip


def _plan_means():
    options = {"sd_treatment": 1.5, "share_treatment": 0.2}
    return _Case(
        "mean, one in five treated", "welch", 0.5,
        partial(sample_size_means, sd=1, **options),
        lambda effect, n: power_means(effect, 1, n, **options),
        lambda n: mde_means(1, n, **options),
        lambda rng, n, treated: rng.normal(0.5, 1.5, n) if treated else rng.normal(0, 1, n),
        lambda control, treatment: _test(compare_means(_measure(control), _measure(treatment))),
        share=0.2,
    )  # fmt: skip


def _plan_times():
    # exponential times with hazards 0.03 and 0.018 a day, watched for 60 days
    hazards, days = (0.03, 0.018), 60
    return _Case(
        "time to event", "log-rank", hazards[1] / hazards[0],
        sample_size_events, power_events, partial(mde_events, direction=-1),
        lambda rng, n, treated: rng.exponential(1 / hazards[treated], n),
        partial(_test_times, days=days),
        visible=float(np.mean([1 - math.exp(-h * days) for h in hazards])),
    )  # fmt: skip


def _plan_normal(name, test, effect, unit_error, draw, compute):
    return _Case(
        name, test, effect,
        partial(sample_size_normal, unit_error=unit_error),
        lambda size, n: power_normal(size, unit_error, n),
        partial(mde_normal, unit_error),
        draw, compute,
    )  # fmt: skip


def _test_times(control, treatment, *, days):
    arms = [stats.CensoredData.right_censored(np.minimum(t, days), t > days) for t in (control, treatment)]
    return float(stats.logrank(*arms).pvalue)


def _measure(*columns):
    return measure_columns(np.column_stack(columns), tuple(f"c{k}" for k in range(len(columns))))


def _test(pair):
    return difference(pair).p_value


def _by_columns(compare):
    return lambda control, treatment: _test(compare(_measure(*control), _measure(*treatment)))


def _draw_ratio(rng, n, treated):
    days = 1 + rng.poisson(3, n)
    return rng.poisson((0.58 if treated else 0.5) * days), days


def _draw_clusters(rng, n, treated):
    # schools of 5 to 35 rows; rows of one school share 10 % of their variance
    sizes = rng.integers(5, 36, n)
    shared = rng.normal(0.15 if treated else 0, math.sqrt(0.1), n)
    return sizes * shared + rng.normal(0, np.sqrt(0.9 * sizes)), sizes


def _draw_adjusted(rng, n, treated):
    before = rng.normal(0, 1, n)
    return 0.2 * treated + 0.8 * before + rng.normal(0, 0.6, n), before


def _draw_levels(rng, n, treated):
    return rng.multinomial(n, _LEVELS[treated])


def _draw_durations(rng, n, treated):
    return rng.exponential(1.4 if treated else 1.0, n)


def _plan_ratio():
    # variance of the numerator around the ratio, over the squared mean of the denominator, both arms
    error = math.sqrt(2 * (0.5 + 0.58) / 4)
    return _plan_normal("ratio of two sums", "delta", 0.08, error, _draw_ratio, _by_columns(compare_ratios))


def _plan_clusters():
    error = math.sqrt(4 * (0.1 * (20**2 + (31**2 - 1) / 12) + 0.9 * 20)) / 20
    return _plan_normal("mean by cluster", "delta", 0.15, error, _draw_clusters, _by_columns(compare_ratios))


def _plan_adjusted():
    return _plan_normal("mean, adjusted", "lin", 0.2, 2 * 0.6, _draw_adjusted, _by_columns(adjust_means))


def _plan_levels():
    # what win_difference itself finds in a sample so large that it is the population
    known = win_difference(*(_MANY / 2 * shares for shares in _LEVELS))
    error = known.std_error * math.sqrt(_MANY)
    return _plan_normal(
        "ordered score", "brunner-munzel", known.estimate, error, _draw_levels,
        lambda control, treatment: win_difference(control, treatment).p_value,
    )  # fmt: skip


def _plan_median():
    # a median's variance is 1 / (4 density^2), and the density of an exponential there 1 / (2 mean)
    return _plan_normal(
        "median", "order statistics", 0.4 * math.log(2), math.sqrt(2 * (1 + 1.4**2)), _draw_durations,
        lambda control, treatment: quantile_difference(control, treatment, 0.5).p_value,
    )  # fmt: skip
