"""Do a model's predictions still fit new customers, and if not, how much of the model has to change."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit
from scipy.stats import chi2, norm

from helpers.inference import find_independent
from helpers.milestones.odds import fit_odds

LEAST_PER_COEFFICIENT = 10
TESTS = ("p_keep", "p_reintercept", "p_recalibrate")
CHOICES = ("keep", "re-intercept", "recalibrate", "revise")
FIGURES = ("intercept", "intercept_low", "intercept_high", "slope", "slope_low", "slope_high")


def measure_calibration(linear, outcome, *, inflation: float = 1.0, confidence_level: float = 0.95) -> dict:
    """Return how predictions fit: their level, their spread, and the share observed beside the share expected.

    Parameters
    ----------
    linear : array, shape (n,), predicted log odds of staying
    outcome : array, shape (n,), 0 or 1
    inflation : float, at least 1
        1 + accounts here / accounts of the model: variances grow by it, as the model is an estimate itself.
    confidence_level : float, between 0 and 1

    Returns
    -------
    dict: `intercept` (slope held at 1; 0 is right, above 0 more stayed than was predicted), `slope` (1 is right, below
        1 predictions are too far apart), each with _low and _high; `observed` and `expected` shares. The intercept is
        nan where all stayed or all left, the slope also where all predictions are equal.

    References
    ----------
    Cox 1958, Biometrika 45: 562-565; Steyerberg 2019, Clinical prediction models, section 15.3.
    """
    linear, y = np.asarray(linear, float), np.asarray(outcome, float)
    found = dict.fromkeys(FIGURES, math.nan) | {"observed": float(y.mean()), "expected": float(expit(linear).mean())}
    if y.min() == y.max():
        return found
    reach = float(norm.isf((1 - confidence_level) / 2)) * math.sqrt(inflation)
    ones = np.ones((len(y), 1))
    fits = {"intercept": fit_odds(ones, y, offset=linear)}
    if np.ptp(linear) > 1e-9:
        fits["slope"] = fit_odds(np.column_stack([ones, linear]), y)
    for name, fit in fits.items():
        value, error = float(fit.coefficients[-1]), float(fit.errors[-1])
        found |= {name: value, f"{name}_low": value - reach * error, f"{name}_high": value + reach * error}
    return found


def choose_update(linear, columns, outcome, *, inflation: float = 1.0, alpha: float = 0.05) -> dict:
    """Return what a model needs to fit new customers: nothing, another level, another spread too, or all anew.

    A closed test: the model refitted to the new customers is compared with the model as it is, then with one whose
    intercept alone is new, then with one whose intercept and slope are new; the first that is not clearly worse is
    chosen. So a model that fits is changed with a chance of at most `alpha`.

    Parameters
    ----------
    linear : array, shape (n,), log odds that the model predicts
    columns : array, shape (n, k), what the model is made of, without its intercept
    outcome : array, shape (n,), 0 or 1
    inflation : float, at least 1
        1 + accounts here / accounts of the model. The statistics are divided by it: the model's coefficients are
        estimates themselves, and differ from those of new customers by chance twice.
    alpha : float, between 0 and 1, for each of the three tests, which together keep it

    Returns
    -------
    dict: `choice` (keep, re-intercept, recalibrate, revise, or "too few" where fewer than 10 left or fewer than 10
        stayed for each coefficient of the refit), `p_keep`, `p_reintercept`, `p_recalibrate` (likelihood ratio; nan
        where too few).

    References
    ----------
    Vergouwe et al. 2017, Statistics in Medicine 36: 4529-4539; Peduzzi et al. 1996, Journal of Clinical Epidemiology
    49: 1373-1379, for ten per coefficient.
    """
    linear, y = np.asarray(linear, float), np.asarray(outcome, float)
    columns = keep_independent(columns)
    if min(y.sum(), (1 - y).sum()) < LEAST_PER_COEFFICIENT * (columns.shape[1] + 1):
        return {"choice": "too few", **dict.fromkeys(TESTS, math.nan)}
    ones = np.ones((len(y), 1))
    full = fit_odds(np.column_stack([ones, columns]), y).log_likelihood
    spread = [ones, linear[:, None]] if np.ptp(linear) > 1e-9 else [ones]
    lesser = [
        (fit_odds(ones[:, :0], y, offset=linear).log_likelihood, 0),
        (fit_odds(ones, y, offset=linear).log_likelihood, 1),
        (fit_odds(np.column_stack(spread), y).log_likelihood, len(spread)),
    ]
    freedom = [columns.shape[1] + 1 - used for _, used in lesser]
    values = [max(2 * (full - fit), 0) / inflation for fit, _ in lesser]
    p = [float(chi2.sf(value, df)) if df > 0 else 1.0 for value, df in zip(values, freedom, strict=True)]
    choice = next((CHOICES[i] for i, value in enumerate(p) if value > alpha), CHOICES[-1])
    return {"choice": choice, **dict(zip(TESTS, p, strict=True))}


def keep_independent(columns) -> np.ndarray:
    """Return the columns that vary and say something beyond those before them, shape (n, fewer than k or k)."""
    columns = np.asarray(columns, float)
    columns = columns[:, np.ptp(columns, axis=0) > 1e-12]
    covariance = np.cov(columns, rowvar=False).reshape(columns.shape[1], columns.shape[1])
    return columns[:, find_independent(covariance)]
