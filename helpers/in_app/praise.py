"""Praise by the minutes to a reply: a curve, a line or a slope, and how far the queue alone moves it."""

import math

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from helpers.in_app.samples import instrument
from helpers.inference.associations import fit_logit
from helpers.milestones import thresholds

LEAST = 100  # replies from which a curve is drawn and a line looked for
MARKS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440)
NEAR = math.sqrt(2)  # replies within this factor of a place on the curve stand behind it
HOURS = 4  # of a block
READINGS = ("as it is", "at equal topic and hour", "moved by the queue")


def make_reply_controls(replies: pd.DataFrame) -> np.ndarray:
    """Return indicators of topic and of block of four hours, one row a reply; the first level of each is left out.

    Parameters
    ----------
    replies : DataFrame, one row a reply: `topic`, `hour` (0 to 23)
    """
    parts = [replies["topic"].astype(str), (replies["hour"] // HOURS).astype(int).astype(str)]
    return np.hstack([pd.get_dummies(part, drop_first=True, dtype=float).to_numpy() for part in parts])


def can_read(replies: pd.DataFrame) -> bool:
    """Return whether praise can be read by minutes: enough replies, of which not all are alike."""
    return len(replies) >= LEAST and all(np.ptp(replies[name].astype(float)) > 0 for name in ("kudos", "minutes"))


def trace_praise(replies: pd.DataFrame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return the share of replies that are praised by minutes, at the topics and hours of all of them, with a band.

    A logistic natural spline of log minutes beside topic and hour, standardised to all replies; the band is for each
    place by itself, by the delta method with a variance that is robust to clusters.

    Parameters
    ----------
    replies : DataFrame, one row a reply: `minutes`, `kudos` (bool), `topic`, `hour`, `unit`
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row a place: `minutes`, `share`, `ci_low`, `ci_high`, `n` and `praised` (replies within a factor of
        1.4 of it). Places beyond what 5 % of the replies reach on either side are left out.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, section 2.4.6; Robins 1986 (standardising); Liang & Zeger 1986.
    """
    minutes, y = replies["minutes"].to_numpy(float), replies["kudos"].to_numpy(float)
    knots, controls = thresholds.find_knots(minutes), make_reply_controls(replies)
    one = np.ones((len(y), 1))
    x = np.hstack([one, thresholds.build_spline(minutes, knots), controls])
    beta, bread = fit_logit(x, y)
    _, place = np.unique(replies["unit"], return_inverse=True)
    rest = (y - expit(x @ beta))[:, None] * x
    sums = np.column_stack([np.bincount(place, column) for column in rest.T])
    covariance = len(sums) / (len(sums) - 1) * bread @ (sums.T @ sums) @ bread
    low, high = np.quantile(minutes, [0.05, 0.95])
    z, rows = norm.isf((1 - confidence_level) / 2), []
    for mark in (mark for mark in MARKS if low <= mark <= high):
        at = np.hstack([one, np.repeat(thresholds.build_spline([mark], knots), len(y), axis=0), controls])
        chance = expit(at @ beta)
        slope = (chance * (1 - chance)) @ at / len(y)
        share, near = float(chance.mean()), (minutes >= mark / NEAR) & (minutes <= mark * NEAR)
        reach = z * math.sqrt(slope @ covariance @ slope) / (share * (1 - share))  # on the scale of log odds
        odds = math.log(share / (1 - share))
        ends = {"ci_low": float(expit(odds - reach)), "ci_high": float(expit(odds + reach))}
        rows.append({"minutes": mark, "share": share, **ends, "n": int(near.sum()), "praised": int(y[near].sum())})
    return pd.DataFrame(rows)


def judge_line(replies: pd.DataFrame, *, seed, n_resamples, folds, confidence_level=0.95) -> pd.DataFrame:
    """Return whether praise falls at a line of minutes or along a slope, by the rule that milestones are judged by.

    A line or a curve is called only where it clearly does better than the other on replies that neither was fitted to.

    Parameters
    ----------
    replies : DataFrame, as for `trace_praise`
    seed, n_resamples : int, of folds and of the permutation test of the best of all lines
    folds : int
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row: `n`, `shape` (step, smooth, none, undecided), `cut` (replies from so many minutes on are the
        later ones, at the best line), `lines` (that do as well, in words), `p` (of the best of all lines), `loss_none`,
        `loss_step`, `loss_smooth` (out of sample), `gap` (step minus smooth) with `gap_low` and `gap_high`, `reason`.

    References
    ----------
    Hothorn & Lausen 2003; Breiman et al. 1984, section 3.4.3: see `helpers.milestones.thresholds`.
    """
    minutes, y = replies["minutes"].to_numpy(float), replies["kudos"].to_numpy(float)
    controls, cuts = make_reply_controls(replies), thresholds.find_cuts(minutes)
    if not len(cuts):
        return pd.DataFrame([{"n": len(y), "shape": "undecided", "reason": "no line divides the replies"}])
    first, second = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    scan, level = thresholds.Scan(minutes, y, controls, cuts), {"confidence_level": confidence_level}
    losses, by_cut, _ = thresholds.compare_shapes(minutes, y, controls, cuts, folds=folds, rng=first)
    p = scan.permute(n_resamples=n_resamples, rng=second)
    row = {"n": len(y), "shape": thresholds.name_shape(losses, p_value=p, **level), "cut": scan.cut, "p": p}
    row |= {"lines": thresholds.list_runs(cuts, thresholds.find_set(by_cut))}
    row |= dict(
        zip(("loss_none", "loss_step", "loss_smooth"), losses.mean()[["constant", "step", "smooth"]], strict=True)
    )
    gap = thresholds.measure_gap(losses["step"], losses["smooth"], **level)
    return pd.DataFrame([row | dict(zip(("gap", "gap_low", "gap_high"), gap, strict=True)) | {"reason": None}])


def compare_speeds(replies: pd.DataFrame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return how much more praise goes with half the wait: as it is, at equal topic and hour, moved by the queue.

    The queue at the moment of asking is an instrument if, within topics and hours, it changes praise through the wait
    alone: not if agents are curt on busy days, nor if outages bring both long queues and angry users.

    Parameters
    ----------
    replies : DataFrame, as for `trace_praise`, and `load` (tickets that waited; nan where unknown)
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row a reading: `reading`, `halving` (share praised, for half the wait) with `ci_low` and `ci_high`
        (Anderson-Rubin for the queue), `p`, `first_stage` (F), `n`, `praised`, `reason`. Without loads the last row
        is missing.

    References
    ----------
    Anderson & Rubin 1949; Angrist & Imbens 1995, Journal of the American Statistical Association 90: 431-442 (a dose).
    """
    y, wait = replies["kudos"].to_numpy(float), -np.log2(replies["minutes"].to_numpy(float).clip(1))
    controls, load = make_reply_controls(replies), np.log1p(replies["load"].to_numpy(float))
    known, none = ~np.isnan(load), np.zeros((len(y), 0))
    readings = [(wait, none, np.ones(len(y), bool)), (wait, controls, np.ones(len(y), bool)), (load, controls, known)]
    rows = []
    for name, (moved_by, beside, held) in zip(READINGS, readings, strict=True):
        if held.sum() < LEAST or np.ptp(moved_by[held]) == 0:
            continue
        dose = wait[held]
        by = dose if moved_by is wait else moved_by[held]
        users, level = replies["unit"].to_numpy()[held], {"confidence_level": confidence_level}
        found, strength = instrument(y[held], dose, by, beside[held], users, **level)
        row = {"reading": name, "halving": found.estimate, "ci_low": found.ci_low, "ci_high": found.ci_high}
        row |= {"p": found.p_value, "first_stage": math.nan if by is dose else strength, "n": int(held.sum())}
        rows.append({**row, "praised": int(y[held].sum()), "reason": found.reason})
    return pd.DataFrame(rows)
