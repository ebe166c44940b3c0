"""How unevenly questions arrive, and what is missed by staffing for their mean as if they came like Poisson."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from helpers.records import Refused
from helpers.simulate.queue import HOURS_A_WEEK

MINUTES_A_WEEK = 7 * 1_440
MONDAY = pd.Timestamp("2018-01-01", tz="UTC")
LIMIT = 0.95  # of a Poisson distribution
LEVEL = 0.95
BAND = (0.05, 0.95)  # between which nine days of ten lie
ONCE = "arrivals: each interval of the week was seen only once; give two weeks or more"


def count_arrivals(conversations, *, minutes, since=None, until=None) -> pd.DataFrame:
    """Return how many questions were asked in each interval, quiet intervals included.

    Parameters
    ----------
    conversations : DataFrame
        One row a question: asked_at (UTC).
    minutes : int
        Length of an interval; it must divide an hour.
    since, until : str or Timestamp, optional
        Whole days, UTC, the last one included; from the first question's to the last one's when left out. Leave out
        the weeks in which sign-ups begin or end: growth would count as unrest.

    Returns
    -------
    DataFrame: start (UTC), count, slot (interval of the week, Monday 00:00 is 0), minutes; rising.

    Raises
    ------
    Refused: no question in these days, or minutes that do not divide an hour.
    """
    if 60 % minutes:
        raise Refused(f"arrivals, minutes: {minutes} does not divide an hour of 60 minutes")
    asked = pd.DatetimeIndex(conversations["asked_at"])
    first, last = (_read_day(day, asked) for day in ((since, "min"), (until, "max")))
    asked = asked[(asked >= first) & (asked < last + pd.Timedelta(days=1))]
    if not len(asked):
        raise Refused("arrivals: no question was asked in these days; check since and until")
    start = pd.date_range(first, last + pd.Timedelta(days=1), freq=f"{minutes}min", inclusive="left")
    places = np.asarray((asked - first) // pd.Timedelta(minutes=minutes))
    return slot_arrivals(pd.DataFrame({"start": start, "count": np.bincount(places, minlength=len(start))}), minutes)


def _read_day(given, asked):
    day, end = given
    if not len(asked):
        raise Refused("arrivals: there is no question to count")
    found = getattr(asked, end)() if day is None else pd.Timestamp(day)
    return (found.tz_localize("UTC") if found.tz is None else found.tz_convert("UTC")).normalize()


def slot_arrivals(counts, minutes) -> pd.DataFrame:
    """Return counts of intervals with the interval of the week that each belongs to.

    Parameters
    ----------
    counts : DataFrame: start (UTC), count
    minutes : int, length of an interval

    Returns
    -------
    DataFrame: start, count, slot, minutes.
    """
    since_monday = (counts["start"] - MONDAY) // pd.Timedelta(minutes=1) % MINUTES_A_WEEK
    return counts[["start", "count"]].assign(slot=(since_monday // minutes).astype(int), minutes=minutes)


def describe_arrivals(counts) -> pd.DataFrame:
    """Return how unevenly questions arrive beside what a Poisson stream with the same means would show.

    Each interval is compared with the mean of its weekday and time; slots seen once or without a question are left
    out. Means are estimated from the same counts, so that unrest is understated a little.

    Parameters
    ----------
    counts : DataFrame
        As `count_arrivals` returns it.

    Returns
    -------
    DataFrame: measure, value, ci_low, ci_high (95 %, days as clusters), poisson (what a Poisson stream shows), p_value
        (of a Poisson stream varying so much; nan but for the dispersion).
        Measures: `dispersion` (variance over mean within a slot; left out where slots are hours), `dispersion_hours`
        and `dispersion_days` (the same of the counts of hours and of whole days), `above_limit` (share of intervals
        above the Poisson 95 % limit), `lag_1` (correlation of an interval with the next one of its day, both measured
        from their mean).

    Raises
    ------
    Refused: no slot was seen twice.

    References
    ----------
    Avramidis, Deslauriers & L'Ecuyer 2004; Ibrahim, Ye, L'Ecuyer & Shen 2016 (over-dispersion, dependence in a day).
    """
    table = add_means(counts)
    if table.empty:
        raise Refused(ONCE)
    days = table["start"].dt.normalize()
    minutes = int(counts["minutes"].iloc[0])
    rows = [
        *([] if minutes == 60 else [{"measure": "dispersion", **_disperse(counts)}]),
        {"measure": "dispersion_hours", **_disperse(sum_hours(counts))},
        {"measure": "dispersion_days", **_disperse_days(counts)},
        {"measure": "above_limit", **_share_above(table), "p_value": math.nan},
        {"measure": "lag_1", **_correlate(table, days), "poisson": 0.0, "p_value": math.nan},
    ]
    return pd.DataFrame(rows)


def _disperse(counts):
    table = add_means(counts)
    if table.empty:
        return {**dict.fromkeys(("value", "ci_low", "ci_high"), math.nan), "poisson": 1.0, "p_value": math.nan}
    square, days = table["gap"] ** 2 / table["mean"], table["start"].dt.normalize()
    found = estimate_ratio((square / table["left"]).groupby(days).sum(), table.groupby(days).size())
    found["ci_low"] = max(found["ci_low"], 0.0)
    return {**found, "poisson": 1.0, "p_value": float(stats.chi2.sf(square.sum(), table["left"].sum()))}


def _disperse_days(counts):
    """The dispersion of whole days' counts, each against the mean of its weekday."""
    days = counts.groupby(counts["start"].dt.normalize().rename("start"))["count"].sum().reset_index()
    return _disperse(days.assign(slot=days["start"].dt.day_of_week))


