"""How often a method's intervals hold the truth and its tests raise false alarms, cell by cell of a grid."""

import hashlib
import json
import multiprocessing
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from scipy import stats

from helpers import paths
from helpers.inference.methods import Method
from helpers.records import NAN, Refused
from helpers.simulate.populations import POPULATIONS, find_null

DEEP_DRAWS, OUTSIDE_DRAWS = 2_000, 200  # draws of a cell: of the deep grid; of the quick one outside the domain
DRAWS = {"quick": 300, "deep": 4000}  # experiments drawn for what stands beside the cells, unless asked otherwise
TREATMENT_SHARES = (0.5, 0.1)
SIZES = (50, 200, 1_000, 5_000, 20_000)  # units an arm on average
EXACT_SIZES = (50, 100, 200, 500, 1_000, 2_000, 5_000, 20_000)
QUICK_ARM = 200  # units in the smaller arm, or as many as the domain begins with
ROUNDS = (100, 200, 500, 1_000, 2_000, 5_000)  # draws after which a cell is kept, so that all cells grow alike
AT_ONCE = 100_000  # rows of an arm that are drawn at once
LEFT_OUT = 1e-12  # probability of the counts that are not looked at, both arms together
BLOCK = 20_000  # tables at once
SHOWN = ("coverage", "missed_low", "missed_high", "undefined", "alarms", "disagree", "width")
NOWHERE = (np.finfo(float).max,) * 2  # an interval that holds no value and has no width
SLACK = {"nominal": 0.0, "at least": 0.0, "nominal within .01": 0.01}
ROUNDING = 1e-9
OUTSIDE = "outside its domain"
TAILS = {"nominal": 0.001, "at least": 0.001, "nominal within .01": 0.01}  # with which a kept claim fails, at its edge
FAMILY_ERROR = 0.001  # of one wrong verdict over all gates of all cells that keep their promise
DEFECT, POWER = 0.03, 0.8  # coverage that is too low by so much is found with this chance: 92 % for 95 %
MOST_NEEDED = 20_000
KEEPS, BREAKS = "no defect found", "fails"
POOLED = ("pooled_low", "pooled_high")
DEEP = ("guarantee", "claim", "measured_on", "seed", "cells_inside", "least_draws", "most_draws", "draws")
DEEP = (*DEEP, "pooled_coverage", *POOLED, "pooled_limit", "smallest_defect", "worst_coverage", "verdict")
BAND = 0.99  # confidence of the Monte-Carlo intervals
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
    guarantees : iterable of Method
    depth : str
        "quick" (one size balanced and one 90/10; of each family the first population without an effect and, of the
        first family, the first with one; as many draws, over the cells inside its domain together, as find a
        coverage that is too low by `DEFECT`) or "deep".
    replicates : int, optional
        Draws a cell instead of what the depth plans; the limit of a slow method still holds.

    Returns
    -------
    list of Cell: in the guarantees' order. A test without interval is tried only where there is no effect.

    Raises
    ------
    ValueError: another depth.
    """
    if depth not in DRAWS:
        raise ValueError(f"depth {depth}: give {' or '.join(DRAWS)}")
    return [cell for guarantee in guarantees for cell in _list_cells(guarantee, depth, replicates)]


def count_draws(depth: str, replicates: int | None = None) -> int:
    """Return how many experiments to draw for each comparison beside the cells: as asked, or as the depth plans."""
    return replicates or DRAWS[depth]


def _list_cells(guarantee, depth, replicates):
    named, sizes = _choose_populations(guarantee, depth), _list_sizes(guarantee, depth)
    cells = [Cell(guarantee.name, population.name, *pair, 0) for population in named for pair in sizes]
    if guarantee.limits:
        return cells
    outside = [find_departure(cell, guarantee) is not None for cell in cells]
    needed = -(-count_needed(guarantee.claim) // max(outside.count(False), 1))
    planned = DEEP_DRAWS if depth == "deep" else needed
    most = guarantee.most_replicates or np.inf
    draws = [OUTSIDE_DRAWS if far and depth == "quick" else planned for far in outside]
    return [replace(cell, replicates=min(replicates or n, most)) for cell, n in zip(cells, draws, strict=True)]


def find_departure(cell: Cell, guarantee: Method) -> str | None:
    """Return why a cell lies outside what a method promises; None inside."""
    population, sizes = POPULATIONS[cell.population], {"n_control": cell.n_control, "n_treatment": cell.n_treatment}
    worth = {arm: n * population.worth for arm, n in sizes.items()}
    facts = {"skewness": population.skewness, "spread": population.spread, "events": population.count_events(**sizes)}
    facts["apart"] = sum(n * share for n, share in zip(sizes.values(), population.apart, strict=True)) / sum(
        sizes.values()
    )
    facts["jump"] = population.jump
    return guarantee.domain.find_departure(**worth, **facts, estimate=population.truth[guarantee.estimand])


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
        small = max(QUICK_ARM, guarantee.domain.least_arm)
        return [(round(small * (1 - share) / share), small) for share in TREATMENT_SHARES]
    sizes = EXACT_SIZES if guarantee.limits else SIZES
    pairs = [(round(2 * n * (1 - share)), round(2 * n * share)) for n in sizes for share in TREATMENT_SHARES]
    return [pair for pair in pairs if min(pair) <= (guarantee.most_units or min(pair))]


def measure_cells(
    cells, guarantees, *, confidence_level=0.95, seed, jobs=1, store=None, minutes=None, progress=None
) -> pd.DataFrame:
    """Return what every cell shows, in the cells' order, whatever the number of processes.

    Parameters
    ----------
    cells : sequence of Cell
    guarantees : iterable of Method, those that the cells name among them
    confidence_level : float, 0.5 to 1
    seed : int
        Each round of a cell draws from a generator of its own, of this seed, the cell and the round.
    jobs : int, processes
    store : path of a folder, optional
        Holds one small file a cell, which grows round by round, all cells alike; what stands there from the same code
        and seed is not measured again, so that an interrupted run goes on where it stopped.
    minutes : float, optional
        No round begins after so long: a cell counts with the draws that it has by then, and is left out without any,
        as is a method of which no cell inside its domain has any. 0 reads what is stored and measures nothing.
    progress : function (done, total), optional
        Called as cells, or with a store their rounds, are finished.

    Returns
    -------
    DataFrame: the columns of `describe_cell`, one row a cell; `replicates` are the draws that it has.

    Raises
    ------
    Refused: no cell has any draw after so many minutes.
    """
    named, found, run = {g.name: g for g in guarantees}, {}, map
    rounds = [(cell, upto) for cell in cells for upto in (_list_rounds(cell) if store else [cell.replicates])]
    if store:  # small ones first, and no second round of a cell before all have had their first
        rounds.sort(key=lambda task: (task[1], task[0].n_control + task[0].n_treatment))
    ends = None if minutes is None else time.monotonic() + 60 * minutes
    measure = partial(_measure_rounds, store=store, ends=ends, confidence_level=confidence_level, seed=seed)
    with ExitStack() as stack:  # leaving it, by an interrupt too, ends the processes
        if jobs > 1 and len(cells) > 1:
            spawn, ignore = multiprocessing.get_context("spawn"), (signal.SIGINT, signal.SIG_IGN)
            run = stack.enter_context(spawn.Pool(min(jobs, len(cells)), signal.signal, ignore)).imap
        tasks = [(cell, named[cell.guarantee], upto) for cell, upto in rounds]
        for done, ((cell, _), state) in enumerate(zip(rounds, run(measure, tasks), strict=True), start=1):
            found[cell] = state
            if progress:
                progress(done, len(rounds))
    rows = [describe_cell(cell, named[cell.guarantee], **found[cell]) for cell in cells if found[cell]]
    reached = {row["guarantee"] for row in rows if row["inside"] or minutes is None}
    if cells and not reached:
        told = "the folder holds no cell of this grid, seed and code; run studies validate"
        raise Refused(f"validation, measured: {told}")
    return pd.DataFrame([row for row in rows if row["guarantee"] in reached])


def _list_rounds(cell):
    """The numbers of draws after which a cell is kept."""
    return [*(n for n in ROUNDS if n < cell.replicates), cell.replicates]


def _measure_rounds(task, *, store, ends, confidence_level, seed):
    """Draws and sums of a cell up to a round: from the folder as far as it has them, the rest measured and kept."""
    (cell, guarantee, upto), options = task, {"confidence_level": confidence_level, "seed": seed}
    known = asdict(replace(cell, replicates=0))  # equal rounds serve a coarser grid and a finer one
    key = json.dumps({**known, **options, "exact": not cell.replicates, "code": _sum_code()}, sort_keys=True)
    file = store and Path(store) / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    state = _read_state(file, key) if store else None
    if state and state["draws"] < upto and state["draws"] not in ROUNDS:
        state = None  # the end of a coarser grid, from which no round goes on
    for mark in _list_rounds(replace(cell, replicates=upto)):
        if state and state["draws"] >= mark:
            continue
        if ends is not None and time.monotonic() >= ends:
            break
        state = _measure_round(cell, guarantee, state, mark, **options)
        if store:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps({"key": key, "state": state}))
            os.replace(beside, file)  # never half of it
    return state


def _read_state(file, key):
    try:
        found = json.loads(file.read_text())
        state = found["state"] if found["key"] == key else None
        return state and {"draws": int(state["draws"]), "sums": [float(value) for value in state["sums"]]}
    except (OSError, ValueError, TypeError, KeyError):
        return None  # none yet, cut off, or not ours


@lru_cache(maxsize=1)
def _sum_code():
    """Checksum of every source that a figure depends on, and of the versions beneath."""
    digest = hashlib.sha256(f"{np.__version__} {scipy.__version__}".encode())
    for file in sorted(HELPERS.rglob("*.py")):
        place = file.relative_to(HELPERS)
        if place.parts[0].removesuffix(".py") in CODE:
            digest.update(place.as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _measure_round(cell, guarantee, state, upto, *, confidence_level, seed):
    """Draws and sums of a cell (as `SHOWN` names them) after one more round; the shares where all is enumerated."""
    population, estimand = POPULATIONS[cell.population], guarantee.estimand
    if not cell.replicates:
        sizes = {"n_control": cell.n_control, "n_treatment": cell.n_treatment}
        shown = enumerate_shares(guarantee.limits, population, estimand, **sizes, confidence_level=confidence_level)
        return {"draws": 0, "sums": [shown[name] for name in SHOWN]}
    state, alpha = state or {"draws": 0, "sums": [0.0] * len(SHOWN)}, 1 - confidence_level
    truth, null, total = population.truth[estimand], find_null(estimand), np.array(state["sums"])
    rng = np.random.default_rng([seed, cell.seed(), state["draws"]])
    options = {"confidence_level": confidence_level, "rng": rng}
    for arms in draw_arms(population, cell, upto - state["draws"], rng):
        if guarantee.batch:
            low, high, p = guarantee.batch(*arms, **options)
            shown = _read(low[None], high[None], p, truth, null, alpha)
        else:
            effects = [guarantee.compute(*pair, **options) for pair in zip(*arms, strict=True)]
            shown = read_effects(effects, truth, null, alpha=alpha, has_interval=guarantee.has_interval).to_numpy().T
        total += np.nansum(shown, axis=1)
    return {"draws": upto, "sums": total.tolist()}


def draw_arms(population, cell, draws, rng):
    """Yield both arms of some experiments at a time, until all are drawn: arrays (experiments, units, columns).

    Parameters
    ----------
    population : Population
    cell : Cell, of which only the sizes count
    draws : int
    rng : Generator
    """
    sizes = (cell.n_control, cell.n_treatment)
    most = max(1, AT_ONCE // max(sizes))
    for start in range(0, draws, most):
        now = min(most, draws - start)
        drawn = (population.draw(rng, now * n, treated) for treated, n in zip((False, True), sizes, strict=True))
        yield tuple(rows.reshape(now, n, -1) for rows, n in zip(drawn, sizes, strict=True))


def describe_cell(cell: Cell, guarantee: Method, *, draws, sums) -> dict:
    """Return what one cell shows.

    An interval that is not given counts as one that does not hold the truth, so that no method gains by staying
    silent where it is wrong: coverage + missed_low + missed_high + undefined = 1. A missing p-value is no alarm.

    Parameters
    ----------
    cell : Cell
    guarantee : Method
    draws : int, 0 where all tables are enumerated
    sums : list of float, over the draws, in the order of `SHOWN`; the shares where enumerated

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
    population, found = POPULATIONS[cell.population], dict(zip(SHOWN, sums, strict=True))
    given = draws - found["undefined"] if draws else 1.0
    found = {name: value / max(draws, 1) for name, value in found.items() if name != "width"}
    width = sums[SHOWN.index("width")] / given if given else NAN
    planted, alarms = population.has_effect(guarantee.estimand), found.pop("alarms")
    departure = find_departure(cell, guarantee)
    told = ("method", "estimand", "claim", "has_interval", "is_dual", "reference")
    return {
        **asdict(replace(cell, replicates=draws)),
        **{name: getattr(guarantee, name) for name in told},
        "domain": guarantee.domain.describe(),
        "family": population.family,
        "effect": "planted" if planted else "none",
        "share_treatment": cell.n_treatment / (cell.n_control + cell.n_treatment),
        "skewness": population.skewness,
        "inside": departure is None,
        "departure": departure,
        "exact": not cell.replicates,
        **found,
        "width": width if np.isfinite(width) else NAN,
        "false_alarm": NAN if planted else alarms,
        "power": alarms if planted else NAN,
    }


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
    limits : function, as `Method.limits`
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


