"""What measured cells say of each method, beside other tools on the same draws, daily looks, and promised power."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr, ndtri, stdtrit

from helpers.checks import validation
from helpers.checks.validation import BREAKS, FAMILY_ERROR, KEEPS, POOLED, Cell, add_bands
from helpers.inference import contrasts, looks, means, planning
from helpers.inference.means import compare_means, difference, measure_columns
from helpers.inference.methods import find_method
from helpers.records import NAN, Check, DataInfo, Effect, Results
from helpers.simulate.populations import POPULATIONS

TITLE, QUESTION = "Validation of the methods", "Can these methods be trusted?"
MEASURES = {"coverage": "intervals that hold the truth", "false_alarm": "false alarms"}
SHARES = {"0.1 % and 1 % have the event": 100, "5 % have the event": 50}  # population: units an arm
OURS = ("Fieller", "Lin with an indicator", "Miettinen-Nurminen")
DAYS, UNITS_PER_DAY = 14, 50
RULES = ("test every day", "planned looks", "always-valid")
TOLERANCE = 0.02  # formulas are approximations: within two points of the truth is what they are for


def summarise_guarantees(judged, *, confidence_level=0.95) -> pd.DataFrame:
    """Return one row a guarantee, in the cells' order: what it promises, where, and what was measured.

    All draws of a method inside its domain together are a gate of their own, which sees what is too small for the
    draws of one cell: the same claim, and the exact binomial tail of `TAILS`.

    Parameters
    ----------
    judged : DataFrame of `judge_cells`
    confidence_level : float, as measured

    Returns
    -------
    DataFrame: guarantee, claim, domain (in words), reference, cells_inside, draws (over the drawn cells inside; 0
        where all are enumerated), pooled_coverage (over all draws inside, or the mean of the enumerated cells),
        pooled_limit (the least that claim and chance allow it), smallest_defect (the highest true coverage that so
        many draws find with a chance of `POWER`; the claim's edge where enumerated), worst_coverage (the farthest
        from the claim, inside), largest_false_alarm, cells_outside, worst_outside, verdict ("no defect found", or
        "fails" where a cell inside or the pool of them fails, or none was measured).
    """
    return pd.DataFrame([_summarise(cells, confidence_level) for _, cells in judged.groupby("guarantee", sort=False)])


def _summarise(cells, level):
    inside, outside, claim = cells[cells["inside"]], cells[~cells["inside"]], cells["claim"].iloc[0]
    known = inside[inside["coverage"].notna()]
    weights = known["replicates"].where(~known["exact"].astype(bool), 0)
    draws = int(weights.sum())
    pool = cells.iloc[:1].assign(replicates=draws, exact=not draws)
    pool["coverage"] = float(np.average(known["coverage"], weights=weights) if draws else known["coverage"].mean())
    low, high = validation.find_limits(pool, level, validation.TAILS[claim])
    kept = (inside["verdict"] == KEEPS).all() and validation.is_within(pool["coverage"], low, high).all()
    least = low.item() if len(known) else NAN
    return {
        **cells[["guarantee", "claim", "domain", "reference"]].iloc[0],
        "cells_inside": len(inside),
        "draws": draws,
        "pooled_coverage": pool["coverage"].item(),
        "pooled_limit": least,
        "smallest_defect": float(validation.find_defect(draws, round(least * draws))) if draws else least,
        "worst_coverage": _find_worst(inside, level),
        "largest_false_alarm": float(inside["false_alarm"].max()),
        "cells_outside": len(outside),
        "worst_outside": _find_worst(outside, level),
        "verdict": KEEPS if len(inside) and kept else BREAKS,
    }


def _find_worst(cells, level):
    """The coverage farthest from the level, or, of a method that only promises at least as much, the lowest."""
    known = cells["coverage"].dropna()
    if known.empty:
        return NAN
    at_least = cells["claim"].iloc[0] == "at least"
    return float(known.min() if at_least else known.loc[(known - level).abs().idxmax()])


def conclude(judged, guarantees, beside, *, confidence_level: float, depth: str) -> Results:
    """Return the results of a validation, without sentences.

    Parameters
    ----------
    judged : DataFrame, one row a cell
        As `judge_cells` returns it.
    guarantees : DataFrame, one row a method
        As `summarise_guarantees` returns it.
    beside : dict of DataFrame
        `peers`, `looking`, `powers` and `deep`: further tables of the report.
    confidence_level : float
    depth : str, quick or deep

    Returns
    -------
    Results: tables `guarantees`, `cells` and those beside; one check for all gates, one more for each that fails.
    """
    inside, exact = judged["inside"].astype(bool), judged["exact"].astype(bool)
    total = int(judged["replicates"].sum())
    steps = (
        ("cells in the grid", len(judged), "one method, one population, one pair of sizes each"),
        ("inside the method's domain", int(inside.sum()), "these are judged"),
        ("outside it", int((~inside).sum()), "these are shown, and decide nothing"),
        ("enumerated exactly", int(exact.sum()), "every possible outcome with its probability: no chance in it"),
        ("experiments drawn", total, "for all other cells together"),
    )
    note = f"{len(judged)} cells of the {depth} grid, {total:,} experiments drawn, shares enumerated exactly"
    info = DataInfo("simulated", note, "drawn by this run", None, total, total, steps=steps)
    metrics = [{"metric": m, "label": label, "kind": "binary", "noun": "experiment"} for m, label in MEASURES.items()]
    pooled = add_bands(guarantees, "pooled_coverage", "draws", names=POOLED, method="wilson")
    tables = {"metrics": pd.DataFrame(metrics), "guarantees": pooled.assign(nominal=confidence_level), "cells": judged}
    tables |= {**beside, "settings": pd.DataFrame([{"confidence_level": confidence_level, "depth": depth}])}
    tables["peers"] = add_bands(beside["peers"], "coverage", "replicates").assign(nominal=confidence_level)
    checks = (*_check_gates(guarantees), *_check_inside(judged[inside]))
    return Results("validation", TITLE, QUESTION, "answered", info, {}, checks=checks, tables=tables)


def _check_gates(guarantees):
    failing = guarantees[guarantees["verdict"] == BREAKS]
    held, total = len(guarantees) - len(failing), len(guarantees)
    told = f"No defect found in {held} of {total} methods, in any cell inside their domain and over all draws."
    yield Check("gates", "fail" if len(failing) else "pass", held, total, told)
    for row in failing.itertuples():
        found = {"coverage of": row.worst_coverage, "false alarms up to": row.largest_false_alarm}
        parts = [f"{what} {100 * share:.1f} %" for what, share in found.items() if share == share]
        told = f"It promises “{row.claim}” and shows {' and '.join(parts)}."
        if not row.cells_inside:
            told = f"It promises “{row.claim}”, and no cell of the grid lies inside its domain."
        yield Check(f"gate of {row.guarantee}", "fail", row.worst_coverage, NAN, told)


def _check_inside(inside):
    """Whether interval and test ever contradict each other about no effect where none may, and how often none is given.

    An experiment without an interval counts against the coverage.
    """
    worst = float(inside.loc[inside["is_dual"].astype(bool), "disagree"].max())
    told = "Inside the domains, interval and test contradict each other in no experiment."
    if worst > 0:
        told = f"Interval and test contradict each other in up to {100 * worst:.1f} % of a cell's experiments."
    status = "not tested" if worst != worst else "pass" if worst == 0 else "warn"
    yield Check("interval and test", status, worst, 0.0, told)
    given = inside[inside["has_interval"].astype(bool)]
    if given.empty:
        yield Check("without interval", "not tested", NAN, 0.0, "No cell inside a domain gives intervals.")
        return
    worst, method = given.loc[given["undefined"].idxmax(), ["undefined", "guarantee"]]
    told = "Inside the domains every experiment gets its interval."
    if worst > 0:
        told = f"At most {100 * worst:.2g} % of experiments of a cell inside a domain get no interval ({method})."
    yield Check("without interval", "pass" if worst <= 0.05 else "warn", float(worst), 0.05, told)


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
        interval comes without a test), `width` (median where drawn, mean where enumerated; inf where most are
        unbounded), `undefined` (share without interval), `exact`, `replicates`.

    References
    ----------
    Fieller 1954; Deng, Knoblich & Lu 2018 (delta, log ratio); Newcombe 1998, method 10; Wald's from any textbook.
    """
    lifts = {"Fieller": find_method("fieller", "relative_lift").compute}
    adjusted = {"Lin with an indicator": find_method("lin", "difference").compute}
    lifts |= {kind: partial(_limit_lift, kind) for kind in ("difference / control mean", "delta", "log ratio")}
    if find_spec("tea_tasting"):
        lifts["tea-tasting"] = partial(_ask_tea_tasting, names=("y",), shown="rel_effect_size")
        adjusted["tea-tasting"] = partial(_ask_tea_tasting, names=("y", "x"), shown="effect_size")
    cases = [
        ("10 % pay, +50 %", 300, "relative_lift", lifts),
        ("10 % pay", 300, "relative_lift", lifts),
        ("last month known of 70 %", 400, "difference", adjusted),
    ]
    found = []
    for name, n, estimand, estimators in cases:
        population, cell = POPULATIONS[name], Cell("peers", name, n, n, replicates)
        options = {"rng": np.random.default_rng([seed, cell.seed()]), "confidence_level": confidence_level}
        drawn = [[population.draw(options["rng"], n, treated) for treated in (False, True)] for _ in range(replicates)]
        for estimator, estimate in estimators.items():
            effects = [estimate(*pair, **options) for pair in drawn]
            rows = validation.read_effects(effects, population.truth[estimand], 0.0, alpha=1 - confidence_level)
            shown = {**rows.mean(), "width": rows.loc[rows["undefined"] == 0, "width"].median()}
            found.append(_tell(name, n, estimator, shown, exact=False, replicates=replicates))
    limits = {"Miettinen-Nurminen": find_method("miettinen-nurminen", "difference").limits}
    limits |= {"Wald": partial(limit_shares, "wald"), "Newcombe": partial(limit_shares, "newcomb")}
    for (name, n), (estimator, limit) in itertools.product(SHARES.items(), limits.items()):
        sizes = {"n_control": n, "n_treatment": n, "confidence_level": confidence_level}
        shown = validation.enumerate_shares(limit, POPULATIONS[name], "difference", **sizes)
        shown["disagree"] = shown["disagree"] if estimator in OURS else NAN
        found.append(_tell(name, n, estimator, shown, exact=True, replicates=0))
    return pd.DataFrame(found)


