"""Her own units split at random again and again: what the plan's tests say where no difference can be real."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from helpers import metrics
from helpers.checks.rates import LEAST_EXPECTED
from helpers.inference.contrasts import score_p_value
from helpers.inference.methods import BY_UNIT, choose_method, compare_arms, demand_method
from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Moments, Refused
from helpers.survival import build_life_table

HOLDS = "as it should be"
TOO_MANY = "too many false alarms: its p-values and intervals promise more than they keep here"
FEWER = "fewer than promised: it is safe here, and finds less than it could"
TOO_FEW = "too few to say"
LEAST_TESTED = 0.9  # of the splits; where more have no test, those that have one are no fair sample
LEAST_VALUES = 10  # different p-values; with fewer nothing can be even, nor uneven
CHANCE = 0.001  # of one wrong word over all tests together
DIGITS = 12  # p-values of mirrored tables differ in their last bits
CELLS = 4_000_000  # units x splits that are held at once, 32 MB as numbers
AT_ONCE = 25  # splits between two signs of progress
N_RESAMPLES = 499  # p-values in steps of .002

SUMMED = "its rows hold sums, which do not tell the values that a split would mix"


@dataclass(frozen=True)
class Retest:
    """One metric's test on any split: masks of units (clusters) in, one p-value a split out.

    `cells` marks, one row a cell, the units that must not be too few: those with a known outcome, of a share those
    with and those without it. `find_p` takes the masks of the control and of the treatment, shape (splits, units),
    and one generator a split. Without `find_p` there is no test, for the `reason`.
    """

    metric: str
    method: str
    cells: np.ndarray
    find_p: Callable | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Judgement:
    """How often a test called a split clear, what chance allows, and in words whether it keeps its promise.

    `clear` is the share of the tested splits with p <= alpha, `band_low` and `band_high` what it may be by chance;
    `p_uniform` the p-value that all p-values are evenly spread; `verdict` one of a few sentences.
    """

    clear: float
    band_low: float
    band_high: float
    p_uniform: float
    verdict: str


@dataclass(frozen=True)
class Resplit:
    """What one metric's test said of all splits between the control and one treatment.

    `p_values` has one value a split, nan where there was no test; `smallest_cell` is the fewest units (clusters) with
    a known outcome in an arm of any split, for a share the fewest with or without it. Where the plan's method is not
    run again, `reason` says why, `p_values` is empty and `judgement` None.
    """

    metric: str
    treatment: str
    method: str
    p_values: np.ndarray
    smallest_cell: int
    judgement: Judgement | None
    reason: str | None = None


def resplit(units: Units, *, n_splits=500, seed=1, progress: Callable | None = None) -> tuple[Resplit, ...]:
    """Return how often the plan's own tests call clear what is chance alone, on the plan's own units.

    The units of all randomised arms are pooled and split anew by the planned shares (where the split is unknown, by
    those found), clusters as wholes; a missing outcome stays with its unit. Whatever the experiment did, the arms of
    such a split differ by chance only. Each metric is tested as the plan tests it at its end, looks left aside.

    Parameters
    ----------
    units : Units
    n_splits : int, 100 or more
    seed : int, 0 or more
        Split k depends on the seed and on k alone.
    progress : function (splits done, splits), optional

    Returns
    -------
    tuple of Resplit: one a metric and treatment, in the plan's order; where an amount or a count is not decided by
        Welch but could be, Welch stands after it.

    Raises
    ------
    Refused: more units than a row-level method reads into memory; no units in the randomised arms.

    References
    ----------
    Kohavi, Tang & Xu 2020, Trustworthy Online Controlled Experiments, ch. 19 (the A/A test).
    """
    design, rows = units.design, _read_rows(units)
    codes, n_units = np.arange(len(rows)), len(rows)
    if design.cluster:
        codes, clusters = pd.factorize(rows["cluster"], sort=True, use_na_sentinel=False)
        n_units = len(clusters)
    arms, shares = design.variant.arms, design.variant.shares
    if not shares:
        seen = rows["variant"].groupby(codes).first().value_counts(normalize=True)
        shares = {arm: float(seen.get(arm, 0.0)) for arm in arms}
    retests = choose_retests(design, rows, codes, shares=shares, covariates=units.covariates)
    found = [(retest, code, []) for retest in retests for code in range(1, len(arms))]
    edges, step = np.cumsum([shares[arm] for arm in arms])[:-1], max(1, min(AT_ONCE, CELLS // n_units))
    for first in range(0, n_splits, step):
        splits = range(first, min(first + step, n_splits))
        draws = (_make_rng(seed, split).random(n_units) for split in splits)
        drawn = np.array([np.searchsorted(edges, values, side="right") for values in draws])  # 0 is the control
        for retest, code, parts in found:
            if retest.find_p:
                sides, rngs = (drawn == 0, drawn == code), [_make_rng(seed, split, retest.metric) for split in splits]
                smallest = min(int(_count(side, cell).min()) for side in sides for cell in retest.cells)
                parts.append((retest.find_p(*sides, rngs), smallest))
        if progress:
            progress(splits[-1] + 1, n_splits)
    n_tests = sum(len(parts) > 0 for *_, parts in found)
    return tuple(_describe(design, shares, *one, n_tests) for one in found)


def _read_rows(units):
    """The columns that the tests need, of the randomised arms, in the order of the units' ids."""
    table, wanted = units.table, ("y_", "num_", "den_", "time_", "observed_", "x_")
    table = table.filter(table["variant"].isin(units.design.variant.arms))
    columns = [c for c in table.columns if c in ("variant", "cluster") or c.startswith(wanted)]
    rows = metrics.read_rows(replace(units, table=table), columns)
    if rows is None:
        raise Refused(
            "--aa: the table has more units than are read into memory; draw some of them at random into a smaller "
            "table, and read the result as that of a smaller experiment"
        )
    if rows.empty:
        raise Refused("--aa: the randomised arms have no units; check variant in the plan")
    return rows