@cache
def count_needed(claim, confidence_level=0.95) -> int:
    """Return the draws of one method from which on a coverage too low by `DEFECT` is found with a chance of `POWER`.

    Parameters
    ----------
    claim : str, a key of `SLACK`
    confidence_level : float, 0.5 to 1

    Examples
    --------
    >>> count_needed("nominal within .01"), count_needed("at least")
    (1674, 1037)
    """
    draws = np.arange(1, MOST_NEEDED)
    least = stats.binom.ppf(TAILS[claim], draws, confidence_level - SLACK[claim])
    return int(draws[find_defect(draws, least) < confidence_level - DEFECT][-1]) + 1


def find_defect(draws, least):
    """Return the highest true coverage that so many draws find too low, with a chance of `POWER`.

    Parameters
    ----------
    draws : int or array
    least : as draws, the fewest intervals that must hold the truth, 1 or more (else nan: nothing is found)
    """
    return stats.beta.ppf(1 - POWER, least, draws - least + 1)


def judge_cells(frame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return the measured cells with the range of coverage that each may show, and its verdict.

    Inside the domain a cell fails where its coverage, or its share without a false alarm, leaves the claim by more than
    chance explains: the exact binomial tail, so that over all gates of all cells together a method that keeps its
    promise fails with a probability of at most .001. Too much coverage fails a nominal claim, never one
    of "at least". Enumerated cells have no chance, so no band. A cell whose method promises that interval and test
    agree fails where they ever disagree.

    Parameters
    ----------
    frame : DataFrame of `measure_cells`
    confidence_level : float, as measured

    Returns
    -------
    DataFrame: the frame with `band` (what chance may take from the coverage, 0 where exact), `limit_low`,
        `limit_high` (coverage that a cell may show) and `verdict`: "no defect found", "fails" or "outside its domain".
    """
    tail = FAMILY_ERROR / max(4 * int(frame["inside"].sum()), 1)  # two sides of coverage, two of false alarms
    low, high = find_limits(frame, confidence_level, tail)
    kept = is_within(frame["coverage"], low, high) & is_within(1 - frame["false_alarm"], low, high)
    kept &= ~(frame["is_dual"].astype(bool) & (frame["disagree"] > 0))
    verdicts = np.where(frame["inside"], np.where(kept, KEEPS, BREAKS), OUTSIDE)
    band = confidence_level - frame["claim"].map(SLACK) - low
    return frame.assign(band=band, limit_low=low, limit_high=high, verdict=verdicts)


def find_limits(cells, level, tail):
    """Return the least and the most coverage: at the edge of the claim, beyond it as far as chance goes with `tail`."""
    slack, exact = cells["claim"].map(SLACK).to_numpy(), cells["exact"].to_numpy(bool)
    low = level - slack
    high = np.where(cells["claim"] == "at least", 1.0, np.minimum(level + slack, 1.0))
    n = np.where(exact, 1, cells["replicates"])
    ends = stats.binom.ppf(tail, n, low) / n, stats.binom.isf(tail, n, high) / n
    return np.where(exact, low, ends[0]), np.where(exact, high, ends[1])


def is_within(values, low, high):
    """Return where a coverage lies within limits, or is not known."""
    return values.isna() | ((values >= low - ROUNDING) & (values <= high + ROUNDING))


def record_deep(judged, guarantees, *, measured_on, seed) -> pd.DataFrame:
    """Return what a deep grid found as it is committed: one row a method, dated, with the draws that its cells reached.

    Parameters
    ----------
    judged, guarantees : DataFrames of `judge_cells` and `summarise_guarantees`
    measured_on : str, the date
    seed : int
    """
    reached = judged[judged["inside"]].groupby("guarantee")["replicates"].agg(["min", "max"])
    told = add_bands(guarantees, "pooled_coverage", "draws", names=POOLED, method="wilson")
    ends = {"least_draws": reached["min"], "most_draws": reached["max"]}
    ends = {name: told["guarantee"].map(n) for name, n in ends.items()}
    return told.assign(measured_on=measured_on, seed=seed, **ends)[list(DEEP)]


def read_deep() -> pd.DataFrame:
    """Return the deep grid as it was last measured and committed, one row a method, the columns of `record_deep`."""
    return pd.read_csv(paths.DATA / "validation" / "deep.csv")


def add_bands(table, share, n, *, names=("ci_low", "ci_high"), method="exact") -> pd.DataFrame:
    """Return a table with the 99 % interval of a share of n draws, exact or Wilson's; the share where none were."""
    bands = [
        (held, held)
        if held != held or not draws
        else stats.binomtest(round(held * draws), draws).proportion_ci(BAND, method=method)
        for held, draws in zip(table[share], table[n].astype(int), strict=True)
    ]
    return table.assign(**{name: [float(band[k]) for band in bands] for k, name in enumerate(names)})