def _tell(name, n, estimator, shown, **about):
    told = {key: shown[key] for key in ("coverage", "width", "undefined")}
    case = {"case": f"{name}, {n:,} an arm", "estimator": estimator, "ours": estimator in OURS}
    return {**case, **told, "contradictions": shown["disagree"], **about}


def limit_shares(method, x1, n1, x0, n0, *, confidence_level):
    """Return the limits of statsmodels (Wald's, or Newcombe's method 10) of arrays of tables; without a test."""
    from statsmodels.stats.proportion import confint_proportions_2indep  # takes a second to import

    options = {"method": method, "alpha": 1 - confidence_level}
    return *confint_proportions_2indep(x1 + 0.0 * x0, n1, x0 + 0.0 * x1, n0, **options), NAN


def _limit_lift(kind, control, treatment, *, confidence_level, rng):
    """A textbook's limits of the lift, beside the test of the difference; nan where a mean is not above 0."""
    pair = compare_means(measure_columns(control), measure_columns(treatment))
    found = difference(pair, confidence_level=confidence_level)
    if not min(pair.control, pair.treatment) > 0:
        return replace(found, ci_low=NAN, ci_high=NAN)
    ratio, error = pair.treatment / pair.control, pair.var_control / pair.control**2
    error = math.sqrt(error + pair.var_treatment / pair.treatment**2)
    reach = float(-ndtri((1 - confidence_level) / 2)) * error
    low, high = {
        "difference / control mean": (found.ci_low / pair.control, found.ci_high / pair.control),
        "delta": (ratio * (1 - reach) - 1, ratio * (1 + reach) - 1),
        "log ratio": (ratio * math.exp(-reach) - 1, ratio * math.exp(reach) - 1),
    }[kind]
    return replace(found, ci_low=low, ci_high=high)


