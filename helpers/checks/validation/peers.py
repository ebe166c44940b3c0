"""What other tools' intervals show on the same draws: lifts, shares, and covariates that are partly missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import stats

from helpers.checks.validation.cells import Cell
from helpers.checks.validation.coverage import read_effect
from helpers.checks.validation.enumeration import enumerate_cell
from helpers.inference import adjust_columns, compare_means, difference, find_guarantee, lift_columns, measure_columns
from helpers.records import NAN, Effect
from helpers.simulate.populations import POPULATIONS

TEA_TASTING = "tea-tasting"
LIFT_SIZES = {"10 % pay, +50 %": 300, "10 % pay": 300}
GAPS, GAPS_SIZE = "last month known of 70 %", 400
SHARES = {"0.1 % and 1 % have the event": (100, 100), "5 % have the event": (50, 50)}


@dataclass(frozen=True)
class _Limits:
    """What enumeration reads of a guarantee, for a peer."""

    estimand: str
    limits: object


def compare_peers(*, replicates: int, seed: int, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return how often intervals of ours and of others hold the truth on the same draws.

    Lifts and adjusted differences are drawn, shares enumerated. tea-tasting is asked where it is installed
    (`pip install tea-tasting`), and left out where it is not.

    Parameters
    ----------
    replicates : int, experiments drawn a case
    seed : int
    confidence_level : float, 0.5 to 1

    Returns
    -------
    DataFrame, one row a case and estimator, ours first: `case` (with the sizes), `estimator`, `ours`, `coverage` (an
        interval that is not given does not hold the truth), `contradictions` (share in which the interval excludes
        no effect while the estimator's own test of the difference does not reject, or the reverse; nan where an
        interval comes without a test), `width` (median
        where drawn, mean where enumerated; inf where most are unbounded), `undefined` (share without interval),
        `exact`, `replicates`.

    References
    ----------
    Fieller 1954; Deng, Knoblich & Lu 2018 (delta, log ratio); Newcombe 1998, method 10; Wald's from any textbook.
    """
    lifts = [_Case(name, n, "relative_lift", LIFTS, _ask_lift) for name, n in LIFT_SIZES.items()]
    gaps = _Case(GAPS, GAPS_SIZE, "difference", ADJUSTED, _ask_adjusted)
    options = {"replicates": replicates, "seed": seed, "confidence_level": confidence_level}
    drawn = [row for case in (*lifts, gaps) for row in _draw_case(case, **options)]
    exact = [row for name, sizes in SHARES.items() for row in _enumerate_case(name, sizes, confidence_level)]
    return pd.DataFrame([*drawn, *exact])


@dataclass(frozen=True)
class _Case:
    """One population and size, the estimators of ours and of textbooks, and how tea-tasting is asked."""

    population: str
    n: int
    estimand: str
    estimators: dict
    ask: Callable

    def list_estimators(self):
        return {**self.estimators, TEA_TASTING: self.ask} if find_spec("tea_tasting") else self.estimators


def _draw_case(case, *, replicates, seed, confidence_level):
    estimators, population = case.list_estimators(), POPULATIONS[case.population]
    rng = np.random.default_rng([seed, Cell("peers", case.population, case.n, case.n, 0).seed()])
    truth, alpha = population.truth[case.estimand], 1 - confidence_level
    found = {name: np.empty((replicates, 7)) for name in estimators}
    for k in range(replicates):
        arms = population.draw(rng, case.n, False), population.draw(rng, case.n, True)
        for name, estimate in estimators.items():
            effect = estimate(*arms, confidence_level=confidence_level, rng=rng)
            found[name][k] = read_effect(effect, truth, 0.0, alpha=alpha)
    label = f"{case.population}, {case.n:,} an arm"
    return [_describe(label, name, rows, name in OURS) for name, rows in found.items()]


def _describe(case, name, rows, ours):
    coverage, _, _, undefined, _, contradictions = rows[:, :6].mean(axis=0).tolist()
    widths = rows[rows[:, 3] == 0, 6]
    width = float(np.median(widths)) if len(widths) else NAN
    return {
        "case": case,
        "estimator": name,
        "ours": ours,
        "coverage": coverage,
        "contradictions": contradictions,
        "width": width,
        "undefined": undefined,
        "exact": False,
        "replicates": len(rows),
    }


def _enumerate_case(name, sizes, level):
    population, (n0, n1) = POPULATIONS[name], sizes
    ours = find_guarantee("miettinen-nurminen", "difference").limits
    rows = []
    for estimator, limits in {"Miettinen-Nurminen": ours, "Wald": limit_wald, "Newcombe": limit_newcombe}.items():
        found = enumerate_cell(
            Cell("peers", name, n0, n1, 0), _Limits("difference", limits), population, confidence_level=level
        )
        told = {key: found[key] for key in ("coverage", "width", "undefined")}
        label = f"{name}, {n0:,} an arm" if n0 == n1 else f"{name}, {n0:,} and {n1:,}"
        rows.append({"case": label, "estimator": estimator, "ours": limits == ours, **told,
                     "contradictions": found["disagree"] if limits == ours else NAN, "exact": True,
                     "replicates": 0})  # fmt: skip
    return rows