def _make_rng(seed, split, name=""):
    """A generator of its own for each split and metric, and of no other room: their seeds begin alike."""
    return np.random.default_rng([seed, split, *f"resplit:{name}".encode()])


def _describe(design, shares, retest, code, parts, n_tests):
    treatment = design.variant.arms[code]
    if not parts:
        return Resplit(retest.metric, treatment, retest.method, np.empty(0), 0, None, retest.reason)
    p_values, cells = np.concatenate([p for p, _ in parts]), np.count_nonzero(retest.cells, axis=1)
    is_small = min(shares[design.variant.control], shares[treatment]) * cells.min() < LEAST_EXPECTED
    judgement = judge_p_values(p_values, alpha=design.alpha, n_tests=n_tests, is_small=is_small)
    return Resplit(retest.metric, treatment, retest.method, p_values, min(n for _, n in parts), judgement)


def choose_retests(
    design: ExperimentPlan, rows: pd.DataFrame, codes: np.ndarray, *, shares, covariates=()
) -> list[Retest]:
    """Return the headline test of every metric, by the rules of the plan, and plain Welch where it could stand instead.

    Parameters
    ----------
    design : ExperimentPlan
    rows : DataFrame, one row a unit, with the columns of `metrics.Units`
    codes : array of int, one a row
        The randomised unit: the row itself, or its cluster.
    shares : dict of float by arm
        Of the splits to come; they decide on the permutation test.
    covariates : sequence of str
        The `x_` columns.

    Returns
    -------
    list of Retest
    """
    found = []
    for name, metric in design.metrics.items():
        columns = {"time": ["time", "observed"], "num": ["num", "den"]}.get(metric.how.outcome, ["y"])
        values = rows[[f"{column}_{name}" for column in columns]].to_numpy(float)
        known = ~np.isnan(values).any(axis=1)
        facts = {"sizes": {arm: share * known.sum() for arm, share in shares.items()}}
        first, skewness = values[known, 0], NAN
        if len(first) and first.var() > 0:
            skewness = float(np.mean(((first - first.mean()) / first.std()) ** 3))
        facts |= {"skewness": skewness, "is_adjustable": len(covariates) > 0}
        method = choose_method(metric, design, **facts)
        cells = (np.bincount(codes, weights=known) > 0)[None]
        row = demand_method(method)
        if metric.squares or metric.products:
            found.append(Retest(name, "", cells, reason=SUMMED))
        elif design.cluster and row.reads != "moments" and not row.by_cluster:
            found.append(Retest(name, "", cells, reason=BY_UNIT.format(row.families[0])))
        elif method == "miettinen-nurminen":
            cells = np.array([values[:, 0] == 1, values[:, 0] == 0])
            found.append(Retest(name, method, cells, partial(_find_p_of_shares, cells)))
        else:
            measure = _choose_measure(method, values, codes, rows[list(covariates)], design)
            found.append(Retest(name, method, cells, partial(_find_p, metric, method, measure)))
        if method == "permutation" or (method == "lin" and metric.how.total == "amount" and not metric.squares):
            measure = partial(_measure_moments, ("y",), values)
            found.append(Retest(name, "welch", cells, partial(_find_p, metric, "welch", measure)))
    return found


