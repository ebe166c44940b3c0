"""What one group had, without a contrast: its good ratings, its wait for a first reply, the hours that it takes."""

import math

import numpy as np
import pandas as pd
from scipy.special import ndtri

from helpers import metrics
from helpers.inference.means import compare_ratios
from helpers.inference.replies import WEEK, measure_share, split_arms
from helpers.records import NAN
from helpers.survival import wilson_interval

GOOD = 4  # ratings of four or five of five are good
RATING = "csat"
COLUMNS = ["metric", "estimand", "population", "estimate", "ci_low", "ci_high", "n", "hits", "reason"]


def list_levels(conversations: pd.DataFrame | None, units: metrics.Units, hours: pd.DataFrame | None) -> pd.DataFrame:
    """Return the levels that published claims are about, each with its interval.

    Parameters
    ----------
    conversations : DataFrame or None, as `metrics.read_conversations` gives it
    units : metrics.Units
    hours : DataFrame or None
        Table `agent_hours`: its range is that over assumptions.

    Returns
    -------
    DataFrame: one row a level. `metric`, `estimand` ("level"), `population` (control, treatment, before), `estimate`,
        `ci_low`, `ci_high` (at the plan's level; of agent hours the range over assumptions), `n` (units; of waits
        conversations), `hits` (good ratings, and half of the waits), `reason` why there is none.
    """
    rows = [] if hours is None or hours.empty else [_range_hours(hours)]
    rows += _list_ratings(units)
    if conversations is not None and len(conversations):
        groups, variant = split_arms(conversations, units.design), units.design.variant
        sides = {"median_reply_hours": (60, "control", variant.control)}
        sides["median_reply_minutes"] = (1, "treatment", variant.treatments[0])
        for name, (unit, population, arm) in sides.items():
            found = limit_median(groups[arm], confidence_level=units.design.confidence_level)
            found |= {key: found[key] / unit for key in ("estimate", "ci_low", "ci_high")}
            rows.append({"metric": name, "population": population, **found})
    return pd.DataFrame([{"estimand": "level", "reason": None, **row} for row in rows], columns=COLUMNS)


def _range_hours(hours):
    values = hours["extra_hours"]
    central = hours[(hours["handling"] == hours["handling"].median()) & (hours["patience"] == 1)]
    middle = float(central["extra_hours"].median()) if len(central) else float(values.median())
    found = {"estimate": middle, "ci_low": float(values.min()), "ci_high": float(values.max())}
    return {"metric": "agent_hours", "population": "treatment", **found, "n": NAN, "hits": NAN}


def _list_ratings(units):
    """Shares of good ratings in the control and, where it is there, in the group before the test."""
    if RATING not in units.design.metrics:
        return []
    rows = metrics.read_rows(units, ["variant", f"y_{RATING}"])
    if rows is None:
        return []
    variant, z, found = units.design.variant, -ndtri(units.design.alpha / 2), []
    for population, arm in [("control", variant.control), *(("before", name) for name in variant.observational)]:
        rated = rows.loc[rows["variant"] == arm, f"y_{RATING}"].dropna()
        n, hits = len(rated), int((rated >= GOOD).sum())
        low, high = wilson_interval(hits / n, n, z) if n else (NAN, NAN)
        shares = {"estimate": hits / n if n else NAN, "ci_low": float(low), "ci_high": float(high)}
        reason = None if n else "Nobody of this group rated."
        found.append({"metric": "good_ratings", "population": population, **shares, "n": n, "hits": hits})
        found[-1]["reason"] = reason
    return found


def limit_median(rows: pd.DataFrame, *, confidence_level=0.95) -> dict:
    """Return the median wait of one group in minutes, with its interval by order statistics and the randomised unit.

    Parameters
    ----------
    rows : DataFrame, one row a conversation: `cluster`, `wait_minutes`, `followed_minutes`
        Never answered is later than anything; conversations followed for less than a week are left out.
    confidence_level : float

    Returns
    -------
    dict: `estimate`, `ci_low`, `ci_high`, `n`, `hits`, `reason`; nan with a reason where half or more were never
        answered.

    References
    ----------
    Woodruff 1952, Journal of the American Statistical Association 47: 635-646.
    """
    rows = rows[rows["followed_minutes"] >= WEEK]
    waits, n = np.sort(rows["wait_minutes"].fillna(np.inf).to_numpy(float)), len(rows)
    counted = {"n": n, "hits": n // 2}
    if n < 2 or not math.isfinite(waits[n // 2]):
        nothing = dict.fromkeys(("estimate", "ci_low", "ci_high"), NAN)
        return {**nothing, **counted, "reason": "Half of the conversations or more were never answered."}
    median = float(np.median(waits))
    moments = measure_share(rows, median)
    pair = compare_ratios(moments, moments)
    worth = pair.control * (1 - pair.control) / pair.var_control if pair.var_control > 0 else n
    ends = wilson_interval(0.5, worth, -ndtri((1 - confidence_level) / 2))
    places = np.clip([math.floor(ends[0] * n) - 1, math.ceil(ends[1] * n)], 0, n - 1)
    low, high = (float(waits[place]) for place in places)
    return {"estimate": median, "ci_low": low, "ci_high": high, **counted, "reason": None}