def _ask_tea_tasting(control, treatment, *, confidence_level, rng, names, shown):
    """As its own engines do it: means and variances of what is known, the number of all units."""
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import Mean

    arms = []
    for arm in (control, treatment):
        columns = arm[:, : len(names)]
        means, variances = np.nanmean(columns, axis=0), np.nanvar(columns, axis=0, ddof=1)
        shared = np.atleast_2d(np.cov(columns[~np.isnan(columns).any(axis=1)], rowvar=False))
        shared = {tuple(sorted(names)): float(shared[0, 1])} if len(names) > 1 else {}
        moments = (dict(zip(names, map(float, values), strict=True)) for values in (means, variances))
        arms.append(Aggregates(len(columns), *moments, shared))
    found = Mean(*names, confidence_level=confidence_level).analyze_aggregates(*arms)
    low, high = (getattr(found, f"{shown}_ci_{end}") for end in ("lower", "upper"))
    return Effect(ci_low=low, ci_high=high, p_value=found.pvalue)


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
    rng, days, alpha = np.random.default_rng([seed, DAYS]), np.arange(1, DAYS + 1), 1 - confidence_level
    bounds = looks.sequential_bounds(days / DAYS, alpha)
    alarms = np.empty((replicates, DAYS, len(RULES)), bool)
    for experiment in alarms:
        values = rng.standard_normal((2, DAYS * UNITS_PER_DAY))
        for day, bound in zip(days, bounds, strict=True):
            moments = (measure_columns(arm[: day * UNITS_PER_DAY, None]) for arm in values)
            fixed = difference(compare_means(*moments), confidence_level=confidence_level)
            sizes = {"n": 2 * day * UNITS_PER_DAY, "n_planned": 2 * DAYS * UNITS_PER_DAY}
            sequence = looks.always_valid(fixed, confidence_level=confidence_level, **sizes)
            is_beyond = abs(fixed.estimate) / fixed.std_error > -stdtrit(fixed.df, ndtr(-bound))
            experiment[day - 1] = fixed.p_value <= alpha, is_beyond, sequence.p_value <= alpha
    shares = np.logical_or.accumulate(alarms, axis=1).mean(axis=0)
    table = pd.DataFrame({"rule": np.repeat(RULES, DAYS), "day": np.tile(days, len(RULES))})
    table = table.assign(n=table["day"] * UNITS_PER_DAY, false_alarm=shares.T.ravel(), replicates=replicates)
    return add_bands(table, "false_alarm", "replicates")