def _choose_measure(method, values, codes, covariates, design):
    """A function of the masks of one side of some splits, which gives what the method takes, one arm a split."""
    reads = demand_method(method).reads
    if reads == "times":
        return partial(_read_times, values)
    if method == "lin":
        return partial(_measure_moments, ("y", *covariates.columns), np.column_stack([values, covariates]))
    if method == "delta":
        parts = pd.DataFrame(values if values.shape[1] > 1 else np.column_stack([values, np.ones(len(values))]))
        sums = parts.mask(parts.isna().any(axis=1)).groupby(codes).sum(min_count=1)
        return partial(_measure_moments, ("num", "den"), sums.to_numpy(float))
    if reads == "moments":
        return partial(_measure_moments, ("y",), values)
    known, clusters = ~np.isnan(values[:, 0]), codes if design.cluster else None
    levels, places = np.unique(values[:, 0], return_inverse=True) if reads == "levels" else ((), codes)
    return partial(_read_units, values[:, 0], known, codes, clusters, (len(levels), places))


def _read_units(outcome, known, codes, clusters, levels, masks):
    """One arm a split, and its clusters: how many units stand on each level, or the outcomes of all."""
    sides = (mask[codes] & known for mask in masks)
    n_levels, places = levels
    return [
        (
            np.bincount(places[side], minlength=n_levels) if n_levels else outcome[side],
            None if clusters is None else clusters[side],
        )
        for side in sides
    ]


def _measure_moments(names, values, masks):
    """One arm a split, with its moments: of all splits by products of the masks with the columns and their squares."""
    known = ~np.isnan(values).any(axis=1)
    scale = values[known].std(axis=0) if known.any() else 1.0
    centre, scale = values[known].sum(axis=0) / max(known.sum(), 1), np.where(scale > 0, scale, 1.0)
    columns, upper, k = (values[known] - centre) / scale, np.triu_indices(len(names)), len(names)
    products = np.column_stack([columns, *(columns[:, i] * columns[:, j] for i, j in zip(*upper, strict=True))])
    n, sums = _count(masks, known), masks[:, known].astype(float) @ products
    means = sums[:, :k] / np.maximum(n, 1)[:, None]
    cov = np.empty((len(masks), k, k))
    cov[:, upper[0], upper[1]] = cov[:, upper[1], upper[0]] = sums[:, k:]
    with np.errstate(invalid="ignore", divide="ignore"):
        cov = (cov - n[:, None, None] * means[:, :, None] * means[:, None, :]) / (n - 1)[:, None, None]
    cov, means = cov * np.outer(scale, scale), centre + means * scale
    return [(Moments(names, int(m), mean, c), None) for m, mean, c in zip(n, means, cov, strict=True)]


def _find_p(metric, method, measure, control, treatment, rngs):
    p_values, options = [], {"method": method, "n_resamples": N_RESAMPLES}
    for (c, *its), (t, *others), rng in zip(measure(control), measure(treatment), rngs, strict=True):
        clusters = None if its[0] is None else (*its, *others)
        p_values.append(compare_arms(metric, c, t, clusters=clusters, rng=rng, **options).p_value)
    return np.array(p_values)


