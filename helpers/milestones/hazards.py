"""Leaving, followed from the start: Cox models of its rate, and activating or not as strategies of cloned accounts."""

import math

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from helpers.inference import build_effect
from helpers.milestones.adjusted import LEAST_ROWS, find_obstacle, fit_logit, make_controls
from helpers.records import Effect

COX, CLONES = "Cox, Efron", "clone, censor, weight"
IMMORTAL, VARYING, ADJUSTED = "ever activated, from the start", "time-varying", "time-varying, adjusted"
SHORTEST = 1e-6  # days: who leaves at the very start was at risk for a moment
INTERVAL_DAYS, MOST_RESAMPLES = 10, 200
MOST_SIZES, ACCOUNTS_A_SIZE = 10, 200  # groups of size at most, and accounts for each


def compare_hazards(
    histories: pd.DataFrame, *, until: float, confidence_level: float = 0.95
) -> tuple[dict[str, Effect], int]:
    """Return the ratio of the rates of leaving, with over without activation, from the start to a day; and the losses.

    The first reading splits accounts by whether they ever activated and counts their time from the start: an account
    has to stay to activate, so the time before activation can hold no loss, and the ratio is too low by construction.
    The other two let an account move from one group to the other on the day it activates.

    Parameters
    ----------
    histories : DataFrame, one row an account
        `followed_days`, `lost_day`, `day_activated` (nan never), `tier`, `size`.
    until : float, days after the start at which everybody's follow-up ends
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: dict of Effect by reading: "ever activated, from the start", "time-varying" and "time-varying, adjusted" (for
        plan tier and log size); the standard error is on the ratio scale, the interval is built on the log scale. nan
        with a reason where fewer than 10 accounts left with activation, or without it. Then how many left.

    References
    ----------
    Suissa 2008, American Journal of Epidemiology 167: 492-499, on immortal time; Andersen & Gill 1982.
    """
    end = np.minimum(histories["followed_days"].to_numpy(float), until)
    left, day = histories["lost_day"].to_numpy(float), histories["day_activated"].to_numpy(float)
    lost, ever = left <= end, ~np.isnan(day)
    stop, day = np.maximum(np.where(lost, left, end), SHORTEST), np.where(ever, day, math.inf)
    controls, n = make_controls(histories), len(lost)
    # up to activation and after it; an account that activates in its last moment has the first row alone
    starts, stops = np.append(np.zeros(n), day), np.append(np.minimum(day, stop), stop)
    losses, on = np.append(lost & ~(day < stop), lost), np.repeat([0.0, 1.0], n)
    held = stops > starts
    spells, own = (starts[held], stops[held], losses[held], on[held, None]), np.tile(controls, (2, 1))[held]
    readings = {
        IMMORTAL: (np.zeros(n), stop, lost, ever[:, None].astype(float)),
        VARYING: spells,
        ADJUSTED: (*spells[:3], np.hstack([spells[3], own])),
    }
    return {name: _read_ratio(*spells, confidence_level) for name, spells in readings.items()}, int(lost.sum())


def _read_ratio(start, stop, lost, covariates, confidence_level):
    """The ratio of the first covariate, which is 0 or 1."""
    on = covariates[:, 0] == 1
    if min((lost & on).sum(), (lost & ~on).sum()) < LEAST_ROWS:
        return Effect(method=COX, reason=f"fewer than {LEAST_ROWS} losses with activation, or without it")
    beta, covariance = fit_cox(start, stop, lost, covariates)
    if np.isnan(beta[0]):
        return Effect(method=COX, reason="the model does not converge")
    log, error = float(beta[0]), math.sqrt(covariance[0, 0])
    reach = float(norm.isf((1 - confidence_level) / 2)) * error
    ratio, low, high = np.exp([log, log - reach, log + reach]).tolist()
    return Effect(ratio, ratio * error, None, low, high, p_value=float(2 * norm.sf(abs(log) / error)), method=COX)


