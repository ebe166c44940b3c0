"""The rate of leaving by milestone in continuous time: Cox models, with the milestone as it comes, and as a mistake."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.milestones.adjusted import LEAST_ROWS, make_controls
from helpers.records import Effect

METHOD = "Cox, Efron"
IMMORTAL, VARYING, ADJUSTED = "ever activated, from the start", "time-varying", "time-varying, adjusted"
SHORTEST = 1e-6  # days: who leaves at the very start was at risk for a moment


def compare_hazards(histories: pd.DataFrame, *, until: float, confidence_level: float = 0.95) -> dict[str, Effect]:
    """Return the ratio of the rates of leaving, with over without activation, from the start to a day.

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
    dict of Effect by reading: "ever activated, from the start", "time-varying" and "time-varying, adjusted" (for plan
        tier and log size); the standard error is on the ratio scale, the interval is built on the log scale. nan with a
        reason where fewer than 10 accounts left with activation, or without it.

    References
    ----------
    Suissa 2008, American Journal of Epidemiology 167: 492-499, on immortal time; Andersen & Gill 1982.
    """
    stop, lost = _cut_follow_up(histories, until)
    day = histories["day_activated"].to_numpy(float)
    spells = _split_spells(stop, lost, day)
    whole = {"start": np.zeros(len(lost)), "stop": stop, "lost": lost, "on": ~np.isnan(day)}
    own, none = make_controls(histories), np.zeros((len(lost), 0))
    return {
        IMMORTAL: _estimate(whole, none, confidence_level),
        VARYING: _estimate(spells, none[spells["row"]], confidence_level),
        ADJUSTED: _estimate(spells, own[spells["row"]], confidence_level),
    }


def count_followed(histories: pd.DataFrame, *, until: float) -> tuple[int, int]:
    """Return how many accounts `compare_hazards` follows, and how many of them it sees leave.

    Parameters
    ----------
    histories, until : as for `compare_hazards`

    Returns
    -------
    tuple of int: accounts, losses.
    """
    return len(histories), int(_cut_follow_up(histories, until)[1].sum())


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
    lost, x = np.asarray(lost, bool), np.asarray(covariates, float)
    x, beta = x - x.mean(axis=0), np.zeros(x.shape[1])
    risk, value = _sort_times(np.asarray(start, float), np.asarray(stop, float), lost), -np.inf
    for _ in range(n_steps):
        new, score, information = _differentiate(beta, x, lost, risk)
        if not np.isfinite(new) or np.linalg.cond(information) > 1e14:
            break
        if abs(new - value) <= 1e-10 * (abs(new) + 1):
            return beta, np.linalg.inv(information)
        beta, value = beta + np.linalg.solve(information, score), new
    return np.full(len(beta), np.nan), np.full((len(beta), len(beta)), np.nan)


def _cut_follow_up(histories, until):
    """Days from the start to the loss or the end of follow-up, and whether it is a loss."""
    end = np.minimum(histories["followed_days"].to_numpy(float), until)
    day = histories["lost_day"].to_numpy(float)
    lost = day <= end
    return np.maximum(np.where(lost, day, end), SHORTEST), lost


def _split_spells(stop, lost, day):
    """Rows at risk: up to activation, and after it; an account that activates in its last moment has one row."""
    splits = day < stop
    first = {"row": np.arange(len(stop)), "start": np.zeros(len(stop)), "stop": np.where(splits, day, stop)}
    first |= {"lost": lost & ~splits, "on": np.zeros(len(stop), bool)}
    place = np.flatnonzero(splits)
    second = {"row": place, "start": day[splits], "stop": stop[splits], "lost": lost[splits]}
    second |= {"on": np.ones(len(place), bool)}
    joined = {key: np.concatenate([first[key], second[key]]) for key in first}
    at_risk = joined["stop"] > joined["start"]
    return {key: values[at_risk] for key, values in joined.items()}


def _estimate(spells, controls, confidence_level):
    events = [int((spells["lost"] & (spells["on"] == side)).sum()) for side in (False, True)]
    if min(events) < LEAST_ROWS:
        return Effect(method=METHOD, reason=f"fewer than {LEAST_ROWS} losses with activation, or without it")
    covariates = np.column_stack([spells["on"].astype(float), controls])
    beta, covariance = fit_cox(spells["start"], spells["stop"], spells["lost"], covariates)
    if np.isnan(beta[0]):
        return Effect(method=METHOD, reason="the model does not converge")
    log, error = float(beta[0]), float(np.sqrt(covariance[0, 0]))
    reach = float(stats.norm.isf((1 - confidence_level) / 2)) * error
    low, high = np.exp([log - reach, log + reach]).tolist()
    p = float(2 * stats.norm.sf(abs(log) / error))
    return Effect(float(np.exp(log)), float(np.exp(log)) * error, None, low, high, p_value=p, method=METHOD)


def _sort_times(start, stop, lost):
    """Where each event's risk set begins in rows sorted by stop and by start, and its place among tied events."""
    times, place, ties = np.unique(stop[lost], return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    rank = np.empty(len(place))
    rank[order] = np.arange(len(place)) - np.repeat(np.cumsum(ties) - ties, ties)
    by_stop, by_start = np.argsort(stop, kind="stable"), np.argsort(start, kind="stable")
    until = np.searchsorted(stop[by_stop], times, side="left")
    after = np.searchsorted(start[by_start], times, side="left")
    return {"place": place, "share": rank / ties[place], "stop": (by_stop, until), "start": (by_start, after)}


def _differentiate(beta, x, lost, risk):
    """Log partial likelihood, its score and its information."""
    k = len(beta)
    rate = np.exp(x @ beta)
    sums = rate[:, None] * np.column_stack([np.ones(len(x)), x, (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)])
    at_risk = _sum_from(sums, *risk["stop"]) - _sum_from(sums, *risk["start"])
    tied = np.column_stack([np.bincount(risk["place"], column) for column in sums[lost].T])
    parts = at_risk[risk["place"]] - risk["share"][:, None] * tied[risk["place"]]
    means = parts[:, 1:] / parts[:, :1]
    first, second = means[:, :k], means[:, k:].reshape(-1, k, k)
    value = float((x[lost] @ beta).sum() - np.log(parts[:, 0]).sum())
    information = second.sum(axis=0) - first.T @ first
    return value, (x[lost] - first).sum(axis=0), information


def _sum_from(sums, order, begin):
    total = np.cumsum(sums[order][::-1], axis=0)[::-1]
    return np.vstack([total, np.zeros(sums.shape[1])])[begin]
