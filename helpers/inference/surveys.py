"""What a published survey says: shares with their doubt, and two answers of the same people from their totals."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from helpers.survival import wilson_interval

ROUNDED = (-0.005, 0.0, 0.005)  # a printed per cent may be half a point more or less
GROUPS = 25
ASKED = ("plan to measure retention", "plan to measure renewals", "expect rising demands", "are sure to meet them")


def bound_answers(share: float, response: float) -> tuple[float, float]:
    """Return the lowest and highest share of all asked, when only a part of them answered.

    Parameters
    ----------
    share, response : float, of those who answered; of the asked, who answered

    References
    ----------
    Manski 1989, Journal of Human Resources 24: 343-360: nothing is assumed about who did not answer.
    """
    return share * response, share * response + 1 - response


def bound_gap(first: float, second: float, *, within: bool) -> dict[str, tuple[float, float]]:
    """Return what two shares of the same people leave open, over all joint tables that their margins allow.

    Parameters
    ----------
    first, second : float, shares that say yes to each
    within : bool
        Whether the second share is of those who say yes to the first, and not of all.

    Returns
    -------
    dict: `difference` (first minus second, of all), `only_first` (yes to the first alone), `disagree` (yes to one of
        both alone, from which the error of the difference follows): lowest and highest.

    References
    ----------
    Frechet 1951; Hoeffding 1940, for the bounds of a joint table.
    """
    if within:
        alone, rest = first - first * second, 1 - first
        return {"difference": (alone - rest, alone), "only_first": (alone, alone), "disagree": (alone, alone + rest)}
    both = max(0.0, first + second - 1), min(first, second)
    disagree = tuple(first + second - 2 * part for part in reversed(both))
    return {"difference": (first - second,) * 2, "only_first": (first - both[1], first - both[0]), "disagree": disagree}


def study_survey(shares: Sequence[float], *, n, design_effect, responses, confidence_level=0.95):
    """Return what a published survey can say, from its printed shares.

    Parameters
    ----------
    shares : sequence of float, as printed, one each of `ASKED`; the last two are of the same people
    n : int, people who answered; 0 leaves the survey out
    design_effect : float, 1 is a simple random sample
    responses : sequence of float, shares of the asked who may have answered: the survey does not say
    confidence_level : float

    Returns
    -------
    dict: tables `survey` (a row a share and response) and `expectations` (a row a reading of the last two).
    """
    if not n:
        return {}
    z, effective, rows = float(stats.norm.isf((1 - confidence_level) / 2)), n / design_effect, []
    for asked, share in zip(ASKED, shares, strict=True):
        row = {"asked": asked, "share": share, "n": n, "effective": effective}
        row |= dict(zip(("ci_low", "ci_high"), wilson_interval(share, n, z), strict=True))
        row |= dict(zip(("wide_low", "wide_high"), wilson_interval(share, effective, z), strict=True))
        for response in responses:
            ends = bound_answers(share, response)
            rows.append({**row, "response": response, "all_low": ends[0], "all_high": ends[1]})
    return {"survey": pd.DataFrame(rows), "expectations": pd.DataFrame(_read_margins(*shares[-2:], effective, z))}


def _read_margins(first, second, n, z):
    """Both readings of the second share: what margins leave open, and what rounding and sampling add to it."""
    moved, rows = [(first + a, second + b) for a in ROUNDED for b in ROUNDED], []
    for reading in ("of all", "of those"):
        within = reading == "of those"
        for what in ("difference", "only_first"):
            ends = [bound_gap(*pair, within=within) for pair in moved]
            ends = min(e[what][0] for e in ends), max(e[what][1] for e in ends)
            plain = bound_gap(first, second, within=within)
            spread = [plain["disagree"][1] if what == "difference" else end for end in ends]
            low, high = (
                end + side * z * math.sqrt(max(part - end**2, 0) / n)
                for end, side, part in zip(ends, (-1, 1), spread, strict=True)
            )
            row = {"reading": reading, "what": what, "low": plain[what][0], "high": plain[what][1]}
            row["middle"] = sum(plain[what]) / 2
            rows.append({**row, "ci_low": max(low, -1.0), "ci_high": min(high, 1.0)})
    return rows


def jackknife(rows: pd.DataFrame, measure, *, confidence_level: float = 0.95) -> dict[str, float]:
    """Return a measure of rows with an interval that allows for units with several of them.

    Parameters
    ----------
    rows : DataFrame, whose column `unit` says what rows belong together
    measure : function of such rows -> float or array
    confidence_level : float

    Returns
    -------
    dict: value, std_error, ci_low, ci_high (t with 24 degrees of freedom); nan where the measure is.

    References
    ----------
    Wolter 2007, Introduction to Variance Estimation, chapter 4: units in 25 groups, each left out in turn.
    """
    group = pd.factorize(rows["unit"])[0] % GROUPS
    value, without = measure(rows), np.array([measure(rows[group != g]) for g in range(GROUPS)])
    error = np.sqrt((GROUPS - 1) / GROUPS * np.sum((without - without.mean(axis=0)) ** 2, axis=0))
    reach = stats.t.isf((1 - confidence_level) / 2, GROUPS - 1) * error
    return {"value": value, "std_error": error, "ci_low": value - reach, "ci_high": value + reach}
