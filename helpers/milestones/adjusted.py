"""Accounts that reached a milestone beside those that did not, standardised to one mix of plans and sizes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.inference import NO_SPREAD, build_effect, find_independent, risk_difference, satterthwaite
from helpers.records import Effect

METHOD = "standardised difference"
LEAST_ROWS, COMMON_LEVEL = 10, 0.05
NO_VARIATION = "the outcome does not vary in a group, so an adjusted interval would be too narrow"
HARDLY = "hardly any overlap"
THIN = HARDLY + ": brought to the mix of all, {n:,} accounts count like {size:.0f}"
FEW_EVENTS = f"fewer than {LEAST_ROWS} accounts have the outcome, or lack it, with the milestone or without it"
NO_OVERLAP = "no overlap: a plan or size that is common among all is missing among those with or without the milestone"


def make_controls(frame: pd.DataFrame) -> np.ndarray:
    """Return what milestones are adjusted for, one row an account: plan tier and log size, as read at the landmark.

    Parameters
    ----------
    frame : DataFrame, one row an account
        `tier` (text) and `size` (above 0); a missing size gets the mean of the logs and an indicator.

    Returns
    -------
    array, shape (n, k): a column a tier but the largest, log size, its indicator; each centred, none constant. k is 0
        where all accounts are alike.
    """
    tiers = frame["tier"].to_numpy(str)
    levels, counts = np.unique(tiers, return_counts=True)
    others = [level for i, level in enumerate(levels) if i != counts.argmax()]
    size = frame["size"].to_numpy(float)
    known = size > 0
    logs = np.log(np.where(known, size, 1.0))
    logs = np.where(known, logs, logs[known].mean() if known.any() else 0.0)
    columns = [*(tiers == level for level in others), logs, ~known]
    values = np.column_stack([np.asarray(column, float) for column in columns])
    varies = np.ptp(values, axis=0) > 1e-12 if len(values) else np.zeros(values.shape[1], bool)
    return values[:, varies] - values[:, varies].mean(axis=0) if len(values) else values[:, varies]


def adjusted_difference(exposed, outcome, controls, *, confidence_level: float = 0.95) -> Effect:
    """Return the mean outcome with the milestone minus that without it, both at the mix of controls of all rows.

    Least squares with slopes of its own in each group, standardised to all rows. An association: what the controls do
    not measure stays in it.

    Parameters
    ----------
    exposed : array, shape (n,), 1 reached the milestone, 0 did not
    outcome : array, shape (n,), 0 or 1, or a number
    controls : array, shape (n, k), as `make_controls` gives them
        A row with a missing value in one of the three is left out. Columns that repeat others are left out.
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: `control_value` and `treatment_value` are the standardised means; the standard error is the sandwich (HC2)
        with the part of standardising to a sample. Without controls (k = 0), a 0/1 outcome is compared by Miettinen and
        Nurminen. nan with a reason when a group has fewer than 10 + 2k rows, or, at the mix of all, counts like fewer;
        when it lacks a level of a two-valued control that more than 5 % of all rows have (no overlap); or when fewer
        than 10 of its rows have a 0/1 outcome, or lack it: their residuals are near 0 by chance, and the error with
        them.

    References
    ----------
    Lin 2013, Annals of Applied Statistics 7: 295-318; MacKinnon & White 1985, Journal of Econometrics 29: 305-325;
    Negi & Wooldridge 2021, Econometric Reviews 40: 504-534, for the part of standardising; Chattopadhyay & Zubizarreta
    2023, Biometrika 110: 615-629, for the weights that a regression implies; Kish 1965 for what they count like.
    """
    exposed, y, x = _drop_missing(exposed, outcome, controls)
    is_in = exposed == 1
    counts = int(is_in.sum()), int((~is_in).sum())
    if x.shape[1] == 0 and np.isin(y, (0, 1)).all():
        return risk_difference(y[is_in].sum(), counts[0], y[~is_in].sum(), counts[1], confidence_level=confidence_level)
    if reason := find_obstacle(is_in, x) or _find_few(is_in, y):
        return Effect(method=METHOD, reason=reason)
    least = LEAST_ROWS + 2 * x.shape[1]
    x = _keep_independent(x - x.mean(axis=0), is_in)
    fits = [_fit(y[side], x[side]) for side in (~is_in, is_in)]
    if thin := [THIN.format(n=n, size=size) for (*_, size), n in zip(fits, counts[::-1], strict=True) if size < least]:
        return Effect(method=METHOD, reason=thin[0])
    values, pulls = [float(slopes[0]) for slopes, *_ in fits], np.empty(len(y))
    pulls[~is_in], pulls[is_in] = -fits[0][1], fits[1][1]
    own = [float(pull @ pull) for _, pull, _ in fits]
    if min(own) <= 1e-20:
        return Effect(values[1] - values[0], control_value=values[0], treatment_value=values[1], method=METHOD,
                      reason=NO_VARIATION if max(own) > 1e-20 else NO_SPREAD)  # fmt: skip
    mix = x @ (fits[1][0] - fits[0][0])[1:] / math.sqrt(len(y) * (len(y) - 1))
    error = math.sqrt(float(np.sum((pulls + mix) ** 2)))
    df = satterthwaite(*((v, n - 1 - x.shape[1]) for v, n in zip(own, counts[::-1], strict=True)))
    return build_effect(
        values[1] - values[0], error, df, values=tuple(values), method=METHOD, confidence_level=confidence_level
    )


def find_obstacle(is_in, controls) -> str | None:
    """Return why two groups cannot be brought to one mix of controls; None where they can.

    Parameters
    ----------
    is_in : array of bool, shape (n,), whether an account reached the milestone
    controls : array, shape (n, k), without missing values

    Returns
    -------
    str or None: a group has fewer than 10 + 2k rows, or lacks what more than 5 % of all rows have.
    """
    least = LEAST_ROWS + 2 * controls.shape[1]
    if min(is_in.sum(), (~is_in).sum()) < least:
        return f"fewer than {least} accounts with the milestone, or without it"
    return NO_OVERLAP if _lacks_level(is_in, controls) else None


def _drop_missing(exposed, outcome, controls):
    exposed, y, x = np.asarray(exposed, float), np.asarray(outcome, float), np.asarray(controls, float)
    known = ~(np.isnan(exposed) | np.isnan(y) | np.isnan(x).any(axis=1))
    return exposed[known], y[known], x[known]


def rules_out(now, before) -> bool:
    """Return whether two differences lie further apart than their intervals together allow.

    Parameters
    ----------
    now, before : tuple (value, low, high), of accounts that do not overlap
        Half an interval's width stands for its imprecision, so that neither difference is taken as known.

    Returns
    -------
    bool: False where one of the six is nan.

    References
    ----------
    Schenker & Gentleman 2001, The American Statistician 55: 182-186 (why not by whether intervals overlap).
    """
    halves = [(high - low) / 2 for _, low, high in (now, before)]
    return bool(abs(now[0] - before[0]) > math.hypot(*halves))


def _find_few(is_in, y):
    """Why a 0/1 outcome has too few of either value in a group, or None."""
    if not np.isin(y, (0, 1)).all():
        return None
    cells = [min(y[side].sum(), (1 - y[side]).sum()) for side in (is_in, ~is_in)]
    return FEW_EVENTS if min(cells) < LEAST_ROWS else None


def _lacks_level(is_in, x):
    """Whether a group lacks a common value of a two-valued control, or the level that no indicator stands for."""
    low, high = x.min(axis=0), x.max(axis=0)
    two = ((x == low) | (x == high)).all(axis=0) & (low < high)
    if not two.any():
        return False
    high = x[:, two] == high[two]
    sets = np.column_stack([high, ~high, ~high.any(axis=1)])
    common = sets.mean(axis=0) > COMMON_LEVEL
    return bool((common & (~sets[is_in].any(axis=0) | ~sets[~is_in].any(axis=0))).any())


def _keep_independent(x, is_in):
    """The columns that vary and say something beyond those before them, in both groups."""
    sides = x[~is_in], x[is_in]
    x = x[:, np.all([np.ptp(side, axis=0) > 1e-12 for side in sides], axis=0)]
    covariances = [np.cov(x[side], rowvar=False).reshape(x.shape[1], x.shape[1]) for side in (~is_in, is_in)]
    return x[:, find_independent(*covariances)]


def _fit(y, x):
    """Slopes (first the mean at the overall mix), each row's pull on it (as HC2 has it), what rows count like."""
    design = np.column_stack([np.ones(len(y)), x])
    basis, triangle = np.linalg.qr(design)
    slopes = np.linalg.solve(triangle, basis.T @ y)
    rest = y - design @ slopes
    room = np.maximum(1 - (basis**2).sum(axis=1), 1e-10)
    weights = basis @ np.linalg.solve(triangle.T, np.eye(triangle.shape[0])[0])  # they sum to 1
    return slopes, weights * rest / np.sqrt(room), 1 / float(weights @ weights)