def fit_cox(start, stop, lost, covariates, *, n_steps: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return the log hazard ratios of a Cox model and their covariance, ties by Efron.

    Parameters
    ----------
    start, stop : array, shape (n,), days; a row is at risk after `start` up to and on `stop`
    lost : array of bool, shape (n,), whether the event comes at `stop`
    covariates : array, shape (n, k)
    n_steps : int, Newton steps at most

    Returns
    -------
    tuple: array of shape (k,) and of shape (k, k); nan where the model does not converge (a group without events).

    References
    ----------
    Efron 1977, Journal of the American Statistical Association 72: 557-565; Andersen & Gill 1982, Annals of
    Statistics 10: 1100-1120, for rows that come under observation late.
    """
    start, stop, lost = np.asarray(start, float), np.asarray(stop, float), np.asarray(lost, bool)
    x = np.asarray(covariates, float)
    x, beta, value = x - x.mean(axis=0), np.zeros(x.shape[1]), -np.inf
    times, place, ties = np.unique(stop[lost], return_inverse=True, return_counts=True)
    among = pd.Series(place).groupby(place).cumcount().to_numpy() / ties[place]
    orders = [np.argsort(days, kind="stable") for days in (stop, start)]
    risk = [
        (order, np.searchsorted(days[order], times, side="left"))
        for order, days in zip(orders, (stop, start), strict=True)
    ]
    for _ in range(n_steps):
        new, score, information = _differentiate(beta, x, lost, place, among, risk)
        if not np.isfinite(new) or np.linalg.cond(information) > 1e14:
            break
        if abs(new - value) <= 1e-10 * (abs(new) + 1):
            return beta, np.linalg.inv(information)
        beta, value = beta + np.linalg.solve(information, score), new
    return np.full(len(beta), np.nan), np.full((len(beta), len(beta)), np.nan)


def _differentiate(beta, x, lost, place, among, risk):
    """Log partial likelihood, its score and its information; `among` is a loss's place among those of its day."""
    k, rate = len(beta), np.exp(x @ beta)
    sums = rate[:, None] * np.column_stack([np.ones(len(x)), x, (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)])
    late = [np.vstack([np.cumsum(sums[order][::-1], axis=0)[::-1], np.zeros(sums.shape[1])])[at] for order, at in risk]
    tied = np.column_stack([np.bincount(place, column) for column in sums[lost].T])
    parts = (late[0] - late[1])[place] - among[:, None] * tied[place]
    means = parts[:, 1:] / parts[:, :1]
    first, second = means[:, :k], means[:, k:].reshape(-1, k, k)
    value = float((x[lost] @ beta).sum() - np.log(parts[:, 0]).sum())
    return value, (x[lost] - first).sum(axis=0), second.sum(axis=0) - first.T @ first


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
        return Effect(method=CLONES, reason=f"at the landmark: {reason}")
    strata, counts = _count_courses(rows, controls, landmark, horizon)
    filled, rng = np.flatnonzero(counts), np.random.default_rng(seed)
    draws = np.zeros((min(n_resamples, MOST_RESAMPLES) + 1, *counts.shape))
    draws[0] = counts
    known = counts.flat[filled]
    draws.reshape(len(draws), -1)[1:, filled] = rng.multinomial(int(known.sum()), known / known.sum(), len(draws) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        without, following = _follow_without(strata, draws), _follow_with(strata, draws)
    gaps = following - without
    found = gaps[1:][np.isfinite(gaps[1:])]
    error = float(found.std(ddof=1)) if len(found) > 1 else math.nan
    values = float(without[0]), float(following[0])
    return build_effect(float(gaps[0]), error, None, values=values, method=CLONES, confidence_level=confidence_level)


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
    counts = np.zeros((len(strata), n + 1, n + 2))
    np.add.at(counts, (place.reshape(-1), np.minimum(begins, n), ends), 1)
    return strata, counts


def _follow_without(strata, draws):
    """Share kept of clones that must not activate: censored at the end of the interval in which they do."""
    n = draws.shape[2] - 1
    # axes: resample, stratum, interval; who activates and leaves in one interval is a loss, then nobody is censored
    at_risk = np.stack([draws[:, :, k:, k:].sum(axis=(2, 3)) for k in range(n)], axis=2)
    losses = np.stack([draws[:, :, k:, k].sum(axis=2) for k in range(n)], axis=2)
    leaves = np.stack([draws[:, :, k, k + 1 :].sum(axis=2) for k in range(n)], axis=2)
    chance = [_foretell(strata, leaves[..., k], (at_risk - losses)[..., k]) for k in range(n)]
    stays = np.cumprod(1 / np.maximum(1 - np.stack(chance, axis=2), 1e-9), axis=2)
    weights = np.concatenate([np.ones((*stays.shape[:2], 1)), stays], axis=2)
    hazard = (weights[..., :-1] * losses).sum(axis=1) / (weights[..., :-1] * at_risk).sum(axis=1)
    left = (weights[..., -1, None] * draws[:, :, n, n:]).sum(axis=1)
    return np.prod(1 - hazard, axis=1) * left[:, 1] / left.sum(axis=1)


def _follow_with(strata, draws):
    """Share kept of clones that must activate by the landmark: none is censored before it."""
    n = draws.shape[2] - 1
    alive, activated = draws[:, :, :, n:].sum(axis=(2, 3)), draws[:, :, :n, n:].sum(axis=2)
    chance = _foretell(strata, activated.sum(axis=2), alive)
    weighted = (activated / np.maximum(chance, 1e-9)[..., None]).sum(axis=1)
    return alive.sum(axis=1) / draws.sum(axis=(1, 2, 3)) * weighted[:, 1] / weighted.sum(axis=1)


def _foretell(strata, events, trials):
    """Fitted chance of each stratum by a logistic model on its controls, one model a resample (shape of `events`)."""
    x = np.column_stack([np.ones(len(strata)), strata])
    return expit(fit_logit(x, events, trials)[0] @ x.T)
