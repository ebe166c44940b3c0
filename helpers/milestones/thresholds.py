"""Is there a number of activations that marks customers who stay? The best cut, judged without having been chosen."""

import itertools
import math

import numpy as np
import pandas as pd

from helpers.milestones import adjusted
from helpers.milestones.adjusted import SIDES, adjusted_difference, make_controls
from helpers.milestones.cuts import Scan, bound_p_value, find_cuts
from helpers.milestones.shapes import (
    compare_shapes,
    find_set,
    list_runs,
    measure_gap,
    name_shape,
    split_folds,
    tell_gap,
    trace_shapes,
)
from helpers.records import Effect, Test

LEAST_SHARE, FIRST_FOLDS, LEAST_ROWS = 0.1, 0.2, 100
MOST_BINS, SHOWN = 15, 0.05
FEW = f"fewer than {LEAST_ROWS} accounts, so no threshold is looked for"
NO_CUT = "no count divides the accounts so that each side holds at least 10 % of them"
ALIKE = "all accounts have the same outcome"
TOO_IMPRECISE = "too imprecise"
ROW = (
    *("n", "cut", "cut_low", "cut_high", "lines", "statistic", "p_lausen_schumacher", "p_permutation"),
    *("naive_difference", "difference", "ci_low", "ci_high", "loss_constant", "loss_step", "loss_smooth", "loss_gap"),
    *("loss_gap_low", "loss_gap_high", "shape", "planned", "planned_difference", "planned_low", "planned_high"),
    *("newest_cohort", "n_newest", "newest_difference", "newest_low", "newest_high", "confirmed", *SIDES),
    "reason",
)


def study_threshold(frame: pd.DataFrame, design, *, seed: int, n_resamples: int, folds: int = 10, planned=None):
    """Return whether some number of activations marks accounts that stay, and how sure that number is.

    The p-values are of the best of all cuts. The difference beside them is measured on accounts that had no part in
    choosing the cut: folds are opened one after the other, and each is cut where those before it say (a chain of
    martingale differences, whose interval holds even where there is no cut to find). Its target is the difference at
    the cuts so chosen.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the landmark and followed to its horizon
        `count`, `retained`, `tier`, `size`, `cohort`. Rows without a known outcome are left out.
    design : FrameworkPlan
    seed, n_resamples : int, of the permutation test
    folds : int, of the comparison out of sample
    planned : Estimate or Effect, optional
        The adjusted difference at the plan's own line, where it is known already.

    Returns
    -------
    tuple: list of Test (the maximally selected statistic, by inequality and by permutation), and tables
        `activation_counts`, `activation_curves`, `cuts` (raw differences) and `threshold` (adjusted ones: at the best
        cut on all accounts, `naive_difference`, and unchosen; `lines` are the cuts that fit as well as the best). No
        tests and no tables where the plan names no activation. `cuts` and `threshold` (of its newest accounts) carry
        the counts of `count_sides`, which disclosure checks and drops. Where nothing can be said, `threshold` is nan
        with a reason.

    References
    ----------
    Luedtke & van der Laan 2016, Annals of Statistics 44: 713-742 (the interval of a target that the data chose);
    Altman et al. 1994, Journal of the National Cancer Institute 86: 829-835 (why the best cut misleads).
    """
    if design.activation is None:
        return [], {}
    frame = frame[frame["retained"].notna()].reset_index(drop=True)
    counts, outcome = frame["count"].to_numpy(float), frame["retained"].to_numpy(float)
    bins, cuts = count_kept(counts, outcome, design), find_cuts(counts)
    row, line = {"n": len(frame)}, design.activation.at_least
    planned = Effect() if line is None else planned or _compare(frame, line, design)
    row |= {"planned": math.nan if line is None else float(line), **adjusted.tell_effect(planned, "planned")}
    if reason := _find_obstacle(outcome, cuts):
        row |= {"lines": "", "shape": "undecided", "newest_cohort": "", "n_newest": 0, "confirmed": TOO_IMPRECISE}
        row |= {"reason": reason, **dict.fromkeys(SIDES, 0)}
        empty = {"activation_curves": pd.DataFrame(columns=["count", "share_smooth", "share_step"])}
        empty["cuts"] = pd.DataFrame(columns=["cut", "difference", "statistic", "in_set", "chosen"])
        return [], {"activation_counts": bins, **empty, "threshold": pd.DataFrame([row], columns=ROW)}
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)]
    controls, level = make_controls(frame), {"confidence_level": design.confidence_level}
    scan = Scan(counts, outcome, controls, cuts)
    losses = compare_shapes(counts, outcome, controls, cuts, folds=folds, rng=streams[0])
    bound = bound_p_value(scan.statistic, scan.correlation)
    permuted = scan.permute(n_resamples=n_resamples, rng=streams[1])
    honest = measure_unchosen(counts, outcome, controls, cuts, folds=folds, rng=streams[2], **level)
    table = _list_cuts(counts, outcome, scan, losses)
    held = table.loc[table["in_set"], "cut"]
    row |= {"cut": scan.cut, "cut_low": float(held.min()), "cut_high": float(held.max())}
    row |= {"lines": list_runs(cuts, table["in_set"]), "statistic": scan.statistic, **adjusted.tell_effect(honest)}
    row |= {"p_lausen_schumacher": bound, "p_permutation": permuted}
    row |= {"naive_difference": _compare(frame, scan.cut, design).estimate}
    row |= _read_shape(losses, permuted, level) | _confirm(frame, design)
    curves = trace_shapes(counts, outcome, scan.cut, highest=find_highest(counts, design))
    tables = {"activation_counts": bins, "activation_curves": pd.DataFrame(curves), "cuts": table}
    tests = [
        Test(f"best_cut:retained:{key}", "retained", f"maximally selected statistic, {name}", scan.statistic, None, p)
        for key, name, p in (
            ("p_lausen_schumacher", "improved Bonferroni", bound),
            ("p_permutation", "permutation", permuted),
        )
    ]
    return tests, tables | {"threshold": pd.DataFrame([row], columns=ROW)}


