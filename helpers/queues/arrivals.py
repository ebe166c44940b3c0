"""How unevenly questions arrive, and what is missed by staffing for their mean as if they came like Poisson."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from helpers.queues.erlang import agents_needed, answer_by_erlang_a
from helpers.simulate.support_world import HOURS_A_WEEK

MINUTES_A_WEEK = 7 * 1_440
MONDAY = pd.Timestamp("2018-01-01", tz="UTC")
EDGE_DAYS = 42  # sign-ups ask for four weeks, stragglers for two more: their tail is growth and decline, not unrest
LIMIT = 0.95  # of a Poisson distribution
LEVEL = 0.95
BAND = (0.05, 0.95)  # between which nine days of ten lie
DRAWS = 3  # of a Poisson stream beside the real one
TOLERANCE = 0.05  # a day is short when this much less than the target share is answered in time
HELD_DAYS = 0.9  # share of days on which the dearer plan holds the target


def count_arrivals(asked_at) -> pd.DataFrame:
    """Return how many questions were asked in each hour of whole days, quiet hours included.

    Six weeks at either end are not counted, where questions grow with the first sign-ups and run out with the last,
    unless fewer than three times as many are there.

    Parameters
    ----------
    asked_at : Series of times in UTC, one a question; not empty

    Returns
    -------
    DataFrame: start (UTC), count, slot (hour of the week, Monday 00:00 is 0), minutes (60); rising.
    """
    first, last, edge = asked_at.min(), asked_at.max(), pd.Timedelta(days=EDGE_DAYS)
    if last - first >= 3 * edge:
        first, last = first + edge, last - edge
    start = pd.date_range(first.normalize(), last.normalize() + pd.Timedelta(hours=23), freq="h")
    counts = asked_at.dt.floor("h").value_counts().reindex(start, fill_value=0)
    return slot_arrivals(pd.DataFrame({"start": start, "count": counts.to_numpy()}), 60)


def slot_arrivals(counts, minutes) -> pd.DataFrame:
    """Return counts of intervals with the interval of the week that each belongs to.

    Parameters
    ----------
    counts : DataFrame: start (UTC), count
    minutes : int, length of an interval, which divides an hour

    Returns
    -------
    DataFrame: start, count, slot, minutes.
    """
    since_monday = (counts["start"] - MONDAY) // pd.Timedelta(minutes=1) % MINUTES_A_WEEK
    return counts[["start", "count"]].assign(slot=(since_monday // minutes).astype(int), minutes=minutes)


def sum_hours(counts) -> pd.DataFrame:
    """Return counts by the hour; `covered` is the part of the hour that was counted."""
    hours = counts.groupby(counts["start"].dt.floor("h")).agg(count=("count", "sum"), covered=("minutes", "sum"))
    return slot_arrivals(hours.reset_index(), 60).assign(covered=hours["covered"].to_numpy() / 60)


def rate_hours(counts) -> np.ndarray:
    """Return the mean rate of each hour of the week, 0 where nothing was counted.

    Parameters
    ----------
    counts : DataFrame
        As `slot_arrivals` returns it.

    Returns
    -------
    array, shape (168,), arrivals an hour, Monday 00:00 first.
    """
    slots = sum_hours(counts).groupby("slot")
    return (slots["count"].sum() / slots["covered"].sum()).reindex(range(HOURS_A_WEEK), fill_value=0.0).to_numpy()


def add_means(counts) -> pd.DataFrame:
    """Return each interval with its slot's `mean`, the `gap` to it, and the share of variance `left` by estimating it.

    Slots seen once or without an arrival are left out.
    """
    slots = counts.groupby("slot")["count"]
    table = counts.assign(mean=slots.transform("mean"), n=slots.transform("size"))
    table = table[(table["n"] > 1) & (table["mean"] > 0)]
    return table.assign(gap=table["count"] - table["mean"], left=1 - 1 / table["n"], day=table["start"].dt.normalize())


def estimate_ratio(over, under, days, *, least=-math.inf, most=math.inf) -> dict[str, float]:
    """Return a ratio of two sums with its 95 % interval, days as clusters (linearised, t); nan from one day.

    Parameters
    ----------
    over, under : Series, or a number that stands for all
    days : Series of the same length
    least, most : float, beyond which no end of the interval lies
    """
    sums = pd.DataFrame({"over": over, "under": under}, dtype=float).groupby(days).sum()
    n, total = len(sums), sums["under"].sum()
    with np.errstate(invalid="ignore"):
        ratio = sums["over"].sum() / total
        spread = (sums["over"] - ratio * sums["under"]).std(ddof=1) * math.sqrt(n) / total
    half = stats.t.ppf((1 + LEVEL) / 2, max(n - 1, 1)) * spread
    low, high = np.clip([ratio - half, ratio + half], least, most).tolist()
    return {"value": float(ratio), "ci_low": low, "ci_high": high}


def describe_arrivals(counts) -> pd.DataFrame:
    """Return how unevenly questions arrive beside what a Poisson stream with the same means would show.

    Each interval is compared with the mean of its weekday and time; slots seen once or without a question are left
    out. Means are estimated from the same counts, so that unrest is understated a little.

    Parameters
    ----------
    counts : DataFrame
        As `slot_arrivals` returns it, of two weeks or more.

    Returns
    -------
    DataFrame: measure, value, ci_low, ci_high (95 %, days as clusters), poisson (what a Poisson stream shows), p_value
        (of a Poisson stream varying so much; nan but for the dispersion).
        Measures: `dispersion` (variance over mean within a slot; left out where slots are hours), `dispersion_hours`
        and `dispersion_days` (the same of the counts of hours and of whole days), `above_limit` (share of intervals
        above the Poisson 95 % limit), `lag_1` (correlation of an interval with the next one of its day, both measured
        from their mean).

    References
    ----------
    Avramidis, Deslauriers & L'Ecuyer 2004; Ibrahim, Ye, L'Ecuyer & Shen 2016 (over-dispersion, dependence in a day).
    """
    days = counts.groupby(counts["start"].dt.normalize().rename("start"))["count"].sum().reset_index()
    days = days.assign(slot=days["start"].dt.day_of_week)
    spreads = {"dispersion": counts, "dispersion_hours": sum_hours(counts), "dispersion_days": days}
    if counts["minutes"].iloc[0] == 60:
        del spreads["dispersion"]
    rows = [{"measure": name, "poisson": 1.0, **_disperse(add_means(parts))} for name, parts in spreads.items()]
    table = add_means(counts)
    limit = stats.poisson.ppf(LIMIT, table["mean"])
    above = estimate_ratio(table["count"] > limit, 1.0, table["day"], least=0.0, most=1.0)
    rows.append({"measure": "above_limit", "poisson": stats.poisson.sf(limit, table["mean"]).mean(), **above})
    residual = table["gap"] / np.sqrt(table["mean"] * table["left"])
    following = residual.shift(-1).where(table["day"].shift(-1) == table["day"])
    power = (residual**2 + following**2) / 2
    lag = estimate_ratio((residual * following)[power.notna()], power.dropna(), table["day"][power.notna()])
    return pd.DataFrame([*rows, {"measure": "lag_1", "poisson": 0.0, **lag}])


def _disperse(table):
    square = table["gap"] ** 2 / table["mean"]
    found = estimate_ratio(square / table["left"], 1.0, table["day"], least=0.0)
    return {**found, "p_value": float(stats.chi2.sf(square.sum(), table["left"].sum()))}


def band_arrivals(counts, *, min_cell=1) -> pd.DataFrame:
    """Return how hourly counts spread on weekdays, beside a Poisson stream with the same means.

    Each count is taken relative to the mean of its own weekday and hour, so that a busy Monday is no unrest; hours
    that were counted in part only are left out.

    Parameters
    ----------
    counts : DataFrame
        As `slot_arrivals` returns it.
    min_cell : int
        Hours with fewer questions lose their figures; where none is left, the table is empty.

    Returns
    -------
    DataFrame: time ("07:00"), hour (0 to 23), days (how many), mean (an hour), low, high (between which nine days of
        ten lie), poisson_low, poisson_high (the same of a Poisson stream); Mondays to Fridays.
    """
    hours, rows = sum_hours(counts), []
    table = add_means(hours[hours.groupby("slot")["covered"].transform("min") == 1])
    table = table[table["start"].dt.day_of_week < 5]
    for hour, found in table.groupby(table["start"].dt.hour):
        typical = found["count"].mean()
        low, high = typical * (found["count"] / found["mean"]).quantile(list(BAND)).to_numpy()
        even_low, even_high = (typical * end for end in _find_poisson_ends(found["mean"]))
        figures = {"mean": typical, "low": low, "high": high, "poisson_low": even_low, "poisson_high": even_high}
        if found["count"].sum() < min_cell:
            figures = dict.fromkeys(figures, math.nan)
        rows.append({"time": f"{hour:02d}:00", "hour": int(hour), "days": len(found), **figures})
    bands = pd.DataFrame(rows)
    return bands if len(bands) and bands["mean"].notna().any() else bands.iloc[:0]


def _find_poisson_ends(means):
    """Quantiles of Poisson counts over their own means, mixed over the means of several weekdays."""
    levels, weights = np.unique(means, return_counts=True)
    grids = [np.arange(int(stats.poisson.ppf(0.9999, level)) + 1) for level in levels]
    values = np.concatenate([grid / level for grid, level in zip(grids, levels, strict=True)])
    chances = [w * stats.poisson.pmf(grid, level) for grid, level, w in zip(grids, levels, weights, strict=True)]
    order = np.argsort(values, kind="stable")
    below = np.cumsum(np.concatenate(chances)[order]) / weights.sum()
    return [values[order][np.searchsorted(below, share)] for share in BAND]


def miss_of_poisson(counts, promise, *, seed) -> pd.DataFrame:
    """Return what staffing for the mean of each hour of the week misses, and what holding the target would take.

    The rule: each hour of the week gets the agents that Erlang A asks for at its mean rate. How they answer is then
    read, again from Erlang A, at the rate that really came in that hour. A Poisson stream with the same means, drawn
    and read in the same way, falls short at times too; what the real one does worse is what the rule misses.

    Parameters
    ----------
    counts : DataFrame
        As `slot_arrivals` returns it, of two weeks or more.
    promise : Promise
    seed : int, of the Poisson stream

    Returns
    -------
    DataFrame: measure, value, ci_low, ci_high (days as clusters; nan for agent hours), poisson.
        Measures: `within` (share of all who ask, answered within the target), `days_short` (share of days on which that
        is more than 5 points below the target share), `agent_hours_rule` (a week, by the rule), `agent_hours_held`
        (with agents for the count of each hour that 90 % of its days stay below).
    """
    hours = add_means(sum_hours(counts))
    agents = [agents_needed(rate, promise) for rate in (hours["mean"] / hours["covered"]).tolist()]

    def read(count):
        pairs = zip((count / hours["covered"]).tolist(), agents, strict=True)
        within = [answer_by_erlang_a(*pair, promise).share_within for pair in pairs]
        return hours.assign(count=count, within=count * within)

    rng = np.random.default_rng(seed)
    even = pd.concat([read(rng.poisson(hours["mean"])) for _ in range(DRAWS)])
    real, even = (_judge_days(table, promise) for table in (read(hours["count"]), even))
    slots = hours.groupby("slot")
    mean, covered = slots["mean"].first(), slots["covered"].mean()
    busy = slots["count"].quantile(HELD_DAYS, interpolation="higher")
    rule, held, held_even = (
        sum(agents_needed(rate, promise) * part for rate, part in zip((count / covered).tolist(), covered, strict=True))
        for count in (mean, busy, stats.poisson.ppf(HELD_DAYS, mean))
    )
    rows = [{"measure": name, **found, "poisson": even[name]["value"]} for name, found in real.items()]
    rows.append({"measure": "agent_hours_rule", "value": rule, "poisson": rule})
    return pd.DataFrame([*rows, {"measure": "agent_hours_held", "value": held, "poisson": held_even}])


def _judge_days(hours, promise):
    """The share of questions answered within the target, and of days on which it is clearly below the target share."""
    days = hours.groupby("day")[["count", "within"]].sum()
    missed = days["within"] < (promise.target_share - TOLERANCE) * days["count"]
    share = {"least": 0.0, "most": 1.0}
    return {
        "within": estimate_ratio(days["within"], days["count"], days.index, **share),
        "days_short": estimate_ratio(missed, 1.0, days.index, **share),
    }
