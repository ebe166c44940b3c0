"""Whether a line of so much use a seat asks the same of small and large accounts, and a line that does."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from helpers.inference import risk_difference
from helpers.survival import wilson_interval

STARTS = (1, 2, 4, 8, 16)
LEAST_ROWS, STEPS, CLOSE = 100, 50, 1e-9
PER_SEAT, EXPECTED = "per seat", "expected for the size"
BANDS = ("band", "n", "line", "n_pass", "pass_rate", "pass_low", "pass_high", "share_pass", "share_fail", "gap",
         "gap_low", "gap_high")  # fmt: skip


def study_size(frame: pd.DataFrame, design) -> dict[str, pd.DataFrame]:
    """Return how use grows with seats, and whom the per-seat line passes, by size, beside a line that knows the size.

    With an elasticity below one, use a seat falls as accounts grow, and one line a seat favours small accounts. The
    other line asks for a multiple of what accounts of that many seats use on average, chosen so that it passes the
    same share of all accounts.

    Parameters
    ----------
    frame : DataFrame, one row an account
        `events_in_period` (0 or more), `seats` (at the start of the period; rows without are left out), `usage`,
        `retained`, `tier`.
    design : FrameworkPlan

    Returns
    -------
    dict: none where the plan names no usage; else
        size_elasticity: one row: n, elasticity, ci_low, ci_high, p_one (two-sided, of 1), elasticity_tier with
        tier_low and tier_high (among accounts of one plan tier), reason.
        size_bands: band, n, line, n_pass, pass_rate with pass_low, pass_high (Wilson), share_pass and share_fail (kept
        among those that pass and those that do not), gap (pass - fail, Miettinen and Nurminen) with gap_low, gap_high;
        no rows where the plan gives no line a seat.
    """
    if design.usage is None:
        return {}
    known = (frame["seats"] > 0) & frame["events_in_period"].notna() & frame["retained"].notna()
    rows = frame[known].reset_index(drop=True)
    events, seats = rows["events_in_period"].to_numpy(float), rows["seats"].to_numpy(float)
    found, intercept = measure_elasticity(events, seats, confidence_level=design.confidence_level)
    tiers = pd.get_dummies(rows["tier"], drop_first=True, dtype=float).to_numpy()
    within, _ = measure_elasticity(events, seats, tiers, confidence_level=design.confidence_level)
    row = {**found, "elasticity_tier": within["elasticity"], "tier_low": within["ci_low"],
           "tier_high": within["ci_high"]}  # fmt: skip
    row["reason"] = row.pop("reason")
    bands = pd.DataFrame(columns=BANDS)
    if design.usage.at_least is not None and len(rows):
        bands = _list_bands(rows, seats, _draw_lines(events, seats, row, intercept, design), design)
    return {"size_elasticity": pd.DataFrame([row]), "size_bands": bands}


def measure_elasticity(events, seats, tiers=None, *, confidence_level: float = 0.95) -> tuple[dict, float]:
    """Return the elasticity of the mean number of events to seats: 0.7 means 10 % more seats go with 7 % more events.

    Poisson quasi-likelihood with a log link: right for any distribution whose mean is a power of the seats, with
    accounts that have no events kept. (A line through the logs leaves them out, and is biased by what varies.)

    Parameters
    ----------
    events, seats : array, shape (n,); seats above 0
    tiers : array, shape (n, k), optional, indicators of plan tiers to hold fixed
    confidence_level : float

    Returns
    -------
    tuple: dict of n, elasticity, ci_low, ci_high, p_one (of 1), reason, and the intercept (log of the events at one
        seat). nan with a reason for fewer than 100 accounts (intervals are too narrow then), no events, or one number
        of seats.

    References
    ----------
    Gourieroux, Monfort & Trognon 1984, Econometrica 52: 701-720 (consistent whatever the distribution); Santos Silva &
    Tenreyro 2006, Review of Economics and Statistics 88: 641-658 (why not logs); MacKinnon & White 1985, Journal of
    Econometrics 29: 305-325 (HC3, here with t of n - k degrees of freedom).
    """
    events, logs = np.asarray(events, float), np.log(np.asarray(seats, float))
    blank = {"n": len(events), "elasticity": math.nan, "ci_low": math.nan, "ci_high": math.nan, "p_one": math.nan}
    if reason := _refuse(events, logs):
        return {**blank, "reason": reason}, math.nan
    x = np.column_stack([np.ones(len(logs)), logs, *([] if tiers is None else [_keep_used(tiers, events)])])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return {**blank, "reason": "the plan tier fixes the number of seats"}, math.nan
    slopes, error = _fit_poisson(x, events)
    df = len(x) - x.shape[1]
    reach = t.isf((1 - confidence_level) / 2, df) * error
    p = 2 * t.sf(abs(slopes[1] - 1) / error, df)
    found = {"elasticity": float(slopes[1]), "ci_low": float(slopes[1] - reach), "ci_high": float(slopes[1] + reach)}
    return {**blank, **found, "p_one": float(p), "reason": None}, float(slopes[0])


def _refuse(events, logs):
    if len(events) < LEAST_ROWS:
        return f"fewer than {LEAST_ROWS} accounts with a known number of seats"
    if events.sum() == 0:
        return "no account has an event in the period"
    return "all accounts have the same number of seats" if np.ptp(logs) == 0 else None


def _keep_used(tiers, events):
    """Tiers without any event have no finite slope; they join the level that no indicator stands for."""
    tiers = np.asarray(tiers, float)
    return tiers[:, [events[column > 0].sum() > 0 for column in tiers.T]]


def _fit_poisson(x, events):
    """Slopes of a log-linear mean by Newton's method with capped steps, and the sandwich error of the second one."""
    slopes = np.zeros(x.shape[1])
    slopes[0] = np.log(events.mean())
    for _ in range(STEPS):
        mean = np.exp(x @ slopes)
        step = np.linalg.solve((x * mean[:, None]).T @ x, x.T @ (events - mean))
        slopes = slopes + step * min(1.0, 1 / max(np.abs(step).max(), 1.0))
        if np.abs(step).max() < CLOSE:
            break
    mean = np.exp(x @ slopes)
    bread = np.linalg.inv((x * mean[:, None]).T @ x)
    room = 1 - mean * np.einsum("ij,jk,ik->i", x, bread, x)
    rest = np.where(room > 1e-8, (events - mean) / np.maximum(room, 1e-8), 0.0)  # 0: fitted by itself alone
    meat = (x * (rest**2)[:, None]).T @ x
    return slopes, float(np.sqrt((bread @ meat @ bread)[1, 1]))