@dataclass(frozen=True)
class PowerCase:
    """One design: the planted effect, its formulas (units, power, smallest effect), a draw of an arm, and the test.

    `visible` is the share of units that count: those with an event in a log-rank test, else all.
    """

    name: str
    test: str
    effect: float
    formulas: tuple[Callable, Callable, Callable]
    draw: Callable
    compute: Callable
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
    rows = []
    for case in CASES:
        size, power, smallest = case.formulas
        least = min(case.share, 1 - case.share)
        n = math.ceil(size(case.effect) / case.visible * least) / least
        options = {"share_treatment": case.share, "replicates": replicates}
        options |= {"confidence_level": 1 - FAMILY_ERROR / len(CASES), "n_units": round(n)}
        rng = np.random.default_rng([seed, *case.name.encode()])
        found = planning.simulate_power(case.draw, case.compute, rng=rng, **options)
        formula = power(case.effect, n * case.visible)
        row = {"case": case.name, "test": case.test, "n": round(n), "share_treatment": case.share}
        row |= {"effect": case.effect, "smallest": smallest(n * case.visible), "formula": formula}
        agrees = found["ci_low"] - TOLERANCE <= formula <= found["ci_high"] + TOLERANCE
        rows.append({**row, **found, "agrees": agrees})
    return pd.DataFrame(rows)


def _plan_normal(error):
    """The formulas of a difference with this error of one unit."""
    size = partial(planning.sample_size_normal, unit_error=error)
    return size, lambda effect, n: planning.power_normal(effect, error, n), partial(planning.mde_normal, error)


