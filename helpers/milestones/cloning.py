"""Activating by a day against not activating by it, both followed from the start: clone, censor, weight."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.inference import build_effect
from helpers.milestones.adjusted import find_obstacle, make_controls
from helpers.records import Effect

METHOD = "clone, censor, weight"
INTERVAL_DAYS, MOST_RESAMPLES = 10, 200
MOST_SIZES, ACCOUNTS_A_SIZE = 10, 200  # groups of size at most, and accounts for each
RIDGE = 1e-8  # keeps a step finite where nobody activates; too small to be seen elsewhere


def compare_strategies(
    histories: pd.DataFrame, *, landmark: float, horizon: float, seed: int, n_resamples: int, confidence_level=0.95
) -> Effect:
    """Return the share kept under "activate by the landmark" minus that under "do not", both from the start.

    Every account is cloned into both strategies on its first day, so time before activation belongs to both, and nobody
    has to stay in order to be counted. A clone is censored when its account departs from the strategy: under "do not"
    at activation; under "activate", which leaves until the landmark to do so (the grace period), at the landmark if it
    is still without. A loss before the landmark without activation counts under both. Those who remain are weighted by
    the inverse probability of remaining, given plan tier and group of size: logistic models of activation, one in each
    interval of about 10 days for "do not" (which accounts activate early differs from which activate late), and one
    among those alive at the landmark for "activate". What changes in between, such as the events so far, is not
    adjusted for: it is the road to activation itself.

    Parameters
    ----------
    histories : DataFrame, one row an account
        `followed_days`, `lost_day`, `day_activated` (nan never), `tier`, `size`. Only accounts that are followed to
        landmark + horizon count, so that no other censoring is left.
    landmark, horizon : float, days
    seed : int
    n_resamples : int, bootstrap samples of accounts, at most 200 of which are drawn
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: weighted shares kept at landmark + horizon; normal interval with the bootstrap standard error, for which all
        models are fitted anew. nan with a reason where `adjusted.find_obstacle` finds one among those alive at the
        landmark.

    References
    ----------
    Hernan 2018, BMJ 360: k182; Cain et al. 2010, International Journal of Biostatistics 6(2): 18; Maringe et al. 2020,
    International Journal of Epidemiology 49: 1719-1729.
    """
    rows = histories[histories["followed_days"] >= landmark + horizon]
    controls = _group_alike(rows)
    alive = ~(rows["lost_day"] <= landmark).to_numpy()
    activated = (rows["day_activated"] < landmark).to_numpy()
    if reason := find_obstacle(activated[alive], controls[alive]):
        return Effect(method=METHOD, reason=f"at the landmark: {reason}")
    strata, counts = _count_courses(rows, controls, landmark, horizon)
    draws = _resample(counts, min(n_resamples, MOST_RESAMPLES), np.random.default_rng(seed))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _follow_without(strata, draws), _follow_with(strata, draws)
    gaps = values[1] - values[0]
    known = gaps[1:][np.isfinite(gaps[1:])]
    error = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    ends = float(values[0][0]), float(values[1][0])
    return build_effect(float(gaps[0]), error, None, values=ends, method=METHOD, confidence_level=confidence_level)


def _group_alike(rows):
    """Indicators of plan tier and of group of size, one row an account; an unknown size is a group of its own."""
    size = rows["size"].to_numpy(float)
    n_groups = int(np.clip(len(rows) // ACCOUNTS_A_SIZE, 2, MOST_SIZES))
    known = size[~np.isnan(size)]
    cuts = np.quantile(known, np.arange(1, n_groups) / n_groups) if len(known) else []
    groups = np.where(np.isnan(size), "unknown", np.searchsorted(cuts, size).astype(str))
    parts = ({"tier": rows["tier"].to_numpy(), "size": 1.0}, {"tier": groups, "size": 1.0})
    return np.hstack([make_controls(pd.DataFrame(part)) for part in parts])


def _count_courses(rows, controls, landmark, horizon):
    """The controls of each stratum, and accounts by stratum, interval of activation and interval of loss.

    The last interval of activation is never (by the landmark); the last two of loss are by the horizon, and kept.
    """
    strata, place = np.unique(controls, axis=0, return_inverse=True)
    n = max(round(landmark / INTERVAL_DAYS), 1)
    day, lost = rows["day_activated"].to_numpy(float), rows["lost_day"].to_numpy(float)
    begins = np.where(day < landmark, np.floor(np.where(day < landmark, day, 0) * n / landmark), n).astype(int)
    early = np.clip(np.ceil(np.where(lost <= landmark, lost, 0) * n / landmark) - 1, 0, n - 1)
    ends = np.where(lost <= landmark, early, np.where(lost <= landmark + horizon, n, n + 1)).astype(int)
    shape = (len(strata), n + 1, n + 2)
    cells = np.ravel_multi_index((place.reshape(-1), np.minimum(begins, n), ends), shape)
    return strata, np.bincount(cells, minlength=np.prod(shape)).reshape(shape).astype(float)


def _resample(counts, n_resamples, rng):
    """The counts, and below them those of bootstrap samples of accounts."""
    filled = counts.reshape(-1)
    found = np.flatnonzero(filled)
    draws = np.zeros((n_resamples + 1, filled.size))
    draws[0] = filled
    draws[1:, found] = rng.multinomial(int(filled.sum()), filled[found] / filled.sum(), size=n_resamples)
    return draws.reshape(-1, *counts.shape)


def _follow_without(strata, draws):
    """Share kept of clones that must not activate: censored at the end of the interval in which they do."""
    n = draws.shape[2] - 1
    # axes: resample, stratum, interval; who activates and leaves in one interval is a loss, then nobody is censored
    at_risk = np.stack([draws[:, :, k:, k:].sum(axis=(2, 3)) for k in range(n)], axis=2)
    losses = np.stack([draws[:, :, k:, k].sum(axis=2) for k in range(n)], axis=2)
    leaves = np.stack([draws[:, :, k, k + 1 :].sum(axis=2) for k in range(n)], axis=2)
    survivors = at_risk - losses
    fitted = [_fit_logistic(strata, leaves[..., k], survivors[..., k]) for k in range(n)]
    chance = np.stack(fitted, axis=2)
    stays = np.cumprod(1 / np.maximum(1 - chance, 1e-9), axis=2)
    weights = np.concatenate([np.ones((*stays.shape[:2], 1)), stays], axis=2)
    hazard = (weights[..., :-1] * losses).sum(axis=1) / (weights[..., :-1] * at_risk).sum(axis=1)
    left = draws[:, :, n, n:]
    kept = (weights[..., -1] * left[..., 1]).sum(axis=1) / (weights[..., -1] * left.sum(axis=2)).sum(axis=1)
    return np.prod(1 - hazard, axis=1) * kept


def _follow_with(strata, draws):
    """Share kept of clones that must activate by the landmark: none is censored before it."""
    n = draws.shape[2] - 1
    alive, activated = draws[:, :, :, n:].sum(axis=(2, 3)), draws[:, :, :n, n:].sum(axis=2)
    chance = _fit_logistic(strata, activated.sum(axis=2), alive)
    weighted = (activated / np.maximum(chance, 1e-9)[..., None]).sum(axis=1)
    return alive.sum(axis=1) / draws.sum(axis=(1, 2, 3)) * weighted[:, 1] / weighted.sum(axis=1)


def _fit_logistic(strata, events, trials, *, n_steps=25):
    """Fitted chance of each stratum by a logistic model on its controls, one model a resample (shape of `events`)."""
    design = np.column_stack([np.ones(len(strata)), strata])
    beta = np.zeros((len(events), design.shape[1]))
    for _ in range(n_steps):
        chance = _expect(beta, design)
        spread = trials * chance * (1 - chance)
        information = np.matmul(design.T * spread[:, None, :], design) + RIDGE * np.eye(design.shape[1])
        step = np.linalg.solve(information, ((events - trials * chance) @ design)[..., None])[..., 0]
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-8:
            break
    return _expect(beta, design)


def _expect(beta, design):
    return 1 / (1 + np.exp(-np.clip(beta @ design.T, -30, 30)))
