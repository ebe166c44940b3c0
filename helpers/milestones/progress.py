"""Where customers stand month by month: the share in each state, with intervals, and the moves between states."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from helpers.milestones.names import WORDS, list_milestones
from helpers.plan import FrameworkPlan
from helpers.survival import wilson_interval

MONTH = 30  # days of a month of tenure
STATES = ("started", "set up", "activated", "using", "mature", "dormant", "gone")
REACHED = {"set up": "day_set_up", "activated": "day_activated", "mature": "day_mature"}


def study_progress(histories: pd.DataFrame, months: pd.DataFrame, design: FrameworkPlan) -> dict[str, pd.DataFrame]:
    """Return the states of customers by month since the start, and the moves between them.

    An account has one state at the end of each month of 30 days, the first that holds of: gone, dormant (no activity
    for the plan's number of days), mature, using (the month's usage a seat at its start reaches the plan's line),
    activated, set up, started. Month 0 is the start itself, at which all are "started".

    Parameters
    ----------
    histories : DataFrame, one row an account
        `unit`, `followed_days`, `lost_day`, `day_set_up`, `day_activated`, `day_mature` (nan never).
    months : DataFrame, one row an account and full month: `unit`, `month` (0 first), `events`, `seats`, `active`
    design : FrameworkPlan

    Returns
    -------
    dict: `states` (month, state, share, ci_low, ci_high, at_risk: accounts followed to that month, gone or not), the
        Aalen-Johansen share of all accounts, by `estimate_occupancy`; `flows` (from_state, to_state, months, moves,
        share: of the months that began in from_state), staying included. Only states that the plan defines.
    """
    states = [state for state in STATES if _is_defined(state, design)]
    courses = _list_courses(histories, months, design, states)
    counts = _count_moves(courses, len(states))
    shares, variances = estimate_occupancy(counts)
    followed = counts.sum(axis=(1, 2)) if len(counts) else np.zeros(0)
    known = np.append(len(courses), followed)
    z = float(stats.norm.isf(design.alpha / 2))
    free = shares * (1 - shares)
    size = np.where(variances > 1e-15, free / np.where(variances > 1e-15, variances, 1), known[:, None])
    low, high = wilson_interval(shares, np.maximum(size, 1), z)
    low[0], high[0] = shares[0], shares[0]  # all are "started" at the start, by definition
    month, state = (grid.ravel() for grid in np.indices(shares.shape))
    table = {"month": month, "state": np.array(states, object)[state], "share": shares.ravel()}
    table |= {"ci_low": low.ravel(), "ci_high": high.ravel(), "at_risk": known[month].astype(int)}
    return {"states": pd.DataFrame(table), "flows": _list_flows(counts.sum(axis=0), states)}


def estimate_occupancy(counts) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of accounts in each state and its variance, month by month, when all begin in the first state.

    The product of the monthly matrices of moves (Aalen-Johansen in discrete time), right-censoring allowed. The
    variance is Greenwood's for matrices: in each month the moves from a state are multinomial given who was in it.
    Without censoring the shares are plain ones and the variance is share x (1 - share) / n.

    Parameters
    ----------
    counts : array, shape (m, k, k), accounts by month, state before and state after

    Returns
    -------
    tuple of array, shape (m + 1, k): shares and their variances.

    References
    ----------
    Aalen & Johansen 1978; Andersen, Borgan, Gill & Keiding 1993, 4.4.20, in discrete time; Datta & Satten 2001,
    Statistics & Probability Letters 55: 403-411: the shares hold without the Markov property, the variance needs it.
    """
    counts = np.asarray(counts, float)
    size = counts.shape[1]
    share, spread = np.eye(size)[0], np.zeros((size, size))
    shares, variances = [share], [np.zeros(size)]
    for moved in counts:
        total = moved.sum(axis=1)
        matrix = np.where(total[:, None] > 0, moved / np.maximum(total, 1)[:, None], np.eye(size))
        spread = matrix.T @ spread @ matrix
        for state in np.flatnonzero((total > 0) & (share > 0)):
            chances = matrix[state]
            spread += share[state] ** 2 / total[state] * (np.diag(chances) - np.outer(chances, chances))
        share = share @ matrix
        shares.append(share)
        variances.append(np.maximum(np.diag(spread), 0))
    return np.array(shares), np.array(variances)


def _is_defined(state, design):
    others = {"started": True, "dormant": "dormant" in design.outcome_names}
    others["gone"] = bool(design.outcomes.retained.lost)
    return others[state] if state in others else state in map(WORDS.get, list_milestones(design))


def _list_courses(histories, months, design, states) -> np.ndarray:
    """State numbers, one row an account, one column a month since the start; -1 where nobody knows."""
    place = {state: number for number, state in enumerate(states)}
    row = pd.Index(histories["unit"]).get_indexer(months["unit"])
    month, ends = months["month"].to_numpy(int), (months["month"].to_numpy(float) + 1) * MONTH
    found = np.zeros(len(months), int)
    for state in (s for s in states if s in ("set up", "activated", "using", "mature", "dormant")):
        found[_is_in(state, histories, months, row, ends, design)] = place[state]
    seen = np.bincount(row, minlength=len(histories)) if len(row) else np.zeros(len(histories), int)
    last = np.floor(histories["followed_days"].to_numpy(float) / MONTH).astype(int)
    courses = np.full((len(histories), 1 + max(last.max(initial=0), seen.max(initial=0))), -1)
    courses[:, 0] = 0
    courses[row, month + 1] = found
    if "gone" in place:
        after = np.arange(courses.shape[1])[None, :]
        is_lost = histories["lost_day"].notna().to_numpy()[:, None]
        courses[is_lost & (after > seen[:, None]) & (after <= last[:, None])] = place["gone"]
    return courses


def _is_in(state, histories, months, row, ends, design):
    if state == "dormant":
        return months["active"].to_numpy(float) == 0
    if state == "using":
        seats = months["seats"].to_numpy(float)
        return months["events"].to_numpy(float) >= design.usage.monthly_line * np.where(seats > 0, seats, np.inf)
    return histories[REACHED[state]].to_numpy(float)[row] < ends


def _count_moves(courses, size) -> np.ndarray:
    """Accounts by month, state before and state after, as long as somebody is followed."""
    pairs = zip(courses.T[:-1], courses.T[1:], strict=True)
    counts = [
        np.bincount(before[both] * size + after[both], minlength=size * size).reshape(size, size)
        for before, after in pairs
        if (both := (before >= 0) & (after >= 0)).any()
    ]
    return np.array(counts).reshape(-1, size, size)


def _list_flows(moves, states) -> pd.DataFrame:
    rows = [
        {"from_state": states[i], "to_state": states[j], "months": int(moves[i].sum()), "moves": int(moves[i, j])}
        for i, j in zip(*np.nonzero(moves), strict=True)
        if states[i] != "gone"
    ]
    table = pd.DataFrame(rows, columns=["from_state", "to_state", "months", "moves"])
    return table.assign(share=table["moves"] / table["months"])