def _test_columns(compare, control, treatment):
    arms = (np.column_stack(np.atleast_2d(arm)) for arm in (control, treatment))
    pair = compare(*(measure_columns(arm, tuple(f"c{k}" for k in range(arm.shape[1]))) for arm in arms))
    return difference(pair).p_value


def _test_times(control, treatment):
    arms = [stats.CensoredData.right_censored(np.minimum(t, 60), t > 60) for t in (control, treatment)]
    return float(stats.logrank(*arms).pvalue)


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


UNEQUAL = {"sd_treatment": 1.5, "share_treatment": 0.2}
LEVELS = np.array([0.1, 0.2, 0.3, 0.25, 0.15]), np.array([0.07, 0.16, 0.29, 0.29, 0.19])
MANY = 1e7  # a sample so large that it is the population
KNOWN = contrasts.win_difference(*(MANY / 2 * shares for shares in LEVELS))
HAZARDS = (0.03, 0.018)  # a day, of exponential times that are watched for 60 days
CASES = (
    PowerCase(
        "share with the event", "score", 0.05,
        (partial(planning.sample_size_proportions, 0.2), partial(planning.power_proportions, 0.2),
         partial(planning.mde_proportions, 0.2)),
        lambda rng, n, treated: (rng.binomial(n, 0.25 if treated else 0.2), n),
        lambda control, treatment: float(contrasts.score_p_value(*treatment, *control)),
    ),
    PowerCase(
        "mean, one in five treated", "welch", 0.5,
        (partial(planning.sample_size_means, sd=1, **UNEQUAL),
         lambda effect, n: planning.power_means(effect, 1, n, **UNEQUAL),
         lambda n: planning.mde_means(1, n, **UNEQUAL)),
        lambda rng, n, treated: rng.normal(0.5, 1.5, n) if treated else rng.normal(0, 1, n),
        partial(_test_columns, compare_means), share=0.2,
    ),
    PowerCase(
        "mean, adjusted", "lin", 0.2, _plan_normal(2 * 0.6), _draw_adjusted,
        partial(_test_columns, means.adjust_means),
    ),
    # variance of the numerator around the ratio, over the squared mean of the denominator, both arms
    PowerCase(
        "ratio of two sums", "delta", 0.08, _plan_normal(math.sqrt(2 * (0.5 + 0.58) / 4)), _draw_ratio,
        partial(_test_columns, means.compare_ratios),
    ),
    PowerCase(
        "mean by cluster", "delta", 0.15,
        _plan_normal(math.sqrt(4 * (0.1 * (20**2 + (31**2 - 1) / 12) + 0.9 * 20)) / 20), _draw_clusters,
        partial(_test_columns, means.compare_ratios),
    ),
    PowerCase(
        "ordered score", "brunner-munzel", KNOWN.estimate, _plan_normal(KNOWN.std_error * math.sqrt(MANY)),
        lambda rng, n, treated: rng.multinomial(n, LEVELS[treated]),
        lambda control, treatment: contrasts.win_difference(control, treatment).p_value,
    ),
    # a median's variance is 1 / (4 density^2), and the density of an exponential there 1 / (2 mean)
    PowerCase(
        "median", "order statistics", 0.4 * math.log(2), _plan_normal(math.sqrt(2 * (1 + 1.4**2))),
        lambda rng, n, treated: rng.exponential(1.4 if treated else 1.0, n),
        lambda control, treatment: contrasts.quantile_difference(control, treatment, 0.5).p_value,
    ),
    PowerCase(
        "time to event", "log-rank", HAZARDS[1] / HAZARDS[0],
        # in equal arms 2 is the error of a log hazard ratio, times the root of the events (Schoenfeld 1981)
        (lambda ratio: planning.sample_size_normal(math.log(ratio), 2.0),
         lambda ratio, n: planning.power_normal(math.log(ratio), 2.0, n),
         lambda n: math.exp(-planning.mde_normal(2.0, n))),
        lambda rng, n, treated: rng.exponential(1 / HAZARDS[treated], n), _test_times,
        visible=float(np.mean([1 - math.exp(-hazard * 60) for hazard in HAZARDS])),
    ),
)  # fmt: skip