def _find_obstacle(outcome, cuts):
    if len(outcome) < LEAST_ROWS:
        return FEW
    if len(cuts) == 0:
        return NO_CUT
    return ALIKE if np.ptp(outcome) == 0 else None


def _compare(frame, cut, design):
    reached, outcome = frame["count"].to_numpy(float) >= cut, frame["retained"].to_numpy(float)
    return adjusted_difference(reached, outcome, make_controls(frame), confidence_level=design.confidence_level)


def _list_cuts(counts, outcome, scan, losses):
    """One row a cut: the raw difference in shares, its statistic, whether it is in the set, folds that chose it."""
    sides = pd.DataFrame([adjusted.count_sides(counts >= cut, outcome) for cut in scan.cuts])
    difference = sides["kept_with"] / sides["n_with"] - sides["kept_without"] / sides["n_without"]
    found = {"cut": scan.cuts, "difference": difference, "statistic": scan.standardised, "in_set": find_set(losses)}
    found["chosen"] = np.bincount(losses.chosen, minlength=len(scan.cuts))
    return pd.DataFrame(found).join(sides)


def _read_shape(losses, p_value, level):
    means = {f"loss_{name}": float(getattr(losses, name).mean()) for name in ("constant", "step", "smooth")}
    gap = measure_gap(losses.step, losses.smooth, **level)
    return means | tell_gap(gap) | {"shape": name_shape(losses, p_value=p_value, **level)}


def _confirm(frame, design):
    """The cut that older cohorts choose, on the newest ones, which hold at least a tenth of the accounts."""
    newest, name = split_newest(frame["cohort"])
    row = {"newest_cohort": name, "n_newest": int(newest.sum()), "confirmed": TOO_IMPRECISE} | dict.fromkeys(SIDES, 0)
    old = frame[~newest]
    counts, outcome = (old[column].to_numpy(float) for column in ("count", "retained"))
    cuts = find_cuts(counts)
    if _find_obstacle(outcome, cuts):
        return row
    cut = Scan(counts, outcome, make_controls(old), cuts).cut
    older, found = _compare(old, cut, design), _compare(frame[newest], cut, design)
    sides = adjusted.count_sides(frame.loc[newest, "count"] >= cut, frame.loc[newest, "retained"])
    return row | adjusted.tell_effect(found, "newest") | {"confirmed": judge_confirmation(older, found)} | sides


def split_newest(cohorts: pd.Series) -> tuple[np.ndarray, str]:
    """Return which accounts belong to the newest cohorts: the fewest that hold a tenth of all, and not every cohort.

    Parameters
    ----------
    cohorts : Series of text that sorts by time

    Returns
    -------
    tuple: array of bool, and their name ("2022-Q4", or "2022-Q3 to 2022-Q4"); none and "" for a single cohort.
    """
    names = sorted(cohorts.unique())
    for first in reversed(names[1:]):
        newest = (cohorts >= first).to_numpy(bool)
        if newest.mean() >= LEAST_SHARE:
            return newest, " to ".join(dict.fromkeys((first, names[-1])))
    return np.zeros(len(cohorts), bool), ""