def _find_p_of_shares(cells, control, treatment, rngs):
    counts = [[np.count_nonzero(side & cell, axis=1) for cell in cells] for side in (treatment, control)]
    return score_p_value(*(n for yes, no in counts for n in (yes, yes + no)))


def _read_times(values, masks):
    """One arm a split, with its life table."""
    return [(build_life_table(*values[mask].T), None) for mask in masks]


def _count(masks, marked):
    return np.count_nonzero(masks[:, marked], axis=1)


def judge_p_values(p_values, *, alpha, n_tests=1, is_small=False) -> Judgement:
    """Return what some p-values, each of a split without any real difference, say of the test that gave them.

    Parameters
    ----------
    p_values : array, one a split
        nan where a split gave no test; with more than a tenth of such splits, or with fewer than ten different
        p-values, nothing is said.
    alpha : float
        The share of the splits that may be called clear.
    n_tests : int
        Tests that are judged beside each other; the bands hold for all of them together (Bonferroni).
    is_small : bool
        Whether the metric has so few units in a cell that nothing is said; the shares are given all the same.

    Returns
    -------
    Judgement: the band is that of an exact binomial test at .001 over all tests. A test keeps its promise when its
        share lies in the band and its p-values are evenly spread; the verdict otherwise names what is wrong.

    References
    ----------
    Clopper & Pearson 1934 (exact binomial); Conover 1972, Journal of the American Statistical Association 67:
    591-596 (Kolmogorov's distance where values are discrete).
    """
    known = np.asarray(p_values, float)
    tested = known[~np.isnan(known)]
    if not len(tested):
        return Judgement(NAN, NAN, NAN, NAN, TOO_FEW)
    n, clear = len(tested), float(np.mean(tested <= alpha))
    tail = CHANCE / n_tests / 2
    low, high = float(stats.binom.ppf(tail, n, alpha)) / n, float(stats.binom.isf(tail, n, alpha)) / n
    values, counts = np.unique(np.round(tested, DIGITS), return_counts=True)
    distance, at, share = _measure_distance(values, counts / n)
    p_uniform = float(stats.kstwo.sf(distance, n))
    if is_small or n < LEAST_TESTED * len(known) or len(values) < LEAST_VALUES:
        verdict = TOO_FEW
    elif not low <= clear <= high:
        verdict = TOO_MANY if clear > high else FEWER
    elif p_uniform <= CHANCE / n_tests:
        side = "bold" if share > at else "careful"
        verdict = f"not even, on the {side} side: p-values up to {at:.2f} come in {100 * share:.0f} % of the splits"
    else:
        verdict = HOLDS
    return Judgement(clear, low, high, p_uniform, verdict)


def count_by_tenth(p_values) -> np.ndarray:
    """Return the share of the tested splits whose p-value lies in each tenth, (0, .1], (.1, .2] and so on.

    Parameters
    ----------
    p_values : array, one a split; nan is left out

    Returns
    -------
    array, shape (10,): shares that sum to 1; nan without any p-value.
    """
    tested = np.asarray(p_values, float)
    tested = np.round(tested[~np.isnan(tested)], DIGITS)
    tenths = np.clip(np.ceil(tested * 10) - 1, 0, 9).astype(int)
    return np.bincount(tenths, minlength=10) / len(tested) if len(tested) else np.full(10, NAN)


def _measure_distance(values, shares):
    """Kolmogorov's distance of p-values from even spread, where it lies, and the share of them up to there.

    A discrete test jumps: at a value that many splits share, only what lies outside the jump is a distance, so that
    neither an exact p-value (the top of its jump) nor a score test's (about the middle) is blamed for being discrete.
    """
    up_to = np.cumsum(shares)
    before = up_to - shares
    gaps = np.maximum(np.maximum(before - values, values - up_to), 0.0)
    worst = int(gaps.argmax())
    return float(gaps[worst]), values[worst], before[worst] if before[worst] > values[worst] else up_to[worst]
