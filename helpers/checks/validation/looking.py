"""What looking every day does to false alarms: the fixed test, the planned looks and the always-valid interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.inference import always_valid, compare_means, difference, measure_columns, sequential_bounds

DAYS, UNITS_PER_DAY = 14, 50
RULES = ("test every day", "planned looks", "always-valid")
BAND = 0.99  # confidence of the Monte-Carlo intervals


def compare_looking(*, replicates: int, seed: int, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return how many experiments without any effect have raised an alarm by each day, under three rules.

    In each of 14 days 50 units enter each arm, with standard normal outcomes, and somebody looks in the evening.

    Parameters
    ----------
    replicates : int, experiments drawn
    seed : int
    confidence_level : float

    Returns
    -------
    DataFrame, one row a rule and day: `rule` (test every day: the fixed test, read each time; planned looks: the
    bounds of Lan and DeMets for one look a day; always-valid), `day`, `n` (units of an arm by then), `false_alarm`
    (share of experiments with an alarm by then), `ci_low`, `ci_high` (exact binomial, 99 %), `replicates`.

    References
    ----------
    Armitage, McPherson & Rowe 1969, JRSS A 132: 235-244 (the fixed test repeated).
    """
    rng = np.random.default_rng([seed, DAYS])
    alpha = 1 - confidence_level
    bounds = sequential_bounds(np.arange(1, DAYS + 1) / DAYS, alpha)
    alarms = np.array([_look_daily(rng, bounds, confidence_level) for _ in range(replicates)])
    counts = np.logical_or.accumulate(alarms, axis=1).sum(axis=0)
    rows = [_count(rule, day, counts[day, k], replicates) for k, rule in enumerate(RULES) for day in range(DAYS)]
    return pd.DataFrame(rows)


def _look_daily(rng, bounds, level) -> np.ndarray:
    """Whether each rule alarms on each day of one experiment without an effect, shape (days, rules)."""
    values = rng.standard_normal((2, DAYS * UNITS_PER_DAY))
    return np.array([_look(values[:, : day * UNITS_PER_DAY], bounds[day - 1], level) for day in range(1, DAYS + 1)])


def _look(values, bound, level) -> tuple[bool, bool, bool]:
    fixed = difference(compare_means(*(measure_columns(y[:, None]) for y in values)), confidence_level=level)
    planned = {"n": values.size, "n_planned": 2 * DAYS * UNITS_PER_DAY}
    sequence = always_valid(fixed, confidence_level=level, **planned)
    beyond = abs(fixed.estimate) / fixed.std_error > stats.t.isf(stats.norm.sf(bound), fixed.df)
    return fixed.p_value <= 1 - level, bool(beyond), sequence.p_value <= 1 - level


def _count(rule, day, alarms, replicates) -> dict:
    band = stats.binomtest(int(alarms), replicates).proportion_ci(BAND)
    place = {"rule": rule, "day": day + 1, "n": (day + 1) * UNITS_PER_DAY, "false_alarm": alarms / replicates}
    return {**place, "ci_low": band.low, "ci_high": band.high, "replicates": replicates}
