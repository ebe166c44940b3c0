"""How often a method's intervals hold the truth and its tests raise false alarms, cell by cell."""

from __future__ import annotations

import multiprocessing
import signal
from functools import partial

import numpy as np
import pandas as pd

from helpers.checks.validation.cells import Cell
from helpers.checks.validation.enumeration import enumerate_cell
from helpers.checks.validation.store import load_cell, save_cell
from helpers.records import NAN, Guarantee
from helpers.simulate.populations import POPULATIONS, Population, find_null


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
    named = {g.name: g for g in guarantees}
    options = {"confidence_level": confidence_level, "seed": seed}
    tasks = [(position, named[cell.guarantee], cell) for position, cell in enumerate(cells)]
    rows = {p: row for p, g, c in tasks if (row := load_cell(store, c, g, options)) is not None}
    waiting = [task for task in tasks if task[0] not in rows]
    for position, row in _run(partial(_measure_task, options=options, store=store), waiting, jobs):
        rows[position] = row
        if progress:
            progress(len(rows), len(tasks))
    return pd.DataFrame([rows[position] for position, *_ in tasks])


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
    if cell.replicates == 0:
        found = enumerate_cell(cell, guarantee, population, confidence_level=confidence_level)
    else:
        found = _simulate(cell, guarantee, population, confidence_level, seed)
    planted = population.has_effect(guarantee.estimand)
    alarms = found.pop("alarms")
    found |= {"false_alarm": NAN if planted else alarms, "power": alarms if planted else NAN}
    return {**_describe(cell, guarantee, population), **found}


def read_effect(effect, truth, null, *, alpha, has_interval=True) -> tuple[float, ...]:
    """Return what one effect shows: covers, missed_low, missed_high, undefined, alarm, disagree (each 0 or 1), width.

    Parameters
    ----------
    effect : Effect
    truth, null : float, the true value and that of no effect
    alpha : float
    has_interval : bool
        Where a method gives none, it covers when it raises no alarm.
    """
    alarm = bool(effect.p_value <= alpha)
    if not has_interval:
        return not alarm, 0, alarm, 0, alarm, 0, NAN
    parts = effect.ci_set if effect.ci_set is not None else ((effect.ci_low, effect.ci_high),)
    parts = [(-np.inf if low is None else low, np.inf if high is None else high) for low, high in parts]
    if any(end != end for part in parts for end in part):
        return 0, 0, 0, 1, alarm, 0, NAN
    covers = any(low <= truth <= high for low, high in parts)
    above = not covers and truth < (parts[0][0] if parts else np.inf)
    excludes = not any(low <= null <= high for low, high in parts)
    disagrees = effect.p_value == effect.p_value and alarm != excludes
    width = sum(high - low for low, high in parts)
    return covers, above, not covers and not above, 0, alarm, disagrees, width


def _simulate(cell, guarantee, population, confidence_level, seed):
    rng = np.random.default_rng([seed, cell.seed()])
    truth, null = population.truth[guarantee.estimand], find_null(guarantee.estimand)
    rows = np.empty((cell.replicates, 7))
    for row in rows:
        arms = population.draw(rng, cell.n_control, False), population.draw(rng, cell.n_treatment, True)
        effect = guarantee.compute(*arms, confidence_level=confidence_level, rng=rng)
        row[:] = read_effect(effect, truth, null, alpha=1 - confidence_level, has_interval=guarantee.has_interval)
    names = ("coverage", "missed_low", "missed_high", "undefined", "alarms", "disagree")
    shares = dict(zip(names, rows[:, :6].mean(axis=0).tolist(), strict=True))
    widths = rows[rows[:, 3] == 0, 6]
    return {**shares, "width": float(widths.mean()) if np.isfinite(widths).all() and len(widths) else NAN}


def _describe(cell, guarantee, population):
    sizes = {"n_control": cell.n_control, "n_treatment": cell.n_treatment}
    facts = {"skewness": population.skewness, "spread": population.spread, "events": population.count_events(**sizes)}
    worth = {arm: n * population.worth for arm, n in sizes.items()}
    departure = guarantee.find_departure(**worth, **facts, estimate=population.truth[guarantee.estimand])
    return {
        "guarantee": guarantee.name,
        "method": guarantee.method,
        "estimand": guarantee.estimand,
        "claim": guarantee.claim,
        "population": population.name,
        "family": population.family,
        "effect": "planted" if population.has_effect(guarantee.estimand) else "none",
        **sizes,
        "share_treatment": cell.n_treatment / (cell.n_control + cell.n_treatment),
        "skewness": population.skewness,
        "inside": departure is None,
        "departure": departure,
        "exact": cell.replicates == 0,
        "replicates": cell.replicates,
        "has_interval": guarantee.has_interval,
        "is_dual": guarantee.is_dual,
        "domain": guarantee.describe_domain(),
        "reference": guarantee.reference,
    }


def _measure_task(task, *, options, store):
    position, guarantee, cell = task
    row = measure_cell(cell, guarantee, POPULATIONS[cell.population], **options)
    save_cell(store, cell, guarantee, options, row)
    return position, row


def _run(measure, tasks, jobs):
    if jobs == 1 or len(tasks) < 2:
        yield from map(measure, tasks)
        return
    pool = multiprocessing.get_context("spawn").Pool(min(jobs, len(tasks)), _ignore_interrupts)
    with pool:  # leaving it, by an interrupt too, ends the processes
        yield from pool.imap_unordered(measure, tasks)


def _ignore_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