def judge_confirmation(older: Effect, newest: Effect) -> str:
    """Return whether newer accounts confirm what older ones showed at the cut that the older ones chose.

    Parameters
    ----------
    older, newest : Effect, differences at that cut

    Returns
    -------
    str: "confirmed" (the interval of the newest excludes 0 on the same side), "not confirmed" (it does not, and the
        two differences lie further apart than their intervals together allow), else "too imprecise".
    """
    if math.isnan(newest.ci_low) or math.isnan(older.estimate):
        return TOO_IMPRECISE
    if (newest.ci_low > 0) if older.estimate >= 0 else (newest.ci_high < 0):
        return "confirmed"
    now, before = ((effect.estimate, effect.ci_low, effect.ci_high) for effect in (newest, older))
    return "not confirmed" if adjusted.rules_out(now, before) else TOO_IMPRECISE


def measure_unchosen(counts, outcome, controls, cuts, *, folds: int, rng, confidence_level: float) -> Effect:
    """Return the adjusted difference at the best cut, from accounts that had no part in choosing it.

    The first fifth of the folds only chooses; each later fold is cut where all folds before it say.

    Parameters
    ----------
    counts, outcome, controls, cuts : as for `Scan`
    folds : int
    rng : numpy Generator
    confidence_level : float

    Returns
    -------
    Effect: as `adjusted_difference` gives it.

    References
    ----------
    Luedtke & van der Laan 2016, section 4. Cutting each fold where all others say looks alike and covers too seldom
    when there is no cut to find: the folds' errors then go together through the shared choice.
    """
    fold, reached = split_folds(len(counts), folds, rng), np.full(len(counts), np.nan)
    for k in range(max(1, round(FIRST_FOLDS * folds)), folds):
        before, now = fold < k, fold == k
        if np.ptp(outcome[before]) > 0:
            reached[now] = counts[now] >= Scan(counts[before], outcome[before], controls[before], cuts).cut
    return adjusted_difference(reached, outcome, controls, confidence_level=confidence_level)


def count_kept(counts, outcome, design) -> pd.DataFrame:
    """Return the share kept by count, in at most 15 bins of about equal size, each of at least 2 x min_cell accounts.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
    design : FrameworkPlan

    Returns
    -------
    DataFrame: count_low, count_high, open, n, kept, share, ci_low, ci_high (Wilson). The last bin is open: its
        count_high is the highest count to show (`find_highest`). A bin closes once it holds enough, and what is left
        joins the last one.
    """
    counts, outcome = np.asarray(counts, float), np.asarray(outcome, float)
    least = max(2 * design.min_cell, math.ceil(len(counts) / MOST_BINS))
    edges, held = [], math.inf
    for value, number in zip(*np.unique(counts, return_counts=True), strict=True):
        if held >= least:
            edges, held = [*edges, value], 0
        held += number
    edges = edges[:-1] if held < least and len(edges) > 1 else edges
    rows = []
    for low, after in itertools.pairwise([*edges, math.inf]):
        inside, is_last = (counts >= low) & (counts < after), after == math.inf
        high = max(find_highest(counts, design), low) if is_last else after - 1
        n, kept = int(inside.sum()), int(outcome[inside].sum())
        row = {"count_low": int(low), "count_high": int(high), "open": is_last, "n": n, "kept": kept}
        rows.append(row | adjusted.read_share(kept, n, design))
    return pd.DataFrame(rows, columns=["count_low", "count_high", "open", "n", "kept", "share", "ci_low", "ci_high"])


def find_highest(counts, design) -> float:
    """Return the highest count to show: that at least 5 % of accounts reach, and at least min_cell of them.

    The largest of all would be one account's own, and stretch every axis.

    Parameters
    ----------
    counts : array, shape (n,)
    design : FrameworkPlan

    Returns
    -------
    float: the lowest count where there are fewer accounts than min_cell; nan without any.
    """
    least = max(design.min_cell, math.ceil(SHOWN * len(counts)))
    return float(np.sort(counts)[-min(least, len(counts))]) if len(counts) else math.nan
