"""How often a method's intervals hold the truth and its tests raise false alarms, cell by cell of a grid."""

import hashlib
import json
import multiprocessing
import os
import signal
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from scipy import stats

from helpers.records import NAN, Guarantee
from helpers.simulate.populations import POPULATIONS, Population, find_null

REPLICATES = {"quick": 200, "deep": 10_000}
TREATMENT_SHARES = (0.5, 0.1)
SIZES = (50, 200, 1_000, 5_000, 20_000)  # units an arm on average
EXACT_SIZES = (50, 100, 200, 500, 1_000, 2_000, 5_000, 20_000)
QUICK_ARM = 200  # units in the smaller arm, or as many as the domain begins with
QUICK_SLOW = 60  # draws of a slow method in the quick grid
LEFT_OUT = 1e-12  # probability of the counts that are not looked at, both arms together
BLOCK = 20_000  # tables at once
SHOWN = ("coverage", "missed_low", "missed_high", "undefined", "alarms", "disagree", "width")
NOWHERE = (np.finfo(float).max,) * 2  # an interval that holds no value and has no width
HELPERS = Path(__file__).resolve().parents[1]
CODE = ("records", "inference", "survival", "simulate", "checks")  # what a measured figure depends on


@dataclass(frozen=True)
class Cell:
    """One point of the grid: `replicates` draws (0: enumerated) of two arms from one population, by one method."""

    guarantee: str
    population: str
    n_control: int
    n_treatment: int
    replicates: int

    def seed(self) -> int:
        """Return a number that depends on guarantee, population and sizes alone, on every machine."""
        text = "|".join(map(str, (self.guarantee, self.population, self.n_control, self.n_treatment)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def list_cells(guarantees, depth="quick", *, replicates=None) -> list[Cell]:
    """Return the grid of cells: every population of a guarantee's families, balanced and 90/10, small to large.

    Parameters
    ----------
    guarantees : iterable of Guarantee
    depth : str
        "quick" (one size balanced and one 90/10; of each family the first population without an effect and, of the
        first family, the first with one) or "deep".
    replicates : int, optional
        Draws a cell instead of 200 or 10,000; the limit of a slow method still holds.

    Returns
    -------
    list of Cell: in the guarantees' order. A test without interval is tried only where there is no effect.

    Raises
    ------
    ValueError: another depth.
    """
    if depth not in REPLICATES:
        raise ValueError(f"depth {depth}: give {' or '.join(REPLICATES)}")
    cells = []
    for guarantee in guarantees:
        draws = min(replicates or REPLICATES[depth], guarantee.most_replicates or np.inf)
        if depth == "quick" and guarantee.is_slow:
            draws = min(draws, QUICK_SLOW)
        named, sizes = _choose_populations(guarantee, depth), _list_sizes(guarantee, depth)
        drawn = 0 if guarantee.limits else draws
        cells += [Cell(guarantee.name, population.name, *pair, drawn) for population in named for pair in sizes]
    return cells


def _choose_populations(guarantee, depth):
    fitting = [p for p in POPULATIONS.values() if p.family in guarantee.families]
    plain = [p for p in fitting if not p.has_effect(guarantee.estimand)]
    if not guarantee.has_interval:
        fitting = plain
    if depth == "deep":
        return fitting
    if not guarantee.limits:  # the first of each family
        first = {population.family: population for population in reversed(plain)}
        plain = list(reversed(first.values()))
    return [*plain, *[p for p in fitting if p.has_effect(guarantee.estimand)][:1]]


def _list_sizes(guarantee, depth):
    if depth == "quick":
        small = max(QUICK_ARM, guarantee.least_arm)
        return [(round(small * (1 - share) / share), small) for share in TREATMENT_SHARES]
    sizes = EXACT_SIZES if guarantee.limits else SIZES
    pairs = [(round(2 * n * (1 - share)), round(2 * n * share)) for n in sizes for share in TREATMENT_SHARES]
    return [pair for pair in pairs if min(pair) <= (guarantee.most_units or min(pair))]


def measure_cells(cells, guarantees, *, confidence_level=0.95, seed, jobs=1, store=None, progress=None) -> pd.DataFrame:
    """Return what every cell shows, in the cells' order, whatever the number of processes.

    Parameters
    ----------
    cells : sequence of Cell
    guarantees : iterable of Guarantee, those that the cells name among them
    confidence_level : float, 0.5 to 1
    seed : int
        Each cell draws from a generator of its own, of this seed and the cell.
    jobs : int, processes
    store : path of a folder, optional
        Holds one small file a finished cell; a cell that stands there from the same code and seed is not measured
        again, so that an interrupted run goes on where it stopped.
    progress : function (done, total), optional
        Called as cells are finished.

    Returns
    -------
    DataFrame: the columns of `measure_cell`, one row a cell.
    """
    named, rows, run = {g.name: g for g in guarantees}, [], map
    measure = partial(_measure_once, store=store, confidence_level=confidence_level, seed=seed)
    with ExitStack() as stack:  # leaving it, by an interrupt too, ends the processes
        if jobs > 1 and len(cells) > 1:
            spawn, ignore = multiprocessing.get_context("spawn"), (signal.SIGINT, signal.SIG_IGN)
            run = stack.enter_context(spawn.Pool(min(jobs, len(cells)), signal.signal, ignore)).imap
        for row in run(measure, [(cell, named[cell.guarantee]) for cell in cells]):
            rows.append(row)
            if progress:
                progress(len(rows), len(cells))
    return pd.DataFrame(rows)


def _measure_once(task, *, store, **options):
    """The row of a cell: from the folder where it stands there, else measured, and put there without half of it."""
    cell, guarantee = task
    if store is None:
        return measure_cell(cell, guarantee, POPULATIONS[cell.population], **options)
    key = json.dumps({**asdict(cell), **options, "code": _sum_code()}, sort_keys=True)
    file = Path(store) / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    try:
        found = json.loads(file.read_text())
        if found["key"] == key:
            return found["row"]
    except (OSError, ValueError, TypeError, KeyError):
        pass  # none yet, cut off, or not ours
    row = measure_cell(cell, guarantee, POPULATIONS[cell.population], **options)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps({"key": key, "row": row}))
    os.replace(beside, file)
    return row


@lru_cache(maxsize=1)
def _sum_code():
    """Checksum of every source that a figure depends on, and of the versions beneath."""
    digest = hashlib.sha256(f"{np.__version__} {scipy.__version__}".encode())
    for file in sorted(HELPERS.rglob("*.py")):
        place = file.relative_to(HELPERS)
        if place.parts[0].removesuffix(".py") in CODE:
            digest.update(place.as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def measure_cell(cell: Cell, guarantee: Guarantee, population: Population, *, confidence_level, seed) -> dict:
    """Return what one cell shows.

    An interval that is not given counts as one that does not hold the truth, so that no method gains by staying
    silent where it is wrong: coverage + missed_low + missed_high + undefined = 1. A missing p-value is no alarm.

    Parameters
    ----------
    cell : Cell
        Without replicates all tables are enumerated, weighted by their probability.
    guarantee : Guarantee
    population : Population
    confidence_level : float
    seed : int

    Returns
    -------
    dict: guarantee, method, estimand, claim, population, family, effect ("none" or "planted"), n_control,
        n_treatment, share_treatment, skewness, inside (the domain), departure (why not, or None), exact, replicates,
        coverage, missed_low (share of intervals above the truth), missed_high (below it), false_alarm (share of
        p-values at or under 1 - confidence_level; nan with an effect), power (the same; nan without), undefined
        (share without interval), width (mean; nan where some are unbounded), disagree (share in which interval and
        p-value contradict each other about no effect), and of the guarantee has_interval, is_dual, domain (in
        words), reference. Of a test without interval, coverage is the share without false alarm.
    """
    sizes, estimand = {"n_control": cell.n_control, "n_treatment": cell.n_treatment}, guarantee.estimand
    truth, null = population.truth[estimand], find_null(estimand)
    if cell.replicates:
        effects = draw_effects([guarantee.compute], population, cell, confidence_level=confidence_level, seed=seed)[0]
        options = {"alpha": 1 - confidence_level, "has_interval": guarantee.has_interval}
        rows = read_effects(effects, truth, null, **options)
        found = {**rows.mean(), "width": rows.loc[rows["undefined"] == 0, "width"].mean()}
    else:
        found = enumerate_shares(guarantee.limits, population, estimand, **sizes, confidence_level=confidence_level)
    planted, alarms = population.has_effect(estimand), found.pop("alarms")
    worth = {arm: n * population.worth for arm, n in sizes.items()}
    facts = {"skewness": population.skewness, "spread": population.spread, "events": population.count_events(**sizes)}
    departure = guarantee.find_departure(**worth, **facts, estimate=truth)
    told = ("method", "estimand", "claim", "has_interval", "is_dual", "reference")
    return {
        **asdict(cell),
        **{name: getattr(guarantee, name) for name in told},
        "domain": guarantee.describe_domain(),
        "family": population.family,
        "effect": "planted" if planted else "none",
        "share_treatment": cell.n_treatment / (cell.n_control + cell.n_treatment),
        "skewness": population.skewness,
        "inside": departure is None,
        "departure": departure,
        "exact": cell.replicates == 0,
        **found,
        "width": found["width"] if np.isfinite(found["width"]) else NAN,
        "false_alarm": NAN if planted else alarms,
        "power": alarms if planted else NAN,
    }


def draw_effects(estimators, population, cell, *, confidence_level, seed) -> list[list]:
    """Return the effects that each estimator finds in the same draws of a cell: one list an estimator.

    Parameters
    ----------
    estimators : sequence of functions, as `Guarantee.compute`
    population : Population
    cell : Cell, whose sizes and name seed the draws
    confidence_level : float
    seed : int
    """
    rng, found = np.random.default_rng([seed, cell.seed()]), [[] for _ in estimators]
    for _ in range(cell.replicates):
        arms = population.draw(rng, cell.n_control, False), population.draw(rng, cell.n_treatment, True)
        for effects, estimate in zip(found, estimators, strict=True):
            effects.append(estimate(*arms, confidence_level=confidence_level, rng=rng))
    return found


def read_effects(effects, truth, null, *, alpha, has_interval=True) -> pd.DataFrame:
    """Return what some effects show, one row an effect: covers, missed_low, ... as `SHOWN` names it, each 0 or 1.

    Parameters
    ----------
    effects : sequence of Effect
    truth, null : float, the true value and that of no effect
    alpha : float
    has_interval : bool
        Where a method gives none, it covers when it raises no alarm.
    """
    p_values = np.array([effect.p_value for effect in effects])
    if has_interval:
        parts = np.array([_list_parts(effect) for effect in effects])
    else:
        parts = np.array([[(-np.inf, -np.inf if p <= alpha else np.inf)] for p in p_values])
    return pd.DataFrame(_read(*parts.T, p_values, truth, null, alpha).T, columns=SHOWN)


def _list_parts(effect):
    """The one or two intervals of a confidence set; a missing one is nowhere."""
    parts = ((effect.ci_low, effect.ci_high),) if effect.ci_set is None else effect.ci_set
    parts = [(-np.inf if low is None else low, np.inf if high is None else high) for low, high in parts]
    return (*parts, NOWHERE, NOWHERE)[:2]


def _read(low, high, p, truth, null, alpha):
    """What intervals (ends of shape (parts, n)) and p-values show, shape (7, n), in the order of `SHOWN`."""
    undefined = (np.isnan(low) | np.isnan(high)).any(axis=0)
    covers, holds_null = (((low <= value) & (value <= high)).any(axis=0) & ~undefined for value in (truth, null))
    above = ~covers & ~undefined & (low[0] > truth)
    alarm = p <= alpha
    with np.errstate(invalid="ignore"):
        width = (high - low).sum(axis=0)
    disagrees = ~np.isnan(p) & ~undefined & (alarm == holds_null)
    return np.array([covers, above, ~(covers | above | undefined), undefined, alarm, disagrees, width], float)


def enumerate_shares(limits, population, estimand, *, n_control, n_treatment, confidence_level) -> dict:
    """Return what every pair of counts that two binomial arms can give shows, weighted by its probability.

    Parameters
    ----------
    limits : function, as `Guarantee.limits`
    population : Population, with `event_shares`
    estimand : str
    n_control, n_treatment : int
    confidence_level : float

    Returns
    -------
    dict: the mean of each of `SHOWN`, without chance.
    """
    sizes, total = (n_control, n_treatment), np.zeros(len(SHOWN))
    (x0, w0), (x1, w1) = (_list_counts(n, p) for n, p in zip(sizes, population.event_shares, strict=True))
    told = population.truth[estimand], find_null(estimand), 1 - confidence_level
    step = max(1, BLOCK // len(x1))
    for start in range(0, len(x0), step):
        rows, weights = x0[start : start + step, None], w0[start : start + step, None] * w1
        found = limits(x1, n_treatment, rows, n_control, confidence_level=confidence_level)
        low, high, p = (np.broadcast_to(values, weights.shape).ravel() for values in found)
        total += _read(low[None], high[None], p, *told) @ weights.ravel()
    return dict(zip(SHOWN, (total / (w0.sum() * w1.sum())).tolist(), strict=True))


def _list_counts(n, share):
    counts = np.arange(stats.binom.ppf(LEFT_OUT / 4, n, share), stats.binom.isf(LEFT_OUT / 4, n, share) + 1)
    return counts, stats.binom.pmf(counts, n, share)
