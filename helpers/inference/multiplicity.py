"""Many tests at once: adjusted p-values, by family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from helpers.records import Estimate, Test


def holm(p_values) -> np.ndarray:
    """Return Holm's adjusted p-values, which hold the chance of any false alarm.

    Parameters
    ----------
    p_values : array, shape (k,)
        nan is not counted as a test and stays nan.

    Returns
    -------
    array, shape (k,): at most 1.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6: 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    return _adjust(p_values, lambda p: np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


def benjamini_hochberg(p_values) -> np.ndarray:
    """Return Benjamini and Hochberg's adjusted p-values, which hold the share of false alarms among alarms.

    Parameters
    ----------
    p_values : array, shape (k,)
        nan is not counted as a test and stays nan.

    Returns
    -------
    array, shape (k,): at most 1.

    References
    ----------
    Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57: 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjust(p_values, lambda p: np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1])


def _adjust(p_values, rule):
    p_values = np.asarray(p_values, float)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    adjusted = np.full(p_values.shape, np.nan)
    adjusted[order] = np.minimum(rule(p_values[order]), 1)
    return adjusted


FAMILIES = {"primary": holm, "secondary": holm, "exploratory": benjamini_hochberg}


def adjust_families(estimates) -> tuple[Estimate, ...]:
    """Return the estimates with the adjusted p-values of their families.

    A family holds the differences that carry its name; with fewer than two p-values nothing is adjusted. A relative
    lift takes the adjusted p-value of its difference. Guardrails must all pass, so they form no family.

    Parameters
    ----------
    estimates : iterable of Estimate
        `family` is primary, secondary, exploratory, or anything else for none.

    Returns
    -------
    tuple of Estimate: in the same order; those of no family as they were.
    """
    estimates = list(estimates)
    adjusted = {}
    for family, rule in FAMILIES.items():
        members = [
            i for i, e in enumerate(estimates) if e.family == family and not is_lift(e) and e.p_value == e.p_value
        ]
        if len(members) > 1:
            adjusted |= dict(zip(members, rule([estimates[i].p_value for i in members]).tolist(), strict=True))
    by_key = {find_key(estimates[i]): p for i, p in reversed(adjusted.items())}
    lifts = {i: by_key.get(find_key(e)) for i, e in enumerate(estimates) if is_lift(e) and e.role != "sensitivity"}
    return tuple(e.but(p_value_adjusted=(adjusted | lifts).get(i)) for i, e in enumerate(estimates))


def adjust_tests(tests) -> tuple[Test, ...]:
    """Return tests with the adjusted p-values of their families, Benjamini-Hochberg within exploratory ones.

    Parameters
    ----------
    tests : iterable of Test

    Returns
    -------
    tuple of Test: in the same order; those of no family as they were.
    """
    tests = list(tests)
    members = [i for i, test in enumerate(tests) if test.family == "exploratory"]
    adjusted = dict(zip(members, benjamini_hochberg([tests[i].p_value for i in members]).tolist(), strict=True))
    return tuple(replace(test, p_value_adjusted=adjusted.get(i)) for i, test in enumerate(tests))


def is_lift(estimate: Estimate) -> bool:
    """Return whether an estimate is the relative lift of a difference, which decides for both."""
    return estimate.estimand == "relative_lift"


def find_key(estimate: Estimate) -> tuple:
    """Return what a difference and its lift have in common."""
    return estimate.metric, estimate.comparison, estimate.population, estimate.segment, estimate.at