def _draw_lines(events, seats, row, intercept, design):
    """Who passes each line; the second one's multiple is the one that passes most nearly as many accounts."""
    per_seat = events / seats >= design.usage.at_least
    if math.isnan(row["elasticity"]):
        return {PER_SEAT: per_seat}
    ratio = events / np.exp(intercept + row["elasticity"] * np.log(seats))
    levels, numbers = np.unique(ratio, return_counts=True)
    passing = np.append(numbers[::-1].cumsum()[::-1], 0)
    multiple = np.append(levels, math.inf)[np.abs(passing - per_seat.sum()).argmin()]
    return {PER_SEAT: per_seat, EXPECTED: ratio >= multiple}


def _list_bands(rows, seats, lines, design):
    kept = rows["retained"].to_numpy(float)
    bands = split_bands(seats, least=2 * design.min_cell)
    found = []
    for line, passes in lines.items():
        for name, inside in bands:
            counts = passes[inside].sum(), inside.sum(), kept[inside & passes].sum(), kept[inside & ~passes].sum()
            found.append({"band": name, "line": line, **_read_band(*map(int, counts), design)})
    return pd.DataFrame(found, columns=BANDS)


def _read_band(passed, n, kept_pass, kept_fail, design):
    """Pass rate and gap of one band, from counts."""
    low, high = wilson_interval(passed / n, n, norm.isf(design.alpha / 2))
    gap = risk_difference(kept_pass, passed, kept_fail, n - passed, confidence_level=design.confidence_level)
    return {
        "n": n, "n_pass": passed, "pass_rate": passed / n, "pass_low": float(low), "pass_high": float(high),
        "share_pass": gap.treatment_value, "share_fail": gap.control_value,
        "gap": gap.estimate, "gap_low": gap.ci_low, "gap_high": gap.ci_high,
    }  # fmt: skip


def split_bands(seats, *, least: int) -> list[tuple[str, np.ndarray]]:
    """Return bands of seats (1, 2-3, 4-7, 8-15, 16 and more), small ones joined with the next larger one.

    Parameters
    ----------
    seats : array, shape (n,), above 0
    least : int, accounts that a band must hold; what is left at the top joins the band below it

    Returns
    -------
    list of (name, array of bool), from small to large.

    Examples
    --------
    >>> [(name, int(inside.sum())) for name, inside in split_bands([1, 1, 2, 3, 9, 40], least=2)]
    [('1 seat', 2), ('2-3 seats', 2), ('4+ seats', 2)]
    """
    seats = np.asarray(seats, float)
    starts, low = [], -math.inf
    for at, after in zip(STARTS, [*STARTS[1:], math.inf], strict=True):
        low = at if low == -math.inf else low
        if ((seats >= (low if starts else 0)) & (seats < after)).sum() >= least:
            starts, low = [*starts, low], after
    starts = starts or [STARTS[0]]
    ends = [*starts[1:], math.inf]
    return [(_name_band(a, b), (seats >= (0 if a == starts[0] else a)) & (seats < b))
            for a, b in zip(starts, ends, strict=True)]  # fmt: skip


def _name_band(low, after):
    if after == math.inf:
        return f"{low}+ seats"
    if after - low == 1:
        return "1 seat" if low == 1 else f"{low} seats"
    return f"{low}-{after - 1} seats"