def limit_wald(x1, n1, x0, n0, *, confidence_level):
    """Return Wald's limits of the differences of arrays of tables, and the p-values of the pooled z test."""
    p1, p0 = x1 / n1, x0 / n0
    reach = stats.norm.isf((1 - confidence_level) / 2) * np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    return p1 - p0 - reach, p1 - p0 + reach, _test_pooled(x1, n1, x0, n0)


def limit_newcombe(x1, n1, x0, n0, *, confidence_level):
    """Return Newcombe's limits (method 10, by statsmodels) of arrays of tables, and p-values of the pooled z test."""
    from statsmodels.stats.proportion import confint_proportions_2indep  # takes a second to import

    shape = np.broadcast_shapes(np.shape(x1), np.shape(x0))
    counts = [np.zeros(shape) + x for x in (x1, x0)]
    limits = confint_proportions_2indep(counts[0], n1, counts[1], n0, method="newcomb", alpha=1 - confidence_level)
    return *limits, _test_pooled(x1, n1, x0, n0)


def _test_pooled(x1, n1, x0, n0):
    share = (x1 + x0) / (n1 + n0)
    with np.errstate(invalid="ignore"):
        return 2 * stats.norm.sf(abs(x1 / n1 - x0 / n0) / np.sqrt(share * (1 - share) * (1 / n1 + 1 / n0)))


def _divide_difference(control, treatment, *, confidence_level, rng):
    """The limits of the difference divided by the control mean, as if that were known."""
    pair = compare_means(measure_columns(control), measure_columns(treatment))
    found = difference(pair, confidence_level=confidence_level)
    if not pair.control > 0:
        return replace(found, ci_low=NAN, ci_high=NAN)
    return replace(found, ci_low=found.ci_low / pair.control, ci_high=found.ci_high / pair.control)


def _lift_delta(control, treatment, *, confidence_level, rng):
    pair = compare_means(measure_columns(control), measure_columns(treatment))
    found = difference(pair, confidence_level=confidence_level)
    if not pair.control > 0:
        return replace(found, ci_low=NAN, ci_high=NAN)
    ratio = pair.treatment / pair.control
    error = math.sqrt(pair.var_treatment + ratio**2 * pair.var_control) / pair.control
    reach = stats.norm.isf((1 - confidence_level) / 2) * error
    return replace(found, ci_low=ratio - 1 - reach, ci_high=ratio - 1 + reach)


def _lift_log(control, treatment, *, confidence_level, rng):
    pair = compare_means(measure_columns(control), measure_columns(treatment))
    found = difference(pair, confidence_level=confidence_level)
    if not min(pair.control, pair.treatment) > 0:
        return replace(found, ci_low=NAN, ci_high=NAN)
    error = math.sqrt(pair.var_treatment / pair.treatment**2 + pair.var_control / pair.control**2)
    reach, ratio = stats.norm.isf((1 - confidence_level) / 2) * error, pair.treatment / pair.control
    return replace(found, ci_low=ratio * math.exp(-reach) - 1, ci_high=ratio * math.exp(reach) - 1)


def _ask_lift(control, treatment, *, confidence_level, rng):
    metric = _make_metric(confidence_level)
    found = metric.analyze_aggregates(*(_aggregate(arm, ("y",)) for arm in (control, treatment)))
    return Effect(ci_low=found.rel_effect_size_ci_lower, ci_high=found.rel_effect_size_ci_upper, p_value=found.pvalue)


def _ask_adjusted(control, treatment, *, confidence_level, rng):
    """As its own engines do it: means and variances of what is known, the number of all units."""
    metric = _make_metric(confidence_level, "x")
    arms = (_aggregate(arm[:, :2], ("y", "x")) for arm in (control, treatment))
    found = metric.analyze_aggregates(*arms)
    return Effect(ci_low=found.effect_size_ci_lower, ci_high=found.effect_size_ci_upper, p_value=found.pvalue)


def _make_metric(level, *covariate):
    from tea_tasting.metrics import Mean

    return Mean("y", *covariate, confidence_level=level)


def _aggregate(columns, names):
    from tea_tasting.aggr import Aggregates

    pairs = np.cov(columns[~np.isnan(columns).any(axis=1)], rowvar=False) if len(names) > 1 else None
    return Aggregates(
        len(columns),
        {name: float(np.nanmean(columns[:, k])) for k, name in enumerate(names)},
        {name: float(np.nanvar(columns[:, k], ddof=1)) for k, name in enumerate(names)},
        {tuple(sorted(names)): float(pairs[0, 1])} if len(names) > 1 else {},
    )


LIFTS = {
    "Fieller": lift_columns,
    "difference / control mean": _divide_difference,
    "delta": _lift_delta,
    "log ratio": _lift_log,
}
ADJUSTED = {"Lin with an indicator": adjust_columns}
OURS = ("Fieller", "Lin with an indicator")