def add_means(counts) -> pd.DataFrame:
    """Return each interval with its slot's `mean`, the `gap` to it, and the share of variance `left` by estimating it.

    Slots seen once or without an arrival are left out.
    """
    slots = counts.groupby("slot")["count"]
    table = counts.assign(mean=slots.transform("mean"), n=slots.transform("size"))
    table = table[(table["n"] > 1) & (table["mean"] > 0)]
    return table.assign(gap=table["count"] - table["mean"], left=1 - 1 / table["n"])


def estimate_ratio(over, under) -> dict[str, float]:
    """Return a ratio of two sums by day with its 95 % interval, days as clusters (linearised, t); nan from one day."""
    ratio, n = over.sum() / under.sum(), len(over)
    spread = (over - ratio * under).std(ddof=1) * math.sqrt(n) / under.sum() if n > 1 else math.nan
    half = stats.t.ppf((1 + LEVEL) / 2, max(n - 1, 1)) * spread
    return {"value": float(ratio), "ci_low": float(ratio - half), "ci_high": float(ratio + half)}


def _share_above(table):
    limit = stats.poisson.ppf(LIMIT, table["mean"])
    expected = stats.poisson.sf(limit, table["mean"]).mean()
    above = (table["count"] > limit).astype(float)
    days = table["start"].dt.normalize()
    found = estimate_ratio(above.groupby(days).sum(), above.groupby(days).size())
    return clip_share(found) | {"poisson": float(expected)}


def clip_share(found) -> dict[str, float]:
    """Return a share whose interval stays between 0 and 1."""
    return found | {"ci_low": max(found["ci_low"], 0.0), "ci_high": min(found["ci_high"], 1.0)}


def _correlate(table, days):
    residual = table["gap"] / np.sqrt(table["mean"] * table["left"])
    following = residual.shift(-1).where(days.shift(-1) == days)
    paired = following.notna()
    product = (residual * following)[paired].groupby(days[paired]).sum()
    power = ((residual**2 + following**2) / 2)[paired].groupby(days[paired]).sum()
    if power.empty:
        return {"value": math.nan, "ci_low": math.nan, "ci_high": math.nan}
    return estimate_ratio(product, power)


def rate_hours(counts) -> np.ndarray:
    """Return the mean rate of each hour of the week, 0 where nothing was counted.

    Parameters
    ----------
    counts : DataFrame
        As `count_arrivals` returns it.

    Returns
    -------
    array, shape (168,), arrivals an hour, Monday 00:00 first.
    """
    slots = sum_hours(counts).groupby("slot")
    return (slots["count"].sum() / slots["covered"].sum()).reindex(range(HOURS_A_WEEK), fill_value=0.0).to_numpy()


def sum_hours(counts) -> pd.DataFrame:
    """Return counts by the hour; `covered` is the part of the hour that was counted."""
    hours = counts.groupby(counts["start"].dt.floor("h")).agg(count=("count", "sum"), covered=("minutes", "sum"))
    return slot_arrivals(hours.reset_index(), 60).assign(covered=hours["covered"].to_numpy() / 60)


def band_arrivals(counts) -> pd.DataFrame:
    """Return how hourly counts spread on weekdays, beside a Poisson stream with the same means.

    Each count is taken relative to the mean of its own weekday and hour, so that a busy Monday is no unrest; hours
    that were counted in part only are left out.

    Parameters
    ----------
    counts : DataFrame
        As `count_arrivals` returns it.

    Returns
    -------
    DataFrame: time ("07:00"), hour (0 to 23), days (how many), mean (an hour), low, high (between which nine days of
        ten lie), poisson_low, poisson_high (the same of a Poisson stream); Mondays to Fridays.
    """
    table = add_means(sum_hours(counts))
    table = table[(table["start"].dt.day_of_week < 5) & table["slot"].isin(_find_whole_hours(counts))]
    rows = [_band(int(hour), found) for hour, found in table.groupby(table["start"].dt.hour)]
    return pd.DataFrame(rows)


def _find_whole_hours(counts):
    covered = sum_hours(counts).groupby("slot")["covered"].min()
    return covered.index[covered == 1]


def _band(hour, found):
    typical = float(found["count"].mean())
    low, high = (found["count"] / found["mean"]).quantile(list(BAND)).tolist()
    even_low, even_high = _poisson_ends(found["mean"])
    ends = {"low": low, "high": high, "poisson_low": even_low, "poisson_high": even_high}
    scaled = {name: float(typical * value) for name, value in ends.items()}
    return {"time": f"{hour:02d}:00", "hour": hour, "days": len(found), "mean": typical, **scaled}


def _poisson_ends(means):
    """Quantiles of Poisson counts over their own means, mixed over the means of several weekdays."""
    levels, weights = np.unique(means, return_counts=True)
    grids = [np.arange(int(stats.poisson.ppf(0.9999, level)) + 1) for level in levels]
    values = np.concatenate([grid / level for grid, level in zip(grids, levels, strict=True)])
    chances = [w * stats.poisson.pmf(grid, level) for grid, level, w in zip(grids, levels, weights, strict=True)]
    order = np.argsort(values, kind="stable")
    below = np.cumsum(np.concatenate(chances)[order]) / weights.sum()
    return [values[order][np.searchsorted(below, share)] for share in BAND]
